package service

import (
	"strings"
)

// dialect is a command line of one program whose options are understood.
type dialect struct {
	command
	busybox bool
	o       *outcome
}

// dialectOf returns who understands a program's options, each by its own manual page or, for busybox, by its usage text; nil is nobody.
// A default port is used only where it is certain that no option changes it.
func dialectOf(name string) func(j *joiner, d *dialect) {
	switch name {
	case "telnetd", "utelnetd", "in.telnetd":
		return telnetd
	case "dropbear":
		return dropbear
	case "sshd":
		return openssh
	case "httpd":
		return busyboxHTTP
	case "uhttpd":
		return uhttpd
	case "thttpd", "mini_httpd":
		return portOption
	case "vsftpd":
		return vsftpd
	case "snmpd":
		return snmpd
	case "in.tftpd", "tftpd":
		return tftpd
	case "atftpd":
		return atftpd
	case "tcpsvd", "udpsvd":
		return svd
	case "nc", "netcat", "ncat", "nc.openbsd", "nc.traditional":
		return netcat
	case "socat":
		return socat
	case "getty", "agetty", "mingetty":
		return getty
	case "login":
		return login
	case "rpcbind":
		return rpcbind
	case "ntpd":
		return ntpd
	}
	return nil
}

// maxListens is how many places of one program are kept.
const maxListens = 256

func (d *dialect) full() bool { return len(d.o.listens) >= maxListens }

func (d *dialect) add(protocol string, port int64, address string) {
	if d.full() {
		return
	}
	d.o.listens = append(d.o.listens, listen{protocol: protocol, port: port, address: address})
}

func dropbear(_ *joiner, d *dialect) {
	opt := getopt(d.argv[1:], "bdrDpPIKWcGtA")
	if opt.has('i') {
		return
	}
	for _, v := range opt.values['p'] {
		if a, p, ok := splitAddress(v); ok {
			d.add("tcp", p, a)
		}
	}
	if !opt.has('p') && !d.open {
		d.add("tcp", 22, "")
	}
}

// standard are the configurations that package sshd reads.
var standard = map[string]bool{"/etc/ssh/sshd_config": true}

// openssh takes ports from the command line, else from the configuration.
func openssh(j *joiner, d *dialect) {
	opt := getopt(d.argv[1:], "bcCEfghkopuV")
	tests := opt.has('t') || opt.has('T')
	d.o.configured = !tests && (opt.has('o') || opt.has('f') && !standard[opt.last('f')])
	if opt.has('i') || d.open {
		return
	}
	options := strings.ToLower(strings.Join(opt.values['o'], "\n"))
	if opt.has('f') || strings.Contains(options, "listenaddress") || strings.Contains(options, "port") {
		return
	}
	if !j.sshdKnown {
		return
	}
	for _, l := range j.sshd {
		ports := opt.values['p']
		if len(ports) == 0 {
			ports = []string{l.Port}
		}
		for _, p := range ports {
			if d.full() {
				return
			}
			if n, ok := portNumber(p); ok {
				d.add("tcp", n, l.Address)
			}
		}
	}
}

// busyboxHTTP is busybox's httpd; other programs of that name have a configuration of their own.
func busyboxHTTP(_ *joiner, d *dialect) {
	if !d.busybox {
		return
	}
	opt := getopt(d.argv[1:], "pcurhmd")
	if opt.has('i') {
		return
	}
	switch a, p, ok := splitAddress(opt.last('p')); {
	case ok:
		d.add("tcp", p, a)
	case !opt.has('p') && !d.open:
		d.add("tcp", 80, "")
	}
}

func uhttpd(_ *joiner, d *dialect) {
	opt := getopt(d.argv[1:], "psCKPhErxyYilLouUtknTdmcIAaqO")
	for _, v := range append(opt.values['p'], opt.values['s']...) {
		if a, p, ok := splitAddress(v); ok {
			d.add("tcp", p, a)
		}
	}
}

// portOption is for servers of which only -p is understood.
func portOption(_ *joiner, d *dialect) {
	opt := getopt(d.argv[1:], "pdChulTMcEtI")
	if p, ok := portNumber(opt.last('p')); ok {
		d.o.listens = append(d.o.listens, listen{protocol: "tcp", port: p, vague: true})
	}
}

func vsftpd(j *joiner, d *dialect) {
	if len(d.argv) > 1 && d.argv[1] != "/etc/vsftpd.conf" {
		return
	}
	conf := j.vsftpd
	if l, l6 := conf["listen"], conf["listen_ipv6"]; !strings.EqualFold(l, "yes") && !strings.EqualFold(l6, "yes") {
		return // it serves inetd (LISTEN in vsftpd.conf(5))
	}
	port := int64(21)
	if s, ok := conf["listen_port"]; ok {
		if port, ok = portNumber(s); !ok {
			return
		}
	}
	address := conf["listen_address"]
	if address == "" {
		address = conf["listen_address6"]
	}
	d.add("tcp", port, address)
}

// snmpd listens where its arguments, else agentaddress in its configuration say, else at UDP 161 (snmpd(8), LISTENING ADDRESSES).
func snmpd(j *joiner, d *dialect) {
	opt := getopt(d.argv[1:], "cDgHILmMnpPuxX")
	specs := opt.rest
	if d.open || opt.has('c') || opt.has('C') || opt.has('H') {
		return
	}
	if len(specs) == 0 {
		if j.snmp == nil || j.snmp.includes {
			return
		}
		if specs = j.snmp.addresses; len(specs) == 0 {
			specs = []string{"udp:161"}
		}
	}
	for _, list := range specs {
		for s := range strings.SplitSeq(list, ",") {
			if l, ok := snmpAddress(s); ok {
				d.o.listens = append(d.o.listens, l)
			}
		}
	}
}

func snmpAddress(s string) (listen, bool) {
	l := listen{protocol: "udp", port: 161}
	if kind, rest, ok := strings.Cut(s, ":"); ok {
		switch strings.ToLower(kind) {
		case "udp", "udp6", "udpv6", "udpipv6":
			s = rest
		case "tcp", "tcp6", "tcpv6", "tcpipv6":
			l.protocol, s = "tcp", rest
		case "unix":
			return listen{protocol: "unix", address: rest}, true
		}
	} else if strings.HasPrefix(s, "/") {
		return listen{protocol: "unix", address: s}, true
	}
	if a, p, ok := splitAddress(s); ok && (!strings.HasPrefix(s, "[") || !strings.HasSuffix(s, "]")) {
		l.address, l.port = a, p
		return l, true
	}
	l.address = strings.Trim(s, "[]")
	return l, l.address != ""
}

func tftpd(_ *joiner, d *dialect) {
	opt := getopt(d.argv[1:], "autTmPBRrU")
	if d.busybox || !opt.has('l') && !opt.has('L') || d.open && !opt.has('a') {
		return // inetd's
	}
	a, p := opt.last('a'), int64(69)
	if x, n, ok := splitAddress(a); ok {
		a, p = x, n
	}
	d.add("udp", p, strings.Trim(strings.TrimSuffix(a, ":"), "[]"))
}

func atftpd(_ *joiner, d *dialect) {
	port, address, daemon := int64(69), "", false
	for i, a := range d.argv {
		name, value, joined := strings.Cut(a, "=")
		if !joined && i+1 < len(d.argv) {
			value = d.argv[i+1]
		}
		switch name {
		case "--daemon":
			daemon = true
		case "--port":
			n, ok := portNumber(value)
			if !ok {
				return
			}
			port = n
		case "--bind-address":
			address = value
		}
	}
	if daemon && !d.open {
		d.add("udp", port, address)
	}
}

// svd is busybox's tcpsvd and udpsvd: options, address, port, program.
func svd(j *joiner, d *dialect) {
	opt := 1
	for opt < len(d.argv) && strings.HasPrefix(d.argv[opt], "-") {
		if a := d.argv[opt]; strings.IndexByte("cCbulih", a[len(a)-1]) >= 0 {
			opt++
		}
		opt++
	}
	if len(d.argv) < opt+3 || d.nested {
		return
	}
	served := j.understand(command{argv: d.argv[opt+2:], open: d.open, nested: true})
	d.o.role, d.o.auth = served.role, served.auth
	port, ok := portNumber(d.argv[opt+1])
	if !ok {
		if port, ok = j.portOf(d.argv[opt+1], d.o.applet[:3]); !ok {
			return
		}
	}
	d.add(d.o.applet[:3], port, d.argv[opt])
}

func rpcbind(_ *joiner, d *dialect) {
	if opt := getopt(d.argv[1:], "h"); !d.open && !opt.has('h') {
		d.add("tcp", 111, "")
		d.add("udp", 111, "")
	}
}

// ntpd of busybox listens with -l only; whether others do depends on which program it is.
func ntpd(_ *joiner, d *dialect) {
	if d.busybox && getopt(d.argv[1:], "pSkI").has('l') {
		d.o.listens = append(d.o.listens, listen{protocol: "udp", port: 123, vague: getopt(d.argv[1:], "pSkI").has('I')})
	}
}

// snmpConfig is what snmpd.conf says of addresses.
type snmpConfig struct {
	addresses []string
	includes  bool
}
