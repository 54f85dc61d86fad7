package ext

import (
	"encoding/binary"
	"hash/crc32"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// crc32c is the checksum of metadata_csum: without the inversions at both ends that hash/crc32 makes.
func crc32c(seed uint32, b []byte) uint32 { return ^crc32.Update(^seed, castagnoli, b) }

func crc32c32(seed, v uint32) uint32 {
	return crc32c(seed, binary.LittleEndian.AppendUint32(make([]byte, 0, 4), v))
}

// crc16 is the checksum of uninit_bg: polynomial 0x8005, bits reversed.
func crc16(crc uint16, b []byte) uint16 {
	for _, c := range b {
		crc ^= uint16(c)
		for range 8 {
			crc = crc>>1 ^ 0xA001&-(crc&1)
		}
	}
	return crc
}

// inodeSeed is the seed of the checksums of the inode and of the blocks that belong to it alone.
func (fs *FS) inodeSeed(ino uint32, raw []byte) uint32 {
	return crc32c(crc32c32(fs.sb.seed, ino), raw[0x64:0x68])
}

// inodeSumOK checks the checksum of an inode, whose own bytes count as zeros.
func (fs *FS) inodeSumOK(seed uint32, raw []byte) bool {
	var zero [2]byte
	le := binary.LittleEndian
	want, mask := uint32(le.Uint16(raw[0x7C:])), uint32(0xFFFF)
	sum := crc32c(seed, raw[:0x7C])
	sum = crc32c(sum, zero[:])
	if len(raw) >= 0x84 && le.Uint16(raw[0x80:]) >= 4 {
		sum = crc32c(sum, raw[0x7E:0x82])
		sum = crc32c(sum, zero[:])
		sum = crc32c(sum, raw[0x84:])
		want, mask = want|uint32(le.Uint16(raw[0x82:]))<<16, ^uint32(0)
	} else {
		sum = crc32c(sum, raw[0x7E:])
	}
	return sum&mask == want
}

// descSumOK checks the checksum of a group descriptor, of either kind.
func (fs *FS) descSumOK(number uint32, raw []byte) bool {
	want := binary.LittleEndian.Uint16(raw[0x1E:])
	switch {
	case fs.sb.features.has(roMetadataCsum):
		sum := crc32c(crc32c32(fs.sb.seed, number), raw[:0x1E])
		sum = crc32c(sum, []byte{0, 0})
		return uint16(crc32c(sum, raw[0x20:])) == want
	case fs.sb.features.has(roGDTCsum):
		sum := crc16(^uint16(0), fs.sb.uuid[:])
		sum = crc16(sum, binary.LittleEndian.AppendUint32(nil, number))
		sum = crc16(sum, raw[:0x1E])
		return crc16(sum, raw[0x20:]) == want
	}
	return true
}

// bitmapSumOK checks a bitmap against the checksum of its descriptor, of which small descriptors have the lower half.
func (fs *FS) bitmapSumOK(bitmap []byte, want uint32) bool {
	if !fs.sb.features.has(roMetadataCsum) {
		return true
	}
	sum := crc32c(fs.sb.seed, bitmap)
	if fs.sb.descSize < 64 {
		sum &= 0xFFFF
	}
	return sum == want
}
