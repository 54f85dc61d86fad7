package lab

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

func TestNextTrust(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	cosigner, err := proof.NewEd25519Cosigner("w.example")
	if err != nil {
		t.Fatal(err)
	}
	policy := "witness w " + cosigner.Key().String() + "\nquorum w\n"
	before, err := l.TrustFile()
	if err != nil {
		t.Fatal(err)
	}
	for what, bad := range map[string]string{
		"log": "log " + l.Ledger.Key().String() + "\n" + policy, "log with a tab": "log\t" + l.Ledger.Key().String() + "\n" + policy,
		"unknown member": "witness w " + cosigner.Key().String() + "\nquorum v\n", "no quorum": "witness w " + cosigner.Key().String() + "\n", "word": "what\n", "empty": "",
	} {
		if _, err := l.NextTrust(t.Context(), bad, map[string]string{"w.example": "x"}); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	if after, err := l.TrustFile(); err != nil || !bytes.Equal(before, after) {
		t.Fatal("a refused policy changed the trust file")
	}
	if _, err := l.NextTrust(t.Context(), policy, nil); !errors.Is(err, ErrWhoRuns) {
		t.Errorf("nobody says who runs the witness: %v", err)
	}
	if _, err := l.NextTrust(t.Context(), policy, map[string]string{"v.example": "Operator Ltd"}); err == nil {
		t.Error("it is said who runs a witness that the policy does not have")
	}
	next, err := l.NextTrust(t.Context(), policy, map[string]string{"w.example": "Operator Ltd"})
	if err != nil {
		t.Fatal(err)
	}
	if next.Trust.Version != 2 || next.Fingerprint() != l.Trust.Fingerprint() || next.Trust.Previous != l.Trust.ID.String() || next.Organisation("w.example") != "Operator Ltd" {
		t.Errorf("the next trust file: %+v", next.Trust)
	}
	root := filepath.Join(l.Dir, "keys", "root.age")
	if err := errors.Join(l.Close(), os.Rename(root, filepath.Join(t.TempDir(), "root.age"))); err != nil {
		t.Fatal(err)
	}
	l = open(t, l.Dir, options())
	if l.Trust.ID != next.ID {
		t.Error("the lab was opened by the old trust file")
	}
	if _, err := l.NextTrust(t.Context(), policy, nil); !errors.Is(err, ErrNoRoot) {
		t.Errorf("without the root key: %v", err)
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	old := l.keys.Ledger
	next, err := l.Rotate(t.Context(), statement.ForLedger)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	o := options()
	o.Now = at(noon.Add(2 * time.Hour))
	l = open(t, l.Dir, o)
	if l.keys.Ledger.Equal(old) || l.Trust.ID != next.ID || l.Trust.Trust.Version != 2 {
		t.Error("the old key signs on")
	}
	if _, err := l.Append(t.Context(), Act{Key: "edition/x", By: statement.ForLedger, Statement: func(p ledger.Place) (*statement.Statement, error) {
		return edition(l, p), nil
	}}); err != nil {
		t.Fatal(err)
	}
	if err := l.Trust.May(public(old).ID(), statement.TypeEdition, l.Now()); err == nil {
		t.Error("the old key may sign on")
	}
	keys := func(spki []byte) (statement.Purpose, bool) {
		k, trusted := l.Trust.Key(statement.KeyID(spki))
		return trusted.Purpose, k != nil
	}
	if r, err := l.Ledger.Audit(t.Context(), ledger.AuditOptions{Signatures: true, Keys: keys}); err != nil || !r.OK() {
		t.Errorf("the audit: %v %v", err, r)
	}
}
