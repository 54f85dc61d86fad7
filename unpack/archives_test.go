package unpack

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probat-lab/probat/tree"
)

func TestDirectoryAgainstHost(t *testing.T) {
	root := sourceTree(t)
	tr := walkPath(t, root, Config{})
	sameFiles(t, root, tr, 0, keeps{nano: true, xattrs: true})
	wantUnseen(t, tr, "a!/big", "unknown-format") // noise
	if n := len(tr.Unobserved); n != 1 {
		t.Errorf("%d unobserved: %q", n, unseen(tr))
	}
	if got := tr.Nodes[nodeAt(t, tr, "a!/zz-third")].Hardlink; got != "/links/first" {
		t.Errorf("the third name of a file says %q", got)
	}
}

func TestArchivesAgainstTools(t *testing.T) {
	root := sourceTree(t)
	notDeep := func(rel string) bool { return !strings.HasPrefix(rel, "deep") && !strings.HasPrefix(rel, "long") }
	all := string(command(t, root, nil, "find", ".", "-mindepth", "1", "-print0"))
	some := string(command(t, root, nil, "find", ".", "-mindepth", "1", "(", "-path", "./deep", "-o", "-path", "./long", ")", "-prune", "-o", "-print0"))
	for _, c := range []struct {
		name, format string
		stdin        string
		keeps        keeps
		args         []string
	}{
		{"gnu-tar-pax", "tar", "", keeps{nano: true, xattrs: true}, []string{"tar", "--format=pax", "--xattrs", "--xattrs-include=*", "-cf", "-", "."}},
		{"gnu-tar-sparse", "tar", "", keeps{nano: true, xattrs: true}, []string{"tar", "--format=pax", "--xattrs", "--xattrs-include=*", "-S", "-cf", "-", "."}},
		{"gnu-tar", "tar", "", keeps{}, []string{"tar", "--format=gnu", "-cf", "-", "."}},
		{"gnu-tar-gnu-sparse", "tar", "", keeps{}, []string{"tar", "--format=gnu", "-S", "-cf", "-", "."}},
		{"ustar", "tar", some, keeps{name: notDeep}, []string{"tar", "--format=ustar", "--no-recursion", "--null", "-T", "-", "-cf", "-"}},
		{"v7", "tar", some, keeps{name: notDeep, noSpecial: true}, []string{"tar", "--format=v7", "--exclude=./dev/*", "--no-recursion", "--null", "-T", "-", "-cf", "-"}},
		{"bsdtar-pax", "tar", "", keeps{nano: true, xattrs: true}, []string{"bsdtar", "--format=pax", "-cf", "-", "."}},
		{"gnu-cpio-newc", "cpio", all, keeps{}, []string{"cpio", "-0", "-o", "--quiet", "-H", "newc"}},
		{"gnu-cpio-crc", "cpio", all, keeps{}, []string{"cpio", "-0", "-o", "--quiet", "-H", "crc"}},
		{"gnu-cpio-odc", "cpio", all, keeps{}, []string{"cpio", "-0", "-o", "--quiet", "-H", "odc"}},
		{"gnu-cpio-bin", "cpio", all, keeps{}, []string{"cpio", "-0", "-o", "--quiet", "-H", "bin"}},
		{"bsdcpio-newc", "cpio", all, keeps{}, []string{"bsdcpio", "-0", "-o", "--quiet", "-H", "newc"}},
		{"bsdcpio-odc", "cpio", all, keeps{}, []string{"bsdcpio", "-0", "-o", "--quiet", "-H", "odc"}},
		{"zip", "zip", "", keeps{noSpecial: true}, []string{"zip", "-q", "-y", "-r", "-", ".", "-x", "./dev/?*"}},
		{"zip-store", "zip", "", keeps{noSpecial: true}, []string{"zip", "-q", "-0", "-y", "-r", "-", ".", "-x", "./dev/?*"}},
		{"zip-bzip2", "zip", "", keeps{noSpecial: true}, []string{"zip", "-q", "-Z", "bzip2", "-y", "-r", "-", ".", "-x", "./dev/?*"}},
		{"bsdtar-zip", "zip", "", keeps{noSpecial: true}, []string{"bsdtar", "--format=zip", "--exclude=./dev/?*", "-cf", "-", "."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := command(t, root, []byte(c.stdin), c.args[0], c.args[1:]...)
			tr := walkBytes(t, b, Config{})
			if got := tr.Nodes[0].Format; got != c.format {
				t.Fatalf("recognised as %q", got)
			}
			sameFiles(t, root, tr, 0, c.keeps)
			for _, u := range tr.Unobserved {
				if a := tr.Address(u.Node); a != "a!/big" {
					t.Errorf("unobserved: %s %+v", a, u)
				}
			}
		})
	}
}

func TestSevenZipMethods(t *testing.T) {
	dir := t.TempDir()
	text := bytes.Repeat([]byte("a line of text that repeats itself, nearly\n"), 30_000)
	for i := range text {
		if i%997 == 0 {
			text[i] = byte('a' + i%26)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"Copy", "Deflate", "Deflate64", "BZip2", "LZMA"} {
		command(t, dir, nil, "7z", "a", "-tzip", "-mm="+method, method+".zip", "text")
		tr := walkPath(t, filepath.Join(dir, method+".zip"), Config{})
		if method == "Deflate64" {
			wantUnseen(t, tr, "a!/text", "unsupported")
			continue
		}
		wantNothingUnseen(t, tr)
		if n := tr.Nodes[nodeAt(t, tr, "a!/text")]; n.Size != int64(len(text)) || !n.Known {
			t.Errorf("%s: %+v", method, n)
		}
	}
	command(t, dir, nil, "7z", "a", "-tzip", "-psecret", "locked.zip", "text")
	wantUnseen(t, walkPath(t, filepath.Join(dir, "locked.zip"), Config{}), "a!/text", "encrypted")
	command(t, dir, nil, "7z", "a", "-tzip", "-psecret", "-mem=AES256", "aes.zip", "text")
	wantUnseen(t, walkPath(t, filepath.Join(dir, "aes.zip"), Config{}), "a!/text", "encrypted")
}

func TestDebianPackage(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"pkg/DEBIAN/control": "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n",
		"pkg/usr/bin/x":      "#!/bin/sh\n",
	} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, z := range []string{"xz", "gzip", "zstd", "none"} {
		command(t, dir, nil, "dpkg-deb", "-Z"+z, "--root-owner-group", "-b", "pkg", z+".deb")
		tr := walkPath(t, filepath.Join(dir, z+".deb"), Config{})
		wantNothingUnseen(t, tr)
		ext := map[string]string{"xz": ".xz", "gzip": ".gz", "zstd": ".zst", "none": ""}[z]
		n := tr.Nodes[nodeAt(t, tr, "a!/data.tar"+ext+"!/usr/bin/x")]
		if n.Mode != 0o755 || n.Has&tree.HasOwner == 0 || n.UID != 0 || n.Size != 10 {
			t.Errorf("%s: %+v", z, n)
		}
		nodeAt(t, tr, "a!/debian-binary")
		nodeAt(t, tr, "a!/control.tar"+ext+"!/control")
	}
}

func TestArNames(t *testing.T) {
	dir := t.TempDir()
	long := "a-name-that-is-longer-than-sixteen-bytes.o"
	for _, n := range []string{"short.o", long, "odd"} {
		if err := os.WriteFile(filepath.Join(dir, n), []byte("content of "+n), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	command(t, dir, nil, "ar", "rcU", "gnu.a", "short.o", long, "odd")
	command(t, dir, nil, "ar", "rcTU", "thin.a", "short.o", long)
	bsd := command(t, dir, nil, "bsdtar", "--format=arbsd", "-cf", "-", "short.o", long, "odd")
	if err := os.WriteFile(filepath.Join(dir, "bsd.a"), bsd, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, a := range []string{"gnu.a", "bsd.a"} {
		tr := walkPath(t, filepath.Join(dir, a), Config{})
		wantNothingUnseen(t, tr)
		if len(tr.Nodes) != 4 {
			t.Errorf("%s: %s", a, addresses(tr))
		}
		for _, n := range []string{"short.o", long, "odd"} {
			node := tr.Nodes[nodeAt(t, tr, "a!/"+n)]
			if node.Size != int64(len("content of "+n)) || node.Mode != 0o644 || node.Has&tree.HasTime == 0 {
				t.Errorf("%s %s: %+v", a, n, node)
			}
		}
	}
	wantUnseen(t, walkPath(t, filepath.Join(dir, "thin.a"), Config{}), "a", "unsupported")
}

// An initramfs: archives that are not compressed, one that is, and zeros.
func TestInitramfs(t *testing.T) {
	dir := t.TempDir()
	pack := func(name string) []byte {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("content of "+name), 0o644); err != nil {
			t.Fatal(err)
		}
		return command(t, dir, []byte(name), "cpio", "-o", "--quiet", "-H", "newc")
	}
	early, second, main := pack("early"), pack("second"), pack("main")
	for _, c := range []struct{ name, tool string }{{"gzip", "gzip"}, {"xz", "xz"}, {"zstd", "zstd"}, {"lz4", "lz4"}, {"bzip2", "bzip2"}, {"lzma", "lzma"}, {"cpio", "cat"}} {
		b := append(append(bytes.Clone(early), second...), command(t, dir, main, c.tool)...)
		tr := walkBytes(t, append(b, make([]byte, 100)...), Config{})
		wantOnly(t, tr, fmt.Sprintf("a unsupported %d+-1 *", len(early))) // none of them is microcode
		at := func(n int) string { return fmt.Sprintf("a!/@%#x.", n) }
		nodeAt(t, tr, "a!/early")
		nodeAt(t, tr, at(len(early))+"cpio!/second")
		nodeAt(t, tr, at(len(early)+len(second))+c.name+"!/main")
	}
	tr := walkBytes(t, append(bytes.Clone(early), "and something that nobody knows"...), Config{})
	wantUnseen(t, tr, "a", "unaccounted")
}

func TestCpioChecksum(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []string{"one", "two"} {
		if err := os.WriteFile(filepath.Join(dir, n), []byte("content of "+n), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b := command(t, dir, []byte("one\ntwo"), "cpio", "-o", "--quiet", "-H", "crc")
	wantNothingUnseen(t, walkBytes(t, b, Config{}))
	b[bytes.Index(b, []byte("content of one"))]++
	tr := walkBytes(t, b, Config{})
	wantUnseen(t, tr, "a!/one", "damaged")
	if n := tr.Nodes[nodeAt(t, tr, "a!/two")]; !n.Known || len(tr.Unobserved) != 1 {
		t.Errorf("the second: %+v, %q", n, unseen(tr))
	}
}
