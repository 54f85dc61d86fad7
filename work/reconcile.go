package work

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// mostAtOnce bounds what one round of the reconciler asks for and publishes.
	mostAtOnce = 256
	// longestWait bounds the time between two attempts to rebuild JetStream.
	longestWait = time.Minute
)

// reconcile is the loop that makes hints dispensable: it compares what waits with what was published, and rebuilds JetStream.
func (q *Queue) reconcile() {
	tick := time.NewTicker(q.cfg.Every)
	defer tick.Stop()
	var r rounds
	for {
		if full := q.round(&r); full {
			q.poke()
		}
		select {
		case <-q.taking.Done():
			return
		case <-tick.C:
		case <-q.wake:
		}
	}
}

// rounds is what the reconciler remembers from one round to the next.
type rounds struct {
	seen   map[string]bool // what waited in the last round
	at     time.Time       // when that was
	wait   time.Duration   // between attempts to rebuild: longer and longer, 0 when the last one has lasted
	repair time.Time       // not before
}

// mend rebuilds JetStream if it is out of order and an attempt is due.
func (q *Queue) mend(r *rounds) {
	now := time.Now()
	if q.reached.Swap(false) {
		r.wait, r.repair = 0, now
	}
	switch {
	case q.nc == nil || now.Before(r.repair):
	case q.Err() == nil:
		r.wait = 0
	default:
		err := q.repair(q.taking, r.wait > 0)
		r.wait = min(max(2*r.wait, q.cfg.Every), longestWait)
		r.repair = time.Now().Add(r.wait)
		if err != nil {
			q.fail(err)
		}
	}
}

// round looks once. full says that everything was handed out and more may wait.
func (q *Queue) round(r *rounds) (full bool) {
	if err := q.lookAfter(); err != nil {
		q.fail(err)
	}
	q.mend(r)
	ctx, cancel := context.WithTimeout(q.taking, max(q.cfg.Every, 10*time.Second))
	defer cancel()
	ids, err := q.cfg.Jobs.Waiting(ctx, mostAtOnce)
	if err != nil {
		if q.taking.Err() == nil {
			q.log.Warn("asking which jobs wait", "error", err)
		}
		return false
	}
	healthy := q.Err() == nil
	for _, id := range ids {
		if healthy {
			healthy = q.publish(ctx, id) == nil || q.Err() == nil
		}
	}
	if !healthy {
		return q.handOut(ids) && len(ids) == mostAtOnce
	}
	q.offer(r, ids)
	return false
}

// offer gives what has waited since the last round or longer to workers that are idle now: there is a message for it, but it does not arrive.
func (q *Queue) offer(r *rounds, ids []string) {
	if now := time.Now(); now.Sub(r.at) >= q.cfg.Every/2 { // a round that somebody asked for is no measure of time
		last := r.seen
		r.seen, r.at = map[string]bool{}, now
		for _, id := range ids {
			r.seen[id] = true
			if last[id] {
				select {
				case q.direct <- id:
				default:
				}
			}
		}
	}
}

// handOut gives jobs to workers as these become idle, for the time of one round at most, and says whether it came to the end.
func (q *Queue) handOut(ids []string) bool {
	t := time.NewTimer(q.cfg.Every)
	defer t.Stop()
	for _, id := range ids {
		select {
		case q.direct <- id:
		case <-t.C:
			return false
		case <-q.taking.Done():
			return false
		}
	}
	return true
}

// poke makes the reconciler look at once.
func (q *Queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// lose is fail for who uses a consumer: it does nothing when there is a newer one.
func (q *Queue) lose(consumer jetstream.Consumer, err error) {
	q.mu.Lock()
	current := q.consumer == consumer
	q.mu.Unlock()
	if current && q.taking.Err() == nil {
		q.fail(err)
		q.poke()
	}
}

// fail notes that JetStream is out of order, and logs it once.
func (q *Queue) fail(err error) {
	q.mu.Lock()
	was := q.consumer != nil || q.sick == ErrNoStream
	q.sick = fmt.Errorf("%w: %w", ErrNoStream, err)
	if q.consumer != nil {
		q.consumer = nil
		close(q.changed)
		q.changed = make(chan struct{})
	}
	q.mu.Unlock()
	if was {
		q.log.Warn("JetStream is out of order, polling until it is rebuilt", "error", err)
	}
}

// heal notes that JetStream dispatches.
func (q *Queue) heal(consumer jetstream.Consumer) {
	q.mu.Lock()
	again := q.sick != nil && q.sick != ErrNoStream
	q.consumer, q.sick = consumer, nil
	close(q.changed)
	q.changed = make(chan struct{})
	q.mu.Unlock()
	if again {
		q.log.Info("JetStream dispatches again")
	}
}
