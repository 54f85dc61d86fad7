package evaluate_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/scheme"
	"github.com/probat-lab/probat/schemes"
	"github.com/probat-lab/probat/tree"
	"github.com/probat-lab/probat/unpack"
)

const (
	example = "../examples/edge-router"
	archive = example + "/edge-router-4.2.1.tar.gz"
	asOf    = "2026-11-24"
)

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

// run evaluates a file, or the example's declaration with another file as its artifact.
func run(t testing.TB, path, declaration string, o evaluate.Options) *dossier.Contents {
	t.Helper()
	r, err := evaluate.OpenRelease(path, declaration)
	must(t, err)
	o.AsOf = asOf
	c, err := evaluate.Run(t.Context(), r, o)
	must(t, err)
	return c
}

// digest writes a dossier and returns its digest.
func digest(t testing.TB, c *dossier.Contents) string {
	t.Helper()
	must(t, dossier.Write(filepath.Join(t.TempDir(), "d"), c))
	return c.Digest
}

// passed returns what passed, as SCHEME/REQUIREMENT.
func passed(c *dossier.Contents) []string {
	var list []string
	for _, o := range c.Outcomes {
		for _, r := range o.Requirements {
			if r.Verdict == judge.Pass {
				list = append(list, o.Scheme.ID+"/"+r.Of.ID)
			}
		}
	}
	return list
}

// neverGrows complains about what passes although it did not before something was lost.
func neverGrows(t *testing.T, what string, before []string, after *dossier.Contents) {
	t.Helper()
	grown := 0
	for _, p := range passed(after) {
		if slices.Contains(before, p) {
			continue
		}
		if grown++; grown > 3 {
			continue
		}
		title := ""
		for _, o := range after.Outcomes {
			if r, ok := o.Requirement(strings.TrimPrefix(p, o.Scheme.ID+"/")); ok {
				title = r.Of.Title
			}
		}
		t.Errorf("%s: %s passes now (%s)", what, p, title)
	}
	if grown > 3 {
		t.Errorf("%s: %d requirements more pass now", what, grown)
	}
}

// teeth makes a scheme that a loss could please: for each fact a requirement that fails while the fact is there and would pass if it
// vanished in silence. Two more a kind speak of all its facts.
func teeth(t testing.TB, c *dossier.Contents) *scheme.Scheme {
	t.Helper()
	var b strings.Builder
	b.WriteString("scheme: teeth\nedition: \"1\"\ntitle: Teeth\npublisher: Us\nlink: https://example.org/\ntexts: ours\nrequirements:\n")
	n := 0
	add := func(kind, title, where, expect string) {
		n++
		fmt.Fprintf(&b, "  - id: T%d\n    title: %q\n    text: a test\n    pass-by: [[artifact]]\n    tests:\n", n, title)
		fmt.Fprintf(&b, "      - {id: t, title: is there, strength: decisive, over: %s, empty: holds, where: %q, expect: %q}\n", kind, where, expect)
	}
	for _, k := range fact.Kinds() {
		if k.Name == "unobserved" {
			continue
		}
		add(k.Name, k.Name+": none", "true", "false")
		add(k.Name, k.Name+": all", "true", "true")
		for f, err := range c.Facts.All(k.Name) {
			must(t, err)
			where := fmt.Sprintf("it.path == %q", f.Path)
			for _, name := range k.Key {
				switch v, _ := f.Get(name); v := v.(type) {
				case string:
					if name != "path" && !(k.Name == "system" && name == "root") {
						where += fmt.Sprintf(" && has(it.%s) && it.%s == %q", name, name, v)
					}
				case int64:
					where += fmt.Sprintf(" && has(it.%s) && it.%s == %d", name, name, v)
				}
			}
			where = strings.ReplaceAll(where, "has(it.name) && ", "")
			add(k.Name, fmt.Sprintf("%s: %s %s", k.Name, f.Path, strings.ReplaceAll(f.KeyString(), "\x00", " ")), where, "false")
		}
	}
	s, err := scheme.Parse("teeth.yaml", []byte(b.String()))
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	return s
}

// item is a member of a tar archive.
type item struct {
	header tar.Header
	data   []byte
}

// keeper keeps the bytes of all files that are visited.
type keeper struct {
	mu    sync.Mutex
	files map[tree.Digest][]byte
}

func (k *keeper) Wants(string, []byte, int64) bool { return true }

func (k *keeper) Visit(_ context.Context, _ string, digest [32]byte, _ string, c tree.Content) {
	b := make([]byte, c.Size())
	if _, err := c.ReadAt(b, 0); err != nil && c.Size() > 0 {
		return
	}
	k.mu.Lock()
	k.files[digest] = b
	k.mu.Unlock()
}

// rootMembers returns the example's root file system as members of a tar archive: without a checksum around it, its files can be damaged
// one at a time.
func rootMembers(t testing.TB) []item {
	t.Helper()
	k := &keeper{files: map[tree.Digest][]byte{}}
	tr, err := unpack.Walk(t.Context(), []unpack.Artifact{{ID: "product", Path: archive}}, unpack.Config{Visitor: k})
	must(t, err)
	var list []item
	for i := range tr.Nodes {
		n := &tr.Nodes[i]
		_, p, ok := strings.Cut(tr.Address(tree.ID(i)), "!/image0!/")
		if !ok {
			continue
		}
		h := tar.Header{Name: p, Mode: int64(n.Mode), Uid: int(n.UID), Gid: int(n.GID), Format: tar.FormatPAX, Linkname: n.Link}
		var data []byte
		switch n.Type {
		case tree.Dir:
			h.Typeflag, h.Name = tar.TypeDir, p+"/"
		case tree.Symlink:
			h.Typeflag = tar.TypeSymlink
		case tree.Char:
			h.Typeflag = tar.TypeChar
		case tree.File:
			h.Typeflag = tar.TypeReg
			data = k.files[n.Digest]
			h.Size = int64(len(data))
			if h.Size != n.Size {
				t.Fatalf("%s: %d of %d bytes", p, h.Size, n.Size)
			}
		default:
			t.Fatalf("%s: a node of type %s", p, n.Type)
		}
		for _, x := range n.Xattrs {
			h.PAXRecords = map[string]string{"SCHILY.xattr." + x.Name: string(x.Value)}
		}
		list = append(list, item{h, data})
	}
	if len(list) < 50 {
		t.Fatalf("the example's root file system has %d nodes", len(list))
	}
	return list
}

// writeTar writes members, each below all of the prefixes.
func writeTar(t testing.TB, path string, list []item, prefixes ...string) {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if len(prefixes) == 0 {
		prefixes = []string{""}
	}
	for _, p := range prefixes {
		for _, m := range list {
			h := m.header
			h.Name = p + h.Name
			must(t, w.WriteHeader(&h))
			_, err := w.Write(m.data)
			must(t, err)
		}
	}
	must(t, w.Close())
	must(t, os.WriteFile(path, b.Bytes(), 0o600))
}
