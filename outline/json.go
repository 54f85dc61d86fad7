package outline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/probat-lab/probat/statement"
)

// maxNested is how deep objects and lists lie in each other in a text of JSON: less than what statement.Encode takes.
const maxNested = 12

// Object reads a JSON object with integers for numbers and returns it as a field of the class json holds it: its texts made visible, in its
// canonical encoding. How long that is, is the caller's to check.
func Object(data []byte) (string, error) {
	v, err := decodeObject(data)
	if err != nil {
		return "", err
	}
	return encodeObject(v)
}

// decodeObject reads a JSON object with integers for numbers, its texts made visible.
func decodeObject(data []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v map[string]any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("data after the value")
	}
	clean, err := cleanValue(v, 1)
	if err != nil {
		return nil, err
	}
	return clean.(map[string]any), nil
}

// cleanValue returns a value of decodeObject with all its texts made visible.
func cleanValue(v any, depth int) (any, error) {
	if depth > maxNested {
		return nil, fmt.Errorf("nested more than %d deep", maxNested)
	}
	switch v := v.(type) {
	case string:
		return visible(v), nil
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return nil, fmt.Errorf("%s is no integer", v)
		}
		return v, nil
	case bool:
		return v, nil
	case []any:
		for i := range v {
			x, err := cleanValue(v[i], depth+1)
			if err != nil {
				return nil, err
			}
			v[i] = x
		}
		return v, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, x := range v {
			x, err := cleanValue(x, depth+1)
			if err != nil {
				return nil, err
			}
			out[visible(name)] = x
		}
		if len(out) != len(v) {
			return nil, errors.New("two members of one name")
		}
		return out, nil
	}
	return nil, errors.New("null")
}

// encodeObject writes an object in its canonical encoding.
func encodeObject(v map[string]any) (string, error) {
	b, err := statement.Encode(v)
	return string(b), err
}

// isObject tells whether s is what Object returns. Nesting is bounded before anything recurses.
func isObject(s string) bool {
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxNested {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	again, err := Object([]byte(s))
	return err == nil && again == s
}
