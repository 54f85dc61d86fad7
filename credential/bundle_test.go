package credential_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
)

func bundle(t testing.TB) (*credentialtest.Lab, []byte) {
	t.Helper()
	l, _, zip := sealed(t)
	files, err := credential.ReadZip(zip)
	if err != nil {
		t.Fatal(err)
	}
	return l, files[0].Data
}

// TestBundleEveryByte: whatever changes in a bundle, it is refused or says something else in one form only.
func TestBundleEveryByte(t *testing.T) {
	_, data := bundle(t)
	step := 1
	if slow {
		step = 7
	}
	for i := 0; i < len(data); i += step {
		b := bytes.Clone(data)
		b[i] ^= 1 << (i % 7)
		if x, err := credential.ParseBundle(b); err == nil && !bytes.Equal(x.Bytes(), b) {
			t.Errorf("byte %d: encodes differently", i)
		}
	}
}

func TestParseBundleRefused(t *testing.T) {
	_, data := bundle(t)
	replace := func(old, with string) []byte {
		if !bytes.Contains(data, []byte(old)) {
			t.Fatalf("%q is not in %s", old, data)
		}
		return bytes.Replace(data, []byte(old), []byte(with), 1)
	}
	var x struct {
		VerificationMaterial struct {
			TlogEntries []json.RawMessage `json:"tlogEntries"`
		} `json:"verificationMaterial"`
	}
	if err := json.Unmarshal(data, &x); err != nil {
		t.Fatal(err)
	}
	entry := string(x.VerificationMaterial.TlogEntries[0])
	for name, b := range map[string][]byte{
		"nothing":              nil,
		"null":                 []byte("null"),
		"newline":              append(bytes.Clone(data), '\n'),
		"space":                replace(`":`, `": `),
		"media type":           replace("v0.3+json", "v0.2+json"),
		"payload type":         replace("application/vnd.in-toto+json", "application/vnd.in-toto+JSON"),
		"payload type escaped": replace("application/vnd", `application\/vnd`),
		"two signatures":       replace(`"signatures":[`, `"signatures":[{"keyid":"","sig":""},`),
		"no signature":         replace(`"signatures":[{`, `"signatures":[],"x":[{`),
		"field of another":     replace(`"verificationMaterial":{`, `"verificationMaterial":{"certificate":{"rawBytes":""},`),
		"promise":              replace(`"kindVersion"`, `"inclusionPromise":{},"kindVersion"`),
		"integrated time":      replace(`"kindVersion"`, `"integratedTime":"1","kindVersion"`),
		"key twice":            replace(`"mediaType"`, `"mediaType":"x","mediaType"`),
		"case variant":         replace(`"mediaType"`, `"mediatype"`),
		"no entry":             replace("["+entry+"]", "[]"),
		"two entries":          replace(entry, entry+","+entry),
		"kind":                 replace(`"hashedrekord"`, `"dsse"`),
		"version":              replace(`"0.0.2"`, `"0.0.1"`),
		"index as a number":    replace(`"logIndex":"5"`, `"logIndex":5`),
		"two indexes":          replace(`"logIndex":"5"`, `"logIndex":"4"`),
		"leading zero":         bytes.ReplaceAll(data, []byte(`"logIndex":"5"`), []byte(`"logIndex":"05"`)),
		"plus":                 bytes.ReplaceAll(data, []byte(`"logIndex":"5"`), []byte(`"logIndex":"+5"`)),
		"negative index":       bytes.ReplaceAll(data, []byte(`"logIndex":"5"`), []byte(`"logIndex":"-5"`)),
		"index beyond":         bytes.ReplaceAll(data, []byte(`"logIndex":"5"`), []byte(`"logIndex":"10"`)),
		"tree size":            replace(`"treeSize":"10"`, `"treeSize":"11"`),
		"root":                 replace(`"rootHash":"`, `"rootHash":"AAAA`),
		"log id":               replace(`"logId":{"keyId":"`, `"logId":{"keyId":"AAAA`),
		"short log id":         []byte(regexp.MustCompile(`"keyId":"[^"]{8}`).ReplaceAllString(string(data), `"keyId":"`)),
		"hint":                 replace(`"hint":"`, `"hint":"0`),
		"checkpoint with CR":   replace(`log.lab.example\n10`, `log.lab.example\r\n10`),
		"checkpoint extension": replace(`\n\n`, `\nmore\n\n`),
		"hashes null":          replace(`"hashes":[`, `"hashes":null,"x":[`),
		"too many hashes":      replace(`"hashes":[`, `"hashes":[`+strings.Repeat(`"`+base64.StdEncoding.EncodeToString(make([]byte, 32))+`",`, 64)),
		"short hash":           replace(`"hashes":[`, `"hashes":["AAAA",`),
		"deep":                 replace(`"hashes":[`, `"hashes":[`+strings.Repeat("[", 100)),
		"another leaf kind":    bytes.Replace(data, []byte(`"canonicalizedBody":"eyJh`), []byte(`"canonicalizedBody":"eyJi`), 1),
		"too large":            append(bytes.Repeat([]byte(" "), 1<<20), data...),
	} {
		if bytes.Equal(b, data) {
			t.Errorf("%s: nothing was changed", name)
		}
		if _, err := credential.ParseBundle(b); err == nil || name == "too large" && !strings.Contains(err.Error(), "at most") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTrustedRoot has what tools of Sigstore look for: the log's host name, its key in DER, its identity.
func TestTrustedRoot(t *testing.T) {
	l, data := bundle(t)
	var root struct {
		TLogs []struct {
			BaseURL       string
			HashAlgorithm string
			LogID         struct{ KeyID []byte }
			PublicKey     struct {
				KeyDetails string
				RawBytes   []byte
			}
		}
	}
	if err := json.Unmarshal(l.Pinned().TrustedRoot(), &root); err != nil {
		t.Fatal(err)
	}
	b, err := credential.ParseBundle(data)
	if err != nil {
		t.Fatal(err)
	}
	log := root.TLogs[0]
	if len(root.TLogs) != 1 || log.BaseURL != "https://"+origin || log.HashAlgorithm != "SHA2_256" || log.PublicKey.KeyDetails != "PKIX_ED25519" ||
		!bytes.Equal(log.LogID.KeyID, b.LogID[:]) || base64.StdEncoding.EncodeToString(log.PublicKey.RawBytes) != ed25519Text(l) {
		t.Errorf("%+v", root)
	}
	// The four bytes of a signature line begin the identity.
	if h := l.LogKey().Hash(); byte(h>>24) != b.LogID[0] || byte(h) != b.LogID[3] {
		t.Errorf("%08x does not begin %x", h, b.LogID)
	}
}

func FuzzParseBundle(f *testing.F) {
	_, data := bundle(f)
	f.Add(data)
	f.Add([]byte(`{"dsseEnvelope":{},"mediaType":"","verificationMaterial":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := credential.ParseBundle(data)
		if err == nil && !bytes.Equal(b.Bytes(), data) {
			t.Errorf("encodes as %q", b.Bytes())
		}
	})
}
