package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/probat-lab/probat/store/storetest"
)

// tables is the set of migrations of these tests, with every word of migrations/README.md in it.
var tables = fstest.MapFS{
	"README.md": {Data: []byte("not a migration")},
	"0001_thing.sql": {Data: []byte(`
CREATE TABLE thing (
	id {{int}} PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	data {{blob}}
) {{strict}};
CREATE TABLE part (thing {{int}} NOT NULL REFERENCES thing (id)) {{strict}};
`)},
	"0002_head.sql": {Data: []byte(`
CREATE TABLE head (size {{int}} NOT NULL) {{strict}};
INSERT INTO head (size) VALUES (0);
{{if sqlite}}
CREATE TRIGGER thing_stays BEFORE DELETE ON thing BEGIN SELECT RAISE(ABORT, 'things stay'); END;
{{else}}
CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'things stay'; END $$;
CREATE TRIGGER thing_stays BEFORE DELETE ON thing FOR EACH ROW EXECUTE FUNCTION stay();
{{end}}`)},
}

// each runs a test over both databases; fresh returns the URL of a new, empty one.
func each(t *testing.T, test func(t *testing.T, fresh func(testing.TB) string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, sqliteURL) })
	t.Run("postgres", func(t *testing.T) { test(t, storetest.Postgres) })
}

func sqliteURL(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "lab ?#%41.db") }

func open(t testing.TB, url string, options ...Option) *DB {
	t.Helper()
	db, err := openWith(t.Context(), url, tables, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func insert(ctx context.Context, tx *sql.Tx, id int64, name string) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO thing (id, name, data) VALUES ($1, $2, $3)", id, name, []byte{0, 1, 0xff})
	return err
}

// names returns what stands in the table, joined by spaces, as a reader sees it.
func names(t testing.TB, db *DB) string {
	t.Helper()
	var all []string
	err := db.Read(t.Context(), func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(t.Context(), "SELECT name FROM thing ORDER BY id")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			if err := rows.Scan(&name); err != nil {
				return err
			}
			all = append(all, name)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

func wantNames(t testing.TB, db *DB, want string) {
	t.Helper()
	if got := names(t, db); got != want {
		t.Errorf("the table has %q, want %q", got, want)
	}
}

func TestTx(t *testing.T) {
	each(t, func(t *testing.T, fresh func(testing.TB) string) {
		ctx := t.Context()
		db := open(t, fresh(t))
		if err := db.Tx(ctx, func(tx *sql.Tx) error { return insert(ctx, tx, 1<<40, "kept") }); err != nil {
			t.Fatal(err)
		}
		mine := errors.New("mine")
		err := db.Tx(ctx, func(tx *sql.Tx) error {
			if err := insert(ctx, tx, 2, "undone"); err != nil {
				return err
			}
			return mine
		})
		if !errors.Is(err, mine) || errors.Is(err, ErrUnsure) {
			t.Errorf("got %v, want the error of the function", err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a panic was swallowed")
				}
			}()
			_ = db.Tx(ctx, func(tx *sql.Tx) error {
				if err := insert(ctx, tx, 3, "panicked"); err != nil {
					t.Error(err)
				}
				panic("x")
			})
		}()
		stopped, stop := context.WithCancel(ctx)
		err = db.Tx(stopped, func(tx *sql.Tx) error {
			defer stop()
			return insert(ctx, tx, 4, "cancelled")
		})
		if !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnsure) {
			t.Errorf("got %v, want that the context ended", err)
		}
		wantNames(t, db, "kept")
		var data []byte
		if err := db.QueryRowContext(ctx, "SELECT data FROM thing WHERE id = $1", int64(1)<<40).Scan(&data); err != nil || string(data) != "\x00\x01\xff" {
			t.Errorf("read %x, %v", data, err)
		}
	})
}

func TestErrorsAreTold(t *testing.T) {
	each(t, func(t *testing.T, fresh func(testing.TB) string) {
		ctx := t.Context()
		db := open(t, fresh(t))
		is := func(err error) string {
			return fmt.Sprint(IsUnique(err), IsBusy(err), IsFull(err), IsReadOnly(err), IsLost(err), errors.Is(err, ErrUnsure))
		}
		put := func(id int64, name string) error {
			return db.Tx(ctx, func(tx *sql.Tx) error { return insert(ctx, tx, id, name) })
		}
		if err := put(1, "a"); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{"the same key": put(1, "b"), "the same name": put(2, "a")} {
			if got := is(err); got != "true false false false false false" {
				t.Errorf("%s: %s for %v", what, got, err)
			}
		}
		other := map[string]string{
			"not null":                    "INSERT INTO thing (id) VALUES (5)",
			"foreign key":                 "INSERT INTO part (thing) VALUES (99)",
			"type":                        "INSERT INTO thing (id, name) VALUES ('x', 'y')",
			"trigger":                     "DELETE FROM thing",
			"syntax":                      "INSERT thing",
			"double quotes are no string": `INSERT INTO thing (id, name) VALUES (6, "x")`,
		}
		for what, text := range other {
			err := db.Tx(ctx, func(tx *sql.Tx) error { _, err := tx.ExecContext(ctx, text); return err })
			if got := is(err); err == nil || got != "false false false false false false" {
				t.Errorf("%s: %s for %v", what, got, err)
			}
		}
		err := db.Read(ctx, func(tx *sql.Tx) error { return insert(ctx, tx, 3, "c") })
		if got := is(err); got != "false false false true false false" {
			t.Errorf("writing in Read: %s for %v", got, err)
		}
		if got := is(nil); got != "false false false false false false" {
			t.Errorf("no error: %s", got)
		}
		wantNames(t, db, "a")
	})
}

func TestSavepoint(t *testing.T) {
	each(t, func(t *testing.T, fresh func(testing.TB) string) {
		ctx := t.Context()
		db := open(t, fresh(t))
		mine := errors.New("mine")
		err := db.Tx(ctx, func(tx *sql.Tx) error {
			if err := insert(ctx, tx, 1, "before"); err != nil {
				return err
			}
			// A failed statement, which spoils a transaction of PostgreSQL that has no savepoint.
			err := Savepoint(ctx, tx, "act", func() error {
				if err := insert(ctx, tx, 2, "undone"); err != nil {
					return err
				}
				return insert(ctx, tx, 2, "again")
			})
			if !IsUnique(err) || errors.Is(err, ErrBroken) {
				t.Errorf("the first savepoint: %v", err)
			}
			err = Savepoint(ctx, tx, "act", func() error {
				inner := Savepoint(ctx, tx, "inner", func() error { return errors.Join(insert(ctx, tx, 3, "inner"), mine) })
				if inner == nil || !errors.Is(inner, mine) {
					t.Errorf("the inner savepoint: %v", inner)
				}
				return insert(ctx, tx, 3, "outer")
			})
			if err != nil {
				t.Errorf("the second savepoint: %v", err)
			}
			for _, name := range []string{"", "A", "a b", "1a", "a;DROP TABLE thing", strings.Repeat("a", 61)} {
				if err := Savepoint(ctx, tx, name, func() error { return nil }); err == nil {
					t.Errorf("the name %q was taken", name)
				}
			}
			return insert(ctx, tx, 4, "after")
		})
		if err != nil {
			t.Fatal(err)
		}
		wantNames(t, db, "before outer after")
	})
}

// TestSavepointBroken: a statement that its context cuts off ends the whole transaction. That must be noticed, and nothing may stay.
func TestSavepointBroken(t *testing.T) {
	each(t, func(t *testing.T, fresh func(testing.TB) string) {
		ctx := t.Context()
		db := open(t, fresh(t))
		err := db.Tx(ctx, func(tx *sql.Tx) error {
			if err := insert(ctx, tx, 1, "before"); err != nil {
				return err
			}
			short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			err := Savepoint(ctx, tx, "act", func() error {
				_, err := tx.ExecContext(short, `INSERT INTO thing (id, name) WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n)
					SELECT i, CAST(i AS TEXT) FROM n`)
				return err
			})
			if !errors.Is(err, ErrBroken) {
				t.Errorf("got %v, want ErrBroken", err)
			}
			return err
		})
		if err == nil {
			t.Error("the transaction was committed")
		}
		wantNames(t, db, "")
		if err := db.Tx(ctx, func(tx *sql.Tx) error { return insert(ctx, tx, 1, "later") }); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// TestOneWriter: two DBs on one database, as two processes have them, and many goroutines: read, think, write never loses an update.
func TestOneWriter(t *testing.T) {
	each(t, func(t *testing.T, fresh func(testing.TB) string) {
		ctx := t.Context()
		url := fresh(t)
		dbs := []*DB{open(t, url), open(t, url)}
		const each, rounds = 4, 10
		var wg sync.WaitGroup
		for i := range each * len(dbs) {
			wg.Go(func() {
				for range rounds {
					err := dbs[i%2].Tx(ctx, func(tx *sql.Tx) error {
						var size int64
						if err := tx.QueryRowContext(ctx, "SELECT size FROM head").Scan(&size); err != nil {
							return err
						}
						_, err := tx.ExecContext(ctx, "UPDATE head SET size = $1", size+1)
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		var size int
		if err := dbs[0].QueryRowContext(ctx, "SELECT size FROM head").Scan(&size); err != nil || size != each*len(dbs)*rounds {
			t.Errorf("%d updates left a trace, %v; want %d", size, err, each*len(dbs)*rounds)
		}
	})
}

// TestTurn: who does not get his turn is told that the database is busy, in this process and in another; a reader is not kept waiting, and
// sees one state throughout.
func TestTurn(t *testing.T) {
	each(t, func(t *testing.T, fresh func(testing.TB) string) {
		ctx := t.Context()
		url := fresh(t)
		db, other := open(t, url), open(t, url)
		db.wait, other.wait = 50*time.Millisecond, 50*time.Millisecond
		if db.Dialect() == SQLite {
			other.SetMaxOpenConns(1) // so that the setting holds for the transaction
			if _, err := other.ExecContext(ctx, "PRAGMA busy_timeout = 50"); err != nil {
				t.Fatal(err)
			}
		}
		never := func(*sql.Tx) error { t.Error("two write at once"); return nil }
		err := db.Read(ctx, func(reader *sql.Tx) error {
			count := func() (n int) {
				if err := reader.QueryRowContext(ctx, "SELECT count(*) FROM thing").Scan(&n); err != nil {
					t.Error(err)
				}
				return n
			}
			before := count()
			err := db.Tx(ctx, func(tx *sql.Tx) error {
				for what, d := range map[string]*DB{"this": db, "the other": other} {
					if err := d.Tx(ctx, never); !IsBusy(err) || errors.Is(err, ErrUnsure) {
						t.Errorf("%s: got %v, want that it is busy", what, err)
					}
				}
				return insert(ctx, tx, 1, "a")
			})
			if err != nil {
				t.Error(err)
			}
			if after := count(); before != 0 || after != 0 {
				t.Errorf("a reader saw %d rows and then %d", before, after)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		wantNames(t, other, "a")
		if err := other.Tx(ctx, func(tx *sql.Tx) error { return insert(ctx, tx, 2, "b") }); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}
