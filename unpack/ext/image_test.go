package ext

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tool runs a tool of Debian's, which the tests need.
func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + name); err != nil {
			t.Fatalf("%s is needed (packages e2fsprogs, libcap2-bin): %v", name, err)
		}
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBUGFS_PAGER=cat")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// mkfs makes an image of size KiB from a folder, if there is one.
func mkfs(t testing.TB, src string, kib int, args ...string) string {
	t.Helper()
	img := filepath.Join(t.TempDir(), "image")
	args = append([]string{"-q", "-F"}, args...)
	if src != "" {
		args = append(args, "-d", src)
	}
	tool(t, "mke2fs", append(args, img, strconv.Itoa(kib)+"k")...)
	return img
}

// debugfs runs commands on an image, one a line.
func debugfs(t testing.TB, img string, commands ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "commands")
	if err := os.WriteFile(file, []byte(strings.Join(commands, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return tool(t, "debugfs", "-w", "-f", file, img)
}

func load(t testing.TB, img string) []byte {
	t.Helper()
	b, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// node is an entry as it is compared.
type node struct {
	Type         string
	Mode         uint32
	UID, GID     uint32
	MTime, NS    int64
	Nlink        uint32
	Size         int64
	Digest, Link string
	Major, Minor uint32
	Xattrs       string
	Same         string // the first path with the same inode
}

// outcome is what a walk found.
type outcome struct {
	fs       *FS
	nodes    map[string]node
	paths    []string // in the order of the walk
	entries  []*Entry
	problems []string
}

// read walks an image, reading everything.
func read(t testing.TB, raw []byte) *outcome {
	t.Helper()
	o, err := tryRead(t.Context(), raw, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func tryRead(ctx context.Context, raw []byte, limits Limits) (*outcome, error) {
	fs, err := Open(ctx, bytes.NewReader(raw), int64(len(raw)), limits)
	if err != nil {
		return nil, err
	}
	o := &outcome{fs: fs, nodes: map[string]node{}}
	first := map[uint32]string{}
	err = fs.Walk(ctx, func(e *Entry) error {
		path := e.Name
		if e.Parent >= 0 {
			path = o.paths[e.Parent] + "/" + e.Name
		}
		if e.Index != len(o.paths) {
			return fmt.Errorf("entry %q has index %d, not %d", path, e.Index, len(o.paths))
		}
		o.paths, o.entries = append(o.paths, path), append(o.entries, e)
		n := node{Type: e.Type.String(), Mode: e.Mode, UID: e.UID, GID: e.GID, MTime: e.MTime, NS: int64(e.MTimeNS), Nlink: e.Nlink, Size: e.Size, Link: e.Link, Major: e.Major, Minor: e.Minor}
		for _, x := range e.Xattrs {
			n.Xattrs += fmt.Sprintf("%s=%x ", x.Name, x.Value)
		}
		if e.Type == File {
			h := sha256.New()
			size, err := fs.WriteContent(ctx, io.MultiWriter(&stopper{left: 256 << 20}, h), e)
			if err != nil {
				n.Digest = err.Error()
			} else if n.Digest = hex.EncodeToString(h.Sum(nil)); size != e.Size {
				n.Digest = fmt.Sprintf("%d bytes", size)
			}
		}
		if e.Type != Dir {
			if p, ok := first[e.Inode]; ok {
				n.Same = p
			} else {
				first[e.Inode] = path
			}
		}
		o.nodes[path] = n
		return nil
	})
	for _, p := range fs.Problems() {
		o.problems = append(o.problems, p.String())
	}
	return o, err
}

// source lists a folder of the host in the same way.
func source(t testing.TB, root string) map[string]node {
	t.Helper()
	nodes, first := map[string]node{}, map[uint64]string{}
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		n := node{Type: modeTypes[st.Mode>>12].String(), Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, MTime: st.Mtim.Sec, NS: st.Mtim.Nsec, Nlink: uint32(st.Nlink)}
		switch modeTypes[st.Mode>>12] {
		case File:
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			h := sha256.New()
			if n.Size, err = io.Copy(h, f); err != nil {
				return err
			}
			n.Digest = hex.EncodeToString(h.Sum(nil))
		case Symlink:
			if n.Link, err = os.Readlink(path); err != nil {
				return err
			}
		case Block, Char:
			n.Major, n.Minor = unix.Major(st.Rdev), unix.Minor(st.Rdev)
		}
		n.Xattrs = hostXattrs(path)
		rel := strings.TrimPrefix(path, root)
		if n.Type != "dir" {
			if p, ok := first[st.Ino]; ok {
				n.Same = p
			} else {
				first[st.Ino] = rel
			}
		}
		nodes[rel] = n
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return nodes
}

func hostXattrs(path string) string {
	buf := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, buf)
	if err != nil || n == 0 {
		return ""
	}
	names := strings.Split(strings.TrimRight(string(buf[:n]), "\x00"), "\x00")
	slices.Sort(names)
	s := ""
	for _, name := range names {
		n, err := unix.Lgetxattr(path, name, buf)
		if err != nil {
			continue
		}
		s += fmt.Sprintf("%s=%x ", name, buf[:n])
	}
	return s
}

// folder makes a folder with one of everything that the host lets us make.
func folder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	fill(t, dir)
	return dir
}

func fill(t testing.TB, dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(name string, data []byte, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(dir, name)
		must(os.MkdirAll(filepath.Dir(path), 0o755))
		must(os.WriteFile(path, data, 0o600))
		must(os.Chmod(path, mode))
	}
	put("empty", nil, 0o644)
	put("tiny", []byte("tiny\n"), 0o600)
	for _, n := range []int{59, 60, 61, 150, 1023, 1024, 1025, 4096, 65536, 65537, 300_000, 1_500_000} {
		put(fmt.Sprintf("sizes/%d", n), noise(n), 0o640)
	}
	put("bin/su", noise(5000), 0o755|os.ModeSetuid)
	put("bin/wall", noise(5001), 0o755|os.ModeSetgid)
	put("bin/ping", noise(5002), 0o755)
	put("tmp/sticky/x", []byte("x"), 0o666)
	must(os.Chmod(filepath.Join(dir, "tmp/sticky"), 0o777|os.ModeSticky))
	put("names/\xff\xfe not UTF-8 \n", []byte("raw"), 0o644)
	put("names/"+strings.Repeat("n", 255), []byte("long"), 0o644)
	put("a/b/c/d/e/f/g/h/deep", []byte("deep"), 0o444)
	for i := range 700 {
		put(fmt.Sprintf("many/file with a rather long name number %03d", i), []byte(strconv.Itoa(i)), 0o644)
	}
	for _, n := range []int{1, 58, 59, 60, 61, 200, 1000} {
		must(os.Symlink(strings.Repeat("t", n), filepath.Join(dir, fmt.Sprintf("link%d", n))))
	}
	must(os.Link(filepath.Join(dir, "tiny"), filepath.Join(dir, "bin/hard link")))
	must(os.Link(filepath.Join(dir, "sizes/300000"), filepath.Join(dir, "zz")))
	must(unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	sparse(t, filepath.Join(dir, "sparse"), 70<<20)
	for name, value := range map[string]string{"user.short": "v", "user.empty": "", "user.longer": strings.Repeat("x", 300)} {
		must(unix.Setxattr(filepath.Join(dir, "tiny"), name, []byte(value), 0))
		must(unix.Setxattr(filepath.Join(dir, "bin"), name, []byte(value), 0))
	}
	if os.Geteuid() == 0 {
		privileged(t, dir)
	}
	when := time.Unix(1_700_000_000, 0)
	must(filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		when = when.Add(time.Second)
		tv := []unix.Timeval{{Sec: when.Unix()}, {Sec: when.Unix()}}
		return unix.Lutimes(path, tv)
	}))
}

// privileged adds what only root can make.
func privileged(t testing.TB, dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(unix.Mknod(filepath.Join(dir, "null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	must(unix.Mknod(filepath.Join(dir, "disk"), unix.S_IFBLK|0o660, int(unix.Mkdev(259, 70_000))))
	must(os.Lchown(filepath.Join(dir, "sizes/1024"), 1000, 70_000))
	must(os.Lchown(filepath.Join(dir, "link60"), 1_000_000, 3))
	must(os.Lchown(filepath.Join(dir, "a/b"), 65534, 65534))
	tool(t, "setcap", "cap_net_raw+ep", filepath.Join(dir, "bin/ping"))
	must(unix.Setxattr(filepath.Join(dir, "sizes/1025"), "security.selinux", []byte("system_u:object_r:etc_t:s0\x00"), 0))
	must(unix.Setxattr(filepath.Join(dir, "sizes/1025"), "trusted.overlay.opaque", []byte("y"), 0))
}

// sparse makes a file with a few blocks of data far from each other, as far as a triple indirect block with blocks of 1 KiB.
func sparse(t testing.TB, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, off := range []int64{5000, 300 << 10, 700 << 10, 40 << 20, 66 << 20, size - 9000} { // mke2fs 1.47.0 forgets a hole at the end when there is inline_data
		if off < size {
			if _, err := f.WriteAt(noise(9000), off); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
}

// noise returns bytes that repeat only after a long time; the same for the same n.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(n)*2654435761 + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

// fix runs a tool whose exit code 1 means that it changed something.
func fix(t testing.TB, name string, args ...string) {
	t.Helper()
	out, err := exec.Command("/usr/sbin/"+name, args...).CombinedOutput()
	if err != nil && err.(*exec.ExitError).ExitCode() > 1 {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
