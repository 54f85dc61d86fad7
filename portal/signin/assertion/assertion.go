// Package assertion checks, offline and with the standard library alone, that a passkey signed given bytes: a WebAuthn assertion whose challenge is
// SHA-256 of the bytes. Nothing of the lab is needed, but for the key, which must be known to be the signer's from elsewhere: an assertion carries
// its key so that it can be compared, not so that it can be believed.
//
// What it proves: who holds the key made a signature, with user verification, in a browser that showed the lab's origin. What it does not prove: that
// the person saw the bytes. A browser shows the name of the site and not the challenge; a lab that lies could have somebody who wants to sign in sign
// a statement instead. That is the difference to a signature by key on the command line, and why receipts say which of the two it was.
package assertion

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Assertion is what an authenticator answered, and the key that it answered with. In JSON, bytes are in standard base64.
type Assertion struct {
	AuthenticatorData []byte `json:"authenticatorData"`
	ClientDataJSON    []byte `json:"clientDataJSON"`
	Credential        []byte `json:"credential"` // the passkey's id: not signed, a hint for finding the key
	Key               []byte `json:"key"`        // SubjectPublicKeyInfo in DER: ECDSA on P-256, or Ed25519
	Signature         []byte `json:"signature"`  // for ECDSA an ASN.1 sequence
}

// Errors that can be asked for with errors.Is.
var (
	ErrForm      = errors.New("not a well-formed assertion")  // of JSON, of a part, or of the key
	ErrMismatch  = errors.New("the assertion is for another") // statement, site or origin, or of another kind
	ErrUser      = errors.New("the user was not verified")    // or not present
	ErrSignature = errors.New("the signature does not hold")
)

// Bounds, in bytes. An authenticator data is 37 bytes without extensions.
const (
	maxJSON       = 16 << 10
	maxAuthData   = 2048
	maxClientData = 4096
	maxCredential = 1023
	maxKey        = 256
	maxSignature  = 256
)

// Marshal writes the one form of the JSON: names in order, no spaces. It is also the form of RFC 8785.
func (a Assertion) Marshal() ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	return json.Marshal(a)
}

// Parse reads what Marshal wrote, and nothing else.
func Parse(data []byte) (Assertion, error) {
	if len(data) > maxJSON {
		return Assertion{}, fmt.Errorf("%w: %d bytes, at most %d", ErrForm, len(data), maxJSON)
	}
	var a Assertion
	if err := json.Unmarshal(data, &a); err != nil {
		return Assertion{}, fmt.Errorf("%w: %w", ErrForm, err)
	}
	again, err := a.Marshal()
	if err != nil {
		return Assertion{}, err
	}
	if !bytes.Equal(again, data) {
		return Assertion{}, fmt.Errorf("%w: the JSON is not in its canonical form", ErrForm)
	}
	return a, nil
}

func (a Assertion) check() error {
	for _, p := range []struct {
		name      string
		data      []byte
		min, most int
	}{
		{"authenticator data", a.AuthenticatorData, 37, maxAuthData},
		{"client data", a.ClientDataJSON, 2, maxClientData},
		{"credential id", a.Credential, 1, maxCredential},
		{"key", a.Key, 1, maxKey},
		{"signature", a.Signature, 1, maxSignature},
	} {
		if len(p.data) < p.min || len(p.data) > p.most {
			return fmt.Errorf("%w: the %s has %d bytes, %d to %d are expected", ErrForm, p.name, len(p.data), p.min, p.most)
		}
	}
	return nil
}

// Verify says whether a's key signed pae (for a statement: its pre-authentication encoding) at the site with this relying-party id and origin, with
// the user verified. W3C Web Authentication Level 3, 7.2. The counter is not looked at: it means something only to who has seen the last one.
func Verify(a Assertion, pae []byte, rpID, origin string) error {
	if err := a.check(); err != nil {
		return err
	}
	key, err := ParseKey(a.Key)
	if err != nil {
		return err
	}
	if err := checkAuthData(a.AuthenticatorData, rpID); err != nil {
		return err
	}
	if err := checkClientData(a.ClientDataJSON, Challenge(pae), origin); err != nil {
		return err
	}
	sum := sha256.Sum256(a.ClientDataJSON)
	signed := append(bytes.Clone(a.AuthenticatorData), sum[:]...)
	ok := false
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		digest := sha256.Sum256(signed)
		ok = ecdsa.VerifyASN1(k, digest[:], a.Signature)
	case ed25519.PublicKey:
		ok = ed25519.Verify(k, signed, a.Signature)
	}
	if !ok {
		return ErrSignature
	}
	return nil
}

// Challenge is what has to be signed for these bytes.
func Challenge(pae []byte) []byte {
	sum := sha256.Sum256(pae)
	return sum[:]
}

// ParseKey reads a key: *ecdsa.PublicKey on P-256 or ed25519.PublicKey, from DER and in the one encoding of each.
func ParseKey(der []byte) (any, error) {
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("%w: the key: %w", ErrForm, err)
	}
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return nil, fmt.Errorf("%w: the key is on curve %s, not P-256", ErrForm, k.Curve.Params().Name)
		}
	case ed25519.PublicKey:
	default:
		return nil, fmt.Errorf("%w: the key is neither ECDSA nor Ed25519", ErrForm)
	}
	if again, err := x509.MarshalPKIXPublicKey(key); err != nil || !bytes.Equal(again, der) {
		return nil, fmt.Errorf("%w: the key is not in its canonical form", ErrForm)
	}
	return key, nil
}

// The flags of authenticator data, 6.1.
const (
	flagPresent  = 1 << 0
	flagVerified = 1 << 2
	flagEligible = 1 << 3 // for backup
	flagBackedUp = 1 << 4
	flagAttested = 1 << 6 // attested credential data: in registrations only
	flagExtended = 1 << 7
)

// checkAuthData looks at 32 bytes of hash, a byte of flags, 4 bytes of counter, and that nothing follows that no flag announces. Extensions, if
// announced, are signed but not read.
func checkAuthData(data []byte, rpID string) error {
	want := sha256.Sum256([]byte(rpID))
	if subtle.ConstantTimeCompare(data[:32], want[:]) != 1 {
		return fmt.Errorf("%w: the relying party is not %q", ErrMismatch, rpID)
	}
	flags := data[32]
	switch {
	case flags&flagPresent == 0 || flags&flagVerified == 0:
		return ErrUser
	case flags&flagBackedUp != 0 && flags&flagEligible == 0:
		return fmt.Errorf("%w: backed up but not eligible for it", ErrForm)
	case flags&flagAttested != 0:
		return fmt.Errorf("%w: it is of a registration", ErrMismatch)
	case (flags&flagExtended != 0) != (len(data) > 37):
		return fmt.Errorf("%w: %d bytes of authenticator data with flags %#x", ErrForm, len(data), flags)
	}
	return nil
}

// Counter returns the signature counter, for who keeps the last one.
func (a Assertion) Counter() uint32 {
	if len(a.AuthenticatorData) < 37 {
		return 0
	}
	return binary.BigEndian.Uint32(a.AuthenticatorData[33:37])
}

// checkClientData wants type, challenge and origin, each once, and no frame of another site.
func checkClientData(data, challenge []byte, origin string) error {
	members, err := object(data)
	if err != nil {
		return fmt.Errorf("%w: the client data: %w", ErrForm, err)
	}
	for name, want := range map[string]string{
		"type": "webauthn.get", "challenge": base64.RawURLEncoding.EncodeToString(challenge), "origin": origin,
	} {
		var got string
		if err := json.Unmarshal(members[name], &got); err != nil {
			return fmt.Errorf("%w: the client data have no text in %q", ErrForm, name)
		}
		if got != want {
			return fmt.Errorf("%w: %s is %q, not %q", ErrMismatch, name, got, want)
		}
	}
	if cross, ok := members["crossOrigin"]; ok && string(cross) != "false" {
		return fmt.Errorf("%w: it was made inside another site's page", ErrMismatch)
	}
	if _, ok := members["topOrigin"]; ok {
		return fmt.Errorf("%w: it was made inside another site's page", ErrMismatch)
	}
	return nil
}

// object reads one JSON object whose names are all different, so that no two readers see different values.
func object(data []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("no JSON object")
	}
	members := map[string]json.RawMessage{}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, errors.New("no name where one is due")
		}
		if _, twice := members[name]; twice {
			return nil, fmt.Errorf("%q stands there twice", name)
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return nil, fmt.Errorf("the value of %q is no JSON", name)
		}
		members[name] = v
	}
	if _, err := dec.Token(); err != nil {
		return nil, errors.New("the object has no end")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	return members, nil
}
