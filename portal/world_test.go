package portal_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/lab/child"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/portal"
	"github.com/probat-lab/probat/sandbox"
	"github.com/probat-lab/probat/store/records"
	"github.com/probat-lab/probat/work"
)

func TestMain(m *testing.M) {
	if sandbox.Main(child.Tasks()) { // a child is this test binary too
		return
	}
	os.Exit(m.Run())
}

// origin is where every server of these tests is, as its readers see it.
const origin = "http://localhost:8080"

// world is a server with everything that stands behind it.
type world struct {
	t      testing.TB
	desk   *desk.Desk
	queue  *work.Queue
	portal *portal.Server
	server *httptest.Server
	client *http.Client
	log    *written
	ahead  atomic.Int64 // of the lab's clock, in ns
	fixed  atomic.Int64 // where the lab's clock stands, in s; 0: it runs
}

// written is what a server logs.
type written struct {
	mu sync.Mutex
	b  bytes.Buffer // mu
}

func (w *written) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(b)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func newWorld(t testing.TB, change func(*portal.Config)) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{t: t, log: &written{}}
	dir := filepath.Join(t.TempDir(), "lab")
	if err := lab.Init(ctx, dir, lab.Setup{Name: "Tidewater Lab", Passphrase: "correct horse", WorkFactor: 10}); err != nil {
		t.Fatal(err)
	}
	l, err := lab.Open(ctx, dir, lab.Options{
		Passphrase: func() (string, error) { return "correct horse", nil },
		Now: func() time.Time {
			if at := w.fixed.Load(); at != 0 {
				return time.Unix(at, 0)
			}
			return time.Now().Add(time.Duration(w.ahead.Load()))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	store, err := blob.Open(ctx, filepath.Join(dir, "vault"), blob.Create, blob.Private)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.desk, err = desk.Open(ctx, l, desk.Options{
		Store: store, Box: child.Sandbox{}, Version: "test",
		Queued:    func(ctx context.Context, id string) { _ = w.queue.Publish(ctx, id) },
		Cancelled: func(_ context.Context, id string) { w.queue.Check(id) },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.queue, err = work.Open(ctx, work.Config{
		Dir: filepath.Join(dir, "queue"), Jobs: w.desk.Records, Workers: 2, Every: 100 * time.Millisecond, Log: log,
		Run: func(ctx context.Context, id, worker string) {
			if err := w.desk.Run(ctx, id, worker, lines{func(line []byte) { w.queue.Tell(id, line) }}); err != nil && ctx.Err() == nil {
				t.Logf("the job %s: %v", id, err)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		if err := w.queue.Close(stop); err != nil {
			t.Errorf("closing the queue: %v", err)
		}
	})
	c := portal.Config{Desk: w.desk, Queue: w.queue, PublicURL: origin, Version: "test", Log: log, Person: 1e6}
	if change != nil {
		change(&c)
	}
	if w.portal, err = portal.New(c); err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewServer(w.portal)
	w.server.Config.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	t.Cleanup(w.server.Close)
	address := w.server.Listener.Addr().String()
	w.client = &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, address)
			},
			MaxIdleConnsPerHost: 32, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(w.client.CloseIdleConnections)
	return w
}

// lines passes on what is written line by line.
type lines struct{ fn func([]byte) }

func (l lines) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		l.fn([]byte(strings.TrimSuffix(line, "\n")))
	}
	return len(b), nil
}

// member is somebody with a session, or nobody.
type member struct {
	desk.Who
	w      *world
	cookie string
}

func (m *member) now() desk.Who {
	x := m.Who
	x.At = m.w.desk.Lab.Now()
	return x
}

func (m *member) view() *records.View { return m.w.desk.As(m.now().Viewer) }

func (w *world) nobody() *member { return &member{w: w} }

// party makes a party; its admin, who has signed in, is returned.
func (w *world) party(class access.Class, name, admin string) *member {
	w.t.Helper()
	p, a, err := w.desk.NewParty(w.t.Context(), class, name, admin)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.signIn(p, a)
}

// colleague makes another member of somebody's party; of the lab's where of is nil.
func (w *world) colleague(of *member, name string, role access.Role) *member {
	w.t.Helper()
	party := w.desk.Home
	if of != nil {
		var err error
		if party, err = w.desk.Party(w.t.Context(), of.Party); err != nil {
			w.t.Fatal(err)
		}
	}
	a, err := w.desk.NewPerson(w.t.Context(), party.ID, name, role)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.signIn(party, a)
}

func (w *world) signIn(p records.Party, a records.Person) *member {
	w.t.Helper()
	m := &member{w: w, Who: desk.Who{
		Viewer:    access.Viewer{Party: p.ID, Person: a.ID, Class: p.Class, Home: p.Home, Role: a.Role, Scope: access.ScopeAll},
		PartyName: p.Name, PersonName: a.Name,
	}}
	r := w.do(nil, "POST", "/link", form{"link": w.link(a.ID, time.Time{})})
	if m.cookie = r.session(); r.code != http.StatusSeeOther || m.cookie == "" {
		w.t.Fatalf("signing in: %d %s", r.code, r.body)
	}
	return m
}

// link makes a one-time link and returns its secret.
func (w *world) link(person string, expires time.Time) string {
	w.t.Helper()
	if expires.IsZero() {
		expires = time.Now().Add(time.Hour)
	}
	l, err := portal.NewLink(w.t.Context(), w.desk.Records, origin, records.Link{Person: person, Expires: expires})
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.TrimPrefix(l, origin+"/link/")
}

func (w *world) token(m *member, scope access.Scope) string {
	w.t.Helper()
	t, err := portal.NewToken(w.t.Context(), w.desk.Records, m.Person, "test", scope, time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	return t.Secret
}

// form is a body of a page's form; raw one of the API, as JSON.
type (
	form map[string]string
	raw  string
)

type response struct {
	code   int
	header http.Header
	body   string
}

// session is the cookie that an answer sets.
func (r *response) session() string {
	for _, c := range (&http.Response{Header: r.header}).Cookies() {
		if c.Name == sessionCookie {
			return c.Value
		}
	}
	return ""
}

const sessionCookie = "__Host-probat"

// do asks as somebody (nil: nobody). Headers come in pairs; Host is one of them.
func (w *world) do(m *member, method, path string, body any, headers ...string) *response {
	w.t.Helper()
	r, err := w.try(w.t.Context(), m, method, path, body, headers...)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (w *world) try(ctx context.Context, m *member, method, path string, body any, headers ...string) (*response, error) {
	var reader io.Reader
	kind := ""
	switch b := body.(type) {
	case form:
		values := url.Values{}
		for k, v := range b {
			values.Set(k, v)
		}
		reader, kind = strings.NewReader(values.Encode()), "application/x-www-form-urlencoded"
	case raw:
		reader, kind = strings.NewReader(string(b)), "application/json"
	case io.Reader:
		reader = b
	case nil:
	default:
		return nil, fmt.Errorf("a body of type %T", body)
	}
	req, err := http.NewRequestWithContext(ctx, method, origin+path, reader)
	if err != nil {
		return nil, err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if m != nil && m.cookie != "" {
		req.Header.Set("Cookie", sessionCookie+"="+m.cookie)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return &response{resp.StatusCode, resp.Header, string(data)}, err
}

// put stores an upload of somebody's.
func (w *world) put(m *member, name string, data []byte) string {
	w.t.Helper()
	id, err := portal.Put(w.t.Context(), w.desk, m.Party, m.Person, name, data)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// submit hands a release in.
func (w *world) submit(m *member, s desk.Submission) (*records.Release, records.Job) {
	w.t.Helper()
	r, job, err := w.desk.Submit(w.t.Context(), m.now(), s)
	if err != nil {
		w.t.Fatal(err)
	}
	return r, job
}

// wait follows the stream of an evaluation to its end, as pages do.
func (w *world) wait(m *member, job records.Job) *response {
	w.t.Helper()
	r := w.do(m, "GET", "/evaluations/"+job.ID+"/events", nil)
	if r.code != http.StatusOK || !strings.Contains(r.body, `"state":"done"`) {
		j, err := m.view().Job(w.t.Context(), job.ID)
		w.t.Fatalf("the evaluation is %q %q (%v); its stream: %d %s", j.State, j.Error, err, r.code, r.body)
	}
	return r
}

// dump is all rows of the database but those that only say that somebody was here.
func (w *world) dump() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	err := w.desk.Tx(w.t.Context(), func(tx txn) error {
		tables, err := column(tx, `SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' AND name NOT LIKE '%_fts%' AND name NOT LIKE 'words_folded%' ORDER BY name`)
		if err != nil {
			return err
		}
		for _, name := range tables {
			if all[name], err = content(tx, name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(all) < 20 {
		w.t.Fatalf("the database has %d tables", len(all))
	}
	return all
}
