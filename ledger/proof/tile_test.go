package proof_test

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/probat-lab/probat/ledger/proof"
)

func TestTilePath(t *testing.T) {
	for path, tile := range map[string]tlog.Tile{
		"tile/0/000":                     {L: 0, N: 0, W: 256},
		"tile/0/x001/234":                {L: 0, N: 1234, W: 256},
		"tile/0/x001/234.p/17":           {L: 0, N: 1234, W: 17},
		"tile/2/x001/x234/067":           {L: 2, N: 1234067, W: 256}, // the number is an example of C2SP tlog-tiles
		"tile/63/999.p/255":              {L: 63, N: 999, W: 255},
		"tile/entries/x001/x234/067":     {L: -1, N: 1234067, W: 256},
		"tile/entries/x001/x234/067.p/1": {L: -1, N: 1234067, W: 1},
	} {
		tile.H = proof.TileHeight
		if got := proof.TilePath(tile); got != path {
			t.Errorf("%v: got %q, want %q", tile, got, path)
		}
		if got, err := proof.ParseTilePath(path); err != nil || got != tile {
			t.Errorf("%q: got %v, %v, want %v", path, got, err, tile)
		}
	}
}

// TestTilesOfTree: C2SP tlog-tiles says of which tiles a tree of 70,000 consists.
func TestTilesOfTree(t *testing.T) {
	var got []string
	full := map[int]int{}
	for _, tile := range tlog.NewTiles(proof.TileHeight, 0, 70000) {
		if tile.W == 256 {
			full[tile.L]++
		} else {
			got = append(got, proof.TilePath(tile))
		}
	}
	if want := "tile/0/273.p/112 tile/1/001.p/17 tile/2/000.p/1"; strings.Join(got, " ") != want {
		t.Errorf("got partial tiles %q, want %q", got, want)
	}
	if full[0] != 273 || full[1] != 1 || full[2] != 0 {
		t.Errorf("got full tiles %v", full)
	}
}

func TestTilePathRefused(t *testing.T) {
	for _, path := range []string{
		"", "tile", "tile/", "tile/0", "tile/0/", "/tile/0/000", "tile/0/000/", "tile//000", "tile/00/000", "tile/+0/000", "tile/-1/000", "tile/64/000", "tile/data/000",
		"tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000/001", "tile/0/001/234", "tile/0/x001", "tile/0/x001/x234", "tile/0/x1/234", "tile/0/X001/234", "tile/0/+01", "tile/0/-01", "tile/0/0x1", "tile/0/1_0",
		"tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/+1", "tile/0/000.p/1/", "tile/0/000.p/1.p/1", "tile/0/000.p/17 ",
		"tile/0/../000", "tile/0/x001//234", `tile\0\000`, "tile/0/000\n", "tile/0/٠٠١", "Tile/0/000", "checkpoint",
		"tile/0/x999/x999/x999/x999/x999/x999/999", "tile/0/x009/x223/x372/x036/x854/x775/808", "tile/0/x004/x503/x599/x627/x370/497", "tile/0/" + strings.Repeat("x001/", 4000) + "001",
	} {
		if tile, err := proof.ParseTilePath(path); err == nil {
			t.Errorf("%.80q: accepted as %v", path, tile)
		}
	}
}

func TestTilePathRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tile := tlog.Tile{
			H: proof.TileHeight, L: rapid.IntRange(-1, 63).Draw(t, "level"),
			N: rapid.Int64Range(0, proof.MaxSize/256).Draw(t, "index"), W: rapid.IntRange(1, 256).Draw(t, "width"),
		}
		got, err := proof.ParseTilePath(proof.TilePath(tile))
		if err != nil || got != tile {
			t.Fatalf("got %v, %v, want %v", got, err, tile)
		}
		// golang.org/x/mod writes the same with a height, and "data" for entries.
		theirs := replacedPrefix(tile.Path(), "tile/8/data/", "tile/entries/", "tile/8/", "tile/")
		if ours := proof.TilePath(tile); ours != theirs {
			t.Fatalf("got %q, want %q", ours, theirs)
		}
	})
}

// replacedPrefix replaces the first of the prefixes that s has.
func replacedPrefix(s string, pairs ...string) string {
	for ; len(pairs) > 0; pairs = pairs[2:] {
		if rest, ok := strings.CutPrefix(s, pairs[0]); ok {
			return pairs[1] + rest
		}
	}
	return s
}

func FuzzParseTilePath(f *testing.F) {
	f.Add("tile/0/x001/234.p/17")
	f.Add("tile/entries/x001/x234/067")
	f.Fuzz(func(t *testing.T, path string) {
		tile, err := proof.ParseTilePath(path)
		if err == nil && proof.TilePath(tile) != path {
			t.Errorf("%q is written as %q", path, proof.TilePath(tile))
		}
	})
}

func TestEntries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 600), 0, 256).Draw(t, "entries")
		var bundle []byte
		var err error
		for _, e := range want {
			if bundle, err = proof.AppendEntry(bundle, e); err != nil {
				t.Fatal(err)
			}
		}
		got, err := proof.ReadEntries(bundle, 256)
		if err != nil || len(got) != len(want) {
			t.Fatalf("got %d entries, %v, want %d", len(got), err, len(want))
		}
		for i := range got {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("entry %d: got %x, want %x", i, got[i], want[i])
			}
		}
		if len(want) > 0 {
			if _, err := proof.ReadEntries(bundle, len(want)-1); err == nil {
				t.Fatal("one entry too many was accepted")
			}
			if _, err := proof.ReadEntries(bundle[:len(bundle)-1], 256); err == nil {
				t.Fatal("a bundle without its last byte was accepted")
			}
		}
	})
}

func TestEntriesRefused(t *testing.T) {
	if _, err := proof.AppendEntry(nil, make([]byte, proof.MaxEntry)); err != nil {
		t.Errorf("the largest entry: %v", err)
	}
	_, err := proof.AppendEntry(nil, make([]byte, proof.MaxEntry+1))
	refused(t, err, "at most 65535")
	for bundle, says := range map[string]string{
		"\x00":               "inside the length of entry 0",
		"\x00\x01":           "inside entry 0",
		"\x00\x01a\x00":      "inside the length of entry 1",
		"\xff\xffabc":        "inside entry 0",
		"\x00\x01a\x00\x02b": "inside entry 1",
	} {
		_, err := proof.ReadEntries([]byte(bundle), 256)
		refused(t, err, says)
	}
	_, err = proof.ReadEntries(make([]byte, 2*257), 256)
	refused(t, err, "more than 256")
	// Entries cannot be grown into their neighbours.
	entries, err := proof.ReadEntries([]byte("\x00\x01a\x00\x01b"), 256)
	if err != nil || string(append(entries[0], "xxx"...)) != "axxx" || string(entries[1]) != "b" {
		t.Errorf("got %q, %v", entries, err)
	}
}

func FuzzReadEntries(f *testing.F) {
	f.Add([]byte("\x00\x01a\x00\x00\x00\x02bc"))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := proof.ReadEntries(b, 256)
		if err != nil {
			return
		}
		var again []byte
		for _, e := range entries {
			if again, err = proof.AppendEntry(again, e); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(again, b) {
			t.Errorf("%x is written as %x", b, again)
		}
	})
}
