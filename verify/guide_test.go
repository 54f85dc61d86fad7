package verify

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestGuide holds doc/reading-the-verifier.md to the code: the files and tests that it names exist, and so do the functions beside a file.
func TestGuide(t *testing.T) {
	root := ".."
	guide, err := os.ReadFile(filepath.Join(root, "doc", "reading-the-verifier.md"))
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	names := []string{}
	for _, dir := range []string{"credential", "verify", "statement", "ledger/proof"} {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(dir), "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", dir, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(b)
			names = append(names, dir+"/"+filepath.Base(f))
		}
	}
	words := regexp.MustCompile("`([A-Za-z./_]+)`").FindAllStringSubmatch(string(guide), -1)
	if len(words) < 40 {
		t.Errorf("%d words in code style", len(words))
	}
	for _, w := range words {
		switch word := w[1]; {
		case strings.HasSuffix(word, ".go"):
			if !slices.ContainsFunc(names, func(n string) bool { return n == word || strings.HasSuffix(n, "/"+word) }) {
				t.Errorf("there is no file %s", word)
			}
		case regexp.MustCompile(`^[A-Za-z]+$`).MatchString(word):
			if !regexp.MustCompile(`(?m)(^func (\([^)]*\) )?|^\t?|const )` + word + `\b`).MatchString(code.String()) {
				t.Errorf("there is no function, constant or package %s", word)
			}
		}
	}
}

// TestModules: what probat-verify is linked from, on every system that it is built for.
func TestModules(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{.ImportPath}} {{with .Module}}{{.Path}}{{end}}", "../cmd/probat-verify")
		cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		modules := map[string]bool{}
		for line := range strings.Lines(string(out)) {
			pkg, module, _ := strings.Cut(strings.TrimSpace(line), " ")
			if module != "" {
				modules[module] = true
			}
			if ours, ok := strings.CutPrefix(pkg, "github.com/probat-lab/probat/"); ok && !slices.Contains([]string{"cmd/probat-verify", "verify", "credential", "statement", "ledger/proof"}, ours) {
				t.Errorf("%s: linked with %s", goos, ours)
			}
			for _, never := range []string{"net/http", "os/exec", "plugin", "database/sql", "crypto/tls"} {
				if pkg == never {
					t.Errorf("%s: linked with %s", goos, pkg)
				}
			}
		}
		delete(modules, "github.com/probat-lab/probat")
		if len(modules) > 5 {
			t.Errorf("%s: linked with %d foreign modules: %v", goos, len(modules), modules)
		}
		guide, err := os.ReadFile("../doc/reading-the-verifier.md")
		if err != nil {
			t.Fatal(err)
		}
		for m := range modules {
			if !strings.Contains(string(guide), m) {
				t.Errorf("the guide does not name the module %s", m)
			}
		}
	}
}
