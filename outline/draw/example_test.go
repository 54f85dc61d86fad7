package draw_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/outline/draw"
	"github.com/probat-lab/probat/scheme"
	"github.com/probat-lab/probat/schemes"
)

var update = flag.Bool("update", false, "rewrite the golden outline")

const example = "../../examples/edge-router"

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func shipped(t testing.TB) *scheme.Scheme {
	t.Helper()
	source, ok := schemes.Source("ts-33.117")
	if !ok {
		t.Fatal("there is no scheme ts-33.117")
	}
	s, err := scheme.Parse("ts-33.117.yaml", source)
	must(t, err)
	return s
}

// evaluated returns the checked dossier of a product.
func evaluated(t testing.TB, path string, list ...*scheme.Scheme) *dossier.Contents {
	t.Helper()
	r, err := evaluate.OpenRelease(path, "")
	must(t, err)
	c, err := evaluate.Run(t.Context(), r, evaluate.Options{Schemes: list, AsOf: "2026-11-24"})
	must(t, err)
	return checked(t, c)
}

// checked writes a dossier and reads it again, as whoever writes an outline does.
func checked(t testing.TB, c *dossier.Contents) *dossier.Contents {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "d")
	must(t, dossier.Write(dir, c))
	again, err := dossier.Check(dir, nil)
	must(t, err)
	must(t, again.Sound(t.Context()))
	return again
}

func written(t testing.TB, c *dossier.Contents) []byte {
	t.Helper()
	var b bytes.Buffer
	must(t, draw.Write(t.Context(), &b, c))
	return b.Bytes()
}

// rows are the rows of an outline by their kind.
type rows struct {
	head         *outline.Head
	declaration  *outline.Declaration
	documents    []*outline.Document
	schemes      []*outline.Scheme
	requirements []*outline.Requirement
	findings     []*outline.Finding
	nodes        []*outline.Node
	facts        []*outline.Fact
	packages     []*outline.Package
	unobserved   []*outline.Unobserved
	end          *outline.End
	all          []outline.Row
}

func (x *rows) take(r outline.Row) error {
	x.all = append(x.all, r)
	switch r := r.(type) {
	case *outline.Head:
		x.head = r
	case *outline.Declaration:
		x.declaration = r
	case *outline.Document:
		x.documents = append(x.documents, r)
	case *outline.Scheme:
		x.schemes = append(x.schemes, r)
	case *outline.Requirement:
		x.requirements = append(x.requirements, r)
	case *outline.Finding:
		x.findings = append(x.findings, r)
	case *outline.Node:
		x.nodes = append(x.nodes, r)
	case *outline.Fact:
		x.facts = append(x.facts, r)
	case *outline.Package:
		x.packages = append(x.packages, r)
	case *outline.Unobserved:
		x.unobserved = append(x.unobserved, r)
	case *outline.End:
		x.end = r
	}
	return nil
}

func read(ctx context.Context, data []byte) (*rows, error) {
	x := &rows{}
	return x, outline.Read(ctx, bytes.NewReader(data), x.take)
}

func mustRead(t testing.TB, data []byte) *rows {
	t.Helper()
	x, err := read(t.Context(), data)
	must(t, err)
	return x
}

func TestExample(t *testing.T) {
	c := evaluated(t, example+"/product.yaml", shipped(t))
	got := written(t, c)
	if again := written(t, c); !bytes.Equal(again, got) {
		t.Fatal("two outlines of one dossier differ")
	}
	golden := filepath.Join("testdata", "edge-router.jsonl")
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(golden, got, 0o644))
	}
	want, err := os.ReadFile(golden)
	must(t, err)
	gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			t.Fatalf("line %d\ngot  %.2000s\nwant %.2000s", i+1, gotLines[i], wantLines[i])
		}
	}
	if len(gotLines) != len(wantLines) {
		t.Fatalf("%d lines, want %d", len(gotLines), len(wantLines))
	}
}
