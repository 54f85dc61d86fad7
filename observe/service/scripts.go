package service

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/tree"
)

// bootScripts are scripts that an inittab or another script runs when the system starts; start scripts of single services lie elsewhere.
var bootScripts = []string{
	"etc/rc", "etc/rcS", "etc/rc.local", "etc/rc.sysinit", "etc/rc.d/rc.local", "etc/rc.d/rcS", "etc/rc.d/rc.sysinit", "etc/rc.d/init.d/*",
	"etc/rc[2345S].d/S*", "etc/rc.d/S*", "etc/rc.d/rc[2345S].d/S*", "etc/init.d/rc.d/S*",
}

// notServices are names in etc/init.d that no service has: the machinery itself, and what is run when the system stops.
var notServices = map[string]bool{
	"rc": true, "rcS": true, "rcK": true, "rc.local": true, "README": true, "skeleton": true, "functions": true, "functions.sh": true, "halt": true,
	"reboot": true, "killprocs": true, "single": true, "sendsigs": true, "umountfs": true, "umountnfs.sh": true, "umountroot": true, "rc.sysinit": true,
	"done": true, ".depend.boot": true, ".depend.start": true, ".depend.stop": true,
}

// Whether a script is run when the system starts.
const (
	notReached = iota
	maybe
	reached
)

// runs are the scripts of one system.
type runs struct {
	j       *joiner
	state   map[string]int    // by path
	manager map[string]string // by path, where a directory of links says it
	files   map[string]observe.File
	queue   []string
	spent   int  // commands that were looked at
	linked  bool // a directory of links says which scripts are enabled: those without a link are not
}

func (j *joiner) scripts(ctx context.Context) error {
	r := &runs{j: j, state: map[string]int{}, manager: map[string]string{}, files: map[string]observe.File{}}
	for _, dir := range []string{"/etc/init.d", "/etc/rc.d/init.d"} {
		for _, name := range j.v.Names(dir) {
			r.open(dir + "/" + name)
		}
	}
	r.enabledByLinks()
	r.runByInit()
	for len(r.queue) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := r.queue[0]
		r.queue = r.queue[1:]
		r.follow(p)
	}
	seen := map[tree.ID]bool{}
	for _, p := range slices.Sorted(maps.Keys(r.files)) {
		if f := r.files[p]; !seen[f.ID] {
			seen[f.ID] = true
			r.record(p, f)
		}
	}
	return nil
}

// open takes up a script once; a failure is recorded.
func (r *runs) open(p string) (*script, bool) {
	f, ok := r.files[p]
	if !ok {
		if f, ok = r.j.v.At(p); !ok || f.Node.Type == tree.Dir {
			return nil, false
		}
		if f.Err != nil && observe.ErrNotNamed(f.Err) {
			return nil, false
		}
		r.files[p] = f
		if f.Err != nil && !strings.HasSuffix(p, "/README") {
			r.j.v.Failed(f)
		}
	}
	s, ok := f.Parsed.(*script)
	return s, ok
}

// maxSpent bounds how many commands of all scripts are looked at.
const maxSpent = 400_000

func (r *runs) spend(p string) bool {
	r.spent++
	if r.spent == maxSpent {
		r.j.v.Unobserved(r.files[p].ID, "budget", "more commands in start scripts than can be followed")
	}
	return r.spent < maxSpent
}

// reach says that a script is run, or may be.
func (r *runs) reach(p string, state int) {
	if _, ok := r.open(p); ok && r.state[p] < state {
		r.state[p] = state
		r.queue = append(r.queue, p)
	}
}

// enabledByLinks takes up the directories that say which scripts are enabled.
func (r *runs) enabledByLinks() {
	levels := []string{"2", "3", "4", "5"}
	if f, ok := r.j.v.File("etc/inittab"); ok && f.Err == nil {
		if l := f.Parsed.(*inittab).level; len(l) == 1 && l >= "2" && l <= "5" {
			levels = []string{l}
		}
	}
	for _, l := range append([]string{"S"}, levels...) {
		if l == "S" && r.j.init == "systemd" {
			continue // its generator reads the others only (systemd-sysv-generator(8))
		}
		for _, dir := range []string{"/etc/rc" + l + ".d", "/etc/rc.d/rc" + l + ".d"} {
			r.links(dir, "sysv", true)
		}
	}
	if r.j.init != "systemd" {
		r.links("/etc/rc.d", "sysv", true)
		for _, level := range []string{"sysinit", "boot", "default"} {
			r.links("/etc/runlevels/"+level, "openrc", false)
		}
	}
}

// links takes up one directory of links; sNames says that those that start begin with S and two digits.
func (r *runs) links(dir, manager string, sNames bool) {
	for _, name := range r.j.v.Names(dir) {
		if sNames && !isSName(name) {
			continue
		}
		r.linked = true
		p := dir + "/" + name
		if target, ok := r.j.v.LinkTarget(p); ok {
			p = "/etc/init.d/" + base(target)
			if strings.Contains(target, "rc.d/init.d/") || strings.HasPrefix(dir, "/etc/rc.d/rc") {
				if q := "/etc/rc.d/init.d/" + base(target); r.j.v.Exists(q) {
					p = q
				}
			}
			if r.j.init == "systemd" && (r.j.native[base(target)] || r.j.native[strings.TrimSuffix(base(target), ".sh")]) {
				continue // the unit of that name is started instead
			}
		}
		r.manager[p] = manager
		r.reach(p, reached)
	}
}

// isSName says whether a name is S and two digits and more.
func isSName(s string) bool {
	return len(s) > 3 && s[0] == 'S' && s[1] >= '0' && s[1] <= '9' && s[2] >= '0' && s[2] <= '9'
}

// runByInit takes up what init runs by itself: the scripts that inittab names, else rcS; of busybox's rcS the scripts S??*.
func (r *runs) runByInit() {
	if r.j.init == "systemd" {
		// systemd-rc-local-generator(8): run where it may be executed.
		r.open("/etc/rc.local")
		if f, ok := r.j.v.At("/etc/rc.local"); ok && f.Node.Has&tree.HasMode != 0 && f.Node.Mode&0o111 != 0 {
			r.reach("/etc/rc.local", reached)
		} else if ok && f.Node.Has&tree.HasMode == 0 {
			r.reach("/etc/rc.local", maybe)
		}
		return
	}
	f, ok := r.j.v.File("etc/inittab")
	switch {
	case !ok:
		r.reach("/etc/init.d/rcS", reached)
	case f.Err != nil:
		r.reach("/etc/init.d/rcS", maybe)
	default:
		t := f.Parsed.(*inittab)
		for _, e := range t.entries {
			if !actions[e.action] {
				continue
			}
			words, _ := split(strings.TrimLeft(e.process, "-+"), nil)
			for _, w := range words {
				if strings.HasPrefix(w, "/etc/") {
					r.reach(w, reached)
				}
			}
		}
	}
	for _, p := range []string{"/etc/rc", "/etc/rcS", "/etc/rc.sysinit", "/etc/rc.local", "/etc/rc.d/rcS", "/etc/rc.d/rc.local", "/etc/rc.d/rc.sysinit"} {
		r.reach(p, maybe) // nothing plainly runs them, yet that is what they are for
	}
	for _, name := range r.j.v.Names("/etc/init.d") {
		if isSName(name) {
			r.manager["/etc/init.d/"+name] = "busybox"
			r.linked = true
			r.reach("/etc/init.d/"+name, reached)
		}
	}
}

// follow takes up the scripts that a script plainly runs.
func (r *runs) follow(p string) {
	s, ok := r.open(p)
	if !ok {
		return
	}
	for _, inv := range s.invocations {
		if !r.spend(p) {
			return
		}
		words, _ := split(inv.text, s.vars)
		if len(words) > 1 && (words[0] == "." || words[0] == "source" || words[0] == "exec" || isShell(words[0])) {
			words = words[1:]
		}
		if len(words) == 0 || !strings.HasPrefix(words[0], "/etc/") || slices.Contains(words, "stop") {
			continue
		}
		state := maybe
		if inv.sure {
			state = r.state[p]
		}
		r.reach(words[0], state)
	}
}

// bootOf says whether a command of a script is run when the system starts.
func (r *runs) bootOf(p string, sure bool) fact.Opt[bool] {
	switch r.state[p] {
	case reached:
		if sure || r.manager[p] != "" {
			return fact.Known(true)
		}
		return fact.Opt[bool]{}
	case maybe:
		return fact.Opt[bool]{}
	}
	if r.linked || r.j.init == "systemd" {
		return fact.Known(false)
	}
	return fact.Opt[bool]{}
}

// record records what a script starts: daemons that are known, and whatever it hands to a program that starts daemons. Of a
// start script of which neither is plain, it records the name.
func (r *runs) record(p string, f observe.File) {
	s, ok := f.Parsed.(*script)
	if !ok {
		return
	}
	r.opaque(p, f, s)
	manager := r.manager[p]
	if manager == "" {
		manager = "sysv"
		switch b := base(p); {
		case b == "rcS" || isSName(b):
			manager = "busybox"
		case s.vars["command"] != "":
			manager = "openrc"
		}
	}
	vars := r.variables(s)
	seen := map[string]bool{}
	for _, inv := range s.invocations {
		if !r.spend(p) {
			return
		}
		l, ok := launchOf(inv.text, vars)
		if !ok {
			continue
		}
		o := r.j.understand(l.command)
		if !l.daemon && (o.role == "" || o.role == "shell" || o.role == "login" || o.role == "relay" && len(o.listens) == 0) {
			continue
		}
		key := strings.Join(l.argv, "\x00")
		if seen[key] {
			continue
		}
		seen[key] = true
		a := fact.Service{
			Name: fact.Escape(base(p)), Manager: manager, AtBoot: r.bootOf(p, inv.sure), Command: commandText(strings.Join(l.argv, " ")),
			User: fact.Known(fact.Escape(l.user)),
		}
		r.j.put(f.ID, o.fill(a), shown(inv.line))
		r.j.otherConfiguration(f.ID, a.AtBoot, &o)
	}
	if len(seen) == 0 && !notServices[base(p)] && (strings.Contains(p, "/init.d/") || r.manager[p] != "") {
		r.fallback(p, f, s, manager, vars)
	}
}

// fallback records a start script by its name, with the program that its variables name (command of OpenRC, DAEMON of most others).
func (r *runs) fallback(p string, f observe.File, s *script, manager string, vars assignments) {
	a := fact.Service{Name: fact.Escape(base(p)), Manager: manager, AtBoot: r.bootOf(p, true)}
	for _, name := range []string{"command", "DAEMON", "daemon", "PROG", "prog", "EXEC", "DAEMON_PATH", "BIN"} {
		program := vars[name]
		if !strings.HasPrefix(program, "/") {
			continue
		}
		words := []string{program}
		open := name != "command"
		if name == "command" {
			more, unknown := split(vars["command_args"], vars)
			words, open = append(words, more...), unknown || s.hasFunction("start")
			a.Command = commandText(strings.Join(words, " "))
		}
		var e *fact.Excerpt
		if line, ok := s.lines[name]; ok {
			e = shown(line)
		}
		r.j.record(f.ID, a, command{argv: words, open: open}, e)
		return
	}
	r.j.put(f.ID, []fact.Service{a}, nil)
}

// variables are a script's own, and those of files of assignments that it reads.
func (r *runs) variables(s *script) assignments {
	vars := maps.Clone(s.vars)
	for _, source := range s.sources {
		words, open := split(source, s.vars)
		if open || len(words) != 1 {
			continue
		}
		if f, ok := r.j.v.At(words[0]); ok && f.Err == nil {
			if file, ok := f.Parsed.(assignments); ok {
				maps.Copy(vars, file)
			}
		}
	}
	return vars
}
