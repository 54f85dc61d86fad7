package records

import (
	"context"
	"database/sql"

	"github.com/probat-lab/probat/store"
)

// Provider is a party's identity provider. Sealed is its client secret, sealed to the lab.
type Provider struct {
	Party, Issuer, Client string
	Sealed                []byte
}

// SetProvider writes a party's identity provider, the one instead of another.
func (r *Records) SetProvider(ctx context.Context, p Provider) error {
	return r.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO providers (party_id, issuer, client, sealed) VALUES ($1, $2, $3, $4)
			ON CONFLICT (party_id) DO UPDATE SET issuer = excluded.issuer, client = excluded.client, sealed = excluded.sealed`, p.Party, p.Issuer, p.Client, p.Sealed)
		return err
	})
}

// Provider returns a party's identity provider.
func (r *Records) Provider(ctx context.Context, party string) (Provider, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT party_id, issuer, client, sealed FROM providers WHERE party_id = $1`, party)
	return one(all(rows, err, func(scan func(...any) error, p *Provider) error {
		return scan(&p.Party, &p.Issuer, &p.Client, &p.Sealed)
	}))
}

// AddIdentity says that a person is who the party's provider calls subject: ErrTaken if that is somebody already, ErrNotFound for a subject that
// no database can hold. It is not made fit: it might become another's.
func (r *Records) AddIdentity(ctx context.Context, party, issuer, subject, person string) error {
	if storable(subject) != subject {
		return ErrNotFound
	}
	return r.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO identities (party_id, issuer, subject, person_id) VALUES ($1, $2, $3, $4)`, party, issuer, subject, person)
		if store.IsUnique(err) {
			return ErrTaken
		}
		return err
	})
}

// PersonByIdentity returns the member of a party whom its provider calls subject.
func (r *Records) PersonByIdentity(ctx context.Context, party, issuer, subject string) (Person, error) {
	if storable(subject) != subject {
		return Person{}, ErrNotFound
	}
	rows, err := r.db.QueryContext(ctx, `SELECT `+personColumns+` FROM people p JOIN identities i ON i.person_id = p.id AND i.party_id = p.party_id
		WHERE i.party_id = $1 AND i.issuer = $2 AND i.subject = $3 AND p.ended = 0`, party, issuer, subject)
	return one(all(rows, err, scanPerson))
}
