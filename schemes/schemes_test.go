package schemes_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/probat-lab/probat/scheme"
	"github.com/probat-lab/probat/schemes"
	"github.com/probat-lab/probat/schemetest"
)

// TestSchemes parses every scheme that comes with the program, lints it and runs its test file.
func TestSchemes(t *testing.T) {
	for _, id := range schemes.IDs() {
		t.Run(id, func(t *testing.T) {
			source, _ := schemes.Source(id)
			s, err := scheme.Parse(id+".yaml", source)
			if err != nil {
				t.Fatal(err)
			}
			if s.ID != id {
				t.Errorf("the scheme in %s.yaml has the id %q", id, s.ID)
			}
			if err := scheme.Lint(id+".yaml", s); err != nil {
				t.Error(err)
			}
			tests, ok := schemes.Tests(id)
			if !ok {
				t.Fatalf("%s.test.yaml is missing", id)
			}
			r, err := schemetest.Run(t.Context(), s, id+".test.yaml", tests)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range r.Failures {
				t.Error(f)
			}
			exercised(t, s, r)
		})
	}
}

// exercised demands of a test file that every automatic test finds something in one case, holds in another and, where it goes over facts,
// cannot tell in a third. A test that calls unknown whatever it does not like needs to find nothing, one that likes nothing to hold never.
func exercised(t *testing.T, s *scheme.Scheme, r *schemetest.Report) {
	for _, e := range r.Tests {
		if !e.Automatic {
			continue
		}
		q, _ := s.Requirement(e.Requirement)
		x := &q.Tests[slices.IndexFunc(q.Tests, func(x scheme.Test) bool { return x.ID == e.Test })]
		found := e.Found > 0 || x.Unknown != nil
		held := e.Held > 0 || x.Expect.Text == "false"
		undecidable := e.Undecidable > 0 || len(x.Kinds) == 0
		if !found || !held || !undecidable {
			t.Errorf("%s/%s: %d cases in which it finds something, %d in which it holds, %d in which it cannot tell", e.Requirement, e.Test, e.Found, e.Held, e.Undecidable)
		}
	}
}

// clauses are those of 3GPP TS 33.117 V18.1.0 that have a test case, in its order.
var clauses = strings.Fields(`4.2.2.2.2 4.2.2.2.3.1 4.2.2.2.3.2 4.2.2.2.4.1 4.2.3.2.2 4.2.3.2.3 4.2.3.2.4 4.2.3.2.5 4.2.3.3.2 4.2.3.3.3 4.2.3.3.5
	4.2.3.4.1.1 4.2.3.4.1.2 4.2.3.4.2.1 4.2.3.4.2.2 4.2.3.4.2.3 4.2.3.4.3.1 4.2.3.4.3.2 4.2.3.4.3.3 4.2.3.4.3.4 4.2.3.4.4.1 4.2.3.4.5 4.2.3.4.6.1
	4.2.3.4.6.2 4.2.3.5.1 4.2.3.5.2 4.2.3.6.1 4.2.3.6.2 4.2.3.6.3 4.2.4.1.1.1 4.2.4.1.1.2 4.2.4.1.1.3 4.2.4.1.2.1 4.2.4.2.2 4.2.5.1 4.2.5.2.1 4.2.5.3
	4.2.6.2.1 4.2.6.2.3 4.2.6.2.4 4.3.2.1 4.3.2.2 4.3.2.3 4.3.2.4 4.3.2.5 4.3.2.6 4.3.2.7 4.3.3.1.1 4.3.3.1.2 4.3.3.1.3 4.3.3.1.4 4.3.3.1.5 4.3.3.1.6
	4.3.4.2 4.3.4.3 4.3.4.4 4.3.4.5 4.3.4.6 4.3.4.7 4.3.4.8 4.3.4.9 4.3.4.10 4.3.4.11 4.3.4.12 4.3.4.13 4.3.4.14 4.3.5.1 4.3.6.2 4.3.6.3 4.3.6.4
	4.4.2 4.4.3 4.4.4`)

// decidedByFiles are the clauses that the delivered files alone can settle. No other may pass on an artifact alone.
var decidedByFiles = strings.Fields("4.2.3.4.2.3 4.2.3.6.3 4.2.4.2.2 4.3.2.3 4.3.2.5 4.3.2.7 4.3.4.5 4.3.4.6 4.3.4.8 4.3.4.9 4.4.3")

// decidedByInstance are the clauses that a running instance alone can settle.
var decidedByInstance = strings.Fields(`4.2.2.2.2 4.2.2.2.3.1 4.2.2.2.4.1 4.2.3.2.4 4.2.3.4.3.3 4.2.3.4.4.1 4.2.3.4.5 4.2.3.5.2 4.2.4.1.1.2 4.2.4.1.1.3 4.2.5.1 4.2.5.3
	4.3.2.1 4.3.2.2 4.3.2.6 4.3.3.1.1 4.3.3.1.2 4.3.4.2 4.3.4.3 4.3.4.7 4.3.4.9 4.3.4.10 4.3.4.11 4.3.4.12 4.3.4.14 4.3.5.1 4.3.6.2 4.3.6.3 4.3.6.4 4.4.2 4.4.4`)

// TestTS33117 holds the scheme against what the catalogue's test cases can be settled by.
func TestTS33117(t *testing.T) {
	source, _ := schemes.Source("ts-33.117")
	s, err := scheme.Parse("ts-33.117.yaml", source)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	automatic := 0
	for i := range s.Requirements {
		q := &s.Requirements[i]
		ids = append(ids, q.ID)
		if q.Waits == "" || q.Link == "" {
			t.Errorf("%s: waits or link is missing", q.ID)
		}
		for _, set := range q.PassBy {
			if slices.Equal(set, []scheme.Means{scheme.Artifact}) && !slices.Contains(decidedByFiles, q.ID) {
				t.Errorf("%s passes by files alone", q.ID)
			}
			if slices.Equal(set, []scheme.Means{scheme.Live}) && !slices.Contains(decidedByInstance, q.ID) {
				t.Errorf("%s passes by a running instance alone", q.ID)
			}
		}
		if slices.ContainsFunc(q.Tests, func(x scheme.Test) bool { return !x.IsProcedure() && x.Severity != scheme.Note }) {
			automatic++
		}
	}
	if !slices.Equal(ids, clauses) {
		t.Errorf("requirements are %v, want %v", ids, clauses)
	}
	if len(s.Profiles) != 1 || !slices.Equal(s.Profiles[0].Requirements, decidedByFiles) {
		t.Errorf("profiles = %+v, want one of %v", s.Profiles, decidedByFiles)
	}
	if automatic < 15 {
		t.Errorf("%d requirements have automatic tests, want 15 at least", automatic)
	}
	t.Logf("%d of %d requirements have automatic tests that can fail; gaps: %v", automatic, len(ids), scheme.Gaps(s))
}
