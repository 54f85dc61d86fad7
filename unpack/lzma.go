package unpack

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
)

// lzmaFormat is the .lzma file of LZMA Utils (lzma-file-format.txt of XZ Utils): a header of 13 bytes and one stream.
var lzmaFormat = Format{
	Name: "lzma", Version: 1,
	Sniff:  isLzma,
	Decode: func(r *bufio.Reader) (io.Reader, error) { return &lzmaFile{r: r, most: maxWindow}, nil },
}

const lzmaHeader = 13

// isLzma has no magic to look for. It wants what every encoder writes: settings and a window in range, a size that is unknown
// or below 256 GiB, a first byte of zero; and the first symbols must decode.
func isLzma(head []byte) bool {
	if len(head) < lzmaHeader+5 || head[lzmaHeader] != 0 {
		return false
	}
	window := binary.LittleEndian.Uint32(head[1:])
	size := binary.LittleEndian.Uint64(head[5:])
	// 2^n or 2^n + 2^(n-1)
	if window < 4<<10 || window != 1<<32-1 && (bits.OnesCount32(window) > 2 || bits.LeadingZeros32(window)+bits.TrailingZeros32(window)+bits.OnesCount32(window) != 32) {
		return false
	}
	if size != unknownSize && size > 256<<30 {
		return false
	}
	z, err := newLzma(bufio.NewReaderSize(bytes.NewReader(head[lzmaHeader:]), 512), head[0], window, size)
	if err != nil {
		return false
	}
	var trial [2048]byte
	n, err := io.ReadFull(z, trial[:])
	return err == nil || z.err == io.EOF || n > 0 && z.err == io.ErrUnexpectedEOF
}

// lzmaFile opens the stream at the first Read.
type lzmaFile struct {
	r    *bufio.Reader
	most int64
	z    *lzma
	err  error
}

func (l *lzmaFile) limitWindow(most int64) { l.most = most }
func (l *lzmaFile) release()               { l.z = nil; l.err = io.ErrClosedPipe }

func (l *lzmaFile) Read(p []byte) (int, error) {
	if l.z == nil && l.err == nil {
		l.err = l.start()
	}
	if l.err != nil {
		return 0, l.err
	}
	return l.z.Read(p)
}

func (l *lzmaFile) start() error {
	var h [lzmaHeader]byte
	if _, err := io.ReadFull(l.r, h[:]); err != nil {
		return noEOF(err)
	}
	window := binary.LittleEndian.Uint32(h[1:])
	if err := checkWindow(uint64(window), l.most); err != nil {
		return err
	}
	var err error
	l.z, err = newLzma(l.r, h[0], window, binary.LittleEndian.Uint64(h[5:]))
	return err
}

// lzma decodes one raw LZMA stream (the LZMA specification of the LZMA SDK). The window grows with what is decoded, so that a
// stream pays only for what it holds.
type lzma struct {
	in  *bufio.Reader
	err error // of in, or of the stream; io.EOF at its end

	rng, code  uint32
	lc, lp, pb uint
	state      uint32
	rep        [4]uint32

	buf    []byte // the window, a ring once it has its full size
	window int
	at     int    // where the next byte goes
	fresh  []byte // decoded
	out    int    // and of that handed out
	total  uint64 // bytes decoded
	size   uint64 // bytes of the stream; unknownSize when a marker ends it

	literal                       []uint16
	isMatch, isRep0Long           [12 << 4]uint16
	isRep, isRep0, isRep1, isRep2 [12]uint16
	slots                         [4][64]uint16
	special                       [115]uint16
	align                         [16]uint16
	matchLen, repLen              lzmaLength
}

type lzmaLength struct {
	choice, choice2 uint16
	low, mid        [16][8]uint16
	high            [256]uint16
}

var errLzma = errors.New("the LZMA stream is malformed")

// newLzma reads the start of a stream whose settings stand in props. The caller has bounded the window.
func newLzma(in *bufio.Reader, props byte, window uint32, size uint64) (*lzma, error) {
	if props >= 9*5*5 {
		return nil, errLzma
	}
	z := &lzma{in: in, lc: uint(props % 9), lp: uint(props / 9 % 5), pb: uint(props / 45), window: max(int(window), 4<<10), size: size, rng: 1<<32 - 1}
	if z.lc+z.lp > 4 {
		return nil, &refusal{"unsupported", "more than four bits of literal context"}
	}
	if z.next() != 0 {
		return nil, cmp.Or(z.err, errLzma)
	}
	for range 4 {
		z.code = z.code<<8 | z.next()
	}
	if z.err != nil {
		return nil, z.err
	}
	z.literal = make([]uint16, 0x300<<(z.lc+z.lp))
	z.buf = make([]byte, min(z.window, 64<<10))
	for _, p := range [][]uint16{
		z.literal, z.isMatch[:], z.isRep0Long[:], z.isRep[:], z.isRep0[:], z.isRep1[:], z.isRep2[:], z.special[:], z.align[:],
		z.slots[0][:], z.slots[1][:], z.slots[2][:], z.slots[3][:],
	} {
		reset(p)
	}
	for _, l := range []*lzmaLength{&z.matchLen, &z.repLen} {
		l.choice, l.choice2 = lzmaHalf, lzmaHalf
		reset(l.high[:])
		for i := range l.low {
			reset(l.low[i][:])
			reset(l.mid[i][:])
		}
	}
	return z, nil
}

const lzmaHalf = 1 << 10 // a probability of one half

func reset(p []uint16) {
	for i := range p {
		p[i] = lzmaHalf
	}
}

func (z *lzma) Read(p []byte) (int, error) {
	if z.out == len(z.fresh) && z.err == nil && len(p) > 0 {
		z.fresh, z.out = z.fresh[:0], 0
		z.run(z.total + min(uint64(len(p)), 32<<10))
	}
	n := copy(p, z.fresh[z.out:])
	z.out += n
	if n == 0 && len(p) > 0 {
		return 0, z.err
	}
	return n, nil
}

// next returns the next byte of the stream, or 0 behind an error.
func (z *lzma) next() uint32 {
	c, err := z.in.ReadByte()
	if err != nil && z.err == nil {
		z.err = noEOF(err)
	}
	return uint32(c)
}

func (z *lzma) normalize() {
	if z.rng < 1<<24 {
		z.rng <<= 8
		z.code = z.code<<8 | z.next()
	}
}

func (z *lzma) bit(p *uint16) uint32 {
	z.normalize()
	bound := (z.rng >> 11) * uint32(*p)
	if z.code < bound {
		z.rng = bound
		*p += (2*lzmaHalf - *p) >> 5
		return 0
	}
	z.rng -= bound
	z.code -= bound
	*p -= *p >> 5
	return 1
}

func (z *lzma) tree(p []uint16, n int) uint32 {
	m := uint32(1)
	for range n {
		m = m<<1 | z.bit(&p[m])
	}
	return m - 1<<n
}

func (z *lzma) reverseTree(p []uint16, n int) (v uint32) {
	m := uint32(1)
	for i := range n {
		b := z.bit(&p[m])
		m = m<<1 | b
		v |= b << i
	}
	return v
}

func (z *lzma) direct(n int) (v uint32) {
	for range n {
		z.normalize()
		z.rng >>= 1
		b := uint32(0)
		if z.code >= z.rng {
			z.code -= z.rng
			b = 1
		}
		v = v<<1 | b
	}
	return v
}

// run decodes symbols until at least limit bytes were decoded in all, or the stream ends.
func (z *lzma) run(limit uint64) {
	for z.total < limit && z.err == nil {
		if z.total == z.size {
			z.atSize()
			return
		}
		position := uint32(z.total) & (1<<z.pb - 1)
		if z.bit(&z.isMatch[z.state<<4|position]) == 0 {
			z.decodeLiteral()
			continue
		}
		n, marker := z.match(position)
		if z.err != nil {
			return
		}
		if marker {
			z.atMarker()
			return
		}
		z.copyMatch(n)
	}
}

// atSize ends a stream of known size. It may have a marker all the same: then the range coder is not at its end yet.
func (z *lzma) atSize() {
	z.normalize()
	if z.err != nil || z.code == 0 {
		z.err = cmp.Or(z.err, io.EOF)
		return
	}
	position := uint32(z.total) & (1<<z.pb - 1)
	if z.bit(&z.isMatch[z.state<<4|position]) == 1 {
		if _, marker := z.match(position); marker && z.err == nil {
			z.atMarker()
			return
		}
	}
	z.err = cmp.Or(z.err, errLzma)
}

func (z *lzma) atMarker() {
	z.normalize()
	switch {
	case z.err != nil:
	case z.code != 0, z.size != unknownSize && z.total != z.size:
		z.err = errLzma
	default:
		z.err = io.EOF
	}
}

const unknownSize = 1<<64 - 1

// back returns the byte that many places before the next one, from 0 on.
func (z *lzma) back(distance uint32) byte {
	i := z.at - 1 - int(distance)
	if i < 0 {
		i += len(z.buf)
	}
	return z.buf[i]
}

func (z *lzma) put(c byte) {
	if z.at == len(z.buf) {
		if len(z.buf) < z.window {
			grown := make([]byte, min(2*len(z.buf), z.window))
			copy(grown, z.buf)
			z.buf = grown
		} else {
			z.at = 0
		}
	}
	z.buf[z.at] = c
	z.at++
	z.total++
	z.fresh = append(z.fresh, c)
}

func (z *lzma) decodeLiteral() {
	prev := uint32(0)
	if z.total > 0 {
		prev = uint32(z.back(0))
	}
	context := (uint32(z.total)&(1<<z.lp-1))<<z.lc | prev>>(8-z.lc)
	p := z.literal[0x300*context:][:0x300]
	symbol := uint32(1)
	if z.state >= 7 { // after a match: the byte that the match would have gone on with says something
		expected := uint32(z.back(z.rep[0]))
		offset := uint32(0x100)
		for symbol < 0x100 {
			expected <<= 1
			want := expected & offset
			b := z.bit(&p[offset+want+symbol])
			symbol = symbol<<1 | b
			if b == 0 {
				want = ^want
			}
			offset &= want
		}
	}
	for symbol < 0x100 {
		symbol = symbol<<1 | z.bit(&p[symbol])
	}
	switch {
	case z.state < 4:
		z.state = 0
	case z.state < 10:
		z.state -= 3
	default:
		z.state -= 6
	}
	if z.err == nil {
		z.put(byte(symbol))
	}
}

// match decodes a match up to its length; its distance is in rep[0] then. marker is the end of the stream.
func (z *lzma) match(position uint32) (n uint32, marker bool) {
	afterMatch := z.state >= 7
	next := func(after, otherwise uint32) {
		z.state = otherwise
		if afterMatch {
			z.state = after
		}
	}
	state := z.state
	if z.bit(&z.isRep[state]) == 0 {
		z.rep[3], z.rep[2], z.rep[1] = z.rep[2], z.rep[1], z.rep[0]
		n = z.length(&z.matchLen, position)
		z.rep[0] = z.distance(n)
		next(10, 7)
		return n + 2, z.rep[0] == 1<<32-1
	}
	if z.bit(&z.isRep0[state]) == 0 {
		if z.bit(&z.isRep0Long[state<<4|position]) == 0 {
			next(11, 9)
			return 1, false
		}
	} else {
		i := 1
		if z.bit(&z.isRep1[state]) == 1 {
			i = 2 + int(z.bit(&z.isRep2[state]))
		}
		d := z.rep[i]
		copy(z.rep[1:i+1], z.rep[:i])
		z.rep[0] = d
	}
	n = z.length(&z.repLen, position)
	next(11, 8)
	return n + 2, false
}

func (z *lzma) length(l *lzmaLength, position uint32) uint32 {
	if z.bit(&l.choice) == 0 {
		return z.tree(l.low[position][:], 3)
	}
	if z.bit(&l.choice2) == 0 {
		return 8 + z.tree(l.mid[position][:], 3)
	}
	return 16 + z.tree(l.high[:], 8)
}

func (z *lzma) distance(length uint32) uint32 {
	slot := z.tree(z.slots[min(length, 3)][:], 6)
	if slot < 4 {
		return slot
	}
	n := int(slot>>1) - 1
	d := (2 | slot&1) << n
	if slot < 14 {
		return d + z.reverseTree(z.special[d-slot:], n)
	}
	d += z.direct(n-4) << 4
	return d + z.reverseTree(z.align[:], 4)
}

func (z *lzma) copyMatch(n uint32) {
	d := z.rep[0]
	if uint64(d) >= z.total || int64(d) >= int64(z.window) {
		z.err = errLzma
		return
	}
	for range min(uint64(n), z.size-z.total) {
		z.put(z.back(d))
	}
}
