package service

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
)

// xblock is a service or the defaults of xinetd.conf(5).
type xblock struct {
	name   string // empty for the defaults
	values map[string][]string
	line   observe.Line // that begins it
	server observe.Line // that names the server, else line
}

type xinetdConfig struct {
	blocks   []*xblock
	includes []observe.Line // of other places than the usual directory
	faults   []int64
}

func parseXinetd(ctx context.Context, b []byte) (any, error) {
	if err := observe.CheckText(b); err != nil {
		return nil, err
	}
	c := &xinetdConfig{}
	var block *xblock
	open := false
	for l := range observe.Lines(b) {
		if l.Number&0xfff == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		w := strings.Fields(strings.Replace(strings.Replace(l.Text, "+=", " += ", 1), "-=", " -= ", 1))
		switch {
		case len(w) == 0 || w[0][0] == '#':
		case block == nil && (w[0] == "include" || w[0] == "includedir"):
			if len(w) < 2 || w[0] == "include" || strings.Trim(w[1], "/") != "etc/xinetd.d" {
				c.includes = append(c.includes, l)
			}
		case block == nil && (w[0] == "service" && len(w) >= 2 || w[0] == "defaults"):
			block = &xblock{values: map[string][]string{}, line: l, server: l}
			if w[0] == "service" {
				block.name = strings.TrimSuffix(w[1], "{")
			}
			open = strings.HasSuffix(w[len(w)-1], "{")
		case block != nil && !open && w[0] == "{":
			open = true
		case open && w[0] == "}":
			c.blocks = append(c.blocks, block)
			block, open = nil, false
		case open && block.set(l):
		case len(c.faults) < maxFaults:
			c.faults = append(c.faults, l.Number)
		}
	}
	if block != nil {
		c.faults = append(c.faults, block.line.Number)
	}
	return c, nil
}

// maxValues is how many values of an attribute are kept; a line that makes them more is no attribute.
const maxValues = 1024

// set takes a line "attribute = value ...".
func (x *xblock) set(l observe.Line) bool {
	key, value, ok := strings.Cut(l.Text, "=")
	if !ok {
		return false
	}
	key = strings.TrimSpace(key)
	values := strings.Fields(value)
	k := strings.TrimSpace(strings.TrimRight(key, "+-"))
	switch {
	case strings.HasSuffix(key, "+"):
		x.values[k] = append(x.values[k], values...)
	case strings.HasSuffix(key, "-"):
		x.values[k] = slices.DeleteFunc(x.values[k], func(s string) bool { return slices.Contains(values, s) })
	default:
		x.values[k] = values
	}
	if len(x.values[k]) > maxValues {
		x.values[k] = x.values[k][:maxValues]
		return false
	}
	if key == "server" {
		x.server = l
	}
	return true
}

func (x *xblock) first(key string) string {
	if v := x.values[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (j *joiner) xinetd(context.Context) error {
	started := j.daemonStarted("xinetd")
	var defaults *xblock
	for _, glob := range []string{"etc/xinetd.conf", "etc/xinetd.d/*"} {
		for _, f := range j.v.Files(glob) {
			if strings.ContainsAny(base(f.Path), ".~") && glob != "etc/xinetd.conf" {
				continue // includedir passes over such names
			}
			if f.Err != nil {
				j.v.Failed(f)
				continue
			}
			c := f.Parsed.(*xinetdConfig)
			for i, l := range c.includes {
				if i < maxFaults {
					j.v.Unobserved(f.ID, "unsupported", fmt.Sprintf("line %d includes another place than /etc/xinetd.d", l.Number))
				}
			}
			for _, n := range c.faults {
				j.v.Unobserved(f.ID, "unparsed", fmt.Sprintf("line %d is no attribute, or a block without an end", n))
			}
			for _, b := range c.blocks {
				if b.name == "" {
					defaults = b
				}
			}
			for _, b := range c.blocks {
				if b.name != "" {
					j.xservice(f, b, defaults, started)
				}
			}
		}
	}
	return nil
}

// off says whether a service is switched off, by itself or by the defaults.
func (x *xblock) off(defaults *xblock) bool {
	id := x.first("id")
	if id == "" {
		id = x.name
	}
	if strings.EqualFold(x.first("disable"), "yes") {
		return true
	}
	if defaults == nil {
		return false
	}
	enabled, some := defaults.values["enabled"]
	return slices.Contains(defaults.values["disabled"], id) || some && !slices.Contains(enabled, id)
}

func (j *joiner) xservice(f observe.File, x, defaults *xblock, started fact.Opt[bool]) {
	a := fact.Service{Name: fact.Escape(x.name), Manager: "xinetd", AtBoot: started}
	if x.off(defaults) {
		a.AtBoot = fact.Known(false)
	}
	if u := x.first("user"); u != "" {
		a.User = fact.Known(fact.Escape(u))
	}
	at := listen{protocol: protocolOf(x.first("protocol"))}
	if at.protocol == "" {
		switch x.first("socket_type") {
		case "stream":
			at.protocol = "tcp"
		case "dgram":
			at.protocol = "udp"
		}
	}
	at.address = x.first("bind")
	if at.address == "" {
		at.address = x.first("interface")
	}
	if p := x.first("port"); p != "" {
		at.port, _ = j.portOf(p, at.protocol)
	} else {
		at.port, _ = j.portOf(x.name, at.protocol)
	}
	server := x.first("server")
	if server == "" {
		j.put(f.ID, place(a, []listen{at}), shown(x.line))
		return
	}
	argv := append([]string{server}, x.values["server_args"]...)
	if slices.Contains(x.values["flags"], "NAMEINARGS") && len(argv) > 1 && base(server) != "tcpd" {
		argv = slices.Delete(argv, 1, 2)
	}
	a.Command = commandText(strings.Join(argv, " "))
	o := j.understand(command{argv: argv})
	o.listens = []listen{at}
	j.put(f.ID, o.fill(a), shown(x.server))
	j.otherConfiguration(f.ID, a.AtBoot, &o)
}
