package ext

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// small makes a small image with a bit of everything, its bytes the same each time but for what -d copies.
func small(t testing.TB, args ...string) []byte {
	t.Helper()
	src := t.TempDir()
	for name, size := range map[string]int{"etc/passwd": 50, "etc/shadow": 100, "bin/tool": 14_000, "bin/other": 3000} {
		path := filepath.Join(src, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, noise(size), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Link(filepath.Join(src, "bin/tool"), filepath.Join(src, "bin/again")), os.Symlink("tool", filepath.Join(src, "bin/short")), os.Symlink(strings.Repeat("x", 90), filepath.Join(src, "bin/long"))); err != nil {
		t.Fatal(err)
	}
	base := []string{"-U", "12345678-1234-1234-1234-123456789abc", "-E", "hash_seed=12345678-1234-1234-1234-123456789abc", "-b", "1024", "-N", "32"}
	img := mkfs(t, src, 96, append(base, args...)...)
	debugfs(t, img, "ea_set /bin/tool user.long "+strings.Repeat("v", 200), "ea_set /etc user.short v", "mknod dev c 1 3",
		"rm /bin/other", "expand_dir /bin", "write "+filepath.Join(src, "etc/passwd")+" holes")
	if !slices.Contains(args, "^has_journal,^metadata_csum,inline_data") {
		debugfs(t, img, "sif holes size 20000")
	}
	return load(t, img)
}

func smallNoSums(t testing.TB) []byte {
	return small(t, "-t", "ext4", "-O", "^has_journal,^metadata_csum,^resize_inode")
}

func smallSums(t testing.TB) []byte {
	return small(t, "-t", "ext4", "-O", "^has_journal,^resize_inode")
}

func smallExt2(t testing.TB) []byte {
	return small(t, "-t", "ext2", "-I", "128")
}

func smallInline(t testing.TB) []byte {
	return small(t, "-t", "ext4", "-O", "^has_journal,^metadata_csum,inline_data")
}

// TestNoise overwrites stretches with noise, where nothing but survival can be demanded.
func TestNoise(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, image := range []func(testing.TB) []byte{smallNoSums, smallExt2, smallInline} {
		raw := image(t)
		for range 1500 {
			b := bytes.Clone(raw)
			for range 1 + rnd.IntN(4) {
				at := 1024 + rnd.IntN(24<<10)
				for i := range 1 + rnd.IntN(8) {
					b[at+i] = byte(rnd.Uint32())
				}
			}
			survive(t, b)
		}
	}
}

// survive reads an image as far as it can be read, and checks what holds for every image.
func survive(t testing.TB, raw []byte) {
	t.Helper()
	fs, err := Open(t.Context(), bytes.NewReader(raw), int64(len(raw)), Limits{Entries: 1 << 14, Extents: 1 << 16})
	if err != nil {
		return
	}
	walk := func() string {
		w := &stopper{left: 8 << 20}
		s := ""
		err := fs.Walk(t.Context(), func(e *Entry) error {
			s += fmt.Sprintf("%d %q %d %d\n", e.Parent, e.Name, e.Inode, e.Size)
			if e.Type == File {
				n, err := fs.WriteContent(t.Context(), w, e)
				s += fmt.Sprint(n, err, "\n")
				if err == nil && n != e.Size {
					t.Errorf("%d bytes of %d", n, e.Size)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		for _, p := range fs.Problems() {
			s += p.String() + "\n"
		}
		return s
	}
	if a, b := walk(), walk(); a != b {
		t.Errorf("two walks differ:\n%s\n%s", a, b)
	}
	at := int64(0)
	for _, r := range fs.Ranges() {
		if r.Off != at || r.Len <= 0 {
			t.Fatalf("range %v after %d", r, at)
		}
		at = r.end()
	}
	if at != min(int64(len(raw)), fs.Info().Bytes) {
		t.Errorf("ranges end at %d", at)
	}
}

// FuzzOpen changes an image that mke2fs made: whole images as inputs would be too big to mutate well. patch is a list of places (two bytes),
// lengths (one byte) and bytes; keep is how much of the image is left.
// Use -fuzzminimizetime 1x: else most of the time goes into making inputs shorter.
func FuzzOpen(f *testing.F) {
	images := [][]byte{smallNoSums(f), smallSums(f), smallExt2(f), smallInline(f)}
	for i, raw := range images {
		f.Add(uint8(i), uint32(len(raw)), []byte(nil))
		f.Add(uint8(i), uint32(len(raw)/2), []byte(nil))
		o := read(f, raw)
		for _, path := range []string{"/bin", "/bin/tool", "/bin/long", "/etc/passwd"} {
			at := o.at(f, path)
			for _, field := range []int64{0, 4, 0x20, inodeBlockAt, inodeBlockAt + 12, inodeBlockAt + 48, 0x68, goodOldInode} {
				f.Add(uint8(i), uint32(len(raw)), []byte{byte(at + field), byte((at + field) >> 8), 4, 2, 0, 0xF3, 1})
			}
		}
		for _, at := range []int{1024, 1024 + 0x18, 1024 + 0x20, 1024 + 0x58, 1024 + 0x60, 1024 + 0xFE, 2048, 2048 + 18} {
			f.Add(uint8(i), uint32(len(raw)), []byte{byte(at), byte(at >> 8), 2, 64, 0})
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, keep uint32, patch []byte) {
		raw := bytes.Clone(images[int(which)%len(images)])
		for len(patch) > 3 {
			at, n := int(patch[0])|int(patch[1])<<8, min(int(patch[2]), len(patch)-3)
			copy(raw[min(at, len(raw)):], patch[3:3+n])
			patch = patch[3+n:]
		}
		survive(t, raw[:min(int(keep), len(raw))])
	})
}
