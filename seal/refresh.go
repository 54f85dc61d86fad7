package seal

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
)

// Refresh issues today's status list, and writes the credential's file anew with it. wait is how long witnesses are waited for.
func Refresh(ctx context.Context, l *lab.Lab, id statement.ID, wait time.Duration, disclosures ...*credential.Disclosure) (*Sealed, error) {
	s, err := refresh(ctx, l, id, wait, disclosures)
	if err != nil {
		return nil, fmt.Errorf("refreshing the credential: %w", err)
	}
	return s, nil
}

func refresh(ctx context.Context, l *lab.Lab, id statement.ID, wait time.Duration, disclosures []*credential.Disclosure) (*Sealed, error) {
	r, err := credentialByID(ctx, l, id)
	if err != nil {
		return nil, err
	}
	own, err := l.Ledger.Statement(ctx, id)
	if err != nil {
		return nil, err
	}
	s := &Sealed{ID: id, Index: own.Index, Name: r.name, Standing: r.standing()}
	if s.Credential, err = content[*statement.Credential](own); err != nil {
		return nil, err
	}
	about, err := own.Envelope.Open()
	if err != nil {
		return nil, err
	}
	s.NoArtifact = len(about.Subjects) == 1 && about.Subjects[0].Name == examine.DeclarationSubject
	status, err := publishStatus(ctx, l, r.series, own.Index)
	if err != nil {
		return nil, err
	}
	shared, final, err := checkpoint(ctx, l, max(own.Index, status.Index), wait)
	if err != nil {
		return nil, err
	}
	first, err := firstCheckpoint(ctx, l, r, s.Credential, shared, final)
	if err != nil {
		return nil, err
	}
	parts := credential.Parts{Disclosures: disclosures}
	if parts.Trust, err = l.TrustFile(); err != nil {
		return nil, err
	}
	if parts.Credential, err = logged(ctx, l, own, shared); err != nil {
		return nil, err
	}
	if parts.Status, err = logged(ctx, l, status, shared); err != nil {
		return nil, err
	}
	if parts.First, err = prove(ctx, l, own, first); err != nil {
		return nil, err
	}
	if err := keepList(ctx, l, r.series, parts.Status); err != nil {
		return nil, err
	}
	s.Witnesses = witnesses(l, shared, first)
	if s.Dossier, err = dossierOf(ctx, l, s.Credential); err != nil {
		return nil, err
	}
	s.Zip, err = credential.Assemble(parts)
	return s, err
}

// dossierOf returns the envelope of the statement that binds a credential's dossier; nothing once it was erased.
func dossierOf(ctx context.Context, l *lab.Lab, c *statement.Credential) ([]byte, error) {
	for _, i := range c.InputAttestations {
		if i.URI != statement.TypeDossier {
			continue
		}
		id, err := statement.ParseID(i.Digest.SHA256)
		if err != nil {
			return nil, err
		}
		e, err := l.Ledger.Statement(ctx, id)
		if err != nil || e.Envelope == nil {
			return nil, err
		}
		return e.Envelope.Bytes(), nil
	}
	return nil, nil
}

// content returns the predicate of an entry, which must be of one kind and not erased.
func content[T statement.Predicate](e ledger.Entry) (p T, err error) {
	if e.Envelope == nil {
		return p, fmt.Errorf("statement %s, entry %d of the ledger, was erased", e.ID, e.Index)
	}
	s, err := e.Envelope.Open()
	if err != nil {
		return p, err
	}
	p, ok := statement.As[T](s)
	if !ok {
		return p, fmt.Errorf("entry %d of the ledger is of type %s, which was not expected", e.Index, e.Type)
	}
	return p, nil
}

// checkpoint publishes up to an entry, and returns the checkpoint that covers it: final, if the policy asks for no witnesses or enough of
// them answer in time.
func checkpoint(ctx context.Context, l *lab.Lab, index int64, wait time.Duration) (c *proof.SignedCheckpoint, final bool, err error) {
	if _, err := l.Ledger.Publish(ctx); err != nil {
		return nil, false, err
	}
	bounded, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return l.Ledger.Wait(bounded, index)
}

// firstCheckpoint returns the checkpoint under which a credential was first final, with all cosignatures that arrived since. As long as there
// is none it is the one at hand. One that was final only because the policy of that time asked for nobody makes room for the first with a
// quorum, unless that comes too late to say when the credential was made.
func firstCheckpoint(ctx context.Context, l *lab.Lab, r credentialRow, c *statement.Credential, now *proof.SignedCheckpoint, final bool) (*proof.SignedCheckpoint, error) {
	if r.first.Valid {
		first, err := l.Ledger.CheckpointAt(ctx, r.first.Int64)
		if err != nil || (first.Size <= now.Size && (!final || witnesses(l, first) != Missing)) {
			return first, err
		}
		issued, err := statement.ParseTime(c.Core.Act.Time)
		if err != nil || l.Now().Sub(issued) > time.Duration(l.Trust.Trust.Window)*time.Second {
			return first, err
		}
	}
	if !final {
		return now, nil
	}
	if err := l.Ledger.Pin(ctx, now.Size); err != nil {
		return nil, err
	}
	err := l.DB.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE credentials SET first_size = $1 WHERE id = $2`, now.Size, r.id)
		return err
	})
	return now, err
}

// Witnesses says what witnesses have to say of a credential.
type Witnesses string

// What they have to say.
const (
	Unasked Witnesses = "none"    // the policy asks for no witness
	Missing Witnesses = "missing" // no quorum of them has cosigned
	Enough  Witnesses = "enough"
)

// witnesses tells what stands of all of some checkpoints.
func witnesses(l *lab.Lab, all ...*proof.SignedCheckpoint) Witnesses {
	for _, c := range all {
		switch r, err := l.Trust.Policy.Check(c, l.Now().Unix(), l.Trust.Organisation); {
		case err != nil || !r.Quorum:
			return Missing
		case r.QuorumNone:
			return Unasked
		}
	}
	return Enough
}

func prove(ctx context.Context, l *lab.Lab, e ledger.Entry, c *proof.SignedCheckpoint) (*proof.Proof, error) {
	hashes, err := l.Ledger.Proof(ctx, e.Index, c.Size)
	if err != nil {
		return nil, err
	}
	return &proof.Proof{Index: e.Index, Hashes: hashes, Checkpoint: c}, nil
}

func logged(ctx context.Context, l *lab.Lab, e ledger.Entry, c *proof.SignedCheckpoint) (credential.Logged, error) {
	p, err := prove(ctx, l, e, c)
	if err != nil {
		return credential.Logged{}, err
	}
	signer, err := statement.ParseKey(e.Leaf.Key)
	if err != nil {
		return credential.Logged{}, err
	}
	return credential.Logged{Envelope: e.Envelope, Signer: signer, Proof: p}, nil
}

// publishList issues the status list of a series, unless the latest one says the same already, and puts it where customers fetch it.
func publishList(ctx context.Context, l *lab.Lab, series string) error {
	e, err := publishStatus(ctx, l, series, -1)
	if err != nil {
		return err
	}
	c, _, err := checkpoint(ctx, l, e.Index, 0)
	if err != nil {
		return err
	}
	status, err := logged(ctx, l, e, c)
	if err != nil {
		return err
	}
	return keepList(ctx, l, series, status)
}

// keepList puts a status list where customers fetch it, beside the log's tiles: status/SERIES/LEAF.sigstore.json, and what is newest under one name,
// status/SERIES/latest.sigstore.json.
func keepList(ctx context.Context, l *lab.Lab, series string, status credential.Logged) error {
	bundle := credential.NewBundle(status.Envelope, status.Signer, l.Ledger.Key(), status.Proof)
	if err := l.Log.Replace(ctx, fmt.Sprintf("status/%s/%012d.sigstore.json", series, status.Proof.Index), bundle.Bytes()); err != nil {
		return err
	}
	return l.Log.Replace(ctx, "status/"+series+"/latest.sigstore.json", bundle.Bytes())
}

// publicSince returns the public statements of the leaves from one on, and the size up to which it looked.
func publicSince(ctx context.Context, l *lab.Lab, from int64) (list []statement.RegisterEntry, to int64, err error) {
	list, to = []statement.RegisterEntry{}, from
	for e, err := range l.Ledger.Entries(ctx, from, l.Ledger.Status().Size) {
		if err != nil {
			return nil, 0, fmt.Errorf("listing public statements: %w", err)
		}
		to = e.Index + 1
		if t := typeOf(e); statement.Public(t) {
			list = append(list, statement.RegisterEntry{ID: e.ID.String(), Index: e.Index, Type: t})
		}
	}
	return list, to, nil
}

// statementOf returns a statement of the ledger by its identity in hexadecimal digits.
func statementOf(ctx context.Context, l *lab.Lab, id string) (*statement.Statement, error) {
	parsed, err := statement.ParseID(id)
	if err != nil {
		return nil, err
	}
	e, err := l.Ledger.Statement(ctx, parsed)
	if err != nil {
		return nil, err
	}
	if e.Envelope == nil {
		return nil, fmt.Errorf("statement %s was erased", id)
	}
	return e.Envelope.Open()
}

// accepted returns the risks of a case that are accepted today for a scheme, and by whom.
func accepted(ctx context.Context, l *lab.Lab, caseID, schemeID string) ([]statement.AcceptedRisk, error) {
	list := []statement.AcceptedRisk{}
	today := l.Now().UTC().Format(time.DateOnly)
	for e, err := range l.Ledger.InCase(ctx, caseID) {
		if err != nil {
			return nil, fmt.Errorf("looking for accepted risks: %w", err)
		}
		if typeOf(e) != statement.TypeRisk || e.Envelope == nil {
			continue
		}
		s, err := e.Envelope.Open()
		if err != nil {
			return nil, err
		}
		if r, ok := statement.As[*statement.Risk](s); ok && r.Policy.Scheme == schemeID && r.Until > today {
			list = append(list, statement.AcceptedRisk{By: r.Act.Actor, Requirement: r.Requirement, Until: r.Until})
		}
	}
	return list, nil
}
