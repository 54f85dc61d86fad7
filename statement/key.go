package statement

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Key is a public ECDSA key on P-256 as statements name it: SubjectPublicKeyInfo in DER, which stands in leaves and, as base64, in trust
// statements. The zero value is no key.
type Key struct {
	public *ecdsa.PublicKey
	spki   []byte
	id     string
}

// KeyID returns the DSSE keyid of a key, given as SubjectPublicKeyInfo in DER: the fingerprint that OpenSSH shows of it, "SHA256:" and
// unpadded base64. It is the one name of a key that other implementations of DSSE (securesystemslib's, in cosign) accept beside none.
// Bytes that are no key on P-256 get a name too, which is that of no key.
func KeyID(spki []byte) string {
	const point = 65 // uncompressed, at the end
	wire := spki
	if len(spki) > point {
		wire = nil
		for _, part := range [][]byte{[]byte("ecdsa-sha2-nistp256"), []byte("nistp256"), spki[len(spki)-point:]} { // RFC 5656 section 3.1
			wire = binary.BigEndian.AppendUint32(wire, uint32(len(part)))
			wire = append(wire, part...)
		}
	}
	sum := sha256.Sum256(wire)
	return keyIDPrefix + base64.RawStdEncoding.EncodeToString(sum[:])
}

const keyIDPrefix = "SHA256:"

// checkKeyID wants a text that KeyID could have returned.
func checkKeyID(s string) error {
	text, ok := strings.CutPrefix(s, keyIDPrefix)
	b, err := base64.RawStdEncoding.DecodeString(text)
	if !ok || err != nil || len(b) != sha256.Size || base64.RawStdEncoding.EncodeToString(b) != text {
		return fmt.Errorf("%w: the keyid %q is not the SHA-256 fingerprint of a key", ErrForm, shorten(s))
	}
	return nil
}

// MarshalKey returns the SubjectPublicKeyInfo (DER, RFC 5480) of a key on P-256.
func MarshalKey(public *ecdsa.PublicKey) ([]byte, error) {
	if public.Curve != elliptic.P256() {
		return nil, errors.New("encoding a key: its curve is not P-256")
	}
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	return spki, nil
}

// NewKey takes the public half of a key pair.
func NewKey(public *ecdsa.PublicKey) (*Key, error) {
	spki, err := MarshalKey(public)
	if err != nil {
		return nil, err
	}
	return &Key{public, spki, KeyID(spki)}, nil
}

// ParseKey reads a SubjectPublicKeyInfo in DER and refuses other curves, compressed points and whatever would encode differently.
func ParseKey(spki []byte) (*Key, error) {
	k, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		return nil, fmt.Errorf("reading a key: %w", err)
	}
	public, ok := k.(*ecdsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("reading a key: it is a %T, not ECDSA", k)
	}
	key, err := NewKey(public)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(key.spki, spki) {
		return nil, fmt.Errorf("reading a key: %w", ErrForm)
	}
	return key, nil
}

// ParseKeyText reads the base64 (RFC 4648 section 4, padded) of a SubjectPublicKeyInfo.
func ParseKeyText(s string) (*Key, error) {
	spki, err := base64.StdEncoding.DecodeString(s)
	if err != nil || base64.StdEncoding.EncodeToString(spki) != s {
		return nil, fmt.Errorf("reading a key: %w: it is not base64", ErrForm)
	}
	return ParseKey(spki)
}

// ID returns the DSSE keyid.
func (k *Key) ID() string { return k.id }

// SPKI returns the key in DER; the caller must not change it.
func (k *Key) SPKI() []byte { return k.spki }

// Public returns the key for package crypto/ecdsa.
func (k *Key) Public() *ecdsa.PublicKey { return k.public }

// String returns the base64 that ParseKeyText reads.
func (k *Key) String() string { return base64.StdEncoding.EncodeToString(k.spki) }
