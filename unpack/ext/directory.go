package ext

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// dirent is a name in a directory.
type dirent struct {
	name string
	ino  uint32
	typ  Type // 0 when the directory does not say
}

const (
	direntHeader = 8
	csumTail     = 12 // bytes of the entry at the end of a block that has its checksum
	csumTailType = 0xDE
	dotsSize     = 24 // bytes of "." and ".." without the node of the hash tree in the space of the second
	inlineParent = 4  // bytes before the entries of an inline directory: the number of its parent
)

// directory is one that is being read.
type directory struct {
	fs    *FS
	in    *inode
	entry int
	list  []dirent
	names []byte // of list, in a row
	ends  []int
	full  bool
	lacks bool // there may be more entries
}

// bad records a problem because of which entries may be missing.
func (d *directory) bad(off int64, err error) {
	d.lacks = true
	d.odd(off, err)
}

// odd records a problem that takes nothing away.
func (d *directory) odd(off int64, err error) {
	d.fs.walk.log.add(Problem{Kind: KindDirectory, Entry: d.entry, Inode: d.in.number, Offset: off, Err: err})
}

// readDirectory returns the entries of a directory without "." and "..", sorted by
// name, equal names in the order in which they lie there. lacks says that there may be more.
func (fs *FS) readDirectory(ctx context.Context, e *Entry, in *inode, set xattrSet) (list []dirent, lacks bool, err error) {
	d := &directory{fs: fs, in: in, entry: e.Index}
	if in.has(flagInline) {
		data, err := in.inline(set)
		if err != nil {
			d.bad(in.offset, err)
		}
		if len(data) > inlineParent {
			// The inode and the attribute are read like two blocks: no entry crosses from one to the other.
			first := min(len(data), inodeBlock)
			d.entries(data[inlineParent:first], in.offset, false)
			d.entries(data[first:], in.offset, false)
		}
	} else if err := d.blocks(ctx); err != nil {
		return nil, true, err
	}
	names := string(d.names)
	start := 0
	for i, end := range d.ends {
		d.list[i].name = names[start:end]
		start = end
	}
	slices.SortStableFunc(d.list, func(a, b dirent) int { return strings.Compare(a.name, b.name) })
	return d.list, d.lacks, nil
}

// blocks reads a directory block by block; an index is skipped, since its leaves are blocks of the directory as well.
func (d *directory) blocks(ctx context.Context) error {
	fs := d.fs
	f, _ := fs.layOut(ctx, d.in, KindDirectory, &fs.walk.claims)
	if err := ctx.Err(); err != nil {
		return err
	}
	if f.damage.err != nil {
		d.bad(f.damage.off, f.damage.err)
	}
	if f.size%fs.bs != 0 {
		d.bad(d.in.offset, fmt.Errorf("a directory of %d bytes with blocks of %d", f.size, fs.bs))
	}
	count, next := uint64(f.size/fs.bs), uint64(0)
	buf := make([]byte, fs.bs)
	for _, r := range f.runs {
		if r := uint64(r.logical); next < min(r, count) {
			d.bad(d.in.offset, fmt.Errorf("blocks %d to %d are holes", next, min(r, count)-1))
		}
		for i := uint64(0); i < uint64(r.count) && uint64(r.logical)+i < count; i++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			block := r.physical + i
			err := fs.take(&fs.walk.claims, block)
			if err == nil {
				err = fs.readBlock(buf, block)
			}
			if err != nil {
				if errors.Is(err, ErrTruncated) {
					return nil // the damage was said already
				}
				d.bad(fs.offset(block), err)
				continue
			}
			d.block(buf, uint64(r.logical)+i, fs.offset(block))
		}
		next = uint64(r.logical) + uint64(r.count)
	}
	if next < count && f.damage.err == nil {
		d.bad(d.in.offset, fmt.Errorf("blocks %d to %d are holes", next, count-1))
	}
	return nil
}

// block reads one block.
func (d *directory) block(b []byte, logical uint64, off int64) {
	fs := d.fs
	csum := fs.sb.features.has(roMetadataCsum)
	if at, ok := d.indexAt(b, logical); ok {
		d.index(b, at, off, csum)
		if logical > 0 {
			return
		}
		d.entries(b[:dotsSize], off, true)
		return
	}
	if csum {
		body, tail := b[:len(b)-csumTail], b[len(b)-csumTail:]
		le := binary.LittleEndian
		there := le.Uint32(tail) == 0 && d.fs.recLen(le.Uint16(tail[4:])) == csumTail && tail[6] == 0 && tail[7] == csumTailType
		if !there || le.Uint32(tail[8:]) != crc32c(d.in.seed, body) {
			d.odd(off, fmt.Errorf("directory block %d: %w", logical, ErrChecksum))
		}
		if there {
			b = body
		}
	}
	d.entries(b, off, logical == 0)
}

// indexAt returns where in a block the count and the entries of a hash tree node begin, if the block is one.
func (d *directory) indexAt(b []byte, logical uint64) (int, bool) {
	if !d.in.has(flagIndex) {
		return 0, false
	}
	le := binary.LittleEndian
	if logical == 0 {
		if le.Uint16(b[4:]) != 12 || d.fs.recLen(le.Uint16(b[16:])) != len(b)-12 || b[29] != 8 {
			return 0, false
		}
		return dotsSize + 8, true
	}
	// A leaf of which everything was deleted looks the same but for the limit.
	limit := (len(b) - direntHeader) / 8
	if d.fs.sb.features.has(roMetadataCsum) {
		limit--
	}
	if le.Uint32(b) == 0 && d.fs.recLen(le.Uint16(b[4:])) == len(b) && int(le.Uint16(b[8:])) == limit {
		return direntHeader, true
	}
	return 0, false
}

// index checks a node of the hash tree, and looks for bytes that are not of it.
func (d *directory) index(b []byte, at int, off int64, csum bool) {
	le := binary.LittleEndian
	limit, count := int(le.Uint16(b[at:])), int(le.Uint16(b[at+2:]))
	tail := len(b)
	if csum {
		tail = at + 8*limit
	}
	if count > limit || at+8*limit > len(b) || csum && tail+8 > len(b) {
		d.odd(off, fmt.Errorf("hash tree: %d entries of %d", count, limit))
		d.fs.walk.account.add(KindDirectorySlack, off+int64(at), int64(len(b)-at))
		return
	}
	if csum {
		sum := crc32c(d.in.seed, b[:at+8*count])
		sum = crc32c(sum, b[tail:tail+4])
		if crc32c(sum, make([]byte, 4)) != le.Uint32(b[tail+4:]) {
			d.odd(off, fmt.Errorf("hash tree: %w", ErrChecksum))
		}
	}
	d.slack(b[at+8*count:tail], off+int64(at+8*count))
}

// recLen decodes the length of an entry: with blocks of 64 KiB it does not fit.
func (fs *FS) recLen(n uint16) int {
	if fs.bs < maxBlockSize {
		return int(n)
	}
	if n == 0 || n == 0xFFFF {
		return maxBlockSize
	}
	return int(n&0xFFFC) | int(n&3)<<16
}

// entries reads the entries in b. dots tells that it begins with "." and "..", of which a node of the hash tree may have the space that follows.
func (d *directory) entries(b []byte, off int64, dots bool) {
	le := binary.LittleEndian
	for pos, n := 0, 0; pos < len(b); n++ {
		left := len(b) - pos
		if left < direntHeader {
			if !allZero(b[pos:]) {
				d.bad(off+int64(pos), fmt.Errorf("%d bytes are left of a directory block", left))
			}
			return
		}
		e := b[pos:]
		ino, rec, nameLen := le.Uint32(e), d.fs.recLen(le.Uint16(e[4:])), int(e[6])
		cut := dots && n == 1 && rec > left // the ".." before a hash tree, whose space was cut off
		switch {
		case rec == 0 && left >= direntHeader && d.in.has(flagInline) && allZero(e):
			return // what an inline directory does not use yet
		case rec < direntHeader+4 || rec%4 != 0 || rec > left && !cut:
			d.bad(off+int64(pos), fmt.Errorf("a directory entry of %d bytes of %d", rec, left))
			d.fs.walk.account.add(KindDirectorySlack, off+int64(pos), int64(left))
			return
		case ino != 0 && direntHeader+nameLen > min(rec, left):
			d.bad(off+int64(pos), fmt.Errorf("a name of %d bytes in a directory entry of %d", nameLen, rec))
			d.fs.walk.account.add(KindDirectorySlack, off+int64(pos), int64(left))
			return
		}
		rec = min(rec, left)
		used := direntHeader
		if ino != 0 {
			used += nameLen
			d.add(ino, e[direntHeader:used], e[7], off+int64(pos), dots && n < 2)
			if d.in.has(flagEncrypt) {
				used = min((used+3)&^3+8, rec) // encrypted names of a casefolded directory are followed by their hash
			}
		}
		if !d.in.has(flagInline) {
			d.slack(e[used:rec], off+int64(pos+used))
		}
		pos += rec
	}
}

// slack accounts for bytes that belong to no entry.
func (d *directory) slack(b []byte, off int64) {
	if !allZero(b) {
		d.fs.walk.account.add(KindDirectorySlack, off, int64(len(b)))
	}
}

// add adds an entry; own tells that it is in the place of "." or "..".
func (d *directory) add(ino uint32, name []byte, typ byte, off int64, own bool) {
	w := &d.fs.walk
	if dot := string(name); dot == "." || dot == ".." {
		if !own {
			d.bad(off, fmt.Errorf("an entry %q that is not at the beginning, for inode %d", dot, ino))
		}
		return
	}
	switch {
	case len(name) == 0:
		d.bad(off, fmt.Errorf("an entry without a name, for inode %d", ino))
		return
	case w.names >= d.fs.limits.Entries:
		if !d.full {
			d.bad(off, fmt.Errorf("%w: more than %d entries", ErrLimit, d.fs.limits.Entries))
		}
		d.full = true
		return
	}
	if !d.in.has(flagEncrypt) && bytes.ContainsAny(name, "/\x00") {
		d.odd(off, errors.New("a name that no program can open"))
	}
	w.names++
	d.names = append(d.names, name...)
	d.ends = append(d.ends, len(d.names))
	t := Type(0)
	if d.fs.sb.features.has(incompatFiletype) && typ < byte(len(direntTypes)) {
		t = direntTypes[typ]
	}
	d.list = append(d.list, dirent{ino: ino, typ: t})
}

func allZero(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
