package ext

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// Type is the type of a file.
type Type uint8

// The types of files; 0 is not known.
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

// modeTypes are the types by the upper four bits of a mode, direntTypes by the number in a directory entry.
var (
	modeTypes   = [16]Type{0x1: FIFO, 0x2: Char, 0x4: Dir, 0x6: Block, 0x8: File, 0xA: Symlink, 0xC: Socket}
	direntTypes = [8]Type{1: File, 2: Dir, 3: Char, 4: Block, 5: FIFO, 6: Socket, 7: Symlink}
)

const (
	rootInode    = 2
	resizeInode  = 7
	inodeBlockAt = 0x28 // where the 60 bytes of i_block are
	inodeBlock   = 60

	flagEncrypt = 0x800
	flagIndex   = 0x1000
	flagVerity  = 0x100000
	flagExtents = 0x80000
	flagEAInode = 0x200000
	flagInline  = 0x10000000
)

// inode is a decoded inode.
type inode struct {
	number   uint32
	entry    int   // of the walk; -1 is none
	offset   int64 // in the image
	seed     uint32
	typ      Type
	mode     uint32 // the low 12 bits
	uid, gid uint32
	nlink    uint32
	mtime    int64
	nanos    int32
	flags    uint32
	size     uint64
	xattrs   uint64 // block with attributes, 0 is none
	block    [inodeBlock]byte
	extra    []byte // what follows the fixed fields, for attributes; own memory
}

func (in *inode) has(flag uint32) bool { return in.flags&flag != 0 }

// inodeAt returns where an inode lies.
func (fs *FS) inodeAt(ino uint32) (int64, error) {
	if ino == 0 || ino > fs.sb.inodes {
		return -1, fmt.Errorf("number %d is outside the %d inodes", ino, fs.sb.inodes)
	}
	g, i := uint64(ino-1)/uint64(fs.sb.inodesPerGroup), uint64(ino-1)%uint64(fs.sb.inodesPerGroup)
	if g >= fs.nGroup {
		return -1, fmt.Errorf("number %d is in group %d of %d", ino, g, fs.nGroup)
	}
	if g >= uint64(len(fs.groups)) || fs.groups[g].inodeTable == 0 {
		return -1, fmt.Errorf("the inode table of group %d cannot be read", g)
	}
	return int64(fs.groups[g].inodeTable)*fs.bs + int64(i)*int64(fs.sb.inodeSize), nil
}

// tableCache keeps pieces of the inode table, by the place of a piece modulo their number: an inode is mostly near the one before.
type tableCache struct {
	pieces [64]tablePiece
}

type tablePiece struct {
	off  int64
	data []byte // may be short at the end of the image
}

const pieceSize = 16 << 10

func (fs *FS) rawInode(off int64) ([]byte, error) {
	n := int64(fs.sb.inodeSize)
	if n > pieceSize || off%n != 0 {
		p := make([]byte, n)
		return p, fs.read(p, off)
	}
	base := off &^ (pieceSize - 1)
	p := &fs.walk.cache.pieces[base/pieceSize%int64(len(fs.walk.cache.pieces))]
	if p.data == nil || p.off != base {
		want := min(pieceSize, fs.end-base)
		if want < off-base+n {
			return nil, fmt.Errorf("bytes %d+%d: %w", off, n, ErrTruncated)
		}
		if cap(p.data) < pieceSize {
			p.data = make([]byte, pieceSize)
		}
		p.data = p.data[:want]
		if err := fs.read(p.data, base); err != nil {
			p.data = p.data[:0]
			p.off = -1
			// The piece is more than what was asked for: maybe only the rest cannot be read.
			one := make([]byte, n)
			return one, fs.read(one, off)
		}
		p.off = base
	}
	if int64(len(p.data)) < off-base+n {
		return nil, fmt.Errorf("bytes %d+%d: %w", off, n, ErrTruncated)
	}
	return p.data[off-base:][:n], nil
}

// readInode reads and decodes an inode. A checksum that does not match is not an error but reported to bad.
func (fs *FS) readInode(ino uint32, bad func(error)) (*inode, error) {
	off, err := fs.inodeAt(ino)
	if err != nil {
		return &inode{number: ino, entry: -1, offset: -1}, err
	}
	in := &inode{number: ino, entry: -1, offset: off}
	b, err := fs.rawInode(off)
	if err != nil {
		return in, err
	}
	le := binary.LittleEndian
	mode := le.Uint16(b)
	in.typ, in.mode = modeTypes[mode>>12], uint32(mode&0o7777)
	in.uid = uint32(le.Uint16(b[2:])) | uint32(le.Uint16(b[0x78:]))<<16
	in.gid = uint32(le.Uint16(b[0x18:])) | uint32(le.Uint16(b[0x7A:]))<<16
	in.nlink = uint32(le.Uint16(b[0x1A:]))
	in.flags = le.Uint32(b[0x20:])
	in.size = uint64(le.Uint32(b[4:]))
	if in.typ == File || fs.sb.features.has(incompatLargedir) {
		in.size |= uint64(le.Uint32(b[0x6C:])) << 32
	}
	in.xattrs = uint64(le.Uint32(b[0x68:]))
	if fs.sb.features.has(incompat64bit) {
		in.xattrs |= uint64(le.Uint16(b[0x76:])) << 32
	}
	copy(in.block[:], b[inodeBlockAt:])
	in.mtime = int64(int32(le.Uint32(b[0x10:])))
	if err := in.readExtra(b); err != nil {
		bad(err)
	}
	if fs.sb.features.has(roMetadataCsum) {
		in.seed = fs.inodeSeed(ino, b)
		if !fs.inodeSumOK(in.seed, b) {
			bad(fmt.Errorf("inode: %w", ErrChecksum))
		}
	}
	return in, nil
}

// readExtra reads what large inodes have beyond the first 128 bytes.
func (in *inode) readExtra(b []byte) error {
	if len(b) <= goodOldInode+2 {
		return nil
	}
	size := int(binary.LittleEndian.Uint16(b[goodOldInode:]))
	if size > len(b)-goodOldInode || size%4 != 0 {
		return fmt.Errorf("%d bytes of extra fields in an inode of %d bytes", size, len(b))
	}
	if size >= 0x8C-goodOldInode {
		// Two bits make the seconds last until 2446, the others are nanoseconds.
		x := binary.LittleEndian.Uint32(b[0x88:])
		in.mtime += int64(x&3) << 32
		in.nanos = int32(x >> 2)
	}
	if rest := b[goodOldInode+size:]; len(rest) > 4 && binary.LittleEndian.Uint32(rest) == xattrMagic {
		in.extra = append([]byte(nil), rest...)
	}
	if in.nanos > 999_999_999 {
		n := in.nanos
		in.nanos = 0
		return fmt.Errorf("%d nanoseconds", n)
	}
	return nil
}

// device decodes a device number, old or new.
func (in *inode) device() (major, minor uint32) {
	le := binary.LittleEndian
	if v := le.Uint32(in.block[:]); v != 0 {
		return v >> 8 & 0xFF, v & 0xFF
	}
	v := le.Uint32(in.block[4:])
	return v >> 8 & 0xFFF, v&0xFF | v>>12&0xFFF00
}

// inline returns the content of an inode with inline data: 60 bytes in the place of the block map, the rest in an attribute.
func (in *inode) inline(set xattrSet) ([]byte, error) {
	data := slices.Concat(in.block[:], set.data)
	if in.size > uint64(len(data)) {
		return data, fmt.Errorf("inline data of %d bytes in a file of %d", len(data), in.size)
	}
	return data[:in.size], nil
}

// fastLink tells whether the target of a symbolic link lies in the place of the block map.
func (in *inode) fastLink() bool { return in.size < inodeBlock && !in.has(flagExtents|flagInline) }

var errReserved = errors.New("a directory names a reserved inode")

// special returns what the blocks of inodes that the superblock names or reserves are.
func (sb *superblock) special() []specialInode {
	list := []specialInode{{1, KindBadBlocks}, {5, KindBootLoader}}
	add := func(ino uint32, kind Kind) {
		for _, s := range list {
			if s.ino == ino {
				return
			}
		}
		if ino != 0 && ino != rootInode {
			list = append(list, specialInode{ino, kind})
		}
	}
	add(sb.journal, KindJournal)
	for _, q := range sb.quotas {
		add(q, KindQuota)
	}
	add(sb.orphanFile, KindOrphanFile)
	if sb.features.has(compatResize) {
		add(resizeInode, KindReservedGDT)
	}
	return list
}

type specialInode struct {
	ino  uint32
	kind Kind
}
