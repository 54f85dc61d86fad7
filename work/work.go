// Package work is the queue of the lab's server: it hands waiting jobs to workers, in this process or in several.
//
// The truth about jobs is in the lab's database, behind Jobs, and is changed by compare-and-set only. NATS JetStream, in this process or a
// cluster by URL, dispatches: its messages hold ids of jobs and are hints. A hint that is lost, doubled, late or wrong changes nothing but the
// time at which a job starts, because Take decides who runs it and a reconciler asks Waiting again and again. So JetStream's folder may be
// deleted, be corrupt or lie on a full disk: the queue rebuilds it, and polls until that has worked.
//
// The package knows neither SQL nor what a job is, and writes no result: Run does, by compare-and-set under its worker's name. A run that lost
// its lease may go on for a moment beside its successor; what it then writes must be refused there.
package work

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Jobs is the truth about jobs. Its methods are called from several goroutines and several processes at once; the time that they compare
// leases with should be that of the database, or of a host whose clock is kept.
type Jobs interface {
	// Waiting returns the ids of jobs that are queued, or running under a lease that is over: oldest first, at most most.
	Waiting(ctx context.Context, most int) ([]string, error)

	// Take claims a job by compare-and-set for a worker until a time (a lease). ok is false where it is not waiting any more: taken, done,
	// cancelled, unknown. After an error the job may be taken all the same; then nobody runs it and the lease runs out.
	Take(ctx context.Context, id, worker string, until time.Time) (ok bool, err error)

	// Extend is the heartbeat: it moves the end of the worker's lease, also back to the present, which gives the job to whoever comes next.
	// ok is false where the lease was lost or the job is done or cancelled; then the context of the run ends.
	Extend(ctx context.Context, id, worker string, until time.Time) (ok bool, err error)
}

// Run does one job and returns when it is done or ctx has ended: see ErrLost and ErrClosed. It writes its result itself, by compare-and-set.
// worker is unique to one worker of one opened queue. A Run that panics is recovered and logged, and its lease runs out.
type Run func(ctx context.Context, id, worker string)

// Config is what Open needs. The zero value of a field in square brackets is the default given there.
type Config struct {
	// Dir is a folder of the queue's own, for the server in this process; made if there is none. What is in it may be lost at any time. Two
	// processes must not share one. Not used with a URL.
	Dir string
	// URL is of a NATS server or cluster, nats://[user:password@]host:port[,…] or tls://…; "" starts one in this process, without a socket.
	// Whoever may connect there sees ids and progress, and can delay jobs, but cannot make one run that does not wait.
	URL string
	// Name of the stream and first word of every subject [probat]: letters, digits, - and _. Labs that share a cluster have one each.
	Name string

	Jobs    Jobs
	Run     Run
	Workers int           // how many jobs run at once here [1]
	Lease   time.Duration // how long a job stays taken without a heartbeat; a heartbeat is sent every quarter of it [30 s]
	Every   time.Duration // how often the reconciler asks Waiting [2 s]

	// Log gets what no caller can be told: panics of runs, errors of Jobs, JetStream lost and found again [nowhere].
	Log *slog.Logger
}

// Why the context of a run ended, for context.Cause.
var (
	// ErrLost: the lease was lost (or could not be extended in time), or the job was cancelled.
	ErrLost = errors.New("the lease on the job is lost, or the job was cancelled")
	// ErrClosed: the queue closed. Also returned by methods of a closed queue. The lease is given back when the run has returned.
	ErrClosed = errors.New("the queue is closed")
	// ErrNoStream: JetStream does not dispatch at the moment; the queue polls and tries to rebuild it.
	ErrNoStream = errors.New("JetStream is out of order")
)

// Queue hands out jobs until it is closed. Its methods may be called from several goroutines.
type Queue struct {
	cfg    Config
	log    *slog.Logger
	name   string // of this opened queue, in the names of its workers
	server *server
	nc     *nats.Conn
	js     jetstream.JetStream
	tells  *outbox

	taking     context.Context // ends when no job may be taken any more
	stopTaking context.CancelFunc
	running    context.Context // parent of all runs
	stopRuns   context.CancelCauseFunc
	reached    atomic.Bool   // a server of a URL was reached since the reconciler looked
	wake       chan struct{} // one slot: the reconciler is to look at once
	direct     chan string   // jobs from the reconciler to idle workers, past JetStream
	tasks      sync.WaitGroup
	helpers    sync.WaitGroup // what must outlive the runs
	closing    sync.Once
	closed     chan struct{}
	closeErr   error // written before closed is closed

	mu        sync.Mutex
	consumer  jetstream.Consumer // nil while JetStream is out of order
	sick      error              // why
	changed   chan struct{}      // closed when consumer changes
	held      map[string]chan struct{}
	listeners map[*listener]struct{} // nil once closed
}

// Open starts the queue and its workers. ctx bounds the opening only; Close ends the queue. A server that cannot be reached, or a folder that
// cannot be used, is no error: it is logged, told by Err, and the queue polls. Errors are of the configuration.
func Open(ctx context.Context, cfg Config) (*Queue, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("opening the queue: %w", err)
	}
	q := newQueue(ctx, cfg)
	if err := q.connect(); err != nil {
		q.stopTaking()
		q.stopRuns(ErrClosed)
		return nil, fmt.Errorf("opening the queue: %w", err)
	}
	if err := q.repair(ctx, false); err != nil {
		q.fail(err)
	}
	q.helpers.Go(func() { q.tells.send(q.nc) })
	q.start()
	return q, nil
}

func (c *Config) check() error {
	switch {
	case c.Jobs == nil || c.Run == nil:
		return errors.New("it needs Jobs and Run")
	case c.URL == "" && c.Dir == "":
		return errors.New("it needs a folder or a URL")
	case c.Workers < 0 || c.Lease < 0 || c.Every < 0:
		return errors.New("workers, lease and interval must not be negative")
	}
	for one := range strings.SplitSeq(c.URL, ",") {
		if u, err := url.Parse(one); c.URL != "" && (err != nil || u.Host == "" || u.Scheme != "nats" && u.Scheme != "tls") {
			return errors.New("the URL must be nats://host:port or tls://host:port") // not told: it may hold a password
		}
	}
	if c.Name == "" {
		c.Name = "probat"
	}
	for _, r := range c.Name {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_') {
			return fmt.Errorf("%q is not a name: letters, digits, - and _ are", c.Name)
		}
	}
	if c.Workers == 0 {
		c.Workers = 1
	}
	if c.Lease == 0 {
		c.Lease = 30 * time.Second
	}
	if c.Every == 0 {
		c.Every = 2 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// newQueue makes a queue without NATS, which polls. cfg is checked.
func newQueue(ctx context.Context, cfg Config) *Queue {
	q := &Queue{
		cfg:       cfg,
		log:       cfg.Log,
		name:      rand.Text()[:12],
		tells:     newOutbox(),
		wake:      make(chan struct{}, 1),
		direct:    make(chan string),
		closed:    make(chan struct{}),
		sick:      ErrNoStream,
		changed:   make(chan struct{}),
		held:      map[string]chan struct{}{},
		listeners: map[*listener]struct{}{},
	}
	ctx = context.WithoutCancel(ctx)
	q.taking, q.stopTaking = context.WithCancel(ctx)
	q.running, q.stopRuns = context.WithCancelCause(ctx)
	return q
}

func (q *Queue) start() {
	for i := range q.cfg.Workers {
		q.tasks.Go(func() { q.work(fmt.Sprintf("%s-%d", q.name, i)) })
	}
	q.tasks.Go(q.reconcile)
}

// Publish hints that a job waits, after the row that says so was committed. An error tells that the hint was lost, and need not concern the
// caller: the reconciler finds the job, and looks at once. It takes a second at most. A hint that is on its way already is not doubled.
func (q *Queue) Publish(ctx context.Context, id string) error {
	call, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := q.publish(call, id); err != nil {
		q.poke()
		return fmt.Errorf("publishing job %q: %w", id, err)
	}
	return nil
}

// Check asks whoever runs the job, in whatever process, to extend its lease now and not at the next heartbeat: so a cancelled job ends at once.
// Call it after the row was changed. It is a hint like any other.
func (q *Queue) Check(id string) { q.tells.put(q.subject("check", id), nil) }

// Err tells why JetStream does not dispatch at the moment: nil, or an error that is ErrNoStream. Jobs run all the same, a little later.
func (q *Queue) Err() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.sick
}

// Close takes no more jobs and waits for those that run. When ctx ends first, it ends their contexts with ErrClosed, waits for them to return,
// gives their leases back, and returns the error of ctx. Channels of Listen are closed. A second Close waits for the first.
func (q *Queue) Close(ctx context.Context) error {
	q.closing.Do(func() {
		q.stopTaking()
		done := make(chan struct{})
		go func() {
			q.tasks.Wait()
			close(done)
		}()
		select {
		case <-done:
		case <-ctx.Done():
			q.closeErr = fmt.Errorf("closing the queue: %w", context.Cause(ctx))
			q.stopRuns(ErrClosed)
			<-done
		}
		q.stopRuns(ErrClosed)
		q.tells.close()
		q.helpers.Wait()
		q.endListeners()
		q.disconnect()
		close(q.closed)
	})
	<-q.closed
	return q.closeErr
}
