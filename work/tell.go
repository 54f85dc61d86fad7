package work

import (
	"context"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
)

const (
	// MaxEvent is the size of an event in bytes; a larger one is dropped.
	MaxEvent = 64 << 10

	listenBuffer = 128  // events that a listener may be behind
	outBuffer    = 1024 // events that wait to be sent, of all runs
	outBytes     = 8 << 20
)

// Tell sends an event about a job to whoever listens, in whatever process. It never blocks: what nobody hears, or cannot be sent in time, is
// lost, the oldest first. Events of one process about a job arrive in order. The bytes are copied.
func (q *Queue) Tell(id string, event []byte) {
	if len(event) > MaxEvent {
		q.log.Warn("an event is too large and was dropped", "job", id, "bytes", len(event))
		return
	}
	q.tells.put(q.subject("tell", id), append([]byte(nil), event...))
}

// Listen returns the events about a job from now on, until ctx ends or the queue closes; then the channel is closed. What is told after Listen
// has returned arrives, unless the reader is more than 128 events behind: then it loses the oldest ones. The bytes are the reader's. While a
// server of a URL cannot be reached, events are lost and Listen returns an error.
func (q *Queue) Listen(ctx context.Context, id string) (<-chan []byte, error) {
	l := &listener{events: make(chan []byte, listenBuffer)}
	q.mu.Lock()
	if q.listeners == nil || q.nc == nil {
		q.mu.Unlock()
		return nil, fmt.Errorf("listening to job %q: %w", id, ErrClosed)
	}
	q.listeners[l] = struct{}{}
	q.mu.Unlock()
	sub, err := q.nc.Subscribe(q.subject("tell", id), func(m *nats.Msg) { l.put(m.Data) })
	if err != nil {
		q.end(l)
		return nil, fmt.Errorf("listening to job %q: %w", id, err)
	}
	l.subscribed(sub)
	call, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	if err := q.nc.FlushWithContext(call); err != nil { // now the server knows of us
		q.end(l)
		return nil, fmt.Errorf("listening to job %q: %w", id, err)
	}
	stop := context.AfterFunc(ctx, func() { q.end(l) })
	l.onEnd(stop)
	return l.events, nil
}

// end ends one listener; it may be called more than once.
func (q *Queue) end(l *listener) {
	q.mu.Lock()
	delete(q.listeners, l)
	q.mu.Unlock()
	l.end()
}

func (q *Queue) endListeners() {
	q.mu.Lock()
	all := q.listeners
	q.listeners = nil
	q.mu.Unlock()
	for l := range all {
		l.end()
	}
}

// listener is one reader of Listen.
type listener struct {
	mu     sync.Mutex
	events chan []byte // sent to and closed under mu only
	sub    *nats.Subscription
	stop   func() bool
	ended  bool
}

// put never blocks: it drops the oldest event of a full channel.
func (l *listener) put(event []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.ended {
		select {
		case l.events <- event:
			return
		default:
		}
		select {
		case <-l.events:
		default:
		}
	}
}

func (l *listener) subscribed(sub *nats.Subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sub = sub
	if l.ended {
		_ = sub.Unsubscribe()
	}
}

func (l *listener) onEnd(stop func() bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop = stop
	if l.ended {
		stop()
	}
}

func (l *listener) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended = true
	close(l.events)
	if l.sub != nil {
		_ = l.sub.Unsubscribe()
	}
	if l.stop != nil {
		l.stop()
	}
}

// outbox is what waits to be sent, so that a connection that hangs holds up nobody.
type outbox struct {
	mu     sync.Mutex
	some   *sync.Cond
	queue  []*nats.Msg
	bytes  int
	closed bool
}

func newOutbox() *outbox {
	o := &outbox{}
	o.some = sync.NewCond(&o.mu)
	return o
}

// put adds a message and drops the oldest ones that are too many.
func (o *outbox) put(subject string, data []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	o.queue = append(o.queue, &nats.Msg{Subject: subject, Data: data})
	o.bytes += len(data)
	for len(o.queue) > outBuffer || o.bytes > outBytes {
		o.bytes -= len(o.queue[0].Data)
		o.queue[0] = nil
		o.queue = o.queue[1:]
	}
	o.some.Signal()
}

// send sends until the outbox is closed and empty.
func (o *outbox) send(nc *nats.Conn) {
	for {
		o.mu.Lock()
		for len(o.queue) == 0 && !o.closed {
			o.some.Wait()
		}
		all := o.queue
		o.queue, o.bytes = nil, 0
		o.mu.Unlock()
		if len(all) == 0 {
			return
		}
		for _, m := range all {
			_ = nc.PublishMsg(m) // lost with the connection, as Tell says
		}
	}
}

func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.some.Broadcast()
}
