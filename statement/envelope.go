package statement

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
)

// PayloadType is the DSSE payload type of every statement.
const PayloadType = "application/vnd.in-toto+json"

// MaxEnvelope bounds an envelope, in bytes.
const MaxEnvelope = 256 << 10

// ErrSignature is wrapped by every error about a signature that does not verify.
var ErrSignature = errors.New("the signature does not verify")

// ID is a statement's identity: SHA-256 of its pre-authentication encoding.
type ID [sha256.Size]byte

// String returns 64 hexadecimal digits in lower case.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads what String writes.
func ParseID(s string) (ID, error) {
	var id ID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) || hex.EncodeToString(b) != s {
		return id, fmt.Errorf("%q is no statement identity: 64 hexadecimal digits in lower case", s)
	}
	copy(id[:], b)
	return id, nil
}

// PAE returns the pre-authentication encoding that is signed, DSSE v1.0.2.
func PAE(payloadType string, payload []byte) []byte {
	b := make([]byte, 0, len(payload)+len(payloadType)+32)
	b = append(b, "DSSEv1 "...)
	b = strconv.AppendInt(b, int64(len(payloadType)), 10)
	b = append(b, ' ')
	b = append(b, payloadType...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	b = append(b, ' ')
	return append(b, payload...)
}

// Envelope is a DSSE envelope with one signature.
type Envelope struct {
	Payload   []byte // the statement, canonical JSON
	KeyID     string // KeyID of the key that signed
	Signature []byte // ECDSA over PAE, ASN.1 DER
}

// The words of an envelope's one encoding, in their order.
const (
	beforePayload   = `{"payload":"`
	beforeType      = `","payloadType":"`
	beforeKeyID     = `","signatures":[{"keyid":"`
	beforeSignature = `","sig":"`
	afterSignature  = `"}]}`
)

// Sign signs a payload, which should be the canonical JSON of a statement.
func Sign(key *ecdsa.PrivateKey, payload []byte) (*Envelope, error) {
	e := &Envelope{Payload: payload}
	spki, err := MarshalKey(&key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("signing a statement: %w", err)
	}
	id := e.ID()
	if e.Signature, err = ecdsa.SignASN1(rand.Reader, key, id[:]); err != nil {
		return nil, fmt.Errorf("signing a statement: %w", err)
	}
	e.KeyID = KeyID(spki)
	return e, nil
}

// ID returns the identity of the statement in the envelope, which is also the digest that is signed.
func (e *Envelope) ID() ID { return sha256.Sum256(PAE(PayloadType, e.Payload)) }

// Verify checks the signature by a key and that the envelope names that key. It says nothing of who may use the key.
func (e *Envelope) Verify(key *Key) error {
	if e.KeyID != key.ID() {
		return fmt.Errorf("verifying a statement: %w: the envelope names key %.19s, not %.19s", ErrSignature, e.KeyID, key.ID())
	}
	id := e.ID()
	if !ecdsa.VerifyASN1(key.public, id[:], e.Signature) {
		return fmt.Errorf("verifying a statement: %w", ErrSignature)
	}
	return nil
}

// Bytes returns the one encoding of the envelope: canonical JSON (RFC 8785), base64 by RFC 4648 section 4 with padding.
func (e *Envelope) Bytes() []byte {
	b := make([]byte, 0, (len(e.Payload)+len(e.Signature))*4/3+256)
	b = append(b, beforePayload...)
	b = base64.StdEncoding.AppendEncode(b, e.Payload)
	b = append(b, beforeType+PayloadType+beforeKeyID...)
	b = append(b, e.KeyID...)
	b = append(b, beforeSignature...)
	b = base64.StdEncoding.AppendEncode(b, e.Signature)
	return append(b, afterSignature...)
}

// ParseEnvelope reads an envelope and refuses whatever Bytes would not write. It does not look into the payload and verifies nothing.
func ParseEnvelope(data []byte) (*Envelope, error) {
	e, err := parseEnvelope(data)
	if err != nil {
		return nil, fmt.Errorf("reading an envelope: %w", err)
	}
	return e, nil
}

func parseEnvelope(data []byte) (*Envelope, error) {
	if len(data) > MaxEnvelope {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", ErrForm, len(data), MaxEnvelope)
	}
	rest, ok := bytes.CutPrefix(data, []byte(beforePayload))
	if !ok {
		return nil, fmt.Errorf("%w: it does not begin with a payload", ErrForm)
	}
	payload, rest, _ := bytes.Cut(rest, []byte(beforeType))
	if rest, ok = bytes.CutPrefix(rest, []byte(PayloadType+`"`)); !ok {
		return nil, fmt.Errorf("%w: its payload type is not %q", ErrForm, PayloadType)
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(beforeKeyID[1:])); !ok {
		return nil, fmt.Errorf("%w: no signature by a key follows its payload type", ErrForm)
	}
	keyID, rest, _ := bytes.Cut(rest, []byte(beforeSignature))
	if err := checkKeyID(string(keyID)); err != nil {
		return nil, err
	}
	signature, rest, _ := bytes.Cut(rest, []byte(`"`))
	if string(rest) != afterSignature[1:] {
		return nil, fmt.Errorf("%w: it does not end after one signature", ErrForm)
	}
	if len(payload) == 0 || len(signature) == 0 {
		return nil, fmt.Errorf("%w: payload or signature is empty", ErrForm)
	}
	e := &Envelope{KeyID: string(keyID)}
	var err error
	if e.Payload, err = base64.StdEncoding.AppendDecode(nil, payload); err != nil {
		return nil, fmt.Errorf("%w: payload: %w", ErrForm, err)
	}
	if e.Signature, err = base64.StdEncoding.AppendDecode(nil, signature); err != nil {
		return nil, fmt.Errorf("%w: signature: %w", ErrForm, err)
	}
	return e, same(e.Bytes(), data) // base64 has variants
}
