package ext

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// run is a run of blocks of a content that are also neighbours in the image.
type run struct {
	logical, count uint32
	physical       uint64
}

// damage says from where on the blocks of a content are not known.
type damage struct {
	at  int64 // byte of the content
	off int64 // of what is damaged in the image; -1 when not known
	err error // nil when nothing is
}

// claims is where what an inode occupies is registered.
type claims struct {
	account *account
	meta    *blockSet // blocks that map others or list a directory; each is used once
	log     func(Problem)
}

// take registers a block that is to be decoded.
func (fs *FS) take(c *claims, block uint64) error {
	if block == 0 || block >= fs.sb.blocks {
		return fmt.Errorf("block %d is %w", block, errOutside)
	}
	if fs.fixed.has(block) {
		return fmt.Errorf("block %d has the file system's own structures", block)
	}
	if block < fs.imageBlocks() && !c.meta.add(block) {
		return fmt.Errorf("block %d is used twice: a loop or a cross link", block)
	}
	return nil
}

// mapper lists the blocks of one inode.
type mapper struct {
	fs     *FS
	in     *inode
	claims *claims
	runs   []run
	next   uint64 // first logical block that was not seen yet
	off    int64  // of the node that is being read
	cut    damage // where the image ends within a run
	bufs   [maxExtentDepth + 1][]byte
}

// mapBlocks returns the blocks of an inode in order, and from where on that is not all.
func (fs *FS) mapBlocks(ctx context.Context, in *inode, c *claims) ([]run, damage) {
	m := &mapper{fs: fs, in: in, claims: c, off: in.offset}
	var err error
	if in.has(flagExtents) {
		err = m.extents(ctx, in.block[:], -1)
	} else {
		err = m.pointers(ctx)
	}
	switch {
	case m.cut.err != nil:
		return m.runs, m.cut
	case err != nil:
		return m.runs, damage{at: int64(m.next) * fs.bs, off: m.off, err: err}
	}
	return m.runs, damage{}
}

var errCut = errors.New("the image ends")

// put adds blocks.
func (m *mapper) put(logical, physical, count uint64, unwritten bool) error {
	fs := m.fs
	if logical < m.next || logical+count > 1<<32 {
		return fmt.Errorf("blocks %d+%d of the content come after %d", logical, count, m.next)
	}
	if physical == 0 || physical >= fs.sb.blocks || count > fs.sb.blocks-physical {
		return fmt.Errorf("blocks %d+%d are %w", physical, count, errOutside)
	}
	if b, bad := fs.fixed.first(physical, count); bad {
		return fmt.Errorf("block %d has the file system's own structures", b)
	}
	if fs.walk.extents++; fs.walk.extents > fs.limits.Extents {
		return fmt.Errorf("%w: more than %d runs of blocks", ErrLimit, fs.limits.Extents)
	}
	m.next = logical + count
	if unwritten {
		fs.claim(m.claims.account, KindUnwritten, physical, count, int64(count)*fs.bs)
		return nil
	}
	if n := len(m.runs); n > 0 {
		if r := &m.runs[n-1]; uint64(r.logical)+uint64(r.count) == logical && r.physical+uint64(r.count) == physical && uint64(r.count)+count < 1<<32 {
			r.count += uint32(count)
			return m.checkEnd(r)
		}
	}
	m.runs = append(m.runs, run{uint32(logical), uint32(count), physical})
	return m.checkEnd(&m.runs[len(m.runs)-1])
}

// checkEnd ends the mapping where a run crosses the end of the image.
func (m *mapper) checkEnd(r *run) error {
	start := int64(r.physical) * m.fs.bs
	if start+int64(r.count)*m.fs.bs <= m.fs.end {
		return nil
	}
	have := max(m.fs.end-start, 0)
	m.cut = damage{at: int64(r.logical)*m.fs.bs + have, off: start + have, err: fmt.Errorf("block %d: %w", r.physical+uint64(have/m.fs.bs), ErrTruncated)}
	return errCut
}

const (
	maxExtentDepth = 5
	extentMagic    = 0xF30A
	extentHeader   = 12 // bytes, as is each entry
	maxWritten     = 1 << 15
)

// extents reads a node of an extent tree. depth is what the node must say; -1 for the root in the inode.
func (m *mapper) extents(ctx context.Context, b []byte, depth int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	le := binary.LittleEndian
	entries, most, says := int(le.Uint16(b[2:])), int(le.Uint16(b[4:])), int(le.Uint16(b[6:]))
	switch {
	case le.Uint16(b) != extentMagic:
		return fmt.Errorf("extent tree: magic %#04x", le.Uint16(b))
	case says > maxExtentDepth || depth >= 0 && says != depth:
		return fmt.Errorf("extent tree: node of depth %d in place of %d", says, depth)
	case entries > most || most > (len(b)-extentHeader)/extentHeader:
		return fmt.Errorf("extent tree: %d entries of %d in a node of %d bytes", entries, most, len(b))
	}
	if depth >= 0 {
		m.checkNode(b, most)
	}
	for i := range entries {
		e := b[extentHeader*(i+1):][:extentHeader]
		if says > 0 {
			if err := m.child(ctx, uint64(le.Uint32(e[4:]))|uint64(le.Uint16(e[8:]))<<32, says-1); err != nil {
				return err
			}
			continue
		}
		n, unwritten := uint64(le.Uint16(e[4:])), false
		if n > maxWritten {
			n, unwritten = n-maxWritten, true
		}
		if n == 0 {
			return errors.New("extent tree: extent of no blocks")
		}
		if err := m.put(uint64(le.Uint32(e)), uint64(le.Uint32(e[8:]))|uint64(le.Uint16(e[6:]))<<32, n, unwritten); err != nil {
			return err
		}
	}
	return nil
}

// checkNode checks the checksum behind the room for entries.
func (m *mapper) checkNode(b []byte, most int) {
	at := extentHeader * (most + 1)
	if !m.fs.sb.features.has(roMetadataCsum) || at+4 > len(b) {
		return
	}
	if crc32c(m.in.seed, b[:at]) != binary.LittleEndian.Uint32(b[at:]) {
		m.claims.log(Problem{Kind: KindExtentTree, Entry: m.in.entry, Inode: m.in.number, Offset: m.off, Err: fmt.Errorf("extent tree: %w", ErrChecksum)})
	}
}

// node reads a block that maps others.
func (m *mapper) node(block uint64, kind Kind, level int) ([]byte, error) {
	if err := m.fs.take(m.claims, block); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	if m.bufs[level] == nil {
		m.bufs[level] = make([]byte, m.fs.bs)
	}
	if err := m.fs.readBlock(m.bufs[level], block); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	m.fs.claim(m.claims.account, kind, block, 1, m.fs.bs)
	return m.bufs[level], nil
}

func (m *mapper) child(ctx context.Context, block uint64, depth int) error {
	old := m.off
	m.off = m.fs.offset(block)
	b, err := m.node(block, KindExtentTree, depth)
	if err == nil {
		err = m.extents(ctx, b, depth)
	}
	if err == nil {
		m.off = old
	}
	return err
}

// pointers reads the twelve direct pointers and the three trees of indirect blocks.
func (m *mapper) pointers(ctx context.Context) error {
	const direct = 12
	per := uint64(m.fs.bs / 4)
	at, span := uint64(0), uint64(1)
	for i := range inodeBlock / 4 {
		p := uint64(binary.LittleEndian.Uint32(m.in.block[4*i:]))
		level := max(i-direct+1, 0)
		if level > 0 {
			span *= per
		}
		if p != 0 {
			if err := m.pointer(ctx, p, at, span, level); err != nil {
				return err
			}
		}
		at += span
	}
	return nil
}

// pointer follows a pointer to a block, or to an indirect block of a level, that maps span blocks from logical on.
func (m *mapper) pointer(ctx context.Context, block, logical, span uint64, level int) error {
	if level == 0 {
		return m.put(logical, block, 1, false)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	old := m.off
	m.off = m.fs.offset(block)
	b, err := m.node(block, KindIndirect, level)
	if err != nil {
		return err
	}
	span /= uint64(len(b) / 4)
	for i := 0; i < len(b); i += 4 {
		if p := uint64(binary.LittleEndian.Uint32(b[i:])); p != 0 {
			if err := m.pointer(ctx, p, logical, span, level-1); err != nil {
				return err
			}
		}
		logical += span
	}
	m.off = old
	return nil
}
