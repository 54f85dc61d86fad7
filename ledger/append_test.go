package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store"
)

// table makes a table for the rows of acts.
func (l *lab) table() {
	l.t.Helper()
	if _, err := l.db.ExecContext(l.t.Context(), "CREATE TABLE acts (number BIGINT PRIMARY KEY, id TEXT NOT NULL UNIQUE)"); err != nil {
		l.t.Fatal(err)
	}
}

func writeRow(ctx context.Context, tx *sql.Tx, e Entry) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO acts (number, id) VALUES ($1, $2)", e.Index, e.ID.String())
	return err
}

// rowsAgree checks that the acts' own rows are those of the entries.
func (l *lab) rowsAgree() {
	l.t.Helper()
	var wrong int
	differ := "lower(hex(e.id)) IS NOT a.id"
	if l.db.Dialect() == store.Postgres {
		differ = "encode(e.id, 'hex') IS DISTINCT FROM a.id"
	}
	err := l.db.QueryRowContext(l.t.Context(), "SELECT count(*) FROM acts a LEFT JOIN ledger_entries e ON e.number = a.number WHERE "+differ).Scan(&wrong)
	if err != nil || wrong != 0 {
		l.t.Fatalf("%d rows of acts without their entry, %v", wrong, err)
	}
}

// sound audits and wants no finding.
func (l *lab) sound() *Report {
	l.t.Helper()
	r, err := l.Audit(context.Background(), AuditOptions{Signatures: true, Keys: l.judge})
	if err != nil {
		l.t.Fatal(err)
	}
	if !r.OK() || r.Unexplained() != 0 {
		l.t.Fatalf("the audit found:\n%s", r)
	}
	return r
}

func (l *lab) judge(spki []byte) (statement.Purpose, bool) {
	return statement.ForIssuing, string(spki) == string(l.public.SPKI())
}

func TestSameKeyOnce(t *testing.T) { databases(t, testSameKeyOnce) }

func testSameKeyOnce(t *testing.T, server string) {
	l := newLabAt(t, server)
	ctx := t.Context()
	act := l.act(newCase())
	act.Key = "the key"
	const writers = 40
	entries := make([]Entry, writers)
	var g sync.WaitGroup
	// They wait together behind an act that takes long to sign, so that one batch takes them all.
	release := l.holdUp(&g)
	for i := range writers {
		g.Go(func() {
			var err error
			if entries[i], err = l.Append(ctx, act); err != nil {
				t.Error(err)
			}
		})
	}
	l.queued(writers)
	release()
	g.Wait()
	for _, e := range entries {
		if e.Index != 1 || e.ID != entries[0].ID {
			t.Fatalf("index %d", e.Index)
		}
	}
	if err := l.reopen(); err != nil {
		t.Fatal(err)
	}
	e, err := l.Append(ctx, act)
	if err != nil || e.ID != entries[0].ID || e.Envelope == nil {
		t.Fatalf("after opening again: index %d, %v", e.Index, err)
	}
	if s := l.Status(); s.Size != 2 {
		t.Fatalf("%d acts, want 2", s.Size)
	}
	if e, err := l.ByKey(ctx, "the key"); err != nil || e.ID != entries[0].ID {
		t.Errorf("by key: %v", err)
	}
	other := act
	other.Case = newCase()
	if _, err := l.Append(ctx, other); !errors.Is(err, ErrKeyReused) {
		t.Errorf("the key on another case: %v", err)
	}
	// Contents can be told apart if both acts say theirs.
	first := l.act("")
	first.Key, first.Content = "second key", []byte("one")
	if _, err := l.Append(ctx, first); err != nil {
		t.Fatal(err)
	}
	first.Content = []byte("two")
	if _, err := l.Append(ctx, first); !errors.Is(err, ErrKeyReused) {
		t.Errorf("the key with another content: %v", err)
	}
}

// holdUp appends an act whose signing waits until release is called.
func (l *lab) holdUp(g *sync.WaitGroup) (release func()) {
	started, hold := make(chan struct{}), make(chan struct{})
	act := l.act("")
	sign := act.Sign
	act.Sign = func(p Place) (*statement.Envelope, *statement.Key, error) {
		close(started)
		<-hold
		return sign(p)
	}
	g.Go(func() {
		if _, err := l.Append(context.Background(), act); err != nil {
			l.t.Errorf("the act that was held up: %v", err)
		}
	})
	<-started
	return func() { close(hold) }
}

// queued waits until so many acts wait for the sequencer.
func (l *lab) queued(n int) {
	l.t.Helper()
	for ctx := soon(l.t); ; runtime.Gosched() {
		l.queueMu.Lock()
		have := len(l.queue)
		l.queueMu.Unlock()
		if have >= n {
			return
		}
		if ctx.Err() != nil {
			l.t.Fatalf("%d of %d acts are waiting", have, n)
		}
	}
}

// TestFailuresAlone holds that an act that fails takes no other with it, and that its index and its place go to the next.
func TestFailuresAlone(t *testing.T) { databases(t, testFailuresAlone) }

func testFailuresAlone(t *testing.T, server string) {
	l := newLabAt(t, server)
	l.table()
	ctx := t.Context()
	id := newCase()
	boom := errors.New("boom")
	fails := []func(*Act){
		func(a *Act) { a.Rows = func(context.Context, *sql.Tx, Entry) error { return boom } },
		func(a *Act) { a.Rows = func(context.Context, *sql.Tx, Entry) error { panic("boom") } },
		func(a *Act) {
			a.Rows = func(ctx context.Context, tx *sql.Tx, e Entry) error {
				if err := writeRow(ctx, tx, e); err != nil {
					return err
				}
				return writeRow(ctx, tx, e) // unique violation, after a row that has to go again
			}
		},
		func(a *Act) {
			a.Sign = func(Place) (*statement.Envelope, *statement.Key, error) { return nil, nil, boom }
		},
		func(a *Act) { a.Sign = func(Place) (*statement.Envelope, *statement.Key, error) { panic("boom") } },
		func(a *Act) {
			a.Sign = func(Place) (*statement.Envelope, *statement.Key, error) { return nil, nil, nil }
		},
	}
	var g sync.WaitGroup
	var failed, done int
	var mu sync.Mutex
	for i := range 60 {
		act := l.act(id)
		act.Rows = writeRow
		bad := i%4 == 1
		if bad {
			fails[i/4%len(fails)](&act)
		}
		if i%5 == 0 {
			act.Case = newCase()
		}
		g.Go(func() {
			_, err := l.Append(ctx, act)
			mu.Lock()
			defer mu.Unlock()
			if (err != nil) != bad {
				t.Errorf("act %d: %v", i, err)
			}
			if err != nil {
				failed++
			} else {
				done++
			}
		})
	}
	g.Wait()
	if failed != 15 || done != 45 {
		t.Errorf("%d failed, %d were appended, want 15 and 45", failed, done)
	}
	if s := l.Status(); s.Size != 45 || s.Stopped != nil {
		t.Errorf("%d acts, stopped by %v", s.Size, s.Stopped)
	}
	if _, err := l.Publish(ctx); err != nil {
		t.Fatal(err)
	}
	l.sound()
	l.rowsAgree()
}

// TestWrongPlaces refuses statements that do not say what the sequencer told them.
func TestWrongPlaces(t *testing.T) {
	l := newLab(t)
	ctx := t.Context()
	l.add(1)
	if _, err := l.Publish(ctx); err != nil {
		t.Fatal(err)
	}
	id := newCase()
	if _, err := l.Append(ctx, l.act(id)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Place){
		"number":   func(p *Place) { p.Seq++ },
		"previous": func(p *Place) { p.Prev = zeros },
		"case":     func(p *Place) { p.Case = newCase() },
		"no case":  func(p *Place) { p.Case, p.Seq, p.Prev = "", 0, "" },
		"no asOf":  func(p *Place) { p.AsOf = nil },
		"old asOf": func(p *Place) { p.AsOf.Size-- },
		"new asOf": func(p *Place) { p.AsOf.Time = statement.FormatTime(moment) },
	} {
		act := l.act(id)
		act.Sign = func(p Place) (*statement.Envelope, *statement.Key, error) {
			change(&p)
			return l.signer(submission)(p)
		}
		if _, err := l.Append(ctx, act); !errors.Is(err, ErrPlace) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), id) {
			t.Errorf("%s: the error names the case: %v", name, err)
		}
	}
	key := l.act("")
	key.Key = "mine"
	key.Sign = l.signer(func(p Place) statement.Predicate {
		s := submission(p).(*statement.Submission)
		s.IdempotencyKey = "other"
		return s
	})
	if _, err := l.Append(ctx, key); !errors.Is(err, ErrPlace) {
		t.Errorf("another idempotency key: %v", err)
	}
	_, wrong := statementKey(t)
	stranger := l.act("")
	stranger.Sign = func(p Place) (*statement.Envelope, *statement.Key, error) {
		e, _, err := l.signer(submission)(p)
		return e, wrong, err
	}
	if _, err := l.Append(ctx, stranger); !errors.Is(err, statement.ErrSignature) {
		t.Errorf("another key: %v", err)
	}
	document := l.act("")
	document.Sign = l.signer(func(Place) statement.Predicate {
		return &statement.Document{Type: statement.TypeOpenVEX, Content: []byte(`{"@context":"x"}`)}
	})
	if _, err := l.Append(ctx, document); !errors.Is(err, ErrPlace) {
		t.Errorf("a document without nonce: %v", err)
	}
	// The same statement twice, the second time with a signature of its own: its identity is the same.
	var payload []byte
	same := l.act("")
	same.Sign = func(p Place) (*statement.Envelope, *statement.Key, error) {
		if payload == nil {
			e, k, err := l.signer(submission)(p)
			payload = e.Payload
			return e, k, err
		}
		e, err := statement.Sign(l.key, payload)
		return e, l.public, err
	}
	if _, err := l.Append(ctx, same); err != nil {
		t.Fatal(err)
	}
	for _, rows := range []func(context.Context, *sql.Tx, Entry) error{nil, func(context.Context, *sql.Tx, Entry) error { return nil }} {
		same.Rows = rows
		if _, err := l.Append(ctx, same); !errors.Is(err, ErrDuplicate) {
			t.Errorf("the same statement twice: %v", err)
		}
	}
	if s := l.Status(); s.Size != 3 {
		t.Errorf("%d acts, want 3", s.Size)
	}
	l.add(1)
	if _, err := l.Publish(ctx); err != nil {
		t.Fatal(err)
	}
	l.sound()
}

// TestBrokenTransaction holds that an act that ends the transaction behind the sequencer's back harms only itself.
func TestBrokenTransaction(t *testing.T) { databases(t, testBrokenTransaction) }

func testBrokenTransaction(t *testing.T, server string) {
	l := newLabAt(t, server)
	ctx := t.Context()
	var g sync.WaitGroup
	release := l.holdUp(&g)
	results := make([]error, 8)
	for i := 1; i < len(results); i++ {
		act := l.act("")
		act.Rows = func(context.Context, *sql.Tx, Entry) error { return nil }
		if i == 4 {
			act.Rows = func(_ context.Context, tx *sql.Tx, _ Entry) error {
				if err := tx.Rollback(); err != nil {
					return err
				}
				return errors.New("rolled back by its own rows")
			}
		}
		g.Go(func() { _, results[i] = l.Append(ctx, act) })
	}
	l.queued(len(results) - 1)
	release()
	g.Wait()
	for i, err := range results {
		if (err != nil) != (i == 4) {
			t.Errorf("act %d: %v", i, err)
		}
	}
	if s := l.Status(); s.Size != 7 {
		t.Errorf("%d acts, want 7", s.Size)
	}
	if _, err := l.Publish(ctx); err != nil {
		t.Fatal(err)
	}
	l.sound()
}

// TestGone holds that who gives up waiting is not kept, and that Close refuses who still waits.
func TestGone(t *testing.T) {
	l := newLab(t)
	var g sync.WaitGroup
	release := l.holdUp(&g)
	ctx, cancel := context.WithCancel(t.Context())
	gone := l.act("")
	gone.Key = "gone"
	g.Go(func() {
		if _, err := l.Append(ctx, gone); !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up: %v", err)
		}
	})
	l.queued(1)
	cancel()
	waiting := make(chan error)
	go func() { waiting <- second(l.Append(t.Context(), l.act(""))) }()
	l.queued(2)
	closed := make(chan error)
	go func() { closed <- l.Ledger.Close() }()
	for l.stoppedFor() == nil {
		runtime.Gosched()
	}
	release()
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	if err := <-waiting; !errors.Is(err, ErrClosed) {
		t.Errorf("who waited: %v", err)
	}
	g.Wait()
	for _, err := range []error{
		second(l.Append(t.Context(), l.act(""))), second(l.Publish(t.Context())), second(l.AddCosignatures(t.Context(), l.signed.Checkpoint)),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
	if s := l.Status(); s.Size != 1 {
		t.Errorf("%d acts, want the one that was held up", s.Size)
	}
	// One that gave up is not appended by a ledger that goes on either.
	if err := l.reopen(); err != nil {
		t.Fatal(err)
	}
	release = l.holdUp(&g)
	ctx, cancel = context.WithCancel(t.Context())
	g.Go(func() { _, _ = l.Append(ctx, gone) })
	l.queued(1)
	cancel()
	release()
	g.Wait()
	l.add(1)
	if _, err := l.ByKey(t.Context(), "gone"); !errors.Is(err, ErrNotFound) {
		t.Errorf("what was given up: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestManyCases appends to cases from many goroutines: every case must come out without a gap.
func TestManyCases(t *testing.T) { databases(t, testManyCases) }

func testManyCases(t *testing.T, server string) {
	l := newLabAt(t, server)
	l.table()
	var cases []string
	for range 7 {
		cases = append(cases, newCase())
	}
	cases = append(cases, "")
	var g sync.WaitGroup
	for w := range 16 {
		g.Go(func() {
			for i := range 20 {
				act := l.act(cases[(w*7+i)%len(cases)])
				act.Key, act.Rows = fmt.Sprintf("%d/%d", w, i), writeRow
				if _, err := l.Append(t.Context(), act); err != nil {
					t.Error(err)
				}
				if i%5 == 0 {
					if _, err := l.Publish(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	g.Wait()
	if _, err := l.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := l.sound()
	if r.Leaves != 320 || r.Cases != 7 {
		t.Errorf("%d leaves, %d cases", r.Leaves, r.Cases)
	}
	l.rowsAgree()
}
