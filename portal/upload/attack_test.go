package upload_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/blob/vault"
	"github.com/probat-lab/probat/portal/upload"
)

// fullStore has no space left while full.
type fullStore struct {
	blob.Store
	full bool
}

// Put implements blob.Store.
func (s *fullStore) Put(ctx context.Context, name string, data []byte) error {
	if s.full {
		return fmt.Errorf("writing %q: %w", name, blob.ErrFull)
	}
	return s.Store.Put(ctx, name, data)
}

// TestOtherParty: another party's upload looks exactly like none, whatever is asked of it, and is not disturbed.
func TestOtherParty(t *testing.T) {
	p := newPlace(t, nil)
	path := p.create(6, metadata("filename", "secret-name")...)
	p.patch(path, 0, []byte("abc"))
	none := "/uploads/" + strings.Repeat("a", 26)
	for _, try := range []struct {
		method  string
		headers []string
	}{{"HEAD", nil}, {"DELETE", nil}, {"PATCH", at(3)}, {"PATCH", at(0)}, {"PATCH", nil}, {"DELETE", []string{"Tus-Resumable", "9"}}} {
		headers := append([]string{"Test-Party", "rival"}, try.headers...)
		foreign := p.want(404, try.method, path, strings.NewReader("def"), headers...)
		nothing := p.want(404, try.method, none, strings.NewReader("def"), headers...)
		foreign.Header.Del("Date")
		nothing.Header.Del("Date")
		if foreign.body != nothing.body || fmt.Sprint(foreign.Header) != fmt.Sprint(nothing.Header) {
			t.Errorf("%s tells them apart: %q %v, %q %v", try.method, foreign.body, foreign.Header, nothing.body, nothing.Header)
		}
	}
	p.want(401, "HEAD", path, nil, "Test-Party", "")
	p.want(401, "POST", "/uploads/", nil, "Test-Party", "", "Upload-Length", "3")
	p.patch(path, 3, []byte("def"))
	p.whole(path, []byte("abcdef"))
}

// TestNotInterruptedByForeigners: tus takes the lock before it looks whose the upload is; a stranger must not come so far.
func TestNotInterruptedByForeigners(t *testing.T) {
	p := newPlace(t, nil)
	path := p.create(6)
	c := p.dial(path, 0, 6, "abc")
	for range 3 {
		p.want(404, "HEAD", path, nil, "Test-Party", "rival")
		p.want(404, "DELETE", path, nil, "Test-Party", "rival")
	}
	fmt.Fprint(c, "def")
	if status := answered(t, c); status != 204 {
		t.Errorf("the upload was disturbed: %d", status)
	}
	p.whole(path, []byte("abcdef"))
}

// dial sends the head of a PATCH and some of its body on a connection of its own.
func (p *place) dial(path string, offset, length int, body string) net.Conn {
	p.t.Helper()
	c, err := (&net.Dialer{}).DialContext(p.t.Context(), "tcp", strings.TrimPrefix(p.server.URL, "http://"))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { c.Close() })
	if _, err := fmt.Fprintf(c, "PATCH %s HTTP/1.1\r\nHost: lab\r\nTus-Resumable: 1.0.0\r\nTest-Party: acme\r\nContent-Type: application/offset+octet-stream\r\n"+
		"Upload-Offset: %d\r\nContent-Length: %d\r\n\r\n%s", path, offset, length, body); err != nil {
		p.t.Fatal(err)
	}
	return c
}

// answered waits for the status of the answer; 0 is an error.
func answered(t *testing.T, c net.Conn) int {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer res.Body.Close()
	return res.StatusCode
}

// TestSilentClient: a client that sends nothing more is left after Silent, and what it sent is kept.
func TestSilentClient(t *testing.T) {
	p := newPlace(t, func(c *upload.Config) { c.Silent = 100 * time.Millisecond })
	path := p.create(6)
	c := p.dial(path, 0, 6, "abc")
	if status := answered(t, c); status != 500 {
		t.Errorf("got %d", status)
	}
	if got := p.offset(path); got != 3 {
		t.Errorf("kept %d bytes, want 3", got)
	}
	p.patch(path, 3, []byte("def"))
	p.whole(path, []byte("abcdef"))
}

// TestDrippingClient: a client that sends a byte now and then is left after Longest.
func TestDrippingClient(t *testing.T) {
	p := newPlace(t, func(c *upload.Config) { c.Silent, c.Longest = 5*time.Second, 300*time.Millisecond })
	path := p.create(100000)
	c := p.dial(path, 0, 100000, "")
	start := time.Now()
	sent := 0
	for range time.Tick(5 * time.Millisecond) {
		if _, err := c.Write([]byte("x")); err != nil || time.Since(start) > 4*time.Second {
			break
		}
		sent++
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("it could go on for %v", took)
	}
	if got := p.offset(path); got == 0 || got > sent {
		t.Errorf("kept %d bytes of %d", got, sent)
	}
}

// TestSecondConnection: the client comes again while its first connection hangs, and need not wait for it to time out.
func TestSecondConnection(t *testing.T) {
	p := newPlace(t, func(c *upload.Config) { c.Silent = time.Minute })
	path := p.create(6)
	hanging := p.dial(path, 0, 6, "abc")
	for p.rows.All()[0].Offset == 0 && p.offset(path) == 0 { // until the hanging one had the lock
		hanging.Close()
		hanging = p.dial(path, 0, 6, "abc")
	}
	p.patch(path, 3, []byte("def"))
	p.whole(path, []byte("abcdef"))
	if err := p.failed(); err != nil {
		t.Error(err)
	}
}

// TestInterrupt: a server that shuts down keeps what has come.
func TestInterrupt(t *testing.T) {
	p := newPlace(t, func(c *upload.Config) { c.Silent = time.Minute })
	path := p.create(6)
	c := p.dial(path, 0, 6, "abc")
	status := make(chan int)
	go func() { status <- answered(t, c) }()
	for {
		p.upload.Interrupt() // again and again: the request may not have begun
		select {
		case got := <-status:
			if got != 500 {
				t.Errorf("got %d", got)
			}
		case <-time.After(time.Millisecond):
			continue
		}
		break
	}
	if got := p.offset(path); got != 0 && got != 3 {
		t.Errorf("kept %d bytes", got)
	}
}

// TestPaths: no trick in the place of an ID leads anywhere.
func TestPaths(t *testing.T) {
	p := newPlace(t, nil)
	id := strings.TrimPrefix(p.create(3), "/uploads/")
	for _, trick := range []string{
		"..", "../uploads/" + id, "..%2f" + id, id + "/", id + "/..", "%2e%2e", id + "%00", id + "%2f", strings.ToUpper(id), id[:25], id + "a", "/" + id, "./" + id,
		id + ".info", "%2fetc%2fpasswd", "vault", id + ";a", id + "+" + id,
	} {
		for _, method := range []string{"HEAD", "PATCH", "DELETE"} {
			r, err := http.NewRequestWithContext(t.Context(), method, p.server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			path, err := url.PathUnescape("/uploads/" + trick)
			if err != nil {
				t.Fatal(err)
			}
			r.URL.Path, r.URL.RawPath = path, "/uploads/"+trick
			r.Header.Set("Tus-Resumable", "1.0.0")
			r.Header.Set("Test-Party", "acme")
			r.Header.Set("Upload-Offset", "0")
			r.Header.Set(piece[0], piece[1])
			client := *p.server.Client()
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			res, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			// The mux cleans some of them, by sending the client elsewhere on this server.
			if to, _ := res.Location(); res.StatusCode != 404 && res.StatusCode != 405 && (to == nil || "http://"+to.Host != p.server.URL) {
				t.Errorf("%s %q: %d", method, trick, res.StatusCode)
			}
		}
	}
	if all := p.rows.All(); len(all) != 1 || all[0].Offset != 0 {
		t.Errorf("rows: %+v", all)
	}
}

// TestLabels: a file's name is a label, whatever it is.
func TestLabels(t *testing.T) {
	p := newPlace(t, func(c *upload.Config) { c.Quota.Uploads = 100 })
	for name, want := range map[string]string{
		"a.bin": "a.bin", "../../etc/passwd": "passwd", `C:\fw\a b.bin`: "a b.bin", "/": "", "..": "", "a/..": "", ".": "", "": "", "a\x00b\r\nc": "abc",
		"ünï ☃.bin": "ünï ☃.bin", "evil\u202egnp.exe": "evilgnp.exe", "a\xff\xfeb": "ab", "<script>alert(1)</script>": "script>", "  x  ": "x",
		strings.Repeat("ä", 300): strings.Repeat("ä", 100), ".profile": ".profile", "\u200b": "",
	} {
		path := p.create(3, metadata("filename", name)...)
		u, err := p.rows.Get(t.Context(), "acme", strings.TrimPrefix(path, "/uploads/"))
		if err != nil || u.Label != want {
			t.Errorf("%q: got %q, %v; want %q", name, u.Label, err, want)
		}
		p.want(200, "HEAD", path, nil)
		p.want(204, "DELETE", path, nil)
	}
	p.create(3, metadata("name", "by another key")...)
	p.create(3, "Upload-Metadata", "filename not-base64!, , x y z, ")
	if got := p.rows.All()[0].Label + p.rows.All()[1].Label; got != "by another key" {
		t.Errorf("labels: %q", got)
	}
	p.want(431, "POST", "/uploads/", nil, "Upload-Length", "3", "Upload-Metadata", "a "+strings.Repeat("A", 5000))
}

// TestMethodOverride: a POST is a POST.
func TestMethodOverride(t *testing.T) {
	p := newPlace(t, nil)
	path := p.create(3)
	p.want(405, "POST", path, nil, "X-HTTP-Method-Override", "DELETE")
	p.want(201, "POST", "/uploads/", nil, "X-HTTP-Method-Override", "DELETE", "Upload-Length", "3")
	if n := len(p.rows.All()); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

func TestQuota(t *testing.T) {
	p := newPlace(t, nil)
	one := p.create(30 << 20)
	p.create(20 << 20)
	p.want(429, "POST", "/uploads/", nil, "Upload-Length", strconv.Itoa(10<<20+1))
	p.create(1)
	p.want(429, "POST", "/uploads/", nil, "Upload-Length", "1")
	p.want(201, "POST", "/uploads/", nil, "Upload-Length", "1", "Test-Party", "rival")
	p.want(204, "DELETE", one, nil)
	p.want(404, "HEAD", one, nil)
	p.create(1)
	if err := p.failed(); err != nil {
		t.Errorf("a quota is no failure of ours: %v", err)
	}
}

// TestTermination: what is terminated leaves nothing in the store, half or complete.
func TestTermination(t *testing.T) {
	p := newPlace(t, nil)
	for _, n := range []int{0, 9 << 20, 10 << 20} {
		path := p.create(10 << 20)
		if n > 0 {
			p.patch(path, 0, content(10 << 20)[:n])
		}
		res := p.want(204, "DELETE", path, nil)
		if res.Header.Get("Upload-Expires") != "" {
			t.Error("what is gone expires")
		}
		p.want(404, "DELETE", path, nil)
		if left := p.stored(); left > 0 || len(p.rows.All()) > 0 {
			t.Errorf("after %d bytes: %d left in the store", n, left)
		}
	}
}

// TestExpiry: what nobody goes on with expires; each piece puts it off; purging leaves nothing.
func TestExpiry(t *testing.T) {
	p := newPlace(t, nil)
	idle, active, complete := p.create(6), p.create(6), p.create(3)
	p.patch(idle, 0, []byte("abc"))
	p.patch(complete, 0, []byte("abc"))
	p.pass(40 * time.Minute)
	p.patch(active, 0, []byte("abc"))
	p.pass(40 * time.Minute)
	for _, path := range []string{idle, complete} {
		p.want(404, "HEAD", path, nil)
		p.want(404, "PATCH", path, strings.NewReader("def"), at(3)...)
	}
	if got, want := p.want(200, "HEAD", active, nil).Header.Get("Upload-Expires"), "Tue, 24 Nov 2026 13:40:00 GMT"; got != want {
		t.Errorf("expires: got %q, want %q", got, want)
	}
	for i, want := range []int{1, 1, 0} { // one at a time
		if n, err := p.upload.Purge(t.Context(), 1); n != want || err != nil {
			t.Errorf("purge %d: %d, %v; want %d", i, n, err, want)
		}
	}
	if n := p.stored(); n != 1 || len(p.rows.All()) != 1 {
		t.Errorf("%d stored, %d rows; want those of the active one", n, len(p.rows.All()))
	}
	p.patch(active, 3, []byte("def"))
	p.whole(active, []byte("abcdef"))
}

// TestPurgeAndRevived: a piece that comes between the list of what has expired and its removal saves the upload.
func TestPurgeAndRevived(t *testing.T) {
	p := newPlace(t, nil)
	path := p.create(6)
	p.patch(path, 0, []byte("abc"))
	u := p.rows.All()[0]
	p.pass(2 * time.Hour)
	stale := staleRows{Uploads: p.rows, expired: []upload.Upload{u}}
	config := upload.Config{
		Base: "/uploads/", Vault: p.vault, Uploads: stale, Most: 9, Quota: upload.Quota{Uploads: 1, Bytes: 9}, Idle: 1, Silent: 1, Longest: 1,
		Now: func() time.Time { return p.now },
	}
	h, err := upload.New(config)
	if err != nil {
		t.Fatal(err)
	}
	revived := u
	revived.Expires = u.Expires.Add(24 * time.Hour)
	if err := p.rows.Save(t.Context(), 3, revived); err != nil {
		t.Fatal(err)
	}
	if n, err := h.Purge(t.Context(), 9); n != 0 || err != nil {
		t.Errorf("purged %d, %v", n, err)
	}
	p.patch(path, 3, []byte("def"))
	p.whole(path, []byte("abcdef"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Purge(ctx, 9); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
}

// staleRows gives an old list of what has expired.
type staleRows struct {
	upload.Uploads
	expired []upload.Upload
}

// Expired implements upload.Uploads.
func (s staleRows) Expired(context.Context, time.Time, int) ([]upload.Upload, error) {
	return s.expired, nil
}

// TestSealed: neither the plain bytes nor the file's name are in the store or in the state, half-way or complete.
func TestSealed(t *testing.T) {
	p := newPlace(t, nil)
	plain := strings.Repeat("canary giraffe ", 1<<20)
	path := p.create(len(plain), metadata("filename", "canary-name")...)
	p.patch(path, 0, []byte(plain[:9<<20]))
	looked := 0
	look := func() {
		for name, err := range p.store.List(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			data, err := p.store.Get(t.Context(), name, 1<<30)
			if err != nil || strings.Contains(name+string(data), "canary") || strings.Contains(string(data), "giraffe") {
				t.Errorf("%s: %v, or a canary", name, err)
			}
			looked++
		}
		if strings.Contains(string(p.rows.All()[0].State), "giraffe") {
			t.Error("a canary in the state")
		}
	}
	look()
	p.patch(path, 9<<20, []byte(plain[9<<20:]))
	look()
	if looked < 4 {
		t.Errorf("only %d objects were looked at", looked)
	}
	// The state is good for its upload and its party only.
	other := p.create(5)
	u := p.rows.All()
	states := map[string][]byte{}
	for _, row := range u {
		states["/uploads/"+row.ID] = row.State
	}
	if _, err := p.vault.Append(t.Context(), "rival", strings.TrimPrefix(other, "/uploads/"), states[other]); !errors.Is(err, vault.ErrKey) {
		t.Errorf("another party's state: %v", err)
	}
}
