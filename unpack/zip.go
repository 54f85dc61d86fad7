package unpack

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// zipFormat is APPNOTE.TXT 6.3.10: also Java archives, Android packages, office documents. Entries come in the order of the central
// directory, which is what counts for those who unpack.
var zipFormat = Format{Name: "zip", Version: 1, Sniff: isZip, Open: openZip}

// Signatures and lengths of the records (APPNOTE.TXT 4.3).
const (
	zipLocal      = 0x04034b50
	zipLocalLen   = 30
	zipCentral    = 0x02014b50
	zipCentralLen = 46
	zipDescriptor = 0x08074b50
	zipEnd        = 0x06054b50
	zipEndLen     = 22
	zipLocator    = 0x07064b50
	zipLocatorLen = 20
	zipEnd64      = 0x06064b50
	zipEnd64Len   = 56
	zipJmod       = 0x00014d4a // "JM" and a version, before the archive of a Java module (jdk.internal.jmod.JmodFile)
)

func isZip(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	switch binary.LittleEndian.Uint32(head) {
	case zipJmod:
		return isZip(head[4:])
	case zipLocal:
		return len(head) >= zipLocalLen
	case zipEnd:
		return len(head) >= zipEndLen
	case zipDescriptor: // of an archive that was split once
		return len(head) >= 8 && binary.LittleEndian.Uint32(head[4:]) == zipLocal
	}
	return false
}

// zipDirectory is where the central directory stands.
type zipDirectory struct {
	offset, size int64
	base         int64 // what stands before the archive: offsets count from there
	end, endLen  int64
	end64        int64 // or -1
}

// zipReader reads one archive.
type zipReader struct {
	r    io.ReaderAt
	size int64
	to   *Container
	dir  zipDirectory
}

func openZip(ctx context.Context, r io.ReaderAt, size int64, to *Container) error {
	z := &zipReader{r: r, size: size, to: to}
	if err := z.findEnd(); err != nil {
		return err
	}
	to.Claim(z.dir.end, z.dir.endLen, InStructure)
	if b, err := z.bytes(0, 4); err == nil && binary.LittleEndian.Uint32(b) == zipJmod {
		to.Claim(0, 4, InStructure)
	}
	entries, err := z.central(ctx)
	if lost := z.overlaps(ctx, entries); lost > 0 {
		to.Unobserved(-1, -1, "damaged", fmt.Sprintf("the contents of %d entries overlap; they are not opened", lost), tree.HidesAll)
	}
	for i := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if to.Full() {
			return errBytes
		}
		if err := z.entry(ctx, &entries[i]); err != nil {
			return err
		}
	}
	return err
}

// bytes reads a range that has to lie in the archive. The caller bounds n.
func (z *zipReader) bytes(offset int64, n int) ([]byte, error) {
	if offset < 0 || offset > z.size-int64(n) {
		return nil, io.ErrUnexpectedEOF
	}
	b := make([]byte, n)
	if err := readFull(z.r, b, offset); err != nil {
		return nil, err
	}
	return b, nil
}

// findEnd finds the end record: the last one whose comment reaches to the end, else the last one at all.
func (z *zipReader) findEnd() error {
	n := min(z.size, zipEndLen+1<<16)
	tail, err := z.bytes(z.size-n, int(n))
	if err != nil {
		return err
	}
	found := -1
	sig := binary.LittleEndian.AppendUint32(nil, zipEnd)
	for i := len(tail); ; {
		if i = bytes.LastIndex(tail[:i], sig); i < 0 {
			break
		}
		if len(tail)-i < zipEndLen {
			continue
		}
		rest := len(tail) - i - zipEndLen - int(binary.LittleEndian.Uint16(tail[i+20:]))
		if rest == 0 || rest > 0 && found < 0 {
			found = i
		}
		if rest == 0 {
			break
		}
	}
	if found < 0 {
		return io.ErrUnexpectedEOF
	}
	e := tail[found:]
	z.dir = zipDirectory{
		offset: int64(binary.LittleEndian.Uint32(e[16:])), size: int64(binary.LittleEndian.Uint32(e[12:])),
		end: z.size - n + int64(found), endLen: zipEndLen + int64(binary.LittleEndian.Uint16(e[20:])), end64: -1,
	}
	if disk := binary.LittleEndian.Uint16(e[4:]); disk != 0 && disk != 1<<16-1 {
		return &refusal{"unsupported", "the archive is one part of several"}
	}
	at := z.dir.end
	if z.find64() {
		at = z.dir.end64
	}
	z.dir.base = at - z.dir.size - z.dir.offset
	if z.dir.base < 0 || z.dir.size > at {
		return errors.New("the central directory does not lie in the archive")
	}
	// Some tools leave a gap before the end record: then the offset is right as it stands.
	if b, err := z.bytes(z.dir.offset, 4); z.dir.base > 0 && err == nil && binary.LittleEndian.Uint32(b) == zipCentral {
		z.dir.base = 0
	}
	return nil
}

// find64 takes the numbers of the ZIP64 end record, if there is one before the other.
func (z *zipReader) find64() bool {
	l, err := z.bytes(z.dir.end-zipLocatorLen, zipLocatorLen)
	if err != nil || binary.LittleEndian.Uint32(l) != zipLocator {
		return false
	}
	// What stands before the archive shifts the record: it is looked for right before its locator first.
	for _, at := range []int64{z.dir.end - zipLocatorLen - zipEnd64Len, int64(min(binary.LittleEndian.Uint64(l[8:]), 1<<62))} {
		e, err := z.bytes(at, zipEnd64Len)
		if err != nil || binary.LittleEndian.Uint32(e) != zipEnd64 {
			continue
		}
		size, offset := binary.LittleEndian.Uint64(e[40:]), binary.LittleEndian.Uint64(e[48:])
		if size > 1<<62 || offset > 1<<62 {
			return false
		}
		z.dir.size, z.dir.offset, z.dir.end64 = int64(size), int64(offset), at
		z.to.Claim(at, int64(min(binary.LittleEndian.Uint64(e[4:]), 1<<32))+12, InStructure)
		z.to.Claim(z.dir.end-zipLocatorLen, zipLocatorLen, InStructure)
		return true
	}
	return false
}

// zipEntry is one entry of the central directory, and where its content stands.
type zipEntry struct {
	name       string
	meta       tree.Meta
	flags      uint16
	method     uint16
	crc        uint32
	packed     int64 // bytes of the content as it stands
	size       int64
	at         int64 // of the local header
	data       int64 // of the content; -1 where the local header is not sound
	end        int64 // behind the descriptor
	fault      string
	other      string // that an extra field gives another name
	overlapped bool
}

// Flags (APPNOTE.TXT 4.4.4).
const (
	zipEncrypted     = 1 << 0
	zipLzmaMarker    = 1 << 1
	zipHasDescriptor = 1 << 3
	zipStrong        = 1 << 6
	zipMasked        = 1 << 13
)

// central reads the central directory. It returns what was read also where the rest is damaged.
func (z *zipReader) central(ctx context.Context) ([]zipEntry, error) {
	start := z.dir.base + z.dir.offset
	var entries []zipEntry
	r := readers.get(io.NewSectionReader(z.r, start, z.dir.size))
	defer readers.put(r)
	at := start
	defer func() { z.to.Claim(start, at-start, InStructure) }()
	for at < start+z.dir.size && int64(len(entries)) <= z.to.w.budget.Entries {
		if err := ctx.Err(); err != nil {
			return entries, err
		}
		h, err := r.Peek(zipCentralLen)
		if len(h) >= 6 && binary.LittleEndian.Uint32(h) == 0x05054b50 { // a signature of the directory
			at += 6 + int64(binary.LittleEndian.Uint16(h[4:]))
			break
		}
		if err != nil {
			return entries, noEOF(err)
		}
		if binary.LittleEndian.Uint32(h) != zipCentral {
			return entries, fmt.Errorf("there is no entry of the central directory at %#x", at)
		}
		n := zipCentralLen + int(binary.LittleEndian.Uint16(h[28:])) + int(binary.LittleEndian.Uint16(h[30:])) + int(binary.LittleEndian.Uint16(h[32:]))
		b := make([]byte, n)
		if _, err := io.ReadFull(r, b); err != nil {
			return entries, noEOF(err)
		}
		at += int64(n)
		e := parseZipEntry(b)
		e.at += z.dir.base
		z.local(&e)
		entries = append(entries, e)
	}
	return entries, nil
}

// parseZipEntry reads one entry of the central directory (4.3.12).
func parseZipEntry(b []byte) zipEntry {
	le := binary.LittleEndian
	e := zipEntry{
		flags: le.Uint16(b[8:]), method: le.Uint16(b[10:]), crc: le.Uint32(b[16:]),
		packed: int64(le.Uint32(b[20:])), size: int64(le.Uint32(b[24:])), at: int64(le.Uint32(b[42:])), data: -1,
	}
	name := zipCentralLen + int(le.Uint16(b[28:]))
	extra := name + int(le.Uint16(b[30:]))
	e.name = string(b[zipCentralLen:name])
	if by := b[5]; by == 3 || by == 19 { // made on Unix, or on OS X
		if mode := le.Uint32(b[38:]) >> 16; mode != 0 {
			e.meta.Has, e.meta.Mode = tree.HasMode, mode&0o7777
			setUnixType(&e.meta, mode)
		}
	}
	if n := len(e.name); n > 0 && e.name[n-1] == '/' && e.meta.Type == tree.File {
		e.meta.Type = tree.Dir
	}
	e.extras(b[name:extra])
	e.unicodePath(b[name:extra])
	return e
}

// extras takes what the extra fields of the central directory say: sizes beyond 4 GiB, the time with its zone, the owner.
// The time in DOS's format has no zone and is left out.
func (e *zipEntry) extras(b []byte) {
	le := binary.LittleEndian
	for len(b) >= 4 {
		id, n := le.Uint16(b), int(le.Uint16(b[2:]))
		if b = b[4:]; n > len(b) {
			return
		}
		f := b[:n]
		b = b[n:]
		switch {
		case id == 0x0001:
			for _, v := range []*int64{&e.size, &e.packed, &e.at} {
				if *v == 1<<32-1 && len(f) >= 8 {
					*v = int64(min(le.Uint64(f), 1<<62))
					f = f[8:]
				}
			}
		case id == 0x5455 && n >= 5 && f[0]&1 != 0: // UT
			e.meta.Has, e.meta.Time = e.meta.Has|tree.HasTime, int64(int32(le.Uint32(f[1:])))
		case id == 0x7875 && n >= 1 && f[0] == 1: // ux
			if uid, rest, ok := zipNumber(f[1:]); ok {
				if gid, _, ok := zipNumber(rest); ok {
					e.meta.Has, e.meta.UID, e.meta.GID = e.meta.Has|tree.HasOwner, uid, gid
				}
			}
		}
	}
}

// unicodePath notes an Info-ZIP Unicode Path (4.6.9) that is not the entry's name: those who unpack take one or the other.
func (e *zipEntry) unicodePath(b []byte) {
	le := binary.LittleEndian
	for len(b) >= 4 {
		id, n := le.Uint16(b), int(le.Uint16(b[2:]))
		if b = b[4:]; n > len(b) {
			return
		}
		if id == 0x7075 && n > 5 && string(b[5:n]) != e.name {
			e.other = "an extra field gives another name: " + fact.Escape(string(b[5:n]))
		}
		b = b[n:]
	}
}

// zipNumber reads a number of up to four bytes behind its length.
func zipNumber(b []byte) (v uint32, rest []byte, ok bool) {
	if len(b) < 1 || int(b[0]) > len(b)-1 || b[0] > 4 {
		return 0, b, false
	}
	for i, c := range b[1 : 1+b[0]] {
		v |= uint32(c) << (8 * i)
	}
	return v, b[1+b[0]:], true
}

// local finds the content behind the local header, which must say the same as the central directory.
func (z *zipReader) local(e *zipEntry) {
	le := binary.LittleEndian
	e.end = e.at
	h, err := z.bytes(e.at, zipLocalLen)
	if err != nil || le.Uint32(h) != zipLocal {
		e.fault = "there is no local header"
		return
	}
	nameLen, extraLen := int(le.Uint16(h[26:])), int64(le.Uint16(h[28:]))
	name, err := z.bytes(e.at+zipLocalLen, nameLen)
	data := e.at + zipLocalLen + int64(nameLen) + extraLen
	if err != nil || data > z.size || e.packed > z.size-data || e.packed < 0 {
		e.fault = "the content does not lie in the archive"
		return
	}
	e.data, e.end = data, data+e.packed
	if string(name) != e.name && e.flags&zipMasked == 0 {
		z.to.Unobserved(e.at, e.data-e.at, "damaged", fmt.Sprintf("the local header of %q has another name: %q", fact.Escape(e.name), fact.Escape(string(name))), tree.HidesAll)
	}
	if extra, err := z.bytes(data-extraLen, int(extraLen)); err == nil {
		e.unicodePath(extra)
	}
	if le.Uint16(h[8:]) != e.method {
		e.fault = "the local header has another method"
	}
	if le.Uint16(h[6:])&zipHasDescriptor != 0 {
		e.end += z.descriptor(e)
	}
}

// descriptor returns the length of the data descriptor (4.3.9), which may have a signature, and sizes of 4 or 8 bytes.
func (z *zipReader) descriptor(e *zipEntry) int64 {
	b, err := z.bytes(e.end, int(min(24, z.size-e.end)))
	if err != nil {
		return 0
	}
	le := binary.LittleEndian
	skip := 0
	if len(b) >= 4 && le.Uint32(b) == zipDescriptor {
		skip = 4
	}
	b = b[skip:]
	switch {
	case len(b) >= 20 && le.Uint32(b) == e.crc && le.Uint64(b[4:]) == uint64(e.packed) && le.Uint64(b[12:]) == uint64(e.size):
		return int64(skip + 20)
	case len(b) >= 12 && le.Uint32(b) == e.crc && le.Uint32(b[4:]) == uint32(e.packed) && le.Uint32(b[8:]) == uint32(e.size):
		return int64(skip + 12)
	}
	return 0
}

// overlaps marks the entries whose bytes are also another's, and counts them. A few bytes could stand for many files so, each of them large.
func (z *zipReader) overlaps(ctx context.Context, entries []zipEntry) (n int) {
	order := make([]int, 0, len(entries))
	for i := range entries {
		if entries[i].data >= 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(entries[a].at, entries[b].at), cmp.Compare(entries[a].end, entries[b].end), cmp.Compare(a, b))
	})
	far := -1 // the entry that reaches furthest so far
	mark := func(i int) {
		if !entries[i].overlapped {
			entries[i].overlapped = true
			n++
		}
	}
	first := z.dir.base + z.dir.offset
	for _, i := range order {
		if ctx.Err() != nil {
			return n
		}
		if e := &entries[i]; e.at < first && e.end > first {
			mark(i)
		}
		if far >= 0 && entries[far].end > entries[i].at {
			mark(far)
			mark(i)
		}
		if far < 0 || entries[i].end > entries[far].end {
			far = i
		}
	}
	return n
}
