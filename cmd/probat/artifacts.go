package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/probat-lab/probat/seal/examine"
)

// sameArtifacts hashes a product's files once more, in the process that will vouch for them, and refuses a plan that names a file which is not
// among them. A directory's digest is that of a listing, which takes a walk: there the child's word counts.
func sameArtifacts(product string, p *examine.Plan) error {
	missing := map[string]string{} // id by digest
	sizes := map[int64]bool{}
	for _, a := range p.Artifacts {
		if a.Type == "file" {
			missing[a.Digest] = a.ID
			sizes[a.Size] = true
		}
	}
	look := func(path string, size int64) error {
		if !sizes[size] || len(missing) == 0 {
			return nil
		}
		d, err := fileDigest(path)
		delete(missing, d)
		return err
	}
	st, err := os.Stat(product)
	if err != nil {
		return err
	}
	if ext := strings.ToLower(filepath.Ext(product)); st.IsDir() || (ext != ".yaml" && ext != ".yml") {
		err = look(product, st.Size())
	} else {
		err = filepath.WalkDir(filepath.Dir(product), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			return look(path, info.Size())
		})
	}
	if err != nil {
		return fmt.Errorf("hashing the product once more: %w", err)
	}
	for digest, id := range missing {
		return &exitError{
			exitUnreadable, fmt.Errorf("artifact %q is said to have the digest %s, and no file of the product has it", id, digest),
			"was the product changed meanwhile? evaluate it again",
		}
	}
	return nil
}

func fileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
