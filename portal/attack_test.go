package portal_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/portal"
)

const service = "product: Operations\nkind: service\nperiod: 2026-Q4\nclasses: [network-product]\nschemes: [ts-33.117]\nartifacts: []\n"

// TestLinks: a one-time link makes one session, however often and by however many it is used, and none once it has ended.
func TestLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	vendor := w.party(access.Vendor, "Tarnwick Radio", "Rolf")
	secret := w.link(vendor.Person, time.Time{})
	for range 3 { // looking at it, as mail programs do, uses nothing up
		if r := w.do(nil, "GET", "/link/"+secret, nil); r.code != http.StatusOK || !strings.Contains(r.body, "Rolf") {
			t.Fatalf("looking at a link gives %d", r.code)
		}
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	cookies, codes := map[string]bool{}, map[int]int{}
	for range 20 {
		wait.Go(func() {
			r, err := w.try(t.Context(), nil, "POST", "/link", form{"link": secret})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			codes[r.code]++
			if c := r.session(); c != "" {
				cookies[c] = true
			}
		})
	}
	wait.Wait()
	if len(cookies) != 1 || codes[http.StatusSeeOther] != 1 || codes[http.StatusNotFound] != 19 {
		t.Errorf("20 at once made %d sessions: %v", len(cookies), codes)
	}
	for name, secret := range map[string]string{
		"used": secret, "expired": w.link(vendor.Person, time.Now().Add(-time.Second)), "cut": secret[:len(secret)-1], "nothing": "", "of another kind": w.token(vendor, access.ScopeAll),
	} {
		if r := w.do(nil, "POST", "/link", form{"link": secret}); r.code != http.StatusNotFound || r.session() != "" {
			t.Errorf("a link that is %s gives %d and the session %q", name, r.code, r.session())
		}
		if r := w.do(nil, "GET", "/link/"+secret, nil); r.code != http.StatusNotFound || strings.Contains(r.body, "Rolf") {
			t.Errorf("looking at a link that is %s gives %d", name, r.code)
		}
	}
	if r := w.do(nil, "GET", "/account", nil, "Authorization", "Bearer "+w.link(vendor.Person, time.Time{})); r.code != http.StatusSeeOther {
		t.Errorf("a link as a token gives %d", r.code)
	}
}

// TestFixation: a session that was planted before signing in is worth nothing after, and one that was made up is never taken.
func TestFixation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	attacker, victim := w.party(access.Vendor, "Rival", "Mallory"), w.party(access.Vendor, "Tarnwick Radio", "Rolf")
	madeUp := "probat_session_" + strings.Repeat("A", 43)
	for _, planted := range []string{attacker.cookie, madeUp} {
		r := w.do(&member{w: w, cookie: planted}, "POST", "/link", form{"link": w.link(victim.Person, time.Time{})})
		if got := r.session(); r.code != http.StatusSeeOther || got == "" || got == planted {
			t.Fatalf("with a planted session signing in gives %d and the session %q", r.code, got)
		}
		c := r.header.Get("Set-Cookie")
		for _, want := range []string{"Path=/", "HttpOnly", "Secure", "SameSite=Lax"} {
			if !strings.Contains(c, want) || strings.Contains(c, "Domain") {
				t.Errorf("the cookie is %q", c)
			}
		}
		if r := w.do(&member{w: w, cookie: planted}, "GET", "/api/v1/me", nil); r.code != http.StatusUnauthorized {
			t.Errorf("the planted session still gives %d: %s", r.code, r.body)
		}
	}
	two := sessionCookie + "=" + attacker.cookie + "; " + sessionCookie + "=" + victim.cookie
	if r := w.do(nil, "GET", "/api/v1/me", nil, "Cookie", two); r.code != http.StatusUnauthorized {
		t.Errorf("two cookies of one name give %d: %s", r.code, r.body)
	}
	if r := w.do(victim, "POST", "/signout", form{}); r.code != http.StatusSeeOther {
		t.Errorf("signing out gives %d", r.code)
	}
	if r := w.do(victim, "GET", "/api/v1/me", nil); r.code != http.StatusUnauthorized {
		t.Errorf("after signing out the session gives %d", r.code)
	}
}

// TestCrossSite: nothing that another site's page has a browser send does anything.
func TestCrossSite(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	vendor := w.party(access.Vendor, "Tarnwick Radio", "Rolf")
	release, _ := w.submit(vendor, desk.Submission{Declaration: service})
	ids := strings.NewReplacer("{release}", release.ID, "{release_id}", release.ID)
	acts := append(w.acts(), act{method: "POST", path: "/uploads/"}, act{method: "PATCH", path: "/uploads/" + release.ID}, act{method: "DELETE", path: "/uploads/" + release.ID})
	job, err := vendor.view().Jobs(t.Context(), release.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.wait(vendor, job[0])
	before := w.dump()
	for _, x := range acts {
		path := parameter.ReplaceAllString(ids.Replace(x.path), release.ID)
		for _, headers := range [][]string{
			{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
			{"Sec-Fetch-Site", "same-site"},
			{"Origin", "https://evil.example"},
			{"Origin", "null"},
			{"Origin", "http://localhost:8081"},
			{"Origin", "https://localhost:8080.evil.example"},
		} {
			if r := x.do(w, vendor, path, headers...); r.code != http.StatusForbidden || r.session() != "" {
				t.Errorf("%s with %v gives %d: %.200s", x, headers, r.code, r.body)
			}
		}
	}
	for _, s := range changed(before, w.dump()) {
		t.Errorf("after requests of another site: %s", s)
	}
	// And what the own page sends does something: the test above would pass where all is refused.
	for _, headers := range [][]string{{"Sec-Fetch-Site", "same-origin", "Origin", origin}, {"Origin", origin}, {}} {
		if r := w.do(vendor, "POST", "/api/v1/tokens", raw(`{"label":"x","scope":"read","days":1}`), headers...); r.code != http.StatusCreated {
			t.Errorf("the own page's request with %v gives %d: %s", headers, r.code, r.body)
		}
	}
}

// TestRedirects: no address of the portal leads away from it, and no Host header gets into what it says.
func TestRedirects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	vendor := w.party(access.Vendor, "Tarnwick Radio", "Rolf")
	w.password(vendor)
	for _, next := range []string{
		"https://evil.example/", "//evil.example", "/\\evil.example", "/%5cevil.example", "/%2f/evil.example", "\\\\evil.example", "javascript:alert(1)", "/..//evil.example", "/%09/evil.example", "/\t/evil.example", "http:evil.example", "///evil.example",
	} {
		r := w.do(nil, "GET", "/signin?next="+strings.NewReplacer("%", "%25", "\\", "%5C", "\t", "%09", ":", "%3A").Replace(next), nil)
		if strings.Contains(r.body, "evil.example") || strings.Contains(r.body, "javascript:") {
			t.Errorf("the page to sign in repeats %q", next)
		}
		r = w.do(nil, "POST", "/signin", form{"login": w.login(vendor), "password": secretWords, "next": next})
		if to := r.header.Get("Location"); r.code != http.StatusSeeOther || to != "/" {
			t.Errorf("next=%q leads to %q (%d)", next, to, r.code)
		}
	}
	r := w.do(nil, "POST", "/signin", form{"login": w.login(vendor), "password": secretWords, "next": "/products?after=1"})
	if to := r.header.Get("Location"); to != "/products?after=1" {
		t.Errorf("an honest next leads to %q", to)
	}
	for _, path := range []string{"//evil.example/products", "/%2e%2e//evil.example", "/products//evil.example", "/\\evil.example"} {
		if to := w.do(nil, "GET", path, nil).header.Get("Location"); strings.HasPrefix(to, "//") || strings.HasPrefix(to, "http://evil") || strings.HasPrefix(to, "/\\") {
			t.Errorf("%s leads to %q", path, to)
		}
	}
	for _, host := range []string{"evil.example", "evil.example:8080", "localhost:8080.evil.example", "localhost", "localhost:80", "[::2]:8080", ""} {
		for _, path := range []string{"/signin", "/api/v1/openapi.json", "/link/x", "/lab.trust"} {
			r := w.do(vendor, "GET", path, nil, "Host", cmpOr(host, "-"), "X-Forwarded-Host", "evil.example")
			if r.code != http.StatusMisdirectedRequest || strings.Contains(r.body+fmt.Sprint(r.header), "evil.example") {
				t.Errorf("the Host %q gives %d at %s: %.200s", host, r.code, path, r.body)
			}
		}
	}
	if r := w.do(vendor, "GET", "/register", nil, "X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example"); r.code != http.StatusOK || strings.Contains(r.body, "evil.example") {
		t.Errorf("X-Forwarded-Host gets into a page (%d)", r.code)
	}
	if r := w.do(nil, "GET", "/products?x=%2F", nil, "Host", "127.0.0.1:8080"); r.code != http.StatusPermanentRedirect || r.header.Get("Location") != origin+"/products?x=%2F" {
		t.Errorf("127.0.0.1 leads to %q (%d)", r.header.Get("Location"), r.code)
	}
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

const secretWords = "correct horse battery staple"

func (w *world) password(m *member) {
	w.t.Helper()
	if r := w.do(m, "POST", "/account/password", form{"password": secretWords}); r.code != http.StatusSeeOther {
		w.t.Fatalf("setting a password gives %d: %s", r.code, r.body)
	}
}

// login is by what somebody signs in with a password.
func (w *world) login(m *member) string {
	w.t.Helper()
	p, err := w.desk.Person(w.t.Context(), m.Person)
	if err != nil {
		w.t.Fatal(err)
	}
	return p.Login
}

// TestThrottle: guessing a password is slowed down, also for the right one, and says when to come back.
func TestThrottle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	vendor := w.party(access.Vendor, "Tarnwick Radio", "Rolf")
	w.password(vendor)
	refused := 0
	for i := range 9 {
		r := w.do(nil, "POST", "/signin", form{"login": w.login(vendor), "password": fmt.Sprint("wrong horse battery ", i)})
		switch {
		case r.session() != "" || r.code < 400:
			t.Fatalf("a wrong password gives %d", r.code)
		case r.code == http.StatusTooManyRequests:
			refused++
			if n, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || n < 1 {
				t.Errorf("Retry-After is %q", r.header.Get("Retry-After"))
			}
		case strings.Contains(r.body, "wrong horse"):
			t.Error("the page repeats the password")
		}
	}
	if refused == 0 {
		t.Error("nine wrong passwords in a row were all looked at")
	}
	if r := w.do(nil, "POST", "/signin", form{"login": w.login(vendor), "password": secretWords}); r.code != http.StatusTooManyRequests {
		t.Errorf("the right password right after gives %d", r.code)
	}
	known, stranger := w.do(nil, "POST", "/signin", form{"login": "nobody-of-that-name", "password": "wrong"}), w.do(nil, "POST", "/signin", form{"login": "somebody-else", "password": "wrong"})
	if known.code != stranger.code || known.code != http.StatusForbidden {
		t.Errorf("logins that do not exist give %d and %d", known.code, stranger.code)
	}
	if strings.Contains(w.log.String(), secretWords) {
		t.Error("the log has a password")
	}
}

// TestRates: one person's requests are bounded, and who is refused learns until when.
func TestRates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *portal.Config) { c.Person = 2 })
	vendor, other := w.party(access.Vendor, "Tarnwick Radio", "Rolf"), w.party(access.Vendor, "Rival", "Mallory")
	for _, path := range []string{"/api/v1/me", "/account"} {
		refused := false
		for range 30 {
			r := w.do(vendor, "GET", path, nil)
			if r.code != http.StatusTooManyRequests {
				continue
			}
			refused = true
			if n, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || n < 1 {
				t.Errorf("%s: Retry-After is %q", path, r.header.Get("Retry-After"))
			}
			break
		}
		if !refused {
			t.Errorf("30 requests at once for %s were all answered", path)
		}
	}
	if r := w.do(other, "GET", "/api/v1/me", nil); r.code != http.StatusOK {
		t.Errorf("another person is refused with them: %d", r.code)
	}
}

// TestOnce: requests that race with one key make one object.
func TestOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	vendor := w.party(access.Vendor, "Tarnwick Radio", "Rolf")
	body, err := json.Marshal(map[string]string{"declaration": service})
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	releases, codes := map[string]bool{}, map[int]int{}
	ask := func() {
		r, err := w.try(t.Context(), vendor, "POST", "/api/v1/releases", raw(body), "Idempotency-Key", "once")
		if err != nil {
			t.Error(err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		codes[r.code]++
		var x struct{ Release struct{ ID string } }
		if r.code == http.StatusCreated && json.Unmarshal([]byte(r.body), &x) == nil {
			releases[x.Release.ID] = true
		}
	}
	for range 4 {
		wait.Go(ask)
	}
	wait.Wait()
	ask() // and once more, later: the answer of the first time
	if len(releases) != 1 || codes[http.StatusCreated] < 2 || codes[http.StatusCreated]+codes[http.StatusConflict] != 5 {
		t.Errorf("%d releases: %v", len(releases), codes)
	}
	if _, total, err := vendor.view().Releases(t.Context(), "", onePage); err != nil || total != 1 {
		t.Errorf("there are %d releases (%v)", total, err)
	}
	if r := w.do(vendor, "POST", "/api/v1/releases", raw(body), "Idempotency-Key", strings.Repeat("x", 300)); r.code != http.StatusUnprocessableEntity {
		t.Errorf("a long key gives %d", r.code)
	}
}

// TestElevation ends by itself, and the owner sees that it was, by whom and why.
func TestElevation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	vendor, admin := w.party(access.Vendor, "Tarnwick Radio", "Rolf"), w.colleague(nil, "Ada", access.Admin)
	evaluator := w.colleague(nil, "Emil", access.Member)
	release, _ := w.submit(vendor, desk.Submission{Declaration: service})
	at := "/api/v1/releases/" + release.ID
	level := func(m *member) string {
		var x struct{ Level string }
		r := w.do(m, "GET", at, nil)
		if r.code != http.StatusOK || json.Unmarshal([]byte(r.body), &x) != nil {
			return fmt.Sprint(r.code)
		}
		return x.Level
	}
	if got := level(admin) + " " + level(evaluator); got != "summary 404" {
		t.Fatalf("the lab's admin and evaluator see %s before", got)
	}
	if r := w.do(evaluator, "POST", at+"/elevation", raw(`{"reason":"curious","hours":1}`)); r.code != http.StatusNotFound {
		t.Errorf("an evaluator elevates himself: %d", r.code)
	}
	for _, body := range []string{`{"reason":"","hours":1}`, `{"reason":"x","hours":9}`, `{"reason":"x","hours":0}`} {
		if r := w.do(admin, "POST", at+"/elevation", raw(body)); r.code != http.StatusUnprocessableEntity {
			t.Errorf("elevation with %s gives %d", body, r.code)
		}
	}
	const reason = "a customer reports that it burns"
	if r := w.do(admin, "POST", at+"/elevation", raw(`{"reason":"`+reason+`","hours":1}`)); r.code != http.StatusCreated {
		t.Fatalf("elevation gives %d: %s", r.code, r.body)
	}
	if got := level(admin); got != "whole" {
		t.Errorf("elevated, one sees %s", got)
	}
	told := func(when string) {
		t.Helper()
		page, api := w.do(vendor, "GET", "/releases/"+release.ID, nil), w.do(vendor, "GET", at+"/assignments", nil)
		if !strings.Contains(page.body, reason) || !strings.Contains(page.body, "Ada") || !strings.Contains(api.body, reason) {
			t.Errorf("%s the owner is not told: %s", when, api.body)
		}
	}
	told("while it lasts")
	w.ahead.Store(int64(59 * time.Minute))
	if got := level(admin); got != "whole" {
		t.Errorf("after 59 minutes one sees %s", got)
	}
	w.ahead.Store(int64(61 * time.Minute))
	if got := level(admin); got != "summary" {
		t.Errorf("after 61 minutes one sees %s", got)
	}
	told("afterwards")
}

// TestOversized: what is larger than it may be is refused, and not by an error of the server's.
func TestOversized(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	vendor := w.party(access.Vendor, "Tarnwick Radio", "Rolf")
	before := w.dump()
	large := raw(`{"declaration":"` + strings.Repeat("x", 5<<20) + `"}`)
	if r, err := w.try(t.Context(), vendor, "POST", "/api/v1/releases", large); err == nil && r.code != http.StatusRequestEntityTooLarge {
		t.Errorf("5 MiB of JSON give %d", r.code)
	}
	if r := w.do(vendor, "POST", "/api/v1/releases", raw(`{"declaration":"`+strings.Repeat("x", 2<<20)+`"}`)); r.code != http.StatusUnprocessableEntity {
		t.Errorf("a declaration of 2 MiB gives %d", r.code)
	}
	if r, err := w.try(t.Context(), vendor, "POST", "/account/password", io.LimitReader(zeros{}, 80<<20), "Content-Type", "application/x-www-form-urlencoded"); err == nil && r.code < 400 {
		t.Errorf("a form of 80 MiB gives %d", r.code)
	}
	if r := w.do(vendor, "POST", "/api/v1/releases", raw(strings.Repeat("[", 1<<20))); r.code != 422 && r.code != 400 {
		t.Errorf("a million brackets give %d", r.code)
	}
	if r := w.do(vendor, "GET", "/search?q="+strings.Repeat("x", 10_000), nil); r.code != http.StatusOK {
		t.Errorf("a long search gives %d", r.code)
	}
	if r := w.do(vendor, "POST", "/uploads/", nil, "Tus-Resumable", "1.0.0", "Upload-Length", fmt.Sprint(int64(1)<<60)); r.code != http.StatusRequestEntityTooLarge {
		t.Errorf("an upload of 2^60 bytes gives %d: %s", r.code, r.body)
	}
	for _, s := range changed(before, w.dump()) {
		t.Errorf("after requests that are too large: %s", s)
	}
	w.half(vendor)
}

// half sends half of a request and goes.
func (w *world) half(m *member) {
	w.t.Helper()
	before := w.dump()
	conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close()
	head := "POST /api/v1/tokens HTTP/1.1\r\nHost: localhost:8080\r\nCookie: " + sessionCookie + "=" + m.cookie + "\r\nContent-Type: application/json\r\n"
	if _, err := io.WriteString(conn, head+"Content-Length: 100\r\n\r\n{\"label\":\"x\",\"scope\":\"all\",\"days\":1}"); err != nil {
		w.t.Fatal(err)
	}
	if tcp, ok := conn.(*net.TCPConn); !ok || tcp.CloseWrite() != nil {
		w.t.Fatal("closing half of a connection")
	}
	answer, _ := io.ReadAll(conn) // none is as good as a refusal
	if strings.HasPrefix(string(answer), "HTTP/1.1 2") {
		w.t.Errorf("half a request is answered with %s", answer)
	}
	for _, s := range changed(before, w.dump()) {
		w.t.Errorf("after half a request: %s", s)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// TestBombs: what unfolds to more than it may is refused as a declaration, kept unopened as evidence, and bounded as an artifact.
func TestBombs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	vendor := w.party(access.Vendor, "Tarnwick Radio", "Rolf")
	laughs := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		laughs += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	deep := "product: " + strings.Repeat("[", 50_000) + "\n"
	before, begun := w.dump(), time.Now()
	for name, text := range map[string]string{
		"aliases": laughs, "depth": deep, "merge": "a: &a {x: 1}\nb: {<<: *a}\n", "a tag": "product: !!python/object:os.system x\n", "two documents": service + "---\n" + service, "bytes": string(bomb(t, 1<<20)), "NUL": "product: \x00\n",
	} {
		b, err := json.Marshal(map[string]string{"declaration": text})
		if err != nil {
			t.Fatal(err)
		}
		if r := w.do(vendor, "POST", "/api/v1/releases", raw(b)); r.code != http.StatusUnprocessableEntity || !json.Valid([]byte(r.body)) {
			t.Errorf("a declaration of %s gives %d: %.300s", name, r.code, r.body)
		}
		if r := w.do(vendor, "POST", "/submit", form{"declaration": text}); r.code != http.StatusUnprocessableEntity {
			t.Errorf("on the page it gives %d", r.code)
		}
	}
	if took := time.Since(begun); took > 40*time.Second {
		t.Errorf("refusing them took %v", took)
	}
	for _, s := range changed(before, w.dump()) {
		t.Errorf("after they were refused: %s", s)
	}
	upload := w.put(vendor, "bomb.gz", bomb(t, 64<<20))
	release, job := w.submit(vendor, desk.Submission{Product: "Bomb", Version: "1", Files: []desk.SubmittedFile{{Upload: upload}}})
	w.do(vendor, "GET", "/evaluations/"+job.ID+"/events", nil) // to its end, whichever
	if r := w.do(vendor, "GET", "/releases/"+release.ID, nil); r.code != http.StatusOK {
		t.Errorf("the page of a bomb gives %d", r.code)
	}
	j, err := vendor.view().Job(t.Context(), job.ID)
	if err != nil || j.State != "done" && j.State != "failed" {
		t.Errorf("the job is %q: %v", j.State, err)
	}
	left, err := filepath.Glob(filepath.Join(w.desk.Lab.Dir, ".work-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// bomb is a gzip of zeros.
func bomb(t testing.TB, size int64) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.CopyN(z, zeros{}, size); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
