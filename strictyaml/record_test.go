package strictyaml

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// read applies get to the record of a file and returns the errors.
func read(t *testing.T, in string, get func(*Record)) string {
	t.Helper()
	errs := NewErrors("f", "a file")
	n := Parse([]byte(in), errs)
	if n == nil {
		t.Fatal(errs.Err())
	}
	r := NewRecord(n, errs, "a thing")
	get(r)
	if err := errs.Err(); err != nil {
		return strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\nf:", "\n"), "f:")
	}
	return ""
}

func TestRecord(t *testing.T) {
	type color string
	for name, s := range map[string]struct {
		in   string
		get  func(*Record) any
		want any
		errs string
	}{
		"text":           {"a: ' x '\n", func(r *Record) any { return r.Text("a") }, "x", ""},
		"text of number": {"a: 1.50\n", func(r *Record) any { return r.Text("a") }, "1.50", ""},
		"no text":        {"a: [x]\n", func(r *Record) any { return r.Text("a") }, "", "1:4: a is a text"},
		"absent text":    {"b: x\n", func(r *Record) any { r.Node("b"); return r.Text("a") }, "", ""},
		"must":           {"a: x\n", func(r *Record) any { return r.Must("a") }, "x", ""},
		"must be there":  {"b: x\n", func(r *Record) any { r.Node("b"); return r.Must("a") }, "", "1:1: a is missing"},
		"must not be ''": {"a: ''\n", func(r *Record) any { return r.Must("a") }, "", "1:1: a is missing"},
		"must be a text": {"a: {}\n", func(r *Record) any { return r.Must("a") }, "", "1:4: a is a text"},
		"yes":            {"a: true\n", func(r *Record) any { return r.Yes("a") }, true, ""},
		"no":             {"a: false\n", func(r *Record) any { return r.Yes("a") || r.Yes("b") }, false, ""},
		"no truth":       {"a: 'true'\n", func(r *Record) any { return r.Yes("a") }, false, "1:4: a is true or false"},
		"items":          {"a: [x, y]\n", func(r *Record) any { return len(r.Items("a")) }, 2, ""},
		"no items":       {"a: x\n", func(r *Record) any { return len(r.Items("a")) + len(r.Items("b")) }, 0, "1:4: a is a list"},
		"texts":          {"a: [x, 1]\n", func(r *Record) any { return strings.Join(r.Texts("a"), "|") }, "x|1", ""},
		"one text":       {"a: x\n", func(r *Record) any { return strings.Join(r.Texts("a"), "|") }, "x", ""},
		"no texts":       {"a: [x, {}]\n", func(r *Record) any { return strings.Join(r.Texts("a"), "|") }, "x", "1:8: a is a list of texts"},
		"word":           {"a: red\n", func(r *Record) any { return Word(r, "a", color("blue"), "red", "blue") }, color("red"), ""},
		"absent word":    {"b: x\n", func(r *Record) any { r.Node("b"); return Word(r, "a", color("blue"), "red") }, color("blue"), ""},
		"no word":        {"a: rad\n", func(r *Record) any { return Word(r, "a", color("blue"), "red", "blue") }, color("blue"), `1:4: a is "rad"; it is one of red, blue (did you mean red?)`},
		"unknown key":    {"a: x\nbc: y\n", func(r *Record) any { r.Text("b"); return r.Text("a") }, "x", `2:1: key "bc" is not known here (did you mean b?)`},
		"no mapping":     {"- a\n", func(r *Record) any { return r.Text("a") }, "", "1:1: a thing is a mapping of keys and values"},
		"place":          {"a:\n  b\n", func(r *Record) any { r.Node("a"); return []Place{r.Start(), r.At("a"), r.At("z")} }, []Place{{1, 1}, {2, 3}, {1, 1}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got any
			errs := read(t, s.in, func(r *Record) { got = s.get(r); r.Done() })
			if diff := cmp.Diff(s.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if errs != s.errs {
				t.Errorf("errors: got %s, want %s", errs, s.errs)
			}
		})
	}
}
