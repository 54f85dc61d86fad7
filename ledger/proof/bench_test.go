package proof_test

import (
	"fmt"
	"testing"

	"github.com/probat-lab/probat/ledger/proof"
)

// BenchmarkCheck verifies a checkpoint with the log's signature and two cosignatures, one of each kind.
func BenchmarkCheck(b *testing.B) {
	ed, ml := cosigner(b, "a.example/1"), cosigner(b, "b.example/mldsa")
	p := policy(b, "log "+logKey(1).String(), "witness a "+ed.String(), "witness b "+ml.String(), "group g all a b", "quorum g")
	s := cosign(b, sign(b, checkpoint(b, big(b), bigSize), seeded(1)), now, ed, ml)
	for b.Loop() {
		if r, err := p.Check(s, now, nil); err != nil || !r.Quorum {
			b.Fatal(r, err)
		}
	}
}

// BenchmarkCheckWorst is the quorum that takes longest to refuse: 32 witnesses that all cosigned, three to an organisation, and one organisation too few.
func BenchmarkCheckWorst(b *testing.B) {
	lines := []string{"log " + logKey(1).String()}
	s, names := sign(b, checkpoint(b, big(b), 9), seeded(1)), ""
	for i := range 32 {
		w := cosigner(b, fmt.Sprintf("o%d.example/%d", i/3, i))
		lines, names = append(lines, fmt.Sprintf("witness w%d %s", i, w)), names+fmt.Sprintf(" w%d", i)
		s = cosign(b, s, now, w)
	}
	p := policy(b, append(lines, "group g 12"+names, "quorum g")...)
	for b.Loop() {
		if r, err := p.Check(s, now, nil); err != nil || r.Quorum {
			b.Fatal(r, err)
		}
	}
}

// BenchmarkProofVerify checks the inclusion of one leaf of 3,000.
func BenchmarkProofVerify(b *testing.B) {
	p := prove(b, big(b), 1234, bigSize)
	h := leafHash(1234)
	for b.Loop() {
		if err := p.Verify(h); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseLeaf(b *testing.B) {
	l, _ := newLeaf(b, "x")
	text := l.Bytes()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := proof.ParseLeaf(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLeafHash(b *testing.B) {
	l, _ := newLeaf(b, "x")
	for b.Loop() {
		_ = l.Hash()
	}
}
