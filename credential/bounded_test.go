package credential_test

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/statement"
)

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestBounded is doc/adversarial-tests.md, 21: what claims or has a size beyond all others costs a small multiple of what was given, and is refused.
func TestBounded(t *testing.T) {
	l, c, data := sealed(t)
	in := input(l)
	files, err := credential.ReadZip(data)
	if err != nil {
		t.Fatal(err)
	}
	grown := func(i int, by []byte) []byte {
		bent := slices.Clone(files)
		bent[i].Data = by
		return credential.WriteZip(bent)
	}
	sized := func(at int, n uint32) []byte { // what a local header says
		b := bytes.Clone(data)
		binary.LittleEndian.PutUint32(b[at:], n)
		return b
	}
	nested := []byte(strings.Repeat(`{"a":[`, 100<<10))
	for name, zip := range map[string][]byte{
		"a container of zeros":                    make([]byte, credential.MaxContainer),
		"a container that is too large":           make([]byte, credential.MaxContainer+1),
		"local headers without end":               bytes.Repeat([]byte("PK\x03\x04"), credential.MaxContainer/4),
		"a member of four gigabytes":              sized(18, 1<<32-1),
		"a member that unpacks to four gigabytes": sized(22, 1<<32-1),
		"a bundle of brackets":                    grown(0, nested),
		"a proof of hashes":                       grown(1, []byte("c2sp.org/tlog-proof@v1\nindex 5\n"+strings.Repeat(strings.Repeat("A", 43)+"=\n", 10000))),
		"a proof of signature lines":              grown(1, slices.Concat(files[1].Data, bytes.Repeat([]byte("— w AAAAAAA=\n"), 20000))),
		"a disclosure of a megabyte":              grown(4, []byte(`{"format":"probat-disclosure/1","hashes":["`+strings.Repeat("A", 1<<20))),
		"a trust file of brackets":                grown(6, nested),
	} {
		var r *credential.Result
		got := allocated(func() { r = credential.Verify(zip, in) })
		if r.Word != credential.Invalid {
			t.Errorf("%s: %s", name, r.Word)
		}
		if most := uint64(8*len(zip) + 8<<20); got > most {
			t.Errorf("%s: %d bytes were allocated for %d", name, got, len(zip))
		}
	}
	// What a customer fetches or is given by itself.
	for name, file := range map[string][]byte{"zeros": make([]byte, 16<<20), "brackets": bytes.Repeat(nested, 8), "a list that unpacks to 12 megabytes": bomb(t, l)} {
		for _, give := range []func(*credential.Input){
			func(in *credential.Input) { in.Status = [][]byte{file} }, func(in *credential.Input) { in.Disclosures = [][]byte{file} },
		} {
			x := in
			give(&x)
			var r *credential.Result
			got := allocated(func() { r = credential.Verify(data, x) })
			if r.Word != credential.Invalid || got > 16<<20 {
				t.Errorf("%s: %s, %d bytes were allocated", name, r.Word, got)
			}
		}
	}
	want(t, c.Zip(), in, credential.Valid)
}

// bomb is a status list that the lab's own key signed, and that unpacks to much.
func bomb(t *testing.T, l *credentialtest.Lab) []byte {
	t.Helper()
	list := packed(t, 9, make([]byte, 12<<20))
	return l.StatusFile(2, noon, nil, func(st *statement.Status, _ *statement.Statement) { st.Lists[0].EncodedList = list })
}
