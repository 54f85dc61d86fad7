package dossier

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrOccupied is returned where something stands in a dossier's place that is no dossier.
var ErrOccupied = errors.New("something else than a dossier is there")

// Beside is a file that lies in the folder but outside the dossier's digest: a report.
type Beside struct {
	Name  string // one part of a path
	Write func(w io.Writer, c *Contents) error
}

// Write writes a dossier as the folder dir. An older dossier there is replaced; anything else is refused with ErrOccupied. The folder
// appears whole or not at all. c.Digest and what the manifest says of the files are set.
func Write(dir string, c *Contents, beside ...Beside) (err error) {
	names := make([]string, len(beside))
	for i, b := range beside {
		if names[i] = b.Name; !fs.ValidPath(b.Name) || b.Name == "." || strings.Contains(b.Name, "/") || slices.Contains(ownNames(), b.Name) {
			return fmt.Errorf("writing the dossier %q: %q is no name for a file beside it", dir, b.Name)
		}
	}
	if err := Replaceable(dir, names...); err != nil {
		return err
	}
	dir = filepath.Clean(dir)
	parent, name := filepath.Split(dir)
	if parent == "" {
		parent = "."
	}
	// MkdirTemp would make a folder that only its owner may read, and changing its rights is more than a sandbox allows.
	tmp := filepath.Join(parent, "."+name+"."+rand.Text())
	if err := os.Mkdir(tmp, 0o755); err != nil {
		return fmt.Errorf("making a folder for the dossier: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
	}()
	if err := writeInto(tmp, c, beside); err != nil {
		return err
	}
	return replace(tmp, dir)
}

// ownNames are the names in the folder that are a dossier's own.
func ownNames() []string {
	return []string{
		ManifestName, declarationName, treeName, judgementsName, findingsName, verdictsName,
		strings.TrimSuffix(factsFolder, "/"), strings.TrimSuffix(schemesFolder, "/"), strings.TrimSuffix(referenceFolder, "/"), strings.TrimSuffix(evidenceFolder, "/"),
	}
}

// Replaceable tells whether a dossier may be written as dir: nothing is there, an empty folder, or an older dossier with nothing in its
// folder but reports (report.html and such) and the files named in beside, since all of it goes.
func Replaceable(dir string, beside ...string) error {
	st, err := os.Lstat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("looking at the dossier's place: %w", err)
	case !st.IsDir():
		return fmt.Errorf("writing the dossier %q: %w", dir, ErrOccupied)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("looking at the dossier's place: %w", err)
	}
	if len(entries) == 0 {
		return nil
	}
	head, err := readHead(filepath.Join(dir, ManifestName))
	if err != nil || !strings.Contains(head, `"format":"probat-dossier/`) {
		return fmt.Errorf("writing the dossier %q: %w", dir, ErrOccupied)
	}
	for _, e := range entries {
		if !slices.Contains(ownNames(), e.Name()) && !slices.Contains(beside, e.Name()) && !strings.HasPrefix(e.Name(), "report.") {
			return fmt.Errorf("writing the dossier %q: %w: %q lies in it and would be lost", dir, ErrOccupied, e.Name())
		}
	}
	return nil
}

// readHead returns a file's first 64 MiB: in a manifest, format stands behind the list of files.
func readHead(name string) (string, error) {
	if st, err := os.Lstat(name); err != nil || !st.Mode().IsRegular() {
		return "", cmpErr(err, "is no regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxManifest))
	return string(b), err
}

func writeInto(dir string, c *Contents, beside []Beside) error {
	pieces, err := c.pieces()
	if err != nil {
		return err
	}
	manifest, err := c.Manifest.encode()
	if err != nil {
		return err
	}
	c.Digest = Digest(manifest)
	for _, p := range append(pieces, piece{ManifestName, manifest}) {
		name := filepath.Join(dir, filepath.FromSlash(p.name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("making a folder of the dossier: %w", err)
		}
		if err := writeFile(name, func(w io.Writer) error { _, err := w.Write(p.data); return err }); err != nil {
			return fmt.Errorf("writing %s: %w", p.name, err)
		}
	}
	for _, b := range beside {
		if err := writeFile(filepath.Join(dir, b.Name), func(w io.Writer) error { return b.Write(w, c) }); err != nil {
			return fmt.Errorf("writing %s: %w", b.Name, err)
		}
	}
	return nil
}

func writeFile(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Sync()); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

// Move moves a dossier that was written elsewhere on the same file system into the place dir, as Write does with what it made; see
// Replaceable for beside.
func Move(from, dir string, beside ...string) error {
	if err := Replaceable(dir, beside...); err != nil {
		return err
	}
	if st, err := os.Lstat(from); err != nil || !st.IsDir() {
		return fmt.Errorf("moving the dossier %q: %w", from, cmpErr(err, "it is no folder"))
	}
	return replace(from, filepath.Clean(dir))
}

// replace moves a finished folder into its place. An older one is exchanged with it in one step where the file system can do that;
// otherwise it steps aside first, and comes back if the move fails.
func replace(tmp, dir string) error {
	old := tmp
	if err := exchange(tmp, dir); err != nil {
		if old, err = aside(tmp, dir); err != nil {
			return err
		}
	}
	if old == "" {
		return nil
	}
	if err := os.RemoveAll(old); err != nil {
		return fmt.Errorf("removing the older dossier: %w", err)
	}
	return nil
}

// aside moves what is at dir out of the way and tmp into its place. It returns where the older one is now; nothing if there was none.
func aside(tmp, dir string) (old string, err error) {
	old = tmp + ".old"
	if err := os.Rename(dir, old); errors.Is(err, os.ErrNotExist) {
		old = ""
	} else if err != nil {
		return "", fmt.Errorf("moving the older dossier away: %w", err)
	}
	if err := os.Rename(tmp, dir); err != nil {
		if old != "" {
			err = errors.Join(err, os.Rename(old, dir))
		}
		return "", fmt.Errorf("moving the dossier into its place: %w", err)
	}
	return old, nil
}
