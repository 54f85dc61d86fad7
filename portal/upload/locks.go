package upload

import (
	"context"
	"sync"

	"github.com/tus/tusd/v2/pkg/handler"
)

// locks lets one request at a time do something with an upload. One that comes second makes the first stop reading its body, keep what has
// come, and go: mostly it is the same client, whose first connection broke without our noticing. Between processes, Save decides.
type locks struct {
	mu   sync.Mutex
	held map[string]*held
}

type held struct {
	released  chan struct{}
	interrupt func() // nil if the holder reads nothing
}

// NewLock implements handler.Locker.
func (l *locks) NewLock(id string) (handler.Lock, error) {
	return lock{l, id}, nil
}

// interrupt makes all that read stop.
func (l *locks) interrupt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.held {
		if h.interrupt != nil {
			h.interrupt()
		}
	}
}

type lock struct {
	locks *locks
	id    string
}

// Lock implements handler.Lock. How to interrupt its holder is in the context; tus's own way reads a field that another goroutine may write.
func (k lock) Lock(ctx context.Context, _ func()) error {
	for {
		k.locks.mu.Lock()
		before, taken := k.locks.held[k.id]
		if !taken {
			k.locks.held[k.id] = &held{make(chan struct{}), interruptOf(ctx)}
			k.locks.mu.Unlock()
			return nil
		}
		if before.interrupt != nil {
			before.interrupt()
		}
		k.locks.mu.Unlock()
		select {
		case <-ctx.Done():
			return handler.ErrLockTimeout
		case <-before.released:
		}
	}
}

// Unlock implements handler.Lock.
func (k lock) Unlock() error {
	k.locks.mu.Lock()
	defer k.locks.mu.Unlock()
	if h, ok := k.locks.held[k.id]; ok {
		delete(k.locks.held, k.id)
		close(h.released)
	}
	return nil
}
