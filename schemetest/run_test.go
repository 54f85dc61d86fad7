package schemetest

import (
	"strings"
	"testing"

	"github.com/probat-lab/probat/scheme"
)

const demo = `scheme: demo
edition: "1"
title: Demo
publisher: Us
link: https://example.org/
texts: our own words
requirements:
  - id: R1
    title: numbers are unique
    text: Each account has a number of its own.
    applies: 'declaration.kind != "process"'
    pass-by: [[artifact]]
    tests:
      - {id: shared, title: is shared, strength: decisive, over: account, by: uid, expect: group.size() == 1}
      - {id: high, title: is high, strength: indicative, severity: note, over: account, observer: account>=3, where: has(it.uid), expect: it.uid < 10}
      - {id: old, title: is old, strength: indicative, over: account, let: {x: 'ref("names", it.name)'}, where: x.hasValue(), expect: x.value().until >= as_of}
      - {id: asked, title: is wrong, means: person, strength: indicative, procedure: ask, evidence: answer}
`

const good = `scheme: demo
defaults:
  account: {uid: 1, shell: /bin/sh}
cases:
  - name: one
    facts: {account: [{name: a}]}
    references: {names: {b: {until: "2020-01-01"}}}
    passes: [R1]
    expect:
      R1: {verdict: pass, tests: {shared: holds, asked: needs-person}, findings: [], notes: [], open: []}
  - name: two
    as_of: 2026-02-03
    declaration: {classes: [router], version: "1.10", services: []}
    facts: {account: [{name: a, uid: 20}, {name: b, uid: 20, shell: null, node: "x!/etc/passwd"}]}
    references: {names: {b: {until: "2020-01-01"}}}
    judgements: [{requirement: R1, test: asked, verdict: fail, person: p}]
    fails: [R1]
    expect:
      R1: {verdict: fail, tests: {shared: fails, asked: fails}, findings: [old b, shared 20], notes: [high a, high b]}
  - name: three
    artifacts: 0
    coverage: {without: [account.uid], systems: 0, observers: {account: 2}}
    expect: {R1: needs-artifact}
  - name: four
    declaration: {kind: process, period: "2026"}
    not-applicable: [R1]
  - name: five
    unobserved: [{path: /etc/passwd, reason: unparsed, detail: noise, hides: [account]}]
    references: {names: {}}
    inconclusive: [R1]
`

func demoScheme(t *testing.T) *scheme.Scheme {
	t.Helper()
	s, err := scheme.Parse("demo.yaml", []byte(demo))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRun(t *testing.T) {
	r, err := Run(t.Context(), demoScheme(t), "demo.test.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range r.Failures {
		t.Error(f)
	}
	if r.Cases != 5 || r.Failed != 0 {
		t.Errorf("cases = %d, failed = %d", r.Cases, r.Failed)
	}
	if e := r.Tests[0]; e != (Exercise{"R1", "shared", true, 1, 1, 1}) {
		t.Errorf("exercise = %+v", e)
	}
}

func TestRunFailures(t *testing.T) {
	for _, test := range []struct{ name, old, new, want string }{
		{"list", "passes: [R1]", "passes: []", `demo.test.yaml:8:13: case "one": with verdict pass are R1, want none`},
		{"verdict", "R1: {verdict: pass", "R1: {verdict: fail", `demo.test.yaml:10:7: case "one": R1 is pass [shared holds; high holds; old holds; asked not-run needs-person (0 of 1 persons)], want fail`},
		{"reason", "R1: needs-artifact", "R1: needs-rescan", `case "three": R1 is not-assessed (needs-artifact)`},
		{"state", "shared: holds", "shared: fails", `demo.test.yaml:10:35: case "one": test shared of R1 is holds, want fails`},
		{"findings", "[old b, shared 20]", "[shared 20]", `findings of R1 are old b, shared 20, want shared 20`},
		{"count", "[old b, shared 20]", "3", `R1 has 2 findings, want 3: old b, shared 20`},
		{"notes", "notes: [high a, high b]", "notes: []", `notes of R1 are high a, high b, want none`},
		{"not applicable", "not-applicable: [R1]", "expect: {R1: {tests: {shared: holds}}}", `test shared of R1 did not run: the requirement does not apply`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := Run(t.Context(), demoScheme(t), "demo.test.yaml", replaced(t, test.old, test.new))
			if err != nil {
				t.Fatal(err)
			}
			if r.Failed != 1 || len(r.Failures) != 1 || !strings.Contains(r.Failures[0].String(), test.want) {
				t.Errorf("failures = %v, want %s", r.Failures, test.want)
			}
		})
	}
}

func TestRunErrors(t *testing.T) {
	for _, test := range []struct{ name, old, new, want string }{
		{"other scheme", "scheme: demo", "scheme: other", `demo.test.yaml:1:9: these are tests of "other"`},
		{"kind", "facts: {account: [{name: a}]}", "facts: {acount: []}", `6:13: there is no kind of facts "acount" (did you mean account?)`},
		{"attribute", "{name: a}", "{name: a, shel: x}", `account has no attribute "shel" (did you mean shell?)`},
		{"type", "{name: a}", "{name: a, gid: x}", `account.gid is int, not text`},
		{"mandatory", "{name: a}", "{gid: 1}", `account.name is missing`},
		{"key", "passes: [R1]", "pases: [R1]", `key "pases" is not known here (did you mean passes?)`},
		{"requirement", "inconclusive: [R1]", "inconclusive: [R2]", `the scheme has no requirement "R2"`},
		{"test", "asked: needs-person", "askd: needs-person", `requirement R1 has no test "askd" (did you mean asked?)`},
		{"state", "shared: holds", "shared: hold", `a test comes out as "hold" (did you mean holds?)`},
		{"verdict", "R1: needs-artifact", "R1: needs-artefact", `"needs-artefact" is no verdict and no reason (did you mean needs-artifact?)`},
		{"declaration", "classes: [router]", "classes: [rooter]", `declaration: `},
		{"coverage", "[account.uid]", "[account.uidd]", `there is no account.uidd`},
		{"reference", `{b: {until: "2020-01-01"}}}
    passes`, `{b: {until: 1.5}}}
    passes`, `is no whole number`},
		{"day", "as_of: 2026-02-03", "as_of: tomorrow", `as_of is "tomorrow"`},
		{"nothing expected", "    inconclusive: [R1]\n", "", `a case that expects nothing cannot fail`},
		{"name twice", "name: five", "name: four", `case "four" is there already`},
		{"judgement", "verdict: fail, person: p", "verdict: good, person: p", `verdict is "good"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Run(t.Context(), demoScheme(t), "demo.test.yaml", replaced(t, test.old, test.new))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want %s", err, test.want)
			}
		})
	}
}

func replaced(t *testing.T, from, to string) []byte {
	t.Helper()
	if !strings.Contains(good, from) {
		t.Fatalf("%q is not in the test file", from)
	}
	return []byte(strings.Replace(good, from, to, 1))
}

func FuzzRun(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("scheme: demo\ncases: [{name: x, facts: {file: [{path: /a, type: file}]}, passes: []}]"))
	f.Add([]byte("scheme: demo\ncases: [{name: x, expect: {R1: [1]}, coverage: 1, declaration: [], artifacts: x, references: []}]"))
	s, err := scheme.Parse("demo.yaml", []byte(demo))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = Run(t.Context(), s, "fuzz", data)
	})
}
