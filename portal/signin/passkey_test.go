package signin

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/portal/signin/assertion"
)

// stage is a site with two people and their authenticators, registered.
type stage struct {
	*Passkeys
	clock    *clock
	people   *people
	ann, bob *Person
	annKey   *authenticator
	bobKey   *authenticator
}

func newStage(t *testing.T, edwards bool) *stage {
	t.Helper()
	s := &stage{clock: newClock(), people: &people{}}
	p, err := NewPasskeys(mustSite(t, "https://lab.example"), "A lab", s.people, NewMemory(100, s.clock.now), s.clock.now)
	if err != nil {
		t.Fatal(err)
	}
	s.Passkeys = p
	add := func(name string) (*Person, *authenticator) {
		who := &Person{Handle: make([]byte, 32), Name: name, DisplayName: strings.ToUpper(name)}
		_, _ = rand.Read(who.Handle)
		s.people.all = append(s.people.all, who)
		a := newAuthenticator(t, edwards)
		options, id, err := p.BeginRegister(t.Context(), *who)
		if err != nil {
			t.Fatal(err)
		}
		k, err := p.FinishRegister(t.Context(), *who, id, a.create(t, options))
		if err != nil {
			t.Fatal(err)
		}
		who.Passkeys = append(who.Passkeys, k)
		return who, a
	}
	s.ann, s.annKey = add("ann")
	s.bob, s.bobKey = add("bob")
	return s
}

// each runs a test with both kinds of key.
func each(t *testing.T, test func(t *testing.T, s *stage)) {
	for name, edwards := range map[string]bool{"P-256": false, "Ed25519": true} {
		t.Run(name, func(t *testing.T) { test(t, newStage(t, edwards)) })
	}
}

func (s *stage) login(t *testing.T, a *authenticator) (string, error) {
	t.Helper()
	options, id, err := s.BeginLogin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	who, _, err := s.FinishLogin(t.Context(), id, a.get(t, options))
	return who.Name, err
}

func TestRegister(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		k := s.ann.Passkeys[0]
		if !bytes.Equal(k.ID, s.annKey.id) || !slices.Equal(k.Transports, []string{"internal"}) || len(k.Model) != 16 || k.BackupEligible {
			t.Errorf("registered %+v", k)
		}
		cose, err := coseFromKey(k.Key)
		if err != nil || !bytes.Equal(cose, s.annKey.cose(t)) {
			t.Errorf("the key becomes %x, %v; want %x", cose, err, s.annKey.cose(t))
		}
		text, _, err := s.BeginRegister(t.Context(), *s.ann)
		if err != nil {
			t.Fatal(err)
		}
		o := parseOptions(t, text).PublicKey
		if o.RP.ID != "lab.example" || o.User.ID != b64(s.ann.Handle) || o.AuthenticatorSelection.ResidentKey != "required" || o.Timeout != 300_000 ||
			o.AuthenticatorSelection.UserVerification != "required" || o.Attestation != "none" || len(o.ExcludeCredentials) != 1 || o.ExcludeCredentials[0].ID != b64(k.ID) ||
			len(o.PubKeyCredParams) != 2 {
			t.Errorf("the options are %s", text)
		}
	})
}

func TestRegisterRefused(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, bend := range map[string]func(*authenticator){
		"origin":          func(a *authenticator) { a.origin = "https://evil.example" },
		"plain http":      func(a *authenticator) { a.origin = "http://lab.example" },
		"subdomain":       func(a *authenticator) { a.origin = "https://x.lab.example" },
		"relying party":   func(a *authenticator) { a.rpID = "evil.example" },
		"not verified":    func(a *authenticator) { a.flags = present },
		"not present":     func(a *authenticator) { a.flags = verified },
		"backup":          func(a *authenticator) { a.flags |= backedUp },
		"assertion":       func(a *authenticator) { a.typ = "webauthn.get" },
		"challenge":       func(a *authenticator) { a.raw = make([]byte, 32) },
		"framed":          func(a *authenticator) { a.more = `,"crossOrigin":true` },
		"another curve":   func(a *authenticator) { a.key = p384 },
		"a long id":       func(a *authenticator) { a.id = make([]byte, 1024) },
		"nothing changed": nil,
	} {
		s := newStage(t, false)
		a := newAuthenticator(t, false)
		if bend != nil {
			bend(a)
		}
		options, id, err := s.BeginRegister(t.Context(), *s.ann)
		if err != nil {
			t.Fatal(err)
		}
		answer := a.create(t, options)
		_, err = s.FinishRegister(t.Context(), *s.ann, id, answer)
		if bend == nil {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		} else if !errors.Is(err, ErrRefused) {
			t.Errorf("%s: got %v, want ErrRefused", name, err)
		}
		if _, err = s.FinishRegister(t.Context(), *s.ann, id, answer); !errors.Is(err, ErrNoCeremony) {
			t.Errorf("%s, again: got %v, want ErrNoCeremony", name, err)
		}
	}
	// Begun by one, finished by another; garbage; too much.
	s := newStage(t, false)
	options, id, _ := s.BeginRegister(t.Context(), *s.ann)
	if _, err := s.FinishRegister(t.Context(), *s.bob, id, s.bobKey.create(t, options)); !errors.Is(err, ErrNoCeremony) {
		t.Errorf("another person's ceremony: %v", err)
	}
	for _, garbage := range []string{"", "{}", "null", strings.Repeat(" ", maxResponse+1)} {
		_, id, _ := s.BeginRegister(t.Context(), *s.ann)
		if _, err := s.FinishRegister(t.Context(), *s.ann, id, []byte(garbage)); !errors.Is(err, ErrRefused) {
			t.Errorf("%.10q: %v", garbage, err)
		}
	}
	if _, _, err := s.BeginRegister(t.Context(), Person{Handle: []byte("ann"), Name: "ann"}); err == nil {
		t.Error("a guessable handle is accepted")
	}
}

func TestLogin(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		text, _, _ := s.BeginLogin(t.Context())
		o := parseOptions(t, text).PublicKey
		if o.RPID != "lab.example" || o.UserVerification != "required" || len(o.AllowCredentials) != 0 || len(o.Challenge) != 43 {
			t.Errorf("the options are %s", text)
		}
		for range 3 {
			if who, err := s.login(t, s.annKey); err != nil || who != "ann" {
				t.Fatalf("got %q, %v", who, err)
			}
		}
		if got := s.ann.Passkeys[0].Counter; got != 3 {
			t.Errorf("the stored counter is %d, want 3", got)
		}
		if who, err := s.login(t, s.bobKey); err != nil || who != "bob" {
			t.Errorf("got %q, %v", who, err)
		}
	})
}

func TestLoginRefused(t *testing.T) {
	for name, bend := range map[string]func(s *stage, a *authenticator){
		"origin":              func(_ *stage, a *authenticator) { a.origin = "https://evil.example" },
		"port":                func(_ *stage, a *authenticator) { a.origin = "https://lab.example:8443" },
		"relying party":       func(_ *stage, a *authenticator) { a.rpID = "evil.example" },
		"not verified":        func(_ *stage, a *authenticator) { a.flags = present },
		"not present":         func(_ *stage, a *authenticator) { a.flags = verified },
		"registration":        func(_ *stage, a *authenticator) { a.typ = "webauthn.create" },
		"challenge":           func(_ *stage, a *authenticator) { a.raw = make([]byte, 32) },
		"framed":              func(_ *stage, a *authenticator) { a.more = `,"crossOrigin":true` },
		"backup":              func(_ *stage, a *authenticator) { a.flags |= eligible },
		"no handle":           func(_ *stage, a *authenticator) { a.handle = nil },
		"handle of another":   func(s *stage, a *authenticator) { a.handle = s.bob.Handle },
		"credential of other": func(s *stage, a *authenticator) { a.id = s.bobKey.id },
		"both of another":     func(s *stage, a *authenticator) { a.id, a.handle = s.bobKey.id, s.bob.Handle },
		"key of another":      func(s *stage, a *authenticator) { a.key = s.bobKey.key },
		"nobody":              func(_ *stage, a *authenticator) { a.handle = make([]byte, 32) },
		"passkey removed":     func(s *stage, _ *authenticator) { s.ann.Passkeys = nil },
	} {
		each(t, func(t *testing.T, s *stage) {
			good := *s.annKey
			bend(s, s.annKey)
			if who, err := s.login(t, s.annKey); !errors.Is(err, ErrRefused) || errors.Is(err, ErrCloned) || who != "" {
				t.Errorf("%s: got %q, %v; want ErrRefused", name, who, err)
			}
			if len(s.ann.Passkeys) > 0 {
				if who, err := s.login(t, &good); err != nil || who != "ann" {
					t.Errorf("after %s, the right one: %q, %v", name, who, err)
				}
			}
		})
	}
}

func TestLoginOnce(t *testing.T) {
	s := newStage(t, false)
	options, id, _ := s.BeginLogin(t.Context())
	answer := s.annKey.get(t, options)
	if _, _, err := s.FinishLogin(t.Context(), id, answer); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.FinishLogin(t.Context(), id, answer); !errors.Is(err, ErrNoCeremony) {
		t.Errorf("replayed: %v, want ErrNoCeremony", err)
	}
	_, other, _ := s.BeginLogin(t.Context())
	if _, _, err := s.FinishLogin(t.Context(), other, answer); !errors.Is(err, ErrRefused) {
		t.Errorf("replayed into another ceremony: %v, want ErrRefused", err)
	}
	options, id, _ = s.BeginLogin(t.Context())
	s.clock.advance(5*time.Minute - 1)
	if _, _, err := s.FinishLogin(t.Context(), id, s.annKey.get(t, options)); err != nil {
		t.Errorf("just in time: %v", err)
	}
	options, id, _ = s.BeginLogin(t.Context())
	s.clock.advance(5 * time.Minute)
	if _, _, err := s.FinishLogin(t.Context(), id, s.annKey.get(t, options)); !errors.Is(err, ErrNoCeremony) {
		t.Errorf("too late: %v, want ErrNoCeremony", err)
	}
	// An id of one kind of ceremony is none of another.
	options, id, _ = s.BeginSign(t.Context(), *s.ann, []byte("x"))
	if _, _, err := s.FinishLogin(t.Context(), id, s.annKey.get(t, options)); !errors.Is(err, ErrNoCeremony) {
		t.Errorf("a signature as a sign-in: %v, want ErrNoCeremony", err)
	}
	s.people.fail = errors.New("database gone")
	if _, err := s.login(t, s.annKey); !errors.Is(err, s.people.fail) || errors.Is(err, ErrRefused) {
		t.Errorf("the storage's error: %v", err)
	}
}

func TestCloned(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		s.annKey.counter = 10
		if _, err := s.login(t, s.annKey); err != nil {
			t.Fatal(err)
		}
		for _, counter := range []uint32{11, 5, 0} { // as it was, before, none
			clone := *s.annKey
			clone.counter, clone.step = counter, 0
			if _, err := s.login(t, &clone); !errors.Is(err, ErrCloned) || !errors.Is(err, ErrRefused) {
				t.Errorf("counter %d after 11: got %v, want ErrCloned", counter, err)
			}
			options, id, _ := s.BeginSign(t.Context(), *s.ann, []byte("x"))
			if _, err := s.FinishSign(t.Context(), *s.ann, id, []byte("x"), clone.get(t, options)); !errors.Is(err, ErrCloned) {
				t.Errorf("signing, counter %d after 11: got %v, want ErrCloned", counter, err)
			}
		}
		if got := s.ann.Passkeys[0].Counter; got != 11 {
			t.Errorf("the stored counter is %d, want 11", got)
		}
		// Two at once with counters that each grow: the store decides.
		stale := *s.ann
		stale.Passkeys = slices.Clone(s.ann.Passkeys)
		options, id, _ := s.BeginSign(t.Context(), stale, []byte("x"))
		answer := s.annKey.get(t, options)
		if _, err := s.login(t, s.annKey); err != nil {
			t.Fatal(err)
		}
		if _, err := s.FinishSign(t.Context(), stale, id, []byte("x"), answer); !errors.Is(err, ErrCloned) {
			t.Errorf("with a stale counter: %v, want ErrCloned", err)
		}
	})
	t.Run("never counts", func(t *testing.T) {
		s := newStage(t, false)
		s.annKey.step = 0
		for range 3 {
			if _, err := s.login(t, s.annKey); err != nil {
				t.Errorf("counter 0 after 0: %v", err)
			}
		}
	})
}

func TestSign(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		pae := []byte("DSSEv1 4 type 7 payload")
		options, id, err := s.BeginSign(t.Context(), *s.ann, pae)
		if err != nil {
			t.Fatal(err)
		}
		o := parseOptions(t, options).PublicKey
		if o.Challenge != b64(assertion.Challenge(pae)) || len(o.AllowCredentials) != 1 || o.UserVerification != "required" {
			t.Errorf("the options are %s", options)
		}
		a, err := s.FinishSign(t.Context(), *s.ann, id, pae, s.annKey.get(t, options))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Key, s.ann.Passkeys[0].Key) || !bytes.Equal(a.Credential, s.annKey.id) || s.ann.Passkeys[0].Counter != a.Counter() {
			t.Errorf("got %+v", a)
		}
		text, err := a.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := assertion.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := VerifyAssertion(again, pae, "lab.example", "https://lab.example"); err != nil {
			t.Errorf("offline: %v", err)
		}
		if err := VerifyAssertion(again, append(pae, 0), "lab.example", "https://lab.example"); !errors.Is(err, assertion.ErrMismatch) {
			t.Errorf("offline, other bytes: %v", err)
		}
	})
}

func TestSignRefused(t *testing.T) {
	each(t, func(t *testing.T, s *stage) {
		pae, other := []byte("mine"), []byte("theirs")
		options, id, _ := s.BeginSign(t.Context(), *s.ann, pae)
		if _, err := s.FinishSign(t.Context(), *s.ann, id, other, s.annKey.get(t, options)); !errors.Is(err, ErrNoCeremony) {
			t.Errorf("other bytes at the end: %v", err)
		}
		options, id, _ = s.BeginSign(t.Context(), *s.ann, pae)
		if _, err := s.FinishSign(t.Context(), *s.bob, id, pae, s.bobKey.get(t, options)); !errors.Is(err, ErrNoCeremony) {
			t.Errorf("another person's ceremony: %v", err)
		}
		options, id, _ = s.BeginSign(t.Context(), *s.ann, pae)
		if _, err := s.FinishSign(t.Context(), *s.ann, id, pae, s.bobKey.get(t, options)); !errors.Is(err, ErrRefused) {
			t.Errorf("another person's passkey: %v", err)
		}
		// A sign-in is no signature: its answer has another challenge.
		login, _, _ := s.BeginLogin(t.Context())
		_, id, _ = s.BeginSign(t.Context(), *s.ann, pae)
		if _, err := s.FinishSign(t.Context(), *s.ann, id, pae, s.annKey.get(t, login)); !errors.Is(err, ErrRefused) {
			t.Errorf("a sign-in as a signature: %v", err)
		}
		s.annKey.flags = present
		options, id, _ = s.BeginSign(t.Context(), *s.ann, pae)
		if _, err := s.FinishSign(t.Context(), *s.ann, id, pae, s.annKey.get(t, options)); !errors.Is(err, ErrRefused) {
			t.Errorf("without verification: %v", err)
		}
		if _, _, err := s.BeginSign(t.Context(), Person{Handle: s.ann.Handle, Name: "ann"}, pae); !errors.Is(err, ErrUnknown) {
			t.Errorf("without passkeys: %v", err)
		}
	})
}

// TestSameAsLibrary: what the library and the offline verifier think of an assertion is the same, whatever is wrong with it.
func TestSameAsLibrary(t *testing.T) {
	for name, bend := range map[string]func(*authenticator){
		"nothing":       func(*authenticator) {},
		"extension":     func(a *authenticator) { a.flags |= extended },
		"more members":  func(a *authenticator) { a.more = `,"crossOrigin":false,"other":{"x":[1]}` },
		"no crossing":   func(a *authenticator) { a.more = "" },
		"origin":        func(a *authenticator) { a.origin = "https://evil.example" },
		"relying party": func(a *authenticator) { a.rpID = "evil.example" },
		"not verified":  func(a *authenticator) { a.flags = present },
		"framed":        func(a *authenticator) { a.more = `,"crossOrigin":true` },
		"top origin":    func(a *authenticator) { a.more = `,"crossOrigin":false,"topOrigin":"https://evil.example"` },
		"registration":  func(a *authenticator) { a.typ = "webauthn.create" },
		"challenge":     func(a *authenticator) { a.raw = make([]byte, 32) },
		"backup":        func(a *authenticator) { a.flags |= backedUp },
	} {
		each(t, func(t *testing.T, s *stage) {
			bend(s.annKey)
			pae := []byte("statement")
			options, id, _ := s.BeginSign(t.Context(), *s.ann, pae)
			answer := s.annKey.get(t, options)
			var raw struct {
				Response map[string]string
			}
			if err := json.Unmarshal(answer, &raw); err != nil {
				t.Fatal(err)
			}
			part := func(n string) []byte { return unb64(t, raw.Response[n]) }
			a := Assertion{
				AuthenticatorData: part("authenticatorData"), ClientDataJSON: part("clientDataJSON"), Signature: part("signature"),
				Credential: s.annKey.id, Key: s.ann.Passkeys[0].Key,
			}
			offline := VerifyAssertion(a, pae, "lab.example", "https://lab.example")
			_, online := s.FinishSign(t.Context(), *s.ann, id, pae, answer)
			if (offline == nil) != (online == nil) {
				t.Errorf("%s: offline %v, online %v", name, offline, online)
			}
			if good := slices.Contains([]string{"nothing", "extension", "more members", "no crossing"}, name); good != (online == nil) {
				t.Errorf("%s: %v", name, online)
			}
		})
	}
}
