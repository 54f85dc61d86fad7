package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/probat-lab/probat/store"
)

// ledgerLock is the key of PostgreSQL's advisory lock: the ASCII of "probatlg".
const ledgerLock int64 = 0x70726f6261746c67

// lock keeps other processes from sequencing the same ledger. It is a courtesy that says early what the compare and swap of the head would say
// late; no promise rests on it.
func lock(ctx context.Context, db *store.DB) (unlock func() error, err error) {
	if db.Dialect() == store.SQLite {
		var number int
		var name, path string
		if err := db.QueryRowContext(ctx, "SELECT seq, name, file FROM pragma_database_list WHERE name = 'main'").Scan(&number, &name, &path); err != nil {
			return nil, fmt.Errorf("locking: asking for the database's file: %w", err)
		}
		return lockFile(ctx, path)
	}
	// The lock lives as long as its connection.
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("locking: %w", err)
	}
	var got bool
	if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", ledgerLock).Scan(&got); err != nil || !got {
		if err == nil {
			err = ErrLocked
		}
		return nil, fmt.Errorf("locking: %w", errors.Join(err, conn.Close()))
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", ledgerLock)
		return errors.Join(err, conn.Close())
	}, nil
}
