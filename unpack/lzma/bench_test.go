package lzma

import (
	"bufio"
	"bytes"
	"io"
	"testing"

	xi2 "github.com/xi2/xz"
)

// BenchmarkDecode compares with another decoder in the same run, since hosts differ.
func BenchmarkDecode(b *testing.B) {
	var code []byte
	for i := range 40 {
		code = append(code, bytes.Join([][]byte{prose(uint64(i), 20_000), denseSample("x86", 20_000)[:5000], branchy(25_000)}, nil)...)
	}
	src, alone := xzTool(b, code), xzTool(b, code, "--format=lzma")
	br := bufio.NewReaderSize(nil, 64<<10)
	bench := func(name string, decode func() (int64, error)) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(code)))
			for b.Loop() {
				if n, err := decode(); err != nil || n != int64(len(code)) {
					b.Fatal(n, err)
				}
			}
		})
	}
	type plain struct{ io.Writer }
	d, x, z, dst := &Decoder{}, &XZReader{}, &Reader{}, make([]byte, len(code))
	bench("block", func() (int64, error) { n, err := d.XZ(dst, src); return int64(n), err })
	bench("xz", func() (int64, error) {
		br.Reset(bytes.NewReader(src))
		x.Reset(br, 1<<27)
		defer x.Close()
		return io.Copy(plain{io.Discard}, x)
	})
	bench("lzma", func() (int64, error) {
		br.Reset(bytes.NewReader(alone))
		if err := z.ResetFile(br, 1<<27); err != nil {
			return 0, err
		}
		defer z.Close()
		return io.Copy(plain{io.Discard}, z)
	})
	other, err := xi2.NewReader(nil, 1<<27)
	if err != nil {
		b.Fatal(err)
	}
	bench("xi2", func() (int64, error) {
		br.Reset(bytes.NewReader(src))
		if err := other.Reset(br); err != nil {
			return 0, err
		}
		return io.Copy(plain{io.Discard}, other)
	})
}
