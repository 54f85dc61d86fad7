package lzma

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"strings"
	"testing"
)

// smallXZ are files with all that the container can hold.
func smallXZ(t testing.TB) map[string][]byte {
	one, two := xzTool(t, prose(5, 1500), "--check=crc64"), xzTool(t, prose(6, 700), "--check=crc32", "--block-size=300")
	return map[string][]byte{
		"crc32": xzTool(t, prose(5, 3000), "--check=crc32"), "crc64": one, "blocks": two, "empty": xzTool(t, nil),
		"sha256": xzTool(t, branchy(700), "--check=sha256", "--x86", "--delta=dist=3", "--lzma2"), "stored": xzTool(t, randomBytes(1, 900)),
		"streams": bytes.Join([][]byte{one, make([]byte, 8), two, xzTool(t, nil)}, nil),
	}
}

// TestXZDamage: no wrong byte anywhere is overlooked, and what was decoded before an error is what was packed.
func TestXZDamage(t *testing.T) {
	d, x := &Decoder{}, &XZReader{}
	dst := make([]byte, 8192)
	for name, src := range smallXZ(t) {
		plain, _, err := readXZ(x, src, 4096, nil)
		if err != nil {
			t.Fatal(name, err)
		}
		for i := range src {
			for _, flip := range []byte{1, 0x10, 0x80, 0xff} {
				bad := bytes.Clone(src)
				bad[i] ^= flip
				got, rest, err := readXZ(x, bad, 4096, nil)
				// Where the second stream, or the padding before it, is none any more, the first one is all there is.
				if err == nil && (len(rest) == 0 || !bytes.HasPrefix(plain, got)) {
					t.Errorf("%s, byte %d of %d: %d bytes, %d left, no error", name, i, len(src), len(got), len(rest))
				}
				if errors.Is(err, io.EOF) {
					t.Errorf("%s, byte %d: %v", name, i, err)
				}
				if name != "streams" {
					if n, err := d.XZ(dst, bad); err == nil {
						t.Errorf("%s, byte %d of %d, as a block: %d bytes, no error", name, i, len(src), n)
					}
				}
			}
		}
	}
}

func TestXZCut(t *testing.T) {
	d, x := &Decoder{}, &XZReader{}
	dst := make([]byte, 8192)
	for name, src := range smallXZ(t) {
		plain, _, _ := readXZ(x, src, 4096, nil)
		for i := range src {
			got, rest, err := readXZ(x, src[:i], 4096, nil)
			if name == "streams" && err == nil { // cut where a stream ends or before another one is one
				if left := src[i-len(rest) : i]; len(left) >= 12+8 || len(bytes.TrimLeft(left, "\x00")) >= 12 {
					t.Errorf("cut at %d: %d bytes left", i, len(left))
				}
				err = io.ErrUnexpectedEOF
			}
			if err != io.ErrUnexpectedEOF {
				t.Errorf("%s cut at %d of %d: %d bytes, %v", name, i, len(src), len(got), err)
			}
			if !bytes.HasPrefix(plain, got) {
				t.Errorf("%s cut at %d of %d: wrong bytes", name, i, len(src))
			}
			if name != "streams" {
				if _, err := d.XZ(dst, src[:i]); err == nil {
					t.Errorf("%s cut at %d, as a block: no error", name, i)
				}
			}
		}
	}
	// Of a chunk that is cut off all that is there is decoded.
	src := xzTool(t, prose(5, 100_000))
	if got, _, _ := readXZ(x, src[:len(src)/2], 4096, nil); len(got) < 30_000 {
		t.Errorf("half of the file gives %d bytes", len(got))
	}
}

func TestLZMACut(t *testing.T) {
	d, z := &Decoder{}, &Reader{}
	plain := prose(5, 3000)
	dst := make([]byte, 8192)
	marked := xzTool(t, plain, "--format=lzma")
	for name, src := range map[string][]byte{"marked": marked, "sized": setSize(marked, len(plain))} {
		for i := range src {
			got, _, err := readLZMA(z, src[:i], 64, nil)
			if err != io.ErrUnexpectedEOF || !bytes.HasPrefix(plain, got) {
				t.Errorf("%s cut at %d of %d: %d bytes, %v", name, i, len(src), len(got), err)
			}
			// A block of known size needs no mark.
			if n, err := d.LZMA(dst, src[:i]); err == nil && (name == "marked" || !bytes.Equal(dst[:n], plain)) {
				t.Errorf("%s cut at %d, as a block: no error", name, i)
			}
			bad := bytes.Clone(src)
			bad[i] ^= 0x10
			_, _, _ = readLZMA(z, bad, 64, nil)
			_, _ = d.LZMA(dst, bad)
		}
	}
}

// seal makes the checksum of the block header match again.
func seal(z []byte) {
	h := z[12:]
	size := (int(h[0]) + 1) * 4
	binary.LittleEndian.PutUint32(h[size-4:], crc32.ChecksumIEEE(h[:size-4]))
}

func TestWindowLimit(t *testing.T) {
	src := xzTool(t, []byte("hello"), "--lzma2=dict=1MiB") // flags at 13, then 21 01 and the window
	for _, c := range []struct {
		props byte
		want  int64
	}{{16, 0}, {17, 1536 << 10}, {30, 128 << 20}, {40, 1<<32 - 1}} {
		src[16] = c.props
		seal(src)
		x := &XZReader{}
		x.Reset(bufio.NewReader(bytes.NewReader(src)), 1<<20)
		got, err := io.ReadAll(x)
		var refused *WindowError
		if errors.As(err, &refused) != (c.want > 0) || refused != nil && (refused.Asked != c.want || refused.Most != 1<<20) {
			t.Errorf("%d: %q, %v", c.props, got, err)
		}
		if refused != nil && x.out != nil {
			t.Error("memory was taken all the same")
		}
	}
	src[16] = 41
	seal(src)
	if _, _, err := readXZ(&XZReader{}, src, 100, nil); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a window of no known size: %v", err)
	}
	alone := xzTool(t, []byte("hello"), "--format=lzma", "--lzma1=dict=1MiB")
	z := &Reader{}
	if err := z.ResetFile(bufio.NewReader(bytes.NewReader(alone)), 1<<20-1); !errors.As(err, new(*WindowError)) || z.out != nil {
		t.Errorf("lzma: %v", err)
	}
	if _, err := z.Read(make([]byte, 1)); err == nil {
		t.Error("a reader that was refused can be read")
	}
}

// TestWindowGrows: a stream pays for what it holds.
func TestWindowGrows(t *testing.T) {
	x := &XZReader{}
	x.Reset(bufio.NewReader(bytes.NewReader(xzTool(t, prose(1, 100_000), "--lzma2=dict=64MiB"))), 1<<27)
	if _, err := io.ReadAll(x); err != nil || cap(x.out) > 200_000 {
		t.Errorf("a window of %d bytes, %v", cap(x.out), err)
	}
}

func TestUnsupported(t *testing.T) {
	plain := prose(1, 100)
	reseal := func(z []byte, at int, b byte) []byte {
		z = bytes.Clone(z)
		z[at] = b
		binary.LittleEndian.PutUint32(z[8:], crc32.ChecksumIEEE(z[6:8]))
		seal(z)
		return z
	}
	arm := xzTool(t, plain, "--arm64", "--lzma2") // flags at 13, then 0a 00 21 01 and the window
	start := xzTool(t, plain, "--arm64=start=4096", "--lzma2")
	for name, src := range map[string][]byte{
		"a filter (RISC-V)": reseal(arm, 14, 11), "no LZMA2": reseal(arm, 16, 10), "LZMA2 twice": reseal(arm, 14, filterLZMA2),
		"a check": reseal(arm, 7, 2), "stream flags": reseal(arm, 6, 1), "block flags": reseal(arm, 13, arm[13]|4), "an odd start": reseal(start, 16, 2),
	} {
		if got, _, err := readXZ(&XZReader{}, src, 100, nil); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	dst := make([]byte, 100)
	if n, err := (&Decoder{}).XZ(dst, reseal(reseal(arm, 7, 2), 6, 0)); err == nil { // the check is longer than that
		t.Errorf("a block with another check: %d bytes", n)
	}
	alone := xzTool(t, plain, "--format=lzma")
	alone[0] = 4*9 + 4 // lc 4, lp 4
	if _, _, err := readLZMA(&Reader{}, alone, 100, nil); !errors.Is(err, ErrUnsupported) {
		t.Errorf("lzma: %v", err)
	}
}

// TestIndex: what the index and the footer say is compared, even if their own checksums match.
func TestIndex(t *testing.T) {
	src := xzTool(t, prose(1, 300), "--check=none", "--block-size=100")
	footer := len(src) - 12
	size := int(binary.LittleEndian.Uint32(src[footer+4:])+1) * 4
	ix := footer - size
	change := func(f func(ix, footer []byte)) []byte {
		z := bytes.Clone(src)
		f(z[ix:footer], z[footer:])
		binary.LittleEndian.PutUint32(z[footer-4:], crc32.ChecksumIEEE(z[ix:footer-4]))
		binary.LittleEndian.PutUint32(z[footer:], crc32.ChecksumIEEE(z[footer+4:footer+10]))
		return z
	}
	for _, c := range []struct {
		want string
		src  []byte
	}{
		{"", change(func(_, _ []byte) {})},
		{"number of blocks", change(func(ix, _ []byte) { ix[1]++ })},
		{"does not match", change(func(ix, _ []byte) { ix[2]++ })},
		{"does not match", change(func(ix, _ []byte) { ix[3]++ })},
		{"does not match", change(func(ix, _ []byte) { ix[3]--; ix[5]++ })},
		{"size of the index", change(func(_, f []byte) { f[4]++ })},
		{"differ", change(func(_, f []byte) { f[9] = 1 })},
		{"footer", change(func(_, f []byte) { f[10]++ })},
	} {
		for way, err := range map[string]error{"stream": third(readXZ(&XZReader{}, c.src, 100, nil)), "block": second((&Decoder{}).XZ(make([]byte, 300), c.src))} {
			if (err == nil) != (c.want == "") || err != nil && (!errors.Is(err, errXZ) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s: want %q, got %v", way, c.want, err)
			}
		}
	}
}

func second(_ int, err error) error      { return err }
func third(_, _ []byte, err error) error { return err }

// TestReaderErrors: an error of what is read from comes through as it is.
func TestReaderErrors(t *testing.T) {
	broken := errors.New("broken")
	src := xzTool(t, prose(1, 100_000))
	alone := xzTool(t, prose(1, 100_000), "--format=lzma")
	for _, at := range []int{0, 5, 12, 20, 1000, 20_000} {
		x := &XZReader{}
		x.Reset(bufio.NewReader(io.MultiReader(bytes.NewReader(src[:at]), failing{broken})), 1<<27)
		if _, err := io.ReadAll(x); err != broken {
			t.Errorf("xz at %d: %v", at, err)
		}
		z := &Reader{}
		err := z.ResetFile(bufio.NewReader(io.MultiReader(bytes.NewReader(alone[:at]), failing{broken})), 1<<27)
		if err == nil {
			_, err = io.ReadAll(z)
		}
		if err != broken {
			t.Errorf("lzma at %d: %v", at, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
