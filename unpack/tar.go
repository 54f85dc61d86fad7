package unpack

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// tarFormat is the tape archive of POSIX.1-1988 (ustar), of POSIX.1-2001 (pax), of GNU tar and of V7 Unix.
var tarFormat = Format{Name: "tar", Version: 1, Sniff: isTar, Stream: readTar}

const tarBlock = 512

// isTar wants a first header whose checksum is right, so that V7 archives, which have no magic, are known too.
func isTar(head []byte) bool {
	if len(head) < tarBlock {
		return false
	}
	h := head[:tarBlock]
	if h[0] == 0 {
		return false
	}
	want, ok := tarOctal(h[148:156])
	if !ok {
		return false
	}
	var unsigned, signed int64
	for i, c := range h {
		if i >= 148 && i < 156 {
			c = ' '
		}
		unsigned += int64(c)
		signed += int64(int8(c))
	}
	return want == unsigned || want == signed
}

func tarOctal(b []byte) (n int64, ok bool) {
	s := strings.Trim(string(b), " \x00")
	for _, c := range s {
		if c < '0' || c > '7' {
			return 0, false
		}
		n = n<<3 | int64(c-'0')
	}
	return n, s != ""
}

// How extended attributes stand in pax records: paxXattr is GNU tar's, bsdtar's and Go's; paxLibarchive is bsdtar's too, with a name as in a
// URL and a value in base64 (tar(5) of libarchive). ACLs are text there, and not what the attributes system.posix_acl_* hold: they keep the record's name.
const (
	paxXattr      = "SCHILY.xattr."
	paxLibarchive = "LIBARCHIVE.xattr."
	paxACL        = "SCHILY.acl."
)

// readTar hands the archive's entries over in their order. What stands in the padding behind an entry's content is
// looked at too: it must be zeros.
func readTar(ctx context.Context, br *bufio.Reader, to *Container) error {
	watch := &padWatch{r: br}
	tr := tar.NewReader(watch)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if to.Full() {
			return errBytes
		}
		at := watch.n + watch.pad
		h, err := tr.Next()
		if n := watch.takeDirty(); n > 0 {
			to.Hidden(n, "in the padding behind an entry")
		}
		if err == io.EOF {
			if watch.n < at+tarBlock || watch.zeros < tarBlock { // not one block of zeros, of which two mark the end
				to.Unobserved(watch.n, -1, "truncated", "the archive has no end mark: entries may have followed", tree.HidesAll)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if to.skipped[member{at: watch.n, size: h.Size}] {
			n, err := io.Copy(io.Discard, tr)
			to.sum.Nodes += n
			if err != nil {
				return err
			}
		} else if err := tarEntry(ctx, tr, h, to); err != nil {
			return err
		}
		watch.pad = (tarBlock - watch.n%tarBlock) % tarBlock
	}
}

func tarEntry(ctx context.Context, tr *tar.Reader, h *tar.Header, to *Container) error {
	dir, name, ok := to.Split(h.Name)
	e := Entry{Parent: dir, Name: name, Size: h.Size, Meta: tarMeta(h), Fault: leadsUp(h.Name)}
	if e.Has&tree.HasOwner == 0 && e.Fault == "" {
		e.Fault = fmt.Sprintf("its owner is %d:%d", h.Uid, h.Gid)
	}
	switch {
	case !ok:
		return to.drop(ctx, tr)
	case name == "" && e.Type == tree.File && h.Size > 0:
		to.Unobserved(to.source.taken(), h.Size, "unaccounted", "content of an entry without a name", tree.HidesAll)
		return to.drop(ctx, tr)
	case name == "":
		if e.Type == tree.Dir {
			to.Top(e.Meta)
		}
		return nil
	case h.Typeflag == tar.TypeLink:
		to.Link(e, h.Linkname)
		return nil
	case e.Type == tree.File:
		return to.File(ctx, e, tr)
	}
	to.Add(e)
	return nil
}

func tarMeta(h *tar.Header) tree.Meta {
	m := tree.Meta{
		Has:  tree.HasMode | tree.HasOwner | tree.HasTime | tree.HasXattrs,
		Mode: uint32(h.Mode) & 0o7777, UID: uint32(h.Uid), GID: uint32(h.Gid),
		Time: h.ModTime.Unix(), Nano: int32(h.ModTime.Nanosecond()),
	}
	switch h.Typeflag {
	case tar.TypeDir:
		m.Type = tree.Dir
	case tar.TypeSymlink:
		m.Type, m.Link = tree.Symlink, fact.Escape(h.Linkname)
	case tar.TypeChar, tar.TypeBlock:
		m.Type = tree.Char
		if h.Typeflag == tar.TypeBlock {
			m.Type = tree.Block
		}
		m.Has |= tree.HasDevice
		m.Major, m.Minor = uint32(h.Devmajor), uint32(h.Devminor)
	case tar.TypeFifo:
		m.Type = tree.FIFO
	}
	if h.Uid < 0 || h.Gid < 0 || int64(h.Uid) > math.MaxUint32 || int64(h.Gid) > math.MaxUint32 {
		m.Has &^= tree.HasOwner
		m.UID, m.GID = 0, 0
	}
	m.Xattrs = paxXattrs(h.PAXRecords)
	return m
}

// paxXattrs returns the extended attributes and ACLs among pax records, sorted. Where bsdtar wrote one in both ways, that of GNU tar counts.
func paxXattrs(records map[string]string) (list []tree.Xattr) {
	for _, name := range slices.Sorted(maps.Keys(records)) {
		x, value := name, []byte(records[name])
		if s, ok := strings.CutPrefix(name, paxXattr); ok {
			x = s
		} else if s, ok := strings.CutPrefix(name, paxLibarchive); ok {
			var err error
			if x, err = url.PathUnescape(s); err != nil {
				x = s
			}
			if _, both := records[paxXattr+x]; both {
				continue
			}
			// An encoding that is broken off leaves what stands before.
			value, _ = base64.RawStdEncoding.DecodeString(strings.TrimRight(string(value), "="))
		} else if name != paxACL+"access" && name != paxACL+"default" {
			continue
		}
		x = fact.Escape(x)
		if !slices.ContainsFunc(list, func(a tree.Xattr) bool { return a.Name == x }) {
			list = append(list, tree.Xattr{Name: x, Value: value})
		}
	}
	sortXattrs(list)
	return list
}

// padWatch passes an archive's bytes on and looks at those behind an entry's content.
type padWatch struct {
	r     io.Reader
	n     int64
	pad   int64 // bytes of padding still to come
	dirty int64 // bytes of padding that were not zero, since takeDirty
	zeros int64 // how many zeros were the last bytes
}

func (p *padWatch) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	k := min(p.pad, int64(n))
	for _, c := range b[:k] {
		if c != 0 {
			p.dirty++
		}
	}
	p.pad -= k
	p.n += int64(n)
	tail := n - len(bytes.TrimRight(b[:n], "\x00"))
	if tail < n {
		p.zeros = 0
	}
	p.zeros += int64(tail)
	return n, err
}

func (p *padWatch) takeDirty() int64 {
	n := p.dirty
	p.dirty = 0
	return n
}
