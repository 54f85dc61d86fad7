package sshd

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/observe/observetest"
)

const mainFile = "etc/ssh/sshd_config"

func TestGolden(t *testing.T) {
	observetest.Golden(t, "small", observetest.Facts(t, Observer(), observetest.Files{
		mainFile: strings.Join([]string{
			"# comment", "", "Include /etc/ssh/sshd_config.d/*.conf", "Port 22", "port=2222", "ListenAddress [::1]:830", "ListenAddress 0.0.0.0",
			"PermitRootLogin yes", "PermitRootLogin no", "PasswordAuthentication = no\r", "ChallengeResponseAuthentication no",
			`AllowUsers "alice" bob`, "AllowUsers eve@10.0.0.0/8", "LoginGraceTime 1m30s", "Ciphers +aes128-cbc,3des-cbc", "UsePAM yes # as ever",
			"SetEnv TOKEN=hunter2", "HostKey /etc/ssh/key\xff", "UsePrivilegeSeparation sandbox", "Protocol 2,1",
			"Match User bob Address 10.0.0.0/8", "  PasswordAuthentication yes", "  PasswordAuthentication no", "Include extra.conf",
			"Match all", "X11Forwarding yes",
		}, "\n"),
		"etc/ssh/sshd_config.d/10-a.conf": "MaxAuthTries 3\nMatch Group admin\nPermitRootLogin yes\n",
		"etc/ssh/sshd_config.d/20-b.conf": "-> ../../../usr/share/b",
		"etc/ssh/sshd_config.d/30-c.txt":  "MaxAuthTries 99\n",
		"etc/ssh/sshd_config.d/.h.conf":   "MaxAuthTries 98\n",
		"usr/share/b":                     "MaxAuthTries 4\nBanner /etc/issue.net\n",
		"etc/ssh/extra.conf":              "AllowTcpForwarding no\nMatch LocalPort 830\nForceCommand netconf\n",
	}))
}

// facts returns the facts of a kind.
func facts(t *testing.T, kind string, files observetest.Files) []*fact.Fact {
	t.Helper()
	res := observetest.Run(t, observetest.Write(t, files), Observer())
	observetest.Lines(t, res)
	var list []*fact.Fact
	for f, err := range res.Facts.All(kind) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	return list
}

func TestWhatIsNotThere(t *testing.T) {
	if got := observetest.Facts(t, Observer(), observetest.Files{"etc/ssh/ssh_config": "x"}); len(got) > 0 {
		t.Errorf("no server: %q", got)
	}
	files := observetest.Files{"usr/sbin/sshd": "x"}
	if got := facts(t, "sshd", files); len(got) > 0 {
		t.Errorf("server without a configuration: %v", got[0].Line())
	}
	wantHidden(t, files, "/usr/sbin/sshd", "unsupported")
	if got := facts(t, "sshd", observetest.Files{"usr/etc/ssh/sshd_config": ""}); len(got) != 1 || got[0].Path != "/usr/etc/ssh/sshd_config" {
		t.Errorf("vendor's copy: %v", got)
	}
	if got := facts(t, "sshd", observetest.Files{mainFile: ""}); len(got) != 1 {
		t.Errorf("empty configuration: %v", got)
	} else if v, _ := got[0].Get("permit_root_login"); v != "prohibit-password" {
		t.Errorf("default of PermitRootLogin: %v", v)
	}
}

func wantHidden(t *testing.T, files observetest.Files, path, reason string) {
	t.Helper()
	list := facts(t, "unobserved", files)
	for _, f := range list {
		r, _ := f.Get("reason")
		h, _ := f.Get("hides")
		if f.Path == path && r == reason && slices.Equal(h.([]string), []string{"sshd", "sshd_option"}) {
			return
		}
	}
	t.Errorf("nothing unobserved for %s at %s: %v", reason, path, list)
}

func TestIgnorance(t *testing.T) {
	noise := "\x00\x01\xfe\xff\x02"
	for _, c := range []struct {
		name, path, reason string
		files              observetest.Files
	}{
		{"noise", "/etc/ssh/sshd_config", "unparsed", observetest.Files{mainFile: noise}},
		{"link to nothing", "/etc/ssh/sshd_config", "link", observetest.Files{mainFile: "-> nowhere"}},
		{"directory", "/etc/ssh/sshd_config", "unparsed", observetest.Files{mainFile + "/x": ""}},
		{"included noise", "/etc/ssh/sshd_config.d/a.conf", "unparsed", observetest.Files{mainFile: "Include sshd_config.d/*", "etc/ssh/sshd_config.d/a.conf": noise}},
		{"include elsewhere", "/opt/a", "unparsed", observetest.Files{mainFile: "Include /opt/a", "opt/a": "Port 1"}},
		{"cycle", "/etc/ssh/sshd_config", "budget", observetest.Files{mainFile: "Include sshd_config\nInclude sshd_config\n"}},
		{"unknown keyword", "/etc/ssh/sshd_config", "unparsed", observetest.Files{mainFile: "PermitRoot no"}},
		{"cut in a word", "/etc/ssh/sshd_config", "unparsed", observetest.Files{mainFile: "PermitRootLogin no\nPasswordAuthe"}},
		{"cut before the value", "/etc/ssh/sshd_config", "unparsed", observetest.Files{mainFile: "PasswordAuthentication "}},
		{"open quote", "/etc/ssh/sshd_config", "unparsed", observetest.Files{mainFile: `Banner "/etc/issue`}},
		{"bad value", "/etc/ssh/sshd_config", "unparsed", observetest.Files{mainFile: "PermitRootLogin maybe"}},
		{"bad time", "/etc/ssh/sshd_config", "unparsed", observetest.Files{mainFile: "LoginGraceTime 1y"}},
		{"too many arguments", "/etc/ssh/sshd_config", "unparsed", observetest.Files{mainFile: "UsePAM yes no"}},
		{"not in a Match block", "/etc/ssh/sshd_config", "unparsed", observetest.Files{mainFile: "Match all\nUsePAM yes"}},
		{"bad criterion", "/etc/ssh/sshd_config", "unparsed", observetest.Files{mainFile: "Match Color blue"}},
		{"long criteria", "/etc/ssh/sshd_config", "unparsed", observetest.Files{mainFile: "Match User " + strings.Repeat("x", 5000) + "\nX11Forwarding yes"}},
	} {
		t.Run(c.name, func(t *testing.T) { wantHidden(t, c.files, c.path, c.reason) })
	}
}

// Behind an Include that cannot be read, a value is not known; what stands before it is.
func TestUnreadIncludeLeavesValuesAbsent(t *testing.T) {
	got := facts(t, "sshd", observetest.Files{
		mainFile: "UsePAM yes\nInclude sshd_config.d/*\nPermitRootLogin no\n", "etc/ssh/sshd_config.d/a.conf": "\x00",
	})
	if len(got) != 1 {
		t.Fatalf("got %d facts", len(got))
	}
	if v, ok := got[0].Get("permit_root_login"); ok {
		t.Errorf("PermitRootLogin behind an unread Include: %v", v)
	}
	if v, ok := got[0].Get("max_auth_tries"); ok {
		t.Errorf("default in spite of an unread Include: %v", v)
	}
	if v, _ := got[0].Get("use_pam"); v != true {
		t.Errorf("UsePAM before the Include: %v", v)
	}
}

// A file that includes itself is read as often as servers read it, and no further.
func TestDepth(t *testing.T) {
	if got := facts(t, "sshd_option", observetest.Files{mainFile: "HostKey /k\nInclude sshd_config\n"}); len(got) != 1 {
		t.Errorf("%d different facts of one option", len(got))
	}
	res := observetest.Run(t, observetest.Write(t, observetest.Files{mainFile: "Port 1\nInclude sshd_config\n"}), Observer())
	if lines := res.Facts.Lines("unobserved"); len(lines) != 1 || !strings.Contains(lines[0], "budget") {
		t.Errorf("unobserved: %q", lines)
	}
	hostKeys := facts(t, "sshd", observetest.Files{mainFile: "HostKey /k\nInclude sshd_config\n"})
	if v, _ := hostKeys[0].Get("host_keys"); len(v.([]string)) != maxDepth {
		t.Errorf("read %d times", len(v.([]string)))
	}
}

func TestManyLines(t *testing.T) {
	got := facts(t, "sshd", observetest.Files{mainFile: strings.Repeat("AllowUsers a\n", 100_000)})
	if len(got) != 1 {
		t.Fatalf("got %d facts", len(got))
	}
	long := facts(t, "sshd_option", observetest.Files{mainFile: "Banner /" + strings.Repeat("x", 1<<20)})
	if len(long) != 1 || len(long[0].Excerpt.Text) > fact.MaxExcerpt {
		t.Errorf("a long line: %d facts", len(long))
	}
}

func TestSplitArgs(t *testing.T) {
	for in, want := range map[string][]string{
		`a b`: {"a", "b"}, `"a b" c`: {"a b", "c"}, `a"b c"d`: {"ab cd"}, `'a "b'`: {`a "b`}, `a\ b`: {"a b"}, `"a\"b"`: {`a"b`}, `a\b`: {`a\b`},
		`a #b`: {"a"}, `a#b`: {"a#b"}, ``: nil, `""`: {""},
	} {
		got, _, err := splitArgs(in)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("splitArgs(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestSeconds(t *testing.T) {
	for in, want := range map[string]int64{"0": 0, "90": 90, "1h30m": 5400, "10M": 600, "2w": 1209600, "1d2": 86402, "": -1, "m": -1, "1x": -1, "99999999999": -1, "9999999w": -1, "-1": -1} {
		got, err := seconds(in)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("seconds(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
}

func TestListenAddress(t *testing.T) {
	for in, want := range map[string]listen{
		"0.0.0.0": {"0.0.0.0", ""}, "::": {"::", ""}, "[::1]:22": {"::1", "22"}, "[::1]": {"::1", ""}, "host:830": {"host", "830"}, "fe80::1": {"fe80::1", ""},
	} {
		got, err := listenAddress(in)
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("listenAddress(%q) = %v, %v; want %v", in, got, err, want)
		}
	}
	if got, err := listenAddress("host:99999"); err == nil {
		t.Errorf("port 99999: %v", got)
	}
}

// The first line of a keyword holds, whatever follows.
func FuzzParse(f *testing.F) {
	f.Add([]byte("Port 22\nPermitRootLogin=yes\nMatch User \"a b\"\nInclude x*\n"))
	f.Add([]byte("Ciphers +a,b\r\nLoginGraceTime 1h\nListenAddress [::]:1\nSetEnv A=\"b c\" # d\n"))
	f.Add([]byte("AllowUsers a\nChannelTimeout none\nProtocol 2,1\nUnusedConnectionTimeout none\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := parse(t.Context(), b)
		if err != nil {
			return
		}
		var s values
		s.init(true)
		for _, o := range v.([]option) {
			if o.err != nil {
				continue
			}
			if _, err := s.take(&o, keywords[o.keyword]); err != nil {
				continue
			}
			if value, text := masked(&o); len(value) > 2*len(b)+8 || len(text) > 2*len(b)+16 {
				t.Errorf("masked(%q) grew", o.line.Text)
			}
		}
		line := fact.Encode("sshd", fact.Location{Node: "x"}, fact.Record{Attrs: s.finish()})
		k, _ := fact.ByName("sshd")
		if err := observetest.Check(k, line); err != nil {
			t.Errorf("%v in %q", err, line)
		}
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %q", line)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := []byte(strings.Repeat("# a comment as they are\nPermitRootLogin no\n", 100))
	for b.Loop() {
		if _, err := parse(b.Context(), text); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(text)))
}

// The table of keywords names no old name, and every old name leads to a keyword.
func TestKeywords(t *testing.T) {
	for old, name := range oldNames {
		if _, ok := keywords[name]; !ok {
			t.Errorf("%s leads to %s, which is no keyword", old, name)
		}
		if _, ok := keywords[old]; ok {
			t.Errorf("%s is both an old name and a keyword", old)
		}
	}
	o := Observer()
	if diff := cmp.Diff([]string{"sshd", "sshd_option"}, o.Kinds()); diff != "" {
		t.Error(diff)
	}
	var _ observe.Observer = o
}
