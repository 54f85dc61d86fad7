package lzma

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
)

// Decoder decodes blocks whose output has a bound. Its zero value is ready; it is worth reusing, and is not for use by
// several goroutines at once.
//
// A block is decoded in one go, with the whole of its output at hand, so that the output is the dictionary: nothing is
// copied, nothing is allocated for the dictionary size that the block names, and there is no state between calls.
type Decoder struct {
	core
	scratch []byte
	src     bytes.Reader // the container of the block
	head    header
	sum     check
	index   index
}

// load takes a block's stored bytes and the room for what is inside.
func (d *Decoder) load(dst, src []byte) {
	if need := len(src) + inputPad; cap(d.scratch) < need {
		d.scratch = make([]byte, need+need/4)
	}
	d.in = d.scratch[:len(src)+inputPad]
	clear(d.in[copy(d.in, src):])
	d.ip, d.out, d.pos = 0, dst, 0
	d.forget()
}

// unload lets go of the caller's memory.
func (d *Decoder) unload() {
	d.out = nil
	d.src.Reset(nil)
}

const aloneHeader = 13 // bytes before the stream of a .lzma file

// LZMA decodes src, which is in the format of .lzma files, to dst and returns how many bytes were inside. What follows
// the stream in src is not looked at.
func (d *Decoder) LZMA(dst, src []byte) (int, error) {
	if len(src) < aloneHeader+5 {
		return 0, errLZMA
	}
	size := binary.LittleEndian.Uint64(src[5:])
	unknown := size == UnknownSize
	if unknown {
		size = uint64(len(dst))
	}
	if size > uint64(len(dst)) {
		return 0, ErrTooLong
	}
	d.load(dst, src)
	defer d.unload()
	if err := d.properties(src[0]); err != nil {
		return 0, err
	}
	if !d.begin(src[aloneHeader:]) {
		return 0, errLZMA
	}
	d.ip, d.end, d.stop = aloneHeader+5, len(src), len(src)
	why := d.run(int(size))
	if why == full && unknown && d.left == 0 {
		if why = d.another(); why != marked && d.ip <= d.stop {
			return d.pos, ErrTooLong
		}
	}
	d.normalize()
	if (why == marked) != unknown || why != marked && why != full || d.left > 0 || d.ip > d.stop {
		return d.pos, errLZMA
	}
	return d.pos, nil
}

// XZ decodes the xz stream at the start of src to dst and returns how many bytes were inside. What follows the stream
// in src is not looked at. A kind of check that is not known cannot be compared and is passed over.
func (d *Decoder) XZ(dst, src []byte) (int, error) {
	d.load(dst, src)
	defer d.unload()
	d.src.Reset(src)
	kind, err := d.head.stream(&d.src)
	if err != nil {
		return 0, noRoom(err)
	}
	d.index.clear()
	for {
		more, err := d.head.read(&d.src, -1)
		if err != nil {
			return 0, noRoom(err)
		}
		if !more {
			break
		}
		at, from := len(src)-d.src.Len(), d.pos
		d.ip = at
		if err := d.chunks(len(src)); err != nil {
			return 0, err
		}
		if _, err := d.src.Seek(int64(d.ip), io.SeekStart); err != nil {
			return 0, err
		}
		// The next block has a dictionary of its own, so that the filters may work in this one.
		data := dst[from:d.pos]
		for i := range slices.Backward(d.head.filters) {
			undo(d.head.filters[i], data)
		}
		d.sum.begin(kind)
		d.sum.write(data)
		if err := d.head.end(&d.src, &d.sum, int64(d.ip-at), int64(len(data))); err != nil {
			return 0, noRoom(err)
		}
		d.index.add(&d.head, kind, int64(d.ip-at), int64(len(data)))
	}
	if err := d.index.end(&d.src, kind); err != nil {
		return 0, noRoom(err)
	}
	return d.pos, nil
}

// noRoom is an error of a block, which is all there is: it cannot go on elsewhere.
func noRoom(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return damagedXZ("it ends early")
	}
	return err
}

// chunks decodes the chunks of LZMA2 from d.ip up to their end mark; the input may be used up to end.
func (d *Decoder) chunks(end int) error {
	s := chunks{true, true}
	for {
		if d.ip >= end {
			return errLZMA
		}
		control := d.in[d.ip]
		d.ip++
		if control == endOfChunks {
			return nil
		}
		n, ok := chunkHead(control)
		if !ok || n > end-d.ip {
			return errLZMA
		}
		c, err := d.enter(&s, control, d.in[d.ip:])
		d.ip += n
		switch {
		case err != nil:
			return err
		case c.packed > end-d.ip:
			return errLZMA
		case c.size > len(d.out)-d.pos:
			return ErrTooLong
		case c.stored:
			d.pos += copy(d.out[d.pos:], d.in[d.ip:d.ip+c.packed])
			d.ip += c.packed
			continue
		}
		if !d.begin(d.in[d.ip:]) {
			return errLZMA
		}
		d.end, d.stop = d.ip+c.packed, d.ip+c.packed
		d.ip += 5
		if why := d.run(d.pos + c.size); why != full || !d.ended() {
			return errLZMA
		}
	}
}
