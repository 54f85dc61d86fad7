package schemetest

import (
	"slices"

	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/scheme"
	"github.com/probat-lab/probat/strictyaml"
)

// requirement returns the scheme's requirement of that id, or nil after an error.
func (p *parser) requirement(at strictyaml.Place, id string) *scheme.Requirement {
	q, ok := p.scheme.Requirement(id)
	if !ok && id != "" {
		p.errs.Add(at, "the scheme has no requirement %q", id)
	}
	return q
}

func (p *parser) test(at strictyaml.Place, q *scheme.Requirement, id string) {
	var ids []string
	for _, t := range q.Tests {
		ids = append(ids, t.ID)
	}
	if !slices.Contains(ids, id) {
		p.errs.Add(at, "requirement %s has no test %q%s", q.ID, id, strictyaml.Suggest(id, ids))
	}
}

// expectations reads what must come out: expect for single requirements, and whole lists of those with one verdict.
func (p *parser) expectations(r *strictyaml.Record, c *testCase) {
	for _, l := range []struct {
		name    string
		verdict judge.Verdict
	}{{"fails", judge.Fail}, {"passes", judge.Pass}, {"inconclusive", judge.Inconclusive}, {"not-applicable", judge.NotApplicable}} {
		if n := r.Node(l.name); n != nil {
			want := strictyaml.Texts(n, p.errs, l.name)
			for _, id := range want {
				p.requirement(n.At, id)
			}
			c.lists = append(c.lists, verdictList{n.At, l.verdict, want})
		}
	}
	if n := r.Node("expect"); n != nil {
		if n.Kind != strictyaml.Mapping {
			p.errs.Add(n.At, "expect is a mapping of requirements and what must come out")
		}
		for _, e := range n.Entries {
			if q := p.requirement(e.At, e.Name); q != nil {
				c.expect = append(c.expect, p.expectation(q, e))
			}
		}
	}
	if len(c.lists) == 0 && len(c.expect) == 0 {
		p.errs.Add(r.Start(), "expect is missing: a case that expects nothing cannot fail")
	}
}

func (p *parser) expectation(q *scheme.Requirement, e strictyaml.Entry) expectation {
	x := expectation{at: e.At, requirement: q.ID}
	if e.Value.Kind == strictyaml.String { // a verdict, or the reason why there is none
		p.outcome(&x, e.Value)
		return x
	}
	r := strictyaml.NewRecord(e.Value, p.errs, q.ID)
	if v := r.Node("verdict"); v != nil {
		p.outcome(&x, v)
	}
	if n := r.Node("tests"); n != nil {
		for _, t := range n.Entries {
			p.test(t.At, q, t.Name)
			states := []string{string(judge.Fails), string(judge.Holds), string(judge.Unsettled), string(judge.NotRun)}
			for _, reason := range judge.Reasons() {
				states = append(states, string(reason))
			}
			if !slices.Contains(states, t.Value.Text) {
				p.errs.Add(t.Value.At, "a test comes out as %q%s", t.Value.Text, strictyaml.Suggest(t.Value.Text, states))
			}
			x.tests = append(x.tests, stateOf{t.At, t.Name, t.Value.Text})
		}
	}
	for _, l := range []struct {
		name string
		kind judge.FindingKind
	}{{"findings", judge.Failing}, {"notes", judge.Informational}, {"open", judge.Open}} {
		n := r.Node(l.name)
		switch {
		case n == nil:
		case n.Kind == strictyaml.Int && l.kind == judge.Failing:
			x.count = &n.Int
		default:
			want := strictyaml.Texts(n, p.errs, l.name)
			slices.Sort(want)
			x.findings = append(x.findings, findingList{n.At, l.name, l.kind, want})
		}
	}
	r.Done()
	return x
}

// outcome reads a verdict, or a reason, which stands for not-assessed.
func (p *parser) outcome(x *expectation, n *strictyaml.Node) {
	switch {
	case slices.Contains(judge.Verdicts(), judge.Verdict(n.Text)):
		x.verdict = judge.Verdict(n.Text)
	case slices.Contains(judge.Reasons(), judge.Reason(n.Text)):
		x.verdict, x.reason = judge.NotAssessed, judge.Reason(n.Text)
	default:
		var known []string
		for _, v := range judge.Verdicts() {
			known = append(known, string(v))
		}
		for _, reason := range judge.Reasons() {
			known = append(known, string(reason))
		}
		p.errs.Add(n.At, "%q is no verdict and no reason%s", n.Text, strictyaml.Suggest(n.Text, known))
	}
}
