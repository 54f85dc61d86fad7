package ext

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// TestKernel compares what we read with what the kernel shows of images that the kernel wrote: they have what
// mke2fs cannot make, as hash trees that grew, deleted names, lists of access control and times to the nanosecond.
func TestKernel(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting is for root")
	}
	for i, args := range [][]string{
		{"-b", "4096"},
		{"-b", "1024"},
		{"-b", "1024", "-O", "^extent,^64bit"},
		{"-O", "inline_data,ea_inode", "-I", "512"},
		{"-O", "bigalloc", "-C", "16384"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			img := mkfs(t, "", 64<<10, append([]string{"-t", "ext4"}, args...)...)
			dir := t.TempDir()
			unmount := mount(t, img, dir, "rw")
			fill(t, dir)
			use(t, dir, i == 3)
			unmount()
			raw := load(t, img)
			o := read(t, raw)
			if len(o.problems) > 0 {
				t.Errorf("problems: %q", o.problems)
			}
			checkRanges(t, o, len(raw))
			mount(t, img, dir, "ro")
			if d := cmp.Diff(source(t, dir), o.nodes); d != "" {
				t.Errorf("the kernel and we differ (-kernel +ours):\n%.6000s", d)
			}
		})
	}
}

// mount returns what unmounts; it happens at the end of the test at the latest.
func mount(t *testing.T, img, dir, mode string) func() {
	t.Helper()
	if out, err := exec.Command("mount", "-t", "ext4", "-o", "loop,"+mode, img, dir).CombinedOutput(); err != nil {
		t.Skipf("this host cannot mount an image: %s", out)
	}
	unmount := sync.OnceFunc(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("%s", out)
		}
	})
	t.Cleanup(unmount)
	return unmount
}

// use does what makes a file system look used; values are big where there are inodes for them.
func use(t *testing.T, dir string, big bool) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(dir, "tree"), 0o755))
	name := func(i int) string {
		return filepath.Join(dir, "tree", fmt.Sprintf("a name for the hash tree, number %d", i))
	}
	for i := range 2500 {
		must(os.WriteFile(name(i), nil, 0o644))
	}
	for i := 0; i < 2500; i += 7 {
		must(os.Remove(name(i)))
	}
	f, err := os.Create(filepath.Join(dir, "fragments"))
	must(err)
	for i := range int64(1000) {
		_, err := f.WriteAt(noise(1000), i*16<<10)
		must(err)
	}
	for mode, off := range map[uint32]int64{0: 20 << 20, unix.FALLOC_FL_KEEP_SIZE: 30 << 20} {
		if err := unix.Fallocate(int(f.Fd()), mode, off, 1<<20); err != nil && !errors.Is(err, unix.EOPNOTSUPP) { // there is none without extents
			t.Fatal(err)
		}
	}
	must(f.Close())
	le := binary.LittleEndian
	acl := le.AppendUint32(nil, 2)
	for _, e := range [][3]uint32{{1, 6, ^uint32(0)}, {2, 7, 1000}, {4, 4, ^uint32(0)}, {8, 5, 2000}, {16, 7, ^uint32(0)}, {32, 0, ^uint32(0)}} {
		acl = le.AppendUint32(le.AppendUint16(le.AppendUint16(acl, uint16(e[0])), uint16(e[1])), e[2])
	}
	must(unix.Setxattr(filepath.Join(dir, "tree"), "system.posix_acl_default", acl, 0))
	must(unix.Setxattr(filepath.Join(dir, "empty"), "system.posix_acl_access", acl, 0))
	if big {
		must(unix.Setxattr(filepath.Join(dir, "empty"), "user.big", noise(40_000), 0))
		must(unix.Setxattr(filepath.Join(dir, "tiny"), "user.big", noise(40_000), 0))
	}
	for path, when := range map[string]time.Time{"tiny": time.Unix(4_000_000_000, 123_456_789), "empty": time.Unix(-5, 7), "fifo": time.Unix(15_000_000_000, 999_999_999)} {
		must(os.Chtimes(filepath.Join(dir, path), when, when))
	}
}
