package ledger

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

func unlocked(c *Config) { c.noLock = true }

// twin opens a second ledger on the same stores, as a second process would.
func (l *lab) twin(change ...func(*Config)) (*lab, error) {
	l.t.Helper()
	c := &lab{t: l.t, dir: l.dir, server: l.server, log: l.log, key: l.key, public: l.public}
	c.connect()
	for _, f := range change {
		f(&c.config)
	}
	var err error
	if c.Ledger, err = Open(l.t.Context(), c.config); err == nil {
		l.t.Cleanup(func() { c.Ledger.Close() })
	}
	return c, err
}

func TestLock(t *testing.T) {
	databases(t, func(t *testing.T, server string) {
		l := newLabAt(t, server)
		if _, err := l.twin(); !errors.Is(err, ErrLocked) {
			t.Fatalf("a second one: %v", err)
		}
		if err := l.Ledger.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := l.twin(); err != nil {
			t.Fatalf("after the first was closed: %v", err)
		}
	})
}

// TestTwoSequencers takes the lock away: one of two ledgers on the same stores stops for good, and there is one history.
func TestTwoSequencers(t *testing.T) {
	databases(t, func(t *testing.T, server string) {
		a := newLabAt(t, server, unlocked)
		b, err := a.twin(unlocked)
		if err != nil {
			t.Fatal(err)
		}
		var g sync.WaitGroup
		var mu sync.Mutex
		acked := map[statement.ID]int64{}
		for _, l := range []*lab{a, b} {
			for range 4 {
				g.Go(func() {
					for i := range 25 {
						e, err := l.Append(t.Context(), l.act(""))
						if err != nil {
							if !errors.Is(err, ErrForked) {
								t.Errorf("not told as a fork: %v", err)
							}
							return
						}
						mu.Lock()
						acked[e.ID] = e.Index
						mu.Unlock()
						if i%10 == 0 {
							_, _ = l.Publish(t.Context())
						}
					}
				})
			}
		}
		g.Wait()
		stopped := 0
		for _, l := range []*lab{a, b} {
			if l.Status().Stopped != nil {
				stopped++
			} else if _, err := l.Publish(t.Context()); err != nil {
				t.Errorf("the one that goes on: %v", err)
			}
		}
		if stopped != 1 {
			t.Fatalf("%d of two stopped, want one", stopped)
		}
		r := a.sound()
		if r.Leaves != int64(len(acked)) {
			t.Errorf("%d leaves, %d were acknowledged", r.Leaves, len(acked))
		}
		for id, index := range acked {
			if e, err := a.Statement(t.Context(), id); err != nil || e.Index != index {
				t.Errorf("act %d: %v", index, err)
			}
		}
	})
}

// TestTwoPublishers has a ledger that never appends sign after another has signed.
func TestTwoPublishers(t *testing.T) {
	a := newLab(t, unlocked)
	a.add(2)
	b, err := a.twin(unlocked)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Publish(t.Context()); !errors.Is(err, ErrForked) {
		t.Fatalf("the second publisher: %v", err)
	}
	if !errors.Is(b.Status().Stopped, ErrForked) {
		t.Errorf("it goes on: %v", b.Status().Stopped)
	}
	a.sound()
}

// saved is a copy of a lab's database, made while the ledger is closed.
func (l *lab) saved() string {
	l.t.Helper()
	dir := folder(l.t)
	l.shut()
	if err := os.CopyFS(dir, os.DirFS(l.dir)); err != nil {
		l.t.Fatal(err)
	}
	l.restart()
	return dir
}

func (l *lab) shut() {
	l.t.Helper()
	if err := errors.Join(l.Ledger.Close(), l.db.Close()); err != nil {
		l.t.Fatal(err)
	}
}

// restart opens the stores again as they are now, and the ledger with the same configuration.
func (l *lab) restart() {
	l.t.Helper()
	if err := l.tryRestart(); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) tryRestart(change ...func(*Config)) error {
	l.t.Helper()
	old := l.config
	l.connect()
	old.DB, old.Tiles = l.config.DB, l.config.Tiles
	l.config = old
	for _, f := range change {
		f(&l.config)
	}
	again, err := Open(l.t.Context(), l.config)
	if err == nil {
		l.Ledger = again
		l.t.Cleanup(func() { again.Close() })
	}
	return err
}

// put puts parts of a saved folder back.
func (l *lab) put(saved string, parts ...string) {
	l.t.Helper()
	for _, part := range parts {
		if err := os.RemoveAll(filepath.Join(l.dir, part)); err != nil {
			l.t.Fatal(err)
		}
		from := filepath.Join(saved, part)
		info, err := os.Stat(from)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			l.t.Fatal(err)
		}
		if info.IsDir() {
			err = os.CopyFS(filepath.Join(l.dir, part), os.DirFS(from))
		} else {
			var b []byte
			if b, err = os.ReadFile(from); err == nil {
				err = os.WriteFile(filepath.Join(l.dir, part), b, 0o600)
			}
		}
		if err != nil {
			l.t.Fatal(err)
		}
	}
}

var database = []string{"lab.sqlite", "lab.sqlite-wal", "lab.sqlite-shm"}

func (l *lab) grow(n int) {
	l.t.Helper()
	l.add(n)
	if _, err := l.Publish(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
}

// TestDatabaseRolledBack puts an older database under a newer tile store.
func TestDatabaseRolledBack(t *testing.T) {
	l := newLab(t)
	l.grow(3)
	before := l.saved()
	l.grow(4)
	published, err := l.tiles.Get(t.Context(), checkpointName, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	l.shut()
	l.put(before, database...)
	if err := l.tryRestart(); !errors.Is(err, ErrBehind) {
		t.Fatalf("an older database: %v", err)
	}
	if err := l.tryRestart(func(c *Config) { c.ReadOnly = true }); err != nil {
		t.Fatalf("for reading: %v", err)
	}
	if _, err := l.Append(t.Context(), l.act("")); !errors.Is(err, ErrReadOnly) {
		t.Errorf("appending: %v", err)
	}
	if _, err := l.Publish(t.Context()); !errors.Is(err, ErrReadOnly) {
		t.Errorf("publishing: %v", err)
	}
	if _, err := l.ByIndex(t.Context(), 2); err != nil {
		t.Errorf("reading: %v", err)
	}
	if r, err := l.Audit(t.Context(), AuditOptions{}); err != nil || r.OK() {
		t.Errorf("the audit finds nothing: %v\n%s", err, r)
	}
	if now, err := l.tiles.Get(t.Context(), checkpointName, 1<<20); err != nil || string(now) != string(published) {
		t.Errorf("the published checkpoint has changed: %v", err)
	}
}

// TestOtherHistory lets an older database grow another way and then meet the tile store of the first: the proof convicts.
func TestOtherHistory(t *testing.T) {
	for name, grown := range map[string]int{"longer": 6, "same": 4, "shorter": 2} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.grow(3)
			before := l.saved()
			l.grow(4)
			l.shut()
			first := folder(t)
			if err := os.CopyFS(first, os.DirFS(l.dir)); err != nil {
				t.Fatal(err)
			}
			l.put(before, append(database, "log")...)
			l.restart() // no witness: nobody can know
			l.grow(grown)
			l.shut()
			l.put(first, "log")
			err := l.tryRestart()
			if grown == 2 {
				if !errors.Is(err, ErrBehind) {
					t.Fatalf("got %v, want ErrBehind", err)
				}
				return
			}
			var fork *ForkError
			if !errors.As(err, &fork) || !errors.Is(err, ErrForked) {
				t.Fatalf("got %v, want a proof", err)
			}
			read, err := proof.ParseEquivocation(fork.Evidence.Bytes())
			if err == nil {
				err = read.Check()
			}
			if err != nil {
				t.Errorf("the proof does not convict: %v", err)
			}
		})
	}
}

// TestOtherHistoryUnsigned: the database went another way and has signed nothing yet: no proof, but no signature either.
func TestOtherHistoryUnsigned(t *testing.T) {
	l := newLab(t)
	l.grow(3)
	before := l.saved()
	l.grow(4)
	l.shut()
	first := folder(t)
	if err := os.CopyFS(first, os.DirFS(l.dir)); err != nil {
		t.Fatal(err)
	}
	l.put(before, append(database, "log")...)
	l.restart()
	l.add(9)
	l.shut()
	l.put(first, "log")
	if err := l.tryRestart(); !errors.Is(err, ErrBehind) || !errors.Is(err, ErrForked) {
		t.Fatalf("got %v", err)
	}
}

// TestSignatureForgotten: the database has the entries and has forgotten that it signed for them; the very same history is taken up again.
func TestSignatureForgotten(t *testing.T) {
	l := newLab(t)
	l.grow(3)
	l.add(4)
	before := l.saved()
	if _, err := l.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.shut()
	l.put(before, database...)
	l.restart()
	if s := l.Status(); s.Published != 7 {
		t.Fatalf("published %d", s.Published)
	}
	l.grow(1)
	l.sound()
}

// TestTilesLost writes everything again into an empty tile store.
func TestTilesLost(t *testing.T) {
	l := newLab(t)
	l.grow(3)
	l.grow(260)
	l.shut()
	if err := os.RemoveAll(filepath.Join(l.dir, "log")); err != nil {
		t.Fatal(err)
	}
	l.restart()
	l.sound()
	l.grow(2)
	l.sound()
	// And with the checkpoint alone, the frontier comes from the database.
	l.shut()
	if err := os.RemoveAll(filepath.Join(l.dir, "log", "tile")); err != nil {
		t.Fatal(err)
	}
	l.restart()
	l.grow(1)
	if r, err := l.Audit(t.Context(), AuditOptions{}); err != nil || r.OK() {
		t.Errorf("nobody misses the tiles: %v", err)
	}
}

// TestTileDamaged opens a ledger whose last tile has changed: the frontier then comes from the database.
func TestTileDamaged(t *testing.T) {
	l := newLab(t)
	l.grow(5)
	l.shut()
	l.flipFile("tile/0/000.p/5", 40)
	l.restart()
	l.grow(1)
	if r := l.audit(AuditOptions{}); len(r.Findings) != 1 || r.Findings[0].Object != "object tile/0/000.p/5" {
		t.Errorf("the audit:\n%s", r)
	}
}

// TestOpenDamaged refuses a database in which entries and head do not fit.
func TestOpenDamaged(t *testing.T) {
	for name, query := range map[string]string{
		"last entry gone": "DELETE FROM ledger_entries WHERE number = 4",
		"size":            "UPDATE ledger_head SET size = 6, signed_size = 5",
		"signed size":     "UPDATE ledger_head SET signed_size = 3",
		"key":             "UPDATE ledger_head SET log_key = 'x'",
	} {
		l := newLab(t)
		l.grow(5)
		l.exec(query)
		l.shut()
		if err := l.tryRestart(); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

// TestHeadMoved changes the head in the database under a running sequencer.
func TestHeadMoved(t *testing.T) {
	l := newLab(t)
	l.grow(3)
	before := l.headNow()
	l.add(2)
	root := before.root()
	if _, err := l.db.ExecContext(t.Context(), "UPDATE ledger_head SET size = $1, root = $2, edge = $3", before.size, root[:], before.bytes()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), l.act("")); !errors.Is(err, ErrForked) || !errors.Is(err, ErrStopped) {
		t.Fatalf("got %v", err)
	}
	if _, err := l.Append(t.Context(), l.act("")); !errors.Is(err, ErrStopped) {
		t.Fatalf("it goes on: %v", err)
	}
	if _, err := l.Publish(t.Context()); !errors.Is(err, ErrStopped) {
		t.Fatalf("it signs: %v", err)
	}
}

// TestReadBack flips a bit of what was appended before it was published: nothing is signed.
func TestReadBack(t *testing.T) {
	for column, text := range map[string]string{
		"payload": "payload", "signature": "signature", "id": "id", "key": "spki",
	} {
		t.Run(column, func(t *testing.T) {
			l := newLab(t)
			l.grow(2)
			l.add(3)
			table, where := "ledger_entries", " WHERE number = 3"
			if text == "spki" {
				table, where = "ledger_keys", ""
			}
			flip(t, l, table, text, where)
			if _, err := l.Publish(t.Context()); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("published: %v", err)
			}
			if c, err := l.Checkpoint(t.Context()); err != nil || c.Size != 2 {
				t.Errorf("the checkpoint has %d acts, %v", c.Size, err)
			}
			if !errors.Is(l.Status().Stopped, ErrCorrupt) {
				t.Errorf("it goes on: %v", l.Status().Stopped)
			}
		})
	}
}

// TestReadBackWhole rewrites an entry with all that the database says of it: the head's root tells.
func TestReadBackWhole(t *testing.T) {
	l := newLab(t)
	l.grow(2)
	l.add(3)
	e, err := l.ByIndex(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	e.Leaf.Signature[len(e.Leaf.Signature)-1] ^= 1
	hash := e.Leaf.Hash()
	if _, err := l.db.ExecContext(t.Context(), "UPDATE ledger_entries SET signature = $1, hash = $2 WHERE number = 3", e.Leaf.Signature, hash[:]); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Publish(t.Context()); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("published: %v", err)
	}
}

// flip flips a bit in the middle of a column.
func flip(t testing.TB, l *lab, table, column, where string) {
	t.Helper()
	var b []byte
	if err := l.db.QueryRowContext(context.Background(), "SELECT "+column+" FROM "+table+where).Scan(&b); err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if _, err := l.db.ExecContext(context.Background(), "UPDATE "+table+" SET "+column+" = $1"+where, b); err != nil {
		t.Fatal(err)
	}
}

// TestCompare judges checkpoints that come from elsewhere.
func TestCompare(t *testing.T) {
	l := newLab(t)
	l.grow(3)
	small, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.grow(300)
	ctx := t.Context()
	if err := l.Compare(ctx, small); err != nil {
		t.Errorf("our own: %v", err)
	}
	sign := func(size int64) *proof.SignedCheckpoint {
		c, err := proof.SignCheckpoint(proof.Checkpoint{Origin: origin, Size: size, Root: [32]byte{1}}, l.log)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, size := range []int64{1, 3, 256, 302, 303} {
		var fork *ForkError
		if err := l.Compare(ctx, sign(size)); !errors.As(err, &fork) || fork.Evidence.Check() != nil {
			t.Errorf("size %d: %v", size, err)
		}
	}
	if err := l.Compare(ctx, sign(304)); !errors.Is(err, ErrBehind) {
		t.Errorf("longer: %v", err)
	}
	stranger := sign(3)
	stranger.Lines[0].Signature[0] ^= 1
	if err := l.Compare(ctx, stranger); !errors.Is(err, proof.ErrBadSignature) {
		t.Errorf("not signed: %v", err)
	}
}

// TestCreateRefused makes no second ledger over one that is there.
func TestCreateRefused(t *testing.T) {
	l := newLab(t)
	if _, err := Create(t.Context(), l.config); !errors.Is(err, ErrExists) {
		t.Errorf("on the same stores: %v", err)
	}
	c := l.config
	var err error
	if c.Tiles, err = blob.Open(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(t.Context(), c); !errors.Is(err, ErrExists) {
		t.Errorf("on the same database: %v", err)
	}
	l.shut()
	c = l.config
	c.Origin = "log.other.example"
	l.connect()
	c.DB, c.Tiles = l.config.DB, l.config.Tiles
	if _, err := Open(t.Context(), c); err == nil {
		t.Error("another origin opened it")
	}
}
