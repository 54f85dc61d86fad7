package seal

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/statement"
)

func TestSuspend(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	ctx := t.Context()
	s, other := l.seal(router), l.seal(release{product: "other", version: "1", image: "o", run: "x"})
	if err := Reinstate(ctx, l.Lab, s.ID, "nothing to end"); !errors.Is(err, ErrState) {
		t.Error(err)
	}
	if err := Suspend(ctx, l.Lab, s.ID, "a default password"); err != nil {
		t.Fatal(err)
	}
	if err := Suspend(ctx, l.Lab, s.ID, "again"); !errors.Is(err, ErrState) {
		t.Error(err)
	}
	got := l.refresh(s.ID)
	l.wantWord(got, credential.Suspended)
	if got.Standing != statement.Suspended {
		t.Errorf("standing %q", got.Standing)
	}
	l.wantWord(l.refresh(other.ID), credential.ValidUnwitnessed)
	if err := Reinstate(ctx, l.Lab, s.ID, "the password was not one"); err != nil {
		t.Fatal(err)
	}
	l.wantWord(l.refresh(s.ID), credential.ValidUnwitnessed)
	if err := Suspend(ctx, l.Lab, statement.ID{1}, "unknown"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	ctx := t.Context()
	s := l.seal(router)
	if err := Revoke(ctx, l.Lab, s.ID, "at once"); !errors.Is(err, ErrNotice) {
		t.Error(err)
	}
	n, by, err := Notice(ctx, l.Lab, s.ID, "exchanged")
	if err != nil {
		t.Fatal(err)
	}
	if want := l.Now().AddDate(0, 0, 14); !by.Equal(want) {
		t.Errorf("answer by %s, want %s", by, want)
	}
	l.clock.forward(14*24*time.Hour - time.Second)
	if err := Revoke(ctx, l.Lab, s.ID, "a second too early"); !errors.Is(err, ErrNotice) {
		t.Error(err)
	}
	l.wantWord(l.refresh(s.ID), credential.ValidUnwitnessed)
	l.clock.forward(time.Second)
	if err := Revoke(ctx, l.Lab, s.ID, "nobody answered"); err != nil {
		t.Fatal(err)
	}
	got := l.refresh(s.ID)
	l.wantWord(got, credential.Revoked)
	for what, err := range map[string]error{
		"revoked twice": Revoke(ctx, l.Lab, s.ID, "x"), "suspended": Suspend(ctx, l.Lab, s.ID, "x"), "reinstated": Reinstate(ctx, l.Lab, s.ID, "x"),
	} {
		if !errors.Is(err, ErrState) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, _, err := Notice(ctx, l.Lab, s.ID, "x"); !errors.Is(err, ErrState) {
		t.Error(err)
	}
	// It stays revoked when it is sealed again.
	l.wantWord(l.seal(router), credential.Revoked)
	var change *statement.Change
	for e, err := range l.Ledger.Entries(ctx, 0, l.Ledger.Status().Size, statement.TypeChange) {
		if err != nil {
			t.Fatal(err)
		}
		if change, err = content[*statement.Change](e); err != nil {
			t.Fatal(err)
		}
	}
	if change.Notice != n.String() || change.Answer != "" {
		t.Errorf("the revocation rests on %+v", change)
	}
}

func TestAnswer(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	ctx := t.Context()
	s, other := l.seal(router), l.seal(release{product: "other", version: "1", image: "o", run: "x"})
	n, _, err := Notice(ctx, l.Lab, s.ID, "exchanged")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Answered(ctx, l.Lab, other.ID, n, "Example", "agrees", "yes"); !errors.Is(err, ErrUnknown) {
		t.Errorf("an answer to a notice about another credential: %v", err)
	}
	if _, err := Answered(ctx, l.Lab, s.ID, statement.ID{1}, "Example", "agrees", "yes"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	a, err := Answered(ctx, l.Lab, s.ID, n, "Example", "disputes", "no")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := Answered(ctx, l.Lab, s.ID, n, "Example", "disputes", "no"); err != nil || b != a {
		t.Errorf("the same answer again: %s, %v", b, err)
	}
	if _, err := Answered(ctx, l.Lab, s.ID, n, "Example", "agrees", "well, yes"); !errors.Is(err, ErrState) {
		t.Errorf("another answer to the same notice: %v", err)
	}
	if err := Revoke(ctx, l.Lab, other.ID, "by the wrong notice"); !errors.Is(err, ErrNotice) {
		t.Error(err)
	}
	if err := Revoke(ctx, l.Lab, s.ID, "answered"); err != nil {
		t.Fatal(err)
	}
	l.wantWord(l.refresh(s.ID), credential.Revoked)
	if err := Suspend(ctx, l.Lab, other.ID, "for now"); err != nil {
		t.Fatal(err)
	}
	if n2, _, err := Notice(ctx, l.Lab, other.ID, "exchanged too"); err != nil {
		t.Fatal(err)
	} else if _, err := Answered(ctx, l.Lab, other.ID, n2, "Example", "agrees", "yes"); err != nil {
		t.Fatal(err)
	}
	if err := Revoke(ctx, l.Lab, other.ID, "answered"); err != nil {
		t.Fatal(err)
	}
	if r := l.verify(l.refresh(other.ID)); r.Word != credential.Revoked || slices.ContainsFunc(r.Reasons, func(r credential.Reason) bool { return r.Word == credential.Suspended }) {
		t.Errorf("revoked while suspended: %s %v", r.Word, r.Reasons)
	}
}

// The list that customers fetch says at once what was decided.
func TestPublishedList(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.seal(router)
	latest := func() *credential.Lists { return l.published(s.Credential.Core.Status.Series) }
	place := s.Credential.Core.Status.Index
	if latest().Suspended.Get(place) {
		t.Error("suspended before")
	}
	if err := Suspend(t.Context(), l.Lab, s.ID, "x"); err != nil {
		t.Fatal(err)
	}
	if !latest().Suspended.Get(place) {
		t.Error("the published list does not say it")
	}
	// A process that ended between the act and the list: the next one that finds it suspended publishes the list.
	if err := Reinstate(t.Context(), l.Lab, s.ID, "x"); err != nil {
		t.Fatal(err)
	}
	r, err := credentialByID(t.Context(), l.Lab, s.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := change(t.Context(), l.Lab, r, "suspended/test", statement.Change{Reason: "x", Standing: statement.Suspended}, `suspended = 1`); err != nil {
		t.Fatal(err)
	}
	if err := Suspend(t.Context(), l.Lab, s.ID, "x"); !errors.Is(err, ErrState) {
		t.Error(err)
	}
	if !latest().Suspended.Get(place) {
		t.Error("the published list does not say it after all")
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.seal(router)
	l.clock.forward(364 * 24 * time.Hour)
	l.wantWord(s, credential.ValidStale)
	l.wantWord(l.refresh(s.ID), credential.ValidUnwitnessed)
	l.clock.forward(24 * time.Hour)
	l.wantWord(l.refresh(s.ID), credential.Expired)
}
