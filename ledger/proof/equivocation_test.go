package proof_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/probat-lab/probat/ledger/proof"
)

func TestConsistency(t *testing.T) {
	m := big(t)
	check := func(t testing.TB, a, b int) {
		hashes, err := proof.ProveConsistency(int64(a), int64(b), m)
		if err != nil {
			t.Fatal(err)
		}
		ca, cb := checkpoint(t, m, a), checkpoint(t, m, b)
		if err := proof.CheckConsistency(ca, cb, hashes); err != nil {
			t.Fatal(err)
		}
		if err := proof.CheckConsistency(ca, cb, append(slices.Clone(hashes), tlog.Hash{})); err == nil {
			t.Fatalf("%d to %d: a hash too many is accepted", a, b)
		}
		if a == 0 || a == b {
			return
		}
		if err := proof.CheckConsistency(ca, cb, hashes[:len(hashes)-1]); err == nil {
			t.Fatalf("%d to %d: a missing hash is accepted", a, b)
		}
		ca.Root[0] ^= 1
		if err := proof.CheckConsistency(ca, cb, hashes); err == nil || errors.Is(err, proof.ErrTwoHistories) {
			t.Fatalf("%d to %d: another root: %v", a, b, err)
		}
	}
	for b := range 40 {
		for a := range b + 1 {
			check(t, a, b)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		b := rapid.IntRange(1, bigSize).Draw(rt, "larger")
		check(t, rapid.IntRange(1, b).Draw(rt, "smaller"), b)
	})
}

func TestConsistencyRefused(t *testing.T) {
	m := big(t)
	a, b := checkpoint(t, m, 5), checkpoint(t, m, 9)
	hashes, err := proof.ProveConsistency(5, 9, m)
	if err != nil {
		t.Fatal(err)
	}
	other := b
	other.Origin = "log.other.example"
	refused(t, proof.CheckConsistency(a, other, hashes), "two logs")
	refused(t, proof.CheckConsistency(b, a, hashes), "more than the second")
	other = a
	other.Root[0] ^= 1
	if err := proof.CheckConsistency(a, other, nil); !errors.Is(err, proof.ErrTwoHistories) {
		t.Errorf("same size, other root: got %v", err)
	}
	refused(t, proof.CheckConsistency(a, a, hashes), "none are needed")
	refused(t, proof.CheckConsistency(proof.Checkpoint{Origin: origin, Root: proof.EmptyRoot()}, b, hashes), "none are needed")
	refused(t, proof.CheckConsistency(proof.Checkpoint{Origin: origin}, b, nil), "empty tree")
	for _, sizes := range [][2]int64{{-1, 5}, {6, 5}, {1, proof.MaxSize + 1}} {
		if _, err := proof.ProveConsistency(sizes[0], sizes[1], m); err == nil {
			t.Errorf("%v: proved", sizes)
		}
	}
	if _, err := proof.ProveConsistency(1, bigSize+1, m); err == nil {
		t.Error("proved beyond the tree")
	}
}

// TestConvict is adversarial test 3, and 1 as far as the file goes.
func TestConvict(t *testing.T) {
	w := cosigner(t, "w.example/1")
	rapid.Check(t, func(rt *rapid.T) {
		small := rapid.IntRange(1, 60).Draw(rt, "smaller")
		large := rapid.IntRange(small, 80).Draw(rt, "larger")
		from := rapid.IntRange(0, small-1).Draw(rt, "fork")
		left, right := grow(t, small, from, " for you"), grow(t, large, from, " for me")
		a, b := sign(t, checkpoint(t, left, small), seeded(1)), cosign(t, sign(t, checkpoint(t, right, large), seeded(1)), now, w)
		if rapid.Bool().Draw(rt, "swap") {
			a, b = b, a
		}
		e, err := proof.Convict(logKey(1), a, b, right)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := proof.ParseEquivocation(e.Bytes())
		if err != nil {
			rt.Fatal(err)
		}
		if err := got.Check(); err != nil {
			rt.Fatal(err)
		}
		if got.Log != logKey(1) || got.A.Size > got.B.Size || !bytes.Equal(got.Bytes(), e.Bytes()) || len(got.A.Lines)+len(got.B.Lines) != 3 {
			rt.Fatalf("got %+v", got)
		}
	})
}

// TestInnocent: a log that kept to one history is not convicted, by nobody's arts.
func TestInnocent(t *testing.T) {
	m := big(t)
	var signed []*proof.SignedCheckpoint
	for size := range 20 {
		signed = append(signed, sign(t, checkpoint(t, m, size), seeded(1)))
	}
	for b, sb := range signed {
		for a, sa := range signed[:b+1] {
			if _, err := proof.Convict(logKey(1), sa, sb, m); !errors.Is(err, proof.ErrConsistent) {
				t.Fatalf("%d and %d: got %v", a, b, err)
			}
			// Proofs that were broken on purpose.
			hashes, err := proof.ProveConsistency(int64(a), int64(b), m)
			if err != nil {
				t.Fatal(err)
			}
			forged := []*proof.Equivocation{
				{}, {Prefix: tlog.Hash{1}, Hashes: hashes}, {Prefix: sa.Root, Hashes: hashes}, {Prefix: sb.Root}, {Prefix: tlog.Hash{1}}, {Hashes: append(slices.Clone(hashes), tlog.Hash{})},
			}
			if len(hashes) > 0 {
				changed := slices.Clone(hashes)
				changed[0][0] ^= 1
				forged = append(forged, &proof.Equivocation{Prefix: changed[0], Hashes: changed}, &proof.Equivocation{Prefix: hashes[0], Hashes: hashes})
			}
			for i, e := range forged {
				e.Log, e.A, e.B = logKey(1), sa, sb
				if e.Check() == nil {
					t.Fatalf("%d and %d: forgery %d convicts", a, b, i)
				}
			}
		}
	}
}

func TestConvictRefused(t *testing.T) {
	left, right := grow(t, 5, 2, " for you"), grow(t, 9, 2, " for me")
	a, b := sign(t, checkpoint(t, left, 5), seeded(1)), sign(t, checkpoint(t, right, 9), seeded(1))
	same := sign(t, checkpoint(t, right, 5), seeded(1))
	good, err := proof.Convict(logKey(1), a, b, right)
	if err != nil {
		t.Fatal(err)
	}
	equal, err := proof.Convict(logKey(1), a, same, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = proof.Convict(logKey(2), a, b, right)
	if !errors.Is(err, proof.ErrUnknownLog) {
		t.Errorf("another key: got %v", err)
	}
	_, err = proof.Convict(logKey(1), a, b, nil)
	refused(t, err, "no tree")
	_, err = proof.Convict(logKey(1), a, b, grow(t, 9, 3, " elsewhere"))
	refused(t, err, "not shown to be part")
	_, err = proof.Convict(logKey(1), a, b, left)
	refused(t, err, "convicting")

	change := func(e *proof.Equivocation, change func(e *proof.Equivocation)) *proof.Equivocation {
		c := &proof.Equivocation{Log: e.Log, A: e.A.With(), B: e.B.With(), Prefix: e.Prefix, Hashes: slices.Clone(e.Hashes)}
		change(c)
		return c
	}
	for name, c := range map[string]struct {
		e    *proof.Equivocation
		says string
	}{
		"A not signed":        {change(good, func(e *proof.Equivocation) { e.A.Lines[0].Signature = make([]byte, 64) }), "first checkpoint"},
		"B not signed":        {change(good, func(e *proof.Equivocation) { e.B.Lines[0].Signature = make([]byte, 64) }), "second checkpoint"},
		"B of another log":    {change(good, func(e *proof.Equivocation) { e.B = sign(t, e.B.Checkpoint, seeded(2)) }), "second checkpoint"},
		"no key":              {change(good, func(e *proof.Equivocation) { e.Log = proof.LogKey{} }), "first checkpoint"},
		"other key":           {change(good, func(e *proof.Equivocation) { e.Log = logKey(2) }), "first checkpoint"},
		"swapped":             {change(good, func(e *proof.Equivocation) { e.A, e.B = e.B, e.A }), "not shown to be part"},
		"prefix is A's root":  {change(good, func(e *proof.Equivocation) { e.Prefix = e.A.Root }), "do not contradict"},
		"other prefix":        {change(good, func(e *proof.Equivocation) { e.Prefix[0] ^= 1 }), "not shown to be part"},
		"no prefix":           {change(good, func(e *proof.Equivocation) { e.Prefix = tlog.Hash{} }), "not shown to be part"},
		"no proof":            {change(good, func(e *proof.Equivocation) { e.Hashes = nil }), "not shown to be part"},
		"changed proof":       {change(good, func(e *proof.Equivocation) { e.Hashes[0][0] ^= 1 }), "not shown to be part"},
		"longer proof":        {change(good, func(e *proof.Equivocation) { e.Hashes = append(e.Hashes, tlog.Hash{}) }), "not shown to be part"},
		"twice the same":      {change(equal, func(e *proof.Equivocation) { e.B = e.A }), "do not contradict"},
		"equal with a prefix": {change(equal, func(e *proof.Equivocation) { e.Prefix = e.A.Root }), "need no proof"},
		"equal with a hash":   {change(equal, func(e *proof.Equivocation) { e.Hashes = []tlog.Hash{{}} }), "need no proof"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, c.e.Check(), c.says) })
	}
}

func TestEquivocationRefused(t *testing.T) {
	left, right := grow(t, 5, 2, " for you"), grow(t, 9, 2, " for me")
	a, b := sign(t, checkpoint(t, left, 5), seeded(1)), sign(t, checkpoint(t, right, 9), seeded(1))
	e, err := proof.Convict(logKey(1), a, b, right)
	if err != nil {
		t.Fatal(err)
	}
	good := string(e.Bytes())
	noteA := fmt.Sprintf("note %d\n", len(a.Bytes()))
	noteB := fmt.Sprintf("note %d\n\n", len(b.Bytes()))
	if noteA+"\n" != noteB {
		t.Fatal("the notes should be of one length for this test")
	}
	hash := "hash " + e.Hashes[0].String() + "\n"
	prefix := "prefix " + e.Prefix.String() + "\n"
	logLine := "log " + e.Log.String() + "\n"
	longer := fmt.Sprintf("note %d\n", len(a.Bytes())+1)
	for name, c := range map[string]struct{ text, says string }{
		"nothing":            {"", "not an equivocation file"},
		"other version":      {replaced(t, good, "/1", "/2"), "not an equivocation file"},
		"header only":        {"probat-equivocation/1\n\n", "not an equivocation file"},
		"carriage returns":   {strings.ReplaceAll(good, "\n", "\r\n"), "not an equivocation file"},
		"log only":           {"probat-equivocation/1\n" + logLine + "\n", "lines are missing"},
		"no log":             {replaced(t, good, logLine, ""), "reading log"},
		"log without word":   {replaced(t, good, "log ", ""), "canonical form"},
		"log's words twice":  {replaced(t, good, "log ", "log log "), "reading log"},
		"no prefix":          {replaced(t, good, prefix, ""), "reading prefix"},
		"prefix no word":     {replaced(t, good, "prefix ", ""), "canonical form"},
		"two prefixes":       {replaced(t, good, prefix, prefix+prefix), "no line with a hash"},
		"hash no word":       {replaced(t, good, hash, strings.TrimPrefix(hash, "hash ")), "no line with a hash"},
		"64 hashes":          {replaced(t, good, hash, strings.Repeat(hash, 65-len(e.Hashes))), "at most 63"},
		"length too small":   {replaced(t, good, noteA, fmt.Sprintf("note %d\n", len(a.Bytes())-1)), "reading first note"},
		"length too large":   {replaced(t, good, noteA, longer), "reading first note"},
		"length huge":        {replaced(t, good, noteA, "note 9223372036854775807\n"), "is more than"},
		"length negative":    {replaced(t, good, noteA, "note -1\n"), "canonical decimal"},
		"length 0N":          {replaced(t, good, noteA, strings.Replace(noteA, " ", " 0", 1)), "canonical decimal"},
		"length no word":     {replaced(t, good, noteA, strings.TrimPrefix(noteA, "note ")), "canonical form"},
		"second length":      {replaced(t, good, noteB, longer+"\n"), "canonical form"},
		"one length":         {replaced(t, good, noteA, ""), "reading length of first note"},
		"trailing newline":   {good + "\n", "reading second note"},
		"one note":           {strings.TrimSuffix(good, string(b.Bytes())), "reading second note"},
		"note between":       {replaced(t, good, string(b.Bytes()), string(a.Bytes())+string(b.Bytes())), "reading second note"},
		"zero prefix, alone": {replaced(t, dropHashes(good), prefix, "prefix "+tlog.Hash{}.String()+"\n"), "canonical form"},
		"too large":          {good + strings.Repeat("x", proof.MaxEquivocation), "reading equivocation: 200"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := proof.ParseEquivocation([]byte(c.text))
			refused(t, err, c.says)
		})
	}
}

func dropHashes(text string) string {
	return strings.Join(slices.DeleteFunc(strings.SplitAfter(text, "\n"), func(l string) bool { return strings.HasPrefix(l, "hash ") }), "")
}

// TestEquivocationBitFlips: a file with a changed bit convicts nobody, or says exactly what it says.
func TestEquivocationBitFlips(t *testing.T) {
	left, right := grow(t, 5, 2, " for you"), grow(t, 9, 2, " for me")
	e, err := proof.Convict(logKey(1), sign(t, checkpoint(t, left, 5), seeded(1)), sign(t, checkpoint(t, right, 9), seeded(1)), right)
	if err != nil {
		t.Fatal(err)
	}
	good := e.Bytes()
	for i := range len(good) * 8 {
		b := bytes.Clone(good)
		b[i/8] ^= 1 << (i % 8)
		if e, err := proof.ParseEquivocation(b); err == nil && e.Check() == nil {
			t.Fatalf("convicts with bit %d of byte %d changed", i%8, i/8)
		}
	}
}

func FuzzParseEquivocation(f *testing.F) {
	left, right := grow(f, 5, 2, " for you"), grow(f, 9, 2, " for me")
	a, b := sign(f, checkpoint(f, left, 5), seeded(1)), sign(f, checkpoint(f, right, 9), seeded(1))
	for _, other := range []*proof.SignedCheckpoint{b, sign(f, checkpoint(f, right, 5), seeded(1))} {
		e, err := proof.Convict(logKey(1), a, other, right)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(e.Bytes())
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := proof.ParseEquivocation(text)
		if err != nil {
			return
		}
		if !bytes.Equal(e.Bytes(), text) {
			t.Errorf("%q is written as %q", text, e.Bytes())
		}
		_ = e.Check()
	})
}
