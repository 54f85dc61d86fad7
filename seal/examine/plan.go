package examine

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/probat-lab/probat/statement"
)

// Plan is what sealing needs to know of a dossier. It has one encoding, canonical JSON.
type Plan struct {
	Artifacts   []Artifact        `json:"artifacts"`
	AsOf        string            `json:"asOf"`                  // YYYY-MM-DD
	Declaration string            `json:"declaration,omitempty"` // SHA-256 of its canonical form
	Dossier     string            `json:"dossier"`               // SHA-256 of dossier.json
	Files       []File            `json:"files"`                 // all of the dossier, sorted by name
	Observed    string            `json:"observed"`              // SHA-256 over what was observed: the same when only judged anew
	Predecessor string            `json:"predecessor,omitempty"` // SHA-256 of a dossier
	Release     statement.Release `json:"release"`
	Schemes     []Judged          `json:"schemes"`
	Unobserved  int               `json:"unobserved"` // facts of that kind
}

// Artifact is a file or directory of the release.
type Artifact struct {
	Digest string `json:"digest"` // SHA-256
	ID     string `json:"id"`
	Size   int64  `json:"size"` // bytes; 0 for a directory
	Type   string `json:"type"` // file or dir
}

// File is a file of the dossier's folder.
type File struct {
	Digest string `json:"digest"` // SHA-256
	Name   string `json:"name"`   // with forward slashes
	Size   int64  `json:"size"`   // bytes
}

// Judged is what a scheme came to.
type Judged struct {
	Counts   statement.Counts `json:"counts"`
	Items    []string         `json:"items"`  // canonical JSON, one a verdict, finding and piece of evidence: what is sealed and can be disclosed one by one
	Policy   statement.Policy `json:"policy"` // without a profile
	Profiles []Profile        `json:"profiles"`
	Title    string           `json:"title"`
	Verdicts []Verdict        `json:"verdicts"` // in the scheme's order
}

// Profile is what a profile of the scheme came to.
type Profile struct {
	Counts statement.Counts `json:"counts"`
	ID     string           `json:"id"`
}

// Verdict is that of one requirement.
type Verdict struct {
	Requirement string `json:"requirement"`
	Verdict     string `json:"verdict"`
}

// Item is one sealed thing: what a text in Judged.Items says.
type Item struct {
	Fingerprint string `json:"fingerprint,omitempty"` // of a finding
	Kind        string `json:"kind"`                  // verdict, finding or evidence
	Requirement string `json:"requirement,omitempty"`
	Scheme      string `json:"scheme,omitempty"`
	Value       any    `json:"value"` // as the dossier has it: an entry of verdicts.json, a line of findings.jsonl, an entry of the manifest's evidence
}

// MaxPlan bounds a plan, in bytes.
const MaxPlan = 256 << 20

// Bytes returns the plan's one encoding.
func (p *Plan) Bytes() ([]byte, error) { return statement.Encode(p) }

// Parse reads a plan. It refuses whatever Bytes would not write, and checks what statements will be made of.
func Parse(data []byte) (*Plan, error) {
	var p Plan
	if len(data) > MaxPlan {
		return nil, fmt.Errorf("reading a plan: %d bytes, at most %d are read", len(data), MaxPlan)
	}
	if err := statement.Decode(data, &p); err != nil {
		return nil, fmt.Errorf("reading a plan: %w", err)
	}
	digests := []string{p.Dossier, p.Observed}
	for _, a := range p.Artifacts {
		digests = append(digests, a.Digest)
	}
	for _, f := range p.Files {
		digests = append(digests, f.Digest)
	}
	for _, s := range p.Schemes {
		digests = append(digests, s.Policy.Digest)
	}
	for _, d := range []string{p.Declaration, p.Predecessor} {
		if d != "" {
			digests = append(digests, d)
		}
	}
	for _, d := range digests {
		if b, err := hex.DecodeString(d); err != nil || len(b) != 32 || hex.EncodeToString(b) != d {
			return nil, fmt.Errorf("reading a plan: %q is no SHA-256", d)
		}
	}
	if len(p.Artifacts) == 0 && p.Declaration == "" {
		return nil, ErrNothing
	}
	return &p, nil
}

// ErrNothing is returned for a plan of nothing that a credential could be about.
var ErrNothing = errors.New("the dossier has neither an artifact nor a declaration: there is nothing that a credential could be about")

// DeclarationSubject is the name of the subject that stands for the declaration of a release without artifacts.
const DeclarationSubject = "declaration"

// Subjects are what statements about the dossier are about: the artifacts, or the declaration of a release that has none.
func (p *Plan) Subjects() []statement.Subject {
	if len(p.Artifacts) == 0 {
		return []statement.Subject{{Name: DeclarationSubject, Digest: statement.Digest{SHA256: p.Declaration}}}
	}
	var list []statement.Subject
	for _, a := range p.Artifacts {
		list = append(list, statement.Subject{Name: a.ID, Digest: statement.Digest{SHA256: a.Digest}})
	}
	return list
}
