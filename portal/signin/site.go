package signin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Site is where the portal is, as browsers see it: what its public URL says.
type Site struct {
	Origin string // scheme://host[:port], as browsers write it: https://lab.example, http://localhost:8080
	Host   string // as in the Host header: lab.example, localhost:8080
	RPID   string // the relying party of passkeys: the host without port
}

// ParseSite reads a public URL: https with a name, or http with localhost (which browsers trust like https). No address, because passkeys cannot be
// bound to one; no path, user, query or fragment.
func ParseSite(publicURL string) (Site, error) {
	u, err := url.Parse(publicURL)
	if err != nil {
		return Site{}, fmt.Errorf("reading the public URL %q: it is not a URL", publicURL)
	}
	name, port := strings.ToLower(u.Hostname()), u.Port()
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" || (u.Path != "" && u.Path != "/") {
		return Site{}, fmt.Errorf("reading the public URL %q: it is a scheme, a host and perhaps a port, and nothing else", publicURL)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLocalhost(name)) {
		return Site{}, fmt.Errorf("reading the public URL %q: https is expected, or http://localhost", publicURL)
	}
	if _, err := netip.ParseAddr(name); err == nil || !isName(name) {
		return Site{}, fmt.Errorf("reading the public URL %q: the host is not a name; passkeys work with names only", publicURL)
	}
	host := name
	if port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host = net.JoinHostPort(name, port)
	}
	return Site{Origin: u.Scheme + "://" + host, Host: host, RPID: name}, nil
}

func isLocalhost(name string) bool {
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// isName wants a host name in ASCII whose last label is no number, so that no browser reads an address in it.
func isName(s string) bool {
	labels := strings.Split(s, ".")
	if len(s) > 253 || strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return !strings.HasPrefix(labels[len(labels)-1], "0x")
}

// Hosts passes on requests for the site's own Host header, so that no other name, by DNS rebinding or a lying proxy, gets into links or reaches the
// pages. Others are answered with 421, without repeating what they asked for. One exception: where the site is localhost, a GET or HEAD for
// 127.0.0.1 or [::1] at the same port is redirected with 308 to the site, since passkeys and links are bound to the name.
// X-Forwarded-Host is not looked at: a proxy in front has to keep the Host header.
func (s Site) Hosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.is(r.Host) {
			next.ServeHTTP(w, r)
			return
		}
		if s.isLoopback(r.Host) && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			w.Header().Set("Location", s.Origin+target(r.URL))
			w.WriteHeader(http.StatusPermanentRedirect)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "this server answers under its public name only", http.StatusMisdirectedRequest)
	})
}

// is compares a Host header with the site's; the default port may be written out.
func (s Site) is(host string) bool {
	host = strings.ToLower(host)
	if host == s.Host {
		return true
	}
	scheme, _, _ := strings.Cut(s.Origin, ":")
	return host == s.Host+map[string]string{"http": ":80", "https": ":443"}[scheme] && s.Host == s.RPID
}

func (s Site) isLoopback(host string) bool {
	if s.RPID != "localhost" {
		return false
	}
	port, ok := strings.CutPrefix(host, "127.0.0.1")
	if !ok {
		if port, ok = strings.CutPrefix(host, "[::1]"); !ok {
			return false
		}
	}
	return s.is("localhost" + port)
}

// target is path and query of a request. It always begins with a slash: what follows the origin in a Location can then not change the host.
func target(u *url.URL) string {
	t := u.EscapedPath()
	if !strings.HasPrefix(t, "/") {
		t = "/" + t
	}
	if u.RawQuery != "" {
		t += "?" + u.RawQuery
	}
	return t
}

// ClientAddr is the address at the other end of the connection; invalid if it has none (a Unix socket). Behind a proxy it is the proxy's: who trusts one
// reads its header instead.
func ClientAddr(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap().WithZone("")
}
