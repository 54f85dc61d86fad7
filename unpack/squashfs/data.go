package squashfs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	blockUncompressed = 1 << 24               // flag in the size of a stored block
	blockSizeMask     = blockUncompressed - 1 // its size in bytes; 0 is a hole
)

// DataError says where a content ends although its file goes on.
type DataError struct {
	Content int64 // bytes of content before the damage: those that were written
	Offset  int64 // of the damaged block or table in the image; -1 when not known
	Err     error
}

func (e *DataError) Error() string {
	return fmt.Sprintf("content after %d bytes: %v", e.Content, e.Err)
}

func (e *DataError) Unwrap() error { return e.Err }

// blocks returns of how many blocks a file consists, not counting a tail
// in a fragment.
func (fs *FS) blocks(f *content) int64 {
	n := f.size / uint64(fs.sb.blockSize)
	if f.fragment == none && f.size%uint64(fs.sb.blockSize) != 0 {
		n++
	}
	return int64(n)
}

// tail returns how many bytes of the file lie in a fragment.
func (fs *FS) tail(f *content) int {
	if f.fragment == none {
		return 0
	}
	return int(f.size % uint64(fs.sb.blockSize))
}

// stored is a stored block of a file.
type stored struct {
	off  int64
	size uint32 // with its flag
	want int    // bytes inside
}

func (b stored) hole() bool { return b.size&blockSizeMask == 0 }

// blockReader yields the blocks of a file.
type blockReader struct {
	fs   *FS
	cur  *cursor
	pos  int64  // where the next block is stored
	left int64  // blocks
	size uint64 // bytes of the file that are left
}

func (fs *FS) blockReader(f *content, c *cursor) (*blockReader, error) {
	if f.start > 1<<62 {
		return nil, fmt.Errorf("data at %d are outside every image", f.start)
	}
	return &blockReader{fs: fs, cur: c, pos: int64(f.start), left: fs.blocks(f), size: f.size}, nil
}

// next returns the next block; left must be positive.
func (r *blockReader) next() (stored, error) {
	b, err := r.cur.take(4)
	if err != nil {
		return stored{}, fmt.Errorf("block list: %w", err)
	}
	s := stored{off: r.pos, size: binary.LittleEndian.Uint32(b), want: int(min(r.size, uint64(r.fs.sb.blockSize)))}
	if s.size >= 2*blockUncompressed || s.size&blockSizeMask > r.fs.sb.blockSize {
		return stored{}, fmt.Errorf("block list: block of stored size %#x", s.size)
	}
	n := int64(s.size & blockSizeMask)
	// No compressor needs more for a block than this; a file of one byte must not
	// make us read a megabyte.
	if n > int64(s.want)+int64(s.want)/8+512 {
		return stored{}, fmt.Errorf("block list: %d stored bytes for a block of %d", n, s.want)
	}
	if r.pos > r.fs.end-n && n > 0 {
		return stored{}, fmt.Errorf("block %d+%d is outside the image of %d bytes", r.pos, n, r.fs.end)
	}
	r.pos += n
	r.size -= uint64(s.want)
	r.left--
	return s, nil
}

// layOut reads the block list of the file e, which starts at c, to account for the
// blocks. It returns the offset at which a problem is.
func (fs *FS) layOut(ctx context.Context, c *cursor, e *Entry) (int64, error) {
	f, w := &e.content, &fs.walk
	r, err := fs.blockReader(f, c)
	if err != nil {
		return -1, err
	}
	for i := 0; r.left > 0 && err == nil; i++ {
		if i%1024 == 0 && ctx.Err() != nil {
			return -1, ctx.Err()
		}
		if err = w.step(1); err != nil {
			break
		}
		var s stored
		if s, err = r.next(); err == nil && s.hole() {
			e.Sparse += int64(s.want)
		}
	}
	w.account.add(KindData, int64(f.start), r.pos-int64(f.start))
	if err != nil {
		return r.pos, err
	}
	if fs.tail(f) == 0 {
		return 0, nil
	}
	if uint64(f.fragment) >= uint64(len(fs.fragments)) {
		return -1, fmt.Errorf("tail in fragment block %d of %d", f.fragment, len(fs.fragments))
	}
	frag := fs.fragments[f.fragment]
	if uint64(f.fragmentPos)+uint64(fs.tail(f)) > uint64(fs.sb.blockSize) {
		return frag.start, fmt.Errorf("tail at %d+%d of a fragment block", f.fragmentPos, fs.tail(f))
	}
	if err := fs.checkFragment(frag); err != nil {
		return frag.start, err
	}
	w.usedFragments[f.fragment] = true
	if !w.recent.touch(f.fragment) {
		if w.fragmentBytes -= int64(fs.sb.blockSize); w.fragmentBytes < 0 {
			f.noTail = true
			return frag.start, fmt.Errorf("%w: decoded fragment blocks exceed %d bytes", ErrLimit, fs.limits.FragmentBytes)
		}
	}
	return 0, nil
}

// WriteContent writes the content of the file e, which a walk of fs made, to w in
// order, one Write a block of at most Info.BlockSize bytes, whose buffer w must
// not keep. Blocks of a big file are inflated by several goroutines when there are
// workers to spare. It returns the number of bytes written, and a [*DataError] when
// the image does not have the rest, or the error of w or ctx.
func (fs *FS) WriteContent(ctx context.Context, w io.Writer, e *Entry) (int64, error) {
	if e.Type != File {
		return 0, fmt.Errorf("content of a %s", e.Type)
	}
	if e.Lacks&LacksInode != 0 {
		return 0, &DataError{Offset: -1, Err: errors.New("the inode cannot be read")}
	}
	f := &e.content
	n, err := fs.writeBlocks(ctx, w, f)
	if err != nil || fs.tail(f) == 0 {
		return n, err
	}
	if err := ctx.Err(); err != nil {
		return n, err
	}
	tail, off, err := fs.readTail(f)
	if err != nil {
		return n, &DataError{Content: n, Offset: off, Err: err}
	}
	k, err := w.Write(tail)
	return n + int64(k), err
}

func (fs *FS) writeBlocks(ctx context.Context, w io.Writer, f *content) (int64, error) {
	if fs.blocks(f) == 0 {
		return 0, nil
	}
	var c cursor
	if err := c.seek(fs, KindInodes, f.listOff, f.listPos); err != nil {
		return 0, &DataError{Offset: f.listOff, Err: err}
	}
	r, err := fs.blockReader(f, &c)
	if err != nil {
		return 0, &DataError{Offset: -1, Err: err}
	}
	if helpers := fs.borrow(r.left); helpers > 0 {
		defer fs.giveBack(helpers)
		return fs.writeParallel(ctx, w, r, helpers)
	}
	bufs := fs.codec.buffers()
	defer fs.codec.release(bufs)
	var n int64
	for r.left > 0 {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		off := r.pos
		s, err := r.next()
		var data []byte
		if err == nil {
			data, err = fs.inflate(s, bufs)
		}
		if err != nil {
			return n, &DataError{Content: n, Offset: off, Err: err}
		}
		k, err := w.Write(data)
		n += int64(k)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// zeros is what a hole reads as.
var zeros [maxBlockSize]byte

// inflate reads and decodes a block. The result lies in bufs, or in zeros.
func (fs *FS) inflate(s stored, bufs *buffers) ([]byte, error) {
	if s.hole() {
		return zeros[:s.want], nil
	}
	n := int(s.size & blockSizeMask)
	raw := bufs.src[:n]
	if err := fs.read(raw, s.off); err != nil {
		return nil, err
	}
	if s.size&blockUncompressed == 0 {
		k, err := fs.codec.decode(bufs.dst[:s.want], raw)
		if err != nil {
			return nil, fmt.Errorf("block at %d: %w", s.off, err)
		}
		raw = bufs.dst[:k]
	}
	if len(raw) != s.want {
		return nil, fmt.Errorf("block at %d has %d bytes inside, not %d", s.off, len(raw), s.want)
	}
	return raw, nil
}
