package unpack

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/tree"
)

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// The oracle is the host: it lists the directory of which the image was made.
func TestVolumesAreWhatTheyWereMadeOf(t *testing.T) {
	root := imageTree(t, "admin")
	want := imageListing(t, imageWalkPath(t, root, Config{}), "router")
	images := map[string][]byte{
		"squashfs gzip": imageSquashfs(t, root),
		"squashfs zstd": imageSquashfs(t, root, "-comp", "zstd", "-b", "16384"),
		"squashfs none": imageSquashfs(t, root, "-noI", "-noD", "-noF", "-noX"),
		"ext2":          imageExt(t, root, "ext2", "12M", "-b", "1024"),
		"ext4":          imageExt(t, root, "ext4", "40M"),
	}
	for name, image := range images {
		t.Run(name, func(t *testing.T) {
			tr := imageSame(t, image)
			var got []string
			for _, line := range imageListing(t, tr, "router") {
				if !strings.Contains(line, `"address":"lost+found"`) {
					got = append(got, line)
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("host against image:\n%s", d)
			}
			if h := imageHidden(tr); len(h) > 0 {
				t.Errorf("unobserved: %q", h)
			}
			a := imageNode(t, tr, "router").Account
			if a == nil || a.Nodes == 0 || a.Structure == 0 || a.Unobserved != 0 || strings.HasPrefix(name, "squashfs") && a.Structure > 32<<10 {
				t.Errorf("account %+v", a)
			}
		})
	}
}

func TestVolumeBytesNobodyRefersTo(t *testing.T) {
	root := imageTree(t, "admin")
	code := imageCode(9, 3000)

	image := imageExt(t, root, "ext4", "40M")
	copy(image[len(image)-100_000:], code) // a free block
	copy(image[100:], code[:400])          // the boot block
	tr := imageWalk(t, append(image, code...), Config{})
	if n := imageNode(t, tr, "router!/@0x0"); n.Size != 512 {
		t.Errorf("boot code of %d bytes", n.Size)
	}
	if n := imageNode(t, tr, "router!/@0x2800000"); n.Size != 3000 {
		t.Errorf("%d bytes behind the file system", n.Size)
	}
	// The boot code is not also unaccounted.
	checkHidden(t, tr, []string{
		"router 25431040+16512000 unaccounted *: 16512000 bytes in blocks that are marked free and not empty",
		"router!/@0x0 0+512 unknown-format content:", "router!/@0x2800000 0+3000 unknown-format content:",
	})
	if a := imageNode(t, tr, "router").Account; a.Unobserved < 3000 {
		t.Errorf("account %+v", a)
	}

	image = imageSquashfs(t, root)
	tr = imageWalk(t, append(image, code...), Config{})
	checkHidden(t, tr, []string{fmt.Sprintf("router!/@%#x 0+3000 unknown-format content:", len(image))})
}

func TestVolumeThatSaysItIsLarger(t *testing.T) {
	image := imageSquashfs(t, imageTree(t, "admin"))
	used := binary.LittleEndian.Uint64(image[40:])
	binary.LittleEndian.PutUint64(image[40:], used+1<<20)
	tr := imageWalk(t, image, Config{})
	if h := imageHidden(tr); len(h) != 1 || !strings.HasPrefix(h[0], fmt.Sprintf("router %d+-1 truncated *", len(image))) {
		t.Errorf("unobserved: %q", h)
	}
	imageNode(t, tr, "router!/etc/shadow")
}

func TestVolumeTimes(t *testing.T) {
	path := imageWrite(t, imageExt(t, imageTree(t, "admin"), "ext4", "40M"))
	imageTool(t, "", "debugfs", "-w", "-R", fmt.Sprintf("set_inode_field /etc/shadow mtime_extra %d", 123456789<<2), path)
	if n := imageNode(t, imageWalkPath(t, path, Config{}), "router!/etc/shadow"); n.Nano != 123456789 {
		t.Errorf("%d nanoseconds", n.Nano)
	}
}

func TestVolumeHolesCostNothing(t *testing.T) {
	root := imageTree(t, "admin")
	f, err := os.Create(root + "/etc/zz-holes")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(1 << 40); err != nil {
		t.Skipf("the host's file system has no files of a terabyte: %v", err)
	}
	for name, image := range map[string][]byte{"ext4": imageExt(t, root, "ext4", "40M")} {
		t.Run(name, func(t *testing.T) {
			tr := imageWalk(t, image, Config{})
			if h := imageHidden(tr); len(h) != 1 || !strings.HasPrefix(h[0], "router!/etc/zz-holes 0+1099511627776 budget *: 1099511627776 bytes of it are holes") {
				t.Errorf("unobserved: %q", h)
			}
			imageNode(t, tr, "router!/usr/su")
		})
	}
}

func TestVolumesDamaged(t *testing.T) {
	root := imageTree(t, "admin")
	if err := os.Remove(root + "/usr/lib/big"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(root + "/usr/lib/sparse"); err != nil {
		t.Fatal(err)
	}
	for name, image := range map[string][]byte{
		"squashfs": imageSquashfs(t, root),
		"ext2":     imageExt(t, root, "ext2", "4M", "-b", "1024", "-N", "64"),
	} {
		t.Run(name, func(t *testing.T) {
			imageFaults(t, image, max(1, len(image)/60))
			short := imageWalk(t, image[:len(image)/2/512*512], Config{})
			if len(imageHidden(short)) == 0 {
				t.Error("nothing is unobserved in half an image")
			}
		})
	}
}

func FuzzVolume(f *testing.F) {
	f.Add([]byte("hsqs"))
	root := imageTree(f, "admin")
	for _, name := range []string{"/usr/lib/big", "/usr/lib/bigger", "/usr/lib/sparse"} {
		if err := os.Remove(root + name); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(imageSquashfs(f, root))
	f.Add(imageSquashfs(f, root, "-noI", "-noD", "-noF", "-noX"))
	f.Add(imageExt(f, root, "ext2", "256K", "-b", "1024", "-N", "64"))
	f.Fuzz(func(t *testing.T, b []byte) {
		imageWalk(t, b, imageFuzz)
	})
}

// An image may give two files the same inode number: they are hard links only if they are the same inode.
func TestVolumeInodeNumberThatLies(t *testing.T) {
	root := t.TempDir()
	for name, content := range map[string]string{"a": "the first file", "b": "another one, longer"} {
		if err := os.WriteFile(root+"/"+name+"1", []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(root+"/"+name+"1", root+"/"+name+"2"); err != nil {
			t.Fatal(err)
		}
	}
	image := imageSquashfs(t, root, "-noI")
	le := binary.LittleEndian
	var numbers []int // offsets of the numbers in extended inodes of files (type 9) with two names
	for i := 0; i+56 < len(image); i++ {
		if s := le.Uint64(image[i+24:]); le.Uint16(image[i:]) == 9 && le.Uint32(image[i+40:]) == 2 && s > 0 && s < 100 {
			numbers = append(numbers, i+12)
		}
	}
	if len(numbers) != 2 {
		t.Fatalf("%d inodes with two names", len(numbers))
	}
	copy(image[numbers[1]:], image[numbers[0]:][:4])
	tr := imageSame(t, image)
	for _, name := range []string{"a1", "a2"} {
		sameBytesAs(t, tr, "router!/"+name, []byte("the first file"))
	}
	for _, name := range []string{"b1", "b2"} {
		sameBytesAs(t, tr, "router!/"+name, []byte("another one, longer"))
	}
	if n := imageNode(t, tr, "router!/a2"); n.Hardlink != "/a1" {
		t.Errorf("a2 is a link to %q", n.Hardlink)
	}
	if len(imageHidden(tr)) == 0 {
		t.Error("the wrong number is no damage")
	}
}

func TestVolumeBounds(t *testing.T) {
	w := &walker{t: &tree.Tree{Nodes: make([]tree.Node, 1)}, lengths: make([]int, 1), budget: Budget{}.withDefaults(0)}
	v := &volume{c: w.container(0, 0)}
	v.add(-1, "", Entry{})
	for i := range 20 {
		if _, ok := v.add(i, strings.Repeat("n", 250), Entry{Meta: tree.Meta{Type: tree.Dir}}); ok != (i < 16) {
			t.Errorf("directory %d: %v", i, ok)
		}
	}
	if len(w.t.Nodes) != 17 || len(w.t.Unobserved) != 1 || w.t.Unobserved[0].Reason != "budget" {
		t.Errorf("%d nodes, unobserved %+v", len(w.t.Nodes), w.t.Unobserved)
	}

	value := make([]byte, 1<<20)
	kept := 0
	for range 100 {
		m := tree.Meta{Has: tree.HasXattrs}
		v.attributes(&m, 1, func(int) (string, []byte) { return "user.x", value })
		if m.Has&tree.HasXattrs != 0 {
			kept++
		} else if m.Xattrs != nil {
			t.Error("some attributes of an entry that lacks them")
		}
	}
	if kept != 63 {
		t.Errorf("%d MiB of attributes", kept)
	}
}
