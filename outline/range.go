package outline

import (
	"fmt"
	"reflect"

	"github.com/probat-lab/probat/statement"
)

// MaxRange is how many bytes of a file a Range holds at most.
const MaxRange = 1 << 20

// MaxRangeBytes bounds the encoding of a Range.
const MaxRangeBytes = 8 << 20

// Wanted names a range of one file of an artifact, as its Node has it: what is asked of draw.File, which runs in a child.
type Wanted struct {
	ID      string // of the artifact, Artifact.ID: the first part of all addresses in it, raw
	File    string // path of the artifact on this machine, where the child may read it
	Address string // of the node
	Content string // Node.Content: what is returned has this digest, wherever in the artifact it stands
	Format  string // Node.Format, or that of the last of Node.Decoded: finds containers too, whose bytes nobody else looks at; may be empty
	Size    int64  // of the content, in bytes: Node.Size or that of the last of Node.Decoded; -1 when not known

	Offset, Length int64 // in the content; at most MaxRange, which is also what 0 asks for
	Unmask         bool  // show secrets: for readers at level evidence who gave a reason

	Limits  Limits // the dossier's, Head.Limits, so that the same is found; what is 0 is the default of package unpack
	Workers int    // goroutines; 0 for as many as there are processors
	// TempDir is where files of more than a MiB that stand in no file system are kept meanwhile, without a name. Smaller ones are never on a disk.
	TempDir string
}

// Range is a range of a file. It is as hostile as the file.
type Range struct {
	Content string `json:"content" row:"digest"` // of the whole file
	Data    []byte `json:"data" row:"most=1048576"`
	Line    int64  `json:"line"` // number of the line in which the range begins, from 1; 0 where it was not counted
	Masked  []Span `json:"masked,omitempty" row:"most=10000"`
	Offset  int64  `json:"offset"`
	Size    int64  `json:"size"` // of the whole file, in bytes
}

// Span is a part of a Range whose bytes are a secret: each is an asterisk in Data. That tells how long the secret is.
type Span struct {
	Length int64  `json:"length"`
	Offset int64  `json:"offset"` // in the file
	Why    string `json:"why" row:"one=private-key|public-key|hash|password|token"`
}

// Bytes returns the one encoding of a range.
func (r *Range) Bytes() ([]byte, error) {
	data, err := statement.Encode(r)
	if err != nil {
		return nil, fmt.Errorf("writing a range of a file: %w", err)
	}
	return data, nil
}

// ParseRange reads what Bytes wrote, and nothing else.
func ParseRange(data []byte) (*Range, error) {
	if len(data) > MaxRangeBytes {
		return nil, fmt.Errorf("reading a range of a file: %w: %d bytes, at most %d", ErrRow, len(data), MaxRangeBytes)
	}
	r := &Range{}
	if err := statement.Decode(data, r); err != nil {
		return nil, fmt.Errorf("reading a range of a file: %w", err)
	}
	err := newLimits().visit(reflect.ValueOf(r).Elem(), func(r *rule, f reflect.Value) error { return r.check(f.String()) }, checkNumber)
	if err != nil {
		return nil, fmt.Errorf("reading a range of a file: %w", err)
	}
	end := r.Offset + int64(len(r.Data))
	if end > r.Size {
		return nil, fmt.Errorf("reading a range of a file: %w: it ends behind the file", ErrRow)
	}
	at := r.Offset
	for _, s := range r.Masked {
		if s.Offset < at || s.Length < 1 || s.Length > end-s.Offset {
			return nil, fmt.Errorf("reading a range of a file: %w: a secret at %d does not lie in it, or behind another", ErrRow, s.Offset)
		}
		at = s.Offset + s.Length
	}
	return r, nil
}
