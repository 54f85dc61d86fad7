package seal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
)

// Selection says what of a sealed dossier is opened.
type Selection struct {
	Scheme, Profile string // of the sealing; may be empty where there is one
	Fingerprint     string // of a finding; a beginning of at least eight digits is enough
	Requirement     string // or: its verdict
	To              string // public key of the recipient, as the Disclosure statement names it; empty: everybody
	PublicOn        string // YYYY-MM-DD; may be empty
}

// ErrAmbiguous is returned where a selection fits several things.
var ErrAmbiguous = errors.New("that fits several")

// Disclose opens one item that was sealed, and logs that it was opened.
func Disclose(ctx context.Context, l *lab.Lab, p *examine.Plan, s Selection) (*credential.Disclosure, error) {
	d, err := disclose(ctx, l, p, s)
	if err != nil {
		return nil, fmt.Errorf("disclosing: %w", err)
	}
	return d, nil
}

func disclose(ctx context.Context, l *lab.Lab, p *examine.Plan, s Selection) (*credential.Disclosure, error) {
	verdicts, secret, schemeID, err := secretOf(ctx, l, p.Dossier, s)
	if err != nil {
		return nil, err
	}
	var judged *examine.Judged
	for i := range p.Schemes {
		if p.Schemes[i].Policy.Scheme == schemeID {
			judged = &p.Schemes[i]
		}
	}
	if judged == nil {
		return nil, fmt.Errorf("%w: the dossier has no scheme %q", ErrUnknown, schemeID)
	}
	index, err := s.find(judged.Items)
	if err != nil {
		return nil, err
	}
	tree, err := credential.Seal(secret, items(judged.Items))
	if err != nil {
		return nil, err
	}
	id, err := statement.ParseID(verdicts)
	if err != nil {
		return nil, err
	}
	about, err := statementOf(ctx, l, verdicts)
	if err != nil {
		return nil, err
	}
	v, ok := statement.As[*statement.Verdicts](about)
	if !ok || v.Sealed != tree.Sealed {
		return nil, errors.New("what the dossier holds is not what was sealed")
	}
	d, err := tree.Open(index, id)
	if err != nil {
		return nil, err
	}
	return d, logDisclosure(ctx, l, about, v, d, s)
}

func logDisclosure(ctx context.Context, l *lab.Lab, about *statement.Statement, v *statement.Verdicts, d *credential.Disclosure, s Selection) error {
	key := "disclosure/" + hash(d.Of, d.Leaf(), s.To, s.PublicOn)
	_, err := l.Append(ctx, lab.Act{
		Key: key, Case: v.Case, By: statement.ForLedger,
		Statement: func(p ledger.Place) (*statement.Statement, error) {
			return &statement.Statement{Subjects: about.Subjects, Predicate: &statement.Disclosure{
				Act: l.NewAct(p), Index: d.Index, Leaf: d.Leaf(), Of: d.Of, PublicOn: s.PublicOn, Sealed: v.Sealed, To: s.To,
			}}, nil
		},
	})
	if err != nil {
		return err
	}
	_, err = l.Ledger.Publish(ctx)
	return err
}

// secretOf returns the Verdicts statement of a sealed dossier and the secret that opens it.
func secretOf(ctx context.Context, l *lab.Lab, dossier string, s Selection) (verdicts string, secret []byte, schemeID string, err error) {
	var kept []byte
	n := 0
	err = l.DB.Read(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT verdicts, sealed, scheme, profile FROM secrets WHERE dossier = $1 ORDER BY verdicts`, dossier)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var v, scheme, profile string
			var blob []byte
			if err := rows.Scan(&v, &blob, &scheme, &profile); err != nil {
				return err
			}
			if (s.Scheme == "" || s.Scheme == scheme) && (s.Profile == "" || s.Profile == profile) {
				n, verdicts, kept, schemeID = n+1, v, blob, scheme
			}
		}
		return rows.Err()
	})
	switch {
	case err != nil:
		return "", nil, "", err
	case n == 0:
		return "", nil, "", fmt.Errorf("%w: this lab has not sealed the dossier %s", ErrUnknown, dossier)
	case n > 1:
		return "", nil, "", fmt.Errorf("%w: the dossier was sealed for several schemes or profiles", ErrAmbiguous)
	}
	secret, err = l.Unseal(kept)
	return verdicts, secret, schemeID, err
}

// find returns the item that is meant.
func (s Selection) find(texts []string) (int, error) {
	found := -1
	for i, text := range texts {
		var item examine.Item
		if err := json.Unmarshal([]byte(text), &item); err != nil {
			return 0, fmt.Errorf("reading a sealed item: %w", err)
		}
		switch {
		case s.Fingerprint != "" && item.Kind == "finding" && strings.HasPrefix(item.Fingerprint, s.Fingerprint):
		case s.Fingerprint == "" && item.Kind == "verdict" && item.Requirement == s.Requirement:
		default:
			continue
		}
		if found >= 0 {
			return 0, fmt.Errorf("%w findings: give more digits of the fingerprint", ErrAmbiguous)
		}
		found = i
	}
	if found < 0 {
		return 0, fmt.Errorf("%w: no finding or verdict that was sealed fits", ErrUnknown)
	}
	return found, nil
}
