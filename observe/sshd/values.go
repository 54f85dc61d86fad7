package sshd

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/probat-lab/probat/fact"
)

// values collects what one section makes effective.
type values struct {
	a         fact.SSHD
	global    bool
	seen      map[string]bool // keywords that have a value
	uncertain bool            // an Include could not be read: what follows it may not hold
	ports     []string
	listen    []listen
}

// maxPorts is OpenSSH's own limit (servconf.h, MAX_PORTS).
const maxPorts = 256

// maxListeners bounds what many addresses with many ports each can cost.
const maxListeners = 4096

// listen is one ListenAddress; port is empty where it names none.
type listen struct {
	address, port string
}

func (s *values) init(global bool) {
	s.global, s.seen = global, map[string]bool{}
	s.a = fact.SSHD{Written: []string{}, Ports: []string{}, ListenAddresses: []string{}, HostKeys: []string{}}
}

// take takes one option and says whether it counts; absent is not known.
func (s *values) take(o *option, sp spec) (effective fact.Opt[bool], err error) {
	counts := sp.adds || !s.seen[o.keyword]
	scratch := s.a
	if err := s.set(&scratch, o); err != nil {
		return effective, err
	}
	if s.uncertain && !sp.adds && counts {
		s.seen[o.keyword] = true
		return effective, nil
	}
	if counts {
		s.a = scratch
	}
	s.seen[o.keyword] = true
	if sp.old {
		return effective, nil
	}
	return fact.Known(counts), nil
}

// set checks an option's value as servconf.c does and writes it into a.
func (s *values) set(a *fact.SSHD, o *option) error {
	arg := o.args
	switch o.keyword {
	case "port":
		if len(s.ports) == maxPorts {
			return fmt.Errorf("more than %d ports", maxPorts)
		}
		p, err := port(arg[0])
		s.ports = append(s.ports, p...)
		return err
	case "listenaddress":
		l, err := listenAddress(arg[0])
		s.listen = append(s.listen, l...)
		return err
	case "hostkey":
		a.HostKeys = append(a.HostKeys, fact.Escape(arg[0]))
	case "allowusers":
		a.AllowUsers = added(a.AllowUsers, arg)
	case "allowgroups":
		a.AllowGroups = added(a.AllowGroups, arg)
	case "channeltimeout":
		a.ChannelTimeout = fact.Known(escapedAll(arg))
		if len(arg) == 1 && arg[0] == "none" {
			a.ChannelTimeout = fact.Known([]string{})
		}
	case "permitrootlogin":
		return word(&a.PermitRootLogin, arg[0], map[string]string{
			"yes": "yes", "no": "no", "prohibit-password": "prohibit-password", "without-password": "prohibit-password",
			"forced-commands-only": "forced-commands-only",
		})
	case "allowtcpforwarding":
		return word(&a.TCPForwarding, arg[0], map[string]string{"yes": "yes", "all": "yes", "no": "no", "local": "local", "remote": "remote"})
	case "loglevel":
		return word(&a.LogLevel, arg[0], logLevels)
	case "protocol":
		a.Protocol = fact.Known(fact.Escape(o.raw))
	case "banner":
		a.Banner = fact.Known(fact.Escape(arg[0]))
	default:
		return setCommon(a, o)
	}
	return nil
}

// setCommon writes options that are a flag, a number or a list of algorithms. Those that no attribute shows are taken as they are.
func setCommon(a *fact.SSHD, o *option) error {
	flags := map[string]*fact.Opt[bool]{
		"passwordauthentication": &a.PasswordAuth, "permitemptypasswords": &a.PermitEmptyPasswords, "pubkeyauthentication": &a.PubkeyAuth,
		"hostbasedauthentication": &a.HostbasedAuth, "kbdinteractiveauthentication": &a.KbdInteractive, "usepam": &a.UsePAM,
		"x11forwarding": &a.X11Forwarding, "strictmodes": &a.StrictModes,
	}
	times := map[string]*fact.Opt[int64]{
		"logingracetime": &a.LoginGraceTime, "clientaliveinterval": &a.ClientAliveInterval, "unusedconnectiontimeout": &a.UnusedTimeout,
	}
	counts := map[string]*fact.Opt[int64]{"maxauthtries": &a.MaxAuthTries, "clientalivecountmax": &a.ClientAliveCountMax}
	lists := map[string]*fact.Opt[[]string]{
		"ciphers": &a.Ciphers, "macs": &a.MACs, "kexalgorithms": &a.Kex, "hostkeyalgorithms": &a.HostKeyAlgorithms,
	}
	arg := o.args
	if p := flags[o.keyword]; p != nil {
		return flag(p, arg[0])
	}
	if p := times[o.keyword]; p != nil {
		n, err := int64(0), error(nil)
		if o.keyword != "unusedconnectiontimeout" || arg[0] != "none" {
			n, err = seconds(arg[0])
		}
		*p = fact.Known(n)
		return err
	}
	if p := counts[o.keyword]; p != nil {
		n, err := strconv.ParseInt(arg[0], 10, 32)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is no number that a server takes", short(arg[0]))
		}
		*p = fact.Known(n)
	}
	if p := lists[o.keyword]; p != nil {
		*p = fact.Known(escapedAll(strings.Split(arg[0], ",")))
	}
	return nil
}

var logLevels = func() map[string]string {
	m := map[string]string{}
	for _, name := range []string{"QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG", "DEBUG1", "DEBUG2", "DEBUG3"} {
		m[strings.ToLower(name)] = name
	}
	return m
}()

func word(p *fact.Opt[string], arg string, known map[string]string) error {
	w, ok := known[strings.ToLower(arg)]
	if !ok {
		return fmt.Errorf("a value that no server takes: %q", short(arg))
	}
	*p = fact.Known(w)
	return nil
}

func flag(p *fact.Opt[bool], arg string) error {
	switch {
	case strings.EqualFold(arg, "yes"):
		*p = fact.Known(true)
	case strings.EqualFold(arg, "no"):
		*p = fact.Known(false)
	default:
		return fmt.Errorf("neither yes nor no: %q", short(arg))
	}
	return nil
}

func added(was fact.Opt[[]string], args []string) fact.Opt[[]string] {
	list, _ := was.Get()
	return fact.Known(append(list, escapedAll(args)...))
}

func escapedAll(args []string) []string {
	list := make([]string, len(args))
	for i := range args {
		list[i] = fact.Escape(args[i])
	}
	return list
}

func port(s string) ([]string, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("%q is no port", short(s))
	}
	return []string{strconv.FormatUint(n, 10)}, nil
}

// listenAddress reads host, host:port, an IPv6 address, or [host]:port.
func listenAddress(s string) ([]listen, error) {
	if strings.Count(s, ":") > 1 && !strings.HasPrefix(s, "[") {
		return []listen{{address: fact.Escape(s)}}, nil
	}
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		return []listen{{address: fact.Escape(s[1 : len(s)-1])}}, nil
	}
	if !strings.Contains(s, ":") {
		return []listen{{address: fact.Escape(s)}}, nil
	}
	// What is left is host:port or [address]:port.
	host, p := s[:strings.LastIndexByte(s, ':')], s[strings.LastIndexByte(s, ':')+1:]
	if inner, ok := strings.CutPrefix(host, "["); ok {
		if host, ok = strings.CutSuffix(inner, "]"); !ok {
			return nil, errors.New("an address that cannot be read")
		}
	}
	if host == "" || strings.ContainsAny(host, "[]") {
		return nil, errors.New("an address that cannot be read")
	}
	ports, err := port(p)
	if err != nil {
		return nil, err
	}
	return []listen{{fact.Escape(host), ports[0]}}, nil
}

// finish returns the attributes of the section; the global one with defaults for what is written nowhere.
func (s *values) finish() fact.SSHD {
	a := s.a
	for k := range s.seen {
		a.Written = append(a.Written, k)
	}
	slices.Sort(a.Written)
	if !s.global {
		return a
	}
	ports := slices.Clone(s.ports)
	if len(ports) == 0 && !s.uncertain {
		ports = []string{"22"}
	}
	every := len(s.listen) == 0 // an address without a port of its own has all ports
	for _, l := range s.listen {
		a.ListenAddresses = append(a.ListenAddresses, l.address)
		if l.port != "" {
			a.Ports = append(a.Ports, l.port)
		}
		every = every || l.port == ""
	}
	if every {
		a.Ports = append(ports, a.Ports...)
	}
	a.Ports, a.ListenAddresses = distinct(a.Ports), distinct(a.ListenAddresses)
	if !s.uncertain {
		defaults(&a)
	}
	return a
}

// listeners returns the addresses with their ports, those that have none of their own with each of the ports.
func (s *values) listeners() []Listener {
	ports, addresses := distinct(s.ports), s.listen
	if len(ports) == 0 {
		ports = []string{"22"}
	}
	if len(addresses) == 0 {
		addresses = []listen{{}}
	}
	var list []Listener
	seen := map[Listener]bool{}
	for _, l := range addresses {
		own := ports
		if l.port != "" {
			own = []string{l.port}
		}
		for _, p := range own {
			if x := (Listener{l.address, p}); !seen[x] && len(list) < maxListeners {
				seen[x] = true
				list = append(list, x)
			}
		}
	}
	return list
}

// distinct drops repeated strings and keeps the order of the first ones.
func distinct(list []string) []string {
	seen := map[string]bool{}
	out := make([]string, 0, len(list))
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// defaults fills in the defaults that have held in every OpenSSH from 7.0 on (sshd_config(5) of 7.0 to 10.0; for timeouts that later
// versions brought: none, which is what earlier ones do). Others, lists of algorithms above all, changed and stay absent.
func defaults(a *fact.SSHD) {
	fill(&a.PermitRootLogin, "prohibit-password")
	fill(&a.PasswordAuth, true)
	fill(&a.PermitEmptyPasswords, false)
	fill(&a.PubkeyAuth, true)
	fill(&a.HostbasedAuth, false)
	fill(&a.KbdInteractive, true)
	fill(&a.UsePAM, false)
	fill(&a.MaxAuthTries, 6)
	fill(&a.LoginGraceTime, 120)
	fill(&a.ClientAliveInterval, 0)
	fill(&a.ClientAliveCountMax, 3)
	fill(&a.ChannelTimeout, []string{})
	fill(&a.UnusedTimeout, 0)
	fill(&a.X11Forwarding, false)
	fill(&a.TCPForwarding, "yes")
	fill(&a.AllowUsers, []string{})
	fill(&a.AllowGroups, []string{})
	fill(&a.Banner, "none")
	fill(&a.LogLevel, "INFO")
	fill(&a.StrictModes, true)
}

func fill[T bool | int64 | string | []string](p *fact.Opt[T], v T) {
	if _, ok := p.Get(); !ok {
		*p = fact.Known(v)
	}
}
