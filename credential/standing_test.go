package credential_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/statement"
)

// with returns lists in which one standing of one credential is set.
func with(index int64, standings ...statement.Standing) *credential.Lists {
	var l credential.Lists
	for _, s := range standings {
		l.Put(index, s)
	}
	return &l
}

// TestNewestListCounts: stapled, fetched or remembered, the newest counts; what was revoked stays revoked (doc/adversarial-tests.md, 2 and 32).
func TestNewestListCounts(t *testing.T) {
	l, c, zip := sealed(t)
	at := func(hours int) time.Time { return noon.Add(time.Duration(hours) * time.Hour) }
	suspended := l.StatusFile(2, at(1), with(c.Index, statement.Suspended))
	reinstated := l.StatusFile(3, at(2), with(c.Index))
	in := input(l)
	in.Status = [][]byte{suspended}
	r := because(t, zip, in, credential.Suspended, "the status list")
	if r.Facts.Status.Sequence != 2 || r.Facts.Status.Source != "the status list" {
		t.Errorf("status %+v", r.Facts.Status)
	}
	// A lower number never overrides, in whatever order they come.
	for _, status := range [][][]byte{{suspended, reinstated}, {reinstated, suspended}} {
		in.Status = status
		want(t, zip, in, credential.Valid)
	}
	in.Status = nil
	stapled := *c
	zip3 := stapled.Refresh(5, at(3), with(c.Index, statement.Suspended))
	in.Status = [][]byte{reinstated}
	because(t, zip3, in, credential.Suspended, "status.sigstore.json")

	// Revoked once, and a later list that says nothing of it, wherever either comes from.
	revoked := l.StatusFile(6, at(4), with(c.Index, statement.Revoked))
	forgot := *c
	zip7 := forgot.Refresh(7, at(5), nil)
	in.Status = nil
	want(t, zip7, in, credential.Valid)
	in.Status = [][]byte{revoked}
	because(t, zip7, in, credential.Revoked, "takes nothing back")
	in.Status = nil
	in.Seen = want(t, zip, func() credential.Input { in := input(l); in.Status = [][]byte{revoked}; return in }(), credential.Revoked).Seen
	because(t, zip7, in, credential.Revoked, "the remembered status list")
	in.Seen = want(t, zip7, in, credential.Revoked).Seen // and is kept when the newer list is what is remembered
	because(t, zip7, in, credential.Revoked, "the remembered status list")
	if got := in.Seen.Labs[0].Series[0].Sequence; got != 7 {
		t.Errorf("remembers number %d", got)
	}
	// The same for superseded; suspension is what can end.
	over := l.StatusFile(8, at(6), with(c.Index, statement.Superseded, statement.Suspended))
	zip9 := forgot.Refresh(9, at(7), nil)
	in = input(l)
	in.Status = [][]byte{over}
	because(t, zip9, in, credential.Superseded, "a later credential")
}

// TestRollback: an older stapled list does not hide what was seen.
func TestRollback(t *testing.T) {
	l, c, old := sealed(t)
	newer := c.Refresh(4, noon.Add(time.Hour), with(c.Index, statement.Suspended))
	in := input(l)
	in.Seen = want(t, newer, in, credential.Suspended).Seen
	r := because(t, old, in, credential.Suspended, "the remembered status list")
	if r.Facts.Status.Sequence != 4 {
		t.Errorf("status %+v", r.Facts.Status)
	}
	if got := r.Seen.Labs[0].Series[0]; got.Sequence != 4 {
		t.Errorf("forgot: %+v", got)
	}
}

// TestTwoListsOfOneNumber: the lab tells two stories.
func TestTwoListsOfOneNumber(t *testing.T) {
	l, _, zip := sealed(t)
	in := input(l)
	in.Status = [][]byte{l.StatusFile(1, noon.Add(time.Hour), nil)}
	because(t, zip, in, credential.Diverged, "has the number 1")
	in.Status = nil
	in.Seen = want(t, zip, in, credential.Valid).Seen
	in.Status = [][]byte{l.StatusFile(2, noon.Add(time.Hour), nil), l.StatusFile(2, noon.Add(time.Hour), nil)}
	because(t, zip, in, credential.Diverged, "has the number 2")
}

// TestStatusRefused: lists that are not the lab's word on this series, stapled and fetched.
func TestStatusRefused(t *testing.T) {
	for name, x := range map[string]struct {
		bend func(l *credentialtest.Lab, st *statement.Status, s *statement.Statement)
		word credential.Word
		text string
	}{
		"another series": {func(_ *credentialtest.Lab, st *statement.Status, _ *statement.Statement) {
			st.Series = credentialtest.Hex(16)
		}, credential.Invalid, "of the series"},
		"subject of another": {func(_ *credentialtest.Lab, _ *statement.Status, s *statement.Statement) {
			s.Subjects[0] = credential.StatusSubject("x")
		}, credential.Invalid, "of the series"},
		"a list that does not unpack": {func(_ *credentialtest.Lab, st *statement.Status, _ *statement.Statement) {
			st.Lists[0].EncodedList += "A"
		}, credential.Invalid, "reading a status list"},
		"a vendor's act": {func(_ *credentialtest.Lab, st *statement.Status, _ *statement.Statement) {
			st.Act.Actor.Class = statement.Vendor
		}, credential.Invalid, "no lab"},
		"of tomorrow": {func(_ *credentialtest.Lab, st *statement.Status, _ *statement.Statement) {
			st.Act.Time = "2026-11-26T12:00:00Z"
		}, credential.Backdated, "still to come"},
		"knows more than there is": {func(_ *credentialtest.Lab, st *statement.Status, _ *statement.Statement) { st.Act.AsOf.Size += 20 }, credential.Backdated, "is leaf"},
		"after its key's time": {func(l *credentialtest.Lab, st *statement.Status, _ *statement.Statement) {
			l.Trust.Keys[0].Until = st.Act.Time
		}, credential.Invalid, "the key"},
	} {
		l, c, zip := sealed(t)
		bend := func(st *statement.Status, s *statement.Statement) { x.bend(l, st, s) }
		fetched := l.StatusFile(2, noon.Add(time.Hour), nil, bend)
		in := input(l)
		in.Status = [][]byte{fetched}
		if r := credential.Verify(zip, in); r.Word != x.word || !strings.Contains(r.Reasons[0].Text, x.text) || r.Reasons[0].Where != "the status list" {
			t.Errorf("fetched, %s: %s, want %s: %v", name, r.Word, x.word, r.Reasons)
		}
		stapled := c.Refresh(2, noon.Add(time.Hour), nil, bend)
		if r := credential.Verify(stapled, input(l)); r.Word != x.word || !strings.Contains(r.Reasons[0].Text, x.text) {
			t.Errorf("stapled, %s: %s, want %s: %v", name, r.Word, x.word, r.Reasons)
		}
	}
	l, c, zip := sealed(t)
	for name, status := range map[string][]byte{
		"nothing":               {},
		"a credential":          credential.NewBundle(c.Parts.Credential.Envelope, c.Parts.Credential.Signer, l.LogKey(), c.Parts.Credential.Proof).Bytes(),
		"a truncated one":       l.StatusFile(2, noon.Add(time.Hour), nil)[:500],
		"a bundle with a space": append(l.StatusFile(3, noon.Add(time.Hour), nil), ' '),
		"another lab's": func() []byte {
			o := credentialtest.New(t, origin, 3)
			o.Series = l.Series
			return o.StatusFile(9, noon.Add(time.Hour), nil)
		}(),
		"in no tree": bytes.Replace(l.StatusFile(4, noon.Add(time.Hour), nil), []byte(`"hashes":["`), []byte(`"hashes":["`+statementRoot(1)+`","`), 1),
	} {
		in := input(l)
		in.Status = [][]byte{status}
		if r := credential.Verify(zip, in); r.Word.Authentic() {
			t.Errorf("%s: %s", name, r.Word)
		}
	}
}

// TestStatusOfUnknownKey: the log is right, the key is nobody's (doc/adversarial-tests.md, 32: the wrong issuer).
func TestStatusOfUnknownKey(t *testing.T) {
	l, c, zip := sealed(t)
	pinned := l.Pinned()
	right := l.Issuing
	l.Issuing = credentialtest.Key(t)
	in := input(l)
	in.Trust = pinned
	in.Status = [][]byte{l.StatusFile(2, noon.Add(time.Hour), nil)}
	because(t, zip, in, credential.NotPinned, "the status list: the trust file does not know the key")
	in.Status = nil
	because(t, c.Refresh(3, noon.Add(time.Hour), nil), in, credential.NotPinned, "status.sigstore.json: the trust file does not know the key")
	l.Issuing = l.Ledger // known, and not for this
	in.Status = [][]byte{l.StatusFile(4, noon.Add(time.Hour), nil)}
	because(t, zip, in, credential.Invalid, "may not sign")
	l.Issuing = right
}

// TestNoStatement: what is signed, logged and cosigned rightly, and is not a statement at all.
func TestNoStatement(t *testing.T) {
	l, c, zip := sealed(t)
	e, err := statement.Sign(l.Issuing, []byte(`{"_type":"https://in-toto.io/Statement/v0.1"}`))
	if err != nil {
		t.Fatal(err)
	}
	signer := credentialtest.Public(t, l.Issuing)
	index := l.Append(credential.LeafOf(e, signer))
	c.Refresh(2, noon.Add(time.Hour), nil)
	shared := c.Parts.Credential.Proof.Checkpoint
	junk := credential.Logged{Envelope: e, Signer: signer, Proof: l.Prove(index, shared)}
	in := input(l)
	in.Status = [][]byte{credential.NewBundle(e, signer, l.LogKey(), junk.Proof).Bytes()}
	because(t, zip, in, credential.Invalid, "the status list")
	bent := *c
	bent.Parts.Status = junk
	because(t, bent.Zip(), input(l), credential.Invalid, "status.sigstore.json")
	bent = *c
	bent.Parts.Credential, bent.Parts.First = junk, junk.Proof
	because(t, bent.Zip(), input(l), credential.Invalid, "credential.sigstore.json")
}

// TestFreshness: the age of the newest list, not of the stapled one, is what counts.
func TestFreshness(t *testing.T) {
	l, _, zip := sealed(t)
	in := input(l)
	in.Now = noon.AddDate(0, 0, 40)
	want(t, zip, in, credential.ValidStale)
	in.Status = [][]byte{l.StatusFile(2, noon.AddDate(0, 0, 39), nil)}
	want(t, zip, in, credential.Valid)
	in.MaxStatusAge = 24*time.Hour - time.Second
	want(t, zip, in, credential.ValidStale)
	// Remembered, it still counts.
	in.MaxStatusAge = 0
	in.Seen = want(t, zip, in, credential.Valid).Seen
	in.Status = nil
	want(t, zip, in, credential.Valid)
}
