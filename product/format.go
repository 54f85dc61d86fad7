package product

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// A format is the shape of a string. Its pattern is also the one in the JSON Schema, so it is written in the part of the
// syntax that RE2 and ECMA-262 share.
type format struct {
	pattern string
	want    string // completes "… is not"
	limit   int    // characters
	more    func(string) bool
}

const (
	// control are the characters that are refused in a line of text: they break lines or drive terminals.
	control = `\x00-\x1f\x7f-\x9f` + "\u2028\u2029"
	// segment is a part of a path that is not empty and not `..`; and no backslash, which is a separator to some.
	segment    = `(?:\.|[^./\\` + control + `][^/\\` + control + `]*|\.[^./\\` + control + `][^/\\` + control + `]*|\.\.[^/\\` + control + `]+)`
	productSeg = `(?:\.|[^./` + control + `][^/` + control + `]*|\.[^./` + control + `][^/` + control + `]*|\.\.[^/` + control + `]+)`
	date       = `[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])`
)

const (
	lineLimit  = 1024
	proseLimit = 16384
)

// formats returns the formats by name; "" is a line of text.
func formats() map[string]format {
	return map[string]format{
		"":           {pattern: `^[^` + control + `]+$`, want: "one line of text without control characters", limit: lineLimit},
		"name":       {pattern: `^[^\s` + control + `](?:[^` + control + `]*[^\s` + control + `])?$`, want: "one line of text that neither starts nor ends with a space", limit: lineLimit},
		"prose":      {pattern: `^[^\x00-\x08\x0b-\x1f\x7f-\x9f` + "\u2028\u2029" + `]+$`, want: "text without control characters", limit: proseLimit},
		"id":         {pattern: `^[A-Za-z0-9][A-Za-z0-9._-]*$`, want: "an id: letters, digits, '.', '_' and '-', first a letter or digit", limit: 64},
		"below":      {pattern: `^` + segment + `(?:/` + segment + `)*$`, want: "a path below the declaration's folder: relative, with forward slashes, without \"..\"", limit: lineLimit},
		"path":       {pattern: `^/?` + productSeg + `(?:/` + productSeg + `)*/?$`, want: "a path in the product: parts between single slashes, none of them \"..\"", limit: lineLimit},
		"program":    {pattern: `^/?` + productSeg + `(?:/` + productSeg + `)*$`, want: "the name of a program or its path in the product", limit: lineLimit},
		"sha256":     {pattern: `^[0-9a-f]{64}$`, want: "a SHA-256 digest: 64 lower-case hexadecimal digits", limit: 64},
		"capability": {pattern: `^cap_[a-z0-9_]+$`, want: "a Linux capability, as in cap_net_raw", limit: 64},
		"date":       {pattern: `^` + date + `$`, want: "a date YYYY-MM-DD", limit: 10, more: validDate},
		"period":     {pattern: `^(?:[0-9]{4}(?:-(?:Q[1-4]|H[12]|0[1-9]|1[0-2]))?|` + date + `/` + date + `)$`, want: "a period, as in 2026, 2026-Q4, 2026-H2, 2026-11 or 2026-10-01/2026-12-31", limit: 21, more: validPeriod},
	}
}

type compiledFormat struct {
	format
	re *regexp.Regexp
}

// compiledFormats compiles all formats when the first string is checked.
var compiledFormats = sync.OnceValue(func() map[string]compiledFormat {
	out := map[string]compiledFormat{}
	for name, f := range formats() {
		out[name] = compiledFormat{f, regexp.MustCompile(f.pattern)}
	}
	return out
})

// wrongFormat says what is wrong with s, to follow s in a sentence; nothing when it suits the format.
func wrongFormat(name, s string) string {
	f := compiledFormats()[name]
	switch {
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	case utf8.RuneCountInString(s) > f.limit:
		return "is longer than " + strconv.Itoa(f.limit) + " characters"
	case !f.re.MatchString(s), f.more != nil && !f.more(s):
		return "is not " + f.want
	}
	return ""
}

func validDate(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

func validPeriod(s string) bool {
	from, until, ok := strings.Cut(s, "/")
	return !ok || validDate(from) && validDate(until) && from <= until
}
