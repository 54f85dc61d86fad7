package scheme

import (
	"strings"
	"testing"
)

const small = `scheme: demo
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
    pass-by: [[live], [artifact, person]]
    tests:
      - id: undeclared-service
        title: is not declared
        strength: indicative
        needs: [declaration.services]
        over: service
        where: it.at_boot && it.reach != "loopback"
        expect: declaration.services.exists(s, s.protocol == it.protocol && s.port == it.port)
        same: [it.program, it.protocol, it.port]
      - id: past-end-of-life
        title: is past its end of life
        strength: decisive
        over: package
        let: {life: 'ref("lifecycle", it.name + "@" + it.version)'}
        unknown: "!life.hasValue()"
        expect: life.value().supported_until >= as_of
      - id: one-version-each
        title: is there in several versions
        strength: decisive
        over: package
        by: it.name
        expect: group.map(c, c.version).distinct().size() == 1
      - {id: declared-but-absent, title: is declared and not there, strength: indicative, over: declaration.privileged, severity: note, expect: 'find("file", it.path).size() > 0'}
`

func TestParse(t *testing.T) {
	s, err := Parse("demo.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	q, ok := s.Requirement("R1")
	if !ok || len(q.Tests) != 4 {
		t.Fatalf("requirement R1 = %+v, %v", q, ok)
	}
	if got := q.Tests[3].Kinds; len(got) != 1 || got[0] != "file" {
		t.Errorf("kinds of a test that finds = %v, want [file]", got)
	}
	if got := strings.Join(q.Tests[0].Reads["service"], " "); got != "at_boot port program protocol reach" {
		t.Errorf("attributes read = %s", got)
	}
	if got := strings.Join(s.References, " "); got != "lifecycle" {
		t.Errorf("references = %s", got)
	}
}

func TestParseErrors(t *testing.T) {
	for _, test := range []struct{ name, old, new, want string }{
		{"unknown field", "it.at_boot &&", "it.atboot &&", `demo.yaml:19:18: undefined field 'atboot' (did you mean at_boot?)`},
		{"unknown kind", "over: service", "over: servce", `demo.yaml:18:15: over: there is no kind of facts "servce" (did you mean service?)`},
		{"vendor", "!life.hasValue()", "it.maintainer != ''", "could tell who the vendor is"},
		{"declaration's vendor", `declaration.kind != "process"`, `declaration.vendor != "x"`, "undefined field 'vendor'"},
		{"unknown key", "same:", "sames:", `key "sames" is not known here (did you mean same?)`},
		{"type", "expect: life.value().supported_until >= as_of", "expect: it.name", "gives string where bool is wanted"},
		{"kind in find", `find("file"`, `find("fle"`, `there is no kind of facts "fle" (did you mean file?)`},
		{"needs", "declaration.services]", "declaration.service]", "the declaration has no service (did you mean services?)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if !strings.Contains(small, test.old) {
				t.Fatalf("%q is not in the scheme", test.old)
			}
			_, err := Parse("demo.yaml", []byte(strings.Replace(small, test.old, test.new, 1)))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want %s", err, test.want)
			}
		})
	}
}
