package outline

import (
	"fmt"
	"io"

	"github.com/probat-lab/probat/statement"
)

// Encoder writes the rows of one outline, in the one encoding that Read takes. That they stand in an order that Read takes, and belong to each
// other, is the caller's part. One goroutine uses it.
type Encoder struct {
	w       io.Writer
	limits  *limits
	rows    map[string]int64 // by kind
	written int64
}

// NewEncoder returns an Encoder that makes one call of Write a row: w is better buffered.
func NewEncoder(w io.Writer) *Encoder {
	return &Encoder{w: w, limits: newLimits(), rows: map[string]int64{}}
}

// Encode makes the texts and numbers of a row what its tags allow, in place, and writes it. What cannot be made so, an identifier or a digest, a
// list that is too long, or a row more than MaxRows, is an error that wraps ErrRow.
func (e *Encoder) Encode(row Row) error {
	if e.written++; e.written > MaxRows {
		return fmt.Errorf("%w: more than %d rows", ErrRow, MaxRows)
	}
	if err := e.limits.fit(row); err != nil {
		return fmt.Errorf("%s: %w", row.kind(), err)
	}
	line, err := encodeRow(row)
	if err != nil {
		return fmt.Errorf("%s: %w", row.kind(), err)
	}
	e.rows[row.kind()]++
	_, err = e.w.Write(line)
	return err
}

// End writes the last row: how many rows of each kind were written and, as leftOut says by kind, how many things have none.
func (e *Encoder) End(leftOut map[string]int64) error {
	end := &End{}
	for _, k := range kinds() {
		end.Counts = append(end.Counts, Count{k, leftOut[k], e.rows[k]})
	}
	return e.Encode(end)
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
		return nil, fmt.Errorf("%w: a line of %d bytes, at most %d", ErrRow, len(line), MaxLine)
	}
	return line, nil
}
