package unpack

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/probat-lab/probat/tree"
)

// imageTool runs a tool that makes test images.
func imageTool(t testing.TB, stdin, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin", "SOURCE_DATE_EPOCH=1700000000")
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// imageNoise is as even as encrypted bytes and the same on every run.
func imageNoise(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// imageCode is unlike text and unlike noise.
func imageCode(seed byte, n int) []byte {
	b := imageNoise(seed, n)
	for i := range b {
		b[i] = b[i]&0x1f | 0x80
	}
	return b
}

// imageProgram is such bytes of a known format.
func imageProgram(seed byte, n int) []byte {
	b := imageCode(seed, n)
	copy(b, "\x7fELF")
	return b
}

// imageTree makes a root file system with one of each kind of thing in it.
func imageTree(t testing.TB, mark string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(path string, data []byte, mode os.FileMode) {
		path = filepath.Join(root, path)
		check(os.MkdirAll(filepath.Dir(path), 0o755))
		check(os.WriteFile(path, data, 0o600))
		check(os.Chmod(path, mode))
	}
	put("etc/passwd", []byte("root:x:0:0::/root:/bin/sh\n"+mark+":x:1000:1000::/:/bin/sh\n"), 0o644)
	put("etc/shadow", []byte("root:*:1::::::\n"), 0o400)
	put("bin/su", append([]byte("\x7fELF"), imageCode(1, 9000)...), 0o755|os.ModeSetuid)
	put("usr/lib/big", bytes.Repeat([]byte("a line of a large file, longer than what is held in memory\n"), 40_000), 0o644)
	put("usr/lib/empty", nil, 0o644)
	put("usr/share/doc/changes.gz", gzipped(t, []byte("changes\n")), 0o644)
	put("lib/odd/a!b;c%d", []byte("1"), 0o644)
	put("lib/odd/@0x10", []byte("2"), 0o644)
	put("lib/odd/\xff\xfe\n", []byte("3"), 0o644)
	check(os.MkdirAll(filepath.Join(root, "tmp"), 0o755))
	check(os.Chmod(filepath.Join(root, "tmp"), 0o777|os.ModeSticky))
	check(os.Symlink("../bin/su", filepath.Join(root, "usr/su")))
	check(os.Symlink("/"+strings.Repeat("long/", 60), filepath.Join(root, "usr/long")))
	check(os.Link(filepath.Join(root, "bin/su"), filepath.Join(root, "usr/lib/hard")))
	check(os.Link(filepath.Join(root, "usr/lib/big"), filepath.Join(root, "usr/lib/bigger")))
	check(syscall.Mkfifo(filepath.Join(root, "tmp/pipe"), 0o640))
	check(syscall.Setxattr(filepath.Join(root, "bin/su"), "user.note", []byte("blue\x00green"), 0))
	if f, err := os.Create(filepath.Join(root, "usr/lib/sparse")); err != nil {
		t.Fatal(err)
	} else {
		check(f.Truncate(3 << 20))
		_, err := f.WriteAt([]byte("end"), 3<<20-3)
		check(err)
		check(f.Close())
	}
	if os.Geteuid() == 0 {
		check(os.MkdirAll(filepath.Join(root, "dev"), 0o755))
		check(syscall.Mknod(filepath.Join(root, "dev/console"), syscall.S_IFCHR|0o600, 5<<8|1))
		check(syscall.Mknod(filepath.Join(root, "dev/sda"), syscall.S_IFBLK|0o660, 8<<8))
		check(os.Lchown(filepath.Join(root, "etc/shadow"), 7, 70_000))
		// cap_net_raw+ep, as struct vfs_cap_data of revision 2 has it.
		check(syscall.Setxattr(filepath.Join(root, "usr/lib/empty"), "security.capability", []byte("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), 0))
	}
	// From the leaves to the root, so that no directory's time changes again.
	var all []string
	check(filepath.Walk(root, func(p string, _ os.FileInfo, err error) error { all = append(all, p); return err }))
	for i := len(all) - 1; i >= 0; i-- {
		at := unix.Timespec{Sec: 1_600_000_000 + int64(i)}
		check(unix.UtimesNanoAt(unix.AT_FDCWD, all[i], []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW))
	}
	return root
}

func imageSquashfs(t testing.TB, root string, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "image")
	imageTool(t, "", "mksquashfs", append([]string{root, out, "-quiet", "-no-progress"}, args...)...)
	return imageRead(t, out)
}

func imageExt(t testing.TB, root, kind, size string, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "image")
	imageTool(t, "", "mkfs."+kind, append(append([]string{"-q", "-F", "-E", "hash_seed=6a2d1c3e-0000-4000-8000-000000000001", "-U", "6a2d1c3e-0000-4000-8000-000000000002", "-d", root}, args...), out, size)...)
	return imageRead(t, out)
}

func imageRead(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func imageWrite(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// imageWalk walks an artifact named router and checks what holds of every tree.
func imageWalk(t testing.TB, b []byte, cfg Config) *tree.Tree {
	t.Helper()
	return imageWalkPath(t, imageWrite(t, b), cfg)
}

func imageWalkPath(t testing.TB, path string, cfg Config) *tree.Tree {
	t.Helper()
	tr, err := Walk(context.Background(), []Artifact{{ID: "router", Path: path}}, cfg)
	if err != nil {
		t.Fatal(err)
	}
	imageSound(t, tr)
	return tr
}

// imageSound checks that accounts add up and that addresses are unique.
func imageSound(t testing.TB, tr *tree.Tree) {
	t.Helper()
	seen := map[string]bool{}
	for i := range tr.Nodes {
		n := &tr.Nodes[i]
		address := tr.Address(tree.ID(i))
		if seen[address] {
			t.Errorf("two nodes have the address %q", address)
		}
		seen[address] = true
		if a := n.Account; a != nil {
			_, size, known := n.Innermost()
			if n.Type == tree.Dir { // all its bytes are in files
				size = a.Nodes
			}
			if sum := a.Nodes + a.Structure + a.Padding + a.Unobserved; known && sum != size || min(a.Nodes, a.Structure, a.Padding, a.Unobserved) < 0 {
				t.Errorf("%s has %d bytes, the account %d: %+v", address, size, sum, *a)
			}
		}
	}
}

// imageNode returns the node of an address.
func imageNode(t testing.TB, tr *tree.Tree, address string) *tree.Node {
	t.Helper()
	for i := range tr.Nodes {
		if tr.Address(tree.ID(i)) == address {
			return &tr.Nodes[i]
		}
	}
	t.Fatalf("there is no %q among\n%s", address, strings.Join(imageAddresses(tr), "\n"))
	return nil
}

func imageAddresses(tr *tree.Tree) (list []string) {
	for i := range tr.Nodes {
		list = append(list, tr.Address(tree.ID(i)))
	}
	return list
}

// imageHidden lists what is unobserved, as address, offset, length, reason and what is hidden.
func imageHidden(tr *tree.Tree) (list []string) {
	for _, u := range tr.Unobserved {
		list = append(list, fmt.Sprintf("%s %d+%d %s %s: %s", tr.Address(u.Node), u.Offset, u.Length, u.Reason, u.Hides, u.Detail))
	}
	return list
}

// imageListing returns the lines of the listing below an address.
func imageListing(t testing.TB, tr *tree.Tree, address string) []string {
	t.Helper()
	for i := range tr.Nodes {
		if tr.Address(tree.ID(i)) == address {
			var b bytes.Buffer
			if err := tr.WriteListing(&b, tree.ID(i)); err != nil {
				t.Fatal(err)
			}
			return strings.Split(strings.TrimSpace(b.String()), "\n")
		}
	}
	t.Fatalf("there is no %q", address)
	return nil
}

// imageSame walks an artifact with several numbers of workers: the tree has to be the same.
func imageSame(t testing.TB, b []byte) *tree.Tree {
	t.Helper()
	path := imageWrite(t, b)
	first := imageWalkPath(t, path, Config{Workers: 1})
	for _, workers := range []int{2, 64} {
		tr := imageWalkPath(t, path, Config{Workers: workers})
		if d := cmp.Diff(imageListing(t, first, "router"), imageListing(t, tr, "router")); d != "" {
			t.Errorf("with %d workers:\n%s", workers, d)
		}
		if d := cmp.Diff(imageHidden(first), imageHidden(tr)); d != "" {
			t.Errorf("unobserved with %d workers:\n%s", workers, d)
		}
	}
	return first
}

// imageFaults walks all kinds of damaged copies of an image, which must neither panic nor hang nor break an account. Each copy that
// is not the image has to show: in another digest, at least.
func imageFaults(t *testing.T, b []byte, step int) {
	t.Helper()
	for n := 0; n < len(b); n += step {
		imageWalk(t, b[:n], Config{})
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		c := bytes.Clone(b)
		for range 1 + r.IntN(4) {
			c[r.IntN(min(len(c), 1<<uint(9+r.IntN(12))))] ^= byte(1 + r.IntN(255))
		}
		imageWalk(t, c, Config{})
	}
}

// tarOf makes a tar of files: their names and contents by turns, strings or bytes.
func tarOf(t testing.TB, nameAndContent ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(nameAndContent); i += 2 {
		content, ok := nameAndContent[i+1].([]byte)
		if !ok {
			content = []byte(nameAndContent[i+1].(string))
		}
		h := &tar.Header{Name: nameAndContent[i].(string), Size: int64(len(content)), Mode: 0o644, Typeflag: tar.TypeReg}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// imageFuzz walks in order, so that what is covered depends on the input alone.
var imageFuzz = Config{Workers: 1, Budget: Budget{Bytes: 64 << 20, Entries: 10_000}}
