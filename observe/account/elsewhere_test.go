package account

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/observe/observetest"
)

const oneAccount = "root:x:0:0:root:/root:/bin/sh\n"

// unseen returns what a run recorded as unobserved: path, reason and detail.
func unseen(t *testing.T, res *observe.Result) []string {
	t.Helper()
	var got []string
	for f, err := range res.Facts.All("unobserved") {
		if err != nil {
			t.Fatal(err)
		}
		reason, _ := f.Get("reason")
		detail, _ := f.Get("detail")
		hides, _ := f.Get("hides")
		got = append(got, fmt.Sprint(f.Path, " ", reason, " ", detail, " ", hides))
	}
	slices.Sort(got)
	return got
}

// TestElsewhere holds that accounts which may be the device's, but not by etc/passwd as it stands, are told of.
func TestElsewhere(t *testing.T) {
	const outside = " unsupported " + errOutside + " [account]"
	made := []string{"/ link the system has no etc/passwd: its accounts are made elsewhere [account authorized_key]"}
	for name, c := range map[string]struct {
		files observetest.Files
		want  []string
	}{
		"none, busybox":     {observetest.Files{"bin/busybox": "x"}, made},
		"none, shell":       {observetest.Files{"bin/dash": "x", "bin/sh": "-> dash"}, made},
		"none, init":        {observetest.Files{"init": "x"}, made},
		"none, sbin/init":   {observetest.Files{"sbin/init": "x"}, made},
		"none, one program": {observetest.Files{"bin/tool": "x"}, nil},
		"plain":             {observetest.Files{"etc/passwd": oneAccount, "bin/sh": "x"}, nil},
		"overlay": {
			observetest.Files{"etc/passwd": oneAccount, "overlay/upper/etc/passwd": oneAccount, "usr/share/factory/etc/shadow": "", "recovery/etc/passwd": "-> /etc/passwd"},
			[]string{"/overlay/upper/etc/passwd" + outside, "/usr/share/factory/etc/shadow" + outside},
		},
		"no accounts": {
			observetest.Files{
				"etc/passwd": oneAccount, "usr/share/doc/x/etc/passwd": "x", "usr/share/base-passwd/passwd.master": "x", "usr/bin/passwd": "x", "etc/pam.d/passwd": "x",
				"var/lib/dpkg/x/etc/passwd": "x", "usr/share/etc/passwd/x": "x",
			}, nil,
		},
		"etc elsewhere":    {observetest.Files{"etc": "-> usr/etc", "usr/etc/passwd": oneAccount, "bin/sh": "x"}, nil},
		"passwd elsewhere": {observetest.Files{"etc/passwd": "-> ../usr/etc/passwd", "usr/etc/passwd": oneAccount}, nil},
		"slot": {
			observetest.Files{"etc/passwd": oneAccount, "b/etc": "-> usr/etc", "b/usr/etc/passwd": oneAccount, "b/bin/": ""},
			nil, // a system of its own
		},
		"half a slot": {
			observetest.Files{"etc/passwd": oneAccount, "b/etc/passwd": oneAccount, "b/usr/x": ""}, []string{"/b/etc/passwd" + outside},
		},
		"other source": {
			observetest.Files{"etc/passwd": oneAccount, "etc/nsswitch.conf": "passwd: altfiles files\n"},
			[]string{`/etc/nsswitch.conf unsupported line 1: accounts come from "altfiles" too [account]`},
		},
		"source noise": {
			observetest.Files{"etc/passwd": oneAccount, "etc/nsswitch.conf": "\x00\x01"}, []string{"/etc/nsswitch.conf unparsed is no text: it has control bytes [account]"},
		},
		"comment that is one": {
			observetest.Files{"etc/passwd": oneAccount + "#toor::0:0::/:/bin/sh\n# a:b:c:d:e:f:g\n#a: b\n"},
			[]string{"/etc/passwd unparsed line 2: " + errComment.Error() + " [account authorized_key]"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := unseen(t, observetest.Run(t, observetest.Write(t, c.files), Observer()))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestOutside has files of accounts in an archive inside a system, and in a release without one.
func TestOutside(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range []string{"etc/passwd", "etc/shadow", "etc/group"} {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(oneAccount))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(oneAccount)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	const outside = " unsupported " + errOutside + " [account]"
	got := unseen(t, observetest.Run(t, observetest.Write(t, observetest.Files{"etc/passwd": oneAccount, "usr/overlay.tar": b.String()}), Observer()))
	if diff := cmp.Diff([]string{"/etc/passwd" + outside, "/etc/shadow" + outside}, got); diff != "" {
		t.Errorf("in an archive (-want +got)\n%s", diff)
	}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "data", "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "etc", "passwd"), []byte(oneAccount), 0o644); err != nil {
		t.Fatal(err)
	}
	got = unseen(t, observetest.Run(t, dir, Observer()))
	if len(got) != 1 || !strings.HasSuffix(got[0], "/data/etc/passwd"+outside) {
		t.Errorf("without a system: got %q", got)
	}
}

func TestNSS(t *testing.T) {
	for text, want := range map[string]int{
		"passwd: files systemd\n": 0, "passwd:\tcompat\n": 0, "passwd: files [NOTFOUND=return UNAVAIL=continue] systemd": 0, "group: sss": 0, "passwd:": 0,
		"#passwd: ldap\n": 0, "passwd: files # sss": 0, "passwd_compat: nis": 0, "passwd: files[SUCCESS=merge]sss": 1, " passwd : files ldap": 1,
		"passwd: altfiles\npasswd: db\n": 2, "passwd: [a": 0, "passwd: files\r\n": 0,
	} {
		v, err := parseNSS(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := v.([]fault); len(got) != want {
			t.Errorf("%q: got %v, want %d faults", text, got, want)
		}
	}
}

func FuzzNSS(f *testing.F) {
	f.Add([]byte("passwd: files [NOTFOUND=return] sss # x\npasswd: [\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := parseNSS(t.Context(), b)
		if err == nil && len(v.([]fault)) > maxFaults {
			t.Error("too many faults")
		}
	})
}

// TestCanLogin holds that a shell refuses only where it is what it is called.
func TestCanLogin(t *testing.T) {
	shells := map[string]string{
		"/usr/sbin/nologin": "false", "/bin/false": "false", "/usr/bin/true": "false", "/sbin/halt": "false", "/dev/null": "false", "/bin/sh": "true", "": "true",
		"/home/adm/true": "", "nologin": "", "/usr/local/bin/false": "", "/bin/../home/false": "", "/sbin/nologin": "", "/bin/true": "", "/usr/sbin/shutdown": "false",
		"/bin/sync": "",
	}
	var passwd strings.Builder
	i := 0
	for shell := range shells {
		fmt.Fprintf(&passwd, "u%d:x:%d:1::/:%s\n", i, i, shell)
		i++
	}
	res := observetest.Run(t, observetest.Write(t, observetest.Files{
		"etc/passwd": passwd.String(), "usr/sbin/nologin": "x", "bin/busybox": "x", "bin/false": "-> busybox", "sbin/nologin": "-> ../bin/sh", "bin/sh": "-> bash",
		"bin/bash": "x", "bin/true": "-> sync", "bin/sync": "-> /opt/own", "opt/own": "x", "sbin/halt": "-> ../bin/systemctl", "bin/systemctl": "x",
	}), Observer())
	for f, err := range res.Facts.All("account") {
		if err != nil {
			t.Fatal(err)
		}
		shell, _ := f.Get("shell")
		got := ""
		if can, ok := f.Get("can_login"); ok {
			got = fmt.Sprint(can)
		}
		if want := shells[shell.(string)]; got != want {
			t.Errorf("%q: got %q, want %q", shell, got, want)
		}
	}
}
