package outline

// Requirement is one clause of a scheme and how it came out. Its findings follow it.
type Requirement struct {
	Answers           []string    `json:"answers,omitempty" row:"text=512,most=256"` // requirements of other schemes, SCHEME/REQUIREMENT
	AnswersLeftOut    int64       `json:"answers_left_out,omitempty"`
	Clause            string      `json:"clause,omitempty" row:"text=256"`
	Examined          int64       `json:"examined"` // distinct facts over all tests
	Findings          int64       `json:"findings"` // facts in findings that are no notes
	Group             string      `json:"group" row:"one=fails|cannot-tell|holds|waits|does-not-apply"`
	ID                string      `json:"id" row:"name=256"`
	Inputs            Inputs      `json:"inputs"`
	Judgements        []Judgement `json:"judgements,omitempty" row:"most=64"`
	JudgementsLeftOut int64       `json:"judgements_left_out,omitempty"`
	LeftOut           int64       `json:"left_out,omitempty"` // findings that no row follows for
	Link              string      `json:"link,omitempty" row:"text=2048"`
	Listed            int64       `json:"listed"` // rows of findings that follow
	Needs             []Need      `json:"needs,omitempty" row:"most=64"`
	PassNeeds         string      `json:"pass_needs,omitempty" row:"text=1024"` // the same in words: "live; or artifact and person"
	Position          int64       `json:"position"`                             // in the scheme, from 0
	Profiles          []string    `json:"profiles,omitempty" row:"name=256,most=100"`
	Reason            string      `json:"reason,omitempty" row:"one?=lab-error|needs-rescan|nothing-examined|no-test|needs-declaration|needs-artifact|needs-instance|needs-person"`
	Scheme            string      `json:"scheme" row:"name=256"`
	Severity          string      `json:"severity,omitempty" row:"one?=note|low|medium|high|critical"`
	TestCase          string      `json:"test_case,omitempty" row:"text=256"`
	Tests             []Test      `json:"tests,omitempty" row:"most=64"`
	TestsLeftOut      int64       `json:"tests_left_out,omitempty"`
	Text              string      `json:"text,omitempty" row:"text=8192"` // what is required, in our own words
	Title             string      `json:"title" row:"text=512"`
	Unknown           int64       `json:"unknown"`    // distinct facts that could not be decided
	Unobserved        int64       `json:"unobserved"` // unobserved things that may hide something of what the tests ask
	Verdict           string      `json:"verdict" row:"one=not-applicable|pass|not-assessed|inconclusive|fail"`
	Waits             string      `json:"waits,omitempty" row:"text=4096"` // in the scheme's words, what a pass still waits for
	Why               string      `json:"why,omitempty" row:"text=512"`    // Reason in words
}

// GroupOf returns the group of requirements under which a verdict is shown: Requirement.Group.
func GroupOf(verdict string) string {
	switch verdict {
	case "fail":
		return "fails"
	case "inconclusive":
		return "cannot-tell"
	case "pass":
		return "holds"
	case "not-assessed":
		return "waits"
	}
	return "does-not-apply"
}

// Inputs are digests of all that had a part in a requirement's verdict, by what it is. They do not depend on the names of containers: with the
// same scheme and the same inputs the verdict is the same. What no test of the requirement reads is in none of them.
type Inputs struct {
	Coverage   string `json:"coverage" row:"digest"`   // which observers, in which versions, record what the tests read
	Declared   string `json:"declared" row:"digest"`   // the fields of the declaration that are read
	Facts      string `json:"facts" row:"digest"`      // the attributes that are read
	Judged     string `json:"judged" row:"digest"`     // what persons found
	References string `json:"references" row:"digest"` // sets, and the date
	Unobserved string `json:"unobserved" row:"digest"` // what may hide something
}

// Need is one means that a pass needs. Of several sets one has to be complete.
type Need struct {
	Lacks string `json:"lacks,omitempty" row:"one?=lab-error|needs-rescan|nothing-examined|no-test|needs-declaration|needs-artifact|needs-instance|needs-person"`
	Means string `json:"means" row:"one=artifact|live|document|person"`
	Set   int64  `json:"set"`   // from 0
	Shown bool   `json:"shown"` // all its decisive tests hold, and there is one
}

// Judgement is what a person, or a driver of a running instance, found so far for a test in words.
type Judgement struct {
	Evidence        []string `json:"evidence,omitempty" row:"digest,most=64"`
	EvidenceLeftOut int64    `json:"evidence_left_out,omitempty"`
	Party           string   `json:"party,omitempty" row:"text=512"`
	Person          string   `json:"person,omitempty" row:"text=512"`
	Reason          string   `json:"reason,omitempty" row:"lines=8192"`
	Statement       string   `json:"statement,omitempty" row:"digest?"`
	Test            string   `json:"test" row:"name=256"`
	Verdict         string   `json:"verdict" row:"one=pass|inconclusive|fail"`
}

// Test is how a requirement is tested and how that came out.
type Test struct {
	Compared  []Compared `json:"compared,omitempty" row:"most=32"`
	Detail    string     `json:"detail,omitempty" row:"text=1024"`
	Evidence  string     `json:"evidence,omitempty" row:"lines=4096"` // what is to be kept of the procedure
	Examined  int64      `json:"examined"`
	Expect    string     `json:"expect,omitempty" row:"text=4096"` // expression
	Findings  int64      `json:"findings"`
	Hidden    int64      `json:"hidden"` // unobserved things that may hide more
	ID        string     `json:"id" row:"name=256"`
	LeftOut   int64      `json:"left_out,omitempty"` // places that the dossier does not list
	Means     string     `json:"means" row:"one=artifact|live|document|person"`
	Open      int64      `json:"open,omitempty"`                // unknown items that the dossier does not list
	Over      string     `json:"over,omitempty" row:"text=256"` // kind of facts or list of the declaration; empty for a procedure
	Persons   int64      `json:"persons,omitempty"`             // who must agree, of a procedure; at least 1
	Procedure string     `json:"procedure,omitempty" row:"lines=8192"`
	Reason    string     `json:"reason,omitempty" row:"one?=lab-error|needs-rescan|nothing-examined|no-test|needs-declaration|needs-artifact|needs-instance|needs-person"`
	Selected  int64      `json:"selected"`
	Severity  string     `json:"severity,omitempty" row:"one?=note|low|medium|high|critical"`
	State     string     `json:"state,omitempty" row:"one?=fails|inconclusive|not-run|holds"` // empty where the requirement does not apply
	Strength  string     `json:"strength" row:"one=decisive|indicative"`
	Title     string     `json:"title,omitempty" row:"text=512"` // of its findings
	Unknown   int64      `json:"unknown"`
	Where     string     `json:"where,omitempty" row:"text=4096"` // expression
}

// Compared is a field of the declaration that a test compares with.
type Compared struct {
	Declared bool   `json:"declared"`
	Entries  int64  `json:"entries" row:"min=-1"` // of a list; -1 of anything else
	Field    string `json:"field" row:"name=256"` // without the leading declaration.
}

// Finding is a fact that does not meet a test, in all places where it stands. Within a requirement a fingerprint stands once.
type Finding struct {
	Decisive      int64   `json:"decisive" row:"min=-1"` // index in Places of the one with the bytes that show it; -1 for none
	Detail        string  `json:"detail,omitempty" row:"text=1024"`
	Fingerprint   string  `json:"fingerprint" row:"digest"`
	Kind          string  `json:"kind" row:"one=fail|informational|open"`
	Places        []Place `json:"places,omitempty" row:"most=32"` // of many the first, and the decisive one
	PlacesLeftOut int64   `json:"places_left_out,omitempty"`
	Position      int64   `json:"position"` // among those of the requirement, from 0
	Requirement   string  `json:"requirement" row:"name=256"`
	Scheme        string  `json:"scheme" row:"name=256"`
	Severity      string  `json:"severity" row:"one=note|low|medium|high|critical"`
	Subject       string  `json:"subject,omitempty" row:"text=1024"` // what it is about, in a few words
	Test          string  `json:"test" row:"name=256"`
	Title         string  `json:"title,omitempty" row:"text=512"`
}

// Place is where a finding stands: one fact.
type Place struct {
	Attributes string   `json:"attributes,omitempty" row:"text=2048"`
	Digest     string   `json:"digest,omitempty" row:"digest?"` // of the bytes in which offsets count
	Excerpt    *Excerpt `json:"excerpt,omitempty"`
	Key        string   `json:"key,omitempty" row:"text=1024"` // the values that identify the fact, for people; Fact.Key likewise
	Kind       string   `json:"kind" row:"name=256"`
	Node       string   `json:"node" row:"address!"`
	NodeAt     int64    `json:"node_at" row:"min=-1"` // position of the node in the tree; -1 where it has no row
	Observer   string   `json:"observer" row:"name=256"`
	Path       string   `json:"path,omitempty" row:"address"` // in the system, else in the innermost container
	System     string   `json:"system,omitempty" row:"address"`
	Version    int64    `json:"version,omitempty"` // of the observer
}

// Excerpt is the decisive part of what an observer saw, secrets masked by the observer.
type Excerpt struct {
	Length int64  `json:"length"` // bytes
	Line   int64  `json:"line,omitempty"`
	Offset int64  `json:"offset"`                         // in the innermost bytes of the node
	Text   string `json:"text,omitempty" row:"text=1024"` // escaped as fact.Escape does
}
