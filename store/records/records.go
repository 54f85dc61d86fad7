package records

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/store"
)

// ErrNotFound: there is no such thing, or the viewer does not see it; nobody can tell which.
var ErrNotFound = errors.New("not found")

// Records are the rows of one database.
type Records struct{ db *store.DB }

// New returns the rows of a database.
func New(db *store.DB) *Records { return &Records{db} }

// Tx runs a write transaction, for what makes no statement.
func (r *Records) Tx(ctx context.Context, fn func(*sql.Tx) error) error { return r.db.Tx(ctx, fn) }

// View reads as a viewer.
type View struct {
	r *Records
	v access.Viewer
}

// As returns the rows as a viewer sees them.
func (r *Records) As(v access.Viewer) *View { return &View{r, v} }

// Viewer returns who looks.
func (w *View) Viewer() access.Viewer { return w.v }

// visible gives each release that the viewer sees, and the level. It says in SQL what access.Reach says in Go.
const visible = `WITH visible (release_id, level, assigned) AS (
	SELECT s.release_id, MAX(s.level), MAX(s.assigned) FROM (
		SELECT id AS release_id, 5 AS level, 0 AS assigned FROM releases WHERE owner_id = $1
		UNION ALL SELECT release_id, 5, 1 FROM assignments WHERE $6 = 1 AND person_id = $2 AND from_at <= $3 AND (until_at = 0 OR until_at > $3)
		UNION ALL SELECT id, 1, 0 FROM releases WHERE $4 = 1
		UNION ALL SELECT id, 2, 0 FROM releases WHERE $5 = 1
		UNION ALL SELECT x.id, g.level, 0 FROM grants g
			JOIN releases x ON x.product_id = g.product_id AND x.owner_id = g.owner_id AND (g.release_id = '' OR g.release_id = x.id)
			WHERE g.party_id = $1 AND g.from_at <= $3 AND (g.until_at = 0 OR g.until_at > $3) AND x.embargo <= $3
	) s GROUP BY s.release_id
) `

// viewerArgs is how many parameters visible takes; a query's own begin after them.
const viewerArgs = 6

// query runs a query that begins after visible; its own parameters are written ?1, ?2, …
func (w *View) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	return w.r.db.QueryContext(ctx, visible+own(text, viewerArgs), append(w.args(), args...)...)
}

func (w *View) args() []any {
	v := w.v
	if !v.Known() {
		return []any{"-", "-", v.At.Unix(), 0, 0, 0}
	}
	return []any{v.Party, v.Person, v.At.Unix(), flag(v.Home && v.Role == access.Admin), flag(v.Class == access.Regulator), flag(v.Home)}
}

// own numbers a query's own parameters after others.
func own(text string, after int) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "?")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		n := 0
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		number, _ := strconv.Atoi(rest[:n]) // digits
		fmt.Fprintf(&b, "$%d", number+after)
		text = rest[n:]
	}
}

// all collects what a query gives.
func all[T any](rows *sql.Rows, err error, scan func(func(...any) error, *T) error) ([]T, error) {
	if err != nil {
		return nil, fmt.Errorf("reading the records: %w", err)
	}
	defer rows.Close()
	var list []T
	for rows.Next() {
		var x T
		if err := scan(rows.Scan, &x); err != nil {
			return nil, fmt.Errorf("reading the records: %w", err)
		}
		list = append(list, x)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading the records: %w", err)
	}
	return list, nil
}

// one wants exactly one of them.
func one[T any](list []T, err error) (T, error) {
	var none T
	if err != nil {
		return none, err
	}
	if len(list) == 0 {
		return none, ErrNotFound
	}
	return list[0], nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func at(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // of our own structs
	}
	return string(b)
}

// NewID returns a random id: 26 of the characters a-z 2-7, 130 bits.
func NewID() string { return strings.ToLower(rand.Text()) }

// exec writes rows and wants that it changed at least one: ErrNotFound otherwise, which is how compare-and-set loses.
func exec(ctx context.Context, tx *sql.Tx, text string, args ...any) error {
	res, err := tx.ExecContext(ctx, text, args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return ErrNotFound
}

// Once runs fn unless the person did the same thing under the same word before; then it returns the answer of that time. The word is drawn by who
// asks (a form's hidden field, Idempotency-Key), so that two requests that race leave one object. An empty word always runs fn.
func (r *Records) Once(ctx context.Context, person, word, what string, fn func() (answer string, err error)) (string, error) {
	if word == "" {
		return fn()
	}
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
	if err != nil {
		return "", errors.Join(err, r.db.Tx(context.WithoutCancel(ctx), func(tx *sql.Tx) error {
			return exec(ctx, tx, `DELETE FROM once WHERE person_id = $1 AND word = $2`, person, word)
		}))
	}
	return answer, r.db.Tx(ctx, func(tx *sql.Tx) error {
		return exec(ctx, tx, `UPDATE once SET answer = $3 WHERE person_id = $1 AND word = $2`, person, word, answer)
	})
}

// ErrTwice: the same request is under way, or the word was used for another thing.
var ErrTwice = errors.New("the same request is under way")
