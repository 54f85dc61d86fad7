package outline_test

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/probat-lab/probat/outline"
)

// TestCompareSystems: what lies in no system is not taken for what lies in one.
func TestCompareSystems(t *testing.T) {
	side := func(verdict, system, content string) *outline.Judged {
		return &outline.Judged{
			Scheme:       outline.Scheme{ID: "s", Edition: "1", Digest: "d"},
			Requirements: []outline.Requirement{{Scheme: "s", ID: "R", Verdict: verdict, Inputs: outline.Inputs{Facts: content}}},
			Findings: []outline.Finding{{
				Scheme: "s", Requirement: "R", Fingerprint: content, Kind: "fail", Places: []outline.Place{{System: system, Path: "/p", Kind: "file"}},
			}},
			Nodes: []outline.Node{{System: system, Path: "/p", Content: content, Mode: -1}},
		}
	}
	for _, c := range []struct {
		from, to string
		want     int
	}{{"", "a/b", 2}, {"a/b", "", 2}, {"a1", "a2", 1}, {"", "", 1}} {
		x := outline.Compare(side("pass", c.from, "1"), side("fail", c.to, "2")).Changes[0]
		if len(x.Causes) != c.want || x.Kind != outline.NewlyFailed {
			t.Errorf("%q to %q: %s by %+v", c.from, c.to, x.Kind, x.Causes)
		}
	}
}

var verdicts = []string{"not-applicable", "pass", "not-assessed", "inconclusive", "fail"}

// drawJudged makes rows of a scheme that need not hang together.
func drawJudged(t *rapid.T, label string) *outline.Judged {
	word := func(of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
	j := &outline.Judged{Scheme: outline.Scheme{ID: "s", Edition: word("1", "1", "1", "2"), Digest: "d"}}
	for i, id := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"R1", "R2", "R3", "R4", "R5"}), 0, 5, rapid.ID[string]).Draw(t, label) {
		in := outline.Inputs{Facts: word("x", "y"), Declared: word("x", "y")}
		j.Requirements = append(j.Requirements, outline.Requirement{Scheme: "s", ID: id, Position: int64(i), Verdict: rapid.SampledFrom(verdicts).Draw(t, label), Inputs: in})
		for range rapid.IntRange(0, 3).Draw(t, label) {
			f := outline.Finding{Scheme: "s", Requirement: id, Fingerprint: word("f1", "f2", "f3"), Kind: word("fail", "open")}
			f.Places = append(f.Places, outline.Place{System: word("", "a", "b"), Path: word("/p", "/q"), Attributes: word("1", "2"), Kind: word("file", "account", "package"), Key: "k"})
			j.Findings = append(j.Findings, f)
		}
	}
	for i := range rapid.IntRange(0, 6).Draw(t, label) {
		j.Nodes = append(j.Nodes, outline.Node{Position: int64(i), System: word("", "a", "b"), Path: word("/p", "/q", "/etc/shadow"), Content: word("c", "d"), Mode: 0o644})
		j.Packages = append(j.Packages, outline.Package{Position: int64(i), System: word("", "a", "b"), Path: word("/p", "/q"), Key: "k", Name: "k", Version: word("1", "2")})
	}
	return j
}

// shuffled is the same in another order.
func shuffled(t *rapid.T, j *outline.Judged) *outline.Judged {
	k := *j
	k.Requirements = rapid.Permutation(j.Requirements).Draw(t, "requirements")
	k.Findings = rapid.Permutation(j.Findings).Draw(t, "findings")
	k.Nodes = rapid.Permutation(j.Nodes).Draw(t, "nodes")
	k.Packages = rapid.Permutation(j.Packages).Draw(t, "packages")
	return &k
}

func TestCompareProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawJudged(t, "a"), drawJudged(t, "b")
		there, back := outline.Compare(a, b), outline.Compare(b, a)
		all := map[string]bool{}
		for _, j := range []*outline.Judged{a, b} {
			for _, q := range j.Requirements {
				all[q.ID] = true
			}
		}
		if len(there.Changes) != len(all) || len(back.Changes) != len(all) {
			t.Fatalf("%d and %d changes of %d requirements", len(there.Changes), len(back.Changes), len(all))
		}
		for _, k := range []outline.ChangeKind{outline.CarriedOver, outline.NotComparable} {
			if there.Counts[k] != back.Counts[k] {
				t.Fatalf("%d and %d are %s", there.Counts[k], back.Counts[k], k)
			}
		}
		same := outline.Compare(a, shuffled(t, a))
		if same.Counts[outline.CarriedOver] != len(a.Requirements) {
			t.Fatalf("a release against itself: %v", same.Counts)
		}
		if again := outline.Compare(shuffled(t, a), shuffled(t, b)); !reflect.DeepEqual(again, there) {
			t.Fatalf("in another order: %+v\nbefore %+v", again, there)
		}
		from := map[string]outline.Change{}
		for _, c := range back.Changes {
			from[c.Requirement] = c
		}
		for _, c := range there.Changes {
			other := from[c.Requirement]
			if c.From != other.To || c.To != other.From {
				t.Fatalf("%+v, and back %+v", c, other)
			}
			pass, fail := c.To == "pass" && c.From != "pass", c.To == "fail" && c.From != "fail"
			if c.Kind != outline.NotComparable && (pass != (c.Kind == outline.NewlyMet) || fail != (c.Kind == outline.NewlyFailed)) {
				t.Fatalf("%s to %s is %s", c.From, c.To, c.Kind)
			}
			if len(c.Causes) != len(other.Causes) {
				t.Fatalf("%d causes, and back %d", len(c.Causes), len(other.Causes))
			}
		}
	})
}
