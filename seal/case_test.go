package seal

import (
	"testing"

	"github.com/probat-lab/probat/statement"
)

func TestAttempts(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	step := func(what string, d release, attempt int) *Sealed {
		t.Helper()
		s := l.seal(d)
		if got := s.Credential.Core.Attempts; got != attempt {
			t.Errorf("%s: attempt %d, want %d", what, got, attempt)
		}
		return s
	}
	a := step("the first", router, 1)
	step("the same", router, 1)
	again := router
	again.run = "second"
	b := step("evaluated again, and other facts came out", again, 2)
	same := router
	same.judged = "on another day"
	step("evaluated again, and the same facts came out", same, 3)

	first, _ := router.plan()
	anew := router
	anew.judged, anew.predecessor = "anew", first.Dossier
	step("judged anew", anew, 3) // three attempts stand; this is none
	second, _ := anew.plan()
	twice := router
	twice.judged, twice.predecessor = "once more", second.Dossier
	step("judged anew from what was judged anew", twice, 3)
	liar := router
	liar.run, liar.predecessor = "third", first.Dossier
	step("says that it was judged anew, but has other facts", liar, 4)

	renamed := router
	renamed.product, renamed.run = "better router", "fourth"
	c := step("other name, same bytes", renamed, 5)
	mended := router
	mended.image, mended.run = "r1b", "fifth"
	step("same name, other bytes", mended, 6)
	both := renamed
	both.image, both.run = "r1c", "sixth"
	step("the other name, again other bytes", both, 7)
	for _, s := range []*Sealed{b, c} {
		if s.Credential.Core.Act.Case != a.Credential.Core.Act.Case {
			t.Error("it is another case")
		}
	}

	// Attempts are counted for each scheme.
	s := l.seal(router, func(o *Options) { o.Scheme = "b" })
	if s.Credential.Core.Attempts != 1 {
		t.Errorf("for another scheme: attempt %d", s.Credential.Core.Attempts)
	}
	next := release{product: "router", version: "2", image: "r2", run: "x"}
	if s := step("another release", next, 1); s.Credential.Core.Act.Case == a.Credential.Core.Act.Case {
		t.Error("it is the same case")
	}
	// Bytes that failed do not get rid of their count under the name of another release that stands well.
	stolen := router
	stolen.version, stolen.run = "2", "seventh"
	step("failed bytes under the name of another release", stolen, 8)
}

func TestRisks(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	p, _ := router.plan()
	by := statement.Actor{Class: statement.Operator, Name: "Nordnetz", Proof: statement.Attested}
	for _, until := range []string{"2026-11-24", "2027-06-30"} {
		if _, err := Accept(t.Context(), l.Lab, p, Acceptance{By: by, Scheme: "a", Requirement: "2", Reason: "behind a jump host", Until: until}); err != nil {
			t.Fatal(err)
		}
	}
	s := l.seal(router)
	if r := s.Credential.Core.Risks; len(r) != 1 || r[0].Until != "2027-06-30" || r[0].By != by {
		t.Errorf("risks %+v", r)
	}
	if c := s.Credential.Core; c.Counts.Fail != 1 || c.CaseLength != 6 {
		t.Errorf("an accepted risk changed the counts, or is not in the case: %+v", c)
	}
	if s := l.seal(router, func(o *Options) { o.Scheme = "b" }); len(s.Credential.Core.Risks) != 0 {
		t.Error("a risk of another scheme is named")
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	for want, parts := range map[string][]string{
		"er-240_1.2":  {"ER 240", "1.2"},
		"a_b":         {"../a", "", "b/"},
		"m-ller_v1":   {"Müller", "v1"},
		"":            {"..", "///"},
		"x_2026-q4_s": {"x", "2026-Q4", "s"},
	} {
		if got := name(parts...); got != want {
			t.Errorf("%q: %q, want %q", parts, got, want)
		}
	}
}
