package unpack

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/probat-lab/probat/tree"
)

// embedded looks through bytes that are not opened for what stands behind a head of another kind: a squashfs behind a program
// (AppImage), an archive behind a script. Magic numbers of a few bytes stand in programs by the thousand, so that only what fits
// together counts. It keeps the first of what it finds.
type embedded struct {
	text bool // the head is text, or a script's: other bytes behind it are told too

	buf  []byte // the last bytes that were written, at least embeddedKeep of them; nil where all is looked at in one go
	base int64  // where buf begins
	done int    // bytes of buf at which nothing begins

	what  string // "" until something was found
	at    int64
	other int64 // where bytes begin that are no text; -1 where there are none
}

const (
	// embeddedSpan is how many bytes from its first on tell what something is: a header of tar, the entries of a kernel's empty cpio.
	embeddedSpan = 1 << 10
	// embeddedKeep is how far the end record of a zip may be from the end: 64 KiB of comment.
	embeddedKeep = zipEndLen + 1<<16 - 1
	embeddedStep = 64 << 10
	// embeddedBuffer is how many bytes are at hand: more would not stay in the cache.
	embeddedBuffer = 384 << 10
)

// Write takes p into account. It never fails.
func (e *embedded) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if len(e.buf) == cap(e.buf) {
			from := min(e.done-embeddedSpan, len(e.buf)-embeddedKeep) // a header may begin before what tells it
			e.buf = e.buf[:copy(e.buf, e.buf[from:])]
			e.base, e.done = e.base+int64(from), e.done-from
		}
		k := min(len(p), cap(e.buf)-len(e.buf), embeddedStep)
		e.buf = append(e.buf, p[:k]...)
		p = p[k:]
		if len(e.buf)-e.done >= embeddedStep+embeddedSpan {
			e.sampleText(e.buf[e.done:][:samplePart], e.base+int64(e.done))
			e.search(e.done + embeddedStep) // where, does not depend on how much is written at a time
		}
	}
	return n, nil
}

// whole looks at bytes that are all at hand.
func (e *embedded) whole(b []byte) {
	e.buf = b
	if e.text {
		for at := smallestOther; at <= len(b)-smallestOther && e.other < 0; at += smallestOther {
			e.sampleText(b[at:at+smallestOther], int64(at))
		}
	}
	e.search(len(b))
	e.searchZip()
}

// close looks at the last bytes that were written.
func (e *embedded) close() {
	last := max(0, len(e.buf)-samplePart)
	e.sampleText(e.buf[last:], e.base+int64(last))
	e.search(len(e.buf))
	e.searchZip()
}

// smallestOther is from how many bytes on others than text count: fewer hold no file.
const smallestOther = 512

// sampleText notes whether a piece is no text at all. A control character here or there is not enough for that.
func (e *embedded) sampleText(b []byte, at int64) {
	if !e.text || e.other >= 0 || len(b) < smallestOther {
		return
	}
	n := 0
	for _, c := range b {
		if c < 0x20 && !(c >= '\b' && c <= '\r') && c != 0x1b && c != 0x1f {
			n++
		}
	}
	if n*16 >= len(b) { // of random bytes a tenth are, of programs and archives more
		e.other = at
	}
}

// embeddedMagic is something that is searched for.
type embeddedMagic struct {
	what   string
	bytes  []byte              // at least embeddedStride+1; no two have a pair in common
	offset int                 // of the bytes, in a header; less than embeddedSpan
	is     func(b []byte) bool // tells whether a header begins here, of at least embeddedSpan bytes where there are as many
}

var embeddedMagics = []embeddedMagic{
	{"squashfs", []byte("hsqs"), 0, isEmbeddedSquashfs},
	{"tar", []byte("ustar"), 257, isTar},
	{cpioName, []byte("07070"), 0, isEmbeddedCpio},
}

// embeddedStride is how far apart the places are that search looks at: every magic has a pair of its bytes at one of them.
const embeddedStride = 3

// embeddedPairs says for two bytes, the first of them in the low half, of which magic they are a part; 0 for none.
var embeddedPairs = func() *[1 << 16]uint8 {
	var pairs [1 << 16]uint8
	for i, m := range embeddedMagics {
		for k := range embeddedStride {
			pairs[binary.LittleEndian.Uint16(m.bytes[k:])] = uint8(i) + 1
		}
	}
	return &pairs
}()

// search looks for magics in buf that begin at done or behind it, and before end, and keeps the first that a header has. All magics are
// searched for in one pass, which is several times as fast as bytes.Index for each.
func (e *embedded) search(end int) {
	if e.what == "" {
		b := e.buf[:min(end+embeddedStride, len(e.buf))]
		for i := e.done; ; i += embeddedStride {
			var c uint8
			if i, c = nextPair(b, i); c == 0 || e.header(&embeddedMagics[c-1], i, end) {
				break
			}
		}
	}
	e.done = end
}

// nextPair returns the next place, in steps from i on, where a pair of bytes is of a magic, and of which; 0 where there is none.
func nextPair(b []byte, i int) (int, uint8) {
	pairs := embeddedPairs
	for ; i >= 0 && i < len(b)-1; i += embeddedStride {
		if c := pairs[uint16(b[i])|uint16(b[i+1])<<8]; c != 0 {
			return i, c
		}
	}
	return i, 0
}

// header tells whether a pair of bytes is of a header's magic, and notes it then.
func (e *embedded) header(m *embeddedMagic, pair, end int) bool {
	for at := max(pair-embeddedStride+1, e.done, m.offset); at <= pair && at < end; at++ {
		if !bytes.HasPrefix(e.buf[at:], m.bytes) {
			continue
		}
		start := at - m.offset
		if e.base+int64(start) > 0 && m.is(e.buf[start:min(start+embeddedSpan, len(e.buf))]) {
			e.what, e.at = m.what, e.base+int64(start)
			return true
		}
	}
	return false
}

// isEmbeddedSquashfs wants a superblock of version 4.0 whose block size is the one of its logarithm (fs/squashfs/squashfs_fs.h of Linux).
func isEmbeddedSquashfs(b []byte) bool {
	if !isSquashfs(b) {
		return false
	}
	le := binary.LittleEndian
	size, log := le.Uint32(b[12:]), le.Uint16(b[22:])
	return le.Uint16(b[28:]) == 4 && le.Uint16(b[30:]) == 0 && log >= 12 && log <= 20 && size == 1<<log
}

// isEmbeddedCpio wants a header of newc whose name ends where it says. The archive that every kernel holds, with a console and nothing else
// (usr/default_cpio_list of Linux), is none.
func isEmbeddedCpio(b []byte) bool {
	h, ok := embeddedEntry(b)
	for first := true; ; first = false {
		if !ok || len(b) < cpioNewcLen+h.nameLen {
			return ok || !first
		}
		switch string(b[cpioNewcLen:][:h.nameLen-1]) {
		case cpioTrailer:
			return false
		case "dev", "/dev", "dev/console", "/dev/console", "root", "/root":
		default:
			return true
		}
		next := (cpioNewcLen + h.nameLen + 3) &^ 3
		if h.mode&cpioTypeMask == cpioRegular || h.size != 0 || next > len(b) {
			return true
		}
		b = b[next:]
		h, ok = embeddedEntry(b)
	}
}

// embeddedEntry reads a header of newc and looks at the name behind it.
func embeddedEntry(b []byte) (h cpioHeader, ok bool) {
	if len(b) < cpioNewcLen {
		return h, false
	}
	kind := cpioNewc
	if b[5] == '2' {
		kind = cpioCRC
	}
	h, ok = parseCpio(kind, b[:cpioNewcLen])
	if !ok || h.nameLen < 2 || h.nameLen > maxPath {
		return h, false
	}
	name := b[cpioNewcLen:]
	if len(name) < h.nameLen { // it may be a long one, or be cut off
		return h, bytes.IndexByte(name, 0) < 0 && len(name) > 0
	}
	return h, bytes.IndexByte(name[:h.nameLen], 0) == h.nameLen-1
}

// searchZip looks for the end record of a zip whose comment reaches to the end of buf and whose directory lies before it.
func (e *embedded) searchZip() {
	if e.what != "" || len(e.buf) < zipEndLen {
		return
	}
	le := binary.LittleEndian
	from := max(0, len(e.buf)-embeddedKeep)
	for tail := e.buf[from:]; ; {
		i := bytes.LastIndex(tail, []byte("PK\x05\x06"))
		if i < 0 {
			return
		}
		tail = tail[:i]
		r := e.buf[from+i:]
		if len(r) < zipEndLen || len(r) != zipEndLen+int(le.Uint16(r[20:])) {
			continue
		}
		entries, size, offset := int64(le.Uint16(r[10:])), int64(le.Uint32(r[12:])), int64(le.Uint32(r[16:]))
		end := e.base + int64(from+i)
		if at := from + i - zipLocatorLen; at >= 0 && le.Uint32(e.buf[at:]) == zipLocator {
			e.what, e.at = "zip", end
			return
		}
		if entries == 0 || size < entries*zipCentralLen || offset > end-size {
			continue
		}
		if at := int64(from+i) - size; at >= 0 && le.Uint32(e.buf[at:]) != zipCentral {
			continue
		}
		if e.what, e.at = "zip", end-size-offset; e.at == 0 { // offsets count from the leaf's first byte: the first entry is not looked for
			e.at = end - size
		}
		return
	}
}

// embedded returns what looks for things behind the head of a leaf, or nil where the leaf as a whole is unobserved anyway.
func (w *walker) embedded(format string, head []byte) *embedded {
	if kindOfFormat(format) != plainContent {
		return nil
	}
	for i := range w.formats {
		if w.formats[i].Name == format { // too deep to be opened
			return nil
		}
	}
	return &embedded{text: format == "text" || format == "" && bytes.HasPrefix(head, []byte("#!")), other: -1}
}

// behind records what stands behind the head of a leaf.
func (w *walker) behind(id tree.ID, e *embedded, size int64) {
	u := tree.Unobserved{Node: id, Reason: "unaccounted", Hides: tree.HidesAll}
	switch {
	case e == nil:
		return
	case e.what != "":
		u.Offset, u.Detail = e.at, fmt.Sprintf("what looks like a %s at byte %d is not opened", e.what, e.at)
	case e.other >= 0:
		u.Offset, u.Detail = e.other, "text that ends in other bytes"
	default:
		return
	}
	u.Length = size - u.Offset
	w.unobserved(u)
}
