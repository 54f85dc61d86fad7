package seal

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// testWitness cosigns one history of one log, by the lab's clock.
type testWitness struct {
	cosigner *proof.Cosigner
	clock    *clock

	mu   sync.Mutex
	head proof.Checkpoint
	away bool
}

func (w *testWitness) Name() string { return w.cosigner.Key().Name() }

func (w *testWitness) Cosign(_ context.Context, old int64, hashes []tlog.Hash, c *proof.SignedCheckpoint) ([]proof.SignatureLine, int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away {
		return nil, -1, context.DeadlineExceeded
	}
	if old != w.head.Size {
		return nil, w.head.Size, os.ErrInvalid
	}
	if w.head.Size > 0 {
		if err := proof.CheckConsistency(w.head, c.Checkpoint, hashes); err != nil {
			return nil, -1, err
		}
	}
	w.head = c.Checkpoint
	w.clock.mu.Lock()
	now := w.clock.now
	w.clock.mu.Unlock()
	line, err := w.cosigner.Cosign(c, now.Unix())
	return []proof.SignatureLine{line}, c.Size, err
}

// witnessedLab is a lab whose trust file asks for the cosignature of one witness.
type witnessedLab struct {
	*testLab
	witness *testWitness
}

func newWitnessedLab(t *testing.T) *witnessedLab {
	t.Helper()
	l := &witnessedLab{testLab: newLab(t)}
	c, err := proof.NewEd25519Cosigner("w.example")
	if err != nil {
		t.Fatal(err)
	}
	l.witness = &testWitness{cosigner: c, clock: l.clock}
	if _, err := l.NextTrust(t.Context(), "witness w "+c.Key().String()+" https://w.example/\nquorum w\n", map[string]string{"w.example": "Operator Ltd"}); err != nil {
		t.Fatal(err)
	}
	l.again()
	return l
}

// at opens a lab's folder, asking the witness unless it is nil.
func (l *witnessedLab) at(dir string, w *testWitness) (*lab.Lab, error) {
	o := lab.Options{Passphrase: func() (string, error) { return passphrase, nil }, Now: l.clock.Now}
	if w != nil {
		o.Dial = func(string, proof.PolicyWitness) (ledger.Witness, error) { return w, nil }
	}
	x, err := lab.Open(l.t.Context(), dir, o)
	if err == nil {
		l.t.Cleanup(func() { x.Close() })
	}
	return x, err
}

// again closes the lab and opens it by its newest keys and trust file.
func (l *witnessedLab) again() {
	l.t.Helper()
	if err := l.Close(); err != nil {
		l.t.Fatal(err)
	}
	var err error
	if l.Lab, err = l.at(l.Dir, l.witness); err != nil {
		l.t.Fatal(err)
	}
}

// copied is a copy of the folder with all its keys, as a thief has it.
func (l *witnessedLab) copied() string {
	l.t.Helper()
	dir := filepath.Join(l.t.TempDir(), "stolen")
	if err := l.Close(); err != nil {
		l.t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(l.Dir)); err != nil {
		l.t.Fatal(err)
	}
	l.again()
	return dir
}

// pinned is the trust file of now.
func (l *witnessedLab) pinned() *credential.Pinned {
	l.t.Helper()
	data, err := l.TrustFile()
	if err != nil {
		l.t.Fatal(err)
	}
	p, err := credential.ParseTrust(data)
	if err != nil {
		l.t.Fatal(err)
	}
	return p
}

// says is what a customer gets for a credential.
func (l *witnessedLab) says(what string, zip []byte, trust *credential.Pinned, want credential.Word, in ...func(*credential.Input)) *credential.Result {
	l.t.Helper()
	x := credential.Input{Trust: trust, Now: l.clock.now}
	for _, f := range in {
		f(&x)
	}
	r := credential.Verify(zip, x)
	if r.Word != want {
		l.t.Errorf("%s: %s, want %s: %v", what, r.Word, want, r.Reasons)
	}
	return r
}

// refreshed waits for the witness.
func (l *witnessedLab) refreshed(id statement.ID) *Sealed {
	l.t.Helper()
	s, err := Refresh(l.t.Context(), l.Lab, id, 10*time.Second)
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

func knows(c *proof.SignedCheckpoint) func(*credential.Input) {
	return func(in *credential.Input) { in.Known = append(in.Known, c) }
}

// TestStolenLab is doc/adversarial-tests.md, 25 and 1, with the lab's own commands: a thief has the folder with all its keys but the root's.
func TestStolenLab(t *testing.T) {
	t.Parallel()
	l := newWitnessedLab(t)
	honest := l.seal(router)
	before := l.pinned()
	l.says("before", honest.Zip, before, credential.Valid)
	stolen := l.copied()
	if err := os.Remove(filepath.Join(stolen, "keys", "root.age")); err != nil {
		t.Fatal(err)
	}
	since := l.clock.now
	l.clock.forward(time.Hour)
	l.seal(release{product: "other", version: "1", image: "o", run: "x"}) // the lab goes on

	// The copy does not open beside its witness, which has seen more than it has signed.
	if _, err := l.at(stolen, l.witness); err == nil {
		t.Error("the stolen copy signs although the witness knows more")
	}
	// Without the witness it signs what it likes, and nobody has cosigned that.
	thief, err := l.at(stolen, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, files := release{product: "evil", version: "1", image: "evil", run: "evil"}.plan()
	forged, err := Seal(t.Context(), thief, p, files, Options{Scheme: "a", Observation: statement.ObservedHere, Version: "test", Wait: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	l.says("forged", forged.Zip, before, credential.ValidUnwitnessed)
	head, err := l.Ledger.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// Beside a checkpoint of the true log, with a copy of its tiles, it is another history, and the log's key is convicted.
	var tiles tlog.HashReader
	for _, side := range []*lab.Lab{l.Lab, thief} {
		if side.Ledger.Status().Published >= max(head.Size, forged.tree()) {
			if tiles, _, err = side.Ledger.HashReader(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := l.says("forged, beside the true log", forged.Zip, before, credential.Diverged, knows(head), func(in *credential.Input) { in.Tiles = tiles })
	if r.Equivocation == nil || r.Equivocation.Check() != nil {
		t.Error("the log's key is not convicted")
	}
	// The witness has never cosigned the copy's history, even when it is asked for exactly that.
	evil, err := thief.Ledger.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if lines, _, err := l.witness.Cosign(t.Context(), head.Size, nil, evil); err == nil {
		t.Errorf("cosigned: %v", lines)
	}

	// The lab notices, and says so by its root key; then it has a new key. What witnesses saw before the theft stays, what the thief made never counts.
	late := l.seal(release{product: "late", version: "1", image: "late", run: "late"}) // issued after the theft: nobody can tell by whom
	issuing := before.Trust.Keys[0]
	key, err := statement.ParseKeyText(issuing.Key)
	if err != nil || issuing.Purpose != statement.ForIssuing {
		t.Fatal(issuing.Purpose, err)
	}
	if _, err := l.Compromised(t.Context(), key.ID(), since.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	l.again()
	if _, err := l.Rotate(t.Context(), statement.ForIssuing); err != nil {
		t.Fatal(err)
	}
	l.again()
	after := l.pinned()
	l.says("what was sealed before, with a new list", l.refreshed(honest.ID).Zip, after, credential.Valid)
	l.says("what the thief made", forged.Zip, after, credential.Invalid)
	l.says("what was sealed after the theft", late.Zip, after, credential.Invalid)
	l.says("the same, refreshed", l.refreshed(late.ID).Zip, after, credential.Invalid)
	again := l.seal(release{product: "late", version: "1", image: "late", run: "late"})
	if again.ID == late.ID {
		t.Error("it is sealed again by its old statement, which does not count")
	}
	l.says("the same, sealed again by the new key", again.Zip, after, credential.Valid)
	if r := l.audit(); r.Count() != 0 {
		t.Errorf("the audit: %q", r.findings)
	}
}

// tree is the size of the tree under which a credential was proven.
func (s *Sealed) tree() int64 {
	p, err := credential.Open(s.Zip)
	if err != nil {
		return 0
	}
	return p.Credential.Proof.Checkpoint.Size
}

// TestRotated is doc/adversarial-tests.md, 26 and 27: a key is replaced. Both count for an hour, old files for ever, the old key for nothing new; and the trust file does not go back.
func TestRotated(t *testing.T) {
	t.Parallel()
	l := newWitnessedLab(t)
	old := l.seal(router)
	first := l.pinned()
	stolen := l.copied() // with the old key
	if _, err := l.Rotate(t.Context(), statement.ForIssuing); err != nil {
		t.Fatal(err)
	}
	overlap := l.seal(release{product: "overlap", version: "1", image: "o", run: "x"}) // by a process that has not been opened again
	l.again()
	second := l.pinned()
	if second.Trust.Version != first.Trust.Version+1 || second.Fingerprint() != first.Fingerprint() {
		t.Errorf("version %d after %d", second.Trust.Version, first.Trust.Version)
	}
	next := l.seal(release{product: "next", version: "1", image: "n", run: "x"})
	for _, trust := range []*credential.Pinned{first, second} {
		l.says("by the old key", old.Zip, trust, credential.Valid)
		l.says("by the old key, in the overlap", overlap.Zip, trust, credential.Valid)
	}
	l.says("by the new key", next.Zip, second, credential.Valid)
	l.says("by the new key, who has the old file", next.Zip, first, credential.NotPinned)
	l.clock.forward(2 * time.Hour)
	l.says("after the overlap", old.Zip, second, credential.Valid)
	l.says("after the overlap", overlap.Zip, second, credential.Valid)

	// Whoever still has the old key signs in vain, though the copy's own trust file allows it.
	thief, err := l.at(stolen, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, files := release{product: "evil", version: "1", image: "evil", run: "evil"}.plan()
	forged, err := Seal(t.Context(), thief, p, files, Options{Scheme: "a", Observation: statement.ObservedHere, Version: "test", Wait: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	l.says("by the old key, after its time", forged.Zip, second, credential.Invalid)

	// Who has seen the new trust file is not talked back into the old one.
	seen := l.says("the new file", old.Zip, second, credential.Valid).Seen
	l.says("the old file again", old.Zip, first, credential.NotPinned, func(in *credential.Input) { in.Seen = seen })
	l.says("the new file again", old.Zip, second, credential.Valid, func(in *credential.Input) { in.Seen = seen })
}

// TestWitnessAway is doc/adversarial-tests.md, 46: for a day the witness does not answer. The lab seals, credentials say that nobody has seen them, and are made good when it is back.
func TestWitnessAway(t *testing.T) {
	t.Parallel()
	l := newWitnessedLab(t)
	l.seal(router)
	set := func(away bool) { l.witness.mu.Lock(); defer l.witness.mu.Unlock(); l.witness.away = away }
	set(true)
	quick := func(o *Options) { o.Wait = time.Millisecond }
	var waiting []*Sealed
	for _, name := range []string{"a", "b", "c"} {
		s := l.seal(release{product: name, version: "1", image: name, run: name}, quick)
		l.says("while it is away", s.Zip, l.pinned(), credential.ValidUnwitnessed)
		if s.Witnesses != Missing {
			t.Errorf("witnesses: %s", s.Witnesses)
		}
		waiting = append(waiting, s)
		l.clock.forward(8 * time.Hour)
	}
	set(false)
	l.again() // asks at once; a ledger that stays open asks again by itself, later each time
	for _, s := range waiting {
		l.says("when it is back", l.refreshed(s.ID).Zip, l.pinned(), credential.Valid)
	}
}
