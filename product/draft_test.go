package product

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func TestDraft(t *testing.T) {
	d := Draft{
		Declaration: Declaration{
			Artifacts: []Artifact{{ID: "router", Path: "edge 1.tar.gz", Role: "image"}},
			Services: []Service{
				{Name: "ssh", Program: "/usr/sbin/sshd", Protocol: "tcp", Port: 22, Reach: "every"},
				{Name: "cron", Program: "/usr/sbin/cron"},
			},
			Accounts:   []Account{{Name: "root", Interactive: ptr(true)}, {Name: "no"}, {Name: "root"}},
			Privileged: []Privileged{{Path: "/bin/ping", Mechanism: "capability", Capabilities: []string{"cap_net_raw"}}},
			Software:   []Software{{Name: "openssh-server", Version: "1:9.2p1-2"}},
			Logs:       []Log{},
			Web:        &Web{Roots: []string{"/srv"}},
		},
		Notes: []string{"a kernel that could not be read\n\"x\""},
	}
	want := `# What the vendor declares about one release, drafted from what was observed in it.
# Correct it, say why things are there, and delete what does not belong to the product.
# A list that is left out is "not declared"; [] declares that there are none.
vendor: unnamed vendor  # replace: who makes it, as customers know it
product: unnamed product  # replace: the name under which it is sold or run
kind: equipment  # equipment, software, service or process
version: unnamed version  # replace: what names this release
artifacts:
  - id: router
    path: "edge 1.tar.gz"
    role: image
# not declared under services, since services[1]: missing key \"protocol\": {name: cron, program: /usr/sbin/cron}
services:
  - name: ssh
    program: /usr/sbin/sshd
    protocol: tcp
    port: 22
    reach: every
# not declared under accounts, since accounts[2].name: accounts[0] is the same: {name: root}
accounts:
  - name: root
    interactive: true
  - name: "no"
privileged:
  - path: /bin/ping
    mechanism: capability
    capabilities:
      - cap_net_raw
software:
  - name: openssh-server
    version: "1:9.2p1-2"
logs: []
web:
  roots:
    - /srv
# Not declared yet: classes, schemes, roles, crypto, functions, support, documents.
# a kernel that could not be read\n\"x\"
`
	got := string(d.YAML())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := Parse("draft", []byte(got)); err != nil {
		t.Error(err)
	}
}

func TestDraftOfNothing(t *testing.T) {
	for _, d := range []Draft{
		{},
		{Declaration: Declaration{Kind: KindProcess}},
		{Declaration: Declaration{Kind: "x", Vendor: " ", Version: "\xff", Period: "y", Artifacts: []Artifact{}}},
		{Declaration: Declaration{Services: []Service{{}}, Web: &Web{}, Support: &Support{Until: "never"}, Roles: []Role{{}}, Documents: []Document{{ID: "a", Path: "b", Answers: []Answer{{}}}}}},
		{Declaration: Declaration{Classes: []string{"x"}, Schemes: []string{"/etc/passwd", "ok"}}},
	} {
		if _, err := Parse("draft", d.YAML()); err != nil {
			t.Errorf("%+v: %v in\n%s", d, err, d.YAML())
		}
	}
}

// Every declaration that Parse accepts survives being written as YAML and read again.
func TestDraftRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDeclaration(t)
		src := Draft{Declaration: *d, Notes: []string{drawText(t, "prose")}}.YAML()
		got, err := Parse("draft", src)
		if err != nil {
			t.Fatalf("%v in\n%s", err, src)
		}
		if diff := cmp.Diff(d, got); diff != "" {
			t.Errorf("(-want +got)\n%s\n%s", diff, src)
		}
	})
}

// Whatever was observed, the draft is a declaration, and what it declares is what was observed.
func TestDraftOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		anything := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }), rapid.SampledFrom([]string{"tcp", "a", "/a", "setuid", "root"}))
		var d Draft
		fill(t, reflect.ValueOf(&d.Declaration).Elem(), anything)
		d.Notes = rapid.SliceOf(anything).Draw(t, "notes")
		src := d.YAML()
		got, err := Parse("draft", src)
		if err != nil {
			t.Fatalf("%v in\n%q", err, src)
		}
		for _, s := range got.Services {
			found := false
			for _, o := range d.Services {
				found = found || cmp.Equal(s, o, cmpopts.EquateEmpty())
			}
			if !found {
				t.Errorf("%+v was not observed", s)
			}
		}
	})
}

func fill(t *rapid.T, v reflect.Value, text *rapid.Generator[string]) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text.Draw(t, "text"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int64:
		v.SetInt(rapid.Int64Range(-1, 70000).Draw(t, "int"))
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "there") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), text)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rapid.IntRange(0, 2).Draw(t, "n"), 2))
		for i := range v.Len() {
			fill(t, v.Index(i), text)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), text)
		}
	}
}

func TestDraftOfVeryMuch(t *testing.T) {
	long := strings.Repeat("\u00a0", proseLimit-1) + "."
	for _, name := range []string{"package-", strings.Repeat("-", 900), strings.Repeat("\u2003", 1000)} {
		var d Draft
		for range 20000000 / (300 + len(name)*20) {
			d.Software = append(d.Software, Software{Name: name, Version: "1.2.3-4"})
			d.Services = append(d.Services, Service{Name: name})
		}
		for i := range 10 {
			d.Accounts = append(d.Accounts, Account{Name: strings.Repeat(name, i+1)[:len(name)], Application: strings.Repeat("a", i+1), Purpose: long})
		}
		d.Web = &Web{}
		for i := range 2000 {
			d.Web.AddOns = append(d.Web.AddOns, strings.Repeat("#", i%1000+1)+strings.Repeat("a", i/1000))
		}
		d.Notes = []string{strings.Repeat("n", 2*MaxSize)}
		src := d.YAML()
		got, err := Parse("draft", src)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{" more under software: a declaration is at most 1 MiB", "web was left out: a declaration", " more things were observed that are not declared"} {
			if !strings.Contains(string(src), want) {
				t.Errorf("%.10q: %d bytes, %d packages, and no %q", name, len(src), len(got.Software), want)
			}
		}
	}
}
