package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/statement"
)

var errFault = errors.New("fault")

// faults makes one of all places where something is written go wrong.
type faults struct {
	mu   sync.Mutex
	n    int
	at   int // which; 0: none
	mode string
	name string // of the place
}

// The ways to go wrong.
const (
	lost        = "lost"
	kept        = "kept but reported lost"
	killBefore  = "killed before"
	killedAfter = "killed after"
)

func (f *faults) point(name string, do func() error) error {
	f.mu.Lock()
	f.n++
	hit := f.n == f.at
	if hit {
		f.name = name
	}
	f.mu.Unlock()
	if !hit {
		return do()
	}
	switch f.mode {
	case lost:
		return errFault
	case kept:
		return errors.Join(do(), errFault)
	case killBefore:
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	case killedAfter:
		_ = do()
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	}
	select {}
}

func (f *faults) into(c *Config) {
	c.Tiles = &faultyStore{c.Tiles, f}
	c.step = func(step string) error { return f.point(step, func() error { return nil }) }
}

// faultyStore is a store whose writes go wrong.
type faultyStore struct {
	blob.Store
	faults *faults
}

func (s *faultyStore) Put(ctx context.Context, name string, data []byte) error {
	return s.faults.point("put "+name, func() error { return s.Store.Put(ctx, name, data) })
}

func (s *faultyStore) Replace(ctx context.Context, name string, data []byte) error {
	return s.faults.point("replace "+name, func() error { return s.Store.Replace(ctx, name, data) })
}

func (s *faultyStore) Delete(ctx context.Context, name string) error {
	return s.faults.point("delete "+name, func() error { return s.Store.Delete(ctx, name) })
}

func (s *faultyStore) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return s.Store.List(ctx, prefix)
}

// scenario creates or opens a ledger, appends and publishes in rounds, and retries what fails. It tells what was acknowledged.
func (l *lab) scenario(ctx context.Context, rounds []int, tell func(key string, e Entry)) error {
	retry := func(what string, do func() error) error {
		var err error
		for range 4 {
			if err = do(); err == nil {
				return nil
			}
		}
		return fmt.Errorf("%s: %w", what, err)
	}
	err := retry("opening", func() (err error) {
		if l.Ledger, err = Create(ctx, l.config); errors.Is(err, ErrExists) {
			l.Ledger, err = Open(ctx, l.config)
		}
		return err
	})
	if err != nil {
		return err
	}
	defer l.Ledger.Close()
	id := newCase()
	published := int64(0)
	for round, n := range rounds {
		var g sync.WaitGroup
		errs := make([]error, n)
		for i := range n {
			act := l.act("")
			if i%3 == 0 {
				act.Case = id
			}
			act.Key = fmt.Sprintf("%d/%d", round, i)
			if i < 3 {
				act.Rows = writeRow
			}
			g.Go(func() {
				errs[i] = retry("appending", func() error {
					e, err := l.Append(ctx, act)
					if err == nil {
						tell(act.Key, e)
					}
					return err
				})
			})
		}
		g.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		err := retry("publishing", func() error {
			c, err := l.Publish(ctx)
			if err == nil && c.Size < published {
				return fmt.Errorf("the published size shrank from %d to %d", published, c.Size)
			}
			if err == nil {
				published = c.Size
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return l.Ledger.Close()
}

// almostFull makes the stores of a ledger that is a few acts short of its first full tile.
func almostFull(t *testing.T) *lab {
	l := newLab(t)
	l.table()
	var g sync.WaitGroup
	for range 253 {
		g.Go(func() {
			if _, err := l.Append(t.Context(), l.act("")); err != nil {
				t.Error(err)
			}
		})
	}
	g.Wait()
	if _, err := l.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.Ledger.Close(), l.db.Close()); err != nil {
		t.Fatal(err)
	}
	return l
}

// copied is a lab on copies of this one's stores, which must be closed.
func (l *lab) copied(t testing.TB) *lab {
	t.Helper()
	c := &lab{t: t, dir: folder(t), log: l.log, key: l.key, public: l.public}
	if err := os.CopyFS(c.dir, os.DirFS(l.dir)); err != nil {
		t.Fatal(err)
	}
	c.connect()
	return c
}

// TestFaults lets every single write go wrong in turn, lost and kept but reported lost: everything acknowledged is there once, and the audit
// finds nothing, when it was tried again and when the ledger was opened again.
func TestFaults(t *testing.T) {
	nothing := &lab{t: t, dir: folder(t), log: logKey()}
	nothing.key, nothing.public = statementKey(t)
	nothing.connect()
	nothing.table()
	if err := nothing.db.Close(); err != nil {
		t.Fatal(err)
	}
	for name, start := range map[string]struct {
		lab    *lab
		rounds []int
		size   int
	}{"new": {nothing, []int{2}, 0}, "full tile": {almostFull(t), []int{5, 1}, 253}} {
		t.Run(name, func(t *testing.T) {
			count := &faults{}
			start.lab.withFault(t, count, start.rounds, start.size)
			if count.n < 8 {
				t.Fatalf("%d places to go wrong, that are too few", count.n)
			}
			for at := 1; at <= count.n; at++ {
				for _, mode := range []string{lost, kept} {
					start.lab.withFault(t, &faults{at: at, mode: mode}, start.rounds, start.size)
				}
			}
		})
	}
}

func (l *lab) withFault(t *testing.T, f *faults, rounds []int, size int) {
	c := l.copied(t)
	clean := c.config
	f.into(&c.config)
	acked := map[string]statement.ID{}
	var mu sync.Mutex
	err := c.scenario(t.Context(), rounds, func(key string, e Entry) {
		mu.Lock()
		defer mu.Unlock()
		acked[key] = e.ID
	})
	where := fmt.Sprintf("%s: %s", f.name, f.mode)
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	if c.Ledger, err = Open(t.Context(), clean); err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	for _, n := range rounds {
		size += n
	}
	r := c.audit(AuditOptions{})
	if !r.OK() || r.Unexplained() != 0 || r.Leaves != int64(size) {
		t.Fatalf("%s: %d leaves, want %d\n%s", where, r.Leaves, size, r)
	}
	for key, id := range acked {
		if e, err := c.ByKey(t.Context(), key); err != nil || e.ID != id {
			t.Fatalf("%s: act %s: %v", where, key, err)
		}
	}
	c.rowsAgree()
	if err := errors.Join(c.Ledger.Close(), c.db.Close(), os.RemoveAll(c.dir)); err != nil {
		t.Fatal(err)
	}
}
