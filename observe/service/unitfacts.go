package service

import (
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
)

// hardening are the settings of systemd.exec(5) and systemd.resource-control(5) that confine a service.
var hardening = func() map[string]bool {
	m := map[string]bool{}
	for name := range strings.FieldsSeq(`AmbientCapabilities CapabilityBoundingSet DeviceAllow DevicePolicy DynamicUser IPAddressAllow IPAddressDeny
		InaccessiblePaths KeyringMode LockPersonality MemoryDenyWriteExecute NoExecPaths NoNewPrivileges PrivateDevices PrivateIPC PrivateMounts
		PrivateNetwork PrivatePIDs PrivateTmp PrivateUsers ProcSubset ProtectClock ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs
		ProtectKernelModules ProtectKernelTunables ProtectProc ProtectSystem ReadOnlyPaths ReadWritePaths RemoveIPC RestrictAddressFamilies
		RestrictFileSystems RestrictNamespaces RestrictNetworkInterfaces RestrictRealtime RestrictSUIDSGID RootDirectory RootImage SecureBits
		SystemCallArchitectures SystemCallFilter TemporaryFileSystem UMask`) {
		m[name] = true
	}
	return m
}()

// service records what a service unit starts.
func (s *units) service(u *unit, a *activation) {
	s.j.native[strings.TrimSuffix(u.name, ".service")] = !u.missing
	attrs := fact.Service{Name: fact.Escape(u.name), Manager: "systemd", AtBoot: s.bootOf(u, a)}
	c, ok := s.describe(u, &attrs)
	if !ok {
		s.j.put(u.node, []fact.Service{attrs}, nil)
		return
	}
	line := u.values("Service", "ExecStart")[0]
	s.j.record(line.node, attrs, c, shown(line.line))
}

// describe fills in who a service runs as, how it is confined, and its command.
func (s *units) describe(u *unit, attrs *fact.Service) (command, bool) {
	if u.masked || u.missing {
		return command{}, false
	}
	switch user := u.value("Service", "User"); {
	case user != "":
		attrs.User = fact.Known(fact.Escape(specifiers(u.name, user)))
	case !isYes(u.value("Service", "DynamicUser")):
		attrs.User = fact.Known("root")
	}
	list := []string{}
	for _, set := range u.settings {
		if set.section == "Service" && hardening[set.key] {
			list = append(list, fact.Escape(set.key+"="+set.value))
		}
	}
	slices.Sort(list)
	attrs.Hardening = fact.Known(slices.Compact(list))
	lines := u.values("Service", "ExecStart")
	if len(lines) == 0 {
		return command{}, false
	}
	attrs.Command = commandText(lines[0].value)
	return s.execStart(u, lines[0].value)
}

// execStart takes a command line of systemd.service(5) apart.
func (s *units) execStart(u *unit, line string) (command, bool) {
	text := strings.TrimLeft(line, "-+!:|@")
	named := strings.Contains(line[:len(line)-len(text)], "@")
	env, complete := s.environment(u)
	w := splitter{known: env, closed: complete}
	w.split(specifiers(u.name, text))
	words := w.words
	if i := slices.Index(words, ";"); i >= 0 {
		words = words[:i]
	}
	if named && len(words) > 1 {
		words = slices.Delete(words, 1, 2) // the name that the program sees of itself
	}
	return newCommand(words, w.open)
}

// environment returns the variables of a service and whether these are all.
func (s *units) environment(u *unit) (env assignments, complete bool) {
	env, complete = assignments{}, len(u.values("Service", "PassEnvironment")) == 0
	for _, e := range u.values("Service", "Environment") {
		w := splitter{known: assignments{}}
		w.split(specifiers(u.name, e.value))
		for _, word := range w.words {
			if k, v, ok := strings.Cut(word, "="); ok {
				env[k] = v
			}
		}
	}
	for _, e := range u.values("Service", "EnvironmentFile") {
		p, optional := strings.CutPrefix(specifiers(u.name, e.value), "-")
		f, ok := s.j.v.At(p)
		switch {
		case ok && f.Err == nil:
			if file, ok := f.Parsed.(assignments); ok {
				for k, v := range file {
					env[k] = v
				}
				continue
			}
			complete = false
		case ok || !optional || strings.HasPrefix(p, "/run/") || strings.HasPrefix(p, "/var/"):
			complete = false // it cannot be read, or is made on the running system
		}
	}
	return env, complete
}

// listens are the settings of systemd.socket(5) that listen, with the protocol that an address of the Internet means there.
var listens = map[string]string{"ListenStream": "tcp", "ListenDatagram": "udp", "ListenSequentialPacket": "unix"}

// socket records where a socket unit listens, and for which program.
func (s *units) socket(u *unit, a *activation) {
	attrs := fact.Service{Name: fact.Escape(u.name), Manager: "systemd", AtBoot: s.bootOf(u, a)}
	if u.masked {
		s.j.put(u.node, []fact.Service{attrs}, nil)
		return
	}
	name := triggered(u, "Socket", ".socket")
	if isYes(u.value("Socket", "Accept")) && u.value("Socket", "Service") == "" {
		name = strings.TrimSuffix(u.name, ".socket") + "@.service"
	}
	if c, ok := s.describe(s.load(name), &attrs); ok {
		o := s.j.understand(c)
		o.listens = nil
		attrs = o.fill(attrs)[0]
		s.j.otherConfiguration(u.node, attrs.AtBoot, &o)
	}
	for key, protocol := range listens {
		for _, l := range u.values("Socket", key) {
			at := socketAddress(specifiers(u.name, l.value), protocol)
			if at.protocol != "unix" {
				if p := u.value("Socket", "SocketProtocol"); p == "sctp" || p == "udplite" {
					at.protocol = p
				}
				if u.value("Socket", "BindToDevice") != "" && reach(at.protocol, at.address) == "every" {
					at.vague = true
				}
			}
			s.j.put(l.node, place(attrs, []listen{at}), shown(l.line))
		}
	}
}

// socketAddress reads an address of a socket unit.
func socketAddress(s, protocol string) listen {
	if strings.HasPrefix(s, "/") || strings.HasPrefix(s, "@") {
		return listen{protocol: "unix", address: s}
	}
	if p, ok := portNumber(s); ok {
		return listen{protocol: protocol, port: p}
	}
	if a, p, ok := splitAddress(s); ok && !strings.HasPrefix(s, "vsock:") {
		return listen{protocol: protocol, port: p, address: a}
	}
	return listen{vague: true}
}
