package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/probat-lab/probat/access"
)

// Dossier is one dossier of a release.
type Dossier struct {
	ID          string          `json:"id"`
	Release     string          `json:"release_id"`
	Job         string          `json:"job_id"`
	Origin      string          `json:"origin"` // lab, vendor or judged
	Predecessor string          `json:"predecessor_id"`
	AsOf        string          `json:"as_of"`
	Made        time.Time       `json:"made"`
	Head        json.RawMessage `json:"-"` // the outline's head; only at level evidence
}

// AddDossier writes a dossier; its outline follows.
func (r *Records) AddDossier(ctx context.Context, tx *sql.Tx, d Dossier) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO dossiers (id, release_id, job_id, origin, predecessor_id, as_of, made, head) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		d.ID, d.Release, d.Job, d.Origin, d.Predecessor, d.AsOf, d.Made.Unix(), string(d.Head))
	return err
}

// Dossiers returns the dossiers of a release, newest first, from level verdict on.
func (w *View) Dossiers(ctx context.Context, release string) ([]Dossier, error) {
	rows, err := w.query(ctx, `SELECT d.id, d.release_id, d.job_id, d.origin, d.predecessor_id, d.as_of, d.made, CASE WHEN v.level >= 3 THEN d.head ELSE '' END
		FROM dossiers d JOIN visible v ON v.release_id = d.release_id AND v.level >= 2 WHERE d.release_id = ?1 AND (d.origin <> 'vendor' OR v.level >= 5) ORDER BY d.made DESC, d.id`, release)
	return all(rows, err, func(scan func(...any) error, d *Dossier) error {
		var made int64
		var head string
		err := scan(&d.ID, &d.Release, &d.Job, &d.Origin, &d.Predecessor, &d.AsOf, &made, &head)
		d.Made, d.Head = at(made), json.RawMessage(head)
		return err
	})
}

// Result is what a dossier came to under a scheme. Body is the outline's row; it holds counts and the scheme's own texts only.
type Result struct {
	Dossier, Release, Scheme, Edition string
	Position                          int64
	Body                              string
}

// AddResult writes it.
func AddResult(ctx context.Context, tx *sql.Tx, x Result) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO results (dossier_id, release_id, scheme, edition, position, body) VALUES ($1, $2, $3, $4, $5, $6)`,
		x.Dossier, x.Release, x.Scheme, x.Edition, x.Position, x.Body)
	return err
}

func scanResult(scan func(...any) error, x *Result) error {
	return scan(&x.Dossier, &x.Release, &x.Scheme, &x.Edition, &x.Position, &x.Body)
}

// Results returns what releases came to, by the dossiers that count: of all releases that the viewer sees, or of one.
func (w *View) Results(ctx context.Context, release string) ([]Result, error) {
	rows, err := w.query(ctx, `SELECT x.dossier_id, x.release_id, x.scheme, x.edition, x.position, x.body FROM results x
		JOIN releases r ON r.dossier_id = x.dossier_id JOIN visible v ON v.release_id = r.id AND v.level >= 1
		WHERE (?1 = '' OR r.id = ?1) ORDER BY x.release_id, x.position`, release)
	return all(rows, err, scanResult)
}

// ResultsOf returns what one dossier came to.
func (w *View) ResultsOf(ctx context.Context, release, dossier string) ([]Result, error) {
	rows, err := w.query(ctx, `SELECT x.dossier_id, x.release_id, x.scheme, x.edition, x.position, x.body FROM results x
		JOIN dossiers d ON d.id = x.dossier_id JOIN visible v ON v.release_id = x.release_id AND v.level >= 2 AND (d.origin <> 'vendor' OR v.level >= 5)
		WHERE x.release_id = ?1 AND x.dossier_id = ?2 ORDER BY x.position`, release, dossier)
	return all(rows, err, scanResult)
}

// Requirement is the result for one requirement. Body is the outline's row, empty below level evidence.
type Requirement struct {
	Dossier, Release, Scheme, ID    string
	Position                        int64
	Title, Verdict, Reason, Section string
	Waits                           bool // a test in words waits for a person
	Body                            string
}

// AddRequirement writes it, findable by its title.
func AddRequirement(ctx context.Context, tx *sql.Tx, x Requirement) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO requirements (dossier_id, release_id, scheme, requirement, position, title, verdict, reason, section, waits, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, x.Dossier, x.Release, x.Scheme, x.ID, x.Position, x.Title, x.Verdict, x.Reason, x.Section, flag(x.Waits), x.Body)
	return err
}

const requirementColumns = `q.dossier_id, q.release_id, q.scheme, q.requirement, q.position, q.title, q.verdict, q.reason, q.section, q.waits`

func scanRequirement(scan func(...any) error, x *Requirement) error {
	var waits int
	err := scan(&x.Dossier, &x.Release, &x.Scheme, &x.ID, &x.Position, &x.Title, &x.Verdict, &x.Reason, &x.Section, &waits, &x.Body)
	x.Waits = waits == 1
	return err
}

// Requirements returns those of a release under a scheme, in its order, by the dossier that counts, or another one that is named.
func (w *View) Requirements(ctx context.Context, release, scheme, dossier string) ([]Requirement, error) {
	rows, err := w.query(ctx, `SELECT `+requirementColumns+`, '' FROM requirements q JOIN releases r ON r.id = q.release_id JOIN dossiers d ON d.id = q.dossier_id
		JOIN visible v ON v.release_id = r.id AND v.level >= 2 AND (d.origin <> 'vendor' OR v.level >= 5)
		WHERE r.id = ?1 AND q.scheme = ?2 AND q.dossier_id = CASE WHEN ?3 = '' THEN r.dossier_id ELSE ?3 END ORDER BY q.position`, release, scheme, dossier)
	return all(rows, err, scanRequirement)
}

// Requirement returns one of them with its body.
func (w *View) Requirement(ctx context.Context, release, scheme, requirement, dossier string) (Requirement, error) {
	rows, err := w.query(ctx, `SELECT `+requirementColumns+`, CASE WHEN v.level >= 3 THEN q.body ELSE '' END FROM requirements q JOIN releases r ON r.id = q.release_id
		JOIN dossiers d ON d.id = q.dossier_id JOIN visible v ON v.release_id = r.id AND v.level >= 2 AND (d.origin <> 'vendor' OR v.level >= 5)
		WHERE r.id = ?1 AND q.scheme = ?2 AND q.requirement = ?3 AND q.dossier_id = CASE WHEN ?4 = '' THEN r.dossier_id ELSE ?4 END`, release, scheme, requirement, dossier)
	return one(all(rows, err, scanRequirement))
}

// Bodies returns the rows of all requirements and findings of a dossier under a scheme, for comparing: from level evidence on.
func (w *View) Bodies(ctx context.Context, release, scheme, dossier string) (requirements, findings []string, err error) {
	scan := func(scan func(...any) error, s *string) error { return scan(s) }
	for _, q := range []struct {
		table string
		into  *[]string
	}{{"requirements", &requirements}, {"findings", &findings}} {
		order := "x.position"
		if q.table == "findings" {
			order = "x.requirement, x.position"
		}
		rows, err := w.query(ctx, `SELECT x.body FROM `+q.table+` x JOIN visible v ON v.release_id = x.release_id AND v.level >= 3 JOIN dossiers d ON d.id = x.dossier_id
			WHERE x.release_id = ?1 AND x.scheme = ?2 AND x.dossier_id = ?3 AND (d.origin <> 'vendor' OR v.level >= 5) ORDER BY `+order, release, scheme, dossier)
		if *q.into, err = all(rows, err, scan); err != nil {
			return nil, nil, err
		}
	}
	return requirements, findings, nil
}

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

// Findings returns those of a requirement, and how many there are.
func (w *View) Findings(ctx context.Context, release, scheme, requirement, dossier string, page Page) ([]Finding, int, error) {
	const from = ` FROM findings f JOIN releases r ON r.id = f.release_id JOIN dossiers d ON d.id = f.dossier_id JOIN visible v ON v.release_id = r.id AND v.level >= 2 AND (d.origin <> 'vendor' OR v.level >= 5)
		WHERE r.id = ?1 AND f.scheme = ?2 AND (?3 = '' OR f.requirement = ?3) AND f.dossier_id = CASE WHEN ?4 = '' THEN r.dossier_id ELSE ?4 END`
	var total int
	if err := w.r.db.QueryRowContext(ctx, visible+own(`SELECT COUNT(*)`+from, viewerArgs), append(w.args(), release, scheme, requirement, dossier)...).Scan(&total); err != nil {
		return nil, 0, err
	}
	rows, err := w.query(ctx, `SELECT f.dossier_id, f.release_id, f.scheme, f.requirement, f.position, f.fingerprint, f.kind, f.severity, f.title,
		CASE WHEN v.level >= 3 THEN f.subject ELSE '' END, CASE WHEN v.level >= 3 THEN f.body ELSE '' END`+from+` ORDER BY f.requirement, f.position LIMIT ?5 OFFSET ?6`,
		release, scheme, requirement, dossier, page.Most, page.After)
	list, err := all(rows, err, func(scan func(...any) error, x *Finding) error {
		return scan(&x.Dossier, &x.Release, &x.Scheme, &x.Requirement, &x.Position, &x.Fingerprint, &x.Kind, &x.Severity, &x.Title, &x.Subject, &x.Body)
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
	rows, err := w.query(ctx, text, args...)
	return all(rows, err, func(scan func(...any) error, s *string) error { return scan(s) })
}

// Hit is something that was found by words.
type Hit struct {
	Kind, Ref, Release, Text string
	Level                    access.Level
}

// Search finds what the viewer may find, by a text of at least three letters, at most most of each kind.
func (w *View) Search(ctx context.Context, text string, most int) ([]Hit, error) {
	const lite = `SELECT x.kind, x.ref, x.release_id, x.text FROM words x JOIN releases r ON r.id = x.release_id JOIN visible v ON v.release_id = x.release_id AND v.level >= x.level
		WHERE words MATCH ?1 AND (x.dossier_id = '' OR x.dossier_id = r.dossier_id) ORDER BY x.rowid LIMIT ?2`
	const pg = `SELECT x.kind, x.ref, x.release_id, x.text FROM words x JOIN releases r ON r.id = x.release_id JOIN visible v ON v.release_id = x.release_id AND v.level >= x.level
		WHERE to_tsvector('simple', x.text) @@ plainto_tsquery('simple', ?1) AND (x.dossier_id = '' OR x.dossier_id = r.dossier_id) ORDER BY x.release_id, x.kind, x.ref LIMIT ?2`
	query := pg
	if w.r.lite() {
		query, text = lite, quoteMatch(text)
	}
	rows, err := w.query(ctx, query, text, most)
	return all(rows, err, func(scan func(...any) error, h *Hit) error { return scan(&h.Kind, &h.Ref, &h.Release, &h.Text) })
}
