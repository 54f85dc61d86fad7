package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"iter"
	"testing"

	"github.com/probat-lab/probat/blob"
)

func FuzzIndex(f *testing.F) {
	seed := func(size int64, lengths ...int) {
		x := index{Info: Info{Size: size, SHA256: sha256.Sum256(nil)}}
		for i, length := range lengths {
			x.segments = append(x.segments, segment{salt: [saltSize]byte{byte(i)}, length: length})
		}
		f.Add(x.marshal())
	}
	seed(0)
	seed(17)
	seed(mostRest)
	seed(2*segmentSize+1, segmentSize, segmentSize)
	seed(3, 1, 1, 1)
	f.Add(bytes.Repeat([]byte{0xff}, indexStart+2*segmentEntry))
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := parseIndex(b)
		if err != nil {
			return
		}
		if !bytes.Equal(x.marshal(), b) {
			t.Errorf("%x is marshalled as %x", b, x.marshal())
		}
		if rest := x.rest(); rest < 0 || rest > mostRest {
			t.Errorf("a rest of %d", rest)
		}
	})
}

func FuzzState(f *testing.F) {
	v, err := New(nowhere{}, make([]byte, KeySize))
	if err != nil {
		f.Fatal(err)
	}
	w := v.Upload("u1").Create(f.Context(), "acme")
	for range 2 {
		write(f, w, []byte("abc"))
		plain, err := unwrapAny(v.state, save(f, w), bind(labelState, "u1", "acme"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(plain)
		write(f, w, make([]byte, segmentSize))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w := v.Upload("u1").create("acme")
		if w.parse(b) != nil {
			return
		}
		state, err := w.seal()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := unwrapAny(v.state, state, bind(labelState, "u1", "acme")); err != nil || len(again) != len(b) {
			t.Errorf("%x is sealed as %x, %v", b, again, err)
		}
	})
}

func FuzzHead(f *testing.F) {
	m := newMemory()
	v := newVault(f, m)
	k := newRelease(f, v, "r1")
	ref := put(f, k, "acme", []byte("plain"))
	f.Add(m.objects[headName(ref)])
	f.Add([]byte{version, 0, 0, 0, 0})
	f.Add([]byte{version, 0xff, 0xff, 0xff, 0xff, 0})
	whole := bytes.Clone(m.objects[headName(ref)])
	f.Fuzz(func(t *testing.T, b []byte) {
		m.objects[headName(ref)] = b
		if got, err := k.Get(context.Background(), ref, 100); err == nil && !bytes.Equal(b, whole) {
			t.Errorf("%x gave %q", b, got)
		}
	})
}

// nowhere forgets what it is given: the cost of sealing without a disk's.
type nowhere struct{ blob.Store }

func (nowhere) Put(context.Context, string, []byte) error { return nil }
func (nowhere) Delete(context.Context, string) error      { return nil }
func (nowhere) List(context.Context, string) iter.Seq2[string, error] {
	return func(func(string, error) bool) {}
}

func BenchmarkWrite(b *testing.B) {
	v := newVault(b, nowhere{})
	k := newRelease(b, v, "r1")
	piece := content(1<<20, 40)
	b.SetBytes(64 << 20)
	b.ReportAllocs()
	for b.Loop() {
		w := k.Create(b.Context(), "acme")
		for range 64 {
			if _, err := w.Write(piece); err != nil {
				b.Fatal(err)
			}
		}
		if _, _, err := w.Finish(); err != nil {
			b.Fatal(err)
		}
	}
}

// still gives the same bytes again without copying them: the cost of opening.
type still struct{ *memory }

func (s still) Get(_ context.Context, name string, _ int64) ([]byte, error) {
	return s.objects[name], nil
}

func BenchmarkRead(b *testing.B) {
	m := newMemory()
	k := newRelease(b, newVault(b, still{m}), "r1")
	ref := put(b, k, "acme", content(64<<20, 41))
	b.SetBytes(64 << 20)
	b.ReportAllocs()
	for b.Loop() {
		r, err := k.Open(b.Context(), ref)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, make([]byte, 1<<20)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSmall(b *testing.B) {
	k := newRelease(b, newVault(b, nowhere{}), "r1")
	plain := content(4<<10, 42)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := k.Put(b.Context(), "acme", plain); err != nil {
			b.Fatal(err)
		}
	}
}
