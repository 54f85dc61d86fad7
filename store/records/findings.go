package records

import (
	"context"
	"database/sql"
)

// Finding is a fact that does not meet a test. Subject and Body are empty below level evidence.
type Finding struct {
	Dossier, Release, Scheme, Requirement string
	Position                              int64
	Fingerprint, Kind, Severity, Title    string
	Subject, Body                         string
}

// AddFinding writes it.
func AddFinding(ctx context.Context, tx *sql.Tx, x Finding) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO findings (dossier_id, release_id, scheme, requirement, position, fingerprint, kind, severity, title, subject, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, x.Dossier, x.Release, x.Scheme, x.Requirement, x.Position, x.Fingerprint, x.Kind, x.Severity, x.Title, x.Subject, x.Body)
	return err
}

func scanFinding(scan func(...any) error, x *Finding) error {
	return scan(&x.Dossier, &x.Release, &x.Scheme, &x.Requirement, &x.Position, &x.Fingerprint, &x.Kind, &x.Severity, &x.Title, &x.Subject, &x.Body)
}

// Findings returns those of a requirement, and how many there are.
func (w *View) Findings(ctx context.Context, release, scheme, requirement, dossier string, page Page) (list []Finding, total int, err error) {
	const from = ` FROM findings f JOIN releases r ON r.id = f.release_id JOIN dossiers d ON d.id = f.dossier_id JOIN visible v ON v.release_id = r.id AND v.level >= 2 AND (d.origin <> 'vendor' OR v.level >= 5)
		WHERE r.id = ?1 AND f.scheme = ?2 AND (?3 = '' OR f.requirement = ?3) AND f.dossier_id = CASE WHEN ?4 = '' THEN r.dossier_id ELSE ?4 END`
	err = w.look(ctx, func(tx *sql.Tx) error {
		total, err = one(readIn(ctx, w, tx, scanInt, `SELECT COUNT(*)`+from, release, scheme, requirement, dossier))
		if err != nil {
			return err
		}
		list, err = readIn(ctx, w, tx, scanFinding, `SELECT f.dossier_id, f.release_id, f.scheme, f.requirement, f.position, f.fingerprint, f.kind, f.severity, f.title,
			CASE WHEN v.level >= 3 THEN f.subject ELSE '' END, CASE WHEN v.level >= 3 THEN f.body ELSE '' END`+from+` ORDER BY f.requirement, f.position LIMIT ?5 OFFSET ?6`,
			release, scheme, requirement, dossier, page.Most, page.After)
		return err
	})
	return list, total, err
}

// AddNode writes a node of the tree; body is the outline's row.
func AddNode(ctx context.Context, tx *sql.Tx, dossier, release string, position, parent int64, address, body string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO nodes (dossier_id, release_id, position, parent, address, body) VALUES ($1, $2, $3, $4, $5, $6)`, dossier, release, position, parent, address, body)
	return err
}

// AddSeen writes another row of an outline.
func AddSeen(ctx context.Context, tx *sql.Tx, dossier, release, kind string, position, node int64, body string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO seen (dossier_id, release_id, kind, position, node, body) VALUES ($1, $2, $3, $4, $5, $6)`, dossier, release, kind, position, node, body)
	return err
}

// Nodes returns the children of a node (parent -1: the artifacts) in the dossier that counts.
func (w *View) Nodes(ctx context.Context, release string, parent int64, page Page) ([]string, error) {
	return w.bodies(ctx, `SELECT n.body FROM nodes n JOIN releases r ON r.dossier_id = n.dossier_id JOIN visible v ON v.release_id = r.id AND v.level >= 3
		WHERE r.id = ?1 AND n.parent = ?2 ORDER BY n.position LIMIT ?3 OFFSET ?4`, release, parent, page.Most, page.After)
}

// Node returns a node by its address.
func (w *View) Node(ctx context.Context, release, address string) (string, error) {
	return one(w.bodies(ctx, `SELECT n.body FROM nodes n JOIN releases r ON r.dossier_id = n.dossier_id JOIN visible v ON v.release_id = r.id AND v.level >= 3
		WHERE r.id = ?1 AND n.address = ?2`, release, address))
}

// Seen returns the rows of a kind, or, for an empty kind, those at a node.
func (w *View) Seen(ctx context.Context, release, kind string, node int64, page Page) ([]string, error) {
	return w.bodies(ctx, `SELECT n.body FROM seen n JOIN releases r ON r.dossier_id = n.dossier_id JOIN visible v ON v.release_id = r.id AND v.level >= 3
		WHERE r.id = ?1 AND ((?2 = '' AND n.node = ?3) OR n.kind = ?2) ORDER BY n.kind, n.position LIMIT ?4 OFFSET ?5`, release, kind, node, page.Most, page.After)
}

func (w *View) bodies(ctx context.Context, text string, args ...any) ([]string, error) {
	return read(ctx, w, scanString, text, args...)
}
