package seal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
)

// clock is a lab's time. Each look at it may have a consequence.
type clock struct {
	mu   sync.Mutex
	now  time.Time
	seen int
	look func(n int) // may be nil
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	c.seen++
	now, n, look := c.now, c.seen, c.look
	c.mu.Unlock()
	if look != nil {
		look(n)
	}
	return now
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.mu.Unlock()
}

// watch has look called at each further look at the clock, counted from one.
func (c *clock) watch(look func(n int)) {
	c.mu.Lock()
	c.seen, c.look = 0, look
	c.mu.Unlock()
}

const passphrase = "correct horse"

type testLab struct {
	*lab.Lab
	t     testing.TB
	clock *clock
}

func newLab(t testing.TB) *testLab {
	t.Helper()
	l := &testLab{t: t, clock: &clock{now: time.Date(2026, 11, 24, 13, 0, 0, 0, time.UTC)}}
	dir := filepath.Join(t.TempDir(), "lab")
	if err := lab.Init(t.Context(), dir, lab.Setup{Passphrase: passphrase, WorkFactor: 10, Now: l.clock.Now}); err != nil {
		t.Fatal(err)
	}
	l.open(dir)
	return l
}

func (l *testLab) open(dir string) {
	l.t.Helper()
	o := lab.Options{Passphrase: func() (string, error) { return passphrase, nil }, Now: l.clock.Now}
	again, err := lab.Open(l.t.Context(), dir, o)
	if err != nil {
		l.t.Fatal(err)
	}
	l.Lab = again
	l.t.Cleanup(func() { again.Close() })
}

func (l *testLab) reopen() {
	l.t.Helper()
	if err := l.Close(); err != nil {
		l.t.Fatal(err)
	}
	l.open(l.Dir)
}

func digestOf(parts ...any) string {
	sum := sha256.Sum256(fmt.Append(nil, parts...))
	return hex.EncodeToString(sum[:])
}

// release is a dossier of a release: image says what the artifact is, run what was observed.
type release struct {
	product, version, image, run, judged, predecessor string
}

// plan is what examine would say of the dossier, and its files.
func (d release) plan() (*examine.Plan, Files) {
	files := map[string][]byte{
		"dossier.json": fmt.Appendf(nil, `{"files":{"tree.jsonl":{"digest":%q}},"of":%q}`, digestOf("tree", d), fmt.Sprint(d)),
		"tree.jsonl":   fmt.Append(nil, "tree", d),
	}
	items := []string{
		`{"kind":"verdict","requirement":"1","scheme":"a","value":{"verdict":"pass"}}`,
		`{"fingerprint":"` + digestOf("finding", d.run) + `","kind":"finding","requirement":"2","scheme":"a","value":{"title":"weak"}}`,
	}
	judged := func(id string) examine.Judged {
		return examine.Judged{
			Counts: statement.Counts{Pass: 1, Fail: 1}, Items: items, Title: "Scheme " + id,
			Policy:   statement.Policy{Digest: digestOf("scheme", id), Edition: "1", Scheme: id},
			Profiles: []examine.Profile{{Counts: statement.Counts{Pass: 1}, ID: "artifact"}},
			Verdicts: []examine.Verdict{{Requirement: "1", Verdict: "pass"}, {Requirement: "2", Verdict: "fail"}},
		}
	}
	p := &examine.Plan{
		AsOf: "2026-11-24", Dossier: digestOf(string(files["dossier.json"])), Observed: digestOf("observed", d.run), Predecessor: d.predecessor,
		Files:   []examine.File{{Digest: digestOf(string(files["dossier.json"])), Name: "dossier.json"}, {Digest: digestOf(string(files["tree.jsonl"])), Name: "tree.jsonl"}},
		Schemes: []examine.Judged{judged("a"), judged("b")},
	}
	if d.product != "" {
		p.Release = statement.Release{Kind: "equipment", Product: d.product, Version: d.version, Vendor: "Example"}
		p.Declaration = digestOf("declaration", d.product, d.version)
	}
	if d.image != "" {
		p.Artifacts = []examine.Artifact{{Digest: digestOf("image", d.image), ID: "image", Type: "file"}}
	}
	return p, func(name string) ([]byte, error) {
		data, ok := files[name]
		if !ok {
			return nil, os.ErrNotExist
		}
		return data, nil
	}
}

// seal seals a dossier for scheme a unless the options say otherwise.
func (l *testLab) seal(d release, change ...func(*Options)) *Sealed {
	l.t.Helper()
	s, err := l.trySeal(l.t.Context(), d, change...)
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

func (l *testLab) trySeal(ctx context.Context, d release, change ...func(*Options)) (*Sealed, error) {
	o := Options{Scheme: "a", Observation: statement.Received, Version: "test", Wait: 10 * time.Second}
	for _, c := range change {
		c(&o)
	}
	p, files := d.plan()
	return Seal(ctx, l.Lab, p, files, o)
}

func (l *testLab) refresh(id statement.ID) *Sealed {
	l.t.Helper()
	s, err := Refresh(l.t.Context(), l.Lab, id, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

// verify is what a customer gets who has pinned the trust file of now.
func (l *testLab) verify(s *Sealed) *credential.Result {
	l.t.Helper()
	data, err := l.TrustFile()
	if err != nil {
		l.t.Fatal(err)
	}
	trust, err := credential.ParseTrust(data)
	if err != nil {
		l.t.Fatal(err)
	}
	l.clock.mu.Lock()
	now := l.clock.now
	l.clock.mu.Unlock()
	return credential.Verify(s.Zip, credential.Input{Trust: trust, Now: now})
}

func (l *testLab) wantWord(s *Sealed, want credential.Word) {
	l.t.Helper()
	if r := l.verify(s); r.Word != want {
		l.t.Errorf("the credential is %s, want %s: %v", r.Word, want, r.Reasons)
	}
}

// count returns the acts of the ledger by type.
func (l *testLab) count() map[string]int {
	l.t.Helper()
	n := map[string]int{}
	for e, err := range l.Ledger.Entries(l.t.Context(), 0, l.Ledger.Status().Size) {
		if err != nil {
			l.t.Fatal(err)
		}
		n[e.Type]++
	}
	return n
}

// published returns the lists of a series that customers fetch now.
func (l *testLab) published(series string) *credential.Lists {
	l.t.Helper()
	data, err := l.Log.Get(l.t.Context(), "status/"+series+"/latest.sigstore.json", maxList)
	if err != nil {
		l.t.Fatal(err)
	}
	b, err := credential.ParseBundle(data)
	if err != nil {
		l.t.Fatal(err)
	}
	s, err := b.Envelope.Open()
	if err != nil {
		l.t.Fatal(err)
	}
	st, ok := statement.As[*statement.Status](s)
	if !ok {
		l.t.Fatal("it is no status list")
	}
	lists, err := credential.ParseLists(st.Lists)
	if err != nil {
		l.t.Fatal(err)
	}
	return lists
}
