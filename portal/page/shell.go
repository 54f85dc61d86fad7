package page

import (
	"slices"
	"time"
)

// Shell is what all pages have in common.
type Shell struct {
	Title   string // of the window; pages add the lab's name
	Lab     string // the lab's name, may be empty
	Nav     []Link // Products, Schemes, Inbox, Register, Ledger: those that this reader has
	Who     *Who   // nil: nobody is signed in, then there is neither search nor sign-out
	Query   string // what stands in the search box
	Line    *Line  // the thin coloured line on top; nil: none
	Notices []Notice
	Version string    // of the program, in the footer
	Once    string    // random, new for every answer; forms send it in the field "once" (see Form)
	Now     time.Time // what clocks count from
}

// Link leads somewhere.
type Link struct {
	Text, URL string
	Note      string // a few quiet words or a number beside it, may be empty
	Current   bool   // this is where the reader is
}

// Who is the reader, always shown.
type Who struct {
	Party, Role, Person string
	Class               string // vendor, lab, operator, regulator
	URL                 string // own page: sessions, tokens; may be empty
}

// Line says that the reader acts under special leave: an elevation, later an audit session. Kind chooses the colour, Text says it in words.
type Line struct {
	Kind string // "elevation" or "session"
	Text string
	Ends time.Time
	End  *Form // ends it now; may be nil
}

// Notice is what came of the last act, on top of the page.
type Notice struct {
	Kind string // "done", "warn" or "error"
	Text string
	Link Link // may be empty
}

// Pair is a name and a value: a hidden field, or a row of a list of facts.
type Pair struct {
	Name, Value string
	URL         string // for a fact: where the value leads
	Mono        bool   // for a fact: a digest, an address
}

// Pager leads through a list that is too long for one page. First and Last count from one.
type Pager struct {
	First, Last, Total int
	Prev, Next         string
}

// Clock says who must move next, and until when.
type Clock struct {
	Who string
	Act string // what is due, as "must answer"
	Due time.Time
}

// Seal is a statement's place in the ledger. The portal marks these elements with data-ledger: they may differ between twin worlds.
type Seal struct {
	Index     int64
	URL       string // the statement's page
	Digest    string
	Witnesses string // as "2 of 3", may be empty
	Pending   bool   // written, not yet under a checkpoint
}

func (s Shell) title() string {
	if s.Title == "" {
		return "Probat"
	}
	return Visible(s.Title) + " · Probat"
}

// once is the value of the hidden field of the form with this id: forms of one page never share one.
func (s Shell) once(form string) string { return s.Once + "-" + form }

func noticeClass(kind string) string {
	if slices.Contains([]string{"done", "warn", "error"}, kind) {
		return "notice " + kind
	}
	return "notice"
}

func noticeMark(kind string) string {
	switch kind {
	case "done":
		return "✓"
	case "error":
		return "✗"
	case "warn":
		return "!"
	}
	return "·"
}
