package draw

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"regexp"
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/scheme"
)

var (
	declaredName = regexp.MustCompile(`\bdeclaration\b(?:\s*\.\s*([a-z_][a-z0-9_]*))?`)
	asOfName     = regexp.MustCompile(`\bas_of\b`)
	refCall      = regexp.MustCompile(`\bref\s*\(`)
)

// expressions returns the texts of all expressions of a test.
func expressions(t *scheme.Test) []string {
	list := slices.Concat([]*scheme.Expr{t.Where, t.Unknown, t.Expect}, t.Same)
	for _, l := range t.Lets {
		list = append(list, l.Expr)
	}
	var texts []string
	for _, e := range list {
		if e != nil {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

// declaredFields returns the fields of the declaration that a test reads, sorted; "" is the whole. What only looks like a field, in a text, is
// in it too.
func declaredFields(t *scheme.Test) []string {
	fields := namedFields(expressions(t))
	for _, n := range append([]string{t.Over}, t.Needs...) {
		if field, ok := strings.CutPrefix(n, "declaration."); ok {
			fields = append(fields, field)
		}
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

func namedFields(texts []string) (fields []string) {
	for _, text := range texts {
		for _, m := range declaredName.FindAllStringSubmatch(text, -1) {
			fields = append(fields, m[1])
		}
	}
	return fields
}

// declared returns a field of the declaration, its parts separated by points.
func (x *writer) declared(field string) (any, bool) {
	if x.c.Declaration == nil {
		return nil, false
	}
	if x.view == nil {
		x.view = x.c.Declaration.View()
	}
	var v any = x.view
	for name := range strings.SplitSeq(field, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[name]; !ok {
			return nil, false
		}
	}
	return v, true
}

// inputs digests what has a part in a requirement's verdict.
func (x *writer) inputs(s *scheme.Scheme, r *scheme.Requirement) (in outline.Inputs, err error) {
	facts, coverage, references := newDigest(), newDigest(), newDigest()
	coverage.line("artifacts", len(x.c.Manifest.Artifacts) > 0)
	var texts, fields, kinds []string
	if r.Applies != nil {
		texts = append(texts, r.Applies.Text)
	}
	for _, c := range r.Contradicts {
		texts = append(texts, c.Where.Text)
		if err := x.project(facts, c.Over, nil); err != nil {
			return in, err
		}
	}
	for i := range r.Tests {
		t := &r.Tests[i]
		texts = append(texts, expressions(t)...)
		fields = append(fields, declaredFields(t)...)
		for _, k := range t.Kinds {
			kinds = append(kinds, k)
			if err := x.project(facts, k, t.Reads[k]); err != nil {
				return in, err
			}
			x.cover(coverage, k, t.Reads[k])
		}
	}
	all := strings.Join(texts, "\n")
	if asOfName.MatchString(all) {
		references.line("as of", x.c.Manifest.AsOf)
	}
	if refCall.MatchString(all) {
		for _, ref := range x.c.References {
			if slices.Contains(s.References, ref.Name) {
				references.line(ref.Name, ref.Digest)
			}
		}
	}
	unobserved, err := x.hiding(kinds)
	if err != nil {
		return in, err
	}
	declared, err := x.declaredDigest(append(fields, namedFields(texts)...))
	return outline.Inputs{
		Coverage: coverage.sum(), Declared: declared, Facts: facts.sum(), Judged: x.judgedDigest(s.ID, r.ID),
		References: references.sum(), Unobserved: unobserved,
	}, err
}

// digest is a SHA-256 over lines that cannot run into each other.
type digest struct{ h hash.Hash }

func newDigest() *digest { return &digest{sha256.New()} }

func (d *digest) line(parts ...any) {
	for _, p := range parts {
		fmt.Fprintf(d.h, "%q,", fmt.Sprint(p))
	}
	d.h.Write([]byte("\n"))
}

func (d *digest) sum() string { return hex.EncodeToString(d.h.Sum(nil)) }

// project adds the attributes of a kind that are read, and those of its key, of all facts of the kind: with the path in the system, and the system by
// its number, since names of containers change from release to release. Without names, all attributes are added.
func (x *writer) project(d *digest, kind string, names []string) error {
	k, ok := fact.ByName(kind)
	if !ok {
		return nil
	}
	if names == nil {
		for i := range k.Fields {
			names = append(names, k.Fields[i].Name)
		}
	}
	names = slices.Concat(names, k.Key)
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(n string) bool { return n == "path" || n == "system" || kind == "system" && n == "root" })
	label := kind + " " + strings.Join(names, ",")
	sum, done := x.digests[label]
	if !done {
		var lines []string
		for f, err := range x.c.Facts.All(kind) {
			if err != nil {
				return err
			}
			values := []any{int64(x.systems[f.System]), f.Path}
			for _, n := range names {
				v, _ := f.Get(n)
				values = append(values, v)
			}
			lines = append(lines, string(fact.AppendJSON(nil, values)))
		}
		sum = linesDigest(lines)
		x.digests[label] = sum
	}
	d.line(label, sum)
	return nil
}

func linesDigest(lines []string) string {
	slices.Sort(lines)
	d := newDigest()
	for _, l := range lines {
		d.line(l)
	}
	return d.sum()
}

// cover adds who records a kind, and which of the attributes that are read.
func (x *writer) cover(d *digest, kind string, names []string) {
	for i := range x.c.Manifest.Observers {
		o := &x.c.Manifest.Observers[i]
		if !o.Records(kind, "") {
			continue
		}
		records := []any{kind, o.Observer, o.Version, o.Systems > 0}
		for _, n := range names {
			records = append(records, n, o.Records(kind, n))
		}
		d.line(records...)
	}
}

// hiding digests the unobserved things that may hide one of the kinds.
func (x *writer) hiding(kinds []string) (string, error) {
	slices.Sort(kinds)
	kinds = slices.Compact(kinds)
	label := "hides " + strings.Join(kinds, ",")
	if sum, done := x.digests[label]; done {
		return sum, nil
	}
	var lines []string
	for f, err := range x.c.Facts.All("unobserved") {
		if err != nil {
			return "", err
		}
		v, _ := f.Get("hides")
		hides, _ := v.([]string)
		if !slices.ContainsFunc(hides, func(k string) bool { return k == "*" || slices.Contains(kinds, k) }) {
			continue
		}
		lines = append(lines, string(fact.AppendJSON(nil, []any{int64(x.systems[f.System]), f.Path, text(f, "reason"), text(f, "detail"), hides})))
	}
	x.digests[label] = linesDigest(lines)
	return x.digests[label], nil
}

func (x *writer) declaredDigest(fields []string) (string, error) {
	slices.Sort(fields)
	d := newDigest()
	d.line(x.c.Declaration != nil)
	for _, f := range slices.Compact(fields) {
		if f == "" && x.c.Declaration != nil {
			data, err := x.c.Declaration.Canonical()
			if err != nil {
				return "", err
			}
			d.line("", string(data))
			continue
		}
		v, ok := x.declared(f)
		d.line(f, ok, fmt.Sprintf("%#v", v)) // maps are printed in the order of their keys
	}
	return d.sum(), nil
}

func (x *writer) judgedDigest(schemeID, requirement string) string {
	var lines []string
	for _, g := range x.judged[fact.JoinKey(schemeID, requirement)] {
		lines = append(lines, fmt.Sprintf("%q %q %q %q %q %q", g.Test, g.Verdict, g.Reason, g.Evidence, g.Party, g.Person))
	}
	return linesDigest(lines)
}
