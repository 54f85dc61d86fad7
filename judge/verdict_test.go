package judge

import (
	"testing"

	"github.com/probat-lab/probat/fact"
	"pgregory.net/rapid"
)

// Tests by name, to put verdicts together from. Each is decided by an account of its own.
const (
	decisiveUID  = "  - {id: d, title: t, strength: decisive, over: account, where: 'it.name == \"d\"', expect: it.uid != 0}\n"
	indicateUID  = "  - {id: i, title: t, strength: indicative, over: account, where: 'it.name == \"i\"', expect: it.uid != 0}\n"
	noteUID      = "  - {id: n, title: t, strength: indicative, severity: note, over: account, where: 'it.name == \"n\"', expect: it.uid != 0}\n"
	needsService = "  - {id: s, title: t, strength: decisive, needs: [declaration.services], over: account, expect: declaration.services.size() == 0 || it.uid > 0}\n"
	liveScan     = "  - {id: scan, title: t, means: live, strength: decisive, procedure: Scan the ports.}\n"
	readDocument = "  - {id: read, title: t, means: document, strength: decisive, needs: [declaration.documents], procedure: Read it.}\n"
	askPerson    = "  - {id: ask, title: t, means: person, strength: decisive, procedure: Look at it.}\n"
	askTwo       = "  - {id: ask, title: t, means: person, strength: decisive, persons: 2, procedure: Look at it.}\n"
	elfNX        = "  - {id: nx, title: t, strength: indicative, over: elf, expect: it.nx}\n"
)

func body(passBy string, tests ...string) string {
	s := "pass-by: " + passBy + "\ntests:\n"
	for _, t := range tests {
		s += t
	}
	return s
}

func judged(w *world, test string, v Verdict, person string) *world {
	w.in.Judgements = append(w.in.Judgements, Judgement{Scheme: "demo", Requirement: "R", Test: test, Verdict: v, Reason: "seen", Party: "lab", Person: person})
	return w
}

func TestVerdict(t *testing.T) {
	plain := func(w *world) *world { return w.saw("/etc/passwd", account("x", 1)) }
	for _, test := range []struct {
		rule    string
		world   func(*world) *world
		body    string
		verdict Verdict
		reason  Reason
	}{
		{"fail comes before inconclusive", func(w *world) *world {
			return w.saw("/etc/passwd", account("d", 0)).saw("/etc/passwd", fact.Account{Name: "i"})
		}, body("[[artifact]]", decisiveUID, indicateUID), Fail, ""},
		{"an indicative test can refute", func(w *world) *world { return w.saw("/etc/passwd", account("i", 0)) }, body("[[live]]", indicateUID, liveScan), Fail, ""},
		{"an indicative test cannot prove", plain, body("[[artifact]]", indicateUID), NotAssessed, NoTest},
		{"an indicative test that is inconclusive makes the requirement inconclusive", func(w *world) *world {
			return w.saw("/etc/passwd", fact.Account{Name: "i"})
		}, body("[[artifact]]", decisiveUID, indicateUID), Inconclusive, ""},
		{"pass when a set of means is complete", plain, body("[[live], [artifact]]", decisiveUID, liveScan), Pass, ""},
		{"every means of the set is needed", plain, body("[[artifact, person]]", decisiveUID, askPerson), NotAssessed, NeedsPerson},
		{"every means of the set, shown", func(w *world) *world { return judged(plain(w), "ask", Pass, "ann") }, body("[[artifact, person]]", decisiveUID, askPerson), Pass, ""},
		{"all decisive tests of a means have to hold", plain, body("[[artifact]]", decisiveUID, needsService), NotAssessed, NeedsDeclaration},
		{"a test that needs a rescan is in the way of every pass", func(w *world) *world {
			w.uncover("elf")
			return plain(w)
		}, body("[[artifact]]", decisiveUID, elfNX), NotAssessed, NeedsRescan},
		{"a note has no part in the verdict", func(w *world) *world { return w.saw("/etc/passwd", account("n", 0)) }, body("[[artifact]]", decisiveUID, noteUID), Pass, ""},
		{"nor has a note that is unknown", func(w *world) *world { return w.saw("/etc/passwd", fact.Account{Name: "n"}) }, body("[[artifact]]", decisiveUID, noteUID), Pass, ""},
		{"live waits for an instance", plain, body("[[live]]", liveScan), NotAssessed, NeedsInstance},
		{"a document waits for a declaration", plain, body("[[document]]", readDocument), NotAssessed, NeedsDeclaration},
		{"a declared document waits for a person", func(w *world) *world {
			w.in.Declaration = map[string]any{"documents": []any{}}
			return plain(w)
		}, body("[[document]]", readDocument), NotAssessed, NeedsPerson},
		{"no test for a means that a pass needs", plain, body("[[live]]", indicateUID), NotAssessed, NoTest},
		{"the reason is that of the set that lacks least", plain, body("[[live, person], [artifact, person]]", decisiveUID, askPerson), NotAssessed, NeedsPerson},
		{"of several reasons the first is given", plain, body("[[live, person, document]]", askPerson, liveScan), NotAssessed, NoTest},
		{"a person's fail fails", func(w *world) *world { return judged(plain(w), "ask", Fail, "ann") }, body("[[artifact], [person]]", decisiveUID, askPerson), Fail, ""},
		{"a person's fail is not outvoted", func(w *world) *world { return judged(judged(plain(w), "ask", Fail, "ann"), "ask", Pass, "bob") }, body("[[person]]", askPerson), Fail, ""},
		{"a person may be in doubt", func(w *world) *world { return judged(plain(w), "ask", Inconclusive, "ann") }, body("[[artifact], [person]]", decisiveUID, askPerson), Inconclusive, ""},
		{"one person is not two", func(w *world) *world { return judged(judged(plain(w), "ask", Pass, "ann"), "ask", Pass, "ann") }, body("[[person]]", askTwo), NotAssessed, NeedsPerson},
		{"two persons", func(w *world) *world { return judged(judged(plain(w), "ask", Pass, "ann"), "ask", Pass, "bob") }, body("[[person]]", askTwo), Pass, ""},
		{"a judgement of another requirement does not count", func(w *world) *world {
			judged(plain(w), "ask", Pass, "ann").in.Judgements[0].Requirement = "Q"
			return w
		}, body("[[person]]", askPerson), NotAssessed, NeedsPerson},
		{"an empty list is declared to be none", func(w *world) *world {
			w.in.Declaration = map[string]any{"services": []any{}}
			return plain(w)
		}, body("[[artifact]]", needsService), Pass, ""},
	} {
		t.Run(test.rule, func(t *testing.T) {
			r, _ := test.world(newWorld(t)).judge(test.body)
			want(t, r, test.verdict, test.reason)
		})
	}
}

func TestApplicability(t *testing.T) {
	text := "applies: 'declaration.functions.exists(f, f.id == \"web-server\")'\ncontradicts: [{over: service, where: 'it.role == \"http\"'}]\n" + body("[[artifact]]", decisiveUID)
	none := map[string]any{"functions": []any{}}
	web := fact.Service{Name: "web", Manager: "systemd", Role: fact.Known("http")}

	r, _ := newWorld(t).saw("/etc/passwd", account("x", 1)).judge(text)
	want(t, r, Pass, "") // no declaration: everything applies

	w := newWorld(t).saw("/etc/passwd", account("x", 1))
	w.in.Declaration = map[string]any{}
	r, _ = w.judge(text)
	want(t, r, Pass, "") // functions are not declared: that exempts nothing

	w = newWorld(t).saw("/etc/passwd", account("x", 1))
	w.in.Declaration = none
	r, _ = w.judge(text)
	want(t, r, NotApplicable, "")

	w = newWorld(t).saw("/etc/passwd", account("d", 0)).saw("/lib/web.service", web)
	w.in.Declaration = none
	r, o := w.judge(text)
	want(t, r, Fail, "")
	if len(o.Findings) != 2 || o.Findings[0].Test != "declared-not-applicable" {
		t.Errorf("findings %+v, want the contradiction and the account", o.Findings)
	}
}

func TestWorst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOf(rapid.SampledFrom(Verdicts())).Draw(t, "verdicts")
		worst := Worst(list...)
		for _, v := range list {
			if Worst(worst, v) != worst {
				t.Fatalf("Worst(%v) = %s, which is better than %s", list, worst, v)
			}
		}
	})
	if Worst(Pass, NotApplicable) != Pass || Worst(NotAssessed, Inconclusive, Pass) != Inconclusive {
		t.Error("the order of verdicts is wrong")
	}
}

// TestIgnoranceNeverHelps takes things away from a world and demands that nothing passes that did not before.
func TestIgnoranceNeverHelps(t *testing.T) {
	text := body("[[artifact]]", decisiveUID, indicateUID, elfNX,
		"  - {id: g, title: t, strength: decisive, over: account, by: uid, expect: group.size() == 1}\n",
		"  - {id: c, title: t, strength: decisive, over: account, by: uid, complete: true, expect: 'group.exists(a, a.name != \"\")'}\n",
		"  - {id: f, title: t, strength: decisive, over: account, where: has(it.home), expect: 'find(\"file\", it.home).size() > 0'}\n",
		"  - {id: o, title: t, strength: decisive, require: some, over: account, expect: it.uid > 0}\n")
	rapid.Check(t, func(rt *rapid.T) {
		build := func(keep func(string) bool, hide []string, drop string) *Requirement {
			w := newWorld(t)
			names := []string{"d", "i", "x", "y"}
			for _, n := range names {
				uid := int64(rapid.IntRange(0, 2).Draw(rt, n))
				a := account(n, uid)
				if uid == 2 {
					a.Home = fact.Known("/home/" + n)
				}
				if keep(n) {
					w.saw("/etc/passwd", a)
				}
			}
			w.saw("/home/d", fact.File{Type: "dir"}).saw("/bin/x", fact.ELF{Type: "pie", Machine: "x86_64", Bits: 64, NX: fact.Known(true)})
			if hide != nil {
				w.hidden(hide...)
			}
			if drop != "" {
				w.uncover(drop)
			}
			r, _ := w.judge(text)
			return r
		}
		drop := rapid.SampledFrom([]string{"", "account", "elf", "file"}).Draw(rt, "drop")
		hide := rapid.SampledFrom([][]string{nil, {"*"}, {"account"}, {"file"}, {"elf"}}).Draw(rt, "hide")
		lost := rapid.SampledFrom([]string{"d", "i", "x", "y", ""}).Draw(rt, "lost")
		if drop == "" && hide == nil {
			return
		}
		// What is lost from sight comes with an unobserved fact, or with an observer that did not look.
		if lost != "" && drop != "account" && (hide == nil || hide[0] != "*" && hide[0] != "account") {
			lost = ""
		}
		poorer := build(func(n string) bool { return n != lost && drop != "account" }, hide, drop)
		if poorer.Verdict == Pass {
			rt.Fatalf("passes with drop %q, hide %v, lost %q: %s", drop, hide, lost, states(poorer))
		}
	})
}

// TestFingerprint holds a fingerprint against one that was made with another program's SHA-256 of
// ["demo","R","uid",["root",0,null,true],"/etc/passwd"].
func TestFingerprint(t *testing.T) {
	const want = "3a3dd78f3742ed7b7d710efdba0ac6df6c52402e5da0887067d513469be83186"
	if got := Fingerprint("demo", "R", "uid", []any{"root", int64(0), nil, true}, "/etc/passwd"); got != want {
		t.Errorf("fingerprint %s, want %s", got, want)
	}
	if Fingerprint("demo", "R", "uid", []any{"root"}, "/a") == Fingerprint("demo", "R", "uid", []any{"root"}, "/b") {
		t.Error("the path has no part in the fingerprint")
	}
}
