package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// server is the one PostgreSQL of this test binary.
var server struct {
	sync.Mutex
	dir string // holds its socket; empty while there is none
	err error
}

// Postgres returns the URL of a fresh, empty database on a real PostgreSQL, which the first call starts: on a socket in a temporary folder,
// without TCP, as the user postgres when root runs the tests (PostgreSQL refuses to run as root). The database goes with the test, the server
// with the test binary, however that ends. It does not flush (fsync=off): tests kill processes, not machines.
//
// Without PostgreSQL (Debian: postgresql) the test fails.
func Postgres(t testing.TB) string {
	t.Helper()
	dir := start(t)
	name := "t" + strings.ToLower(rand.Text())
	admin(t, dir, "CREATE DATABASE "+name)
	t.Cleanup(func() { admin(t, dir, "DROP DATABASE "+name+" WITH (FORCE)") })
	return address(dir, name)
}

// Admin runs a statement as the superuser of the server of a database that Postgres has returned, in a session of its own.
func Admin(t testing.TB, sql string, args ...any) {
	t.Helper()
	admin(t, start(t), sql, args...)
}

// Account is the user and group as which the server runs: -1 for those of the test itself.
func Account(t testing.TB) (uid, gid int) {
	t.Helper()
	c := credential(t)
	if c == nil {
		return -1, -1
	}
	return int(c.Uid), int(c.Gid)
}

func address(dir, database string) string {
	u := url.URL{Scheme: "postgres", Path: "/" + database, RawQuery: url.Values{"host": {dir}, "user": {"probat"}}.Encode()}
	return u.String()
}

func admin(t testing.TB, dir, sql string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // not the test's: a cleanup runs after that has ended
	defer cancel()
	conn, err := pgx.Connect(ctx, address(dir, "postgres"))
	if err != nil {
		t.Fatalf("connecting to the PostgreSQL of the tests: %v", err)
	}
	_, err = conn.Exec(ctx, sql, args...)
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		t.Fatalf("running %q: %v", sql, err)
	}
}

func start(t testing.TB) (dir string) {
	t.Helper()
	server.Lock()
	defer server.Unlock()
	if server.dir == "" && server.err == nil {
		server.dir, server.err = launch(t)
	}
	if server.err != nil {
		t.Fatalf("starting PostgreSQL: %v", server.err)
	}
	return server.dir
}

// keeper runs the server as its child until its standard input ends, which it does when the test binary is gone, be it killed. Then it stops
// the server at once and removes the folder.
const keeper = `
dir=$1 bin=$2
"$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c fsync=off -c full_page_writes=off \
	-c shared_buffers=16MB -c max_connections=60 -c max_wal_size=64MB -c logging_collector=off </dev/null >"$dir/log" 2>&1 &
pid=$!
cat >/dev/null
kill -QUIT $pid
wait $pid
cd / && rm -rf "$dir"
`

func launch(t testing.TB) (dir string, err error) {
	bin, err := binaries()
	if err != nil {
		return "", err
	}
	base := os.TempDir()
	if len(base) > 60 {
		base = "/tmp" // the path of a socket has at most 107 bytes
	}
	dir, err = os.MkdirTemp(base, "probat-postgres-")
	if err != nil {
		return "", err
	}
	started := false
	defer func() {
		if !started {
			_ = os.RemoveAll(dir)
		}
	}()
	who := credential(t)
	if who != nil {
		if err := os.Chown(dir, int(who.Uid), int(who.Gid)); err != nil {
			return "", err
		}
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"), "-U", "probat", "-A", "trust", "-E", "UTF8",
		"--locale=C", "--no-sync", "--no-instructions")
	initdb.Dir = dir
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w\n%s", err, out)
	}
	cmd := exec.Command("/bin/sh", "-c", keeper, "sh", dir, bin)
	cmd.Dir = dir
	// A session of its own, so that an interrupt at the keyboard does not stop the keeper before it has stopped the server.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who, Setsid: true}
	// Never closed: that the kernel closes it when this process ends is the signal.
	if _, err := cmd.StdinPipe(); err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	started = true
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	return dir, ready(dir, exited)
}

// ready waits until the server answers.
func ready(dir string, exited <-chan error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := pgx.Connect(ctx, address(dir, "postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case err := <-exited:
			return fmt.Errorf("the server has ended: %w", err)
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			return fmt.Errorf("the server does not answer: %w\n%s", err, log)
		case <-again.C:
		}
	}
}

// binaries is the folder of the newest PostgreSQL: Debian keeps it out of the PATH.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if p, err := exec.LookPath("initdb"); err == nil {
		found = append(found, p)
	}
	if len(found) == 0 {
		return "", errors.New("not installed (Debian: postgresql)")
	}
	version := func(p string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(p))))
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

// credential is whom the server runs as if we are root, nil otherwise.
func credential(t testing.TB) *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	t.Fatal("root cannot run PostgreSQL, and there is no user postgres or nobody")
	return nil
}
