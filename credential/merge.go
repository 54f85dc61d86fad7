package credential

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/probat-lab/probat/ledger/proof"
)

// Merge returns what two verifiers saw: of each lab the highest version of the trust file, the largest checkpoint, and of each series the highest list
// with all revocations and supersessions that either saw. Where two are of one height and differ, the lab has told two stories; the one with the smaller bytes is kept, so that
// it does not matter who comes first. Either may be nil. The error names what cannot be read, which [ParseSeen] would not have let in.
func Merge(a, b *Seen) (*Seen, error) {
	if a == nil || b == nil {
		return cmp.Or(a, b), nil
	}
	out := &Seen{Format: seenFormat, Labs: slices.Clone(a.Labs)}
	for _, l := range b.Labs {
		i, ok := slices.BinarySearchFunc(out.Labs, l.Fingerprint, func(x SeenLab, f string) int { return strings.Compare(x.Fingerprint, f) })
		if !ok {
			out.Labs = slices.Insert(out.Labs, i, l)
			continue
		}
		m, err := out.Labs[i].merge(&l)
		if err != nil {
			return nil, fmt.Errorf("merging what was seen of the lab %.12s: %w", l.Fingerprint, err)
		}
		out.Labs[i] = *m
	}
	return out, nil
}

func (l *SeenLab) merge(o *SeenLab) (*SeenLab, error) {
	m := &SeenLab{Fingerprint: l.Fingerprint, Trust: l.Trust, Series: slices.Clone(l.Series)}
	if c := cmp.Or(cmp.Compare(o.Trust.Version, l.Trust.Version), cmp.Compare(l.Trust.ID, o.Trust.ID)); c > 0 {
		m.Trust = o.Trust
	}
	var err error
	if m.Checkpoint, err = larger(l.Checkpoint, o.Checkpoint); err != nil {
		return nil, err
	}
	for _, s := range o.Series {
		i, ok := slices.BinarySearchFunc(m.Series, s.Series, func(x SeenSeries, f string) int { return strings.Compare(x.Series, f) })
		if !ok {
			m.Series = slices.Insert(m.Series, i, s)
			continue
		}
		if m.Series[i], err = m.Series[i].merge(s); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// larger returns the checkpoint with more leaves.
func larger(a, b string) (string, error) {
	if a == b || b == "" {
		return a, nil
	}
	if a == "" {
		return b, nil
	}
	x, err := proof.ParseSigned([]byte(a))
	if err != nil {
		return "", err
	}
	y, err := proof.ParseSigned([]byte(b))
	if err != nil {
		return "", err
	}
	if c := cmp.Or(cmp.Compare(y.Size, x.Size), strings.Compare(a, b)); c > 0 {
		return b, nil
	}
	return a, nil
}

// merge takes the higher list, and what either ever revoked or superseded.
func (s SeenSeries) merge(o SeenSeries) (SeenSeries, error) {
	if c := cmp.Or(cmp.Compare(o.Sequence, s.Sequence), cmp.Compare(s.ID, o.ID)); c > 0 {
		s, o = o, s
	}
	if slices.Equal(s.Lists, o.Lists) { // unpacking is slow, and seldom needed
		return s, nil
	}
	lists, err := ParseLists(s.Lists)
	if err != nil {
		return s, err
	}
	old, err := ParseLists(o.Lists)
	if err != nil {
		return s, err
	}
	all := *lists
	all.keep(old)
	if all != *lists {
		s.Lists = all.Encode()
	}
	return s, nil
}

// keep takes over what is for ever.
func (l *Lists) keep(old *Lists) {
	for i := range l.Revoked {
		l.Revoked[i] |= old.Revoked[i]
		l.Superseded[i] |= old.Superseded[i]
	}
}
