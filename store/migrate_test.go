package store

import (
	"database/sql"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

func with(files map[string]string) fstest.MapFS {
	set := maps.Clone(tables)
	for name, text := range files {
		set[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return set
}

func TestMigrate(t *testing.T) {
	each(t, func(t *testing.T, fresh func(testing.TB) string) {
		ctx := t.Context()
		url := fresh(t)
		reopen := func(set fstest.MapFS, options ...Option) error {
			db, err := openWith(ctx, url, set, options...)
			if err == nil {
				err = db.Close()
			}
			return err
		}
		older := fstest.MapFS{"0001_thing.sql": tables["0001_thing.sql"]}
		third := map[string]string{"0003_more.sql": "CREATE TABLE more (n {{int}})"}
		if err := reopen(older); err != nil {
			t.Fatal(err)
		}
		if err := reopen(tables, ReadOnly); !errors.Is(err, ErrOlder) {
			t.Errorf("read only, older: %v", err)
		}
		// The second step fails: then the first is undone too, and the database is as before.
		err := reopen(with(map[string]string{"0003_more.sql": "CREATE TABLE more (n {{int}}); CREATE TABLE more (n {{int}})"}))
		if err == nil || !strings.Contains(err.Error(), "0003_more.sql") {
			t.Errorf("a step that fails: %v", err)
		}
		for range 2 { // the second time there is nothing to do
			if err := reopen(with(third)); err != nil {
				t.Fatal(err)
			}
		}
		if err := reopen(with(third), ReadOnly); err != nil {
			t.Errorf("read only: %v", err)
		}
		for _, options := range [][]Option{nil, {ReadOnly}} {
			if err := reopen(tables, options...); !errors.Is(err, ErrNewer) {
				t.Errorf("made by a newer program: %v", err)
			}
		}
		changed := with(third)
		changed["0002_head.sql"] = &fstest.MapFile{Data: append([]byte("-- other\n"), tables["0002_head.sql"].Data...)}
		if err := reopen(changed); !errors.Is(err, ErrChanged) {
			t.Errorf("a changed step: %v", err)
		}
	})
}

func TestForeign(t *testing.T) {
	each(t, func(t *testing.T, fresh func(testing.TB) string) {
		url := fresh(t)
		db, err := connect(t.Context(), url, false, false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.ExecContext(t.Context(), "CREATE TABLE customers (name TEXT)"); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := openWith(t.Context(), url, tables); !errors.Is(err, ErrForeign) {
			t.Errorf("got %v, want ErrForeign", err)
		}
	})
}

// TestStartTogether: of several that open a new database at once, one makes the tables and all go on.
func TestStartTogether(t *testing.T) {
	each(t, func(t *testing.T, fresh func(testing.TB) string) {
		url := fresh(t)
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				db, err := openWith(t.Context(), url, tables)
				if err != nil {
					t.Error(err)
					return
				}
				if err := db.Read(t.Context(), func(tx *sql.Tx) error {
					var n int
					return tx.QueryRowContext(t.Context(), "SELECT size FROM head").Scan(&n)
				}); err != nil {
					t.Error(err)
				}
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

func TestMigrationFiles(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"gap":          {"0004_x.sql": ""},
		"same number":  {"0002_x.sql": ""},
		"name":         {"3_x.sql": ""},
		"other file":   {"0003_x.txt": ""},
		"unknown word": {"0003_x.sql": "CREATE TABLE x (n {{bigint}})"},
	} {
		if _, err := parseMigrations(with(files)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := Open(t.Context(), sqliteURL(t)); err != nil {
		t.Errorf("with the migrations that are shipped: %v", err)
	}
}
