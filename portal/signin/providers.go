package signin

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	metadataAge  = time.Hour
	failureAge   = 10 * time.Second
	maxProviders = 1024
	maxIssuer    = 512
)

// providers keeps the metadata of issuers. Two requests for the same issuer at once fetch it once.
type providers struct {
	now func() time.Time
	mu  sync.Mutex
	all map[string]*provider // mu; by issuer
}

// provider is an issuer's metadata, or why there are none.
type provider struct {
	done     chan struct{} // closed once the rest is set
	oidc     *oidc.Provider
	style    oauth2.AuthStyle
	sendsIss bool // authorization_response_iss_parameter_supported
	err      error
	until    time.Time
}

// provider returns the metadata of an issuer: ErrProvider if they cannot be had.
func (o *OIDC) provider(ctx context.Context, issuer string) (*provider, error) {
	s := &o.providers
	s.mu.Lock()
	p := s.all[issuer]
	fetch := p == nil || p.isOld(s.now())
	if fetch {
		p = &provider{done: make(chan struct{})}
		s.makeRoom()
		s.all[issuer] = p
	}
	s.mu.Unlock()
	if fetch {
		// Not with the request's cancellation: others wait for the same. The client's timeout ends it.
		p.err = o.fetch(context.WithoutCancel(ctx), issuer, p)
		age := metadataAge
		if p.err != nil {
			age = failureAge
		}
		p.until = s.now().Add(age)
		close(p.done)
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the metadata of %q: %w", issuer, ctx.Err())
	}
	if p.err != nil {
		return nil, fmt.Errorf("asking %q for its metadata: %w: %w", issuer, ErrProvider, short(p.err))
	}
	return p, nil
}

// isOld says whether the metadata have to be fetched again. What is being fetched is not old.
func (p *provider) isOld(now time.Time) bool {
	select {
	case <-p.done:
		return !now.Before(p.until)
	default:
		return false
	}
}

// makeRoom drops one, any, where there are too many. mu is held.
func (s *providers) makeRoom() {
	if len(s.all) < maxProviders {
		return
	}
	for issuer := range s.all {
		delete(s.all, issuer)
		return
	}
}

func (o *OIDC) fetch(ctx context.Context, issuer string, p *provider) error {
	if err := CheckIssuer(issuer); err != nil {
		return err
	}
	var err error
	if p.oidc, err = oidc.NewProvider(oidc.ClientContext(ctx, o.client), issuer); err != nil {
		return err
	}
	var more struct {
		Keys      string   `json:"jwks_uri"`
		SendsIss  bool     `json:"authorization_response_iss_parameter_supported"`
		Methods   []string `json:"token_endpoint_auth_methods_supported"`
		Challenge []string `json:"code_challenge_methods_supported"`
	}
	if err := p.oidc.Claims(&more); err != nil {
		return err
	}
	endpoint := p.oidc.Endpoint()
	for _, e := range []string{endpoint.AuthURL, endpoint.TokenURL, more.Keys} {
		u, err := url.Parse(e)
		if err != nil {
			return fmt.Errorf("the metadata name %q, which is not a URL", e)
		}
		if err := checkEndpoint(u); err != nil {
			return err
		}
		if u.Scheme != "https" && !strings.HasPrefix(issuer, "http:") {
			return fmt.Errorf("the metadata name %q, which is not https", e)
		}
	}
	if len(more.Challenge) > 0 && !slices.Contains(more.Challenge, "S256") {
		return fmt.Errorf("it does PKCE with %q only, not S256", more.Challenge)
	}
	p.sendsIss, p.style = more.SendsIss, oauth2.AuthStyleInHeader
	if len(more.Methods) > 0 && !slices.Contains(more.Methods, "client_secret_basic") {
		p.style = oauth2.AuthStyleInParams
	}
	return nil
}

// CheckIssuer says whether this can be an issuer: an https URL (http for the machine itself) without user, query and fragment. For forms; it asks nobody.
func CheckIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || len(issuer) > maxIssuer || u.RawQuery != "" || u.ForceQuery {
		return fmt.Errorf("%.80q is not an issuer", issuer)
	}
	return checkEndpoint(u)
}
