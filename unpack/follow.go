package unpack

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/probat-lab/probat/tree"
)

// carveBehind looks at what follows an archive that was read from front to back. Zeros are padding; where a known format
// begins behind them, as the parts of an initramfs do, it is walked as a node of its own, named by where it stands.
// What else follows stays unread.
func carveBehind(ctx context.Context, br *bufio.Reader, to *Container) error {
	s := sharedRoot{node: to.node, plain: to.holdsOnlyMicrocode()}
	defer func() { to.w.share(s) }()
	for {
		if err := skipZeros(ctx, br, to); err != nil {
			return err
		}
		head, _ := br.Peek(sniffLen)
		f, _ := firstOf(to.w.formats, head)
		if f == nil || f.Confirm != nil {
			return nil
		}
		r := io.Reader(br)
		if f.Name == cpioName { // all else is taken to the end of what there is
			r = newCpioCut(br, cpioKindOf(head))
		}
		if len(s.parts) == 0 {
			s.at = to.source.taken()
		}
		name := fmt.Sprintf("@%#x.%s", to.source.taken(), f.Name)
		id, err := to.file(ctx, Entry{Parent: Root, Name: name, Carved: true, Size: -1}, r)
		if id != tree.None {
			s.parts = append(s.parts, id)
		}
		if err != nil {
			return err
		}
	}
}

// holdsOnlyMicrocode tells whether an archive, of which nothing was carved yet, holds nothing but what the kernel takes before it has a
// root: files under kernel/x86 (Documentation/arch/x86/microcode.rst of Linux).
func (c *Container) holdsOnlyMicrocode() bool {
	kernel, ok := c.dirs[dirName{Root, "kernel"}]
	for k := range c.seen {
		if k.parent == Root && k.name != "kernel" || ok && k.parent == kernel && k.name != "x86" {
			return false
		}
	}
	return true
}

// sharedRoot is archives that stand behind each other, and that the kernel unpacks into one root.
type sharedRoot struct {
	node  tree.ID   // the first, with the others in it
	at    int64     // where the second begins
	plain bool      // the first holds only microcode
	parts []tree.ID // what follows
}

func (w *walker) share(s sharedRoot) {
	if len(s.parts) > 0 {
		w.mu.Lock()
		w.shared = append(w.shared, s)
		w.mu.Unlock()
	}
}

// tellShared records where several archives make one root, which is put together nowhere here. To be called when all is walked.
func (w *walker) tellShared() {
	if len(w.shared) == 0 {
		return
	}
	nodes := w.t.Nodes
	holds := map[tree.ID]bool{} // archives that hold more than microcode
	for i := range nodes {
		n := &nodes[i]
		if n.Parent == tree.None {
			continue
		}
		p := &nodes[n.Parent]
		switch {
		case n.Inner && n.Name != "kernel":
			holds[n.Parent] = true
		case !n.Inner && p.Inner && n.Name != "x86":
			holds[p.Parent] = true
		}
	}
	for _, s := range w.shared {
		roots := 0
		if !s.plain {
			roots++
		}
		for _, id := range s.parts {
			if holds[id] && nodes[id].InnermostFormat() == cpioName {
				roots++
			}
		}
		if roots > 1 {
			w.unobserved(tree.Unobserved{
				Node: s.node, Offset: s.at, Length: -1, Reason: "unsupported", Hides: tree.HidesAll,
				Detail: "further archives follow that are unpacked into the same root",
			})
		}
	}
}

// skipZeros counts zeros as padding.
func skipZeros(ctx context.Context, br *bufio.Reader, to *Container) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := br.Peek(1); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		b, _ := br.Peek(br.Buffered())
		n := 0
		for n < len(b) && b[n] == 0 {
			n++
		}
		if _, err := br.Discard(n); err != nil {
			return err
		}
		to.sum.Padding += int64(n)
		if n < len(b) {
			return nil
		}
	}
}

// newCpioCut hands on the bytes of one archive, up to its trailer.
func newCpioCut(br *bufio.Reader, kind cpioKind) io.Reader {
	y := &relay{r: br}
	at := int64(0)
	padded := func(n int64) int64 { // bytes to the boundary that follows n further ones
		return n + (-(at + n) & (kind.align() - 1))
	}
	y.next = func() error {
		b, err := y.take(kind.length())
		if err != nil {
			return err
		}
		h, ok := parseCpio(kind, b)
		if !ok { // where this ends is not known
			y.body = 1 << 62
			return nil
		}
		at += int64(len(b))
		last, name := false, int64(h.nameLen)
		if h.nameLen == len(cpioTrailer)+1 {
			b, err := y.take(h.nameLen)
			if err != nil {
				return err
			}
			last = string(b) == cpioTrailer+"\x00" && h.size == 0
			at, name = at+name, 0
		}
		for _, n := range []int64{name, h.size} {
			n = padded(n)
			y.body, at = y.body+n, at+n
		}
		if last {
			y.next = func() error { return io.EOF }
		}
		return nil
	}
	return y
}
