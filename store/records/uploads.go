package records

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/probat-lab/probat/store"
)

// Upload is a file that arrives, or has arrived and waits for a release to claim it.
type Upload struct {
	ID, Party, Person string
	Size, Place       int64
	Label             string
	Expires           time.Time
	State             []byte
	Address, Object   string // of the object once complete
	Wrapped           []byte
}

// ErrQuota: the party has too many or too large uploads under way.
var ErrQuota = errors.New("too many or too large uploads under way")

// ErrMoved: somebody else changed the row meanwhile.
var ErrMoved = errors.New("it was changed meanwhile")

// AddUpload writes a new upload unless the party's would exceed a number or a sum of sizes.
func (r *Records) AddUpload(ctx context.Context, u Upload, most int, bytes int64) error {
	return r.db.Tx(ctx, func(tx *sql.Tx) error {
		var n int
		var sum int64
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM uploads WHERE party_id = $1`, u.Party).Scan(&n, &sum); err != nil {
			return err
		}
		if n >= most || sum > bytes-u.Size {
			return ErrQuota
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO uploads (id, party_id, person_id, size, place, label, expires, state, address, object, wrapped) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			u.ID, u.Party, u.Person, u.Size, u.Place, u.Label, u.Expires.Unix(), u.State, u.Address, u.Object, u.Wrapped)
		if store.IsUnique(err) {
			return ErrMoved
		}
		return err
	})
}

const uploadColumns = `id, party_id, person_id, size, place, label, expires, state, address, object, wrapped`

func scanUpload(scan func(...any) error, u *Upload) error {
	var expires int64
	err := scan(&u.ID, &u.Party, &u.Person, &u.Size, &u.Place, &u.Label, &expires, &u.State, &u.Address, &u.Object, &u.Wrapped)
	u.Expires = at(expires)
	return err
}

// Upload returns an upload of a party.
func (r *Records) Upload(ctx context.Context, party, id string) (Upload, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT `+uploadColumns+` FROM uploads WHERE party_id = $1 AND id = $2`, party, id)
	return one(all(rows, err, scanUpload))
}

// SaveUpload writes how far an upload is, if it still is where it was and not complete.
func (r *Records) SaveUpload(ctx context.Context, from int64, u Upload) error {
	return r.upload(ctx, u.Party, u.ID, func(tx *sql.Tx) error {
		return exec(ctx, tx, `UPDATE uploads SET place = $4, expires = $5, state = $6, address = $7, object = $8, wrapped = $9
			WHERE party_id = $1 AND id = $2 AND place = $3 AND object = ''`, u.Party, u.ID, from, u.Place, u.Expires.Unix(), u.State, u.Address, u.Object, u.Wrapped)
	})
}

// DropUpload removes an upload that still is where it was.
func (r *Records) DropUpload(ctx context.Context, party, id string, from int64) error {
	return r.upload(ctx, party, id, func(tx *sql.Tx) error {
		return exec(ctx, tx, `DELETE FROM uploads WHERE party_id = $1 AND id = $2 AND place = $3`, party, id, from)
	})
}

// upload tells a row that is not there from one that moved.
func (r *Records) upload(ctx context.Context, party, id string, fn func(*sql.Tx) error) error {
	return r.db.Tx(ctx, func(tx *sql.Tx) error {
		err := fn(tx)
		if !errors.Is(err, ErrNotFound) {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM uploads WHERE party_id = $1 AND id = $2`, party, id).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return ErrMoved
		}
		return ErrNotFound
	})
}

// ClaimUpload removes a complete upload in the transaction that gives its object to a release.
func ClaimUpload(ctx context.Context, tx *sql.Tx, party, id string) error {
	return exec(ctx, tx, `DELETE FROM uploads WHERE party_id = $1 AND id = $2 AND object <> ''`, party, id)
}

// ExpiredUploads returns uploads of all parties that expired, the oldest first.
func (r *Records) ExpiredUploads(ctx context.Context, now time.Time, most int) ([]Upload, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT `+uploadColumns+` FROM uploads WHERE expires < $1 ORDER BY expires, id LIMIT $2`, now.Unix(), most)
	return all(rows, err, scanUpload)
}
