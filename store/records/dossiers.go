package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

// Dossier is one dossier of a release.
type Dossier struct {
	ID          string          `json:"id"`
	Release     string          `json:"release_id"`
	Job         string          `json:"job_id"`
	Origin      string          `json:"origin"` // lab, vendor or judged
	Predecessor string          `json:"predecessor_id"`
	AsOf        string          `json:"as_of"`
	Made        time.Time       `json:"made,omitzero"`
	Head        json.RawMessage `json:"-"` // the outline's head; only at level evidence
}

// AddDossier writes a dossier; its outline follows.
func (r *Records) AddDossier(ctx context.Context, tx *sql.Tx, d Dossier) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO dossiers (id, release_id, job_id, origin, predecessor_id, as_of, made, head) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		d.ID, d.Release, d.Job, d.Origin, d.Predecessor, d.AsOf, d.Made.Unix(), string(d.Head))
	return err
}

const dossierColumns = `d.id, d.release_id, d.job_id, d.origin, d.predecessor_id, d.as_of, d.made, CASE WHEN v.level >= 3 THEN d.head ELSE '' END`

func scanDossier(scan func(...any) error, d *Dossier) error {
	var made int64
	var head string
	err := scan(&d.ID, &d.Release, &d.Job, &d.Origin, &d.Predecessor, &d.AsOf, &made, &head)
	d.Made, d.Head = at(made), json.RawMessage(head)
	return err
}

// Dossiers returns the dossiers of a release, newest first, from level verdict on; the vendor's own are its and the lab's.
func (w *View) Dossiers(ctx context.Context, release string) ([]Dossier, error) {
	return read(ctx, w, scanDossier, `SELECT `+dossierColumns+` FROM dossiers d JOIN visible v ON v.release_id = d.release_id AND v.level >= 2
		WHERE d.release_id = ?1 AND (d.origin <> 'vendor' OR v.level >= 5) ORDER BY d.made DESC, d.id`, release)
}

// Dossier returns one of them.
func (w *View) Dossier(ctx context.Context, id string) (Dossier, error) {
	return one(read(ctx, w, scanDossier, `SELECT `+dossierColumns+` FROM dossiers d JOIN visible v ON v.release_id = d.release_id AND v.level >= 2
		WHERE d.id = ?1 AND (d.origin <> 'vendor' OR v.level >= 5)`, id))
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
	return read(ctx, w, scanResult, `SELECT x.dossier_id, x.release_id, x.scheme, x.edition, x.position, x.body FROM results x
		JOIN releases r ON r.dossier_id = x.dossier_id JOIN visible v ON v.release_id = r.id AND v.level >= 1
		WHERE (?1 = '' OR r.id = ?1) ORDER BY x.release_id, x.position`, release)
}

// ResultsOf returns what one dossier came to.
func (w *View) ResultsOf(ctx context.Context, release, dossier string) ([]Result, error) {
	return read(ctx, w, scanResult, `SELECT x.dossier_id, x.release_id, x.scheme, x.edition, x.position, x.body FROM results x
		JOIN dossiers d ON d.id = x.dossier_id JOIN visible v ON v.release_id = x.release_id AND v.level >= 2 AND (d.origin <> 'vendor' OR v.level >= 5)
		WHERE x.release_id = ?1 AND x.dossier_id = ?2 ORDER BY x.position`, release, dossier)
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
	return read(ctx, w, scanRequirement, `SELECT `+requirementColumns+`, '' FROM requirements q JOIN releases r ON r.id = q.release_id JOIN dossiers d ON d.id = q.dossier_id
		JOIN visible v ON v.release_id = r.id AND v.level >= 2 AND (d.origin <> 'vendor' OR v.level >= 5)
		WHERE r.id = ?1 AND q.scheme = ?2 AND q.dossier_id = CASE WHEN ?3 = '' THEN r.dossier_id ELSE ?3 END ORDER BY q.position`, release, scheme, dossier)
}

// Requirement returns one of them with its body.
func (w *View) Requirement(ctx context.Context, release, scheme, requirement, dossier string) (Requirement, error) {
	return one(read(ctx, w, scanRequirement, `SELECT `+requirementColumns+`, CASE WHEN v.level >= 3 THEN q.body ELSE '' END FROM requirements q JOIN releases r ON r.id = q.release_id
		JOIN dossiers d ON d.id = q.dossier_id JOIN visible v ON v.release_id = r.id AND v.level >= 2 AND (d.origin <> 'vendor' OR v.level >= 5)
		WHERE r.id = ?1 AND q.scheme = ?2 AND q.requirement = ?3 AND q.dossier_id = CASE WHEN ?4 = '' THEN r.dossier_id ELSE ?4 END`, release, scheme, requirement, dossier))
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
		if *q.into, err = read(ctx, w, scan, `SELECT x.body FROM `+q.table+` x JOIN visible v ON v.release_id = x.release_id AND v.level >= 3 JOIN dossiers d ON d.id = x.dossier_id
			WHERE x.release_id = ?1 AND x.scheme = ?2 AND x.dossier_id = ?3 AND (d.origin <> 'vendor' OR v.level >= 5) ORDER BY `+order, release, scheme, dossier); err != nil {
			return nil, nil, err
		}
	}
	return requirements, findings, nil
}
