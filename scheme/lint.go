package scheme

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"

	"github.com/probat-lab/probat/strictyaml"
)

// Lint looks for what Parse permits and is nevertheless wrong: anything that names a vendor, and tests that cannot do what their author
// probably meant. name stands in errors only. The error is a *strictyaml.ErrorList.
func Lint(name string, s *Scheme) error {
	l := &linter{errs: strictyaml.NewErrors(name, "a scheme")}
	l.words(strictyaml.Place{}, s.ID, s.Title, s.Texts)
	for _, p := range s.Profiles {
		l.words(strictyaml.Place{}, p.ID, p.Title, p.Reason)
	}
	for i := range s.Requirements {
		l.requirement(&s.Requirements[i])
	}
	return l.errs.Err()
}

// A Gap is a means that a pass of a requirement needs and for which the scheme has no decisive test yet: the verdict's reason is no-test.
type Gap struct {
	Requirement string
	Means       Means
}

// Gaps returns the gaps of a scheme, in its order. They are no mistakes: a scheme says so where nothing has been written yet.
func Gaps(s *Scheme) []Gap {
	var out []Gap
	for i := range s.Requirements {
		q := &s.Requirements[i]
		for _, m := range slices.Concat(q.PassBy...) {
			g := Gap{q.ID, m}
			decisive := slices.ContainsFunc(q.Tests, func(t Test) bool { return t.Means == m && t.Strength == Decisive && t.Severity != Note })
			if !decisive && !slices.Contains(out, g) {
				out = append(out, g)
			}
		}
	}
	return out
}

type linter struct{ errs *strictyaml.Errors }

func (l *linter) requirement(q *Requirement) {
	l.words(q.At, q.ID, q.Title, q.Text, q.Waits, q.TestCase)
	if len(q.Tests) == 0 {
		l.errs.Add(q.At, "requirement %q has no tests: it can never come out as anything but no-test", q.ID)
	}
	if q.Applies != nil {
		l.expr(q.Applies)
		if q.Applies.looksUp() {
			l.errs.Add(q.Applies.at, "applies looks up facts or references: whether a requirement applies follows from the declaration alone")
		}
	}
	for _, c := range q.Contradicts {
		l.expr(c.Where)
		if c.Where.looksUp() {
			l.errs.Add(c.Where.at, "contradicts looks up other facts or references: it is about one fact")
		}
	}
	for i := range q.Tests {
		l.test(&q.Tests[i])
	}
}

func (l *linter) test(t *Test) {
	l.words(t.At, t.ID, t.Title, t.Procedure, t.Evidence)
	if t.Strength == Decisive && t.Severity == Note {
		l.errs.Add(t.At, "test %q is decisive and a note: a note has no part in a verdict, so it shows nothing", t.ID)
	}
	if t.IsProcedure() {
		if t.Evidence == "" {
			l.errs.Add(t.At, "evidence of test %q is missing: what is to be kept of the procedure", t.ID)
		}
		return
	}
	exprs := t.exprs()
	needs, used := slices.Clone(t.Needs), map[string]bool{}
	if t.OverDeclaration() != "" {
		needs = append(needs, t.Over)
	}
	var reads []declaredRead
	for _, e := range exprs {
		l.expr(e)
		for _, name := range e.names() {
			used[name] = true
		}
		reads = append(reads, e.declared()...)
	}
	for _, x := range t.Lets {
		if !used[x.Name] {
			l.errs.Add(x.Expr.at, "let %s of test %q is used nowhere", x.Name, t.ID)
		}
	}
	l.needs(t, needs, reads)
}

// needs finds reads of the declaration that would make every item unknown where the field is not declared, instead of the test needs-declaration.
func (l *linter) needs(t *Test, needs []string, reads []declaredRead) {
	for _, r := range reads {
		covers := func(path string) bool { return path == r.path || strings.HasPrefix(path, r.path+".") }
		// To ask has(declaration.web.user) reads declaration.web, which may be undeclared as well.
		asked := slices.ContainsFunc(reads, func(o declaredRead) bool { return o.has && o.path == r.path })
		if !r.has && !asked && !slices.ContainsFunc(needs, covers) {
			l.errs.Add(r.at, "test %q reads %s: name it in needs, or ask has(%s) first", t.ID, r.path, r.path)
		}
	}
}

func (l *linter) expr(e *Expr) { l.words(e.at, e.Text) }

func (l *linter) words(at strictyaml.Place, texts ...string) {
	for _, text := range texts {
		if w := vendorWords.FindString(text); w != "" {
			l.errs.Add(at, "%q is the name of a vendor: the same bar holds for every vendor, so no scheme may name one", w)
		}
	}
}

// vendorWords are names of makers of network equipment. The list cannot be whole; it is here so that a slip is seen.
var vendorWords = regexp.MustCompile(`(?i)\b(` + strings.Join([]string{
	"adtran", "airspan", "alcatel", "altiostar", "arcadyan", "arista", "aruba networks", "avm", "brocade", "calix", "casa systems", "check ?point software", "ciena",
	"cisco", "d-?link", "dahua", "datang", "draytek", "ericsson", "extreme networks", "f5 networks", "fiberhome", "fortinet", "fortigate", "fritz!?box", "fujitsu",
	"h3c", "hikvision", "hirschmann", "huawei", "infinera", "juniper", "lucent", "mavenir", "mikrotik", "routeros", "moxa", "nec corporation", "netgear", "nokia",
	"palo ?alto networks", "parallel wireless", "radisys", "ribbon communications", "ruckus", "ruijie", "sagemcom", "samsung", "sercomm", "siemens", "sonicwall", "sophos",
	"technicolor", "teltonika", "tp-?link", "ubiquiti", "watchguard", "zte", "zyxel",
}, "|") + `)\b`)

// exprs returns the expressions of a test.
func (t *Test) exprs() []*Expr {
	var out []*Expr
	for _, e := range append([]*Expr{t.Where, t.Unknown, t.Expect}, t.Same...) {
		if e != nil {
			out = append(out, e)
		}
	}
	for _, x := range t.Lets {
		out = append(out, x.Expr)
	}
	return out
}

// looksUp tells whether the expression asks find or ref.
func (e *Expr) looksUp() bool { return slices.Contains(e.names(), contextName) }

// names returns the variables that the expression reads.
func (e *Expr) names() (out []string) {
	ast.PreOrderVisit(e.checked.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		if x.Kind() == ast.IdentKind {
			out = append(out, x.AsIdent())
		}
	}))
	return out
}

// declaredRead is a place where an expression reads the declaration, or asks whether something is declared.
type declaredRead struct {
	at   strictyaml.Place
	path string // declaration.web.roots
	has  bool
}

// declared returns where the expression reads the declaration, by the whole path of each read.
func (e *Expr) declared() (out []declaredRead) {
	inner := map[int64]bool{}
	ast.PreOrderVisit(e.checked.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		if x.Kind() != ast.SelectKind || inner[x.ID()] {
			return
		}
		s := x.AsSelect()
		path, ok := pathOf(s.Operand())
		if !ok {
			return
		}
		if !s.IsTestOnly() {
			inner[s.Operand().ID()] = true
		}
		out = append(out, declaredRead{e.at, path + "." + s.FieldName(), s.IsTestOnly()})
	}))
	return out
}

// pathOf returns a chain of fields that begins with the declaration, as it was written.
func pathOf(e ast.Expr) (string, bool) {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent(), e.AsIdent() == declarationName
	case ast.SelectKind:
		path, ok := pathOf(e.AsSelect().Operand())
		return fmt.Sprintf("%s.%s", path, e.AsSelect().FieldName()), ok && !e.AsSelect().IsTestOnly()
	}
	return "", false
}
