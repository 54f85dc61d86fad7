package unpack

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/probat-lab/probat/tree"
)

// walker fills one tree.
type walker struct {
	cfg     Config
	budget  Budget
	formats []Format
	slots   chan struct{} // goroutines beside the one that walks; nil for a walk in order
	cancel  context.CancelCauseFunc

	bytes   atomic.Int64
	entries atomic.Int64
	jobs    sync.WaitGroup

	mu      sync.Mutex // guards what follows
	t       *tree.Tree
	lengths []int // of the nodes' addresses, in bytes
	repeats []sameBytes
	shared  []sharedRoot
	err     error
}

type sameBytes struct{ id, of tree.ID }

// parallel tells whether several goroutines walk; then a used-up budget ends the walk with errBudget.
func (w *walker) parallel() bool { return w.slots != nil }

// workers returns how many goroutines a reader may use for one file.
func (w *walker) workers() int { return cap(w.slots) + 1 - min(1, cap(w.slots)) }

// charge counts bytes against the budget.
func (w *walker) charge(n int64) error {
	if w.cfg.Progress != nil {
		w.cfg.Progress.Bytes.Add(n)
	}
	if w.bytes.Add(n) <= w.budget.Bytes {
		return nil
	}
	if w.parallel() {
		w.fail(errBudget)
	}
	return errBytes
}

// fail ends the walk.
func (w *walker) fail(err error) {
	w.mu.Lock()
	if w.err == nil || errors.Is(w.err, errBudget) && !errors.Is(err, errBudget) && !errors.Is(err, context.Canceled) {
		w.err = err
	}
	w.mu.Unlock()
	w.cancel(err)
}

func (w *walker) add(c *Container, e Entry) (tree.ID, bool) {
	n := tree.Node{Name: e.Name, Parent: e.Parent, Meta: e.Meta, Size: -1, NoSystem: e.NoSystem}
	if !e.Carved {
		n.Name = tree.EscapeName(e.Name)
	}
	key := dirName{e.Parent, e.Name}
	if e.Parent == Root {
		n.Parent, n.Inner = c.node, true
	}
	id, ok := w.enroll(c, n, key)
	if ok {
		return id, true
	}
	if w.parallel() {
		w.fail(errBudget)
	} else {
		w.unobserved(tree.Unobserved{Node: c.node, Length: -1, Reason: "budget", Hides: tree.HidesAll, Detail: w.usedUp()})
	}
	return tree.None, false
}

// longAddress is by how many bytes of its address an entry counts as one more: every fact of it repeats the address.
const longAddress = 256

// enroll puts a node into the table if the budget has room for it.
func (w *walker) enroll(c *Container, n tree.Node, key dirName) (tree.ID, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	length := w.lengths[n.Parent] + len("!/") + len(n.Name)
	if w.entries.Add(1+int64(length/longAddress)) > w.budget.Entries {
		return tree.None, false
	}
	id := tree.ID(len(w.t.Nodes))
	old, again := c.seen[key]
	if again {
		n.Name = tree.Repeated(n.Name, old.n+1)
		w.t.Nodes[old.last].Shadowed = true
		w.t.Nodes[old.first].Latest = id
		old.last, old.n = id, old.n+1
	} else {
		old = repeat{id, id, 1}
	}
	c.seen[key] = old
	if len(w.t.Nodes) == cap(w.t.Nodes) { // append would grow large tables by a quarter only, and leave them behind five times over
		w.t.Nodes = slices.Grow(w.t.Nodes, len(w.t.Nodes)+1)
	}
	w.t.Nodes = append(w.t.Nodes, n)
	w.lengths = append(w.lengths, length)
	if w.cfg.Progress != nil {
		w.cfg.Progress.Files.Add(1)
	}
	return id, true
}

// likeNode gives a further name of a symbolic link, device or pipe what that is; archives repeat only the file's attributes.
func (w *walker) likeNode(e *Entry, of tree.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := &w.t.Nodes[of]; n.Type != tree.File && n.Type != tree.Dir {
		e.Type, e.Link, e.Major, e.Minor = n.Type, n.Link, n.Major, n.Minor
		e.Has |= n.Has & tree.HasDevice
	}
}

func (w *walker) setMeta(id tree.ID, m tree.Meta) {
	w.mu.Lock()
	w.t.Nodes[id].Meta = m
	w.mu.Unlock()
}

func (w *walker) setAccount(id tree.ID, a tree.Account) {
	w.mu.Lock()
	w.t.Nodes[id].Account = &a
	w.mu.Unlock()
}

func (w *walker) unobserved(u tree.Unobserved) {
	w.mu.Lock()
	w.t.Unobserved = append(w.t.Unobserved, u)
	w.mu.Unlock()
}

// setLayer records what a layer's bytes were: 0 is the node as stored, others what compressors held.
func (w *walker) setLayer(id tree.ID, layer int, format string, size int64, d tree.Digest, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := &w.t.Nodes[id]
	if layer == 0 {
		n.Format, n.Size, n.Digest, n.Known = format, size, d, known
		return
	}
	n.Decoded[layer-1] = tree.Stream{Format: format, Size: size, Digest: d, Known: known}
}

func (w *walker) addLayer(id tree.ID) {
	w.mu.Lock()
	w.t.Nodes[id].Decoded = append(w.t.Nodes[id].Decoded, tree.Stream{Size: -1})
	w.mu.Unlock()
}

func (w *walker) path(id tree.ID) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.t.Path(id)
}

func (w *walker) repeat(id, of tree.ID) {
	w.mu.Lock()
	w.repeats = append(w.repeats, sameBytes{id, of})
	w.mu.Unlock()
}

// copyRepeats gives repeated files what was found for the files that they repeat.
func (w *walker) copyRepeats() {
	source := make(map[tree.ID]tree.ID, len(w.repeats))
	// A repeated file may itself be repeated, always by a later node.
	slices.SortStableFunc(w.repeats, func(a, b sameBytes) int { return cmp.Compare(a.id, b.id) })
	for _, s := range w.repeats {
		of := s.of
		if first, ok := source[of]; ok {
			of = first
		}
		source[s.id] = of
		n, o := &w.t.Nodes[s.id], &w.t.Nodes[of]
		n.Size, n.Digest, n.Known, n.Format, n.Decoded = o.Size, o.Digest, o.Known, o.Format, o.Decoded
	}
	found := map[tree.ID][]tree.Unobserved{}
	for _, of := range source {
		found[of] = nil
	}
	for _, u := range w.t.Unobserved {
		if of, ok := found[u.Node]; ok {
			found[u.Node] = append(of, u)
		}
	}
	for _, s := range w.repeats { // the order does not matter: they are sorted
		of := source[s.id]
		if len(found[of]) > mostRepeated {
			w.t.Unobserved = append(w.t.Unobserved, tree.Unobserved{
				Node: s.id, Length: -1, Reason: "link", Hides: tree.HidesAll,
				Detail: itoa(int64(len(found[of]))) + " ranges of the file of which this is another name",
			})
			continue
		}
		for _, u := range found[of] {
			u.Node = s.id
			w.t.Unobserved = append(w.t.Unobserved, u)
		}
	}
}

// mostRepeated is how many unobserved ranges of a file are listed at each of its further names: many links to a file
// with many such ranges would multiply.
const mostRepeated = 16

// run runs a job in a goroutine of its own if one is free, else here and now: nothing ever waits for a slot.
func (w *walker) run(wg *sync.WaitGroup, job func()) {
	select {
	case w.slots <- struct{}{}:
		wg.Add(1)
		w.jobs.Add(1)
		go func() {
			defer func() { <-w.slots; wg.Done(); w.jobs.Done() }()
			job()
		}()
	default:
		job()
	}
}

// file takes a regular file's content from r, in which it follows.
func (w *walker) file(ctx context.Context, c *Container, id tree.ID, size int64, r io.Reader) error {
	buf := buffers.Get().(*[]byte)
	n, whole, err := readSome(r, *buf)
	if whole {
		w.run(&c.jobs, func() {
			defer buffers.Put(buf)
			w.check(w.layer(ctx, id, source{at: memory((*buf)[:n]), size: int64(n)}, c.depth+1, 0))
		})
		return w.stopped(ctx)
	}
	defer buffers.Put(buf)
	rest := io.Reader(&failing{err})
	if err == nil {
		rest = r
	}
	src := source{r: io.MultiReader(memoryReader((*buf)[:n]), rest), size: size}
	return w.layer(ctx, id, src, c.depth+1, 0)
}

// later takes a regular file's content from a function that may be called at any time.
func (w *walker) later(ctx context.Context, c *Container, id tree.ID, size int64, write func(context.Context, io.Writer) error) {
	if ctx.Err() != nil {
		return
	}
	w.run(&c.jobs, func() {
		if err := w.stopped(ctx); err != nil {
			w.damage(id, 0, "", 0, err)
			return
		}
		if size <= memoryLimit {
			buf := buffers.Get().(*[]byte)
			defer buffers.Put(buf)
			to := &bounded{buf: (*buf)[:0]}
			err := write(ctx, to)
			src := source{at: memory(to.buf), size: int64(len(to.buf))}
			if err != nil {
				src = source{r: io.MultiReader(bytes.NewReader(to.buf), &failing{err}), size: size}
			}
			w.check(w.layer(ctx, id, src, c.depth+1, 0))
			return
		}
		pr, pw := io.Pipe()
		writing, stop := context.WithCancel(ctx) // not for the layer: what it starts goes on when it has returned
		done := make(chan struct{})
		go func() {
			defer close(done)
			pw.CloseWithError(write(writing, pw))
		}()
		w.check(w.layer(ctx, id, source{r: pr, size: size}, c.depth+1, 0))
		stop()
		pr.Close()
		<-done
	})
}

// bounded is a buffer that refuses to grow beyond memoryLimit.
type bounded struct{ buf []byte }

var errLong = errors.New("more bytes than the size says")

func (b *bounded) Write(p []byte) (int, error) {
	if len(b.buf)+len(p) > memoryLimit {
		return 0, errLong
	}
	b.buf = append(b.buf, p...)
	return len(p), nil
}

// check ends the walk for errors that are not the product's.
func (w *walker) check(err error) {
	var host *hostError
	if errors.As(err, &host) {
		w.fail(err)
	}
}

// stopped returns why the walk has to end, if it has to.
func (w *walker) stopped(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.bytes.Load() > w.budget.Bytes || w.entries.Load() > w.budget.Entries {
		return errBytes
	}
	return nil
}

// usedUp says which budget is.
func (w *walker) usedUp() string {
	if w.entries.Load() > w.budget.Entries {
		return fmt.Sprintf("more than %d entries in the release, of which one counts as several by each %d bytes of its address", w.budget.Entries, longAddress)
	}
	return fmt.Sprintf("more than %d bytes in the release", w.budget.Bytes)
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
