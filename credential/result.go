package credential

import (
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// Result is what verifying came to. Its texts hold what a product, a lab or an attacker wrote: whoever shows them on a terminal must escape them.
type Result struct {
	Word       Word     `json:"word"`
	ExitCode   int      `json:"exitCode"`
	Reasons    []Reason `json:"reasons"`    // every defect, in the order of precedence
	Checked    []string `json:"checked"`    // what was checked and found right
	NotChecked []string `json:"notChecked"` // what could not be checked, and what would be needed; never empty of importance
	Facts      *Facts   `json:"facts"`      // what the credential says; nil if it cannot be read. Believe it only as far as Word goes
	// Equivocation convicts the log, where the word is Diverged and the log itself is guilty.
	Equivocation *proof.Equivocation `json:"-"`
	// Seen is what a verifier that remembers should keep; it is what was given if the credential is not authentic.
	Seen *Seen `json:"-"`
}

// Reason is one defect.
type Reason struct {
	Word  Word   `json:"word"`
	Where string `json:"where"` // which of the things given: "the zip: credential.tlog-proof", "the trust file", "the image"
	Text  string `json:"text"`
}

// Facts are what a credential says, and what the verifier found around it. Times are RFC 3339.
type Facts struct {
	ID string `json:"id"` // of the credential's statement
	// Lab is the lab as the trust file names it. Its independence is what the credential says, unless that is more than the trust file says.
	Lab statement.LabIdentity `json:"lab"`
	// CallsLab is the lab as the credential names it, where that is another name or operator.
	CallsLab    *statement.LabIdentity   `json:"callsLab,omitempty"`
	Origin      string                   `json:"origin"`
	Release     statement.Release        `json:"release"`
	Policy      statement.Policy         `json:"policy"`
	Outcome     string                   `json:"outcome"` // PASSED or FAILED
	Counts      Tally                    `json:"counts"`  // of the whole scheme
	Profile     *Tally                   `json:"profile,omitempty"`
	Attempts    int                      `json:"attempts"`
	CaseLength  int64                    `json:"caseLength"`
	Observation statement.Observation    `json:"observation"`
	JudgedAsOf  string                   `json:"judgedAsOf"`
	Unobserved  int                      `json:"unobserved"`
	Risks       []statement.AcceptedRisk `json:"risks"`
	Issued      string                   `json:"issued"` // what the lab says
	ValidFrom   string                   `json:"validFrom"`
	ValidUntil  string                   `json:"validUntil"`
	KnewHead    string                   `json:"knewHead,omitempty"` // when the head that it names was witnessed: it is no older
	LoggedBy    string                   `json:"loggedBy,omitempty"` // when a quorum of witnesses had seen it: it is no younger
	Index       int64                    `json:"index"`              // of its leaf
	TreeSize    int64                    `json:"treeSize"`           // of the checkpoint that its parts share
	Status      *StatusFacts             `json:"status,omitempty"`
	Witnesses   []WitnessFacts           `json:"witnesses"` // who cosigned the first checkpoint
	// Organisations is how many different organisations run them: what counts is they.
	Organisations int               `json:"organisations"`
	Quorum        string            `json:"quorum"` // reached, not reached, or none: the policy asks for no witness
	Trust         TrustFacts        `json:"trust"`  // by which it was verified
	Copy          TrustFacts        `json:"copy"`   // the copy in the zip
	SignedBy      string            `json:"signedBy"`
	Subjects      []SubjectFacts    `json:"subjects"`
	Disclosures   []DisclosureFacts `json:"disclosures"`
}

// Tally are counts with their denominator.
type Tally struct {
	statement.Counts
	Of int `json:"of"`
}

// StatusFacts are of the status list that counted.
type StatusFacts struct {
	Sequence   int64  `json:"sequence"`
	Time       string `json:"time"`
	Age        int64  `json:"age"` // seconds
	ValidUntil string `json:"validUntil,omitempty"`
	Source     string `json:"source"`
}

// WitnessFacts is a cosignature.
type WitnessFacts struct {
	Name         string `json:"name"`
	Organisation string `json:"organisation"`
	Time         string `json:"time"`
}

// TrustFacts names a trust file.
type TrustFacts struct {
	Pinned      bool   `json:"pinned"`
	Fingerprint string `json:"fingerprint"`
	Version     int64  `json:"version"`
	ID          string `json:"id"`
}

// SubjectFacts is one of the evaluated files.
type SubjectFacts struct {
	Name   string   `json:"name"`
	SHA256 string   `json:"sha256"`
	Files  []string `json:"files"` // of those given, which have this digest
}

// DisclosureFacts is an opened item that is what was sealed.
type DisclosureFacts struct {
	Source string `json:"source"`
	Index  int64  `json:"index"`
	Item   string `json:"item"`
}

func trustFacts(p *Pinned, pinned bool) TrustFacts {
	return TrustFacts{pinned, p.Fingerprint(), p.Trust.Version, p.ID.String()}
}

// factsOf copies what the credential says.
func factsOf(f *files, c *statement.Credential, subjects []statement.Subject) *Facts {
	k := &c.Core
	x := &Facts{
		ID: f.credential.Envelope.ID().String(), Lab: k.Lab, Origin: f.trust.Trust.Origin, Release: k.Release, Policy: k.Policy, Outcome: c.VerificationResult,
		Counts: Tally{k.Counts, k.Counts.Total()}, Attempts: k.Attempts, CaseLength: k.CaseLength, Observation: k.Observation, JudgedAsOf: k.JudgedAsOf,
		Unobserved: k.Unobserved, Risks: k.Risks, Issued: k.Act.Time, ValidFrom: k.ValidFrom, ValidUntil: k.ValidUntil, Index: f.first.Index,
		TreeSize: f.credential.Proof.Checkpoint.Size, SignedBy: f.credential.Envelope.KeyID, Copy: trustFacts(f.trust, false),
		Witnesses: []WitnessFacts{}, Disclosures: []DisclosureFacts{}, Subjects: []SubjectFacts{},
	}
	if k.ProfileCounts != nil {
		x.Profile = &Tally{*k.ProfileCounts, k.ProfileCounts.Total()}
	}
	if k.Act.AsOf != nil {
		x.KnewHead = k.Act.AsOf.Time
	}
	for _, s := range subjects {
		x.Subjects = append(x.Subjects, SubjectFacts{s.Name, s.Digest.SHA256, []string{}})
	}
	return x
}
