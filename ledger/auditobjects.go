package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/ledger/proof"
)

// readServed reads the checkpoint in the tile store.
func (a *auditor) readServed(ctx context.Context) error {
	b, err := a.tiles.Get(ctx, checkpointName, proof.MaxNote)
	if errors.Is(err, blob.ErrNotExist) {
		a.report.find("object "+checkpointName, "it is missing")
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the checkpoint in the tile store: %w", err)
	}
	a.report.Objects++
	a.served = a.checkNote("object "+checkpointName, b)
	return nil
}

// readClaims reads the head and the kept checkpoints: who says what the root is at which size.
func (a *auditor) readClaims(ctx context.Context) error {
	var signed *proof.SignedCheckpoint
	err := a.db.Read(ctx, func(tx *sql.Tx) (err error) {
		a.head, err = readHeadIn(ctx, tx)
		if errors.Is(err, ErrCorrupt) {
			// Whatever the head says, the entries are there to be looked at.
			a.report.find("head", "%v", err)
			a.head = headRow{logKey: a.key.String(), origin: a.config.Origin}
			err = tx.QueryRowContext(ctx, "SELECT coalesce(max(number), -1) + 1 FROM ledger_entries").Scan(&a.head.edge.size)
		} else if err == nil {
			a.claim("head", a.head.edge.size, a.head.edge.root())
		}
		if err != nil {
			return err
		}
		signed, err = a.readNotes(ctx, tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("reading the head and the checkpoints: %w", err)
	}
	if a.head.origin != a.config.Origin || a.head.logKey != a.key.String() {
		a.report.find("head", "it is that of %q with the key %s", a.head.origin, a.head.logKey)
	}
	switch {
	case signed == nil:
		a.report.find("head", "the checkpoint of %d acts, which it calls the latest, is not there or cannot be read", a.head.signed)
	case a.served == nil:
		a.served = signed // tiles are compared with what the database says was signed
	case a.served.Size > signed.Size:
		a.report.find("object "+checkpointName, "it covers %d acts, the database says that %d were signed", a.served.Size, signed.Size)
	}
	return nil
}

// readNotes checks the kept checkpoints and returns the latest.
func (a *auditor) readNotes(ctx context.Context, tx *sql.Tx) (signed *proof.SignedCheckpoint, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT size, note FROM ledger_checkpoints ORDER BY size")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var size int64
		var b []byte
		if err := rows.Scan(&size, &b); err != nil {
			return nil, err
		}
		name := fmt.Sprintf("checkpoint of %d acts", size)
		note := a.checkNote(name, b)
		if note == nil {
			continue
		}
		if note.Size != size {
			a.report.find(name, "the note says %d", note.Size)
		} else if size == a.head.signed {
			signed = note
		}
	}
	return signed, rows.Err()
}

func (a *auditor) claim(object string, size int64, root tlog.Hash) {
	if size == 0 {
		if root != proof.EmptyRoot() {
			a.report.find(object, "its root is not that of an empty tree")
		}
		return
	}
	a.roots[size] = append(a.roots[size], rootClaim{object, root})
}

// checkNote checks a signed checkpoint with all lines whose keys are known. It returns nil if it cannot be read.
func (a *auditor) checkNote(name string, b []byte) *proof.SignedCheckpoint {
	note, err := proof.ParseSigned(b)
	if err == nil {
		err = a.key.Verify(note)
	}
	if err != nil {
		a.report.find(name, "%v", err)
		return nil
	}
	a.report.Checkpoints++
	a.claim(name, note.Size, note.Root)
	if a.config.Policy != nil {
		r, err := a.config.Policy.Check(note, a.config.Now().Unix(), a.config.Organisation)
		if err != nil {
			a.report.find(name, "%v", err)
			return note
		}
		a.report.Cosigned += len(r.Cosigned)
		if r.FutureTimes > 0 {
			a.report.find(name, "%d cosignatures have times in the future", r.FutureTimes)
		}
	}
	return note
}

// listObjects reads the names in the tile store.
func (a *auditor) listObjects(ctx context.Context) error {
	for name, err := range a.tiles.List(ctx, "") {
		if err != nil {
			return fmt.Errorf("listing the tile store: %w", err)
		}
		a.names = append(a.names, name)
	}
	return nil
}

// judgeObjects says which names are strays, and notes which partial tiles are kept.
func (a *auditor) judgeObjects(context.Context) error {
	signed := a.head.signed
	if a.served != nil {
		signed = max(signed, a.served.Size)
	}
	for _, name := range a.names {
		if name == checkpointName || a.options.Known != nil && a.options.Known(name) {
			continue
		}
		t, err := proof.ParseTilePath(name)
		if err != nil {
			a.report.find("object "+name, "it does not belong into the tile store of a log")
			continue
		}
		level := max(t.L, 0)
		if level > 7 || (t.N*tileWidth+int64(t.W))<<(proof.TileHeight*level) > signed {
			a.report.find("object "+name, "it reaches beyond the %d acts that are signed", signed)
			continue
		}
		if t.W != tileWidth {
			full := t
			full.W = tileWidth
			a.partial[proof.TilePath(full)] = append(a.partial[proof.TilePath(full)], t.W)
		}
	}
	a.names = nil
	return nil
}
