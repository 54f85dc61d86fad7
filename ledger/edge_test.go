package ledger

import (
	"bytes"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
)

// reference is the tree as package tlog stores it.
type reference []tlog.Hash

func (r reference) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, i := range indexes {
		hashes = append(hashes, r[i])
	}
	return hashes, nil
}

// TestEdgeAndFrontier compares roots and tiles with package tlog's at every size up to some thousand, beyond two levels of tiles.
func TestEdgeAndFrontier(t *testing.T) {
	const size = 256*256 + 300
	var ref reference
	var e edge
	f := &frontier{}
	written := map[string][]byte{}
	for i := range int64(size) {
		leaf := tlog.RecordHash(fmt.Append(nil, i))
		hashes, err := tlog.StoredHashesForRecordHash(i, leaf, ref)
		if err != nil {
			t.Fatal(err)
		}
		ref = append(ref, hashes...)
		e.add(leaf)
		put := func(tile tlog.Tile, hashes []tlog.Hash) error {
			written[proof.TilePath(tile)] = hashBytes(hashes)
			return nil
		}
		if err := f.add(leaf, put); err != nil {
			t.Fatal(err)
		}
		if i > 600 && i < size-20 && i%9973 != 0 && i&(i+1) != 0 {
			continue
		}
		want, err := tlog.TreeHash(i+1, ref)
		if err != nil {
			t.Fatal(err)
		}
		if e.root() != want || f.root() != want || e.size != i+1 {
			t.Fatalf("size %d: edge %v, frontier %v, want %v", i+1, e.root(), f.root(), want)
		}
		if read, err := parseEdge(e.size, want[:], e.bytes()); err != nil || !read.equal(&e) {
			t.Fatalf("size %d: read again: %v", i+1, err)
		}
	}
	if err := f.partial(func(tile tlog.Tile, hashes []tlog.Hash) error {
		written[proof.TilePath(tile)] = hashBytes(hashes)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, tile := range tlog.NewTiles(proof.TileHeight, 0, size) {
		want, err := tlog.ReadTileData(tile, ref)
		if err != nil {
			t.Fatal(err)
		}
		if name := proof.TilePath(tile); !bytes.Equal(written[name], want) {
			t.Errorf("tile %s differs", name)
		} else {
			delete(written, name)
		}
	}
	for name := range written {
		t.Errorf("tile %s is one too many", name)
	}
	tree := &rowTree{}
	for i := range int64(700) {
		tree.leaves = append(tree.leaves, tlog.RecordHash(fmt.Append(nil, i)))
	}
	hashes, err := tlog.ProveTree(700, 300, tree)
	if err != nil {
		t.Fatal(err)
	}
	if err := tlog.CheckTree(hashes, 700, tree.root(700), 300, tree.root(300)); err != nil {
		t.Error(err)
	}
}

func TestEdgeRefused(t *testing.T) {
	var e edge
	for i := range 7 {
		e.add(tlog.RecordHash([]byte{byte(i)}))
	}
	root, b := e.root(), e.bytes()
	for name, try := range map[string]func() (int64, []byte, []byte){
		"flipped":   func() (int64, []byte, []byte) { c := bytes.Clone(b); c[40] ^= 1; return 7, root[:], c },
		"shortened": func() (int64, []byte, []byte) { return 7, root[:], b[:64] },
		"size":      func() (int64, []byte, []byte) { return 15, root[:], b },
		"negative":  func() (int64, []byte, []byte) { return -1, root[:], nil },
		"root":      func() (int64, []byte, []byte) { c := bytes.Clone(root[:]); c[0] ^= 1; return 7, c, b },
	} {
		if _, err := parseEdge(try()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
