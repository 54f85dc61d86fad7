package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// DefaultInterval is the time between two rounds of pulling, unless told otherwise.
const DefaultInterval = time.Minute

// maxShutdown is how long requests that are being answered may take when a server ends.
const maxShutdown = 5 * time.Second

// NewServer returns an http.Server whose clients must be done in time: a few seconds for the header, ten for a request, thirty for a whole exchange.
// A request is at most 64 KiB and 16 KiB of header, so that is slow enough for anybody honest. Errors of connections are not logged.
func NewServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
}

// RunConfig says what a running witness does.
type RunConfig struct {
	Witness *Witness
	// Listener is where requests come in; nil: nowhere. Run closes it.
	Listener net.Listener
	// Handler answers them; nil: the witness at the root. It serves for a prefix, or for more than the witness.
	Handler http.Handler
	// Pulls are the logs that are pulled, each in its own time.
	Pulls []PullConfig
	// Interval is the time from the end of one round to the next; 0 means [DefaultInterval].
	Interval time.Duration
}

// Run listens, pulls, or both, until ctx ends; then it lets requests finish, for a few seconds, and returns nil. What goes wrong with one round is reported, and
// the next one tried: only a listener that fails ends it with an error. The state stays open: closing it is the caller's.
func Run(ctx context.Context, c RunConfig) error {
	if c.Listener == nil && len(c.Pulls) == 0 {
		return fmt.Errorf("running witness: neither listening nor pulling")
	}
	if c.Handler == nil {
		c.Handler = c.Witness
	}
	if c.Interval == 0 {
		c.Interval = DefaultInterval
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for _, p := range c.Pulls {
		wg.Go(func() { c.Witness.pullOn(ctx, p, c.Interval) })
	}
	var err error
	if c.Listener != nil {
		err = serve(ctx, c.Listener, c.Handler)
		cancel()
	}
	wg.Wait()
	if err != nil {
		return fmt.Errorf("running witness: %w", err)
	}
	return nil
}

func (w *Witness) pullOn(ctx context.Context, c PullConfig, interval time.Duration) {
	for {
		p, err := w.Pull(ctx, c)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.report(Event{Kind: EventFailed, Origin: c.Origin, Err: err})
		default:
			w.report(Event{Kind: EventPulled, Origin: c.Origin, Size: p.Checkpoint.Size})
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
		}
	}
}

// serve answers requests until ctx ends or the listener fails.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := NewServer(h)
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return errors.Join(err, s.Close())
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxShutdown)
	defer cancel()
	if err := s.Shutdown(stop); err != nil {
		_ = s.Close() // those who do not come to an end are cut off
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
