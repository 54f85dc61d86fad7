package squashfs

import (
	"context"
	"errors"
	"fmt"
)

// Lacks says which attributes of an entry could not be determined: they are
// absent, their zero values mean nothing.
type Lacks uint8

// What an entry can lack.
const (
	LacksInode  Lacks = 1 << iota // everything but Parent, Index, Name, Type and Inode, which the directory says
	LacksUID                      // UID
	LacksGID                      // GID
	LacksXattrs                   // Xattrs
	LacksLayout                   // Sparse or Link; the content is incomplete or unreadable
)

// Entry is a name in the tree. It may be kept after the walk.
type Entry struct {
	Parent, Index int    // positions in the walk; Parent is -1 for the root
	Name          string // raw bytes, 1 to 256 of them; empty for the root
	Type          Type
	Mode          uint32 // permissions, set-uid, set-gid, sticky: the low 12 bits
	UID, GID      uint32
	MTime         int64  // seconds since 1970, UTC
	Inode         uint32 // number; names with the same number are hard links
	Nlink         uint32
	Size          int64  // bytes of content of a file; otherwise 0
	Sparse        int64  // bytes of Size that are stored as holes
	Link          string // raw target of a symbolic link
	Major, Minor  uint32 // of a device
	Xattrs        []Xattr
	Lacks         Lacks

	content content
}

// walkState is what one walk gathers.
type walkState struct {
	log           log
	account       account
	usedFragments []bool
	entries       int   // entries made so far
	steps         int64 // left of Limits.Steps
	recent        recency
	fragmentBytes int64               // left of Limits.FragmentBytes
	dirs          map[uint64]struct{} // references of inodes of directories that were walked into
}

// Walk calls fn for every entry, a directory before what is in it, in the order
// of the image, which for a well-made one is that of the names' bytes. The
// first entry is the root. It returns the error of fn or ctx; everything else that
// goes wrong, limits included, is a [Problem], and an entry whose inode cannot be
// read is passed to fn with what its directory says about it.
//
// A directory is entered once, wherever else it appears: squashfs has no hard
// links of directories, so a second appearance is a loop or a bomb.
func (fs *FS) Walk(ctx context.Context, fn func(*Entry) error) error {
	w := &fs.walk
	*w = walkState{
		log:           log{limit: fs.limits.Problems},
		usedFragments: make([]bool, len(fs.fragments)),
		steps:         fs.limits.Steps,
		recent:        newRecency(fs.cache.size),
		fragmentBytes: fs.limits.FragmentBytes,
		dirs:          map[uint64]struct{}{},
	}
	var c cursor
	root := dirent{typ: Dir, ref: fs.sb.root}
	stack, err := fs.visit(ctx, &c, root, -1, nil, fn)
	for err == nil && len(stack) > 0 {
		if err = ctx.Err(); err != nil {
			break
		}
		top := &stack[len(stack)-1]
		d, more, rerr := top.next()
		switch {
		case rerr != nil:
			w.log.add(Problem{Kind: KindDirectory, Entry: top.entry, Inode: top.inode, Offset: top.offset(), Err: fmt.Errorf("the rest of the directory: %w", rerr)})
			stack = stack[:len(stack)-1]
		case !more:
			stack = stack[:len(stack)-1]
		case int64(w.entries) >= fs.limits.Entries:
			w.log.add(Problem{Kind: KindDirectory, Entry: top.entry, Inode: top.inode, Offset: top.offset(), Err: fmt.Errorf("%w: more than %d entries", ErrLimit, fs.limits.Entries)})
			return nil
		default:
			stack, err = fs.visit(ctx, &c, d, top.entry, stack, fn)
		}
	}
	return err
}

// visit makes an entry, passes it to fn and, if it is a directory to be
// walked into, pushes it on the stack.
func (fs *FS) visit(ctx context.Context, c *cursor, d dirent, parent int, stack []listing, fn func(*Entry) error) ([]listing, error) {
	w := &fs.walk
	e := &Entry{Parent: parent, Index: w.entries, Name: d.name, Type: d.typ, Inode: d.inode}
	w.entries++
	in, err := fs.readInode(c, d.ref)
	if err != nil {
		e.Lacks = LacksInode
		w.log.add(Problem{Kind: KindInodes, Entry: e.Index, Inode: d.inode, Offset: fs.inodeOffset(d.ref), Err: err})
		return stack, fn(e)
	}
	if err := fs.fill(ctx, c, e, &in, d, parent < 0); err != nil {
		return stack, err
	}
	if err := fn(e); err != nil || in.typ != Dir {
		return stack, err
	}
	problem := func(err error) {
		w.log.add(Problem{Kind: KindDirectory, Entry: e.Index, Inode: in.number, Offset: int64(min(fs.sb.directoryTable, 1<<62)) + int64(in.listBlock), Err: err})
	}
	if _, seen := w.dirs[d.ref]; seen {
		problem(errors.New("the directory was walked already: a loop or a hard link"))
		return stack, nil
	}
	w.dirs[d.ref] = struct{}{}
	if in.listSize <= emptyListing {
		return stack, nil
	}
	if len(stack) >= fs.limits.Depth {
		problem(fmt.Errorf("%w: more than %d directories deep", ErrLimit, fs.limits.Depth))
		return stack, nil
	}
	l := listing{left: int64(in.listSize) - emptyListing, entry: e.Index, inode: in.number}
	if err := l.open(fs, in.listBlock, in.listPos); err != nil {
		problem(err)
		return stack, nil
	}
	return append(stack, l), nil
}

// fill copies what the inode says to the entry and resolves its indexes.
func (fs *FS) fill(ctx context.Context, c *cursor, e *Entry, in *inode, d dirent, root bool) error {
	bad := func(kind Kind, lacks Lacks, off int64, err error) {
		e.Lacks |= lacks
		fs.walk.log.add(Problem{Kind: kind, Entry: e.Index, Inode: in.number, Offset: off, Err: err})
	}
	off := fs.inodeOffset(d.ref)
	if in.typ != d.typ {
		bad(KindDirectory, 0, off, fmt.Errorf("the directory says %s, the inode %s", d.typ, in.typ))
	}
	if !root && in.number != d.inode {
		bad(KindDirectory, 0, off, fmt.Errorf("the directory says inode %d", d.inode))
	}
	e.Type, e.Mode, e.MTime = in.typ, uint32(in.mode&0o7777), int64(in.mtime)
	e.Inode, e.Nlink, e.Link = in.number, in.nlink, in.link
	var ok bool
	if e.UID, ok = fs.id(in.uid); !ok {
		bad(KindIDs, LacksUID, off, fmt.Errorf("user is id %d of %d", in.uid, len(fs.ids)))
	}
	if e.GID, ok = fs.id(in.gid); !ok {
		bad(KindIDs, LacksGID, off, fmt.Errorf("group is id %d of %d", in.gid, len(fs.ids)))
	}
	// The kernel ignores the index of the attributes when there is no table.
	if fs.sb.xattrTable != noTable {
		var err error
		if e.Xattrs, err = fs.xattrsOf(ctx, in.xattrs); err != nil {
			bad(KindXattrs, LacksXattrs, off, err)
		}
	}
	switch in.typ {
	case Block, Char:
		e.Major, e.Minor = device(in.rdev)
	case Symlink:
		if err := fs.walk.step(int64(len(e.Link))); err != nil {
			e.Link = ""
			bad(KindInodes, LacksLayout, off, err)
		}
	case Dir:
		if err := fs.skipIndex(ctx, c, in); err != nil {
			bad(KindInodes, 0, off, fmt.Errorf("index of the directory: %w", err))
		}
	case File:
		e.content, e.Size = in.content, int64(in.content.size)
		if at, err := fs.layOut(ctx, c, e); err != nil {
			bad(KindData, LacksLayout, at, err)
		}
	}
	return ctx.Err()
}

func (fs *FS) id(index uint16) (uint32, bool) {
	if int(index) < len(fs.ids) {
		return fs.ids[index], true
	}
	return 0, false
}

func (fs *FS) inodeOffset(ref uint64) int64 {
	off, _, err := tableStart(fs.sb.inodeTable, ref)
	if err != nil {
		return -1
	}
	return off
}

// step takes n from the steps that the walk has.
func (w *walkState) step(n int64) error {
	if w.steps -= n; w.steps < 0 {
		return fmt.Errorf("%w: too many blocks of files, indexes of directories or bytes of links", ErrLimit)
	}
	return nil
}
