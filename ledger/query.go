package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"iter"

	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store"
)

// chunk is how many entries one transaction reads, so that none lasts long.
const chunk = 1024

// Statement returns the entry with this identity. Like all readers here it hashes what it read: ErrCorrupt if that has changed.
func (l *Ledger) Statement(ctx context.Context, id statement.ID) (Entry, error) {
	return l.one(ctx, "e.id = $1", id[:])
}

// ByIndex returns the entry with this index.
func (l *Ledger) ByIndex(ctx context.Context, index int64) (Entry, error) {
	return l.one(ctx, "e.number = $1", index)
}

// ByKey returns the entry that was appended with this idempotency key.
func (l *Ledger) ByKey(ctx context.Context, key string) (Entry, error) {
	return l.one(ctx, "e.idempotency = $1", key)
}

func (l *Ledger) one(ctx context.Context, where string, arg any) (Entry, error) {
	var found *row
	err := l.db.Read(ctx, func(tx *sql.Tx) error {
		return l.rowsOf(ctx, tx, "SELECT "+rowColumns+" WHERE "+where, []any{arg}, func(r *row) error {
			found = r
			return nil
		})
	})
	if err != nil {
		return Entry{}, fmt.Errorf("reading an entry: %w", err)
	}
	if found == nil {
		return Entry{}, fmt.Errorf("reading an entry: %w", ErrNotFound)
	}
	e, err := found.entry()
	if err != nil {
		return Entry{}, fmt.Errorf("reading an entry: %w", err)
	}
	return e, nil
}

// InCase yields the entries of a case in its order and stops after the first error.
func (l *Ledger) InCase(ctx context.Context, id string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for after := int64(0); ; {
			var rows []*row
			err := l.db.Read(ctx, func(tx *sql.Tx) error {
				return l.rowsOf(ctx, tx, "SELECT "+rowColumns+" WHERE e.case_id = $1 AND e.case_number > $2 ORDER BY e.case_number LIMIT $3",
					[]any{id, after, chunk}, func(r *row) error { rows = append(rows, r); return nil })
			})
			if err != nil {
				yield(Entry{}, fmt.Errorf("reading the entries of a case: %w", err))
				return
			}
			for _, r := range rows {
				e, err := r.entry()
				if err == nil && r.caseSeq != after+1 {
					err = fmt.Errorf("%w: act %d of the case is missing", ErrCorrupt, after+1)
				}
				if err != nil {
					yield(Entry{}, fmt.Errorf("reading the entries of a case: %w", err))
					return
				}
				after = r.caseSeq
				if !yield(e, nil) {
					return
				}
			}
			if len(rows) < chunk {
				return
			}
		}
	}
}

// Whole yields every entry of the ledger, ErrCorrupt after those that the log has signed unless they fold into the root that it signed: what is
// read after that is what was appended, whoever can write to the database. It stops after the first error.
func (l *Ledger) Whole(ctx context.Context) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		signed, err := l.Checkpoint(ctx)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		var tree edge
		for e, err := range l.Entries(ctx, 0, max(l.headNow().size, signed.Size)) {
			if err == nil {
				tree.add(e.Leaf.Hash())
				if tree.size == signed.Size && tree.root() != signed.Root {
					err = fmt.Errorf("reading entries: %w: the first %d are not those that the log signed", ErrCorrupt, signed.Size)
				}
			}
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Entries yields the entries from one index to before another, of these predicate types if any are given, and stops after the first error.
func (l *Ledger) Entries(ctx context.Context, from, to int64, types ...string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for r, err := range l.readRows(ctx, from, to, types...) {
			var e Entry
			if err == nil {
				e, err = r.entry()
			}
			if err != nil {
				yield(Entry{}, fmt.Errorf("reading entries: %w", err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// readRows reads entries in their order, in short transactions.
func (l *Ledger) readRows(ctx context.Context, from, to int64, types ...string) iter.Seq2[*row, error] {
	return l.readColumns(ctx, rowColumns, from, to, types...)
}

// leafColumns are rowColumns without the content.
const leafColumns = `e.number, e.id, e.hash, e.signature, k.spki, '', '', 0, '', NULL, NULL FROM ledger_entries e LEFT JOIN ledger_keys k ON k.number = e.key`

// readLeaves is readRows without the content, which is most of the bytes.
func (l *Ledger) readLeaves(ctx context.Context, from, to int64) iter.Seq2[*row, error] {
	return l.readColumns(ctx, leafColumns, from, to)
}

func (l *Ledger) readColumns(ctx context.Context, columns string, from, to int64, types ...string) iter.Seq2[*row, error] {
	return func(yield func(*row, error) bool) {
		for at := from; at < to; {
			end := min(at+chunk, to)
			args, filter := []any{at, end}, ""
			if len(types) > 0 {
				filter = " AND e.type IN ("
				for i, t := range types {
					if i > 0 {
						filter += ", "
					}
					args = append(args, t)
					filter += fmt.Sprintf("$%d", len(args))
				}
				filter += ")"
			}
			rows := make([]*row, 0, end-at)
			err := l.db.Read(ctx, func(tx *sql.Tx) error {
				return l.rowsOf(ctx, tx, "SELECT "+columns+" WHERE e.number >= $1 AND e.number < $2"+filter+" ORDER BY e.number", args,
					func(r *row) error { rows = append(rows, r); return nil })
			})
			if err == nil && len(types) == 0 && int64(len(rows)) != end-at {
				err = fmt.Errorf("%w: of the entries %d to %d, %d are in the database", ErrCorrupt, at, end-1, len(rows))
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
			at = end
		}
	}
}

// Erase deletes the content of statements, for the Rows of the act that is the Erasure statement which names them. Their leaves stay, and
// Audit says which act erased them. (What the database keeps of deleted bytes in its free pages and its write-ahead log is overwritten in time only.)
func Erase(ctx context.Context, tx *sql.Tx, ids ...statement.ID) error {
	for _, id := range ids {
		result, err := tx.ExecContext(ctx, "UPDATE ledger_entries SET payload = NULL WHERE id = $1", id[:])
		if err != nil {
			return fmt.Errorf("erasing a statement: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return fmt.Errorf("erasing a statement: %w", ErrNotFound)
		}
	}
	return nil
}

var _ queryer = (*store.DB)(nil)
