package lzma

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
)

// UnknownSize as the size of a stream says that a marker ends it.
const UnknownSize = 1<<64 - 1

// minBuffer is how many bytes the bufio.Reader of a stream must be able to hold: two symbols and more.
const minBuffer = 2 * inputPad

var errBuffer = errors.New("the buffered reader of an LZMA stream is too small")

// Reader decodes one LZMA stream. What follows it stays in the bufio.Reader. It is worth reusing, and is not for use by
// several goroutines at once.
type Reader struct {
	window
	r    *bufio.Reader
	size uint64 // bytes still to come, or UnknownSize
	err  error
	tail [minBuffer + inputPad]byte
}

// Reset starts with a stream without its header: props is the byte of settings, window and size are in bytes. A window
// above most is refused with a [WindowError]. r must have a buffer of at least 64 bytes.
func (z *Reader) Reset(r *bufio.Reader, props byte, window uint32, size uint64, most int64) error {
	z.err = io.ErrClosedPipe
	if int64(window) > most {
		return &WindowError{Asked: int64(window), Most: most}
	}
	if r.Size() < minBuffer {
		return errBuffer
	}
	if err := z.properties(props); err != nil {
		return err
	}
	b, err := r.Peek(5)
	if err != nil {
		return noEOF(err)
	}
	if !z.begin(b) {
		return errLZMA
	}
	if _, err := r.Discard(5); err != nil {
		return err
	}
	z.open(int64(window))
	z.r, z.size, z.err = r, size, nil
	return nil
}

// ResetFile is Reset for a .lzma file, whose header is read.
func (z *Reader) ResetFile(r *bufio.Reader, most int64) error {
	z.err = io.ErrClosedPipe
	var h [aloneHeader]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return noEOF(err)
	}
	return z.Reset(r, h[0], binary.LittleEndian.Uint32(h[1:]), binary.LittleEndian.Uint64(h[5:]), most)
}

// Close lets go of the bufio.Reader and of a large window.
func (z *Reader) Close() {
	z.close()
	z.r, z.in, z.err = nil, nil, io.ErrClosedPipe
}

// Read decodes further bytes. An end before the stream's own is [io.ErrUnexpectedEOF].
func (z *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for z.from == z.pos {
		if z.err != nil {
			return 0, z.err
		}
		z.err = z.more()
	}
	n := copy(p, z.out[z.from:z.pos])
	z.from += n
	return n, nil
}

// more decodes a piece.
func (z *Reader) more() error {
	cut, err := z.feed()
	if err != nil {
		return err
	}
	limit := z.room(int64(min(z.size, step)))
	why := full
	if z.size > 0 {
		why = z.run(limit)
	} else if why = z.atSize(); why == full {
		why = marked
	}
	if z.size != UnknownSize {
		z.size -= uint64(z.pos - z.from)
	}
	switch {
	case why == damaged, why == marked && z.size != 0 && z.size != UnknownSize, z.size == 0 && z.left > 0:
		err = errLZMA
	case why == marked:
		z.normalize()
		if err = io.EOF; z.code != 0 {
			err = errLZMA
		}
	}
	if z.ip > z.stop || why == hungry && cut { // then what was found is made up
		err = io.ErrUnexpectedEOF
	}
	_, lost := z.r.Discard(min(z.ip, z.stop))
	return cmp.Or(err, lost)
}

// atSize looks behind the last byte of a stream whose size is known. It may have a marker all the same: then the range
// coder is not at its end yet.
func (z *Reader) atSize() outcome {
	z.normalize()
	if z.code == 0 {
		return full
	}
	return z.another()
}

// feed makes input of what the bufio.Reader holds. cut says that this is the last of it.
func (z *Reader) feed() (cut bool, err error) {
	z.ip = 0
	b, err := z.r.Peek(minBuffer)
	if err == nil {
		b, err = z.r.Peek(z.r.Buffered())
		z.in, z.end, z.stop = b, len(b)-inputPad, len(b)
		return false, err
	}
	if err != io.EOF {
		return false, err
	}
	clear(z.tail[copy(z.tail[:], b):])
	z.in, z.end, z.stop = z.tail[:], len(b), len(b)
	return true, nil
}
