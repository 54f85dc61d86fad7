package product

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/strictyaml"
)

const head = "vendor: V\nproduct: P\nkind: equipment\nversion: \"1.0\"\n"

func ptr[T any](v T) *T { return &v }

func TestParseFull(t *testing.T) {
	data, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse("full.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fullDeclaration(), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// Every key of every object is in the sample, so that a renamed one is noticed.
	for name, missing := range unused(declarationRule(), mustRoot(t, data), "") {
		if missing && name != "period" && name != "documents.artifact" && name != "documents.path" {
			t.Errorf("testdata/full.yaml has no %s", name)
		}
	}
}

// unused says for each field, by its path without indexes, whether it occurs nowhere.
func unused(rule *objectRule, n *strictyaml.Node, path string) map[string]bool {
	out := map[string]bool{}
	for _, f := range rule.fields {
		name := join(path, f.name)
		value := n.Value(f.name)
		out[name] = value == nil
		if f.kind != kindObject || value == nil {
			continue
		}
		objects := []*strictyaml.Node{value}
		if f.list {
			objects = value.List
		}
		for i, o := range objects {
			for k, v := range unused(f.object, o, name) {
				out[k] = v && (i == 0 || out[k])
			}
		}
	}
	return out
}

func mustRoot(t *testing.T, data []byte) *strictyaml.Node {
	errs := newErrors("")
	root := strictyaml.Parse(data, errs)
	if root == nil {
		t.Fatal(errs.Err())
	}
	return root
}

func TestAbsentAndEmpty(t *testing.T) {
	d, err := Parse("p", []byte(head+"services: []\naccounts: [{name: root, interactive: false}]\nweb: {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if d.Services == nil || len(d.Services) != 0 {
		t.Errorf("services: [] became %#v", d.Services)
	}
	if d.Software != nil || d.Support != nil {
		t.Errorf("absent became %#v, %#v", d.Software, d.Support)
	}
	a := d.Accounts[0]
	if a.Interactive == nil || *a.Interactive || a.Remote != nil || a.Roles != nil {
		t.Errorf("account became %#v", a)
	}
	if d.Web == nil || d.Web.Roots != nil {
		t.Errorf("web: {} became %#v", d.Web)
	}
	want := map[string]any{
		"kind":     "equipment",
		"services": []any{},
		"accounts": []any{map[string]any{"name": "root", "interactive": false}},
		"web":      map[string]any{},
	}
	if diff := cmp.Diff(want, d.View()); diff != "" {
		t.Errorf("View (-want +got)\n%s", diff)
	}
}

// sample is a file and the errors that it has, without the file's name.
type sample struct {
	name, yaml string
	want       []string
	// onlyParse: the schema can't see it, since it is about the text of the file, or relates one value to another.
	onlyParse bool
}

func samples() []sample {
	return []sample{
		{name: "least", yaml: head},
		{name: "process", yaml: "vendor: V\nproduct: P\nkind: process\nperiod: 2026-Q4\n"},
		{name: "service with a version", yaml: "vendor: V\nproduct: P\nkind: service\nversion: a\nperiod: 2026-10-01/2026-12-31\nartifacts: []\n"},
		{name: "crlf and byte order mark", yaml: "\ufeff" + strings.ReplaceAll(head, "\n", "\r\n")},
		{name: "alias", yaml: head + "crypto:\n  - {protocol: tls, versions: &v [\"1.3\"]}\n  - {protocol: dtls, versions: *v}\n"},
		{name: "several lines", yaml: head + "roles:\n  - name: r\n    purpose: |\n      one\n      two\n"},
		{name: "own function", yaml: head + "functions: [{id: dance}]\n"},

		{name: "empty", yaml: "", want: []string{"1:1: the file is empty: a declaration starts with vendor, product, kind and version"}, onlyParse: true},
		{name: "only comments", yaml: "# x\n", want: []string{"1:1: the file is empty: a declaration starts with vendor, product, kind and version"}, onlyParse: true},
		{name: "list", yaml: "- a\n", want: []string{"1:1: the declaration is a list, want a mapping with keys such as vendor, product, kind"}},
		{name: "text", yaml: "hello\n", want: []string{"1:1: the declaration is text, want a mapping with keys such as vendor, product, kind"}},
		{name: "no YAML", yaml: head + "classes: [router\n", want: []string{"5:10: no YAML: sequence end token ']' not found"}, onlyParse: true},
		{name: "two documents", yaml: head + "---\nvendor: W\n", want: []string{"6:1: second document: a declaration is one document"}, onlyParse: true},
		{name: "tag", yaml: head + "period: !!str 2026\n", want: []string{`5:9: tag "!!str": a declaration has no tags`}, onlyParse: true},
		{name: "directive", yaml: "%YAML 1.2\n---\n" + head, want: []string{"1:1: directive: a declaration has no directives"}, onlyParse: true},
		{name: "merge key", yaml: head + "web:\n  <<: {}\n", want: []string{"6:3: merge key: write the keys out"}, onlyParse: true},
		{name: "no anchor", yaml: head + "classes: *c\n", want: []string{`5:10: alias "c": no anchor of that name stands before it`}, onlyParse: true},
		{name: "control character", yaml: head + "period: a\x1b[31m\n", want: []string{"5:10: byte that is no text: a declaration is UTF-8 without control characters"}, onlyParse: true},
		{name: "invalid UTF-8", yaml: "vendor: é\xff\n", want: []string{"1:10: byte that is no text: a declaration is UTF-8 without control characters"}, onlyParse: true},
		{name: "escaped control character", yaml: head + "services: [{name: \"a\\e[m\", protocol: tcp, port: 1}]\n", want: []string{`5:19: services[0].name: "a\x1b[m" is not one line of text without control characters`}},

		{name: "repeated key", yaml: head + "vendor: W\n", want: []string{`5:1: key "vendor" is already there in line 1`}, onlyParse: true},
		{name: "repeated inner key", yaml: head + "web: {roots: [], user: x, roots: []}\n", want: []string{`5:27: key "roots" is already there in line 5`}, onlyParse: true},
		{name: "key is a number", yaml: head + "1: x\n", want: []string{`5:1: key "1": keys are plain words`}, onlyParse: true},
		{name: "unknown key", yaml: head + "artefacts: []\n", want: []string{`5:1: unknown key "artefacts": did you mean "artifacts"?`}},
		{name: "unknown inner key", yaml: head + "services:\n  - name: a\n    proto: tcp\n    protocol: tcp\n    port: 1\n", want: []string{`7:5: unknown key "proto": did you mean "protocol"?`}},
		{name: "key of no likeness", yaml: head + "support: {qqqqqqq: x}\n", want: []string{`5:11: unknown key "qqqqqqq": the keys here are until, security_updates, contact, disclosure_policy`}},
		{name: "missing keys", yaml: "product: P\nclasses: []\n", want: []string{`1:1: missing key "kind"`, `1:1: missing key "vendor"`}},
		{name: "missing version", yaml: "vendor: V\nproduct: P\nkind: software\n", want: []string{`1:1: missing key "version"`}},
		{name: "missing period", yaml: "vendor: V\nproduct: P\nkind: service\n", want: []string{`1:1: missing key "period"`}},
		{name: "period of equipment", yaml: head + "period: 2026-Q4\n", want: []string{"5:9: period: a release of kind equipment has a version, not a period"}},
		{name: "missing inner key", yaml: head + "services:\n  - name: a\n    port: 1\n", want: []string{`6:5: services[0]: missing key "protocol"`}},
		{name: "empty text", yaml: "vendor: \"\"\nproduct: P\nkind: equipment\nversion: \"1\"\n", want: []string{"1:9: vendor is empty"}},
		{name: "empty optional text", yaml: head + "support: {contact: \"\"}\n", want: []string{"5:20: support.contact is empty"}},
		{name: "nothing", yaml: "vendor:\nproduct: P\nkind: equipment\nversion: \"1\"\n", want: []string{"1:1: vendor is empty: text belongs here, or leave the key out"}},
		{name: "no list", yaml: head + "services:\naccounts: []\n", want: []string{"5:1: services is empty: write [] to declare that there are none, or leave the key out"}},
		{name: "spaces around", yaml: "vendor: \" V\"\nproduct: P\nkind: equipment\nversion: \"1\"\n", want: []string{`1:9: vendor: " V" is not one line of text that neither starts nor ends with a space`}},

		{name: "number for text", yaml: "vendor: V\nproduct: P\nkind: equipment\nversion: 1.10\n", want: []string{`4:10: version is a number, want text: write "1.10" in quotes`}},
		{name: "boolean for text", yaml: "vendor: true\nproduct: P\nkind: equipment\nversion: a\n", want: []string{`1:9: vendor is true or false, want text: write "true" in quotes`}},
		{name: "text for a list", yaml: head + "classes: router\n", want: []string{"5:10: classes is text, want a list"}},
		{name: "text for an object", yaml: head + "web: nginx\n", want: []string{"5:6: web is text, want a mapping with keys such as programs, user, roots"}},
		{name: "text for a boolean", yaml: head + "functions: [{id: sbi, enabled: yes}]\n", want: []string{"5:32: functions[0].enabled is text, want true or false"}},
		{name: "text for a number", yaml: head + "services: [{name: a, protocol: tcp, port: \"22\"}]\n", want: []string{"5:43: services[0].port is text, want a whole number"}},
		{name: "large number", yaml: head + "services: [{name: a, protocol: tcp, port: 18446744073709551615}]\n", want: []string{"5:43: services[0].port is a number, want a whole number"}},
		{name: "port 0", yaml: head + "services: [{name: a, protocol: tcp, port: 0}]\n", want: []string{"5:43: services[0].port is 0, want 1 to 65535"}},
		{name: "port range", yaml: head + "services: [{name: a, protocol: tcp, port: 65536}]\n", want: []string{"5:43: services[0].port is 65536, want 1 to 65535"}},
		{name: "page range", yaml: head + "documents: [{id: a, path: b, answers: [{scheme: s, requirement: r, page: 0}]}]\n", want: []string{"5:74: documents[0].answers[0].page is 0, want 1 to 1000000"}},

		{name: "kind", yaml: "vendor: V\nproduct: P\nkind: sofware\nversion: a\n", want: []string{`3:7: kind: "sofware" is not known: did you mean "software"? Allowed are equipment, software, service, process`}},
		{name: "class", yaml: head + "classes: [ruoter]\n", want: []string{`5:11: classes[0]: "ruoter" is not known: did you mean "router"?`}},
		{name: "protocol", yaml: head + "services: [{name: a, protocol: quic, port: 1}]\n", want: []string{`5:32: services[0].protocol: "quic" is not known: allowed are tcp, udp, sctp`}},
		{name: "repeated class", yaml: head + "classes: [router, router]\n", want: []string{`5:19: classes[1]: "router" is already in the list`}},

		{name: "artifact above", yaml: head + "artifacts: [{id: a, path: ../x}]\n", want: []string{`5:27: artifacts[0].path: "../x" is not a path below the declaration's folder: relative, with forward slashes, without ".."`}},
		{name: "artifact above inside", yaml: head + "artifacts: [{id: a, path: x/../../y}]\n", want: []string{`5:27: artifacts[0].path: "x/../../y" is not a path below the declaration's folder: relative, with forward slashes, without ".."`}},
		{name: "absolute artifact", yaml: head + "artifacts: [{id: a, path: /x}]\n", want: []string{`5:27: artifacts[0].path: "/x" is not a path below the declaration's folder: relative, with forward slashes, without ".."`}},
		{name: "backslash", yaml: head + "artifacts: [{id: a, path: 'x\\y'}]\n", want: []string{`5:27: artifacts[0].path: "x\\y" is not a path below the declaration's folder: relative, with forward slashes, without ".."`}},
		{name: "scheme above", yaml: head + "schemes: [../own.yaml]\n", want: []string{`5:11: schemes[0]: "../own.yaml" is not a path below the declaration's folder: relative, with forward slashes, without ".."`}},
		{name: "dots that are names", yaml: head + "artifacts: [{id: a, path: ..x/.y/z.././...}]\n"},
		{name: "artifact id", yaml: head + "artifacts: [{id: a!b, path: x}]\n", want: []string{`5:18: artifacts[0].id: "a!b" is not an id: letters, digits, '.', '_' and '-', first a letter or digit`}},
		{name: "same artifact id", yaml: head + "artifacts:\n  - {id: a, path: x}\n  - {id: a, path: y}\n", want: []string{"7:10: artifacts[1].id: artifacts[0] is the same"}, onlyParse: true},
		{name: "no artifact", yaml: head + "artifacts: []\n", want: []string{"5:12: artifacts: a release of kind equipment has at least one artifact; leave the key out if it is named elsewhere"}},
		{name: "digest", yaml: head + "artifacts: [{id: a, path: x, sha256: ABC}]\n", want: []string{`5:38: artifacts[0].sha256: "ABC" is not a SHA-256 digest: 64 lower-case hexadecimal digits`}},
		{name: "date", yaml: head + "support: {until: 2026-02-30}\n", want: []string{`5:18: support.until: "2026-02-30" is not a date YYYY-MM-DD`}},
		{name: "date shape", yaml: head + "support: {until: 30.11.2026}\n", want: []string{`5:18: support.until: "30.11.2026" is not a date YYYY-MM-DD`}},
		{name: "period shape", yaml: "vendor: V\nproduct: P\nkind: process\nperiod: Q4-2026\n", want: []string{`4:9: period: "Q4-2026" is not a period, as in 2026, 2026-Q4, 2026-H2, 2026-11 or 2026-10-01/2026-12-31`}},
		{name: "period backwards", yaml: "vendor: V\nproduct: P\nkind: process\nperiod: 2026-12-31/2026-10-01\n", want: []string{`4:9: period: "2026-12-31/2026-10-01" is not a period, as in 2026, 2026-Q4, 2026-H2, 2026-11 or 2026-10-01/2026-12-31`}, onlyParse: true},
		{name: "capability", yaml: head + "privileged: [{path: /p, mechanism: capability, capabilities: [CAP_X]}]\n", want: []string{`5:63: privileged[0].capabilities[0]: "CAP_X" is not a Linux capability, as in cap_net_raw`}},
		{name: "product path", yaml: head + "logs: [{path: /var/../etc}]\n", want: []string{`5:15: logs[0].path: "/var/../etc" is not a path in the product: parts between single slashes, none of them ".."`}},

		{name: "capabilities of setuid", yaml: head + "privileged: [{path: /p, mechanism: setuid, capabilities: [cap_x]}]\n", want: []string{`5:58: privileged[0].capabilities: the mechanism is "setuid"; capabilities are a program of their own in the list, with mechanism capability`}, onlyParse: true},
		{name: "same service", yaml: head + "services:\n  - {name: a, program: /x/./y, protocol: tcp, port: 1}\n  - {name: b, program: /x/y, protocol: tcp, port: 1}\n", want: []string{"7:51: services[1].port: services[0] is the same"}, onlyParse: true},
		{name: "same account", yaml: head + "accounts: [{name: a}, {name: a, application: web}, {name: a}]\n", want: []string{"5:59: accounts[2].name: accounts[0] is the same"}, onlyParse: true},
		{name: "same program", yaml: head + "privileged: [{path: /p, mechanism: setuid}, {path: p, mechanism: setuid}]\n", want: []string{"5:52: privileged[1].path: privileged[0] is the same"}, onlyParse: true},
		{name: "role", yaml: head + "roles: [{name: operator}]\naccounts: [{name: a, roles: [operater]}]\n", want: []string{`6:30: accounts[0].roles[0]: "operater" is not declared under roles: did you mean "operator"?`}, onlyParse: true},
		{name: "document without file", yaml: head + "documents: [{id: a}]\n", want: []string{`5:13: documents[0]: missing key "path" or "artifact"`}},
		{name: "document with two files", yaml: head + "artifacts: [{id: x, path: x}]\ndocuments: [{id: a, path: y, artifact: x}]\n", want: []string{"6:40: documents[0]: either path or artifact, not both"}},
		{name: "document's artifact", yaml: head + "artifacts: [{id: guide, path: x}]\ndocuments: [{id: a, artifact: guid}]\n", want: []string{`6:31: documents[0].artifact: no artifact has the id "guid": did you mean "guide"?`}, onlyParse: true},
		{name: "all at once", yaml: "vendor: 1\nkind: x\nclasses: [a b]\nperiod: y\n", want: []string{
			`1:1: missing key "product"`,
			`1:9: vendor is a whole number, want text: write "1" in quotes`,
			`2:7: kind: "x" is not known: allowed are equipment, software, service, process`,
			`3:11: classes[0]: "a b" is not known: allowed are ` + strings.Join(wordList("@class"), ", "),
			`4:9: period: "y" is not a period, as in 2026, 2026-Q4, 2026-H2, 2026-11 or 2026-10-01/2026-12-31`,
		}},
	}
}

func TestParse(t *testing.T) {
	sch := compileSchema(t)
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			_, err := Parse("p.yaml", []byte(s.yaml))
			var got []string
			if err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			var want []string
			for _, w := range s.want {
				want = append(want, "p.yaml:"+w)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			root := strictyaml.Parse([]byte(s.yaml), newErrors(""))
			if root == nil || s.onlyParse {
				return
			}
			if serr := sch.Validate(plain(root)); (serr == nil) != (err == nil) {
				t.Errorf("Parse says %v, the schema %v", err, serr)
			}
		})
	}
}

// plain turns a node into what encoding/json would make of it.
func plain(n *strictyaml.Node) any {
	switch n.Kind {
	case strictyaml.String:
		return n.Text
	case strictyaml.Bool:
		return n.Bool
	case strictyaml.Int:
		return n.Int
	case strictyaml.Number:
		return 0.5
	case strictyaml.List:
		out := []any{}
		for _, item := range n.List {
			out = append(out, plain(item))
		}
		return out
	case strictyaml.Mapping:
		out := map[string]any{}
		for _, e := range n.Entries {
			out[e.Name] = plain(e.Value)
		}
		return out
	}
	return nil
}

func TestManyErrors(t *testing.T) {
	_, err := Parse("p.yaml", []byte(head+"classes:\n"+strings.Repeat("  - x-y\n", 30)))
	var errs *Errors
	if !errors.As(err, &errs) {
		t.Fatalf("got %v", err)
	}
	if len(errs.List) != 20 || errs.More != 39 { // 30 unknown ones, 29 of them repeated
		t.Errorf("%d errors and %d more", len(errs.List), errs.More)
	}
	lines := strings.Split(err.Error(), "\n")
	if last := lines[len(lines)-1]; last != "p.yaml: and 39 more" {
		t.Errorf("last line is %q", last)
	}
}

func TestLocate(t *testing.T) {
	src := []byte(head + "artifacts:\n  - id: a\n    path: x\n    sha256: " + strings.Repeat("0", 63) + "f\n")
	for path, want := range map[string][2]int{
		"artifacts[0].path":   {7, 11},
		"artifacts[0].sha256": {8, 13},
		"artifacts[0].role":   {6, 5},
		"artifacts[1].path":   {6, 3},
		"vendor":              {1, 9},
		"support.until":       {1, 1},
	} {
		if line, column := Locate(src, path); [2]int{line, column} != want {
			t.Errorf("%s: got %d:%d, want %v", path, line, column, want)
		}
	}
}
