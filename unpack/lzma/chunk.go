package lzma

import "encoding/binary"

// Control bytes of LZMA2.
const (
	endOfChunks = 0
	copyReset   = 1    // uncompressed, after a reset of the dictionary
	copyOnly    = 2    // uncompressed
	compressed  = 0x80 // flag; the low five bits are the high ones of the size
	resetState  = 1    // values of the two bits between
	newProps    = 2
	resetAll    = 3

	maxPacked = 1 << 16 // bytes that a chunk takes up at most
)

// chunks keeps what must come before a chunk may use it.
type chunks struct{ needDict, needProps bool }

// chunk is the head of a chunk of LZMA2.
type chunk struct {
	stored bool // not compressed
	packed int  // bytes that follow
	size   int  // bytes that they decode to
}

// chunkHead is how many bytes of head follow a control byte; ok is false if there is no such kind.
func chunkHead(control byte) (n int, ok bool) {
	switch {
	case control == endOfChunks:
		return 0, true
	case control >= compressed|newProps<<5:
		return 5, true
	case control >= compressed:
		return 4, true
	case control <= copyOnly:
		return 2, true
	}
	return 0, false
}

// enter does what the head of a chunk says. h are the bytes behind the control byte.
func (d *core) enter(s *chunks, control byte, h []byte) (chunk, error) {
	if control >= compressed|resetAll<<5 || control == copyReset {
		s.needDict, s.needProps = false, true
		d.forget()
	}
	if s.needDict {
		return chunk{}, errLZMA
	}
	if control < compressed {
		n := int(binary.BigEndian.Uint16(h)) + 1
		return chunk{stored: true, packed: n, size: n}, nil
	}
	c := chunk{
		size:   int(control&0x1f)<<16 + int(binary.BigEndian.Uint16(h)) + 1,
		packed: int(binary.BigEndian.Uint16(h[2:])) + 1,
	}
	switch reset := control >> 5 & 3; {
	case reset >= newProps:
		if err := d.properties(h[4]); err != nil {
			return c, err
		}
		s.needProps = false
	case s.needProps:
		return c, errLZMA
	case reset == resetState:
		d.reset()
	}
	if c.packed < 5 {
		return c, errLZMA
	}
	return c, nil
}

// ended tells whether the symbols of a chunk took up its input exactly.
func (d *core) ended() bool {
	d.normalize()
	return d.left == 0 && d.ip == d.stop && d.code == 0
}
