package lzma

import (
	"bufio"
	"bytes"
	"io"
	"testing"
)

// FuzzXZ: whatever a block gives, a stream gives too.
func FuzzXZ(f *testing.F) {
	for _, src := range smallXZ(f) {
		f.Add(src)
	}
	for _, o := range options[12:] {
		f.Add(xzTool(f, branchy(2000), o...))
	}
	d, x := &Decoder{}, &XZReader{}
	dst := make([]byte, 1<<16)
	f.Fuzz(func(t *testing.T, src []byte) {
		n, err := d.XZ(dst, src)
		if n < 0 || n > len(dst) {
			t.Fatalf("%d bytes inside", n)
		}
		x.Reset(bufio.NewReaderSize(bytes.NewReader(src), 100), 1<<16)
		got, streamed := io.ReadAll(io.LimitReader(x, 1<<20))
		if err == nil && streamed == nil && !bytes.HasPrefix(got, dst[:n]) {
			t.Error("block and stream differ")
		}
		if cap(x.out) > 1<<16 {
			t.Errorf("a window of %d bytes", cap(x.out))
		}
	})
}

// FuzzChunks puts a sound container, without a check, around whatever it gets: block and stream decode it alike.
func FuzzChunks(f *testing.F) {
	const head = 12 + 12
	var container []byte
	for i, plain := range [][]byte{prose(1, 3000), branchy(500), randomBytes(1, 200), bytes.Repeat([]byte("abc"), 30_000)} {
		src := xzTool(f, plain, "--check=none", "--lzma2=dict=64KiB,lc=1,lp=1")
		container = src[:head]
		f.Add(src[head:])
		if i == 0 {
			f.Add(append(bytes.Clone(src[head:len(src)-40]), src[head:]...))
		}
	}
	d, x := &Decoder{}, &XZReader{}
	dst := make([]byte, 1<<16)
	f.Fuzz(func(t *testing.T, chunks []byte) {
		src := append(append(bytes.Clone(container), chunks...), make([]byte, maxPacked)...) // of a chunk that is cut off a stream gives more
		_, err := d.XZ(dst, src)
		x.Reset(bufio.NewReaderSize(bytes.NewReader(src), 100), 1<<16)
		got, streamed := io.ReadAll(io.LimitReader(x, 1<<20))
		if err == ErrTooLong || streamed == io.ErrUnexpectedEOF || len(got) > len(dst) {
			return
		}
		if (err == nil) != (streamed == nil) || !bytes.HasPrefix(dst, got) {
			t.Errorf("stream: %d bytes, %v; block: %v", len(got), streamed, err)
		}
	})
}

func FuzzLZMA(f *testing.F) {
	for _, plain := range [][]byte{prose(1, 3000), branchy(500), randomBytes(1, 200), nil} {
		src := xzTool(f, plain, "--format=lzma", "--lzma1=dict=4KiB")
		f.Add(src)
		f.Add(setSize(src, len(plain)))
	}
	d, z := &Decoder{}, &Reader{}
	dst := make([]byte, 1<<16)
	f.Fuzz(func(t *testing.T, src []byte) {
		n, err := d.LZMA(dst, src)
		if n < 0 || n > len(dst) {
			t.Fatalf("%d bytes inside", n)
		}
		if streamed := z.ResetFile(bufio.NewReaderSize(bytes.NewReader(src), 64), 1<<16); streamed != nil {
			return
		}
		got, streamed := io.ReadAll(io.LimitReader(z, 1<<20))
		if err == nil && streamed == nil && !bytes.Equal(got, dst[:n]) {
			t.Errorf("block gives %d bytes, stream %d", n, len(got))
		}
		if cap(z.out) > 1<<16 {
			t.Errorf("a window of %d bytes", cap(z.out))
		}
	})
}
