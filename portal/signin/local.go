package signin

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

const (
	maxLocal = 2048
	// decodings bounds how often a path is percent-decoded in search of something hidden.
	decodings = 4
)

// escape is one that decodes. A "%" that does not is left, as careless decoders do.
var escape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// Local returns u if it is a path on this site that it is safe to redirect to, with its query and fragment, or "/". Safe means that no browser, no
// proxy that decodes once more, and no router that tidies paths takes it for another host: it begins with exactly one slash, is printable ASCII without
// backslash, and its path, decoded as often as it goes, has no empty or dot segment, no backslash and no control byte.
func Local(u string) string {
	if isLocal(u) {
		return u
	}
	return "/"
}

func isLocal(u string) bool {
	if u == "" || len(u) > maxLocal || u[0] != '/' {
		return false
	}
	for i := range len(u) {
		if u[i] <= ' ' || u[i] > '~' || u[i] == '\\' {
			return false
		}
	}
	p, err := url.Parse(u)
	if err != nil || p.Scheme != "" || p.Host != "" || p.User != nil || p.Opaque != "" {
		return false
	}
	path := p.EscapedPath()
	for range decodings {
		if !isPlain(path) {
			return false
		}
		next := escape.ReplaceAllStringFunc(path, func(e string) string {
			b, _ := strconv.ParseUint(e[1:], 16, 8) // two hexadecimal digits
			return string([]byte{byte(b)})
		})
		if next == path {
			return true
		}
		path = next
	}
	return false
}

// isPlain wants segments that mean themselves. The last may be empty: a folder.
func isPlain(path string) bool {
	if !strings.HasPrefix(path, "/") || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
		return false
	}
	segments := strings.Split(path[1:], "/")
	for i, s := range segments {
		if s == "." || s == ".." || (s == "" && i < len(segments)-1) {
			return false
		}
	}
	return true
}
