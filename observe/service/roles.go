package service

import "strings"

// roles says what programs are known as, by the last part of their path.
var roles = func() map[string]string {
	m := map[string]string{}
	for role, names := range map[string]string{
		"ssh":       "sshd dropbear dropbearmulti tinysshd",
		"telnet":    "telnetd in.telnetd utelnetd",
		"ftp":       "ftpd in.ftpd vsftpd proftpd pure-ftpd pure-ftpd-wrapper bftpd stupid-ftpd wu-ftpd",
		"tftp":      "tftpd in.tftpd atftpd",
		"rsh":       "rshd in.rshd rlogind in.rlogind rexecd in.rexecd",
		"finger":    "fingerd in.fingerd cfingerd",
		"talk":      "talkd in.talkd ntalkd in.ntalkd",
		"http":      "httpd nginx lighttpd apache2 uhttpd boa goahead thttpd mini_httpd monkey cherokee webs caddy",
		"snmp":      "snmpd mini_snmpd snmptrapd",
		"ntp":       "ntpd chronyd openntpd ntpsec systemd-timesyncd",
		"dhcp":      "dhcpd udhcpd dhcpcd udhcpc dhclient odhcpd odhcp6c kea-dhcp4 kea-dhcp6",
		"dns":       "named dnsmasq unbound systemd-resolved kresd",
		"mdns":      "avahi-daemon mdnsd",
		"syslog":    "syslogd rsyslogd syslog-ng klogd logd systemd-journald",
		"getty":     "getty agetty mingetty mgetty fgetty",
		"login":     "login sulogin login.sh",
		"shell":     "sh ash bash dash zsh ksh csh tcsh",
		"cron":      "cron crond fcron anacron",
		"dbus":      "dbus-daemon dbus-broker dbus-broker-launch",
		"inetd":     "inetd openbsd-inetd inetutils-inetd",
		"xinetd":    "xinetd",
		"rpc":       "rpcbind portmap",
		"nfs":       "nfsd rpc.nfsd rpc.mountd mountd rpc.statd",
		"smb":       "smbd nmbd ksmbd.mountd",
		"mail":      "exim4 master sendmail postfix dovecot",
		"database":  "mysqld mariadbd postgres redis-server mongod",
		"mqtt":      "mosquitto",
		"upnp":      "miniupnpd upnpd minissdpd",
		"netconf":   "netopeer2-server confd",
		"tr069":     "cwmpd easycwmpd tr069 tr069_client icwmpd",
		"routing":   "zebra bgpd ospfd ripd bird frrinit.sh watchfrr",
		"ppp":       "pppd xl2tpd pptpd",
		"vpn":       "openvpn charon ipsec starter wg-quick",
		"wireless":  "hostapd wpa_supplicant",
		"relay":     "nc netcat ncat socat nc.openbsd nc.traditional",
		"udev":      "udevd systemd-udevd mdev",
		"bluetooth": "bluetoothd",
		"printing":  "cupsd lpd",
		"vnc":       "x11vnc Xvnc vncserver",
		"rdp":       "xrdp",
		"gdb":       "gdbserver",
		"adb":       "adbd",
	} {
		for name := range strings.FieldsSeq(names) {
			m[name] = role
		}
	}
	return m
}()

// shells are the programs that give a command line to whoever reaches them.
func isShell(program string) bool {
	return roles[strings.TrimPrefix(base(program), "-")] == "shell"
}

func base(p string) string { return p[strings.LastIndexByte(p, '/')+1:] }

// multicalls are programs that take the name of the program that they act as for their first argument.
var multicalls = map[string]bool{"busybox": true, "toybox": true, "dropbearmulti": true}

// wellKnown are the ports of /etc/services that inetd configurations name, for systems that have no such file
// (IANA Service Name and Transport Protocol Port Number Registry; swat and linuxconf are historical).
var wellKnown = map[string]int64{
	"tcpmux": 1, "echo": 7, "discard": 9, "systat": 11, "daytime": 13, "netstat": 15, "qotd": 17, "chargen": 19, "ftp-data": 20, "ftp": 21, "ssh": 22,
	"telnet": 23, "smtp": 25, "time": 37, "nameserver": 42, "whois": 43, "domain": 53, "bootps": 67, "bootpc": 68, "tftp": 69, "gopher": 70, "finger": 79,
	"http": 80, "www": 80, "pop3": 110, "sunrpc": 111, "auth": 113, "ident": 113, "nntp": 119, "ntp": 123, "netbios-ns": 137, "netbios-dgm": 138,
	"netbios-ssn": 139, "imap2": 143, "imap": 143, "snmp": 161, "snmptrap": 162, "bgp": 179, "ldap": 389, "https": 443, "microsoft-ds": 445,
	"printer": 515, "ntalk": 518, "netconf-ssh": 830, "rsync": 873, "ftps": 990, "telnets": 992, "imaps": 993, "pop3s": 995,
	"openvpn": 1194, "git": 9418,
}

// byProtocol are names whose port differs between TCP and UDP (same registry).
var byProtocol = map[string]int64{
	"exec/tcp": 512, "biff/udp": 512, "login/tcp": 513, "who/udp": 513, "shell/tcp": 514, "syslog/udp": 514, "talk/udp": 517,
}
