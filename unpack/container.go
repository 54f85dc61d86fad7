package unpack

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// Container is where a format puts what it finds: the children of one node. Its methods are called by the one
// goroutine that runs the format, in the order in which entries stand in the container; that order numbers repeated names.
type Container struct {
	w      *walker
	node   tree.ID
	depth  int
	source *counter // of a Stream: the bytes that were taken so far; nil for an Open
	at     io.ReaderAt
	size   int64 // of what at reads; a Stream has both only where its content is at hand anyway: always where its format has a Confirm

	dirs map[dirName]tree.ID // directories by parent and name, the last of each name
	seen map[dirName]repeat
	jobs sync.WaitGroup
	part partition
	told []claim // ranges that are recorded already as hiding all; the walker's mutex guards it

	skipped map[member]bool // entries that became nodes elsewhere: layers of images
	sum     tree.Account
}

type dirName struct {
	parent tree.ID
	name   string
}

type repeat struct {
	first, last tree.ID
	n           int
}

// Entry is what a format knows of one entry.
type Entry struct {
	Parent tree.ID // a directory that Add returned, or Root
	Name   string  // raw, one part of a path; may be anything
	Size   int64   // of a regular file; -1 when not known
	tree.Meta
	NoSystem bool
	Carved   bool   // Name is ours, as @0x40000.squashfs, and stays as it is
	Fault    string // what is wrong with the entry itself, so that others may unpack it elsewhere or otherwise; "" for nothing
}

// Root is the parent of entries at the top of a container.
const Root tree.ID = tree.None

// errBudget ends a walk that ran several goroutines: it is done again by one, so that what is left out does not depend on their order.
var errBudget = errors.New("budget is used up")

// maxPath is the longest path inside a container, in bytes as in its address: PATH_MAX of Linux. It keeps addresses short enough to add up.
const maxPath = 4096

// Split takes a path as archives write it to the directory that holds its last part, which it makes where the archive does not
// name it, and returns that directory and the raw name. "", "." and a leading slash vanish; the root itself gives an empty name.
// ok is false where the path cannot be kept; that is recorded.
func (c *Container) Split(path string) (dir tree.ID, name string, ok bool) {
	if len(path) > maxPath {
		c.w.entries.Add(1) // records cost memory too
		c.Unobserved(0, -1, "budget", "path of "+itoa(int64(len(path)))+" bytes", tree.HidesAll)
		return Root, "", false
	}
	dir = Root
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	parts = dropDots(parts)
	if len(parts) == 0 {
		return Root, "", true
	}
	for _, p := range parts[:len(parts)-1] {
		id, ok := c.dirs[dirName{dir, p}]
		if !ok {
			id, ok = c.Add(Entry{Parent: dir, Name: p, Meta: tree.Meta{Type: tree.Dir}})
			if !ok {
				return Root, "", false
			}
		}
		dir = id
	}
	return dir, parts[len(parts)-1], true
}

// leadsUp is the fault of a path with a part that leads up: this package takes it for a name, others for the directory above.
func leadsUp(path string) string {
	if strings.Contains(path, "..") && slices.Contains(strings.Split(path, "/"), "..") {
		return "a path that leads up"
	}
	return ""
}

func dropDots(parts []string) []string {
	out := parts[:0]
	for _, p := range parts {
		if p != "." {
			out = append(out, p)
		}
	}
	return out
}

// Add records an entry without content: a directory, a link, a device. A directory that was there already (archives
// often name it again, or name it after its content) takes the attributes of the later entry, as on the device. A symbolic
// link's target is escaped by the caller. ok is false where the budget has no room for it.
func (c *Container) Add(e Entry) (id tree.ID, ok bool) {
	if e.Fault != "" {
		defer func() {
			if ok {
				c.UnobservedEntry(id, -1, "damaged", e.Fault, tree.HidesAll)
			}
		}()
	}
	key := dirName{e.Parent, e.Name}
	if e.Type == tree.Dir {
		if id, there := c.dirs[key]; there {
			if e.Has != 0 {
				c.w.setMeta(id, e.Meta)
			}
			return id, true
		}
	}
	id, ok = c.w.add(c, e)
	if ok && e.Type == tree.Dir {
		c.dirs[key] = id
	} else if ok {
		delete(c.dirs, key)
	}
	return id, ok
}

// File records a regular file whose content follows in r, to its end. All of r is taken, or as much as the budget allows.
// An error of r (damaged, truncated) belongs to the file: it is recorded as unobserved, and returned so that the format can stop where nothing more can follow.
func (c *Container) File(ctx context.Context, e Entry, r io.Reader) error {
	_, err := c.file(ctx, e, r)
	return err
}

// file is File, and returns the node.
func (c *Container) file(ctx context.Context, e Entry, r io.Reader) (tree.ID, error) {
	id, ok := c.Add(e)
	if !ok {
		return tree.None, errBytes
	}
	if c.source == nil {
		return id, c.w.file(ctx, c, id, e.Size, r)
	}
	before := c.source.taken()
	err := c.w.file(ctx, c, id, e.Size, r)
	c.sum.Nodes += c.source.taken() - before
	return id, err
}

// Later records a regular file whose content can be had at any time, from any goroutine, until the format's Open returns and all its files
// were read: write gives all of it to its writer. Size must be known.
func (c *Container) Later(ctx context.Context, e Entry, write func(context.Context, io.Writer) error) {
	id, ok := c.Add(e)
	if !ok {
		return
	}
	c.w.later(ctx, c, id, e.Size, write)
}

// Part records a file that is a range of this container's bytes (a partition, a payload) and walks it. It returns the node, and an
// error only where the whole walk has to end: what is wrong with the range is recorded with it. The range is not claimed.
func (c *Container) Part(ctx context.Context, e Entry, r io.ReaderAt, offset, size int64) (tree.ID, error) {
	e.Size = size
	id, ok := c.Add(e)
	if !ok {
		return tree.None, errBytes
	}
	part := io.NewSectionReader(r, offset, size)
	from := c.w.records()
	err := c.w.content(ctx, id, source{at: part, size: size}, c.depth+1)
	var host *hostError
	if errors.As(err, &host) {
		return id, err
	}
	if inner, ok := c.w.nameless(id); ok && inner > 0 && !c.isTold(offset, size) {
		filler, err := isFiller(ctx, part)
		if err == nil && !filler {
			hides := tree.HidesAll
			if inner < tree.SmallestVolume {
				hides = tree.HidesContent
			}
			c.w.unknown(from, tree.Unobserved{Node: id, Length: inner, Hides: hides, Detail: "bytes outside any file system, of no known format"})
		}
	}
	return id, c.w.stopped(ctx)
}

// isTold tells whether one record says already that a range of the container's bytes hides all.
func (c *Container) isTold(offset, size int64) bool {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	return slices.ContainsFunc(c.told, func(t claim) bool { return t.offset <= offset && offset+size <= t.end })
}

// nameless tells whether a node was read whole and recognised as nothing, and how many bytes it has inside all compressors.
func (w *walker) nameless(id tree.ID) (size int64, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := &w.t.Nodes[id]
	_, size, known := n.Innermost()
	return size, n.Type == tree.File && known && n.InnermostFormat() == ""
}

// records returns how many ranges are recorded as unobserved.
func (w *walker) records() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.t.Unobserved)
}

// unknown records that a node is of no known format. Where that stands there already, among the records from number from on, since its bytes
// look encrypted, that record is made to hide as much.
func (w *walker) unknown(from int, u tree.Unobserved) {
	u.Reason = "unknown-format"
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := from; i < len(w.t.Unobserved); i++ {
		if o := &w.t.Unobserved[i]; o.Node == u.Node && o.Reason == u.Reason {
			if u.Hides == tree.HidesAll {
				o.Hides = tree.HidesAll
			}
			return
		}
	}
	w.t.Unobserved = append(w.t.Unobserved, u)
}

// Repeat records a file that has the very bytes of another node (a flattened layer): they are not walked again. It takes that node's
// digest and format once all is walked.
func (c *Container) Repeat(e Entry, of tree.ID) {
	if id, ok := c.Add(e); ok {
		c.w.repeat(id, of)
	}
}

// Link records a hard link: a further name of a file that the archive named before, by the path that the archive gives it.
func (c *Container) Link(e Entry, target string) {
	e.Hardlink = fact.Escape(target)
	of, found := c.lookup(target)
	if found {
		c.w.likeNode(&e, of)
	}
	id, ok := c.Add(e)
	if !ok {
		return
	}
	if !found {
		c.UnobservedEntry(id, -1, "link", "hard link to an entry that does not stand before it", tree.HidesAll)
		return
	}
	c.w.repeat(id, of)
}

// lookup finds the last entry of a path as archives write it.
func (c *Container) lookup(path string) (tree.ID, bool) {
	at := Root
	for p := range strings.SplitSeq(path, "/") {
		if p == "" || p == "." {
			continue
		}
		r, ok := c.seen[dirName{at, p}]
		if !ok {
			return at, false
		}
		at = r.last
	}
	return at, at != Root
}

// Hidden records n bytes of a Stream's structure that hold something where nothing should be.
func (c *Container) Hidden(n int64, where string) {
	c.sum.Unobserved += n
	c.Unobserved(c.source.taken(), n, "unaccounted", itoa(n)+" bytes "+where, tree.HidesAll)
}

// drop skips content whose entry is not kept: its bytes in a Stream are unobserved, which the caller records. They are charged as they
// come out, since a sparse file of a few bytes may have any number of them.
func (c *Container) drop(ctx context.Context, r io.Reader) error {
	before := c.source.taken()
	_, err := io.Copy(io.Discard, &charged{ctx: ctx, w: c.w, r: r})
	c.sum.Unobserved += c.source.taken() - before
	return err
}

// Claim says that a range of the container's bytes is understood: part of a node, or structure.
func (c *Container) Claim(offset, length int64, kind ClaimKind) { c.part.claim(offset, length, kind) }

// Unseen counts a range of an Open's bytes as unobserved, whatever else claims it, without recording it again: the caller has
// recorded it, or the entry whose content it is. It may be called from any goroutine until Open returns.
func (c *Container) Unseen(offset, length int64) {
	c.w.mu.Lock()
	defer c.w.mu.Unlock()
	if length > 0 && offset >= 0 && offset <= 1<<62 && length <= 1<<62 {
		c.part.unseen = append(c.part.unseen, claim{offset: offset, end: offset + length})
	}
}

// Unobserved records that a range of the container could not be looked at. Length is -1 when not known; an offset of -1 means no particular place.
// Reason is one of the words of fact.Unobserved; a product's bytes in detail must be escaped.
func (c *Container) Unobserved(offset, length int64, reason, detail string, hides tree.Hides) {
	if hides == tree.HidesAll && offset >= 0 && length > 0 && length <= 1<<62 && offset <= 1<<62 {
		c.w.mu.Lock()
		c.told = append(c.told, claim{offset: offset, end: offset + length})
		c.w.mu.Unlock()
	}
	c.w.unobserved(tree.Unobserved{Node: c.node, Offset: offset, Length: length, Reason: reason, Detail: detail, Hides: hides})
}

// UnobservedEntry records that an entry's content could not be looked at: encrypted, or of a method that is not known.
func (c *Container) UnobservedEntry(id tree.ID, length int64, reason, detail string, hides tree.Hides) {
	c.w.unobserved(tree.Unobserved{Node: id, Length: length, Reason: reason, Detail: detail, Hides: hides})
}

// Top records what the container says of the root directory of its content.
func (c *Container) Top(m tree.Meta) {
	m.Type = tree.Dir
	c.w.mu.Lock()
	c.w.t.Nodes[c.node].Top = &m
	c.w.mu.Unlock()
}

// Full tells that the budget has no room for more entries or bytes: the format may stop. What is left out is recorded.
func (c *Container) Full() bool {
	return c.w.entries.Load() > c.w.budget.Entries || c.w.bytes.Load() > c.w.budget.Bytes
}

// Depth returns how many containers are inside each other here.
func (c *Container) Depth() int { return c.depth }

func sortXattrs(x []tree.Xattr) {
	slices.SortFunc(x, func(a, b tree.Xattr) int { return strings.Compare(a.Name, b.Name) })
}
