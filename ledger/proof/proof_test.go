package proof_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/probat-lab/probat/ledger/proof"
)

// prove returns the proof of leaf i in the tree of the first size leaves.
func prove(t testing.TB, m memory, i, size int) *proof.Proof {
	t.Helper()
	hashes, err := tlog.ProveRecord(int64(size), int64(i), m)
	if err != nil {
		t.Fatal(err)
	}
	return &proof.Proof{Index: int64(i), Hashes: hashes, Checkpoint: sign(t, checkpoint(t, m, size), seeded(1))}
}

// TestProofAll proves every leaf of all small trees and of some larger ones.
func TestProofAll(t *testing.T) {
	sizes := []int{127, 128, 129, 255, 256, 257, 1000, 1024, bigSize}
	for size := 1; size <= 66; size++ {
		sizes = append(sizes, size)
	}
	for _, size := range sizes {
		s := sign(t, checkpoint(t, big(t), size), seeded(1))
		for i := range size {
			hashes, err := tlog.ProveRecord(int64(size), int64(i), big(t))
			if err != nil {
				t.Fatal(err)
			}
			p := &proof.Proof{Index: int64(i), Hashes: hashes, Checkpoint: s}
			if err := p.Verify(leafHash(i)); err != nil {
				t.Fatal(err)
			}
			if err := p.Verify(leafHash(i + 1)); err == nil {
				t.Fatalf("size %d: the proof of leaf %d proves another leaf", size, i)
			}
		}
	}
}

// TestProofChanged is adversarial test 14: whatever is changed in a proof, it proves nothing.
func TestProofChanged(t *testing.T) {
	m := big(t)
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(2, bigSize).Draw(rt, "size")
		i := rapid.IntRange(0, size-1).Draw(rt, "index")
		p := prove(t, m, i, size)
		parsed, err := proof.ParseProof(p.Bytes())
		if err != nil {
			rt.Fatal(err)
		}
		if err := parsed.Verify(leafHash(i)); err != nil {
			rt.Fatal(err)
		}
		at := rapid.IntRange(0, len(p.Hashes)-1).Draw(rt, "hash")
		change := func(what string, change func(p *proof.Proof)) {
			c := &proof.Proof{Index: p.Index, Hashes: slices.Clone(p.Hashes), Checkpoint: p.Checkpoint.With()}
			change(c)
			if c.Verify(leafHash(i)) == nil {
				rt.Fatalf("%s: proves leaf %d of %d", what, i, size)
			}
		}
		change("changed hash", func(p *proof.Proof) {
			p.Hashes[at][rapid.IntRange(0, 31).Draw(rt, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		})
		change("hash left out", func(p *proof.Proof) { p.Hashes = slices.Delete(p.Hashes, at, at+1) })
		change("hash twice", func(p *proof.Proof) { p.Hashes = slices.Insert(p.Hashes, at, p.Hashes[at]) })
		change("root as hash", func(p *proof.Proof) { p.Hashes = append(p.Hashes, p.Checkpoint.Root) })
		change("no hashes", func(p *proof.Proof) { p.Hashes = nil })
		change("other index", func(p *proof.Proof) {
			p.Index = (p.Index + 1 + int64(rapid.IntRange(0, size-2).Draw(rt, "other"))) % int64(size)
		})
		change("index of the size", func(p *proof.Proof) { p.Index = int64(size) })
		change("negative index", func(p *proof.Proof) { p.Index = -1 })
		change("other root", func(p *proof.Proof) { p.Checkpoint.Root[0] ^= 1 })
		change("size beyond the limit", func(p *proof.Proof) { p.Checkpoint.Size = 1<<62 + 1 })
	})
}

// TestProofOtherSize: the path alone does not bind the tree's size. The signature on the checkpoint does, which is why a proof needs both.
func TestProofOtherSize(t *testing.T) {
	p := prove(t, big(t), 2, 3)
	p.Checkpoint.Size, p.Index = 5, 4
	if err := p.Verify(leafHash(2)); err != nil {
		t.Fatalf("this test is about a proof that verifies: %v", err)
	}
	if _, err := policy(t, "log "+logKey(1).String(), "quorum none").Check(p.Checkpoint, now, nil); !errors.Is(err, proof.ErrBadSignature) {
		t.Errorf("got %v", err)
	}
}

func TestProofRefused(t *testing.T) {
	p := prove(t, big(t), 100, 1000)
	p.Extra = []byte("more")
	good := string(p.Bytes())
	hash := p.Hashes[0].String()
	extra := "extra " + base64.StdEncoding.EncodeToString(p.Extra) + "\n"
	for name, c := range map[string]struct{ text, says string }{
		"nothing":            {"", "the first line"},
		"other version":      {replaced(t, good, "@v1", "@v2"), "the first line"},
		"header only":        {"c2sp.org/tlog-proof@v1\n", "no empty line"},
		"carriage returns":   {strings.ReplaceAll(good, "\n", "\r\n"), "the first line"},
		"CR in a hash line":  {replaced(t, good, hash, hash+"\r"), "canonical base64"},
		"leading newline":    {"\n" + good, "the first line"},
		"trailing newline":   {good + "\n", "not a signature line"},
		"no index":           {replaced(t, good, "index 100\n", ""), "no index line"},
		"index of nothing":   {replaced(t, good, "index 100", "index "), "canonical decimal"},
		"index 0100":         {replaced(t, good, "index 100", "index 0100"), "canonical decimal"},
		"index +100":         {replaced(t, good, "index 100", "index +100"), "canonical decimal"},
		"index, two spaces":  {replaced(t, good, "index 100", "index  100"), "canonical decimal"},
		"index -1":           {replaced(t, good, "index 100", "index -1"), "canonical decimal"},
		"index of the size":  {replaced(t, good, "index 100", "index 1000"), "no leaf has the index"},
		"index of 2^63":      {replaced(t, good, "index 100", "index 9223372036854775808"), "canonical decimal"},
		"two index lines":    {replaced(t, good, "index 100\n", "index 100\nindex 100\n"), "canonical base64"},
		"index before extra": {replaced(t, replaced(t, good, extra, ""), "index 100\n", "index 100\n"+extra), "canonical base64"},
		"two extra lines":    {replaced(t, good, extra, extra+extra), "no index line"},
		"extra without data": {replaced(t, good, extra, "extra \n"), "0 bytes"},
		"extra not base64":   {replaced(t, good, extra, "extra more!\n"), "canonical base64"},
		"extra no padding":   {replaced(t, good, "bW9yZQ==", "bW9yZQ"), "canonical base64"},
		"extra too long":     {replaced(t, good, extra, "extra "+base64.StdEncoding.EncodeToString(make([]byte, proof.MaxExtra+1))+"\n"), "1 to 65536 are allowed"},
		"hash no padding":    {replaced(t, good, hash, strings.TrimRight(hash, "=")), "canonical base64"},
		"hash stray bits":    {replaced(t, good, hash, stray(hash)), "canonical base64"},
		"short hash":         {replaced(t, good, hash, "AAAA"), "not a hash"},
		"empty line inside":  {replaced(t, good, hash+"\n", "\n"), "reading"},
		"64 hashes":          {replaced(t, good, hash+"\n", strings.Repeat(hash+"\n", 64-len(p.Hashes)+1)), "64 lines of hashes, at most 63"},
		"no checkpoint":      {good[:strings.Index(good, "\n\n")+2], "no empty line before signatures"},
		"no signatures":      {good[:strings.Index(good, "— ")], "no signatures"},
		"extension line":     {replaced(t, good, "\n\n— ", "\nextension\n\n— "), "more than three"},
		"too large":          {good + strings.Repeat("x", 2*proof.MaxNote), "reading proof: 200"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := proof.ParseProof([]byte(c.text))
			refused(t, err, c.says)
		})
	}
	got, err := proof.ParseProof([]byte(good))
	if err != nil || string(got.Extra) != "more" || got.Index != 100 || string(got.Bytes()) != good {
		t.Errorf("got %v, %v", got, err)
	}
	p.Extra = nil
	if got, err = proof.ParseProof(p.Bytes()); err != nil || got.Extra != nil {
		t.Errorf("got %v, %v", got, err)
	}
	p.Extra = make([]byte, proof.MaxExtra)
	if got, err = proof.ParseProof(p.Bytes()); err != nil || len(got.Extra) != proof.MaxExtra {
		t.Errorf("the longest extra data: %v", err)
	}
}

// TestProofHuge: a size near 2^63 ends at once, here and in every function that walks the tree.
func TestProofHuge(t *testing.T) {
	text := replaced(t, string(prove(t, big(t), 0, 2).Bytes()), "\n2\n", "\n9223372036854775807\n")
	_, err := proof.ParseProof([]byte(text))
	refused(t, err, "is more than")
	huge := proof.Checkpoint{Origin: origin, Size: 1<<63 - 1}
	if err := proof.CheckConsistency(proof.Checkpoint{Origin: origin, Size: 1}, huge, nil); err == nil {
		t.Error("consistent")
	}
	p := &proof.Proof{Checkpoint: &proof.SignedCheckpoint{Checkpoint: huge}}
	if err := p.Verify(tlog.Hash{}); err == nil {
		t.Error("verified")
	}
	// The largest size that is read.
	p = &proof.Proof{Index: proof.MaxSize - 1, Hashes: make([]tlog.Hash, 60), Checkpoint: sign(t, proof.Checkpoint{Origin: origin, Size: proof.MaxSize}, seeded(1))}
	if _, err := proof.ParseProof(p.Bytes()); err != nil {
		t.Error(err)
	}
	for range 60 {
		p.Checkpoint.Root = tlog.NodeHash(tlog.Hash{}, p.Checkpoint.Root)
	}
	if err := p.Verify(tlog.Hash{}); err != nil {
		t.Error(err)
	}
}

// TestProofBitFlips: every changed bit of a proof with a quorum is noticed: it does not parse, the policy refuses, the quorum is gone, or the leaf is not shown.
func TestProofBitFlips(t *testing.T) {
	w := cosigner(t, "w.example/1")
	p := prove(t, big(t), 5, 11)
	p.Checkpoint = cosign(t, p.Checkpoint, now, w)
	pol := policy(t, "log "+logKey(1).String(), "witness w "+w.String(), "quorum w")
	good := p.Bytes()
	valid := func(b []byte) bool {
		p, err := proof.ParseProof(b)
		if err != nil || p.Verify(leafHash(5)) != nil {
			return false
		}
		r, err := pol.Check(p.Checkpoint, now, nil)
		return err == nil && r.Quorum
	}
	if !valid(good) {
		t.Fatal("the unchanged proof is not valid")
	}
	for i := range len(good) * 8 {
		b := bytes.Clone(good)
		b[i/8] ^= 1 << (i % 8)
		if valid(b) {
			t.Fatalf("valid with bit %d of byte %d changed: %q", i%8, i/8, b)
		}
	}
	for i := range good {
		if valid(good[:i]) {
			t.Fatalf("valid when cut after %d bytes", i)
		}
	}
}

func FuzzParseProof(f *testing.F) {
	p := prove(f, big(f), 5, 11)
	f.Add(p.Bytes())
	p.Extra = []byte("more")
	f.Add(p.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := proof.ParseProof(b)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Bytes(), b) {
			t.Errorf("%q is written as %q", b, p.Bytes())
		}
		_ = p.Verify(leafHash(5))
	})
}
