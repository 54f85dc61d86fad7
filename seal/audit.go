package seal

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/statement"
)

// Report is what an audit found.
type Report struct{ lines, findings []string }

// Lines returns it for people.
func (r *Report) Lines() []string { return slices.Concat(r.lines, r.findings) }

// Count returns how many things are not as they were written.
func (r *Report) Count() int { return len(r.findings) }

// maxManifest and maxEvidence bound what is read of a sealed dossier, in bytes: its dossier.json, and another file of it.
const (
	maxManifest = 64 << 20
	maxEvidence = 1 << 30
)

// Audit recomputes the lab's ledger, compares the rows that seal keeps beside it with what the statements say, and reads every file of the
// sealed dossiers. It needs no keys, changes nothing, and names what is not as it was written. Without signatures it only hashes. progress is
// called now and then with the acts that are done; it may be nil. elsewhere, where it is given, tells for the digest of a dossier whether the lab keeps
// its files encrypted in another place, and which of them are missing there.
func Audit(ctx context.Context, l *lab.Lab, signatures bool, progress func(done, total int64), elsewhere ...Elsewhere) (*Report, error) {
	r, err := l.Ledger.Audit(ctx, ledger.AuditOptions{Signatures: signatures, Keys: purposes(l.Trust), Known: known, Progress: progress})
	if err != nil {
		return nil, err
	}
	a := &auditor{lab: l, report: &Report{}, rows: newRows(), elsewhere: elsewhere}
	a.rows.states = map[string][]string{}
	for _, f := range r.Findings {
		a.find("%s", f)
	}
	for range r.Total - int64(len(r.Findings)) {
		a.find("a further finding in the ledger")
	}
	counts := *r
	counts.Findings, counts.Total = nil, 0
	a.report.lines = strings.Split(strings.TrimSuffix(counts.String(), "\n"), "\n")
	for e, err := range l.Ledger.Entries(ctx, 0, l.Ledger.Status().Size) {
		var changed *json.SyntaxError
		switch {
		case err == nil:
			err = a.take(ctx, e)
		case errors.Is(err, ledger.ErrCorrupt) || errors.As(err, &changed):
			a.find("the rows of seal and the evidence were compared only up to there: %v", err)
			return a.report, nil
		}
		if err != nil {
			return nil, fmt.Errorf("auditing: %w", err)
		}
	}
	if err := a.rows.compare(ctx, l, a.find); err != nil {
		return nil, fmt.Errorf("auditing: %w", err)
	}
	for _, step := range []func(context.Context) error{a.lists, a.strays} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("auditing: %w", err)
		}
	}
	return a.report, nil
}

// purposes says what the lab's keys may be used for.
func purposes(t *credential.Pinned) func([]byte) (statement.Purpose, bool) {
	by := map[string]statement.Purpose{}
	for _, k := range t.Trust.Keys {
		if parsed, err := statement.ParseKeyText(k.Key); err == nil {
			by[string(parsed.SPKI())] = k.Purpose
		}
	}
	return func(spki []byte) (statement.Purpose, bool) {
		p, ok := by[string(spki)]
		return p, ok
	}
}

var knownObjects = regexp.MustCompile(`^status/[0-9a-f]{32}/([0-9]{12}|latest)\.sigstore\.json$|^cosignatures/`)

// known tells which objects beside checkpoint and tiles belong into the folder of the log.
func known(name string) bool { return knownObjects.MatchString(name) }

// auditor is one audit.
type auditor struct {
	lab    *lab.Lab
	report *Report
	rows   *rows

	read      map[string]bool // digests of evidence that were looked at
	elsewhere []Elsewhere
	apart     int // dossiers that are kept elsewhere
}

// Elsewhere is asked whether a dossier is kept in another place than the lab's own evidence.
type Elsewhere func(dossier string) (held bool, missing []string)

func (a *auditor) find(format string, args ...any) {
	a.report.findings = append(a.report.findings, fmt.Sprintf(format, args...))
}

// take looks at the next entry.
func (a *auditor) take(ctx context.Context, e ledger.Entry) error {
	if err := a.rows.take(e); err != nil {
		a.find("entry %d: %v", e.Index, err)
		return nil
	}
	if e.Type != statement.TypeDossier || e.Envelope == nil {
		return nil
	}
	d, err := content[*statement.Dossier](e)
	if err != nil {
		a.find("entry %d: %v", e.Index, err)
		return nil
	}
	return a.dossier(ctx, d.Dossier)
}

// dossier reads a sealed dossier's files.
func (a *auditor) dossier(ctx context.Context, digest string) error {
	if a.read == nil {
		a.read = map[string]bool{}
	}
	if a.read[digest] {
		return nil
	}
	what := fmt.Sprintf("dossier %s", digest)
	for _, ask := range a.elsewhere {
		held, missing := ask(digest)
		if !held {
			continue
		}
		a.read[digest] = true
		a.apart++
		for _, name := range missing {
			a.find("%s: %q is missing where the server keeps it", what, name)
		}
		return nil
	}
	data, err := a.evidence(ctx, what+", dossier.json", digest, maxManifest)
	if err != nil || data == nil {
		return err
	}
	var m struct {
		Files map[string]struct {
			Digest string `json:"digest"`
		} `json:"files"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		a.find("%s: its dossier.json cannot be read: %v", what, err)
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		if _, err := a.evidence(ctx, fmt.Sprintf("%s, %q", what, name), m.Files[name].Digest, maxEvidence); err != nil {
			return err
		}
	}
	return nil
}

// evidence reads a file of evidence; nil if it is not as it was written, which is a finding.
func (a *auditor) evidence(ctx context.Context, what, digest string, most int64) ([]byte, error) {
	var sum [32]byte
	if n, err := hex.Decode(sum[:], []byte(digest)); err != nil || n != len(sum) {
		a.find("%s: %q is no digest", what, digest)
		return nil, nil
	}
	a.read[digest] = true
	data, err := blob.GetDigest(ctx, a.lab.Evidence, sum, most)
	if err != nil && ctx.Err() != nil {
		return nil, err
	}
	if err != nil {
		a.find("evidence %s (%s): %v", blob.DigestName(sum), what, err)
		return nil, nil
	}
	return data, nil
}

// maxList bounds a published status list, in bytes.
const maxList = 4 << 20

// lists looks at the status lists that customers fetch: each must be of the ledger, under a checkpoint that the log has signed.
func (a *auditor) lists(ctx context.Context) error {
	n := 0
	for name, err := range a.lab.Log.List(ctx, "status/") {
		if err != nil {
			return err
		}
		n++
		data, err := a.lab.Log.Get(ctx, name, maxList)
		if err == nil {
			err = a.list(ctx, data)
		}
		if err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil {
			a.find("object %s: %v", name, err)
		}
	}
	a.report.lines = append(a.report.lines, fmt.Sprintf("%d published status lists", n))
	return nil
}

func (a *auditor) list(ctx context.Context, data []byte) error {
	b, err := credential.ParseBundle(data)
	if err != nil {
		return err
	}
	e, err := a.lab.Ledger.ByIndex(ctx, b.Proof.Index)
	switch {
	case err != nil:
		return err
	case e.Type != statement.TypeStatus || e.Envelope == nil:
		return fmt.Errorf("entry %d of the ledger is no status list", e.Index)
	}
	signer, err := statement.ParseKey(e.Leaf.Key)
	if err != nil {
		return err
	}
	if !bytes.Equal(data, credential.NewBundle(e.Envelope, signer, a.lab.Ledger.Key(), b.Proof).Bytes()) {
		return fmt.Errorf("it is not what entry %d of the ledger says", e.Index)
	}
	if err := b.Proof.Verify(b.Leaf.Hash()); err != nil {
		return err
	}
	_, err = a.lab.Trust.Policy.Check(b.Proof.Checkpoint, a.lab.Now().Unix(), a.lab.Trust.Organisation)
	return err
}

// strays counts evidence, and what of it no dossier in the ledger names: a sealing that was broken off leaves some.
func (a *auditor) strays(ctx context.Context) error {
	strays := 0
	for name, err := range a.lab.Evidence.List(ctx, "") {
		if err != nil {
			return err
		}
		digest, ok := strings.CutPrefix(name, "sha256/")
		if digest = strings.Replace(digest, "/", "", 1); !ok || !a.read[digest] {
			strays++
		}
	}
	a.report.lines = append(a.report.lines, fmt.Sprintf("%d files of evidence, %d more that belong to no sealed dossier", len(a.read)-a.apart, strays))
	if a.apart > 0 {
		a.report.lines = append(a.report.lines, fmt.Sprintf("%d dossiers that the server keeps encrypted: all their files are there; what is in them, only the server can read", a.apart))
	}
	return nil
}
