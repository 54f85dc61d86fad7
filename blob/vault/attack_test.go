package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/probat-lab/probat/blob"
)

// seen says that the changed object is noticed however it is read, and that nothing wrong is given.
func seen(t *testing.T, what string, k *Keyring, ref Ref, plain []byte) {
	t.Helper()
	if got, err := k.Get(t.Context(), ref, 1<<30); !errors.Is(err, ErrCorrupt) {
		t.Errorf("%s: Get gave %d bytes, %v", what, len(got), err)
	}
	r, err := k.Open(t.Context(), ref)
	if err != nil {
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: Open: %v", what, err)
		}
		return
	}
	got, err := io.ReadAll(r)
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("%s: a stream of %d bytes, %v", what, len(got), err)
	}
	if !bytes.HasPrefix(plain, got) {
		t.Errorf("%s: %d bytes were given, and not those that were written", what, len(got))
	}
}

// TestFlips: one bit in each kind of stored byte.
func TestFlips(t *testing.T) {
	m := newMemory()
	k := newRelease(t, newVault(t, m), "r1")
	plain := content(2*segmentSize+chunkSize+100, 20)
	ref := put(t, k, "acme", plain)
	whole := maps.Clone(m.objects)
	r, err := k.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	indexEnd := headStart + indexStart + 2*segmentEntry + tagSize
	places := map[string][]int{headName(ref): {
		0, 1, 4, headStart, headStart + 8, headStart + 40, indexEnd - tagSize, indexEnd - 1, indexEnd, indexEnd + chunkSize, indexEnd + chunkSize + tagSize, -1,
	}}
	for _, s := range r.index.segments {
		places[partName(r.id, hexSalt(s.salt))] = []int{0, chunkSize - 1, chunkSize, chunkSize + tagSize, 77 * chunkSize, -tagSize - 1, -1}
	}
	for name, offsets := range places {
		for _, offset := range offsets {
			changed := bytes.Clone(whole[name])
			changed[(offset+len(changed))%len(changed)] ^= 4
			m.objects[name] = changed
			seen(t, name, k, ref, plain)
		}
		for what, changed := range map[string][]byte{
			"without the last byte":  whole[name][:len(whole[name])-1],
			"without the last chunk": whole[name][:len(whole[name])-chunkSize-tagSize],
			"without the first":      whole[name][chunkSize+tagSize:],
			"with one byte more":     append(bytes.Clone(whole[name]), 0),
			"empty":                  nil,
		} {
			m.objects[name] = changed
			seen(t, name+" "+what, k, ref, plain)
		}
		m.objects[name] = whole[name]
	}
	wantGet(t, k, ref, plain)
}

// TestMoved: whole chunks, segments and heads in another's place.
func TestMoved(t *testing.T) {
	m := newMemory()
	k := newRelease(t, newVault(t, m), "r1")
	plain := content(2*segmentSize, 21)
	one, two := put(t, k, "acme", plain), put(t, k, "acme", plain)
	names := func(ref Ref) []string {
		r, err := k.Open(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		all := []string{headName(ref)}
		for _, s := range r.index.segments {
			all = append(all, partName(r.id, hexSalt(s.salt)))
		}
		return all
	}
	a, b := names(one), names(two)
	swap := func(x, y string) { m.objects[x], m.objects[y] = m.objects[y], m.objects[x] }
	for what, pair := range map[string][2]string{
		"segments of two objects": {a[1], b[1]}, "segments of one object": {a[1], a[2]}, "heads": {a[0], b[0]}, "a head and a segment": {a[0], a[1]},
	} {
		swap(pair[0], pair[1])
		seen(t, what, k, one, plain)
		swap(pair[0], pair[1])
	}
	whole := m.objects[a[1]]
	chunk := chunkSize + tagSize
	changed := bytes.Clone(whole)
	copy(changed, whole[chunk:2*chunk])
	copy(changed[chunk:], whole[:chunk])
	m.objects[a[1]] = changed
	seen(t, "chunks in another order", k, one, plain)
	copy(changed, whole)
	copy(changed[chunk:], whole[:chunk])
	seen(t, "a chunk twice", k, one, plain)
	delete(m.objects, a[1])
	seen(t, "a segment is gone", k, one, plain)
	m.objects[a[1]] = whole
	wantGet(t, k, one, plain)
}

// TestWrongKeys: a release's key is good for one release of one vault.
func TestWrongKeys(t *testing.T) {
	m := newMemory()
	v := newVault(t, m)
	wrapped, err := v.WrapRelease("r1", NewReleaseKey())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Release("r1", wrapped); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Release("r2", wrapped); !errors.Is(err, ErrKey) {
		t.Errorf("the wrap of another release: %v", err)
	}
	stranger, err := New(m, bytes.Repeat([]byte{8}, KeySize))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stranger.Release("r1", wrapped); !errors.Is(err, ErrKey) {
		t.Errorf("another storage key: %v", err)
	}
	for i := range wrapped {
		changed := bytes.Clone(wrapped)
		changed[i] ^= 1
		if _, err := v.UnwrapRelease("r1", changed); !errors.Is(err, ErrKey) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	for _, length := range []int{0, 1, len(wrapped) - 1} {
		if _, err := v.UnwrapRelease("r1", wrapped[:length]); !errors.Is(err, ErrKey) {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

// TestWrongRefs: a reference is good for one release, address and object only.
func TestWrongRefs(t *testing.T) {
	v := newVault(t, newMemory())
	k, other := newRelease(t, v, "r1"), newRelease(t, v, "r2")
	one, two, foreign := put(t, k, "acme", []byte("one")), put(t, k, "acme", []byte("two")), put(t, k, "rival", []byte("one"))
	for what, try := range map[string]struct {
		k   *Keyring
		ref Ref
	}{
		"another release":     {other, one},
		"an upload":           {v.Upload("r1"), one},
		"another object":      {k, Ref{one.Address, two.Object, one.Wrapped}},
		"another's key":       {k, Ref{one.Address, one.Object, two.Wrapped}},
		"a party's address":   {k, Ref{foreign.Address, one.Object, one.Wrapped}},
		"a forgotten key":     {k, Ref{one.Address, one.Object, nil}},
		"a key of zero bytes": {k, Ref{one.Address, one.Object, make([]byte, wrappedSize)}},
	} {
		if _, err := try.k.Open(t.Context(), try.ref); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, ref := range []Ref{
		{"", "", one.Wrapped},
		{"../" + one.Address[3:], one.Object, one.Wrapped},
		{one.Address, strings.ToUpper(one.Object), one.Wrapped},
		{one.Address, one.Object + "/x", one.Wrapped},
		{one.Address, one.Object[:64], nil},
	} {
		if _, err := k.Open(t.Context(), ref); err == nil || errors.Is(err, blob.ErrNotExist) {
			t.Errorf("%q %q: %v", ref.Address, ref.Object, err)
		}
		if err := v.Delete(t.Context(), ref); err == nil {
			t.Errorf("%q %q was deleted", ref.Address, ref.Object)
		}
	}
	for _, id := range []string{"", "..", one.Object, strings.Repeat("g", 32)} {
		if err := v.DeleteParts(t.Context(), id); err == nil {
			t.Errorf("the parts of %q were deleted", id)
		}
	}
}

// TestErasure: with the rows gone, what is left (the store and the storage key) opens nothing: each key of 32 bytes that can be derived is tried.
func TestErasure(t *testing.T) {
	m := newMemory()
	v := newVault(t, m)
	ref := put(t, newRelease(t, v, "r1"), "acme", []byte("to be forgotten"))
	address, err := derive(v.storage, nil, string(bind(labelAddress, "acme")))
	if err != nil {
		t.Fatal(err)
	}
	candidates := [][]byte{v.storage, v.release, v.upload, v.state, address}
	for _, data := range m.objects {
		for i := 0; i+KeySize <= len(data); i++ {
			candidates = append(candidates, data[i:i+KeySize])
		}
	}
	try := func(key []byte) error {
		r := &Reader{vault: v, key: key}
		return r.openHead(m.objects[headName(ref)], ref)
	}
	for _, key := range candidates {
		if err := try(key); !errors.Is(err, ErrCorrupt) {
			t.Errorf("opened: %v", err)
		}
	}
	// A release of the same name with a new key does not open it either, and the forgotten key would have.
	again := newRelease(t, v, "r1")
	if _, err := again.Open(t.Context(), ref); !errors.Is(err, ErrKey) {
		t.Errorf("a new key of the release: %v", err)
	}
}

// TestAdopt: a second release gets a key of its own to the same bytes; forgetting one leaves the other.
func TestAdopt(t *testing.T) {
	m := newMemory()
	v := newVault(t, m)
	k, other := newRelease(t, v, "r1"), newRelease(t, v, "r2")
	plain := content(segmentSize+5, 22)
	one := put(t, k, "acme", plain)
	stored := len(m.objects)
	two, err := other.Adopt(t.Context(), k, one)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.objects) != stored || two.Object != one.Object || two.Address != one.Address {
		t.Errorf("adopting stored something: %+v, %+v", one, two)
	}
	wantGet(t, other, two, plain)
	wantGet(t, k, one, plain)
	if _, err := k.Open(t.Context(), two); !errors.Is(err, ErrKey) {
		t.Errorf("the first release opens the second's: %v", err)
	}
	if _, err := other.Adopt(t.Context(), other, one); !errors.Is(err, ErrKey) {
		t.Errorf("adopted without the key: %v", err)
	}
}

// TestDigestCompared: an index whose digest is another's, sealed by who has the key, is noticed by who reads all.
func TestDigestCompared(t *testing.T) {
	m := newMemory()
	v := newVault(t, m)
	k := newRelease(t, v, "r1")
	plain := []byte("what was said to be there")
	ref := put(t, k, "acme", plain)
	key, err := k.unwrap(ref)
	if err != nil {
		t.Fatal(err)
	}
	salt, err := refSalt(ref)
	if err != nil {
		t.Fatal(err)
	}
	head, err := sealHead(key, salt, ref, index{Info: Info{Size: int64(len(plain)), SHA256: sha256.Sum256([]byte("other"))}}, plain)
	if err != nil {
		t.Fatal(err)
	}
	m.objects[headName(ref)] = head
	seen(t, "another digest", k, ref, plain)
}

func TestNewRefuses(t *testing.T) {
	for _, size := range []int{0, 16, 31, 33} {
		if _, err := New(newMemory(), make([]byte, size)); err == nil {
			t.Errorf("a storage key of %d bytes was taken", size)
		}
		if _, err := newVault(t, newMemory()).WrapRelease("r1", make([]byte, size)); err == nil {
			t.Errorf("a release key of %d bytes was wrapped", size)
		}
	}
}

// TestStoreFails: what could not be stored whole leaves nothing, also when the context has ended.
func TestStoreFails(t *testing.T) {
	broken := errors.New("no space")
	for fail := range 4 { // two segments, the head, none
		m := newMemory()
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		m.before = func(string) error {
			if n++; n > fail {
				cancel()
				return broken
			}
			return nil
		}
		_, _, err := newRelease(t, newVault(t, m), "r1").Put(ctx, "acme", content(2*segmentSize+1, 23))
		if fail < 3 && (!errors.Is(err, broken) || len(m.objects) > 0) {
			t.Errorf("after %d objects: %v, left: %q", fail, err, m.names())
		}
		if fail == 3 && (err != nil || len(m.objects) != 3) {
			t.Errorf("all stored: %v, %q", err, m.names())
		}
		cancel()
	}
}
