package probat_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAdversarialTable holds doc/adversarial-tests.md to the code: 47 rows, and every test that they name exists.
func TestAdversarialTable(t *testing.T) {
	data, err := os.ReadFile("doc/adversarial-tests.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for n := 1; n <= 47; n++ {
		if !strings.Contains(text, fmt.Sprintf("\n| %d | ", n)) {
			t.Errorf("number %d has no row", n)
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
	for _, m := range regexp.MustCompile("`([a-z-]+\\.txt)`").FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join("cmd/probat/testdata/script", m[1])); err != nil {
			t.Error(err)
		}
	}
	if len(named) < 100 {
		t.Errorf("%d tests are named", len(named))
	}
}
