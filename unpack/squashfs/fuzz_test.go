package squashfs

import (
	"os"
	"path/filepath"
	"testing"
)

// vectors are the images under testdata, made by make.sh there.
func vectors(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.squashfs")
	if err != nil || len(paths) < 3 {
		t.Fatalf("images %v, %v", paths, err)
	}
	all := map[string][]byte{}
	for _, p := range paths {
		raw, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(p)] = raw
	}
	return all
}

func FuzzOpen(f *testing.F) {
	for _, raw := range vectors(f) {
		f.Add(raw)
	}
	root := smallTree(f)
	for _, comp := range []string{"lzo", "lz4", "zstd", "lzma"} {
		f.Add(mksquashfs(f, root, "-comp", comp, "-b", "4K", "-nopad"))
	}
	f.Fuzz(func(t *testing.T, raw []byte) { devour(t, raw) })
}

// FuzzDecode gives bytes to every decoder; the first byte says to which.
func FuzzDecode(f *testing.F) {
	text := prose(1, 3000)
	for id := byte(compGzip); id <= compZstd; id++ {
		f.Add(append([]byte{id}, text[:20]...))
	}
	for _, filter := range []string{"--x86", "--arm", "--delta=dist=2"} {
		f.Add(append([]byte{compXZ}, xzTool(f, text, filter, "--lzma2=preset=6")...))
	}
	f.Add(append([]byte{compLZMA}, xzTool(f, text, "--format=lzma")...))
	f.Add(append([]byte{compGzip}, deflate(f, text, 9)...))
	f.Add(append([]byte{compGzip}, deflate(f, text[:200], 1)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		c, err := newCodec(int(b[0]), minBlockSize)
		if err != nil {
			return
		}
		dst := make([]byte, minBlockSize)
		if n, _ := c.inflate(dst, b[1:]); n < 0 || n > len(dst) {
			t.Errorf("%d bytes inside", n)
		}
	})
}
