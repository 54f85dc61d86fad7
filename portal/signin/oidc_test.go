package signin

import (
	"crypto"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// acme is a party with a provider.
func acme(t *testing.T, key crypto.Signer) (*OIDC, *idp, *clock, configs) {
	t.Helper()
	c := newClock()
	p := newIDP(t, c.now, key)
	all := configs{"acme": {p.URL, "probat", "s3cret"}}
	return newOIDC(t, c, all, loopback), p, c, all
}

func TestOIDC(t *testing.T) {
	for name, key := range map[string]crypto.Signer{"RS256": newRSA(t), "ES256": newEC(t)} {
		t.Run(name, func(t *testing.T) {
			o, p, c, _ := acme(t, key)
			browser := NewBrowser()
			for range 2 {
				to, err := o.Begin(t.Context(), "acme", browser)
				if err != nil {
					t.Fatal(err)
				}
				back := p.authorize(t, to)
				id, err := o.Finish(t.Context(), browser, back)
				if want := (Identity{"acme", p.URL, "u-17", "ann@acme.example", true}); err != nil || id != want {
					t.Fatalf("got %+v, %v; want %+v", id, err, want)
				}
				if _, err := o.Finish(t.Context(), browser, back); !errors.Is(err, ErrNoCeremony) {
					t.Errorf("replayed: %v", err)
				}
			}
			if n := p.asked.Load(); n != 1 {
				t.Errorf("asked %d times for metadata, want once", n)
			}
			c.advance(time.Hour)
			if _, err := o.Begin(t.Context(), "acme", browser); err != nil || p.asked.Load() != 2 {
				t.Errorf("an hour later: %v, asked %d times", err, p.asked.Load())
			}
		})
	}
}

// attempt runs one sign-in; change may bend the way back.
func (p *idp) attempt(t *testing.T, o *OIDC, change func(url.Values)) (Identity, error) {
	t.Helper()
	browser := NewBrowser()
	to, err := o.Begin(t.Context(), "acme", browser)
	if err != nil {
		return Identity{}, err
	}
	back := p.authorize(t, to)
	if change != nil {
		change(back)
	}
	return o.Finish(t.Context(), browser, back)
}

func TestOIDCToken(t *testing.T) {
	rsaKey, ecKey := newRSA(t), newEC(t)
	hash := sha256.Sum256([]byte("at"))
	set := func(name string, v any) func(*idp) {
		return func(p *idp) {
			p.claims = func(m map[string]any) {
				if m[name] = v; v == nil {
					delete(m, name)
				}
			}
		}
	}
	at := func(name string, d time.Duration) func(*idp) {
		return func(p *idp) { p.claims = func(m map[string]any) { m[name] = p.now().Add(d).Unix() } }
	}
	for name, tc := range map[string]struct {
		bend func(*idp)
		ok   bool
	}{
		"nothing":  {func(*idp) {}, true},
		"nonce":    {set("nonce", "other"), false},
		"no nonce": {set("nonce", nil), false},
		"aud":      {set("aud", "another"), false},
		"no aud":   {set("aud", nil), false},
		"two aud":  {set("aud", []string{"probat", "another"}), false},
		"two aud, azp": {func(p *idp) {
			p.claims = func(m map[string]any) { m["aud"], m["azp"] = []string{"x", "probat"}, "probat" }
		}, true},
		"azp":               {set("azp", "another"), false},
		"iss":               {set("iss", "https://evil.example"), false},
		"iss with slash":    {func(p *idp) { p.claims = func(m map[string]any) { m["iss"] = p.URL + "/" } }, false},
		"expired":           {at("exp", -time.Second), false},
		"no exp":            {set("exp", nil), false},
		"not yet":           {at("nbf", time.Hour), false},
		"old":               {at("iat", -11*time.Minute), false},
		"from the future":   {at("iat", 3*time.Minute), false},
		"a little skew":     {at("iat", time.Minute), true},
		"no iat":            {set("iat", nil), false},
		"no sub":            {set("sub", nil), false},
		"sub of lines":      {set("sub", "a\nb"), false},
		"long sub":          {set("sub", strings.Repeat("x", 256)), false},
		"at_hash":           {set("at_hash", b64(hash[:16])), true},
		"wrong at_hash":     {set("at_hash", b64(hash[16:])), false},
		"alg none":          {func(p *idp) { p.alg = "none" }, false},
		"alg HS256":         {func(p *idp) { p.alg = "HS256" }, false},
		"another algorithm": {func(p *idp) { p.alg = "ES256" }, false},
		"another's key":     {func(p *idp) { p.shown = newRSA(t) }, false},
		"another kind":      {func(p *idp) { p.shown = ecKey }, false},
		"no token": {func(p *idp) {
			p.token = func(w http.ResponseWriter) bool {
				p.write(w, map[string]string{"access_token": "at", "token_type": "Bearer"})
				return true
			}
		}, false},
	} {
		o, p, _, _ := acme(t, rsaKey)
		tc.bend(p)
		id, err := p.attempt(t, o, nil)
		if tc.ok != (err == nil) || (err != nil && !errors.Is(err, ErrRefused)) || (err != nil && id != Identity{}) {
			t.Errorf("%s: got %+v, %v", name, id, err)
		}
	}
}

func TestOIDCEmail(t *testing.T) {
	for _, tc := range []struct {
		email, verified any
		want            string
		ok              bool
	}{
		{"a@b.example", true, "a@b.example", true},
		{"a@b.example", false, "a@b.example", false},
		{"a@b.example", "true", "a@b.example", false},
		{"a@b.example", nil, "a@b.example", false},
		{"a@b.example", 1, "a@b.example", false},
		{"", true, "", false},
		{"no address", true, "", false},
		{"a@b.example\r\nBcc: x", true, "", false},
		{strings.Repeat("x", 400) + "@b.example", true, "", false},
	} {
		o, p, _, _ := acme(t, newEC(t))
		p.claims = func(m map[string]any) { m["email"], m["email_verified"] = tc.email, tc.verified }
		id, err := p.attempt(t, o, nil)
		if err != nil || id.Email != tc.want || id.EmailVerified != tc.ok {
			t.Errorf("%q, %v: got %q, %v, %v", tc.email, tc.verified, id.Email, id.EmailVerified, err)
		}
	}
}

func TestOIDCWayBack(t *testing.T) {
	key := newEC(t)
	for name, tc := range map[string]struct {
		change func(url.Values)
		want   error
	}{
		"as it is":    {nil, nil},
		"no state":    {func(q url.Values) { q.Del("state") }, ErrNoCeremony},
		"other state": {func(q url.Values) { q.Set("state", random()) }, ErrNoCeremony},
		"two states":  {func(q url.Values) { q.Add("state", "x") }, ErrRefused},
		"two codes":   {func(q url.Values) { q.Add("code", "x") }, ErrRefused},
		"no code":     {func(q url.Values) { q.Del("code") }, ErrRefused},
		"other code":  {func(q url.Values) { q.Set("code", "x") }, ErrRefused},
		"other iss":   {func(q url.Values) { q.Set("iss", "https://evil.example") }, ErrRefused},
		"empty iss":   {func(q url.Values) { q.Set("iss", "") }, ErrRefused},
		"denied":      {func(q url.Values) { q.Set("error", "access_denied\n"+strings.Repeat("x", 900)) }, ErrDenied},
	} {
		o, p, _, _ := acme(t, key)
		_, err := p.attempt(t, o, tc.change)
		if !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", name, err, tc.want)
		}
		if err != nil && (len(err.Error()) > 300 || strings.Contains(err.Error(), "private") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: the error says %q", name, err)
		}
	}
	o, p, _, _ := acme(t, key)
	p.meta = func(m map[string]any) { m["authorization_response_iss_parameter_supported"] = true }
	if _, err := p.attempt(t, o, nil); !errors.Is(err, ErrRefused) || p.tokens.Load() != 0 {
		t.Errorf("without the promised iss: %v; %d codes redeemed", err, p.tokens.Load())
	}
	if _, err := p.attempt(t, o, func(q url.Values) { q.Set("iss", p.URL) }); err != nil {
		t.Errorf("with the promised iss: %v", err)
	}
}

func TestOIDCBrowser(t *testing.T) {
	o, p, c, all := acme(t, newEC(t))
	mine, theirs := NewBrowser(), NewBrowser()
	begin := func() url.Values {
		to, err := o.Begin(t.Context(), "acme", mine)
		if err != nil {
			t.Fatal(err)
		}
		return p.authorize(t, to)
	}
	for _, other := range []string{theirs, ""} {
		if _, err := o.Finish(t.Context(), other, begin()); !errors.Is(err, ErrNoCeremony) {
			t.Errorf("in browser %q: %v", other, err)
		}
	}
	back := begin()
	c.advance(5 * time.Minute)
	if _, err := o.Finish(t.Context(), mine, back); !errors.Is(err, ErrNoCeremony) {
		t.Errorf("too late: %v", err)
	}
	back = begin()
	all["acme"] = Config{"https://other.example", "probat", "s3cret"}
	if _, err := o.Finish(t.Context(), mine, back); !errors.Is(err, ErrNoCeremony) {
		t.Errorf("with another provider since: %v", err)
	}
	delete(all, "acme")
	if _, err := o.Begin(t.Context(), "acme", mine); !errors.Is(err, ErrUnknown) {
		t.Errorf("a party without provider: %v", err)
	}
	if _, err := o.Begin(t.Context(), "acme", "guess"); err == nil {
		t.Error("a guessable cookie is accepted")
	}
	if p.tokens.Load() != 0 {
		t.Error("a code was redeemed")
	}
}

// TestOIDCMixUp: the provider of one party cannot sign in anybody of another, whatever it claims.
func TestOIDCMixUp(t *testing.T) {
	o, p, c, all := acme(t, newRSA(t))
	evil := newIDP(t, c.now, newRSA(t))
	all["rival"] = Config{evil.URL, "probat", "s3cret"}

	// It claims the same subject and email: another identity.
	browser := NewBrowser()
	to, err := o.Begin(t.Context(), "rival", browser)
	if err != nil {
		t.Fatal(err)
	}
	id, err := o.Finish(t.Context(), browser, evil.authorize(t, to))
	if err != nil || id.Party != "rival" || id.Issuer != evil.URL || id.Subject != "u-17" {
		t.Errorf("got %+v, %v", id, err)
	}
	// It claims to be the other issuer, with its own key.
	evil.claims = func(m map[string]any) { m["iss"] = p.URL }
	to, _ = o.Begin(t.Context(), "rival", browser)
	if _, err := o.Finish(t.Context(), browser, evil.authorize(t, to)); !errors.Is(err, ErrRefused) {
		t.Errorf("claiming the other issuer: %v", err)
	}
	// Its metadata claim to be the other issuer.
	evil.meta = func(m map[string]any) { m["issuer"] = p.URL }
	c.advance(time.Hour)
	if _, err := o.Begin(t.Context(), "rival", browser); !errors.Is(err, ErrProvider) {
		t.Errorf("metadata of the other issuer: %v", err)
	}
	// It sends the browser on to the honest provider's page, to get the honest provider's code redeemed at its own token endpoint: iss tells.
	evil.meta = func(m map[string]any) { m["authorization_endpoint"] = p.URL + "/authorize" }
	evil.claims = nil
	c.advance(time.Hour)
	to, err = o.Begin(t.Context(), "rival", browser)
	if err != nil {
		t.Fatal(err)
	}
	back := p.authorize(t, to)
	back.Set("iss", p.URL)
	before := evil.tokens.Load()
	if _, err := o.Finish(t.Context(), browser, back); !errors.Is(err, ErrRefused) || evil.tokens.Load() != before {
		t.Errorf("a code of the honest provider: %v; redeemed at the other: %v", err, evil.tokens.Load() != before)
	}
	// An honest token, handed on by the other's token endpoint.
	var honest string
	to, _ = o.Begin(t.Context(), "rival", browser)
	u, _ := url.Parse(to)
	honest = p.jwt(map[string]any{
		"iss": p.URL, "aud": "probat", "sub": "u-17", "nonce": u.Query().Get("nonce"), "iat": c.now().Unix(), "exp": c.now().Add(time.Minute).Unix(),
	})
	evil.token = func(w http.ResponseWriter) bool {
		evil.write(w, map[string]string{"access_token": "at", "token_type": "Bearer", "id_token": honest})
		return true
	}
	if _, err := o.Finish(t.Context(), browser, url.Values{"state": {u.Query().Get("state")}, "code": {"x"}}); !errors.Is(err, ErrRefused) {
		t.Errorf("an honest token through the other provider: %v", err)
	}
}

func TestOIDCMetadata(t *testing.T) {
	for name, meta := range map[string]func(map[string]any){
		"issuer":           func(m map[string]any) { m["issuer"] = "https://evil.example" },
		"plain http":       func(m map[string]any) { m["token_endpoint"] = "http://evil.example/token" },
		"no keys":          func(m map[string]any) { delete(m, "jwks_uri") },
		"script":           func(m map[string]any) { m["authorization_endpoint"] = "javascript:alert(1)" },
		"file":             func(m map[string]any) { m["jwks_uri"] = "file:///etc/passwd" },
		"user":             func(m map[string]any) { m["token_endpoint"] = "https://a:b@evil.example/token" },
		"plain PKCE":       func(m map[string]any) { m["code_challenge_methods_supported"] = []string{"plain"} },
		"a megabyte":       func(m map[string]any) { m["x"] = strings.Repeat("x", maxProviderBody) },
		"no authorization": func(m map[string]any) { m["authorization_endpoint"] = "" },
	} {
		o, p, c, _ := acme(t, newEC(t))
		p.meta = meta
		if _, err := p.attempt(t, o, nil); !errors.Is(err, ErrProvider) || len(err.Error()) > 600 {
			t.Errorf("%s: got %.700v, want ErrProvider", name, err)
		}
		p.meta = nil
		if _, err := p.attempt(t, o, nil); !errors.Is(err, ErrProvider) || p.asked.Load() != 1 {
			t.Errorf("%s, at once again: %v; asked %d times", name, err, p.asked.Load())
		}
		c.advance(failureAge)
		if _, err := p.attempt(t, o, nil); err != nil {
			t.Errorf("%s, put right: %v", name, err)
		}
	}
}

func TestOIDCRedirect(t *testing.T) {
	o, p, _, _ := acme(t, newEC(t))
	p.token = func(w http.ResponseWriter) bool {
		w.Header().Set("Location", p.URL+"/.well-known/openid-configuration")
		w.WriteHeader(http.StatusFound)
		return true
	}
	if _, err := p.attempt(t, o, nil); !errors.Is(err, ErrProvider) || p.asked.Load() != 1 {
		t.Errorf("got %v; the redirect was followed: %v", err, p.asked.Load() != 1)
	}
}

func TestOIDCNotReachable(t *testing.T) {
	c := newClock()
	p := newIDP(t, c.now, newEC(t))
	for _, reach := range [][]netip.Prefix{nil, {netip.MustParsePrefix("10.0.0.0/8")}} {
		for _, issuer := range []string{p.URL, strings.Replace(p.URL, "127.0.0.1", "localhost", 1), strings.Replace(p.URL, "http:", "https:", 1)} {
			o := newOIDC(t, c, configs{"acme": {issuer, "probat", "s3cret"}}, reach)
			if _, err := o.Begin(t.Context(), "acme", NewBrowser()); !errors.Is(err, ErrProvider) || !strings.Contains(err.Error(), "not allowed") {
				t.Errorf("%s with %v: %v", issuer, reach, err)
			}
		}
	}
	if p.asked.Load() != 0 {
		t.Error("it was asked all the same")
	}
}

func TestReachable(t *testing.T) {
	for a, want := range map[string]bool{
		"1.1.1.1": true, "2606:4700::1111": true, "127.0.0.1": false, "::1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": true, // allowed below
		"192.168.2.1": false, "169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false, "::": false, "fe80::1": false, "fd00::1": false, "224.0.0.1": false,
		"255.255.255.255": false, "::ffff:10.0.0.1": false, "::ffff:127.0.0.1": false, "64:ff9b::7f00:1": false, "2002:7f00:1::": false, "ff02::1": false, "::7f00:1": false,
		"0.1.2.3": false, "::ffff:192.168.1.1": true,
	} {
		if got := reachable(netip.MustParseAddr(a), []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")}); got != want {
			t.Errorf("%s: got %v", a, got)
		}
	}
}

func TestCheckIssuer(t *testing.T) {
	for issuer, ok := range map[string]bool{
		"https://idp.example": true, "https://idp.example/tenant/": true, "http://127.0.0.1:9000": true, "http://localhost:9000": true, "http://[::1]:1": true,
		"http://idp.example": false, "": false, "idp.example": false, "https://": false, "https://a@idp.example": false, "https://idp.example?x": false,
		"https://idp.example#x": false, "http://127.0.0.1.evil.example": false, "ftp://idp.example": false, "https://" + strings.Repeat("x", 600): false,
	} {
		if err := CheckIssuer(issuer); (err == nil) != ok {
			t.Errorf("%.40q: %v", issuer, err)
		}
	}
}

func TestOIDCAtOnce(t *testing.T) {
	o, p, _, _ := acme(t, newEC(t))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := p.attempt(t, o, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := p.asked.Load(); n != 1 {
		t.Errorf("20 at once asked %d times for metadata", n)
	}
}
