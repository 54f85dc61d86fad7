package assertion

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
)

const (
	rpID   = "lab.example"
	origin = "https://lab.example"
)

var pae = []byte("DSSEv1 28 application/vnd.in-toto+json 2 {}")

func clientData(typ, challenge, origin, more string) string {
	return `{"type":"` + typ + `","challenge":"` + challenge + `","origin":"` + origin + `"` + more + `}`
}

func challenge() string { return base64.RawURLEncoding.EncodeToString(Challenge(pae)) }

func authData(rpID string, flags byte, tail ...byte) []byte {
	sum := sha256.Sum256([]byte(rpID))
	return append(append(sum[:], flags, 0, 0, 1, 2), tail...)
}

func keys(t testing.TB) map[string]crypto.Signer {
	t.Helper()
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{"P-256": p256, "Ed25519": edwards}
}

func spki(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func sign(t testing.TB, key crypto.Signer, data []byte, client string) Assertion {
	t.Helper()
	sum := sha256.Sum256([]byte(client))
	message, hash := append(bytes.Clone(data), sum[:]...), crypto.Hash(0)
	if _, ok := key.(*ecdsa.PrivateKey); ok {
		digest := sha256.Sum256(message)
		message, hash = digest[:], crypto.SHA256
	}
	signature, err := key.Sign(rand.Reader, message, hash)
	if err != nil {
		t.Fatal(err)
	}
	return Assertion{AuthenticatorData: data, ClientDataJSON: []byte(client), Credential: []byte{1}, Key: spki(t, key.Public()), Signature: signature}
}

func good(t testing.TB, key crypto.Signer) Assertion {
	t.Helper()
	return sign(t, key, authData(rpID, 5), clientData("webauthn.get", challenge(), origin, ""))
}

func TestVerify(t *testing.T) {
	for name, key := range keys(t) {
		a := good(t, key)
		if err := Verify(a, pae, rpID, origin); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if a.Counter() != 0x102 {
			t.Errorf("%s: counter %#x", name, a.Counter())
		}
		for what, err := range map[string]error{
			"other bytes":  Verify(a, pae[1:], rpID, origin),
			"other site":   Verify(a, pae, "evil.example", origin),
			"other origin": Verify(a, pae, rpID, "https://evil.example"),
			"upper case":   Verify(a, pae, rpID, "https://LAB.example"),
		} {
			if !errors.Is(err, ErrMismatch) {
				t.Errorf("%s, %s: got %v, want ErrMismatch", name, what, err)
			}
		}
		// Every bit of what is signed, and of the signature.
		for what, part := range map[string]func(*Assertion) *[]byte{
			"authenticator data": func(a *Assertion) *[]byte { return &a.AuthenticatorData },
			"client data":        func(a *Assertion) *[]byte { return &a.ClientDataJSON },
			"signature":          func(a *Assertion) *[]byte { return &a.Signature },
			"key":                func(a *Assertion) *[]byte { return &a.Key },
		} {
			for i := range *part(&a) {
				for bit := range 8 {
					b := a
					p := part(&b)
					*p = bytes.Clone(*p)
					(*p)[i] ^= 1 << bit
					if Verify(b, pae, rpID, origin) == nil {
						t.Errorf("%s: bit %d of byte %d of the %s does not matter", name, bit, i, what)
					}
				}
			}
		}
	}
}

func TestVerifySigned(t *testing.T) {
	const get = "webauthn.get"
	c := challenge()
	plain := clientData(get, c, origin, "")
	for name, tc := range map[string]struct {
		data   []byte
		client string
		want   error
	}{
		"as it is":          {authData(rpID, 5), plain, nil},
		"synchronised":      {authData(rpID, 0x1d), plain, nil},
		"extension":         {authData(rpID, 0x85, 0xa0), plain, nil},
		"spaces":            {authData(rpID, 5), " {\n\"type\" : \"webauthn.get\", \"challenge\":\"" + c + "\",\"origin\":\"" + origin + "\"} ", nil},
		"not present":       {authData(rpID, 4), plain, ErrUser},
		"not verified":      {authData(rpID, 1), plain, ErrUser},
		"backup":            {authData(rpID, 0x15), plain, ErrForm},
		"attested":          {authData(rpID, 0x45, 1, 2), plain, ErrMismatch},
		"tail":              {authData(rpID, 5, 0), plain, ErrForm},
		"no extension":      {authData(rpID, 0x85), plain, ErrForm},
		"short":             {authData(rpID, 5)[:36], plain, ErrForm},
		"other site":        {authData("evil.example", 5), plain, ErrMismatch},
		"registration":      {authData(rpID, 5), clientData("webauthn.create", c, origin, ""), ErrMismatch},
		"payment":           {authData(rpID, 5), clientData("payment.get", c, origin, ""), ErrMismatch},
		"other challenge":   {authData(rpID, 5), clientData(get, c[1:]+"A", origin, ""), ErrMismatch},
		"padded challenge":  {authData(rpID, 5), clientData(get, c+"=", origin, ""), ErrMismatch},
		"other origin":      {authData(rpID, 5), clientData(get, c, "http://lab.example", ""), ErrMismatch},
		"framed":            {authData(rpID, 5), clientData(get, c, origin, `,"crossOrigin":true`), ErrMismatch},
		"framed in words":   {authData(rpID, 5), clientData(get, c, origin, `,"crossOrigin":"true"`), ErrMismatch},
		"top origin":        {authData(rpID, 5), clientData(get, c, origin, `,"topOrigin":"https://evil.example"`), ErrMismatch},
		"twice":             {authData(rpID, 5), clientData(get, c, "https://evil.example", `,"origin":"`+origin+`"`), ErrForm},
		"in capitals":       {authData(rpID, 5), `{"Type":"webauthn.get","challenge":"` + c + `","origin":"` + origin + `"}`, ErrForm},
		"a number":          {authData(rpID, 5), `{"type":1,"challenge":"` + c + `","origin":"` + origin + `"}`, ErrForm},
		"null":              {authData(rpID, 5), `{"type":null,"challenge":"` + c + `","origin":"` + origin + `"}`, ErrMismatch},
		"no origin":         {authData(rpID, 5), `{"type":"webauthn.get","challenge":"` + c + `"}`, ErrForm},
		"something after":   {authData(rpID, 5), plain + "{}", ErrForm},
		"torn":              {authData(rpID, 5), plain[:len(plain)-1], ErrForm},
		"no object":         {authData(rpID, 5), `["type"]`, ErrForm},
		"long":              {authData(rpID, 5), clientData(get, c, origin, `,"x":"`+strings.Repeat("x", maxClientData)+`"`), ErrForm},
		"bracket in a name": {authData(rpID, 5), clientData(get, c, origin, `,"}":{"origin":"x"}`), nil},
	} {
		for kind, key := range keys(t) {
			if err := Verify(sign(t, key, tc.data, tc.client), pae, rpID, origin); !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Errorf("%s, %s: got %v, want %v", name, kind, err, tc.want)
			}
		}
	}
}

func TestKeys(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	mine, theirs := keys(t), keys(t)
	for name, der := range map[string][]byte{
		"P-384": spki(t, p384.Public()), "RSA": spki(t, r.Public()), "nothing": {0}, "tail": append(spki(t, mine["P-256"].Public()), 0),
	} {
		a := good(t, mine["P-256"])
		a.Key = der
		if err := Verify(a, pae, rpID, origin); !errors.Is(err, ErrForm) {
			t.Errorf("%s: got %v, want ErrForm", name, err)
		}
	}
	for name, key := range mine {
		for other, k := range theirs {
			a := good(t, key)
			a.Key = spki(t, k.Public())
			if err := Verify(a, pae, rpID, origin); !errors.Is(err, ErrSignature) {
				t.Errorf("%s under another's %s: got %v, want ErrSignature", name, other, err)
			}
		}
	}
}

func TestParse(t *testing.T) {
	a := good(t, keys(t)["P-256"])
	text, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := Parse(text); err != nil || Verify(b, pae, rpID, origin) != nil {
		t.Errorf("what was written: %v", err)
	}
	s := string(text)
	for name, bad := range map[string]string{
		"space": " " + s, "newline": s + "\n", "member": strings.Replace(s, "{", `{"a":1,`, 1), "capitals": strings.Replace(s, "signature", "Signature", 1),
		"twice": strings.Replace(s, "{", `{"credential":"AQ==",`, 1), "none": "{}", "null": "null", "long": s + strings.Repeat(" ", maxJSON), "order": reorder(t, s),
		"base64url": strings.Replace(s, `"AQ=="`, `"AQ"`, 1), "empty id": strings.Replace(s, `"AQ=="`, `""`, 1), "loose bits": strings.Replace(s, `"AQ=="`, `"AR=="`, 1),
	} {
		if bad == s {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := Parse([]byte(bad)); !errors.Is(err, ErrForm) {
			t.Errorf("%s: got %v, want ErrForm", name, err)
		}
	}
}

// reorder moves the first member to the end.
func reorder(t *testing.T, s string) string {
	t.Helper()
	first, rest, ok := strings.Cut(strings.Trim(s, "{}"), ",")
	out := "{" + rest + "," + first + "}"
	if !ok || !json.Valid([]byte(out)) {
		t.Fatal("not reordered")
	}
	return out
}

func FuzzParse(f *testing.F) {
	for _, key := range keys(f) {
		text, err := good(f, key).Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := Parse(data)
		if err != nil {
			return
		}
		_ = Verify(a, pae, rpID, origin) // must not panic
		if again, err := a.Marshal(); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q is written as %q, %v", data, again, err)
		}
	})
}

func FuzzClientData(f *testing.F) {
	f.Add([]byte(clientData("webauthn.get", challenge(), origin, `,"crossOrigin":false`)))
	f.Add([]byte(`{"type":"webauthn.get","type":"x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if checkClientData(data, Challenge(pae), origin) != nil {
			return
		}
		var plain map[string]any
		if err := json.Unmarshal(data, &plain); err != nil || plain["origin"] != origin || plain["type"] != "webauthn.get" || plain["challenge"] != challenge() {
			t.Errorf("%q was accepted; a plain reader sees %v, %v", data, plain, err)
		}
	})
}

// TestStandardLibraryOnly: this package needs nothing else, so that any verifier can have it.
func TestStandardLibraryOnly(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(out)); got != "github.com/probat-lab/probat/portal/signin/assertion" {
		t.Errorf("it depends on %s", got)
	}
}
