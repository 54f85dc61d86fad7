package evaluate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/product"
	"github.com/probat-lab/probat/unpack"
)

// Release is what is to be evaluated: artifacts and, where there is one, a declaration.
type Release struct {
	Name        string // of the product's file, for naming things on this machine; it is in no result
	Artifacts   []unpack.Artifact
	Roles       map[string]string // of artifacts, by id
	Declaration *product.Declaration
	Folder      string // of the declaration: paths in it are below

	source []byte // the declaration as read, and its name, for places in errors
	file   string
}

// UnreadableError says that a product cannot be read at all.
type UnreadableError struct{ Err error }

func (e *UnreadableError) Error() string { return e.Err.Error() }
func (e *UnreadableError) Unwrap() error { return e.Err }

// maxDeclaration bounds what is read as a declaration before it is parsed.
const maxDeclaration = product.MaxSize + 1

// OpenRelease finds out what path is: a product.yaml that names artifacts, a file or a directory. declaration may name a product.yaml beside it,
// or be empty. The error is an *UnreadableError where path cannot be read, else about the declaration.
func OpenRelease(path, declaration string) (*Release, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, &UnreadableError{fmt.Errorf("opening the product: %w", err)}
	}
	if !st.Mode().IsRegular() && !st.IsDir() {
		return nil, &UnreadableError{fmt.Errorf("opening the product: %q is neither a file nor a directory", path)}
	}
	r := &Release{Name: filepath.Base(filepath.Clean(path)), Roles: map[string]string{}}
	if abs, err := filepath.Abs(path); err == nil {
		r.Name = filepath.Base(abs)
	}
	if st.Mode().IsRegular() && IsDeclaration(path) {
		if declaration != "" {
			return nil, fmt.Errorf("%q is a declaration already: --declaration goes with a file or a directory", path)
		}
		if err := r.declare(path); err != nil {
			return nil, err
		}
		return r, r.artifacts()
	}
	if declaration != "" {
		if err := r.declare(declaration); err != nil {
			return nil, err
		}
		return r, r.only(path)
	}
	r.Artifacts = []unpack.Artifact{{ID: DefaultID, Path: path}}
	return r, nil
}

// DefaultID is the first segment of addresses where no declaration names the artifact.
const DefaultID = "product"

// IsDeclaration tells a declaration from an artifact by its name: an artifact may well be YAML too.
func IsDeclaration(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return ext == ".yaml" || ext == ".yml"
}

func (r *Release) declare(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading the declaration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxDeclaration))
	if err != nil {
		return fmt.Errorf("reading the declaration: %w", err)
	}
	d, err := product.Parse(path, data)
	if err != nil {
		return err
	}
	r.Declaration, r.Folder, r.source, r.file = d, filepath.Dir(path), data, path
	return nil
}

// at makes an error about what stands at a path of the declaration.
func (r *Release) at(where, format string, args ...any) error {
	line, column := product.Locate(r.source, where)
	return fmt.Errorf("%s:%d:%d: %w", r.file, line, column, fmt.Errorf(format, args...))
}

// below returns where a path of the declaration is on this machine, symbolic links that lead out of the folder refused.
func (r *Release) below(path string) (string, error) {
	full := filepath.Join(r.Folder, filepath.FromSlash(path))
	real, err := filepath.EvalSymlinks(full)
	if err != nil {
		return "", err
	}
	folder, err := filepath.EvalSymlinks(r.Folder)
	if err != nil {
		return "", err
	}
	if rel, err := filepath.Rel(folder, real); err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", errors.New("leads out of the declaration's folder")
	}
	return full, nil
}

// artifacts takes the artifacts that the declaration names.
func (r *Release) artifacts() error {
	for i, a := range r.Declaration.Artifacts {
		where := fmt.Sprintf("artifacts[%d]", i)
		full, err := r.below(a.Path)
		if err != nil {
			return &UnreadableError{r.at(where+".path", "artifact %q: %w", a.ID, err)}
		}
		if a.SHA256 != "" {
			got, err := digestFile(full)
			if err != nil {
				return &UnreadableError{r.at(where+".path", "artifact %q: %w", a.ID, err)}
			}
			if got != a.SHA256 {
				return r.at(where+".sha256", "artifact %q has the digest %s: it is not the file that was declared", a.ID, got)
			}
		}
		r.Roles[a.ID] = a.Role
		r.Artifacts = append(r.Artifacts, unpack.Artifact{ID: a.ID, Path: full})
	}
	return nil
}

// only takes one file as the artifact of a declaration that lies elsewhere: the one it names, by digest or because it names no other.
func (r *Release) only(path string) error {
	id := DefaultID
	declared := r.Declaration.Artifacts
	for i, a := range declared {
		if len(declared) > 1 && filepath.Base(filepath.FromSlash(a.Path)) != filepath.Base(path) {
			continue
		}
		if a.SHA256 != "" {
			got, err := digestFile(path)
			if err != nil {
				return &UnreadableError{fmt.Errorf("opening the product: %w", err)}
			}
			if got != a.SHA256 {
				return r.at(fmt.Sprintf("artifacts[%d].sha256", i), "%q has the digest %s: it is not the file that was declared", path, got)
			}
		}
		id = a.ID
		r.Roles[id] = a.Role
		break
	}
	r.Artifacts = []unpack.Artifact{{ID: id, Path: path}}
	return nil
}

func digestFile(path string) (string, error) {
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

// maxDocument is the largest document that is kept as evidence, in bytes.
const maxDocument = 32 << 20

// documents reads the declared documents as evidence.
func (r *Release) documents(m *dossier.Manifest, evidence map[string][]byte) error {
	m.Evidence = []dossier.Evidence{}
	if r.Declaration == nil || r.file == "" {
		return nil
	}
	for i, d := range r.Declaration.Documents {
		if d.Path == "" {
			continue
		}
		where := fmt.Sprintf("documents[%d].path", i)
		full, err := r.below(d.Path)
		if err != nil {
			return r.at(where, "document %q: %w", d.ID, err)
		}
		st, err := os.Stat(full)
		if err != nil {
			return r.at(where, "document %q: %w", d.ID, err)
		}
		if !st.Mode().IsRegular() || st.Size() > maxDocument {
			return r.at(where, "document %q is no file of at most %d bytes", d.ID, maxDocument)
		}
		data, err := os.ReadFile(full)
		if err != nil {
			return r.at(where, "document %q: %w", d.ID, err)
		}
		e := dossier.Evidence{Digest: dossier.Digest(data), Title: d.Title, Answers: []string{}}
		for _, a := range d.Answers {
			e.Answers = append(e.Answers, a.Scheme+"/"+a.Requirement)
		}
		if _, twice := evidence[e.Digest]; !twice {
			evidence[e.Digest] = data
		}
		m.Evidence = append(m.Evidence, e)
	}
	return nil
}
