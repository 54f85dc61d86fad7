package unpack

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seeds has a small file of each format.
func seeds(t testing.TB) map[string][]byte {
	t.Helper()
	dir := t.TempDir()
	for n, c := range map[string]string{"a": "content of a, content of a", "b": ""} {
		if err := os.WriteFile(filepath.Join(dir, n), []byte(c), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("a", filepath.Join(dir, "l")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "a"), filepath.Join(dir, "h")); err != nil {
		t.Fatal(err)
	}
	s := map[string][]byte{}
	for _, f := range []string{"newc", "crc", "odc", "bin"} {
		s["cpio-"+f] = command(t, dir, []byte("a\nb\nl\nh"), "cpio", "-o", "--quiet", "-H", f)
	}
	s["initramfs"] = append(s["cpio-newc"], command(t, dir, s["cpio-crc"], "gzip", "-c")...)
	for _, f := range []string{"pax", "gnu", "v7"} {
		s["tar-"+f] = command(t, dir, nil, "tar", "--format="+f, "-cf", "-", "a", "b", "l", "h")
	}
	// Names that are too long, of a sparse file and of another one.
	if err := os.Truncate(filepath.Join(dir, "b"), 1<<20); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"pax", "gnu"} {
		s["tar-sparse-"+f] = command(t, dir, nil, "tar", "-S", "--format="+f, "--transform", "s,^,"+strings.Repeat("long/", 820)+",", "-cf", "-", "b", "a")
	}
	if err := os.Truncate(filepath.Join(dir, "b"), 0); err != nil {
		t.Fatal(err)
	}
	for _, e := range encoders {
		s[e.format+e.tool[1]] = command(t, dir, s["tar-gnu"][:4096], e.tool[0], e.tool[1:]...)
	}
	s["ar-bsd"] = command(t, dir, nil, "bsdtar", "--format=arbsd", "-cf", "-", "a", "b")
	command(t, dir, nil, "ar", "rc", "gnu.a", "a", "b")
	s["ar-gnu"], _ = os.ReadFile(filepath.Join(dir, "gnu.a"))
	s["zip"] = command(t, dir, nil, "zip", "-q", "-y", "-", "a", "b", "l")
	s["zip-stream"] = makeZip(t, zip.Deflate, inTar{"a", []byte("content")}, inTar{"d/", nil})
	command(t, dir, nil, "7z", "a", "-tzip", "-mm=LZMA", "lzma.zip", "a")
	s["zip-lzma"], _ = os.ReadFile(filepath.Join(dir, "lzma.zip"))
	for name, b := range s {
		if len(b) == 0 {
			t.Fatalf("no bytes of %s", name)
		}
	}
	return s
}

func FuzzWalk(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Add(storedGzip(storedGzip([]byte("deep"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := filepath.Join(t.TempDir(), "artifact")
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
		budget := Budget{Bytes: 4 << 20, Entries: 200, Depth: 6}
		one := walkPath(t, p, Config{Budget: budget, Workers: 1})
		if many := walkPath(t, p, Config{Budget: budget, Workers: 4}); whole(t, one) != whole(t, many) {
			t.Errorf("one worker gives\n%s\nfour give\n%s", whole(t, one), whole(t, many))
		}
	})
}

func FuzzSniff(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		for _, format := range Formats() {
			format.Sniff(b)
		}
		known(b)
	})
}
