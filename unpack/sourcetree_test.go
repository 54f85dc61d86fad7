package unpack

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// noise returns n bytes that no compressor makes shorter; the same ones for the same seed.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

// command runs a tool of the system, in dir, and returns what it writes.
func command(t testing.TB, dir string, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(stdin)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, errs.String())
	}
	return out.Bytes()
}

// sourceTree makes a directory with all that is hard to keep: it needs root, as the tests of a system image do.
func sourceTree(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("this test makes devices and owners: run it as root")
	}
	root := filepath.Join(t.TempDir(), "src")
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	file := func(name string, content []byte, mode os.FileMode) string {
		t.Helper()
		p := filepath.Join(root, name)
		do(os.MkdirAll(filepath.Dir(p), 0o755))
		do(os.WriteFile(p, content, 0o644))
		do(os.Chmod(p, mode))
		return p
	}
	file("bin/su", []byte("\x7fELF su"), 0o755|os.ModeSetuid)
	file("bin/write", []byte("\x7fELF write"), 0o755|os.ModeSetgid)
	ping := file("bin/ping", []byte("\x7fELF ping"), 0o755)
	command(t, root, nil, "setcap", "cap_net_raw+ep", "bin/ping")
	_ = ping
	file("etc/shadow", []byte("root:*:1::::::\n"), 0o640)
	do(os.Chown(filepath.Join(root, "etc/shadow"), 0, 42))
	file("etc/empty", nil, 0o600)
	x := file("etc/attr", []byte("x"), 0o644)
	do(unix.Setxattr(x, "user.note", []byte("a\x00b"), 0))
	file("big", bytes.Repeat(noise(1, 1<<20), 3), 0o644)
	file("mega", bytes.Repeat([]byte("0123456789abcdef"), 1<<17), 0o644)
	for i, n := range []string{"a!b", "a;2", "a%41b", "@lead", "new\nline", "bad\xff\xfeutf", "sp ace", "tab\t", "ümlaut", "-dash", "back\\slash"} {
		file("names/"+n, fmt.Appendf(nil, "%d", i), 0o644)
	}
	file("long/"+strings.Repeat("n", 200), []byte("long"), 0o644)
	deep := "deep"
	for range 4 {
		deep += "/" + strings.Repeat("d", 90)
	}
	file(deep+"/leaf", []byte("leaf"), 0o604)
	first := file("links/first", []byte("one content"), 0o644)
	do(os.Link(first, filepath.Join(root, "links/second")))
	do(os.Link(first, filepath.Join(root, "zz-third")))
	do(os.Link(file("links/void", nil, 0o644), filepath.Join(root, "links/void2")))
	for name, target := range map[string]string{"abs": "/etc/shadow", "dangling": "no/where", "loop": "loop", "up": "../../..", "esc": "x!y\xff"} {
		do(os.Symlink(target, filepath.Join(root, "links", name)))
	}
	do(os.Lchown(filepath.Join(root, "links/abs"), 1000, 1001))
	do(os.MkdirAll(filepath.Join(root, "dev"), 0o755))
	do(unix.Mkfifo(filepath.Join(root, "dev/fifo"), 0o620))
	do(unix.Mknod(filepath.Join(root, "dev/null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	do(unix.Mknod(filepath.Join(root, "dev/sda"), unix.S_IFBLK|0o660, int(unix.Mkdev(8, 0))))
	do(os.MkdirAll(filepath.Join(root, "tmp"), 0o755))
	do(os.Chmod(filepath.Join(root, "tmp"), 0o777|os.ModeSticky))
	sparse, err := os.Create(filepath.Join(root, "sparse"))
	do(err)
	_, err = sparse.WriteAt([]byte("middle"), 700_000)
	do(err)
	do(sparse.Truncate(2_000_000))
	do(sparse.Close())
	stamp := time.Unix(1_600_000_000, 0)
	do(filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type() != fs.ModeSymlink && !d.IsDir() {
			stamp = stamp.Add(61 * time.Second)
			err = os.Chtimes(p, stamp, stamp)
		}
		return err
	}))
	return root
}

// keeps says what a container keeps of a file.
type keeps struct {
	noMode, noOwner, noTime, nano, xattrs, noDevices, noSpecial bool
	name                                                        func(string) bool // whether the tool takes it; nil for all
}

// wantFile is what the host says of one file.
type wantFile struct {
	Type         tree.Type
	Mode         uint32
	UID, GID     uint32
	Time         int64
	Nano         int32
	Major, Minor uint32
	Link         string
	Xattrs       string
	Size         int64
	Digest       string
}

// hostFiles reads what the host says of all files below root, by other means than those under test.
func hostFiles(t *testing.T, root string, k keeps) map[string]wantFile {
	t.Helper()
	want := map[string]wantFile{}
	err := filepath.WalkDir(root, func(p string, _ fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, p)
		if err != nil || rel == "." || k.name != nil && !k.name(rel) {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(p, &st); err != nil {
			return err
		}
		w := wantFile{Size: -1}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			w.Size, w.Digest = st.Size, fmt.Sprintf("%x", sha256.Sum256(b))
		case unix.S_IFDIR:
			w.Type = tree.Dir
		case unix.S_IFLNK:
			w.Type = tree.Symlink
			l, _ := os.Readlink(p)
			w.Link = fact.Escape(l)
		case unix.S_IFIFO:
			w.Type = tree.FIFO
		case unix.S_IFCHR, unix.S_IFBLK:
			w.Type = tree.Char
			if st.Mode&unix.S_IFMT == unix.S_IFBLK {
				w.Type = tree.Block
			}
			if !k.noDevices {
				w.Major, w.Minor = unix.Major(st.Rdev), unix.Minor(st.Rdev)
			}
		case unix.S_IFSOCK:
			w.Type = tree.Socket
		}
		if k.noSpecial && w.Type >= tree.Char {
			return nil
		}
		if !k.noMode {
			w.Mode = st.Mode & 0o7777
		}
		if !k.noOwner {
			w.UID, w.GID = st.Uid, st.Gid
		}
		if !k.noTime && w.Type != tree.Dir && w.Type != tree.Symlink { // making the archive changes no times, making the tree does
			w.Time = st.Mtim.Sec
			if k.nano {
				w.Nano = int32(st.Mtim.Nsec)
			}
		}
		if k.xattrs {
			w.Xattrs = hostXattr(p)
		}
		want["/"+escapePath(rel)] = w
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return want
}

func escapePath(rel string) string {
	parts := strings.Split(rel, "/")
	for i := range parts {
		parts[i] = tree.EscapeName(parts[i])
	}
	return strings.Join(parts, "/")
}

func hostXattr(p string) string {
	var list []string
	buf := make([]byte, 4096)
	n, err := unix.Llistxattr(p, buf)
	if err != nil {
		return ""
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(buf[:n]), "\x00"), "\x00") {
		v := make([]byte, 4096)
		if n, err := unix.Lgetxattr(p, name, v); err == nil {
			list = append(list, fmt.Sprintf("%s=%q", name, v[:n]))
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// treeFiles reads the same out of a tree, for what lies directly in a container.
func treeFiles(tr *tree.Tree, container tree.ID, k keeps) map[string]wantFile {
	got := map[string]wantFile{}
	for i := range tr.Nodes {
		id := tree.ID(i)
		n := &tr.Nodes[i]
		if id == container || tr.Base(id) != container {
			continue
		}
		w := wantFile{Type: n.Type, Link: n.Link, Size: -1, Major: n.Major, Minor: n.Minor}
		if n.Type == tree.File {
			w.Size = n.Size
			if n.Known {
				w.Digest = n.Digest.String()
			}
		}
		if n.Has&tree.HasMode != 0 {
			w.Mode = n.Mode
		}
		if n.Has&tree.HasOwner != 0 {
			w.UID, w.GID = n.UID, n.GID
		}
		if n.Has&tree.HasTime != 0 && !k.noTime && n.Type != tree.Dir && n.Type != tree.Symlink {
			w.Time = n.Time
			if k.nano {
				w.Nano = n.Nano
			}
		}
		var list []string
		for _, x := range n.Xattrs {
			list = append(list, fmt.Sprintf("%s=%q", x.Name, x.Value))
		}
		w.Xattrs = strings.Join(list, " ")
		got[tr.Path(id)] = w
	}
	return got
}

// sameFiles compares a container node by node with what the tool was given.
func sameFiles(t *testing.T, root string, tr *tree.Tree, container tree.ID, k keeps) {
	t.Helper()
	want, got := hostFiles(t, root, k), treeFiles(tr, container, k)
	if len(want) < 20 {
		t.Fatalf("only %d files to compare", len(want))
	}
	n := 0
	for _, p := range slices.Sorted(func(yield func(string) bool) {
		for p := range want {
			if !yield(p) {
				return
			}
		}
		for p := range got {
			if _, ok := want[p]; !ok && !yield(p) {
				return
			}
		}
	}) {
		w, inWant := want[p]
		g, inGot := got[p]
		if w != g || inWant != inGot {
			t.Errorf("%s: got %+v (%v), want %+v (%v)", p, g, inGot, w, inWant)
			if n++; n > 12 {
				t.Fatal("and more")
			}
		}
	}
}

// walkPath walks one file or directory and checks what has to hold for every tree.
func walkPath(t testing.TB, path string, cfg Config) *tree.Tree {
	t.Helper()
	tr, err := Walk(t.Context(), []Artifact{{ID: "a", Path: path}}, cfg)
	if err != nil {
		t.Fatalf("walking %s: %v", path, err)
	}
	checkTree(t, tr)
	return tr
}

func walkBytes(t testing.TB, b []byte, cfg Config) *tree.Tree {
	t.Helper()
	p := filepath.Join(t.TempDir(), "artifact")
	if err := os.WriteFile(p, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return walkPath(t, p, cfg)
}

// checkTree checks that the account of each container adds up to its innermost size, and that every file is either known or unobserved.
func checkTree(t testing.TB, tr *tree.Tree) {
	t.Helper()
	said, direct := map[tree.ID]bool{}, map[tree.ID]bool{}
	for _, u := range tr.Unobserved {
		direct[u.Node] = true
		for id := u.Node; id != tree.None; id = tr.Nodes[id].Parent {
			said[id] = true
		}
		if u.Reason == "" || u.Detail == "" || u.Hides == "" {
			t.Errorf("%s: unobserved without words: %+v", tr.Address(u.Node), u)
		}
	}
	for i := range tr.Nodes {
		n := &tr.Nodes[i]
		id := tree.ID(i)
		if a := n.Account; a != nil {
			_, size, known := n.Innermost()
			if n.Type == tree.Dir { // all its bytes are in files
				size = a.Nodes
			}
			if sum := a.Nodes + a.Structure + a.Padding + a.Unobserved; known && sum != size || min(a.Nodes, a.Structure, a.Padding, a.Unobserved) < 0 {
				t.Errorf("%s: account %+v adds up to %d, the container has %d bytes", tr.Address(id), *a, sum, size)
			}
			if a.Unobserved > 0 && !said[id] {
				t.Errorf("%s: %d bytes unobserved, nothing recorded", tr.Address(id), a.Unobserved)
			}
		}
		if _, _, known := n.Innermost(); n.Type == tree.File && !known && !above(tr, direct, id) {
			t.Errorf("%s: neither known nor unobserved", tr.Address(id))
		}
	}
}

// above tells whether something is said of a node or of what it lies in.
func above(tr *tree.Tree, said map[tree.ID]bool, id tree.ID) bool {
	for ; id != tree.None; id = tr.Nodes[id].Parent {
		if said[id] {
			return true
		}
	}
	return false
}

// nodeAt returns the node of an address below the artifact, which is named a.
func nodeAt(t testing.TB, tr *tree.Tree, address string) tree.ID {
	t.Helper()
	for i := range tr.Nodes {
		if tr.Address(tree.ID(i)) == address {
			return tree.ID(i)
		}
	}
	t.Fatalf("there is no node %s in\n%s", address, addresses(tr))
	return tree.None
}

func addresses(tr *tree.Tree) string {
	var b strings.Builder
	for i := range tr.Nodes {
		fmt.Fprintln(&b, tr.Address(tree.ID(i)))
	}
	return b.String()
}

// unseen lists what is unobserved: address, reason, detail.
func unseen(tr *tree.Tree) []string {
	var list []string
	for _, u := range tr.Unobserved {
		list = append(list, fmt.Sprintf("%s %s %d+%d: %s", tr.Address(u.Node), u.Reason, u.Offset, u.Length, u.Detail))
	}
	return list
}

// wantUnseen checks that a node is unobserved for a reason.
func wantUnseen(t testing.TB, tr *tree.Tree, address, reason string) {
	t.Helper()
	for _, u := range tr.Unobserved {
		if tr.Address(u.Node) == address && u.Reason == reason {
			return
		}
	}
	t.Errorf("%s is not unobserved as %s; unobserved are %q", address, reason, unseen(tr))
}

// wantOnly checks that exactly these ranges are unobserved: address, reason, offset and length, what is hidden.
func wantOnly(t testing.TB, tr *tree.Tree, want ...string) {
	t.Helper()
	var got []string
	for _, u := range tr.Unobserved {
		got = append(got, fmt.Sprintf("%s %s %d+%d %s", tr.Address(u.Node), u.Reason, u.Offset, u.Length, u.Hides))
	}
	if !slices.Equal(got, want) {
		t.Errorf("unobserved are %q, want %q; details %q", got, want, unseen(tr))
	}
}

func wantNothingUnseen(t testing.TB, tr *tree.Tree) {
	t.Helper()
	if len(tr.Unobserved) > 0 {
		t.Errorf("unobserved: %q", unseen(tr))
	}
}

// whole returns all that a walk says, as text.
func whole(t testing.TB, tr *tree.Tree) string {
	t.Helper()
	var b bytes.Buffer
	if err := tr.WriteListing(&b, tree.None); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "%q", unseen(tr))
	return b.String()
}

// seen is a visitor that keeps what it is shown.
type seen struct {
	mu   chan struct{}
	list []string
}

func newSeen() *seen { return &seen{mu: make(chan struct{}, 1)} }

func (s *seen) Wants(string, []byte, int64) bool { return true }

func (s *seen) Visit(_ context.Context, path string, d [32]byte, format string, c tree.Content) {
	h := sha256.New()
	buf := make([]byte, 4096)
	for at := int64(0); at < c.Size(); {
		n, _ := c.ReadAt(buf, at)
		h.Write(buf[:n])
		at += int64(n)
		if n == 0 {
			break
		}
	}
	ok := bytes.Equal(h.Sum(nil), d[:])
	s.mu <- struct{}{}
	s.list = append(s.list, fmt.Sprintf("%s %s %x %v", path, cmp.Or(format, "-"), d[:4], ok))
	<-s.mu
}
