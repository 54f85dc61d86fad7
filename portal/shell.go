package portal

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/portal/page"
	"github.com/probat-lab/probat/store/records"
)

// shell is what all pages of a reader have in common; at is the path of the current part of the navigation.
func (s *Server) shell(r *http.Request, title, at string) page.Shell {
	c := callerOf(r.Context())
	x := page.Shell{Title: title, Lab: s.Desk.Home.Name, Version: s.Version, Once: rand.Text(), Now: s.Desk.Lab.Now(), Query: r.URL.Query().Get("q")}
	if at != "/search" {
		x.Query = ""
	}
	nav := []page.Link{{Text: "Schemes", URL: "/schemes"}, {Text: "Register", URL: "/register"}, {Text: "Ledger", URL: "/ledger"}}
	if c.Known() {
		nav = append([]page.Link{{Text: "Products", URL: "/products"}}, nav...)
		nav = append(nav[:2:2], append([]page.Link{{Text: "Inbox", URL: "/inbox"}}, nav[2:]...)...)
		x.Who = &page.Who{Party: c.PartyName, Role: string(c.Role), Person: c.PersonName, Class: string(c.Class), URL: "/account"}
	}
	for i := range nav {
		nav[i].Current = nav[i].URL == at
	}
	x.Nav = nav
	if words := r.URL.Query().Get("done"); words != "" {
		if text, ok := notices[words]; ok {
			x.Notices = append(x.Notices, page.Notice{Kind: "done", Text: text})
		}
	}
	return x
}

// notices are what pages say after an act, by the word in their address: none comes from outside.
var notices = map[string]string{
	"granted": "The grant is in the ledger.", "ended": "It has ended.", "withdrawn": "The release is withdrawn.", "queued": "Queued.", "cancelled": "Cancelled.",
	"judged": "The judgement is in the ledger, and the dossier was judged anew.", "posted": "The message is in the ledger.", "accepted": "The acceptance is in the ledger; no verdict changes.",
	"assigned": "Assigned; the owner sees it.", "elevated": "You see the release now. Its owner sees that, and why.", "agreed": "You agreed. Another person has to agree before the credential is issued.",
	"published": "It is published as you chose.", "kept": "The evidence is kept.", "key": "The key is registered.", "provider": "The identity provider is set.", "connected": "Your identity is connected.", "brought": "Your dossier was read; where the lab came to something else is shown first.", "password": "The password is set.", "issued": "Two people agreed: the credential is issued.",
}

// show writes a page, whole or not at all.
func (s *Server) show(w http.ResponseWriter, r *http.Request, code int, c templ.Component) {
	var b bytes.Buffer
	if err := c.Render(r.Context(), &b); err != nil {
		s.Log.Error("rendering a page", "path", r.URL.Path, "error", err)
		http.Error(w, "something went wrong here", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(b.Bytes())
}

// pageFunc makes a page, or fails.
type pageFunc func(r *http.Request, c caller) (templ.Component, error)

// page mounts a page for those who have signed in; others are led to the sign-in and back.
func (s *Server) page(mux *http.ServeMux, pattern string, fn pageFunc) {
	mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
		c := callerOf(r.Context())
		if !c.Known() {
			http.Redirect(w, r, "/signin?next="+queryEscape(r.URL.RequestURI()), http.StatusSeeOther)
			return
		}
		p, err := fn(r, c)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		s.show(w, r, http.StatusOK, p)
	})
}

// public mounts a page for everybody.
func (s *Server) public(mux *http.ServeMux, pattern string, fn pageFunc) {
	mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
		p, err := fn(r, callerOf(r.Context()))
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		s.show(w, r, http.StatusOK, p)
	})
}

// maxForm bounds a posted form, in bytes; evidence comes with it.
const maxForm = 72 << 20

// act mounts what a form does: fn returns where to go afterwards. The form's hidden field makes it happen once.
func (s *Server) act(mux *http.ServeMux, pattern string, fn func(r *http.Request, c caller) (to string, err error)) {
	mux.HandleFunc("POST "+pattern, func(w http.ResponseWriter, r *http.Request) {
		c := callerOf(r.Context())
		if !c.Known() {
			http.Redirect(w, r, "/signin", http.StatusSeeOther)
			return
		}
		if err := s.form(w, r); err != nil {
			s.refuse(w, r, err)
			return
		}
		to, err := s.once(r.Context(), c.Who, r.PostFormValue("once"), r.URL.Path, func() (string, error) { return fn(r, c) })
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	})
}

func (s *Server) form(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	var err error
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		err = r.ParseMultipartForm(1 << 20)
	} else {
		err = r.ParseForm()
	}
	if err != nil {
		return &desk.InvalidError{Field: "form", Text: "cannot be read, or is too large"}
	}
	return nil
}

func queryEscape(s string) string {
	return strings.NewReplacer("%", "%25", "&", "%26", "+", "%2B", "#", "%23", "?", "%3F", "=", "%3D", " ", "%20").Replace(s)
}

// level says at what level a reader sees something, in words.
func level(r *records.Release) string { return r.Level.String() }

func day(t time.Time) string { return t.UTC().Format("2 Jan 2006") }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func isHomeAdmin(c caller) bool { return c.Home && c.Role == access.Admin }
