package seal

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/statement"
)

// standingBy returns what the status list in a credential's file says of it.
func standingBy(t testing.TB, zip []byte, c *statement.Credential) statement.Standing {
	t.Helper()
	parts, err := credential.Open(zip)
	if err != nil {
		t.Fatal(err)
	}
	s, err := parts.Status.Envelope.Open()
	if err != nil {
		t.Fatal(err)
	}
	st, ok := statement.As[*statement.Status](s)
	if !ok {
		t.Fatal("no status list")
	}
	lists, err := credential.ParseLists(st.Lists)
	if err != nil {
		t.Fatal(err)
	}
	return lists.Standing(c.Core.Status.Index)
}

// TestMarksDoNotCount: who can write to the database, without keys, does not make the lab sign that a credential is in force.
func TestMarksDoNotCount(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	ctx := t.Context()
	s := l.seal(router)
	if err := Suspend(ctx, l.Lab, s.ID, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.DB.ExecContext(ctx, `UPDATE credentials SET suspended = 0`); err != nil {
		t.Fatal(err)
	}
	again, err := Refresh(ctx, l.Lab, s.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := standingBy(t, again.Zip, again.Credential); got != statement.Suspended {
		t.Errorf("the list says %q", got)
	}
	if err := Reinstate(ctx, l.Lab, s.ID, "over"); err != nil {
		t.Errorf("what the ledger says counts: %v", err)
	}
}

// forge logs a credential that an insider made up, with the lab's own key.
func (l *testLab) forge(of *Sealed, change func(*statement.Credential)) {
	l.t.Helper()
	e, err := l.Ledger.Statement(l.t.Context(), of.ID)
	if err != nil {
		l.t.Fatal(err)
	}
	s, err := e.Envelope.Open()
	if err != nil {
		l.t.Fatal(err)
	}
	_, err = l.Append(l.t.Context(), lab.Act{
		Case: e.Case, By: statement.ForIssuing,
		Statement: func(p ledger.Place) (*statement.Statement, error) {
			c, ok := statement.As[*statement.Credential](s)
			if !ok {
				return nil, errors.New("no credential")
			}
			c.Core.Act = l.NewAct(p)
			c.Core.CaseLength, c.TimeVerified = p.Seq, c.Core.Act.Time
			c.Core.Status.Index ^= 1
			c.InputAttestations = slices.Clone(c.InputAttestations)
			change(c)
			c.VerificationResult = c.Core.Outcome()
			return s, nil
		},
	})
	if err != nil {
		l.t.Fatal(err)
	}
}

// TestAuditFindsInvented: a credential that does not say what it rests on is named, whoever signed it.
func TestAuditFindsInvented(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*statement.Credential){
		"better counts":           func(c *statement.Credential) { c.Core.Counts = statement.Counts{Pass: 2} },
		"another sealed root":     func(c *statement.Credential) { c.Core.Sealed.Root = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
		"received passes as seen": func(c *statement.Credential) { c.Core.Observation = statement.ObservedHere },
		"an input that is not there": func(c *statement.Credential) {
			c.InputAttestations[0].Digest.SHA256 = strings.Repeat("ab", 32)
		},
		"no verdicts":         func(c *statement.Credential) { c.InputAttestations = c.InputAttestations[:1] },
		"the place of others": func(c *statement.Credential) { c.Core.Status.Index ^= 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.forge(l.seal(router, func(o *Options) { o.Observation = statement.Received }), change)
			if r := l.audit(); !slices.ContainsFunc(r.findings, func(f string) bool { return strings.Contains(f, errUnfounded.Error()) }) {
				t.Errorf("the audit finds %q", r.findings)
			}
		})
	}
}

// TestAuditFindsWrongList: a status list that says what no change says is named.
func TestAuditFindsWrongList(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.seal(router)
	if err := Suspend(t.Context(), l.Lab, s.ID, "x"); err != nil {
		t.Fatal(err)
	}
	var clean credential.Lists
	if _, err := logStatus(t.Context(), l.Lab, s.Credential.Core.Status.Series, 2, clean.Encode()); err != nil {
		t.Fatal(err)
	}
	if r := l.audit(); !slices.ContainsFunc(r.findings, func(f string) bool { return strings.Contains(f, errUnfounded.Error()) }) {
		t.Errorf("the audit finds %q", r.findings)
	}
}

// TestWeakerSupersedesNothing: neither facts that were received nor a release that nobody declares take the place of what was seen and declared.
func TestWeakerSupersedesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	first := l.seal(router, func(o *Options) { o.Observation = statement.ObservedHere })
	bare := router
	bare.product, bare.version, bare.run = "", "", "somebody else's"
	l.seal(bare, func(o *Options) { o.Observation = statement.Received })
	again, err := Refresh(t.Context(), l.Lab, first.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := standingBy(t, again.Zip, again.Credential); got != "" {
		t.Errorf("the lab's own credential is %s", got)
	}
	if r := l.audit(); r.Count() != 0 {
		t.Errorf("the audit finds %q", r.findings)
	}
}

// TestSealingBesideRevoked: the same bytes do not get a fresh credential while one is suspended, unless the lab says so.
func TestSealingBesideRevoked(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.seal(router)
	if err := Suspend(t.Context(), l.Lab, s.ID, "x"); err != nil {
		t.Fatal(err)
	}
	other := router
	other.product, other.run = "Renamed", "second"
	p, files := other.plan()
	o := Options{Scheme: "a", Observation: statement.ObservedHere, Version: "test"}
	if _, err := Seal(t.Context(), l.Lab, p, files, o); !errors.Is(err, ErrStanding) {
		t.Errorf("sealed beside a suspended one: %v", err)
	}
	o.Anyway = true
	if _, err := Seal(t.Context(), l.Lab, p, files, o); err != nil {
		t.Error(err)
	}
}

// TestSameRelease: neither another spelling of its name nor a file added to it begins a release's count anew.
func TestSameRelease(t *testing.T) {
	t.Parallel()
	p, _ := router.plan()
	p.Artifacts[0].Size = 100
	with, _ := router.plan()
	with.Artifacts = append(with.Artifacts[:1:1], with.Artifacts[0])
	with.Artifacts[0].Size = 100
	with.Artifacts[1].Digest, with.Artifacts[1].ID, with.Artifacts[1].Size = digestOf("a note"), "note", 10
	with.Release.Product, with.Release.Version = "Entirely other", "9"
	spelt, _ := router.plan()
	spelt.Artifacts[0].Digest = digestOf("other bytes")
	spelt.Release.Product = strings.ToUpper(p.Release.Product) + " !"
	dotted, _ := router.plan()
	dotted.Artifacts[0].Digest = digestOf("other bytes again")
	dotted.Release.Version = "42.1"
	p.Release.Version = "4.2.1"
	spelt.Release.Version = "4.2.1"
	common := func(a, b []string) bool {
		return slices.ContainsFunc(a, func(k string) bool { return slices.Contains(b, k) })
	}
	if !common(releaseKeys(p, ""), releaseKeys(with, "")) {
		t.Error("a note makes another release of the same image")
	}
	if !common(releaseKeys(p, ""), releaseKeys(spelt, "")) {
		t.Error("another spelling makes another release")
	}
	if common(releaseKeys(p, ""), releaseKeys(dotted, "")) {
		t.Error("42.1 is taken for 4.2.1")
	}
}

// TestTwice: what no credential could say is refused before anything is logged.
func TestTwice(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	before := l.Ledger.Status().Size
	p, files := router.plan()
	p.Artifacts = append(p.Artifacts, p.Artifacts[0])
	p.Artifacts[1].ID = "copy"
	if _, err := Seal(t.Context(), l.Lab, p, files, Options{Scheme: "a", Observation: statement.Received, Version: "test"}); !errors.Is(err, ErrTwice) {
		t.Errorf("sealed: %v", err)
	}
	if after := l.Ledger.Status().Size; after != before {
		t.Errorf("%d acts were logged", after-before)
	}
}
