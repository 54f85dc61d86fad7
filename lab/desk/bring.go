package desk

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/blob/vault"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store/records"
)

// Bring takes a dossier that the vendor made itself of the same release: a zip that was uploaded. It decides nothing; pages show first where the lab
// came to something else. It must be of the files that the release holds.
func (d *Desk) Bring(ctx context.Context, w Who, release, upload string) (string, error) {
	r, err := d.find(ctx, w, release, access.Bring)
	if err != nil {
		return "", err
	}
	u, err := d.Upload(ctx, w.Party, upload)
	if errors.Is(err, ErrNotFound) || err == nil && u.Object == "" {
		return "", invalid("upload_id", "the upload %q has not arrived whole", upload)
	}
	if err != nil {
		return "", err
	}
	subjects, err := d.subjects(ctx, r)
	if err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(d.Lab.Dir, ".work-")
	if err != nil {
		return "", fmt.Errorf("making a folder to work in: %w", err)
	}
	defer clear(work)
	if work, err = filepath.Abs(work); err != nil {
		return "", err
	}
	e := &evaluation{desk: d, release: r, dir: work, digests: map[string]string{}, ring: d.Vault.Upload(u.ID)}
	zip := filepath.Join(work, "dossier.zip")
	if err := e.place(ctx, records.Held{Name: "dossier.zip", Address: u.Address, Object: u.Object, Wrapped: u.Wrapped}, zip); err != nil {
		return "", err
	}
	dir := filepath.Join(work, "out", "dossier")
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return "", err
	}
	if err := d.Box.Unzip(ctx, zip, dir); err != nil {
		return "", invalid("dossier", "%s", shown(err.Error()))
	}
	id := ""
	err = d.accept(ctx, accepted{
		release: r, dir: dir, origin: "vendor",
		check: func(p *examine.Plan) error {
			if !slices.EqualFunc(p.Subjects(), subjects, func(a, b statement.Subject) bool { return a.Digest == b.Digest }) {
				return invalid("dossier", "it is of other files than the release")
			}
			return nil
		},
		rows: func(ctx context.Context, tx *sql.Tx, made string) error {
			id = made
			return records.ClaimUpload(ctx, tx, w.Party, upload)
		},
	})
	if err != nil {
		return "", err
	}
	return id, d.Vault.Delete(ctx, vault.Ref{Address: u.Address, Object: u.Object, Wrapped: u.Wrapped}) // its files are kept one by one
}

// Held reads evidence or a document that a release holds, at most most bytes, for somebody who may have it.
func (d *Desk) Held(ctx context.Context, w Who, id string, most int64) ([]byte, records.Held, error) {
	h, err := d.As(w.Viewer).HeldByID(ctx, id)
	if err != nil {
		return nil, h, err
	}
	if h.Kind != records.HeldEvidence && h.Kind != records.HeldDocument {
		return nil, h, ErrNotFound
	}
	data, err := d.kept(ctx, h, most)
	return data, h, err
}
