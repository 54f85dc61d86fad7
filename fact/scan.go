package fact

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// scanner reads the subset of canonical JSON that Encode writes: objects, strings, integers, booleans, lists of
// strings; member names in ascending order; no white space; only the escapes that RFC 8785 allows. It allocates for strings with
// escapes, lists and errors only. After an error it stands still.
type scanner struct {
	in  string
	pos int
	err error
}

var errString = errors.New("string is not in canonical form")

func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

// canonicalText refuses what never stands in canonical JSON: control bytes and what is no UTF-8.
func (s *scanner) canonicalText() {
	if len(s.in) > math.MaxUint32 {
		s.fail("line of %d bytes", len(s.in))
		return
	}
	for i := range len(s.in) {
		if s.in[i] < 0x20 {
			s.pos, s.err = i, errString
			return
		}
	}
	if !utf8.ValidString(s.in) {
		s.err = errString
	}
}

func (s *scanner) eat(word string) bool {
	if s.err == nil && strings.HasPrefix(s.in[s.pos:], word) {
		s.pos += len(word)
		return true
	}
	return false
}

func (s *scanner) eatByte(c byte) bool {
	if s.err == nil && s.pos < len(s.in) && s.in[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) wantByte(c byte) {
	if !s.eatByte(c) {
		s.fail("expected %q", c)
	}
}

// members goes through an object: first gives the name of its first member with the scanner before the value, next that of the
// following one; both nothing at the end and after an error.
type members struct{ last string }

func (s *scanner) first() (members, string) {
	s.wantByte('{')
	if s.err != nil || s.eatByte('}') {
		return members{}, ""
	}
	m := members{}
	m.last = s.name()
	return m, m.last
}

func (s *scanner) next(m *members) string {
	if s.err != nil || s.eatByte('}') {
		return ""
	}
	s.wantByte(',')
	name := s.name()
	if s.err == nil && name <= m.last {
		s.fail("members are not in order at %q", name)
	}
	if s.err != nil {
		return ""
	}
	m.last = name
	return name
}

// name reads a member's name and the colon. Names are lower snake case, so that their order as bytes is that of RFC 8785.
func (s *scanner) name() string {
	s.wantByte('"')
	start := s.pos
	for s.err == nil && s.pos < len(s.in) && nameByte(s.in[s.pos]) {
		s.pos++
	}
	name := s.in[start:s.pos]
	if name == "" || !s.eat(`":`) {
		s.fail("expected the name of a member")
		return ""
	}
	return name
}

func nameByte(c byte) bool { return c >= 'a' && c <= 'z' || c == '_' || c >= '0' && c <= '9' }

// skip passes over a value of a type; of any when that is empty.
func (s *scanner) skip(t Type) {
	if s.err != nil {
		return
	}
	var c byte
	if s.pos < len(s.in) {
		c = s.in[s.pos]
	}
	switch {
	case c == '"' && (t == String || t == ""):
		s.raw()
	case c == '[' && (t == Strings || t == ""):
		s.each(nil)
	case (c == 't' || c == 'f') && (t == Bool || t == ""):
		if !s.eat("true") && !s.eat("false") {
			s.fail("expected true or false")
		}
	case (c == '-' || c >= '0' && c <= '9') && t == "" || t == Int:
		s.integer()
	case t == "":
		s.fail("value is missing")
	default:
		s.fail("value is no %s", t)
	}
}

// integer reads an integer: one beyond 2^53 stands in quotes, others do not.
func (s *scanner) integer() int64 {
	quoted := s.eatByte('"')
	start := s.pos
	for s.err == nil && s.pos < len(s.in) && (s.in[s.pos] == '-' || s.in[s.pos] >= '0' && s.in[s.pos] <= '9') {
		s.pos++
	}
	n, ok := parseInt(s.in[start:s.pos])
	if !ok || quoted != (n > maxExact || n < -maxExact) || quoted && !s.eatByte('"') {
		s.fail("%q is no integer in canonical form", s.in[start:s.pos])
		return 0
	}
	return n
}

// parseInt reads an integer in the one way to write it.
func parseInt(text string) (int64, bool) {
	digits := strings.TrimPrefix(text, "-")
	if digits == "" || digits[0] < '1' && text != "0" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// strings reads a list of strings; an empty one is not nil.
func (s *scanner) strings() []string {
	list := []string{}
	s.each(&list)
	return list
}

// each passes over a list of strings and appends them to list, if there is one.
func (s *scanner) each(list *[]string) {
	s.wantByte('[')
	if s.err != nil || s.eatByte(']') {
		return
	}
	for s.err == nil {
		if list == nil {
			s.raw()
		} else {
			*list = append(*list, s.text())
		}
		if s.eatByte(']') {
			return
		}
		s.wantByte(',')
	}
}

// some reads a string that must not be empty: such members are left out.
func (s *scanner) some(name string) string {
	text := s.text()
	if text == "" {
		s.fail("member %q is empty", name)
	}
	return text
}

// text reads a string.
func (s *scanner) text() string {
	raw, escaped := s.raw()
	if escaped {
		return unquote(raw)
	}
	return raw
}

// raw reads a string and returns what stands between its quotes, and whether there are escapes in it.
func (s *scanner) raw() (raw string, escaped bool) {
	s.wantByte('"')
	if s.err != nil {
		return "", false
	}
	start := s.pos
	end := strings.IndexByte(s.in[start:], '"')
	if end < 0 {
		s.err = errString
		return "", false
	}
	if strings.IndexByte(s.in[start:start+end], '\\') < 0 {
		s.pos += end + 1
		return s.in[start : start+end], false
	}
	for s.pos < len(s.in) && s.in[s.pos] != '"' {
		n := 1
		if s.in[s.pos] == '\\' {
			_, n = escape(s.in[s.pos:])
		}
		if n == 0 {
			s.err = errString
			return "", false
		}
		s.pos += n
	}
	if s.pos == len(s.in) {
		s.err = errString
		return "", false
	}
	raw = s.in[start:s.pos]
	s.pos++
	return raw, true
}

// escape reads the escape that text begins with and returns its byte and its length; the length is 0 for one that AppendString
// would not write.
func escape(text string) (c byte, n int) {
	if len(text) < 2 {
		return 0, 0
	}
	switch text[1] {
	case '"', '\\':
		return text[1], 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	if len(text) < 6 || text[1:4] != "u00" || text[4] != '0' && text[4] != '1' {
		return 0, 0
	}
	low := strings.IndexByte(lowerHex, text[5])
	if low < 0 {
		return 0, 0
	}
	c = (text[4]-'0')<<4 | byte(low)
	switch c {
	case '\b', '\f', '\n', '\r', '\t':
		return 0, 0
	}
	return c, 6
}

// unquote takes the escapes of a string back, which raw has checked.
func unquote(raw string) string {
	var b strings.Builder
	b.Grow(len(raw))
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			b.WriteByte(raw[i])
			i++
			continue
		}
		c, n := escape(raw[i:])
		b.WriteByte(c)
		i += max(n, 1)
	}
	return b.String()
}

func (s *scanner) excerpt() *Excerpt {
	e := &Excerpt{}
	seen := 0
	for m, name := s.first(); name != ""; name = s.next(&m) {
		switch name {
		case "length":
			e.Length = s.integer()
			seen++
		case "line":
			if e.Line = s.integer(); e.Line <= 0 {
				s.fail("line %d", e.Line)
			}
		case "offset":
			e.Offset = s.integer()
			seen++
		case "text":
			e.Text = s.text()
			seen++
		default:
			s.fail("unknown member %q of an excerpt", name)
		}
	}
	if seen != 3 {
		s.fail("excerpt without length, offset or text")
	}
	return e
}

// offset passes over an excerpt and returns its offset.
func (s *scanner) offset() (n int64) {
	for m, name := s.first(); name != ""; name = s.next(&m) {
		if name == "offset" {
			n = s.integer()
			continue
		}
		s.skip("")
	}
	return n
}
