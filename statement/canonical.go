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

// maxDepth is how deep objects and lists may lie in each other in what is decoded, maxForeign in documents of foreign formats.
const (
	maxDepth   = 16
	maxForeign = 64
)

// maxInteger is the largest integer that every reader of JSON holds exactly (RFC 7493, section 2.2); RFC 8785 would round some beyond it.
const maxInteger = 1<<53 - 1

// Encode returns the canonical JSON (RFC 8785) of v, whose structs declare their fields in the order of their JSON names (a test holds the
// types of this package to it), whose maps have ASCII keys and whose numbers are integers. What has no encoding is an error: text that is
// not UTF-8, integers beyond 2^53-1, and a list that is nil, since null would be a second way to write the empty one.
func Encode(v any) ([]byte, error) {
	b, err := encode(v)
	if err == nil {
		err = plain(b, maxDepth)
	}
	if err != nil {
		return nil, fmt.Errorf("encoding JSON: %w", err)
	}
	return b, nil
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return unescape(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// unescape writes U+2028 and U+2029 as themselves, as RFC 8785 has it: encoding/json escapes them for the sake of JavaScript. The other
// escape that it makes of what is no control character stands for bytes that are not UTF-8.
func unescape(b []byte) ([]byte, error) {
	if !bytes.Contains(b, []byte(`\u202`)) && !bytes.Contains(b, []byte(`\ufffd`)) {
		return b, nil
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' || i+1 >= len(b) {
			out = append(out, b[i])
			continue
		}
		switch rest := b[i:]; {
		case bytes.HasPrefix(rest, []byte(`\u2028`)), bytes.HasPrefix(rest, []byte(`\u2029`)):
			out = utf8.AppendRune(out, 0x2020+rune(rest[5]-'0'))
			i += 5
		case bytes.HasPrefix(rest, []byte(`\ufffd`)):
			return nil, errors.New("a text is not UTF-8")
		default: // also the backslash that stands for itself, whose second half begins no escape
			out = append(out, b[i], b[i+1])
			i++
		}
	}
	return out, nil
}

// Decode reads canonical JSON into v, a pointer to one of the types that Encode takes. It accepts only the bytes that Encode writes.
func Decode(data []byte, v any) error {
	if err := plain(data, maxDepth); err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%w: %w", ErrForm, err)
	}
	again, err := encode(v)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForm, err)
	}
	return same(again, data)
}

// canonicalRaw checks a document of a foreign format, whose members this package does not know.
func canonicalRaw(data []byte) error {
	if _, err := objectLength(data); err != nil {
		return err
	}
	again, err := jcs.Transform(data)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForm, err)
	}
	return same(again, data)
}

// plain refuses, outside of texts, what none of our types holds: null, integers beyond maxInteger, and nesting, before any decoder recurses
// into it.
func plain(data []byte, most int) error {
	depth, quoted, digits := 0, false, 0
	for i := 0; i < len(data); i++ {
		c := data[i]
		if !quoted && '0' <= c && c <= '9' {
			if digits++; digits > 15 && integer(data[i+1-digits:i+1]) > maxInteger {
				return fmt.Errorf("%w: an integer at byte %d is beyond 2^53-1", ErrForm, i+1-digits)
			}
			continue
		}
		digits = 0
		switch {
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
		case c == 'n':
			return fmt.Errorf("%w: null at byte %d: a list without elements is []", ErrForm, i)
		}
	}
	return nil
}

// integer returns the value of a row of digits. One too long for int64 begins with zeros, which no number of JSON does, or was refused at its 16th
// or 17th digit.
func integer(digits []byte) (n int64) {
	for _, d := range digits {
		n = 10*n + int64(d-'0')
	}
	return n
}

// objectLength returns the length of the object that data begins with, nested at most maxForeign deep. What lies in it is not looked at.
func objectLength(data []byte) (int, error) {
	if len(data) == 0 || data[0] != '{' {
		return 0, fmt.Errorf("%w: not an object", ErrForm)
	}
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxForeign {
				return 0, fmt.Errorf("%w: nested more than %d deep", ErrForm, maxForeign)
			}
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return i + 1, nil
			}
		}
	}
	return 0, fmt.Errorf("%w: an object without end", ErrForm)
}

// same compares what was read with its one encoding.
func same(again, data []byte) error {
	if bytes.Equal(again, data) {
		return nil
	}
	at := 0
	for at < min(len(again), len(data)) && again[at] == data[at] {
		at++
	}
	return fmt.Errorf("%w: it differs from byte %d on", ErrForm, at)
}
