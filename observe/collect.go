package observe

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// encoded is a record whose attributes are written already, as a cache keeps them.
type encoded struct {
	observer int
	Kind     string          `json:"kind"`
	Attrs    json.RawMessage `json:"attrs"`
	Excerpt  *fact.Excerpt   `json:"excerpt,omitempty"`
}

func encode(observer int, r fact.Record) encoded {
	return encoded{observer, fact.KindOf(r.Attrs).Name, fact.AttrsJSON(r.Attrs), r.Excerpt}
}

func encodeRecords(list []encoded) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // attributes are canonical JSON and have to stay so
	if err := enc.Encode(list); err != nil {
		panic(fmt.Sprintf("observe: records cannot be encoded: %v", err))
	}
	return b.Bytes()
}

func decodeRecords(b []byte, observer int) ([]encoded, error) {
	var list []encoded
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, err
	}
	for i := range list {
		k, ok := fact.ByName(list[i].Kind)
		if !ok {
			return nil, fmt.Errorf("kind %q does not exist", list[i].Kind)
		}
		// A line that does not parse must never leave a cache.
		line := fact.EncodeAttrs("x", fact.Location{Node: "x"}, list[i].Attrs, list[i].Excerpt)
		if _, err := fact.Parse(k, line); err != nil {
			return nil, err
		}
		list[i].observer = observer
	}
	return list, nil
}

// collector turns records into facts: lines by kind.
type collector struct {
	tree    *tree.Tree
	systems []tree.System
	of      []int32 // the system of each node, -1 for none
	lines   map[string][]string
}

func newCollector(t *tree.Tree, systems []tree.System) *collector {
	c := &collector{tree: t, systems: systems, of: make([]int32, len(t.Nodes)), lines: map[string][]string{}}
	for i := range c.of {
		c.of[i] = -1
	}
	for i := range systems {
		systems[i].Walk(func(id tree.ID, _ string) { c.of[id] = int32(i) })
		if t.Nodes[systems[i].Root].Type == tree.Dir {
			c.of[systems[i].Root] = int32(i)
		}
	}
	return c
}

// systemOf returns the system in which a node lies; nil where it lies in none. A container lies where its file does, not in its content.
func (c *collector) systemOf(id tree.ID) *tree.System {
	if i := c.of[id]; i >= 0 {
		return &c.systems[i]
	}
	return nil
}

func (c *collector) add(observer string, id tree.ID, s *tree.System, e encoded) {
	at := fact.Location{Node: c.tree.Address(id)}
	if s != nil {
		at.System, at.Path = s.Address, s.Path(id)
	} else {
		at.Path = c.tree.Path(id)
	}
	c.lines[e.Kind] = append(c.lines[e.Kind], fact.EncodeAttrs(observer, at, e.Attrs, e.Excerpt))
}

// Unpack is the name under which facts stand that unpacking itself recorded.
const Unpack = "unpack"

// unobserved records what unpacking could not look at. A file that looks encrypted may hide what is recognised by content; where it lies in
// no system, neither itself nor the container that it is in, it may as well be a system of its own, and hide everything.
func (c *collector) unobserved() {
	for _, u := range c.tree.Unobserved {
		hides := []string{string(tree.HidesAll)}
		if u.Hides == tree.HidesContent && (u.Reason != "unknown-format" || c.belongs(u.Node)) {
			hides = fact.ContentKinds()
		}
		a := fact.Unobserved{Reason: u.Reason, Detail: u.Detail, Hides: hides}
		if u.Offset > 0 {
			a.Offset = fact.Known(u.Offset)
		}
		if u.Length >= 0 {
			a.Length = fact.Known(u.Length)
		}
		c.add(Unpack, u.Node, c.systemOf(u.Node), encode(-1, fact.Record{Attrs: a}))
	}
}

// nameless records files of no known format that a release delivers by themselves: a firmware beside its release notes may be a container
// that nobody opened. In a system, in a layer of one and in a package such a file is one among its data.
func (c *collector) nameless() {
	told := map[tree.ID]bool{}
	for _, u := range c.tree.Unobserved {
		told[u.Node] = true
	}
	for i := range c.tree.Nodes {
		id, n := tree.ID(i), &c.tree.Nodes[i]
		_, size, known := n.Innermost()
		if n.Type != tree.File || !known || size < tree.SmallestVolume || n.InnermostFormat() != "" || told[id] || c.belongs(id) || c.installed(id) {
			continue
		}
		c.add(Unpack, id, nil, encode(-1, fact.Record{Attrs: fact.Unobserved{
			Reason: "unknown-format", Detail: "a file of no known format outside any system", Hides: []string{string(tree.HidesAll)},
			Length: fact.Known(size),
		}}))
	}
}

// installed tells whether a node lies in a layer of an image, or in a package (deb(5) is an ar archive).
func (c *collector) installed(id tree.ID) bool {
	for ; id != tree.None; id = c.tree.Nodes[id].Parent {
		if n := &c.tree.Nodes[id]; n.NoSystem || n.InnermostFormat() == "ar" {
			return true
		}
	}
	return false
}

// belongs tells whether a node, or a container around it, lies in a system.
func (c *collector) belongs(id tree.ID) bool {
	for ; id != tree.None; id = c.tree.Nodes[id].Parent {
		if c.of[id] >= 0 {
			return true
		}
	}
	return false
}

func (c *collector) set() (*fact.Set, error) {
	set := fact.NewSet()
	for _, k := range fact.Kinds() {
		lines := c.lines[k.Name]
		if len(lines) == 0 {
			continue
		}
		sorted, err := fact.SortLines(lines)
		if err != nil {
			return nil, fmt.Errorf("sorting facts of kind %q: %w", k.Name, err)
		}
		set.Put(k, sorted)
	}
	return set, nil
}
