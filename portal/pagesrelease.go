package portal

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/portal/page"
	"github.com/probat-lab/probat/store/records"
)

func (s *Server) releasePages(mux *http.ServeMux) {
	d := s.Desk
	s.page(mux, "/releases/{release}", s.release)
	back := func(r *http.Request, word string) string {
		return "/releases/" + r.PathValue("release") + "?done=" + word
	}
	s.act(mux, "/releases/{release}/again", func(r *http.Request, c caller) (string, error) {
		_, err := d.Evaluate(r.Context(), c.Who, r.PathValue("release"))
		return back(r, "queued"), err
	})
	s.act(mux, "/releases/{release}/withdraw", func(r *http.Request, c caller) (string, error) {
		return back(r, "withdrawn"), d.Withdraw(r.Context(), c.Who, r.PathValue("release"), r.PostFormValue("reason"))
	})
	s.act(mux, "/releases/{release}/grants", func(r *http.Request, c caller) (string, error) {
		_, err := d.Grant(r.Context(), c.Who, r.PathValue("release"), desk.Leave{
			Party: r.PostFormValue("party"), Level: r.PostFormValue("level"), Product: r.PostFormValue("scope") == "product", From: r.PostFormValue("from"), Until: r.PostFormValue("until"),
		})
		return back(r, "granted"), err
	})
	s.act(mux, "/releases/{release}/grants/{grant}/end", func(r *http.Request, c caller) (string, error) {
		return back(r, "ended"), d.EndGrant(r.Context(), c.Who, r.PathValue("release"), r.PathValue("grant"))
	})
	s.act(mux, "/releases/{release}/assign", func(r *http.Request, c caller) (string, error) {
		_, err := d.Assign(r.Context(), c.Who, r.PathValue("release"), r.PostFormValue("person"))
		return back(r, "assigned"), err
	})
	s.act(mux, "/releases/{release}/elevate", func(r *http.Request, c caller) (string, error) {
		hours := map[string]time.Duration{"1": 1, "4": 4, "8": 8}[r.PostFormValue("hours")]
		_, err := d.Elevate(r.Context(), c.Who, r.PathValue("release"), r.PostFormValue("reason"), hours*time.Hour)
		return back(r, "elevated"), err
	})
	s.act(mux, "/releases/{release}/assignments/{id}/end", func(r *http.Request, c caller) (string, error) {
		return back(r, "ended"), d.EndAssignment(r.Context(), c.Who, r.PathValue("release"), r.PathValue("id"))
	})
	s.act(mux, "/releases/{release}/bring", s.bring)
	s.act(mux, "/releases/{release}/agree", func(r *http.Request, c caller) (string, error) {
		id, err := d.Agree(r.Context(), c.Who, r.PathValue("release"), r.PostFormValue("scheme"), r.PostFormValue("profile"))
		if id != "" {
			return "/credentials/" + id + "?done=issued", err
		}
		return back(r, "agreed"), err
	})
	mux.HandleFunc("GET /releases/{release}/dossiers/{dossier}/{format}", s.report)
	s.page(mux, "/evaluations/{job}", s.evaluation)
	mux.HandleFunc("GET /evaluations/{job_id}/events", s.events)
	s.act(mux, "/evaluations/{job}/cancel", func(r *http.Request, c caller) (string, error) {
		return "/evaluations/" + r.PathValue("job") + "?done=cancelled", d.Cancel(r.Context(), c.Who, r.PathValue("job"))
	})
}

// bring takes a zip that came with a form.
func (s *Server) bring(r *http.Request, c caller) (string, error) {
	f, h, err := r.FormFile("dossier")
	if err != nil {
		return "", &desk.InvalidError{Field: "dossier", Text: "choose a file"}
	}
	defer f.Close()
	data, err := io.ReadAll(f) // bounded by the form
	if err != nil {
		return "", err
	}
	id, err := Put(r.Context(), s.Desk, c.Viewer.Party, c.Viewer.Person, h.Filename, data)
	if err != nil {
		return "", err
	}
	_, err = s.Desk.Bring(r.Context(), c.Who, r.PathValue("release"), id)
	return "/releases/" + r.PathValue("release") + "?done=brought", err
}

// names finds names of people and parties once for a page.
type names struct {
	s      *Server
	ctx    context.Context
	people map[string]string
	party  map[string]string
}

func (s *Server) names(ctx context.Context) *names {
	return &names{s, ctx, map[string]string{}, map[string]string{}}
}

func (n *names) person(id string) string {
	if name, have := n.people[id]; have {
		return name
	}
	name := "somebody who has left"
	if p, err := n.s.Desk.Person(n.ctx, id); err == nil {
		name = p.Name
	}
	n.people[id] = name
	return name
}

func (n *names) of(party string) string {
	if name, have := n.party[party]; have {
		return name
	}
	p, _ := n.s.Desk.Party(n.ctx, party) // parties are never removed
	n.party[party] = p.Name
	return p.Name
}

func (s *Server) release(r *http.Request, c caller) (templ.Component, error) {
	ctx, view := r.Context(), s.Desk.As(c.Viewer)
	x, err := view.Release(ctx, r.PathValue("release"))
	if err != nil {
		return nil, err
	}
	v := page.Release{
		Shell: s.shell(r, x.Product.Name+" "+x.Name, "/products"), Product: x.Product.Name, ProductURL: "/products/" + x.Product.ID, Name: x.Name, Vendor: x.Vendor,
		State: x.State, StateNote: x.Reason, Embargo: x.Embargo,
		Facts: []page.Pair{{Name: "Kind", Value: x.Product.Kind}, {Name: "Handed in", Value: day(x.Created)}, {Name: "You see", Value: level(x)}},
	}
	if x.State == "submitted" {
		v.State = "queued"
	}
	if x.Product.Owner == c.Viewer.Party && x.Dossier != "" {
		v.Facts = append(v.Facts, page.Pair{Name: "Declaration", Value: "draft the next one from what was observed", URL: "/declarations/new?from=" + x.ID})
	}
	n := s.names(ctx)
	for _, fill := range []func(context.Context, caller, *records.Release, *page.Release, *names) error{s.fillSchemes, s.fillPeople, s.fillFiles, s.fillDisagreements, s.fillTalk, s.fillActions} {
		if err := fill(ctx, c, x, &v, n); err != nil {
			return nil, err
		}
	}
	for _, a := range v.Elevations {
		if a.Active && a.Person == c.PersonName {
			v.Line = &page.Line{Kind: "elevation", Text: "You see this release without being assigned: " + a.Reason, Ends: a.Until}
		}
	}
	return v.Page(), nil
}

func (s *Server) fillSchemes(ctx context.Context, _ caller, x *records.Release, v *page.Release, _ *names) error {
	results, err := s.Desk.As(callerOf(ctx).Viewer).Results(ctx, x.ID)
	if err != nil {
		return err
	}
	for _, id := range x.Schemes {
		row := page.SchemeRow{Name: id, Note: stateWords(x.State)}
		for _, res := range results {
			var sc outline.Scheme
			if res.Scheme != id {
				continue
			}
			if err := json.Unmarshal([]byte(res.Body), &sc); err != nil {
				return err
			}
			row = page.SchemeRow{Name: sc.Title, Edition: sc.Edition, Counts: counts(sc.Counts), Waits: waits(sc.Counts)}
			if x.Level >= access.Verdict {
				row.URL = "/releases/" + x.ID + "/schemes/" + id
			}
		}
		v.Schemes = append(v.Schemes, row)
	}
	return nil
}

func (s *Server) fillPeople(ctx context.Context, c caller, x *records.Release, v *page.Release, n *names) error {
	view, now := s.Desk.As(c.Viewer), s.Desk.Lab.Now()
	grants, err := view.Grants(ctx, x.ID)
	if err != nil {
		return err
	}
	may := s.Desk.Policies.May(c.Viewer, access.GiveGrant, x.Object())
	for _, g := range grants {
		row := page.Grant{Party: n.of(g.Party), Level: g.Level.String(), Scope: "this release", From: g.From, Until: g.Until, Given: n.person(g.Person), Seal: s.seal(g.ID, g.Leaf)}
		if g.Release == "" {
			row.Scope = "all of " + x.Product.Name
		}
		over := !g.Until.IsZero() && !g.Until.After(now)
		switch {
		case over:
			row.State = "ended"
		case g.From.After(now):
			row.State = "from " + day(g.From)
		case x.Embargo.After(now):
			row.State = "held back by the embargo"
		}
		if may && !over {
			f := page.EndGrantForm(g.ID[:16], "/releases/"+x.ID+"/grants/"+g.ID+"/end")
			row.End = &f
		}
		v.Grants = append(v.Grants, row)
	}
	assigned, err := view.Assignments(ctx, x.ID)
	if err != nil {
		return err
	}
	for _, a := range assigned {
		active := a.Until.IsZero() || a.Until.After(now)
		var end *page.Form
		if active && (a.Person == c.Viewer.Person || isHomeAdmin(c)) {
			end = &page.Form{ID: "end-assignment-" + a.ID[:16], Action: "/releases/" + x.ID + "/assignments/" + a.ID + "/end", Submit: "End"}
		}
		switch {
		case a.Kind == "elevated":
			v.Elevations = append(v.Elevations, page.Elevation{Person: n.person(a.Person), Reason: a.Reason, From: a.From, Until: a.Until, Active: active})
		case active:
			v.Assignments = append(v.Assignments, page.Assignment{Person: n.person(a.Person), As: "evaluator", By: n.person(a.By), Since: a.From, End: end})
		}
	}
	receipts, err := view.Receipts(ctx, x.ID)
	if err != nil || len(receipts) == 0 {
		return err
	}
	first := receipts[0]
	v.Receipt = &page.Receipt{Digest: first.Of, SignedBy: first.SignedBy, When: first.Made, Person: n.person(first.Person), URL: "/statements/" + first.ID, Seal: s.seal(first.ID, first.Leaf)}
	return nil
}

// seal is a statement's place in the ledger.
func (s *Server) seal(id string, leaf int64) *page.Seal {
	return &page.Seal{Index: leaf, Digest: id, URL: "/statements/" + id}
}

func (s *Server) fillFiles(ctx context.Context, c caller, x *records.Release, v *page.Release, _ *names) error {
	view := s.Desk.As(c.Viewer)
	artifacts, err := view.Held(ctx, x.ID, records.HeldArtifact, "")
	if err != nil {
		return err
	}
	for _, h := range artifacts {
		v.Artifacts = append(v.Artifacts, page.Artifact{ID: h.Parent, Name: h.Name, Size: h.Size})
	}
	if x.Level >= access.Evidence && x.Dossier != "" {
		v.Tree = "/releases/" + x.ID + "/tree"
	}
	list, err := view.Dossiers(ctx, x.ID)
	if err != nil {
		return err
	}
	digests := map[string]string{}
	for _, d := range list {
		digests[d.ID] = dossierOf(d).Digest
	}
	for _, d := range list {
		row := page.Dossier{Digest: digests[d.ID], Made: d.Made, By: "lab", Why: "evaluated as of " + d.AsOf, Predecessor: digests[d.Predecessor], Current: d.ID == x.Dossier}
		switch d.Origin {
		case "judged":
			row.Why = "judged by hand"
		case "vendor":
			row.By, row.Why = "vendor", "brought by the vendor"
		}
		if x.Level >= access.Evidence {
			for _, f := range reportFormats {
				row.Downloads = append(row.Downloads, page.Link{Text: f.name, URL: "/releases/" + x.ID + "/dossiers/" + d.ID + "/" + f.format})
			}
		}
		v.Dossiers = append(v.Dossiers, row)
	}
	issued, err := view.Issued(ctx, x.ID)
	if err != nil {
		return err
	}
	for _, i := range issued {
		v.Credentials = append(v.Credentials, page.CredentialRow{Scheme: i.Scheme, URL: "/credentials/" + i.ID, State: i.State(s.Desk.Lab.Now()), Issued: i.Made, Until: i.Until, Note: i.Profile})
	}
	return nil
}

// fillDisagreements says where the vendor's own dossier, the last that it brought, and the lab's come to something else.
func (s *Server) fillDisagreements(ctx context.Context, c caller, x *records.Release, v *page.Release, _ *names) error {
	if x.Level < access.Whole || x.Dossier == "" {
		return nil
	}
	list, err := s.Desk.As(c.Viewer).Dossiers(ctx, x.ID)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(d records.Dossier) bool { return d.Origin == "vendor" })
	if i < 0 {
		return nil
	}
	v.DisagreeNote = "The vendor's own dossier comes to the same."
	for _, id := range x.Schemes {
		ours, err := s.verdicts(ctx, c, x, x.Dossier, id)
		if err != nil {
			return err
		}
		theirs, err := s.verdicts(ctx, c, x, list[i].ID, id)
		if err != nil {
			return err
		}
		if theirs.Scheme.ID == "" {
			v.DisagreeNote = "The vendor's own dossier was not judged by " + id + "."
			continue
		}
		diff := outline.Differences(ours, theirs)
		if diff.NotComparable != "" {
			v.DisagreeNote = "The vendor's own dossier cannot be compared under " + id + ": " + diff.NotComparable + "."
			continue
		}
		for _, r := range diff.Verdicts {
			v.Disagree = append(v.Disagree, page.Disagreement{
				Scheme: id, Requirement: r.Requirement, Name: r.Title, URL: "/releases/" + x.ID + "/schemes/" + id + "/" + r.Requirement, Vendor: r.Vendor, Lab: r.Lab, Cause: causeOf(r),
			})
		}
	}
	return nil
}

func (s *Server) fillTalk(ctx context.Context, c caller, x *records.Release, v *page.Release, n *names) error {
	view := s.Desk.As(c.Viewer)
	messages, err := view.Messages(ctx, x.ID, "", "")
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, m := range slices.Backward(messages) {
		if !seen[m.Thread] {
			seen[m.Thread] = true
			v.Threads = append(v.Threads, page.Link{Text: m.Requirement, URL: "/releases/" + x.ID + "/schemes/" + m.Scheme + "/" + m.Requirement, Note: m.PartyName + ", " + day(m.Posted)})
		}
	}
	risks, err := view.Risks(ctx, x.ID)
	if err != nil {
		return err
	}
	for _, k := range risks {
		v.Risks = append(v.Risks, s.risk(k))
	}
	alarms, err := view.Alarms(ctx, x.ID)
	if err != nil {
		return err
	}
	for _, a := range alarms {
		v.Notices = append(v.Notices, page.Notice{Kind: "error", Text: a.Text})
	}
	return nil
}

func (s *Server) risk(k records.Risk) page.Risk {
	until, _ := time.Parse(time.DateOnly, k.Until) // it was read before it was written
	return page.Risk{
		Party: k.PartyName, Reason: k.Reason, What: k.Requirement, URL: "/releases/" + k.Release + "/schemes/" + k.Scheme + "/" + k.Requirement,
		Until: until, Expired: !until.After(s.Desk.Lab.Now()),
	}
}

func (s *Server) fillActions(ctx context.Context, c caller, x *records.Release, v *page.Release, n *names) error {
	may := func(a access.Action) bool { return s.Desk.Policies.May(c.Viewer, a, x.Object()) }
	base := "/releases/" + x.ID
	jobs, err := s.Desk.As(c.Viewer).Jobs(ctx, x.ID)
	if err != nil {
		return err
	}
	if len(jobs) > 0 {
		v.Live = "/evaluations/" + jobs[0].ID
		if jobs[0].State == "failed" {
			v.StateNote = jobs[0].Error
		}
	}
	if x.State == "withdrawn" {
		return nil
	}
	running := len(jobs) > 0 && (jobs[0].State == "queued" || jobs[0].State == "running")
	switch {
	case running && may(access.Cancel):
		v.Actions = append(v.Actions, page.CancelForm("/evaluations/"+jobs[0].ID+"/cancel"))
	case may(access.Evaluate):
		f := page.AgainForm(base+"/again", nil)
		f.Title, f.Submit, f.Fields = "Evaluate again", "Evaluate again", nil
		f.Intro = "With today's date and this build of the program. Runs over the same files are one attempt."
		v.Actions = append(v.Actions, f)
	}
	if may(access.Bring) && x.Dossier != "" {
		v.Actions = append(v.Actions, page.Form{
			ID: "bring", Title: "Bring your own dossier", Action: base + "/bring", Folded: true, Submit: "Compare", Upload: true,
			Intro:  "The dossier that you made of the same files (probat evaluate), as a zip. It decides nothing; where the lab came to something else is shown first.",
			Fields: []page.Field{{Name: "dossier", Label: "Zip of the dossier", Kind: "file", Required: true}},
		})
	}
	if may(access.GiveGrant) {
		f := page.GrantForm(base+"/grants", nil, []page.Option{{Value: "release", Label: "this release", Chosen: true}, {Value: "product", Label: "all releases of " + x.Product.Name}})
		f.Fields[0] = page.Field{Name: "party", Label: "Party", Required: true, Help: "Its name, exactly: nobody is shown a list of other parties."}
		v.Actions = append(v.Actions, f)
	}
	if may(access.Assign) {
		if err := s.assignForm(ctx, x, v); err != nil {
			return err
		}
	}
	if may(access.Elevate) && !x.Assigned {
		v.Actions = append(v.Actions, page.ElevateForm(base+"/elevate"))
	}
	if x.State == "evaluated" && may(access.Agree) {
		if err := s.agreeForms(ctx, c, x, v); err != nil {
			return err
		}
	}
	if may(access.Withdraw) {
		v.Actions = append(v.Actions, page.WithdrawForm(base+"/withdraw"))
	}
	return nil
}

func (s *Server) assignForm(ctx context.Context, x *records.Release, v *page.Release) error {
	people, err := s.Desk.People(ctx, s.Desk.Home.ID)
	if err != nil {
		return err
	}
	var options []page.Option
	for _, p := range people {
		if p.Role != access.Reader {
			options = append(options, page.Option{Value: p.ID, Label: p.Name})
		}
	}
	f := page.AssignForm("/releases/"+x.ID+"/assign", options)
	f.Fields = f.Fields[:1]
	v.Actions = append(v.Actions, f)
	return nil
}

func (s *Server) agreeForms(ctx context.Context, c caller, x *records.Release, v *page.Release) error {
	agreed, err := s.Desk.As(c.Viewer).Agreements(ctx, x.ID)
	if err != nil {
		return err
	}
	judged, err := s.Desk.As(c.Viewer).Judgements(ctx, x.ID, "", "")
	if err != nil {
		return err
	}
	for _, id := range x.Schemes {
		f := page.AgreeForm("/releases/"+x.ID+"/agree", id)
		f.Fields = nil
		for _, a := range agreed {
			if a.Dossier == x.Dossier && a.Scheme == id && a.Person == c.Viewer.Person {
				f.Blocked = "You have agreed; another person has to."
			}
		}
		for _, j := range judged {
			if j.Person == c.Viewer.Person {
				f.Blocked = "You judged here: two others have to agree."
			}
		}
		v.Actions = append(v.Actions, f)
	}
	return nil
}

// reportFormats are those in which a dossier is downloaded.
var reportFormats = []struct{ name, format, kind string }{
	{"HTML", "html", "text/html; charset=utf-8"}, {"SARIF", "sarif", "application/sarif+json"}, {"JSON", "json", "application/json"}, {"CSV", "csv", "text/csv; charset=utf-8"},
}

func (s *Server) report(w http.ResponseWriter, r *http.Request) {
	c := callerOf(r.Context())
	i := slices.IndexFunc(reportFormats, func(f struct{ name, format, kind string }) bool { return f.format == r.PathValue("format") })
	if i < 0 || !c.Known() {
		s.refuse(w, r, records.ErrNotFound)
		return
	}
	f := reportFormats[i]
	data, err := s.Desk.Report(r.Context(), c.Who, r.PathValue("release"), r.PathValue("dossier"), f.format)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	download(w, "report."+f.format, f.kind, data)
}

func (s *Server) evaluation(r *http.Request, c caller) (templ.Component, error) {
	ctx, view := r.Context(), s.Desk.As(c.Viewer)
	j, err := view.Job(ctx, r.PathValue("job"))
	if err != nil {
		return nil, err
	}
	x, err := view.Release(ctx, j.Release)
	if err != nil {
		return nil, err
	}
	var in desk.Inputs
	if err := json.Unmarshal(j.Inputs, &in); err != nil {
		return nil, errors.Join(errors.New("reading a job's inputs"), err)
	}
	v := page.Evaluation{
		Shell: s.shell(r, "Evaluation of "+x.Product.Name+" "+x.Name, "/products"), Product: x.Product.Name, Release: x.Name, ReleaseURL: "/releases/" + x.ID,
		State: j.State, StateNote: j.Error, Refresh: "/evaluations/" + j.ID, Started: j.Started, Ended: j.Finished,
		Fixed: []page.Pair{{Name: "As of", Value: in.AsOf}, {Name: "Build", Value: in.Build}},
	}
	for _, sc := range in.Schemes {
		v.Fixed = append(v.Fixed, page.Pair{Name: "Scheme", Value: sc.ID + " " + sc.Digest[:12], Mono: true})
	}
	switch j.State {
	case "failed":
		v.State = "error"
	case "queued", "running":
		v.Events = "/evaluations/" + j.ID + "/events"
		if s.Desk.Policies.May(c.Viewer, access.Cancel, x.Object()) {
			v.Actions = append(v.Actions, page.CancelForm("/evaluations/"+j.ID+"/cancel"))
		}
	}
	return v.Page(), nil
}

// causeOf says why a lab and a vendor differ on a requirement.
func causeOf(r outline.VerdictDifference) string {
	if len(r.Inputs) == 0 {
		return "from the same inputs: one of the two judged wrongly"
	}
	return "other " + strings.Join(r.Inputs, ", ")
}
