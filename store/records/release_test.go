package records

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/access"
)

var ann = access.Viewer{Party: "acme", Person: "ann", Class: access.Vendor, Role: access.Admin, At: day}

// evaluate adds a lab's dossier d and a vendor's dossier v to the release of submit.
func evaluate(t testing.TB, r *Records) {
	t.Helper()
	ctx := t.Context()
	write(t, r, func(tx *sql.Tx) error {
		return r.AddDossier(ctx, tx, Dossier{ID: "d", Release: "one", Origin: "lab", Made: day, Head: []byte(`{"dossier": "digest"}`)})
	}, func(tx *sql.Tx) error {
		return r.AddDossier(ctx, tx, Dossier{ID: "v", Release: "one", Origin: "vendor", Made: day, Head: []byte("{}")})
	})
}

func TestRelease(t *testing.T) {
	each(t, func(t *testing.T, r *Records) {
		ctx := t.Context()
		submit(t, r)
		evaluate(t, r)
		x := must(r.ReleaseFor(ctx, "one"))(t)
		if x.Product.Name != "Router" || x.Vendor != "Acme" || !x.Embargo.IsZero() || x.Created != day || x.Schemes[0] != "s" {
			t.Errorf("the release is %+v", x)
		}
		equal(t, "object", x.Object(), access.Object{Release: "one", Owner: "acme", Level: access.Whole})
		key, owner, err := r.ReleaseKey(ctx, "one")
		if string(key) != "key" || owner != "acme" || err != nil {
			t.Errorf("the key is %q of %q: %v", key, owner, err)
		}
		_, _, err = r.ReleaseKey(ctx, "two")
		wantErr(t, "a key of nothing", err, ErrNotFound)
		_, err = r.ReleaseFor(ctx, "two")
		wantErr(t, "no release", err, ErrNotFound)
		write(t, r, func(tx *sql.Tx) error {
			p, err := r.FindProduct(ctx, tx, Product{ID: "other", Owner: "acme", Name: "ROUTER"}, "router")
			equal(t, "the product that is there", p.ID, "router")
			return err
		})
		refuse(t, r, "a state that it has not", ErrNotFound, func(tx *sql.Tx) error {
			return r.SetReleaseState(ctx, tx, "one", "evaluated", "", "evaluating", "failed")
		})
		write(t, r, func(tx *sql.Tx) error { return r.SetReleaseDossier(ctx, tx, "one", "d") })
		for _, d := range []string{"v", "x"} {
			refuse(t, r, "the dossier "+d+" counts", ErrNotFound, func(tx *sql.Tx) error { return r.SetReleaseDossier(ctx, tx, "one", d) })
		}
		equal(t, "the dossier that counts", must(r.As(ann).Release(ctx, "one"))(t).Dossier, "d")

		for i, name := range []string{"b", "B", "_"} {
			h := Held{ID: fmt.Sprint("h", i), Release: "one", Kind: HeldCredential, Parent: "c" + name, Name: name, Size: 1 << 40, Level: access.Summary, Wrapped: []byte{0, 255}}
			write(t, r, func(tx *sql.Tx) error { return AddHeld(ctx, tx, h) })
		}
		held := must(r.HeldFor(ctx, "one", HeldCredential, ""))(t)
		equal(t, "held", ids(held, func(h Held) string { return h.Name }), "B _ b")
		write(t, r, func(tx *sql.Tx) error {
			return AddHeld(ctx, tx, Held{ID: "hd", Release: "one", Kind: HeldDossier, Parent: "d", Name: "facts", Level: access.Evidence, Wrapped: []byte("w")})
		})
		dossiers := must(r.HeldDossiers(ctx))(t)
		equal(t, "held of dossiers", ids(dossiers["digest"], func(h Held) string { return h.Name }), "facts")
		equal(t, "held for a parent", len(must(r.HeldFor(ctx, "one", HeldCredential, "cB"))(t)), 1)
		equal(t, "a credential's", must(r.CredentialHeld(ctx, "cb"))(t).Size, int64(1<<40))
	})
}

// TestRowsOfOneRelease: what belongs to a dossier cannot stand under another release, where others would see it.
func TestRowsOfOneRelease(t *testing.T) {
	each(t, func(t *testing.T, r *Records) {
		ctx := t.Context()
		submit(t, r)
		evaluate(t, r)
		two := Release{ID: "two", Product: Product{ID: "router", Owner: "acme", Name: "Router"}, Name: "2.0", State: "submitted", Created: day, Case: "case 2"}
		write(t, r, func(tx *sql.Tx) error { return r.AddRelease(ctx, tx, &two, []byte("key")) })
		for what, step := range map[string]func(tx *sql.Tx) error{
			"result":      func(tx *sql.Tx) error { return AddResult(ctx, tx, Result{Dossier: "d", Release: "two"}) },
			"requirement": func(tx *sql.Tx) error { return AddRequirement(ctx, tx, Requirement{Dossier: "d", Release: "two"}) },
			"finding":     func(tx *sql.Tx) error { return AddFinding(ctx, tx, Finding{Dossier: "d", Release: "two"}) },
			"node":        func(tx *sql.Tx) error { return AddNode(ctx, tx, "d", "two", 0, -1, "a", "b") },
			"seen":        func(tx *sql.Tx) error { return AddSeen(ctx, tx, "d", "two", "fact", 0, 0, "b") },
			"issued": func(tx *sql.Tx) error {
				return r.AddIssued(ctx, tx, Issued{ID: "i", Dossier: "d", Release: "two", Published: "public"})
			},
			"agreement": func(tx *sql.Tx) error {
				return r.AddAgreement(ctx, tx, Agreement{ID: "a", Dossier: "d", Release: "two", Person: "eva"})
			},
			"counts": func(tx *sql.Tx) error { return r.SetReleaseDossier(ctx, tx, "two", "d") },
		} {
			if err := r.Tx(ctx, step); err == nil {
				t.Errorf("%s of another release's dossier was written", what)
			}
		}
	})
}

func TestActs(t *testing.T) {
	each(t, func(t *testing.T, r *Records) {
		ctx := t.Context()
		submit(t, r)
		evaluate(t, r)
		agree := func(id, person string) func(*sql.Tx) error {
			return func(tx *sql.Tx) error {
				return r.AddAgreement(ctx, tx, Agreement{ID: id, Release: "one", Dossier: "d", Scheme: "s", Profile: "p", Person: person, Made: day})
			}
		}
		write(t, r, agree("1", "eva"))
		refuse(t, r, "agreed twice", ErrAgreed, agree("2", "eva"))
		write(t, r, agree("3", "ann"))
		issued := Issued{ID: "i", Release: "one", Dossier: "d", Made: day, Until: day.Add(time.Hour), Published: "private", Body: []byte("{}")}
		write(t, r, func(tx *sql.Tx) error { return r.AddIssued(ctx, tx, issued) }, func(tx *sql.Tx) error { return r.AddIssued(ctx, tx, issued) })
		equal(t, "issued once", len(must(r.As(ann).Issued(ctx, ""))(t)), 1)
		for state, x := range map[string]Issued{
			"valid": {Until: day.Add(1)}, "expired": {Until: day, Superseded: true}, "revoked": {Revoked: true, Suspended: true}, "suspended": {Suspended: true},
			"superseded": {Until: day.Add(1), Superseded: true},
		} {
			equal(t, "state", x.State(day), state)
		}
		refuse(t, r, "published of another release", ErrNotFound, func(tx *sql.Tx) error { return r.SetPublished(ctx, tx, "two", "i", "public") })

		// The writers of one thread, and who it is for, in order of their names' bytes.
		for i, name := range []string{"b", "B", "_"} {
			write(t, r, func(tx *sql.Tx) error {
				return r.AddParty(ctx, tx, Party{ID: name, Class: access.Operator, Name: name}, fmt.Sprint(i), day)
			})
		}
		for i, to := range [][]string{{"b", "B", "_"}, nil} {
			m := Message{ID: fmt.Sprint(i), Release: "one", Scheme: "s", Requirement: "q", Party: "acme", Posted: day, Leaf: int64(i), Text: "hello"}
			write(t, r, func(tx *sql.Tx) error { return r.AddMessage(ctx, tx, m, "ann", to) })
		}
		list := must(r.As(ann).Messages(ctx, "one", "", ""))(t)
		if len(list) != 2 || list[0].Thread != list[1].Thread || strings.Join(list[0].Audience, " ") != "B _ b" || len(list[1].Audience) != 0 {
			t.Errorf("the messages are %+v", list)
		}
	})
}

func TestSearch(t *testing.T) {
	each(t, func(t *testing.T, r *Records) {
		ctx := t.Context()
		submit(t, r)
		evaluate(t, r)
		write(t, r, func(tx *sql.Tx) error { return r.SetReleaseDossier(ctx, tx, "one", "d") })
		for _, w := range []Words{
			{Text: "router!/etc/ssh/sshd_config", Kind: "node", Dossier: "d", Level: access.Evidence},
			{Text: "ÄRGER mit 100% \"Grün\" \x00\xff a_b", Kind: "finding", Dossier: "d", Level: access.Verdict},
			{Text: "passwords are hashed", Kind: "requirement", Dossier: "d", Level: access.Verdict},
			{Text: "passwords of the vendor", Kind: "requirement", Dossier: "v", Level: access.Verdict},
		} {
			w.Ref, w.Release = w.Kind, "one"
			write(t, r, func(tx *sql.Tx) error { return AddWords(ctx, tx, w) })
		}
		for text, want := range map[string]string{
			"router": "release node", "ROUTER 1.0": "release", "1.0 rout": "release", "ro": "release", "1": "release", "r 1.0": "release", "s": "",
			"sshd_config": "node", "ssh/": "node", "config etc": "node", "sshdXconfig": "", "onfi": "node",
			"ärger": "finding", "ÄRGE": "finding", "rger": "finding", "arger": "", "100%": "finding", "100_": "", `"grün"`: "finding", "a_b": "finding", "axb": "",
			"password": "requirement", "passwords hashed": "requirement", "hashed are": "requirement", "passwords vendor": "", "words": "requirement",
			"": "", " \t": "", "rou ter": "release node", "router x": "", strings.Repeat("router ", 100): "release node",
		} {
			hits := must(r.As(ann).Search(ctx, text, 10))(t)
			if got := ids(hits, func(h Hit) string { return h.Kind }); got != want {
				t.Errorf("%q finds %q, want %q", text, got, want)
			}
		}
		equal(t, "at most", len(must(r.As(ann).Search(ctx, "router", 1))(t)), 1)
		equal(t, "nobody's", len(must(r.As(access.Viewer{At: day}).Search(ctx, "router", 9))(t)), 0)
		write(t, r, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM words WHERE kind = 'node'`)
			return err
		})
		equal(t, "removed", len(must(r.As(ann).Search(ctx, "sshd", 9))(t)), 0)
	})
}

// TestSearchWithoutExtension: where pg_trgm may not be had the migration goes on, and searches find the same.
func TestSearchWithoutExtension(t *testing.T) {
	r := postgres(t)
	submit(t, r)
	write(t, r, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `DROP EXTENSION pg_trgm CASCADE`)
		return err
	})
	equal(t, "found", len(must(r.As(ann).Search(t.Context(), "oute", 9))(t)), 1)
}

func TestGuarded(t *testing.T) {
	ctx := t.Context()
	ok(t, lite(t).Guarded(ctx))
	r := postgres(t)
	ok(t, r.Guarded(ctx))
	write(t, r, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `ALTER TABLE findings NO FORCE ROW LEVEL SECURITY`)
		return err
	})
	wantErr(t, "a table without", r.Guarded(ctx), ErrUnguarded)
	wantErr(t, "a superuser", open(t, postgresURL(t, "probat")).Guarded(ctx), ErrUnguarded)

	// It is the viewer's until the transaction ends, and nobody's afterwards, on the same connection.
	r = postgres(t)
	submit(t, r)
	count := func(tx *sql.Tx) (n int) {
		ok(t, tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM releases`).Scan(&n))
		return n
	}
	for range 20 {
		ok(t, r.As(access.Viewer{At: day}).look(ctx, func(tx *sql.Tx) error { equal(t, "a stranger's", count(tx), 0); return nil }))
		ok(t, r.As(ann).look(ctx, func(tx *sql.Tx) error { equal(t, "the owner's", count(tx), 1); return nil }))
		ok(t, r.db.Read(ctx, func(tx *sql.Tx) error { equal(t, "the server's", count(tx), 1); return nil }))
	}
}
