package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// MaxEntry is the size of the largest entry that an entry bundle can hold, in bytes (C2SP tlog-tiles: 16 bits of length).
const MaxEntry = 1<<16 - 1

// The bytes of a leaf between its three base64 fields: RFC 8785 (canonical JSON) leaves no other freedom in an entry of this type,
// so that a leaf needs no JSON parser.
const (
	leafDigest    = `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":{"algorithm":"SHA2_256","digest":"`
	leafSignature = `"},"signature":{"content":"`
	leafKey       = `","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256","publicKey":{"rawBytes":"`
	leafEnd       = `"}}}}}}`
)

// Leaf is one entry of the ledger: a commitment to a statement, which tells nothing of what the statement says.
// In a log it is a Rekor v2 hashedrekord entry, version 0.0.2, as canonical JSON.
type Leaf struct {
	// Digest is the identity of the statement: SHA-256 of the pre-authentication bytes of its DSSE envelope.
	Digest [32]byte
	// Signature is the envelope's signature: ECDSA on P-256 over SHA-256, in DER.
	Signature []byte
	// Key is the public key that made it, a SubjectPublicKeyInfo in DER with an uncompressed point on P-256: 91 bytes.
	Key []byte
}

// Bytes returns the canonical JSON of the leaf. It does not check the leaf; [ParseLeaf] does.
func (l Leaf) Bytes() []byte {
	most := len(leafDigest) + len(leafSignature) + len(leafKey) + len(leafEnd) + base64.StdEncoding.EncodedLen(len(l.Digest)+len(l.Signature)+len(l.Key)+6)
	b := append(make([]byte, 0, most), leafDigest...)
	b = append(base64.StdEncoding.AppendEncode(b, l.Digest[:]), leafSignature...)
	b = append(base64.StdEncoding.AppendEncode(b, l.Signature), leafKey...)
	return append(base64.StdEncoding.AppendEncode(b, l.Key), leafEnd...)
}

// Hash returns the leaf's hash in the tree: RFC 6962, SHA-256 of a zero byte and the leaf. Who has the leaf's bytes gets the same from [tlog.RecordHash], sooner.
func (l Leaf) Hash() tlog.Hash { return tlog.RecordHash(l.Bytes()) }

// ParseLeaf reads a leaf. It refuses whatever [Leaf.Bytes] would not have written, signatures that are not DER and keys that are not of P-256.
// It verifies no signature, and does not check that the key's point lies on the curve: whoever verifies the signature does.
func ParseLeaf(b []byte) (Leaf, error) {
	if len(b) > MaxEntry {
		return Leaf{}, fmt.Errorf("reading leaf: %d bytes, at most %d are allowed", len(b), MaxEntry)
	}
	rest, ok1 := bytes.CutPrefix(b, []byte(leafDigest))
	digest64, rest, ok2 := bytes.Cut(rest, []byte(leafSignature))
	signature64, rest, ok3 := bytes.Cut(rest, []byte(leafKey))
	key64, ok4 := bytes.CutSuffix(rest, []byte(leafEnd))
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return Leaf{}, fmt.Errorf("reading leaf: not a canonical hashedrekord 0.0.2 entry of ECDSA P-256 and SHA-256")
	}
	// Base64 that is not canonical passes here and makes a difference below.
	digest, err1 := base64.StdEncoding.AppendDecode(nil, digest64)
	signature, err2 := base64.StdEncoding.AppendDecode(nil, signature64)
	key, err3 := base64.StdEncoding.AppendDecode(nil, key64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return Leaf{}, fmt.Errorf("reading leaf: not canonical base64: %w", err)
	}
	if len(digest) != sha256.Size {
		return Leaf{}, fmt.Errorf("reading leaf: the digest is not a hash: %d bytes", len(digest))
	}
	if !isSignature(signature) {
		return Leaf{}, fmt.Errorf("reading leaf: the signature is not an ECDSA signature in DER for P-256")
	}
	if len(key) != len(p256Prefix)+64 || string(key[:len(p256Prefix)]) != p256Prefix {
		return Leaf{}, fmt.Errorf("reading leaf: the key is not an uncompressed P-256 key in DER")
	}
	l := Leaf{Digest: [sha256.Size]byte(digest), Signature: signature, Key: key}
	if !bytes.Equal(l.Bytes(), b) {
		return Leaf{}, fmt.Errorf("reading leaf: not canonical base64")
	}
	return l, nil
}

// p256Prefix begins every SubjectPublicKeyInfo of an uncompressed P-256 key: a SEQUENCE of the algorithm (id-ecPublicKey, prime256v1)
// and a BIT STRING whose first byte, 04, says that both coordinates follow (RFC 5480, section 2).
const p256Prefix = "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04"

// isSignature says whether b is a SEQUENCE of two positive INTEGERs of at most 256 bits, in DER (RFC 3279, section 2.2.3).
func isSignature(b []byte) bool {
	if len(b) < 2 || len(b) > 72 || b[0] != 0x30 || int(b[1]) != len(b)-2 {
		return false
	}
	rest, ok := cutInteger(b[2:])
	if !ok {
		return false
	}
	rest, ok = cutInteger(rest)
	return ok && len(rest) == 0
}

// cutInteger takes a positive INTEGER of at most 256 bits in its shortest form off b.
func cutInteger(b []byte) (rest []byte, ok bool) {
	if len(b) < 3 || b[0] != 0x02 {
		return nil, false
	}
	n := int(b[1])
	if n < 1 || n > 33 || len(b) < 2+n {
		return nil, false
	}
	v := b[2 : 2+n]
	switch {
	case v[0] >= 0x80: // negative
		return nil, false
	case v[0] == 0 && (n == 1 || v[1] < 0x80): // zero, or longer than needed
		return nil, false
	case n == 33 && v[0] != 0: // more than 256 bits
		return nil, false
	}
	return b[2+n:], true
}
