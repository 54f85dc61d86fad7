package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
)

// The following is written after the package's comment, and uses nothing else of this package.

func must(t *testing.T) func(b []byte, err error) []byte {
	return func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func gcm(t *testing.T, key []byte) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func bound(parts ...string) (b []byte) {
	for _, p := range parts {
		b = append(append(b, 0, 0, 0, byte(len(p))), p...)
	}
	return b
}

func unwrapped(t *testing.T, key, wrapped, aad []byte) []byte {
	t.Helper()
	if len(wrapped) != 61 || wrapped[0] != 1 {
		t.Fatalf("wrapped: %x", wrapped)
	}
	return must(t)(gcm(t, key).Open(nil, wrapped[1:13], wrapped[13:], aad))
}

func opened(t *testing.T, key, sealed []byte) (plain []byte) {
	t.Helper()
	for number := byte(0); len(sealed) > 0; number++ {
		n := min(len(sealed), 65536+16)
		nonce := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, number, 0}
		if n == len(sealed) {
			nonce[11] = 1
		}
		plain = append(plain, must(t)(gcm(t, key).Open(nil, nonce, sealed[:n], nil))...)
		sealed = sealed[n:]
	}
	return plain
}

// TestFormat reads an object by the format's description only, so that what is stored today can be read by every later version.
func TestFormat(t *testing.T) {
	must := must(t)
	m := newMemory()
	v := newVault(t, m)
	storage := bytes.Repeat([]byte{7}, 32)
	wrapped := must(v.WrapRelease("r1", NewReleaseKey()))
	k, err := v.Release("r1", wrapped)
	if err != nil {
		t.Fatal(err)
	}
	plain := content(8<<20+2*65536+5, 50)
	ref := put(t, k, "acme", plain)

	releaseKey := unwrapped(t, must(hkdf.Key(sha256.New, storage, nil, "probat vault v1 release", 32)), wrapped, bound("probat vault v1 release", "r1"))
	dataKey := unwrapped(t, releaseKey, ref.Wrapped, bound("probat vault v1 data", "r1", ref.Address, ref.Object))
	mac := hmac.New(sha256.New, must(hkdf.Key(sha256.New, storage, nil, string(bound("probat vault v1 address", "acme")), 32)))
	sum := sha256.Sum256(plain)
	mac.Write(sum[:])
	if want := hex.EncodeToString(mac.Sum(nil)); ref.Address != want {
		t.Errorf("address %s, want %s", ref.Address, want)
	}
	id, saltHex, _ := strings.Cut(ref.Object, ".")
	salt := must(hex.DecodeString(saltHex))
	head := m.objects["vault/head/"+ref.Address[:2]+"/"+ref.Address+"."+ref.Object]
	length := binary.BigEndian.Uint32(head[1:])
	index := must(gcm(t, must(hkdf.Key(sha256.New, dataKey, salt, "probat vault v1 index", 32))).Open(
		nil, make([]byte, 12), head[5:5+length], bound("probat vault v1 index", ref.Address, ref.Object)))
	if head[0] != 1 || binary.BigEndian.Uint64(index) != uint64(len(plain)) || !bytes.Equal(index[8:40], sum[:]) || len(index) != 44+20 ||
		binary.BigEndian.Uint32(index[40:]) != 1 || binary.BigEndian.Uint32(index[60:]) != 8<<20 {
		t.Errorf("index: %x", index)
	}
	part := m.objects["vault/part/"+id[:2]+"/"+id+"."+hex.EncodeToString(index[44:60])]
	got := opened(t, must(hkdf.Key(sha256.New, dataKey, index[44:60], "probat vault v1 segment", 32)), part)
	got = append(got, opened(t, must(hkdf.Key(sha256.New, dataKey, salt, "probat vault v1 rest", 32)), head[5+length:])...)
	if !bytes.Equal(got, plain) {
		t.Errorf("got %d bytes, want %d", len(got), len(plain))
	}
}

// TestMoreThanTheRest: bytes after what the head should hold, also where they begin a chunk of their own.
func TestMoreThanTheRest(t *testing.T) {
	m := newMemory()
	k := newRelease(t, newVault(t, m), "r1")
	for _, size := range []int{0, 1, chunkSize, segmentSize} {
		plain := content(size, 51)
		ref := put(t, k, "acme", plain)
		for _, more := range []int{1, tagSize, chunkSize + tagSize} {
			whole := m.objects[headName(ref)]
			m.objects[headName(ref)] = append(bytes.Clone(whole), make([]byte, more)...)
			seen(t, "more", k, ref, plain)
			m.objects[headName(ref)] = whole
		}
	}
}

// TestCutSegment: the places that a cut has taken away are asked for.
func TestCutSegment(t *testing.T) {
	m := newMemory()
	k := newRelease(t, newVault(t, m), "r1")
	ref := put(t, k, "acme", content(segmentSize, 52))
	for _, name := range m.names() {
		if strings.HasPrefix(name, partFolder) {
			m.objects[name] = m.objects[name][:3*(chunkSize+tagSize)]
		}
	}
	r, err := k.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	for _, offset := range []int64{0, 3 * chunkSize, segmentSize - 1} {
		if n, err := r.ReadAt(make([]byte, 1), offset); n != 0 || !errors.Is(err, ErrCorrupt) {
			t.Errorf("at %d: %d, %v", offset, n, err)
		}
	}
}

// TestSmallGoesAreCheap: a thousand goes of 4 KiB do not store each time all that was there before.
func TestSmallGoesAreCheap(t *testing.T) {
	m := newMemory()
	v := newVault(t, m)
	stored := 0
	state := begin(t, v)
	var before []string
	for range 1000 {
		w := resume(t, v, state)
		write(t, w, make([]byte, 4<<10))
		state = save(t, w)
		after := m.names()
		for _, name := range after {
			if !slices.Contains(before, name) {
				stored += len(m.objects[name])
			}
		}
		before = after
	}
	if most := 15 * 1000 * 4 << 10; stored > most {
		t.Errorf("%d bytes were stored for %d, at most %d are allowed", stored, 1000*4<<10, most)
	}
	t.Logf("each byte was stored %.1f times", float64(stored)/float64(1000*4<<10))
}
