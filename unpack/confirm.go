package unpack

import (
	"context"
	"errors"
	"io"
)

// confirmed recognises content that is at hand: a format that wants to see more than the head is asked. Such content is kept in a
// temporary file if need be, which src reads then, and which release closes. An error is one of the host.
func (w *walker) confirmed(ctx context.Context, head []byte, src source) (f *Format, name string, _ source, release func(), err error) {
	release = func() {}
	whole := true
	formats := w.formats
	for {
		f, formats = firstOf(formats, head)
		switch {
		case f == nil:
			return nil, known(head), src, release, nil
		case f.Confirm == nil:
			return f, f.Name, src, release, nil
		case src.at == nil && whole:
			var drop func()
			src, drop, err = w.keep(ctx, src)
			if err != nil {
				return nil, "", src, release, err
			}
			release, whole = drop, src.at != nil
		}
		if whole && f.Confirm(ctx, src.at, src.size) {
			return f, f.Name, src, release, nil
		}
	}
}

// keep brings a source to where it can be read in any order. Its bytes count against the budget only while nobody has read
// them again. A source that ends in an error comes back as a stream that ends in the same one.
func (w *walker) keep(ctx context.Context, src source) (source, func(), error) {
	file, err := w.temporary()
	if err != nil {
		return src, nil, err
	}
	release := func() { file.Close() }
	m := &charged{ctx: ctx, w: w, r: src.r}
	n, err := io.CopyBuffer(hostWriter{file}, onlyReader{m}, make([]byte, 256<<10))
	w.bytes.Add(-m.n)
	var host *hostError
	switch {
	case errors.As(err, &host):
		release()
		return src, nil, err
	case err != nil:
		return source{r: io.MultiReader(io.NewSectionReader(file, 0, n), &failing{err}), size: src.size}, release, nil
	}
	return source{at: file, size: n}, release, nil
}

// charged counts what is read through it against the budget.
type charged struct {
	ctx context.Context
	w   *walker
	r   io.Reader
	n   int64
}

func (c *charged) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.w.bytes.Add(int64(n)) > c.w.budget.Bytes {
		if c.w.parallel() {
			c.w.fail(errBudget)
		}
		return n, errBytes
	}
	return n, err
}
