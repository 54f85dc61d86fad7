package account

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/observe/observetest"
)

// Hashes of the password "x" as libxcrypt 4.4 wrote them.
const (
	sha512   = "$6$k2XAnEHBqQ1Ct2aM$RBX2rUBWwS7Uxvw/1l8zYY4KKmTEQhnTrP4aYe1Al0EoiCs526p6B34gH7HkM99lrbcfOvLSS64AFIqAQexv4."
	yescrypt = "$y$j9T$k2XAnEHBqQ1Ct2aMXFKNaR4OddqOgpaPj/LQmB5RpN5$1BXwdnupKpcjaZHkHuHeC1c17QTBNLm1GzNnx05lJ90"
	md5      = "$1$k2XAnEHB$5iL0gKx1MmIzEg5lCcRUt."
	des      = "klOAFxmF3lV3E"
)

// Public keys as ssh-keygen of OpenSSH 9.2 wrote them.
const (
	keyRSA     = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQCXidsv/mvp+m26fGCHHdFuFI9LdWe6ccNbMjkvxjN3PK8dNIaH2H7CE5gO8FX2f0tboJJQH3msCax7aygn27RvQ2EDZos5sX+yASBx6RUFSCWnAxXuyoTm9jyQRrztLMOMxVkd1h43GXsWpC1MEq71xxocfmkUFFsyK1iBVAF1dw=="
	keyDSA     = "ssh-dss AAAAB3NzaC1kc3MAAACBAOMcB55sSsjceCH3QWFa6U96TsFJ3TOQyunEbfuTD1MUOFMKffN82qP+O8G2TMNJCPgakszjSkbiN9Yp3b24TUtRTHXxAq1UAim97tymJfBJPQdmfy28ch62jyaYPM1XQvPK6QfevDg8aWkmWBuCtgBYCFxGlYZvB1cFQUBh9HGdAAAAFQCe/NjpqEdK4EgR8tOykNunJo986QAAAIEAwC9rXGokippM+WvbINx8mnSRA0IPQkBIjwsH3npQF0r6pka12ITsn53eUDdNSoDUhIiEXNIEVy6PWQkxW6eiWTNW3GO2rJW2ycTKvNFdXzNqYPzojMKjatEhw3V/gP/iKrk/Arbj1FFcQ1aDyTPlmxqYDWiY2vwpDpOv85kQo/IAAACBALj3NioQgJkKGIsoXYU3boi/aglIYkJxUEXD+JtFYihwt1++RHye5S+5A1k8j2Sbk2O9RmZw1z/2Ta8XqLvxG2R1943Zjd0GfbslBSPfmoAqYw1Isq+mLCxeL3J0aeHpiLlhtTwOGYcpZsZYQY8nAcL7XkNS172unmhV9E8d+WM0"
	keyECDSA   = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBP9idxE6fdI+t6Kdx8/K2TzSKKbAcwkni3o3qyIDmspNArasvqIHfQ4OI7K97kOnfMsiuVYdxrb/7JCMJtLuN6Q="
	keyEd25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP5cVQrTzEgcG4wNnKtZjYM+dAagpKnC2SlFEV/m24L7"
)

func TestGolden(t *testing.T) {
	root := "root:x:0:0:root:/root:/bin/bash\n"
	for name, files := range map[string]observetest.Files{
		"system": {
			"etc/passwd": root + strings.Join([]string{
				"daemon:*:1:1:daemon:/usr/sbin:/usr/sbin/nologin", "", "# comment", "toor::0:0::/root:", "old:" + des + ":5:5:Old,,,:/home/old:/bin/sh",
				"alice:x:1000:1000:Alice % \xff:/home/alice:/bin/zsh", "bob:x:1001:1001::/home/bob:/bin/false", "eve:x:1002:1002::/data/eve:/bin/sh",
				"gone:x:1003:1003::/nonexistent:/bin/sh", "cut:x:1004:1004", "bad:x:-1:100000000000::/:/bin/sh", "+nis::::::", "alice:x:7:7::/:/bin/sh", ":x:1:1::/:/",
				"plain:admin:8:8::/:/dev/null", "tcb:x:9:9::/:/bin/sh",
			}, "\n") + "\n",
			"etc/shadow": strings.Join([]string{
				"root:" + sha512 + ":0:0:99999:7:::", "alice:!" + md5 + ":19000:1:90:7:::", "bob::19000:-1::7:::", "eve:" + sha512 + ":19000:0:99999:7:::", "eve:*:::::::", "bad:!!:x:::::",
			}, "\n") + "\n",
			"etc/tcb/tcb/shadow":                  "tcb:" + yescrypt + ":19000::::::\n",
			"etc/group":                           "root:x:0:\nsudo:x:27:alice,bob\nodd:" + md5 + ":28:a\nshort:x:29\nword:x:wheel:\n+\n",
			"root/.ssh/authorized_keys":           "# keys\n\n" + keyRSA + " admin@host\n" + `from="10.0.0.0/8,*.x",command="echo \"a b\"",no-pty,environment="T=secret" ` + keyEd25519 + "\n",
			"root/.ssh/authorized_keys2":          keyECDSA + "\n",
			"root/.ssh/authorized_keys.bak":       keyDSA + "\n",
			"home/alice/.ssh/authorized_keys":     "\t" + keyDSA + " a % b\x1b[1m\nssh-rsa AAAA broken\nssh-rsa " + strings.Fields(keyEd25519)[1] + "\n1024 35 123 old\n",
			"home/nobodys/.ssh/authorized_keys":   keyECDSA + "\r\n",
			"data/eve/.ssh/authorized_keys":       "-> ../../../home/alice/.ssh/authorized_keys",
			"var/lib/backup/.ssh/authorized_keys": "cert-authority " + keyECDSA + "\n",
			"etc/dropbear/authorized_keys":        keyEd25519 + "\n",
		},
		"noise":     {"etc/passwd": "\x00\x01", "etc/shadow": "\xff\x02", "etc/group": "\x00", "root/.ssh/authorized_keys": "\x00"},
		"noshadow":  {"etc/passwd": root + "a:" + sha512 + ":1:1::/:/bin/sh\n"},
		"shadow":    {"etc/passwd": root, "etc/shadow": "\x00"},
		"emptied":   {"etc/passwd": "", "etc/shadow": "", "etc/group": ""},
		"cut":       {"etc/passwd": root + "a:x:1:1::/:/bin/fal", "etc/shadow": "root:$6$ab", "etc/group": "root:x:0:\nsudo:x:27:al"},
		"links":     {"etc/passwd": "-> ../usr/lib/passwd", "usr/lib/passwd": root, "etc/shadow": "-> /run/shadow", "root/.ssh/authorized_keys": "-> /run/keys"},
		"crlf":      {"etc/passwd": "root:x:0:0:root:/root:/bin/sh\r\n", "etc/shadow": "root::0:::::: \r\n", "etc/group": "root:x:0:root\r\n"},
		"nothing":   {"etc/hostname": "x"},
		"asterisk":  {"etc/passwd": "a:*:1:1::/:/bin/sh\nb:*:1:1::/:/bin/sh\n", "etc/shadow": "a::::::::\nb:*:::::::\n"},
		"directory": {"etc/passwd/x": "", "home/a/.ssh/authorized_keys/": ""},
	} {
		t.Run(name, func(t *testing.T) {
			lines := observetest.Facts(t, Observer(), files)
			observetest.Golden(t, name, lines)
			for _, l := range lines {
				for _, secret := range []string{"RBX2rUBW", "k2XAnEHB", des, "5iL0gKx1", "admin:", "T=secret", "AAAAC3Nza", "AAAAB3Nza"} {
					if strings.Contains(l, secret) {
						t.Errorf("has the secret %q: %s", secret, l)
					}
				}
			}
		})
	}
}

func TestClassify(t *testing.T) {
	for _, c := range []struct{ field, want string }{
		{"", "empty"},
		{"*", "locked"},
		{"!", "locked"},
		{"!!", "locked"},
		{"!*", "locked"},
		{"*LK*", "locked"},
		{"NP", "locked"},
		{"x", "locked"},
		{"admin", "locked"},
		{sha512, "set sha512crypt rounds 5000 salted true"},
		{"!" + sha512, "locked-set sha512crypt rounds 5000 salted true"},
		{"!!" + sha512, "locked-set sha512crypt rounds 5000 salted true"},
		{"*" + des, "locked-set descrypt salted true"},
		{"$6$rounds=70000$k2XAnEHBqQ1Ct2aM$ygSvmv5Oj4bj", "set sha512crypt rounds 70000 salted true"},
		{"$6$rounds=7x$k2XA$ygSv", "set sha512crypt salted true"},
		{"$6$$ygSv", "set sha512crypt rounds 5000 salted false"},
		{"$5$k2XAnEHBqQ1Ct2aM$xapYSj4uFs2fLeRCZP7P1YnCr2AV7jMdcmpUQBIq9h9", "set sha256crypt rounds 5000 salted true"},
		{"$sm3$k2XA$xapY", "set sm3crypt rounds 5000 salted true"},
		{yescrypt, "set yescrypt rounds 5 salted true"},
		{"$y$j75$k2XAnEHB$TDYa49Ih", "set yescrypt rounds 1 salted true"},
		{"$y$j7T$k2XAnEHB$TDYa49Ih", "set yescrypt rounds 3 salted true"},
		{"$y$jCT$k2XAnEHB$TDYa49Ih", "set yescrypt rounds 8 salted true"},
		{"$y$jC.$$TDYa49Ih", "set yescrypt salted false"},
		{"$y$", "set yescrypt salted false"},
		{"$gy$j9T$k2XAnEHB$z1OjCUuq", "set gost-yescrypt rounds 5 salted true"},
		{"$7$CU..../....k2XAnEHBq$IZ0u9ggq", "set scrypt rounds 7 salted true"},
		{"$7$DU..../....k2XAnEHBq$IZ0u9ggq", "set scrypt rounds 8 salted true"},
		{"$7$DU", "set scrypt"},
		{"$2b$05$KBCwKxOzLha2MUDgW0PjXe2I9h8tEIKStkiCAzxzCz.g1BF3Esgv6", "set bcrypt rounds 5 salted true"},
		{"$2y$04$KBCwKxOzLha2MUDgW0PjXet3yHSERGEgTGgVG0c11mmQY7eNMbuDC", "set bcrypt rounds 4 salted true"},
		{"$sha1$249552$qI1BtUnBX7KMaJ4N$EFZpslDVaFrlw", "set sha1crypt rounds 249552 salted true"},
		{"$md5,rounds=45105$mA1BpMnB$$C8JGXez8K35gaL.0JZxG60", "set sunmd5 rounds 45105 salted true"},
		{"$md5$mA1BpMnB$C8JGXez8K35gaL.0JZxG60", "set sunmd5 salted true"},
		{md5, "set md5crypt salted true"},
		{"$1$$5iL0gKx1MmIzEg5lCcRUt.", "set md5crypt salted false"},
		{"_J9..k2XAy27ffripnfs", "set bsdicrypt rounds 725 salted true"},
		{"_dD..k2XAT9bo5Tim2ME", "set bsdicrypt rounds 1001 salted true"},
		{des, "set descrypt salted true"},
		{"ab8rPp61EtyKoExmqLIH2GYwmOFmFnER1mo"[:35], "set bigcrypt salted true"},
		{"$3$$a9f0dd57e1edab5bb55a9ac0a99c15ec", "set nthash salted false"},
		{"$8$abc$def", "set unknown"},
		{"kl OAFxmF3lV3", "locked"},
	} {
		s := classify(c.field)
		got := s.state
		if s.scheme != "" {
			got += " " + s.scheme
		}
		if n, ok := s.rounds.Get(); ok {
			got += fmt.Sprint(" rounds ", n)
		}
		if b, ok := s.salted.Get(); ok {
			got += fmt.Sprint(" salted ", b)
		}
		if got != c.want {
			t.Errorf("%q: got %s, want %s", c.field, got, c.want)
		}
		if shown := mask("a:" + c.field + ":b"); len(c.field) > 6 && strings.Contains(shown, c.field[len(c.field)-5:]) {
			t.Errorf("%q is shown as %q", c.field, shown)
		}
	}
}

func TestMask(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"root:x:0:0:root:/root:/bin/sh", "root:x:0:0:root:/root:/bin/sh"},
		{"root::0", "root::0"},
		{"root:!*:0", "root:!*:0"},
		{"root:!" + md5 + ":0", "root:!$1$***:0"},
		{"root:word:0", "root:***:0"},
		{"root:x:" + sha512 + ":!" + md5, "root:x:$6$***:!$1$***"},
		{"no colon", "no colon"},
		{sha512, "$6$***"},
	} {
		if got := mask(c.line); got != c.want {
			t.Errorf("%q: got %q, want %q", c.line, got, c.want)
		}
	}
}

func TestKeys(t *testing.T) {
	const ed = "SHA256:7TvK+LgkutYAASc7bGBFhWfs+ve4Zc5RCf8y8iJ1ib0"
	blob := strings.Fields(keyEd25519)[1]
	for _, c := range []struct {
		line, want string // empty for an error
	}{
		{keyRSA + " c", "ssh-rsa SHA256:FmmyCNTEM7c1mq8ACFiSm8G7XZQztEJ492Aoekgz59g bits 1024 [] c"},
		{keyDSA, "ssh-dss SHA256:3iKP9DLTYD+vZvtcW7jwGG0Fxn8AX96zli859co7tic bits 1024 [] "},
		{keyECDSA, "ecdsa-sha2-nistp256 SHA256:tD/76x/82JiIK2hsbKd5xgJfIHAoPX28kZicqU4MKMg [] "},
		{"  \t" + keyEd25519 + "  a b ", "ssh-ed25519 " + ed + " [] a b"},
		{"no-pty " + keyEd25519, "ssh-ed25519 " + ed + " [no-pty] "},
		{`command="a \" b, c",from="x",restrict ` + keyEd25519, "ssh-ed25519 " + ed + ` [command="a \" b, c" from="x" restrict] `},
		{`Environment="A=b c",no-pty ` + keyEd25519, "ssh-ed25519 " + ed + ` [Environment="A=***" no-pty] `},
		{`command="unclosed ` + keyEd25519, ""},
		{"ssh-rsa " + blob, ""},
		{"ecdsa-sha2-nistp384 " + strings.Fields(keyECDSA)[1], ""},
		{"ssh-ed25519 " + blob[:20], ""},
		{"ssh-ed25519 " + blob + "AAAA", ""},
		{"ssh-ed25519", ""},
		{"ssh-ed25519 ", ""},
		{"ssh-ed25519-cert-v01@openssh.com " + blob, ""},
		{"1024 35 12345 a@b", ""},
		{"hello world", ""},
	} {
		k, err := parseKey(observe.Line{Number: 1, Text: c.line})
		if (err != nil) != (c.want == "") {
			t.Errorf("%s: %v", c.line, err)
		}
		if err != nil || k == nil {
			continue
		}
		a := k.attrs
		got := a.Type + " " + a.Fingerprint
		if n, ok := a.Bits.Get(); ok {
			got += fmt.Sprint(" bits ", n)
		}
		comment, _ := a.Comment.Get()
		if got += fmt.Sprint(" ", a.Options, " ", comment); got != c.want {
			t.Errorf("%s: got %s, want %s", c.line, got, c.want)
		}
		if strings.Contains(k.excerpt.Text, "AAAA") || strings.Contains(k.excerpt.Text, "b c") {
			t.Errorf("%s: shown as %s", c.line, k.excerpt.Text)
		}
	}
}

// TestSharedHash has accounts with one hash: each of them says so, and a second line of one account does not count.
func TestSharedHash(t *testing.T) {
	res := observetest.Run(t, observetest.Write(t, observetest.Files{
		"etc/passwd": "a:x:1:1::/:/bin/sh\nb:x:2:2::/:/bin/sh\nc:x:3:3::/:/bin/sh\nc:x:4:4::/:/bin/sh\n",
		"etc/shadow": "a:" + md5 + ":::::::\nb:!" + md5 + ":::::::\nc:" + sha512 + ":::::::\n",
	}), Observer())
	var got []string
	for f, err := range res.Facts.All("account") {
		if err != nil {
			t.Fatal(err)
		}
		name, _ := f.Get("name")
		same, _ := f.Get("same_hash")
		got = append(got, fmt.Sprint(name, same))
	}
	if want := []string{"atrue", "btrue", "cfalse", "cfalse"}; !cmp.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestLarge has more lines, longer ones and more faults than any real file.
func TestLarge(t *testing.T) {
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, "u%d:x:%d:1:%s:/home/u%d:/bin/sh\n", i, i, strings.Repeat("g", i%7), i)
	}
	b.WriteString("long:x:1:1:" + strings.Repeat("x", 1<<20) + ":/:/bin/sh\n" + strings.Repeat("bad\n", 1000))
	many := strings.Repeat("a,", maxMembers+2) + "\n"
	res := observetest.Run(t, observetest.Write(t, observetest.Files{
		"etc/passwd": b.String(), "etc/shadow": b.String(), "etc/group": "root:x:0:\nmany:x:1:" + many, "root/.ssh/authorized_keys": many + " " + keyECDSA + "\n",
	}), Observer())
	if n := res.Facts.Len("account"); n != 100_001 {
		t.Errorf("%d accounts", n)
	}
	if n := res.Facts.Len("unobserved"); n > 2*(maxFaults+1)+2 || n < 2*(maxFaults+1) {
		t.Errorf("%d faults", n)
	}
	if n := res.Facts.Len("group"); n != 1 {
		t.Errorf("%d groups", n)
	}
}

func TestMaxEntries(t *testing.T) {
	v, err := parser(parseGroup, true)(t.Context(), []byte(strings.Repeat("a:x:1:\n", maxEntries+5)))
	if err != nil {
		t.Fatal(err)
	}
	f := v.(*file[group])
	if want := []fault{{budget, "line 131073 and those behind it"}}; len(f.entries) != maxEntries || !slices.Equal(f.faults, want) {
		t.Errorf("%d entries, %v", len(f.entries), f.faults)
	}
}

// TestHides demands that what could not be read hides what it could have said.
func TestHides(t *testing.T) {
	for name, want := range map[string][]string{
		"etc/passwd": {kindAccount, kindKey}, "etc/shadow": {kindAccount}, "etc/group": {kindGroup}, "root/.ssh/authorized_keys": {kindKey},
		"home/a/.ssh/authorized_keys2": {kindKey}, "etc/dropbear/authorized_keys": {kindKey}, "etc/tcb/a/shadow": {kindAccount},
	} {
		files := observetest.Files{"etc/passwd": "a:x:1:1::/home/a:/bin/sh\n"}
		files[name] = "\x01\x02"
		res := observetest.Run(t, observetest.Write(t, files), Observer())
		found := false
		for f, err := range res.Facts.All("unobserved") {
			if err != nil {
				t.Fatal(err)
			}
			hides, _ := f.Get("hides")
			found = found || f.Path == "/"+name && slices.Equal(hides.([]string), want)
		}
		if !found {
			t.Errorf("%s: got %q, want it to hide %v", name, res.Facts.Lines("unobserved"), want)
		}
	}
}

func FuzzFiles(f *testing.F) {
	f.Add("root:x:0:0:root:/root:/bin/sh\n+::::::\n", "root:"+sha512+":1:2:3:4:5:6:7\n", "root:x:0:a,b\n", keyEd25519+" c\n")
	f.Add("a:"+des+":1:1::/:\n", "a:!!:0::::::", "a:b", `command="a\"b",environment="A=b" `+keyRSA)
	f.Add("a:*:1:1", "a:"+yescrypt+":\n", "#", "no-pty,,x= "+keyECDSA)
	f.Fuzz(func(t *testing.T, passwd, shadow, groups, keys string) {
		for i, text := range []string{passwd, shadow, groups, keys} {
			parse := []func(observe.Line) (any, error){anyOf(parsePasswd), anyOf(parseShadow), anyOf(parseGroup), anyOf(parseKey)}[i]
			for l := range observe.Lines([]byte(text)) {
				v, _ := parse(l)
				check(t, v)
			}
		}
	})
}

func anyOf[T any](parse func(observe.Line) (*T, error)) func(observe.Line) (any, error) {
	return func(l observe.Line) (any, error) {
		v, err := parse(l)
		if v == nil {
			return nil, err
		}
		return *v, err
	}
}

func check(t *testing.T, v any) {
	t.Helper()
	var r fact.Record
	switch v := v.(type) {
	case nil:
		return
	case user:
		s := classify(v.password)
		a := v.attributes()
		s.describe(&a)
		v.homePath()
		r = fact.Record{Attrs: a, Excerpt: v.excerpt(&s)}
	case shadowLine:
		s := classify(v.password)
		s.shadow = &v
		a := fact.Account{Name: fact.Escape(v.name)}
		s.describe(&a)
		r = fact.Record{Attrs: a, Excerpt: v.line.Masked(mask(v.line.Text))}
		if len(s.hash) > 20 && s.scheme != "unknown" && strings.Contains(r.Excerpt.Text, s.hash) {
			t.Errorf("shows the hash: %s", r.Excerpt.Text)
		}
	case group:
		r = fact.Record{Attrs: v.attrs, Excerpt: v.excerpt}
	case key:
		v.attrs.Account = "a"
		r = fact.Record{Attrs: v.attrs, Excerpt: v.excerpt}
	}
	if len(r.Excerpt.Text) > 3*fact.MaxExcerpt {
		t.Errorf("excerpt of %d bytes", len(r.Excerpt.Text))
	}
	if err := observetest.Check(fact.KindOf(r.Attrs), fact.Encode("x", fact.Location{Node: "x"}, r)); err != nil {
		t.Errorf("%v: %+v", err, r.Attrs)
	}
}

func BenchmarkParse(b *testing.B) {
	text := []byte(strings.Repeat("root:x:0:0:root:/root:/bin/sh\n", 1000))
	parse := parser(parsePasswd, true)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := parse(b.Context(), text); err != nil {
			b.Fatal(err)
		}
	}
}
