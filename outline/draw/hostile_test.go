package draw_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/outline/draw"
	productpkg "github.com/probat-lab/probat/product"
)

// unseen complains about characters of an outline that are not what they look like.
func unseen(t *testing.T, data []byte) {
	t.Helper()
	for i, r := range string(data) {
		if r != '\n' && (!unicode.IsPrint(r) || r == unicode.ReplacementChar) {
			t.Fatalf("%U at byte %d: %.80q", r, i, data[max(0, i-40):])
		}
	}
	for _, escape := range []string{`\u00`, `\b`, `\f`, `\r`, `\t`} {
		if i := bytes.Index(data, []byte(escape)); i >= 0 && data[i-1] != '\\' {
			t.Fatalf("%s at byte %d: %.80q", escape, i, data[max(0, i-40):])
		}
	}
}

// TestHostileNames: a product whose names and texts are meant for whoever shows them.
func TestHostileNames(t *testing.T) {
	p := &product{folder: "a", hash: "$1$a$b", library: "1\x1b[31m<script>alert(1)</script>\u202egnp.exe", mode: 0o666, motd: "x", more: map[string]string{
		"etc/\x1b[2Jname":                           "x",
		"etc/\u202ecod.exe":                         "x",
		"etc/<img src=x onerror=alert(1)>":          "x",
		"etc/\xff\xfe":                              "x",
		"etc/!;%41@":                                "x",
		"etc/" + strings.Repeat("long/", 700) + "x": "x",
		"etc/init.d/S01":                            "#!/bin/sh\nstart-stop-daemon -S -x /usr/bin/x -- --password hunter2 \x07\u2028\n",
	}}
	data := written(t, evaluated(t, p.write(t), parsed(t, small)))
	unseen(t, data)
	x := mustRead(t, data)
	found := map[string]bool{}
	for _, n := range x.nodes {
		found[n.Name] = true
	}
	for _, name := range []string{"%1B[2Jname", "%E2%80%AEcod.exe", "<img src=x onerror=alert(1)>", "%FF%FE", "%21%3B%2541@"} {
		if !found[name] {
			t.Errorf("no node is named %q", name)
		}
	}
	deep := x.nodes[len(x.nodes)-1]
	for _, n := range x.nodes {
		if n.Depth > deep.Depth {
			deep = n
		}
	}
	if len(deep.Address) != outline.MaxAddress || !strings.Contains(deep.Address, "…") || deep.Depth != 703 {
		t.Errorf("the deepest node, at %d: %d bytes, %.40q", deep.Depth, len(deep.Address), deep.Address)
	}
	if bytes.Contains(data, []byte("hunter2")) {
		t.Error("a password that the observer masked is there")
	}
}

// TestHostileDossier: contents that no observer of ours writes, though each file of such a dossier may be well-formed.
func TestHostileDossier(t *testing.T) {
	good := func() *dossier.Contents {
		p := &product{folder: "a", hash: "$1$a$b", library: "1", mode: 0o666, motd: "x"}
		return evaluated(t, p.write(t), parsed(t, small))
	}
	put := func(c *dossier.Contents, attrs any, node, observer string, e *fact.Excerpt) {
		k := fact.KindOf(attrs)
		lines, err := fact.SortLines(append(append([]string{}, c.Facts.Lines(k.Name)...), fact.Encode(observer, fact.Location{Node: node, System: "product!/a", Path: "/etc/\u202e"}, fact.Record{Attrs: attrs, Excerpt: e})))
		must(t, err)
		set := fact.NewSet()
		for _, o := range fact.Kinds() {
			if o.Name == k.Name {
				set.Put(o, lines)
			} else {
				set.Put(o, c.Facts.Lines(o.Name))
			}
		}
		c.Facts = set
	}
	long := strings.Repeat("\u202e\x00é%", 10_000)
	many := make([]string, 10_000)
	for i := range many {
		many[i] = strings.Repeat("x\x1b", 300)
	}
	for what, change := range map[string]func(*dossier.Contents){
		"texts of facts": func(c *dossier.Contents) {
			put(c, fact.Account{Name: long, Home: fact.Known("\x1b")}, "product!/a/etc/passwd", "acc\x07ount", &fact.Excerpt{Offset: -5, Length: 1 << 62, Line: -1, Text: long})
		},
		"lists": func(c *dossier.Contents) {
			put(c, fact.Group{Name: "g", Members: many}, "nowhere\u202e", "account", nil)
			put(c, fact.Unobserved{Reason: long, Detail: long, Hides: many}, "product", "x", nil)
		},
		"numbers": func(c *dossier.Contents) {
			put(c, fact.Service{Name: "s", Manager: "m", Port: fact.Known[int64](-1 << 63)}, "product!/a/etc", "service", nil)
		},
		"packages": func(c *dossier.Contents) {
			put(c, fact.Package{Name: "", Manager: long, Version: "\u202e"}, long, "dpkg", nil)
		},
		"judgements": func(c *dossier.Contents) {
			for range 100 {
				c.Judgements = append(c.Judgements, judge.Judgement{
					Scheme: "demo", Requirement: "R1", Test: "writable", Verdict: judge.Pass, Reason: "a\r\n\tb\x00\u202e" + long, Party: long, Person: "\n",
				})
			}
		},
		"manifest": func(c *dossier.Contents) {
			m := &c.Manifest
			m.LeftOut, m.Artifacts[0].Role, m.Artifacts[0].Size = []string{long}, long, 1<<63-1
			m.Unpackers[0].Name = "\x1b"
			m.Bytes.Nodes, m.Budgets.Bytes = 1<<63-1, -5
		},
		"declaration": func(c *dossier.Contents) {
			d, err := productpkg.Parse("product.yaml", []byte("vendor: \"a\\u202eb\"\nproduct: \"p\\u200b\"\nkind: equipment\nversion: \"1\"\n"))
			must(t, err)
			c.Declaration = d
		},
	} {
		c := good()
		change(c)
		must(t, c.Judge(t.Context(), c.Schemes()))
		var b bytes.Buffer
		if err := draw.Write(t.Context(), &b, c); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		unseen(t, b.Bytes())
		x, err := read(t.Context(), b.Bytes())
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if what == "judgements" {
			q := x.requirements[0]
			if len(q.Judgements) != 64 || q.JudgementsLeftOut != 36 || !strings.HasPrefix(q.Judgements[0].Reason, "a\n b%00%E2%80%AE") {
				t.Errorf("%d judgements, %d left out: %.40q", len(q.Judgements), q.JudgementsLeftOut, q.Judgements[0].Reason)
			}
		}
		if what == "declaration" && (x.head.Release.Vendor != "a%E2%80%AEb" || !strings.Contains(x.declaration.JSON, "a%E2%80%AEb")) {
			t.Errorf("the declaration: %+v %s", x.head.Release, x.declaration.JSON)
		}
	}
	for what, change := range map[string]func(*dossier.Contents){
		"no digest": func(c *dossier.Contents) { c.Manifest.Artifacts[0].Digest = "<script>" },
		"no date":   func(c *dossier.Contents) { c.Manifest.AsOf = "today" },
		"no type":   func(c *dossier.Contents) { c.Manifest.Artifacts[0].Type = "blob" },
		"statement": func(c *dossier.Contents) {
			c.Judgements = []judge.Judgement{{Scheme: "demo", Requirement: "R1", Test: "x", Verdict: "pass", Statement: "\x1b"}}
		},
		"verdict of a person": func(c *dossier.Contents) {
			c.Judgements = []judge.Judgement{{Scheme: "demo", Requirement: "R1", Test: "x", Verdict: "perhaps"}}
		},
		"the tree: no JSON":    func(c *dossier.Contents) { c.Tree = []byte("x\n") },
		"the tree: no parent":  func(c *dossier.Contents) { c.Tree = []byte(`{"address":"a!/b","type":"file"}` + "\n") },
		"the tree: no address": func(c *dossier.Contents) { c.Tree = []byte("{}\n") },
		"the tree: no type":    func(c *dossier.Contents) { c.Tree = []byte(`{"address":"a"}` + "\n") },
		"the tree: order": func(c *dossier.Contents) {
			c.Tree = []byte(`{"address":"a","type":"file"}` + "\n" + `{"address":"a!/c","type":"file"}` + "\n" + `{"address":"a!/b","type":"file"}` + "\n")
		},
		"the tree: twice": func(c *dossier.Contents) {
			c.Tree = []byte(`{"address":"a","type":"file"}` + "\n" + `{"address":"a","type":"file"}` + "\n")
		},
		"the tree: empty name": func(c *dossier.Contents) {
			c.Tree = []byte(`{"address":"a","type":"file"}` + "\n" + `{"address":"a!/","type":"file"}` + "\n")
		},
	} {
		c := good()
		change(c)
		if err := draw.Write(t.Context(), &bytes.Buffer{}, c); err == nil {
			t.Errorf("%s: written", what)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var names strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&names, `{"address":"a%05d","type":"file"}`+"\n", i)
	}
	c := good()
	c.Tree = []byte(names.String())
	if err := draw.Write(ctx, &bytes.Buffer{}, c); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestPlaces: of many places the first stand there, and the one with the bytes; the others are counted.
func TestPlaces(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := range 50 {
		for name, text := range map[string]string{"etc/group": "", "bin/x": "", "usr/x": "", "etc/passwd": fmt.Sprintf("a:$1$a$b:%d:0::/:\n", i)} {
			must(t, w.WriteHeader(&tar.Header{Name: fmt.Sprintf("s%02d/%s", i, name), Mode: 0o644, Size: int64(len(text))}))
			_, err := w.Write([]byte(text))
			must(t, err)
		}
	}
	must(t, w.Close())
	path := filepath.Join(t.TempDir(), "a.tar")
	must(t, os.WriteFile(path, b.Bytes(), 0o600))
	c := evaluated(t, path, parsed(t, small))
	find := func(data []byte) *outline.Finding {
		for _, f := range mustRead(t, data).findings {
			if f.Requirement == "R2" {
				return f
			}
		}
		t.Fatal("no finding")
		return nil
	}
	f := find(written(t, c))
	if len(f.Places) != outline.MaxPlaces || f.PlacesLeftOut != 50-outline.MaxPlaces || f.Decisive != 0 || f.Places[1].System != "a" && !strings.Contains(f.Places[1].System, "s01") {
		t.Errorf("%d places, %d left out, decisive %d, %q", len(f.Places), f.PlacesLeftOut, f.Decisive, f.Places[1].System)
	}
	for i := range c.Outcomes[0].Findings {
		if g := &c.Outcomes[0].Findings[i]; g.Requirement == "R2" {
			for k, p := range g.Places {
				if k != 45 {
					p.Excerpt = nil
				}
			}
		}
	}
	f = find(written(t, c))
	if len(f.Places) != outline.MaxPlaces || f.PlacesLeftOut != 50-outline.MaxPlaces || f.Decisive != outline.MaxPlaces-1 ||
		!strings.Contains(f.Places[f.Decisive].Node, "s45") || !strings.Contains(f.Places[f.Decisive-1].Node, "s30") {
		t.Errorf("with the bytes at the last but four: %d places, decisive %d, at %q", len(f.Places), f.Decisive, f.Places[f.Decisive].Node)
	}
}
