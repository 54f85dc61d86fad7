package lzma

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"

	ulikunitz "github.com/ulikunitz/xz/lzma"
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

func randomBytes(seed uint64, n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

// prose is compressible.
func prose(seed uint64, n int) []byte {
	words := strings.Fields("the router opens a session and closes it again when nobody answers within nine seconds")
	r := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "%s %d ", words[r.IntN(len(words))], r.IntN(100))
	}
	return b.Bytes()[:n]
}

// branchy looks like machine code of x86: calls of few targets from many places.
func branchy(n int) []byte {
	r := rand.New(rand.NewPCG(0xe8, 2))
	b := prose(0xe8, n)
	for i := 16; i+8 < n; i += 16 {
		b[i] = 0xe8 + byte(r.IntN(2))
		binary.LittleEndian.PutUint32(b[i+1:], uint32(r.IntN(16)*4096)-uint32(i+5))
	}
	return b
}

// dense has the bytes of branches everywhere, in all the patterns that a filter may take for one.
var dense = map[string][]byte{
	"x86": {0xe8, 0xe9, 0, 0xff, 1, 2, 0xfe}, "thumb": {0xf0, 0xf8, 0xf7, 0xff, 0, 1},
	"powerpc": {0x48, 0x4b, 1, 0, 5, 0xff}, "sparc": {0x40, 0x7f, 0xff, 0xc0, 0, 1}, "arm": {0xeb, 0xeb, 0, 1, 2},
	"arm64": {0x94, 0x97, 0x90, 0xb0, 0xd0, 0xf0, 0, 1, 0xff}, "ia64": {0x10, 0x11, 0x12, 0x16, 0x1c, 0, 0xa0, 0x50, 0x05, 0x0a},
}

func denseSample(name string, n int) []byte {
	pick := dense[name]
	b := randomBytes(uint64(len(name)), n)
	for i := range b {
		if b[i] < 224 {
			b[i] = pick[int(b[i])%len(pick)]
		}
	}
	return b
}

// samples are data of several natures; machine code gives the branch filters work.
func samples() map[string][]byte {
	s := map[string][]byte{
		"one": {7}, "prose": prose(3, 100_000), "noise": randomBytes(3, 70_000), "zeros": make([]byte, 150_000), "code": branchy(50_000),
		"mixed": bytes.Join([][]byte{randomBytes(1, 70_000), prose(1, 70_000), make([]byte, 70_000), branchy(9001)}, nil),
	}
	for name := range dense {
		s["dense "+name] = denseSample(name, 30_001)
	}
	return s
}

// options of xz(1) that change the format.
var options = [][]string{
	{"-6"},
	{"-0"},
	{"--check=crc32"},
	{"--check=sha256"},
	{"--check=none"},
	{"--lzma2=preset=6,lc=0,lp=2,pb=0"},
	{"--lzma2=preset=1,lc=4,pb=4"},
	{"--lzma2=preset=6,lc=1,lp=3,pb=1,nice=273"},
	{"--lzma2=preset=6,dict=4KiB"},
	{"--lzma2=preset=6,dict=68KiB"},
	{"--x86", "--lzma2=preset=1,dict=4KiB"},
	{"--x86", "--lzma2=preset=1"},
	{"--arm", "--lzma2=preset=1"},
	{"--armthumb", "--lzma2=preset=1"},
	{"--powerpc", "--lzma2=preset=1"},
	{"--sparc", "--lzma2=preset=1"},
	{"--ia64", "--lzma2=preset=1"},
	{"--arm64", "--lzma2=preset=1"},
	{"--x86=start=4096", "--lzma2=preset=1"},
	{"--delta=dist=4", "--x86", "--lzma2=preset=1"},
	{"--x86", "--arm64", "--delta=dist=3", "--lzma2=preset=1"},
	{"--delta=dist=256", "--lzma2=preset=1"},
	{"--block-size=33333", "-1"},
	{"--block-size=50000", "-T2", "--x86", "--lzma2=preset=1"},
}

// readXZ decodes a whole .xz file as a stream and returns what stays unread.
func readXZ(x *XZReader, src []byte, buffer int, wrap func(io.Reader) io.Reader) (data, rest []byte, err error) {
	br := bufio.NewReaderSize(bytes.NewReader(src), buffer)
	x.Reset(br, 1<<27)
	defer x.Close()
	var in io.Reader = x
	if wrap != nil {
		in = wrap(x)
	}
	data, err = io.ReadAll(in)
	rest, _ = io.ReadAll(br)
	return data, rest, err
}

// readLZMA is readXZ for a .lzma file.
func readLZMA(z *Reader, src []byte, buffer int, wrap func(io.Reader) io.Reader) (data, rest []byte, err error) {
	br := bufio.NewReaderSize(bytes.NewReader(src), buffer)
	if err := z.ResetFile(br, 1<<27); err != nil {
		return nil, nil, err
	}
	defer z.Close()
	var in io.Reader = z
	if wrap != nil {
		in = wrap(z)
	}
	data, err = io.ReadAll(in)
	rest, _ = io.ReadAll(br)
	return data, rest, err
}

func TestXZ(t *testing.T) {
	d, x := &Decoder{}, &XZReader{}
	t.Parallel()
	for name, data := range samples() {
		for _, o := range options {
			src := xzTool(t, data, o...)
			dst := make([]byte, len(data))
			if n, err := d.XZ(dst, append(bytes.Clone(src), "behind"...)); err != nil || n != len(data) || !bytes.Equal(dst, data) {
				t.Errorf("%s, xz %v: %d of %d bytes, %v", name, o, n, len(data), err)
			}
			if len(data) > 1 {
				if _, err := d.XZ(dst[:len(dst)-1], src); err != ErrTooLong && err != errLZMA {
					t.Errorf("%s, xz %v into too few bytes: %v", name, o, err)
				}
			}
			for buffer, wrap := range map[int]func(io.Reader) io.Reader{16: nil, 64 << 10: nil, 100: iotest.HalfReader} {
				got, rest, err := readXZ(x, append(bytes.Clone(src), "behind"...), buffer, wrap)
				if err != nil || !bytes.Equal(got, data) || string(rest) != "behind" {
					t.Errorf("%s, xz %v, as a stream: %d of %d bytes, %d left, %v", name, o, len(got), len(data), len(rest), err)
				}
			}
		}
	}
}

func setSize(src []byte, size int) []byte {
	src = bytes.Clone(src)
	binary.LittleEndian.PutUint64(src[5:], uint64(size))
	return src
}

func TestLZMA(t *testing.T) {
	t.Parallel()
	d, z := &Decoder{}, &Reader{}
	for name, data := range samples() {
		for _, o := range [][]string{
			{"--format=lzma"}, {"--format=lzma", "-0"}, {"--format=lzma", "--lzma1=lc=1,lp=3,pb=0,dict=64KiB"}, {"--format=lzma", "--lzma1=dict=4KiB"},
		} {
			src := xzTool(t, data, o...)
			for _, src := range [][]byte{src, setSize(src, len(data))} { // with an end mark, and with a size and an end mark
				dst := make([]byte, len(data)+10)
				if n, err := d.LZMA(dst, src); err != nil || !bytes.Equal(dst[:n], data) {
					t.Errorf("%s, xz %v: %d of %d bytes, %v", name, o, n, len(data), err)
				}
				for room := range min(len(data), 3) {
					if n, err := d.LZMA(dst[:len(data)-1-room], src); err == nil {
						t.Errorf("%s, xz %v, into too few bytes: %d, no error", name, o, n)
					}
				}
				if n, err := d.LZMA(dst[:len(data)], src); err != nil || n != len(data) {
					t.Errorf("%s, xz %v, into just enough bytes: %d, %v", name, o, n, err)
				}
				for buffer, wrap := range map[int]func(io.Reader) io.Reader{64: nil, 64 << 10: nil, 100: iotest.HalfReader} {
					got, rest, err := readLZMA(z, append(bytes.Clone(src), "behind"...), buffer, wrap)
					if err != nil || !bytes.Equal(got, data) || string(rest) != "behind" {
						t.Errorf("%s, xz %v, as a stream: %d of %d bytes, %d left, %v", name, o, len(got), len(data), len(rest), err)
					}
				}
			}
			if _, _, err := readLZMA(z, setSize(src, len(data)-1), 4096, nil); err == nil {
				t.Errorf("%s, xz %v: a size that is too small is no error", name, o)
			}
			if _, _, err := readLZMA(z, setSize(src, len(data)+1), 4096, nil); err == nil {
				t.Errorf("%s, xz %v: a size that is too large is no error", name, o)
			}
		}
	}
}

// TestLZMAUnmarked: some encoders leave the mark out where the size says it all.
func TestLZMAUnmarked(t *testing.T) {
	d, z := &Decoder{}, &Reader{}
	for name, data := range samples() {
		var b bytes.Buffer
		w, err := ulikunitz.WriterConfig{SizeInHeader: true, Size: int64(len(data))}.NewWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		dst := make([]byte, len(data))
		if n, err := d.LZMA(dst, b.Bytes()); err != nil || n != len(data) || !bytes.Equal(dst, data) {
			t.Errorf("%s: %d of %d bytes, %v", name, n, len(data), err)
		}
		got, rest, err := readLZMA(z, append(b.Bytes(), "behind"...), 4096, nil)
		if err != nil || !bytes.Equal(got, data) || string(rest) != "behind" {
			t.Errorf("%s, as a stream: %d of %d bytes, %q left, %v", name, len(got), len(data), rest, err)
		}
	}
}

// TestLarge sends more through than the window holds, so that it goes round.
func TestLarge(t *testing.T) {
	t.Parallel()
	data := bytes.Join([][]byte{prose(5, 3_000_000), randomBytes(5, 300_000), branchy(2_000_000), make([]byte, 1_000_001), prose(5, 1_000_000)}, nil)
	x, z := &XZReader{}, &Reader{}
	for _, dict := range []string{"4KiB", "96KiB", "1MiB", "1500KiB", "64MiB"} {
		src := xzTool(t, data, "--lzma2=preset=1,dict="+dict)
		if got, _, err := readXZ(x, src, 64<<10, nil); err != nil || !bytes.Equal(got, data) {
			t.Errorf("xz, a window of %s: %d bytes, %v", dict, len(got), err)
		}
		src = xzTool(t, data, "--format=lzma", "--lzma1=preset=1,dict="+dict)
		if got, _, err := readLZMA(z, src, 64<<10, nil); err != nil || !bytes.Equal(got, data) {
			t.Errorf("lzma, a window of %s: %d bytes, %v", dict, len(got), err)
		}
	}
}
