package unpack

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// volume puts the entries of a file system into its container. They come numbered, a directory before what is in it.
type volume struct {
	c      *Container
	list   []volumeEntry
	xattrs int64 // bytes of attributes so far
	holes  int64 // bytes of holes so far
}

type volumeEntry struct {
	id     tree.ID // nowhere, where it could not be kept
	parent int
	name   string // raw
	length int    // of its path
}

const nowhere tree.ID = -2

const (
	// maxVolumeXattrs is how many bytes of attributes the entries of a file system may have: many may share one large set.
	maxVolumeXattrs = 64 << 20
	// holesShare of the budget of bytes may go to the holes of a file system's files, which cost the image nothing.
	holesShare = 4
)

// add records an entry without content, the root only by its number. ok is false where it is not kept, which is recorded.
func (v *volume) add(parent int, name string, e Entry) (id tree.ID, ok bool) {
	n := volumeEntry{id: nowhere, parent: parent, name: name}
	defer func() { v.list = append(v.list, n) }()
	if parent < 0 {
		n.id = Root
		v.c.Top(e.Meta)
		return Root, true
	}
	e.Parent, e.Name = v.list[parent].id, name
	n.length = v.list[parent].length + 1 + len(name)
	switch {
	case e.Parent == nowhere:
		return nowhere, false
	case n.length > maxPath:
		v.c.Unobserved(0, -1, "budget", "path of "+itoa(int64(n.length))+" bytes", tree.HidesAll)
		return nowhere, false
	}
	_, twice := v.c.seen[dirName{e.Parent, name}]
	if id, ok = v.c.Add(e); !ok {
		return nowhere, false
	}
	n.id = id
	if twice {
		v.c.UnobservedEntry(id, -1, "damaged", "a directory has this name twice", tree.HidesAll)
	}
	return id, true
}

// file records a file and walks its content.
func (v *volume) file(ctx context.Context, parent int, name string, e Entry, holes int64, write func(context.Context, io.Writer) error) {
	id, ok := v.add(parent, name, e)
	if !ok {
		return
	}
	if holes > v.c.w.budget.Bytes/holesShare-v.holes {
		v.c.UnobservedEntry(id, e.Size, "budget", fmt.Sprintf("%d bytes of it are holes", holes), tree.HidesAll)
		return
	}
	v.holes += holes
	v.c.w.later(ctx, v.c, id, e.Size, write)
}

// link records a further name of a file.
func (v *volume) link(parent int, name string, e Entry, first int) {
	e.Hardlink = v.path(first)
	if id, ok := v.add(parent, name, e); ok && v.list[first].id >= 0 {
		v.c.w.repeat(id, v.list[first].id)
	} else if ok {
		v.c.UnobservedEntry(id, -1, "link", "hard link to an entry that is not kept", tree.HidesAll)
	}
}

// path returns the path of an entry, escaped.
func (v *volume) path(i int) string {
	s := ""
	for ; i > 0 && v.list[i].parent >= 0; i = v.list[i].parent {
		s = "/" + v.list[i].name + s
	}
	return fact.Escape(s)
}

// attributes takes an entry's extended attributes, as long as there is room for them.
func (v *volume) attributes(m *tree.Meta, n int, at func(int) (name string, value []byte)) {
	for i := range n {
		name, value := at(i)
		v.xattrs += int64(len(name) + len(value))
		if v.xattrs > maxVolumeXattrs {
			m.Has &^= tree.HasXattrs
			m.Xattrs = nil
			v.c.Unobserved(0, -1, "budget", fmt.Sprintf("more than %d bytes of extended attributes", maxVolumeXattrs), tree.HidesAll)
			return
		}
		m.Xattrs = append(m.Xattrs, tree.Xattr{Name: fact.Escape(name), Value: value})
	}
	sortXattrs(m.Xattrs)
}

// problem records what a file system's reader met: at the entry that it belongs to, or at a place in the image.
func (v *volume) problem(entry int, offset int64, reason, detail string) {
	detail = fact.Escape(detail)
	if entry > 0 && entry < len(v.list) && v.list[entry].id >= 0 {
		v.c.UnobservedEntry(v.list[entry].id, -1, reason, detail, tree.HidesAll)
		return
	}
	v.c.Unobserved(max(offset, 0), -1, reason, detail, tree.HidesAll)
}

// stop tells whether a walk of the file system has to end.
func (v *volume) stop(ctx context.Context) error {
	if v.c.Full() {
		return errBytes
	}
	return v.c.w.stopped(ctx)
}

// volumeMemory bounds the metadata, in bytes, that readers of file systems inside each other keep, from the outermost on; deeper ones get the last.
var volumeMemory = [...]int64{128 << 20, 32 << 20, 8 << 20, 8 << 20, 4 << 20}

type volumeKey struct{}

// memoryOf returns how much the reader of a file system may keep here, and the context of what is in it.
func memoryOf(ctx context.Context) (int64, context.Context) {
	n, _ := ctx.Value(volumeKey{}).(int)
	return volumeMemory[min(n, len(volumeMemory)-1)], context.WithValue(ctx, volumeKey{}, n+1)
}

// truncated tells errors that say that the image ends early.
func truncated(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
