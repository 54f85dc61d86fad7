package credential_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/statement"
)

func TestBitsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b credential.Bits
		set := map[int64]bool{}
		for _, i := range rapid.SliceOfN(rapid.Int64Range(0, credential.StatusSize-1), 0, 200).Draw(t, "set") {
			b.Set(i, true)
			set[i] = true
		}
		got, err := credential.ParseBits(b.String())
		if err != nil || *got != b {
			t.Fatalf("read back: %v", err)
		}
		for range 20 {
			i := rapid.Int64Range(-3, credential.StatusSize+3).Draw(t, "i")
			if got.Get(i) != set[i] {
				t.Errorf("bit %d is %v", i, got.Get(i))
			}
		}
		if b.String() != got.String() {
			t.Error("the same bits in two texts")
		}
	})
}

// TestBitsForeign reads lists that other programs packed: the example of W3C Bitstring Status List v1.0, whose bits are all clear, and stored gzip.
func TestBitsForeign(t *testing.T) {
	const w3c = "uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA"
	b, err := credential.ParseBits(w3c)
	if err != nil || *b != (credential.Bits{}) {
		t.Errorf("%v", err)
	}
	var bits credential.Bits
	bits.Set(0, true)
	if bits[0] != 0x80 {
		t.Errorf("the first bit is not the highest: %x", bits[0])
	}
	bits.Set(credential.StatusSize-1, true)
	b, err = credential.ParseBits(packed(t, gzip.NoCompression, bits[:]))
	if err != nil || *b != bits {
		t.Errorf("stored: %v", err)
	}
}

func packed(t testing.TB, level int, data []byte) string {
	t.Helper()
	var z bytes.Buffer
	w, err := gzip.NewWriterLevel(&z, level)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{func() error { _, err := w.Write(data); return err }, w.Close} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return "u" + base64.RawURLEncoding.EncodeToString(z.Bytes())
}

func TestBitsRefused(t *testing.T) {
	var b credential.Bits
	b.Set(77, true)
	good := b.String()
	zipped, err := base64.RawURLEncoding.DecodeString(good[1:])
	if err != nil {
		t.Fatal(err)
	}
	text := func(b []byte) string { return "u" + base64.RawURLEncoding.EncodeToString(b) }
	changed := func(at int, to byte) string {
		z := bytes.Clone(zipped)
		z[at] = to
		return text(z)
	}
	named := func() string {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Name = "list"
		_, _ = w.Write(b[:])
		_ = w.Close()
		return text(z.Bytes())
	}
	for name, s := range map[string]string{
		"empty":              "",
		"no u":               good[1:],
		"only u":             "u",
		"capital U":          "U" + good[1:],
		"padded":             good + "=",
		"line break":         good + "\n",
		"line break inside":  good[:20] + "\n" + good[20:],
		"standard base64":    "u" + strings.ReplaceAll(base64.RawStdEncoding.EncodeToString(zipped), "-", "+") + "+/",
		"one byte less":      packed(t, 9, b[:len(b)-1]),
		"one byte more":      packed(t, 9, append(bytes.Clone(b[:]), 0)),
		"nothing packed":     packed(t, 9, nil),
		"trailing byte":      text(append(bytes.Clone(zipped), 0)),
		"two members":        text(append(bytes.Clone(zipped), zipped...)),
		"an empty member":    text(append(bytes.Clone(zipped), mustDecode(t, packed(t, 9, nil)[1:])...)),
		"wrong checksum":     changed(len(zipped)-8, zipped[len(zipped)-8]^1),
		"wrong length":       changed(len(zipped)-1, 1),
		"cut":                text(zipped[:len(zipped)-1]),
		"with a name":        named(),
		"a bomb":             packed(t, 9, make([]byte, 17<<20)),
		"a long text":        "u" + strings.Repeat("A", 1<<20),
		"not gzip":           text([]byte("PK\x03\x04 and more than that")),
		"unused bits at end": good[:len(good)-1] + "B",
	} {
		if _, err := credential.ParseBits(s); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func mustDecode(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBitsMemory: a list that unpacks to a gigabyte costs no more than one of the right size.
func TestBitsMemory(t *testing.T) {
	bomb := packed(t, 9, make([]byte, 16<<20))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := credential.ParseBits(bomb); err == nil {
		t.Error("accepted")
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("%d bytes allocated", got)
	}
}

func TestLists(t *testing.T) {
	var l credential.Lists
	if l.Standing(5) != "" {
		t.Error("nothing is set, and it says so")
	}
	for _, step := range []struct {
		put, want statement.Standing
	}{
		{statement.Suspended, statement.Suspended},
		{statement.Reinstated, ""},
		{statement.Superseded, statement.Superseded},
		{statement.Reinstated, statement.Superseded},
		{statement.Suspended, statement.Suspended},
		{statement.Revoked, statement.Revoked},
		{statement.Reinstated, statement.Revoked},
	} {
		l.Put(5, step.put)
		if got := l.Standing(5); got != step.want {
			t.Errorf("after %s: %q, want %q", step.put, got, step.want)
		}
		if l.Standing(4) != "" || l.Standing(6) != "" {
			t.Error("a neighbour changed")
		}
	}
	back, err := credential.ParseLists(l.Encode())
	if err != nil || *back != l {
		t.Errorf("read back: %v", err)
	}
	swapped := l.Encode()
	swapped[0], swapped[1] = swapped[1], swapped[0]
	if _, err := credential.ParseLists(swapped); err == nil {
		t.Error("lists in another order: accepted")
	}
	if _, err := credential.ParseLists(l.Encode()[:2]); err == nil {
		t.Error("a list is missing: accepted")
	}
}

func FuzzParseBits(f *testing.F) {
	var b credential.Bits
	f.Add(b.String())
	b.Set(131071, true)
	f.Add(b.String())
	f.Add(packed(f, 0, b[:]))
	f.Fuzz(func(t *testing.T, s string) {
		b, err := credential.ParseBits(s)
		if err != nil {
			return
		}
		again, err := credential.ParseBits(b.String())
		if err != nil || *again != *b {
			t.Errorf("read back: %v", err)
		}
	})
}
