package ext

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// variants are the ways to make an image that differ in layout.
var variants = []struct {
	name string
	kib  int
	args []string
}{
	{"ext2 1K", 16 << 10, []string{"-t", "ext2", "-b", "1024", "-I", "128"}},
	{"ext2 4K", 16 << 10, []string{"-t", "ext2", "-b", "4096", "-I", "256"}},
	{"ext2 old revision", 16 << 10, []string{"-t", "ext2", "-r", "0", "-O", "none", "-b", "1024"}},
	{"ext3", 16 << 10, []string{"-t", "ext3", "-b", "1024"}},
	{"ext3 without file types", 16 << 10, []string{"-t", "ext3", "-O", "^filetype"}},
	{"ext4", 16 << 10, []string{"-t", "ext4"}},
	{"ext4 1K", 16 << 10, []string{"-t", "ext4", "-b", "1024"}},
	{"ext4 4K", 16 << 10, []string{"-t", "ext4", "-b", "4096"}},
	{"ext4 2K", 16 << 10, []string{"-t", "ext4", "-b", "2048"}},
	{"ext4 64K", 160 << 10, []string{"-t", "ext4", "-b", "65536"}},
	{"ext4 32 bit", 16 << 10, []string{"-t", "ext4", "-O", "^64bit,^metadata_csum"}},
	{"ext4 uninit_bg", 64 << 10, []string{"-t", "ext4", "-b", "1024", "-O", "^metadata_csum,uninit_bg"}},
	{"ext4 no checksums", 16 << 10, []string{"-t", "ext4", "-O", "^metadata_csum,^uninit_bg"}},
	{"ext4 csum_seed", 16 << 10, []string{"-t", "ext4", "-O", "metadata_csum_seed"}},
	{"ext4 without extents", 16 << 10, []string{"-t", "ext4", "-O", "^extent,^64bit", "-b", "1024"}},
	{"ext4 inline", 16 << 10, []string{"-t", "ext4", "-O", "inline_data", "-I", "512"}},
	{"ext4 inline 256", 16 << 10, []string{"-t", "ext4", "-O", "inline_data"}},
	{"ext4 ea_inode", 16 << 10, []string{"-t", "ext4", "-O", "ea_inode"}},
	{"ext4 bigalloc", 64 << 10, []string{"-t", "ext4", "-O", "bigalloc", "-C", "16384"}},
	{"ext4 bigalloc 1K", 64 << 10, []string{"-t", "ext4", "-O", "bigalloc", "-b", "1024", "-C", "8192"}},
	{"ext4 meta_bg", 200 << 10, []string{"-t", "ext4", "-b", "1024", "-O", "meta_bg,^resize_inode"}},
	{"ext4 meta_bg 4K", 16 << 10, []string{"-t", "ext4", "-b", "4096", "-O", "meta_bg,^resize_inode"}},
	{"ext4 sparse_super2", 64 << 10, []string{"-t", "ext4", "-b", "1024", "-O", "sparse_super2,^resize_inode"}},
	{"ext4 all superblocks", 64 << 10, []string{"-t", "ext4", "-b", "1024", "-O", "^sparse_super,^resize_inode"}},
	{"ext4 no flex_bg", 64 << 10, []string{"-t", "ext4", "-b", "1024", "-O", "^flex_bg"}},
	{"ext4 flex 4", 64 << 10, []string{"-t", "ext4", "-b", "1024", "-G", "4"}},
	{"ext4 small groups", 64 << 10, []string{"-t", "ext4", "-b", "1024", "-g", "256", "-N", "4096"}},
	{"ext4 no journal", 16 << 10, []string{"-t", "ext4", "-O", "^has_journal"}},
	{"ext4 quota", 16 << 10, []string{"-t", "ext4", "-O", "quota,project"}},
	{"ext4 mmp", 16 << 10, []string{"-t", "ext4", "-O", "mmp"}},
	{"ext4 casefold", 16 << 10, []string{"-t", "ext4", "-O", "casefold"}},
	{"ext4 orphan_file", 16 << 10, []string{"-t", "ext4", "-O", "orphan_file"}},
	{"ext4 others", 16 << 10, []string{"-t", "ext4", "-O", "large_dir,encrypt,verity,stable_inodes,fast_commit"}},
}

// TestSource compares images of every layout, node by node, with the folder of which they were made.
func TestSource(t *testing.T) {
	src := folder(t)
	want := source(t, src)
	for _, v := range variants {
		for _, indexed := range []bool{false, true} {
			if indexed && !slices.Contains([]string{"ext3", "ext4", "ext4 2K", "ext4 64K", "ext4 no checksums", "ext4 inline", "ext4 others", "ext3 without file types"}, v.name) {
				continue
			}
			t.Run(fmt.Sprintf("%s/%v", v.name, indexed), func(t *testing.T) {
				img := mkfs(t, src, v.kib, v.args...)
				if indexed {
					tool(t, "tune2fs", "-O", "dir_index", img)
					fix(t, "e2fsck", "-fyD", img) // sorts directories and makes hash trees of them
				}
				if v.name == "ext4 quota" {
					fix(t, "e2fsck", "-fy", img) // mke2fs 1.47.0 does not count all that it puts there
				}
				tool(t, "e2fsck", "-fn", img)
				o := read(t, load(t, img))
				want := maps.Clone(want)
				if v.name == "ext2 old revision" {
					for path, n := range want {
						n.Xattrs = "" // it has none
						want[path] = n
					}
				}
				checkSource(t, o, want)
				if len(o.problems) > 0 {
					t.Errorf("problems: %q", o.problems)
				}
				checkRanges(t, o, len(load(t, img)))
			})
		}
	}
}

// checkSource compares with a folder; lost+found is mke2fs's.
func checkSource(t *testing.T, o *outcome, want map[string]node) {
	t.Helper()
	got := maps.Clone(o.nodes)
	if _, ok := got["/lost+found"]; !ok {
		t.Error("no lost+found")
	}
	delete(got, "/lost+found")
	for path, n := range got {
		if w, ok := want[path]; ok && path == "" {
			n.Nlink, n.MTime, n.NS, n.Mode, n.UID, n.GID = w.Nlink, w.MTime, w.NS, w.Mode, w.UID, w.GID // of the root only what mke2fs takes over
			got[path] = n
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("source and image differ (-source +image):\n%.6000s", d)
	}
	order := slices.Clone(o.entries)
	for i, e := range order {
		if i > 0 && e.Parent >= e.Index {
			t.Errorf("entry %d comes before its parent %d", e.Index, e.Parent)
		}
	}
}

// checkRanges demands that ranges cover the file system without gaps and overlaps, and that free is what the tools say.
func checkRanges(t *testing.T, o *outcome, size int) {
	t.Helper()
	at := int64(0)
	sum := map[Kind]int64{}
	for _, r := range o.fs.Ranges() {
		if r.Off != at || r.Len <= 0 {
			t.Fatalf("range %v after %d", r, at)
		}
		at = r.end()
		sum[r.Kind] += r.Len
	}
	if want := min(int64(size), o.fs.Info().Bytes); at != want {
		t.Errorf("ranges end at %d, not %d", at, want)
	}
	if n := sum[KindUnclaimed]; n != 0 {
		for _, r := range o.fs.Ranges() {
			if r.Kind == KindUnclaimed {
				t.Errorf("unclaimed: blocks %d+%d", r.Off/o.fs.bs, r.Len/o.fs.bs)
			}
		}
	}
	t.Logf("%v", sum)
}
