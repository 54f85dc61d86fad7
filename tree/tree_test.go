package tree

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// plant makes a sorted tree of addresses, one a line, with what lies between them. A line is an address, then what the node is: "/"
// at its end a directory, " -> target" a symbolic link, else a file; "!" between parts opens a container. " *" marks NoSystem.
func plant(lines ...string) *Tree {
	t := &Tree{}
	byAddress := map[string]ID{"": None}
	first := map[string]ID{}
	var add func(address string, n Node) ID
	add = func(address string, n Node) ID {
		if id, ok := byAddress[address]; ok {
			if n.Type != Dir {
				t.Nodes[id].Meta = n.Meta
			}
			t.Nodes[id].NoSystem = t.Nodes[id].NoSystem || n.NoSystem
			return id
		}
		i := strings.LastIndexByte(address, '/')
		parent, name := "", address
		if i >= 0 {
			parent, name = address[:i], address[i+1:]
		}
		n.Name = name
		n.Inner = strings.HasSuffix(parent, "!")
		container := Dir
		if n.Inner {
			container = File
		}
		n.Parent = None
		if i >= 0 {
			n.Parent = add(strings.TrimSuffix(parent, "!"), Node{Meta: Meta{Type: container}})
		}
		id := ID(len(t.Nodes))
		t.Nodes = append(t.Nodes, n)
		byAddress[address] = id
		key := fmt.Sprint(n.Parent, original(name))
		if f, again := first[key]; again {
			last := f
			if l := t.Nodes[f].Latest; l != 0 {
				last = l
			}
			t.Nodes[last].Shadowed, t.Nodes[f].Latest = true, id
		} else {
			first[key] = id
		}
		return id
	}
	for _, line := range lines {
		n := Node{}
		line, n.NoSystem = strings.CutSuffix(line, " *")
		address, target, link := strings.Cut(line, " -> ")
		address, dir := strings.CutSuffix(address, "/")
		switch {
		case link:
			n.Type, n.Link = Symlink, target
		case dir:
			n.Type = Dir
		}
		add(address, n)
	}
	t.Sort()
	return t
}

func (t *Tree) find(address string) ID {
	for i := range t.Nodes {
		if t.Address(ID(i)) == address {
			return ID(i)
		}
	}
	return None
}

// TestAddresses holds how addresses are joined, and the path in the innermost container.
func TestAddresses(t *testing.T) {
	for address, want := range map[string]struct{ path, base string }{
		"router":                              {"/router", ""},
		"router!/rootfs.squashfs":             {"/rootfs.squashfs", "router"},
		"router!/rootfs.squashfs!/etc/shadow": {"/etc/shadow", "router!/rootfs.squashfs"},
		"disk!/p1!/boot/image0":               {"/boot/image0", "disk!/p1"},
		"disk!/@0x40000.squashfs!/bin":        {"/bin", "disk!/@0x40000.squashfs"},
		"folder/etc/passwd":                   {"/folder/etc/passwd", ""},
		"folder/a.zip!/b/c%21;2":              {"/b/c%21;2", "folder/a.zip"},
		"a!/b!/c!/d!/e":                       {"/e", "a!/b!/c!/d"},
		"image!/layer0!/etc/.wh.x":            {"/etc/.wh.x", "image!/layer0"},
	} {
		tr := plant(address)
		id := tr.find(address)
		if id == None {
			t.Errorf("%s is not found in\n%s", address, listing(tr))
			continue
		}
		if got := tr.Path(id); got != want.path {
			t.Errorf("%s: path %q, want %q", address, got, want.path)
		}
		if got := tr.Address(tr.Base(id)); got != want.base {
			t.Errorf("%s: base %q, want %q", address, got, want.base)
		}
	}
	if got := plant("a").Address(None); got != "" {
		t.Errorf("the address of nothing is %q", got)
	}
}

// TestEscapeName holds names as the design's section Addresses has them.
func TestEscapeName(t *testing.T) {
	for raw, want := range map[string]string{
		"shadow":       "shadow",
		"a!b":          "a%21b",
		"100%":         "100%25",
		"a;2":          "a%3B2",
		"@0x40000":     "%400x40000",
		"a@b":          "a@b",
		"..":           "%2E%2E",
		"...":          "...",
		"%2E%2E":       "%252E%252E",
		"a/b":          "a%2Fb",
		"a\x00\n\x7fb": "a%00%0A%7Fb",
		"\xff\xfeé":    "%FF%FEé",
		"a\u202eb":     "a%E2%80%AEb",
		"with space":   "with space",
		"\\":           "\\",
		"%21":          "%2521",
		"@":            "%40",
		"@!;%":         "%40%21%3B%25",
	} {
		if got := EscapeName(raw); got != want {
			t.Errorf("%q: got %q, want %q", raw, got, want)
		}
		for n, suffix := range map[int]string{1: "", 2: ";2", 11: ";11"} {
			if got := Repeated(want, n); got != want+suffix {
				t.Errorf("entry %d of %q: got %q", n, want, got)
			} else if back := UnescapeName(got); back != raw {
				t.Errorf("%q became %q", got, back)
			}
		}
	}
}

func FuzzEscapeName(f *testing.F) {
	f.Add("..")
	f.Add("@!;%/\x00\xff\u202e")
	f.Fuzz(func(t *testing.T, raw string) {
		s := EscapeName(raw)
		if got := UnescapeName(s); got != raw {
			t.Fatalf("%q became %q, and back %q", raw, s, got)
		}
		if got := UnescapeName(Repeated(s, 3)); got != raw {
			t.Fatalf("%q became %q, and back %q", raw, Repeated(s, 3), got)
		}
		if strings.ContainsAny(s, "!;/\x00\n") || strings.HasPrefix(s, "@") || s == ".." || !utf8.ValidString(s) {
			t.Fatalf("%q became %q", raw, s)
		}
	})
}

func TestTypesAndDigests(t *testing.T) {
	var names []string
	for _, typ := range []Type{File, Dir, Symlink, Char, Block, FIFO, Socket} {
		names = append(names, typ.String())
	}
	if got := strings.Join(names, " "); got != "file dir symlink char block fifo socket" {
		t.Errorf("got %s", got)
	}
	d := Digest{0: 0xab, 31: 1}
	if got, ok := ParseDigest(d.String()); !ok || got != d {
		t.Errorf("got %v, %v", got, ok)
	}
	for _, bad := range []string{"", strings.Repeat("0", 63), strings.Repeat("0", 65), strings.Repeat("g", 64)} {
		if _, ok := ParseDigest(bad); ok {
			t.Errorf("%q is a digest", bad)
		}
	}
	n := Node{Digest: Digest{1}, Known: true, Size: 5, Format: "gzip"}
	if d, size, known := n.Innermost(); d != n.Digest || size != 5 || !known || n.InnermostFormat() != "gzip" {
		t.Error("the innermost bytes of a plain file are others")
	}
	n.Decoded = []Stream{{Format: "xz", Size: 6, Known: true}, {Format: "elf", Size: 7, Digest: Digest{2}}}
	if d, size, known := n.Innermost(); d != (Digest{2}) || size != 7 || known || n.InnermostFormat() != "elf" {
		t.Error("the innermost bytes are not those of the last stream")
	}
	if m, ok := (&Meta{Time: 1, Nano: 2}).ModTime(); ok || m.UnixNano() != 1e9+2 {
		t.Errorf("got %v, %v", m, ok)
	}
}

// forest draws a tree: an artifact and nodes below it with siblings of different names, some of them repeated entries.
func forest(t *rapid.T) *Tree {
	tr := &Tree{Nodes: []Node{{Parent: None, Name: "a"}}}
	names := []string{"etc", "bin", "lib", "usr", "sbin", "passwd", "x", "x+", "x!", "@0x1.y", "é", "z"}
	taken := map[string]ID{}
	for range rapid.IntRange(0, 60).Draw(t, "nodes") {
		parent := ID(rapid.IntRange(0, len(tr.Nodes)-1).Draw(t, "parent"))
		p := &tr.Nodes[parent]
		if p.Type == Symlink {
			continue
		}
		inner := p.Type == File
		name := rapid.SampledFrom(names).Draw(t, "name")
		n := Node{Parent: parent, Inner: inner, Name: name, Size: -1, NoSystem: rapid.IntRange(0, 15).Draw(t, "no system") == 0}
		n.Type = rapid.SampledFrom([]Type{Dir, Dir, Dir, Dir, File, Symlink}).Draw(t, "type")
		if n.Type == Symlink {
			n.Link = rapid.SampledFrom([]string{"/etc", "..", "../x", "x", "usr/lib", "/", ".", "x%21", "x!", ""}).Draw(t, "link")
		}
		id := ID(len(tr.Nodes))
		key := fmt.Sprint(parent, name)
		if first, again := taken[key]; again {
			count := 2
			for slices.ContainsFunc(tr.Nodes, func(o Node) bool { return o.Parent == parent && o.Name == Repeated(name, count) }) {
				count++
			}
			n.Name = Repeated(name, count)
			last := first
			if l := tr.Nodes[first].Latest; l != 0 {
				last = l
			}
			tr.Nodes[last].Shadowed, tr.Nodes[first].Latest = true, id
		} else {
			taken[key] = id
		}
		tr.Nodes = append(tr.Nodes, n)
		if n.Type != Symlink && rapid.IntRange(0, 4).Draw(t, "a root") == 0 {
			tr.grow(id, taken, rapid.Bool().Draw(t, "with passwd"))
		}
		if rapid.IntRange(0, 5).Draw(t, "unobserved") == 0 {
			tr.Unobserved = append(tr.Unobserved, Unobserved{Node: id, Reason: rapid.SampledFrom([]string{"damaged", "budget"}).Draw(t, "reason"), Hides: HidesAll})
		}
	}
	return tr
}

// grow makes a node that has no children the root of a system.
func (t *Tree) grow(id ID, taken map[string]ID, passwd bool) {
	for _, name := range []string{"etc", "bin", "lib"} {
		taken[fmt.Sprint(id, name)] = ID(len(t.Nodes))
		t.Nodes = append(t.Nodes, Node{Parent: id, Name: name, Inner: t.Nodes[id].Type == File, Size: -1, Meta: Meta{Type: Dir}})
	}
	if passwd {
		etc := ID(len(t.Nodes) - 3)
		taken[fmt.Sprint(etc, "passwd")] = ID(len(t.Nodes))
		t.Nodes = append(t.Nodes, Node{Parent: etc, Name: "passwd"})
	}
}

// shuffled returns a tree with the same nodes in another order of insertion. The artifact stays first.
func shuffled(t *rapid.T, tr *Tree) *Tree {
	order := []int{0}
	rest := make([]int, len(tr.Nodes)-1)
	for i := range rest {
		rest[i] = i + 1
	}
	order = append(order, rapid.Permutation(rest).Draw(t, "order")...)
	moved := make([]ID, len(order))
	for to, from := range order {
		moved[from] = ID(to)
	}
	out := &Tree{Nodes: make([]Node, len(order))}
	for from, n := range tr.Nodes {
		if n.Parent != None {
			n.Parent = moved[n.Parent]
		}
		if n.Latest != 0 {
			n.Latest = moved[n.Latest]
		}
		out.Nodes[moved[from]] = n
	}
	for _, u := range tr.Unobserved {
		u.Node = moved[u.Node]
		out.Unobserved = append(out.Unobserved, u)
	}
	out.Unobserved = append(out.Unobserved, out.Unobserved...) // repeated ones are dropped
	return out
}

// TestSort holds that the order of insertion is forgotten, that parents come first, and that what Sort returns is true.
func TestSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := forest(t)
		b := shuffled(t, a)
		addresses := map[ID]string{}
		before := slices.Clone(b.Nodes)
		a.Sort()
		moved := b.Sort()
		for old, id := range moved {
			addresses[ID(old)] = b.Address(id)
			if before[old].Name != b.Nodes[id].Name {
				t.Fatalf("node %d became %d, which is another", old, id)
			}
		}
		if diff := cmp.Diff(a, b, cmpopts.IgnoreUnexported(Tree{}), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("the order of insertion shows\n%s", diff)
		}
		if listing(a) != listing(b) {
			t.Fatal("listings differ")
		}
		for i := range b.Nodes {
			n := &b.Nodes[i]
			if n.Parent >= ID(i) {
				t.Fatalf("%s stands before its parent", b.Address(ID(i)))
			}
			if n.Latest != 0 && original(b.Nodes[n.Latest].Name) != n.Name {
				t.Fatalf("the latest of %s is %s", n.Name, b.Nodes[n.Latest].Name)
			}
			if got, ok := b.Child(n.Parent, n.Name); !ok || got != ID(i) {
				t.Fatalf("%s is not found", b.Address(ID(i)))
			}
			kids := b.Children(ID(i))
			if !slices.IsSortedFunc(kids, func(x, y ID) int { return strings.Compare(b.Nodes[x].Name, b.Nodes[y].Name) }) {
				t.Fatalf("children of %s are not in order", b.Address(ID(i)))
			}
		}
		if !slices.IsSortedFunc(b.Unobserved, compareUnobserved) {
			t.Fatal("what is unobserved is not sorted")
		}
		if _, ok := b.Child(0, "nothing"); ok {
			t.Fatal("found what is not there")
		}
	})
}

func TestTotals(t *testing.T) {
	tr := plant("a!/b!/c")
	tr.Nodes[0].Account = &Account{1, 2, 3, 4}
	tr.Nodes[1].Account = &Account{10, 20, 30, 40}
	if got, want := tr.Totals(), (Account{11, 22, 33, 44}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func listing(t *Tree) string {
	var b bytes.Buffer
	_ = t.WriteListing(&b, None)
	return b.String()
}
