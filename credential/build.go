package credential

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// Issue is what a lab says with a credential; [NewCredential] says the rest.
type Issue struct {
	Origin        string                       // of the log
	Core          statement.Core               // without ValidFrom and ValidUntil
	For           time.Duration                // how long it is valid, from Core.Act.Time on
	Inputs        []statement.InputAttestation // the statements that it rests on: one about the dossier, one of verdicts
	Subjects      []statement.Subject          // the artifacts, or the declaration of a release without any
	VerifierBuild map[string]string            // the program: name and version
}

// NewCredential makes the statement of a credential: an SLSA Verification Summary v1 around the core. It makes none whose content [Verify] would call
// INVALID: subjects have names and digests of their own, the inputs are one dossier and one statement of verdicts, it is valid for at most [MaxValidity].
func NewCredential(i Issue) (*statement.Statement, error) {
	from, err := statement.ParseTime(i.Core.Act.Time)
	if err != nil {
		return nil, fmt.Errorf("making a credential: %w", err)
	}
	if i.For < time.Second || i.For > MaxValidity || len(i.Subjects) == 0 {
		return nil, fmt.Errorf("making a credential: it would be valid for %s and has %d subjects", i.For, len(i.Subjects))
	}
	core := i.Core
	core.ValidFrom, core.ValidUntil = i.Core.Act.Time, statement.FormatTime(from.Add(i.For))
	if core.Risks == nil {
		core.Risks = []statement.AcceptedRisk{}
	}
	c := &statement.Credential{
		Core:               core,
		InputAttestations:  i.Inputs,
		Policy:             statement.VSAPolicy{Digest: statement.Digest{SHA256: core.Policy.Digest}, URI: policyURI(i.Origin, core.Policy)},
		ResourceURI:        resourceURI(core.Release, i.Subjects),
		SLSAVersion:        slsaVersion,
		TimeVerified:       core.Act.Time,
		VerificationResult: core.Outcome(),
		VerifiedLevels:     levels(&core),
		Verifier:           statement.Verifier{ID: verifierID(i.Origin), Version: i.VerifierBuild},
	}
	if c.Verifier.Version == nil {
		c.Verifier.Version = map[string]string{}
	}
	if f := flaws(i.Origin, c, i.Subjects); len(f) > 0 {
		return nil, fmt.Errorf("making a credential: %s", strings.Join(f, "; "))
	}
	s := &statement.Statement{Subjects: i.Subjects, Predicate: c}
	if _, err := s.Bytes(); err != nil {
		return nil, fmt.Errorf("making a credential: %w", err)
	}
	return s, nil
}

const slsaVersion = "1.1"

func verifierID(origin string) string { return "https://" + origin }

// policyURI names a scheme's edition at the lab. What decides is the digest beside it.
func policyURI(origin string, p statement.Policy) string {
	u := "https://" + origin + "/scheme/" + escape(p.Scheme) + "/" + escape(p.Edition)
	if p.Profile != "" {
		u += "#" + escape(p.Profile)
	}
	return u
}

// resourceURI names the release as a package URL, or by its first subject's digest where the declaration does not say what it is.
func resourceURI(r statement.Release, subjects []statement.Subject) string {
	if r.Vendor == "" || r.Product == "" || r.Version == "" {
		return "urn:sha256:" + subjects[0].Digest.SHA256
	}
	return "pkg:generic/" + escape(r.Vendor) + "/" + escape(r.Product) + "@" + escape(r.Version)
}

// escape escapes all but letters, digits, and the four marks that every URL leaves alone (RFC 3986 section 2.3; package URLs want it so).
func escape(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte(".-_~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// levels is what a Verification Summary verified: the scheme's edition, or a profile of it, if all that applies passes, else nothing.
func levels(c *statement.Core) []string {
	if c.Outcome() != statement.Passed {
		return []string{}
	}
	name := "PROBAT_" + c.Policy.Scheme + "_" + c.Policy.Edition
	if c.Policy.Profile != "" {
		name += "_" + c.Policy.Profile
	}
	return []string{strings.ReplaceAll(name, " ", "-")}
}

// Logged is a statement in the log.
type Logged struct {
	Envelope *statement.Envelope
	Signer   *statement.Key
	Proof    *proof.Proof // under the checkpoint that all parts share
}

// Parts is what a container is made of.
type Parts struct {
	Credential Logged
	// First proves the credential under the checkpoint that was witnessed first after it was logged: its cosignatures say by when it was there.
	// It never changes; refreshing a credential puts newer proofs, a newer status list and newer trust beside it.
	First       *proof.Proof
	Status      Logged
	Disclosures []*Disclosure
	Trust       []byte // lab.trust
}

// Assemble writes a container NAME.probat.zip. It refuses what [Open] would; whether its parts are true, [Verify] says.
func Assemble(p Parts) ([]byte, error) {
	pinned, err := ParseTrust(p.Trust)
	if err != nil {
		return nil, fmt.Errorf("writing a credential: %w", err)
	}
	shared := p.Credential.Proof.Checkpoint
	var log proof.LogKey
	for _, l := range pinned.Policy.Logs() {
		if l.Key.Verify(shared) == nil {
			log = l.Key
		}
	}
	if log.IsZero() {
		return nil, fmt.Errorf("writing a credential: no log of the trust file has signed the checkpoint of %q", shared.Origin)
	}
	f := &files{
		credential: NewBundle(p.Credential.Envelope, p.Credential.Signer, log, p.Credential.Proof), first: p.First,
		status:      NewBundle(p.Status.Envelope, p.Status.Signer, log, p.Status.Proof),
		disclosures: p.Disclosures, trustFile: p.Trust, trust: pinned, readme: readmes[len(readmes)-1],
	}
	members, err := f.members()
	if err != nil {
		return nil, fmt.Errorf("writing a credential: %w", err)
	}
	data := writeZip(members)
	if _, err := readFiles(data); err != nil {
		return nil, fmt.Errorf("writing a credential: %w", err)
	}
	return data, nil
}

// Open reads a container without verifying it, for refreshing it.
func Open(data []byte) (*Parts, error) {
	f, err := readFiles(data)
	if err != nil {
		return nil, fmt.Errorf("reading a credential: %w", err)
	}
	p := &Parts{First: f.first, Disclosures: f.disclosures, Trust: f.trustFile}
	for _, x := range []struct {
		into *Logged
		from *Bundle
	}{{&p.Credential, f.credential}, {&p.Status, f.status}} {
		signer, err := statement.ParseKey(x.from.Leaf.Key)
		if err != nil {
			return nil, fmt.Errorf("reading a credential: %w", err)
		}
		*x.into = Logged{x.from.Envelope, signer, x.from.Proof}
	}
	return p, nil
}

// files is a container taken apart.
type files struct {
	credential, status *Bundle
	first              *proof.Proof
	disclosures        []*Disclosure
	trustFile          []byte
	trust              *Pinned // the copy, which nobody trusts
	readme             string
}

// members writes every file from what it says, so that what is only a copy cannot say something else.
func (f *files) members() ([]member, error) {
	if len(f.disclosures) > MaxDisclosures {
		return nil, fmt.Errorf("%d disclosures, at most %d have room", len(f.disclosures), MaxDisclosures)
	}
	m := []member{
		{nameCredential, f.credential.Bytes()},
		{nameCredentialProof, f.first.Bytes()},
		{nameStatus, f.status.Bytes()},
		{nameStatusProof, f.status.Proof.Bytes()},
	}
	for i, d := range f.disclosures {
		b, err := d.Bytes()
		if err != nil {
			return nil, err
		}
		m = append(m, member{disclosureName(i), b})
	}
	return append(m,
		member{nameLabPub, labPub(f.credential.Leaf)},
		member{nameLabTrust, f.trustFile},
		member{nameTrustedRoot, f.trust.TrustedRoot()},
		member{namePolicy, []byte(f.trust.Trust.Policy)},
		member{nameReadme, []byte(f.readme)},
	), nil
}

// readFiles reads a container: the files parse, copies are the copies that they should be, and credential and status share one checkpoint.
func readFiles(data []byte) (*files, error) {
	members, err := readZip(data)
	if err != nil {
		return nil, fmt.Errorf("the zip: %w", err)
	}
	f := &files{}
	for _, m := range members {
		if err := f.read(m); err != nil {
			return nil, fmt.Errorf("the zip: %s: %w", m.name, err)
		}
	}
	again, err := f.members()
	if err != nil {
		return nil, fmt.Errorf("the zip: %w", err)
	}
	for i, m := range members {
		if !bytes.Equal(m.data, again[i].data) {
			return nil, fmt.Errorf("the zip: %s: %w: it is not what the other files say", m.name, statement.ErrForm)
		}
	}
	if !bytes.Equal(f.credential.Proof.Checkpoint.Bytes(), f.status.Proof.Checkpoint.Bytes()) {
		return nil, fmt.Errorf("the zip: %s: %w: its checkpoint is not the one of %s", nameStatus, statement.ErrForm, nameCredential)
	}
	return f, nil
}

func (f *files) read(m member) (err error) {
	switch m.name {
	case nameCredential:
		f.credential, err = ParseBundle(m.data)
	case nameCredentialProof:
		f.first, err = parseProof(m.data)
	case nameStatus:
		f.status, err = ParseBundle(m.data)
	case nameLabTrust:
		f.trustFile = m.data
		f.trust, err = ParseTrust(m.data)
	case nameReadme:
		if f.readme = string(m.data); !slices.Contains(readmes, f.readme) {
			err = fmt.Errorf("%w: it is none of the texts that a credential comes with", statement.ErrForm)
		}
	case nameStatusProof, nameLabPub, nameTrustedRoot, namePolicy: // written again and compared
	default:
		var d *Disclosure
		if d, err = ParseDisclosure(m.data); err == nil {
			f.disclosures = append(f.disclosures, d)
		}
	}
	return err
}

func parseProof(data []byte) (*proof.Proof, error) {
	p, err := proof.ParseProof(data)
	if err == nil && p.Extra != nil {
		err = errors.New("it has extra data, which nobody signed")
	}
	return p, err
}

// StatusSubject is the subject of the status lists of a series.
func StatusSubject(series string) statement.Subject { return textSubject(series) }

// textSubject is a subject that is a name and nothing else.
func textSubject(name string) statement.Subject {
	sum := sha256.Sum256([]byte(name))
	return statement.Subject{Digest: statement.Digest{SHA256: hex.EncodeToString(sum[:])}, Name: name}
}
