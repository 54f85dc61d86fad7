package squashfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// smallTree is a tree whose image has every table and is small.
func smallTree(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	for _, d := range []string{"a/b/c", "etc"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range map[string][]byte{
		"a/one": prose(1, 100), "a/b/two": prose(2, 9000), "a/b/c/three": slices3(prose(3, 4096), make([]byte, 8192), prose(4, 50)),
		"etc/passwd": []byte("root:x:0:0::/:/bin/sh\n"), "etc/noise": randomBytes(5, 5000),
	} {
		if err := os.WriteFile(filepath.Join(root, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("passwd", filepath.Join(root, "etc/link")); err != nil {
		t.Fatal(err)
	}
	return root
}

var smallLimits = Limits{Entries: 2000, Depth: 32, MetadataBytes: 1 << 20, XattrBytes: 1 << 20, Steps: 1 << 16, Problems: 100, Workers: 2}

// limitedWriter plays a caller's budget for contents.
type limitedWriter struct{ left int }

func (w *limitedWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errWriter
	}
	return len(p), nil
}

// devour reads all there is under small limits and returns how much
// content there was, in all and per name.
func devour(t testing.TB, raw []byte) (total int64, got map[string]string, f *FS) {
	t.Helper()
	f, err := Open(t.Context(), bytes.NewReader(raw), int64(len(raw)), smallLimits)
	if err != nil {
		return 0, nil, nil
	}
	got = map[string]string{}
	budget := &limitedWriter{left: 8 << 20}
	err = f.Walk(t.Context(), func(e *Entry) error {
		var b bytes.Buffer
		if e.Type != File {
			return nil
		}
		n, err := f.WriteContent(t.Context(), io.MultiWriter(budget, &b), e)
		var damage *DataError
		if err != nil && !errors.As(err, &damage) && !errors.Is(err, errWriter) {
			t.Errorf("content of %q: %v", e.Name, err)
		}
		if err == nil && n != e.Size {
			t.Errorf("content of %q has %d bytes, not %d, without an error", e.Name, n, e.Size)
		}
		total += n
		got[e.Name] = b.String()
		return nil
	})
	if err != nil {
		t.Errorf("walk: %v", err)
	}
	for _, p := range f.Problems() {
		if p.Err == nil || p.String() == "" {
			t.Errorf("problem without an error: %#v", p)
		}
	}
	for _, r := range f.Ranges() {
		if r.Off < 0 || r.Len <= 0 || r.Off+r.Len > int64(len(raw)) {
			t.Errorf("range %+v is outside the image of %d bytes", r, len(raw))
		}
	}
	return total, got, f
}

func TestTruncated(t *testing.T) {
	root := smallTree(t)
	for _, comp := range []string{"gzip", "xz", "lzo", "lz4", "zstd", "lzma"} {
		raw := mksquashfs(t, root, "-comp", comp, "-b", "4K", "-nopad", "-all-root")
		total, whole, _ := devour(t, raw)
		if total < 26_000 {
			t.Fatalf("%s: only %d bytes of content", comp, total)
		}
		for n := range len(raw) {
			_, got, f := devour(t, raw[:n])
			if f != nil && len(f.Problems()) == 0 {
				t.Errorf("%s: cut at %d of %d, no problem", comp, n, len(raw))
			}
			for name, data := range got {
				if !strings.HasPrefix(whole[name], data) {
					t.Errorf("%s: cut at %d: other content of %q", comp, n, name)
				}
			}
		}
	}
}

// TestTruncatedTables cuts the tables at the end: the tree is still read, only what
// the tables say is lacking.
func TestTruncatedTables(t *testing.T) {
	raw := mksquashfs(t, smallTree(t), "-b", "4K", "-nopad", "-tailends")
	f := open(t, raw, Limits{})
	list, _ := entries(t, f)
	end := int64(0)
	for _, r := range f.Ranges() {
		if r.Kind == KindDirectory {
			end = r.Off + r.Len
		}
	}
	cut := open(t, raw[:end], Limits{})
	rest, _ := entries(t, cut)
	if !strings.Contains(cut.Problems()[0].String(), "the image is truncated") {
		t.Errorf("problems %v", cut.Problems())
	}
	if len(rest) != len(list) || len(list) != 11 {
		t.Fatalf("%d entries of %d", len(rest), len(list))
	}
	for i, e := range rest {
		if e.Lacks&(LacksUID|LacksGID) != LacksUID|LacksGID || e.Mode != list[i].Mode {
			t.Errorf("%q lacks %b", e.Name, e.Lacks)
		}
		if e.Name == "two" {
			n, err := cut.WriteContent(t.Context(), io.Discard, e)
			if n != 8192 || err == nil {
				t.Errorf("two: %d bytes, %v", n, err)
			}
		}
	}
}

// TestCorrupted changes every byte of small images to several values: nothing
// may panic, hang, or use more than its limits.
func TestCorrupted(t *testing.T) {
	root := smallTree(t)
	for _, options := range []string{"-comp gzip", "-comp xz", "-comp lzma", "-comp lzo", "-comp lz4", "-comp zstd", "-noI -noId -noD -noF -noX"} {
		raw := mksquashfs(t, root, append(strings.Fields(options), "-b", "4K", "-nopad")...)
		for i := range raw {
			// Data blocks matter less than what describes them.
			if f := i % 7; i > 400 && i < len(raw)-1500 && f != 0 {
				continue
			}
			for _, flip := range []byte{0x01, 0x80} {
				bad := slices.Clone(raw)
				bad[i] ^= flip
				devour(t, bad)
			}
		}
	}
}

// plain makes an image with uncompressed tables, to be tampered with.
func plain(t *testing.T) (raw []byte, f *FS) {
	raw = mksquashfs(t, smallTree(t), "-noI", "-noId", "-noD", "-noF", "-noX", "-b", "4K", "-tailends")
	return raw, open(t, raw, Limits{})
}

func TestDirectoryLoop(t *testing.T) {
	raw, f := plain(t)
	// Every subdirectory's entry refers to the root.
	at := int(f.sb.directoryTable) + 2
	changed := 0
	for _, name := range []string{"a", "b", "c", "etc"} {
		for i := at; i+9 <= int(f.sb.fragmentTable); i++ {
			n := int(binary.LittleEndian.Uint16(raw[i+6:])) + 1
			if n == len(name) && binary.LittleEndian.Uint16(raw[i+4:]) == uint16(Dir) && string(raw[i+8:i+8+n]) == name {
				binary.LittleEndian.PutUint16(raw[i:], uint16(f.sb.root))
				changed++
				break
			}
		}
	}
	if changed != 4 {
		t.Fatalf("%d entries found", changed)
	}
	loop := open(t, raw, Limits{})
	list, _ := entries(t, loop)
	if len(list) != 3 || len(loop.Problems()) != 4 { // two entries, each with a wrong number too
		t.Errorf("%d entries, problems %v", len(list), loop.Problems())
	}
	if !strings.Contains(fmt.Sprint(loop.Problems()), "loop") {
		t.Errorf("no loop in %v", loop.Problems())
	}
}

// inodeAt returns where in raw the inode of an entry lies, in an image of plain.
func inodeAt(t *testing.T, raw []byte, f *FS, e *Entry) int {
	t.Helper()
	for i := int(f.sb.inodeTable) + 2; i < int(f.sb.directoryTable); i++ {
		if binary.LittleEndian.Uint32(raw[i+12:]) == e.Inode && int64(binary.LittleEndian.Uint32(raw[i+8:])) == e.MTime {
			return i
		}
	}
	t.Fatalf("inode of %q not found", e.Name)
	return 0
}

// TestLies tampers with the inode of a file of 9000 bytes with two blocks of 4 KiB
// and a tail in a fragment.
func TestLies(t *testing.T) {
	for _, lie := range []struct {
		what   string
		tamper func(inode []byte)
		n      int64
		says   string
	}{
		{"size", func(b []byte) { binary.LittleEndian.PutUint32(b[28:], 1<<31) }, -1, ""},
		{"fragment index", func(b []byte) { binary.LittleEndian.PutUint32(b[20:], 77) }, 8192, "fragment block 77 of 2"},
		{"fragment position", func(b []byte) { binary.LittleEndian.PutUint32(b[24:], 4000) }, 8192, "tail at 4000+808"},
		{"start", func(b []byte) { binary.LittleEndian.PutUint32(b[16:], 1<<31) }, 0, "outside the image"},
		{"block size", func(b []byte) { binary.LittleEndian.PutUint32(b[32:], 1<<24|5000) }, 0, "stored size"},
		{"high bits", func(b []byte) { binary.LittleEndian.PutUint32(b[32:], 1<<26|1<<24|4096) }, 0, "stored size"},
		{"short block", func(b []byte) { binary.LittleEndian.PutUint32(b[36:], 1<<24|100) }, 4096, ""},
		{"one byte of a big block", func(b []byte) {
			binary.LittleEndian.PutUint32(b[20:], none)
			binary.LittleEndian.PutUint32(b[28:], 1)
		}, 0, "4096 stored bytes for a block of 1"},
		{"user", func(b []byte) { binary.LittleEndian.PutUint16(b[4:], 99) }, 9000, "user is id 99"},
	} {
		raw, f := plain(t)
		list, _ := entries(t, f)
		i := slices.IndexFunc(list, func(e *Entry) bool { return e.Name == "two" })
		lie.tamper(raw[inodeAt(t, raw, f, list[i]):])
		f = open(t, raw, Limits{})
		list, _ = entries(t, f)
		if len(list) != 11 {
			t.Errorf("%s: %d entries", lie.what, len(list))
		}
		n, err := f.WriteContent(t.Context(), io.Discard, list[i])
		if lie.n >= 0 && n != lie.n || (err == nil) != (lie.n == 9000) {
			t.Errorf("%s: %d bytes, want %d; %v", lie.what, n, lie.n, err)
		}
		if lie.says != "" && !strings.Contains(fmt.Sprint(f.Problems()), lie.says) {
			t.Errorf("%s: problems %v", lie.what, f.Problems())
		}
	}
}

func TestLimits(t *testing.T) {
	root := makeTree(t)
	raw := mksquashfs(t, root, "-comp", "lz4")
	all, _ := entries(t, open(t, raw, Limits{}))
	for _, c := range []struct {
		limits  Limits
		entries int
	}{
		{Limits{Entries: 10}, 10},
		{Limits{Depth: 1}, 8},
		{Limits{MetadataBytes: 80 << 10}, -1},
		{Limits{Steps: 3}, len(all)},
		{Limits{FragmentBytes: 100_000}, len(all)},
		{Limits{XattrBytes: 100}, len(all)},
	} {
		f := open(t, raw, c.limits)
		list, _ := entries(t, f)
		limited := false
		for _, p := range f.Problems() {
			limited = limited || errors.Is(p.Err, ErrLimit)
		}
		if !limited || c.entries >= 0 && len(list) != c.entries {
			t.Errorf("%+v: %d entries, problems %v", c.limits, len(list), f.Problems())
		}
	}
	f := open(t, raw, Limits{FragmentBytes: 100_000})
	all, _ = entries(t, f)
	for _, e := range all {
		_, err := f.WriteContent(t.Context(), io.Discard, e)
		if limited := e.Lacks&LacksLayout != 0; limited != errors.Is(err, ErrLimit) {
			t.Errorf("%q: limited %v, %v", e.Name, limited, err)
		}
	}
	f = open(t, raw, Limits{XattrBytes: 1, Problems: 2})
	entries(t, f)
	p := f.Problems()
	if len(p) != 3 || !strings.Contains(p[2].Err.Error(), "more problems") {
		t.Errorf("problems %v", p)
	}
}

func TestRefused(t *testing.T) {
	good := mksquashfs(t, t.TempDir())
	for _, c := range []struct {
		what   string
		tamper func(b []byte) []byte
		is     error
		says   string
	}{
		{"empty", func([]byte) []byte { return nil }, ErrFormat, "only 0 bytes"},
		{"no magic", func(b []byte) []byte { b[0] = 'x'; return b }, ErrFormat, "xsqs"},
		{"big-endian", func(b []byte) []byte { copy(b, "sqsh"); return b }, ErrVariant, "little-endian only"},
		{"version", func(b []byte) []byte { b[28] = 3; return b }, ErrVariant, "3.0"},
		{"compressor", func(b []byte) []byte { b[20] = 9; return b }, ErrVariant, "compressor 9"},
		{"block size", func(b []byte) []byte { b[12] = 1; return b }, nil, "power of two"},
		{"block logarithm", func(b []byte) []byte { b[22] = 1; return b }, nil, "disagree"},
	} {
		b := c.tamper(slices.Clone(good))
		_, err := Open(t.Context(), bytes.NewReader(b), int64(len(b)), Limits{})
		if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}
