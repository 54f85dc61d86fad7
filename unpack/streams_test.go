package unpack

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/probat-lab/probat/tree"
)

// mixed returns n bytes of which a compressor can make something, and machine code for the filters.
func mixed(seed uint64, n int) []byte {
	r := noise(seed, n)
	for i := 64; i < n; i++ {
		if i%4096 < 3000 {
			r[i] = r[i-1-int(r[i]&31)]
		}
	}
	for i := 0; i+5 < n; i += 97 {
		r[i] = 0xe8 // a call, for the x86 filter
	}
	return r
}

// encoders are the tools that make streams, with the settings that change the format.
var encoders = []struct {
	format string
	tool   []string
}{
	{"gzip", []string{"gzip", "-c"}},
	{"gzip", []string{"gzip", "-1", "-c"}},
	{"bzip2", []string{"bzip2", "-c"}},
	{"bzip2", []string{"bzip2", "-1", "-c"}},
	{"xz", []string{"xz", "-c"}},
	{"xz", []string{"xz", "-0", "-T2", "--block-size=100000", "-c"}},
	{"xz", []string{"xz", "--check=none", "-c"}},
	{"xz", []string{"xz", "--check=crc32", "--x86", "--lzma2=preset=1", "-c"}},
	{"xz", []string{"xz", "--check=sha256", "--delta=dist=4", "--lzma2=lc=0,lp=2,pb=1", "-c"}},
	{"zstd", []string{"zstd", "-c"}},
	{"zstd", []string{"zstd", "-19", "--no-check", "-c"}},
	{"zstd", []string{"zstd", "--long=27", "-c"}},
	{"zstd", []string{"zstd", "-T2", "-B524288", "-c"}},
	{"lz4", []string{"lz4", "-c"}},
	{"lz4", []string{"lz4", "-c", "-B4", "-BD"}},
	{"lz4", []string{"lz4", "-c", "-B6", "-BX", "--content-size"}},
	{"lz4", []string{"lz4", "-c", "--no-frame-crc", "-9"}},
	{"lz4", []string{"lz4", "-c", "-l"}},
	{"lzma", []string{"xz", "--format=lzma", "-c"}},
	{"lzma", []string{"xz", "--format=lzma", "--lzma1=lc=1,lp=3,pb=0,dict=64KiB", "-c"}},
}

func innermost(t testing.TB, tr *tree.Tree, want []byte) {
	t.Helper()
	d, size, known := tr.Nodes[0].Innermost()
	if !known || size != int64(len(want)) || d != tree.Digest(sha256.Sum256(want)) {
		t.Errorf("got %d bytes (known %v) %v, want %d", size, known, d, len(want))
	}
}

func TestStreams(t *testing.T) {
	for _, e := range encoders {
		t.Run(fmt.Sprint(e.tool), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			pack := func(b []byte) []byte { return command(t, dir, b, e.tool[0], e.tool[1:]...) }
			for _, n := range []int{0, 1, 300, 70_000, 2_500_000} {
				plain := mixed(uint64(n), n)
				if n == 300 {
					plain = bytes.Repeat([]byte("text "), 60)
				}
				z := pack(plain)
				tr := walkBytes(t, z, Config{})
				if tr.Nodes[0].Format != e.format {
					t.Fatalf("%d bytes are recognised as %q", n, tr.Nodes[0].Format)
				}
				innermost(t, tr, plain)
				switch {
				case n == 0:
					wantOnly(t, tr, "a truncated 0+-1 *")
				case known(plain[:min(n, sniffLen)]) != "":
					wantOnly(t, tr)
				default:
					wantOnly(t, tr, fmt.Sprintf("a unknown-format 0+%d *", n))
				}
				if n == 300 || n == 70_000 {
					followed(t, e.format, z, plain)
					cutOff(t, z, plain)
				}
			}
		})
	}
}

// followed checks what stands behind a stream: zeros are padding, garbage is unobserved to the byte, further streams are decoded.
func followed(t *testing.T, format string, z, plain []byte) {
	t.Helper()
	for _, n := range []int{1, 3, 4, 9, 4096, 200_000} {
		tr := walkBytes(t, append(bytes.Clone(z), make([]byte, n)...), Config{})
		innermost(t, tr, plain)
		for _, u := range tr.Unobserved {
			if u.Reason == "unaccounted" {
				t.Errorf("%d zeros: %q", n, unseen(tr))
			}
		}
		junk := noise(7, n)
		junk[0] = 'x'
		tr = walkBytes(t, append(bytes.Clone(z), junk...), Config{})
		if format == "lz4" && n > 8 && binary.LittleEndian.Uint32(z) == lz4Legacy && binary.LittleEndian.Uint32(junk) < lz4Bound {
			continue // legacy blocks have no end
		}
		innermost(t, tr, plain)
		found := false
		for _, u := range tr.Unobserved {
			found = found || u.Reason == "unaccounted" && u.Offset == int64(len(z)) && u.Length == int64(n)
		}
		if !found {
			t.Errorf("%d bytes of garbage behind %d: %q", n, len(z), unseen(tr))
		}
	}
	if format == "lzma" {
		return // one stream
	}
	innermost(t, walkBytes(t, append(bytes.Clone(z), z...), Config{}), append(bytes.Clone(plain), plain...))
}

// cutOff checks that a stream that is cut off is never taken for a whole one, and what was decoded is part of it.
func cutOff(t *testing.T, z, plain []byte) {
	t.Helper()
	for _, n := range []int{len(z) - 1, len(z) - 2, len(z) - 5, len(z) - 9, len(z) / 2, len(z) / 3, 20} {
		tr := walkBytes(t, z[:n], Config{})
		if d, size, known := tr.Nodes[0].Innermost(); known && len(tr.Nodes[0].Decoded) > 0 && len(tr.Unobserved) == 0 {
			t.Errorf("cut to %d of %d bytes: %d bytes of %d, digest %v, nothing unobserved", n, len(z), size, len(plain), d)
		}
	}
	for i := 20; i < len(z); i += len(z)/20 + 1 {
		b := bytes.Clone(z)
		b[i] ^= 0x10
		walkBytes(t, b, Config{})
	}
}

func TestXzBetweenStreams(t *testing.T) {
	z := command(t, "", []byte("hello"), "xz", "-c")
	for _, pad := range []int{0, 4, 8, 1024} {
		b := append(append(bytes.Clone(z), make([]byte, pad)...), z...)
		tr := walkBytes(t, b, Config{})
		innermost(t, tr, []byte("hellohello"))
		wantNothingUnseen(t, tr)
	}
	tr := walkBytes(t, append(append(bytes.Clone(z), make([]byte, 5)...), z...), Config{}) // no padding is five bytes
	innermost(t, tr, []byte("hello"))
	wantUnseen(t, tr, "a", "unaccounted")
}

// setXzWindow writes another window into the header of the first block.
func setXzWindow(z []byte, props byte) []byte {
	z = bytes.Clone(z)
	h := z[12:]
	size := (int(h[0]) + 1) * 4
	at := bytes.Index(h[:size], []byte{0x21, 1}) // LZMA2 and its property
	h[at+2] = props
	binary.LittleEndian.PutUint32(h[size-4:], crc32.ChecksumIEEE(h[:size-4]))
	return z
}

func TestWindows(t *testing.T) {
	z := command(t, "", []byte("hello"), "xz", "-c")
	innermost(t, walkBytes(t, setXzWindow(z, 30), Config{}), []byte("hello")) // 128 MiB
	for _, props := range []byte{31, 39, 40} {                                // 192 MiB to 4 GiB
		wantUnseen(t, walkBytes(t, setXzWindow(z, props), Config{}), "a", "budget")
	}
	lzma := command(t, "", []byte("hello hello hello"), "xz", "--format=lzma", "-c")
	innermost(t, walkBytes(t, lzma, Config{}), []byte("hello hello hello"))
	binary.LittleEndian.PutUint32(lzma[1:], 1<<31)
	wantUnseen(t, walkBytes(t, lzma, Config{}), "a", "budget")
	zs := command(t, "", mixed(1, 100_000), "zstd", "--ultra", "--long=30", "-c")
	wantUnseen(t, walkBytes(t, zs, Config{}), "a", "budget")
}

// Windows inside each other get less and less, so that memory stays bounded.
func TestWindowsInsideEachOther(t *testing.T) {
	z := command(t, "", mixed(1, 100_000), "zstd", "--long=27", "-c")
	level := func(n int) []byte {
		b := z
		for range n {
			b = command(t, "", b, "zstd", "-1", "-c")
		}
		return b
	}
	innermost(t, walkBytes(t, level(0), Config{}), mixed(1, 100_000))
	wantUnseen(t, walkBytes(t, level(1), Config{}), "a", "budget")
}

func TestUnsupportedStreams(t *testing.T) {
	dir := t.TempDir()
	dict := filepath.Join(dir, "dict")
	var samples []string
	for i := range 200 {
		p := filepath.Join(dir, fmt.Sprint(i))
		samples = append(samples, p)
		if err := os.WriteFile(p, fmt.Appendf(nil, "sample %d of text that has much in common %d %d", i, i*i, i*7), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command(t, dir, nil, "zstd", append([]string{"-q", "--train", "--maxdict=1000", "-o", dict}, samples...)...)
	z := command(t, dir, []byte("sample 9 of text that has much in common"), "zstd", "-c", "-D", dict)
	wantUnseen(t, walkBytes(t, z, Config{}), "a", "unsupported")
	arm := command(t, dir, mixed(1, 5000), "xz", "--arm64", "--lzma2", "-c")
	innermost(t, walkBytes(t, arm, Config{}), mixed(1, 5000))
	arm[14] = 11 // the filter for RISC-V
	size := (int(arm[12]) + 1) * 4
	binary.LittleEndian.PutUint32(arm[12+size-4:], crc32.ChecksumIEEE(arm[12:12+size-4]))
	wantUnseen(t, walkBytes(t, arm, Config{}), "a", "unsupported")
}

func TestSkippableFrames(t *testing.T) {
	skip := func(b []byte) []byte {
		f := binary.LittleEndian.AppendUint32(nil, skippableMagic+3)
		return append(binary.LittleEndian.AppendUint32(f, uint32(len(b))), b...)
	}
	for _, tool := range []string{"zstd", "lz4"} {
		z := command(t, "", []byte("hello"), tool, "-c")
		tr := walkBytes(t, bytes.Join([][]byte{skip([]byte("size")), z, skip([]byte("0123456789")), z, skip(nil)}, nil), Config{})
		innermost(t, tr, []byte("hellohello"))
		if len(tr.Unobserved) != 1 || tr.Unobserved[0].Length != 10 {
			t.Errorf("%s: %q", tool, unseen(tr))
		}
	}
}

// What Linux keeps of its kernel with lz4 has its size behind the last block.
func TestLz4KernelSize(t *testing.T) {
	z := command(t, "", mixed(3, 9_000_000), "lz4", "-l", "-c")
	for _, size := range []uint32{30_000_000, 5} {
		tr := walkBytes(t, binary.LittleEndian.AppendUint32(bytes.Clone(z), size), Config{})
		innermost(t, tr, mixed(3, 9_000_000))
		wantUnseen(t, tr, "a", "unaccounted")
	}
}

func TestXXH32(t *testing.T) {
	// The values that xxhsum -H32 gives.
	for in, want := range map[string]uint32{"": 0x02cc5d05, "a": 0x550d7456, "abc": 0x32d153ff, "Nobody inspects the spammish repetition": 0xe2293b2f} {
		if got := sumXXH32([]byte(in)); got != want {
			t.Errorf("XXH32 of %q is %08x, want %08x", in, got, want)
		}
	}
	x, b := newXXH32(), noise(1, 1000)
	for i := 0; i < len(b); i += 7 {
		x.write(b[i:min(i+7, len(b))])
	}
	if x.sum() != sumXXH32(b) {
		t.Error("the sum depends on how the bytes come in")
	}
}
