package service

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe/observetest"
)

// busyboxRouter is a small router as busybox starts it.
var busyboxRouter = observetest.Files{
	"bin/busybox": "x", "sbin/init": "-> ../bin/busybox", "usr/sbin/telnetd": "-> ../../bin/busybox", "usr/sbin/httpd": "-> ../../bin/busybox",
	"etc/inittab": "# comment\n::sysinit:/etc/init.d/rcS\n::respawn:/sbin/getty -L ttyS0 115200 vt100\nttyS1::askfirst:-/bin/sh\n" +
		"::respawn:/usr/sbin/inetd -f\n::ctrlaltdel:/sbin/reboot\nbad line\nx::what:/bin/x\n::once:/sbin/getty -n -l /bin/autologin tty2\n",
	"etc/init.d/rcS": "#!/bin/sh\nmount -t proc none /proc\ntelnetd -l /bin/sh -p 2323 &\n/usr/sbin/httpd -h /www\n" +
		"if [ -f /etc/tftp ]; then\n  udpsvd -E 0.0.0.0 69 tftpd /srv &\nfi\nfor i in /etc/init.d/S??*; do $i start; done\n/etc/rc.extra\n",
	"etc/init.d/S50dropbear": "#!/bin/sh\nDROPBEAR_ARGS=\"-B\"\nPORT=22\n[ -r /etc/default/dropbear ] && . /etc/default/dropbear\nstart() {\n" +
		"  start-stop-daemon -S -q -p /var/run/d.pid --exec /usr/sbin/dropbear -- $DROPBEAR_ARGS -p 127.0.0.1:$PORT\n}\n" +
		"stop() {\n  start-stop-daemon -K -q -p /var/run/d.pid\n}\ncase \"$1\" in\n  start) start;;\n  stop|reload) stop; telnetd;;\nesac\n",
	"etc/default/dropbear": "PORT=2222\n",
	"etc/init.d/S60own":    "#!/bin/sh\nDAEMON=/opt/vendor/agent\n$DAEMON --password hunter2 &\n",
	"etc/inetd.conf": "telnet stream tcp nowait root /usr/sbin/telnetd telnetd -i\n127.0.0.1:ftp stream tcp nowait root /usr/sbin/tcpd in.ftpd -l\n" +
		"5555 stream tcp nowait root /bin/sh sh\nshell stream tcp nowait root /usr/sbin/in.rshd in.rshd\nmountd/1 dgram rpc/udp wait root /sbin/mountd mountd\n" +
		"echo dgram udp wait root internal\nshort line\n",
}

// debianLike is a system with systemd.
var debianLike = observetest.Files{
	"sbin/init": "-> /lib/systemd/systemd", "lib/systemd/systemd": "x",
	"lib/systemd/system/default.target":                        "-> graphical.target",
	"lib/systemd/system/graphical.target":                      "[Unit]\nRequires=multi-user.target\n",
	"lib/systemd/system/multi-user.target":                     "[Unit]\nRequires=basic.target\n",
	"lib/systemd/system/basic.target":                          "[Unit]\nWants=sockets.target\n",
	"lib/systemd/system/multi-user.target.wants/getty.target":  "-> ../getty.target",
	"lib/systemd/system/getty.target":                          "[Unit]\n",
	"etc/systemd/system/getty.target.wants/getty@tty1.service": "-> /lib/systemd/system/getty@.service",
	"lib/systemd/system/getty@.service":                        "[Service]\nExecStart=-/sbin/agetty -o '-p -- \\\\u' --noclear - $TERM\nEnvironment=TERM=linux\n",
	"lib/systemd/system/ssh.service": "[Unit]\nDescription=x\n[Service]\nEnvironmentFile=-/etc/default/ssh\nExecStartPre=/usr/sbin/sshd -t\n" +
		"ExecStart=/usr/sbin/sshd -D $SSHD_OPTS\nNoNewPrivileges=no\nProtectSystem=full\n[Install]\nAlias=sshd.service\n",
	"etc/systemd/system/sshd.service":                        "-> /lib/systemd/system/ssh.service",
	"etc/systemd/system/multi-user.target.wants/ssh.service": "-> /lib/systemd/system/ssh.service",
	"etc/default/ssh":                                           "SSHD_OPTS=\n",
	"etc/ssh/sshd_config":                                       "Port 22\nListenAddress 127.0.0.1:2022\nListenAddress ::\n",
	"lib/systemd/system/telnet.socket":                          "[Socket]\nListenStream=23\nListenStream=/run/x.sock\nListenDatagram=[::1]:69\nAccept=yes\n",
	"lib/systemd/system/telnet@.service":                        "[Service]\nExecStart=-/usr/sbin/in.telnetd \\\n  -l /bin/sh\n",
	"etc/systemd/system/sockets.target.wants/telnet.socket":     "-> /lib/systemd/system/telnet.socket",
	"lib/systemd/system/agent.service":                          "[Service]\nExecStart=/opt/agent --token=abc\nUser=agent\n",
	"etc/systemd/system/agent.service.d/10.conf":                "[Service]\nExecStart=\nExecStart=!/opt/agent2 --psk sesame\nPrivateTmp=yes\n",
	"etc/systemd/system/agent.service.d/20.conf":                "-> /dev/null",
	"lib/systemd/system/off.service":                            "[Service]\nExecStart=/usr/sbin/vsftpd\n",
	"etc/systemd/system/off.service":                            "-> /dev/null",
	"etc/systemd/system/multi-user.target.wants/off.service":    "-> /lib/systemd/system/off.service",
	"lib/systemd/system/plain.service":                          "[Service]\nstray line\nExecStart=/usr/bin/python3 /opt/x.py\nDynamicUser=yes\n",
	"lib/systemd/system/boot.timer":                             "[Timer]\nOnBootSec=5\nUnit=plain.service\n",
	"etc/systemd/system/timers.target.wants/boot.timer":         "-> /lib/systemd/system/boot.timer",
	"lib/systemd/system/autologin.service":                      "[Service]\nExecStart=/sbin/agetty --autologin root ttyS0\n",
	"etc/systemd/system/multi-user.target.wants/linked.service": "-> /opt/linked.service",
	"etc/systemd/system/linked.service":                         "-> /opt/linked.service",
	"opt/linked.service":                                        "[Service]\nExecStart=/usr/sbin/snmpd -Lsd -f\n",
	"etc/snmp/snmpd.conf":                                       "agentaddress 127.0.0.1,[::1]:1161,tcp:161\n",
	"etc/init.d/ssh":                                            "#!/bin/sh\nstart-stop-daemon --start --exec /usr/sbin/sshd\n",
	"etc/rc2.d/S01ssh":                                          "-> ../init.d/ssh",
	"etc/init.d/old":                                            "#!/bin/sh\nDAEMON=/usr/sbin/olddaemon\ncase $1 in start) daemon $DAEMON -x ;; esac\n",
	"etc/rc3.d/S20old":                                          "-> ../init.d/old",
	"etc/init.d/early":                                          "#!/bin/sh\nDAEMON=/sbin/early\n",
	"etc/rcS.d/S01early":                                        "-> ../init.d/early",
	"etc/init.d/unused":                                         "#!/bin/sh\n",
	"etc/rc.local":                                              "#!/bin/sh\nnc -lk -p 4444 -e /bin/sh &\n",
	"etc/xinetd.d/tftp":                                         "service tftp\n{\n disable = no\n socket_type = dgram\n protocol = udp\n user = root\n server = /usr/sbin/in.tftpd\n server_args = -s /srv\n bind = 10.0.0.1\n}\n",
	"etc/xinetd.d/off":                                          "service telnet\n{\n disable = yes\n socket_type = stream\n server = /usr/sbin/in.telnetd\n}\n",
	"etc/services":                                              "tftp 69/udp\ntelnet\t23/tcp\n",
}

// sysvinit starts runlevel 2 here, and knows the names of its own list of services only.
var sysvinit = observetest.Files{
	"sbin/init": "x", "etc/services": "telnet 2300/tcp\n",
	"etc/inittab":         "id:2:initdefault:\nsi::sysinit:/etc/init.d/rcS\n1:2345:respawn:/sbin/getty 38400 tty1\nT0:3:respawn:/sbin/getty -L ttyS0 9600 vt100\nIN:2:respawn:/usr/sbin/inetd -i\n",
	"etc/init.d/rcS":      "#!/bin/sh\nexec /etc/init.d/rc S\n",
	"etc/init.d/cron":     "#!/bin/sh\nDAEMON=/usr/sbin/cron\ncase $1 in\nstart|boot)\n start-stop-daemon --start --quiet --exec $DAEMON\n ;;\nesac\n",
	"etc/init.d/snmpd":    "#!/bin/sh\n. /etc/default/snmpd\nstart-stop-daemon -S -x /usr/sbin/snmpd -- $OPTS 127.0.0.1:1161\n",
	"etc/default/snmpd":   "export OPTS='-Lsd'\n",
	"etc/init.d/hostname": "#!/bin/sh\nhostname x\n",
	"etc/rc2.d/S01cron":   "-> ../init.d/cron", "etc/rc3.d/S02snmpd": "-> ../init.d/snmpd", "etc/rcS.d/S03hostname": "-> ../init.d/hostname",
	"etc/inetd.conf": "telnet stream tcp nowait root /usr/sbin/tcpd /usr/sbin/in.telnetd\nftp stream tcp nowait root /usr/sbin/in.ftpd in.ftpd\n",
}

var openwrt = observetest.Files{
	"sbin/init": "x", "bin/busybox": "x",
	"etc/inittab":          "::sysinit:/etc/init.d/rcS S boot\n::shutdown:/etc/init.d/rcS K shutdown\n::askconsole:/usr/libexec/login.sh\n",
	"etc/init.d/dropbear":  "#!/bin/sh /etc/rc.common\nSTART=19\nUSE_PROCD=1\nPROG=/usr/sbin/dropbear\nstart_service() {\n  procd_open_instance\n  procd_set_param command \"$PROG\" -F -P /x\n  procd_append_param command -p 22\n  procd_close_instance\n}\n",
	"etc/rc.d/S19dropbear": "-> ../init.d/dropbear", "etc/init.d/telnet": "#!/bin/sh /etc/rc.common\nSTART=50\nstart() {\n service_start /usr/sbin/telnetd -l /bin/login.sh\n}\n",
}

var alpine = observetest.Files{
	"sbin/init": "-> /bin/busybox", "bin/busybox": "x",
	"etc/inittab":                 "::sysinit:/sbin/openrc sysinit\ntty1::respawn:/sbin/getty 38400 tty1\n",
	"etc/init.d/sshd":             "#!/sbin/openrc-run\ncommand=/usr/sbin/sshd\ncommand_args=\"${SSHD_OPTS:-}\"\n",
	"etc/runlevels/default/crond": "-> /etc/init.d/crond",
	"etc/init.d/crond":            "#!/sbin/openrc-run\ncommand=\"/usr/sbin/crond\"\ncommand_args=\"-c /x $CRON_OPTS\"\n",
}

func TestGolden(t *testing.T) {
	for name, files := range map[string]observetest.Files{
		"busybox": busyboxRouter, "systemd": debianLike, "openwrt": openwrt, "sysvinit": sysvinit, "alpine": alpine,
		"noinittab": {"sbin/init": "-> ../bin/busybox", "bin/busybox": "x", "etc/init.d/rcS": "telnetd\r\n"},
	} {
		t.Run(name, func(t *testing.T) { observetest.Golden(t, name, observetest.Facts(t, Observer(), files)) })
	}
}

// Noise over any file that is addressed by path is unobserved, and hides services.
func TestNoise(t *testing.T) {
	for _, files := range []observetest.Files{busyboxRouter, debianLike, openwrt} {
		for p, content := range files {
			switch {
			case strings.HasPrefix(content, "-> ") || content == "x", strings.HasPrefix(p, "etc/default/"), strings.HasPrefix(p, "etc/ssh/"),
				strings.HasPrefix(p, "etc/snmp/"), p == "lib/systemd/system/off.service": // masked, so it is not read
				continue
			}
			t.Run(p, func(t *testing.T) {
				changed := observetest.Files{}
				for q, c := range files {
					changed[q] = c
				}
				changed[p] = "\x00\xff\x01"
				for _, l := range observetest.Facts(t, Observer(), changed) {
					if strings.HasPrefix(l, "unobserved ") && strings.Contains(l, p+`"`) && strings.Contains(l, `"hides":["service"]`) {
						return
					}
				}
				t.Errorf("nothing unobserved at %s", p)
			})
		}
	}
}

// Noise over a file that only decides ports leaves them absent.
func TestNoiseOverOptions(t *testing.T) {
	for p, lost := range map[string]string{"etc/default/ssh": "ssh.service", "etc/ssh/sshd_config": "ssh.service", "etc/snmp/snmpd.conf": "linked.service"} {
		changed := observetest.Files{}
		for q, c := range debianLike {
			changed[q] = c
		}
		changed[p] = "\x00\xff\x01"
		for _, l := range observetest.Facts(t, Observer(), changed) {
			if strings.Contains(l, `"name":"`+lost+`"`) && strings.Contains(l, `"port"`) {
				t.Errorf("a port in spite of noise over %s: %s", p, l)
			}
		}
	}
}

type understood struct {
	Role, Auth string
	Listens    []string
}

func TestUnderstand(t *testing.T) {
	for line, want := range map[string]understood{
		"/usr/sbin/telnetd -l /bin/sh -p 2323": {"telnet", "false", []string{"tcp 2323 every"}},
		"telnetd":                              {"telnet", "true", []string{"tcp 23 every"}},
		"telnetd -b 127.0.0.1:24":              {"telnet", "true", []string{"tcp 24 loopback"}},
		"busybox telnetd -l/bin/ash":           {"telnet", "false", []string{"tcp 23 every"}},
		"telnetd -i":                           {"telnet", "true", nil},
		"telnetd $X":                           {"telnet", "", nil},
		"telnetd -p $X":                        {"telnet", "", nil},
		"utelnetd -l /bin/sh -d":               {"telnet", "false", []string{"tcp 23 every"}},
		"dropbear":                             {"ssh", "", []string{"tcp 22 every"}},
		"dropbear -R -p 10.0.0.1:22 -p [::1]:2222": {"ssh", "", []string{"tcp 22 some", "tcp 2222 loopback"}},
		"dropbear -p":           {"ssh", "", nil},
		"dropbear $ARGS":        {"ssh", "", nil},
		"busybox httpd -p 8080": {"http", "", []string{"tcp 8080 every"}},
		"httpd -p 8080":         {"http", "", nil},
		"uhttpd -f -h /www -p 0.0.0.0:80 -s [::]:443":         {"http", "", []string{"tcp 80 every", "tcp 443 every"}},
		"tcpsvd -vE 0.0.0.0 21 ftpd -w /":                     {"ftp", "", []string{"tcp 21 every"}},
		"busybox udpsvd 0 tftp tftpd":                         {"tftp", "", []string{"udp 69 every"}},
		"in.tftpd -l -s /srv":                                 {"tftp", "", []string{"udp 69 every"}},
		"in.tftpd -s /srv":                                    {"tftp", "", nil},
		"in.tftpd --listen --address 0.0.0.0:69":              {"tftp", "", nil},
		"atftpd --daemon --port 6969 /srv":                    {"tftp", "", []string{"udp 6969 every"}},
		"nc -l -p 4444 -e /bin/sh":                            {"relay", "false", []string{"tcp 4444 every"}},
		"nc -lu 127.0.0.1 99":                                 {"relay", "", []string{"udp 99 loopback"}},
		"nc 10.0.0.1 99":                                      {"relay", "", nil},
		"socat TCP-LISTEN:7,bind=127.0.0.1,fork EXEC:/bin/sh": {"relay", "false", []string{"tcp 7 loopback"}},
		"getty -L ttyS0 115200 vt100":                         {"getty", "true", nil},
		"getty -n -l /bin/sh 115200 ttyS0":                    {"getty", "false", nil},
		"agetty -a root tty1":                                 {"getty", "false", nil},
		"agetty --autologin root tty1":                        {"getty", "false", nil},
		"getty -l /bin/own tty1":                              {"getty", "", nil},
		"-/bin/sh":                                            {"shell", "false", nil},
		"/bin/sh -c x":                                        {"shell", "", nil},
		"/bin/sh /etc/x":                                      {"shell", "", nil},
		"/bin/login -f root":                                  {"login", "false", nil},
		"setsid nohup nice -n 5 env A=b dropbear":             {"ssh", "", []string{"tcp 22 every"}},
		"cttyhack /bin/sh":                                    {"shell", "false", nil},
		"snmpd -Lsd -f udp:10.0.0.1:161,tcp:163 unix:/x":      {"snmp", "", []string{"udp 161 some", "tcp 163 every", "unix 0 none"}},
		"snmpd -C":        {"snmp", "", nil},
		"rpcbind -w":      {"rpc", "", []string{"tcp 111 every", "udp 111 every"}},
		"busybox ntpd -l": {"ntp", "", []string{"udp 123 every"}},
		"ntpd -g":         {"ntp", "", nil},
		"vsftpd":          {"ftp", "", nil},
		"sshd -D":         {"ssh", "", nil},
		"/opt/unknown":    {"", "", nil},
	} {
		words, open := split(line, nil)
		c, ok := newCommand(words, open)
		if !ok {
			t.Fatalf("%q is no command", line)
		}
		o := (&joiner{v: emptyView(t)}).understand(c)
		got := understood{Role: o.role}
		if a, ok := o.auth.Get(); ok {
			got.Auth = fmt.Sprint(a)
		}
		for _, l := range o.listens {
			got.Listens = append(got.Listens, fmt.Sprintf("%s %d %s", l.protocol, l.port, reach(l.protocol, l.address)))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", line, diff)
		}
	}
}

func TestSplit(t *testing.T) {
	known := assignments{"A": "x y", "E": ""}
	for in, want := range map[string]struct {
		words []string
		open  bool
	}{
		`a  b`: {[]string{"a", "b"}, false}, `"a b" 'c d'`: {[]string{"a b", "c d"}, false}, `$A "$A"`: {[]string{"x", "y", "x y"}, false},
		`${A}z`: {[]string{"x", "yz"}, false}, `$N b`: {[]string{"$N", "b"}, true}, `${N:-d}`: {[]string{"d"}, false}, `$E b`: {[]string{"b"}, false},
		"`x` b": {[]string{"`...`", "b"}, true}, `$(x y) b`: {[]string{"$(...)", "b"}, true}, `a # b`: {[]string{"a"}, false}, `a\ b`: {[]string{"a b"}, false},
		`"a`: {[]string{"a"}, true}, `'$A'`: {[]string{"$A"}, false},
	} {
		words, open := split(in, known)
		if !slices.Equal(words, want.words) || open != want.open {
			t.Errorf("split(%q) = %q, %v; want %q, %v", in, words, open, want.words, want.open)
		}
	}
}

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"x --password hunter2 y": "x --password *** y", "x --token=abc": "x --token=***", `PSK="a b" c`: `PSK=*** c`, "x -p 22": "x -p 22", "passwd": "passwd",
	} {
		if got := mask(in); got != want {
			t.Errorf("mask(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestManyLines(t *testing.T) {
	n := 100_000
	lines := observetest.Facts(t, Observer(), observetest.Files{
		"sbin/init": "x", "etc/inittab": strings.Repeat("::respawn:/sbin/getty tty1\n", n), "etc/inetd.conf": strings.Repeat("x\n", n),
		"etc/init.d/rcS":                strings.Repeat("telnetd &\n", n),
		"lib/systemd/system/a.service":  "[Service]\nExecStart=/x " + strings.Repeat("y", 1<<20) + "\n",
		"lib/systemd/system/b@.service": strings.Repeat("[Service]\nx\n", n),
		"lib/systemd/system/c.target":   "[Unit]\nWants=" + strings.Repeat("b@x.service ", n) + "\n",
		"etc/systemd/system/d.service":  "-> e.service", "etc/systemd/system/e.service": "-> d.service",
		"etc/systemd/system/f.service": "-> f.service",
	})
	if len(lines) < n || len(lines) > n+100 {
		t.Errorf("%d facts", len(lines))
	}
}

func checkFact(t *testing.T, a fact.Service, e *fact.Excerpt) {
	t.Helper()
	k, _ := fact.ByName(kind)
	if err := observetest.Check(k, fact.Encode("service", fact.Location{Node: "x"}, fact.Record{Attrs: a, Excerpt: e})); err != nil {
		t.Error(err)
	}
}

// Few bytes that say much over and over end in a budget, soon.
func TestBlowUp(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for name, files := range map[string]observetest.Files{
		"instances": {
			"sbin/init": "-> systemd", "lib/systemd/system/default.target": "[Unit]\nWants=" + names("a@%d.service ", 20_000) + "\n",
			"lib/systemd/system/a@.service": "[Service]\nPrivateTmp=" + long + "\nExecStart=/x " + long + "\n",
		},
		"addresses": {
			"lib/systemd/system/a.socket":  "[Socket]\n" + names("ListenStream=%d\n", 20_000),
			"lib/systemd/system/a.service": "[Service]\nExecStart=/x " + long + "\n",
		},
		"scripts": {"etc/init.d/rcS": strings.Repeat("A=$B$B;B=$A$A;telnetd $A\n", 20_000) + names("tcpsvd 0 %d tcpsvd 0 1 telnetd;", 100_000)},
		"nested":  {"etc/inetd.conf": "a stream tcp nowait root " + strings.Repeat("tcpsvd 0 1 ", 100_000) + "\n"},
		"xinetd":  {"etc/xinetd.conf": "service a\n{\n x += " + strings.Repeat("a ", 500_000) + "\n" + strings.Repeat(" x -= b\n", 100_000) + "}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			total := 0
			for _, l := range observetest.Facts(t, Observer(), files) {
				total += len(l)
			}
			if total > 4*maxBytes {
				t.Errorf("%d bytes of facts", total)
			}
		})
	}
}

func names(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i+1)
	}
	return b.String()
}
