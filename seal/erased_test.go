package seal

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/statement"
)

// erase logs that statements were erased, and erases them, with what opens the commitments of verdicts.
func (l *testLab) erase(ids ...statement.ID) {
	l.t.Helper()
	var names []string
	for _, id := range ids {
		names = append(names, id.String())
	}
	_, err := l.Append(l.t.Context(), lab.Act{
		Key: "erasure/" + strings.Join(names, "/"), By: statement.ForLedger,
		Statement: func(p ledger.Place) (*statement.Statement, error) {
			return &statement.Statement{
				Subjects:  []statement.Subject{{Name: "statement", Digest: statement.Digest{SHA256: names[0]}}},
				Predicate: &statement.Erasure{Act: l.NewAct(p), Erased: names, Reason: "The vendor asked for it."},
			}, nil
		},
		Rows: func(ctx context.Context, tx *sql.Tx, _ ledger.Entry) error {
			for _, name := range names {
				if _, err := tx.ExecContext(ctx, `DELETE FROM secrets WHERE verdicts = $1`, name); err != nil {
					return err
				}
			}
			return ledger.Erase(ctx, tx, ids...)
		},
	})
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := l.Ledger.Publish(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
}

// TestErased is doc/adversarial-tests.md, 35, for what a credential rests on: with the statements about dossier and verdicts gone, and the secret, the credential stands, nothing is opened any
// more, and the audit names the act.
func TestErased(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s, other := l.seal(router), l.seal(release{product: "other", version: "1", image: "o", run: "x"})
	p, _ := router.plan()
	given, err := Disclose(t.Context(), l.Lab, p, Selection{Requirement: "1"})
	if err != nil {
		t.Fatal(err)
	}
	var ids []statement.ID
	for _, i := range s.Credential.InputAttestations {
		id, err := statement.ParseID(i.Digest.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	l.erase(ids...)
	l.reopen()
	// The audit of the ledger knows the act. That of the credentials takes an erased statement for one that was never there, so far.
	left := slices.DeleteFunc(l.audit().findings, func(f string) bool { return strings.Contains(f, "it rests on ") })
	if r := l.audit(); len(left) != 0 || !strings.Contains(strings.Join(r.Lines(), "\n"), " 2 erased, 0 unexplained") {
		t.Errorf("the audit: %s", strings.Join(r.Lines(), "\n"))
	}
	for _, x := range []*Sealed{s, l.refresh(s.ID), l.refresh(other.ID)} {
		l.wantWord(x, credential.ValidUnwitnessed)
	}
	if got := l.refresh(s.ID); got.Dossier != nil {
		t.Errorf("the erased statement about the dossier is handed out: %s", got.Dossier)
	}
	if d, err := Disclose(t.Context(), l.Lab, p, Selection{Requirement: "2"}); !errors.Is(err, ErrUnknown) {
		t.Errorf("opened: %v, %v", d, err)
	}
	// Who was given an opening before keeps it: that cannot be taken back.
	file, err := given.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	r := credential.Verify(l.refresh(s.ID).Zip, credential.Input{Trust: l.Trust, Now: l.Now(), Disclosures: [][]byte{file}})
	if r.Word != credential.ValidUnwitnessed || len(r.Facts.Disclosures) != 1 {
		t.Errorf("%s, %v", r.Word, r.Reasons)
	}
	for _, id := range ids {
		if e, err := l.Ledger.Statement(t.Context(), id); err != nil || e.Envelope != nil {
			t.Errorf("%s is still there: %v", id, err)
		}
	}
}
