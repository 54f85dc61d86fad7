package ext

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// Errors that can be tested for.
var (
	// ErrFormat is wrapped by errors of [Open]: the bytes are no ext2, ext3 or ext4 image at all.
	ErrFormat = errors.New("not an ext2, ext3 or ext4 image")
	// ErrVariant is wrapped by errors of [Open]: an image with features that this package does not know how to read.
	ErrVariant = errors.New("unsupported ext variant")
	// ErrLimit is wrapped by the error of a [Problem] that exists because a limit was reached, not because the image is damaged.
	ErrLimit = errors.New("limit reached")
	// ErrEncrypted is wrapped by the errors of problems and contents that exist because the image does not have the key.
	ErrEncrypted = errors.New("encrypted")
	// ErrChecksum is wrapped by the error of a [Problem] that says that a checksum does not match; what it covers was used all the same.
	ErrChecksum = errors.New("checksum does not match")
	// ErrTruncated is wrapped by errors about blocks that the file system has and the image does not.
	ErrTruncated = errors.New("beyond the end of the image")
	// ErrUnlinked is wrapped by the error of a [Problem] about an inode that is in use but in no directory, or only in one that could not be read.
	ErrUnlinked = errors.New("in use, but in no directory that could be read")
)

const (
	superblockAt   = 1024
	superblockSize = 1024
	magic          = 0xEF53
	goodOldRev     = 0
	goodOldInode   = 128
	goodOldFirst   = 11

	minBlockSize = 1 << 10
	maxBlockSize = 64 << 10
	// maxBlocks is what 48-bit extents can address; it keeps every byte offset in 63 bits only together with checks against the image.
	maxBlocks = 1 << 48
)

// superblock is what is kept of the on-disk superblock, kernel struct ext4_super_block.
type superblock struct {
	features       features
	inodes         uint32
	blocks         uint64 // as the image claims
	firstData      uint64 // first block of group 0: 1 with 1 KiB blocks, else 0
	blockSize      uint32
	cluster        uint32 // blocks in a cluster; 1 without bigalloc
	perGroup       uint32 // blocks of a group
	inodesPerGroup uint32
	inodeSize      uint32
	firstInode     uint32 // first that is not reserved
	descSize       uint32
	reservedGDT    uint32
	firstMetaGroup uint32
	backups        [2]uint32 // groups with backups when sparse_super2
	seed           uint32    // of metadata checksums
	uuid           [16]byte
	journal        uint32 // inode numbers; 0 is none
	quotas         [3]uint32
	orphanFile     uint32
	lastOrphan     uint32
	mmpBlock       uint64
}

// Info is what the superblock says; all of it is the image's own claim.
type Info struct {
	Version      string // ext2, ext3 or ext4: the oldest that has all the features
	Label        string // raw bytes up to the first NUL
	LastMounted  string // raw path on which it was mounted last
	UUID         [16]byte
	Revision     uint32
	Compatible   uint32 // feature words
	Incompatible uint32
	ReadOnly     uint32
	Features     []string // their names, in the order of the words and bits; unknown ones as word and bit
	State        uint16   // 1: unmounted cleanly, 2: errors detected, 4: orphans being recovered
	BlockSize    int      // bytes; a power of two from 1 KiB to 64 KiB
	ClusterSize  int      // bytes; more than BlockSize only with bigalloc
	InodeSize    int      // bytes
	Blocks       uint64
	Bytes        int64 // Blocks in bytes: more than the image has when it is truncated
	Inodes       uint32
	Groups       uint64
	MkfsTime     int64 // seconds since 1970, UTC; 0 when not recorded, as the next two
	MountTime    int64
	WriteTime    int64
}

// Limits bounds the work that an image can cause. A zero value means the default.
type Limits struct {
	Entries    int64 // directory entries of one walk; default 4 Mi
	Depth      int   // nesting of directories; default 1024
	Extents    int64 // runs of blocks of contents that are kept, and ranges of the account; default 4 Mi each
	XattrBytes int64 // values of extended attributes that lie in blocks or inodes of their own; default 64 MiB
	Problems   int   // problems recorded one by one, the rest is counted; default 4096
}

func (l Limits) withDefaults() Limits {
	set := func(v *int64, def int64) {
		if *v <= 0 {
			*v = def
		}
	}
	set(&l.Entries, 4<<20)
	set(&l.Extents, 4<<20)
	set(&l.XattrBytes, 64<<20)
	if l.Depth <= 0 {
		l.Depth = 1024
	}
	if l.Problems <= 0 {
		l.Problems = 4096
	}
	return l
}

// FS is an open image. [FS.WriteContent] may be called by any number of goroutines,
// also while a walk is under way; walks themselves are one at a time.
type FS struct {
	r      io.ReaderAt
	size   int64 // of the image
	end    int64 // first byte that is not both in the file system and in the image
	bs     int64 // bytes of a block
	sb     superblock
	info   Info
	limits Limits
	groups []group
	nGroup uint64 // as the superblock has it; len(groups) may be less in a truncated image

	fixed   blockSet // blocks of the structures whose place is given by the superblock and the descriptors
	opened  log      // problems of Open
	account account  // ranges of Open

	walk walkState // of the last walk
}

// Open reads the superblock and the group descriptors. size is the number of bytes
// that r has. Descriptors that cannot be read are a [Problem], not an error; errors
// are [ErrFormat], [ErrVariant], a superblock that contradicts itself, and those of r
// and ctx.
func Open(ctx context.Context, r io.ReaderAt, size int64, limits Limits) (*FS, error) {
	if size < superblockAt+superblockSize {
		return nil, fmt.Errorf("reading ext superblock: %w: only %d bytes", ErrFormat, size)
	}
	var raw [superblockSize]byte
	if n, err := r.ReadAt(raw[:], superblockAt); n < len(raw) {
		return nil, fmt.Errorf("reading ext superblock: %w", err)
	}
	fs := &FS{r: r, size: size, limits: limits.withDefaults()}
	fs.opened.limit = fs.limits.Problems
	if err := fs.parseSuperblock(raw[:]); err != nil {
		return nil, fmt.Errorf("reading ext superblock: %w", err)
	}
	fs.end = size
	if fs.info.Bytes < size {
		fs.end = fs.info.Bytes
	}
	fs.account.init(fs.limits.Extents)
	fs.reportState(raw[:])
	if err := fs.readGroups(ctx); err != nil {
		return nil, err
	}
	return fs, nil
}

// Info returns what the superblock says.
func (fs *FS) Info() Info { return fs.info }

// parseSuperblock refuses what the kernel refuses to mount.
func (fs *FS) parseSuperblock(b []byte) error {
	le := binary.LittleEndian
	if m := le.Uint16(b[0x38:]); m != magic {
		return fmt.Errorf("%w: magic %#04x", ErrFormat, m)
	}
	sb := &fs.sb
	sb.features = features{le.Uint32(b[0x5C:]), le.Uint32(b[0x60:]), le.Uint32(b[0x64:])}
	if err := sb.features.check(); err != nil {
		return err
	}
	if n := le.Uint32(b[0x18:]); n > 6 {
		return fmt.Errorf("block size 2^%d KiB", n)
	}
	sb.blockSize = minBlockSize << le.Uint32(b[0x18:])
	fs.bs = int64(sb.blockSize)
	sb.inodes = le.Uint32(b)
	sb.blocks = uint64(le.Uint32(b[4:]))
	sb.firstData = uint64(le.Uint32(b[0x14:]))
	sb.inodesPerGroup = le.Uint32(b[0x28:])
	sb.perGroup = le.Uint32(b[0x20:])
	sb.inodeSize, sb.firstInode = goodOldInode, goodOldFirst
	if le.Uint32(b[0x4C:]) != goodOldRev {
		sb.inodeSize, sb.firstInode = uint32(le.Uint16(b[0x58:])), le.Uint32(b[0x54:])
	}
	sb.descSize = 32
	if sb.features.has(incompat64bit) {
		sb.blocks |= uint64(le.Uint32(b[0x150:])) << 32
		sb.descSize = uint32(le.Uint16(b[0xFE:]))
	}
	sb.cluster = 1
	if sb.features.has(roBigalloc) {
		n := le.Uint32(b[0x1C:])
		if n > 20 || minBlockSize<<n < sb.blockSize {
			return fmt.Errorf("cluster size 2^%d KiB with blocks of %d bytes", n, sb.blockSize)
		}
		sb.cluster = minBlockSize << n / sb.blockSize
	}
	fs.parseRest(b)
	return fs.checkGeometry(le.Uint32(b[0x24:]))
}

// parseRest reads the fields that need no check, or get it where they are used.
func (fs *FS) parseRest(b []byte) {
	le := binary.LittleEndian
	sb := &fs.sb
	f := sb.features
	sb.reservedGDT = uint32(le.Uint16(b[0xCE:]))
	if f.has(incompatMetaBG) {
		sb.firstMetaGroup = le.Uint32(b[0x104:])
	}
	sb.backups = [2]uint32{le.Uint32(b[0x24C:]), le.Uint32(b[0x250:])}
	copy(sb.uuid[:], b[0x68:0x78])
	sb.seed = crc32c(^uint32(0), sb.uuid[:])
	if f.has(incompatCsumSeed) {
		sb.seed = le.Uint32(b[0x270:])
	}
	if f.has(compatJournal) {
		sb.journal = le.Uint32(b[0xE0:])
	}
	if f.has(roQuota) {
		sb.quotas = [3]uint32{le.Uint32(b[0x240:]), le.Uint32(b[0x244:]), le.Uint32(b[0x26C:])}
	}
	if f.has(compatOrphanFile) {
		sb.orphanFile = le.Uint32(b[0x280:])
	}
	if f.has(incompatMMP) {
		sb.mmpBlock = le.Uint64(b[0x168:])
	}
	sb.lastOrphan = le.Uint32(b[0xE8:])
	fs.info = Info{
		Version: f.version(), Label: cstring(b[0x78:0x88]), LastMounted: cstring(b[0x88:0xC8]), UUID: sb.uuid,
		Revision: le.Uint32(b[0x4C:]), Compatible: f[0], Incompatible: f[1], ReadOnly: f[2], Features: f.names(),
		State: le.Uint16(b[0x3A:]), BlockSize: int(sb.blockSize), ClusterSize: int(sb.blockSize) * int(sb.cluster),
		InodeSize: int(sb.inodeSize), Blocks: sb.blocks, Inodes: sb.inodes,
		MkfsTime:  int64(le.Uint32(b[0x108:])) | int64(b[0x276])<<32,
		MountTime: int64(le.Uint32(b[0x2C:])) | int64(b[0x275])<<32,
		WriteTime: int64(le.Uint32(b[0x30:])) | int64(b[0x274])<<32,
	}
}

// checkGeometry refuses numbers with which nothing could be found. perGroup is the number of clusters in a group.
func (fs *FS) checkGeometry(perGroup uint32) error {
	sb := &fs.sb
	clusters := sb.perGroup
	if sb.features.has(roBigalloc) {
		clusters = perGroup
		if uint64(clusters)*uint64(sb.cluster) != uint64(sb.perGroup) {
			return fmt.Errorf("%d clusters of %d blocks in a group of %d blocks", clusters, sb.cluster, sb.perGroup)
		}
	}
	switch {
	case sb.blocks == 0 || sb.blocks > maxBlocks:
		return fmt.Errorf("%d blocks", sb.blocks)
	case sb.firstData > 1 || sb.firstData >= sb.blocks:
		return fmt.Errorf("first block is %d of %d", sb.firstData, sb.blocks)
	case clusters == 0 || clusters > sb.blockSize*8:
		return fmt.Errorf("%d blocks or clusters in a group, with a bitmap of %d bits", clusters, sb.blockSize*8)
	case sb.inodesPerGroup == 0 || sb.inodesPerGroup > sb.blockSize*8:
		return fmt.Errorf("%d inodes in a group, with a bitmap of %d bits", sb.inodesPerGroup, sb.blockSize*8)
	case sb.inodeSize < goodOldInode || sb.inodeSize > sb.blockSize || bits.OnesCount32(sb.inodeSize) != 1:
		return fmt.Errorf("inodes of %d bytes", sb.inodeSize)
	case sb.descSize < 32 || sb.descSize > sb.blockSize || bits.OnesCount32(sb.descSize) != 1,
		sb.features.has(incompat64bit) && sb.descSize < 64:
		return fmt.Errorf("group descriptors of %d bytes", sb.descSize)
	case sb.inodes == 0 || sb.firstInode < goodOldFirst:
		return fmt.Errorf("%d inodes, the first one free for use is %d", sb.inodes, sb.firstInode)
	}
	fs.nGroup = (sb.blocks - sb.firstData + uint64(sb.perGroup) - 1) / uint64(sb.perGroup)
	fs.info.Groups = fs.nGroup
	fs.info.Bytes = int64(min(sb.blocks, (1<<62)/uint64(sb.blockSize))) * fs.bs
	return nil
}

// reportState says what the superblock says of the condition of the file system.
func (fs *FS) reportState(raw []byte) {
	bad := func(off int64, err error) {
		fs.opened.add(Problem{Kind: KindSuperblock, Entry: -1, Offset: off, Err: err})
	}
	if fs.info.Bytes > fs.size {
		bad(fs.size, fmt.Errorf("%w: the image is truncated: %d of %d bytes", ErrTruncated, fs.size, fs.info.Bytes))
	}
	if fs.sb.features.has(roMetadataCsum) && crc32c(^uint32(0), raw[:0x3FC]) != binary.LittleEndian.Uint32(raw[0x3FC:]) {
		bad(superblockAt, fmt.Errorf("superblock: %w", ErrChecksum))
	}
	if fs.sb.features.has(incompatRecover) {
		bad(superblockAt, errors.New("the journal was not replayed: what is read here may differ from what a mount would show"))
	}
	if fs.info.State&2 != 0 {
		bad(superblockAt, errors.New("marked as having errors"))
	}
}

// cstring returns the bytes before the first NUL.
func cstring(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}
