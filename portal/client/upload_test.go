package client

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func (s *server) holds(t *testing.T, id string, want []byte) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.uploads[id]; u == nil || !bytes.Equal(u.data, want) {
		t.Errorf("the upload %q is not the file: asked %q", id, s.asked)
	}
}

func TestUploadGoesOn(t *testing.T) {
	const mib = 1 << 20
	data := random(19*mib + 3)
	all := []string{"POST /uploads/", "PATCH /uploads/up0@0", "PATCH /uploads/up0@8388608", "PATCH /uploads/up0@16777216"}
	for _, test := range []struct {
		name        string
		fault       []fault
		asked       []string
		least, most time.Duration
	}{
		{"nothing breaks", nil, all, 0, 0},
		{
			"the connection breaks in the middle of a part",
			[]fault{{"PATCH /uploads/up0@8388608", breakAfter(mib)}},
			[]string{all[0], all[1], all[2], "HEAD /uploads/up0", "PATCH /uploads/up0@9437184", "PATCH /uploads/up0@17825792"},
			firstWait / 2, firstWait,
		},
		{
			"the answer is lost",
			[]fault{{"PATCH /uploads/up0@0", lose}, {"PATCH /uploads/up0@16777216", lose}},
			[]string{all[0], all[1], "HEAD /uploads/up0", all[2], all[3], "HEAD /uploads/up0"},
			firstWait, 2 * firstWait,
		},
		{
			"the server says that it is elsewhere",
			[]fault{{"PATCH /uploads/up0@0", refuse(http.StatusConflict, "")}},
			[]string{all[0], all[1], "HEAD /uploads/up0", all[1], all[2], all[3]},
			firstWait, firstWait,
		},
		{
			"another request has the lock",
			[]fault{{"PATCH /uploads/up0@0", refuse(http.StatusLocked, "")}},
			[]string{all[0], all[1], "HEAD /uploads/up0", all[1], all[2], all[3]},
			firstWait / 2, firstWait,
		},
		{
			"too many requests",
			[]fault{{"POST /uploads/", refuse(http.StatusTooManyRequests, "7")}, {"PATCH /uploads/up0@8388608", refuse(http.StatusTooManyRequests, "11")}},
			append([]string{all[0]}, all[0], all[1], all[2], "HEAD /uploads/up0", all[2], all[3]), 18 * time.Second, 19 * time.Second,
		},
		{
			"nothing moves",
			[]fault{{"PATCH /uploads/up0@0", hang}},
			[]string{all[0], all[1], "HEAD /uploads/up0", all[1], all[2], all[3]},
			stall, stall + firstWait,
		},
		{
			"the server forgets it",
			[]fault{{"PATCH /uploads/up0@8388608", refuse(http.StatusNotFound, "")}},
			[]string{all[0], all[1], all[2], all[0], "PATCH /uploads/up1@0", "PATCH /uploads/up1@8388608", "PATCH /uploads/up1@16777216"},
			0, 0,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			lab(t, func(t *testing.T, s *server, c *Client) {
				s.fault = test.fault
				begun := time.Now()
				var ids []string
				var sent atomic.Int64
				id, err := c.Upload(t.Context(), Upload{
					Name: "router.img", Size: int64(len(data)), Data: bytes.NewReader(data),
					Begun: func(id string) { ids = append(ids, id) }, Sent: func(n int64) { sent.Store(n) },
				})
				if err != nil {
					t.Fatal(err)
				}
				s.holds(t, id, data)
				if !slices.Equal(s.asked, test.asked) {
					t.Errorf("asked\n%q, want\n%q", s.asked, test.asked)
				}
				if len(ids) == 0 || ids[len(ids)-1] != id || sent.Load() != int64(len(data)) {
					t.Errorf("told of %q and %d bytes", ids, sent.Load())
				}
				if got, want := s.uploads[id].name, "filename "+base64.StdEncoding.EncodeToString([]byte("router.img")); got != want {
					t.Errorf("metadata %q, want %q", got, want)
				}
				after(t, begun, test.least, test.most)
			})
		})
	}
}

func TestUploadOfARunBefore(t *testing.T) {
	data := random(100)
	for _, test := range []struct {
		name  string
		held  *upload
		asked []string
	}{
		{"half", &upload{data: slices.Clone(data[:60]), size: 100}, []string{"HEAD /uploads/old", "PATCH /uploads/old@60"}},
		{"whole", &upload{data: slices.Clone(data), size: 100}, []string{"HEAD /uploads/old"}},
		{"of another file", &upload{size: 99}, []string{"HEAD /uploads/old", "POST /uploads/", "PATCH /uploads/up1@0"}},
		{"gone", nil, []string{"HEAD /uploads/old", "POST /uploads/", "PATCH /uploads/up0@0"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			lab(t, func(t *testing.T, s *server, c *Client) {
				if test.held != nil {
					s.uploads["old"] = test.held
				}
				id, err := c.Upload(t.Context(), Upload{Size: 100, Data: bytes.NewReader(data), ID: "old"})
				if err != nil {
					t.Fatal(err)
				}
				s.holds(t, id, data)
				if !slices.Equal(s.asked, test.asked) {
					t.Errorf("asked %q, want %q", s.asked, test.asked)
				}
			})
		})
	}
}

func TestUploadGivesUp(t *testing.T) {
	repeat := func(n int, f fault) []fault { return slices.Repeat([]fault{f}, n) }
	for _, test := range []struct {
		name        string
		fault       []fault
		tries       int // of PATCH or POST
		want        string
		refused     bool
		least, most time.Duration
	}{
		{"the server is broken", repeat(99, fault{"PATCH", refuse(http.StatusServiceUnavailable, "")}), mostTries, "(503)", false, 15 * time.Second, time.Minute},
		{"it wants to be left alone for too long", repeat(1, fault{"PATCH", refuse(http.StatusTooManyRequests, "3600")}), 1, "(429)", false, 0, 0},
		{"the file is too large", repeat(1, fault{"POST", refuse(http.StatusRequestEntityTooLarge, "")}), 0, "(413): not now", true, 0, 0},
		{"the disk is full", repeat(1, fault{"PATCH", refuse(http.StatusInsufficientStorage, "")}), 1, "(507)", false, 0, 0},
		{"the token is not for that", repeat(1, fault{"POST", refuse(http.StatusForbidden, "")}), 0, "(403)", true, 0, 0},
		{"it is forgotten each time", repeat(3, fault{"PATCH", refuse(http.StatusGone, "")}), 3, "(410)", true, 0, 0},
		{"it makes no sense", []fault{{"PATCH", func(_ *server, w http.ResponseWriter, _ *http.Request) { w.Header().Set("Upload-Offset", "101") }}}, 1, "is none of a lab's server", false, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			lab(t, func(t *testing.T, s *server, c *Client) {
				s.fault = test.fault
				begun := time.Now()
				_, err := c.Upload(t.Context(), Upload{Name: "a", Size: 100, Data: bytes.NewReader(random(100))})
				if err == nil || !strings.Contains(err.Error(), test.want) || Refused(err) != test.refused {
					t.Fatalf("error %v, refused %v; want one with %q", err, Refused(err), test.want)
				}
				tries := 0
				for _, a := range s.asked {
					if strings.HasPrefix(a, "PATCH") {
						tries++
					}
				}
				if tries != test.tries {
					t.Errorf("%d tries, want %d: %q", tries, test.tries, s.asked)
				}
				after(t, begun, test.least, test.most)
			})
		})
	}
}

// A server that takes a little and then breaks, again and again, is no reason to give up.
func TestUploadWithManyBreaks(t *testing.T) {
	data := random(5000)
	lab(t, func(t *testing.T, s *server, c *Client) {
		for n := 0; n < 40*100; n += 100 {
			s.fault = append(s.fault, fault{fmt.Sprintf("PATCH /uploads/up0@%d", n), breakAfter(100)})
		}
		id, err := c.Upload(t.Context(), Upload{Size: int64(len(data)), Data: bytes.NewReader(data)})
		if err != nil {
			t.Fatal(err)
		}
		s.holds(t, id, data)
		if len(s.fault) > 0 {
			t.Errorf("%d breaks are left", len(s.fault))
		}
	})
}

// A file that has become shorter is no broken connection.
func TestUploadOfAShorterFile(t *testing.T) {
	lab(t, func(t *testing.T, s *server, c *Client) {
		begun := time.Now()
		_, err := c.Upload(t.Context(), Upload{Size: 100, Data: bytes.NewReader(random(60))})
		if !errors.Is(err, io.ErrUnexpectedEOF) || Refused(err) || len(s.asked) != 2 {
			t.Errorf("error %v; asked %q", err, s.asked)
		}
		after(t, begun, 0, 0)
	})
}

func TestUploadInterrupted(t *testing.T) {
	lab(t, func(t *testing.T, s *server, c *Client) {
		s.fault = []fault{{"PATCH", hang}}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			synctest.Wait() // until the part hangs
			cancel()
		}()
		_, err := c.Upload(ctx, Upload{Size: 100, Data: bytes.NewReader(random(100))})
		if !errors.Is(err, context.Canceled) || Refused(err) {
			t.Errorf("error %v", err)
		}
	})
}

func TestLabel(t *testing.T) {
	long := strings.Repeat("é", 150)
	if got, want := label(long), strings.Repeat("é", 100); got != want {
		t.Errorf("label %q, want %q", got, want)
	}
	if got := label("x" + long); len(got) != 199 || strings.ToValidUTF8(got, "") != got {
		t.Errorf("label of %d bytes %q", len(got), got)
	}
}
