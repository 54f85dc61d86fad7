package unpack

import (
	"context"
	"errors"
	"io"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
	"github.com/probat-lab/probat/unpack/squashfs"
)

// squashfsFormat is squashfs 4.0, little-endian. What follows the file system, as in a dump of flash, is carved.
var squashfsFormat = Format{Name: "squashfs", Version: 1, Sniff: isSquashfs, Open: openSquashfs}

func isSquashfs(head []byte) bool {
	return len(head) >= 96 && string(head[:4]) == "hsqs"
}

func openSquashfs(ctx context.Context, r io.ReaderAt, size int64, to *Container) error {
	most, inside := memoryOf(ctx)
	limits := squashfs.Limits{Entries: to.w.budget.Entries + 1, MetadataBytes: most, XattrBytes: most / 4, Workers: to.w.workers()}
	fs, err := squashfs.Open(ctx, r, size, limits)
	if errors.Is(err, squashfs.ErrVariant) {
		return &refusal{"unsupported", fact.Escape(err.Error())}
	}
	if err != nil {
		return err
	}
	v := &squashfsVolume{volume: volume{c: to}, fs: fs, links: map[uint32]*squashfs.Entry{}, lacking: map[int]bool{}}
	err = fs.Walk(ctx, func(e *squashfs.Entry) error {
		v.entry(inside, e)
		return v.stop(ctx)
	})
	if err != nil {
		return err
	}
	used := fs.Info().BytesUsed
	for _, r := range fs.Ranges() {
		kind := InStructure
		if r.Kind == squashfs.KindData || r.Kind == squashfs.KindFragment {
			kind = InNode
		}
		to.Claim(r.Off, r.Len, kind)
	}
	v.problems(size)
	return to.carve(ctx, r, used, size)
}

// squashfsVolume puts the entries of a squashfs into a container.
type squashfsVolume struct {
	volume
	fs      *squashfs.FS
	links   map[uint32]*squashfs.Entry // first names by inode number
	lacking map[int]bool               // files whose content is walked, and whose problems are found there
}

var squashfsTypes = map[squashfs.Type]tree.Type{
	squashfs.File: tree.File, squashfs.Dir: tree.Dir, squashfs.Symlink: tree.Symlink, squashfs.Block: tree.Block,
	squashfs.Char: tree.Char, squashfs.FIFO: tree.FIFO, squashfs.Socket: tree.Socket,
}

func (v *squashfsVolume) entry(ctx context.Context, e *squashfs.Entry) {
	n := Entry{Size: e.Size, Meta: v.meta(e)}
	if e.Type != squashfs.File || e.Lacks&squashfs.LacksInode != 0 {
		v.add(e.Parent, e.Name, n)
		return
	}
	if e.Nlink > 1 {
		if first := v.links[e.Inode]; first != nil && first.SameContent(e) {
			v.link(e.Parent, e.Name, n, first.Index)
			return
		}
		v.links[e.Inode] = e
	}
	if e.Lacks&squashfs.LacksLayout != 0 {
		v.lacking[e.Index] = true
	}
	v.file(ctx, e.Parent, e.Name, n, e.Sparse, func(ctx context.Context, w io.Writer) error {
		_, err := v.fs.WriteContent(ctx, w, e)
		return err
	})
}

func (v *squashfsVolume) meta(e *squashfs.Entry) tree.Meta {
	m := tree.Meta{Type: squashfsTypes[e.Type]}
	if e.Lacks&squashfs.LacksInode != 0 {
		return m
	}
	m.Has = tree.HasMode | tree.HasTime
	m.Mode, m.Time = e.Mode, e.MTime
	if e.Lacks&(squashfs.LacksUID|squashfs.LacksGID) == 0 {
		m.Has |= tree.HasOwner
		m.UID, m.GID = e.UID, e.GID
	}
	if e.Lacks&squashfs.LacksXattrs == 0 {
		m.Has |= tree.HasXattrs
		v.attributes(&m, len(e.Xattrs), func(i int) (string, []byte) { return e.Xattrs[i].Name, e.Xattrs[i].Value })
	}
	if e.Type == squashfs.Char || e.Type == squashfs.Block {
		m.Has |= tree.HasDevice
		m.Major, m.Minor = e.Major, e.Minor
	}
	m.Link = fact.Escape(e.Link)
	return m
}

func (v *squashfsVolume) problems(size int64) {
	for _, p := range v.fs.Problems() {
		content := p.Kind == squashfs.KindData || p.Kind == squashfs.KindFragment
		if content && v.lacking[p.Entry] {
			continue
		}
		reason := "damaged"
		switch {
		case errors.Is(p.Err, squashfs.ErrLimit):
			reason = "budget"
		case truncated(p.Err) || p.Offset >= size:
			reason = "truncated"
		}
		v.problem(p.Entry, p.Offset, reason, p.String())
	}
}
