package draft

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/seal/examine"
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
		text, err := itemText(examine.Item{Fingerprint: "ab", Kind: "finding", Requirement: "1", Scheme: "s", Value: c.raw}, c.raw, c.most)
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
