package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

const (
	// maxRounds is how often a witness may say that it has another size before it is given up for the time being.
	maxRounds = 4
	// backoff is how long a witness that failed is left alone, doubled with every failure up to maxBackoff.
	backoff, maxBackoff = time.Second, time.Minute
)

// witnessState is what is known of a witness. Its fields are guarded by Ledger.mu, but for size, which belongs to whoever asks it.
type witnessState struct {
	witness  Witness
	size     int64 // what it is believed to have
	busy     bool
	cosigned int64 // size of the last checkpoint that it was done with
	failures int
	next     time.Time // not before
	problem  error
}

// askWitnesses has the served checkpoints cosigned. All witnesses are asked about the same one, until the quorum is there or nobody is left to
// wait for; otherwise two slow ones could cosign alternating checkpoints for ever and no quorum would ever meet.
func (l *Ledger) askWitnesses(ctx context.Context) {
	if len(l.witness) == 0 {
		return
	}
	var asking sync.WaitGroup
	defer asking.Wait()
	var target *proof.SignedCheckpoint
	for {
		if l.stoppedFor() != nil {
			return
		}
		target = l.target(target)
		soonest := time.Duration(0) // until a witness that failed may be asked again; 0 if there is none
		now := time.Now()
		for _, w := range l.witness {
			wait, ready := l.ready(w, target, now)
			if ready {
				c := target
				asking.Go(func() { l.done(w, c, l.ask(ctx, w, c)) })
			} else if wait > 0 {
				soonest = min(wait, cmp.Or(soonest, wait))
			}
		}
		var retry <-chan time.Time
		if soonest > 0 {
			retry = time.After(soonest)
		}
		select {
		case <-ctx.Done():
			return
		case <-l.poke:
		case <-retry:
		}
	}
}

// target returns the checkpoint that witnesses are asked about now.
func (l *Ledger) target(old *proof.SignedCheckpoint) *proof.SignedCheckpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	if old == nil || l.served == nil || l.served.Size == old.Size {
		return l.served
	}
	if l.witnessed != nil && l.witnessed.note.Size >= old.Size {
		return l.served
	}
	for _, w := range l.witness {
		if w.busy {
			return old
		}
	}
	return l.served
}

// ready says whether to ask a witness now, and if it has to be left alone for a while, how long.
func (l *Ledger) ready(w *witnessState, target *proof.SignedCheckpoint, now time.Time) (wait time.Duration, ready bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if target == nil || target.Size == 0 || w.busy || w.cosigned >= target.Size {
		return 0, false
	}
	if now.Before(w.next) {
		return w.next.Sub(now), false
	}
	w.busy = true
	return 0, true
}

// done notes how asking a witness went.
func (l *Ledger) done(w *witnessState, c *proof.SignedCheckpoint, err error) {
	var theirs errWitness
	if err != nil && !errors.As(err, &theirs) && (errors.Is(err, ErrBehind) || errors.Is(err, ErrForked)) {
		l.stop(err)
	}
	l.mu.Lock()
	w.busy, w.problem = false, err
	if err == nil {
		w.cosigned, w.failures = c.Size, 0
	} else {
		w.failures++
		w.next = time.Now().Add(min(cmp.Or(l.config.backoff, backoff)<<min(w.failures-1, 10), maxBackoff))
	}
	l.announce()
	l.mu.Unlock()
	token(l.poke)
}

// ask asks one witness until it agrees on the size to start from.
func (l *Ledger) ask(ctx context.Context, w *witnessState, c *proof.SignedCheckpoint) error {
	for range maxRounds {
		hashes, err := l.ConsistencyProof(ctx, w.size, c.Size)
		if err != nil {
			return err
		}
		lines, size, err := l.askOnce(ctx, w, hashes, c)
		switch {
		case err == nil:
			w.size = c.Size
			added, err := l.AddCosignatures(ctx, c.Checkpoint, lines...)
			if err == nil && added == 0 && !l.has(c, lines) {
				err = errors.New("no cosignature of a key in the policy came back")
			}
			return err
		case size < 0 || size == w.size:
			return l.refused(ctx, w, err)
		case size > l.signedNow().Size:
			return l.ahead(ctx, w, size)
		case size > c.Size:
			w.size = size // it has a later one of ours already
			return nil
		}
		w.size = size
	}
	return fmt.Errorf("it named another size %d times", maxRounds)
}

func (l *Ledger) askOnce(ctx context.Context, w *witnessState, hashes []tlog.Hash, c *proof.SignedCheckpoint) ([]proof.SignatureLine, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, l.config.WitnessTimeout)
	defer cancel()
	return w.witness.Cosign(ctx, w.size, hashes, c)
}

// refused looks, where a witness refuses and can show what it knows, whether that is another history of this log.
func (l *Ledger) refused(ctx context.Context, w *witnessState, cause error) error {
	shows, ok := w.witness.(Latest)
	if !ok || errors.Is(cause, context.DeadlineExceeded) || ctx.Err() != nil {
		return cause
	}
	ctx, cancel := context.WithTimeout(ctx, l.config.WitnessTimeout)
	defer cancel()
	c, err := shows.Latest(ctx)
	if err != nil {
		return cause
	}
	if err := l.Compare(ctx, c); errors.Is(err, ErrForked) || errors.Is(err, ErrBehind) {
		return fmt.Errorf("the witness %q: %w", w.witness.Name(), err)
	}
	return cause
}

// has says whether one of the lines is under the kept checkpoint already.
func (l *Ledger) has(c *proof.SignedCheckpoint, lines []proof.SignatureLine) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.served == nil || l.served.Size != c.Size {
		return false
	}
	for _, a := range lines {
		for _, b := range l.served.Lines {
			if a.Name == b.Name && a.KeyHash == b.KeyHash {
				return true
			}
		}
	}
	return false
}

// AddCosignatures takes cosignatures on a checkpoint of this log that is still kept, also long after it was made, and returns how many were
// new. Lines of keys that the policy does not list are left out, and so are wrong ones and those from the future; if it is the latest
// checkpoint it is served again with them. A checkpoint that is not ours is an error: ErrNotFound, or ErrForked if its root is another.
func (l *Ledger) AddCosignatures(ctx context.Context, c proof.Checkpoint, lines ...proof.SignatureLine) (added int, err error) {
	l.publishing.Lock()
	defer l.publishing.Unlock()
	if err := l.stoppedFor(); err != nil {
		return 0, fmt.Errorf("adding cosignatures: %w", err)
	}
	var note *proof.SignedCheckpoint
	var final bool
	err = l.tx(ctx, "cosign", func(tx *sql.Tx) error {
		note, added, final, err = l.addLines(ctx, tx, c, lines)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("adding cosignatures to the checkpoint of %d acts: %w", c.Size, err)
	}
	l.mu.Lock()
	served := l.served != nil && l.served.Size == note.Size
	if l.signed.Size == note.Size {
		l.signed = note
	}
	if served {
		l.served = note
	}
	if final && l.served != nil && note.Size <= l.served.Size {
		l.noteQuorum(note)
	}
	l.announce()
	l.mu.Unlock()
	if !served || added == 0 {
		return added, nil
	}
	if err := l.replaceCheckpoint(ctx); err != nil {
		return added, fmt.Errorf("serving the checkpoint with new cosignatures: %w", err)
	}
	return added, nil
}

func (l *Ledger) addLines(ctx context.Context, tx *sql.Tx, c proof.Checkpoint, lines []proof.SignatureLine) (note *proof.SignedCheckpoint, added int, final bool, err error) {
	var b []byte
	err = tx.QueryRowContext(ctx, "SELECT note FROM ledger_checkpoints WHERE size = $1", c.Size).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, false, ErrNotFound
	}
	if err != nil {
		return nil, 0, false, err
	}
	if note, err = proof.ParseSigned(b); err != nil {
		return nil, 0, false, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if note.Checkpoint != c {
		return nil, 0, false, fmt.Errorf("%w: the cosignatures are on another root or origin", ErrForked)
	}
	with := note.With(l.right(note, lines)...)
	if added = len(with.Lines) - len(note.Lines); added == 0 {
		return note, 0, false, nil
	}
	if _, err := tx.ExecContext(ctx, "UPDATE ledger_checkpoints SET note = $1 WHERE size = $2", with.Bytes(), c.Size); err != nil {
		return nil, 0, false, err
	}
	_, final = l.quorum(with)
	if final {
		_, err = tx.ExecContext(ctx, "UPDATE ledger_head SET witnessed_size = $1 WHERE one = 1 AND $1 > coalesce(witnessed_size, -1) AND $1 <= signed_size", c.Size)
	}
	return with, added, final, err
}

// right returns the lines that are right cosignatures of witnesses in the policy.
func (l *Ledger) right(note *proof.SignedCheckpoint, lines []proof.SignatureLine) []proof.SignatureLine {
	if l.config.Policy == nil {
		return nil
	}
	var right []proof.SignatureLine
	now := l.config.Now().Unix()
	for _, line := range lines {
		alone := &proof.SignedCheckpoint{Checkpoint: note.Checkpoint, Lines: []proof.SignatureLine{line}}
		for _, w := range l.config.Policy.Witnesses() {
			if stamp, err := w.Key.Verify(alone); err == nil && stamp <= now+proof.FutureTolerance {
				right = append(right, line)
				break
			}
		}
	}
	return right
}

// quorum says whether a checkpoint has the policy's quorum, and when the latest witness cosigned it; 0 if none did.
func (l *Ledger) quorum(note *proof.SignedCheckpoint) (latest int64, final bool) {
	if l.config.Policy == nil {
		return 0, true
	}
	// The lines were verified when they came in. A time from the future cannot be among them, but the clock may have been put back since.
	r, err := l.config.Policy.Check(note, 1<<62, l.config.Organisation)
	if err != nil {
		return 0, false
	}
	for _, c := range r.Cosigned {
		latest = max(latest, c.Time)
	}
	return latest, r.Quorum
}

// noteQuorum remembers a published checkpoint if it has the quorum and is the largest that has. The caller holds mu, or is alone.
func (l *Ledger) noteQuorum(note *proof.SignedCheckpoint) {
	latest, final := l.quorum(note)
	if !final || l.witnessed != nil && (note.Size < l.witnessed.note.Size || note.Size == l.witnessed.note.Size && latest < l.witnessed.time) {
		return
	}
	l.witnessed = &witnessedHead{note, latest}
	if note.Size == 0 {
		return
	}
	h := &statement.Head{Root: note.Root.String(), Size: note.Size}
	if latest > 0 {
		h.Time = statement.FormatTime(time.Unix(latest, 0))
	}
	l.asOf = h
}

// Wait waits until a published checkpoint covers the entry with an index and has the policy's quorum, and returns it with true. If ctx ends
// when there is one without the quorum, that is returned with false and no error.
func (l *Ledger) Wait(ctx context.Context, index int64) (c *proof.SignedCheckpoint, witnessed bool, err error) {
	if index < 0 || index >= l.headNow().size {
		return nil, false, fmt.Errorf("waiting for entry %d: %w", index, ErrNotFound)
	}
	if l.config.Cadence == 0 {
		if served, err := l.Checkpoint(ctx); err != nil || served.Size <= index {
			if _, err := l.Publish(ctx); err != nil {
				return nil, false, fmt.Errorf("waiting for entry %d: %w", index, err)
			}
		}
	}
	for {
		l.mu.Lock()
		served, final, changed := l.served, l.witnessed, l.changed
		l.mu.Unlock()
		if final != nil && final.note.Size > index {
			return final.note, true, nil
		}
		if err := l.stoppedFor(); err != nil {
			return nil, false, fmt.Errorf("waiting for entry %d: %w", index, err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if served != nil && served.Size > index {
				return served, false, nil
			}
			return nil, false, fmt.Errorf("waiting for entry %d: %w: %w", index, ErrNotPublished, ctx.Err())
		}
	}
}
