package squashfs

import (
	"bytes"
	"fmt"
	"os/exec"
	"testing"

	"github.com/klauspost/compress/zlib"
)

// xzTool compresses with xz(1).
func xzTool(t testing.TB, data []byte, options ...string) []byte {
	t.Helper()
	cmd := exec.Command("xz", append([]string{"-c", "-T1"}, options...)...)
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("xz %v: %v", options, err)
	}
	return out
}

func deflate(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// samples are data of several natures.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	s := map[string][]byte{
		"one": {7}, "prose": prose(3, 100_000), "noise": randomBytes(3, 70_000), "zeros": make([]byte, 150_000),
		"x86": branchy(0xe8, 50_000), "arm": branchy(0xeb, 50_000),
		"mixed": slices3(randomBytes(1, 70_000), prose(1, 70_000), make([]byte, 70_000)),
	}
	return s
}

// TestXZ: the decoder has tests of its own; here that a block is bounded by its room and that it is wired up.
func TestXZ(t *testing.T) {
	for id, options := range map[int][]string{compXZ: {"--check=crc32", "--x86", "--lzma2=preset=6"}, compLZMA: {"--format=lzma"}} {
		c, err := newCodec(id, maxBlockSize)
		if err != nil {
			t.Fatal(err)
		}
		for name, data := range samples(t) {
			src := xzTool(t, data, options...)
			dst := make([]byte, len(data))
			if n, err := c.decode(dst, src); err != nil || n != len(data) || !bytes.Equal(dst, data) {
				t.Errorf("%s, xz %v: %d of %d bytes, %v", name, options, n, len(data), err)
			}
			if n, err := c.decode(dst[:len(dst)-1], src); err == nil {
				t.Errorf("%s, xz %v into too few bytes: %d, no error", name, options, n)
			}
		}
	}
}

func TestGzip(t *testing.T) {
	c, err := newCodec(compGzip, maxBlockSize)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range samples(t) {
		for level := range 10 {
			src := deflate(t, data, level)
			dst := make([]byte, len(data))
			if n, err := c.decode(dst, src); err != nil || n != len(data) || !bytes.Equal(dst, data) {
				t.Errorf("%s, level %d: %d of %d bytes, %v", name, level, n, len(data), err)
			}
			if _, err := c.decode(dst[:len(dst)-1], src); err == nil {
				t.Errorf("%s, level %d, into too few bytes: no error", name, level)
			}
			for _, cut := range []int{0, 1, 2, 5, len(src) / 2, len(src) - 1} {
				if _, err := c.decode(dst, src[:cut]); err == nil {
					t.Errorf("%s, level %d, cut at %d of %d: no error", name, level, cut, len(src))
				}
			}
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	code := branchy(0xe8, 1<<17)
	for name, src := range map[string][]byte{"xz": xzTool(b, code, "--x86", "--lzma2=preset=6"), "gzip": deflate(b, code, 9)} {
		id := compGzip
		if name == "xz" {
			id = compXZ
		}
		c, err := newCodec(id, 1<<17)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("%s/%.2f", name, float64(len(code))/float64(len(src))), func(b *testing.B) {
			dst := make([]byte, 1<<17)
			b.SetBytes(1 << 17)
			for b.Loop() {
				if _, err := c.decode(dst, src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
