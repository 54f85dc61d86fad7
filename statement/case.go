package statement

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
)

// Release says what was evaluated, in the words of its declaration; all are absent without one.
type Release struct {
	Kind    string `json:"kind,omitempty"`
	Period  string `json:"period,omitempty"` // of a service or process
	Product string `json:"product,omitempty"`
	Vendor  string `json:"vendor,omitempty"`
	Version string `json:"version,omitempty"`
}

func (r *Release) check() error {
	for what, s := range map[string]string{"kind": r.Kind, "period": r.Period, "product": r.Product, "vendor": r.Vendor, "version": r.Version} {
		if s != "" {
			if err := checkLine(what, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// Subject returns what a statement on a product, with all its releases, has for a subject, since there are no artifacts to name: the SHA-256 of
// the release's canonical form, which then has no version, under the product's name.
func (r Release) Subject() (Subject, error) {
	b, err := Encode(r)
	if err != nil {
		return Subject{}, fmt.Errorf("naming a product: %w", err)
	}
	sum := sha256.Sum256(b)
	return Subject{Digest{hex.EncodeToString(sum[:])}, r.Product}, nil
}

// Policy is an edition of a scheme, or a profile of it, by digest.
type Policy struct {
	Digest  string `json:"digest"` // SHA-256 of the scheme's file
	Edition string `json:"edition"`
	Profile string `json:"profile,omitempty"`
	Scheme  string `json:"scheme"`
}

func (p *Policy) check() error {
	if err := errors.Join(checkHex(p.Digest), checkLine("scheme", p.Scheme), checkLine("edition", p.Edition)); err != nil {
		return err
	}
	if p.Profile != "" {
		return checkLine("profile", p.Profile)
	}
	return nil
}

// Counts are requirements by verdict.
type Counts struct {
	Fail          int `json:"fail"`
	Inconclusive  int `json:"inconclusive"`
	NotApplicable int `json:"not-applicable"`
	NotAssessed   int `json:"not-assessed"`
	Pass          int `json:"pass"`
}

// Total is the denominator.
func (c Counts) Total() int {
	return c.Fail + c.Inconclusive + c.NotApplicable + c.NotAssessed + c.Pass
}

// Passed tells whether every applicable requirement passes, and there is one.
func (c Counts) Passed() bool { return c.Fail+c.Inconclusive+c.NotAssessed == 0 && c.Pass > 0 }

func (c *Counts) check() error {
	if min(c.Fail, c.Inconclusive, c.NotApplicable, c.NotAssessed, c.Pass) < 0 || max(c.Fail, c.Inconclusive, c.NotApplicable, c.NotAssessed, c.Pass) > 1<<20 {
		return fmt.Errorf("%w: counts %+v", ErrForm, *c)
	}
	return nil
}

// Observation says who looked at the product.
type Observation string

// The observations.
const (
	ObservedHere Observation = "this-lab" // the lab held the product and observed it
	Received     Observation = "received" // the facts came with the dossier: the lab judged what others say they saw
)

// Submission begins an attempt: a release is handed in for a scheme. Its subjects are the artifacts.
type Submission struct {
	Act         `json:"act"`
	Attempt     int     `json:"attempt"`               // from 1, for this release and scheme
	Declaration string  `json:"declaration,omitempty"` // SHA-256 of its canonical form
	Policy      Policy  `json:"policy"`
	Release     Release `json:"release"`
}

// TypeURI is the predicateType.
func (*Submission) TypeURI() string { return TypeSubmission }

func (s *Submission) check() error {
	if s.Attempt < 1 {
		return fmt.Errorf("%w: attempt %d", ErrForm, s.Attempt)
	}
	if s.Declaration != "" {
		if err := checkHex(s.Declaration); err != nil {
			return err
		}
	}
	return errors.Join(s.Policy.check(), s.Release.check())
}

// Build is the program that did something, and where.
type Build struct {
	Go       string `json:"go"`
	Platform string `json:"platform"` // GOOS/GOARCH
	Version  string `json:"version"`
}

// Dossier says that a dossier was made, or received, and by which build it was read. Its subjects are the artifacts.
type Dossier struct {
	Act         `json:"act"`
	Build       Build       `json:"build"`
	Dossier     string      `json:"dossier"`    // SHA-256 of dossier.json
	JudgedAsOf  string      `json:"judgedAsOf"` // YYYY-MM-DD
	Observation Observation `json:"observation"`
	Predecessor string      `json:"predecessor,omitempty"` // SHA-256 of the dossier whose judgement it continues
}

// TypeURI is the predicateType.
func (*Dossier) TypeURI() string { return TypeDossier }

func (d *Dossier) check() error {
	if d.Predecessor != "" {
		if err := checkHex(d.Predecessor); err != nil {
			return err
		}
	}
	return errors.Join(
		checkHex(d.Dossier), checkDate("judgedAsOf", d.JudgedAsOf), oneOf("observation", d.Observation, ObservedHere, Received),
		checkLine("go", d.Build.Go), checkLine("platform", d.Build.Platform), checkLine("version", d.Build.Version),
	)
}

// Sealed commits to verdicts, findings and evidence without telling them: the root of a Merkle tree over salted items, whose number of
// leaves is a size class, so that neither it nor a proof's length tells how many there are.
type Sealed struct {
	Root string `json:"root"` // base64
	Size int64  `json:"size"` // a power of two
}

func (s *Sealed) check() error {
	b, err := base64.StdEncoding.DecodeString(s.Root)
	if err != nil || len(b) != 32 || base64.StdEncoding.EncodeToString(b) != s.Root || s.Size < 1 || s.Size&(s.Size-1) != 0 {
		return fmt.Errorf("%w: a sealed root %q of %d leaves", ErrForm, s.Root, s.Size)
	}
	return nil
}

// Verdicts says what a dossier came to under a scheme. Its subjects are the artifacts.
type Verdicts struct {
	Act           `json:"act"`
	Counts        Counts  `json:"counts"`  // of the whole scheme
	Dossier       string  `json:"dossier"` // ID of the Dossier statement
	Policy        Policy  `json:"policy"`
	ProfileCounts *Counts `json:"profileCounts,omitempty"`
	Sealed        Sealed  `json:"sealed"`
}

// TypeURI is the predicateType.
func (*Verdicts) TypeURI() string { return TypeVerdicts }

func (v *Verdicts) check() error {
	return errors.Join(v.Counts.check(), checkHex(v.Dossier), v.Policy.check(), checkProfile(&v.Policy, v.ProfileCounts), v.Sealed.check())
}

func checkProfile(p *Policy, c *Counts) error {
	if (p.Profile != "") != (c != nil) {
		return fmt.Errorf("%w: counts of a profile without a profile, or the other way round", ErrForm)
	}
	if c == nil {
		return nil
	}
	return c.check()
}

// Judgement is a person's judgement on a requirement. Its subject is the dossier.
type Judgement struct {
	Act          `json:"act"`
	Cites        []string `json:"cites"`                  // digests of evidence
	Countersigns string   `json:"countersigns,omitempty"` // ID of the judgement that this one supports
	Policy       Policy   `json:"policy"`
	Reason       string   `json:"reason"`
	Requirement  string   `json:"requirement"`
	Verdict      string   `json:"verdict"` // pass, fail or inconclusive
}

// TypeURI is the predicateType.
func (*Judgement) TypeURI() string { return TypeJudgement }

func (j *Judgement) check() error {
	if j.Countersigns != "" {
		if err := checkHex(j.Countersigns); err != nil {
			return err
		}
	}
	return errors.Join(
		checkIDs("cites", j.Cites...), j.Policy.check(), checkText("reason", j.Reason), checkLine("requirement", j.Requirement),
		oneOf("verdict", j.Verdict, "pass", "fail", "inconclusive"),
	)
}

// Risk is the acceptance of a risk by a party, normally the operator, until a day. It changes no verdict. Its subjects are the artifacts.
type Risk struct {
	Act         `json:"act"`
	Fingerprint string `json:"fingerprint,omitempty"` // of one finding; absent: whatever the requirement finds
	Policy      Policy `json:"policy"`
	Reason      string `json:"reason"`
	Requirement string `json:"requirement"`
	Until       string `json:"until"` // YYYY-MM-DD, the first day on which it is not accepted any more
}

// TypeURI is the predicateType.
func (*Risk) TypeURI() string { return TypeRisk }

func (r *Risk) check() error {
	if r.Fingerprint != "" {
		if err := checkHex(r.Fingerprint); err != nil {
			return err
		}
	}
	return errors.Join(r.Policy.check(), checkText("reason", r.Reason), checkLine("requirement", r.Requirement), checkDate("until", r.Until))
}

// Disclosure opens one sealed item to a party, or to everybody from a day on. Its subjects are those of the Verdicts statement.
type Disclosure struct {
	Act      `json:"act"`
	Index    int64  `json:"index"`              // of the leaf under Sealed
	Leaf     string `json:"leaf"`               // base64: the salted hash of the item
	Of       string `json:"of"`                 // ID of the Verdicts statement
	PublicOn string `json:"publicOn,omitempty"` // YYYY-MM-DD
	Sealed   Sealed `json:"sealed"`
	To       string `json:"to,omitempty"` // the recipient's public key; absent: everybody
}

// TypeURI is the predicateType.
func (*Disclosure) TypeURI() string { return TypeDisclosure }

func (d *Disclosure) check() error {
	if d.Index < 0 || d.Index >= d.Sealed.Size {
		return fmt.Errorf("%w: leaf %d of %d", ErrForm, d.Index, d.Sealed.Size)
	}
	if d.PublicOn != "" {
		if err := checkDate("publicOn", d.PublicOn); err != nil {
			return err
		}
	}
	if d.To != "" {
		if err := checkLine("to", d.To); err != nil {
			return err
		}
	}
	leaf := Sealed{d.Leaf, 1}
	return errors.Join(checkHex(d.Of), d.Sealed.check(), leaf.check())
}

// Access says that somebody was let near a release, or looked, beyond what grants say: it is for the members of the lab, who see nothing by
// themselves, and for what is looked at. An owner's leave is a Grant. Its subjects are the artifacts.
type Access struct {
	Act    `json:"act"`
	Event  string `json:"event"`            // assigned, unassigned, elevated, ended (what was elevated), used or unmasked (masked secrets in a piece of evidence)
	From   string `json:"from,omitempty"`   // time
	Level  string `json:"level"`            // summary, verdict, evidence or source
	Reason string `json:"reason,omitempty"` // always there with elevated and unmasked
	To     Actor  `json:"to"`
	Until  string `json:"until,omitempty"` // time; always there with elevated, which ends by itself
}

// TypeURI is the predicateType.
func (*Access) TypeURI() string { return TypeAccess }

func (a *Access) check() error {
	switch {
	case a.Reason == "" && (a.Event == "elevated" || a.Event == "unmasked"):
		return fmt.Errorf("%w: access %s without a reason", ErrForm, a.Event)
	case a.Until == "" && a.Event == "elevated":
		return fmt.Errorf("%w: access elevated without until", ErrForm)
	}
	if a.Reason != "" {
		if err := checkText("reason", a.Reason); err != nil {
			return err
		}
	}
	return errors.Join(
		oneOf("event", a.Event, "assigned", "unassigned", "elevated", "ended", "used", "unmasked"), checkLevel(a.Level), checkSpan(a.From, a.Until), a.To.check(),
	)
}

// Notice tells the vendor that the lab means to revoke a credential, and until when it may answer. Its subjects are the credential's.
type Notice struct {
	Act        `json:"act"`
	AnswerBy   string `json:"answerBy"`   // time
	Credential string `json:"credential"` // ID
	Reason     string `json:"reason"`
}

// TypeURI is the predicateType.
func (*Notice) TypeURI() string { return TypeNotice }

func (n *Notice) check() error {
	return errors.Join(checkTime("answerBy", n.AnswerBy), checkHex(n.Credential), checkText("reason", n.Reason))
}

// Answer is what the vendor says to a notice. Its subjects are the credential's.
type Answer struct {
	Act      `json:"act"`
	Notice   string `json:"notice"`   // ID
	Position string `json:"position"` // agrees or disputes
	Text     string `json:"text"`
}

// TypeURI is the predicateType.
func (*Answer) TypeURI() string { return TypeAnswer }

func (a *Answer) check() error {
	return errors.Join(checkHex(a.Notice), oneOf("position", a.Position, "agrees", "disputes"), checkText("text", a.Text))
}

// Erasure says that the content of statements was erased; their leaves stay. Its subjects are the artifacts.
type Erasure struct {
	Act    `json:"act"`
	Erased []string `json:"erased"` // IDs
	Reason string   `json:"reason"`
}

// TypeURI is the predicateType.
func (*Erasure) TypeURI() string { return TypeErasure }

func (e *Erasure) check() error {
	if len(e.Erased) == 0 {
		return fmt.Errorf("%w: nothing was erased", ErrForm)
	}
	return errors.Join(checkIDs("erased", e.Erased...), checkText("reason", e.Reason))
}
