// Package reference reads data that change with time and come from outside: ends of life, known flaws, known passwords. A set is an
// immutable file, pinned by its digest and dated; a judgement names the sets that it used. The package does no input or output.
package reference

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
)

// Set is one reference.
type Set struct {
	Name    string // as expressions look it up: lifecycle
	AsOf    string // the day whose state it holds, YYYY-MM-DD
	Source  string // where the data come from
	Licence string
	Digest  string // SHA-256 of Bytes, hexadecimal
	Bytes   []byte // the file as it was read

	rows map[string]map[string]any
}

type file struct {
	Set     string                    `json:"set"`
	AsOf    string                    `json:"as_of"`
	Source  string                    `json:"source"`
	Licence string                    `json:"licence"`
	Rows    map[string]map[string]any `json:"rows"`
}

var (
	namePattern = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	datePattern = regexp.MustCompile(`^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$`)
)

// Parse reads a set: a JSON object with set, as_of, source, licence and rows, an object of rows by key. A row's values are texts,
// integers, booleans and lists of texts. Members that are not known are errors.
func Parse(data []byte) (*Set, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	var f file
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("reading a reference: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading a reference: data after the object")
	}
	if !namePattern.MatchString(f.Set) || !datePattern.MatchString(f.AsOf) || f.Source == "" {
		return nil, fmt.Errorf("reading the reference %q: set, as_of (YYYY-MM-DD) and source are needed", f.Set)
	}
	for key, row := range f.Rows {
		for name, v := range row {
			x, err := value(v)
			if err != nil {
				return nil, fmt.Errorf("reading the reference %q: row %q, %q: %w", f.Set, key, name, err)
			}
			row[name] = x
		}
	}
	sum := sha256.Sum256(data)
	return &Set{
		Name: f.Set, AsOf: f.AsOf, Source: f.Source, Licence: f.Licence,
		Digest: hex.EncodeToString(sum[:]), Bytes: bytes.Clone(data), rows: f.Rows,
	}, nil
}

func value(v any) (any, error) {
	switch v := v.(type) {
	case string, bool:
		return v, nil
	case json.Number:
		n, err := v.Int64()
		if err != nil {
			return nil, fmt.Errorf("%s is no whole number", v)
		}
		return n, nil
	case []any:
		for _, x := range v {
			if _, ok := x.(string); !ok {
				return nil, errors.New("a list holds texts only")
			}
		}
		return v, nil
	}
	return nil, errors.New("is no text, whole number, truth value or list of texts")
}

// Row returns the row of a key; the caller must not change it.
func (s *Set) Row(key string) (map[string]any, bool) {
	r, ok := s.rows[key]
	return r, ok
}
