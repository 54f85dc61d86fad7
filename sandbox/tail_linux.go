package sandbox

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	firstWords = 1 << 10 // bytes of a child's stderr in an error: a crash says first what it is,
	lastWords  = 3 << 10 // and a talkative child says last what it did
	mostStderr = 1 << 20 // bytes of it that are passed on
)

// tail keeps the first and the last bytes that a child printed, and passes on what it prints.
type tail struct {
	to          io.Writer // may be nil
	passed      int
	first, last []byte
	left        bool // there was something between them
}

func (t *tail) Write(b []byte) (int, error) {
	if n := min(len(b), mostStderr-t.passed); t.to != nil && n > 0 {
		t.passed += n
		if _, err := io.WriteString(t.to, escape(b[:n])); err != nil {
			t.to = nil // the child's words are a help for people, not a result
		}
	}
	n := min(len(b), firstWords-len(t.first))
	t.first = append(t.first, b[:n]...)
	t.last = append(t.last, b[n:]...)
	if len(t.last) > 2*lastWords {
		t.last = append(t.last[:0], t.last[len(t.last)-lastWords:]...)
		t.left = true
	}
	return len(b), nil
}

func (t *tail) String() string {
	between := ""
	if t.left || len(t.last) > lastWords {
		between = "\n[...]\n"
	}
	return strings.TrimSpace(escape(t.first) + between + escape(t.last[max(0, len(t.last)-lastWords):]))
}

// escape makes a child's words harmless to a terminal and to a log: what is not printable, line feeds apart, and what is no UTF-8, as \xNN or \uNNNN.
func escape(b []byte) string {
	var s strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&s, `\x%02x`, b[0])
		case r == '\n' || r == '\t' || unicode.IsPrint(r):
			s.WriteRune(r)
		case r < 0x80:
			fmt.Fprintf(&s, `\x%02x`, r)
		default:
			fmt.Fprintf(&s, `\u%04x`, r)
		}
		b = b[n:]
	}
	return s.String()
}

// limited passes on at most left bytes; then it fails and tells.
type limited struct {
	to   io.Writer
	left int64
	over func()
}

func (l *limited) Write(b []byte) (int, error) {
	if int64(len(b)) > l.left {
		l.over()
		return 0, errTooMuch
	}
	l.left -= int64(len(b))
	return l.to.Write(b)
}
