package seal

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/statement"
)

// Report is what an audit found: that of the ledger, and what lies beside it.
type Report struct {
	Ledger      *ledger.Report
	Dossiers    int // sealed
	Files       int // of them, each read and hashed
	Credentials int // whose rows say what the ledger says
	Findings    []ledger.Finding
}

// Lines returns the report for people.
func (r *Report) Lines() []string {
	lines := strings.Split(strings.TrimSuffix(r.Ledger.String(), "\n"), "\n")
	lines = append(lines, fmt.Sprintf("%d dossiers with %d files, %d credentials", r.Dossiers, r.Files, r.Credentials))
	for _, f := range r.Findings {
		lines = append(lines, f.String())
	}
	return lines
}

// Count returns how many things are not as they were written.
func (r *Report) Count() int { return int(r.Ledger.Total) + len(r.Findings) }

// Audit recomputes the lab's ledger, reads every file of the sealed dossiers, and compares the rows beside the ledger with what the ledger
// says. Without signatures it hashes only. It changes nothing.
func Audit(ctx context.Context, l *lab.Lab, signatures bool, progress func(done, total int64)) (*Report, error) {
	r := &Report{}
	var err error
	r.Ledger, err = l.Ledger.Audit(ctx, ledger.AuditOptions{
		Signatures: signatures, Progress: progress,
		Keys: func(spki []byte) (statement.Purpose, bool) {
			key, trusted := l.Trust.Key(statement.KeyID(spki))
			return trusted.Purpose, key != nil
		},
		Known: func(object string) bool {
			return strings.HasPrefix(object, "status/") || strings.HasPrefix(object, "cosignatures/")
		},
	})
	if err != nil {
		return nil, err
	}
	a := &audit{Report: r, lab: l, seen: map[string]bool{}, standing: map[string]*credentialRow{}}
	if err := a.acts(ctx); err != nil {
		return nil, err
	}
	return r, a.rows(ctx)
}

// audit goes through the acts whose content is kept elsewhere too.
type audit struct {
	*Report
	lab      *lab.Lab
	seen     map[string]bool           // digests of evidence that were read
	standing map[string]*credentialRow // by ID, as the ledger says
}

func (a *audit) find(object, problem string, args ...any) {
	a.Findings = append(a.Findings, ledger.Finding{Object: object, Problem: fmt.Sprintf(problem, args...)})
}

func (a *audit) acts(ctx context.Context) error {
	size := a.lab.Ledger.Status().Size
	types := []string{statement.TypeDossier, statement.TypeCredential, statement.TypeChange}
	for e, err := range a.lab.Ledger.Entries(ctx, 0, size, types...) {
		if errors.Is(err, ledger.ErrCorrupt) {
			return nil // the ledger's own report names it
		}
		if err != nil {
			return fmt.Errorf("auditing: %w", err)
		}
		if e.Envelope == nil {
			continue
		}
		s, err := e.Envelope.Open()
		if err != nil {
			continue // the ledger's own report names it
		}
		switch p := s.Predicate.(type) {
		case *statement.Dossier:
			if err := a.dossier(ctx, p.Dossier); err != nil {
				return err
			}
		case *statement.Credential:
			a.standing[e.ID.String()] = &credentialRow{leaf: e.Index, caseID: e.Case, series: p.Core.Status.Series, place: p.Core.Status.Index}
		case *statement.Change:
			a.change(e, p)
		}
	}
	return nil
}

func (a *audit) change(e ledger.Entry, c *statement.Change) {
	r := a.standing[c.Credential]
	if r == nil {
		a.find(fmt.Sprintf("entry %d", e.Index), "changes a credential that the ledger does not have")
		return
	}
	switch c.Standing {
	case statement.Suspended:
		r.suspended = true
	case statement.Reinstated:
		r.suspended = false
	case statement.Revoked:
		r.revoked, r.suspended = true, false
	case statement.Superseded:
		r.superseded = true
	}
}

// maxEvidence bounds a file of a sealed dossier, in bytes, as reading dossiers does.
const maxEvidence = 1 << 30

// dossier reads every file of a sealed dossier.
func (a *audit) dossier(ctx context.Context, digest string) error {
	if a.seen[digest] {
		return nil
	}
	a.Dossiers++
	data, err := a.evidence(ctx, digest)
	if err != nil || data == nil {
		return err
	}
	var m struct {
		Files map[string]struct {
			Digest string `json:"digest"`
		} `json:"files"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		a.find("evidence "+digest, "is no manifest of a dossier")
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		if _, err := a.evidence(ctx, m.Files[name].Digest); err != nil {
			return err
		}
	}
	return nil
}

// evidence reads a file and hashes it; nil if it is not as it was written, which is a finding then.
func (a *audit) evidence(ctx context.Context, digest string) ([]byte, error) {
	object := "evidence " + digest
	raw, err := hex.DecodeString(digest)
	if err != nil || len(raw) != 32 {
		a.find(object, "is no digest")
		return nil, nil
	}
	a.seen[digest] = true
	data, err := blob.GetDigest(ctx, a.lab.Evidence, [32]byte(raw), maxEvidence)
	switch {
	case errors.Is(err, blob.ErrNotExist):
		a.find(object, "is missing")
	case errors.Is(err, blob.ErrCorrupt):
		a.find(object, "has changed: its bytes are not those of its digest")
	case err != nil:
		return nil, fmt.Errorf("auditing %s: %w", object, err)
	default:
		a.Files++
		return data, nil
	}
	return nil, nil
}

// rows compares what the tables beside the ledger say with what the ledger says.
func (a *audit) rows(ctx context.Context) error {
	list, err := credentialsWhere(ctx, a.lab, `1 = 1`)
	if err != nil {
		return err
	}
	for _, r := range list {
		object := "row of credential " + r.id
		want := a.standing[r.id]
		if want == nil {
			a.find(object, "is of no credential in the ledger")
			continue
		}
		delete(a.standing, r.id)
		if r.leaf != want.leaf || r.caseID != want.caseID || r.series != want.series || r.place != want.place {
			a.find(object, "has another leaf, case or place than the ledger says")
		}
		if r.revoked != want.revoked || r.suspended != want.suspended || r.superseded != want.superseded {
			a.find(object, "has another standing than the ledger says")
		}
		a.Credentials++
	}
	for _, id := range slices.Sorted(maps.Keys(a.standing)) {
		a.find("credential "+id, "has no row")
	}
	return a.secrets(ctx)
}

// secrets wants a secret for every statement of verdicts: without it nothing can be disclosed.
func (a *audit) secrets(ctx context.Context) error {
	have := map[string]bool{}
	err := a.lab.DB.Read(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT verdicts FROM secrets`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			have[id] = true
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("auditing the secrets: %w", err)
	}
	for e, err := range a.lab.Ledger.Entries(ctx, 0, a.lab.Ledger.Status().Size, statement.TypeVerdicts) {
		if err != nil {
			return nil // the ledger's own report names it
		}
		if e.Envelope != nil && !have[e.ID.String()] {
			a.find("secret of statement "+e.ID.String(), "is missing")
		}
	}
	return nil
}
