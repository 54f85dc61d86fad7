package ledger

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// TestErased is doc/adversarial-tests.md, 35: when content and nonce are gone, the commitment and its proof stay, nothing in the lab opens it any more, who knows everything but the nonce cannot
// show what it was, and the audit names the act that erased it.
func TestErased(t *testing.T) {
	l := newLab(t)
	ctx := t.Context()
	id := newCase()
	l.must(id, submission)
	e := l.must(id, submission)
	after := l.must(id, submission)
	l.grow(1)
	s, err := e.Envelope.Open()
	if err != nil {
		t.Fatal(err)
	}
	act := s.Predicate.(*statement.Submission)
	l.must(id, func(p Place) statement.Predicate {
		return &statement.Erasure{Act: common(p), Erased: []string{e.ID.String()}, Reason: "Asked for."}
	}, func(ctx context.Context, tx *sql.Tx, _ Entry) error { return Erase(ctx, tx, e.ID) })
	l.grow(0)
	if err := l.reopen(); err != nil {
		t.Fatal(err)
	}

	// The commitment.
	got, err := l.ByIndex(ctx, e.Index)
	if err != nil || got.ID != e.ID || got.Leaf.Hash() != e.Leaf.Hash() {
		t.Fatalf("the leaf: %v, %v", got.ID, err)
	}
	c, err := l.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	hashes, err := l.Proof(ctx, e.Index, c.Size)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&proof.Proof{Index: e.Index, Hashes: hashes, Checkpoint: c}).Verify(e.Leaf.Hash()); err != nil {
		t.Error(err)
	}
	// The case goes on around it.
	n := 0
	for x, err := range l.InCase(ctx, id) {
		if err != nil || (x.Envelope == nil) != (x.ID == e.ID) {
			t.Errorf("act %d of the case: %v", x.Seq, err)
		}
		n++
	}
	if n != 4 || after.Seq != 3 {
		t.Errorf("%d acts in the case", n)
	}
	// Opening: no column holds it, and no guess has its identity, though the guess be right in all but the nonce.
	if got.Envelope != nil {
		t.Errorf("it is still open: %s", got.Envelope.Payload)
	}
	l.holdsNot(act.Nonce)
	guess := *act
	payload := func() statement.ID {
		b, err := (&statement.Statement{Subjects: s.Subjects, Predicate: &guess}).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		return (&statement.Envelope{Payload: b}).ID()
	}
	if payload() != e.ID {
		t.Error("with the nonce, the guess is not what it was: the test guesses wrongly")
	}
	guess.Nonce = common(Place{}).Nonce
	if payload() == e.ID {
		t.Error("the guess opens it without the nonce")
	}
	// The audit.
	r := l.sound()
	if r.Erased != 1 || r.Opened != r.Leaves-1 || len(r.Erasures) != 1 || r.Erasures[0].String() != "entry 1: erased by act 4" {
		t.Errorf("the audit:\n%s", r)
	}
	// Erased twice, or what is not there.
	for _, x := range []statement.ID{{1}} {
		if err := l.db.Tx(ctx, func(tx *sql.Tx) error { return Erase(ctx, tx, x) }); !errors.Is(err, ErrNotFound) {
			t.Errorf("erasing nothing: %v", err)
		}
	}
}

// holdsNot fails the test if a text stands in a column of the database, or in an object of the log.
func (l *lab) holdsNot(text string) {
	l.t.Helper()
	tables, err := l.db.QueryContext(l.t.Context(), "SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		l.t.Fatal(err)
	}
	var names []string
	for tables.Next() {
		var name string
		if err := tables.Scan(&name); err != nil {
			l.t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := errors.Join(tables.Err(), tables.Close()); err != nil || len(names) < 3 {
		l.t.Fatalf("tables %q, %v", names, err)
	}
	for _, name := range names {
		rows, err := l.db.QueryContext(l.t.Context(), `SELECT * FROM "`+name+`"`)
		if err != nil {
			l.t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			l.t.Fatal(err)
		}
		row, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				l.t.Fatal(err)
			}
			for i, v := range row {
				if bytes.Contains(v, []byte(text)) {
					l.t.Errorf("%s.%s still holds it", name, columns[i])
				}
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			l.t.Fatal(err)
		}
	}
	encoded, err := json.Marshal(text)
	if err != nil {
		l.t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join(l.dir, "log"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, encoded[1:len(encoded)-1]) {
			l.t.Errorf("%s still holds it", path)
		}
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// TestLogBytes is doc/adversarial-tests.md, 47, as far as a short test goes: what the log keeps for an act, of its full tiles.
func TestLogBytes(t *testing.T) {
	l := newLab(t)
	l.grow(512)
	var total int64
	for name, err := range l.tiles.List(t.Context(), "tile/") {
		if err != nil {
			t.Fatal(err)
		}
		b, err := l.tiles.Get(t.Context(), name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		total += int64(len(b))
	}
	if total/512 > 560 || total/512 < 400 {
		t.Errorf("the log has %d bytes an act, at most 560 are aimed at", total/512)
	}
}
