package lzma

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"io"
)

// index compares the index of a stream, section 4, with the blocks that there were. It keeps digests instead of the
// records, so that a stream of millions of blocks takes up no memory.
type index struct {
	blocks      uint64
	found, said hash.Hash
	read        int64 // bytes of the index
	sum         uint32
	buf         [16]byte
}

func (x *index) clear() {
	x.blocks = 0
	if x.found == nil {
		x.found, x.said = sha256.New(), sha256.New()
	}
	x.found.Reset()
	x.said.Reset()
}

// add notes a block: bytes of its chunks, and of what they decode to.
func (x *index) add(h *header, kind byte, packed, size int64) {
	x.blocks++
	x.record(x.found, uint64(h.length+packed)+uint64(checkLen[kind]), uint64(size))
}

func (x *index) record(to hash.Hash, unpadded, size uint64) {
	binary.LittleEndian.PutUint64(x.buf[:], unpadded)
	binary.LittleEndian.PutUint64(x.buf[8:], size)
	to.Write(x.buf[:])
}

// end reads the index, whose first byte was read, and the footer of the stream, section 2.1.2.
func (x *index) end(r source, kind byte) error {
	x.read, x.sum = 1, crc32.ChecksumIEEE([]byte{0})
	n, err := x.integer(r)
	if err != nil {
		return err
	}
	if n != x.blocks {
		return damagedXZ("the index has another number of blocks")
	}
	for range n {
		unpadded, err := x.integer(r)
		if err != nil {
			return err
		}
		size, err := x.integer(r)
		if err != nil {
			return err
		}
		x.record(x.said, unpadded, size)
	}
	if !bytes.Equal(x.found.Sum(nil), x.said.Sum(nil)) {
		return damagedXZ("the index does not match the blocks")
	}
	for x.read%4 != 0 {
		b, err := x.byte(r)
		if err != nil {
			return err
		}
		if b != 0 {
			return damagedXZ("padding of the index")
		}
	}
	if err := x.fill(r, 4); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(x.buf[:]) != x.sum {
		return damagedXZ("checksum of the index")
	}
	if err := x.fill(r, 12); err != nil {
		return err
	}
	f := x.buf[:12]
	switch {
	case string(f[10:]) != "YZ":
		return damagedXZ("no stream footer")
	case crc32.ChecksumIEEE(f[4:10]) != binary.LittleEndian.Uint32(f):
		return damagedXZ("checksum of the stream footer")
	case f[8] != 0 || f[9] != kind:
		return damagedXZ("header and footer of the stream differ")
	case (int64(binary.LittleEndian.Uint32(f[4:]))+1)*4 != x.read+4:
		return damagedXZ("the footer has another size of the index")
	}
	return nil
}

func (x *index) fill(r source, n int) error {
	_, err := io.ReadFull(r, x.buf[:n])
	return noEOF(err)
}

func (x *index) byte(r source) (byte, error) {
	b, err := r.ReadByte()
	if err != nil {
		return 0, noEOF(err)
	}
	x.read++
	x.buf[0] = b
	x.sum = crc32.Update(x.sum, crc32.IEEETable, x.buf[:1])
	return b, nil
}

func (x *index) integer(r source) (uint64, error) {
	var b [9]byte
	for i := range b {
		c, err := x.byte(r)
		if err != nil {
			return 0, err
		}
		b[i] = c
		if c&0x80 == 0 {
			if v, n := integer(b[:i+1]); n > 0 {
				return v, nil
			}
			break
		}
	}
	return 0, damagedXZ("an integer of the index")
}
