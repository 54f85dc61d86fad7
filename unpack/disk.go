package unpack

import (
	"context"
	"fmt"
	"io"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// sector is the block of a disk that partition tables of the MBR kind count in.
const sector = 512

// region is one entry of a partition table: a range that it says is a partition, in bytes.
type region struct {
	name         string // p and its number
	offset, size int64
}

// overlapFactor bounds what partitions that overlap can cost: all together are walked for at most so many times the disk's bytes.
const overlapFactor = 4

// partitions walks what a table lists, in its order. A range that was listed before is not walked again.
func (c *Container) partitions(ctx context.Context, r io.ReaderAt, size int64, list []region) error {
	var walked int64
	type span struct{ offset, size int64 }
	seen := map[span]region{}
	nodes := map[span]tree.ID{}
	for _, p := range list {
		e := Entry{Parent: Root, Name: p.name, Size: -1}
		there := min(p.size, max(0, size-p.offset))
		s := span{p.offset, p.size}
		first, again := seen[s]
		switch {
		case again:
			e.Hardlink = "/" + first.name
			c.Repeat(e, nodes[s])
			continue
		case there == 0:
			if id, ok := c.Add(e); ok {
				c.UnobservedEntry(id, p.size, "truncated", fmt.Sprintf("starts at %d, the disk ends at %d", p.offset, size), tree.HidesAll)
			}
			continue
		case walked+there > overlapFactor*size:
			if id, ok := c.Add(e); ok {
				c.UnobservedEntry(id, p.size, "budget", fmt.Sprintf("partitions overlap: more than %d times the disk", overlapFactor), tree.HidesAll)
			}
			continue
		}
		walked += there
		c.Claim(p.offset, there, InNode)
		id, err := c.Part(ctx, e, r, p.offset, there)
		if err != nil {
			return err
		}
		seen[s], nodes[s] = p, id
		if there < p.size {
			c.UnobservedEntry(id, -1, "truncated", fmt.Sprintf("the disk ends %d bytes before the end of the partition", p.size-there), tree.HidesAll)
		}
	}
	return nil
}

// tableFault records that a partition table is not as it should be.
func (c *Container) tableFault(offset, length int64, hides tree.Hides, format string, args ...any) {
	c.Unobserved(offset, length, "damaged", fact.Escape(fmt.Sprintf(format, args...)), hides)
}
