package witness

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
)

// answer is a witness that always answers the same.
func answer(status int, contentType, body string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", contentType)
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, body)
	}
}

func TestClient(t *testing.T) {
	l, fork := newLog(t, origin, "", 20, 20), newLog(t, origin, "x", 3, 20)
	b := newBench(t, l.public())
	c := newClient(t, b, b.Keys(), b.clock.Now)
	if s, err := c.Latest(t.Context()); s != nil || !errors.Is(err, ErrUnknownCheckpoint) {
		t.Errorf("latest %v, error %v", s, err)
	}
	// With the lines of many other witnesses under it the checkpoint is larger than the witness would read.
	note := l.at(t, 5)
	for i := range 30 {
		note = note.With(proof.SignatureLine{Name: fmt.Sprint("w", i), KeyHash: 1, Signature: make([]byte, 2428)})
	}
	lines, size, err := c.Cosign(t.Context(), 0, nil, note)
	if err != nil || size != 5 || len(lines) != 2 {
		t.Fatalf("%d lines, size %d, error %v", len(lines), size, err)
	}
	for _, k := range b.Keys() {
		if _, err := k.Verify(l.at(t, 5).With(lines...)); err != nil {
			t.Error(err)
		}
	}
	if _, size, err := c.Cosign(t.Context(), 3, l.prove(t, 3, 9), l.at(t, 9)); !errors.Is(err, ErrConflict) || size != 5 {
		t.Errorf("size %d, error %v", size, err)
	}
	if _, size, err := c.Cosign(t.Context(), 5, fork.prove(t, 5, 9), fork.at(t, 9)); !errors.Is(err, ErrStatus) || size != -1 || !strings.Contains(err.Error(), "422") {
		t.Errorf("size %d, error %v", size, err)
	}
	prove := func(to int64) func(context.Context, int64) ([]tlog.Hash, error) {
		return func(_ context.Context, from int64) ([]tlog.Hash, error) { return proof.ProveConsistency(from, to, l) }
	}
	if lines, size, err := c.CosignFrom(t.Context(), 0, prove(12), l.at(t, 12)); err != nil || size != 12 || len(lines) != 2 {
		t.Errorf("%d lines, size %d, error %v", len(lines), size, err)
	}
	// The lab's database is older than what was witnessed: the size says so.
	if lines, size, err := c.CosignFrom(t.Context(), 0, prove(9), l.at(t, 9)); !errors.Is(err, ErrConflict) || size != 12 || lines != nil {
		t.Errorf("%d lines, size %d, error %v", len(lines), size, err)
	}
	if s, err := c.Latest(t.Context()); err != nil || s.Checkpoint != l.at(t, 12).Checkpoint {
		t.Errorf("latest %v, error %v", s, err)
	}
	if _, _, err := c.Cosign(t.Context(), 0, nil, newLog(t, "log.other.example", "", 1, 1).at(t, 1)); err == nil {
		t.Error("asked about another log")
	}
}

// What a hostile witness may answer.
func TestClientRefuses(t *testing.T) {
	l := newLog(t, origin, "", 20, 20)
	clock := newClock()
	keys, strangers := cosigners(t, "w1"), cosigners(t, "w1")
	line := func(k *proof.Cosigner, c *proof.SignedCheckpoint, late time.Duration) string {
		s, err := k.Cosign(c, clock.Now().Add(late).Unix())
		if err != nil {
			t.Fatal(err)
		}
		return lineText([]proof.SignatureLine{s})
	}
	c9, other := l.at(t, 9), newLog(t, "log.other.example", "", 20, 20).at(t, 9)
	good := line(keys[0], c9, 0)
	broken := strings.Replace(good, "AAAA", "AAAB", 1) // in the time
	for _, tt := range []struct {
		name    string
		handler http.Handler
		err     error  // nil: any
		text    string // in the error
	}{
		{"nothing", answer(200, "", ""), nil, ""},
		{"html", answer(200, "text/html", "<html>\n"), nil, ""},
		{"a note instead of lines", answer(200, "", string(c9.Bytes())), nil, ""},
		{"unknown keys only", answer(200, "", line(strangers[0], c9, 0)+line(strangers[1], c9, 0)), ErrNotCosigned, ""},
		{"wrong signature", answer(200, "", broken), proof.ErrBadSignature, ""},
		{"one right, one wrong", answer(200, "", good+strings.Replace(line(keys[1], c9, 0), "AAAA", "AAAB", 1)), proof.ErrBadSignature, ""},
		{"twice", answer(200, "", good+good), nil, ""},
		{"of another size", answer(200, "", line(keys[0], l.at(t, 8), 0)), proof.ErrBadSignature, ""},
		{"of another log", answer(200, "", line(keys[1], other, 0)), proof.ErrBadSignature, ""},
		{"of the future", answer(200, "", line(keys[0], c9, 6*time.Minute)), proof.ErrBadSignature, "ahead"},
		{"10 MB", answer(200, "", strings.Repeat(good, 10<<20/len(good))), nil, "more than 65536 bytes"},
		{"10 MB of a conflict", answer(409, typeSize, strings.Repeat("1", 10<<20)), nil, "more than 65536 bytes"},
		{"conflict of another type", answer(409, "text/plain", "3\n"), nil, "content type"},
		{"conflict without newline", answer(409, typeSize, "3"), nil, "not the size"},
		{"conflict with a zero", answer(409, typeSize, "03\n"), nil, "not the size"},
		{"conflict beyond all trees", answer(409, typeSize, "9223372036854775807\n"), nil, "not the size"},
		{"conflict with itself", answer(409, typeSize, "5\n"), ErrContradiction, ""},
		{"500", answer(500, "", "\x1b[2J"), ErrStatus, `\x1b`},
		{"to another host", http.RedirectHandler("http://127.0.0.1:1/x", http.StatusTemporaryRedirect), nil, "another host"},
		{"to itself for ever", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, r.URL.Path, http.StatusTemporaryRedirect)
		}), nil, "three times"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newClient(t, tt.handler, []proof.WitnessKey{keys[0].Key(), keys[1].Key()}, clock.Now)
			lines, size, err := c.Cosign(t.Context(), 5, l.prove(t, 5, 9), c9)
			if err == nil || tt.err != nil && !errors.Is(err, tt.err) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error %v, want %v", err, tt.err)
			}
			if lines != nil || size != -1 {
				t.Errorf("%d lines, size %d", len(lines), size)
			}
			if len(err.Error()) > 1000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
	t.Run("unknown lines beside", func(t *testing.T) {
		c := newClient(t, answer(200, "", line(strangers[0], c9, 0)+good), []proof.WitnessKey{keys[0].Key(), keys[1].Key()}, clock.Now)
		if lines, _, err := c.Cosign(t.Context(), 5, nil, c9); err != nil || len(lines) != 1 || lines[0].KeyHash != keys[0].Key().Hash() {
			t.Errorf("lines %v, error %v", lines, err)
		}
	})
	t.Run("latest", func(t *testing.T) {
		for name, body := range map[string]string{
			"not cosigned": string(c9.Bytes()), "another log": string(other.Bytes()) + line(keys[0], other, 0), "garbage": "x", "much": strings.Repeat("x", 10<<20),
			"stranger": string(c9.Bytes()) + line(strangers[0], c9, 0), "wrong": string(c9.Bytes()) + broken,
		} {
			c := newClient(t, answer(200, "", body), []proof.WitnessKey{keys[0].Key()}, clock.Now)
			if s, err := c.Latest(t.Context()); err == nil || s != nil {
				t.Errorf("%s: %v, error %v", name, s, err)
			}
		}
		c := newClient(t, answer(503, "", ""), []proof.WitnessKey{keys[0].Key()}, clock.Now)
		if _, err := c.Latest(t.Context()); !errors.Is(err, ErrStatus) {
			t.Errorf("error %v", err)
		}
	})
}

// A witness that answers 409 for ever, with a new size each time, is asked a few times and then given up.
func TestConflictLoop(t *testing.T) {
	l := newLog(t, origin, "", 20, 20)
	asked := 0
	c := newClient(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked++
		answer(409, typeSize, fmt.Sprintf("%d\n", asked%3))(rw, r)
	}), []proof.WitnessKey{cosigners(t, "w")[0].Key()}, nil)
	prove := func(_ context.Context, from int64) ([]tlog.Hash, error) { return l.prove(t, from, 9), nil }
	lines, size, err := c.CosignFrom(t.Context(), 0, prove, l.at(t, 9))
	if !errors.Is(err, ErrContradiction) || lines != nil || size != -1 {
		t.Errorf("%d lines, size %d, error %v", len(lines), size, err)
	}
	if asked != maxRounds {
		t.Errorf("asked %d times", asked)
	}
	failing := func(context.Context, int64) ([]tlog.Hash, error) { return nil, io.ErrUnexpectedEOF }
	if _, _, err := c.CosignFrom(t.Context(), 0, failing, l.at(t, 9)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
}

func TestNewClient(t *testing.T) {
	keys := []proof.WitnessKey{cosigners(t, "w")[0].Key()}
	for _, c := range []ClientConfig{
		{Origin: origin, URL: "http://w.example"},
		{Origin: origin, URL: "http://w.example", Keys: []proof.WitnessKey{{}}},
		{URL: "http://w.example", Keys: keys},
		{Origin: origin, Keys: keys},
		{Origin: origin, URL: "ftp://w.example", Keys: keys},
		{Origin: origin, URL: "http://u:secret@w.example", Keys: keys},
		{Origin: origin, URL: "http://w.example/?secret", Keys: keys},
		{Origin: origin, URL: "http://w.example", Monitoring: "w.example", Keys: keys},
	} {
		if _, err := NewClient(c); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: error %v", c, err)
		}
	}
}

// pipes is a listener and a dialler over memory, so that time in a bubble passes only when everybody waits.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) transport() *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return p.dial(ctx) }}
}

// A witness that answers one byte a second is left after the timeout, in the middle of header or body.
func TestSlowWitness(t *testing.T) {
	l := newLog(t, origin, "", 9, 9)
	keys := cosigners(t, "w")
	for name, header := range map[string]string{
		"silent": "", "header": "HTTP/1.1 200 OK\r\nX: ", "body": "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPipes()
				var witness sync.WaitGroup
				witness.Go(func() {
					conn, err := p.Accept()
					if err != nil {
						return
					}
					in := bufio.NewReader(conn)
					if r, err := http.ReadRequest(in); err != nil {
						t.Error(err)
					} else if _, err := io.Copy(io.Discard, r.Body); err != nil {
						t.Error(err)
					}
					witness.Go(func() { _, _ = io.Copy(io.Discard, in) }) // until the client hangs up
					_, err = io.WriteString(conn, header)
					for err == nil && name != "silent" {
						time.Sleep(time.Second) // of the bubble
						_, err = io.WriteString(conn, "x")
					}
				})
				tr := p.transport()
				c, err := NewClient(ClientConfig{Name: "slow", Origin: origin, URL: "http://w.example", Keys: []proof.WitnessKey{keys[0].Key()}, Transport: tr})
				if err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				if _, _, err := c.Cosign(t.Context(), 0, nil, l.at(t, 9)); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v", err)
				}
				if took := time.Since(begin); took != DefaultTimeout {
					t.Errorf("it took %v", took)
				}
				tr.CloseIdleConnections()
				witness.Wait()
			})
		})
	}
}

// A client that sends one byte a second is cut off, in the middle of header or body; meanwhile others are served.
func TestSlowClient(t *testing.T) {
	l := newLog(t, origin, "", 9, 9)
	for name, tt := range map[string]struct {
		begin string
		most  time.Duration
	}{
		"silent": {"", 6 * time.Second},
		"header": {"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nX: ", 6 * time.Second},
		"body":   {"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 1000\r\n\r\n", 11 * time.Second},
		"idle":   {"GET / HTTP/1.1\r\nHost: w\r\n\r\n", 61 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, l.public())
			synctest.Test(t, func(t *testing.T) {
				p := newPipes()
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				w, err := New(b.config) // its channels must be the bubble's
				if err != nil {
					t.Fatal(err)
				}
				for _, sl := range w.state.slots {
					sl.turn = make(chan struct{}, 1)
				}
				go func() { ended <- Run(ctx, RunConfig{Witness: w, Listener: p}) }()
				var slow []net.Conn
				var writers sync.WaitGroup
				begin := time.Now()
				gone := make(chan time.Duration, 2*maxBusy)
				for range 2 * maxBusy {
					conn, err := p.dial(ctx)
					if err != nil {
						t.Fatal(err)
					}
					slow = append(slow, conn)
					go func() {
						_, _ = io.Copy(io.Discard, conn) // until it is cut off
						gone <- time.Since(begin)
					}()
					writers.Go(func() {
						_, err := io.WriteString(conn, tt.begin)
						for err == nil && name != "silent" && name != "idle" {
							time.Sleep(time.Second) // of the bubble
							_, err = io.WriteString(conn, "x")
						}
					})
				}
				synctest.Wait()
				tr := p.transport()
				c, err := NewClient(ClientConfig{Name: "w", Origin: origin, URL: "http://w.example", Keys: w.Keys(), Transport: tr, Now: b.clock.Now})
				if err != nil {
					t.Fatal(err)
				}
				if lines, _, err := c.Cosign(ctx, 0, nil, l.at(t, 9)); err != nil || len(lines) != 2 {
					t.Errorf("another client: %d lines, error %v", len(lines), err)
				}
				for range slow {
					if took := <-gone; took > tt.most {
						t.Errorf("cut off after %v", took)
						break
					}
				}
				tr.CloseIdleConnections()
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				for _, conn := range slow {
					_ = conn.Close()
				}
				writers.Wait()
			})
		})
	}
}

// A day without the witness: the log goes on, and one request catches up.
func TestOutage(t *testing.T) {
	l := newLog(t, origin, "", 3000, 3000)
	b := newBench(t, l.public())
	var down atomic.Bool
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if down.Load() {
			panic(http.ErrAbortHandler)
		}
		b.ServeHTTP(rw, r)
	}))
	defer srv.Close()
	c, err := NewClient(ClientConfig{Name: "w", Origin: origin, URL: srv.URL + "/", Keys: b.Keys(), Now: b.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	known := int64(100)
	if _, _, err := c.Cosign(t.Context(), 0, nil, l.at(t, known)); err != nil {
		t.Fatal(err)
	}
	down.Store(true)
	for hour := range int64(24) {
		b.clock.add(time.Hour)
		if _, size, err := c.Cosign(t.Context(), known, l.prove(t, known, 200+hour*100), l.at(t, 200+hour*100)); err == nil || size != -1 {
			t.Fatalf("size %d, error %v", size, err)
		}
	}
	down.Store(false)
	b.restart(t)
	lines, size, err := c.Cosign(t.Context(), known, l.prove(t, known, 3000), l.at(t, 3000))
	if err != nil || size != 3000 {
		t.Fatalf("size %d, error %v", size, err)
	}
	if at, err := b.Keys()[0].Verify(l.at(t, 3000).With(lines...)); err != nil || at != b.clock.Now().Unix() {
		t.Errorf("time %d, error %v", at, err)
	}
}

func TestRequestText(t *testing.T) {
	l := newLog(t, origin, "", 20, 20)
	r := l.request(t, 5, 9)
	b := r.bytes()
	if !bytes.HasPrefix(b, []byte("old 5\n")) || !bytes.HasSuffix(b, r.note.Bytes()) {
		t.Errorf("%s", b)
	}
	back, err := parseRequest(b)
	if err != nil || back.old != 5 || len(back.hashes) != len(r.hashes) || back.note.Checkpoint != r.note.Checkpoint {
		t.Errorf("%+v, error %v", back, err)
	}
}
