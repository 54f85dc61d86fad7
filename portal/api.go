package portal

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/portal/signin"
	"github.com/probat-lab/probat/store/records"
)

const apiBase = "/api/v1"

// body is an answer of the API.
type body[T any] struct{ Body T }

// list is an answer with several things.
type list[T any] struct {
	Items []T `json:"items"`
	Total int `json:"total"`
}

func items[T any](xs []T) list[T] {
	if xs == nil {
		xs = []T{}
	}
	return list[T]{xs, len(xs)}
}

// api mounts the API. Its description is the same for everybody.
func (s *Server) api(mux *http.ServeMux) {
	c := huma.DefaultConfig("Probat", "1")
	c.Info.Description = "The lab's server. Everything that a page can do, this can. What the caller does not see is 404. Send a token as Authorization: Bearer, and Idempotency-Key with what must happen once."
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = apiBase+"/openapi", "", ""
	c.CreateHooks = nil // no links to schemas in answers
	c.Transformers = nil
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
	api := humago.New(mux, c)
	s.apiPeople(api)
	s.apiReleases(api)
	s.apiSee(api)
	s.apiActs(api)
	s.apiCredentials(api)
	s.apiFiles(api)
	s.apiDeclarations(api)
	mux.HandleFunc("GET "+apiBase+"/jobs/{job_id}/events", s.events)
}

// op is one operation: fn gets who asks, and its error becomes a problem. Where code is 0 the answer is 200, or 204 without a body.
func op[I, O any](s *Server, api huma.API, method, path, summary string, code int, fn func(context.Context, desk.Who, *I) (O, error)) {
	o := huma.Operation{
		OperationID: strings.ToLower(method) + strings.NewReplacer("/", "-", "{", "", "}", "", "_", "-").Replace(path), Method: method, Path: apiBase + path, Summary: summary,
		DefaultStatus: code, Security: []map[string][]string{{"token": {}}}, MaxBodyBytes: 4 << 20, BodyReadTimeout: 30 * time.Second,
		Errors: []int{401, 403, 404, 409, 422, 429},
	}
	huma.Register(api, o, func(ctx context.Context, in *I) (*body[O], error) {
		c := callerOf(ctx)
		if !c.Known() {
			return nil, huma.NewError(http.StatusUnauthorized, "sign in, or send a token")
		}
		out, err := fn(ctx, c.Who, in)
		if err != nil {
			return nil, s.problem(ctx, err)
		}
		return &body[O]{out}, nil
	})
}

// done answers an act that makes nothing.
type done struct {
	Done bool `json:"done"`
}

// idAnswer answers an act that makes one thing.
type idAnswer struct {
	ID string `json:"id"`
}

// once has an act happen once for an Idempotency-Key.
func (s *Server) once(ctx context.Context, who desk.Who, key, what string, fn func() (string, error)) (string, error) {
	if len(key) > 200 {
		return "", &desk.InvalidError{Field: "Idempotency-Key", Text: "has more than 200 bytes"}
	}
	return s.Desk.Once(ctx, who.Person, key, what, fn)
}

// OnceKey is the header of what must happen once. Like the other inputs that operations share it is exported: huma sees no other embedded ones.
type OnceKey struct {
	Key string `header:"Idempotency-Key" maxLength:"200" doc:"Drawn by the caller: the same act with the same key happens once."`
}

type me struct {
	Person records.Person `json:"person"`
	Party  records.Party  `json:"party"`
	Scope  access.Scope   `json:"scope"`
}

func (s *Server) apiPeople(api huma.API) {
	d := s.Desk
	op(s, api, "GET", "/me", "Who you are", 0, func(ctx context.Context, _ desk.Who, _ *struct{}) (me, error) {
		c := callerOf(ctx)
		return me{c.Signed.Person, c.Signed.Party, c.Scope}, nil
	})
	op(s, api, "GET", "/parties", "Parties that you have to do with", 0, func(ctx context.Context, w desk.Who, _ *struct{}) (list[records.Party], error) {
		xs, err := d.As(w.Viewer).Parties(ctx)
		return items(xs), err
	})
	op(s, api, "POST", "/parties", "Bring a party in, with its first admin (admins of the lab)", 201, func(ctx context.Context, w desk.Who, in *struct {
		Body struct {
			Class string `json:"class" enum:"vendor,lab,operator,regulator"`
			Name  string `json:"name"`
			Admin string `json:"admin"`
		}
	},
	) (partyAnswer, error) {
		p, a, err := d.BringIn(ctx, w, access.Class(in.Body.Class), in.Body.Name, in.Body.Admin)
		if err != nil {
			return partyAnswer{}, err
		}
		link, err := s.newLink(ctx, a.ID)
		return partyAnswer{p, a, link}, err
	})
	op(s, api, "GET", "/people", "Members of your party", 0, func(ctx context.Context, w desk.Who, _ *struct{}) (list[records.Person], error) {
		xs, err := d.People(ctx, w.Party)
		return items(xs), err
	})
	op(s, api, "POST", "/people", "Invite a member of your party by a one-time link (admins)", 201, func(ctx context.Context, w desk.Who, in *struct {
		Body struct {
			Name string `json:"name"`
			Role string `json:"role" enum:"admin,member,reader"`
		}
	},
	) (partyAnswer, error) {
		p, err := d.Invite(ctx, w, in.Body.Name, access.Role(in.Body.Role))
		if err != nil {
			return partyAnswer{}, err
		}
		link, err := s.newLink(ctx, p.ID)
		return partyAnswer{callerOf(ctx).Signed.Party, p, link}, err
	})
	op(s, api, "DELETE", "/people/{person_id}", "End a member of your party (admins)", 0, func(ctx context.Context, w desk.Who, in *struct {
		ID string `path:"person_id"`
	},
	) (done, error) {
		return done{true}, d.End(ctx, w, in.ID)
	})
	op(s, api, "GET", "/sessions", "Your sessions", 0, func(ctx context.Context, w desk.Who, _ *struct{}) (list[records.Session], error) {
		xs, err := d.Sessions(ctx, w.Person, time.Now())
		return items(xs), err
	})
	op(s, api, "DELETE", "/sessions/{session_id}", "End one of your sessions", 0, func(ctx context.Context, w desk.Who, in *struct {
		ID string `path:"session_id"`
	},
	) (done, error) {
		if w.Scope != access.ScopeAll {
			return done{}, desk.ErrForbidden
		}
		return done{true}, d.EndSessionOf(ctx, w.Person, in.ID)
	})
	op(s, api, "GET", "/tokens", "Your tokens", 0, func(ctx context.Context, w desk.Who, _ *struct{}) (list[records.Token], error) {
		xs, err := d.Tokens(ctx, w.Person)
		return items(xs), err
	})
	op(s, api, "POST", "/tokens", "Make a token; its secret is told once", 201, func(ctx context.Context, w desk.Who, in *struct {
		Body struct {
			Label string `json:"label"`
			Scope string `json:"scope" enum:"read,submit,all"`
			Days  int    `json:"days" minimum:"1" maximum:"366"`
		}
	},
	) (tokenAnswer, error) {
		return s.newToken(ctx, w, in.Body.Label, access.Scope(in.Body.Scope), time.Duration(in.Body.Days)*24*time.Hour)
	})
	op(s, api, "DELETE", "/tokens/{token_id}", "End one of your tokens", 0, func(ctx context.Context, w desk.Who, in *struct {
		ID string `path:"token_id"`
	},
	) (done, error) {
		if w.Scope != access.ScopeAll {
			return done{}, desk.ErrForbidden
		}
		return done{true}, d.EndToken(ctx, w.Person, in.ID)
	})
	op(s, api, "GET", "/keys", "Signing keys of your party", 0, func(ctx context.Context, w desk.Who, _ *struct{}) (list[records.PartyKey], error) {
		xs, err := d.PartyKeys(ctx, w.Party)
		return items(xs), err
	})
	op(s, api, "POST", "/keys", "Register a signing key of your party (admins)", 201, func(ctx context.Context, w desk.Who, in *struct {
		Body struct {
			SPKI  []byte    `json:"spki" doc:"SubjectPublicKeyInfo of a P-256 key, DER in base64"`
			Until time.Time `json:"until"`
		}
	},
	) (idAnswer, error) {
		id, err := d.RegisterKey(ctx, w, in.Body.SPKI, in.Body.Until)
		return idAnswer{id}, err
	})
}

type partyAnswer struct {
	Party  records.Party  `json:"party"`
	Person records.Person `json:"person"`
	Link   string         `json:"link" doc:"One-time link, told once"`
}

type tokenAnswer struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
}

// ReleaseID is the path parameter of what is about a release.
type ReleaseID struct {
	ID string `path:"release_id"`
}

type leaveBody struct {
	Party string `json:"party" doc:"Name of the party"`
	Level string `json:"level" enum:"summary,verdict,evidence,source"`
	Scope string `json:"scope,omitempty" enum:"release,product" default:"release"`
	From  string `json:"from,omitempty" doc:"YYYY-MM-DD"`
	Until string `json:"until,omitempty" doc:"YYYY-MM-DD"`
}

func (l leaveBody) leave() desk.Leave {
	return desk.Leave{Party: l.Party, Level: l.Level, Product: l.Scope == "product", From: l.From, Until: l.Until}
}

type submitBody struct {
	Declaration string      `json:"declaration,omitempty" doc:"product.yaml"`
	Product     string      `json:"product,omitempty" doc:"Without a declaration"`
	Version     string      `json:"version,omitempty" doc:"Without a declaration"`
	Files       []fileBody  `json:"files,omitempty"`
	Schemes     []string    `json:"schemes,omitempty"`
	Embargo     string      `json:"embargo,omitempty" doc:"YYYY-MM-DD: until 00:00 UTC of that day only you, the lab and regulators see it"`
	Grants      []leaveBody `json:"grants,omitempty"`
	Envelope    []byte      `json:"envelope,omitempty" doc:"Your intent, signed with your party's key"`
}

type fileBody struct {
	Upload string `json:"upload_id"`
	Path   string `json:"path,omitempty" doc:"As the declaration names it"`
}

type submitAnswer struct {
	Release records.Release `json:"release"`
	Job     string          `json:"job_id"`
	Receipt string          `json:"receipt_id"`
	URL     string          `json:"url"`
}

// releaseView is a release with what it came to.
type releaseView struct {
	Release records.Release `json:"release"`
	Level   string          `json:"level"`
	Results []resultView    `json:"results"`
}

type resultView struct {
	Scheme  string         `json:"scheme"`
	Edition string         `json:"edition"`
	Counts  outline.Counts `json:"counts"`
}

func resultViews(rows []records.Result) []resultView {
	out := []resultView{}
	for _, x := range rows {
		var sc outline.Scheme
		if json.Unmarshal([]byte(x.Body), &sc) == nil {
			out = append(out, resultView{x.Scheme, x.Edition, sc.Counts})
		}
	}
	return out
}

func (s *Server) apiReleases(api huma.API) {
	d := s.Desk
	op(s, api, "POST", "/releases", "Hand a release in", 201, func(ctx context.Context, w desk.Who, in *struct {
		OnceKey
		Body submitBody
	},
	) (submitAnswer, error) {
		b := in.Body
		x := desk.Submission{Declaration: b.Declaration, Product: b.Product, Version: b.Version, Schemes: b.Schemes, Embargo: b.Embargo, Envelope: b.Envelope}
		for _, f := range b.Files {
			x.Files = append(x.Files, desk.SubmittedFile{Upload: f.Upload, Path: f.Path})
		}
		for _, g := range b.Grants {
			x.Grants = append(x.Grants, g.leave())
		}
		id, err := s.once(ctx, w, in.Key, "submit", func() (string, error) {
			r, _, err := d.Submit(ctx, w, x)
			if err != nil {
				return "", err
			}
			return r.ID, nil
		})
		if err != nil {
			return submitAnswer{}, err
		}
		return s.submitted(ctx, w, id)
	})
	op(s, api, "GET", "/releases", "Releases that you see", 0, func(ctx context.Context, w desk.Who, in *struct {
		Product string `query:"product_id"`
		After   int    `query:"after" minimum:"0"`
		Most    int    `query:"most" minimum:"1" maximum:"200" default:"50"`
	},
	) (list[releaseView], error) {
		rs, total, err := d.As(w.Viewer).Releases(ctx, in.Product, records.Page{After: in.After, Most: in.Most})
		if err != nil {
			return list[releaseView]{}, err
		}
		results, err := d.As(w.Viewer).Results(ctx, "")
		out := list[releaseView]{Items: []releaseView{}, Total: total}
		for _, r := range rs {
			var own []records.Result
			for _, x := range results {
				if x.Release == r.ID {
					own = append(own, x)
				}
			}
			out.Items = append(out.Items, releaseView{r, r.Level.String(), resultViews(own)})
		}
		return out, err
	})
	op(s, api, "GET", "/releases/{release_id}", "One of them", 0, func(ctx context.Context, w desk.Who, in *ReleaseID) (releaseView, error) {
		r, err := d.As(w.Viewer).Release(ctx, in.ID)
		if err != nil {
			return releaseView{}, err
		}
		results, err := d.As(w.Viewer).Results(ctx, in.ID)
		return releaseView{*r, r.Level.String(), resultViews(results)}, err
	})
	op(s, api, "POST", "/releases/{release_id}/withdraw", "Withdraw a release", 0, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		Body struct {
			Reason string `json:"reason"`
		}
	},
	) (done, error) {
		return done{true}, d.Withdraw(ctx, w, in.ID, in.Body.Reason)
	})
	op(s, api, "POST", "/releases/{release_id}/jobs", "Evaluate a release again", 201, func(ctx context.Context, w desk.Who, in *struct {
		ReleaseID
		OnceKey
	},
	) (idAnswer, error) {
		id, err := s.once(ctx, w, in.Key, "evaluate "+in.ID, func() (string, error) {
			j, err := d.Evaluate(ctx, w, in.ID)
			return j.ID, err
		})
		return idAnswer{id}, err
	})
	op(s, api, "GET", "/releases/{release_id}/jobs", "Evaluations of a release", 0, func(ctx context.Context, w desk.Who, in *ReleaseID) (list[records.Job], error) {
		if _, err := d.As(w.Viewer).Release(ctx, in.ID); err != nil {
			return list[records.Job]{}, err
		}
		xs, err := d.As(w.Viewer).Jobs(ctx, in.ID)
		return items(xs), err
	})
	op(s, api, "GET", "/jobs/{job_id}", "An evaluation; /jobs/{job_id}/events is its stream", 0, func(ctx context.Context, w desk.Who, in *struct {
		ID string `path:"job_id"`
	},
	) (records.Job, error) {
		return d.As(w.Viewer).Job(ctx, in.ID)
	})
	op(s, api, "POST", "/jobs/{job_id}/cancel", "Cancel an evaluation", 0, func(ctx context.Context, w desk.Who, in *struct {
		ID string `path:"job_id"`
	},
	) (done, error) {
		return done{true}, d.Cancel(ctx, w, in.ID)
	})
}

func (s *Server) submitted(ctx context.Context, w desk.Who, id string) (submitAnswer, error) {
	v := s.Desk.As(w.Viewer)
	r, err := v.Release(ctx, id)
	if err != nil {
		return submitAnswer{}, err
	}
	jobs, err := v.Jobs(ctx, id)
	if err != nil {
		return submitAnswer{}, err
	}
	receipts, err := v.Receipts(ctx, id)
	if err != nil {
		return submitAnswer{}, err
	}
	if len(jobs) == 0 || len(receipts) == 0 {
		return submitAnswer{}, errors.New("a release without a receipt")
	}
	return submitAnswer{*r, jobs[len(jobs)-1].ID, receipts[0].ID, s.site.Origin + "/releases/" + id}, nil
}

// newLink makes a one-time link for a person.
func (s *Server) newLink(ctx context.Context, person string) (string, error) {
	return NewLink(ctx, s.Desk.Records, s.site.Origin, records.Link{Person: person, Expires: time.Now().Add(linkLength)})
}

// linkLength is how long an invitation can be followed.
const linkLength = 7 * 24 * time.Hour

func (s *Server) newToken(ctx context.Context, w desk.Who, label string, scope access.Scope, during time.Duration) (tokenAnswer, error) {
	if callerOf(ctx).Scope != access.ScopeAll {
		return tokenAnswer{}, desk.ErrForbidden
	}
	if label == "" || len(label) > 200 || strings.ContainsFunc(label, func(r rune) bool { return r < ' ' }) {
		return tokenAnswer{}, &desk.InvalidError{Field: "label", Text: "is one line of at most 200 bytes"}
	}
	if during <= 0 || during > 366*24*time.Hour {
		return tokenAnswer{}, &desk.InvalidError{Field: "days", Text: "are 1 to 366"}
	}
	return NewToken(ctx, s.Desk.Records, w.Person, label, scope, during)
}

var _ = signin.Token
