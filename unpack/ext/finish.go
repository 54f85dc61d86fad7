package ext

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
)

// finish accounts for what no entry has: inodes of the file system itself, inodes that are in no directory, and free blocks.
func (fs *FS) finish(ctx context.Context) error {
	w := &fs.walk
	for _, s := range fs.sb.special() {
		fs.claimSpecial(ctx, s)
	}
	for g := range fs.groups {
		if err := ctx.Err(); err != nil {
			return err
		}
		fs.claimInodes(uint64(g))
		fs.claimFree(uint64(g))
	}
	w.account.add(KindUnclaimed, 0, fs.end)
	w.account.resolve()
	w.ranges = w.account.list
	if w.account.full {
		w.log.add(Problem{Kind: KindUnclaimed, Entry: -1, Offset: -1, Err: fmt.Errorf("%w: more than %d ranges; some count as unclaimed", ErrLimit, fs.limits.Extents)})
	}
	if w.account.shared > 0 && !fs.sb.features.has(roSharedBlocks) {
		w.log.add(Problem{Kind: KindData, Entry: -1, Offset: w.account.sharedA, Err: fmt.Errorf("%d bytes belong to more than one file", w.account.shared)})
	}
	return ctx.Err()
}

// claimSpecial accounts for an inode that is of the file system, not of a file.
func (fs *FS) claimSpecial(ctx context.Context, s specialInode) {
	w := &fs.walk
	bad := func(off int64, err error) {
		w.log.add(Problem{Kind: s.kind, Entry: -1, Inode: s.ino, Offset: off, Err: err})
	}
	if w.seen.has(uint64(s.ino)) {
		bad(-1, errors.New("the inode is in a directory as well"))
		return
	}
	in, err := fs.readInode(s.ino, func(err error) { bad(-1, err) })
	if err != nil {
		bad(in.offset, err)
		return
	}
	w.seen.add(uint64(s.ino))
	if in.has(flagInline) {
		return
	}
	if s.ino == resizeInode {
		// It maps, by way of one double indirect block, the room for descriptors, which is accounted for already.
		if b := uint64(binary.LittleEndian.Uint32(in.block[13*4:])); b != 0 && b < fs.imageBlocks() {
			fs.claim(&w.account, KindReservedGDT, b, 1, fs.bs)
		}
		return
	}
	c := w.claims
	f, _ := fs.layOut(ctx, in, s.kind, &c)
	if f.damage.err != nil {
		bad(f.damage.off, f.damage.err)
	}
}

// bitmap reads the first n bits of a bitmap, or returns nil when it cannot be read.
func (fs *FS) bitmap(g uint64, kind Kind, block uint64, n uint32, sum uint32) []byte {
	if block == 0 {
		return nil
	}
	b := make([]byte, fs.bs)
	bad := func(err error) {
		fs.walk.log.add(Problem{Kind: kind, Entry: -1, Offset: fs.offset(block), Err: fmt.Errorf("group %d: %w", g, err)})
	}
	if err := fs.readBlock(b, block); err != nil {
		bad(err)
		return nil
	}
	used := (int(n) + 7) / 8
	if !fs.bitmapSumOK(b[:used], sum) {
		bad(ErrChecksum)
	}
	for _, c := range b[used:] {
		if c != b[used] || c != 0 && c != 0xFF {
			bad(errors.New("there is something behind the bits"))
			break
		}
	}
	return b[:used]
}

func bit(b []byte, i uint32) bool { return b[i/8]>>(i%8)&1 != 0 }

// claimInodes compares the inode bitmap of a group with what the walk has reached.
func (fs *FS) claimInodes(number uint64) {
	w, g := &fs.walk, &fs.groups[number]
	if g.inodeTable == 0 {
		return
	}
	uninit := g.flags&inodesUninit != 0
	var bits []byte
	if !uninit {
		bits = fs.bitmap(number, KindInodeBitmap, g.inodeBitmap, fs.sb.inodesPerGroup, g.inodeSum)
	}
	size := int64(fs.sb.inodeSize)
	for i := range fs.sb.inodesPerGroup {
		ino := number*uint64(fs.sb.inodesPerGroup) + uint64(i) + 1
		off := int64(g.inodeTable)*fs.bs + int64(i)*size
		if ino > uint64(fs.sb.inodes) || off >= fs.end {
			return
		}
		used := bits != nil && bit(bits, i)
		switch {
		case w.seen.has(ino):
			w.account.add(KindInodes, off, min(size, fs.end-off))
			if !used && ino >= uint64(fs.sb.firstInode) && (uninit || bits != nil) {
				w.log.add(Problem{Kind: KindInodeBitmap, Entry: -1, Inode: uint32(ino), Offset: off, Err: errors.New("is in a directory, but not in use")})
			}
		case used && ino >= uint64(fs.sb.firstInode): // the others are always said to be in use
			w.log.add(Problem{Kind: KindInodes, Entry: -1, Inode: uint32(ino), Offset: off, Err: ErrUnlinked})
		}
	}
}

// claimFree accounts for the blocks that the bitmap of a group says are free.
func (fs *FS) claimFree(number uint64) {
	g := &fs.groups[number]
	first := fs.sb.firstBlock(number)
	stop := min(fs.sb.firstBlock(number+1), uint64((fs.end+fs.bs-1)/fs.bs))
	if first >= stop {
		return
	}
	clusters := fs.sb.perGroup / fs.sb.cluster
	free := func(from, to uint32) {
		a := min(first+uint64(from)*uint64(fs.sb.cluster), stop)
		b := min(first+uint64(to)*uint64(fs.sb.cluster), stop)
		off := int64(a) * fs.bs
		fs.walk.account.add(KindFree, off, min(int64(b)*fs.bs, fs.end)-off)
	}
	if g.flags&blocksUninit != 0 {
		free(0, clusters)
		return
	}
	bits := fs.bitmap(number, KindBlockBitmap, g.blockBitmap, clusters, g.blockSum)
	if bits == nil {
		return
	}
	for i := uint32(0); i < clusters; {
		from := i
		for i < clusters && !bit(bits, i) {
			i++
		}
		if i > from {
			free(from, i)
		}
		for i < clusters && (bits[i/8] == 0xFF || bit(bits, i)) {
			if bits[i/8] == 0xFF {
				i = i&^7 + 8
			} else {
				i++
			}
		}
	}
}
