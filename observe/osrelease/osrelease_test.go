package osrelease

import (
	"strings"
	"testing"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe/observetest"
)

func TestGolden(t *testing.T) {
	for name, files := range map[string]observetest.Files{
		"debian":  {"etc/os-release": "-> ../usr/lib/os-release", "usr/lib/os-release": "PRETTY_NAME=\"Debian \\\"x\\\"\"\r\n# c\r\n\r\nID=debian\r\nVERSION_ID='12'\r\n"},
		"openwrt": {"etc/openwrt_release": "DISTRIB_ID='OpenWrt'\nDISTRIB_RELEASE='23.05.2'\nDISTRIB_DESCRIPTION='OpenWrt 23.05.2'\n"},
		"alpine":  {"etc/alpine-release": "3.20.1\n"},
		"old":     {"etc/debian_version": "bookworm/sid\n"},
		"silent":  {"etc/hostname": "x"},
		"noise":   {"etc/os-release": "\x00\xff\x01"},
		"empty":   {"etc/os-release": ""},
		"cut":     {"etc/os-release": "ID=debian\nPRETTY_NAME=\"Deb"},
		"nowhere": {"etc/os-release": "-> /run/os-release"},
		"bytes":   {"etc/os-release": "ID=a\xffb\u202e%\n"},
		"other":   {"usr/lib/os-release": "ID=one\nID=two\n", "etc/debian_version": "1"},
	} {
		t.Run(name, func(t *testing.T) {
			observetest.Golden(t, name, observetest.Facts(t, Observer(), files))
		})
	}
}

func TestLarge(t *testing.T) {
	text := strings.Repeat("A=1\n", 100_000) + "ID=" + strings.Repeat("x", 100_000)
	v, err := parseRelease(t.Context(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	r := v.(release)
	if id, _ := r.id.Get(); len(id) != 100_000 || len(r.decisive.Text) != fact.MaxExcerpt {
		t.Errorf("ID of %d bytes, excerpt of %d", len(id), len(r.decisive.Text))
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME='a b'\n"))
	f.Add([]byte("DISTRIB_ID='OpenWrt'\r\nDISTRIB_RELEASE=\"2\\\"3\"\n"))
	f.Add([]byte("3.20\n"))
	k, _ := fact.ByName("system")
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, p := range places {
			v, err := p.parse(t.Context(), b)
			if err != nil {
				continue
			}
			r := v.(release)
			line := fact.Encode("x", fact.Location{Node: "x"}, fact.Record{
				Attrs: fact.System{Root: "x", ID: r.id, Version: r.version, Name: r.name}, Excerpt: r.decisive,
			})
			if err := observetest.Check(k, line); err != nil {
				t.Errorf("%s: %v in %q", p.path, err, line)
			}
		}
	})
}
