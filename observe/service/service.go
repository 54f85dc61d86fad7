// Package service observes what a system would start, or listen for, as it is configured: units of systemd, inittab, inetd.conf, xinetd,
// start scripts and their links in the manner of System V, OpenWrt, OpenRC and busybox.
//
// It reads configuration as the programs that it is for read it, and says of each thing whether it is enabled. It runs nothing:
// a condition that only the running system can answer is taken as met where systemd's units state it (ConditionPathExists= ...) and leaves
// at_boot absent in a script. Ports are recorded where a configuration or a command line states them, or where a program's own manual fixes a default.
// It knows nothing of good or bad services.
package service

import (
	"context"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/observe/sshd"
	"github.com/probat-lab/probat/tree"
)

const kind = "service"

// Observer returns the observer.
func Observer() observe.Observer {
	return observe.Observer{
		Name: "service", Version: 2, Doc: "what is started or listened for: systemd, inittab, inetd, xinetd, start scripts",
		Records: []observe.Records{{Kind: kind}},
		Tree:    &observe.Tree{Reads: reads(), Join: join},
	}
}

func reads() []observe.Read {
	list := sshd.Reads()
	add := func(parse func(context.Context, []byte) (any, error), globs ...string) {
		for _, g := range globs {
			list = append(list, observe.Read{Glob: g, Parse: parse})
		}
	}
	for _, dir := range unitDirs {
		for _, suffix := range unitSuffixes {
			add(parseUnit, dir+"/*"+suffix)
		}
		add(parseUnit, dir+"/*.d/*.conf")
	}
	add(parseInittab, "etc/inittab")
	add(parseInetd, "etc/inetd.conf", "etc/inetd.d/*")
	add(parseXinetd, "etc/xinetd.conf", "etc/xinetd.d/*")
	add(parseServices, "etc/services")
	add(parseScript, "etc/init.d/*")
	add(parseScript, bootScripts...)
	add(parseAssignments, "etc/default/*", "etc/sysconfig/*", "etc/conf.d/*", "etc/vsftpd.conf")
	add(parseSNMP, "etc/snmp/snmpd.conf")
	return list
}

// start is one thing that would be started, and where that is said.
type start struct {
	node    tree.ID
	attrs   fact.Service
	excerpt *fact.Excerpt
}

// joiner puts together what the files of one system say.
type joiner struct {
	v         *observe.View
	init      string       // what the kernel starts: systemd, other, or empty where nothing is found
	services  servicePorts // nil where the system has no such file
	unnamed   bool         // it has one that cannot be read: names have no known ports
	sshd      []sshd.Listener
	sshdKnown bool
	vsftpd    assignments // of its configuration; nil where there is none that can be read
	snmp      *snmpConfig // likewise

	out    []start
	bytes  int              // of strings in out, about
	full   bool             // and they are too many
	told   map[tree.ID]bool // of what otherConfiguration recorded
	native map[string]bool  // services that systemd has units of, without suffix
}

func join(ctx context.Context, v *observe.View) error {
	j := &joiner{v: v, native: map[string]bool{}, init: findInit(v)}
	if f, ok := v.File("etc/services"); ok {
		if f.Err != nil {
			v.Failed(f)
			j.unnamed = true
		} else {
			j.services = f.Parsed.(servicePorts)
		}
	}
	// These three say where a server listens: where one cannot be read, that stays absent, and what would be asked of it stays open.
	if f, ok := v.File("etc/vsftpd.conf"); ok && f.Err != nil {
		v.Failed(f)
	} else if ok {
		j.vsftpd = f.Parsed.(assignments)
	}
	if f, ok := v.File("etc/snmp/snmpd.conf"); ok && f.Err != nil {
		v.Failed(f)
	} else if ok {
		j.snmp = f.Parsed.(*snmpConfig)
	}
	j.sshd, j.sshdKnown = sshd.Listeners(ctx, v)
	for _, step := range []func(context.Context) error{j.systemd, j.inittab, j.scripts, j.inetd, j.xinetd} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	for _, s := range j.out {
		v.Record(s.node, s.attrs, s.excerpt)
	}
	return ctx.Err()
}

// record keeps what a command line is understood as, together with what is known already.
func (j *joiner) record(at tree.ID, a fact.Service, c command, e *fact.Excerpt) {
	o := j.understand(c)
	j.put(at, o.fill(a), e)
	j.otherConfiguration(at, a.AtBoot, &o)
}

// otherConfiguration records that a server is started with another configuration than the one that the facts of it are taken from.
func (j *joiner) otherConfiguration(at tree.ID, boot fact.Opt[bool], o *outcome) {
	if started, known := boot.Get(); known && !started {
		return
	}
	if o.configured && !j.told[at] {
		if j.told == nil {
			j.told = map[tree.ID]bool{}
		}
		j.told[at] = true
		j.v.Unobserved(at, "unsupported", "sshd is started with another configuration (-f, -o)", "sshd", "sshd_option")
	}
}

func (j *joiner) put(at tree.ID, list []fact.Service, e *fact.Excerpt) {
	for _, a := range list {
		if j.bytes += sizeOf(&a); j.bytes > maxBytes {
			if !j.full {
				j.full = true
				j.v.Unobserved(at, "budget", "more services than can be recorded")
			}
			return
		}
		j.out = append(j.out, start{at, a, e})
	}
}

// maxBytes bounds what the services of one system take: a few hostile lines could be repeated for each of many instances or addresses.
const maxBytes = 64 << 20

func sizeOf(a *fact.Service) int {
	n := 256 + len(a.Name)
	for _, o := range []fact.Opt[string]{a.Program, a.Command, a.Address, a.User} {
		s, _ := o.Get()
		n += len(s)
	}
	list, _ := a.Hardening.Get()
	for _, s := range list {
		n += len(s) + 8
	}
	return n
}

// findInit says what the kernel starts first. It tries the places that Linux tries (init/main.c).
func findInit(v *observe.View) string {
	for _, p := range []string{"/sbin/init", "/etc/init", "/bin/init", "/init"} {
		target, link := v.LinkTarget(p)
		switch {
		case link && base(target) == "systemd":
			return "systemd"
		case link || v.Exists(p):
			return "other"
		}
	}
	for _, p := range []string{"/usr/lib/systemd/systemd", "/lib/systemd/systemd"} {
		if v.Exists(p) {
			return "systemd"
		}
	}
	return ""
}

// started turns "is enabled" into what is known of at_boot, for things that an init other than systemd starts.
func (j *joiner) started(enabled bool) fact.Opt[bool] {
	return fact.Known(enabled && j.init != "systemd")
}

// daemonStarted says whether a program of that role is started: of inetd, whether what it is configured for is listened for.
func (j *joiner) daemonStarted(role string) fact.Opt[bool] {
	found, open := false, false
	for _, s := range j.out {
		if r, _ := s.attrs.Role.Get(); r != role {
			continue
		}
		found = true
		at, known := s.attrs.AtBoot.Get()
		if at {
			return fact.Known(true)
		}
		open = open || !known
	}
	if !found || open {
		return fact.Opt[bool]{}
	}
	return fact.Known(false)
}

// newCommand makes a command of words, or says false where there is no program.
func newCommand(words []string, open bool) (command, bool) {
	if len(words) == 0 || strings.Trim(words[0], "-") == "" || strings.ContainsAny(words[0], "$`{}") {
		return command{}, false // nothing, or a program that a variable names
	}
	return command{argv: words, open: open}, true
}

// parseSNMP reads the addresses of an snmpd.conf(5).
func parseSNMP(_ context.Context, b []byte) (any, error) {
	if err := observe.CheckText(b); err != nil {
		return nil, err
	}
	c := &snmpConfig{}
	for l := range observe.Lines(b) {
		words := strings.Fields(l.Text)
		if len(words) < 2 {
			continue
		}
		switch strings.ToLower(words[0]) {
		case "agentaddress":
			c.addresses = append(c.addresses, words[1:]...)
		case "includedir", "includefile", "includeallfiles", "includesearch":
			c.includes = true
		}
	}
	return c, nil
}
