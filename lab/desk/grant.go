package desk

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store/records"
)

// Grant gives a party leave to see a release, or all of its product.
func (d *Desk) Grant(ctx context.Context, w Who, release string, g Leave) (string, error) {
	r, err := d.find(ctx, w, release, access.GiveGrant)
	if err != nil {
		return "", err
	}
	level, ok := access.ParseLevel(g.Level)
	if !ok {
		return "", invalid("level", "%q is none of summary, verdict, evidence, source", g.Level)
	}
	to, err := d.PartyByName(ctx, examine.Fold(g.Party))
	if err != nil {
		return "", invalid("party", "there is no party %q here", g.Party)
	}
	if to.ID == w.Party || to.Home {
		return "", invalid("party", "%q needs no grant", to.Name)
	}
	from, err := date("from", g.From)
	if err != nil {
		return "", err
	}
	until, err := date("until", g.Until)
	if err != nil {
		return "", err
	}
	now := d.Lab.Now()
	if from.Before(now) {
		from = now
	}
	from = from.Truncate(time.Second)
	if !until.IsZero() && !until.After(from) {
		return "", invalid("until", "lies before it begins")
	}
	row := records.Grant{Owner: r.Product.Owner, Product: r.Product.ID, Release: r.ID, Party: to.ID, Level: level, From: from, Until: until, Person: w.Person}
	said := statement.Grant{
		Event: "given", From: statement.FormatTime(from), Level: level.String(), Scope: "release", To: statement.Party{Class: statement.Class(to.Class), Name: to.Name},
		Release: statement.Release{Kind: r.Product.Kind, Product: r.Product.Name, Vendor: r.Vendor, Version: r.Name},
	}
	if g.Product {
		row.Release, said.Scope, said.Release.Version = "", "product", ""
	}
	if !until.IsZero() {
		said.Until = statement.FormatTime(until)
	}
	subject, err := said.Release.Subject()
	if err != nil {
		return "", err
	}
	e, err := d.act(ctx, w, r, []statement.Subject{subject}, func(a statement.Act) statement.Predicate {
		s := said
		s.Act = a
		return &s
	}, func(ctx context.Context, tx *sql.Tx, e ledger.Entry) error {
		row.ID, row.Leaf = e.ID.String(), e.Index
		return d.AddGrant(ctx, tx, row)
	})
	return e.ID.String(), err
}

// EndGrant withdraws a grant.
func (d *Desk) EndGrant(ctx context.Context, w Who, release, id string) error {
	r, err := d.find(ctx, w, release, access.GiveGrant)
	if err != nil {
		return err
	}
	grants, err := d.As(w.Viewer).Grants(ctx, release)
	if err != nil {
		return err
	}
	for _, g := range grants {
		if g.ID != id {
			continue
		}
		to, err := d.Party(ctx, g.Party)
		if err != nil {
			return err
		}
		said := statement.Grant{
			Event: "withdrawn", From: statement.FormatTime(d.Lab.Now()), Level: g.Level.String(), Of: g.ID, Scope: "release", To: statement.Party{Class: statement.Class(to.Class), Name: to.Name},
			Release: statement.Release{Kind: r.Product.Kind, Product: r.Product.Name, Vendor: r.Vendor, Version: r.Name},
		}
		if g.Release == "" {
			said.Scope, said.Release.Version = "product", ""
		}
		subject, err := said.Release.Subject()
		if err != nil {
			return err
		}
		_, err = d.act(ctx, w, r, []statement.Subject{subject}, func(a statement.Act) statement.Predicate {
			s := said
			s.Act = a
			return &s
		}, func(ctx context.Context, tx *sql.Tx, _ ledger.Entry) error {
			return d.Records.EndGrant(ctx, tx, r.Product.Owner, id, d.Lab.Now())
		})
		return err
	}
	return ErrNotFound
}

// Assign lets somebody of the lab work on a release.
func (d *Desk) Assign(ctx context.Context, w Who, release, person string) (string, error) {
	return d.admit(ctx, w, release, person, access.Assign, "assigned", "", time.Time{})
}

// maxElevation bounds how long somebody of the lab sees a release without being assigned.
const maxElevation = 8 * time.Hour

// Elevate lets the actor, of the lab, see a release without being assigned: for a reason that its owner reads, for a time.
func (d *Desk) Elevate(ctx context.Context, w Who, release, reason string, during time.Duration) (string, error) {
	reason, err := text("reason", reason, maxText)
	if err != nil {
		return "", err
	}
	if during <= 0 || during > maxElevation {
		return "", invalid("hours", "are 1 to 8")
	}
	return d.admit(ctx, w, release, w.Person, access.Elevate, "elevated", reason, d.Lab.Now().Add(during))
}

func (d *Desk) admit(ctx context.Context, w Who, release, person string, a access.Action, event, reason string, until time.Time) (string, error) {
	r, err := d.find(ctx, w, release, a)
	if err != nil {
		return "", err
	}
	p, err := d.Person(ctx, person)
	if err != nil || p.PartyID != d.Home.ID {
		return "", invalid("person", "is nobody of the lab")
	}
	have, err := d.As(w.Viewer).Assignments(ctx, release)
	if err != nil {
		return "", err
	}
	now := d.Lab.Now()
	for _, x := range have {
		if x.Person == person && x.Kind == event && (x.Until.IsZero() || x.Until.After(now)) {
			return "", fmt.Errorf("%w: %s is %s already", ErrState, p.Name, event)
		}
	}
	subjects, err := d.subjects(ctx, r)
	if err != nil {
		return "", err
	}
	e, err := d.act(ctx, w, r, subjects, func(a statement.Act) statement.Predicate {
		x := &statement.Access{
			Act: a, Event: event, From: a.Time, Level: "source", Reason: reason,
			To: statement.Actor{Class: statement.Lab, Name: d.Home.Name, Person: p.Name, Proof: statement.Attested},
		}
		if !until.IsZero() {
			x.Until = statement.FormatTime(until)
		}
		return x
	}, func(ctx context.Context, tx *sql.Tx, e ledger.Entry) error {
		return d.AddAssignment(ctx, tx, records.Assignment{ID: e.ID.String(), Release: release, Person: person, Kind: event, Reason: reason, By: w.Person, From: now, Until: until})
	})
	return e.ID.String(), err
}

// EndAssignment ends an assignment or elevation: an admin of the lab ends any, everybody their own.
func (d *Desk) EndAssignment(ctx context.Context, w Who, release, id string) error {
	r, err := d.As(w.Viewer).Release(ctx, release)
	if err != nil {
		return err
	}
	have, err := d.As(w.Viewer).Assignments(ctx, release)
	if err != nil {
		return err
	}
	for _, x := range have {
		if x.ID != id {
			continue
		}
		if x.Person != w.Person && !d.Policies.May(w.Viewer, access.Assign, r.Object()) {
			return ErrForbidden
		}
		p, err := d.Person(ctx, x.Person)
		if err != nil {
			return err
		}
		subjects, err := d.subjects(ctx, r)
		if err != nil {
			return err
		}
		event := map[string]string{"assigned": "unassigned", "elevated": "ended"}[x.Kind]
		_, err = d.act(ctx, w, r, subjects, func(a statement.Act) statement.Predicate {
			return &statement.Access{Act: a, Event: event, Level: "source", To: statement.Actor{Class: statement.Lab, Name: d.Home.Name, Person: p.Name, Proof: statement.Attested}}
		}, func(ctx context.Context, tx *sql.Tx, _ ledger.Entry) error {
			return d.Records.EndAssignment(ctx, tx, release, id, d.Lab.Now())
		})
		return err
	}
	return ErrNotFound
}
