package seal

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"math/big"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store"
)

// credentialRow is a row of the table credentials.
type credentialRow struct {
	id, caseID, scheme, profile, dossier, verdicts, series, name string
	leaf, place                                                  int64
	marks
	first sql.NullInt64 // size of the checkpoint that first covered it
}

// marks are what became of a credential: several may be so at once.
type marks struct{ revoked, suspended, superseded bool }

// all returns the marks that are set, the worst first.
func (m marks) all() (set []statement.Standing) {
	if m.revoked {
		set = append(set, statement.Revoked)
	}
	if m.suspended {
		set = append(set, statement.Suspended)
	}
	if m.superseded {
		set = append(set, statement.Superseded)
	}
	return set
}

// standing is the worst that is so; empty where the credential is in force.
func (m marks) standing() statement.Standing {
	for _, s := range m.all() {
		return s
	}
	return ""
}

func insertCredential(ctx context.Context, tx *sql.Tx, e ledger.Entry, r credentialRow) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO credentials (id, leaf, case_id, scheme, profile, dossier, verdicts, series, place, name, revoked, suspended, superseded)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, 0)`,
		r.id, e.Index, r.caseID, r.scheme, r.profile, r.dossier, r.verdicts, r.series, r.place, r.name)
	if store.IsUnique(err) {
		return errMoved
	}
	return err
}

const credentialColumns = `id, leaf, case_id, scheme, profile, dossier, verdicts, series, place, name, revoked, suspended, superseded, first_size`

func scanCredential(scan func(...any) error) (r credentialRow, err error) {
	var revoked, suspended, superseded int
	err = scan(&r.id, &r.leaf, &r.caseID, &r.scheme, &r.profile, &r.dossier, &r.verdicts, &r.series, &r.place, &r.name, &revoked, &suspended, &superseded, &r.first)
	r.revoked, r.suspended, r.superseded = revoked != 0, suspended != 0, superseded != 0
	return r, err
}

// credentialByID returns a credential of this lab.
func credentialByID(ctx context.Context, l *lab.Lab, id statement.ID) (r credentialRow, err error) {
	err = l.DB.Read(ctx, func(tx *sql.Tx) error {
		r, err = scanCredential(tx.QueryRowContext(ctx, `SELECT `+credentialColumns+` FROM credentials WHERE id = $1`, id.String()).Scan)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return r, fmt.Errorf("%w: this lab issued no credential %s", ErrUnknown, id)
	}
	if err != nil {
		return r, fmt.Errorf("looking for credential %s: %w", id, err)
	}
	return r, nil
}

// credentialsWhere returns credentials in the order of their leaves.
func credentialsWhere(ctx context.Context, l *lab.Lab, where string, args ...any) (list []credentialRow, err error) {
	err = l.DB.Read(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT `+credentialColumns+` FROM credentials WHERE `+where+` ORDER BY leaf`, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			r, err := scanCredential(rows.Scan)
			if err != nil {
				return err
			}
			list = append(list, r)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("listing credentials: %w", err)
	}
	return list, nil
}

// seriesFill is how many places of a series are used before the next one begins, so that a free place is found soon. Tests make it small.
var seriesFill = credential.StatusSize / 2

// currentSeries returns the series that new credentials get a place in.
func currentSeries(ctx context.Context, l *lab.Lab) (id string, err error) {
	err = l.DB.Tx(ctx, func(tx *sql.Tx) error {
		var used int
		err := tx.QueryRowContext(ctx, `SELECT s.id, (SELECT COUNT(*) FROM credentials c WHERE c.series = s.id) FROM series s ORDER BY s.number DESC LIMIT 1`).Scan(&id, &used)
		if err == nil && used < seriesFill {
			return nil
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		id = randomHex(16)
		_, err = tx.ExecContext(ctx, `INSERT INTO series (id, number, sequence) VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM series), 0)`, id)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("looking for the status series: %w", err)
	}
	return id, nil
}

// freePlace draws a place in a series at random, so that it tells nothing of how many credentials there are.
func freePlace(ctx context.Context, l *lab.Lab, series string) (int64, error) {
	for range 64 {
		n, err := rand.Int(rand.Reader, big.NewInt(credential.StatusSize))
		if err != nil {
			return 0, fmt.Errorf("drawing a place: %w", err)
		}
		var taken int
		err = l.DB.Read(ctx, func(tx *sql.Tx) error {
			return tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM credentials WHERE series = $1 AND place = $2`, series, n.Int64()).Scan(&taken)
		})
		if err != nil {
			return 0, fmt.Errorf("drawing a place: %w", err)
		}
		if taken == 0 {
			return n.Int64(), nil
		}
	}
	return 0, errors.New("drawing a place: the series is full")
}
