package witness

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
)

const origin = "log.lab.example"

// testLog is a log in memory. Two of one name have the same key, so with different leaves they are the two histories of a fork.
type testLog struct {
	origin string
	key    ed25519.PrivateKey
	hashes []tlog.Hash
	size   int64
}

// newLog makes a log whose first same leaves are those of every log, and the others its own.
func newLog(tb testing.TB, origin, own string, same, size int64) *testLog {
	tb.Helper()
	seed := sha256.Sum256([]byte(origin))
	l := &testLog{origin: origin, key: ed25519.NewKeyFromSeed(seed[:])}
	for l.size < size {
		leaf := fmt.Sprint(l.size)
		if l.size >= same {
			leaf += own
		}
		h, err := tlog.StoredHashes(l.size, []byte(leaf), l)
		if err != nil {
			tb.Fatal(err)
		}
		l.hashes = append(l.hashes, h...)
		l.size++
	}
	return l
}

func (l *testLog) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var all []tlog.Hash
	for _, i := range indexes {
		if i >= int64(len(l.hashes)) {
			return nil, fmt.Errorf("no hash %d", i)
		}
		all = append(all, l.hashes[i])
	}
	return all, nil
}

func (l *testLog) public() proof.LogKey {
	return proof.NewLogKey(l.origin, l.key.Public().(ed25519.PublicKey))
}

func (l *testLog) at(tb testing.TB, size int64) *proof.SignedCheckpoint {
	tb.Helper()
	root, err := tlog.TreeHash(size, l)
	if err != nil {
		tb.Fatal(err)
	}
	return sign(tb, l.key, proof.Checkpoint{Origin: l.origin, Size: size, Root: root})
}

func sign(tb testing.TB, key ed25519.PrivateKey, c proof.Checkpoint) *proof.SignedCheckpoint {
	tb.Helper()
	s, err := proof.SignCheckpoint(c, key)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func (l *testLog) prove(tb testing.TB, from, to int64) []tlog.Hash {
	tb.Helper()
	hashes, err := proof.ProveConsistency(from, to, l)
	if err != nil {
		tb.Fatal(err)
	}
	return hashes
}

// request is what the log would send.
func (l *testLog) request(tb testing.TB, from, to int64) *request {
	tb.Helper()
	return &request{old: from, hashes: l.prove(tb, from, to), note: l.at(tb, to)}
}

// write puts the files of a size into a folder, as a log would.
func (l *testLog) write(tb testing.TB, dir string, size int64) {
	tb.Helper()
	for _, t := range tlog.NewTiles(proof.TileHeight, 0, size) {
		data, err := tlog.ReadTileData(t, l)
		if err != nil {
			tb.Fatal(err)
		}
		writeFile(tb, filepath.Join(dir, proof.TilePath(t)), data)
	}
	writeFile(tb, filepath.Join(dir, "checkpoint"), l.at(tb, size).Bytes())
}

func writeFile(tb testing.TB, name string, data []byte) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		tb.Fatal(err)
	}
}

// clock is a clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 24, 13, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// events collects what a witness reports.
type events struct {
	mu  sync.Mutex
	all []Event
}

func (e *events) report(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
}

func (e *events) of(kind string) []Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	var some []Event
	for _, ev := range e.all {
		if ev.Kind == kind {
			some = append(some, ev)
		}
	}
	return some
}

// bench is a witness with all that belongs to it.
type bench struct {
	*Witness
	dir    string
	clock  *clock
	events *events
	config Config
}

func cosigners(tb testing.TB, name string) []*proof.Cosigner {
	tb.Helper()
	ed, err := proof.NewEd25519Cosigner(name)
	if err != nil {
		tb.Fatal(err)
	}
	ml, err := proof.NewMLDSACosigner(name)
	if err != nil {
		tb.Fatal(err)
	}
	return []*proof.Cosigner{ed, ml}
}

func newBench(tb testing.TB, logs ...proof.LogKey) *bench {
	tb.Helper()
	b := &bench{dir: filepath.Join(tb.TempDir(), "state"), clock: newClock(), events: &events{}}
	state, err := CreateState(b.dir, logs)
	if err != nil {
		tb.Fatal(err)
	}
	b.config = Config{Cosigners: cosigners(tb, "witness.example/w1"), Logs: logs, State: state, Now: b.clock.Now, Report: b.events.report}
	b.start(tb)
	tb.Cleanup(func() { _ = b.config.State.Close() })
	return b
}

func (b *bench) start(tb testing.TB) {
	tb.Helper()
	var err error
	if b.Witness, err = New(b.config); err != nil {
		tb.Fatal(err)
	}
}

// restart is what happens when the process ends and another one begins.
func (b *bench) restart(tb testing.TB) {
	tb.Helper()
	if err := b.config.State.Close(); err != nil {
		tb.Fatal(err)
	}
	state, err := OpenState(b.dir, b.config.Logs)
	if err != nil {
		tb.Fatal(err)
	}
	b.config.State = state
	b.start(tb)
}

// post sends a body and returns the answer.
func post(h http.Handler, path string, body []byte) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body)))
	return rec
}

func (b *bench) add(r *request) *httptest.ResponseRecorder {
	return post(b, "/add-checkpoint", r.bytes())
}

// want checks a status and returns the body.
func want(tb testing.TB, rec *httptest.ResponseRecorder, status int) string {
	tb.Helper()
	if rec.Code != status {
		tb.Fatalf("status %d, want %d: %s", rec.Code, status, rec.Body)
	}
	return rec.Body.String()
}

// cosigned checks an answer of 200: lines of all keys of the witness, right for the checkpoint.
func (b *bench) cosigned(tb testing.TB, rec *httptest.ResponseRecorder, c proof.Checkpoint) {
	tb.Helper()
	body := want(tb, rec, http.StatusOK)
	s, err := proof.ParseSigned([]byte(c.Body() + "\n" + body))
	if err != nil {
		tb.Fatal(err)
	}
	if len(s.Lines) != len(b.cosigners) {
		tb.Errorf("%d lines, want %d", len(s.Lines), len(b.cosigners))
	}
	for _, k := range b.Keys() {
		if at, err := k.Verify(s); err != nil || at != b.clock.Now().Unix() {
			tb.Errorf("cosignature of time %d, error %v", at, err)
		}
	}
}

// evidence returns the names of the files of evidence that end so.
func (b *bench) evidence(tb testing.TB, ext string) []string {
	tb.Helper()
	entries, err := os.ReadDir(filepath.Join(b.dir, evidenceDir))
	if err != nil {
		tb.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ext) {
			names = append(names, filepath.Join(b.dir, evidenceDir, e.Name()))
		}
	}
	return names
}

// convicts checks that exactly one equivocation is kept and that it convicts this log, to somebody who has only the file and the log's key.
func (b *bench) convicts(tb testing.TB, l *testLog) *proof.Equivocation {
	tb.Helper()
	names := b.evidence(tb, equivocationExt)
	if len(names) != 1 {
		tb.Fatalf("%d equivocations are kept, want 1", len(names))
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		tb.Fatal(err)
	}
	e, err := proof.ParseEquivocation(data)
	if err != nil {
		tb.Fatal(err)
	}
	if e.Log != l.public() {
		tb.Errorf("it is about the log %v", e.Log)
	}
	if err := e.Check(); err != nil {
		tb.Errorf("the equivocation does not convict: %v", err)
	}
	return e
}

// newClient makes a client of a handler behind a real connection.
func newClient(tb testing.TB, h http.Handler, keys []proof.WitnessKey, now func() time.Time) *Client {
	tb.Helper()
	srv := httptest.NewServer(h)
	tb.Cleanup(srv.Close)
	c, err := NewClient(ClientConfig{Name: "w1", Origin: origin, URL: srv.URL, Keys: keys, Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}
