package ledger

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
)

// edge is the right edge of a tree: the roots of the complete subtrees that its size is the sum of, largest first. It is all that is needed to
// append leaves and to know the root.
type edge struct {
	size   int64
	hashes []tlog.Hash
}

func (e *edge) clone() edge { return edge{e.size, slices.Clone(e.hashes)} }

// add appends a leaf: each trailing one bit of the size is a subtree of equal size to join with.
func (e *edge) add(leaf tlog.Hash) {
	for range bits.TrailingZeros64(^uint64(e.size)) {
		last := len(e.hashes) - 1
		leaf = tlog.NodeHash(e.hashes[last], leaf)
		e.hashes = e.hashes[:last]
	}
	e.hashes = append(e.hashes, leaf)
	e.size++
}

func (e *edge) root() tlog.Hash {
	if e.size == 0 {
		return proof.EmptyRoot()
	}
	root := e.hashes[len(e.hashes)-1]
	for _, h := range slices.Backward(e.hashes[:len(e.hashes)-1]) {
		root = tlog.NodeHash(h, root)
	}
	return root
}

func (e *edge) equal(f *edge) bool { return e.size == f.size && e.root() == f.root() }

func (e *edge) bytes() []byte { return hashBytes(e.hashes) }

// parseEdge reads what bytes wrote and checks it against the root.
func parseEdge(size int64, root, b []byte) (edge, error) {
	e := edge{size: size}
	if size < 0 || len(b) != bits.OnesCount64(uint64(size))*tlog.HashSize {
		return e, fmt.Errorf("%w: the right edge of %d leaves has %d bytes", ErrCorrupt, size, len(b))
	}
	for h := range slices.Chunk(b, tlog.HashSize) {
		e.hashes = append(e.hashes, tlog.Hash(h))
	}
	if r := e.root(); string(r[:]) != string(root) {
		return e, fmt.Errorf("%w: the right edge does not give the root of the head", ErrCorrupt)
	}
	return e, nil
}

// tileWidth is the number of hashes in a full tile, and of entries in a full bundle.
const tileWidth = 1 << proof.TileHeight

// frontier is what is needed to write further tiles: for each level the hashes of the tile that is not full yet.
type frontier struct {
	size   int64
	levels [][]tlog.Hash
	bundle []byte // the entries of the bundle that is not full yet
}

func (f *frontier) clone() *frontier {
	g := &frontier{size: f.size, bundle: slices.Clone(f.bundle)}
	for _, l := range f.levels {
		g.levels = append(g.levels, slices.Clone(l))
	}
	return g
}

// add appends a leaf and calls full for each tile that it completes.
func (f *frontier) add(leaf tlog.Hash, full func(tlog.Tile, []tlog.Hash) error) error {
	f.size++
	return f.push(0, leaf, full)
}

func (f *frontier) push(level int, h tlog.Hash, full func(tlog.Tile, []tlog.Hash) error) error {
	for ; ; level++ {
		if level == len(f.levels) {
			f.levels = append(f.levels, nil)
		}
		f.levels[level] = append(f.levels[level], h)
		if len(f.levels[level]) < tileWidth {
			return nil
		}
		tile := tlog.Tile{H: proof.TileHeight, L: level, N: f.size>>(proof.TileHeight*(level+1)) - 1, W: tileWidth}
		if err := full(tile, f.levels[level]); err != nil {
			return err
		}
		h = subtree(f.levels[level])
		f.levels[level] = f.levels[level][:0]
	}
}

// partial calls each for the tiles that are not full.
func (f *frontier) partial(each func(tlog.Tile, []tlog.Hash) error) error {
	for level, hashes := range f.levels {
		if len(hashes) == 0 {
			continue
		}
		tile := tlog.Tile{H: proof.TileHeight, L: level, N: f.size >> (proof.TileHeight * (level + 1)), W: len(hashes)}
		if err := each(tile, hashes); err != nil {
			return err
		}
	}
	return nil
}

func (f *frontier) root() tlog.Hash {
	if f.size == 0 {
		return proof.EmptyRoot()
	}
	var below []tlog.Hash // the root of all that is lower, if there is something
	for _, hashes := range f.levels {
		if all := slices.Concat(hashes, below); len(all) > 0 {
			below = []tlog.Hash{subtree(all)}
		}
	}
	return below[0]
}

// subtree returns the root over hashes of complete subtrees of equal size, of which the last may be smaller (RFC 6962 section 2.1).
func subtree(hashes []tlog.Hash) tlog.Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	k := 1 << (bits.Len(uint(len(hashes)-1)) - 1)
	return tlog.NodeHash(subtree(hashes[:k]), subtree(hashes[k:]))
}

// hashBytes are hashes as they are stored: a tile, or the edge.
func hashBytes(hashes []tlog.Hash) []byte {
	b := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		b = append(b, h[:]...)
	}
	return b
}

var errTile = errors.New("a tile has the wrong length")

func parseTile(b []byte, width int) ([]tlog.Hash, error) {
	if len(b) != width*tlog.HashSize {
		return nil, errTile
	}
	hashes := make([]tlog.Hash, 0, width)
	for h := range slices.Chunk(b, tlog.HashSize) {
		hashes = append(hashes, tlog.Hash(h))
	}
	return hashes, nil
}
