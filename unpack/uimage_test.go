package unpack

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mkimage makes a legacy image of one or more payloads.
func mkimage(t testing.TB, kind, compression string, payloads ...[]byte) []byte {
	t.Helper()
	var files []string
	for _, p := range payloads {
		files = append(files, imageWrite(t, p))
	}
	out := filepath.Join(t.TempDir(), "image")
	imageTool(t, "", "mkimage", "-A", "arm", "-O", "linux", "-T", kind, "-C", compression, "-n", "Linux-6.1", "-d", strings.Join(files, ":"), out)
	return imageRead(t, out)
}

func TestUImage(t *testing.T) {
	code := imageProgram(1, 5001)
	root := imageTree(t, "admin")
	squash := imageSquashfs(t, root)
	t.Run("one", func(t *testing.T) {
		tr := imageSame(t, mkimage(t, "kernel", "none", code))
		sameBytesAs(t, tr, "router!/image0", code)
		checkHidden(t, tr, nil)
		if a := imageNode(t, tr, "router").Account; a.Nodes != 5001 || a.Structure != 64 || a.Padding != 0 {
			t.Errorf("account %+v", *a)
		}
	})
	t.Run("compressed", func(t *testing.T) {
		z := gzipped(t, code)
		tr := imageSame(t, mkimage(t, "kernel", "gzip", z))
		sameBytesAs(t, tr, "router!/image0", z)
		if n := imageNode(t, tr, "router!/image0"); n.Format != "gzip" || len(n.Decoded) != 1 || n.Decoded[0].Size != 5001 {
			t.Errorf("%+v", n)
		}
	})
	t.Run("multi", func(t *testing.T) {
		tr := imageSame(t, mkimage(t, "multi", "none", code, squash, []byte("\xd0\x0d\xfe\xed blob")))
		sameBytesAs(t, tr, "router!/image0", code)
		sameBytesAs(t, tr, "router!/image1", squash)
		sameBytesAs(t, tr, "router!/image2", []byte("\xd0\x0d\xfe\xed blob"))
		imageNode(t, tr, "router!/image1!/etc/passwd")
		checkHidden(t, tr, nil)
		if got, want := diskChildren(tr), []string{"image0", "image1", "image2"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("script", func(t *testing.T) {
		tr := imageSame(t, mkimage(t, "script", "none", []byte("bootm 0x80000000\n")))
		sameBytesAs(t, tr, "router!/image0", []byte("bootm 0x80000000\n"))
	})
	t.Run("file system behind the kernel", func(t *testing.T) {
		b := mkimage(t, "kernel", "none", code)
		b = append(b, make([]byte, 0x10000-len(b))...)
		b = append(b, squash...)
		b = append(b, bytes.Repeat([]byte{0xff}, 10_000)...)
		tr := imageSame(t, b)
		if got, want := diskChildren(tr), []string{"@0x10000.squashfs", "image0"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if s := tr.Systems(); len(s) != 1 || s[0].Address != "router!/@0x10000.squashfs" {
			t.Errorf("systems %+v", s)
		}
		checkHidden(t, tr, nil)
	})
}

func TestUImageFaults(t *testing.T) {
	b := mkimage(t, "kernel", "none", imageProgram(1, 5000))
	edit := func(at int) []byte { c := bytes.Clone(b); c[at] ^= 1; return c }
	checkHidden(t, imageSame(t, edit(40)), []string{"router 0+64 damaged *: the header's checksum is wrong"})
	tr := imageSame(t, edit(100))
	checkHidden(t, tr, []string{"router 64+5000 damaged *: the payload's checksum is wrong"})
	imageNode(t, tr, "router!/image0")
	checkHidden(t, imageSame(t, b[:4000]), []string{"router 4000+1064 truncated *: 1064 of the 5000 bytes behind the header are not there"})

	multi := mkimage(t, "multi", "none", imageProgram(1, 500), imageCode(2, 700))
	checkHidden(t, imageSame(t, multi[:1000]), []string{
		"router 1000+276 truncated *: 276 of the 1212", "router 1000+276 truncated *: 276 of the 700", "router!/image1 0+424 unknown-format content:",
	})
	list := bytes.Clone(b[:64])
	for range 5000 {
		list = binary.BigEndian.AppendUint32(list, 1)
	}
	list[30] = uimageMulti
	binary.BigEndian.PutUint32(list[12:], uint32(len(list)-64))
	binary.BigEndian.PutUint32(list[24:], crc32.ChecksumIEEE(list[64:]))
	clear(list[4:8])
	binary.BigEndian.PutUint32(list[4:], crc32.ChecksumIEEE(list[:64]))
	tr = imageSame(t, list)
	checkHidden(t, tr, []string{"router 64+20000 damaged *: more than 1024 payloads"})
	imageNode(t, tr, "router!/@0x40")
	list = bytes.Clone(list[:64+400])
	tr = imageSame(t, list)
	checkHidden(t, tr, []string{"router 464+19600 truncated *:", "router 64+400 damaged *: the list of payloads has no end"})

	imageFaults(t, multi, 17)
}

// TestFirmware is what a router's vendor ships: a root file system in an image of U-Boot in a compressed tar.
func TestFirmware(t *testing.T) {
	root := imageTree(t, "admin")
	image := mkimage(t, "filesystem", "none", imageSquashfs(t, root))
	tr := imageSame(t, gzipped(t, tarOf(t, "release/fw.bin", image)))
	if s := tr.Systems(); len(s) != 1 || s[0].Address != "router!/release/fw.bin!/image0" {
		t.Errorf("systems %+v", s)
	}
	imageNode(t, tr, "router!/release/fw.bin!/image0!/etc/shadow")
	want := imageListing(t, imageWalkPath(t, root, Config{}), "router")
	got := imageListing(t, tr, "router!/release/fw.bin!/image0")
	if !slices.Equal(got, want) {
		t.Errorf("the listing of the image is not that of the directory")
	}
	checkHidden(t, tr, nil)
}

func FuzzUImage(f *testing.F) {
	f.Add(mkimage(f, "kernel", "none", imageCode(1, 100)))
	f.Add(mkimage(f, "multi", "none", imageCode(1, 100), imageCode(2, 50)))
	f.Add(mkimage(f, "script", "none", []byte("echo\n")))
	f.Fuzz(func(t *testing.T, b []byte) {
		imageWalk(t, b, imageFuzz)
	})
}
