package squashfs

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"slices"
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

// samples are data of several natures; machine code gives the branch filters work.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	s := map[string][]byte{
		"one": {7}, "prose": prose(3, 100_000), "noise": randomBytes(3, 70_000), "zeros": make([]byte, 150_000),
		"x86": branchy(0xe8, 50_000), "arm": branchy(0xeb, 50_000),
		"mixed": slices3(randomBytes(1, 70_000), prose(1, 70_000), make([]byte, 70_000)),
	}
	// Every bit pattern that a filter may take for a branch, densely.
	for name, pick := range map[string][]byte{
		"dense x86": {0xe8, 0xe9, 0, 0xff, 1, 2, 0xfe}, "dense thumb": {0xf0, 0xf8, 0xf7, 0xff, 0, 1},
		"dense powerpc": {0x48, 0x4b, 1, 0, 5, 0xff}, "dense sparc": {0x40, 0x7f, 0xff, 0xc0, 0, 1},
		"dense arm64": {0x94, 0x97, 0x90, 0xb0, 0xd0, 0xf0, 0, 1, 0xff}, "dense ia64": {0x10, 0x11, 0x12, 0x16, 0x1c, 0, 0xa0, 0x50, 0x05, 0x0a},
	} {
		b := randomBytes(uint64(len(name)), 30_000)
		for i := range b {
			if b[i] < 224 {
				b[i] = pick[int(b[i])%len(pick)]
			}
		}
		s[name] = b
	}
	return s
}

func decodeXZ(d *lzmaDecoder, dst, src []byte) (int, error) { return d.decodeXZ(dst, src) }

func TestXZ(t *testing.T) {
	d := &lzmaDecoder{}
	for name, data := range samples(t) {
		for _, options := range [][]string{
			{"-6"},
			{"-0"},
			{"--check=crc64"},
			{"--check=sha256"},
			{"--check=none"},
			{"--lzma2=preset=6,lc=0,lp=2,pb=0"},
			{"--lzma2=preset=1,lc=4,pb=4"},
			{"--x86", "--lzma2=preset=1"},
			{"--arm", "--lzma2=preset=1"},
			{"--armthumb", "--lzma2=preset=1"},
			{"--powerpc", "--lzma2=preset=1"},
			{"--sparc", "--lzma2=preset=1"},
			{"--ia64", "--lzma2=preset=1"},
			{"--arm64", "--lzma2=preset=1"},
			{"--x86=start=4096", "--lzma2=preset=1"},
			{"--delta=dist=4", "--x86", "--lzma2=preset=1"},
			{"--delta=dist=256", "--lzma2=preset=1"},
		} {
			src := xzTool(t, data, options...)
			dst := make([]byte, len(data))
			if n, err := decodeXZ(d, dst, src); err != nil || n != len(data) || !bytes.Equal(dst, data) {
				t.Errorf("%s, xz %v: %d of %d bytes, %v", name, options, n, len(data), err)
			}
			if len(data) > 1 {
				if _, err := decodeXZ(d, dst[:len(dst)-1], src); !errors.Is(err, errTooLong) && err != errLZMA {
					t.Errorf("%s, xz %v into too few bytes: %v", name, options, err)
				}
			}
		}
	}
}

// TestXZDamage: a wrong byte anywhere is noticed, but in the index and the footer, which
// say nothing that the block does not.
func TestXZDamage(t *testing.T) {
	data := prose(5, 3000)
	src := xzTool(t, data, "--check=crc32")
	d := &lzmaDecoder{}
	dst := make([]byte, 4096)
	end := len(src) - 12 - 12 // index, footer
	for i := range end {
		bad := slices.Clone(src)
		bad[i] ^= 0x10
		if n, err := decodeXZ(d, dst, bad); err == nil {
			t.Errorf("byte %d of %d: %d bytes, no error", i, end, n)
		}
		if _, err := decodeXZ(d, dst, src[:i]); err == nil {
			t.Errorf("cut at %d: no error", i)
		}
	}
}

func TestLZMA(t *testing.T) {
	d := &lzmaDecoder{}
	for name, data := range samples(t) {
		for _, size := range []int{-1, len(data)} { // with an end mark, and with a size
			src := xzTool(t, data, "--format=lzma")
			if size >= 0 {
				for i := range 8 {
					src[5+i] = byte(size >> (8 * i))
				}
			}
			dst := make([]byte, len(data)+10)
			n, err := d.decodeAlone(dst, src)
			if err != nil || !bytes.Equal(dst[:n], data) {
				t.Errorf("%s: %d of %d bytes, %v", name, n, len(data), err)
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
