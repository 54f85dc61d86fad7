package squashfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
)

const (
	metadataSize         = 8 << 10 // decoded bytes of a metadata block, at most
	metadataUncompressed = 1 << 15 // flag in its header
)

// metaBlock is a decoded metadata block.
type metaBlock struct {
	data []byte // never empty when err is nil
	next int64  // where the following block starts in the image
	kind Kind   // as what it was read first
	err  error
}

// metaCache keeps every decoded metadata block, and those that cannot be decoded,
// so that no block is inflated twice: its limit bounds memory and work at once.
type metaCache struct {
	mu     sync.Mutex
	blocks map[int64]*metaBlock // by offset in the image
	left   int64                // bytes that may still be decoded
}

func (m *metaCache) init(limit int64) {
	m.blocks = map[int64]*metaBlock{}
	m.left = limit
}

func (m *metaCache) appendRanges(list []Range) []Range {
	m.mu.Lock()
	defer m.mu.Unlock()
	for off, b := range m.blocks {
		if b.err == nil {
			list = append(list, Range{Off: off, Len: b.next - off, Kind: b.kind})
		}
	}
	return list
}

// metadata returns the decoded metadata block that starts at off in the image.
func (fs *FS) metadata(off int64, kind Kind) (*metaBlock, error) {
	m := &fs.meta
	m.mu.Lock()
	b := m.blocks[off]
	if b == nil && m.left < metadataSize {
		m.mu.Unlock()
		return nil, fmt.Errorf("%w: decoded metadata exceeds %d bytes", ErrLimit, fs.limits.MetadataBytes)
	}
	m.mu.Unlock()
	if b == nil {
		b = fs.decodeMetadata(off)
		b.kind = kind
		m.mu.Lock()
		if other := m.blocks[off]; other != nil {
			b = other
		} else {
			m.blocks[off] = b
			m.left -= metadataSize
		}
		m.mu.Unlock()
	}
	return b, b.err
}

func (fs *FS) decodeMetadata(off int64) *metaBlock {
	fail := func(err error) *metaBlock {
		return &metaBlock{err: fmt.Errorf("metadata block at %d: %w", off, err)}
	}
	var head [2]byte
	if err := fs.read(head[:], off); err != nil {
		return fail(err)
	}
	h := int(binary.LittleEndian.Uint16(head[:]))
	n := h &^ metadataUncompressed
	if n == 0 || n > metadataSize {
		return fail(fmt.Errorf("stored size %d is not from 1 to %d", n, metadataSize))
	}
	b := &metaBlock{next: off + 2 + int64(n)}
	stored := make([]byte, n)
	if err := fs.read(stored, off+2); err != nil {
		return fail(err)
	}
	if h&metadataUncompressed != 0 {
		b.data = stored
		return b
	}
	data := make([]byte, metadataSize)
	n, err := fs.codec.decode(data, stored)
	if err == nil && n == 0 {
		err = errors.New("nothing inside")
	}
	if err != nil {
		return fail(err)
	}
	b.data = data[:n]
	return b
}

// cursor reads a table of metadata blocks as one run of bytes.
type cursor struct {
	fs      *FS
	kind    Kind
	block   *metaBlock
	off     int64 // offset of block in the image
	pos     int   // in block.data
	scratch []byte
}

// seek goes to byte pos of the decoded block that starts at off in the image.
func (c *cursor) seek(fs *FS, kind Kind, off int64, pos int) error {
	b, err := fs.metadata(off, kind)
	if err != nil {
		return err
	}
	if pos > len(b.data) {
		return fmt.Errorf("position %d is outside the metadata block of %d bytes at %d", pos, len(b.data), off)
	}
	c.fs, c.kind, c.block, c.off, c.pos = fs, kind, b, off, pos
	return nil
}

// take returns the next n bytes, which are valid until the next call; n must be
// bounded by the caller.
func (c *cursor) take(n int) ([]byte, error) {
	if d := c.block.data[c.pos:]; len(d) >= n {
		c.pos += n
		return d[:n:n], nil
	}
	if cap(c.scratch) < n {
		c.scratch = make([]byte, n, max(n, 64))
	}
	p := c.scratch[:n]
	for done := 0; ; {
		k := copy(p[done:], c.block.data[c.pos:])
		c.pos += k
		if done += k; done == n {
			return p, nil
		}
		if err := c.seek(c.fs, c.kind, c.block.next, 0); err != nil {
			return nil, err
		}
	}
}

// tableStart turns a reference (offset of a block in the table << 16 | position
// in the decoded block) into an offset in the image and that position.
func tableStart(table, ref uint64) (off int64, pos int, err error) {
	block := ref >> 16
	if table > 1<<62 || block > 1<<48 {
		return 0, 0, fmt.Errorf("reference %#x is outside every image", ref)
	}
	return int64(table + block), int(ref & 0xffff), nil
}
