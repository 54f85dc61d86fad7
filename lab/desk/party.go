package desk

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store/records"
)

// BringIn makes a party, with its first admin.
func (d *Desk) BringIn(ctx context.Context, w Who, class access.Class, name, admin string) (records.Party, records.Person, error) {
	var p records.Party
	var a records.Person
	if err := d.may(w, access.BringIn, d.Home.ID); err != nil {
		return p, a, err
	}
	return d.NewParty(ctx, class, name, admin)
}

// NewParty is BringIn for whoever runs the server.
func (d *Desk) NewParty(ctx context.Context, class access.Class, name, admin string) (p records.Party, a records.Person, err error) {
	if name, err = line("name", name); err != nil {
		return p, a, err
	}
	if admin, err = line("admin", admin); err != nil {
		return p, a, err
	}
	switch class {
	case access.Vendor, access.Lab, access.Operator, access.Regulator:
	default:
		return p, a, invalid("class", "%q is none of vendor, lab, operator, regulator", class)
	}
	if examine.Fold(name) == "" {
		return p, a, invalid("name", "has no letters")
	}
	p = records.Party{ID: records.NewID(), Class: class, Name: name}
	a = newPerson(p.ID, admin, access.Admin, d.Lab.Now())
	err = d.Tx(ctx, func(tx *sql.Tx) error {
		if err := d.AddParty(ctx, tx, p, examine.Fold(name), d.Lab.Now()); err != nil {
			return err
		}
		return d.AddPerson(ctx, tx, a)
	})
	return p, a, err
}

func newPerson(party, name string, role access.Role, now time.Time) records.Person {
	handle := make([]byte, 32)
	_, _ = rand.Read(handle) // never fails
	return records.Person{ID: records.NewID(), PartyID: party, Name: name, Role: role, Created: now, Handle: handle}
}

// Invite makes a member of the actor's own party.
func (d *Desk) Invite(ctx context.Context, w Who, name string, role access.Role) (records.Person, error) {
	if err := d.may(w, access.Invite, w.Party); err != nil {
		return records.Person{}, err
	}
	return d.NewPerson(ctx, w.Party, name, role)
}

// NewPerson is Invite for whoever runs the server.
func (d *Desk) NewPerson(ctx context.Context, party, name string, role access.Role) (p records.Person, err error) {
	if name, err = line("name", name); err != nil {
		return p, err
	}
	switch role {
	case access.Admin, access.Member, access.Reader:
	default:
		return p, invalid("role", "%q is none of admin, member, reader", role)
	}
	p = newPerson(party, name, role, d.Lab.Now())
	return p, d.Tx(ctx, func(tx *sql.Tx) error { return d.AddPerson(ctx, tx, p) })
}

// End ends a member of the actor's own party: sessions, tokens, links and passkeys with them.
func (d *Desk) End(ctx context.Context, w Who, person string) error {
	if err := d.may(w, access.EndPerson, w.Party); err != nil {
		return err
	}
	if person == w.Person {
		return fmt.Errorf("%w: nobody ends himself; another admin does", ErrState)
	}
	return d.Tx(ctx, func(tx *sql.Tx) error { return d.EndPerson(ctx, tx, w.Party, person, d.Lab.Now()) })
}

// RegisterKey registers a key of the actor's own party, valid from now until a time.
func (d *Desk) RegisterKey(ctx context.Context, w Who, spki []byte, until time.Time) (id string, err error) {
	if err := d.may(w, access.RegisterKey, w.Party); err != nil {
		return "", err
	}
	key, err := statement.ParseKey(spki)
	if err != nil {
		return "", invalid("key", "is no P-256 public key")
	}
	now := d.Lab.Now()
	if !until.After(now) || until.After(now.AddDate(10, 0, 0)) {
		return "", invalid("until", "lies in the next ten years")
	}
	digest := statement.Subject{Name: w.PartyName, Digest: statement.Digest{SHA256: sum(spki)}}
	_, err = d.Lab.Append(ctx, lab.Act{
		By: statement.ForLedger,
		Statement: func(p ledger.Place) (*statement.Statement, error) {
			a := d.Lab.NewAct(p)
			a.Actor = w.actor()
			return &statement.Statement{Subjects: []statement.Subject{digest}, Predicate: &statement.PartyKey{
				Act: a, Event: "registered", From: a.Time, Key: base64.StdEncoding.EncodeToString(spki), Party: statement.Party{Class: statement.Class(w.Class), Name: w.PartyName}, Until: statement.FormatTime(until),
			}}, nil
		},
		Rows: func(ctx context.Context, tx *sql.Tx, e ledger.Entry) error {
			return d.AddPartyKey(ctx, tx, records.PartyKey{ID: key.ID(), Party: w.Party, SPKI: spki, From: now, Until: until, Statement: e.ID.String()})
		},
	})
	return key.ID(), err
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}
