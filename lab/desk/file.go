package desk

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store/records"
)

// View names bytes of a file in a release.
type View struct {
	Address        string // of the node
	Offset, Length int64  // of the content; a Length of 0 is as much as is shown at once
	Reason         string // why masked bytes are to be shown; empty: they stay masked
}

// around is how many bytes on either side of what an observer saw are shown at level evidence: enough for the lines beside it. All else of a file
// needs level source.
const around = 512

// mostBytes is how many bytes are shown at once.
const mostBytes = 16 << 10

// File returns bytes of a file in a release, secrets masked. With a reason they are shown, and that is in the ledger, for the owner to see. At level
// evidence only what observers pointed at is shown.
func (d *Desk) File(ctx context.Context, w Who, release string, v View) (*outline.Node, *outline.Range, error) {
	view := d.As(w.Viewer)
	r, err := view.Release(ctx, release)
	if err != nil {
		return nil, nil, err
	}
	body, err := view.Node(ctx, release, v.Address)
	if err != nil {
		return nil, nil, err
	}
	var n outline.Node
	if err := json.Unmarshal([]byte(body), &n); err != nil {
		return nil, nil, fmt.Errorf("reading a node: %w", err)
	}
	if n.Type != "file" || n.Content == "" {
		return &n, nil, fmt.Errorf("%w: it has no bytes that could be shown", ErrState)
	}
	if v.Length <= 0 || v.Length > mostBytes {
		v.Length = mostBytes
	}
	if v.Offset = max(v.Offset, 0); r.Level < access.Source {
		if err := d.pointedAt(ctx, w, r, &n, &v); err != nil {
			return &n, nil, err
		}
	}
	if v.Reason != "" {
		if err := d.unmasked(ctx, w, r, v); err != nil {
			return &n, nil, err
		}
	}
	x, err := d.bytes(ctx, r, &n, v)
	return &n, x, err
}

// pointedAt narrows a view to what an observer pointed at in a file.
func (d *Desk) pointedAt(ctx context.Context, w Who, r *records.Release, n *outline.Node, v *View) error {
	facts, err := d.As(w.Viewer).Seen(ctx, r.ID, "", n.Position, records.Page{Most: 10_000})
	if err != nil {
		return err
	}
	excerpts, err := d.excerpts(ctx, w, r, n.Address)
	if err != nil {
		return err
	}
	for _, body := range facts {
		var f struct{ Excerpt *outline.Excerpt }
		if err := json.Unmarshal([]byte(body), &f); err != nil {
			return fmt.Errorf("reading a fact: %w", err)
		}
		if f.Excerpt != nil {
			excerpts = append(excerpts, f.Excerpt)
		}
	}
	for _, e := range excerpts {
		from, to := max(0, e.Offset-around), e.Offset+e.Length+around
		if v.Offset < to && v.Offset+v.Length > from && v.Offset >= from {
			v.Length = min(v.Length, to-v.Offset)
			return nil
		}
	}
	return fmt.Errorf("%w: at level evidence the bytes are shown that an observer points at, and these are others", ErrForbidden)
}

// excerpts are those of findings at a node.
func (d *Desk) excerpts(ctx context.Context, w Who, r *records.Release, address string) ([]*outline.Excerpt, error) {
	var list []*outline.Excerpt
	for _, scheme := range r.Schemes {
		findings, _, err := d.As(w.Viewer).Findings(ctx, r.ID, scheme, "", "", records.Page{Most: outline.MaxFindings})
		if err != nil {
			return nil, err
		}
		for _, f := range findings {
			var o outline.Finding
			if f.Body == "" {
				continue
			}
			if err := json.Unmarshal([]byte(f.Body), &o); err != nil {
				return nil, fmt.Errorf("reading a finding: %w", err)
			}
			for _, p := range o.Places {
				if p.Node == address && p.Excerpt != nil {
					list = append(list, p.Excerpt)
				}
			}
		}
	}
	return list, nil
}

// unmasked records that somebody looks at what is masked, before it is shown.
func (d *Desk) unmasked(ctx context.Context, w Who, r *records.Release, v View) error {
	if !d.Policies.May(w.Viewer, access.Unmask, r.Object()) {
		return ErrForbidden
	}
	reason, err := text("reason", v.Reason, maxText)
	if err != nil {
		return err
	}
	subjects, err := d.subjects(ctx, r)
	if err != nil {
		return err
	}
	_, err = d.act(ctx, w, r, subjects, func(a statement.Act) statement.Predicate {
		return &statement.Access{
			Act: a, Event: "unmasked", Level: "evidence", Reason: reason,
			To: statement.Actor{Class: statement.Class(w.Class), Name: w.PartyName, Person: w.PersonName, Proof: statement.Attested},
		}
	}, func(ctx context.Context, tx *sql.Tx, e ledger.Entry) error {
		return records.AddLook(ctx, tx, e.ID.String(), r.ID, w.Person, "unmasked", v.Address, reason, d.Lab.Now())
	})
	return err
}

// bytes has a child read a range of a file out of its artifact, which is decrypted into a folder of the lab's own for as long as that takes.
func (d *Desk) bytes(ctx context.Context, r *records.Release, n *outline.Node, v View) (*outline.Range, error) {
	artifact, _, _ := strings.Cut(n.Address, "!/")
	held, err := d.HeldFor(ctx, r.ID, records.HeldArtifact, artifact)
	if err != nil {
		return nil, err
	}
	if len(held) == 0 {
		return nil, ErrNotFound
	}
	work, err := os.MkdirTemp(d.Lab.Dir, ".work-")
	if err != nil {
		return nil, fmt.Errorf("making a folder to work in: %w", err)
	}
	defer clear(work)
	if work, err = filepath.Abs(work); err != nil {
		return nil, err
	}
	e := &evaluation{desk: d, release: r, dir: work, digests: map[string]string{}}
	if e.ring, err = d.keyring(ctx, r.ID); err != nil {
		return nil, err
	}
	w := outline.Wanted{
		ID: artifact, File: filepath.Join(work, "artifact"), Address: n.Address, Content: n.Content, Format: n.Format, Size: n.Size, Offset: v.Offset, Length: v.Length,
		Unmask: v.Reason != "", TempDir: filepath.Join(work, "tmp"),
	}
	if k := len(n.Decoded); k > 0 {
		w.Format, w.Size = n.Decoded[k-1].Format, n.Decoded[k-1].Size
	}
	if err := e.place(ctx, held[0], w.File); err != nil {
		return nil, err
	}
	if err := os.Mkdir(w.TempDir, 0o700); err != nil {
		return nil, err
	}
	x, err := d.Box.File(ctx, w)
	if err != nil {
		return nil, err
	}
	if x.Content != n.Content || x.Offset > v.Offset+v.Length {
		return nil, errors.New("the child showed another file than it was asked for")
	}
	return x, nil
}
