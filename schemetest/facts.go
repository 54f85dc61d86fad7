package schemetest

import (
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/strictyaml"
)

// defaultSystem is the system of a fact that names none.
const defaultSystem = "product"

func (p *parser) kind(e strictyaml.Entry) *fact.Kind {
	k, ok := fact.ByName(e.Name)
	if !ok {
		var names []string
		for _, k := range fact.Kinds() {
			names = append(names, k.Name)
		}
		p.errs.Add(e.At, "there is no kind of facts %q%s", e.Name, strictyaml.Suggest(e.Name, names))
		return nil
	}
	return k
}

// facts reads the facts of a case, and what could not be looked at, into its set.
func (p *parser) facts(r *strictyaml.Record, set *fact.Set) {
	lines := map[*fact.Kind][]string{}
	add := func(k *fact.Kind, items []*strictyaml.Node) {
		for _, x := range items {
			if line := p.fact(k, x); line != "" {
				lines[k] = append(lines[k], line)
			}
		}
	}
	if n := r.Node("facts"); n != nil {
		if n.Kind != strictyaml.Mapping {
			p.errs.Add(n.At, "facts is a mapping of kinds and lists")
		}
		for _, e := range n.Entries {
			if k := p.kind(e); k != nil {
				if e.Value.Kind != strictyaml.List {
					p.errs.Add(e.At, "%s is a list of facts", e.Name)
				}
				add(k, e.Value.List)
			}
		}
	}
	unobserved, _ := fact.ByName("unobserved")
	add(unobserved, r.Items("unobserved"))
	for k, l := range lines {
		sorted, err := fact.SortLines(l)
		if err != nil {
			p.errs.Add(r.Start(), "%v", err)
			continue
		}
		set.Put(k, sorted)
	}
}

// fact turns a mapping of attributes into a fact's line. path, system and node say where it was seen; all other keys are attributes of
// its kind, and null makes one absent that the file's defaults give.
func (p *parser) fact(k *fact.Kind, n *strictyaml.Node) string {
	if n.Kind != strictyaml.Mapping {
		p.errs.Add(n.At, "a fact is a mapping of attributes and values")
		return ""
	}
	at := fact.Location{System: defaultSystem}
	attrs := map[string]*strictyaml.Node{}
	for _, e := range slices.Concat(p.defaults[k.Name], n.Entries) {
		switch e.Name {
		case "path":
			at.Path = e.Value.Text
		case "system":
			at.System = e.Value.Text
		case "node":
			at.Node = e.Value.Text
		default:
			attrs[e.Name] = e.Value
		}
	}
	if at.Node == "" {
		at.Node = strings.TrimPrefix(at.System+"!"+at.Path, "!")
	}
	b := []byte{'{'}
	for _, f := range k.Fields {
		v := attrs[f.Name]
		delete(attrs, f.Name)
		if v == nil || v.Kind == strictyaml.Null {
			if !f.Optional {
				p.errs.Add(n.At, "%s.%s is missing: every fact of the kind has it", k.Name, f.Name)
			}
			continue
		}
		x := p.attribute(k, f, v)
		if x == nil {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(fact.AppendJSON(b, f.Name), ':')
		b = fact.AppendJSON(b, x)
	}
	for _, e := range slices.Concat(p.defaults[k.Name], n.Entries) {
		if attrs[e.Name] != nil {
			p.errs.Add(e.At, "%s has no attribute %q%s", k.Name, e.Name, strictyaml.Suggest(e.Name, fieldNames(k)))
		}
	}
	line := fact.EncodeAttrs("test", at, append(b, '}'), nil)
	if _, err := fact.Parse(k, line); err != nil && p.errs.Err() == nil {
		p.errs.Add(n.At, "%v", err)
		return ""
	}
	return line
}

func fieldNames(k *fact.Kind) []string {
	names := []string{"path", "system", "node"}
	for _, f := range k.Fields {
		names = append(names, f.Name)
	}
	return names
}

// attribute returns a value as the attribute's type, or nil after an error.
func (p *parser) attribute(k *fact.Kind, f fact.Field, v *strictyaml.Node) any {
	switch {
	case f.Type == fact.Bool && v.Kind == strictyaml.Bool:
		return v.Bool
	case f.Type == fact.Int && v.Kind == strictyaml.Int:
		return v.Int
	case f.Type == fact.String && v.Kind == strictyaml.String:
		return v.Text
	case f.Type == fact.Strings && v.Kind == strictyaml.List:
		texts := strictyaml.Texts(v, p.errs, f.Name)
		if texts == nil {
			return []string{}
		}
		return texts
	}
	p.errs.Add(v.At, "%s.%s is %s, not %s", k.Name, f.Name, f.Type, v.Kind)
	return nil
}
