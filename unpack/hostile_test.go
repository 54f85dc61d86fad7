package unpack

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/tree"
)

type inTar struct {
	name    string
	content []byte
}

func makeTar(t testing.TB, members ...inTar) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		if err := w.WriteHeader(&tar.Header{Name: m.name, Size: int64(len(m.content)), Mode: 0o644, Format: tar.FormatPAX}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func makeZip(t testing.TB, method uint16, members ...inTar) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, m := range members {
		f, err := w.CreateHeader(&zip.FileHeader{Name: m.name, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(m.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func makeGzip(t testing.TB, b []byte, level int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// The class of 42.zip: 16 archives in each archive, and zeros without end in the last.
func TestNestedBomb(t *testing.T) {
	b := makeZip(t, zip.Deflate, inTar{"zeros", make([]byte, 64<<20)})
	for range 4 {
		var all []inTar
		for i := range 16 {
			all = append(all, inTar{fmt.Sprintf("%02d.zip", i), b})
		}
		b = makeZip(t, zip.Deflate, all...)
	}
	start, most := time.Now(), int64(1<<30)
	if raceDetector {
		most >>= 3 // the whole of it runs without the detector, see the Makefile
	}
	tr := walkBytes(t, b, Config{Budget: Budget{Bytes: most}})
	wantUnseen(t, tr, "a", "budget")
	if d := time.Since(start); d > 30*time.Second && !raceDetector {
		t.Errorf("it took %v", d)
	}
}

// rawZip writes an archive by hand, so that it can be wrong. Entries with the same local offset overlap.
type rawZip struct {
	bytes.Buffer
	central bytes.Buffer
	n       int
}

func (z *rawZip) local(name string, content []byte) int {
	at := z.Len()
	le := binary.LittleEndian
	h := make([]byte, zipLocalLen)
	le.PutUint32(h, zipLocal)
	le.PutUint16(h[4:], 20)
	le.PutUint32(h[14:], crc32.ChecksumIEEE(content))
	le.PutUint32(h[18:], uint32(len(content)))
	le.PutUint32(h[22:], uint32(len(content)))
	le.PutUint16(h[26:], uint16(len(name)))
	z.Write(h)
	z.WriteString(name)
	z.Write(content)
	return at
}

func (z *rawZip) entry(name string, content []byte, at int) {
	le := binary.LittleEndian
	h := make([]byte, zipCentralLen)
	le.PutUint32(h, zipCentral)
	le.PutUint32(h[16:], crc32.ChecksumIEEE(content))
	le.PutUint32(h[20:], uint32(len(content)))
	le.PutUint32(h[24:], uint32(len(content)))
	le.PutUint16(h[28:], uint16(len(name)))
	le.PutUint32(h[42:], uint32(at))
	z.central.Write(h)
	z.central.WriteString(name)
	z.n++
}

func (z *rawZip) end() []byte {
	le := binary.LittleEndian
	e := make([]byte, zipEndLen)
	le.PutUint32(e, zipEnd)
	le.PutUint16(e[8:], uint16(z.n))
	le.PutUint16(e[10:], uint16(z.n))
	le.PutUint32(e[12:], uint32(z.central.Len()))
	le.PutUint32(e[16:], uint32(z.Len()))
	z.Write(z.central.Bytes())
	z.Write(e)
	return z.Bytes()
}

func TestZipOverlaps(t *testing.T) {
	var z rawZip
	shared := bytes.Repeat([]byte("shared "), 1000)
	at := z.local("f", shared)
	for range 1000 {
		z.entry("f", shared, at)
	}
	good := z.local("good", []byte("good"))
	z.entry("good", []byte("good"), good)
	tr := walkBytes(t, z.end(), Config{})
	if n := tr.Nodes[nodeAt(t, tr, "a!/good")]; !n.Known {
		t.Errorf("the sound entry: %+v", n)
	}
	wantUnseen(t, tr, "a!/f", "damaged")
	wantUnseen(t, tr, "a!/f;1000", "damaged")
	if a := tr.Nodes[0].Account; a.Unobserved < int64(len(shared)) || a.Nodes != 4 {
		t.Errorf("account %+v", *a)
	}
}

func TestZipThatLies(t *testing.T) {
	t.Run("names", func(t *testing.T) {
		var z rawZip
		z.entry("central", []byte("x"), z.local("outside", []byte("x")))
		tr := walkBytes(t, z.end(), Config{})
		wantUnseen(t, tr, "a", "damaged")
		if n := tr.Nodes[nodeAt(t, tr, "a!/central")]; !n.Known {
			t.Errorf("the content: %+v", n)
		}
	})
	t.Run("gap", func(t *testing.T) {
		var z rawZip
		z.entry("one", []byte("x"), z.local("one", []byte("x")))
		at := z.Len()
		z.WriteString("nobody knows what stands here")
		z.entry("two", []byte("y"), z.local("two", []byte("y")))
		tr := walkBytes(t, z.end(), Config{})
		if len(tr.Unobserved) != 1 || tr.Unobserved[0].Offset != int64(at) || tr.Unobserved[0].Length != 29 {
			t.Errorf("%q", unseen(tr))
		}
	})
	t.Run("not-listed", func(t *testing.T) {
		var z rawZip
		z.entry("one", []byte("x"), z.local("one", []byte("x")))
		z.local("hidden", []byte("what no directory lists"))
		wantUnseen(t, walkBytes(t, z.end(), Config{}), "a", "unaccounted")
	})
	t.Run("no-local-header", func(t *testing.T) {
		var z rawZip
		z.local("one", []byte("x"))
		z.entry("one", []byte("x"), 3)
		wantUnseen(t, walkBytes(t, z.end(), Config{}), "a!/one", "damaged")
	})
	t.Run("beyond", func(t *testing.T) {
		var z rawZip
		z.local("one", []byte("x"))
		z.entry("one", make([]byte, 1000), 0)
		wantUnseen(t, walkBytes(t, z.end(), Config{}), "a!/one", "damaged")
	})
	t.Run("checksum", func(t *testing.T) {
		b := makeZip(t, zip.Store, inTar{"one", []byte("content")})
		b[bytes.Index(b, []byte("content"))]++
		wantUnseen(t, walkBytes(t, b, Config{}), "a!/one", "damaged")
	})
	t.Run("comment", func(t *testing.T) {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		_ = w.SetComment("a comment with PK\x05\x06 in it")
		_ = w.Close()
		wantNothingUnseen(t, walkBytes(t, b.Bytes(), Config{}))
	})
	t.Run("behind", func(t *testing.T) {
		b := append(makeZip(t, zip.Deflate, inTar{"one", []byte("content")}), "behind"...)
		tr := walkBytes(t, b, Config{})
		nodeAt(t, tr, "a!/one")
		wantUnseen(t, tr, "a", "unaccounted")
	})
	t.Run("inside-deflate", func(t *testing.T) {
		stream := append(deflated(t, []byte("content")), "hidden behind the stream"...)
		var z rawZip
		at := z.local("one", stream)
		b := z.Bytes()
		binary.LittleEndian.PutUint16(b[at+8:], zipDeflate)
		binary.LittleEndian.PutUint32(b[at+14:], crc32.ChecksumIEEE([]byte("content")))
		binary.LittleEndian.PutUint32(b[at+22:], 7)
		z.entry("one", stream, at)
		c := z.central.Bytes()
		binary.LittleEndian.PutUint16(c[10:], zipDeflate)
		binary.LittleEndian.PutUint32(c[16:], crc32.ChecksumIEEE([]byte("content")))
		binary.LittleEndian.PutUint32(c[24:], 7)
		tr := walkBytes(t, z.end(), Config{})
		if n := tr.Nodes[nodeAt(t, tr, "a!/one")]; !n.Known || n.Size != 7 {
			t.Errorf("%+v", n)
		}
		if a := tr.Nodes[0].Account; a.Unobserved != 24 {
			t.Errorf("account %+v, %q", *a, unseen(tr))
		}
	})
	t.Run("truncated", func(t *testing.T) {
		b := makeZip(t, zip.Deflate, inTar{"one", noise(1, 5000)})
		wantUnseen(t, walkBytes(t, b[:4000], Config{}), "a", "truncated")
	})
}

func deflated(t testing.TB, b []byte) []byte {
	z := makeGzip(t, b, gzip.BestCompression)
	return z[10 : len(z)-8]
}

const deep = 10_000

// storedGzip is a gzip member that compresses nothing.
func storedGzip(b []byte) []byte {
	le := binary.LittleEndian
	out := append(make([]byte, 0, len(b)+64), 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3)
	for rest := b; ; {
		n := min(len(rest), 1<<16-1)
		last := byte(0)
		if n == len(rest) {
			last = 1
		}
		out = le.AppendUint16(append(out, last), uint16(n))
		out = append(le.AppendUint16(out, ^uint16(n)), rest[:n]...)
		if rest = rest[n:]; last == 1 {
			break
		}
	}
	return le.AppendUint32(le.AppendUint32(out, crc32.ChecksumIEEE(b)), uint32(len(b)))
}

func TestNesting(t *testing.T) {
	t.Run("gzip", func(t *testing.T) {
		b := []byte("the innermost")
		for range deep {
			b = storedGzip(b)
		}
		tr := walkBytes(t, b, Config{})
		wantUnseen(t, tr, "a", "budget")
		if n := len(tr.Nodes[0].Decoded); n != DefaultDepth {
			t.Errorf("%d streams", n)
		}
	})
	t.Run("tar", func(t *testing.T) {
		sizes := []int{512}
		for range deep {
			sizes = append(sizes, 512+sizes[len(sizes)-1]+1024)
		}
		var b bytes.Buffer
		for i := len(sizes) - 2; i >= 0; i-- {
			w := tar.NewWriter(&b)
			if err := w.WriteHeader(&tar.Header{Name: "t", Size: int64(sizes[i]), Mode: 0o644}); err != nil {
				t.Fatal(err)
			}
		}
		b.Write(make([]byte, 512+1024*deep))
		tr := walkBytes(t, b.Bytes(), Config{})
		wantUnseen(t, tr, "a"+strings.Repeat("!/t", DefaultDepth), "budget")
	})
	t.Run("zip", func(t *testing.T) {
		b := []byte("the innermost")
		for range deep {
			var z rawZip
			z.entry("z", b, z.local("z", b))
			b = z.end()
		}
		tr := walkBytes(t, b, Config{})
		wantUnseen(t, tr, "a"+strings.Repeat("!/z", DefaultDepth), "budget")
	})
}

// A quine holds itself. This format decodes to what it was decoded from, which is what one looks like from outside.
func TestQuine(t *testing.T) {
	const magic = "quine: what it holds is itself"
	decode := Format{
		Name: "quine", Sniff: func(h []byte) bool { return strings.HasPrefix(string(h), magic) },
		Decode: func(r *bufio.Reader) (io.Reader, error) {
			b, err := io.ReadAll(r)
			return bytes.NewReader(b), err
		},
	}
	open := decode
	open.Decode = nil
	open.Open = func(ctx context.Context, r io.ReaderAt, size int64, to *Container) error {
		to.Claim(0, size, InNode)
		for _, n := range []string{"left", "right"} {
			to.Later(ctx, Entry{Parent: Root, Name: n, Size: size}, func(_ context.Context, w io.Writer) error {
				_, err := io.Copy(w, io.NewSectionReader(r, 0, size))
				return err
			})
		}
		return nil
	}
	tr := walkBytes(t, []byte(magic), Config{Formats: []Format{decode}})
	wantUnseen(t, tr, "a", "budget")
	b := Budget{Entries: 5000}
	var first string
	for _, workers := range []int{1, 2, 64} {
		tr := walkBytes(t, []byte(magic), Config{Formats: []Format{open}, Workers: workers, Budget: b})
		if int64(len(tr.Nodes)) > b.Entries {
			t.Errorf("%d nodes", len(tr.Nodes))
		}
		if w := whole(t, tr); first == "" {
			first = w
		} else if w != first {
			t.Errorf("%d workers give another tree", workers)
		}
	}
}

func TestEmpty(t *testing.T) {
	tr := walkBytes(t, nil, Config{})
	wantOnly(t, tr, "a truncated 0+-1 *")
	if n := tr.Nodes[0]; !n.Known || n.Size != 0 {
		t.Errorf("%+v", n)
	}
	wantOnly(t, walkBytes(t, makeGzip(t, nil, 6), Config{}), "a truncated 0+-1 *")
	tr = walkPath(t, t.TempDir(), Config{})
	if len(tr.Nodes) != 1 {
		t.Errorf("an empty directory: %s", addresses(tr))
	}
}

func TestNamesThatClimb(t *testing.T) {
	b := makeTar(
		t, inTar{"../../etc/passwd", nil}, inTar{"/abs", nil}, inTar{"a/../b", nil}, inTar{"./c/./d//e", nil}, inTar{"..", nil},
		inTar{"a!/b", nil}, inTar{"@0x0.tar", nil}, inTar{"x;2", nil}, inTar{"x", nil}, inTar{"x", []byte("again")},
	)
	want := strings.Join([]string{
		"a", "a!/%2E%2E", "a!/%2E%2E/%2E%2E", "a!/%2E%2E/%2E%2E/etc", "a!/%2E%2E/%2E%2E/etc/passwd", "a!/%2E%2E;2", "a!/%400x0.tar", "a!/a", "a!/a%21", "a!/a%21/b",
		"a!/a/%2E%2E", "a!/a/%2E%2E/b", "a!/abs", "a!/c", "a!/c/d", "a!/c/d/e", "a!/x", "a!/x%3B2", "a!/x;2", "",
	}, "\n")
	tr := walkBytes(t, b, Config{})
	got := strings.Split(addresses(tr), "\n")
	if len(got) != strings.Count(want, "\n")+1 {
		t.Errorf("got\n%s", addresses(tr))
	}
	for _, w := range strings.Split(want, "\n")[:19] {
		nodeAt(t, tr, w)
	}
	if n := tr.Nodes[nodeAt(t, tr, "a!/x")]; !n.Shadowed || n.Latest != nodeAt(t, tr, "a!/x;2") {
		t.Errorf("the first of two: %+v", n)
	}
	tr = walkBytes(t, makeTar(t, inTar{strings.Repeat("p/", 2050) + "x", []byte("kept from sight")}), Config{})
	wantUnseen(t, tr, "a", "budget")
}

func TestSameNameManyTimes(t *testing.T) {
	var all []inTar
	for range 100_000 {
		all = append(all, inTar{"dir/same", nil})
	}
	start := time.Now()
	tr := walkBytes(t, makeTar(t, all...), Config{})
	nodeAt(t, tr, "a!/dir/same;100000")
	if d := time.Since(start); d > 20*time.Second && !raceDetector {
		t.Errorf("it took %v", d)
	}
}

// Many links to a file with many faults must not multiply.
func TestManyLinksToManyFaults(t *testing.T) {
	var z rawZip
	for range 3000 {
		z.entry("f", []byte("x"), z.local("g", []byte("x")))
		z.WriteString("gap")
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	content := z.end()
	_ = w.WriteHeader(&tar.Header{Name: "z", Size: int64(len(content)), Mode: 0o644})
	_, _ = w.Write(content)
	for i := range 3000 {
		_ = w.WriteHeader(&tar.Header{Name: fmt.Sprint(i), Typeflag: tar.TypeLink, Linkname: "z"})
	}
	_ = w.Close()
	tr := walkBytes(t, b.Bytes(), Config{})
	wantUnseen(t, tr, "a!/2999", "link")
	if n := len(tr.Unobserved); n > 12_000 {
		t.Errorf("%d unobserved", n)
	}
}

func TestLinks(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Name: "d/file", Size: 3, Mode: 0o644})
	_, _ = w.Write([]byte("abc"))
	_ = w.WriteHeader(&tar.Header{Name: "sym", Typeflag: tar.TypeSymlink, Linkname: "d/file"})
	_ = w.WriteHeader(&tar.Header{Name: "l1", Typeflag: tar.TypeLink, Linkname: "./d/file"})
	_ = w.WriteHeader(&tar.Header{Name: "l2", Typeflag: tar.TypeLink, Linkname: "l1"})
	_ = w.WriteHeader(&tar.Header{Name: "lsym", Typeflag: tar.TypeLink, Linkname: "sym"})
	_ = w.WriteHeader(&tar.Header{Name: "nowhere", Typeflag: tar.TypeLink, Linkname: "not/there"})
	_ = w.WriteHeader(&tar.Header{Name: "self", Typeflag: tar.TypeLink, Linkname: "self"})
	_ = w.Close()
	tr := walkBytes(t, b.Bytes(), Config{})
	for _, l := range []string{"a!/l1", "a!/l2"} {
		if n := tr.Nodes[nodeAt(t, tr, l)]; !n.Known || n.Size != 3 || n.Hardlink == "" {
			t.Errorf("%s: %+v", l, n)
		}
	}
	if n := tr.Nodes[nodeAt(t, tr, "a!/lsym")]; n.Type != tree.Symlink || n.Link != "d/file" {
		t.Errorf("a link to a symbolic link: %+v", n)
	}
	wantUnseen(t, tr, "a!/nowhere", "link")
	wantUnseen(t, tr, "a!/self", "link")
}

func TestTarHidden(t *testing.T) {
	b := makeTar(t, inTar{"x", []byte("abc")}, inTar{"y", []byte("def")})
	i := bytes.Index(b, []byte("abc"))
	copy(b[i+100:], "hidden")
	tr := walkBytes(t, b, Config{})
	if a := tr.Nodes[0].Account; a.Unobserved != 6 {
		t.Errorf("account %+v: %q", *a, unseen(tr))
	}
	tr = walkBytes(t, append(makeTar(t, inTar{"x", nil}), "behind the end"...), Config{})
	wantUnseen(t, tr, "a", "unaccounted")
}

func TestArtifactThatIsNone(t *testing.T) {
	dir := t.TempDir()
	for _, p := range []string{filepath.Join(dir, "missing"), "/dev/null"} {
		if _, err := Walk(t.Context(), []Artifact{{"a", p}}, Config{}); err == nil || !strings.Contains(err.Error(), "opening the artifact") {
			t.Errorf("%s: %v", p, err)
		}
	}
	fifo := filepath.Join(dir, "fifo")
	command(t, dir, nil, "mkfifo", fifo)
	if _, err := Walk(t.Context(), []Artifact{{"a", fifo}}, Config{}); err == nil {
		t.Error("a FIFO was walked")
	}
	if _, err := os.Stat(fifo); err != nil {
		t.Error(err)
	}
}
