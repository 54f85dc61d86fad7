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
type Records struct {
	db    *store.DB
	asked func(text string, args []any) // of tests: sees each query of a View; nil otherwise
}

// New returns the rows of a database.
func New(db *store.DB) *Records { return &Records{db: db} }

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

// visible gives each release that the viewer sees, and the level. It says in SQL what access.Reach says in Go. MATERIALIZED: it is computed once for
// each query, whatever the query makes of it.
const visible = `WITH visible (release_id, level, assigned) AS MATERIALIZED (
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

// args are the parameters of visible: the viewer's party and person, both empty if nobody has signed in (no row has an empty party), the time,
// and whether it is an admin of the home lab, a regulator, and of the home lab.
func (w *View) args() []any {
	v := w.v
	if !v.Known() {
		return []any{"", "", v.At.Unix(), 0, 0, 0}
	}
	return []any{v.Party, v.Person, v.At.Unix(), flag(v.Home && v.Role == access.Admin), flag(v.Class == access.Regulator), flag(v.Home)}
}

// look runs reads for the viewer, all of which see one state. On PostgreSQL its row-level security knows the viewer until they end.
func (w *View) look(ctx context.Context, fn func(*sql.Tx) error) error {
	return w.r.db.Read(ctx, func(tx *sql.Tx) error {
		if !w.r.lite() {
			if err := w.tell(ctx, tx); err != nil {
				return err
			}
		}
		return fn(tx)
	})
}

// read runs a query and collects what it gives. The text begins after visible; its own parameters are written ?1, ?2, …
func read[T any](ctx context.Context, w *View, scan func(func(...any) error, *T) error, text string, args ...any) (list []T, err error) {
	err = w.look(ctx, func(tx *sql.Tx) error {
		list, err = readIn(ctx, w, tx, scan, text, args...)
		return err
	})
	return list, err
}

// readIn is read inside of a look.
func readIn[T any](ctx context.Context, w *View, tx *sql.Tx, scan func(func(...any) error, *T) error, text string, args ...any) ([]T, error) {
	full := w.args()
	for _, a := range args {
		if s, ok := a.(string); ok {
			a = storable(s)
		}
		full = append(full, a)
	}
	text = visible + own(text, viewerArgs)
	if w.r.asked != nil {
		w.r.asked(text, full)
	}
	rows, err := tx.QueryContext(ctx, text, full...)
	return all(rows, err, scan)
}

// storable makes of a text one that both databases take: PostgreSQL refuses bytes that are not UTF-8, and NUL. As no row holds such bytes either,
// what is asked for by such a text is not found.
func storable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func scanString(scan func(...any) error, s *string) error { return scan(s) }

func scanInt(scan func(...any) error, n *int) error { return scan(n) }

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

func (r *Records) lite() bool { return r.db.Dialect() == store.SQLite }

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
