package credentialtest

import (
	"crypto/ecdsa"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// Image is the SHA-256 of the empty file, which stands for the evaluated image.
const Image = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// Credential is a credential on its way through the lab. The functions bend statements before they are signed.
type Credential struct {
	Lab    *Lab
	At     time.Time // when it is issued; witnesses see it two seconds later
	Issuer *ecdsa.PrivateKey
	Issue  credential.Issue
	Tree   *credential.Tree
	Index  int64 // in the status list
	Of     statement.ID

	Parts credential.Parts
}

// NewCredential prepares a credential for a product all of whose applicable requirements pass.
func (l *Lab) NewCredential() *Credential {
	l.TB.Helper()
	c := &Credential{Lab: l, At: Noon, Issuer: l.Issuing, Index: 4711, Of: statement.ID{1, 2, 3}}
	var err error
	c.Tree, err = credential.Seal(make([]byte, credential.SecretSize), []credential.Item{
		{Kind: "verdict", Text: []byte(`{"requirement":"4.2.3.4.2.1","verdict":"pass"}`)},
		{Kind: "finding", Text: []byte(`{"path":"etc/shadow","title":"weak hash"}`)},
	})
	l.ok(err)
	core := statement.Core{
		Act: l.Act(c.At), Attempts: 2, CaseLength: 7, Counts: statement.Counts{NotApplicable: 2, Pass: 40}, JudgedAsOf: "2026-11-24", Lab: l.Trust.Lab,
		Observation: statement.ObservedHere, Policy: statement.Policy{Digest: Image, Edition: "V18.1.0", Scheme: "TS-33.117"},
		Release: statement.Release{Kind: "equipment", Product: "router", Vendor: "Example Vendor", Version: "4.2.1"}, Sealed: c.Tree.Sealed,
		Status: statement.StatusPlace{Index: c.Index, Series: l.Series}, Unobserved: 3,
		Risks: []statement.AcceptedRisk{{By: statement.Actor{Class: statement.Operator, Name: "Example Operator", Proof: statement.ByKey}, Requirement: "4.2.3.4.3", Until: "2027-06-01"}},
	}
	core.Act.Case, core.Act.CaseSeq, core.Act.PrevInCase = Hex(16), 7, Hex(32)
	c.Issue = credential.Issue{
		Origin: l.Origin, Core: core, For: 365 * 24 * time.Hour,
		Inputs: []statement.InputAttestation{
			{Digest: statement.Digest{SHA256: Hex(32)}, URI: statement.TypeDossier},
			{Digest: statement.Digest{SHA256: c.Of.String()}, URI: statement.TypeVerdicts},
		},
		Subjects:      []statement.Subject{{Digest: statement.Digest{SHA256: Image}, Name: "router-4.2.1.img"}},
		VerifierBuild: map[string]string{"probat": "v0.6.0"},
	}
	return c
}

// Seal issues the credential: some leaves, a witnessed head, the credential, a status list, a checkpoint that all witnesses but the last cosign. bend may change the credential's
// statement before it is signed.
func (c *Credential) Seal(bend ...func(*statement.Credential, *statement.Statement)) []byte {
	l := c.Lab
	l.TB.Helper()
	l.Fill(5)
	c.Issue.Core.Act.AsOf = l.Head(c.At.Add(-time.Hour))
	s, err := credential.NewCredential(c.Issue)
	l.ok(err)
	for _, b := range bend {
		b(s.Predicate.(*statement.Credential), s)
	}
	e := l.Sign(s, c.Issuer)
	signer := Public(l.TB, c.Issuer)
	index := l.Append(credential.LeafOf(e, signer))
	l.Fill(3)
	c.Parts = credential.Parts{Credential: credential.Logged{Envelope: e, Signer: signer}, Trust: l.TrustFile()}
	c.Parts.Status = l.Status(1, c.At, nil)
	shared := l.Checkpoint(c.At.Add(2*time.Second), l.Quorum()...)
	c.Parts.Credential.Proof = l.Prove(index, shared)
	c.Parts.First = c.Parts.Credential.Proof
	c.Parts.Status.Proof = l.Prove(c.Parts.Status.Proof.Index, shared)
	return c.Zip()
}

// Quorum returns the witnesses that a quorum needs.
func (l *Lab) Quorum() []*proof.Cosigner {
	if len(l.Witnesses) == 0 {
		return nil
	}
	return l.Witnesses[:max(1, len(l.Witnesses)-1)]
}

// Zip writes the container.
func (c *Credential) Zip() []byte {
	c.Lab.TB.Helper()
	data, err := credential.Assemble(c.Parts)
	c.Lab.ok(err)
	return data
}

// Status logs a status list; its proof has the index and no checkpoint yet. lists may be nil: nothing is set. bend may change the statement before it is signed.
func (l *Lab) Status(sequence int64, at time.Time, lists *credential.Lists, bend ...func(*statement.Status, *statement.Statement)) credential.Logged {
	l.TB.Helper()
	if lists == nil {
		lists = &credential.Lists{}
	}
	st := &statement.Status{Act: l.Act(at), Lists: lists.Encode(), Sequence: sequence, Series: l.Series, ValidUntil: statement.FormatTime(at.Add(48 * time.Hour))}
	st.Act.AsOf = l.Head(at.Add(-time.Hour))
	s := &statement.Statement{Subjects: []statement.Subject{credential.StatusSubject(l.Series)}, Predicate: st}
	for _, b := range bend {
		b(st, s)
	}
	e := l.Sign(s, l.Issuing)
	signer := Public(l.TB, l.Issuing)
	return credential.Logged{Envelope: e, Signer: signer, Proof: &proof.Proof{Index: l.Append(credential.LeafOf(e, signer))}}
}

// Refresh puts a newer status list and checkpoint into the credential, of which the first checkpoint stays.
func (c *Credential) Refresh(sequence int64, at time.Time, lists *credential.Lists, bend ...func(*statement.Status, *statement.Statement)) []byte {
	l := c.Lab
	l.TB.Helper()
	c.Parts.Status = l.Status(sequence, at, lists, bend...)
	shared := l.Checkpoint(at.Add(2*time.Second), l.Quorum()...)
	c.Parts.Credential.Proof = l.Prove(c.Parts.Credential.Proof.Index, shared)
	c.Parts.Status.Proof = l.Prove(c.Parts.Status.Proof.Index, shared)
	return c.Zip()
}

// StatusFile returns a status list as a customer fetches it.
func (l *Lab) StatusFile(sequence int64, at time.Time, lists *credential.Lists, bend ...func(*statement.Status, *statement.Statement)) []byte {
	l.TB.Helper()
	s := l.Status(sequence, at, lists, bend...)
	p := l.Prove(s.Proof.Index, l.Checkpoint(at.Add(2*time.Second), l.Quorum()...))
	return credential.NewBundle(s.Envelope, s.Signer, l.LogKey(), p).Bytes()
}
