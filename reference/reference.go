// Package reference reads data that change with time and come from outside: ends of life, known flaws, known passwords. A set is an
// immutable file, pinned by its digest and dated; a judgement names the sets that it used. The package does no input or output.
package reference

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"time"
)

// Set is one reference.
type Set struct {
	Name    string // as expressions look it up: lifecycle
	AsOf    string // the day whose state it holds, YYYY-MM-DD
	Source  string // where the data come from
	Licence string // of the data; may be empty
	Digest  string // SHA-256 of Bytes, hexadecimal
	Bytes   []byte // the file as it was read

	rows map[string]map[string]any
}

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)

// Parse reads a set: a JSON object with set, as_of, source, licence (which may be left out) and rows, an object of rows by key. A row's
// values are texts, whole numbers of 64 bits, truth values and lists of texts. Members that are not known and repeated ones are errors.
func Parse(data []byte) (*Set, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	top, err := object(dec, 0)
	if err != nil {
		return nil, fmt.Errorf("reading a reference: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading a reference: data after the object")
	}
	s := &Set{Bytes: bytes.Clone(data)}
	for name, to := range map[string]*string{"set": &s.Name, "as_of": &s.AsOf, "source": &s.Source, "licence": &s.Licence} {
		v, there := top[name]
		text, ok := v.(string)
		if there && !ok {
			return nil, fmt.Errorf("reading a reference: %q is no text", name)
		}
		*to = text
		delete(top, name)
	}
	if !namePattern.MatchString(s.Name) || !isDate(s.AsOf) || s.Source == "" {
		return nil, fmt.Errorf("reading the reference %q: set, as_of (YYYY-MM-DD) and source are needed", s.Name)
	}
	rows, ok := top["rows"].(map[string]any)
	if !ok || len(top) > 1 {
		return nil, fmt.Errorf("reading the reference %q: its members are set, as_of, source, licence and rows, an object", s.Name)
	}
	if s.rows, err = readRows(rows); err != nil {
		return nil, fmt.Errorf("reading the reference %q: %w", s.Name, err)
	}
	sum := sha256.Sum256(data)
	s.Digest = hex.EncodeToString(sum[:])
	return s, nil
}

func isDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// object reads a JSON object whose members are values, lists of values, or objects, two deep. encoding/json by itself would take the
// last of repeated members, and names in any case.
func object(dec *json.Decoder, depth int) (map[string]any, error) {
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, cmp.Or(err, fmt.Errorf("%v stands where an object should", t))
	}
	return members(dec, depth)
}

func members(dec *json.Decoder, depth int) (map[string]any, error) {
	out := map[string]any{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := t.(string)
		if _, again := out[name]; again {
			return nil, fmt.Errorf("member %q is repeated", name)
		}
		if out[name], err = member(dec, depth); err != nil {
			return nil, err
		}
	}
	_, err := dec.Token()
	return out, err
}

func member(dec *json.Decoder, depth int) (any, error) {
	t, err := dec.Token()
	switch t {
	case json.Delim('{'):
		if depth == 2 {
			return nil, errors.New("objects are nested too deep")
		}
		return members(dec, depth+1)
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			x, err := dec.Token()
			if err != nil {
				return nil, err
			}
			if _, ok := x.(string); !ok {
				return nil, errors.New("a list holds texts only")
			}
			list = append(list, x)
		}
		_, err := dec.Token()
		return list, err
	}
	return t, err
}

func readRows(rows map[string]any) (map[string]map[string]any, error) {
	out := make(map[string]map[string]any, len(rows))
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		row, ok := rows[key].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("row %q is no object", key)
		}
		for _, name := range slices.Sorted(maps.Keys(row)) {
			x, err := value(row[name])
			if err != nil {
				return nil, fmt.Errorf("row %q, %q: %w", key, name, err)
			}
			row[name] = x
		}
		out[key] = row
	}
	return out, nil
}

func value(v any) (any, error) {
	switch v := v.(type) {
	case string, bool, []any:
		return v, nil
	case json.Number:
		n, err := v.Int64()
		if err != nil {
			return nil, fmt.Errorf("%s is no whole number of 64 bits", v)
		}
		return n, nil
	}
	return nil, errors.New("is no text, whole number, truth value or list of texts")
}

// Row returns the row of a key; the caller must not change it. Its values are string, int64, bool and []any of strings.
func (s *Set) Row(key string) (map[string]any, bool) {
	r, ok := s.rows[key]
	return r, ok
}
