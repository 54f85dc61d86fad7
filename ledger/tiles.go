package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/ledger/proof"
)

// Proof returns the hashes that prove the entry with an index in the tree of a size (RFC 6962 section 2.1.1), which must have been published.
// They come from the tiles and are checked against the signed root.
func (l *Ledger) Proof(ctx context.Context, index, size int64) ([]tlog.Hash, error) {
	r, served, err := l.treeReader(ctx)
	if err == nil && size > served.Size {
		err = ErrNotPublished
	}
	if err != nil {
		return nil, fmt.Errorf("proving entry %d of %d: %w", index, size, err)
	}
	if index < 0 || index >= size {
		return nil, fmt.Errorf("proving entry %d of %d: %w", index, size, ErrNotFound)
	}
	hashes, err := tlog.ProveRecord(size, index, r)
	if err != nil {
		return nil, fmt.Errorf("proving entry %d of %d: %w", index, size, err)
	}
	// The reader has checked its tiles against the root; this checks the proof itself, as whoever gets it will.
	leaf, err := r.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
	if err != nil {
		return nil, fmt.Errorf("proving entry %d of %d: %w", index, size, err)
	}
	root, err := tlog.TreeHash(size, r)
	if err != nil {
		return nil, fmt.Errorf("proving entry %d of %d: %w", index, size, err)
	}
	if err := tlog.CheckRecord(hashes, size, root, index, leaf[0]); err != nil {
		return nil, fmt.Errorf("proving entry %d of %d: %w: %w", index, size, ErrCorrupt, err)
	}
	return hashes, nil
}

// ConsistencyProof returns the hashes that prove that the tree of one size begins with that of another (RFC 6962 section 2.1.2).
func (l *Ledger) ConsistencyProof(ctx context.Context, old, size int64) ([]tlog.Hash, error) {
	r, served, err := l.treeReader(ctx)
	if err == nil && size > served.Size {
		err = ErrNotPublished
	}
	if err != nil {
		return nil, fmt.Errorf("proving consistency of %d and %d entries: %w", old, size, err)
	}
	return proof.ProveConsistency(old, size, r)
}

// HashReader returns a reader of the published tree's hashes, in the numbering of package tlog, and the checkpoint that it checks them against.
func (l *Ledger) HashReader(ctx context.Context) (tlog.HashReader, *proof.SignedCheckpoint, error) {
	return l.treeReader(ctx)
}

// treeReader reads the served tree through its tiles.
func (l *Ledger) treeReader(ctx context.Context) (tlog.HashReader, *proof.SignedCheckpoint, error) {
	l.mu.Lock()
	served := l.served
	l.mu.Unlock()
	if served == nil {
		return nil, nil, ErrNotPublished
	}
	return tlog.TileHashReader(tlog.Tree{N: served.Size, Hash: served.Root}, &tileReader{ctx: ctx, tiles: l.tiles}), served, nil
}

// tileReader implements tlog.TileReader for one call; its interface has no context.
type tileReader struct {
	ctx   context.Context
	tiles blob.Store
}

// Height implements tlog.TileReader.
func (*tileReader) Height() int { return proof.TileHeight }

// SaveTiles implements tlog.TileReader.
func (*tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles implements tlog.TileReader.
func (t *tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		b, err := readTile(t.ctx, t.tiles, tile)
		if err != nil {
			return nil, err
		}
		data[i] = b
	}
	return data, nil
}

// readTile reads a tile, or where only its full or a longer version is kept the beginning of that.
func readTile(ctx context.Context, tiles blob.Store, tile tlog.Tile) ([]byte, error) {
	want := tile.W * tlog.HashSize
	get := func(t tlog.Tile) ([]byte, error) {
		b, err := tiles.Get(ctx, proof.TilePath(t), int64(t.W)*tlog.HashSize)
		if err != nil {
			return nil, err
		}
		if len(b) != t.W*tlog.HashSize {
			return nil, fmt.Errorf("%w: the tile %q has %d bytes", ErrCorrupt, proof.TilePath(t), len(b))
		}
		return b[:want], nil
	}
	b, err := get(tile)
	if !errors.Is(err, blob.ErrNotExist) || tile.W == tileWidth {
		return b, err
	}
	full := tile
	full.W = tileWidth
	b, fullErr := get(full)
	if !errors.Is(fullErr, blob.ErrNotExist) {
		return b, fullErr
	}
	for name, listErr := range tiles.List(ctx, proof.TilePath(full)+".p/") {
		if listErr != nil {
			return nil, listErr
		}
		if longer, perr := proof.ParseTilePath(name); perr == nil && longer.W > tile.W {
			return get(longer)
		}
	}
	return nil, err
}

// loadFrontier makes the frontier of a tree from its tiles, or where they do not give its root from the database. The error is ErrCorrupt if
// the database does not either.
func (l *Ledger) loadFrontier(ctx context.Context, c proof.Checkpoint) (*frontier, error) {
	f, err := l.frontierFromTiles(ctx, c)
	if err != nil || f.root() != c.Root {
		f = &frontier{}
		for r, err := range l.readLeaves(ctx, 0, c.Size) {
			if err != nil {
				return nil, err
			}
			_, b, err := r.leaf()
			if err != nil {
				return nil, err
			}
			_ = f.add(tlog.RecordHash(b), func(tlog.Tile, []tlog.Hash) error { return nil })
		}
		if f.size != c.Size || f.root() != c.Root {
			return nil, fmt.Errorf("%w: the entries in the database do not give the root of the checkpoint of %d", ErrCorrupt, c.Size)
		}
	}
	// The last bundle, whose leaves' hashes the frontier has.
	at := c.Size - c.Size%tileWidth
	f.bundle = nil
	for r, err := range l.readLeaves(ctx, at, c.Size) {
		if err != nil {
			return nil, err
		}
		_, b, err := r.leaf()
		if err != nil {
			return nil, err
		}
		if tlog.RecordHash(b) != f.levels[0][r.number-at] {
			return nil, fmt.Errorf("%w: entry %d is not the one that was published", ErrCorrupt, r.number)
		}
		if f.bundle, err = proof.AppendEntry(f.bundle, b); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (l *Ledger) frontierFromTiles(ctx context.Context, c proof.Checkpoint) (*frontier, error) {
	f := &frontier{size: c.Size}
	for level := 0; c.Size>>(proof.TileHeight*level) > 0; level++ {
		n := c.Size >> (proof.TileHeight * level)
		var hashes []tlog.Hash
		if w := int(n % tileWidth); w > 0 {
			b, err := readTile(ctx, l.tiles, tlog.Tile{H: proof.TileHeight, L: level, N: n / tileWidth, W: w})
			if err != nil {
				return nil, err
			}
			if hashes, err = parseTile(b, w); err != nil {
				return nil, err
			}
		}
		f.levels = append(f.levels, hashes)
	}
	return f, nil
}

// rowTree reads hashes of the tree from the database. It holds all leaves' hashes: for convicting and for recovery only.
type rowTree struct{ leaves []tlog.Hash }

func (l *Ledger) rowTree(ctx context.Context, size int64) (*rowTree, error) {
	t := &rowTree{}
	for r, err := range l.readLeaves(ctx, 0, size) {
		if err != nil {
			return nil, err
		}
		_, b, err := r.leaf()
		if err != nil {
			return nil, err
		}
		t.leaves = append(t.leaves, tlog.RecordHash(b))
	}
	if int64(len(t.leaves)) != size {
		return nil, fmt.Errorf("%w: %d of %d entries are in the database", ErrCorrupt, len(t.leaves), size)
	}
	return t, nil
}

// root returns the root of the tree's first leaves.
func (t *rowTree) root(size int64) tlog.Hash {
	if size == 0 {
		return proof.EmptyRoot()
	}
	return subtree(t.leaves[:size])
}

// ReadHashes implements tlog.HashReader.
func (t *rowTree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		level, n := tlog.SplitStoredHashIndex(x)
		from, to := n<<level, (n+1)<<level
		if to > int64(len(t.leaves)) {
			return nil, fmt.Errorf("hash %d of level %d is not in a tree of %d", n, level, len(t.leaves))
		}
		hashes[i] = subtree(slices.Clip(t.leaves[from:to]))
	}
	return hashes, nil
}
