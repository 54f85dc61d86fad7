package ext

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// group is what is kept of a group descriptor.
type group struct {
	blockBitmap uint64 // 0: cannot be read
	inodeBitmap uint64
	inodeTable  uint64
	blockSum    uint32 // checksums of the bitmaps
	inodeSum    uint32
	unused      uint32 // inodes at the end of the table that were never used
	flags       uint16
}

// Flags of a group, which count only with uninit_bg or metadata_csum.
const (
	inodesUninit = 1 << 0
	blocksUninit = 1 << 1
)

func (sb *superblock) firstBlock(g uint64) uint64 { return sb.firstData + g*uint64(sb.perGroup) }

// superAt returns the block with group g's copy of the superblock. With blocks of 1 KiB block 0 is the boot block also where group 0 starts with it.
func (sb *superblock) superAt(g uint64) uint64 {
	if b := sb.firstBlock(g); b != 0 || sb.blockSize > superblockAt {
		return b
	}
	return 1
}

// hasSuper tells whether group g has a copy of the superblock.
func (sb *superblock) hasSuper(g uint64) bool {
	switch {
	case g == 0:
		return true
	case sb.features.has(compatSparse2):
		return g == uint64(sb.backups[0]) || g == uint64(sb.backups[1])
	case g == 1 || !sb.features.has(roSparse):
		return true
	}
	for _, base := range []uint64{3, 5, 7} {
		p := base
		for p < g {
			p *= base
		}
		if p == g {
			return true
		}
	}
	return false
}

// perBlock returns how many descriptors a block has.
func (sb *superblock) perBlock() uint64 { return uint64(sb.blockSize / sb.descSize) }

// metaGroup tells whether the descriptors of group g lie in its own meta group.
func (sb *superblock) metaGroup(g uint64) bool {
	return sb.features.has(incompatMetaBG) && g/sb.perBlock() >= uint64(sb.firstMetaGroup)
}

// descBlock returns where the n-th block of descriptors is.
func (sb *superblock) descBlock(n uint64) uint64 {
	g := n * sb.perBlock()
	if !sb.metaGroup(g) {
		return sb.superAt(0) + 1 + n
	}
	if sb.hasSuper(g) {
		return sb.superAt(g) + 1
	}
	return sb.firstBlock(g)
}

// oldDescBlocks returns how many blocks of descriptors follow each copy of the superblock.
func (fs *FS) oldDescBlocks() uint64 {
	n := (fs.nGroup + fs.sb.perBlock() - 1) / fs.sb.perBlock()
	if fs.sb.features.has(incompatMetaBG) {
		n = min(n, uint64(fs.sb.firstMetaGroup))
	}
	return n
}

// imageBlocks returns how many whole blocks of the file system the image has.
func (fs *FS) imageBlocks() uint64 { return uint64(fs.end / fs.bs) }

// readGroups reads the descriptors of the groups that begin within the image, and
// accounts for everything whose place they and the superblock give.
func (fs *FS) readGroups(ctx context.Context) error {
	// A group has two bitmaps and an inode table somewhere, so many more groups than that in the image are a lie, or lie behind its end.
	count := min(fs.nGroup, fs.imageBlocks()/3+64)
	per := fs.sb.perBlock()
	buf := make([]byte, fs.bs)
	fs.claimFront()
	fs.groups = make([]group, 0, count)
	for n := uint64(0); n*per < count; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		at, k := fs.sb.descBlock(n), min(per, count-n*per)
		if err := fs.readBlock(buf, at); err != nil {
			fs.opened.add(Problem{Kind: KindDescriptors, Entry: -1, Offset: fs.offset(at), Err: fmt.Errorf("descriptors of groups %d to %d: %w", n*per, n*per+k-1, err)})
			fs.groups = append(fs.groups, make([]group, k)...)
			continue
		}
		fs.claim(&fs.account, KindDescriptors, at, 1, int64(k)*int64(fs.sb.descSize))
		fs.fixed.add(at)
		for i := range k {
			fs.groups = append(fs.groups, fs.parseGroup(n*per+i, at, buf[i*uint64(fs.sb.descSize):][:fs.sb.descSize]))
		}
	}
	for g := range fs.groups {
		if g%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		fs.claimBackups(uint64(g))
	}
	for g := range fs.groups {
		if g%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		fs.claimGroup(uint64(g))
	}
	return nil
}

func (fs *FS) parseGroup(number, at uint64, b []byte) group {
	le := binary.LittleEndian
	g := group{
		blockBitmap: uint64(le.Uint32(b)), inodeBitmap: uint64(le.Uint32(b[4:])), inodeTable: uint64(le.Uint32(b[8:])),
		blockSum: uint32(le.Uint16(b[0x18:])), inodeSum: uint32(le.Uint16(b[0x1A:])),
	}
	if fs.sb.features.has(roGDTCsum) || fs.sb.features.has(roMetadataCsum) {
		g.flags, g.unused = le.Uint16(b[0x12:]), uint32(le.Uint16(b[0x1C:]))
	}
	if len(b) >= 64 {
		g.blockBitmap |= uint64(le.Uint32(b[0x20:])) << 32
		g.inodeBitmap |= uint64(le.Uint32(b[0x24:])) << 32
		g.inodeTable |= uint64(le.Uint32(b[0x28:])) << 32
		g.blockSum |= uint32(le.Uint16(b[0x38:])) << 16
		g.inodeSum |= uint32(le.Uint16(b[0x3A:])) << 16
		if g.flags != 0 || g.unused != 0 {
			g.unused |= uint32(le.Uint16(b[0x32:])) << 16
		}
	}
	if !fs.descSumOK(uint32(number), b) {
		fs.opened.add(Problem{Kind: KindDescriptors, Entry: -1, Offset: fs.offset(at), Err: fmt.Errorf("descriptor of group %d: %w", number, ErrChecksum)})
		// Then neither the flags are to be trusted, which make bitmaps and inodes vanish.
		g.flags, g.unused = 0, 0
	}
	return g
}

// claimFront accounts for the first superblock, what is around it, and the block of MMP.
func (fs *FS) claimFront() {
	a := &fs.account
	a.add(KindBoot, 0, superblockAt)
	a.add(KindSuperblock, superblockAt, superblockSize)
	if fs.bs > superblockAt+superblockSize {
		a.add(KindBoot, superblockAt+superblockSize, min(fs.bs, fs.end)-superblockAt-superblockSize)
	}
	fs.fixed.addRange(0, fs.sb.superAt(0)+1)
	if b := fs.sb.mmpBlock; b != 0 && b < fs.imageBlocks() {
		a.add(KindMMP, int64(b)*fs.bs, fs.bs)
	}
}

// claimBackups accounts for the copies of superblock and descriptors in a group, and for the room after them.
func (fs *FS) claimBackups(g uint64) {
	sb := &fs.sb
	stop := min(sb.firstBlock(g+1), fs.imageBlocks())
	at := sb.superAt(g)
	take := func(kind Kind, n uint64) {
		if at < stop {
			n = min(n, stop-at)
			fs.claim(&fs.account, kind, at, n, int64(n)*fs.bs)
			fs.fixed.addRange(at, n)
			at += n
		}
	}
	if sb.hasSuper(g) {
		if g > 0 {
			take(KindBackup, 1)
		} else {
			at++
		}
	}
	switch i := g % sb.perBlock(); {
	case !sb.metaGroup(g):
		if sb.hasSuper(g) {
			take(KindBackup, fs.oldDescBlocks())
			take(KindReservedGDT, uint64(sb.reservedGDT))
		}
	case i == 0 || i == 1 || i == sb.perBlock()-1:
		take(KindBackup, 1)
	}
}

// claimGroup accounts for the bitmaps and the inode table of a group. One that is
// not in the image or lies on something else is not used.
func (fs *FS) claimGroup(number uint64) {
	g := &fs.groups[number]
	if g.inodeTable == 0 && g.blockBitmap == 0 {
		return // its descriptor could not be read
	}
	check := func(kind Kind, at *uint64, n uint64) {
		_, used := fs.fixed.first(*at, n)
		var err error
		switch {
		case *at >= fs.sb.blocks || n > fs.sb.blocks-*at:
			err = fmt.Errorf("block %d is outside the file system", *at)
		case *at >= fs.imageBlocks():
			err = fmt.Errorf("block %d: %w", *at, ErrTruncated)
		case used || *at == 0:
			err = fmt.Errorf("block %d has something else already", *at)
		}
		if err != nil {
			fs.opened.add(Problem{Kind: kind, Entry: -1, Offset: fs.offset(*at), Err: fmt.Errorf("group %d: %w", number, err)})
			*at = 0
			return
		}
		fs.fixed.addRange(*at, min(n, fs.imageBlocks()-*at))
	}
	tableBytes := int64(fs.sb.inodesPerGroup) * int64(fs.sb.inodeSize)
	tableBlocks := uint64((tableBytes + fs.bs - 1) / fs.bs)
	check(KindBlockBitmap, &g.blockBitmap, 1)
	check(KindInodeBitmap, &g.inodeBitmap, 1)
	check(KindInodes, &g.inodeTable, tableBlocks)
	a := &fs.account
	bitmap := func(kind Kind, at uint64, uninit uint16) {
		if g.flags&uninit != 0 {
			kind = KindFree // nothing in it counts, and nothing looks at it
		}
		if at != 0 {
			fs.claim(a, kind, at, 1, fs.bs)
		}
	}
	bitmap(KindBlockBitmap, g.blockBitmap, blocksUninit)
	bitmap(KindInodeBitmap, g.inodeBitmap, inodesUninit)
	if t := g.inodeTable; t != 0 {
		fs.claim(a, KindFreeInode, t, tableBlocks, tableBytes)
	}
}

var errOutside = errors.New("outside the file system")

// offset returns the byte offset of a block for problems.
func (fs *FS) offset(block uint64) int64 {
	if block >= maxBlocks {
		return -1
	}
	return int64(block) * fs.bs
}

// readBlock fills p, at most a block, from the start of a block.
func (fs *FS) readBlock(p []byte, block uint64) error {
	switch {
	case block >= fs.sb.blocks:
		return fmt.Errorf("block %d is %w", block, errOutside)
	case block >= fs.imageBlocks():
		return fmt.Errorf("block %d: %w", block, ErrTruncated)
	}
	return fs.read(p, int64(block)*fs.bs)
}

// read fills p from the image at off.
func (fs *FS) read(p []byte, off int64) error {
	if off < 0 || off > fs.end || int64(len(p)) > fs.end-off {
		return fmt.Errorf("bytes %d+%d: %w", off, len(p), ErrTruncated)
	}
	if n, err := fs.r.ReadAt(p, off); n < len(p) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("reading %d bytes at %d: %w", len(p), off, err)
	}
	return nil
}
