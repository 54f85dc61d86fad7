package schemetest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/scheme"
	"github.com/probat-lab/probat/strictyaml"
)

// Report is how the cases of a test file came out.
type Report struct {
	Cases    int
	Failed   int       // cases with at least one failure
	Failures []Failure // in the order of the file
	Tests    []Exercise
}

// Exercise says how often a test of the scheme came out how, over all cases: one that never found anything may not be able to.
type Exercise struct {
	Requirement, Test        string
	Automatic                bool // no procedure
	Found, Held, Undecidable int  // cases with findings (also of a note), in which it held, and in which it was inconclusive
}

// Failure is one thing that came out otherwise than a case expects.
type Failure struct {
	File         string
	Line, Column int
	Case         string
	Message      string // got and want
}

func (f Failure) String() string {
	return fmt.Sprintf("%s:%d:%d: case %q: %s", f.File, f.Line, f.Column, f.Case, f.Message)
}

// Run judges every case of a test file by the scheme. name stands in messages only. The error is a *strictyaml.ErrorList where the file is
// wrong; a case that comes out otherwise is no error but in the report.
func Run(ctx context.Context, s *scheme.Scheme, name string, data []byte) (*Report, error) {
	cases, err := parse(s, name, data)
	if err != nil {
		return nil, err
	}
	r := &Report{Cases: len(cases)}
	at := map[*scheme.Test]int{}
	for i := range s.Requirements {
		q := &s.Requirements[i]
		for k := range q.Tests {
			at[&q.Tests[k]] = len(r.Tests)
			r.Tests = append(r.Tests, Exercise{Requirement: q.ID, Test: q.Tests[k].ID, Automatic: !q.Tests[k].IsProcedure()})
		}
	}
	for _, c := range cases {
		out, err := judge.Judge(ctx, s, c.input)
		if err != nil {
			return nil, fmt.Errorf("judging case %q: %w", c.name, err)
		}
		for i := range out.Requirements {
			for _, t := range out.Requirements[i].Tests {
				r.Tests[at[t.Of]].count(&t)
			}
		}
		found := c.compare(out)
		if len(found) > 0 {
			r.Failed++
		}
		for _, f := range found {
			f.File, f.Case = name, c.name
			r.Failures = append(r.Failures, f)
		}
	}
	return r, nil
}

func (e *Exercise) count(t *judge.Test) {
	switch {
	case t.Findings > 0 || t.State == judge.Fails:
		e.Found++
	case t.State == judge.Holds:
		e.Held++
	case t.State == judge.Unsettled:
		e.Undecidable++
	}
}

// testCase is one case of a file.
type testCase struct {
	name   string
	input  judge.Input
	expect []expectation
	lists  []verdictList
}

// expectation is what a case says of one requirement. What it does not say is not compared.
type expectation struct {
	at          strictyaml.Place
	requirement string
	verdict     judge.Verdict
	reason      judge.Reason
	tests       []stateOf
	count       *int64 // of failing findings
	findings    []findingList
}

// stateOf is what a test must come out as: a state, or the reason for which it is not run.
type stateOf struct {
	at         strictyaml.Place
	test, want string
}

// findingList are all findings of one kind that a requirement must have, as "TEST SUBJECT", sorted.
type findingList struct {
	at   strictyaml.Place
	name string
	kind judge.FindingKind
	want []string
}

// verdictList are all requirements that must have one verdict, in the scheme's order.
type verdictList struct {
	at      strictyaml.Place
	verdict judge.Verdict
	want    []string
}

func (c *testCase) compare(out *judge.Outcome) (failures []Failure) {
	fail := func(at strictyaml.Place, format string, args ...any) {
		failures = append(failures, Failure{Line: at.Line, Column: at.Column, Message: fmt.Sprintf(format, args...)})
	}
	for _, l := range c.lists {
		var got []string
		for _, r := range out.Requirements {
			if r.Verdict == l.verdict {
				got = append(got, r.Of.ID)
			}
		}
		want := slices.Clone(l.want)
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			fail(l.at, "with verdict %s are %s, want %s", l.verdict, list(got), list(want))
		}
	}
	for i := range c.expect {
		e := &c.expect[i]
		r, _ := out.Requirement(e.requirement)
		e.compare(r, out.FindingsOf(e.requirement), fail)
	}
	return failures
}

func (e *expectation) compare(r *judge.Requirement, found []judge.Finding, fail func(strictyaml.Place, string, ...any)) {
	if e.verdict != "" && r.Verdict != e.verdict {
		fail(e.at, "%s is %s, want %s", e.requirement, said(r), e.verdict)
	} else if e.reason != "" && r.Reason != e.reason {
		fail(e.at, "%s is %s, want %s", e.requirement, said(r), e.reason)
	}
	for _, t := range e.tests {
		i := slices.IndexFunc(r.Tests, func(x judge.Test) bool { return x.Of.ID == t.test })
		switch {
		case i < 0:
			fail(t.at, "test %s of %s did not run: the requirement does not apply", t.test, e.requirement)
		case string(r.Tests[i].State) != t.want && string(r.Tests[i].Reason) != t.want:
			fail(t.at, "test %s of %s is %s, want %s", t.test, e.requirement, saidTest(&r.Tests[i]), t.want)
		}
	}
	if n := int64(len(subjects(found, judge.Failing))); e.count != nil && n != *e.count {
		fail(e.at, "%s has %d findings, want %d: %s", e.requirement, n, *e.count, list(subjects(found, judge.Failing)))
	}
	for _, l := range e.findings {
		if got := subjects(found, l.kind); !slices.Equal(got, l.want) {
			fail(l.at, "%s of %s are %s, want %s", l.name, e.requirement, list(got), list(l.want))
		}
	}
}

func said(r *judge.Requirement) string {
	s := string(r.Verdict)
	if r.Reason != "" {
		s += " (" + string(r.Reason) + ")"
	}
	var tests []string
	for i := range r.Tests {
		tests = append(tests, r.Tests[i].Of.ID+" "+saidTest(&r.Tests[i]))
	}
	if len(tests) > 0 {
		s += " [" + strings.Join(tests, "; ") + "]"
	}
	return s
}

func saidTest(t *judge.Test) string {
	s := string(t.State)
	if t.Reason != "" {
		s += " " + string(t.Reason)
	}
	if t.Detail != "" {
		s += " (" + t.Detail + ")"
	}
	return s
}

// subjects returns the findings of one kind as "TEST SUBJECT", sorted.
func subjects(found []judge.Finding, kind judge.FindingKind) []string {
	out := []string{}
	for i := range found {
		if found[i].Kind == kind {
			out = append(out, strings.TrimSpace(found[i].Test+" "+found[i].Subject))
		}
	}
	slices.Sort(out)
	return out
}

func list(s []string) string {
	if len(s) == 0 {
		return "none"
	}
	return strings.Join(s, ", ")
}
