package report

import (
	"fmt"
	"strings"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/scheme"
	"github.com/probat-lab/probat/schemes"
)

// mark is the sign of a verdict: never its colour alone tells it.
func mark(v judge.Verdict) string {
	switch v {
	case judge.Pass:
		return "✓"
	case judge.Fail:
		return "✗"
	case judge.Inconclusive:
		return "?"
	case judge.NotAssessed:
		return "…"
	default:
		return "–"
	}
}

// verdictWords is a verdict as it is counted.
func verdictWords(v judge.Verdict) string { return strings.ReplaceAll(string(v), "-", " ") }

// reasonWords says what those that were not assessed wait for, after a number: "24 a running instance".
func reasonWords(r judge.Reason, n int) string {
	switch r {
	case judge.LabError:
		return fmt.Sprintf("%d for a fault of the lab", n)
	case judge.NeedsRescan:
		return fmt.Sprintf("%d need a rescan", n)
	case judge.NothingExamined:
		return fmt.Sprintf("%d had nothing to examine", n)
	case judge.NoTest:
		if n == 1 {
			return "1 has no test yet"
		}
		return fmt.Sprintf("%d have no test yet", n)
	case judge.NeedsDeclaration:
		return fmt.Sprintf("%d need a declaration", n)
	case judge.NeedsArtifact:
		return fmt.Sprintf("%d need an artifact", n)
	case judge.NeedsInstance:
		return fmt.Sprintf("%d need a running instance", n)
	default:
		return fmt.Sprintf("%d need a person", n)
	}
}

// Waits says in words what a reason of not-assessed means for one requirement.
func Waits(r judge.Reason) string {
	return map[judge.Reason]string{
		judge.LabError:         "a test could not be run through a fault of the lab",
		judge.NeedsRescan:      "nobody looked for what the test asks: evaluate the product again",
		judge.NothingExamined:  "the product holds nothing that the test could be about",
		judge.NoTest:           "the scheme has no test yet for what a pass needs",
		judge.NeedsDeclaration: "the vendor has not declared what the test compares with",
		judge.NeedsArtifact:    "an artifact is needed",
		judge.NeedsInstance:    "a running instance is needed",
		judge.NeedsPerson:      "a person has to judge",
	}[r]
}

// Departs says that a scheme bears the name of one that comes with the program and is another; "" where it does not.
func Departs(s *scheme.Scheme) string {
	shipped, ok := schemes.Source(s.ID)
	if !ok || dossier.Digest(shipped) == s.Digest {
		return ""
	}
	return fmt.Sprintf("This is not the %s that comes with this program: it has the digest %s, that one %s.", s.ID, s.Digest[:12], dossier.Digest(shipped)[:12])
}

// CountLine writes counts with their denominators and reasons: "7 pass, 4 fail, 2 inconclusive, 60 not assessed (21 have no test yet, …)".
func CountLine(c judge.Counts) string {
	var parts []string
	for _, v := range []judge.Verdict{judge.Pass, judge.Fail, judge.Inconclusive, judge.NotAssessed, judge.NotApplicable} {
		if n := c.ByVerdict[v]; n > 0 || v != judge.NotApplicable {
			parts = append(parts, fmt.Sprintf("%d %s%s", n, verdictWords(v), reasons(c, v)))
		}
	}
	return strings.Join(parts, ", ")
}

func reasons(c judge.Counts, v judge.Verdict) string {
	if v != judge.NotAssessed {
		return ""
	}
	var why []string
	for _, r := range judge.Reasons() {
		if n := c.ByReason[r]; n > 0 {
			why = append(why, reasonWords(r, n))
		}
	}
	if len(why) == 0 {
		return ""
	}
	return " (" + strings.Join(why, ", ") + ")"
}

// BytesLine says where the bytes of the release went.
func BytesLine(b dossier.Bytes) string {
	total := b.Nodes + b.Structure + b.Padding + b.Unobserved
	return fmt.Sprintf("%s bytes in containers and folders: %s in files, %s structure, %s padding, %s unobserved",
		thousands(total), thousands(b.Nodes), thousands(b.Structure), thousands(b.Padding), thousands(b.Unobserved))
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(int64(n)) + " " + noun + "s"
}

// thousands writes a number with commas.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// name is what a release is called: as declared, or "product".
func name(c *dossier.Contents) string {
	if c.Declaration == nil {
		return "product"
	}
	n := c.Declaration.Product
	for _, s := range []string{c.Declaration.Version, c.Declaration.Period} {
		if s != "" {
			n += " " + s
		}
	}
	return n
}

// subjectOf writes what a finding is about, with the place where it was seen first.
func subjectOf(f *judge.Finding) string {
	s := f.Subject
	if s == "" && f.Detail != "" {
		s = f.Detail
	}
	if s == "" && len(f.Places) > 0 {
		s = f.Places[0].Path
	}
	return s
}

// decisive returns the first place of a finding that has an excerpt, or its first place, or nil.
func decisive(f *judge.Finding) *fact.Fact {
	for _, p := range f.Places {
		if p.Excerpt != nil {
			return p
		}
	}
	if len(f.Places) > 0 {
		return f.Places[0]
	}
	return nil
}

// ExcerptPlace says where an excerpt stands: "line 7, bytes 181–226".
func ExcerptPlace(e *fact.Excerpt) string {
	s := fmt.Sprintf("bytes %d–%d", e.Offset, max(e.Offset, e.Offset+e.Length-1))
	if e.Line > 0 {
		s = fmt.Sprintf("line %d, ", e.Line) + s
	}
	return s
}

// Attributes writes a fact's attributes in a line: name=value, in their order; values for readers only are there too.
func Attributes(f *fact.Fact) string {
	var parts []string
	for i := range f.Kind.Fields {
		n := f.Kind.Fields[i].Name
		v, ok := f.Get(n)
		if !ok {
			continue
		}
		switch v := v.(type) {
		case string:
			parts = append(parts, fmt.Sprintf("%s=%q", n, v))
		case []string:
			if len(v) > 0 {
				parts = append(parts, fmt.Sprintf("%s=[%s]", n, strings.Join(v, " ")))
			}
		default:
			if n == "mode" {
				parts = append(parts, fmt.Sprintf("mode=%04o", v))
				continue
			}
			parts = append(parts, fmt.Sprintf("%s=%v", n, v))
		}
	}
	return strings.Join(parts, " ")
}

// Size writes a number of bytes for people who wait.
func Size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	v, exp := float64(n)/unit, 0
	for ; v >= unit && exp < 4; exp++ {
		v /= unit
	}
	return fmt.Sprintf("%.1f %ciB", v, "KMGTP"[exp])
}
