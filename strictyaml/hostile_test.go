package strictyaml

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func stairs(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// hostile are files of the largest size that made parsers slow.
func hostile() map[string]string {
	fill := func(s string) string { return strings.Repeat(s, (MaxSize-1000)/len(s)) }
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 16; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [*a%d%s]\n", i, i, i-1, strings.Repeat(fmt.Sprintf(", *a%d", i-1), 8))
	}
	var chain strings.Builder
	chain.WriteString("- &a0 x\n")
	for i := 1; i < 5000; i++ {
		fmt.Fprintf(&chain, "- &a%d [*a%d]\n", i, i-1)
	}
	return map[string]string{
		"empty":            "",
		"large":            fill("#") + strings.Repeat("#", 2000),
		"open lists":       fill("["),
		"lists":            strings.Repeat("[", 1<<17) + strings.Repeat("]", 1<<17),
		"mappings":         strings.Repeat("{a: ", 1<<16),
		"items":            strings.Repeat("- ", 1<<17),
		"item mappings":    strings.Repeat("- a: ", 1<<16),
		"question marks":   strings.Repeat("? ", 1<<17),
		"anchors":          "a: " + strings.Repeat("&a ", 1<<16),
		"aliases":          "a: " + strings.Repeat("*a ", 1<<16),
		"anchors and tags": "a: " + strings.Repeat("&a !b ", 1<<15),
		"keys":             strings.Repeat("key: x\n", 1<<17),
		"inner keys":       "web:\n" + strings.Repeat("  key: x\n", 1<<16),
		"item keys":        "services:\n  - name: x\n" + strings.Repeat("    key: x\n", 1<<16),
		"keys on one line": "{" + strings.Repeat("k: x, ", 1<<17) + "}",
		"colons":           strings.Repeat("a: ", 1<<17),
		"indentation":      stairs(1000),
		"bomb":             bomb,
		"chain":            chain.String(),
		"quotes":           fill("'"),
		"documents":        strings.Repeat("---\n", 1<<15),
		"documents of a":   strings.Repeat("---\na: b\n", 1<<14),
		"spaces":           fill(" "),
		"tabs":             fill("\t"),
		"newlines":         fill("\n"),
		"carriage returns": fill("\r"),
		"comments":         fill("# \n"),
		"pipes":            strings.Repeat("|\n", 1<<17),
	}
}

// TestHostileFiles holds that each ends soon with an error. The limit is generous: what it must catch takes minutes.
func TestHostileFiles(t *testing.T) {
	for name, src := range hostile() {
		start := time.Now()
		errs := NewErrors("f", "a file")
		Parse([]byte(src), errs)
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s (%d bytes) took %v", name, len(src), took)
		} else {
			t.Log(name, len(src), took)
		}
		if errs.Err() == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for name, src := range map[string]string{"long word": "a", "long text": `"\u00e9"`, "block": "|\n  x"} {
		unit, end, _ := strings.Cut(src, "x")
		long := "k: " + unit + strings.Repeat("y", MaxSize-100) + end + "\n"
		start := time.Now()
		errs := NewErrors("f", "a file")
		Parse([]byte(long), errs)
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s took %v", name, took)
		}
	}
}

// schemeLike writes a file as large as a scheme gets: 73 requirements, each with prose and nested tests.
func schemeLike() []byte {
	var b bytes.Buffer
	b.WriteString("scheme: large\nedition: \"1\"\nrequirements:\n")
	prose := strings.Repeat("      A sentence of this length, with a comma: and a colon - and so on.\n", 24)
	for i := range 73 {
		fmt.Fprintf(&b, "  - id: 4.2.%d\n    title: \"Requirement %d\"\n    text: |\n%s    pass-by: [[live], [artifact, person]]\n    tests:\n", i, i, prose)
		for k := range 9 {
			fmt.Fprintf(&b, "      - id: t%d\n        strength: indicative\n        over: [file, elf]\n        let: {a: 'ref(\"x\", it.b + \"@\" + it.c)', d: {e: [f, {g: h}]}}\n"+
				"        where: it.at_boot && it.reach != \"loopback\" && !(it.path in [\"/a\", \"/b\"])\n"+
				"        expect: >-\n          declaration.services.exists(s, s.protocol == it.protocol\n          && s.port == it.port)\n        same: [it.program, it.protocol]\n", k)
		}
	}
	return b.Bytes()
}

// TestBoundsSuffice holds that the bounds for hostile files leave room for the largest file that we mean to write, and for every
// scheme of the repository.
func TestBoundsSuffice(t *testing.T) {
	files := map[string][]byte{"schemeLike": schemeLike()}
	if n := len(files["schemeLike"]); n < 350_000 || n > 450_000 {
		t.Errorf("the sample has %d bytes", n)
	}
	names, err := filepath.Glob("../schemes/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = data
	}
	for name, data := range files {
		errs := NewErrors(name, "a scheme")
		start := time.Now()
		Parse(data, errs)
		t.Log(name, len(data), "bytes", Indicators(string(data)), "indicators", time.Since(start))
		if err := errs.Err(); err != nil {
			t.Error(err)
		}
		if n := Indicators(string(data)); n > MaxIndicators/2 {
			t.Errorf("%s has %d indicators, more than half of what is read", name, n)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("a: &a {b: [x, 1, true, ~]}\nc: *a\nd: |\n  x\ne: >-\n  y\n"))
	f.Add([]byte("- 'x'\n- \"\\u00e9\"\n- ? a\n  : b\n"))
	f.Add([]byte("a: x\na: y\n---\nb\n"))
	f.Add([]byte(stairs(17)))
	f.Add([]byte("a: !t x\n<<: y\n%d\n"))
	f.Add([]byte("\ufeffa: \"x\\e\"\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		errs := NewErrors("f", "a file")
		n := Parse(data, errs)
		err := errs.Err()
		if (n == nil) && err == nil {
			t.Fatal("neither a value nor an error")
		}
		lines := bytes.Count(data, []byte("\n")) + bytes.Count(data, []byte("\r")) + 2
		if list, ok := err.(*ErrorList); ok {
			for _, e := range list.List {
				if e.Line < 1 || e.Column < 1 || e.Line > lines || strings.ContainsAny(e.Message, "\n\x1b") {
					t.Errorf("bad error %+v", e)
				}
			}
		} else if err != nil {
			t.Errorf("error of the wrong type: %v", err)
		}
		if n == nil {
			return
		}
		count := 0
		walk(t, n, 0, &count, lines, err == nil)
		if count > maxNodes {
			t.Errorf("%d nodes", count)
		}
	})
}

func walk(t *testing.T, n *Node, depth int, count *int, lines int, good bool) {
	*count++
	if n == nil || depth > MaxDepth*MaxDepth {
		t.Fatalf("at depth %d: %v", depth, n)
	}
	if n.Kind == Bad && good || n.At.Line < 1 || n.At.Column < 1 || n.At.Line > lines {
		t.Fatalf("%+v", n)
	}
	seen := map[string]bool{}
	for _, e := range n.Entries {
		if seen[e.Name] {
			t.Fatalf("key %q twice", e.Name)
		}
		seen[e.Name] = true
		walk(t, e.Value, depth+1, count, lines, good)
	}
	for _, x := range n.List {
		walk(t, x, depth+1, count, lines, good)
	}
}

func BenchmarkParse(b *testing.B) {
	data := schemeLike()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if Parse(data, NewErrors("f", "a scheme")) == nil {
			b.Fatal("is refused")
		}
	}
}
