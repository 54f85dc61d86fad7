package schemetest

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/product"
	"github.com/probat-lab/probat/reference"
	"github.com/probat-lab/probat/scheme"
	"github.com/probat-lab/probat/strictyaml"
)

// parser reads one test file.
type parser struct {
	scheme   *scheme.Scheme
	errs     *strictyaml.Errors
	defaults map[string][]strictyaml.Entry // attributes by kind that every fact has unless it says otherwise
}

// defaultAsOf is the day of a case that names none.
const defaultAsOf = "2026-01-01"

var datePattern = regexp.MustCompile(`^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$`)

func parse(s *scheme.Scheme, name string, data []byte) ([]testCase, error) {
	errs := strictyaml.NewErrors(name, "a scheme's test file")
	root := strictyaml.Parse(data, errs)
	if root == nil {
		return nil, errs.Err()
	}
	p := &parser{scheme: s, errs: errs, defaults: map[string][]strictyaml.Entry{}}
	r := strictyaml.NewRecord(root, errs, "a test file")
	if id := r.Must("scheme"); id != "" && id != s.ID {
		errs.Add(r.At("scheme"), "these are tests of %q, the scheme is %q", id, s.ID)
	}
	if n := r.Node("defaults"); n != nil {
		for _, e := range n.Entries {
			if p.kind(e) != nil {
				p.defaults[e.Name] = e.Value.Entries
			}
		}
	}
	var cases []testCase
	for _, n := range r.Items("cases") {
		c := p.testCase(n)
		if slices.ContainsFunc(cases, func(o testCase) bool { return o.name == c.name }) {
			errs.Add(n.At, "case %q is there already", c.name)
		}
		cases = append(cases, c)
	}
	r.Done()
	if len(cases) == 0 {
		errs.Add(root.At, "cases is missing: a test file has at least one")
	}
	return cases, errs.Err()
}

func (p *parser) testCase(n *strictyaml.Node) testCase {
	r := strictyaml.NewRecord(n, p.errs, "a case")
	c := testCase{name: r.Must("name")}
	c.input = judge.Input{Facts: fact.NewSet(), AsOf: r.Text("as_of"), Artifacts: 1}
	if c.input.AsOf == "" {
		c.input.AsOf = defaultAsOf
	} else if !datePattern.MatchString(c.input.AsOf) {
		p.errs.Add(r.At("as_of"), "as_of is %q; write a day as 2026-01-31", c.input.AsOf)
	}
	if a := r.Node("artifacts"); a != nil {
		if a.Kind != strictyaml.Int || a.Int < 0 {
			p.errs.Add(a.At, "artifacts is the number of the release's files")
		}
		c.input.Artifacts = int(a.Int)
	}
	if d := r.Node("declaration"); d != nil {
		c.input.Declaration = p.declaration(d)
	}
	p.facts(r, c.input.Facts)
	c.input.Coverage = p.coverage(r.Node("coverage"))
	for _, x := range r.Items("judgements") {
		c.input.Judgements = append(c.input.Judgements, p.judgement(x))
	}
	if refs := r.Node("references"); refs != nil {
		for _, e := range refs.Entries {
			if set := p.reference(e, c.input.AsOf); set != nil {
				c.input.References = append(c.input.References, set)
			}
		}
	}
	p.expectations(r, &c)
	r.Done()
	return c
}

// declaration reads a product.yaml that stands inside a case. What every declaration needs may be left out.
func (p *parser) declaration(n *strictyaml.Node) map[string]any {
	full := *n
	full.Entries = slices.Clone(n.Entries)
	for _, d := range []struct{ name, value string }{{"vendor", "Example"}, {"product", "Example"}, {"kind", "equipment"}, {"version", "1"}} {
		if full.Value(d.name) == nil {
			full.Entries = append(full.Entries, strictyaml.Entry{Name: d.name, Value: &strictyaml.Node{Kind: strictyaml.String, Text: d.value}})
		}
	}
	d, err := product.Parse("declaration", appendJSON(nil, &full))
	if err != nil {
		message := err.Error()
		var list *product.Errors
		if errors.As(err, &list) && len(list.List) > 0 {
			message = list.List[0].Message
		}
		p.errs.Add(n.At, "declaration: %s", message)
		return nil
	}
	return d.View()
}

// appendJSON writes a value as JSON, which is YAML as well. Nesting was bounded when it was read.
func appendJSON(b []byte, n *strictyaml.Node) []byte {
	switch n.Kind {
	case strictyaml.String:
		return fact.AppendJSON(b, n.Text)
	case strictyaml.Bool, strictyaml.Int, strictyaml.Number:
		return append(b, n.Text...)
	case strictyaml.List:
		b = append(b, '[')
		for i, x := range n.List {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, x)
		}
		return append(b, ']')
	case strictyaml.Mapping:
		b = append(b, '{')
		for i, e := range n.Entries {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(fact.AppendJSON(b, e.Name), ':')
			b = appendJSON(b, e.Value)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

func (p *parser) judgement(n *strictyaml.Node) judge.Judgement {
	r := strictyaml.NewRecord(n, p.errs, "a judgement")
	g := judge.Judgement{
		Scheme: p.scheme.ID, Requirement: r.Must("requirement"), Test: r.Must("test"), Reason: r.Text("reason"), Party: r.Text("party"), Person: r.Text("person"),
		Verdict: strictyaml.Word(r, "verdict", judge.Pass, judge.Pass, judge.Fail, judge.Inconclusive),
	}
	r.Done()
	if q := p.requirement(r.At("requirement"), g.Requirement); q != nil {
		p.test(r.At("test"), q, g.Test)
	}
	return g
}

// reference reads rows by key into a set.
func (p *parser) reference(e strictyaml.Entry, asOf string) *reference.Set {
	b := fact.AppendJSON([]byte(`{"set":`), e.Name)
	b = fact.AppendJSON(append(b, `,"as_of":`...), asOf)
	b = append(b, `,"source":"a test","rows":`...)
	set, err := reference.Parse(append(appendJSON(b, e.Value), '}'))
	if err != nil {
		p.errs.Add(e.At, "%v", err)
		return nil
	}
	return set
}

// coverage says what was looked for. Where a case says nothing: every attribute of every kind, in one system, by observers as new as the
// scheme asks for.
func (p *parser) coverage(n *strictyaml.Node) []fact.Coverage {
	systems, without, versions := int64(1), map[string]bool{}, map[string]int{}
	for i := range p.scheme.Requirements {
		for _, t := range p.scheme.Requirements[i].Tests {
			for _, m := range t.Observer {
				versions[m.Observer] = max(versions[m.Observer], m.Version)
			}
		}
	}
	if n != nil {
		r := strictyaml.NewRecord(n, p.errs, "coverage")
		if s := r.Node("systems"); s != nil {
			systems = s.Int
		}
		for _, w := range r.Texts("without") {
			kind, attr, _ := strings.Cut(w, ".")
			k, ok := fact.ByName(kind)
			if ok && attr != "" {
				_, ok = k.Field(attr)
			}
			if !ok {
				p.errs.Add(r.At("without"), "without: there is no %s: write a kind, or a kind and its attribute as in file.mode", w)
			}
			without[w] = true
		}
		if o := r.Node("observers"); o != nil {
			for _, e := range o.Entries {
				versions[e.Name] = int(e.Value.Int)
			}
		}
		r.Done()
	}
	all := fact.Coverage{Observer: "test", Version: 1, Kinds: map[string][]string{}, Nodes: 1, Systems: systems}
	for _, k := range fact.Kinds() {
		if without[k.Name] {
			continue
		}
		attrs := []string{}
		for _, f := range k.Fields {
			if !without[k.Name+"."+f.Name] {
				attrs = append(attrs, f.Name)
			}
		}
		all.Kinds[k.Name] = attrs
	}
	out := []fact.Coverage{all}
	for name, v := range versions {
		out = append(out, fact.Coverage{Observer: name, Version: v, Kinds: map[string][]string{}})
	}
	return out
}
