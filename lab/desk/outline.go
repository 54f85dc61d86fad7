package desk

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/store/records"
)

// rows are the rows of an outline, kept until the transaction that writes them.
type rows struct {
	dossier, release string
	head             json.RawMessage
	writes           []func(context.Context, *sql.Tx) error
}

// outline has a child write a dossier's outline, and reads it strictly.
func (d *Desk) outline(ctx context.Context, dir, dossier, release string) (*rows, error) {
	r := &rows{dossier: dossier, release: release}
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() { // waited for below: closing in ends it
		err := d.Box.Outline(ctx, dir, out)
		done <- errors.Join(err, out.CloseWithError(err))
	}()
	err := outline.Read(ctx, in, r.row)
	err = errors.Join(err, in.Close())
	if childErr := <-done; childErr != nil && !errors.Is(childErr, io.ErrClosedPipe) {
		err = errors.Join(childErr, err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the dossier's outline: %w", err)
	}
	return r, nil
}

func (r *rows) row(row outline.Row) error {
	b, err := json.Marshal(row)
	if err != nil {
		return err
	}
	body := string(b)
	write := func(fn func(context.Context, *sql.Tx) error) { r.writes = append(r.writes, fn) }
	seen := func(kind string, position, node int64) {
		write(func(ctx context.Context, tx *sql.Tx) error {
			return records.AddSeen(ctx, tx, r.dossier, r.release, kind, position, node, body)
		})
	}
	switch x := row.(type) {
	case *outline.Head:
		r.head = b
	case *outline.Scheme:
		write(func(ctx context.Context, tx *sql.Tx) error {
			return records.AddResult(ctx, tx, records.Result{Dossier: r.dossier, Release: r.release, Scheme: x.ID, Edition: x.Edition, Position: x.Position, Body: body})
		})
	case *outline.Requirement:
		q := records.Requirement{
			Dossier: r.dossier, Release: r.release, Scheme: x.Scheme, ID: x.ID, Position: x.Position, Title: x.Title, Verdict: x.Verdict, Reason: x.Reason,
			Section: x.Group, Waits: waitsForPerson(x), Body: body,
		}
		write(func(ctx context.Context, tx *sql.Tx) error { return records.AddRequirement(ctx, tx, q) })
		r.words("requirement", x.Scheme+"/"+x.ID, x.ID+" "+x.Title, access.Verdict, write)
	case *outline.Finding:
		f := records.Finding{
			Dossier: r.dossier, Release: r.release, Scheme: x.Scheme, Requirement: x.Requirement, Position: x.Position, Fingerprint: x.Fingerprint,
			Kind: x.Kind, Severity: x.Severity, Title: x.Title, Subject: x.Subject, Body: body,
		}
		write(func(ctx context.Context, tx *sql.Tx) error { return records.AddFinding(ctx, tx, f) })
		r.words("finding", x.Scheme+"/"+x.Requirement, strings.Join(append([]string{x.Title, x.Subject}, paths(x)...), " "), access.Evidence, write)
	case *outline.Node:
		write(func(ctx context.Context, tx *sql.Tx) error {
			return records.AddNode(ctx, tx, r.dossier, r.release, x.Position, x.Parent, x.Address, body)
		})
		r.words("node", x.Address, x.Address, access.Evidence, write)
	case *outline.Fact:
		seen("fact", x.Position, x.NodeAt)
	case *outline.Package:
		seen("package", x.Position, x.NodeAt)
		r.words("package", x.Node, x.Name+" "+x.Version, access.Evidence, write)
	case *outline.Unobserved:
		seen("unobserved", x.Position, x.NodeAt)
	case *outline.Artifact:
		seen("artifact", x.Position, -1)
	case *outline.Declaration:
		seen("declaration", 0, -1)
	case *outline.Document:
		seen("document", x.Position, -1)
	case *outline.Observer:
		seen("observer", x.Position, -1)
	case *outline.Reference:
		seen("reference", x.Position, -1)
	}
	return nil
}

func (r *rows) words(kind, ref, text string, level access.Level, write func(func(context.Context, *sql.Tx) error)) {
	w := records.Words{Text: text, Kind: kind, Ref: ref, Release: r.release, Dossier: r.dossier, Level: level}
	write(func(ctx context.Context, tx *sql.Tx) error { return records.AddWords(ctx, tx, w) })
}

func (r *rows) write(ctx context.Context, tx *sql.Tx) error {
	for _, fn := range r.writes {
		if err := fn(ctx, tx); err != nil {
			return fmt.Errorf("writing the dossier's outline: %w", err)
		}
	}
	return nil
}

// waitsForPerson tells whether a test in words still wants somebody to judge it.
func waitsForPerson(q *outline.Requirement) bool {
	if q.Verdict == "not-applicable" {
		return false
	}
	for _, t := range q.Tests {
		if t.Procedure != "" && t.Over == "" && t.State != "holds" && t.State != "fails" {
			return true
		}
	}
	return false
}

func paths(f *outline.Finding) []string {
	var list []string
	for _, p := range f.Places {
		list = append(list, p.Path)
	}
	return list
}

func hexSum(s string) (sum [32]byte, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(sum) {
		return sum, fmt.Errorf("%q is no SHA-256", s)
	}
	copy(sum[:], b)
	return sum, nil
}
