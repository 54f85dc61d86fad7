package portal

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/portal/page"
	"github.com/probat-lab/probat/store/records"
)

func (s *Server) workPages(mux *http.ServeMux) {
	const at = "/releases/{release}/schemes/{scheme}/{requirement}"
	mux.HandleFunc("GET /releases/{release}/schemes/{scheme}", s.firstRequirement)
	s.page(mux, at, s.work)
	here := func(r *http.Request, word string) string {
		return "/releases/" + r.PathValue("release") + "/schemes/" + r.PathValue("scheme") + "/" + r.PathValue("requirement") + "?done=" + word
	}
	s.act(mux, at+"/messages", func(r *http.Request, c caller) (string, error) {
		_, err := s.Desk.Post(r.Context(), c.Who, r.PathValue("release"), desk.Posting{
			Scheme: r.PathValue("scheme"), Requirement: r.PathValue("requirement"), Fingerprint: r.PostFormValue("fingerprint"), Text: r.PostFormValue("text"),
			Position: r.PostFormValue("kind"), FixIn: r.PostFormValue("fix_in"), To: r.PostForm["audience"],
		})
		return here(r, "posted"), err
	})
	s.act(mux, at+"/judge", func(r *http.Request, c caller) (string, error) {
		cites, err := s.evidenceOf(r, c)
		if err != nil {
			return "", err
		}
		_, err = s.Desk.Judge(r.Context(), c.Who, r.PathValue("release"), desk.Judging{
			Scheme: r.PathValue("scheme"), Requirement: r.PathValue("requirement"), Test: r.PostFormValue("test"), Verdict: r.PostFormValue("verdict"), Reason: r.PostFormValue("reason"), Cites: cites,
		})
		return here(r, "judged"), err
	})
	s.act(mux, at+"/countersign/{judgement}", func(r *http.Request, c caller) (string, error) {
		verdict, reason := "", r.PostFormValue("reason")
		if r.PostFormValue("agree") != "yes" {
			verdict = "inconclusive"
		} else if strings.TrimSpace(reason) == "" {
			reason = "Looked at the evidence; I agree."
		}
		_, err := s.Desk.Countersign(r.Context(), c.Who, r.PathValue("release"), r.PathValue("judgement"), verdict, reason)
		return here(r, "judged"), err
	})
	s.act(mux, at+"/accept", func(r *http.Request, c caller) (string, error) {
		_, err := s.Desk.AcceptRisk(r.Context(), c.Who, r.PathValue("release"), desk.Risking{
			Scheme: r.PathValue("scheme"), Requirement: r.PathValue("requirement"), Fingerprint: r.PostFormValue("fingerprint"), Reason: r.PostFormValue("reason"), Until: r.PostFormValue("until"),
		})
		return here(r, "accepted"), err
	})
}

// evidenceOf returns the ids of the evidence that a judgement cites, and keeps a file that came with it.
func (s *Server) evidenceOf(r *http.Request, c caller) ([]string, error) {
	cites := slices.Clone(r.PostForm["cites"])
	if r.MultipartForm == nil {
		return cites, nil
	}
	for _, h := range r.MultipartForm.File["evidence"] {
		if h.Size == 0 {
			continue
		}
		f, err := h.Open()
		if err != nil {
			return nil, err
		}
		kept, err := s.Desk.AddEvidence(r.Context(), c.Who, r.PathValue("release"), filepath.Base(h.Filename), f)
		_ = f.Close() // it was read
		if err != nil {
			return nil, err
		}
		cites = append(cites, kept.ID)
	}
	return cites, nil
}

// sections are the groups of the list of requirements, in their order.
var sections = []struct{ id, name string }{
	{"fails", "Fails"}, {"cannot-tell", "Cannot tell"}, {"holds", "Holds"}, {"waits", "Waits for …"}, {"does-not-apply", "Does not apply"},
}

// firstRequirement leads to what a reader wants to see first: what fails.
func (s *Server) firstRequirement(w http.ResponseWriter, r *http.Request) {
	c := callerOf(r.Context())
	if !c.Known() {
		http.Redirect(w, r, "/signin?next="+queryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	rows, err := s.Desk.As(c.Viewer).Requirements(r.Context(), r.PathValue("release"), r.PathValue("scheme"), "")
	if err == nil && len(rows) == 0 {
		err = records.ErrNotFound
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	rows = inSections(rows)
	http.Redirect(w, r, "/releases/"+rows[0].Release+"/schemes/"+rows[0].Scheme+"/"+rows[0].ID, http.StatusSeeOther)
}

func inSections(rows []records.Requirement) []records.Requirement {
	var out []records.Requirement
	for _, g := range sections {
		for _, q := range rows {
			if q.Section == g.id {
				out = append(out, q)
			}
		}
	}
	return out
}

func (s *Server) work(r *http.Request, c caller) (templ.Component, error) {
	ctx, view := r.Context(), s.Desk.As(c.Viewer)
	x, err := view.Release(ctx, r.PathValue("release"))
	if err != nil {
		return nil, err
	}
	scheme, id := r.PathValue("scheme"), r.PathValue("requirement")
	q, err := view.Requirement(ctx, x.ID, scheme, id, "")
	if err != nil {
		return nil, err
	}
	rows, err := view.Requirements(ctx, x.ID, scheme, "")
	if err != nil {
		return nil, err
	}
	v := page.Work{
		Shell: s.shell(r, id+" "+q.Title, "/products"), Product: x.Product.Name, Release: x.Name, ReleaseURL: "/releases/" + x.ID,
		Scheme: scheme, SchemeURL: "/releases/" + x.ID + "/schemes/" + scheme,
	}
	if err := s.workHead(ctx, c, x, &v, scheme); err != nil {
		return nil, err
	}
	workList(&v, rows, id)
	if v.At, err = s.requirement(ctx, c, x, q); err != nil {
		return nil, err
	}
	v.Talk, err = s.talk(ctx, c, x, scheme, id)
	return v.Page(), err
}

func (s *Server) workHead(ctx context.Context, c caller, x *records.Release, v *page.Work, scheme string) error {
	results, err := s.Desk.As(c.Viewer).Results(ctx, x.ID)
	if err != nil {
		return err
	}
	for _, res := range results {
		var sc outline.Scheme
		if res.Scheme != scheme {
			continue
		}
		if err := json.Unmarshal([]byte(res.Body), &sc); err != nil {
			return err
		}
		v.Scheme, v.Edition, v.Counts, v.Waits = sc.Title, sc.Edition, counts(sc.Counts), waits(sc.Counts)
	}
	return nil
}

func workList(v *page.Work, rows []records.Requirement, id string) {
	ordered := inSections(rows)
	url := func(q records.Requirement) string {
		return "/releases/" + q.Release + "/schemes/" + q.Scheme + "/" + q.ID
	}
	for i, q := range ordered {
		if q.ID != id {
			continue
		}
		if i > 0 {
			v.Prev = url(ordered[i-1])
		}
		if i+1 < len(ordered) {
			v.Next = url(ordered[i+1])
		}
	}
	for _, g := range sections {
		group := page.WorkGroup{Name: g.name}
		for _, q := range ordered {
			if q.Section == g.id {
				item := page.WorkItem{ID: q.ID, Name: q.Title, URL: url(q), Verdict: q.Verdict, Current: q.ID == id}
				if q.Verdict == page.NotAssessed {
					item.Note = q.Reason
				}
				group.Items = append(group.Items, item)
			}
		}
		if len(group.Items) > 0 {
			v.Groups = append(v.Groups, group)
		}
	}
}

// mostShown is how many findings a page shows with their bytes, and how many it lists.
const (
	mostShown  = 3
	mostListed = 50
)

func (s *Server) requirement(ctx context.Context, c caller, x *records.Release, q records.Requirement) (*page.Requirement, error) {
	view := s.Desk.As(c.Viewer)
	v := &page.Requirement{ID: q.ID, Name: q.Title, Verdict: q.Verdict, Note: q.Reason}
	findings, total, err := view.Findings(ctx, x.ID, q.Scheme, q.ID, "", records.Page{Most: mostListed})
	if err != nil {
		return nil, err
	}
	var o outline.Requirement
	if q.Body != "" {
		if err := json.Unmarshal([]byte(q.Body), &o); err != nil {
			return nil, fmt.Errorf("reading a requirement: %w", err)
		}
		s.detail(v, x, &o)
	}
	if err := s.findings(v, x, findings, total); err != nil {
		return nil, err
	}
	if err := s.judging(ctx, c, x, q, &o, v); err != nil {
		return nil, err
	}
	risks, err := view.Risks(ctx, x.ID)
	if err != nil {
		return nil, err
	}
	for _, k := range risks {
		if k.Scheme == q.Scheme && k.Requirement == q.ID {
			v.Risks = append(v.Risks, s.risk(k))
		}
	}
	if s.Desk.Policies.May(c.Viewer, access.AcceptRisk, x.Object()) && c.Class == access.Operator {
		v.Actions = append(v.Actions, page.AcceptForm("/releases/"+x.ID+"/schemes/"+q.Scheme+"/"+q.ID+"/accept"))
	}
	return v, nil
}

func (s *Server) detail(v *page.Requirement, x *records.Release, o *outline.Requirement) {
	v.Words, v.Note = o.Text, o.Why
	if o.Examined > 0 && o.Findings > 0 {
		v.Note = fmt.Sprintf("%d of %d", o.Findings, o.Examined)
	}
	if o.PassNeeds != "" {
		v.PassNeeds = []string{o.PassNeeds}
	}
	if o.Waits != "" {
		v.PassNeeds = append(v.PassNeeds, o.Waits)
	}
	for _, t := range o.Tests {
		row := page.Test{ID: t.ID, Means: t.Means, Strength: t.Strength, Result: strings.ReplaceAll(cmp.Or(t.State, "not run"), "-", " "), Why: t.Detail}
		if t.Over != "" {
			row.Why = cmp.Or(t.Detail, fmt.Sprintf("%d examined, %d unknown, %d may be hidden", t.Examined, t.Unknown, t.Hidden))
		}
		row.Why = cmp.Or(row.Why, t.Reason)
		for _, f := range t.Compared {
			entries := "absent"
			switch {
			case f.Declared && f.Entries >= 0:
				entries = plural(int(f.Entries), "entry", "entries")
			case f.Declared:
				entries = "declared"
			}
			row.ComparedWith = strings.TrimPrefix(row.ComparedWith+", "+f.Field+": "+entries, ", ")
		}
		v.Tests = append(v.Tests, row)
		if t.Procedure != "" && t.Over == "" {
			p := page.Procedure{Test: t.ID, Means: t.Means, Words: t.Procedure, Persons: int(max(t.Persons, 1))}
			if t.Evidence != "" {
				p.Expected = strings.Split(t.Evidence, "\n")
			}
			v.Procedures = append(v.Procedures, p)
		}
	}
}

func (s *Server) findings(v *page.Requirement, x *records.Release, list []records.Finding, total int) error {
	for _, f := range list {
		if f.Body == "" { // below level evidence
			v.Findings = append(v.Findings, page.Finding{Title: f.Title, Severity: f.Severity})
			continue
		}
		var o outline.Finding
		if err := json.Unmarshal([]byte(f.Body), &o); err != nil {
			return fmt.Errorf("reading a finding: %w", err)
		}
		if len(v.Evidence) < mostShown && o.Decisive >= 0 && o.Kind == "fail" {
			v.Evidence = append(v.Evidence, excerpt(x, &o))
			continue
		}
		row := page.Finding{Title: cmp.Or(o.Title, o.Subject), Test: o.Test, Severity: o.Severity, Fingerprint: o.Fingerprint}
		if o.Subject != "" && o.Title != "" {
			row.Title = o.Subject + ": " + o.Title
		}
		if len(o.Places) > 0 {
			row.Address, row.NodeURL = o.Places[0].Node, nodeURL(x, o.Places[0].Node)
			row.Places = len(o.Places) - 1 + int(o.PlacesLeftOut)
		}
		v.Findings = append(v.Findings, row)
	}
	if total > len(list) {
		v.FindingsMore = page.Link{Text: fmt.Sprintf("%d more in the reports", total-len(list)), URL: "/releases/" + x.ID}
	}
	return nil
}

func nodeURL(x *records.Release, address string) string {
	return "/releases/" + x.ID + "/tree?at=" + queryEscape(address)
}

// excerpt shows the decisive bytes of a finding.
func excerpt(x *records.Release, o *outline.Finding) page.Excerpt {
	p := o.Places[o.Decisive]
	e := page.Excerpt{
		Says: o.Subject, But: ": " + o.Title, Address: p.Node, URL: nodeURL(x, p.Node), Digest: p.Digest, SeenBy: p.Observer,
	}
	if p.Version > 0 {
		e.SeenBy = fmt.Sprintf("%s %d", p.Observer, p.Version)
	}
	if n := len(o.Places) - 1 + int(o.PlacesLeftOut); n > 0 {
		e.Also = "and " + plural(n, "other place", "other places")
	}
	if t := p.Excerpt; t != nil {
		e.From, e.To = t.Offset, t.Offset+t.Length
		e.URL = evidenceURL(x.ID, p.Node, e.From, e.To)
		for i, line := range strings.Split(t.Text, "%0A") {
			e.Lines = append(e.Lines, page.TextLine{No: int(t.Line) + i, Parts: []page.TextPart{{Text: line}}, Hit: true})
		}
	}
	return e
}

// judging fills in what people judged, and the forms of who may.
func (s *Server) judging(ctx context.Context, c caller, x *records.Release, q records.Requirement, o *outline.Requirement, v *page.Requirement) error {
	view := s.Desk.As(c.Viewer)
	list, err := view.Judgements(ctx, x.ID, q.Scheme, q.ID)
	if err != nil {
		return err
	}
	base := "/releases/" + x.ID + "/schemes/" + q.Scheme + "/" + q.ID
	mine := func(test string) bool {
		return slices.ContainsFunc(list, func(j records.Judgement) bool { return j.Person == c.Viewer.Person && j.Test == test })
	}
	for _, j := range list {
		row := page.Judgement{Test: j.Test, Verdict: j.Verdict, Reason: j.Reason, Person: j.PersonName, Party: s.Desk.Home.Name, When: j.Made, Seal: s.seal(j.ID, j.Leaf)}
		second := slices.IndexFunc(list, func(k records.Judgement) bool { return k.Countersigns == j.ID })
		switch {
		case j.Countersigns != "":
			row.Waiting = ""
		case second >= 0:
			row.Second, row.SecondWhen = list[second].PersonName, list[second].Made
		default:
			for _, t := range o.Tests {
				if t.ID == j.Test && t.Persons > 1 {
					row.Waiting = "waits for a countersignature by another person"
				}
			}
			object := x.Object()
			object.Judged = mine(j.Test)
			if s.Desk.Policies.May(c.Viewer, access.Countersign, object) {
				row.Actions = append(row.Actions, page.CountersignForm(j.ID[:16], base+"/countersign/"+j.ID))
			}
		}
		v.Judgements = append(v.Judgements, row)
	}
	if !s.Desk.Policies.May(c.Viewer, access.Judge, x.Object()) || x.State != "evaluated" {
		return nil
	}
	options, err := s.evidenceOptions(ctx, c, x)
	if err != nil {
		return err
	}
	for _, p := range v.Procedures {
		v.Actions = append(v.Actions, page.JudgeForm(base+"/judge", p.Test, options))
	}
	return nil
}

func (s *Server) evidenceOptions(ctx context.Context, c caller, x *records.Release) ([]page.Option, error) {
	var options []page.Option
	for _, kind := range []string{records.HeldDocument, records.HeldEvidence} {
		held, err := s.Desk.As(c.Viewer).Held(ctx, x.ID, kind, "")
		if err != nil {
			return nil, err
		}
		for _, h := range held {
			options = append(options, page.Option{Value: h.ID, Label: h.Name})
		}
	}
	return options, nil
}

func (s *Server) talk(ctx context.Context, c caller, x *records.Release, scheme, id string) (*page.Talk, error) {
	messages, err := s.Desk.As(c.Viewer).Messages(ctx, x.ID, scheme, id)
	if err != nil {
		return nil, err
	}
	v := &page.Talk{}
	chosen := map[string]bool{}
	for _, m := range messages {
		v.Messages = append(v.Messages, page.Message{
			ID: m.ID[:16], Party: m.PartyName, Person: m.Person, When: m.Posted, Audience: m.Audience, Text: m.Text, Kind: positionWords(m), Seal: s.seal(m.ID, m.Leaf),
		})
		chosen[m.PartyName] = true
		for _, a := range m.Audience {
			chosen[a] = true
		}
	}
	if !s.Desk.Policies.May(c.Viewer, access.Post, x.Object()) {
		return v, nil
	}
	readers, err := s.Desk.Readers(ctx, c.Who, x)
	if err != nil {
		return nil, err
	}
	form := &page.Compose{Action: "/releases/" + x.ID + "/schemes/" + scheme + "/" + id + "/messages", Kinds: []page.Option{
		{Value: "", Label: "a message"}, {Value: "asks", Label: "a question"}, {Value: "answers", Label: "an answer"}, {Value: "accepts", Label: "accepts the finding"}, {Value: "disputes", Label: "disputes the finding"},
	}}
	for _, p := range readers {
		form.Parties = append(form.Parties, page.Option{Value: p.Name, Label: p.Name, Help: string(p.Class), Chosen: chosen[p.Name] || len(messages) == 0 && (p.Home || p.ID == x.Product.Owner)})
	}
	if len(form.Parties) > 0 {
		v.Compose = form
	}
	return v, nil
}

func positionWords(m records.Message) string {
	switch m.Position {
	case "plans-fix":
		return "plans a fix in " + m.FixIn
	case "asks":
		return "asks"
	case "accepts":
		return "accepts"
	case "disputes":
		return "disputes"
	}
	return ""
}
