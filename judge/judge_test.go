package judge

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/reference"
	"github.com/probat-lab/probat/scheme"
)

// world is what a test of the rules starts from: facts by kind, and what was looked at.
type world struct {
	t     *testing.T
	lines map[string][]string
	in    Input
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, lines: map[string][]string{}, in: Input{Artifacts: 1, AsOf: "2026-11-24"}}
	for _, k := range fact.Kinds() {
		if k.Name != "unobserved" {
			w.cover(k.Name)
		}
	}
	return w
}

func (w *world) cover(kind string) {
	k, _ := fact.ByName(kind)
	var attrs []string
	for _, f := range k.Fields {
		attrs = append(attrs, f.Name)
	}
	w.in.Coverage = append(w.in.Coverage, fact.Coverage{Observer: "see-" + kind, Version: 2, Kinds: map[string][]string{kind: attrs}, Nodes: 9, Systems: 1})
}

func (w *world) uncover(kind string) {
	w.in.Coverage = slices.DeleteFunc(w.in.Coverage, func(c fact.Coverage) bool { return c.Records(kind, "") })
}

func (w *world) saw(path string, attrs any) *world { return w.sawIn("a!/fs", path, attrs) }

func (w *world) sawIn(system, path string, attrs any) *world {
	k := fact.KindOf(attrs).Name
	node := system + path
	if system == "" {
		node = "a!" + path
	}
	w.lines[k] = append(w.lines[k], fact.Encode("see-"+k, fact.Location{Node: node, System: system, Path: path}, fact.Record{Attrs: attrs}))
	return w
}

func (w *world) hidden(kinds ...string) *world {
	return w.saw("/blob", fact.Unobserved{Reason: "encrypted", Detail: "x", Hides: kinds})
}

// judge judges by a scheme of one requirement R, written as the keys of a requirement below its title and text.
func (w *world) judge(body string) (*Requirement, *Outcome) {
	w.t.Helper()
	text := "scheme: demo\nedition: '1'\ntitle: Demo\npublisher: Us\nlink: https://example.org\ntexts: ours\nrequirements:\n  - id: R\n    title: R\n    text: R\n"
	for line := range strings.SplitSeq(strings.Trim(body, "\n"), "\n") {
		text += "    " + strings.TrimPrefix(line, "\t\t") + "\n"
	}
	s, err := scheme.Parse("demo.yaml", []byte(text))
	if err != nil {
		w.t.Fatalf("%v in\n%s", err, text)
	}
	set := fact.NewSet()
	for name, lines := range w.lines {
		k, _ := fact.ByName(name)
		sorted, err := fact.SortLines(slices.Clone(lines))
		if err != nil {
			w.t.Fatal(err)
		}
		set.Put(k, sorted)
	}
	w.in.Facts = set
	o, err := Judge(context.Background(), s, w.in)
	if err != nil {
		w.t.Fatal(err)
	}
	return &o.Requirements[0], o
}

func want(t *testing.T, r *Requirement, verdict Verdict, reason Reason) {
	t.Helper()
	if r.Verdict != verdict || r.Reason != reason {
		t.Errorf("verdict %s (%s), want %s (%s); tests: %s", r.Verdict, r.Reason, verdict, reason, states(r))
	}
}

func wantState(t *testing.T, r *Requirement, test string, state State, reason Reason) {
	t.Helper()
	for _, x := range r.Tests {
		if x.Of.ID == test {
			if x.State != state || x.Reason != reason {
				t.Errorf("test %s is %s (%s; %s), want %s (%s)", test, x.State, x.Reason, x.Detail, state, reason)
			}
			return
		}
	}
	t.Errorf("there is no test %s", test)
}

func states(r *Requirement) string {
	var b strings.Builder
	for _, x := range r.Tests {
		fmt.Fprintf(&b, "%s %s %s; ", x.Of.ID, x.State, x.Reason)
	}
	return b.String()
}

// uidZero is a decisive test that holds for known uids other than 0.
const uidZero = `
pass-by: [[artifact]]
tests:
  - {id: uid, title: has uid 0, strength: decisive, over: account, where: 'it.name != "root"', expect: it.uid != 0}
`

func account(name string, uid int64) fact.Account {
	return fact.Account{Name: name, UID: fact.Known(uid)}
}

func TestResultOfOneTest(t *testing.T) {
	tests := []struct {
		rule    string
		world   func(*world)
		body    string
		state   State
		reason  Reason
		verdict Verdict
	}{
		{"fails when an item that was seen contradicts it", func(w *world) {
			w.saw("/etc/passwd", account("root", 0)).saw("/etc/passwd", account("eve", 0)).hidden("account")
		}, uidZero, Fails, "", Fail},
		{"fails although another item is unknown", func(w *world) {
			w.saw("/etc/passwd", account("eve", 0)).saw("/etc/passwd", fact.Account{Name: "x"})
		}, uidZero, Fails, "", Fail},
		{"holds when all is seen and nothing contradicts", func(w *world) { w.saw("/etc/passwd", account("a", 1)) }, uidZero, Holds, "", Pass},
		{"an absent attribute makes its item unknown", func(w *world) {
			w.saw("/etc/passwd", account("a", 1)).saw("/etc/passwd", fact.Account{Name: "x"})
		}, uidZero, Unsettled, "", Inconclusive},
		{"inconclusive when an unobserved fact may hide the kind", func(w *world) { w.saw("/etc/passwd", account("a", 1)).hidden("account") }, uidZero, Unsettled, "", Inconclusive},
		{"inconclusive when an unobserved fact may hide every kind", func(w *world) { w.saw("/etc/passwd", account("a", 1)).hidden("*") }, uidZero, Unsettled, "", Inconclusive},
		{"what hides another kind does not matter", func(w *world) { w.saw("/etc/passwd", account("a", 1)).hidden("elf") }, uidZero, Holds, "", Pass},
		{"not run when nothing was examined", func(*world) {}, uidZero, NotRun, NothingExamined, NotAssessed},
		{"examined are the items before where", func(w *world) { w.saw("/etc/passwd", account("root", 0)) }, uidZero, Holds, "", Pass},
		{"nothing examined, but something hidden, is inconclusive", func(w *world) { w.hidden("account") }, uidZero, Unsettled, "", Inconclusive},
		{"not run when nobody looked for the kind", func(w *world) { w.uncover("account") }, uidZero, NotRun, NeedsRescan, NotAssessed},
		{"not run when nobody recorded the attribute", func(w *world) {
			w.saw("/etc/passwd", account("a", 1)).uncover("account")
			w.in.Coverage = append(w.in.Coverage, fact.Coverage{Observer: "old", Version: 1, Kinds: map[string][]string{"account": {"name"}}})
		}, uidZero, NotRun, NeedsRescan, NotAssessed},
		{"not run without an artifact", func(w *world) { w.in.Coverage, w.in.Artifacts = nil, 0 }, uidZero, NotRun, NeedsArtifact, NotAssessed},
		{
			"not run when a newer observer is asked for", func(w *world) { w.saw("/etc/passwd", account("a", 1)) },
			strings.Replace(uidZero, "over: account", "observer: see-account>=3, over: account", 1), NotRun, NeedsRescan, NotAssessed,
		},
		{
			"an observer of the version that is asked for will do", func(w *world) { w.saw("/etc/passwd", account("a", 1)) },
			strings.Replace(uidZero, "over: account", "observer: see-account>=2, over: account", 1), Holds, "", Pass,
		},
		{"empty: holds, if its observer looked at a system", func(*world) {}, strings.Replace(uidZero, "over: account", "empty: holds, over: account", 1), Holds, "", Pass},
		{"empty: holds does not, if its observer looked at no system", func(w *world) {
			for i := range w.in.Coverage {
				w.in.Coverage[i].Systems = 0
			}
		}, strings.Replace(uidZero, "over: account", "empty: holds, over: account", 1), NotRun, NothingExamined, NotAssessed},
		{
			"an expression beyond the cost limit is the lab's fault", func(w *world) { w.saw("/etc/passwd", account("a", 1)) },
			`
pass-by: [[artifact]]
tests:
  - {id: uid, title: t, strength: decisive, over: account, expect: '[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, [1,2,3,4,5,6,7,8,9,10].all(e, a + b + c + d + e > it.uid)))))'}
`, NotRun, LabError, NotAssessed,
		},
		{
			"what && decides without the absent attribute is decided", func(w *world) { w.saw("/etc/passwd", fact.Account{Name: "root"}) },
			strings.Replace(uidZero, "expect: it.uid != 0", "expect: it.uid != 0 || true", 1), Holds, "", Pass,
		},
		{
			"where that ends in an error makes its item unknown", func(w *world) { w.saw("/etc/passwd", fact.Account{Name: "x"}) },
			strings.Replace(uidZero, `'it.name != "root"'`, "it.uid > 5", 1), Unsettled, "", Inconclusive,
		},
		{
			"unknown that is true makes its item unknown", func(w *world) { w.saw("/etc/passwd", account("a", 1)) },
			strings.Replace(uidZero, "expect:", "unknown: 'true', expect:", 1), Unsettled, "", Inconclusive,
		},
		{
			"has asks whether an attribute is present", func(w *world) { w.saw("/etc/passwd", fact.Account{Name: "x"}) },
			strings.Replace(uidZero, "expect: it.uid != 0", "expact: 0", 1), "", "", "",
		},
	}
	for _, test := range tests {
		t.Run(test.rule, func(t *testing.T) {
			w := newWorld(t)
			test.world(w)
			if test.state == "" {
				r, _ := w.judge(strings.Replace(uidZero, "expect: it.uid != 0", "expect: '!has(it.uid)'", 1))
				wantState(t, r, "uid", Holds, "")
				return
			}
			r, _ := w.judge(test.body)
			wantState(t, r, "uid", test.state, test.reason)
			if r.Verdict != test.verdict {
				t.Errorf("verdict %s (%s), want %s", r.Verdict, r.Reason, test.verdict)
			}
		})
	}
}

func TestSome(t *testing.T) {
	body := strings.Replace(uidZero, "expect:", "require: some, expect:", 1)
	w := newWorld(t).saw("/etc/passwd", account("a", 0)).saw("/etc/passwd", account("b", 7))
	r, _ := w.judge(body)
	wantState(t, r, "uid", Holds, "")

	w = newWorld(t).saw("/etc/passwd", account("a", 0))
	r, o := w.judge(body)
	wantState(t, r, "uid", Fails, "")
	if len(o.Findings) != 1 || len(o.Findings[0].Places) != 0 {
		t.Errorf("findings %+v, want one without a place", o.Findings)
	}
	r, _ = newWorld(t).saw("/etc/passwd", account("a", 0)).hidden("account").judge(body)
	wantState(t, r, "uid", Unsettled, "")
	r, _ = newWorld(t).saw("/etc/passwd", account("a", 0)).saw("/etc/passwd", fact.Account{Name: "x"}).judge(body)
	wantState(t, r, "uid", Unsettled, "")
}

func TestNone(t *testing.T) {
	body := strings.Replace(uidZero, "expect: it.uid != 0", "require: none, expect: it.uid == 0", 1)
	r, _ := newWorld(t).saw("/etc/passwd", account("a", 0)).judge(body)
	wantState(t, r, "uid", Fails, "")
	r, _ = newWorld(t).saw("/etc/passwd", account("a", 1)).judge(body)
	wantState(t, r, "uid", Holds, "")
}

func TestGroups(t *testing.T) {
	body := `
pass-by: [[artifact]]
tests:
  - {id: uid, title: is shared, strength: decisive, over: account, by: uid, expect: group.size() == 1}
`
	r, o := newWorld(t).saw("/etc/passwd", account("a", 5)).saw("/etc/passwd", account("b", 5)).judge(body)
	wantState(t, r, "uid", Fails, "")
	if len(o.Findings) != 1 || len(o.Findings[0].Places) != 2 {
		t.Errorf("findings %+v, want one with two places", o.Findings)
	}
	r, _ = newWorld(t).sawIn("a!/p1", "/etc/passwd", account("a", 5)).sawIn("a!/p2", "/etc/passwd", account("b", 5)).judge(body)
	wantState(t, r, "uid", Holds, "")
	r, _ = newWorld(t).sawIn("a!/p1", "/etc/passwd", account("a", 5)).sawIn("a!/p2", "/etc/passwd", account("b", 5)).
		judge(strings.Replace(body, "by: uid", "across: release, by: uid", 1))
	wantState(t, r, "uid", Fails, "")
	r, _ = newWorld(t).saw("/etc/passwd", fact.Account{Name: "x"}).judge(body)
	wantState(t, r, "uid", Unsettled, "")

	both := strings.Replace(body, "by: uid, expect: group.size() == 1", "by: uid, complete: true, expect: group.size() > 1", 1)
	r, _ = newWorld(t).saw("/etc/passwd", account("a", 5)).judge(both)
	wantState(t, r, "uid", Fails, "")
	r, _ = newWorld(t).saw("/etc/passwd", account("a", 5)).hidden("account").judge(both)
	wantState(t, r, "uid", Unsettled, "")
}

func TestFind(t *testing.T) {
	body := `
pass-by: [[artifact]]
tests:
  - {id: f, title: t, strength: decisive, over: account, expect: 'find("file", it.home).size() > 0'}
`
	home := fact.Account{Name: "a", Home: fact.Known("/home/a")}
	r, _ := newWorld(t).saw("/etc/passwd", home).saw("/home/a", fact.File{Type: "dir"}).judge(body)
	wantState(t, r, "f", Holds, "")
	r, _ = newWorld(t).saw("/etc/passwd", home).saw("/other", fact.File{Type: "dir"}).judge(body)
	wantState(t, r, "f", Fails, "")
	// It keeps to the system of it.
	r, _ = newWorld(t).saw("/etc/passwd", home).sawIn("a!/other", "/home/a", fact.File{Type: "dir"}).judge(body)
	wantState(t, r, "f", Fails, "")
	r, _ = newWorld(t).saw("/etc/passwd", home).sawIn("a!/other", "/home/a", fact.File{Type: "dir"}).
		judge(strings.Replace(body, "over: account", "across: release, over: account", 1))
	wantState(t, r, "f", Holds, "")
	// Nothing found in a kind that is incompletely observed is an error: the item is unknown.
	r, _ = newWorld(t).saw("/etc/passwd", home).hidden("file").judge(body)
	wantState(t, r, "f", Unsettled, "")
	if r.Tests[0].Unknown != 1 {
		t.Errorf("%d unknown, want 1", r.Tests[0].Unknown)
	}
	// A kind that is found belongs to the test's domain.
	w := newWorld(t).saw("/etc/passwd", home)
	w.uncover("file")
	r, _ = w.judge(body)
	wantState(t, r, "f", NotRun, NeedsRescan)
}

func TestReference(t *testing.T) {
	body := `
pass-by: [[artifact]]
tests:
  - id: eol
    title: is past its end of life
    strength: decisive
    over: package
    let: {life: 'ref("lifecycle", it.name)'}
    unknown: "!life.hasValue()"
    expect: life.value().supported_until >= as_of
`
	set, err := reference.Parse([]byte(`{"set":"lifecycle","as_of":"2026-01-01","source":"test","licence":"none","rows":{"old":{"supported_until":"2020-01-01"},"new":{"supported_until":"2030-01-01"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	pkg := func(name string) fact.Package {
		return fact.Package{Name: name, Manager: "dpkg", Version: "1", Installed: true}
	}
	for _, test := range []struct {
		name  string
		state State
	}{{"new", Holds}, {"old", Fails}, {"other", Unsettled}} {
		w := newWorld(t).saw("/var/lib/dpkg/status", pkg(test.name))
		w.in.References = []*reference.Set{set}
		r, _ := w.judge(body)
		wantState(t, r, "eol", test.state, "")
	}
	// Without the reference nothing is known.
	r, _ := newWorld(t).saw("/var/lib/dpkg/status", pkg("new")).judge(body)
	wantState(t, r, "eol", Unsettled, "")
	// The date decides, not the day of the run.
	w := newWorld(t).saw("/var/lib/dpkg/status", pkg("new"))
	w.in.References, w.in.AsOf = []*reference.Set{set}, "2031-01-01"
	r, _ = w.judge(body)
	wantState(t, r, "eol", Fails, "")
}
