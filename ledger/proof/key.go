package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Errors that say how the signature of a log or a witness is missing or wrong.
var (
	// ErrUnknownLog: no log that the caller trusts has signed the checkpoint.
	ErrUnknownLog = errors.New("not signed by a trusted log")
	// ErrNotCosigned: the witness has not cosigned the checkpoint.
	ErrNotCosigned = errors.New("not cosigned by the witness")
	// ErrBadSignature: a line claims to be of a key that the caller trusts, and its signature is wrong.
	ErrBadSignature = errors.New("wrong signature")
)

// The types of keys and signatures, as signed-note numbers them.
const (
	typeLog     = 0x01 // Ed25519 over the note's text
	typeEd25519 = 0x04 // timestamped Ed25519 cosignature
	typeMLDSA44 = 0x06 // timestamped ML-DSA-44 cosignature
)

// keyHash is the key ID of signed-note: the first four bytes of SHA-256(name, newline, type, key).
func keyHash(name string, typ byte, key []byte) uint32 {
	h := sha256.New()
	h.Write([]byte(name))
	h.Write([]byte{'\n', typ})
	h.Write(key)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// formatKey writes the text form of a key, name+hash+base64(type, key): a "vkey" of signed-note, and after secretPrefix also a private key.
func formatKey(name string, hash uint32, typ byte, key []byte) string {
	return name + "+" + hex.EncodeToString(binary.BigEndian.AppendUint32(nil, hash)) + "+" + encodeBase64(append([]byte{typ}, key...))
}

// parseKey splits the text form of a key. It does not check the hash, which for a private key is that of the public one.
func parseKey(text string) (name, hash string, typ byte, key []byte, err error) {
	name, rest, ok1 := strings.Cut(text, "+")
	hash, b64, ok2 := strings.Cut(rest, "+")
	if !ok1 || !ok2 {
		return "", "", 0, nil, fmt.Errorf("not of the form name+hash+key")
	}
	if err := checkName(name); err != nil {
		return "", "", 0, nil, err
	}
	b, err := base64Secret(b64)
	if err != nil {
		return "", "", 0, nil, err
	}
	return name, hash, b[0], b[1:], nil
}

// base64Secret is decodeBase64 for what may be a private key: the error does not repeat it.
func base64Secret(s string) ([]byte, error) {
	b, err := decodeBase64(s)
	if err != nil || len(b) == 0 {
		return nil, fmt.Errorf("the key is not in canonical base64")
	}
	return b, nil
}

// shown is how an error shows the text form of a key, which may be a private one by mistake.
func shown(vkey string) string {
	if strings.HasPrefix(vkey, "PRIVATE") {
		return "PRIVATE+KEY+…"
	}
	return clip(vkey)
}

// checkEd25519 refuses encodings with which a key would not be one key of one owner: coordinates that are not reduced (a second spelling of
// the same point, RFC 8032 section 5.1.3), and the points of small order, under which anybody can make signatures.
func checkEd25519(key []byte) error {
	if len(key) != ed25519.PublicKeySize {
		return fmt.Errorf("an Ed25519 key has %d bytes, not %d", ed25519.PublicKeySize, len(key))
	}
	y := slices.Clone(key)
	y[31] &= 0x7f // the sign of x
	slices.Reverse(y)
	prime := append(append([]byte{0x7f}, strings.Repeat("\xff", 30)...), 0xed) // 2^255-19
	if slices.Compare(y, prime) >= 0 {
		return fmt.Errorf("the Ed25519 key is not in canonical form")
	}
	for _, small := range smallOrder {
		if hex.EncodeToString(y) == small {
			return fmt.Errorf("the Ed25519 key is a point of small order, under which anybody can sign")
		}
	}
	return nil
}

// smallOrder lists the y coordinates, big endian, of the eight points whose order divides 8.
var smallOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000001",
	"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec",
	"05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826",
	"7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7",
}

// LogKey verifies what a log signs: Ed25519, named by the log's origin. Two LogKeys are equal (==) if name and key are. The zero LogKey verifies nothing.
type LogKey struct {
	name string
	hash uint32
	key  [ed25519.PublicKeySize]byte
}

// NewLogKey returns the key of the log with this origin, or the zero LogKey if origin cannot be a name or pub is no usable Ed25519 key.
func NewLogKey(origin string, pub ed25519.PublicKey) LogKey {
	if checkName(origin) != nil || checkEd25519(pub) != nil {
		return LogKey{}
	}
	return LogKey{name: origin, hash: keyHash(origin, typeLog, pub), key: [ed25519.PublicKeySize]byte(pub)}
}

// ParseLogKey reads the text form (vkey) of a log's key, "origin+hash+base64". Only Ed25519 of type 1 is accepted.
func ParseLogKey(vkey string) (LogKey, error) {
	name, _, typ, key, err := parseKey(vkey)
	if err != nil {
		return LogKey{}, fmt.Errorf("reading log key %q: %w", shown(vkey), err)
	}
	if typ != typeLog {
		return LogKey{}, fmt.Errorf("reading log key %q: type %#02x, a log's key has type %#02x (Ed25519)", shown(vkey), typ, typeLog)
	}
	if err := checkEd25519(key); err != nil {
		return LogKey{}, fmt.Errorf("reading log key %q: %w", shown(vkey), err)
	}
	k := NewLogKey(name, key)
	if k.String() != vkey {
		return LogKey{}, fmt.Errorf("reading log key %q: its hash is not %08x", shown(vkey), k.hash)
	}
	return k, nil
}

// IsZero says whether k is the zero LogKey.
func (k LogKey) IsZero() bool { return k == LogKey{} }

// Name returns the name, which is the origin of the log.
func (k LogKey) Name() string { return k.name }

// Hash returns the key ID that the log's signature lines carry.
func (k LogKey) Hash() uint32 { return k.hash }

// PublicKey returns a copy of the key itself.
func (k LogKey) PublicKey() ed25519.PublicKey { return slices.Clone(k.key[:]) }

// String returns the text form that [ParseLogKey] reads.
func (k LogKey) String() string {
	if k.IsZero() {
		return ""
	}
	return formatKey(k.name, k.hash, typeLog, k.key[:])
}

// Verify returns nil if the log with this key has signed the checkpoint, whose origin must be the key's name;
// otherwise an error that is [ErrUnknownLog] or [ErrBadSignature].
func (k LogKey) Verify(c *SignedCheckpoint) error {
	if k.IsZero() || c.Origin != k.name {
		return fmt.Errorf("verifying checkpoint of %q with the key of %q: %w", c.Origin, k.name, ErrUnknownLog)
	}
	return k.verifyLine(c)
}

// verifyLine verifies the line of this key, whatever the checkpoint's origin.
func (k LogKey) verifyLine(c *SignedCheckpoint) error {
	line, ok := c.line(k.name, k.hash)
	if !ok {
		return fmt.Errorf("verifying checkpoint of %q: no signature of %q with key hash %08x: %w", c.Origin, k.name, k.hash, ErrUnknownLog)
	}
	if !ed25519.Verify(k.key[:], []byte(c.Body()), line.Signature) {
		return fmt.Errorf("verifying checkpoint of %q, size %d, key hash %08x: %w", c.Origin, c.Size, k.hash, ErrBadSignature)
	}
	return nil
}

// SignCheckpoint signs a checkpoint with the log's key. It refuses a checkpoint that [ParseCheckpoint] would. That the log never signs
// two histories is the caller's to see to.
func SignCheckpoint(c Checkpoint, key ed25519.PrivateKey) (*SignedCheckpoint, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("signing checkpoint: %w", err)
	}
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("signing checkpoint of %q: an Ed25519 private key has %d bytes, not %d", c.Origin, ed25519.PrivateKeySize, len(key))
	}
	pub := key[ed25519.PrivateKeySize-ed25519.PublicKeySize:]
	line := SignatureLine{Name: c.Origin, KeyHash: keyHash(c.Origin, typeLog, pub), Signature: ed25519.Sign(key, []byte(c.Body()))}
	return &SignedCheckpoint{Checkpoint: c, Lines: []SignatureLine{line}}, nil
}
