package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// writerLock is the key of the advisory lock that makes one writer of all who use a database: the ASCII of "probatwr".
const writerLock int64 = 0x70726f6261747772

// Errors of transactions, to be asked for with errors.Is.
var (
	// ErrUnsure: the commit was sent and its outcome is not known. The rows are there or not, all or none; look before doing it again.
	ErrUnsure = errors.New("whether the transaction was committed is not known")
	// ErrBroken: the transaction ended behind a savepoint's back. The function given to Tx has to return an error at once: on SQLite, what it
	// did next would stand alone, outside of any transaction.
	ErrBroken = errors.New("the transaction is broken")
	errTurn   = errors.New("another transaction is still writing")
)

// Tx runs fn in a write transaction and commits if it returns nil; after an error nothing has happened (but see ErrUnsure), and that error
// comes back wrapped. fn is run at most once.
//
// At most one Tx is open on a database at a time, over all processes: on SQLite by BEGIN IMMEDIATE, on PostgreSQL by an advisory lock taken
// first, at level READ COMMITTED. So fn reads what is true until it commits. It waits for its turn ten seconds (then IsBusy).
//
// fn has to use tx only (another Tx inside would wait for itself), must return what a statement's error says unless the statement ran in a
// Savepoint, and must not wait for people or networks. When ctx ends, the transaction is rolled back; once fn is done, the commit is carried
// through.
func (db *DB) Tx(ctx context.Context, fn func(*sql.Tx) error) error {
	if err := db.takeTurn(ctx); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer func() { db.turn <- struct{}{} }()

	// The context of the transaction ends with ctx while fn runs but not while the commit does: a commit cut off halfway has no known outcome.
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	follows := context.AfterFunc(ctx, cancel)
	defer follows()

	tx, err := db.beginWrite(inner)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", errors.Join(ctx.Err(), err))
	}
	defer func() {
		_ = tx.Rollback() // does nothing after a commit; when fn panics, it is what frees the connection
	}()
	if err := fn(tx); err != nil {
		return fmt.Errorf("in a transaction: %w", err)
	}
	if !follows() || ctx.Err() != nil {
		return fmt.Errorf("before committing: %w", context.Cause(ctx))
	}
	limit := time.AfterFunc(commitWait, cancel)
	defer limit.Stop()
	if err := tx.Commit(); err != nil {
		if unsure(err) {
			err = fmt.Errorf("%w: %w", ErrUnsure, err)
		}
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

func (db *DB) takeTurn(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	timer := time.NewTimer(db.wait)
	defer timer.Stop()
	select {
	case <-db.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return errTurn
	}
}

// beginWrite begins the transaction that has the writer's lock. A connection that died while idle is noticed only now, when nothing has been
// done yet: then a fresh one is tried, once. (database/sql does that only if the driver is sure that nothing was sent.)
func (db *DB) beginWrite(ctx context.Context) (*sql.Tx, error) {
	for attempt := 0; ; attempt++ {
		tx, err := db.begin(ctx)
		if err == nil || attempt > 0 || !IsLost(err) || ctx.Err() != nil {
			return tx, err
		}
	}
}

func (db *DB) begin(ctx context.Context) (*sql.Tx, error) {
	if db.dialect == SQLite {
		return db.BeginTx(ctx, nil)
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return nil, err
	}
	if err := takeWriterLock(ctx, tx, db.wait); err != nil {
		_ = tx.Rollback()
		return nil, err
	}
	return tx, nil
}

// takeWriterLock waits until no other transaction of Tx is open on this database, in whatever process on whatever machine. The lock ends with
// the transaction. As the level is READ COMMITTED, the statements that follow see all that the writers before have committed.
func takeWriterLock(ctx context.Context, tx *sql.Tx, wait time.Duration) error {
	if wait != lockWait {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("SET LOCAL lock_timeout = %d", wait.Milliseconds())); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", writerLock)
	return err
}

// Read runs fn in a transaction that only reads: all its statements see one state, that of its first. It waits for no writer and keeps none
// waiting, but as long as it lasts SQLite's write-ahead log grows: keep it short. A write in it fails (IsReadOnly).
func (db *DB) Read(ctx context.Context, fn func(*sql.Tx) error) error {
	options := &sql.TxOptions{ReadOnly: true}
	if db.dialect == Postgres {
		options.Isolation = sql.LevelRepeatableRead
	}
	tx, err := db.reads.BeginTx(ctx, options)
	if err != nil && IsLost(err) && ctx.Err() == nil {
		tx, err = db.reads.BeginTx(ctx, options)
	}
	if err != nil {
		return fmt.Errorf("beginning to read: %w", err)
	}
	defer func() {
		_ = tx.Rollback() // there is nothing to commit
	}()
	if err := fn(tx); err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	return nil
}

// Savepoint runs fn so that either all it does in tx stays or, if it returns an error, nothing of it; then tx goes on as if fn had not been
// run, and the error comes back as it is. On PostgreSQL too, where otherwise a failed statement spoils the whole transaction.
//
// name is a word of a-z, 0-9 and _. Savepoints may be nested. ctx must live as long as the transaction's: on both databases a statement that
// is cut off by its context takes the whole transaction along, and so do a full disk on SQLite and a lost connection. Then the error is
// ErrBroken too.
func Savepoint(ctx context.Context, tx *sql.Tx, name string, fn func() error) error {
	if !validWord(name) {
		return fmt.Errorf("setting a savepoint: %q is not a name for one", name)
	}
	if _, err := tx.ExecContext(ctx, `SAVEPOINT "`+name+`"`); err != nil {
		return fmt.Errorf("setting the savepoint %s: %w: %w", name, ErrBroken, err)
	}
	fnErr := fn()
	if fnErr != nil {
		if _, err := tx.ExecContext(ctx, `ROLLBACK TO SAVEPOINT "`+name+`"`); err != nil {
			return fmt.Errorf("%w (going back to the savepoint %s: %w: %w)", fnErr, name, ErrBroken, err)
		}
	}
	if _, err := tx.ExecContext(ctx, `RELEASE SAVEPOINT "`+name+`"`); err != nil {
		return errors.Join(fnErr, fmt.Errorf("releasing the savepoint %s: %w: %w", name, ErrBroken, err))
	}
	return fnErr
}

func validWord(s string) bool {
	if s == "" || len(s) > 60 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_') {
			return false
		}
	}
	return true
}
