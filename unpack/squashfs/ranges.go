package squashfs

import (
	"cmp"
	"fmt"
	"slices"
)

// Kind says as what bytes of the image were read, or tried to be read.
type Kind string

// The kinds of byte ranges and of problems.
const (
	KindSuperblock Kind = "superblock"
	KindOptions    Kind = "compressor options"
	KindInodes     Kind = "inode table"
	KindDirectory  Kind = "directory table"
	KindFragments  Kind = "fragment table"
	KindExport     Kind = "export table"
	KindIDs        Kind = "id table"
	KindXattrs     Kind = "xattr table"
	KindData       Kind = "data"
	KindFragment   Kind = "fragment"
)

// Range is a run of bytes of the image and what they are.
type Range struct {
	Off, Len int64 // bytes
	Kind     Kind
}

// Problem is something that could not be read.
type Problem struct {
	Kind   Kind
	Entry  int    // index of the entry in the walk; -1 when it belongs to none
	Inode  uint32 // number of the inode; 0 when not known
	Offset int64  // where in the image, as near as is known; -1 when not known
	Err    error  // never nil; wraps ErrLimit when a limit was reached
}

func (p Problem) String() string {
	s := string(p.Kind)
	if p.Entry >= 0 {
		s += fmt.Sprintf(", entry %d", p.Entry)
	}
	if p.Inode != 0 {
		s += fmt.Sprintf(", inode %d", p.Inode)
	}
	if p.Offset >= 0 {
		s += fmt.Sprintf(", at %d", p.Offset)
	}
	return s + ": " + p.Err.Error()
}

// log collects problems in the order in which they were met.
type log struct {
	limit   int
	list    []Problem
	dropped int64
}

func (l *log) add(p Problem) {
	if len(l.list) >= l.limit {
		l.dropped++
		return
	}
	l.list = append(l.list, p)
}

// account collects ranges. Neighbours of one kind are joined as they come, which
// keeps the list short: files are mostly stored in the order of the tree.
type account struct {
	list []Range
	last map[Kind]int // index in list of the newest range of a kind
}

func (a *account) add(kind Kind, off, length int64) {
	if length <= 0 {
		return
	}
	if a.last == nil {
		a.last = map[Kind]int{}
	}
	if i, ok := a.last[kind]; ok {
		if r := &a.list[i]; off >= r.Off && off <= r.Off+r.Len {
			r.Len = max(r.Len, off+length-r.Off)
			return
		}
	}
	a.last[kind] = len(a.list)
	a.list = append(a.list, Range{Off: off, Len: length, Kind: kind})
}

// Ranges returns which bytes of the image are accounted for: those that Open
// and the last walk read, and those in which the contents of the entries lie. They
// are sorted by offset, and ranges of one kind neither touch nor overlap; ranges
// of different kinds overlap only in an image that was tampered with. Metadata
// blocks that nothing refers to, or that cannot be decoded, are not in the list,
// and neither are fragment blocks without a file.
func (fs *FS) Ranges() []Range {
	list := slices.Clone(fs.account.list)
	list = append(list, fs.walk.account.list...)
	list = fs.meta.appendRanges(list)
	for i, used := range fs.walk.usedFragments {
		if f := fs.fragments[i]; used && f.inside(fs.end) {
			list = append(list, Range{Off: f.start, Len: int64(f.stored()), Kind: KindFragment})
		}
	}
	slices.SortFunc(list, func(a, b Range) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Off, b.Off), cmp.Compare(a.Len, b.Len))
	})
	merged := list[:0]
	for _, r := range list {
		if n := len(merged); n > 0 && merged[n-1].Kind == r.Kind && r.Off <= merged[n-1].Off+merged[n-1].Len {
			p := &merged[n-1]
			p.Len = max(p.Len, r.Off+r.Len-p.Off)
			continue
		}
		merged = append(merged, r)
	}
	slices.SortFunc(merged, func(a, b Range) int {
		return cmp.Or(cmp.Compare(a.Off, b.Off), cmp.Compare(a.Len, b.Len), cmp.Compare(a.Kind, b.Kind))
	})
	return merged
}

// Problems returns what Open and the last walk could not read, in the order in
// which it was met. When there were more than Limits.Problems, the last one says
// how many are not listed.
func (fs *FS) Problems() []Problem {
	list := slices.Concat(fs.opened.list, fs.walk.log.list)
	if n := fs.opened.dropped + fs.walk.log.dropped; n > 0 {
		list = append(list, Problem{Kind: KindSuperblock, Entry: -1, Offset: -1, Err: fmt.Errorf("%w: %d more problems are not listed", ErrLimit, n)})
	}
	return list
}
