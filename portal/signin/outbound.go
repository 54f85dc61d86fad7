package signin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	providerTimeout = 10 * time.Second
	maxProviderBody = 1 << 20
)

// Addresses that are somebody's inside, beyond those that netip tells: shared, benchmarks, documentation, reserved, and IPv6 that carries IPv4.
var inside = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("fec0::/10"),
}

// reachable says whether a provider may be at this address: a public one, or one in what the lab's operator allowed.
func reachable(a netip.Addr, allowed []netip.Prefix) bool {
	a = a.Unmap().WithZone("")
	in := func(p netip.Prefix) bool { return p.Contains(a) }
	if slices.ContainsFunc(allowed, in) {
		return true
	}
	return a.IsGlobalUnicast() && !a.IsPrivate() && !slices.ContainsFunc(inside, in)
}

// newClient returns a client for talking to identity providers, whose URLs come from a party's admin and from the provider itself. See OIDC for
// what it enforces. No proxy is used, since a proxy would connect to addresses that are checked here.
func newClient(allowed []netip.Prefix) *http.Client {
	dialer := &net.Dialer{Timeout: providerTimeout, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil || !reachable(a.Addr(), allowed) {
			return fmt.Errorf("connecting to %q: the lab's operator has not allowed providers at this address", address)
		}
		return nil
	}}
	return &http.Client{
		Timeout: providerTimeout,
		Transport: &guarded{&http.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: providerTimeout, ResponseHeaderTimeout: providerTimeout,
			IdleConnTimeout: time.Minute, MaxIdleConns: 20, MaxResponseHeaderBytes: 64 << 10,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("a redirect, which is not followed") },
	}
}

// guarded checks the scheme of every request and bounds every answer.
type guarded struct{ next http.RoundTripper }

func (g *guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := checkEndpoint(r.URL); err != nil {
		return nil, err
	}
	res, err := g.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = &bounded{ReadCloser: res.Body, left: maxProviderBody}
	return res, nil
}

// checkEndpoint wants https, or http to the machine itself (which reachable then has to allow).
func checkEndpoint(u *url.URL) error {
	if u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%q is not an address of a provider", u.Redacted())
	}
	if u.Scheme == "https" || (u.Scheme == "http" && isLoopbackName(u.Hostname())) {
		return nil
	}
	return fmt.Errorf("%q is not https", u.Redacted())
}

func isLoopbackName(name string) bool {
	a, err := netip.ParseAddr(name)
	return strings.EqualFold(name, "localhost") || (err == nil && a.IsLoopback())
}

// bounded fails, rather than ends, where an answer goes on: half a document must not be taken for one.
type bounded struct {
	io.ReadCloser
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, fmt.Errorf("the answer is longer than %d bytes", maxProviderBody)
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, err
}
