package service

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/observe/observetest"
)

// unseen returns what was recorded as unobserved: path, detail and what it hides.
func unseen(t *testing.T, files observetest.Files) []string {
	t.Helper()
	var got []string
	for f, err := range observetest.Run(t, observetest.Write(t, files), Observer()).Facts.All("unobserved") {
		if err != nil {
			t.Fatal(err)
		}
		detail, _ := f.Get("detail")
		hides, _ := f.Get("hides")
		got = append(got, fmt.Sprint(f.Path, " ", detail, " ", hides))
	}
	slices.Sort(got)
	return got
}

// TestOpaque holds which commands of a script that is run at boot hide what is started.
func TestOpaque(t *testing.T) {
	for text, want := range map[string]bool{
		". /etc/more":                                   true,
		"source /etc/more":                              true,
		"[ -r /etc/more ] && . /etc/more":               true,
		"if true; then\n  . /etc/more\nfi":              true,
		"M=/etc/more\n. $M":                             true,
		". /etc/init.d/../more":                         true,
		". /etc/default/x/../../more":                   true,
		"sh -c \"telnetd &\"":                           true,
		"/bin/sh -ec 'telnetd'":                         true,
		"busybox sh -c telnetd":                         true,
		"nohup sh -c telnetd &":                         true,
		"start-stop-daemon -S -x /bin/sh -- -c telnetd": true,
		"eval telnetd":                                  true,
		"eval \"A=1; telnetd\"":                         true,
		"$(which telnetd) &":                            true,
		"`which telnetd`":                               true,
		"echo telnetd | sh":                             true,
		"cat /x | /bin/busybox ash -s >/dev/null":       true,
		"start() {\n eval $X\n}":                        true,

		". /etc/nothing":                       false,
		". $i":                                 false,
		". /etc/default/x":                     false,
		". /lib/lsb/init-functions":            false,
		". /etc/init.d/other":                  false, // followed
		"$i start":                             false,
		"$DAEMON -x":                           false,
		"A=$(which telnetd)":                   false,
		"eval A=1":                             false,
		"eval export $var=$value":              false,
		"eval \"$name=\\$value\"":              false,
		"eval \"$(startpar -M boot)\"":         false,
		"sh /etc/init.d/other start":           false,
		"sh -x /etc/init.d/other":              false,
		"true || sh /x":                        false,
		"ps | grep sh":                         false,
		"stop() {\n eval $X\n echo a | sh\n}":  false,
		"case $1 in\nstop)\n sh -c x ;;\nesac": false,
		"cat <<E\neval x\nE":                   false,
		"# eval x":                             false,
	} {
		got := unseen(t, observetest.Files{
			"sbin/init": "x", "etc/inittab": "::sysinit:/etc/init.d/rcS\n", "etc/init.d/rcS": "#!/bin/sh\n" + text + "\n", "etc/more": "telnetd\n", "etc/default/x": "A=1\n",
			"lib/lsb/init-functions": "eval x\n", "etc/init.d/other": "true\n",
		})
		var wanted []string
		if want {
			wanted = []string{"/etc/init.d/rcS what it starts cannot be told [service]"}
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("%q (-want +got)\n%s", text, diff)
		}
	}
	if got := unseen(t, observetest.Files{
		"sbin/init": "x", "etc/inittab": "::sysinit:/etc/init.d/rcS\n", "etc/init.d/rcS": "true\n", "etc/init.d/unused": "eval x\n", "etc/init.d/functions": "eval x\n",
	}); got != nil {
		t.Errorf("not run: got %q", got)
	}
}

// TestOtherConfiguration holds that a server with options of its own hides what its configuration says, wherever it is started.
func TestOtherConfiguration(t *testing.T) {
	const told = " sshd is started with another configuration (-f, -o) [sshd sshd_option]"
	inittab := "::sysinit:/etc/init.d/rcS\n"
	for name, c := range map[string]struct {
		files observetest.Files
		want  []string
	}{
		"script, file":   {observetest.Files{"etc/inittab": inittab, "etc/init.d/rcS": "/usr/sbin/sshd -f /etc/ssh/alt\n/usr/sbin/sshd -f /etc/ssh/b\n"}, []string{"/etc/init.d/rcS" + told}},
		"script, option": {observetest.Files{"etc/inittab": inittab, "etc/init.d/rcS": "sshd -D -oPermitRootLogin=yes\n"}, []string{"/etc/init.d/rcS" + told}},
		"usual file":     {observetest.Files{"etc/inittab": inittab, "etc/init.d/rcS": "sshd -D -f /etc/ssh/sshd_config -p 22\n"}, nil},
		"a test":         {observetest.Files{"etc/inittab": inittab, "etc/init.d/rcS": "sshd -t -f /etc/ssh/alt\n"}, nil},
		"inittab":        {observetest.Files{"etc/inittab": "::respawn:/usr/sbin/sshd -D -o X=y\n"}, []string{"/etc/inittab" + told}},
		"inetd":          {observetest.Files{"etc/inetd.conf": "22 stream tcp nowait root /usr/sbin/sshd sshd -i -f /x\n", "etc/inittab": "::respawn:/usr/sbin/inetd -f\n"}, []string{"/etc/inetd.conf" + told}},
		"unit": {observetest.Files{
			"sbin/init": "-> systemd", "lib/systemd/system/default.target": "[Unit]\nWants=ssh.service\n",
			"lib/systemd/system/ssh.service": "[Service]\nExecStart=/usr/sbin/sshd -D -f /x\n",
		}, []string{"/lib/systemd/system/ssh.service" + told}},
		"socket": {observetest.Files{
			"sbin/init": "-> systemd", "lib/systemd/system/default.target": "[Unit]\nWants=ssh.socket\n",
			"lib/systemd/system/ssh.socket":   "[Socket]\nListenStream=22\nAccept=yes\n",
			"lib/systemd/system/ssh@.service": "[Service]\nExecStart=-/usr/sbin/sshd -i -o X=y\n",
		}, []string{"/lib/systemd/system/ssh.socket" + told}},
		"unit that is off": {observetest.Files{
			"sbin/init": "-> systemd", "lib/systemd/system/default.target": "[Unit]\n", "lib/systemd/system/ssh.service": "[Service]\nExecStart=/usr/sbin/sshd -D -f /x\n",
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if _, ok := c.files["sbin/init"]; !ok {
				c.files["sbin/init"] = "x"
			}
			if diff := cmp.Diff(c.want, unseen(t, c.files)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
