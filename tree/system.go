package tree

import (
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
)

// System is a root file system inside a release: A/B slots, a recovery system, container images are systems of their own.
type System struct {
	Root    ID
	Address string

	t     *Tree
	roots map[ID]bool // of all systems, shared
}

// Systems finds the systems of a sorted tree, in order of their addresses. A root is the outermost directory (or
// container) that has etc, or a link to it inside the root, and two of bin, sbin, lib and usr; one deeper inside a system counts only with etc/passwd too.
func (t *Tree) Systems() []System {
	roots := map[ID]bool{}
	var systems []System
	skip := map[ID]bool{}
	for i := range t.Nodes {
		id := ID(i)
		n := &t.Nodes[id]
		// A layer's own entries are no system; containers among them may hold one.
		if n.NoSystem || !n.Inner && skip[n.Parent] || n.Inner && n.Parent != None && t.Nodes[n.Parent].NoSystem {
			skip[id] = true
			if n.NoSystem || n.Type == Dir || len(t.Children(id)) == 0 {
				continue
			}
		}
		if !t.looksLikeRoot(id) {
			continue
		}
		if t.insideOf(id, roots) && !t.hasPasswd(id) {
			continue
		}
		roots[id] = true
		systems = append(systems, System{Root: id, Address: t.Address(id), t: t, roots: roots})
	}
	return systems
}

// insideOf tells whether an ancestor in the same container is one of roots. A container's own content is inside of nothing: an image
// that lies in a file system is no directory of it.
func (t *Tree) insideOf(id ID, roots map[ID]bool) bool {
	if c := t.Children(id); len(c) > 0 && t.Nodes[c[0]].Inner {
		return false
	}
	for ; id != None; id = t.Nodes[id].Parent {
		if roots[id] {
			return true
		}
		if t.Nodes[id].Inner && t.Nodes[id].Parent != None {
			return roots[t.Nodes[id].Parent]
		}
	}
	return false
}

func (t *Tree) looksLikeRoot(id ID) bool {
	if len(t.Children(id)) < 3 {
		return false
	}
	if _, ok := t.etcOf(id); !ok {
		return false
	}
	n := 0
	for _, name := range []string{"bin", "sbin", "lib", "usr"} {
		if c, ok := t.last(id, name); ok {
			if k := t.Nodes[c].Type; k == Dir || k == Symlink {
				n++
			}
		}
	}
	return n >= 2
}

// maxRootLinks is how many symbolic links may stand between a root and its etc: enough for usr/etc behind a name that is changed with an update.
const maxRootLinks = 2

// etcOf returns the directory that etc of a possible root is, or leads to without ever leaving that root: where a link goes up and out, the
// directory is a part of another system.
func (t *Tree) etcOf(root ID) (ID, bool) {
	at, links := root, 0
	for pending := []string{"etc"}; len(pending) > 0; {
		name := pending[0]
		pending = pending[1:]
		if name == "" || name == "." {
			continue
		}
		if at != root && t.Nodes[at].Type != Dir || at == root && name == ".." {
			return None, false
		}
		if name == ".." {
			at = t.Nodes[at].Parent
			continue
		}
		next, ok := t.last(at, name)
		if !ok || t.Nodes[next].Inner && at != root {
			return None, false
		}
		if t.Nodes[next].Type != Symlink {
			at = next
			continue
		}
		if links++; links > maxRootLinks {
			return None, false
		}
		target := t.Nodes[next].Link
		if strings.HasPrefix(target, "/") {
			at = root
		}
		pending = append(linkNames(target), pending...)
	}
	return at, at != root && t.Nodes[at].Type == Dir
}

func (t *Tree) hasPasswd(id ID) bool {
	etc, ok := t.etcOf(id)
	if !ok {
		return false
	}
	_, ok = t.last(etc, "passwd")
	return ok
}

// last returns the entry of a name that an unpacker on the device would have left: the last of repeated ones.
func (t *Tree) last(dir ID, name string) (ID, bool) {
	id, ok := t.Child(dir, name)
	if ok && t.Nodes[id].Latest != 0 {
		id = t.Nodes[id].Latest
	}
	return id, ok
}

// maxLinks is how many symbolic links a lookup follows, as Linux does (path_resolution(7)).
const maxLinks = 40

// Lookup finds a node by its path in the system (leading slash or none), names escaped as in addresses, following symbolic links
// inside the system as the running device would: what points above the root stays at the root. It says false where there is none,
// or where links go round.
func (s *System) Lookup(path string) (ID, bool) {
	pending := strings.Split(path, "/")
	at := s.Root
	links := 0
	for len(pending) > 0 {
		name := pending[0]
		pending = pending[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			if at != s.Root {
				if s.t.Nodes[at].Type != Dir {
					return None, false
				}
				at = s.t.Nodes[at].Parent
			}
			continue
		}
		next, ok := s.t.last(at, name)
		if !ok || s.t.Nodes[next].Inner && at != s.Root {
			return None, false
		}
		if s.t.Nodes[next].Type != Symlink {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return None, false
		}
		target := s.t.Nodes[next].Link
		if strings.HasPrefix(target, "/") {
			at = s.Root
		}
		pending = append(linkNames(target), pending...)
	}
	return at, true
}

// linkNames returns the parts of a link's target, in which only what is bad in a text is escaped, as addresses write names.
func linkNames(target string) []string {
	names := strings.Split(target, "/")
	for i, name := range names {
		if name != ".." {
			names[i] = EscapeName(fact.Unescape(name))
		}
	}
	return names
}

// Top returns what is known of the system's root directory itself; false where nothing is.
func (s *System) Top() (Meta, bool) {
	n := &s.t.Nodes[s.Root]
	switch {
	case n.Type == Dir:
		return n.Meta, n.Has != 0
	case n.Top != nil:
		return *n.Top, true
	}
	return Meta{}, false
}

// Tree returns the tree that the system is part of.
func (s *System) Tree() *Tree { return s.t }

// Path returns a node's path in the system, with a leading slash.
func (s *System) Path(id ID) string {
	var parts []string
	for ; id != s.Root && id != None; id = s.t.Nodes[id].Parent {
		parts = append(parts, original(s.t.Nodes[id].Name))
	}
	slices.Reverse(parts)
	return "/" + strings.Join(parts, "/")
}

// Walk calls fn for each node of the system below its root, parents first, in order of their names. It leaves out what
// lies in containers inside it, in systems inside it, and entries that a later one of the same name replaces.
func (s *System) Walk(fn func(id ID, path string)) {
	type step struct {
		id   ID
		path string
	}
	stack := []step{{s.Root, ""}}
	for len(stack) > 0 {
		top := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if top.id != s.Root {
			inner := s.roots[top.id]
			if inner && s.t.Nodes[top.id].Type == Dir {
				continue
			}
			fn(top.id, top.path) // a container that holds another system is a file of this one
			if inner {
				continue
			}
		}
		for _, c := range slices.Backward(s.t.Children(top.id)) {
			n := &s.t.Nodes[c]
			if n.Shadowed || n.Inner && top.id != s.Root {
				continue
			}
			stack = append(stack, step{c, top.path + "/" + original(n.Name)})
		}
	}
}

// Outside calls fn for each node that lies in no system, artifacts included, with its path in its innermost container.
func (t *Tree) Outside(systems []System, fn func(id ID, path string)) {
	in := make([]bool, len(t.Nodes))
	for i := range systems {
		if t.Nodes[systems[i].Root].Type == Dir {
			in[systems[i].Root] = true
		}
		systems[i].Walk(func(id ID, _ string) { in[id] = true })
	}
	for i := range t.Nodes {
		if !in[i] {
			fn(ID(i), t.Path(ID(i)))
		}
	}
}

// Entry returns the entry of that name in a directory of the system, as an unpacker on the device would have left it; a link is not followed.
func (s *System) Entry(dir ID, name string) (ID, bool) {
	if name == "/" || name == "." {
		return dir, true
	}
	return s.t.last(dir, name)
}
