package unpack

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/probat-lab/probat/tree"
	"github.com/probat-lab/probat/unpack/ext"
)

// extUnread says of each kind of range that the reader of ext does not look at what it is when it is not filler, and what may be hidden
// there: what is only stale data of the file system itself can hide no file of it.
var extUnread = map[ext.Kind]struct {
	detail string
	hides  tree.Hides
}{
	ext.KindDirectorySlack: {"in directories behind their entries: mostly names that were deleted", tree.HidesContent},
	ext.KindEncrypted:      {"that belong to encrypted files", tree.HidesAll},
	ext.KindVerity:         {"of fs-verity", tree.HidesContent},
	ext.KindJournal:        {"of the journal: older states of the file system, maybe of files", tree.HidesContent},
	ext.KindQuota:          {"of quota files", tree.HidesContent},
	ext.KindOrphanFile:     {"of the list of unlinked files", tree.HidesContent},
	ext.KindMMP:            {"of the block against mounting it twice", tree.HidesContent},
	ext.KindBackup:         {"where copies of superblock and group descriptors should be, and are not like them", tree.HidesContent},
	ext.KindReservedGDT:    {"in the room for more group descriptors", tree.HidesContent},
	ext.KindBadBlocks:      {"in blocks that are marked as bad", tree.HidesAll},
	ext.KindUnwritten:      {"in blocks that were allocated in advance and never written", tree.HidesContent},
	ext.KindSlack:          {"behind the ends of files and tables, in their last blocks", tree.HidesContent},
	ext.KindFreeInode:      {"in inodes that are not in use", tree.HidesContent},
	ext.KindFree:           {"in blocks that are marked free and not empty", tree.HidesAll},
	ext.KindUnclaimed:      {"in blocks that are in use, but not by anything that was found", tree.HidesAll},
}

// maxExtRanges is how many ranges of a kind are listed one by one; those that follow are counted.
const maxExtRanges = 64

// extMap is what is needed to know the file system's own bytes again.
type extMap struct {
	r         io.ReaderAt
	super     []byte // the first superblock
	block     int64  // bytes
	inode     int64
	table     int64 // offset of the first group descriptors
	entry     int64 // bytes of a descriptor
	reserved  []ext.Range
	tableSize int64
}

// account claims what the reader knows, and looks at what it does not: filler is padding, copies and tables of the
// file system that are as they should be are structure, boot code is carved, the rest is unobserved.
func (v *extVolume) account(ctx context.Context, r io.ReaderAt) error {
	ranges := v.fs.Ranges()
	m, err := v.layout(r, ranges)
	if err != nil {
		return err
	}
	more := map[ext.Kind]claim{} // bytes and number of what is not listed
	listed := map[ext.Kind]int{}
	for _, g := range ranges {
		switch {
		case g.Kind == ext.KindData:
			v.c.Claim(g.Off, g.Len, InNode)
			continue
		case !g.Kind.Unread():
			v.c.Claim(g.Off, g.Len, InStructure)
			continue
		case g.Kind == ext.KindBoot || g.Kind == ext.KindBootLoader:
			if err := v.c.carveRange(ctx, r, g.Off, g.Off+g.Len); err != nil {
				return err
			}
			continue
		}
		filler, err := isFiller(ctx, io.NewSectionReader(r, g.Off, g.Len))
		if err != nil {
			return fmt.Errorf("reading %s: %w", g.Kind, err)
		}
		if filler {
			v.c.Claim(g.Off, g.Len, InPadding)
			continue
		}
		if n, err := m.known(ctx, g); err != nil {
			return err
		} else if n > 0 {
			v.c.Claim(g.Off, n, InStructure)
			v.c.Claim(g.Off+n, g.Len-n, InPadding)
			continue
		}
		v.c.Unseen(g.Off, g.Len)
		if listed[g.Kind]++; listed[g.Kind] > maxExtRanges {
			k := more[g.Kind]
			more[g.Kind] = claim{offset: k.offset + g.Len, end: k.end + 1}
			continue
		}
		u := extUnread[g.Kind]
		v.c.Unobserved(g.Off, g.Len, extReason(g.Kind), itoa(g.Len)+" bytes "+u.detail, u.hides)
	}
	for k, n := range more {
		u := extUnread[k]
		v.c.Unobserved(-1, n.offset, extReason(k), fmt.Sprintf("%d more ranges with %d bytes %s", n.end, n.offset, u.detail), u.hides)
	}
	return nil
}

func extReason(k ext.Kind) string {
	if k == ext.KindEncrypted {
		return "encrypted"
	}
	return "unaccounted"
}

func (v *extVolume) layout(r io.ReaderAt, ranges []ext.Range) (*extMap, error) {
	info := v.fs.Info()
	m := &extMap{r: r, super: make([]byte, extSuperblock), block: int64(info.BlockSize), inode: int64(info.InodeSize), entry: 32}
	if err := readFull(r, m.super, extSuperblock); err != nil {
		return nil, fmt.Errorf("reading the superblock: %w", err)
	}
	le := binary.LittleEndian
	if n := int64(le.Uint16(m.super[0xfe:])); info.Incompatible&0x80 != 0 && n >= 32 { // the feature 64bit
		m.entry = n
	}
	m.table = (int64(le.Uint32(m.super[0x14:])) + 1) * m.block
	m.tableSize = int64(min(info.Groups, 1<<32)) * m.entry
	for _, g := range ranges {
		if g.Kind == ext.KindReservedGDT {
			m.reserved = append(m.reserved, g)
		}
	}
	return m, nil
}

// known tells whether a range is what the file system keeps there, so that nothing can be hidden in it but a few bytes. It
// returns how many bytes hold something, 0 for none that is known; those behind them are filler.
func (m *extMap) known(ctx context.Context, g ext.Range) (int64, error) {
	var ok bool
	var err error
	n := g.Len
	switch g.Kind {
	case ext.KindBackup:
		ok = m.isBackup(g)
	case ext.KindReservedGDT:
		ok, err = m.eachBlock(ctx, g, m.block, m.isReserved)
	case ext.KindFreeInode:
		ok, err = m.eachBlock(ctx, g, m.inode, isEmptyInode)
	case ext.KindOrphanFile:
		ok, err = m.eachBlock(ctx, g, m.block, isEmptyOrphan)
	case ext.KindJournal:
		n = min(g.Len, m.block)
		ok, err = m.isEmptyJournal(ctx, g, n)
	}
	if err != nil || !ok {
		return 0, err
	}
	return n, nil
}

func (m *extMap) eachBlock(ctx context.Context, g ext.Range, unit int64, fine func([]byte) bool) (bool, error) {
	if unit <= 0 || g.Len%unit != 0 {
		return false, nil
	}
	b := make([]byte, unit)
	for at := g.Off; at < g.Off+g.Len; at += unit {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if err := readFull(m.r, b, at); err != nil {
			return false, fmt.Errorf("reading %s: %w", g.Kind, err)
		}
		if !fine(b) {
			return false, nil
		}
	}
	return true, nil
}

// maxBackupDiffers is in how many bytes a copy of the superblock may differ from the first: counters, times, checksum, the group's number.
const maxBackupDiffers = 128

// maxBackup bounds what is read of a copy: descriptors of 16 TiB have not half of it.
const maxBackup = 16 << 20

// isBackup compares a copy of superblock and group descriptors with the first. Copies keep old counters, but what says where
// things are is the same. What stands behind the superblock in its block has to be filler.
func (m *extMap) isBackup(g ext.Range) bool {
	start := max(m.block, extSuperblock)
	if g.Len < extSuperblock || g.Len > start+m.tableSize+m.block || g.Len > maxBackup {
		return false
	}
	b := make([]byte, g.Len)
	if readFull(m.r, b, g.Off) != nil {
		return false
	}
	differs := 0
	for i, c := range m.super {
		if b[i] != c {
			differs++
		}
	}
	if !bytes.Equal(b[0x38:0x3a], m.super[0x38:0x3a]) || !bytes.Equal(b[0x68:0x78], m.super[0x68:0x78]) || differs > maxBackupDiffers {
		return false
	}
	if rest := b[extSuperblock:min(start, g.Len)]; len(rest) > 0 && !allFiller(rest) {
		return false
	}
	first := make([]byte, min(m.tableSize, max(0, g.Len-start)))
	if readFull(m.r, first, m.table) != nil {
		return false
	}
	for i := int64(0); (i+1)*m.entry <= int64(len(first)); i++ {
		// Where the bitmaps and the inode table are: the first twelve bytes.
		if !bytes.Equal(first[i*m.entry:][:12], b[start+i*m.entry:][:12]) {
			return false
		}
	}
	rest := b[min(start+int64(len(first)), g.Len):]
	return len(rest) == 0 || allFiller(rest)
}

// isReserved wants a block of the numbers of blocks that are reserved for descriptors, as the resize inode has.
func (m *extMap) isReserved(b []byte) bool {
	for ; len(b) >= 4; b = b[4:] {
		at := int64(binary.LittleEndian.Uint32(b)) * m.block
		if at == 0 {
			continue
		}
		i, found := slices.BinarySearchFunc(m.reserved, at, func(g ext.Range, at int64) int {
			switch {
			case g.Off+g.Len <= at:
				return -1
			case g.Off > at:
				return 1
			}
			return 0
		})
		if _ = i; !found {
			return false
		}
	}
	return true
}

// isEmptyInode wants nothing but the checksum and the size of the extra fields, which mke2fs writes for reserved inodes.
func isEmptyInode(b []byte) bool {
	for i, c := range b {
		if c != 0 && i != 0x7c && i != 0x7d && (i < 0x80 || i > 0x83) {
			return false
		}
	}
	return true
}

// isEmptyOrphan wants nothing but magic and checksum at the end of the block (struct ext4_orphan_block_tail).
func isEmptyOrphan(b []byte) bool {
	tail := b[len(b)-8:]
	return binary.LittleEndian.Uint32(tail) == 0x0b10ca04 && allFiller(b[:len(b)-8]) && b[0] == 0
}

// isEmptyJournal wants a journal's superblock (struct journal_superblock_s of jbd2), which takes 1024 of the n bytes of its block, and filler behind it.
func (m *extMap) isEmptyJournal(ctx context.Context, g ext.Range, n int64) (bool, error) {
	b := make([]byte, n)
	if err := readFull(m.r, b, g.Off); err != nil {
		return false, fmt.Errorf("reading the journal: %w", err)
	}
	be := binary.BigEndian
	if n < extSuperblock || be.Uint32(b) != 0xc03b3998 || be.Uint32(b[4:]) < 3 || be.Uint32(b[4:]) > 4 || n > extSuperblock && !allFiller(b[extSuperblock:]) {
		return false, nil
	}
	if g.Len == n {
		return true, nil
	}
	return isFiller(ctx, io.NewSectionReader(m.r, g.Off+n, g.Len-n))
}
