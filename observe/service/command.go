package service

import (
	"strconv"
	"strings"

	"github.com/probat-lab/probat/fact"
)

// command is a command line as far as it can be taken apart.
type command struct {
	argv   []string // the program first; never empty
	nested bool     // another program serves it: such programs are not followed twice
	open   bool     // something in it could not be told (a variable that nothing sets, a substitution): there may be more options
}

// listen is one place where a program listens.
type listen struct {
	protocol string // tcp, udp, sctp, unix, or empty where it is not known
	port     int64  // 0 where it is not known
	address  string // as written; empty is every interface
	vague    bool   // the address is not known
}

// outcome is what a command line says of a program.
type outcome struct {
	program string // as written
	applet  string // what a multi-call program acts as, else the program's last part
	role    string
	listens []listen
	auth    fact.Opt[bool]

	configured bool // sshd with options of its own, or with another file of them
}

// roleOf returns a known role by a program's last part.
func roleOf(name string) string { return roles[strings.TrimPrefix(name, "-")] }

// understand takes a command line apart: past wrappers to the program, what it is known as, where it listens.
func (j *joiner) understand(c command) outcome {
	c = unwrap(c)
	o := outcome{program: strings.TrimPrefix(c.argv[0], "-")}
	o.applet = strings.TrimPrefix(base(c.argv[0]), "-")
	multi := multicalls[o.applet]
	if multi && len(c.argv) > 1 {
		c.argv = c.argv[1:]
		o.applet = base(c.argv[0])
	} else if target, ok := j.v.LinkTarget(o.program); ok && strings.HasPrefix(o.program, "/") {
		multi = multicalls[base(target)]
	}
	o.role = roleOf(o.applet)
	if read := dialectOf(o.applet); read != nil {
		read(j, &dialect{command: c, busybox: multi, o: &o})
	} else if o.role == "shell" {
		o.auth = j.shellAccess(c)
	}
	return o
}

// wrappers run the program that their arguments name; the string has their own options that take a value.
var wrappers = map[string]string{
	"nohup": "", "setsid": "", "exec": "", "nice": "n", "ionice": "cnp", "chrt": "p", "stdbuf": "ioe", "env": "uC", "softlimit": "adfmnst",
	"tcpd": "", "time": "", "command": "", "cttyhack": "", "sudo": "ugp", "chpst": "ueP", "ash-exec": "",
}

// unwrap drops wrappers before the program, at most eight.
func unwrap(c command) command {
	for range 8 {
		takes, ok := wrappers[base(c.argv[0])]
		if !ok || len(c.argv) < 2 {
			break
		}
		i := 1
		for i < len(c.argv)-1 {
			a := c.argv[i]
			option := strings.HasPrefix(a, "-")
			if !option && (base(c.argv[0]) != "env" || !strings.Contains(a, "=")) {
				break
			}
			if option && len(a) == 2 && strings.IndexByte(takes, a[1]) >= 0 {
				i++
			}
			i++
		}
		c.argv = c.argv[min(i, len(c.argv)-1):]
	}
	return c
}

// options are a command line's options as getopt(3) reads them.
type options struct {
	values map[byte][]string
	rest   []string
}

func (o *options) has(b byte) bool { _, ok := o.values[b]; return ok }

// last returns the last value of an option.
func (o *options) last(b byte) string {
	if v := o.values[b]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

// getopt reads short options; takes lists those that take a value. Long options are passed over, those with a value by "=" only.
func getopt(args []string, takes string) *options {
	o := &options{values: map[byte][]string{}}
	for i := 0; i < len(args); i++ {
		a := args[i]
		switch {
		case a == "--":
			o.rest = append(o.rest, args[i+1:]...)
			return o
		case len(a) < 2 || a[0] != '-':
			o.rest = append(o.rest, a)
			continue
		case a[1] == '-':
			continue
		}
		for k := 1; k < len(a); k++ {
			if strings.IndexByte(takes, a[k]) < 0 {
				o.values[a[k]] = append(o.values[a[k]], "")
				continue
			}
			value := a[k+1:]
			if value == "" && i+1 < len(args) {
				i++
				value = args[i]
			}
			o.values[a[k]] = append(o.values[a[k]], value)
			break
		}
	}
	return o
}

// portNumber reads a port from 1 to 65535.
func portNumber(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return int64(n), err == nil && n > 0
}

// splitAddress reads port, address:port, [address]:port and :port. It says false where the port is no number.
func splitAddress(s string) (address string, port int64, ok bool) {
	p := s
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		address, p = s[:i], s[i+1:]
	}
	port, ok = portNumber(p)
	return strings.Trim(address, "[]"), port, ok
}

// reach says from where an address can be reached.
func reach(protocol, address string) string {
	a, _, _ := strings.Cut(strings.Trim(address, "[]"), "%")
	switch {
	case protocol == "unix":
		return "none"
	case a == "" || a == "*" || a == "0.0.0.0" || a == "::" || a == "0":
		return "every"
	case strings.HasPrefix(a, "127.") || a == "::1" || a == "localhost" || a == "ip6-localhost" || strings.HasPrefix(a, "::ffff:127."):
		return "loopback"
	}
	return "some"
}

// fill writes what was understood into copies of a, one for each place where the program listens, or one.
func (o *outcome) fill(a fact.Service) []fact.Service {
	if _, known := a.Program.Get(); !known && o.program != "" {
		a.Program = fact.Known(fact.Escape(o.program))
	}
	if o.role != "" {
		a.Role = fact.Known(o.role)
	}
	a.Authenticated = o.auth
	return place(a, o.listens)
}

// place returns a copy of a for each place, or a itself where there is none.
func place(a fact.Service, listens []listen) []fact.Service {
	if len(listens) == 0 {
		return []fact.Service{a}
	}
	out := make([]fact.Service, 0, len(listens))
	for _, l := range listens {
		x := a
		if l.protocol != "" {
			x.Protocol = fact.Known(l.protocol)
		}
		if l.port > 0 {
			x.Port = fact.Known(l.port)
		}
		if !l.vague {
			x.Reach = fact.Known(reach(l.protocol, l.address))
			if l.address != "" {
				x.Address = fact.Known(fact.Escape(l.address))
			}
		}
		out = append(out, x)
	}
	return out
}

// shellAccess says whether a command line that starts a shell gives it away: false for a shell that talks to its terminal, absent for one that
// runs a script or a command.
func (j *joiner) shellAccess(c command) fact.Opt[bool] {
	for _, a := range c.argv[1:] {
		if strings.HasPrefix(a, "-") && !strings.Contains(a, "c") || a == "--login" {
			continue
		}
		return fact.Opt[bool]{}
	}
	if c.open {
		return fact.Opt[bool]{}
	}
	return fact.Known(false)
}
