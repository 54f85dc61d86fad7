package work

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// The truth of TestKill is in the test's process; children, which are killed, reach it as they would reach a database.
const childOf = "PROBAT_WORK_CHILD" // its socket; with _DIR its folder

func TestMain(m *testing.M) {
	if socket, dir := os.Getenv(childOf), os.Getenv(childOf+"_DIR"); socket != "" {
		if err := child(socket, dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// Call and Answer are what goes over the socket.
type Call struct {
	ID, Worker string
	Until      time.Time
	Most       int
}

// Answer is the answer to a Call.
type Answer struct {
	OK  bool
	IDs []string
}

// Remote serves a table to children.
type Remote struct{ t *table }

// Waiting is Jobs.Waiting.
func (r *Remote) Waiting(c Call, a *Answer) (err error) {
	a.IDs, err = r.t.Waiting(context.Background(), c.Most)
	return err
}

// Take is Jobs.Take.
func (r *Remote) Take(c Call, a *Answer) (err error) {
	a.OK, err = r.t.Take(context.Background(), c.ID, c.Worker, c.Until)
	return err
}

// Extend is Jobs.Extend.
func (r *Remote) Extend(c Call, a *Answer) (err error) {
	a.OK, err = r.t.Extend(context.Background(), c.ID, c.Worker, c.Until)
	return err
}

// Finish accepts a result.
func (r *Remote) Finish(c Call, a *Answer) error {
	a.OK = r.t.finish(c.ID, c.Worker)
	return nil
}

// caller is Jobs in a child.
type caller struct{ c *rpc.Client }

func (c caller) Waiting(_ context.Context, most int) ([]string, error) {
	var a Answer
	err := c.c.Call("Remote.Waiting", Call{Most: most}, &a)
	return a.IDs, err
}

func (c caller) Take(_ context.Context, id, worker string, until time.Time) (bool, error) {
	var a Answer
	err := c.c.Call("Remote.Take", Call{ID: id, Worker: worker, Until: until}, &a)
	return a.OK, err
}

func (c caller) Extend(_ context.Context, id, worker string, until time.Time) (bool, error) {
	var a Answer
	err := c.c.Call("Remote.Extend", Call{ID: id, Worker: worker, Until: until}, &a)
	return a.OK, err
}

// child runs a queue until it is killed.
func child(socket, dir string) error {
	c, err := rpc.Dial("unix", socket)
	if err != nil {
		return err
	}
	jobs := caller{c}
	_, err = Open(context.Background(), Config{
		Dir: dir, Jobs: jobs, Workers: 4, Lease: 300 * time.Millisecond, Every: 30 * time.Millisecond,
		Run: func(ctx context.Context, id, worker string) {
			wait := time.NewTimer(time.Duration(rand.IntN(20)) * time.Millisecond)
			defer wait.Stop()
			select {
			case <-wait.C:
				_ = c.Call("Remote.Finish", Call{ID: id, Worker: worker}, new(Answer)) // the table counts what it refuses
			case <-ctx.Done():
			}
		},
	})
	if err != nil {
		return err
	}
	select {}
}

// TestKill kills a process with its server and its runs at random moments, 20 times, sometimes takes its folder away, and counts afterwards.
func TestKill(t *testing.T) {
	jobs := newTable()
	home := t.TempDir()
	socket, dir := filepath.Join(home, "truth"), filepath.Join(home, "queue")
	l, err := net.Listen("unix", socket)
	must(t, err)
	s := rpc.NewServer()
	must(t, s.Register(&Remote{jobs}))
	go s.Accept(l) // ends with l
	t.Cleanup(func() { _ = l.Close() })

	jobs.add(ids("j", 400)...)
	start := func() func() {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childOf+"="+socket, childOf+"_DIR="+dir)
		cmd.Stderr = t.Output()
		must(t, cmd.Start())
		return func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	killed := 0
	for range 20 {
		jobs.mu.Lock()
		at := jobs.count(func(r *row) bool { return r.taken > 0 }) + 1 + rand.IntN(12)
		jobs.mu.Unlock()
		kill := start()
		jobs.wait(t, "some were taken", func() bool { return jobs.count(func(r *row) bool { return r.taken > 0 }) >= min(at, 400) })
		jobs.mu.Lock()
		killed += jobs.count(func(r *row) bool { return r.state == "running" })
		jobs.mu.Unlock()
		kill()
		if chance(0.3) {
			must(t, os.RemoveAll(dir))
		}
	}
	kill := start()
	defer kill()
	jobs.waitDone(t)
	jobs.once(t, false)
	if killed == 0 || jobs.refused > 0 {
		t.Errorf("%d runs were killed, %d results refused", killed, jobs.refused)
	}
}
