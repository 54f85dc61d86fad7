package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/reference"
	"github.com/probat-lab/probat/scheme"
	"github.com/probat-lab/probat/schemes"
	"github.com/probat-lab/probat/strictyaml"
)

// isPath tells a scheme's path from its id.
func isPath(s string) bool {
	return strings.ContainsAny(s, `/\`) || strings.HasSuffix(s, ".yaml") || strings.HasSuffix(s, ".yml")
}

// schemeSource returns the file of a scheme that is named by its id or by a path, and what errors call it.
func schemeSource(s string) (file string, data []byte, err error) {
	if isPath(s) {
		if data, err = readBounded(s, strictyaml.MaxSize+1); err != nil {
			err = &exitError{exitUsage, fmt.Errorf("reading the scheme %q: %w", s, pathless(err)), "probat scheme list shows the schemes that come with the program"}
		}
		return s, data, err
	}
	data, ok := schemes.Source(s)
	if !ok {
		hint := "probat scheme list"
		if near := strictyaml.Nearest(s, schemes.IDs()); near != "" {
			hint = "did you mean " + near + "? probat scheme list shows all"
		}
		return "", nil, usage(hint, "there is no scheme %q", s)
	}
	return s + ".yaml", data, nil
}

// openScheme reads a scheme by its id or from a path.
func openScheme(s string) (*scheme.Scheme, error) {
	file, data, err := schemeSource(s)
	if err != nil {
		return nil, err
	}
	return scheme.Parse(file, data)
}

// schemeNames returns what is to be judged by: the schemes that are named, else those of a declaration, whose paths are below its folder, else
// the default one.
func schemeNames(named, declared []string, folder string) []string {
	if len(named) > 0 {
		return named
	}
	var names []string
	for _, s := range declared {
		if isPath(s) {
			s = filepath.Join(folder, filepath.FromSlash(s))
		}
		names = append(names, s)
	}
	if len(names) == 0 {
		names = []string{defaultScheme}
	}
	return names
}

// pathless drops the path that the message around it has already.
func pathless(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func readBounded(path string, most int64) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, errors.New("is no file")
	}
	if st.Size() > most {
		return nil, fmt.Errorf("has %d bytes; at most %d are read", st.Size(), most)
	}
	return os.ReadFile(path)
}

// openSchemes reads the schemes that are named, else those of the declaration, else the default one.
func openSchemes(named []string, r *evaluate.Release) ([]*scheme.Scheme, error) {
	var declared []string
	folder := ""
	if r != nil && r.Declaration != nil {
		declared, folder = r.Declaration.Schemes, r.Folder
	}
	var out []*scheme.Scheme
	seen := map[string]bool{}
	for _, name := range schemeNames(named, declared, folder) {
		s, err := openScheme(name)
		if err != nil {
			return nil, err
		}
		if seen[s.ID] {
			return nil, usage("judge by one edition at a time", "the scheme %q is named twice", s.ID)
		}
		seen[s.ID] = true
		out = append(out, s)
	}
	return out, nil
}

func openReferences(paths []string) ([]*reference.Set, error) {
	var out []*reference.Set
	for _, path := range paths {
		data, err := readBounded(path, 1<<30)
		if err != nil {
			return nil, &exitError{exitUsage, fmt.Errorf("reading the reference %q: %w", path, pathless(err)), "--reference names a JSON file with set, as_of, source and rows"}
		}
		set, err := reference.Parse(data)
		if err != nil {
			return nil, &exitError{exitUsage, fmt.Errorf("%s: %w", path, err), "doc/format.md describes reference files"}
		}
		for _, o := range out {
			if o.Name == set.Name {
				return nil, usage("one file a set", "the reference %q is named twice", set.Name)
			}
		}
		out = append(out, set)
	}
	return out, nil
}

func checkFailOn(words []string, list []*scheme.Scheme) error {
	for _, w := range words {
		if _, ok := failWords[w]; ok {
			continue
		}
		found := false
		for _, s := range list {
			for i := range s.Requirements {
				found = found || names(w, s.ID, s.Requirements[i].ID)
			}
		}
		if !found {
			return usage("--fail-on fail, inconclusive, not-assessed, or a requirement such as 4.3.2.1", "--fail-on %q is no verdict and no requirement of the schemes", w)
		}
	}
	return nil
}
