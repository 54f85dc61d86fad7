package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// version is one release of the router: which planted defects are not in it, and what else is wrong with it. Comparing two of them shows what
// was mended and what was broken between them.
type version struct {
	name    string // of the release, as in 4.2.1
	dir     string // below examples
	notes   string // lines for its release notes, newest first
	without []string
	more    []defect
}

// ownVersion is what the parts say.
const ownVersion = "4.2.1"

// versions returns the releases, oldest first. 4.2.1 is the one that truth.yaml describes: every defect, and nothing else.
func versions() []version {
	return []version{
		{
			name: "4.2.0", dir: "edge-router-4.2.0",
			notes: "4.2.0  a web page shows the state of the uplinks\n",
			without: []string{
				"console-shell", "hidden-account", "preset-key", "undeclared-setuid", "undeclared-package", "root-over-ssh", "config-writable",
				"executable-stack",
			},
			more: []defect{
				{"web-config-readable", mode("etc/uhttpd/uhttpd.conf", 0o644)},
				{"world-writable-log", mode("var/log/messages", 0o666)},
			},
		},
		{name: ownVersion, dir: "edge-router", notes: "4.2.1  the FTP server's last files are gone\n4.2.0  a web page shows the state of the uplinks\n"},
		{
			name: "4.3.0-rc1", dir: "edge-router-4.3.0-rc1",
			notes: "4.3.0  telnet is gone, root stays at home, passwords are hashed anew\n4.2.1  the FTP server's last files are gone\n" +
				"4.2.0  a web page shows the state of the uplinks\n",
			without: []string{
				"shadow-backup-readable", "md5-password", "shared-password", "telnet", "cbc-cipher", "package-keys-writable", "console-shell", "empty-password",
				"hidden-account", "preset-key", "undeclared-setuid", "undeclared-package", "unsupported-library", "root-over-ssh", "config-writable",
				"executable-stack", "web-server-as-root",
			},
			more: []defect{{"second-root", secondRoot}},
		},
	}
}

func versionByName(name string) (version, error) {
	list := versions()
	i := slices.IndexFunc(list, func(v version) bool { return v.name == name })
	if i < 0 {
		return version{}, fmt.Errorf("there is no release %q", name)
	}
	return list[i], nil
}

// rename makes the parts say another version. The lines of dpkg that end otherwise are other packages'.
func (r *release) rename(v version) error {
	if v.name == ownVersion {
		return nil
	}
	r.declaration = strings.ReplaceAll(r.declaration, ownVersion, v.name)
	for _, p := range []string{"etc/os-release", "var/lib/dpkg/status"} {
		e, err := r.entry(p)
		if err != nil {
			return err
		}
		e.data = bytes.ReplaceAll(e.data, []byte(ownVersion), []byte(v.name))
	}
	return nil
}

// secondRoot leaves a second account with all rights, that nobody can log in to.
func secondRoot(r *release) error {
	if err := appendTo("etc/passwd", "trace:x:0:0:tracing:/root:/usr/sbin/nologin\n")(r); err != nil {
		return err
	}
	return appendTo("etc/shadow", "trace:*:20513:0:90:7:::\n")(r)
}
