package lzma

import "fmt"

const (
	probInit = 1 << 10 // a bit is as likely 0 as 1
	maxLcLp  = 4       // as in LZMA2, and in what encoders make in .lzma
)

// lenProbs are the probabilities of match lengths.
type lenProbs struct {
	choice, choice2 uint16
	low, mid        [16][8]uint16
	high            [256]uint16
}

// probs are all probabilities; a reset sets them together.
type probs struct {
	match, rep0Long       [12][16]uint16
	rep, rep0, rep1, rep2 [12]uint16
	slot                  [4][64]uint16
	special               [128]uint16
	align                 [16]uint16
	matchLen, repLen      lenProbs
	literal               [1 << maxLcLp][0x400]uint16
}

// initialProbs is what a reset copies.
var initialProbs = func() *probs {
	p := &probs{}
	fill := func(s []uint16) {
		for i := range s {
			s[i] = probInit
		}
	}
	for i := range p.match {
		fill(p.match[i][:])
		fill(p.rep0Long[i][:])
	}
	for _, a := range []*[12]uint16{&p.rep, &p.rep0, &p.rep1, &p.rep2} {
		fill(a[:])
	}
	for i := range p.slot {
		fill(p.slot[i][:])
	}
	fill(p.special[:])
	fill(p.align[:])
	for _, l := range []*lenProbs{&p.matchLen, &p.repLen} {
		l.choice, l.choice2 = probInit, probInit
		for i := range l.low {
			fill(l.low[i][:])
			fill(l.mid[i][:])
		}
		fill(l.high[:])
	}
	for i := range p.literal {
		fill(p.literal[i][:])
	}
	return p
}()

// properties sets the parameters of the model and resets it.
func (d *core) properties(b byte) error {
	lc, lp, pb := uint32(b%9), uint32(b/9%5), uint32(b/45)
	if pb > 4 {
		return errLZMA
	}
	if lc+lp > maxLcLp {
		return fmt.Errorf("%w: LZMA with lc=%d lp=%d, more than four bits of literal context", ErrUnsupported, lc, lp)
	}
	d.lc, d.lpMask, d.pbMask = lc, 1<<lp-1, 1<<pb-1
	d.reset()
	return nil
}

func (d *core) reset() {
	p, from := &d.probs, initialProbs
	p.match, p.rep0Long = from.match, from.rep0Long
	p.rep, p.rep0, p.rep1, p.rep2 = from.rep, from.rep0, from.rep1, from.rep2
	p.slot, p.special, p.align = from.slot, from.special, from.align
	p.matchLen, p.repLen = from.matchLen, from.repLen
	// Of the literals only those that the parameters use; they are most of it.
	used := (d.lpMask + 1) << d.lc
	copy(p.literal[:used], from.literal[:used])
	d.state, d.rep = 0, [4]uint32{}
}
