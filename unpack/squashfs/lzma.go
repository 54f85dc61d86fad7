package squashfs

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A block is decoded in one go, with the whole of its output at hand, so that the
// output is the dictionary: nothing is copied, nothing is allocated for the
// dictionary size that the block names, and there is no state between calls. It
// is about 1.4 times as fast as github.com/xi2/xz.
//
// The format: the LZMA SDK's lzma-specification.txt, and for LZMA2 the Linux
// kernel's lib/xz/xz_dec_lzma2.c.

const (
	probInit  = 1 << 10 // a bit is as likely 0 as 1
	probTop   = 1 << 24 // the range is kept above this
	lzmaPad   = 32      // readable bytes after the input: one symbol takes at most 20
	minMatch  = 2
	maxLcLp   = 4 // as in LZMA2, and in what mksquashfs makes with lzma
	endMarker = ^uint32(0)
)

var errLZMA = errors.New("damaged LZMA data")

// lenProbs are the probabilities of match lengths.
type lenProbs struct {
	choice, choice2 uint16
	low, mid        [16][8]uint16
	high            [256]uint16
}

// lzmaProbs are all probabilities; a reset sets them together.
type lzmaProbs struct {
	match, rep0Long       [12][16]uint16
	rep, rep0, rep1, rep2 [12]uint16
	slot                  [4][64]uint16
	special               [128]uint16
	align                 [16]uint16
	matchLen, repLen      lenProbs
	literal               [1 << maxLcLp][0x400]uint16
}

// lzmaDecoder decodes LZMA symbols from in to out.
type lzmaDecoder struct {
	in   []byte // with lzmaPad bytes more than may be used
	ip   int
	out  []byte
	pos  int
	base int // where in out the dictionary starts

	rng, code uint32 // range decoder
	state     uint32
	rep       [4]uint32 // latest distances, minus 1
	lc        uint32
	lpMask    uint32
	pbMask    uint32

	scratch []byte
	probs   lzmaProbs
}

// initialProbs is what a reset copies.
var initialProbs = func() *lzmaProbs {
	p := &lzmaProbs{}
	fill := func(s []uint16) {
		for i := range s {
			s[i] = probInit
		}
	}
	for i := range p.match {
		fill(p.match[i][:])
		fill(p.rep0Long[i][:])
	}
	for _, a := range []*[12]uint16{&p.rep, &p.rep0, &p.rep1, &p.rep2} {
		fill(a[:])
	}
	for i := range p.slot {
		fill(p.slot[i][:])
	}
	fill(p.special[:])
	fill(p.align[:])
	for _, l := range []*lenProbs{&p.matchLen, &p.repLen} {
		l.choice, l.choice2 = probInit, probInit
		for i := range l.low {
			fill(l.low[i][:])
			fill(l.mid[i][:])
		}
		fill(l.high[:])
	}
	for i := range p.literal {
		fill(p.literal[i][:])
	}
	return p
}()

// load takes a block's stored bytes and the room for what is inside.
func (d *lzmaDecoder) load(dst, src []byte) {
	d.scratch = append(append(d.scratch[:0], src...), make([]byte, lzmaPad)...)
	d.in, d.ip, d.out, d.pos, d.base = d.scratch, 0, dst, 0, 0
}

// properties sets the parameters of the model and resets the state.
func (d *lzmaDecoder) properties(b byte) error {
	lc, lp, pb := uint32(b%9), uint32(b/9%5), uint32(b/45)
	if pb > 4 || lc+lp > maxLcLp {
		return fmt.Errorf("LZMA parameters lc=%d lp=%d pb=%d are out of range", lc, lp, pb)
	}
	d.lc, d.lpMask, d.pbMask = lc, 1<<lp-1, 1<<pb-1
	d.reset()
	return nil
}

func (d *lzmaDecoder) reset() {
	p, from := &d.probs, initialProbs
	p.match, p.rep0Long = from.match, from.rep0Long
	p.rep, p.rep0, p.rep1, p.rep2 = from.rep, from.rep0, from.rep1, from.rep2
	p.slot, p.special, p.align = from.slot, from.special, from.align
	p.matchLen, p.repLen = from.matchLen, from.repLen
	// Of the literals only those that the parameters use; they are most of it.
	used := (d.lpMask + 1) << d.lc
	copy(p.literal[:used], from.literal[:used])
	d.state, d.rep = 0, [4]uint32{}
}

// start reads the five bytes with which the range decoder starts.
func (d *lzmaDecoder) start(end int) error {
	if end-d.ip < 5 || d.in[d.ip] != 0 {
		return errLZMA
	}
	d.rng, d.code = ^uint32(0), binary.BigEndian.Uint32(d.in[d.ip+1:])
	d.ip += 5
	return nil
}

// run decodes symbols until out is filled up to limit or, if marked is true, an end marker
// comes; the input may be used up to end.
func (d *lzmaDecoder) run(end, limit int, marked bool) error {
	for d.pos < limit {
		if !d.literals(end, limit) {
			if d.ip > end {
				return errLZMA
			}
			continue
		}
		n := d.match(uint32(d.pos-d.base) & d.pbMask)
		dist := d.rep[0]
		if dist == endMarker && marked && n > 0 {
			break
		}
		if d.ip > end || uint64(dist) >= uint64(d.pos-d.base) || n > limit-d.pos {
			return errLZMA
		}
		d.copy(int(dist)+1, n)
	}
	if d.rng < probTop {
		d.rng <<= 8
		d.code = d.code<<8 | uint32(d.in[d.ip])
		d.ip++
	}
	if d.ip > end {
		return errLZMA
	}
	return nil
}

// copy repeats n bytes from dist back, which the caller checked.
func (d *lzmaDecoder) copy(dist, n int) {
	to, from := d.out[d.pos:d.pos+n], d.out[d.pos-dist:]
	d.pos += n
	if dist >= n {
		copy(to, from)
		return
	}
	for i := range to {
		to[i] = from[i]
	}
}

// literals decodes literals until the output or the input is full, or a match follows: then it
// returns true.
//
// The function is long because it is the hot one: the range decoder must stay
// in registers. A bit is decoded without a branch on its value, which no
// processor could predict; m is all ones when the bit is 0.
func (d *lzmaDecoder) literals(end, limit int) bool {
	rng, code, ip, in := d.rng, d.code, d.ip, d.in
	out, pos, state := d.out[:limit], d.pos, d.state
	prev := uint32(0)
	if pos > d.base {
		prev = uint32(out[pos-1])
	}
	match := false
	for pos < limit && ip <= end {
		here := uint32(pos - d.base)
		if rng < probTop {
			rng, code = rng<<8, code<<8|uint32(in[ip])
			ip++
		}
		prob := &d.probs.match[state][here&d.pbMask]
		p := uint32(*prob)
		bound := rng >> 11 * p
		if code >= bound {
			rng, code = rng-bound, code-bound
			*prob = uint16(p - p>>5)
			match = true
			break
		}
		rng = bound
		*prob = uint16(p + (2048-p)>>5)
		probs := &d.probs.literal[(here&d.lpMask)<<d.lc+prev>>(8-d.lc)&15]
		sym := uint32(1)
		if state >= 7 {
			if d.rep[0] >= here {
				ip = end + 1 // damage: no such byte to compare with
				break
			}
			// After a match the byte is unlike the one after the match's source.
			// Bits are compared with that one's as long as they agree.
			other, offset := uint32(out[pos-int(d.rep[0])-1]), uint32(0x100)
			for sym < 0x100 {
				if rng < probTop {
					rng, code = rng<<8, code<<8|uint32(in[ip])
					ip++
				}
				other <<= 1
				bit := other & offset
				prob := &probs[(offset+bit+sym)&0x3ff]
				p := uint32(*prob)
				bound := rng >> 11 * p
				m := uint32(int64(uint64(code)-uint64(bound)) >> 63)
				code -= bound &^ m
				rng -= bound
				rng ^= (rng ^ bound) & m
				*prob = uint16(p - uint32(int32(p-2017&m)>>5))
				sym = sym<<1 + 1 + m
				offset &= bit ^ m
			}
		}
		for sym < 0x100 {
			if rng < probTop {
				rng, code = rng<<8, code<<8|uint32(in[ip])
				ip++
			}
			prob := &probs[sym&0xff]
			p := uint32(*prob)
			bound := rng >> 11 * p
			m := uint32(int64(uint64(code)-uint64(bound)) >> 63)
			code -= bound &^ m
			rng -= bound
			rng ^= (rng ^ bound) & m
			*prob = uint16(p - uint32(int32(p-2017&m)>>5))
			sym = sym<<1 + 1 + m
		}
		prev = sym & 0xff
		out[pos] = byte(sym)
		pos++
		state = literalState[state]
	}
	d.rng, d.code, d.ip, d.pos, d.state = rng, code, ip, pos, state
	return match
}

var literalState = [12]uint32{0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 4, 5}

// match decodes what follows the bit for a match and returns its length; the
// distance is then d.rep[0].
func (d *lzmaDecoder) match(posState uint32) int {
	s, p := d.state, &d.probs
	after := func(short, long uint32) {
		d.state = long
		if s < 7 {
			d.state = short
		}
	}
	if d.bit(&p.rep[s]) == 0 {
		after(7, 10)
		n := d.length(&p.matchLen, posState)
		d.rep[1], d.rep[2], d.rep[3] = d.rep[0], d.rep[1], d.rep[2]
		d.rep[0] = d.distance(n)
		return int(n) + minMatch
	}
	switch {
	case d.bit(&p.rep0[s]) == 0:
		if d.bit(&p.rep0Long[s][posState]) == 0 {
			after(9, 11)
			return 1
		}
	case d.bit(&p.rep1[s]) == 0:
		d.rep[0], d.rep[1] = d.rep[1], d.rep[0]
	case d.bit(&p.rep2[s]) == 0:
		d.rep[0], d.rep[1], d.rep[2] = d.rep[2], d.rep[0], d.rep[1]
	default:
		d.rep[0], d.rep[1], d.rep[2], d.rep[3] = d.rep[3], d.rep[0], d.rep[1], d.rep[2]
	}
	after(8, 11)
	return int(d.length(&p.repLen, posState)) + minMatch
}

func (d *lzmaDecoder) length(l *lenProbs, posState uint32) uint32 {
	if d.bit(&l.choice) == 0 {
		return d.tree(l.low[posState][:]) - 8
	}
	if d.bit(&l.choice2) == 0 {
		return d.tree(l.mid[posState][:])
	}
	return d.tree(l.high[:]) - 256 + 16
}

// distance decodes the distance of a match of length n+2.
func (d *lzmaDecoder) distance(n uint32) uint32 {
	slot := d.tree(d.probs.slot[min(n, 3)][:]) - 64
	if slot < 4 {
		return slot
	}
	bits := slot>>1 - 1
	dist := (2 | slot&1) << bits
	if slot < 14 {
		return dist + d.reverse(d.probs.special[dist-slot:], bits)
	}
	rng, code, ip := d.rng, d.code, d.ip
	direct := uint32(0)
	for range bits - 4 {
		if rng < probTop {
			rng, code = rng<<8, code<<8|uint32(d.in[ip])
			ip++
		}
		rng >>= 1
		m := uint32(int64(uint64(code)-uint64(rng)) >> 63)
		code -= rng &^ m
		direct = direct<<1 + 1 + m
	}
	d.rng, d.code, d.ip = rng, code, ip
	return dist + direct<<4 + d.reverse(d.probs.align[:], 4)
}

// bit decodes one bit.
func (d *lzmaDecoder) bit(prob *uint16) uint32 {
	if d.rng < probTop {
		d.rng <<= 8
		d.code = d.code<<8 | uint32(d.in[d.ip])
		d.ip++
	}
	p := uint32(*prob)
	bound := d.rng >> 11 * p
	if d.code < bound {
		d.rng = bound
		*prob = uint16(p + (2048-p)>>5)
		return 0
	}
	d.rng -= bound
	d.code -= bound
	*prob = uint16(p - p>>5)
	return 1
}

// tree decodes a number bit by bit from the highest; len(probs), a power of two, is
// added to the result.
func (d *lzmaDecoder) tree(probs []uint16) uint32 {
	rng, code, ip, in := d.rng, d.code, d.ip, d.in
	sym := uint32(1)
	for sym < uint32(len(probs)) {
		if rng < probTop {
			rng, code = rng<<8, code<<8|uint32(in[ip])
			ip++
		}
		p := uint32(probs[sym])
		bound := rng >> 11 * p
		m := uint32(int64(uint64(code)-uint64(bound)) >> 63)
		code -= bound &^ m
		rng -= bound
		rng ^= (rng ^ bound) & m
		probs[sym] = uint16(p - uint32(int32(p-2017&m)>>5))
		sym = sym<<1 + 1 + m
	}
	d.rng, d.code, d.ip = rng, code, ip
	return sym
}

// reverse decodes a number of n bits from the lowest.
func (d *lzmaDecoder) reverse(probs []uint16, n uint32) uint32 {
	sym, v := uint32(1), uint32(0)
	for i := range n {
		b := d.bit(&probs[sym])
		sym = sym<<1 | b
		v |= b << i
	}
	return v
}

// decodeAlone decodes a block in the format of the old .lzma files: a byte of
// parameters, the dictionary size, and the size of what is inside.
func (d *lzmaDecoder) decodeAlone(dst, src []byte) (int, error) {
	const header = 13
	if len(src) < header {
		return 0, errLZMA
	}
	size := binary.LittleEndian.Uint64(src[5:])
	marked := size == ^uint64(0)
	if marked {
		size = uint64(len(dst))
	}
	if size > uint64(len(dst)) {
		return 0, errTooLong
	}
	d.load(dst, src)
	d.ip = header
	if err := d.properties(src[0]); err != nil {
		return 0, err
	}
	if err := d.start(len(src)); err != nil {
		return 0, err
	}
	err := d.run(len(src), int(size), marked)
	return d.pos, err
}

// Control bytes of LZMA2.
const (
	endOfChunks = 0
	copyReset   = 1    // uncompressed, after a reset of the dictionary
	copyOnly    = 2    // uncompressed
	compressed  = 0x80 // flag; the low five bits are the high ones of the size
	resetState  = 1    // values of the two bits between
	newProps    = 2
	resetAll    = 3
)

// decode2 decodes the chunks of LZMA2 from d.ip up to their end mark; the input
// may be used up to end.
func (d *lzmaDecoder) decode2(end int) error {
	needDict, needProps := true, true
	for {
		if d.ip >= end {
			return errLZMA
		}
		control := d.in[d.ip]
		d.ip++
		if control == endOfChunks {
			return nil
		}
		if control >= compressed|resetAll<<5 || control == copyReset {
			needDict, needProps, d.base = false, true, d.pos
		}
		if needDict || end-d.ip < 6 || control > copyOnly && control < compressed {
			return errLZMA
		}
		if control < compressed {
			n := int(binary.BigEndian.Uint16(d.in[d.ip:])) + 1
			d.ip += 2
			if n > end-d.ip || n > len(d.out)-d.pos {
				return errLZMA
			}
			copy(d.out[d.pos:], d.in[d.ip:d.ip+n])
			d.ip, d.pos = d.ip+n, d.pos+n
			continue
		}
		size := int(control&0x1f)<<16 + int(binary.BigEndian.Uint16(d.in[d.ip:])) + 1
		n := int(binary.BigEndian.Uint16(d.in[d.ip+2:])) + 1
		d.ip += 4
		switch reset := control >> 5 & 3; {
		case reset >= newProps:
			if err := d.properties(d.in[d.ip]); err != nil {
				return err
			}
			d.ip++
			needProps = false
		case needProps:
			return errLZMA
		case reset == resetState:
			d.reset()
		}
		if n > end-d.ip {
			return errLZMA
		}
		if size > len(d.out)-d.pos {
			return errTooLong
		}
		if err := d.chunk(d.ip+n, d.pos+size); err != nil {
			return err
		}
	}
}

// chunk decodes the symbols of one chunk of LZMA2, which fills its input and its
// output exactly.
func (d *lzmaDecoder) chunk(end, limit int) error {
	if err := d.start(end); err != nil {
		return err
	}
	if err := d.run(end, limit, false); err != nil {
		return err
	}
	if d.ip != end || d.code != 0 {
		return errLZMA
	}
	return nil
}
