package judge

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/scheme"
)

// domain is one run of one test.
type domain struct {
	j  *judging
	of *scheme.Requirement
	t  *scheme.Test

	hidden   []*fact.Fact // unobserved facts that may hide one of the test's kinds
	unknown  []*fact.Fact
	found    facts
	findings []Finding
	set      *findings
	result   Test
	first    error // of the first unknown item, for people
}

// run gives the test its state.
func (d *domain) run(ctx context.Context) (Test, error) {
	d.result = Test{Of: d.t}
	d.found = facts{}
	if missing := d.undeclared(); missing != "" {
		return d.notRun(NeedsDeclaration, missing+" is not declared"), nil
	}
	if d.t.IsProcedure() {
		return d.procedure(), nil
	}
	if reason, detail := d.uncovered(); reason != "" {
		return d.notRun(reason, detail), nil
	}
	d.hidden = d.j.hidden(d.t.Kinds)
	d.result.Hidden = len(d.hidden)
	d.set = newFindings(d.j, d.of, d.t)
	v, err := d.evaluate(ctx)
	if errors.Is(err, scheme.ErrCost) {
		d.findings, d.found, d.unknown = nil, facts{}, nil
		return d.notRun(LabError, err.Error()), nil
	}
	if err != nil {
		return d.result, err
	}
	d.findings = d.set.list()
	d.result.Findings, d.result.LeftOut, d.result.Open = d.set.failing(), d.set.leftOut, d.set.openLeftOut
	if d.t.Severity != scheme.Note {
		d.found = d.set.facts
	}
	d.settle(v)
	return d.result, nil
}

func (d *domain) notRun(reason Reason, detail string) Test {
	d.result.State, d.result.Reason, d.result.Detail = NotRun, reason, detail
	return d.result
}

// undeclared returns the first field of the declaration that the test needs and that is not declared.
func (d *domain) undeclared() string {
	needs := d.t.Needs
	if list := d.t.OverDeclaration(); list != "" {
		needs = append(slices.Clone(needs), d.t.Over)
	}
	for _, n := range needs {
		if !d.j.declared.Has(strings.TrimPrefix(n, "declaration.")) {
			return strings.TrimPrefix(n, "declaration.")
		}
	}
	return ""
}

// procedure takes the state from what persons or drivers found.
func (d *domain) procedure() Test {
	var state State
	persons := map[string]bool{}
	for _, g := range d.j.Judgements {
		if g.Scheme != d.j.scheme.ID || g.Requirement != d.of.ID || g.Test != d.t.ID {
			continue
		}
		d.result.Examined++
		switch {
		case g.Verdict == Fail:
			state = Fails
		case g.Verdict == Inconclusive && state != Fails:
			state = Unsettled
		case g.Verdict == Pass:
			persons[g.Party+"\x00"+g.Person] = true
		}
	}
	switch {
	case state != "":
		d.result.State = state
	case len(persons) == 0 && d.t.Means == scheme.Live:
		return d.notRun(NeedsInstance, "")
	case len(persons) < max(d.t.Persons, 1):
		return d.notRun(NeedsPerson, fmt.Sprintf("%d of %d persons", len(persons), max(d.t.Persons, 1)))
	default:
		d.result.State = Holds
	}
	return d.result
}

// uncovered tells why the test cannot be asked of these facts: nobody looked for what it reads.
func (d *domain) uncovered() (Reason, string) {
	for _, kind := range d.t.Kinds {
		if kind == unobservedKind {
			continue
		}
		attrs := append([]string{""}, d.t.Reads[kind]...)
		for _, attr := range attrs {
			if d.covered(kind, attr) {
				continue
			}
			switch {
			case d.t.Means == scheme.Live:
				return NeedsInstance, ""
			case d.j.Artifacts == 0:
				return NeedsArtifact, ""
			case attr == "":
				return NeedsRescan, "no observer looked for the kind " + kind
			}
			return NeedsRescan, "no observer recorded " + kind + "." + attr
		}
	}
	for _, m := range d.t.Observer {
		if !slices.ContainsFunc(d.j.Coverage, func(c fact.Coverage) bool { return c.Observer == m.Observer && c.Version >= m.Version }) {
			return NeedsRescan, fmt.Sprintf("observer %s of version %d or newer did not look", m.Observer, m.Version)
		}
	}
	return "", ""
}

func (d *domain) covered(kind, attr string) bool {
	return slices.ContainsFunc(d.j.Coverage, func(c fact.Coverage) bool { return c.Records(kind, attr) })
}

// items gives what the test goes over, one at a time: there may be as many as files in a release.
func (d *domain) items() iter.Seq2[*scheme.Item, error] {
	return func(yield func(*scheme.Item, error) bool) {
		if list := d.t.OverDeclaration(); list != "" {
			items, _ := d.j.declared.List(list)
			for _, it := range items {
				if !yield(it, nil) {
					return
				}
			}
			return
		}
		for f, err := range d.j.Facts.All(d.t.Over) {
			if err != nil {
				yield(nil, fmt.Errorf("reading facts of kind %q: %w", d.t.Over, err))
				return
			}
			if !yield(scheme.FactItem(f), nil) {
				return
			}
		}
	}
}

// tally is how many members of a domain met the expectation, and whether one that was seen contradicts the test.
type tally struct {
	met, unmet  int
	contradicts bool
}

func (d *domain) evaluate(ctx context.Context) (tally, error) {
	var v tally
	var grouped []*scheme.Item
	for it, err := range d.items() {
		if err != nil {
			return v, err
		}
		d.result.Examined++
		if d.result.Examined%1024 == 0 && ctx.Err() != nil {
			return v, ctx.Err()
		}
		keep, err := d.selects(it)
		switch {
		case errors.Is(err, scheme.ErrCost):
			return v, err
		case err != nil:
			d.isUnknown(it, err)
		case keep && len(d.t.By) > 0:
			grouped = append(grouped, it)
		case keep:
			if err := d.single(&v, it); err != nil {
				return v, err
			}
		}
	}
	if len(d.t.By) > 0 {
		return d.groups(ctx, grouped)
	}
	d.none(&v)
	return v, nil
}

// selects tells whether an item is one that the test is about. An error means that it is unknown.
func (d *domain) selects(it *scheme.Item) (bool, error) {
	if d.t.Where == nil {
		d.result.Selected++
		return true, nil
	}
	in := d.inputs(it, nil)
	keep, err := d.t.Where.Bool(in)
	if keep || err != nil {
		d.result.Selected++
	}
	return keep, err
}

var errUnknown = errors.New("the test calls it unknown")

// undecidable returns an error for an item that the test itself calls unknown, or whose expression for that ends in an error.
func (d *domain) undecidable(in *scheme.Inputs) error {
	if d.t.Unknown == nil {
		return nil
	}
	unknown, err := d.t.Unknown.Bool(in)
	if err == nil && unknown {
		err = errUnknown
	}
	return err
}

func (d *domain) inputs(it *scheme.Item, group []*scheme.Item) *scheme.Inputs {
	return scheme.Inputs{
		It: it, Group: group, Declaration: d.j.declared, AsOf: d.j.AsOf, Lookups: &scoped{d: d, it: it, group: group},
	}.With(d.t)
}

// single decides one item. The only error is ErrCost.
func (d *domain) single(v *tally, it *scheme.Item) error {
	in := d.inputs(it, nil)
	met := false
	err := d.undecidable(in)
	if err == nil {
		met, err = d.t.Expect.Bool(in)
	}
	if errors.Is(err, scheme.ErrCost) {
		return err
	}
	if err != nil {
		d.isUnknown(it, err)
		return nil
	}
	d.count(v, met, func() {
		if !d.set.full(it) {
			d.set.addItem(d.kind(), it, d.same(it, in))
		}
	})
	return nil
}

// count takes one decided member of the domain into account.
func (d *domain) count(v *tally, met bool, finding func()) {
	if met {
		v.met++
	} else {
		v.unmet++
	}
	if d.t.Require == scheme.All && !met || d.t.Require == scheme.None && met {
		v.contradicts = true
		finding()
	}
}

// none makes the finding of a test that wants some member to meet the expectation when none does.
func (d *domain) none(v *tally) {
	if d.t.Require == scheme.Some && v.met == 0 && v.unmet > 0 && d.result.Unknown == 0 && len(d.hidden) == 0 {
		v.contradicts = true
		d.set.add(d.kind(), nil, []any{}, fmt.Sprintf("none of %d does", v.unmet))
	}
}

func (d *domain) kind() FindingKind {
	if d.t.Severity == scheme.Note {
		return Informational
	}
	return Failing
}

// isUnknown counts an item that could not be decided.
func (d *domain) isUnknown(it *scheme.Item, err error) {
	d.result.Unknown++
	if d.first == nil {
		d.first = err
	}
	if it.Fact != nil {
		d.unknown = append(d.unknown, it.Fact)
	}
	d.set.open(it, err)
}

// same returns the values that make two findings of an item the same.
func (d *domain) same(it *scheme.Item, in *scheme.Inputs) []any {
	if len(d.t.Same) == 0 {
		if it.Fact == nil {
			return []any{it.Plain()}
		}
		return d.set.defaultSame(it.Fact)
	}
	values := make([]any, len(d.t.Same))
	for i, e := range d.t.Same {
		values[i] = e.Plain(in)
	}
	return values
}

// settle gives a test that was run its state.
func (d *domain) settle(v tally) {
	r := &d.result
	switch {
	case v.contradicts:
		r.State = Fails
	case r.Unknown > 0 || len(d.hidden) > 0:
		r.State = Unsettled
		if d.first != nil {
			r.Detail = d.first.Error()
		}
	case r.Examined == 0 && !(d.t.Holds && d.looked()):
		r.State, r.Reason = NotRun, NothingExamined
	case d.t.Require == scheme.Some && v.met == 0:
		// Nothing that where selects, in a domain that is complete.
		r.State, r.Reason = NotRun, NothingExamined
	default:
		r.State = Holds
	}
}

// looked tells whether an observer of what the test goes over looked at a system at all.
func (d *domain) looked() bool {
	if d.t.OverDeclaration() != "" {
		return true
	}
	return slices.ContainsFunc(d.j.Coverage, func(c fact.Coverage) bool { return c.Records(d.t.Over, "") && c.Systems > 0 })
}

// scoped answers the lookups of one evaluation: in the system of its item, or in the release.
type scoped struct {
	d     *domain
	it    *scheme.Item
	group []*scheme.Item
}

func (s *scoped) Find(kind, key string) ([]*fact.Fact, error) {
	system := ""
	if f := s.subject(); f != nil && !s.d.t.Across {
		system = f.System
	}
	found, err := s.d.j.Facts.Find(kind, system, key)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 && s.d.j.incomplete(kind) {
		return nil, fmt.Errorf("no %s is known under that key, and some may not have been seen", kind)
	}
	return found, nil
}

func (s *scoped) subject() *fact.Fact {
	if s.it != nil {
		return s.it.Fact
	}
	if len(s.group) > 0 {
		return s.group[0].Fact
	}
	return nil
}

func (s *scoped) Ref(set, key string) (map[string]any, bool, error) {
	r := s.d.j.references[set]
	if r == nil {
		return nil, false, fmt.Errorf("the reference %q was not given", set)
	}
	row, ok := r.Row(key)
	return row, ok, nil
}
