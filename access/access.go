package access

import (
	"slices"
	"time"
)

// Level is how much of a release is seen; each level includes those below it.
type Level int

// The levels. A grant gives Summary to Source; Whole, the artifacts themselves, is the owner's and the lab's.
const (
	Nothing  Level = iota
	Summary        // names, counts, credential
	Verdict        // and verdicts, reasons, titles of findings
	Evidence       // and addresses, facts, the tree, decisive bytes, declaration
	Source         // and any file
	Whole          // and the artifacts
)

var levels = []string{"nothing", "summary", "verdict", "evidence", "source", "whole"}

// String returns the level's word.
func (l Level) String() string {
	if l < Nothing || l > Whole {
		return "nothing"
	}
	return levels[l]
}

// ParseLevel reads the word of a level that can be granted.
func ParseLevel(s string) (Level, bool) {
	i := slices.Index(levels, s)
	return Level(i), i >= int(Summary) && i <= int(Source)
}

// Class is a class of parties.
type Class string

// The classes.
const (
	Vendor    Class = "vendor"
	Lab       Class = "lab"
	Operator  Class = "operator"
	Regulator Class = "regulator"
)

// Role is what somebody may do for their party.
type Role string

// The roles.
const (
	Admin  Role = "admin"  // also manages people, keys and tokens
	Member Role = "member" // acts
	Reader Role = "reader" // looks
)

// Scope bounds what a session or token may do of what its person may.
type Scope string

// The scopes.
const (
	ScopeRead   Scope = "read"
	ScopeSubmit Scope = "submit" // and hand in releases
	ScopeAll    Scope = "all"
)

// Viewer is who looks. The zero Viewer is somebody who has not signed in.
type Viewer struct {
	Party, Person string // ids
	Class         Class
	Home          bool // of the lab whose server this is
	Role          Role
	Scope         Scope
	At            time.Time
}

// Known says whether somebody has signed in.
func (v Viewer) Known() bool { return v.Person != "" }

// Release is what decides who sees a release.
type Release struct {
	ID, Product, Owner string
	Embargo            time.Time // zero: none
}

// Grant is an owner's leave, as long as it holds.
type Grant struct {
	Owner, Product, Release, Party string // an empty Release stands for all of the product
	Level                          Level
	From, Until                    time.Time // a zero Until: until it is withdrawn
}

// Assignment lets somebody of the lab look at a release, for a time if Until is not zero.
type Assignment struct {
	Release, Person string
	From, Until     time.Time
}

// Reach is the level at which a viewer sees a release.
func Reach(v Viewer, r Release, grants []Grant, assignments []Assignment) Level {
	if !v.Known() {
		return Nothing
	}
	level := Nothing
	if v.Party == r.Owner {
		level = Whole
	}
	if v.Home {
		if v.Role == Admin {
			level = max(level, Summary) // to assign it
		}
		for _, a := range assignments {
			if a.Release == r.ID && a.Person == v.Person && during(v.At, a.From, a.Until) {
				level = Whole
			}
		}
	}
	if v.Class == Regulator {
		level = max(level, Verdict)
	}
	if v.At.Before(r.Embargo) {
		return level
	}
	for _, g := range grants {
		if g.Party == v.Party && g.Owner == r.Owner && g.Product == r.Product && (g.Release == "" || g.Release == r.ID) && during(v.At, g.From, g.Until) {
			level = max(level, g.Level)
		}
	}
	return level
}

func during(at, from, until time.Time) bool {
	return !at.Before(from) && (until.IsZero() || at.Before(until))
}
