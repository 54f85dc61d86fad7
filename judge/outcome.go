package judge

import (
	"slices"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/scheme"
)

// Verdict is what follows for a requirement.
type Verdict string

// The verdicts, in the order in which the worst wins over several requirements.
const (
	NotApplicable Verdict = "not-applicable"
	Pass          Verdict = "pass"
	NotAssessed   Verdict = "not-assessed"
	Inconclusive  Verdict = "inconclusive"
	Fail          Verdict = "fail"
)

// Verdicts returns all verdicts in their order.
func Verdicts() []Verdict { return []Verdict{NotApplicable, Pass, NotAssessed, Inconclusive, Fail} }

// Worst returns the verdict that holds over several requirements; of none it is not-applicable.
func Worst(verdicts ...Verdict) Verdict {
	order := Verdicts()
	worst := 0
	for _, v := range verdicts {
		worst = max(worst, slices.Index(order, v))
	}
	return order[worst]
}

// Reason is why a requirement was not assessed, or a test not run.
type Reason string

// The reasons, in the order in which the first is given.
const (
	LabError         Reason = "lab-error"         // the lab's own fault: an expression too dear
	NeedsRescan      Reason = "needs-rescan"      // nobody looked for what the test asks
	NothingExamined  Reason = "nothing-examined"  // there is nothing that the test could be about
	NoTest           Reason = "no-test"           // the scheme has none yet for a means that a pass needs
	NeedsDeclaration Reason = "needs-declaration" // the vendor has not said what the test compares with
	NeedsArtifact    Reason = "needs-artifact"
	NeedsInstance    Reason = "needs-instance" // a running instance
	NeedsPerson      Reason = "needs-person"
)

// Reasons returns all reasons in their order.
func Reasons() []Reason {
	return []Reason{LabError, NeedsRescan, NothingExamined, NoTest, NeedsDeclaration, NeedsArtifact, NeedsInstance, NeedsPerson}
}

// State is how one test came out.
type State string

// The states of a test.
const (
	Fails     State = "fails"
	Unsettled State = "inconclusive"
	NotRun    State = "not-run"
	Holds     State = "holds"
)

// Judgement is what a person, or a driver of a running instance, found for a test in words.
type Judgement struct {
	Scheme      string   `json:"scheme"`
	Requirement string   `json:"requirement"`
	Test        string   `json:"test"`
	Verdict     Verdict  `json:"verdict"` // pass, fail or inconclusive
	Reason      string   `json:"reason"`
	Evidence    []string `json:"evidence"` // digests
	Party       string   `json:"party"`
	Person      string   `json:"person"`
	Statement   string   `json:"statement,omitempty"` // digest of the signed statement
}

// Outcome is the whole result for one scheme.
type Outcome struct {
	Scheme       *scheme.Scheme
	Requirements []Requirement // in the scheme's order
	Findings     []Finding     // by requirement and test in the scheme's order, then by fingerprint
}

// Requirement is the result for one requirement.
type Requirement struct {
	Of      *scheme.Requirement
	Verdict Verdict
	Reason  Reason // of not-assessed
	Tests   []Test
	// Distinct facts over all tests: examined, unknown, hiding something that the tests ask for, in findings that are no notes.
	Examined, Unknown, Unobserved, Findings int
}

// Test is the result of one test.
type Test struct {
	Of       *scheme.Test
	State    State
	Reason   Reason // of not-run
	Detail   string // of not-run and inconclusive, for people
	Examined int    // items of over before where
	Selected int    // of these, those that where selects
	Unknown  int    // items that could not be decided
	Hidden   int    // unobserved facts that may hide something of the test's kinds
	Findings int
	LeftOut  int // places that findings do not list, because they are too many
	Open     int // unknown items that are not listed as findings of kind open, because they are too many
}

// FindingKind says what a finding means for its test.
type FindingKind string

// The kinds of findings, as in SARIF 2.1.0 3.27.9.
const (
	Failing       FindingKind = "fail"
	Informational FindingKind = "informational" // of a note
	Open          FindingKind = "open"          // an item that could not be decided
)

// Finding is a fact that does not meet a test, in all places where it stands.
type Finding struct {
	Fingerprint string
	Kind        FindingKind
	Requirement string
	Test        string
	Severity    scheme.Severity
	Title       string
	Subject     string       // what it is about, in a few words: the values of the kind's key
	Values      []any        // those that make two findings the same
	Places      []*fact.Fact // sorted; empty for what is about the declaration
	Detail      string       // for people: the item of the declaration, the error of an open one
}

// Contradicted stands for the test in findings that show that a requirement applies although the declaration says that it does not.
const Contradicted = "declared-not-applicable"

// Counts says how many requirements came out how, of how many.
type Counts struct {
	Total     int
	ByVerdict map[Verdict]int
	ByReason  map[Reason]int // of those that were not assessed
}

// Counts counts the requirements of a profile; of all for nil.
func (o *Outcome) Counts(p *scheme.Profile) Counts {
	c := Counts{ByVerdict: map[Verdict]int{}, ByReason: map[Reason]int{}}
	for _, r := range o.Requirements {
		if p != nil && !slices.Contains(p.Requirements, r.Of.ID) {
			continue
		}
		c.Total++
		c.ByVerdict[r.Verdict]++
		if r.Verdict == NotAssessed {
			c.ByReason[r.Reason]++
		}
	}
	return c
}

// Requirement returns the result for one requirement.
func (o *Outcome) Requirement(id string) (*Requirement, bool) {
	i := slices.IndexFunc(o.Requirements, func(r Requirement) bool { return r.Of.ID == id })
	if i < 0 {
		return nil, false
	}
	return &o.Requirements[i], true
}

// FindingsOf returns the findings of one requirement, in order.
func (o *Outcome) FindingsOf(id string) []Finding {
	var out []Finding
	for _, f := range o.Findings {
		if f.Requirement == id {
			out = append(out, f)
		}
	}
	return out
}
