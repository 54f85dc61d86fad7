package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Me is who the token stands for.
type Me struct {
	Person struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		Role string `json:"role"`
	} `json:"person"`
	Party struct {
		ID    string `json:"id"`
		Class string `json:"class"`
		Name  string `json:"name"`
	} `json:"party"`
	Scope string `json:"scope"`
}

// Submission is a release to be handed in.
type Submission struct {
	Declaration string   `json:"declaration"` // YAML; empty: there is none
	Product     string   `json:"product"`     // without a declaration
	Version     string   `json:"version"`     // without a declaration
	Files       []File   `json:"files"`
	Schemes     []string `json:"schemes"`            // ids; none: as the server chooses
	Embargo     string   `json:"embargo,omitempty"`  // YYYY-MM-DD
	Envelope    []byte   `json:"envelope,omitempty"` // of the party's Intent under its own key
}

// File is a finished upload, and what it is in the release.
type File struct {
	Upload string `json:"upload_id"`
	Path   string `json:"path"` // as the declaration names it; the file's own name without one
}

// Submitted is a release that was taken in.
type Submitted struct {
	Release, Job, Receipt string // ids
	URL                   string // of its page
}

// Release is what a release came to.
type Release struct {
	ID      string
	Results []Result
}

// Result is what a scheme came to.
type Result struct {
	Scheme  string `json:"scheme"`
	Edition string `json:"edition"`
	Counts  Counts `json:"counts"`
}

// Counts are requirements by verdict.
type Counts struct {
	Pass          int `json:"pass"`
	Fail          int `json:"fail"`
	Inconclusive  int `json:"inconclusive"`
	NotAssessed   int `json:"not_assessed"`
	NotApplicable int `json:"not_applicable"`
	Total         int `json:"total"`
}

var (
	idPattern     = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	digestPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

func isID(s string) bool { return idPattern.MatchString(s) }

// wantID is for what an answer should have.
func wantID(what, s string) error {
	if !isID(s) {
		return fmt.Errorf("%w: its %s is %q", ErrAnswer, what, Clean(s))
	}
	return nil
}

// Me asks who the token stands for.
func (c *Client) Me(ctx context.Context) (Me, error) {
	var m Me
	err := c.ask(ctx, http.MethodGet, "/api/v1/me", nil, nil, &m)
	if err != nil {
		return m, err
	}
	for _, name := range []string{m.Party.Name, m.Person.Name} { // they go into a declaration, and into what is signed
		if name == "" || name != Clean(name) {
			return m, fmt.Errorf("%w: a name is %q", ErrAnswer, Clean(name))
		}
	}
	return m, errors.Join(wantID("party.id", m.Party.ID), wantID("person.id", m.Person.ID))
}

// NewKey returns an idempotency key: the server takes what comes twice under one key as one.
func NewKey() string { return rand.Text() }

// Submit hands a release in, under an idempotency key. After an error that is not Refused it may have been taken in all the same: the same
// submission under the same key tells. again says that it was handed in before under this key.
func (c *Client) Submit(ctx context.Context, key string, s Submission, again bool) (Submitted, error) {
	if s.Schemes == nil {
		s.Schemes = []string{}
	}
	if s.Files == nil {
		s.Files = []File{}
	}
	var answer struct {
		Release struct {
			ID string `json:"id"`
		} `json:"release"`
		Job     string `json:"job_id"`
		Receipt string `json:"receipt_id"`
		URL     string `json:"url"`
	}
	for p := (patience{client: c}); ; again = true {
		err := c.call(ctx, http.MethodPost, "/api/v1/releases", http.Header{"Idempotency-Key": {key}}, s, &answer)
		if err == nil {
			break
		}
		var conflict *Problem
		if again && errors.As(err, &conflict) && conflict.Status == http.StatusConflict {
			conflict.After = max(conflict.After, firstWait) // the server still works on what was asked before
		}
		if err := p.wait(ctx, err); err != nil {
			return Submitted{}, err
		}
	}
	for what, id := range map[string]string{"release.id": answer.Release.ID, "job_id": answer.Job, "receipt_id": answer.Receipt} {
		if err := wantID(what, id); err != nil {
			return Submitted{}, err
		}
	}
	page, err := c.page(answer.URL)
	return Submitted{Release: answer.Release.ID, Job: answer.Job, Receipt: answer.Receipt, URL: page}, err
}

// page returns the whole URL of a page of the server.
func (c *Client) page(s string) (string, error) {
	u, err := url.Parse(s)
	if err == nil {
		u = c.base.ResolveReference(u)
	}
	if err != nil || s == "" || u.Scheme != "http" && u.Scheme != "https" || Clean(u.String()) != u.String() {
		return "", fmt.Errorf("%w: its url is %q", ErrAnswer, Clean(s))
	}
	return u.String(), nil
}

// Release asks what a release came to.
func (c *Client) Release(ctx context.Context, id string) (Release, error) {
	var r struct {
		Results []Result `json:"results"`
	}
	err := c.ask(ctx, http.MethodGet, "/api/v1/releases/"+url.PathEscape(id), nil, nil, &r)
	return Release{id, r.Results}, err
}

// Dossier asks for the digest of a dossier: 64 hexadecimal digits.
func (c *Client) Dossier(ctx context.Context, id string) (digest string, err error) {
	var d struct {
		Digest string `json:"digest"`
	}
	if err := c.ask(ctx, http.MethodGet, "/api/v1/dossiers/"+url.PathEscape(id), nil, nil, &d); err != nil {
		return "", err
	}
	if d.Digest = strings.TrimPrefix(d.Digest, "sha256:"); !digestPattern.MatchString(d.Digest) {
		return "", fmt.Errorf("%w: the dossier's digest is %q", ErrAnswer, Clean(d.Digest))
	}
	return d.Digest, nil
}
