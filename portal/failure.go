package portal

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/portal/page"
	"github.com/probat-lab/probat/portal/signin"
	"github.com/probat-lab/probat/portal/upload"
	"github.com/probat-lab/probat/seal"
	"github.com/probat-lab/probat/store/records"
)

// status says what an error is in HTTP, and in words for whoever asked; 500 keeps its words for the log.
func status(err error) (code int, words string) {
	var bad *desk.InvalidError
	var soon *signin.TooSoonError
	switch {
	case errors.As(err, &bad):
		return http.StatusUnprocessableEntity, bad.Error()
	case errors.As(err, &soon):
		return http.StatusTooManyRequests, "too many requests; try again later"
	case errors.Is(err, desk.ErrNotFound) || errors.Is(err, upload.ErrNotFound):
		return http.StatusNotFound, "there is no such thing, or it is not for you to see"
	case errors.Is(err, desk.ErrForbidden):
		return http.StatusForbidden, err.Error()
	case errors.Is(err, desk.ErrState), errors.Is(err, records.ErrTwice), errors.Is(err, records.ErrTaken), errors.Is(err, seal.ErrStanding), errors.Is(err, seal.ErrState), errors.Is(err, seal.ErrNotice):
		return http.StatusConflict, err.Error()
	case errors.Is(err, signin.ErrPassword):
		return http.StatusUnprocessableEntity, err.Error()
	case errors.Is(err, signin.ErrBusy):
		return http.StatusServiceUnavailable, "busy; try again in a moment"
	case errors.Is(err, context.Canceled):
		return 499, "cancelled"
	}
	return http.StatusInternalServerError, "something went wrong here"
}

// problem makes an error of the API.
func (s *Server) problem(ctx context.Context, err error) error {
	code, words := status(err)
	if code >= 500 {
		ref := rand.Text()[:8]
		s.Log.Error("a request", "ref", ref, "error", err)
		words += " (reference " + ref + ")"
	}
	var bad *desk.InvalidError
	if errors.As(err, &bad) {
		return huma.NewError(code, words, &huma.ErrorDetail{Message: bad.Text, Location: "body." + bad.Field})
	}
	return huma.NewError(code, words)
}

// refuse answers a page's request with an error.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	code, words := status(err)
	var soon *signin.TooSoonError
	f := page.Failure{Status: code, Words: words, Back: page.Link{Text: "Home", URL: "/"}}
	if errors.As(err, &soon) {
		soon.RetryAfter(w.Header())
		f.Retry = soon.After.Round(time.Second)
	}
	f.Heading = map[int]string{
		404: "Not found", 403: "Not yours to do", 409: "That cannot be done now", 422: "Something is missing or wrong", 429: "Too many requests", 503: "Busy",
	}[code]
	if f.Heading == "" {
		f.Heading = "Something went wrong"
	}
	if code >= 500 {
		f.Ref = rand.Text()[:8]
		s.Log.Error("a request", "ref", f.Ref, "error", err)
	}
	if strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.URL.Path, "/uploads/") || strings.HasSuffix(r.URL.Path, "/events") {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(code)
		_ = writeJSON(w, map[string]any{"title": http.StatusText(code), "status": code, "detail": words})
		return
	}
	f.Shell = s.shell(r, f.Heading, "")
	s.show(w, r, code, f.Page())
}

func (s *Server) failed(w http.ResponseWriter, r *http.Request, err error) { s.refuse(w, r, err) }
