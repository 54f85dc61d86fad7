package signin

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

func mustSite(t testing.TB, u string) Site {
	t.Helper()
	s, err := ParseSite(u)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParseSite(t *testing.T) {
	for u, want := range map[string]Site{
		"http://localhost:8080":      {"http://localhost:8080", "localhost:8080", "localhost"},
		"http://localhost":           {"http://localhost", "localhost", "localhost"},
		"https://Lab.Example/":       {"https://lab.example", "lab.example", "lab.example"},
		"https://lab.example:443":    {"https://lab.example", "lab.example", "lab.example"},
		"https://lab.example:8443/":  {"https://lab.example:8443", "lab.example:8443", "lab.example"},
		"https://xn--lb-via.example": {"https://xn--lb-via.example", "xn--lb-via.example", "xn--lb-via.example"},
	} {
		if got, err := ParseSite(u); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", u, got, err)
		}
	}
	for _, bad := range []string{
		"", "lab.example", "http://lab.example", "https://", "https://192.0.2.1", "https://[::1]:8080", "http://127.0.0.1:8080", "https://lab.example/x",
		"https://a@lab.example", "https://lab.example?x", "https://lab.example#x", "https://lab_1.example", "https://läb.example", "ftp://localhost",
		"https://1.2.3", "https://0x7f.0x1", "https://lab..example", "https:lab.example", "https://lab.example:99x", "https://lab.example?",
	} {
		if got, err := ParseSite(bad); err == nil {
			t.Errorf("%q was accepted: %+v", bad, got)
		}
	}
}

func TestHosts(t *testing.T) {
	local, public, port := mustSite(t, "http://localhost:8080"), mustSite(t, "https://lab.example"), mustSite(t, "https://lab.example:8443")
	for _, c := range []struct {
		site         Site
		method, host string
		target       string
		code         int
		location     string
	}{
		{local, "GET", "localhost:8080", "/x", 200, ""},
		{local, "GET", "LOCALHOST:8080", "/x", 200, ""},
		{local, "GET", "127.0.0.1:8080", "/x?a=%2F&b", 308, "http://localhost:8080/x?a=%2F&b"},
		{local, "HEAD", "[::1]:8080", "/", 308, "http://localhost:8080/"},
		{local, "POST", "127.0.0.1:8080", "/x", 421, ""},
		{local, "DELETE", "[::1]:8080", "/x", 421, ""},
		{local, "GET", "127.0.0.1:8081", "/x", 421, ""},
		{local, "GET", "127.0.0.1", "/x", 421, ""},
		{local, "GET", "127.0.0.1:8080.evil.example", "/x", 421, ""},
		{local, "GET", "evil.example", "/x", 421, ""},
		{local, "GET", "localhost", "/x", 421, ""},
		{local, "GET", "", "/x", 421, ""},
		{local, "GET", "127.0.0.1:8080", "//evil.example/x", 308, "http://localhost:8080//evil.example/x"},
		{local, "GET", "localhost:8080:8080", "/", 421, ""},
		{public, "GET", "lab.example", "/x", 200, ""},
		{public, "POST", "lab.example:443", "/x", 200, ""},
		{public, "GET", "lab.example:80", "/x", 421, ""},
		{public, "GET", "lab.example.evil.example", "/x", 421, ""},
		{public, "GET", "127.0.0.1:443", "/x", 421, ""},
		{public, "GET", "lab.example.", "/x", 421, ""},
		{port, "GET", "lab.example:8443", "/x", 200, ""},
		{port, "GET", "lab.example", "/x", 421, ""},
		{port, "GET", "lab.example:8443:443", "/x", 421, ""},
	} {
		h := c.site.Hosts(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		r := httptest.NewRequest(c.method, c.target, nil)
		r.Host = c.host
		r.Header.Set("X-Forwarded-Host", c.site.Host)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.code || w.Header().Get("Location") != c.location {
			t.Errorf("%s %s at %q: got %d %q, want %d %q", c.method, c.target, c.host, w.Code, w.Header().Get("Location"), c.code, c.location)
		}
		if strings.Contains(w.Body.String(), "evil") {
			t.Errorf("the answer repeats the host: %s", w.Body)
		}
	}
	// A request target that is no path must not become part of the host.
	for _, u := range []*url.URL{{Opaque: "@evil.example"}, {Path: ".evil.example"}, {Scheme: "http", Host: "evil.example"}, {Path: ""}} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL, r.Host = u, "127.0.0.1:8080"
		w := httptest.NewRecorder()
		local.Hosts(http.NotFoundHandler()).ServeHTTP(w, r)
		to, err := url.Parse(w.Header().Get("Location"))
		if err != nil || to.Host != "localhost:8080" || to.User != nil {
			t.Errorf("%+v: redirected to %q", u, w.Header().Get("Location"))
		}
	}
}

func TestLocal(t *testing.T) {
	for _, good := range []string{
		"/", "/x", "/x/", "/releases/abc?tab=1&u=http://x//y", "/a/b#c", "/search?q=%2F%2Fevil%0d", "/caf%C3%A9", "/100%25", "/a:b", "/x?y=/../z", "/@me",
	} {
		if got := Local(good); got != good {
			t.Errorf("%q became %q", good, got)
		}
	}
	for _, bad := range []string{
		"", "x", "//evil.example", "///evil", "/\\evil.example", "\\\\evil", "/\\/evil", "https:", "https://evil.example", "https:evil.example", "HTTPS:/evil",
		"javascript:alert(1)", "/%2fevil", "/%2F%2Fevil", "/%5cevil", "/%255Cevil", "/%252f%252fevil", "/%25252fevil", "/%2525252525252fevil",
		"/\t/evil", "/\n/evil", "\t//evil", " /x", "/x ", "/x\x00", "/%00", "/%0d%0aSet-Cookie:x", "/x\r\nLocation: y", "/..//evil", "/./x", "/a/../..//evil",
		"/%2e%2e/x", "/x//y", "/é", "/%zz", "/\x7f", "//", "/..", ".", "?x", "#x", "/a/%2e", "/" + strings.Repeat("a", maxLocal), "@evil.example", "/%", "/x?a=\\b", "/x#\\b",
	} {
		if got := Local(bad); got != "/" {
			t.Errorf("%q was let through", bad)
		}
	}
}

func FuzzLocal(f *testing.F) {
	for _, s := range []string{"/", "/x?y#z", "//evil", "/%2f%2fevil", "/\\evil", "/..//evil", "/%25%32%66evil"} {
		f.Add(s)
	}
	base := &url.URL{Scheme: "https", Host: "lab.example", Path: "/deep/page"}
	f.Fuzz(func(t *testing.T, s string) {
		got := Local(s)
		if Local(got) != got {
			t.Errorf("%q became %q, which is not local", s, got)
		}
		// Follow it as often as anybody may decode it.
		for range 6 {
			ref, err := url.Parse(got)
			if err != nil {
				break
			}
			to := base.ResolveReference(ref)
			if to.Host != base.Host || to.Scheme != base.Scheme || to.User != nil || strings.HasPrefix(to.Path, "//") || strings.ContainsAny(to.Path, "\\\r\n\t\x00") {
				t.Fatalf("%q leads to %q", s, to)
			}
			path, _, _ := strings.Cut(got, "?")
			path, _, _ = strings.Cut(path, "#")
			if got, err = url.PathUnescape(path); err != nil {
				break
			}
		}
	})
}

// sessions is a store of sessions in memory.
type sessions struct {
	live map[string]string // digest to person
	last NewSession
	err  error
}

func (s *sessions) Replace(_ context.Context, old []byte, n NewSession) error {
	if s.err != nil {
		return s.err
	}
	delete(s.live, string(old))
	s.live[string(n.Digest)], s.last = n.Person, n
	return nil
}

func (s *sessions) End(_ context.Context, digest []byte) error {
	delete(s.live, string(digest))
	return s.err
}

func TestSessionRotation(t *testing.T) {
	c := newClock()
	store := &sessions{live: map[string]string{}}
	planted, digest := NewSecret(Session) // an attacker signed in and gave the victim his cookie
	store.live[string(digest)] = "mallory"
	r := httptest.NewRequest(http.MethodPost, "/signin", nil)
	r.AddCookie(&http.Cookie{Name: string(SessionCookie), Value: planted})
	w := httptest.NewRecorder()
	if err := Start(t.Context(), w, r, store, "ann", "passkey", c.now(), time.Hour); err != nil {
		t.Fatal(err)
	}
	header := w.Header().Get("Set-Cookie")
	value, rest, _ := strings.Cut(strings.TrimPrefix(header, "__Host-probat="), ";")
	if rest != " Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax" {
		t.Errorf("the cookie is %q", header)
	}
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("the answer may be stored")
	}
	if _, ok := store.live[string(digest)]; ok || value == planted {
		t.Error("the planted session lives on")
	}
	now := httptest.NewRequest(http.MethodGet, "/", nil)
	now.AddCookie(&http.Cookie{Name: string(SessionCookie), Value: value})
	d := Presented(now)
	if store.live[string(d)] != "ann" || bytes.Contains(d, []byte(value)) {
		t.Errorf("the new cookie is %q's", store.live[string(d)])
	}
	if want := (NewSession{d, "ann", "passkey", c.now(), c.now().Add(time.Hour)}); !bytes.Equal(store.last.Digest, want.Digest) ||
		store.last.Person != "ann" || store.last.Method != "passkey" || !store.last.Expires.Equal(want.Expires) || !store.last.Begun.Equal(want.Begun) {
		t.Errorf("stored %+v, want %+v", store.last, want)
	}

	w = httptest.NewRecorder()
	if err := Stop(t.Context(), w, now, store); err != nil || len(store.live) != 0 || !strings.Contains(w.Header().Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("after signing out: %v, %d sessions, cookie %q", err, len(store.live), w.Header().Get("Set-Cookie"))
	}

	store.err = errors.New("disk full")
	w = httptest.NewRecorder()
	if err := Start(t.Context(), w, r, store, "ann", "passkey", c.now(), time.Hour); !errors.Is(err, store.err) || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("a session that was not stored: %v, cookie %q", err, w.Header().Get("Set-Cookie"))
	}
}

func TestPresented(t *testing.T) {
	text, _ := NewSecret(Session)
	token, _ := NewSecret(Token)
	for name, cookies := range map[string][]string{
		"none": nil, "two": {text, text}, "empty": {""}, "a token": {token}, "torn": {text[:40]},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for _, c := range cookies {
			r.AddCookie(&http.Cookie{Name: string(SessionCookie), Value: c})
		}
		if d := Presented(r); d != nil {
			t.Errorf("%s: got %x", name, d)
		}
	}
}

func TestClientAddr(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1:5": "192.0.2.1", "[::ffff:192.0.2.1]:5": "192.0.2.1", "[fe80::1%eth0]:5": "fe80::1", "@": "invalid IP", "": "invalid IP",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = in
		if got := ClientAddr(r).String(); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}
