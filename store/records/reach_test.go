package records

import (
	"cmp"
	"context"
	"database/sql"
	flags "flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/probat-lab/probat/access"
)

// world is what decides who sees what, as access knows it and as it stands in a database.
type world struct {
	parties     []Party
	people      []Person
	products    []Product
	releases    []Release
	grants      []access.Grant
	assignments []access.Assignment
}

// moment is one of few points in time, so that two are often the same; the first is none.
func moment(t *rapid.T, label string, none bool) time.Time {
	n := rapid.IntRange(0, 12).Draw(t, label)
	if none && n < 4 {
		return time.Time{}
	}
	return day.Add(time.Duration(n) * time.Second)
}

func pick[T any](t *rapid.T, label string, list []T) T {
	return list[rapid.IntRange(0, len(list)-1).Draw(t, label)]
}

func drawWorld(t *rapid.T) *world {
	w := &world{}
	names := []string{"a", "B", "b", "é", "_", "Z", "1", "a b", "ab"}
	classes := append([]access.Class{access.Lab, access.Vendor}, rapid.SliceOfN(rapid.SampledFrom([]access.Class{access.Lab, access.Vendor, access.Operator, access.Regulator}), 0, 6).Draw(t, "classes")...)
	for i, c := range classes {
		p := Party{ID: fmt.Sprintf("party%d", i), Class: c, Name: pick(t, "name", names), Home: i == 0}
		w.parties = append(w.parties, p)
		for j := range rapid.IntRange(1, 2).Draw(t, "people") {
			role := rapid.SampledFrom([]access.Role{access.Admin, access.Member, access.Reader}).Draw(t, "role")
			w.people = append(w.people, Person{ID: fmt.Sprintf("person%d.%d", i, j), PartyID: p.ID, Name: "n", Role: role, Handle: []byte(fmt.Sprint(i, j))})
		}
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "products") {
		w.products = append(w.products, Product{ID: fmt.Sprintf("product%d", i), Owner: pick(t, "owner", w.parties).ID, Name: pick(t, "name", names), Kind: "equipment"})
	}
	for i := range rapid.IntRange(1, 7).Draw(t, "releases") {
		id := fmt.Sprintf("release%d", i)
		w.releases = append(w.releases, Release{
			ID: id, Product: pick(t, "product", w.products), Name: "1", Embargo: moment(t, "embargo", true), State: "submitted", Created: moment(t, "created", false), Case: id,
		})
	}
	for range rapid.IntRange(0, 10).Draw(t, "grants") {
		p := pick(t, "product", w.products)
		g := access.Grant{
			Owner: p.Owner, Product: p.ID, Party: pick(t, "party", w.parties).ID, Level: access.Level(rapid.IntRange(1, 4).Draw(t, "level")),
			From: moment(t, "from", true), Until: moment(t, "until", true),
		}
		if rapid.Bool().Draw(t, "of a release") {
			g.Release = pick(t, "release", w.releases).ID // of another product, at times
		}
		if rapid.IntRange(0, 9).Draw(t, "of another owner") == 0 {
			g.Owner = pick(t, "owner", w.parties).ID
		}
		w.grants = append(w.grants, g)
	}
	for range rapid.IntRange(0, 8).Draw(t, "assignments") {
		w.assignments = append(w.assignments, access.Assignment{
			Release: pick(t, "release", w.releases).ID, Person: pick(t, "person", w.people).ID, From: moment(t, "from", true), Until: moment(t, "until", true),
		})
	}
	return w
}

// keep writes the world, and ends some of the grants and assignments, there and here.
func (w *world) keep(ctx context.Context, t *rapid.T, tx *sql.Tx, r *Records) error {
	for i, p := range w.parties {
		if err := r.AddParty(ctx, tx, p, fmt.Sprint(i), day); err != nil {
			return err
		}
	}
	for _, p := range w.people {
		if err := r.AddPerson(ctx, tx, p); err != nil {
			return err
		}
	}
	for i, p := range w.products {
		if _, err := r.FindProduct(ctx, tx, p, fmt.Sprint(i)); err != nil {
			return err
		}
	}
	for i := range w.releases {
		x := &w.releases[i]
		if err := r.AddRelease(ctx, tx, x, []byte("key")); err != nil {
			return err
		}
		if err := AddHeld(ctx, tx, Held{ID: "held " + x.ID, Release: x.ID, Kind: HeldDocument, Level: 1, Wrapped: []byte("w")}); err != nil {
			return err
		}
	}
	for i := range w.grants {
		g := &w.grants[i]
		x := Grant{ID: fmt.Sprint(i), Owner: g.Owner, Product: g.Product, Release: g.Release, Party: g.Party, Level: g.Level, From: g.From, Until: g.Until, Person: w.people[0].ID}
		if err := r.AddGrant(ctx, tx, x); err != nil {
			return err
		}
		if end := moment(t, "end", true); !end.IsZero() && (g.Until.IsZero() || g.Until.After(end)) {
			g.Until = end
			if err := r.EndGrant(ctx, tx, g.Owner, x.ID, end); err != nil {
				return err
			}
		}
	}
	for i := range w.assignments {
		a := &w.assignments[i]
		kind := rapid.SampledFrom([]string{"assigned", "elevated"}).Draw(t, "kind")
		x := Assignment{ID: fmt.Sprint(i), Release: a.Release, Person: a.Person, Kind: kind, By: w.people[0].ID, From: a.From, Until: a.Until}
		if err := r.AddAssignment(ctx, tx, x); err != nil {
			return err
		}
		if end := moment(t, "end", true); !end.IsZero() && (a.Until.IsZero() || a.Until.After(end)) {
			a.Until = end
			if err := r.EndAssignment(ctx, tx, a.Release, x.ID, end); err != nil {
				return err
			}
		}
	}
	return nil
}

// viewers are all people at some moments, somebody who has not signed in, and somebody whom nobody knows.
func (w *world) viewers(t *rapid.T) []access.Viewer {
	all := []access.Viewer{{Party: w.parties[0].ID, Home: true, Role: access.Admin}, {Person: "-", Party: "party1"}, {Person: "nobody", Party: "none"}}
	for _, p := range w.people {
		i := slices.IndexFunc(w.parties, func(y Party) bool { return y.ID == p.PartyID })
		all = append(all, access.Viewer{Party: p.PartyID, Person: p.ID, Class: w.parties[i].Class, Home: w.parties[i].Home, Role: p.Role})
	}
	for i := range all {
		all[i].At = moment(t, "at", false).Add(time.Duration(rapid.SampledFrom([]int{0, 1, 999_999_999}).Draw(t, "nanoseconds")))
	}
	return all
}

// expect is what the viewer should see of a release: 0 and false for nothing.
func (w *world) expect(v access.Viewer, r *Release) (level access.Level, assigned bool) {
	level = access.Reach(v, access.Release{ID: r.ID, Product: r.Product.ID, Owner: r.Product.Owner, Embargo: r.Embargo}, w.grants, w.assignments)
	if v.Home && v.Known() {
		alone := []access.Assignment{}
		for _, a := range w.assignments {
			if a.Person == v.Person {
				alone = append(alone, a)
			}
		}
		// Assigned is who would see all of it as a member of the lab that has nothing else to do with it.
		stranger := v
		stranger.Party, stranger.Role, stranger.Class = "stranger", access.Member, access.Lab
		assigned = access.Reach(stranger, access.Release{ID: r.ID}, nil, alone) == access.Whole
	}
	return level, assigned
}

// TestReach: the level of each release in SQL is exactly what package access says, in random worlds; row-level security hides exactly what it hides.
func TestReach(t *testing.T) {
	each(t, func(t *testing.T, r *Records) {
		if !r.lite() {
			checks := flags.Lookup("rapid.checks").Value
			before := checks.String()
			ok(t, checks.Set("25"))
			defer func() { ok(t, checks.Set(before)) }()
		}
		seen := map[access.Level]int{}
		rapid.Check(t, func(rt *rapid.T) {
			ctx := t.Context()
			erase(t, r)
			w := drawWorld(rt)
			ok(t, r.Tx(ctx, func(tx *sql.Tx) error { return w.keep(ctx, rt, tx, r) }))
			for _, v := range w.viewers(rt) {
				w.check(ctx, rt, r, v, seen)
			}
		})
		for l := access.Nothing; l <= access.Whole; l++ {
			if seen[l] == 0 {
				t.Errorf("no world had a release at level %v", l)
			}
		}
	})
}

func (w *world) check(ctx context.Context, t *rapid.T, r *Records, v access.Viewer, seen map[access.Level]int) {
	view := r.As(v)
	list, total, err := view.Releases(ctx, "", Page{Most: 100})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(list, func(a, b Release) int {
		return cmp.Or(cmp.Compare(a.Product.Name, b.Product.Name), cmp.Compare(a.Product.ID, b.Product.ID), b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID))
	}) {
		t.Errorf("not in order: %+v", list)
	}
	visible := 0
	var want []string
	for i := range w.releases {
		x := &w.releases[i]
		level, assigned := w.expect(v, x)
		seen[level]++
		at := slices.IndexFunc(list, func(y Release) bool { return y.ID == x.ID })
		switch {
		case level == access.Nothing && at >= 0:
			t.Errorf("%+v sees %+v at level %v, and should not see it", v, x, list[at].Level)
		case level == access.Nothing:
		case at < 0:
			t.Errorf("%+v does not see %+v, and should at level %v", v, x, level)
		case list[at].Level != level || list[at].Assigned != assigned:
			t.Errorf("%+v sees %+v at level %v (assigned %v), want %v (%v)", v, x, list[at].Level, list[at].Assigned, level, assigned)
		}
		if level > access.Nothing {
			visible++
			want = append(want, x.ID)
		}
	}
	if total != visible || len(list) != visible {
		t.Errorf("%+v sees %d releases and is told %d, want %d", v, len(list), total, visible)
	}
	x := pick(t, "release", w.releases)
	one, err := view.Release(ctx, x.ID)
	if (err == nil) != slices.Contains(want, x.ID) || err == nil && one.ID != x.ID {
		t.Errorf("%+v gets %+v and %v of %+v", v, one, err, x)
	}
	if !r.lite() {
		w.unguarded(ctx, t, view, want)
	}
}

// unguarded asks as the viewer without the query visible: row-level security alone has to give the same releases.
func (w *world) unguarded(ctx context.Context, t *rapid.T, view *View, want []string) {
	for _, text := range []string{`SELECT id FROM releases`, `SELECT release_id FROM held`} {
		var got []string
		err := view.look(ctx, func(tx *sql.Tx) (err error) {
			rows, err := tx.QueryContext(ctx, text)
			got, err = all(rows, err, scanString)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(sorted(got), sorted(want)) {
			t.Errorf("%s, as %+v: row-level security gives %v, want %v", text, view.v, got, want)
		}
	}
}
