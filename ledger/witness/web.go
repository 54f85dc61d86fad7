package witness

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// web is an HTTP client for servers that may be hostile: bounded in time and bytes, never led to another host.
type web struct {
	client  *http.Client
	timeout time.Duration
}

func newWeb(transport http.RoundTripper, timeout time.Duration) web {
	if transport == nil {
		transport = defaultTransport
	}
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	return web{client: &http.Client{Transport: transport, CheckRedirect: sameHost}, timeout: timeout}
}

// defaultTransport is shared, so that connections are.
var defaultTransport = func() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true
	t.MaxResponseHeaderBytes = 16 << 10
	return t
}()

// sameHost lets nobody lead a client to another place in the operator's network.
func sameHost(r *http.Request, via []*http.Request) error {
	if first := via[0].URL; r.URL.Scheme != first.Scheme || r.URL.Host != first.Host {
		return fmt.Errorf("redirected to another host, %q", r.URL.Host)
	}
	if len(via) > 3 {
		return fmt.Errorf("redirected more than three times")
	}
	return nil
}

// reply is what a server answered.
type reply struct {
	status      int
	contentType string
	body        []byte
}

func (a *reply) refused() error {
	return fmt.Errorf("status %d, %q: %w", a.status, clip(string(a.body)), ErrStatus)
}

// do makes one exchange. A body of more than most bytes is an error.
func (w web) do(ctx context.Context, method, target string, body []byte, most int64) (*reply, error) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "probat")
	resp, err := w.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := readCapped(resp.Body, most)
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %q: %w", target, err)
	}
	return &reply{status: resp.StatusCode, contentType: resp.Header.Get("Content-Type"), body: b}, nil
}

// checkURL returns the prefix without a slash at its end. Names and passwords in it would end up in errors.
func checkURL(prefix string) (string, error) {
	u, err := url.Parse(prefix)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("not an http or https address without user, query and fragment")
	}
	return strings.TrimSuffix(prefix, "/"), nil
}
