package unpack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/probat-lab/probat/tree"
)

// Artifact is one file or directory of a release, as received.
type Artifact struct {
	ID   string // first part of all addresses in it, raw
	Path string // on this machine; it appears in no result
}

// Config says how to walk.
type Config struct {
	Budget   Budget
	Workers  int       // goroutines; default GOMAXPROCS. The tree is the same for any number
	TempDir  string    // for large files, unlinked at once; default os.TempDir
	Formats  []Format  // default Formats()
	Visitor  Visitor   // may be nil
	Progress *Progress // may be nil
}

// Progress counts what was walked, for people who wait. It may be read at any time.
type Progress struct {
	Files, Bytes atomic.Int64
	container    atomic.Pointer[string]
	slowest      atomic.Pointer[slow]
}

type slow struct {
	address string
	took    time.Duration
}

// Slowest returns the file that took longest so far, and how long.
func (p *Progress) Slowest() (address string, took time.Duration) {
	if s := p.slowest.Load(); s != nil {
		return s.address, s.took
	}
	return "", 0
}

// note takes into account how long a file took.
func (p *Progress) note(took time.Duration, address func() string) {
	if s := p.slowest.Load(); s == nil || took > s.took {
		p.slowest.Store(&slow{address(), took})
	}
}

// Container returns the address of the container that was entered last.
func (p *Progress) Container() string {
	if s := p.container.Load(); s != nil {
		return *s
	}
	return ""
}

// Walk unpacks artifacts into one sorted tree. What cannot be read of an artifact's content is Unobserved in the tree; an error
// means that an artifact itself cannot be opened (it wraps the reason of os), that this machine failed, or that ctx ended.
func Walk(ctx context.Context, artifacts []Artifact, cfg Config) (*tree.Tree, error) {
	if cfg.Visitor == nil {
		cfg.Visitor = nobody{}
	}
	if cfg.Formats == nil {
		cfg.Formats = Formats()
	}
	if cfg.Workers == 0 {
		cfg.Workers = runtime.GOMAXPROCS(0)
	}
	t, err := walkOnce(ctx, artifacts, cfg, cfg.Workers)
	if errors.Is(err, errBudget) {
		t, err = walkOnce(ctx, artifacts, cfg, 1)
	}
	return t, err
}

type nobody struct{}

func (nobody) Wants(string, []byte, int64) bool                              { return false }
func (nobody) Visit(context.Context, string, [32]byte, string, tree.Content) {}

func walkOnce(ctx context.Context, artifacts []Artifact, cfg Config, workers int) (*tree.Tree, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	w := &walker{cfg: cfg, formats: cfg.Formats, cancel: cancel, t: &tree.Tree{}}
	if workers > 1 {
		w.slots = make(chan struct{}, workers)
	}
	var err error
	if w.budget, err = FullBudget(artifacts, cfg.Budget); err != nil {
		return nil, err
	}
	for _, a := range artifacts {
		err := w.artifact(ctx, a) // waits for what it started
		if w.err != nil {
			return nil, w.err
		}
		if err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w.copyRepeats()
	w.tellShared()
	moved := w.t.Sort()
	return w.t, w.digestDirectories(moved)
}

// artifact walks one artifact. Only faults that are not the product's are returned.
func (w *walker) artifact(ctx context.Context, a Artifact) error {
	f, err := os.OpenFile(a.Path, os.O_RDONLY|unix.O_NONBLOCK, 0) // so that a FIFO cannot hold us
	if err != nil {
		return fmt.Errorf("opening the artifact %q: %w", a.ID, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("opening the artifact %q: %w", a.ID, err)
	}
	id, from := tree.ID(len(w.t.Nodes)), len(w.t.Unobserved)
	n := tree.Node{Parent: tree.None, Name: tree.EscapeName(a.ID), Size: st.Size()}
	w.entries.Add(1)
	switch {
	case st.IsDir():
		n.Size = -1
		hostMeta(&n.Meta, st)
		fileXattrs(f, &n.Meta)
		w.root(n)
		if err = w.directory(ctx, id, a.Path); errors.Is(err, errBytes) && !w.parallel() {
			w.unobserved(tree.Unobserved{Node: id, Length: -1, Reason: "budget", Hides: tree.HidesAll, Detail: w.usedUp()})
		}
	case st.Mode().IsRegular():
		w.root(n)
		err = w.content(ctx, id, source{at: f, size: st.Size()}, 0)
	default:
		return fmt.Errorf("opening the artifact %q: it is neither a file nor a directory", a.ID)
	}
	w.jobs.Wait()
	switch size, ok := w.nameless(id); {
	case ok && size == 0:
		w.unobserved(tree.Unobserved{Node: id, Length: -1, Reason: "truncated", Hides: tree.HidesAll, Detail: "the artifact is empty"})
	case ok:
		w.unknown(from, tree.Unobserved{Node: id, Length: size, Hides: tree.HidesAll, Detail: "an artifact of no known format"})
	}
	if after, serr := f.Stat(); serr == nil && !st.IsDir() && (after.Size() != st.Size() || !after.ModTime().Equal(st.ModTime())) {
		w.unobserved(tree.Unobserved{Node: id, Length: -1, Reason: "changed", Hides: tree.HidesAll, Detail: "the artifact changed while it was read"})
	}
	var host *hostError
	if errors.As(err, &host) || ctx.Err() != nil {
		return err
	}
	return nil
}

// root puts an artifact into the table.
func (w *walker) root(n tree.Node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t.Nodes = append(w.t.Nodes, n)
	w.lengths = append(w.lengths, len(n.Name))
}

// digestDirectories gives each artifact that is a directory the digest of its canonical listing, and an account: all its bytes are in files,
// of which further names and flattened layers are not counted again. moved is what Sort returned.
func (w *walker) digestDirectories(moved []tree.ID) error {
	again := make(map[tree.ID]bool, len(w.repeats))
	for _, s := range w.repeats {
		again[moved[s.id]] = true
	}
	sizes := map[tree.ID]int64{}
	for i := range w.t.Nodes {
		n := &w.t.Nodes[i]
		if n.Type == tree.File && n.Size > 0 && !again[tree.ID(i)] {
			sizes[w.t.Base(tree.ID(i))] += n.Size
		}
	}
	for i := range w.t.Nodes {
		n := &w.t.Nodes[i]
		if n.Parent != tree.None || n.Type != tree.Dir {
			continue
		}
		d, err := w.t.ListingDigest(tree.ID(i))
		if err != nil {
			return err
		}
		n.Digest, n.Known, n.Account = d, true, &tree.Account{Nodes: sizes[tree.ID(i)]}
	}
	return nil
}
