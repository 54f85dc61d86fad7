package outline

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/probat-lab/probat/fact"
)

// ErrRow is wrapped by every error about a row that holds what it may not.
var ErrRow = errors.New("not a row of an outline")

// rule is what a field's tag says.
type rule struct {
	index int
	name  string // in JSON
	class string // of texts
	least int64  // of integers
	size  int    // of texts, in bytes
	most  int    // of lists, in elements
	words []string
}

// limits reads the tags of row types once. One goroutine uses it.
type limits struct {
	rules map[reflect.Type][]rule
}

func newLimits() *limits { return &limits{rules: map[reflect.Type][]rule{}} }

func (l *limits) of(t reflect.Type) []rule {
	if rules, ok := l.rules[t]; ok {
		return rules
	}
	rules := make([]rule, 0, t.NumField())
	for i := range t.NumField() {
		r := rule{index: i}
		r.name, _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
		for o := range strings.SplitSeq(t.Field(i).Tag.Get("row"), ",") {
			name, value, _ := strings.Cut(o, "=")
			n, _ := strconv.Atoi(value)
			switch name {
			case "":
			case "most":
				r.most = n
			case "min":
				r.least = int64(n)
			case "one", "one?":
				r.class, r.words = name, strings.Split(value, "|")
			default:
				r.class, r.size = name, n
			}
		}
		rules = append(rules, r)
	}
	l.rules[t] = rules
	return rules
}

// visit calls text and number for each field of a row, and checks the lengths of lists.
func (l *limits) visit(v reflect.Value, text func(*rule, reflect.Value) error, number func(*rule, reflect.Value) error) error {
	rules := l.of(v.Type())
	for i := range rules {
		r := &rules[i]
		if err := l.field(r, v.Field(r.index), text, number); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

func (l *limits) field(r *rule, f reflect.Value, text, number func(*rule, reflect.Value) error) error {
	switch f.Kind() {
	case reflect.String:
		return text(r, f)
	case reflect.Int64:
		return number(r, f)
	case reflect.Struct:
		return l.visit(f, text, number)
	case reflect.Pointer:
		if f.IsNil() {
			return nil
		}
		return l.visit(f.Elem(), text, number)
	case reflect.Slice:
		if f.Len() > r.most {
			return fmt.Errorf("%w: %d elements, at most %d", ErrRow, f.Len(), r.most)
		}
		if f.Type().Elem().Kind() == reflect.Uint8 {
			return nil
		}
		for i := range f.Len() {
			if err := l.field(r, f.Index(i), text, number); err != nil {
				return err
			}
		}
	}
	return nil
}

// fit makes the texts and numbers of a row what its tags allow. What cannot be made so, an identifier or a digest, is an error.
func (l *limits) fit(row Row) error {
	return l.visit(reflect.ValueOf(row).Elem(), func(r *rule, f reflect.Value) error {
		switch s := f.String(); r.class {
		case "text":
			f.SetString(Text(s, r.size))
		case "lines":
			f.SetString(clip(visibleLines(s), r.size))
		case "address", "address!":
			f.SetString(shorten(visible(s)))
		case "name":
			f.SetString(visible(s))
		}
		return r.check(f.String())
	}, func(r *rule, f reflect.Value) error {
		f.SetInt(min(max(f.Int(), r.least), MaxInteger))
		return nil
	})
}

// check refuses a row that fit would have changed or refused.
func (l *limits) check(row Row) error {
	return l.visit(reflect.ValueOf(row).Elem(), func(r *rule, f reflect.Value) error {
		return r.check(f.String())
	}, checkNumber)
}

func checkNumber(r *rule, f reflect.Value) error {
	if n := f.Int(); n < r.least || n > MaxInteger {
		return fmt.Errorf("%w: %d is out of range", ErrRow, n)
	}
	return nil
}

func (r *rule) check(s string) error {
	ok := true
	switch r.class {
	case "text":
		ok = len(s) <= r.size && visible(s) == s
	case "lines":
		ok = len(s) <= r.size && visibleLines(s) == s
	case "name":
		ok = s != "" && len(s) <= r.size && visible(s) == s
	case "address", "address!":
		ok = (s != "" || r.class == "address") && len(s) <= MaxAddress && visible(s) == s
	case "digest", "digest?":
		b, err := hex.DecodeString(s)
		ok = s == "" && r.class == "digest?" || err == nil && len(b) == sha256.Size && hex.EncodeToString(b) == s
	case "one", "one?":
		ok = s == "" && r.class == "one?" || slices.Contains(r.words, s)
	case "date":
		_, err := time.Parse(time.DateOnly, s)
		ok = err == nil
	case "json":
		ok = len(s) <= r.size && (s == "" || isObject(s))
	default:
		return fmt.Errorf("%w: the class %q is not known", ErrRow, r.class)
	}
	if !ok {
		return fmt.Errorf("%w: %.100q is no %s", ErrRow, s, r.class)
	}
	return nil
}

// visible writes what fact.Escape would escape, but for %, so that a text that was escaped before stays as it is.
func visible(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] >= 0x20 && s[i] < 0x7f
	}
	if plain {
		return s
	}
	parts := strings.Split(s, "%")
	for i := range parts {
		parts[i] = fact.Escape(parts[i])
	}
	return strings.Join(parts, "%")
}

// visibleLines is visible and leaves line feeds; other ends of lines become such, tabs become blanks.
func visibleLines(s string) string {
	lines := strings.Split(strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\t", " "), "\n")
	for i := range lines {
		lines[i] = visible(lines[i])
	}
	return strings.Join(lines, "\n")
}

// Text returns s as a field of the class text=size holds it: made visible and, where it is too long, cut with a note of how much it lacks. The
// size is one that the note fits in, 64 bytes or more.
func Text(s string, size int) string { return clip(visible(s), size) }

// clip cuts a text that is too long and says how much it lacks.
func clip(s string, size int) string {
	if len(s) <= size {
		return s
	}
	head := Cut(s, size-len("… and 9007199254740991 more bytes"))
	return head + "… and " + strconv.Itoa(len(s)-len(head)) + " more bytes"
}

// shorten cuts an address that is too long; its SHA-256 keeps it apart from others.
func shorten(s string) string {
	if len(s) <= MaxAddress {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return Cut(s, MaxAddress-len("…")-2*len(sum)) + "…" + hex.EncodeToString(sum[:])
}

// Cut returns at most n bytes of s, and neither half a character nor half an escape.
func Cut(s string, n int) string {
	n = max(n, 0)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	if i := strings.LastIndexByte(s[max(0, n-2):n], '%'); i >= 0 {
		n = max(0, n-2) + i
	}
	return s[:n]
}
