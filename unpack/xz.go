package unpack

import (
	"bufio"
	"errors"
	"io"
	"sync"

	"github.com/probat-lab/probat/unpack/lzma"
)

// xzFormat is the .xz file format 1.2.1: streams, with padding between them.
var xzFormat = Format{
	Name: "xz", Version: 1,
	Sniff:  lzma.IsXZ,
	Decode: func(r *bufio.Reader) (io.Reader, error) { return &xzStreams{r: r, most: maxWindow}, nil },
}

// xzDecoders keeps decoders and their windows.
var xzDecoders = sync.Pool{New: func() any { return new(lzma.XZReader) }}

// xzStreams takes a decoder at the first Read.
type xzStreams struct {
	r    *bufio.Reader
	most int64 // largest window
	z    *lzma.XZReader
	err  error
}

func (x *xzStreams) limitWindow(most int64) { x.most = most }

func (x *xzStreams) release() {
	if x.z != nil {
		x.z.Close()
		xzDecoders.Put(x.z)
		x.z = nil
	}
	x.err = io.ErrClosedPipe
}

func (x *xzStreams) Read(p []byte) (int, error) {
	if x.err != nil {
		return 0, x.err
	}
	if x.z == nil {
		x.z = xzDecoders.Get().(*lzma.XZReader)
		x.z.Reset(x.r, x.most)
	}
	n, err := x.z.Read(p)
	x.err = lzmaError(err)
	return n, x.err
}

// lzmaError makes refusals of what package lzma does not decode although it may be sound.
func lzmaError(err error) error {
	var window *lzma.WindowError
	switch {
	case errors.As(err, &window):
		return checkWindow(uint64(window.Asked), window.Most)
	case errors.Is(err, lzma.ErrUnsupported):
		return &refusal{"unsupported", err.Error()}
	}
	return err
}
