package work

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// polling starts a queue without NATS, in a bubble's time: what is true of it is true of one whose JetStream never comes back.
func polling(t *testing.T, jobs Jobs, run Run, log *slog.Logger) *Queue {
	t.Helper()
	cfg := Config{Dir: "-", Jobs: jobs, Run: run, Workers: 2, Lease: 8 * time.Second, Every: time.Second, Log: log}
	if err := cfg.check(); err != nil {
		t.Fatal(err)
	}
	q := newQueue(t.Context(), cfg)
	q.start()
	return q
}

// bubble runs one job with id "a" by run and closes the queue when it has returned and a lease has passed.
func bubble(t *testing.T, jobs *table, run Run, during func(q *Queue)) {
	t.Helper()
	jobs.add("a")
	q := polling(t, jobs, run, nil)
	during(q)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if err := q.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jobs := newTable()
		bubble(t, jobs, func(ctx context.Context, id, worker string) {
			select {
			case <-time.After(time.Hour): // 450 leases
			case <-ctx.Done():
				t.Errorf("the run was ended: %v", context.Cause(ctx))
			}
			jobs.finish(id, worker)
		}, func(*Queue) { time.Sleep(2 * time.Hour) })
		jobs.once(t, true)
	})
}

func TestLeaseLost(t *testing.T) {
	for name, c := range map[string]struct {
		fault fault
		at    time.Duration // from the taking until the context ends
	}{
		"refused":      {none, 2 * time.Second},
		"errors":       {lost, 7 * time.Second},
		"kept, errors": {keptButNo, 7 * time.Second},
		"hangs":        {hangs, 7 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				jobs := newTable()
				jobs.fault = func(op, _ string) fault {
					if op == "extend" {
						return c.fault
					}
					return none
				}
				var ended time.Duration
				var cause error
				bubble(t, jobs, func(ctx context.Context, id, worker string) {
					start := time.Now()
					if c.fault == none {
						jobs.set(id, "cancelled")
					}
					<-ctx.Done()
					ended, cause = time.Since(start), context.Cause(ctx)
					jobs.set(id, "cancelled")
				}, func(*Queue) { time.Sleep(time.Minute) })
				if ended != c.at || !errors.Is(cause, ErrLost) {
					t.Errorf("the context ended after %v with %v; want %v, %v", ended, cause, c.at, ErrLost)
				}
			})
		})
	}
}

// TestTakenOver: a run that hangs beyond its lease is not waited for by the next one, and its result is refused.
func TestTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jobs := newTable()
		jobs.fault = func(op, _ string) fault {
			if op == "extend" {
				return lost
			}
			return none
		}
		var second atomic.Bool
		bubble(t, jobs, func(_ context.Context, id, worker string) {
			if !second.Swap(true) {
				time.Sleep(time.Minute) // ctx ends meanwhile, and nobody looks
			}
			jobs.finish(id, worker)
		}, func(*Queue) { time.Sleep(2 * time.Minute) })
		jobs.once(t, false)
		if r := jobs.rows["a"]; r.taken != 2 || jobs.refused != 1 {
			t.Errorf("taken %d times, %d results refused; want 2 and 1", r.taken, jobs.refused)
		}
	})
}

func TestPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jobs := newTable()
		jobs.add("a", "b")
		var out strings.Builder
		var mu sync.Mutex
		var first time.Time
		q := polling(t, jobs, func(_ context.Context, id, worker string) {
			mu.Lock()
			defer mu.Unlock()
			if id == "a" && first.IsZero() {
				first = time.Now()
				panic("no such luck")
			}
			if id == "a" && time.Since(first) < 8*time.Second {
				t.Errorf("ran again %v after the panic, within its lease", time.Since(first))
			}
			jobs.finish(id, worker)
		}, slog.New(slog.NewTextHandler(&out, nil)))
		time.Sleep(time.Minute)
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		jobs.once(t, false)
		if !strings.Contains(out.String(), "no such luck") || !strings.Contains(out.String(), "lease_test.go") {
			t.Errorf("the log tells neither panic nor place:\n%s", out.String())
		}
	})
}

// TestClose: Close waits for what runs, and when its context ends gives the lease back.
func TestClose(t *testing.T) {
	for name, patience := range map[string]time.Duration{"patient": time.Hour, "impatient": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				jobs := newTable()
				jobs.add("a", "b", "c")
				var causes []error
				var mu sync.Mutex
				q := polling(t, jobs, func(ctx context.Context, id, worker string) {
					select {
					case <-time.After(time.Minute):
						jobs.finish(id, worker)
					case <-ctx.Done():
						mu.Lock()
						defer mu.Unlock()
						causes = append(causes, context.Cause(ctx))
					}
				}, nil)
				time.Sleep(5 * time.Second)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				start := time.Now()
				err := q.Close(ctx)
				if second := q.Close(t.Context()); !errors.Is(second, err) {
					t.Errorf("a second Close says %v, the first %v", second, err)
				}
				if patience == time.Hour {
					if err != nil || jobs.count(func(r *row) bool { return r.state == "done" }) != 2 || len(causes) != 0 {
						t.Errorf("%v, %+v, %v", err, jobs.rows, causes)
					}
					return
				}
				if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != patience {
					t.Errorf("got %v after %v", err, time.Since(start))
				}
				if len(causes) != 2 || !errors.Is(causes[0], ErrClosed) {
					t.Errorf("runs ended with %v", causes)
				}
				if waiting, _ := jobs.Waiting(t.Context(), 9); len(waiting) != 3 {
					t.Errorf("only %q can be taken at once", waiting)
				}
			})
		})
	}
}

// TestFaults: a database that fails every other time, reported or not, loses and doubles nothing.
func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jobs := newTable()
		jobs.add(ids("j", 50)...)
		jobs.fault = func(op, _ string) fault {
			if op == "finish" || chance(0.5) {
				return none
			}
			return fault(1 + int(time.Now().UnixNano()/7+int64(len(op)))%3)
		}
		q := polling(t, jobs, func(ctx context.Context, id, worker string) {
			select {
			case <-time.After(3 * time.Second):
				jobs.finish(id, worker)
			case <-ctx.Done():
			}
		}, nil)
		time.Sleep(3 * time.Hour)
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		jobs.once(t, false)
	})
}
