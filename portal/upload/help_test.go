package upload_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
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

// place is a lab's uploads: a folder, rows, and a server that can be started again over both.
type place struct {
	t      *testing.T
	store  blob.Store
	rows   *uploadtest.Memory
	vault  *vault.Vault
	server *httptest.Server
	upload *upload.Handler
	change func(*upload.Config)

	mu       sync.Mutex
	now      time.Time
	failures []error
}

func newPlace(t *testing.T, change func(*upload.Config)) *place {
	t.Helper()
	store, err := blob.Open(t.Context(), t.TempDir(), blob.Private)
	if err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, store: store, rows: uploadtest.NewMemory(), change: change, now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}
	p.start()
	t.Cleanup(func() { p.server.Close() })
	return p
}

// start makes a new vault, handler and server, as a new process would.
func (p *place) start() {
	p.t.Helper()
	if p.server != nil {
		p.server.CloseClientConnections()
		p.server.Close()
	}
	var err error
	if p.vault, err = vault.New(p.store, make([]byte, vault.KeySize)); err != nil {
		p.t.Fatal(err)
	}
	config := upload.Config{
		Base: "/uploads/", Vault: p.vault, Uploads: p.rows, Most: 40 << 20, Quota: upload.Quota{Uploads: 3, Bytes: 60 << 20},
		Idle: time.Hour, Silent: 10 * time.Second, Longest: time.Minute,
		Now: func() time.Time {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.now
		},
		Failed: func(_ context.Context, err error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.failures = append(p.failures, err)
		},
	}
	if p.change != nil {
		p.change(&config)
	}
	if p.upload, err = upload.New(config); err != nil {
		p.t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/uploads/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if party := r.Header.Get("Test-Party"); party != "" {
			r = r.WithContext(upload.WithOwner(r.Context(), upload.Owner{Party: party, Person: "ann"}))
		}
		p.upload.ServeHTTP(w, r)
	}))
	p.server = httptest.NewServer(mux)
}

func (p *place) pass(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(d)
}

// failed returns what went wrong inside since it was asked last.
func (p *place) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.failures = nil }()
	return errors.Join(p.failures...)
}

type reply struct {
	*http.Response
	body string
}

// ask makes a request of the party acme; headers is a list of names and values.
func (p *place) ask(method, path string, body io.Reader, headers ...string) (reply, error) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.server.URL+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Tus-Resumable", "1.0.0")
	r.Header.Set("Test-Party", "acme")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := p.server.Client().Do(r)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return reply{res, string(text)}, err
}

func (p *place) want(status int, method, path string, body io.Reader, headers ...string) reply {
	p.t.Helper()
	res, err := p.ask(method, path, body, headers...)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	if res.StatusCode != status {
		p.t.Fatalf("%s %s: got %d %q, want %d", method, path, res.StatusCode, res.body, status)
	}
	return res
}

// create begins an upload and returns its path.
func (p *place) create(size int, headers ...string) string {
	p.t.Helper()
	return p.want(201, "POST", "/uploads/", nil, append([]string{"Upload-Length", strconv.Itoa(size)}, headers...)...).Header.Get("Location")
}

var piece = []string{"Content-Type", "application/offset+octet-stream"}

func at(offset int) []string {
	return append([]string{"Upload-Offset", strconv.Itoa(offset)}, piece...)
}

// patch sends a piece and wants the offset after it.
func (p *place) patch(path string, offset int, data []byte) {
	p.t.Helper()
	res := p.want(204, "PATCH", path, bytes.NewReader(data), at(offset)...)
	if got := res.Header.Get("Upload-Offset"); got != strconv.Itoa(offset+len(data)) {
		p.t.Fatalf("%d bytes at %d: now at %s", len(data), offset, got)
	}
}

func (p *place) offset(path string) int {
	p.t.Helper()
	n, err := strconv.Atoi(p.want(200, "HEAD", path, nil).Header.Get("Upload-Offset"))
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// whole checks that an upload is complete and has these bytes, and that the store has nothing that does not belong to it.
func (p *place) whole(path string, plain []byte) {
	p.t.Helper()
	id := strings.TrimPrefix(path, "/uploads/")
	u, err := p.rows.Get(p.t.Context(), "acme", id)
	if err != nil {
		p.t.Fatal(err)
	}
	if !u.Complete() || u.State != nil || u.Offset != u.Size {
		p.t.Fatalf("not complete: at %d of %d", u.Offset, u.Size)
	}
	got, err := p.vault.Upload(id).Get(p.t.Context(), *u.Ref, int64(len(plain)))
	if err != nil || !bytes.Equal(got, plain) {
		p.t.Errorf("got %d bytes, %v; want %d", len(got), err, len(plain))
	}
	heads := 0
	for _, err := range p.vault.Heads(p.t.Context()) {
		if heads++; err != nil {
			p.t.Error(err)
		}
	}
	if heads != 1 {
		p.t.Errorf("%d objects, want 1", heads)
	}
}

// stored is how many objects the store has.
func (p *place) stored() (n int) {
	p.t.Helper()
	for _, err := range p.store.List(p.t.Context(), "") {
		if n++; err != nil {
			p.t.Error(err)
		}
	}
	return n
}

func content(n int) []byte {
	b := make([]byte, n)
	_, _ = mathrand.NewChaCha8([32]byte{5}).Read(b)
	return b
}

func metadata(key, value string) []string {
	return []string{"Upload-Metadata", fmt.Sprintf("%s %s", key, base64.StdEncoding.EncodeToString([]byte(value)))}
}
