package portal

import (
	"net/http"
	"path"
	"strings"

	"github.com/a-h/templ"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/portal/page"
	"github.com/probat-lab/probat/schemes"
)

func (s *Server) submitPages(mux *http.ServeMux) {
	s.page(mux, "/submit", func(r *http.Request, c caller) (templ.Component, error) { return s.submitPage(r, c, "") })
	mux.HandleFunc("POST /submit", s.submit)
}

func (s *Server) submitPage(r *http.Request, c caller, trouble string) (templ.Component, error) {
	if !s.Desk.Policies.May(c.Viewer, access.Submit, access.Object{Owner: c.Viewer.Party}) {
		return nil, desk.ErrForbidden
	}
	var options []page.Option
	chosen := map[string]bool{}
	for _, id := range r.PostForm["scheme"] {
		chosen[id] = true
	}
	for _, id := range schemes.IDs() {
		x, err := openScheme(id)
		if err != nil {
			return nil, err
		}
		options = append(options, page.Option{Value: id, Label: x.title + " " + x.edition, Chosen: chosen[id]})
	}
	value := func(name string) string { return r.PostFormValue(name) }
	v := page.Submit{
		Shell: s.shell(r, "Submit a release", "/products"), Endpoint: "/uploads/", Most: mostUpload,
		Command: "probat submit product.yaml --to " + s.site.Origin,
		Form: page.Form{
			ID: "submit", Action: "/submit", Submit: "Submit", Error: trouble,
			Intro: "What you hand in is encrypted as it arrives. The lab evaluates it at once.",
			Fields: []page.Field{
				{Name: "declaration", Label: "Declaration (product.yaml)", Kind: "code", Rows: 12, Value: value("declaration"), Help: "What you say about the release. An empty vendor is filled in. Without a declaration, name product and version below; then most requirements wait for one."},
				{Name: "product", Label: "Product", Value: value("product"), Help: "Only without a declaration."},
				{Name: "version", Label: "Version", Value: value("version"), Help: "Only without a declaration."},
				{Name: "scheme", Label: "Schemes", Kind: "checks", Options: options, Help: "None chosen: those of the declaration."},
				{Name: "embargo", Label: "Embargo until", Kind: "date", Value: value("embargo"), Help: "Until 00:00 UTC of that day only you, the lab and regulators see it."},
			},
		},
		Uploads: []page.Upload{{Name: "file", Label: "Files", Several: true, Help: "Artifacts, and the documents that the declaration names. A file's name is what the declaration's path ends in."}},
	}
	v.Notices = append(v.Notices, page.Notice{Text: "The declaration can be written in a form that checks as you type.", Link: page.Link{Text: "Open it", URL: "/declarations/new"}})
	return v.Page(), nil
}

// submit takes what the form holds. What is wrong with it is said in the form, which keeps what was typed.
func (s *Server) submit(w http.ResponseWriter, r *http.Request) {
	c := callerOf(r.Context())
	if !c.Known() {
		http.Redirect(w, r, "/signin", http.StatusSeeOther)
		return
	}
	if err := s.form(w, r); err != nil {
		s.refuse(w, r, err)
		return
	}
	in := desk.Submission{
		Declaration: strings.ReplaceAll(r.PostFormValue("declaration"), "\r\n", "\n"), Product: r.PostFormValue("product"), Version: r.PostFormValue("version"),
		Schemes: r.PostForm["scheme"], Embargo: r.PostFormValue("embargo"),
	}
	for _, address := range r.PostForm["file"] {
		in.Files = append(in.Files, desk.SubmittedFile{Upload: path.Base(address)})
	}
	id, err := s.once(r.Context(), c.Who, r.PostFormValue("once"), "submit", func() (string, error) {
		x, _, err := s.Desk.Submit(r.Context(), c.Who, in)
		if err != nil {
			return "", err
		}
		return x.ID, nil
	})
	if err == nil {
		http.Redirect(w, r, "/releases/"+id, http.StatusSeeOther)
		return
	}
	code, words := status(err)
	if code >= 500 {
		s.refuse(w, r, err)
		return
	}
	p, err := s.submitPage(r, c, words)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.show(w, r, code, p)
}
