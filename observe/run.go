package observe

import (
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// Cache keeps what content observers said, by a key that names observer, version and digest. It may lose entries at any
// time. Its methods are called from several goroutines.
type Cache interface {
	Get(key string) ([]byte, bool)
	Put(key string, value []byte)
}

// Run runs observers over one release: first as the visitor of the walk that unpacks it, then over the systems that were found.
// Use one Run for one release.
type Run struct {
	observers []Observer
	cache     Cache // may be nil

	mu      sync.Mutex // guards what follows
	content map[tree.Digest]*seen
	parses  map[parseKey]parse
	wanted  map[tree.Digest][]readKey // second walk: files that links led to
}

type readKey struct{ observer, read int }

type parseKey struct {
	readKey
	digest tree.Digest
}

type parse struct {
	value any
	err   error
}

// seen is what the content observers said of one digest, in their order.
type seen struct {
	records []encoded
}

var (
	errLink    = errors.New("a symbolic link that leads to no file of the system")
	errNotRead = errors.New("the bytes were not kept")
	errUnnamed = errors.New("the observer does not read files at such a path")
	errNoFile  = errors.New("is no regular file")
	errPartial = errors.New("its bytes could not be read whole")
	errTooBig  = fmt.Errorf("is larger than %d bytes", MaxRead)
)

// New returns a Run of these observers. The cache may be nil.
func New(observers []Observer, cache Cache) *Run {
	return &Run{
		observers: observers, cache: cache,
		content: map[tree.Digest]*seen{}, parses: map[parseKey]parse{}, wanted: map[tree.Digest][]readKey{},
	}
}

// Wants is unpack.Visitor's: whether an observer would look at a large file.
func (r *Run) Wants(path string, head []byte, size int64) bool {
	for i := range r.observers {
		o := &r.observers[i]
		if o.Content != nil && o.Content.Wants(head, size) {
			return true
		}
		if o.Tree != nil && size <= MaxRead {
			for _, read := range o.Tree.Reads {
				if tailMatch(read.Glob, path) {
					return true
				}
			}
		}
	}
	return len(r.wanted) > 0 && size <= MaxRead
}

// Visit is unpack.Visitor's: it shows a file to the content observers and parses it where a tree observer names its path.
func (r *Run) Visit(ctx context.Context, path string, digest [32]byte, _ string, c tree.Content) {
	r.visitContent(ctx, digest, c)
	for i := range r.observers {
		if t := r.observers[i].Tree; t != nil {
			for j := range t.Reads {
				if tailMatch(t.Reads[j].Glob, path) {
					r.parse(ctx, readKey{i, j}, digest, c)
				}
			}
		}
	}
	r.mu.Lock()
	wanted := r.wanted[digest]
	r.mu.Unlock()
	for _, k := range wanted {
		r.parse(ctx, k, digest, c)
	}
}

func (r *Run) visitContent(ctx context.Context, digest tree.Digest, c tree.Content) {
	r.mu.Lock()
	_, done := r.content[digest]
	r.mu.Unlock()
	if done {
		return
	}
	s := &seen{}
	head := c.Head()
	for i := range r.observers {
		o := &r.observers[i]
		if o.Content == nil || !o.Content.Wants(head, c.Size()) {
			continue
		}
		s.records = append(s.records, r.observeContent(ctx, i, digest, c)...)
	}
	if ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	r.content[digest] = s
	r.mu.Unlock()
}

func (r *Run) observeContent(ctx context.Context, i int, digest tree.Digest, c tree.Content) []encoded {
	o := &r.observers[i]
	key := fmt.Sprintf("content/%s/%d/%s", o.Name, o.Version, digest)
	if r.cache != nil && o.Content.Costly {
		if b, ok := r.cache.Get(key); ok {
			if records, err := decodeRecords(b, i); err == nil {
				return records
			}
		}
	}
	records, err := guardContent(ctx, o, c)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		records = append(records, o.failed(err))
	}
	list := make([]encoded, len(records))
	for j, rec := range records {
		list[j] = encode(i, rec)
	}
	if r.cache != nil && o.Content.Costly {
		r.cache.Put(key, encodeRecords(list))
	}
	return list
}

// failed makes the unobserved record of an observer that gave up.
func (o *Observer) failed(err error) fact.Record {
	return fact.Record{Attrs: fact.Unobserved{
		Reason: "damaged", Detail: fact.Escape(err.Error()), Hides: o.Kinds(), By: fact.Known(o.Name),
	}}
}

// guardContent turns a panic into an error: hostile bytes must not take the run with them.
func guardContent(ctx context.Context, o *Observer, c tree.Content) (records []fact.Record, err error) {
	defer recovered(o.Name, &err)
	return o.Content.Observe(ctx, c)
}

func recovered(name string, err *error) {
	if p := recover(); p != nil {
		stack := strings.SplitN(string(debug.Stack()), "\n", 2)[0]
		*err = fmt.Errorf("the observer %s gave up (a fault of it: %v; %s)", name, p, stack)
	}
}

func (r *Run) parse(ctx context.Context, k readKey, digest tree.Digest, c tree.Content) {
	key := parseKey{k, digest}
	r.mu.Lock()
	_, done := r.parses[key]
	r.mu.Unlock()
	if done {
		return
	}
	var p parse
	if b := c.Bytes(); b != nil || c.Size() == 0 {
		p.value, p.err = r.guardParse(ctx, k, b)
	} else if c.Size() > MaxRead {
		p.err = errTooBig
	} else {
		b := make([]byte, c.Size())
		if _, p.err = c.ReadAt(b, 0); p.err == nil || len(b) == 0 {
			p.value, p.err = r.guardParse(ctx, k, b)
		}
	}
	if ctx.Err() != nil {
		return
	}
	r.mu.Lock()
	r.parses[key] = p
	r.mu.Unlock()
}

func (r *Run) guardParse(ctx context.Context, k readKey, b []byte) (v any, err error) {
	o := &r.observers[k.observer]
	defer recovered(o.Name, &err)
	return o.Tree.Reads[k.read].Parse(ctx, b)
}

// parsed returns what a read's parser said of a node's bytes.
func (r *Run) parsed(observer, read int, n *tree.Node) (any, error) {
	if read < 0 {
		return nil, errUnnamed
	}
	if n.Type != tree.File {
		return nil, errNoFile
	}
	digest, size, known := n.Innermost()
	switch {
	case !known:
		return nil, errPartial
	case size > MaxRead:
		return nil, errTooBig
	}
	r.mu.Lock()
	p, ok := r.parses[parseKey{readKey{observer, read}, digest}]
	r.mu.Unlock()
	if !ok {
		r.want(readKey{observer, read}, digest)
		return nil, errNotRead
	}
	return p.value, p.err
}

func (r *Run) want(k readKey, digest tree.Digest) {
	r.mu.Lock()
	r.wanted[digest] = append(r.wanted[digest], k)
	r.mu.Unlock()
}

// tailMatch tells whether a path ends in what a glob matches: while unpacking it is not known yet where systems begin.
func tailMatch(glob, p string) bool {
	for {
		g, gi := cutLast(glob)
		s, si := cutLast(p)
		if s == "" || !matchPart(g, s) {
			return false
		}
		if gi < 0 {
			return true
		}
		if si < 0 {
			return false
		}
		glob, p = glob[:gi], p[:si]
	}
}

func cutLast(p string) (string, int) {
	i := strings.LastIndexByte(p, '/')
	return p[i+1:], i
}

func matchPart(pattern, name string) bool {
	if i := strings.IndexByte(name, ';'); i >= 0 {
		name = name[:i]
	}
	if !strings.ContainsAny(pattern, `*?[\`) {
		return pattern == name
	}
	ok, _ := path.Match(pattern, name)
	return ok
}

func globMatch(glob, p string) bool {
	ok, _ := path.Match(glob, p)
	return ok
}

// ErrNotNamed tells whether File.Err says that none of the observer's reads names such a path.
func ErrNotNamed(err error) bool { return errors.Is(err, errUnnamed) }

// Result is what a Run recorded.
type Result struct {
	Facts    *fact.Set
	Coverage []fact.Coverage // in the order of the observers
}

// Join finishes the run over the sorted tree. again is true where symbolic links led to files whose bytes nobody had asked for: then the release is to
// be walked once more with this Run as the visitor, and Join called again; the second time it is never true.
func (r *Run) Join(ctx context.Context, t *tree.Tree) (res *Result, again bool, err error) {
	first := len(r.wanted) == 0
	systems := t.Systems()
	views := r.views(t, systems)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, v := range views {
		g.Go(func() error { return r.join(gctx, v) })
	}
	if err := g.Wait(); err != nil {
		return nil, false, err
	}
	if first && len(r.wanted) > 0 {
		return nil, true, nil
	}
	c := newCollector(t, systems)
	for _, v := range views {
		for _, l := range v.out {
			c.add(r.observers[v.observer].Name, l.id, v.system, l.encoded)
		}
	}
	nodes := r.bind(c)
	c.unobserved()
	c.nameless()
	set, err := c.set()
	if err != nil {
		return nil, false, err
	}
	res = &Result{Facts: set}
	for i := range r.observers {
		res.Coverage = append(res.Coverage, r.observers[i].coverage(nodes, int64(len(systems))))
	}
	return res, false, nil
}

func (r *Run) views(t *tree.Tree, systems []tree.System) []*View {
	var outside []outsider
	t.Outside(systems, func(id tree.ID, path string) { outside = append(outside, outsider{id, path}) })
	var views []*View
	for i := range r.observers {
		o := &r.observers[i]
		if o.Tree == nil {
			continue
		}
		for j := range systems {
			views = append(views, &View{run: r, observer: i, tree: t, system: &systems[j]})
		}
		if o.Tree.Everywhere && len(outside) > 0 {
			views = append(views, &View{run: r, observer: i, tree: t, outside: outside})
		}
	}
	return views
}

func (r *Run) join(ctx context.Context, v *View) error {
	o := &r.observers[v.observer]
	err := func() (err error) {
		defer recovered(o.Name, &err)
		return o.Tree.Join(ctx, v)
	}()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		id := tree.ID(0)
		if v.system != nil {
			id = v.system.Root
		}
		v.out = append(v.out, located{id, encode(v.observer, o.failed(err))})
	}
	return nil
}

// bind gives each node what was seen of its bytes, and counts the files that were offered.
func (r *Run) bind(c *collector) (offered int64) {
	for i := range c.tree.Nodes {
		n := &c.tree.Nodes[i]
		digest, _, known := n.Innermost()
		if n.Type != tree.File || !known {
			continue
		}
		offered++
		if s := r.content[digest]; s != nil {
			for _, e := range s.records {
				c.add(r.observers[e.observer].Name, tree.ID(i), c.systemOf(tree.ID(i)), e)
			}
		}
	}
	return offered
}
