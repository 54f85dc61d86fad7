package ext

import (
	"fmt"
	"math/bits"
	"strings"
)

// features are the three words compat, incompat and ro_compat.
type features [3]uint32

// feature is a word and a bit in it.
type feature struct {
	word int
	bit  uint32
}

func (f features) has(x feature) bool { return f[x.word]&x.bit != 0 }

// The features that matter for reading.
var (
	compatJournal    = feature{0, 0x4}
	compatResize     = feature{0, 0x10}
	compatSparse2    = feature{0, 0x200}
	compatOrphanFile = feature{0, 0x1000}

	incompatFiletype = feature{1, 0x2}
	incompatRecover  = feature{1, 0x4}
	incompatMetaBG   = feature{1, 0x10}
	incompat64bit    = feature{1, 0x80}
	incompatMMP      = feature{1, 0x100}
	incompatCsumSeed = feature{1, 0x2000}
	incompatLargedir = feature{1, 0x4000}

	roSparse       = feature{2, 0x1}
	roGDTCsum      = feature{2, 0x10}
	roQuota        = feature{2, 0x100}
	roBigalloc     = feature{2, 0x200}
	roMetadataCsum = feature{2, 0x400}
	roSharedBlocks = feature{2, 0x4000}
)

// featureNames are the names by bit, as mke2fs and dumpe2fs have them.
var featureNames = [3][32]string{
	{
		0: "dir_prealloc", 1: "imagic_inodes", 2: "has_journal", 3: "ext_attr", 4: "resize_inode", 5: "dir_index", 6: "lazy_bg",
		7: "exclude_inode", 8: "snapshot_bitmap", 9: "sparse_super2", 10: "fast_commit", 11: "stable_inodes", 12: "orphan_file",
	},
	{
		0: "compression", 1: "filetype", 2: "needs_recovery", 3: "journal_dev", 4: "meta_bg", 6: "extent", 7: "64bit", 8: "mmp", 9: "flex_bg",
		10: "ea_inode", 12: "dirdata", 13: "metadata_csum_seed", 14: "large_dir", 15: "inline_data", 16: "encrypt", 17: "casefold",
	},
	{
		0: "sparse_super", 1: "large_file", 2: "dir_btree", 3: "huge_file", 4: "uninit_bg", 5: "dir_nlink", 6: "extra_isize", 7: "snapshot", 8: "quota",
		9: "bigalloc", 10: "metadata_csum", 11: "replica", 12: "read-only", 13: "project", 14: "shared_blocks", 15: "verity", 16: "orphan_present",
	},
}

const (
	// readable are the incompatible features with which this package reads: all known ones but compression, a journal on its own, and dirdata.
	readable = 0x3E7D6
	// ext4Only are the incompatible and read-only features that ext3 does not have.
	ext4Only   = 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x2000 | 0x4000 | 0x8000 | 0x10000 | 0x20000
	ext4OnlyRO = ^uint32(0x7)
)

// check refuses features that change the layout in an unknown way, by name.
func (f features) check() error {
	bad := f[1] &^ readable
	if bad == 0 {
		return nil
	}
	return fmt.Errorf("%w: incompatible features %s", ErrVariant, strings.Join(features{0, bad, 0}.names(), ", "))
}

func (f features) names() []string {
	var list []string
	for word, v := range f {
		for ; v != 0; v &= v - 1 {
			bit := bits.TrailingZeros32(v)
			name := featureNames[word][bit]
			if name == "" {
				name = fmt.Sprintf("%s bit %d", [3]string{"compat", "incompat", "ro_compat"}[word], bit)
			}
			list = append(list, name)
		}
	}
	return list
}

// version returns the oldest of the three that has these features.
func (f features) version() string {
	switch {
	case f[1]&ext4Only != 0 || f[2]&ext4OnlyRO != 0:
		return "ext4"
	case f.has(compatJournal):
		return "ext3"
	}
	return "ext2"
}
