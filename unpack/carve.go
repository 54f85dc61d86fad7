package unpack

import (
	"bytes"
	"context"
	"fmt"
	"io"
)

// carveUnit is the grid on which filler is cut from the ends of a gap: the sector. Boot loaders and images on flash start
// on one, so that what was put into a gap is recognised by its first bytes.
const carveUnit = 512

// carve turns what no part of the container refers to into nodes of its own, named by where it stands: a boot loader
// before the first partition, a file system behind a kernel. Filler at the ends of a gap stays padding. Gaps before offset
// first are left. To be called when everything that is known was claimed.
func (c *Container) carve(ctx context.Context, r io.ReaderAt, first, size int64) error {
	_, gaps := c.part.account(size)
	for _, g := range gaps {
		g.offset = max(g.offset, first)
		if g.offset >= g.end {
			continue
		}
		if err := c.carveRange(ctx, r, g.offset, g.end); err != nil {
			return err
		}
	}
	return nil
}

// carveRange makes a node of a range, unless it is filler.
func (c *Container) carveRange(ctx context.Context, r io.ReaderAt, offset, end int64) error {
	from, to, err := trimFiller(ctx, r, offset, end)
	if err != nil {
		return fmt.Errorf("reading between the parts: %w", err)
	}
	c.Claim(offset, from-offset, InPadding)
	c.Claim(to, end-to, InPadding)
	if from == to {
		return nil
	}
	e := Entry{Parent: Root, Name: fmt.Sprintf("@%#x", from), Carved: true}
	if name := c.w.nameOf(r, from, to-from); name != "" {
		e.Name += "." + name
	}
	c.Claim(from, to-from, InNode)
	_, err = c.Part(ctx, e, r, from, to-from)
	return err
}

// nameOf tells what the bytes of a range would be recognised as.
func (w *walker) nameOf(r io.ReaderAt, offset, size int64) string {
	head := make([]byte, min(size, sniffLen))
	n, _ := r.ReadAt(head, offset)
	_, name := w.recognise(head[:n])
	return name
}

// trimFiller returns the range without filler at its ends; an empty one where there is nothing else. Filler is cut in whole
// units, of the first and last of which only the part inside the range counts, and at each end at most one run of 00 and one of ff: more of
// them by turns could be a message.
func trimFiller(ctx context.Context, r io.ReaderAt, offset, end int64) (from, to int64, err error) {
	buf := make([]byte, 64<<10)
	var left, right fillerRuns
	from, to = end, end
	for at := offset; at < end && from == end; {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		n := min(int64(len(buf))-at%carveUnit, end-at)
		if err := readFull(r, buf[:n], at); err != nil {
			return 0, 0, err
		}
		for i := int64(0); i < n; {
			k := min(carveUnit-(at+i)%carveUnit, n-i)
			if !left.add(buf[i : i+k]) {
				from = at + i
				break
			}
			i += k
		}
		at += n
	}
	for at := end; at > from; {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		first := max(from, (at-1)/int64(len(buf))*int64(len(buf)))
		if err := readFull(r, buf[:at-first], first); err != nil {
			return 0, 0, err
		}
		for at > first {
			unit := max(first, (at-1)/carveUnit*carveUnit)
			if !right.add(buf[unit-first : at-first]) {
				return from, at, nil
			}
			at = unit
		}
	}
	return from, from, nil
}

// fillerRuns counts runs of filler.
type fillerRuns struct {
	n    int
	last byte
}

// add takes the next unit, and tells whether it is filler that may still be cut off.
func (f *fillerRuns) add(unit []byte) bool {
	if !allFiller(unit) {
		return false
	}
	if f.n == 0 || f.last != unit[0] {
		f.n++
		f.last = unit[0]
	}
	return f.n <= 2
}

// allFiller tells whether bytes are one repeated 00 or ff.
func allFiller(b []byte) bool {
	if b[0] != 0 && b[0] != 0xff {
		return false
	}
	return bytes.Equal(b[1:], b[:len(b)-1])
}

// readFull reads all of p, or says why not.
func readFull(r io.ReaderAt, p []byte, offset int64) error {
	if n, err := r.ReadAt(p, offset); n < len(p) {
		return noEOF(err)
	}
	return nil
}
