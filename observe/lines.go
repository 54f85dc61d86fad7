package observe

import (
	"bytes"
	"errors"
	"iter"

	"github.com/probat-lab/probat/fact"
)

// Line is one line of a text file, without its end.
type Line struct {
	Number int64 // from 1
	Offset int64 // of its first byte
	Text   string
}

// Excerpt returns the line as decisive bytes.
func (l Line) Excerpt() *fact.Excerpt { return l.Masked(l.Text) }

// Masked returns the line as decisive bytes, shown as text: the line with its secrets masked.
func (l Line) Masked(text string) *fact.Excerpt {
	return &fact.Excerpt{Offset: l.Offset, Length: int64(len(l.Text)), Line: l.Number, Text: fact.Text([]byte(text))}
}

// Lines gives the lines of a text file. Ends are LF or CR LF; the last line needs none.
func Lines(b []byte) iter.Seq[Line] {
	return func(yield func(Line) bool) {
		at := 0
		for n := int64(1); at < len(b); n++ {
			end := bytes.IndexByte(b[at:], '\n')
			next := at + end + 1
			if end < 0 {
				end, next = len(b)-at, len(b)
			}
			text := bytes.TrimSuffix(b[at:at+end], []byte("\r"))
			if !yield(Line{n, int64(at), string(text)}) {
				return
			}
			at = next
		}
	}
}

// ErrNoText is returned by Text for bytes that are no text.
var ErrNoText = errors.New("is no text: it has control bytes")

// CheckText refuses bytes that no text file has: a parser of configuration must not take noise for an empty file.
func CheckText(b []byte) error {
	for _, c := range b {
		if c < 0x20 && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 0x1b || c == 0x7f {
			return ErrNoText
		}
	}
	return nil
}
