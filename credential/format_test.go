package credential

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// chapter returns a chapter of doc/format.md.
func chapter(t *testing.T, title string) string {
	t.Helper()
	data, err := os.ReadFile("../doc/format.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(data), "\n# "+title+"\n")
	if !ok {
		t.Fatalf("doc/format.md has no chapter %q", title)
	}
	text, _, _ = strings.Cut(text, "\n# ")
	return text
}

// TestFormatZip holds that doc/format.md lists the files of a credential, in their order and with their bounds.
func TestFormatZip(t *testing.T) {
	text := chapter(t, "Credential")
	at := 0
	for _, name := range append(append([]string{}, fixedNames[:4]...), append([]string{disclosureName(0)}, fixedNames[4:]...)...) {
		row := fmt.Sprintf("\n| `%s` | %d |", name, memberCap(name))
		if name == disclosureName(0) {
			row = fmt.Sprintf("\n| `%s` … `%s` | %d |", name, disclosureName(MaxDisclosures-1), memberCap(name))
		}
		i := strings.Index(text[at:], row)
		if i < 0 {
			t.Errorf("doc/format.md has no row %q where it belongs", row)
			continue
		}
		at += i
	}
	for _, bound := range []int{MaxContainer, maxBundle, MaxSeen} {
		if !strings.Contains(text, fmt.Sprint(bound)) {
			t.Errorf("doc/format.md does not say %d", bound)
		}
	}
}

// TestFormatWords holds that doc/format.md lists every word with its exit code, in the order of precedence.
func TestFormatWords(t *testing.T) {
	text, at := chapter(t, "Credential"), 0
	for _, w := range Words() {
		i := strings.Index(text[at:], fmt.Sprintf("\n| %d | %s | ", w.ExitCode(), w))
		if i < 0 {
			t.Errorf("doc/format.md does not have %s with %d in its place", w, w.ExitCode())
			continue
		}
		at += i
	}
	if want := fmt.Sprintf("Clocks may be %d seconds apart", proof.FutureTolerance); !strings.Contains(text, want) {
		t.Errorf("doc/format.md does not say %q", want)
	}
}

// TestFormatPredicates holds that doc/format.md says what keys of each purpose may sign.
func TestFormatPredicates(t *testing.T) {
	text := chapter(t, "Trust file")
	for _, p := range []statement.Purpose{statement.ForIssuing, statement.ForLedger} {
		if row := fmt.Sprintf("\n| `%s` | `%s` |\n", p, strings.Join(Predicates(p), "`, `")); !strings.Contains(text, row) {
			t.Errorf("doc/format.md has no row %q", row)
		}
	}
	for _, p := range []statement.Purpose{statement.ForIssuing, statement.ForLedger} {
		for _, uri := range allowed(p)[len(Predicates(p)):] {
			if !strings.Contains(text, "`"+uri+"`") || p != statement.ForLedger {
				t.Errorf("doc/format.md does not say that %s keys may be allowed %q", p, uri)
			}
		}
	}
	if only := Predicates(statement.ForRoot); len(only) != 1 || !strings.Contains(text, "Only roots sign `"+only[0]+"`") {
		t.Errorf("doc/format.md does not say that roots sign %q", only)
	}
	if !strings.Contains(text, fmt.Sprint(maxTrust)) || !strings.Contains(text, fmt.Sprintf("1 to %d root keys", maxRoots)) {
		t.Error("doc/format.md does not have the bounds of the trust file")
	}
}

// TestFormatBounds holds that doc/format.md has the bounds of status lists, disclosures and equivocation files, and names their members.
func TestFormatBounds(t *testing.T) {
	for title, words := range map[string][]any{
		"Status list":       {StatusSize, StatusSize / 8, maxEncodedList},
		"Disclosure":        {leastLeaves, mostLeaves, maxItem, maxDisclosure, disclosureFormat, "`hashes`", "`index`", "`item`", "`of`", "`salt`"},
		"Equivocation file": {proof.MaxEquivocation, "probat-equivocation/1"},
		"Leaves and log":    {proof.MaxEntry, proof.MaxNote, proof.MaxExtra, fmt.Sprintf("at most %d hashes", proof.MaxHashes), fmt.Sprintf("1 to %d signature lines", proof.MaxLines)},
	} {
		text := chapter(t, title)
		for _, w := range words {
			if !strings.Contains(text, fmt.Sprint(w)) {
				t.Errorf("doc/format.md, chapter %s, does not say %v", title, w)
			}
		}
	}
	if leaf := string(proof.Leaf{}.Bytes()); !strings.Contains(chapter(t, "Leaves and log"), strings.NewReplacer(
		`"digest":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="`, `"digest":"D"`, `"content":""`, `"content":"S"`, `"rawBytes":""`, `"rawBytes":"K"`).Replace(leaf)) {
		t.Error("doc/format.md does not have the form of a leaf")
	}
}
