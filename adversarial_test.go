package probat_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAdversarialTable holds doc/adversarial-tests.md to the code: 47 rows, of which each names a test or says why there is none; every test that they name exists; and every fuzz
// target of what reads other people's bytes is named.
func TestAdversarialTable(t *testing.T) {
	data, err := os.ReadFile("doc/adversarial-tests.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for n := 1; n <= 47; n++ {
		rows := regexp.MustCompile(fmt.Sprintf(`(?m)^\| %d \| [^|]+ \|([^|]*)\|([^|]*)\|$`, n)).FindAllStringSubmatch(text, -1)
		if len(rows) != 1 {
			t.Errorf("number %d has %d rows of four cells", n, len(rows))
		} else if !strings.Contains(rows[0][1], "`") && strings.TrimSpace(rows[0][2]) == "" {
			t.Errorf("number %d names no test, and does not say why", n)
		}
	}
	tests := map[string]string{} // text of the test files, by room
	named := regexp.MustCompile("`([a-z/]+) ((?:Test|Fuzz)[A-Za-z0-9]+)`").FindAllStringSubmatch(text, -1)
	for _, m := range named {
		room, name := m[1], m[2]
		if _, read := tests[room]; !read {
			files, err := filepath.Glob(filepath.Join(room, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				code, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				tests[room] += string(code)
			}
		}
		if !strings.Contains(tests[room], "\nfunc "+name+"(") {
			t.Errorf("%s has no %s", room, name)
		}
	}
	for _, room := range []string{"statement", "ledger/proof", "ledger/witness", "credential", "verify"} {
		for _, m := range regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`).FindAllStringSubmatch(tests[room], -1) {
			if !strings.Contains(text, "`"+room+" "+m[1]+"`") {
				t.Errorf("%s %s is not named", room, m[1])
			}
		}
	}
	for _, m := range regexp.MustCompile("`([a-z-]+\\.txt)`").FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("cmd/probat/testdata/script", m[1])); err != nil {
			t.Error(err)
		}
	}
	if len(named) < 100 {
		t.Errorf("%d tests are named", len(named))
	}
}
