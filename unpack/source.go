package unpack

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"
	"sync"

	"github.com/probat-lab/probat/tree"
)

// source is the bytes of one layer of a node. at is set where they can be read in any order.
type source struct {
	r    io.Reader
	at   io.ReaderAt
	size int64 // -1 when not known
}

// errBytes ends a reader whose walk has used up its budget of bytes.
var errBytes = errors.New("budget of bytes is used up")

// meter counts, hashes and charges what is read through it.
type meter struct {
	ctx  context.Context
	w    *walker
	r    io.Reader
	hash hash.Hash
	n    int64
	err  error // the first that was not EOF
}

func (w *walker) meter(ctx context.Context, r io.Reader) *meter {
	return &meter{ctx: ctx, w: w, r: r, hash: sha256.New()}
}

func (m *meter) Read(p []byte) (int, error) {
	if err := m.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := m.r.Read(p)
	m.n += int64(n)
	m.hash.Write(p[:n])
	if cerr := m.w.charge(int64(n)); cerr != nil {
		err = cerr
	}
	if err != nil && err != io.EOF && m.err == nil {
		m.err = err
	}
	return n, err
}

func (m *meter) digest() (d tree.Digest) {
	m.hash.Sum(d[:0])
	return d
}

// counter counts what a format has taken out of a buffered reader.
type counter struct {
	m *meter
	r *bufio.Reader
}

func (c *counter) taken() int64 { return c.m.n - int64(c.r.Buffered()) }

// memoryLimit is up to which size a file is held in memory; larger ones go through a temporary file where somebody needs them in any order.
const memoryLimit = 1 << 20

var buffers = sync.Pool{New: func() any { b := make([]byte, memoryLimit+1); return &b }}

// readSome reads until the buffer is full or r ends. whole is true where r ended within memoryLimit.
func readSome(r io.Reader, buf []byte) (n int, whole bool, err error) {
	n, err = fill(r, buf)
	if err == io.EOF {
		return n, true, nil
	}
	return n, false, err
}

// fill reads until buf is full, or r ends; then err is io.EOF, or why r ended early. io.ReadFull could not be told apart from a
// decoder there: both say io.ErrUnexpectedEOF.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var k int
		k, err = r.Read(buf[n:])
		n += k
	}
	if n == len(buf) {
		err = nil // it comes again
	}
	return n, err
}

type memory []byte

func (m memory) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off >= int64(len(m)) {
		return 0, io.EOF
	}
	n := copy(p, m[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
func (m memory) Size() int64   { return int64(len(m)) }
func (m memory) Head() []byte  { return m[:min(len(m), sniffLen)] }
func (m memory) Bytes() []byte { return m }

type large struct {
	io.ReaderAt
	size int64
	head []byte
}

func (l *large) Size() int64   { return l.size }
func (l *large) Head() []byte  { return l.head }
func (l *large) Bytes() []byte { return nil }

// spool copies r to a temporary file that has no name any more, so that nothing is left behind whatever happens.
func (w *walker) spool(r io.Reader) (*os.File, int64, error) {
	f, err := w.temporary()
	if err != nil {
		return nil, 0, err
	}
	n, err := io.CopyBuffer(hostWriter{f}, r, make([]byte, 256<<10))
	if err != nil {
		f.Close()
		return nil, n, err
	}
	return f, n, nil
}

// temporary makes a file that has no name any more.
func (w *walker) temporary() (*os.File, error) {
	f, err := os.CreateTemp(w.cfg.TempDir, "probat-")
	if err != nil {
		return nil, &hostError{err}
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, &hostError{err}
	}
	return f, nil
}

// hostError is a fault of this machine (a full disk), not of the product: it ends the walk.
type hostError struct{ err error }

func (e *hostError) Error() string {
	return "keeping a large file in a temporary one: " + e.err.Error()
}
func (e *hostError) Unwrap() error { return e.err }

type hostWriter struct{ w io.Writer }

func (h hostWriter) Write(p []byte) (int, error) {
	n, err := h.w.Write(p)
	if err != nil {
		err = &hostError{err}
	}
	return n, err
}

// ahead reads r in a goroutine of its own, so that decoding and hashing use two cores.
type ahead struct {
	blocks chan block
	free   chan []byte
	stop   chan struct{}
	cur    []byte
	whole  []byte
	err    error
}

type block struct {
	b   []byte
	err error
}

const (
	aheadBlock  = 128 << 10
	aheadBlocks = 8
)

func readAhead(r io.Reader) *ahead {
	a := &ahead{blocks: make(chan block, aheadBlocks), free: make(chan []byte, aheadBlocks), stop: make(chan struct{})}
	go func() {
		defer close(a.blocks)
		for {
			var buf []byte
			select {
			case buf = <-a.free:
			default:
				buf = make([]byte, aheadBlock)
			}
			n, err := fill(r, buf)
			select {
			case a.blocks <- block{buf[:n], err}:
			case <-a.stop:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return a
}

func (a *ahead) Read(p []byte) (int, error) {
	for len(a.cur) == 0 {
		if a.err != nil {
			return 0, a.err
		}
		if a.whole != nil {
			select {
			case a.free <- a.whole[:aheadBlock]:
			default:
			}
			a.whole = nil
		}
		b, ok := <-a.blocks
		if !ok {
			a.err = io.ErrClosedPipe
			continue
		}
		a.whole, a.cur, a.err = b.b, b.b, b.err
	}
	n := copy(p, a.cur)
	a.cur = a.cur[n:]
	return n, nil
}

// close ends the goroutine and waits for it, so that r belongs to the caller again.
func (a *ahead) close() {
	close(a.stop)
	for range a.blocks { //nolint:revive // draining until the goroutine has closed it
	}
}
