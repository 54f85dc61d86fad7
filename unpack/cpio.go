package unpack

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// cpioFormat is the archive of cpio(5): newc with and without checksums (the kernel's initramfs, buffer-format.rst), odc of
// POSIX.1-1988 and the old binary one. What follows an archive, as in an initramfs, is carved: a node @0xOFFSET.FORMAT.
var cpioFormat = Format{Name: cpioName, Version: 1, Sniff: isCpio, Stream: readCpio}

const cpioName = "cpio"

// cpioKind is one of the layouts of a header.
type cpioKind uint8

const (
	cpioNone cpioKind = iota
	cpioNewc
	cpioCRC
	cpioODC
	cpioLittle
	cpioBig
)

// Lengths of the headers, their magic included.
const (
	cpioNewcLen = 110
	cpioODCLen  = 76
	cpioOldLen  = 26
)

func isCpio(head []byte) bool { return cpioKindOf(head) != cpioNone }

func cpioKindOf(head []byte) cpioKind {
	for i, magic := range []string{"070701", "070702", "070707"} {
		if len(head) < 6 || string(head[:6]) != magic {
			continue
		}
		kind := cpioNewc + cpioKind(i)
		if n := kind.length(); len(head) >= n {
			if _, ok := parseCpio(kind, head[:n]); ok {
				return kind
			}
		}
		return cpioNone
	}
	if len(head) < cpioOldLen {
		return cpioNone
	}
	for _, kind := range []cpioKind{cpioLittle, cpioBig} {
		// Two bytes of magic are few: the name has to be a likely one too.
		h, ok := parseCpio(kind, head[:cpioOldLen])
		if !ok || h.nameLen < 2 || h.nameLen > maxPath || len(head) < cpioOldLen+h.nameLen {
			continue
		}
		if name := head[cpioOldLen:][:h.nameLen]; bytes.IndexByte(name, 0) == h.nameLen-1 {
			return kind
		}
	}
	return cpioNone
}

func (k cpioKind) length() int {
	switch k {
	case cpioNewc, cpioCRC:
		return cpioNewcLen
	case cpioODC:
		return cpioODCLen
	}
	return cpioOldLen
}

// align is what names and contents are padded to.
func (k cpioKind) align() int64 {
	switch k {
	case cpioNewc, cpioCRC:
		return 4
	case cpioODC:
		return 1
	}
	return 2
}

type cpioHeader struct {
	kind         cpioKind
	inode        cpioInode
	mode         uint32
	uid, gid     uint32
	links        uint32
	time         int64
	size         int64
	major, minor uint32
	nameLen      int
	check        uint32
}

// cpioInode is what names of one file have in common.
type cpioInode struct{ major, minor, ino uint32 }

// parseCpio reads a header. ok is false where a number is none.
func parseCpio(kind cpioKind, b []byte) (h cpioHeader, ok bool) {
	h = cpioHeader{kind: kind}
	if kind == cpioLittle || kind == cpioBig {
		return h.parseOld(b)
	}
	ok = true
	rest := b[6:]
	next := func(width, base int) uint64 {
		v, err := strconv.ParseUint(string(rest[:width]), base, 64)
		if err != nil || rest[0] == '+' {
			ok = false
		}
		rest = rest[width:]
		return v
	}
	if kind == cpioODC {
		if string(b[:6]) != "070707" {
			return h, false
		}
		dev, ino := next(6, 8), next(6, 8)
		h.inode = cpioInode{minor: uint32(dev), ino: uint32(ino)}
		h.mode, h.uid, h.gid, h.links = uint32(next(6, 8)), uint32(next(6, 8)), uint32(next(6, 8)), uint32(next(6, 8))
		rdev := next(6, 8)
		h.major, h.minor = uint32(rdev>>8), uint32(rdev&0xff)
		h.time = int64(next(11, 8))
		h.nameLen = int(next(6, 8))
		h.size = int64(next(11, 8))
		return h, ok
	}
	if want := map[cpioKind]string{cpioNewc: "070701", cpioCRC: "070702"}[kind]; string(b[:6]) != want {
		return h, false
	}
	var v [13]uint32
	for i := range v {
		v[i] = uint32(next(8, 16))
	}
	h.inode = cpioInode{v[7], v[8], v[0]}
	h.mode, h.uid, h.gid, h.links, h.time, h.size = v[1], v[2], v[3], v[4], int64(v[5]), int64(v[6])
	h.major, h.minor, h.nameLen, h.check = v[9], v[10], int(v[11]), v[12]
	return h, ok
}

func (h cpioHeader) parseOld(b []byte) (cpioHeader, bool) {
	order := binary.ByteOrder(binary.LittleEndian)
	if h.kind == cpioBig {
		order = binary.BigEndian
	}
	var v [13]uint32
	for i := range v {
		v[i] = uint32(order.Uint16(b[2*i:]))
	}
	h.inode = cpioInode{minor: v[1], ino: v[2]}
	h.mode, h.uid, h.gid, h.links, h.major, h.minor = v[3], v[4], v[5], v[6], v[7]>>8, v[7]&0xff
	h.time, h.nameLen, h.size = int64(v[8]<<16|v[9]), int(v[10]), int64(v[11]<<16|v[12])
	return h, v[0] == 0o70707
}

// cpioTrailer is the name of the entry that ends an archive.
const cpioTrailer = "TRAILER!!!"

// cpioReader reads one archive out of what may be several.
type cpioReader struct {
	r     *bufio.Reader
	to    *Container
	kind  cpioKind
	at    int64                   // bytes of this archive so far; padding is counted from its start
	links map[cpioInode]*cpioFile // files with several names
	order []*cpioFile             // those whose content did not come yet, or does not at all
}

// cpioFile is a file with several names. In newc its content stands at the last of them.
type cpioFile struct {
	first   string
	waiting []tree.ID
	have    tree.ID
}

func readCpio(ctx context.Context, br *bufio.Reader, to *Container) error {
	head, _ := br.Peek(sniffLen)
	c := &cpioReader{r: br, to: to, kind: cpioKindOf(head), links: map[cpioInode]*cpioFile{}}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if to.Full() {
			return errBytes
		}
		last, err := c.entry(ctx)
		if err != nil {
			return errors.Join(err, c.settleLinks(ctx))
		}
		if last {
			break
		}
	}
	if err := c.settleLinks(ctx); err != nil {
		return err
	}
	return carveBehind(ctx, br, to)
}

// header reads a header and the name behind it.
func (c *cpioReader) header() (h cpioHeader, name string, err error) {
	var b [cpioNewcLen]byte
	n := c.kind.length()
	if err := c.full(b[:n]); err != nil {
		return h, "", err
	}
	h, ok := parseCpio(c.kind, b[:n])
	if !ok {
		return h, "", fmt.Errorf("the header at %#x is malformed", c.at-int64(n))
	}
	raw, err := io.ReadAll(io.LimitReader(c.r, int64(min(h.nameLen, maxPath+2))))
	more := int64(0)
	if err == nil {
		more, err = io.CopyN(io.Discard, c.r, int64(h.nameLen-len(raw)))
	}
	c.at += int64(len(raw)) + more
	if err != nil {
		return h, "", noEOF(err)
	}
	name, rest, _ := strings.Cut(string(raw), "\x00")
	if rest = strings.Trim(rest, "\x00"); rest != "" {
		c.to.Hidden(int64(len(rest)), "behind the end of a name")
	}
	return h, name, c.pad("behind a name")
}

func (c *cpioReader) full(b []byte) error {
	n, err := io.ReadFull(c.r, b)
	c.at += int64(n)
	if err != nil {
		return noEOF(err)
	}
	return nil
}

// pad skips padding, which has to be zeros.
func (c *cpioReader) pad(where string) error {
	var b [4]byte
	n := int(-c.at & (c.kind.align() - 1))
	if err := c.full(b[:n]); err != nil {
		return err
	}
	if b != [4]byte{} {
		c.to.Hidden(int64(n), "in the padding "+where)
	}
	return nil
}

// entry reads one entry. last is true for the one that ends the archive.
func (c *cpioReader) entry(ctx context.Context) (last bool, err error) {
	h, name, err := c.header()
	if err != nil {
		return false, err
	}
	if name == cpioTrailer && h.size == 0 {
		return true, nil
	}
	e := Entry{Size: h.size, Meta: cpioMeta(h), Fault: leadsUp(name)}
	body := &cpioBody{r: io.LimitReader(c.r, h.size), check: h.kind == cpioCRC && h.mode&cpioTypeMask == cpioRegular, want: h.check}
	dir, base, ok := c.to.Split(name)
	e.Parent, e.Name = dir, base
	switch {
	case !ok, base == "", e.Type != tree.File && e.Type != tree.Symlink:
		switch {
		case ok && base != "":
			c.to.Add(e)
		case ok && e.Type == tree.Dir:
			c.to.Top(e.Meta)
		}
		if _, err = io.Copy(io.Discard, body); body.n > 0 {
			c.to.Hidden(body.n, "of content at an entry that has none")
		}
	case e.Type == tree.Symlink:
		err = c.symlink(e, body)
	default:
		err = c.file(ctx, h, e, name, body)
	}
	c.at += body.n
	if err != nil && !errors.Is(err, errCpioSum) {
		return false, err
	}
	if body.n < h.size {
		return false, io.ErrUnexpectedEOF
	}
	return false, c.pad("behind an entry")
}

func (c *cpioReader) symlink(e Entry, body io.Reader) error {
	target, err := io.ReadAll(io.LimitReader(body, maxPath+1))
	e.Link = fact.Escape(strings.TrimRight(string(target), "\x00"))
	id, ok := c.to.Add(e)
	if err != nil {
		return err
	}
	if ok && len(target) > maxPath {
		c.to.UnobservedEntry(id, e.Size, "budget", "the target of the link has "+itoa(e.Size)+" bytes", tree.HidesAll)
	}
	_, err = io.Copy(io.Discard, body)
	return err
}

// file records a regular file, or one of its names.
func (c *cpioReader) file(ctx context.Context, h cpioHeader, e Entry, name string, body io.Reader) error {
	if h.links < 2 {
		_, err := c.to.file(ctx, e, body)
		return err
	}
	f := c.links[h.inode]
	if f == nil {
		f = &cpioFile{first: name, have: tree.None}
		c.links[h.inode] = f
		c.order = append(c.order, f)
	} else {
		e.Hardlink = fact.Escape(f.first)
	}
	if h.size > 0 {
		id, err := c.to.file(ctx, e, body)
		f.have = id
		return err
	}
	if id, ok := c.to.Add(e); ok {
		f.waiting = append(f.waiting, id)
	}
	return nil
}

// settleLinks gives all names of a file its content. Where none came it is an empty one.
func (c *cpioReader) settleLinks(ctx context.Context) error {
	for _, f := range c.order {
		if err := ctx.Err(); err != nil {
			return err
		}
		if f.have == tree.None && len(f.waiting) > 0 {
			f.have, f.waiting = f.waiting[0], f.waiting[1:]
			if err := c.to.w.file(ctx, c.to, f.have, 0, bytes.NewReader(nil)); err != nil {
				return err
			}
		}
		for _, id := range f.waiting {
			if f.have != tree.None {
				c.to.w.repeat(id, f.have)
			}
		}
	}
	return nil
}

// The types in a mode are those of stat(2).
const (
	cpioTypeMask = 0o170000
	cpioRegular  = 0o100000
)

func cpioMeta(h cpioHeader) tree.Meta {
	// What cpio unpacks has no extended attributes: their absence is known.
	m := tree.Meta{
		Has:  tree.HasMode | tree.HasOwner | tree.HasTime | tree.HasXattrs,
		Mode: h.mode & 0o7777, UID: h.uid, GID: h.gid, Time: h.time,
	}
	setUnixType(&m, h.mode)
	if m.Type == tree.Char || m.Type == tree.Block {
		m.Has |= tree.HasDevice
		m.Major, m.Minor = h.major, h.minor
	}
	return m
}

// setUnixType takes a node's type from a mode of stat(2).
func setUnixType(m *tree.Meta, mode uint32) {
	switch mode & cpioTypeMask {
	case 0o040000:
		m.Type = tree.Dir
	case 0o120000:
		m.Type = tree.Symlink
	case 0o020000:
		m.Type = tree.Char
	case 0o060000:
		m.Type = tree.Block
	case 0o010000:
		m.Type = tree.FIFO
	case 0o140000:
		m.Type = tree.Socket
	default:
		m.Type = tree.File
	}
}

// cpioBody passes content on and adds up its bytes, which is the checksum of 070702.
type cpioBody struct {
	r     io.Reader
	check bool
	want  uint32
	n     int64
	sum   uint32
}

var errCpioSum = errors.New("the content does not match its checksum")

func (b *cpioBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	if b.check {
		for _, c := range p[:n] {
			b.sum += uint32(c)
		}
		if err == io.EOF && b.sum != b.want {
			err = errCpioSum
		}
	}
	return n, err
}
