package portal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/portal/page"
	"github.com/probat-lab/probat/portal/signin"
	"github.com/probat-lab/probat/portal/upload"
	"github.com/probat-lab/probat/store/records"
	"github.com/probat-lab/probat/work"
)

// Config says what a server is made of.
type Config struct {
	Desk      *desk.Desk
	Queue     *work.Queue
	PublicURL string // http://localhost:8080: links, origin and RP id
	Version   string
	Log       *slog.Logger
	Person    float64        // requests a second that one person may make; 0: 20
	Demo      *Demo          // nil: no demo
	Reach     []netip.Prefix // networks where identity providers may be besides public addresses
}

// Demo is what the server knows of demo data.
type Demo struct {
	Words string // a notice for the home page
	Tries func(person string) []page.Try
}

// Server answers requests.
type Server struct {
	Config
	site      signin.Site
	passwords *signin.Passwords
	throttle  *signin.Throttle
	rates     *signin.Rates
	passkeys  *signin.Passkeys
	oidc      *signin.OIDC
	uploads   *upload.Handler
	handler   http.Handler
}

// What a party may have under way, and how large a file may be, in bytes.
const (
	mostUpload  = 64 << 30
	mostUploads = 64
	mostBytes   = 256 << 30
	uploadIdle  = 48 * time.Hour
)

// sessionLength is how long somebody stays signed in.
const sessionLength = 12 * time.Hour

// New makes a server.
func New(c Config) (*Server, error) {
	s := &Server{Config: c, passwords: signin.NewPasswords(), throttle: signin.NewThrottle(signin.ThrottleConfig{Account: signin.DefaultAccountRule, Client: signin.DefaultClientRule, Entries: 10_000})}
	if s.Person == 0 {
		s.Person = 20
	}
	s.rates = signin.NewRates(signin.RatesConfig{Person: s.Person, PersonBurst: int(4 * s.Person), Party: 10 * s.Person, PartyBurst: int(40 * s.Person), Entries: 10_000})
	var err error
	if s.site, err = signin.ParseSite(c.PublicURL); err != nil {
		return nil, fmt.Errorf("the public URL %q: %w", c.PublicURL, err)
	}
	if s.passkeys, err = signin.NewPasskeys(s.site, c.Desk.Home.Name, people{c.Desk.Records}, signin.NewMemory(10_000, time.Now), time.Now); err != nil {
		return nil, err
	}
	s.oidc = signin.NewOIDC(signin.OIDCConfig{
		Site: s.site, Callback: oidcCallback, Configs: providers{c.Desk}, Pending: signin.NewMemory(10_000, time.Now), Reach: c.Reach,
	})
	if s.uploads, err = upload.New(upload.Config{
		Base: "/uploads/", Vault: c.Desk.Vault, Uploads: uploads{c.Desk.Records}, Most: mostUpload, Quota: upload.Quota{Uploads: mostUploads, Bytes: mostBytes},
		Idle: uploadIdle, Silent: time.Minute, Longest: time.Hour, Failed: func(_ context.Context, err error) { c.Log.Error("an upload", "error", err) },
	}); err != nil {
		return nil, err
	}
	s.handler, err = s.routes()
	return s, err
}

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Interrupt ends what would hold up a shutdown.
func (s *Server) Interrupt() { s.uploads.Interrupt() }

// Purge removes uploads that nobody went on with.
func (s *Server) Purge(ctx context.Context) error {
	_, err := s.uploads.Purge(ctx, 100)
	return err
}

func (s *Server) routes() (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle("GET "+page.AssetPrefix(), http.StripPrefix(page.AssetPrefix(), cached(http.FileServerFS(page.Static()))))
	mux.Handle("/uploads/", s.signedIn(s.mayUpload(s.uploads)))
	s.api(mux)
	s.pages(mux)
	log, err := s.Desk.Lab.Handler()
	if err != nil {
		return nil, err
	}
	for _, p := range []string{"GET /checkpoint", "GET /tile/", "GET /status/", "POST /cosignatures"} {
		mux.Handle(p, log)
	}
	mux.HandleFunc("GET /lab.trust", s.trust)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	protect := http.NewCrossOriginProtection()
	if err := protect.AddTrustedOrigin(s.site.Origin); err != nil {
		return nil, err
	}
	return s.site.Hosts(headers(s.recovered(protect.Handler(s.who(mux))))), nil
}

func cached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		next.ServeHTTP(w, r)
	})
}

const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", csp)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cache-Control", "private, no-store")
		next.ServeHTTP(w, r)
	})
}

// recovered answers a panic like an error: the reader learns a reference, the log the rest.
func (s *Server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if x := recover(); x != nil {
				if err, ok := x.(error); ok && errors.Is(err, http.ErrAbortHandler) {
					panic(x)
				}
				s.failed(w, r, fmt.Errorf("panic: %v", x))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

type whoKey struct{}

// caller is who asks, and by what.
type caller struct {
	desk.Who
	records.Signed
}

// who finds out who asks, by token or session, and holds them to their rate.
func (s *Server) who(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		signed, ok, err := s.signed(r, now)
		if err != nil {
			s.failed(w, r, err)
			return
		}
		c := caller{Signed: signed}
		c.Viewer = access.Viewer{At: s.Desk.Lab.Now()}
		person, party := signin.ClientAddr(r).String(), "-"
		if ok {
			c.Viewer = access.Viewer{
				Party: signed.Party.ID, Person: signed.Person.ID, Class: signed.Party.Class, Home: signed.Party.Home, Role: signed.Person.Role, Scope: signed.Scope, At: s.Desk.Lab.Now(),
			}
			c.PartyName, c.PersonName = signed.Party.Name, signed.Person.Name
			person, party = signed.Person.ID, signed.Party.ID
		}
		if err := s.rates.Allow(person, party); err != nil {
			s.refuse(w, r, err)
			return
		}
		if ok && signed.Session == "" && r.Method != http.MethodGet && r.Method != http.MethodHead && strings.HasPrefix(r.URL.Path, "/account/") {
			s.refuse(w, r, desk.ErrForbidden) // a token, whatever its scope, gives nobody a new way to sign in
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), whoKey{}, c)))
	})
}

func (s *Server) signed(r *http.Request, now time.Time) (records.Signed, bool, error) {
	var signed records.Signed
	var err error
	if bearer, ok := bearer(r); ok {
		digest, err := signin.ParseSecret(signin.Token, bearer)
		if err != nil {
			return signed, false, nil
		}
		signed, err = s.Desk.ByToken(r.Context(), digest, now)
		if errors.Is(err, records.ErrNotFound) {
			return signed, false, nil
		}
		return signed, err == nil, err
	}
	digest := signin.Presented(r)
	if digest == nil {
		return signed, false, nil
	}
	if signed, err = s.Desk.BySession(r.Context(), digest, now); errors.Is(err, records.ErrNotFound) {
		return signed, false, nil
	}
	return signed, err == nil, err
}

func bearer(r *http.Request) (string, bool) {
	const scheme = "Bearer "
	h := r.Header.Get("Authorization")
	if len(h) > len(scheme) && h[:len(scheme)] == scheme {
		return h[len(scheme):], true
	}
	return "", h != ""
}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(whoKey{}).(caller)
	return c
}

// signedIn lets only those through who have signed in.
func (s *Server) signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !callerOf(r.Context()).Known() {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "sign in, or send a token", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) mayUpload(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := callerOf(r.Context())
		if !s.Desk.Policies.May(c.Viewer, access.Upload, access.Object{Owner: c.Viewer.Party}) {
			http.Error(w, desk.ErrForbidden.Error(), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r.WithContext(upload.WithOwner(r.Context(), upload.Owner{Party: c.Viewer.Party, Person: c.Viewer.Person})))
	})
}

func (s *Server) trust(w http.ResponseWriter, r *http.Request) {
	data, err := s.Desk.Lab.TrustFile()
	if err != nil {
		s.failed(w, r, err)
		return
	}
	download(w, "lab.trust", "application/octet-stream", data)
}

// download sends bytes that a browser keeps and shows to nobody.
func download(w http.ResponseWriter, name, kind string, data []byte) {
	h := w.Header()
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Content-Disposition", `attachment; filename="`+plainName(name)+`"`)
	h.Set("Content-Type", kind)
	h.Set("Content-Length", fmt.Sprint(len(data)))
	_, _ = w.Write(data)
}

// plainName leaves of a file's name what needs no quoting.
func plainName(s string) string {
	out := []byte{}
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '-', c == '_':
			out = append(out, c)
		default:
			out = append(out, '-')
		}
	}
	if len(out) == 0 || len(out) > 150 {
		return "download"
	}
	return string(out)
}
