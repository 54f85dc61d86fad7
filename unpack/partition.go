package unpack

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/probat-lab/probat/tree"
)

// ClaimKind says what a claimed range of a container holds.
type ClaimKind uint8

// What a range can be claimed as. Of overlapping claims a node's wins, then one of structure.
const (
	InNode ClaimKind = iota
	InStructure
	InPadding // filler: the caller has looked
)

// partition collects the claims on a container's bytes.
type partition struct {
	claims []claim
	unseen []claim // recorded as unobserved already; the walker's mutex guards it
}

type claim struct {
	offset, end int64
	kind        ClaimKind
}

func (p *partition) claim(offset, length int64, kind ClaimKind) {
	if length <= 0 || offset < 0 || offset > 1<<62 || length > 1<<62 {
		return
	}
	// Most formats claim in order: neighbours of one kind become one.
	if n := len(p.claims); n > 0 && p.claims[n-1].kind == kind && p.claims[n-1].end == offset {
		p.claims[n-1].end += length
		return
	}
	p.claims = append(p.claims, claim{offset, offset + length, kind})
}

// account divides size bytes by the claims and returns the gaps between them.
func (p *partition) account(size int64) (sum tree.Account, gaps []claim) {
	unseen := merge(p.unseen, InNode, size)
	nodes := mergeRanges(slices.Concat(merge(p.claims, InNode, size), unseen))
	all := mergeRanges(slices.Concat(merge(p.claims, InStructure, size), nodes))
	known := length(all)
	all = mergeRanges(slices.Concat(merge(p.claims, InPadding, size), all))
	var covered, at int64
	for _, c := range all {
		if c.offset > at {
			gaps = append(gaps, claim{offset: at, end: c.offset})
		}
		covered += c.end - c.offset
		at = c.end
	}
	if at < size {
		gaps = append(gaps, claim{offset: at, end: size})
	}
	inNodes := length(nodes)
	sum.Unobserved = length(unseen)
	sum.Nodes = inNodes - sum.Unobserved
	sum.Structure = known - inNodes
	sum.Padding = covered - known
	return sum, gaps
}

func length(claims []claim) (n int64) {
	for _, c := range claims {
		n += c.end - c.offset
	}
	return n
}

func merge(claims []claim, kind ClaimKind, size int64) []claim {
	var own []claim
	for _, c := range claims {
		c.end = min(c.end, size)
		if c.kind == kind && c.offset < c.end {
			own = append(own, c)
		}
	}
	return mergeRanges(own)
}

func mergeRanges(claims []claim) []claim {
	slices.SortFunc(claims, func(a, b claim) int { return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.end, b.end)) })
	out := claims[:0]
	for _, c := range claims {
		if n := len(out); n > 0 && c.offset <= out[n-1].end {
			out[n-1].end = max(out[n-1].end, c.end)
			continue
		}
		out = append(out, c)
	}
	return out
}

// settle accounts for all bytes of an opened container: gaps of one repeated filler byte are padding, others unobserved.
func (c *Container) settle(ctx context.Context, r io.ReaderAt, size int64) error {
	sum, gaps := c.part.account(size)
	for _, g := range gaps {
		filler, err := isFiller(ctx, io.NewSectionReader(r, g.offset, g.end-g.offset))
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		if filler && err == nil {
			sum.Padding += g.end - g.offset
			continue
		}
		sum.Unobserved += g.end - g.offset
		c.Unobserved(g.offset, g.end-g.offset, "unaccounted", fmt.Sprintf("%d bytes that no part of the container refers to", g.end-g.offset), tree.HidesAll)
	}
	c.w.setAccount(c.node, sum)
	return nil
}

// isFiller reads r to its end and tells whether it is one repeated byte, 00 or ff.
func isFiller(ctx context.Context, r io.Reader) (bool, error) {
	buf := make([]byte, 64<<10)
	fill := -1
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		n, err := r.Read(buf)
		if n > 0 {
			if fill < 0 {
				fill = int(buf[0])
			}
			if int(buf[0]) != fill || !allFiller(buf[:n]) {
				return false, nil
			}
		}
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}
