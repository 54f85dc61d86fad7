package ledger

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store"
	"github.com/probat-lab/probat/store/storetest"
)

// TestDiskFull appends and publishes until the disk is full: errors, no panic, nothing acknowledged is lost, and with room again all goes on.
func TestDiskFull(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a file system of a few pages needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=3m"); err != nil {
		t.Skipf("mounting: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	l := &lab{t: t, dir: dir, log: logKey()}
	l.key, l.public = statementKey(t)
	l.connect()
	var err error
	if l.Ledger, err = Create(t.Context(), l.config); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	var acked []Entry
	fill := func(most int) error {
		for i := range most {
			e, err := l.Append(ctx, l.act(""))
			if err != nil {
				return err
			}
			acked = append(acked, e)
			if i%20 == 0 {
				if _, err := l.Publish(ctx); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := fill(5000); err == nil {
		t.Fatal("the disk is never full")
	} else if !store.IsFull(err) && !errors.Is(err, blob.ErrFull) {
		t.Errorf("not told as a full disk: %v", err)
	}
	if s := l.Status(); s.Stopped != nil {
		t.Errorf("it stopped for good: %v", s.Stopped)
	}
	if err := syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, "size=30m"); err != nil {
		t.Fatal(err)
	}
	if err := fill(30); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	if _, err := l.Publish(ctx); err != nil {
		t.Fatal(err)
	}
	l.sound()
	for _, e := range acked {
		if got, err := l.ByIndex(ctx, e.Index); err != nil || got.ID != e.ID {
			t.Fatalf("act %d: %v", e.Index, err)
		}
	}
	l.shut()
}

// TestReadOnlyMount makes the file system read-only under a running ledger.
func TestReadOnlyMount(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=30m"); err != nil {
		t.Skipf("mounting: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	l := newLab(t)
	var err error
	if l.config.Tiles, err = blob.Open(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if err := l.reopen(); err != nil {
		t.Fatal(err)
	}
	l.grow(2)
	if err := syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skipf("remounting: %v", err)
	}
	l.add(2)
	if _, err := l.Publish(t.Context()); !errors.Is(err, blob.ErrReadOnly) {
		t.Errorf("publishing: %v", err)
	}
	if err := syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	l.grow(1)
	l.sound()
}

// TestNoDescriptors runs a ledger in a process that may open no more files.
func TestNoDescriptors(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), child+"=descriptors", "DIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "recovered") {
		t.Errorf("%v\n%s", err, out)
	}
}

// withoutDescriptors is what the child does.
func withoutDescriptors() error {
	ctx := context.Background()
	dir := os.Getenv("DIR")
	db, err := store.Open(ctx, filepath.Join(dir, "lab.sqlite"))
	if err != nil {
		return err
	}
	tiles, err := blob.Open(ctx, filepath.Join(dir, "log"), blob.Create)
	if err != nil {
		return err
	}
	l := &lab{dir: dir}
	if l.key, l.public, err = fixedKey(dir); err != nil {
		return err
	}
	if l.Ledger, err = Create(ctx, Config{DB: db, Tiles: tiles, Origin: origin, LogKey: logKey()}); err != nil {
		return err
	}
	if _, err := l.Append(ctx, l.act("")); err != nil {
		return err
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: old.Max}); err != nil {
		return err
	}
	failed := 0
	for range 20 {
		if _, err := l.Append(ctx, l.act("")); err != nil {
			failed++
		}
		if _, err := l.Publish(ctx); err != nil {
			failed++
		}
	}
	if failed == 0 {
		return errors.New("nothing failed without descriptors")
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		return err
	}
	if s := l.Status(); s.Stopped != nil {
		return fmt.Errorf("it stopped for good: %w", s.Stopped)
	}
	if _, err := l.Append(ctx, l.act("")); err != nil {
		return err
	}
	if _, err := l.Publish(ctx); err != nil {
		return err
	}
	r, err := l.Audit(ctx, AuditOptions{Signatures: true})
	if err != nil || !r.OK() {
		return fmt.Errorf("%w: %s", err, r)
	}
	fmt.Println("recovered")
	return l.Ledger.Close()
}

// TestClockJumps: the clock decides nothing but whether a cosignature is from the future.
func TestClockJumps(t *testing.T) {
	now := time.Now()
	var mu sync.Mutex
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	jump := func(d time.Duration) { mu.Lock(); defer mu.Unlock(); now = now.Add(d) }
	w := newFakeWitness(t, "a.example/w")
	l := newLab(t, witnessed(t, 1, w), func(c *Config) { c.Now = clock })
	l.grow(1)
	l.until("the witness has cosigned", func() bool { return l.Status().Witnessed == 1 })
	for _, d := range []time.Duration{50 * 365 * 24 * time.Hour, -100 * 365 * 24 * time.Hour} {
		jump(d)
		l.grow(1)
		if s := l.Status(); s.Witnessed < 1 || s.Stopped != nil {
			t.Errorf("after a jump of %v: %+v", d, s)
		}
	}
	// With a clock in the past, all cosignatures are from the future; they land when it is right again.
	l.until("the witness's line was refused", func() bool { return l.Status().Witnesses["a.example/w"] != "" })
	jump(50 * 365 * 24 * time.Hour)
	if _, final, err := l.Wait(soon(t), 2); err != nil || !final {
		t.Errorf("with the right clock: %v, %v", final, err)
	}
	if err := l.reopen(); err != nil {
		t.Fatal(err)
	}
	l.sound()
}

// flaky is a tile store that fails as a bucket does: for a while, before or after doing what it was asked.
type flaky struct {
	blob.Store
	mu   sync.Mutex
	down bool
	n    int
}

var errServer = errors.New("503 Slow Down")

func (s *flaky) fail() (before, after error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.down {
		return nil, nil
	}
	s.n++
	if s.n%2 == 0 {
		return errServer, nil
	}
	return nil, errServer
}

func (s *flaky) set(down bool) { s.mu.Lock(); defer s.mu.Unlock(); s.down = down }

func (s *flaky) Get(ctx context.Context, name string, most int64) ([]byte, error) {
	if before, after := s.fail(); before != nil || after != nil {
		return nil, errServer
	}
	return s.Store.Get(ctx, name, most)
}

func (s *flaky) Put(ctx context.Context, name string, data []byte) error {
	before, after := s.fail()
	if before != nil {
		return before
	}
	return errors.Join(s.Store.Put(ctx, name, data), after)
}

func (s *flaky) Replace(ctx context.Context, name string, data []byte) error {
	before, after := s.fail()
	if before != nil {
		return before
	}
	return errors.Join(s.Store.Replace(ctx, name, data), after)
}

func (s *flaky) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	if before, after := s.fail(); before != nil || after != nil {
		return func(yield func(string, error) bool) { yield("", errServer) }
	}
	return s.Store.List(ctx, prefix)
}

// TestTileStoreAway: acts go on while the tile store fails; then one publication catches up.
func TestTileStoreAway(t *testing.T) {
	var s *flaky
	l := newLab(t, func(c *Config) { s = &flaky{Store: c.Tiles}; c.Tiles = s })
	l.grow(3)
	s.set(true)
	for range 10 {
		l.add(40)
		if _, err := l.Publish(t.Context()); !errors.Is(err, errServer) {
			t.Fatalf("publishing: %v", err)
		}
	}
	if c, err := l.Checkpoint(t.Context()); err != nil || c.Size != 3 {
		t.Errorf("served: %v, %v", c, err)
	}
	if _, err := l.Proof(t.Context(), 1, 3); err == nil {
		t.Error("a proof without tiles")
	}
	s.set(false)
	l.grow(1)
	r := l.sound()
	if r.Leaves != 404 {
		t.Errorf("%d leaves", r.Leaves)
	}
}

// TestConnectionLost ends PostgreSQL's side of the connection while a batch is being committed.
func TestConnectionLost(t *testing.T) {
	l := newLabAt(t, storetest.Postgres(t), unlocked)
	l.table()
	ctx := t.Context()
	cut := l.act("")
	cut.Key = "cut"
	cut.Rows = func(ctx context.Context, tx *sql.Tx, e Entry) error {
		var pid int
		if err := tx.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
			return err
		}
		// Another connection ends this one, which notices at its next statement or when it commits.
		_, err := l.db.ExecContext(ctx, "SELECT pg_terminate_backend($1)", pid)
		return errors.Join(err, writeRow(ctx, tx, e))
	}
	if _, err := l.Append(ctx, cut); err == nil {
		t.Fatal("the connection was not cut")
	}
	cut.Rows = writeRow
	e, err := l.Append(ctx, cut)
	if err != nil || e.Index != 0 {
		t.Fatalf("again: index %d, %v", e.Index, err)
	}
	l.grow(2)
	l.sound()
	l.rowsAgree()
	if s := l.Status(); s.Stopped != nil {
		t.Errorf("it stopped for good: %v", s.Stopped)
	}
}

// TestNothingTold: what is public, and what errors say, names no vendor, product, actor or case.
func TestNothingTold(t *testing.T) {
	w := newFakeWitness(t, "a.example/w")
	l := newLab(t, witnessed(t, 1, w))
	id := newCase()
	var canaries []string
	for _, word := range []string{"canary", "Canary", id, "the-key", zeros} {
		canaries = append(canaries, word, base64.StdEncoding.EncodeToString([]byte(word))[:len(word)])
	}
	for i := range 300 {
		act := l.act(id)
		act.Key = fmt.Sprintf("the-key-%d", i)
		if i%2 == 1 {
			act.Case = ""
		}
		if _, err := l.Append(t.Context(), act); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := l.Wait(soon(t), 299); err != nil {
		t.Fatal(err)
	}
	told := func(where, text string) {
		t.Helper()
		for _, word := range canaries {
			if strings.Contains(text, word) {
				t.Errorf("%s tells %q", where, word)
			}
		}
	}
	for name, err := range l.tiles.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		b, err := l.tiles.Get(t.Context(), name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		told(name, name+string(b))
	}
	// Two acts that say the same leave different leaves: nobody can try out what a leaf says.
	e, err := l.ByIndex(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Envelope.Open()
	if err != nil {
		t.Fatal(err)
	}
	again, err := (&statement.Statement{Subjects: s.Subjects, Predicate: submission(Place{Case: id, Seq: 1})}).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if (&statement.Envelope{Payload: again}).ID() == e.ID {
		t.Error("the same act has the same identity")
	}
	reused := l.act(newCase())
	reused.Key = "the-key-0"
	bad := l.act(id)
	bad.Sign = l.signer(func(p Place) statement.Predicate { p.Seq += 2; return submission(p) })
	for _, err := range []error{
		second(l.Append(t.Context(), reused)), second(l.Append(t.Context(), bad)), second(l.ByKey(t.Context(), "the-key-none")),
		second(l.Statement(t.Context(), statement.ID{})), second(l.Proof(t.Context(), 1, 900)), second(Create(t.Context(), l.config)),
	} {
		if err == nil {
			t.Error("no error")
			continue
		}
		told("an error", err.Error())
	}
}
