package draw

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/outline"
)

// treeLine is what is read of a line of a dossier's listing (tree.Tree.WriteListing).
type treeLine struct {
	Address string       `json:"address"`
	Decoded []treeStream `json:"decoded"`
	Digest  string       `json:"digest"`
	Format  string       `json:"format"`
	GID     *integer     `json:"gid"`
	Links   string       `json:"links"`
	Major   integer      `json:"major"`
	Minor   integer      `json:"minor"`
	Mode    string       `json:"mode"` // octal
	Time    string       `json:"mtime"`
	Size    *integer     `json:"size"`
	Target  string       `json:"target"`
	Type    string       `json:"type"`
	UID     *integer     `json:"uid"`
}

type treeStream struct {
	Digest string  `json:"digest"`
	Format string  `json:"format"`
	Size   integer `json:"size"`
}

// integer is one that is a string beyond 2^53.
type integer int64

func (n *integer) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	*n = integer(v)
	return err
}

func (n *integer) or(missing int64) int64 {
	if n == nil {
		return missing
	}
	return int64(*n)
}

// innermost returns the digest of the bytes that observers see.
func (l *treeLine) innermost() string {
	if n := len(l.Decoded); n > 0 {
		return l.Decoded[n-1].Digest
	}
	return l.Digest
}

// atNode is what stands at a node.
type atNode struct {
	position       int64 // -1 until the node is found
	content        string
	file           *fact.Fact // of kind file
	facts, failing int64
	root           bool
	reasons        []string
}

// listedNode is where a node stands in the tree.
type listedNode struct {
	parent, depth, children, below, failingBelow int64
	at                                           *atNode // nil where nothing does
}

// at returns what is known of a node, by its address in the dossier.
func (x *writer) at(address string) *atNode {
	a := x.nodes[address]
	if a == nil {
		a = &atNode{position: -1}
		x.nodes[address] = a
	}
	return a
}

// positionOf returns the position of a node, -1 where it has no row.
func (x *writer) positionOf(address string) int64 {
	if a := x.nodes[address]; a != nil {
		return a.position
	}
	return -1
}

// readTree notes what stands at which node, and then where each node stands, so that rows can say what follows them.
func (x *writer) readTree() error {
	if err := x.noteFacts(); err != nil {
		return err
	}
	for _, o := range x.c.Outcomes {
		for i := range o.Findings {
			x.noteFinding(&o.Findings[i])
		}
	}
	var stack []ancestor
	n := int64(0)
	err := x.eachLine(func(l *treeLine) error {
		var err error
		if stack, err = descend(stack, l.Address); err != nil {
			return err
		}
		if n >= outline.MaxNodes {
			x.unseen++
			return nil
		}
		node := listedNode{parent: -1, depth: int64(len(stack)) - 1, at: x.nodes[l.Address]}
		if len(stack) > 1 {
			node.parent = stack[len(stack)-2].position
			x.listed[node.parent].children++
		}
		stack[len(stack)-1].position = n
		if node.at != nil {
			node.at.position, node.at.content = n, l.innermost()
		}
		x.listed = append(x.listed, node)
		n++
		return nil
	})
	for i := len(x.listed) - 1; i >= 0; i-- {
		node := &x.listed[i]
		if node.parent < 0 {
			continue
		}
		up := &x.listed[node.parent]
		up.below += 1 + node.below
		up.failingBelow += node.failingBelow
		if node.at != nil {
			up.failingBelow += node.at.failing
		}
	}
	return err
}

// noteFacts notes what stands at nodes, but findings.
func (x *writer) noteFacts() error {
	x.systems = map[string]int{}
	for _, k := range fact.Kinds() {
		for f, err := range x.c.Facts.All(k.Name) {
			if err != nil {
				return err
			}
			a := x.at(f.Node)
			if _, known := x.systems[f.System]; f.System != "" && !known {
				x.systems[f.System] = 0
				x.at(f.System).root = true
			}
			switch k.Name {
			case "file":
				a.file = f
				continue
			case "unobserved":
				if reason := text(f, "reason"); !slices.Contains(a.reasons, reason) {
					a.reasons = append(a.reasons, reason)
				}
			}
			a.facts++
		}
	}
	addresses := make([]string, 0, len(x.systems))
	for s := range x.systems {
		addresses = append(addresses, s)
	}
	slices.Sort(addresses)
	for i, s := range addresses {
		x.systems[s] = i + 1
	}
	return nil
}

// noteFinding counts a finding that fails once at each node where it stands.
func (x *writer) noteFinding(f *judge.Finding) {
	if f.Kind != judge.Failing {
		return
	}
	last := ""
	for _, p := range f.Places { // sorted by node
		if p.Node != last {
			x.at(p.Node).failing++
			last = p.Node
		}
	}
}

// eachLine reads the listing.
func (x *writer) eachLine(fn func(*treeLine) error) error {
	n := 0
	for line := range bytes.Lines(x.c.Tree) {
		if n++; n%1024 == 0 {
			if err := x.alive(); err != nil {
				return err
			}
		}
		var l treeLine
		if err := json.Unmarshal(line, &l); err != nil {
			return fmt.Errorf("line %d of the tree: %w", n, err)
		}
		if err := fn(&l); err != nil {
			return fmt.Errorf("line %d of the tree: %w", n, err)
		}
	}
	return nil
}

// ancestor is a node on the way to the one that is read.
type ancestor struct {
	address  string
	child    string // the name of its child that was read last
	position int64
}

// descend pops what the node at an address does not lie in, and pushes it. In a tree in order its parent is still there, and its name follows
// that of the sibling before.
func descend(stack []ancestor, address string) ([]ancestor, error) {
	parent, name, _ := split(address)
	if name == "" {
		return nil, fmt.Errorf("the address %.100q has no name", address)
	}
	if parent == "" {
		if len(stack) > 0 && stack[0].address >= address {
			return nil, fmt.Errorf("the artifact %.100q is not in order", address)
		}
		return append(stack[:0], ancestor{address: address}), nil
	}
	for len(stack) > 0 && stack[len(stack)-1].address != parent {
		stack = stack[:len(stack)-1]
	}
	if len(stack) == 0 {
		return nil, fmt.Errorf("the node %.100q is not in order", address)
	}
	up := &stack[len(stack)-1]
	if up.child >= name {
		return nil, fmt.Errorf("the node %.100q is not in order", address)
	}
	up.child = name
	return append(stack, ancestor{address: address}), nil
}

// split takes an address to that of the parent, empty for an artifact, and the name. inner says that the node is the content of its parent.
func split(address string) (parent, name string, inner bool) {
	i := strings.LastIndexByte(address, '/')
	if i < 0 {
		return "", address, false
	}
	parent, inner = strings.CutSuffix(address[:i], "!")
	return parent, address[i+1:], inner
}

// tree writes the nodes.
func (x *writer) tree() error {
	x.leftOut["node"] = x.unseen
	n := int64(0)
	return x.eachLine(func(l *treeLine) error {
		if n >= int64(len(x.listed)) {
			return nil
		}
		n++
		return x.put(x.node(l, n-1))
	})
}

func (x *writer) node(l *treeLine, position int64) *outline.Node {
	listed := &x.listed[position]
	_, name, inner := split(l.Address)
	row := &outline.Node{
		Address: l.Address, Below: listed.below, Children: listed.children, Content: l.innermost(), Depth: listed.depth, Digest: l.Digest,
		FindingsBelow: listed.failingBelow, Format: l.Format, GID: l.GID.or(-1), Inner: inner, Links: l.Links, Major: int64(l.Major), Minor: int64(l.Minor),
		Mode: -1, Name: name, Parent: listed.parent, Position: position, Size: l.Size.or(-1), Target: l.Target, Time: l.Time, Type: l.Type, UID: l.UID.or(-1),
	}
	if mode, err := strconv.ParseInt(l.Mode, 8, 32); err == nil {
		row.Mode = mode
	}
	for i := range l.Decoded {
		if i == 32 {
			break // as deep as unpacking goes by default
		}
		row.Decoded = append(row.Decoded, outline.Stream{Digest: l.Decoded[i].Digest, Format: l.Decoded[i].Format, Size: int64(l.Decoded[i].Size)})
	}
	a := listed.at
	if a == nil {
		return row
	}
	row.Facts, row.Findings, row.SystemRoot, row.Unobserved = a.facts, a.failing, a.root, strings.Join(a.reasons, ", ")
	if a.file != nil {
		row.System, row.Path = a.file.System, a.file.Path
		v, _ := a.file.Get("capabilities")
		list, _ := v.([]string)
		row.Capabilities, _ = capped(list, 64) // Linux has 41
	}
	return row
}

func text(f *fact.Fact, name string) string {
	v, _ := f.Get(name)
	s, _ := v.(string)
	return s
}

func yes(f *fact.Fact, name string) bool {
	v, _ := f.Get(name)
	b, _ := v.(bool)
	return b
}

func number(f *fact.Fact, name string, missing int64) int64 {
	v, ok := f.Get(name)
	n, _ := v.(int64)
	if !ok {
		return missing
	}
	return n
}
