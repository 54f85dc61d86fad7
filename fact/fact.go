package fact

import (
	"bytes"
	"fmt"
	"reflect"
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

// Fact is one fact as read back from its line. It keeps the line and where the attributes stand in it: facts are many, and few of
// their attributes are asked for.
type Fact struct {
	Kind     *Kind
	Observer string
	Location
	Excerpt *Excerpt

	line string
	at   []uint32 // by index of Kind.Fields: where the value begins in line; 0 is absent
}

// Get returns an attribute as bool, int64, string or []string, or false where it is absent or no attribute of the kind. The names of
// Place are answered too.
func (f *Fact) Get(name string) (any, bool) {
	switch name {
	case "path":
		return f.Path, true
	case "system":
		return f.System, true
	}
	i, ok := f.Kind.position(name)
	if !ok || f.at[i] == 0 {
		return nil, false
	}
	s := scanner{in: f.line, pos: int(f.at[i])}
	switch f.Kind.Fields[i].Type {
	case Bool:
		return s.eat("true"), true
	case Int:
		return s.integer(), true
	case String:
		return s.text(), true
	default:
		return s.strings(), true
	}
}

// Line returns the fact as its line of canonical JSON, without the newline.
func (f *Fact) Line() string { return f.line }

// KeyString joins the values of the kind's key, in order; absent ones are empty. It is what Find looks up.
func (f *Fact) KeyString() string {
	if len(f.Kind.Key) == 1 {
		return f.keyPart(f.Kind.Key[0])
	}
	parts := make([]string, len(f.Kind.Key))
	for i, name := range f.Kind.Key {
		parts[i] = f.keyPart(name)
	}
	return JoinKey(parts...)
}

func (f *Fact) keyPart(name string) string {
	v, ok := f.Get(name)
	if !ok {
		return ""
	}
	if s, ok := v.(string); ok {
		return s
	}
	return fmt.Sprint(v)
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
	b = AppendString(b, at.Node)
	b = append(b, `,"observer":`...)
	b = AppendString(b, observer)
	if at.Path != "" {
		b = append(b, `,"path":`...)
		b = AppendString(b, at.Path)
	}
	if at.System != "" {
		b = append(b, `,"system":`...)
		b = AppendString(b, at.System)
	}
	return string(append(b, '}'))
}

func appendExcerpt(b []byte, e *Excerpt) []byte {
	b = append(b, `{"length":`...)
	b = AppendInt(b, e.Length)
	if e.Line > 0 {
		b = append(b, `,"line":`...)
		b = AppendInt(b, e.Line)
	}
	b = append(b, `,"offset":`...)
	b = AppendInt(b, e.Offset)
	b = append(b, `,"text":`...)
	b = AppendString(b, e.Text)
	return append(b, '}')
}

// AttrsJSON writes the attributes of a kind's struct as a canonical JSON object; absent ones are left out.
func AttrsJSON(attrs any) []byte {
	k := KindOf(attrs)
	v := reflect.ValueOf(attrs)
	b := append(make([]byte, 0, 512), '{')
	for i := range k.Fields {
		f := &k.Fields[i]
		x := v.Field(f.index)
		if f.Optional {
			if !x.Field(optKnown).Bool() {
				continue
			}
			x = x.Field(optValue)
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, f.member...)
		switch f.Type {
		case Bool:
			b = strconv.AppendBool(b, x.Bool())
		case Int:
			b = AppendInt(b, x.Int())
		case String:
			b = AppendString(b, x.String())
		case Strings:
			b = append(b, '[')
			for n := range x.Len() {
				if n > 0 {
					b = append(b, ',')
				}
				b = AppendString(b, x.Index(n).String())
			}
			b = append(b, ']')
		}
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
		return AppendInt(b, x)
	case string:
		return AppendString(b, x)
	case []string:
		b = append(b, '[')
		for i, s := range x {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendString(b, s)
		}
		return append(b, ']')
	}
	panic(fmt.Sprintf("fact: attribute of type %T", x))
}

const maxExact = 1 << 53 // the largest integer up to which every integer is exact in RFC 8785's numbers

// AppendInt appends an integer as canonical JSON: beyond 2^53 as a string of its digits, since RFC 8785 would round it.
func AppendInt(b []byte, n int64) []byte {
	if n > maxExact || n < -maxExact {
		b = append(b, '"')
		b = strconv.AppendInt(b, n, 10)
		return append(b, '"')
	}
	return strconv.AppendInt(b, n, 10)
}

const lowerHex = "0123456789abcdef"

// AppendString appends s as RFC 8785 section 3.2.2.2 demands; what is not UTF-8 becomes U+FFFD.
func AppendString(b []byte, s string) []byte {
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
			b = append(b, '\\', 'u', '0', '0', lowerHex[c>>4], lowerHex[c&15])
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// Parse reads a line that Encode wrote. It is strict: what parses encodes to the same bytes. Attributes that the kind
// does not know (a newer program wrote them) are kept in the line and otherwise passed over.
func Parse(kind *Kind, line string) (*Fact, error) {
	f := &Fact{}
	if err := f.parse(kind, line, make([]uint32, len(kind.Fields))); err != nil {
		return nil, err
	}
	return f, nil
}

// parse is Parse into f; at has a zero for each field of the kind.
func (f *Fact) parse(kind *Kind, line string, at []uint32) error {
	*f = Fact{Kind: kind, line: line, at: at}
	s := scanner{in: line}
	s.canonicalText()
	attrs := false
	for m, name := s.first(); name != ""; name = s.next(&m) {
		switch name {
		case "attrs":
			attrs = true
			f.parseAttrs(&s)
		case "excerpt":
			f.Excerpt = s.excerpt()
		case "node":
			f.Node = s.some(name)
		case "observer":
			f.Observer = s.some(name)
		case "path":
			f.Path = s.some(name)
		case "system":
			f.System = s.some(name)
		default:
			s.fail("unknown member %q", name)
		}
	}
	if s.err == nil && s.pos != len(line) {
		s.fail("data after the object")
	}
	if f.Node == "" || f.Observer == "" || !attrs {
		s.fail("attrs, node or observer is missing")
	}
	if s.err != nil {
		return fmt.Errorf("reading a fact of kind %q at byte %d: %w", kind.Name, s.pos, s.err)
	}
	return nil
}

// parseAttrs notes where the attributes stand that the kind knows, and that each is of its type.
func (f *Fact) parseAttrs(s *scanner) {
	fields := f.Kind.Fields
	i := 0 // both the line's members and the fields are in order
	for m, name := s.first(); name != ""; name = s.next(&m) {
		for ; i < len(fields) && fields[i].Name < name; i++ {
			if !fields[i].Optional {
				s.fail("attribute %q is missing", fields[i].Name)
			}
		}
		if i == len(fields) || fields[i].Name != name {
			s.skip("")
			continue
		}
		f.at[i] = uint32(s.pos)
		s.skip(fields[i].Type)
		i++
	}
	for ; i < len(fields); i++ {
		if !fields[i].Optional {
			s.fail("attribute %q is missing", fields[i].Name)
		}
	}
}

// Text cuts bytes for an excerpt: at most MaxExcerpt bytes of b, escaped.
func Text(b []byte) string {
	if len(b) > MaxExcerpt {
		b = b[:MaxExcerpt]
	}
	return Escape(bytes.TrimRight(b, "\r\n"))
}
