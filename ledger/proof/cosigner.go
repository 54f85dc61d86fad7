package proof

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"filippo.io/mldsa"
)

// secretPrefix begins the text form of a private key, as golang.org/x/mod/sumdb/note writes them.
const secretPrefix = "PRIVATE+KEY+"

// Cosigner is the private key of a witness. It signs what it is told: that the checkpoint is consistent with all it saw before is the witness's to check,
// who also sees to it that times do not run backwards.
type Cosigner struct {
	pub WitnessKey
	ed  ed25519.PrivateKey
	ml  *mldsa.PrivateKey
}

// NewEd25519Cosigner makes a new Ed25519 witness key.
func NewEd25519Cosigner(name string) (*Cosigner, error) { return generate(name, typeEd25519) }

// NewMLDSACosigner makes a new ML-DSA-44 witness key.
func NewMLDSACosigner(name string) (*Cosigner, error) { return generate(name, typeMLDSA44) }

func generate(name string, typ byte) (*Cosigner, error) {
	var seed [ed25519.SeedSize]byte // mldsa.PrivateKeySize is the same
	rand.Read(seed[:])              // never fails
	return newCosigner(name, typ, seed[:])
}

func newCosigner(name string, typ byte, seed []byte) (*Cosigner, error) {
	c := &Cosigner{}
	var public []byte
	switch {
	case len(seed) != ed25519.SeedSize:
		return nil, fmt.Errorf("making witness key of %q: the seed has %d bytes, not %d", name, len(seed), ed25519.SeedSize)
	case typ == typeEd25519:
		c.ed = ed25519.NewKeyFromSeed(seed)
		public = c.ed[ed25519.SeedSize:]
	case typ == typeMLDSA44:
		var err error
		if c.ml, err = mldsa.NewPrivateKey(mldsa.MLDSA44(), seed); err != nil {
			return nil, fmt.Errorf("making witness key of %q: %w", name, err)
		}
		public = c.ml.PublicKey().Bytes()
	}
	var err error
	if c.pub, err = newWitness(name, typ, public); err != nil {
		return nil, err
	}
	return c, nil
}

// ParseCosigner reads what [Cosigner.Secret] wrote: "PRIVATE+KEY+name+hash+base64". Errors do not repeat the key.
func ParseCosigner(secret string) (*Cosigner, error) {
	text, ok := strings.CutPrefix(secret, secretPrefix)
	if !ok {
		return nil, fmt.Errorf("reading private key of witness: it does not begin with %q", secretPrefix)
	}
	name, _, typ, seed, err := parseKey(text)
	if err != nil {
		return nil, fmt.Errorf("reading private key of witness: %w", err)
	}
	c, err := newCosigner(name, typ, seed)
	if err != nil {
		return nil, fmt.Errorf("reading private key of witness: %w", err)
	}
	if c.Secret() != secret {
		return nil, fmt.Errorf("reading private key of witness %q: its hash is not %08x", name, c.pub.hash)
	}
	return c, nil
}

// Secret returns the text form of the private key. The hash in it is that of the public key.
func (c *Cosigner) Secret() string {
	seed := c.ed.Seed
	if c.ml != nil {
		seed = c.ml.Bytes
	}
	return secretPrefix + formatKey(c.pub.name, c.pub.hash, c.pub.typ, seed())
}

// Key returns the public half.
func (c *Cosigner) Key() WitnessKey { return c.pub }

// String returns the public half's text form, so that a key that is printed by mistake is not lost.
func (c *Cosigner) String() string { return c.pub.String() }

// GoString is String, for the verb that would show the fields.
func (c *Cosigner) GoString() string {
	return "proof.Cosigner(" + c.pub.name + "+" + hex.EncodeToString(binary.BigEndian.AppendUint32(nil, c.pub.hash)) + ")"
}

// Cosign returns the witness's signature line for a checkpoint at a time, in seconds since 1970, which must be after 1970.
func (c *Cosigner) Cosign(s *SignedCheckpoint, time int64) (SignatureLine, error) {
	if time <= 0 {
		return SignatureLine{}, fmt.Errorf("cosigning checkpoint of %q: the time %d is not after 1970", s.Origin, time)
	}
	if err := s.check(); err != nil {
		return SignatureLine{}, fmt.Errorf("cosigning checkpoint: %w", err)
	}
	stamp := uint64(time)
	line := SignatureLine{Name: c.pub.name, KeyHash: c.pub.hash, Signature: binary.BigEndian.AppendUint64(nil, stamp)}
	if c.ml == nil {
		line.Signature = append(line.Signature, ed25519.Sign(c.ed, timedBody(s.Checkpoint, stamp))...)
		return line, nil
	}
	signature, err := c.ml.Sign(nil, cosignedMessage(c.pub.name, s.Checkpoint, stamp), nil)
	if err != nil {
		return SignatureLine{}, fmt.Errorf("cosigning checkpoint of %q: %w", s.Origin, err)
	}
	line.Signature = append(line.Signature, signature...)
	return line, nil
}
