package witness

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/ledger/proof"
)

func TestCollector(t *testing.T) {
	l, other := newLog(t, origin, "", 20, 20), newLog(t, "log.other.example", "", 20, 20)
	clock := newClock()
	keys, strangers := cosigners(t, "w1"), cosigners(t, "w1")
	c9 := l.at(t, 9)
	cosign := func(k *proof.Cosigner, c *proof.SignedCheckpoint, late time.Duration) proof.SignatureLine {
		line, err := k.Cosign(c, clock.Now().Add(late).Unix())
		if err != nil {
			t.Fatal(err)
		}
		return line
	}
	note := func(c proof.Checkpoint, lines ...proof.SignatureLine) string {
		return string((&proof.SignedCheckpoint{Checkpoint: c, Lines: lines}).Bytes())
	}
	good, good2 := cosign(keys[0], c9, 0), cosign(keys[1], c9, -90*24*time.Hour)
	wrong := cosign(keys[1], l.at(t, 8), 0)
	replay := cosign(keys[0], other.at(t, 9), 0)
	var taken []proof.SignatureLine
	var fail error
	k, err := NewCollector(CollectorConfig{
		Origin: origin, Keys: []proof.WitnessKey{keys[0].Key(), keys[1].Key()}, Now: clock.Now,
		Accept: func(_ context.Context, c proof.Checkpoint, lines []proof.SignatureLine) error {
			if c != c9.Checkpoint {
				t.Errorf("checkpoint %v", c)
			}
			taken = append(taken, lines...)
			return fail
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, body string
		fail       error
		status     int
		taken      int
	}{
		{"one", note(c9.Checkpoint, good), nil, 200, 1},
		{"two, one of them late", note(c9.Checkpoint, good, good2), nil, 200, 2},
		{"beside unknown ones", note(c9.Checkpoint, cosign(strangers[0], c9, 0), good, c9.Lines[0]), nil, 200, 1},
		{"garbage", "garbage", nil, 400, 0},
		{"nothing", "", nil, 400, 0},
		{"no lines", c9.Body() + "\n", nil, 400, 0},
		{"twice", note(c9.Checkpoint, good, good), nil, 400, 0},
		{"trailing bytes", note(c9.Checkpoint, good) + "\n", nil, 400, 0},
		{"unknown only", note(c9.Checkpoint, cosign(strangers[0], c9, 0)), nil, 403, 0},
		{"one wrong", note(c9.Checkpoint, good, wrong), nil, 403, 0},
		{"of another log, put under ours", note(c9.Checkpoint, replay), nil, 403, 0},
		{"of another log", note(other.at(t, 9).Checkpoint, replay), nil, 404, 0},
		{"of the future", note(c9.Checkpoint, cosign(keys[0], c9, 6*time.Minute)), nil, 403, 0},
		{"not known to the log", note(c9.Checkpoint, good), ErrUnknownCheckpoint, 404, 1},
		{"not stored", note(c9.Checkpoint, good), errors.New("secret"), 500, 1},
		{"too much", strings.Repeat("x", maxBody+1), nil, 413, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			taken, fail = nil, tt.fail
			body := want(t, post(k, "/cosignatures", []byte(tt.body)), tt.status)
			if len(taken) != tt.taken || strings.Contains(body, "secret") {
				t.Errorf("%d lines taken, answer %q", len(taken), body)
			}
		})
	}
	want(t, post(k, "/other", nil), 404)
	rec := httptest.NewRecorder()
	k.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/cosignatures", nil))
	want(t, rec, 405)
	for range maxBusy {
		enter(k.busy)
	}
	want(t, post(k, "/cosignatures", []byte(note(c9.Checkpoint, good))), 503)
	for _, c := range []CollectorConfig{{}, {Origin: origin, Keys: k.config.Keys}, {Origin: origin, Accept: k.config.Accept}, {Keys: k.config.Keys, Accept: k.config.Accept}} {
		if _, err := NewCollector(c); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}
