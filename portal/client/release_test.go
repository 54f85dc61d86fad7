package client

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

var handed = Submission{Declaration: "product: X\n", Files: []File{{"up0", "a.img"}}, Embargo: "2027-01-15", Envelope: []byte("{}")}

func TestSubmit(t *testing.T) {
	const post = "POST /api/v1/releases"
	conflict := fault{post, refuse(http.StatusConflict, "")}
	for _, test := range []struct {
		name    string
		fault   []fault
		again   bool
		posts   int // that came through
		want    string
		refused bool
	}{
		{"at once", nil, false, 1, "", false},
		{"its answer is lost", []fault{{post, lose}}, false, 2, "", false},
		{"the server is away for a moment", []fault{{post, refuse(http.StatusBadGateway, "")}}, false, 1, "", false},
		{"its answer is lost, and the server is still at it", []fault{{post, lose}, conflict, conflict}, false, 2, "", false},
		{"a run before has lost its answer", []fault{conflict}, true, 1, "", false},
		{"it cannot be", []fault{conflict}, false, 0, "(409)", true},
		{"it never becomes clear", slices.Repeat([]fault{conflict}, mostTries), true, 0, "(409)", false},
		{"it is wrong", []fault{{post, refuse(http.StatusUnprocessableEntity, "")}}, true, 0, "(422)", true},
		{
			"an answer without ids",
			[]fault{{post, func(_ *server, w http.ResponseWriter, _ *http.Request) {
				answer(w, 201, `{"release":{"id":"../x"},"url":"/"}`)
			}}},
			false, 0, "is none of a lab's server", false,
		},
		{
			"an answer with a page that is none",
			[]fault{{post, func(_ *server, w http.ResponseWriter, _ *http.Request) {
				answer(w, 201, `{"release":{"id":"r"},"job_id":"j","receipt_id":"c","url":"javascript:alert(1)"}`)
			}}},
			false, 0, "its url is", false,
		},
		{
			"an answer of another program",
			[]fault{{post, func(_ *server, w http.ResponseWriter, _ *http.Request) { answer(w, 200, `<html>`) }}},
			false, 0, "is none of a lab's server", false,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			lab(t, func(t *testing.T, s *server, c *Client) {
				s.fault = test.fault
				key := NewKey()
				got, err := c.Submit(t.Context(), key, handed, test.again)
				if s.posts[key] != test.posts || len(s.posts) > 1 {
					t.Errorf("it came through as %v, want %d times", s.posts, test.posts)
				}
				if test.want != "" {
					if err == nil || !strings.Contains(err.Error(), test.want) || Refused(err) != test.refused {
						t.Errorf("error %v, refused %v", err, Refused(err))
					}
					return
				}
				if want := (Submitted{"rel1", "job1", "rec1", "http://lab.example/releases/rel1"}); err != nil || got != want {
					t.Errorf("got %+v, %v; want %+v", got, err, want)
				}
			})
		})
	}
}

func TestMe(t *testing.T) {
	lab(t, func(t *testing.T, s *server, c *Client) {
		m, err := c.Me(t.Context())
		if err != nil || m.Party.Name != "Brindlemoor" || m.Party.Class != "vendor" || m.Person.Name != "Ada" || m.Scope != "submit" {
			t.Errorf("got %+v, %v", m, err)
		}
		for _, name := range []string{"", `A\nvendor: B`, `A\u202eB`} {
			s.fault = []fault{{"GET", func(_ *server, w http.ResponseWriter, _ *http.Request) {
				answer(w, 200, `{"person":{"id":"p","name":"Ada"},"party":{"id":"y","class":"vendor","name":"`+name+`"}}`)
			}}}
			if _, err := c.Me(t.Context()); !errors.Is(err, ErrAnswer) {
				t.Errorf("a party called %q: %v", name, err)
			}
		}
	})
}

func TestReleaseAndDossier(t *testing.T) {
	lab(t, func(t *testing.T, s *server, c *Client) {
		digest := strings.Repeat("0f", 32)
		s.fault = []fault{
			{"GET /api/v1/releases/r", func(_ *server, w http.ResponseWriter, _ *http.Request) {
				answer(w, 200, `{"release":{"id":"r"},"level":"whole","results":[{"scheme":"ts-33.117","edition":"V18.1.0","counts":{"pass":1,"fail":2,"inconclusive":3,"not_assessed":4,"not_applicable":5,"total":15}}]}`)
			}},
			{"GET /api/v1/dossiers/d", func(_ *server, w http.ResponseWriter, _ *http.Request) {
				answer(w, 200, `{"id":"d","digest":"`+digest+`"}`)
			}},
			{"GET /api/v1/dossiers/d", func(_ *server, w http.ResponseWriter, _ *http.Request) { answer(w, 200, `{"id":"d","digest":"abc"}`) }},
		}
		r, err := c.Release(t.Context(), "r")
		if want := (Result{"ts-33.117", "V18.1.0", Counts{1, 2, 3, 4, 5, 15}}); err != nil || r.ID != "r" || len(r.Results) != 1 || r.Results[0] != want {
			t.Errorf("got %+v, %v", r, err)
		}
		if got, err := c.Dossier(t.Context(), "d"); got != digest || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		if _, err := c.Dossier(t.Context(), "d"); !errors.Is(err, ErrAnswer) {
			t.Errorf("a digest that is none: %v", err)
		}
	})
}

// A server that cannot be reached at all is not tried for long.
func TestNobodyThere(t *testing.T) {
	lab(t, func(t *testing.T, _ *server, c *Client) {
		tries := 0
		none, err := New(Config{URL: c.URL(), Token: token, Insecure: true, Told: func(error, time.Duration) { tries++ }, Dial: newPipes().refuse})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		_, err = none.Me(t.Context())
		var lost *LostError
		if !errors.As(err, &lost) || !strings.Contains(err.Error(), "GET http://lab.example/api/v1/me") || Refused(err) || tries != firstTries-1 {
			t.Errorf("error %v after %d waits", err, tries)
		}
		if strings.Contains(err.Error(), token) {
			t.Errorf("the error tells the token: %v", err)
		}
		after(t, begun, firstWait*3/2, 3*firstWait)

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Me(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted: %v", err)
		}
	})
}
