package credential_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/credential"
)

// sample is what a competitor sees of a sealed dossier, and the verdict that it does not see.
type sample struct {
	seen   []byte
	hidden bool // the verdict is fail
}

// bits learns from the first half of the samples which bit of what is seen tells most of the verdict, and returns how often it is right about the other half.
func bits(all []sample) float64 {
	half := len(all) / 2
	agree := func(some []sample, bit int) (n int) {
		for _, s := range some {
			if (s.seen[bit/8]>>(bit%8)&1 == 1) == s.hidden {
				n++
			}
		}
		return n
	}
	best, bestScore, same := 0, -1, true
	for bit := range len(all[0].seen) * 8 {
		n := agree(all[:half], bit)
		if score := max(n, half-n); score > bestScore {
			best, bestScore, same = bit, score, n > half-n
		}
	}
	right := agree(all[half:], best)
	if !same {
		right = len(all) - half - right
	}
	return float64(right) / float64(len(all)-half)
}

const guessed = `{"requirement":"4.2.3.4.2.1","verdict":"%s"}`

func verdictText(fail bool) []byte {
	return fmt.Appendf(nil, guessed, map[bool]string{false: "pass", true: "fail"}[fail])
}

// dictionary tries both verdicts with every salt that it can think of, and returns for how many samples exactly the right one fits.
func dictionary(all []sample) (found int) {
	for _, s := range all {
		var fits [2]bool
		for i, fail := range []bool{false, true} {
			text := verdictText(fail)
			for at := -32; at <= len(s.seen)-32; at++ { // 32 bytes that are seen somewhere, or zeros; and none at all
				salt := make([]byte, 32)
				if at >= 0 {
					salt = s.seen[at : at+32]
				} else if at%2 == 0 {
					salt = nil
				}
				h := tlog.RecordHash(slices.Concat(salt, text))
				fits[i] = fits[i] || bytes.Contains(s.seen, h[:])
			}
		}
		if fits[0] != fits[1] && fits[1] == s.hidden {
			found++
		}
	}
	return found
}

// TestGuess is doc/adversarial-tests.md, 33: with everything disclosed of a dossier but one verdict, so that the attacker has the very hash by which it is committed to, that verdict is told no
// better than by chance. The same attackers find a verdict that is sealed badly.
func TestGuess(t *testing.T) {
	const n = 160
	seed := rand.NewChaCha8([32]byte{33}) // the same in every run
	coin := rand.New(seed)
	var sealedWell, unsalted, oneSalt []sample
	all := items(1024) // no padding
	for range n {
		secret := make([]byte, credential.SecretSize)
		_, _ = seed.Read(secret)
		hidden := coin.IntN(2) == 1
		all[0] = credential.Item{Kind: "verdict", Text: verdictText(hidden)}
		tree, err := credential.Seal(secret, all)
		if err != nil {
			t.Fatal(err)
		}
		mine := open(t, tree, 0)
		beside := 1
		for open(t, tree, beside).Index != mine.Index^1 {
			beside++
		}
		d := open(t, tree, beside)
		root, err := base64.StdEncoding.DecodeString(tree.Sealed.Root)
		if err != nil {
			t.Fatal(err)
		}
		seen := slices.Concat(root, slices.Concat(d.Hashes...), d.Salt, []byte{byte(d.Index), byte(d.Index >> 8)})
		sealedWell = append(sealedWell, sample{seen, hidden})
		bare, shared := tlog.RecordHash(verdictText(hidden)), tlog.RecordHash(slices.Concat(d.Salt, verdictText(hidden)))
		unsalted = append(unsalted, sample{slices.Concat(seen, bare[:]), hidden})
		oneSalt = append(oneSalt, sample{slices.Concat(seen, shared[:]), hidden})
	}
	const chance, spread = 0.5, 0.056 // of the share of right answers about 80 samples
	if got := bits(sealedWell); math.Abs(got-chance) > 3*spread {
		t.Errorf("a bit of what is public tells %.0f of 100 verdicts", 100*got)
	}
	if got := bits(unsalted); got < 0.99 {
		t.Errorf("the attacker who looks at bits tells only %.0f of 100 verdicts that are not salted", 100*got)
	}
	if got := dictionary(sealedWell[:20]); got != 0 {
		t.Errorf("%d of 20 sealed verdicts were found by trying", got)
	}
	for name, all := range map[string][]sample{"unsalted": unsalted, "with the salt of what was disclosed": oneSalt} {
		if got := dictionary(all[:20]); got != 20 {
			t.Errorf("%s: the attacker who tries finds only %d of 20", name, got)
		}
	}
}

// TestPlaces is doc/adversarial-tests.md, 36: where items stand in the tree tells nothing of the order in which they were given, nor of their kinds; and the size of a disclosure tells
// nothing of how many others there are.
func TestPlaces(t *testing.T) {
	const trees, n = 120, 40
	seed := rand.NewChaCha8([32]byte{36})
	var correlation float64
	first, middle := 0, 0 // how often the first item, and the last verdict, stand in the lower half
	for range trees {
		secret := make([]byte, credential.SecretSize)
		_, _ = seed.Read(secret)
		all := items(n)
		for i := range all { // verdicts first, as they are in a dossier
			all[i].Kind = []string{"verdict", "finding"}[i*2/n]
		}
		tree, err := credential.Seal(secret, all)
		if err != nil {
			t.Fatal(err)
		}
		places := make([]int64, n)
		for i := range all {
			places[i] = open(t, tree, i).Index
		}
		sorted := slices.Sorted(slices.Values(places))
		var d2 float64
		for i, p := range places {
			rank, _ := slices.BinarySearch(sorted, p)
			d2 += float64((i - rank) * (i - rank))
		}
		correlation += (1 - 6*d2/float64(n*(n*n-1))) / trees // Spearman's
		if places[0] < 512 {
			first++
		}
		for _, p := range places[:n/2] {
			if p < 512 {
				middle++
			}
		}
	}
	if limit := 3 / math.Sqrt(trees*(n-1)); math.Abs(correlation) > limit {
		t.Errorf("places follow the order of items: correlation %.3f, by chance at most %.3f", correlation, limit)
	}
	if limit := 3 * math.Sqrt(trees) / 2; math.Abs(float64(first)-trees/2) > limit {
		t.Errorf("the first item is in the lower half %d of %d times", first, trees)
	}
	if limit := 3 * math.Sqrt(trees*n/2) / 2; math.Abs(float64(middle)-trees*n/4) > limit {
		t.Errorf("verdicts are in the lower half %d of %d times", middle, trees*n/2)
	}
}
