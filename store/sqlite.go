package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"modernc.org/sqlite"
)

// lockByDescription makes a setting of the driver that holds for the whole process, before its first connection: with record locks of POSIX, any
// code here that opens and closes the database's file (to hash it, to copy it) would silently drop SQLite's locks; locks of the open file
// description stay. Where they are not to be had, SQLite works as it always did.
var lockByDescription = sync.OnceFunc(func() { _, _ = sqlite.OFDLocking(true) })

func openSQLite(path string, readOnly, existing bool) (*DB, error) {
	if path == "" || path == ":memory:" {
		return nil, errors.New("opening the database: SQLite needs the path of a file")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	flags := os.O_RDWR
	if readOnly {
		flags = os.O_RDONLY
	}
	if !existing {
		flags |= os.O_CREATE
	}
	// SQLite would create it with the mode of the umask; it gives the files beside it (-wal, -shm) the mode of this one.
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	info, err := f.Stat()
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("opening the database %q: not a regular file", path)
	}
	lockByDescription()

	db := &DB{dialect: SQLite, name: fmt.Sprintf("%q", path)}
	if db.DB, err = sql.Open("sqlite", dsn(path, readOnly, false)); err != nil {
		return nil, fmt.Errorf("opening the database %q: %w", path, err)
	}
	if db.reads, err = sql.Open("sqlite", dsn(path, readOnly, true)); err != nil {
		return nil, fmt.Errorf("opening the database %q: %w", path, err)
	}
	// Connections cost file descriptors and a page cache each, and there is one writer anyway; the others serve single statements.
	db.SetMaxOpenConns(writers)
	db.SetMaxIdleConns(writers)
	db.reads.SetMaxOpenConns(readers)
	db.reads.SetMaxIdleConns(readers)
	return db, nil
}

// dsn is the address of the database for the driver, with the settings of every connection.
func dsn(path string, readOnly, query bool) string {
	q := url.Values{
		"_pragma": {
			"busy_timeout(" + fmt.Sprint(lockWait.Milliseconds()) + ")",
			"synchronous(FULL)",                       // a commit is on the disk before it is acknowledged, in WAL mode too
			"fullfsync(1)", "checkpoint_fullfsync(1)", // macOS, whose fsync does not reach the disk
			"foreign_keys(1)",
			"secure_delete(1)",                        // what is erased is overwritten, not only unlinked
			"trusted_schema(0)", "cell_size_check(1)", // a damaged or malicious file is an error
			"journal_size_limit(67108864)",
		},
		"_dqs":       {"0"},
		"_defensive": {"1"},
		"_error_rc":  {"1"},
		"_txlock":    {"immediate"},
	}
	switch {
	case readOnly:
		q.Set("mode", "ro")
		if unchanging(path) {
			q.Set("immutable", "1")
		}
	default:
		q.Set("mode", "rw")
		q["_pragma"] = append(q["_pragma"], "journal_mode(WAL)")
	}
	if query || readOnly {
		q.Set("_query_only", "1")
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: q.Encode()}).String()
}

// unchanging says that nobody can be writing to a database: there is no write-ahead log beside it and no possibility of making one. Only
// then may SQLite read it without locks; it could not read it otherwise, for want of a place for its shared memory.
func unchanging(path string) bool {
	for _, suffix := range []string{"-wal", "-shm"} {
		if _, err := os.Lstat(path + suffix); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".probat-*")
	if err == nil {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}
	return err != nil
}
