package dossier

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	if err := Replaceable(dir); err != nil {
		return err
	}
	dir = filepath.Clean(dir)
	parent, name := filepath.Split(dir)
	if parent == "" {
		parent = "."
	}
	tmp, err := os.MkdirTemp(parent, "."+name+".")
	if err != nil {
		return fmt.Errorf("making a folder for the dossier: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
	}()
	if err := os.Chmod(tmp, 0o755); err != nil {
		return fmt.Errorf("making a folder for the dossier: %w", err)
	}
	if err := writeInto(tmp, c, beside); err != nil {
		return err
	}
	return replace(tmp, dir)
}

// Replaceable tells whether a dossier may be written as dir: nothing is there, an empty folder, or an older dossier.
func Replaceable(dir string) error {
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
	return nil
}

// readHead returns the start of a file. In a manifest, format is one of the first members but for long lists before it: the whole file is read, up to 64 MiB.
func readHead(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 64<<20))
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
	for _, folder := range []string{factsFolder, schemesFolder, referenceFolder, evidenceFolder} {
		for _, p := range pieces {
			if strings.HasPrefix(p.name, folder) {
				if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
					return fmt.Errorf("making a folder of the dossier: %w", err)
				}
				break
			}
		}
	}
	for _, p := range append(pieces, piece{ManifestName, manifest}) {
		if err := writeFile(filepath.Join(dir, filepath.FromSlash(p.name)), func(w io.Writer) error { _, err := w.Write(p.data); return err }); err != nil {
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

// replace moves a finished folder into its place. An older one steps aside first, and comes back if the move fails.
func replace(tmp, dir string) error {
	old := tmp + ".old"
	err := os.Rename(dir, old)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("moving the older dossier away: %w", err)
	}
	there := err == nil
	if err := os.Rename(tmp, dir); err != nil {
		if there {
			err = errors.Join(err, os.Rename(old, dir))
		}
		return fmt.Errorf("moving the dossier into its place: %w", err)
	}
	if there {
		if err := os.RemoveAll(old); err != nil {
			return fmt.Errorf("removing the older dossier: %w", err)
		}
	}
	return nil
}
