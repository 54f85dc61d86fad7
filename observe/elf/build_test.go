package elf

import (
	"bytes"
	"encoding/binary"
)

// builder lays out a small ELF file, in any class and byte order: header, program headers, then the parts, all in one loaded segment.
type builder struct {
	wide     bool
	order    binary.ByteOrder
	typ      uint16
	machine  uint16
	interp   string
	noLoad   bool
	segments [][2]uint32 // further ones: type and flags
	tags     [][2]uint64 // of the dynamic section, beside those of its tables
	needed   []string
	soname   string
	imports  []string // undefined, global
	exports  []string
	gnuHash  bool // else the classic table
	notes    []byte
	sections []built
	parts    bytes.Buffer
	headers  bytes.Buffer
}

type built struct {
	name  string
	typ   uint32
	flags uint64
	data  string
	link  uint32 // index among the sections, from 1
}

const base = 0x10000

func (b *builder) pick(in32, in64 int) int {
	if b.wide {
		return in64
	}
	return in32
}

func (b *builder) num(w *bytes.Buffer, size int, v uint64) {
	switch size {
	case 2:
		_ = binary.Write(w, b.order, uint16(v))
	case 4:
		_ = binary.Write(w, b.order, uint32(v))
	case 8:
		_ = binary.Write(w, b.order, v)
	}
}

func (b *builder) segment(typ, flags uint32, off, size, align uint64) {
	w, n := &b.headers, b.pick(4, 8)
	b.num(w, 4, uint64(typ))
	if b.wide {
		b.num(w, 4, uint64(flags))
	}
	for _, v := range []uint64{off, base + off, base + off, size, size} {
		b.num(w, n, v)
	}
	if !b.wide {
		b.num(w, 4, uint64(flags))
	}
	b.num(w, n, align)
}

func (b *builder) symbol(w *bytes.Buffer, name uint32, info byte, index uint16) {
	b.num(w, 4, uint64(name))
	if b.wide {
		w.Write([]byte{info, 0})
		b.num(w, 2, uint64(index))
		w.Write(make([]byte, 16))
		return
	}
	w.Write(make([]byte, 8))
	w.Write([]byte{info, 0})
	b.num(w, 2, uint64(index))
}

func (b *builder) dynamicPart(start uint64) (at, size uint64) {
	strs, syms := bytes.NewBufferString("\x00"), &bytes.Buffer{}
	add := func(s string) uint64 {
		at := strs.Len()
		strs.WriteString(s + "\x00")
		return uint64(at)
	}
	b.symbol(syms, 0, 0, 0)
	for _, s := range b.imports {
		b.symbol(syms, uint32(add(s)), 0x12, 0)
	}
	for _, s := range b.exports {
		b.symbol(syms, uint32(add(s)), 0x12, 7)
	}
	tags := [][2]uint64{}
	for _, n := range b.needed {
		tags = append(tags, [2]uint64{tagNeeded, add(n)})
	}
	if b.soname != "" {
		tags = append(tags, [2]uint64{tagSOName, add(b.soname)})
	}
	for _, t := range b.tags {
		if t[0] == tagRPath || t[0] == tagRunPath {
			t[1] = add(map[uint64]string{tagRPath: "/r", tagRunPath: "/run"}[t[0]])
		}
		tags = append(tags, t)
	}
	put := func(p []byte) uint64 {
		at := start + uint64(b.parts.Len())
		b.parts.Write(p)
		b.parts.Write(make([]byte, (16-b.parts.Len()%16)%16))
		return base + at
	}
	var hash bytes.Buffer
	count := uint64(1 + len(b.imports) + len(b.exports))
	if b.gnuHash {
		first := uint64(1 + len(b.imports))
		for _, v := range []uint64{1, first, 1, 0} {
			b.num(&hash, 4, v)
		}
		b.num(&hash, b.pick(4, 8), 0)
		if len(b.exports) == 0 {
			first = 0
		}
		b.num(&hash, 4, first)
		for i := range b.exports { // a chain, whose last word has its lowest bit set
			end := uint64(0)
			if i == len(b.exports)-1 {
				end = 1
			}
			b.num(&hash, 4, 2|end)
		}
		tags = append(tags, [2]uint64{tagGNUHash, put(hash.Bytes())})
	} else {
		b.num(&hash, 4, 1)
		b.num(&hash, 4, count)
		tags = append(tags, [2]uint64{tagHash, put(hash.Bytes())})
	}
	// Names before symbols, so that where they begin tells nothing of the number of symbols.
	tags = append(tags, [2]uint64{tagStrings, put(strs.Bytes())}, [2]uint64{tagStringsSize, uint64(strs.Len())}, [2]uint64{tagSymbols, put(syms.Bytes())}, [2]uint64{})
	var dyn bytes.Buffer
	for _, t := range tags {
		b.num(&dyn, b.pick(4, 8), t[0])
		b.num(&dyn, b.pick(4, 8), t[1])
	}
	return put(dyn.Bytes()) - base, uint64(dyn.Len())
}

// bytes returns the file.
func (b *builder) bytes() []byte {
	dynamic := b.needed != nil || b.tags != nil || b.imports != nil || b.exports != nil || b.soname != ""
	count := len(b.segments)
	for _, has := range []bool{!b.noLoad, dynamic, b.interp != "", b.notes != nil} {
		if has {
			count++
		}
	}
	start := uint64(b.pick(52, 64) + count*b.pick(32, 56))
	start = pad(start, 16)
	if dynamic {
		at, size := b.dynamicPart(start)
		b.segment(segmentDynamic, 6, at, size, 8)
	}
	if b.interp != "" {
		b.segment(segmentInterp, 4, start+uint64(b.parts.Len()), uint64(len(b.interp)+1), 1)
		b.parts.WriteString(b.interp + "\x00")
	}
	if b.notes != nil {
		b.parts.Write(make([]byte, (8-b.parts.Len()%8)%8))
		b.segment(segmentNote, 4, start+uint64(b.parts.Len()), uint64(len(b.notes)), 8)
		b.parts.Write(b.notes)
	}
	if !b.noLoad {
		b.segment(segmentLoad, 5, 0, start+uint64(b.parts.Len()), 0x1000)
	}
	for _, s := range b.segments {
		b.segment(s[0], s[1], 0, 0, 16)
	}
	shoff, shnum, table := b.sectionPart(start)
	var w bytes.Buffer
	w.WriteString(magic)
	w.Write([]byte{byte(b.pick(class32, class64)), map[bool]byte{true: lsb, false: msb}[b.order == binary.ByteOrder(binary.LittleEndian)], 1})
	w.Write(make([]byte, 9))
	b.num(&w, 2, uint64(b.typ))
	b.num(&w, 2, uint64(b.machine))
	b.num(&w, 4, 1)
	phoff := uint64(0)
	if count > 0 {
		phoff = uint64(b.pick(52, 64))
	}
	for _, v := range []uint64{0, phoff, shoff} {
		b.num(&w, b.pick(4, 8), v)
	}
	b.num(&w, 4, 0)
	for _, v := range []int{b.pick(52, 64), b.pick(32, 56), count, b.pick(40, 64), shnum, max(shnum-1, 0)} {
		b.num(&w, 2, uint64(v))
	}
	w.Write(b.headers.Bytes())
	w.Write(make([]byte, start-uint64(w.Len())))
	w.Write(b.parts.Bytes())
	w.Write(table)
	return w.Bytes()
}

// sectionPart writes the contents of sections behind the parts and returns their table; the last section has the names.
func (b *builder) sectionPart(start uint64) (shoff uint64, shnum int, table []byte) {
	if b.sections == nil {
		return 0, 0, nil
	}
	var w, names bytes.Buffer
	header := func(name, typ uint32, flags, off, size uint64, link uint32) {
		n := b.pick(4, 8)
		b.num(&w, 4, uint64(name))
		b.num(&w, 4, uint64(typ))
		for _, v := range []uint64{flags, 0, off, size} {
			b.num(&w, n, v)
		}
		b.num(&w, 4, uint64(link))
		b.num(&w, 4, 0)
		b.num(&w, n, 0)
		b.num(&w, n, 0)
	}
	names.WriteByte(0)
	header(0, 0, 0, 0, 0, 0)
	for _, s := range b.sections {
		off := start + uint64(b.parts.Len())
		b.parts.WriteString(s.data)
		header(uint32(names.Len()), s.typ, s.flags, off, uint64(len(s.data)), s.link)
		names.WriteString(s.name + "\x00")
	}
	off := start + uint64(b.parts.Len())
	b.parts.Write(names.Bytes())
	header(0, 3, 0, off, uint64(names.Len()), 0)
	b.parts.Write(make([]byte, (16-b.parts.Len()%16)%16))
	return start + uint64(b.parts.Len()), len(b.sections) + 2, w.Bytes()
}
