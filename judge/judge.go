package judge

import (
	"context"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/reference"
	"github.com/probat-lab/probat/scheme"
)

// Input is everything that has a part in an outcome.
type Input struct {
	Facts       *fact.Set
	Coverage    []fact.Coverage
	Artifacts   int            // files of the release; 0 for a service or process without any
	Declaration map[string]any // product.Declaration.View; nil where there is none
	Judgements  []Judgement
	References  []*reference.Set
	AsOf        string // YYYY-MM-DD
}

// Judge decides every requirement of a scheme. The only errors are those of ctx and of facts that cannot be read.
func Judge(ctx context.Context, s *scheme.Scheme, in Input) (*Outcome, error) {
	j := &judging{
		Input: in, scheme: s, declared: scheme.NewDeclared(in.Declaration),
		references: map[string]*reference.Set{}, hiding: map[string][]*fact.Fact{},
	}
	for _, r := range in.References {
		j.references[r.Name] = r
	}
	if err := j.readUnobserved(); err != nil {
		return nil, err
	}
	out := &Outcome{Scheme: s, Requirements: make([]Requirement, len(s.Requirements))}
	findings := make([][]Finding, len(s.Requirements))
	// No requirement knows of another; each has its place, whichever is done first.
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range s.Requirements {
		g.Go(func() (err error) {
			out.Requirements[i], findings[i], err = j.requirement(gctx, &s.Requirements[i])
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out.Findings = slices.Concat(findings...)
	return out, nil
}

// judging is one run of Judge.
type judging struct {
	Input
	scheme     *scheme.Scheme
	declared   *scheme.Declared
	references map[string]*reference.Set
	hiding     map[string][]*fact.Fact // unobserved facts by the kind that they may hide; "*" for all kinds
}

const unobservedKind = "unobserved"

func (j *judging) readUnobserved() error {
	for f, err := range j.Facts.All(unobservedKind) {
		if err != nil {
			return err
		}
		hides, _ := f.Get("hides")
		kinds, _ := hides.([]string)
		for _, k := range kinds {
			j.hiding[k] = append(j.hiding[k], f)
		}
	}
	return nil
}

// hidden returns the unobserved facts that may hide one of the kinds, each once, in no order that matters.
func (j *judging) hidden(kinds []string) []*fact.Fact {
	var facts []*fact.Fact
	seen := map[*fact.Fact]bool{}
	for _, k := range append([]string{"*"}, kinds...) {
		for _, f := range j.hiding[k] {
			if !seen[f] && !slices.Equal(kinds, []string{unobservedKind}) {
				seen[f] = true
				facts = append(facts, f)
			}
		}
	}
	return facts
}

func (j *judging) incomplete(kind string) bool {
	return len(j.hiding["*"]) > 0 || len(j.hiding[kind]) > 0
}

// facts counts distinct facts over the tests of one requirement.
type facts map[*fact.Fact]bool

func (f facts) add(list ...*fact.Fact) {
	for _, x := range list {
		if x != nil {
			f[x] = true
		}
	}
}

func (j *judging) requirement(ctx context.Context, q *scheme.Requirement) (Requirement, []Finding, error) {
	r := Requirement{Of: q}
	var findings []Finding
	if j.exempt(q) {
		contradictions, err := j.contradictions(q)
		if err != nil {
			return r, nil, err
		}
		if len(contradictions) == 0 {
			r.Verdict = NotApplicable
			return r, nil, nil
		}
		findings = append(findings, contradictions...)
	}
	unknown, hidden, found := facts{}, facts{}, facts{}
	examined := map[string]int{}
	for i := range q.Tests {
		d := &domain{j: j, of: q, t: &q.Tests[i]}
		t, err := d.run(ctx)
		if err != nil {
			return r, nil, err
		}
		r.Tests = append(r.Tests, t)
		findings = append(findings, d.findings...)
		examined[q.Tests[i].Over] = max(examined[q.Tests[i].Over], t.Examined)
		unknown.add(d.unknown...)
		hidden.add(d.hidden...)
		for k := range d.found {
			found[k] = true
		}
	}
	for _, n := range examined {
		r.Examined += n
	}
	r.Unknown, r.Unobserved, r.Findings = len(unknown), len(hidden), len(found)
	r.Verdict, r.Reason = j.decide(q, r.Tests)
	return r, findings, nil
}

// exempt tells whether the declaration says that a requirement does not apply. An expression that reads what is not declared exempts nothing.
func (j *judging) exempt(q *scheme.Requirement) bool {
	if q.Applies == nil || j.Declaration == nil {
		return false
	}
	applies, err := q.Applies.Bool(&scheme.Inputs{Declaration: j.declared, AsOf: j.AsOf, Lookups: nothing{}})
	return err == nil && !applies
}

// contradictions are the facts that show that a requirement applies although the declaration says that it does not.
func (j *judging) contradictions(q *scheme.Requirement) ([]Finding, error) {
	t := &scheme.Test{ID: Contradicted, Title: "shows that the requirement applies although the declaration says that it does not", Severity: scheme.Note}
	set := newFindings(j, q, t)
	for _, c := range q.Contradicts {
		for f, err := range j.Facts.All(c.Over) {
			if err != nil {
				return nil, err
			}
			in := &scheme.Inputs{It: scheme.FactItem(f), Declaration: j.declared, AsOf: j.AsOf, Lookups: nothing{}}
			if yes, err := c.Where.Bool(in); err == nil && yes {
				set.add(Informational, f, set.defaultSame(f), "")
			}
		}
	}
	return set.list(), nil
}

// decide gives a requirement its verdict: the first rule that is true.
func (j *judging) decide(q *scheme.Requirement, tests []Test) (Verdict, Reason) {
	var part []Test // those that have a part in the verdict
	for _, t := range tests {
		if t.Of.Severity != scheme.Note {
			part = append(part, t)
		}
	}
	has := func(s State) bool { return slices.ContainsFunc(part, func(t Test) bool { return t.State == s }) }
	switch {
	case has(Fails):
		return Fail, ""
	case has(Unsettled):
		return Inconclusive, ""
	}
	blocked := j.blocked(part)
	var least []Reason
	for i, set := range q.PassBy {
		lacks := lacking(part, set)
		if len(lacks) == 0 && blocked == "" {
			return Pass, ""
		}
		if blocked != "" {
			lacks = append(lacks, blocked)
		}
		if i == 0 || len(lacks) < len(least) {
			least = lacks
		}
	}
	return NotAssessed, first(least)
}

// blocked is why no set of means can be enough: a test whose input is at hand was not run, through the lab's fault or because nobody looked.
func (j *judging) blocked(tests []Test) Reason {
	var reasons []Reason
	for _, t := range tests {
		if t.State == NotRun && (t.Reason == LabError || t.Reason == NeedsRescan) {
			reasons = append(reasons, t.Reason)
		}
	}
	return first(reasons)
}

// lacking returns a reason for each means of a set that is not shown.
func lacking(tests []Test, set []scheme.Means) []Reason {
	var lacks []Reason
	for _, m := range set {
		var reasons []Reason
		decisive := 0
		for _, t := range tests {
			if t.Of.Means != m || t.Of.Strength != scheme.Decisive {
				continue
			}
			decisive++
			if t.State != Holds {
				reasons = append(reasons, t.Reason)
			}
		}
		if decisive == 0 {
			reasons = append(reasons, NoTest)
		}
		if len(reasons) > 0 {
			lacks = append(lacks, first(reasons))
		}
	}
	return lacks
}

// first returns the reason that comes first in the order of reasons; "" for none.
func first(reasons []Reason) Reason {
	for _, r := range Reasons() {
		if slices.Contains(reasons, r) {
			return r
		}
	}
	return ""
}

// nothing answers lookups where an expression may make none.
type nothing struct{}

func (nothing) Find(string, string) ([]*fact.Fact, error) { return nil, scheme.ErrAbsent }

func (nothing) Ref(string, string) (map[string]any, bool, error) { return nil, false, scheme.ErrAbsent }
