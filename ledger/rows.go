package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// queryer is a transaction or the database.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// row is an entry as the database has it.
type row struct {
	number    int64
	id        []byte
	hash      []byte
	signature []byte
	spki      []byte
	typ       string
	caseID    string
	caseSeq   int64
	key       string
	content   []byte
	payload   []byte // nil once erased
}

const rowColumns = `e.number, e.id, e.hash, e.signature, k.spki, e.type, coalesce(e.case_id, ''), coalesce(e.case_number, 0),
	coalesce(e.idempotency, ''), e.content, e.payload FROM ledger_entries e LEFT JOIN ledger_keys k ON k.number = e.key`

func (r *row) scan(scan func(...any) error) error {
	return scan(&r.number, &r.id, &r.hash, &r.signature, &r.spki, &r.typ, &r.caseID, &r.caseSeq, &r.key, &r.content, &r.payload)
}

// leaf rebuilds the leaf and returns it with its bytes.
func (r *row) leaf() (proof.Leaf, []byte, error) {
	if len(r.id) != len(statement.ID{}) {
		return proof.Leaf{}, nil, fmt.Errorf("%w: entry %d: its identity has %d bytes", ErrCorrupt, r.number, len(r.id))
	}
	leaf := proof.Leaf{Digest: statement.ID(r.id), Signature: r.signature, Key: r.spki}
	return leaf, leaf.Bytes(), nil
}

// entry returns the entry after checking that content, leaf and hash belong together.
func (r *row) entry() (Entry, error) {
	leaf, b, err := r.leaf()
	if err != nil {
		return Entry{}, err
	}
	if h := tlog.RecordHash(b); string(h[:]) != string(r.hash) {
		return Entry{}, fmt.Errorf("%w: entry %d: its leaf does not have the hash that was stored", ErrCorrupt, r.number)
	}
	e := Entry{Index: r.number, ID: leaf.Digest, Leaf: leaf, Type: r.typ, Case: r.caseID, Seq: r.caseSeq}
	if r.payload == nil {
		return e, nil
	}
	e.Envelope = &statement.Envelope{Payload: r.payload, KeyID: statement.KeyID(r.spki), Signature: r.signature}
	if e.Envelope.ID() != e.ID {
		return Entry{}, fmt.Errorf("%w: entry %d: its content does not have its identity", ErrCorrupt, r.number)
	}
	return e, nil
}

// headRow is the row of ledger_head.
type headRow struct {
	edge      edge
	origin    string
	logKey    string
	signed    int64
	note      []byte // of the signed size
	witnessed int64  // -1 if there is none
}

func readHeadIn(ctx context.Context, q queryer) (headRow, error) {
	var h headRow
	var size int64
	var root, right []byte
	err := q.QueryRowContext(ctx, `SELECT h.origin, h.log_key, h.size, h.root, h.edge, h.signed_size, c.note, coalesce(h.witnessed_size, -1)
		FROM ledger_head h LEFT JOIN ledger_checkpoints c ON c.size = h.signed_size WHERE h.one = 1`).
		Scan(&h.origin, &h.logKey, &size, &root, &right, &h.signed, &h.note, &h.witnessed)
	if errors.Is(err, sql.ErrNoRows) {
		return h, ErrNone
	}
	if err != nil {
		return h, fmt.Errorf("reading the head: %w", err)
	}
	if h.edge, err = parseEdge(size, root, right); err != nil {
		return h, fmt.Errorf("reading the head: %w", err)
	}
	return h, nil
}

func (l *Ledger) readHead(ctx context.Context) (h headRow, err error) {
	err = l.db.Read(ctx, func(tx *sql.Tx) error {
		h, err = readHeadIn(ctx, tx)
		return err
	})
	return h, err
}

// insertHead makes the first rows of a new ledger.
func (l *Ledger) insertHead(ctx context.Context, tx *sql.Tx, note *proof.SignedCheckpoint) error {
	if _, err := readHeadIn(ctx, tx); err == nil {
		return ErrExists
	} else if !errors.Is(err, ErrNone) {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO ledger_checkpoints (size, note, pinned) VALUES (0, $1, 0)", note.Bytes()); err != nil {
		return fmt.Errorf("writing the first checkpoint: %w", err)
	}
	root := proof.EmptyRoot()
	_, err := tx.ExecContext(ctx, "INSERT INTO ledger_head (one, origin, log_key, size, root, edge, signed_size) VALUES (1, $1, $2, 0, $3, $4, 0)",
		l.config.Origin, l.key.String(), root[:], []byte{})
	if err != nil {
		return fmt.Errorf("writing the first head: %w", err)
	}
	return nil
}

// swapHead replaces the head if it is still the old one.
func (l *Ledger) swapHead(ctx context.Context, tx *sql.Tx, old, next *edge) error {
	oldRoot, root := old.root(), next.root()
	result, err := tx.ExecContext(ctx, "UPDATE ledger_head SET size = $1, root = $2, edge = $3 WHERE one = 1 AND size = $4 AND root = $5",
		next.size, root[:], next.bytes(), old.size, oldRoot[:])
	if err != nil {
		return fmt.Errorf("writing the head: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(fmt.Errorf("%w: the head is not the one that this sequencer wrote", ErrForked), err)
	}
	return nil
}

func prepareInsert(ctx context.Context, tx *sql.Tx) (*sql.Stmt, error) {
	insert, err := tx.PrepareContext(ctx, `INSERT INTO ledger_entries
		(number, id, hash, signature, key, type, case_id, case_number, idempotency, content, payload)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING`)
	if err != nil {
		return nil, fmt.Errorf("preparing to write entries: %w", err)
	}
	return insert, nil
}

// insertRow writes the entry; false if the statement is in the ledger already.
func (a *signed) insertRow(ctx context.Context, insert *sql.Stmt) (bool, error) {
	var caseID, caseSeq, key any
	if a.entry.Case != "" {
		caseID, caseSeq = a.entry.Case, a.entry.Seq
	}
	if a.act.Key != "" {
		key = a.act.Key
	}
	result, err := insert.ExecContext(ctx, a.entry.Index, a.entry.ID[:], a.hash[:], a.entry.Leaf.Signature, a.key, a.entry.Type,
		caseID, caseSeq, key, a.content, a.payload)
	if err != nil {
		return false, fmt.Errorf("writing entry %d: %w", a.entry.Index, err)
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// numberKeys sees to it that every public key of a batch has its number.
func (l *Ledger) numberKeys(ctx context.Context, acts []*signed) error {
	for _, a := range acts {
		if a.err != nil {
			continue
		}
		spki := string(a.entry.Leaf.Key)
		number, ok := l.keys[spki]
		if !ok {
			var err error
			if number, err = l.numberKey(ctx, []byte(spki)); err != nil {
				return fmt.Errorf("writing a public key: %w", err)
			}
			if len(l.keys) > 1024 {
				clear(l.keys)
			}
			l.keys[spki] = number
		}
		a.key = number
	}
	return nil
}

func (l *Ledger) numberKey(ctx context.Context, spki []byte) (number int64, err error) {
	find := func(q queryer) error {
		return q.QueryRowContext(ctx, "SELECT number FROM ledger_keys WHERE spki = $1", spki).Scan(&number)
	}
	if err := find(l.db); !errors.Is(err, sql.ErrNoRows) {
		return number, err
	}
	err = l.db.Tx(ctx, func(tx *sql.Tx) error {
		if err := find(tx); !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		_, err := tx.ExecContext(ctx, "INSERT INTO ledger_keys (number, spki) SELECT coalesce(max(number), 0) + 1, $1 FROM ledger_keys", spki)
		if err != nil {
			return err
		}
		return find(tx)
	})
	return number, err
}

// list writes "$1, $2, …" and returns the arguments.
func list[T any](values []T) (string, []any) {
	var b strings.Builder
	args := make([]any, len(values))
	for i, v := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(i+1))
		args[i] = v
	}
	return b.String(), args
}

// byKeys returns the entries with these idempotency keys.
func (l *Ledger) byKeys(ctx context.Context, keys []string) (map[string]*row, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	in, args := list(keys)
	found := map[string]*row{}
	err := l.rowsOf(ctx, l.db, "SELECT "+rowColumns+" WHERE e.idempotency IN ("+in+")", args, func(r *row) error {
		found[r.key] = r
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for acts with the same keys: %w", err)
	}
	return found, nil
}

// rowsOf calls each with every row of a query.
func (l *Ledger) rowsOf(ctx context.Context, q queryer, query string, args []any, each func(*row) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		r := new(row)
		if err := r.scan(rows.Scan); err != nil {
			return err
		}
		if err := each(r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// loadPlaces reads where the cases have got to that are not remembered.
func (l *Ledger) loadPlaces(ctx context.Context, chains map[string][]*signed) error {
	var unknown []string
	for id := range chains {
		if _, ok := l.places[id]; !ok {
			unknown = append(unknown, id)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	in, args := list(unknown)
	rows, err := l.db.QueryContext(ctx, `SELECT e.case_id, e.case_number, e.id FROM ledger_entries e JOIN
		(SELECT case_id, max(case_number) AS last FROM ledger_entries WHERE case_id IN (`+in+`) GROUP BY case_id) m
		ON m.case_id = e.case_id AND m.last = e.case_number`, args...)
	if err != nil {
		return fmt.Errorf("reading the places of cases: %w", err)
	}
	defer rows.Close()
	for _, id := range unknown {
		l.places[id] = place{}
	}
	for rows.Next() {
		var id string
		var p place
		var last []byte
		if err := rows.Scan(&id, &p.seq, &last); err != nil {
			return fmt.Errorf("reading the places of cases: %w", err)
		}
		copy(p.last[:], last)
		l.places[id] = p
	}
	if err := rows.Err(); err != nil {
		clear(l.places)
		return fmt.Errorf("reading the places of cases: %w", err)
	}
	return nil
}
