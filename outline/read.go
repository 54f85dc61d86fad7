package outline

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/probat-lab/probat/statement"
)

// Read reads an outline and gives its rows in order; rows are fn's to keep. Whatever draw.Write would not write is an error, which wraps ErrRow or
// statement.ErrForm: what fn took before then, in one transaction, is to be thrown away. An outline without its End is such an error too.
//
// What an outline says of a dossier is still what a child says that read hostile bytes: its form is checked here, not its truth.
func Read(ctx context.Context, r io.Reader, fn func(Row) error) error {
	x := &reader{limits: newLimits(), rows: map[string]int64{}, order: kinds()}
	buf := bufio.NewReaderSize(r, 1<<16)
	var line []byte
	for n := 1; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if line, err = readLine(buf, line[:0]); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("reading line %d of an outline: %w", n, err)
		}
		row, err := x.row(line)
		if err == nil && n > MaxRows {
			err = fmt.Errorf("%w: more than %d rows", ErrRow, MaxRows)
		}
		if err != nil {
			return fmt.Errorf("reading line %d of an outline: %w", n, err)
		}
		if err := fn(row); err != nil {
			return err
		}
	}
	if !x.ended {
		return fmt.Errorf("reading an outline: %w: it was cut off", ErrRow)
	}
	return nil
}

// readLine reads a line without its newline; io.EOF where nothing is left.
func readLine(r *bufio.Reader, line []byte) ([]byte, error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > MaxLine {
			return nil, fmt.Errorf("%w: longer than %d bytes", ErrRow, MaxLine)
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, fmt.Errorf("%w: has no end", ErrRow)
		default:
			return nil, err
		}
	}
}

// reader checks the rows of one outline.
type reader struct {
	limits *limits
	order  []string // of kinds
	rows   map[string]int64

	stage       int // index in order of the kind that was read last
	scheme      *Scheme
	requirement *Requirement
	expected    int64 // rows of requirements that are to come in the scheme
	findings    map[string]bool
	listed      int64 // rows of findings that came in the requirement
	ids         map[string]bool
	schemes     map[string]bool
	nodes       []*Node // those that the last one lies in, and itself
	fact        *Fact
	ended       bool
}

// row reads one line.
func (x *reader) row(line []byte) (Row, error) {
	name, value, ok := bytes.Cut(line, []byte(`":`))
	if !ok || !bytes.HasPrefix(name, []byte(`{"`)) || len(value) == 0 || value[len(value)-1] != '}' {
		return nil, fmt.Errorf("%w: no object with a kind", ErrRow)
	}
	row := newRow(string(name[2:]))
	if row == nil {
		return nil, fmt.Errorf("%w: of the kind %.40q", ErrRow, name[2:])
	}
	if err := statement.Decode(value[:len(value)-1], row); err != nil {
		return nil, fmt.Errorf("%s: %w", row.kind(), err)
	}
	if err := x.limits.check(row); err != nil {
		return nil, fmt.Errorf("%s: %w", row.kind(), err)
	}
	if err := x.place(row); err != nil {
		return nil, fmt.Errorf("%s: %w", row.kind(), err)
	}
	x.rows[row.kind()]++
	return row, nil
}

// place checks that a row may stand where it stands.
func (x *reader) place(row Row) error {
	if x.ended {
		return fmt.Errorf("%w: behind the end", ErrRow)
	}
	if e, ok := row.(*End); ok {
		return x.end(e)
	}
	stage := slices.Index(x.order, row.kind())
	first := len(x.rows) == 0
	if _, head := row.(*Head); head != first {
		return fmt.Errorf("%w: an outline has one head, at its beginning", ErrRow)
	}
	judged := slices.Index(x.order, "scheme")
	round := stage >= judged && x.stage >= judged && stage <= judged+2 && x.stage <= judged+2 // scheme, requirement, finding
	if stage < x.stage && !round {
		return fmt.Errorf("%w: out of order", ErrRow)
	}
	x.stage = stage
	return x.member(row)
}

// member checks the number of a row, and what it belongs to.
func (x *reader) member(row Row) error {
	switch row := row.(type) {
	case *Head:
		if row.Format != Format {
			return fmt.Errorf("%w: of the format %q", ErrRow, row.Format)
		}
	case *Declaration:
		if x.rows[row.kind()] > 0 {
			return fmt.Errorf("%w: a second one", ErrRow)
		}
	case *Scheme:
		return x.beginScheme(row)
	case *Requirement:
		return x.beginRequirement(row)
	case *Finding:
		return x.finding(row)
	case *Node:
		if err := x.complete(); err != nil {
			return err
		}
		return x.node(row)
	case *Artifact:
		return x.numbered(row, row.Position)
	case *Document:
		return x.numbered(row, row.Position)
	case *Observer:
		return x.numbered(row, row.Position)
	case *Reference:
		return x.numbered(row, row.Position)
	case *Fact:
		if x.fact != nil && x.fact.Kind > row.Kind {
			return fmt.Errorf("%w: kinds of facts are out of order", ErrRow)
		}
		x.fact = row
		return x.numbered(row, row.Position)
	case *Package:
		return x.numbered(row, row.Position)
	case *Unobserved:
		return x.numbered(row, row.Position)
	}
	return nil
}

func (x *reader) numbered(row Row, position int64) error {
	if position != x.rows[row.kind()] {
		return fmt.Errorf("%w: number %d where %d should be", ErrRow, position, x.rows[row.kind()])
	}
	return nil
}

// complete checks that a scheme has all its requirements, and the last one all its findings.
func (x *reader) complete() error {
	if x.requirement != nil && x.requirement.Listed != x.listed {
		return fmt.Errorf("%w: %d findings where %d are listed", ErrRow, x.listed, x.requirement.Listed)
	}
	if x.expected != 0 {
		return fmt.Errorf("%w: %d requirements are missing", ErrRow, x.expected)
	}
	x.requirement, x.scheme = nil, nil
	return nil
}

func (x *reader) beginScheme(row *Scheme) error {
	if err := x.complete(); err != nil {
		return err
	}
	if x.schemes == nil {
		x.schemes = map[string]bool{}
	}
	if x.schemes[row.ID] {
		return fmt.Errorf("%w: %q stands twice", ErrRow, row.ID)
	}
	x.schemes[row.ID] = true
	x.scheme, x.expected, x.ids = row, row.Requirements, map[string]bool{}
	return x.numbered(row, row.Position)
}

func (x *reader) beginRequirement(row *Requirement) error {
	switch {
	case x.requirement != nil && x.requirement.Listed != x.listed:
		return fmt.Errorf("%w: %d findings where %d are listed", ErrRow, x.listed, x.requirement.Listed)
	case x.scheme == nil || row.Scheme != x.scheme.ID || x.expected == 0 || row.Position != x.scheme.Requirements-x.expected:
		return fmt.Errorf("%w: %q stands in no scheme, or in another place of it", ErrRow, row.ID)
	case x.ids[row.ID]:
		return fmt.Errorf("%w: %q stands twice", ErrRow, row.ID)
	case row.Group != GroupOf(row.Verdict):
		return fmt.Errorf("%w: the verdict %q in the group %q", ErrRow, row.Verdict, row.Group)
	}
	tests := map[string]bool{}
	for i := range row.Tests {
		if tests[row.Tests[i].ID] {
			return fmt.Errorf("%w: the test %q stands twice", ErrRow, row.Tests[i].ID)
		}
		tests[row.Tests[i].ID] = true
	}
	x.ids[row.ID] = true
	x.expected--
	x.requirement, x.listed, x.findings = row, 0, map[string]bool{}
	return nil
}

func (x *reader) finding(row *Finding) error {
	q := x.requirement
	switch {
	case q == nil || row.Scheme != q.Scheme || row.Requirement != q.ID || row.Position != x.listed || x.listed == q.Listed:
		return fmt.Errorf("%w: %.12q belongs to no requirement, or stands in another place of it", ErrRow, row.Fingerprint)
	case x.findings[row.Fingerprint]:
		return fmt.Errorf("%w: %.12q stands twice", ErrRow, row.Fingerprint)
	case row.Decisive >= int64(len(row.Places)):
		return fmt.Errorf("%w: of %d places number %d is said to be decisive", ErrRow, len(row.Places), row.Decisive)
	}
	x.findings[row.Fingerprint] = true
	x.listed++
	return nil
}

// node checks that a node stands in the tree where it says.
func (x *reader) node(row *Node) error {
	if err := x.numbered(row, row.Position); err != nil {
		return err
	}
	for len(x.nodes) > 0 && x.nodes[len(x.nodes)-1].Position != row.Parent {
		if err := x.leaveNode(row.Position); err != nil {
			return err
		}
	}
	if len(x.nodes) == 0 && row.Parent != -1 || row.Depth != int64(len(x.nodes)) {
		return fmt.Errorf("%w: number %d does not lie in number %d", ErrRow, row.Position, row.Parent)
	}
	x.nodes = append(x.nodes, row)
	return nil
}

// leaveNode checks that as many nodes came below the last one as it says. next is the position of the node that follows.
func (x *reader) leaveNode(next int64) error {
	last := x.nodes[len(x.nodes)-1]
	x.nodes = x.nodes[:len(x.nodes)-1]
	if last.Below != next-last.Position-1 {
		return fmt.Errorf("%w: %d nodes below number %d, which says %d", ErrRow, next-last.Position-1, last.Position, last.Below)
	}
	return nil
}

func (x *reader) end(e *End) error {
	x.ended = true
	if len(x.rows) == 0 {
		return fmt.Errorf("%w: an outline without a head", ErrRow)
	}
	if err := x.complete(); err != nil {
		return err
	}
	for len(x.nodes) > 0 {
		if err := x.leaveNode(x.rows["node"]); err != nil {
			return err
		}
	}
	if len(e.Counts) != len(x.order) {
		return fmt.Errorf("%w: counts of %d kinds, of %d", ErrRow, len(e.Counts), len(x.order))
	}
	for i, c := range e.Counts {
		if c.Kind != x.order[i] || c.Rows != x.rows[c.Kind] {
			return fmt.Errorf("%w: %d rows of the kind %s, counted are %d of %q", ErrRow, x.rows[x.order[i]], x.order[i], c.Rows, c.Kind)
		}
	}
	return nil
}
