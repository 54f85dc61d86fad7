package proof_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/probat-lab/probat/ledger/proof"
)

// TestOneOrganisation is adversarial test 28.
func TestOneOrganisation(t *testing.T) {
	_, w, lines := crew(t, "a", "b", "c", "d")
	p := policy(t, append(lines, "group g 2 a b", "group h all g c d", "quorum h")...)
	s := cosign(t, sign(t, checkpoint(t, big(t), 9), seeded(1)), now, w["a"], w["b"], w["c"], w["d"])
	for name, c := range map[string]struct {
		org           func(string) string
		quorum        bool
		organisations int
	}{
		"four":              {nil, true, 4},
		"all one":           {func(string) string { return "lab" }, false, 1},
		"nobody is named":   {func(string) string { return "" }, false, 1},
		"a and b":           {func(k string) string { return strings.Replace(k, "b.", "a.", 1) }, false, 3},
		"across the groups": {func(k string) string { return strings.Replace(k, "c.", "a.", 1) }, false, 3},
	} {
		r, err := p.Check(s, now, c.org)
		if err != nil || r.Quorum != c.quorum || r.Organisations != c.organisations || len(r.Cosigned) != 4 {
			t.Errorf("%s: got %+v, %v", name, r, err)
		}
	}
	// Two witnesses on one host are one organisation unless told otherwise.
	x, y := cosigner(t, "host.example/1"), cosigner(t, "host.example/2")
	two := policy(t, lines[0], "witness x "+x.String(), "witness y "+y.String(), "group g 2 x y", "quorum g")
	s = cosign(t, sign(t, checkpoint(t, big(t), 9), seeded(1)), now, x, y)
	if r, err := two.Check(s, now, nil); err != nil || r.Quorum || r.Organisations != 1 {
		t.Errorf("two on one host: got %+v, %v", r, err)
	}
	if r, err := two.Check(s, now, func(k string) string { return k }); err != nil || !r.Quorum {
		t.Errorf("two organisations: got %+v, %v", r, err)
	}
	// a and c are of one organisation. The group "either" can do with b, so c is free to count: a's further cosignature takes nothing away.
	fit := policy(t, append(lines, "group either any a b", "group both all either c", "quorum both")...)
	s = cosign(t, sign(t, checkpoint(t, big(t), 9), seeded(1)), now, w["a"], w["b"], w["c"])
	if r, err := fit.Check(s, now, func(k string) string { return strings.Replace(k, "a.", "c.", 1) }); err != nil || !r.Quorum {
		t.Errorf("got %+v, %v", r, err)
	}
}

// shape is a random policy in a form that the test evaluates by itself.
type shape struct {
	threshold int
	members   []*shape
	witness   int // without members
}

func (s *shape) met(set int) bool {
	if len(s.members) == 0 {
		return set&(1<<s.witness) != 0
	}
	n := 0
	for _, m := range s.members {
		if m.met(set) {
			n++
		}
	}
	return n >= s.threshold
}

// TestQuorumProperty compares with trying every subset of the cosignatures, and checks that a further cosignature never takes a quorum away.
func TestQuorumProperty(t *testing.T) {
	const most = 7
	var witness []*proof.Cosigner
	base := []string{"log " + logKey(1).String()}
	for i := range most {
		witness = append(witness, cosigner(t, fmt.Sprintf("w%d", i)))
		base = append(base, fmt.Sprintf("witness w%d %s", i, witness[i]))
	}
	plain := sign(t, checkpoint(t, big(t), 9), seeded(1))
	full := cosign(t, plain, now, witness...)
	rapid.Check(t, func(t *rapid.T) {
		lines := append([]string(nil), base...)
		nodes := map[string]*shape{}
		var free []string
		for i := range most {
			free = append(free, fmt.Sprintf("w%d", i))
			nodes[free[i]] = &shape{witness: i}
		}
		for g := 0; len(free) > 1; g++ {
			free = rapid.Permutation(free).Draw(t, "order")
			n := rapid.IntRange(1, min(4, len(free))).Draw(t, "members")
			if g > 8 {
				n = len(free)
			}
			s := &shape{threshold: rapid.IntRange(1, n).Draw(t, "threshold")}
			for _, m := range free[:n] {
				s.members = append(s.members, nodes[m])
			}
			name := fmt.Sprintf("g%d", g)
			lines = append(lines, fmt.Sprintf("group %s %d %s", name, s.threshold, strings.Join(free[:n], " ")))
			nodes[name], free = s, append([]string{name}, free[n:]...)
		}
		p, err := proof.ParsePolicy([]byte(strings.Join(append(lines, "quorum "+free[0]), "\n") + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		orgs := rapid.SliceOfN(rapid.IntRange(0, 4), most, most).Draw(t, "organisations")
		org := func(k string) string { return fmt.Sprint(orgs[k[1]-'0']) }
		signed := rapid.IntRange(0, 1<<most-1).Draw(t, "signed")
		quorum := func(set int) bool {
			s := plain
			for i := range most {
				if set&(1<<i) != 0 {
					s = s.With(full.Lines[1+i])
				}
			}
			r, err := p.Check(s, now, org)
			if err != nil {
				t.Fatal(err)
			}
			return r.Quorum
		}
		want := false
		for set := range 1 << most {
			if set&^signed == 0 && distinct(set, orgs) && nodes[free[0]].met(set) {
				want = true
			}
		}
		got := quorum(signed)
		if got != want {
			t.Fatalf("got %v, want %v for\n%s", got, want, p)
		}
		if more := rapid.IntRange(0, most-1).Draw(t, "more"); got && !quorum(signed|1<<more) {
			t.Fatalf("the cosignature of w%d takes the quorum away", more)
		}
	})
}

// distinct says whether no two members of the set have the same organisation.
func distinct(set int, orgs []int) bool {
	seen := map[int]bool{}
	for i, org := range orgs {
		if set&(1<<i) != 0 {
			if seen[org] {
				return false
			}
			seen[org] = true
		}
	}
	return true
}

// TestQuorumWorst bounds the search: 32 witnesses in the division into organisations that leaves most choices, and a quorum that just fails.
func TestQuorumWorst(t *testing.T) {
	lines := []string{"log " + logKey(1).String()}
	s := sign(t, checkpoint(t, big(t), 9), seeded(1))
	names := ""
	for i := range 32 {
		w := cosigner(t, fmt.Sprintf("o%d.example/%d", i/3, i))
		lines = append(lines, fmt.Sprintf("witness w%d %s", i, w))
		names += fmt.Sprintf(" w%d", i)
		s = cosign(t, s, now, w)
	}
	for k, want := range map[int]bool{11: true, 12: false} {
		r, err := policy(t, append(lines, fmt.Sprintf("group g %d%s", k, names), "quorum g")...).Check(s, now, nil)
		if err != nil || r.Quorum != want || r.Organisations != 11 {
			t.Errorf("%d of 11 organisations: got %+v, %v", k, r, err)
		}
	}
}
