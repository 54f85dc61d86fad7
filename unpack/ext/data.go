package ext

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// DataError says where a content ends although its file goes on.
type DataError struct {
	Content int64 // bytes of content before the damage: those that were written
	Offset  int64 // of what is damaged in the image; -1 when not known
	Err     error
}

func (e *DataError) Error() string {
	return fmt.Sprintf("content after %d bytes: %v", e.Content, e.Err)
}

func (e *DataError) Unwrap() error { return e.Err }

// content is where the bytes of a file are. It does not change once it is made.
type content struct {
	size   int64
	inline []byte // all of it, when it lies in the inode
	runs   []run
	damage damage
}

// end returns how many bytes can be had.
func (c *content) end() int64 {
	if c.damage.err != nil {
		return min(c.size, c.damage.at)
	}
	return c.size
}

// layOut finds the blocks of an inode and claims them as kind. allocated counts bytes of the content that are stored in blocks.
func (fs *FS) layOut(ctx context.Context, in *inode, kind Kind, c *claims) (f content, allocated int64) {
	if in.size > uint64(1)<<32*uint64(fs.bs) {
		f.damage = damage{off: in.offset, err: fmt.Errorf("a size of %d bytes", in.size)}
		return f, 0
	}
	f.size = int64(in.size)
	f.runs, f.damage = fs.mapBlocks(ctx, in, c)
	if f.damage.err != nil && f.damage.at >= f.size && errors.Is(f.damage.err, ErrTruncated) {
		f.damage = damage{}
	}
	for _, r := range f.runs {
		room := int64(r.count) * fs.bs
		used := min(max(f.size-int64(r.logical)*fs.bs, 0), room)
		if kind == KindData && in.has(flagVerity) {
			whole := uint64((used + fs.bs - 1) / fs.bs)
			fs.claim(c.account, KindVerity, r.physical+whole, uint64(r.count)-whole, room-int64(whole)*fs.bs)
		}
		if have := max(fs.end-int64(r.physical)*fs.bs, 0); used > have {
			used = have // the image ends here
		}
		allocated += used
		fs.claim(c.account, kind, r.physical, uint64(r.count), used)
	}
	return f, allocated
}

const chunkSize = 256 << 10

var (
	chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}
	// zeros is what a hole reads as.
	zeros [64 << 10]byte
)

// WriteContent writes the content of the file e, which a walk of fs made, to w in
// order, holes as zeros, in pieces of at most 256 KiB whose buffers w must not keep.
// It returns the number of bytes written, and a [*DataError] when the rest cannot be
// had (it wraps ErrEncrypted when the image does not have the key), or the error of w
// or ctx.
func (fs *FS) WriteContent(ctx context.Context, w io.Writer, e *Entry) (int64, error) {
	if e.Type != File {
		return 0, fmt.Errorf("content of a %s", e.Type)
	}
	if e.Lacks&LacksInode != 0 {
		return 0, &DataError{Offset: -1, Err: errors.New("the inode cannot be read")}
	}
	return fs.writeContent(ctx, w, &e.content)
}

func (fs *FS) writeContent(ctx context.Context, w io.Writer, c *content) (int64, error) {
	out := output{w: w, ctx: ctx}
	if c.inline != nil {
		if err := out.write(c.inline); err != nil {
			return out.n, err
		}
	}
	var buf *[chunkSize]byte
	for _, r := range c.runs {
		start := int64(r.logical) * fs.bs
		stop := min(start+int64(r.count)*fs.bs, c.end())
		if start >= stop {
			break
		}
		if err := out.zeros(start - out.n); err != nil {
			return out.n, err
		}
		if buf == nil {
			buf = chunks.Get().(*[chunkSize]byte)
			defer chunks.Put(buf)
		}
		for off := int64(r.physical) * fs.bs; out.n < stop; {
			p := buf[:min(stop-out.n, chunkSize)]
			if err := fs.read(p, off); err != nil {
				return out.n, &DataError{Content: out.n, Offset: off, Err: err}
			}
			if err := out.write(p); err != nil {
				return out.n, err
			}
			off += int64(len(p))
		}
	}
	if err := out.zeros(c.end() - out.n); err != nil {
		return out.n, err
	}
	if d := c.damage; d.err != nil {
		return out.n, &DataError{Content: out.n, Offset: d.off, Err: d.err}
	}
	return out.n, nil
}

// output counts what is written.
type output struct {
	w   io.Writer
	ctx context.Context // of the one call that the output lives for
	n   int64
}

func (o *output) write(p []byte) error {
	if err := o.ctx.Err(); err != nil {
		return err
	}
	n, err := o.w.Write(p)
	o.n += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}

func (o *output) zeros(n int64) error {
	for n > 0 {
		p := zeros[:min(n, int64(len(zeros)))]
		if err := o.write(p); err != nil {
			return err
		}
		n -= int64(len(p))
	}
	return nil
}

// readSmall returns a content that must not be longer than most bytes.
func (fs *FS) readSmall(ctx context.Context, f *content, most int64) ([]byte, error) {
	if f.size > most {
		return nil, fmt.Errorf("%d bytes where %d are the most", f.size, most)
	}
	b := make(buffer, 0, f.size)
	_, err := fs.writeContent(ctx, &b, f)
	return b, err
}

type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}
