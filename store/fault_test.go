package store

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"modernc.org/sqlite"

	"github.com/probat-lab/probat/store/storetest"
)

// tmpfs mounts a file system of so many KiB; nil flags. Only root can.
func tmpfs(t *testing.T, kib int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dk,mode=0777", kib)); err != nil {
		t.Skipf("mounting a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmounting: %v", err)
		}
	})
	return dir
}

// fill inserts rows of 8 KiB, each in a transaction of its own, until one fails; it returns how many there are and the error.
func fill(t *testing.T, db *DB) (n int64, err error) {
	t.Helper()
	ctx := t.Context()
	data := make([]byte, 8192)
	for i := range data { // PostgreSQL would compress zeros
		data[i] = byte(i * i >> 3)
	}
	for n = 0; n < 10000; n++ {
		err := db.Tx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO thing (id, name, data) VALUES ($1, $2, $3)", n, fmt.Sprint(n), data)
			return err
		})
		if err != nil {
			return n, err
		}
	}
	t.Fatal("it never got full")
	return 0, nil
}

func count(t *testing.T, db *DB) (n int64) {
	t.Helper()
	err := db.Read(t.Context(), func(tx *sql.Tx) error {
		return tx.QueryRowContext(t.Context(), "SELECT count(*) FROM thing").Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func wantFull(t *testing.T, err error) {
	t.Helper()
	if !IsFull(err) || IsUnique(err) || IsBusy(err) || IsLost(err) || errors.Is(err, ErrUnsure) {
		t.Errorf("got %v, want that the disk is full and nothing else", err)
	}
}

// TestDiskFull: what was acknowledged stays, the error says what it is, and when there is room again the open database goes on.
func TestDiskFull(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		dir := tmpfs(t, 1024)
		ballast := filepath.Join(dir, "ballast")
		if err := os.WriteFile(ballast, make([]byte, 256<<10), 0o600); err != nil {
			t.Fatal(err)
		}
		db := open(t, filepath.Join(dir, "lab.db"))
		n, err := fill(t, db)
		wantFull(t, err)
		if got := count(t, db); got != n || n == 0 {
			t.Errorf("%d rows, %d were acknowledged", got, n)
		}
		brokenByFull(t, db, n)
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
		if err := db.Tx(t.Context(), func(tx *sql.Tx) error { return insert(t.Context(), tx, n, "later") }); err != nil {
			t.Errorf("with room again: %v", err)
		}
		var ok string
		if err := db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
			t.Errorf("the database says of itself: %q, %v", ok, err)
		}
	})
	t.Run("postgres", func(t *testing.T) {
		dir := filepath.Join(tmpfs(t, 1024), "space")
		url := storetest.Postgres(t)
		uid, gid := storetest.Account(t)
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, uid, gid)); err != nil {
			t.Fatal(err)
		}
		passable(t, dir)
		storetest.Admin(t, "CREATE TABLESPACE small LOCATION '"+dir+"'")
		t.Cleanup(func() { storetest.Admin(t, "DROP TABLESPACE small") })
		db := open(t, url)
		for _, text := range []string{
			"ALTER TABLE thing SET TABLESPACE small", "ALTER TABLE thing ALTER data SET STORAGE EXTERNAL",
			"CREATE TABLE ballast (b TEXT) TABLESPACE small", "INSERT INTO ballast SELECT repeat('x', 900) FROM generate_series(1, 200)",
		} {
			if _, err := db.ExecContext(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		n, err := fill(t, db)
		wantFull(t, err)
		if got := count(t, db); got != n || n == 0 {
			t.Errorf("%d rows, %d were acknowledged", got, n)
		}
		if _, err := db.ExecContext(t.Context(), "DROP TABLE ballast"); err != nil {
			t.Fatal(err)
		}
		if err := db.Tx(t.Context(), func(tx *sql.Tx) error { return insert(t.Context(), tx, n, "later") }); err != nil {
			t.Errorf("with room again: %v", err)
		}
		// The tablespace has to be empty before it can go; the database itself goes before, as cleanups run backwards, but after this.
		if _, err := db.ExecContext(t.Context(), "ALTER TABLE thing SET TABLESPACE pg_default"); err != nil {
			t.Fatal(err)
		}
	})
}

// brokenByFull: a savepoint in which the disk gets full is broken, since SQLite has ended the transaction.
func brokenByFull(t *testing.T, db *DB, n int64) {
	t.Helper()
	ctx := t.Context()
	err := db.Tx(ctx, func(tx *sql.Tx) error {
		// Less cache than what is written, so that pages go to the log before the commit.
		if _, err := tx.ExecContext(ctx, "PRAGMA cache_size = 10"); err != nil {
			return err
		}
		err := Savepoint(ctx, tx, "act", func() error {
			_, err := tx.ExecContext(ctx, "INSERT INTO thing (id, name, data) VALUES ($1, 'big', zeroblob(2000000))", n)
			return err
		})
		if !errors.Is(err, ErrBroken) || !IsFull(err) {
			t.Errorf("got %v, want ErrBroken and full", err)
		}
		return err
	})
	wantFull(t, err)
	if got := count(t, db); got != n {
		t.Errorf("%d rows, %d were acknowledged", got, n)
	}
}

// passable lets others through the parents of dir that this test has made.
func passable(t *testing.T, dir string) {
	t.Helper()
	for p := filepath.Dir(dir); p != filepath.Clean(os.TempDir()) && p != "/"; p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReadOnlyDisk: the file system becomes read-only under an open database, and writable again.
func TestReadOnlyDisk(t *testing.T) {
	dir := tmpfs(t, 4096)
	ctx := t.Context()
	path := filepath.Join(dir, "lab.db")
	db, err := openWith(ctx, path, tables)
	if err != nil {
		t.Fatal(err)
	}
	put := func(db *DB, id int64, name string) error {
		return db.Tx(ctx, func(tx *sql.Tx) error { return insert(ctx, tx, id, name) })
	}
	if err := put(db, 1, "a"); err != nil {
		t.Fatal(err)
	}
	// The kernel refuses to remount while a file is open for writing; closing empties the log.
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(syscall.MS_RDONLY)
	if _, err := openWith(ctx, path, tables); !IsReadOnly(err) {
		t.Errorf("opening for writing: %v", err)
	}
	ro := open(t, path, ReadOnly)
	wantNames(t, ro, "a")
	if err := put(ro, 2, "b"); !IsReadOnly(err) {
		t.Errorf("writing: %v", err)
	}
	remount(0)
	again := open(t, path)
	if err := put(again, 2, "b"); err != nil {
		t.Error(err)
	}
	wantNames(t, again, "a b")
}

// TestReadOnlyOption: while another process writes, a reader sees what was committed and can change nothing.
func TestReadOnlyOption(t *testing.T) {
	each(t, func(t *testing.T, fresh func(testing.TB) string) {
		ctx := t.Context()
		url := fresh(t)
		db := open(t, url)
		put := func(db *DB, id int64, name string) error {
			return db.Tx(ctx, func(tx *sql.Tx) error { return insert(ctx, tx, id, name) })
		}
		if err := put(db, 1, "a"); err != nil {
			t.Fatal(err)
		}
		ro := open(t, url, ReadOnly)
		if err := put(db, 2, "b"); err != nil {
			t.Fatal(err)
		}
		wantNames(t, ro, "a b")
		if err := put(ro, 3, "c"); !IsReadOnly(err) {
			t.Errorf("a transaction: %v", err)
		}
		if _, err := ro.ExecContext(ctx, "DELETE FROM head"); !IsReadOnly(err) {
			t.Errorf("a statement: %v", err)
		}
		wantNames(t, db, "a b")
	})
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{
		"", "sqlite:", ":memory:", "sqlite::memory:", dir, text, filepath.Join(dir, "no", "lab.db"), "mysql://user:geheim@host/db",
		"postgres://user:geheim@host:x/db", "postgres://user:geheim@127.0.0.1:1/db", "postgres://user:geheim@[::1/db", "postgres:geheim",
	} {
		db, err := openWith(t.Context(), url, tables)
		if err == nil {
			_ = db.Close()
			t.Errorf("%q was opened", url)
		} else if strings.Contains(err.Error(), "geheim") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
	for _, option := range []Option{Existing, ReadOnly} {
		path := filepath.Join(dir, "new.db")
		if _, err := openWith(t.Context(), path, tables, option); err == nil {
			t.Error("a database that is not there was opened")
		}
		if _, err := os.Stat(path); err == nil {
			t.Error("it was created")
		}
	}
	path := filepath.Join(dir, "lab.db")
	db := open(t, path)
	if err := db.Tx(t.Context(), func(tx *sql.Tx) error { return insert(t.Context(), tx, 1, "a") }); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, path + "-wal", path + "-shm"} {
		if info, err := os.Stat(p); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v; want mode 0600", p, info, err)
		}
	}
}

// TestDurable: what makes an acknowledged commit stay is really set, on every connection.
func TestDurable(t *testing.T) {
	ctx := t.Context()
	db := open(t, sqliteURL(t))
	for i := range writers {
		conn, err := db.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() // all at once are held, so each is another
		for pragma, want := range map[string]string{
			"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "10000", "fullfsync": "1", "trusted_schema": "0",
		} {
			var got string
			if err := conn.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("connection %d: %s is %q, %v; want %q", i, pragma, got, err, want)
			}
		}
	}
	url := storetest.Postgres(t)
	storetest.Admin(t, "ALTER ROLE probat SET synchronous_commit = off")
	t.Cleanup(func() { storetest.Admin(t, "ALTER ROLE probat RESET synchronous_commit") })
	pg := open(t, url)
	var got string
	if err := pg.QueryRowContext(ctx, "SHOW synchronous_commit").Scan(&got); err != nil || got != "on" {
		t.Errorf("synchronous_commit is %q, %v", got, err)
	}
}

// TestLocksStay: code of this process that opens and closes the database's file takes no lock away.
func TestLocksStay(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "lab.db")
	db := open(t, path)
	if !sqlite.OFDLockingEnabled() {
		t.Fatal("locks belong to the process")
	}
	err := db.Tx(ctx, func(tx *sql.Tx) error {
		if err := insert(ctx, tx, 1, "a"); err != nil {
			return err
		}
		_, err := os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	wantNames(t, db, "a")
}
