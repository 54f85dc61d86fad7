package signin

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// idp is an identity provider in this process. Its fields, set before use, bend what it does.
type idp struct {
	*httptest.Server
	t      *testing.T
	now    func() time.Time
	key    crypto.Signer // signs
	shown  crypto.Signer // is published, if another
	alg    string        // in the header, if not the right one
	claims func(map[string]any)
	meta   func(map[string]any)
	token  func(w http.ResponseWriter) bool // answers the token request itself
	asked  atomic.Int64                     // requests for metadata
	tokens atomic.Int64                     // requests for tokens

	mu     sync.Mutex
	issued map[string]url.Values // mu; code to the query of its authorization request
}

func newIDP(t *testing.T, now func() time.Time, key crypto.Signer) *idp {
	t.Helper()
	p := &idp{t: t, now: now, key: key, issued: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.metadata)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("POST /token", p.redeem)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func newRSA(t testing.TB) crypto.Signer {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newEC(t testing.TB) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (p *idp) write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.t.Error(err)
	}
}

func (p *idp) metadata(w http.ResponseWriter, _ *http.Request) {
	p.asked.Add(1)
	m := map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256", "none", "HS256"},
	}
	if p.meta != nil {
		p.meta(m)
	}
	p.write(w, m)
}

func (p *idp) keys(w http.ResponseWriter, _ *http.Request) {
	key := p.key
	if p.shown != nil {
		key = p.shown
	}
	var k map[string]any
	switch pub := key.Public().(type) {
	case *rsa.PublicKey:
		k = map[string]any{"kty": "RSA", "n": b64(pub.N.Bytes()), "e": b64(big.NewInt(int64(pub.E)).Bytes())}
	case *ecdsa.PublicKey:
		point, err := pub.Bytes()
		if err != nil {
			p.t.Error(err)
		}
		k = map[string]any{"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}
	}
	k["kid"], k["use"] = "1", "sig"
	p.write(w, map[string]any{"keys": []any{k}})
}

// authorize is what the provider does when somebody signs in there: it returns the query of the way back.
func (p *idp) authorize(t *testing.T, to string) url.Values {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if !strings.HasPrefix(to, p.URL+"/authorize?") || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" ||
		q.Get("redirect_uri") != "https://lab.example/signin/callback" || q.Get("nonce") == "" || q.Get("client_id") != "probat" || q.Get("scope") != "openid email" {
		t.Errorf("the browser is sent to %s", to)
	}
	code := random()
	p.mu.Lock()
	p.issued[code] = q
	p.mu.Unlock()
	return url.Values{"code": {code}, "state": {q.Get("state")}}
}

func (p *idp) redeem(w http.ResponseWriter, r *http.Request) {
	p.tokens.Add(1)
	if p.token != nil && p.token(w) {
		return
	}
	id, secret, basic := r.BasicAuth()
	code := r.FormValue("code")
	p.mu.Lock()
	q, ok := p.issued[code]
	delete(p.issued, code)
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || !basic || id != "probat" || secret != "s3cret" || q.Get("code_challenge") != b64(sum[:]) || r.FormValue("redirect_uri") != q.Get("redirect_uri") {
		w.WriteHeader(http.StatusBadRequest)
		p.write(w, map[string]string{"error": "invalid_grant", "error_description": "private"})
		return
	}
	claims := map[string]any{
		"iss": p.URL, "aud": "probat", "sub": "u-17", "nonce": q.Get("nonce"), "email": "ann@acme.example", "email_verified": true,
		"iat": p.now().Unix(), "exp": p.now().Add(5 * time.Minute).Unix(),
	}
	if p.claims != nil {
		p.claims(claims)
	}
	p.write(w, map[string]any{"access_token": "at", "token_type": "Bearer", "id_token": p.jwt(claims)})
}

func (p *idp) jwt(claims map[string]any) string {
	alg := map[bool]string{true: "RS256", false: "ES256"}[isRSA(p.key)]
	if p.alg != "" {
		alg = p.alg
	}
	header, _ := json.Marshal(map[string]string{"alg": alg, "kid": "1"})
	body, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
	}
	text := b64(header) + "." + b64(body)
	if alg == "none" {
		return text + "."
	}
	digest := sha256.Sum256([]byte(text))
	var signature []byte
	switch k := p.key.(type) {
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, digest[:])
	case *ecdsa.PrivateKey:
		r, s, e := ecdsa.Sign(rand.Reader, k, digest[:])
		signature, err = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), e
	}
	if err != nil {
		p.t.Error(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func isRSA(k crypto.Signer) bool {
	_, ok := k.(*rsa.PrivateKey)
	return ok
}

// configs are the providers of parties.
type configs map[string]Config

func (c configs) ConfigOf(_ context.Context, party string) (Config, error) {
	got, ok := c[party]
	if !ok {
		return Config{}, ErrUnknown
	}
	return got, nil
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func newOIDC(t *testing.T, c *clock, all configs, reach []netip.Prefix) *OIDC {
	t.Helper()
	return NewOIDC(OIDCConfig{
		Site: mustSite(t, "https://lab.example"), Callback: "/signin/callback", Configs: all, Pending: NewMemory(100, c.now), Reach: reach, Now: c.now,
	})
}
