package squashfs

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"runtime"
)

// Errors of [Open] that can be tested for.
var (
	// ErrFormat: the bytes are no squashfs image at all.
	ErrFormat = errors.New("not a squashfs image")
	// ErrVariant: a squashfs that is not little-endian version 4.0, or a
	// compressor that is unknown.
	ErrVariant = errors.New("unsupported squashfs variant")
	// ErrLimit is wrapped by the error of a Problem that exists because a limit
	// was reached, not because the image is damaged.
	ErrLimit = errors.New("limit reached")
)

const (
	superblockSize = 96
	magic          = "hsqs"
	// noTable is the start of a table that the image does not have.
	noTable = ^uint64(0)

	flagCompressorOptions = 1 << 10

	minBlockSize = 4 << 10
	maxBlockSize = 1 << 20
)

// variants are magic numbers of squashfs relatives, to be refused by name. They
// are found in the wild; see the magic file of file(1).
var variants = map[string]string{
	"sqsh": "big-endian (squashfs 4 is little-endian only; this is version 3 or older)",
	"sqlz": "big-endian with LZMA",
	"qshs": "with LZMA of a vendor",
	"shsq": "with byte-swapped LZMA of a vendor",
	"hsqt": "of DD-WRT",
	"tqsh": "of DD-WRT, big-endian",
}

// superblock is the on-disk superblock, kernel struct squashfs_super_block.
type superblock struct {
	inodes, mkfsTime, blockSize, fragments       uint32
	compressor, blockLog, flags, ids             uint16
	major, minor                                 uint16
	root, bytesUsed                              uint64
	idTable, xattrTable, inodeTable              uint64
	directoryTable, fragmentTable, exportedTable uint64
}

// Info is what the superblock says; all of it is the image's own claim.
type Info struct {
	Compressor string // gzip, lzma, lzo, xz, lz4 or zstd
	BlockSize  int    // bytes; a power of two from 4 KiB to 1 MiB
	MkfsTime   int64  // seconds since 1970, UTC
	Flags      uint16
	BytesUsed  int64  // bytes; more than the image has when it is truncated
	Inodes     uint32 // number of inodes
	Fragments  uint32 // number of fragment blocks
	IDs        uint16 // number of distinct user and group ids
	Exportable bool   // has an export (NFS lookup) table
	Xattrs     bool   // has an extended attribute table
}

// Limits bounds the work that an image can cause. A zero field means its default.
type Limits struct {
	Entries       int64 // directory entries of one walk; default 1 Mi
	Depth         int   // nesting of directories; default 1024
	MetadataBytes int64 // decoded metadata, kept while the FS lives; default 512 MiB
	XattrBytes    int64 // decoded names and values of extended attributes; default 64 MiB
	Steps         int64 // entries of block lists and indexes, and bytes of link targets, looked at in one walk; default 64 Mi
	FragmentBytes int64 // decoded fragment blocks of a reading of all contents in the order of the walk; default 64 GiB
	Problems      int   // problems recorded one by one, the rest is counted; default 4096
	Workers       int   // goroutines that inflate blocks of big files; default GOMAXPROCS
}

func (l Limits) withDefaults() Limits {
	set := func(v *int64, def int64) {
		if *v <= 0 {
			*v = def
		}
	}
	seti := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	set(&l.Entries, 1<<20)
	set(&l.MetadataBytes, 512<<20)
	set(&l.XattrBytes, 64<<20)
	set(&l.Steps, 64<<20)
	set(&l.FragmentBytes, 64<<30)
	seti(&l.Depth, 1024)
	seti(&l.Problems, 4096)
	seti(&l.Workers, runtime.GOMAXPROCS(0))
	return l
}

// FS is an open image. [FS.WriteContent] may be called by any number of
// goroutines, also while a walk is under way; walks themselves are one at a time.
type FS struct {
	r      io.ReaderAt
	end    int64 // first byte that may not be read: the lesser of size and bytes used
	sb     superblock
	limits Limits
	codec  codec

	meta      metaCache
	ids       []uint32
	fragments []fragment
	xattrs    xattrTable
	cache     fragmentCache
	workers   chan struct{} // tokens for helpers inflating blocks
	account   account       // ranges of tables read by Open
	opened    log           // problems of Open

	walk walkState // of the last walk
}

// Open reads the superblock and the tables that are not the tree: compressor
// options, ids, fragments, export and extended attributes. size is the number of
// bytes that r has. A table that cannot be read is a [Problem], not an error;
// errors are [ErrFormat], [ErrVariant], a superblock that contradicts itself, and
// those of r and ctx.
func Open(ctx context.Context, r io.ReaderAt, size int64, limits Limits) (*FS, error) {
	if size < superblockSize {
		return nil, fmt.Errorf("reading squashfs superblock: %w: only %d bytes", ErrFormat, size)
	}
	var raw [superblockSize]byte
	if n, err := r.ReadAt(raw[:], 0); n < len(raw) {
		return nil, fmt.Errorf("reading squashfs superblock: %w", err)
	}
	sb, err := parseSuperblock(raw[:])
	if err != nil {
		return nil, fmt.Errorf("reading squashfs superblock: %w", err)
	}
	fs := &FS{r: r, end: min(size, int64(min(sb.bytesUsed, 1<<62))), sb: sb, limits: limits.withDefaults()}
	fs.codec, err = newCodec(int(sb.compressor), int(sb.blockSize))
	if err != nil {
		return nil, fmt.Errorf("reading squashfs superblock: %w", err)
	}
	fs.meta.init(fs.limits.MetadataBytes)
	fs.cache.init(int(sb.blockSize))
	fs.opened.limit = fs.limits.Problems
	fs.workers = make(chan struct{}, fs.limits.Workers)
	fs.account.add(KindSuperblock, 0, superblockSize)
	if sb.bytesUsed > uint64(size) {
		fs.opened.add(Problem{Kind: KindSuperblock, Entry: -1, Offset: size, Err: fmt.Errorf("the image is truncated: %d of %d bytes", size, sb.bytesUsed)})
	}
	if err := fs.readTables(ctx); err != nil {
		return nil, err
	}
	return fs, nil
}

func parseSuperblock(b []byte) (superblock, error) {
	var sb superblock
	if m := string(b[:4]); m != magic {
		if what, ok := variants[m]; ok {
			return sb, fmt.Errorf("%w: %s", ErrVariant, what)
		}
		return sb, fmt.Errorf("%w: magic %q", ErrFormat, m)
	}
	le := binary.LittleEndian
	for i, p := range []*uint32{&sb.inodes, &sb.mkfsTime, &sb.blockSize, &sb.fragments} {
		*p = le.Uint32(b[4+4*i:])
	}
	for i, p := range []*uint16{&sb.compressor, &sb.blockLog, &sb.flags, &sb.ids, &sb.major, &sb.minor} {
		*p = le.Uint16(b[20+2*i:])
	}
	for i, p := range []*uint64{
		&sb.root, &sb.bytesUsed, &sb.idTable, &sb.xattrTable, &sb.inodeTable,
		&sb.directoryTable, &sb.fragmentTable, &sb.exportedTable,
	} {
		*p = le.Uint64(b[32+8*i:])
	}
	switch {
	case sb.major != 4 || sb.minor != 0:
		return sb, fmt.Errorf("%w: version %d.%d, not 4.0", ErrVariant, sb.major, sb.minor)
	case sb.blockSize < minBlockSize || sb.blockSize > maxBlockSize || bits.OnesCount32(sb.blockSize) != 1:
		return sb, fmt.Errorf("block size %d is no power of two from 4 KiB to 1 MiB", sb.blockSize)
	case bits.TrailingZeros32(sb.blockSize) != int(sb.blockLog):
		return sb, fmt.Errorf("block size %d and its logarithm %d disagree", sb.blockSize, sb.blockLog)
	}
	return sb, nil
}

// Info returns what the superblock says.
func (fs *FS) Info() Info {
	return Info{
		Compressor: compressorName(int(fs.sb.compressor)),
		BlockSize:  int(fs.sb.blockSize),
		MkfsTime:   int64(fs.sb.mkfsTime),
		Flags:      fs.sb.flags,
		BytesUsed:  int64(min(fs.sb.bytesUsed, 1<<63-1)),
		Inodes:     fs.sb.inodes,
		Fragments:  fs.sb.fragments,
		IDs:        fs.sb.ids,
		Exportable: fs.sb.exportedTable != noTable,
		Xattrs:     fs.sb.xattrTable != noTable,
	}
}

// read fills p from the image at off.
func (fs *FS) read(p []byte, off int64) error {
	if off < 0 || off > fs.end || int64(len(p)) > fs.end-off {
		return fmt.Errorf("bytes %d+%d are outside the image of %d bytes", off, len(p), fs.end)
	}
	if n, err := fs.r.ReadAt(p, off); n < len(p) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("reading %d bytes at %d: %w", len(p), off, err)
	}
	return nil
}
