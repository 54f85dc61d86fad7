package squashfs

import (
	"errors"
	"fmt"
	"sync"

	"github.com/anchore/go-lzo"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/probat-lab/probat/unpack/lzma"
)

// The compressors, numbered as in the superblock.
const (
	compGzip = iota + 1
	compLZMA
	compLZO
	compXZ
	compLZ4
	compZstd
)

var compressorNames = [...]string{compGzip: "gzip", compLZMA: "lzma", compLZO: "lzo", compXZ: "xz", compLZ4: "lz4", compZstd: "zstd"}

func compressorName(id int) string {
	if id > 0 && id < len(compressorNames) {
		return compressorNames[id]
	}
	return ""
}

var errTooLong = errors.New("more bytes inside than a block may have")

// codec decodes the blocks of one image. It may be used by many goroutines.
type codec struct {
	inflate func(dst, src []byte) (int, error)
	pool    *sync.Pool // of *buffers
}

// buffers hold one stored and one decoded block.
type buffers struct{ src, dst []byte }

func (c *codec) buffers() *buffers  { return c.pool.Get().(*buffers) }
func (c *codec) release(b *buffers) { c.pool.Put(b) }

// decode inflates src into dst and returns how many bytes were inside; it never
// gives more than dst holds. A decoder that panics has met damage that its authors did not expect.
func (c *codec) decode(dst, src []byte) (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			n, err = 0, fmt.Errorf("the decoder broke down: %v", p)
		}
	}()
	return c.inflate(dst, src)
}

func newCodec(id, blockSize int) (codec, error) {
	c := codec{pool: &sync.Pool{New: func() any {
		return &buffers{src: make([]byte, blockSize), dst: make([]byte, blockSize)}
	}}}
	switch id {
	case compGzip:
		c.inflate = pooled((*inflater).decode)
	case compLZO:
		c.inflate = func(dst, src []byte) (int, error) { return lzo.Decompress(src, dst) }
	case compXZ:
		c.inflate = pooled((*lzma.Decoder).XZ)
	case compLZMA:
		c.inflate = pooled((*lzma.Decoder).LZMA)
	case compLZ4:
		c.inflate = func(dst, src []byte) (int, error) { return lz4.UncompressBlock(src, dst) }
	case compZstd:
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true),
			zstd.WithDecoderMaxWindow(maxBlockSize), zstd.WithDecoderMaxMemory(maxBlockSize))
		if err != nil {
			return c, err
		}
		c.inflate = func(dst, src []byte) (int, error) {
			out, err := d.DecodeAll(src, dst[:0:len(dst)])
			return len(out), err
		}
	default:
		return c, fmt.Errorf("%w: compressor %d", ErrVariant, id)
	}
	return c, nil
}

// pooled wraps a method of a decoder that is worth reusing.
func pooled[D any](decode func(d *D, dst, src []byte) (int, error)) func(dst, src []byte) (int, error) {
	pool := sync.Pool{New: func() any { return new(D) }}
	return func(dst, src []byte) (int, error) {
		d := pool.Get().(*D)
		defer pool.Put(d)
		return decode(d, dst, src)
	}
}
