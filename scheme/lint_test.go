package scheme

import (
	"strings"
	"testing"
)

const clean = `scheme: demo
edition: "1"
title: Demo
publisher: Us
link: https://example.org/
texts: our own words
requirements:
  - id: R1
    title: services are declared
    text: Every service that listens is declared.
    applies: 'declaration.kind != "process"'
    contradicts:
      - {over: service, where: 'it.role == "http"'}
    pass-by: [[live], [artifact, person]]
    tests:
      - id: undeclared
        title: is not declared
        strength: indicative
        needs: [declaration.services]
        over: service
        let: {mine: 'declaration.services.exists(s, s.port == it.port)'}
        expect: mine
      - {id: web, title: is web, strength: indicative, over: file, expect: '!(has(declaration.web) && has(declaration.web.user)) || declaration.web.user == "www"'}
      - {id: named, title: is over a list, strength: indicative, over: declaration.web.roots, expect: 'it != "/" && declaration.web.roots.size() > 0'}
      - {id: watch, title: answers, means: live, strength: decisive, procedure: ask, evidence: answers}
`

func TestLint(t *testing.T) {
	for _, test := range []struct{ name, old, new, want string }{
		{"clean", "", "", ""},
		{"vendor in a title", "title: is not declared", "title: is no Cisco thing", `demo.yaml:16:9: "Cisco" is the name of a vendor`},
		{"vendor in an expression", `it != "/" &&`, `it != "/opt/huawei" &&`, `"huawei" is the name of a vendor`},
		{"vendor in a procedure", "procedure: ask", "procedure: ask Nokia", `"Nokia" is the name of a vendor`},
		{"part of a word", "title: is not declared", "title: is seized and fiscal", ""},
		{"needs", "        needs: [declaration.services]\n", "", `demo.yaml:20:21: test "undeclared" reads declaration.services: name it in needs`},
		{"asked for the outer only", "has(declaration.web) && has(declaration.web.user)", "has(declaration.web)", `test "web" reads declaration.web.user`},
		{"outer not asked for", "has(declaration.web) && has(declaration.web.user)", "has(declaration.web.user)", `test "web" reads declaration.web: name it in needs`},
		{"unused let", "expect: mine", "expect: it.port > 0", "let mine of test \"undeclared\" is used nowhere"},
		{"decisive note", "means: live, strength: decisive", "means: live, severity: note, strength: decisive", `test "watch" is decisive and a note`},
		{"evidence", ", evidence: answers", "", `evidence of test "watch" is missing`},
		{"applies looks up", `declaration.kind != "process"`, `find("file", "/etc/passwd").size() > 0`, "applies looks up facts or references"},
		{"contradicts looks up", `it.role == "http"`, `find("file", it.path).size() > 0`, "contradicts looks up other facts"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if !strings.Contains(clean, test.old) {
				t.Fatalf("%q is not in the scheme", test.old)
			}
			s, err := Parse("demo.yaml", []byte(strings.Replace(clean, test.old, test.new, 1)))
			if err != nil {
				t.Fatal(err)
			}
			err = Lint("demo.yaml", s)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("error = %v, want none", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("error = %v, want %s", err, test.want)
			}
		})
	}
}

func TestLintWithoutTests(t *testing.T) {
	before, _, _ := strings.Cut(clean, "    tests:")
	s, err := Parse("demo.yaml", []byte(before))
	if err != nil {
		t.Fatal(err)
	}
	if err := Lint("demo.yaml", s); err == nil || !strings.Contains(err.Error(), `demo.yaml:8:5: requirement "R1" has no tests`) {
		t.Errorf("error = %v", err)
	}
}

func TestGaps(t *testing.T) {
	s, err := Parse("demo.yaml", []byte(clean))
	if err != nil {
		t.Fatal(err)
	}
	got := Gaps(s)
	want := []Gap{{"R1", Artifact}, {"R1", Person}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("gaps = %v, want %v", got, want)
	}
}
