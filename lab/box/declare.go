package box

import (
	"context"

	"github.com/probat-lab/probat/statement"
)

// Declarations has declarations read while they are being written.
type Declarations interface {
	// CheckDeclaration says what is wrong with a declaration, and how it looks as a form.
	CheckDeclaration(ctx context.Context, w Writing) (*Checked, error)
	// DraftDeclaration writes a declaration to begin with, from what was observed.
	DraftDeclaration(ctx context.Context, d Drafting) (string, error)
}

// Writing is a declaration as somebody writes it: as text, or as what a form holds.
type Writing struct {
	Text   string // where Form is nil
	Form   []Pair // names are those of Checked.Sets; others are left out of account
	Vendor string // for a form without one
	Add    string // the path of a list of the form that gets an entry, as "services"; may be empty
	Remove string // the path of an entry that goes, as "services.2"; may be empty
	AsForm bool   // Checked.Sets are wanted
}

// Pair is a field of a form, with one value.
type Pair struct{ Name, Value string }

// Checked is what a check came to.
type Checked struct {
	More     int64              `json:"more"` // problems beyond those listed
	Problems []Problem          `json:"problems"`
	Reason   string             `json:"reason"`            // why there are no Sets although they were wanted
	Release  *statement.Release `json:"release,omitempty"` // nil where there are problems
	Sets     []Set              `json:"sets"`
	Text     string             `json:"text"` // YAML: what the form says, or what was given
}

// Problem is one thing that is wrong with a declaration. Line and Column are those of Checked.Text, from 1.
type Problem struct {
	Column int64  `json:"column"`
	Field  string `json:"field"` // of Sets; empty where it is none of them
	Line   int64  `json:"line"`
	Path   string `json:"path"` // as services[0].port; empty where it is about no value
	Text   string `json:"text"`
}

// Set is a group of fields of a declaration, or a list of entries.
type Set struct {
	Add     string  `json:"add"` // what a list gets one more of, with its article
	Entries []Set   `json:"entries"`
	Fields  []Field `json:"fields"`
	Help    string  `json:"help"`
	Legend  string  `json:"legend"`
	List    bool    `json:"list"`
	Path    string  `json:"path"` // as services, services.2
}

// Field is one field of a form.
type Field struct {
	Help     string   `json:"help"`
	Kind     string   `json:"kind"` // text, textarea, number, date, select or checks
	Label    string   `json:"label"`
	Name     string   `json:"name"`
	Options  []Option `json:"options"`
	Required bool     `json:"required"`
	Value    string   `json:"value"`
}

// Option is a choice of a select, or of checks.
type Option struct {
	Chosen bool   `json:"chosen"`
	Label  string `json:"label"`
	Value  string `json:"value"`
}

// Drafting says from what to draft a declaration. The path is absolute.
type Drafting struct {
	Dossier                  string
	Artifacts                []DeclaredFile // what the files of the dossier's artifacts are called
	Vendor, Product, Version string         // may be empty: placeholders stand for them
}

// Drafted is a declaration to begin with.
type Drafted struct {
	Text string `json:"text"`
}
