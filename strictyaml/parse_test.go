package strictyaml

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sketch writes a node with the places of its values, for comparison.
func sketch(n *Node) string {
	at := fmt.Sprintf("@%d:%d", n.At.Line, n.At.Column)
	switch n.Kind {
	case Null:
		return "null" + at
	case String:
		mark := ""
		if n.Quoted {
			mark = "q"
		}
		if n.Block {
			mark = "b"
		}
		return mark + fmt.Sprintf("%q", n.Text) + at
	case Bool:
		return fmt.Sprint(n.Bool) + "=" + n.Text + at
	case Int:
		return fmt.Sprint(n.Int) + "=" + n.Text + at
	case Number:
		return "number " + n.Text + at
	case List:
		var parts []string
		for _, x := range n.List {
			parts = append(parts, sketch(x))
		}
		return "[" + strings.Join(parts, " ") + "]" + at
	case Mapping:
		var parts []string
		for _, e := range n.Entries {
			parts = append(parts, fmt.Sprintf("%s@%d:%d=%s", e.Name, e.At.Line, e.At.Column, sketch(e.Value)))
		}
		return "{" + strings.Join(parts, " ") + "}" + at
	}
	return "bad" + at
}

// TestParse holds what files mean, and where it stands in them.
func TestParse(t *testing.T) {
	for name, s := range map[string]struct{ in, want string }{
		"scalars": {
			"a: x\nb: 1\nc: true\nd: 1.5\ne: ~\nf: \"1\"\ng: 'x'\nh: 0x10\ni: yes\n",
			`{a@1:1="x"@1:4 b@2:1=1=1@2:4 c@3:1=true=true@3:4 d@4:1=number 1.5@4:4 e@5:1=null@5:1 f@6:1=q"1"@6:4 g@7:1=q"x"@7:4 h@8:1=16=0x10@8:4 i@9:1="yes"@9:4}@1:1`,
		},
		"integers":        {"a: 9223372036854775807\nb: 9223372036854775808\nc: -9223372036854775808\n", `{a@1:1=9223372036854775807=9223372036854775807@1:4 b@2:1=number 9223372036854775808@2:4 c@3:1=-9223372036854775808=-9223372036854775808@3:4}@1:1`},
		"left out":        {"a:\nb: x\n", `{a@1:1=null@1:1 b@2:1="x"@2:4}@1:1`},
		"nested":          {"a:\n  - b: x\n    c: [1, {d: y}]\n", `{a@1:1=[{b@2:5="x"@2:8 c@3:5=[1=1@3:9 {d@3:13="y"@3:16}@3:12]@3:8}@2:5]@2:3}@1:1`},
		"block":           {"a: |\n  x\n  y\nb: >-\n  x\n  y\n", `{a@1:1=b"x\ny\n"@1:4 b@4:1=b"x y"@4:4}@1:1`},
		"alias":           {"a: &k [x]\nb: *k\n", `{a@1:1=["x"@1:8]@1:7 b@2:1=["x"@1:8]@2:4}@1:1`},
		"mark":            {"\ufeffa: x\r\nb: y\r\n", `{a@1:1="x"@1:4 b@2:1="y"@2:4}@1:1`},
		"characters":      {"é: [ü, x]\n", `{é@1:1=["ü"@1:5 "x"@1:8]@1:4}@1:1`},
		"header":          {"# x\n---\na: b\n...\n# y\n", `{a@3:1="b"@3:4}@3:1`},
		"trailing header": {"a: b\n---\n", `{a@1:1="b"@1:4}@1:1`},
	} {
		t.Run(name, func(t *testing.T) {
			errs := NewErrors("f", "a file")
			n := Parse([]byte(s.in), errs)
			if err := errs.Err(); err != nil || n == nil {
				t.Fatalf("got %v, %v", n, err)
			}
			if diff := cmp.Diff(s.want, sketch(n)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestRefuses holds what is refused, and the words.
func TestRefuses(t *testing.T) {
	deep := func(n int) string { return "a: " + strings.Repeat("[", n) + strings.Repeat("]", n) + "\n" }
	keys := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "k%d: x\n", i)
		}
		return b.String()
	}
	flow := "{" + strings.ReplaceAll(strings.TrimSuffix(keys(257), "\n"), "\n", ", ") + "}\n"
	for name, s := range map[string]struct{ in, want string }{
		"empty":               {"", "1:1: the file is empty: a file starts with one, two and three"},
		"comments":            {"# x\n", "1:1: the file is empty: a file starts with one, two and three"},
		"large":               {strings.Repeat("#", MaxSize+1), "1:1: the file has 1048577 bytes; a file has at most 1048576"},
		"punctuation":         {"a: \"" + strings.Repeat("-", MaxIndicators) + "\"\n", "1:1: the file has 262147 punctuation characters; at most 262144 are read"},
		"control":             {"a: x\x1b[m\n", "1:5: byte that is no text: a file is UTF-8 without control characters"},
		"invalid UTF-8":       {"a: é\xff\n", "1:5: byte that is no text: a file is UTF-8 without control characters"},
		"carriage return":     {"a: x\ry: z\n", "1:5: byte that is no text: a file is UTF-8 without control characters"},
		"line separator":      {"a: x\u2028\n", "1:5: byte that is no text: a file is UTF-8 without control characters"},
		"no YAML":             {"a: [x\n", "1:4: no YAML: sequence end token ']' not found"},
		"two documents":       {"a: x\n---\nb: y\n", "3:1: second document: a file is one document"},
		"tag":                 {"a: !!str x\n", `1:4: tag "!!str": a file has no tags`},
		"directive":           {"%YAML 1.2\n---\na: x\n", "1:1: directive: a file has no directives"},
		"merge key":           {"a:\n  <<: {}\n", "2:3: merge key: write the keys out"},
		"no anchor":           {"a: *c\n", `1:4: alias "c": no anchor of that name stands before it`},
		"anchor of anchor":    {"a: &b &c x\n", "1:4: anchor of an anchor"},
		"itself":              {"a: &b [*b]\n", `1:8: alias "b": no anchor of that name stands before it`},
		"repeated key":        {"a: x\nb: y\na: z\n", `3:1: key "a" is already there in line 1`},
		"repeated flow key":   {"a: {b: x, b: y}\n", `1:11: key "b" is already there in line 1`},
		"number for a key":    {"1: x\n", `1:1: key "1": keys are plain words`},
		"deep":                {deep(MaxDepth), "1:19: more than 16 lists and mappings inside each other"},
		"deep blocks":         {stairs(MaxDepth + 1), "17:17: more than 16 lists and mappings inside each other"},
		"deep items":          {strings.Repeat("- ", MaxDepth) + "- x\n", "1:33: more than 16 lists and mappings inside each other"},
		"many keys":           {keys(257), "257:5: more than 256 keys in one mapping"},
		"many keys in flow":   {flow, "1:1: more than 256 keys in one mapping"},
		"expanding aliases":   {"a: &a [" + strings.Repeat("x, ", 999) + "x]\nb: [" + strings.Repeat("*a, ", 299) + "*a]\n", "1:1: aliases expand to more than 262144 values"},
		"escaped in message":  {"\"\\e[m\": x\na: x\n\"\\e[m\": y\n", `3:1: key "\x1b[m" is already there in line 1`},
		"behind two markers":  {"a: b\n---\n---\nc: d\n", "4:1: second document: a file is one document"},
		"behind a comment":    {"a: b\n# x\n---\n# y\n---\nc: d\n", "6:1: second document: a file is one document"},
		"behind an empty one": {"---\n---\na: b\n", "3:1: second document: a file is one document"},
		"behind the end":      {"a: b\n...\nc: d\n", "3:1: second document: a file is one document"},
	} {
		t.Run(name, func(t *testing.T) {
			errs := NewErrors("f", "a file", "one", "two", "three")
			Parse([]byte(s.in), errs)
			err := errs.Err()
			if err == nil {
				t.Fatal("is accepted")
			}
			if diff := cmp.Diff("f:"+s.want, err.Error()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	for name, in := range map[string]string{"depth": deep(MaxDepth - 1), "blocks": stairs(MaxDepth), "keys": keys(256)} {
		errs := NewErrors("f", "a file")
		if Parse([]byte(in), errs); errs.Err() != nil {
			t.Errorf("%s at the bound: %v", name, errs.Err())
		}
	}
}

// TestErrors holds order, bound and form of a list of errors.
func TestErrors(t *testing.T) {
	errs := NewErrors("f", "a file")
	if errs.Err() != nil {
		t.Error("nothing is an error")
	}
	for i := range 25 {
		errs.Add(Place{Line: 30 - i, Column: 2}, "%d", i)
	}
	errs.Add(Place{}, "first")
	errs.Add(Place{}, "first")
	list, ok := errs.Err().(*ErrorList)
	if !ok || len(list.List) != 20 || list.More != 6 {
		t.Fatalf("got %v", errs.Err())
	}
	if list.List[0] != (Error{"f", 1, 1, "first"}) || list.List[1] != (Error{"f", 6, 2, "24"}) {
		t.Errorf("got %v", list.List[:2])
	}
	lines := strings.Split(list.Error(), "\n")
	if got := lines[len(lines)-1]; got != "f: and 6 more" {
		t.Errorf("last line is %q", got)
	}
	for keys, want := range map[string]string{"": "has keys and values", "a": "starts with a", "a b": "starts with a and b"} {
		if got := NewErrors("", "", strings.Fields(keys)...).beginning(); got != want {
			t.Errorf("%q: got %q, want %q", keys, got, want)
		}
	}
	if got, want := Quote("a\x1b\"é"), `"a\x1b\"é"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := Quote(strings.Repeat("é", 100)); len(got) > 80*6+5 || !strings.HasSuffix(got, "…") {
		t.Errorf("got %s", got)
	}
}

func TestFind(t *testing.T) {
	n := mustParse(t, "a:\n  - b: x\n    c: [1, 2]\nd: {}\n")
	for path, want := range map[string]struct {
		at    Place
		there bool
	}{
		"":          {Place{1, 1}, true},
		"a":         {Place{2, 3}, true},
		"a[0]":      {Place{2, 5}, true},
		"a[0].b":    {Place{2, 8}, true},
		"a[0].c[1]": {Place{3, 12}, true},
		"a[0].c[2]": {Place{3, 8}, false},
		"a[1].b":    {Place{2, 3}, false},
		"a[-1]":     {Place{2, 3}, false},
		"a[x]":      {Place{2, 3}, false},
		"a[0].e":    {Place{2, 5}, false},
		"d.e.f":     {Place{4, 4}, false},
		"d[0]":      {Place{4, 4}, false},
		"z":         {Place{1, 1}, false},
	} {
		if at, there := n.Find(path); at != want.at || there != want.there {
			t.Errorf("%q: got %v %v, want %v", path, at, there, want)
		}
	}
	if n.Value("a") == nil || n.Value("z") != nil || n.Value("a").Value("b") != nil {
		t.Error("Value is wrong")
	}
}

func mustParse(t *testing.T, in string) *Node {
	t.Helper()
	errs := NewErrors("f", "a file")
	n := Parse([]byte(in), errs)
	if err := errs.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}
