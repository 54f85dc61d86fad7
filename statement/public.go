package statement

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Independence is how independent of the vendor the lab was.
type Independence string

// The degrees of independence.
const (
	Self        Independence = "self"        // the vendor runs it
	Contracted  Independence = "contracted"  // the vendor pays for it
	Independent Independence = "independent" // neither
)

// LabIdentity says whose lab it is.
type LabIdentity struct {
	Independence Independence `json:"independence"`
	Name         string       `json:"name"`
	Operator     string       `json:"operator"` // who runs it
}

func (l *LabIdentity) check() error {
	return errors.Join(
		checkLine("name", l.Name), checkLine("operator", l.Operator), oneOf("independence", l.Independence, Self, Contracted, Independent),
	)
}

// Credential is the lab's word on a release under a scheme: an SLSA Verification Summary v1 with our fields under one URI. Its subjects
// are the artifacts, or the declaration of a release that has none.
type Credential struct {
	Core               Core               `json:"https://github.com/probat-lab/probat/statement/credential/v1"`
	InputAttestations  []InputAttestation `json:"inputAttestations"`
	Policy             VSAPolicy          `json:"policy"`
	ResourceURI        string             `json:"resourceUri"`
	SLSAVersion        string             `json:"slsaVersion"`
	TimeVerified       string             `json:"timeVerified"` // the same as Core.Act.Time
	VerificationResult string             `json:"verificationResult"`
	VerifiedLevels     []string           `json:"verifiedLevels"`
	Verifier           Verifier           `json:"verifier"`
}

// Outcomes of a Verification Summary.
const (
	Passed = "PASSED"
	Failed = "FAILED"
)

// InputAttestation names a statement that a credential rests on.
type InputAttestation struct {
	Digest Digest `json:"digest"` // of the statement's pre-authentication encoding: its ID
	URI    string `json:"uri"`    // its predicate type
}

// VSAPolicy names the scheme's edition as Verification Summaries do.
type VSAPolicy struct {
	Digest Digest `json:"digest"`
	URI    string `json:"uri"`
}

// Verifier names the lab as Verification Summaries do.
type Verifier struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version"`
}

// Core is what a credential says beyond a Verification Summary.
type Core struct {
	Act           Act            `json:"act"`
	Attempts      int            `json:"attempts"`   // made for this release and scheme, this one with them
	CaseLength    int64          `json:"caseLength"` // acts in the case, this one with them
	Counts        Counts         `json:"counts"`
	JudgedAsOf    string         `json:"judgedAsOf"` // YYYY-MM-DD
	Lab           LabIdentity    `json:"lab"`
	Observation   Observation    `json:"observation"`
	Policy        Policy         `json:"policy"`
	ProfileCounts *Counts        `json:"profileCounts,omitempty"`
	Release       Release        `json:"release"`
	Risks         []AcceptedRisk `json:"risks"`
	Sealed        Sealed         `json:"sealed"`
	Status        StatusPlace    `json:"status"`
	Unobserved    int            `json:"unobserved"` // facts of kind unobserved: what could not be looked at
	ValidFrom     string         `json:"validFrom"`  // time
	ValidUntil    string         `json:"validUntil"` // time
}

// AcceptedRisk is a risk that a party had accepted when the credential was issued.
type AcceptedRisk struct {
	By          Actor  `json:"by"`
	Requirement string `json:"requirement"`
	Until       string `json:"until"` // YYYY-MM-DD
}

// StatusPlace says where a credential's status stands.
type StatusPlace struct {
	Index  int64  `json:"index"`  // bit in each list of the series
	Series string `json:"series"` // 32 hexadecimal digits
}

// TypeURI is the predicateType.
func (*Credential) TypeURI() string { return TypeCredential }

// Common returns the fields of every act, which stand under our URI.
func (c *Credential) Common() *Act { return &c.Core.Act }

// Outcome returns what the counts say: of the profile where the credential is for one, else of the scheme.
func (c *Core) Outcome() string {
	counts := c.Counts
	if c.ProfileCounts != nil {
		counts = *c.ProfileCounts
	}
	if counts.Passed() {
		return Passed
	}
	return Failed
}

func (c *Credential) check() error {
	k := &c.Core
	switch {
	case c.TimeVerified != k.Act.Time:
		return fmt.Errorf("%w: timeVerified is not the act's time", ErrForm)
	case c.Policy.Digest.SHA256 != k.Policy.Digest:
		return fmt.Errorf("%w: policy names another scheme in each place", ErrForm)
	case c.VerificationResult != k.Outcome():
		return fmt.Errorf("%w: the result is %q, the counts say %q", ErrForm, c.VerificationResult, k.Outcome())
	case k.Attempts < 1 || k.Act.Case == "" || k.CaseLength != k.Act.CaseSeq || k.Unobserved < 0 || k.Status.Index < 0:
		return fmt.Errorf("%w: attempts, case or status of a credential", ErrForm)
	case !casePattern.MatchString(k.Status.Series):
		return fmt.Errorf("%w: status series %q is not 32 hexadecimal digits", ErrForm, k.Status.Series)
	case len(c.InputAttestations) == 0:
		return fmt.Errorf("%w: a credential without inputs", ErrForm)
	}
	if err := c.checkSummary(); err != nil {
		return err
	}
	for _, r := range k.Risks {
		if err := errors.Join(r.By.check(), checkLine("requirement", r.Requirement), checkDate("until", r.Until)); err != nil {
			return err
		}
	}
	return errors.Join(
		k.Counts.check(), checkProfile(&k.Policy, k.ProfileCounts), k.Policy.check(), k.Release.check(), k.Lab.check(), k.Sealed.check(),
		checkDate("judgedAsOf", k.JudgedAsOf), checkTime("validFrom", k.ValidFrom), checkTime("validUntil", k.ValidUntil),
		oneOf("observation", k.Observation, ObservedHere, Received),
	)
}

// checkSummary checks the words of the Verification Summary around our own.
func (c *Credential) checkSummary() error {
	for _, i := range c.InputAttestations {
		if err := errors.Join(checkHex(i.Digest.SHA256), checkLine("uri of an input", i.URI)); err != nil {
			return err
		}
	}
	for _, l := range c.VerifiedLevels {
		if err := checkLine("verified level", l); err != nil {
			return err
		}
	}
	for name, version := range c.Verifier.Version {
		if strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) { // RFC 8785 sorts others in another way than encoding/json
			return fmt.Errorf("%w: a part %q of the verifier is not ASCII", ErrForm, shorten(name))
		}
		if err := errors.Join(checkLine("part of the verifier", name), checkLine("version of the verifier", version)); err != nil {
			return err
		}
	}
	return errors.Join(
		checkLine("uri of the policy", c.Policy.URI), checkLine("resourceUri", c.ResourceURI), checkLine("slsaVersion", c.SLSAVersion),
		checkLine("id of the verifier", c.Verifier.ID),
	)
}

// Standing is what a credential's status can become.
type Standing string

// The standings.
const (
	Suspended  Standing = "suspended"
	Reinstated Standing = "reinstated" // from suspended
	Revoked    Standing = "revoked"    // for ever
	Superseded Standing = "superseded" // a later credential for the same release and scheme exists
)

// Change changes a credential's status. Its subjects are the credential's.
type Change struct {
	Act        `json:"act"`
	Answer     string   `json:"answer,omitempty"`    // ID of the vendor's answer that a revocation rests on
	Credential string   `json:"credential"`          // ID
	Notice     string   `json:"notice,omitempty"`    // ID of the notice that a revocation rests on
	Reason     string   `json:"reason"`              // in words
	Standing   Standing `json:"standing"`            // what it is from now on
	Successor  string   `json:"successor,omitempty"` // ID of the credential that supersedes it
}

// TypeURI is the predicateType.
func (*Change) TypeURI() string { return TypeChange }

func (c *Change) check() error {
	for _, s := range []string{c.Answer, c.Notice, c.Successor} {
		if s != "" {
			if err := checkHex(s); err != nil {
				return err
			}
		}
	}
	if c.Standing == Revoked && c.Notice == "" {
		return fmt.Errorf("%w: a revocation without notice", ErrForm)
	}
	if (c.Standing == Superseded) != (c.Successor != "") {
		return fmt.Errorf("%w: superseded without a successor, or the other way round", ErrForm)
	}
	return errors.Join(checkHex(c.Credential), checkText("reason", c.Reason), oneOf("standing", c.Standing, Suspended, Reinstated, Revoked, Superseded))
}

// Status is the status list of a series of credentials at a time: W3C Bitstring Status List v1.0 encoding. Its subject is the series.
type Status struct {
	Act        `json:"act"`
	Lists      []StatusList `json:"lists"`    // one a purpose, in the order of StatusPurposes
	Sequence   int64        `json:"sequence"` // from 1, one more each time
	Series     string       `json:"series"`
	ValidUntil string       `json:"validUntil"` // time by which the next is there
}

// StatusList is a bit for every credential of the series.
type StatusList struct {
	EncodedList string `json:"encodedList"` // "u", then base64url without padding of the gzip of the bits, first bit highest
	Purpose     string `json:"purpose"`
}

// StatusPurposes returns the purposes of status lists: the words of the W3C, refresh being a later credential.
func StatusPurposes() []string { return []string{"revocation", "suspension", "refresh"} }

// TypeURI is the predicateType.
func (*Status) TypeURI() string { return TypeStatus }

func (s *Status) check() error {
	if len(s.Lists) != len(StatusPurposes()) || s.Sequence < 1 || !casePattern.MatchString(s.Series) {
		return fmt.Errorf("%w: a status list of %d purposes, sequence %d, series %q", ErrForm, len(s.Lists), s.Sequence, s.Series)
	}
	for i, l := range s.Lists {
		if l.Purpose != StatusPurposes()[i] {
			return fmt.Errorf("%w: status list %d is for %q", ErrForm, i, l.Purpose)
		}
		list, multibase := strings.CutPrefix(l.EncodedList, "u")
		b, err := base64.RawURLEncoding.DecodeString(list)
		if !multibase || err != nil || len(b) == 0 || base64.RawURLEncoding.EncodeToString(b) != list {
			return fmt.Errorf("%w: status list %d is not u and base64url without padding", ErrForm, i)
		}
	}
	return checkTime("validUntil", s.ValidUntil)
}

// Purpose is what a key may be used for.
type Purpose string

// The purposes of keys.
const (
	ForRoot    Purpose = "root"    // trust statements
	ForIssuing Purpose = "issuing" // credentials and what becomes of them
	ForLedger  Purpose = "ledger"  // all other acts
	ForLog     Purpose = "log"     // checkpoints
)

// KeyEvent says that a key of the lab came into use or went out of it. Its subject is the key. Everybody may read it, so it is not for keys of
// other parties: those have a PartyKey.
type KeyEvent struct {
	Act     `json:"act"`
	CutOff  string  `json:"cutOff,omitempty"` // time; compromised keys count only before it
	Event   string  `json:"event"`            // added, retired or compromised
	From    string  `json:"from,omitempty"`   // time
	Key     string  `json:"key"`              // base64 of a SubjectPublicKeyInfo, or a note's verifier key
	Owner   Actor   `json:"owner"`
	Purpose Purpose `json:"purpose"`
	Until   string  `json:"until,omitempty"` // time
}

// TypeURI is the predicateType.
func (*KeyEvent) TypeURI() string { return TypeKeyEvent }

func (k *KeyEvent) check() error {
	for what, s := range map[string]string{"cutOff": k.CutOff, "from": k.From, "until": k.Until} {
		if s != "" {
			if err := checkTime(what, s); err != nil {
				return err
			}
		}
	}
	if k.Owner.Class != Lab {
		return fmt.Errorf("%w: a key of a %s is not for the public register", ErrForm, k.Owner.Class)
	}
	if (k.Event == "compromised") != (k.CutOff != "") {
		return fmt.Errorf("%w: compromised without a cut-off, or the other way round", ErrForm)
	}
	if k.Purpose != ForLog { // a log's key is a text of C2SP signed-note
		if _, err := ParseKeyText(k.Key); err != nil {
			return err
		}
	}
	return errors.Join(
		oneOf("event", k.Event, "added", "retired", "compromised"), checkLine("key", k.Key), k.Owner.check(),
		oneOf("purpose", k.Purpose, ForRoot, ForIssuing, ForLedger, ForLog),
	)
}

// Edition says that the lab judges by an edition of a scheme. Its subject is the scheme's file.
type Edition struct {
	Act    `json:"act"`
	Policy Policy `json:"policy"`
	Title  string `json:"title"`
}

// TypeURI is the predicateType.
func (*Edition) TypeURI() string { return TypeEdition }

func (e *Edition) check() error { return errors.Join(e.Policy.check(), checkLine("title", e.Title)) }

// AccessPolicy says by which policies the lab decides from now on who may do what, so that nobody can be told later that others held. Its subject
// is the policy set.
type AccessPolicy struct {
	Act    `json:"act"`
	Digest string `json:"digest"` // SHA-256 of the policy set
	Name   string `json:"name"`   // of the policy set
	Schema string `json:"schema"` // SHA-256 of the schema that the policies are written against
}

// TypeURI is the predicateType.
func (*AccessPolicy) TypeURI() string { return TypeAccessPolicy }

func (p *AccessPolicy) check() error {
	return errors.Join(checkHex(p.Digest), checkLine("name", p.Name), checkHex(p.Schema))
}

// Register lists the public statements since the register before, so that anyone can tell whether a credential is missing from it. Its
// subject is the register from its first leaf on: the SHA-256 of the text register/FROM.
type Register struct {
	Act      `json:"act"`
	Entries  []RegisterEntry `json:"entries"`
	From     int64           `json:"from"`               // first leaf that it covers
	Previous string          `json:"previous,omitempty"` // ID of the register before
	To       int64           `json:"to"`                 // leaf after the last that it covers
}

// RegisterEntry is one public statement.
type RegisterEntry struct {
	ID    string `json:"id"`
	Index int64  `json:"index"`
	Type  string `json:"type"` // predicate type
}

// TypeURI is the predicateType.
func (*Register) TypeURI() string { return TypeRegister }

func (r *Register) check() error {
	if r.Previous != "" {
		if err := checkHex(r.Previous); err != nil {
			return err
		}
	}
	last := r.From - 1
	for _, e := range r.Entries {
		if err := checkHex(e.ID); err != nil {
			return err
		}
		if e.Index <= last || e.Index >= r.To || !Public(e.Type) {
			return fmt.Errorf("%w: register entry %d of type %q", ErrForm, e.Index, e.Type)
		}
		last = e.Index
	}
	if r.From < 0 || r.To < r.From {
		return fmt.Errorf("%w: a register from %d to %d", ErrForm, r.From, r.To)
	}
	return nil
}
