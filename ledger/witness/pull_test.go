package witness

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
)

// lab is the lab's end of pull: its files behind a real connection, and its collector.
type lab struct {
	dir       string
	server    *httptest.Server
	collector *Collector
	lines     []proof.SignatureLine // that were collected
	asked     map[string]int
}

func newLab(t *testing.T, b *bench) *lab {
	t.Helper()
	x := &lab{dir: t.TempDir(), asked: map[string]int{}}
	var err error
	x.collector, err = NewCollector(CollectorConfig{
		Origin: origin, Keys: b.Keys(), Now: b.clock.Now,
		Accept: func(_ context.Context, c proof.Checkpoint, lines []proof.SignatureLine) error {
			shown, err := os.ReadFile(filepath.Join(x.dir, "checkpoint"))
			if err != nil || !strings.HasPrefix(string(shown), c.Body()+"\n") {
				return ErrUnknownCheckpoint
			}
			s, err := proof.ParseSigned(shown)
			if err != nil {
				return err
			}
			x.lines = append(x.lines, lines...)
			writeFile(t, filepath.Join(x.dir, "checkpoint"), s.With(lines...).Bytes()) // republished
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /cosignatures", x.collector)
	files := http.FileServer(http.Dir(x.dir))
	mux.HandleFunc("GET /", func(rw http.ResponseWriter, r *http.Request) {
		x.asked[r.URL.Path]++
		files.ServeHTTP(rw, r)
	})
	x.server = httptest.NewServer(mux)
	t.Cleanup(x.server.Close)
	return x
}

func (x *lab) config() PullConfig {
	return PullConfig{Origin: origin, Source: x.server.URL, Post: x.server.URL}
}

func TestPull(t *testing.T) {
	l := newLog(t, origin, "", 70000, 70000)
	b := newBench(t, l.public())
	x := newLab(t, b)
	public := t.TempDir()
	for i, size := range []int64{0, 1, 200, 256, 257, 3000, 65536, 70000} {
		l.write(t, x.dir, size)
		c := x.config()
		c.Publish = public
		clear(x.asked)
		p, err := b.Pull(t.Context(), c)
		if err != nil {
			t.Fatalf("%d leaves: %v", size, err)
		}
		if p.Checkpoint.Checkpoint != l.at(t, size).Checkpoint || !p.Advanced || p.Stale || len(p.Lines) != 2 {
			t.Errorf("%d leaves: %+v", size, p)
		}
		if len(x.lines) != 2*(i+1) {
			t.Errorf("%d leaves: %d lines collected", size, len(x.lines))
		}
		if len(x.asked) > 12 {
			t.Errorf("%d leaves: %d files fetched", size, len(x.asked))
		}
		shown, err := os.ReadFile(filepath.Join(public, OriginHash(origin), "checkpoint"))
		if err != nil || string(shown) != string(p.Checkpoint.Bytes()) {
			t.Errorf("%d leaves: published %s, error %v", size, shown, err)
		}
		// Once more: the source shows our lines, so there is nothing to do.
		b.clock.add(time.Hour)
		again, err := b.Pull(t.Context(), c)
		if err != nil || again.Advanced || len(x.lines) != 2*(i+1) {
			t.Errorf("%d leaves, again: %+v, error %v", size, again, err)
		}
	}
	if n := len(b.events.of(EventCosigned)); n != 8 {
		t.Errorf("%d cosigned", n)
	}
	b.restart(t)
	if got := b.Latest(origin).Size; got != 70000 {
		t.Errorf("after a restart %d", got)
	}
}

// The lab's collector was away: the next round brings the same lines.
func TestPullDeliversLater(t *testing.T) {
	l := newLog(t, origin, "", 20, 20)
	b := newBench(t, l.public())
	x := newLab(t, b)
	l.write(t, x.dir, 9)
	c := x.config()
	c.Post = x.server.URL + "/nowhere"
	p, err := b.Pull(t.Context(), c)
	if !errors.Is(err, ErrStatus) || p == nil || p.Checkpoint.Size != 9 {
		t.Fatalf("pulled %+v, error %v", p, err)
	}
	b.clock.add(24 * time.Hour)
	if _, err := b.Pull(t.Context(), x.config()); err != nil {
		t.Fatal(err)
	}
	if len(x.lines) != 2 {
		t.Errorf("%d lines collected", len(x.lines))
	}
	// Late lines land although the log has gone on, as long as it keeps the checkpoint; here it does not.
	l.write(t, x.dir, 12)
	note := l.at(t, 9).With(p.Lines...)
	if _, err := x.collector.Collect(t.Context(), note.Bytes()); !errors.Is(err, ErrUnknownCheckpoint) {
		t.Errorf("error %v", err)
	}
}

// Without any connection: the witness reads a folder and leaves its lines in another, which the lab reads.
func TestPullFolders(t *testing.T) {
	l := newLog(t, origin, "", 2000, 2000)
	b := newBench(t, l.public())
	x := newLab(t, b)
	exchange := t.TempDir()
	c := PullConfig{Origin: origin, Source: x.dir, Post: exchange}
	if n, err := x.collector.Folder(t.Context(), exchange); n != 0 || err != nil {
		t.Errorf("%d lines, error %v", n, err)
	}
	for i, size := range []int64{700, 1500} {
		l.write(t, x.dir, size)
		if err := os.RemoveAll(filepath.Join(x.dir, "tile/0/002.p")); err != nil { // partial tiles go when full ones are there
			t.Fatal(err)
		}
		if size == 700 {
			l.write(t, x.dir, size)
		}
		if _, err := b.Pull(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if n, err := x.collector.Folder(t.Context(), exchange); n != 2 || err != nil || len(x.lines) != 2*(i+1) {
			t.Errorf("%d lines, error %v", n, err)
		}
	}
	writeFile(t, filepath.Join(exchange, cosignatureFile("witness.example/w1")), []byte("garbage"))
	if n, err := x.collector.Folder(t.Context(), exchange); n != 0 || err == nil {
		t.Errorf("%d lines, error %v", n, err)
	}
}

// Partial tiles may be taken away when the full ones are there.
func TestPullFullForPartial(t *testing.T) {
	l := newLog(t, origin, "", 512, 512)
	b := newBench(t, l.public())
	dir := t.TempDir()
	l.write(t, dir, 100)
	if _, err := b.Pull(t.Context(), PullConfig{Origin: origin, Source: dir}); err != nil {
		t.Fatal(err)
	}
	l.write(t, dir, 512)
	writeFile(t, filepath.Join(dir, "checkpoint"), l.at(t, 300).Bytes())
	for _, partial := range []string{"tile/0/000.p", "tile/0/001.p"} {
		if err := os.RemoveAll(filepath.Join(dir, partial)); err != nil {
			t.Fatal(err)
		}
	}
	data, err := tlog.ReadTileData(tlog.Tile{H: 8, L: 1, N: 0, W: 1}, l)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "tile/1/000.p/1"), data)
	p, err := b.Pull(t.Context(), PullConfig{Origin: origin, Source: dir})
	if err != nil || p.Checkpoint.Size != 300 {
		t.Errorf("pulled %+v, error %v", p, err)
	}
}

func TestPullRefuses(t *testing.T) {
	l, fork := newLog(t, origin, "", 3000, 3000), newLog(t, origin, "x", 700, 3000)
	type setup struct {
		b   *bench
		dir string
	}
	begin := func(t *testing.T) setup {
		s := setup{newBench(t, l.public()), t.TempDir()}
		l.write(t, s.dir, 1000)
		if _, err := s.b.Pull(t.Context(), PullConfig{Origin: origin, Source: s.dir}); err != nil {
			t.Fatal(err)
		}
		return s
	}
	pull := func(t *testing.T, s setup) error {
		t.Helper()
		p, err := s.b.Pull(t.Context(), PullConfig{Origin: origin, Source: s.dir, Post: filepath.Join(s.dir, "must not be used")})
		if err == nil || p != nil {
			t.Fatalf("pulled %+v, error %v", p, err)
		}
		if s.b.Latest(origin).Size != 1000 {
			t.Fatal("what was cosigned has changed")
		}
		return err
	}
	convicted := func(t *testing.T, s setup, err error) *proof.Equivocation {
		t.Helper()
		var f *ForkError
		if !errors.As(err, &f) || f.Equivocation.Check() != nil {
			t.Fatalf("error %v", err)
		}
		if _, err := os.Stat(filepath.Join(s.b.dir, f.File)); err != nil {
			t.Error(err)
		}
		return s.b.convicts(t, l)
	}
	t.Run("longer, other history", func(t *testing.T) {
		s := begin(t)
		fork.write(t, s.dir, 2000)
		if e := convicted(t, s, pull(t, s)); e.A.Size != 1000 || e.B.Size != 2000 || len(e.Hashes) == 0 {
			t.Errorf("sizes %d and %d", e.A.Size, e.B.Size)
		}
	})
	t.Run("same size, other history", func(t *testing.T) {
		s := begin(t)
		fork.write(t, s.dir, 1000)
		convicted(t, s, pull(t, s))
	})
	t.Run("shorter, other history", func(t *testing.T) { // the tiles of the longer one are still there
		s := begin(t)
		writeFile(t, filepath.Join(s.dir, "checkpoint"), fork.at(t, 900).Bytes())
		if e := convicted(t, s, pull(t, s)); e.A.Size != 900 || e.B.Size != 1000 {
			t.Errorf("sizes %d and %d", e.A.Size, e.B.Size)
		}
	})
	t.Run("shorter, other history, all tiles replaced", func(t *testing.T) {
		s := begin(t)
		if err := os.RemoveAll(filepath.Join(s.dir, "tile")); err != nil {
			t.Fatal(err)
		}
		fork.write(t, s.dir, 900)
		if err := pull(t, s); !errors.Is(err, ErrRolledBack) {
			t.Errorf("error %v", err)
		}
		if len(s.b.evidence(t, equivocationExt)) != 0 || len(s.b.evidence(t, conflictExt)) != 1 {
			t.Error("kept: something else than a conflict")
		}
		// As soon as the other history outgrows ours, or ours can be read again, the conflict becomes a proof.
		other := s
		other.dir = t.TempDir()
		l.write(t, other.dir, 1500)
		_, err := s.b.Pull(t.Context(), PullConfig{Origin: origin, Source: other.dir})
		if e := convicted(t, s, err); e.A.Body() != fork.at(t, 900).Body() {
			t.Errorf("convicted by %s", e.A.Body())
		}
		if n := len(s.b.evidence(t, conflictExt)); n != 0 {
			t.Errorf("%d conflicts left", n)
		}
		if got := s.b.Latest(origin).Size; got != 1500 {
			t.Errorf("%d leaves are cosigned", got)
		}
	})
	t.Run("shorter, same history", func(t *testing.T) {
		s := begin(t)
		writeFile(t, filepath.Join(s.dir, "checkpoint"), l.at(t, 900).Bytes())
		if err := pull(t, s); !errors.Is(err, ErrRolledBack) {
			t.Errorf("error %v", err)
		}
		if len(s.b.evidence(t, equivocationExt)) != 0 || len(s.b.evidence(t, conflictExt)) != 0 {
			t.Error("evidence of nothing")
		}
	})
	t.Run("empty again", func(t *testing.T) {
		s := begin(t)
		writeFile(t, filepath.Join(s.dir, "checkpoint"), l.at(t, 0).Bytes())
		if err := pull(t, s); !errors.Is(err, ErrRolledBack) {
			t.Errorf("error %v", err)
		}
	})
	for name, damage := range map[string]func(t *testing.T, dir string){
		"no tiles": func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, "tile")); err != nil {
				t.Fatal(err)
			}
		},
		"tile flipped": func(t *testing.T, dir string) {
			name := filepath.Join(dir, "tile/0/003")
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			b[3000] ^= 1
			writeFile(t, name, b)
		},
		"tile cut":    func(t *testing.T, dir string) { writeFile(t, filepath.Join(dir, "tile/0/003"), make([]byte, 31)) },
		"tile longer": func(t *testing.T, dir string) { writeFile(t, filepath.Join(dir, "tile/0/003"), make([]byte, 8193)) },
		"tiles of the other history": func(t *testing.T, dir string) {
			fork.write(t, dir, 2000)
			writeFile(t, filepath.Join(dir, "checkpoint"), l.at(t, 2000).Bytes())
		},
		"no checkpoint": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "checkpoint")); err != nil {
				t.Fatal(err)
			}
		},
		"checkpoint of another log": func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, "checkpoint"), newLog(t, "log.other.example", "", 9, 9).at(t, 9).Bytes())
		},
		"checkpoint by nobody": func(t *testing.T, dir string) {
			s := l.at(t, 2000)
			s.Lines[0].Signature[0] ^= 1
			writeFile(t, filepath.Join(dir, "checkpoint"), s.Bytes())
		},
		"checkpoint is a folder": func(t *testing.T, dir string) {
			if err := errors.Join(os.Remove(filepath.Join(dir, "checkpoint")), os.Mkdir(filepath.Join(dir, "checkpoint"), 0o755)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			l.write(t, s.dir, 2000)
			damage(t, s.dir)
			if err := pull(t, s); errors.As(err, new(*ForkError)) || errors.Is(err, ErrRolledBack) {
				t.Errorf("error %v", err)
			}
			if len(s.b.evidence(t, equivocationExt)) != 0 || len(s.b.evidence(t, conflictExt)) != 0 {
				t.Error("evidence of nothing")
			}
		})
	}
	t.Run("another log that is witnessed", func(t *testing.T) {
		other := newLog(t, "log.other.example", "", 9, 9)
		b := newBench(t, l.public(), other.public())
		dir := t.TempDir()
		other.write(t, dir, 9)
		if _, err := b.Pull(t.Context(), PullConfig{Origin: origin, Source: dir}); err == nil || b.Latest(other.origin) != nil {
			t.Errorf("error %v", err)
		}
	})
	t.Run("unknown log", func(t *testing.T) {
		s := begin(t)
		if _, err := s.b.Pull(t.Context(), PullConfig{Origin: "log.other.example", Source: s.dir}); err == nil {
			t.Error("no error")
		}
		if _, err := s.b.Pull(t.Context(), PullConfig{Origin: origin, Source: filepath.Join(s.dir, "none")}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("error %v", err)
		}
	})
}

// What a push left behind as a conflict is settled by the next pull, for or against the log.
func TestPullSettlesConflicts(t *testing.T) {
	l, fork := newLog(t, origin, "", 3000, 3000), newLog(t, origin, "x", 700, 3000)
	for name, tt := range map[string]struct {
		pushed  *request
		convict bool
	}{
		"fork":         {&request{old: 1000, hashes: fork.prove(t, 1000, 1200), note: fork.at(t, 1200)}, true},
		"broken proof": {&request{old: 1000, note: l.at(t, 1200)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, l.public())
			dir := t.TempDir()
			b.cosigned(t, b.add(l.request(t, 0, 1000)), l.at(t, 1000).Checkpoint)
			want(t, b.add(tt.pushed), 422)
			l.write(t, dir, 1100) // too small to tell
			if _, err := b.Pull(t.Context(), PullConfig{Origin: origin, Source: dir}); err != nil || len(b.evidence(t, conflictExt)) != 1 {
				t.Fatalf("error %v", err)
			}
			l.write(t, dir, 1300)
			_, err := b.Pull(t.Context(), PullConfig{Origin: origin, Source: dir})
			if tt.convict != errors.As(err, new(*ForkError)) || (err != nil) != tt.convict {
				t.Errorf("error %v", err)
			}
			if tt.convict {
				b.convicts(t, l)
			}
			if n := len(b.evidence(t, conflictExt)); n != 0 {
				t.Errorf("%d conflicts left", n)
			}
			if got := b.Latest(origin).Size; got != 1300 {
				t.Errorf("%d leaves are cosigned", got)
			}
		})
	}
}

// A source that shows the same for a day is reported, and the report ends when it goes on.
func TestPullStale(t *testing.T) {
	l := newLog(t, origin, "", 20, 20)
	b := newBench(t, l.public())
	x := newLab(t, b)
	l.write(t, x.dir, 9)
	c := x.config()
	c.MaxAge = 24 * time.Hour
	since := b.clock.Now()
	for hour := range 26 {
		p, err := b.Pull(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if p.Stale != (hour > 24) || !p.Since.Equal(since) {
			t.Errorf("after %d hours: %+v", hour, p)
		}
		b.clock.add(time.Hour)
		if hour == 12 {
			writeFile(t, filepath.Join(x.dir, "checkpoint"), l.at(t, 9).Bytes()) // without our lines: cosigned anew, and still as old
			b.restart(t)
		}
	}
	if n := len(b.events.of(EventStale)); n != 1 {
		t.Errorf("%d reports", n)
	}
	l.write(t, x.dir, 10)
	if p, err := b.Pull(t.Context(), c); err != nil || p.Stale {
		t.Errorf("pulled %+v, error %v", p, err)
	}
}

// While a pull reads tiles the log pushes: the pull sees it and compares with what was cosigned meanwhile.
func TestPullAndPush(t *testing.T) {
	l := newLog(t, origin, "", 400, 400)
	b := newBench(t, l.public())
	dir := t.TempDir()
	l.write(t, dir, 399)
	files, pushed := http.FileServer(http.Dir(dir)), int64(1)
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/tile/") && pushed < 100 {
			if rec := b.add(l.request(t, pushed, 100)); rec.Code != 200 {
				t.Errorf("status %d: %s", rec.Code, rec.Body)
			}
			pushed = 100
		}
		files.ServeHTTP(rw, r)
	}))
	defer srv.Close()
	b.cosigned(t, b.add(l.request(t, 0, 1)), l.at(t, 1).Checkpoint)
	p, err := b.Pull(t.Context(), PullConfig{Origin: origin, Source: srv.URL})
	if err != nil || p.Checkpoint.Size != 399 || pushed != 100 {
		t.Errorf("pulled %+v, error %v, pushed %d", p, err, pushed)
	}
	if n := len(b.evidence(t, conflictExt)) + len(b.evidence(t, equivocationExt)); n != 0 {
		t.Errorf("%d files of evidence", n)
	}
}
