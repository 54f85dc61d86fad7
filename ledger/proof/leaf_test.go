package proof_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
)

// newLeaf makes a leaf the way a lab does, with keys and encodings of the standard library.
func newLeaf(t testing.TB, message string) (proof.Leaf, *ecdsa.PublicKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(message))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return proof.Leaf{Digest: digest, Signature: signature, Key: spki}, &key.PublicKey
}

func TestLeaf(t *testing.T) {
	for i := range 200 {
		leaf, pub := newLeaf(t, fmt.Sprint(i))
		b := leaf.Bytes()
		if len(b) > 520 {
			t.Errorf("a leaf of %d bytes", len(b))
		}
		got, err := proof.ParseLeaf(b)
		if err != nil {
			t.Fatal(err)
		}
		if got.Digest != leaf.Digest || !bytes.Equal(got.Key, leaf.Key) || !bytes.Equal(got.Signature, leaf.Signature) {
			t.Fatalf("got %v, want %v", got, leaf)
		}
		if !ecdsa.VerifyASN1(pub, got.Digest[:], got.Signature) {
			t.Fatal("the signature no longer verifies")
		}
		if got.Hash() != tlog.RecordHash(b) {
			t.Fatal("hash is not that of the bytes")
		}
	}
}

// TestLeafCanonical: what we write without a JSON encoder is what JSON and RFC 8785 make of it.
func TestLeafCanonical(t *testing.T) {
	leaf, _ := newLeaf(t, "x")
	var v map[string]any
	if err := json.Unmarshal(leaf.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	plain, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	canonical, err := jcs.Transform(plain)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(canonical, leaf.Bytes()) {
		t.Errorf("got  %s\nwant %s", leaf.Bytes(), canonical)
	}
}

func TestLeafRefused(t *testing.T) {
	leaf, _ := newLeaf(t, "x")
	good := string(leaf.Bytes())
	with := func(change func(l *proof.Leaf)) string {
		l := leaf
		l.Signature, l.Key = bytes.Clone(l.Signature), bytes.Clone(l.Key)
		change(&l)
		return string(l.Bytes())
	}
	signature := func(b ...byte) string { return with(func(l *proof.Leaf) { l.Signature = b }) }
	b64 := base64.StdEncoding.EncodeToString
	for name, c := range map[string]struct{ text, says string }{
		"nothing":           {"", "not a canonical"},
		"trailing newline":  {good + "\n", "not a canonical"},
		"trailing byte":     {good + "x", "not a canonical"},
		"leading space":     {" " + good, "not a canonical"},
		"inner space":       {replaced(t, good, `","kind"`, `", "kind"`), "not a canonical"},
		"other version":     {replaced(t, good, "0.0.2", "0.0.1"), "not a canonical"},
		"other kind":        {replaced(t, good, "hashedrekord", "dsse"), "not a canonical"},
		"upper case key":    {replaced(t, good, `"digest"`, `"Digest"`), "not a canonical"},
		"duplicate key":     {replaced(t, good, `"apiVersion":"0.0.2"`, `"apiVersion":"0.0.2","apiVersion":"0.0.2"`), "not a canonical"},
		"escaped letter":    {replaced(t, good, "hashedrekord", `h\u0061shedrekord`), "not a canonical"},
		"other algorithm":   {replaced(t, good, "SHA2_256", "SHA2_384"), "not a canonical"},
		"other key type":    {replaced(t, good, "P256_SHA_256", "P384_SHA_384"), "not a canonical"},
		"too long":          {good + strings.Repeat(" ", proof.MaxEntry), "bytes, at most"},
		"short digest":      {replaced(t, good, b64(leaf.Digest[:]), b64(leaf.Digest[:31])), "not a hash"},
		"long digest":       {replaced(t, good, b64(leaf.Digest[:]), b64(make([]byte, 33))), "not a hash"},
		"no padding":        {replaced(t, good, b64(leaf.Digest[:]), strings.TrimRight(b64(leaf.Digest[:]), "=")), "canonical base64"},
		"line in base64":    {replaced(t, good, b64(leaf.Digest[:]), b64(leaf.Digest[:])[:4]+"\n"+b64(leaf.Digest[:])[4:]), "canonical base64"},
		"escaped slash":     {replaced(t, good, b64(leaf.Key), `\/`+b64(leaf.Key)), "canonical base64"},
		"stray bits":        {replaced(t, good, b64(leaf.Digest[:]), stray(b64(leaf.Digest[:]))), "canonical base64"},
		"no signature":      {signature(), "not an ECDSA signature"},
		"signature rubbish": {signature(1, 2, 3), "not an ECDSA signature"},
		"long length":       {signature(0x30, 0x81, 0x06, 2, 1, 1, 2, 1, 1), "not an ECDSA signature"},
		"length too small":  {signature(0x30, 5, 2, 1, 1, 2, 1, 1), "not an ECDSA signature"},
		"zero":              {signature(0x30, 6, 2, 1, 0, 2, 1, 1), "not an ECDSA signature"},
		"negative":          {signature(0x30, 6, 2, 1, 0x80, 2, 1, 1), "not an ECDSA signature"},
		"padded number":     {signature(0x30, 7, 2, 2, 0, 1, 2, 1, 1), "not an ECDSA signature"},
		"empty number":      {signature(0x30, 5, 2, 0, 2, 1, 1), "not an ECDSA signature"},
		"one number":        {signature(0x30, 3, 2, 1, 1), "not an ECDSA signature"},
		"three numbers":     {signature(0x30, 9, 2, 1, 1, 2, 1, 1, 2, 1, 1), "not an ECDSA signature"},
		"number too big":    {signature(append(append([]byte{0x30, 38, 2, 33, 1}, make([]byte, 32)...), 2, 1, 1)...), "not an ECDSA signature"},
		"other curve":       {with(func(l *proof.Leaf) { l.Key[22] = 8 }), "not an uncompressed P-256"},
		"compressed key":    {with(func(l *proof.Leaf) { l.Key[26] = 2 }), "not an uncompressed P-256"},
		"short key":         {with(func(l *proof.Leaf) { l.Key = l.Key[:90] }), "not an uncompressed P-256"},
		"long key":          {with(func(l *proof.Leaf) { l.Key = append(l.Key, 0) }), "not an uncompressed P-256"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := proof.ParseLeaf([]byte(c.text))
			refused(t, err, c.says)
		})
	}
	if _, err := proof.ParseLeaf([]byte(signature(0x30, 6, 2, 1, 1, 2, 1, 1))); err != nil {
		t.Errorf("the shortest signature: %v", err)
	}
}

// stray sets a bit that the padding of a 32 byte value leaves unused.
func stray(b64 string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	i := len(strings.TrimRight(b64, "=")) - 1
	return b64[:i] + string(alphabet[strings.IndexByte(alphabet, b64[i])|1]) + b64[i+1:]
}

// TestLeafBitFlips: no changed bit of a leaf yields the same leaf.
func TestLeafBitFlips(t *testing.T) {
	leaf, _ := newLeaf(t, "x")
	good := leaf.Bytes()
	for i := range len(good) * 8 {
		b := bytes.Clone(good)
		b[i/8] ^= 1 << (i % 8)
		if l, err := proof.ParseLeaf(b); err == nil && (l.Hash() == leaf.Hash() || !bytes.Equal(l.Bytes(), b)) {
			t.Fatalf("bit %d changes nothing", i)
		}
	}
}

func FuzzParseLeaf(f *testing.F) {
	leaf, _ := newLeaf(f, "x")
	f.Add(leaf.Bytes())
	f.Add(proof.Leaf{}.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := proof.ParseLeaf(b)
		if err == nil && !bytes.Equal(l.Bytes(), b) {
			t.Errorf("%q is written as %q", b, l.Bytes())
		}
	})
}
