package credential_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
)

// seen returns what a verifier remembers of two labs.
func seen(t testing.TB) *credential.Seen {
	t.Helper()
	var s *credential.Seen
	for _, origin := range []string{"log.a.example", "log.b.example"} {
		l := credentialtest.New(t, origin, 3)
		in := input(l)
		in.Seen = s
		s = want(t, l.NewCredential().Seal(), in, credential.Valid).Seen
		l.Series = credentialtest.Hex(16)
		in.Seen = s
		s = want(t, l.NewCredential().Seal(), in, credential.Valid).Seen
	}
	return s
}

func TestSeenRoundTrip(t *testing.T) {
	s := seen(t)
	if len(s.Labs) != 2 || len(s.Labs[0].Series) != 2 || len(s.Labs[1].Series) != 2 {
		t.Fatalf("remembers %+v", s)
	}
	data, err := s.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	back, err := credential.ParseSeen(data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := back.Bytes()
	if err != nil || !bytes.Equal(again, data) {
		t.Errorf("%q, %v", again, err)
	}
	for name, b := range map[string][]byte{
		"nothing":         nil,
		"no newline":      data[:len(data)-1],
		"two newlines":    append(bytes.Clone(data), '\n'),
		"format":          bytes.Replace(data, []byte("seen/1"), []byte("seen/2"), 1),
		"unknown field":   bytes.Replace(data, []byte(`{"format"`), []byte(`{"a":1,"format"`), 1),
		"no labs":         []byte(`{"format":"probat-seen/1","labs":null}` + "\n"),
		"not sorted":      bytes.Replace(data, []byte(s.Labs[0].Fingerprint), []byte(strings.Repeat("f", 64)), 1),
		"no fingerprint":  bytes.Replace(data, []byte(s.Labs[0].Fingerprint), []byte("x"), 1),
		"version 0":       bytes.Replace(data, []byte(`"version":1`), []byte(`"version":0`), 1),
		"sequence 0":      bytes.Replace(data, []byte(`"sequence":1`), []byte(`"sequence":0`), 1),
		"a broken list":   bytes.Replace(data, []byte(`"encodedList":"uH4s`), []byte(`"encodedList":"uI4s`), 1),
		"a broken note":   bytes.Replace(data, []byte(`log.a.example\n`), []byte(`log.a.example\n0`), 1),
		"a broken time":   bytes.Replace(data, []byte(`"time":"2`), []byte(`"time":"3`), 1),
		"a broken id":     bytes.Replace(data, []byte(`"id":"`), []byte(`"id":"x`), 1),
		"leading comment": append([]byte("#\n"), data...),
	} {
		if name == "a broken time" {
			b = bytes.Replace(data, []byte(`"time":"2026`), []byte(`"time":"26`), 1)
		}
		if bytes.Equal(b, data) {
			t.Errorf("%s: nothing was changed", name)
		}
		if _, err := credential.ParseSeen(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestSeenGrows: the checkpoint only grows, and a credential that is not authentic leaves everything as it was.
func TestSeenGrows(t *testing.T) {
	l, c, old := sealed(t)
	in := input(l)
	in.Seen = want(t, old, in, credential.Valid).Seen
	small := in.Seen.Labs[0].Checkpoint
	newer := c.Refresh(2, noon.Add(time.Hour), nil)
	in.Seen = want(t, newer, in, credential.Valid).Seen
	large := in.Seen.Labs[0].Checkpoint
	if small == large {
		t.Error("the checkpoint did not grow")
	}
	in.Seen = want(t, old, in, credential.Valid).Seen
	if in.Seen.Labs[0].Checkpoint != large {
		t.Error("the checkpoint shrank")
	}
	before := in.Seen
	in.Trust = nil
	if r := want(t, newer, in, credential.NotPinned); r.Seen != before {
		t.Error("remembers without trust")
	}
}

// TestSeenOfOthers: a lab cannot speak for another one's series or log.
func TestSeenOfOthers(t *testing.T) {
	l, c, zip := sealed(t)
	evil := credentialtest.New(t, origin, 3)
	evil.Series = l.Series
	e := evil.NewCredential()
	e.Seal()
	in := input(evil)
	s := want(t, e.Refresh(99, noon.Add(time.Hour), with(c.Index, "revoked")), in, credential.Revoked).Seen
	in = input(l)
	in.Seen = s
	if r := want(t, zip, in, credential.Valid); len(r.Seen.Labs) != 2 {
		t.Errorf("remembers %d labs", len(r.Seen.Labs))
	}
}

func FuzzParseSeen(f *testing.F) {
	data, err := seen(f).Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"format":"probat-seen/1","labs":[]}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := credential.ParseSeen(data)
		if err != nil {
			return
		}
		again, err := s.Bytes()
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q, %v", again, err)
		}
	})
}
