package observe

import (
	"path"
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// View is what a tree observer sees of one system, and where it records facts. One goroutine uses it.
type View struct {
	run      *Run
	observer int
	tree     *tree.Tree
	system   *tree.System // nil for what lies in no system
	outside  []outsider
	out      []located
	full     bool // a fact was left out
}

type outsider struct {
	id   tree.ID
	path string
}

// maxFacts is how many facts of one system an observer may record, unless the tree has more nodes.
const maxFacts = 200_000

type located struct {
	id tree.ID
	encoded
}

// File is a file that a Read named.
type File struct {
	ID     tree.ID
	Path   string // in the system, as it was named: a symbolic link's own path, with a leading slash
	Node   *tree.Node
	Parsed any   // what Parse returned; nil where Err is set
	Err    error // why there is no Parsed
}

// InSystem tells whether the view is of a system; else it is of all nodes that lie in none.
func (v *View) InSystem() bool { return v.system != nil }

// Files returns the files of the observer's Read of that glob, sorted by path; symbolic links are followed inside the system.
// A link that leads nowhere is returned with an error.
func (v *View) Files(glob string) []File {
	read := v.readOf(glob)
	var files []File
	for _, p := range v.expand(strings.Split(glob, "/")) {
		files = append(files, v.file(read, p))
	}
	return files
}

// File returns the one file of a Read whose glob has no pattern. ok is false where there is none.
func (v *View) File(name string) (File, bool) {
	if f := v.Files(name); len(f) == 1 {
		return f[0], true
	}
	return File{}, false
}

// At returns the file at a path of the system that some Read's glob matches, as Include directives name them. ok is false
// where no file is there; where no Read matches the path, Err says so.
func (v *View) At(p string) (File, bool) {
	clean := strings.TrimPrefix(path.Clean("/"+p), "/")
	if _, ok := v.entry("/" + clean); !ok {
		return File{}, false
	}
	for i, r := range v.run.observers[v.observer].Tree.Reads {
		if globMatch(r.Glob, clean) {
			return v.file(i, "/"+clean), true
		}
	}
	return v.file(-1, "/"+clean), true
}

func (v *View) readOf(glob string) int {
	reads := v.run.observers[v.observer].Tree.Reads
	i := slices.IndexFunc(reads, func(r Read) bool { return r.Glob == glob })
	if i < 0 {
		panic("observe: " + v.run.observers[v.observer].Name + " reads " + glob + ", which it does not name")
	}
	return i
}

// expand returns the paths in the system that a glob matches, sorted.
func (v *View) expand(parts []string) []string {
	if v.system == nil {
		return nil
	}
	paths := []string{""}
	for _, part := range parts {
		var next []string
		for _, dir := range paths {
			if !strings.ContainsAny(part, `*?[\`) {
				if _, ok := v.entry(dir + "/" + part); ok {
					next = append(next, dir+"/"+part)
				}
				continue
			}
			next = append(next, v.matching(dir, part)...)
		}
		paths = next
	}
	slices.Sort(paths)
	return paths
}

func (v *View) matching(dir, pattern string) []string {
	id, ok := v.system.Lookup(dir)
	if !ok {
		return nil
	}
	var found []string
	for _, c := range v.tree.Children(id) {
		n := &v.tree.Nodes[c]
		if n.Shadowed || n.Inner && id != v.system.Root {
			continue
		}
		name, _, _ := strings.Cut(n.Name, ";")
		if ok, _ := path.Match(pattern, name); ok {
			found = append(found, dir+"/"+name)
		}
	}
	return found
}

// entry finds what stands at a path itself: the directory is followed through links, the last part is not.
func (v *View) entry(p string) (tree.ID, bool) {
	if v.system == nil {
		return tree.None, false
	}
	dir, ok := v.system.Lookup(path.Dir(p))
	if !ok {
		return tree.None, false
	}
	return v.system.Entry(dir, path.Base(p))
}

func (v *View) file(read int, p string) File {
	entry, _ := v.entry(p)
	f := File{ID: entry, Path: p, Node: &v.tree.Nodes[entry]}
	id, ok := v.system.Lookup(p)
	if !ok {
		f.Err = errLink
		return f
	}
	f.ID, f.Node = id, &v.tree.Nodes[id]
	f.Parsed, f.Err = v.run.parsed(v.observer, read, f.Node)
	return f
}

// Exists tells whether there is anything at a path of the system, links followed.
func (v *View) Exists(p string) bool {
	_, ok := v.Lookup(p)
	return ok
}

// Lookup finds a node by its path in the system, following links.
func (v *View) Lookup(p string) (tree.ID, bool) {
	if v.system == nil {
		return tree.None, false
	}
	return v.system.Lookup(p)
}

// Entry finds what stands at a path of the system itself: where that is a symbolic link, the link.
func (v *View) Entry(p string) (tree.ID, bool) { return v.entry(p) }

// LinkTarget returns where the symbolic link at a path of the system points, as it is written.
func (v *View) LinkTarget(p string) (string, bool) {
	id, ok := v.entry(p)
	if !ok || v.tree.Nodes[id].Type != tree.Symlink {
		return "", false
	}
	return v.tree.Nodes[id].Link, true
}

// Names returns the names in a directory of the system, sorted; nil where there is no such directory.
func (v *View) Names(dir string) []string {
	if v.system == nil {
		return nil
	}
	paths := v.matching(strings.TrimSuffix(dir, "/"), "*")
	for i := range paths {
		paths[i] = path.Base(paths[i])
	}
	slices.Sort(paths)
	return paths
}

// Walk calls fn for each node of the view, parents first.
func (v *View) Walk(fn func(id tree.ID, path string, n *tree.Node)) {
	if v.system == nil {
		for _, o := range v.outside {
			fn(o.id, o.path, &v.tree.Nodes[o.id])
		}
		return
	}
	v.system.Walk(func(id tree.ID, path string) { fn(id, path, &v.tree.Nodes[id]) })
}

// Root returns the address of the system's root; empty where there is none.
func (v *View) Root() string {
	if v.system == nil {
		return ""
	}
	return v.system.Address
}

// Top returns what is known of the root directory of the system itself; false where nothing is, and for what lies in no system.
func (v *View) Top() (tree.Meta, bool) {
	if v.system == nil {
		return tree.Meta{}, false
	}
	return v.system.Top()
}

// RootID returns the node of the system's root; it must not be called for what lies in no system.
func (v *View) RootID() tree.ID { return v.system.Root }

// Node returns a node that the view named. It must not be changed.
func (v *View) Node(id tree.ID) *tree.Node { return &v.tree.Nodes[id] }

// Record records a fact that was seen in a node. Its path is the node's own path in the system.
//
// An observer may record as many facts of one system as a release may have entries by default, or as the tree has nodes; what is beyond is one
// unobserved fact: a hostile file of a few megabytes must not fill the memory.
func (v *View) Record(id tree.ID, attrs any, e *fact.Excerpt) {
	if len(v.out) >= max(maxFacts, 2*len(v.tree.Nodes)) {
		if !v.full {
			v.full = true
			o := &v.run.observers[v.observer]
			v.out = append(v.out, located{id, encode(v.observer, fact.Record{Attrs: fact.Unobserved{
				Reason: "budget", Detail: "more facts than an observer may record of one system", Hides: o.Kinds(), By: fact.Known(o.Name),
			}})})
		}
		return
	}
	v.out = append(v.out, located{id, encode(v.observer, fact.Record{Attrs: attrs, Excerpt: e})})
}

// Failed records that a file could not be read as what its path promises; it hides the named kinds, or all that the observer records.
func (v *View) Failed(f File, hides ...string) {
	reason := "unparsed"
	if f.Err == errLink {
		reason = "link"
	}
	v.Unobserved(f.ID, reason, f.Err.Error(), hides...)
}

// Unobserved records something that could not be looked at; it hides the named kinds, or all that the observer records.
func (v *View) Unobserved(id tree.ID, reason, detail string, hides ...string) {
	o := &v.run.observers[v.observer]
	if len(hides) == 0 {
		hides = o.Kinds()
	}
	hides = slices.Clone(hides)
	slices.Sort(hides)
	v.Record(id, fact.Unobserved{Reason: reason, Detail: fact.Escape(detail), Hides: hides, By: fact.Known(o.Name)}, nil)
}
