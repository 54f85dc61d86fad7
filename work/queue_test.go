package work

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	natsd "github.com/nats-io/nats-server/v2/server"
)

const long = time.Hour

// TestDispatch: with a reconciler that never comes, JetStream alone hands out every job, once.
func TestDispatch(t *testing.T) {
	jobs := newTable()
	q := open(t, jobs, func(c *Config) { c.Every = long })
	if err := q.Err(); err != nil {
		t.Fatal(err)
	}
	all := ids("j", 100)
	jobs.add(all...)
	for _, id := range all {
		for range 2 {
			if err := q.Publish(t.Context(), id); err != nil {
				t.Error(err)
			}
		}
	}
	jobs.waitDone(t)
	jobs.once(t, true)
}

// TestHintsAreNotDoubled: however often something is published, one message waits; a cancelled job is not run when its message arrives.
func TestHintsAreNotDoubled(t *testing.T) {
	jobs := newTable()
	block := make(chan struct{})
	q := open(t, jobs, func(c *Config) {
		c.Workers = 1
		c.Run = func(_ context.Context, id, worker string) {
			<-block
			jobs.finish(id, worker)
		}
	})
	jobs.add("first")
	publish(t, q, "first")
	jobs.wait(t, "the worker is busy", func() bool { return jobs.rows["first"].state == "running" })
	all := ids("j", 10)
	jobs.add(all...)
	for range 20 { // rounds of the reconciler come on top
		publish(t, q, all...)
	}
	s, err := q.js.Stream(t.Context(), "probat")
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n != 11 { // that of the running job is held, for others, should we die
		t.Errorf("%d messages for 10 waiting jobs and a running one", n)
	}
	jobs.set(all[3], "cancelled")
	close(block)
	jobs.wait(t, "the others are done", func() bool { return jobs.count(func(r *row) bool { return r.state == "done" }) == 10 })
	if r := jobs.rows[all[3]]; r.taken != 0 {
		t.Errorf("the cancelled job: %+v", *r)
	}
}

func TestLostHintIsFound(t *testing.T) {
	jobs := newTable()
	open(t, jobs, nil)
	jobs.add(ids("j", 20)...) // and never published
	jobs.waitDone(t)
	jobs.once(t, true)
}

// TestStuckMessage: a message that somebody got and never answered does not keep its job from idle workers.
func TestStuckMessage(t *testing.T) {
	jobs := newTable()
	u := listening(t)
	dead := open(t, jobs, func(c *Config) { c.URL, c.Lease, c.Every = u, long, long })
	dead.stopTaking() // now nobody takes, and messages lie
	dead.tasks.Wait()
	batch, err := dead.consumer.Fetch(1)
	if err != nil {
		t.Fatal(err)
	}
	if err := dead.nc.Flush(); err != nil { // so that it asks first
		t.Fatal(err)
	}
	jobs.add("stuck")
	q := open(t, jobs, func(c *Config) { c.URL, c.Lease, c.Workers = u, long, 1 })
	if m := <-batch.Messages(); m == nil || string(m.Data()) != "stuck" {
		t.Fatalf("the message went elsewhere: %v", m)
	}
	jobs.waitDone(t)
	if err := q.Err(); err != nil {
		t.Error(err)
	}
}

// TestCheck: a job that is cancelled ends at once, although the queue that is asked is not the one that runs it and the next heartbeat is far.
func TestCheck(t *testing.T) {
	jobs := newTable()
	u := listening(t)
	ended := make(chan error, 1)
	jobs.add("a")
	open(t, jobs, func(c *Config) {
		c.URL, c.Lease = u, long
		c.Run = func(ctx context.Context, _, _ string) {
			<-ctx.Done()
			ended <- context.Cause(ctx)
		}
	})
	jobs.wait(t, "it runs", func() bool { return jobs.rows["a"].state == "running" })
	other := open(t, newTable(), func(c *Config) { c.URL = u })
	other.Check("b")
	other.Check("a") // still ours: nothing happens
	jobs.set("a", "cancelled")
	other.Check("a")
	if err := <-ended; !errors.Is(err, ErrLost) {
		t.Errorf("the run ended with %v", err)
	}
}

// TestTwoQueues: two queues over one table run each job once, on servers of their own and on one that is shared.
func TestTwoQueues(t *testing.T) {
	shared := listening(t)
	for name, u := range map[string]string{"in process": "", "by URL": shared} {
		t.Run(name, func(t *testing.T) {
			jobs := newTable()
			var by [2]atomic.Int32
			var both [2]*Queue
			for i := range both {
				both[i] = open(t, jobs, func(c *Config) {
					c.URL = u
					c.Run = func(_ context.Context, id, worker string) {
						by[i].Add(1)
						jobs.finish(id, worker)
					}
				})
			}
			for i, id := range ids(name, 200) {
				jobs.add(id)
				publish(t, both[i%2], id)
			}
			jobs.waitDone(t)
			jobs.once(t, true)
			if by[0].Load() == 0 || by[1].Load() == 0 {
				t.Errorf("the queues ran %d and %d jobs", by[0].Load(), by[1].Load())
			}
		})
	}
}

// TestServerAway: a URL where nobody answers yet is polled around, and used when somebody does.
func TestServerAway(t *testing.T) {
	jobs := newTable()
	s, err := natsd.NewServer(&natsd.Options{Host: "127.0.0.1", Port: -1, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not get ready")
	}
	u := s.ClientURL()
	port, _ := s.Addr().(interface{ AddrPort() netip.AddrPort })
	at := int(port.AddrPort().Port())
	s.Shutdown()
	s.WaitForShutdown()

	q := open(t, jobs, func(c *Config) { c.URL, c.Every = u, long }) // so it looks when it is told to, or connected
	jobs.add(ids("without", 10)...)
	publish(t, q, ids("without", 10)...)
	jobs.waitDone(t)
	if err := q.Err(); !errors.Is(err, ErrNoStream) {
		t.Errorf("Err is %v", err)
	}
	dir := t.TempDir()
	for range 2 { // the second one has lost the stream
		s, err := natsd.NewServer(&natsd.Options{Host: "127.0.0.1", Port: at, NoSigs: true, JetStream: true, StoreDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		healthy(t, q)
		jobs.add(ids(dir, 10)...)
		publish(t, q, ids(dir, 10)...)
		jobs.waitDone(t)
		s.Shutdown()
		s.WaitForShutdown()
		dir = t.TempDir()
	}
	jobs.once(t, true)
}

// healthy waits until JetStream dispatches.
func healthy(t *testing.T, q *Queue) {
	t.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	for {
		q.mu.Lock()
		sick, changed := q.sick, q.changed
		q.mu.Unlock()
		if sick == nil {
			return
		}
		select {
		case <-changed:
		case <-limit.C:
			t.Fatalf("JetStream did not come back: %v", sick)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	good := Config{Dir: "x", Jobs: newTable(), Run: func(context.Context, string, string) {}}
	for name, change := range map[string]func(*Config){
		"no jobs": func(c *Config) { c.Jobs = nil }, "no run": func(c *Config) { c.Run = nil }, "nowhere": func(c *Config) { c.Dir = "" },
		"workers": func(c *Config) { c.Workers = -1 }, "name": func(c *Config) { c.Name = "a.b" }, "wild": func(c *Config) { c.Name = "*" },
		"http": func(c *Config) { c.URL = "http://geheim@example.org" }, "no host": func(c *Config) { c.URL = "nats:geheim" },
		"second": func(c *Config) { c.URL = "nats://127.0.0.1:1,geheim" },
	} {
		c := good
		change(&c)
		q, err := Open(t.Context(), c)
		if err == nil {
			_ = q.Close(t.Context())
			t.Errorf("%s: opened", name)
		} else if strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v tells the password", name, err)
		}
	}
}

func TestClosedQueue(t *testing.T) {
	q := open(t, newTable(), nil)
	closed(t, q)
	if err := q.Publish(t.Context(), "a"); !errors.Is(err, ErrClosed) {
		t.Errorf("Publish: %v", err)
	}
	if _, err := q.Listen(t.Context(), "a"); !errors.Is(err, ErrClosed) {
		t.Errorf("Listen: %v", err)
	}
	q.Tell("a", []byte("late"))
	q.Check("a")
}

// listening starts a NATS server with JetStream on a port of loopback and returns its URL.
func listening(t *testing.T) string {
	t.Helper()
	s, err := natsd.NewServer(&natsd.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, Username: "lab", Password: "geheim"})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the server does not get ready")
	}
	u, err := url.Parse(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("lab", "geheim")
	return u.String()
}
