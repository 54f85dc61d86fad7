package elf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/probat-lab/probat/fact"
)

// Tags of the dynamic section: System V ABI, Dynamic Section; the GNU ones as in elf.h of glibc.
const (
	tagNeeded      = 1
	tagHash        = 4
	tagStrings     = 5
	tagSymbols     = 6
	tagStringsSize = 10
	tagSOName      = 14
	tagRPath       = 15
	tagTextRel     = 22
	tagBindNow     = 24
	tagRunPath     = 29
	tagFlags       = 30
	tagGNUHash     = 0x6ffffef5
	tagFlags1      = 0x6ffffffb
	tagMIPSSymbols = 0x70000011 // number of symbols

	flagTextRel = 4          // DF_TEXTREL
	flagBindNow = 8          // DF_BIND_NOW
	flag1Now    = 1          // DF_1_NOW
	flag1PIE    = 0x08000000 // DF_1_PIE
)

// The most that is read of the dynamic section and what it points at.
const (
	maxDynamic = 1 << 20  // bytes
	maxStrings = 32 << 20 // bytes of names
	maxSymbols = 1 << 21
	maxNeeded  = 1 << 12
	maxName    = 4 << 10  // bytes of a library's name or a search path; Linux takes no longer path
	maxNames   = 64 << 10 // bytes of the names of all libraries: they may all be one
)

// dynamic is what the dynamic section says.
type dynamic struct {
	strings       []byte
	symbols       uint64 // address
	stringsAt     uint64 // address
	count         uint64 // of symbols, where a tag says so
	hash, gnuHash uint64 // addresses
	needed        []string
	soname, rpath fact.Opt[string]
	textrel, now  bool
	pie           bool
}

var errBudget = errors.New("is larger than what is looked at")

// dynamic reads the dynamic section.
func (f *file) dynamic(s segment) (*dynamic, error) {
	off := s.off
	if at, ok := f.offset(s.addr, s.filesz); ok {
		off = at // the loader goes by the address
	}
	if s.filesz > maxDynamic {
		return nil, fmt.Errorf("the dynamic section %w", errBudget)
	}
	b, err := f.r.at(off, s.filesz)
	if err != nil {
		return nil, fmt.Errorf("the dynamic section %w", err)
	}
	d := &dynamic{}
	var needed []uint64
	var names [3]uint64 // offsets of soname, rpath, runpath
	size := f.r.pick(8, 16)
	stringsSize := uint64(0)
	for ; len(b) >= size; b = b[size:] {
		tag, val := f.r.word(b, 0, 0), f.r.word(b, 4, 8)
		if tag == 0 {
			break
		}
		switch tag {
		case tagNeeded:
			if len(needed) == maxNeeded {
				return nil, errors.New("the dynamic section names too many libraries")
			}
			needed = append(needed, val)
		case tagStringsSize:
			stringsSize = val
		case tagSOName:
			names[0] = val + 1
		case tagRPath:
			names[1] = val + 1
		case tagRunPath:
			names[2] = val + 1
		default:
			d.take(tag, val)
		}
	}
	return d, f.dynamicNames(d, stringsSize, needed, names)
}

func (d *dynamic) take(tag, val uint64) {
	switch tag {
	case tagStrings:
		d.stringsAt = val
	case tagSymbols:
		d.symbols = val
	case tagHash:
		d.hash = val
	case tagGNUHash:
		d.gnuHash = val
	case tagMIPSSymbols:
		d.count = val
	case tagTextRel:
		d.textrel = true
	case tagBindNow:
		d.now = true
	case tagFlags:
		d.textrel = d.textrel || val&flagTextRel != 0
		d.now = d.now || val&flagBindNow != 0
	case tagFlags1:
		d.now = d.now || val&flag1Now != 0
		d.pie = val&flag1PIE != 0
	}
}

// dynamicNames reads the names that the dynamic section refers to.
func (f *file) dynamicNames(d *dynamic, size uint64, needed []uint64, names [3]uint64) error {
	if size == 0 && len(needed) == 0 && names == [3]uint64{} {
		return nil
	}
	if size > maxStrings {
		return fmt.Errorf("the table of names of the dynamic section %w", errBudget)
	}
	off, ok := f.offset(d.stringsAt, size)
	if !ok {
		return errors.New("the table of names of the dynamic section lies in no segment")
	}
	var err error
	if d.strings, err = f.r.at(off, size); err != nil {
		return fmt.Errorf("the table of names of the dynamic section %w", err)
	}
	total := 0
	for _, at := range needed {
		name, err := d.name(at)
		if err != nil {
			return err
		}
		if total += len(name); total > maxNames {
			return errors.New("the names of libraries are too long")
		}
		d.needed = append(d.needed, name)
	}
	for i, at := range names {
		if at == 0 {
			continue
		}
		name, err := d.name(at - 1)
		switch {
		case err != nil:
			return err
		case i == 0:
			d.soname = fact.Known(name)
		default: // a run path takes the place of the older tag (ld.so(8))
			d.rpath = fact.Known(name)
		}
	}
	return nil
}

func (d *dynamic) name(at uint64) (string, error) {
	if at >= uint64(len(d.strings)) {
		return "", errors.New("a name of the dynamic section lies outside its table")
	}
	b := d.strings[at:]
	end := bytes.IndexByte(b[:min(len(b), maxName)], 0)
	if end < 0 {
		return "", errors.New("a name of the dynamic section has no end")
	}
	return fact.Escape(b[:end]), nil
}

// offset returns where in the file n bytes at an address stand.
func (f *file) offset(addr, n uint64) (uint64, bool) {
	for i := range f.loads {
		s := &f.loads[i]
		if addr >= s.addr && addr-s.addr <= s.filesz && n <= s.filesz-(addr-s.addr) {
			off := s.off + (addr - s.addr)
			return off, off >= s.off
		}
	}
	return 0, false
}

// imports is what the dynamic symbol table says of functions from elsewhere.
type imports struct {
	canary    bool     // refers to the stack protector
	defines   bool     // is itself who gives it to others
	checked   bool     // calls a checked variant
	unchecked []string // has a checked variant and is called without; each once
	others    bool     // any function or variable is taken from another library
}

// symbols reads the dynamic symbol table. An error says that it cannot be told what is imported.
func (f *file) symbols(ctx context.Context, d *dynamic) (*imports, error) {
	im := &imports{}
	if d.symbols == 0 {
		return im, nil
	}
	size := uint64(f.r.pick(16, 24))
	count, err := f.symbolCount(d, size)
	if err != nil {
		return nil, err
	}
	if count > maxSymbols {
		return nil, fmt.Errorf("the dynamic symbol table %w", errBudget)
	}
	off, ok := f.offset(d.symbols, count*size)
	if !ok {
		return nil, errors.New("the dynamic symbol table lies in no segment")
	}
	per := chunk / size
	for i := uint64(0); i < count; i += per {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b, err := f.r.at(off+i*size, min(per, count-i)*size)
		if err != nil {
			return nil, fmt.Errorf("the dynamic symbol table %w", err)
		}
		for ; uint64(len(b)) >= size; b = b[size:] {
			info, home := b[f.r.pick(12, 4)], f.r.order.Uint16(b[f.r.pick(14, 6):])
			im.take(text(d.strings, uint64(f.r.order.Uint32(b))), home == 0, info>>4 == bindGlobal)
		}
	}
	return im, nil
}

// bindGlobal is STB_GLOBAL.
const bindGlobal = 1

// maxSymbol is more bytes than any name has that is looked for, of symbols and sections.
const maxSymbol = 64

// text returns the string at an offset of a table of names; nil where there is none, or a longer one than any that is looked for.
func text(table []byte, at uint64) []byte {
	if at >= uint64(len(table)) {
		return nil
	}
	b := table[at:]
	b = b[:min(len(b), maxSymbol)]
	if end := bytes.IndexByte(b, 0); end >= 0 {
		return b[:end]
	}
	return nil
}

func (im *imports) take(name []byte, undefined, global bool) {
	if undefined && global {
		im.others = true
	}
	if guards[string(name)] {
		im.canary = im.canary || undefined
		im.defines = im.defines || !undefined
		return
	}
	if !undefined {
		return
	}
	if checkedVariants[string(name)] {
		if !slices.Contains(im.unchecked, string(name)) {
			im.unchecked = append(im.unchecked, string(name))
		}
		return
	}
	if rest, ok := bytes.CutPrefix(name, []byte("__")); ok {
		rest = bytes.TrimSuffix(rest, []byte("ieee128")) // as POWER's libraries with that long double name them
		if rest, ok = bytes.CutSuffix(rest, []byte("_chk")); ok && (checkedVariants[string(rest)] || checkedOnly[string(rest)]) {
			im.checked = true
		}
	}
}

// symbolCount tells how many symbols there are, which no tag says: by the classic hash table; by the section; or by the GNU hash table,
// which lists exported symbols only, and where the names begin, which by habit follow the symbols.
func (f *file) symbolCount(d *dynamic, size uint64) (uint64, error) {
	if d.count > 0 {
		return d.count, nil
	}
	if d.hash != 0 {
		if off, ok := f.offset(d.hash, 8); ok {
			if b, err := f.r.at(off, 8); err == nil && !f.wideHash() {
				return uint64(f.r.order.Uint32(b[4:])), nil
			}
		}
	}
	if s := f.dynsym; s != nil && s.addr == d.symbols && s.size%size == 0 {
		return s.size / size, nil
	}
	count := uint64(0)
	if d.gnuHash != 0 {
		count = f.gnuHashCount(d.gnuHash)
	}
	if d.stringsAt > d.symbols {
		count = max(count, min((d.stringsAt-d.symbols)/size, maxSymbols+1))
	}
	if count == 0 {
		return 0, errors.New("the dynamic symbol table has no known end")
	}
	return count, nil
}

// gnuHashCount returns one more than the highest symbol of a GNU hash table: four words (buckets, first symbol, words of the Bloom
// filter, shift), the filter, the buckets, then a chain of words for each bucket whose last has its lowest bit set.
func (f *file) gnuHashCount(addr uint64) uint64 {
	off, ok := f.offset(addr, 16)
	if !ok {
		return 0
	}
	b, err := f.r.at(off, 16)
	if err != nil {
		return 0
	}
	buckets, first, bloom := uint64(f.r.order.Uint32(b)), uint64(f.r.order.Uint32(b[4:])), uint64(f.r.order.Uint32(b[8:]))
	if buckets > maxSymbols {
		return 0
	}
	off += 16 + bloom*uint64(f.r.pick(4, 8))
	if b, err = f.r.at(off, buckets*4); err != nil {
		return 0
	}
	last := uint64(0)
	for ; len(b) >= 4; b = b[4:] {
		last = max(last, uint64(f.r.order.Uint32(b)))
	}
	if last < first {
		return first
	}
	off += buckets*4 + (last-first)*4
	for last < maxSymbols {
		b, err := f.r.at(off, min(chunk, f.r.size-min(off, f.r.size)))
		if err != nil || len(b) < 4 {
			return 0
		}
		for ; len(b) >= 4; b = b[4:] {
			last++
			off += 4
			if f.r.order.Uint32(b)&1 != 0 {
				return last
			}
		}
	}
	return 0
}
