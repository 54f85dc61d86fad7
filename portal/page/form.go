package page

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// Form posts plainly to Action. It carries the hidden field "once", which is Shell.Once and the form's ID: whoever handles the post
// does the same thing once for the same value.
type Form struct {
	ID      string // unique on the page, of letters, digits and hyphens
	Title   string // its heading; with Folded what one presses to see it
	Intro   string
	Action  string
	Hidden  []Pair
	Fields  []Field
	Submit  string // the button
	Name    string // with Value: what the button itself sends, may be empty
	Value   string
	Danger  bool   // cannot be taken back
	Folded  bool   // shown when asked for; an Error unfolds it
	Upload  bool   // multipart/form-data
	Sign    string // address that begins a WebAuthn signature over this form: with scripts, the answer goes into the field "assertion"
	Error   string // what was wrong with the whole
	Blocked string // why it cannot be done now, instead of the button
}

// Field is one control with its label. Its id is that of the form, a hyphen, and its name.
type Field struct {
	Name, Label, Help string
	// Kind is text, password, email, search, url, number, date, datetime-local, file, textarea, code (text of fixed width), select, radio,
	// checkbox (one, Value "on" is ticked) or checks (several Options). Empty is text.
	Kind         string
	Value        string
	Error        string
	Placeholder  string
	Autocomplete string
	Pattern      string // for text: a regular expression
	Required     bool
	Rows         int // of textarea and code
	Options      []Option

	slot bool // a place for an error is there even without one
}

// Option is a choice of a select, radio or checks.
type Option struct {
	Value, Label, Help string
	Chosen, Disabled   bool
}

func (f Form) open() bool {
	return f.Error != "" || slices.ContainsFunc(f.Fields, func(x Field) bool { return x.Error != "" })
}

func (f Field) inputType() string {
	if slices.Contains([]string{"password", "email", "search", "url", "number", "date", "datetime-local", "file"}, f.Kind) {
		return f.Kind
	}
	return "text"
}

func (f Field) rows() string { return strconv.Itoa(cmp.Or(f.Rows, 4)) }

// describedBy names the elements that explain a control, for screen readers.
func (f Field) describedBy(id string) string {
	by := ""
	if f.Help != "" {
		by = id + "-help "
	}
	switch {
	case f.slot:
		by += id + "-slot"
	case f.Error != "":
		by += id + "-error"
	}
	return strings.TrimSpace(by)
}

func fieldID(form, name string) string { return safeID(form + "-" + name) }

// safeID keeps letters, digits, hyphens, underscores and dots; other bytes become hyphens and their value, so that different names stay different.
func safeID(s string) string {
	var b []byte
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' {
			b = append(b, c)
		} else {
			b = strconv.AppendUint(append(b, '-'), uint64(c), 16)
		}
	}
	return string(b)
}

func optionID(id string, i int) string { return id + "-" + strconv.Itoa(i) }
