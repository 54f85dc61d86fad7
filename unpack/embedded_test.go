package unpack

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probat-lab/probat/tree"
)

// What stands behind a head of another kind is not opened, and that is said: in memory, and in a leaf that is read in pieces.
func TestEmbedded(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "etc/passwd"), []byte("root::0:0::/:/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	inside := map[string][]byte{
		"squashfs": imageSquashfs(t, dir),
		"tar":      command(t, dir, nil, "tar", "-cf", "-", "etc"),
		"cpio":     command(t, dir, []byte("etc\netc/passwd\n"), "cpio", "-o", "--quiet", "-H", "newc"),
		"zip":      makeZip(t, zip.Deflate, inTar{"etc/passwd", []byte("root::0:0::/:/bin/sh\n")}),
	}
	png := append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 8184)...)
	heads := map[string][]byte{
		"program": imageProgram(3, 8192), "large program": imageProgram(3, 3<<20+129), "picture": png, "text": bytes.Repeat([]byte("a line of text\n"), 4000),
		"large text": bytes.Repeat([]byte("a line of text\n"), 300_000), "zeros": make([]byte, 8192),
		"at a seam": imageProgram(3, 2*(64<<10)+1<<20-300), "at another": imageProgram(3, memoryLimit+1-100),
	}
	for head, b := range heads {
		for what, c := range inside {
			t.Run(head+" and "+what, func(t *testing.T) {
				leaf := append(bytes.Clone(b), c...)
				want := fmt.Sprintf("a!/x unaccounted %d+%d *", len(b), len(c))
				for _, workers := range []int{1, 4} {
					wantOnly(t, walkBytes(t, makeTar(t, inTar{"x", leaf}), Config{Workers: workers}), want)
				}
				tr := walkBytes(t, makeTar(t, inTar{"x", leaf}), Config{})
				if detail := fmt.Sprintf("what looks like a %s at byte %d is not opened", what, len(b)); tr.Unobserved[0].Detail != detail {
					t.Errorf("detail %q, want %q", tr.Unobserved[0].Detail, detail)
				}
			})
		}
	}
}

func TestNothingIsEmbedded(t *testing.T) {
	odd := bytes.Repeat([]byte("a line of text\n"), 4000)
	odd[50_000], odd[50_100] = 0, 1
	cut := makeZip(t, zip.Store, inTar{"a", []byte("b")})
	superblock := append(imageProgram(1, 4096), "hsqs"...)
	superblock = append(superblock, make([]byte, 200)...)
	header := append(imageProgram(1, 4096), makeTar(t, inTar{"a", nil})[:512]...)
	header[4096+10] ^= 1 // its checksum
	kernel := append(imageProgram(1, 4096), newc("dev", 0o40755)+newc("dev/console", 0o20600)+newc("root", 0o40700)+newc(cpioTrailer, 0)...)
	for name, b := range map[string][]byte{
		"magic alone":   append(imageProgram(1, 4096), "hsqs ustar 070701 PK\x05\x06 and nothing of theirs, which is long enough though"...),
		"two controls":  odd,
		"latin-1":       append(bytes.Repeat([]byte("a line of text\n"), 4000), bytes.Repeat([]byte("\xe4\xf6\xfc\x80\x9f\n"), 400)...),
		"a superblock":  superblock,
		"a header":      header,
		"a cut zip":     append(imageProgram(1, 4096), cut[:len(cut)-1]...),
		"a few control": append(bytes.Repeat([]byte("a line of text\n"), 4000), make([]byte, 100)...),
		"a kernel":      kernel,
	} {
		t.Run(name, func(t *testing.T) {
			wantNothingUnseen(t, walkBytes(t, makeTar(t, inTar{"x", b}), Config{}))
		})
	}
}

// newc is an entry of a cpio without content.
func newc(name string, mode int) string {
	var h [13]int
	h[1], h[4], h[11] = mode, 1, len(name)+1
	s := "070701"
	for _, v := range h {
		s += fmt.Sprintf("%08X", v)
	}
	s += name + "\x00"
	return s + strings.Repeat("\x00", -len(s)&3)
}

// makeself, and what is like it.
func TestTextThatEndsInOtherBytes(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	w.Write(noise(1, 5000))
	w.Close()
	for name, head := range map[string][]byte{
		"short": []byte("#!/bin/sh\ntail -n +3 $0 | tar xz\nexit\n"), "long": bytes.Repeat([]byte("#!/bin/sh\n"), 5000), "large": bytes.Repeat([]byte("#!/bin/sh\n"), 800_000),
	} {
		t.Run(name, func(t *testing.T) {
			tr := walkBytes(t, makeTar(t, inTar{"x", append(bytes.Clone(head), z.Bytes()...)}), Config{})
			n := 0
			for _, u := range tr.Unobserved {
				if u.Reason == "unaccounted" && u.Hides == tree.HidesAll && u.Detail == "text that ends in other bytes" && u.Offset+u.Length == int64(len(head)+z.Len()) {
					n++
				}
			}
			if n != 1 {
				t.Errorf("unobserved are %q", unseen(tr))
			}
		})
	}
}

func BenchmarkEmbedded(b *testing.B) {
	exe, err := os.ReadFile(os.Args[0])
	if err != nil {
		b.Fatal(err)
	}
	for name, all := range map[string][]byte{
		"program": bytes.Repeat(exe, 200<<20/len(exe)+1)[:200<<20], "noise": bytes.Repeat(noise(1, 20<<20), 10), "text": bytes.Repeat([]byte("a line of text, as they are used to be\n"), 5<<20), "zeros": make([]byte, 200<<20),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(all)))
			for b.Loop() {
				e := &embedded{buf: make([]byte, 0, embeddedBuffer), other: -1}
				for at := 0; at < len(all); at += 64 << 10 {
					e.Write(all[at:min(at+64<<10, len(all))])
				}
				e.close()
				if e.what != "" {
					b.Fatal(e.what, e.at)
				}
			}
		})
	}
}
