package dpkg

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe/observetest"
)

const small = `Package: base-files
Essential: yes
Status: install ok installed
Priority: required
Section: admin
Installed-Size: 341
Maintainer: Someone <a@example.org>
Architecture: amd64
Version: 12.4+deb12u8
Conffiles:
 /etc/issue 8f3b0a9f4bcb3c9d0e
 /etc/motd 97c0
Description: base

Package: gone
Status: deinstall ok config-files
Architecture: all
Source: other (1.0)
Version: 1.0-1

Package: never
Status: unknown ok not-installed

package: half
status: install reinstreq half-installed
version: 2:3
source: half-src
homepage: https://example.org/%20

`

func TestGolden(t *testing.T) {
	for name, files := range map[string]observetest.Files{
		"dpkg":       {"var/lib/dpkg/status": small},
		"crlf":       {"var/lib/dpkg/status": strings.ReplaceAll(small, "\n", "\r\n")},
		"distroless": {"var/lib/dpkg/status.d/base": "Package: base\nVersion: 1\n", "var/lib/dpkg/status.d/base.md5sums": "abc  x\n", "var/lib/dpkg/status.d/tz": "Package: tz\nVersion: 2"},
		"opkg":       {"usr/lib/opkg/status": "Package: busybox\nVersion: 1.36.1-1\nDepends: libc\nStatus: install hold,user installed\nArchitecture: mips_24kc\nInstalled-Time: 1\n\n", "var/lib/opkg": "-> ../../usr/lib/opkg"},
		"apk":        {"lib/apk/db/installed": "C:Q1abc=\nP:musl\nV:1.2.5-r0\nA:x86_64\nS:1\nI:2049\nT:libc\nU:https://x\nL:MIT\no:musl\nm:M <m@x>\nF:lib\nR:ld.so\na:0:0:755\nZ:Q1=\n\nP:cut"},
		"damaged":    {"var/lib/dpkg/status": "Package: a\nVersion: 1\nno field here\n\n cont\n\nVersion: 2\n\nPackage: b\n\nPackage: c\nPackage: d\nVersion: 1\n\nPackage: e\nVersion: 1\nStatus: what\n\nPackage: ok\nVersion: 1\n\nPackage: f f\nVersion: 1\n"},
		"bytes":      {"var/lib/dpkg/status": "Package: a\xff\nVersion: 1\u202e%41\n"},
		"cut":        {"var/lib/dpkg/status": small[:len(small)-30]},
		"cutversion": {"var/lib/dpkg/status": small[:len(small)-55]},
		"noise":      {"var/lib/dpkg/status": "\x00\x01\xff", "lib/apk/db/installed": "\x02", "usr/lib/opkg/status": "\x7f", "var/lib/dpkg/status.d/x": "\x00"},
		"nowhere":    {"var/lib/dpkg/status": "-> ../status"},
		"none":       {"var/lib/dpkg/status": "", "etc/hostname": ""},
	} {
		t.Run(name, func(t *testing.T) { observetest.Golden(t, name, observetest.Facts(t, Observer(), files)) })
	}
}

func TestManyFaults(t *testing.T) {
	v, err := parseControl(t.Context(), []byte(strings.Repeat("x\n\n", 100_000)))
	if err != nil {
		t.Fatal(err)
	}
	if l := v.(*list); len(l.faults) != maxFaults+1 || len(l.entries) != 0 {
		t.Errorf("%d faults, %d entries", len(l.faults), len(l.entries))
	}
}

func manyPackages(n int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "Package: lib%d\nStatus: install ok installed\nPriority: optional\nSection: libs\nInstalled-Size: %d\n"+
			"Maintainer: Some One <some@example.org>\nArchitecture: amd64\nSource: src%d (1.%d)\nVersion: 1.%d-1\nDepends: libc6 (>= 2.36)\n"+
			"Description: a library\n It does this and that, and much more that nobody reads\n in several lines of text.\nHomepage: https://example.org/\n\n", i, i, i, i, i)
	}
	return []byte(b.String())
}

func TestThirtyThousand(t *testing.T) {
	v, err := parseControl(t.Context(), manyPackages(30_000))
	if err != nil {
		t.Fatal(err)
	}
	l := v.(*list)
	if len(l.entries) != 30_000 || len(l.faults) != 0 || l.cut {
		t.Fatalf("%d entries, faults %q", len(l.entries), l.faults)
	}
	e := l.entries[29_999]
	if src, _ := e.attrs.Source.Get(); e.attrs.Name != "lib29999" || src != "src29999" || e.text != "Version: 1.29999-1" {
		t.Errorf("last entry: %+v", e)
	}
}

// What an excerpt says stands where it says.
func checkExcerpts(t *testing.T, b []byte, l *list) {
	t.Helper()
	for i := range l.entries {
		e := l.entries[i]
		x := e.excerpt()
		if x.Offset+x.Length > int64(len(b)) || string(b[x.Offset:x.Offset+x.Length]) != e.text {
			t.Errorf("excerpt %+v is not there", x)
		}
	}
}

func TestExcerpts(t *testing.T) {
	v, err := parseControl(t.Context(), []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	checkExcerpts(t, []byte(small), v.(*list))
	var names []string
	for _, e := range v.(*list).entries {
		names = append(names, e.attrs.Name)
	}
	if want := []string{"base-files", "gone", "half"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("P:musl\nV:1\nI:5\n\nP:x\nV:2"))
	f.Add([]byte("Package: a\r\nVersion: 1\r\n\r\n"))
	k, _ := fact.ByName(kind)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, d := range databases {
			v, err := d.parse(t.Context(), b)
			if err != nil {
				continue
			}
			checkExcerpts(t, b, v.(*list))
			for _, e := range v.(*list).entries {
				line := fact.Encode("dpkg", fact.Location{Node: "x"}, fact.Record{Attrs: e.attrs, Excerpt: e.excerpt()})
				if err := observetest.Check(k, line); err != nil {
					t.Errorf("%v in %q", err, line)
				}
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := manyPackages(30_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parseControl(b.Context(), text); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(30_000*float64(b.N)/b.Elapsed().Seconds(), "packages/s")
}
