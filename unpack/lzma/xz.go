package lzma

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"hash/crc64"
	"io"
)

// The container, "The .xz File Format" 1.2.1; sections are named where they are read.

// xzMagic is what a stream begins with.
const xzMagic = "\xfd7zXZ\x00"

const (
	streamHeaderLen = 12
	maxBlockHeader  = 1024
)

// source is what a container is read from.
type source interface {
	io.Reader
	io.ByteReader
}

// header is that of a block, section 3.1.
type header struct {
	buf          [maxBlockHeader]byte
	length       int64    // of the header
	packed, size int64    // of the block, or -1
	filters      []filter // without LZMA2, which is the last
	list         [3]filter
	window       int64
}

// stream reads the header of a stream, section 2.1.1, and returns the kind of check.
func (h *header) stream(r source) (kind byte, err error) {
	b := h.buf[:streamHeaderLen]
	if _, err := io.ReadFull(r, b); err != nil {
		return 0, noEOF(err)
	}
	switch {
	case string(b[:6]) != xzMagic:
		return 0, damagedXZ("no stream header")
	case crc32.ChecksumIEEE(b[6:8]) != binary.LittleEndian.Uint32(b[8:]):
		return 0, damagedXZ("checksum of the stream header")
	case b[6] != 0 || b[7] > 15:
		return 0, fmt.Errorf("%w: xz stream flags %#x %#x", ErrUnsupported, b[6], b[7])
	}
	return b[7], nil
}

// read reads the header of a block whose window may have so many bytes, or any number if most is -1. It returns false,
// with one byte read, if the index follows instead.
func (h *header) read(r source, most int64) (bool, error) {
	n, err := r.ReadByte()
	if err != nil {
		return false, noEOF(err)
	}
	if n == 0 {
		return false, nil
	}
	h.buf[0] = n
	h.length = (int64(n) + 1) * 4
	b := h.buf[:h.length]
	if _, err := io.ReadFull(r, b[1:]); err != nil {
		return false, noEOF(err)
	}
	b, sum := b[:h.length-4], binary.LittleEndian.Uint32(b[h.length-4:])
	if crc32.ChecksumIEEE(b) != sum {
		return false, damagedXZ("checksum of the block header")
	}
	if b[1]&0x3c != 0 {
		return false, fmt.Errorf("%w: xz block flags %#x", ErrUnsupported, b[1])
	}
	if err := h.parse(b[1], b[2:]); err != nil {
		return false, err
	}
	if most >= 0 && h.window > most {
		return false, &WindowError{Asked: h.window, Most: most}
	}
	return true, nil
}

var errHeader = damagedXZ("block header")

// parse reads what stands behind the flags.
func (h *header) parse(flags byte, b []byte) error {
	h.packed, h.size, h.filters = -1, -1, h.list[:0]
	for _, f := range []struct {
		bit byte
		to  *int64
	}{{0x40, &h.packed}, {0x80, &h.size}} {
		if flags&f.bit != 0 {
			v, n := integer(b)
			if n == 0 {
				return errHeader
			}
			*f.to, b = int64(v), b[n:]
		}
	}
	count := int(flags&3) + 1
	for i := range count {
		id, n := integer(b)
		size, k := integer(b[n:])
		if n == 0 || k == 0 || size > uint64(len(b)-n-k) {
			return errHeader
		}
		props := b[n+k:][:size]
		b = b[n+k+int(size):]
		if i < count-1 {
			f, err := newFilter(id, props)
			if err != nil {
				return err
			}
			h.filters = append(h.filters, f)
			continue
		}
		if id != filterLZMA2 {
			return fmt.Errorf("%w: xz filter %#x in the last place", ErrUnsupported, id)
		}
		if size != 1 || props[0] > 40 {
			return fmt.Errorf("%w: properties %x of LZMA2", ErrUnsupported, props)
		}
		h.window = windowOf(props[0])
	}
	if len(bytes.Trim(b, "\x00")) > 0 {
		return errHeader
	}
	return nil
}

// windowOf is section 5.3.1.
func windowOf(b byte) int64 {
	if b >= 40 {
		return 1<<32 - 1
	}
	return (2 | int64(b&1)) << (b/2 + 11)
}

// integer is section 1.2. n is 0 if there is none.
func integer(b []byte) (v uint64, n int) {
	for i := 0; i < len(b) && i < 9; i++ {
		v |= uint64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			if b[i] == 0 && i > 0 {
				return 0, 0
			}
			return v, i + 1
		}
	}
	return 0, 0
}

// end reads what stands behind the chunks of a block, sections 3.3 and 3.4, and compares what was found with the header.
func (h *header) end(r source, sum *check, packed, size int64) error {
	if h.packed >= 0 && h.packed != packed || h.size >= 0 && h.size != size {
		return damagedXZ("the block is not as long as its header says")
	}
	pad := h.buf[:-packed&3]
	if _, err := io.ReadFull(r, pad); err != nil {
		return noEOF(err)
	}
	if len(bytes.Trim(pad, "\x00")) > 0 {
		return damagedXZ("padding of the block")
	}
	stored := h.buf[:checkLen[sum.kind]]
	if _, err := io.ReadFull(r, stored); err != nil {
		return noEOF(err)
	}
	if !sum.is(stored) {
		return damagedXZ("checksum of the block")
	}
	return nil
}

// Kinds of checks, section 2.1.1.2.
const (
	checkNone   = 0
	checkCRC32  = 1
	checkCRC64  = 4
	checkSHA256 = 10
)

var checkLen = [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}

func knownCheck(kind byte) bool {
	return kind == checkNone || kind == checkCRC32 || kind == checkCRC64 || kind == checkSHA256
}

var crc64Table = crc64.MakeTable(crc64.ECMA)

// check sums up the content of a block. A kind that is not known matches anything.
type check struct {
	kind  byte
	crc32 uint32
	crc64 uint64
	sha   hash.Hash
}

func (c *check) begin(kind byte) {
	c.kind, c.crc32, c.crc64 = kind, 0, 0
	if kind == checkSHA256 {
		c.sha = sha256.New()
	}
}

func (c *check) write(b []byte) {
	switch c.kind {
	case checkCRC32:
		c.crc32 = crc32.Update(c.crc32, crc32.IEEETable, b)
	case checkCRC64:
		c.crc64 = crc64.Update(c.crc64, crc64Table, b)
	case checkSHA256:
		c.sha.Write(b)
	}
}

func (c *check) is(stored []byte) bool {
	switch c.kind {
	case checkCRC32:
		return c.crc32 == binary.LittleEndian.Uint32(stored)
	case checkCRC64:
		return c.crc64 == binary.LittleEndian.Uint64(stored)
	case checkSHA256:
		return bytes.Equal(c.sha.Sum(nil), stored)
	}
	return true
}
