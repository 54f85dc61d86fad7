package squashfs

import (
	"context"
	"encoding/binary"
	"fmt"
)

const (
	// emptyListing is the size in the inode of a directory without entries: the
	// kernel makes room there for "." and "..".
	emptyListing  = 3
	maxListHeader = 256 // entries under one header
	maxName       = 256 // bytes
)

// dirent is an entry of a listing.
type dirent struct {
	name  string
	typ   Type
	inode uint32
	ref   uint64 // reference of the inode
}

// listing reads the entries of one directory.
type listing struct {
	cur   cursor
	left  int64 // bytes of the listing that are left
	count int   // entries under the current header that are left
	block uint32
	base  uint32
	entry int    // of the directory in the walk
	inode uint32 // of the directory
}

func (l *listing) open(fs *FS, block uint32, pos uint16) error {
	off, p, err := tableStart(fs.sb.directoryTable, uint64(block)<<16|uint64(pos))
	if err != nil {
		return err
	}
	return l.cur.seek(fs, KindDirectory, off, p)
}

func (l *listing) offset() int64 { return l.cur.off }

// next returns the next entry, or false after the last.
func (l *listing) next() (d dirent, more bool, err error) {
	le := binary.LittleEndian
	if l.count == 0 {
		if l.left == 0 {
			return d, false, nil
		}
		b, err := l.take(12)
		if err != nil {
			return d, false, err
		}
		n := le.Uint32(b)
		if n >= maxListHeader {
			return d, false, fmt.Errorf("%d entries under one header", uint64(n)+1)
		}
		l.count, l.block, l.base = int(n)+1, le.Uint32(b[4:]), le.Uint32(b[8:])
	}
	l.count--
	b, err := l.take(8)
	if err != nil {
		return d, false, err
	}
	d.ref = uint64(l.block)<<16 | uint64(le.Uint16(b))
	d.inode = l.base + uint32(int32(int16(le.Uint16(b[2:]))))
	typ, n := le.Uint16(b[4:]), int(le.Uint16(b[6:]))+1
	if typ < uint16(Dir) || typ > uint16(Socket) {
		return d, false, fmt.Errorf("entry of unknown type %d", typ)
	}
	if n > maxName {
		return d, false, fmt.Errorf("name of %d bytes", n)
	}
	if b, err = l.take(n); err != nil {
		return d, false, err
	}
	d.typ, d.name = Type(typ), string(b)
	return d, true, nil
}

func (l *listing) take(n int) ([]byte, error) {
	if int64(n) > l.left {
		return nil, fmt.Errorf("entry of %d bytes in the last %d", n, l.left)
	}
	l.left -= int64(n)
	return l.cur.take(n)
}

// skipIndex reads over the index of a big directory, which speeds lookups up
// and says nothing else; its bytes are then known for what they are.
func (fs *FS) skipIndex(ctx context.Context, c *cursor, in *inode) error {
	for i := range in.indexCount {
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := fs.walk.step(1); err != nil {
			return err
		}
		b, err := c.take(12)
		if err != nil {
			return err
		}
		n := binary.LittleEndian.Uint32(b[8:])
		if n >= maxName {
			return fmt.Errorf("name of %d bytes", uint64(n)+1)
		}
		if _, err := c.take(int(n) + 1); err != nil {
			return err
		}
	}
	return nil
}
