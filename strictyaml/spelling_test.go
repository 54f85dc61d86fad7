package strictyaml

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	words := []string{"artifacts", "accounts", "services", "protocol", "transport_security", "v1", "id"}
	for word, want := range map[string]string{
		"artefacts":                    "artifacts",
		"acconuts":                     "accounts", // two letters swapped
		"SERVICES":                     "services",
		"proto":                        "protocol", // a beginning
		"transport-security":           "transport_security",
		"transport security":           "transport_security",
		"zzzzzz":                       "",
		"":                             "",
		"x":                            "",
		"di":                           "id",
		strings.Repeat("artifacts", 8): "",
	} {
		if got := Nearest(word, words); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
	if got := Nearest("artefacts", make([]string, maxCandidates+1)); got != "" {
		t.Errorf("of too many candidates: %q", got)
	}
	if got, want := Suggest("artefacts", words), " (did you mean artifacts?)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Suggest("zzzzzz", words); got != "" {
		t.Errorf("got %q", got)
	}
}

// TestSpellerStops holds that a file full of unknown words asks only so often.
func TestSpellerStops(t *testing.T) {
	var s Speller
	for i := range maxSuggestions {
		if s.Nearest("artefacts", []string{"artifacts"}) == "" {
			t.Fatalf("stopped after %d", i)
		}
	}
	if s.Nearest("artefacts", []string{"artifacts"}) != "" {
		t.Error("does not stop")
	}
}

func TestEditDistance(t *testing.T) {
	for pair, want := range map[[2]string]int{
		{"", ""}: 0, {"abc", "abc"}: 0, {"abc", "ab"}: 1, {"ab", "abc"}: 1, {"abc", "abd"}: 1, {"abc", "acb"}: 1, {"a_b", "A-b"}: 0, {"", "xyz"}: 3, {"kitten", "sitting"}: 3,
	} {
		if got := editDistance(pair[0], pair[1]); got != want {
			t.Errorf("%q: got %d, want %d", pair, got, want)
		}
		if got := editDistance(pair[1], pair[0]); got != want {
			t.Errorf("%q backwards: got %d, want %d", pair, got, want)
		}
	}
}
