package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// generated reads the files that templ wrote in a folder, by name.
func generated(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_templ.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no generated files in %q: %v", folder, err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = content
	}
	return out
}

// TestGeneratedIsCurrent generates the Go code anew, elsewhere, and compares.
func TestGeneratedIsCurrent(t *testing.T) {
	dir := t.TempDir()
	sources, err := filepath.Glob("*.templ")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(sources, "doc.go") {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tools, err := filepath.Abs("../../tools/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "tool", "-modfile="+tools, "templ", "generate", "-path", dir).CombinedOutput(); err != nil {
		t.Fatalf("templ generate: %v\n%s", err, out)
	}
	want, got := generated(t, dir), generated(t, ".")
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if !bytes.Equal(want[name], got[name]) {
			t.Errorf("%s is not what templ makes of its source: run go generate ./portal/page", name)
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("%s has no source", name)
	}
}

func TestHTMXIsAsPublished(t *testing.T) {
	const published = "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130" // dist/htmx.min.js of htmx.org 4.0.1
	content, err := fs.ReadFile(Static(), htmx)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	if got := hex.EncodeToString(sum[:]); got != published {
		t.Errorf("sha256 %s, want %s", got, published)
	}
	licences, err := fs.ReadFile(Static(), "LICENSES.txt")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(licences), published) || !strings.Contains(string(licences), "Zero-Clause BSD") {
		t.Error("LICENSES.txt does not say whence htmx is and under which licence")
	}
}

func TestAssets(t *testing.T) {
	if got := Asset("app.css"); !strings.HasPrefix(got, "/static/") || !strings.HasSuffix(got, "/app.css") || len(got) != len("/static/0123456789abcdef/app.css") {
		t.Errorf("Asset = %q", got)
	}
	err := fs.WalkDir(Static(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(Static(), name)
		if err != nil {
			return err
		}
		ours := strings.TrimSuffix(name, ".min.js") == name && name != "LICENSES.txt" && name != "icon.svg"
		for _, bad := range []string{"http://", "https://", "url(", "@import", "data:", "eval(", "innerHTML", "outerHTML", "insertAdjacentHTML", ".style.", "setAttribute('style"} {
			// An address in a comment loads nothing.
			if ours && strings.Contains(strings.ReplaceAll(string(content), "(https://tus.io)", ""), bad) {
				t.Errorf("%s contains %q", name, bad)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
