package service

import (
	"path"
	"regexp"
	"strings"

	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/tree"
)

// What of a script that is run when the system starts cannot be followed here, so that it could start anything: another script that is read in
// place, text that is made to be a command, the output of a program that is handed to a shell.

// libraries are files of functions and assignments that start scripts of distributions read in place; a folder ends in a slash.
var libraries = []string{
	"/etc/default/", "/etc/sysconfig/", "/etc/conf.d/", "/etc/rc.conf", "/etc/profile", "/etc/os-release", "/usr/lib/os-release", "/etc/udev/udev.conf",
	"/lib/lsb/init-functions", "/lib/init/", "/usr/share/debconf/confmodule", "/usr/share/alsa/utils.sh", "/usr/share/dnsmasq/init-system-common",
	"/usr/share/postgresql-common/init.d-functions",                         // Debian
	"/etc/rc.d/init.d/functions", "/etc/init.d/functions", "/etc/rc.status", // Red Hat, SUSE
	"/etc/rc.common", "/etc/diag.sh", "/lib/functions.sh", "/lib/functions/", "/lib/netifd/", "/lib/network/", "/lib/upgrade/", "/usr/share/libubox/", // OpenWrt
}

func isLibrary(p string) bool {
	for _, l := range libraries {
		if p == l || strings.HasSuffix(l, "/") && strings.HasPrefix(p, l) {
			return true
		}
	}
	return false
}

// machinery are files in the folder of start scripts that have to do with text as commands: functions, which start what others tell them,
// and what Yocto makes its temporary directories with.
var machinery = map[string]bool{"functions": true, "functions.sh": true, "skeleton": true, "rc.common": true, "populate-volatile.sh": true}

// pipedShell finds a shell that runs what another program writes.
var pipedShell = regexp.MustCompile(`[^|]\|&?\s*(?:exec\s+)?(?:/\S*/)?(?:busybox\s+)?(?:ba|da|a|k|z|hu)?sh(?:\s+-[a-z]*)?\s*(?:[;&|)}>]|$)`)

// opaque records a script of the boot, once, whose commands cannot all be told.
func (r *runs) opaque(p string, f observe.File, s *script) {
	if r.state[p] == notReached || machinery[base(p)] {
		return
	}
	if s.piped {
		r.untold(f)
		return
	}
	for _, inv := range s.invocations {
		if !r.spend(p) {
			return
		}
		if r.hides(inv.text, s.vars) {
			r.untold(f)
			return
		}
	}
}

func (r *runs) untold(f observe.File) {
	r.j.v.Unobserved(f.ID, "unparsed", "what it starts cannot be told", kind)
}

// hides says whether a command may run others that cannot be seen. A program that a variable names is none: start scripts are full of them, and
// each is named elsewhere.
func (r *runs) hides(text string, vars assignments) bool {
	words, _ := split(text, vars)
	for len(words) > 0 && strings.Contains(words[0], "=") && isName(words[0][:strings.IndexByte(words[0], '=')]) {
		words = words[1:]
	}
	if len(words) == 0 {
		return false
	}
	switch words[0] {
	case ".", "source":
		return len(words) > 1 && r.readsUnknown(words[1])
	case "eval":
		return !strings.HasPrefix(text, startpar) && !harmlessEval(words[1:])
	}
	if strings.HasPrefix(words[0], "$(") || strings.HasPrefix(words[0], "`") {
		return true
	}
	l, ok := launchOf(text, vars)
	if !ok {
		return false
	}
	c := unwrap(l.command)
	if multicalls[base(c.argv[0])] && len(c.argv) > 1 {
		c.argv = c.argv[1:]
	}
	if !isShell(c.argv[0]) {
		return false
	}
	for _, a := range c.argv[1:] {
		if len(a) < 2 || a[0] != '-' && a[0] != '+' {
			return false
		}
		if a[0] == '-' && a[1] != '-' && strings.Contains(a, "c") {
			return true
		}
	}
	return false
}

// readsUnknown says whether a file that is read in place is there and neither looked at nor one of the libraries.
func (r *runs) readsUnknown(p string) bool {
	if !strings.HasPrefix(p, "/") {
		return false // found by PATH or a variable: buildroot's rcS reads its own scripts so
	}
	p = path.Clean(p)
	if isLibrary(p) {
		return false
	}
	if id, ok := r.j.v.Entry(p); !ok || r.j.v.Node(id).Type == tree.Dir {
		return false
	}
	_, followed := r.open(p)
	return !followed
}

// startpar begins the line of Debian's rc that runs scripts which links name, and nothing else (startpar(1)).
const startpar = `eval "$(startpar `

// harmlessEval says whether what is evaluated only sets a variable.
func harmlessEval(words []string) bool {
	if len(words) > 1 && (words[0] == "export" || words[0] == "local" || words[0] == "readonly") {
		words = words[1:]
	}
	text := strings.Join(words, " ")
	name, value, ok := strings.Cut(text, "=")
	return ok && isName(strings.NewReplacer("$", "", "{", "", "}", "", `\`, "").Replace(name)) && !strings.ContainsAny(value, ";&|\n`(")
}
