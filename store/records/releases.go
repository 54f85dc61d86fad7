package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/probat-lab/probat/access"
)

// Product is what is sold or run.
type Product struct {
	ID    string `json:"id"`
	Owner string `json:"owner_id"`
	Name  string `json:"name"`
	Kind  string `json:"kind"`
}

// Release is a release as a viewer sees it.
type Release struct {
	ID       string       `json:"id"`
	Product  Product      `json:"product"`
	Vendor   string       `json:"vendor"` // the owner's name
	Name     string       `json:"name"`   // version or period
	Embargo  time.Time    `json:"embargo"`
	State    string       `json:"state"`
	Schemes  []string     `json:"schemes"`
	Created  time.Time    `json:"created"`
	Case     string       `json:"case_id"`
	Reason   string       `json:"reason,omitempty"` // why it was withdrawn
	Dossier  string       `json:"dossier_id"`       // the one that counts; empty before there is one
	Level    access.Level `json:"-"`
	Assigned bool         `json:"-"`
}

// Object says of a release what policies ask.
func (r *Release) Object() access.Object {
	return access.Object{Release: r.ID, Owner: r.Product.Owner, Level: r.Level, Assigned: r.Assigned}
}

// FindProduct returns the product of an owner with this folded name, or makes it.
func (r *Records) FindProduct(ctx context.Context, tx *sql.Tx, p Product, folded string) (Product, error) {
	var have Product
	err := tx.QueryRowContext(ctx, `SELECT id, owner_id, name, kind FROM products WHERE owner_id = $1 AND folded = $2`, p.Owner, folded).
		Scan(&have.ID, &have.Owner, &have.Name, &have.Kind)
	if !errors.Is(err, sql.ErrNoRows) {
		return have, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO products (id, owner_id, name, folded, kind) VALUES ($1, $2, $3, $4, $5)`, p.ID, p.Owner, p.Name, folded, p.Kind)
	return p, err
}

// AddRelease writes a release with the wrap of its key.
func (r *Records) AddRelease(ctx context.Context, tx *sql.Tx, x *Release, key []byte) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO releases (id, product_id, owner_id, name, embargo, state, schemes, created, case_id, key, reason, dossier_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', '')`,
		x.ID, x.Product.ID, x.Product.Owner, x.Name, unix(x.Embargo), x.State, toJSON(x.Schemes), x.Created.Unix(), x.Case, key)
	if err != nil {
		return err
	}
	return AddWords(ctx, tx, Words{Text: x.Product.Name + " " + x.Name, Kind: "release", Ref: x.ID, Release: x.ID, Level: access.Summary})
}

// SetReleaseState changes the state by compare-and-set.
func (r *Records) SetReleaseState(ctx context.Context, tx *sql.Tx, id, to, reason string, from ...string) error {
	return exec(ctx, tx, `UPDATE releases SET state = $2, reason = $3 WHERE id = $1 AND state IN (SELECT value FROM (`+values(from)+`) x)`, id, to, reason)
}

// values makes a list of words that are ours a table; none may come from outside.
func values(words []string) string {
	s := ""
	for i, w := range words {
		if i > 0 {
			s += " UNION ALL "
		}
		s += `SELECT '` + w + `' AS value`
	}
	return s
}

// SetReleaseDossier makes a dossier the one that counts.
func (r *Records) SetReleaseDossier(ctx context.Context, tx *sql.Tx, id, dossier string) error {
	return exec(ctx, tx, `UPDATE releases SET dossier_id = $2 WHERE id = $1`, id, dossier)
}

// ReleaseKey returns the wrap of a release's key, for the vault.
func (r *Records) ReleaseKey(ctx context.Context, id string) (key []byte, owner string, err error) {
	err = r.db.QueryRowContext(ctx, `SELECT key, owner_id FROM releases WHERE id = $1`, id).Scan(&key, &owner)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return key, owner, err
}

const (
	releaseColumns = `r.id, r.product_id, r.owner_id, p.name, p.kind, o.name, r.name, r.embargo, r.state, r.schemes, r.created, r.case_id, r.reason, r.dossier_id, v.level, v.assigned`
	releaseTables  = ` FROM releases r JOIN visible v ON v.release_id = r.id JOIN products p ON p.id = r.product_id JOIN parties o ON o.id = r.owner_id `
)

func scanRelease(scan func(...any) error, x *Release) error {
	var embargo, created int64
	var schemes string
	var assigned int
	if err := scan(&x.ID, &x.Product.ID, &x.Product.Owner, &x.Product.Name, &x.Product.Kind, &x.Vendor, &x.Name, &embargo, &x.State, &schemes, &created,
		&x.Case, &x.Reason, &x.Dossier, &x.Level, &assigned); err != nil {
		return err
	}
	x.Embargo, x.Created, x.Assigned = at(embargo), at(created), assigned == 1
	return json.Unmarshal([]byte(schemes), &x.Schemes)
}

// Release returns a release that the viewer sees.
func (w *View) Release(ctx context.Context, id string) (*Release, error) {
	rows, err := w.query(ctx, `SELECT `+releaseColumns+releaseTables+`WHERE r.id = ?1`, id)
	x, err := one(all(rows, err, scanRelease))
	return &x, err
}

// ReleaseFor returns a release for the server's own work.
func (r *Records) ReleaseFor(ctx context.Context, id string) (*Release, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT r.id, r.product_id, r.owner_id, p.name, p.kind, o.name, r.name, r.embargo, r.state, r.schemes, r.created, r.case_id, r.reason, r.dossier_id, 5, 0
		FROM releases r JOIN products p ON p.id = r.product_id JOIN parties o ON o.id = r.owner_id WHERE r.id = $1`, id)
	x, err := one(all(rows, err, scanRelease))
	return &x, err
}

// Page is a part of a list: at most Most from After things on.
type Page struct{ After, Most int }

// Releases returns the releases that the viewer sees, of one product if it is named, newest first by product.
func (w *View) Releases(ctx context.Context, product string, page Page) (list []Release, total int, err error) {
	if err := w.r.db.QueryRowContext(ctx, visible+own(`SELECT COUNT(*) FROM releases r JOIN visible v ON v.release_id = r.id WHERE (?1 = '' OR r.product_id = ?1)`, viewerArgs),
		append(w.args(), product)...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("counting releases: %w", err)
	}
	rows, err := w.query(ctx, `SELECT `+releaseColumns+releaseTables+`WHERE (?1 = '' OR r.product_id = ?1) ORDER BY p.name, p.id, r.created DESC, r.id LIMIT ?2 OFFSET ?3`, product, page.Most, page.After)
	list, err = all(rows, err, scanRelease)
	return list, total, err
}

// Held is something that a release holds in the vault.
type Held struct {
	ID, Release, Kind, Parent, Name string
	Size                            int64
	Level                           access.Level
	Address, Object                 string
	Wrapped                         []byte
}

// The kinds of what is held.
const (
	HeldArtifact    = "artifact"
	HeldDeclaration = "declaration"
	HeldDocument    = "document"
	HeldDossier     = "dossier" // a file of it; the parent is the dossier's id
	HeldReport      = "report"
	HeldEvidence    = "evidence"
	HeldCredential  = "credential"
	HeldEnvelope    = "envelope" // what a party signed; the parent is the receipt
	HeldAssertion   = "assertion"
)

// AddHeld writes what a release holds.
func AddHeld(ctx context.Context, tx *sql.Tx, h Held) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO held (id, release_id, kind, parent, name, size, level, address, object, wrapped) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		h.ID, h.Release, h.Kind, h.Parent, h.Name, h.Size, int(h.Level), h.Address, h.Object, h.Wrapped)
	return err
}

const heldColumns = `h.id, h.release_id, h.kind, h.parent, h.name, h.size, h.level, h.address, h.object, h.wrapped`

func scanHeld(scan func(...any) error, h *Held) error {
	return scan(&h.ID, &h.Release, &h.Kind, &h.Parent, &h.Name, &h.Size, &h.Level, &h.Address, &h.Object, &h.Wrapped)
}

// Held returns what a release holds of a kind, for a parent if one is named, and the viewer may have.
func (w *View) Held(ctx context.Context, release, kind, parent string) ([]Held, error) {
	rows, err := w.query(ctx, `SELECT `+heldColumns+` FROM held h JOIN visible v ON v.release_id = h.release_id AND v.level >= h.level
		WHERE h.release_id = ?1 AND h.kind = ?2 AND (?3 = '' OR h.parent = ?3) ORDER BY h.name, h.id`, release, kind, parent)
	return all(rows, err, scanHeld)
}

// HeldByID returns one of them.
func (w *View) HeldByID(ctx context.Context, id string) (Held, error) {
	rows, err := w.query(ctx, `SELECT `+heldColumns+` FROM held h JOIN visible v ON v.release_id = h.release_id AND v.level >= h.level WHERE h.id = ?1`, id)
	return one(all(rows, err, scanHeld))
}

// HeldFor returns what a release holds, for the server's own work.
func (r *Records) HeldFor(ctx context.Context, release, kind, parent string) ([]Held, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT `+heldColumns+` FROM held h WHERE h.release_id = $1 AND h.kind = $2 AND ($3 = '' OR h.parent = $3) ORDER BY h.name, h.id`, release, kind, parent)
	return all(rows, err, scanHeld)
}

// CredentialHeld returns the file of a credential, whoever may see it: ask for the credential first.
func (r *Records) CredentialHeld(ctx context.Context, credential string) (Held, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT `+heldColumns+` FROM held h WHERE h.kind = 'credential' AND h.parent = $1`, credential)
	return one(all(rows, err, scanHeld))
}

// Receipt is the lab's word that a party's statement arrived.
type Receipt struct {
	ID       string    `json:"id"`
	Release  string    `json:"release_id"`
	Of       string    `json:"of"`
	What     string    `json:"what"`
	SignedBy string    `json:"signed_by"`
	Person   string    `json:"person_id"`
	Leaf     int64     `json:"leaf"`
	Made     time.Time `json:"made"`
}

// AddReceipt writes a receipt.
func AddReceipt(ctx context.Context, tx *sql.Tx, x Receipt) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO receipts (id, release_id, of, what, signed_by, person_id, leaf, made) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		x.ID, x.Release, x.Of, x.What, x.SignedBy, x.Person, x.Leaf, x.Made.Unix())
	return err
}

// Receipts returns a release's receipts, for those who see all of it.
func (w *View) Receipts(ctx context.Context, release string) ([]Receipt, error) {
	rows, err := w.query(ctx, `SELECT x.id, x.release_id, x.of, x.what, x.signed_by, x.person_id, x.leaf, x.made FROM receipts x
		JOIN visible v ON v.release_id = x.release_id AND v.level >= 5 WHERE x.release_id = ?1 ORDER BY x.leaf`, release)
	return all(rows, err, func(scan func(...any) error, x *Receipt) error {
		var made int64
		err := scan(&x.ID, &x.Release, &x.Of, &x.What, &x.SignedBy, &x.Person, &x.Leaf, &made)
		x.Made = at(made)
		return err
	})
}

// Words are by what something is found.
type Words struct {
	Text, Kind, Ref, Release, Dossier string
	Level                             access.Level
}

// AddWords makes something findable.
func AddWords(ctx context.Context, tx *sql.Tx, x Words) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO words (text, kind, ref, release_id, dossier_id, level) VALUES ($1, $2, $3, $4, $5, $6)`,
		x.Text, x.Kind, x.Ref, x.Release, x.Dossier, int(x.Level))
	return err
}
