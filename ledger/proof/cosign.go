package proof

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"

	"filippo.io/mldsa"
)

// timeSize is how many bytes of time, big endian, precede a cosignature.
const timeSize = 8

// WitnessKey verifies the cosignatures of one witness (C2SP tlog-cosignature): Ed25519, or ML-DSA-44, which is safe against quantum computers.
// The zero WitnessKey verifies nothing.
type WitnessKey struct {
	name string
	hash uint32
	typ  byte
	key  []byte
	ml   *mldsa.PublicKey // of typeMLDSA44 only
}

// NewEd25519Witness returns the key of a witness that makes Ed25519 cosignatures.
func NewEd25519Witness(name string, pub ed25519.PublicKey) (WitnessKey, error) {
	return newWitness(name, typeEd25519, pub)
}

// NewMLDSAWitness returns the key of a witness that makes ML-DSA-44 cosignatures; pub is the encoding of FIPS 204, 1312 bytes.
func NewMLDSAWitness(name string, pub []byte) (WitnessKey, error) {
	return newWitness(name, typeMLDSA44, pub)
}

func newWitness(name string, typ byte, pub []byte) (WitnessKey, error) {
	if err := checkName(name); err != nil {
		return WitnessKey{}, fmt.Errorf("making witness key: %w", err)
	}
	k := WitnessKey{name: name, hash: keyHash(name, typ, pub), typ: typ, key: slices.Clone(pub)}
	var err error
	switch typ {
	case typeEd25519:
		err = checkEd25519(pub)
	case typeMLDSA44:
		k.ml, err = mldsa.NewPublicKey(mldsa.MLDSA44(), pub)
	default:
		err = fmt.Errorf("type %#02x, a witness key has type %#02x (Ed25519) or %#02x (ML-DSA-44)", typ, typeEd25519, typeMLDSA44)
	}
	if err != nil {
		return WitnessKey{}, fmt.Errorf("making witness key of %q: %w", name, err)
	}
	return k, nil
}

// ParseWitnessKey reads the text form (vkey) of a witness key, of type 4 (Ed25519 cosignatures) or 6 (ML-DSA-44). A plain Ed25519 key of type 1 is refused:
// it is a log's.
func ParseWitnessKey(vkey string) (WitnessKey, error) {
	name, _, typ, key, err := parseKey(vkey)
	if err != nil {
		return WitnessKey{}, fmt.Errorf("reading witness key %q: %w", shown(vkey), err)
	}
	k, err := newWitness(name, typ, key)
	if err != nil {
		return WitnessKey{}, fmt.Errorf("reading witness key %q: %w", shown(vkey), err)
	}
	if k.String() != vkey {
		return WitnessKey{}, fmt.Errorf("reading witness key %q: its hash is not %08x", shown(vkey), k.hash)
	}
	return k, nil
}

// IsZero says whether k is the zero WitnessKey.
func (k WitnessKey) IsZero() bool { return k.typ == 0 }

// Name returns the name that the witness's signature lines carry.
func (k WitnessKey) Name() string { return k.name }

// Hash returns the key ID that the witness's signature lines carry.
func (k WitnessKey) Hash() uint32 { return k.hash }

// PublicKey returns a copy of the key itself: 32 bytes of Ed25519 or 1312 of ML-DSA-44.
func (k WitnessKey) PublicKey() []byte { return slices.Clone(k.key) }

// Algorithm returns "Ed25519" or "ML-DSA-44", or nothing for the zero WitnessKey.
func (k WitnessKey) Algorithm() string {
	switch k.typ {
	case typeEd25519:
		return "Ed25519"
	case typeMLDSA44:
		return "ML-DSA-44"
	}
	return ""
}

// String returns the text form that [ParseWitnessKey] reads.
func (k WitnessKey) String() string {
	if k.IsZero() {
		return ""
	}
	return formatKey(k.name, k.hash, k.typ, k.key)
}

// Verify returns the time, in seconds since 1970, at which the witness says that it cosigned the checkpoint. The error is [ErrNotCosigned] if there is no line of this
// key, and [ErrBadSignature] if there is one that is wrong, has no time (0: a witness that does not say "the largest I saw until then") or a time beyond 2^63-1.
// Whether the time lies in the future is for the caller, who has a clock; [Policy.Check] looks.
func (k WitnessKey) Verify(c *SignedCheckpoint) (time int64, err error) {
	line, ok := c.line(k.name, k.hash)
	if !ok {
		return 0, fmt.Errorf("verifying cosignature of %q on checkpoint of %q: %w", k.name, c.Origin, ErrNotCosigned)
	}
	bad := func(why string) (int64, error) {
		return 0, fmt.Errorf("verifying cosignature of %q, key hash %08x, on checkpoint of %q, size %d: %s: %w", k.name, k.hash, c.Origin, c.Size, why, ErrBadSignature)
	}
	if len(line.Signature) < timeSize {
		return bad("no time")
	}
	stamp, signature := binary.BigEndian.Uint64(line.Signature), line.Signature[timeSize:]
	if stamp == 0 || stamp > math.MaxInt64 {
		return bad("the time is zero or beyond 2^63-1")
	}
	switch k.typ {
	case typeEd25519:
		ok = ed25519.Verify(k.key, timedBody(c.Checkpoint, stamp), signature)
	case typeMLDSA44:
		ok = mldsa.Verify(k.ml, cosignedMessage(k.name, c.Checkpoint, stamp), signature, nil) == nil
	default:
		ok = false
	}
	if !ok {
		return bad("it does not verify")
	}
	return int64(stamp), nil
}

// timedBody is what an Ed25519 witness signs. It does not hold the witness's name, so a key must not serve two witnesses.
func timedBody(c Checkpoint, stamp uint64) []byte {
	return []byte("cosignature/v1\ntime " + strconv.FormatUint(stamp, 10) + "\n" + c.Body())
}

// cosignedMessage is what an ML-DSA-44 witness signs, the structure cosigned_message of tlog-cosignature for a whole tree.
// Names and origins have at most 255 bytes: checkName sees to it.
func cosignedMessage(name string, c Checkpoint, stamp uint64) []byte {
	b := []byte("subtree/v1\n\x00")
	b = append(b, byte(len(name)))
	b = append(b, name...)
	b = binary.BigEndian.AppendUint64(b, stamp)
	b = append(b, byte(len(c.Origin)))
	b = append(b, c.Origin...)
	b = binary.BigEndian.AppendUint64(b, 0) // the tree begins with its first leaf
	b = binary.BigEndian.AppendUint64(b, uint64(c.Size))
	return append(b, c.Root[:]...)
}
