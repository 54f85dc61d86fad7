package examine

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/probat-lab/probat/dossier"
)

func TestItemText(t *testing.T) {
	var places []string
	for n := range 1000 {
		places = append(places, fmt.Sprintf(`{"node":"a!/%d"}`, n))
	}
	finding := json.RawMessage(`{"places":[` + strings.Join(places, ",") + `],"title":"weak <hash> é"}`)
	for _, c := range []struct {
		raw        json.RawMessage
		most, kept int // -1: by digest only
	}{
		{finding, 1 << 20, 1000},
		{finding, 5000, 0},
		{finding, 400, 0},
		{finding, 120, -1},
		{json.RawMessage(`{"title":"` + strings.Repeat("x", 5000) + `"}`), 4000, -1},
		{json.RawMessage(`{"places":[{"x":"` + strings.Repeat("x", 5000) + `"},{}],"title":"y"}`), 4000, 0},
	} {
		text, err := itemText(Item{Fingerprint: "ab", Kind: "finding", Requirement: "1", Scheme: "s", Value: c.raw}, c.raw, c.most)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Kind  string `json:"kind"`
			Value struct {
				Places  []json.RawMessage `json:"places"`
				LeftOut int               `json:"placesLeftOut"`
				Digest  string            `json:"digest"`
			} `json:"value"`
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil || got.Kind != "finding" {
			t.Fatalf("%v: %.200s", err, text)
		}
		v := got.Value
		switch {
		case c.kept == -1:
			if v.Digest != dossier.Digest(c.raw) || v.Places != nil {
				t.Errorf("at most %d: %.200s", c.most, text)
			}
		case len(text) > c.most:
			t.Errorf("%d bytes, at most %d", len(text), c.most)
		case c.kept == 1000 && (v.LeftOut != 0 || len(v.Places) != 1000 || strings.Contains(text, "placesLeftOut")):
			t.Errorf("a small one was shortened: %.200s", text)
		case c.kept == 0 && (v.LeftOut == 0 || v.Digest != ""):
			t.Errorf("at most %d: %d places, %d left out", c.most, len(v.Places), v.LeftOut)
		case c.most == 5000 && (len(v.Places)+v.LeftOut != 1000 || len(text) < 4900):
			t.Errorf("at most %d: %d places, %d left out, %d bytes", c.most, len(v.Places), v.LeftOut, len(text))
		}
	}
}

func TestParse(t *testing.T) {
	digest := strings.Repeat("ab", 32)
	p := &Plan{
		Artifacts: []Artifact{{Digest: digest, ID: "a", Type: "file"}}, Dossier: digest, Observed: digest, Files: []File{{Digest: digest, Name: "dossier.json"}},
		Schemes: []Judged{},
	}
	good, err := p.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(good); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string][2]string{
		"white space": {`{`, `{ `}, "unknown key": {`{"artifacts"`, `{"a":1,"artifacts"`}, "twice": {`{"artifacts"`, `{"artifacts":[],"artifacts"`},
		"no digest": {`"dossier":"abab`, `"dossier":"ab`}, "digest of an artifact": {`{"digest":"ab`, `{"digest":"xy`}, "capitals": {`"dossier":"ab`, `"dossier":"AB`},
		"nothing in it": {`[{"digest":"` + digest + `","id":"a","size":0,"type":"file"}]`, `[]`},
	} {
		text := strings.Replace(string(good), change[0], change[1], 1)
		if text == string(good) {
			t.Fatalf("%s: nothing was changed in %s", what, good)
		}
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	if _, err := Parse(append(good, '\n')); err == nil {
		t.Error("trailing data accepted")
	}
}
