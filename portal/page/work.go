package page

import (
	"strings"
	"time"
)

// Work is "/releases/{id}/schemes/{scheme}" and "…/{requirement}": list, verdict, dialogue. Without a requirement chosen, At is nil.
type Work struct {
	Shell
	Product, Release, ReleaseURL string
	Scheme, Edition, SchemeURL   string
	Counts                       Counts
	Waits                        string // as "21 need a running instance, 3 a person"
	Against                      string // as "Against 4.2.0: 3 newly pass, 0 newly fail."
	Groups                       []WorkGroup
	Prev, Next                   string // addresses of the neighbours in the list, for keys k and j
	At                           *Requirement
	Talk                         *Talk
}

// WorkGroup is a part of the list: Fails, Cannot tell, Holds, Waits for …, Does not apply.
type WorkGroup struct {
	Name  string
	Items []WorkItem
}

// WorkItem is a requirement in the list.
type WorkItem struct {
	ID, Name, URL, Verdict string
	Note                   string // why it waits, or who has to act; may be empty
	Current                bool
}

// Requirement is the middle pane.
type Requirement struct {
	ID, Name, Words string
	Verdict, Note   string    // Note as "1 of 9 services", or the reason of not assessed
	Since           string    // as "fails since 3.8.1"
	Evidence        []Excerpt // the decisive bytes, first what decided
	Tests           []Test
	Compared        []Pair // compared with: declaration, references, as-of
	PassNeeds       []string
	Answers         []Link    // also answers: requirements of other schemes
	Links           []Link    // buttons: all findings, open the file
	Findings        []Finding // the others
	FindingsMore    Link
	Unobserved      []Pair // what could not be looked at: where, why
	Procedures      []Procedure
	Judgements      []Judgement
	Risks           []Risk
	Actions         []Form // see JudgeForm; those with ID judge-… answer to the keys p, f, i
}

// Excerpt is decisive bytes in their place.
type Excerpt struct {
	Says         string // in bold: what is there, as "telnetd, tcp 23, every interface, at boot"
	But          string // after it: ": not declared"
	Address, URL string
	Lines        []TextLine
	Digest       string
	From, To     int64  // offsets of the first byte and of the one after the last; equal: not of a file
	SeenBy       string // observer and version
	Also         string // as "also in 4.2.0, first in 3.8.1"
	Masked       string // why something in it is ▒▒▒, may be empty
}

// TextLine is a line of text with its number (0: none). Parts are its pieces; a masked piece is shown as ▒▒▒ with the reason.
type TextLine struct {
	No    int
	Parts []TextPart
	Hit   bool
}

// TextPart is a piece of a line.
type TextPart struct {
	Text   string
	Masked string // the reason; then Text is not shown, whatever it is
}

// Test is one test of the requirement and what came of it.
type Test struct {
	ID, Means, Strength string // means: artifact, live, document, person; strength: decisive, indicative
	Result              string // holds, fails, inconclusive, not run
	Why                 string // as "9 examined, 0 unknown, nothing unobserved", "needs-instance"
	ComparedWith        string
}

// Finding is a fact that does not meet a test.
type Finding struct {
	Title, URL       string
	Test, Severity   string
	Address, NodeURL string
	Places           int // further places of the same finding
	Fingerprint      string
	Since            string
	Accepted         bool // a party accepts the risk
}

// Procedure is what a person does, and what it should leave behind.
type Procedure struct {
	Test, Means, Words string
	Expected           []string // evidence that is expected
	Persons            int
	Drafted            []Link // evidence drafted by the machine
}

// Judgement is a person's verdict. Second is the countersignature; Waiting says for whom it waits.
type Judgement struct {
	Test, Verdict, Reason string
	Person, Party         string
	When                  time.Time
	Cites                 []Link
	Second                string
	SecondWhen            time.Time
	Waiting               string
	Seal                  *Seal
	Actions               []Form // countersign, withdraw
}

// Talk is the right pane: who must answer, the messages, and the form to write one.
type Talk struct {
	Clock    *Clock
	URL      string // the thread's own page
	Messages []Message
	Linked   []Link // the same thread of other releases
	Compose  *Compose
	Seal     *Seal  // of the last statement
	Empty    string // when nobody has said anything; default says so
}

// Message is what somebody said. Its audience was fixed when it was posted.
type Message struct {
	ID            string
	Party, Person string
	When          time.Time
	Audience      []string // parties that can read it, besides the writer's
	Text          string
	Attached      []Link
	Seal          *Seal
	Kind          string // as "dispute", "plans a fix in 4.2.2", "accepts"; empty: a message
}

// Compose is the form for a message: fields "text", "audience" (one value a party), "kind" if there are Kinds, "attachment" with Upload.
type Compose struct {
	Action  string
	Hidden  []Pair
	Parties []Option // by name; those of the conversation are chosen
	Kinds   []Option
	Upload  bool
	Text    string
	Error   string
}

// resultMark and resultClass are those of the verdict that a test's result leads to.
func resultMark(result string) string  { return mark(resultVerdict(result)) }
func resultClass(result string) string { return verdictClass(resultVerdict(result)) }

func resultVerdict(result string) string {
	switch result {
	case "holds":
		return Pass
	case "fails":
		return Fail
	case "inconclusive":
		return Inconclusive
	}
	return NotAssessed
}

// audience lists the parties that read a message; nobody else's is said too.
func audience(parties []string) string {
	if len(parties) == 0 {
		return "the writer's own party only"
	}
	out := make([]string, len(parties))
	for i, p := range parties {
		out[i] = "\u2068" + Visible(p) + "\u2069" // isolates, so that a name cannot turn its neighbours
	}
	return strings.Join(out, ", ")
}

// tabbed is a line of a file: tabs stay, everything else unseen is marked.
func tabbed(s string) string {
	return strings.ReplaceAll(visible(s, true), "\n", "⟨U+000A⟩")
}
