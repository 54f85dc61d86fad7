package unpack

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"

	"github.com/probat-lab/probat/tree"
)

// mbrFormat is the partition table of the IBM PC in the first sector of a disk: four primary partitions, of which one
// may be extended and hold a chain of tables with a logical partition each. What stands before the table is code: a node
// named mbr, unless it is zeros.
var mbrFormat = Format{Name: "mbr", Version: 1, Sniff: isMBR, Confirm: confirmMBR, Open: openMBR}

const (
	mbrCode      = 440 // bytes of boot code; a disk signature of 4 bytes and 2 reserved ones follow
	mbrTable     = 446
	mbrEntrySize = 16
	mbrGPT       = 0xee // type of the entry that protects a GPT
	// maxLogical bounds the chain of logical partitions. Linux stops at 256 minor numbers (block/partitions/msdos.c).
	maxLogical = 256
)

type mbrEntry struct {
	status, kind byte
	start, count int64 // sectors
}

func (e mbrEntry) used() bool     { return e.kind != 0 && e.count > 0 }
func (e mbrEntry) extended() bool { return e.kind == 0x05 || e.kind == 0x0f || e.kind == 0x85 }

func mbrEntries(s []byte) (list [4]mbrEntry) {
	for i := range list {
		b := s[mbrTable+i*mbrEntrySize:]
		list[i] = mbrEntry{b[0], b[4], int64(binary.LittleEndian.Uint32(b[8:])), int64(binary.LittleEndian.Uint32(b[12:]))}
	}
	return list
}

func hasBootMark(s []byte) bool { return len(s) >= sector && s[510] == 0x55 && s[511] == 0xaa }

// isMBR wants more than the mark 55 aa, which boot sectors of file systems and kernels for PCs have too: a table in which each
// entry is empty or sane and one is used.
func isMBR(head []byte) bool {
	if len(head) <= sector || !hasBootMark(head) || isBootSector(head) {
		return false
	}
	used := false
	for _, e := range mbrEntries(head) {
		switch {
		case e.kind == 0 && e.status == 0 && e.start == 0 && e.count == 0:
		case e.status&0x7f == 0 && e.kind != 0 && e.start > 0 && e.count > 0:
			used = true
		default:
			return false
		}
	}
	return used
}

// isBootSector tells whether a first sector with the mark 55 aa belongs to something else: a file system that counts from
// there (FAT and NTFS have a BIOS parameter block, exFAT a name), an ISO 9660 image made to boot from a stick, a Linux
// kernel for PCs (Documentation/arch/x86/boot.rst: HdrS at 0x202), a PE program.
func isBootSector(head []byte) bool {
	at := func(offset int, s string) bool {
		return len(head) >= offset+len(s) && string(head[offset:offset+len(s)]) == s
	}
	if at(3, "NTFS    ") || at(3, "EXFAT   ") || isISO(head) || at(0x202, "HdrS") || at(0, "MZ") {
		return true
	}
	perSector := binary.LittleEndian.Uint16(head[11:])
	perCluster := head[13]
	return (head[0] == 0xeb || head[0] == 0xe9) && perSector >= 512 && perSector <= 4096 && bits.OnesCount16(perSector) == 1 &&
		bits.OnesCount8(perCluster) == 1 && binary.LittleEndian.Uint16(head[14:]) > 0 && head[16] >= 1 && head[16] <= 2 && head[21] >= 0xf0
}

// isISO tells an ISO 9660 image (ECMA-119, 8.4). One that boots from a stick has a partition table too, which lists the image
// itself and what lies in it: the image is the better reading.
func isISO(head []byte) bool {
	return len(head) >= 32774 && string(head[32769:32774]) == "CD001"
}

// confirmMBR wants a partition that starts inside the content: else four plausible numbers were a coincidence.
func confirmMBR(_ context.Context, r io.ReaderAt, size int64) bool {
	s := make([]byte, sector)
	if readFull(r, s, 0) != nil {
		return false
	}
	for _, e := range mbrEntries(s) {
		if e.used() && e.start*sector < size {
			return true
		}
	}
	return false
}

func openMBR(ctx context.Context, r io.ReaderAt, size int64, to *Container) error {
	s := make([]byte, sector)
	if err := readFull(r, s, 0); err != nil {
		return fmt.Errorf("reading the partition table: %w", err)
	}
	if err := to.bootCode(ctx, r, s); err != nil {
		return err
	}
	to.Claim(mbrCode, sector-mbrCode, InStructure)
	var list []region
	extended := mbrEntry{}
	for i, e := range mbrEntries(s) {
		switch {
		case !e.used():
		case e.extended() && !extended.used():
			extended = e
		case e.extended():
			to.tableFault(mbrTable, 4*mbrEntrySize, tree.HidesAll, "more than one extended partition: the later ones are not looked into")
		default:
			list = append(list, region{fmt.Sprintf("p%d", i+1), e.start * sector, e.count * sector})
		}
	}
	if extended.used() {
		list = append(list, to.logical(ctx, r, size, extended)...)
	}
	if err := to.partitions(ctx, r, size, list); err != nil {
		return err
	}
	return to.carve(ctx, r, 0, size)
}

// bootCode makes a node of the code in a first sector: it is content, and runs before anything else.
func (c *Container) bootCode(ctx context.Context, r io.ReaderAt, s []byte) error {
	if allFiller(s[:mbrCode]) {
		return nil
	}
	c.Claim(0, mbrCode, InNode)
	_, err := c.Part(ctx, Entry{Parent: Root, Name: "mbr"}, r, 0, mbrCode)
	return err
}

// logical follows the chain of tables in an extended partition. Each has a logical partition, counted from where the table
// stands, and the place of the next, counted from the start of the extended partition. Numbers go on from 5.
func (c *Container) logical(ctx context.Context, r io.ReaderAt, size int64, extended mbrEntry) (list []region) {
	seen := map[int64]bool{}
	s := make([]byte, sector)
	for at := extended.start; ctx.Err() == nil; {
		offset := at * sector
		switch {
		case seen[at]:
			c.tableFault(offset, sector, tree.HidesAll, "the chain of logical partitions leads back to sector %d", at)
			return list
		case len(seen) >= maxLogical:
			c.tableFault(offset, sector, tree.HidesAll, "more than %d logical partitions", maxLogical)
			return list
		case offset > size-sector || readFull(r, s, offset) != nil:
			c.Unobserved(offset, -1, "truncated", fmt.Sprintf("the table of a logical partition at sector %d is behind the end of the disk", at), tree.HidesAll)
			return list
		case !hasBootMark(s):
			c.tableFault(offset, sector, tree.HidesAll, "the table of a logical partition at sector %d has no mark", at)
			return list
		}
		seen[at] = true
		c.Claim(offset+mbrTable, sector-mbrTable, InStructure)
		entries := mbrEntries(s)
		for _, e := range entries {
			if e.used() && !e.extended() {
				name := fmt.Sprintf("p%d", 5+len(list))
				list = append(list, region{name, (at + e.start) * sector, e.count * sector})
			}
		}
		next := int64(0)
		for _, e := range entries {
			if e.extended() && e.count > 0 {
				next = extended.start + e.start
				break
			}
		}
		if next == 0 {
			return list
		}
		at = next
	}
	return list
}
