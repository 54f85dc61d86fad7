package portal

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/portal/page"
	"github.com/probat-lab/probat/store/records"
)

func (s *Server) treePages(mux *http.ServeMux) {
	s.page(mux, "/releases/{release}/tree", s.tree)
	s.page(mux, "/compare", s.compare)
}

// mostNodes is how many rows of a folder a page shows.
const mostNodes = 500

func (s *Server) tree(r *http.Request, c caller) (templ.Component, error) {
	ctx, view := r.Context(), s.Desk.As(c.Viewer)
	x, err := view.Release(ctx, r.PathValue("release"))
	if err != nil {
		return nil, err
	}
	if x.Level < access.Evidence || x.Dossier == "" {
		return nil, records.ErrNotFound
	}
	v := page.Tree{
		Shell: s.shell(r, "Files of "+x.Product.Name+" "+x.Name, "/products"), Product: x.Product.Name, Release: x.Name, ReleaseURL: "/releases/" + x.ID,
		Address: r.URL.Query().Get("at"),
	}
	at := int64(-1)
	if v.Address != "" {
		body, err := view.Node(ctx, x.ID, v.Address)
		if err != nil {
			return nil, err
		}
		var n outline.Node
		if err := json.Unmarshal([]byte(body), &n); err != nil {
			return nil, err
		}
		at, v.Node = n.Position, nodeFacts(&n)
		switch {
		case n.Type == "file" && n.Content != "" && x.Level >= access.Source:
			v.Open = evidenceURL(x.ID, n.Address, 0, 0)
		case n.Type == "file":
			v.OpenNote = "Its bytes are for level source; what observers point at is shown with the findings."
		}
		if err := s.nodeSeen(ctx, c, x, at, &v); err != nil {
			return nil, err
		}
	}
	v.Crumbs = crumbs(x, v.Address)
	bodies, err := view.Nodes(ctx, x.ID, at, records.Page{Most: mostNodes})
	if err != nil {
		return nil, err
	}
	for _, b := range bodies {
		var n outline.Node
		if err := json.Unmarshal([]byte(b), &n); err != nil {
			return nil, err
		}
		row := page.NodeRow{Name: n.Name, URL: nodeURL(x, n.Address), Folder: n.Children > 0 || n.Type == "dir", Size: n.Size, Type: cmp.Or(n.Format, n.Type), Digest: n.Digest}
		if n.Mode >= 0 {
			row.Mode = modeWords(&n)
		}
		row.Note = nodeNote(&n)
		v.Rows = append(v.Rows, row)
	}
	return v.Page(), nil
}

func nodeNote(n *outline.Node) string {
	var notes []string
	if k := n.Findings + n.FindingsBelow; k > 0 {
		notes = append(notes, plural(int(k), "finding", "findings"))
	}
	if n.SystemRoot {
		notes = append(notes, "root of a system")
	}
	if n.Unobserved != "" {
		notes = append(notes, "not looked at: "+n.Unobserved)
	}
	return strings.Join(notes, "; ")
}

func modeWords(n *outline.Node) string {
	m := os.FileMode(n.Mode & 0o777)
	if n.Mode&0o4000 != 0 {
		m |= os.ModeSetuid
	}
	if n.Mode&0o2000 != 0 {
		m |= os.ModeSetgid
	}
	if n.Mode&0o1000 != 0 {
		m |= os.ModeSticky
	}
	switch n.Type {
	case "dir":
		m |= os.ModeDir
	case "symlink":
		m |= os.ModeSymlink
	}
	return m.String()
}

func nodeFacts(n *outline.Node) []page.Pair {
	out := []page.Pair{{Name: "Type", Value: cmp.Or(n.Format, n.Type)}}
	add := func(name, value string, mono bool) {
		if value != "" {
			out = append(out, page.Pair{Name: name, Value: value, Mono: mono})
		}
	}
	if n.Size >= 0 {
		add("Size", fmt.Sprintf("%d bytes", n.Size), false)
	}
	add("SHA-256", n.Digest, true)
	if n.Content != n.Digest {
		add("SHA-256 of the content", n.Content, true)
	}
	if n.Mode >= 0 {
		add("Mode", modeWords(n), true)
	}
	if n.UID >= 0 && n.GID >= 0 {
		add("Owner", fmt.Sprintf("%d:%d", n.UID, n.GID), true)
	}
	add("Leads to", n.Target, true)
	add("System", n.System, true)
	add("Path in it", n.Path, true)
	add("Not looked at", n.Unobserved, false)
	return out
}

func (s *Server) nodeSeen(ctx context.Context, c caller, x *records.Release, at int64, v *page.Tree) error {
	bodies, err := s.Desk.As(c.Viewer).Seen(ctx, x.ID, "", at, records.Page{Most: 100})
	if err != nil {
		return err
	}
	for _, b := range bodies {
		var f struct { // of outline.Fact; packages and what is unobserved have neither
			Kind, Observer, Attributes string
		}
		if err := json.Unmarshal([]byte(b), &f); err != nil {
			return err
		}
		if f.Kind == "" || f.Attributes == "" {
			continue
		}
		row := page.FactRow{Kind: f.Kind, Observer: f.Observer}
		var attributes map[string]any
		if err := json.Unmarshal([]byte(f.Attributes), &attributes); err != nil {
			return err
		}
		for _, name := range slices.Sorted(keys(attributes)) {
			row.Attributes = append(row.Attributes, page.Pair{Name: name, Value: fmt.Sprint(attributes[name])})
		}
		v.Facts = append(v.Facts, row)
	}
	return nil
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// crumbs lead from the artifacts to an address.
func crumbs(x *records.Release, address string) []page.Link {
	list := []page.Link{{Text: "Artifacts", URL: "/releases/" + x.ID + "/tree", Current: address == ""}}
	for i := 0; i < len(address); {
		j := strings.IndexByte(address[i:], '/')
		end := len(address)
		if j >= 0 {
			end = i + j
		}
		if part := strings.TrimSuffix(address[i:end], "!"); part != "" {
			list = append(list, page.Link{Text: part, URL: nodeURL(x, strings.TrimSuffix(address[:end], "!")), Current: end == len(address)})
		}
		i = end + 1
	}
	return list
}

// compare shows two releases side by side, by the schemes that both stand under.
func (s *Server) compare(r *http.Request, c caller) (templ.Component, error) {
	ctx, view := r.Context(), s.Desk.As(c.Viewer)
	list, _, err := view.Releases(ctx, "", records.Page{Most: 200})
	if err != nil {
		return nil, err
	}
	v := page.Compare{Shell: s.shell(r, "Compare two releases", "/products")}
	a, b := r.URL.Query().Get("a"), r.URL.Query().Get("b")
	choose := func(name, label, chosen string) page.Field {
		f := page.Field{Name: name, Label: label, Kind: "select", Required: true}
		for _, x := range list {
			if x.Level >= access.Evidence && x.Dossier != "" {
				f.Options = append(f.Options, page.Option{Value: x.ID, Label: x.Product.Name + " " + x.Name, Chosen: x.ID == chosen})
			}
		}
		return f
	}
	v.Choose = []page.Field{choose("a", "Before", a), choose("b", "After", b)}
	if a == "" || b == "" {
		return v.Page(), nil
	}
	ra, err := view.Release(ctx, a)
	if err != nil {
		return nil, err
	}
	rb, err := view.Release(ctx, b)
	if err != nil {
		return nil, err
	}
	v.A = page.Side{Product: ra.Product.Name, Release: ra.Name, URL: "/releases/" + ra.ID}
	v.B = page.Side{Product: rb.Product.Name, Release: rb.Name, URL: "/releases/" + rb.ID}
	v.Swap = "/compare?a=" + rb.ID + "&b=" + ra.ID
	files := map[string]*page.FileChange{}
	for _, id := range ra.Schemes {
		if !slices.Contains(rb.Schemes, id) {
			continue
		}
		before, err := s.judged(ctx, c, ra, id)
		if err != nil {
			return nil, err
		}
		after, err := s.judged(ctx, c, rb, id)
		if err != nil {
			return nil, err
		}
		v.Schemes = append(v.Schemes, compared(outline.Compare(before, after), rb, id, files))
	}
	for _, name := range slices.Sorted(keys(files)) {
		v.Files = append(v.Files, *files[name])
	}
	return v.Page(), nil
}

// verdicts collects what a dossier of a release came to under a scheme, with its findings.
func (s *Server) verdicts(ctx context.Context, c caller, x *records.Release, dossier, scheme string) (*outline.Judged, error) {
	view := s.Desk.As(c.Viewer)
	j := &outline.Judged{}
	if x.Level < access.Evidence {
		return nil, records.ErrNotFound
	}
	results, err := view.ResultsOf(ctx, x.ID, dossier)
	if err != nil {
		return nil, err
	}
	for _, res := range results {
		if res.Scheme == scheme {
			if err := json.Unmarshal([]byte(res.Body), &j.Scheme); err != nil {
				return nil, err
			}
		}
	}
	requirements, findings, err := view.Bodies(ctx, x.ID, scheme, dossier)
	if err != nil {
		return nil, err
	}
	if j.Requirements, err = parse[outline.Requirement](requirements); err != nil {
		return nil, err
	}
	j.Findings, err = parse[outline.Finding](findings)
	return j, err
}

// judged collects what comparing needs of a release under a scheme.
func (s *Server) judged(ctx context.Context, c caller, x *records.Release, scheme string) (*outline.Judged, error) {
	view := s.Desk.As(c.Viewer)
	j, err := s.verdicts(ctx, c, x, x.Dossier, scheme)
	if err != nil {
		return nil, err
	}
	artifacts, err := view.Seen(ctx, x.ID, "artifact", -1, records.Page{Most: 1000})
	if err != nil {
		return nil, err
	}
	if j.Artifacts, err = parse[outline.Artifact](artifacts); err != nil {
		return nil, err
	}
	packages, err := view.Seen(ctx, x.ID, "package", -1, records.Page{Most: outline.MaxPackages})
	if err != nil {
		return nil, err
	}
	if j.Packages, err = parse[outline.Package](packages); err != nil {
		return nil, err
	}
	nodes, err := view.AllNodes(ctx, x.ID)
	if err != nil {
		return nil, err
	}
	j.Nodes, err = parse[outline.Node](nodes)
	return j, err
}

func parse[T any](bodies []string) ([]T, error) {
	out := make([]T, len(bodies))
	for i, b := range bodies {
		if err := json.Unmarshal([]byte(b), &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// compared puts a comparison into words, and gathers the files that it names.
func compared(x *outline.Comparison, after *records.Release, scheme string, files map[string]*page.FileChange) page.CompareScheme {
	v := page.CompareScheme{Name: scheme, Carried: x.Counts[outline.CarriedOver], CarriedNote: "what their tests read is byte-identical"}
	for _, c := range x.Changes {
		row := page.Change{ID: c.Requirement, Name: c.Title, URL: "/releases/" + after.ID + "/schemes/" + scheme + "/" + c.Requirement, From: c.From, To: c.To, Cause: c.Why}
		for _, cause := range c.Causes {
			name := cause.System + cause.Path
			words := causeWords(&cause)
			row.Files = append(row.Files, page.Link{Text: name, Note: words})
			if files[name] == nil {
				files[name] = &page.FileChange{Address: name, A: cause.Old, B: cause.New, Words: words}
			}
			files[name].Decided++
		}
		if len(c.Causes) == 0 && row.Cause == "" && len(c.Inputs) > 0 {
			row.Cause = "other inputs: " + strings.Join(c.Inputs, ", ")
		}
		switch c.Kind {
		case outline.NewlyMet:
			v.NewlyMet = append(v.NewlyMet, row)
		case outline.NewlyFailed:
			v.NewlyFailed = append(v.NewlyFailed, row)
		case outline.NotComparable:
			v.NotComparable = append(v.NotComparable, row)
		case outline.Changed:
			if c.From != c.To {
				v.Other = append(v.Other, row)
			}
		}
	}
	return v
}

func causeWords(c *outline.Cause) string {
	switch {
	case c.Package != "":
		return c.Package + " " + cmp.Or(c.OldVersion, "absent") + " → " + cmp.Or(c.NewVersion, "absent")
	case c.OldMode != c.NewMode && c.OldMode >= 0 && c.NewMode >= 0:
		return fmt.Sprintf("mode %04o → %04o", c.OldMode, c.NewMode)
	case c.Old == "":
		return "new"
	case c.New == "":
		return "gone"
	}
	return "changed"
}
