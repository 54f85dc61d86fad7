package unpack

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// A whiteout is an entry of a layer that takes something of the layers below away (OCI Image Format 1.1, layer.md): the
// entry of the name that follows the prefix, or all of the directory's.
const (
	whiteout       = ".wh."
	whiteoutOpaque = ".wh..wh..opq"
	whiteoutOther  = ".wh..wh." // of AUFS, for its own use
)

// flattenFactor bounds the work of putting layers together: so many times the budget of entries, for all images of an archive.
const flattenFactor = 8

// flattener puts layers together to the file system that they make.
type flattener struct {
	c      *Container
	root   *flatNode
	steps  *int64
	full   bool
	faults []tree.Unobserved // of the file system
	top    tree.Meta         // of its root directory, as the topmost layer says that says anything
}

// flatNode is an entry of the file system.
type flatNode struct {
	parent *flatNode
	id     tree.ID // the node of a layer that it is
	meta   tree.Meta
	kids   map[string]*flatNode // of a directory; else nil
	length int                  // of its path
}

// layerEntry is an entry of a layer.
type layerEntry struct {
	id, parent tree.ID
	name       string // raw
	shadowed   bool
	open       bool // a hard link to what does not stand before it in the layer
	meta       tree.Meta
}

// implicit tells whether a directory is only part of another entry's path: it says nothing of its own.
func (e *layerEntry) implicit() bool { return e.meta.Type == tree.Dir && e.meta.Has == 0 }

// entriesOf returns the entries of a layer in their order, without what lies in files that are containers themselves.
func (w *walker) entriesOf(n layerNode) (list []layerEntry, format string, faults []tree.Unobserved) {
	w.mu.Lock()
	defer w.mu.Unlock()
	open := map[tree.ID]bool{}
	for _, u := range w.t.Unobserved {
		switch {
		case u.Reason == openLink && u.Node > n.id && u.Node < n.end:
			open[u.Node] = true
		case u.Node == n.id && u.Reason != "unaccounted" && len(faults) < mostRepeated:
			faults = append(faults, u)
		}
	}
	dirs := map[tree.ID]bool{}
	for id := n.id + 1; id < n.end; id++ {
		node := &w.t.Nodes[id]
		if !(node.Inner && node.Parent == n.id || !node.Inner && dirs[node.Parent]) {
			continue
		}
		if node.Type == tree.Dir {
			dirs[id] = true
		}
		list = append(list, layerEntry{id, node.Parent, tree.UnescapeName(node.Name), node.Shadowed, open[id], node.Meta})
	}
	return list, w.t.Nodes[n.id].InnermostFormat(), faults
}

// topOf returns what a container says of its root directory, or what was said before.
func (w *walker) topOf(id tree.ID, before tree.Meta) tree.Meta {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m := w.t.Nodes[id].Top; m != nil {
		return *m
	}
	return before
}

// add puts the next layer, number j, on top.
func (f *flattener) add(ctx context.Context, n layerNode, j int) error {
	if f.full {
		return nil
	}
	list, format, faults := f.c.w.entriesOf(n)
	f.top = f.c.w.topOf(n.id, f.top)
	for _, u := range faults {
		f.fault(u.Reason, fmt.Sprintf("layer%d: %s", j, u.Detail))
	}
	if format != "tar" && len(faults) == 0 {
		f.fault("damaged", fmt.Sprintf("layer%d is no tar", j))
	}
	*f.steps += int64(n.end-n.id) + int64(len(list))
	if *f.steps > flattenFactor*f.c.w.budget.Entries {
		f.full = true
		f.fault("budget", fmt.Sprintf("the images of the archive are made of more than %d entries of layers", flattenFactor*f.c.w.budget.Entries))
		return nil
	}
	f.takeAway(n.id, list)
	return f.putOn(ctx, n.id, list)
}

func (f *flattener) fault(reason, detail string) {
	f.faults = append(f.faults, tree.Unobserved{Length: -1, Reason: reason, Detail: detail, Hides: tree.HidesAll})
}

// takeAway applies a layer's whiteouts to the layers below it, wherever they stand in the layer.
func (f *flattener) takeAway(layer tree.ID, list []layerEntry) {
	below := map[tree.ID]*flatNode{layer: f.root}
	for i := range list {
		e := &list[i]
		dir := below[e.parent]
		switch {
		case dir == nil:
		case e.name == whiteoutOpaque:
			dir.kids = map[string]*flatNode{}
		case strings.HasPrefix(e.name, whiteoutOther):
		case strings.HasPrefix(e.name, whiteout):
			delete(dir.kids, e.name[len(whiteout):])
		case e.meta.Type == tree.Dir:
			below[e.id] = f.directory(dir, e)
		}
	}
}

// directory returns the directory that a layer's entry stands for, or nil. One that is only named in paths may lead through a
// symbolic link, as it does where the layer is unpacked over those below.
func (f *flattener) directory(dir *flatNode, e *layerEntry) *flatNode {
	n := dir.kids[e.name]
	switch {
	case n == nil:
		return nil
	case n.kids != nil:
		return n
	case e.implicit() && n.meta.Type == tree.Symlink:
		n = f.lookup(dir, fact.Unescape(n.meta.Link), true)
		if n != nil && n.kids != nil {
			return n
		}
	}
	return nil
}

// putOn adds what a layer has. A directory keeps what is in it, everything else replaces.
func (f *flattener) putOn(ctx context.Context, layer tree.ID, list []layerEntry) error {
	at := map[tree.ID]*flatNode{layer: f.root}
	closed := map[tree.ID]tree.ID{}
	defer func() { f.c.w.closeLinks(closed) }()
	for i := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		e := &list[i]
		dir := at[e.parent]
		if dir == nil || e.shadowed || strings.HasPrefix(e.name, whiteout) {
			continue
		}
		n := &flatNode{parent: dir, id: e.id, meta: e.meta, length: dir.length + 1 + len(e.name)}
		if n.length > maxPath {
			f.fault("budget", "a path of "+itoa(int64(n.length))+" bytes")
			continue
		}
		if e.meta.Type != tree.Dir {
			f.resolve(e, closed)
			dir.kids[e.name] = n
			continue
		}
		if old := f.directory(dir, e); old != nil {
			if !e.implicit() {
				old.id, old.meta = e.id, e.meta
			}
			at[e.id] = old
			continue
		}
		n.kids = map[string]*flatNode{}
		dir.kids[e.name], at[e.id] = n, n
	}
	return nil
}

// resolve finds the file of a hard link that its own layer does not have.
func (f *flattener) resolve(e *layerEntry, closed map[tree.ID]tree.ID) {
	if !e.open {
		return
	}
	n := f.lookup(f.root, fact.Unescape(e.meta.Hardlink), false)
	// An earlier node: links that lead in a circle cannot be made of such.
	if n != nil && n.kids == nil && n.meta.Type == tree.File && n.id < e.id {
		closed[e.id] = n.id
	}
}

const openLink = "link" // reason of a hard link whose file was not found

// closeLinks says of what hard links are other names after all.
func (w *walker) closeLinks(closed map[tree.ID]tree.ID) {
	if len(closed) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t.Unobserved = slices.DeleteFunc(w.t.Unobserved, func(u tree.Unobserved) bool {
		_, ok := closed[u.Node]
		return ok && u.Reason == openLink
	})
	for id, of := range closed {
		w.repeats = append(w.repeats, sameBytes{id, of})
	}
}

// flatLinks is how many symbolic links a lookup follows, as Linux does (path_resolution(7)).
const flatLinks = 40

// lookup finds a raw path from a directory. A link in the last place is followed only if last says so.
func (f *flattener) lookup(dir *flatNode, path string, last bool) *flatNode {
	links := 0
	at := dir
	if strings.HasPrefix(path, "/") {
		at = f.root
	}
	pending := strings.Split(path, "/")
	for len(pending) > 0 {
		name := pending[0]
		pending = pending[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			if at.parent != nil {
				at = at.parent
			}
			continue
		}
		n := at.kids[name]
		if n == nil {
			return nil
		}
		if n.meta.Type != tree.Symlink || len(pending) == 0 && !last {
			if n.kids == nil && len(pending) > 0 {
				return nil
			}
			at = n
			continue
		}
		if links++; links > flatLinks {
			return nil
		}
		target := fact.Unescape(n.meta.Link)
		if strings.HasPrefix(target, "/") {
			at = f.root
		}
		pending = append(strings.Split(target, "/"), pending...)
	}
	return at
}

// emit puts the file system below a directory. Its files are other names of the layers'.
func (f *flattener) emit(ctx context.Context, id tree.ID) error {
	for _, u := range f.faults {
		u.Node = id
		f.c.w.unobserved(u)
	}
	return f.emitDir(ctx, id, f.root)
}

// emitDir goes as deep as paths have parts: maxPath bounds that.
func (f *flattener) emitDir(ctx context.Context, parent tree.ID, dir *flatNode) error {
	for _, name := range slices.Sorted(maps.Keys(dir.kids)) {
		if err := f.c.w.stopped(ctx); err != nil {
			return err
		}
		n := dir.kids[name]
		e := Entry{Parent: parent, Name: name, Size: -1, Meta: n.meta}
		if n.meta.Type == tree.File {
			f.c.Repeat(e, n.id)
			continue
		}
		id, ok := f.c.Add(e)
		if !ok {
			return errBytes
		}
		if n.kids != nil {
			if err := f.emitDir(ctx, id, n); err != nil {
				return err
			}
		}
	}
	return nil
}
