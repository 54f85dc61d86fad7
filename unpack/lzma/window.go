package lzma

const (
	firstWindow = 64 << 10
	minWindow   = 4 << 10
	step        = 32 << 10 // bytes decoded at a time, so that they are handed on while the processor still has them at hand
	keepWindow  = 8 << 20  // memory that is kept for the next stream
)

// window is a core whose dictionary is a ring, which grows until it has the size asked for.
type window struct {
	core
	size int
	from int // bytes before pos and from here on were not handed on
}

// open starts an empty window; size was checked against the caller's limit.
func (w *window) open(size int64) {
	w.size = int(max(size, minWindow))
	w.out = w.out[:min(cap(w.out), w.size)]
	w.pos, w.from, w.left = 0, 0, 0
	w.forget()
}

// room makes room for at least one byte and returns up to where the next bytes may go. All that was decoded was handed on.
func (w *window) room(most int64) int {
	if w.pos == len(w.out) {
		if len(w.out) < w.size {
			w.grow()
		} else {
			w.wrap()
		}
	}
	w.from = w.pos
	return w.pos + int(min(most, step, int64(len(w.out)-w.pos)))
}

func (w *window) grow() {
	grown := make([]byte, min(max(2*len(w.out), firstWindow), w.size))
	copy(grown, w.out)
	w.out = grown
}

// close lets go of a window too large to be kept for the next stream.
func (w *window) close() {
	if cap(w.out) > keepWindow {
		w.out = nil
	}
}
