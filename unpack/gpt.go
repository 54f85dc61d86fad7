package unpack

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"

	"github.com/probat-lab/probat/tree"
)

// gptFormat is the GUID partition table (UEFI 2.10, 5.3): a header in the second sector and a copy in the last, each with
// its array of partitions. The first sector holds an MBR that protects it, or lists some partitions again (hybrid): what it lists is not
// asked, since whatever no partition of the GPT covers is carved.
var gptFormat = Format{Name: "gpt", Version: 1, Sniff: isGPT, Open: openGPT}

const (
	gptMark       = "EFI PART"
	gptHeaderSize = 92
	gptEntrySize  = 128
	maxGPTEntries = 1 << 20 // bytes of an array; what tools make is 16 KiB
)

// isGPT wants a header where sectors have 512 or 4096 bytes, or an MBR that protects one: the first header may be damaged.
func isGPT(head []byte) bool {
	if isISO(head) {
		return false
	}
	for _, size := range []int{512, 4096} {
		if len(head) >= size+gptHeaderSize && string(head[size:size+8]) == gptMark {
			return hasBootMark(head) || gptHeaderSound(head[size:])
		}
	}
	if !isMBR(head) {
		return false
	}
	for _, e := range mbrEntries(head) {
		if e.kind == mbrGPT && e.start == 1 {
			return true
		}
	}
	return false
}

// gptHeaderSound tells whether a header's own checksum is right. b starts with it and may go on.
func gptHeaderSound(b []byte) bool {
	n := int64(binary.LittleEndian.Uint32(b[12:]))
	if n < gptHeaderSize || n > int64(len(b)) {
		return false
	}
	h := bytes.Clone(b[:n])
	clear(h[16:20])
	return crc32.ChecksumIEEE(h) == binary.LittleEndian.Uint32(b[16:])
}

// gptTable is one of the two copies of the table.
type gptTable struct {
	offset    int64  // of the header
	array     int64  // of the entries
	entrySize int64  // bytes
	raw       []byte // of the entries
	backup    int64  // of the other header, as this one says
	sum       uint32
	faults    []string
}

var errNoGPT = errors.New("no header there")

// readGPT reads the header at offset and its array. A table with faults is returned as far as it can be read.
func readGPT(r io.ReaderAt, size, offset, unit int64) (*gptTable, error) {
	b := make([]byte, unit)
	if offset < 0 || offset > size-unit {
		return nil, errNoGPT
	}
	if err := readFull(r, b, offset); err != nil {
		return nil, err
	}
	if string(b[:8]) != gptMark {
		return nil, errNoGPT
	}
	le := binary.LittleEndian
	t := &gptTable{offset: offset, entrySize: int64(le.Uint32(b[84:])), sum: le.Uint32(b[88:])}
	t.array, t.backup = sectors(le.Uint64(b[72:]), unit), sectors(le.Uint64(b[32:]), unit)
	if !gptHeaderSound(b) {
		t.faults = append(t.faults, "the header's checksum is wrong")
	}
	if own := sectors(le.Uint64(b[24:]), unit); own != offset {
		t.faults = append(t.faults, fmt.Sprintf("the header says that it is at %d", own))
	}
	total := t.entrySize * int64(le.Uint32(b[80:]))
	switch {
	case t.entrySize < gptEntrySize || bits.OnesCount64(uint64(t.entrySize)) != 1 || t.entrySize > unit*8 || total > maxGPTEntries:
		t.faults = append(t.faults, fmt.Sprintf("%d entries of %d bytes", le.Uint32(b[80:]), t.entrySize))
		return t, nil
	case t.array < unit || t.array > size:
		t.faults = append(t.faults, "the entries are outside the disk")
		return t, nil
	}
	there := min(total, size-t.array) / t.entrySize * t.entrySize
	t.raw = make([]byte, there)
	if err := readFull(r, t.raw, t.array); err != nil {
		return nil, err
	}
	if there < total {
		t.faults = append(t.faults, "the disk ends inside the entries")
	} else if crc32.ChecksumIEEE(t.raw) != t.sum {
		t.faults = append(t.faults, "the entries' checksum is wrong")
	}
	return t, nil
}

// sectors takes a number of sectors to bytes; what no disk can have becomes an offset that no disk has.
func sectors(n uint64, unit int64) int64 {
	if n > 1<<62/uint64(unit) {
		return 1 << 62
	}
	return int64(n) * unit
}

// regions returns the partitions of a table and the faults of its entries.
func (t *gptTable) regions(unit int64) (list []region, faults []string) {
	for i := int64(0); (i+1)*t.entrySize <= int64(len(t.raw)); i++ {
		b := t.raw[i*t.entrySize:][:gptEntrySize]
		if !t.used(i) {
			continue
		}
		first, last := binary.LittleEndian.Uint64(b[32:]), binary.LittleEndian.Uint64(b[40:])
		start, end := sectors(first, unit), sectors(last, unit)
		if first == 0 || last < first || end == 1<<62 {
			faults = append(faults, fmt.Sprintf("p%d is from sector %d to %d", i+1, first, last))
			continue
		}
		list = append(list, region{fmt.Sprintf("p%d", i+1), start, end + unit - start})
	}
	return list, faults
}

// claim takes header and used entries as structure. Other entries are left: they have to be zeros.
func (t *gptTable) claim(c *Container) {
	c.Claim(t.offset, gptHeaderSize, InStructure)
	for i := int64(0); (i+1)*t.entrySize <= int64(len(t.raw)); i++ {
		if t.used(i) {
			c.Claim(t.array+i*t.entrySize, gptEntrySize, InStructure)
		}
	}
}

// used tells whether an entry has a type.
func (t *gptTable) used(i int64) bool {
	kind := t.raw[i*t.entrySize:][:16]
	return kind[0] != 0 || !allFiller(kind)
}

func openGPT(ctx context.Context, r io.ReaderAt, size int64, to *Container) error {
	s := make([]byte, sector)
	if err := readFull(r, s, 0); err != nil {
		return fmt.Errorf("reading the first sector: %w", err)
	}
	if hasBootMark(s) {
		if err := to.bootCode(ctx, r, s); err != nil {
			return err
		}
		to.Claim(mbrCode, sector-mbrCode, InStructure)
	}
	unit, first, second, err := bothGPT(r, size)
	if err != nil {
		return fmt.Errorf("reading the partition table: %w", err)
	}
	used := to.judgeGPT(size, unit, first, second)
	var list []region
	if used != nil {
		var faults []string
		list, faults = used.regions(unit)
		for _, f := range faults {
			to.tableFault(used.array, int64(len(used.raw)), tree.HidesAll, "%s", f)
		}
	}
	for _, t := range []*gptTable{first, second} {
		if t != nil {
			t.claim(to)
		}
	}
	if err := to.partitions(ctx, r, size, list); err != nil {
		return err
	}
	return to.carve(ctx, r, 0, size)
}

// bothGPT finds the two copies and the size of a sector. A copy that is not there is nil.
func bothGPT(r io.ReaderAt, size int64) (unit int64, first, second *gptTable, err error) {
	for _, unit = range []int64{512, 4096} {
		first, err = readGPT(r, size, unit, unit)
		if err != nil && !errors.Is(err, errNoGPT) {
			return 0, nil, nil, err
		}
		if first != nil {
			break
		}
	}
	if first != nil {
		// A disk that was made bigger has its copy where the first header says.
		second, err = readGPT(r, size, first.backup, unit)
		if err == nil || !errors.Is(err, errNoGPT) {
			return unit, first, second, err
		}
	}
	units := []int64{512, 4096}
	if first != nil {
		units = []int64{unit}
	}
	for _, unit = range units {
		second, err = readGPT(r, size, size/unit*unit-unit, unit)
		if err != nil && !errors.Is(err, errNoGPT) {
			return 0, nil, nil, err
		}
		if second != nil {
			break
		}
	}
	return unit, first, second, nil
}

// judgeGPT chooses the copy to go by, as firmware does: the first that has no fault, else the first that is there. It records what is wrong.
func (c *Container) judgeGPT(size, unit int64, first, second *gptTable) *gptTable {
	used := first
	if first == nil || len(first.faults) > 0 && second != nil && len(second.faults) == 0 {
		used = second
	}
	// Once a sound copy is found, nothing of the layout is hidden by faults of the other.
	hides := tree.HidesAll
	if used != nil && len(used.faults) == 0 {
		hides = tree.HidesContent
	}
	for _, t := range []*gptTable{first, second} {
		if t == nil {
			continue
		}
		for _, f := range t.faults {
			c.tableFault(t.offset, unit, hides, "partition table at %d: %s", t.offset, f)
		}
	}
	switch {
	case first == nil:
		c.tableFault(unit, -1, hides, "the first partition table is not there")
	case second == nil:
		c.Unobserved(size, -1, "truncated", "the copy of the partition table is not there", hides)
	case !bytes.Equal(first.raw, second.raw) && len(first.faults) == 0 && len(second.faults) == 0:
		c.tableFault(second.offset, unit, tree.HidesAll, "the two partition tables list different partitions: the first is used")
	}
	return used
}
