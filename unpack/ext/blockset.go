package ext

import "math/bits"

// pageBits is how many numbers a page of a blockSet has.
const pageBits = 1 << 14

type page [pageBits / 64]uint64

// blockSet is a set of block or inode numbers. It takes memory only where it has
// members, since the numbers come from an image that may claim to be huge.
type blockSet struct {
	pages map[uint64]*page
	last  uint64 // number of the page at hand, when not nil
	hand  *page
}

func (s *blockSet) page(n uint64, make bool) *page {
	n /= pageBits
	if s.hand != nil && s.last == n {
		return s.hand
	}
	p := s.pages[n]
	if p == nil && make {
		if s.pages == nil {
			s.pages = map[uint64]*page{}
		}
		p = new(page)
		s.pages[n] = p
	}
	if p != nil {
		s.last, s.hand = n, p
	}
	return p
}

func (s *blockSet) has(n uint64) bool {
	p := s.page(n, false)
	return p != nil && p[n%pageBits/64]>>(n%64)&1 != 0
}

// add adds n and tells whether it was new.
func (s *blockSet) add(n uint64) bool {
	w := &s.page(n, true)[n%pageBits/64]
	old := *w
	*w |= 1 << (n % 64)
	return *w != old
}

// span returns the mask of the bits of from's word that belong to from, from+1, ..., and how many these are, at most n.
func span(from, n uint64) (mask, took uint64) {
	took = min(64-from%64, n)
	return ^uint64(0) >> (64 - took) << (from % 64), took
}

func (s *blockSet) addRange(from, n uint64) {
	for n > 0 {
		mask, took := span(from, n)
		s.page(from, true)[from%pageBits/64] |= mask
		from, n = from+took, n-took
	}
}

// first returns the first member of from, from+1, ..., from+n-1.
func (s *blockSet) first(from, n uint64) (uint64, bool) {
	for n > 0 {
		p := s.page(from, false)
		if p == nil {
			skip := min(pageBits-from%pageBits, n)
			from, n = from+skip, n-skip
			continue
		}
		mask, took := span(from, n)
		if w := p[from%pageBits/64] & mask; w != 0 {
			return from&^63 + uint64(bits.TrailingZeros64(w)), true
		}
		from, n = from+took, n-took
	}
	return 0, false
}
