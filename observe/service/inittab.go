package service

import (
	"context"
	"fmt"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
)

// entry is one line of an inittab: of sysvinit (inittab(5)), busybox or procd, whose lines look the same.
type entry struct {
	id, levels, action, process string
	line                        observe.Line
}

type inittab struct {
	entries []entry
	level   string // of initdefault; empty where there is none
	faults  []int64
}

func parseInittab(ctx context.Context, b []byte) (any, error) {
	if err := observe.CheckText(b); err != nil {
		return nil, err
	}
	t := &inittab{}
	for l := range observe.Lines(b) {
		if l.Number&0xfff == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		text := strings.TrimSpace(l.Text)
		if text == "" || text[0] == '#' {
			continue
		}
		f := strings.SplitN(text, ":", 4)
		if len(f) < 3 || f[2] == "" || len(f) < 4 && f[2] != "initdefault" {
			if len(t.faults) < maxFaults {
				t.faults = append(t.faults, l.Number)
			}
			continue
		}
		if f[2] == "initdefault" {
			t.level = f[1]
			continue
		}
		t.entries = append(t.entries, entry{f[0], f[1], f[2], strings.TrimSpace(f[3]), l})
	}
	return t, nil
}

// actions are those of init that start something when the system starts; the others wait for an event.
var actions = map[string]bool{
	"sysinit": true, "boot": true, "bootwait": true, "wait": true, "once": true, "respawn": true, "respawnlate": true, "askfirst": true,
	"askconsole": true, "askconsolelate": true, "off": false, "ondemand": false, "ctrlaltdel": false, "shutdown": false, "restart": false,
	"powerfail": false, "powerwait": false, "powerokwait": false, "powerfailnow": false, "kbrequest": false,
}

func (j *joiner) inittab(context.Context) error {
	f, ok := j.v.File("etc/inittab")
	if !ok {
		j.busyboxDefaults()
		return nil
	}
	if f.Err != nil {
		j.v.Failed(f)
		return nil
	}
	t := f.Parsed.(*inittab)
	for _, n := range t.faults {
		j.v.Unobserved(f.ID, "unparsed", fmt.Sprintf("line %d is no entry", n))
	}
	for _, e := range t.entries {
		starts, known := actions[e.action]
		if !known {
			j.v.Unobserved(f.ID, "unparsed", fmt.Sprintf("line %d has an unknown action", e.line.Number))
			continue
		}
		early := e.action == "sysinit" || e.action == "boot" || e.action == "bootwait"
		if t.level != "" && e.levels != "" && !early {
			starts = starts && strings.Contains(e.levels, t.level)
		}
		j.entry(f, e, starts)
	}
	return nil
}

func (j *joiner) entry(f observe.File, e entry, starts bool) {
	process := strings.TrimPrefix(e.process, "+") // sysvinit: without utmp records
	words, open := split(process, nil)
	c, ok := newCommand(words, open)
	if !ok && process == "" {
		process = "/bin/sh" // procd's askconsole names a program that may be missing; busybox runs a shell
		return
	}
	a := fact.Service{
		Name: fact.Escape(e.id), Manager: "inittab", AtBoot: j.started(starts), User: fact.Known("root"), Command: commandText(process),
	}
	if !ok {
		j.put(f.ID, []fact.Service{a}, shown(e.line))
		return
	}
	if a.Name == "" {
		a.Name = fact.Escape(strings.TrimPrefix(base(words[0]), "-"))
	}
	j.record(f.ID, a, c, shown(e.line))
}

// busyboxDefaults records what busybox's init does without an inittab: shells on the consoles, without a log-in (busybox init/init.c's usage text).
func (j *joiner) busyboxDefaults() {
	for _, p := range []string{"/sbin/init", "/init"} {
		target, ok := j.v.LinkTarget(p)
		if !ok {
			continue
		}
		if id, found := j.v.Entry(p); found && base(target) == "busybox" {
			j.put(id, []fact.Service{{
				Name: "console", Program: fact.Known("/bin/sh"), Manager: "inittab", AtBoot: fact.Known(true), User: fact.Known("root"),
				Role: fact.Known("shell"), Authenticated: fact.Known(false),
			}}, nil)
		}
		return
	}
}
