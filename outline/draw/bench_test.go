package draw_test

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/outline/draw"
	"github.com/probat-lab/probat/scheme"
)

// large is a dossier with many findings, each at a file of its own, over 300 requirements.
func large(t testing.TB, findings int) *dossier.Contents {
	t.Helper()
	var source bytes.Buffer
	source.WriteString("scheme: large\nedition: \"1\"\ntitle: Large\npublisher: Us\nlink: https://example.org/\ntexts: ours\nrequirements:\n")
	const requirements = 300
	for i := range requirements {
		fmt.Fprintf(&source, "  - id: R%d\n    title: requirement %d\n    text: No file is writable by all.\n    pass-by: [[artifact]]\n", i, i)
		source.WriteString("    tests: [{id: writable, title: is writable by all, strength: decisive, over: file, expect: \"!it.world_writable\"}]\n")
	}
	s := parsed(t, source.String())
	c := &dossier.Contents{Digest: dossier.Digest(nil), Facts: fact.NewSet(), Evidence: map[string][]byte{}}
	c.Manifest.AsOf = "2026-11-24"
	c.Manifest.Artifacts = []dossier.Artifact{{ID: "a", Digest: dossier.Digest(nil), Type: "file"}}
	c.Manifest.Observers = []fact.Coverage{{Observer: "file", Version: 1, Kinds: map[string][]string{"file": {"world_writable"}}, Systems: 1}}
	var tree bytes.Buffer
	tree.WriteString(`{"address":"a","type":"file"}` + "\n")
	var lines []string
	for i := range findings {
		path := fmt.Sprintf("/f%08d", i)
		fmt.Fprintf(&tree, `{"address":"a!%s","digest":"%s","gid":0,"mode":"0666","mtime":"1700000000","size":4,"type":"file","uid":0}`+"\n", path, dossier.Digest([]byte(path)))
		lines = append(lines, fact.Encode("file", fact.Location{Node: "a!" + path, System: "a", Path: path}, fact.Record{
			Attrs:   fact.File{Type: "file", Mode: fact.Known[int64](0o666), Size: fact.Known[int64](4), WorldWritable: fact.Known(true)},
			Excerpt: &fact.Excerpt{Offset: 1, Length: 20, Line: 1, Text: "some decisive bytes"},
		}))
	}
	c.Tree = tree.Bytes()
	k, _ := fact.ByName("file")
	c.Facts.Put(k, lines)
	o := &judge.Outcome{Scheme: s}
	for i := range s.Requirements {
		of := &s.Requirements[i]
		o.Requirements = append(o.Requirements, judge.Requirement{Of: of, Verdict: judge.Fail, Tests: []judge.Test{{Of: &of.Tests[0], State: judge.Fails}}})
	}
	i := 0
	by := make([][]judge.Finding, requirements)
	for f, err := range c.Facts.All("file") {
		must(t, err)
		of := &s.Requirements[i%requirements]
		by[i%requirements] = append(by[i%requirements], judge.Finding{
			Fingerprint: judge.Fingerprint(s.ID, of.ID, "writable", []any{f.Path}, f.Path), Kind: judge.Failing, Requirement: of.ID, Test: "writable",
			Severity: scheme.Medium, Title: "is writable by all", Subject: f.Path, Places: []*fact.Fact{f},
		})
		i++
	}
	for _, list := range by {
		o.Findings = append(o.Findings, list...)
	}
	c.Outcomes = []*judge.Outcome{o}
	return c
}

// TestTooMany: what is more than an outline holds is left out fairly, and counted.
func TestTooMany(t *testing.T) {
	if testing.Short() {
		t.Skip("half a million findings")
	}
	c := large(t, 1000)
	o := c.Outcomes[0]
	// One requirement has more than fit; the others keep theirs.
	first := o.FindingsOf("R0")
	for i := range outline.MaxFindings {
		f := first[0]
		f.Fingerprint = judge.Fingerprint("large", "R0", "writable", nil, fmt.Sprint(i))
		f.Places = nil
		o.Findings = append(o.Findings, f)
	}
	total := len(o.Findings)
	var rows, left int64
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() { err := draw.Write(t.Context(), pw, c); pw.CloseWithError(err); done <- err }()
	err := outline.Read(t.Context(), pr, func(r outline.Row) error {
		switch r := r.(type) {
		case *outline.Requirement:
			rows, left = rows+r.Listed, left+r.LeftOut
			if r.ID != "R0" && r.LeftOut != 0 {
				t.Errorf("%s loses %d findings to another", r.ID, r.LeftOut)
			}
		case *outline.End:
			if n := r.Counts[8]; n.Kind != "finding" || n.LeftOut != left || n.Rows != rows {
				t.Errorf("counted are %+v, and %d and %d", n, rows, left)
			}
		}
		return nil
	})
	must(t, err)
	must(t, <-done)
	if rows != outline.MaxFindings || rows+left != int64(total) {
		t.Errorf("%d rows and %d left out, of %d", rows, left, total)
	}
}

func benchmarkWrite(b *testing.B, c *dossier.Contents) {
	var size int
	for b.Loop() {
		var out bytes.Buffer
		must(b, draw.Write(b.Context(), &out, c))
		size = out.Len()
	}
	b.SetBytes(int64(size))
	b.ReportMetric(float64(size), "outline-bytes")
}

func benchmarkRead(b *testing.B, c *dossier.Contents) {
	data := written(b, c)
	n := 0
	for b.Loop() {
		n = 0
		must(b, outline.Read(b.Context(), bytes.NewReader(data), func(outline.Row) error { n++; return nil }))
	}
	b.SetBytes(int64(len(data)))
	b.ReportMetric(float64(n), "rows")
}

func BenchmarkWriteExample(b *testing.B) {
	benchmarkWrite(b, evaluated(b, example+"/product.yaml", shipped(b)))
}

func BenchmarkReadExample(b *testing.B) {
	benchmarkRead(b, evaluated(b, example+"/product.yaml", shipped(b)))
}
func BenchmarkWriteLarge(b *testing.B) { benchmarkWrite(b, large(b, 100_000)) }
func BenchmarkReadLarge(b *testing.B)  { benchmarkRead(b, large(b, 100_000)) }

func BenchmarkFile(b *testing.B) {
	x := mustRead(b, golden(b))
	w := wanted(router, nodeAt(b, x, "/etc/ssh/sshd_config"))
	for b.Loop() {
		_, err := draw.File(b.Context(), w)
		must(b, err)
	}
}

func BenchmarkCompareLarge(b *testing.B) {
	j := mustRead(b, written(b, large(b, 100_000))).judged()
	for b.Loop() {
		outline.Compare(j, j)
	}
}
