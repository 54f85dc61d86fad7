package child

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/probat-lab/probat/lab/box"
	"github.com/probat-lab/probat/product"
)

// mostFields bounds a form: what has more is edited as a file.
const mostFields = 1500

// A part is one key of a declaration, as the types of package product and their schema describe it.
type part struct {
	name, label, help string
	kind              reflect.Kind // String, Bool, Int64 or Struct
	list              bool         // a list of kind
	required          bool
	prose, date       bool
	values            []string // all that a string can be, or nil
	parts             []*part  // of a Struct
}

// records tells whether a part is a list of records, each with parts of its own.
func (p *part) records() bool { return p.list && p.kind == reflect.Struct }

// schemaDoc is what the schema says that the types do not.
type schemaDoc struct {
	Ref         string               `json:"$ref"`
	Description string               `json:"description"`
	Enum        []string             `json:"enum"`
	Items       *schemaDoc           `json:"items"`
	Properties  map[string]schemaDoc `json:"properties"`
	Required    []string             `json:"required"`
	Defs        map[string]schemaDoc `json:"$defs"`
}

// model returns the parts of a declaration, in the order of its type.
var model = sync.OnceValues(func() ([]*part, error) {
	var doc schemaDoc
	if err := json.Unmarshal(product.Schema(), &doc); err != nil {
		return nil, fmt.Errorf("reading the schema of declarations: %w", err)
	}
	return partsOf(reflect.TypeFor[product.Declaration](), doc, doc.Defs), nil
})

func partsOf(t reflect.Type, doc schemaDoc, defs map[string]schemaDoc) []*part {
	var list []*part
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		says := doc.Properties[name]
		p := &part{name: name, label: label(name), help: help(name, says.Description), required: slices.Contains(doc.Required, name)}
		ft := t.Field(i).Type
		if ft.Kind() == reflect.Slice {
			p.list, ft = true, ft.Elem()
			if says.Items != nil {
				says = *says.Items
			}
		}
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		p.kind, p.values = ft.Kind(), says.Enum
		p.prose, p.date = says.Ref == "#/$defs/prose", says.Ref == "#/$defs/date"
		if p.kind == reflect.Struct {
			p.parts = partsOf(ft, defs[ft.Name()], defs)
		}
		list = append(list, p)
	}
	return list
}

// label is a key for people.
func label(name string) string {
	if s := map[string]string{"id": "ID", "sha256": "SHA-256", "kex": "Key exchange", "macs": "MACs", "cgi_dirs": "CGI directories", "upload_dirs": "Upload directories"}[name]; s != "" {
		return s
	}
	s := strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(s[:1]) + s[1:]
}

// help is a description without its subject, which the label names.
func help(name, description string) string {
	for _, verb := range []string{" is ", " are ", " "} {
		if rest, ok := strings.CutPrefix(description, name+verb); ok && rest != "" {
			return strings.ToUpper(rest[:1]) + rest[1:]
		}
	}
	return description
}

// one names what a list gets one more of.
func one(list string) string {
	if s := map[string]string{
		"artifacts": "an artifact", "accounts": "an account", "privileged": "a program", "software": "a package", "crypto": "a protocol", "answers": "an answer",
	}[list]; s != "" {
		return s
	}
	return "a " + strings.TrimSuffix(list, "s")
}

// declared is what the field of a list, or of a part with parts, says when it is declared.
const declared = "declared"

// none, alone in a list, declares that there are none.
const none = "[]"

// sets returns the form: what stands by itself first, then one set for each list and for each part with parts.
func (r *record) sets(m []*part) []box.Set {
	first := newSet("What is released", "", "release")
	sets := []box.Set{first}
	for _, p := range m {
		if p.kind != reflect.Struct {
			sets[0].Fields = append(sets[0].Fields, r.field(p, ""))
			continue
		}
		s := newSet(p.label, p.help, p.name)
		if !p.list {
			s.Fields = append(s.Fields, chosen(p, r.has(p), "declared, as follows"))
			s.Fields = append(s.Fields, r.object(p.name).fields(p.parts, p.name+".", r.has(p))...)
			sets = append(sets, s)
			continue
		}
		s.List, s.Add = true, one(p.name)
		s.Fields = append(s.Fields, chosen(p, r.has(p), "declared: these and no others"))
		entries := r.entries(p)
		if !r.has(p) { // a place to begin, which says nothing while it is empty
			entries = []*record{newRecord()}
		}
		_, noun, _ := strings.Cut(s.Add, " ")
		for i, e := range entries {
			at := fmt.Sprintf("%s.%d", p.name, i)
			x := newSet(strings.TrimSuffix(fmt.Sprintf("%s %d: %s", label(noun), i+1, e.title(p.parts)), ": "), "", at)
			x.Fields = e.fields(p.parts, at+".", r.has(p))
			s.Entries = append(s.Entries, x)
		}
		sets = append(sets, s)
	}
	return sets
}

func newSet(legend, help, path string) box.Set {
	return box.Set{Entries: []box.Set{}, Fields: []box.Field{}, Help: help, Legend: legend, Path: path}
}

// chosen is the field that tells what is not declared from what is declared to be none.
func chosen(p *part, is bool, words string) box.Field {
	return box.Field{Kind: "select", Label: "Declared", Name: p.name, Options: []box.Option{
		{Chosen: !is, Label: "not declared", Value: ""}, {Chosen: is, Label: words, Value: declared},
	}}
}

// title is what a record is called: the first that it says.
func (r *record) title(parts []*part) string {
	for _, p := range parts {
		if s := r.word(p.name); s != "" && p.kind == reflect.String && !p.list {
			if short := []rune(s); len(short) > 60 {
				return string(short[:60]) + "…"
			}
			return s
		}
	}
	return ""
}

// fields are those of a record. Records inside it follow as fields of their own, with a place for one more.
func (r *record) fields(parts []*part, prefix string, must bool) []box.Field {
	list := []box.Field{}
	for _, p := range parts {
		if !p.records() {
			f := r.field(p, prefix)
			f.Required = f.Required && must
			list = append(list, f)
			continue
		}
		_, noun, _ := strings.Cut(one(p.name), " ")
		for i, e := range append(r.entries(p), newRecord()) {
			for _, f := range e.fields(p.parts, fmt.Sprintf("%s%s.%d.", prefix, p.name, i), !e.blank()) {
				f.Label = fmt.Sprintf("%s %d: %s", label(noun), i+1, strings.ToLower(f.Label))
				list = append(list, f)
			}
		}
	}
	return list
}

func (r *record) field(p *part, prefix string) box.Field {
	f := box.Field{Help: p.help, Kind: "text", Label: p.label, Name: prefix + p.name, Options: []box.Option{}, Required: p.required && !p.list, Value: r.word(p.name)}
	switch {
	case p.list && p.values != nil:
		f.Kind, f.Value = "checks", ""
		f.Options = options(p.values, r.words[p.name])
		f.Options = append(f.Options, box.Option{Chosen: slices.Contains(r.words[p.name], none), Label: "none of them", Value: none})
	case p.list:
		f.Kind, f.Help = "textarea", p.help+" One on a line; [] alone declares that there are none."
	case p.values != nil:
		f.Kind, f.Value = "select", ""
		f.Options = append([]box.Option{{Chosen: r.word(p.name) == "", Label: "not told"}}, options(p.values, r.words[p.name])...)
	case p.kind == reflect.Bool:
		f.Kind, f.Value = "select", ""
		f.Options = options([]string{"true", "false"}, r.words[p.name])
		f.Options[0].Label, f.Options[1].Label = "yes", "no"
		f.Options = append([]box.Option{{Chosen: r.word(p.name) == "", Label: "not told"}}, f.Options...)
	case p.kind == reflect.Int64:
		f.Kind = "number"
	case p.date:
		f.Kind = "date"
	case p.prose:
		f.Kind = "textarea"
	}
	return f
}

// options are choices; what was chosen and is none of them stays, so that a check can say so.
func options(values, chosen []string) []box.Option {
	list := []box.Option{}
	for _, v := range values {
		list = append(list, box.Option{Chosen: slices.Contains(chosen, v), Label: v, Value: v})
	}
	for _, v := range chosen {
		if v != "" && v != none && !slices.Contains(values, v) {
			list = append(list, box.Option{Chosen: true, Label: v, Value: v})
		}
	}
	return list
}

func count(sets []box.Set) int {
	n := 0
	for _, s := range sets {
		n += len(s.Fields) + count(s.Entries)
	}
	return n
}
