package dossier

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/gowebpki/jcs"

	"github.com/probat-lab/probat/fact"
)

// Format is the value of format in every dossier.json that this package reads and writes.
const Format = "probat-dossier/1"

// ManifestName is the file whose SHA-256 names the dossier.
const ManifestName = "dossier.json"

// maxManifest bounds what is read of a dossier.json, in bytes: some hundred bytes for each file and observer.
const maxManifest = 64 << 20

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
	Digest string `json:"digest"` // SHA-256; of a directory that of its canonical listing; empty where not all bytes were read
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

// CountFacts returns the number of facts of all kinds.
func (m *Manifest) CountFacts() (n int) {
	for _, f := range m.Facts {
		n += f.Count
	}
	return n
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

// integer is an int64 that becomes a string beyond 2^53, where RFC 8785 would round it. What a hostile release claims of its size, and
// budgets that users set, can be so large; counts of what is in memory can not.
type integer int64

func (n integer) MarshalJSON() ([]byte, error) { return fact.AppendInt(nil, int64(n)), nil }

func (n *integer) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || !bytes.Equal(fact.AppendInt(nil, v), b) {
		return fmt.Errorf("%s is no integer as it has to be written", b)
	}
	*n = integer(v)
	return nil
}

// MarshalJSON writes sizes beyond 2^53 as strings.
func (a Artifact) MarshalJSON() ([]byte, error) {
	type plain Artifact
	return json.Marshal(struct {
		plain
		Size integer `json:"size"`
	}{plain(a), integer(a.Size)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (a *Artifact) UnmarshalJSON(b []byte) error {
	type plain Artifact
	x := struct {
		*plain
		Size integer `json:"size"`
	}{plain: (*plain)(a)}
	err := json.Unmarshal(b, &x)
	a.Size = int64(x.Size)
	return err
}

type budgetsJSON struct {
	Bytes   integer `json:"bytes"`
	Depth   int     `json:"depth"`
	Entries integer `json:"entries"`
}

// MarshalJSON writes budgets beyond 2^53 as strings.
func (u Budgets) MarshalJSON() ([]byte, error) {
	return json.Marshal(budgetsJSON{integer(u.Bytes), u.Depth, integer(u.Entries)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (u *Budgets) UnmarshalJSON(b []byte) error {
	var x budgetsJSON
	err := json.Unmarshal(b, &x)
	*u = Budgets{int64(x.Bytes), x.Depth, int64(x.Entries)}
	return err
}

type bytesJSON struct {
	Nodes      integer `json:"nodes"`
	Structure  integer `json:"structure"`
	Padding    integer `json:"padding"`
	Unobserved integer `json:"unobserved"`
}

// MarshalJSON writes sizes beyond 2^53 as strings.
func (s Bytes) MarshalJSON() ([]byte, error) {
	return json.Marshal(bytesJSON{integer(s.Nodes), integer(s.Structure), integer(s.Padding), integer(s.Unobserved)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Bytes) UnmarshalJSON(b []byte) error {
	var x bytesJSON
	err := json.Unmarshal(b, &x)
	*s = Bytes{int64(x.Nodes), int64(x.Structure), int64(x.Padding), int64(x.Unobserved)}
	return err
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

// noNulls makes lists that are nil empty: a dossier has no null.
func (m *Manifest) noNulls() {
	m.Artifacts, m.LeftOut, m.Observers, m.Unpackers = noNull(m.Artifacts), noNull(m.LeftOut), noNull(m.Observers), noNull(m.Unpackers)
	m.Evidence = noNull(slices.Clone(m.Evidence))
	for i := range m.Evidence {
		m.Evidence[i].Answers = noNull(m.Evidence[i].Answers)
	}
}

func noNull[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
