package lzma

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestStages: a filter gives the same however its bytes come in.
func TestStages(t *testing.T) {
	ids := map[string]uint64{"x86": filterX86, "powerpc": filterPPC, "ia64": filterIA64, "arm": filterARM, "thumb": filterThumb, "sparc": filterSPARC, "arm64": filterARM64}
	for name := range dense {
		for _, f := range []filter{{ids[name], 0}, {ids[name], 4096}, {filterDelta, 0}, {filterDelta, 6}, {filterDelta, 255}} {
			data := denseSample(name, 20_003)
			want := bytes.Clone(data)
			undo(f, want)
			for _, most := range []int{1, 2, 7, 40, 300} {
				s, r := stage{filter: f, at: f.prop}, rand.New(rand.NewPCG(1, uint64(most)))
				var got []byte
				for rest := data; len(rest) > 0; {
					n := min(1+r.IntN(most), len(rest))
					got = append(got, s.pass(rest[:n], false)...)
					rest = rest[n:]
				}
				if got = append(got, s.pass(nil, true)...); !bytes.Equal(got, want) {
					t.Errorf("%s: filter %d from %d on, in pieces of at most %d bytes, differs", name, f.id, f.prop, most)
				}
			}
		}
	}
}
