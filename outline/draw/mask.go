package draw

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/probat-lab/probat/outline"
)

// pattern finds secrets in any text: what its first group matches, or all of it.
type pattern struct {
	why string
	re  *regexp.Regexp
}

// patterns are those of the observers (package observe/account and observe/service mask the same in excerpts), and of what else is a secret
// wherever it stands. They rather mask too much: who has a reason can have it unmasked.
var patterns = []pattern{
	{"private-key", regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(.*?)(?:-----END |\z)`)},
	{"private-key", regexp.MustCompile(`(?s)\nPrivate-Lines: \d+\r?\n(.*?)(?:\r?\nPrivate-|\z)`)}, // PuTTY
	{"private-key", regexp.MustCompile(`AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]+`)},
	{"hash", regexp.MustCompile(`\$(?:1|2[abxy]?|3|5|6|7|8|9|y|gy|md5|sha1|sm3|apr1|argon2id?|argon2i|scrypt|pbkdf2[a-z0-9-]*)\$([^:\s"'` + "`" + `]+)`)},
	{"hash", regexp.MustCompile(`\{(?:S?SHA(?:256|384|512)?|S?MD5|CRYPT|PBKDF2[A-Z0-9-]*)\}([A-Za-z0-9+/=.$,]{8,})`)},
	{"token", regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`)}, // RFC 7519
	{"token", regexp.MustCompile(`(?i)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{12,})`)},
	{"token", regexp.MustCompile(`\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|AKIA|ASIA)[A-Za-z0-9_-]{12,}`)},
	{"password", regexp.MustCompile(`://[^/\s:@]*:([^/\s@]+)@`)}, // RFC 3986 3.2.1
	{"password", regexp.MustCompile(`(?i)(?:pass(?:word|wd|phrase)?|secret|token|psk|(?:api|private|preshared|pre-shared|shared)[-_]?key|community|credentials?)[a-z0-9_-]*["']?\s*(?:=>|:=|[:=])\s*` + value)},
	{"password", regexp.MustCompile(`(?i)--?(?:pass(?:word|wd|phrase)?|secret|token|psk|api[-_]?key)\s+` + value)},
	{"password", regexp.MustCompile(`(?im)^[ \t]*r[ow]community6?[ \t]+` + value)},
	{"password", regexp.MustCompile(`(?im)^[ \t]*SetEnv[ \t]+([^\r\n]*)`)},
	{"password", regexp.MustCompile(`(?i)\benvironment="([^"\r\n]*)"`)},
}

// value is a value behind a name: in quotes, or up to a blank. What only says where a secret stands is no secret.
const value = `("[^"\r\n]*"|'[^'\r\n]*'|[^\s"',;}\])]+)`

// tables are files with a line for each account, whose field of that number (from 0) is a password or its hash.
var tables = map[string]int{
	"passwd": 1, "passwd-": 1, "shadow": 1, "shadow-": 1, "gshadow": 1, "gshadow-": 1, "group": 1, "group-": 1, "master.passwd": 1, "smbpasswd": 3,
	"htpasswd": 1, ".htpasswd": 1, "opasswd": 3, ".pgpass": 4,
}

// lists are files in which each word behind the first of a line may be a secret.
var lists = map[string]bool{"chap-secrets": true, "pap-secrets": true, "ipsec.secrets": true, ".netrc": true, "radius-clients": true}

// secrets returns what is secret of a part of a file, sorted and apart. first is the offset of the part.
func secrets(name string, b []byte, first, size int64) []outline.Span {
	base := path.Base(name)
	if i := strings.IndexByte(base, ';'); i >= 0 {
		base = base[:i]
	}
	if isKey(base, b, first, size) {
		return []outline.Span{{Length: int64(len(b)), Offset: first, Why: "private-key"}}
	}
	var list []outline.Span
	add := func(from, to int, why string) {
		if from < to {
			list = append(list, outline.Span{Length: int64(to - from), Offset: first + int64(from), Why: why})
		}
	}
	for _, p := range patterns {
		if base == "nsswitch.conf" && p.why == "password" { // names databases, "passwd: files"
			continue
		}
		for _, m := range p.re.FindAllSubmatchIndex(b, -1) {
			add(m[len(m)-2], m[len(m)-1], p.why)
		}
	}
	// A key that began before the part.
	if end := endOfKey.FindIndex(b); end != nil && first > 0 && !beginOfKey.Match(b[:end[0]]) {
		add(0, end[0], "private-key")
	}
	if strings.HasPrefix(base, "authorized_keys") { // observe/account names keys by their digest
		for _, m := range publicKey.FindAllSubmatchIndex(b, -1) {
			add(m[2], m[3], "public-key")
		}
	}
	if field, ok := tables[base]; ok {
		fields(b, field, func(from, to int) { add(from, to, "hash") })
	}
	if lists[base] {
		words(b, func(from, to int) { add(from, to, "password") })
	}
	return joinSpans(list)
}

var (
	beginOfKey = regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY`)
	publicKey  = regexp.MustCompile(`(?:ssh-|ecdsa-|sk-)[a-z0-9@.-]+[ \t]+(AAAA[A-Za-z0-9+/=]*)`)
	endOfKey   = regexp.MustCompile(`-----END [A-Z0-9 ]*PRIVATE KEY`)
)

// isKey tells whether a file is nothing but a private key in a binary form: DER, that of Dropbear, or a keytab.
func isKey(base string, b []byte, first, size int64) bool {
	if strings.HasPrefix(base, "dropbear_") && strings.HasSuffix(base, "_host_key") || strings.HasSuffix(base, ".keytab") {
		return true
	}
	if first != 0 || int64(len(b)) != size || len(b) == 0 || b[0] != 0x30 {
		return false
	}
	if _, err := x509.ParsePKCS8PrivateKey(b); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PrivateKey(b); err == nil {
		return true
	}
	_, err := x509.ParseECPrivateKey(b)
	return err == nil
}

// beforeHash is what of a password field may be seen: lock marks, and the prefix that names the scheme of the hash.
var beforeHash = regexp.MustCompile(`^[!*]*(?:\$[A-Za-z0-9-]{1,16}\$)?`)

// fields calls fn for a field of each line unless it is empty or one of the usual marks, which say that there is no password there.
func fields(b []byte, field int, fn func(from, to int)) {
	at := 0
	for line := range bytes.Lines(b) {
		from := 0
		text := bytes.TrimRight(line, "\r\n")
		for range field {
			i := bytes.IndexByte(text[from:], ':')
			if i < 0 {
				from = -1
				break
			}
			from += i + 1
		}
		if from >= 0 {
			to := len(text)
			if i := bytes.IndexByte(text[from:], ':'); i >= 0 {
				to = from + i
			}
			from += len(beforeHash.Find(text[from:to]))
			switch string(text[from:to]) {
			case "", "x", "NP":
			default:
				fn(at+from, at+to)
			}
		}
		at += len(line)
	}
}

// words calls fn for all of each line behind its first word.
func words(b []byte, fn func(from, to int)) {
	at := 0
	for line := range bytes.Lines(b) {
		text := bytes.TrimRight(line, " \t\r\n")
		if i := bytes.IndexAny(text, " \t"); i > 0 && text[0] != '#' {
			fn(at+i+1, at+len(text))
		}
		at += len(line)
	}
}

// joinSpans sorts spans and makes one of those that overlap; the one that begins first says why.
func joinSpans(list []outline.Span) []outline.Span {
	slices.SortFunc(list, func(a, b outline.Span) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(b.Length, a.Length), strings.Compare(a.Why, b.Why))
	})
	var out []outline.Span
	for _, s := range list {
		if n := len(out); n > 0 && s.Offset < out[n-1].Offset+out[n-1].Length {
			out[n-1].Length = max(out[n-1].Length, s.Offset+s.Length-out[n-1].Offset)
			continue
		}
		out = append(out, s)
	}
	return out
}
