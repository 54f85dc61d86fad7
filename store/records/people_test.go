package records

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/store"
)

// settle adds the home lab, a vendor and a person of each: "lab" with "eva", "acme" with "ann".
func settle(t testing.TB, r *Records) {
	t.Helper()
	ctx := t.Context()
	write(t, r,
		func(tx *sql.Tx) error {
			return r.AddParty(ctx, tx, Party{ID: "lab", Class: access.Lab, Name: "Lab", Home: true}, "lab", day)
		},
		func(tx *sql.Tx) error {
			return r.AddParty(ctx, tx, Party{ID: "acme", Class: access.Vendor, Name: "Acme"}, "acme", day)
		},
		func(tx *sql.Tx) error {
			return r.AddPerson(ctx, tx, Person{ID: "eva", PartyID: "lab", Name: "Eva", Role: access.Member, Handle: []byte{0, 255}, Created: day})
		},
		func(tx *sql.Tx) error {
			return r.AddPerson(ctx, tx, Person{ID: "ann", PartyID: "acme", Name: "Ann", Role: access.Admin, Handle: []byte{1}, Created: day})
		},
	)
}

func TestParties(t *testing.T) {
	each(t, func(t *testing.T, r *Records) {
		ctx := t.Context()
		_, err := r.Home(ctx)
		wantErr(t, "home before there is one", err, ErrNotFound)
		settle(t, r)
		equal(t, "home", must(r.Home(ctx))(t).ID, "lab")
		equal(t, "acme", must(r.Party(ctx, "acme"))(t), Party{ID: "acme", Class: access.Vendor, Name: "Acme"})
		equal(t, "by name", must(r.PartyByName(ctx, "acme"))(t).ID, "acme")
		_, err = r.PartyByName(ctx, "nobody")
		wantErr(t, "by a name that nobody has", err, ErrNotFound)
		refuse(t, r, "a second of that name", ErrTaken, func(tx *sql.Tx) error {
			return r.AddParty(ctx, tx, Party{ID: "x", Class: access.Vendor, Name: "ACME"}, "acme", day)
		})
		refuse(t, r, "a second home", ErrTaken, func(tx *sql.Tx) error {
			return r.AddParty(ctx, tx, Party{ID: "x", Class: access.Lab, Name: "X", Home: true}, "x", day)
		})

		ann := must(r.Person(ctx, "ann"))(t)
		if want := (Person{ID: "ann", PartyID: "acme", Name: "Ann", Role: access.Admin, Handle: []byte{1}, Login: "ann", Created: day}); !cmp.Equal(ann, want) {
			t.Error(cmp.Diff(want, ann))
		}
		equal(t, "by handle", must(r.PersonByHandle(ctx, []byte{0, 255}))(t).ID, "eva")
		write(t, r, func(tx *sql.Tx) error {
			return r.AddPerson(ctx, tx, Person{ID: "ann2", PartyID: "lab", Name: "ANN", Role: access.Member, Handle: []byte{2}, Created: day})
		})
		equal(t, "by login", must(r.PersonByLogin(ctx, "ann2"))(t).ID, "ann2")
		for _, login := range []string{"", "Ann", "ann3", "\x00"} {
			_, err = r.PersonByLogin(ctx, login)
			wantErr(t, "by login "+login, err, ErrNotFound)
		}
		ok(t, r.SetPassword(ctx, "ann", "$argon2id$"))
		equal(t, "password", must(r.Person(ctx, "ann"))(t).Password, "$argon2id$")
		wantErr(t, "a password of nobody", r.SetPassword(ctx, "x", "y"), ErrNotFound)
		for i, name := range []string{"b", "B", "Äb", "_", "a b", "ab"} {
			write(t, r, func(tx *sql.Tx) error {
				return r.AddPerson(ctx, tx, Person{ID: "p" + name, PartyID: "acme", Name: name, Role: access.Reader, Handle: []byte{9, byte(i)}, Created: day})
			})
		}
		equal(t, "in order of bytes", ids(must(r.People(ctx, "acme"))(t), func(p Person) string { return p.Name }), "Ann B _ a b ab b Äb")
	})
}

func TestSigningIn(t *testing.T) {
	each(t, func(t *testing.T, r *Records) {
		ctx := t.Context()
		settle(t, r)
		later := day.Add(time.Hour)
		for _, l := range []struct {
			digest string
			link   Link
		}{{"once", Link{Person: "ann", Expires: later}}, {"demo", Link{Person: "ann", Repeats: true}}, {"old", Link{Person: "ann", Expires: day}}} {
			write(t, r, func(tx *sql.Tx) error { return r.AddLink(ctx, tx, []byte(l.digest), l.link) })
		}
		equal(t, "link", must(r.Link(ctx, []byte("once"), day))(t), Link{Person: "ann", Expires: later})
		equal(t, "link of the demo", must(r.Link(ctx, []byte("demo"), later))(t), Link{Person: "ann", Repeats: true})
		for range 2 {
			equal(t, "used", must(r.UseLink(ctx, []byte("demo"), later))(t), "ann")
		}
		for _, digest := range []string{"old", "none"} {
			_, err := r.UseLink(ctx, []byte(digest), day)
			wantErr(t, digest, err, ErrNotFound)
			_, err = r.Link(ctx, []byte(digest), day)
			wantErr(t, digest, err, ErrNotFound)
		}

		session := func(method string, begun time.Time) Session {
			return Session{Person: "ann", Method: method, Begun: begun, Expires: later}
		}
		ok(t, r.ReplaceSession(ctx, nil, []byte("s1"), session("passkey", day)))
		ok(t, r.ReplaceSession(ctx, nil, []byte("s2"), session("password", day.Add(time.Second))))
		ok(t, r.ReplaceSession(ctx, []byte("s1"), []byte("s3"), session("link", day.Add(2*time.Second))))
		sessions := must(r.Sessions(ctx, "ann", day))(t)
		equal(t, "sessions", ids(sessions, func(s Session) string { return s.Method }), "link password")
		equal(t, "sessions that are over", len(must(r.Sessions(ctx, "ann", later))(t)), 0)
		who := must(r.BySession(ctx, []byte("s3"), day))(t)
		if who.Person.ID != "ann" || who.Party.ID != "acme" || who.Scope != access.ScopeAll || who.Method != "link" || who.Session != sessions[0].ID {
			t.Errorf("the session is of %+v", who)
		}
		_, err := r.BySession(ctx, []byte("s1"), day)
		wantErr(t, "replaced", err, ErrNotFound)
		_, err = r.BySession(ctx, []byte("s3"), later)
		wantErr(t, "over", err, ErrNotFound)
		wantErr(t, "ended by another", r.EndSessionOf(ctx, "eva", sessions[0].ID), ErrNotFound)
		ok(t, r.EndSessionOf(ctx, "ann", sessions[0].ID))
		ok(t, r.EndSession(ctx, []byte("s2")))
		ok(t, r.EndSession(ctx, []byte("s2")))
		equal(t, "sessions that are left", len(must(r.Sessions(ctx, "ann", day))(t)), 0)

		token := Token{ID: "t", Person: "ann", Label: "pipeline", Scope: access.ScopeSubmit, Created: day, Expires: later}
		write(t, r, func(tx *sql.Tx) error { return r.AddToken(ctx, tx, []byte("t1"), token) })
		equal(t, "token", must(r.Tokens(ctx, "ann"))(t)[0], token)
		who = must(r.ByToken(ctx, []byte("t1"), day))(t)
		if who.Person.ID != "ann" || who.Scope != access.ScopeSubmit || who.Method != "token" || who.Session != "" {
			t.Errorf("the token is of %+v", who)
		}
		wantErr(t, "another's token", r.EndToken(ctx, "eva", "t"), ErrNotFound)
		ok(t, r.EndToken(ctx, "ann", "t"))
		_, err = r.ByToken(ctx, []byte("t1"), day)
		wantErr(t, "an ended token", err, ErrNotFound)
	})
}

func TestProviders(t *testing.T) {
	each(t, func(t *testing.T, r *Records) {
		ctx := t.Context()
		settle(t, r)
		for _, client := range []string{"one", "two"} {
			p := Provider{Party: "acme", Issuer: "https://id", Client: client, Sealed: []byte{0, 1}}
			ok(t, r.SetProvider(ctx, p))
			if got := must(r.Provider(ctx, "acme"))(t); !cmp.Equal(got, p) {
				t.Error(cmp.Diff(p, got))
			}
		}
		_, err := r.Provider(ctx, "lab")
		wantErr(t, "no provider", err, ErrNotFound)
		ok(t, r.AddIdentity(ctx, "acme", "https://id", "a\uFFFD", "ann"))
		wantErr(t, "taken", r.AddIdentity(ctx, "acme", "https://id", "a\uFFFD", "eva"), ErrTaken)
		ok(t, r.AddIdentity(ctx, "acme", "https://id", "eva", "eva")) // of another party
		equal(t, "who", must(r.PersonByIdentity(ctx, "acme", "https://id", "a\uFFFD"))(t).ID, "ann")
		wantErr(t, "what no text can be", r.AddIdentity(ctx, "acme", "https://id", "b\x00", "ann"), ErrNotFound)
		for _, who := range [][3]string{{"acme", "https://id", "a\x00"}, {"acme", "https://id", "a\xff"}, {"acme", "https://other", "a\uFFFD"}, {"lab", "https://id", "a\uFFFD"}, {"acme", "https://id", "eva"}} {
			_, err := r.PersonByIdentity(ctx, who[0], who[1], who[2])
			wantErr(t, "not "+who[2], err, ErrNotFound)
		}
	})
}

// TestEndPerson: whoever has ended gets in by nothing, and another party's admin ends nobody.
func TestEndPerson(t *testing.T) {
	each(t, func(t *testing.T, r *Records) {
		ctx := t.Context()
		settle(t, r)
		ok(t, r.ReplaceSession(ctx, nil, []byte("s"), Session{Person: "ann", Begun: day, Expires: day.Add(time.Hour)}))
		ok(t, r.AddPasskey(ctx, Passkey{ID: []byte("k"), Person: "ann", Body: json.RawMessage(`{}`)}, day))
		write(t, r, func(tx *sql.Tx) error { return r.AddLink(ctx, tx, []byte("l"), Link{Person: "ann"}) })
		write(t, r, func(tx *sql.Tx) error {
			return r.AddToken(ctx, tx, []byte("t"), Token{ID: "t", Person: "ann", Scope: access.ScopeAll, Created: day, Expires: day.Add(time.Hour)})
		})
		refuse(t, r, "by another party", ErrNotFound, func(tx *sql.Tx) error { return r.EndPerson(ctx, tx, "lab", "ann", day) })
		write(t, r, func(tx *sql.Tx) error { return r.EndPerson(ctx, tx, "acme", "ann", day) })
		refuse(t, r, "again", ErrNotFound, func(tx *sql.Tx) error { return r.EndPerson(ctx, tx, "acme", "ann", day) })
		for what, ask := range map[string]func() error{
			"person":  func() error { _, err := r.Person(ctx, "ann"); return err },
			"handle":  func() error { _, err := r.PersonByHandle(ctx, []byte{1}); return err },
			"session": func() error { _, err := r.BySession(ctx, []byte("s"), day); return err },
			"token":   func() error { _, err := r.ByToken(ctx, []byte("t"), day); return err },
			"link":    func() error { _, err := r.UseLink(ctx, []byte("l"), day); return err },
			"passkey": func() error { return r.PasskeyUsed(ctx, []byte("k"), 0, 1, false) },
		} {
			wantErr(t, what, ask(), ErrNotFound)
		}
		equal(t, "people", len(must(r.People(ctx, "acme"))(t)), 0)
	})
}

func TestKeys(t *testing.T) {
	each(t, func(t *testing.T, r *Records) {
		ctx := t.Context()
		settle(t, r)
		key := Passkey{ID: []byte{0, 1, 255}, Person: "ann", Counter: 1<<32 - 1, BackedUp: true, Body: json.RawMessage(`{"a":1}`)}
		ok(t, r.AddPasskey(ctx, key, day))
		if err := r.AddPasskey(ctx, Passkey{ID: key.ID, Person: "eva", Body: json.RawMessage(`{}`)}, day); !store.IsUnique(err) {
			t.Errorf("somebody else's passkey: %v", err)
		}
		if got := must(r.Passkeys(ctx, "ann"))(t); !cmp.Equal(got, []Passkey{key}) {
			t.Error(cmp.Diff([]Passkey{key}, got))
		}
		ok(t, r.PasskeyUsed(ctx, key.ID, key.Counter, 7, false))
		wantErr(t, "used from another counter", r.PasskeyUsed(ctx, key.ID, key.Counter, 8, false), ErrNotFound)
		got := must(r.Passkeys(ctx, "ann"))(t)[0]
		if got.Counter != 7 || got.BackedUp {
			t.Errorf("after use: %+v", got)
		}

		own := PartyKey{ID: "fingerprint", Party: "acme", SPKI: []byte{1, 0}, From: day, Until: day.Add(time.Hour), Statement: "s"}
		write(t, r, func(tx *sql.Tx) error { return r.AddPartyKey(ctx, tx, own) })
		refuse(t, r, "another party's key", ErrTaken, func(tx *sql.Tx) error {
			again := own
			again.Party = "lab"
			return r.AddPartyKey(ctx, tx, again)
		})
		if got := must(r.PartyKeys(ctx, "acme"))(t); !cmp.Equal(got, []PartyKey{own}) {
			t.Error(cmp.Diff([]PartyKey{own}, got))
		}
		for _, fresh := range []string{"first", "second"} {
			if got := must(r.Secret(ctx, "storage", []byte(fresh)))(t); !bytes.Equal(got, []byte("first")) {
				t.Errorf("the secret is %q", got)
			}
		}
	})
}

// TestHostileTexts: what no text of a database can be is not found, and no error that would tell it from what is not there.
func TestHostileTexts(t *testing.T) {
	each(t, func(t *testing.T, r *Records) {
		ctx := t.Context()
		settle(t, r)
		view := r.As(access.Viewer{Party: "acme", Person: "ann", Class: access.Vendor, Role: access.Admin, At: day})
		for _, text := range []string{"\x00", "a\x00b", "\xff\xfe", "'", `"`, "%", "_", `\`, "*", "NEAR(", "a OR b", "$1", "?1", "\u202e", "-", "''"} {
			for what, ask := range map[string]func() error{
				"release": func() error { _, err := view.Release(ctx, text); return err },
				"held":    func() error { _, err := view.HeldByID(ctx, text); return err },
				"node":    func() error { _, err := view.Node(ctx, text, text); return err },
			} {
				wantErr(t, what+" of "+text, ask(), ErrNotFound)
			}
			for _, s := range []string{text, text + text + text, "abc " + text} {
				if hits, err := view.Search(ctx, s, 10); err != nil || len(hits) != 0 {
					t.Errorf("search for %q: %v, %v", s, hits, err)
				}
			}
		}
		if answer, err := r.Once(ctx, "ann", "\x00\xff", "what", func() (string, error) { return "done", nil }); answer != "done" || err != nil {
			t.Errorf("once: %q, %v", answer, err)
		}
	})
}

// TestEveryFunction: no exported function of the package is without a test that calls it.
func TestEveryFunction(t *testing.T) {
	called := sources(t, ".", "_test.go")
	for _, name := range exported(t) {
		if !slices.ContainsFunc(called, func(s string) bool { return callOf(name).MatchString(s) }) {
			t.Errorf("no test calls %s", name)
		}
	}
}
