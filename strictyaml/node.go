package strictyaml

import (
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// A Node is a value with its place. Which members mean something depends on Kind; the others are zero.
type Node struct {
	At      Place
	Kind    Kind
	Text    string // of a String; of a number or boolean as it was written
	Bool    bool
	Int     int64
	List    []*Node // of a List
	Entries []Entry // of a Mapping, in the file's order, each name once
	Quoted  bool    // a String in quotes
	Block   bool    // a String that stands on the lines behind its key: At is that of the | or >
}

// An Entry is a key of a mapping and its value.
type Entry struct {
	At    Place
	Name  string
	Value *Node
}

// Kind is what a value is.
type Kind int

// The kinds of values.
const (
	Null Kind = iota
	String
	Bool
	Int
	Number // one that is no integer, or no 64-bit one
	List
	Mapping
	Bad // an error was recorded where it stands
)

// String names the kind in a message.
func (k Kind) String() string {
	return [...]string{"nothing", "text", "true or false", "a whole number", "a number", "a list", "a mapping", "nothing"}[k]
}

// Find returns the place of the value at path, as in artifacts[0].path, and whether it is there; when it is not, the
// place of the innermost value around it.
func (n *Node) Find(path string) (Place, bool) {
	at := n.At
	for path != "" {
		var part string
		switch {
		case path[0] == '[':
			part, path, _ = strings.Cut(path[1:], "]")
			i, err := strconv.Atoi(part)
			if err != nil || n.Kind != List || i < 0 || i >= len(n.List) {
				return at, false
			}
			n = n.List[i]
		default:
			path = strings.TrimPrefix(path, ".")
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			part, path = path[:end], path[end:]
			next := n.Value(part)
			if next == nil {
				return at, false
			}
			n = next
		}
		at = n.At
	}
	return at, true
}

// Value returns the value of a key, or nil.
func (n *Node) Value(name string) *Node {
	for _, e := range n.Entries {
		if e.Name == name {
			return e.Value
		}
	}
	return nil
}

// A converter turns the syntax tree of the YAML parser into nodes and expands aliases.
type converter struct {
	errs    *Errors
	anchors map[string]*Node
	nodes   int // made or reached by an alias, so far
}

func (c *converter) bad(at Place, format string, args ...any) *Node {
	c.errs.Add(at, format, args...)
	return &Node{At: at, Kind: Bad}
}

// convert is recursive: boundTokens bounded the depth of what it is given.
func (c *converter) convert(n ast.Node) *Node {
	at := placeOf(n)
	c.nodes++
	switch n := n.(type) {
	case *ast.NullNode:
		return &Node{At: at, Kind: Null}
	case *ast.BoolNode:
		return &Node{At: at, Kind: Bool, Bool: n.Value, Text: n.Token.Value}
	case *ast.IntegerNode:
		return integerNode(at, n)
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return &Node{At: at, Kind: Number, Text: n.GetToken().Value}
	case *ast.StringNode:
		return &Node{At: at, Kind: String, Text: n.Value, Quoted: n.Token.Type == token.SingleQuoteType || n.Token.Type == token.DoubleQuoteType}
	case *ast.LiteralNode:
		return &Node{At: at, Kind: String, Text: n.Value.Value, Block: true}
	case *ast.AnchorNode:
		if n.Value == nil || n.Name == nil {
			return c.bad(at, "anchor without a value")
		}
		value := c.convert(n.Value)
		c.anchors[n.Name.GetToken().Value] = value
		return value
	case *ast.AliasNode:
		return c.alias(at, n)
	case *ast.SequenceNode:
		out := &Node{At: at, Kind: List}
		for _, item := range n.Values {
			out.List = append(out.List, c.convert(item))
		}
		return out
	case *ast.MappingValueNode:
		out := &Node{At: placeOf(n.Key), Kind: Mapping}
		c.entry(out, n)
		return out
	case *ast.MappingNode:
		if len(n.Values) > maxKeys {
			return c.bad(at, "more than %d keys in one mapping", maxKeys)
		}
		out := &Node{At: at, Kind: Mapping}
		if !n.IsFlowStyle && len(n.Values) > 0 {
			out.At = placeOf(n.Values[0].Key)
		}
		for _, v := range n.Values {
			c.entry(out, v)
		}
		return out
	}
	return c.bad(at, "%s has no place in %s", n.Type(), c.errs.what)
}

// entry adds a key with its value to a mapping.
func (c *converter) entry(to *Node, v *ast.MappingValueNode) {
	at := placeOf(v.Key)
	key, ok := v.Key.(*ast.StringNode)
	if !ok {
		c.errs.Add(at, "key %s: keys are plain words", Quote(v.Key.GetToken().Value))
		return
	}
	for _, e := range to.Entries {
		if e.Name == key.Value {
			c.errs.Add(at, "key %s is already there in line %d", Quote(key.Value), e.At.Line)
			return
		}
	}
	e := Entry{At: at, Name: key.Value}
	if v.Value == nil {
		e.Value = &Node{At: at, Kind: Null}
	} else {
		e.Value = c.convert(v.Value)
	}
	if e.Value.Kind == Null {
		e.Value.At = at // the parser puts a value that was left out anywhere behind the key
	}
	to.Entries = append(to.Entries, e)
}

// alias returns a copy of what an anchor named, as far as the bound for all nodes allows, placed where the alias is.
func (c *converter) alias(at Place, n *ast.AliasNode) *Node {
	if n.Value == nil {
		return c.bad(at, "alias without a name")
	}
	name := n.Value.GetToken().Value
	value, ok := c.anchors[name]
	if !ok {
		return c.bad(at, "alias %s: no anchor of that name stands before it", Quote(name))
	}
	out := c.copy(value)
	out.At = at
	return out
}

func (c *converter) copy(n *Node) *Node {
	out := *n
	c.nodes++
	if c.nodes > maxNodes {
		out.List, out.Entries = nil, nil
		return &out
	}
	out.List = make([]*Node, len(n.List))
	for i, item := range n.List {
		out.List[i] = c.copy(item)
	}
	out.Entries = make([]Entry, len(n.Entries))
	for i, e := range n.Entries {
		out.Entries[i] = Entry{e.At, e.Name, c.copy(e.Value)}
	}
	return &out
}

func integerNode(at Place, n *ast.IntegerNode) *Node {
	out := &Node{At: at, Kind: Int, Text: n.Token.Value}
	switch v := n.Value.(type) {
	case int64:
		out.Int = v
	case uint64:
		if v > math.MaxInt64 {
			out.Kind = Number
		} else {
			out.Int = int64(v)
		}
	default:
		out.Kind = Number
	}
	return out
}

func placeOf(n ast.Node) Place {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return Place{1, 1}
	}
	p := n.GetToken().Position
	return Place{p.Line, p.Column}
}
