package page

import (
	"fmt"
	"strconv"
	"strings"
)

// The five verdicts, in the order in which bars and lists show them. Any other word in a field named Verdict is shown as "not assessed".
const (
	Pass          = "pass"
	Fail          = "fail"
	Inconclusive  = "inconclusive"
	NotAssessed   = "not-assessed"
	NotApplicable = "not-applicable"
)

// mark is the sign of a verdict; a sign always stands beside its word or its count.
func mark(verdict string) string {
	switch verdict {
	case Pass:
		return "✓"
	case Fail:
		return "✗"
	case Inconclusive:
		return "?"
	case NotApplicable:
		return "–"
	}
	return "…"
}

// verdictClass is the style of a verdict's sign and word.
func verdictClass(verdict string) string {
	switch verdict {
	case Pass:
		return "vp"
	case Fail:
		return "vf"
	case Inconclusive:
		return "vi"
	case NotApplicable:
		return "vn"
	}
	return "vw"
}

func verdictWord(verdict string) string {
	switch verdict {
	case Pass:
		return "Pass"
	case Fail:
		return "Fail"
	case Inconclusive:
		return "Inconclusive"
	case NotApplicable:
		return "Not applicable"
	}
	return "Not assessed"
}

// Counts are the requirements of one scheme by verdict. They are never added up over schemes.
type Counts struct {
	Pass, Fail, Inconclusive, NotAssessed, NotApplicable int
}

// Apply is the denominator: the requirements that apply.
func (c Counts) Apply() int { return c.Pass + c.Fail + c.Inconclusive + c.NotAssessed }

func (c Counts) words() string {
	return fmt.Sprintf("%d pass, %d fail, %d inconclusive, %d not assessed, %d not applicable", c.Pass, c.Fail, c.Inconclusive, c.NotAssessed, c.NotApplicable)
}

// part is one rectangle of a bar; units are those of its viewBox.
type part struct{ class, x, width string }

const (
	barWidth = 176
	barLeast = 2 // a verdict that occurs is always seen
)

// parts lays a bar out: widths in proportion, one unit between neighbours, no part narrower than barLeast.
func (c Counts) parts() []part {
	classes := []string{"p", "f", "i", "w", "n"}
	var total, shown int
	values := []int{c.Pass, c.Fail, c.Inconclusive, c.NotAssessed, c.NotApplicable}
	for _, v := range values {
		if v > 0 {
			total += v
			shown++
		}
	}
	if total == 0 {
		return nil
	}
	room := float64(barWidth - (shown - 1) - shown*barLeast)
	var out []part
	x := 0.0
	for i, v := range values {
		if v <= 0 {
			continue
		}
		w := barLeast + room*float64(v)/float64(total)
		out = append(out, part{class: classes[i], x: decimal(x), width: decimal(w)})
		x += w + 1
	}
	return out
}

func decimal(f float64) string { return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0") }
