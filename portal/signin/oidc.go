package signin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Config is the identity provider of a party.
type Config struct {
	Issuer       string // https URL, exactly as the provider writes it
	ClientID     string
	ClientSecret string // "" for a public client
}

// Configs finds the identity provider of a party.
type Configs interface {
	// ConfigOf returns ErrUnknown for a party without provider.
	ConfigOf(ctx context.Context, party string) (Config, error)
}

// Identity is who a provider says it was. Who he is for us hangs on Party, Issuer and Subject together and on nothing else: two providers may claim
// the same subject, and any may claim any email. Email is a hint for matching an invitation of the same party, and only if EmailVerified.
type Identity struct {
	Party, Issuer, Subject string
	Email                  string // may be ""
	EmailVerified          bool
}

// OIDCConfig is what an OIDC works with.
type OIDCConfig struct {
	Site     Site
	Callback string // path of the redirect URI, "/signin/callback"; the same for all parties
	Configs  Configs
	Pending  Pending
	// Reach lists networks where providers may be besides public addresses: the operator's intranet; 127.0.0.0/8 for a demo.
	Reach []netip.Prefix
	Now   func() time.Time // nil: time.Now
}

// OIDC signs people in at the identity provider of their party: authorization code flow with PKCE, state and nonce. What it enforces:
//
//   - The attempt is bound to the browser that began it (a cookie), to five minutes and to one use. It remembers party, issuer and client; all must
//     still be the party's at the end, so that no provider signs in anybody of another party (mix-up). The parameter iss of the answer, if given, must be
//     the issuer; it must be given if the provider's metadata promise it (RFC 9207).
//   - The identity token: signed with an asymmetric algorithm by a key of the issuer; iss, aud, exp, nonce; azp where there is one or several
//     audiences; at_hash where there is one; not older than ten minutes nor from the future.
//   - Requests to providers: https only, or http to the machine itself; at most ten seconds and a megabyte; no redirects followed at all; no
//     proxy; never to loopback, private, link-local or otherwise special addresses that are not in Reach, checked after the name is resolved, at every
//     connection. So a party's admin cannot make the lab's server knock at the doors of its neighbours.
//   - The browser is sent to https URLs only (or loopback), of whatever host the metadata name.
//
// Metadata are fetched when first needed, kept an hour, and after a failure not fetched again for ten seconds. Methods may be called from several
// goroutines.
type OIDC struct {
	config    OIDCConfig
	client    *http.Client
	providers providers
}

// NewOIDC returns it without talking to anybody.
func NewOIDC(c OIDCConfig) *OIDC {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &OIDC{config: c, client: newClient(c.Reach), providers: providers{now: c.Now, all: map[string]*provider{}}}
}

// attempt is what is kept between the halves.
type attempt struct {
	Party    string `json:"party"`
	Issuer   string `json:"issuer"`
	Client   string `json:"client"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"` // of PKCE
	Browser  []byte `json:"browser"`  // SHA-256 of the cookie
}

// Begin returns the URL at the party's provider to send the browser to. browser is the value of its BrowserCookie, of NewBrowser. Errors: ErrUnknown,
// ErrProvider.
func (o *OIDC) Begin(ctx context.Context, party, browser string) (string, error) {
	if !canonical(browser) {
		return "", errors.New("beginning a sign-in: the browser has no cookie of NewBrowser")
	}
	c, err := o.config.Configs.ConfigOf(ctx, party)
	if err != nil {
		return "", fmt.Errorf("looking for the identity provider of %q: %w", party, err)
	}
	p, err := o.provider(ctx, c.Issuer)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(browser))
	a := attempt{Party: party, Issuer: c.Issuer, Client: c.ClientID, Nonce: random(), Verifier: oauth2.GenerateVerifier(), Browser: sum[:]}
	state, err := putPending(ctx, o.config.Pending, kindOIDC, a, o.config.Now())
	if err != nil {
		return "", err
	}
	return o.oauth(c, p).AuthCodeURL(state, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), nil
}

// Finish takes the query with which the provider sent the browser back, and the value of the browser's BrowserCookie. Errors: ErrNoCeremony,
// ErrDenied, ErrRefused, ErrProvider, ErrUnknown.
func (o *OIDC) Finish(ctx context.Context, browser string, query url.Values) (Identity, error) {
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(query[name]) > 1 {
			return Identity{}, refused("signing in", fmt.Errorf("%q is there %d times", name, len(query[name])))
		}
	}
	var a attempt
	if err := takePending(ctx, o.config.Pending, kindOIDC, query.Get("state"), &a); err != nil {
		return Identity{}, err
	}
	sum := sha256.Sum256([]byte(browser))
	if subtle.ConstantTimeCompare(sum[:], a.Browser) != 1 {
		return Identity{}, fmt.Errorf("%w: it was begun in another browser", ErrNoCeremony)
	}
	c, err := o.config.Configs.ConfigOf(ctx, a.Party)
	if err != nil {
		return Identity{}, fmt.Errorf("looking for the identity provider of %q: %w", a.Party, err)
	}
	if c.Issuer != a.Issuer || c.ClientID != a.Client {
		return Identity{}, fmt.Errorf("%w: the party has another provider now", ErrNoCeremony)
	}
	p, err := o.provider(ctx, c.Issuer)
	if err != nil {
		return Identity{}, err
	}
	if iss := query.Get("iss"); query.Has("iss") && iss != c.Issuer || !query.Has("iss") && p.sendsIss {
		return Identity{}, refused("signing in", fmt.Errorf("the answer is from issuer %q, not %q", iss, c.Issuer))
	}
	if code := query.Get("error"); code != "" {
		return Identity{}, fmt.Errorf("signing in: %w: %.60q", ErrDenied, code)
	}
	if query.Get("code") == "" {
		return Identity{}, refused("signing in", errors.New("the answer has no code"))
	}
	ctx = oidc.ClientContext(ctx, o.client)
	token, err := o.oauth(c, p).Exchange(ctx, query.Get("code"), oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return Identity{}, exchangeError(c.Issuer, err)
	}
	return o.identify(ctx, c, p, a, token)
}

// exchangeError leaves out the answer's body, which may hold what is nobody's business.
func exchangeError(issuer string, err error) error {
	var answer *oauth2.RetrieveError
	if errors.As(err, &answer) && answer.Response != nil {
		return refused("signing in", fmt.Errorf("redeeming the code at %q: status %d, error %.60q", issuer, answer.Response.StatusCode, answer.ErrorCode))
	}
	return fmt.Errorf("redeeming the code at %q: %w: %w", issuer, ErrProvider, err)
}

const (
	maxTokenAge = 10 * time.Minute
	clockSkew   = 2 * time.Minute
	maxSubject  = 255
	maxEmail    = 320
)

// algorithms of identity tokens: no symmetric ones, and no "none".
var algorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// identify checks the identity token.
func (o *OIDC) identify(ctx context.Context, c Config, p *provider, a attempt, token *oauth2.Token) (Identity, error) {
	const doing = "checking the identity token"
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return Identity{}, refused(doing, errors.New("there is none"))
	}
	t, err := p.oidc.Verifier(&oidc.Config{ClientID: c.ClientID, SupportedSigningAlgs: algorithms, Now: o.config.Now}).Verify(ctx, raw)
	if err != nil {
		return Identity{}, refused(doing, err)
	}
	var claims struct {
		AuthorizedParty string          `json:"azp"`
		Email           string          `json:"email"`
		EmailVerified   json.RawMessage `json:"email_verified"`
	}
	if err := t.Claims(&claims); err != nil {
		return Identity{}, refused(doing, err)
	}
	age := o.config.Now().Sub(t.IssuedAt)
	switch {
	case t.Issuer != c.Issuer:
		err = fmt.Errorf("it is from %q, not %q", t.Issuer, c.Issuer)
	case subtle.ConstantTimeCompare([]byte(t.Nonce), []byte(a.Nonce)) != 1:
		err = errors.New("it was made for another attempt")
	case claims.AuthorizedParty != c.ClientID && (claims.AuthorizedParty != "" || len(t.Audience) > 1):
		err = fmt.Errorf("it was made for client %q", claims.AuthorizedParty)
	case age > maxTokenAge || age < -clockSkew:
		err = fmt.Errorf("it was made %s ago", age.Round(time.Second))
	case t.Subject == "" || len(t.Subject) > maxSubject || !printable(t.Subject):
		err = errors.New("its subject is empty, too long, or not printable ASCII")
	case t.AccessTokenHash != "":
		err = t.VerifyAccessToken(token.AccessToken)
	}
	if err != nil {
		return Identity{}, refused(doing, err)
	}
	id := Identity{Party: a.Party, Issuer: c.Issuer, Subject: t.Subject}
	if len(claims.Email) <= maxEmail && strings.Contains(claims.Email, "@") && printable(claims.Email) {
		// Some providers write "true" as a string; only the boolean of the standard counts.
		id.Email, id.EmailVerified = claims.Email, string(claims.EmailVerified) == "true"
	}
	return id, nil
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

func (o *OIDC) oauth(c Config, p *provider) *oauth2.Config {
	endpoint := p.oidc.Endpoint()
	endpoint.AuthStyle = p.style
	if c.ClientSecret == "" {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, Endpoint: endpoint,
		RedirectURL: o.config.Site.Origin + o.config.Callback, Scopes: []string{oidc.ScopeOpenID, oidc.ScopeEmail},
	}
}
