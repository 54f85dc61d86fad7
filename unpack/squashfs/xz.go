package squashfs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/crc64"
)

// The container: "The .xz File Format" 1.2.1 (tukaani.org). A squashfs block is
// one stream with one block in it, as the kernel asks for.

const (
	xzMagic      = "\xfd7zXZ\x00"
	filterDelta  = 3
	filterLZMA2  = 0x21
	maxXZFilters = 4
)

var errXZ = errors.New("damaged xz data")

var crc64Table = crc64.MakeTable(crc64.ECMA)

// xzFilter is a filter that is undone after LZMA2.
type xzFilter struct {
	id    uint64
	start uint32 // address of the first byte, for branch filters
}

// decodeXZ decodes a block that is an xz stream.
func (d *lzmaDecoder) decodeXZ(dst, src []byte) (int, error) {
	if len(src) < 12 || string(src[:6]) != xzMagic {
		return 0, fmt.Errorf("%w: no stream header", errXZ)
	}
	if src[6] != 0 || src[7] > 15 || crc32.ChecksumIEEE(src[6:8]) != binary.LittleEndian.Uint32(src[8:]) {
		return 0, fmt.Errorf("%w: stream header", errXZ)
	}
	check := int(src[7])
	if len(src) == 12 {
		return 0, fmt.Errorf("%w: no block", errXZ)
	}
	if src[12] == 0 {
		return 0, nil // an index instead of a block: nothing inside
	}
	head := int(src[12])*4 + 4
	if head < 8 || len(src)-12 < head {
		return 0, fmt.Errorf("%w: block header", errXZ)
	}
	h := src[12 : 12+head]
	if crc32.ChecksumIEEE(h[:head-4]) != binary.LittleEndian.Uint32(h[head-4:]) {
		return 0, fmt.Errorf("%w: checksum of the block header", errXZ)
	}
	filters, err := xzFilters(h[1 : head-4])
	if err != nil {
		return 0, err
	}
	d.load(dst, src)
	d.ip = 12 + head
	if err := d.decode2(len(src)); err != nil {
		return 0, err
	}
	data := dst[:d.pos]
	for i := len(filters) - 1; i >= 0; i-- {
		filters[i].undo(data)
	}
	rest := src[d.ip:]
	pad := (4 - (d.ip-12-head)%4) % 4
	if pad > len(rest) || len(bytes.Trim(rest[:pad], "\x00")) > 0 {
		return 0, fmt.Errorf("%w: padding of the block", errXZ)
	}
	return d.pos, xzCheck(check, data, rest[pad:])
}

// xzFilters reads the filters of a block header, without its size and checksum.
// The last one must be LZMA2 and is left out.
func xzFilters(h []byte) ([]xzFilter, error) {
	flags := h[0]
	h = h[1:]
	bad := fmt.Errorf("%w: block header", errXZ)
	if flags&0x3c != 0 {
		return nil, bad
	}
	// The sizes of the block are optional; that of the output is checked by the caller.
	for bit := byte(0x40); bit != 0; bit <<= 1 {
		if flags&bit != 0 {
			_, n := binary.Uvarint(h)
			if n <= 0 {
				return nil, bad
			}
			h = h[n:]
		}
	}
	var list []xzFilter
	for range int(flags&3) + 1 {
		id, n := binary.Uvarint(h)
		if n <= 0 {
			return nil, bad
		}
		h = h[n:]
		size, n := binary.Uvarint(h)
		if n <= 0 || size > uint64(len(h)-n) {
			return nil, bad
		}
		props := h[n : n+int(size)]
		h = h[n+int(size):]
		if len(list) > 0 && list[len(list)-1].id == filterLZMA2 {
			return nil, bad
		}
		f := xzFilter{id: id}
		switch {
		case id == filterLZMA2 && size == 1 || id == filterDelta && size == 1:
			f.start = uint32(props[0])
		case bcj(id) != nil && size == 4:
			f.start = binary.LittleEndian.Uint32(props)
		case bcj(id) != nil && size == 0:
		default:
			return nil, fmt.Errorf("xz filter %#x with %d bytes of properties is unknown", id, size)
		}
		list = append(list, f)
	}
	if list[len(list)-1].id != filterLZMA2 || len(bytes.Trim(h, "\x00")) > 0 {
		return nil, bad
	}
	return list[:len(list)-1], nil
}

// xzCheck compares the check value of the block, at the start of rest. Kinds of
// checks that are unknown cannot be compared.
func xzCheck(kind int, data, rest []byte) error {
	var want []byte
	switch kind {
	case 1:
		want = binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(data))
	case 4:
		want = binary.LittleEndian.AppendUint64(nil, crc64.Checksum(data, crc64Table))
	case 10:
		sum := sha256.Sum256(data)
		want = sum[:]
	}
	if !bytes.HasPrefix(rest, want) {
		return fmt.Errorf("%w: checksum of the block", errXZ)
	}
	return nil
}

// undo takes the filter back in place.
func (f xzFilter) undo(data []byte) {
	if f.id == filterDelta {
		for i := int(f.start) + 1; i < len(data); i++ {
			data[i] += data[i-int(f.start)-1]
		}
		return
	}
	bcj(f.id)(data, f.start)
}
