package seal

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/statement"
)

// statusFresh is how long a status list is used again for as long as it says what stands. It leaves witnesses that pull the time for a round:
// with a new list at each call a credential would never rest on one that they have cosigned.
const statusFresh = 6 * time.Hour

// publishStatus logs the status list of a series as it stands now, and what of the public statements the register lacks. A list of the same
// content from a moment ago, which is a later leaf than after, does it too.
func publishStatus(ctx context.Context, l *lab.Lab, series string, after int64) (ledger.Entry, error) {
	var e ledger.Entry
	err := again(func() error {
		var sequence int64
		var latest sql.NullString
		lists, err := statusLists(ctx, l, series, &sequence, &latest)
		if err != nil {
			return err
		}
		if latest.Valid {
			old, good, err := stillGood(ctx, l, latest.String, lists, after)
			if err != nil {
				return err
			}
			if good {
				e = old
				return nil
			}
		}
		e, err = logStatus(ctx, l, series, sequence, lists)
		return err
	})
	if err != nil {
		return e, fmt.Errorf("issuing the status list: %w", err)
	}
	return e, register(ctx, l)
}

// stillGood tells whether a status list may be used again: it says the same, is a later leaf than after, and new.
func stillGood(ctx context.Context, l *lab.Lab, id string, lists []statement.StatusList, after int64) (e ledger.Entry, good bool, err error) {
	parsed, err := statement.ParseID(id)
	if err != nil {
		return e, false, err
	}
	if e, err = l.Ledger.Statement(ctx, parsed); err != nil {
		return e, false, err
	}
	old, err := content[*statement.Status](e)
	if err != nil {
		return e, false, err
	}
	made, err := statement.ParseTime(old.Act.Time)
	if err != nil {
		return e, false, err
	}
	age := l.Now().Sub(made)
	return e, l.Counts(e) && e.Index > after && age >= 0 && age < statusFresh && slices.Equal(old.Lists, lists), nil
}

// logStatus logs the list that follows the one with a sequence number.
func logStatus(ctx context.Context, l *lab.Lab, series string, sequence int64, lists []statement.StatusList) (ledger.Entry, error) {
	key := fmt.Sprintf("status/%s/%d", series, sequence+1)
	return l.Append(ctx, lab.Act{
		Key: key, By: statement.ForIssuing,
		Statement: func(p ledger.Place) (*statement.Statement, error) {
			a := l.NewAct(p)
			now, err := statement.ParseTime(a.Time)
			if err != nil {
				return nil, err
			}
			return &statement.Statement{Subjects: []statement.Subject{credential.StatusSubject(series)}, Predicate: &statement.Status{
				Act: a, Lists: lists, Sequence: sequence + 1, Series: series,
				ValidUntil: statement.FormatTime(now.AddDate(0, 0, l.Config.StatusDays)),
			}}, nil
		},
		Rows: func(ctx context.Context, tx *sql.Tx, e ledger.Entry) error {
			done, err := tx.ExecContext(ctx, `UPDATE series SET sequence = $1, status = $2 WHERE id = $3 AND sequence = $4`, sequence+1, e.ID.String(), series, sequence)
			if err != nil {
				return err
			}
			if n, err := done.RowsAffected(); err != nil || n != 1 {
				return errors.Join(errMoved, err)
			}
			return nil
		},
	})
}

// statusLists returns the lists of a series by purpose, and sequence number and identity of the statement that they follow.
func statusLists(ctx context.Context, l *lab.Lab, series string, sequence *int64, latest *sql.NullString) ([]statement.StatusList, error) {
	err := l.DB.Read(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, `SELECT sequence, status FROM series WHERE id = $1`, series).Scan(sequence, latest); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading what stands of series %s: %w", series, err)
	}
	r, err := replay(ctx, l)
	if err != nil {
		return nil, err
	}
	return r.lists(series).Encode(), nil
}

// register logs the public statements that no register lists yet, if there is one that is not itself a register.
func register(ctx context.Context, l *lab.Lab) error {
	return again(func() error {
		var from int64
		var previous string
		err := l.DB.Read(ctx, func(tx *sql.Tx) error {
			err := tx.QueryRowContext(ctx, `SELECT upto, id FROM registers ORDER BY upto DESC LIMIT 1`).Scan(&from, &previous)
			if errors.Is(err, sql.ErrNoRows) {
				return nil
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("reading the register: %w", err)
		}
		entries, to, err := publicSince(ctx, l, from)
		news := slices.ContainsFunc(entries, func(e statement.RegisterEntry) bool { return e.Type != statement.TypeRegister })
		if err != nil || !news {
			return err
		}
		key := fmt.Sprintf("register/%d", from)
		_, err = l.Append(ctx, lab.Act{
			Key: key, By: statement.ForLedger,
			Statement: func(p ledger.Place) (*statement.Statement, error) {
				return &statement.Statement{
					Subjects:  []statement.Subject{{Name: "register", Digest: statement.Digest{SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(key)))}}},
					Predicate: &statement.Register{Act: l.NewAct(p), Entries: entries, From: from, Previous: previous, To: to},
				}, nil
			},
			Rows: func(ctx context.Context, tx *sql.Tx, e ledger.Entry) error {
				_, err := tx.ExecContext(ctx, `INSERT INTO registers (upto, id) VALUES ($1, $2)`, to, e.ID.String())
				return err
			},
		})
		return err
	})
}
