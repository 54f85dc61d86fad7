package work

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// spoil does something bad to the folder of JetStream.
var spoil = map[string]func(t *testing.T, dir string){
	"removed":       func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "jetstream")) },
	"whole removed": func(t *testing.T, dir string) { remove(t, dir) },
	"stream removed": func(t *testing.T, dir string) {
		remove(t, filepath.Join(dir, "jetstream", "$G", "streams", "probat"))
	},
	"consumers removed": func(t *testing.T, dir string) {
		remove(t, filepath.Join(dir, "jetstream", "$G", "streams", "probat", "obs"))
	},
	"messages removed": func(t *testing.T, dir string) {
		remove(t, filepath.Join(dir, "jetstream", "$G", "streams", "probat", "msgs"))
	},
	"garbage": func(t *testing.T, dir string) {
		files(t, dir, func(path string, old []byte) []byte {
			for i := range old {
				old[i] = byte(rand.Uint32())
			}
			return old
		})
	},
	"cut": func(t *testing.T, dir string) {
		files(t, dir, func(_ string, old []byte) []byte { return old[:len(old)/2] })
	},
	"empty": func(t *testing.T, dir string) { files(t, dir, func(string, []byte) []byte { return nil }) },
	"a file in its place": func(t *testing.T, dir string) {
		remove(t, filepath.Join(dir, "jetstream"))
		must(t, os.WriteFile(filepath.Join(dir, "jetstream"), []byte("x"), 0o600))
	},
}

// remove also removes what a running server puts there in the meantime.
func remove(t *testing.T, path string) {
	t.Helper()
	err := os.RemoveAll(path)
	for errors.Is(err, syscall.ENOTEMPTY) {
		err = os.RemoveAll(path)
	}
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// files rewrites every file below dir. Files come and go while a server runs.
func files(t *testing.T, dir string, change func(path string, old []byte) []byte) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		old, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		return os.WriteFile(path, change(path, old), 0o600)
	}))
}

// TestSpoiltWhileClosed: messages lie in the folder, it is spoilt, and everything runs, once, with JetStream dispatching in the end.
func TestSpoiltWhileClosed(t *testing.T) {
	for name, bad := range spoil {
		t.Run(name, func(t *testing.T) {
			jobs := newTable()
			dir := filepath.Join(t.TempDir(), "queue")
			q := open(t, jobs, func(c *Config) { c.Dir, c.Every = dir, long })
			q.stopTaking() // messages are to stay
			q.tasks.Wait()
			for _, id := range ids("j", 50) {
				jobs.add(id)
				if _, err := q.js.Publish(t.Context(), q.subject("job", id), []byte(id)); err != nil {
					t.Fatal(err)
				}
			}
			closed(t, q)
			bad(t, dir)
			q = open(t, jobs, func(c *Config) { c.Dir = dir })
			jobs.waitDone(t)
			healthy(t, q)
			jobs.add("after")
			publish(t, q, "after")
			jobs.waitDone(t)
			jobs.once(t, true)
		})
	}
}

// TestSpoiltWhileRunning does it again and again between jobs.
func TestSpoiltWhileRunning(t *testing.T) {
	for name, bad := range spoil {
		t.Run(name, func(t *testing.T) {
			jobs := newTable()
			dir := filepath.Join(t.TempDir(), "queue")
			q := open(t, jobs, func(c *Config) { c.Dir = dir })
			for i, id := range ids("j", 120) {
				jobs.add(id)
				publish(t, q, id)
				if i%40 == 20 {
					bad(t, dir)
				}
			}
			jobs.waitDone(t)
			healthy(t, q)
			jobs.once(t, true)
		})
	}
}

// TestRemovedIsNoticed: a server goes on with the open files of a folder that is gone; without any job, the reconciler sees it.
func TestRemovedIsNoticed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "queue")
	q := open(t, newTable(), func(c *Config) { c.Dir = dir })
	q.mu.Lock()
	changed := q.changed
	q.mu.Unlock()
	remove(t, dir)
	select {
	case <-changed:
	case <-time.After(20 * time.Second):
		t.Fatal("nobody noticed")
	}
	healthy(t, q)
	must(t, q.server.alive("probat"))
}

// TestFolderOfNoUse: where no folder can be made the queue polls, and says so; when it can be, JetStream comes.
func TestFolderOfNoUse(t *testing.T) {
	jobs := newTable()
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	q := open(t, jobs, func(c *Config) { c.Dir = filepath.Join(file, "queue") })
	jobs.add(ids("j", 100)...)
	publish(t, q, ids("j", 100)...)
	jobs.waitDone(t)
	if err := q.Err(); !errors.Is(err, ErrNoStream) {
		t.Errorf("Err is %v", err)
	}
	must(t, os.Remove(file))
	healthy(t, q)
	jobs.once(t, true)
}

// TestDiskFull: a file system of 1 MB that something else has filled, from the start or in the middle, and that has room again.
func TestDiskFull(t *testing.T) {
	for name, before := range map[string]bool{"from the start": true, "in the middle": false} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
				t.Skipf("a small file system needs the right to mount: %v", err)
			}
			t.Cleanup(func() { must(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
			fill := func() {
				f, err := os.Create(filepath.Join(dir, "ballast"))
				must(t, err)
				for err == nil {
					_, err = f.Write(make([]byte, 4<<10))
				}
				if !errors.Is(err, syscall.ENOSPC) {
					t.Fatal(err)
				}
				must(t, f.Close())
			}
			jobs := newTable()
			if before {
				fill()
			}
			q := open(t, jobs, func(c *Config) { c.Dir = filepath.Join(dir, "queue") })
			for i, id := range ids("j", 200) {
				if i == 50 && !before {
					fill()
				}
				jobs.add(id)
				publish(t, q, id)
			}
			jobs.waitDone(t)
			if err := q.Err(); before && !errors.Is(err, ErrNoStream) {
				t.Errorf("Err is %v", err)
			}
			must(t, os.Remove(filepath.Join(dir, "ballast")))
			healthy(t, q)
			jobs.once(t, true)
		})
	}
}

// TestReopen closes the queue at random moments, impatiently, and opens it again on the same folder; sometimes the folder is gone.
func TestReopen(t *testing.T) {
	jobs := newTable()
	dir := filepath.Join(t.TempDir(), "queue")
	for i, id := range ids("j", 60) {
		jobs.add(id)
		if i%6 != 0 {
			continue
		}
		q := open(t, jobs, func(c *Config) {
			c.Dir = dir
			c.Run = func(ctx context.Context, id, worker string) {
				wait := time.NewTimer(time.Duration(rand.IntN(20)) * time.Millisecond)
				defer wait.Stop()
				select {
				case <-wait.C:
					jobs.finish(id, worker)
				case <-ctx.Done():
				}
			}
		})
		publish(t, q, id)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(30))*time.Millisecond)
		if err := q.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		cancel()
		if chance(0.2) {
			must(t, os.RemoveAll(dir))
		}
	}
	open(t, jobs, func(c *Config) { c.Dir = dir })
	jobs.waitDone(t)
	jobs.once(t, false)
	if jobs.refused != 0 {
		t.Errorf("%d results were refused: jobs ran twice at once", jobs.refused)
	}
}
