package unpack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

func memoryReader(b []byte) io.Reader { return bytes.NewReader(b) }

// content walks the bytes of a node.
func (w *walker) content(ctx context.Context, id tree.ID, src source, depth int) error {
	return w.layer(ctx, id, src, depth, 0)
}

// layer walks one layer of a node's bytes: it hashes them, recognises what they are, and decodes, opens or shows them.
// The error says why the bytes ended early, after it was recorded; errors of the host and of the context are returned too.
func (w *walker) layer(ctx context.Context, id tree.ID, src source, depth, layer int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if layer > 0 {
		w.addLayer(id)
	}
	if err := w.stopped(ctx); err != nil { // not even the first bytes are worth their cost then
		w.damage(id, layer, "", 0, err)
		return err
	}
	head, src, release, err := w.head(src)
	defer release()
	if err != nil {
		w.damage(id, layer, "", 0, err)
		return err
	}
	f, name, src, drop, err := w.confirmed(ctx, head, src)
	if err != nil {
		return err
	}
	defer drop()
	if f == nil {
		return w.leaf(ctx, id, src, layer, name, head)
	}
	if depth+layer >= w.budget.Depth {
		w.unobserved(tree.Unobserved{
			Node: id, Length: src.size, Reason: "budget", Hides: tree.HidesAll,
			Detail: fmt.Sprintf("%s inside %d others", f.Name, w.budget.Depth),
		})
		return w.leaf(ctx, id, src, layer, name, head)
	}
	switch {
	case f.Decode != nil:
		return w.decode(ctx, id, src, depth, layer, f)
	case f.Stream != nil:
		return w.stream(ctx, id, src, depth, layer, f)
	default:
		return w.open(ctx, id, src, depth, layer, f)
	}
}

// head makes the first bytes available without losing them. release gives back what they stand in.
func (w *walker) head(src source) (head []byte, _ source, release func(), err error) {
	if m, ok := src.at.(memory); ok {
		return m.Head(), src, func() {}, nil
	}
	buf := buffers.Get().(*[]byte)
	release = func() { buffers.Put(buf) }
	if src.at != nil {
		if src.size <= memoryLimit {
			n, err := src.at.ReadAt((*buf)[:src.size], 0)
			if int64(n) == src.size {
				m := memory((*buf)[:n])
				return m.Head(), source{at: m, size: src.size}, release, nil
			}
			return nil, src, release, fmt.Errorf("reading %d bytes: %w", src.size, noEOF(err))
		}
		n, err := src.at.ReadAt((*buf)[:sniffLen], 0)
		if n < sniffLen {
			return nil, src, release, fmt.Errorf("reading the first bytes: %w", noEOF(err))
		}
		src.r = nil
		return (*buf)[:n], src, release, nil
	}
	n, whole, err := readSome(src.r, *buf)
	if whole {
		m := memory((*buf)[:n])
		return m.Head(), source{at: m, size: int64(n)}, release, nil
	}
	rest := src.r
	if err != nil {
		rest = &failing{err}
	}
	src.r = io.MultiReader(memoryReader((*buf)[:n]), rest)
	return (*buf)[:min(n, sniffLen)], src, release, nil
}

func noEOF(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// reader returns the source's bytes from the first on.
func (s *source) reader() io.Reader {
	if s.at != nil {
		return io.NewSectionReader(s.at, 0, s.size)
	}
	return s.r
}

// leaf hashes what is not opened, and shows it to the visitor.
func (w *walker) leaf(ctx context.Context, id tree.ID, src source, layer int, format string, head []byte) error {
	path := w.path(id)
	if p := w.cfg.Progress; p != nil {
		start := time.Now()
		defer func() { p.note(time.Since(start), func() string { return path }) }()
	}
	if m, ok := src.at.(memory); ok {
		if err := w.charge(int64(len(m))); err != nil {
			w.damage(id, layer, format, 0, err)
			return err
		}
		d := tree.Digest(sha256.Sum256(m))
		w.setLayer(id, layer, format, int64(len(m)), d, true)
		w.opaque(id, format, int64(len(m)), m)
		if e := w.embedded(format, head); e != nil {
			e.whole(m)
			w.behind(id, e, int64(len(m)))
		}
		w.cfg.Visitor.Visit(ctx, path, d, format, m)
		return nil
	}
	var sample sampler
	m := w.meter(ctx, src.reader())
	r := io.TeeReader(m, &sample)
	look := w.embedded(format, head)
	if look != nil {
		buf := buffers.Get().(*[]byte)
		defer buffers.Put(buf)
		look.buf = (*buf)[:0:embeddedBuffer]
		r = io.TeeReader(r, look)
	}
	at := src.at
	wanted := w.cfg.Visitor.Wants(path, head, src.size)
	var err error
	switch {
	case wanted && at == nil:
		f, _, serr := w.spool(r)
		if err = serr; serr == nil {
			defer f.Close()
			at = f
		}
	default:
		_, err = io.CopyBuffer(io.Discard, onlyReader{r}, make([]byte, 64<<10))
	}
	if err != nil {
		w.damage(id, layer, format, m.n, err)
		return err
	}
	d := m.digest()
	w.setLayer(id, layer, format, m.n, d, true)
	w.opaque(id, format, m.n, sample.bytes)
	if look != nil {
		look.close()
		w.behind(id, look, m.n)
	}
	if wanted {
		w.cfg.Visitor.Visit(ctx, path, d, format, &large{at, m.n, head})
	}
	return nil
}

type onlyReader struct{ io.Reader }

// opaque records what a leaf may hide: a known container that is not opened here, or bytes that look encrypted.
func (w *walker) opaque(id tree.ID, format string, size int64, sample []byte) {
	switch k := kindOfFormat(format); {
	case k == closedContainer:
		w.unobserved(tree.Unobserved{
			Node: id, Length: size, Reason: "unsupported", Hides: tree.HidesAll,
			Detail: format + " is recognised but not opened by this version",
		})
	case k == encryptedContainer:
		w.unobserved(tree.Unobserved{Node: id, Length: size, Reason: "encrypted", Hides: tree.HidesAll, Detail: format})
	case format == "" && looksEncrypted(sample):
		w.unobserved(tree.Unobserved{
			Node: id, Length: size, Reason: "unknown-format", Hides: tree.HidesContent,
			Detail: "bytes of no known format, as even as encrypted or compressed ones",
		})
	}
}

// damage records that a layer ended early.
func (w *walker) damage(id tree.ID, layer int, format string, at int64, err error) {
	w.setLayer(id, layer, format, -1, tree.Digest{}, false)
	u := tree.Unobserved{Node: id, Offset: at, Length: -1, Reason: "damaged", Hides: tree.HidesAll, Detail: fact.Escape(err.Error())}
	var host *hostError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.As(err, &host):
		return
	case errors.Is(err, errBytes):
		u.Reason, u.Detail = "budget", w.usedUp()
	case errors.Is(err, io.ErrUnexpectedEOF):
		u.Reason, u.Detail = "truncated", "ends early"
	default:
		u.Reason = reasonOf(err)
	}
	w.unobserved(u)
}

// decode walks what a single-stream compressor holds, and what follows its stream.
func (w *walker) decode(ctx context.Context, id tree.ID, src source, depth, layer int, f *Format) error {
	m := w.meter(ctx, src.reader())
	br := readers.get(m)
	defer readers.put(br)
	dec, err := f.Decode(br)
	if err == nil {
		inner := deeper(ctx)
		if d, ok := dec.(decoder); ok {
			d.limitWindow(windowLimit(ctx))
			defer d.release()
		}
		if _, small := src.at.(memory); small || !w.parallel() {
			err = w.layer(inner, id, source{r: dec, size: -1}, depth, layer+1)
		} else {
			a := readAhead(dec)
			err = w.layer(inner, id, source{r: a, size: -1}, depth, layer+1)
			a.close()
		}
	} else {
		w.unobserved(tree.Unobserved{Node: id, Length: -1, Reason: reasonOf(err), Hides: tree.HidesAll, Detail: f.Name + ": " + fact.Escape(err.Error())})
	}
	if stop := w.stopped(ctx); stop != nil {
		w.damage(id, layer, f.Name, m.n, stop)
		return stop
	}
	var host *hostError
	if errors.As(err, &host) {
		return err
	}
	if s, ok := dec.(interface{ skipped() int64 }); ok && s.skipped() > 0 {
		w.unobserved(tree.Unobserved{Node: id, Length: s.skipped(), Reason: "unaccounted", Hides: tree.HidesAll, Detail: itoa(s.skipped()) + " bytes in skippable frames of the " + f.Name})
	}
	return w.trail(ctx, id, layer, f.Name, &counter{m, br}, nil, err == nil)
}

// trail reads what follows a stream or archive in its layer to the end and records it as padding or unobserved. whole
// says that the stream itself ended well; else it is recorded already that the rest is damaged.
func (w *walker) trail(ctx context.Context, id tree.ID, layer int, format string, c *counter, sum *tree.Account, whole bool) error {
	at := c.taken()
	filler, err := isFiller(ctx, c.r)
	if err == nil && !filler {
		_, err = io.Copy(io.Discard, onlyReader{c.r})
	}
	if err != nil {
		w.damage(id, layer, format, c.m.n, err)
		return err
	}
	size := c.m.n
	rest := size - at
	if sum == nil {
		sum = &tree.Account{}
	}
	switch {
	case rest == 0:
	case filler && whole:
		sum.Padding += rest
	default:
		sum.Unobserved += rest
		if whole {
			w.unobserved(tree.Unobserved{
				Node: id, Offset: at, Length: rest, Reason: "unaccounted", Hides: tree.HidesAll,
				Detail: fmt.Sprintf("%d bytes behind the end of the %s", rest, format),
			})
		}
	}
	sum.Structure = size - sum.Nodes - sum.Padding - sum.Unobserved
	w.setLayer(id, layer, format, size, c.m.digest(), true)
	return nil
}

// stream walks an archive that is read from front to back.
func (w *walker) stream(ctx context.Context, id tree.ID, src source, depth, layer int, f *Format) error {
	m := w.meter(ctx, src.reader())
	br := readers.get(m)
	defer readers.put(br)
	c := w.container(id, depth)
	c.source, c.at, c.size = &counter{m, br}, src.at, src.size
	w.enter(id)
	err := f.Stream(ctx, br, c)
	if stop := w.stopped(ctx); stop != nil {
		w.damage(id, layer, f.Name, m.n, stop)
		return stop
	}
	var host *hostError
	if errors.As(err, &host) {
		return err
	}
	if err != nil {
		w.unobserved(tree.Unobserved{Node: id, Offset: c.source.taken(), Length: -1, Reason: reasonOf(err), Hides: tree.HidesAll, Detail: f.Name + ": " + fact.Escape(err.Error())})
	}
	if err := w.trail(ctx, id, layer, f.Name, c.source, &c.sum, err == nil); err != nil {
		return err
	}
	w.setAccount(id, c.sum)
	return nil
}

func reasonOf(err error) string {
	var no *refusal
	switch {
	case errors.As(err, &no):
		return no.reason
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "truncated"
	}
	return "damaged"
}

func (w *walker) container(id tree.ID, depth int) *Container {
	return &Container{w: w, node: id, depth: depth, dirs: map[dirName]tree.ID{}, seen: map[dirName]repeat{}}
}

func (w *walker) enter(id tree.ID) {
	if p := w.cfg.Progress; p != nil {
		w.mu.Lock()
		a := w.t.Address(id)
		w.mu.Unlock()
		p.container.Store(&a)
	}
}

// open walks a container that needs its bytes in any order. Its bytes are hashed beside it.
func (w *walker) open(ctx context.Context, id tree.ID, src source, depth, layer int, f *Format) error {
	var d tree.Digest
	hashed := make(chan error, 1)
	switch at := src.at.(type) {
	case memory:
		if err := w.charge(int64(len(at))); err != nil {
			w.damage(id, layer, f.Name, 0, err)
			return err
		}
		d = sha256.Sum256(at)
		hashed <- nil
	case nil:
		m := w.meter(ctx, src.r)
		file, n, err := w.spool(m)
		if err != nil {
			w.damage(id, layer, f.Name, m.n, err)
			return err
		}
		defer file.Close()
		d = m.digest()
		src = source{at: file, size: n}
		hashed <- nil
	default:
		m := w.meter(ctx, src.reader())
		sum := func() {
			_, err := io.CopyBuffer(io.Discard, onlyReader{m}, make([]byte, 256<<10))
			d = m.digest()
			hashed <- err
		}
		if w.parallel() {
			go sum()
		} else if sum(); w.stopped(ctx) != nil {
			w.damage(id, layer, f.Name, m.n, w.stopped(ctx))
			return w.stopped(ctx)
		}
	}
	c := w.container(id, depth)
	w.enter(id)
	err := f.Open(ctx, src.at, src.size, c)
	c.jobs.Wait()
	if herr := <-hashed; herr != nil {
		w.damage(id, layer, f.Name, 0, herr)
		return herr
	}
	if stop := w.stopped(ctx); stop != nil {
		w.damage(id, layer, f.Name, 0, stop)
		return stop
	}
	var host *hostError
	if errors.As(err, &host) {
		return err
	}
	if err != nil {
		c.Unobserved(0, src.size, reasonOf(err), f.Name+": "+fact.Escape(err.Error()), tree.HidesAll)
	}
	if err := c.settle(ctx, src.at, src.size); err != nil {
		return err
	}
	w.setLayer(id, layer, f.Name, src.size, d, true)
	return nil
}
