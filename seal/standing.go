package seal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/statement"
)

// change logs a change of a credential's standing, and the marks that it sets.
func change(ctx context.Context, l *lab.Lab, r credentialRow, key string, c statement.Change, set string) error {
	s, err := statementOf(ctx, l, r.id)
	if err != nil {
		return err
	}
	c.Credential = r.id
	_, err = l.Append(ctx, lab.Act{
		Key: key, Case: r.caseID, By: statement.ForIssuing,
		Statement: func(p ledger.Place) (*statement.Statement, error) {
			c.Act = l.NewAct(p)
			return &statement.Statement{Subjects: s.Subjects, Predicate: &c}, nil
		},
		Rows: func(ctx context.Context, tx *sql.Tx, e ledger.Entry) error {
			_, err := tx.ExecContext(ctx, `UPDATE credentials SET `+set+` WHERE id = $1`, r.id)
			return err
		},
	})
	return err
}

// supersede marks older credentials of the same release and scheme.
func supersede(ctx context.Context, l *lab.Lab, id statement.ID) error {
	r, err := credentialByID(ctx, l, id)
	if err != nil {
		return err
	}
	older, err := credentialsWhere(ctx, l, `case_id = $1 AND scheme = $2 AND profile = $3 AND leaf < $4 AND superseded = 0`, r.caseID, r.scheme, r.profile, r.leaf)
	if err != nil {
		return err
	}
	if len(older) == 0 {
		return nil
	}
	told, err := replay(ctx, l)
	if err != nil {
		return err
	}
	me := told.issued[r.id]
	for _, o := range older {
		if is := told.issued[o.id]; is == nil || me == nil || weaker(me, is) {
			continue
		}
		c := statement.Change{Reason: "a later credential for the same release and scheme was issued", Standing: statement.Superseded, Successor: r.id}
		if err := change(ctx, l, o, "superseded/"+o.id, c, `superseded = 1`); err != nil {
			return err
		}
		if o.series != r.series {
			if err := publishList(ctx, l, o.series); err != nil {
				return err
			}
		}
	}
	return nil
}

// weaker tells whether a credential rests on less than an older one: then it does not take its place. The lab saw the product itself then and
// not now, or its vendor declared it then and nobody does now.
func weaker(me, older *issued) bool {
	return older.observation == statement.ObservedHere && me.observation != statement.ObservedHere || older.declared && !me.declared
}

// ErrStanding is returned for sealing where a credential of the same release and scheme is suspended or revoked.
var ErrStanding = errors.New("a credential of these bytes for the same scheme is suspended or revoked")

// standing refuses to issue a new credential beside one that is suspended or revoked, for any of the same bytes.
func (w *work) standing(ctx context.Context) error {
	if w.options.Anyway {
		return nil
	}
	if e, err := w.lab.Ledger.ByKey(ctx, "credential/"+w.base); err == nil && w.lab.Counts(e) {
		return nil // the same again: no new one is issued
	}
	told, err := replay(ctx, w.lab)
	if err != nil {
		return err
	}
	own := ""
	if w.options.Owner != "" { // what others handed in is none of this one's business
		f, err := open(ctx, w.lab, w.plan, w.policy.Scheme, w.options.Owner)
		if err != nil {
			return err
		}
		own = f.id
	}
	for id, c := range told.issued {
		if c.policy.Scheme != w.policy.Scheme || !(c.revoked || c.suspended) || own != "" && c.caseID != own {
			continue
		}
		for _, s := range w.plan.Subjects() {
			if slices.ContainsFunc(c.subjects, func(o statement.Subject) bool { return o.Digest == s.Digest }) {
				return fmt.Errorf("%w: %s", ErrStanding, id)
			}
		}
	}
	return nil
}

// ErrState is returned where a credential's standing does not allow what is asked.
var ErrState = errors.New("its standing does not allow that")

// Suspend suspends a credential at once.
func Suspend(ctx context.Context, l *lab.Lab, id statement.ID, reason string) error {
	return restate(ctx, l, id, func(r credentialRow) error {
		if r.revoked || r.suspended {
			return fmt.Errorf("suspending %s: %w: it is suspended or revoked already", id, ErrState)
		}
		return change(ctx, l, r, "suspended/"+randomHex(16), statement.Change{Reason: reason, Standing: statement.Suspended}, `suspended = 1`)
	})
}

// Reinstate ends a suspension.
func Reinstate(ctx context.Context, l *lab.Lab, id statement.ID, reason string) error {
	return restate(ctx, l, id, func(r credentialRow) error {
		if r.revoked || !r.suspended {
			return fmt.Errorf("reinstating %s: %w: it is not suspended", id, ErrState)
		}
		return change(ctx, l, r, "reinstated/"+randomHex(16), statement.Change{Reason: reason, Standing: statement.Reinstated}, `suspended = 0`)
	})
}

// restate changes a credential's standing and issues the status list that says so; also where the standing is so already, since whoever set
// it may not have got as far as the list.
func restate(ctx context.Context, l *lab.Lab, id statement.ID, fn func(credentialRow) error) error {
	r, err := credentialByID(ctx, l, id)
	if err != nil {
		return err
	}
	told, err := replay(ctx, l)
	if err != nil {
		return err
	}
	is := told.issued[r.id]
	if is == nil {
		return fmt.Errorf("%w: the ledger has no credential %s", ErrUnknown, id)
	}
	r.marks = is.marks
	changed := fn(r)
	if changed != nil && !errors.Is(changed, ErrState) {
		return changed
	}
	return errors.Join(changed, publishList(ctx, l, r.series))
}

// Notice tells the vendor that a credential is to be revoked, and until when it may answer. It returns that time.
func Notice(ctx context.Context, l *lab.Lab, id statement.ID, reason string) (notice statement.ID, answerBy time.Time, err error) {
	r, err := credentialByID(ctx, l, id)
	if err != nil {
		return notice, answerBy, err
	}
	if r.revoked {
		return notice, answerBy, fmt.Errorf("giving notice about %s: %w: it is revoked", id, ErrState)
	}
	s, err := statementOf(ctx, l, r.id)
	if err != nil {
		return notice, answerBy, err
	}
	key := "notice/" + randomHex(16)
	answerBy = l.Now().UTC().AddDate(0, 0, l.Config.AnswerDays).Truncate(time.Second)
	e, err := l.Append(ctx, lab.Act{
		Key: key, Case: r.caseID, By: statement.ForLedger,
		Statement: func(p ledger.Place) (*statement.Statement, error) {
			return &statement.Statement{Subjects: s.Subjects, Predicate: &statement.Notice{
				Act: l.NewAct(p), AnswerBy: statement.FormatTime(answerBy), Credential: r.id, Reason: reason,
			}}, nil
		},
		Rows: func(ctx context.Context, tx *sql.Tx, e ledger.Entry) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO notices (id, credential, answer_by, answer) VALUES ($1, $2, $3, '')`, e.ID.String(), r.id, answerBy.Unix())
			return err
		},
	})
	if err != nil {
		return notice, answerBy, err
	}
	_, err = l.Ledger.Publish(ctx)
	return e.ID, answerBy, err
}

// Answered logs what the vendor said to a notice about a credential, as the lab attests it; position is agrees or disputes. The same answer
// again is no second one; another answer to the same notice is ErrState.
func Answered(ctx context.Context, l *lab.Lab, id, notice statement.ID, vendor, position, text string) (statement.ID, error) {
	n, err := noticeByID(ctx, l, notice)
	if err != nil {
		return statement.ID{}, err
	}
	if n.credential != id.String() {
		return statement.ID{}, fmt.Errorf("%w: notice %s is about another credential, %s", ErrUnknown, notice, n.credential)
	}
	r, err := credentialByID(ctx, l, id)
	if err != nil {
		return statement.ID{}, err
	}
	s, err := statementOf(ctx, l, r.id)
	if err != nil {
		return statement.ID{}, err
	}
	key := "answer/" + notice.String()
	e, err := l.Append(ctx, lab.Act{
		Key: key, Content: []byte(hash(vendor, position, text)), Case: r.caseID, By: statement.ForLedger,
		Statement: func(p ledger.Place) (*statement.Statement, error) {
			a := l.NewAct(p)
			a.Actor = statement.Actor{Class: statement.Vendor, Name: vendor, Proof: statement.Attested}
			return &statement.Statement{Subjects: s.Subjects, Predicate: &statement.Answer{Act: a, Notice: notice.String(), Position: position, Text: text}}, nil
		},
		Rows: func(ctx context.Context, tx *sql.Tx, e ledger.Entry) error {
			_, err := tx.ExecContext(ctx, `UPDATE notices SET answer = $1 WHERE id = $2`, e.ID.String(), notice.String())
			return err
		},
	})
	if errors.Is(err, ledger.ErrKeyReused) {
		return e.ID, fmt.Errorf("answering notice %s: %w: it has another answer already", notice, ErrState)
	}
	if err != nil {
		return e.ID, err
	}
	_, err = l.Ledger.Publish(ctx)
	return e.ID, err
}

type noticeRow struct {
	id, credential, answer string
	answerBy               int64 // Unix time
}

func noticeByID(ctx context.Context, l *lab.Lab, id statement.ID) (n noticeRow, err error) {
	err = l.DB.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT id, credential, answer_by, answer FROM notices WHERE id = $1`, id.String()).Scan(&n.id, &n.credential, &n.answerBy, &n.answer)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return n, fmt.Errorf("%w: this lab gave no notice %s", ErrUnknown, id)
	}
	return n, err
}

// ErrNotice is returned for a revocation that no notice allows yet.
var ErrNotice = errors.New("a revocation needs a notice that the vendor answered, or whose time is over")

// Revoke revokes a credential for ever. It rests on a notice that was answered or has expired.
func Revoke(ctx context.Context, l *lab.Lab, id statement.ID, reason string) error {
	return restate(ctx, l, id, func(r credentialRow) error {
		if r.revoked {
			return fmt.Errorf("revoking %s: %w: it is revoked already", id, ErrState)
		}
		var n noticeRow
		err := l.DB.Read(ctx, func(tx *sql.Tx) error {
			return tx.QueryRowContext(ctx, `SELECT id, credential, answer_by, answer FROM notices WHERE credential = $1 AND (answer <> '' OR answer_by <= $2)
				ORDER BY answer_by LIMIT 1`, r.id, l.Now().Unix()).Scan(&n.id, &n.credential, &n.answerBy, &n.answer)
		})
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("revoking %s: %w", id, ErrNotice)
		}
		if err != nil {
			return fmt.Errorf("looking for a notice: %w", err)
		}
		c := statement.Change{Answer: n.answer, Notice: n.id, Reason: reason, Standing: statement.Revoked}
		return change(ctx, l, r, "revoked/"+r.id, c, `revoked = 1, suspended = 0`)
	})
}
