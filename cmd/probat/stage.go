package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/product"
	"github.com/probat-lab/probat/sandbox"
	"github.com/probat-lab/probat/seal/draft"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
)

// staged is a product as the lab holds it while it is evaluated and sealed: files are copied into a folder of the lab's own and hashed on the
// way, so that what is parsed is what was hashed, whoever writes to the original meanwhile, and so that no symbolic link leads the child
// elsewhere. A directory that is an artifact stays where it is: a copy would lose owners, devices and attributes.
type staged struct {
	product, declaration string            // paths for the child
	read                 []string          // what it may read
	files                map[string]string // SHA-256 of artifacts that are files, by id
	dirs                 map[string]bool   // artifacts that are directories, by id
	declared             *declared         // nil without a declaration
}

// declared is what a child read in a declaration. It has one encoding.
type declared struct {
	Artifacts []declaredFile    `json:"artifacts"`
	Digest    string            `json:"digest"` // SHA-256 of the canonical form
	Documents []string          `json:"documents"`
	Release   statement.Release `json:"release"`
	Schemes   []string          `json:"schemes"`
}

type declaredFile struct {
	ID   string `json:"id"`
	Path string `json:"path"`
}

// childDeclared reads a declaration and writes what it names to out.
func childDeclared(_ context.Context, in io.Reader, out, _ io.Writer) error {
	var path string
	if err := json.NewDecoder(in).Decode(&path); err != nil {
		return fmt.Errorf("reading which declaration: %w", err)
	}
	data, err := readBounded(path, product.MaxSize+1)
	if err != nil {
		return err
	}
	d, err := product.Parse(path, data)
	if err != nil {
		return err
	}
	canonical, err := d.Canonical()
	if err != nil {
		return err
	}
	x := declared{Artifacts: []declaredFile{}, Digest: dossier.Digest(canonical), Documents: []string{}, Release: draft.Release(d), Schemes: append([]string{}, d.Schemes...)}
	for _, a := range d.Artifacts {
		x.Artifacts = append(x.Artifacts, declaredFile{a.ID, a.Path})
	}
	for _, doc := range d.Documents {
		if doc.Path != "" {
			x.Documents = append(x.Documents, doc.Path)
		}
	}
	b, err := statement.Encode(x)
	if err != nil {
		return err
	}
	_, err = out.Write(b)
	return err
}

func readDeclared(ctx context.Context, path string, level isolation) (*declared, error) {
	var out bytes.Buffer
	err := inChild(ctx, taskDeclared, path, &out, sandbox.Options{Read: []string{path}, OutLimit: 16 << 20, Require: level.level()})
	var e *exitError
	if errors.As(err, &e) && e.code == exitUnreadable {
		return nil, &exitError{exitUsage, e.err, "mend the declaration; probat declare PRODUCT drafts one"}
	}
	if err != nil {
		return nil, err
	}
	var d declared
	if err := statement.Decode(out.Bytes(), &d); err != nil {
		return nil, fmt.Errorf("reading what the declaration says: %w", err)
	}
	return &d, nil
}

// stage copies a product into the folder dir, which is the lab's own.
func stage(ctx context.Context, path, declaration, dir string, level isolation) (*staged, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return nil, &exitError{exitUnreadable, fmt.Errorf("opening the product: %w", err), "check the spelling; PRODUCT is a file, a directory, or a product.yaml"}
	}
	if !st.IsDir() && !st.Mode().IsRegular() {
		return nil, &exitError{exitUnreadable, fmt.Errorf("opening the product: %q is neither a file nor a directory", path), "symbolic links are not followed where a lab vouches for the bytes"}
	}
	s := &staged{files: map[string]string{}, dirs: map[string]bool{}}
	yaml := evaluate.IsDeclaration(path) && st.Mode().IsRegular()
	if yaml && declaration != "" {
		return nil, usage("leave --declaration away", "%q is a declaration already", path)
	}
	if yaml {
		declaration = path
	}
	if declaration != "" {
		if s.declaration, err = s.stageDeclaration(ctx, declaration, dir, yaml, level); err != nil {
			return nil, err
		}
	}
	if yaml {
		s.product, s.declaration = s.declaration, ""
		return s, nil
	}
	id := evaluate.DefaultID
	if s.declared != nil {
		if len(s.declared.Artifacts) != 1 {
			return nil, usage("evaluate the product.yaml itself", "the declaration names %d artifacts, and one PRODUCT is given", len(s.declared.Artifacts))
		}
		id = s.declared.Artifacts[0].ID
	}
	if st.IsDir() {
		s.dirs[id] = true
		s.product = path
		s.read = append(s.read, path)
		return s, nil
	}
	s.product = filepath.Join(dir, "artifact", filepath.Base(path))
	s.read = append(s.read, s.product)
	s.files[id], err = copyIn(ctx, filepath.Dir(path), filepath.Base(path), s.product)
	return s, err
}

// stageDeclaration copies a declaration and the files that it names; with artifacts those too.
func (s *staged) stageDeclaration(ctx context.Context, path, dir string, artifacts bool, level isolation) (string, error) {
	folder, to := filepath.Dir(path), filepath.Join(dir, "declared")
	copied := filepath.Join(to, filepath.Base(path))
	if _, err := copyIn(ctx, folder, filepath.Base(path), copied); err != nil {
		return "", err
	}
	var err error
	if s.declared, err = readDeclared(ctx, copied, level); err != nil {
		return "", err
	}
	names := append([]string{}, s.declared.Documents...)
	for _, name := range s.declared.Schemes {
		if isPath(name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if _, err := copyIn(ctx, folder, name, filepath.Join(to, filepath.FromSlash(name))); err != nil {
			return "", err
		}
	}
	s.read = append(s.read, to)
	if !artifacts {
		return copied, nil
	}
	for _, a := range s.declared.Artifacts {
		sum, err := copyIn(ctx, folder, a.Path, filepath.Join(to, filepath.FromSlash(a.Path)))
		if errors.Is(err, errDirectory) {
			return "", usage("pack it (tar keeps owners and rights), or evaluate the directory itself with --declaration",
				"the artifact %q is a directory: a release whose bytes a lab vouches for is made of files", a.ID)
		}
		if err != nil {
			return "", err
		}
		s.files[a.ID] = sum
	}
	return copied, nil
}

var errDirectory = errors.New("is a directory")

// copyIn copies a file below a folder, reached without leaving the folder, and returns the SHA-256 of what was copied.
func copyIn(ctx context.Context, folder, name, to string) (sum string, err error) {
	fail := func(err error) (string, error) {
		return "", &exitError{exitUnreadable, fmt.Errorf("copying %q of the product: %w", name, pathless(err)), "paths of a declaration lead to files below its folder"}
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return fail(err)
	}
	defer root.Close()
	from, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return fail(err)
	}
	defer from.Close()
	st, err := from.Stat()
	switch {
	case err != nil:
		return fail(err)
	case st.IsDir():
		return "", errDirectory
	case !st.Mode().IsRegular():
		return fail(errors.New("it is no file"))
	}
	if _, err := os.Lstat(to); err == nil {
		return fileSum(ctx, to) // named twice
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return "", fmt.Errorf("copying %q of the product: %w", name, err)
	}
	into, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("copying %q of the product: %w", name, err)
	}
	defer func() { err = errors.Join(err, into.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(into, h), &inContext{ctx, from}); err != nil {
		return "", fmt.Errorf("copying %q of the product: %w", name, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func fileSum(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, &inContext{ctx, f}); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// inContext ends reading with a context.
type inContext struct {
	ctx context.Context
	io.Reader
}

func (r *inContext) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(b)
}

// same compares what a child says that it evaluated with what this process gave to it: the child may be in the hands of what it parsed.
func (s *staged) same(p *examine.Plan, asOf string) error {
	differs := func(format string, args ...any) error {
		return &exitError{exitUnreadable, fmt.Errorf("the dossier is not of what was given to evaluate: "+format, args...), "nothing was sealed; the product may have taken over the process that parsed it"}
	}
	if len(p.Artifacts) != len(s.files)+len(s.dirs) {
		return differs("it has %d artifacts, not %d", len(p.Artifacts), len(s.files)+len(s.dirs))
	}
	seen := map[string]bool{}
	for _, a := range p.Artifacts {
		isFile := a.Type == "file" && s.files[a.ID] == a.Digest
		if seen[a.ID] || !isFile && !(a.Type == "dir" && s.dirs[a.ID]) {
			return differs("artifact %q with the digest %s", a.ID, a.Digest)
		}
		seen[a.ID] = true
	}
	want, release := "", statement.Release{}
	if s.declared != nil {
		want, release = s.declared.Digest, s.declared.Release
	}
	switch {
	case p.Declaration != want || p.Release != release:
		return differs("another declaration")
	case p.AsOf != asOf:
		return differs("judged as of %s", p.AsOf)
	case p.Predecessor != "":
		return differs("it has a predecessor")
	}
	return nil
}

// removeAll removes a folder of the lab's own, with files that a child made unwritable.
func removeAll(dir string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	_ = os.RemoveAll(dir)
}
