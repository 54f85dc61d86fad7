package squashfs

import (
	"context"
	"encoding/binary"
	"fmt"
)

const (
	xattrOutOfLine = 1 << 8   // flag of a type: the value is a reference
	maxXattrValue  = 64 << 10 // XATTR_SIZE_MAX of the kernel
	maxXattrName   = 255      // XATTR_NAME_MAX
	xattrCost      = 64       // what an attribute costs beside its bytes
)

var xattrPrefixes = [...]string{"user.", "trusted.", "security."}

// Xattr is an extended attribute. Entries with equal sets share Values, which
// must not be changed.
type Xattr struct {
	Name  string // with its prefix: user., trusted. or security.
	Value []byte
}

// xattrTable finds sets of attributes by index. It belongs to the walk.
type xattrTable struct {
	start uint64     // where the metadata blocks with names and values start
	sets  []xattrSet // by index
	known [][]Xattr  // decoded sets by index
	errs  map[int]error
	left  int64 // bytes that may still be decoded
}

type xattrSet struct {
	ref   uint64
	count uint32
}

func (fs *FS) openXattrs(ctx context.Context) error {
	x := &fs.xattrs
	x.left, x.errs = fs.limits.XattrBytes, map[int]error{}
	start := fs.sb.xattrTable
	if start > uint64(fs.end) {
		return fmt.Errorf("xattr table at %d is outside the image of %d bytes", start, fs.end)
	}
	var head [16]byte
	if err := fs.read(head[:], int64(start)); err != nil {
		return err
	}
	fs.account.add(KindXattrs, int64(start), 16)
	x.start = binary.LittleEndian.Uint64(head[:])
	count := int64(binary.LittleEndian.Uint32(head[8:]))
	err := fs.readTable(ctx, KindXattrs, start+16, count, 16, func(b []byte) {
		for ; len(b) >= 16; b = b[16:] {
			x.sets = append(x.sets, xattrSet{ref: binary.LittleEndian.Uint64(b), count: binary.LittleEndian.Uint32(b[8:])})
		}
	})
	x.known = make([][]Xattr, len(x.sets))
	return err
}

// xattrsOf returns the set of attributes with an index.
func (fs *FS) xattrsOf(ctx context.Context, index uint32) ([]Xattr, error) {
	if index == none {
		return nil, nil
	}
	x := &fs.xattrs
	if uint64(index) >= uint64(len(x.sets)) {
		return nil, fmt.Errorf("extended attributes %d of %d", index, len(x.sets))
	}
	i := int(index)
	if x.known[i] != nil || x.errs[i] != nil || x.sets[i].count == 0 {
		return x.known[i], x.errs[i]
	}
	set, err := fs.readXattrs(ctx, x.sets[i])
	if err != nil {
		err = fmt.Errorf("extended attributes %d: %w", index, err)
		if ctx.Err() == nil {
			x.errs[i] = err
		}
		return nil, err
	}
	x.known[i] = set
	return set, nil
}

func (fs *FS) readXattrs(ctx context.Context, s xattrSet) ([]Xattr, error) {
	var c, far cursor
	off, pos, err := tableStart(fs.xattrs.start, s.ref)
	if err == nil {
		err = c.seek(fs, KindXattrs, off, pos)
	}
	if err != nil {
		return nil, err
	}
	var set []Xattr
	for range s.count {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b, err := c.take(4)
		if err != nil {
			return nil, err
		}
		typ, n := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
		prefix := typ &^ xattrOutOfLine
		if int(prefix) >= len(xattrPrefixes) || n > maxXattrName {
			return nil, fmt.Errorf("attribute of type %#x with a name of %d bytes", typ, n)
		}
		if b, err = c.take(n); err != nil {
			return nil, err
		}
		attr := Xattr{Name: xattrPrefixes[prefix] + string(b)}
		from := &c
		if typ&xattrOutOfLine != 0 {
			if err := fs.followXattr(&c, &far); err != nil {
				return nil, err
			}
			from = &far
		}
		if attr.Value, err = fs.xattrValue(from, len(attr.Name)); err != nil {
			return nil, err
		}
		set = append(set, attr)
	}
	return set, nil
}

// followXattr reads the reference to a value from c and seeks far to it.
func (fs *FS) followXattr(c, far *cursor) error {
	b, err := c.take(12)
	if err != nil {
		return err
	}
	if n := binary.LittleEndian.Uint32(b); n != 8 {
		return fmt.Errorf("reference to a value has %d bytes, not 8", n)
	}
	off, pos, err := tableStart(fs.xattrs.start, binary.LittleEndian.Uint64(b[4:]))
	if err != nil {
		return err
	}
	return far.seek(fs, KindXattrs, off, pos)
}

func (fs *FS) xattrValue(c *cursor, nameLen int) ([]byte, error) {
	b, err := c.take(4)
	if err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(b)
	if n > maxXattrValue {
		return nil, fmt.Errorf("value of %d bytes", n)
	}
	cost := int64(n) + int64(nameLen) + xattrCost
	if fs.xattrs.left < cost {
		return nil, fmt.Errorf("%w: extended attributes exceed %d bytes", ErrLimit, fs.limits.XattrBytes)
	}
	fs.xattrs.left -= cost
	if b, err = c.take(int(n)); err != nil {
		return nil, err
	}
	return append([]byte{}, b...), nil
}
