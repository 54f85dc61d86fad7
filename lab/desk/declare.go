package desk

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/box"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/store/records"
)

// What somebody writes of a declaration: bytes in all, and fields of a form.
const (
	maxWriting = 4 << 20
	maxPairs   = 10_000
)

// CheckDeclaration says what is wrong with a declaration that somebody writes for a release of their own party, as Submit would take it: an empty
// vendor is filled in. Nothing is kept.
func (d *Desk) CheckDeclaration(ctx context.Context, w Who, in box.Writing) (*box.Checked, error) {
	if err := d.may(w, access.Submit, w.Party); err != nil {
		return nil, err
	}
	if err := bounded(in); err != nil {
		return nil, err
	}
	given, added := in.Text, 0
	in.Vendor = w.PartyName
	if in.Form == nil {
		in.Text = string(withVendor(given, w.PartyName))
		added = strings.Count(in.Text, "\n") - strings.Count(given, "\n")
	}
	x, err := d.Box.CheckDeclaration(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("checking a declaration: %w", err)
	}
	if in.Form == nil && x.Text != in.Text {
		return nil, errors.New("the child checked another declaration than it was given")
	}
	if err := plausible(x); err != nil {
		return nil, fmt.Errorf("reading what a child says of a declaration: %w", err)
	}
	if in.Form == nil {
		x.Text = given
	}
	for i := range x.Problems {
		x.Problems[i].Line = max(1, x.Problems[i].Line-int64(added))
	}
	if r := x.Release; r != nil && examine.Fold(r.Vendor) != examine.Fold(w.PartyName) {
		p := box.Problem{Column: 1, Field: "vendor", Line: 1, Path: "vendor", Text: fmt.Sprintf("vendor: it is %q, and you are %q", shown(r.Vendor), w.PartyName)}
		for i, l := range strings.Split(x.Text, "\n") {
			if strings.HasPrefix(l, "vendor:") {
				p.Line = int64(i + 1)
			}
		}
		x.Problems, x.Release = append(x.Problems, p), nil
		if len(x.Sets) == 0 {
			x.Problems[len(x.Problems)-1].Field = ""
		}
	}
	return x, nil
}

func bounded(in box.Writing) error {
	n := len(in.Text)
	if len(in.Form) > maxPairs {
		return invalid("declaration", "has %d fields, at most %d", len(in.Form), maxPairs)
	}
	for _, p := range in.Form {
		if n += len(p.Name) + len(p.Value); !utf8.ValidString(p.Name) || !utf8.ValidString(p.Value) {
			return invalid("declaration", "is not UTF-8")
		}
	}
	switch {
	case n > maxWriting:
		return invalid("declaration", "has %d bytes, at most %d", n, maxWriting)
	case !utf8.ValidString(in.Text):
		return invalid("declaration", "is not UTF-8")
	}
	return nil
}

var fieldName = regexp.MustCompile(`^[a-z0-9_]+(?:\.[a-z0-9_]+)*$`)

// plausible bounds what a child says: places are places, and names are such as forms have.
func plausible(x *box.Checked) error {
	if x.More < 0 || len(x.Problems) > 100 || (x.Release == nil) != (len(x.Problems) > 0) {
		return errors.New("it says that a declaration is right, and what is wrong with it")
	}
	for _, p := range x.Problems {
		if p.Line < 1 || p.Column < 1 || p.Field != "" && !fieldName.MatchString(p.Field) {
			return fmt.Errorf("a problem is at %q, line %d, column %d", p.Field, p.Line, p.Column)
		}
	}
	return plausibleSets(x.Sets, 2)
}

func plausibleSets(sets []box.Set, deep int) error {
	if len(sets) > 0 && deep == 0 {
		return errors.New("a form has sets in sets in sets")
	}
	for _, s := range sets {
		if !fieldName.MatchString(s.Path) {
			return fmt.Errorf("a set of a form is %q", s.Path)
		}
		for _, f := range s.Fields {
			if !fieldName.MatchString(f.Name) {
				return fmt.Errorf("a field of a form is %q", f.Name)
			}
		}
		if err := plausibleSets(s.Entries, deep-1); err != nil {
			return err
		}
	}
	return nil
}

// DraftDeclaration writes a declaration to begin with, from what was observed in a release of one's own party.
func (d *Desk) DraftDeclaration(ctx context.Context, w Who, release string) (string, error) {
	r, err := d.As(w.Viewer).Release(ctx, release)
	if err != nil {
		return "", err
	}
	if err := d.may(w, access.Submit, r.Product.Owner); err != nil {
		return "", err
	}
	if r.Dossier == "" {
		return "", fmt.Errorf("%w: there is no dossier to draft from yet", ErrState)
	}
	held, err := d.HeldFor(ctx, r.ID, records.HeldArtifact, "")
	if err != nil {
		return "", err
	}
	x := box.Drafting{Artifacts: []box.DeclaredFile{}, Vendor: r.Vendor, Product: r.Product.Name, Version: r.Name}
	for _, h := range held {
		x.Artifacts = append(x.Artifacts, box.DeclaredFile{ID: h.Parent, Path: h.Name})
	}
	text := ""
	err = d.withDossier(ctx, r, r.Dossier, func(dir, _ string) (err error) {
		x.Dossier = dir
		text, err = d.Box.DraftDeclaration(ctx, x)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("drafting a declaration: %w", err)
	}
	if len(text) > maxWriting {
		return "", errors.New("drafting a declaration: the child wrote too much")
	}
	return text, nil
}
