package unpack

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/probat-lab/probat/tree"
)

// What a partition holds decides whether it is unobserved: one record for the same bytes, however many reasons there are.
func TestPartOfNoKnownFormat(t *testing.T) {
	const whole = 100 * 512
	damaged := gzipped(t, imageCode(1, 6000))
	damaged[len(damaged)-8] ^= 1 // its checksum
	for _, c := range []struct {
		name    string
		content []byte
		want    []string
	}{
		{"code", imageCode(1, whole), []string{"router!/p1 unknown-format 0+51200 *"}},
		{"noise", imageNoise(1, whole), []string{"router!/p1 unknown-format 0+51200 *"}},
		{"a few bytes", []byte("\x01\x80 few"), []string{"router!/p1 unknown-format 0+51200 *"}},
		{"zeros", nil, nil},
		{"ff", bytes.Repeat([]byte{0xff}, whole), nil},
		{"zeros, then ff", append(make([]byte, whole/2), bytes.Repeat([]byte{0xff}, whole/2)...), []string{"router!/p1 unknown-format 0+51200 *"}},
		{"text", bytes.Repeat([]byte("text\n"), whole/5), nil},
		{"a program", imageProgram(1, whole), nil},
		{"a closed container", append([]byte("UBI#"), imageCode(1, whole-4)...), []string{"router!/p1 unsupported 0+51200 *"}},
		{"compressed text", gzipped(t, []byte("text\n")), nil},
		{"compressed code", gzipped(t, imageCode(1, 5000)), []string{"router!/p1 unknown-format 0+5000 *"}},
		{"little compressed code", gzipped(t, imageCode(1, 4095)), []string{"router!/p1 unknown-format 0+4095 content"}},
		{"damaged", damaged, []string{"router!/p1 damaged 6000+-1 *"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := make([]byte, 1<<20)
			putGPT(disk, 512, [3]int{1, 100, 199})
			copy(disk[100*512:], c.content)
			wantOnly(t, imageSame(t, disk), c.want...)
		})
	}
	t.Run("less than a volume", func(t *testing.T) {
		for sectors, hides := range map[int]string{7: "content", 8: "*"} {
			disk := make([]byte, 1<<20)
			putGPT(disk, 512, [3]int{1, 100, 99 + sectors})
			copy(disk[100*512:], imageCode(1, sectors*512))
			wantOnly(t, imageSame(t, disk), fmt.Sprintf("router!/p1 unknown-format 0+%d %s", sectors*512, hides))
		}
	})
	t.Run("told before", func(t *testing.T) {
		b := mkimage(t, "kernel", "none", imageCode(1, 5000))
		wantOnly(t, imageSame(t, b), "router!/image0 unknown-format 0+5000 *")
		b[100] ^= 1 // the record of the wrong checksum is of the very same bytes
		wantOnly(t, imageSame(t, b), "router damaged 64+5000 *")
	})
	t.Run("a layer", func(t *testing.T) {
		dir := t.TempDir()
		for name, b := range map[string][]byte{
			"manifest.json": []byte(`[{"Config":"config.json","Layers":["layer.bin"]}]`), "config.json": []byte("{}"), "layer.bin": imageCode(1, 5000),
		} {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		tr := imageSame(t, folderTar(t, dir, "manifest.json", "config.json", "layer.bin"))
		wantOnly(t, tr, "router!/fs unknown-format 0+-1 *", "router!/layer0 unknown-format 0+5000 *")
	})
}

// A tar may be cut anywhere between entries: only the end mark tells that it is whole.
func TestTarWithoutEndMark(t *testing.T) {
	b := makeTar(t, inTar{"x", []byte("abc")}, inTar{"zeros", make([]byte, 1024)})
	end := len(b) - 1024
	for n, want := range map[int][]string{
		end: {fmt.Sprintf("a truncated %d+-1 *", end)}, end + 512: nil, end + 1024: nil,
		1024: {"a truncated 1024+-1 *"}, 1024 - 509: {"a truncated 515+-1 *"}, // between the entries, and before the padding of the first
	} {
		wantOnly(t, walkBytes(t, b[:n], Config{}), want...)
	}
	// Behind an extended header, which belongs to an entry that is not there.
	b = makeTar(t, inTar{"x", nil}, inTar{strings.Repeat("long", 50), nil})
	wantOnly(t, walkBytes(t, b[:512+1024], Config{}), "a truncated 1536+-1 *")
}

func TestDebianPackageThatEndsEarly(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"debian-binary": "2.0\n", "control.tar": "no tar", "data.tar": "no tar"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command(t, dir, nil, "ar", "rcD", "x.deb", "debian-binary", "control.tar", "data.tar")
	b, err := os.ReadFile(filepath.Join(dir, "x.deb"))
	if err != nil {
		t.Fatal(err)
	}
	wantNothingUnseen(t, walkBytes(t, b, Config{}))
	data := bytes.Index(b, []byte("data.tar"))
	wantOnly(t, walkBytes(t, b[:data], Config{}), fmt.Sprintf("a truncated %d+-1 *", data))
	wantOnly(t, walkBytes(t, b[:data+30], Config{}), fmt.Sprintf("a truncated %d+-1 *", data)) // once, not also without data.tar
	command(t, dir, nil, "ar", "rcD", "x.a", "control.tar")
	wantNothingUnseen(t, walkPath(t, filepath.Join(dir, "x.a"), Config{}))
}

// The root directory's attributes are those of the directory of which an image was made.
func TestTop(t *testing.T) {
	root := imageTree(t, "admin")
	const mode = 0o751
	if err := os.Chmod(root, mode|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(root, 12, 34); err != nil {
			t.Fatal(err)
		}
	}
	var st syscall.Stat_t
	if err := syscall.Stat(root, &st); err != nil {
		t.Fatal(err)
	}
	// mke2fs makes a root directory of its own.
	ext := imageWrite(t, imageExt(t, root, "ext4", "40M"))
	for field, value := range map[string]uint64{
		"mode": uint64(st.Mode), "uid": uint64(st.Uid), "gid": uint64(st.Gid), "mtime_lo": uint64(st.Mtim.Sec), "mtime_extra": 0,
	} {
		imageTool(t, "", "debugfs", "-w", "-R", fmt.Sprintf("set_inode_field <2> %s %#x", field, value), ext)
	}
	tarred := command(t, root, nil, "tar", "-cf", "-", ".")
	layer := command(t, root, nil, "tar", "-cf", "-", "./etc") // says nothing of the root, and takes nothing back
	images := map[string][]byte{
		"tar":      tarred,
		"cpio":     command(t, root, command(t, root, nil, "find", ".", "-depth", "-print0"), "cpio", "-o", "-0", "--quiet", "-H", "newc"),
		"squashfs": imageSquashfs(t, root),
		"ext":      imageRead(t, ext),
		"oci":      folderTar(t, ociLayout(t, ociImage(t, [][]byte{layer, tarred, layer})), "."),
		"dir":      nil,
		"nothing":  layer,
	}
	for name, b := range images {
		t.Run(name, func(t *testing.T) {
			if b == nil {
				checkTop(t, &imageNode(t, imageWalkPath(t, root, Config{}), "router").Meta, &st)
				return
			}
			tr := imageSame(t, b)
			switch n := imageNode(t, tr, "router"); name {
			case "oci":
				checkTop(t, &imageNode(t, tr, "router!/fs").Meta, &st)
			case "nothing":
				if n.Top != nil {
					t.Errorf("%+v", *n.Top)
				}
			default:
				checkTop(t, n.Top, &st)
			}
		})
	}
}

func checkTop(t *testing.T, m *tree.Meta, st *syscall.Stat_t) {
	t.Helper()
	const has = tree.HasMode | tree.HasOwner | tree.HasTime
	if m == nil || m.Type != tree.Dir || m.Has&has != has || m.Mode != st.Mode&0o7777 || m.UID != st.Uid || m.GID != st.Gid || m.Time != st.Mtim.Sec {
		t.Errorf("got %+v, want mode %o, owner %d:%d, time %d", m, st.Mode&0o7777, st.Uid, st.Gid, st.Mtim.Sec)
	}
}

// A sparse file has more bytes than the archive. Where it cannot be kept they are neither counted as the archive's nor read for ever.
func TestTarSparseThatIsNotKept(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("content"); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{1 << 20, 1 << 42} {
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
		for _, format := range []string{"gnu", "pax"} {
			b := command(t, dir, nil, "tar", "-S", "--format="+format, "--transform", "s,^,"+strings.Repeat("long/", 1000)+",", "-cf", "-", "s")
			tr := walkBytes(t, b, Config{Budget: Budget{Bytes: 64 << 20}})
			wantUnseen(t, tr, "a", "budget")
			if a := tr.Nodes[0].Account; size == 1<<20 && (a == nil || a.Unobserved == 0 || a.Unobserved > int64(len(b))) {
				t.Errorf("%s: account %+v", format, a)
			}
		}
	}
}

// The root of an archive cannot have content.
func TestTarContentWithoutName(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range []string{"a", ".", "b"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: 3}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("abc")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tr := walkBytes(t, b.Bytes(), Config{})
	wantOnly(t, tr, "a unaccounted 1536+3 *")
	if a := tr.Nodes[0].Account; a.Unobserved != 3 || a.Nodes != 6 {
		t.Errorf("account %+v", *a)
	}
}
