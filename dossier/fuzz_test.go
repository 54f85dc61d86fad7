package dossier

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/scheme"
)

// FuzzDecode holds that a hostile manifest, verdicts and findings are refused or read, and that findings of one scheme that are read encode
// to the same bytes.
func FuzzDecode(f *testing.F) {
	s, err := scheme.Parse("demo.yaml", []byte(sampleScheme))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{ManifestName, verdictsName, findingsName, judgementsName} {
		data, err := os.ReadFile(filepath.Join(vectors, "dossier", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		for line := range bytes.Lines(data) {
			f.Add(line)
		}
	}
	f.Add([]byte(`{"artifacts":[{"size":"9007199254740993"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var m Manifest
		if err := strict(data, &m); err == nil {
			if again, err := m.encode(); err != nil || !bytes.Equal(again, data) {
				t.Fatalf("the manifest %s becomes %s, %v", data, again, err)
			}
		}
		if outcomes, err := decodeVerdicts(data, []*scheme.Scheme{s}); err == nil {
			if _, err := encodeVerdicts(outcomes); err != nil {
				t.Fatal(err)
			}
		}
		outcomes := []*judge.Outcome{{Scheme: s}}
		if err := decodeFindings(data, outcomes); err == nil {
			if again, err := encodeFindings(outcomes); err != nil || !bytes.Equal(again, data) {
				t.Fatalf("the findings %s become %s, %v", data, again, err)
			}
		}
	})
}
