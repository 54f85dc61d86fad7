package signin

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"
)

// authenticator is a virtual one with a single passkey, and the browser around it. Its fields can be bent to misbehave.
type authenticator struct {
	origin, rpID string
	flags        byte // beyond attested data
	counter      uint32
	step         uint32 // by which the counter grows
	id, handle   []byte
	key          crypto.Signer
	typ          string // of client data, if not the right one
	more         string // members at the end of the client data
	raw          []byte // a challenge of its own
}

const present, verified, eligible, backedUp, attested, extended = 1, 4, 8, 16, 64, 128

func newAuthenticator(t testing.TB, edwards bool) *authenticator {
	t.Helper()
	a := &authenticator{origin: "https://lab.example", rpID: "lab.example", flags: present | verified, step: 1, id: make([]byte, 20), more: `,"crossOrigin":false`}
	_, _ = rand.Read(a.id)
	var err error
	if edwards {
		_, a.key, err = ed25519.GenerateKey(rand.Reader)
	} else {
		a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// head writes the head of a CBOR item.
func head(major byte, n int) []byte {
	switch {
	case n < 24:
		return []byte{major<<5 | byte(n)}
	case n < 256:
		return []byte{major<<5 | 24, byte(n)}
	default:
		return []byte{major<<5 | 25, byte(n >> 8), byte(n)}
	}
}

func cborInt(n int) []byte {
	if n < 0 {
		return head(1, -1-n)
	}
	return head(0, n)
}

func cborBytes(b []byte) []byte { return append(head(2, len(b)), b...) }
func cborText(s string) []byte  { return append(head(3, len(s)), s...) }

// cose writes the public key.
func (a *authenticator) cose(t testing.TB) []byte {
	t.Helper()
	member := func(k int, v []byte) []byte { return append(cborInt(k), v...) }
	switch k := a.key.Public().(type) {
	case ed25519.PublicKey:
		return bytes.Join([][]byte{head(5, 4), member(1, cborInt(1)), member(3, cborInt(-8)), member(-1, cborInt(6)), member(-2, cborBytes(k))}, nil)
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		size, alg, curve := (len(point)-1)/2, -7, 1
		if k.Curve == elliptic.P384() {
			alg, curve = -35, 2
		}
		return bytes.Join([][]byte{
			head(5, 5), member(1, cborInt(2)), member(3, cborInt(alg)), member(-1, cborInt(curve)),
			member(-2, cborBytes(point[1:1+size])), member(-3, cborBytes(point[1+size:])),
		}, nil)
	}
	t.Fatal("no such key")
	return nil
}

func (a *authenticator) authData(flags byte, tail []byte) []byte {
	sum := sha256.Sum256([]byte(a.rpID))
	out := append(sum[:], flags)
	out = binary.BigEndian.AppendUint32(out, a.counter)
	return append(out, tail...)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (a *authenticator) clientData(typ, challenge string) []byte {
	if a.typ != "" {
		typ = a.typ
	}
	if a.raw != nil {
		challenge = b64(a.raw)
	}
	return []byte(`{"type":"` + typ + `","challenge":"` + challenge + `","origin":"` + a.origin + `"` + a.more + `}`)
}

type options struct {
	PublicKey struct {
		Challenge string
		RPID      string `json:"rpId"`
		RP        struct{ ID string }
		User      struct{ ID string }
		Timeout   int

		UserVerification       string
		AuthenticatorSelection struct{ ResidentKey, UserVerification string }
		AllowCredentials       []struct{ ID string }
		ExcludeCredentials     []struct{ ID string }
		PubKeyCredParams       []struct{ Alg int }
		Attestation            string
	}
}

func parseOptions(t testing.TB, text []byte) options {
	t.Helper()
	var o options
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// create answers options for registration.
func (a *authenticator) create(t testing.TB, text []byte) []byte {
	t.Helper()
	o := parseOptions(t, text)
	var err error
	if a.handle, err = base64.RawURLEncoding.DecodeString(o.PublicKey.User.ID); err != nil {
		t.Fatal(err)
	}
	tail := append(make([]byte, 16), byte(len(a.id)>>8), byte(len(a.id)))
	tail = append(append(tail, a.id...), a.cose(t)...)
	object := bytes.Join([][]byte{
		head(5, 3), cborText("fmt"), cborText("none"), cborText("attStmt"), head(5, 0),
		cborText("authData"), cborBytes(a.authData(a.flags|attested, tail)),
	}, nil)
	return a.answer(t, map[string]any{
		"clientDataJSON": b64(a.clientData("webauthn.create", o.PublicKey.Challenge)), "attestationObject": b64(object), "transports": []string{"internal", "bogus"},
	})
}

// get answers options for an assertion.
func (a *authenticator) get(t testing.TB, text []byte) []byte {
	t.Helper()
	o := parseOptions(t, text)
	a.counter += a.step
	var tail []byte
	if a.flags&extended != 0 {
		tail = append(head(5, 1), append(cborText("x"), 0xf5)...)
	}
	client := a.clientData("webauthn.get", o.PublicKey.Challenge)
	data := a.authData(a.flags, tail)
	return a.answer(t, map[string]any{
		"clientDataJSON": b64(client), "authenticatorData": b64(data), "signature": b64(a.sign(t, data, client)), "userHandle": b64(a.handle),
	})
}

func (a *authenticator) sign(t testing.TB, data, client []byte) []byte {
	t.Helper()
	sum := sha256.Sum256(client)
	message, hash := append(bytes.Clone(data), sum[:]...), crypto.Hash(0)
	if _, ok := a.key.(ed25519.PrivateKey); !ok {
		digest := sha256.Sum256(message)
		message, hash = digest[:], crypto.SHA256
	}
	signature, err := a.key.Sign(rand.Reader, message, hash)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func (a *authenticator) answer(t testing.TB, response map[string]any) []byte {
	t.Helper()
	out, err := json.Marshal(map[string]any{
		"id": b64(a.id), "rawId": b64(a.id), "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}, "authenticatorAttachment": "platform",
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// people is a store of people in memory.
type people struct {
	all  []*Person
	fail error
}

func (p *people) ByHandle(_ context.Context, handle []byte) (Person, error) {
	if p.fail != nil {
		return Person{}, p.fail
	}
	for _, one := range p.all {
		if bytes.Equal(one.Handle, handle) {
			c := *one
			c.Passkeys = append([]Passkey{}, one.Passkeys...)
			return c, nil
		}
	}
	return Person{}, ErrUnknown
}

func (p *people) Used(_ context.Context, id []byte, before, after uint32, backedUp bool) error {
	for _, one := range p.all {
		for i := range one.Passkeys {
			k := &one.Passkeys[i]
			if !bytes.Equal(k.ID, id) {
				continue
			}
			if k.Counter != before {
				return ErrCloned
			}
			k.Counter, k.BackedUp = after, backedUp
			return nil
		}
	}
	return ErrUnknown
}

func unb64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
