package desk

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/box"
	"github.com/probat-lab/probat/statement"
)

func TestCheckDeclaration(t *testing.T) {
	d := newDesk(t)
	w := d.party(access.Vendor, "Brindlemoor Networks")
	text := "# ours\nproduct: P\nkind: equipment\nversion: v1\nservices: 3\n"
	x, err := d.CheckDeclaration(t.Context(), w, box.Writing{Text: text})
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Problems) != 1 || x.Problems[0].Line != 5 || x.Problems[0].Path != "services" || x.Text != text || x.Release != nil {
		t.Errorf("what is wrong: %+v", x)
	}
	if x, err = d.CheckDeclaration(t.Context(), w, box.Writing{Text: d.read("product.yaml"), AsForm: true}); err != nil {
		t.Fatal(err)
	}
	if len(x.Problems) > 0 || x.Release.Version != "4.2.1" || len(x.Sets) < 10 {
		t.Errorf("the example: %+v %+v, %d sets", x.Problems, x.Release, len(x.Sets))
	}
	other := d.party(access.Vendor, "Other")
	if x, err = d.CheckDeclaration(t.Context(), other, box.Writing{Text: d.read("product.yaml")}); err != nil || len(x.Problems) != 1 || x.Problems[0].Line != 2 || x.Release != nil {
		t.Errorf("another's declaration: %+v %v", x, err)
	}
	var bad *InvalidError
	for _, in := range []box.Writing{
		{Text: strings.Repeat("#", maxWriting+1)}, {Text: "\xff"}, {Form: []box.Pair{{Name: "product", Value: "\xff"}}}, {Form: make([]box.Pair, maxPairs+1)},
	} {
		if _, err := d.CheckDeclaration(t.Context(), w, in); !errors.As(err, &bad) {
			t.Errorf("%d fields, %d bytes: %v", len(in.Form), len(in.Text), err)
		}
	}
	if _, err := d.CheckDeclaration(t.Context(), d.party(access.Operator, "Harbour"), box.Writing{}); !errors.Is(err, ErrForbidden) {
		t.Errorf("an operator: %v", err)
	}
}

// liar is a child that answers something else.
type liar struct {
	box.Box
	says box.Checked
}

func (l liar) CheckDeclaration(context.Context, box.Writing) (*box.Checked, error) {
	x := l.says
	return &x, nil
}

func TestChildrenThatLieOfDeclarations(t *testing.T) {
	d := newDesk(t)
	w := d.party(access.Vendor, "V")
	text, release := "vendor: V\n", &statement.Release{Vendor: "V"}
	honest := box.Checked{Text: text, Release: release}
	d.Box = liar{d.Box, honest}
	if _, err := d.CheckDeclaration(t.Context(), w, box.Writing{Text: text}); err != nil {
		t.Fatal(err)
	}
	for name, lie := range map[string]box.Checked{
		"another text":      {Text: text + "\n", Release: release},
		"right and wrong":   {Text: text, Release: release, Problems: []box.Problem{{Line: 1, Column: 1}}},
		"neither":           {Text: text},
		"no line":           {Text: text, Problems: []box.Problem{{Column: 1}}},
		"no name":           {Text: text, Release: release, Sets: []box.Set{{Path: "a", Fields: []box.Field{{Name: "once\" x"}}}}},
		"sets without end":  {Text: text, Release: release, Sets: []box.Set{{Path: "a", Entries: []box.Set{{Path: "a.0", Entries: []box.Set{{Path: "a.0.b"}}}}}}},
		"a field elsewhere": {Text: text, Problems: []box.Problem{{Line: 1, Column: 1, Field: "#"}}},
	} {
		d.Box = liar{d.Box, lie}
		if _, err := d.CheckDeclaration(t.Context(), w, box.Writing{Text: text}); err == nil {
			t.Errorf("%s was believed", name)
		}
	}
}

func TestDraftDeclaration(t *testing.T) {
	d := newDesk(t)
	w := d.party(access.Vendor, "Brindlemoor Networks")
	r, job := d.submitted(w, d.router(w))
	if _, err := d.DraftDeclaration(t.Context(), d.now(w), r.ID); !errors.Is(err, ErrState) {
		t.Errorf("before anything was observed: %v", err)
	}
	d.run(job)
	text, err := d.DraftDeclaration(t.Context(), d.now(w), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	x, err := d.CheckDeclaration(t.Context(), d.now(w), box.Writing{Text: text})
	if err != nil || len(x.Problems) > 0 || x.Release.Product != "ER-240 edge router" || !strings.Contains(text, "id: router\n") {
		t.Errorf("the draft: %+v %v\n%.1000s", x, err, text)
	}
	if _, err := d.DraftDeclaration(t.Context(), d.now(d.party(access.Vendor, "Other")), r.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("another vendor: %v", err)
	}
	if _, err := d.DraftDeclaration(t.Context(), d.now(d.colleague("Lena", access.Admin)), r.ID); !errors.Is(err, ErrForbidden) && !errors.Is(err, ErrNotFound) {
		t.Errorf("the lab: %v", err)
	}
}
