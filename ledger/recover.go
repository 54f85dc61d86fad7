package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/ledger/proof"
)

// probeTimeout bounds the question to each witness when the ledger is opened: one that is down must not keep the lab closed.
const probeTimeout = 5 * time.Second

// recover compares database, tile store and witnesses, and finishes what a crash has left.
func (l *Ledger) recover(ctx context.Context) error {
	if err := l.loadHead(ctx); err != nil {
		return err
	}
	err := l.loadServed(ctx)
	if l.config.ReadOnly {
		l.status.Publisher = err // to be looked at; what is in the database can be read all the same
		return l.loadWitnessed(ctx)
	}
	if err != nil {
		return err
	}
	if err := l.loadWitnessed(ctx); err != nil {
		return err
	}
	if err := l.probe(ctx); err != nil {
		return err
	}
	l.publishing.Lock()
	defer l.publishing.Unlock()
	return l.serve(ctx, nil)
}

// loadHead reads the head and what the database itself says of it.
func (l *Ledger) loadHead(ctx context.Context) error {
	h, err := l.readHead(ctx)
	if err != nil {
		return err
	}
	if h.origin != l.config.Origin || h.logKey != l.key.String() {
		return fmt.Errorf("the ledger in the database is that of %q with the key %s, not of %q with %s", h.origin, h.logKey, l.config.Origin, l.key)
	}
	note, err := proof.ParseSigned(h.note)
	if err == nil {
		err = l.key.Verify(note)
	}
	if err != nil || note.Size != h.signed || h.signed > h.edge.size {
		return fmt.Errorf("%w: the signed checkpoint of %d acts in the database: %w", ErrCorrupt, h.signed, err)
	}
	var last int64
	if err := l.db.QueryRowContext(ctx, "SELECT coalesce(max(number), -1) FROM ledger_entries").Scan(&last); err != nil {
		return fmt.Errorf("counting entries: %w", err)
	}
	if last != h.edge.size-1 {
		return fmt.Errorf("%w: the head has %d acts, the last entry is %d", ErrCorrupt, h.edge.size, last)
	}
	l.head, l.signed = h.edge, note
	return nil
}

// loadServed compares the checkpoint in the tile store with the database and loads the frontier of its tree.
func (l *Ledger) loadServed(ctx context.Context) error {
	served, err := l.storedCheckpoint(ctx)
	if errors.Is(err, blob.ErrNotExist) {
		// Never served, or the tile store is new: all tiles are written again.
		l.frontier = &frontier{}
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the checkpoint in the tile store: %w", err)
	}
	if served.Size > l.head.size {
		return fmt.Errorf("%w: the tile store has a checkpoint of %d acts, the database %d", ErrBehind, served.Size, l.head.size)
	}
	if served.Size == l.signed.Size && served.Root != l.signed.Root {
		e, err := proof.Convict(l.key, served, l.signed, nil)
		return forked(e, err)
	}
	f, err := l.loadFrontier(ctx, served.Checkpoint)
	if errors.Is(err, ErrCorrupt) {
		return l.contradicted(ctx, served, err)
	}
	if err != nil {
		return err
	}
	switch {
	case served.Size > l.signed.Size:
		// The database lost the answer to the last signature or was put back by a little, and holds the very entries all the same.
		if err := l.adopt(ctx, served); err != nil {
			return err
		}
	case served.Size == l.signed.Size:
		// What came in late may be in one place only.
		served = l.signed
	}
	l.frontier = f
	l.served = served
	return nil
}

func forked(e *proof.Equivocation, err error) error {
	if err != nil {
		return fmt.Errorf("%w: and it cannot be proved: %w", ErrForked, err)
	}
	return &ForkError{Evidence: e}
}

// contradicted says what it means that the entries in the database do not give the root of a checkpoint that this log's key signed: the
// database was put back and went another way, or its entries have changed.
func (l *Ledger) contradicted(ctx context.Context, served *proof.SignedCheckpoint, cause error) error {
	tree, err := l.rowTree(ctx, l.head.size)
	if err != nil {
		return errors.Join(cause, err)
	}
	if tree.root(l.head.size) != l.head.root() || tree.root(l.signed.Size) != l.signed.Root {
		return cause // not even what the database says of itself fits
	}
	if served.Size < l.signed.Size {
		return forked(proof.Convict(l.key, served, l.signed, tree))
	}
	return fmt.Errorf("%w: it has gone another way since the checkpoint of %d acts in the tile store: %w", ErrBehind, served.Size, ErrForked)
}

// adopt takes over a signed checkpoint that the tile store has and the database has not.
func (l *Ledger) adopt(ctx context.Context, note *proof.SignedCheckpoint) error {
	if l.config.ReadOnly {
		l.signed = note
		return nil
	}
	l.publishing.Lock()
	defer l.publishing.Unlock()
	if err := l.storeSigned(ctx, note); err != nil {
		return fmt.Errorf("taking over the checkpoint in the tile store: %w", err)
	}
	return nil
}

// loadWitnessed finds the largest kept checkpoint that the quorum has cosigned, by the policy of today.
func (l *Ledger) loadWitnessed(ctx context.Context) error {
	rows, err := l.db.QueryContext(ctx, "SELECT note FROM ledger_checkpoints ORDER BY size DESC")
	if err != nil {
		return fmt.Errorf("reading the checkpoints: %w", err)
	}
	defer rows.Close()
	for rows.Next() && l.witnessed == nil {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			return fmt.Errorf("reading the checkpoints: %w", err)
		}
		note, err := proof.ParseSigned(b)
		if err != nil {
			return fmt.Errorf("%w: a checkpoint in the database: %w", ErrCorrupt, err)
		}
		if l.served != nil && note.Size <= l.served.Size {
			l.noteQuorum(note)
		}
	}
	return rows.Err()
}

// probe asks every witness what it has, by asking it to cosign the latest checkpoint once more. One that does not answer is asked again later.
func (l *Ledger) probe(ctx context.Context) error {
	var g errgroup.Group
	for _, w := range l.witness {
		g.Go(func() error {
			c := l.signed
			ctx, cancel := context.WithTimeout(ctx, min(probeTimeout, l.config.WitnessTimeout))
			defer cancel()
			_, size, err := w.witness.Cosign(ctx, c.Size, nil, c)
			switch {
			case err == nil:
				w.size = c.Size
			case size > c.Size:
				err := l.ahead(ctx, w, size)
				var theirs errWitness
				if !errors.As(err, &theirs) {
					return err
				}
				w.problem = err
			case size >= 0:
				w.size = size
			}
			return nil
		})
	}
	return g.Wait()
}

// ahead judges the claim of a witness that it knows a longer history. If the witness can show it, the log's own signature decides; if it cannot,
// it is believed: a lab that stands still can be repaired, a history that forked can not.
func (l *Ledger) ahead(ctx context.Context, w *witnessState, size int64) error {
	claim := fmt.Errorf("%w: the witness %q says that it has %d acts, %d are signed here", ErrBehind, w.witness.Name(), size, l.signedNow().Size)
	shows, ok := w.witness.(Latest)
	if !ok {
		return claim
	}
	c, err := shows.Latest(ctx)
	if err != nil {
		return fmt.Errorf("%w (it does not show it: %w)", claim, err)
	}
	if err := l.Compare(ctx, c); err != nil {
		if errors.Is(err, ErrBehind) || errors.Is(err, ErrForked) {
			return fmt.Errorf("the witness %q: %w", w.witness.Name(), err)
		}
		return errWitness{fmt.Errorf("it claims to have %d acts and shows something else: %w", size, err)}
	}
	return errWitness{fmt.Errorf("it claims to have %d acts and shows %d", size, c.Size)}
}

// errWitness marks what is wrong with a witness and not with the ledger.
type errWitness struct{ error }

func (e errWitness) Unwrap() error { return e.error }

// Compare judges a checkpoint that came from elsewhere and claims to be this log's: nil if it is part of the published history; ErrBehind if
// the log's key has signed it and it is longer; a *ForkError with the proof if it contradicts what is published here.
func (l *Ledger) Compare(ctx context.Context, c *proof.SignedCheckpoint) error {
	if err := l.key.Verify(c); err != nil {
		return fmt.Errorf("comparing a checkpoint: %w", err)
	}
	signed := l.signedNow()
	if c.Size > signed.Size {
		return fmt.Errorf("comparing a checkpoint: %w: it has %d acts, %d are signed here", ErrBehind, c.Size, signed.Size)
	}
	if c.Size == signed.Size && c.Root == signed.Root || c.Size == 0 {
		return nil
	}
	tree, err := l.rowTree(ctx, signed.Size)
	if err != nil {
		return fmt.Errorf("comparing a checkpoint: %w", err)
	}
	if tree.root(c.Size) == c.Root {
		return nil
	}
	return fmt.Errorf("comparing a checkpoint: %w", forked(proof.Convict(l.key, c, signed, tree)))
}

func (l *Ledger) signedNow() *proof.SignedCheckpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.signed
}

// Checkpoint returns the latest published checkpoint with all cosignatures that have come in.
func (l *Ledger) Checkpoint(context.Context) (*proof.SignedCheckpoint, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.served == nil {
		return nil, fmt.Errorf("reading the checkpoint: %w", ErrNotPublished)
	}
	return l.served, nil
}

// WitnessedCheckpoint returns the largest checkpoint that satisfies the policy's quorum; under the quorum "none", or without a policy, the latest
// one. ErrNotPublished if there is none.
func (l *Ledger) WitnessedCheckpoint(context.Context) (*proof.SignedCheckpoint, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.witnessed == nil {
		return nil, fmt.Errorf("reading the witnessed checkpoint: %w", ErrNotPublished)
	}
	return l.witnessed.note, nil
}

// CheckpointAt returns the checkpoint of exactly this size if it is still kept.
func (l *Ledger) CheckpointAt(ctx context.Context, size int64) (*proof.SignedCheckpoint, error) {
	var b []byte
	err := l.db.QueryRowContext(ctx, "SELECT note FROM ledger_checkpoints WHERE size = $1", size).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("reading the checkpoint of %d acts: %w", size, err)
	}
	note, err := proof.ParseSigned(b)
	if err == nil {
		err = l.key.Verify(note)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the checkpoint of %d acts: %w: %w", size, ErrCorrupt, err)
	}
	return note, nil
}

// Pin keeps a checkpoint for ever, so that late cosignatures can still join it: for those that credentials rest on.
func (l *Ledger) Pin(ctx context.Context, size int64) error {
	if err := l.stoppedFor(); err != nil {
		return fmt.Errorf("pinning a checkpoint: %w", err)
	}
	err := l.db.Tx(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "UPDATE ledger_checkpoints SET pinned = 1 WHERE size = $1", size)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return errors.Join(ErrNotFound, err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("pinning the checkpoint of %d acts: %w", size, err)
	}
	return nil
}
