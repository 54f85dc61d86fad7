package portal

import (
	"encoding/json"
	"net/http"

	"github.com/a-h/templ"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/portal/page"
	"github.com/probat-lab/probat/statement"
)

func (s *Server) credentialPages(mux *http.ServeMux) {
	s.public(mux, "/credentials/{credential}", s.credential)
	mux.HandleFunc("GET /credentials/{credential}/file", func(w http.ResponseWriter, r *http.Request) {
		name, data, err := s.Desk.CredentialFile(r.Context(), callerOf(r.Context()).Who, r.PathValue("credential"))
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		download(w, name, "application/zip", data)
	})
	s.act(mux, "/credentials/{credential}/publish", func(r *http.Request, c caller) (string, error) {
		how := map[string]string{"register": "public", "parties": "granted", "none": "private"}[r.PostFormValue("publish")]
		return "/credentials/" + r.PathValue("credential") + "?done=published", s.Desk.Publish(r.Context(), c.Who, r.PathValue("credential"), how)
	})
}

func (s *Server) credential(r *http.Request, c caller) (templ.Component, error) {
	ctx := r.Context()
	x, err := s.Desk.As(c.Viewer).IssuedByID(ctx, r.PathValue("credential"))
	if err != nil {
		return nil, err
	}
	name, data, err := s.Desk.CredentialFile(ctx, c.Who, x.ID)
	if err != nil {
		return nil, err
	}
	var b desk.IssuedBody
	if err := json.Unmarshal(x.Body, &b); err != nil {
		return nil, err
	}
	v := page.Credential{
		Shell: s.shell(r, "Credential", "/register"), Product: b.Release.Product, Release: b.Release.Version + b.Release.Period, Vendor: b.Release.Vendor,
		Scheme: x.Scheme, Edition: x.Edition, State: x.State(s.Desk.Lab.Now()), Counts: verdictCounts(b.Counts), Issued: x.Made, Until: x.Until, Attempts: b.Attempts,
		Lab: s.Desk.Home.Name, Independence: string(s.Desk.Lab.Identity().Independence), Download: "/credentials/" + x.ID + "/file", File: name, Size: int64(len(data)),
		Commands: []string{"curl -fO " + s.site.Origin + "/lab.trust", "probat verify " + name + " --trust lab.trust"},
		Try:      "Download it, change one byte (printf 'x' | dd of=" + name + " bs=1 seek=200 conv=notrunc), and verify again: INVALID.",
		Facts:    []page.Pair{{Name: "Outcome", Value: b.Outcome}, {Name: "Statement", Value: x.ID, Mono: true}},
		Seal:     &page.Seal{Index: b.Index, Digest: x.ID, URL: "/ledger"}, Publication: map[string]string{"private": "to nobody but the owner and the lab", "granted": "to parties that see the release", "public": "in the public register"}[x.Published],
	}
	if x.Profile != "" {
		v.Facts = append(v.Facts, page.Pair{Name: "Profile", Value: x.Profile})
	}
	rel, err := s.Desk.As(c.Viewer).Release(ctx, x.Release)
	if err != nil {
		return v.Page(), nil // a public credential of a release that the reader does not see
	}
	v.ReleaseURL = "/releases/" + rel.ID
	if s.Desk.Policies.May(c.Viewer, access.Publish, rel.Object()) {
		chosen := map[string]string{"public": "register", "granted": "parties", "private": "none"}[x.Published]
		v.Actions = append(v.Actions, page.PublishForm("/credentials/"+x.ID+"/publish", chosen))
	}
	return v.Page(), nil
}

func verdictCounts(c statement.Counts) page.Counts {
	return page.Counts{Pass: c.Pass, Fail: c.Fail, Inconclusive: c.Inconclusive, NotAssessed: c.NotAssessed, NotApplicable: c.NotApplicable}
}
