package unpack

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/probat-lab/probat/tree"
)

// nested is a release with something of every format in every other, small and large, sound and not.
func nested(t testing.TB) []byte {
	t.Helper()
	files := []inTar{
		{"text", bytes.Repeat([]byte("text "), 100)},
		{"noise", noise(3, 5000)},
		{"large", mixed(5, memoryLimit+7000)},
	}
	for i := range 40 {
		files = append(files, inTar{fmt.Sprintf("d%d/f%d", i%5, i), mixed(uint64(i), 200*i)})
	}
	tarred := makeTar(t, files...)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in-cpio"), []byte("cpio"), 0o600); err != nil {
		t.Fatal(err)
	}
	cpio := command(t, dir, []byte("in-cpio"), "cpio", "-o", "--quiet", "-H", "newc")
	parts := []inTar{{"a.tar", tarred}, {"plain", []byte("plain")}, {"a.cpio", append(cpio, storedGzip(cpio)...)}}
	for _, tool := range [][]string{{"gzip", "-c"}, {"bzip2", "-c"}, {"xz", "-c", "-0"}, {"zstd", "-c"}, {"lz4", "-c"}, {"xz", "--format=lzma", "-0", "-c"}} {
		z := command(t, "", tarred, tool[0], tool[1:]...)
		parts = append(parts, inTar{"t." + tool[0] + fmt.Sprint(len(tool)), z}, inTar{"cut." + tool[0] + fmt.Sprint(len(tool)), z[:len(z)/2]})
	}
	zipped := makeZip(t, zip.Deflate, parts...)
	return makeTar(t, append(parts, inTar{"x.zip", zipped}, inTar{"cut.zip", zipped[:len(zipped)-5]})...)
}

func TestSameForAnyNumberOfWorkers(t *testing.T) {
	b := nested(t)
	p := filepath.Join(t.TempDir(), "artifact")
	if err := os.WriteFile(p, b, 0o600); err != nil {
		t.Fatal(err)
	}
	full := walkPath(t, p, Config{Workers: 1})
	var decoded int64
	for _, n := range full.Nodes {
		decoded += max(n.Size, 0)
	}
	budgets := []Budget{{}, {Depth: 1}, {Depth: 2}}
	for i := range int64(4) {
		budgets = append(budgets, Budget{Entries: int64(len(full.Nodes)) * (i + 1) / 5}, Budget{Bytes: decoded * (i + 1) / 5})
	}
	for _, budget := range budgets {
		first := ""
		for _, workers := range []int{1, 2, 64} {
			w := whole(t, walkPath(t, p, Config{Workers: workers, Budget: budget}))
			switch {
			case first == "":
				first = w
			case w != first:
				t.Fatalf("budget %+v: %d workers give another tree:\n%s", budget, workers, difference(first, w))
			}
		}
		if budget != (Budget{}) && !strings.Contains(first, " budget ") {
			t.Errorf("budget %+v of %d nodes, %d bytes left nothing out", budget, len(full.Nodes), decoded)
		}
	}
}

func difference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return x[i] + "\n" + y[i]
		}
	}
	return fmt.Sprintf("%d and %d lines", len(x), len(y))
}

func TestVisitorSeesInnermostBytes(t *testing.T) {
	b := nested(t)
	var first []string
	for _, workers := range []int{1, 8} {
		v := newSeen()
		tr := walkBytes(t, b, Config{Visitor: v, Workers: workers})
		slices.Sort(v.list)
		for _, l := range v.list {
			if strings.HasSuffix(l, "false") {
				t.Errorf("shown other bytes than hashed: %s", l)
			}
		}
		leaves := 0
		for i := range tr.Nodes {
			n := &tr.Nodes[i]
			if _, _, known := n.Innermost(); n.Type == tree.File && known && n.Account == nil {
				leaves++
			}
		}
		if first == nil {
			first = v.list
		}
		if leaves > len(v.list) || !slices.Equal(first, v.list) || len(v.list) < 300 {
			t.Errorf("%d workers: %d files shown, %d leaves", workers, len(v.list), leaves)
		}
	}
}

// Damage at any place ends in no panic, and the account still adds up (walkBytes checks it).
func TestDamageAnywhere(t *testing.T) {
	var samples [][]byte
	for _, s := range seeds(t) {
		samples = append(samples, s)
	}
	samples = append(samples, makeTar(t, inTar{"a", mixed(1, 3000)}, inTar{"b.zip", makeZip(t, zip.Deflate, inTar{"c", mixed(2, 3000)}, inTar{"d", nil})}))
	r := rand.New(rand.NewPCG(1, 2))
	budget := Config{Budget: Budget{Bytes: 8 << 20, Entries: 500}}
	p := filepath.Join(t.TempDir(), "artifact")
	for i, s := range samples {
		for range 60 {
			b := bytes.Clone(s)
			switch r.IntN(3) {
			case 0:
				b = b[:r.IntN(len(b))]
			case 1:
				for range 1 + r.IntN(4) {
					b[r.IntN(len(b))] ^= 1 << r.IntN(8)
				}
			case 2:
				at := r.IntN(len(b))
				copy(b[at:], noise(r.Uint64(), 1+r.IntN(64)))
			}
			if err := os.WriteFile(p, b, 0o600); err != nil {
				t.Fatal(err)
			}
			walkPath(t, p, budget)
			if t.Failed() {
				t.Fatalf("sample %d", i)
			}
		}
	}
}

// acting is a visitor that does something when it is shown a file.
type acting struct {
	path string
	do   func()
}

func (a *acting) Wants(string, []byte, int64) bool { return true }

func (a *acting) Visit(_ context.Context, path string, _ [32]byte, _ string, _ tree.Content) {
	if path == a.path {
		a.do()
	}
}

func goroutines(t *testing.T, most int) {
	t.Helper()
	for range 100 {
		if runtime.NumGoroutine() <= most {
			return
		}
		time.Sleep(10 * time.Millisecond) // the walk has returned; its goroutines are at their last instruction
	}
	buf := make([]byte, 1<<16)
	t.Errorf("%d goroutines, there were %d\n%s", runtime.NumGoroutine(), most, buf[:runtime.Stack(buf, true)])
}

func TestCancelled(t *testing.T) {
	b := nested(t)
	p := filepath.Join(t.TempDir(), "artifact")
	if err := os.WriteFile(p, b, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, workers := range []int{1, 2, 16} {
		for _, at := range []string{"/plain", "/large", "/d3/f33", "/in-cpio"} {
			before := runtime.NumGoroutine()
			ctx, cancel := context.WithCancel(t.Context())
			v := &acting{at, cancel}
			tr, err := Walk(ctx, []Artifact{{"a", p}}, Config{Workers: workers, Visitor: v})
			if !errors.Is(err, context.Canceled) || tr != nil {
				t.Errorf("%d workers, cancelled at %s: %v", workers, at, err)
			}
			goroutines(t, before)
		}
	}
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=512k"); err != nil {
		t.Fatalf("mounting a small file system (as root): %v", err)
	}
	defer func() { _ = syscall.Unmount(dir, 0) }()
	large := mixed(1, 3<<20)
	zipped := makeZip(t, zip.Store, inTar{"large", large})
	for name, b := range map[string][]byte{
		"tar": makeTar(t, inTar{"large", large}), "tar.gz": storedGzip(makeTar(t, inTar{"large", large})),
		"zip": zipped, "zip in tar": makeTar(t, inTar{"z", zipped}), "gz": storedGzip(large), "zip in gz": storedGzip(zipped),
	} {
		before := runtime.NumGoroutine()
		p := filepath.Join(t.TempDir(), "artifact")
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, workers := range []int{1, 4} {
			tr, err := Walk(t.Context(), []Artifact{{"a", p}}, Config{TempDir: dir, Visitor: newSeen(), Workers: workers})
			if !errors.Is(err, syscall.ENOSPC) || tr != nil {
				t.Errorf("%s, %d workers: %v", name, workers, err)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("%s: left over: %v", name, left)
			}
		}
		goroutines(t, before)
	}
	if _, err := Walk(t.Context(), []Artifact{{"a", os.Args[0]}}, Config{TempDir: filepath.Join(dir, "missing"), Visitor: newSeen()}); err != nil {
		t.Errorf("an artifact needs no temporary file: %v", err)
	}
}

func TestDirectoryThatChanges(t *testing.T) {
	dir := t.TempDir()
	in := func(n string) string { return filepath.Join(dir, n) }
	for i, n := range []string{"a", "b", "c", "d", "e"} {
		if err := os.WriteFile(in(n), bytes.Repeat([]byte(n), 10+i), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(in("sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	v := &acting{"/a", func() {
		f, _ := os.OpenFile(in("a"), os.O_APPEND|os.O_WRONLY, 0)
		_, _ = f.WriteString("more")
		_ = f.Close()
		_ = os.Remove(in("b"))
		_ = os.Remove(in("c"))
		_ = syscall.Mkfifo(in("c"), 0o600)
		_ = os.Remove(in("sub"))
		_ = os.Symlink("/etc", in("sub"))
	}}
	tr := walkPath(t, dir, Config{Workers: 1, Visitor: v})
	wantUnseen(t, tr, "a!/a", "changed")
	wantUnseen(t, tr, "a!/b", "changed")
	if n := tr.Nodes[nodeAt(t, tr, "a!/c")]; n.Type != tree.FIFO {
		t.Errorf("%+v", n)
	}
	if n := tr.Nodes[nodeAt(t, tr, "a!/sub")]; n.Type != tree.Symlink {
		t.Errorf("%+v", n)
	}
}

func TestDirectoryWithSocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tr := walkPath(t, dir, Config{})
	if n := tr.Nodes[nodeAt(t, tr, "a!/socket")]; n.Type != tree.Socket {
		t.Errorf("%+v", n)
	}
	wantNothingUnseen(t, tr)
}

// Several artifacts share one budget, and one that is over it says so.
func TestSeveralArtifacts(t *testing.T) {
	dir := t.TempDir()
	var list []Artifact
	for _, n := range []string{"x", "y", "z"} {
		p := filepath.Join(dir, n)
		if err := os.WriteFile(p, makeTar(t, inTar{n, mixed(1, 200_000)}), 0o600); err != nil {
			t.Fatal(err)
		}
		list = append(list, Artifact{ID: "id/" + n, Path: p})
	}
	var progress Progress
	tr, err := Walk(t.Context(), list, Config{Progress: &progress})
	if err != nil || len(tr.Nodes) != 6 || tr.Address(0) != "id%2Fx" || progress.Files.Load() != 3 || progress.Container() == "" {
		t.Errorf("%v %s %d", err, addresses(tr), progress.Files.Load())
	}
	tr, err = Walk(t.Context(), list, Config{Budget: Budget{Bytes: 600_000}})
	if err != nil {
		t.Fatal(err)
	}
	checkTree(t, tr)
	wantUnseen(t, tr, "id%2Fy", "budget")
	wantUnseen(t, tr, "id%2Fz", "budget")
}
