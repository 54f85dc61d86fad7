package dossier

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"

	"github.com/probat-lab/probat/fact"
)

// Check reads a dossier whole and looks for what Read passes over: facts that do not parse or are not in order; counts, lists and order
// that are not what Write makes of the same contents; listed files that nothing refers to; and files in the folder that neither the
// manifest nor beside names.
func Check(dir string, beside []string) (*Contents, error) {
	c, err := Read(dir)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(c.checkFacts(), c.checkEncoding(), c.checkFolder(dir, beside)); err != nil {
		return nil, fmt.Errorf("checking the dossier %q: %w", dir, err)
	}
	return c, nil
}

func (c *Contents) checkFacts() error {
	for _, k := range fact.Kinds() {
		lines := c.Facts.Lines(k.Name)
		for n, l := range lines {
			if _, err := fact.Parse(k, l); err != nil {
				return fmt.Errorf("%s: line %d: %w", factsName(k.Name), n+1, err)
			}
		}
		sorted, err := fact.SortLines(slices.Clone(lines))
		if err != nil || !slices.Equal(sorted, lines) {
			return fmt.Errorf("%s is not sorted", factsName(k.Name))
		}
	}
	return nil
}

// checkEncoding encodes what was read once more and compares: what stands in a file twice, as counts do, cannot contradict itself.
func (c *Contents) checkEncoding() error {
	again := *c
	pieces, err := again.pieces()
	if err != nil {
		return err
	}
	unused := maps.Clone(c.Manifest.Files)
	for _, p := range pieces {
		listed, ok := c.Manifest.Files[p.name]
		delete(unused, p.name)
		switch {
		case !ok && len(p.data) == 0: // facts of a kind that is younger than the dossier
			delete(again.Manifest.Files, p.name)
			again.Manifest.Facts = slices.DeleteFunc(again.Manifest.Facts, func(f Facts) bool { return factsName(f.Kind) == p.name })
		case listed.Digest != Digest(p.data):
			return fmt.Errorf("%s is not as this program would write it", p.name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(unused)) {
		return fmt.Errorf("%s lists %q, which nothing refers to", ManifestName, name)
	}
	data, err := again.Manifest.encode()
	if err != nil {
		return err
	}
	if Digest(data) != c.Digest {
		return fmt.Errorf("%s is not as this program would write it", ManifestName)
	}
	return nil
}

func (c *Contents) checkFolder(dir string, beside []string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if _, listed := c.Manifest.Files[name]; !listed && name != ManifestName && !slices.Contains(beside, name) {
			return fmt.Errorf("%q lies in the folder and is not part of the dossier", name)
		}
		return nil
	})
}
