package unpack

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"sync"

	"github.com/pierrec/lz4/v4"
)

// lz4Format is the LZ4 frame format 1.6.4, and the legacy frame in which Linux keeps its kernel.
var lz4Format = Format{
	Name: "lz4", Version: 1,
	Sniff:  isLz4,
	Decode: func(r *bufio.Reader) (io.Reader, error) { return &lz4Frames{r: r, most: maxWindow}, nil },
}

const (
	lz4Magic     = 0x184d2204
	lz4Legacy    = 0x184c2102
	lz4Block     = 8 << 20                      // decoded bytes of a legacy block
	lz4Bound     = lz4Block + lz4Block/255 + 16 // and what it can at most be compressed to
	lz4Window    = 64 << 10                     // up to how far a block refers back
	lz4MaxHeader = 4 + 2 + 8 + 4 + 1            // magic, descriptor, size, dictionary, checksum
	lz4Version   = 1 << 6
)

func isLz4(head []byte) bool {
	switch firstFrame(head) {
	case lz4Magic, lz4Legacy:
		return true
	}
	return false
}

// lz4Buffers keeps the memory for a block, compressed and decoded.
var lz4Buffers = sync.Pool{New: func() any { return new([2][]byte) }}

// lz4Frames decodes frames as long as another one follows at once.
type lz4Frames struct {
	skippables
	r    *bufio.Reader
	most int64
	err  error
	next func() error // decodes a further block into out, or begins another frame

	mem      *[2][]byte
	out      []byte // decoded and not handed out
	history  []byte // what linked blocks refer to
	block    int    // most decoded bytes of a block
	linked   bool
	blockSum bool
	left     int64 // bytes still to come by the frame's header, or -1
	sum      *xxh32
}

func (x *lz4Frames) limitWindow(most int64) { x.most = most }

func (x *lz4Frames) release() {
	if x.mem != nil {
		lz4Buffers.Put(x.mem)
	}
	x.mem, x.out, x.err = nil, nil, io.ErrClosedPipe
}

func (x *lz4Frames) Read(p []byte) (int, error) {
	if x.mem == nil && x.err == nil {
		x.mem = lz4Buffers.Get().(*[2][]byte)
		x.next = x.frame
	}
	for len(x.out) == 0 {
		if x.err != nil || len(p) == 0 {
			return 0, x.err
		}
		x.err = x.next()
	}
	n := copy(p, x.out)
	x.out = x.out[n:]
	return n, nil
}

var errLz4 = errors.New("the LZ4 stream is malformed")

// frame begins the next frame, or says io.EOF where none follows.
func (x *lz4Frames) frame() error {
	magic, err := x.skippables.next(x.r)
	if err != nil {
		return err
	}
	x.history, x.sum, x.left = x.history[:0], nil, -1
	switch magic {
	case lz4Magic:
		return x.header()
	case lz4Legacy:
		if err := checkWindow(lz4Block, x.most); err != nil {
			return err
		}
		if _, err := x.r.Discard(4); err != nil {
			return err
		}
		x.next = x.legacyBlock
		return nil
	}
	return io.EOF
}

func (x *lz4Frames) header() error {
	var h [lz4MaxHeader]byte
	if _, err := io.ReadFull(x.r, h[:6]); err != nil {
		return noEOF(err)
	}
	flags, n := h[4], 6
	if flags&0xc0 != lz4Version {
		return &refusal{"unsupported", "an LZ4 frame of an unknown version"}
	}
	if flags&8 != 0 {
		n += 8
	}
	if flags&1 != 0 {
		n += 4
	}
	if _, err := io.ReadFull(x.r, h[6:n+1]); err != nil {
		return noEOF(err)
	}
	if byte(sumXXH32(h[4:n])>>8) != h[n] {
		return errors.New("the header of an LZ4 frame does not match its checksum")
	}
	if flags&1 != 0 {
		return &refusal{"unsupported", "the stream needs a dictionary that is not in it"}
	}
	size := h[5] >> 4 & 7
	if size < 4 {
		return errLz4
	}
	x.block = 1 << (8 + 2*size)
	x.linked, x.blockSum = flags&0x20 == 0, flags&0x10 != 0
	if flags&8 != 0 {
		v := binary.LittleEndian.Uint64(h[6:])
		if v > 1<<62 {
			return errLz4
		}
		x.left = int64(v)
	}
	if flags&4 != 0 {
		x.sum = newXXH32()
	}
	x.next = x.frameBlock
	return checkWindow(uint64(x.block), x.most)
}

func (x *lz4Frames) uint32() (uint32, error) {
	var b [4]byte
	_, err := io.ReadFull(x.r, b[:])
	if err != nil {
		err = noEOF(err)
	}
	return binary.LittleEndian.Uint32(b[:]), err
}

func (x *lz4Frames) frameBlock() error {
	v, err := x.uint32()
	if err != nil {
		return err
	}
	if v == 0 {
		return x.endMark()
	}
	size, stored := int(v&(1<<31-1)), v>>31 != 0
	if size > x.block {
		return errLz4
	}
	data, err := x.data(size)
	if err != nil {
		return err
	}
	if x.blockSum {
		want, err := x.uint32()
		if err != nil {
			return err
		}
		if sumXXH32(data) != want {
			return errors.New("a block of an LZ4 frame does not match its checksum")
		}
	}
	x.out = data
	if !stored {
		if x.out, err = x.decode(data, x.block); err != nil {
			return err
		}
	}
	if x.left >= 0 {
		if x.left -= int64(len(x.out)); x.left < 0 {
			return errors.New("an LZ4 frame holds more than it says")
		}
	}
	if x.sum != nil {
		x.sum.write(x.out)
	}
	if x.linked {
		x.remember()
	}
	return nil
}

// remember keeps the last bytes that were decoded for the blocks that follow.
func (x *lz4Frames) remember() {
	if len(x.out) >= lz4Window {
		x.history = append(x.history[:0], x.out[len(x.out)-lz4Window:]...)
		return
	}
	if drop := len(x.history) + len(x.out) - lz4Window; drop > 0 {
		x.history = x.history[:copy(x.history, x.history[drop:])]
	}
	x.history = append(x.history, x.out...)
}

func (x *lz4Frames) endMark() error {
	x.next = x.frame
	if x.left > 0 {
		return errors.New("an LZ4 frame holds less than it says")
	}
	if x.sum == nil {
		return nil
	}
	want, err := x.uint32()
	if err == nil && x.sum.sum() != want {
		err = errors.New("an LZ4 frame does not match its checksum")
	}
	return err
}

// data reads a block. Memory is taken as its bytes come in.
func (x *lz4Frames) data(size int) ([]byte, error) {
	buf := x.mem[0][:0]
	for len(buf) < size {
		n := min(size-len(buf), 64<<10)
		at := len(buf)
		if cap(buf) < at+n {
			grown := make([]byte, at, max(2*cap(buf), at+n))
			copy(grown, buf)
			buf = grown
		}
		buf = buf[:at+n]
		x.mem[0] = buf
		if _, err := io.ReadFull(x.r, buf[at:]); err != nil {
			return nil, noEOF(err)
		}
	}
	return buf, nil
}

// decode decodes a block of at most that many bytes; no block grows to more than 255 times its size.
func (x *lz4Frames) decode(data []byte, most int) ([]byte, error) {
	most = min(most, 255*len(data)+16)
	if cap(x.mem[1]) < most {
		x.mem[1] = make([]byte, most)
	}
	n, err := lz4.UncompressBlockWithDict(data, x.mem[1][:most], x.history)
	if err != nil {
		return nil, errLz4
	}
	return x.mem[1][:n], nil
}

// legacyBlock is a size and a block; a size that none can have is the start of what follows. The end has no mark.
func (x *lz4Frames) legacyBlock() error {
	head, err := x.r.Peek(5)
	if len(head) < 4 {
		if err == io.EOF {
			return io.EOF
		}
		return err
	}
	size := binary.LittleEndian.Uint32(head)
	switch {
	case size == lz4Magic || size == lz4Legacy || size&^15 == skippableMagic:
		x.next = x.frame
		return nil
	case size == 0 || size > lz4Bound || len(head) == 4: // Linux appends the size of its kernel
		return io.EOF
	}
	if _, err := x.r.Discard(4); err != nil {
		return err
	}
	data, err := x.data(int(size))
	if err != nil {
		return err
	}
	x.out, err = x.decode(data, lz4Block)
	return err
}
