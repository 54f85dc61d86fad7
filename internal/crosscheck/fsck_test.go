package crosscheck

import (
	"context"
	"flag"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"

	"github.com/probat-lab/probat/ledger/proof"
)

var large = flag.Int64("large", 1000, "leaves of the log that TestFsckLarge makes")

// leafHashes splits an entry bundle as Tessera does for logs like ours, whose leaf hashes are those of the whole entries.
func leafHashes(bundle []byte) ([][]byte, error) {
	var b api.EntryBundle
	if err := b.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	var hashes [][]byte
	for _, e := range b.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(e))
	}
	return hashes, nil
}

// check has Tessera recompute a log from its entry bundles, and compare all tiles and the checkpoint.
func (l *testLog) check(ctx context.Context, f fsck.Fetcher) error {
	l.t.Helper()
	return fsck.New(origin, l.verifier(), f, leafHashes, fsck.Opts{N: 4}).Check(ctx)
}

// TestFsck: Tessera's fsck finds our log whole at the sizes where its files change shape, however it grew.
func TestFsck(t *testing.T) {
	l := newLog(t)
	for _, size := range []int64{1, 2, 255, 256, 257, 511, 512, 700} {
		l.grow(size)
		if err := l.check(t.Context(), client.FileFetcher{Root: l.dir}); err != nil {
			t.Errorf("%d leaves: %v", size, err)
		}
	}
}

// TestFsckServed: the same through HTTP.
func TestFsckServed(t *testing.T) {
	s := sealed(t)
	server := httptest.NewServer(s.open(t))
	defer server.Close()
	u, err := url.Parse(server.URL)
	ok(t, err)
	f, err := client.NewHTTPFetcher(u, nil)
	ok(t, err)
	ok(t, fsck.New(s.pinned(t).Trust.Origin, s.verifier(t), f, leafHashes, fsck.Opts{N: 2}).Check(t.Context()))
}

// TestFsckDamage: a flipped bit in any file of the log is found by fsck.
func TestFsckDamage(t *testing.T) {
	l := newLog(t)
	l.grow(300)
	n := 0
	ok(t, filepath.WalkDir(l.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(l.dir, path)
		if err != nil {
			return err
		}
		if tile, err := proof.ParseTilePath(filepath.ToSlash(name)); err == nil && tile.W < 256 && !l.current(tile.L, tile.N, tile.W) {
			return nil // the right edge of a smaller tree, which nobody asks for any more
		}
		n++
		data := read(t, path)
		for _, at := range []int{0, len(data) / 2, len(data) - 1} {
			data[at] ^= 4
			ok(t, os.Chmod(path, 0o644))
			ok(t, os.WriteFile(path, data, 0o644))
			if err := l.check(t.Context(), client.FileFetcher{Root: l.dir}); err == nil {
				t.Errorf("fsck does not see a bit flipped in byte %d of %s", at, name)
			}
			data[at] ^= 4
			ok(t, os.WriteFile(path, data, 0o644))
		}
		return nil
	}))
	if n != 6 {
		t.Errorf("%d files were damaged, want checkpoint, three tiles and two bundles", n)
	}
	ok(t, l.check(t.Context(), client.FileFetcher{Root: l.dir}))
}

// current says whether a partial tile is on the right edge of the tree of 300 leaves.
func (l *testLog) current(level int, n int64, w int) bool {
	return level <= 0 && n == 1 && w == 300-256 || level == 1 && n == 0 && w == 1
}

// TestFsckLarge: the same for a log of any size. One with tiles of three levels has 65,536 leaves and takes longer to make than the other tests together.
func TestFsckLarge(t *testing.T) {
	l := newLog(t)
	start := time.Now()
	l.grow(*large)
	t.Logf("%d leaves made in %s", *large, time.Since(start))
	start = time.Now()
	ok(t, l.check(t.Context(), client.FileFetcher{Root: l.dir}))
	t.Logf("checked in %s", time.Since(start))
}
