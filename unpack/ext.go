package unpack

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
	"github.com/probat-lab/probat/unpack/ext"
)

// extFormat is ext2, ext3 and ext4. What stands before the superblock (a boot loader) and behind the file system is carved.
var extFormat = Format{Name: "ext", Version: 1, Sniff: isExt, Open: openExt}

const extSuperblock = 1024 // offset

// isExt wants a superblock that can be one beside its magic of two bytes: block size, revision, groups (fs/ext4/ext4.h of Linux, ext4_super_block).
func isExt(head []byte) bool {
	if len(head) < 2*extSuperblock {
		return false
	}
	s := head[extSuperblock:]
	le := binary.LittleEndian
	return le.Uint16(s[0x38:]) == 0xef53 && le.Uint32(s[0x18:]) <= 6 && le.Uint32(s[0x4c:]) <= 1 && le.Uint16(s[0x3a:])&^7 == 0 &&
		le.Uint32(s[0:]) > 0 && le.Uint32(s[4:]) > 0 && le.Uint32(s[0x14:]) <= 1 && le.Uint32(s[0x20:]) > 0 && le.Uint32(s[0x28:]) > 0
}

func openExt(ctx context.Context, r io.ReaderAt, size int64, to *Container) error {
	most, inside := memoryOf(ctx)
	limits := ext.Limits{Entries: to.w.budget.Entries + 1, Extents: most / 32, XattrBytes: most / 4}
	fs, err := ext.Open(ctx, r, size, limits)
	if errors.Is(err, ext.ErrVariant) {
		return &refusal{"unsupported", fact.Escape(err.Error())}
	}
	if err != nil {
		return err
	}
	v := &extVolume{volume: volume{c: to}, fs: fs, links: map[uint32]int{}, lacking: map[int]bool{}}
	err = fs.Walk(ctx, func(e *ext.Entry) error {
		v.entry(inside, e)
		return v.stop(ctx)
	})
	if err != nil {
		return err
	}
	used := fs.Info().Bytes
	if used > size {
		to.Unobserved(size, used-size, "truncated", fmt.Sprintf("the file system has %d bytes, here are %d", used, size), tree.HidesAll)
	}
	v.problems(size)
	if err := v.account(ctx, r); err != nil {
		return err
	}
	return to.carve(ctx, r, used, size)
}

// extVolume puts the entries of an ext file system into a container.
type extVolume struct {
	volume
	fs      *ext.FS
	links   map[uint32]int // first names by inode number
	lacking map[int]bool   // files whose content is walked, and whose problems are found there
}

var extTypes = map[ext.Type]tree.Type{
	ext.File: tree.File, ext.Dir: tree.Dir, ext.Symlink: tree.Symlink, ext.Block: tree.Block,
	ext.Char: tree.Char, ext.FIFO: tree.FIFO, ext.Socket: tree.Socket,
}

func (v *extVolume) entry(ctx context.Context, e *ext.Entry) {
	n := Entry{Size: e.Size, Meta: v.meta(e)}
	switch first, again := v.links[e.Inode]; {
	case e.Type != ext.File || e.Lacks&ext.LacksInode != 0:
		id, ok := v.add(e.Parent, e.Name, n)
		if ok && id != Root && e.Encrypted {
			v.c.UnobservedEntry(id, -1, "encrypted", "names or target are encrypted", tree.HidesAll)
		}
		return
	case again:
		v.link(e.Parent, e.Name, n, first)
		return
	}
	if e.Nlink != 1 {
		v.links[e.Inode] = e.Index
	}
	if e.Encrypted {
		if id, ok := v.add(e.Parent, e.Name, n); ok {
			v.c.UnobservedEntry(id, e.Size, "encrypted", "the content is encrypted", tree.HidesAll)
		}
		return
	}
	if e.Lacks&ext.LacksLayout != 0 {
		v.lacking[e.Index] = true
	}
	v.file(ctx, e.Parent, e.Name, n, e.Size-e.Allocated, func(ctx context.Context, w io.Writer) error {
		_, err := v.fs.WriteContent(ctx, w, e)
		return extTruncation(err)
	})
}

// extTruncation makes a content that ends with the image known as such.
func extTruncation(err error) error {
	if errors.Is(err, ext.ErrTruncated) {
		return fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
	}
	return err
}

func (v *extVolume) meta(e *ext.Entry) tree.Meta {
	m := tree.Meta{Type: extTypes[e.Type]}
	if e.Lacks&ext.LacksInode != 0 {
		return m
	}
	m.Has = tree.HasMode | tree.HasTime | tree.HasOwner
	m.Mode, m.Time, m.Nano, m.UID, m.GID = e.Mode, e.MTime, e.MTimeNS, e.UID, e.GID
	if e.Lacks&ext.LacksXattrs == 0 {
		m.Has |= tree.HasXattrs
		v.attributes(&m, len(e.Xattrs), func(i int) (string, []byte) { return e.Xattrs[i].Name, e.Xattrs[i].Value })
	}
	if e.Type == ext.Char || e.Type == ext.Block {
		m.Has |= tree.HasDevice
		m.Major, m.Minor = e.Major, e.Minor
	}
	m.Link = fact.Escape(e.Link)
	return m
}

func (v *extVolume) problems(size int64) {
	for _, p := range v.fs.Problems() {
		if p.Kind == ext.KindData && v.lacking[p.Entry] {
			continue
		}
		reason := "damaged"
		switch {
		case errors.Is(p.Err, ext.ErrLimit):
			reason = "budget"
		case errors.Is(p.Err, ext.ErrEncrypted):
			reason = "encrypted"
		case errors.Is(p.Err, ext.ErrTruncated), truncated(p.Err), p.Offset >= size:
			reason = "truncated"
		}
		v.problem(p.Entry, p.Offset, reason, p.String())
	}
}
