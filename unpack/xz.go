package unpack

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/xi2/xz"
)

// xzFormat is the .xz file format 1.2.1: streams, with padding between them.
var xzFormat = Format{
	Name: "xz", Version: 1,
	Sniff:  isXz,
	Decode: func(r *bufio.Reader) (io.Reader, error) { return &xzStreams{r: r, most: maxWindow}, nil },
}

const xzMagic = "\xfd7zXZ\x00"

func isXz(head []byte) bool { return len(head) >= 12 && string(head[:6]) == xzMagic }

// xzDecoders keeps decoders and their windows: to make a window of 64 MiB for each of many tiny files would take for ever.
var xzDecoders = sync.Pool{New: func() any {
	z, _ := xz.NewReader(nil, maxWindow)
	return z
}}

// xzStreams decodes streams as long as another one follows, behind padding or at once.
type xzStreams struct {
	r    *bufio.Reader
	most int64 // largest window
	cut  xzRelay
	z    *xz.Reader
	err  error
}

func (x *xzStreams) limitWindow(most int64) { x.most = most }

func (x *xzStreams) release() {
	if x.z != nil {
		xzDecoders.Put(x.z)
		x.z = nil
	}
	x.err = io.ErrClosedPipe
}

func (x *xzStreams) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	for n == 0 && x.err == nil {
		if x.z == nil {
			x.z = xzDecoders.Get().(*xz.Reader)
			x.err = x.start()
			continue
		}
		n, x.err = x.z.Read(p)
		if x.err == io.EOF && xzFollows(x.r) {
			x.err = x.start()
		} else if x.err != nil && x.err != io.EOF {
			x.err = xzError(x.err, x.cut.err)
		}
	}
	if n > 0 {
		return n, nil
	}
	return n, x.err
}

func (x *xzStreams) start() error {
	x.cut = xzRelay{relay: relay{r: x.r}, most: x.most}
	x.cut.next = x.cut.header
	if err := x.z.Reset(&x.cut); err != nil && err != io.EOF {
		return xzError(err, x.cut.err)
	}
	x.z.Multistream(false)
	return nil
}

// xzError prefers what the relay found, which is more exact.
func xzError(err, cut error) error {
	if cut != nil && cut != io.EOF {
		return cut
	}
	if errors.Is(err, xz.ErrUnsupportedCheck) {
		return &refusal{"unsupported", "the stream's integrity check is of an unknown type"}
	}
	return err
}

// xzFollows skips padding, which is of four bytes each, and only if another stream follows.
func xzFollows(r *bufio.Reader) bool {
	head, _ := r.Peek(12)
	if isXz(head) {
		return true
	}
	if len(head) < 12 || head[0] != 0 {
		return false
	}
	head, _ = r.Peek(xzPadding)
	rest := bytes.TrimLeft(head, "\x00")
	n := len(head) - len(rest)
	if n%4 != 0 || !isXz(rest) {
		return false
	}
	_, err := r.Discard(n)
	return err == nil
}

// xzPadding is up to how much padding a further stream is looked for.
const xzPadding = 32 << 10

// xzRelay hands on the bytes of one stream and ends with it. It looks at what a decoder would believe at once: filters and the window.
type xzRelay struct {
	relay
	most  int64
	block int64 // bytes of the block so far
	check int   // bytes of a block's check
	index int64 // bytes of the index so far
}

// xzChecks has the sizes of the checks by their type (section 2.1.1.2).
var xzChecks = [16]int{0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64}

func (x *xzRelay) header() error {
	h, err := x.take(12)
	if err != nil {
		return err
	}
	x.check = xzChecks[h[7]&15]
	x.next = x.blockHeader
	return nil
}

// blockHeader is section 3.1; a first byte of zero starts the index instead.
func (x *xzRelay) blockHeader() error {
	h, err := x.take(1)
	if err != nil {
		return err
	}
	if h[0] == 0 {
		x.index = 1
		return x.indexRecords()
	}
	size := (int(h[0]) + 1) * 4
	if _, err := x.take(size - 1); err != nil {
		return err
	}
	if err := x.filters(x.head[1 : size-4]); err != nil {
		return err
	}
	x.block = int64(size)
	x.next = x.chunk
	return nil
}

var errXzHeader = errors.New("a block header is malformed")

// The filters of a block: the last one is LZMA2.
const (
	xzLZMA2     = 0x21
	xzLastKnown = 0x09 // of the branch filters
)

func (x *xzRelay) filters(h []byte) error {
	flags := h[0]
	h = h[1:]
	var ok bool
	for _, bit := range []byte{0x40, 0x80} { // compressed and uncompressed size
		if flags&bit != 0 {
			if _, h, ok = xzInteger(h); !ok {
				return errXzHeader
			}
		}
	}
	for range flags&3 + 1 {
		var id, n uint64
		if id, h, ok = xzInteger(h); !ok {
			return errXzHeader
		}
		if n, h, ok = xzInteger(h); !ok || n > uint64(len(h)) {
			return errXzHeader
		}
		switch {
		case id == xzLZMA2 && n == 1:
			if err := checkWindow(xzWindow(h[0]), x.most); err != nil {
				return err
			}
		case id < 0x03 || id > xzLastKnown:
			return &refusal{"unsupported", fmt.Sprintf("the stream uses filter %#x", id)}
		}
		h = h[n:]
	}
	return nil
}

// xzWindow is section 5.3.1.
func xzWindow(b byte) uint64 {
	if b >= 40 {
		return 1<<32 - 1
	}
	return (2 | uint64(b&1)) << (b/2 + 11)
}

// xzInteger is section 1.2.
func xzInteger(b []byte) (v uint64, rest []byte, ok bool) {
	for i := 0; i < len(b) && i < 9; i++ {
		v |= uint64(b[i]&0x7f) << (7 * i)
		if b[i]&0x80 == 0 {
			return v, b[i+1:], true
		}
	}
	return 0, b, false
}

// chunk is a chunk of LZMA2: a control byte, sizes, data.
func (x *xzRelay) chunk() error {
	h, err := x.take(1)
	if err != nil {
		return err
	}
	control, n, at := h[0], 2, 0 // bytes that follow, and where among them the size of the data stands, less one
	switch {
	case control == 0:
		x.next = x.blockEnd
		x.block++
		return nil
	case control >= 0xc0:
		n, at = 5, 2
	case control >= 0x80:
		n, at = 4, 2
	case control > 2:
		return errors.New("a chunk of LZMA2 is of no known kind")
	}
	if h, err = x.take(n); err != nil {
		return err
	}
	x.body = int64(h[at])<<8 + int64(h[at+1]) + 1
	x.block += 1 + int64(n) + x.body
	return nil
}

func (x *xzRelay) blockEnd() error {
	_, err := x.take(int(-x.block&3) + x.check)
	x.next = x.blockHeader
	return err
}

// indexRecords is section 4: a number of records, two integers each, padding, a checksum. The footer follows.
func (x *xzRelay) indexRecords() error {
	n, err := x.integer()
	if err != nil {
		return err
	}
	n *= 2
	x.next = func() error {
		for ; n > 0 && len(x.head) < 4096; n-- {
			if _, err := x.integer(); err != nil {
				return err
			}
		}
		if n > 0 {
			return nil
		}
		x.next = func() error { return io.EOF }
		_, err := x.take(int(-x.index&3) + 4 + 12)
		return err
	}
	return nil
}

func (x *xzRelay) integer() (v uint64, err error) {
	for i := range 9 {
		b, err := x.take(1)
		if err != nil {
			return 0, err
		}
		x.index++
		v |= uint64(b[0]&0x7f) << (7 * i)
		if b[0]&0x80 == 0 {
			return v, nil
		}
	}
	return 0, errors.New("an integer of the index is malformed")
}
