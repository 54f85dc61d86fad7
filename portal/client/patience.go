package client

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	mostTries   = 8 // of the same thing without any progress
	firstTries  = 3 // before the server has ever answered: probably there is none
	firstWait   = 500 * time.Millisecond
	longestWait = 15 * time.Second
	// longestAsked is how long a server may ask us to wait.
	longestAsked = 5 * time.Minute
)

// patience counts how often something was tried.
type patience struct {
	client *Client
	tries  int
}

// reset is called when something went forward.
func (p *patience) reset() { p.tries = 0 }

// wait waits before the next try, or returns why there is none.
func (p *patience) wait(ctx context.Context, why error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	most := mostTries
	if !p.client.answered.Load() {
		most = firstTries
	}
	p.tries++
	after := asked(why)
	if !mayPass(why) || p.tries >= most || after > longestAsked {
		return why
	}
	return p.pause(ctx, why, after)
}

// pause waits ever longer with every try, at least after.
func (p *patience) pause(ctx context.Context, why error, after time.Duration) error {
	d := longestWait
	if n := max(p.tries-1, 0); n < 6 {
		d = min(d, firstWait<<n)
	}
	d = max(d/2+rand.N(d/2), after) // not all clients at once after the server was away
	if why != nil {
		p.client.told(why, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// asked is how long the server wants us to wait.
func asked(err error) time.Duration {
	var p *Problem
	if errors.As(err, &p) {
		return p.After
	}
	return 0
}

// mayPass says whether the same may succeed later.
func mayPass(err error) bool {
	if errors.Is(err, ErrFile) {
		return false
	}
	var p *Problem
	var m *MovedError
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(err, &p):
		return passing(p)
	case errors.As(err, &m) || errors.As(err, &cert):
		return false
	}
	return !errors.Is(err, ErrAnswer) && !errors.Is(err, ErrPlain) && !errors.Is(err, http.ErrSchemeMismatch)
}
