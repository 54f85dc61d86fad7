package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/store"
)

// Grant is an owner's leave.
type Grant struct {
	ID      string       `json:"id"`
	Owner   string       `json:"owner_id"`
	Product string       `json:"product_id"`
	Release string       `json:"release_id,omitempty"` // empty: all releases of the product
	Party   string       `json:"party_id"`
	Level   access.Level `json:"level"`
	From    time.Time    `json:"from,omitzero"`
	Until   time.Time    `json:"until,omitzero"`
	Person  string       `json:"person_id"`
	Leaf    int64        `json:"leaf"`
}

// AddGrant writes a grant.
func (r *Records) AddGrant(ctx context.Context, tx *sql.Tx, g Grant) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO grants (id, owner_id, product_id, release_id, party_id, level, from_at, until_at, person_id, leaf) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		g.ID, g.Owner, g.Product, g.Release, g.Party, int(g.Level), unix(g.From), unix(g.Until), g.Person, g.Leaf)
	return err
}

// EndGrant ends a grant now, if it has not ended.
func (r *Records) EndGrant(ctx context.Context, tx *sql.Tx, owner, id string, now time.Time) error {
	return exec(ctx, tx, `UPDATE grants SET until_at = $3 WHERE owner_id = $1 AND id = $2 AND (until_at = 0 OR until_at > $3)`, owner, id, now.Unix())
}

func scanGrant(scan func(...any) error, g *Grant) error {
	var from, until int64
	err := scan(&g.ID, &g.Owner, &g.Product, &g.Release, &g.Party, &g.Level, &from, &until, &g.Person, &g.Leaf)
	g.From, g.Until = at(from), at(until)
	return err
}

// Grants returns who may see a release, for its owner and those of the lab who see all of it; ended ones too.
func (w *View) Grants(ctx context.Context, release string) ([]Grant, error) {
	return read(ctx, w, scanGrant, `SELECT g.id, g.owner_id, g.product_id, g.release_id, g.party_id, g.level, g.from_at, g.until_at, g.person_id, g.leaf
		FROM grants g JOIN releases r ON r.product_id = g.product_id AND (g.release_id = '' OR g.release_id = r.id) JOIN visible v ON v.release_id = r.id AND v.level >= 5
		WHERE r.id = ?1 ORDER BY g.leaf`, release)
}

// Assignment is somebody of the lab who looks at a release.
type Assignment struct {
	ID      string    `json:"id"`
	Release string    `json:"release_id"`
	Person  string    `json:"person_id"`
	Kind    string    `json:"kind"` // assigned or elevated
	Reason  string    `json:"reason"`
	By      string    `json:"by_id"`
	From    time.Time `json:"from,omitzero"`
	Until   time.Time `json:"until,omitzero"`
}

// AddAssignment writes one.
func (r *Records) AddAssignment(ctx context.Context, tx *sql.Tx, a Assignment) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO assignments (id, release_id, person_id, kind, reason, by_id, from_at, until_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		a.ID, a.Release, a.Person, a.Kind, a.Reason, a.By, unix(a.From), unix(a.Until))
	return err
}

// EndAssignment ends one now.
func (r *Records) EndAssignment(ctx context.Context, tx *sql.Tx, release, id string, now time.Time) error {
	return exec(ctx, tx, `UPDATE assignments SET until_at = $3 WHERE release_id = $1 AND id = $2 AND (until_at = 0 OR until_at > $3)`, release, id, now.Unix())
}

func scanAssignment(scan func(...any) error, a *Assignment) error {
	var from, until int64
	err := scan(&a.ID, &a.Release, &a.Person, &a.Kind, &a.Reason, &a.By, &from, &until)
	a.From, a.Until = at(from), at(until)
	return err
}

// Assignments returns who of the lab looks or looked at a release: for its owner, and the lab.
func (w *View) Assignments(ctx context.Context, release string) ([]Assignment, error) {
	return read(ctx, w, scanAssignment, `SELECT a.id, a.release_id, a.person_id, a.kind, a.reason, a.by_id, a.from_at, a.until_at FROM assignments a
		JOIN visible v ON v.release_id = a.release_id AND (v.level >= 5 OR $4 = 1) WHERE a.release_id = ?1 ORDER BY a.from_at, a.id`, release)
}

// AddLook writes that somebody looked at what is masked.
func AddLook(ctx context.Context, tx *sql.Tx, id, release, person, event, what, reason string, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO looks (id, release_id, person_id, event, what, reason, made) VALUES ($1, $2, $3, $4, $5, $6, $7)`, id, release, person, event, what, reason, now.Unix())
	return err
}

// Message is one message of a thread.
type Message struct {
	ID          string    `json:"id"`
	Thread      string    `json:"thread_id"`
	Release     string    `json:"release_id"`
	Scheme      string    `json:"scheme"`
	Requirement string    `json:"requirement"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	Party       string    `json:"party_id"`
	PartyName   string    `json:"party"`
	Person      string    `json:"person"`
	Posted      time.Time `json:"posted,omitzero"`
	Leaf        int64     `json:"leaf"`
	Position    string    `json:"position,omitempty"`
	FixIn       string    `json:"fix_in,omitempty"`
	Text        string    `json:"text"`
	Audience    []string  `json:"audience"` // names of parties, without the writer's
}

// AddMessage writes a message, and its thread if there is none yet.
func (r *Records) AddMessage(ctx context.Context, tx *sql.Tx, m Message, person string, audience []string) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO threads (id, release_id, scheme, requirement, fingerprint) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		NewID(), m.Release, m.Scheme, m.Requirement, m.Fingerprint); err != nil {
		return err
	}
	var thread string
	if err := tx.QueryRowContext(ctx, `SELECT id FROM threads WHERE release_id = $1 AND scheme = $2 AND requirement = $3 AND fingerprint = $4`,
		m.Release, m.Scheme, m.Requirement, m.Fingerprint).Scan(&thread); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO messages (id, thread_id, release_id, party_id, person_id, posted, leaf, position, fix_in, text) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		m.ID, thread, m.Release, m.Party, person, m.Posted.Unix(), m.Leaf, m.Position, m.FixIn, m.Text); err != nil {
		return err
	}
	for _, party := range audience {
		if _, err := tx.ExecContext(ctx, `INSERT INTO audience (message_id, party_id) VALUES ($1, $2)`, m.ID, party); err != nil {
			return err
		}
	}
	return nil
}

func scanMessage(scan func(...any) error, m *Message) error {
	var posted int64
	var audience string
	err := scan(&m.ID, &m.Thread, &m.Release, &m.Scheme, &m.Requirement, &m.Fingerprint, &m.Party, &m.PartyName, &m.Person, &posted, &m.Leaf, &m.Position, &m.FixIn, &m.Text, &audience)
	m.Posted = at(posted)
	if audience != "" {
		m.Audience = strings.Split(audience, "\n")
	}
	return err
}

// Messages returns what was written to the viewer's party, or by it, about a release: of one requirement if it is named. The release must still be
// seen at level verdict.
func (w *View) Messages(ctx context.Context, release, scheme, requirement string) ([]Message, error) {
	return read(ctx, w, scanMessage, `SELECT m.id, m.thread_id, m.release_id, t.scheme, t.requirement, t.fingerprint, m.party_id, y.name, p.name, m.posted, m.leaf, m.position, m.fix_in, m.text,
			COALESCE((SELECT string_agg(x.name, '
' ORDER BY x.name) FROM audience a JOIN parties x ON x.id = a.party_id WHERE a.message_id = m.id), '')
		FROM messages m JOIN threads t ON t.id = m.thread_id JOIN parties y ON y.id = m.party_id JOIN people p ON p.id = m.person_id
		JOIN visible v ON v.release_id = m.release_id AND v.level >= 2
		WHERE (m.party_id = $1 OR EXISTS (SELECT 1 FROM audience a WHERE a.message_id = m.id AND a.party_id = $1))
			AND (?1 = '' OR m.release_id = ?1) AND (?2 = '' OR t.scheme = ?2) AND (?3 = '' OR t.requirement = ?3) ORDER BY m.leaf`, release, scheme, requirement)
}

// Judgement is a person's.
type Judgement struct {
	ID           string    `json:"id"`
	Release      string    `json:"release_id"`
	Scheme       string    `json:"scheme"`
	Requirement  string    `json:"requirement"`
	Test         string    `json:"test"`
	Verdict      string    `json:"verdict"`
	Reason       string    `json:"reason"`
	Cites        []string  `json:"cites"` // ids of held evidence
	Countersigns string    `json:"countersigns,omitempty"`
	Person       string    `json:"person_id"`
	PersonName   string    `json:"person"`
	Leaf         int64     `json:"leaf"`
	Made         time.Time `json:"made,omitzero"`
}

// AddJudgement writes one.
func (r *Records) AddJudgement(ctx context.Context, tx *sql.Tx, j Judgement) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO judgements (id, release_id, scheme, requirement, test, verdict, reason, cites, countersigns, person_id, leaf, made) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		j.ID, j.Release, j.Scheme, j.Requirement, j.Test, j.Verdict, j.Reason, toJSON(j.Cites), j.Countersigns, j.Person, j.Leaf, j.Made.Unix())
	return err
}

func scanJudgement(scan func(...any) error, j *Judgement) error {
	var made int64
	var cites string
	if err := scan(&j.ID, &j.Release, &j.Scheme, &j.Requirement, &j.Test, &j.Verdict, &j.Reason, &cites, &j.Countersigns, &j.Person, &j.PersonName, &j.Leaf, &made); err != nil {
		return err
	}
	j.Made = at(made)
	return json.Unmarshal([]byte(cites), &j.Cites)
}

// Judgements returns those of a release, at level evidence, of one requirement if it is named.
func (w *View) Judgements(ctx context.Context, release, scheme, requirement string) ([]Judgement, error) {
	return read(ctx, w, scanJudgement, `SELECT j.id, j.release_id, j.scheme, j.requirement, j.test, j.verdict, j.reason, j.cites, j.countersigns, j.person_id, p.name, j.leaf, j.made
		FROM judgements j JOIN people p ON p.id = j.person_id JOIN visible v ON v.release_id = j.release_id AND v.level >= 3
		WHERE j.release_id = ?1 AND (?2 = '' OR j.scheme = ?2) AND (?3 = '' OR j.requirement = ?3) ORDER BY j.leaf`, release, scheme, requirement)
}

// Risk is one that a party accepts.
type Risk struct {
	ID          string    `json:"id"`
	Release     string    `json:"release_id"`
	Party       string    `json:"party_id"`
	PartyName   string    `json:"party"`
	Scheme      string    `json:"scheme"`
	Requirement string    `json:"requirement"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	Reason      string    `json:"reason"`
	Until       string    `json:"until"`
	Person      string    `json:"person_id"`
	Leaf        int64     `json:"leaf"`
	Made        time.Time `json:"made,omitzero"`
}

// AddRisk writes one.
func (r *Records) AddRisk(ctx context.Context, tx *sql.Tx, x Risk) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO risks (id, release_id, party_id, scheme, requirement, fingerprint, reason, until, person_id, leaf, made) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		x.ID, x.Release, x.Party, x.Scheme, x.Requirement, x.Fingerprint, x.Reason, x.Until, x.Person, x.Leaf, x.Made.Unix())
	return err
}

func scanRisk(scan func(...any) error, x *Risk) error {
	var made int64
	err := scan(&x.ID, &x.Release, &x.Party, &x.PartyName, &x.Scheme, &x.Requirement, &x.Fingerprint, &x.Reason, &x.Until, &x.Person, &x.Leaf, &made)
	x.Made = at(made)
	return err
}

// Risks returns those accepted for a release: the viewer's own, and all for its owner, the lab and regulators.
func (w *View) Risks(ctx context.Context, release string) ([]Risk, error) {
	return read(ctx, w, scanRisk, `SELECT x.id, x.release_id, x.party_id, y.name, x.scheme, x.requirement, x.fingerprint, x.reason, x.until, x.person_id, x.leaf, x.made
		FROM risks x JOIN parties y ON y.id = x.party_id JOIN visible v ON v.release_id = x.release_id AND v.level >= 2
		WHERE x.release_id = ?1 AND (x.party_id = $1 OR v.level >= 5 OR $5 = 1) ORDER BY x.leaf`, release)
}

// Agreement is one of the lab's people agreeing to issue.
type Agreement struct {
	ID      string    `json:"id"`
	Release string    `json:"release_id"`
	Dossier string    `json:"dossier_id"`
	Scheme  string    `json:"scheme"`
	Profile string    `json:"profile"`
	Person  string    `json:"person_id"`
	Made    time.Time `json:"made,omitzero"`
}

// ErrAgreed: the person has agreed to that already.
var ErrAgreed = ErrTaken

// AddAgreement writes one; a person agrees once to the credential of a dossier.
func (r *Records) AddAgreement(ctx context.Context, tx *sql.Tx, a Agreement) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO agreements (id, release_id, dossier_id, scheme, profile, person_id, made) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		a.ID, a.Release, a.Dossier, a.Scheme, a.Profile, a.Person, a.Made.Unix())
	if store.IsUnique(err) {
		return ErrAgreed
	}
	return err
}

func scanAgreement(scan func(...any) error, a *Agreement) error {
	var made int64
	err := scan(&a.ID, &a.Release, &a.Dossier, &a.Scheme, &a.Profile, &a.Person, &made)
	a.Made = at(made)
	return err
}

// Agreements returns who agreed, for those who see all of a release.
func (w *View) Agreements(ctx context.Context, release string) ([]Agreement, error) {
	return read(ctx, w, scanAgreement, `SELECT a.id, a.release_id, a.dossier_id, a.scheme, a.profile, a.person_id, a.made FROM agreements a
		JOIN visible v ON v.release_id = a.release_id AND v.level >= 5 WHERE a.release_id = ?1 ORDER BY a.made, a.id`, release)
}

// Issued is a credential that the lab issued for a release.
type Issued struct {
	ID        string          `json:"id"`
	Release   string          `json:"release_id"`
	Dossier   string          `json:"dossier_id"`
	Scheme    string          `json:"scheme"`
	Edition   string          `json:"edition"`
	Profile   string          `json:"profile"`
	Name      string          `json:"name"`
	Made      time.Time       `json:"made,omitzero"`
	Until     time.Time       `json:"until,omitzero"`
	Published string          `json:"published"` // private, granted or public
	Body      json.RawMessage `json:"body"`
	// What became of it since, as the lab's own rows say.
	Revoked    bool `json:"revoked"`
	Suspended  bool `json:"suspended"`
	Superseded bool `json:"superseded"`
}

// State is what became of a credential, in one word.
func (x *Issued) State(now time.Time) string {
	switch {
	case x.Revoked:
		return "revoked"
	case x.Suspended:
		return "suspended"
	case !now.Before(x.Until):
		return "expired"
	case x.Superseded:
		return "superseded"
	}
	return "valid"
}

// AddIssued writes one.
func (r *Records) AddIssued(ctx context.Context, tx *sql.Tx, x Issued) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO issued (id, release_id, dossier_id, scheme, edition, profile, name, made, until_at, published, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`,
		x.ID, x.Release, x.Dossier, x.Scheme, x.Edition, x.Profile, x.Name, x.Made.Unix(), x.Until.Unix(), x.Published, string(x.Body))
	return err
}

// SetPublished says how far a credential is published.
func (r *Records) SetPublished(ctx context.Context, tx *sql.Tx, release, id, published string) error {
	return exec(ctx, tx, `UPDATE issued SET published = $3 WHERE release_id = $1 AND id = $2`, release, id, published)
}

const issuedColumns = `i.id, i.release_id, i.dossier_id, i.scheme, i.edition, i.profile, i.name, i.made, i.until_at, i.published, i.body,
	COALESCE(c.revoked, 0), COALESCE(c.suspended, 0), COALESCE(c.superseded, 0)`
const issuedTables = ` FROM issued i LEFT JOIN credentials c ON c.id = i.id `

func scanIssued(scan func(...any) error, x *Issued) error {
	var made, until, revoked, suspended, superseded int64
	var body string
	err := scan(&x.ID, &x.Release, &x.Dossier, &x.Scheme, &x.Edition, &x.Profile, &x.Name, &made, &until, &x.Published, &body, &revoked, &suspended, &superseded)
	x.Made, x.Until, x.Body = at(made), at(until), json.RawMessage(body)
	x.Revoked, x.Suspended, x.Superseded = revoked != 0, suspended != 0, superseded != 0
	return err
}

// Issued returns the credentials that a viewer sees: of one release if it is named. Private ones are the owner's and the lab's.
func (w *View) Issued(ctx context.Context, release string) ([]Issued, error) {
	return read(ctx, w, scanIssued, `SELECT `+issuedColumns+issuedTables+`JOIN visible v ON v.release_id = i.release_id
		WHERE (?1 = '' OR i.release_id = ?1) AND (i.published <> 'private' OR v.level >= 5 OR $5 = 1) ORDER BY i.made DESC, i.id`, release)
}

// IssuedByID returns a credential that the viewer sees, or that is public.
func (w *View) IssuedByID(ctx context.Context, id string) (Issued, error) {
	return one(w.issued(ctx, `WHERE i.id = ?1 AND (`+isPublic+` OR (v.level >= 1 AND (i.published <> 'private' OR v.level >= 5 OR $5 = 1)))`, id))
}

// Public returns the credentials that were published for everybody, newest first.
func (w *View) Public(ctx context.Context) ([]Issued, error) {
	return w.issued(ctx, `WHERE `+isPublic+` ORDER BY i.made DESC, i.id LIMIT 1000`)
}

// isPublic: what its owner has published is public once there is no embargo.
const isPublic = `(i.published = 'public' AND r.embargo <= $3)`

// issued reads credentials of releases that the viewer may not see. Row-level security does not take part: it would hide those releases.
func (w *View) issued(ctx context.Context, where string, args ...any) (list []Issued, err error) {
	err = w.r.db.Read(ctx, func(tx *sql.Tx) error {
		list, err = readIn(ctx, w, tx, scanIssued, `SELECT `+issuedColumns+issuedTables+`JOIN releases r ON r.id = i.release_id LEFT JOIN visible v ON v.release_id = r.id `+where, args...)
		return err
	})
	return list, err
}
