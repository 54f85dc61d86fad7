package lzma

import (
	"encoding/binary"
	"fmt"
)

// Filters of xz, section 5.3 and, for the ones that came later, XZ Utils' API header lzma/bcj.h.
const (
	filterDelta = 3
	filterX86   = 4
	filterPPC   = 5
	filterIA64  = 6
	filterARM   = 7
	filterThumb = 8
	filterSPARC = 9
	filterARM64 = 10
	filterLZMA2 = 0x21
)

// filter is undone behind LZMA2.
type filter struct {
	id   uint64
	prop uint32 // of a branch filter: the address of the first byte; of delta: the distance less 1
}

// newFilter reads the properties of a filter that is not the last one.
func newFilter(id uint64, props []byte) (filter, error) {
	f := filter{id: id}
	align := alignment(id)
	switch {
	case id == filterDelta && len(props) == 1:
		f.prop = uint32(props[0])
	case align > 0 && len(props) == 4:
		f.prop = binary.LittleEndian.Uint32(props)
	case align > 0 && len(props) == 0:
	default:
		return f, fmt.Errorf("%w: xz filter %#x with %d bytes of properties", ErrUnsupported, id, len(props))
	}
	if align > 0 && f.prop%align != 0 {
		return f, fmt.Errorf("%w: xz filter %#x from the address %#x on", ErrUnsupported, id, f.prop)
	}
	return f, nil
}

// alignment is of what a branch filter's first address is a multiple; 0 if it is none.
func alignment(id uint64) uint32 {
	switch id {
	case filterX86:
		return 1
	case filterThumb:
		return 2
	case filterPPC, filterARM, filterSPARC, filterARM64:
		return 4
	case filterIA64:
		return 16
	}
	return 0
}

// undo takes a filter back in place, in the whole of a block.
func undo(f filter, data []byte) {
	s := stage{filter: f, at: f.prop}
	s.undo(data)
}

// stage is a filter on its way through a block.
type stage struct {
	filter
	at   uint32 // address of the next byte
	x86  x86State
	past []byte // of delta: what was made of the last bytes, as many as the distance
	buf  []byte // bytes that come later wait here
	done int    // and of them were handed on
}

// undo takes the filter back in place. It returns how many bytes are done with; what the rest means depends on what
// follows, and at the end of a block it stays as it is.
func (s *stage) undo(data []byte) (n int) {
	switch s.id {
	case filterDelta:
		dist := int(s.prop) + 1
		for i := range data {
			switch {
			case i >= dist:
				data[i] += data[i-dist]
			case i < len(s.past):
				data[i] += s.past[i]
			}
		}
		return len(data)
	case filterX86:
		n = bcjX86(data, s.at, &s.x86)
	case filterPPC:
		n = bcjPowerPC(data, s.at)
	case filterIA64:
		n = bcjIA64(data, s.at)
	case filterARM:
		n = bcjARM(data, s.at)
	case filterThumb:
		n = bcjARMThumb(data, s.at)
	case filterSPARC:
		n = bcjSPARC(data, s.at)
	case filterARM64:
		n = bcjARM64(data, s.at)
	}
	s.at += uint32(n)
	return n
}

// pass takes further bytes in and returns what can be handed on, which is good until the next call. At the end of a
// block that is all.
func (s *stage) pass(data []byte, last bool) []byte {
	kept := copy(s.buf, s.buf[s.done:])
	s.buf = append(s.buf[:kept], data...)
	s.done = s.undo(s.buf)
	if s.id == filterDelta {
		s.remember()
	}
	if last {
		s.done = len(s.buf)
	}
	return s.buf[:s.done]
}

// remember keeps the last bytes of delta. Before the first byte stand zeros.
func (s *stage) remember() {
	dist := int(s.prop) + 1
	if s.past == nil {
		s.past = make([]byte, dist)
	}
	n := min(dist, len(s.buf))
	copy(s.past, s.past[n:])
	copy(s.past[dist-n:], s.buf[len(s.buf)-n:])
}
