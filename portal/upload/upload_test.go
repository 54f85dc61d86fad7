package upload_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/blob/vault"
	"github.com/probat-lab/probat/portal/upload"
	"github.com/probat-lab/probat/portal/upload/uploadtest"
)

func TestMemory(t *testing.T) {
	uploadtest.Run(t, func(*testing.T) upload.Uploads { return uploadtest.NewMemory() })
}

// TestPieces: an upload in pieces, the program started again between them; a release claims it.
func TestPieces(t *testing.T) {
	p := newPlace(t, nil)
	plain := content(20<<20 + 17)
	path := p.create(len(plain), metadata("filename", "router 1.2.bin")...)
	offset := 0
	for _, n := range []int{1, 100, 3 << 20, 9 << 20, len(plain)} {
		n = min(n, len(plain)-offset)
		p.patch(path, offset, plain[offset:offset+n])
		offset += n
		p.start()
		if got := p.offset(path); got != offset {
			t.Fatalf("after %d bytes: %d", offset, got)
		}
	}
	p.whole(path, plain)
	res := p.want(200, "HEAD", path, nil)
	if got, want := res.Header.Get("Upload-Metadata"), metadata("filename", "router 1.2.bin")[1]; got != want {
		t.Errorf("metadata: got %q, want %q", got, want)
	}
	if got := res.Header.Get("Upload-Length"); got != strconv.Itoa(len(plain)) {
		t.Errorf("length: %s", got)
	}
	u := p.rows.All()[0]
	if u.Owner != (upload.Owner{Party: "acme", Person: "ann"}) || u.Label != "router 1.2.bin" {
		t.Errorf("the row: %+v", u)
	}
	wrapped, err := p.vault.WrapRelease("r1", vault.NewReleaseKey())
	if err != nil {
		t.Fatal(err)
	}
	k, err := p.vault.Release("r1", wrapped)
	if err != nil {
		t.Fatal(err)
	}
	ref, err := k.Adopt(t.Context(), p.vault.Upload(u.ID), *u.Ref)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.Get(t.Context(), ref, 1<<30); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("claimed: %d bytes, %v", len(got), err)
	}
	// The last piece again, as a client does whose answer was lost: nothing is added.
	p.patch(path, len(plain), nil)
	p.want(409, "PATCH", path, bytes.NewReader(plain[offset-10:]), at(len(plain)-10)...)
	p.whole(path, plain)
	if err := p.failed(); err != nil {
		t.Error(err)
	}
}

// TestDiscovery: what OPTIONS says, and that nothing more is offered.
func TestDiscovery(t *testing.T) {
	p := newPlace(t, nil)
	res := p.want(200, "OPTIONS", "/uploads/", nil, "Origin", "https://elsewhere.example")
	for name, want := range map[string]string{
		"Tus-Version": "1.0.0", "Tus-Extension": "creation,creation-with-upload,termination,expiration", "Tus-Max-Size": strconv.Itoa(40 << 20),
		"Access-Control-Allow-Origin": "", "Cache-Control": "no-store",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	path := p.create(3)
	p.patch(path, 0, []byte("abc"))
	p.want(405, "GET", path, nil)
	p.want(405, "PUT", path, nil)
	p.want(405, "POST", path, nil)
	p.want(405, "GET", "/uploads/", nil)
	p.want(412, "PATCH", path, nil, append(at(3), "Tus-Resumable", "0.2.0")...)
}

// TestLocation: the answer leads where we are mounted, whatever host the client says.
func TestLocation(t *testing.T) {
	p := newPlace(t, nil)
	r, err := http.NewRequestWithContext(t.Context(), "POST", p.server.URL+"/uploads/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Tus-Resumable": "1.0.0", "Test-Party": "acme", "Upload-Length": "5", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example",
	} {
		r.Header.Set(name, value)
	}
	r.Host = "evil.example"
	res, err := p.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	location := res.Header.Get("Location")
	if want := "/uploads/" + p.rows.All()[0].ID; location != want {
		t.Errorf("got %q, want %q", location, want)
	}
	if got, want := res.Header.Get("Upload-Expires"), "Tue, 24 Nov 2026 13:00:00 GMT"; got != want {
		t.Errorf("expires: got %q, want %q", got, want)
	}
}

func TestCreationWithUpload(t *testing.T) {
	p := newPlace(t, nil)
	plain := content(1 << 20)
	res := p.want(201, "POST", "/uploads/", bytes.NewReader(plain[:1000]), append([]string{"Upload-Length", strconv.Itoa(len(plain))}, piece...)...)
	if got := res.Header.Get("Upload-Offset"); got != "1000" {
		t.Errorf("offset: %s", got)
	}
	path := res.Header.Get("Location")
	p.patch(path, 1000, plain[1000:])
	p.whole(path, plain)
}

// TestWrongOffset: an offset that is not where we are is refused, and nothing is added.
func TestWrongOffset(t *testing.T) {
	p := newPlace(t, nil)
	path := p.create(10)
	p.patch(path, 0, []byte("01234"))
	for _, offset := range []int{0, 4, 6, 10, 11, 1 << 40} {
		p.want(409, "PATCH", path, strings.NewReader("x"), at(offset)...)
	}
	for _, offset := range []string{"", "-1", "x", "5.0", "99999999999999999999"} {
		p.want(400, "PATCH", path, strings.NewReader("x"), append([]string{"Upload-Offset", offset}, piece...)...)
	}
	p.want(400, "PATCH", path, strings.NewReader("x"), "Upload-Offset", "5")
	p.patch(path, 5, []byte("56789"))
	p.whole(path, []byte("0123456789"))
}

// TestOversize: more than was said, or said to be more than allowed.
func TestOversize(t *testing.T) {
	p := newPlace(t, nil)
	for length, status := range map[string]int{
		strconv.Itoa(40<<20 + 1): 413, "9223372036854775807": 413, "9223372036854775808": 400, "-1": 400, "": 400, "0": 400, "ten": 400,
	} {
		p.want(status, "POST", "/uploads/", nil, "Upload-Length", length)
	}
	p.want(501, "POST", "/uploads/", nil, "Upload-Defer-Length", "1")
	p.want(501, "POST", "/uploads/", nil, "Upload-Length", "5", "Upload-Concat", "partial")
	p.want(501, "POST", "/uploads/", nil, "Upload-Concat", "final;/uploads/a")
	if n := len(p.rows.All()); n != 0 {
		t.Errorf("%d rows", n)
	}
	path := p.create(10)
	p.want(413, "PATCH", path, strings.NewReader("01234567890"), at(0)...)
	if got := p.offset(path); got != 0 {
		t.Errorf("something of it was taken: %d", got)
	}
	// A body of unknown length that is too long: whose bytes these are is unclear, so the upload does not become complete.
	p.want(413, "PATCH", path, io.MultiReader(strings.NewReader("01234567890123")), at(0)...)
	if got := p.offset(path); got != 0 || p.rows.All()[0].Complete() || p.stored() != 0 {
		t.Errorf("something of it was taken: %d", got)
	}
	p.patch(path, 0, []byte("01234"))
	p.want(413, "PATCH", path, io.MultiReader(strings.NewReader("567890")), at(5)...)
	p.want(204, "PATCH", path, io.MultiReader(strings.NewReader("56789")), at(5)...)
	p.whole(path, []byte("0123456789"))
	p.want(204, "DELETE", path, nil)
	path = p.create(32 << 20) // where a request saves anyway
	p.want(413, "PATCH", path, io.MultiReader(bytes.NewReader(make([]byte, 32<<20+1))), at(0)...)
	if p.rows.All()[0].Complete() || p.stored() != 0 {
		t.Error("too long a body made an upload complete")
	}
}

// TestHalf: connections that break after half a piece; what came is kept.
func TestHalf(t *testing.T) {
	p := newPlace(t, nil)
	plain := content(12 << 20)
	path := p.create(len(plain))
	offset := 0
	for offset < len(plain) {
		half := min(5<<20, len(plain)-offset)
		if half < 5<<20 {
			p.patch(path, offset, plain[offset:])
			break
		}
		body, broken := io.Pipe()
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _ = broken.Write(plain[offset : offset+half])
			broken.CloseWithError(errors.New("the line is broken"))
		})
		if _, err := p.ask("PATCH", path, body, at(offset)...); err == nil {
			t.Fatal("the request went through")
		}
		wg.Wait()
		got := p.offset(path) // waits for the broken one to end
		if got < offset || got > offset+half {
			t.Fatalf("at %d, had %d and sent %d", got, offset, half)
		}
		if got == offset {
			t.Log("nothing of this half came")
		}
		offset = got
	}
	p.whole(path, plain)
	if err := p.failed(); err != nil {
		t.Error(err)
	}
}

// TestRace: many that send the whole at once leave one object, and it is whole.
func TestRace(t *testing.T) {
	p := newPlace(t, nil)
	plain := content(3 << 20)
	path := p.create(len(plain))
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			res, err := p.ask("PATCH", path, bytes.NewReader(plain), at(0)...)
			if err == nil && res.StatusCode != 204 && res.StatusCode != 409 && res.StatusCode != 500 {
				t.Errorf("got %d %q", res.StatusCode, res.body)
			}
		})
	}
	wg.Wait()
	if offset := p.offset(path); offset < len(plain) {
		p.patch(path, offset, plain[offset:])
	}
	p.whole(path, plain)
	if err := p.failed(); err != nil {
		t.Error(err)
	}
}

// TestTwoProcesses: two handlers that know nothing of each other's locks, over the same rows. The one whose Save is too late leaves nothing.
func TestTwoProcesses(t *testing.T) {
	p := newPlace(t, nil)
	plain := content(2 << 20)
	path := p.create(len(plain))
	first := true
	p.rows.OnSave = func(upload.Upload) error {
		if first {
			first = false
			// The other process is quicker. It is of another server, so this one's lock does not keep it out.
			other := &place{t: t, store: p.store, rows: p.rows, now: p.now}
			other.start()
			defer other.server.Close()
			other.patch(path, 0, plain[:1<<20])
		}
		return nil
	}
	p.want(409, "PATCH", path, bytes.NewReader(plain), at(0)...)
	p.patch(path, 1<<20, plain[1<<20:])
	p.whole(path, plain)
	if n := p.stored(); n != 2 {
		t.Errorf("%d stored, want a segment and a head", n)
	}
}

// TestSaveFails: the row could not be saved; the client is told nothing of why, and goes on from what was.
func TestSaveFails(t *testing.T) {
	p := newPlace(t, nil)
	path := p.create(6)
	p.patch(path, 0, []byte("abc"))
	secret := errors.New("dial postgres://lab:geheim@db: no route")
	for _, stored := range []bool{false, true} {
		p.rows.OnSave = func(u upload.Upload) error {
			if p.rows.OnSave = nil; stored { // and the answer was lost
				if err := p.rows.Save(t.Context(), u.Offset-1, u); err != nil {
					t.Error(err)
				}
			}
			return secret
		}
		offset := p.offset(path)
		res := p.want(500, "PATCH", path, strings.NewReader("defghi"[offset-3:offset-2]), at(offset)...)
		if strings.Contains(res.body, "geheim") || strings.Contains(res.body, "postgres") {
			t.Errorf("told: %q", res.body)
		}
		if err := p.failed(); !errors.Is(err, secret) {
			t.Errorf("not reported: %v", err)
		}
		want := offset
		if stored {
			want++
		}
		if got := p.offset(path); got != want {
			t.Errorf("stored %v: at %d, want %d", stored, got, want)
		}
	}
	p.patch(path, 4, []byte("ef"))
	p.whole(path, []byte("abcdef"))
}

// TestDiskFull: the store takes nothing more.
func TestDiskFull(t *testing.T) {
	p := newPlace(t, nil)
	full := &fullStore{Store: p.store}
	p.store = full
	p.start()
	plain := content(9 << 20)
	path := p.create(len(plain))
	full.full = true
	p.want(507, "PATCH", path, bytes.NewReader(plain), at(0)...)
	if err := p.failed(); !errors.Is(err, blob.ErrFull) {
		t.Errorf("not reported: %v", err)
	}
	full.full = false
	p.patch(path, 0, plain)
	p.whole(path, plain)
}

// TestLongUpload: one request saves from time to time, so that a crash does not lose all of it.
func TestLongUpload(t *testing.T) {
	p := newPlace(t, nil)
	var offsets []int64
	p.rows.OnSave = func(u upload.Upload) error {
		offsets = append(offsets, u.Offset)
		return nil
	}
	plain := content(40 << 20)
	path := p.create(len(plain))
	p.patch(path, 0, plain)
	p.whole(path, plain)
	if len(offsets) != 2 || offsets[0] != 32<<20 || offsets[1] != 40<<20 {
		t.Errorf("saved at %v", offsets)
	}
}

func TestNewRefuses(t *testing.T) {
	p := newPlace(t, nil)
	good := upload.Config{
		Base: "/u/", Vault: p.vault, Uploads: p.rows, Most: 1, Quota: upload.Quota{Uploads: 1, Bytes: 1}, Idle: 1, Silent: 1, Longest: time.Second,
	}
	if _, err := upload.New(good); err != nil {
		t.Fatal(err)
	}
	for i, change := range []func(*upload.Config){
		func(c *upload.Config) { c.Base = "/u" }, func(c *upload.Config) { c.Base = "u/" }, func(c *upload.Config) { c.Vault = nil },
		func(c *upload.Config) { c.Uploads = nil }, func(c *upload.Config) { c.Most = 0 }, func(c *upload.Config) { c.Quota.Bytes = 0 },
		func(c *upload.Config) { c.Quota.Uploads = 0 }, func(c *upload.Config) { c.Idle = 0 }, func(c *upload.Config) { c.Silent = 0 },
		func(c *upload.Config) { c.Longest = 0 },
	} {
		bad := good
		change(&bad)
		if _, err := upload.New(bad); err == nil {
			t.Errorf("configuration %d was taken", i)
		}
	}
}
