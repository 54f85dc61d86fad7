package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"text/template"
	"time"
)

// Errors of opening, to be asked for with errors.Is.
var (
	// ErrNewer: the database was made by a newer program, whose tables this one does not know.
	ErrNewer = errors.New("the database was made by a newer program")
	// ErrForeign: there are tables, but not ours.
	ErrForeign = errors.New("this is the database of another program")
	// ErrOlder: the database lacks a migration and was opened for reading only.
	ErrOlder = errors.New("the database was made by an older program and cannot be migrated when opened for reading only")
	// ErrChanged: a migration has been changed after this database got it.
	ErrChanged = errors.New("a migration was changed after it had been applied")
)

// migration is one step from a version of the tables to the next; migrations/README.md says how it is written. Steps only go forward.
type migration struct {
	version int64
	name    string
	text    *template.Template
	digest  string // SHA-256 of the file, hexadecimal
}

var migrationName = regexp.MustCompile(`^([0-9]{4})_[a-z0-9_]+\.sql$`)

// words are what a migration can say for both databases at once.
func words(d Dialect) template.FuncMap {
	pick := func(lite, pg string) func() string {
		if d == Postgres {
			return func() string { return pg }
		}
		return func() string { return lite }
	}
	return template.FuncMap{
		"blob":     pick("BLOB", "BYTEA"),
		"int":      pick("INTEGER", "BIGINT"), // 64 bits on both; as primary key SQLite's row number
		"strict":   pick("STRICT", ""),        // SQLite then checks types as PostgreSQL does
		"sqlite":   func() bool { return d == SQLite },
		"postgres": func() bool { return d == Postgres },
	}
}

// parseMigrations reads the migrations of a folder, which have to be numbered 0001, 0002, … without a gap.
func parseMigrations(fsys fs.FS) ([]migration, error) {
	entries, err := fs.ReadDir(fsys, ".") // sorted by name
	if err != nil {
		return nil, fmt.Errorf("reading the migrations: %w", err)
	}
	var all []migration
	for _, e := range entries {
		if e.Name() == "README.md" {
			continue
		}
		m := migrationName.FindStringSubmatch(e.Name())
		if m == nil {
			return nil, fmt.Errorf("reading the migrations: %q is not named like 0001_what_it_does.sql", e.Name())
		}
		version, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || version != int64(len(all))+1 {
			return nil, fmt.Errorf("reading the migrations: %q has the wrong number, %04d comes next", e.Name(), len(all)+1)
		}
		data, err := fs.ReadFile(fsys, e.Name())
		if err != nil {
			return nil, fmt.Errorf("reading the migrations: %w", err)
		}
		text, err := template.New(e.Name()).Funcs(words(SQLite)).Parse(string(data))
		if err != nil {
			return nil, fmt.Errorf("reading the migrations: %w", err)
		}
		sum := sha256.Sum256(data)
		all = append(all, migration{version: version, name: e.Name(), text: text, digest: hex.EncodeToString(sum[:])})
	}
	return all, nil
}

// migrate brings the tables up to date, all steps in one transaction of the one writer: of several programs that start at once one does it,
// and the others find it done. What is up to date already is only read.
//
// (Why not goose: it takes no lock on SQLite, so the second of two starting programs fails; it commits each step by itself; it does not
// notice a database newer than itself, or a step that was edited; and it knows no text for two dialects. That is less code than its adapter.)
func (db *DB) migrate(ctx context.Context, all []migration, readOnly bool) error {
	have := 0
	look := func(tx *sql.Tx) (err error) {
		have, err = db.applied(ctx, tx, all)
		return err
	}
	if err := db.Read(ctx, look); err != nil {
		return err
	}
	if have == len(all) {
		return nil
	}
	if readOnly {
		return fmt.Errorf("it has version %d, this program %d: %w", have, len(all), ErrOlder)
	}
	return db.Tx(ctx, func(tx *sql.Tx) error {
		if err := look(tx); err != nil {
			return err
		}
		if have == 0 {
			const table = `CREATE TABLE IF NOT EXISTS schema_version
				(version BIGINT PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL, applied TEXT NOT NULL)`
			if _, err := tx.ExecContext(ctx, table); err != nil {
				return fmt.Errorf("creating the table of migrations: %w", err)
			}
		}
		for _, m := range all[have:] {
			if err := m.apply(ctx, tx, db.dialect); err != nil {
				return fmt.Errorf("applying the migration %s: %w", m.name, err)
			}
		}
		return nil
	})
}

func (m migration) apply(ctx context.Context, tx *sql.Tx, d Dialect) error {
	text, err := m.text.Clone()
	if err != nil {
		return err
	}
	var script bytes.Buffer
	if err := text.Funcs(words(d)).Execute(&script, nil); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, script.String()); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO schema_version (version, name, digest, applied) VALUES ($1, $2, $3, $4)",
		m.version, m.name, m.digest, time.Now().UTC().Format(time.RFC3339))
	return err
}

// applied returns how many of the migrations the database has, after checking that it has these and no others.
func (db *DB) applied(ctx context.Context, tx *sql.Tx, all []migration) (int, error) {
	tables, ours := "SELECT count(*), count(CASE WHEN name = 'schema_version' THEN 1 END) FROM sqlite_master", 0
	if db.dialect == Postgres {
		tables = `SELECT count(*), count(CASE WHEN c.relname = 'schema_version' THEN 1 END) FROM pg_class c
			WHERE c.relkind IN ('r', 'p', 'v') AND c.relnamespace = current_schema()::regnamespace`
	}
	var any int
	if err := tx.QueryRowContext(ctx, tables).Scan(&any, &ours); err != nil {
		return 0, fmt.Errorf("looking for tables: %w", err)
	}
	if any == 0 {
		return 0, nil
	}
	if ours == 0 {
		return 0, ErrForeign
	}
	rows, err := tx.QueryContext(ctx, "SELECT version, digest FROM schema_version ORDER BY version")
	if err != nil {
		return 0, fmt.Errorf("reading the version: %w", err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var version int64
		var digest string
		if err := rows.Scan(&version, &digest); err != nil {
			return 0, fmt.Errorf("reading the version: %w", err)
		}
		switch {
		case version != int64(n)+1:
			return 0, fmt.Errorf("%w: version %d is missing", ErrForeign, n+1)
		case n >= len(all):
			return 0, fmt.Errorf("%w: it has version %d, this one knows %d", ErrNewer, version, len(all))
		case digest != all[n].digest:
			return 0, fmt.Errorf("%w: %s", ErrChanged, all[n].name)
		}
	}
	if err := rows.Err(); err != nil {
		return 0, fmt.Errorf("reading the version: %w", err)
	}
	return n, nil
}
