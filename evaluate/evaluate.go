package evaluate

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/reference"
	"github.com/probat-lab/probat/scheme"
	"github.com/probat-lab/probat/tree"
	"github.com/probat-lab/probat/unpack"
)

// Options say how to evaluate.
type Options struct {
	Schemes    []*scheme.Scheme
	References []*reference.Set
	AsOf       string // YYYY-MM-DD
	Budget     unpack.Budget
	Workers    int      // default GOMAXPROCS; the outcome is the same for any number
	LeaveOut   []string // names of observers that are not asked; the dossier says so
	Cache      Cache    // may be nil
	TempDir    string
	Progress   *unpack.Progress // may be nil
	Phase      func(string)     // told when a phase begins: unpacking, observing, judging; may be nil
}

// Cache keeps what was observed. It may lose entries at any time; several goroutines and processes use it.
type Cache = observe.Cache

// Run evaluates a release: observe, then judge. What cannot be read of the product is in the dossier as unobserved; an error means that an
// artifact cannot be read at all (an *UnreadableError), or that this machine failed.
func Run(ctx context.Context, r *Release, o Options) (*dossier.Contents, error) {
	c := &dossier.Contents{Declaration: r.Declaration, Evidence: map[string][]byte{}, References: o.References}
	if err := r.documents(&c.Manifest, c.Evidence); err != nil {
		return nil, err
	}
	c.Manifest.AsOf = o.AsOf
	if err := Observe(ctx, r, o, c); err != nil {
		return nil, err
	}
	phase(o, "judging")
	return c, c.Judge(ctx, o.Schemes)
}

func phase(o Options, name string) {
	if o.Phase != nil {
		o.Phase(name)
	}
}

// selected returns the observers that are to be asked.
func selected(leaveOut []string) (list []observe.Observer, err error) {
	all := Observers()
	for _, name := range leaveOut {
		if !slices.ContainsFunc(all, func(o observe.Observer) bool { return o.Name == name }) {
			return nil, fmt.Errorf("there is no observer %q", name)
		}
	}
	for _, o := range all {
		if !slices.Contains(leaveOut, o.Name) {
			list = append(list, o)
		}
	}
	return list, nil
}

// Observe unpacks a release and runs the observers, and puts what they recorded into a dossier's contents.
func Observe(ctx context.Context, r *Release, o Options, c *dossier.Contents) error {
	observers, err := selected(o.LeaveOut)
	if err != nil {
		return err
	}
	m := &c.Manifest
	m.LeftOut = append([]string{}, o.LeaveOut...)
	slices.Sort(m.LeftOut)
	m.LeftOut = slices.Compact(m.LeftOut)
	for _, f := range unpack.Formats() {
		m.Unpackers = append(m.Unpackers, dossier.Unpacker{Name: f.Name, Version: f.Version})
	}
	slices.SortFunc(m.Unpackers, func(a, b dossier.Unpacker) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	m.Budgets, err = budgets(r, o.Budget)
	if err != nil {
		return &UnreadableError{err}
	}
	m.Artifacts = []dossier.Artifact{}
	m.Observers = []fact.Coverage{}
	c.Facts = fact.NewSet()
	if len(r.Artifacts) == 0 {
		return nil
	}
	memory := newMemory(r, o, observers, m)
	if memory.recall(ctx, c) {
		return nil
	}
	t, res, err := look(ctx, r, o, observers)
	if err != nil {
		return err
	}
	if err := fill(c, t, res, r); err != nil {
		return err
	}
	memory.keep(c)
	return nil
}

func budgets(r *Release, b unpack.Budget) (dossier.Budgets, error) {
	full, err := unpack.FullBudget(r.Artifacts, b)
	return dossier.Budgets{Bytes: full.Bytes, Depth: full.Depth, Entries: full.Entries}, err
}

// look walks the artifacts under the observers' eyes; once more where symbolic links led to files that nobody had asked for.
func look(ctx context.Context, r *Release, o Options, observers []observe.Observer) (*tree.Tree, *observe.Result, error) {
	run := observe.New(observers, o.Cache)
	for {
		phase(o, "unpacking")
		t, err := unpack.Walk(ctx, r.Artifacts, unpack.Config{
			Budget: o.Budget, Workers: o.Workers, TempDir: o.TempDir, Visitor: run, Progress: o.Progress,
		})
		if err != nil {
			return nil, nil, Unreadable(err)
		}
		phase(o, "observing")
		res, again, err := run.Join(ctx, t)
		if err != nil {
			return nil, nil, err
		}
		if !again {
			return t, res, nil
		}
	}
}

// fill puts what was seen into a dossier's contents.
func fill(c *dossier.Contents, t *tree.Tree, res *observe.Result, r *Release) error {
	var listing bytes.Buffer
	if err := t.WriteListing(&listing, tree.None); err != nil {
		return err
	}
	c.Tree, c.Facts, c.Manifest.Observers = listing.Bytes(), res.Facts, res.Coverage
	sum := t.Totals()
	c.Manifest.Bytes = dossier.Bytes{Nodes: sum.Nodes, Structure: sum.Structure, Padding: sum.Padding, Unobserved: sum.Unobserved}
	c.Manifest.Artifacts = []dossier.Artifact{}
	for _, id := range t.Children(tree.None) {
		n := &t.Nodes[id]
		a := dossier.Artifact{ID: t.Address(id), Type: n.Type.String(), Size: max(n.Size, 0), Role: r.Roles[tree.UnescapeName(n.Name)]}
		if n.Known {
			a.Digest = n.Digest.String()
		}
		c.Manifest.Artifacts = append(c.Manifest.Artifacts, a)
	}
	return nil
}
