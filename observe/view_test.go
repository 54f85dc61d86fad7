package observe

import (
	"context"
	"testing"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// TestFactsAreBounded: a flood of facts ends in one that says so, and hides what the observer records.
func TestFactsAreBounded(t *testing.T) {
	flood := Observer{
		Name: "flood", Version: 1, Doc: "never ends", Records: []Records{{Kind: "package"}},
		Tree: &Tree{Everywhere: true, Join: func(_ context.Context, v *View) error {
			for range maxFacts + 5 {
				v.Record(0, fact.Package{Name: "p", Manager: "dpkg"}, nil)
			}
			return nil
		}},
	}
	tr := &tree.Tree{Nodes: []tree.Node{{Parent: tree.None, Name: "product"}}}
	tr.Sort()
	res, _, err := New([]Observer{flood}, nil).Join(t.Context(), tr)
	if err != nil {
		t.Fatal(err)
	}
	if n := res.Facts.Len("unobserved"); n != 1 {
		t.Errorf("%d unobserved facts, want 1", n)
	}
	// All are the same fact, of which one is kept.
	if n := res.Facts.Len("package"); n != 1 {
		t.Errorf("%d packages, want 1", n)
	}
}
