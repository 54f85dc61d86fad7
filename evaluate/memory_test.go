package evaluate

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/unpack"
)

type none struct{}

func (none) Get(string) ([]byte, bool) { return nil, false }
func (none) Put(string, []byte)        {}

// TestMemoryKey: what was seen of a release is recalled only for the same bytes by the same unpackers and observers, within the same budget.
func TestMemoryKey(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	key := func(path string, change func(r *Release, obs []observe.Observer, m *dossier.Manifest)) string {
		r := &Release{Artifacts: []unpack.Artifact{{ID: "product", Path: path}}, Roles: map[string]string{}}
		obs := []observe.Observer{{Name: "one", Version: 1, Records: []observe.Records{{Kind: "file"}}}, {Name: "two", Version: 1}}
		m := &dossier.Manifest{Unpackers: []dossier.Unpacker{{Name: "tar", Version: 1}}, Budgets: dossier.Budgets{Bytes: 10, Depth: 3, Entries: 5}}
		if change != nil {
			change(r, obs, m)
		}
		return newMemory(r, Options{Cache: none{}}, obs, m).key
	}
	a := write("a", "content")
	want := key(a, nil)
	if want == "" {
		t.Fatal("a file has no key")
	}
	if got := key(write("b", "content"), nil); got != want {
		t.Error("the name of a file is in the key")
	}
	if got := key(dir, nil); got != "" {
		t.Error("a directory has a key before it was walked")
	}
	if got := key(write("c", "Content"), nil); got == want {
		t.Error("other bytes have the same key")
	}
	for what, change := range map[string]func(*Release, []observe.Observer, *dossier.Manifest){
		"an observer's version": func(_ *Release, o []observe.Observer, _ *dossier.Manifest) { o[1].Version++ },
		"what one records":      func(_ *Release, o []observe.Observer, _ *dossier.Manifest) { o[0].Records[0].Without = []string{"uid"} },
		"an observer's name":    func(_ *Release, o []observe.Observer, _ *dossier.Manifest) { o[1].Name = "three" },
		"an unpacker's version": func(_ *Release, _ []observe.Observer, m *dossier.Manifest) { m.Unpackers[0].Version++ },
		"the budget":            func(_ *Release, _ []observe.Observer, m *dossier.Manifest) { m.Budgets.Depth++ },
		"who was left out":      func(_ *Release, _ []observe.Observer, m *dossier.Manifest) { m.LeftOut = []string{"two"} },
		"the artifact's id":     func(r *Release, _ []observe.Observer, _ *dossier.Manifest) { r.Artifacts[0].ID = "router" },
		"the artifact's role":   func(r *Release, _ []observe.Observer, _ *dossier.Manifest) { r.Roles["product"] = "sbom" },
	} {
		if got := key(a, change); got == want {
			t.Errorf("%s is not in the key", what)
		}
	}
}
