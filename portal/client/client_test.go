package client

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNew(t *testing.T) {
	for _, test := range []struct {
		config Config
		want   error
		url    string
	}{
		{Config{URL: "https://lab.example", Token: "t"}, nil, "https://lab.example"},
		{Config{URL: "https://lab.example:8443/probat/", Token: "t"}, nil, "https://lab.example:8443/probat"},
		{Config{URL: "http://localhost:8080", Token: "t"}, nil, "http://localhost:8080"},
		{Config{URL: "http://127.0.0.1:8080/", Token: "t"}, nil, "http://127.0.0.1:8080"},
		{Config{URL: "http://[::1]:8080", Token: "t"}, nil, "http://[::1]:8080"},
		{Config{URL: "http://lab.example", Token: "t"}, ErrPlain, ""},
		{Config{URL: "http://localhost.example", Token: "t"}, ErrPlain, ""},
		{Config{URL: "http://10.0.0.1", Token: "t"}, ErrPlain, ""},
		{Config{URL: "http://lab.example", Token: "t", Insecure: true}, nil, "http://lab.example"},
		{Config{URL: "lab.example", Token: "t"}, ErrURL, ""},
		{Config{URL: "ftp://lab.example", Token: "t"}, ErrURL, ""},
		{Config{URL: "https://ada:geheim@lab.example", Token: "t"}, ErrURL, ""},
		{Config{URL: "https://lab.example/?a=b", Token: "t"}, ErrURL, ""},
		{Config{URL: "https://lab.example"}, ErrToken, ""},
		{Config{URL: "https://lab.example", Token: "a b"}, ErrToken, ""},
		{Config{URL: "https://lab.example", Token: "a\r\nCookie: x"}, ErrToken, ""},
		{Config{URL: "https://lab.example", Token: "t", CA: []byte("nothing")}, ErrCA, ""},
	} {
		c, err := New(test.config)
		if !errors.Is(err, test.want) {
			t.Errorf("%+v: error %v, want %v", test.config, err, test.want)
		}
		if err == nil && c.URL() != test.url {
			t.Errorf("%+v: URL %q", test.config, c.URL())
		}
	}
}

func TestOnlyHere(t *testing.T) {
	for address, ok := range map[string]bool{"127.0.0.1:80": true, "[::1]:80": true, "127.8.9.10:1": true, "10.0.0.1:80": false, "[2001:db8::1]:80": false, "x": false} {
		if err := onlyHere("tcp", address, nil); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// The token goes to no other host, whatever the server says.
func TestRedirects(t *testing.T) {
	for _, test := range []struct {
		status       int
		location, to string
	}{
		{http.StatusPermanentRedirect, "http://localhost:8080/api/v1/me", "http://localhost:8080"},
		{http.StatusTemporaryRedirect, "https://evil.example/probat/api/v1/me?x=y#z", "https://evil.example/probat"},
		{http.StatusFound, "https://login.example/", ""},
		{http.StatusSeeOther, "/signin", ""},
		{http.StatusMovedPermanently, "javascript:/api/v1/me", ""},
		{http.StatusMovedPermanently, "http://lab.example/api/v1/me", ""}, // a ring
		{http.StatusFound, "", ""},
		{http.StatusNotModified, "", ""},
	} {
		lab(t, func(t *testing.T, s *server, c *Client) {
			s.fault = []fault{{"GET", func(_ *server, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", test.location)
				w.WriteHeader(test.status)
			}}}
			_, err := c.Me(t.Context())
			var moved *MovedError
			if !errors.As(err, &moved) || moved.To != test.to {
				t.Errorf("%d to %q: %v", test.status, test.location, err)
			}
			if len(s.asked) != 1 {
				t.Errorf("%d to %q: asked %q", test.status, test.location, s.asked)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	for _, test := range []struct{ kind, body, want string }{
		{
			"application/problem+json", `{"title":"Unprocessable Entity","status":422,"detail":"validation failed","errors":[{"message":"is no date","location":"body.embargo"},{"message":"again"}]}`,
			": validation failed: body.embargo: is no date: again",
		},
		{"application/problem+json; charset=utf-8", `{"title":"Too large","detail":"files: are 300","errors":[{"message":"are 300","location":"body.files"}]}`, ": Too large: files: are 300"},
		{"application/problem+json", `{"title":"Unprocessable Entity"}`, ": Unprocessable Entity"},
		{"application/problem+json", `{"detail":"a\u001b[2Jb\u202ec\nd"}`, ": a\uFFFD[2Jb\uFFFDc d"},
		{"application/problem+json", `{"detail":`, ""},
		{"text/plain; charset=utf-8", "no such thing\nand more\n", ": no such thing"},
		{"text/html", "<h1>Bad gateway</h1>", ""},
		{"application/problem+json", `{"detail":"` + strings.Repeat("x", 3000) + `"}`, ": " + strings.Repeat("x", 2000) + "…"},
	} {
		lab(t, func(t *testing.T, s *server, c *Client) {
			s.fault = []fault{{"GET", func(_ *server, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.kind)
				w.WriteHeader(http.StatusUnprocessableEntity)
				_, _ = w.Write([]byte(test.body))
			}}}
			_, err := c.Me(t.Context())
			if want := "the server refuses GET http://lab.example/api/v1/me (422)" + test.want; err == nil || err.Error() != want || !Refused(err) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	lab(t, func(t *testing.T, s *server, c *Client) {
		begun := time.Now()
		s.fault = []fault{{"GET", refuse(http.StatusServiceUnavailable, begun.UTC().Add(40*time.Second).Format(http.TimeFormat))}}
		if _, err := c.Me(t.Context()); err != nil {
			t.Fatal(err)
		}
		after(t, begun, 39*time.Second, 40*time.Second)
	})
	for in, want := range map[string]time.Duration{"": 0, "3": 3 * time.Second, "-3": 0, "soon": 0, "99999999999": 0, "Mon, 02 Jan 2006 15:04:05 GMT": 0} {
		if got := retryAfter(in); got != want {
			t.Errorf("%q is %s, want %s", in, got, want)
		}
	}
}

// Over the real network: who the server is, and where plain http leads.
func TestTLS(t *testing.T) {
	s := &server{t: t, uploads: map[string]*upload{}, posts: map[string]int{}}
	h := httptest.NewUnstartedServer(s)
	h.Config.ErrorLog = log.New(io.Discard, "", 0)
	h.StartTLS()
	defer h.Close()
	c, err := New(Config{URL: h.URL, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	var unknown *tls.CertificateVerificationError
	if _, err = c.Me(t.Context()); !errors.As(err, &unknown) || len(s.asked) > 0 {
		t.Errorf("an unknown authority: %v, asked %q", err, s.asked)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw})
	if c, err = New(Config{URL: h.URL, Token: token, CA: ca}); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Me(t.Context()); err != nil {
		t.Errorf("with its certificate: %v", err)
	}
	plain := httptest.NewServer(s)
	defer plain.Close()
	_, port, err := net.SplitHostPort(plain.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if c, err = New(Config{URL: "http://localhost:" + port, Token: token}); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Me(t.Context()); err != nil {
		t.Errorf("plain, on this machine: %v", err)
	}
}

func TestMemory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	m := NewMemory(dir)
	key, other := MemoryKey("a", "b"), MemoryKey("ab", "")
	if key == other {
		t.Error("other words have the same key")
	}
	var got string
	if m.Get(key, &got) {
		t.Error("it remembers what was never told")
	}
	for _, v := range []string{"one", "two"} {
		if err := m.Put(key, v); err != nil {
			t.Fatal(err)
		}
		if !m.Get(key, &got) || got != v {
			t.Errorf("got %q, want %q", got, v)
		}
	}
	if st, err := os.Stat(m.Path(key)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", st, err)
	}
	if err := os.WriteFile(m.Path(other), []byte("{nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if m.Get(other, &got) {
		t.Error("it remembers nonsense")
	}
	old := time.Now().Add(-remembered - time.Hour)
	if err := os.Chtimes(m.Path(other), old, old); err != nil {
		t.Fatal(err)
	}
	if err := m.Put(key, "three"); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%d entries are left: %v", len(entries), err)
	}
	for range 2 {
		if err := m.Drop(key); err != nil || m.Get(key, &got) {
			t.Errorf("it cannot forget: %v", err)
		}
	}
	var none *Memory
	if err := errors.Join(none.Put(key, "x"), none.Drop(key)); err != nil || none.Get(key, &got) {
		t.Errorf("no memory: %v", err)
	}
}
