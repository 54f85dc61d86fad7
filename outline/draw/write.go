package draw

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/outline"
)

// Write writes the outline of a dossier that dossier.Check has read, whose verdicts the caller found Sound. The same dossier gives the same
// bytes. Identifiers that are no identifiers, and a tree that is not in order, are errors: no dossier of ours has them.
func Write(ctx context.Context, w io.Writer, c *dossier.Contents) error {
	buf := bufio.NewWriterSize(w, 1<<16)
	x := &writer{
		alive: ctx.Err, out: outline.NewEncoder(buf), c: c, versions: map[string]int64{}, nodes: map[string]*atNode{},
		leftOut: map[string]int64{}, digests: map[string]string{},
		judged: map[string][]judge.Judgement{},
	}
	for _, g := range c.Judgements {
		key := fact.JoinKey(g.Scheme, g.Requirement)
		x.judged[key] = append(x.judged[key], g)
	}
	for _, o := range c.Manifest.Observers {
		x.versions[o.Observer] = int64(o.Version)
	}
	for _, step := range []func() error{x.readTree, x.head, x.manifest, x.schemes, x.tree, x.facts, x.packages, x.unobserved, x.end} {
		if err := step(); err != nil {
			return fmt.Errorf("writing the outline of a dossier: %w", err)
		}
	}
	return buf.Flush()
}

// writer writes one outline.
type writer struct {
	alive func() error // of the context of this call of Write
	out   *outline.Encoder
	c     *dossier.Contents

	versions map[string]int64             // of observers
	nodes    map[string]*atNode           // those that something stands at, by address
	listed   []listedNode                 // all nodes with rows, in order
	systems  map[string]int               // systems by address, numbered in their order
	digests  map[string]string            // of projections of facts that several tests read, by what is projected
	unseen   int64                        // nodes without rows
	view     map[string]any               // of the declaration
	judged   map[string][]judge.Judgement // by scheme and requirement

	leftOut map[string]int64 // by kind
	written int64            // rows
}

// put writes one row.
func (x *writer) put(row outline.Row) error {
	if x.written++; x.written%1024 == 0 {
		if err := x.alive(); err != nil {
			return err
		}
	}
	return x.out.Encode(row)
}

func (x *writer) head() error {
	m := &x.c.Manifest
	h := &outline.Head{
		AsOf: m.AsOf, Bytes: outline.Bytes{Nodes: m.Bytes.Nodes, Padding: m.Bytes.Padding, Structure: m.Bytes.Structure, Unobserved: m.Bytes.Unobserved},
		Dossier: x.c.Digest,
		Facts:   int64(m.CountFacts()), Format: outline.Format, Interrupted: m.Interrupted, LeftOut: slices.Clone(m.LeftOut),
		Limits: outline.Limits{Bytes: m.Budgets.Bytes, Depth: int64(m.Budgets.Depth), Entries: m.Budgets.Entries}, Predecessor: m.Predecessor,
	}
	for _, k := range fact.Kinds() {
		if n := x.c.Facts.Len(k.Name); n > 0 {
			h.Kinds = append(h.Kinds, outline.KindCount{Count: int64(n), Kind: k.Name})
		}
	}
	for _, u := range m.Unpackers {
		h.Unpackers = append(h.Unpackers, fmt.Sprintf("%s %d", u.Name, u.Version))
	}
	if d := x.c.Declaration; d != nil {
		h.Release = outline.Release{Kind: string(d.Kind), Period: d.Period, Product: d.Product, Vendor: d.Vendor, Version: d.Version}
	}
	return x.put(h)
}

// manifest writes what the dossier was made from.
func (x *writer) manifest() error {
	m := &x.c.Manifest
	var rows []outline.Row
	for i, a := range m.Artifacts {
		rows = append(rows, &outline.Artifact{Digest: a.Digest, ID: a.ID, Position: int64(i), Role: a.Role, Size: a.Size, Type: a.Type})
	}
	if x.c.Declaration != nil {
		d, err := x.declaration()
		if err != nil {
			return err
		}
		rows = append(rows, d)
	}
	for i, e := range m.Evidence {
		answers, out := capped(slices.Clone(e.Answers), 256)
		rows = append(rows, &outline.Document{
			Answers: answers, AnswersLeftOut: out, Digest: e.Digest, Position: int64(i), Size: int64(len(x.c.Evidence[e.Digest])), Title: e.Title,
		})
	}
	for i, o := range m.Observers {
		row := &outline.Observer{Name: o.Observer, Nodes: o.Nodes, Position: int64(i), Systems: o.Systems, Version: int64(o.Version)}
		for kind := range o.Kinds {
			row.Kinds = append(row.Kinds, kind)
		}
		slices.Sort(row.Kinds)
		rows = append(rows, row)
	}
	for i, r := range m.References {
		rows = append(rows, &outline.Reference{AsOf: r.AsOf, Digest: r.Digest, Name: r.Name, Position: int64(i)})
	}
	for _, r := range rows {
		if err := x.put(r); err != nil {
			return err
		}
	}
	return nil
}

// maxDeclaration is the largest canonical declaration that is in an outline, in bytes.
const maxDeclaration = 1 << 20

func (x *writer) declaration() (*outline.Declaration, error) {
	data, err := x.c.Declaration.Canonical()
	if err != nil {
		return nil, err
	}
	row := &outline.Declaration{Digest: dossier.Digest(data), Size: int64(len(data))}
	text, err := outline.Object(data)
	if err != nil {
		return nil, fmt.Errorf("the declaration: %w", err)
	}
	if len(text) <= maxDeclaration {
		row.JSON = text
	} else {
		x.leftOut["declaration"]++
	}
	return row, nil
}

// capped returns the first elements of a list and how many are left out.
func capped[T any](list []T, most int) ([]T, int64) {
	if len(list) <= most {
		return list, 0
	}
	return list[:most], int64(len(list) - most)
}

func (x *writer) end() error { return x.out.End(x.leftOut) }
