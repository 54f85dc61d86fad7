package fact

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// scanner reads the subset of canonical JSON that Encode writes: objects, strings, integers, booleans, lists of
// strings; member names in ascending order; no white space; only the escapes that RFC 8785 allows.
type scanner struct {
	in  string
	pos int
	err error
}

func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf(format, args...)
	}
}

func (s *scanner) eat(c byte) bool {
	if s.err == nil && s.pos < len(s.in) && s.in[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) want(c byte) {
	if !s.eat(c) {
		s.fail("expected %q", c)
	}
}

// object calls member for each member with the scanner before its value.
func (s *scanner) object(member func(name string)) {
	s.want('{')
	if s.eat('}') {
		return
	}
	last, first := "", true
	for s.err == nil {
		name := s.str()
		if !first && name <= last {
			s.fail("members are not in order at %q", name)
			return
		}
		last, first = name, false
		s.want(':')
		member(name)
		if s.eat('}') {
			return
		}
		s.want(',')
	}
}

func (s *scanner) value() any {
	if s.err != nil || s.pos >= len(s.in) {
		s.fail("value is missing")
		return nil
	}
	switch c := s.in[s.pos]; {
	case c == '"':
		return s.str()
	case c == '[':
		return s.strings()
	case strings.HasPrefix(s.in[s.pos:], "true"):
		s.pos += 4
		return true
	case strings.HasPrefix(s.in[s.pos:], "false"):
		s.pos += 5
		return false
	default:
		return s.integer()
	}
}

func (s *scanner) integer() int64 {
	start := s.pos
	s.eat('-')
	for s.pos < len(s.in) && s.in[s.pos] >= '0' && s.in[s.pos] <= '9' {
		s.pos++
	}
	text := s.in[start:s.pos]
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text || n > maxExact || n < -maxExact {
		s.fail("%q is no integer in canonical form", text)
	}
	return n
}

func (s *scanner) strings() []string {
	s.want('[')
	list := []string{}
	if s.eat(']') {
		return list
	}
	for s.err == nil {
		list = append(list, s.str())
		if s.eat(']') {
			break
		}
		s.want(',')
	}
	return list
}

var errString = errors.New("string is not in canonical form")

func (s *scanner) str() string {
	s.want('"')
	if s.err != nil {
		return ""
	}
	end := strings.IndexByte(s.in[s.pos:], '"')
	if end < 0 {
		s.err = errString
		return ""
	}
	raw := s.in[s.pos : s.pos+end]
	if strings.IndexByte(raw, '\\') < 0 {
		s.pos += end + 1
		for i := 0; i < len(raw); i++ {
			if raw[i] < 0x20 {
				s.err = errString
			}
		}
		if !utf8.ValidString(raw) {
			s.err = errString
		}
		return raw
	}
	return s.escaped()
}

// escaped reads a string that has escapes, and refuses one that appendString would have written otherwise.
func (s *scanner) escaped() string {
	start := s.pos
	i := s.pos
	for ; i < len(s.in) && s.in[i] != '"'; i++ {
		if s.in[i] == '\\' {
			i++
		}
	}
	if i >= len(s.in) {
		s.err = errString
		return ""
	}
	raw := s.in[start-1 : i+1]
	text, err := unquote(raw)
	if err != nil || string(appendString(nil, text)) != raw {
		s.err = errString
		return ""
	}
	s.pos = i + 1
	return text
}

func unquote(raw string) (string, error) {
	body := raw[1 : len(raw)-1]
	var b strings.Builder
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			b.WriteByte(body[i])
			continue
		}
		if i++; i >= len(body) {
			return "", errString
		}
		switch body[i] {
		case '"', '\\':
			b.WriteByte(body[i])
		case 'b':
			b.WriteByte('\b')
		case 'f':
			b.WriteByte('\f')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case 'u':
			if i+4 >= len(body) {
				return "", errString
			}
			n, err := strconv.ParseUint(body[i+1:i+5], 16, 8)
			if err != nil {
				return "", errString
			}
			b.WriteByte(byte(n))
			i += 4
		default:
			return "", errString
		}
	}
	return b.String(), nil
}

func (s *scanner) typed(name string, t Type, v any) any {
	switch x := v.(type) {
	case bool:
		if t == Bool {
			return x
		}
	case int64:
		if t == Int {
			return x
		}
	case string:
		if t == String {
			return x
		}
		if t == Int {
			n, err := strconv.ParseInt(x, 10, 64)
			if err == nil && (n > maxExact || n < -maxExact) && strconv.FormatInt(n, 10) == x {
				return n
			}
		}
	case []string:
		if t == Strings {
			return x
		}
	}
	s.fail("attribute %q is no %s", name, t)
	return nil
}

func (s *scanner) excerpt() *Excerpt {
	e := &Excerpt{}
	number := func(name string) int64 {
		n, _ := s.typed(name, Int, s.value()).(int64)
		return n
	}
	s.object(func(name string) {
		switch name {
		case "length":
			e.Length = number(name)
		case "line":
			if e.Line = number(name); e.Line <= 0 {
				s.fail("line %d", e.Line)
			}
		case "offset":
			e.Offset = number(name)
		case "text":
			e.Text = s.str()
		default:
			s.fail("unknown member %q of an excerpt", name)
		}
	})
	return e
}
