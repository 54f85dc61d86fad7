package records

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sources are the texts of files below a folder whose names end like this.
func sources(t *testing.T, dir, suffix string) []string {
	t.Helper()
	var all []string
	for _, path := range files(t, dir, suffix) {
		b, err := os.ReadFile(path)
		ok(t, err)
		all = append(all, string(b))
	}
	return all
}

func files(t *testing.T, dir, suffix string) []string {
	t.Helper()
	var all []string
	ok(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, suffix):
			all = append(all, path)
		}
		return nil
	}))
	return all
}

// exported are the names of the functions and methods of this package.
func exported(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, path := range files(t, ".", ".go") {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		ok(t, err)
		for _, d := range f.Decls {
			if fn, is := d.(*ast.FuncDecl); is && fn.Name.IsExported() {
				names = append(names, fn.Name.Name)
			}
		}
	}
	return names
}

func callOf(name string) *regexp.Regexp { return regexp.MustCompile(`\b` + name + `[(\[)]`) }

// tables are those that the portal's migration makes.
func tables(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "migrations", "0003_portal.sql"))
	ok(t, err)
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^CREATE (?:VIRTUAL )?TABLE (\w+)`).FindAllStringSubmatch(string(b), -1) {
		names = append(names, m[1])
	}
	if len(names) < 30 {
		t.Fatalf("the migration makes only %v", names)
	}
	return names
}

// TestSQLStandsHere: no other package says SQL on the tables of the portal, so that there is no way around View. Strings are what counts, not
// comments; a statement must name the table after a word of SQL.
func TestSQLStandsHere(t *testing.T) {
	says := regexp.MustCompile(`(?s)\b(?:FROM|JOIN|INTO|UPDATE|TABLE|ON)\s+"?(?:` + strings.Join(tables(t), "|") + `)\b`)
	if !says.MatchString("SELECT id\nFROM releases") || says.MatchString("DELETE FROM case_names") {
		t.Fatal("the test does not know SQL when it sees it")
	}
	sql := regexp.MustCompile(`\b(?:SELECT|INSERT|UPDATE|DELETE|WHERE|ALTER|DROP|CREATE)\b`)
	root := filepath.Join("..", "..")
	here := filepath.Join(root, "store", "records")
	found := 0
	for _, path := range files(t, root, ".go") {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		ok(t, err)
		inside := filepath.Dir(path) == here || strings.HasSuffix(path, "_test.go")
		ast.Inspect(f, func(n ast.Node) bool {
			lit, is := n.(*ast.BasicLit)
			if !is || lit.Kind != token.STRING {
				return true
			}
			s, err := strconv.Unquote(lit.Value)
			if err != nil || !says.MatchString(s) || !sql.MatchString(s) {
				return true
			}
			found++
			if !inside {
				t.Errorf("%s says SQL on the portal's tables: %.100q", path, s)
			}
			return true
		})
	}
	if found < 50 {
		t.Errorf("only %d statements were found", found)
	}
}

// TestGuardedTables: each table with a release has row-level security, but for those that the migration gives a reason for.
func TestGuardedTables(t *testing.T) {
	r := postgres(t)
	rows, err := r.db.QueryContext(t.Context(), `SELECT c.relname FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND NOT c.relforcerowsecurity
		AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'release_id') ORDER BY 1`)
	got := must(all(rows, err, scanString))(t)
	if want := []string{"assignments", "grants", "words"}; !slices.Equal(got, want) {
		t.Errorf("without row-level security: %v, want %v", got, want)
	}
}
