package tree

import (
	"cmp"
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
)

// Tree is an unpacked release. After Sort it is only read, and safe for concurrent use.
type Tree struct {
	Nodes      []Node // Sort puts parents before children and siblings in order of their names
	Unobserved []Unobserved

	children [][]ID
}

// EscapeName writes an entry's raw name as one part of an address: what Escape escapes, and ! ; / and a leading @ too.
// The name ".." is %2E%2E.
func EscapeName(raw string) string {
	if raw == ".." {
		return "%2E%2E"
	}
	s := fact.EscapeAlso(raw, "!;/")
	if strings.HasPrefix(s, "@") {
		return "%40" + s[1:]
	}
	return s
}

// UnescapeName returns the raw name that EscapeName was given.
func UnescapeName(s string) string {
	if i := strings.IndexByte(s, ';'); i >= 0 {
		s = s[:i]
	}
	return fact.Unescape(s)
}

// Address returns a node's full address.
func (t *Tree) Address(id ID) string {
	if id == None {
		return ""
	}
	return t.join(id, None)
}

// Path returns a node's path in its innermost container, with a leading slash; for what is no container's content, its address with
// one, so that two artifacts differ.
func (t *Tree) Path(id ID) string { return t.within(id, t.Base(id)) }

// Base returns the container whose content the node is: the nearest ancestor that holds a whole file system or
// archive. For an artifact it is None.
func (t *Tree) Base(id ID) ID {
	for id != None && !t.Nodes[id].Inner {
		id = t.Nodes[id].Parent
	}
	if id == None {
		return None
	}
	return t.Nodes[id].Parent
}

// within returns the path from an ancestor, which is not part of it, with a leading slash.
func (t *Tree) within(id, ancestor ID) string {
	if id == ancestor || id == None {
		return "/"
	}
	var parts []string
	for ; id != ancestor && id != None; id = t.Nodes[id].Parent {
		parts = append(parts, t.Nodes[id].Name)
	}
	slices.Reverse(parts)
	return "/" + strings.Join(parts, "/")
}

func (t *Tree) join(id, ancestor ID) string {
	n := 0
	for i := id; i != ancestor && i != None; i = t.Nodes[i].Parent {
		n += len(t.Nodes[i].Name) + 2
	}
	b := make([]byte, n)
	for i := id; i != ancestor && i != None; i = t.Nodes[i].Parent {
		node := &t.Nodes[i]
		n -= len(node.Name)
		copy(b[n:], node.Name)
		if node.Parent == ancestor || node.Parent == None {
			continue
		}
		n--
		b[n] = '/'
		if node.Inner {
			n--
			b[n] = '!'
		}
	}
	return string(b[n:])
}

// Children returns the children of a node, or the artifacts for None, in order. The slice must not be changed.
func (t *Tree) Children(id ID) []ID { return t.children[id+1] }

// Child returns the child of that (escaped) name.
func (t *Tree) Child(id ID, name string) (ID, bool) {
	c := t.children[id+1]
	i, ok := slices.BinarySearchFunc(c, name, func(x ID, n string) int { return strings.Compare(t.Nodes[x].Name, n) })
	if !ok {
		return None, false
	}
	return c[i], true
}

// Sort brings the tree into its canonical order, in which the digest of its listing does not depend on how it was
// unpacked. It renumbers nodes and returns the new ID of each old one.
func (t *Tree) Sort() []ID {
	children := make([][]ID, len(t.Nodes)+1)
	for i := range t.Nodes {
		p := t.Nodes[i].Parent + 1
		children[p] = append(children[p], ID(i))
	}
	for _, c := range children {
		slices.SortFunc(c, func(a, b ID) int { return strings.Compare(t.Nodes[a].Name, t.Nodes[b].Name) })
	}
	moved := make([]ID, len(t.Nodes))
	sorted := make([]Node, 0, len(t.Nodes))
	stack := slices.Clone(children[0])
	slices.Reverse(stack)
	for len(stack) > 0 {
		id := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		moved[id] = ID(len(sorted))
		n := t.Nodes[id]
		if n.Parent != None {
			n.Parent = moved[n.Parent]
		}
		sorted = append(sorted, n)
		for _, c := range slices.Backward(children[id+1]) {
			stack = append(stack, c)
		}
	}
	for i := range sorted {
		if l := sorted[i].Latest; l != 0 {
			sorted[i].Latest = moved[l]
		}
	}
	t.Nodes = sorted
	t.children = make([][]ID, len(sorted)+1)
	for i := range sorted {
		p := sorted[i].Parent + 1
		t.children[p] = append(t.children[p], ID(i))
	}
	for i := range t.Unobserved {
		t.Unobserved[i].Node = moved[t.Unobserved[i].Node]
	}
	slices.SortFunc(t.Unobserved, compareUnobserved)
	t.Unobserved = slices.Compact(t.Unobserved)
	return moved
}

func compareUnobserved(a, b Unobserved) int {
	return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Length, b.Length),
		strings.Compare(a.Reason, b.Reason), strings.Compare(a.Detail, b.Detail), strings.Compare(string(a.Hides), string(b.Hides)))
}

// Totals adds up the accounts of all containers. Bytes in a container that lies in another one count in both.
func (t *Tree) Totals() Account {
	var sum Account
	for i := range t.Nodes {
		if a := t.Nodes[i].Account; a != nil {
			sum.Nodes += a.Nodes
			sum.Structure += a.Structure
			sum.Padding += a.Padding
			sum.Unobserved += a.Unobserved
		}
	}
	return sum
}
