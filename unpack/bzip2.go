package unpack

import (
	"bufio"
	"compress/bzip2"
	"io"
)

// bzip2Format is the format of bzip2(1): one or more streams.
var bzip2Format = Format{
	Name: "bzip2", Version: 1,
	Sniff:  isBzip2,
	Decode: func(r *bufio.Reader) (io.Reader, error) { return newBzip2(r), nil },
}

// A stream is "BZh", a digit, and then the magic of a block, or that of the end in an empty stream.
const (
	bzip2Block = "\x31\x41\x59\x26\x53\x59" // pi
	bzip2End   = "\x17\x72\x45\x38\x50\x90" // its square root
)

func isBzip2(head []byte) bool {
	return len(head) >= 10 && string(head[:3]) == "BZh" && head[3] >= '1' && head[3] <= '9' &&
		(string(head[4:10]) == bzip2Block || string(head[4:10]) == bzip2End)
}

func newBzip2(r *bufio.Reader) io.Reader { return bzip2.NewReader(&bzip2Bytes{r: r}) }

// bzip2Bytes hands on the bytes of streams that follow each other and ends with them: the library would read on and take what
// follows for damage. Streams end at any bit, with a magic and a checksum; the bytes that pass by are searched for that.
// (Should the magic stand in a block by chance, once in 2^48, the stream counts as cut off there.)
type bzip2Bytes struct {
	r    *bufio.Reader
	last uint64 // the bytes that passed by last
	ends int    // once an end was found: 1 and the bytes that are still to come before it
}

// bzip2Shifts tells for each byte at which bit offsets it can be the third byte of the magic of the end.
var bzip2Shifts = bzip2ShiftTable()

func bzip2ShiftTable() (t [256]uint8) {
	v := bzip2EndValue()
	for shift := range 8 {
		t[byte(v>>(16-shift))] |= 1 << shift
	}
	return t
}

func bzip2EndValue() (v uint64) {
	for _, c := range []byte(bzip2End) {
		v = v<<8 | uint64(c)
	}
	return v
}

// ReadByte returns the next byte of the streams.
func (b *bzip2Bytes) ReadByte() (byte, error) {
	if b.ends == 1 {
		if head, _ := b.r.Peek(10); !isBzip2(head) {
			return 0, io.EOF
		}
		b.ends, b.last = 0, 0
	}
	c, err := b.r.ReadByte()
	if err != nil {
		return c, err
	}
	if b.ends > 1 {
		b.ends--
		return c, nil
	}
	b.last = b.last<<8 | uint64(c)
	// At shift s, s bits of last lie behind the magic.
	if shifts := bzip2Shifts[byte(b.last>>16)]; shifts != 0 {
		b.find(shifts)
	}
	return c, nil
}

func (b *bzip2Bytes) find(shifts uint8) {
	v := bzip2EndValue()
	for shift := range 8 {
		if shifts&(1<<shift) != 0 && b.last>>shift&(1<<48-1) == v {
			b.ends = 1 + (32-shift+7)/8
		}
	}
}

// Read exists since the library asks for an io.Reader; it uses ReadByte.
func (b *bzip2Bytes) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := b.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}
