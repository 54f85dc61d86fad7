package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Problem is a refusal in the server's words: problem details of RFC 9457, or what comes nearest.
type Problem struct {
	Title  string   `json:"title"`
	Status int      `json:"status"`
	Detail string   `json:"detail"`
	Errors []Detail `json:"errors"`
	// After is how long the server wants to be left alone before the same is asked again; zero if it says nothing.
	After time.Duration `json:"-"`

	what string
}

// Detail is one thing that is wrong.
type Detail struct {
	Message  string `json:"message"`
	Location string `json:"location"`
}

// maxProblem bounds what is read of a refusal, in bytes.
const maxProblem = 256 << 10

// problem reads a refusal.
func problem(what string, resp *http.Response) *Problem {
	p := &Problem{}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case err != nil:
	case kind == "application/problem+json" || kind == "application/json":
		if json.Unmarshal(data, p) != nil {
			p = &Problem{}
		}
	case kind == "text/plain":
		p.Detail, _, _ = strings.Cut(strings.TrimSpace(string(data)), "\n")
	}
	p.Status, p.what, p.After = resp.StatusCode, what, retryAfter(resp.Header.Get("Retry-After"))
	return p
}

// retryAfter reads seconds or a date, RFC 9110 section 10.2.3.
func retryAfter(s string) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, time.Until(t))
	}
	return 0
}

func (p *Problem) Error() string {
	text := fmt.Sprintf("the server refuses %s (%d)", p.what, p.Status)
	if p.Status >= 500 {
		text = fmt.Sprintf("the server cannot answer %s (%d)", p.what, p.Status)
	}
	said := []string{p.Title, p.Detail}
	if p.Title == http.StatusText(p.Status) && (p.Detail != "" || len(p.Errors) > 0) {
		said = said[1:]
	}
	for _, d := range p.Errors {
		switch {
		case strings.Contains(p.Detail, d.Message):
			continue
		case d.Location != "":
			d.Message = d.Location + ": " + d.Message
		}
		said = append(said, d.Message)
	}
	for _, s := range said {
		if s = Clean(s); s != "" {
			text += ": " + s
		}
	}
	return text
}

// LostError says that no answer came, or not all of it.
type LostError struct {
	what string
	err  error
}

func (e *LostError) Error() string { return fmt.Sprintf("no answer to %s: %v", e.what, e.err) }
func (e *LostError) Unwrap() error { return e.err }

// MovedError says that the server wants to be asked elsewhere. The token is not sent there.
type MovedError struct {
	// To is the URL to name instead; empty if the server's answer does not say one.
	To string

	from string
}

func (e *MovedError) Error() string {
	if e.To == "" {
		return fmt.Sprintf("%s sends us elsewhere, and does not say where the lab's server is", e.from)
	}
	return fmt.Sprintf("%s sends us to %s, where the token was not sent", e.from, e.To)
}

func moved(base *url.URL, path string, resp *http.Response) *MovedError {
	e := &MovedError{from: base.String()}
	u, err := resp.Location()
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return e
	}
	if before, ok := strings.CutSuffix(u.Path, path); ok {
		to := url.URL{Scheme: u.Scheme, Host: u.Host, Path: before}
		if e.To = to.String(); e.To == e.from {
			e.To = ""
		}
	}
	return e
}

// Refused says whether the server understood what was asked and will never do it: asking again is no help.
func Refused(err error) bool {
	var p *Problem
	return errors.As(err, &p) && p.Status < 500 && !passing(p)
}

// passing says whether a refusal may be none later.
func passing(p *Problem) bool {
	switch p.Status {
	case http.StatusRequestTimeout, http.StatusLocked, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported, http.StatusInsufficientStorage:
		return false
	}
	return p.Status >= 500 || p.Status == http.StatusConflict && p.After > 0
}

// Clean makes words from outside into one line that a terminal only shows.
func Clean(s string) string {
	const most = 2000
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, strings.TrimSpace(s))
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
