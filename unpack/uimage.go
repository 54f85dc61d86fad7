package unpack

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/probat-lab/probat/tree"
)

// uimageFormat is the legacy image of Das U-Boot: a header of 64 bytes (include/image.h of U-Boot), then a payload, or several
// behind a list of their sizes. A payload that the header calls compressed is recognised by its content, as any file.
// What follows the payload, as in firmware that puts the root file system behind the kernel, is carved.
var uimageFormat = Format{Name: "uimage", Version: 1, Sniff: isUImage, Open: openUImage}

const (
	uimageMagic  = 0x27051956
	uimageHeader = 64
	uimageMulti  = 4 // types of images that begin with a list of sizes
	uimageScript = 6
	// maxUImages bounds the list of sizes: U-Boot itself uses at most three.
	maxUImages = 1024
)

func isUImage(head []byte) bool {
	return len(head) >= uimageHeader && binary.BigEndian.Uint32(head) == uimageMagic
}

func openUImage(ctx context.Context, r io.ReaderAt, size int64, to *Container) error {
	h := make([]byte, uimageHeader)
	if err := readFull(r, h, 0); err != nil {
		return fmt.Errorf("reading the header: %w", err)
	}
	to.Claim(0, uimageHeader, InStructure)
	be := binary.BigEndian
	want := be.Uint32(h[4:])
	clear(h[4:8])
	if crc32.ChecksumIEEE(h) != want {
		to.tableFault(0, uimageHeader, tree.HidesAll, "the header's checksum is wrong")
	}
	length := int64(be.Uint32(h[12:]))
	there := min(length, size-uimageHeader)
	if there < length {
		to.Unobserved(size, length-there, "truncated", fmt.Sprintf("%d of the %d bytes behind the header are not there", length-there, length), tree.HidesAll)
	} else if sum, err := crcOf(ctx, r, uimageHeader, length); err != nil {
		return fmt.Errorf("reading the payload: %w", err)
	} else if sum != be.Uint32(h[24:]) {
		to.tableFault(uimageHeader, length, tree.HidesAll, "the payload's checksum is wrong")
	}
	payloads := []region{{offset: uimageHeader, size: there}}
	if kind := h[30]; kind == uimageMulti || kind == uimageScript {
		payloads = to.uimageList(r, uimageHeader+there)
	}
	for i, p := range payloads {
		if p.size == 0 && len(payloads) == 1 {
			continue
		}
		to.Claim(p.offset, p.size, InNode)
		if _, err := to.Part(ctx, Entry{Parent: Root, Name: fmt.Sprintf("image%d", i)}, r, p.offset, p.size); err != nil {
			return err
		}
	}
	return to.carve(ctx, r, 0, size)
}

// uimageList reads the list of sizes, which a zero ends. Each payload but the last is filled up to four bytes.
func (c *Container) uimageList(r io.ReaderAt, end int64) (list []region) {
	var sizes []int64
	at := int64(uimageHeader)
	for {
		var b [4]byte
		if at+4 > end || readFull(r, b[:], at) != nil {
			c.tableFault(uimageHeader, end-uimageHeader, tree.HidesAll, "the list of payloads has no end")
			return nil
		}
		at += 4
		n := int64(binary.BigEndian.Uint32(b[:]))
		if n == 0 {
			break
		}
		if len(sizes) == maxUImages {
			c.tableFault(uimageHeader, end-uimageHeader, tree.HidesAll, "more than %d payloads", maxUImages)
			return nil
		}
		sizes = append(sizes, n)
	}
	c.Claim(uimageHeader, at-uimageHeader, InStructure)
	for i, n := range sizes {
		there := min(n, max(0, end-at))
		if there < n {
			c.Unobserved(end, n-there, "truncated", fmt.Sprintf("%d of the %d bytes of image%d are not there", n-there, n, i), tree.HidesAll)
		}
		list = append(list, region{offset: min(at, end), size: there})
		at += (n + 3) &^ 3
	}
	return list
}

// crcOf computes the CRC-32 of a range.
func crcOf(ctx context.Context, r io.ReaderAt, offset, length int64) (uint32, error) {
	buf := make([]byte, min(length, 64<<10))
	var sum uint32
	for length > 0 {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		b := buf[:min(length, int64(len(buf)))]
		if err := readFull(r, b, offset); err != nil {
			return 0, err
		}
		sum = crc32.Update(sum, crc32.IEEETable, b)
		offset, length = offset+int64(len(b)), length-int64(len(b))
	}
	return sum, nil
}
