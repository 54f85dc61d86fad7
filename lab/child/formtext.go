package child

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/probat-lab/probat/lab/box"
	"github.com/probat-lab/probat/product"
)

// A record is what a form holds of a declaration, or of an entry of a list in it. It can hold what no declaration may say, so that a check can
// tell.
type record struct {
	words map[string][]string        // by key
	told  map[string]bool            // lists, and parts with parts, that are declared
	below map[string]map[int]*record // of lists by place; of parts with parts, 0
}

func newRecord() *record {
	return &record{map[string][]string{}, map[string]bool{}, map[string]map[int]*record{}}
}

// maxPlace bounds the places that names of fields have in lists.
const maxPlace = 1 << 20

// fill puts a posted form into a record.
func fill(m []*part, form []box.Pair) *record {
	r := newRecord()
	for _, p := range form {
		r.set(m, strings.Split(p.Name, "."), strings.ReplaceAll(p.Value, "\r\n", "\n"))
	}
	return r
}

func (r *record) set(parts []*part, name []string, value string) {
	i := slices.IndexFunc(parts, func(p *part) bool { return p.name == name[0] })
	if i < 0 {
		return
	}
	switch p := parts[i]; {
	case p.kind != reflect.Struct && len(name) == 1:
		r.words[p.name] = append(r.words[p.name], value)
	case p.kind == reflect.Struct && len(name) == 1:
		r.told[p.name] = value == declared
	case p.records() && len(name) > 2:
		if at, err := strconv.Atoi(name[1]); err == nil && at >= 0 && at < maxPlace {
			r.at(p.name, at).set(p.parts, name[2:], value)
		}
	case p.kind == reflect.Struct && !p.list:
		r.at(p.name, 0).set(p.parts, name[1:], value)
	}
}

func (r *record) at(name string, i int) *record {
	if r.below[name] == nil {
		r.below[name] = map[int]*record{}
	}
	if r.below[name][i] == nil {
		r.below[name][i] = newRecord()
	}
	return r.below[name][i]
}

// change adds an entry to a list, and takes one out.
func (r *record) change(m []*part, add, remove string) {
	for _, p := range m {
		if !p.records() {
			continue
		}
		if p.name == add {
			next := 0
			for i := range r.below[p.name] {
				next = max(next, i+1)
			}
			r.at(p.name, next)
			r.told[p.name] = true
		}
		if name, place, ok := strings.Cut(remove, "."); ok && name == p.name {
			if i, err := strconv.Atoi(place); err == nil && r.below[name][i] != nil {
				delete(r.below[name], i)
				r.told[name] = true
			}
		}
	}
}

// word is the value of a key that has one; what only has spaces is none.
func (r *record) word(name string) string {
	if v := r.words[name]; len(v) > 0 && strings.TrimSpace(v[0]) != "" {
		return v[0]
	}
	return ""
}

func (r *record) blank() bool {
	for _, list := range r.words {
		if slices.ContainsFunc(list, func(s string) bool { return strings.TrimSpace(s) != "" }) {
			return false
		}
	}
	for name, list := range r.below {
		for _, e := range list {
			if r.told[name] || !e.blank() {
				return false
			}
		}
	}
	return true
}

// has tells whether a list, or a part with parts, is declared: because the form says so, or because something stands in it.
func (r *record) has(p *part) bool {
	if r.told[p.name] {
		return true
	}
	for _, e := range r.below[p.name] {
		if !e.blank() {
			return true
		}
	}
	return false
}

// object is what a part with parts holds.
func (r *record) object(name string) *record {
	if o := r.below[name][0]; o != nil {
		return o
	}
	return newRecord()
}

// entries are those of a list in their order. Where no field says whether the list is declared, empty ones are none.
func (r *record) entries(p *part) []*record {
	var list []*record
	_, asked := r.told[p.name]
	for _, i := range slices.Sorted(maps.Keys(r.below[p.name])) {
		if e := r.below[p.name][i]; asked || !e.blank() {
			list = append(list, e)
		}
	}
	return list
}

// items are those of a list of texts: nil when it is not declared.
func (r *record) items(p *part) []string {
	words := r.words[p.name]
	if p.values == nil && len(words) > 0 {
		words = strings.Split(words[0], "\n")
	}
	var list []string
	for _, w := range words {
		if strings.TrimSpace(w) != "" {
			list = append(list, w)
		}
	}
	if len(list) == 1 && list[0] == none {
		return []string{}
	}
	return list
}

// yaml writes a record as the file that it stands for.
func (r *record) yaml(m []*part) string {
	if lines := r.lines(m); len(lines) > 0 {
		return strings.Join(lines, "\n") + "\n"
	}
	return ""
}

func (r *record) lines(parts []*part) []string {
	var out []string
	for _, p := range parts {
		switch {
		case p.records():
			if r.has(p) {
				out = append(out, block(p, r.entries(p))...)
			}
		case p.kind == reflect.Struct:
			if !r.has(p) {
				continue
			}
			inner := r.object(p.name).lines(p.parts)
			if len(inner) == 0 {
				out = append(out, p.name+": {}")
				continue
			}
			out = append(out, p.name+":")
			for _, l := range inner {
				out = append(out, "  "+l)
			}
		case p.list:
			if items := r.items(p); items != nil {
				for i := range items {
					items[i] = scalar(items[i])
				}
				out = append(out, p.name+": ["+strings.Join(items, ", ")+"]")
			}
		case r.word(p.name) != "":
			out = append(out, p.name+": "+written(p, r.word(p.name)))
		}
	}
	return out
}

func block(p *part, entries []*record) []string {
	if len(entries) == 0 {
		return []string{p.name + ": []"}
	}
	out := []string{p.name + ":"}
	for _, e := range entries {
		inner := e.lines(p.parts)
		if len(inner) == 0 {
			inner = []string{"{}"}
		}
		for i, l := range inner {
			if i == 0 {
				out = append(out, "  - "+l)
			} else {
				out = append(out, "    "+l)
			}
		}
	}
	return out
}

var whole = regexp.MustCompile(`^-?(?:0|[1-9][0-9]{0,17})$`)

// written writes a value so that it is read as what it is to be, and as text where it is not: then a check says so.
func written(p *part, s string) string {
	t := strings.TrimSpace(s)
	if p.kind == reflect.Int64 && whole.MatchString(t) || p.kind == reflect.Bool && (t == "true" || t == "false") {
		return t
	}
	return scalar(s)
}

var plainText = regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9/_.+-]*(?: [A-Za-z/][A-Za-z0-9/_.+-]*)*$`)

// scalar writes a text: plainly where no reader of YAML, of whatever version, takes it for anything else.
func scalar(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "y", "n", "null":
		return quoted(s)
	}
	if plainText.MatchString(s) {
		return s
	}
	return quoted(s)
}

func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(s, string(utf8.RuneError)) {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r >= 0x7f && r < 0xa0:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r == '\u2028' || r == '\u2029' || r == '\ufeff':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// asForm puts a declaration into a record, or says why a form cannot hold it.
func asForm(m []*part, d *product.Declaration) (*record, string, error) {
	if d == nil {
		return nil, "It becomes a form when what is wrong with the file is put right.", nil
	}
	r := hold(m, reflect.ValueOf(d).Elem())
	want, err := d.Canonical()
	if err != nil {
		return nil, "", err
	}
	again, err := product.Parse("declaration", []byte(fill(m, posted(r.sets(m))).yaml(m)))
	if err == nil {
		if got, err := again.Canonical(); err == nil && bytes.Equal(got, want) {
			return r, "", nil
		}
	}
	return nil, "It says something that a form cannot hold, such as a list item of several lines. Edit it as a file.", nil
}

// posted is what a browser sends of a form that nobody has touched.
func posted(sets []box.Set) []box.Pair {
	pairs := []box.Pair{}
	for _, s := range sets {
		for _, f := range s.Fields {
			if f.Kind != "select" && f.Kind != "checks" {
				pairs = append(pairs, box.Pair{Name: f.Name, Value: f.Value})
				continue
			}
			for _, o := range f.Options {
				if o.Chosen {
					pairs = append(pairs, box.Pair{Name: f.Name, Value: o.Value})
				}
			}
		}
		pairs = append(pairs, posted(s.Entries)...)
	}
	return pairs
}

func hold(parts []*part, v reflect.Value) *record {
	r := newRecord()
	for i, p := range parts {
		f := v.Field(i)
		switch {
		case f.IsZero():
		case p.records():
			r.told[p.name] = true
			r.below[p.name] = map[int]*record{}
			for j := range f.Len() {
				r.below[p.name][j] = hold(p.parts, f.Index(j))
			}
		case p.kind == reflect.Struct:
			r.told[p.name] = true
			r.below[p.name] = map[int]*record{0: hold(p.parts, f.Elem())}
		case p.list:
			r.words[p.name] = texts(p, f)
		default:
			if f.Kind() == reflect.Pointer {
				f = f.Elem()
			}
			r.words[p.name] = []string{fmt.Sprint(f.Interface())}
		}
	}
	return r
}

// texts are the words of a field for a list: one for each of several choices, else one on each line.
func texts(p *part, f reflect.Value) []string {
	var list []string
	for i := range f.Len() {
		list = append(list, f.Index(i).String())
	}
	if len(list) == 0 {
		list = []string{none}
	}
	if p.values != nil {
		return list
	}
	return []string{strings.Join(list, "\n")}
}
