package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// states returns what a job is when it is asked for the first, second … time; the last one stays.
func states(list ...string) func(int) (string, string) {
	return func(n int) (string, string) { return list[min(n, len(list)-1)], "" }
}

// stream writes events and then ends.
func stream(parts ...string) func(int, http.ResponseWriter, *http.Request) {
	return func(n int, w http.ResponseWriter, _ *http.Request) {
		if n < len(parts) {
			_, _ = io.WriteString(w, parts[n])
		}
	}
}

func TestWait(t *testing.T) {
	const (
		one = "event: progress\ndata: {\"phase\":\"observing\",\"files\":3,\"bytes\":70,\"container\":\"router!/fs\",\"slowest\":\"router!/a\",\"took\":1.5,\"seconds\":2}\n\n"
		two = "event: progress\ndata: {\"state\":\"running\",\"files\":4,\"bytes\":80,\"slowest\":[{\"name\":\"router!/b\",\"took\":\"2 s\"}],\"took\":2,\"seconds\":3}\n\n"
		end = "event: end\ndata: {\"state\":\"done\"}\n\n"
	)
	first := Event{"observing", 3, 70, "router!/fs", "router!/a", 1.5, 2}
	second := Event{"running", 4, 80, "", "router!/b", 2, 3}
	queued := Event{Phase: "queued"}
	for _, test := range []struct {
		name        string
		job         func(int) (string, string)
		events      func(int, http.ResponseWriter, *http.Request)
		told        []Event
		least, most time.Duration
	}{
		{"it has ended before", states("done"), stream(), nil, 0, 0},
		{"from the queue to the end", states("queued", "done"), stream(": hello\n\n" + one + two + end), []Event{queued, first, second}, 0, 0},
		{"the stream breaks", states("running", "running", "done"), stream(one, two+end), []Event{first, second}, firstWait / 2, firstWait},
		{"the end is told too early", states("running", "running", "done"), stream(end, one+end), []Event{first}, firstWait / 2, firstWait},
		{"what is no event is passed over", states("running", "done"), stream("event: progress\ndata: nonsense\n\nevent: other\ndata: {}\n\n" + end), nil, 0, 0},
		{
			"there is no stream", states("running", "running", "running", "running", "done"),
			func(_ int, w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusNotFound) }, nil, 3 * time.Second, 8 * time.Second,
		},
		{
			"nothing is heard in the queue", states("queued", "running", "done"),
			func(_ int, w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusOK)
				_ = http.NewResponseController(w).Flush()
				hang(nil, w, r)
			},
			[]Event{queued},
			2 * stall, 2 * stall,
		},
		{
			"it takes long, and events come", states("running", "done"),
			func(_ int, w http.ResponseWriter, _ *http.Request) {
				for range 10 {
					time.Sleep(stall / 2)
					_, _ = io.WriteString(w, ": still there\n\n")
					_ = http.NewResponseController(w).Flush()
				}
				_, _ = io.WriteString(w, end)
			}, nil, 5 * stall, 5 * stall,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			lab(t, func(t *testing.T, s *server, c *Client) {
				s.job, s.events = test.job, test.events
				begun := time.Now()
				var told []Event
				j, err := c.Wait(t.Context(), "job1", func(e Event) { told = append(told, e) })
				if want := (Job{"job1", "rel1", "done", "dos1", ""}); err != nil || j != want {
					t.Errorf("got %+v, %v; want %+v", j, err, want)
				}
				if !slices.Equal(told, test.told) {
					t.Errorf("told %+v, want %+v", told, test.told)
				}
				after(t, begun, test.least, test.most)
			})
		})
	}
}

func TestWaitEndsOtherwise(t *testing.T) {
	lab(t, func(t *testing.T, s *server, c *Client) {
		s.job = func(int) (string, string) { return "failed", "the image was damaged" }
		if j, err := c.Wait(t.Context(), "job1", nil); err != nil || j.State != "failed" || j.Error != "the image was damaged" {
			t.Errorf("got %+v, %v", j, err)
		}
	})
	lab(t, func(t *testing.T, s *server, c *Client) {
		s.fault = []fault{{"GET /api/v1/jobs/job1", refuse(http.StatusUnauthorized, "")}}
		if _, err := c.Wait(t.Context(), "job1", nil); !Refused(err) {
			t.Errorf("the token has ended: %v", err)
		}
	})
	lab(t, func(t *testing.T, s *server, c *Client) {
		s.job = states("running")
		s.events = func(_ int, w http.ResponseWriter, r *http.Request) { hang(s, w, r) }
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			synctest.Wait()
			cancel()
		}()
		if _, err := c.Wait(ctx, "job1", nil); !errors.Is(err, context.Canceled) {
			t.Errorf("interrupted: %v", err)
		}
	})
}

func TestReadEvents(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", ""},
		{"data: a\n\n", "[|a]"},
		{"event: x\r\ndata:a\r\ndata: b\r\n\r\n", "[x|a\nb]"},
		{"event: x\n\ndata: a\n\n", "[|a]"}, // an event without data is none
		{": words\nid: 7\nretry: 10\nnothing\ndata: {\"a\": 1}\n\n", `[|{"a": 1}]`},
		{"data: cut off\n", ""},
		{"data:  two spaces\n\nevent: end\ndata: e\n\ndata: later\n\n", "[| two spaces][end|e]"},
	} {
		var got strings.Builder
		err := readEvents(strings.NewReader(test.in), func(name string, data []byte) bool {
			fmt.Fprintf(&got, "[%s|%s]", name, data)
			return name != "end"
		})
		if err != nil || got.String() != test.want {
			t.Errorf("%q: got %q, %v; want %q", test.in, got.String(), err, test.want)
		}
	}
	for _, in := range [][]byte{bytes.Repeat([]byte("x"), 2*maxEvent), bytes.Repeat([]byte("data: 12345678\n"), maxEvent/8)} {
		if err := readEvents(bytes.NewReader(in), func(string, []byte) bool { return true }); err == nil {
			t.Errorf("an event without end of %d bytes is read", len(in))
		}
	}
}
