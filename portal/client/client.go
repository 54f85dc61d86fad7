package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Config says which server is talked to, and as whom.
type Config struct {
	URL      string // http or https; with a path where the server is not at the root of its host
	Token    string // of the API
	CA       []byte // PEM of certificates that count beside the system's; may be nil
	Insecure bool   // plain http to other machines too: whoever is on the way reads the token and all files
	Agent    string // what this program is called
	// Told hears of every wait before something is tried again; may be nil.
	Told func(why error, wait time.Duration)
	// Dial makes connections; nil: by the network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client talks to one server. It may be used by several goroutines.
type Client struct {
	base     *url.URL
	token    string
	agent    string
	http     *http.Client
	told     func(error, time.Duration)
	answered atomic.Bool // whether the server has ever said something
}

var (
	// ErrURL: the URL is none of a server.
	ErrURL = errors.New("is no URL of a server, such as https://lab.example")
	// ErrPlain: the token would go over the network in the clear.
	ErrPlain = errors.New("is not encrypted, and no address of this machine")
	// ErrToken: there is no token, or it cannot be one.
	ErrToken = errors.New("there is no token, or it has spaces or other characters that no token has")
	// ErrCA: there is no certificate in what should be certificates.
	ErrCA = errors.New("there is no PEM certificate in it")
	// ErrAnswer: the server said what is not in the form of the API.
	ErrAnswer = errors.New("the answer is none of a lab's server")
)

const (
	dialWait = 10 * time.Second
	// callWait bounds one exchange that moves no files.
	callWait = 2 * time.Minute
	// stall is how long a transfer or a stream of events may stand still.
	stall = time.Minute
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 16 << 20
)

// New makes a client. Nothing is asked yet.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q %w", Clean(c.URL), ErrURL)
	}
	if c.Token == "" || strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, ErrToken
	}
	here := u.Scheme == "http" && !c.Insecure
	if here && !loopback(u.Hostname()) {
		return nil, fmt.Errorf("%q %w", Clean(c.URL), ErrPlain)
	}
	roots, err := pool(c.CA)
	if err != nil {
		return nil, err
	}
	dial := c.Dial
	if dial == nil {
		d := &net.Dialer{Timeout: dialWait}
		if here {
			d.Control = onlyHere
		}
		dial = d.DialContext
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	cl := &Client{base: u, token: c.Token, agent: c.Agent, told: c.Told}
	if cl.told == nil {
		cl.told = func(error, time.Duration) {}
	}
	cl.http = &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dial, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			TLSHandshakeTimeout: dialWait, ForceAttemptHTTP2: true, IdleConnTimeout: stall,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return cl, nil
}

// Close ends connections that wait for the next exchange.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// URL returns the server's, without a slash at the end.
func (c *Client) URL() string { return c.base.String() }

// loopback says whether a host is this machine, by its name. Whether the name leads here is seen when it is dialled.
func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback() || host == "localhost"
}

// onlyHere refuses to connect to other machines, wherever a name leads.
func onlyHere(_, address string, _ syscall.RawConn) error {
	if a, err := netip.ParseAddrPort(address); err == nil && a.Addr().Unmap().IsLoopback() {
		return nil
	}
	return fmt.Errorf("the address %q %w", address, ErrPlain)
}

// pool returns the system's certificates and more of them; nil stands for the system's.
func pool(more []byte) (*x509.CertPool, error) {
	if more == nil {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("reading the system's certificates: %w", err)
	}
	if !roots.AppendCertsFromPEM(more) {
		return nil, ErrCA
	}
	return roots, nil
}

// send does one exchange. An answer that is no success is an error: *Problem or *MovedError.
func (c *Client) send(ctx context.Context, method, path string, header http.Header, body io.Reader, length int64) (*http.Response, error) {
	u := *c.base
	u.Path += path
	what := method + " " + u.String()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", what, err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	if c.agent != "" {
		req.Header.Set("User-Agent", c.agent)
	}
	if body != nil {
		req.ContentLength = length
	}
	resp, err := c.http.Do(req)
	if err != nil {
		var outer *url.Error
		if errors.As(err, &outer) {
			err = outer.Err
		}
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, &LostError{what, err}
	}
	c.answered.Store(true)
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	if resp.StatusCode < 400 {
		return nil, moved(c.base, path, resp)
	}
	return nil, problem(what, resp)
}

// call does one exchange of JSON. in and out may be nil.
func (c *Client) call(ctx context.Context, method, path string, header http.Header, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	var body io.Reader
	length := int64(0)
	header = header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Accept", "application/json, application/problem+json")
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("writing what is asked: %w", err)
		}
		header.Set("Content-Type", "application/json")
		body, length = bytes.NewReader(data), int64(len(data))
	}
	resp, err := c.send(ctx, method, path, header, body, length)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return &LostError{method + " " + path, err}
	case len(data) > maxAnswer:
		return fmt.Errorf("reading the answer to %s %s: %w: more than %d bytes", method, path, ErrAnswer, maxAnswer)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("reading the answer to %s %s: %w: %w", method, path, ErrAnswer, err)
	}
	return nil
}

// ask is call, repeated as long as that may help. The server takes the same twice as once.
func (c *Client) ask(ctx context.Context, method, path string, header http.Header, in, out any) error {
	p := patience{client: c}
	for {
		err := c.call(ctx, method, path, header, in, out)
		if err == nil {
			return nil
		}
		if err := p.wait(ctx, err); err != nil {
			return err
		}
	}
}
