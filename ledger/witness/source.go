package witness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
)

// getter reads a file of a log by its C2SP name, "checkpoint" or "tile/…"; the error is fs.ErrNotExist if there is none.
type getter func(ctx context.Context, name string, most int64) ([]byte, error)

// openSource opens where a log's files are: an http or https address, or a folder. The function returned second is to be called at the end.
func openSource(source string, transport http.RoundTripper, timeout time.Duration) (getter, func(), error) {
	if !isURL(source) {
		root, err := os.OpenRoot(source)
		if err != nil {
			return nil, nil, err
		}
		get := func(_ context.Context, name string, most int64) ([]byte, error) { return readIn(root, name, most) }
		return get, func() { _ = root.Close() }, nil
	}
	prefix, err := checkURL(source)
	if err != nil {
		return nil, nil, err
	}
	w := newWeb(transport, timeout)
	return func(ctx context.Context, name string, most int64) ([]byte, error) {
		a, err := w.do(ctx, http.MethodGet, prefix+"/"+name, nil, most)
		switch {
		case err != nil:
			return nil, err
		case a.status == http.StatusNotFound || a.status == http.StatusGone:
			return nil, fmt.Errorf("%q: %w", name, fs.ErrNotExist)
		case a.status != http.StatusOK:
			return nil, a.refused()
		}
		return a.body, nil
	}, func() {}, nil
}

func isURL(s string) bool { return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") }

func readIn(root *os.Root, name string, most int64) ([]byte, error) {
	// Without O_NONBLOCK, a pipe in a file's place would hold the reader for ever.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a regular file", name)
	}
	return readCapped(f, most)
}

func readCapped(r io.Reader, most int64) ([]byte, error) {
	var b bytes.Buffer
	if _, err := b.ReadFrom(io.LimitReader(r, most+1)); err != nil {
		return nil, err
	}
	if int64(b.Len()) > most {
		return nil, fmt.Errorf("more than %d bytes", most)
	}
	return b.Bytes(), nil
}

// tiles reads a log's tiles for tlog.TileHashReader, which checks them against a checkpoint. Only what it has checked is kept, for one round.
type tiles struct {
	read  func(name string) ([]byte, error)
	known map[tlog.Tile][]byte
}

func newTiles(ctx context.Context, get getter) *tiles {
	return &tiles{
		read: func(name string) ([]byte, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return get(ctx, name, 1<<proof.TileHeight*tlog.HashSize)
		},
		known: map[tlog.Tile][]byte{},
	}
}

// tree returns a reader of the hashes of the tree that c stands for. What it returns is true if c is.
func (t *tiles) tree(c proof.Checkpoint) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: c.Size, Hash: c.Root}, t)
}

// Height implements tlog.TileReader.
func (t *tiles) Height() int { return proof.TileHeight }

// ReadTiles implements tlog.TileReader.
func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range wanted {
		b, ok := t.known[tile]
		if !ok {
			var err error
			if b, err = t.one(tile); err != nil {
				return nil, fmt.Errorf("reading tile %q: %w", proof.TilePath(tile), err)
			}
		}
		all = append(all, b)
	}
	return all, nil
}

// one reads a tile. A partial one may have been taken away when the full one was there: that begins with the same hashes.
func (t *tiles) one(tile tlog.Tile) ([]byte, error) {
	b, err := t.read(proof.TilePath(tile))
	full := tlog.Tile{H: tile.H, L: tile.L, N: tile.N, W: 1 << proof.TileHeight}
	if errors.Is(err, fs.ErrNotExist) && tile.W < full.W {
		b, err = t.read(proof.TilePath(full))
		if size := tile.W * tlog.HashSize; err == nil && len(b) > size {
			b = b[:size]
		}
	}
	return b, err
}

// SaveTiles implements tlog.TileReader.
func (t *tiles) SaveTiles(checked []tlog.Tile, data [][]byte) {
	for i, tile := range checked {
		t.known[tile] = data[i]
	}
}
