package portal

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/a-h/templ"
	"github.com/danielgtaylor/huma/v2"

	"github.com/probat-lab/probat/lab/box"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/portal/page"
)

// Declarations are written here as forms and as files, two views of one text. Nothing of them is kept before somebody hands them in.
func (s *Server) declarationPages(mux *http.ServeMux) {
	s.page(mux, "/declarations/new", s.newDeclaration)
	mux.HandleFunc("POST /declarations/check", func(w http.ResponseWriter, r *http.Request) { s.writtenDeclaration(w, r, false) })
	mux.HandleFunc("POST /declarations/use", func(w http.ResponseWriter, r *http.Request) { s.writtenDeclaration(w, r, true) })
}

// newDeclaration begins one: empty, or drafted from what was observed in the release that the query names; as a form, or as a file.
func (s *Server) newDeclaration(r *http.Request, c caller) (templ.Component, error) {
	q := r.URL.Query()
	v := declaration{from: q.Get("from"), asText: q.Get("as") == "text"}
	in := box.Writing{Form: []box.Pair{}, AsForm: !v.asText}
	if v.from != "" {
		text, err := s.Desk.DraftDeclaration(r.Context(), c.Who, v.from)
		if err != nil {
			return nil, err
		}
		in.Form, in.Text = nil, text
	}
	x, err := s.Desk.CheckDeclaration(r.Context(), c.Who, in)
	if err != nil {
		return nil, err
	}
	if v.Checked = *x; v.from != "" {
		v.drafted = "Drafted from what was observed in the release. What a draft lists is what is there, not what ought to be: read it before you stand behind it."
	}
	p, err := s.declarationPage(r, c, v)
	if err != nil {
		return nil, err
	}
	return p.Page(), nil
}

// writtenDeclaration takes a declaration as it is being written: it answers the check as one types, adds and removes entries, changes the view, and
// leads to the submission with the text that came of it.
func (s *Server) writtenDeclaration(w http.ResponseWriter, r *http.Request, use bool) {
	c := callerOf(r.Context())
	if !c.Known() {
		http.Redirect(w, r, "/signin", http.StatusSeeOther)
		return
	}
	if err := s.form(w, r); err != nil {
		s.refuse(w, r, err)
		return
	}
	typing := r.Header.Get("HX-Request") == "true"
	in, next := writing(r.PostForm), r.PostFormValue("next")
	v := declaration{from: r.PostFormValue("from"), asText: in.Form == nil, told: true}
	changed := in.Add != "" || in.Remove != ""
	use = use && !typing && !changed && (next == "" || next == "use")
	if !typing && !changed && (next == "text" || next == "form") {
		v.asText = next == "text"
	}
	in.AsForm = !v.asText
	x, err := s.Desk.CheckDeclaration(r.Context(), c.Who, in)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	if v.Checked = *x; use && len(x.Problems) == 0 {
		s.useDeclaration(w, r, c, x.Text)
		return
	}
	p, err := s.declarationPage(r, c, v)
	switch {
	case err != nil:
		s.refuse(w, r, err)
	case typing:
		p.Sets = onlyPosted(p.Sets, r.PostForm)
		s.show(w, r, http.StatusOK, p.Checked())
	case use:
		s.show(w, r, http.StatusUnprocessableEntity, p.Page())
	default:
		s.show(w, r, http.StatusOK, p.Page())
	}
}

// useDeclaration shows the form for a submission with a declaration in it.
func (s *Server) useDeclaration(w http.ResponseWriter, r *http.Request, c caller, text string) {
	r.PostForm = url.Values{"declaration": {text}}
	p, err := s.submitPage(r, c, "")
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.show(w, r, http.StatusOK, p)
}

// writing is what a posted form says: the file, or the fields of the form.
func writing(posted url.Values) box.Writing {
	if posted.Has("yaml") {
		return box.Writing{Text: strings.ReplaceAll(posted.Get("yaml"), "\r\n", "\n")}
	}
	in := box.Writing{Form: []box.Pair{}, Add: posted.Get("add"), Remove: posted.Get("remove")}
	for _, name := range slices.Sorted(maps.Keys(posted)) {
		if slices.Contains([]string{"add", "from", "next", "once", "remove"}, name) {
			continue
		}
		for _, value := range posted[name] {
			in.Form = append(in.Form, box.Pair{Name: name, Value: value})
		}
	}
	return in
}

// declaration is one that was checked, and how it is shown.
type declaration struct {
	box.Checked
	from    string // the release that it was drafted from
	drafted string
	asText  bool
	told    bool // what is wrong is said
}

func (s *Server) declarationPage(r *http.Request, c caller, d declaration) (*page.Declaration, error) {
	v := &page.Declaration{
		Shell: s.shell(r, "Declaration", "/products"), Product: "Products", ReleaseURL: "/products", Action: "/declarations/use", Check: "/declarations/check",
		Submit: "Go on", Drafted: d.drafted, Told: d.told,
	}
	if d.from != "" {
		x, err := s.Desk.As(c.Viewer).Release(r.Context(), d.from)
		if err != nil {
			return nil, err
		}
		v.Product, v.Release, v.ReleaseURL = x.Product.Name, x.Name, "/releases/"+x.ID
		v.Hidden = []page.Pair{{Name: "from", Value: x.ID}}
	}
	if d.Reason != "" {
		v.Notices = append(v.Notices, page.Notice{Kind: "warn", Text: d.Reason})
	}
	text := d.asText || d.Reason != ""
	wrong := map[string]string{}
	if d.told {
		for _, p := range d.Problems {
			x := page.Problem{Where: fmt.Sprintf("line %d, column %d", p.Line, p.Column), Text: p.Text, Field: p.Field, Line: int(p.Line)}
			switch {
			case text:
				x.Field = "yaml"
			case p.Field != "":
				x.Where, x.Text = p.Path, bare(p)
				wrong[p.Field] = strings.TrimPrefix(wrong[p.Field]+"; "+x.Text, "; ")
			}
			v.Problems = append(v.Problems, x)
		}
		if d.More > 0 {
			v.Problems = append(v.Problems, page.Problem{Where: "further on", Text: plural(int(d.More), "more thing", "more things")})
		}
	}
	if text {
		v.Sets = []page.Fieldset{{Legend: "The file", Path: "yaml", Fields: []page.Field{{
			Name: "yaml", Label: "product.yaml", Kind: "code", Rows: 28, Value: d.Text, Help: "What you say about the release. An empty vendor is filled in.",
		}}}}
	} else {
		v.Sets = fieldsets(d.Sets, wrong)
	}
	v.Sets = append(v.Sets, further(text))
	return v, nil
}

// bare is the text of a problem without the path that it begins with.
func bare(p box.Problem) string {
	around := p.Path[:max(strings.LastIndexByte(p.Path, '.'), 0)]
	for _, path := range []string{p.Path, around} {
		for _, after := range []string{": ", " "} {
			if rest, ok := strings.CutPrefix(p.Text, path+after); ok && path != "" {
				return rest
			}
		}
	}
	return p.Text
}

// further is the choice of what the button does: that works without scripts too.
func further(text bool) page.Fieldset {
	f := page.Field{Name: "next", Label: "The button below", Kind: "radio", Options: []page.Option{
		{Value: "use", Label: "uses it for a submission", Help: "When nothing is wrong with it.", Chosen: true}, {Value: "check", Label: "checks it"},
	}}
	if text {
		f.Options = append(f.Options, page.Option{Value: "form", Label: "shows it as a form", Help: "Comments and the order of the file are left behind."})
	} else {
		f.Options = append(f.Options, page.Option{Value: "text", Label: "shows it as a file"})
	}
	return page.Fieldset{Legend: "Go on", Path: "next", Fields: []page.Field{f}}
}

// fieldsets are a form as pages show it, with what is wrong beside each field. None is required of the browser: it would complain of what is still
// empty, and move the focus there, whenever a check is sent as one types. A field of kind search is a line that the page does not call optional.
func fieldsets(sets []box.Set, wrong map[string]string) []page.Fieldset {
	var list []page.Fieldset
	for _, s := range sets {
		x := page.Fieldset{Legend: s.Legend, Help: s.Help, Path: s.Path, List: s.List, Entries: fieldsets(s.Entries, wrong)}
		if s.List {
			x.Add = "Add " + s.Add
		}
		for _, f := range s.Fields {
			y := page.Field{Name: f.Name, Label: f.Label, Help: f.Help, Kind: f.Kind, Value: f.Value, Error: wrong[f.Name], Rows: 2}
			if f.Required {
				y.Help = "Required. " + y.Help
				if y.Kind != "select" {
					y.Kind = "search"
				}
			}
			for _, o := range f.Options {
				y.Options = append(y.Options, page.Option{Value: o.Value, Label: o.Label, Chosen: o.Chosen})
			}
			x.Fields = append(x.Fields, y)
		}
		list = append(list, x)
	}
	return list
}

// onlyPosted leaves fields out that the page which asked does not have: their places for errors are not there either.
func onlyPosted(sets []page.Fieldset, posted url.Values) []page.Fieldset {
	var list []page.Fieldset
	for _, s := range sets {
		s.Entries = onlyPosted(s.Entries, posted)
		there := slices.ContainsFunc(s.Fields, func(f page.Field) bool { return posted.Has(f.Name) }) // choices of which none is made are not posted
		s.Fields = slices.DeleteFunc(slices.Clone(s.Fields), func(f page.Field) bool { return !posted.Has(f.Name) && (f.Kind != "checks" || !there) })
		list = append(list, s)
	}
	return list
}

// declarationProblem is one thing that is wrong with a declaration.
type declarationProblem struct {
	Line   int64  `json:"line" doc:"From 1"`
	Column int64  `json:"column" doc:"From 1, in characters"`
	Path   string `json:"path,omitempty" doc:"As in services[0].port"`
	Text   string `json:"text"`
}

type declarationAnswer struct {
	Problems []declarationProblem `json:"problems" nullable:"false"`
	More     int64                `json:"more,omitempty" doc:"Problems beyond those listed"`
	Release  *declaredRelease     `json:"release,omitempty" doc:"What it is about, when nothing is wrong with it"`
}

type declaredRelease struct {
	Kind    string `json:"kind"`
	Vendor  string `json:"vendor"`
	Product string `json:"product"`
	Version string `json:"version,omitempty"`
	Period  string `json:"period,omitempty" doc:"Of a service or process"`
}

type declarationText struct {
	Text string `json:"text"`
}

// apiDeclarations mounts what the API does with declarations.
func (s *Server) apiDeclarations(api huma.API) {
	op(s, api, "POST", "/declarations/check", "Check a declaration, as a submission would take it; nothing is kept", 0, func(ctx context.Context, w desk.Who, in *struct {
		Body struct {
			Text string `json:"text" doc:"product.yaml"`
		}
	},
	) (declarationAnswer, error) {
		out := declarationAnswer{Problems: []declarationProblem{}}
		x, err := s.Desk.CheckDeclaration(ctx, w, box.Writing{Text: in.Body.Text})
		if err != nil {
			return out, err
		}
		for _, p := range x.Problems {
			out.Problems = append(out.Problems, declarationProblem{p.Line, p.Column, p.Path, p.Text})
		}
		if out.More = x.More; x.Release != nil {
			out.Release = &declaredRelease{x.Release.Kind, x.Release.Vendor, x.Release.Product, x.Release.Version, x.Release.Period}
		}
		return out, nil
	})
	op(s, api, "GET", "/releases/{release_id}/declaration/draft", "A declaration to begin with, from what was observed in a release of yours", 0, func(ctx context.Context, w desk.Who, in *ReleaseID) (declarationText, error) {
		text, err := s.Desk.DraftDeclaration(ctx, w, in.ID)
		return declarationText{text}, err
	})
}
