package seal

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
)

// Acceptance is a party's acceptance of what a requirement finds in a release.
type Acceptance struct {
	By          statement.Actor // its Proof is how the lab knows; without a signature of the party's own it is statement.Attested
	Scheme      string
	Requirement string
	Fingerprint string // of one finding; empty: whatever the requirement finds
	Reason      string
	Until       string // YYYY-MM-DD
	Owner       string // as in Options
}

// Accept logs that a party accepts a risk until a day. It changes no verdict and no count: later credentials of the release say who accepted
// what.
func Accept(ctx context.Context, l *lab.Lab, p *examine.Plan, a Acceptance) (id statement.ID, err error) {
	var judged *examine.Judged
	for i := range p.Schemes {
		if p.Schemes[i].Policy.Scheme == a.Scheme || (a.Scheme == "" && len(p.Schemes) == 1) {
			judged = &p.Schemes[i]
		}
	}
	if judged == nil {
		return id, fmt.Errorf("accepting a risk: %w: the dossier has no scheme %q", ErrUnknown, a.Scheme)
	}
	known := false
	for _, v := range judged.Verdicts {
		known = known || v.Requirement == a.Requirement
	}
	if !known {
		return id, fmt.Errorf("accepting a risk: %w: the scheme %s has no requirement %q", ErrUnknown, judged.Policy.Scheme, a.Requirement)
	}
	err = again(func() error {
		f, err := open(ctx, l, p, judged.Policy.Scheme, a.Owner)
		if err != nil {
			return err
		}
		key := "risk/" + hash(f.id, a.By.Name, judged.Policy.Scheme, a.Requirement, a.Fingerprint, a.Until, a.Reason)
		e, err := l.Append(ctx, lab.Act{
			Key: key, Case: f.id, By: statement.ForLedger,
			Statement: func(place ledger.Place) (*statement.Statement, error) {
				act := l.NewAct(place)
				act.Actor = a.By
				return &statement.Statement{Subjects: p.Subjects(), Predicate: &statement.Risk{
					Act: act, Fingerprint: a.Fingerprint, Policy: judged.Policy, Reason: a.Reason, Requirement: a.Requirement, Until: a.Until,
				}}, nil
			},
			Rows: func(ctx context.Context, tx *sql.Tx, _ ledger.Entry) error { return f.name(ctx, tx) },
		})
		id = e.ID
		return err
	})
	if err != nil {
		return id, fmt.Errorf("accepting a risk: %w", err)
	}
	_, err = l.Ledger.Publish(ctx)
	return id, err
}
