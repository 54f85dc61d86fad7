package work

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// Messages are ids: 100,000 of them are more than a lab has waiting. What does not fit is found by the reconciler.
	maxMessages = 100_000
	maxBytes    = 32 << 20
	maxMessage  = 4 << 10
	// A server that answers later than this is taken for broken.
	answer = 3 * time.Second
	// Publish tells its caller earlier that the hint may be lost; whether JetStream is broken is for the reconciler to find out.
	patience = time.Second
)

// subject names a thing of a job in NATS; ids are encoded since subjects allow few characters.
func (q *Queue) subject(what, id string) string {
	return q.cfg.Name + "." + what + "." + base64.RawURLEncoding.EncodeToString([]byte(id))
}

// idOf is the id in a subject; "" if it is not one of ours.
func idOf(subject string) string {
	id, err := base64.RawURLEncoding.DecodeString(subject[strings.LastIndexByte(subject, '.')+1:])
	if err != nil {
		return ""
	}
	return string(id)
}

// connect starts the server in this process, or reaches for the one of the URL, and goes on reaching for it.
func (q *Queue) connect() error {
	u := q.cfg.URL
	options := []nats.Option{
		nats.Name("probat work " + q.name), nats.MaxReconnects(-1), nats.RetryOnFailedConnect(true), nats.Timeout(answer),
		nats.ReconnectBufSize(256 << 10), nats.FlusherTimeout(answer), nats.NoCallbacksAfterClientClose(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { q.log.Debug("NATS", "error", err) }),
	}
	if u == "" {
		q.server = &server{dir: q.cfg.Dir, log: q.log}
		if err := q.server.restart(); err != nil {
			return err
		}
		options = append(options, nats.InProcessServer(q.server), nats.ReconnectWait(5*time.Millisecond), nats.ReconnectJitter(0, 0))
	} else {
		back := func(*nats.Conn) {
			q.reached.Store(true)
			q.poke()
		}
		options = append(options, nats.ReconnectWait(time.Second), nats.ConnectHandler(back), nats.ReconnectHandler(back))
	}
	nc, err := nats.Connect(u, options...)
	if err != nil {
		if q.server != nil {
			q.server.stop()
		}
		return fmt.Errorf("connecting to NATS: %w", err)
	}
	q.nc = nc
	if q.js, err = jetstream.New(nc); err == nil {
		_, err = nc.Subscribe(q.cfg.Name+".check.*", func(m *nats.Msg) { q.asked(idOf(m.Subject)) })
	}
	if err != nil {
		q.disconnect()
		return fmt.Errorf("connecting to NATS: %w", err)
	}
	return nil
}

func (q *Queue) disconnect() {
	if q.nc != nil {
		q.nc.Close()
	}
	if q.server != nil {
		q.server.stop()
	}
}

// lookAfter says whether the stream is gone without anybody having noticed: a deleted folder lives on in open files.
func (q *Queue) lookAfter() error {
	if q.server == nil || q.Err() != nil {
		return nil
	}
	return q.server.alive(q.cfg.Name)
}

// repair makes JetStream dispatch, from whatever state it is in. A server in this process that does not oblige, or did not for long, is started
// anew, and if that does not help, with an empty folder: the hints in it are published again.
func (q *Queue) repair(ctx context.Context, again bool) error {
	var err error
	if !again || q.server == nil {
		if err = q.ensure(ctx); err == nil || q.server == nil {
			return err
		}
	}
	for _, clear := range []bool{false, true} {
		var kept error
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case clear:
			kept = q.server.clear() // if that matters, the start fails too
		case again:
			continue // a restart alone was tried
		}
		if err = q.server.restart(); err == nil {
			err = q.ensure(ctx)
		}
		if err == nil {
			return nil
		} else if kept != nil {
			err = fmt.Errorf("%w, after %w", err, kept)
		}
	}
	return err
}

// ensure makes the stream and its consumer where they are missing, and has the workers use them.
func (q *Queue) ensure(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	if err := q.connected(ctx); err != nil {
		return fmt.Errorf("connecting to NATS: %w", err)
	}
	stream, err := q.ensureStream(ctx)
	if err != nil {
		return fmt.Errorf("making the stream %q: %w", q.cfg.Name, err)
	}
	consumer, err := stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: "workers", AckPolicy: jetstream.AckExplicitPolicy, AckWait: q.cfg.Lease, MaxDeliver: -1, MaxAckPending: -1,
	})
	if err != nil {
		return fmt.Errorf("making the consumer of %q: %w", q.cfg.Name, err)
	}
	q.heal(consumer)
	return nil
}

// connected waits for the connection to the server in this process, which comes at once; one far away is not waited for.
func (q *Queue) connected(ctx context.Context) error {
	if q.server == nil {
		if !q.nc.IsConnected() {
			return errors.Join(errors.New("not connected"), q.nc.LastError())
		}
		return nil
	}
	if err := q.server.alive(""); err != nil {
		return err
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !q.server.reached() || !q.nc.IsConnected() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// ensureStream leaves to the operators of a cluster what is theirs: replicas, placement, limits.
func (q *Queue) ensureStream(ctx context.Context) (jetstream.Stream, error) {
	want := jetstream.StreamConfig{
		Name: q.cfg.Name, Description: "ids of jobs that wait", Subjects: []string{q.cfg.Name + ".job.*"},
		Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, Storage: jetstream.FileStorage,
		MaxMsgs: maxMessages, MaxBytes: maxBytes, MaxMsgSize: maxMessage,
	}
	s, err := q.js.Stream(ctx, q.cfg.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return q.js.CreateOrUpdateStream(ctx, want)
	} else if err != nil {
		return nil, err
	}
	got := s.CachedInfo().Config
	if got.Retention != want.Retention || len(got.Subjects) != 1 || got.Subjects[0] != want.Subjects[0] {
		return nil, errors.New("there is a stream of this name for something else")
	}
	return s, nil
}

// publish puts a hint into the stream, unless there is one for this job in it already. Other errors than those of ctx and id put JetStream out of
// order.
func (q *Queue) publish(ctx context.Context, id string) error {
	q.mu.Lock()
	consumer, sick := q.consumer, q.sick
	q.mu.Unlock()
	switch {
	case q.taking.Err() != nil:
		return ErrClosed
	case consumer == nil:
		return sick
	case !q.nc.IsConnected():
		q.lose(consumer, errors.New("not connected"))
		return ErrNoStream
	case id == "" || len(id) > maxMessage/4:
		return errors.New("not the id of a job")
	}
	call, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	_, err := q.js.Publish(call, q.subject("job", id), []byte(id),
		jetstream.WithExpectStream(q.cfg.Name), jetstream.WithExpectLastSequencePerSubject(0), jetstream.WithRetryAttempts(0))
	var api *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
		return nil
	case ctx.Err() == nil:
		q.lose(consumer, fmt.Errorf("publishing: %w", err))
	}
	return err
}
