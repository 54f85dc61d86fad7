package dossier

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// names lists a folder, hidden files too.
func names(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return strings.Join(out, " ")
}

// TestReplace holds what may be replaced and what not.
func TestReplace(t *testing.T) {
	old := sample(t)
	old.Manifest.AsOf = "2020-01-01"
	c := sample(t)
	for name, p := range map[string]struct {
		prepare func(dir string) error
		refused bool
	}{
		"nothing":       {func(string) error { return nil }, false},
		"empty folder":  {func(dir string) error { return os.Mkdir(dir, 0o700) }, false},
		"older dossier": {func(dir string) error { return Write(dir, old) }, false},
		"with reports": {func(dir string) error {
			return errors.Join(Write(dir, old), os.WriteFile(dir+"/report.sarif", nil, 0o600), os.WriteFile(dir+"/beside.txt", nil, 0o600))
		}, false},
		"newer dossier": {func(dir string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(dir+"/dossier.json", []byte(`{"format":"probat-dossier/2"}`), 0o600))
		}, false},
		"with a stranger": {func(dir string) error {
			return errors.Join(Write(dir, old), os.WriteFile(dir+"/notes.txt", nil, 0o600))
		}, true},
		"folder": {func(dir string) error { return errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(dir+"/x", nil, 0o600)) }, true},
		"other JSON": {func(dir string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(dir+"/dossier.json", []byte(`{}`), 0o600))
		}, true},
		"linked manifest": {func(dir string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.Symlink("/dev/zero", dir+"/dossier.json"))
		}, true},
		"file":             {func(dir string) error { return os.WriteFile(dir, nil, 0o600) }, true},
		"link to a folder": {func(dir string) error { return errors.Join(os.Mkdir(dir+"x", 0o700), os.Symlink(dir+"x", dir)) }, true},
		"hanging link":     {func(dir string) error { return os.Symlink("nothing", dir) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "d")
			must(t, p.prepare(dir))
			before := names(t, parent)
			err := Write(dir, c, Beside{"beside.txt", func(w io.Writer, _ *Contents) error { return nil }})
			if p.refused {
				if !errors.Is(err, ErrOccupied) || !errors.Is(Replaceable(dir), ErrOccupied) {
					t.Errorf("got %v", err)
				}
				if got := names(t, parent); got != before {
					t.Errorf("%s became %s", before, got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Check(dir, []string{"beside.txt"}); err != nil {
				t.Error(err)
			}
			if got := names(t, parent); got != "d" {
				t.Errorf("beside the dossier there is %s", got)
			}
			if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o755 {
				t.Errorf("the folder's mode is %v, %v", st.Mode(), err)
			}
		})
	}
	for _, bad := range []string{"", "a/b", "..", ".", "dossier.json", "facts"} {
		if err := Write(filepath.Join(t.TempDir(), "d"), c, Beside{bad, nil}); err == nil || !strings.Contains(err.Error(), "no name for a file beside it") {
			t.Errorf("a file named %q: %v", bad, err)
		}
	}
}

// TestReplaceInOneStep reads while a dossier is replaced again and again: there is always a whole one.
func TestReplaceInOneStep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	a, b := sample(t), sample(t)
	b.Manifest.AsOf = "2020-01-01"
	must(t, Write(dir, a))
	if err := exchange(dir, dir); err != nil {
		t.Skip("this file system exchanges no folders in one step: ", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			if _, err := os.Lstat(filepath.Join(dir, ManifestName)); err != nil {
				t.Errorf("for a moment there is no dossier: %v", err)
				return
			}
		}
	})
	for i := range 20 {
		c := a
		if i%2 == 0 {
			c = b
		}
		must(t, Write(dir, c))
	}
	stop()
	wg.Wait()
}

// TestAside holds the way without an exchange: the older one steps aside, and comes back when the move fails.
func TestAside(t *testing.T) {
	parent := t.TempDir()
	path := func(name string) string { return filepath.Join(parent, name) }
	must(t, errors.Join(os.Mkdir(path("d"), 0o700), os.WriteFile(path("d/old"), nil, 0o600), os.Mkdir(path("tmp"), 0o700), os.WriteFile(path("tmp/new"), nil, 0o600)))
	if _, err := aside(path("nothing"), path("d")); err == nil || names(t, path("d")) != "old" || names(t, parent) != "d tmp" {
		t.Errorf("after a move that failed: %v, %s", err, names(t, parent))
	}
	old, err := aside(path("tmp"), path("d"))
	if err != nil || names(t, path("d")) != "new" || names(t, old) != "old" {
		t.Errorf("got %q, %v", old, err)
	}
	must(t, os.Mkdir(path("tmp"), 0o700))
	if old, err := aside(path("tmp"), path("e")); old != "" || err != nil {
		t.Errorf("where nothing was: %q, %v", old, err)
	}
}

// TestWriteFails holds that where writing fails nothing is left behind, and an older dossier stays whole.
func TestWriteFails(t *testing.T) {
	old := sample(t)
	old.Manifest.AsOf = "2020-01-01"
	check := func(t *testing.T, parent string, want error, wasThere bool, write func(dir string) error) {
		t.Helper()
		dir := filepath.Join(parent, "d")
		before := names(t, parent)
		var was map[string]string
		if wasThere {
			was = files(t, dir)
		}
		if err := write(dir); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		if got := names(t, parent); got != before {
			t.Errorf("%q became %q", before, got)
		}
		if wasThere {
			if diff := cmp.Diff(was, files(t, dir)); diff != "" {
				t.Errorf("the older dossier changed\n%s", diff)
			}
		}
	}
	for _, wasThere := range []bool{false, true} {
		name := map[bool]string{false: "nothing there", true: "older there"}[wasThere]
		prepare := func(t *testing.T, parent string) {
			if wasThere {
				must(t, Write(filepath.Join(parent, "d"), old))
			}
		}
		t.Run(name+", report fails", func(t *testing.T) {
			parent := t.TempDir()
			prepare(t, parent)
			check(t, parent, io.ErrShortWrite, wasThere, func(dir string) error {
				return Write(dir, sample(t), Beside{"report.html", func(io.Writer, *Contents) error { return io.ErrShortWrite }})
			})
		})
		t.Run(name+", full disk", func(t *testing.T) {
			parent := tmpfs(t, "size=256k")
			prepare(t, parent)
			big := sample(t)
			big.Tree = bytes.Repeat(big.Tree, 1000)
			check(t, parent, syscall.ENOSPC, wasThere, func(dir string) error { return Write(dir, big) })
			if wasThere {
				if _, err := Check(filepath.Join(parent, "d"), nil); err != nil {
					t.Error(err)
				}
			}
		})
		t.Run(name+", no more files", func(t *testing.T) {
			parent := tmpfs(t, "size=4m,nr_inodes=45")
			prepare(t, parent)
			for i := range 30 {
				_ = os.WriteFile(filepath.Join(parent, "f"+strings.Repeat("x", i)), nil, 0o600)
			}
			check(t, parent, syscall.ENOSPC, wasThere, func(dir string) error { return Write(dir, sample(t)) })
		})
	}
	t.Run("read-only folder", func(t *testing.T) {
		parent, want := t.TempDir(), fs.ErrPermission
		if os.Geteuid() == 0 { // whom rights do not stop
			parent = tmpfs(t, "size=256k")
			must(t, syscall.Mount("none", parent, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
			want = syscall.EROFS
		} else {
			must(t, os.Chmod(parent, 0o500))
			t.Cleanup(func() { _ = os.Chmod(parent, 0o700) })
		}
		check(t, parent, want, false, func(dir string) error { return Write(dir, sample(t)) })
	})
	t.Run("missing folder", func(t *testing.T) {
		check(t, t.TempDir(), fs.ErrNotExist, false, func(dir string) error { return Write(filepath.Join(dir, "x"), sample(t)) })
	})
}

// tmpfs mounts a small file system for a test; who is not root cannot, and the test is skipped.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, options); err != nil {
		if os.Geteuid() != 0 || errors.Is(err, fs.ErrPermission) {
			t.Skip("mounting needs root: ", err)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}
