package ledger

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// fakeWitness follows the rules of C2SP tlog-witness in memory.
type fakeWitness struct {
	cosigner *proof.Cosigner
	now      func() int64

	mu     sync.Mutex
	size   int64
	root   tlog.Hash
	latest *proof.SignedCheckpoint
	down   error
	hold   chan struct{} // a request waits for it to be closed
	held   chan struct{} // what the request that is under way waits for
	asked  int
	change func(*proof.SignatureLine)
}

func newFakeWitness(t testing.TB, name string) *fakeWitness {
	t.Helper()
	c, err := proof.NewEd25519Cosigner(name)
	if err != nil {
		t.Fatal(err)
	}
	return &fakeWitness{cosigner: c, now: func() int64 { return time.Now().Unix() }}
}

func (w *fakeWitness) Name() string { return w.cosigner.Key().Name() }

func (w *fakeWitness) Cosign(ctx context.Context, old int64, hashes []tlog.Hash, c *proof.SignedCheckpoint) ([]proof.SignatureLine, int64, error) {
	w.mu.Lock()
	hold := w.hold
	w.held = hold
	w.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, -1, ctx.Err()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if w.down != nil {
		return nil, -1, w.down
	}
	if old != w.size {
		return nil, w.size, errors.New("409")
	}
	if w.size > 0 {
		if err := proof.CheckConsistency(proof.Checkpoint{Origin: c.Origin, Size: w.size, Root: w.root}, c.Checkpoint, hashes); err != nil {
			return nil, -1, fmt.Errorf("422: %w", err)
		}
	}
	w.size, w.root, w.latest = c.Size, c.Root, c
	line, err := w.cosigner.Cosign(c, w.now())
	if w.change != nil {
		w.change(&line)
	}
	return []proof.SignatureLine{line}, c.Size, err
}

// shows is a fakeWitness that shows its latest checkpoint.
type shows struct{ *fakeWitness }

func (w shows) Latest(context.Context) (*proof.SignedCheckpoint, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.latest == nil {
		return nil, errors.New("404")
	}
	return w.latest, nil
}

// witnessed configures witnesses of which a number has to cosign.
func witnessed(t testing.TB, quorum int, witnesses ...Witness) func(*Config) {
	t.Helper()
	return func(c *Config) {
		text := "log " + proof.NewLogKey(c.Origin, ed25519.PublicKey(c.LogKey[32:])).String() + "\n"
		names := ""
		for i, w := range witnesses {
			var f *fakeWitness
			switch w := w.(type) {
			case *fakeWitness:
				f = w
			case shows:
				f = w.fakeWitness
			}
			text += fmt.Sprintf("witness w%d %s\n", i, f.cosigner.Key())
			names += fmt.Sprintf(" w%d", i)
		}
		if quorum > 0 {
			text += fmt.Sprintf("group all %d%s\nquorum all\n", quorum, names)
		} else {
			text += "quorum none\n"
		}
		p, err := proof.ParsePolicy([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		c.Policy, c.Witnesses, c.backoff = p, witnesses, time.Millisecond
	}
}

// soon is a context that ends before a test hangs.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// until waits for a condition on the ledger's state.
func (l *lab) until(what string, condition func() bool) {
	l.t.Helper()
	ctx := soon(l.t)
	poll := time.NewTicker(time.Millisecond) // not everything that is waited for is announced
	defer poll.Stop()
	for !condition() {
		select {
		case <-poll.C:
		case <-ctx.Done():
			l.t.Fatalf("waiting until %s: %+v", what, l.Status())
		}
	}
}

// lines counts the signatures under the checkpoint in the tile store.
func (l *lab) lines() int {
	l.t.Helper()
	b, err := l.tiles.Get(l.t.Context(), checkpointName, 1<<20)
	if err != nil {
		l.t.Fatal(err)
	}
	c, err := proof.ParseSigned(b)
	if err != nil {
		l.t.Fatal(err)
	}
	return len(c.Lines)
}

// TestQuorum: two of three suffice, the dead one holds nobody up, acts know the witnessed head, and the late one still lands.
func TestQuorum(t *testing.T) { databases(t, testQuorum) }

func testQuorum(t *testing.T, server string) {
	a, b, c := newFakeWitness(t, "a.example/w"), newFakeWitness(t, "b.example/w"), newFakeWitness(t, "c.example/w")
	c.down = errors.New("down")
	l := newLabAt(t, server, witnessed(t, 2, a, b, c))
	ctx := soon(t)
	first, err := l.Append(ctx, l.act(""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.WitnessedCheckpoint(ctx); !errors.Is(err, ErrNotPublished) {
		t.Errorf("a witnessed checkpoint before any: %v", err)
	}
	note, final, err := l.Wait(ctx, first.Index)
	if err != nil || !final || note.Size != 1 {
		t.Fatalf("waiting: %v, %v, %v", note, final, err)
	}
	var place Place
	act := l.act(newCase())
	act.Sign = func(p Place) (*statement.Envelope, *statement.Key, error) { place = p; return l.signer(submission)(p) }
	if _, err := l.Append(ctx, act); err != nil {
		t.Fatal(err)
	}
	if h := place.AsOf; h == nil || h.Size != 1 || h.Root != note.Root.String() || h.Time == "" {
		t.Errorf("asOf is %+v", h)
	}
	l.until("the first checkpoint has both lines", func() bool { return l.lines() == 3 })
	line, err := c.cosigner.Cosign(note, time.Now().Unix())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{1, 0} {
		if n, err := l.AddCosignatures(ctx, note.Checkpoint, line); err != nil || n != want {
			t.Errorf("late line, time %d: %d new, %v", i+1, n, err)
		}
	}
	if n := l.lines(); n != 4 {
		t.Errorf("%d lines are served, want 4", n)
	}
	if s := l.Status(); s.Witnesses["c.example/w"] == "" || s.Witnesses["a.example/w"] != "" {
		t.Errorf("status of witnesses: %v", s.Witnesses)
	}
	// Later still, when it is not the latest any more, and after opening again.
	if _, _, err := l.Wait(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if err := l.reopen(); err != nil {
		t.Fatal(err)
	}
	if w, err := l.WitnessedCheckpoint(ctx); err != nil || w.Size != 2 {
		t.Errorf("after opening again, witnessed: %v, %v", w, err)
	}
	if kept, err := l.CheckpointAt(ctx, 1); err != nil || len(kept.Lines) != 4 {
		t.Errorf("the first checkpoint: %v, %v", kept, err)
	}
	if r := l.sound(); r.Cosigned < 4 {
		t.Errorf("%d cosignatures were verified", r.Cosigned)
	}
}

func TestCosignaturesRefused(t *testing.T) {
	a := newFakeWitness(t, "a.example/w")
	a.down = errors.New("down")
	stranger := newFakeWitness(t, "z.example/w")
	l := newLab(t, witnessed(t, 1, a))
	l.grow(2)
	ctx := t.Context()
	note, err := l.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	cosign := func(w *fakeWitness, c *proof.SignedCheckpoint, time int64) proof.SignatureLine {
		line, err := w.cosigner.Cosign(c, time)
		if err != nil {
			t.Fatal(err)
		}
		return line
	}
	now := time.Now().Unix()
	wrong := cosign(a, note, now)
	wrong.Signature[20] ^= 1
	elsewhere := &proof.SignedCheckpoint{Checkpoint: note.Checkpoint, Lines: note.Lines}
	elsewhere.Origin = "log.other.example"
	for name, line := range map[string]proof.SignatureLine{
		"unknown key": cosign(stranger, note, now), "wrong signature": wrong, "future": cosign(a, note, now+3600), "other origin": cosign(a, elsewhere, now),
	} {
		if n, err := l.AddCosignatures(ctx, note.Checkpoint, line); n != 0 || err != nil {
			t.Errorf("%s: %d new, %v", name, n, err)
		}
	}
	other := note.Checkpoint
	other.Root[0] ^= 1
	if _, err := l.AddCosignatures(ctx, other, cosign(a, note, now)); !errors.Is(err, ErrForked) {
		t.Errorf("another root: %v", err)
	}
	other = note.Checkpoint
	other.Size = 1
	if _, err := l.AddCosignatures(ctx, other, cosign(a, note, now)); !errors.Is(err, ErrNotFound) {
		t.Errorf("a checkpoint that was never made: %v", err)
	}
	if n := l.lines(); n != 1 {
		t.Errorf("%d lines are served", n)
	}
	if n, err := l.AddCosignatures(ctx, note.Checkpoint, cosign(a, note, now)); n != 1 || err != nil {
		t.Errorf("the right one: %d, %v", n, err)
	}
}

// TestOutage: the lab works while the witness is away, Wait says so at its deadline, and the witness catches up.
func TestOutage(t *testing.T) {
	a := newFakeWitness(t, "a.example/w")
	l := newLab(t, witnessed(t, 1, a))
	l.grow(1)
	l.until("the witness has cosigned", func() bool { return l.Status().Witnessed == 1 })
	a.mu.Lock()
	a.down = errors.New("down")
	a.mu.Unlock()
	for range 5 {
		l.grow(3)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if c, final, err := l.Wait(short, 15); err != nil || final || c.Size != 16 {
		t.Errorf("at the deadline: %v, %v, %v", c, final, err)
	}
	a.mu.Lock()
	a.down = nil
	a.mu.Unlock()
	if c, final, err := l.Wait(soon(t), 15); err != nil || !final || c.Size != 16 {
		t.Errorf("after it came back: %v, %v, %v", c, final, err)
	}
}

// TestSlowWitnesses: two that are slow out of step meet at the same checkpoint all the same, since the faster one waits for the slower.
func TestSlowWitnesses(t *testing.T) {
	a, b := newFakeWitness(t, "a.example/w"), newFakeWitness(t, "b.example/w")
	l := newLab(t, witnessed(t, 2, a, b))
	hold := func(w *fakeWitness) (release func()) {
		c := make(chan struct{})
		w.mu.Lock()
		defer w.mu.Unlock()
		w.hold = c
		return func() { close(c) }
	}
	// busy waits until a witness has been asked and waits for what it is held by now, and let go until it has answered; its next request then
	// waits again.
	busy := func(w *fakeWitness) {
		l.until("the witness is asked", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.held == w.hold })
	}
	letGo := func(w *fakeWitness, release func()) (next func()) {
		w.mu.Lock()
		asked := w.asked
		w.mu.Unlock()
		next = hold(w)
		release()
		l.until("it has answered", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.asked > asked })
		return next
	}
	releaseA, releaseB := hold(a), hold(b)
	l.grow(1)
	busy(a)
	busy(b)
	releaseA = letGo(a, releaseA)
	l.grow(1)
	l.grow(1)
	releaseB = letGo(b, releaseB)
	l.until("the first is witnessed", func() bool { return l.Status().Witnessed == 1 })
	busy(a)
	busy(b)
	l.grow(1)
	releaseA = letGo(a, releaseA)
	releaseB = letGo(b, releaseB)
	l.until("a later one is witnessed", func() bool { return l.Status().Witnessed == 3 })
	releaseA()
	releaseB()
}

// TestBadWitnesses: what is wrong with a witness is said, and concerns nobody else.
func TestBadWitnesses(t *testing.T) {
	good := newFakeWitness(t, "good.example/w")
	wrong := newFakeWitness(t, "wrong.example/w")
	wrong.change = func(l *proof.SignatureLine) { l.Signature[30] ^= 1 }
	l := newLab(t, witnessed(t, 1, good, wrong), func(c *Config) { c.Witnesses = append(c.Witnesses, new(endless)) })
	l.grow(3)
	l.until("each has been asked", func() bool {
		s := l.Status()
		return s.Witnessed == 3 && s.Witnesses["wrong.example/w"] != "" && s.Witnesses["endless"] != ""
	})
	if s := l.Status(); s.Stopped != nil || !strings.Contains(s.Witnesses["endless"], "another size") {
		t.Errorf("status: %+v", s)
	}
	l.grow(1)
}

// endless names another, smaller size each time.
type endless struct {
	mu sync.Mutex
	n  int64
}

func (*endless) Name() string { return "endless" }

func (w *endless) Cosign(_ context.Context, _ int64, _ []tlog.Hash, c *proof.SignedCheckpoint) ([]proof.SignatureLine, int64, error) {
	if c.Size == 0 {
		return nil, -1, errors.New("404")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
	return nil, w.n % 2, errors.New("409")
}

// TestRolledBackTogether puts database and tile store back; only a witness can know.
func TestRolledBackTogether(t *testing.T) {
	for name, test := range map[string]struct {
		shows, lies, grow bool
		want              error
	}{
		"claims":         {want: ErrBehind},
		"shows":          {shows: true, want: ErrBehind},
		"shows, another": {shows: true, grow: true, want: ErrForked},
		"lies":           {shows: true, lies: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeWitness(t, "a.example/w")
			var w Witness = f
			if test.shows {
				w = shows{f}
			}
			l := newLab(t, witnessed(t, 1, w))
			l.grow(3)
			before := l.saved()
			l.grow(4)
			l.until("the witness has cosigned", func() bool { return l.Status().Witnessed == 7 })
			l.shut()
			l.put(before, append(database, "log")...)
			if test.lies {
				f.latest = l.signedAt(3)
			}
			if test.grow {
				// Somebody runs the copy without its witness, beyond the size that the witness has.
				c := l.config
				if err := l.tryRestart(func(c *Config) { c.Witnesses = nil }); err != nil {
					t.Fatal(err)
				}
				l.grow(4)
				l.shut()
				l.config = c
			}
			err := l.tryRestart()
			if test.grow && err == nil {
				l.until("the witness has refused", func() bool { return l.Status().Stopped != nil })
				err = l.Status().Stopped
				var fork *ForkError
				if !errors.As(err, &fork) || fork.Evidence.Check() != nil {
					t.Errorf("no proof: %v", err)
				}
			}
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if test.lies {
				l.grow(1)
				if s := l.Status(); s.Stopped != nil {
					t.Errorf("a lie stopped the lab: %v", s.Stopped)
				}
			}
		})
	}
}

// signedAt is the kept checkpoint of a size, read from the stores as they lie there.
func (l *lab) signedAt(size int64) *proof.SignedCheckpoint {
	l.t.Helper()
	if err := l.tryRestart(func(c *Config) { c.ReadOnly = true }); err != nil {
		l.t.Fatal(err)
	}
	c, err := l.CheckpointAt(l.t.Context(), size)
	if err != nil {
		l.t.Fatal(err)
	}
	l.shut()
	l.config.ReadOnly = false
	return c
}

// TestRunningTwice: a copy of the lab runs elsewhere with the same witness; whoever is behind stops.
func TestRunningTwice(t *testing.T) {
	w := newFakeWitness(t, "a.example/w")
	l := newLab(t, witnessed(t, 1, w))
	l.grow(3)
	l.until("the witness has cosigned", func() bool { return l.Status().Witnessed == 3 })
	w.mu.Lock()
	w.size = 90
	w.mu.Unlock()
	l.add(1)
	_, _ = l.Publish(t.Context())
	l.until("it has stopped", func() bool { return errors.Is(l.Status().Stopped, ErrBehind) })
	if _, err := l.Append(t.Context(), l.act("")); !errors.Is(err, ErrStopped) {
		t.Errorf("it goes on: %v", err)
	}
}

// TestQuorumNone says that a checkpoint is final at once, and still gathers cosignatures.
func TestQuorumNone(t *testing.T) {
	w := newFakeWitness(t, "a.example/w")
	l := newLab(t, witnessed(t, 0, w))
	l.grow(2)
	if c, final, err := l.Wait(soon(t), 1); err != nil || !final || c.Size != 2 {
		t.Fatalf("%v, %v, %v", c, final, err)
	}
	l.until("the head has a time", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.asOf != nil && l.asOf.Time != "" })
	if b, err := json.Marshal(l.asOf); err != nil || !strings.Contains(string(b), `"time"`) {
		t.Errorf("%s, %v", b, err)
	}
}

// TestKeptCheckpoints: pinned ones and the latest are kept, others go.
func TestKeptCheckpoints(t *testing.T) {
	l := newLab(t)
	l.grow(1)
	if err := l.Pin(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := l.Pin(t.Context(), 77); !errors.Is(err, ErrNotFound) {
		t.Errorf("pinning what is not there: %v", err)
	}
	for range keepCheckpoints + 3 {
		l.grow(1)
	}
	for size, want := range map[int64]bool{1: true, 2: false, 4: false, 5: true, 36: true} {
		if _, err := l.CheckpointAt(t.Context(), size); (err == nil) != want {
			t.Errorf("checkpoint of %d: %v", size, err)
		}
	}
	l.sound()
}

// TestCadence publishes on its own, and what does not fit into memory is read twice.
func TestCadence(t *testing.T) {
	l := newLab(t, func(c *Config) { c.Cadence, c.keep = 5*time.Millisecond, 10 })
	for _, n := range []int{3, 30, 250} {
		l.add(n)
		want := l.Status().Size
		if c, final, err := l.Wait(soon(t), want-1); err != nil || !final || c.Size != want {
			t.Fatalf("%v, %v, %v", c, final, err)
		}
	}
	if s := l.Status(); s.Publisher != nil || s.Published != 283 {
		t.Errorf("status: %+v", s)
	}
	l.sound()
}
