package draw_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/scheme"
)

const small = `scheme: demo
edition: "1"
title: Demo
publisher: Us
link: https://example.org/
texts: ours
requirements:
  - id: R1
    title: nothing is writable by all
    text: No file is writable by all.
    pass-by: [[artifact]]
    tests: [{id: writable, title: is writable by all, strength: decisive, over: file, where: 'it.system != "" && it.type == "file"', expect: "!it.world_writable"}]
  - id: R2
    title: stored passwords are strong
    text: Passwords are stored with a slow hash.
    pass-by: [[artifact]]
    tests: [{id: weak, title: is stored with a weak hash, strength: decisive, over: account, where: has(it.scheme), expect: it.scheme != "md5crypt"}]
  - id: R3
    title: libraries are new
    text: No package is the old one.
    pass-by: [[artifact]]
    tests: [{id: old, title: is old, strength: decisive, over: package, expect: it.version != "3.0.11"}]
  - id: R4
    title: what is installed is marked so
    text: All packages are installed.
    pass-by: [[artifact]]
    tests: [{id: installed, title: is not installed, strength: decisive, over: package, expect: it.installed}]
  - id: R5
    title: groups have names
    text: Groups have names.
    pass-by: [[artifact]]
    tests: [{id: named, title: has no name, strength: decisive, over: group, expect: it.name != ""}]
`

// product is a small root file system below a folder that is named after the version.
type product struct {
	folder, hash, library, motd string
	mode                        int64
	more                        map[string]string
}

func (p *product) write(t testing.TB) string {
	t.Helper()
	files := map[string]string{
		"etc/passwd":          "root:x:0:0:root:/root:/bin/sh\n",
		"etc/shadow":          "root:" + p.hash + ":20000:0:90:7:::\n",
		"etc/group":           "root:x:0:\n",
		"etc/motd":            p.motd,
		"bin/sh":              "#!",
		"usr/bin/x":           "#!",
		"var/lib/dpkg/status": "Package: libssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: " + p.library + "\n\n",
	}
	for name, text := range p.more {
		files[name] = text
	}
	var names []string
	for n := range files {
		names = append(names, n)
	}
	slices.Sort(names)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, n := range names {
		h := &tar.Header{Name: p.folder + "/" + n, Mode: 0o644, Size: int64(len(files[n])), Typeflag: tar.TypeReg}
		if n == "etc/motd" {
			h.Mode = p.mode
		}
		must(t, w.WriteHeader(h))
		_, err := w.Write([]byte(files[n]))
		must(t, err)
	}
	must(t, w.Close())
	path := filepath.Join(t.TempDir(), "product.tar")
	must(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

func parsed(t testing.TB, source string) *scheme.Scheme {
	t.Helper()
	s, err := scheme.Parse("demo.yaml", []byte(source))
	must(t, err)
	return s
}

// judged returns the rows of one scheme as Compare takes them.
func (x *rows) judged() *outline.Judged {
	j := &outline.Judged{Scheme: *x.schemes[0]}
	for _, r := range x.all {
		switch r := r.(type) {
		case *outline.Artifact:
			j.Artifacts = append(j.Artifacts, *r)
		case *outline.Requirement:
			j.Requirements = append(j.Requirements, *r)
		case *outline.Finding:
			j.Findings = append(j.Findings, *r)
		case *outline.Node:
			j.Nodes = append(j.Nodes, *r)
		case *outline.Package:
			j.Packages = append(j.Packages, *r)
		}
	}
	return j
}

func (p *product) judged(t testing.TB, source string) *outline.Judged {
	t.Helper()
	return mustRead(t, written(t, evaluated(t, p.write(t), parsed(t, source)))).judged()
}

// lines writes what a comparison says in a few words.
func lines(c *outline.Comparison) (list []string) {
	for _, x := range c.Changes {
		s := fmt.Sprintf("%s %s %s->%s %v", x.Requirement, x.Kind, x.From, x.To, x.Inputs)
		for _, y := range x.Causes {
			s += fmt.Sprintf(" | %s %.4s->%.4s %o->%o", y.Path, y.Old, y.New, y.OldMode, y.NewMode)
			if y.Package != "" {
				s += fmt.Sprintf(" %s %s->%s", y.Package, y.OldVersion, y.NewVersion)
			}
		}
		list = append(list, s)
	}
	return list
}

// TestCompare: what was mended is found at the files where it was, although the folder of the release has another name.
func TestCompare(t *testing.T) {
	before := &product{folder: "edge-4.2.0", hash: "$1$abcdefgh$1234567890123456789012", library: "3.0.11", mode: 0o666, motd: "hello\n"}
	after := &product{folder: "edge-4.2.1", hash: "$6$abcdefgh$" + strings.Repeat("a", 86), library: "3.0.15", mode: 0o644, motd: "hello\n"}
	a, b := before.judged(t, small), after.judged(t, small)
	digest := func(j *outline.Judged, path string) string {
		for _, n := range j.Nodes {
			if n.Path == path && n.System != "" {
				return n.Content[:4]
			}
		}
		t.Fatalf("no %s", path)
		return ""
	}
	motd, status := digest(a, "/etc/motd"), digest(a, "/var/lib/dpkg/status")
	shadow, newShadow, newStatus := digest(a, "/etc/shadow"), digest(b, "/etc/shadow"), digest(b, "/var/lib/dpkg/status")
	c := outline.Compare(a, b)
	want := []string{
		"R1 newly-met fail->pass [facts] | /etc/motd " + motd + "->" + motd + " 666->644",
		"R2 newly-met fail->pass [facts] | /etc/shadow " + shadow + "->" + newShadow + " 644->644",
		"R3 newly-met fail->pass [facts] | /var/lib/dpkg/status " + status + "->" + newStatus + " 644->644 libssl 3.0.11->3.0.15",
		"R4 carried-over pass->pass []",
		"R5 carried-over pass->pass []",
	}
	if diff := cmp.Diff(want, lines(c)); diff != "" {
		t.Errorf("want, got:\n%s", diff)
	}
	if c.Changes[0].Causes[0].System != "product!/edge-4.2.1" {
		t.Errorf("the system is that of the later release: %q", c.Changes[0].Causes[0].System)
	}
	if back := lines(outline.Compare(b, a)); !strings.HasPrefix(back[2], "R3 newly-failed pass->fail [facts] | /var/lib/dpkg/status "+newStatus+"->"+status) {
		t.Errorf("the other way: %q", back[2])
	}
	for name, j := range map[string]*outline.Judged{
		"edition": before.judged(t, strings.Replace(small, `"1"`, `"2"`, 1)),
		"text":    before.judged(t, strings.Replace(small, "Groups have", "All groups have", 1)),
	} {
		c := outline.Compare(a, j)
		if c.Counts[outline.NotComparable] != 5 || c.Changes[0].Why == "" {
			t.Errorf("another %s: %v %+v", name, c.Counts, c.Changes[0])
		}
	}
}

// TestInputs: an input that no test reads does not matter, one that a test reads does.
func TestInputs(t *testing.T) {
	base := product{folder: "a", hash: "$1$abcdefgh$1234567890123456789012", library: "3.0.11", mode: 0o644, motd: "hello\n"}
	was := base.judged(t, small)
	for _, c := range []struct {
		what   string
		change func(*product)
		differ string // requirements whose inputs differ
	}{
		{"the name of the folder", func(p *product) { p.folder = "z" }, ""},
		{"bytes that nobody reads", func(p *product) { p.motd = "other\n" }, ""},
		{"rights", func(p *product) { p.mode = 0o600 }, ""}, // nor these: neither was writable by all
		{"rights for all", func(p *product) { p.mode = 0o666 }, "R1"},
		{"a file more", func(p *product) { p.more = map[string]string{"etc/x": ""} }, "R1"},
		{"a version", func(p *product) { p.library = "3.0.12" }, "R3"},
		{"a hash of the same scheme", func(p *product) { p.hash = "$1$hgfedcba$1234567890123456789012" }, ""},
		{"another scheme", func(p *product) { p.hash = "$5$abcdefgh$" + strings.Repeat("a", 43) }, "R2"},
		{"a group more", func(p *product) { p.more = map[string]string{"etc/group": "root:x:0:\nx:x:1:\n"} }, "R5"},
	} {
		p := base
		c.change(&p)
		var differ []string
		for _, x := range outline.Compare(was, p.judged(t, small)).Changes {
			if len(x.Inputs) > 0 {
				differ = append(differ, x.Requirement)
			}
		}
		if got := strings.Join(differ, " "); got != c.differ {
			t.Errorf("%s: the inputs of %q differ, want %q", c.what, got, c.differ)
		}
	}
}

func TestDifferences(t *testing.T) {
	p := &product{folder: "a", hash: "$1$abcdefgh$1234567890123456789012", library: "3.0.11", mode: 0o666, motd: "hello\n"}
	lab := p.judged(t, small)
	d := outline.Differences(lab, lab)
	if d.Same != 5 || len(d.Verdicts)+len(d.OnlyLab)+len(d.OnlyVendor)+len(d.Artifacts) != 0 || d.NotComparable != "" || d.Partial {
		t.Errorf("the same twice: %+v", d)
	}
	q := *p
	q.mode = 0o644
	vendor := q.judged(t, small)
	d = outline.Differences(lab, vendor)
	if len(d.Verdicts) != 1 || d.Verdicts[0].Requirement != "R1" || d.Verdicts[0].Lab != "fail" || d.Verdicts[0].Vendor != "pass" || d.Same != 4 ||
		!slices.Equal(d.Verdicts[0].Inputs, []string{"facts"}) {
		t.Errorf("verdicts: %+v", d.Verdicts)
	}
	if len(d.OnlyLab) != 1 || d.OnlyLab[0].Test != "writable" || len(d.OnlyVendor) != 0 || !slices.Equal(d.Artifacts, []string{"product"}) {
		t.Errorf("findings: %+v %+v, artifacts %q", d.OnlyLab, d.OnlyVendor, d.Artifacts)
	}
	if d = outline.Differences(vendor, lab); len(d.OnlyVendor) != 1 || len(d.OnlyLab) != 0 {
		t.Errorf("the other way: %+v", d)
	}
	other := p.judged(t, strings.Replace(small, `"1"`, `"2"`, 1))
	if d = outline.Differences(lab, other); d.NotComparable == "" || d.Verdicts != nil {
		t.Errorf("another edition: %+v", d)
	}
}
