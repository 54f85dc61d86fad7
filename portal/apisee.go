package portal

import (
	"context"
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/store/records"
)

type requirementView struct {
	ID      string          `json:"id"`
	Scheme  string          `json:"scheme"`
	Title   string          `json:"title"`
	Verdict string          `json:"verdict"`
	Reason  string          `json:"reason,omitempty"`
	Waits   bool            `json:"waits_for_person"`
	Detail  json.RawMessage `json:"detail,omitempty" doc:"From level evidence on"`
}

func requirementOf(q records.Requirement) requirementView {
	return requirementView{q.ID, q.Scheme, q.Title, q.Verdict, q.Reason, q.Waits, raw(q.Body)}
}

func raw(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	return json.RawMessage(s)
}

type findingView struct {
	Fingerprint string          `json:"fingerprint"`
	Requirement string          `json:"requirement"`
	Kind        string          `json:"kind"`
	Severity    string          `json:"severity"`
	Title       string          `json:"title"`
	Detail      json.RawMessage `json:"detail,omitempty" doc:"From level evidence on"`
}

type dossierView struct {
	records.Dossier
	Digest string `json:"digest,omitempty" doc:"SHA-256 of dossier.json; from level evidence on"`
}

func dossierOf(x records.Dossier) dossierView {
	v := dossierView{Dossier: x}
	var head outline.Head
	if len(x.Head) > 0 && json.Unmarshal(x.Head, &head) == nil {
		v.Digest = head.Dossier
	}
	return v
}

// SchemePath names a release under a scheme.
type SchemePath struct {
	ReleaseID
	Scheme string `path:"scheme"`
}

// Paging names a part of a list.
type Paging struct {
	After int `query:"after" minimum:"0"`
	Most  int `query:"most" minimum:"1" maximum:"500" default:"100"`
}

func (p Paging) page() records.Page { return records.Page{After: p.After, Most: p.Most} }

func (s *Server) apiSee(api huma.API) {
	d := s.Desk
	op(s, api, "GET", "/releases/{release_id}/schemes/{scheme}/requirements", "Verdicts of a release under a scheme", 0, func(ctx context.Context, w desk.Who, in *SchemePath) (list[requirementView], error) {
		if _, err := d.As(w.Viewer).Release(ctx, in.ID); err != nil {
			return list[requirementView]{}, err
		}
		rows, err := d.As(w.Viewer).Requirements(ctx, in.ID, in.Scheme, "")
		var out []requirementView
		for _, q := range rows {
			out = append(out, requirementOf(q))
		}
		return items(out), err
	})
	op(s, api, "GET", "/releases/{release_id}/schemes/{scheme}/requirements/{requirement}", "One verdict, with its tests", 0, func(ctx context.Context, w desk.Who, in *struct {
		SchemePath
		Requirement string `path:"requirement"`
	},
	) (requirementView, error) {
		q, err := d.As(w.Viewer).Requirement(ctx, in.ID, in.Scheme, in.Requirement, "")
		return requirementOf(q), err
	})
	op(s, api, "GET", "/releases/{release_id}/schemes/{scheme}/findings", "Findings of a release under a scheme", 0, func(ctx context.Context, w desk.Who, in *struct {
		SchemePath
		Paging
		Requirement string `query:"requirement"`
	},
	) (list[findingView], error) {
		if _, err := d.As(w.Viewer).Release(ctx, in.ID); err != nil {
			return list[findingView]{}, err
		}
		rows, total, err := d.As(w.Viewer).Findings(ctx, in.ID, in.Scheme, in.Requirement, "", in.page())
		out := list[findingView]{Items: []findingView{}, Total: total}
		for _, f := range rows {
			out.Items = append(out.Items, findingView{f.Fingerprint, f.Requirement, f.Kind, f.Severity, f.Title, raw(f.Body)})
		}
		return out, err
	})
	op(s, api, "GET", "/releases/{release_id}/nodes", "The tree of a release: what lies in a node (at: its position; -1: the artifacts)", 0, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		Paging
		At int64 `query:"at" default:"-1" minimum:"-1"`
	},
	) (list[json.RawMessage], error) {
		return rawList(d.As(w.Viewer).Nodes(ctx, in.ID, in.At, in.page()))
	})
	op(s, api, "GET", "/releases/{release_id}/facts", "What was seen of a release: fact, package, unobserved, artifact, declaration, document, observer, reference", 0, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		Paging
		Kind string `query:"kind" enum:"fact,package,unobserved,artifact,declaration,document,observer,reference" default:"fact"`
	},
	) (list[json.RawMessage], error) {
		return rawList(d.As(w.Viewer).Seen(ctx, in.ID, in.Kind, -1, in.page()))
	})
	op(s, api, "GET", "/releases/{release_id}/dossiers", "Dossiers of a release", 0, func(ctx context.Context, w desk.Who, in *ReleaseID) (list[dossierView], error) {
		if _, err := d.As(w.Viewer).Release(ctx, in.ID); err != nil {
			return list[dossierView]{}, err
		}
		rows, err := d.As(w.Viewer).Dossiers(ctx, in.ID)
		var out []dossierView
		for _, x := range rows {
			out = append(out, dossierOf(x))
		}
		return items(out), err
	})
	op(s, api, "GET", "/dossiers/{dossier_id}", "One dossier; reports of it are downloads of pages: /releases/ID/dossiers/ID/html, sarif, json, csv", 0, func(ctx context.Context, w desk.Who, in *struct {
		ID string `path:"dossier_id"`
	},
	) (dossierView, error) {
		x, err := d.As(w.Viewer).Dossier(ctx, in.ID)
		return dossierOf(x), err
	})
	op(s, api, "GET", "/search", "Find among what you see", 0, func(ctx context.Context, w desk.Who, in *struct {
		Q string `query:"q" minLength:"1" maxLength:"200"`
	},
	) (list[hitView], error) {
		hits, err := d.As(w.Viewer).Search(ctx, in.Q, mostHits)
		var out []hitView
		for _, h := range hits {
			out = append(out, hitView{h.Kind, h.Release, h.Ref, h.Text, hitURL(h)})
		}
		return items(out), err
	})
}

// mostHits bounds what a search gives.
const mostHits = 200

type hitView struct {
	Kind    string `json:"kind"`
	Release string `json:"release_id"`
	Ref     string `json:"ref"`
	Text    string `json:"text"`
	URL     string `json:"url"`
}

func rawList(rows []string, err error) (list[json.RawMessage], error) {
	out := []json.RawMessage{}
	for _, x := range rows {
		out = append(out, json.RawMessage(x))
	}
	return items(out), err
}

func (s *Server) apiActs(api huma.API) {
	d := s.Desk
	op(s, api, "GET", "/releases/{release_id}/grants", "Who may see a release", 0, func(ctx context.Context, w desk.Who, in *ReleaseID) (list[records.Grant], error) {
		if _, err := d.As(w.Viewer).Release(ctx, in.ID); err != nil {
			return list[records.Grant]{}, err
		}
		xs, err := d.As(w.Viewer).Grants(ctx, in.ID)
		return items(xs), err
	})
	op(s, api, "POST", "/releases/{release_id}/grants", "Let a party see a release, or all of its product", 201, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		OnceKey
		Body leaveBody
	},
	) (idAnswer, error) {
		id, err := s.once(ctx, w, in.Key, "grant "+in.ID, func() (string, error) { return d.Grant(ctx, w, in.ID, in.Body.leave()) })
		return idAnswer{id}, err
	})
	op(s, api, "DELETE", "/releases/{release_id}/grants/{grant_id}", "Withdraw a grant", 0, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		Grant string `path:"grant_id"`
	},
	) (done, error) {
		return done{true}, d.EndGrant(ctx, w, in.ID, in.Grant)
	})
	op(s, api, "GET", "/releases/{release_id}/assignments", "Who of the lab looks at a release", 0, func(ctx context.Context, w desk.Who, in *ReleaseID) (list[records.Assignment], error) {
		if _, err := d.As(w.Viewer).Release(ctx, in.ID); err != nil {
			return list[records.Assignment]{}, err
		}
		xs, err := d.As(w.Viewer).Assignments(ctx, in.ID)
		return items(xs), err
	})
	op(s, api, "POST", "/releases/{release_id}/assignments", "Assign somebody of the lab", 201, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		Body struct {
			Person string `json:"person_id"`
		}
	},
	) (idAnswer, error) {
		id, err := d.Assign(ctx, w, in.ID, in.Body.Person)
		return idAnswer{id}, err
	})
	op(s, api, "POST", "/releases/{release_id}/elevation", "See a release without being assigned, for a reason that its owner reads", 201, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		Body struct {
			Reason string `json:"reason"`
			Hours  int    `json:"hours" minimum:"1" maximum:"8"`
		}
	},
	) (idAnswer, error) {
		id, err := d.Elevate(ctx, w, in.ID, in.Body.Reason, time.Duration(in.Body.Hours)*time.Hour)
		return idAnswer{id}, err
	})
	op(s, api, "DELETE", "/releases/{release_id}/assignments/{assignment_id}", "End an assignment or elevation", 0, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		Assignment string `path:"assignment_id"`
	},
	) (done, error) {
		return done{true}, d.EndAssignment(ctx, w, in.ID, in.Assignment)
	})
	op(s, api, "GET", "/releases/{release_id}/messages", "What was said about a release, to you or by you", 0, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		Scheme      string `query:"scheme"`
		Requirement string `query:"requirement"`
	},
	) (list[records.Message], error) {
		if _, err := d.As(w.Viewer).Release(ctx, in.ID); err != nil {
			return list[records.Message]{}, err
		}
		xs, err := d.As(w.Viewer).Messages(ctx, in.ID, in.Scheme, in.Requirement)
		return items(xs), err
	})
	op(s, api, "POST", "/releases/{release_id}/messages", "Say something about a requirement or finding; who reads it is fixed now", 201, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		OnceKey
		Body struct {
			Scheme      string   `json:"scheme"`
			Requirement string   `json:"requirement"`
			Fingerprint string   `json:"fingerprint,omitempty"`
			Text        string   `json:"text"`
			Position    string   `json:"position,omitempty" enum:",asks,accepts,disputes,plans-fix,answers,notes"`
			FixIn       string   `json:"fix_in,omitempty"`
			To          []string `json:"to" doc:"Names of the parties that read it"`
		}
	},
	) (idAnswer, error) {
		b := in.Body
		id, err := s.once(ctx, w, in.Key, "post "+in.ID, func() (string, error) {
			return d.Post(ctx, w, in.ID, desk.Posting{Scheme: b.Scheme, Requirement: b.Requirement, Fingerprint: b.Fingerprint, Text: b.Text, Position: b.Position, FixIn: b.FixIn, To: b.To})
		})
		return idAnswer{id}, err
	})
	op(s, api, "GET", "/releases/{release_id}/judgements", "What people judged of a release", 0, func(ctx context.Context, w desk.Who, in *ReleaseID) (list[records.Judgement], error) {
		if _, err := d.As(w.Viewer).Release(ctx, in.ID); err != nil {
			return list[records.Judgement]{}, err
		}
		xs, err := d.As(w.Viewer).Judgements(ctx, in.ID, "", "")
		return items(xs), err
	})
	op(s, api, "POST", "/releases/{release_id}/judgements", "Judge a test in words", 201, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		OnceKey
		Body struct {
			Scheme      string   `json:"scheme"`
			Requirement string   `json:"requirement"`
			Test        string   `json:"test"`
			Verdict     string   `json:"verdict" enum:"pass,fail,inconclusive"`
			Reason      string   `json:"reason"`
			Cites       []string `json:"cites_id,omitempty"`
		}
	},
	) (idAnswer, error) {
		b := in.Body
		id, err := s.once(ctx, w, in.Key, "judge "+in.ID, func() (string, error) {
			return d.Judge(ctx, w, in.ID, desk.Judging{Scheme: b.Scheme, Requirement: b.Requirement, Test: b.Test, Verdict: b.Verdict, Reason: b.Reason, Cites: b.Cites})
		})
		return idAnswer{id}, err
	})
	op(s, api, "POST", "/releases/{release_id}/judgements/{judgement_id}/countersign", "Countersign another person's judgement", 201, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		OnceKey
		Judgement string `path:"judgement_id"`
		Body      struct {
			Verdict string `json:"verdict,omitempty" enum:",pass,fail,inconclusive"`
			Reason  string `json:"reason"`
		}
	},
	) (idAnswer, error) {
		id, err := s.once(ctx, w, in.Key, "countersign "+in.Judgement, func() (string, error) {
			return d.Countersign(ctx, w, in.ID, in.Judgement, in.Body.Verdict, in.Body.Reason)
		})
		return idAnswer{id}, err
	})
	op(s, api, "GET", "/releases/{release_id}/risks", "Risks that parties accept", 0, func(ctx context.Context, w desk.Who, in *ReleaseID) (list[records.Risk], error) {
		if _, err := d.As(w.Viewer).Release(ctx, in.ID); err != nil {
			return list[records.Risk]{}, err
		}
		xs, err := d.As(w.Viewer).Risks(ctx, in.ID)
		return items(xs), err
	})
	op(s, api, "POST", "/releases/{release_id}/risks", "Accept a risk for your party; no verdict changes", 201, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		OnceKey
		Body struct {
			Scheme      string `json:"scheme"`
			Requirement string `json:"requirement"`
			Fingerprint string `json:"fingerprint,omitempty"`
			Reason      string `json:"reason"`
			Until       string `json:"until" doc:"YYYY-MM-DD"`
		}
	},
	) (idAnswer, error) {
		b := in.Body
		id, err := s.once(ctx, w, in.Key, "accept "+in.ID, func() (string, error) {
			return d.AcceptRisk(ctx, w, in.ID, desk.Risking{Scheme: b.Scheme, Requirement: b.Requirement, Fingerprint: b.Fingerprint, Reason: b.Reason, Until: b.Until})
		})
		return idAnswer{id}, err
	})
}

// credentialView is a credential as a viewer sees it.
type credentialView struct {
	records.Issued
	State string `json:"state"`
	URL   string `json:"url"`
	File  string `json:"file" doc:"Where its file is downloaded"`
}

func (s *Server) credentialOf(x records.Issued) credentialView {
	return credentialView{x, x.State(s.Desk.Lab.Now()), s.site.Origin + "/credentials/" + x.ID, s.site.Origin + "/credentials/" + x.ID + "/file"}
}

func (s *Server) apiCredentials(api huma.API) {
	d := s.Desk
	op(s, api, "POST", "/releases/{release_id}/agreements", "Agree to issue a credential; the second person issues it", 201, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		Body struct {
			Scheme  string `json:"scheme"`
			Profile string `json:"profile,omitempty"`
		}
	},
	) (credentialAnswer, error) {
		id, err := d.Agree(ctx, w, in.ID, in.Body.Scheme, in.Body.Profile)
		return credentialAnswer{id}, err
	})
	op(s, api, "GET", "/releases/{release_id}/agreements", "Who agreed to issue", 0, func(ctx context.Context, w desk.Who, in *ReleaseID) (list[records.Agreement], error) {
		if _, err := d.As(w.Viewer).Release(ctx, in.ID); err != nil {
			return list[records.Agreement]{}, err
		}
		xs, err := d.As(w.Viewer).Agreements(ctx, in.ID)
		return items(xs), err
	})
	op(s, api, "GET", "/credentials", "Credentials that you see", 0, func(ctx context.Context, w desk.Who, in *struct {
		Release string `query:"release_id"`
	},
	) (list[credentialView], error) {
		xs, err := d.As(w.Viewer).Issued(ctx, in.Release)
		var out []credentialView
		for _, x := range xs {
			out = append(out, s.credentialOf(x))
		}
		return items(out), err
	})
	op(s, api, "GET", "/credentials/{credential_id}", "One of them", 0, func(ctx context.Context, w desk.Who, in *struct {
		ID string `path:"credential_id"`
	},
	) (credentialView, error) {
		x, err := d.As(w.Viewer).IssuedByID(ctx, in.ID)
		return s.credentialOf(x), err
	})
	op(s, api, "PUT", "/credentials/{credential_id}/published", "Choose how far a credential is published", 0, func(ctx context.Context, w desk.Who, in *struct {
		ID   string `path:"credential_id"`
		Body struct {
			Published string `json:"published" enum:"private,granted,public"`
		}
	},
	) (done, error) {
		return done{true}, d.Publish(ctx, w, in.ID, in.Body.Published)
	})
}

type credentialAnswer struct {
	ID string `json:"credential_id" doc:"Empty as long as another person has to agree"`
}

var _ = access.Summary
