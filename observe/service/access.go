package service

import (
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
)

// gate says whether a program that is run for who connects or sits at the console lets them in.
func gate(program string) fact.Opt[bool] {
	name := strings.TrimPrefix(base(program), "-")
	switch {
	case isShell(name):
		return fact.Known(false)
	case name == "login":
		return fact.Known(true)
	}
	return fact.Opt[bool]{}
}

// telnetd is busybox's and utelnetd, which listen for themselves, or inetd's.
func telnetd(_ *joiner, d *dialect) {
	opt := getopt(d.argv[1:], "pblfw")
	if d.o.applet == "utelnetd" {
		opt = getopt(d.argv[1:], "pli")
	}
	d.o.auth = fact.Known(true)
	if d.open {
		d.o.auth = fact.Opt[bool]{}
	}
	if opt.has('l') {
		program, _, _ := strings.Cut(opt.last('l'), " ")
		d.o.auth = gate(program)
	}
	if d.o.applet != "utelnetd" && opt.has('i') || opt.has('w') || d.o.applet == "in.telnetd" {
		return // inetd's
	}
	address, port := opt.last('b'), int64(23)
	if a, p, ok := splitAddress(address); ok && strings.Contains(address, ":") {
		address, port = a, p
	}
	if opt.has('p') {
		n, ok := portNumber(opt.last('p'))
		if !ok {
			return
		}
		port = n
	} else if d.open && port == 23 {
		return
	}
	d.add("tcp", port, address)
}

// netcat is any of the programs of that name, where it listens.
func netcat(_ *joiner, d *dialect) {
	opt := getopt(d.argv[1:], "pseciwqIgGmoOTVxXP")
	protocol := "tcp"
	if opt.has('u') {
		protocol = "udp"
	}
	if !opt.has('l') || opt.has('U') {
		return
	}
	if run := opt.last('e') + opt.last('c'); run != "" {
		first, _, _ := strings.Cut(run, " ")
		d.o.auth = gate(first)
	}
	address, port := opt.last('s'), opt.last('p')
	if i := slices.Index(opt.rest, "-e"); i > 0 {
		opt.rest = opt.rest[:i]
	}
	if n := len(opt.rest); port == "" && n > 0 {
		port = opt.rest[n-1]
		if n > 1 {
			address = opt.rest[n-2]
		}
	}
	if p, ok := portNumber(port); ok {
		d.add(protocol, p, address)
	}
}

func socat(_ *joiner, d *dialect) {
	for _, a := range d.argv[1:] {
		kind, rest, ok := strings.Cut(a, ":")
		if !ok {
			continue
		}
		what, parameters, _ := strings.Cut(rest, ",")
		switch kind = strings.ToLower(kind); kind {
		case "tcp-listen", "tcp4-listen", "tcp6-listen", "tcp-l", "udp-listen", "udp4-listen", "udp6-listen", "udp-recvfrom", "sctp-listen":
			address := ""
			for p := range strings.SplitSeq(parameters, ",") {
				if v, ok := strings.CutPrefix(p, "bind="); ok {
					address = v
				}
			}
			protocol, _, _ := strings.Cut(kind, "-")
			if p, ok := portNumber(what); ok {
				d.add(strings.TrimRight(protocol, "46"), p, address)
			}
		case "exec", "system", "shell":
			first, _, _ := strings.Cut(strings.Trim(what, `'"`), " ")
			if g, ok := gate(first).Get(); ok && !g || kind == "shell" {
				d.o.auth = fact.Known(false)
			}
		}
	}
}

// getty asks for a name and hands over to login, unless it is told otherwise.
func getty(_ *joiner, d *dialect) {
	opt := getopt(d.argv[1:], "aEfHIlrotTP")
	if d.o.applet == "getty" {
		opt = getopt(d.argv[1:], "fHIlt")
	}
	d.o.auth = fact.Known(true)
	long := func(name string) (string, bool) {
		for i, a := range d.argv {
			if v, ok := strings.CutPrefix(a, name+"="); ok {
				return v, true
			} else if a == name && i+1 < len(d.argv) {
				return d.argv[i+1], true
			}
		}
		return "", false
	}
	program := opt.last('l')
	if v, ok := long("--login-program"); ok {
		program = v
	}
	if program != "" {
		d.o.auth = gate(program)
	} else if d.open {
		d.o.auth = fact.Opt[bool]{}
	}
	_, auto := long("--autologin")
	if auto || d.o.applet == "agetty" && opt.has('a') {
		d.o.auth = fact.Known(false)
	}
}

// login asks, unless -f says that somebody has (login(1)).
func login(_ *joiner, d *dialect) {
	d.o.auth = fact.Known(!getopt(d.argv[1:], "hfr").has('f'))
}
