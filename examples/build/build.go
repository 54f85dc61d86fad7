package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// parts are what the release is made of. Programs are kept as built: parts/programs has their source and the line that built them.
//
//go:embed parts
var parts embed.FS

// built is the time of every file in the release.
var built = time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)

// release is what is being made: the root file system and the declaration, as the defects change them.
type release struct {
	root        *rootfs
	declaration string
}

// Build writes a release to dir, which is made where it is missing: every planted defect in it but those that the version is without, and the one
// named without, if any. What else lies in dir stays.
func Build(ctx context.Context, v version, dir, without string) error {
	r, err := base()
	if err != nil {
		return err
	}
	if without != "" {
		v.without = append(slices.Clone(v.without), without)
	}
	unknown := slices.Clone(v.without)
	for _, d := range append(defects(), v.more...) {
		if slices.Contains(v.without, d.id) {
			unknown = slices.DeleteFunc(unknown, func(id string) bool { return id == d.id })
			continue
		}
		if err := d.plant(r); err != nil {
			return fmt.Errorf("planting %s: %w", d.id, err)
		}
	}
	if len(unknown) > 0 {
		return fmt.Errorf("there is no defect %q", unknown[0])
	}
	if err := r.rename(v); err != nil {
		return err
	}
	return r.write(ctx, v, dir)
}

// base is the release without defects.
func base() (*release, error) {
	declaration, err := parts.ReadFile("parts/product.yaml")
	if err != nil {
		return nil, err
	}
	root, err := baseRoot()
	return &release{root: root, declaration: string(declaration)}, err
}

func (r *release) write(ctx context.Context, v version, dir string) error {
	image, err := r.root.squashfs(ctx)
	if err != nil {
		return err
	}
	notes, err := parts.ReadFile("parts/release-notes.txt")
	if err != nil {
		return err
	}
	notes = append(bytes.ReplaceAll(notes, []byte(ownVersion), []byte(v.name)), v.notes...)
	top := "edge-router-" + v.name
	archiveName := top + ".tar.gz"
	archive, err := tarGz([]member{
		{name: top + "/", mode: 0o755},
		{name: top + "/edge-router.uimage", mode: 0o644, data: uImage("EdgeOS "+v.name, image)},
		{name: top + "/release-notes.txt", mode: 0o644, data: notes},
	})
	if err != nil {
		return err
	}
	digest := sha256.Sum256(archive)
	files := map[string][]byte{
		archiveName:    archive,
		"product.yaml": []byte(strings.Replace(r.declaration, "@SHA256@", hex.EncodeToString(digest[:]), 1)),
	}
	docs, err := fs.Sub(parts, "parts/docs")
	if err != nil {
		return err
	}
	err = fs.WalkDir(docs, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[path.Join("docs", p)], err = fs.ReadFile(docs, p)
		return err
	})
	if err != nil {
		return err
	}
	for name, data := range files {
		full := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(full, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
