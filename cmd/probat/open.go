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

// openScheme reads a scheme by its id or from a path.
func openScheme(s string) (*scheme.Scheme, error) {
	if !isPath(s) {
		data, ok := schemes.Source(s)
		if !ok {
			hint := "probat scheme list"
			if near := strictyaml.Nearest(s, schemes.IDs()); near != "" {
				hint = "did you mean " + near + "? probat scheme list shows all"
			}
			return nil, usage(hint, "there is no scheme %q", s)
		}
		return scheme.Parse(s+".yaml", data)
	}
	data, err := readBounded(s, strictyaml.MaxSize+1)
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("reading the scheme %q: %w", s, pathless(err)), "probat scheme list shows the schemes that come with the program"}
	}
	return scheme.Parse(s, data)
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
	if len(named) == 0 && r != nil && r.Declaration != nil {
		for _, s := range r.Declaration.Schemes {
			if isPath(s) {
				s = filepath.Join(r.Folder, filepath.FromSlash(s))
			}
			named = append(named, s)
		}
	}
	if len(named) == 0 {
		named = []string{defaultScheme}
	}
	var out []*scheme.Scheme
	seen := map[string]bool{}
	for _, name := range named {
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
