package unpack

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"math/bits"
	"sync"

	"github.com/probat-lab/probat/unpack/lzma"
)

// lzmaFormat is the .lzma file of LZMA Utils (lzma-file-format.txt of XZ Utils): a header of 13 bytes and one stream.
var lzmaFormat = Format{
	Name: "lzma", Version: 1,
	Sniff: isLzma,
	Decode: func(r *bufio.Reader) (io.Reader, error) {
		return &lzmaStream{most: maxWindow, start: func(z *lzma.Reader, most int64) error { return z.ResetFile(r, most) }}, nil
	},
}

const lzmaHeader = 13

// isLzma has no magic to look for. It wants what every encoder writes: settings and a window in range, a size that is unknown
// or below 256 GiB, a first byte of zero; and the first symbols must decode.
func isLzma(head []byte) bool {
	if len(head) < lzmaHeader+5 || head[lzmaHeader] != 0 {
		return false
	}
	window := binary.LittleEndian.Uint32(head[1:])
	size := binary.LittleEndian.Uint64(head[5:])
	// 2^n or 2^n + 2^(n-1)
	if window < 4<<10 || window != 1<<32-1 && (bits.OnesCount32(window) > 2 || bits.LeadingZeros32(window)+bits.TrailingZeros32(window)+bits.OnesCount32(window) != 32) {
		return false
	}
	if size != lzma.UnknownSize && size > 256<<30 {
		return false
	}
	z := lzmaDecoders.Get().(*lzma.Reader)
	defer putLzma(z)
	var trial [2048]byte
	most := uint32(2 * len(trial)) // no distance can be larger
	if z.Reset(bufio.NewReaderSize(bytes.NewReader(head[lzmaHeader:]), 512), head[0], min(window, most), size, maxWindow) != nil {
		return false
	}
	for n := 0; n < len(trial); {
		k, err := z.Read(trial[n:])
		n += k
		if err != nil {
			return err == io.EOF || n > 0 && err == io.ErrUnexpectedEOF
		}
	}
	return true
}

// lzmaDecoders keeps decoders and their windows.
var lzmaDecoders = sync.Pool{New: func() any { return new(lzma.Reader) }}

func putLzma(z *lzma.Reader) {
	z.Close()
	lzmaDecoders.Put(z)
}

// lzmaStream takes a decoder and starts at the first Read.
type lzmaStream struct {
	most  int64 // largest window
	start func(z *lzma.Reader, most int64) error
	z     *lzma.Reader
	err   error
}

func (l *lzmaStream) limitWindow(most int64) { l.most = most }

func (l *lzmaStream) release() {
	if l.z != nil {
		putLzma(l.z)
		l.z = nil
	}
	l.err = io.ErrClosedPipe
}

func (l *lzmaStream) Read(p []byte) (n int, err error) {
	if l.z == nil && l.err == nil {
		l.z = lzmaDecoders.Get().(*lzma.Reader)
		l.err = lzmaError(l.start(l.z, l.most))
	}
	if l.err == nil {
		n, err = l.z.Read(p)
		l.err = lzmaError(err)
	}
	return n, l.err
}
