package product

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/gowebpki/jcs"

	"github.com/probat-lab/probat/strictyaml"
)

// Canonical returns the canonical JSON (RFC 8785) of the declaration, whose digest is in the dossier. What is not declared
// is absent, what is declared to be none is []. It is an error when the declaration is not one that Parse accepts; then no
// string is altered silently, and no integer is beyond 2^53, since every integer of a declaration has a smaller bound.
func (d *Declaration) Canonical() ([]byte, error) {
	if problems := check(d); len(problems) > 0 {
		return nil, fmt.Errorf("writing the declaration: %s", problems[0].sentence(false))
	}
	b, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("writing the declaration: %w", err)
	}
	b, err = jcs.Transform(b)
	if err != nil {
		return nil, fmt.Errorf("writing the declaration: %w", err)
	}
	return b, nil
}

// maxCanonical bounds what ParseCanonical reads: canonical JSON of a declaration of MaxSize can be longer than its YAML,
// since aliases are expanded.
const maxCanonical = 16 * MaxSize

// ParseCanonical reads what Canonical wrote, and nothing else: other keys, other values, and the same content in other
// bytes are errors. An error in the content is an *Errors with `declaration.json` for the file.
func ParseCanonical(data []byte) (*Declaration, error) {
	if len(data) > maxCanonical {
		return nil, fmt.Errorf("reading the declaration: it has %d bytes; at most %d are read", len(data), maxCanonical)
	}
	errs := newErrors("declaration.json")
	r := jsonReader{data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	r.dec.UseNumber()
	root, err := r.value(0)
	if err != nil {
		return nil, fmt.Errorf("reading the declaration: %w", err)
	}
	if _, err := r.dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("reading the declaration: more than one JSON value")
	}
	d, err := decode(root, errs)
	if err != nil {
		return nil, err
	}
	again, err := d.Canonical()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, data) {
		return nil, fmt.Errorf("reading the declaration: it is not in canonical form")
	}
	return d, nil
}

// A jsonReader makes nodes of JSON.
type jsonReader struct {
	data []byte
	dec  *json.Decoder
}

// place returns where the next value begins: canonical JSON is one line, so its column is counted in bytes.
func (r jsonReader) place() strictyaml.Place {
	at := int(r.dec.InputOffset())
	if at < len(r.data) && (r.data[at] == ',' || r.data[at] == ':') {
		at++
	}
	return strictyaml.Place{Line: 1, Column: at + 1}
}

func (r jsonReader) value(depth int) (*strictyaml.Node, error) {
	if depth > strictyaml.MaxDepth {
		return nil, fmt.Errorf("more than %d lists and mappings inside each other", strictyaml.MaxDepth)
	}
	at := r.place()
	t, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case nil:
		return &strictyaml.Node{At: at, Kind: strictyaml.Null}, nil
	case bool:
		return &strictyaml.Node{At: at, Kind: strictyaml.Bool, Bool: t, Text: fmt.Sprint(t)}, nil
	case string:
		return &strictyaml.Node{At: at, Kind: strictyaml.String, Text: t}, nil
	case json.Number:
		n, err := t.Int64()
		if err != nil {
			return &strictyaml.Node{At: at, Kind: strictyaml.Number, Text: t.String()}, nil
		}
		return &strictyaml.Node{At: at, Kind: strictyaml.Int, Int: n, Text: t.String()}, nil
	case json.Delim:
		if t == '[' {
			return r.list(at, depth)
		}
		return r.mapping(at, depth)
	}
	return nil, fmt.Errorf("unexpected token %v", t)
}

func (r jsonReader) list(at strictyaml.Place, depth int) (*strictyaml.Node, error) {
	out := &strictyaml.Node{At: at, Kind: strictyaml.List}
	for r.dec.More() {
		n, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out.List = append(out.List, n)
	}
	_, err := r.dec.Token()
	return out, err
}

func (r jsonReader) mapping(at strictyaml.Place, depth int) (*strictyaml.Node, error) {
	out := &strictyaml.Node{At: at, Kind: strictyaml.Mapping}
	for r.dec.More() {
		at := r.place()
		key, err := r.dec.Token()
		if err != nil {
			return nil, err
		}
		// Of a repeated key the last value counts here; the comparison with the canonical form refuses it.
		name, _ := key.(string)
		value, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out.Entries = append(out.Entries, strictyaml.Entry{At: at, Name: name, Value: value})
	}
	_, err := r.dec.Token()
	return out, err
}
