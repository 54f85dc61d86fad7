// Package schemes holds the schemes that come with the program, as the files that people wrote: NAME.yaml and beside it NAME.test.yaml,
// facts in and verdicts out. It reads nothing but what was compiled in and decides nothing; package scheme gives the files a meaning.
package schemes

import (
	"embed"
	"slices"
	"strings"
)

//go:embed *.yaml
var files embed.FS

const (
	schemeSuffix = ".yaml"
	testSuffix   = ".test.yaml"
)

// IDs returns the ids of the schemes, sorted. The caller owns the slice.
func IDs() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic("schemes: the embedded folder cannot be read: " + err.Error())
	}
	var ids []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), testSuffix) {
			ids = append(ids, strings.TrimSuffix(e.Name(), schemeSuffix))
		}
	}
	slices.Sort(ids)
	return ids
}

// Source returns a scheme's file. The caller owns the bytes.
func Source(id string) ([]byte, bool) { return read(id, schemeSuffix) }

// Tests returns the test file of a scheme. The caller owns the bytes.
func Tests(id string) ([]byte, bool) { return read(id, testSuffix) }

func read(id, suffix string) ([]byte, bool) {
	if !slices.Contains(IDs(), id) {
		return nil, false
	}
	data, err := files.ReadFile(id + suffix)
	return data, err == nil
}
