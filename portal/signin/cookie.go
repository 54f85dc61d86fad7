package signin

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Cookie names a cookie of ours. By its prefix browsers take it over a secure connection only (or from localhost), for this host and all its
// paths; no other host of the domain can set it.
type Cookie string

// The cookies.
const (
	SessionCookie  Cookie = "__Host-probat"
	CeremonyCookie Cookie = "__Host-probat-ceremony" // the id of a passkey ceremony
	BrowserCookie  Cookie = "__Host-probat-browser"  // ties a sign-in at an identity provider to the browser that began it: NewBrowser
)

// Set sends the cookie, to be kept until a time given by how long from now. The answer is marked as not to be stored.
func (c Cookie) Set(w http.ResponseWriter, value string, keep time.Duration) {
	c.set(w, value, max(1, int(keep/time.Second)))
}

// Clear makes the browser forget the cookie.
func (c Cookie) Clear(w http.ResponseWriter) { c.set(w, "", -1) }

func (c Cookie) set(w http.ResponseWriter, value string, age int) {
	w.Header().Set("Cache-Control", "no-store")
	http.SetCookie(w, &http.Cookie{
		Name: string(c), Value: value, MaxAge: age,
		Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// Read returns the value, or "" if the request has none, or more than one: then somebody has put one beside ours.
func (c Cookie) Read(r *http.Request) string {
	found := r.CookiesNamed(string(c))
	if len(found) != 1 {
		return ""
	}
	return found[0].Value
}

// NewBrowser draws a value for BrowserCookie.
func NewBrowser() string { return random() }

// Sessions stores sessions.
type Sessions interface {
	// Replace ends the session with the digest old, if there is one, and begins another, in one transaction. old is nil if the browser sent none.
	Replace(ctx context.Context, old []byte, s NewSession) error
	// End ends the session with this digest; that there is none is no error.
	End(ctx context.Context, digest []byte) error
}

// NewSession is a session that begins.
type NewSession struct {
	Digest  []byte // SHA-256 of the cookie, 32 bytes
	Person  string // who signed in
	Method  string // how, in the caller's words: "passkey", "password", "link", "oidc"
	Begun   time.Time
	Expires time.Time
}

// Start signs a person in: it draws a new secret, has the session stored, and sets the cookie. The session that the browser had, whoever gave it to
// it, ends: so a cookie that was planted before is worth nothing afterwards. To be called at every sign-in and whenever somebody's rights grow.
func Start(ctx context.Context, w http.ResponseWriter, r *http.Request, store Sessions, person, method string, now time.Time, keep time.Duration) error {
	text, digest := NewSecret(Session)
	s := NewSession{Digest: digest, Person: person, Method: method, Begun: now, Expires: now.Add(keep)}
	if err := store.Replace(ctx, Presented(r), s); err != nil {
		return fmt.Errorf("starting a session: %w", err)
	}
	SessionCookie.Set(w, text, keep)
	return nil
}

// Stop signs out: the session ends, in the store first, and the browser forgets the cookie.
func Stop(ctx context.Context, w http.ResponseWriter, r *http.Request, store Sessions) error {
	if digest := Presented(r); digest != nil {
		if err := store.End(ctx, digest); err != nil {
			return fmt.Errorf("ending a session: %w", err)
		}
	}
	SessionCookie.Clear(w)
	return nil
}

// Presented is the digest of the session cookie that came with a request, to be looked up, or nil if none that is well-formed came.
func Presented(r *http.Request) []byte {
	digest, err := ParseSecret(Session, SessionCookie.Read(r))
	if err != nil {
		return nil
	}
	return digest
}
