package blob

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func openDirOf(t *testing.T, path string, options ...Option) *dir {
	t.Helper()
	s, err := Open(t.Context(), path, options...)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*dir)
}

func temps(t *testing.T, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(path, tempDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, filepath.Join(path, tempDir, e.Name()))
	}
	return names
}

// tmpfs mounts a small file system; only root can.
func tmpfs(t *testing.T, kib int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	path := t.TempDir()
	if err := syscall.Mount("tmpfs", path, "tmpfs", 0, fmt.Sprintf("size=%dk", kib)); err != nil {
		t.Skipf("mounting a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(path, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return path
}

// wantFull writes until nothing more goes in, and looks whether all that was acknowledged is there and nothing else is. makeRoom makes room.
func wantFull(t *testing.T, path string, makeRoom func()) {
	ctx := t.Context()
	s := openDirOf(t, path)
	content := strings.Repeat("x", 20000)
	if err := s.Replace(ctx, "checkpoint", []byte("old")); err != nil {
		t.Fatal(err)
	}
	var err error
	n := 0
	for ; n < 1000 && err == nil; n++ {
		err = s.Put(ctx, fmt.Sprintf("n/%04d", n), []byte(content[:20000+n]))
		content += "y"
	}
	n--
	if !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
	if err := s.Replace(ctx, "checkpoint", []byte(content)); !errors.Is(err, ErrFull) {
		t.Errorf("replacing: got %v, want ErrFull", err)
	}
	wantGet(t, s, "checkpoint", "old")
	if got := len(strings.Fields(list(t, s, "n/"))); got != n {
		t.Errorf("%d objects, %d were acknowledged", got, n)
	}
	for i := range n {
		if got, err := s.Get(ctx, fmt.Sprintf("n/%04d", i), 1<<20); err != nil || len(got) != 20000+i {
			t.Errorf("object %d: %d bytes, %v", i, len(got), err)
		}
	}
	if left := temps(t, path); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
	makeRoom()
	if err := s.Put(ctx, fmt.Sprintf("n/%04d", n), []byte(content)); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestDiskFull(t *testing.T) {
	path := tmpfs(t, 256)
	ballast := filepath.Join(path, ".ballast")
	if err := os.WriteFile(ballast, make([]byte, 100<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	wantFull(t, path, func() {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	})
}

// again runs the named test of this binary once more, in a process of its own with an environment variable set.
func again(t *testing.T, test, variable, value string) error {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$")
	cmd.Env = append(os.Environ(), variable+"="+value)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Logf("%s: %v\n%s", test, err, out)
	}
	return err
}

// TestFileTooLarge is the same with a limit on the size of files, for which nobody has to be root.
func TestFileTooLarge(t *testing.T) {
	const variable = "PROBAT_TEST_FILE_LIMIT"
	path := os.Getenv(variable)
	if path == "" {
		if err := again(t, "TestFileTooLarge", variable, t.TempDir()); err != nil {
			t.Error(err)
		}
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 20010, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	wantFull(t, path, func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
			t.Fatal(err)
		}
	})
}

func TestReadOnly(t *testing.T) {
	ctx := t.Context()
	path := tmpfs(t, 256)
	s := openDirOf(t, path)
	if err := s.Put(ctx, "a", []byte("a")); err != nil {
		t.Fatal(err)
	}
	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("tmpfs", path, "tmpfs", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(syscall.MS_RDONLY)
	for what, err := range map[string]error{
		"Put": s.Put(ctx, "b", nil), "Replace": s.Replace(ctx, "a", nil), "Delete": s.Delete(ctx, "a"), "deep": s.Put(ctx, "c/d", nil),
	} {
		if !errors.Is(err, ErrReadOnly) {
			t.Errorf("%s: got %v, want ErrReadOnly", what, err)
		}
	}
	ro := openDirOf(t, path)
	wantGet(t, ro, "a", "a")
	if got := list(t, ro, ""); got != "a" {
		t.Errorf("got %q", got)
	}
	remount(0)
	if err := s.Put(ctx, "b", []byte("b")); err != nil {
		t.Error(err)
	}
}

// TestKilled: a process ends between the complete temporary file and its name.
func TestKilled(t *testing.T) {
	const variable = "PROBAT_TEST_KILLED"
	if path := os.Getenv(variable); path != "" {
		s := openDirOf(t, path)
		s.linked = func(string, string) error {
			return syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		}
		t.Fatal(s.Put(t.Context(), "a/b", []byte("new")))
	}
	path := t.TempDir()
	if err := again(t, "TestKilled", variable, path); err == nil {
		t.Fatal("it was not killed")
	}
	s := openDirOf(t, path)
	if got := list(t, s, ""); got != "" {
		t.Errorf("there is %q", got)
	}
	left := temps(t, path)
	if len(left) != 1 {
		t.Fatalf("left over: %q; a young one may be in use and stays", left)
	}
	// One whose name was made, but not removed.
	if err := s.Put(t.Context(), "c", []byte("c")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(path, "c"), filepath.Join(path, tempDir, "linked")); err != nil {
		t.Fatal(err)
	}
	for _, p := range temps(t, path) {
		if err := os.Chtimes(p, time.Time{}, time.Now().Add(-2*staleAfter)); err != nil {
			t.Fatal(err)
		}
	}
	s = openDirOf(t, path)
	if left := temps(t, path); len(left) > 0 {
		t.Errorf("not swept: %q", left)
	}
	wantGet(t, s, "c", "c")
	if err := s.Put(t.Context(), "a/b", []byte("other")); err != nil {
		t.Errorf("the same name again: %v", err)
	}
}

// TestFlushed: before Put says that an object is there, every folder on the way to it has been flushed, also when somebody else made it.
func TestFlushed(t *testing.T) {
	path := t.TempDir()
	s := openDirOf(t, path)
	var flushed []string
	watch := func(s *dir) { s.synced = func(folder string) { flushed = append(flushed, folder) } }
	put := func(s *dir, name string, want ...string) {
		t.Helper()
		flushed = nil
		if err := s.Put(t.Context(), name, []byte(name)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(flushed, want) {
			t.Errorf("%s: flushed %q, want %q", name, flushed, want)
		}
	}
	watch(s)
	put(s, "a/b/c", ".", "a", "a/b")
	put(s, "a/b/d", "a/b")
	put(s, "a/b/d", "a/b")
	put(s, "x", ".")
	other := openDirOf(t, path)
	watch(other)
	put(other, "a/b/d", ".", "a", "a/b")
}

func TestModes(t *testing.T) {
	for _, c := range []struct {
		options      []Option
		file, folder os.FileMode
	}{
		{[]Option{Create}, 0o644, 0o755},
		{[]Option{Create, Private}, 0o600, 0o700},
	} {
		old := syscall.Umask(0o022)
		path := filepath.Join(t.TempDir(), "new")
		s := openDirOf(t, path, c.options...)
		err := errors.Join(s.Put(t.Context(), "a/b", nil), s.Replace(t.Context(), "checkpoint", nil))
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]os.FileMode{"": c.folder, "a": c.folder, "a/b": c.file, "checkpoint": c.file, tempDir: 0o700} {
			if info, err := os.Stat(filepath.Join(path, name)); err != nil || info.Mode().Perm() != want {
				t.Errorf("%q: %v, %v; want %v", name, info.Mode(), err, want)
			}
		}
	}
}

// TestStays: nothing that somebody puts into the folder leads out of it or holds a reader up.
func TestStays(t *testing.T) {
	ctx := t.Context()
	outside, path := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := errors.Join(os.WriteFile(secret, []byte("secret"), 0o600), os.Symlink(outside, filepath.Join(path, "out")),
		os.Symlink(secret, filepath.Join(path, "file")), syscall.Mkfifo(filepath.Join(path, "pipe"), 0o600),
		os.Mkdir(filepath.Join(path, "UPPER"), 0o700), os.WriteFile(filepath.Join(path, "UPPER", "a"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	s := openDirOf(t, path)
	for _, name := range []string{"out/secret", "file", "pipe"} {
		if got, err := s.Get(ctx, name, 100); err == nil {
			t.Errorf("%s: read %q", name, got)
		}
		if err := s.Put(ctx, name, []byte("mine")); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	for _, err := range []error{s.Put(ctx, "out/new", nil), s.Replace(ctx, "out/secret", nil), s.Delete(ctx, "out/secret")} {
		if err == nil {
			t.Error("outside of the folder something was changed")
		}
	}
	if got := list(t, s, ""); got != "" {
		t.Errorf("listed: %q", got)
	}
	if err := s.Replace(ctx, "file", []byte("mine")); err != nil {
		t.Error(err)
	}
	wantGet(t, s, "file", "mine")
	if got, err := os.ReadFile(secret); err != nil || !bytes.Equal(got, []byte("secret")) {
		t.Errorf("the file outside: %q, %v", got, err)
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
		t.Errorf("outside: %v, %v", entries, err)
	}
	if err := s.Put(ctx, "file/below", nil); err == nil || errors.Is(err, ErrNotExist) {
		t.Errorf("below an object: %v", err)
	}
}
