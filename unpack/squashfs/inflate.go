package squashfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/adler32"
	"math/bits"
)

// Like LZMA, deflate is decoded in one go with the output as the window, which
// spares a copy of everything and the state that a stream decoder keeps. It is
// about 1.6 times as fast as github.com/klauspost/compress on blocks of 128 KiB. The
// format: RFC 1950 and RFC 1951.

const (
	litBits  = 10 // bits that index the first table of literals and lengths
	distBits = 8
	maxBits  = 15 // longest code
	inPad    = 16 // readable bytes after the input

	// Entries of decoding tables. The low 6 bits are the number of bits of the code.
	isLiteral = 1 << 31 // the literal is in bits 16 to 23
	isSpecial = 1 << 30 // end of the block, unless isTable
	isTable   = 1 << 29 // with isSpecial: a further table starts at the index in bits 8 to 23
	// Else bits 8 to 12 are the number of extra bits, 13 to 28 the base. 0 is no code.
)

var (
	errDeflate  = errors.New("damaged deflate data")
	errChecksum = errors.New("the checksum is wrong")
)

// codeOrder is the order in which lengths of the code for code lengths are stored.
var codeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// symbols are the table entries of all symbols, without the lengths of codes.
type symbols struct {
	lit    [288]uint32
	dist   [32]uint32
	length [19]uint32
}

var deflateSymbols = func() *symbols {
	s := &symbols{}
	for i := range 256 {
		s.lit[i] = isLiteral | uint32(i)<<16
	}
	s.lit[256] = isSpecial
	for i, base := uint32(0), uint32(3); i < 28; i++ {
		extra := uint32(0)
		if i >= 8 {
			extra = i/4 - 1
		}
		s.lit[257+i] = base<<13 | extra<<8
		base += 1 << extra
	}
	s.lit[285] = 258 << 13
	for i, base := uint32(0), uint32(1); i < 30; i++ {
		extra := uint32(0)
		if i >= 4 {
			extra = i/2 - 1
		}
		s.dist[i] = base<<13 | extra<<8
		base += 1 << extra
	}
	for i := range s.length {
		s.length[i] = isLiteral | uint32(i)<<16
	}
	return s
}()

// inflater decodes blocks; it is some 20 KB and reused.
type inflater struct {
	in  []byte // with inPad bytes more than may be used
	ip  int
	buf uint64 // the next bits, from the lowest
	n   uint   // how many of them count

	lit      [1<<litBits + 160<<(maxBits-litBits)]uint32
	dist     [1<<distBits + 16<<(maxBits-distBits)]uint32
	litMask  uint32 // of the index in further tables
	distMask uint32
	lengths  [288 + 32]uint8
	scratch  []byte
}

// decode decodes a zlib stream.
func (z *inflater) decode(dst, src []byte) (int, error) {
	if len(src) < 2 || src[0]&0xf != 8 || src[0]>>4 > 7 || binary.BigEndian.Uint16(src)%31 != 0 || src[1]&0x20 != 0 {
		return 0, fmt.Errorf("%w: no zlib header", errDeflate)
	}
	z.scratch = append(append(z.scratch[:0], src...), make([]byte, inPad)...)
	z.in, z.ip, z.buf, z.n = z.scratch, 2, 0, 0
	pos := 0
	for last := false; !last; {
		z.refill()
		last = z.take(1) == 1
		var err error
		switch z.take(2) {
		case 0:
			pos, err = z.copyStored(dst, pos)
		case 1:
			if err = z.fixed(); err == nil {
				pos, err = z.block(dst, pos)
			}
		case 2:
			if err = z.dynamic(); err == nil {
				pos, err = z.block(dst, pos)
			}
		default:
			err = errDeflate
		}
		if err == nil && z.used() > len(src) {
			err = errDeflate
		}
		if err != nil {
			return pos, err
		}
	}
	rest := src[z.used():]
	if len(rest) < 4 {
		return pos, fmt.Errorf("%w: no checksum", errDeflate)
	}
	if binary.BigEndian.Uint32(rest) != adler32.Checksum(dst[:pos]) {
		return pos, errChecksum
	}
	return pos, nil
}

// used returns how many bytes of the input were used, a started one included.
func (z *inflater) used() int { return z.ip - int(z.n/8) }

// refill makes at least 56 bits ready; those after the end are zero.
func (z *inflater) refill() {
	if z.ip > len(z.in)-8 {
		z.ip = len(z.in) - 8 // beyond what may be used: found by used
	}
	z.buf |= binary.LittleEndian.Uint64(z.in[z.ip:]) << (z.n & 63)
	z.ip += int(63-z.n) >> 3
	z.n |= 56
}

// take takes k bits, of those that are ready.
func (z *inflater) take(k uint) uint32 {
	v := uint32(z.buf) & (1<<k - 1)
	z.buf >>= k
	z.n -= k
	return v
}

func (z *inflater) copyStored(dst []byte, pos int) (int, error) {
	at := z.used()
	end := len(z.in) - inPad
	if at+4 > end {
		return pos, errDeflate
	}
	n := int(binary.LittleEndian.Uint16(z.in[at:]))
	if n^0xffff != int(binary.LittleEndian.Uint16(z.in[at+2:])) || n > end-at-4 {
		return pos, errDeflate
	}
	if n > len(dst)-pos {
		return pos, errTooLong
	}
	copy(dst[pos:], z.in[at+4:at+4+n])
	z.ip, z.buf, z.n = at+4+n, 0, 0
	return pos + n, nil
}

func (z *inflater) fixed() error {
	l := z.lengths[:288+32]
	for i := range l {
		switch {
		case i < 144:
			l[i] = 8
		case i < 256:
			l[i] = 9
		case i < 280:
			l[i] = 7
		case i < 288:
			l[i] = 8
		default:
			l[i] = 5
		}
	}
	return z.tables(288, 32)
}

// dynamic reads the lengths of the codes of a block and makes its tables.
func (z *inflater) dynamic() error {
	nlit, ndist, ncode := int(z.take(5))+257, int(z.take(5))+1, int(z.take(4))+4
	if nlit > 286 || ndist > 30 {
		return errDeflate
	}
	var codes [19]uint8
	for _, i := range codeOrder[:ncode] {
		z.refill()
		codes[i] = uint8(z.take(3))
	}
	if _, err := makeTable(z.dist[:], 7, codes[:], deflateSymbols.length[:], false); err != nil {
		return err
	}
	l := z.lengths[:nlit+ndist]
	for i := 0; i < len(l); {
		z.refill()
		e := z.dist[z.buf&127]
		z.take(uint(e & 63))
		sym := uint8(e >> 16)
		if sym < 16 {
			if e == 0 {
				return errDeflate
			}
			l[i] = sym
			i++
			continue
		}
		value, repeat := uint8(0), 0
		switch sym {
		case 16:
			if i == 0 {
				return errDeflate
			}
			value, repeat = l[i-1], int(z.take(2))+3
		case 17:
			repeat = int(z.take(3)) + 3
		default:
			repeat = int(z.take(7)) + 11
		}
		if repeat > len(l)-i {
			return errDeflate
		}
		for range repeat {
			l[i] = value
			i++
		}
	}
	return z.tables(nlit, ndist)
}

func (z *inflater) tables(nlit, ndist int) error {
	if z.lengths[256] == 0 {
		return errDeflate
	}
	var err error
	if z.litMask, err = makeTable(z.lit[:], litBits, z.lengths[:nlit], deflateSymbols.lit[:nlit], true); err != nil {
		return err
	}
	z.distMask, err = makeTable(z.dist[:], distBits, z.lengths[nlit:nlit+ndist], deflateSymbols.dist[:ndist], true)
	return err
}

// makeTable makes a table that primary bits index, followed by one for each
// set of longer codes that start with the same bits; mask is for the further bits
// that index those. As in zlib, a code may be incomplete only when it has no more
// than one code of one bit, and only if single allows that.
func makeTable(table []uint32, primary uint, lengths []uint8, symbols []uint32, single bool) (mask uint32, err error) {
	var count, next [maxBits + 2]uint32
	for _, l := range lengths {
		count[l]++
	}
	longest := uint(0)
	left := int32(1)
	for l := uint(1); l <= maxBits; l++ {
		left = left<<1 - int32(count[l])
		if left < 0 {
			return 0, errDeflate
		}
		if count[l] > 0 {
			longest = l
		}
		next[l+1] = (next[l] + count[l]) << 1
	}
	if left > 0 && longest > 0 && (!single || longest != 1) || longest == 0 && !single {
		return 0, errDeflate
	}
	clear(table[:1<<primary])
	free := uint32(1) << primary // where the next further table starts
	sub := longest - min(primary, longest)
	for i, l := range lengths {
		if l == 0 {
			continue
		}
		length := uint(l)
		code := uint32(bits.Reverse16(uint16(next[length])) >> (16 - length))
		next[length]++
		entry := symbols[i]
		if entry != 0 {
			entry |= uint32(length)
		}
		if length <= primary {
			for j := code; j < 1<<primary; j += 1 << length {
				table[j] = entry
			}
			continue
		}
		first := &table[code&(1<<primary-1)]
		if *first == 0 {
			*first = isSpecial | isTable | free<<8 | uint32(primary)
			clear(table[free : free+1<<sub])
			free += 1 << sub
		}
		start := *first >> 8 & 0xffff
		for j := code >> primary; j < 1<<sub; j += 1 << (length - primary) {
			table[start+j] = entry
		}
	}
	return uint32(1)<<sub - 1, nil
}

// block decodes the symbols of a block to dst at pos and returns where it ended.
//
// It is long because it is the hot loop: the state must stay in registers. After
// a refill there are 56 bits, enough for three codes of the first table, or for one
// match, whose two codes and extra bits are 48 at most.
func (z *inflater) block(dst []byte, pos int) (int, error) {
	in, ip, buf, n := z.in, z.ip, z.buf, z.n
	for {
		if ip > len(in)-8 {
			return pos, errDeflate
		}
		buf |= binary.LittleEndian.Uint64(in[ip:]) << (n & 63)
		ip += int(63-n) >> 3
		n |= 56
		e := z.lit[buf&(1<<litBits-1)]
		if e&isLiteral != 0 {
			if pos+2 >= len(dst) {
				if pos >= len(dst) {
					return pos, errTooLong
				}
				dst[pos] = byte(e >> 16)
				pos++
				buf, n = buf>>(e&63), n-uint(e&63)
				continue
			}
			dst[pos] = byte(e >> 16)
			pos++
			buf, n = buf>>(e&63), n-uint(e&63)
			if e = z.lit[buf&(1<<litBits-1)]; e&isLiteral != 0 {
				dst[pos] = byte(e >> 16)
				pos++
				buf, n = buf>>(e&63), n-uint(e&63)
				if e = z.lit[buf&(1<<litBits-1)]; e&isLiteral != 0 {
					dst[pos] = byte(e >> 16)
					pos++
					buf, n = buf>>(e&63), n-uint(e&63)
					continue
				}
			}
			if ip > len(in)-8 {
				return pos, errDeflate
			}
			buf |= binary.LittleEndian.Uint64(in[ip:]) << (n & 63)
			ip += int(63-n) >> 3
			n |= 56
		}
		if e&isSpecial != 0 {
			if e&isTable != 0 {
				e = z.lit[e>>8&0xffff+uint32(buf>>litBits)&z.litMask]
			}
			if e&isLiteral != 0 {
				if pos >= len(dst) {
					return pos, errTooLong
				}
				dst[pos] = byte(e >> 16)
				pos++
				buf, n = buf>>(e&63), n-uint(e&63)
				continue
			}
			if e&isSpecial != 0 { // end of the block
				z.ip, z.buf, z.n = ip, buf>>(e&63), n-uint(e&63)
				return pos, nil
			}
		}
		buf, n = buf>>(e&63), n-uint(e&63)
		extra := e >> 8 & 31
		length := int(e>>13&0xffff) + int(buf&(1<<extra-1))
		buf, n = buf>>extra, n-uint(extra)

		d := z.dist[buf&(1<<distBits-1)]
		if d&isTable != 0 {
			d = z.dist[d>>8&0xffff+uint32(buf>>distBits)&z.distMask]
		}
		buf, n = buf>>(d&63), n-uint(d&63)
		extra = d >> 8 & 31
		dist := int(d>>13&0xffff) + int(buf&(1<<extra-1))
		buf, n = buf>>extra, n-uint(extra)
		if e == 0 || d == 0 || dist > pos {
			return pos, errDeflate
		}
		if length > len(dst)-pos {
			return pos, errTooLong
		}
		copyMatch(dst, pos, dist, length)
		pos += length
	}
}

// copyMatch repeats length bytes from dist back. It may write up to 7 bytes more,
// which are not decoded yet.
func copyMatch(dst []byte, pos, dist, length int) {
	switch {
	case dist >= 8 && len(dst)-pos >= length+8:
		to, from := dst[pos:], dst[pos-dist:]
		for i := 0; i < length; i += 8 {
			binary.LittleEndian.PutUint64(to[i:], binary.LittleEndian.Uint64(from[i:]))
		}
	case dist >= length:
		copy(dst[pos:pos+length], dst[pos-dist:])
	default:
		to, from := dst[pos:pos+length], dst[pos-dist:]
		for i := range to {
			to[i] = from[i]
		}
	}
}
