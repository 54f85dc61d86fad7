package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/probat-lab/probat/blob"
)

func newVault(t testing.TB, s blob.Store) *Vault {
	t.Helper()
	v, err := New(s, bytes.Repeat([]byte{7}, KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newRelease(t testing.TB, v *Vault, id string) *Keyring {
	t.Helper()
	wrapped, err := v.WrapRelease(id, NewReleaseKey())
	if err != nil {
		t.Fatal(err)
	}
	k, err := v.Release(id, wrapped)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// content is n bytes that do not repeat.
func content(n int, seed uint64) []byte {
	b := make([]byte, n)
	r := mathrand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(b)
	return b
}

func put(t testing.TB, k *Keyring, party string, plain []byte) Ref {
	t.Helper()
	ref, info, err := k.Put(t.Context(), party, plain)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size != int64(len(plain)) || info.SHA256 != sha256.Sum256(plain) {
		t.Fatalf("%d bytes: got %+v", len(plain), info)
	}
	return ref
}

func wantGet(t testing.TB, k *Keyring, ref Ref, want []byte) {
	t.Helper()
	if got, err := k.Get(t.Context(), ref, int64(len(want))); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, %v; want %d", len(got), err, len(want))
	}
}

// TestBorders: objects of sizes around every border, read whole, as a stream and from offsets around every border.
func TestBorders(t *testing.T) {
	sizes := []int{
		0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 3 * chunkSize, mostRest - 1, mostRest, mostRest + 1,
		segmentSize - 1, segmentSize, segmentSize + 1, segmentSize + mostRest, segmentSize + mostRest + 1, 2*segmentSize + chunkSize + 5,
	}
	stores(t, func(t *testing.T, s blob.Store) {
		k := newRelease(t, newVault(t, s), "r1")
		for _, size := range sizes {
			plain := content(size, 1)
			ref := put(t, k, "acme", plain)
			wantGet(t, k, ref, plain)
			if _, err := k.Get(t.Context(), ref, int64(size)-1); size > 0 && !errors.Is(err, ErrTooLarge) {
				t.Errorf("%d bytes, one less allowed: %v", size, err)
			}
			r, err := k.Open(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%d bytes as a stream: %d, %v", size, len(got), err)
			}
			for _, border := range sizes {
				for offset := max(0, border-2); offset <= border+2; offset++ {
					checkReadAt(t, r, plain, offset, 5)
				}
			}
		}
	})
}

func checkReadAt(t interface{ Errorf(string, ...any) }, r io.ReaderAt, plain []byte, offset, length int) {
	want := plain[min(offset, len(plain)):min(offset+length, len(plain))]
	p := make([]byte, length)
	n, err := r.ReadAt(p, int64(offset))
	if !bytes.Equal(p[:n], want) || (err == nil) != (n == length) || err != nil && !errors.Is(err, io.EOF) {
		t.Errorf("%d of %d bytes at %d: got %d, %v; want %d", length, len(plain), offset, n, err, len(want))
	}
}

func TestReaderIsOne(t *testing.T) {
	k := newRelease(t, newVault(t, newMemory()), "r1")
	plain := content(300, 2)
	r, err := k.Open(t.Context(), put(t, k, "acme", plain))
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(r, plain); err != nil {
		t.Error(err)
	}
	if _, err := r.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("read before the beginning")
	}
}

// TestRandomWrites: any pieces written give the same object as the whole, and any piece of it can be read.
func TestRandomWrites(t *testing.T) {
	v := newVault(t, newMemory())
	k := newRelease(t, v, "r1")
	plain := content(2*segmentSize, 3)
	rapid.Check(t, func(t *rapid.T) {
		border := rapid.SampledFrom([]int{0, chunkSize, mostRest, segmentSize, segmentSize + mostRest})
		size := rapid.Custom(func(t *rapid.T) int {
			return max(0, border.Draw(t, "border")+rapid.IntRange(-70, 70000).Draw(t, "more"))
		})
		whole := plain[:size.Draw(t, "size")]
		w := k.Create(context.Background(), "acme")
		for rest := whole; len(rest) > 0; {
			n := min(len(rest), rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(chunkSize-2, 5<<20)).Draw(t, "piece"))
			if len(rest) > 10<<20 {
				n = max(n, 1<<20) // else a million pieces
			}
			if m, err := w.Write(rest[:n]); m != n || err != nil {
				t.Fatal(m, err)
			}
			if rest = rest[n:]; len(rest) > 100000 && n < 100 {
				_, _ = w.Write(rest[:100000])
				rest = rest[100000:]
			}
		}
		ref, info, err := w.Finish()
		if err != nil || info.SHA256 != sha256.Sum256(whole) {
			t.Fatal(info, err)
		}
		r, err := k.Open(context.Background(), ref)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			checkReadAt(t, r, whole, size.Draw(t, "offset"), rapid.IntRange(1, 200000).Draw(t, "length"))
		}
		if err := v.Delete(context.Background(), ref); err != nil {
			t.Fatal(err)
		}
	})
}

// TestCanary: nothing that is sealed, nor a digest of it in any form, is in the names or the bytes of the store.
func TestCanary(t *testing.T) {
	m := newMemory()
	v := newVault(t, m)
	k := newRelease(t, v, "release-of-acme")
	small := []byte("canary-small-" + strings.Repeat("zebra ", 100))
	large := bytes.Repeat([]byte("canary-large-giraffe "), segmentSize/10)
	var outside []byte // what a row keeps
	needles := map[string][]byte{"party": []byte("acme"), "release": []byte("release-of-acme"), "zebra": []byte("zebra"), "giraffe": []byte("giraffe")}
	needle := func(name string, digest []byte) {
		needles[name+" raw"] = digest
		needles[name+" hex"] = []byte(hex.EncodeToString(digest))
		needles[name+" base64"] = []byte(base64.RawStdEncoding.EncodeToString(digest))
		needles[name+" base64url"] = []byte(base64.RawURLEncoding.EncodeToString(digest))
	}
	for name, plain := range map[string][]byte{"small": small, "large": large} {
		ref := put(t, k, "acme", plain)
		outside = fmt.Appendf(outside, "%s %s %s", ref.Address, ref.Object, ref.Wrapped)
		whole := sha256.Sum256(plain)
		segment := sha256.Sum256(plain[:min(len(plain), segmentSize)])
		chunk := sha256.Sum256(plain[:min(len(plain), chunkSize)])
		needle(name, whole[:])
		needle(name+" segment", segment[:])
		needle(name+" chunk", chunk[:])
	}
	state, err := v.Begin("acme", "u1")
	if err != nil {
		t.Fatal(err)
	}
	w, err := v.Append(t.Context(), "acme", "u1", state)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(small); err != nil {
		t.Fatal(err)
	}
	if state, err = w.Save(); err != nil {
		t.Fatal(err)
	}
	m.objects["rows"] = append(outside, state...)
	for name, data := range m.objects {
		for what, needle := range needles {
			if bytes.Contains(data, needle) || strings.Contains(name, string(needle)) {
				t.Errorf("%s is in %s", what, name)
			}
		}
	}
	if n := len(m.objects); n < 6 {
		t.Errorf("only %d objects were looked at", n)
	}
}

// TestAddresses: equal bytes of one party have one address, of two parties two; each write is an object of its own.
func TestAddresses(t *testing.T) {
	m := newMemory()
	v := newVault(t, m)
	k, other := newRelease(t, v, "r1"), newRelease(t, v, "r2")
	one, two, foreign := put(t, k, "acme", []byte("same")), put(t, other, "acme", []byte("same")), put(t, k, "rival", []byte("same"))
	if one.Address != two.Address || one.Object == two.Object {
		t.Errorf("one party: %+v, %+v", one, two)
	}
	if foreign.Address == one.Address {
		t.Error("two parties have the same address")
	}
	sum := sha256.Sum256([]byte("same"))
	if address, err := v.Address("acme", sum); err != nil || address != one.Address {
		t.Errorf("asked for: %s, %v", address, err)
	}
	elsewhere, err := New(m, bytes.Repeat([]byte{8}, KeySize))
	if err != nil {
		t.Fatal(err)
	}
	if address, err := elsewhere.Address("acme", sum); err != nil || address == one.Address {
		t.Errorf("another storage key: %s, %v", address, err)
	}
	if err := v.Delete(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	wantGet(t, other, two, []byte("same"))
	if _, err := k.Get(t.Context(), one, 10); !errors.Is(err, blob.ErrNotExist) {
		t.Errorf("deleted: %v", err)
	}
}

func TestDeleteAndList(t *testing.T) {
	stores(t, func(t *testing.T, s blob.Store) {
		v := newVault(t, s)
		k := newRelease(t, v, "r1")
		large, small := put(t, k, "acme", content(2*segmentSize+mostRest+1, 4)), put(t, k, "acme", nil)
		w := k.Create(t.Context(), "acme")
		if _, err := w.Write(content(segmentSize, 5)); err != nil {
			t.Fatal(err)
		}
		lists := func() (heads, parts []string) {
			for ref, err := range v.Heads(t.Context()) {
				if err != nil {
					t.Error(err)
				}
				heads = append(heads, ref.Address+" "+ref.Object)
			}
			for id, err := range v.Parts(t.Context()) {
				if err != nil {
					t.Error(err)
				}
				parts = append(parts, id)
			}
			return heads, parts
		}
		wantHeads := []string{large.Address + " " + large.Object, small.Address + " " + small.Object}
		id, _, _ := strings.Cut(large.Object, ".")
		wantParts := []string{id, w.ID()}
		slices.Sort(wantHeads)
		slices.Sort(wantParts)
		if heads, parts := lists(); !slices.Equal(heads, wantHeads) || !slices.Equal(parts, wantParts) {
			t.Errorf("got %q, %q; want %q, %q", heads, parts, wantHeads, wantParts)
		}
		if err := w.Discard(t.Context()); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := errors.Join(v.Delete(t.Context(), large), v.Delete(t.Context(), Ref{Address: small.Address, Object: small.Object})); err != nil {
				t.Error(err)
			}
		}
		for name := range s.List(t.Context(), "") {
			t.Errorf("%s is still there", name)
		}
	})
}

func TestConcurrent(t *testing.T) {
	stores(t, func(t *testing.T, s blob.Store) {
		v := newVault(t, s)
		k := newRelease(t, v, "r1")
		shared := content(2*segmentSize+100, 6)
		r, err := k.Open(t.Context(), put(t, k, "acme", shared))
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				plain := content(100+i*chunkSize*20, uint64(10+i/2)) // two each write the same
				ref, _, err := k.Put(t.Context(), "acme", plain)
				if err != nil {
					t.Error(err)
					return
				}
				wantGet(t, k, ref, plain)
				for j := range 20 {
					checkReadAt(t, r, shared, (i*7919+j*104729*8)%len(shared), 3*chunkSize)
				}
			})
		}
		wg.Wait()
	})
}

func TestCopy(t *testing.T) {
	m := newMemory()
	k := newRelease(t, newVault(t, m), "r1")
	plain := content(segmentSize+10, 7)
	ref, _, err := k.Copy(t.Context(), "acme", bytes.NewReader(plain), int64(len(plain)))
	if err != nil {
		t.Fatal(err)
	}
	wantGet(t, k, ref, plain)
	before := m.names()
	if _, _, err := k.Copy(t.Context(), "acme", bytes.NewReader(plain), int64(len(plain)-1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one byte too many: %v", err)
	}
	broken := errors.New("the line is broken")
	if _, _, err := k.Copy(t.Context(), "acme", io.MultiReader(bytes.NewReader(plain), iotest.ErrReader(broken)), 1<<30); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
	if after := m.names(); !slices.Equal(after, before) {
		t.Errorf("left behind: %q, before %q", after, before)
	}
}
