package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a network of one server, in memory, so that time stands still while bytes move.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// server is a lab's server as its API says, with faults. mu guards all of it.
type server struct {
	t  *testing.T
	mu sync.Mutex

	uploads map[string]*upload
	asked   []string       // METHOD PATH, for PATCH with @OFFSET
	fault   []fault        // of the next requests that fit
	posts   map[string]int // of releases, by idempotency key
	job     func(n int) (state, errText string)
	events  func(n int, w http.ResponseWriter, r *http.Request)
	jobs    int
	streams int
}

type upload struct {
	data []byte
	size int64
	name string
}

// fault is what happens instead of an answer to a request whose line in asked begins so.
type fault struct {
	to string
	do func(s *server, w http.ResponseWriter, r *http.Request)
}

const token = "probat_tok_secret"

// lab runs fn with a server and a client of it, in a bubble where time is its own.
func lab(t *testing.T, fn func(t *testing.T, s *server, c *Client)) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{t: t, uploads: map[string]*upload{}, posts: map[string]int{}}
		wire := newPipes()
		ctx, end := context.WithCancel(t.Context())
		h := &http.Server{Handler: s, BaseContext: func(net.Listener) context.Context { return ctx }}
		served := make(chan struct{})
		go func() {
			defer close(served)
			_ = h.Serve(wire)
		}()
		c, err := New(Config{URL: "http://lab.example/", Token: token, Insecure: true, Dial: wire.dial})
		if err != nil {
			t.Fatal(err)
		}
		fn(t, s, c)
		c.Close()
		end()
		_ = h.Close()
		<-served
		time.Sleep(time.Second) // in the bubble: so long the server's connections linger after they were cut
	})
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	line := r.Method + " " + r.URL.Path
	if r.Method == http.MethodPatch {
		line += "@" + r.Header.Get("Upload-Offset")
	}
	s.mu.Lock()
	s.asked = append(s.asked, line)
	var f *fault
	if len(s.fault) > 0 && strings.HasPrefix(line, s.fault[0].to) {
		f, s.fault = &s.fault[0], s.fault[1:]
	}
	s.mu.Unlock()
	if got := r.Header.Get("Authorization"); got != "Bearer "+token {
		s.t.Errorf("%s: authorization %q", line, got)
	}
	switch {
	case f != nil:
		f.do(s, w, r)
	case strings.HasPrefix(r.URL.Path, "/uploads/"):
		s.tus(w, r, strings.TrimPrefix(r.URL.Path, "/uploads/"))
	default:
		s.api(w, r)
	}
}

func (s *server) tus(w http.ResponseWriter, r *http.Request, id string) {
	if r.Header.Get("Tus-Resumable") != "1.0.0" {
		s.t.Errorf("%s %s without a version of tus", r.Method, r.URL.Path)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodPost && id == "" {
		size, err := strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64)
		if err != nil {
			s.t.Errorf("length %q", r.Header.Get("Upload-Length"))
		}
		id = "up" + strconv.Itoa(len(s.uploads))
		s.uploads[id] = &upload{size: size, name: r.Header.Get("Upload-Metadata")}
		w.Header().Set("Location", "http://other.example/uploads/"+id) // only the id counts
		w.WriteHeader(http.StatusCreated)
		return
	}
	u := s.uploads[id]
	switch {
	case u == nil:
		http.Error(w, "there is no such upload", http.StatusNotFound)
	case r.Method == http.MethodHead:
		s.offset(w, u)
		w.Header().Set("Upload-Length", strconv.FormatInt(u.size, 10))
	case r.Header.Get("Upload-Offset") != strconv.Itoa(len(u.data)):
		http.Error(w, "mismatched offset", http.StatusConflict)
	case r.Method == http.MethodPatch:
		if r.ContentLength > maxPart {
			s.t.Errorf("a part of %d bytes", r.ContentLength)
		}
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		u.data = append(u.data, data...)
		s.offset(w, u)
		w.WriteHeader(http.StatusNoContent)
	default:
		s.t.Errorf("%s %s", r.Method, r.URL.Path)
	}
}

func (s *server) offset(w http.ResponseWriter, u *upload) {
	w.Header().Set("Upload-Offset", strconv.Itoa(len(u.data)))
}

func (s *server) api(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	path := strings.TrimPrefix(r.URL.Path, "/api/v1")
	switch {
	case r.Method == http.MethodPost && path == "/releases":
		defer s.mu.Unlock()
		var in Submission
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Files == nil || in.Schemes == nil {
			s.t.Errorf("a submission %+v: %v", in, err)
		}
		key := r.Header.Get("Idempotency-Key")
		if s.posts[key]++; len(key) < 20 {
			s.t.Errorf("idempotency key %q", key)
		}
		answer(w, http.StatusCreated, `{"release":{"id":"rel1","name":"1.0"},"job_id":"job1","receipt_id":"rec1","url":"/releases/rel1"}`)
	case path == "/me":
		defer s.mu.Unlock()
		answer(w, http.StatusOK, `{"person":{"id":"p1","name":"Ada","role":"member"},"party":{"id":"y1","class":"vendor","name":"Brindlemoor"},"scope":"submit"}`)
	case path == "/jobs/job1":
		defer s.mu.Unlock()
		state, text := s.job(s.jobs)
		s.jobs++
		answer(w, http.StatusOK, fmt.Sprintf(`{"id":"job1","release_id":"rel1","state":%q,"dossier_id":"dos1","error":%q,"tries":1}`, state, text))
	case path == "/jobs/job1/events":
		n := s.streams
		s.streams++
		s.mu.Unlock()
		w.Header().Set("Content-Type", "text/event-stream")
		s.events(n, w, r)
	default:
		defer s.mu.Unlock()
		http.NotFound(w, r)
	}
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

// refuse answers with a status, and how long to wait.
func refuse(status int, after string) func(*server, http.ResponseWriter, *http.Request) {
	return func(_ *server, w http.ResponseWriter, _ *http.Request) {
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		http.Error(w, "not now", status)
	}
}

// hang answers nothing until the client goes.
func hang(_ *server, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// lose does what is asked and breaks the connection instead of answering.
func lose(s *server, _ http.ResponseWriter, r *http.Request) {
	w := &nowhere{http.Header{}}
	if strings.HasPrefix(r.URL.Path, "/uploads/") {
		s.tus(w, r, strings.TrimPrefix(r.URL.Path, "/uploads/"))
	} else {
		s.api(w, r)
	}
	panic(http.ErrAbortHandler)
}

type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) WriteHeader(int)             {}

// breakAfter keeps n bytes of a part and then breaks the connection.
func breakAfter(n int64) func(*server, http.ResponseWriter, *http.Request) {
	return func(s *server, _ http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(io.LimitReader(r.Body, n))
		if err != nil || int64(len(data)) != n {
			s.t.Errorf("%d bytes came: %v", len(data), err)
		}
		s.mu.Lock()
		u := s.uploads[strings.TrimPrefix(r.URL.Path, "/uploads/")]
		u.data = append(u.data, data...)
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
}

// after wants that a duration is at least so long and not much longer.
func after(t *testing.T, begun time.Time, least, most time.Duration) {
	t.Helper()
	if d := time.Since(begun); d < least || d > most {
		t.Errorf("it took %s, want %s to %s", d, least, most)
	}
}

// refuse is a network without anybody.
func (p *pipes) refuse(context.Context, string, string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}
