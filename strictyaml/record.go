package strictyaml

import (
	"slices"
	"strings"
)

// A Record reads the keys of one mapping, notes what is wrong with their values, and in the end says which keys it was never asked for.
type Record struct {
	errs  *Errors
	node  *Node
	known []string
}

// NewRecord starts reading a mapping; what names it in messages, with its article. Anything else than a mapping is an error and reads
// as one without keys.
func NewRecord(n *Node, errs *Errors, what string) *Record {
	if n.Kind != Mapping {
		if n.Kind != Bad {
			errs.Add(n.At, "%s is a mapping of keys and values", what)
		}
		n = &Node{At: n.At, Kind: Mapping}
	}
	return &Record{errs: errs, node: n}
}

// Node returns the value of a key, or nil.
func (r *Record) Node(name string) *Node {
	r.known = append(r.known, name)
	return r.node.Value(name)
}

// At returns the place of the value of a key; where it is absent, that of the mapping.
func (r *Record) At(name string) Place {
	if n := r.node.Value(name); n != nil {
		return n.At
	}
	return r.node.At
}

// Start returns the place of the mapping.
func (r *Record) Start() Place { return r.node.At }

// Text returns a text or number as it was written, without space around it; empty where it is absent.
func (r *Record) Text(name string) string {
	n := r.Node(name)
	if n == nil {
		return ""
	}
	switch n.Kind {
	case String, Int, Number:
		return strings.TrimSpace(n.Text)
	}
	r.errs.Add(n.At, "%s is a text", name)
	return ""
}

// Must is Text for a key that has to be there.
func (r *Record) Must(name string) string {
	s := r.Text(name)
	if n := r.node.Value(name); s == "" && (n == nil || n.Kind == String) {
		r.errs.Add(r.node.At, "%s is missing", name)
	}
	return s
}

// Yes returns a truth value; false where it is absent.
func (r *Record) Yes(name string) bool {
	n := r.Node(name)
	if n == nil {
		return false
	}
	if n.Kind != Bool {
		r.errs.Add(n.At, "%s is true or false", name)
	}
	return n.Bool
}

// Items returns the values of a list; nil where it is absent.
func (r *Record) Items(name string) []*Node {
	n := r.Node(name)
	if n == nil {
		return nil
	}
	if n.Kind != List {
		r.errs.Add(n.At, "%s is a list", name)
		return nil
	}
	return n.List
}

// Texts returns a list of texts; a single text is a list of one.
func (r *Record) Texts(name string) []string {
	n := r.Node(name)
	if n == nil {
		return nil
	}
	if n.Kind == String {
		return []string{n.Text}
	}
	return Texts(n, r.errs, name)
}

// Texts returns the texts of a list; name stands in errors only.
func Texts(n *Node, errs *Errors, name string) (out []string) {
	if n.Kind != List {
		errs.Add(n.At, "%s is a list of texts", name)
	}
	for _, x := range n.List {
		if x.Kind != String && x.Kind != Int && x.Kind != Number {
			errs.Add(x.At, "%s is a list of texts", name)
			continue
		}
		out = append(out, x.Text)
	}
	return out
}

// Word reads one of a few words; fallback where it is absent or none of them.
func Word[T ~string](r *Record, name string, fallback T, allowed ...T) T {
	s := T(r.Text(name))
	if s == "" {
		return fallback
	}
	if !slices.Contains(allowed, s) {
		var names []string
		for _, a := range allowed {
			names = append(names, string(a))
		}
		r.errs.Add(r.At(name), "%s is %q; it is one of %s%s", name, string(s), strings.Join(names, ", "), Suggest(string(s), names))
		return fallback
	}
	return s
}

// Done says which keys are not known: those that nothing was asked for.
func (r *Record) Done() {
	for _, e := range r.node.Entries {
		if !slices.Contains(r.known, e.Name) {
			r.errs.Add(e.At, "key %q is not known here%s", e.Name, Suggest(e.Name, r.known))
		}
	}
}

// Suggest returns what to add to a message about an unknown word: the candidate that was probably meant, or nothing.
func Suggest(word string, candidates []string) string {
	sorted := slices.Clone(candidates)
	slices.Sort(sorted)
	if best := Nearest(word, slices.Compact(sorted)); best != "" {
		return " (did you mean " + best + "?)"
	}
	return ""
}
