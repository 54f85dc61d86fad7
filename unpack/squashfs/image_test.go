package squashfs

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"
)

// want is what is known about a path of the tree from which an image is made.
type want struct {
	Type         Type
	Mode         uint32
	UID, GID     uint32
	MTime        int64
	Nlink        uint32
	Size         int64
	Sum          string // of the content
	Link         string
	Major, Minor uint32
	Xattrs       string
	LinkedTo     string // the first path with the same inode
}

// pseudo are files that mksquashfs is told to make, which needs no privileges.
var pseudo = []struct {
	path, def string
	want      want
}{
	{"dev/console", "c 600 0 5 5 1", want{Type: Char, Mode: 0o600, GID: 5, Major: 5, Minor: 1}},
	{"dev/sda", "b 660 0 6 8 300000", want{Type: Block, Mode: 0o660, GID: 6, Major: 8, Minor: 300000}},
	{"dev/odd", "c 7777 4000000000 70000 4095 1048575", want{Type: Char, Mode: 0o7777, UID: 4000000000, GID: 70000, Major: 4095, Minor: 1048575}},
	{"dev/fifo", "i 1644 1 2 f", want{Type: FIFO, Mode: 0o1644, UID: 1, GID: 2}},
	{"dev/socket", "i 755 3 4 s", want{Type: Socket, Mode: 0o755, UID: 3, GID: 4}},
	{"bin/su", "m 4755 0 0", want{Type: File, Mode: 0o4755}},
	{"bin/wall", "m 2755 0 5", want{Type: File, Mode: 0o2755, GID: 5}},
	{"tmp", "m 1777 0 0", want{Type: Dir, Mode: 0o1777}},
}

// randomBytes are the same on every run.
func randomBytes(seed uint64, n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

// prose is compressible.
func prose(seed uint64, n int) []byte {
	words := strings.Fields("the router opens a session and closes it again when nobody answers within nine seconds")
	r := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "%s %d ", words[r.IntN(len(words))], r.IntN(100))
	}
	return b.Bytes()[:n]
}

// makeTree makes a tree with every kind of thing in it.
func makeTree(t testing.TB) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "tree")
	dir := func(p string) {
		if err := os.MkdirAll(filepath.Join(root, p), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put := func(p string, data []byte) {
		dir(filepath.Dir(p))
		if err := os.WriteFile(filepath.Join(root, p), data, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"bin", "dev", "tmp", "empty/a/b/c", "many", "data"} {
		dir(d)
	}
	put("bin/su", prose(1, 5000))
	put("bin/wall", randomBytes(2, 5000))
	for i, n := range []int{0, 1, 4095, 4096, 4097, 131071, 131072, 131073, 300000, 1<<20 + 1} {
		put(fmt.Sprintf("data/prose%02d-%d", i, n), prose(uint64(n), n))
		put(fmt.Sprintf("data/noise%02d-%d", i, n), randomBytes(uint64(n), min(n, 150_000)))
	}
	put("data/copy", prose(300000, 300000))
	put("data/zeros", make([]byte, 700_000))
	put("data/hole", slices3(prose(9, 200_000), make([]byte, 600_000), prose(10, 70_000)))
	put("data/endhole", slices3(prose(11, 200_000), make([]byte, 600_000), nil))
	put("data/code", branchy(0xe8, 200_000))
	for i := range 1500 {
		put(fmt.Sprintf("many/%04d-%s", i, strings.Repeat("n", i%180)), prose(uint64(i), i))
	}
	put("names/"+strings.Repeat("x", 255), []byte("longest name"))
	put("names/\xff\xfe not UTF-8 \x01\n", []byte("odd name"))
	check(os.Link(filepath.Join(root, "data/copy"), filepath.Join(root, "names/hardlink")))
	check(os.Link(filepath.Join(root, "bin/su"), filepath.Join(root, "bin/sudo")))
	check(os.Symlink("../bin/su", filepath.Join(root, "names/link")))
	check(os.Symlink("/"+strings.Repeat("abcdefghi/", 400), filepath.Join(root, "names/longlink")))
	attr := func(p, name string, value []byte) { check(syscall.Setxattr(filepath.Join(root, p), name, value, 0)) }
	long := randomBytes(77, 900)
	attr("bin/wall", "user.long", long)
	attr("names/hardlink", "user.long", long)
	attr("data/zeros", "user.long", long)
	attr("data/zeros", "user.empty", nil)
	attr("tmp", "user.colour", []byte("blue\x00green"))
	if os.Geteuid() == 0 {
		attr("bin/sudo", "security.capability", []byte{1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
		attr("dev", "trusted.overlay.opaque", []byte("y"))
		attr("bin/sudo", "security.selinux", []byte("system_u:object_r:su_exec_t:s0\x00"))
	}
	i := int64(0)
	check(filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		i++
		when := time.Unix(1_000_000_000+i*1_234_567, 0)
		if i%700 == 0 {
			when = time.Unix(1<<32-1, 0)
		}
		return os.Chtimes(p, when, when)
	}))
	return root
}

func slices3(a, b, c []byte) []byte { return append(append(append([]byte{}, a...), b...), c...) }

// branchy looks like machine code: calls of few targets from many places.
func branchy(op byte, n int) []byte {
	r := rand.New(rand.NewPCG(uint64(op), 2))
	b := prose(uint64(op), n)
	for i := 16; i+8 < n; i += 16 {
		target := uint32(r.IntN(16) * 4096)
		switch op {
		case 0xe8: // x86
			v := target - uint32(i+5)
			b[i] = op + byte(r.IntN(2))
			b[i+1], b[i+2], b[i+3], b[i+4] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
		case 0xeb: // ARM
			v := (target - uint32(i) - 8) >> 2
			b[i], b[i+1], b[i+2], b[i+3] = byte(v), byte(v>>8), byte(v>>16), op
		}
	}
	return b
}

// expect reads what the tree has.
func expect(t testing.TB, root string) map[string]want {
	t.Helper()
	all := map[string]want{}
	first := map[uint64]string{}
	err := filepath.WalkDir(root, func(p string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st syscall.Stat_t
		if err := syscall.Lstat(p, &st); err != nil {
			return err
		}
		w := want{Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, MTime: st.Mtim.Sec, Nlink: uint32(st.Nlink)}
		rel, _ := filepath.Rel(root, p)
		if rel == "." {
			rel = ""
		}
		switch st.Mode & syscall.S_IFMT {
		case syscall.S_IFDIR:
			w.Type, w.Nlink = Dir, 0
		case syscall.S_IFREG:
			w.Type, w.Size = File, st.Size
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			w.Sum = sum(data)
			if st.Nlink > 1 {
				if first[st.Ino] == "" {
					first[st.Ino] = rel
				}
				w.LinkedTo = first[st.Ino]
			}
		case syscall.S_IFLNK:
			w.Type = Symlink
			w.Link, err = os.Readlink(p)
		}
		if w.Type != Symlink {
			w.Xattrs = sourceXattrs(t, p)
		}
		all[rel] = w
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pseudo {
		w := p.want
		w.Nlink = 1
		if old, ok := all[p.path]; ok {
			old.Mode, old.UID, old.GID = w.Mode, w.UID, w.GID
			w = old
		}
		all[p.path] = w
	}
	// The mode of one name is that of all.
	su := all["bin/su"]
	all["bin/sudo"] = su
	return all
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func sourceXattrs(t testing.TB, p string) string {
	t.Helper()
	buf := make([]byte, 64<<10)
	n, err := syscall.Listxattr(p, buf)
	if err != nil {
		t.Fatal(err)
	}
	var set []Xattr
	for name := range strings.SplitSeq(strings.TrimRight(string(buf[:n]), "\x00"), "\x00") {
		if name == "" {
			continue
		}
		v := make([]byte, 64<<10)
		k, err := syscall.Getxattr(p, name, v)
		if err != nil {
			t.Fatal(err)
		}
		set = append(set, Xattr{name, v[:k]})
	}
	return xattrString(set)
}

func xattrString(set []Xattr) string {
	var parts []string
	for _, x := range set {
		parts = append(parts, fmt.Sprintf("%s=%x", x.Name, x.Value))
	}
	sort.Strings(parts)
	return strings.Join(parts, "\n")
}

// mksquashfs makes an image of root with the pseudo files.
func mksquashfs(t testing.TB, root string, options ...string) []byte {
	t.Helper()
	image := filepath.Join(t.TempDir(), "image")
	args := []string{root, image, "-noappend", "-quiet", "-no-progress", "-processors", "2"}
	if _, err := os.Stat(filepath.Join(root, "dev")); err == nil {
		for _, p := range pseudo {
			args = append(args, "-p", p.path+" "+p.def)
		}
	}
	cmd := exec.Command("mksquashfs", append(args, options...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("mksquashfs %v: %v\n%s", options, err, out)
	}
	raw, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// open opens an image in memory.
func open(t testing.TB, raw []byte, l Limits) *FS {
	t.Helper()
	f, err := Open(t.Context(), bytes.NewReader(raw), int64(len(raw)), l)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// entries walks and returns the entries and their paths.
func entries(t testing.TB, f *FS) (list []*Entry, paths []string) {
	t.Helper()
	err := f.Walk(t.Context(), func(e *Entry) error {
		p := e.Name
		if e.Index != len(list) || e.Parent >= e.Index {
			t.Fatalf("entry %d with parent %d after %d entries", e.Index, e.Parent, len(list))
		}
		if e.Parent > 0 {
			p = paths[e.Parent] + "/" + p
		}
		list, paths = append(list, e), append(paths, p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list, paths
}

// compare compares an image with the tree, everything in it.
func compare(t *testing.T, f *FS, all map[string]want) {
	t.Helper()
	list, paths := entries(t, f)
	for _, p := range f.Problems() {
		t.Errorf("problem: %v", p)
	}
	inodes := map[string]uint32{}
	for i, e := range list {
		inodes[paths[i]] = e.Inode
		if i > 0 && e.Parent == list[i-1].Parent && e.Name <= list[i-1].Name {
			t.Errorf("%q comes after %q", e.Name, list[i-1].Name)
		}
	}
	if len(list) != len(all) || int(f.Info().Inodes) > len(list) {
		t.Errorf("%d entries, want %d; %d inodes", len(list), len(all), f.Info().Inodes)
	}
	for i, e := range list {
		w, ok := all[paths[i]]
		if !ok {
			t.Errorf("%q is not in the tree", paths[i])
			continue
		}
		got := want{
			Type: e.Type, Mode: e.Mode, UID: e.UID, GID: e.GID, MTime: e.MTime, Nlink: e.Nlink, Size: e.Size,
			Link: e.Link, Major: e.Major, Minor: e.Minor, Xattrs: xattrString(e.Xattrs), LinkedTo: w.LinkedTo,
		}
		if e.Type == File {
			h := sha256.New()
			if n, err := f.WriteContent(t.Context(), h, e); err != nil || n != e.Size {
				t.Errorf("%q: %d bytes, %v", paths[i], n, err)
			}
			got.Sum = hex.EncodeToString(h.Sum(nil))
		}
		if e.Type == Dir {
			got.Nlink = 0
		}
		if w.MTime == 0 { // pseudo files have the time of their making
			got.MTime = 0
		}
		if w.LinkedTo != "" && e.Inode != inodes[w.LinkedTo] {
			t.Errorf("%q has inode %d, not that of %q", paths[i], e.Inode, w.LinkedTo)
		}
		if got != w {
			t.Errorf("%q:\n got %+v\nwant %+v", paths[i], got, w)
		}
	}
}

// checkRanges checks that every byte used is accounted for once.
func checkRanges(t *testing.T, f *FS, used int64) {
	t.Helper()
	pos := int64(0)
	for _, r := range f.Ranges() {
		if r.Off < pos {
			t.Errorf("range %+v overlaps what ends at %d", r, pos)
		}
		if r.Off > pos {
			t.Errorf("gap before %+v from %d", r, pos)
		}
		pos = max(pos, r.Off+r.Len)
	}
	if pos != used {
		t.Errorf("ranges end at %d, want %d", pos, used)
	}
}

func contentOf(t testing.TB, f *FS, e *Entry) ([]byte, error) {
	t.Helper()
	var b bytes.Buffer
	n, err := f.WriteContent(t.Context(), &b, e)
	if n != int64(b.Len()) {
		t.Errorf("%q: says %d bytes, wrote %d", e.Name, n, b.Len())
	}
	return b.Bytes(), err
}
