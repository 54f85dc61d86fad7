package portal

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/portal/page"
	"github.com/probat-lab/probat/portal/signin"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/store/records"
)

// oidcCallback is where providers send people back to.
const oidcCallback = "/signin/callback"

// providers are the rows of identity providers, as OIDC wants them.
type providers struct{ d *desk.Desk }

func (x providers) ConfigOf(ctx context.Context, party string) (signin.Config, error) {
	p, err := x.d.Provider(ctx, party)
	if errors.Is(err, records.ErrNotFound) {
		return signin.Config{}, signin.ErrUnknown
	}
	if err != nil {
		return signin.Config{}, err
	}
	secret, err := x.d.Lab.Unseal(p.Sealed)
	return signin.Config{Issuer: p.Issuer, ClientID: p.Client, ClientSecret: string(secret)}, err
}

func (s *Server) oidcPages(mux *http.ServeMux) {
	s.public(mux, "/signin/provider", func(r *http.Request, _ caller) (templ.Component, error) { return s.providerPage(r, ""), nil })
	mux.HandleFunc("POST /signin/provider", func(w http.ResponseWriter, r *http.Request) {
		if err := s.form(w, r); err != nil {
			s.refuse(w, r, err)
			return
		}
		if err := s.throttle.Begin("", signin.ClientAddr(r)); err != nil {
			s.refuse(w, r, err)
			return
		}
		p, err := s.Desk.PartyByName(r.Context(), examine.Fold(r.PostFormValue("party")))
		if err == nil {
			err = s.toProvider(w, r, p.ID)
		}
		if errors.Is(err, records.ErrNotFound) || errors.Is(err, signin.ErrUnknown) {
			s.show(w, r, http.StatusNotFound, s.providerPage(r, "There is no identity provider for that name."))
			return
		}
		if err != nil {
			s.refuse(w, r, err)
		}
	})
	mux.HandleFunc("POST /account/identity", func(w http.ResponseWriter, r *http.Request) {
		c := callerOf(r.Context())
		if !c.Known() || c.Session == "" {
			s.refuse(w, r, desk.ErrForbidden)
			return
		}
		if err := s.toProvider(w, r, c.Viewer.Party); err != nil {
			s.refuse(w, r, err)
		}
	})
	mux.HandleFunc("GET "+oidcCallback, s.callback)
	s.act(mux, "/party/provider", func(r *http.Request, c caller) (string, error) {
		if !s.Desk.Policies.May(c.Viewer, access.Invite, access.Object{Owner: c.Viewer.Party}) {
			return "", desk.ErrForbidden
		}
		p := records.Provider{Party: c.Viewer.Party, Issuer: r.PostFormValue("issuer"), Client: r.PostFormValue("client")}
		if err := signin.CheckIssuer(p.Issuer); err != nil {
			return "", &desk.InvalidError{Field: "issuer", Text: "is no https URL of an identity provider"}
		}
		var err error
		secret := r.PostFormValue("secret")
		if have, getErr := s.Desk.Provider(r.Context(), p.Party); getErr == nil && secret == "" && have.Issuer == p.Issuer {
			p.Sealed = have.Sealed
		} else if p.Sealed, err = s.Desk.Lab.Seal([]byte(secret)); err != nil {
			return "", err
		}
		return "/party?done=provider", s.Desk.SetProvider(r.Context(), p)
	})
	s.act(mux, "/party/key", func(r *http.Request, c caller) (string, error) {
		block, _ := pem.Decode([]byte(r.PostFormValue("key")))
		if block == nil || block.Type != "PUBLIC KEY" {
			return "", &desk.InvalidError{Field: "key", Text: "is no PEM of a public key"}
		}
		until, err := time.Parse(time.DateOnly, r.PostFormValue("until"))
		if err != nil {
			return "", &desk.InvalidError{Field: "until", Text: "is a date like 2027-06-30"}
		}
		_, err = s.Desk.RegisterKey(r.Context(), c.Who, block.Bytes, until)
		return "/party?done=key", err
	})
}

func (s *Server) providerPage(r *http.Request, trouble string) templ.Component {
	return page.Table{
		Shell: s.shell(r, "Sign in by your party's identity provider", ""), Heading: "Sign in by your party's identity provider", Sub: "Nobody is shown a list of parties: type the name of yours.",
		Actions: []page.Form{{ID: "provider", Action: "/signin/provider", Submit: "Go on", Error: trouble, Fields: []page.Field{{Name: "party", Label: "Party", Required: true, Autocomplete: "organization"}}}},
	}.Page()
}

// toProvider leads the browser to a party's identity provider: by a link, since the content security policy lets no form lead elsewhere.
func (s *Server) toProvider(w http.ResponseWriter, r *http.Request, party string) error {
	browser := signin.NewBrowser()
	to, err := s.oidc.Begin(r.Context(), party, browser)
	if err != nil {
		return err
	}
	u, err := url.Parse(to)
	if err != nil {
		return err
	}
	signin.BrowserCookie.Set(w, browser, 5*time.Minute)
	s.show(w, r, http.StatusOK, page.Table{
		Shell: s.shell(r, "Go on to your identity provider", ""), Heading: "Go on to your identity provider", Sub: "Within five minutes, in this browser.",
		Facts: []page.Pair{{Name: "Sign in at", Value: u.Host, URL: to}},
	}.Page())
	return nil
}

// callback signs in whom a provider names. Somebody who has signed in already is connected with that identity, if it is of their own party.
func (s *Server) callback(w http.ResponseWriter, r *http.Request) {
	ctx, c := r.Context(), callerOf(r.Context())
	browser := signin.BrowserCookie.Read(r)
	signin.BrowserCookie.Clear(w)
	who, err := s.oidc.Finish(ctx, browser, r.URL.Query())
	if err != nil {
		s.refuse(w, r, errorOr(err, desk.ErrForbidden))
		return
	}
	p, err := s.Desk.PersonByIdentity(ctx, who.Party, who.Issuer, who.Subject)
	switch {
	case err == nil:
		s.start(w, r, p.ID, "oidc", "/")
	case !errors.Is(err, records.ErrNotFound):
		s.refuse(w, r, err)
	case c.Known() && c.Session != "" && c.Viewer.Party == who.Party && strings.TrimSpace(who.Subject) != "":
		if err := s.Desk.AddIdentity(ctx, who.Party, who.Issuer, who.Subject, c.Viewer.Person); err != nil {
			s.refuse(w, r, err)
			return
		}
		http.Redirect(w, r, "/account?done=connected", http.StatusSeeOther)
	default:
		s.show(w, r, http.StatusForbidden, s.signinPage(r, "", "Your provider vouches for you, and nobody here is connected with that identity yet: sign in by an invitation, and connect it on your account's page."))
	}
}
