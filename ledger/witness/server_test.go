package witness

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
)

func TestStatusCodes(t *testing.T) {
	l, fork, other := newLog(t, origin, "", 20, 20), newLog(t, origin, "x", 3, 20), newLog(t, "log.other.example", "", 20, 20)
	stranger := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	good := l.request(t, 5, 9)
	edit := func(change func(r *request)) []byte {
		r := *good
		r.note = good.note.With()
		r.note.Lines[0].Signature = bytes.Clone(r.note.Lines[0].Signature)
		change(&r)
		return r.bytes()
	}
	text := func(old, new string) []byte { return []byte(strings.Replace(string(good.bytes()), old, new, 1)) }
	var many []tlog.Hash
	for range maxHashes + 1 {
		many = append(many, tlog.Hash{1})
	}
	badRoot := proof.Checkpoint{Origin: origin, Root: tlog.Hash{7}}
	emptyLie := &proof.SignedCheckpoint{Checkpoint: badRoot, Lines: []proof.SignatureLine{
		{Name: origin, KeyHash: l.public().Hash(), Signature: ed25519.Sign(l.key, []byte(badRoot.Body()))},
	}}
	unsigned := &proof.SignedCheckpoint{Checkpoint: badRoot, Lines: good.note.Lines}
	for _, tt := range []struct {
		name   string
		body   []byte
		status int
		answer string // the whole body, if not ""
	}{
		{"extension", good.bytes(), 200, ""},
		{"same again", l.request(t, 5, 5).bytes(), 200, ""},
		{"lines of others", edit(func(r *request) {
			r.note = r.note.With(proof.SignatureLine{Name: "stranger", KeyHash: 1, Signature: []byte("?")})
		}), 200, ""},
		{"nothing", nil, 400, ""},
		{"no empty line", []byte("old 5\n"), 400, ""},
		{"no old line", text("old 5\n", ""), 400, ""},
		{"without the word", text("old 5", "5"), 400, ""},
		{"other word", text("old 5", "Old 5"), 400, ""},
		{"plus", text("old 5", "old +5"), 400, ""},
		{"leading zero", text("old 5", "old 05"), 400, ""},
		{"negative", text("old 5", "old -5"), 400, ""},
		{"huge", text("old 5", "old 9223372036854775807"), 400, ""},
		{"carriage return", text("old 5\n", "old 5\r\n"), 400, ""},
		{"base64 without padding", text("=\n", "\n"), 400, ""},
		{"trailing bytes", append(good.bytes(), '\n'), 400, ""},
		{"extension line", text("\n9\n", "\n9\nmore\n"), 400, ""},
		{"64 hashes", edit(func(r *request) { r.hashes = many }), 400, ""},
		{"old larger than the checkpoint", edit(func(r *request) { r.old = 10 }), 400, ""},
		{"unknown signature only", edit(func(r *request) { r.note.Lines[0].KeyHash++ }), 403, ""},
		{"wrong signature", edit(func(r *request) { r.note.Lines[0].Signature[3] ^= 1 }), 403, ""},
		{"wrong signature beside", edit(func(r *request) {
			r.note.Lines[0].Signature[3] ^= 1
			r.note = r.note.With(sign(t, stranger, good.note.Checkpoint).Lines...)
		}), 403, ""},
		{"stranger's key", edit(func(r *request) { r.note = sign(t, stranger, good.note.Checkpoint) }), 403, ""},
		{"signature of another checkpoint", edit(func(r *request) { r.note.Size = 10 }), 403, ""},
		{"unknown log", other.request(t, 0, 3).bytes(), 404, ""},
		{"unknown log with known key", edit(func(r *request) { r.note.Origin = "log.other.example" }), 404, ""},
		{"old too small", l.request(t, 4, 9).bytes(), 409, "5\n"},
		{"old too large", l.request(t, 6, 9).bytes(), 409, "5\n"},
		{"old zero", l.request(t, 0, 9).bytes(), 409, "5\n"},
		{"rollback", l.request(t, 3, 4).bytes(), 409, "5\n"},
		{"no proof", edit(func(r *request) { r.hashes = nil }), 422, ""},
		{"proof cut", edit(func(r *request) { r.hashes = r.hashes[1:] }), 422, ""},
		{"proof too long", edit(func(r *request) { r.hashes = append(r.hashes[:len(r.hashes):len(r.hashes)], tlog.Hash{}) }), 422, ""},
		{"proof for the same", edit(func(r *request) { r.note = l.at(t, 5) }), 422, ""},
		{"other history", (&request{old: 5, hashes: fork.prove(t, 5, 9), note: fork.at(t, 9)}).bytes(), 422, ""},
		{"same size, other root", fork.request(t, 5, 5).bytes(), 422, ""},
		{"empty tree, other root, old wrong", (&request{note: emptyLie}).bytes(), 409, "5\n"},
		{"empty tree, other root, not signed", (&request{note: unsigned}).bytes(), 403, ""},
		{"too much", bytes.Repeat([]byte("old 5\n"), maxBody), 413, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, l.public())
			b.cosigned(t, b.add(l.request(t, 0, 5)), l.at(t, 5).Checkpoint)
			before := b.Latest(origin)
			rec := post(b, "/add-checkpoint", tt.body)
			body := want(t, rec, tt.status)
			if tt.answer != "" && body != tt.answer {
				t.Errorf("answer %q, want %q", body, tt.answer)
			}
			if got := rec.Header().Get("Content-Type"); (got == "text/x.tlog.size") != (tt.status == 409) {
				t.Errorf("content type %q", got)
			}
			if tt.status != 200 && b.Latest(origin) != before {
				t.Error("refused, and yet what was cosigned has changed")
			}
			if n := len(b.events.of(EventRefused)); (n == 1) != (tt.status != 200) {
				t.Errorf("%d refusals reported", n)
			}
		})
	}
	t.Run("nothing cosigned yet", func(t *testing.T) {
		b := newBench(t, l.public())
		want(t, b.add(&request{note: emptyLie}), 422)
		want(t, b.add(&request{hashes: many[:1], note: l.at(t, 9)}), 422)
		if body := want(t, b.add(l.request(t, 2, 9)), 409); body != "0\n" {
			t.Errorf("answer %q", body)
		}
		b.cosigned(t, b.add(l.request(t, 0, 0)), l.at(t, 0).Checkpoint)
		b.cosigned(t, b.add(l.request(t, 0, 20)), l.at(t, 20).Checkpoint)
	})
}

func TestMethodsAndPaths(t *testing.T) {
	l := newLog(t, origin, "", 9, 9)
	b := newBench(t, l.public())
	get := func(method, path string) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		b.ServeHTTP(rec, httptest.NewRequest(method, path, nil))
		return rec
	}
	monitoring := "/" + OriginHash(origin) + "/checkpoint"
	want(t, get("GET", "/add-checkpoint"), 405)
	want(t, get("POST", "/sign-subtree"), 404)
	want(t, get("GET", monitoring), 404)
	b.cosigned(t, b.add(l.request(t, 0, 9)), l.at(t, 9).Checkpoint)
	want(t, get("POST", monitoring), 405)
	want(t, get("GET", strings.ToUpper(monitoring)), 404)
	want(t, get("GET", "/"+OriginHash("other")+"/checkpoint"), 404)
	s, err := proof.ParseSigned([]byte(want(t, get("GET", monitoring), 200)))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.public().Verify(s); err != nil {
		t.Error(err)
	}
	for _, k := range b.Keys() {
		if _, err := k.Verify(s); err != nil {
			t.Error(err)
		}
	}
	if len(s.Lines) != 3 {
		t.Errorf("%d lines, want those of the log and of two keys", len(s.Lines))
	}
}

// Two histories are shown to two customers: the second one's witness request is refused, and what both signed convicts the log.
func TestSplitView(t *testing.T) {
	l, fork := newLog(t, origin, "", 20, 20), newLog(t, origin, "x", 3, 20)
	t.Run("same size", func(t *testing.T) {
		for _, old := range []int64{9, 4} { // refused with 422 and with 409, convicted by both
			b := newBench(t, l.public())
			b.cosigned(t, b.add(l.request(t, 0, 9)), l.at(t, 9).Checkpoint)
			want(t, b.add(fork.request(t, old, 9)), map[int64]int{9: 422, 4: 409}[old])
			want(t, b.add(fork.request(t, 9, 9)), 422)
			b.convicts(t, l)
			if n := len(b.events.of(EventEquivocation)); n != 1 {
				t.Errorf("reported %d times", n)
			}
		}
	})
	t.Run("larger", func(t *testing.T) {
		b := newBench(t, l.public())
		b.cosigned(t, b.add(l.request(t, 0, 9)), l.at(t, 9).Checkpoint)
		want(t, b.add(fork.request(t, 9, 12)), 422)
		names := b.evidence(t, conflictExt)
		if len(names) != 1 || len(b.evidence(t, equivocationExt)) != 0 {
			t.Fatalf("kept: %q", names)
		}
		data, err := os.ReadFile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseConflict(data)
		if err != nil {
			t.Fatal(err)
		}
		if c.A.Body() != l.at(t, 9).Body() || c.B.Body() != fork.at(t, 12).Body() || len(c.Hashes) == 0 {
			t.Errorf("kept: %+v", c)
		}
	})
	t.Run("what a conflict file must look like", func(t *testing.T) {
		good := string((&Conflict{A: l.at(t, 9), B: l.at(t, 12), Hashes: l.prove(t, 9, 12)}).Bytes())
		for _, change := range [][2]string{{"hash ", ""}, {"note ", ""}, {"note ", "note 0"}, {conflictHeader, ""}, {"=\n", "\n"}, {"\n12\n", "\n012\n"}} {
			bad := strings.Replace(good, change[0], change[1], 1)
			if c, err := ParseConflict([]byte(bad)); err == nil || c != nil || bad == good {
				t.Errorf("%q: no error", change)
			}
		}
		if c, err := ParseConflict([]byte(good)); err != nil || c.A.Size != 9 {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a broken proof is nobody's fork", func(t *testing.T) {
		b := newBench(t, l.public())
		b.cosigned(t, b.add(l.request(t, 0, 9)), l.at(t, 9).Checkpoint)
		want(t, b.add(&request{old: 9, note: l.at(t, 12)}), 422)
		if n := len(b.evidence(t, conflictExt)); n != 1 {
			t.Fatalf("%d kept", n)
		}
		b.cosigned(t, b.add(l.request(t, 9, 12)), l.at(t, 12).Checkpoint)
		if n := len(b.evidence(t, conflictExt)); n != 0 {
			t.Errorf("%d still kept after the proof came", n)
		}
	})
	t.Run("bounded", func(t *testing.T) {
		long := newLog(t, origin, "y", 3, 12+maxEvidence)
		b := newBench(t, l.public())
		b.cosigned(t, b.add(l.request(t, 0, 9)), l.at(t, 9).Checkpoint)
		for size := int64(10); size <= long.size; size++ {
			want(t, b.add(long.request(t, 9, size)), 422)
		}
		if n := len(b.evidence(t, conflictExt)); n != maxEvidence {
			t.Errorf("%d files kept", n)
		}
		if n := len(b.events.of(EventFailed)); n != 3 {
			t.Errorf("%d failures reported, want one for each file too many", n)
		}
		want(t, b.add(fork.request(t, 9, 9)), 422)
		b.convicts(t, l) // which has room of its own
	})
}

// The race of the specification: checking the old size and storing the new one must be one step. Many goroutines ask for different sizes at once.
func TestRace(t *testing.T) {
	const size, workers = 200, 24
	l := newLog(t, origin, "", size, size)
	b := newBench(t, l.public())
	b.clock.add(time.Hour)
	var mu sync.Mutex
	var order []int64
	b.report = func(e Event) {
		if e.Kind == EventCosigned { // reported while the turn is held, so in the order in which they were cosigned
			mu.Lock()
			defer mu.Unlock()
			order = append(order, e.Size)
		}
	}
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			var known int64
			for range 12 {
				to := known + r.Int64N(20)
				if to > size {
					return
				}
				rec := b.add(l.request(t, known, to))
				switch rec.Code {
				case 200:
					known = to
				case 409:
					n, err := strconv.ParseInt(strings.TrimSpace(rec.Body.String()), 10, 64)
					if err != nil {
						t.Error(err)
					}
					if n < known {
						t.Errorf("the witness says %d after it cosigned %d", n, known)
					}
					known = n
				default:
					t.Errorf("status %d: %s", rec.Code, rec.Body)
				}
			}
		})
	}
	wg.Wait()
	for i := 1; i < len(order); i++ {
		if order[i] <= order[i-1] {
			t.Fatalf("cosigned in this order: %d", order)
		}
	}
	last := order[len(order)-1]
	b.restart(t)
	if got := b.Latest(origin).Size; got != last {
		t.Errorf("after a restart %d, want %d", got, last)
	}
}

// An unchanged checkpoint costs a signature and a write once a minute at most, whoever sends it again.
func TestRenew(t *testing.T) {
	l := newLog(t, origin, "", 9, 9)
	b := newBench(t, l.public())
	writes := 0
	b.state.fault = func(step string) error {
		if step == "before write" {
			writes++
		}
		return nil
	}
	first := want(t, b.add(l.request(t, 0, 9)), 200)
	for range 10 {
		b.clock.add(5 * time.Second)
		if again := want(t, b.add(l.request(t, 9, 9)), 200); again != first {
			t.Error("another cosignature")
		}
	}
	if writes != 1 {
		t.Errorf("%d writes", writes)
	}
	b.clock.add(15 * time.Second)
	b.cosigned(t, b.add(l.request(t, 9, 9)), l.at(t, 9).Checkpoint)
	if writes != 2 {
		t.Errorf("%d writes", writes)
	}
	if n := len(b.events.of(EventCosigned)); n != 1 {
		t.Errorf("%d reports of one checkpoint", n)
	}
}

// Times of cosignatures do not run backwards, and a clock that is far behind makes no cosignature at all.
func TestClock(t *testing.T) {
	l := newLog(t, origin, "", 20, 20)
	b := newBench(t, l.public())
	b.cosigned(t, b.add(l.request(t, 0, 5)), l.at(t, 5).Checkpoint)
	first := b.clock.Now().Unix()
	b.clock.add(-4 * time.Minute)
	want(t, b.add(l.request(t, 5, 6)), 200)
	if _, last := b.own(b.Latest(origin)); last != first {
		t.Errorf("time %d, want %d", last, first)
	}
	b.clock.add(-2 * time.Minute)
	if body := want(t, b.add(l.request(t, 6, 7)), 500); strings.Contains(body, "clock") {
		t.Errorf("answer %q says too much", body)
	}
	b.clock.add(-80 * 365 * 24 * time.Hour)
	want(t, b.add(l.request(t, 6, 7)), 500)
	b.clock.add(80*365*24*time.Hour + 10*time.Minute)
	b.cosigned(t, b.add(l.request(t, 6, 7)), l.at(t, 7).Checkpoint)
}

func TestBusy(t *testing.T) {
	l := newLog(t, origin, "", 9, 9)
	b := newBench(t, l.public())
	for range maxBusy {
		enter(b.busy)
	}
	rec := b.add(l.request(t, 0, 9))
	want(t, rec, 503)
	if rec.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	leave(b.busy)
	b.cosigned(t, b.add(l.request(t, 0, 9)), l.at(t, 9).Checkpoint)
}

func TestNew(t *testing.T) {
	l, other := newLog(t, origin, "", 0, 0), newLog(t, "log.other.example", "", 0, 0)
	b := newBench(t, l.public())
	keys := b.config.Cosigners
	renamed, err := proof.ParseCosigner(keys[0].Secret())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(c *Config){
		"no key":           func(c *Config) { c.Cosigners = nil },
		"nil key":          func(c *Config) { c.Cosigners = []*proof.Cosigner{nil} },
		"no log":           func(c *Config) { c.Logs = nil },
		"zero log":         func(c *Config) { c.Logs = []proof.LogKey{{}} },
		"no state":         func(c *Config) { c.State = nil },
		"key twice":        func(c *Config) { c.Cosigners = append(keys[:1:1], renamed) },
		"log twice":        func(c *Config) { c.Logs = append(c.Logs[:1:1], c.Logs[0]) },
		"state of another": func(c *Config) { c.Logs = []proof.LogKey{other.public()} },
		"witness is a log": func(c *Config) {
			c.Logs = append(c.Logs[:1:1], proof.NewLogKey(origin, keys[0].Key().PublicKey()))
		},
	} {
		c := b.config
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := New(Config{Cosigners: keys, Logs: []proof.LogKey{other.public()}, State: b.state}); !errors.Is(err, ErrNoState) {
		t.Errorf("error %v", err)
	}
}

// A log's new key is taken beside the old one; the old one may go when something was cosigned under the new one.
func TestKeyRotation(t *testing.T) {
	l := newLog(t, origin, "", 20, 20)
	b := newBench(t, l.public())
	b.cosigned(t, b.add(l.request(t, 0, 5)), l.at(t, 5).Checkpoint)
	next := newLog(t, origin, "", 20, 20)
	next.key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{5}, ed25519.SeedSize))
	b.config.Logs = []proof.LogKey{next.public()}
	if err := b.config.State.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenState(b.dir, b.config.Logs); !errors.Is(err, ErrBadState) {
		t.Fatalf("error %v", err)
	}
	state, err := OpenState(b.dir, append(b.config.Logs, l.public()))
	if err != nil {
		t.Fatal(err)
	}
	b.config.Logs, b.config.State = append(b.config.Logs, l.public()), state
	b.start(t)
	b.cosigned(t, b.add(next.request(t, 5, 9)), l.at(t, 9).Checkpoint)
	// With one signature right and one wrong the note is malformed, whichever it is.
	for i := range 2 {
		r := l.request(t, 9, 12)
		r.note = r.note.With(next.at(t, 12).Lines...)
		r.note.Lines[i].Signature[3] ^= 1
		want(t, b.add(r), 403)
	}
	dir := t.TempDir()
	next.write(t, dir, 12)
	if p, err := b.Pull(t.Context(), PullConfig{Origin: origin, Source: dir}); err != nil || p.Checkpoint.Size != 12 {
		t.Errorf("pulled %+v, error %v", p, err)
	}
	l.write(t, dir, 13) // once more by the old key
	if p, err := b.Pull(t.Context(), PullConfig{Origin: origin, Source: dir}); err != nil || p.Checkpoint.Size != 13 {
		t.Errorf("pulled %+v, error %v", p, err)
	}
	fork := newLog(t, origin, "x", 3, 20)
	fork.key = next.key
	fork.write(t, dir, 20) // no key signed both
	if _, err := b.Pull(t.Context(), PullConfig{Origin: origin, Source: dir}); err == nil {
		t.Error("another history was cosigned")
	}
	if b.Latest(origin).Size != 13 || len(b.evidence(t, conflictExt)) != 1 {
		t.Error("the conflict is not kept")
	}
}
