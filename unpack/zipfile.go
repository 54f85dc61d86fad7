package unpack

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
	"github.com/probat-lab/probat/unpack/lzma"
)

// entry records one entry and claims its bytes.
func (z *zipReader) entry(ctx context.Context, e *zipEntry) error {
	dir, base, ok := z.to.Split(e.name)
	if e.data >= 0 {
		z.to.Claim(e.at, e.data-e.at, InStructure)
		z.to.Claim(e.data, e.packed, InNode)
		z.to.Claim(e.data+e.packed, e.end-e.data-e.packed, InStructure)
	}
	if !ok || base == "" {
		if e.data >= 0 {
			z.to.Unseen(e.data, e.packed)
		}
		if base == "" && ok && e.packed > 0 {
			z.to.Unobserved(e.data, e.packed, "unaccounted", "content of an entry without a name", tree.HidesAll)
		}
		return nil
	}
	x := Entry{Parent: dir, Name: base, Size: e.size, Meta: e.meta, Fault: cmp.Or(leadsUp(e.name), e.other)}
	reason, detail := z.closed(e)
	switch {
	case reason != "":
		id, ok := z.to.Add(x)
		if ok {
			z.to.UnobservedEntry(id, e.size, reason, detail, tree.HidesAll)
		}
		if e.data >= 0 {
			z.to.Unseen(e.data, e.packed)
		}
		return nil
	case e.meta.Type == tree.Symlink:
		return z.symlink(ctx, x, e)
	case e.meta.Type != tree.File:
		z.to.Add(x)
		// Some tools deflate the nothing of a directory to two bytes.
		if err := z.write(ctx, e, &bounded{}); e.packed > 0 && (e.size > 0 || err != nil) {
			z.to.Unseen(e.data, e.packed)
			z.to.Unobserved(e.data, e.packed, "unaccounted", "content of an entry that can have none", tree.HidesAll)
		}
		return ctx.Err()
	}
	content := *e
	z.to.Later(deeper(ctx), x, func(ctx context.Context, w io.Writer) error { return z.write(ctx, &content, w) })
	return nil
}

// closed says why an entry's content cannot be had, if it cannot.
func (z *zipReader) closed(e *zipEntry) (reason, detail string) {
	switch {
	case e.fault != "":
		return "damaged", e.fault
	case e.overlapped:
		return "damaged", "the content overlaps that of other entries"
	case e.flags&(zipEncrypted|zipStrong) != 0 || e.method == zipAES:
		return "encrypted", "the entry is encrypted"
	}
	switch e.method {
	case zipStore, zipDeflate, zipBzip2, zipLZMA, zipZstd, zipXz:
		return "", ""
	}
	return "unsupported", fmt.Sprintf("compression method %d", e.method)
}

// The methods of compression (4.4.5) that are opened, and the one that says AES.
const (
	zipStore   = 0
	zipDeflate = 8
	zipBzip2   = 12
	zipLZMA    = 14
	zipZstd    = 93
	zipXz      = 95
	zipAES     = 99
)

func (z *zipReader) symlink(ctx context.Context, x Entry, e *zipEntry) error {
	if e.size > maxPath {
		if id, ok := z.to.Add(x); ok {
			z.to.UnobservedEntry(id, e.size, "budget", "the target of the link has "+itoa(e.size)+" bytes", tree.HidesAll)
		}
		return nil
	}
	target := &bounded{}
	err := z.write(ctx, e, target)
	if err == nil {
		x.Link = fact.Escape(target.buf)
	}
	id, ok := z.to.Add(x)
	if ok && err != nil {
		z.to.UnobservedEntry(id, e.size, reasonOf(err), "the target of the link: "+fact.Escape(err.Error()), tree.HidesAll)
	}
	return ctx.Err()
}

// write decodes an entry's content. It is called from any goroutine.
func (z *zipReader) write(ctx context.Context, e *zipEntry, w io.Writer) error {
	br := readers.get(&ctxReader{ctx, io.NewSectionReader(z.r, e.data, e.packed)})
	defer readers.put(br)
	in, release, err := zipDecoder(br, e, windowLimit(ctx))
	if err != nil {
		return err
	}
	defer release()
	sum := crc32.NewIEEE()
	buf := zipBuffers.Get().(*[]byte)
	defer zipBuffers.Put(buf)
	n, err := io.CopyBuffer(onlyWriter{io.MultiWriter(w, sum)}, io.LimitReader(in, e.size+1), *buf)
	switch {
	case err != nil:
		return err
	case n > e.size:
		return errLong
	case n < e.size:
		return errors.New("fewer bytes than the size says")
	case sum.Sum32() != e.crc:
		return errors.New("the content does not match its checksum")
	}
	// Reading on shows the end of the stream, and what hides behind it.
	if _, err := io.CopyBuffer(io.Discard, onlyReader{io.LimitReader(in, 1)}, *buf); err != nil {
		return err
	}
	rest, err := io.CopyBuffer(io.Discard, onlyReader{br}, *buf)
	if rest > 0 {
		from := e.data + e.packed - rest
		z.to.Unseen(from, rest)
		z.to.Unobserved(from, rest, "unaccounted", itoa(rest)+" bytes behind the end of the content of an entry", tree.HidesAll)
	}
	return err
}

var zipBuffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

type onlyWriter struct{ io.Writer }

// ctxReader ends with its context.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *ctxReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// zipDecoder opens an entry's content. release gives back what the decoder took.
func zipDecoder(br *bufio.Reader, e *zipEntry, window int64) (io.Reader, func(), error) {
	switch e.method {
	case zipStore:
		return br, func() {}, nil
	case zipBzip2:
		return newBzip2(br), func() {}, nil
	case zipLZMA:
		d := &lzmaStream{most: window, start: func(z *lzma.Reader, most int64) error { return zipLzma(z, br, e, most) }}
		return d, d.release, nil
	case zipZstd:
		d := &zstdFrames{r: br, most: window}
		return d, d.release, nil
	case zipXz:
		d := &xzStreams{r: br, most: window}
		return d, d.release, nil
	}
	in := inflaters.Get().(io.ReadCloser)
	if err := in.(flate.Resetter).Reset(br, nil); err != nil {
		return nil, nil, err
	}
	return in, func() { inflaters.Put(in) }, nil
}

// zipLzma reads the header before an LZMA stream (APPNOTE.TXT 5.8.8).
func zipLzma(z *lzma.Reader, br *bufio.Reader, e *zipEntry, most int64) error {
	var h [9]byte
	if _, err := io.ReadFull(br, h[:]); err != nil {
		return noEOF(err)
	}
	if binary.LittleEndian.Uint16(h[2:]) != 5 {
		return &refusal{"unsupported", "settings of LZMA of an unknown length"}
	}
	size := uint64(e.size)
	if e.flags&zipLzmaMarker != 0 {
		size = lzma.UnknownSize
	}
	return z.Reset(br, h[4], binary.LittleEndian.Uint32(h[5:]), size, most)
}
