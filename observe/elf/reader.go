package elf

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/probat-lab/probat/tree"
)

// errOutside is said of a table that the file's header places, wholly or in part, outside the file.
var errOutside = errors.New("lies outside the file")

// reader reads numbers of a file's class and byte order. Whoever calls at has bounded n.
type reader struct {
	c     tree.Content
	held  []byte // all bytes, where they are held in memory
	size  uint64
	order binary.ByteOrder
	wide  bool // 64 bit
}

// at returns n bytes at an offset. They must not be changed.
func (r *reader) at(off, n uint64) ([]byte, error) {
	if off > r.size || n > r.size-off {
		return nil, errOutside
	}
	if r.held != nil {
		return r.held[off : off+n], nil
	}
	b := make([]byte, n)
	if k, err := r.c.ReadAt(b, int64(off)); uint64(k) != n {
		return nil, fmt.Errorf("reading %d bytes at %d: %w", n, off, err)
	}
	return b, nil
}

// word reads an address or size: four bytes at the first offset where the file is a 32 bit one, else eight at the second.
func (r *reader) word(b []byte, at32, at64 int) uint64 {
	if r.wide {
		return r.order.Uint64(b[at64:])
	}
	return uint64(r.order.Uint32(b[at32:]))
}

func (r *reader) pick(in32, in64 int) int {
	if r.wide {
		return in64
	}
	return in32
}

// header is what of the ELF header decides how the rest is read.
type header struct {
	typ, machine     uint16
	phoff, shoff     uint64
	phnum, shnum     uint64
	phsize, shsize   int
	names            uint32 // section that holds the names of sections
	sections, loaded bool   // has a table of sections, of segments
}

// The layout of the ELF header, as the System V ABI (gABI 4.1, ELF Header) gives it.
const (
	identSize = 16
	class32   = 1
	class64   = 2
	lsb       = 1
	msb       = 2

	typeRelocatable = 1
	typeExecutable  = 2
	typeShared      = 3
	typeCore        = 4

	extendedCount = 0xffff // PN_XNUM, SHN_XINDEX: the number stands in the first section header
)

var errShort = errors.New("ends inside the ELF header")

func open(c tree.Content) (*reader, error) {
	if c.Size() < identSize {
		return nil, errShort
	}
	r := &reader{c: c, held: c.Bytes(), size: uint64(c.Size())}
	ident := c.Head()[:identSize]
	switch ident[4] {
	case class32:
	case class64:
		r.wide = true
	default:
		return nil, fmt.Errorf("the ELF header names the unknown class %d", ident[4])
	}
	switch ident[5] {
	case lsb:
		r.order = binary.LittleEndian
	case msb:
		r.order = binary.BigEndian
	default:
		return nil, fmt.Errorf("the ELF header names the unknown byte order %d", ident[5])
	}
	return r, nil
}

// headerSize is the size of the ELF header.
func (r *reader) headerSize() int { return r.pick(52, 64) }

func (r *reader) header() (*header, error) {
	b, err := r.at(0, uint64(r.headerSize()))
	if err != nil {
		return nil, errShort
	}
	tail := b[r.pick(42, 54):]
	h := &header{
		typ: r.order.Uint16(b[16:]), machine: r.order.Uint16(b[18:]),
		phoff: r.word(b, 28, 32), shoff: r.word(b, 32, 40),
		phsize: int(r.order.Uint16(tail)), phnum: uint64(r.order.Uint16(tail[2:])),
		shsize: int(r.order.Uint16(tail[4:])), shnum: uint64(r.order.Uint16(tail[6:])),
		names: uint32(r.order.Uint16(tail[8:])),
	}
	h.sections = h.shoff != 0
	if h.sections && h.shsize == r.pick(40, 64) && (h.shnum == 0 || h.phnum == extendedCount || h.names == extendedCount) {
		if first, err := r.at(h.shoff, uint64(h.shsize)); err == nil {
			h.extend(r.section(first))
		}
	}
	h.loaded = h.phoff != 0 && h.phnum != 0
	h.sections = h.sections && h.shnum != 0
	return h, nil
}

// extend takes numbers that are too large for the header from the first section header.
func (h *header) extend(first section) {
	if h.shnum == 0 {
		h.shnum = first.size
	}
	if h.phnum == extendedCount {
		h.phnum = uint64(first.info)
	}
	if h.names == extendedCount {
		h.names = first.link
	}
}

// Segment types and flags: System V ABI, Program Header; the GNU ones as in elf.h of glibc.
const (
	segmentLoad     = 1
	segmentDynamic  = 2
	segmentInterp   = 3
	segmentNote     = 4
	segmentStack    = 0x6474e551 // PT_GNU_STACK
	segmentRELRO    = 0x6474e552 // PT_GNU_RELRO
	segmentProperty = 0x6474e553 // PT_GNU_PROPERTY

	flagX = 1
	flagW = 2
)

// segment is one program header.
type segment struct {
	typ, flags                 uint32
	off, addr, filesz, memalgn uint64
}

// maxSegments is more than Linux loads: it refuses a table of more than 64 KiB (fs/binfmt_elf.c, ELF_MIN_ALIGN aside).
const maxSegments = 1 << 16

func (r *reader) segments(h *header) ([]segment, error) {
	if !h.loaded {
		return nil, nil
	}
	if h.phsize != r.pick(32, 56) {
		return nil, fmt.Errorf("program headers have %d bytes", h.phsize)
	}
	if h.phnum > maxSegments {
		return nil, fmt.Errorf("there are %d program headers", h.phnum)
	}
	b, err := r.at(h.phoff, h.phnum*uint64(h.phsize))
	if err != nil {
		return nil, fmt.Errorf("the table of program headers %w", err)
	}
	list := make([]segment, 0, h.phnum)
	for ; len(b) >= h.phsize; b = b[h.phsize:] {
		list = append(list, segment{
			typ: r.order.Uint32(b), flags: r.order.Uint32(b[r.pick(24, 4):]),
			off: r.word(b, 4, 8), addr: r.word(b, 8, 16), filesz: r.word(b, 16, 32), memalgn: r.word(b, 28, 48),
		})
	}
	return list, nil
}

// Section types and flags: System V ABI, Section Header.
const (
	sectionSymbols = 2
	sectionNote    = 7
	sectionNoBits  = 8
	sectionDynsym  = 11

	sectionExec = 4 // SHF_EXECINSTR
)

// section is one section header.
type section struct {
	name, typ, link, info uint32
	flags, addr           uint64
	off, size             uint64
}

func (r *reader) section(b []byte) section {
	return section{
		name: r.order.Uint32(b), typ: r.order.Uint32(b[4:]), flags: r.word(b, 8, 8), addr: r.word(b, 12, 16),
		off: r.word(b, 16, 24), size: r.word(b, 20, 32), link: r.order.Uint32(b[r.pick(24, 40):]), info: r.order.Uint32(b[r.pick(28, 44):]),
	}
}

// The most of the table of sections and of their names that is looked at, in bytes; a kernel module has some hundred sections,
// an object file compiled with a section for each function a hundred thousand.
const (
	maxSections     = 1 << 20
	maxSectionNames = 16 << 20
	chunk           = 64 << 10
)

var errMany = errors.New("there are too many sections")

// eachSection calls fn for every section with its name, which is empty where it cannot be read.
func (r *reader) eachSection(h *header, fn func(name []byte, s section)) error {
	if h.shsize != r.pick(40, 64) {
		return fmt.Errorf("section headers have %d bytes", h.shsize)
	}
	if h.shnum > maxSections {
		return errMany
	}
	size := uint64(h.shsize)
	if h.shoff > r.size || h.shnum*size > r.size-h.shoff {
		return fmt.Errorf("the table of sections %w", errOutside)
	}
	var names []byte
	if uint64(h.names) < h.shnum {
		if b, err := r.at(h.shoff+uint64(h.names)*size, size); err == nil {
			if s := r.section(b); s.size <= maxSectionNames {
				names, _ = r.at(s.off, s.size)
			}
		}
	}
	per := chunk / size
	for i := uint64(0); i < h.shnum; i += per {
		b, err := r.at(h.shoff+i*size, min(per, h.shnum-i)*size)
		if err != nil {
			return err
		}
		for ; uint64(len(b)) >= size; b = b[size:] {
			s := r.section(b)
			fn(text(names, uint64(s.name)), s)
		}
	}
	return nil
}

// sectionAt returns one section header.
func (r *reader) sectionAt(h *header, i uint32) (section, error) {
	if uint64(i) >= h.shnum {
		return section{}, errOutside
	}
	b, err := r.at(h.shoff+uint64(i)*uint64(h.shsize), uint64(h.shsize))
	if err != nil {
		return section{}, err
	}
	return r.section(b), nil
}
