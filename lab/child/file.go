package child

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/outline/draw"
	"github.com/probat-lab/probat/sandbox"
)

func childFile(ctx context.Context, in io.Reader, out, _ io.Writer) error {
	var w outline.Wanted
	if err := json.NewDecoder(in).Decode(&w); err != nil {
		return fmt.Errorf("reading which file: %w", err)
	}
	r, err := draw.File(ctx, w)
	if err != nil {
		return err
	}
	b, err := r.Bytes()
	if err != nil {
		return err
	}
	_, err = out.Write(b)
	return err
}

// File returns a range of one file of an artifact.
func (s Sandbox) File(ctx context.Context, w outline.Wanted) (*outline.Range, error) {
	var out bytes.Buffer
	o := sandbox.Options{Read: []string{w.File}, Write: []string{w.TempDir}, MemoryLimit: 2 << 30, OutLimit: outline.MaxRangeBytes}
	if err := s.run(ctx, taskFile, w, &out, o); err != nil {
		return nil, err
	}
	return outline.ParseRange(out.Bytes())
}
