package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/store"
)

// Link is a one-time link.
type Link struct {
	Person  string
	Expires time.Time // zero: as long as the server runs
	Repeats bool
}

// AddLink writes a link by its digest.
func (r *Records) AddLink(ctx context.Context, tx *sql.Tx, digest []byte, l Link) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO links (digest, person_id, expires, repeats) VALUES ($1, $2, $3, $4)`, digest, l.Person, unix(l.Expires), flag(l.Repeats))
	return err
}

// Link returns a link that can still be used.
func (r *Records) Link(ctx context.Context, digest []byte, now time.Time) (Link, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT person_id, expires, repeats FROM links WHERE digest = $1 AND (expires = 0 OR expires > $2)`, digest, now.Unix())
	return one(all(rows, err, func(scan func(...any) error, l *Link) error {
		var expires int64
		var repeats int
		err := scan(&l.Person, &expires, &repeats)
		l.Expires, l.Repeats = at(expires), repeats == 1
		return err
	}))
}

// UseLink consumes a link, once, and returns whose it is.
func (r *Records) UseLink(ctx context.Context, digest []byte, now time.Time) (person string, err error) {
	err = r.db.Tx(ctx, func(tx *sql.Tx) error {
		var repeats int
		err := tx.QueryRowContext(ctx, `SELECT person_id, repeats FROM links WHERE digest = $1 AND (expires = 0 OR expires > $2)`, digest, now.Unix()).Scan(&person, &repeats)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil || repeats == 1 {
			return err
		}
		return exec(ctx, tx, `DELETE FROM links WHERE digest = $1`, digest)
	})
	return person, err
}

// Session is a person signed in.
type Session struct {
	ID      string    `json:"id"`
	Person  string    `json:"person_id"`
	Method  string    `json:"method"`
	Begun   time.Time `json:"begun,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
}

// ReplaceSession ends the session with the digest old, if there is one, and begins another.
func (r *Records) ReplaceSession(ctx context.Context, old, digest []byte, s Session) error {
	return r.db.Tx(ctx, func(tx *sql.Tx) error {
		if old != nil {
			if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE digest = $1`, old); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO sessions (id, digest, person_id, method, begun, expires) VALUES ($1, $2, $3, $4, $5, $6)`,
			NewID(), digest, s.Person, s.Method, s.Begun.Unix(), s.Expires.Unix())
		return err
	})
}

// EndSession ends a session by its digest.
func (r *Records) EndSession(ctx context.Context, digest []byte) error {
	return r.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE digest = $1`, digest)
		return err
	})
}

// EndSessionOf ends one of a person's sessions.
func (r *Records) EndSessionOf(ctx context.Context, person, id string) error {
	return r.db.Tx(ctx, func(tx *sql.Tx) error {
		return exec(ctx, tx, `DELETE FROM sessions WHERE person_id = $1 AND id = $2`, person, id)
	})
}

func scanSession(scan func(...any) error, s *Session) error {
	var begun, expires int64
	err := scan(&s.ID, &s.Person, &s.Method, &begun, &expires)
	s.Begun, s.Expires = at(begun), at(expires)
	return err
}

// Sessions returns a person's sessions, newest first.
func (r *Records) Sessions(ctx context.Context, person string, now time.Time) ([]Session, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT id, person_id, method, begun, expires FROM sessions WHERE person_id = $1 AND expires > $2 ORDER BY begun DESC, id`, person, now.Unix())
	return all(rows, err, scanSession)
}

// Token is a token of the API.
type Token struct {
	ID      string       `json:"id"`
	Person  string       `json:"person_id"`
	Label   string       `json:"label"`
	Scope   access.Scope `json:"scope"`
	Created time.Time    `json:"created,omitzero"`
	Expires time.Time    `json:"expires,omitzero"`
}

// AddToken writes a token by its digest.
func (r *Records) AddToken(ctx context.Context, tx *sql.Tx, digest []byte, t Token) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO tokens (id, digest, person_id, label, scope, created, expires) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		t.ID, digest, t.Person, t.Label, string(t.Scope), t.Created.Unix(), t.Expires.Unix())
	return err
}

// Tokens returns a person's tokens, newest first.
func (r *Records) Tokens(ctx context.Context, person string) ([]Token, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT id, person_id, label, scope, created, expires FROM tokens WHERE person_id = $1 ORDER BY created DESC, id`, person)
	return all(rows, err, func(scan func(...any) error, t *Token) error {
		var created, expires int64
		err := scan(&t.ID, &t.Person, &t.Label, &t.Scope, &created, &expires)
		t.Created, t.Expires = at(created), at(expires)
		return err
	})
}

// EndToken ends one of a person's tokens.
func (r *Records) EndToken(ctx context.Context, person, id string) error {
	return r.db.Tx(ctx, func(tx *sql.Tx) error {
		return exec(ctx, tx, `DELETE FROM tokens WHERE person_id = $1 AND id = $2`, person, id)
	})
}

// Signed is who a session or a token stands for.
type Signed struct {
	Person  Person
	Party   Party
	Scope   access.Scope
	Session string // id; empty for a token
	Method  string
}

const signedColumns = personColumns + `, y.id, y.class, y.name, y.home`

func scanSigned(scan func(...any) error, s *Signed) error {
	var created, ended int64
	var home int
	p := &s.Person
	err := scan(&p.ID, &p.PartyID, &p.Name, &p.Role, &created, &ended, &p.Handle, &p.Login, &p.Password, &s.Party.ID, &s.Party.Class, &s.Party.Name, &home, &s.Scope, &s.Session, &s.Method)
	p.Created, s.Party.Home = at(created), home == 1
	return err
}

// BySession returns who a session's digest stands for.
func (r *Records) BySession(ctx context.Context, digest []byte, now time.Time) (Signed, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT `+signedColumns+`, 'all', s.id, s.method FROM sessions s JOIN people p ON p.id = s.person_id JOIN parties y ON y.id = p.party_id
		WHERE s.digest = $1 AND s.expires > $2 AND p.ended = 0`, digest, now.Unix())
	return one(all(rows, err, scanSigned))
}

// ByToken returns who a token's digest stands for.
func (r *Records) ByToken(ctx context.Context, digest []byte, now time.Time) (Signed, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT `+signedColumns+`, t.scope, '', 'token' FROM tokens t JOIN people p ON p.id = t.person_id JOIN parties y ON y.id = p.party_id
		WHERE t.digest = $1 AND t.expires > $2 AND p.ended = 0`, digest, now.Unix())
	return one(all(rows, err, scanSigned))
}

// Passkey is a person's WebAuthn credential. Body is whatever the sign-in keeps beside it, as JSON.
type Passkey struct {
	ID       []byte
	Person   string
	Counter  uint32
	BackedUp bool
	Body     json.RawMessage
}

// AddPasskey writes a passkey; an id that anybody has already is refused.
func (r *Records) AddPasskey(ctx context.Context, p Passkey, now time.Time) error {
	return r.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO passkeys (id, person_id, counter, backed_up, body, created) VALUES ($1, $2, $3, $4, $5, $6)`,
			p.ID, p.Person, int64(p.Counter), flag(p.BackedUp), string(p.Body), now.Unix())
		if err != nil {
			return fmt.Errorf("keeping a passkey: %w", err)
		}
		return nil
	})
}

// Passkeys returns a person's passkeys.
func (r *Records) Passkeys(ctx context.Context, person string) ([]Passkey, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT id, person_id, counter, backed_up, body FROM passkeys WHERE person_id = $1 ORDER BY created, id`, person)
	return all(rows, err, func(scan func(...any) error, p *Passkey) error {
		var counter int64
		var backed int
		var body string
		err := scan(&p.ID, &p.Person, &counter, &backed, &body)
		p.Counter, p.BackedUp, p.Body = uint32(counter), backed == 1, json.RawMessage(body)
		return err
	})
}

// PasskeyUsed sets the counter by compare-and-set: ErrNotFound if it was not before.
func (r *Records) PasskeyUsed(ctx context.Context, id []byte, before, after uint32, backedUp bool) error {
	return r.db.Tx(ctx, func(tx *sql.Tx) error {
		return exec(ctx, tx, `UPDATE passkeys SET counter = $3, backed_up = $4 WHERE id = $1 AND counter = $2`, id, int64(before), int64(after), flag(backedUp))
	})
}

// PartyKey is a party's own signing key.
type PartyKey struct {
	ID        string    `json:"id"` // fingerprint
	Party     string    `json:"party_id"`
	SPKI      []byte    `json:"spki"`
	From      time.Time `json:"from,omitzero"`
	Until     time.Time `json:"until,omitzero"`
	Statement string    `json:"statement_id"`
}

// AddPartyKey registers a key; one that any party has registered is refused.
func (r *Records) AddPartyKey(ctx context.Context, tx *sql.Tx, k PartyKey) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO party_keys (id, party_id, spki, from_at, until_at, statement) VALUES ($1, $2, $3, $4, $5, $6)`,
		k.ID, k.Party, k.SPKI, k.From.Unix(), k.Until.Unix(), k.Statement)
	if store.IsUnique(err) {
		return ErrTaken
	}
	return err
}

// PartyKeys returns a party's keys.
func (r *Records) PartyKeys(ctx context.Context, party string) ([]PartyKey, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT id, party_id, spki, from_at, until_at, statement FROM party_keys WHERE party_id = $1 ORDER BY from_at, id`, party)
	return all(rows, err, func(scan func(...any) error, k *PartyKey) error {
		var from, until int64
		err := scan(&k.ID, &k.Party, &k.SPKI, &from, &until, &k.Statement)
		k.From, k.Until = at(from), at(until)
		return err
	})
}

// Secret returns a sealed secret of the lab; the first that was ever given under a name stays.
func (r *Records) Secret(ctx context.Context, name string, fresh []byte) (sealed []byte, err error) {
	err = r.db.Tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO lab_secrets (name, sealed) VALUES ($1, $2) ON CONFLICT DO NOTHING`, name, fresh); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT sealed FROM lab_secrets WHERE name = $1`, name).Scan(&sealed)
	})
	return sealed, err
}
