package proof

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// TileHeight is the height of all tiles: 256 hashes wide (C2SP tlog-tiles).
const TileHeight = 8

// tileWidth is the number of hashes of a full tile, and of entries in a full bundle.
const tileWidth = 1 << TileHeight

// TilePath returns where a log keeps tile t, relative to the log's prefix, as C2SP tlog-tiles says: "tile/0/x001/234", and
// "tile/0/x001/234.p/17" for a tile that holds 17 hashes only. The level -1 stands for entry bundles. The tile's height must be [TileHeight]
// and its width from 1 to 256; t.H itself is not looked at.
func TilePath(t tlog.Tile) string {
	if t.L == -1 {
		return EntriesPath(t.N, t.W)
	}
	return "tile/" + strconv.Itoa(t.L) + "/" + indexPath(t.N, t.W)
}

// EntriesPath returns where a log keeps the bundle of the entries from 256*n, relative to the log's prefix. The width, 1 to 256, is how many it holds.
func EntriesPath(n int64, width int) string { return "tile/entries/" + indexPath(n, width) }

// indexPath writes three digits an element so that no folder has more than a few thousand members.
func indexPath(n int64, width int) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		path = fmt.Sprintf("x%03d/", n%1000) + path
	}
	if width != tileWidth {
		path += ".p/" + strconv.Itoa(width)
	}
	return path
}

// ParseTilePath is the inverse of [TilePath] and [EntriesPath], whose tiles have the level -1. It refuses paths that those would not have written,
// levels above 63, and indexes of entries beyond [MaxSize].
func ParseTilePath(path string) (tlog.Tile, error) {
	bad := func() (tlog.Tile, error) {
		return tlog.Tile{}, fmt.Errorf("reading tile path %q: no such tile", clip(path))
	}
	rest, ok := strings.CutPrefix(path, "tile/")
	if !ok {
		return bad()
	}
	level, rest, ok := strings.Cut(rest, "/")
	if !ok {
		return bad()
	}
	t := tlog.Tile{H: TileHeight, L: -1, W: tileWidth}
	if level != "entries" {
		l, err := decodeNumber(level, 63)
		if err != nil {
			return bad()
		}
		t.L = int(l)
	}
	index, width, partial := strings.Cut(rest, ".p/")
	if partial {
		w, err := decodeNumber(width, tileWidth-1)
		if err != nil || w == 0 {
			return bad()
		}
		t.W = int(w)
	}
	parts := strings.Split(index, "/")
	for i, part := range parts {
		if i < len(parts)-1 {
			if part, ok = strings.CutPrefix(part, "x"); !ok {
				return bad()
			}
		}
		n, err := strconv.ParseUint(part, 10, 10)
		if err != nil || t.N > MaxSize/1000 {
			return bad()
		}
		t.N = t.N*1000 + int64(n)
	}
	// The second also refuses elements of other than three digits, signs, and a leading element x000.
	if t.N > MaxSize/tileWidth || TilePath(t) != path {
		return bad()
	}
	return t, nil
}

// AppendEntry appends an entry to an entry bundle: its length in two bytes, big endian, then the entry.
func AppendEntry(bundle, leaf []byte) ([]byte, error) {
	if len(leaf) > MaxEntry {
		return nil, fmt.Errorf("adding entry to bundle: %d bytes, at most %d are allowed", len(leaf), MaxEntry)
	}
	return append(binary.BigEndian.AppendUint16(bundle, uint16(len(leaf))), leaf...), nil
}

// ReadEntries splits an entry bundle. It refuses a bundle with more entries than most (256 for any bundle of a log, or the width that is expected),
// and one that ends inside an entry. The entries share the memory of bundle. An empty bundle has no entries; how many there must be is the caller's to compare.
func ReadEntries(bundle []byte, most int) ([][]byte, error) {
	var entries [][]byte
	for rest := bundle; len(rest) > 0; {
		if len(entries) >= most {
			return nil, fmt.Errorf("reading entry bundle: more than %d entries", most)
		}
		if len(rest) < 2 {
			return nil, fmt.Errorf("reading entry bundle: it ends inside the length of entry %d", len(entries))
		}
		n := int(binary.BigEndian.Uint16(rest))
		if rest = rest[2:]; len(rest) < n {
			return nil, fmt.Errorf("reading entry bundle: it ends inside entry %d", len(entries))
		}
		entries = append(entries, rest[:n:n])
		rest = rest[n:]
	}
	return entries, nil
}
