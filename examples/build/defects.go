package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strings"
)

// defect is one planted defect. truth.yaml has the same ids, and says what has to be found of each.
type defect struct {
	id    string
	plant func(r *release) error
}

// defects returns the planted defects. Each can be left out without touching another.
func defects() []defect {
	const md5 = "$1$edge0001$74TjDRxYLORU/SIK.1pBI/"
	return []defect{
		{"shadow-backup-readable", mode("etc/shadow-", 0o644)},
		{"md5-password", field("etc/shadow", "support", 1, func(*release) string { return md5 })},
		{"shared-password", field("etc/shadow", "ops2", 1, func(r *release) string { return r.value("etc/shadow", "ops", 1) })},
		{"telnet", appendTo("etc/inetd.conf", "telnet stream tcp nowait root /usr/sbin/telnetd telnetd\n")},
		{"cbc-cipher", replace("etc/ssh/sshd_config", "aes256-gcm@openssh.com,aes256-ctr", "aes256-gcm@openssh.com,aes256-ctr,aes128-cbc")},
		{"package-keys-writable", mode("etc/opkg/keys/release.pub", 0o666)},
		{"console-shell", replace("etc/inittab", "::ctrlaltdel:", "ttyS1::respawn:/bin/sh\n::ctrlaltdel:")},
		{"empty-password", field("etc/shadow", "demo", 1, func(*release) string { return "" })},
		{"hidden-account", hiddenAccount},
		{"preset-key", presetKey},
		{"password-never-expires", field("etc/shadow", "backup", 4, func(*release) string { return "99999" })},
		{"silent-sshd", replace("etc/ssh/sshd_config", "LogLevel VERBOSE", "LogLevel QUIET")},
		{"undeclared-setuid", rescue},
		{"snmp-everywhere", replace("etc/snmp/snmpd.conf", "agentaddress udp:192.168.1.1:161", "agentaddress udp:161")},
		{"undeclared-package", appendTo("var/lib/dpkg/status", "Package: tcpdump\nStatus: install ok installed\nArchitecture: amd64\n"+
			"Version: 4.99.3-1\nSection: net\nMaintainer: Brindlemoor Releases <releases@brindlemoor.example>\nDescription: packet capture\n\n")},
		{"unsupported-library", func(r *release) error {
			return swap(&r.declaration, "{name: libssl3, version: 3.0.11-1, supported_until: 2031-12-31}", "{name: libssl3, version: 3.0.11-1, supported_until: 2025-06-30}")
		}},
		{"root-over-ssh", replace("etc/ssh/sshd_config", "PermitRootLogin no", "PermitRootLogin yes")},
		{"config-writable", mode("etc/edge/edge.conf", 0o666)},
		{"executable-stack", flawedProgram},
		{"web-server-as-root", replace("etc/init.d/S50httpd", "-c www -x", "-x")},
	}
}

func (r *release) entry(p string) (*entry, error) {
	e, ok := r.root.entries[p]
	if !ok {
		return nil, fmt.Errorf("there is no %q", p)
	}
	return e, nil
}

// mode gives a file other rights.
func mode(p string, m int64) func(*release) error {
	return func(r *release) error {
		e, err := r.entry(p)
		if err == nil {
			e.mode = m
		}
		return err
	}
}

// replace puts new text in the place of old, which must be there once.
func replace(p, old, text string) func(*release) error {
	return func(r *release) error {
		e, err := r.entry(p)
		if err != nil {
			return err
		}
		s := string(e.data)
		err = swap(&s, old, text)
		e.data = []byte(s)
		return err
	}
}

func swap(s *string, old, text string) error {
	if n := strings.Count(*s, old); n != 1 {
		return fmt.Errorf("%q stands there %d times", old, n)
	}
	*s = strings.Replace(*s, old, text, 1)
	return nil
}

func appendTo(p, text string) func(*release) error {
	return func(r *release) error {
		e, err := r.entry(p)
		if err == nil {
			e.data = append(bytes.Clone(e.data), text...)
		}
		return err
	}
}

// value returns a field of the line that begins with name, in a file whose fields are parted by colons.
func (r *release) value(p, name string, n int) string {
	e, err := r.entry(p)
	if err != nil {
		return ""
	}
	for line := range strings.SplitSeq(string(e.data), "\n") {
		if f := strings.Split(line, ":"); f[0] == name && n < len(f) {
			return f[n]
		}
	}
	return ""
}

// field writes another value into such a field.
func field(p, name string, n int, value func(*release) string) func(*release) error {
	return func(r *release) error {
		e, err := r.entry(p)
		if err != nil {
			return err
		}
		lines := strings.Split(string(e.data), "\n")
		for i, line := range lines {
			f := strings.Split(line, ":")
			if f[0] == name && n < len(f) {
				f[n] = value(r)
				lines[i] = strings.Join(f, ":")
				e.data = []byte(strings.Join(lines, "\n"))
				return nil
			}
		}
		return fmt.Errorf("%q has no line for %q", p, name)
	}
}

// hiddenAccount adds an account that nobody declared.
func hiddenAccount(r *release) error {
	const hash = "$6$edgeField00001$D3V4lKynKPD9dpHPCZG5kTb5ksicXzpGxWP85rqBGq3HRrInJsJj4zqrkijt3gsDGMmgv/zhiRu5SBlX98.IP0"
	if err := appendTo("etc/passwd", "field:x:1007:1007:field service:/tmp:/bin/sh\n")(r); err != nil {
		return err
	}
	return appendTo("etc/shadow", "field:"+hash+":0:0:90:7:::\n")(r)
}

// presetKey lets whoever has a developer's key in.
func presetKey(r *release) error {
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILEHrfDpvVAO3/YAszEaRtjgt+6CQ48lyVJQzWYXtmJ1 developer laptop\n"
	r.root.put("home/admin/.ssh", entry{kind: tar.TypeDir, mode: 0o700, uid: 1000, gid: 1000})
	r.root.put("home/admin/.ssh/authorized_keys", entry{kind: tar.TypeReg, mode: 0o600, uid: 1000, gid: 1000, data: []byte(key)})
	return nil
}

func rescue(r *release) error {
	data, err := parts.ReadFile("parts/bin/rescue")
	r.root.put("usr/bin/rescue", entry{kind: tar.TypeReg, mode: 0o4755, data: data})
	return err
}

// flawedProgram takes the build of statsd without protection.
func flawedProgram(r *release) error {
	e, err := r.entry("usr/sbin/statsd")
	if err != nil {
		return err
	}
	e.data, err = parts.ReadFile("parts/bin/statsd-flawed")
	return err
}
