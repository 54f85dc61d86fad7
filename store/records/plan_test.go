package records

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/probat-lab/probat/access"
)

// large are the tables that may have millions of rows: no query of a View reads one of them from end to end.
var large = []string{"findings", "requirements", "nodes", "seen", "words", "held", "messages"}

// TestPlans: SQLite's plans for every query of a View. Without statistics they do not depend on how many rows there are.
func TestPlans(t *testing.T) {
	r := lite(t)
	a := newAviary(t, r)
	asked := map[string][]any{}
	r.asked = func(text string, args []any) { asked[text] = args }
	n := a.nests[0]
	w := r.As(a.viewers()["regulator"])
	for _, ask := range crawl {
		ask(t.Context(), w, a, n, n, func(any, error) {})
	}
	r.asked = nil
	if len(asked) < 30 {
		t.Fatalf("only %d queries were asked", len(asked))
	}
	scan := regexp.MustCompile(`^SCAN (\w+)`)
	for text, args := range asked {
		rows, err := r.db.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+text, args...)
		plan := must(all(rows, err, func(scan func(...any) error, s *string) error {
			var id, parent, unused int
			return scan(&id, &parent, &unused, s)
		}))(t)
		for _, line := range plan {
			m := scan.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			if table := tableOf(text, m[1]); contains(large, table) {
				t.Errorf("reads all %s: %s\n%s\n%s", table, line, strings.TrimPrefix(text, visible), strings.Join(plan, "\n"))
			}
		}
	}
}

// tableOf is the table that a query calls by this name.
func tableOf(text, alias string) string {
	if m := regexp.MustCompile(`\b(?:FROM|JOIN)\s+(\w+)\s+` + alias + `\b`).FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return alias
}

// fill adds releases × requirements, and findings to all of them alike: 200 × 300 and 100,000 is the lab that the pages are measured on. Every second
// release is under embargo, and every fourth one's product is another's.
func fill(tb testing.TB, r *Records, releases, requirements, findings int) {
	tb.Helper()
	ctx := tb.Context()
	settle(tb, r)
	write(tb, r, func(tx *sql.Tx) error {
		return r.AddParty(ctx, tx, Party{ID: "op", Class: access.Operator, Name: "Op"}, "op", day)
	}, func(tx *sql.Tx) error {
		return r.AddParty(ctx, tx, Party{ID: "rival", Class: access.Vendor, Name: "Rival"}, "rival", day)
	})
	body := `{"text": "` + strings.Repeat("x", 400) + `"}`
	for i := range releases {
		p := Product{ID: fmt.Sprint("p", i/10), Owner: "acme", Name: fmt.Sprint("Router ", i/10), Kind: "equipment"}
		if i/10%4 == 0 {
			p.Owner = "rival"
		}
		write(tb, r, func(tx *sql.Tx) error { return fillOne(ctx, r, tx, p, i, requirements, findings/releases, body) })
	}
}

func fillOne(ctx context.Context, r *Records, tx *sql.Tx, p Product, i, requirements, findings int, body string) error {
	p, err := r.FindProduct(ctx, tx, p, p.ID)
	if err != nil {
		return err
	}
	id, d := fmt.Sprint("r", i), fmt.Sprint("d", i)
	x := Release{ID: id, Product: p, Name: fmt.Sprint("1.", i), State: "evaluated", Schemes: []string{"s"}, Created: day.AddDate(0, 0, i), Case: id}
	if i%2 == 0 {
		x.Embargo = day.AddDate(0, 0, 1)
	}
	if err := r.AddRelease(ctx, tx, &x, []byte("key")); err != nil {
		return err
	}
	if err := r.AddDossier(ctx, tx, Dossier{ID: d, Release: id, Origin: "lab", Made: day, Head: []byte("{}")}); err != nil {
		return err
	}
	if err := r.SetReleaseDossier(ctx, tx, id, d); err != nil {
		return err
	}
	if err := AddResult(ctx, tx, Result{Dossier: d, Release: id, Scheme: "s", Edition: "1", Body: body}); err != nil {
		return err
	}
	if i%10 == 0 {
		g := Grant{ID: "g" + id, Owner: p.Owner, Product: p.ID, Party: "op", Level: access.Evidence, From: day.AddDate(0, 0, -1), Person: "ann"}
		if err := r.AddGrant(ctx, tx, g); err != nil {
			return err
		}
	}
	for q := range requirements {
		x := Requirement{
			Dossier: d, Release: id, Scheme: "s", ID: fmt.Sprintf("4.%03d", q), Position: int64(q), Title: "The thing does as it is told", Verdict: "fail", Reason: "r", Body: body,
			Waits: q == 7,
		}
		if err := AddRequirement(ctx, tx, x); err != nil {
			return err
		}
		if err := AddWords(ctx, tx, Words{Text: x.ID + " " + x.Title, Kind: "requirement", Ref: "s/" + x.ID, Release: id, Dossier: d, Level: access.Verdict}); err != nil {
			return err
		}
	}
	for f := range findings {
		x := Finding{
			Dossier: d, Release: id, Scheme: "s", Requirement: fmt.Sprintf("4.%03d", f%5), Position: int64(f), Fingerprint: fmt.Sprint(f), Kind: "k", Severity: "high",
			Title: "It does not", Subject: "root", Body: body,
		}
		if err := AddFinding(ctx, tx, x); err != nil {
			return err
		}
		text := fmt.Sprintf("It does not usr/bin/tool%d root", f)
		if err := AddWords(ctx, tx, Words{Text: text, Kind: "finding", Ref: "s/" + x.Requirement, Release: id, Dossier: d, Level: access.Evidence}); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkView reads as pages do, as a regulator, who sees every release, and as an operator; "postgres" in its name needs a server.
func BenchmarkView(b *testing.B) {
	for kind, fresh := range map[string]func(testing.TB) *Records{"sqlite": lite, "postgres": postgres} {
		b.Run(kind, func(b *testing.B) {
			r := fresh(b)
			fill(b, r, 200, 300, 100_000)
			for name, v := range map[string]access.Viewer{
				"owner":     ann,
				"regulator": {Party: "lab", Person: "eva", Class: access.Regulator, At: day},
				"operator":  {Party: "op", Person: "o", Class: access.Operator, At: day},
			} {
				b.Run(name, func(b *testing.B) { reads(b, r.As(v)) })
			}
		})
	}
}

func reads(b *testing.B, w *View) {
	ctx, release := b.Context(), "r11"
	for name, read := range map[string]func() (int, error){
		"Releases": func() (int, error) {
			list, _, err := w.Releases(ctx, "", Page{Most: 50})
			return len(list), err
		},
		"Release":      func() (int, error) { _, err := w.Release(ctx, release); return 1, err },
		"Results":      func() (int, error) { list, err := w.Results(ctx, ""); return len(list), err },
		"Requirements": func() (int, error) { list, err := w.Requirements(ctx, release, "s", ""); return len(list), err },
		"Requirement":  func() (int, error) { _, err := w.Requirement(ctx, release, "s", "4.007", ""); return 1, err },
		"Findings": func() (int, error) {
			list, _, err := w.Findings(ctx, release, "s", "4.003", "", Page{Most: 50})
			return len(list), err
		},
		"FindingsOfAll": func() (int, error) {
			list, _, err := w.Findings(ctx, release, "s", "", "", Page{Most: 50})
			return len(list), err
		},
		"Parties":      func() (int, error) { list, err := w.Parties(ctx); return len(list), err },
		"Waiting":      func() (int, error) { _, err := w.Waiting(ctx, Page{Most: 50}); return 1, err },
		"SearchRare":   func() (int, error) { list, err := w.Search(ctx, "1.11", 50); return len(list), err },
		"SearchCommon": func() (int, error) { list, err := w.Search(ctx, "does not", 50); return len(list) + 1, err },
		"SearchShort":  func() (int, error) { list, err := w.Search(ctx, "ro", 50); return len(list), err },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if n, err := read(); err != nil || n == 0 {
					b.Fatalf("%d rows, %v", n, err)
				}
			}
		})
	}
}
