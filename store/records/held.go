package records

import (
	"context"
	"database/sql"
	"time"

	"github.com/probat-lab/probat/access"
)

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
	return read(ctx, w, scanHeld, `SELECT `+heldColumns+` FROM held h JOIN visible v ON v.release_id = h.release_id AND v.level >= h.level
		WHERE h.release_id = ?1 AND h.kind = ?2 AND (?3 = '' OR h.parent = ?3) ORDER BY h.name, h.id`, release, kind, parent)
}

// HeldByID returns one of them.
func (w *View) HeldByID(ctx context.Context, id string) (Held, error) {
	return one(read(ctx, w, scanHeld, `SELECT `+heldColumns+` FROM held h JOIN visible v ON v.release_id = h.release_id AND v.level >= h.level WHERE h.id = ?1`, id))
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
	Made     time.Time `json:"made,omitzero"`
}

// AddReceipt writes a receipt.
func AddReceipt(ctx context.Context, tx *sql.Tx, x Receipt) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO receipts (id, release_id, of, what, signed_by, person_id, leaf, made) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		x.ID, x.Release, x.Of, x.What, x.SignedBy, x.Person, x.Leaf, x.Made.Unix())
	return err
}

func scanReceipt(scan func(...any) error, x *Receipt) error {
	var made int64
	err := scan(&x.ID, &x.Release, &x.Of, &x.What, &x.SignedBy, &x.Person, &x.Leaf, &made)
	x.Made = at(made)
	return err
}

// Receipts returns a release's receipts, for those who see all of it.
func (w *View) Receipts(ctx context.Context, release string) ([]Receipt, error) {
	return read(ctx, w, scanReceipt, `SELECT x.id, x.release_id, x.of, x.what, x.signed_by, x.person_id, x.leaf, x.made FROM receipts x
		JOIN visible v ON v.release_id = x.release_id AND v.level >= 5 WHERE x.release_id = ?1 ORDER BY x.leaf`, release)
}
