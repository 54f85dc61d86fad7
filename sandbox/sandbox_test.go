//go:build linux

package sandbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// In a child this test binary is the program.
func TestMain(m *testing.M) {
	if Main([]Task{
		{"echo", func(_ context.Context, in io.Reader, out, _ io.Writer) error { _, err := io.Copy(out, in); return err }},
		{"hash", func(_ context.Context, in io.Reader, out, _ io.Writer) error {
			h := sha256.New()
			_, err := io.Copy(h, in)
			fmt.Fprintf(out, "%x", h.Sum(nil))
			return err
		}},
		{"count", func(_ context.Context, in io.Reader, out, _ io.Writer) error {
			n, err := io.Copy(io.Discard, in)
			fmt.Fprint(out, n)
			return err
		}},
		{"behave", behave},
		{"attack", attack},
	}) {
		return
	}
	if len(os.Args) == 3 && os.Args[1] == "middle" {
		middle(os.Args[2])
		syscall.Exit(0) // without the second that the race detector waits
		return
	}
	if len(os.Args) > 2 && os.Args[1] == "refuse" {
		refuse(os.Args[2:])
		syscall.Exit(0)
		return
	}
	os.Exit(m.Run())
}

// behave does what its input says.
func behave(_ context.Context, in io.Reader, out, progress io.Writer) error {
	b, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	what, arg, _ := strings.Cut(string(b), " ")
	switch what {
	case "fail":
		return errors.New("bad\x1b[31m bytes")
	case "panic":
		panic("so\x07 be it")
	case "panic-elsewhere":
		go panic("elsewhere")
		forever()
	case "exit":
		fmt.Fprintf(os.Stderr, "last \x1b words\n")
		os.Exit(7)
	case "die": // only a process that is not the first of its namespace can do this to itself
		return unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGKILL)
	case "flood":
		for {
			if _, err := out.Write(make([]byte, 1<<16)); err != nil {
				return err
			}
		}
	case "rubbish":
		_, err := unix.Write(fdControl, []byte(arg))
		return err
	case "late":
		_ = writeFrame(os.NewFile(fdControl, ""), []byte{outcomeDone})
		_, err := unix.Write(fdControl, []byte(arg))
		return err
	case "print":
		fmt.Println("printed by mistake")
		fmt.Fprintln(progress, "half done")
		fmt.Fprint(out, "result")
		return nil
	case "sleep":
		fmt.Fprintln(progress, "asleep")
		forever()
	case "read":
		b, err := os.ReadFile(arg)
		fmt.Fprintf(out, "%s", b)
		return err
	case "owner":
		st, err := os.Stat(arg)
		if err == nil {
			fmt.Fprint(out, st.Sys().(*syscall.Stat_t).Uid)
		}
		return err
	case "list":
		list, err := os.ReadDir(arg)
		for _, e := range list {
			fmt.Fprintln(out, e.Name())
		}
		return err
	case "temp":
		f, err := os.CreateTemp(arg, "probat-")
		if err != nil {
			return err
		}
		if err := os.Remove(f.Name()); err != nil {
			return err
		}
		if _, err := f.WriteString("kept"); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(arg, "made"), []byte("made"), 0o600); err != nil {
			return err
		}
		// The writer of a dossier: makes a folder beside, opens it to others, puts it into its place.
		dir, err := os.MkdirTemp(arg, "new-")
		if err != nil {
			return err
		}
		d, err := os.Open(dir)
		if err != nil {
			return err
		}
		defer d.Close()
		if err := errors.Join(d.Chmod(0o755), d.Sync(), os.Rename(dir, filepath.Join(arg, "placed"))); err != nil {
			return err
		}
		return errors.Join(os.Remove(filepath.Join(arg, "placed")), f.Close())
	case "lock": // holds a lock for as long as it lives
		f, err := os.Create(arg)
		if err != nil {
			return err
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
			return err
		}
		fmt.Fprintln(progress, "locked")
		forever()
	}
	return fmt.Errorf("behave how? %q", b)
}

// forever waits for the end of the process.
func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

func run(t *testing.T, task, in string, o Options) (string, error) {
	t.Helper()
	var out bytes.Buffer
	_, err := Run(t.Context(), task, strings.NewReader(in), &out, o)
	return out.String(), err
}

func TestTasks(t *testing.T) {
	if got, err := run(t, "echo", "bytes", Options{Require: Partial}); err != nil || got != "bytes" {
		t.Errorf("echo: %q, %v", got, err)
	}
	var progress, stderr bytes.Buffer
	got, err := run(t, "behave", "print", Options{Progress: &progress, Stderr: &stderr})
	if err != nil || got != "result" || progress.String() != "half done\n" || !strings.HasSuffix(stderr.String(), "printed by mistake\n") /* the race detector has words of its own */ {
		t.Errorf("out %q, progress %q, stderr %q, %v", got, progress.String(), stderr.String(), err)
	}
	if _, err := Run(t.Context(), "count", nil, io.Discard, Options{Procs: 1}); err != nil {
		t.Errorf("no input: %v", err)
	}
	if _, err := Probe(t.Context()); err != nil {
		t.Errorf("probe: %v", err)
	}
}

func TestFailures(t *testing.T) {
	for _, test := range []struct {
		in, text, stderr string
		kind             Kind
		o                Options
	}{
		{in: "fail", kind: Failed, text: `bad\x1b[31m bytes`},
		{in: "panic", kind: Failed, text: `panic: so\x07 be it`, stderr: "behave("},
		{in: "panic-elsewhere", kind: Died, text: "exit status 2", stderr: "elsewhere"},
		{in: "exit", kind: Died, text: "exit status 7", stderr: `last \x1b words`},
		{in: "die", kind: Died, text: "signal: killed", o: Options{without: []Protection{PIDNamespace}}},
		{in: "flood", kind: TooMuch, text: "more than 100000 bytes", o: Options{OutLimit: 100000}},
		{in: "rubbish \xff\xff\xff\xff", kind: Rubbish, text: "4294967295 bytes"},
		{in: "rubbish \x00\x00\x00\x00", kind: Rubbish, text: "an empty outcome"},
		{in: "rubbish \x09\x00\x00\x00", kind: Failed}, // takes the true outcome into its own, longer one, and fails all the same
		{in: "late x", kind: Rubbish, text: "words after the outcome"},
		{in: "read /etc/passwd", kind: Failed},
	} {
		_, err := run(t, "behave", test.in, test.o)
		e := (*Error)(nil)
		if !errors.As(err, &e) || !strings.Contains(e.Text, test.text) || !strings.Contains(e.Stderr, test.stderr) {
			t.Errorf("%q: got %v", test.in, err)
			continue
		}
		if e.Kind != test.kind && test.in != "rubbish \x09\x00\x00\x00" {
			t.Errorf("%q: got kind %s, want %s", test.in, e.Kind, test.kind)
		}
		if strings.ContainsAny(err.Error(), "\x1b\x07") {
			t.Errorf("%q: control bytes in %q", test.in, err)
		}
	}
	if _, err := run(t, "no such task", "", Options{}); err == nil || !strings.Contains(err.Error(), "no such task") {
		t.Errorf("unknown task: %v", err)
	}
}

// broken fails after some bytes.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error)  { return 0, b.err }
func (b broken) Write([]byte) (int, error) { return 0, b.err }

func TestCallersErrors(t *testing.T) {
	ours := errors.New("the disk is gone")
	if _, err := Run(t.Context(), "echo", broken{ours}, io.Discard, Options{}); !errors.Is(err, ours) {
		t.Errorf("reading: %v", err)
	}
	if _, err := Run(t.Context(), "echo", strings.NewReader("x"), broken{ours}, Options{}); !errors.Is(err, ours) {
		t.Errorf("writing: %v", err)
	}
	if _, err := Run(t.Context(), "behave", strings.NewReader("print"), io.Discard, Options{Progress: broken{ours}}); !errors.Is(err, ours) {
		t.Errorf("progress: %v", err)
	}
	for _, o := range []Options{
		{Read: []string{"/no/such/file"}},
		{Write: []string{"/no/such/folder"}},
		{Write: []string{"/proc/self/exe"}},
		{Read: []string{""}},
		{MemoryLimit: 1 << 20},
		{Files: 3},
		{OutLimit: -1},
		{Procs: -1},
	} {
		if _, err := Run(t.Context(), "echo", nil, io.Discard, o); err == nil || errors.As(err, new(*Error)) {
			t.Errorf("%+v: got %v", o, err)
		}
	}
}

// cancels ends a context as soon as the child says something.
type cancels func()

func (c cancels) Write(b []byte) (int, error) { c(); return len(b), nil }

func TestEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Run(ctx, "behave", strings.NewReader("sleep"), io.Discard, Options{Progress: cancels(cancel)})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while it ran: %v", err)
	}
	if _, err := Run(ctx, "echo", nil, io.Discard, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	for n := range 20 { // somewhere while it starts
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*time.Millisecond)
		if _, err := Run(ctx, "behave", strings.NewReader("sleep"), io.Discard, Options{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended after %d ms: %v", n, err)
		}
		cancel()
	}
}

// TestNothingLeft: no descriptor, no goroutine, no process stays behind, however a run ends.
func TestNothingLeft(t *testing.T) {
	count := func() (descriptors, goroutines int) {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list), runtime.NumGoroutine()
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the collector closes forgotten files
	_, _ = run(t, "echo", "warm", Options{})
	d0, g0 := count()
	for range 3 {
		for _, in := range []string{"fail", "exit", "flood", "rubbish \xff\xff\xff\xff", "print"} {
			_, _ = run(t, "behave", in, Options{OutLimit: 10})
		}
		_, _ = run(t, "echo", "x", Options{Require: Full, without: []Protection{Landlock}})
		ctx, cancel := context.WithCancel(t.Context())
		_, _ = Run(ctx, "behave", strings.NewReader("sleep"), io.Discard, Options{Progress: cancels(cancel)})
	}
	deadline := time.Now().Add(10 * time.Second)
	for { // a goroutine is counted for a moment after its last line
		d, g := count()
		if d <= d0 && g <= g0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors and %d goroutines, %d and %d before", d, g, d0, g0)
		}
		runtime.Gosched()
	}
	if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); !errors.Is(err, syscall.ECHILD) {
		t.Errorf("a child is left: %d, %v", pid, err)
	}
}

func TestPaths(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file, inFolder := write("product.img", "image"), write("folder/etc/passwd", "root")
	write("beside", "secret")
	folder := filepath.Join(dir, "folder")
	link, out := filepath.Join(dir, "link"), filepath.Join(folder, "out")
	if err := errors.Join(os.Symlink(folder, link), os.Mkdir(filepath.Join(dir, "work"), 0o755), os.Symlink(filepath.Join(dir, "beside"), out)); err != nil {
		t.Fatal(err)
	}
	o := Options{Read: []string{file, link, "/dev/null"}, Write: []string{filepath.Join(dir, "work")}, Require: Partial}
	for in, want := range map[string]string{
		"read " + file:                       "image",
		"read " + link + "/etc/passwd":       "root",
		"list " + link:                       "etc\nout\n",
		"read /dev/null":                     "",
		"temp " + filepath.Join(dir, "work"): "",
	} {
		if got, err := run(t, "behave", in, o); err != nil || got != want {
			t.Errorf("%s: got %q, want %q, %v", in, got, want, err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "work/made")); string(b) != "made" {
		t.Errorf("what the child made: %q, %v", b, err)
	}
	for _, in := range []string{"read " + link + "/out", "read " + filepath.Join(dir, "beside"), "list " + dir + "/..", "list /", "temp " + folder} {
		if got, err := run(t, "behave", in, o); err == nil {
			t.Errorf("%s: got %q", in, got)
		}
	}
	_ = inFolder
	nested := Options{Read: []string{dir}, Write: []string{filepath.Join(dir, "work")}}
	if _, err := run(t, "behave", "temp "+filepath.Join(dir, "work"), nested); err != nil {
		t.Errorf("a folder to write inside one to read: %v", err)
	}
	if _, err := run(t, "behave", "temp "+folder, nested); err == nil {
		t.Error("a folder to read beside one to write was written to")
	}
}

// TestOwners: what root's child sees of files of others is what root sees; another user has to choose.
func TestOwners(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 1234, 1234); err != nil {
			t.Fatal(err)
		}
		if got, err := run(t, "behave", "read "+path, Options{Read: []string{path}}); got != "theirs" {
			t.Errorf("root's child reads %q, %v", got, err)
		}
		if got, err := run(t, "behave", "owner "+path, Options{Read: []string{path}}); got != "1234" {
			t.Errorf("root's child sees owner %q, %v", got, err)
		}
		return
	}
	var out bytes.Buffer
	r, err := Run(t.Context(), "behave", strings.NewReader("owner /etc"), &out, Options{Read: []string{"/etc"}})
	if err != nil || r.Owners != (out.String() == "0") {
		t.Errorf("owner of /etc %q, report says %t, %v", out.String(), r.Owners, err)
	}
	out.Reset()
	r, err = Run(t.Context(), "behave", strings.NewReader("owner /etc"), &out, Options{Read: []string{"/etc"}, Owners: true})
	if err != nil || out.String() != "0" || !r.Owners || r.Level != Partial {
		t.Errorf("with Owners: owner of /etc %q, %s, %v", out.String(), r, err)
	}
}

// middle is a process whose child holds a lock.
func middle(path string) {
	_, err := Run(context.Background(), "behave", strings.NewReader("lock "+path), io.Discard, Options{Write: []string{filepath.Dir(path)}, Progress: os.Stdout})
	fmt.Println("ended", err)
}

// TestParentKilled: a child ends with its parent, even if that is killed.
func TestParentKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := os.StartProcess("/proc/self/exe", []string{"test", "middle", path}, &os.ProcAttr{Files: []*os.File{nil, w, os.Stderr}})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 7)
	if _, err := io.ReadFull(r, said); err != nil || string(said) != "locked\n" {
		t.Fatalf("the child says %q, %v", said, err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Fatalf("the lock is not held: %v", err)
	}
	if err := errors.Join(p.Kill(), func() error { _, err := p.Wait(); return err }()); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		if time.Now().After(deadline) {
			t.Fatal("the child still holds its lock")
		}
		runtime.Gosched()
	}
}

func BenchmarkEmpty(b *testing.B) {
	for b.Loop() {
		if _, err := Probe(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkInput moves one GiB into a child.
func BenchmarkInput(b *testing.B) {
	const size = 1 << 30
	b.SetBytes(size)
	for b.Loop() {
		if _, err := Run(b.Context(), "count", io.LimitReader(zeros{}, size), io.Discard, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }
