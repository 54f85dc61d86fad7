package unpack

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childEnv names the path that a child process of these tests walks.
const childEnv = "PROBAT_TEST_WALK"

type childReport struct {
	Nodes  int
	Unseen []string // the first few
	Error  string
}

// TestChild is no test: it is what the other tests run in a process of its own.
func TestChild(t *testing.T) {
	path := os.Getenv(childEnv)
	if path == "" {
		t.Skip("runs only as a child of other tests")
	}
	debug.SetMemoryLimit(384 << 20) // as the program does
	var r childReport
	tr, err := Walk(t.Context(), []Artifact{{ID: "a", Path: path}}, Config{})
	if err != nil {
		r.Error = err.Error()
	} else {
		r.Nodes, r.Unseen = len(tr.Nodes), unseen(tr)
		r.Unseen = r.Unseen[:min(len(r.Unseen), 20)]
	}
	fmt.Print("report:")
	_ = json.NewEncoder(os.Stdout).Encode(r)
}

// child walks a path in a child process, as another user if uid is not 0, and returns its peak memory in MiB.
func child(t *testing.T, path string, uid uint32) (r childReport, rss int64, took time.Duration) {
	t.Helper()
	exe := os.Args[0]
	if uid != 0 {
		exe = filepath.Join(t.TempDir(), "test") // where the tests were built nobody else may go
		b, err := os.ReadFile(os.Args[0])
		if err == nil {
			err = os.WriteFile(exe, b, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
		openUp(t, filepath.Dir(exe))
	}
	cmd := exec.Command(exe, "-test.run=^TestChild$", "-test.count=1")
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	cmd.Dir = "/"
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	start := time.Now()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the child: %v\n%s", err, out)
	}
	_, report, _ := strings.Cut(string(out), "report:")
	if err := json.NewDecoder(strings.NewReader(report)).Decode(&r); err != nil {
		t.Fatalf("the child's report: %v\n%s", err, out)
	}
	return r, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss >> 10, time.Since(start)
}

// openUp lets others into a temporary directory.
func openUp(t *testing.T, dir string) {
	t.Helper()
	for d := dir; d != os.TempDir() && len(d) > 4; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDirectoryWithoutRights(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("this test becomes another user: run it as root")
	}
	dir := t.TempDir()
	openUp(t, dir)
	for _, n := range []string{"closed/x", "listed/x", "open/secret", "open/fine"} {
		p := filepath.Join(dir, n)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte("content"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for n, mode := range map[string]os.FileMode{"closed": 0o700, "listed": 0o744, "open/secret": 0o600} {
		if err := os.Chmod(filepath.Join(dir, n), mode); err != nil {
			t.Fatal(err)
		}
	}
	r, _, _ := child(t, dir, 65534)
	got := strings.Join(r.Unseen, "\n")
	for _, want := range []string{"a!/closed unreadable", "a!/listed/x unreadable", "a!/open/secret unreadable"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s %s", want, got, r.Error)
		}
	}
	if strings.Contains(got, "fine") || r.Error != "" {
		t.Errorf("got %s %s", got, r.Error)
	}
	if r, _, _ := child(t, filepath.Join(dir, "closed"), 65534); !strings.Contains(r.Error, "permission denied") {
		t.Errorf("an artifact that may not be read: %+v", r)
	}
}

// manyEntries writes a tar.gz of n entries, each of which has a few bytes if full is set.
func manyEntries(t testing.TB, path string, n int, full bool) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, _ := gzip.NewWriterLevel(f, gzip.BestSpeed)
	w := bufio.NewWriterSize(z, 1<<20)
	var h [1024]byte
	for i := range n {
		clear(h[:])
		copy(h[:], fmt.Sprintf("usr/share/%03d/%04d/file-%07d", i%100, i%1000, i))
		copy(h[100:], "0000644\x000000000\x000000000\x00")
		size, end := 0, 512
		if full {
			size, end = copy(h[512:], fmt.Sprintf("content of %d", i)), 1024
		}
		copy(h[124:], fmt.Sprintf("%011o\x0014000000000\x00        0", size))
		copy(h[257:], "ustar\x0000")
		sum := 0
		for _, c := range h[:512] {
			sum += int(c)
		}
		copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
		if _, err := w.Write(h[:end]); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = w.Write(make([]byte, 1024))
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestMillionEntries(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("writes a tape archive of a million entries; make test runs it without the race detector")
	}
	p := filepath.Join(t.TempDir(), "many.tar.gz")
	manyEntries(t, p, 1_000_000, false)
	r, rss, took := child(t, p, 0)
	t.Logf("%d nodes, %d MiB, %v", r.Nodes, rss, took)
	if r.Nodes > DefaultEntries || r.Nodes < DefaultEntries-2000 || !strings.Contains(strings.Join(r.Unseen, "\n"), "budget") {
		t.Errorf("%d nodes, unobserved %q, %s", r.Nodes, r.Unseen, r.Error)
	}
	limits(t, rss, took)
}

func limits(t *testing.T, rss int64, took time.Duration) {
	t.Helper()
	if rss > 512 && !raceDetector {
		t.Errorf("peak memory %d MiB", rss)
	}
	if took > time.Minute && !raceDetector {
		t.Errorf("it took %v", took)
	}
}
