package squashfs

import (
	"context"
	"encoding/binary"
	"fmt"
)

// readTables reads every table that is not the tree. What is unreadable is
// logged; the error is that of ctx.
func (fs *FS) readTables(ctx context.Context) error {
	bad := func(kind Kind, off uint64, err error) {
		if err != nil {
			fs.opened.add(Problem{Kind: kind, Entry: -1, Offset: int64(min(off, 1<<62)), Err: err})
		}
	}
	if fs.sb.flags&flagCompressorOptions != 0 {
		// The options tune the compressor; a decoder needs none of them.
		_, err := fs.metadata(superblockSize, KindOptions)
		bad(KindOptions, superblockSize, err)
	}
	var err error
	fs.ids, err = fs.readIDs(ctx)
	bad(KindIDs, fs.sb.idTable, err)
	if fs.sb.fragments > 0 {
		fs.fragments, err = fs.readFragments(ctx)
		bad(KindFragments, fs.sb.fragmentTable, err)
	}
	if fs.sb.exportedTable != noTable {
		// The table says where each inode is, for NFS. It adds nothing to the tree
		// and is read only to know its bytes for what they are.
		err = fs.readTable(ctx, KindExport, fs.sb.exportedTable, int64(fs.sb.inodes), 8, func([]byte) {})
		bad(KindExport, fs.sb.exportedTable, err)
	}
	if fs.sb.xattrTable != noTable {
		bad(KindXattrs, fs.sb.xattrTable, fs.openXattrs(ctx))
	}
	return ctx.Err()
}

// readTable reads a table of count elements of size bytes. It is stored as
// metadata blocks anywhere before start, at which the list of their offsets is. emit gets the
// elements of one block at a time; what it got before an error is good.
func (fs *FS) readTable(ctx context.Context, kind Kind, start uint64, count int64, size int, emit func([]byte)) error {
	perBlock := int64(metadataSize / size)
	blocks := (count + perBlock - 1) / perBlock
	if start > uint64(fs.end) || blocks*8 > fs.end-int64(start) {
		return fmt.Errorf("%s: index of %d blocks at %d is outside the image of %d bytes", kind, blocks, start, fs.end)
	}
	fs.account.add(kind, int64(start), blocks*8)
	var prev uint64
	for i := range blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		var p [8]byte
		if err := fs.read(p[:], int64(start)+i*8); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		off := binary.LittleEndian.Uint64(p[:])
		// Ascending, so that a small image cannot name one block a million times.
		if off >= start || i > 0 && off <= prev {
			return fmt.Errorf("%s: block %d at %d is out of order", kind, i, off)
		}
		prev = off
		b, err := fs.metadata(int64(off), kind)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		want := min(perBlock, count-i*perBlock) * int64(size)
		emit(b.data[:min(int64(len(b.data)), want)/int64(size)*int64(size)])
		if int64(len(b.data)) < want {
			return fmt.Errorf("%s: block %d has %d bytes, not %d", kind, i, len(b.data), want)
		}
	}
	return nil
}

func (fs *FS) readIDs(ctx context.Context) ([]uint32, error) {
	var ids []uint32
	err := fs.readTable(ctx, KindIDs, fs.sb.idTable, int64(fs.sb.ids), 4, func(b []byte) {
		for ; len(b) >= 4; b = b[4:] {
			ids = append(ids, binary.LittleEndian.Uint32(b))
		}
	})
	return ids, err
}

// fragment is an entry of the fragment table: a block with the tails of files.
type fragment struct {
	start int64  // offset in the image; negative when it was no offset at all
	size  uint32 // as in block lists
}

func (f fragment) stored() int { return int(f.size & blockSizeMask) }

// inside reports whether the stored block lies in an image of end bytes.
func (f fragment) inside(end int64) bool {
	return f.start >= 0 && f.start <= end && int64(f.stored()) <= end-f.start
}

func (fs *FS) readFragments(ctx context.Context) ([]fragment, error) {
	var list []fragment
	err := fs.readTable(ctx, KindFragments, fs.sb.fragmentTable, int64(fs.sb.fragments), 16, func(b []byte) {
		for ; len(b) >= 16; b = b[16:] {
			f := fragment{start: -1, size: binary.LittleEndian.Uint32(b[8:])}
			if s := binary.LittleEndian.Uint64(b); s < 1<<62 {
				f.start = int64(s)
			}
			list = append(list, f)
		}
	})
	return list, err
}
