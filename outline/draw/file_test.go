package draw_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/outline/draw"
)

// router is the artifact of the example.
const router = example + "/edge-router-4.2.1.tar.gz"

// wanted asks for a node as the portal does: from its row.
func wanted(file string, n *outline.Node) outline.Wanted {
	w := outline.Wanted{ID: "router", File: file, Address: n.Address, Content: n.Content, Format: n.Format, Size: n.Size}
	if k := len(n.Decoded); k > 0 {
		w.Format, w.Size = n.Decoded[k-1].Format, n.Decoded[k-1].Size
	}
	return w
}

func nodeAt(t testing.TB, x *rows, path string) *outline.Node {
	t.Helper()
	i := slices.IndexFunc(x.nodes, func(n *outline.Node) bool { return n.Path == path })
	if i < 0 {
		t.Fatalf("no node at %s", path)
	}
	return x.nodes[i]
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// TestFileAll: every file and container of the example is found again, and has the digest that the outline says.
func TestFileAll(t *testing.T) {
	x := mustRead(t, golden(t))
	temp := t.TempDir()
	n := 0
	for _, node := range x.nodes {
		if node.Type != "file" || node.Content == "" {
			continue
		}
		n++
		w := wanted(router, node)
		w.Unmask, w.TempDir = true, temp
		r, err := draw.File(t.Context(), w)
		if err != nil {
			t.Errorf("%s (%s): %v", node.Address, node.Format, err)
			continue
		}
		if digestOf(r.Data) != node.Content || r.Size != int64(len(r.Data)) || r.Line != 1 || r.Masked != nil {
			t.Errorf("%s: %d of %d bytes from line %d, %v masked", node.Address, len(r.Data), r.Size, r.Line, r.Masked)
		}
	}
	if n < 40 {
		t.Errorf("only %d files", n)
	}
	left, err := os.ReadDir(temp)
	must(t, err)
	if len(left) > 0 {
		t.Errorf("%d files were left behind", len(left))
	}
}

// asterisks are what stands for a secret: as many as it has bytes in a Range, three in an excerpt.
var asterisks = regexp.MustCompile(`\*+`)

// TestFileExcerpts: where an excerpt of the example stands, File finds it, and masks the secrets that the observer masked.
func TestFileExcerpts(t *testing.T) {
	x := mustRead(t, golden(t))
	seen := 0
	for _, f := range x.findings {
		for _, p := range f.Places {
			if p.Excerpt == nil || p.Excerpt.Line == 0 {
				continue
			}
			w := wanted(router, x.nodes[p.NodeAt])
			w.Offset, w.Length = p.Excerpt.Offset, p.Excerpt.Length
			r, err := draw.File(t.Context(), w)
			must(t, err)
			if r.Line != p.Excerpt.Line || r.Content != p.Digest || !strings.HasPrefix(p.Excerpt.Text, asterisks.ReplaceAllString(string(r.Data), "***")) {
				t.Errorf("%s line %d: %q, the excerpt is %q of line %d", p.Node, r.Line, r.Data, p.Excerpt.Text, p.Excerpt.Line)
			}
			seen++
		}
	}
	if seen < 10 {
		t.Errorf("only %d excerpts", seen)
	}
	shadow := wanted(router, nodeAt(t, x, "/etc/shadow"))
	r, err := draw.File(t.Context(), shadow)
	must(t, err)
	if len(r.Masked) < 3 || !bytes.Contains(r.Data, []byte("support:$1$***")) || !bytes.Contains(r.Data, []byte("\ndaemon:*:")) {
		t.Errorf("shadow, %v masked: %q", r.Masked, r.Data)
	}
	shadow.Unmask = true
	bare, err := draw.File(t.Context(), shadow)
	must(t, err)
	if len(bare.Data) != len(r.Data) || bytes.Equal(bare.Data, r.Data) {
		t.Error("masking changed the length, or nothing")
	}
	for i := range r.Data {
		hidden := slices.ContainsFunc(r.Masked, func(s outline.Span) bool { return int64(i) >= s.Offset && int64(i) < s.Offset+s.Length })
		if !hidden && r.Data[i] != bare.Data[i] || hidden && r.Data[i] != '*' {
			t.Fatalf("byte %d is %q, was %q, hidden %v", i, r.Data[i], bare.Data[i], hidden)
		}
	}
}

func TestFileRefuses(t *testing.T) {
	x := mustRead(t, golden(t))
	passwd := wanted(router, nodeAt(t, x, "/etc/passwd"))
	for what, c := range map[string]struct {
		change func(*outline.Wanted)
		want   error
	}{
		"another digest": {func(w *outline.Wanted) { w.Content = strings.Repeat("ab", 32) }, draw.ErrNotFound},
		"no digest":      {func(w *outline.Wanted) { w.Content = "" }, draw.ErrNoDigest},
		"no artifact":    {func(w *outline.Wanted) { w.File = filepath.Join(t.TempDir(), "x") }, os.ErrNotExist},
		"too much":       {func(w *outline.Wanted) { w.Length = outline.MaxRange + 1 }, nil},
		"before":         {func(w *outline.Wanted) { w.Offset = -1 }, nil},
		"negative":       {func(w *outline.Wanted) { w.Length = -1 }, nil},
	} {
		w := passwd
		c.change(&w)
		if _, err := draw.File(t.Context(), w); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := draw.File(ctx, passwd); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	passwd.Offset = 1 << 40
	if r, err := draw.File(t.Context(), passwd); err != nil || len(r.Data) != 0 || r.Offset != r.Size {
		t.Errorf("behind the end: %+v, %v", r, err)
	}
}

// TestFileLarge: a file beyond what unpack holds in memory, in a compressed archive, and what hides in the middle of it.
func TestFileLarge(t *testing.T) {
	data := make([]byte, 5<<20)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = "abcdefgh \n"[random.IntN(10)]
	}
	key := "-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("QUJD", 25_000) + "\n-----END PRIVATE KEY-----\n"
	copy(data[3<<20:], key)
	path := filepath.Join(t.TempDir(), "a.tar.gz")
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	must(t, w.WriteHeader(&tar.Header{Name: "d/big", Mode: 0o644, Size: int64(len(data))}))
	_, err := w.Write(data)
	must(t, err)
	must(t, w.Close())
	must(t, z.Close())
	must(t, os.WriteFile(path, b.Bytes(), 0o600))
	want := outline.Wanted{ID: "a", File: path, Address: "a!/d/big", Content: digestOf(data), Size: int64(len(data)), TempDir: t.TempDir()}
	want.Offset, want.Length = 3<<20+100, 1000 // in the middle of the key: neither its beginning nor its end is in the range
	r, err := draw.File(t.Context(), want)
	must(t, err)
	if !bytes.Equal(r.Data, bytes.Repeat([]byte("*"), 1000)) || len(r.Masked) != 1 || r.Masked[0] != (outline.Span{Length: 1000, Offset: want.Offset, Why: "private-key"}) {
		t.Errorf("the middle of a key: %.80q %v", r.Data, r.Masked)
	}
	if lines := int64(1 + bytes.Count(data[:want.Offset], []byte("\n"))); r.Line != lines {
		t.Errorf("line %d, want %d", r.Line, lines)
	}
	want.Offset, want.Length = 1<<20, 0
	r, err = draw.File(t.Context(), want)
	must(t, err)
	if !bytes.Equal(r.Data, data[1<<20:2<<20]) || r.Masked != nil {
		t.Errorf("%d other bytes, %v masked", len(r.Data), r.Masked)
	}
}

func golden(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "edge-router.jsonl"))
	must(t, err)
	return data
}
