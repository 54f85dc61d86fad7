package witness

import (
	"bytes"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/probat-lab/probat/ledger/proof"
)

// Whatever is sent in whatever order, of two histories, with right and broken proofs, and whatever fails on disk: sizes that were cosigned never shrink, and all that was cosigned
// is of one tree.
func TestOneHistory(t *testing.T) {
	const size, same = 40, 6
	l, fork := newLog(t, origin, "", size, size), newLog(t, origin, "x", same, size)
	other := newLog(t, "log.other.example", "", size, size)
	b := newBench(t, l.public(), other.public())
	restart := func() {
		b.restart(t)
		b.state.volatile = true
	}
	rapid.Check(t, func(rt *rapid.T) {
		for _, o := range []string{l.origin, other.origin} {
			writeFile(t, filepath.Join(b.dir, headFile(o)), encodeHead(&head{origin: o}))
		}
		restart()
		var cosigned []*proof.SignedCheckpoint
		largest := map[string]int64{}
		for range rapid.IntRange(1, 30).Draw(rt, "requests") {
			of := rapid.SampledFrom([]*testLog{l, l, fork, other}).Draw(rt, "log")
			to := rapid.Int64Range(0, size).Draw(rt, "to")
			from := rapid.OneOf(rapid.Just(min(to, largest[of.origin])), rapid.Int64Range(0, to)).Draw(rt, "from")
			r := of.request(t, from, to)
			switch rapid.IntRange(0, 9).Draw(rt, "trouble") {
			case 0:
				r.old = rapid.Int64Range(0, size).Draw(rt, "old")
			case 1:
				if len(r.hashes) > 0 {
					r.hashes = r.hashes[1:]
				}
			case 2:
				r.note.Lines[0].Signature = bytes.Clone(r.note.Lines[0].Signature)
				r.note.Lines[0].Signature[9] ^= 1
			case 3:
				step := rapid.SampledFrom([]string{"before rename", "after rename", "after flush"}).Draw(rt, "step")
				b.state.fault = func(s string) error {
					if s == step {
						return bytes.ErrTooLarge
					}
					return nil
				}
			case 4:
				restart()
			}
			rec := b.add(r)
			b.state.fault = nil
			if rec.Code != 200 {
				continue
			}
			c, err := proof.ParseSigned(append([]byte(r.note.Body()+"\n"), rec.Body.Bytes()...))
			if err != nil {
				rt.Fatal(err)
			}
			if c.Size < largest[c.Origin] {
				rt.Fatalf("%d leaves after %d", c.Size, largest[c.Origin])
			}
			largest[c.Origin] = c.Size
			cosigned = append(cosigned, c)
		}
		oneTree(t, rt, cosigned, l, fork, other)
	})
}

// oneTree checks that all checkpoints of an origin are of one of these logs.
func oneTree(t *testing.T, rt *rapid.T, all []*proof.SignedCheckpoint, logs ...*testLog) {
	for _, o := range []string{logs[0].origin, logs[len(logs)-1].origin} {
		fits := false
		for _, l := range logs {
			ok := l.origin == o
			for _, c := range all {
				ok = ok && (c.Origin != o || c.Checkpoint == l.at(t, c.Size).Checkpoint)
			}
			fits = fits || ok
		}
		if !fits {
			rt.Fatalf("two histories of %q were cosigned", o)
		}
	}
}
