package draw

import (
	"fmt"
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/report"
	"github.com/probat-lab/probat/scheme"
)

// schemes writes each scheme with its requirements and their findings.
func (x *writer) schemes() error {
	most := x.mostFindings()
	for i, o := range x.c.Outcomes {
		s := o.Scheme
		row := &outline.Scheme{
			Counts: countsOf(o.Counts(nil)), Departs: report.Departs(s), Digest: s.Digest, Edition: s.Edition, ID: s.ID, Link: s.Link, Position: int64(i),
			Publisher: s.Publisher, Requirements: int64(len(o.Requirements)), Subtitle: s.Subtitle, Texts: oneLine(s.Texts), Title: s.Title,
		}
		for k := range s.Profiles {
			p := &s.Profiles[k]
			row.Profiles = append(row.Profiles, outline.Profile{Counts: countsOf(o.Counts(p)), ID: p.ID, Reason: oneLine(p.Reason), Title: p.Title})
		}
		if err := x.put(row); err != nil {
			return err
		}
		by := map[string][]*judge.Finding{}
		for k := range o.Findings {
			f := &o.Findings[k]
			by[f.Requirement] = append(by[f.Requirement], f)
		}
		for k := range o.Requirements {
			if err := x.requirement(o, k, by[o.Requirements[k].Of.ID], most); err != nil {
				return err
			}
		}
	}
	return nil
}

// mostFindings returns how many findings of one requirement get rows, so that all together are not more than MaxFindings: a requirement with
// many must not push out those of others.
func (x *writer) mostFindings() int {
	var counts []int
	for _, o := range x.c.Outcomes {
		by := map[string]int{}
		for i := range o.Findings {
			by[o.Findings[i].Requirement]++
		}
		for _, n := range by {
			counts = append(counts, n)
		}
	}
	return fairShare(counts, outline.MaxFindings)
}

// fairShare returns the largest number of which each may have at most that many and all together have no more than room.
func fairShare(counts []int, room int) int {
	slices.Sort(counts)
	for i, n := range counts {
		if rest := len(counts) - i; n > room/rest {
			return room / rest
		}
		room -= n
	}
	return outline.MaxFindings
}

func countsOf(c judge.Counts) outline.Counts {
	out := outline.Counts{
		Fail: int64(c.ByVerdict[judge.Fail]), Inconclusive: int64(c.ByVerdict[judge.Inconclusive]), NotApplicable: int64(c.ByVerdict[judge.NotApplicable]),
		NotAssessed: int64(c.ByVerdict[judge.NotAssessed]), Pass: int64(c.ByVerdict[judge.Pass]), Total: int64(c.Total),
	}
	for _, r := range judge.Reasons() {
		if n := c.ByReason[r]; n > 0 {
			out.Reasons = append(out.Reasons, outline.ReasonCount{Count: int64(n), Reason: string(r)})
		}
	}
	return out
}

// requirement writes one requirement of a scheme, and its findings.
func (x *writer) requirement(o *judge.Outcome, position int, findings []*judge.Finding, most int) error {
	r := &o.Requirements[position]
	inputs, err := x.inputs(o.Scheme, r.Of)
	if err != nil {
		return err
	}
	listed, out := capped(findings, most)
	x.leftOut["finding"] += out
	row := &outline.Requirement{
		Clause: r.Of.Clause, Examined: int64(r.Examined), Findings: int64(r.Findings), Group: outline.GroupOf(string(r.Verdict)), ID: r.Of.ID, Inputs: inputs, LeftOut: out,
		Link: r.Of.Link, Listed: int64(len(listed)), Position: int64(position), Reason: string(r.Reason), Scheme: o.Scheme.ID, Severity: string(r.Of.Severity),
		TestCase: r.Of.TestCase, Text: oneLine(r.Of.Text), Title: r.Of.Title, Unknown: int64(r.Unknown), Unobserved: int64(r.Unobserved),
		Verdict: string(r.Verdict), Waits: oneLine(r.Of.Waits), Why: report.Waits(r.Reason),
	}
	row.Answers, row.AnswersLeftOut = capped(slices.Clone(r.Of.Answers), 256)
	row.Needs, row.PassNeeds = needs(r)
	for i := range o.Scheme.Profiles {
		if p := &o.Scheme.Profiles[i]; slices.Contains(p.Requirements, r.Of.ID) {
			row.Profiles = append(row.Profiles, p.ID)
		}
	}
	x.judgements(row)
	x.tests(row, r)
	if err := x.put(row); err != nil {
		return err
	}
	for i, f := range listed {
		if err := x.put(x.finding(o.Scheme.ID, f, i)); err != nil {
			return err
		}
	}
	return nil
}

// needs says for each means of each set whether it is shown, by the rules of package judge, and the same in words.
func needs(r *judge.Requirement) (list []outline.Need, words string) {
	var sets []string
	for i, set := range r.Of.PassBy {
		var means []string
		for _, m := range set {
			means = append(means, string(m))
			if len(list) < 64 { // a scheme has four means; sets that repeat them say nothing new
				lacks, shown := lacks(r, m)
				list = append(list, outline.Need{Lacks: string(lacks), Means: string(m), Set: int64(i), Shown: shown})
			}
		}
		sets = append(sets, strings.Join(means, " and "))
	}
	return list, strings.Join(sets, "; or ")
}

// lacks tells whether a means is shown, and where it is not because a test was not run, the first reason for that. A test that fails or is
// inconclusive leaves no reason: the verdict says it.
func lacks(r *judge.Requirement, m scheme.Means) (why judge.Reason, shown bool) {
	if r.Verdict == judge.NotApplicable {
		return "", false
	}
	var reasons []judge.Reason
	decisive, holding := 0, 0
	for i := range r.Tests {
		t := &r.Tests[i]
		if t.Of.Severity == scheme.Note || t.Of.Means != m || t.Of.Strength != scheme.Decisive {
			continue
		}
		decisive++
		switch t.State {
		case judge.Holds:
			holding++
		case judge.NotRun:
			reasons = append(reasons, t.Reason)
		}
	}
	if decisive == 0 {
		return judge.NoTest, false
	}
	for _, known := range judge.Reasons() {
		if slices.Contains(reasons, known) {
			return known, false
		}
	}
	return "", holding == decisive
}

func (x *writer) judgements(row *outline.Requirement) {
	var list []outline.Judgement
	for _, g := range x.judged[fact.JoinKey(row.Scheme, row.ID)] {
		j := outline.Judgement{Party: g.Party, Person: g.Person, Reason: g.Reason, Statement: g.Statement, Test: g.Test, Verdict: string(g.Verdict)}
		j.Evidence, j.EvidenceLeftOut = capped(slices.Clone(g.Evidence), 64)
		list = append(list, j)
	}
	row.Judgements, row.JudgementsLeftOut = capped(list, 64)
}

// tests writes all tests of the scheme, those of a requirement that does not apply without a state.
func (x *writer) tests(row *outline.Requirement, r *judge.Requirement) {
	ran := map[string]*judge.Test{}
	for i := range r.Tests {
		ran[r.Tests[i].Of.ID] = &r.Tests[i]
	}
	var list []outline.Test
	for i := range r.Of.Tests {
		of := &r.Of.Tests[i]
		t := outline.Test{
			Compared: x.compared(of), Evidence: strings.TrimSpace(of.Evidence), ID: of.ID, Means: string(of.Means), Over: of.Over, Procedure: strings.TrimSpace(of.Procedure),
			Severity: string(of.Severity), Strength: string(of.Strength), Title: of.Title,
		}
		if of.IsProcedure() {
			t.Persons = int64(max(of.Persons, 1))
		}
		if of.Expect != nil {
			t.Expect = oneLine(of.Expect.Text)
		}
		if of.Where != nil {
			t.Where = oneLine(of.Where.Text)
		}
		if j := ran[of.ID]; j != nil {
			t.State, t.Reason, t.Detail = string(j.State), string(j.Reason), j.Detail
			t.Examined, t.Selected, t.Unknown, t.Hidden = int64(j.Examined), int64(j.Selected), int64(j.Unknown), int64(j.Hidden)
			t.Findings, t.LeftOut, t.Open = int64(j.Findings), int64(j.LeftOut), int64(j.Open)
		}
		list = append(list, t)
	}
	row.Tests, row.TestsLeftOut = capped(list, 64)
}

// compared says which fields of the declaration a test compares with, and how many entries the lists have.
func (x *writer) compared(of *scheme.Test) []outline.Compared {
	var list []outline.Compared
	for _, field := range declaredFields(of) {
		if field == "" || len(field) > 256 || len(list) == 32 {
			continue
		}
		c := outline.Compared{Entries: -1, Field: field}
		v, ok := x.declared(field)
		c.Declared = ok
		if l, isList := v.([]any); isList {
			c.Entries = int64(len(l))
		}
		list = append(list, c)
	}
	return list
}

func (x *writer) finding(schemeID string, f *judge.Finding, position int) *outline.Finding {
	row := &outline.Finding{
		Decisive: -1, Detail: f.Detail, Fingerprint: f.Fingerprint, Kind: string(f.Kind), PlacesLeftOut: int64(max(0, len(f.Places)-outline.MaxPlaces)),
		Position: int64(position), Requirement: f.Requirement, Scheme: schemeID, Severity: string(f.Severity), Subject: f.Subject, Test: f.Test, Title: f.Title,
	}
	decisive := slices.IndexFunc(f.Places, func(p *fact.Fact) bool { return p.Excerpt != nil })
	for i, p := range f.Places {
		if len(row.Places) == outline.MaxPlaces || len(row.Places) == outline.MaxPlaces-1 && i < decisive {
			continue
		}
		if i == decisive {
			row.Decisive = int64(len(row.Places))
		}
		row.Places = append(row.Places, x.place(p))
	}
	if row.Subject == "" && row.Detail == "" && len(f.Places) > 0 {
		row.Subject = f.Places[0].Path
	}
	return row
}

func (x *writer) place(p *fact.Fact) outline.Place {
	row := outline.Place{
		Attributes: report.Attributes(p), Excerpt: excerptOf(p), Key: keyOf(p), Kind: p.Kind.Name, Node: p.Node, Observer: p.Observer, Path: p.Path,
		NodeAt: -1, System: p.System, Version: x.versions[p.Observer],
	}
	if a := x.nodes[p.Node]; a != nil {
		row.Digest, row.NodeAt = a.content, a.position
	}
	if len(row.Attributes) > 1<<16 { // cut before anything copies it
		row.Attributes = fmt.Sprintf("%s… (%d bytes)", outline.Cut(row.Attributes, 1<<10), len(row.Attributes))
	}
	return row
}

// oneLine joins the words of a text that was broken into lines for people who write schemes.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
