package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/probat-lab/probat/store/storetest"
)

func backend(ctx context.Context, tx *sql.Tx) (pid int) {
	_ = tx.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&pid)
	return pid
}

// TestLost: the server's half of a connection is killed in the middle of a transaction.
func TestLost(t *testing.T) {
	ctx := t.Context()
	db := open(t, storetest.Postgres(t))
	err := db.Tx(ctx, func(tx *sql.Tx) error {
		if err := insert(ctx, tx, 1, "a"); err != nil {
			return err
		}
		err := Savepoint(ctx, tx, "act", func() error {
			storetest.Admin(t, "SELECT pg_terminate_backend($1, 10000)", backend(ctx, tx))
			return insert(ctx, tx, 2, "b")
		})
		if !errors.Is(err, ErrBroken) {
			t.Errorf("the savepoint: got %v, want ErrBroken", err)
		}
		return err
	})
	if !IsLost(err) || errors.Is(err, ErrUnsure) {
		t.Errorf("got %v, want that the connection was lost, and surely nothing done", err)
	}
	wantNames(t, db, "")

	// An idle connection that died is replaced before anything is done.
	if err := db.Tx(ctx, func(*sql.Tx) error { return nil }); err != nil || db.Stats().Idle == 0 {
		t.Fatalf("no connection is idle: %v", err)
	}
	storetest.Admin(t, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'probat' AND pid <> pg_backend_pid()")
	for id := range int64(2 * writers) {
		if err := db.Tx(ctx, func(tx *sql.Tx) error { return insert(ctx, tx, id, string(rune('a'+id))) }); err != nil {
			t.Errorf("with a dead idle connection: %v", err)
		}
	}
	wantNames(t, db, "a b c d e f g h")

	// The backend is gone when the commit comes: it cannot be known on this side that it was before.
	err = db.Tx(ctx, func(tx *sql.Tx) error {
		storetest.Admin(t, "SELECT pg_terminate_backend($1, 10000)", backend(ctx, tx))
		return nil
	})
	if !IsLost(err) || !errors.Is(err, ErrUnsure) {
		t.Errorf("lost at the commit: got %v, want ErrUnsure", err)
	}
}

// TestKeptButReportedLost: the commit takes effect and its answer never comes.
func TestKeptButReportedLost(t *testing.T) {
	ctx := t.Context()
	direct := storetest.Postgres(t)
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	p := startProxy(t, filepath.Join(q.Get("host"), ".s.PGSQL.5432"))
	u.Host = p.address
	q.Del("host")
	q.Set("sslmode", "disable")
	u.RawQuery = q.Encode()
	db := open(t, u.String())
	err = db.Tx(ctx, func(tx *sql.Tx) error {
		err := insert(ctx, tx, 1, "a")
		p.deaf.Store(true)
		return err
	})
	if !errors.Is(err, ErrUnsure) || !IsLost(err) {
		t.Errorf("got %v, want ErrUnsure", err)
	}
	p.deaf.Store(false)
	wantNames(t, db, "a")
}

// proxy stands between a client and the server's socket. While it is deaf it passes on what the client says and, once the server has
// answered, hangs up instead of passing the answer.
type proxy struct {
	address string
	deaf    atomic.Bool
}

func startProxy(t *testing.T, socket string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	p := &proxy{address: l.Addr().String()}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", socket)
			if err != nil {
				t.Error(err)
				_ = client.Close()
				return
			}
			go func() {
				_, _ = io.Copy(server, client)
				_ = server.Close()
			}()
			go func() {
				defer client.Close()
				buf := make([]byte, 4096)
				for {
					n, err := server.Read(buf)
					if err != nil || p.deaf.Load() {
						return
					}
					if _, err := client.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
	return p
}

func TestIsLost(t *testing.T) {
	for code, want := range map[string]bool{
		"08006": true, "57P01": true, "57P02": true, "57P03": true, "57P05": true, "25P03": true, "57014": false, "53100": false, "23505": false,
	} {
		err := fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code})
		if IsLost(err) != want || unsure(err) != want {
			t.Errorf("%s: lost %v, unsure %v; want %v", code, IsLost(err), unsure(err), want)
		}
	}
	for _, err := range []error{driver.ErrBadConn, io.ErrUnexpectedEOF, &net.OpError{Op: "read", Err: syscall.ECONNRESET}} {
		if !IsLost(err) || !unsure(err) {
			t.Errorf("%v is a lost connection", err)
		}
	}
	for _, err := range []error{nil, context.Canceled, context.DeadlineExceeded, sql.ErrNoRows, pgx.ErrTxCommitRollback} {
		if IsLost(err) {
			t.Errorf("%v is no lost connection", err)
		}
	}
	if unsure(pgx.ErrTxCommitRollback) {
		t.Error("a commit that the server turned into a rollback has a known outcome")
	}
}
