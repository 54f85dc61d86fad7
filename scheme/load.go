package scheme

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/strictyaml"
)

// Parse reads, checks and compiles a scheme. name stands in errors only. The error is a *strictyaml.Errors with everything that is wrong,
// by file, line and column.
func Parse(name string, data []byte) (*Scheme, error) {
	errs := strictyaml.NewErrors(name, "a scheme")
	root := strictyaml.Parse(data, errs)
	if root == nil {
		return nil, errs.Err()
	}
	env, err := base()
	if err != nil {
		return nil, err
	}
	c := &compiler{base: env, errs: errs, envs: map[string]*cel.Env{}}
	s := c.scheme(root)
	if err := errs.Err(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	s.Digest, s.Source = hex.EncodeToString(sum[:]), slices.Clone(data)
	return s, nil
}

func (c *compiler) record(n *strictyaml.Node, what string) *strictyaml.Record {
	return strictyaml.NewRecord(n, c.errs, what)
}

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._()-]*$`)

func (c *compiler) id(r *strictyaml.Record, name string) string {
	s := r.Must(name)
	if s != "" && !idPattern.MatchString(s) {
		c.errs.Add(r.At(name), "%s %q: letters, digits, dots, hyphens and parentheses only", name, s)
	}
	return s
}

func (c *compiler) scheme(root *strictyaml.Node) *Scheme {
	r := c.record(root, "a scheme")
	s := &Scheme{
		ID: c.id(r, "scheme"), Edition: r.Must("edition"), Title: r.Must("title"), Subtitle: r.Text("subtitle"), Publisher: r.Must("publisher"),
		Link: r.Must("link"), Texts: r.Must("texts"), byID: map[string]int{},
	}
	profiles := r.Items("profiles")
	for _, n := range r.Items("requirements") {
		req := c.requirement(n, s)
		if _, twice := s.byID[req.ID]; twice {
			c.errs.Add(n.At, "requirement %q is there already", req.ID)
			continue
		}
		s.byID[req.ID] = len(s.Requirements)
		s.Requirements = append(s.Requirements, req)
	}
	for _, n := range profiles {
		s.Profiles = append(s.Profiles, c.profile(n, s))
	}
	r.Done()
	if len(s.Requirements) == 0 {
		c.errs.Add(root.At, "requirements is missing: a scheme has at least one")
	}
	slices.Sort(s.References)
	s.References = slices.Compact(s.References)
	return s
}

func (c *compiler) profile(n *strictyaml.Node, s *Scheme) Profile {
	r := c.record(n, "a profile")
	p := Profile{ID: c.id(r, "id"), Title: r.Must("title"), Reason: r.Must("reason"), Requirements: r.Texts("requirements")}
	r.Done()
	for i, id := range p.Requirements {
		if _, ok := s.byID[id]; !ok {
			c.errs.Add(n.At, "profile %q names requirement %q, which the scheme does not have", p.ID, id)
		}
		if slices.Contains(p.Requirements[:i], id) {
			c.errs.Add(n.At, "profile %q names requirement %q twice", p.ID, id)
		}
	}
	return p
}

func (c *compiler) requirement(n *strictyaml.Node, s *Scheme) Requirement {
	r := c.record(n, "a requirement")
	q := Requirement{
		At: r.Start(), ID: c.id(r, "id"), Clause: r.Text("clause"), Title: r.Must("title"), TestCase: r.Text("test-case"), Text: r.Must("text"),
		Link: r.Text("link"), Waits: r.Text("waits"), Answers: r.Texts("answers"),
		Severity: strictyaml.Word(r, "severity", Medium, Low, Medium, High, Critical),
	}
	if q.Clause == "" {
		q.Clause = q.ID
	}
	if q.Link == "" {
		q.Link = s.Link
	}
	q.Applies = c.expr(r.Node("applies"), scope{}, types.BoolType)
	contradicts := r.Items("contradicts")
	if len(contradicts) > 0 && q.Applies == nil {
		c.errs.Add(contradicts[0].At, "contradicts goes with applies")
	}
	for _, x := range contradicts {
		q.Contradicts = append(q.Contradicts, c.contradiction(x))
	}
	for _, x := range r.Items("pass-by") {
		var set []Means
		for _, m := range strictyaml.Texts(x, c.errs, "pass-by") {
			if !slices.Contains([]Means{Artifact, Live, Document, Person}, Means(m)) {
				c.errs.Add(x.At, "pass-by names the means %q; they are artifact, live, document, person%s", m, nearest(m, []string{"artifact", "live", "document", "person"}))
			}
			set = append(set, Means(m))
		}
		q.PassBy = append(q.PassBy, set)
	}
	if len(q.PassBy) == 0 {
		c.errs.Add(n.At, "pass-by is missing: which means a pass of %q needs", q.ID)
	}
	for _, x := range r.Items("tests") {
		t := c.test(x, &q, s)
		if slices.ContainsFunc(q.Tests, func(o Test) bool { return o.ID == t.ID }) {
			c.errs.Add(x.At, "test %q is there already", t.ID)
		}
		q.Tests = append(q.Tests, t)
	}
	r.Done()
	return q
}

func (c *compiler) contradiction(n *strictyaml.Node) Contradiction {
	r := c.record(n, "a contradiction")
	over := r.Must("over")
	x := Contradiction{Over: over}
	if _, ok := fact.ByName(over); !ok && over != "" {
		c.errs.Add(r.At("over"), "there is no kind of facts %q%s", over, suggestKind(over))
	} else if over != "" {
		if r.Node("where") == nil {
			c.errs.Add(n.At, "where is missing")
		}
		x.Where = c.expr(r.Node("where"), scope{it: kindType(over)}, types.BoolType)
	}
	r.Done()
	return x
}

func (c *compiler) test(n *strictyaml.Node, q *Requirement, s *Scheme) Test {
	r := c.record(n, "a test")
	t := Test{
		At: r.Start(), ID: c.id(r, "id"), Title: r.Must("title"), Over: r.Text("over"), Procedure: r.Text("procedure"), Evidence: r.Text("evidence"),
		Means:    strictyaml.Word(r, "means", Artifact, Artifact, Live, Document, Person),
		Strength: strictyaml.Word(r, "strength", "", Decisive, Indicative),
		Severity: strictyaml.Word(r, "severity", q.Severity, Note, Low, Medium, High, Critical),
		Require:  strictyaml.Word(r, "require", All, All, Some, None),
		Needs:    r.Texts("needs"), By: r.Texts("by"), Complete: r.Yes("complete"),
		Holds:  strictyaml.Word(r, "empty", "", "holds") == "holds",
		Across: strictyaml.Word(r, "across", "", "release") == "release",
		Reads:  map[string][]string{},
	}
	if t.Strength == "" {
		c.errs.Add(n.At, "strength of test %q is missing: decisive or indicative", t.ID)
	}
	if p := r.Node("persons"); p != nil {
		if p.Kind != strictyaml.Int || p.Int < 1 || p.Int > 9 {
			c.errs.Add(p.At, "persons is a number from 1 to 9")
		}
		t.Persons = int(p.Int)
	}
	for _, o := range r.Texts("observer") {
		t.Observer = append(t.Observer, c.minVersion(n, o))
	}
	for _, need := range t.Needs {
		if err := c.declaredField(need); err != nil {
			c.errs.Add(r.At("needs"), "needs: %v", err)
		}
	}
	if t.IsProcedure() {
		c.procedure(r, &t)
	} else {
		c.expressions(r, &t, s)
	}
	r.Done()
	return t
}

// procedure checks a test that is answered in words.
func (c *compiler) procedure(r *strictyaml.Record, t *Test) {
	if t.Means == Artifact {
		c.errs.Add(r.Start(), "test %q has no over: only live, document and person tests are procedures", t.ID)
	}
	if t.Procedure == "" {
		c.errs.Add(r.Start(), "procedure of test %q is missing: what is to be done", t.ID)
	}
	for _, name := range []string{"where", "let", "unknown", "expect", "by", "same", "empty", "require", "complete", "across"} {
		if r.Node(name) != nil {
			c.errs.Add(r.At(name), "%s goes with over", name)
		}
	}
}

func (c *compiler) minVersion(n *strictyaml.Node, s string) MinVersion {
	name, v, ok := strings.Cut(strings.ReplaceAll(s, " ", ""), ">=")
	version, err := strconv.Atoi(v)
	if !ok || err != nil || name == "" {
		c.errs.Add(n.At, "observer is %q; write it as elf>=3", s)
	}
	return MinVersion{name, version}
}

// declaredField checks that needs names a field of the declaration.
func (c *compiler) declaredField(need string) error {
	name, ok := strings.CutPrefix(need, declarationPrefix)
	if !ok {
		return fmt.Errorf("%q is no field of the declaration: write declaration.services", need)
	}
	typ := declarationType
	for part := range strings.SplitSeq(name, ".") {
		f, ok := c.base.provider.FindStructFieldType(typ, part)
		if !ok {
			return fmt.Errorf("the declaration has no %s%s", name, nearest(part, c.base.fieldNames(typ)))
		}
		typ = f.Type.TypeName()
	}
	return nil
}

// expressions compiles what a test goes over and expects.
func (c *compiler) expressions(r *strictyaml.Record, t *Test, s *Scheme) {
	it, err := c.itType(t.Over)
	if err != nil {
		c.errs.Add(r.At("over"), "over: %v", err)
		for _, name := range []string{"where", "let", "unknown", "expect", "same"} {
			r.Node(name)
		}
		return
	}
	single := scope{it: it}
	c.lets(r, t, single)
	single.lets = t.Lets
	t.Where = c.expr(r.Node("where"), single, types.BoolType)
	t.Unknown = c.expr(r.Node("unknown"), single, types.BoolType)
	about := single
	if len(t.By) > 0 {
		about = scope{it: it, group: true}
		c.checkBy(r, t, it)
	}
	if r.Node("expect") == nil {
		c.errs.Add(r.Start(), "expect of test %q is missing", t.ID)
	}
	t.Expect = c.expr(r.Node("expect"), about, types.BoolType)
	for _, x := range r.Items("same") {
		t.Same = append(t.Same, c.expr(x, single, nil))
	}
	if t.Complete && len(t.By) == 0 && t.Require != Some {
		c.errs.Add(r.Start(), "complete goes with by: an expectation about a group")
	}
	c.collect(t, s)
}

func (c *compiler) lets(r *strictyaml.Record, t *Test, s scope) {
	n := r.Node("let")
	if n == nil {
		return
	}
	if n.Kind != strictyaml.Mapping {
		c.errs.Add(n.At, "let is a mapping of names and expressions")
		return
	}
	for _, e := range n.Entries {
		if slices.Contains([]string{"it", "group", "declaration", "as_of", "find", "ref"}, e.Name) {
			c.errs.Add(e.At, "let cannot name %q: expressions have that name already", e.Name)
			continue
		}
		s.lets = t.Lets
		if x := c.expr(e.Value, s, nil); x != nil {
			t.Lets = append(t.Lets, Let{e.Name, x})
		}
	}
}

func (c *compiler) checkBy(r *strictyaml.Record, t *Test, it *types.Type) {
	for i, name := range t.By {
		name = strings.TrimPrefix(name, "it.")
		t.By[i] = name
		if _, ok := c.base.provider.FindStructFieldType(it.TypeName(), name); !ok {
			c.errs.Add(r.At("by"), "by: %s has no attribute %q%s", t.Over, name, nearest(name, c.base.fieldNames(it.TypeName())))
		}
	}
}

// collect notes what the test reads, so that a judge can tell whether it was looked for.
func (c *compiler) collect(t *Test, s *Scheme) {
	if t.OverKind() != nil {
		t.Reads[t.Over] = slices.Clone(t.By)
	}
	exprs := append([]*Expr{t.Where, t.Unknown, t.Expect}, t.Same...)
	for _, l := range t.Lets {
		exprs = append(exprs, l.Expr)
	}
	for _, e := range exprs {
		if e == nil {
			continue
		}
		e.reads(t.Reads)
		s.References = append(s.References, e.sets()...)
	}
	var others []string
	for kind, attrs := range t.Reads {
		slices.Sort(attrs)
		t.Reads[kind] = slices.Compact(attrs)
		if kind != t.Over {
			others = append(others, kind)
		}
	}
	slices.Sort(others)
	if t.OverKind() != nil {
		t.Kinds = append(t.Kinds, t.Over)
	}
	t.Kinds = append(t.Kinds, others...)
}
