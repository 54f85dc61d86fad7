package lzma

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// XZReader decodes the streams of a .xz file, one behind the other, with padding between them. What follows the last
// one stays in the bufio.Reader. Its zero value wants a Reset; it is worth reusing, and is not for use by several
// goroutines at once.
type XZReader struct {
	window
	r      *bufio.Reader
	most   int64
	next   func(*XZReader) error // reads a further part and sets ready
	ready  []byte                // to be handed on
	err    error
	kind   byte // of check
	head   header
	sum    check
	index  index
	stages []stage // in the order in which bytes pass them
	chunks
	chunk        chunk
	packed, size int64 // bytes of the block so far
	cut          bool  // the chunk is cut off
	mem          []byte
}

// Reset starts with the streams at the start of r. A window above most bytes will be refused with a [WindowError].
func (x *XZReader) Reset(r *bufio.Reader, most int64) {
	x.r, x.most, x.next, x.ready, x.err = r, most, (*XZReader).stream, nil, nil
}

// Close lets go of the bufio.Reader and of a large window.
func (x *XZReader) Close() {
	x.close()
	x.stages = nil
	x.r, x.ready, x.err = nil, nil, io.ErrClosedPipe
}

// Read decodes further bytes. An end before the stream's own is [io.ErrUnexpectedEOF].
func (x *XZReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(x.ready) == 0 {
		if x.err != nil {
			return 0, x.err
		}
		x.err = x.next(x)
	}
	n := copy(p, x.ready)
	x.ready = x.ready[n:]
	return n, nil
}

func (x *XZReader) stream() (err error) {
	if x.kind, err = x.head.stream(x.r); err != nil {
		return err
	}
	if !knownCheck(x.kind) {
		return fmt.Errorf("%w: an integrity check of type %d", ErrUnsupported, x.kind)
	}
	x.index.clear()
	x.next = (*XZReader).block
	return nil
}

func (x *XZReader) block() error {
	more, err := x.head.read(x.r, x.most)
	if err != nil {
		return err
	}
	if !more {
		if err := x.index.end(x.r, x.kind); err != nil {
			return err
		}
		if !follows(x.r) {
			return io.EOF
		}
		x.next = (*XZReader).stream
		return nil
	}
	x.open(x.head.window)
	x.chunks = chunks{true, true}
	x.packed, x.size = 0, 0
	x.sum.begin(x.kind)
	x.stages = x.stages[:0]
	for i := len(x.head.filters) - 1; i >= 0; i-- {
		f := x.head.filters[i]
		x.stages = append(x.stages, stage{filter: f, at: f.prop})
	}
	x.next = (*XZReader).enter
	return nil
}

// enter reads the head of a chunk of LZMA2.
func (x *XZReader) enter() error {
	control, err := x.r.ReadByte()
	if err != nil {
		return noEOF(err)
	}
	if control == endOfChunks {
		x.packed++
		x.pass(nil, true)
		x.next = (*XZReader).blockEnd
		return nil
	}
	n, ok := chunkHead(control)
	if !ok {
		return errLZMA
	}
	if x.mem == nil {
		x.mem = make([]byte, maxPacked+inputPad)
	}
	h := x.mem[:n]
	if _, err := io.ReadFull(x.r, h); err != nil {
		return noEOF(err)
	}
	if x.chunk, err = x.core.enter(&x.chunks, control, h); err != nil {
		return err
	}
	x.packed += int64(1 + n + x.chunk.packed)
	if x.chunk.stored {
		x.next = (*XZReader).stored
		return nil
	}
	return x.load()
}

// load reads a chunk that is compressed. Of one that is cut off what is there will be decoded.
func (x *XZReader) load() error {
	n, err := io.ReadFull(x.r, x.mem[:x.chunk.packed])
	if err = noEOF(err); err != nil && err != io.ErrUnexpectedEOF {
		return err
	}
	if x.cut = err != nil; n < 5 && x.cut {
		return err
	}
	clear(x.mem[n:][:inputPad])
	x.in, x.ip, x.end, x.stop = x.mem, 5, n, n
	if !x.begin(x.in) {
		return errLZMA
	}
	x.next = (*XZReader).symbols
	return nil
}

// symbols decodes a piece of a chunk.
func (x *XZReader) symbols() error {
	why := x.run(x.room(int64(x.chunk.size)))
	x.chunk.size -= x.pos - x.from
	x.pass(x.out[x.from:x.pos], false)
	switch {
	case why == hungry && x.cut:
		return io.ErrUnexpectedEOF
	case why != full:
		return errLZMA
	case x.chunk.size > 0:
		return nil
	case x.cut:
		return io.ErrUnexpectedEOF
	case !x.ended():
		return errLZMA
	}
	x.next = (*XZReader).enter
	return nil
}

// stored reads a piece of a chunk that is not compressed.
func (x *XZReader) stored() error {
	limit := x.room(int64(x.chunk.size))
	n, err := io.ReadFull(x.r, x.out[x.pos:limit])
	x.pos += n
	x.chunk.size -= n
	x.pass(x.out[x.from:x.pos], false)
	if x.chunk.size == 0 {
		x.next = (*XZReader).enter
	}
	return noEOF(err)
}

// pass sends decoded bytes through the filters. The window keeps them as they are, since matches refer to that.
func (x *XZReader) pass(data []byte, last bool) {
	for i := range x.stages {
		data = x.stages[i].pass(data, last)
	}
	x.sum.write(data)
	x.size += int64(len(data))
	x.ready = data
}

func (x *XZReader) blockEnd() error {
	if err := x.head.end(x.r, &x.sum, x.packed, x.size); err != nil {
		return err
	}
	x.index.add(&x.head, x.kind, x.packed, x.size)
	x.next = (*XZReader).block
	return nil
}

// mostPadding is up to how much padding a further stream is looked for, section 2.2; it must fit in the buffer of the
// bufio.Reader too. A stream behind more stays unread.
const mostPadding = 32 << 10

// follows skips padding, which is of four bytes each, and only if another stream follows.
func follows(r *bufio.Reader) bool {
	head, _ := r.Peek(streamHeaderLen)
	if IsXZ(head) {
		return true
	}
	if len(head) < streamHeaderLen || head[0] != 0 {
		return false
	}
	head, _ = r.Peek(mostPadding)
	rest := bytes.TrimLeft(head, "\x00")
	n := len(head) - len(rest)
	if n%4 != 0 || !IsXZ(rest) {
		return false
	}
	_, err := r.Discard(n)
	return err == nil
}

// IsXZ tells whether a file that begins so is .xz.
func IsXZ(head []byte) bool {
	return len(head) >= streamHeaderLen && string(head[:len(xzMagic)]) == xzMagic
}
