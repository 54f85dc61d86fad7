package scheme

import (
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/strictyaml"
)

// Scheme is a published set of requirements in one edition.
type Scheme struct {
	ID        string // lower case, without the edition: ts-33.117
	Edition   string // as published: V18.1.0
	Title     string // short, as people say it: TS 33.117
	Subtitle  string // what it is about; may be empty
	Publisher string
	Link      string // to the official text
	Texts     string // who holds the rights in the official text, and whose words stand here
	Profiles  []Profile
	// References are the names of the reference sets that tests look up.
	References   []string
	Requirements []Requirement

	// Digest is the SHA-256 of Source, in hexadecimal.
	Digest string
	// Source is the file as it was read.
	Source []byte

	byID map[string]int
}

// Requirement returns the requirement of that id.
func (s *Scheme) Requirement(id string) (*Requirement, bool) {
	i, ok := s.byID[id]
	if !ok {
		return nil, false
	}
	return &s.Requirements[i], true
}

// Profile is a subset of a scheme's requirements, with the reason for it.
type Profile struct {
	ID           string
	Title        string
	Reason       string
	Requirements []string
}

// Means is how a test gets at its answer.
type Means string

// The means of tests.
const (
	Artifact Means = "artifact" // from the delivered files
	Live     Means = "live"     // from a running instance
	Document Means = "document" // from what the vendor wrote, read by a person
	Person   Means = "person"   // from what a person did or saw
)

// Strength is what a test can show.
type Strength string

// The strengths of tests.
const (
	Decisive   Strength = "decisive"   // shows that its means is met, or not
	Indicative Strength = "indicative" // can refute, cannot prove
)

// Severity ranks findings.
type Severity string

// The severities, in order. A note never fails anything.
const (
	Note     Severity = "note"
	Low      Severity = "low"
	Medium   Severity = "medium"
	High     Severity = "high"
	Critical Severity = "critical"
)

// Requirement is one clause of a scheme.
type Requirement struct {
	ID       string // stable; for TS 33.117 the clause's number
	Clause   string
	Title    string
	TestCase string // the scheme's own name of the test case, where it has one
	Text     string // what is required, in our words
	Link     string
	Severity Severity // of findings of tests that name none; default medium
	// Applies is an expression over the declaration; absent means that it always applies.
	Applies *Expr
	// Contradicts are facts that show that it applies although Applies is false.
	Contradicts []Contradiction
	// PassBy are the sets of means that a pass needs, one of them complete.
	PassBy [][]Means
	// Waits says in words what a pass still waits for.
	Waits string
	// Answers are requirements of other schemes that this one answers, at least in part, as SCHEME/REQUIREMENT.
	Answers []string
	Tests   []Test

	// At is where it stands in the scheme's file.
	At strictyaml.Place
}

// Contradiction is a fact that cannot be if a requirement does not apply.
type Contradiction struct {
	Over  string
	Where *Expr
}

// Require says how many items of a test's domain must meet its expectation.
type Require string

// What a test may require.
const (
	All  Require = "all"
	Some Require = "some"
	None Require = "none"
)

// Test is how a requirement is tested. A test without Over is a procedure: words for a person or a driver.
type Test struct {
	ID       string
	Title    string // of its findings: what is so where it should not be
	Means    Means
	Strength Strength
	Severity Severity
	Needs    []string // fields of the declaration, as declaration.services
	Over     string   // a kind of facts, or a list of the declaration
	Where    *Expr
	Lets     []Let
	Unknown  *Expr
	Expect   *Expr
	By       []string // attributes that group
	Same     []*Expr  // what makes two findings the same; default the kind's key
	Require  Require
	Holds    bool // empty: holds
	Complete bool // the expectation about a group could become true with further members
	Across   bool // groups and find do not keep to the system of it
	Persons  int  // how many persons must agree; 0 is 1
	Observer []MinVersion
	// Procedure says what is to be done; Evidence what is to be kept of it.
	Procedure, Evidence string

	// Kinds are the kinds that the test reads: the one in Over first, then those that it finds; sorted after the first.
	Kinds []string
	// Reads are the attributes that it reads, by kind, sorted.
	Reads map[string][]string

	// At is where it stands in the scheme's file.
	At strictyaml.Place
}

// IsProcedure tells whether persons or drivers answer the test, in words.
func (t *Test) IsProcedure() bool { return t.Over == "" }

// OverDeclaration returns the list of the declaration that the test goes over, or "".
func (t *Test) OverDeclaration() string {
	if len(t.Over) > len(declarationPrefix) && t.Over[:len(declarationPrefix)] == declarationPrefix {
		return t.Over[len(declarationPrefix):]
	}
	return ""
}

const declarationPrefix = "declaration."

// OverKind returns the kind of facts that the test goes over, or nil.
func (t *Test) OverKind() *fact.Kind {
	k, _ := fact.ByName(t.Over)
	return k
}

// MinVersion asks for an observer of a version or a newer one.
type MinVersion struct {
	Observer string
	Version  int
}

// Let names a value that expressions of the test use.
type Let struct {
	Name string
	Expr *Expr
}
