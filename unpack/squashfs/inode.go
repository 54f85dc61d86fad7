package squashfs

import (
	"encoding/binary"
	"fmt"
)

// Type is the type of a file.
type Type uint8

// The types of files. The values are those of the basic inodes of squashfs.
const (
	Dir Type = iota + 1
	File
	Symlink
	Block
	Char
	FIFO
	Socket
)

var typeNames = [...]string{"unknown", "dir", "file", "symlink", "block", "char", "fifo", "socket"}

func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return typeNames[0]
}

const (
	// extended is what the type of an extended inode has more than that of the basic one.
	extended = 7
	// none is the index of a fragment or of an attribute set that there is not.
	none = ^uint32(0)
	// maxLink is the longest target of a symbolic link, a page as in the kernel.
	maxLink = 4 << 10
)

// inode is a decoded inode; the fields after xattrs depend on the type.
type inode struct {
	typ            Type
	mode, uid, gid uint16 // uid and gid are indexes of the id table
	mtime, number  uint32
	nlink, xattrs  uint32

	// directory
	listBlock  uint32 // offset of its listing's block in the directory table
	listPos    uint16 // position in the decoded block
	listSize   uint32 // bytes of the listing plus 3
	indexCount uint16 // entries of the index that follows the inode

	content content // file
	link    string  // symlink
	rdev    uint32  // block, char
}

// content is where a file's bytes lie.
type content struct {
	start       uint64 // offset in the image of the first block
	size        uint64
	fragment    uint32 // index of the fragment block with the tail, or none
	fragmentPos uint32 // where in the decoded fragment block the tail starts
	listOff     int64  // metadata block where the block list starts
	listPos     int    // position there
	noTail      bool   // the tail is beyond Limits.FragmentBytes
}

// readInode reads the inode that ref refers to and leaves c behind it: at the
// block list of a file, at the index of a directory.
func (fs *FS) readInode(c *cursor, ref uint64) (inode, error) {
	var in inode
	off, pos, err := tableStart(fs.sb.inodeTable, ref)
	if err == nil {
		err = c.seek(fs, KindInodes, off, pos)
	}
	if err != nil {
		return in, err
	}
	head, err := c.take(16)
	if err != nil {
		return in, err
	}
	le := binary.LittleEndian
	typ := le.Uint16(head)
	in.mode, in.uid, in.gid = le.Uint16(head[2:]), le.Uint16(head[4:]), le.Uint16(head[6:])
	in.mtime, in.number = le.Uint32(head[8:]), le.Uint32(head[12:])
	if typ < uint16(Dir) || typ > uint16(Socket)+extended {
		return in, fmt.Errorf("inode of unknown type %d", typ)
	}
	ext := typ > extended
	if ext {
		typ -= extended
	}
	in.typ, in.nlink, in.xattrs = Type(typ), 1, none
	switch in.typ {
	case Dir:
		err = in.readDir(c, ext)
	case File:
		err = in.readFile(c, ext)
	case Symlink:
		err = in.readSymlink(c, ext)
	default:
		err = in.readSpecial(c, ext)
	}
	return in, err
}

func (in *inode) readDir(c *cursor, ext bool) error {
	n := 16
	if ext {
		n = 24
	}
	b, err := c.take(n)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	if !ext {
		in.listBlock, in.nlink = le.Uint32(b), le.Uint32(b[4:])
		in.listSize, in.listPos = uint32(le.Uint16(b[8:])), le.Uint16(b[10:])
		return nil
	}
	in.nlink, in.listSize, in.listBlock = le.Uint32(b), le.Uint32(b[4:]), le.Uint32(b[8:])
	in.indexCount, in.listPos, in.xattrs = le.Uint16(b[16:]), le.Uint16(b[18:]), le.Uint32(b[20:])
	return nil
}

func (in *inode) readFile(c *cursor, ext bool) error {
	n := 16
	if ext {
		n = 40
	}
	b, err := c.take(n)
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	f := &in.content
	if ext {
		f.start, f.size = le.Uint64(b), le.Uint64(b[8:])
		in.nlink, f.fragment = le.Uint32(b[24:]), le.Uint32(b[28:])
		f.fragmentPos, in.xattrs = le.Uint32(b[32:]), le.Uint32(b[36:])
	} else {
		f.start, f.fragment = uint64(le.Uint32(b)), le.Uint32(b[4:])
		f.fragmentPos, f.size = le.Uint32(b[8:]), uint64(le.Uint32(b[12:]))
	}
	if f.size > 1<<62 {
		return fmt.Errorf("file of %d bytes", f.size)
	}
	f.listOff, f.listPos = c.off, c.pos
	return nil
}

func (in *inode) readSymlink(c *cursor, ext bool) error {
	b, err := c.take(8)
	if err != nil {
		return err
	}
	in.nlink = binary.LittleEndian.Uint32(b)
	n := binary.LittleEndian.Uint32(b[4:])
	if n == 0 || n > maxLink {
		return fmt.Errorf("symbolic link with a target of %d bytes, at most %d are read", n, maxLink)
	}
	if b, err = c.take(int(n)); err != nil {
		return err
	}
	in.link = string(b)
	if ext {
		if b, err = c.take(4); err != nil {
			return err
		}
		in.xattrs = binary.LittleEndian.Uint32(b)
	}
	return nil
}

func (in *inode) readSpecial(c *cursor, ext bool) error {
	fields := []*uint32{&in.nlink}
	if in.typ == Block || in.typ == Char {
		fields = append(fields, &in.rdev)
	}
	if ext {
		fields = append(fields, &in.xattrs)
	}
	b, err := c.take(4 * len(fields))
	if err != nil {
		return err
	}
	for i, f := range fields {
		*f = binary.LittleEndian.Uint32(b[4*i:])
	}
	return nil
}

// device splits a device number as the kernel's new_decode_dev does: 12 bits of
// major between 8 low and 12 high bits of minor.
func device(rdev uint32) (major, minor uint32) {
	return rdev >> 8 & 0xfff, rdev&0xff | rdev>>12&0xfff00
}
