package portal

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/portal/page"
	"github.com/probat-lab/probat/portal/signin"
	"github.com/probat-lab/probat/store/records"
)

func (s *Server) signinPages(mux *http.ServeMux) {
	s.public(mux, "/signin", func(r *http.Request, _ caller) (templ.Component, error) { return s.signinPage(r, "", ""), nil })
	mux.HandleFunc("POST /signin", s.password)
	mux.HandleFunc("POST /signout", func(w http.ResponseWriter, r *http.Request) {
		if err := signin.Stop(r.Context(), w, r, sessions{s.Desk.Records}); err != nil {
			s.refuse(w, r, err)
			return
		}
		http.Redirect(w, r, "/signin", http.StatusSeeOther)
	})
	mux.HandleFunc("POST /signin/passkey/begin", s.passkeyBegin)
	mux.HandleFunc("POST /signin/passkey/finish", s.passkeyFinish)
	mux.HandleFunc("GET /link/{secret}", s.linkPage)
	mux.HandleFunc("POST /link", s.follow)
	s.page(mux, "/account", s.account)
	s.act(mux, "/account/password", func(r *http.Request, c caller) (string, error) {
		phc, err := s.passwords.Hash(r.Context(), r.PostFormValue("password"))
		if err != nil {
			return "", err
		}
		return "/account?done=password", s.Desk.SetPassword(r.Context(), c.Viewer.Person, phc)
	})
	mux.HandleFunc("POST /account/tokens", s.tokenMade)
	s.act(mux, "/account/tokens/{id}/end", func(r *http.Request, c caller) (string, error) {
		return "/account?done=ended", s.Desk.EndToken(r.Context(), c.Viewer.Person, r.PathValue("id"))
	})
	s.act(mux, "/account/sessions/{id}/end", func(r *http.Request, c caller) (string, error) {
		return "/account?done=ended", s.Desk.EndSessionOf(r.Context(), c.Viewer.Person, r.PathValue("id"))
	})
	mux.HandleFunc("POST /account/passkey/begin", s.registerBegin)
	mux.HandleFunc("POST /account/passkey/finish", s.registerFinish)
	s.page(mux, "/party", func(r *http.Request, c caller) (templ.Component, error) { return s.partyPage(r, c, nil) })
	s.oidcPages(mux)
	mux.HandleFunc("POST /party/invite", s.invited)
	s.act(mux, "/party/people/{id}/end", func(r *http.Request, c caller) (string, error) {
		return "/party?done=ended", s.Desk.End(r.Context(), c.Who, r.PathValue("id"))
	})
	mux.HandleFunc("POST /party/new", s.broughtIn)
}

func (s *Server) signinPage(r *http.Request, login, trouble string) templ.Component {
	return page.SignIn{
		Shell: s.shell(r, "Sign in", ""), Error: trouble, Login: login, Next: signin.Local(r.URL.Query().Get("next")), Action: "/signin",
		Begin: "/signin/passkey/begin", Finish: "/signin/passkey/finish", Providers: []page.Link{{Text: "your party", URL: "/signin/provider"}},
	}.Page()
}

// password signs in by password, under the login that the account page shows.
func (s *Server) password(w http.ResponseWriter, r *http.Request) {
	if err := s.form(w, r); err != nil {
		s.refuse(w, r, err)
		return
	}
	ctx, login, addr := r.Context(), strings.ToLower(strings.TrimSpace(r.PostFormValue("login"))), signin.ClientAddr(r)
	if err := s.throttle.Begin(login, addr); err != nil {
		s.refuse(w, r, err)
		return
	}
	p, err := s.Desk.PersonByLogin(ctx, login)
	if err != nil && !errors.Is(err, records.ErrNotFound) {
		s.refuse(w, r, err)
		return
	}
	if _, err := s.passwords.Check(ctx, p.Password, r.PostFormValue("password")); err != nil {
		if errors.Is(err, signin.ErrRefused) {
			s.show(w, r, http.StatusForbidden, s.signinPage(r, login, "That is not right."))
			return
		}
		s.refuse(w, r, err)
		return
	}
	s.throttle.Succeeded(login, addr)
	s.start(w, r, p.ID, "password", r.PostFormValue("next"))
}

func (s *Server) start(w http.ResponseWriter, r *http.Request, person, method, next string) {
	if err := signin.Start(r.Context(), w, r, sessions{s.Desk.Records}, person, method, time.Now(), sessionLength); err != nil {
		s.refuse(w, r, err)
		return
	}
	http.Redirect(w, r, signin.Local(next), http.StatusSeeOther)
}

// linkPage shows what a one-time link would do; looking at it does nothing, since mail programs look too.
func (s *Server) linkPage(w http.ResponseWriter, r *http.Request) {
	v := page.OneTime{Shell: s.shell(r, "Sign in", ""), Action: "/link", Hidden: []page.Pair{{Name: "link", Value: r.PathValue("secret")}}}
	p, party, l, err := s.linked(r, r.PathValue("secret"))
	code := http.StatusOK
	switch {
	case errors.Is(err, records.ErrNotFound):
		v.Error, code = "This link was used, has ended, or never was.", http.StatusNotFound
	case err != nil:
		s.refuse(w, r, err)
		return
	default:
		v.Person, v.Party, v.Role, v.Expires = p.Name, party.Name, string(p.Role), l.Expires
	}
	s.show(w, r, code, v.Page())
}

func (s *Server) linked(r *http.Request, secret string) (p records.Person, y records.Party, l records.Link, err error) {
	digest, err := signin.ParseSecret(signin.Link, secret)
	if err != nil {
		return p, y, l, records.ErrNotFound
	}
	if l, err = s.Desk.Link(r.Context(), digest, time.Now()); err != nil {
		return p, y, l, err
	}
	if p, err = s.Desk.Person(r.Context(), l.Person); err != nil {
		return p, y, l, err
	}
	y, err = s.Desk.Party(r.Context(), p.PartyID)
	return p, y, l, err
}

// follow consumes a one-time link.
func (s *Server) follow(w http.ResponseWriter, r *http.Request) {
	if err := s.form(w, r); err != nil {
		s.refuse(w, r, err)
		return
	}
	digest, err := signin.ParseSecret(signin.Link, r.PostFormValue("link"))
	if err != nil {
		s.refuse(w, r, records.ErrNotFound)
		return
	}
	person, err := s.Desk.UseLink(r.Context(), digest, time.Now())
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.start(w, r, person, "link", "/")
}

func (s *Server) passkeyBegin(w http.ResponseWriter, r *http.Request) {
	if err := s.throttle.Begin("", signin.ClientAddr(r)); err != nil {
		s.refuse(w, r, err)
		return
	}
	options, id, err := s.passkeys.BeginLogin(r.Context())
	s.ceremony(w, r, options, id, err)
}

func (s *Server) ceremony(w http.ResponseWriter, r *http.Request, options []byte, id string, err error) {
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	signin.CeremonyCookie.Set(w, id, 5*time.Minute)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(options)
}

// maxCeremony bounds what a browser answers, in bytes.
const maxCeremony = 64 << 10

func (s *Server) answer(w http.ResponseWriter, r *http.Request) (id string, response []byte, err error) {
	id = signin.CeremonyCookie.Read(r)
	signin.CeremonyCookie.Clear(w)
	response, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxCeremony))
	return id, response, err
}

func (s *Server) passkeyFinish(w http.ResponseWriter, r *http.Request) {
	id, response, err := s.answer(w, r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	who, _, err := s.passkeys.FinishLogin(r.Context(), id, response)
	if err != nil {
		s.refuse(w, r, errorOr(err, desk.ErrForbidden))
		return
	}
	p, err := s.Desk.PersonByHandle(r.Context(), who.Handle)
	if err == nil {
		err = signin.Start(r.Context(), w, r, sessions{s.Desk.Records}, p.ID, "passkey", time.Now(), sessionLength)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	_ = writeJSON(w, map[string]string{"location": "/"})
}

// errorOr makes what signin refuses ours, and leaves other errors.
func errorOr(err, ours error) error {
	if errors.Is(err, signin.ErrRefused) || errors.Is(err, signin.ErrNoCeremony) {
		return ours
	}
	return err
}

func (s *Server) registerBegin(w http.ResponseWriter, r *http.Request) {
	c := callerOf(r.Context())
	if !c.Known() {
		s.refuse(w, r, desk.ErrForbidden)
		return
	}
	p, err := people{s.Desk.Records}.person(r.Context(), c.Signed.Person)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	options, id, err := s.passkeys.BeginRegister(r.Context(), p)
	s.ceremony(w, r, options, id, err)
}

func (s *Server) registerFinish(w http.ResponseWriter, r *http.Request) {
	c := callerOf(r.Context())
	id, response, err := s.answer(w, r)
	if err != nil || !c.Known() {
		s.refuse(w, r, errors.Join(err, desk.ErrForbidden))
		return
	}
	p, err := people{s.Desk.Records}.person(r.Context(), c.Signed.Person)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	key, err := s.passkeys.FinishRegister(r.Context(), p, id, response)
	if err != nil {
		s.refuse(w, r, errorOr(err, desk.ErrForbidden))
		return
	}
	b, err := json.Marshal(key)
	if err == nil {
		err = s.Desk.AddPasskey(r.Context(), records.Passkey{ID: key.ID, Person: c.Viewer.Person, Counter: key.Counter, BackedUp: key.BackedUp, Body: b}, time.Now())
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	_ = writeJSON(w, map[string]string{"location": "/account"})
}

func (s *Server) account(r *http.Request, c caller) (templ.Component, error) {
	return s.accountPage(r, c, nil)
}

func (s *Server) accountPage(r *http.Request, c caller, secret *page.Secret) (templ.Component, error) {
	ctx, person := r.Context(), c.Viewer.Person
	v := page.Account{Shell: s.shell(r, "Your account", ""), Login: c.Signed.Person.Login, Secret: secret, Begin: "/account/passkey/begin", Finish: "/account/passkey/finish"}
	open, err := s.Desk.Sessions(ctx, person, time.Now())
	if err != nil {
		return nil, err
	}
	for _, x := range open {
		end := page.Form{ID: "end-session-" + x.ID, Action: "/account/sessions/" + x.ID + "/end", Submit: "End"}
		v.Sessions = append(v.Sessions, page.Session{How: x.Method, Begun: x.Begun, Current: x.ID == c.Session, End: &end})
	}
	tokens, err := s.Desk.Tokens(ctx, person)
	if err != nil {
		return nil, err
	}
	for _, x := range tokens {
		end := page.Form{ID: "end-token-" + x.ID, Action: "/account/tokens/" + x.ID + "/end", Submit: "End"}
		v.Tokens = append(v.Tokens, page.Token{Name: x.Label, Scope: string(x.Scope), Made: x.Created, Ends: x.Expires, End: &end})
	}
	keys, err := s.Desk.Passkeys(ctx, person)
	if err != nil {
		return nil, err
	}
	for range keys {
		v.Passkeys = append(v.Passkeys, page.Passkey{Name: "Passkey"})
	}
	if _, err := s.Desk.Provider(ctx, c.Viewer.Party); err == nil {
		v.Forms = append(v.Forms, page.Form{
			ID: "identity", Title: "Sign in by your party's identity provider", Action: "/account/identity", Folded: true, Submit: "Connect", Intro: "You sign in there once now; from then on that is you.",
		})
	}
	v.Forms = append(v.Forms, []page.Form{
		{ID: "password", Title: "Set a password", Action: "/account/password", Folded: true, Submit: "Set it", Fields: []page.Field{
			{Name: "password", Label: "New password", Kind: "password", Required: true, Autocomplete: "new-password", Help: "At least 12 characters. To sign in with it, your login is " + c.Signed.Person.Login + "."},
		}},
		page.TokenForm("/account/tokens", []page.Option{{Value: "read", Label: "look"}, {Value: "submit", Label: "look and hand in releases", Chosen: true}, {Value: "all", Label: "all that you may"}}),
	}...)
	return v.Page(), nil
}

// tokenMade shows a new token, once: so it is no redirect.
func (s *Server) tokenMade(w http.ResponseWriter, r *http.Request) {
	c := callerOf(r.Context())
	s.secret(w, r, func() (templ.Component, error) {
		days := map[string]int{"30": 30, "90": 90, "365": 365}[r.PostFormValue("days")]
		if days == 0 {
			days = 90
		}
		t, err := s.newToken(r.Context(), c.Who, r.PostFormValue("name"), access.Scope(r.PostFormValue("scope")), time.Duration(days)*24*time.Hour)
		if err != nil {
			return nil, err
		}
		return s.accountPage(r, c, &page.Secret{Words: "Your new token. It is shown only now.", Value: t.Secret})
	})
}

// secret answers a form with a page that shows something once.
func (s *Server) secret(w http.ResponseWriter, r *http.Request, fn func() (templ.Component, error)) {
	if !callerOf(r.Context()).Known() {
		http.Redirect(w, r, "/signin", http.StatusSeeOther)
		return
	}
	if err := s.form(w, r); err != nil {
		s.refuse(w, r, err)
		return
	}
	p, err := fn()
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.show(w, r, http.StatusOK, p)
}

func (s *Server) partyPage(r *http.Request, c caller, secret *page.Secret) (templ.Component, error) {
	members, err := s.Desk.People(r.Context(), c.Viewer.Party)
	if err != nil {
		return nil, err
	}
	v := page.Party{Shell: s.shell(r, c.PartyName, ""), Name: c.PartyName, Class: string(c.Class), Secret: secret}
	for _, m := range members {
		x := page.Member{Name: m.Name, Login: m.Login, Role: string(m.Role), Since: m.Created, You: m.ID == c.Viewer.Person}
		if c.Role == access.Admin && !x.You {
			x.Actions = []page.Form{{ID: "end-" + m.ID, Action: "/party/people/" + m.ID + "/end", Submit: "End", Danger: true}}
		}
		v.Members = append(v.Members, x)
	}
	keys, err := s.Desk.PartyKeys(r.Context(), c.Viewer.Party)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		v.Keys = append(v.Keys, page.Key{Fingerprint: k.ID, From: k.From, Until: k.Until})
	}
	if c.Role == access.Admin {
		have, err := s.Desk.Provider(r.Context(), c.Viewer.Party)
		if err != nil && !errors.Is(err, records.ErrNotFound) {
			return nil, err
		}
		v.Actions = append(v.Actions, page.InviteForm("/party/invite"), page.KeyForm("/party/key"), page.ProviderForm("/party/provider", have.Issuer, have.Client))
	}
	if isHomeAdmin(c) {
		v.Actions = append(v.Actions, page.PartyForm("/party/new"))
	}
	return v.Page(), nil
}

func (s *Server) invited(w http.ResponseWriter, r *http.Request) {
	c := callerOf(r.Context())
	s.secret(w, r, func() (templ.Component, error) {
		p, err := s.Desk.Invite(r.Context(), c.Who, r.PostFormValue("name"), access.Role(r.PostFormValue("role")))
		if err != nil {
			return nil, err
		}
		link, err := s.newLink(r.Context(), p.ID)
		if err != nil {
			return nil, err
		}
		return s.partyPage(r, c, &page.Secret{Words: "A one-time link for " + p.Name + ". It is shown only now, and works for seven days.", Value: link})
	})
}

func (s *Server) broughtIn(w http.ResponseWriter, r *http.Request) {
	c := callerOf(r.Context())
	s.secret(w, r, func() (templ.Component, error) {
		y, p, err := s.Desk.BringIn(r.Context(), c.Who, access.Class(r.PostFormValue("class")), r.PostFormValue("name"), r.PostFormValue("admin"))
		if err != nil {
			return nil, err
		}
		link, err := s.newLink(r.Context(), p.ID)
		if err != nil {
			return nil, err
		}
		return s.partyPage(r, c, &page.Secret{Words: "A one-time link for " + p.Name + " of " + y.Name + ". It is shown only now, and works for seven days.", Value: link})
	})
}
