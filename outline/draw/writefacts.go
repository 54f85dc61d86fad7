package draw

import (
	"fmt"
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/statement"
)

// apart are the kinds whose facts have rows of their own, or none.
var apart = []string{"file", "package", "unobserved"}

// facts writes those that people look at where they stand. Of too many the last kinds lose theirs.
func (x *writer) facts() error {
	n := int64(0)
	for _, k := range fact.Kinds() {
		if slices.Contains(apart, k.Name) {
			continue
		}
		for f, err := range x.c.Facts.All(k.Name) {
			if err != nil {
				return err
			}
			if n >= outline.MaxFacts {
				x.leftOut["fact"]++
				continue
			}
			attributes, err := attributesOf(f)
			if err != nil {
				return fmt.Errorf("a fact of kind %s: %w", k.Name, err)
			}
			if err := x.put(&outline.Fact{
				Attributes: attributes, Excerpt: excerptOf(f), Key: keyOf(f), Kind: k.Name, Node: f.Node, NodeAt: x.positionOf(f.Node),
				Observer: f.Observer, Path: f.Path, Position: n, System: f.System, Version: x.versions[f.Observer],
			}); err != nil {
				return err
			}
			n++
		}
	}
	return nil
}

// keyOf writes the values of a fact's key for people.
func keyOf(f *fact.Fact) string {
	var parts []string
	for _, name := range f.Kind.Key {
		if v, ok := f.Get(name); ok && v != "" {
			parts = append(parts, fmt.Sprint(v))
		}
	}
	return strings.Join(parts, " ")
}

func excerptOf(f *fact.Fact) *outline.Excerpt {
	if f.Excerpt == nil {
		return nil
	}
	return &outline.Excerpt{Length: f.Excerpt.Length, Line: f.Excerpt.Line, Offset: f.Excerpt.Offset, Text: f.Excerpt.Text}
}

// How much of an attribute is shown: first generously, then, where all together would be more than a row holds, less.
var shown = []struct{ text, list int }{{2048, 64}, {256, 8}}

const maxAttributes = 64 << 10

// attributesOf writes a fact's attributes as a JSON object. Integers beyond 2^53 are strings there, as in the dossier.
func attributesOf(f *fact.Fact) (string, error) {
	for _, most := range shown {
		v := map[string]any{}
		for i := range f.Kind.Fields {
			name := f.Kind.Fields[i].Name
			switch a, _ := f.Get(name); a := a.(type) {
			case bool:
				v[name] = a
			case int64:
				v[name] = a
				if a > outline.MaxInteger || a < -outline.MaxInteger {
					v[name] = fmt.Sprint(a)
				}
			case string:
				v[name] = outline.Text(a, most.text)
			case []string:
				list, out := capped(a, most.list)
				texts := make([]string, 0, len(list)+1)
				for _, s := range list {
					texts = append(texts, outline.Text(s, most.text))
				}
				if out > 0 {
					texts = append(texts, fmt.Sprintf("… and %d more", out))
				}
				v[name] = texts
			}
		}
		b, err := statement.Encode(v)
		if err != nil || len(b) <= maxAttributes {
			return string(b), err
		}
	}
	return `{"…":"too large to be shown"}`, nil
}

// packages writes the SBOM.
func (x *writer) packages() error {
	n := int64(0)
	for f, err := range x.c.Facts.All("package") {
		if err != nil {
			return err
		}
		if n >= outline.MaxPackages {
			x.leftOut["package"]++
			continue
		}
		if err := x.put(&outline.Package{
			Arch: text(f, "arch"), Essential: yes(f, "essential"), Homepage: text(f, "homepage"), Installed: yes(f, "installed"), Key: keyOf(f),
			Maintainer: text(f, "maintainer"), Manager: text(f, "manager"), Name: text(f, "name"), Node: f.Node, NodeAt: x.positionOf(f.Node),
			Path: f.Path, Position: n, Section: text(f, "section"), Source: text(f, "source"), SourceVersion: text(f, "source_version"),
			Status: text(f, "status"), System: f.System, Version: text(f, "version"),
		}); err != nil {
			return err
		}
		n++
	}
	return nil
}

// unobserved writes what could not be looked at.
func (x *writer) unobserved() error {
	n := int64(0)
	for f, err := range x.c.Facts.All("unobserved") {
		if err != nil {
			return err
		}
		if n >= outline.MaxUnseen {
			x.leftOut["unobserved"]++
			continue
		}
		v, _ := f.Get("hides")
		hides, _ := v.([]string)
		if len(hides) > 64 { // more than there are kinds
			hides = []string{"*"}
		}
		if err := x.put(&outline.Unobserved{
			By: text(f, "by"), Detail: text(f, "detail"), Hides: slices.Clone(hides), Length: number(f, "length", -1), Node: f.Node, NodeAt: x.positionOf(f.Node),
			Offset: number(f, "offset", -1), Path: f.Path, Position: n, Reason: text(f, "reason"), System: f.System,
		}); err != nil {
			return err
		}
		n++
	}
	return nil
}
