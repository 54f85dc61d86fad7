package unpack

import (
	"encoding/binary"
	"math/bits"
)

// xxh32 is the checksum of LZ4 frames: XXH32 with seed 0 (doc/xxhash_spec.md of xxHash).
type xxh32 struct {
	acc   [4]uint32
	total uint64
	rest  [16]byte
	n     int // bytes in rest
}

const (
	xxPrime1 uint32 = 0x9e3779b1
	xxPrime2 uint32 = 0x85ebca77
	xxPrime3 uint32 = 0xc2b2ae3d
	xxPrime4 uint32 = 0x27d4eb2f
	xxPrime5 uint32 = 0x165667b1
)

func newXXH32() *xxh32 {
	p1, p2 := xxPrime1, xxPrime2 // sums wrap
	return &xxh32{acc: [4]uint32{p1 + p2, p2, 0, -p1}}
}

func sumXXH32(b []byte) uint32 {
	x := newXXH32()
	x.write(b)
	return x.sum()
}

func (x *xxh32) write(b []byte) {
	x.total += uint64(len(b))
	if x.n > 0 {
		k := copy(x.rest[x.n:], b)
		x.n, b = x.n+k, b[k:]
		if x.n < len(x.rest) {
			return
		}
		x.stripe(x.rest[:])
		x.n = 0
	}
	for len(b) >= 16 {
		x.stripe(b)
		b = b[16:]
	}
	x.n = copy(x.rest[:], b)
}

func (x *xxh32) stripe(b []byte) {
	for i := range x.acc {
		x.acc[i] = bits.RotateLeft32(x.acc[i]+binary.LittleEndian.Uint32(b[4*i:])*xxPrime2, 13) * xxPrime1
	}
}

func (x *xxh32) sum() uint32 {
	h := xxPrime5
	if x.total >= 16 {
		h = bits.RotateLeft32(x.acc[0], 1) + bits.RotateLeft32(x.acc[1], 7) + bits.RotateLeft32(x.acc[2], 12) + bits.RotateLeft32(x.acc[3], 18)
	}
	h += uint32(x.total)
	b := x.rest[:x.n]
	for ; len(b) >= 4; b = b[4:] {
		h = bits.RotateLeft32(h+binary.LittleEndian.Uint32(b)*xxPrime3, 17) * xxPrime4
	}
	for _, c := range b {
		h = bits.RotateLeft32(h+uint32(c)*xxPrime5, 11) * xxPrime1
	}
	h = (h ^ h>>15) * xxPrime2
	h = (h ^ h>>13) * xxPrime3
	return h ^ h>>16
}
