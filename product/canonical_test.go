package product

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestCanonicalRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := anyDeclaration(t)
		b, err := d.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseCanonical(b)
		if err != nil {
			t.Fatalf("%v in\n%s", err, b)
		}
		if diff := cmp.Diff(d, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// TestCanonicalDigest pins the digest of the sample: it may change only with the sample.
func TestCanonicalDigest(t *testing.T) {
	src, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := Parse("full.yaml", src)
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	const want = "7f207d6147e197e2af063c672c615a7f27b5f618b0311f462bffac142738c70e"
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("got %s, want %s for\n%s", got, want, b)
	}
	if err := compileSchema(t).Validate(plain(mustRoot(t, b))); err != nil {
		t.Errorf("the schema refuses it: %v", err)
	}
}

func TestCanonicalOfWrong(t *testing.T) {
	for want, d := range map[string]*Declaration{
		`missing key "vendor"`:               {Product: "P", Kind: KindService, Period: "2026"},
		`vendor: "a\xff" is not valid UTF-8`: {Vendor: "a\xff", Product: "P", Kind: KindService, Period: "2026"},
	} {
		if b, err := d.Canonical(); err == nil || err.Error() != "writing the declaration: "+want {
			t.Errorf("got %s, %v, want %s", b, err, want)
		}
	}
}

func TestParseCanonicalRefuses(t *testing.T) {
	const good = `{"kind":"service","period":"2026","product":"P","vendor":"V"}`
	if _, err := ParseCanonical([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		good + "\n":                                                  "reading the declaration: it is not in canonical form",
		strings.Replace(good, ":", ": ", 1):                          "reading the declaration: it is not in canonical form",
		strings.Replace(good, `"P"`, `"\u0050"`, 1):                  "reading the declaration: it is not in canonical form",
		strings.Replace(good, `{`, `{"kind":"service",`, 1):          "reading the declaration: it is not in canonical form",
		strings.Replace(good, `"P"`, `{}`, 1):                        `declaration.json:1:45: product is a mapping, want text`,
		strings.Replace(good, `"P"`, `1`, 1):                         `declaration.json:1:45: product is a whole number, want text: write "1" in quotes`,
		strings.Replace(good, `"period"`, `"perod":"x","period"`, 1): `declaration.json:1:19: unknown key "perod": did you mean "period"?`,
		strings.Replace(good, `"service"`, `"srv"`, 1):               `declaration.json:1:9: kind: "srv" is not known: allowed are equipment, software, service, process`,
		good + good:                       "reading the declaration: more than one JSON value",
		good[:20]:                         "reading the declaration: unexpected EOF",
		`{"a":` + strings.Repeat("[", 99): "reading the declaration: more than 16 lists and mappings inside each other",
	} {
		_, err := ParseCanonical([]byte(in))
		if err == nil {
			t.Errorf("%s is accepted", in)
		} else if !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", in, err, want)
		}
	}
	if _, err := ParseCanonical(bytes.Repeat([]byte(" "), maxCanonical+1)); err == nil {
		t.Error("a file that is too large is accepted")
	}
}
