package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// IsUnique says that a row was refused because another has the same key.
func IsUnique(err error) bool {
	return sqliteCode(err, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID) ||
		postgresCode(err, "23505")
}

// IsBusy says that somebody else held a lock too long, or that the database chose this transaction to give way: nothing was done, and the
// same again may succeed.
func IsBusy(err error) bool {
	return errors.Is(err, errTurn) || sqliteCode(err, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) ||
		postgresCode(err, "55P03", "40001", "40P01")
}

// IsFull says that the disk, or what the database may use of it, is full. Nothing was done; once there is room, the same succeeds.
func IsFull(err error) bool {
	return sqliteCode(err, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE) || postgresCode(err, "53100") ||
		errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// IsReadOnly says that a write was refused since the database, its file system or the transaction is for reading only.
func IsReadOnly(err error) bool {
	return sqliteCode(err, sqlite3.SQLITE_READONLY) || postgresCode(err, "25006") || errors.Is(err, syscall.EROFS)
}

// IsLost says that the connection to the server broke; the next call makes a new one. If it broke while committing, the error is ErrUnsure too.
func IsLost(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return strings.HasPrefix(pg.Code, "08") || postgresCode(err, "57P01", "57P02", "57P03", "57P05", "25P03")
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.As(err, &network) || errors.As(err, &connect) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, syscall.ECONNRESET) || strings.HasSuffix(err.Error(), "conn closed")
}

// unsure says whether a commit that returned err may have taken effect all the same. A refusal by the server and SQLite's own errors mean no,
// except where SQLite could not flush: the commit may stand in the write-ahead log and be found there after a crash.
func unsure(err error) bool {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code()&0xff == sqlite3.SQLITE_IOERR && lite.Code() != sqlite3.SQLITE_IOERR_SHMSIZE
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return IsLost(err)
	}
	return !errors.Is(err, pgx.ErrTxCommitRollback)
}

// sqliteCode says whether err is one of these of SQLite's result codes; a primary code stands for all its extended ones.
func sqliteCode(err error, codes ...int) bool {
	var lite *sqlite.Error
	if !errors.As(err, &lite) {
		return false
	}
	for _, c := range codes {
		if lite.Code() == c || c <= 0xff && lite.Code()&0xff == c {
			return true
		}
	}
	return false
}

// postgresCode says whether err is one of these of PostgreSQL's error codes (its documentation, appendix A).
func postgresCode(err error, codes ...string) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	for _, c := range codes {
		if pg.Code == c {
			return true
		}
	}
	return false
}
