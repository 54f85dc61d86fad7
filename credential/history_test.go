package credential_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/ledger/proof"
)

// TestSplitView is doc/adversarial-tests.md, 1 and 3: the log shows two customers two trees.
func TestSplitView(t *testing.T) {
	l := credentialtest.New(t, origin, 3)
	l.Fill(3)
	fork := l.Fork(2)
	c := l.NewCredential()
	zip := c.Seal() // 13 leaves
	fork.Fill(int(l.Size()-fork.Size()) + 4)
	in := input(l)
	convicts := func(r *credential.Result) {
		t.Helper()
		if r.Equivocation == nil {
			t.Fatalf("no proof against the log: %q", r.NotChecked)
		}
		e, err := proof.ParseEquivocation(r.Equivocation.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Check(); err != nil || e.Log != l.LogKey() {
			t.Errorf("%v, of %s", err, e.Log)
		}
	}
	sized := func(lab *credentialtest.Lab, n int64) *proof.SignedCheckpoint { // of the first n leaves of a history
		return lab.Fork(n).Checkpoint(noon)
	}
	same, larger, smaller := sized(fork, l.Size()), sized(fork, fork.Size()), sized(fork, l.Size()-1)
	in.Known = []*proof.SignedCheckpoint{same}
	convicts(because(t, zip, in, credential.Diverged, "another history"))

	// Of other sizes it takes a copy of the tiles: of the tree behind the larger checkpoint.
	in.Known = []*proof.SignedCheckpoint{larger}
	if r := want(t, zip, in, credential.Valid); !strings.Contains(strings.Join(r.NotChecked, "\n"), "tiles is needed") {
		t.Errorf("not checked: %q", r.NotChecked)
	}
	in.Tiles = fork
	convicts(want(t, zip, in, credential.Diverged))
	in.Known = []*proof.SignedCheckpoint{smaller}
	in.Tiles = l
	convicts(want(t, zip, in, credential.Diverged))
	// Tiles that are of neither tree say that something is wrong, and convict nobody.
	in.Tiles = credentialtest.New(t, origin, 0)
	stranger := in.Tiles.(*credentialtest.Lab)
	stranger.Fill(40)
	if r := want(t, zip, in, credential.Diverged); r.Equivocation != nil {
		t.Error("convicted by tiles of another log")
	}
	// What is remembered is compared too.
	seen := input(l)
	seen.Seen = want(t, zip, seen, credential.Valid).Seen
	f := fork.Fork(2)
	f.Fill(2) // other leaves, sealed under the same key: another customer's credential
	other := f.NewCredential()
	otherZip := other.Seal()
	seen.Tiles = f
	r := want(t, otherZip, seen, credential.Diverged)
	convicts(r)
	if r.Seen != seen.Seen {
		t.Error("remembers what was refused")
	}
}

// TestOneHistory: true checkpoints, older and newer, are no reason for alarm.
func TestOneHistory(t *testing.T) {
	l := credentialtest.New(t, origin, 3)
	l.Fill(3)
	older := l.Checkpoint(noon.Add(-time.Hour))
	c := l.NewCredential()
	c.Seal()
	l.Fill(5)
	zip := c.Refresh(2, noon.Add(time.Hour), nil)
	l.Fill(50)
	in := input(l)
	in.Known = []*proof.SignedCheckpoint{l.Checkpoint(noon), older, c.Parts.First.Checkpoint}
	r := want(t, zip, in, credential.Valid)
	if !strings.Contains(strings.Join(r.NotChecked, "\n"), "tiles is needed") {
		t.Errorf("not checked: %q", r.NotChecked)
	}
	in.Tiles = l
	if r = want(t, zip, in, credential.Valid); len(r.NotChecked) > 0 || !strings.Contains(strings.Join(r.Checked, "\n"), "5 checkpoints are of one history") {
		t.Errorf("checked %q, not checked %q", r.Checked, r.NotChecked)
	}
	in.Tiles = broken{}
	if r = want(t, zip, in, credential.Valid); !strings.Contains(strings.Join(r.NotChecked, "\n"), "do not reach") {
		t.Errorf("not checked: %q", r.NotChecked)
	}
	// One that the log has not signed cannot be compared with: she gave it to be.
	for text, known := range map[string]*proof.SignedCheckpoint{
		"has not signed": credentialtest.New(t, origin, 0).Checkpoint(noon),
		"wrong signature": func() *proof.SignedCheckpoint {
			bad := *l.Checkpoint(noon)
			bad.Size++
			return &bad
		}(),
	} {
		in.Known = []*proof.SignedCheckpoint{known}
		because(t, zip, in, credential.Invalid, text)
	}
}

type broken struct{}

func (broken) ReadHashes([]int64) ([]tlog.Hash, error) { return nil, errors.New("the disk is gone") }

// TestForkInside: the two checkpoints of one credential are of two histories.
func TestForkInside(t *testing.T) {
	l := credentialtest.New(t, origin, 3)
	l.Fill(2)
	c := l.NewCredential()
	c.Seal()
	first := c.Parts.First
	fork := l.Fork(first.Index + 1) // the credential is in both
	fork.Fill(5)
	c.Lab = fork
	zip := c.Refresh(2, noon.Add(time.Hour), nil)
	in := input(l)
	want(t, zip, in, credential.Valid) // of different sizes, and nothing to compare them with
	in.Tiles = fork
	if r := because(t, zip, in, credential.Diverged, "another history"); r.Equivocation == nil || r.Equivocation.Check() != nil {
		t.Error("the log is not convicted")
	}
}
