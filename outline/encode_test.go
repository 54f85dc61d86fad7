package outline

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// TestEncode: values are fitted, what cannot be is refused, and the end counts what was written and what was left out.
func TestEncode(t *testing.T) {
	var b bytes.Buffer
	e := NewEncoder(&b)
	u := &Unobserved{Node: "a\x1b", Length: -7, Offset: MaxInteger + 1, Reason: strings.Repeat("x", 65)}
	if err := e.Encode(u); err != nil {
		t.Fatal(err)
	}
	if u.Node != "a%1B" || u.Length != -1 || u.Offset != MaxInteger || len(u.Reason) > 64 {
		t.Errorf("fitted is %+v", u)
	}
	for what, row := range map[string]Row{
		"a digest":      &Artifact{ID: "a", Type: "file", Digest: "x"},
		"a name":        &Artifact{Type: "file"},
		"a word":        &Artifact{ID: "a", Type: "socket"},
		"a list":        &Observer{Name: "o", Kinds: make([]string, 1001)},
		"a JSON object": &Fact{Attributes: "[]", Kind: "k", Node: "a", Observer: "o"},
		"a line":        &Head{AsOf: "2026-11-24", Dossier: strings.Repeat("ab", 32), Format: Format, LeftOut: longTexts(1000), Unpackers: longTexts(1001)},
	} {
		if err := e.Encode(row); !errors.Is(err, ErrRow) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := e.End(map[string]int64{"node": 4}); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(b.String(), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[1], `{"end":{"counts":[{"kind":"head","left_out":0,"rows":0},`) ||
		!strings.Contains(lines[1], `{"kind":"node","left_out":4,"rows":0}`) || !strings.Contains(lines[1], `{"kind":"unobserved","left_out":0,"rows":1}`) {
		t.Errorf("written is %s", b.String())
	}
	full := &Encoder{w: &b, limits: newLimits(), rows: map[string]int64{}, written: MaxRows}
	if err := full.Encode(u); !errors.Is(err, ErrRow) {
		t.Errorf("a row too many: %v", err)
	}
}

func longTexts(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = strings.Repeat("x", 300)
	}
	return list
}

// TestGroups: every verdict has a group that a requirement may be in.
func TestGroups(t *testing.T) {
	for verdict, want := range map[string]string{
		"fail": "fails", "inconclusive": "cannot-tell", "pass": "holds", "not-assessed": "waits", "not-applicable": "does-not-apply",
	} {
		if got := GroupOf(verdict); got != want {
			t.Errorf("%s is in %s, want %s", verdict, got, want)
		}
	}
}
