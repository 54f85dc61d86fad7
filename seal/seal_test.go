package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/statement"
)

var router = release{product: "router", version: "1", image: "r1", run: "first"}

func TestSealTwice(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	a := l.seal(router)
	l.wantWord(a, credential.ValidUnwitnessed)
	if a.Again || a.Credential.Core.Attempts != 1 || a.Credential.Core.CaseLength != 4 || a.Witnesses != Unasked || a.Standing != "" || a.NoArtifact {
		t.Errorf("sealed %+v", a)
	}
	before := l.count()
	l.reopen()
	b := l.seal(router)
	if b.ID != a.ID || !b.Again || !bytes.Equal(a.Zip, b.Zip) {
		t.Errorf("sealed again: %s, again %v, the same file %v", b.ID, b.Again, bytes.Equal(a.Zip, b.Zip))
	}
	if after := l.count(); !maps.Equal(before, after) {
		t.Errorf("sealing again made acts: %v, before %v", after, before)
	}
	l.clock.forward(statusFresh)
	c := l.seal(router)
	if c.ID != a.ID || bytes.Equal(a.Zip, c.Zip) {
		t.Error("sealed again after hours: another credential, or an old status")
	}
	if n := l.count()[statement.TypeStatus]; n != before[statement.TypeStatus]+1 {
		t.Errorf("%d status lists", n)
	}
	if r := l.verify(c); r.Facts.Status == nil || r.Facts.Status.Age != 0 {
		t.Errorf("the status is %+v", r.Facts.Status)
	}
}

// A second dossier would be a second credential that says less: the lab knows that it observed this one itself.
func TestReceivedAfterObserved(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	here := func(o *Options) { o.Observation = statement.ObservedHere }
	a := l.seal(router, here)
	b := l.seal(router)
	if a.ID != b.ID || b.Credential.Core.Observation != statement.ObservedHere || !b.Again {
		t.Errorf("got %s, which says %s", b.ID, b.Credential.Core.Observation)
	}
	other := release{product: "switch", version: "1", image: "s1", run: "first"}
	c := l.seal(other)
	d := l.seal(other, here)
	if c.ID == d.ID || c.Credential.Core.Observation != statement.Received || d.Credential.Core.Observation != statement.ObservedHere {
		t.Error("what was received first and observed later is one credential")
	}
	l.wantWord(l.refresh(c.ID), credential.Superseded)
	l.wantWord(d, credential.ValidUnwitnessed)
}

// TestCrash ends sealing at every look at the clock, which each act takes, and goes on afterwards.
func TestCrash(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.seal(release{product: "first", version: "1", image: "x", run: "x"}) // editions and series are there
	ended := 0
	for n := 1; ; n++ {
		d := release{product: fmt.Sprint("router ", n), version: "1", image: fmt.Sprint(n), run: "run"}
		old := l.seal(release{product: d.product, version: "1", image: "old" + d.image, run: "old"})
		before := l.count()
		ctx, cancel := context.WithCancel(t.Context())
		l.clock.watch(func(i int) {
			if i == n {
				cancel()
			}
		})
		a, err := l.trySeal(ctx, d)
		cancel()
		l.clock.watch(nil)
		if err == nil {
			l.wantWord(a, credential.ValidUnwitnessed)
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("ended at %d: %v", n, err)
		}
		ended++
		if n%4 == 0 {
			l.reopen()
		}
		s := l.seal(d)
		l.wantWord(s, credential.ValidUnwitnessed)
		if got := l.seal(d); got.ID != s.ID {
			t.Errorf("ended at %d: another credential", n)
		}
		l.wantWord(l.refresh(old.ID), credential.Superseded)
		after := l.count()
		for _, typ := range []string{statement.TypeSubmission, statement.TypeDossier, statement.TypeVerdicts, statement.TypeCredential, statement.TypeChange} {
			if after[typ] != before[typ]+1 {
				t.Errorf("ended at %d: %d more acts of type %s", n, after[typ]-before[typ], typ)
			}
		}
		if k := s.Credential.Core; k.Attempts != 2 {
			t.Errorf("ended at %d: attempt %d", n, k.Attempts)
		}
	}
	if ended < 6 {
		t.Errorf("ended at %d steps only", ended)
	}
}

func TestWrongFile(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	p, _ := router.plan()
	_, err := Seal(t.Context(), l.Lab, p, func(string) ([]byte, error) { return []byte("other"), nil }, Options{Scheme: "a", Observation: statement.Received})
	if err == nil {
		t.Fatal("a file of another digest was kept")
	}
	if n := l.count()[statement.TypeSubmission]; n != 0 {
		t.Error("it was submitted all the same")
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	set := func(scheme, profile string) func(*Options) {
		return func(o *Options) { o.Scheme, o.Profile = scheme, profile }
	}
	for _, c := range []struct {
		scheme, profile string
		want            error
	}{{"", "", ErrWhich}, {"c", "", ErrUnknown}, {"a", "none", ErrUnknown}} {
		if _, err := l.trySeal(t.Context(), router, set(c.scheme, c.profile)); !errors.Is(err, c.want) {
			t.Errorf("scheme %q, profile %q: %v", c.scheme, c.profile, err)
		}
	}
	whole, profile, other := l.seal(router), l.seal(router, set("a", "artifact")), l.seal(router, set("b", ""))
	if n := l.count()[statement.TypeStatus]; n != 3 {
		t.Errorf("%d status lists for three credentials: one must be younger than each", n)
	}
	if whole.Credential.VerificationResult != statement.Failed || profile.Credential.VerificationResult != statement.Passed {
		t.Errorf("outcomes %s, %s", whole.Credential.VerificationResult, profile.Credential.VerificationResult)
	}
	names := map[string]bool{whole.Name: true, profile.Name: true, other.Name: true}
	if len(names) != 3 {
		t.Errorf("names %v", names)
	}
	for _, s := range []*Sealed{whole, profile, other} {
		l.wantWord(l.refresh(s.ID), credential.ValidUnwitnessed) // none supersedes another
		if s.Credential.Core.Attempts != 1 {
			t.Errorf("attempt %d", s.Credential.Core.Attempts)
		}
	}
	if c := whole.Credential.Core.Act.Case; profile.Credential.Core.Act.Case != c || other.Credential.Core.Act.Case != c {
		t.Error("one release has several cases")
	}
}

func TestNoArtifact(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.seal(release{product: "hosting", version: "2026-Q4", run: "x"})
	l.wantWord(s, credential.ValidUnwitnessed)
	if !s.NoArtifact {
		t.Error("it has an artifact")
	}
	s = l.seal(release{image: "nameless", run: "x"})
	l.wantWord(s, credential.ValidUnwitnessed)
	if s.NoArtifact || s.Name != "image_a" {
		t.Errorf("name %q", s.Name)
	}
}

// Several seal at once, the same and others: each release is sealed once, and every number in a case is given once.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var g errgroup.Group
	ids := make([]statement.ID, 24)
	for i := range ids {
		g.Go(func() error {
			n := i / 3
			// Releases 0 and 1 are one case, with other bytes.
			s, err := l.trySeal(t.Context(), release{product: fmt.Sprint("p", max(n, 1)), version: "1", image: fmt.Sprint(n), run: fmt.Sprint(n)})
			if err == nil {
				ids[i] = s.ID
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	different := map[statement.ID]bool{}
	for i, id := range ids {
		different[id] = true
		if id != ids[i/3*3] {
			t.Errorf("dossier %d was sealed twice", i/3)
		}
	}
	if n := l.count(); len(different) != 8 || n[statement.TypeSubmission] != 8 || n[statement.TypeCredential] != 8 || n[statement.TypeChange] != 1 {
		t.Errorf("%d credentials; acts %v", len(different), n)
	}
	if r, err := l.Ledger.Audit(t.Context(), ledger.AuditOptions{Signatures: true, Known: func(string) bool { return true }}); err != nil || !r.OK() {
		t.Errorf("the audit: %v, %v", err, r)
	}
}

func TestSeries(t *testing.T) { // not beside others: it changes what all read
	defer func(n int) { seriesFill = n }(seriesFill)
	seriesFill = 2
	l := newLab(t)
	series := map[string]int{}
	var first *Sealed
	for i := range 5 {
		s := l.seal(release{product: fmt.Sprint("p", i), version: "1", image: fmt.Sprint(i), run: "x"})
		series[s.Credential.Core.Status.Series]++
		if first == nil {
			first = s
		}
	}
	if len(series) != 3 {
		t.Errorf("series %v", series)
	}
	// A credential in a new series supersedes one in an old series: the old one's list says so.
	place := first.Credential.Core.Status
	if l.published(place.Series).Superseded.Get(place.Index) {
		t.Error("superseded before")
	}
	l.seal(release{product: "p0", version: "1", image: "other", run: "y"})
	if !l.published(place.Series).Superseded.Get(place.Index) {
		t.Error("the list of the old series does not say it")
	}
	l.wantWord(l.refresh(first.ID), credential.Superseded)
}
