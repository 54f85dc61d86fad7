package fact

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// MaxExcerpt is the most bytes of a product that an excerpt holds.
const MaxExcerpt = 256

// Excerpt is the decisive part of what an observer saw, taken while observing, so that a question asked next year has
// its bytes although the artifact is gone.
type Excerpt struct {
	Offset int64  // first byte in the innermost bytes of the node
	Length int64  // bytes that Text stands for
	Line   int64  // from 1; 0 where lines mean nothing
	Text   string // at most MaxExcerpt of the bytes, secrets masked by the observer, then as Escape writes them
}

// Record is what an observer says: the attributes, as one of the structs in kinds.go, and the bytes that show it.
// Where it was seen is added by whoever runs the observer.
type Record struct {
	Attrs   any
	Excerpt *Excerpt // nil where no bytes show it
}

// Location is where a fact was seen.
type Location struct {
	Node   string // full address
	System string // address of the system's root; empty where there is none
	Path   string // with a leading slash: path in the system, else in the innermost container
}

// Fact is one fact as read back from its line.
type Fact struct {
	Kind     *Kind
	Observer string
	Location
	Excerpt *Excerpt

	line   string
	values []any // by index of Kind.Fields; nil is absent; bool, int64, string, []string
}

// Get returns an attribute, or false where it is absent or no attribute of the kind. The names of Place are answered too.
func (f *Fact) Get(name string) (any, bool) {
	switch name {
	case "path":
		return f.Path, true
	case "system":
		return f.System, true
	}
	i, ok := f.Kind.position(name)
	if !ok || f.values[i] == nil {
		return nil, false
	}
	return f.values[i], true
}

// Line returns the fact as its line of canonical JSON, without the newline.
func (f *Fact) Line() string { return f.line }

// KeyString joins the values of the kind's key, in order; absent ones are empty. It is what Find looks up.
func (f *Fact) KeyString() string {
	parts := make([]string, len(f.Kind.Key))
	for i, name := range f.Kind.Key {
		if v, ok := f.Get(name); ok {
			parts[i] = fmt.Sprint(v)
		}
	}
	return JoinKey(parts...)
}

// JoinKey makes the string that Set.Find takes of the values of a key.
func JoinKey(parts ...string) string { return strings.Join(parts, "\x00") }

// Encode writes a fact as one line of canonical JSON (RFC 8785), without the newline. The kind follows from attrs and is
// not in the line: each kind has a file of its own. Strings must have gone through Escape; Encode replaces what is not UTF-8.
func Encode(observer string, at Location, r Record) string {
	return EncodeAttrs(observer, at, AttrsJSON(r.Attrs), r.Excerpt)
}

// EncodeAttrs is Encode for attributes that AttrsJSON has already written, as a cache keeps them.
func EncodeAttrs(observer string, at Location, attrs []byte, e *Excerpt) string {
	b := make([]byte, 0, len(attrs)+len(at.Node)+len(at.Path)+len(at.System)+128)
	b = append(b, `{"attrs":`...)
	b = append(b, attrs...)
	if e != nil {
		b = append(b, `,"excerpt":`...)
		b = appendExcerpt(b, e)
	}
	b = append(b, `,"node":`...)
	b = appendString(b, at.Node)
	b = append(b, `,"observer":`...)
	b = appendString(b, observer)
	if at.Path != "" {
		b = append(b, `,"path":`...)
		b = appendString(b, at.Path)
	}
	if at.System != "" {
		b = append(b, `,"system":`...)
		b = appendString(b, at.System)
	}
	return string(append(b, '}'))
}

func appendExcerpt(b []byte, e *Excerpt) []byte {
	b = append(b, `{"length":`...)
	b = appendInt(b, e.Length)
	if e.Line > 0 {
		b = append(b, `,"line":`...)
		b = appendInt(b, e.Line)
	}
	b = append(b, `,"offset":`...)
	b = appendInt(b, e.Offset)
	b = append(b, `,"text":`...)
	b = appendString(b, e.Text)
	return append(b, '}')
}

// AttrsJSON writes the attributes of a kind's struct as a canonical JSON object; absent ones are left out.
func AttrsJSON(attrs any) []byte {
	k := KindOf(attrs)
	v := reflect.ValueOf(attrs)
	b := append(make([]byte, 0, 256), '{')
	for i := range k.Fields {
		f := &k.Fields[i]
		x := v.Field(f.index).Interface()
		if o, ok := x.(optional); ok {
			var known bool
			if x, known = o.attribute(); !known {
				continue
			}
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = appendString(b, f.Name)
		b = append(b, ':')
		b = appendValue(b, x)
	}
	return append(b, '}')
}

// AppendJSON appends a value as canonical JSON (RFC 8785): nil, bool, int64, string, []string, or a []any of such. Strings are as for Encode.
func AppendJSON(b []byte, x any) []byte { return appendValue(b, x) }

func appendValue(b []byte, x any) []byte {
	switch x := x.(type) {
	case nil:
		return append(b, "null"...)
	case []any:
		b = append(b, '[')
		for i, v := range x {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, v)
		}
		return append(b, ']')
	case bool:
		return strconv.AppendBool(b, x)
	case int64:
		return appendInt(b, x)
	case string:
		return appendString(b, x)
	case []string:
		b = append(b, '[')
		for i, s := range x {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, s)
		}
		return append(b, ']')
	}
	panic(fmt.Sprintf("fact: attribute of type %T", x))
}

const maxExact = 1 << 53 // the largest integer up to which every integer is exact in RFC 8785's numbers

func appendInt(b []byte, n int64) []byte {
	if n > maxExact || n < -maxExact {
		b = append(b, '"')
		b = strconv.AppendInt(b, n, 10)
		return append(b, '"')
	}
	return strconv.AppendInt(b, n, 10)
}

// appendString writes s as RFC 8785 section 3.2.2.2 demands.
func appendString(b []byte, s string) []byte {
	s = strings.ToValidUTF8(s, "\ufffd")
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// Parse reads a line that Encode wrote. It is strict: what parses encodes to the same bytes. Attributes that the kind
// does not know (a newer program wrote them) are kept in the line and otherwise passed over.
func Parse(kind *Kind, line string) (*Fact, error) {
	f := &Fact{Kind: kind, line: line, values: make([]any, len(kind.Fields))}
	s := &scanner{in: line}
	s.object(func(name string) {
		switch name {
		case "attrs":
			s.object(func(attr string) {
				v := s.value()
				if i, ok := kind.position(attr); ok {
					f.values[i] = s.typed(attr, kind.Fields[i].Type, v)
				}
			})
		case "excerpt":
			f.Excerpt = s.excerpt()
		case "node":
			f.Node = s.str()
		case "observer":
			f.Observer = s.str()
		case "path":
			f.Path = s.str()
		case "system":
			f.System = s.str()
		default:
			s.fail("unknown member %q", name)
		}
	})
	if s.err == nil && s.pos != len(line) {
		s.fail("data after the object")
	}
	if s.err == nil && (f.Node == "" || f.Observer == "") {
		s.fail("node or observer is missing")
	}
	for i := range kind.Fields {
		if s.err == nil && f.values[i] == nil && !kind.Fields[i].Optional {
			s.fail("attribute %q is missing", kind.Fields[i].Name)
		}
	}
	if s.err != nil {
		return nil, fmt.Errorf("reading a fact of kind %q at byte %d: %w", kind.Name, s.pos, s.err)
	}
	return f, nil
}

// compareFacts orders lines of one kind: by address, then place in the bytes, then the line itself.
func compareFacts(a, b keyedLine) int {
	if c := strings.Compare(a.node, b.node); c != 0 {
		return c
	}
	if a.offset != b.offset {
		if a.offset < b.offset {
			return -1
		}
		return 1
	}
	return strings.Compare(a.line, b.line)
}

type keyedLine struct {
	node   string
	offset int64
	line   string
}

// SortLines sorts lines of one kind as a dossier keeps them and drops repeated ones.
func SortLines(lines []string) ([]string, error) {
	keyed := make([]keyedLine, len(lines))
	for i, l := range lines {
		k, err := keyOf(l)
		if err != nil {
			return nil, err
		}
		keyed[i] = k
	}
	slices.SortFunc(keyed, compareFacts)
	out := lines[:0]
	for i, k := range keyed {
		if i == 0 || k.line != keyed[i-1].line {
			out = append(out, k.line)
		}
	}
	return out, nil
}

// keyOf reads what a line is sorted by.
func keyOf(line string) (keyedLine, error) {
	k := keyedLine{line: line, offset: -1}
	s := &scanner{in: line}
	s.object(func(name string) {
		switch name {
		case "node":
			k.node = s.str()
		case "excerpt":
			k.offset = s.excerpt().Offset
		case "attrs":
			s.object(func(string) { s.value() })
		default:
			s.value()
		}
	})
	if s.err != nil {
		return k, fmt.Errorf("reading a fact at byte %d: %w", s.pos, s.err)
	}
	return k, nil
}

// Text cuts bytes for an excerpt: at most MaxExcerpt bytes of b, escaped.
func Text(b []byte) string {
	if len(b) > MaxExcerpt {
		b = b[:MaxExcerpt]
	}
	return Escape(bytes.TrimRight(b, "\r\n"))
}
