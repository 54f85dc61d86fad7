package evaluate_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/scheme"
	"github.com/probat-lab/probat/tree"
	"github.com/probat-lab/probat/unpack"
)

func openCache(t *testing.T, dir string, most int64) *evaluate.DiskCache {
	t.Helper()
	c, err := evaluate.OpenCache(dir, most)
	must(t, err)
	return c
}

// entries calls fn for every file of a cache.
func entries(t *testing.T, dir string, fn func(path string, size int64)) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		st, err := d.Info()
		if err == nil {
			fn(p, st.Size())
		}
		return err
	}))
}

// counting counts what a cache is asked for and has.
type counting struct {
	evaluate.Cache
	mu         sync.Mutex
	hits, puts int
}

func (c *counting) Get(key string) ([]byte, bool) {
	b, ok := c.Cache.Get(key)
	c.mu.Lock()
	defer c.mu.Unlock()
	if ok {
		c.hits++
	}
	return b, ok
}

func (c *counting) Put(key string, b []byte) {
	c.mu.Lock()
	c.puts++
	c.mu.Unlock()
	c.Cache.Put(key, b)
}

// TestCacheSame: a cold cache, a warm one, and one whose entries are damaged or lost give the bytes that no cache gives.
func TestCacheSame(t *testing.T) {
	list := []*scheme.Scheme{shipped(t)}
	want := digest(t, run(t, archive, declaration, evaluate.Options{Schemes: list}))
	dir := t.TempDir()
	look := func(what string) *counting {
		c := &counting{Cache: openCache(t, dir, 1<<30)}
		if got := digest(t, run(t, archive, declaration, evaluate.Options{Schemes: list, Cache: c})); got != want {
			t.Errorf("%s: %s instead of %s", what, got, want)
		}
		return c
	}
	if c := look("cold"); c.hits != 0 || c.puts == 0 {
		t.Errorf("cold: %d hits, %d entries written", c.hits, c.puts)
	}
	if c := look("warm"); c.hits == 0 || c.puts != 0 {
		t.Errorf("warm: %d hits, %d entries written", c.hits, c.puts)
	}
	for what, harm := range map[string]func(b []byte) []byte{
		"a bit turned":              func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"a bit at the front turned": func(b []byte) []byte { b[0] ^= 0x80; return b },
		"cut":                       func(b []byte) []byte { return b[:len(b)/2] },
		"emptied":                   func([]byte) []byte { return nil },
		"overwritten":               func(b []byte) []byte { return bytes.Repeat([]byte("x"), len(b)) },
	} {
		entries(t, dir, func(p string, size int64) {
			if size == 0 {
				return
			}
			b, err := os.ReadFile(p)
			must(t, err)
			must(t, os.WriteFile(p, harm(b), 0o600))
		})
		if c := look(what); c.hits != 0 {
			t.Errorf("%s: %d entries were used", what, c.hits)
		}
		if c := look("mended after it was " + what); c.hits == 0 {
			t.Errorf("mended after %s: nothing was used", what)
		}
	}
	// An entry that is whole, but in the place of another one.
	var first []byte
	entries(t, dir, func(p string, size int64) {
		if size == 0 {
			return
		}
		b, err := os.ReadFile(p)
		must(t, err)
		if first == nil {
			first = b
		}
		must(t, os.WriteFile(p, first, 0o600))
	})
	look("entries changed places")
}

// TestCacheSize: a cache holds about as many bytes as it may, and keeps what was written last.
func TestCacheSize(t *testing.T) {
	dir := t.TempDir()
	const most, one = 1 << 20, 16 << 10
	c := openCache(t, dir, most)
	for i := range 500 {
		c.Put(fmt.Sprint("key ", i), bytes.Repeat([]byte{byte(i)}, one))
	}
	var total int64
	entries(t, dir, func(_ string, size int64) { total += size })
	if total > most+most/4 || total < most/4 {
		t.Errorf("the cache holds %d bytes, about %d are allowed", total, most)
	}
	if b, ok := c.Get("key 499"); !ok || len(b) != one || b[0] != 499&0xff {
		t.Errorf("the last entry is gone: %v, %d bytes", ok, len(b))
	}
	if _, ok := c.Get("key 0"); ok {
		t.Error("the first entry is still there")
	}
	c.Put("huge", make([]byte, most))
	if _, ok := c.Get("huge"); ok {
		t.Error("an entry as large as the whole cache is kept")
	}
}

// TestCacheUnusable: where the cache cannot be written, everything works.
func TestCacheUnusable(t *testing.T) {
	list := []*scheme.Scheme{shipped(t)}
	want := digest(t, run(t, archive, declaration, evaluate.Options{Schemes: list}))
	dir := t.TempDir()
	c := openCache(t, dir, 1<<30)
	must(t, os.RemoveAll(dir))
	must(t, os.WriteFile(dir, nil, 0o600)) // a file in the folder's place
	if got := digest(t, run(t, archive, declaration, evaluate.Options{Schemes: list, Cache: c})); got != want {
		t.Errorf("%s instead of %s", got, want)
	}
	if _, err := evaluate.OpenCache(dir, 1<<30); err == nil {
		t.Error("a file was opened as a cache")
	}
}

// TestCacheProcesses: several processes use one folder at once, and all see the same.
func TestCacheProcesses(t *testing.T) {
	want := digest(t, run(t, archive, declaration, evaluate.Options{Schemes: []*scheme.Scheme{shipped(t)}}))
	dir := t.TempDir()
	for range 2 { // cold, then warm
		var list []*exec.Cmd
		var outs []*bytes.Buffer
		for range 4 {
			cmd := process(t, childTask{Product: archive, Declaration: declaration, Cache: dir})
			out := &bytes.Buffer{}
			cmd.Stdout = out
			must(t, cmd.Start())
			list, outs = append(list, cmd), append(outs, out)
		}
		for i, cmd := range list {
			must(t, cmd.Wait())
			if got := string(bytes.TrimSpace(outs[i].Bytes())); got != want {
				t.Errorf("process %d: %q instead of %s", i, got, want)
			}
		}
	}
	entries(t, dir, func(p string, _ int64) {
		if filepath.Base(p)[:3] == "new" {
			t.Errorf("left over: %s", p)
		}
	})
}

// TestCacheVersions: what an observer of another version said is not used.
func TestCacheVersions(t *testing.T) {
	dir := t.TempDir()
	product := filepath.Join(dir, "p")
	must(t, os.WriteFile(product, []byte("content"), 0o600))
	cache := openCache(t, filepath.Join(dir, "cache"), 1<<30)
	calls := 0
	say := func(version int, name string) string {
		o := observe.Observer{
			Name: "speaker", Version: version, Doc: "says its name", Records: []observe.Records{{Kind: "package"}},
			Content: &observe.Content{
				Costly: true,
				Wants:  func([]byte, int64) bool { return true },
				Observe: func(context.Context, tree.Content) ([]fact.Record, error) {
					calls++
					return []fact.Record{{Attrs: fact.Package{Name: name, Manager: "none"}}}, nil
				},
			},
		}
		v := observe.New([]observe.Observer{o}, cache)
		tr, err := unpack.Walk(t.Context(), []unpack.Artifact{{ID: "product", Path: product}}, unpack.Config{Visitor: v})
		must(t, err)
		res, _, err := v.Join(t.Context(), tr)
		must(t, err)
		return fmt.Sprint(res.Facts.Lines("package"))
	}
	one := say(1, "one")
	if two := say(2, "two"); one == two || calls != 2 {
		t.Errorf("version 2 says what version 1 said: %s (%d calls)", two, calls)
	}
	if again := say(1, "never asked"); again != one || calls != 2 {
		t.Errorf("version 1 was asked again: %s (%d calls)", again, calls)
	}
}
