package service

import (
	"context"
	"strings"
)

// implied are dependencies that hold although no file may state them (bootup(7), systemd.special(7)).
var implied = map[string][]string{
	"graphical.target":  {"multi-user.target"},
	"multi-user.target": {"basic.target"},
	"rescue.target":     {"sysinit.target"},
	"basic.target":      {"sysinit.target", "sockets.target", "timers.target", "paths.target", "slices.target"},
}

// maxActive bounds how many units are followed, instances of templates above all.
const (
	maxActive = 50_000
	maxQueue  = 1_000_000
)

// activate follows what the default target pulls in.
func (s *units) activate(ctx context.Context) *activation {
	a := &activation{on: map[string]bool{}, maybe: map[string]bool{}}
	start := s.load("default.target")
	if start.missing || start.masked {
		return a
	}
	a.known = true
	queue := []string{start.name, "basic.target"}
	push := func(names ...string) { queue = append(queue, names...) }
	for len(queue) > 0 && ctx.Err() == nil {
		if len(a.on) >= maxActive || len(queue) > maxQueue {
			s.over = true
			s.j.v.Unobserved(start.node, "budget", "more units are pulled in than can be followed")
			break
		}
		u := s.load(queue[0])
		queue = queue[1:]
		if a.on[u.name] || u.masked {
			continue
		}
		a.on[u.name] = true
		push(implied[u.name]...)
		s.pulledBy(u, push)
		switch name := u.name; {
		case strings.HasSuffix(name, ".timer"):
			if len(u.values("Timer", "OnBootSec"))+len(u.values("Timer", "OnStartupSec"))+len(u.values("Timer", "OnActiveSec")) > 0 {
				push(triggered(u, "Timer", ".timer"))
			}
		case strings.HasSuffix(name, ".path"):
			a.maybe[s.load(triggered(u, "Path", ".path")).name] = true
		}
	}
	return a
}

// pulledBy passes on the names that an active unit pulls in, by its settings and by directories beside it.
func (s *units) pulledBy(u *unit, push func(...string)) {
	for _, key := range []string{"Wants", "Requires", "BindsTo", "Upholds"} {
		for _, v := range u.values("Unit", key) {
			for name := range strings.FieldsSeq(specifiers(u.name, v.value)) {
				if isUnit(name) {
					push(name)
				}
			}
		}
	}
	names := append([]string{u.name}, u.aliases...)
	if template, inst, ok := instance(u.name); ok && inst != "" {
		names = append(names, template)
	}
	for _, of := range names {
		for _, name := range s.pulls[of] {
			if isUnit(name) {
				push(name)
			}
		}
	}
}

// triggered returns the unit that a timer, path or socket starts.
func triggered(u *unit, section, suffix string) string {
	key := "Unit"
	if section == "Socket" {
		key = "Service"
	}
	if name := u.value(section, key); name != "" {
		return specifiers(u.name, name)
	}
	return strings.TrimSuffix(u.name, suffix) + ".service"
}

// specifiers writes out the specifiers of systemd.unit(5) that a file alone decides; others stay.
func specifiers(name, s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	dot := strings.LastIndexByte(name, '.')
	prefix, inst := name[:dot], ""
	if i := strings.IndexByte(prefix, '@'); i >= 0 {
		prefix, inst = prefix[:i], prefix[i+1:]
	}
	return strings.NewReplacer(
		"%%", "%", "%n", name, "%N", name[:dot], "%p", prefix, "%i", inst, "%I", strings.ReplaceAll(inst, "-", "/"), "%j", prefix[strings.LastIndexByte(prefix, '-')+1:],
		"%t", "/run", "%S", "/var/lib", "%C", "/var/cache", "%L", "/var/log", "%E", "/etc",
	).Replace(s)
}
