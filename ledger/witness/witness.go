package witness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/probat-lab/probat/ledger/proof"
)

const (
	// DefaultRenew is how long a cosignature of an unchanged checkpoint is given out again before a new one is made, unless told otherwise.
	DefaultRenew = time.Minute
	// maxBusy is how many requests a witness or a collector works on at once; more are told to come again.
	maxBusy = 256
)

// Config is what a witness is made of.
type Config struct {
	// Cosigners are the witness's keys, at least one: Ed25519, ML-DSA-44 or both. Every checkpoint is cosigned with all of them.
	Cosigners []*proof.Cosigner
	// Logs are the keys of the logs that are witnessed, at least one. Several may belong to one log.
	Logs []proof.LogKey
	// State is open for the same logs. Closing it, after the last use of the witness, is the caller's.
	State *State
	// Now is the clock; time.Now if nil.
	Now func() time.Time
	// Renew is how old a cosignature may be that is given out once more for the same checkpoint; 0 means [DefaultRenew]. Without it,
	// anybody who sends a log's latest checkpoint again and again would make the witness sign and write each time.
	Renew time.Duration
	// Report is told what happens, from several goroutines at once; it may be nil. It should return soon: a log's turn may be waiting.
	Report func(Event)
}

// The kinds of events.
const (
	// EventCosigned: a checkpoint was cosigned that is not the one before.
	EventCosigned = "cosigned"
	// EventRefused: a request was answered with Status, which is not 200. Those of unknown logs are among them.
	EventRefused = "refused"
	// EventEquivocation: a log is convicted; the proof is in File.
	EventEquivocation = "equivocation"
	// EventConflict: two checkpoints could not be reconciled, which proves nothing yet; they are in File.
	EventConflict = "conflict"
	// EventStale: a source has shown the same checkpoint for longer than it may.
	EventStale = "stale"
	// EventPulled: a round of pulling ended well.
	EventPulled = "pulled"
	// EventFailed: what Err says did not work.
	EventFailed = "failed"
)

// Event is something that the operator of a witness may want to know.
type Event struct {
	Kind   string
	Origin string
	// Size is that of the checkpoint it is about, or 0.
	Size   int64
	Status int
	// File is a path below the folder of the state.
	File string
	Err  error
}

// Witness cosigns the checkpoints of some logs. It is an http.Handler for the protocol of C2SP tlog-witness, both prefixes at its root, and may be used
// from several goroutines.
type Witness struct {
	cosigners []*proof.Cosigner
	logs      map[string][]proof.LogKey
	state     *State
	now       func() time.Time
	renew     time.Duration
	report    func(Event)
	mux       *http.ServeMux
	busy      chan struct{}
}

// New makes a witness. It refuses one public key twice, be it under two names or as witness and log, and a state that is not open for all logs.
func New(c Config) (*Witness, error) {
	if len(c.Cosigners) == 0 || len(c.Logs) == 0 || c.State == nil {
		return nil, fmt.Errorf("making witness: at least a key, a log and a state are needed")
	}
	seen := map[string]string{}
	add := func(name string, key []byte) error {
		if other, ok := seen[string(key)]; ok {
			return fmt.Errorf("making witness: %q and %q have the same key", other, name)
		}
		seen[string(key)] = name
		return nil
	}
	for _, k := range c.Logs {
		if k.IsZero() {
			return nil, fmt.Errorf("making witness: a log's key is missing")
		}
		if err := add(k.Name(), k.PublicKey()); err != nil {
			return nil, err
		}
		if c.State.slots[k.Name()] == nil {
			return nil, fmt.Errorf("making witness: log %q: %w", k.Name(), ErrNoState)
		}
	}
	for _, k := range c.Cosigners {
		if k == nil {
			return nil, fmt.Errorf("making witness: a key is missing")
		}
		if err := add(k.Key().Name(), k.Key().PublicKey()); err != nil {
			return nil, err
		}
	}
	w := &Witness{
		cosigners: slices.Clone(c.Cosigners), logs: byOrigin(c.Logs), state: c.State, now: c.Now, renew: c.Renew, report: c.Report,
		busy: make(chan struct{}, maxBusy),
	}
	if w.now == nil {
		w.now = time.Now
	}
	if w.renew == 0 {
		w.renew = DefaultRenew
	}
	if w.report == nil {
		w.report = func(Event) {}
	}
	w.route()
	return w, nil
}

// Keys returns the public keys of the witness.
func (w *Witness) Keys() []proof.WitnessKey {
	var keys []proof.WitnessKey
	for _, c := range w.cosigners {
		keys = append(keys, c.Key())
	}
	return keys
}

// Latest returns the checkpoint of a log that was last cosigned, with the log's signature and the witness's own; nil if there is none.
func (w *Witness) Latest(origin string) *proof.SignedCheckpoint {
	if sl := w.state.slots[origin]; sl != nil {
		return sl.head.Load().note
	}
	return nil
}

// refusal is why a checkpoint was not cosigned: an error with its answer in the protocol.
type refusal struct {
	status int
	size   int64 // with 409: what was last cosigned
	err    error
	about  proof.Checkpoint // which, if it could be read
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, err: fmt.Errorf(format, args...)}
}

// verify returns the lines of the log that are right. A line of a known key that is wrong makes the whole note malformed.
func (w *Witness) verify(c *proof.SignedCheckpoint) ([]proof.SignatureLine, *refusal) {
	keys, ok := w.logs[c.Origin]
	if !ok {
		return nil, refuse(http.StatusNotFound, "the log %q is not witnessed here", c.Origin)
	}
	var lines []proof.SignatureLine
	for _, k := range keys {
		err := k.Verify(c)
		if errors.Is(err, proof.ErrUnknownLog) {
			continue
		}
		if err != nil {
			return nil, &refusal{status: http.StatusForbidden, err: err}
		}
		for _, l := range c.Lines {
			if l.Name == k.Name() && l.KeyHash == k.Hash() {
				lines = append(lines, l)
			}
		}
	}
	if len(lines) == 0 {
		return nil, refuse(http.StatusForbidden, "no signature of a key of %q that is known here: %w", c.Origin, proof.ErrUnknownLog)
	}
	return lines, nil
}

// advance checks a checkpoint against what was last cosigned of its log, makes it durable and returns the cosignatures. The order of the checks is that of the protocol.
// The error is a *refusal.
func (w *Witness) advance(ctx context.Context, r *request) ([]proof.SignatureLine, error) {
	verified, no := w.verify(r.note)
	if no != nil {
		return nil, no
	}
	c := &proof.SignedCheckpoint{Checkpoint: r.note.Checkpoint, Lines: verified}
	if r.old > c.Size {
		return nil, refuse(http.StatusBadRequest, "the old size %d is more than that of the checkpoint, %d", r.old, c.Size)
	}
	sl := w.state.slots[c.Origin]
	if err := sl.take(ctx); err != nil {
		return nil, refuse(http.StatusServiceUnavailable, "waiting for the turn of the log %q: %w", c.Origin, err)
	}
	defer sl.give()
	h, err := w.state.current(sl)
	if err != nil {
		return nil, &refusal{status: http.StatusInternalServerError, err: err}
	}
	if h.note != nil && h.note.Size == c.Size && h.note.Root != c.Root {
		// Also when the answer is 409: the two signatures are what counts.
		if _, _, err := w.keepEquivocation(h.note, c, nil); err != nil {
			w.keepConflict(&Conflict{A: h.note, B: c})
		}
	}
	if size := h.checkpoint().Size; r.old != size {
		return nil, &refusal{status: http.StatusConflict, size: size, err: fmt.Errorf("the log believes %d leaves of %q were cosigned, it was %d", r.old, c.Origin, size)}
	}
	if err := proof.CheckConsistency(h.checkpoint(), c.Checkpoint, r.hashes); err != nil {
		if h.checkpoint().Size > 0 && h.checkpoint().Size < c.Size {
			w.keepConflict(&Conflict{A: h.note, B: c, Hashes: r.hashes})
		}
		return nil, &refusal{status: http.StatusUnprocessableEntity, err: err}
	}
	return w.cosign(sl, h, c)
}

// cosign makes cosignatures, makes them durable and returns them. The caller has the turn of the log and has checked c, whose lines are the log's only.
func (w *Witness) cosign(sl *slot, h *head, c *proof.SignedCheckpoint) ([]proof.SignatureLine, error) {
	now := w.now().Unix()
	lines, last := w.own(h.note)
	if h.is(c.Checkpoint) && len(lines) == len(w.cosigners) && now >= last && now-last < int64(w.renew/time.Second) {
		return lines, nil
	}
	stamp, err := timeFor(now, last)
	if err != nil {
		return nil, refuse(http.StatusInternalServerError, "cosigning checkpoint of %q: %w", c.Origin, err)
	}
	next := &head{origin: sl.origin, since: stamp}
	if h.is(c.Checkpoint) {
		next.since = h.since
	}
	lines = nil
	for _, k := range w.cosigners {
		l, err := k.Cosign(c, stamp)
		if err != nil {
			return nil, &refusal{status: http.StatusInternalServerError, err: err}
		}
		lines = append(lines, l)
	}
	next.note = c.With(lines...)
	if err := w.state.put(sl, next); err != nil {
		return nil, &refusal{status: http.StatusInternalServerError, err: err}
	}
	if !h.is(c.Checkpoint) {
		w.state.settle(c)
		w.report(Event{Kind: EventCosigned, Origin: c.Origin, Size: c.Size})
	}
	return lines, nil
}

// own returns the right cosignatures of this witness under a note, which may be nil, and the latest of their times.
func (w *Witness) own(note *proof.SignedCheckpoint) (lines []proof.SignatureLine, last int64) {
	if note == nil {
		return nil, 0
	}
	for _, k := range w.Keys() {
		at, err := k.Verify(note)
		if err != nil {
			continue
		}
		last = max(last, at)
		for _, l := range note.Lines {
			if l.Name == k.Name() && l.KeyHash == k.Hash() {
				lines = append(lines, l)
			}
		}
	}
	return lines, last
}

// timeFor returns the time for a new cosignature: a cosignature says "the largest I saw until then", so times must not run backwards. A clock that is
// a little behind is covered up; one that is further behind is wrong, or was when the last cosignature was made, and somebody must look.
func timeFor(now, last int64) (int64, error) {
	if now <= 0 {
		return 0, fmt.Errorf("the clock says %d seconds before 1970", -now)
	}
	if last-now > proof.FutureTolerance {
		return 0, fmt.Errorf("the clock is %d seconds behind the last cosignature", last-now)
	}
	return max(now, last), nil
}
