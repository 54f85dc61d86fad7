package witness

import (
	"context"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
)

// crowd is how many connections do nothing: 1,000, and where PROBAT_SOAK is set 10,000, or as many as the process may have. (The race detector knows 8,128 goroutines.)
func crowd(t *testing.T) int {
	t.Helper()
	if os.Getenv("PROBAT_SOAK") == "" {
		return 1000
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return int(min(10000, limit.Cur/2-200))
}

// TestIdle is doc/adversarial-tests.md, 45: while very many connections do nothing, some from the beginning and some after a request, the witness cosigns for others.
func TestIdle(t *testing.T) {
	const checkpoints = 40
	n := crowd(t)
	l := newLog(t, origin, "", checkpoints, checkpoints)
	b := newBench(t, l.public())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, RunConfig{Witness: b.Witness, Listener: listener}) }()
	var idle []net.Conn
	for i := range n {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		idle = append(idle, conn)
		if i%2 == 1 {
			if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: w\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	c, err := NewClient(ClientConfig{Name: "w", Origin: origin, URL: "http://" + listener.Addr().String(), Keys: b.Keys(), Now: b.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	for size := range int64(checkpoints) {
		lines, at, err := c.Cosign(t.Context(), size, l.prove(t, size, size+1), l.at(t, size+1))
		if err != nil || at != size+1 || len(lines) != 2 {
			t.Fatalf("cosigning %d leaves beside %d connections: %d lines, size %d, %v", size+1, n, len(lines), at, err)
		}
	}
	for _, conn := range idle {
		_ = conn.Close()
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
