package work

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// A pull waits so long for a message; the server says every pullBeat that it is still there.
	pullFor  = 20 * time.Second
	pullBeat = 2 * time.Second
)

// hint says that a job may wait. message is nil when it did not come by JetStream.
type hint struct {
	id      string
	message jetstream.Msg
}

// work is one worker: it takes and runs jobs one after the other until the queue takes no more.
func (q *Queue) work(worker string) {
	for q.taking.Err() == nil {
		if h, ok := q.next(); ok {
			q.try(h, worker)
		}
	}
}

// next waits for a hint, by JetStream and from the reconciler. ok is false when there was none; then the caller asks again.
func (q *Queue) next() (h hint, ok bool) {
	q.mu.Lock()
	consumer, changed := q.consumer, q.changed
	q.mu.Unlock()
	if consumer == nil {
		select {
		case id := <-q.direct:
			return hint{id: id}, true
		case <-changed:
		case <-q.taking.Done():
		}
		return hint{}, false
	}
	ctx, cancel := context.WithTimeout(q.taking, pullFor)
	defer cancel()
	batch, err := consumer.Fetch(1, jetstream.FetchContext(ctx), jetstream.FetchHeartbeat(pullBeat))
	if err != nil {
		q.lose(consumer, fmt.Errorf("asking for a message: %w", err))
		return hint{}, false
	}
	select {
	case m, open := <-batch.Messages():
		if open {
			return hint{id: string(m.Data()), message: m}, true
		}
	case id := <-q.direct:
		h, ok = hint{id: id}, true
	case <-changed:
	case <-ctx.Done():
	}
	cancel()
	for m := range batch.Messages() {
		_ = m.Nak() // it came at the same moment: somebody else may have it; if that is lost, it comes again by itself
	}
	if err := batch.Error(); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		q.lose(consumer, fmt.Errorf("waiting for a message: %w", err))
	}
	return h, ok
}

// try takes the job of a hint and, if it was still waiting, runs it.
func (q *Queue) try(h hint, worker string) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(q.running, q.cfg.Lease/2)
	ok, err := q.cfg.Jobs.Take(ctx, h.id, worker, start.Add(q.cfg.Lease))
	cancel()
	switch {
	case err != nil:
		q.log.Warn("taking a job", "job", h.id, "error", err)
		if h.message != nil {
			_ = h.message.NakWithDelay(q.cfg.Every)
		}
		q.pause()
	case !ok:
		h.ack()
	default:
		q.hold(h, worker, start)
	}
}

// pause keeps a worker from asking a database that just failed over and over.
func (q *Queue) pause() {
	t := time.NewTimer(min(q.cfg.Every, time.Second))
	defer t.Stop()
	select {
	case <-t.C:
	case <-q.taking.Done():
	}
}

func (h hint) ack() {
	if h.message != nil {
		_ = h.message.Ack() // lost: the message comes again, and Take says no
	}
}

// hold runs a job that was taken at start, with heartbeats, until Run has returned.
func (q *Queue) hold(h hint, worker string, start time.Time) {
	ctx, cancel := context.WithCancelCause(q.running)
	defer cancel(nil)
	check := q.enter(h.id)
	defer q.leave(h.id, check)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer q.recover(h.id, worker)
		q.cfg.Run(ctx, h.id, worker)
	}()
	q.beat(ctx, cancel, h, worker, start, done, check)
	if errors.Is(context.Cause(ctx), ErrClosed) {
		// The parent ended, so its cancellation must not reach this call.
		last, end := context.WithTimeout(context.WithoutCancel(ctx), q.cfg.Lease/4)
		defer end()
		if _, err := q.cfg.Jobs.Extend(last, h.id, worker, time.Now()); err != nil {
			q.log.Warn("giving a job back", "job", h.id, "error", err)
		}
		if h.message != nil {
			_ = h.message.Nak()
		}
		return
	}
	h.ack()
}

// recover keeps a panic of Run from ending the program. The job is not given back at once: it would panic again, and again.
func (q *Queue) recover(id, worker string) {
	if p := recover(); p != nil {
		q.log.Error("a run panicked", "job", id, "worker", worker, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
}

// beat extends the lease every quarter of it until done, and ends the run when that is refused or has not worked for seven eighths of a lease,
// by the clock that never jumps: before anybody else can take the job, with whatever Extend does in the meantime.
func (q *Queue) beat(ctx context.Context, cancel context.CancelCauseFunc, h hint, worker string, start time.Time, done, check <-chan struct{}) {
	safe := q.cfg.Lease / 8 * 7
	over := time.AfterFunc(safe-time.Since(start), func() { cancel(ErrLost) })
	defer over.Stop()
	tick := time.NewTicker(q.cfg.Lease / 4)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-ctx.Done():
			<-done
			return
		case <-tick.C:
		case <-check:
		}
		now := time.Now()
		call, end := context.WithTimeout(ctx, q.cfg.Lease/4)
		ok, err := q.cfg.Jobs.Extend(call, h.id, worker, now.Add(q.cfg.Lease))
		end()
		switch {
		case err != nil:
			if ctx.Err() == nil {
				q.log.Warn("extending a lease", "job", h.id, "error", err)
			}
		case !ok:
			cancel(ErrLost)
		default:
			over.Reset(safe - time.Since(now))
			if h.message != nil {
				_ = h.message.InProgress()
			}
		}
	}
}

// enter notes that a job runs here; the channel gets what Check asks for.
func (q *Queue) enter(id string) chan struct{} {
	check := make(chan struct{}, 1)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held[id] = check
	return check
}

func (q *Queue) leave(id string, check chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.held[id] == check { // not if a successor runs here already
		delete(q.held, id)
	}
}

// asked passes what Check asks for to the run of a job, if it is here.
func (q *Queue) asked(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case q.held[id] <- struct{}{}:
	default:
	}
}
