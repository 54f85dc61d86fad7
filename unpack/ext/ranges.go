package ext

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
)

// Kind says what bytes of the image are. Where several things claim the same bytes, the lowest kind has them.
type Kind uint8

// The kinds of byte ranges and of problems.
const (
	KindSuperblock Kind = iota
	KindDescriptors
	KindBlockBitmap
	KindInodeBitmap
	KindInodes         // inodes in use, with what lies in them
	KindExtentTree     // blocks of extent trees
	KindIndirect       // indirect blocks
	KindDirectorySlack // bytes in directory blocks that belong to no entry and are not zero: mostly deleted names
	KindDirectory
	KindXattrs // blocks and inodes of extended attributes
	KindLink   // targets of symbolic links
	KindData   // contents of files, to the byte

	KindEncrypted   // what belongs to encrypted files and links
	KindVerity      // hashes of fs-verity
	KindJournal     // the journal, which has older states of metadata, maybe of data
	KindQuota       // quota files
	KindOrphanFile  // the list of unlinked files
	KindMMP         // the block against multiple mounting
	KindBoot        // before and behind the first superblock in its block
	KindBackup      // copies of superblock and group descriptors
	KindReservedGDT // room for the group descriptors of a bigger file system
	KindBadBlocks   // blocks that are marked as bad
	KindBootLoader  // blocks of the boot loader's inode
	KindUnwritten   // allocated in advance: read as zeros, whatever there is
	KindSlack       // between the end of something and the end of its last block or cluster, or allocated behind the end of a file
	KindFreeInode   // inodes that are not in use, or in no directory
	KindFree        // blocks that are not in use, and bitmaps that are not initialised
	KindUnclaimed   // blocks that are in use, but not by anything that was found; or not known to be free
	kinds
)

var kindNames = [kinds]string{
	"superblock", "group descriptors", "block bitmap", "inode bitmap", "inode table", "extent tree", "indirect block",
	"directory slack", "directory", "xattr block", "symbolic link", "data", "encrypted", "verity", "journal", "quota", "orphan file", "mmp",
	"boot block", "backup superblock", "reserved GDT", "bad blocks", "boot loader", "unwritten", "slack", "free inode", "free", "unclaimed",
}

func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return "unknown"
}

// Unread tells whether nothing looked at the bytes of such ranges: they are neither
// in an entry nor in a structure that was decoded. Unless they are zeros, something may be hidden there.
func (k Kind) Unread() bool { return k == KindDirectorySlack || k >= KindEncrypted }

// Range is a run of bytes of the image and what they are.
type Range struct {
	Off, Len int64 // bytes
	Kind     Kind
}

func (r Range) end() int64 { return r.Off + r.Len }

// Problem is something that could not be read, or that is not as it should be.
type Problem struct {
	Kind   Kind
	Entry  int    // index of the entry in the walk; -1 when it belongs to none
	Inode  uint32 // number of the inode; 0 when it belongs to none
	Offset int64  // where in the image, as near as is known; -1 when not known
	Err    error  // never nil; wraps one of the errors of this package, or says what is wrong
}

func (p Problem) String() string {
	s := p.Kind.String()
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

// account collects ranges that may overlap. Neighbours of one kind are joined as
// they come, and when the list has grown much it is resolved, so that it never has
// much more ranges than the image has blocks.
type account struct {
	list    []Range
	last    [kinds]int // index in list of the newest range of a kind, plus one
	compact int        // length at which to resolve
	limit   int64
	full    bool
	shared  int64 // bytes of data that were claimed more than once
	sharedA int64 // the first of them, when there are any
}

func (a *account) init(limit int64) { *a = account{limit: limit, compact: 1 << 18} }

// add registers bytes; with no account it does nothing.
func (a *account) add(kind Kind, off, length int64) {
	if length <= 0 || a == nil {
		return
	}
	if i := a.last[kind]; i > 0 {
		if r := &a.list[i-1]; off == r.end() {
			r.Len += length
			return
		}
	}
	if len(a.list) >= a.compact {
		a.resolve()
		a.compact = max(a.compact, 2*len(a.list))
	}
	if int64(len(a.list)) >= a.limit {
		a.full = true
		return
	}
	a.list = append(a.list, Range{Off: off, Len: length, Kind: kind})
	a.last[kind] = len(a.list)
}

// resolve sorts the list and gives every byte to the strongest kind that claims it.
func (a *account) resolve() {
	slices.SortFunc(a.list, func(x, y Range) int {
		return cmp.Or(cmp.Compare(x.Off, y.Off), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Len, y.Len))
	})
	a.countShared()
	out := make([]Range, 0, len(a.list))
	var (
		ends   [kinds]int64 // of what was claimed so far, by kind
		active uint32       // kinds whose end is ahead, or was until now
		at     int64
	)
	advance := func(next int64) {
		for active != 0 && at < next {
			k := Kind(bits.TrailingZeros32(active))
			if ends[k] <= at {
				active &^= 1 << k
				continue
			}
			stop := min(ends[k], next)
			if n := len(out); n > 0 && out[n-1].Kind == k && out[n-1].end() == at {
				out[n-1].Len += stop - at
			} else {
				out = append(out, Range{Off: at, Len: stop - at, Kind: k})
			}
			at = stop
		}
		at = max(at, next)
	}
	for _, r := range a.list {
		advance(r.Off)
		ends[r.Kind] = max(ends[r.Kind], r.end())
		active |= 1 << r.Kind
	}
	advance(slices.Max(ends[:]))
	a.list, a.last = out, [kinds]int{}
}

func (a *account) countShared() {
	var end int64
	for _, r := range a.list {
		if r.Kind != KindData {
			continue
		}
		if n := min(end, r.end()) - r.Off; n > 0 {
			if a.shared == 0 || r.Off < a.sharedA {
				a.sharedA = r.Off
			}
			a.shared += n
		}
		end = max(end, r.end())
	}
}

// claim says that n blocks from block on are of a kind, bytes of them being used; the rest up to the end of the last block or cluster is slack.
func (fs *FS) claim(a *account, kind Kind, block, n uint64, bytes int64) {
	off := int64(block) * fs.bs
	a.add(kind, off, min(bytes, fs.end-off))
	cluster := uint64(fs.sb.cluster)
	if stop := off + int64(n)*fs.bs; bytes < int64(n)*fs.bs {
		a.add(KindSlack, off+bytes, min(stop, fs.end)-(off+bytes))
	}
	if cluster > 1 && block >= fs.sb.firstData {
		first := (block-fs.sb.firstData)/cluster*cluster + fs.sb.firstData
		after := (block-fs.sb.firstData+n+cluster-1)/cluster*cluster + fs.sb.firstData
		a.add(KindSlack, int64(first)*fs.bs, off-int64(first)*fs.bs)
		a.add(KindSlack, off+int64(n)*fs.bs, min(int64(after)*fs.bs, fs.end)-(off+int64(n)*fs.bs))
	}
}

// Ranges returns what every byte of the file system is, as far as the image has it,
// once a walk has ended: sorted, without gaps and overlaps, from 0 to the end of the
// file system or of the image, whichever comes first. What lies behind the file
// system is not in it.
func (fs *FS) Ranges() []Range { return slices.Clone(fs.walk.ranges) }

// Problems returns what Open and the last walk met, in that order. When there were
// more than Limits.Problems, the last one says how many are not listed.
func (fs *FS) Problems() []Problem {
	list := slices.Concat(fs.opened.list, fs.walk.log.list)
	if n := fs.opened.dropped + fs.walk.log.dropped; n > 0 {
		list = append(list, Problem{Kind: KindSuperblock, Entry: -1, Offset: -1, Err: fmt.Errorf("%w: %d more problems are not listed", ErrLimit, n)})
	}
	return list
}
