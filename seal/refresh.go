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
	status, err := publishStatus(ctx, l, r.series)
	if err != nil {
		return nil, err
	}
	shared, final, err := checkpoint(ctx, l, status.Index, wait)
	if err != nil {
		return nil, err
	}
	own, err := l.Ledger.Statement(ctx, id)
	if err != nil {
		return nil, err
	}
	first, err := firstCheckpoint(ctx, l, r, shared, final)
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
	s := &Sealed{ID: id, Index: own.Index, Name: r.name, Witnessed: witnessed(l, shared)}
	if s.Zip, err = credential.Assemble(parts); err != nil {
		return nil, err
	}
	opened, err := own.Envelope.Open()
	if err != nil {
		return nil, err
	}
	var ok bool
	if s.Credential, ok = statement.As[*statement.Credential](opened); !ok {
		return nil, fmt.Errorf("entry %d of the ledger is no credential", own.Index)
	}
	for _, i := range s.Credential.InputAttestations {
		if i.URI != statement.TypeDossier {
			continue
		}
		input, err := statement.ParseID(i.Digest.SHA256)
		if err != nil {
			return nil, err
		}
		e, err := l.Ledger.Statement(ctx, input)
		if err != nil {
			return nil, err
		}
		if e.Envelope != nil {
			s.Dossier = e.Envelope.Bytes()
		}
	}
	return s, nil
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
// is none it is the one at hand.
func firstCheckpoint(ctx context.Context, l *lab.Lab, r credentialRow, now *proof.SignedCheckpoint, final bool) (*proof.SignedCheckpoint, error) {
	if r.first.Valid {
		return l.Ledger.CheckpointAt(ctx, r.first.Int64)
	}
	if !final {
		return now, nil
	}
	if err := l.Ledger.Pin(ctx, now.Size); err != nil {
		return nil, err
	}
	err := l.DB.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE credentials SET first_size = $1 WHERE id = $2 AND first_size IS NULL`, now.Size, r.id)
		return err
	})
	return now, err
}

// witnessed tells whether a quorum of witnesses has cosigned a checkpoint; a policy that asks for none has no say in it.
func witnessed(l *lab.Lab, c *proof.SignedCheckpoint) bool {
	r, err := l.Trust.Policy.Check(c, l.Now().Unix(), l.Trust.Organisation)
	return err == nil && r.Quorum && !r.QuorumNone
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

// publishList publishes the status list that was just logged.
func publishList(ctx context.Context, l *lab.Lab, series string, e ledger.Entry) error {
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

// keepList puts a status list where customers fetch it: status/SERIES/SIZE.sigstore.json beside the log's tiles.
func keepList(ctx context.Context, l *lab.Lab, series string, status credential.Logged) error {
	bundle := credential.NewBundle(status.Envelope, status.Signer, l.Ledger.Key(), status.Proof)
	name := fmt.Sprintf("status/%s/%012d.sigstore.json", series, status.Proof.Index)
	return l.Log.Replace(ctx, name, bundle.Bytes())
}

// publicSince returns the public statements of the leaves from one on, and the size up to which it looked.
func publicSince(ctx context.Context, l *lab.Lab, from int64) (list []statement.RegisterEntry, to int64, err error) {
	list, to = []statement.RegisterEntry{}, from
	for e, err := range l.Ledger.Entries(ctx, from, l.Ledger.Status().Size) {
		if err != nil {
			return nil, 0, fmt.Errorf("listing public statements: %w", err)
		}
		to = e.Index + 1
		if statement.Public(e.Type) {
			list = append(list, statement.RegisterEntry{ID: e.ID.String(), Index: e.Index, Type: e.Type})
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
		if e.Type != statement.TypeRisk || e.Envelope == nil {
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
