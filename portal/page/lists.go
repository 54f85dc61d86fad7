package page

import "time"

// Search is "/search?q=". Counts are of what the reader may see.
type Search struct {
	Shell
	Words  string // what was searched for
	Groups []HitGroup
	Hint   string // what can be searched for, when nothing was found or asked
}

// HitGroup is one kind of things: releases, requirements, findings, files, messages, statements.
type HitGroup struct {
	Name  string
	Total int // may be more than len(Hits)
	Hits  []Hit
	More  string // the rest of the group
}

// Hit is one thing. Words are pieces of the text around, with what matched.
type Hit struct {
	Title, URL string
	About      string // release, party
	Words      []HitWord
}

// HitWord is a piece of text; Match pieces are marked.
type HitWord struct {
	Text  string
	Match bool
}

// Inbox is "/inbox": by clock, and by who must move next.
type Inbox struct {
	Shell
	Mine, Others []Task
	Filters      []Link // all, threads, judgements, agreements …; the shown one is Current
	Pager        Pager
}

// Queue is what waits for a person's judgement.
type Queue struct {
	Shell
	Rows    []QueueRow
	Filters []Link
	Pager   Pager
}

// QueueRow is one procedure of one release.
type QueueRow struct {
	Release, ReleaseURL      string
	Scheme, Requirement, URL string
	Name                     string
	State                    string // waits for a judgement, for a countersignature, for evidence
	Drafted                  int    // pieces of evidence that the machine drafted
	Persons                  int
	Person                   string // who has begun it, may be empty
	Due                      time.Time
}

// Threads is a list of talks, or with Talk one of them alone.
type Threads struct {
	Shell
	Heading string
	About   Link // the release or requirement
	Rows    []ThreadRow
	Filters []Link
	Talk    *Talk
	Facts   []Pair // of the one thread: scheme, requirement, fingerprint
	Pager   Pager
}

// ThreadRow is one talk.
type ThreadRow struct {
	Title, URL string
	About      string
	Last       time.Time
	LastBy     string
	Count      int
	Parties    []string
	Clock      *Clock
	State      string // open, disputed, planned, settled
}

// Table is any list that needs no page of its own: schemes, the register, the ledger.
type Table struct {
	Shell
	Heading, Sub string
	Facts        []Pair
	Ledger       bool // marks facts and rows with data-ledger
	Columns      []string
	Rows         [][]Datum
	Filters      []Field // of a GET form to Path
	Path         string
	Empty        string
	Command      string // a command line that an empty list teaches, may be empty
	Pager        Pager
	Actions      []Form
}

// Datum is one cell of a Table. The first that is filled of State, When and Text is shown.
type Datum struct {
	Text, URL string
	Note      string // under it
	Mono      bool
	State     string
	When      time.Time
	Digest    string // shown short, unfolds
	Counts    *Counts
}
