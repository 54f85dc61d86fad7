package desk

import (
	"context"
	"database/sql"
	"slices"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store/records"
)

// Posting is a message to be.
type Posting struct {
	Scheme, Requirement, Fingerprint string
	Text                             string
	Position                         string   // asks, accepts, disputes, plans-fix, answers or notes; empty: none
	FixIn                            string   // with plans-fix
	To                               []string // names of parties that may read it, besides the writer's own
}

// Post posts a message about a requirement, or a finding, of a release. Who reads it is fixed now: parties by name, the lab and the owner among them or
// not, as the writer chose; each must see the release at level verdict today.
func (d *Desk) Post(ctx context.Context, w Who, release string, in Posting) (string, error) {
	r, err := d.find(ctx, w, release, access.Post)
	if err != nil {
		return "", err
	}
	if in.Text, err = text("text", in.Text, maxText); err != nil {
		return "", err
	}
	if in.Position != "" && !slices.Contains([]string{"asks", "accepts", "disputes", "plans-fix", "answers", "notes"}, in.Position) {
		return "", invalid("position", "%q is none of asks, accepts, disputes, plans-fix, answers, notes", in.Position)
	}
	if in.FixIn != "" || in.Position == "plans-fix" {
		if in.FixIn, err = line("fix_in", in.FixIn); err != nil {
			return "", err
		}
		if in.Position != "plans-fix" {
			return "", invalid("fix_in", "goes with the position plans-fix")
		}
	}
	if _, err := d.policy(ctx, w, r, in.Scheme, in.Requirement, in.Fingerprint); err != nil {
		return "", err
	}
	parties, audience, err := d.audience(ctx, w, r, in.To)
	if err != nil {
		return "", err
	}
	subjects, err := d.subjects(ctx, r)
	if err != nil {
		return "", err
	}
	e, err := d.act(ctx, w, r, subjects, func(a statement.Act) statement.Predicate {
		return &statement.Message{
			Act: a, Audience: audience, FixIn: in.FixIn, Position: in.Position, Text: in.Text,
			Thread: statement.Thread{Fingerprint: in.Fingerprint, Release: r.Case, Requirement: in.Requirement, Scheme: in.Scheme},
		}
	}, func(ctx context.Context, tx *sql.Tx, e ledger.Entry) error {
		return d.AddMessage(ctx, tx, records.Message{
			ID: e.ID.String(), Release: r.ID, Scheme: in.Scheme, Requirement: in.Requirement, Fingerprint: in.Fingerprint, Party: w.Party, Posted: d.Lab.Now(),
			Leaf: e.Index, Position: in.Position, FixIn: in.FixIn, Text: in.Text,
		}, w.Person, parties)
	})
	return e.ID.String(), err
}

// Readers are the parties that a writer may choose: those that the writer knows and that see the release.
func (d *Desk) Readers(ctx context.Context, w Who, r *records.Release) ([]records.Party, error) {
	known, err := d.As(w.Viewer).Parties(ctx)
	if err != nil {
		return nil, err
	}
	var list []records.Party
	for _, p := range known {
		if p.ID == w.Party {
			continue
		}
		// Whether a party sees the release is asked as for a reader of it, not of what the writer sees.
		x, err := d.As(access.Viewer{Party: p.ID, Person: "-", Class: p.Class, At: d.Lab.Now()}).Release(ctx, r.ID)
		if p.Home || err == nil && x.Level >= access.Verdict {
			list = append(list, p)
		}
	}
	return list, nil
}

func (d *Desk) audience(ctx context.Context, w Who, r *records.Release, names []string) (ids []string, said []statement.Party, err error) {
	readers, err := d.Readers(ctx, w, r)
	if err != nil {
		return nil, nil, err
	}
	if len(names) == 0 {
		return nil, nil, invalid("to", "name at least one party that reads it")
	}
	for _, name := range names {
		i := slices.IndexFunc(readers, func(p records.Party) bool { return examine.Fold(p.Name) == examine.Fold(name) })
		if i < 0 {
			return nil, nil, invalid("to", "%q is no party that sees this", name)
		}
		p := readers[i]
		if slices.Contains(ids, p.ID) {
			continue
		}
		ids = append(ids, p.ID)
		said = append(said, statement.Party{Class: statement.Class(p.Class), Name: p.Name})
	}
	slices.SortFunc(said, statement.Party.Compare)
	return ids, said, nil
}
