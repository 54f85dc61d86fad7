package strictyaml

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Place is where something stands in a file.
type Place struct {
	Line   int // from 1
	Column int // from 1, in characters
}

// An Error is one thing that is wrong with a file.
type Error struct {
	File    string // as it was given
	Line    int    // from 1
	Column  int    // from 1, in characters
	Message string // what is wrong, on one line; what came from the file is quoted
}

func (e Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// maxErrors is how many errors are listed; a file with more is read better after the first are gone.
const maxErrors = 20

// ErrorList is everything that is wrong with a file, by place; errors.As finds it.
type ErrorList struct {
	List []Error // at most 20
	More int     // how many further ones there are
}

// Error has one line for each error, FILE:LINE:COL: message, and a last one when there are more.
func (e *ErrorList) Error() string {
	var b strings.Builder
	for i, one := range e.List {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(one.Error())
	}
	if e.More > 0 {
		fmt.Fprintf(&b, "\n%s: and %d more", e.List[0].File, e.More)
	}
	return b.String()
}

// Errors collects what is wrong while a file is read.
type Errors struct {
	file, what string
	keys       []string
	all        []Error
}

// NewErrors starts a collection for a file; what names it in messages, with its article: a declaration. keys are those that such a
// file begins with, for the reader of an empty one.
func NewErrors(file, what string, keys ...string) *Errors {
	return &Errors{file: file, what: what, keys: keys}
}

// beginning says how a file of this sort begins.
func (l *Errors) beginning() string {
	switch n := len(l.keys); n {
	case 0:
		return "has keys and values"
	case 1:
		return "starts with " + l.keys[0]
	default:
		return "starts with " + strings.Join(l.keys[:n-1], ", ") + " and " + l.keys[n-1]
	}
}

// Add records an error. A zero place is the file's first character.
func (l *Errors) Add(at Place, format string, args ...any) {
	l.all = append(l.all, Error{l.file, max(at.Line, 1), max(at.Column, 1), fmt.Sprintf(format, args...)})
}

// Err returns nil or an *ErrorList, sorted by place, each error once.
func (l *Errors) Err() error {
	if len(l.all) == 0 {
		return nil
	}
	slices.SortStableFunc(l.all, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.Message, b.Message))
	})
	all := slices.Compact(l.all)
	n := min(len(all), maxErrors)
	return &ErrorList{List: all[:n:n], More: len(all) - n}
}

// Quote writes what came from outside into a message, shortened.
func Quote(s string) string {
	const limit = 80
	if r := []rune(s); len(r) > limit {
		return strconv.QuoteToASCII(string(r[:limit])) + "…"
	}
	return strconv.Quote(s)
}
