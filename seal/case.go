package seal

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/store"
)

// file is what is known of a release in this lab before an act: its case, and the attempts made for a scheme.
type file struct {
	id      string // of the case; a new one is drawn where there is none yet
	fresh   bool
	keys    []string // by which the release is found again
	owner   string   // as in Options
	attempt int      // of this dossier
	retry   bool     // the attempt was counted before: the same dossier, or the same evidence judged anew
}

// releaseKeys returns what a release is found by: the bytes that it consists of, and what its declaration calls it. A release under another
// name is the same release if its bytes are, and other bytes under the same name too: neither a new name nor a small change starts the count
// of attempts anew. Bytes come first, so that nobody gets rid of their count by giving them the name of another release. Keys are hashes, so
// that the column tells nothing by itself.
func releaseKeys(p *examine.Plan, owner string) []string {
	var keys, digests []string
	hash := func(parts ...string) string {
		if owner != "" {
			parts = append(parts, "of", owner)
		}
		return hash(parts...)
	}
	for _, a := range p.Artifacts {
		digests = append(digests, a.Digest)
	}
	if len(digests) > 0 {
		slices.Sort(digests)
		keys = append(keys, hash(append([]string{"artifacts"}, digests...)...))
	}
	if a := largest(p.Artifacts); a != "" {
		keys = append(keys, hash("artifact", a)) // a note added to the same image is no other release
	}
	if r := p.Release; r.Product != "" {
		keys = append(keys, hash("declared", examine.Fold(r.Vendor), examine.Fold(r.Product), plain(r.Version), plain(r.Period)))
	}
	if len(keys) == 0 {
		keys = append(keys, hash("declaration", p.Declaration))
	}
	return keys
}

// plain leaves a version's punctuation: 4.2.1 is not 42.1.
func plain(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// largest returns the digest of the largest file among the artifacts.
func largest(list []examine.Artifact) (digest string) {
	size := int64(0)
	for _, a := range list {
		if a.Type == "file" && a.Size > size {
			digest, size = a.Digest, a.Size
		}
	}
	return digest
}

func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s,", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// open finds the case of a release and the number of this attempt for a scheme.
func open(ctx context.Context, l *lab.Lab, p *examine.Plan, schemeID, owner string) (*file, error) {
	f := &file{keys: releaseKeys(p, owner), owner: owner}
	err := l.DB.Read(ctx, func(tx *sql.Tx) error {
		for _, k := range f.keys {
			err := tx.QueryRowContext(ctx, `SELECT case_id FROM case_names WHERE release_key = $1`, k).Scan(&f.id)
			if err == nil {
				break
			}
			if !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		if f.id == "" {
			return nil
		}
		return f.count(ctx, tx, p, schemeID)
	})
	if err != nil {
		return nil, fmt.Errorf("looking for the release's case: %w", err)
	}
	if f.id == "" {
		f.fresh, f.id, f.attempt = true, randomHex(16), 1
	}
	return f, nil
}

// count finds the attempt that a dossier belongs to: one that was counted before where the dossier is the same, or judges the same evidence
// anew, however often that was done in between; else a new one.
func (f *file) count(ctx context.Context, tx *sql.Tx, p *examine.Plan, schemeID string) error {
	rows, err := tx.QueryContext(ctx, `SELECT attempt, dossier, observed FROM attempts WHERE case_id = $1 AND scheme = $2 ORDER BY attempt`, f.id, schemeID)
	if err != nil {
		return err
	}
	defer rows.Close()
	last := 0
	for rows.Next() {
		var attempt int
		var dossier, observed string
		if err := rows.Scan(&attempt, &dossier, &observed); err != nil {
			return err
		}
		last = max(last, attempt)
		// With an owner, several evaluations belong to one submission: the same evidence judged on another day is no attempt.
		if dossier == p.Dossier || (p.Predecessor != "" || f.owner != "") && p.Observed == observed {
			f.attempt, f.retry = attempt, true
		}
	}
	if f.attempt == 0 {
		f.attempt = last + 1
	}
	return rows.Err()
}

// attempts returns how many attempts were made in a case for a scheme.
func attempts(ctx context.Context, l *lab.Lab, caseID, schemeID string) (n int, err error) {
	err = l.DB.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(attempt), 0) FROM attempts WHERE case_id = $1 AND scheme = $2`, caseID, schemeID).Scan(&n)
	})
	if err != nil {
		return 0, fmt.Errorf("counting attempts: %w", err)
	}
	return n, nil
}

// name writes the names by which the release is found again.
func (f *file) name(ctx context.Context, tx *sql.Tx) error {
	for _, k := range f.keys {
		var owner string
		err := tx.QueryRowContext(ctx, `SELECT case_id FROM case_names WHERE release_key = $1`, k).Scan(&owner)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			if _, err := tx.ExecContext(ctx, `INSERT INTO case_names (release_key, case_id) VALUES ($1, $2)`, k, f.id); err != nil {
				return err
			}
		case err != nil:
			return err
		case owner != f.id && f.fresh:
			return errMoved
		}
	}
	return nil
}

// record writes the rows of a submission: the case's names and the attempt.
func (f *file) record(ctx context.Context, tx *sql.Tx, p *examine.Plan, schemeID, submission string) error {
	if err := f.name(ctx, tx); err != nil {
		return err
	}
	if f.retry {
		return nil
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO attempts (case_id, scheme, attempt, dossier, observed, submission) VALUES ($1, $2, $3, $4, $5, $6)`,
		f.id, schemeID, f.attempt, p.Dossier, p.Observed, submission)
	if store.IsUnique(err) {
		return errMoved
	}
	return err
}

// errMoved says that another process did something for the same release meanwhile: look again.
var errMoved = errors.New("the case changed meanwhile")

// again runs fn until nothing changed meanwhile. Each time somebody else got on, so the number bounds how many do so side by side.
func again(fn func() error) error {
	for range 256 {
		if err := fn(); !errors.Is(err, errMoved) {
			return err
		}
	}
	return errMoved
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// name returns a file name for a credential, made of what it is about.
func name(parts ...string) string {
	var words []string
	for _, p := range parts {
		w := strings.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
				return r
			case r >= 'A' && r <= 'Z':
				return r + 'a' - 'A'
			}
			return '-'
		}, p)
		if w = strings.Trim(w, "-."); w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, "_")
}

// Case finds the case of a release of an owner, or draws the number of a new one, before anything of it was evaluated: p has the artifacts, the
// declaration's digest and what it calls the release. name writes the names by which it is found again, in the transaction of its first act.
func Case(ctx context.Context, l *lab.Lab, p *examine.Plan, owner string) (id string, name func(context.Context, *sql.Tx) error, err error) {
	f, err := open(ctx, l, p, "", owner)
	if err != nil {
		return "", nil, err
	}
	return f.id, f.name, nil
}
