package lzma

import "encoding/binary"

const (
	probTop   = 1 << 24 // the range is kept above this
	inputPad  = 32      // readable bytes behind the input: one symbol takes at most 20
	minMatch  = 2
	endMarker = ^uint32(0)
)

// core decodes LZMA symbols from in to out. Out is the dictionary too: either all the output there will be, or a ring,
// whose owner sets pos back by wrap when it is full.
type core struct {
	in   []byte // inputPad bytes more than end can be read
	ip   int
	end  int // symbols begin up to here
	stop int // and what is made of bytes behind this is none

	out    []byte
	pos    int
	start  int    // where in out the dictionary starts; negative, once a ring went round
	origin uint32 // pos minus this is the position in the dictionary, modulo 2^32
	left   int    // bytes still to come of a match that did not fit

	rng, code uint32 // range decoder
	state     uint32
	rep       [4]uint32 // latest distances, minus 1
	lc        uint32
	lpMask    uint32
	pbMask    uint32

	probs probs
}

// outcome is why run stopped.
type outcome int

const (
	full    outcome = iota // pos is at limit
	hungry                 // the input is used up
	marked                 // an end marker
	damaged                // a distance from before the start
	matched                // of literals only: a match follows
)

// forget starts the dictionary anew.
func (d *core) forget() { d.start, d.origin = d.pos, uint32(d.pos) }

// wrap sets pos back to the start of out, which is a ring and full.
func (d *core) wrap() {
	d.start = max(d.start-len(d.out), -len(d.out))
	d.origin -= uint32(len(d.out))
	d.pos = 0
}

// valid is how many bytes there are to refer to.
func (d *core) valid() int { return min(d.pos-d.start, len(d.out)) }

// begin reads the five bytes with which the range decoder starts.
func (d *core) begin(b []byte) bool {
	d.rng, d.code, d.left = ^uint32(0), binary.BigEndian.Uint32(b[1:]), 0
	return b[0] == 0
}

// normalize is due before a bit is decoded, and at the end.
func (d *core) normalize() {
	if d.rng < probTop {
		d.rng <<= 8
		d.code = d.code<<8 | uint32(d.in[d.ip])
		d.ip++
	}
}

// run decodes symbols until out is filled up to limit or it has to stop.
func (d *core) run(limit int) outcome {
	if d.left > 0 {
		d.repeat(limit)
	}
	for d.pos < limit {
		switch d.literals(limit) {
		case damaged:
			return damaged
		case matched:
			n := d.match((uint32(d.pos) - d.origin) & d.pbMask)
			if d.ip > d.stop {
				return hungry
			}
			dist := d.rep[0]
			if int64(dist) >= int64(d.valid()) {
				if dist == endMarker {
					return marked
				}
				return damaged
			}
			d.left = n
			d.repeat(limit)
		default:
			if d.ip > d.stop {
				d.pos-- // the last one is made up
			}
			if d.ip > d.end {
				return hungry
			}
		}
	}
	return full
}

// another decodes a symbol behind the last byte there should be. It gives marked for an end marker, which is all that can
// stand there, and damaged for what else there is.
func (d *core) another() outcome {
	here := (uint32(d.pos) - d.origin) & d.pbMask
	if d.bit(&d.probs.match[d.state][here]) == 0 {
		return damaged
	}
	d.match(here)
	if d.ip > d.stop {
		return hungry
	}
	if d.rep[0] != endMarker {
		return damaged
	}
	return marked
}

// repeat copies what is left of a match, up to limit. The distance was checked.
func (d *core) repeat(limit int) {
	n, dist, pos, out := min(d.left, limit-d.pos), int(d.rep[0])+1, d.pos, d.out
	d.left -= n
	d.pos += n
	from := pos - dist
	if from < 0 {
		from += len(out)
		k := copy(out[pos:pos+n], out[from:])
		pos, n, from = pos+k, n-k, 0
	}
	if dist >= n {
		copy(out[pos:pos+n], out[from:])
		return
	}
	to, src := out[pos:pos+n], out[from:from+n]
	for i := range to {
		to[i] = src[i]
	}
}

// literals decodes literals until out is full or the input is used up, or a match follows.
//
// The function is long because it is the hot one: the range decoder must stay
// in registers. A bit is decoded without a branch on its value, which no
// processor could predict; m is all ones when the bit is 0.
func (d *core) literals(limit int) outcome {
	rng, code, ip, in, end := d.rng, d.code, d.ip, d.in, d.end
	out, pos, state := d.out, d.pos, d.state
	prev := uint32(0)
	if pos > d.start {
		i := pos - 1
		if i < 0 {
			i = len(out) - 1
		}
		prev = uint32(out[i])
	}
	why := full
	for pos < limit && ip <= end {
		here := uint32(pos) - d.origin
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
			why = matched
			break
		}
		rng = bound
		*prob = uint16(p + (2048-p)>>5)
		probs := &d.probs.literal[(here&d.lpMask)<<d.lc+prev>>(8-d.lc)&15]
		sym := uint32(1)
		if state >= 7 {
			if int64(d.rep[0]) >= int64(min(pos-d.start, len(out))) {
				why = damaged // no such byte to compare with
				break
			}
			i := pos - int(d.rep[0]) - 1
			if i < 0 {
				i += len(out)
			}
			// After a match the byte is unlike the one after the match's source.
			// Bits are compared with that one's as long as they agree.
			other, offset := uint32(out[i]), uint32(0x100)
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
	return why
}

var literalState = [12]uint32{0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 4, 5}
