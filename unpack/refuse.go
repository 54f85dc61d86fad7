package unpack

import (
	"bufio"
	"context"
	"io"
	"sync"
)

// refusal is why content of a known format is not decoded although it may be sound.
type refusal struct {
	reason string // one word of those that fact.Unobserved lists
	detail string
}

func (r *refusal) Error() string { return r.detail }

// decoder is what the Decode of a format with a window returns: it takes up memory at the first Read only, so that
// the walk can bound it before.
type decoder interface {
	io.Reader
	// limitWindow bounds, in bytes, the window that a stream may ask for.
	limitWindow(most int64)
	// release gives the memory back; the decoder is not read any more.
	release()
}

// maxWindow is the largest window that any stream gets: what zstd --long and all but the strangest calls of xz need.
const maxWindow = 128 << 20

// windowLimits bounds the windows of compressed streams inside each other, from the outermost on; deeper ones get the last.
// With all of them full, 32 levels stay below 300 MiB: a budget of memory that depends on nothing but the artifact.
var windowLimits = [...]int64{maxWindow, 64 << 20, 8 << 20, 8 << 20, 8 << 20, 8 << 20, 2 << 20}

type levelKey struct{}

// deeper returns the context of what a compressed stream holds.
func deeper(ctx context.Context) context.Context {
	n, _ := ctx.Value(levelKey{}).(int)
	return context.WithValue(ctx, levelKey{}, n+1)
}

// windowLimit returns the largest window that a compressed stream may have here.
func windowLimit(ctx context.Context) int64 {
	n, _ := ctx.Value(levelKey{}).(int)
	return windowLimits[min(n, len(windowLimits)-1)]
}

// checkWindow refuses a window that is too large.
func checkWindow(asked uint64, most int64) error {
	if asked > uint64(most) {
		return &refusal{"budget", "a window of " + itoa(int64(min(asked, 1<<62))) + " bytes is asked for, here at most " + itoa(most) + " are given"}
	}
	return nil
}

// readers keeps buffered readers, which every compressed or archived file needs.
var readers = readerPool{sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 64<<10) }}}

type readerPool struct{ pool sync.Pool }

func (p *readerPool) get(r io.Reader) *bufio.Reader {
	br := p.pool.Get().(*bufio.Reader)
	br.Reset(r)
	return br
}

func (p *readerPool) put(br *bufio.Reader) {
	br.Reset(nil)
	p.pool.Put(br)
}

// relay hands on the bytes of one frame or stream of a compressed format and ends with it, for decoders that would read on.
type relay struct {
	r    *bufio.Reader
	buf  []byte // what head stands in
	head []byte // parsed, and still to be handed on
	body int64  // bytes to be handed on behind head, unparsed
	// next parses a further part and sets head and body; io.EOF ends the relay.
	next func() error
	err  error
}

func (y *relay) Read(p []byte) (int, error) {
	for y.err == nil {
		switch {
		case len(p) == 0:
			return 0, nil
		case len(y.head) > 0:
			n := copy(p, y.head)
			y.head = y.head[n:]
			return n, nil
		case y.body > 0:
			n, err := y.r.Read(p[:min(int64(len(p)), y.body)])
			y.body -= int64(n)
			if err != nil && y.body > 0 {
				y.err = noEOF(err)
			}
			return n, nil
		}
		y.head = y.buf[:0]
		y.err = y.next()
	}
	return 0, y.err
}

// take reads n bytes, appends them to head and returns them. n is bounded by the caller.
func (y *relay) take(n int) ([]byte, error) {
	at := len(y.head)
	y.head = append(y.head, make([]byte, n)...)
	y.buf = y.head[:0]
	if _, err := io.ReadFull(y.r, y.head[at:]); err != nil {
		y.head = y.head[:at]
		return nil, noEOF(err)
	}
	return y.head[at:], nil
}
