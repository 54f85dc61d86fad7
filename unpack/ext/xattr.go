package ext

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Xattr is an extended attribute. Entries with equal sets share Values, which must not be changed.
type Xattr struct {
	Name  string // with its prefix, as "security.capability"; raw bytes
	Value []byte // as getxattr(2) gives it: access control lists are converted to the form of the system call
}

// xattrSet is what an inode or a block has.
type xattrSet struct {
	list []Xattr
	data []byte // the rest of inline data
}

const (
	xattrMagic       = 0xEA020000
	xattrEntryHeader = 16
	xattrBlockHeader = 32
	// maxXattrValue is the longest value that the kernel lets through, XATTR_SIZE_MAX.
	maxXattrValue = 64 << 10

	indexSystem     = 7
	indexEncryption = 9
	nameInline      = "data"
)

// xattrPrefixes are the beginnings of names by index.
var xattrPrefixes = [...]string{
	1: "user.", 2: "system.posix_acl_access", 3: "system.posix_acl_default", 4: "trusted.", 6: "security.", indexSystem: "system.", 8: "system.richacl",
}

// xattrsOf returns the attributes of an inode, those in it before those in its block. Problems go to bad; lacks tells whether some are missing.
func (fs *FS) xattrsOf(ctx context.Context, in *inode, bad func(Kind, int64, error)) (set xattrSet, lacks bool) {
	if in.extra != nil {
		var err error
		set, err = fs.parseXattrs(ctx, in.extra, 4, 4)
		if err != nil {
			bad(KindInodes, in.offset, fmt.Errorf("extended attributes in the inode: %w", err))
			lacks = true
		}
	}
	if in.xattrs != 0 {
		more, err := fs.xattrBlock(ctx, in.xattrs)
		if err != nil {
			bad(KindXattrs, fs.offset(in.xattrs), fmt.Errorf("extended attributes: %w", err))
			lacks = lacks || !errors.Is(err, ErrChecksum)
		}
		set.list = append(set.list[:len(set.list):len(set.list)], more.list...)
	}
	slices.SortStableFunc(set.list, func(a, b Xattr) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(set.list); i++ {
		if n := set.list[i].Name; n == set.list[i-1].Name {
			bad(KindXattrs, in.offset, fmt.Errorf("extended attribute %q is there twice; the first counts", n))
			set.list = slices.Delete(set.list, i, i+1)
			i--
		}
	}
	return set, lacks
}

// cachedXattrs is the outcome for a block, which many inodes may share.
type cachedXattrs struct {
	set xattrSet
	err error
}

func (fs *FS) xattrBlock(ctx context.Context, block uint64) (xattrSet, error) {
	w := &fs.walk
	if c, ok := w.xattrBlocks[block]; ok {
		return c.set, c.err
	}
	var c cachedXattrs
	if c.err = fs.take(&w.claims, block); c.err == nil {
		c.set, c.err = fs.readXattrBlock(ctx, block)
	}
	w.xattrBlocks[block] = c
	return c.set, c.err
}

func (fs *FS) readXattrBlock(ctx context.Context, block uint64) (xattrSet, error) {
	if err := fs.chargeXattrs(fs.bs); err != nil {
		return xattrSet{}, err
	}
	b := make([]byte, fs.bs)
	if err := fs.readBlock(b, block); err != nil {
		return xattrSet{}, err
	}
	le := binary.LittleEndian
	if m, n := le.Uint32(b), le.Uint32(b[8:]); m != xattrMagic || n != 1 {
		return xattrSet{}, fmt.Errorf("magic %#08x, %d blocks", m, n)
	}
	fs.claim(&fs.walk.account, KindXattrs, block, 1, fs.bs)
	set, err := fs.parseXattrs(ctx, b, xattrBlockHeader, 0)
	if err == nil && fs.sb.features.has(roMetadataCsum) {
		sum := crc32c(fs.sb.seed, le.AppendUint64(nil, block))
		sum = crc32c(sum, b[:0x10])
		sum = crc32c(sum, make([]byte, 4))
		if crc32c(sum, b[0x14:]) != le.Uint32(b[0x10:]) {
			err = ErrChecksum
		}
	}
	return set, err
}

func (fs *FS) chargeXattrs(n int64) error {
	if fs.walk.xattrBytes += n; fs.walk.xattrBytes > fs.limits.XattrBytes {
		return fmt.Errorf("%w: more than %d bytes of extended attributes", ErrLimit, fs.limits.XattrBytes)
	}
	return nil
}

// parseXattrs reads entries from pos on, whose values lie from base on. It returns what it could read also when there is an error.
func (fs *FS) parseXattrs(ctx context.Context, b []byte, pos, base int) (xattrSet, error) {
	var (
		set   xattrSet
		first error
	)
	fail := func(err error) {
		if first == nil {
			first = err
		}
	}
	le := binary.LittleEndian
	for {
		if pos+4 > len(b) {
			fail(errors.New("the list has no end"))
			return set, first
		}
		if le.Uint32(b[pos:]) == 0 {
			return set, first
		}
		if pos+xattrEntryHeader+int(b[pos]) > len(b) {
			fail(errors.New("the last name is cut off"))
			return set, first
		}
		e := b[pos : pos+xattrEntryHeader+int(b[pos])]
		pos += (len(e) + 3) &^ 3
		name, index := string(e[xattrEntryHeader:]), int(e[1])
		value, err := fs.xattrValue(ctx, b[base:], e)
		switch {
		case err != nil:
			fail(fmt.Errorf("value of %d %q: %w", index, name, err))
		case index == indexSystem && name == nameInline:
			set.data = value
		case index == indexEncryption: // the context of a key; no system call shows it
		case index >= len(xattrPrefixes) || xattrPrefixes[index] == "":
			fail(fmt.Errorf("name %d %q with an unknown prefix", index, name))
		case index == 2 || index == 3:
			if value, err = aclToSystem(value); err != nil {
				fail(err)
			}
			fallthrough
		default:
			set.list = append(set.list, Xattr{Name: xattrPrefixes[index] + name, Value: value})
		}
	}
}

// xattrValue returns the value of an entry, from the same block or from an inode of its own.
func (fs *FS) xattrValue(ctx context.Context, values, e []byte) ([]byte, error) {
	le := binary.LittleEndian
	off, inum, size := uint64(le.Uint16(e[2:])), le.Uint32(e[4:]), uint64(le.Uint32(e[8:]))
	if inum != 0 {
		return fs.xattrInode(ctx, inum, size)
	}
	if off+size > uint64(len(values)) {
		return nil, fmt.Errorf("bytes %d+%d of %d", off, size, len(values))
	}
	return values[off : off+size : off+size], nil
}

// xattrInode returns a value that is the content of an inode, which several attributes may share.
func (fs *FS) xattrInode(ctx context.Context, ino uint32, size uint64) ([]byte, error) {
	w := &fs.walk
	if v, ok := w.xattrInodes[ino]; ok {
		if uint64(len(v)) != size {
			return nil, fmt.Errorf("inode %d has %d bytes, not %d", ino, len(v), size)
		}
		return v, nil
	}
	if w.seen.has(uint64(ino)) || ino < fs.sb.firstInode {
		return nil, fmt.Errorf("inode %d is something else", ino)
	}
	var sum error
	in, err := fs.readInode(ino, func(err error) { sum = err })
	switch {
	case err != nil:
		return nil, fmt.Errorf("inode %d: %w", ino, err)
	case !in.has(flagEAInode) || in.typ != File:
		return nil, fmt.Errorf("inode %d is not for values", ino)
	case in.size != size || size > maxXattrValue:
		return nil, fmt.Errorf("inode %d has %d bytes, not %d", ino, in.size, size)
	}
	if err := fs.chargeXattrs(int64(size)); err != nil {
		return nil, err
	}
	w.seen.add(uint64(ino))
	f, _ := fs.layOut(ctx, in, KindXattrs, &w.claims)
	v, err := fs.readSmall(ctx, &f, maxXattrValue)
	if err == nil && sum != nil {
		w.log.add(Problem{Kind: KindXattrs, Entry: -1, Inode: ino, Offset: in.offset, Err: sum})
	}
	if err != nil {
		return nil, fmt.Errorf("inode %d: %w", ino, err)
	}
	w.xattrInodes[ino] = v
	return v, nil
}

// aclToSystem converts an access control list from the form of the disk, where only named users and groups have an id, to
// that of getxattr(2), where all have. A value that is not such a list is returned as it is, with an error.
func aclToSystem(v []byte) ([]byte, error) {
	const (
		user, group = 0x02, 0x08
		onDisk      = 1
		inSystem    = 2
		noID        = ^uint32(0)
	)
	le := binary.LittleEndian
	if len(v) < 4 || le.Uint32(v) != onDisk {
		return v, errors.New("access control list of an unknown version")
	}
	out := le.AppendUint32(make([]byte, 0, 2*len(v)), inSystem)
	for b := v[4:]; len(b) > 0; {
		if len(b) < 4 {
			return v, errors.New("access control list is cut off")
		}
		tag, id, n := le.Uint16(b), uint32(noID), 4
		if tag == user || tag == group {
			if len(b) < 8 {
				return v, errors.New("access control list is cut off")
			}
			id, n = le.Uint32(b[4:]), 8
		}
		out = append(out, b[:4]...)
		out = le.AppendUint32(out, id)
		b = b[n:]
	}
	return out, nil
}
