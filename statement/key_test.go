package statement

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

type rs struct{ R, S *big.Int }

// twin returns the other signature (r, n-s) that verifies, which anybody can make without the key.
func twin(t testing.TB, signature []byte) []byte {
	t.Helper()
	x := numbersOf(t, signature)
	x.S.Sub(elliptic.P256().Params().N, x.S)
	return der(t, x)
}

func numbersOf(t testing.TB, signature []byte) rs {
	t.Helper()
	var x rs
	if rest, err := asn1.Unmarshal(signature, &x); err != nil || len(rest) != 0 {
		t.Fatalf("%x is no signature: %v", signature, err)
	}
	return x
}

func der(t testing.TB, v any) []byte {
	t.Helper()
	b, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tlv writes a value of DER without any rule of DER.
func tlv(tag byte, content ...[]byte) []byte {
	all := bytes.Join(content, nil)
	return append([]byte{tag, byte(len(all))}, all...)
}

// TestTwin holds that an envelope whose signature somebody altered verifies, is another envelope, and is the same statement.
func TestTwin(t *testing.T) {
	e := signed(t, payloadOf(t, TypeSubmission))
	other := &Envelope{e.Payload, e.KeyID, twin(t, e.Signature)}
	key := testPublic(t)
	if err := errors.Join(e.Verify(key), other.Verify(key)); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(e.Bytes(), other.Bytes()) || e.ID() != other.ID() {
		t.Errorf("the twin has the identity %v, not %v", other.ID(), e.ID())
	}
	read, err := ParseEnvelope(other.Bytes())
	if err != nil || read.ID() != e.ID() {
		t.Errorf("the twin is read as %v, %v", read, err)
	}
}

func testPublic(t testing.TB) *Key {
	t.Helper()
	key, err := NewKey(&testKey(t).PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// signatureRefusals are envelopes that ParseEnvelope takes but whose signature does not verify by the published test key.
func signatureRefusals(t testing.TB) []refusal {
	t.Helper()
	e := signed(t, payloadOf(t, TypeSubmission))
	x := numbersOf(t, e.Signature)
	n := elliptic.P256().Params().N
	r, s := der(t, x.R), der(t, x.S)
	sign := func(digest []byte) []byte {
		sig, err := testKey(t).Sign(nil, digest, crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	otherType, bare := sha256.Sum256(PAE("application/json", e.Payload)), sha256.Sum256(e.Payload)
	otherPayload := swap(t, e.Payload, `"attempt":2`, `"attempt":1`)
	other, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	id := e.ID()
	byOther, err := other.Sign(nil, id[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	raw := append(x.R.FillBytes(make([]byte, 32)), x.S.FillBytes(make([]byte, 32))...)
	one := *big.NewInt(1)
	var list []refusal
	for _, c := range []struct {
		name, reason string
		e            Envelope
	}{
		{"keyid-other", "the keyid of another key", Envelope{e.Payload, KeyID([]byte("another key")), e.Signature}},
		{"keyid-case", "a letter of the keyid in the other case", Envelope{e.Payload, strings.Replace(e.KeyID, ":pL9", ":Pl9", 1), e.Signature}},
		{"key-other", "signed by another key under this key's keyid", Envelope{e.Payload, e.KeyID, byOther}},
		{"payload-other", "the payload was changed: the attempt is 1", Envelope{otherPayload, e.KeyID, e.Signature}},
		{"payload-type-other", "the signature is over another payload type", Envelope{e.Payload, e.KeyID, sign(otherType[:])}},
		{"payload-bare", "the signature is over the payload without its pre-authentication encoding", Envelope{e.Payload, e.KeyID, sign(bare[:])}},
		{"bit", "a bit of s was flipped", Envelope{e.Payload, e.KeyID, append(bytes.Clone(e.Signature[:len(e.Signature)-1]), e.Signature[len(e.Signature)-1]^1)}},
		{"der-zero-before-r", "r begins with a zero byte that DER does not have", Envelope{e.Payload, e.KeyID, tlv(0x30, tlv(2, []byte{0}, r[2:]), s)}},
		{"der-zero-before-s", "s begins with a zero byte that DER does not have", Envelope{e.Payload, e.KeyID, tlv(0x30, r, tlv(2, []byte{0}, s[2:]))}},
		{"der-after", "a byte after the signature", Envelope{e.Payload, e.KeyID, append(bytes.Clone(e.Signature), 0)}},
		{"der-inside", "a third number", Envelope{e.Payload, e.KeyID, tlv(0x30, r, s, tlv(2, []byte{0}))}},
		{"der-long-length", "a length in two bytes that fits one", Envelope{e.Payload, e.KeyID, append([]byte{0x30, 0x81, byte(len(r) + len(s))}, append(bytes.Clone(r), s...)...)}},
		{"der-indefinite", "a length that is not told (BER)", Envelope{e.Payload, e.KeyID, append(append([]byte{0x30, 0x80}, append(bytes.Clone(r), s...)...), 0, 0)}},
		{"der-negative", "s less the order: negative", Envelope{e.Payload, e.KeyID, der(t, rs{x.R, new(big.Int).Sub(x.S, n)})}},
		{"r-zero", "r and s are zero", Envelope{e.Payload, e.KeyID, der(t, rs{new(big.Int), new(big.Int)})}},
		{"s-zero", "s is zero", Envelope{e.Payload, e.KeyID, der(t, rs{x.R, new(big.Int)})}},
		{"s-one", "s is one", Envelope{e.Payload, e.KeyID, der(t, rs{x.R, &one})}},
		{"s-beyond", "s plus the order: beyond it", Envelope{e.Payload, e.KeyID, der(t, rs{x.R, new(big.Int).Add(x.S, n)})}},
		{"r-is-order", "r is the order", Envelope{e.Payload, e.KeyID, der(t, rs{n, x.S})}},
		{"raw", "r and s as 64 bytes, without DER", Envelope{e.Payload, e.KeyID, raw}},
	} {
		list = append(list, refusal{"signature", c.name, c.reason, c.e.Bytes(), "", false, false})
	}
	return list
}

func TestVerifyRefuses(t *testing.T) {
	key := testPublic(t)
	for _, r := range signatureRefusals(t) {
		e, err := ParseEnvelope(r.data)
		if err != nil {
			t.Errorf("%s: reading it: %v", r.name, err)
			continue
		}
		if err := e.Verify(key); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", r.name, err)
		}
	}
}

// keyRefusals are keys that ParseKey refuses.
func keyRefusals(t testing.TB) []refusal {
	t.Helper()
	p256, err := x509.MarshalPKIXPublicKey(&testKey(t).PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	spki := func(public any) []byte {
		b, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	curve := func(c elliptic.Curve) []byte {
		k, err := ecdsa.ParseRawPrivateKey(c, append(make([]byte, (c.Params().BitSize+7)/8-1), 7))
		if err != nil {
			t.Fatal(err)
		}
		return spki(&k.PublicKey)
	}
	point := p256[len(p256)-65:]
	oids, onCurve := p256[2:len(p256)-68], p256[len(p256)-68:]
	build := func(oids []byte, unused byte, point []byte) []byte {
		return tlv(0x30, oids, tlv(3, []byte{unused}, point))
	}
	if !bytes.Equal(build(oids, 0, point), p256) || !bytes.Equal(onCurve[3:], point) {
		t.Fatal("the test builds keys wrongly")
	}
	ecKey, prime := tlv(6, []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1}), tlv(6, []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7})
	moved := bytes.Clone(point)
	moved[64] ^= 1
	hybrid := append([]byte{6 | point[64]&1}, point[1:]...)
	modulus := new(big.Int).SetBytes(bytes.Repeat([]byte{0xc5}, 256))
	ed := ed25519.NewKeyFromSeed(make([]byte, 32)).Public()
	var list []refusal
	for _, c := range []struct {
		name, reason, want string
		data               []byte
	}{
		{"p224", "another curve: P-224", "P-256", curve(elliptic.P224())},
		{"p384", "another curve: P-384", "P-256", curve(elliptic.P384())},
		{"p521", "another curve: P-521", "P-256", curve(elliptic.P521())},
		{"secp256k1", "another curve, whose points are as long", "", build(tlv(0x30, ecKey, tlv(6, []byte{0x2b, 0x81, 4, 0, 10})), 0, point)},
		{"rsa", "an RSA key", "not ECDSA", spki(&rsa.PublicKey{N: modulus, E: 65537})},
		{"ed25519", "an Ed25519 key", "not ECDSA", spki(ed)},
		{"compressed", "a compressed point", "", build(oids, 0, elliptic.MarshalCompressed(elliptic.P256(), testKey(t).X, testKey(t).Y))},
		{"hybrid", "a point in hybrid form", "", build(oids, 0, hybrid)},
		{"infinity", "the point at infinity", "", build(oids, 0, []byte{0})},
		{"off-curve", "a point that is not on the curve", "", build(oids, 0, moved)},
		{"point-short", "a point of 64 bytes", "", build(oids, 0, point[:64])},
		{"point-bare", "the point alone", "", point},
		{"parameters-missing", "no curve", "", build(tlv(0x30, ecKey), 0, point)},
		{"parameters-null", "null for the curve", "", build(tlv(0x30, ecKey, []byte{5, 0}), 0, point)},
		{"parameters-more", "something after the curve", "", build(tlv(0x30, ecKey, prime, []byte{5, 0}), 0, point)},
		{"trailing", "a byte after the key", "trailing", append(bytes.Clone(p256), 0)},
		{"trailing-inside", "something after the point", "", tlv(0x30, oids, tlv(3, []byte{0}, point), []byte{5, 0})},
		{"unused-bits", "a point with unused bits", "", build(oids, 1, point)},
		{"long-length", "a length in two bytes that fits one", "", append([]byte{0x30, 0x81, p256[1]}, p256[2:]...)},
		{"cut-short", "its last byte is missing", "", p256[:len(p256)-1]},
		{"nothing", "no bytes", "", nil},
	} {
		list = append(list, refusal{"key", c.name, c.reason, c.data, c.want, false, false})
	}
	return list
}

func TestParseKeyRefuses(t *testing.T) {
	for _, r := range keyRefusals(t) {
		if k, err := ParseKey(r.data); err == nil || k != nil {
			t.Errorf("%s is taken for %v", r.name, k)
		} else if !strings.Contains(err.Error(), r.want) || !strings.HasPrefix(err.Error(), "reading a key") && !strings.HasPrefix(err.Error(), "encoding a key") {
			t.Errorf("%s: %v, which does not say %q", r.name, err, r.want)
		}
	}
}

func TestKey(t *testing.T) {
	want := testPublic(t)
	got, err := ParseKeyText(sampleKeyText())
	if err != nil {
		t.Fatal(err)
	}
	if got.ID() != want.ID() || got.String() != sampleKeyText() || !bytes.Equal(got.SPKI(), want.SPKI()) || !got.Public().Equal(want.Public()) {
		t.Errorf("read %v, want %v", got, want)
	}
	// As ssh-keygen says it of the same key.
	pem := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(pem, []byte("-----BEGIN PUBLIC KEY-----\n"+sampleKeyText()+"\n-----END PUBLIC KEY-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	public, err := exec.CommandContext(t.Context(), "ssh-keygen", "-i", "-m", "PKCS8", "-f", pem).Output()
	if err != nil {
		t.Fatalf("ssh-keygen: %v", err)
	}
	if err := os.WriteFile(pem, public, 0o600); err != nil {
		t.Fatal(err)
	}
	line, err := exec.CommandContext(t.Context(), "ssh-keygen", "-l", "-f", pem).Output()
	if err != nil {
		t.Fatalf("ssh-keygen: %v", err)
	}
	if f := strings.Fields(string(line)); len(f) < 2 || f[1] != want.ID() {
		t.Errorf("the keyid is %s, ssh-keygen says %s", want.ID(), line)
	}
	text := sampleKeyText()
	for name, s := range map[string]string{
		"unpadded": strings.TrimRight(text, "="), "url": base64.URLEncoding.EncodeToString(want.SPKI()), "line break": text[:64] + "\n" + text[64:], "return": text + "\r\n",
		"space": " " + text, "bits": lastBit(text), "empty": "", "PEM": "-----BEGIN PUBLIC KEY-----\n" + text + "\n-----END PUBLIC KEY-----\n",
	} {
		if k, err := ParseKeyText(s); err == nil {
			t.Errorf("%s is taken for %v", name, k)
		}
	}
	p384, err := ecdsa.ParseRawPrivateKey(elliptic.P384(), append(make([]byte, 47), 7))
	if err != nil {
		t.Fatal(err)
	}
	if e, err := Sign(p384, payloadOf(t, TypeRisk)); err == nil {
		t.Errorf("a key on P-384 signs: %v", e)
	}
}

// TestSignDiffers holds that Sign draws at random, and what it signs is verified by its key only.
func TestSignDiffers(t *testing.T) {
	payload := payloadOf(t, TypeRisk)
	a, err := Sign(testKey(t), payload)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Sign(testKey(t), payload)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a.Signature, b.Signature) || a.ID() != b.ID() {
		t.Errorf("signed twice: %x and %x", a.Signature, b.Signature)
	}
	other, err := NewKey(&randomKey(t).PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Verify(other); !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
	a.KeyID = other.ID()
	if err := a.Verify(other); !errors.Is(err, ErrSignature) {
		t.Errorf("another key under its own keyid: %v", err)
	}
}
