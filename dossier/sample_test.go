package dossier

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/product"
	"github.com/probat-lab/probat/reference"
	"github.com/probat-lab/probat/scheme"
)

const sampleScheme = `scheme: demo
edition: "1"
title: Demo
publisher: Probat
link: https://example.org/
texts: our own words
profiles:
  - {id: artifact, title: what a delivered file decides, reason: nothing else is needed, requirements: [R2]}
requirements:
  - id: R1
    title: what listens is declared
    text: Every service that listens is declared.
    pass-by: [[live]]
    tests:
      - id: undeclared-service
        title: is not declared
        strength: indicative
        needs: [declaration.services]
        over: service
        where: it.at_boot
        expect: declaration.services.exists(s, s.protocol == it.protocol && s.port == it.port)
        same: [it.program, it.protocol, it.port]
      - {id: asked, title: the instance was asked, strength: decisive, means: live, procedure: Ask every port., evidence: what answered}
  - id: R2
    title: nothing is writable by all
    text: No file is writable by all.
    pass-by: [[artifact]]
    tests:
      - {id: writable, title: is writable by all, strength: decisive, over: file, expect: "!it.world_writable"}
  - id: R3
    title: software is supported
    text: Software is supported.
    pass-by: [[artifact]]
    tests:
      - id: past-end-of-life
        title: is past its end of life
        strength: decisive
        over: package
        let: {life: 'ref("lifecycle", it.name)'}
        unknown: "!life.hasValue()"
        expect: life.value().supported_until >= as_of
`

const sampleDeclaration = `vendor: Example Networks
product: Edge 10
kind: equipment
version: "1.10"
artifacts: [{id: router, path: router.tar}]
services: [{name: ssh, program: /usr/sbin/sshd, protocol: tcp, port: 22}]
documents: [{id: guide, path: guide.txt, answers: [{scheme: demo, requirement: R1}]}]
`

const sampleReference = `{"set":"lifecycle","as_of":"2026-11-01","source":"https://example.org/eol","licence":"CC0-1.0","rows":{"openssl":{"supported_until":"2023-09-11"}}}
`

const sampleTree = `{"account":{"nodes":4,"padding":9216,"structure":1020,"unobserved":0},"address":"router","digest":"5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9","format":"tar","size":10240,"type":"file"}
{"address":"router!/etc","gid":0,"mode":"0755","mtime":"1700000000","type":"dir","uid":0}
{"address":"router!/etc/a%21b","digest":"88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589","gid":0,"mode":"0666","mtime":"1700000000","size":4,"type":"file","uid":0}
`

// sampleFacts are a few facts, among them what canonical JSON and addresses treat in a way of their own.
func sampleFacts(t testing.TB) *fact.Set {
	t.Helper()
	at := func(path string) fact.Location {
		return fact.Location{Node: "router!" + path, System: "router", Path: path}
	}
	lines := map[string][]string{}
	add := func(observer string, where fact.Location, attrs any, e *fact.Excerpt) {
		k := fact.KindOf(attrs).Name
		lines[k] = append(lines[k], fact.Encode(observer, where, fact.Record{Attrs: attrs, Excerpt: e}))
	}
	add("file", at("/etc/a%21b"), fact.File{Type: "file", Mode: fact.Known[int64](0o666), Size: fact.Known[int64](4), WorldWritable: fact.Known(true)}, nil)
	add("file", at("/etc/b"), fact.File{Type: "file", Size: fact.Known[int64](1<<53 + 1), WorldWritable: fact.Known(false)}, nil)
	add("file", at("/etc/c"), fact.File{Type: "file"}, nil)
	add("service", at("/etc/inetd.conf"), fact.Service{
		Name: "telnet", Program: fact.Known("/usr/sbin/telnetd"), Protocol: fact.Known("tcp"), Port: fact.Known[int64](23), Manager: "inetd", AtBoot: fact.Known(true),
	}, &fact.Excerpt{Offset: 17, Length: 40, Line: 2, Text: fact.Text([]byte("telnet\tstream tcp"))})
	add("service", at("/etc/systemd/system/ssh.service"), fact.Service{
		Name: "ssh", Program: fact.Known("/usr/sbin/sshd"), Protocol: fact.Known("tcp"), Port: fact.Known[int64](22), Manager: "systemd", AtBoot: fact.Known(true),
	}, nil)
	for _, name := range []string{"openssl", "zlib%0A\""} {
		add("dpkg", at("/var/lib/dpkg/status"), fact.Package{Name: name, Manager: "dpkg", Version: "1.0", Installed: true}, nil)
	}
	add("unpack", at("/etc/x.bin"), fact.Unobserved{Reason: "truncated", Detail: "ends in the middle", Hides: []string{"elf"}, Offset: fact.Known[int64](512)}, nil)
	set := fact.NewSet()
	for name, l := range lines {
		sorted, err := fact.SortLines(l)
		if err != nil {
			t.Fatal(err)
		}
		k, _ := fact.ByName(name)
		set.Put(k, sorted)
	}
	return set
}

// sample is a small dossier with something in every file.
func sample(t testing.TB) *Contents {
	t.Helper()
	s, err := scheme.Parse("demo.yaml", []byte(sampleScheme))
	if err != nil {
		t.Fatal(err)
	}
	d, err := product.Parse("product.yaml", []byte(sampleDeclaration))
	if err != nil {
		t.Fatal(err)
	}
	ref, err := reference.Parse([]byte(sampleReference))
	if err != nil {
		t.Fatal(err)
	}
	guide := []byte("Passwords: see page 4.\n")
	c := &Contents{
		Declaration: d, Tree: []byte(sampleTree), Facts: sampleFacts(t), References: []*reference.Set{ref}, Evidence: map[string][]byte{Digest(guide): guide},
		Judgements: []judge.Judgement{{
			Scheme: "demo", Requirement: "R1", Test: "asked", Verdict: judge.Pass, Reason: "two ports answered, <both> declared", Evidence: []string{Digest(guide)},
			Party: "Example Lab", Person: "Ada", Statement: Digest([]byte("a statement")),
		}},
	}
	m := &c.Manifest
	m.AsOf = "2026-11-24"
	m.Artifacts = []Artifact{{ID: "router", Digest: "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9", Size: 10240, Type: "file", Role: "image"}}
	m.Budgets = Budgets{Bytes: 1<<53 + 1, Depth: 32, Entries: 1_000_000}
	m.Bytes = Bytes{Nodes: 4, Structure: 1020, Padding: 9216}
	m.Evidence = []Evidence{{Digest: Digest(guide), Title: "guide", Answers: []string{"demo/R1"}}}
	m.LeftOut = []string{"elf"}
	m.Unpackers = []Unpacker{{"tar", 1}}
	for _, name := range []string{"dpkg", "file", "service"} {
		kinds := map[string][]string{}
		kind := map[string]string{"dpkg": "package"}[name]
		if kind == "" {
			kind = name
		}
		k, _ := fact.ByName(kind)
		for _, f := range k.Fields {
			kinds[kind] = append(kinds[kind], f.Name)
		}
		m.Observers = append(m.Observers, fact.Coverage{Observer: name, Version: 1, Kinds: kinds, Nodes: 3, Systems: 1})
	}
	judgeSample(t, c, s)
	return c
}

// judgeSample judges a dossier's contents by its schemes.
func judgeSample(t testing.TB, c *Contents, schemes ...*scheme.Scheme) {
	t.Helper()
	c.Outcomes = nil
	for _, s := range schemes {
		o, err := judge.Judge(t.Context(), s, c.Input())
		if err != nil {
			t.Fatal(err)
		}
		c.Outcomes = append(c.Outcomes, o)
	}
}

// written writes the sample and returns its folder.
func written(t testing.TB, c *Contents, beside ...Beside) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "d")
	if err := Write(dir, c, beside...); err != nil {
		t.Fatal(err)
	}
	return dir
}

// must is for what cannot go wrong but for the machine.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(fmt.Errorf("preparing: %w", err))
	}
}
