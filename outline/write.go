package outline

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/statement"
)

// Write writes the outline of a dossier that dossier.Check has read, whose verdicts the caller found Sound. The same dossier gives the same
// bytes. Identifiers that are no identifiers, and a tree that is not in order, are errors: no dossier of ours has them.
func Write(ctx context.Context, w io.Writer, c *dossier.Contents) error {
	buf := bufio.NewWriterSize(w, 1<<16)
	x := &writer{
		alive: ctx.Err, w: buf, c: c, limits: newLimits(), versions: map[string]int64{}, nodes: map[string]*atNode{},
		rows: map[string]int64{}, leftOut: map[string]int64{}, digests: map[string]string{},
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
	alive  func() error // of the context of this call of Write
	w      *bufio.Writer
	c      *dossier.Contents
	limits *limits

	versions map[string]int64             // of observers
	nodes    map[string]*atNode           // those that something stands at, by address
	listed   []listedNode                 // all nodes with rows, in order
	systems  map[string]int               // systems by address, numbered in their order
	digests  map[string]string            // of projections of facts that several tests read, by what is projected
	unseen   int64                        // nodes without rows
	view     map[string]any               // of the declaration
	judged   map[string][]judge.Judgement // by scheme and requirement

	rows, leftOut map[string]int64 // by kind
	written       int64            // rows
}

// put writes one row.
func (x *writer) put(row Row) error {
	if x.written++; x.written%1024 == 0 {
		if err := x.alive(); err != nil {
			return err
		}
	}
	if x.written > MaxRows {
		return fmt.Errorf("more than %d rows", MaxRows)
	}
	if err := x.limits.fit(row); err != nil {
		return fmt.Errorf("%s: %w", row.kind(), err)
	}
	line, err := encodeRow(row)
	if err != nil {
		return fmt.Errorf("%s: %w", row.kind(), err)
	}
	x.rows[row.kind()]++
	_, err = x.w.Write(line)
	return err
}

// encodeRow returns a row's line, with its newline.
func encodeRow(row Row) ([]byte, error) {
	value, err := statement.Encode(row)
	if err != nil {
		return nil, err
	}
	line := make([]byte, 0, len(value)+32)
	line = append(append(append(line, `{"`...), row.kind()...), `":`...)
	line = append(append(line, value...), "}\n"...)
	if len(line) > MaxLine {
		return nil, fmt.Errorf("a line of %d bytes, at most %d", len(line), MaxLine)
	}
	return line, nil
}

func (x *writer) head() error {
	m := &x.c.Manifest
	h := &Head{
		AsOf: m.AsOf, Bytes: Bytes{m.Bytes.Nodes, m.Bytes.Padding, m.Bytes.Structure, m.Bytes.Unobserved}, Dossier: x.c.Digest,
		Facts: int64(m.CountFacts()), Format: Format, Interrupted: m.Interrupted, LeftOut: slices.Clone(m.LeftOut),
		Limits: Limits{m.Budgets.Bytes, int64(m.Budgets.Depth), m.Budgets.Entries}, Predecessor: m.Predecessor,
	}
	for _, k := range fact.Kinds() {
		if n := x.c.Facts.Len(k.Name); n > 0 {
			h.Kinds = append(h.Kinds, KindCount{int64(n), k.Name})
		}
	}
	for _, u := range m.Unpackers {
		h.Unpackers = append(h.Unpackers, fmt.Sprintf("%s %d", u.Name, u.Version))
	}
	if d := x.c.Declaration; d != nil {
		h.Release = Release{string(d.Kind), d.Period, d.Product, d.Vendor, d.Version}
	}
	return x.put(h)
}

// manifest writes what the dossier was made from.
func (x *writer) manifest() error {
	m := &x.c.Manifest
	var rows []Row
	for i, a := range m.Artifacts {
		rows = append(rows, &Artifact{a.Digest, a.ID, int64(i), a.Role, a.Size, a.Type})
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
		rows = append(rows, &Document{answers, out, e.Digest, int64(i), int64(len(x.c.Evidence[e.Digest])), e.Title})
	}
	for i, o := range m.Observers {
		row := &Observer{Name: o.Observer, Nodes: o.Nodes, Position: int64(i), Systems: o.Systems, Version: int64(o.Version)}
		for kind := range o.Kinds {
			row.Kinds = append(row.Kinds, kind)
		}
		slices.Sort(row.Kinds)
		rows = append(rows, row)
	}
	for i, r := range m.References {
		rows = append(rows, &Reference{r.AsOf, r.Digest, r.Name, int64(i)})
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

func (x *writer) declaration() (*Declaration, error) {
	data, err := x.c.Declaration.Canonical()
	if err != nil {
		return nil, err
	}
	row := &Declaration{Digest: dossier.Digest(data), Size: int64(len(data))}
	v, err := decodeObject(data)
	if err != nil {
		return nil, fmt.Errorf("the declaration: %w", err)
	}
	text, err := encodeObject(v)
	if err != nil {
		return nil, fmt.Errorf("the declaration: %w", err)
	}
	if len(text) <= maxDeclaration {
		row.JSON = text
	} else {
		x.leftOut[row.kind()]++
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

func (x *writer) end() error {
	e := &End{}
	for _, k := range kinds() {
		e.Counts = append(e.Counts, Count{k, x.leftOut[k], x.rows[k]})
	}
	return x.put(e)
}
