package service

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
)

// servicePorts are the ports of services(5), by name/protocol, aliases too.
type servicePorts map[string]int64

func parseServices(ctx context.Context, b []byte) (any, error) {
	if err := observe.CheckText(b); err != nil {
		return nil, err
	}
	ports := servicePorts{}
	for l := range observe.Lines(b) {
		if l.Number&0xfff == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		text, _, _ := strings.Cut(l.Text, "#")
		words := strings.Fields(text)
		if len(words) < 2 {
			continue
		}
		number, protocol, _ := strings.Cut(words[1], "/")
		n, ok := portNumber(number)
		if !ok {
			continue
		}
		for i, name := range words {
			key := name + "/" + protocol
			if _, taken := ports[key]; i != 1 && !taken {
				ports[key] = n
			}
		}
	}
	return ports, nil
}

// portOf returns the port that a name, or a number, means: as the system's own list says, else the registry.
func (j *joiner) portOf(name, protocol string) (int64, bool) {
	if n, err := strconv.ParseInt(name, 10, 64); err == nil {
		return n, n > 0 && n <= 65535
	}
	if j.unnamed {
		return 0, false
	}
	if n, ok := j.services[name+"/"+protocol]; ok {
		return n, true
	}
	if j.services != nil {
		return 0, false // inetd would not find it either
	}
	if n, ok := byProtocol[name+"/"+protocol]; ok {
		return n, true
	}
	n, ok := wellKnown[name]
	return n, ok
}

// served is one line of inetd.conf.
type served struct {
	address, name, socket, protocol, user string
	words                                 []string // server and its arguments, the first of which is its own name
	line                                  observe.Line
}

type inetdConfig struct {
	lines  []served
	faults []int64
}

func parseInetd(ctx context.Context, b []byte) (any, error) {
	if err := observe.CheckText(b); err != nil {
		return nil, err
	}
	c := &inetdConfig{}
	for l := range observe.Lines(b) {
		if l.Number&0xfff == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		text := strings.TrimSpace(l.Text)
		if text == "" || text[0] == '#' {
			continue
		}
		w := strings.Fields(text)
		if len(w) == 1 && strings.HasSuffix(w[0], ":") {
			continue // an address for the lines that follow (BSD); a line may still name its own
		}
		if len(w) < 6 {
			if len(c.faults) < maxFaults {
				c.faults = append(c.faults, l.Number)
			}
			continue
		}
		s := served{name: w[0], socket: w[1], protocol: w[2], user: w[4], words: w[5:], line: l}
		if i := strings.LastIndexByte(s.name, ':'); i > 0 && !strings.HasPrefix(s.name, "/") {
			s.address, s.name = strings.Trim(s.name[:i], "[]"), s.name[i+1:]
		}
		c.lines = append(c.lines, s)
	}
	return c, nil
}

func (j *joiner) inetd(context.Context) error {
	started := j.daemonStarted("inetd")
	for _, glob := range []string{"etc/inetd.conf", "etc/inetd.d/*"} {
		for _, f := range j.v.Files(glob) {
			if f.Err != nil {
				j.v.Failed(f)
				continue
			}
			c := f.Parsed.(*inetdConfig)
			for _, n := range c.faults {
				j.v.Unobserved(f.ID, "unparsed", fmt.Sprintf("line %d has fewer than six fields", n))
			}
			for i := range c.lines {
				j.served(f, &c.lines[i], started)
			}
		}
	}
	return nil
}

// protocolOf turns a protocol of inetd into ours: tcp6 and tcp46 are tcp, and so on.
func protocolOf(s string) string {
	s, _, _ = strings.Cut(s, ",")
	switch {
	case strings.HasPrefix(s, "tcp") || s == "rpc/tcp":
		return "tcp"
	case strings.HasPrefix(s, "udp") || s == "rpc/udp":
		return "udp"
	case s == "unix" || strings.HasPrefix(s, "sctp"):
		return strings.TrimRight(s, "46")
	}
	return ""
}

func (j *joiner) served(f observe.File, s *served, started fact.Opt[bool]) {
	user, _, _ := strings.Cut(s.user, ".")
	user, _, _ = strings.Cut(user, ":")
	user, _, _ = strings.Cut(user, "/")
	a := fact.Service{
		Name: fact.Escape(s.name), Manager: "inetd", AtBoot: started, User: fact.Known(fact.Escape(user)),
		Command: commandText(strings.Join(s.words, " ")),
	}
	at := listen{protocol: protocolOf(s.protocol), address: s.address}
	switch {
	case at.protocol == "unix":
		at.address = s.name
	case strings.HasPrefix(s.protocol, "rpc/"):
		// its port is given out while the system runs
	default:
		at.port, _ = j.portOf(s.name, at.protocol)
	}
	if s.words[0] == "internal" {
		j.put(f.ID, place(a, []listen{at}), shown(s.line))
		return
	}
	argv := s.words
	if len(argv) > 1 {
		argv = append([]string{argv[0]}, argv[2:]...) // the second is the program's own name
		if n := base(s.words[0]); multicalls[n] || n == "tcpd" {
			argv = s.words
			if base(s.words[1]) == n && len(s.words) > 2 {
				argv = append([]string{s.words[0]}, s.words[2:]...)
			}
		}
	}
	o := j.understand(command{argv: argv})
	o.listens = []listen{at}
	j.put(f.ID, o.fill(a), shown(s.line))
	j.otherConfiguration(f.ID, a.AtBoot, &o)
}
