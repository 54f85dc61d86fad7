package unpack

import (
	"bufio"
	"context"
	"fmt"
	"io"
)

// carveBehind looks at what follows an archive that was read from front to back. Zeros are padding; where a known format
// begins behind them, as the parts of an initramfs do, it is walked as a node of its own, named by where it stands.
// What else follows stays unread.
func carveBehind(ctx context.Context, br *bufio.Reader, to *Container) error {
	for {
		if err := skipZeros(ctx, br, to); err != nil {
			return err
		}
		head, _ := br.Peek(sniffLen)
		f, _ := firstOf(to.w.formats, head)
		if f == nil || f.Confirm != nil {
			return nil
		}
		r := io.Reader(br)
		if f.Name == cpioName { // all else is taken to the end of what there is
			r = newCpioCut(br, cpioKindOf(head))
		}
		name := fmt.Sprintf("@%#x.%s", to.source.taken(), f.Name)
		if err := to.File(ctx, Entry{Parent: Root, Name: name, Carved: true, Size: -1}, r); err != nil {
			return err
		}
	}
}

// skipZeros counts zeros as padding.
func skipZeros(ctx context.Context, br *bufio.Reader, to *Container) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := br.Peek(1); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		b, _ := br.Peek(br.Buffered())
		n := 0
		for n < len(b) && b[n] == 0 {
			n++
		}
		if _, err := br.Discard(n); err != nil {
			return err
		}
		to.sum.Padding += int64(n)
		if n < len(b) {
			return nil
		}
	}
}

// newCpioCut hands on the bytes of one archive, up to its trailer.
func newCpioCut(br *bufio.Reader, kind cpioKind) io.Reader {
	y := &relay{r: br}
	at := int64(0)
	padded := func(n int64) int64 { // bytes to the boundary that follows n further ones
		return n + (-(at + n) & (kind.align() - 1))
	}
	y.next = func() error {
		b, err := y.take(kind.length())
		if err != nil {
			return err
		}
		h, ok := parseCpio(kind, b)
		if !ok { // where this ends is not known
			y.body = 1 << 62
			return nil
		}
		at += int64(len(b))
		last, name := false, int64(h.nameLen)
		if h.nameLen == len(cpioTrailer)+1 {
			b, err := y.take(h.nameLen)
			if err != nil {
				return err
			}
			last = string(b) == cpioTrailer+"\x00" && h.size == 0
			at, name = at+name, 0
		}
		for _, n := range []int64{name, h.size} {
			n = padded(n)
			y.body, at = y.body+n, at+n
		}
		if last {
			y.next = func() error { return io.EOF }
		}
		return nil
	}
	return y
}
