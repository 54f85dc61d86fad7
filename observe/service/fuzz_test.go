package service

import (
	"testing"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
)

func emptyView(testing.TB) *observe.View { return &observe.View{} }

// FuzzParse gives the same bytes to every parser, and what they say to what makes facts of it.
func FuzzParse(f *testing.F) {
	for _, files := range []map[string]string{busyboxRouter, debianLike, openwrt, alpine} {
		for _, content := range files {
			f.Add([]byte(content))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ctx := t.Context()
		j := &joiner{v: emptyView(t)}
		parseServices(ctx, b)
		parseSNMP(ctx, b)
		if v, err := parseUnit(ctx, b); err == nil {
			for _, s := range v.(*unitFile).settings {
				socketAddress(specifiers("a@b-c.service", s.value), "tcp")
				u := &unit{name: "a@b.service", settings: []located{{setting: s}}}
				(&units{j: j, loaded: map[string]*unit{}}).describe(u, &fact.Service{})
			}
		}
		if v, err := parseInittab(ctx, b); err == nil {
			for _, e := range v.(*inittab).entries {
				j.entry(observe.File{}, e, true)
			}
		}
		if v, err := parseInetd(ctx, b); err == nil {
			for i := range v.(*inetdConfig).lines {
				j.served(observe.File{}, &v.(*inetdConfig).lines[i], fact.Known(true))
			}
		}
		if v, err := parseXinetd(ctx, b); err == nil {
			for _, x := range v.(*xinetdConfig).blocks {
				j.xservice(observe.File{}, x, x, fact.Known(true))
			}
		}
		if v, err := parseScript(ctx, b); err == nil {
			s := v.(*script)
			for _, inv := range s.invocations {
				if l, ok := launchOf(inv.text, s.vars); ok {
					o := j.understand(l.command)
					j.put(0, o.fill(fact.Service{Manager: "sysv"}), shown(inv.line))
				}
			}
		}
		for _, s := range j.out {
			checkFact(t, s.attrs, s.excerpt)
		}
	})
}
