package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/ledger/proof"
)

// checkpointName is the object that changes: the latest signed checkpoint.
const checkpointName = "checkpoint"

const (
	// keepLeaves bounds the leaves that stay in memory between reading them back and writing their tiles; of more, they are read twice.
	keepLeaves = 8192
	// keepCheckpoints is how many of the latest checkpoints are kept, so that late cosignatures find theirs. Pinned ones and the latest
	// under a quorum stay beside.
	keepCheckpoints = 32
	// writers is how many objects are written to the tile store at once.
	writers = 8
)

// Publish makes a checkpoint that covers all that Append has acknowledged, and waits until it is served. Witnesses are asked afterwards; Wait
// waits for them.
func (l *Ledger) Publish(ctx context.Context) (*proof.SignedCheckpoint, error) {
	if err := l.stoppedFor(); err != nil {
		return nil, fmt.Errorf("publishing: %w", err)
	}
	reply := make(chan error, 1)
	select {
	case l.asked <- reply:
	case <-l.closed:
		return nil, fmt.Errorf("publishing: %w", ErrClosed)
	case <-ctx.Done():
		return nil, fmt.Errorf("publishing: %w", ctx.Err())
	}
	select {
	case err := <-reply:
		if err != nil {
			return nil, fmt.Errorf("publishing: %w", err)
		}
		return l.Checkpoint(ctx)
	case <-ctx.Done():
		return nil, fmt.Errorf("publishing: %w", ctx.Err())
	}
}

// publisher is the one goroutine that signs checkpoints.
func (l *Ledger) publisher(ctx context.Context) {
	var tick <-chan time.Time
	if l.config.Cadence > 0 {
		t := time.NewTicker(l.config.Cadence)
		defer t.Stop()
		tick = t.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			_ = l.publish(ctx) // Status has it
		case reply := <-l.asked:
			reply <- l.publish(ctx)
		}
	}
}

func (l *Ledger) publish(ctx context.Context) error {
	l.publishing.Lock()
	defer l.publishing.Unlock()
	err := l.publishLocked(ctx)
	if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrForked) {
		l.stop(err)
	}
	l.mu.Lock()
	l.status.Publisher = err
	l.announce()
	l.mu.Unlock()
	return err
}

func (l *Ledger) publishLocked(ctx context.Context) error {
	if err := l.stoppedFor(); err != nil {
		return err
	}
	if err := l.settleSigned(ctx); err != nil {
		return err
	}
	if err := l.serve(ctx, nil); err != nil {
		return err
	}
	head := l.headNow()
	if head.size == l.signed.Size {
		return nil
	}
	leaves, err := l.readBack(ctx, head.size, head.root())
	if err != nil {
		return err
	}
	note, err := proof.SignCheckpoint(proof.Checkpoint{Origin: l.config.Origin, Size: head.size, Root: head.root()}, l.signer)
	if err != nil {
		return err
	}
	if err := l.storeSigned(ctx, note); err != nil {
		return err
	}
	return l.serve(ctx, leaves)
}

// readBack reads what has been appended since the served checkpoint, hashes it as it now is in the database, and compares the root with the one
// that is to be signed. It returns the leaves if they are not too many.
func (l *Ledger) readBack(ctx context.Context, size int64, root tlog.Hash) ([][]byte, error) {
	f := l.frontier.clone()
	var leaves [][]byte
	for r, err := range l.readRows(ctx, f.size, size) {
		if err != nil {
			return nil, fmt.Errorf("reading back what was appended: %w", err)
		}
		if _, err := r.entry(); err != nil {
			return nil, fmt.Errorf("reading back what was appended: %w", err)
		}
		_, b, err := r.leaf()
		if err != nil {
			return nil, err
		}
		if err := f.add(tlog.RecordHash(b), func(tlog.Tile, []tlog.Hash) error { return nil }); err != nil {
			return nil, err
		}
		if size-l.frontier.size <= int64(cmp.Or(l.config.keep, keepLeaves)) {
			leaves = append(leaves, b)
		}
	}
	if got := f.root(); f.size != size || got != root {
		return nil, fmt.Errorf("reading back what was appended: %w: the entries %d to %d do not give the root of the head of %d", ErrCorrupt, l.frontier.size, size-1, size)
	}
	return leaves, nil
}

// storeSigned writes a signed checkpoint to the database. From then on it counts as made, whatever happens.
func (l *Ledger) storeSigned(ctx context.Context, note *proof.SignedCheckpoint) error {
	err := l.tx(ctx, "sign", func(tx *sql.Tx) error {
		// The swap first: it is the row that decides who may sign.
		if _, err := tx.ExecContext(ctx, "INSERT INTO ledger_checkpoints (size, note, pinned) VALUES ($1, $2, 0) ON CONFLICT (size) DO NOTHING",
			note.Size, note.Bytes()); err != nil {
			return fmt.Errorf("writing the checkpoint: %w", err)
		}
		result, err := tx.ExecContext(ctx, "UPDATE ledger_head SET signed_size = $1 WHERE one = 1 AND signed_size = $2 AND size >= $1",
			note.Size, l.signed.Size)
		if err != nil {
			return fmt.Errorf("writing the signed size: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return errors.Join(fmt.Errorf("%w: another publisher has signed", ErrForked), err)
		}
		return dropCheckpoints(ctx, tx)
	})
	if err != nil {
		if !errors.Is(err, ErrForked) {
			l.unsureNote = note
		}
		return fmt.Errorf("storing the checkpoint of %d acts: %w", note.Size, err)
	}
	l.setSigned(note)
	return nil
}

// dropCheckpoints forgets checkpoints that nobody needs any more.
func dropCheckpoints(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM ledger_checkpoints WHERE pinned = 0
		AND size < (SELECT min(size) FROM (SELECT size FROM ledger_checkpoints ORDER BY size DESC LIMIT $1) latest)
		AND size <> coalesce((SELECT witnessed_size FROM ledger_head), -1)`, keepCheckpoints)
	if err != nil {
		return fmt.Errorf("dropping old checkpoints: %w", err)
	}
	return nil
}

func (l *Ledger) setSigned(note *proof.SignedCheckpoint) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.signed = note
}

// settleSigned finds out whether a checkpoint was stored whose transaction ended in an error.
func (l *Ledger) settleSigned(ctx context.Context) error {
	if l.unsureNote == nil {
		return nil
	}
	var h headRow
	err := l.db.Tx(ctx, func(tx *sql.Tx) (err error) {
		h, err = readHeadIn(ctx, tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading the head after an error: %w", err)
	}
	switch {
	case h.signed == l.signed.Size:
	case h.signed == l.unsureNote.Size && slices.Equal(h.note, l.unsureNote.Bytes()):
		l.setSigned(l.unsureNote)
	default:
		return fmt.Errorf("%w: another publisher has signed", ErrForked)
	}
	l.unsureNote = nil
	return nil
}

// serve writes the tiles up to the signed size and then the checkpoint, if that has not been done. leaves are those since the served size, if
// they are at hand: else they are read, and checked against what was signed before anything is written.
func (l *Ledger) serve(ctx context.Context, leaves [][]byte) error {
	if l.served != nil && l.served.Size == l.signed.Size {
		return nil
	}
	if leaves == nil {
		var err error
		if leaves, err = l.readBack(ctx, l.signed.Size, l.signed.Root); err != nil {
			return err
		}
	}
	if err := l.at("tiles"); err != nil {
		return err
	}
	next, err := l.writeTiles(ctx, leaves)
	if err != nil {
		return fmt.Errorf("writing tiles for %d acts: %w", l.signed.Size, err)
	}
	if err := l.at("checkpoint"); err != nil {
		return err
	}
	if err := l.replaceCheckpoint(ctx); err != nil {
		return err
	}
	old := l.frontier
	l.frontier = next
	l.mu.Lock()
	l.served = l.signed
	l.noteQuorum(l.served)
	l.announce()
	l.mu.Unlock()
	token(l.poke)
	l.dropPartial(ctx, old, next)
	return nil
}

// replaceCheckpoint serves the signed checkpoint, unless a larger one is served already: then another publisher is at work.
func (l *Ledger) replaceCheckpoint(ctx context.Context) error {
	there, err := l.storedCheckpoint(ctx)
	if err != nil && !errors.Is(err, blob.ErrNotExist) {
		return fmt.Errorf("reading the checkpoint in the tile store: %w", err)
	}
	if there != nil && there.Size > l.signed.Size {
		return fmt.Errorf("%w: a checkpoint of %d acts is served already, this one has %d", ErrForked, there.Size, l.signed.Size)
	}
	if err := l.tiles.Replace(ctx, checkpointName, l.signed.Bytes()); err != nil {
		return fmt.Errorf("writing the checkpoint of %d acts: %w", l.signed.Size, err)
	}
	return nil
}

// storedCheckpoint reads the checkpoint in the tile store and verifies that it is this log's.
func (l *Ledger) storedCheckpoint(ctx context.Context) (*proof.SignedCheckpoint, error) {
	b, err := l.tiles.Get(ctx, checkpointName, proof.MaxNote)
	if err != nil {
		return nil, err
	}
	note, err := proof.ParseSigned(b)
	if err == nil {
		err = l.key.Verify(note)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the object %q: %w", ErrCorrupt, checkpointName, err)
	}
	return note, nil
}

// writeTiles writes all tiles and bundles that are new or longer between the frontier and the signed size, and returns the new frontier.
func (l *Ledger) writeTiles(ctx context.Context, leaves [][]byte) (*frontier, error) {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	put := func(t tlog.Tile, data []byte) {
		g.Go(func() error { return l.tiles.Put(gctx, proof.TilePath(t), data) })
	}
	level := func(t tlog.Tile, hashes []tlog.Hash) error {
		put(t, hashBytes(hashes))
		return nil
	}
	f := l.frontier.clone()
	add := func(leaf []byte) (err error) {
		if f.bundle, err = proof.AppendEntry(f.bundle, leaf); err != nil {
			return err
		}
		if err := f.add(tlog.RecordHash(leaf), level); err != nil {
			return err
		}
		if f.size%tileWidth == 0 {
			put(tlog.Tile{H: proof.TileHeight, L: -1, N: f.size/tileWidth - 1, W: tileWidth}, f.bundle)
			f.bundle = nil
		}
		return gctx.Err()
	}
	if err := errors.Join(l.eachLeaf(ctx, leaves, f.size, l.signed.Size, add), g.Wait()); err != nil {
		return nil, err
	}
	g, gctx = errgroup.WithContext(ctx)
	g.SetLimit(writers)
	if w := int(f.size % tileWidth); w > 0 {
		put(tlog.Tile{H: proof.TileHeight, L: -1, N: f.size / tileWidth, W: w}, slices.Clone(f.bundle))
	}
	return f, errors.Join(f.partial(level), g.Wait())
}

// eachLeaf calls add with the leaves from one size to another, which are at hand or are read.
func (l *Ledger) eachLeaf(ctx context.Context, leaves [][]byte, from, to int64, add func([]byte) error) error {
	if int64(len(leaves)) == to-from {
		for _, b := range leaves {
			if err := add(b); err != nil {
				return err
			}
		}
		return nil
	}
	for r, err := range l.readLeaves(ctx, from, to) {
		if err != nil {
			return err
		}
		_, b, err := r.leaf()
		if err != nil {
			return err
		}
		if err := add(b); err != nil {
			return err
		}
	}
	return nil
}

// dropPartial deletes partial tiles whose full tile is there, as C2SP tlog-tiles allows. It is housekeeping: what it cannot delete, Audit counts.
func (l *Ledger) dropPartial(ctx context.Context, old, next *frontier) {
	drop := func(level int, n int64) {
		for name, err := range l.tiles.List(ctx, proof.TilePath(tlog.Tile{H: proof.TileHeight, L: level, N: n, W: tileWidth})+".p/") {
			if err != nil || l.tiles.Delete(ctx, name) != nil {
				return
			}
		}
	}
	for level := range old.levels {
		shift := proof.TileHeight * (level + 1)
		if n := old.size >> shift; len(old.levels[level]) > 0 && next.size>>shift > n {
			drop(level, n)
			if level == 0 {
				drop(-1, n)
			}
		}
	}
}
