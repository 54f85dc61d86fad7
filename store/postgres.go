package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

func openPostgres(ctx context.Context, u string, readOnly bool) (*DB, error) {
	config, err := pgx.ParseConfig(u)
	if err != nil {
		// The driver's error quotes the URL, without its password if it has understood which part that is: not worth the risk.
		return nil, fmt.Errorf("opening the database: the URL cannot be read; postgres://user@host:port/database?sslmode=verify-full is expected")
	}
	if config.ConnectTimeout == 0 || config.ConnectTimeout > lockWait {
		config.ConnectTimeout = lockWait
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "probat"
	}
	db := &DB{dialect: Postgres, name: fmt.Sprintf("%q on %q", config.Database, config.Host)}
	db.DB = stdlib.OpenDB(*config, stdlib.OptionAfterConnect(settings(readOnly)))
	db.reads = stdlib.OpenDB(*config, stdlib.OptionAfterConnect(settings(true)))
	db.SetMaxOpenConns(writers)
	db.SetMaxIdleConns(writers)
	db.reads.SetMaxOpenConns(readers)
	db.reads.SetMaxIdleConns(readers)
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("connecting to the database %s: %w", db.name, err)
	}
	return db, nil
}

// settings are made on every new connection. A server that is set to acknowledge before the disk has the data is overruled: what the ledger
// has acknowledged must not be lost. Stronger settings (remote_apply) stay. That a server runs with fsync=off, nobody but its owner can change.
func settings(readOnly bool) func(context.Context, *pgx.Conn) error {
	text := []string{
		fmt.Sprintf("SET lock_timeout = %d", lockWait.Milliseconds()),
		fmt.Sprintf("SET idle_in_transaction_session_timeout = %d", idleWait.Milliseconds()),
		"SET TimeZone = 'UTC'",
		"SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
	}
	if readOnly {
		text = append(text, "SET default_transaction_read_only = on")
	}
	script := strings.Join(text, "; ")
	return func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, script)
		return err
	}
}
