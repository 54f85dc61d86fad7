package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/product"
	"github.com/probat-lab/probat/seal/draft"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
)

// handout is a release that is to be handed in: its declaration, and its open files.
type handout struct {
	file, text string               // of the declaration; empty without one
	declared   *product.Declaration // nil without a declaration
	files      []*handoutFile
}

// handoutFile is an open file of a release.
type handoutFile struct {
	*os.File
	artifact string // id; empty: a document
	path     string // in the release: as the declaration names it
	where    string // of the declaration, as in artifacts[0]; empty without one
	want     string // SHA-256 that was declared, or empty
	info     fs.FileInfo
	digest   string // SHA-256
}

// openHandout opens what is to be handed in, and checks what can be checked here. Without a declaration the release is one file.
func openHandout(path, declaration string) (_ *handout, err error) {
	h := &handout{}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	st, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, unread(fmt.Errorf("opening the product: %w", err))
	case st.IsDir():
		return nil, usage("pack it: tar -czf product.tar.gz -C "+quoteArg(path)+" .", "%q is a directory: a lab takes files", path)
	case !evaluate.IsDeclaration(path) && declaration == "":
		return h, h.add(nil, path, &handoutFile{artifact: evaluate.DefaultID, path: filepath.Base(path)})
	case !evaluate.IsDeclaration(path):
		if err := h.declare(declaration); err != nil {
			return nil, err
		}
		return h, h.only(path)
	case declaration != "":
		return nil, usage("probat submit "+quoteArg(path), "%q is a declaration already: --declaration goes with a file", path)
	}
	if err := h.declare(path); err != nil {
		return nil, err
	}
	return h, h.below(h.declared.Artifacts)
}

// unread is for files that cannot be read.
func unread(err error) error {
	return &exitError{exitUnreadable, err, "PRODUCT is a file, or a product.yaml whose files lie below its folder"}
}

func (h *handout) close() error {
	var errs []error
	for _, f := range h.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// declare reads a declaration. One that names no vendor is read as if it named one, since the lab fills in who submits.
func (h *handout) declare(path string) error {
	data, err := readBounded(path, product.MaxSize)
	if err != nil {
		return usage("--declaration names a product.yaml; probat declare PRODUCT drafts one", "reading the declaration %q: %w", path, pathless(err))
	}
	h.file, h.text = path, string(data)
	if h.declared, err = product.Parse(path, []byte(withVendor(h.text, "vendor"))); err != nil {
		return err
	}
	for _, s := range h.declared.Schemes {
		if isPath(s) {
			return h.at("schemes", "a lab judges by schemes that it knows by id, not by the file %q", s)
		}
	}
	return nil
}

// fill fills the vendor in, where the declaration names none.
func (h *handout) fill(vendor string) (err error) {
	if h.declared != nil {
		h.text = withVendor(h.text, vendor)
		h.declared, err = product.Parse(h.file, []byte(h.text))
	}
	return err
}

// withVendor returns a declaration with its vendor: the one that it names, else this one. All lines stay where they are.
func withVendor(text, vendor string) string {
	line := "vendor: '" + strings.ReplaceAll(vendor, "'", "''") + "'"
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		value, ok := strings.CutPrefix(l, "vendor:")
		if !ok {
			continue
		}
		if v := strings.TrimSpace(value); v == "" || v == `""` || v == "''" || strings.HasPrefix(v, "#") {
			lines[i] = line
		}
		return strings.Join(lines, "\n")
	}
	return strings.TrimRight(text, "\n") + "\n" + line + "\n"
}

// at makes an error about what stands at a path of the declaration.
func (h *handout) at(where, format string, args ...any) error {
	line, column := product.Locate([]byte(h.text), where)
	return &exitError{exitUsage, fmt.Errorf("%s:%d:%d: %w", h.file, line, column, fmt.Errorf(format, args...)), "mend the declaration"}
}

// below opens the artifacts and documents that the declaration names, all below its folder.
func (h *handout) below(artifacts []product.Artifact) error {
	root, err := os.OpenRoot(filepath.Dir(h.file))
	if err != nil {
		return unread(fmt.Errorf("opening the declaration's folder: %w", err))
	}
	defer root.Close()
	for i, a := range artifacts {
		f := &handoutFile{artifact: a.ID, path: a.Path, where: fmt.Sprintf("artifacts[%d]", i), want: a.SHA256}
		if err := h.add(root, filepath.FromSlash(a.Path), f); err != nil {
			return err
		}
	}
	documents := map[string]bool{}
	for i, d := range h.declared.Documents {
		if d.Path == "" || documents[d.Path] {
			continue
		}
		documents[d.Path] = true
		if err := h.add(root, filepath.FromSlash(d.Path), &handoutFile{path: d.Path, where: fmt.Sprintf("documents[%d]", i)}); err != nil {
			return err
		}
	}
	return nil
}

// only opens one file as the artifact of a declaration that lies elsewhere, whose documents lie beside it.
func (h *handout) only(path string) error {
	if n := len(h.declared.Artifacts); n != 1 {
		return h.at("artifacts", "with --declaration it names one artifact, which is PRODUCT; it names %d: name the declaration as PRODUCT", n)
	}
	a := h.declared.Artifacts[0]
	if err := h.add(nil, path, &handoutFile{artifact: a.ID, path: a.Path, where: "artifacts[0]", want: a.SHA256}); err != nil {
		return err
	}
	return h.below(nil)
}

// add opens a file, in root if there is one. A pipe that nobody writes to is not waited for.
func (h *handout) add(root *os.Root, path string, f *handoutFile) (err error) {
	const flags = os.O_RDONLY | syscall.O_NONBLOCK
	if root != nil {
		f.File, err = root.OpenFile(path, flags, 0)
	} else {
		f.File, err = os.OpenFile(path, flags, 0)
	}
	if err != nil {
		return unread(h.about(f, pathless(err)))
	}
	h.files = append(h.files, f)
	f.info, err = f.Stat()
	switch {
	case err != nil:
		return unread(h.about(f, pathless(err)))
	case f.info.IsDir():
		return &exitError{exitUsage, h.about(f, errors.New("is a directory: a lab takes files")), "pack it with tar, and name the archive in the declaration"}
	case !f.info.Mode().IsRegular():
		return unread(h.about(f, errors.New("is no file")))
	case f.info.Size() == 0:
		return &exitError{exitUsage, h.about(f, errors.New("is empty")), "there is nothing in it that a lab could look at"}
	}
	return nil
}

// about says which file an error is about, and where it is declared.
func (h *handout) about(f *handoutFile, err error) error {
	if f.where == "" {
		return fmt.Errorf("opening %q: %w", f.path, err)
	}
	line, column := product.Locate([]byte(h.text), f.where+".path")
	return fmt.Errorf("%s:%d:%d: opening %q: %w", h.file, line, column, f.path, err)
}

// hash reads a file once, and compares what was declared.
func (h *handout) hash(ctx context.Context, f *handoutFile, read func(int64)) error {
	sum := sha256.New()
	_, err := io.Copy(sum, &watchedReader{ctx, io.NewSectionReader(f.File, 0, f.info.Size()), read})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return unread(fmt.Errorf("reading %q: %w", f.path, pathless(err)))
	}
	f.digest = hex.EncodeToString(sum.Sum(nil))
	if f.want != "" && f.want != f.digest {
		return h.at(f.where+".sha256", "artifact %q has the digest %s: it is not the file that was declared", f.artifact, f.digest)
	}
	return h.same(f)
}

// same wants that a file is as it was when it was opened: what is sent in pieces must be one file.
func (h *handout) same(f *handoutFile) error {
	now, err := f.Stat()
	if err != nil {
		return unread(fmt.Errorf("reading %q: %w", f.path, pathless(err)))
	}
	if now.Size() != f.info.Size() || !now.ModTime().Equal(f.info.ModTime()) {
		return unread(fmt.Errorf("reading %q: somebody has changed it meanwhile", f.path))
	}
	return nil
}

// watchedReader tells how much is read, and ends with its context.
type watchedReader struct {
	ctx context.Context
	io.Reader
	read func(int64)
}

func (r *watchedReader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.Reader.Read(b)
	r.read(int64(n))
	return n, err
}

// schemes are what the release is to be judged by: those named, else the declaration's, else the default one. Sorted, each once.
func (h *handout) schemes(named []string) []string {
	if h.declared != nil && len(named) == 0 {
		named = h.declared.Schemes
	}
	if len(named) == 0 {
		named = []string{defaultScheme}
	}
	return slices.Compact(slices.Sorted(slices.Values(named)))
}

// subjects are what an Intent is about: the artifacts by id, or the declaration of a release without any.
func (h *handout) subjects(declaration string) []statement.Subject {
	var list []statement.Subject
	for _, f := range h.files {
		if f.artifact != "" {
			list = append(list, statement.Subject{Name: f.artifact, Digest: statement.Digest{SHA256: f.digest}})
		}
	}
	if len(list) == 0 {
		return []statement.Subject{{Name: examine.DeclarationSubject, Digest: statement.Digest{SHA256: declaration}}}
	}
	slices.SortFunc(list, func(a, b statement.Subject) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// release is what the release is called, and the digest of its declaration.
func (h *handout) release(name, version, vendor string) (r statement.Release, declaration string, err error) {
	if h.declared == nil {
		return statement.Release{Kind: string(product.KindEquipment), Product: name, Vendor: vendor, Version: version}, "", nil
	}
	canonical, err := h.declared.Canonical()
	if err != nil {
		return r, "", err
	}
	return draft.Release(h.declared), dossier.Digest(canonical), nil
}
