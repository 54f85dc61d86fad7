package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/judge"
)

// Style paints words for a terminal. The zero value paints nothing.
type Style struct {
	Good, Bad, Doubt, Faint, Strong func(string) string
}

func paint(f func(string) string, s string) string {
	if f == nil {
		return s
	}
	return f(s)
}

func (s *Style) verdict(v judge.Verdict, text string) string {
	switch v {
	case judge.Pass:
		return paint(s.Good, text)
	case judge.Fail:
		return paint(s.Bad, text)
	case judge.Inconclusive:
		return paint(s.Doubt, text)
	}
	return paint(s.Faint, text)
}

// mostFindings is how many findings of a requirement the text shows; the others are counted.
const mostFindings = 5

// Text writes a summary for people: counts with denominators and reasons, the failed requirements with the decisive evidence under each, and
// what could not be looked at.
func Text(w io.Writer, c *dossier.Contents, style Style) error {
	b := bufio.NewWriter(w)
	p := func(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }
	p("%s", paint(style.Strong, name(c)))
	for _, a := range c.Manifest.Artifacts {
		p("%s  %s", paint(style.Faint, "sha256 "+a.Digest), a.ID)
	}
	p("%s facts; %s", thousands(int64(c.Manifest.CountFacts())), BytesLine(c.Manifest.Bytes))
	if n := c.Facts.Len("unobserved"); n > 0 {
		p("%s could not be looked at, or not wholly (probat facts DOSSIER --kind unobserved)", count(n, "thing"))
	}
	if len(c.Manifest.LeftOut) > 0 {
		p("observers left out: %s", strings.Join(c.Manifest.LeftOut, ", "))
	}
	for _, o := range c.Outcomes {
		p("")
		p("%s: %s", paint(style.Strong, o.Scheme.Title+" "+o.Scheme.Edition), CountLine(o.Counts(nil)))
		if d := Departs(o.Scheme); d != "" {
			p("  %s", paint(style.Doubt, d))
		}
		for i := range o.Scheme.Profiles {
			pr := &o.Scheme.Profiles[i]
			n := o.Counts(pr)
			p("  profile %s, %d of %d requirements: %s", pr.ID, n.Total, len(o.Requirements), CountLine(n))
		}
		for i := range o.Requirements {
			if r := &o.Requirements[i]; r.Verdict == judge.Fail {
				textRequirement(p, o, r, style)
			}
		}
	}
	return b.Flush()
}

func textRequirement(p func(string, ...any), o *judge.Outcome, r *judge.Requirement, style Style) {
	p("")
	p("%s %s  %s", style.verdict(r.Verdict, mark(r.Verdict)), paint(style.Strong, r.Of.ID), r.Of.Title)
	shown, failing := 0, 0
	for _, f := range o.FindingsOf(r.Of.ID) {
		if f.Kind != judge.Failing {
			continue
		}
		failing++
		if shown < mostFindings {
			shown++
			textFinding(p, &f, style)
		}
	}
	if failing > shown {
		p("    and %d more (probat explain DOSSIER %s)", failing-shown, r.Of.ID)
	}
}

func textFinding(p func(string, ...any), f *judge.Finding, style Style) {
	p("    %s %s", subjectOf(f), f.Title)
	d := decisive(f)
	if d == nil {
		return
	}
	more := ""
	if n := len(f.Places) - 1; n > 0 {
		more = fmt.Sprintf(" and %d more places", n)
	}
	p("      %s%s", paint(style.Faint, d.Node), more)
	if d.Excerpt != nil {
		p("      %s %s", paint(style.Faint, ExcerptPlace(d.Excerpt)+":"), d.Excerpt.Text)
	}
}

// Explain writes everything about one requirement: verdict, tests, findings with their facts and decisive bytes.
func Explain(w io.Writer, c *dossier.Contents, o *judge.Outcome, r *judge.Requirement, style Style) error {
	b := bufio.NewWriter(w)
	p := func(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }
	p("%s %s  %s", style.verdict(r.Verdict, mark(r.Verdict)+" "+verdictWords(r.Verdict)), paint(style.Strong, r.Of.ID), r.Of.Title)
	if r.Reason != "" {
		p("  because %s (%s)", Waits(r.Reason), r.Reason)
	}
	if d := Departs(o.Scheme); d != "" {
		p("  %s", paint(style.Doubt, d))
	}
	p("  %s %s, clause %s %s", o.Scheme.Title, o.Scheme.Edition, r.Of.Clause, r.Of.TestCase)
	p("  %s", wrap(r.Of.Text, "  "))
	p("  %s", r.Of.Link)
	p("  a pass needs: %s", passBy(r))
	if r.Of.Waits != "" {
		p("  %s", wrap(r.Of.Waits, "  "))
	}
	for _, t := range r.Tests {
		explainTest(p, c, o, r, &t, style)
	}
	var notes []judge.Finding
	for _, f := range o.FindingsOf(r.Of.ID) {
		if f.Test == judge.Contradicted {
			notes = append(notes, f)
		}
	}
	for i := range notes {
		p("")
		explainFinding(p, &notes[i], style)
	}
	return b.Flush()
}

func explainTest(p func(string, ...any), c *dossier.Contents, o *judge.Outcome, r *judge.Requirement, t *judge.Test, style Style) {
	p("")
	state := string(t.State)
	if t.Reason != "" {
		state += ": " + string(t.Reason)
	}
	p("  test %s (%s, %s) %s", paint(style.Strong, t.Of.ID), t.Of.Means, t.Of.Strength, state)
	if t.Of.IsProcedure() {
		p("    %s", wrap(t.Of.Procedure, "    "))
	} else {
		p("    over %s: %d examined, %d selected, %d unknown, %d findings; %d unobserved that may hide more",
			t.Of.Over, t.Examined, t.Selected, t.Unknown, t.Findings, t.Hidden)
		if t.Of.Expect != nil {
			p("    expects %s", t.Of.Expect.Text)
		}
	}
	if t.Detail != "" {
		p("    %s", t.Detail)
	}
	for _, f := range o.FindingsOf(r.Of.ID) {
		if f.Test == t.Of.ID {
			explainFinding(p, &f, style)
		}
	}
	if t.LeftOut > 0 || t.Open > 0 {
		p("    not listed: %d places, %d open items", t.LeftOut, t.Open)
	}
	if t.Hidden > 0 {
		explainHidden(p, c, t)
	}
}

func explainFinding(p func(string, ...any), f *judge.Finding, style Style) {
	p("    %s %s %s (%s) %s", f.Kind, paint(style.Strong, subjectOf(f)), f.Title, f.Severity, paint(style.Faint, f.Fingerprint[:12]))
	if f.Detail != "" && f.Detail != subjectOf(f) {
		p("      %s", f.Detail)
	}
	for i, x := range f.Places {
		if i == mostFindings {
			p("      and %d more places", len(f.Places)-i)
			break
		}
		p("      %s", x.Node)
		p("        %s %s", x.Kind.Name, Attributes(x))
		if x.Excerpt != nil {
			p("        %s: %s", ExcerptPlace(x.Excerpt), x.Excerpt.Text)
		}
	}
}

func explainHidden(p func(string, ...any), c *dossier.Contents, t *judge.Test) {
	shown := 0
	for f, err := range c.Facts.All("unobserved") {
		if err != nil {
			return
		}
		hides, _ := f.Get("hides")
		kinds, _ := hides.([]string)
		if !hidesAny(kinds, t.Of.Kinds) {
			continue
		}
		if shown++; shown > mostFindings {
			p("    unobserved: and %d more", t.Hidden-mostFindings)
			return
		}
		reason, _ := f.Get("reason")
		detail, _ := f.Get("detail")
		p("    unobserved: %s: %s (%s)", f.Node, detail, reason)
	}
}

func hidesAny(hides, kinds []string) bool {
	for _, h := range hides {
		if h == "*" {
			return true
		}
		for _, k := range kinds {
			if h == k {
				return true
			}
		}
	}
	return false
}

// wrap breaks a text into lines of at most 100 characters, indented but for the first.
func wrap(s, indent string) string {
	var b strings.Builder
	n := 0
	for i, word := range strings.Fields(s) {
		if i > 0 && n+len(word) > 100 {
			b.WriteString("\n" + indent)
			n = 0
		} else if i > 0 {
			b.WriteByte(' ')
			n++
		}
		b.WriteString(word)
		n += len(word)
	}
	return b.String()
}
