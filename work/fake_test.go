package work

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// row is a job as a database would hold it.
type row struct {
	state  string // waiting, running, done, cancelled
	worker string
	until  time.Time
	taken  int // how often
	done   int // how often a result was accepted: never more than once
}

// table is Jobs in memory, with the compare-and-set of a database.
type table struct {
	mu      sync.Mutex
	order   []string
	rows    map[string]*row
	changed chan struct{}
	fault   func(op, id string) fault // called under mu
	refused int                       // results that were refused
}

// fault is what goes wrong with a call.
type fault int

const (
	none      fault = iota
	lost            // nothing was done
	keptButNo       // it was done, and reported lost
	hangs           // lost, when ctx ends
)

var errFault = errors.New("the database is away")

func newTable() *table { return &table{rows: map[string]*row{}, changed: make(chan struct{})} }

// touch tells those that wait for something that something has changed.
func (t *table) touch() {
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *table) add(ids ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range ids {
		t.rows[id] = &row{state: "waiting"}
		t.order = append(t.order, id)
	}
	t.touch()
}

// set changes a row as the lab would, past the queue.
func (t *table) set(id, state string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[id].state = state
	t.touch()
}

func (r *row) waits(now time.Time) bool {
	return r.state == "waiting" || r.state == "running" && !now.Before(r.until)
}

func (t *table) Waiting(ctx context.Context, most int) ([]string, error) {
	f := t.lock("waiting", "")
	defer t.mu.Unlock()
	if f != none {
		return nil, errFault
	}
	now := time.Now()
	ids := []string{}
	for _, id := range t.order {
		if len(ids) < most && t.rows[id].waits(now) {
			ids = append(ids, id)
		}
	}
	return ids, ctx.Err()
}

func (t *table) lock(op, id string) fault {
	t.mu.Lock()
	if t.fault == nil {
		return none
	}
	return t.fault(op, id)
}

func (t *table) Take(ctx context.Context, id, worker string, until time.Time) (bool, error) {
	return t.swap(ctx, "take", id, func(r *row) bool {
		if !r.waits(time.Now()) {
			return false
		}
		r.state, r.worker, r.until = "running", worker, until
		r.taken++
		return true
	})
}

func (t *table) Extend(ctx context.Context, id, worker string, until time.Time) (bool, error) {
	return t.swap(ctx, "extend", id, func(r *row) bool {
		if r.state != "running" || r.worker != worker || !time.Now().Before(r.until) {
			return false
		}
		r.until = until
		return true
	})
}

// finish accepts the result of a run.
func (t *table) finish(id, worker string) bool {
	ok, _ := t.swap(context.Background(), "finish", id, func(r *row) bool {
		if r.state != "running" || r.worker != worker {
			t.refused++
			return false
		}
		r.state = "done"
		r.done++
		return true
	})
	return ok
}

func (t *table) swap(ctx context.Context, op, id string, do func(*row) bool) (bool, error) {
	f := t.lock(op, id)
	if f == hangs {
		t.mu.Unlock()
		<-ctx.Done()
		return false, ctx.Err()
	}
	defer t.mu.Unlock()
	r := t.rows[id]
	if r == nil || f == lost || ctx.Err() != nil {
		if f == lost || ctx.Err() != nil {
			return false, errFault
		}
		return false, nil
	}
	ok := do(r)
	t.touch()
	if f == keptButNo {
		return false, errFault
	}
	return ok, nil
}

// wait waits until is is true of the table, which it must not keep.
func (t *table) wait(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	for {
		t.mu.Lock()
		ok, changed := is(), t.changed
		t.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-limit.C:
			t.mu.Lock()
			defer t.mu.Unlock()
			for _, id := range t.order {
				if r := t.rows[id]; r.state != "done" {
					tb.Logf("%s: %+v", id, *r)
				}
			}
			tb.Fatalf("waited in vain until %s", what)
		}
	}
}

// waitDone waits until every job has its result.
func (t *table) waitDone(tb testing.TB) {
	tb.Helper()
	t.wait(tb, "all jobs are done", func() bool {
		return !slices.ContainsFunc(t.order, func(id string) bool { return t.rows[id].state != "done" })
	})
}

// once fails unless each job has one result, and, if strict, was taken once only.
func (t *table) once(tb testing.TB, strict bool) {
	tb.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range t.order {
		if r := t.rows[id]; r.done != 1 || strict && r.taken != 1 {
			tb.Errorf("%s was taken %d times and done %d times", id, r.taken, r.done)
		}
	}
}

// count returns in how many rows is is true.
func (t *table) count(is func(*row) bool) int {
	n := 0
	for _, r := range t.rows {
		if is(r) {
			n++
		}
	}
	return n
}

func ids(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s %d/%04d", prefix, i%7, i) // not fit for a subject as they are
	}
	return all
}

// open opens a queue whose runs finish at once, unless change says otherwise, and closes it at the end of the test.
func open(tb testing.TB, t *table, change func(*Config)) *Queue {
	tb.Helper()
	cfg := Config{
		Jobs: t, Workers: 4, Lease: 2 * time.Second, Every: 50 * time.Millisecond,
		Run: func(_ context.Context, id, worker string) { t.finish(id, worker) },
		Log: slog.New(slog.NewTextHandler(tb.Output(), nil)),
	}
	if change != nil {
		change(&cfg)
	}
	if cfg.Dir == "" && cfg.URL == "" {
		cfg.Dir = tb.TempDir()
	}
	q, err := Open(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		select {
		case <-q.closed: // by the test, which has looked at the error
		default:
			closed(tb, q)
		}
	})
	return q
}

// closed closes a queue whose runs end by themselves.
func closed(tb testing.TB, q *Queue) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := q.Close(ctx); err != nil {
		tb.Error(err)
	}
}

// publish publishes hints; those that are lost are none of the caller's business.
func publish(tb testing.TB, q *Queue, all ...string) {
	tb.Helper()
	for _, id := range all {
		if err := q.Publish(tb.Context(), id); err != nil {
			tb.Logf("a hint was lost: %v", err)
		}
	}
}

func chance(p float64) bool { return rand.Float64() < p }
