package records

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/probat-lab/probat/access"
)

// ErrUnguarded: row-level security does not hold for the role that the server uses.
var ErrUnguarded = errors.New("row-level security does not hold for the server's role")

// Guarded returns ErrUnguarded, with the reason, if the role of this database's connections bypasses row-level security or a table lacks it, and nil
// on SQLite, which has none. A superuser bypasses it, and a role with BYPASSRLS; the owner of the tables does not (see the migration).
func (r *Records) Guarded(ctx context.Context) error {
	if r.lite() {
		return nil
	}
	var role string
	var bypasses bool
	var open int
	err := r.db.QueryRowContext(ctx, `SELECT rolname, rolsuper OR rolbypassrls, (SELECT COUNT(*) FROM pg_class c
			WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> ALL ('{grants,assignments,words}')
			AND (c.relname = 'releases' OR EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'release_id' AND NOT a.attisdropped))
			AND NOT (c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'viewer')))
		FROM pg_roles WHERE rolname = current_user`).Scan(&role, &bypasses, &open)
	switch {
	case err != nil:
		return fmt.Errorf("asking for row-level security: %w", err)
	case bypasses:
		return fmt.Errorf("%w: %q is a superuser or has BYPASSRLS", ErrUnguarded, role)
	case open > 0:
		return fmt.Errorf("%w: %d tables are without", ErrUnguarded, open)
	}
	return nil
}

// tell says to PostgreSQL who looks, until the transaction ends. Compiling a query would take it longer than running any of ours.
func (w *View) tell(ctx context.Context, tx *sql.Tx) error {
	every := w.v.Known() && (w.v.Class == access.Regulator || w.v.Home && w.v.Role == access.Admin)
	args := w.args()
	text := `SELECT set_config('probat.viewer', '1', true), set_config('probat.party', $1, true), set_config('probat.person', $2, true),
		set_config('probat.at', $3, true), set_config('probat.every', $4, true), set_config('probat.home', $5, true),
		set_config('jit', 'off', true)`
	settings := slices.Concat(args[:2], []any{fmt.Sprint(args[2]), fmt.Sprint(flag(every)), fmt.Sprint(args[5])})
	if _, err := tx.ExecContext(ctx, text, settings...); err != nil {
		return fmt.Errorf("telling the database who looks: %w", err)
	}
	return nil
}
