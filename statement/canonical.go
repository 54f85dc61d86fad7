package statement

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/gowebpki/jcs"
)

// ErrForm is wrapped by every error about bytes that are not the one encoding of what they say.
var ErrForm = errors.New("not the canonical encoding")

// maxDepth is how deep objects and lists may lie in each other in what is decoded.
const maxDepth = 16

// Encode returns the canonical JSON (RFC 8785) of v, whose structs declare their fields in the order of their JSON names (a test holds the
// types of this package to it), whose maps have ASCII keys and whose numbers are integers. Text that is not UTF-8 is an error.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding JSON: %w", err)
	}
	out := plainSeparators(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
	if bytes.Contains(out, []byte(`\ufffd`)) {
		return nil, errors.New("encoding JSON: a text is not UTF-8")
	}
	return out, nil
}

// plainSeparators writes U+2028 and U+2029 as themselves, as RFC 8785 has it; encoding/json escapes them for the sake of JavaScript.
func plainSeparators(b []byte) []byte {
	if !bytes.Contains(b, []byte(`\u202`)) {
		return b
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' || i+1 >= len(b) {
			out = append(out, b[i])
			continue
		}
		if rest := b[i:]; len(rest) >= 6 && bytes.HasPrefix(rest, []byte(`\u202`)) && (rest[5] == '8' || rest[5] == '9') {
			out = utf8.AppendRune(out, 0x2020+rune(rest[5]-'0'))
			i += 5
			continue
		}
		out = append(out, b[i], b[i+1])
		i++
	}
	return out
}

// Decode reads canonical JSON into v, a pointer to one of the types that Encode takes. It accepts only the bytes that Encode writes.
func Decode(data []byte, v any) error {
	if err := shallow(data, maxDepth); err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%w: %w", ErrForm, err)
	}
	again, err := Encode(v)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForm, err)
	}
	if !bytes.Equal(again, data) {
		return fmt.Errorf("%w: it differs from byte %d on", ErrForm, differ(again, data))
	}
	return nil
}

// canonicalRaw checks a document of a foreign format, whose fields this package does not know.
func canonicalRaw(data []byte) error {
	if err := shallow(data, 64); err != nil {
		return err
	}
	again, err := jcs.Transform(data)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForm, err)
	}
	if !bytes.Equal(again, data) {
		return fmt.Errorf("%w: it differs from byte %d on", ErrForm, differ(again, data))
	}
	return nil
}

// shallow refuses nesting before any decoder recurses into it.
func shallow(data []byte, most int) error {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > most {
				return fmt.Errorf("%w: nested more than %d deep", ErrForm, most)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

func differ(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}
