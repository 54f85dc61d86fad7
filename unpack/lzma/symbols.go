package lzma

// match decodes what follows the bit for a match and returns its length; the
// distance is then d.rep[0].
func (d *core) match(posState uint32) int {
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

func (d *core) length(l *lenProbs, posState uint32) uint32 {
	if d.bit(&l.choice) == 0 {
		return d.tree(l.low[posState][:]) - 8
	}
	if d.bit(&l.choice2) == 0 {
		return d.tree(l.mid[posState][:])
	}
	return d.tree(l.high[:]) - 256 + 16
}

// distance decodes the distance of a match of length n+2.
func (d *core) distance(n uint32) uint32 {
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
func (d *core) bit(prob *uint16) uint32 {
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
func (d *core) tree(probs []uint16) uint32 {
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
func (d *core) reverse(probs []uint16, n uint32) uint32 {
	rng, code, ip, in := d.rng, d.code, d.ip, d.in
	sym, v := uint32(1), uint32(0)
	for i := range n {
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
		v |= (1 + m) << i
	}
	d.rng, d.code, d.ip = rng, code, ip
	return v
}
