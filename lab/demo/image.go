package demo

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"strings"
	"time"
)

// node is a file of an image; a directory where the name ends in a slash.
type node struct {
	name     string
	mode     int64
	uid, gid int
	text     string
}

// built is the time of every file in an image.
var built = time.Date(2026, time.September, 1, 0, 0, 0, 0, time.UTC)

// image packs nodes below a folder, the same bytes each time.
func image(top string, nodes []node) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, n := range nodes {
		h := &tar.Header{Format: tar.FormatUSTAR, Name: top + "/" + n.name, Mode: n.mode, Uid: n.uid, Gid: n.gid, Size: int64(len(n.text)), ModTime: built, Typeflag: tar.TypeReg}
		if strings.HasSuffix(h.Name, "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("packing %s: %w", n.name, err)
		}
		if _, err := w.Write([]byte(n.text)); err != nil {
			return nil, fmt.Errorf("packing %s: %w", n.name, err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		return nil, fmt.Errorf("packing %s: %w", top, err)
	}
	return b.Bytes(), nil
}

// program stands in for one: nothing of it is ever run.
func program(name string) string {
	return "#!/bin/sh\n# " + name + ", a stand-in: this product is an example\nexit 0\n"
}

func starts(program string) string {
	return "#!/bin/sh\ncase \"$1\" in\n  start) start-stop-daemon -S -q -x " + program + " ;;\nesac\n"
}

func installed(name, version string) string {
	return "Package: " + name + "\nStatus: install ok installed\nArchitecture: arm64\nVersion: " + version + "\nMaintainer: Builds <builds@vendor.example>\nDescription: " + name + "\n\n"
}

const hash = "$6$demoField00001$D3V4lKynKPD9dpHPCZG5kTb5ksicXzpGxWP85rqBGq3HRrInJsJj4zqrkijt3gsDGMmgv/zhiRu5SBlX98.IP0"

// switchImage is the firmware of the optical switch: tidy but for a log that everybody reads and a sudo-like program that nobody declared.
func switchImage() []node {
	return []node{
		{"", 0o755, 0, 0, ""},
		{"bin/", 0o755, 0, 0, ""},
		{"bin/sh", 0o755, 0, 0, program("sh")},
		{"etc/", 0o755, 0, 0, ""},
		{"etc/group", 0o644, 0, 0, "root:x:0:\nsshd:x:100:\nnogroup:x:65534:\nfield:x:1000:\n"},
		{"etc/init.d/", 0o755, 0, 0, ""},
		{"etc/init.d/S30sshd", 0o755, 0, 0, starts("/usr/sbin/sshd")},
		{"etc/inittab", 0o644, 0, 0, "::sysinit:/etc/init.d/rcS\nttyS0::respawn:/sbin/getty -L ttyS0 115200 vt100\n"},
		{"etc/os-release", 0o644, 0, 0, "ID=kh\nVERSION_ID=2.6.0\nPRETTY_NAME=\"KH 2.6.0\"\n"},
		{"etc/passwd", 0o644, 0, 0, "root:x:0:0:root:/root:/bin/sh\nsshd:x:100:100:sshd:/run/sshd:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\nfield:x:1000:1000:set-up:/home/field:/bin/sh\n"},
		{"etc/shadow", 0o600, 0, 0, "root:*:20513:0:90:7:::\nsshd:*:20513::::::\nnobody:*:20513::::::\nfield:" + hash + ":0:0:90:7:::\n"},
		{"etc/ssh/", 0o755, 0, 0, ""},
		{"etc/ssh/sshd_config", 0o644, 0, 0, "Port 22\nPermitRootLogin no\nPermitEmptyPasswords no\nMaxAuthTries 3\nLoginGraceTime 30\nClientAliveInterval 300\nClientAliveCountMax 0\n" +
			"Ciphers aes256-gcm@openssh.com\nMACs hmac-sha2-256-etm@openssh.com\nKexAlgorithms curve25519-sha256\nHostKeyAlgorithms ssh-ed25519\nLogLevel VERBOSE\n"},
		{"home/", 0o755, 0, 0, ""},
		{"home/field/", 0o700, 1000, 1000, ""},
		{"sbin/", 0o755, 0, 0, ""},
		{"sbin/getty", 0o755, 0, 0, program("getty")},
		{"tmp/", 0o1777, 0, 0, ""},
		{"usr/", 0o755, 0, 0, ""},
		{"usr/bin/", 0o755, 0, 0, ""},
		{"usr/bin/as-root", 0o4755, 0, 0, program("as-root")},
		{"usr/sbin/", 0o755, 0, 0, ""},
		{"usr/sbin/sshd", 0o755, 0, 0, program("sshd")},
		{"var/lib/dpkg/status", 0o644, 0, 0, installed("kh-base", "2.6.0") + installed("openssh-server", "1:9.6p1-3")},
		{"var/log/", 0o755, 0, 0, ""},
		{"var/log/alarms", 0o644, 0, 0, "2026-09-01T00:00:00Z end of line test\n"},
	}
}

// basebandImage is a software package that was not looked after: a private key that all customers share, files that everybody changes, telnet,
// tools of its developers.
func basebandImage() []node {
	return []node{
		{"", 0o755, 0, 0, ""},
		{"bin/", 0o755, 0, 0, ""},
		{"bin/sh", 0o755, 0, 0, program("sh")},
		{"etc/", 0o755, 0, 0, ""},
		{"etc/group", 0o644, 0, 0, "root:x:0:\nsshd:x:100:\nnogroup:x:65534:\noam:x:1000:\n"},
		{"etc/inetd.conf", 0o644, 0, 0, "telnet stream tcp nowait root /usr/sbin/telnetd telnetd\n"},
		{"etc/init.d/", 0o755, 0, 0, ""},
		{"etc/init.d/S30sshd", 0o755, 0, 0, starts("/usr/sbin/sshd")},
		{"etc/init.d/S40inetd", 0o755, 0, 0, starts("/usr/sbin/inetd")},
		{"etc/inittab", 0o644, 0, 0, "::sysinit:/etc/init.d/rcS\n"},
		{"etc/os-release", 0o644, 0, 0, "ID=tarnwick\nVERSION_ID=7.1.2\nPRETTY_NAME=\"Tarnwick 7.1.2\"\n"},
		{"etc/passwd", 0o644, 0, 0, "root:x:0:0:root:/root:/bin/sh\nsshd:x:100:100:sshd:/run/sshd:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\noam:x:1000:1000:operations:/home/oam:/bin/sh\n"},
		{"etc/shadow", 0o644, 0, 0, "root:" + hash + ":20513:0:99999:7:::\nsshd:*:20513::::::\nnobody:*:20513::::::\noam:" + hash + ":20513:0:99999:7:::\n"},
		{"etc/ssh/", 0o755, 0, 0, ""},
		{"etc/ssh/ssh_host_ed25519_key", 0o600, 0, 0, "stands in for a private key that every customer would get\n"},
		{"etc/ssh/sshd_config", 0o644, 0, 0, "Port 22\nProtocol 2\nPermitRootLogin yes\nCiphers aes256-ctr,3des-cbc\nMACs hmac-md5\nLogLevel QUIET\n"},
		{"home/", 0o755, 0, 0, ""},
		{"home/oam/", 0o700, 1000, 1000, ""},
		{"opt/baseband/", 0o755, 0, 0, ""},
		{"opt/baseband/cells.conf", 0o666, 0, 0, "cell 1 power 46\ncell 2 power 43\n"},
		{"sbin/", 0o755, 0, 0, ""},
		{"tmp/", 0o1777, 0, 0, ""},
		{"usr/", 0o755, 0, 0, ""},
		{"usr/bin/", 0o755, 0, 0, ""},
		{"usr/bin/gdb", 0o755, 0, 0, program("gdb")},
		{"usr/bin/strace", 0o755, 0, 0, program("strace")},
		{"usr/sbin/", 0o755, 0, 0, ""},
		{"usr/sbin/inetd", 0o755, 0, 0, program("inetd")},
		{"usr/sbin/sshd", 0o755, 0, 0, program("sshd")},
		{"usr/sbin/telnetd", 0o755, 0, 0, program("telnetd")},
		{"var/lib/dpkg/status", 0o644, 0, 0, installed("baseband", "7.1.2") + installed("gdb", "13.1-3") + installed("libssl1.1", "1.1.1w-0") + installed("openssh-server", "1:8.4p1-5")},
		{"var/log/cells/", 0o750, 0, 0, ""},
	}
}
