package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
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
	Embargo  time.Time    `json:"embargo,omitzero"`
	State    string       `json:"state"`
	Schemes  []string     `json:"schemes"`
	Created  time.Time    `json:"created,omitzero"`
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

// SetReleaseDossier makes a dossier of the release the one that counts: the lab's, never one that the vendor brought.
func (r *Records) SetReleaseDossier(ctx context.Context, tx *sql.Tx, id, dossier string) error {
	return exec(ctx, tx, `UPDATE releases SET dossier_id = $2
		WHERE id = $1 AND EXISTS (SELECT 1 FROM dossiers d WHERE d.id = $2 AND d.release_id = $1 AND d.origin <> 'vendor')`, id, dossier)
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
	x, err := one(read(ctx, w, scanRelease, `SELECT `+releaseColumns+releaseTables+`WHERE r.id = ?1`, id))
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
	err = w.look(ctx, func(tx *sql.Tx) error {
		total, err = one(readIn(ctx, w, tx, scanInt, `SELECT COUNT(*) FROM releases r JOIN visible v ON v.release_id = r.id WHERE (?1 = '' OR r.product_id = ?1)`, product))
		if err != nil {
			return err
		}
		list, err = readIn(ctx, w, tx, scanRelease, `SELECT `+releaseColumns+releaseTables+`WHERE (?1 = '' OR r.product_id = ?1) ORDER BY p.name, p.id, r.created DESC, r.id LIMIT ?2 OFFSET ?3`, product, page.Most, page.After)
		return err
	})
	return list, total, err
}
