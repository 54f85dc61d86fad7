package outline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Judged is what is compared of a release: its rows for one scheme. Rows of other schemes are passed over; Nodes and Packages may be those
// that the findings name, of which a file on both sides has to be in both.
type Judged struct {
	Scheme       Scheme
	Artifacts    []Artifact
	Requirements []Requirement
	Findings     []Finding
	Nodes        []Node
	Packages     []Package
}

// ChangeKind says what became of a requirement from one release to another.
type ChangeKind string

// The kinds of changes.
const (
	NewlyMet      ChangeKind = "newly-met"      // passes, and did not
	NewlyFailed   ChangeKind = "newly-failed"   // fails, and did not
	CarriedOver   ChangeKind = "carried-over"   // the same verdict from identical inputs
	Changed       ChangeKind = "changed"        // anything else: other inputs, whether or not the verdict is the same
	NotComparable ChangeKind = "not-comparable" // another edition, or one side does not have the requirement
)

// Change is what became of one requirement.
type Change struct {
	Requirement   string
	Title         string
	Kind          ChangeKind
	From, To      string   // verdicts; empty where a side does not have the requirement
	Inputs        []string // which of its inputs differ: coverage, declaration, facts, judgements, references, unobserved; nil where not comparable
	Why           string   // of not-comparable, in words
	Causes        []Cause  // by which files, sorted by system and path; at most MaxCauses
	CausesLeftOut int64
	Partial       bool // a side has findings without rows, or without all their places: causes may be missing
}

// MaxCauses bounds the causes that a Change lists.
const MaxCauses = 32

// Cause is a file, or a package, at which findings of the requirement stand and that is not the same on both sides.
type Cause struct {
	System, Path           string // as on the second side; where only the first has it, as there
	Old, New               string // digest of the content; empty where there is none
	OldMode, NewMode       int64  // permission bits; -1 where there are none
	Package                string // name, where a finding is about a package
	OldVersion, NewVersion string // of the package; empty where it is not there
}

// Comparison says for every requirement of either side what became of it: in the order of the second side, then those that only the first has.
type Comparison struct {
	Changes []Change
	Counts  map[ChangeKind]int
}

// Compare compares two releases under one scheme: before, then after. It is pure.
func Compare(before, after *Judged) *Comparison {
	a, b := indexSide(before), indexSide(after)
	pairSystems(a, b)
	out := &Comparison{Changes: []Change{}, Counts: map[ChangeKind]int{}}
	add := func(c Change) {
		out.Changes = append(out.Changes, c)
		out.Counts[c.Kind]++
	}
	why := ""
	switch {
	case before.Scheme.ID != after.Scheme.ID:
		why = fmt.Sprintf("judged by %s and by %s", before.Scheme.ID, after.Scheme.ID)
	case before.Scheme.Edition != after.Scheme.Edition:
		why = fmt.Sprintf("judged by the editions %s and %s", before.Scheme.Edition, after.Scheme.Edition)
	case before.Scheme.Digest != after.Scheme.Digest:
		why = "judged by two texts of one edition"
	}
	for _, to := range b.order {
		from := a.requirements[to.ID]
		c := Change{Requirement: to.ID, Title: to.Title, To: to.Verdict}
		if from != nil {
			c.From = from.Verdict
		}
		switch {
		case why != "":
			c.Kind, c.Why = NotComparable, why
		case from == nil:
			c.Kind, c.Why = NotComparable, "not in the release before"
		default:
			compareRequirement(&c, a, b, from, to)
		}
		add(c)
	}
	for _, from := range a.order {
		if b.requirements[from.ID] == nil {
			add(Change{
				Requirement: from.ID, Title: from.Title, From: from.Verdict, Kind: NotComparable, Why: cmp.Or(why, "not in the release after"),
			})
		}
	}
	return out
}

func compareRequirement(c *Change, a, b *side, from, to *Requirement) {
	c.Inputs = differingInputs(&from.Inputs, &to.Inputs)
	c.Partial = from.LeftOut > 0 || to.LeftOut > 0 || a.cut[from.ID] || b.cut[to.ID]
	switch {
	case to.Verdict == "pass" && from.Verdict != "pass":
		c.Kind = NewlyMet
	case to.Verdict == "fail" && from.Verdict != "fail":
		c.Kind = NewlyFailed
	case to.Verdict == from.Verdict && len(c.Inputs) == 0:
		c.Kind = CarriedOver
		return
	default:
		c.Kind = Changed
	}
	c.Causes = causes(a, b, to.ID)
	if out := len(c.Causes) - MaxCauses; out > 0 {
		c.Causes, c.CausesLeftOut = c.Causes[:MaxCauses], int64(out)
	}
}

// differingInputs names the inputs that differ, in alphabetical order.
func differingInputs(a, b *Inputs) []string {
	list := []string{}
	for _, in := range []struct{ name, a, b string }{
		{"coverage", a.Coverage, b.Coverage},
		{"declaration", a.Declared, b.Declared},
		{"facts", a.Facts, b.Facts},
		{"judgements", a.Judged, b.Judged},
		{"references", a.References, b.References},
		{"unobserved", a.Unobserved, b.Unobserved},
	} {
		if in.a != in.b {
			list = append(list, in.name)
		}
	}
	return list
}

// spot is where something stands, whatever the containers around the system are called: system is the one of the second side.
type spot struct{ system, path string }

// side is one release, indexed.
type side struct {
	order        []*Requirement // by position
	requirements map[string]*Requirement
	findings     map[string][]*Finding // by requirement
	cut          map[string]bool       // requirements with findings that do not list all their places
	nodes        map[spot]*Node
	packages     map[spot]map[string]*Package // by key, at the place of the database that lists them
	systems      []string                     // sorted
	names        map[string]string            // of a system, on the second side
}

func indexSide(j *Judged) *side {
	s := &side{requirements: map[string]*Requirement{}, findings: map[string][]*Finding{}, cut: map[string]bool{}, names: map[string]string{}}
	for i := range j.Requirements {
		if q := &j.Requirements[i]; q.Scheme == j.Scheme.ID {
			s.order = append(s.order, q)
			s.requirements[q.ID] = q
		}
	}
	slices.SortFunc(s.order, func(a, b *Requirement) int {
		return cmp.Or(cmp.Compare(a.Position, b.Position), strings.Compare(a.ID, b.ID))
	})
	systems := map[string]bool{}
	for i := range j.Findings {
		f := &j.Findings[i]
		if f.Scheme != j.Scheme.ID {
			continue
		}
		s.findings[f.Requirement] = append(s.findings[f.Requirement], f)
		s.cut[f.Requirement] = s.cut[f.Requirement] || f.PlacesLeftOut > 0
		for _, p := range f.Places {
			systems[p.System] = true
		}
	}
	s.nodes, s.packages = map[spot]*Node{}, map[spot]map[string]*Package{}
	for i := range j.Nodes {
		n := &j.Nodes[i]
		if old := s.nodes[spot{n.System, n.Path}]; n.Path != "" && (old == nil || n.Position < old.Position) {
			s.nodes[spot{n.System, n.Path}] = n
		}
		systems[n.System] = true
	}
	for i := range j.Packages {
		p := &j.Packages[i]
		at := spot{p.System, p.Path}
		if s.packages[at] == nil {
			s.packages[at] = map[string]*Package{}
		}
		if old := s.packages[at][p.Key]; old == nil || p.Position < old.Position {
			s.packages[at][p.Key] = p
		}
		systems[p.System] = true
	}
	for name := range systems {
		s.systems = append(s.systems, name)
	}
	slices.Sort(s.systems)
	return s
}

// pairSystems finds for each system of a the one of b: of the same address, or, where as many are left on both sides, in their order, since
// addresses hold names of files that change with every release.
func pairSystems(a, b *side) {
	var restA, restB []string
	for _, s := range a.systems {
		if _, both := slices.BinarySearch(b.systems, s); both || s == "" { // in no system is no system
			a.names[s] = s
		} else {
			restA = append(restA, s)
		}
	}
	for _, s := range b.systems {
		b.names[s] = s
		if _, both := slices.BinarySearch(a.systems, s); !both && s != "" {
			restB = append(restB, s)
		}
	}
	for i, s := range restA {
		a.names[s] = s
		if len(restA) == len(restB) {
			a.names[s] = restB[i]
		}
	}
	renamed := make(map[spot]*Node, len(a.nodes))
	for at, n := range a.nodes {
		renamed[spot{a.names[at.system], at.path}] = n
	}
	packages := make(map[spot]map[string]*Package, len(a.packages))
	for at, p := range a.packages {
		packages[spot{a.names[at.system], at.path}] = p
	}
	a.nodes, a.packages = renamed, packages
}
