package unpack

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/tree"
)

// sfdisk makes an empty disk of so many MiB with a partition table.
func sfdisk(t testing.TB, mib int, script string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, make([]byte, mib<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	imageTool(t, script, "sfdisk", "-q", path)
	return imageRead(t, path)
}

// putGPT writes both copies of a table, as UEFI 2.10, 5.3 has them. A partition is its number, first and last sector.
func putGPT(disk []byte, unit int, parts ...[3]int) {
	le := binary.LittleEndian
	last := len(disk)/unit - 1
	array := make([]byte, 128*128)
	for _, p := range parts {
		b := array[(p[0]-1)*128:]
		copy(b, "\xaf\x3d\xc6\x0f\x83\x84\x72\x47\x8e\x79\x3d\x69\xd8\x47\x7d\xe4") // Linux data
		b[16] = byte(p[0])
		le.PutUint64(b[32:], uint64(p[1]))
		le.PutUint64(b[40:], uint64(p[2]))
	}
	header := func(at, other, entries int) {
		copy(disk[entries*unit:], array)
		h := disk[at*unit : at*unit+92]
		clear(h)
		copy(h, "EFI PART\x00\x00\x01\x00\x5c\x00\x00\x00")
		le.PutUint64(h[24:], uint64(at))
		le.PutUint64(h[32:], uint64(other))
		le.PutUint64(h[40:], 34)
		le.PutUint64(h[48:], uint64(last-33))
		le.PutUint64(h[72:], uint64(entries))
		le.PutUint32(h[80:], 128)
		le.PutUint32(h[84:], 128)
		le.PutUint32(h[88:], crc32.ChecksumIEEE(array))
		le.PutUint32(h[16:], crc32.ChecksumIEEE(h))
	}
	header(1, last, 2)
	header(last, 1, last-len(array)/unit)
	putMBR(disk, 0, [4]int{0, 0xee, 1, last})
}

// putMBR writes the table of a sector. An entry is its index, type, start and count.
func putMBR(disk []byte, at int, entries ...[4]int) {
	s := disk[at*512 : at*512+512]
	for _, e := range entries {
		b := s[446+16*e[0]:]
		b[4] = byte(e[1])
		binary.LittleEndian.PutUint32(b[8:], uint32(e[2]))
		binary.LittleEndian.PutUint32(b[12:], uint32(e[3]))
	}
	s[510], s[511] = 0x55, 0xaa
}

// diskChildren lists the children of an artifact's content.
func diskChildren(tr *tree.Tree) (names []string) {
	for _, id := range tr.Children(0) {
		names = append(names, tr.Nodes[id].Name)
	}
	return names
}

func sameBytesAs(t *testing.T, tr *tree.Tree, address string, want []byte) {
	t.Helper()
	if n := imageNode(t, tr, address); n.Digest != sha256.Sum256(want) || !n.Known {
		t.Errorf("%s: %d bytes with another digest than the %d that were put there", address, n.Size, len(want))
	}
}

func TestGPT(t *testing.T) {
	root := imageTree(t, "admin")
	squash, volume := imageSquashfs(t, root), imageExt(t, root, "ext4", "40M")
	disk := sfdisk(t, 64, `label: gpt
first-lba: 34
1: start=2048, size=8192
2: start=16384, size=81920
5: start=100352, size=2048
`)
	boot, loader, data := imageCode(1, 440), imageCode(2, 70_000), imageProgram(3, 2048*512)
	copy(disk, boot)
	copy(disk[0x8000:], loader)
	copy(disk[2048*512:], squash)
	copy(disk[16384*512:], volume)
	copy(disk[100352*512:], data)
	tr := imageSame(t, disk)
	if got, want := diskChildren(tr), []string{"@0x8000", "mbr", "p1", "p2", "p5"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	sameBytesAs(t, tr, "router!/mbr", boot)
	sameBytesAs(t, tr, "router!/p1", disk[2048*512:][:8192*512])
	sameBytesAs(t, tr, "router!/p2", volume)
	sameBytesAs(t, tr, "router!/p5", data)
	sameBytesAs(t, tr, "router!/@0x8000", disk[0x8000:][:(70_000+511)/512*512])
	checkHidden(t, tr, []string{"router!/@0x8000 0+70144 unknown-format *:", "router!/mbr 0+440 unknown-format content:"})
	var systems []string
	for _, s := range tr.Systems() {
		systems = append(systems, s.Address)
	}
	if want := []string{"router!/p1", "router!/p2"}; !slices.Equal(systems, want) {
		t.Errorf("systems %q, want %q", systems, want)
	}
	imageNode(t, tr, "router!/p2!/etc/shadow")
	a := imageNode(t, tr, "router").Account
	if want := int64(440 + (70_000+511)/512*512 + (8192+81920+2048)*512); a.Nodes != want || a.Unobserved != 0 {
		t.Errorf("account %+v, want %d bytes in nodes", *a, want)
	}

	// The same in a compressed stream: one more layer, no other address.
	zipped := imageWalk(t, gzipped(t, disk), Config{})
	if d := cmp.Diff(imageAddresses(tr), imageAddresses(zipped)); d != "" {
		t.Errorf("compressed:\n%s", d)
	}
}

func TestGPTWithLargeSectors(t *testing.T) {
	disk := make([]byte, 2<<20)
	putGPT(disk, 4096, [3]int{1, 40, 49}, [3]int{2, 50, 59})
	data := imageProgram(4, 10*4096)
	copy(disk[40*4096:], data)
	tr := imageSame(t, disk)
	if got, want := diskChildren(tr), []string{"p1", "p2"}; !slices.Equal(got, want) || len(imageHidden(tr)) > 0 {
		t.Errorf("got %q, want %q, unobserved %q", got, want, imageHidden(tr))
	}
	sameBytesAs(t, tr, "router!/p1", data)
}

func TestGPTFaults(t *testing.T) {
	fresh := func() []byte {
		disk := make([]byte, 1<<20)
		putGPT(disk, 512, [3]int{1, 100, 199}, [3]int{3, 300, 399})
		copy(disk[100*512:], imageProgram(5, 100*512))
		copy(disk[300*512:], imageProgram(6, 100*512))
		return disk
	}
	both := []string{"p1", "p3"}
	for _, c := range []struct {
		name   string
		change func(disk []byte) []byte
		nodes  []string
		hidden []string // beginnings
	}{
		{"sound", func(d []byte) []byte { return d }, both, nil},
		{"first header", func(d []byte) []byte { d[512+60] ^= 1; return d }, both, []string{"router 512+512 damaged content: partition table at 512: the header's checksum is wrong"}},
		{"first entries", func(d []byte) []byte { d[1024+40]++; return d }, both, []string{"router 512+512 damaged content: partition table at 512: the entries' checksum is wrong"}},
		{"first gone", func(d []byte) []byte { clear(d[512:1024]); clear(d[1024:][:128*128]); return d }, both, []string{"router 512+-1 damaged content: the first partition table is not there"}},
		{"copy", func(d []byte) []byte { d[len(d)-512+60] ^= 1; return d }, both, []string{"router 1048064+512 damaged content: partition table at 1048064: the header's checksum"}},
		{"copy cut off", func(d []byte) []byte { return d[:len(d)-512*40] }, both, []string{"router 1028096+-1 truncated content: the copy of the partition table is not there"}},
		{"copy moved by growth", func(d []byte) []byte { return append(d, make([]byte, 1<<20)...) }, both, nil},
		{"both headers", func(d []byte) []byte { d[512+60] ^= 1; d[len(d)-512+60] ^= 1; return d }, both, []string{
			"router 512+512 damaged *: partition table at 512: the header's checksum",
			"router 1048064+512 damaged *: partition table at 1048064: the header's checksum",
		}},
		{"cut in p3", func(d []byte) []byte { return d[:350*512] }, both, []string{"router 179200+-1 truncated content: the copy", "router!/p3 0+-1 truncated *: the disk ends 25600 bytes before"}},
		{"cut before p3", func(d []byte) []byte { return d[:250*512] }, both, []string{"router 128000+-1 truncated content: the copy", "router!/p3 0+51200 truncated *: starts at 153600, the disk ends at 128000"}},
		{"bytes in an unused entry", func(d []byte) []byte {
			copy(d[1024+64*128+20:], "hidden")
			for _, at := range []int{512, len(d) - 512} {
				copy(d[len(d)-512-128*128:], d[1024:][:128*128])
				h := d[at : at+92]
				binary.LittleEndian.PutUint32(h[88:], crc32.ChecksumIEEE(d[1024:][:128*128]))
				clear(h[16:20])
				binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h))
			}
			return d
		}, []string{"@0x2400", "@0xfde00", "p1", "p3"}, []string{"router!/@0x2400 0+512 unknown-format content:", "router!/@0xfde00 0+512 unknown-format content:"}},
		{"copy lists others", func(d []byte) []byte {
			e := bytes.Clone(d)
			putGPT(e, 512, [3]int{1, 100, 199})
			copy(d[len(d)-512-128*128:], e[len(e)-512-128*128:])
			return d
		}, both, []string{"router 1048064+512 damaged *: the two partition tables list different partitions"}},
		{"partition ends before it starts", func(d []byte) []byte { putGPT(d, 512, [3]int{1, 100, 199}, [3]int{3, 400, 300}); return d }, []string{"@0x25800.elf", "p1"}, []string{"router 1024+16384 damaged *: p3 is from sector 400 to 300"}},
		{"overlap", func(d []byte) []byte {
			putGPT(d, 512, [3]int{1, 100, 199}, [3]int{2, 100, 199}, [3]int{3, 150, 399})
			return d
		}, []string{"p1", "p2", "p3"}, []string{"router!/p3 0+128000 unknown-format *:"}},
		{"hybrid", func(d []byte) []byte {
			putMBR(d, 0, [4]int{0, 0xee, 1, 99}, [4]int{1, 0x83, 100, 100}, [4]int{2, 0x83, 500, 10})
			copy(d[500*512:], imageCode(7, 5120))
			return d
		}, []string{"@0x3e800", "p1", "p3"}, []string{"router!/@0x3e800 0+5120 unknown-format *:"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := imageSame(t, c.change(fresh()))
			if n := imageNode(t, tr, "router"); n.Format != "gpt" {
				t.Fatalf("format %q", n.Format)
			}
			if got := diskChildren(tr); !slices.Equal(got, c.nodes) {
				t.Errorf("got %q, want %q", got, c.nodes)
			}
			checkHidden(t, tr, c.hidden)
		})
	}
}

// checkHidden wants unobserved ranges that begin so, and no others.
func checkHidden(t *testing.T, tr *tree.Tree, want []string) {
	t.Helper()
	got := imageHidden(tr)
	ok := len(got) == len(want)
	for i := 0; ok && i < len(want); i++ {
		ok = slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, want[i]) })
	}
	if !ok {
		t.Errorf("unobserved:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestMBR(t *testing.T) {
	root := imageTree(t, "admin")
	squash := imageSquashfs(t, root)
	disk := sfdisk(t, 32, `label: dos
1: start=2048, size=8192, type=83
3: start=10240, size=2048, type=c
4: start=14336, size=40960, type=f
5: start=16384, size=8192, type=83
6: start=28672, size=2048, type=83
`)
	code, data := imageCode(1, 300), imageProgram(2, 2048*512)
	copy(disk, code)
	copy(disk[2048*512:], squash)
	copy(disk[16384*512:], squash)
	copy(disk[28672*512:], data)
	tr := imageSame(t, disk)
	if got, want := diskChildren(tr), []string{"mbr", "p1", "p3", "p5", "p6"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	sameBytesAs(t, tr, "router!/mbr", disk[:440])
	sameBytesAs(t, tr, "router!/p5", disk[16384*512:][:8192*512])
	sameBytesAs(t, tr, "router!/p6", data)
	if n := imageNode(t, tr, "router!/p1!/etc/shadow"); !n.Known {
		t.Error("a file in p1 has no digest")
	}
	if n := len(tr.Systems()); n != 2 {
		t.Errorf("%d systems", n)
	}
	checkHidden(t, tr, []string{"router!/mbr 0+440 unknown-format content:"})
}

func TestMBRFaults(t *testing.T) {
	fresh := func() []byte {
		disk := make([]byte, 1<<20)
		putMBR(disk, 0, [4]int{0, 0x83, 100, 100}, [4]int{1, 5, 1000, 1000})
		putMBR(disk, 1000, [4]int{0, 0x83, 10, 90}, [4]int{1, 5, 100, 100})
		putMBR(disk, 1100, [4]int{0, 0x83, 10, 90})
		return disk
	}
	logical := []string{"p1", "p5", "p6"}
	for _, c := range []struct {
		name   string
		change func(disk []byte) []byte
		nodes  []string
		hidden []string
	}{
		{"sound", func(d []byte) []byte { return d }, logical, nil},
		{"loop", func(d []byte) []byte { putMBR(d, 1100, [4]int{1, 5, 100, 100}); return d }, logical, []string{"router 563200+512 damaged *: the chain of logical partitions leads back to sector 1100"}},
		{"back to the first", func(d []byte) []byte { putMBR(d, 1100, [4]int{1, 5, 0, 100}); return d }, logical, []string{"router 512000+512 damaged *: the chain of logical partitions leads back to sector 1000"}},
		{"no mark", func(d []byte) []byte { d[1100*512+510] = 0; return d }, []string{"@0x89800", "p1", "p5"}, []string{"router 563200+512 damaged *: the table of a logical partition at sector 1100 has no mark"}},
		{"chain beyond the end", func(d []byte) []byte { putMBR(d, 1100, [4]int{1, 5, 1 << 30, 100}); return d }, logical, []string{"router 549756325888+-1 truncated *: the table of a logical partition"}},
		{"partition beyond the end", func(d []byte) []byte { putMBR(d, 0, [4]int{2, 0x83, 2040, 100}); return d }, append([]string{"p3"}, logical...), []string{"router!/p3 0+-1 truncated *: the disk ends 47104 bytes before"}},
		{"two extended", func(d []byte) []byte { putMBR(d, 0, [4]int{2, 5, 500, 100}); return d }, logical, []string{"router 446+64 damaged *: more than one extended partition"}},
		{"something between", func(d []byte) []byte { copy(d[700*512:], "#!/bin/sh\n"); copy(d[1050*512-3:], "in p5"); return d }, append([]string{"@0x57800"}, logical...), []string{"router!/@0x57800 0+512 unknown-format content:", "router!/p5 0+46080 unknown-format *:"}},
		{"code in a logical table", func(d []byte) []byte { copy(d[1000*512:], "code"); return d }, append([]string{"@0x7d000"}, logical...), []string{"router!/@0x7d000 0+446 unknown-format content:"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := imageSame(t, c.change(fresh()))
			if n := imageNode(t, tr, "router"); n.Format != "mbr" {
				t.Fatalf("format %q", n.Format)
			}
			slices.Sort(c.nodes)
			if got := diskChildren(tr); !slices.Equal(got, c.nodes) {
				t.Errorf("got %q, want %q", got, c.nodes)
			}
			checkHidden(t, tr, c.hidden)
		})
	}
}

func TestMBRIsNotEverythingWithItsMark(t *testing.T) {
	fat := filepath.Join(t.TempDir(), "fat")
	if err := os.WriteFile(fat, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	imageTool(t, "", "mkfs.fat", "-F", "12", fat)
	kernel := make([]byte, 8192) // a kernel for PCs: its numbers look like an entry of a table
	copy(kernel[0x1f1:], "\x1b\x01\x00\x40\x5e\x09\x00\x00\x00\xff\xff\x00\x00\x55\xaa\xebjHdrS")
	small := make([]byte, 512)
	putMBR(small, 0, [4]int{0, 0x83, 100, 100})
	far := make([]byte, 8192)
	putMBR(far, 0, [4]int{0, 0x83, 100, 100})
	empty := make([]byte, 8192)
	putMBR(empty, 0)
	odd := make([]byte, 80_000)
	putMBR(odd, 0, [4]int{0, 0x83, 100, 100})
	odd[446+16] = 7
	iso := make([]byte, 80_000)
	putMBR(iso, 0, [4]int{0, 0x83, 64, 90})
	copy(iso[32768:], "\x01CD001\x01")
	guid := bytes.Clone(iso)
	putGPT(guid, 512, [3]int{1, 70, 100})
	copy(guid[32768:], "\x01CD001\x01")
	for name, c := range map[string]struct {
		bytes  []byte
		format string
	}{
		"iso": {iso, "iso9660"}, "iso with gpt": {guid, "iso9660"},
		"fat": {imageRead(t, fat), "fat"}, "kernel": {kernel, "linux-kernel"}, "a table alone": {small, ""}, "no partition in the content": {far, ""},
		"no partition": {empty, ""}, "an insane entry": {odd, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, b := range [][]byte{c.bytes, gzipped(t, c.bytes)} {
				tr := imageWalk(t, b, Config{})
				if n := imageNode(t, tr, "router"); n.InnermostFormat() != c.format || len(tr.Nodes) != 1 {
					t.Errorf("format %q and %d nodes", n.InnermostFormat(), len(tr.Nodes))
				}
			}
		})
	}
}

func TestDiskInsideItself(t *testing.T) {
	disk := make([]byte, 4<<20)
	var parts [][3]int
	for i := range 100 {
		parts = append(parts, [3]int{i + 1, 1 + i, 8000 - i})
	}
	putGPT(disk, 512, parts...)
	tr := imageWalk(t, disk, Config{})
	if h := strings.Join(imageHidden(tr), "\n"); !strings.Contains(h, "router!/p100 0+3994624 budget *: partitions overlap: more than 4 times the disk") {
		t.Errorf("unobserved: %.2000s", h)
	}

	// Disks inside each other, each in the first partition of the one around it.
	inner := make([]byte, 8<<20)
	for i := range 40 {
		at := i * 64 * 512
		last := len(inner)/512 - 1 - i*64
		putMBR(inner[at:], 0, [4]int{0, 0x83, 64, last - 64}, [4]int{1, 0x83, 65, last - 65})
	}
	tr = imageWalk(t, inner, Config{Budget: Budget{Bytes: 256 << 20}})
	if h := strings.Join(imageHidden(tr), "\n"); !strings.Contains(h, "budget *:") {
		t.Errorf("unobserved: %.2000s", h)
	}
}

func TestDisksDamaged(t *testing.T) {
	disk := make([]byte, 200*512)
	putGPT(disk, 512, [3]int{1, 50, 99}, [3]int{2, 100, 149})
	copy(disk[50*512:], gzipped(t, []byte("content\n")))
	imageFaults(t, disk, 512*3+1)
	disk = make([]byte, 400*512)
	putMBR(disk, 0, [4]int{0, 0x83, 100, 100}, [4]int{1, 5, 200, 200})
	putMBR(disk, 200, [4]int{0, 0x83, 10, 90}, [4]int{1, 5, 100, 100})
	putMBR(disk, 300, [4]int{0, 0x83, 10, 90})
	imageFaults(t, disk, 512*7+1)
}

func FuzzDisk(f *testing.F) {
	disk := make([]byte, 120*512)
	putGPT(disk, 512, [3]int{1, 40, 49}, [3]int{2, 50, 80})
	f.Add(bytes.Clone(disk))
	big := make([]byte, 40*4096)
	putGPT(big, 4096, [3]int{1, 10, 12})
	f.Add(big)
	disk = make([]byte, 100*512)
	putMBR(disk, 0, [4]int{0, 0x83, 10, 10}, [4]int{1, 5, 20, 80})
	putMBR(disk, 20, [4]int{0, 0x83, 10, 9}, [4]int{1, 5, 20, 20})
	putMBR(disk, 40, [4]int{0, 0x83, 10, 9})
	f.Add(disk)
	f.Fuzz(func(t *testing.T, b []byte) {
		imageWalk(t, b, imageFuzz)
	})
}
