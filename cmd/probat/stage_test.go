package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
)

const stagedYAML = "vendor: V\nproduct: P\nkind: equipment\nversion: \"1\"\nartifacts:\n  - {id: a, path: image.bin}\ndocuments:\n  - {id: d, title: Guide, path: guide.txt}\n"

// release makes a folder with a declaration, its artifact and its document, and a secret beside it.
func release(t *testing.T) (folder, secret string) {
	t.Helper()
	dir := t.TempDir()
	folder, secret = filepath.Join(dir, "vendor"), filepath.Join(dir, "secret")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		secret: "the lab's own", filepath.Join(folder, "product.yaml"): stagedYAML, filepath.Join(folder, "image.bin"): "image", filepath.Join(folder, "guide.txt"): "guide",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder, secret
}

func TestStage(t *testing.T) {
	folder, _ := release(t)
	work := t.TempDir()
	s, err := stage(t.Context(), filepath.Join(folder, "product.yaml"), "", work, isolation{})
	if err != nil {
		t.Fatal(err)
	}
	// What happens to the original afterwards changes nothing.
	if err := os.WriteFile(filepath.Join(folder, "image.bin"), []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(filepath.Dir(s.product), "image.bin"))
	if err != nil || string(got) != "image" || s.files["a"] != "6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d" {
		t.Errorf("staged %q with the digest %s, %v", got, s.files["a"], err)
	}
	for _, path := range s.read {
		if !strings.HasPrefix(path, work) {
			t.Errorf("the child may read %s", path)
		}
	}
}

// TestStageLinks: what a declaration names stays in its folder, and PRODUCT itself is no link.
func TestStageLinks(t *testing.T) {
	for _, name := range []string{"image.bin", "guide.txt"} {
		folder, secret := release(t)
		path := filepath.Join(folder, name)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(secret, path); err != nil {
			t.Fatal(err)
		}
		if _, err := stage(t.Context(), filepath.Join(folder, "product.yaml"), "", t.TempDir(), isolation{}); err == nil {
			t.Errorf("%s leads out of the folder and was copied", name)
		}
	}
	folder, secret := release(t)
	link := filepath.Join(folder, "link.img")
	if err := os.Symlink(secret, link); err != nil {
		t.Fatal(err)
	}
	if _, err := stage(t.Context(), link, "", t.TempDir(), isolation{}); err == nil {
		t.Error("a link was taken as the product")
	}
}

// TestSame: whatever the child that parsed the product says, only what was given to it is sealed.
func TestSame(t *testing.T) {
	digest := strings.Repeat("ab", 32)
	s := &staged{
		files: map[string]string{"a": digest}, dirs: map[string]bool{"root": true},
		declared: &declared{Digest: strings.Repeat("cd", 32), Release: statement.Release{Vendor: "V", Product: "P"}},
	}
	plan := func(change func(*examine.Plan)) *examine.Plan {
		p := &examine.Plan{
			Artifacts: []examine.Artifact{{ID: "a", Digest: digest, Type: "file"}, {ID: "root", Digest: strings.Repeat("ee", 32), Type: "dir"}},
			AsOf:      "2026-11-24", Declaration: strings.Repeat("cd", 32), Release: statement.Release{Vendor: "V", Product: "P"},
		}
		if change != nil {
			change(p)
		}
		return p
	}
	if err := s.same(plan(nil), "2026-11-24"); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*examine.Plan){
		"another file":         func(p *examine.Plan) { p.Artifacts[0].Digest = strings.Repeat("ef", 32) },
		"a directory instead":  func(p *examine.Plan) { p.Artifacts[0].Type = "dir" },
		"a file instead":       func(p *examine.Plan) { p.Artifacts[1].Type = "file" },
		"another id":           func(p *examine.Plan) { p.Artifacts[0].ID = "b" },
		"the same twice":       func(p *examine.Plan) { p.Artifacts[1] = p.Artifacts[0] },
		"one less":             func(p *examine.Plan) { p.Artifacts = p.Artifacts[:1] },
		"one more":             func(p *examine.Plan) { p.Artifacts = append(p.Artifacts, p.Artifacts[0]) },
		"another declaration":  func(p *examine.Plan) { p.Declaration = digest },
		"no declaration":       func(p *examine.Plan) { p.Declaration = "" },
		"another vendor":       func(p *examine.Plan) { p.Release.Vendor = "W" },
		"another day":          func(p *examine.Plan) { p.AsOf = "2026-11-25" },
		"a predecessor at all": func(p *examine.Plan) { p.Predecessor = digest },
	} {
		if err := s.same(plan(change), "2026-11-24"); err == nil {
			t.Errorf("%s is sealed", name)
		}
	}
}
