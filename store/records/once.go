package records

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Once runs fn unless the person did the same thing under the same word before; then it returns the answer of that time. The word is drawn by who
// asks (a form's hidden field, Idempotency-Key), so that two requests that race leave one object. An empty word always runs fn.
//
// The answer must not be empty. If the process ends while fn runs, nobody knows what it did: the word stays without answer, and is ErrTwice for ever.
func (r *Records) Once(ctx context.Context, person, word, what string, fn func() (answer string, err error)) (string, error) {
	if word == "" {
		return fn()
	}
	word = storable(word)
	claimed := false
	var before, answer string
	err := r.db.Tx(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT what, answer FROM once WHERE person_id = $1 AND word = $2`, person, word).Scan(&before, &answer)
		if errors.Is(err, sql.ErrNoRows) {
			claimed = true
			_, err = tx.ExecContext(ctx, `INSERT INTO once (person_id, word, what, answer, made) VALUES ($1, $2, $3, '', $4)`, person, word, what, time.Now().Unix())
		}
		return err
	})
	switch {
	case err != nil:
		return "", err
	case !claimed && (before != what || answer == ""):
		return "", ErrTwice
	case !claimed:
		return answer, nil
	}
	answer, err = fn()
	ctx = context.WithoutCancel(ctx) // what was done is kept, also when who asked has gone
	if err != nil {
		return "", errors.Join(err, r.db.Tx(ctx, func(tx *sql.Tx) error {
			return exec(ctx, tx, `DELETE FROM once WHERE person_id = $1 AND word = $2`, person, word)
		}))
	}
	return answer, r.db.Tx(ctx, func(tx *sql.Tx) error {
		return exec(ctx, tx, `UPDATE once SET answer = $3 WHERE person_id = $1 AND word = $2`, person, word, answer)
	})
}

// ErrTwice: the same request is under way, or the word was used for another thing.
var ErrTwice = errors.New("the same request is under way")
