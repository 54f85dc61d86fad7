package lzma

import "encoding/binary"

// Branch filters turn the relative targets of calls and jumps into absolute
// ones before compression, since equal targets then have equal bytes. They are
// undone here, per architecture, as in the kernel's lib/xz/xz_dec_bcj.c and
// liblzma's simple filters.

// Each function works on data whose first byte has the address at, and returns how many bytes it is done with.

// x86State goes from one call of bcjX86 to the next.
type x86State struct {
	mask uint32 // at which of the last three bytes before prev+1 an opcode was seen: then such operands may be chance
	ago  int    // how far before the first byte the last opcode was; 0 if there was none
}

// bcjX86 finds CALL and JMP (E8, E9) whose operand's high byte is 00 or FF.
func bcjX86(data []byte, at uint32, s *x86State) int {
	allowed := [8]bool{true, true, true, false, true}
	bits := [8]uint{0, 1, 2, 2, 3, 3, 3, 3}
	sign := func(b byte) bool { return b == 0 || b == 0xff }
	mask, prev, i := s.mask, -s.ago, 0
	if s.ago == 0 {
		prev = -1
	}
	for ; i+5 <= len(data); i++ {
		if data[i]&0xfe != 0xe8 {
			continue
		}
		if gap := i - prev; gap > 3 {
			mask = 0
		} else if mask = mask << (gap - 1) & 7; mask != 0 {
			if !allowed[mask] || sign(data[i+4-int(bits[mask])]) {
				prev, mask = i, mask<<1|1
				continue
			}
		}
		prev = i
		if !sign(data[i+4]) {
			mask = mask<<1 | 1
			continue
		}
		v := binary.LittleEndian.Uint32(data[i+1:])
		for {
			v -= at + uint32(i) + 5
			if mask == 0 {
				break
			}
			shift := bits[mask] * 8
			if !sign(byte(v >> (24 - shift))) {
				break
			}
			v ^= 1<<(32-shift) - 1
		}
		v &= 0x01ffffff
		v |= -(v & 0x01000000)
		binary.LittleEndian.PutUint32(data[i+1:], v)
		i += 4
		mask = 0
	}
	s.mask, s.ago = mask, min(i-prev, 8)
	return i
}

func bcjPowerPC(data []byte, at uint32) int {
	i := 0
	for ; i+4 <= len(data); i += 4 {
		if v := binary.BigEndian.Uint32(data[i:]); v&0xfc000003 == 0x48000001 { // bl
			v = v&^0x03fffffc | (v-at-uint32(i))&0x03fffffc
			binary.BigEndian.PutUint32(data[i:], v)
		}
	}
	return i
}

func bcjARM(data []byte, at uint32) int {
	i := 0
	for ; i+4 <= len(data); i += 4 {
		if data[i+3] == 0xeb { // bl, always
			v := binary.LittleEndian.Uint32(data[i:]) & 0xffffff
			v = (v<<2 - at - uint32(i) - 8) >> 2
			binary.LittleEndian.PutUint32(data[i:], v&0xffffff|0xeb000000)
		}
	}
	return i
}

func bcjARMThumb(data []byte, at uint32) int {
	i := 0
	for ; i+4 <= len(data); i += 2 {
		hi, lo := uint32(binary.LittleEndian.Uint16(data[i:])), uint32(binary.LittleEndian.Uint16(data[i+2:]))
		if hi&0xf800 == 0xf000 && lo&0xf800 == 0xf800 { // bl as a pair
			v := (hi&0x7ff<<11|lo&0x7ff)<<1 - at - uint32(i) - 4
			v >>= 1
			binary.LittleEndian.PutUint16(data[i:], uint16(0xf000|v>>11&0x7ff))
			binary.LittleEndian.PutUint16(data[i+2:], uint16(0xf800|v&0x7ff))
			i += 2
		}
	}
	return i
}

func bcjSPARC(data []byte, at uint32) int {
	i := 0
	for ; i+4 <= len(data); i += 4 {
		v := binary.BigEndian.Uint32(data[i:])
		if v>>22 == 0x100 || v>>22 == 0x1ff { // call with a 22-bit offset
			v = (v<<2 - at - uint32(i)) >> 2
			v = (0x40000000-v&0x400000)&0x3fffffff | 0x40000000 | v&0x3fffff
			binary.BigEndian.PutUint32(data[i:], v)
		}
	}
	return i
}

func bcjARM64(data []byte, at uint32) int {
	i := 0
	for ; i+4 <= len(data); i += 4 {
		pc := at + uint32(i)
		v := binary.LittleEndian.Uint32(data[i:])
		switch {
		case v>>26 == 0x25: // bl
			v = 0x94000000 | (v-pc>>2)&0x03ffffff
		case v&0x9f000000 == 0x90000000: // adrp
			page := v>>29&3 | v>>3&0x1ffffc
			if (page+0x020000)&0x1c0000 != 0 {
				continue
			}
			page -= pc >> 12
			v = v&0x9000001f | page&3<<29 | page&0x3fffc<<3 | -(page&0x020000)&0xe00000
		default:
			continue
		}
		binary.LittleEndian.PutUint32(data[i:], v)
	}
	return i
}

// bcjIA64 works on bundles of 16 bytes: five bits say which of the three slots of
// 41 bits hold branches.
func bcjIA64(data []byte, at uint32) int {
	i := 0
	branches := [32]uint8{16: 4, 17: 4, 18: 6, 19: 6, 22: 7, 23: 7, 24: 4, 25: 4, 28: 4, 29: 4}
	for ; i+16 <= len(data); i += 16 {
		for slot, set := 0, branches[data[i]&31]; slot < 3; slot++ {
			if set>>slot&1 == 0 {
				continue
			}
			pos := 5 + 41*slot
			word, shift := data[i+pos/8:], uint(pos%8)
			var v uint64
			for j := range 6 {
				v |= uint64(word[j]) << (8 * j)
			}
			instr := v >> shift
			if instr>>37&0xf != 5 || instr>>9&7 != 0 {
				continue
			}
			addr := uint32(instr>>13&0xfffff) | uint32(instr>>36&1)<<20
			addr = (addr<<4 - at - uint32(i)) >> 4
			instr &^= uint64(0x8fffff) << 13
			instr |= uint64(addr&0xfffff)<<13 | uint64(addr&0x100000)<<(36-20)
			v = v&(1<<shift-1) | instr<<shift
			for j := range 6 {
				word[j] = byte(v >> (8 * j))
			}
		}
	}
	return i
}
