package seal

import (
	"errors"
	"testing"

	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/statement"
)

// TestContentTaken: a change whose content was taken away, without an act that erased it, is not passed over.
func TestContentTaken(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	ctx := t.Context()
	s := l.seal(router)
	if err := Suspend(ctx, l.Lab, s.ID, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.DB.ExecContext(ctx, `UPDATE ledger_entries SET payload = NULL WHERE type = '`+statement.TypeChange+`'`); err != nil {
		t.Fatal(err)
	}
	l.wantCorrupt(s.ID)
}

// TestTypeRewritten: what a statement is stands in it, not in its row.
func TestTypeRewritten(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	ctx := t.Context()
	s := l.seal(router)
	r, err := credentialByID(ctx, l.Lab, s.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := change(ctx, l.Lab, r, "suspended/test", statement.Change{Reason: "x", Standing: statement.Suspended}, `suspended = 1`); err != nil {
		t.Fatal(err)
	}
	if _, err := l.DB.ExecContext(ctx, `UPDATE ledger_entries SET type = '`+statement.TypeRisk+`' WHERE type = '`+statement.TypeChange+`'`); err != nil {
		t.Fatal(err)
	}
	again, err := Refresh(ctx, l.Lab, s.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := standingBy(t, again.Zip, again.Credential); got != statement.Suspended {
		t.Errorf("the list says %q", got)
	}
	listed := false
	for e, err := range l.Ledger.Entries(ctx, 0, l.Ledger.Status().Size) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type != statement.TypeRegister {
			continue
		}
		g, err := content[*statement.Register](e)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range g.Entries {
			listed = listed || x.Type == statement.TypeChange
		}
	}
	if !listed {
		t.Error("the register leaves the change out")
	}
}

// TestChangeReplaced: a row that agrees with itself and not with what the log signed is not believed.
func TestChangeReplaced(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	ctx := t.Context()
	s := l.seal(router)
	if err := Suspend(ctx, l.Lab, s.ID, "x"); err != nil {
		t.Fatal(err)
	}
	for e, err := range l.Ledger.Entries(ctx, 0, l.Ledger.Status().Size, statement.TypeChange) {
		if err != nil {
			t.Fatal(err)
		}
		old, err := e.Envelope.Open()
		if err != nil {
			t.Fatal(err)
		}
		c, _ := statement.As[*statement.Change](old)
		c.Standing = statement.Reinstated
		payload, err := old.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		env := &statement.Envelope{Payload: payload}
		leaf := e.Leaf
		leaf.Digest = env.ID()
		h := leaf.Hash()
		if _, err := l.DB.ExecContext(ctx, `UPDATE ledger_entries SET payload = $1, id = $2, hash = $3 WHERE number = $4`, payload, leaf.Digest[:], h[:], e.Index); err != nil {
			t.Fatal(err)
		}
	}
	l.wantCorrupt(s.ID)
}

// wantCorrupt wants that nothing is signed about a credential.
func (l *testLab) wantCorrupt(id statement.ID) {
	l.t.Helper()
	again, err := Refresh(l.t.Context(), l.Lab, id, 0)
	if errors.Is(err, ledger.ErrCorrupt) {
		return
	}
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Errorf("the list says %q; word %v", standingBy(l.t, again.Zip, again.Credential), l.verify(again).Word)
}
