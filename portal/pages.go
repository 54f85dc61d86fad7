package portal

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/portal/page"
	"github.com/probat-lab/probat/schemes"
	"github.com/probat-lab/probat/store/records"
)

func (s *Server) pages(mux *http.ServeMux) {
	s.signinPages(mux)
	s.page(mux, "/{$}", s.home)
	s.page(mux, "/products", s.overview)
	s.page(mux, "/products/{product}", s.product)
	s.page(mux, "/search", s.search)
	s.page(mux, "/inbox", s.inbox)
	s.page(mux, "/queue", s.queue)
	s.public(mux, "/schemes", s.schemes)
	s.public(mux, "/register", s.register)
	s.public(mux, "/ledger", s.ledger)
	s.releasePages(mux)
	s.workPages(mux)
	s.treePages(mux)
	s.credentialPages(mux)
	s.submitPages(mux)
	s.statementPages(mux)
	s.evidencePages(mux)
	s.declarationPages(mux)
	mux.HandleFunc("GET /held/{held}", s.held)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.refuse(w, r, records.ErrNotFound) })
}

func (s *Server) home(r *http.Request, c caller) (templ.Component, error) {
	v := page.Home{Shell: s.shell(r, "Home", "/"), Party: c.PartyName, Role: string(c.Role), Person: c.PersonName, Class: string(c.Class), WaitingMore: page.Link{Text: "The whole inbox", URL: "/inbox"}}
	if s.Demo != nil {
		v.Demo, v.Tries = s.Demo.Words, s.Demo.Tries(c.Viewer.Person)
	}
	tasks, err := s.tasks(r.Context(), c)
	if err != nil {
		return nil, err
	}
	v.Waiting = tasks[:min(len(tasks), 5)]
	return v.Page(), nil
}

// counts are those of the outline, as pages show them.
func counts(c outline.Counts) page.Counts {
	return page.Counts{Pass: int(c.Pass), Fail: int(c.Fail), Inconclusive: int(c.Inconclusive), NotAssessed: int(c.NotAssessed), NotApplicable: int(c.NotApplicable)}
}

// waits says why requirements were not assessed, in words.
func waits(c outline.Counts) string {
	words := map[string]string{
		"needs-instance": "need a running instance", "needs-person": "need a person", "needs-declaration": "need a declaration", "needs-artifact": "need an artifact",
		"no-test": "have no test yet", "needs-rescan": "need a newer scan", "nothing-examined": "found nothing to examine", "lab-error": "failed in the lab",
	}
	var parts []string
	for _, x := range c.Reasons {
		if x.Count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", x.Count, cmp.Or(words[x.Reason], x.Reason)))
		}
	}
	return strings.Join(parts, ", ")
}

// mostReleases is how many releases an overview shows on a page.
const mostReleases = 40

func (s *Server) overview(r *http.Request, c caller) (templ.Component, error) {
	v := page.Overview{Shell: s.shell(r, "Products", "/products"), Server: s.site.Origin}
	if s.Desk.Policies.May(c.Viewer, access.Submit, access.Object{Owner: c.Viewer.Party}) {
		v.Submit = "/submit"
	}
	after, _ := strconv.Atoi(r.URL.Query().Get("after")) // anything else is the beginning
	after = max(after, 0)
	rows, schemes, total, err := s.rows(r.Context(), c, "", records.Page{After: after, Most: mostReleases})
	if err != nil {
		return nil, err
	}
	v.Rows, v.Schemes = rows, schemes
	v.Sub = "Counts of requirements with their denominators. Nothing is added up over schemes."
	if total > mostReleases {
		v.Pager = page.Pager{First: after + 1, Last: after + len(rows), Total: total}
		if after > 0 {
			v.Pager.Prev = fmt.Sprintf("/products?after=%d", max(0, after-mostReleases))
		}
		if after+len(rows) < total {
			v.Pager.Next = fmt.Sprintf("/products?after=%d", after+mostReleases)
		}
	}
	return v.Page(), nil
}

// rows are releases that a reader sees, with the schemes that they stand under.
func (s *Server) rows(ctx context.Context, c caller, product string, p records.Page) ([]page.ReleaseRow, []page.Link, int, error) {
	view := s.Desk.As(c.Viewer)
	list, total, err := view.Releases(ctx, product, p)
	if err != nil {
		return nil, nil, 0, err
	}
	results, err := view.Results(ctx, "")
	if err != nil {
		return nil, nil, 0, err
	}
	issued, err := view.Issued(ctx, "")
	if err != nil {
		return nil, nil, 0, err
	}
	by := map[string]outline.Scheme{}
	var ids []string
	links := map[string]page.Link{}
	for _, x := range results {
		var sc outline.Scheme
		if err := json.Unmarshal([]byte(x.Body), &sc); err != nil {
			return nil, nil, 0, err
		}
		by[x.Release+" "+x.Scheme] = sc
	}
	for _, x := range list {
		for _, id := range x.Schemes {
			if _, have := links[id]; !have {
				ids = append(ids, id)
				links[id] = page.Link{Text: id}
			}
			if sc, ok := by[x.ID+" "+id]; ok {
				links[id] = page.Link{Text: sc.Title, Note: sc.Edition}
			}
		}
	}
	slices.Sort(ids)
	var columns []page.Link
	for _, id := range ids {
		columns = append(columns, links[id])
	}
	var out []page.ReleaseRow
	for _, x := range list {
		row := page.ReleaseRow{
			Product: x.Product.Name, ProductURL: "/products/" + x.Product.ID, Release: x.Name, ReleaseURL: "/releases/" + x.ID, Vendor: x.Vendor,
			Notes: s.notes(x, issued),
		}
		for _, id := range ids {
			sc, have := by[x.ID+" "+id]
			cell := page.Cell{Asked: slices.Contains(x.Schemes, id), Counts: counts(sc.Counts)}
			switch {
			case have && x.Level >= access.Verdict:
				cell.URL = "/releases/" + x.ID + "/schemes/" + id
			case !have:
				cell.Note = stateWords(x.State)
			}
			row.Cells = append(row.Cells, cell)
		}
		out = append(out, row)
	}
	return out, columns, total, nil
}

func stateWords(state string) string {
	return map[string]string{"submitted": "queued", "evaluating": "being evaluated", "failed": "the evaluation failed", "withdrawn": "withdrawn", "evaluated": "evaluated"}[state]
}

// notes say what stands under a release's name.
func (s *Server) notes(x records.Release, issued []records.Issued) []string {
	var notes []string
	if x.State != "evaluated" {
		notes = append(notes, stateWords(x.State))
	}
	if x.Embargo.After(s.Desk.Lab.Now()) {
		notes = append(notes, "Under embargo until "+day(x.Embargo))
	}
	for _, i := range issued {
		if i.Release == x.ID {
			notes = append(notes, fmt.Sprintf("Credential under %s: %s, until %s", i.Scheme, i.State(s.Desk.Lab.Now()), day(i.Until)))
		}
	}
	return notes
}

func (s *Server) product(r *http.Request, c caller) (templ.Component, error) {
	id := r.PathValue("product")
	rows, schemes, total, err := s.rows(r.Context(), c, id, records.Page{Most: 200})
	if err != nil {
		return nil, err
	}
	if total == 0 {
		return nil, records.ErrNotFound
	}
	list, _, err := s.Desk.As(c.Viewer).Releases(r.Context(), id, records.Page{Most: 1})
	if err != nil {
		return nil, err
	}
	p := list[0].Product
	v := page.Product{Shell: s.shell(r, p.Name, "/products"), Name: p.Name, Vendor: list[0].Vendor, Kind: p.Kind, Schemes: schemes, Releases: rows}
	if p.Owner == c.Viewer.Party {
		v.Submit = "/submit"
	}
	return v.Page(), nil
}

func (s *Server) search(r *http.Request, c caller) (templ.Component, error) {
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	v := page.Search{Shell: s.shell(r, "Search", "/search"), Words: q, Hint: "Products and releases, requirements, findings, files, packages: at least three letters of what you are looking for."}
	if len(q) < 3 || len(q) > 200 {
		return v.Page(), nil
	}
	hits, err := s.Desk.As(c.Viewer).Search(r.Context(), q, mostHits)
	if err != nil {
		return nil, err
	}
	names := map[string]string{"release": "Releases", "requirement": "Requirements", "finding": "Findings", "node": "Files", "package": "Packages"}
	about := map[string]string{}
	for _, kind := range []string{"release", "requirement", "finding", "node", "package"} {
		g := page.HitGroup{Name: names[kind]}
		for _, h := range hits {
			if h.Kind != kind {
				continue
			}
			if _, have := about[h.Release]; !have {
				x, err := s.Desk.As(c.Viewer).Release(r.Context(), h.Release)
				if err != nil {
					return nil, err
				}
				about[h.Release] = x.Product.Name + " " + x.Name
			}
			g.Total++
			g.Hits = append(g.Hits, page.Hit{Title: h.Text, URL: hitURL(h), About: about[h.Release], Words: marked(h.Text, q)})
		}
		if g.Total > 0 {
			v.Groups = append(v.Groups, g)
		}
	}
	return v.Page(), nil
}

// marked splits a text where it matches.
func marked(text, q string) []page.HitWord {
	i := strings.Index(strings.ToLower(text), strings.ToLower(q))
	if i < 0 || i+len(q) > len(text) {
		return []page.HitWord{{Text: text}}
	}
	return []page.HitWord{{Text: text[:i]}, {Text: text[i : i+len(q)], Match: true}, {Text: text[i+len(q):]}}
}

func hitURL(h records.Hit) string {
	base := "/releases/" + h.Release
	switch h.Kind {
	case "requirement", "finding":
		scheme, requirement, _ := strings.Cut(h.Ref, "/")
		return base + "/schemes/" + scheme + "/" + requirement
	case "node", "package":
		return base + "/tree?at=" + queryEscape(h.Ref)
	}
	return base
}

// tasks are what waits for a reader.
func (s *Server) tasks(ctx context.Context, c caller) ([]page.Task, error) {
	view := s.Desk.As(c.Viewer)
	list, _, err := view.Releases(ctx, "", records.Page{Most: 200})
	if err != nil {
		return nil, err
	}
	var tasks []page.Task
	for _, x := range list {
		about, url := x.Product.Name+" "+x.Name, "/releases/"+x.ID
		switch {
		case x.State == "failed" && x.Level == access.Whole:
			tasks = append(tasks, page.Task{What: "The evaluation failed", URL: url, About: about, AboutURL: url, Who: x.Vendor, Mine: x.Product.Owner == c.Viewer.Party, Since: x.Created})
		case isHomeAdmin(c) && !x.Assigned:
			people, err := view.Assignments(ctx, x.ID)
			if err != nil {
				return nil, err
			}
			if len(people) == 0 {
				tasks = append(tasks, page.Task{What: "Assign somebody", URL: url, About: about, AboutURL: url, Who: c.PartyName, Mine: true, Since: x.Created})
			}
		}
	}
	waiting, err := view.Waiting(ctx, records.Page{Most: 50})
	if err != nil {
		return nil, err
	}
	for _, q := range waiting {
		if c.Home {
			tasks = append(tasks, page.Task{
				What: q.ID + " " + q.Title + " waits for a judgement", URL: "/releases/" + q.Release + "/schemes/" + q.Scheme + "/" + q.ID, About: q.About, AboutURL: "/releases/" + q.Release,
				Who: c.PartyName, Mine: true, Since: q.Since,
			})
		}
	}
	messages, err := view.Messages(ctx, "", "", "")
	if err != nil {
		return nil, err
	}
	last := map[string]records.Message{}
	for _, m := range messages {
		last[m.Thread] = m
	}
	for _, m := range messages {
		if last[m.Thread].ID == m.ID && m.Party != c.Viewer.Party {
			url := "/releases/" + m.Release + "/schemes/" + m.Scheme + "/" + m.Requirement
			tasks = append(tasks, page.Task{What: m.PartyName + " " + said(m.Position) + " about " + m.Requirement, URL: url, About: m.Scheme, AboutURL: "/releases/" + m.Release, Who: c.PartyName, Mine: true, Since: m.Posted})
		}
	}
	return tasks, nil
}

func said(position string) string {
	return cmp.Or(map[string]string{"asks": "asks", "accepts": "accepts the finding", "disputes": "disputes the finding", "plans-fix": "plans a fix", "answers": "answers"}[position], "wrote")
}

func (s *Server) inbox(r *http.Request, c caller) (templ.Component, error) {
	tasks, err := s.tasks(r.Context(), c)
	if err != nil {
		return nil, err
	}
	v := page.Inbox{Shell: s.shell(r, "Inbox", "/inbox")}
	for _, t := range tasks {
		if t.Mine {
			v.Mine = append(v.Mine, t)
		} else {
			v.Others = append(v.Others, t)
		}
	}
	return v.Page(), nil
}

func (s *Server) queue(r *http.Request, c caller) (templ.Component, error) {
	waiting, err := s.Desk.As(c.Viewer).Waiting(r.Context(), records.Page{Most: 200})
	if err != nil {
		return nil, err
	}
	v := page.Queue{Shell: s.shell(r, "What waits for a judgement", "/inbox")}
	for _, q := range waiting {
		v.Rows = append(v.Rows, page.QueueRow{
			Release: q.About, ReleaseURL: "/releases/" + q.Release, Scheme: q.Scheme, Requirement: q.ID, URL: "/releases/" + q.Release + "/schemes/" + q.Scheme + "/" + q.ID,
			Name: q.Title, State: "waits for a judgement",
		})
	}
	return v.Page(), nil
}

func (s *Server) schemes(r *http.Request, _ caller) (templ.Component, error) {
	v := page.Table{Shell: s.shell(r, "Schemes", "/schemes"), Heading: "Schemes", Sub: "What this lab judges by: the same file for every vendor.", Columns: []string{"Scheme", "Requirements", "Digest"}}
	for _, id := range schemes.IDs() {
		x, err := openScheme(id)
		if err != nil {
			return nil, err
		}
		v.Rows = append(v.Rows, []page.Datum{{Text: x.title, Note: x.edition}, {Text: fmt.Sprint(x.requirements)}, {Digest: x.digest}})
	}
	return v.Page(), nil
}

func (s *Server) register(r *http.Request, c caller) (templ.Component, error) {
	list, err := s.Desk.As(c.Viewer).Public(r.Context())
	if err != nil {
		return nil, err
	}
	v := page.Table{
		Shell: s.shell(r, "Register", "/register"), Heading: "Register", Sub: "Credentials that were published for everybody.",
		Columns: []string{"Credential", "Scheme", "State", "Until"}, Empty: "No credential was published yet.",
	}
	for _, x := range list {
		v.Rows = append(v.Rows, []page.Datum{{Text: x.Name, URL: "/credentials/" + x.ID}, {Text: x.Scheme + " " + x.Edition, Note: x.Profile}, {State: x.State(s.Desk.Lab.Now()), Text: x.State(s.Desk.Lab.Now())}, {When: x.Until}})
	}
	return v.Page(), nil
}

func (s *Server) ledger(r *http.Request, _ caller) (templ.Component, error) {
	cp, err := s.Desk.Lab.Ledger.Checkpoint(r.Context())
	if err != nil {
		return nil, err
	}
	v := page.Table{
		Shell: s.shell(r, "Ledger", "/ledger"), Heading: "Ledger", Ledger: true, Sub: "Every act is a leaf of this log. The log shows how many and when, not what.",
		Facts: []page.Pair{
			{Name: "Log", Value: s.Desk.Lab.Config.Origin},
			{Name: "Acts", Value: fmt.Sprint(cp.Checkpoint.Size)},
			{Name: "Checkpoint", Value: "signed note", URL: "/checkpoint"},
			{Name: "Trust file", Value: "lab.trust: what customers pin", URL: "/lab.trust"},
		},
		Command: "probat ledger audit --url " + s.site.Origin,
	}
	return v.Page(), nil
}
