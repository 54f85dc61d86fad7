package unpack

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// zstdFormat is RFC 8878: frames, and skippable frames among them.
var zstdFormat = Format{
	Name: "zstd", Version: 1,
	Sniff:  func(head []byte) bool { return firstFrame(head) == zstdMagic },
	Decode: func(r *bufio.Reader) (io.Reader, error) { return &zstdFrames{r: r, most: maxWindow}, nil },
}

const (
	zstdMagic      = 0xfd2fb528
	skippableMagic = 0x184d2a50 // to 0x184d2a5f; LZ4 has the same
)

// firstFrame returns the magic of the first frame that is not a skippable one, or 0.
func firstFrame(head []byte) uint32 {
	for len(head) >= 4 {
		m := binary.LittleEndian.Uint32(head)
		if m&^15 != skippableMagic {
			return m
		}
		if len(head) < 8 {
			return 0
		}
		n := uint64(binary.LittleEndian.Uint32(head[4:])) + 8
		if n > uint64(len(head)) {
			return 0
		}
		head = head[n:]
	}
	return 0
}

// skippables skips the skippable frames of zstd and LZ4, and counts what they may hide: anything.
type skippables struct{ hidden int64 }

func (s *skippables) skipped() int64 { return s.hidden }

// next skips skippable frames and returns the magic of what follows, which it leaves in r; io.EOF where too little follows.
func (s *skippables) next(r *bufio.Reader) (uint32, error) {
	for {
		head, err := r.Peek(8)
		if len(head) < 4 {
			return 0, err
		}
		m := binary.LittleEndian.Uint32(head)
		if m&^15 != skippableMagic {
			return m, nil
		}
		if len(head) < 8 {
			return 0, err
		}
		n := int64(binary.LittleEndian.Uint32(head[4:]))
		const size, seekable = 4, 0x8f92eab1
		if _, err := r.Discard(8); err != nil {
			return 0, err
		}
		last, err := discardLast4(r, n)
		if err != nil {
			return 0, noEOF(err)
		}
		// pzstd(1) writes the size of the next frame, the seekable format a table of sizes that ends in a magic of its own.
		if n != size && last != seekable {
			s.hidden += n
		}
	}
}

// discardLast4 skips n bytes and returns the last four of them.
func discardLast4(r *bufio.Reader, n int64) (uint32, error) {
	var last [4]byte
	if n < 4 {
		_, err := io.CopyN(io.Discard, onlyReader{r}, n)
		return 0, err
	}
	if _, err := io.CopyN(io.Discard, onlyReader{r}, n-4); err != nil {
		return 0, err
	}
	_, err := io.ReadFull(r, last[:])
	return binary.LittleEndian.Uint32(last[:]), err
}

// zstdDecoders keeps decoders and their windows.
var zstdDecoders = sync.Pool{New: func() any {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(1<<62))
	if err != nil {
		return nil
	}
	return z
}}

// zstdFrames decodes frames as long as another one follows at once.
type zstdFrames struct {
	skippables
	r    *bufio.Reader
	most int64
	cut  zstdRelay
	z    *zstd.Decoder
	err  error
}

func (x *zstdFrames) limitWindow(most int64) { x.most = most }

func (x *zstdFrames) release() {
	if x.z != nil && x.z.Reset(nil) == nil {
		zstdDecoders.Put(x.z)
	}
	x.z, x.err = nil, io.ErrClosedPipe
}

func (x *zstdFrames) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	if x.z == nil && x.err == nil {
		z, ok := zstdDecoders.Get().(*zstd.Decoder)
		if !ok {
			return 0, errors.New("no decoder for zstd")
		}
		x.z = z
		x.err = x.start()
	}
	for n == 0 && x.err == nil {
		n, x.err = x.z.Read(p)
		switch {
		case x.err == io.EOF:
			x.err = x.start()
		case x.err != nil && x.cut.err != nil && x.cut.err != io.EOF:
			x.err = x.cut.err
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, x.err
}

// start begins the next frame, or says io.EOF where none follows.
func (x *zstdFrames) start() error {
	magic, err := x.next(x.r)
	if err != nil {
		return err
	}
	if magic != zstdMagic {
		return io.EOF
	}
	x.cut = zstdRelay{relay: relay{r: x.r, buf: x.cut.buf}, most: x.most}
	x.cut.next = x.cut.header
	return x.z.Reset(&x.cut)
}

// zstdRelay hands on the bytes of one frame and ends with it. It looks at what a decoder would believe at once: the window.
type zstdRelay struct {
	relay
	most     int64
	checksum bool
}

// header is section 3.1.1.1.
func (x *zstdRelay) header() error {
	h, err := x.take(5)
	if err != nil {
		return err
	}
	flags := h[4]
	single := flags&0x20 != 0
	x.checksum = flags&4 != 0
	sizes, dictionaries := [4]int{0, 2, 4, 8}, [4]int{0, 1, 2, 4}
	n := sizes[flags>>6]
	if single && n == 0 {
		n = 1
	}
	d := dictionaries[flags&3]
	window := uint64(0)
	if !single {
		if h, err = x.take(1); err != nil {
			return err
		}
		base := uint64(1) << (10 + h[0]>>3)
		window = base + base/8*uint64(h[0]&7)
	}
	rest, err := x.take(d + n)
	if err != nil {
		return err
	}
	var wide [16]byte
	copy(wide[:8], rest[:d])
	copy(wide[8:], rest[d:])
	if binary.LittleEndian.Uint64(wide[:8]) != 0 {
		return &refusal{"unsupported", "the stream needs a dictionary that is not in it"}
	}
	if single {
		window = binary.LittleEndian.Uint64(wide[8:])
	}
	x.next = x.block
	return checkWindow(window, x.most)
}

// block is section 3.1.1.2.
func (x *zstdRelay) block() error {
	h, err := x.take(3)
	if err != nil {
		return err
	}
	v := uint32(h[0]) | uint32(h[1])<<8 | uint32(h[2])<<16
	x.body = int64(v >> 3)
	if v>>1&3 == 1 { // a run of one byte
		x.body = 1
	}
	if v&1 != 0 {
		x.next = x.end
	}
	return nil
}

func (x *zstdRelay) end() error {
	x.next = func() error { return io.EOF }
	if !x.checksum {
		return io.EOF
	}
	_, err := x.take(4)
	return err
}
