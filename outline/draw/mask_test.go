package draw

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/probat-lab/probat/outline"
)

// masked replaces what is secret of a whole file by one # for each run.
func masked(name, text string) string {
	var b strings.Builder
	at := 0
	for _, s := range secrets(name, []byte(text), 0, int64(len(text))) {
		b.WriteString(text[at:s.Offset] + "#")
		at = int(s.Offset + s.Length)
	}
	return b.String() + text[at:]
}

func TestSecrets(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"/etc/shadow", "root:$6$salt$hash:1:2:3:::\nx:*:1::::\ny:!!:1:::\nz::1:::\nw:!$y$j9T$abc$def:1\n", "root:$6$#:1:2:3:::\nx:*:1::::\ny:!!:1:::\nz::1:::\nw:!$y$#:1\n"},
		{"/etc/shadow-", "root:abJnggxhB/yWI:1:2:3:::", "root:#:1:2:3:::"},
		{"/etc/shadow;2", "root:abJnggxhB/yWI:1", "root:#:1"},
		{"/etc/passwd", "root:x:0:0:root:/root:/bin/sh\na:letmein:1:1::/:/bin/sh\n", "root:x:0:0:root:/root:/bin/sh\na:#:1:1::/:/bin/sh\n"},
		{"/etc/group", "wheel:*:0:root\n", "wheel:*:0:root\n"},
		{"/etc/other", "garbled $1$abcdefgh$1234567890123456789012 line", "garbled $1$# line"},
		{"/etc/nsswitch.conf", "passwd: files\nshadow: files\n", "passwd: files\nshadow: files\n"},
		{"/etc/ssh/k", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\nBBBB\n-----END OPENSSH PRIVATE KEY-----\nrest", "-----BEGIN OPENSSH PRIVATE KEY-----#-----END OPENSSH PRIVATE KEY-----\nrest"},
		{"/k", "x\n-----BEGIN RSA PRIVATE KEY-----\nAAAA and no end", "x\n-----BEGIN RSA PRIVATE KEY-----#"},
		{"/k", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"},
		{"/k.ppk", "PuTTY\nPrivate-Lines: 2\nAAAA\nBBBB\nPrivate-MAC: 12\n", "PuTTY\nPrivate-Lines: 2\n#\nPrivate-MAC: 12\n"},
		{"/a", "key AGE-SECRET-KEY-1QQPQYZZ end", "key # end"},
		{"/etc/init", "run --password hunter2 --user x\nTOKEN=abc def\npsk=\"two words\"\n", "run --password # --user x\nTOKEN=# def\npsk=#\n"},
		{"/c.json", `{"password": "hunter2", "user": "x", "api_key":"k"}`, `{"password": #, "user": "x", "api_key":#}`},
		{"/c.yaml", "secret: s3cr3t\nname: n\n", "secret: #\nname: n\n"},
		{"/wg0.conf", "PrivateKey = aGVsbG8=\nPublicKey = d29ybGQ=\n", "PrivateKey = #\nPublicKey = d29ybGQ=\n"},
		{"/snmpd.conf", "rocommunity public 10.0.0.0/8\n", "rocommunity # 10.0.0.0/8\n"},
		{"/u", "fetch https://user:hunter2@example.org/ now, ssh://git@example.org", "fetch https://user:#@example.org/ now, ssh://git@example.org"},
		{"/h", "Authorization: Bearer abcdefghijklmnop\n", "Authorization: Bearer #\n"},
		{"/j", "x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln y", "x # y"},
		{"/g", "ghp_abcdefghijklmnopqrstuvwxyz0123456789", "#"},
		{"/etc/ssh/sshd_config", "SetEnv A=1 B=2\nPort 22\n", "SetEnv #\nPort 22\n"},
		{"/root/.ssh/authorized_keys", `environment="TOKEN_X=1",no-pty ssh-ed25519 AAAA x`, `environment="#",no-pty ssh-ed25519 # x`},
		{"/etc/ppp/chap-secrets", "# client server secret\nme * hunter2 *\n", "# client server secret\nme #\n"},
		{"/etc/motd", "Welcome. Passwords are not shown here.\n", "Welcome. Passwords are not shown here.\n"},
	} {
		if got := masked(c.name, c.text); got != c.want {
			t.Errorf("%s %q:\ngot  %q\nwant %q", c.name, c.text, got, c.want)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if masked("/k.der", string(der)) != "#" || masked("/etc/dropbear/dropbear_rsa_host_key", "\x00\x00\x00\x07ssh-rsa") != "#" {
		t.Error("a binary key is shown")
	}
	if masked("/k.der", string(public)) != string(public) {
		t.Error("a public key is masked")
	}
}

// TestSecretsParts: in whatever part of a file one looks, what is secret of the whole is not shown, unless it begins or ends far away.
func TestSecretsParts(t *testing.T) {
	text := "a\nroot:$6$salt$hash:1\n-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("QUJD\n", 50) + "-----END PRIVATE KEY-----\nb\n"
	whole := secrets("/etc/x", []byte(text), 0, int64(len(text)))
	if len(whole) != 2 {
		t.Fatalf("%v", whole)
	}
	key := whole[1]
	for first := key.Offset + 1; first < key.Offset+key.Length; first += 7 { // the part begins in the key
		part := secrets("/etc/x", []byte(text[first:]), first, int64(len(text)))
		if len(part) != 1 || part[0] != (outline.Span{Length: key.Offset + key.Length - first, Offset: first, Why: "private-key"}) {
			t.Fatalf("from %d: %v", first, part)
		}
	}
}
