package product

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func FuzzParse(f *testing.F) {
	full, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	for _, s := range samples() {
		f.Add([]byte(s.yaml))
	}
	f.Add([]byte(head + "web: &a {roots: &b [x]}\nsupport: *a\nclasses: *b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse("f", data)
		if err != nil {
			var errs *Errors
			if !errors.As(err, &errs) || len(errs.List) == 0 || len(errs.List) > 20 {
				t.Fatalf("error of the wrong type: %#v", err)
			}
			for _, e := range errs.List {
				if e.Line < 1 || e.Column < 1 || strings.Contains(e.Message, "\n") || e.Line > bytes.Count(data, []byte("\n"))+bytes.Count(data, []byte("\r"))+2 {
					t.Errorf("bad error %+v", e)
				}
			}
			return
		}
		canonical, err := d.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseCanonical(canonical)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, again); diff != "" {
			t.Fatalf("canonical (-want +got)\n%s", diff)
		}
		drafted, err := Parse("draft", Draft{Declaration: *d}.YAML())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, drafted); diff != "" && len(data) < 1<<17 {
			t.Fatalf("draft (-want +got)\n%s", diff)
		}
	})
}

func FuzzParseCanonical(f *testing.F) {
	b, err := fullDeclaration().Canonical()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"kind":"service","period":"2026","product":"P","vendor":"V"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ParseCanonical(data)
		if err != nil {
			return
		}
		if again, err := d.Canonical(); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%s\n%s, %v", data, again, err)
		}
	})
}

// Hostile files that are good YAML end soon too. The limit is generous: what it must catch takes minutes. Package strictyaml tests
// what is no YAML, or too much of it.
func TestHostileFiles(t *testing.T) {
	for name, src := range map[string]string{
		"nested lists":     head + "classes: " + strings.Repeat("[", 12) + strings.Repeat("]", 12) + "\n",
		"unknown classes":  head + "classes:\n" + strings.Repeat("  - roouter\n", 80000),
		"unknown keys":     head + "services:\n" + strings.Repeat("  - {nmae: x, prot: y}\n", 30000),
		"unknown roles":    head + "roles:\n" + strings.Repeat("  - {name: operator-x}\n", 20000) + "accounts:\n" + strings.Repeat("  - {name: x, roles: [y]}\n", 20000),
		"unknown artifact": head + "documents:\n" + strings.Repeat("  - {id: x, artifact: y}\n", 30000),
		"long text":        "vendor: \"" + strings.Repeat("\\u00e9", MaxSize/6-100) + "\"\n",
		"block text":       head + "web: |\n" + strings.Repeat("  x\n", 1<<17),
	} {
		start := time.Now()
		_, err := Parse("p", []byte(src))
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s (%d bytes) took %v", name, len(src), took)
		}
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	full, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(full)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("full.yaml", full); err != nil {
			b.Fatal(err)
		}
	}
}
