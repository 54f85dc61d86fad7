package dossier

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/product"
	"github.com/probat-lab/probat/reference"
	"github.com/probat-lab/probat/scheme"
)

// ErrNoDossier is returned for a folder that is none.
var ErrNoDossier = errors.New("is no dossier")

// MaxFile bounds a file of a dossier that is read, in bytes: about four times the facts of a release that uses up the default budget.
const MaxFile = 1 << 30

// folder reads the files of one dossier and checks their digests.
type folder struct {
	dir      string
	manifest Manifest
}

// Read reads a dossier. Each file's digest is checked before the file is used. Files that lie in the folder and are not listed are not read.
func Read(dir string) (*Contents, error) {
	d := &folder{dir: dir}
	data, err := readManifest(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the dossier %q: %w", dir, err)
	}
	c := &Contents{Digest: Digest(data), Evidence: map[string][]byte{}}
	if err := strict(data, &d.manifest); err != nil {
		return nil, fmt.Errorf("reading the dossier %q: %s: %w", dir, ManifestName, err)
	}
	if d.manifest.Format != Format {
		return nil, fmt.Errorf("reading the dossier %q: its format is %q; this program reads %q", dir, d.manifest.Format, Format)
	}
	c.Manifest = d.manifest
	if err := d.read(c); err != nil {
		return nil, fmt.Errorf("reading the dossier %q: %w", dir, err)
	}
	return c, nil
}

// readManifest reads dossier.json, which nothing vouches for yet: it has to be a regular file of bounded size.
func readManifest(dir string) ([]byte, error) {
	name := filepath.Join(dir, ManifestName)
	st, err := os.Lstat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("%w: it has no %s", ErrNoDossier, ManifestName)
	case err != nil:
		return nil, err
	case !st.Mode().IsRegular() || st.Size() > maxManifest:
		return nil, fmt.Errorf("%w: its %s is no regular file of at most %d bytes", ErrNoDossier, ManifestName, maxManifest)
	}
	return os.ReadFile(name)
}

func (d *folder) read(c *Contents) error {
	var err error
	if _, ok := d.manifest.Files[declarationName]; ok {
		data, err := d.file(declarationName)
		if err != nil {
			return err
		}
		if c.Declaration, err = product.ParseCanonical(data); err != nil {
			return fmt.Errorf("%s: %w", declarationName, err)
		}
	}
	if c.Tree, err = d.file(treeName); err != nil {
		return err
	}
	if err := d.facts(c); err != nil {
		return err
	}
	if err := d.judgements(c); err != nil {
		return err
	}
	for _, r := range d.manifest.References {
		name := referenceName(r.Name)
		data, err := d.file(name)
		if err != nil {
			return err
		}
		set, err := reference.Parse(data)
		if err != nil || set.Name != r.Name || set.Digest != r.Digest {
			return fmt.Errorf("%s: %w", name, cmpErr(err, "is another reference than the one that is listed"))
		}
		c.References = append(c.References, set)
	}
	for _, e := range d.manifest.Evidence {
		name := evidenceFolder + e.Digest
		data, err := d.file(name)
		if err != nil {
			return err
		}
		if d.manifest.Files[name].Digest != e.Digest {
			return fmt.Errorf("%s is not named by its digest", name)
		}
		c.Evidence[e.Digest] = data
	}
	return d.outcomes(c)
}

func cmpErr(err error, otherwise string) error {
	if err != nil {
		return err
	}
	return errors.New(otherwise)
}

// file reads a listed file whole and checks size and digest.
func (d *folder) file(name string) ([]byte, error) {
	want, ok := d.manifest.Files[name]
	if !ok {
		return nil, fmt.Errorf("%s lists no %s", ManifestName, name)
	}
	if !fs.ValidPath(name) || strings.Contains(name, `\`) {
		return nil, fmt.Errorf("%s lists %q, which is no name of a file in a dossier", ManifestName, name)
	}
	path := filepath.Join(d.dir, filepath.FromSlash(name))
	st, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() != want.Size {
		return nil, fmt.Errorf("%s has %d bytes where %d are listed", name, st.Size(), want.Size)
	}
	if want.Size > MaxFile {
		return nil, fmt.Errorf("%s has %d bytes; at most %d are read", name, want.Size, int64(MaxFile))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if got := Digest(data); got != want.Digest {
		return nil, fmt.Errorf("%s has the digest %s where %s is listed: it was changed", name, got, want.Digest)
	}
	return data, nil
}

func (d *folder) facts(c *Contents) error {
	c.Facts = fact.NewSet()
	for _, f := range d.manifest.Facts {
		name := factsName(f.Kind)
		data, err := d.file(name)
		if err != nil {
			return err
		}
		lines := strings.Split(string(data), "\n")
		if lines[len(lines)-1] != "" || len(lines)-1 != f.Count {
			return fmt.Errorf("%s has %d lines where %d are listed", name, len(lines)-1, f.Count)
		}
		k, ok := fact.ByName(f.Kind)
		if !ok {
			c.newer = append(c.newer, newerFacts{f, data}) // no test of ours can ask for it
			continue
		}
		c.Facts.Put(k, lines[:len(lines)-1])
	}
	return nil
}

func (d *folder) judgements(c *Contents) error {
	data, err := d.file(judgementsName)
	if err != nil {
		return err
	}
	for n := 1; len(data) > 0; n++ {
		line, rest, ok := bytes.Cut(data, []byte("\n"))
		if !ok {
			return fmt.Errorf("%s: line %d has no end", judgementsName, n)
		}
		data = rest
		var g judge.Judgement
		if err := strict(line, &g); err != nil {
			return fmt.Errorf("%s: line %d: %w", judgementsName, n, err)
		}
		c.Judgements = append(c.Judgements, g)
	}
	return nil
}

func (d *folder) outcomes(c *Contents) error {
	var schemes []*scheme.Scheme
	for _, s := range d.manifest.Schemes {
		name := schemeName(s.ID)
		data, err := d.file(name)
		if err != nil {
			return err
		}
		parsed, err := scheme.Parse(name, data)
		if err != nil {
			return err
		}
		if parsed.ID != s.ID || parsed.Digest != s.Digest {
			return fmt.Errorf("%s is another scheme than the one that is listed", name)
		}
		schemes = append(schemes, parsed)
	}
	data, err := d.file(verdictsName)
	if err != nil {
		return err
	}
	if c.Outcomes, err = decodeVerdicts(data, schemes); err != nil {
		return fmt.Errorf("%s: %w", verdictsName, err)
	}
	if data, err = d.file(findingsName); err != nil {
		return err
	}
	if err := decodeFindings(data, c.Outcomes); err != nil {
		return fmt.Errorf("%s: %w", findingsName, err)
	}
	return nil
}
