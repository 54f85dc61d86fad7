package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/ledger/witness"
	"github.com/probat-lab/probat/statement"
)

// append appends n acts that nobody needs to know.
func (l *Lab) appendMany(ctx context.Context, key string, n int) error {
	for i := range n {
		_, err := l.Append(ctx, Act{
			Key: fmt.Sprintf("%s/%d", key, i), By: statement.ForLedger,
			Statement: func(p ledger.Place) (*statement.Statement, error) { return edition(l, p), nil },
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// signedSize is up to where the log has signed.
func (l *Lab) signedSize(ctx context.Context) (size int64, err error) {
	err = l.DB.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT signed_size FROM ledger_head").Scan(&size)
	})
	return size, err
}

// TestServed is doc/adversarial-tests.md, 10, as whoever reads the log over HTTP sees it while it grows: what may be kept for ever never changes, nothing is served beyond what is signed, and
// only full tiles may be kept for ever.
func TestServed(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	h, err := l.Handler()
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	grown := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < 16 && err == nil; i++ {
			if err = l.appendMany(ctx, fmt.Sprint("edition/", i), 20); err == nil {
				_, err = l.Ledger.Publish(ctx)
			}
		}
		grown <- err
	}()
	first := map[string][32]byte{}
	full, partial := 0, 0
	look := func(name string) {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/"+name, nil))
		if rec.Code == http.StatusNotFound {
			return // a partial tile that the full one has replaced
		}
		kept := rec.Header().Get("Cache-Control")
		if rec.Code != http.StatusOK {
			t.Errorf("%s: status %d", name, rec.Code)
		}
		tile, err := proof.ParseTilePath(name)
		if err != nil {
			if kept != "no-cache" {
				t.Errorf("%s may be kept: %s", name, kept)
			}
			return
		}
		signed, err := l.signedSize(ctx) // asked for after the tile was there, it only grows
		if err != nil {
			t.Error(err)
		}
		end := (tile.N*256 + int64(tile.W)) << (8 * max(tile.L, 0))
		if end > signed {
			t.Errorf("%s is served when %d acts are signed", name, signed)
		}
		if isFull := tile.W == 256; isFull != strings.Contains(kept, "immutable") || !isFull && !strings.Contains(kept, "max-age=3600") {
			t.Errorf("%s may be kept: %s", name, kept)
		} else if isFull {
			full++
		} else {
			partial++
		}
		sum := sha256.Sum256(rec.Body.Bytes())
		if before, there := first[name]; there && before != sum {
			t.Errorf("%s has changed", name)
		}
		first[name] = sum
	}
	for done := false; !done; {
		select {
		case err := <-grown:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		default:
		}
		for name, err := range l.Log.List(ctx, "") {
			if err != nil {
				t.Fatal(err)
			}
			look(name)
		}
	}
	if full < 2 || partial < 10 {
		t.Errorf("%d full and %d partial tiles were looked at", full, partial)
	}
	for _, beyond := range []string{"tile/0/001.p/255", "tile/0/002", "tile/entries/001.p/255", "tile/1/001"} {
		rec := httptest.NewRecorder()
		if h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/"+beyond, nil)); rec.Code != http.StatusNotFound || rec.Header().Get("Cache-Control") != "" {
			t.Errorf("%s: status %d, %q", beyond, rec.Code, rec.Header())
		}
	}
}

// TestServedOnly: nothing of the lab's folder but the public log is served, whatever the path.
func TestServedOnly(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	h, err := l.Handler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	for _, path := range []string{
		"/", "/lab.yaml", "/lab.db", "/keys/log.age", "/evidence", "/tile/../../lab.yaml", "/tile/%2e%2e/%2e%2e/lab.yaml", "/tile/..%2f..%2flab.yaml", "/checkpoint/../../lab.yaml",
		"/status/../../keys/issuing.age", "/status/..%5c..%5ckeys%5cissuing.age", "//lab.yaml", "/tile/", "/tile", "/.tmp/x", "/tile/.tmp",
	} {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path)
		answer, readErr := io.ReadAll(conn)
		if err := errors.Join(err, readErr, conn.Close()); err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) || bytes.Contains(answer, []byte("age-encryption")) || bytes.Contains(answer, []byte("origin: ")) {
			t.Errorf("%s: %s", path, answer)
		}
	}
}

// crowd is how many connections do nothing: 800, and where PROBAT_SOAK is set 10,000, or as many as the process may have. (The race detector knows 8,128 goroutines.)
func crowd(t *testing.T) int {
	t.Helper()
	if os.Getenv("PROBAT_SOAK") == "" {
		return 800
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return int(min(10000, limit.Cur/2-200))
}

// TestIdle is doc/adversarial-tests.md, 45: while very many connections to the served log do nothing, acts go on and others are answered.
func TestIdle(t *testing.T) {
	t.Parallel()
	n := crowd(t)
	l := newLab(t)
	h, err := l.Handler()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := witness.NewServer(h) // as probat ledger serve has it
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	address := listener.Addr().String()
	var idle []net.Conn
	for i := range n {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		idle = append(idle, conn)
		if i%2 == 1 {
			if _, err := io.WriteString(conn, "GET /checkpoint HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	const writers, acts = 8, 30
	var load sync.WaitGroup
	for w := range writers {
		load.Go(func() {
			if err := l.appendMany(t.Context(), fmt.Sprint("edition/", w), acts); err != nil {
				t.Error(err)
			}
		})
	}
	load.Wait()
	c, err := l.Ledger.Publish(t.Context())
	if err != nil || c.Size != 4+writers*acts {
		t.Fatalf("published %v, %v", c, err)
	}
	client := &http.Client{Timeout: 20 * time.Second}
	answer, err := client.Get("http://" + address + "/checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil || !bytes.Equal(body, c.Bytes()) {
		t.Errorf("the checkpoint is served as %q, %v", body, err)
	}
	for _, conn := range idle {
		_ = conn.Close()
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(l.Dir, "log", "tile", "0")); err != nil {
		t.Error(err)
	}
}
