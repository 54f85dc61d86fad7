package product

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/probat-lab/probat/strictyaml"
)

// A Draft is a declaration to begin with, filled with what was observed in a product. The vendor corrects and completes it.
//
// Strings are taken as they come; the caller has escaped control bytes and invalid UTF-8 as addresses do (%XX).
type Draft struct {
	Declaration
	// Notes are things that were observed and that the declaration has no place for. They become comments.
	Notes []string
}

// Placeholders for what nobody can observe. Parse accepts them.
const (
	unnamedVendor  = "unnamed vendor"
	unnamedProduct = "unnamed product"
	unnamedVersion = "unnamed version"
)

// A draft stays below what Parse reads, with room for the comments at its end.
const (
	maxDraft           = MaxSize - 64<<10
	maxDraftIndicators = strictyaml.MaxIndicators - 16<<10
	maxComment         = 2000      // bytes in one line
	maxComments        = 128 << 10 // bytes in all, so that they leave room for what can be declared
)

// YAML returns a product.yaml that Parse accepts: vendor, product, kind and version, then what is known, with comments.
// An item that Parse would refuse (a service whose port is not known, an account that is listed twice) becomes a comment
// that says why; so does the number of items that exceed the size of a declaration.
func (d Draft) YAML() []byte {
	decl := d.Declaration
	fill := func(s *string, placeholder string) {
		if *s == "" || wrongFormat("name", *s) != "" {
			*s = placeholder
		}
	}
	fill(&decl.Vendor, unnamedVendor)
	fill(&decl.Product, unnamedProduct)
	rule := declarationRule()
	if !slices.Contains(rule.field("kind").enum, string(decl.Kind)) {
		decl.Kind = KindEquipment
	}
	if decl.Kind == KindEquipment || decl.Kind == KindSoftware {
		fill(&decl.Version, unnamedVersion)
		decl.Period = ""
		if len(decl.Artifacts) == 0 {
			decl.Artifacts = nil
		}
	} else if wrongFormat("period", decl.Period) != "" {
		decl.Period = "2000"
	}
	w := &draftWriter{decl: &decl, dropped: map[string][]string{}}
	// What is taken out can leave something that refers to it, which goes in the next round.
	for problems := check(&decl); len(problems) > 0; problems = check(&decl) {
		w.drop(rule, problems)
	}
	w.head()
	w.fields(rule, reflect.ValueOf(&decl).Elem(), "", "")
	w.tail(rule, d.Notes)
	return w.b.Bytes()
}

// A draftWriter writes YAML.
type draftWriter struct {
	b          bytes.Buffer
	decl       *Declaration
	dropped    map[string][]string // top-level key, and a comment for each thing that can't be declared there
	indicators int
	comments   int // bytes
	skipped    int // comments for which there was no room
}

// drop takes the list items and top-level values with problems out of the declaration and keeps them as comments.
func (w *draftWriter) drop(rule *objectRule, problems []problem) {
	why := map[string]string{}
	for _, p := range problems {
		path := p.path
		if i := strings.IndexAny(path, ".]"); i >= 0 {
			path = strings.TrimSuffix(path[:i+1], ".")
		}
		if why[path] == "" {
			why[path] = p.sentence(false)
		}
	}
	decl := reflect.ValueOf(w.decl).Elem()
	for _, f := range rule.fields {
		v := decl.Field(f.index)
		if reason := why[f.name]; reason != "" {
			w.dropped[f.name] = append(w.dropped[f.name], f.name+" was left out, since "+reason)
			v.SetZero()
			continue
		}
		if !f.list || v.Len() == 0 {
			continue
		}
		kept := reflect.MakeSlice(v.Type(), 0, v.Len())
		for i := range v.Len() {
			reason := why[fmt.Sprintf("%s[%d]", f.name, i)]
			if reason == "" {
				kept = reflect.Append(kept, v.Index(i))
				continue
			}
			w.dropped[f.name] = append(w.dropped[f.name], "not declared under "+f.name+", since "+reason+": "+flow(f, v.Index(i)))
		}
		if kept.Len() == 0 {
			v.SetZero() // something was observed: "declared to be none" would be wrong
			continue
		}
		v.Set(kept)
	}
}

func (w *draftWriter) line(s string) {
	w.indicators += strictyaml.Indicators(s)
	w.b.WriteString(s)
	w.b.WriteByte('\n')
}

func (w *draftWriter) head() {
	w.line("# What the vendor declares about one release, drafted from what was observed in it.")
	w.line("# Correct it, say why things are there, and delete what does not belong to the product.")
	w.line("# A list that is left out is \"not declared\"; [] declares that there are none.")
}

// comments of the first keys; the others need none beyond their name.
func keyComment(name, value string) string {
	switch {
	case name == "vendor" && value == unnamedVendor:
		return "  # replace: who makes it, as customers know it"
	case name == "product" && value == unnamedProduct:
		return "  # replace: the name under which it is sold or run"
	case name == "version" && value == unnamedVersion:
		return "  # replace: what names this release"
	case name == "kind":
		return "  # equipment, software, service or process"
	case name == "period" && value == "2000":
		return "  # replace: the time that is covered, as in 2026-Q4"
	}
	return ""
}

// fields writes the fields of a struct that are present. The first line begins with first, the others with indent.
func (w *draftWriter) fields(rule *objectRule, v reflect.Value, first, indent string) {
	prefix := first
	for _, f := range rule.fields {
		if indent == "" {
			for _, s := range w.dropped[f.name] {
				w.comment(s)
			}
		}
		fv := v.Field(f.index)
		if !present(fv) {
			continue
		}
		mark, indicators := w.b.Len(), w.indicators
		w.field(f, fv, prefix, indent)
		if indent == "" && !f.list && w.full() { // a list cut itself
			w.back(mark, indicators)
			w.line("# " + f.name + " was left out: a declaration is at most 1 MiB")
		}
		prefix = indent
	}
}

// back forgets what was written since a mark.
func (w *draftWriter) back(mark, indicators int) {
	w.b.Truncate(mark)
	w.indicators = indicators
}

func (w *draftWriter) field(f *fieldRule, v reflect.Value, prefix, indent string) {
	switch {
	case f.list:
		w.list(f, v, prefix, indent)
	case f.kind == kindObject:
		v = v.Elem()
		if v.IsZero() {
			w.line(prefix + f.name + ": {}")
			return
		}
		w.line(prefix + f.name + ":")
		w.fields(f.object, v, indent+"  ", indent+"  ")
	default:
		s := scalar(v)
		w.line(prefix + f.name + ": " + s + keyComment(f.name, s))
	}
}

// list writes a list; one of the declaration itself as far as there is room.
func (w *draftWriter) list(f *fieldRule, v reflect.Value, prefix, indent string) {
	if v.Len() == 0 {
		w.line(prefix + f.name + ": []")
		return
	}
	for i := range v.Len() {
		mark, indicators := w.b.Len(), w.indicators
		if i == 0 {
			w.line(prefix + f.name + ":")
		}
		switch item := v.Index(i); {
		case f.kind != kindObject:
			w.line(indent + "  - " + scalar(item))
		case item.IsZero():
			w.line(indent + "  - {}")
		default:
			w.fields(f.object, item, indent+"  - ", indent+"    ")
		}
		if indent == "" && w.full() {
			w.back(mark, indicators)
			w.line(fmt.Sprintf("# %d more under %s: a declaration is at most 1 MiB", v.Len()-i, f.name))
			return
		}
	}
}

func (w *draftWriter) full() bool {
	return w.b.Len() > maxDraft || w.indicators > maxDraftIndicators
}

// comment writes one line of comment, if there is room; tail says how many found none.
func (w *draftWriter) comment(s string) {
	s = quoted(s)
	s = s[1 : len(s)-1]
	if len(s) > maxComment {
		s = strings.ToValidUTF8(s[:maxComment], "") + "…"
	}
	mark, indicators := w.b.Len(), w.indicators
	w.line("# " + s)
	w.comments += w.b.Len() - mark
	if w.full() || w.comments > maxComments {
		w.back(mark, indicators)
		w.skipped++
	}
}

// tail names what is not declared yet and writes the notes.
func (w *draftWriter) tail(rule *objectRule, notes []string) {
	var missing []string
	for _, f := range rule.fields {
		if !present(reflect.ValueOf(w.decl).Elem().Field(f.index)) && f.name != "period" {
			missing = append(missing, f.name)
		}
	}
	if len(missing) > 0 {
		w.line("# Not declared yet: " + strings.Join(missing, ", ") + ".")
	}
	for _, note := range notes {
		w.comment(note)
	}
	if w.skipped > 0 {
		w.line(fmt.Sprintf("# %d more things were observed that are not declared: a declaration is at most 1 MiB.", w.skipped))
	}
}

// flow writes an item on one line, for a comment.
func flow(f *fieldRule, v reflect.Value) string {
	if f.kind != kindObject {
		return scalar(v)
	}
	var parts []string
	for _, g := range f.object.fields {
		gv := v.Field(g.index)
		switch {
		case !present(gv):
		case g.list:
			var items []string
			for i := range gv.Len() {
				items = append(items, flow(g, gv.Index(i)))
			}
			parts = append(parts, g.name+": ["+strings.Join(items, ", ")+"]")
		default:
			parts = append(parts, g.name+": "+scalar(gv))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// scalar writes a string, boolean or integer as YAML.
func scalar(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Bool, reflect.Int64:
		return fmt.Sprint(v.Interface())
	default:
		return text(v.String())
	}
}

// text writes a string plainly when no reader of YAML, of whatever version, could take it for anything else.
func text(s string) string {
	for _, word := range strings.Split(s, " ") {
		if !plainWord(word) {
			return quoted(s)
		}
	}
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "y", "n", "null":
		return quoted(s)
	}
	return s
}

// plainWord says whether a word starts with a letter or slash and has nothing that means something in YAML.
func plainWord(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '/':
		case i > 0 && ('0' <= c && c <= '9' || c == '-' || c == '_' || c == '.' || c == '+'):
		default:
			return false
		}
	}
	return s != ""
}

// quoted writes a string in double quotes, on one line. Bytes that are no UTF-8 become %XX, as in addresses: YAML has no
// way to write them.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, "%%%02X", s[i])
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r <= 0xff:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += n
	}
	b.WriteByte('"')
	return b.String()
}
