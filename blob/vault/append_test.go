package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/probat-lab/probat/blob"
)

func begin(t testing.TB, v *Vault) []byte {
	t.Helper()
	state, err := v.Begin("acme", "u1")
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func resume(t testing.TB, v *Vault, state []byte) *Writer {
	t.Helper()
	w, err := v.Append(t.Context(), "acme", "u1", state)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func write(t testing.TB, w io.Writer, plain []byte) {
	t.Helper()
	if n, err := w.Write(plain); n != len(plain) || err != nil {
		t.Fatalf("written: %d, %v", n, err)
	}
}

func save(t testing.TB, w *Writer) []byte {
	t.Helper()
	state, err := w.Save()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// TestResumed: an upload in goes, each by a new vault as after a restart, some of which die unsaved after having written other bytes.
func TestResumed(t *testing.T) {
	stores(t, func(t *testing.T, s blob.Store) {
		plain := content(2*segmentSize+3*chunkSize+17, 30)
		state := begin(t, newVault(t, s))
		for offset, go1 := 0, 1; offset < len(plain); go1++ {
			w := resume(t, newVault(t, s), state)
			if w.Size() != int64(offset) {
				t.Fatalf("resumed at %d, want %d", w.Size(), offset)
			}
			if go1%2 == 0 { // a crash: stored in part, never acknowledged
				write(t, w, content(segmentSize+100, uint64(go1)))
				continue
			}
			n := min(len(plain)-offset, go1*100001)
			write(t, w, plain[offset:offset+n])
			state = save(t, w)
			offset += n
		}
		v := newVault(t, s)
		ref, info, err := resume(t, v, state).Finish()
		if err != nil || info.Size != int64(len(plain)) || info.SHA256 != sha256.Sum256(plain) {
			t.Fatalf("finished: %+v, %v", info, err)
		}
		wantGet(t, v.Upload("u1"), ref, plain)
		k := newRelease(t, v, "r1")
		claimed, err := k.Adopt(t.Context(), v.Upload("u1"), ref)
		if err != nil {
			t.Fatal(err)
		}
		wantGet(t, k, claimed, plain)
		if _, err := v.Upload("u2").Open(t.Context(), ref); !errors.Is(err, ErrKey) {
			t.Errorf("another upload: %v", err)
		}
		if err := v.Delete(t.Context(), claimed); err != nil {
			t.Error(err)
		}
		for name := range s.List(t.Context(), "") {
			t.Errorf("%s is still there, perhaps of a go that died", name)
		}
	})
}

// TestGoes: any goes give the object, with few segments however small they are, and nothing is left beside it.
func TestGoes(t *testing.T) {
	plain := content(segmentSize+mostRest, 31)
	rapid.Check(t, func(t *rapid.T) {
		m := newMemory()
		v, err := New(m, make([]byte, KeySize))
		if err != nil {
			t.Fatal(err)
		}
		state, err := v.Begin("acme", "u1")
		if err != nil {
			t.Fatal(err)
		}
		most := rapid.SampledFrom([]int{1, 3, 1000, 70000, segmentSize}).Draw(t, "most")
		goes := rapid.SliceOfN(rapid.IntRange(0, most), 1, 40).Draw(t, "goes")
		if rapid.Bool().Draw(t, "falling") {
			slices.SortFunc(goes, func(a, b int) int { return b - a })
		}
		ctx := context.Background()
		offset, segments := 0, 0
		for _, n := range goes {
			n = min(n, len(plain)-offset)
			w, err := v.Append(ctx, "acme", "u1", state)
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.Write(plain[offset : offset+n])
			if err == nil {
				state, err = w.Save()
			}
			if err != nil {
				t.Fatal(err)
			}
			offset += n
			segments = max(segments, len(w.segments))
		}
		if segments > 25 { // log2 of the segment's size, and two for the second segment
			t.Errorf("%d goes left %d segments", len(goes), segments)
		}
		w, err := v.Append(ctx, "acme", "u1", state)
		if err != nil {
			t.Fatal(err)
		}
		ref, info, err := w.Finish()
		if err != nil || info.SHA256 != sha256.Sum256(plain[:offset]) {
			t.Fatal(info, err)
		}
		got, err := v.Upload("u1").Get(ctx, ref, int64(offset))
		if err != nil || !bytes.Equal(got, plain[:offset]) {
			t.Fatalf("got %d bytes, %v; want %d", len(got), err, offset)
		}
		if len(m.objects) != len(w.segments)+1 {
			t.Errorf("%d objects, %d segments and the head are needed", len(m.objects), len(w.segments))
		}
	})
}

// TestTwoAppend: of two that go on from one state, the one that was too late discards, and the other's bytes are whole.
func TestTwoAppend(t *testing.T) {
	m := newMemory()
	v := newVault(t, m)
	w := resume(t, v, begin(t, v))
	write(t, w, []byte("first "))
	state := save(t, w)
	one, two := resume(t, v, state), resume(t, v, state)
	write(t, one, []byte("one"))
	write(t, two, []byte("two"))
	write(t, two, content(segmentSize, 32))
	kept := save(t, one)
	save(t, two)
	if err := two.Discard(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Write([]byte("x")); err == nil {
		t.Error("written after Discard")
	}
	if _, err := two.Save(); err == nil {
		t.Error("saved after Discard")
	}
	three, four := resume(t, v, kept), resume(t, v, kept)
	ref, _, err := three.Finish()
	if err != nil {
		t.Fatal(err)
	}
	late, _, err := four.Finish()
	if err != nil {
		t.Fatal(err)
	}
	if late.Object == ref.Object || late.Address != ref.Address {
		t.Errorf("two that finished: %+v, %+v", ref, late)
	}
	if err := four.Discard(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantGet(t, v.Upload("u1"), ref, []byte("first one"))
	if len(m.objects) != 2 {
		t.Errorf("left: %q", m.names())
	}
	if _, _, err := three.Finish(); err == nil {
		t.Error("finished twice")
	}
}

// TestDiscardKeeps: what a kept state needs stays when a later go of the same Writer fails.
func TestDiscardKeeps(t *testing.T) {
	m := newMemory()
	v := newVault(t, m)
	w := resume(t, v, begin(t, v))
	write(t, w, []byte("kept "))
	state := save(t, w)
	write(t, w, []byte("and lost"))
	save(t, w) // stored again together: the first segment is obsolete, but only if this state is kept
	if err := w.Discard(t.Context()); err != nil {
		t.Fatal(err)
	}
	w = resume(t, v, state)
	write(t, w, []byte("and gone on"))
	ref, _, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	wantGet(t, v.Upload("u1"), ref, []byte("kept and gone on"))
}

// TestNewKeysEachTime: equal bytes at equal places give unrelated ciphertext in every attempt, so no nonce is used twice with a key.
func TestNewKeysEachTime(t *testing.T) {
	m := newMemory()
	v := newVault(t, m)
	state := begin(t, v)
	for range 3 {
		w := resume(t, v, state)
		write(t, w, make([]byte, 1000))
		save(t, w)
	}
	chunks := map[string]bool{}
	for _, data := range m.objects {
		chunks[string(data[:16])] = true
	}
	if len(m.objects) != 3 || len(chunks) != 3 {
		t.Errorf("three attempts gave %d objects and %d ciphertexts", len(m.objects), len(chunks))
	}
}

func TestWrongStates(t *testing.T) {
	v := newVault(t, newMemory())
	w := resume(t, v, begin(t, v))
	write(t, w, []byte("abc"))
	state := save(t, w)
	for what, try := range map[string]struct{ party, upload string }{"another party": {"rival", "u1"}, "another upload": {"acme", "u2"}} {
		if _, err := v.Append(t.Context(), try.party, try.upload, state); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", what, err)
		}
		if err := v.Forget(t.Context(), try.party, try.upload, state); !errors.Is(err, ErrKey) {
			t.Errorf("%s forgets: %v", what, err)
		}
	}
	for i := range state {
		changed := bytes.Clone(state)
		changed[i] ^= 1
		if _, err := v.Append(t.Context(), "acme", "u1", changed); !errors.Is(err, ErrKey) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := v.Append(t.Context(), "acme", "u1", state[:i]); !errors.Is(err, ErrKey) {
			t.Errorf("cut off at %d: %v", i, err)
		}
	}
}

func TestForget(t *testing.T) {
	m := newMemory()
	v := newVault(t, m)
	w := resume(t, v, begin(t, v))
	write(t, w, content(segmentSize+1, 33))
	state := save(t, w)
	write(t, resume(t, v, state), content(segmentSize, 34)) // and a go that died
	if err := v.Forget(t.Context(), "acme", "u1", state); err != nil {
		t.Fatal(err)
	}
	if len(m.objects) > 0 {
		t.Errorf("left: %q", m.names())
	}
}

// TestSegmentSpoilt: a go that has to store a spoilt segment again does not give it a new, valid seal.
func TestSegmentSpoilt(t *testing.T) {
	m := newMemory()
	v := newVault(t, m)
	w := resume(t, v, begin(t, v))
	write(t, w, []byte("abc"))
	state := save(t, w)
	for name := range m.objects {
		m.objects[name][1] ^= 1
	}
	w = resume(t, v, state)
	write(t, w, []byte("def"))
	if _, err := w.Save(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("saved over a spoilt segment: %v", err)
	}
}

// TestMemory: writing and reading a large object needs no more than 32 MiB at any time.
func TestMemory(t *testing.T) {
	const budget = 32 << 20
	var base runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&base)
	var worst uint64
	look := func() {
		runtime.GC()
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		worst = max(worst, now.HeapAlloc-min(now.HeapAlloc, base.HeapAlloc))
	}
	s := open(t, t.TempDir())
	k := newRelease(t, newVault(t, watched{s, look}), "r1")
	w := k.Create(t.Context(), "acme")
	piece := content(1<<20, 35)
	for range 100 {
		write(t, w, piece)
	}
	ref, _, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	r, err := k.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, r); n != 100<<20 || err != nil {
		t.Fatal(n, err)
	}
	if worst == 0 || worst > budget {
		t.Errorf("%d MiB were in use, at most %d are allowed", worst>>20, budget>>20)
	}
	t.Logf("%d MiB in use", worst>>20)
}

// watched calls look in every Put and before and after every Get.
type watched struct {
	blob.Store
	look func()
}

func (s watched) Put(ctx context.Context, name string, data []byte) error {
	s.look()
	return s.Store.Put(ctx, name, data)
}

func (s watched) Get(ctx context.Context, name string, most int64) ([]byte, error) {
	data, err := s.Store.Get(ctx, name, most)
	s.look()
	return data, err
}
