package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
)

// HTMLName is the report's file in a dossier's folder, outside its digest.
const HTMLName = "report.html"

//go:embed report.html.tmpl
var pageSource string

//go:embed report.css
var pageStyle string

// What a page lists of one requirement. The rest is counted, and the command that lists it is named.
const (
	pageFindings   = 40
	pagePlaces     = 8
	pageOpen       = 10
	pageUnobserved = 200
)

// HTML writes one self-contained page: no scripts, nothing loaded from elsewhere.
func HTML(w io.Writer, c *dossier.Contents) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"thousands": thousands, "attributes": Attributes, "excerptPlace": ExcerptPlace, "join": strings.Join,
		"short": func(s string) string { return s[:min(len(s), 6)] + "…" + s[max(0, len(s)-4):] },
	}).Parse(pageSource)
	if err != nil {
		return fmt.Errorf("reading the page's template: %w", err)
	}
	return t.Execute(w, newPage(c))
}

// page is what the template shows.
type page struct {
	Style       template.CSS
	Name        string
	Vendor      string
	Kind        string
	Digest      string
	Predecessor string
	AsOf        string
	Artifacts   []dossier.Artifact
	Bytes       dossier.Bytes
	Facts       int
	Observers   []fact.Coverage
	LeftOut     []string
	Budgets     dossier.Budgets
	References  []dossier.Reference
	Evidence    []dossier.Evidence
	Schemes     []pageScheme
	Unobserved  []pageUnseen
	MoreUnseen  int
}

type pageScheme struct {
	ID, Title, Subtitle, Edition, Digest, Link, Texts string
	Bar                                               []pageBar
	Line, Departs                                     string
	Total                                             int
	Profiles                                          []string
	Groups                                            []pageGroup
}

type pageBar struct {
	Class       string
	X, Width    float64
	Mark, Count string
	Name        string
}

type pageGroup struct {
	Title string
	List  []pageRequirement
}

type pageRequirement struct {
	ID, Anchor, Title, Text, Clause, TestCase, Link string
	Class, Mark, Verdict, Reason, Why               string
	PassBy, Waits                                   string
	Answers                                         []string
	Counts                                          string
	Findings                                        []pageFinding
	MoreFindings                                    int
	Open                                            []pageFinding
	MoreOpen                                        int
	Tests                                           []pageTest
	Command                                         string
}

type pageFinding struct {
	Subject, Title, Severity, Fingerprint, Detail string
	Kind                                          judge.FindingKind
	Places                                        []pagePlace
	MorePlaces                                    int
}

type pagePlace struct {
	Node, Observer string
	Fact           *fact.Fact
}

type pageTest struct {
	ID, State, Class, Means, Strength, Over, Expect, Procedure, Detail, Line string
}

type pageUnseen struct{ Node, Reason, Detail, Hides string }

func newPage(c *dossier.Contents) *page {
	p := &page{
		Style: template.CSS(pageStyle), Name: name(c), Digest: c.Digest, Predecessor: c.Manifest.Predecessor, AsOf: c.Manifest.AsOf, //nolint:gosec // our own file
		Artifacts: c.Manifest.Artifacts, Bytes: c.Manifest.Bytes, Facts: c.Manifest.CountFacts(), Observers: c.Manifest.Observers,
		LeftOut: c.Manifest.LeftOut, Budgets: c.Manifest.Budgets, References: c.Manifest.References, Evidence: c.Manifest.Evidence,
	}
	if c.Declaration != nil {
		p.Vendor, p.Kind = c.Declaration.Vendor, string(c.Declaration.Kind)
	}
	versions := map[string]int{}
	for _, o := range c.Manifest.Observers {
		versions[o.Observer] = o.Version
	}
	for i, o := range c.Outcomes {
		p.Schemes = append(p.Schemes, newPageScheme(i, o, versions))
	}
	for f, err := range c.Facts.All("unobserved") {
		if err != nil {
			break
		}
		if len(p.Unobserved) >= pageUnobserved {
			p.MoreUnseen++
			continue
		}
		text := func(name string) string { v, _ := f.Get(name); s, _ := v.(string); return s }
		hides, _ := f.Get("hides")
		list, _ := hides.([]string)
		p.Unobserved = append(p.Unobserved, pageUnseen{f.Node, text("reason"), text("detail"), strings.ReplaceAll(strings.Join(list, ", "), "*", "anything")})
	}
	return p
}

var barClass = map[judge.Verdict]string{
	judge.Pass: "p", judge.Fail: "f", judge.Inconclusive: "i", judge.NotAssessed: "w", judge.NotApplicable: "n",
}

// shownOrder is the order in which a page shows verdicts: what needs attention first.
var shownOrder = []judge.Verdict{judge.Fail, judge.Inconclusive, judge.Pass, judge.NotAssessed, judge.NotApplicable}

func newPageScheme(n int, o *judge.Outcome, versions map[string]int) pageScheme {
	counts := o.Counts(nil)
	s := pageScheme{
		ID: o.Scheme.ID, Title: o.Scheme.Title, Subtitle: o.Scheme.Subtitle, Edition: o.Scheme.Edition, Digest: o.Scheme.Digest, Link: o.Scheme.Link, Texts: o.Scheme.Texts,
		Line: CountLine(counts), Departs: Departs(o.Scheme), Total: counts.Total,
	}
	x := 0.0
	for _, v := range []judge.Verdict{judge.Pass, judge.Fail, judge.Inconclusive, judge.NotAssessed, judge.NotApplicable} {
		k := counts.ByVerdict[v]
		width := 420 * float64(k) / float64(max(counts.Total, 1))
		s.Bar = append(s.Bar, pageBar{barClass[v], x, max(0, width-1), mark(v), fmt.Sprint(k), verdictWords(v)})
		x += width
	}
	for i := range o.Scheme.Profiles {
		pr := &o.Scheme.Profiles[i]
		c := o.Counts(pr)
		s.Profiles = append(s.Profiles, fmt.Sprintf("Profile %s (%s), %d of %d requirements: %s", pr.ID, pr.Title, c.Total, counts.Total, CountLine(c)))
	}
	titles := map[judge.Verdict]string{
		judge.Fail: "Fails", judge.Inconclusive: "Cannot tell", judge.Pass: "Holds", judge.NotAssessed: "Waits for …", judge.NotApplicable: "Does not apply",
	}
	for _, v := range shownOrder {
		g := pageGroup{Title: titles[v]}
		for i := range o.Requirements {
			if o.Requirements[i].Verdict == v {
				g.List = append(g.List, newPageRequirement(n, o, &o.Requirements[i], versions))
			}
		}
		if len(g.List) > 0 {
			s.Groups = append(s.Groups, g)
		}
	}
	return s
}

func newPageRequirement(n int, o *judge.Outcome, r *judge.Requirement, versions map[string]int) pageRequirement {
	q := pageRequirement{
		ID: r.Of.ID, Anchor: fmt.Sprintf("r%d-%s", n, r.Of.ID), Title: r.Of.Title, Text: r.Of.Text, Clause: r.Of.Clause, TestCase: r.Of.TestCase,
		Link: r.Of.Link, Class: barClass[r.Verdict], Mark: mark(r.Verdict), Verdict: verdictWords(r.Verdict), Reason: string(r.Reason),
		Why: Waits(r.Reason), PassBy: passBy(r), Waits: r.Of.Waits, Answers: r.Of.Answers,
		Counts: fmt.Sprintf("%s examined, %s unknown, %s unobserved that may hide more, %s in findings",
			thousands(int64(r.Examined)), thousands(int64(r.Unknown)), thousands(int64(r.Unobserved)), thousands(int64(r.Findings))),
		Command: "probat explain DOSSIER " + r.Of.ID,
	}
	for _, f := range o.FindingsOf(r.Of.ID) {
		switch {
		case f.Kind == judge.Open && len(q.Open) >= pageOpen:
			q.MoreOpen++
		case f.Kind == judge.Open:
			q.Open = append(q.Open, newPageFinding(&f, versions))
		case len(q.Findings) >= pageFindings:
			q.MoreFindings++
		default:
			q.Findings = append(q.Findings, newPageFinding(&f, versions))
		}
	}
	// What fails stands before what is only noted.
	slices.SortStableFunc(q.Findings, func(a, b pageFinding) int { return rank(a.Kind) - rank(b.Kind) })
	for _, t := range r.Tests {
		q.Tests = append(q.Tests, newPageTest(&t))
	}
	return q
}

func rank(k judge.FindingKind) int {
	if k == judge.Failing {
		return 0
	}
	return 1
}

func passBy(r *judge.Requirement) string {
	var sets []string
	for _, s := range r.Of.PassBy {
		var means []string
		for _, m := range s {
			means = append(means, string(m))
		}
		sets = append(sets, strings.Join(means, " and "))
	}
	return strings.Join(sets, "; or ")
}

func newPageFinding(f *judge.Finding, versions map[string]int) pageFinding {
	g := pageFinding{Subject: subjectOf(f), Title: f.Title, Severity: string(f.Severity), Fingerprint: f.Fingerprint, Kind: f.Kind}
	if f.Detail != g.Subject {
		g.Detail = f.Detail
	}
	for _, p := range f.Places {
		if len(g.Places) >= pagePlaces {
			g.MorePlaces++
			continue
		}
		who := p.Observer
		if v := versions[p.Observer]; v > 0 {
			who = fmt.Sprintf("%s %d", p.Observer, v)
		}
		g.Places = append(g.Places, pagePlace{p.Node, who, p})
	}
	return g
}

func newPageTest(t *judge.Test) pageTest {
	p := pageTest{
		ID: t.Of.ID, State: strings.ReplaceAll(string(t.State), "-", " "), Means: string(t.Of.Means), Strength: string(t.Of.Strength),
		Over: t.Of.Over, Procedure: t.Of.Procedure, Detail: t.Detail,
	}
	if t.Reason != "" {
		p.State += ", " + string(t.Reason)
	}
	p.Class = map[judge.State]string{judge.Fails: "vf", judge.Holds: "vp", judge.Unsettled: "vi"}[t.State]
	if t.Of.Expect != nil {
		p.Expect = t.Of.Expect.Text
	}
	if !t.Of.IsProcedure() && t.State != judge.NotRun {
		p.Line = fmt.Sprintf("%s examined, %s selected, %s unknown, %s findings; %s unobserved that may hide more",
			thousands(int64(t.Examined)), thousands(int64(t.Selected)), thousands(int64(t.Unknown)), thousands(int64(t.Findings)), thousands(int64(t.Hidden)))
	}
	return p
}
