package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/probat-lab/probat/access"
)

// may says whether a viewer may come to see something.
type may func(v access.Viewer) bool

func never(access.Viewer) bool { return false }

// aviary is a lab in which each text and each run of bytes holds a word of its own, a canary.
type aviary struct {
	t     testing.TB
	r     *Records
	words map[string]canary

	parties     map[string]Party  // by what the test calls them
	people      map[string]Person // whom the test looks as
	grants      []access.Grant
	assignments []access.Assignment
	nests       []*nest
	knows       []func(v access.Viewer, party string) bool // who learns of a party
}

type canary struct {
	what string
	may  may
}

// nest is one release with everything that can belong to one.
type nest struct {
	a        *aviary
	release  Release
	at       access.Release
	hasOwn   string // the owner
	dossiers map[string]*Dossier
	schemes  map[string]string // by dossier
	require  map[string]string
	held     []Held
	job      Job
	issued   []Issued
	address  map[string]string
	seenKind map[string]string
	threads  []Message
	texts    []string // that are findable
	acted    []string // ids of statements
	public   bool
}

const canaryForm = `canary[a-z2-7]{26}`

func (a *aviary) word(what string, who may) string {
	w := "canary" + NewID()
	a.words[w] = canary{what, who}
	return w
}

// fill puts a canary into every field that is empty yet, so that a field which comes one day has one too. Fields named in other are for others.
func (a *aviary) fill(x any, who may, other map[string]may) {
	v := reflect.ValueOf(x).Elem()
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i).Name
		m := who
		if o, ok := other[name]; ok {
			m = o
		}
		word := func() string { return a.word(v.Type().Name()+"."+name, m) }
		switch {
		case !f.IsZero() || f.Kind() == reflect.Bool || f.CanInt() || f.CanUint():
		case f.Type() == reflect.TypeFor[time.Time]():
			if name != "Until" && name != "Embargo" && name != "Ended" { // where none means something
				f.Set(reflect.ValueOf(day))
			}
		case f.Kind() == reflect.String:
			f.SetString(word())
		case f.Type() == reflect.TypeFor[json.RawMessage]():
			f.SetBytes([]byte(`{"text": "` + word() + `"}`))
		case f.Type() == reflect.TypeFor[[]byte]():
			f.SetBytes([]byte(word()))
		case f.Type() == reflect.TypeFor[[]string]():
			f.Set(reflect.ValueOf([]string{word()}))
		default:
			a.t.Fatalf("no canary fits into %s.%s", v.Type(), name)
		}
	}
}

func (a *aviary) write(steps ...func(ctx context.Context, tx *sql.Tx) error) {
	a.t.Helper()
	ok(a.t, a.r.Tx(a.t.Context(), func(tx *sql.Tx) error {
		for _, step := range steps {
			if err := step(a.t.Context(), tx); err != nil {
				return err
			}
		}
		return nil
	}))
}

// party adds one that who knows about it learns of: its words are for them.
func (a *aviary) party(name string, class access.Class, home bool) Party {
	p := Party{Class: class, Home: home}
	a.fill(&p, func(v access.Viewer) bool { return a.related(v, p.ID) }, nil)
	a.write(func(ctx context.Context, tx *sql.Tx) error {
		return a.r.AddParty(ctx, tx, p, a.word("folded", never), day)
	})
	a.parties[name] = p
	a.people[name] = a.person(name, never, never)
	return p
}

// person adds a member of a party; its id and its name are for those that are said.
func (a *aviary) person(party string, id, name may) Person {
	p := Person{PartyID: a.parties[party].ID, Role: access.Member}
	a.fill(&p, never, map[string]may{"ID": id, "Name": name})
	a.write(func(ctx context.Context, tx *sql.Tx) error { return a.r.AddPerson(ctx, tx, p) })
	ok(a.t, a.r.SetPassword(a.t.Context(), p.ID, a.word("password", never)))
	return p
}

// related says who may learn that a party exists.
func (a *aviary) related(v access.Viewer, party string) bool {
	for _, p := range a.parties {
		if p.ID == party && (p.Home || v.Known() && (p.ID == v.Party || p.Class == access.Regulator || v.Home && v.Role == access.Admin)) {
			return true
		}
	}
	return slices.ContainsFunc(a.knows, func(f func(access.Viewer, string) bool) bool { return f(v, party) })
}

func (n *nest) level(v access.Viewer) access.Level {
	return access.Reach(v, n.at, n.a.grants, n.a.assignments)
}

// from is for those who see the release at a level.
func (n *nest) from(l access.Level) may {
	return func(v access.Viewer) bool { return n.level(v) >= l }
}

func (a *aviary) grant(owner string, p Product, release *nest, to string, l access.Level, until time.Time) {
	g := access.Grant{Owner: a.parties[owner].ID, Product: p.ID, Party: a.parties[to].ID, Level: l, Until: until}
	covers := func(n *nest) bool { return n.release.Product.ID == p.ID && (release == nil || release == n) }
	who := func(v access.Viewer) bool {
		return slices.ContainsFunc(a.nests, func(n *nest) bool { return covers(n) && n.level(v) >= access.Whole })
	}
	x := Grant{Owner: g.Owner, Product: p.ID, Party: g.Party, Level: l, Until: until, From: day.Add(-time.Hour), Person: a.person(owner, who, never).ID}
	if release != nil {
		g.Release, x.Release = release.release.ID, release.release.ID
		a.fill(&x, who, nil)
	} else {
		x.ID = a.word("Grant.ID", who)
	}
	for _, n := range a.nests {
		n.acted = append(n.acted, x.ID)
	}
	a.write(func(ctx context.Context, tx *sql.Tx) error { return a.r.AddGrant(ctx, tx, x) })
	a.grants = append(a.grants, g)
	a.knows = append(a.knows, func(v access.Viewer, party string) bool { return party == g.Party && who(v) })
}

func (a *aviary) assign(n *nest, person string, until time.Time) {
	who := func(v access.Viewer) bool {
		return n.level(v) >= access.Whole || v.Known() && v.Home && v.Role == access.Admin
	}
	x := Assignment{Release: n.release.ID, Person: a.people[person].ID, Kind: "assigned", Until: until, From: day.Add(-time.Hour), By: a.person("lab", who, never).ID}
	a.fill(&x, who, nil)
	n.acted = append(n.acted, x.ID)
	a.write(func(ctx context.Context, tx *sql.Tx) error { return a.r.AddAssignment(ctx, tx, x) })
	a.assignments = append(a.assignments, access.Assignment{Release: x.Release, Person: x.Person, Until: until})
	// Who was assigned is told to them.
	c := a.words[x.Person]
	before := c.may
	c.may = func(v access.Viewer) bool { return before(v) || who(v) }
	a.words[x.Person] = c
}

func (a *aviary) product(owner string) Product {
	p := Product{Owner: a.parties[owner].ID}
	a.fill(&p, func(v access.Viewer) bool {
		return slices.ContainsFunc(a.nests, func(n *nest) bool { return n.release.Product.ID == p.ID && n.level(v) >= access.Summary })
	}, nil)
	a.write(func(ctx context.Context, tx *sql.Tx) error {
		_, err := a.r.FindProduct(ctx, tx, p, a.word("folded", never))
		return err
	})
	return p
}

// nest adds a release.
func (a *aviary) nest(owner string, p Product, embargo time.Time, public bool) *nest {
	n := &nest{
		a: a, hasOwn: owner, public: public, dossiers: map[string]*Dossier{}, schemes: map[string]string{}, require: map[string]string{}, address: map[string]string{},
		seenKind: map[string]string{},
	}
	n.release = Release{Product: p, Vendor: "-", Embargo: embargo, State: "submitted", Dossier: "-", Reason: "-"}
	a.fill(&n.release, n.from(access.Summary), map[string]may{"ID": n.published})
	n.at = access.Release{ID: n.release.ID, Product: p.ID, Owner: p.Owner, Embargo: embargo}
	a.nests = append(a.nests, n)
	a.knows = append(a.knows, func(v access.Viewer, party string) bool { return party == p.Owner && n.level(v) >= access.Summary })
	a.write(func(ctx context.Context, tx *sql.Tx) error {
		return a.r.AddRelease(ctx, tx, &n.release, []byte(a.word("Release.key", never)))
	}, func(ctx context.Context, tx *sql.Tx) error {
		return a.r.SetReleaseState(ctx, tx, n.release.ID, "evaluated", a.word("Release.Reason", n.from(access.Summary)), "submitted", "evaluated")
	})
	n.keep()
	return n
}

// published is for those who see the release, and for all if a credential of it is public and there is no embargo.
func (n *nest) published(v access.Viewer) bool {
	return n.level(v) >= access.Summary || n.public && !v.At.Before(n.at.Embargo)
}

func (n *nest) String() string { return fmt.Sprintf("a release of %s", n.hasOwn) }

// newAviary builds the lab: two vendors, operators with grants at each level, one of which is over, a regulator, the lab with people who are assigned
// or not, and another lab, one of whose people was assigned by mistake.
func newAviary(t testing.TB, r *Records) *aviary {
	a := &aviary{t: t, r: r, words: map[string]canary{}, parties: map[string]Party{}, people: map[string]Person{}}
	a.party("lab", access.Lab, true)
	a.party("other lab", access.Lab, false)
	a.party("vendor", access.Vendor, false)
	a.party("rival", access.Vendor, false)
	for _, o := range []string{"summary", "verdict", "evidence", "source", "over", "stranger"} {
		a.party(o, access.Operator, false)
	}
	a.party("regulator", access.Regulator, false)
	for _, name := range []string{"admin", "assigned", "elevated", "was elevated"} {
		p := a.person("lab", never, never)
		if name == "admin" {
			p.Role = access.Admin
		}
		a.people[name] = p
	}
	one, two, rivals := a.product("vendor"), a.product("vendor"), a.product("rival")
	open := a.nest("vendor", one, time.Time{}, false)
	hidden := a.nest("vendor", one, day.Add(time.Hour), true)
	other := a.nest("vendor", two, time.Time{}, true)
	rival := a.nest("rival", rivals, time.Time{}, false)
	for l := access.Summary; l <= access.Source; l++ {
		a.grant("vendor", one, nil, l.String(), l, time.Time{})
	}
	a.grant("vendor", one, nil, "over", access.Source, day)
	a.grant("vendor", one, hidden, "stranger", access.Source, time.Time{})
	a.grant("rival", rivals, rival, "verdict", access.Verdict, day.Add(time.Hour))
	a.assign(open, "assigned", time.Time{})
	a.assign(rival, "elevated", day.Add(time.Second))
	a.assign(open, "was elevated", day)
	a.assign(open, "other lab", time.Time{})
	for _, n := range []*nest{open, hidden, other, rival} {
		n.talk()
	}
	n := a.people["stranger"]
	a.private(n)
	return a
}

// viewers are those whom the test looks as, at the same time.
func (a *aviary) viewers() map[string]access.Viewer {
	all := map[string]access.Viewer{"nobody": {At: day}}
	for name, p := range a.people {
		for _, y := range a.parties {
			if y.ID == p.PartyID {
				all[name] = access.Viewer{Party: y.ID, Person: p.ID, Class: y.Class, Home: y.Home, Role: p.Role, Scope: access.ScopeAll, At: day}
			}
		}
	}
	return all
}
