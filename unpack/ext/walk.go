package ext

import (
	"context"
	"errors"
	"fmt"
)

// Lacks says which attributes of an entry could not be determined: they are absent, their zero values mean nothing.
type Lacks uint8

// What an entry can lack.
const (
	LacksInode  Lacks = 1 << iota // everything but Parent, Index, Name, Inode, and Type if the directory says it
	LacksXattrs                   // some or all of Xattrs
	LacksLayout                   // the content, the target or the list of entries is incomplete or cannot be read
	LacksName                     // Name is what the encrypted directory has; the real one is not known
)

// Entry is a name in the tree. It may be kept after the walk.
type Entry struct {
	Parent, Index int    // positions in the walk; Parent is -1 for the root
	Name          string // raw bytes, 1 to 255 of them, maybe with slashes and NULs in a damaged image; empty for the root
	Type          Type
	Mode          uint32 // permissions, set-uid, set-gid, sticky: the low 12 bits
	UID, GID      uint32
	MTime         int64 // seconds since 1970, UTC
	MTimeNS       int32 // nanoseconds; 0 where small inodes have no room for them
	Inode         uint32
	Nlink         uint32 // 1 is "many" for a directory with more than 65,000
	Size          int64  // bytes of content of a file; otherwise 0
	Allocated     int64  // bytes of Size that are stored in the image; the others are holes
	Link          string // raw target of a symbolic link
	Major, Minor  uint32 // of a device
	Xattrs        []Xattr
	Encrypted     bool // content or target, or the names in the directory
	Lacks         Lacks

	content content
}

// walkState is what one walk gathers.
type walkState struct {
	claims  claims
	log     log
	account account
	ranges  []Range
	cache   tableCache

	meta    blockSet // see claims
	seen    blockSet // inodes that were reached
	entries int      // entries made so far
	names   int64    // entries read so far, which may still be waiting
	extents int64    // see Limits

	links       map[uint32]*Entry // first entries of inodes with several names
	xattrBytes  int64
	xattrBlocks map[uint64]cachedXattrs
	xattrInodes map[uint32][]byte
}

// listing is a directory whose entries are being visited.
type listing struct {
	list  []dirent
	entry int
	names bool // encrypted
}

// Walk calls fn for every entry, a directory before what is in it, in the order of
// the bytes of the names. The first entry is the root. It returns the error of fn or
// ctx; everything else that goes wrong, limits included, is a [Problem], and an entry
// whose inode cannot be read is passed to fn with what its directory says about it.
//
// A directory is entered once, wherever else it appears: ext has no hard links of
// directories, so a second appearance is a loop or a bomb.
//
// Inodes that are in use but in no directory are problems that wrap [ErrUnlinked];
// their blocks are KindUnclaimed in [FS.Ranges].
func (fs *FS) Walk(ctx context.Context, fn func(*Entry) error) error {
	w := &fs.walk
	*w = walkState{
		log: log{limit: fs.limits.Problems}, links: map[uint32]*Entry{},
		xattrBlocks: map[uint64]cachedXattrs{}, xattrInodes: map[uint32][]byte{},
	}
	w.account.init(fs.limits.Extents)
	w.account.list = append(w.account.list, fs.account.list...)
	w.claims = claims{account: &w.account, meta: &w.meta, log: w.log.add}
	if fs.sb.lastOrphan != 0 && !fs.sb.features.has(incompatRecover) {
		w.log.add(Problem{Kind: KindSuperblock, Entry: -1, Offset: superblockAt, Err: fmt.Errorf("the list of unlinked inodes was not cleared: it begins with %d", fs.sb.lastOrphan)})
	}
	stack, err := fs.visit(ctx, dirent{ino: rootInode, typ: Dir}, listing{entry: -1}, nil, fn)
	for err == nil && len(stack) > 0 {
		if err = ctx.Err(); err != nil {
			break
		}
		top := &stack[len(stack)-1]
		if len(top.list) == 0 {
			stack = stack[:len(stack)-1]
			continue
		}
		d := top.list[0]
		top.list = top.list[1:]
		stack, err = fs.visit(ctx, d, *top, stack, fn)
	}
	if err != nil {
		return err
	}
	return fs.finish(ctx)
}

// visit makes an entry, passes it to fn and, if it is a directory to be walked into, pushes it on the stack.
func (fs *FS) visit(ctx context.Context, d dirent, parent listing, stack []listing, fn func(*Entry) error) ([]listing, error) {
	w := &fs.walk
	e := &Entry{Parent: parent.entry, Index: w.entries, Name: d.name, Type: d.typ, Inode: d.ino}
	if parent.names {
		e.Lacks |= LacksName
	}
	w.entries++
	if first := w.links[d.ino]; first != nil {
		again := *first
		again.Parent, again.Index, again.Name, again.Lacks = e.Parent, e.Index, e.Name, first.Lacks&^LacksName|e.Lacks
		fs.checkType(&again, d)
		return stack, fn(&again)
	}
	in, set, err := fs.inodeOf(ctx, e, d)
	if err != nil || in == nil {
		if err == nil {
			err = fn(e)
		}
		return stack, err
	}
	if in.typ != Dir {
		return stack, fn(e)
	}
	var list []dirent
	if fs.mayEnter(e, len(stack)) {
		var lacks bool
		if list, lacks, err = fs.readDirectory(ctx, e, in, set); err != nil {
			return stack, err
		}
		if lacks {
			e.Lacks |= LacksLayout
		}
	}
	if err := fn(e); err != nil || len(list) == 0 {
		return stack, err
	}
	return append(stack, listing{list: list, entry: e.Index, names: in.has(flagEncrypt)}), nil
}

// mayEnter tells whether a directory was not entered yet and is not too deep.
func (fs *FS) mayEnter(e *Entry, depth int) bool {
	var err error
	switch {
	case !fs.walk.seen.add(uint64(e.Inode)):
		err = errors.New("the directory was walked already: a loop or a hard link")
	case depth >= fs.limits.Depth:
		err = fmt.Errorf("%w: more than %d directories deep", ErrLimit, fs.limits.Depth)
	default:
		return true
	}
	e.Lacks |= LacksLayout
	fs.walk.log.add(Problem{Kind: KindDirectory, Entry: e.Index, Inode: e.Inode, Offset: -1, Err: err})
	return false
}

func (fs *FS) checkType(e *Entry, d dirent) {
	if d.typ != 0 && d.typ != e.Type {
		fs.walk.log.add(Problem{Kind: KindDirectory, Entry: e.Index, Inode: e.Inode, Offset: -1, Err: fmt.Errorf("the directory says %s, the inode %s", d.typ, e.Type)})
	}
}

// inodeOf reads the inode of an entry and fills in what it says. in is nil when it cannot be read, which is then a problem; err is that of ctx.
func (fs *FS) inodeOf(ctx context.Context, e *Entry, d dirent) (*inode, xattrSet, error) {
	w := &fs.walk
	in := &inode{number: d.ino, offset: -1}
	bad := func(kind Kind, off int64, err error) {
		w.log.add(Problem{Kind: kind, Entry: e.Index, Inode: d.ino, Offset: off, Err: err})
	}
	err := errReserved
	if d.ino >= fs.sb.firstInode || d.ino == rootInode {
		var odd error
		in, err = fs.readInode(d.ino, func(err error) { odd = errors.Join(odd, err) })
		if odd != nil {
			bad(KindInodes, in.offset, odd)
		}
		if err == nil && in.typ == 0 {
			err = errors.New("its mode has no type")
		}
	}
	in.entry = e.Index
	if err != nil {
		e.Lacks |= LacksInode
		bad(KindInodes, in.offset, err)
		return nil, xattrSet{}, nil
	}
	e.Type, e.Mode, e.UID, e.GID, e.MTime, e.MTimeNS, e.Nlink = in.typ, in.mode, in.uid, in.gid, in.mtime, in.nanos, in.nlink
	e.Encrypted = in.has(flagEncrypt)
	fs.checkType(e, d)
	if in.nlink == 0 {
		bad(KindInodes, in.offset, errors.New("a directory names an inode that says that it was deleted"))
	}
	if in.has(flagEAInode) {
		bad(KindInodes, in.offset, errors.New("a directory names an inode for the value of an attribute"))
	}
	set, lacks := fs.xattrsOf(ctx, in, bad)
	e.Xattrs = set.list
	if lacks {
		e.Lacks |= LacksXattrs
	}
	if in.typ != Dir {
		fs.fill(ctx, e, in, set, bad)
	} else if e.Encrypted {
		bad(KindDirectory, in.offset, fmt.Errorf("the names in it: %w", ErrEncrypted))
	}
	return in, set, ctx.Err()
}

// fill finds what an inode that is not of a directory refers to.
func (fs *FS) fill(ctx context.Context, e *Entry, in *inode, set xattrSet, bad func(Kind, int64, error)) {
	w := &fs.walk
	c := &w.claims
	if first := w.seen.add(uint64(in.number)); !first || in.nlink > 1 {
		w.links[in.number] = e
		if !first {
			// The inode said that this name does not exist. What it has is accounted for already.
			c = &claims{account: nil, meta: &blockSet{}, log: func(Problem) {}}
			bad(KindInodes, in.offset, errors.New("has more names than it says"))
		}
	}
	var err error
	off := in.offset
	switch in.typ {
	case Block, Char:
		e.Major, e.Minor = in.device()
	case File:
		e.content, e.Allocated = fs.fileContent(ctx, in, set, c)
		e.Size = e.content.size
		off, err = e.content.damage.off, e.content.damage.err
	case Symlink:
		e.Link, err = fs.linkTarget(ctx, in, set, c)
	}
	if err != nil {
		e.Lacks |= LacksLayout
		kind := KindData
		if in.typ == Symlink {
			kind = KindLink
		}
		bad(kind, off, err)
	}
}

// fileContent finds the bytes of a file.
func (fs *FS) fileContent(ctx context.Context, in *inode, set xattrSet, c *claims) (content, int64) {
	switch {
	case in.has(flagInline):
		data, err := in.inline(set)
		f := content{size: int64(min(in.size, 1<<62)), inline: data}
		if err != nil {
			f.damage = damage{at: int64(len(data)), off: in.offset, err: err}
		}
		return f, int64(len(data))
	case in.has(flagEncrypt):
		f, allocated := fs.layOut(ctx, in, KindEncrypted, c)
		return content{size: f.size, damage: damage{off: in.offset, err: ErrEncrypted}}, allocated
	}
	return fs.layOut(ctx, in, KindData, c)
}

// maxLink is the longest target of a symbolic link, PATH_MAX with its NUL.
const maxLink = 4096

func (fs *FS) linkTarget(ctx context.Context, in *inode, set xattrSet, c *claims) (string, error) {
	switch {
	case in.has(flagEncrypt):
		if !in.fastLink() && !in.has(flagInline) {
			fs.layOut(ctx, in, KindEncrypted, c)
		}
		return "", ErrEncrypted
	case in.fastLink():
		return string(in.block[:in.size]), nil
	case in.size > maxLink:
		return "", fmt.Errorf("a target of %d bytes", in.size)
	case in.has(flagInline):
		data, err := in.inline(set)
		return string(data), err
	}
	f, _ := fs.layOut(ctx, in, KindLink, c)
	b, err := fs.readSmall(ctx, &f, maxLink)
	return string(b), err
}
