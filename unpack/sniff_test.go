package unpack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRandomBytesLookEncrypted(t *testing.T) {
	for _, n := range []int{1024, 1025, 1500, 2048, 4096, 10_000, 65_536, 1 << 20} {
		for seed := range uint64(200) {
			b := noise(seed+1, n)
			if n == 1<<20 && seed > 3 {
				break
			}
			if !looksEncrypted(b) {
				t.Errorf("%d random bytes, seed %d, do not look encrypted", n, seed)
			}
			var s sampler
			for at := 0; at < n; at += 1000 {
				_, _ = s.Write(b[at:min(n, at+1000)])
			}
			if !looksEncrypted(s.bytes) {
				t.Errorf("the sample of %d random bytes, seed %d, does not", n, seed)
			}
		}
	}
}

func TestPlainBytesDoNot(t *testing.T) {
	exe, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at+4096 < len(exe) && at < 8<<20; at += 64 << 10 { // a program, in pieces
		if n := 64 << 10; at+n < len(exe) && looksEncrypted(exe[at:at+n]) {
			t.Errorf("the program at %#x looks encrypted", at)
		}
	}
	for name, b := range map[string][]byte{
		"text": bytes.Repeat([]byte("All human beings are born free and equal. "), 100), "zeros": make([]byte, 5000), "mixed": mixed(1, 100_000),
	} {
		if looksEncrypted(b) {
			t.Errorf("%s looks encrypted", name)
		}
	}
}

func TestNoiseIsUnobserved(t *testing.T) {
	// An artifact of no known format hides all, whatever its bytes look like, and is recorded once.
	for n, b := range map[int][]byte{2000: noise(1, 2000), 1000: noise(1, 1000), 3000: imageCode(1, 3000)} {
		want := fmt.Sprintf("a unknown-format 0+%d *", n)
		wantOnly(t, walkBytes(t, b, Config{}), want)
		wantOnly(t, walkBytes(t, makeGzip(t, b, 6), Config{}), want) // as many bytes as the stream holds
	}
	// In an archive only what looks encrypted is.
	wantOnly(t, walkBytes(t, makeTar(t, inTar{"a", noise(1, 2000)}, inTar{"b", noise(1, 1000)}, inTar{"c", imageCode(1, 9000)}), Config{}),
		"a!/a unknown-format 0+2000 content")
	head := append(bytes.Repeat([]byte("a header. "), 10), noise(1, 5<<20)...)
	wantUnseen(t, walkBytes(t, head, Config{}), "a", "unknown-format")
}

func TestShapes(t *testing.T) {
	rings, _ := filepath.Glob("/usr/share/keyrings/*.gpg")
	if len(rings) == 0 {
		t.Fatal("there are no keyrings: install debian-archive-keyring")
	}
	for _, p := range rings {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{len(b), len(b) * 2 / 3, 2000} {
			if got := known(b[:min(n, len(b), sniffLen)]); got != "openpgp-keys" && !strings.HasPrefix(string(b), "-----BEGIN") {
				t.Errorf("%d bytes of %s are %q", n, p, got)
			}
		}
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "a message": append([]byte{0x85, 0x01, 0x0c, 3}, noise(1, 3000)...), "a new message": append([]byte{0xc1, 0xc0, 0x4c, 3}, noise(1, 3000)...),
		"a signature alone": {0x88, 3, 4, 0, 0}, "noise": noise(2, 3000), "a secret key": append([]byte{0x95, 0x05, 0x00, 4, 0, 0, 0, 0, 1}, noise(1, 3000)...),
	} {
		if isOpenPGP(b) {
			t.Errorf("%s is taken for public keys", name)
		}
	}
	// What follows a key must be packets too: encrypted data cannot hide behind one.
	key, err := os.ReadFile(rings[0])
	if err != nil {
		t.Fatal(err)
	}
	_, header, body, ok := openPGPPacket(key)
	if !ok || isOpenPGP(append(bytes.Clone(key[:header+int(body)]), noise(1, 3000)...)) {
		t.Error("noise behind a key is taken for keys")
	}
	dir := t.TempDir()
	command(t, dir, nil, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x", "-keyout", "key.pem", "-out", "cert.pem")
	der := command(t, dir, nil, "openssl", "x509", "-in", "cert.pem", "-outform", "DER")
	rsa := command(t, dir, nil, "openssl", "rsa", "-in", "key.pem", "-outform", "DER")
	p12 := command(t, dir, nil, "openssl", "pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-passout", "pass:x")
	for want, list := range map[string][][]byte{"der": {der, rsa}, "pkcs12": {p12}, "": {der[:len(der)-1], noise(1, 3000)}} {
		for _, b := range list {
			if got := known(b); got != want {
				t.Errorf("%d bytes of %s are %q", len(b), want, got)
			}
		}
	}
	wantUnseen(t, walkBytes(t, p12, Config{}), "a", "encrypted")
}

// An entry without content that claims to have some, and ends before it.
func TestCpioClaimsContent(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	b := command(t, dir, []byte("d"), "cpio", "-o", "--quiet", "-H", "newc")
	copy(b[54:], "7fffffff")
	wantUnseen(t, walkBytes(t, b, Config{}), "a", "truncated")
	copy(b[54:], "00000010")
	tr := walkBytes(t, b, Config{})
	if a := tr.Nodes[0].Account; a.Unobserved < 16 {
		t.Errorf("account %+v", *a)
	}
}

// Formats without a magic of their own must not take what is none of theirs.
func TestSniffTakesNothingElse(t *testing.T) {
	samples := map[string][]byte{"zeros": make([]byte, 4096), "ff": bytes.Repeat([]byte{0xff}, 4096), "text": bytes.Repeat([]byte("text\n"), 1000)}
	counting := make([]byte, 0, 8192)
	for i := range uint32(2048) {
		counting = binary.LittleEndian.AppendUint32(counting, i)
	}
	samples["counting"] = counting
	for seed := range uint64(3000) {
		b := noise(seed, 600)
		b[lzmaHeader] = 0
		copy(b, "\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff") // the header of .lzma before noise
		if isLzma(b) {
			t.Errorf("noise behind a header of .lzma, seed %d, is taken for a stream", seed)
		}
		if f, _ := firstOf(Formats(), noise(seed, 600)); f != nil && f.Confirm == nil {
			t.Errorf("noise of seed %d is %s", seed, f.Name)
		}
	}
	for name, b := range samples {
		if f, _ := firstOf(Formats(), b); f != nil {
			t.Errorf("%s is %s", name, f.Name)
		}
	}
}
