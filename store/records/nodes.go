package records

import (
	"context"
	"encoding/json"
	"time"
)

// mostCompared is how many nodes are read for comparing two releases.
const mostCompared = 200_000

// AllNodes returns the nodes of the dossier that counts, in the order of the tree.
func (w *View) AllNodes(ctx context.Context, release string) ([]string, error) {
	return w.bodies(ctx, `SELECT n.body FROM nodes n JOIN releases r ON r.dossier_id = n.dossier_id JOIN visible v ON v.release_id = r.id AND v.level >= 3
		WHERE r.id = ?1 ORDER BY n.position LIMIT ?2`, release, mostCompared)
}

// WaitingFor is a requirement that waits for a person's judgement.
type WaitingFor struct {
	Release, About, Scheme, ID, Title string
	Since                             time.Time // when the release was handed in
}

// Waiting returns what waits for a person, of releases that the viewer sees in full.
func (w *View) Waiting(ctx context.Context, page Page) ([]WaitingFor, error) {
	return read(ctx, w, scanWaiting, `SELECT r.id, p.name || ' ' || r.name, q.scheme, q.requirement, q.title, r.created FROM requirements q
		JOIN releases r ON r.dossier_id = q.dossier_id AND r.state = 'evaluated' JOIN products p ON p.id = r.product_id JOIN visible v ON v.release_id = r.id AND v.level >= 5
		WHERE q.waits = 1 ORDER BY r.created, r.id, q.scheme, q.position LIMIT ?1 OFFSET ?2`, page.Most, page.After)
}

func scanWaiting(scan func(...any) error, x *WaitingFor) error {
	var since int64
	err := scan(&x.Release, &x.About, &x.Scheme, &x.ID, &x.Title, &since)
	x.Since = at(since)
	return err
}

// HeldDossiers returns what is held of each dossier, by the dossier's digest: for audits, without keys.
func (r *Records) HeldDossiers(ctx context.Context) (map[string][]Held, error) {
	rows, err := r.db.QueryContext(ctx, `SELECT `+heldColumns+`, d.head FROM held h JOIN dossiers d ON d.id = h.parent WHERE h.kind = 'dossier'`)
	type row struct {
		Held
		head string
	}
	list, err := all(rows, err, func(scan func(...any) error, x *row) error {
		return scan(&x.ID, &x.Release, &x.Kind, &x.Parent, &x.Name, &x.Size, &x.Level, &x.Address, &x.Object, &x.Wrapped, &x.head)
	})
	out := map[string][]Held{}
	for _, x := range list {
		var head struct{ Dossier string }
		if err := json.Unmarshal([]byte(x.head), &head); err != nil {
			return nil, err
		}
		out[head.Dossier] = append(out[head.Dossier], x.Held)
	}
	return out, err
}
