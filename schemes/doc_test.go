package schemes_test

import (
	"os"
	"strings"
	"testing"

	"github.com/probat-lab/probat/scheme"
	"github.com/probat-lab/probat/schemetest"
)

const guide = "../doc/writing-a-scheme.md"

// blocks returns the fenced blocks of the guide whose opening line has that label.
func blocks(t *testing.T, label string) []string {
	t.Helper()
	data, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	var open []string
	inside := false
	for line := range strings.SplitSeq(string(data), "\n") {
		switch {
		case inside && line == "```":
			out = append(out, strings.Join(open, "\n")+"\n")
			inside = false
		case inside:
			open = append(open, line)
		case line == "```"+label:
			inside, open = true, nil
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s has no block %q", guide, label)
	}
	return out
}

// TestGuide reads, lints and tests what doc/writing-a-scheme.md shows.
func TestGuide(t *testing.T) {
	source := blocks(t, "yaml scheme")[0]
	s := parseAndLint(t, source)
	r, err := schemetest.Run(t.Context(), s, guide, []byte(blocks(t, "yaml cases")[0]))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Failures {
		t.Error(f)
	}
	head, _, _ := strings.Cut(source, "profiles:")
	for _, test := range blocks(t, "yaml test") {
		var b strings.Builder
		b.WriteString(head + "requirements:\n  - id: R\n    title: t\n    text: t\n    pass-by: [[artifact]]\n    tests:\n")
		mark := "      - "
		for line := range strings.Lines(test) {
			b.WriteString(mark + line)
			mark = "        "
		}
		parseAndLint(t, b.String())
	}
}

func parseAndLint(t *testing.T, source string) *scheme.Scheme {
	t.Helper()
	s, err := scheme.Parse("guide", []byte(source))
	if err != nil {
		t.Fatalf("%v in\n%s", err, source)
	}
	if err := scheme.Lint("guide", s); err != nil {
		t.Error(err)
	}
	return s
}

// TestGuideNamesEveryKey holds the guide's tables against what the reader of schemes knows.
func TestGuideNamesEveryKey(t *testing.T) {
	data, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range strings.Fields(`id clause title test-case text link severity applies contradicts pass-by waits answers tests means strength needs over where
		let unknown expect by require same empty complete across observer persons procedure evidence`) {
		if !strings.Contains(string(data), "`"+key) {
			t.Errorf("%s does not explain the key %s", guide, key)
		}
	}
}
