// Package store opens the lab's database: SQLite in a file by default, PostgreSQL by URL.
//
// It owns the migrations and the rules of transactions; what the rows mean is the business of the packages above. One SQL text serves both
// databases: placeholders are $1, $2, …; upserts, RETURNING, common table expressions and window functions work alike.
//
// There is one writer at a time, in both: Tx waits for the one before. So what a transaction reads is still true when it commits, without
// retries and without thinking about levels of isolation. Readers (Read) see a snapshot and never wait.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

//go:embed migrations
var shipped embed.FS

// Dialect is the kind of database.
type Dialect string

// The dialects.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

const (
	// lockWait is how long a transaction waits for the one before it, and a statement for a lock.
	lockWait = 10 * time.Second
	// commitWait bounds the wait for the answer to a commit, which nothing else interrupts.
	commitWait = 30 * time.Second
	// idleWait is how long PostgreSQL lets a transaction stay idle whose client hangs or is cut off, holding the writer's lock.
	idleWait = 60 * time.Second
	// writers and readers bound the connections that one DB opens.
	writers = 4
	readers = 8
)

// DB is an open database. The embedded sql.DB is for single statements; several that belong together go through Tx or Read.
// Its methods may be called from several goroutines.
type DB struct {
	*sql.DB
	reads   *sql.DB
	dialect Dialect
	turn    chan struct{} // holds one token; who has taken it is the writer of this process
	wait    time.Duration // lockWait, less in tests
	name    string        // for errors: never holds a password
}

// Option changes how Open opens a database.
type Option int

// The options.
const (
	// Existing refuses to create a SQLite database: a mistyped path is an error and not an empty lab.
	Existing Option = iota + 1
	// ReadOnly is for audits: nothing is created or migrated, and every write is refused (IsReadOnly). It implies Existing. A SQLite database
	// that no process has open and whose folder is not writable opens too, as long as nothing was left in its write-ahead log.
	ReadOnly
)

// Open opens the database that u names and brings its tables up to date: a path or "sqlite:PATH", or
// "postgres://user@host/database?sslmode=verify-full". Errors never quote u, which may hold a password.
//
// ErrNewer if a newer program has made the tables; ErrForeign if another program has.
func Open(ctx context.Context, u string, options ...Option) (*DB, error) {
	migrations, err := fs.Sub(shipped, "migrations")
	if err != nil {
		return nil, fmt.Errorf("reading the migrations: %w", err)
	}
	return openWith(ctx, u, migrations, options...)
}

// openWith is Open with other migrations.
func openWith(ctx context.Context, u string, migrations fs.FS, options ...Option) (*DB, error) {
	readOnly := slices.Contains(options, ReadOnly)
	all, err := parseMigrations(migrations)
	if err != nil {
		return nil, err
	}
	db, err := connect(ctx, u, readOnly, readOnly || slices.Contains(options, Existing))
	if err != nil {
		return nil, err
	}
	db.turn = make(chan struct{}, 1)
	db.turn <- struct{}{}
	db.wait = lockWait
	if err := db.migrate(ctx, all, readOnly); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the database %s: %w", db.name, err), db.Close())
	}
	return db, nil
}

func connect(ctx context.Context, u string, readOnly, existing bool) (*DB, error) {
	scheme, rest, hasScheme := strings.Cut(u, ":")
	switch {
	case hasScheme && (scheme == "postgres" || scheme == "postgresql"):
		return openPostgres(ctx, u, readOnly)
	case hasScheme && scheme == "sqlite":
		return openSQLite(rest, readOnly, existing)
	case strings.Contains(u, "://"):
		return nil, errors.New("opening the database: a path, sqlite:PATH or postgres://… is expected")
	}
	return openSQLite(u, readOnly, existing)
}

// Dialect says which kind of database it is.
func (db *DB) Dialect() Dialect { return db.dialect }

// Close closes all connections; transactions under way fail.
func (db *DB) Close() error {
	return errors.Join(db.DB.Close(), db.reads.Close())
}
