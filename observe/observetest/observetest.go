package observetest

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/unpack"
)

var update = flag.Bool("update", false, "rewrite golden files")

// Files is a small system: what stands at each path. A path that ends in a slash is a directory; content that begins with
// "-> " is a symbolic link to what follows.
type Files map[string]string

// Write writes files below a temporary directory and returns it. It has etc, bin, sbin, lib and usr, so that it is a system.
func Write(t testing.TB, files Files) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"etc", "bin", "sbin", "lib", "usr"} {
		if _, linked := files[d]; !linked {
			must(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
		}
	}
	for name, content := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if strings.HasSuffix(name, "/") {
			must(t, os.MkdirAll(p, 0o755))
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(p), 0o755))
		if target, ok := strings.CutPrefix(content, "-> "); ok {
			must(t, os.Symlink(target, p))
			continue
		}
		must(t, os.WriteFile(p, []byte(content), 0o644))
	}
	return dir
}

// Run runs observers over a directory as the artifact "product".
func Run(t testing.TB, dir string, observers ...observe.Observer) *observe.Result {
	t.Helper()
	run := observe.New(observers, nil)
	for {
		tr, err := unpack.Walk(t.Context(), []unpack.Artifact{{ID: "product", Path: dir}}, unpack.Config{Visitor: run})
		must(t, err)
		res, again, err := run.Join(t.Context(), tr)
		must(t, err)
		if !again {
			return res
		}
	}
}

// Facts writes files, runs the observer over them and returns what Lines returns.
func Facts(t testing.TB, o observe.Observer, files Files) []string {
	t.Helper()
	return Lines(t, Run(t, Write(t, files), o))
}

// Lines returns all facts as "KIND LINE", in order. It fails the test where a line does not parse back, or has raw control
// bytes or invalid UTF-8 in it.
func Lines(t testing.TB, res *observe.Result) []string {
	t.Helper()
	var lines []string
	for _, k := range fact.Kinds() {
		for _, l := range res.Facts.Lines(k.Name) {
			if err := Check(k, l); err != nil {
				t.Errorf("%v in %q", err, l)
			}
			lines = append(lines, k.Name+" "+l)
		}
	}
	return lines
}

// Check says what is wrong with a fact's line.
func Check(k *fact.Kind, line string) error {
	if !utf8.ValidString(line) {
		return fmt.Errorf("invalid UTF-8")
	}
	for _, r := range line {
		if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return fmt.Errorf("control byte %q", r)
		}
	}
	for _, escape := range []string{`\n`, `\r`, `\t`, `\u00`, `\b`, `\f`} {
		// A backslash of the product is written as two.
		if strings.Contains(strings.ReplaceAll(line, `\\`, ""), escape) {
			return fmt.Errorf("escaped control byte %s", escape)
		}
	}
	_, err := fact.Parse(k, line)
	return err
}

// Golden compares lines with testdata/NAME.golden; with -update it writes that file.
func Golden(t testing.TB, name string, lines []string) {
	t.Helper()
	p := filepath.Join("testdata", name+".golden")
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(p, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(p)
	must(t, err)
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("facts differ from %s (-want +got):\n%s", p, diff)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
