package dossier

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/gowebpki/jcs"

	"github.com/probat-lab/probat/fact"
)

// Format is the value of format in every dossier.json that this package reads and writes.
const Format = "probat-dossier/1"

// ManifestName is the file whose SHA-256 names the dossier.
const ManifestName = "dossier.json"

// Manifest is dossier.json: what was evaluated, by what, and the digest of every file of the dossier.
type Manifest struct {
	Format      string          `json:"format"`
	Artifacts   []Artifact      `json:"artifacts"`
	AsOf        string          `json:"as_of"` // YYYY-MM-DD
	Budgets     Budgets         `json:"budgets"`
	Files       map[string]File `json:"files"` // by path in the folder, with forward slashes
	Evidence    []Evidence      `json:"evidence"`
	Facts       []Facts         `json:"facts"`
	Interrupted bool            `json:"interrupted,omitempty"` // an emergency stop touched it: it cannot be sealed
	LeftOut     []string        `json:"left_out"`              // observers that were not asked
	Observers   []fact.Coverage `json:"observers"`
	Predecessor string          `json:"predecessor,omitempty"` // digest of the dossier whose judgement it continues
	References  []Reference     `json:"references"`
	Schemes     []Scheme        `json:"schemes"`
	Bytes       Bytes           `json:"bytes"`
	Unpackers   []Unpacker      `json:"unpackers"`
}

// Artifact is one file or directory of the release.
type Artifact struct {
	ID     string `json:"id"`
	Digest string `json:"digest"` // SHA-256; of a directory that of its canonical listing
	Size   int64  `json:"size"`   // bytes; 0 for a directory
	Type   string `json:"type"`   // file or dir
	Role   string `json:"role,omitempty"`
}

// Budgets are the bounds that unpacking kept to.
type Budgets struct {
	Bytes   int64 `json:"bytes"`
	Depth   int   `json:"depth"`
	Entries int64 `json:"entries"`
}

// File is the digest and size of a file of the dossier.
type File struct {
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

// Facts says how many facts of a kind there are.
type Facts struct {
	Kind  string `json:"kind"`
	Count int    `json:"count"`
}

// Evidence is a blob and what it shows.
type Evidence struct {
	Digest  string   `json:"digest"`
	Title   string   `json:"title"`
	Answers []string `json:"answers"` // SCHEME/REQUIREMENT
}

// Reference names a reference set that was at hand.
type Reference struct {
	Name   string `json:"name"`
	AsOf   string `json:"as_of"`
	Digest string `json:"digest"`
}

// Scheme names a scheme that was judged.
type Scheme struct {
	ID      string `json:"id"`
	Edition string `json:"edition"`
	Digest  string `json:"digest"`
}

// Bytes says where the bytes of all containers went.
type Bytes struct {
	Nodes      int64 `json:"nodes"`
	Structure  int64 `json:"structure"`
	Padding    int64 `json:"padding"`
	Unobserved int64 `json:"unobserved"`
}

// Unpacker is a format that could have been opened, in the version that was used.
type Unpacker struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
}

// canonical writes v as RFC 8785 wants it. Integers beyond 2^53 must have become strings before.
func canonical(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return jcs.Transform(b.Bytes())
}

// strict reads canonical JSON into v: members that are not known, data behind the value, and bytes that canonical would have written
// otherwise are errors.
func strict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("data after the value")
	}
	again, err := canonical(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, data) {
		return errors.New("is not in canonical form")
	}
	return nil
}

// Digest returns the SHA-256 of data in hexadecimal.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (m *Manifest) encode() ([]byte, error) {
	b, err := canonical(m)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w", ManifestName, err)
	}
	return b, nil
}
