package observe

import (
	"context"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// Observer is code that looks at one subject. Exactly one of Content and Tree is set.
type Observer struct {
	Name    string
	Version int    // raised when the same bytes would give other facts
	Doc     string // one sentence: what it looks at
	Records []Records

	Content *Content
	Tree    *Tree
}

// Records says which kind an observer records, and which of its attributes it never does. Beside these every observer may record unobserved.
type Records struct {
	Kind    string
	Without []string
}

// Content is the first contract: a pure function of one file's bytes. It knows no path and no neighbours, so its facts are kept by
// observer, version and digest.
type Content struct {
	// Wants tells from the first bytes (4 KiB, or all there are) whether Observe has anything to say of such a file.
	Wants func(head []byte, size int64) bool
	// Observe looks at one file. An error becomes an unobserved fact that hides the observer's kinds; facts returned beside it are kept.
	Observe func(ctx context.Context, c tree.Content) ([]fact.Record, error)
	// Costly says that looking at a file takes longer than asking a cache for it, about a millisecond: only then is it asked.
	Costly bool
}

// Tree is the second contract: an observer of one system. The files that it names are parsed while the tree is unpacked, each once, by pure
// functions; afterwards Join puts together what they say.
type Tree struct {
	Reads []Read
	// Everywhere asks for a further call of Join for all nodes that lie in no system.
	Everywhere bool
	// Join records facts of one system through v. An error becomes an unobserved fact that hides the observer's kinds in that system.
	Join func(ctx context.Context, v *View) error
}

// Read names files that a tree observer reads, and how.
type Read struct {
	// Glob is a path in the system without a leading slash, each part a pattern of path.Match: etc/ssh/sshd_config.d/*.conf
	Glob string
	// Parse reads one file's bytes: a pure function, called once for each digest. An error says that the file is not what its
	// path promises; Join finds it in File.Err and records it as unobserved (View.Failed does).
	Parse func(ctx context.Context, b []byte) (any, error)
}

// MaxRead is the largest file that a Read is given, in bytes; a larger one is unobserved.
const MaxRead = 64 << 20

// Kinds returns the names of the kinds that the observer records.
func (o *Observer) Kinds() []string {
	names := make([]string, len(o.Records))
	for i, r := range o.Records {
		names[i] = r.Kind
	}
	return names
}

// Attributes returns the attributes that the observer records, by kind.
func (o *Observer) Attributes() map[string][]string { return o.coverage(0, 0).Kinds }

func (o *Observer) coverage(nodes, systems int64) fact.Coverage {
	c := fact.Coverage{Observer: o.Name, Version: o.Version, Kinds: map[string][]string{}, Nodes: nodes, Systems: systems}
	for _, r := range o.Records {
		k, ok := fact.ByName(r.Kind)
		if !ok {
			panic("observe: " + o.Name + " records the kind " + r.Kind + ", which does not exist")
		}
		without := map[string]bool{}
		for _, name := range r.Without {
			without[name] = true
		}
		attrs := []string{}
		for i := range k.Fields {
			if !without[k.Fields[i].Name] {
				attrs = append(attrs, k.Fields[i].Name)
			}
		}
		c.Kinds[r.Kind] = attrs
	}
	return c
}
