package access

import (
	"testing"
	"time"
)

func TestMay(t *testing.T) {
	p, err := NewPolicies()
	if err != nil {
		t.Fatal(err)
	}
	vendor := Viewer{Party: "v", Person: "vm", Class: Vendor, Role: Member, Scope: ScopeAll}
	evaluator := Viewer{Party: "l", Person: "e", Class: Lab, Home: true, Role: Member, Scope: ScopeAll}
	chief := Viewer{Party: "l", Person: "c", Class: Lab, Home: true, Role: Admin, Scope: ScopeAll}
	operator := Viewer{Party: "o", Person: "a", Class: Operator, Role: Member, Scope: ScopeAll}
	with := func(v Viewer, change func(*Viewer)) Viewer { change(&v); return v }
	own := Object{Release: "r", Owner: "v", Level: Whole}
	assigned := Object{Release: "r", Owner: "v", Level: Whole, Assigned: true}
	for _, c := range []struct {
		name string
		v    Viewer
		a    Action
		o    Object
		want bool
	}{
		{"a vendor hands in", vendor, Submit, Object{Owner: "v"}, true},
		{"for somebody else", vendor, Submit, Object{Owner: "w"}, false},
		{"a reader does not", with(vendor, func(v *Viewer) { v.Role = Reader }), Submit, Object{Owner: "v"}, false},
		{"a token for submitting does", with(vendor, func(v *Viewer) { v.Scope = ScopeSubmit }), Submit, Object{Owner: "v"}, true},
		{"a token for reading does not", with(vendor, func(v *Viewer) { v.Scope = ScopeRead }), Submit, Object{Owner: "v"}, false},
		{"an operator has nothing to submit", operator, Submit, Object{Owner: "o"}, false},
		{"nobody", Viewer{}, Submit, Object{}, false},
		{"the owner grants", vendor, GiveGrant, own, true},
		{"a token for submitting does not grant", with(vendor, func(v *Viewer) { v.Scope = ScopeSubmit }), GiveGrant, own, false},
		{"an operator does not grant on", operator, GiveGrant, Object{Release: "r", Owner: "v", Level: Source}, false},
		{"the assigned judge", evaluator, Judge, assigned, true},
		{"others of the lab do not", evaluator, Judge, Object{Release: "r", Owner: "v", Level: Summary}, false},
		{"the vendor does not judge", vendor, Judge, own, false},
		{"nor where the lab itself is the owner", evaluator, Judge, Object{Release: "r", Owner: "l", Level: Whole, Assigned: true}, false},
		{"a second person agrees", evaluator, Agree, assigned, true},
		{"who judged does not agree", evaluator, Agree, Object{Release: "r", Owner: "v", Level: Whole, Assigned: true, Judged: true}, false},
		{"nor countersign", evaluator, Countersign, Object{Release: "r", Owner: "v", Level: Whole, Assigned: true, Judged: true}, false},
		{"an evaluator does not elevate himself", evaluator, Elevate, Object{Release: "r", Owner: "v", Level: Summary}, false},
		{"an admin does", chief, Elevate, Object{Release: "r", Owner: "v", Level: Summary}, true},
		{"another lab's admin does not", with(chief, func(v *Viewer) { v.Home = false }), Elevate, Object{Release: "r", Owner: "v", Level: Summary}, false},
		{"talk needs level verdict", operator, Post, Object{Release: "r", Owner: "v", Level: Verdict}, true},
		{"summary is too little", operator, Post, Object{Release: "r", Owner: "v", Level: Summary}, false},
		{"unmasking needs level evidence", operator, Unmask, Object{Release: "r", Owner: "v", Level: Verdict}, false},
		{"an unknown action", chief, "everything", assigned, false},
	} {
		if got := p.May(c.v, c.a, c.o); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestReach(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	r := Release{ID: "r", Product: "p", Owner: "v"}
	hidden := r
	hidden.Embargo = now.Add(time.Hour)
	operator := Viewer{Party: "o", Person: "a", Class: Operator, Role: Member, At: now}
	grants := []Grant{{Owner: "v", Product: "p", Party: "o", Level: Evidence, From: now}}
	over := []Grant{{Owner: "v", Product: "p", Party: "o", Level: Evidence, Until: now}}
	lab := Viewer{Party: "l", Person: "e", Class: Lab, Home: true, Role: Member, At: now}
	for _, c := range []struct {
		name   string
		v      Viewer
		r      Release
		g      []Grant
		a      []Assignment
		expect Level
	}{
		{"granted", operator, r, grants, nil, Evidence},
		{"under embargo", operator, hidden, grants, nil, Nothing},
		{"over", operator, r, over, nil, Nothing},
		{"owner under embargo", Viewer{Party: "v", Person: "x", At: now}, hidden, nil, nil, Whole},
		{"regulator under embargo", Viewer{Party: "g", Person: "x", Class: Regulator, At: now}, hidden, nil, nil, Verdict},
		{"lab without assignment", lab, r, nil, nil, Nothing},
		{"assigned", lab, hidden, nil, []Assignment{{Release: "r", Person: "e"}}, Whole},
		{"elevation that ended", lab, r, nil, []Assignment{{Release: "r", Person: "e", Until: now}}, Nothing},
		{"assigned, of another lab", Viewer{Party: "m", Person: "e", Class: Lab, At: now}, r, nil, []Assignment{{Release: "r", Person: "e"}}, Nothing},
		{"somebody else's grant", Viewer{Party: "q", Person: "a", Class: Operator, At: now}, r, grants, nil, Nothing},
		{"not signed in", Viewer{At: now}, r, []Grant{{Owner: "v", Product: "p", Level: Source}}, nil, Nothing},
	} {
		if got := Reach(c.v, c.r, c.g, c.a); got != c.expect {
			t.Errorf("%s: got %v, want %v", c.name, got, c.expect)
		}
	}
}
