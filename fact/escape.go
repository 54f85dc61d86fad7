package fact

import (
	"strings"
	"unicode/utf8"
)

const upperHex = "0123456789ABCDEF"

// Escape makes a product's bytes safe to stand in JSON, a terminal or a page without losing any: control characters (U+0000 to U+001F,
// U+007F to U+009F), invalid UTF-8, what changes how a line reads without being seen (U+061C, U+200B to U+200F, U+2028 to U+202E,
// U+2060 to U+206F, U+FEFF) and % become %XX for each byte. Unescape takes it back.
func Escape[S string | []byte](s S) string { return EscapeAlso(s, "") }

// EscapeAlso is Escape and writes also the ASCII characters in special as %XX.
func EscapeAlso[S string | []byte](s S, special string) string {
	if plain(s, special) {
		return string(s)
	}
	str := string(s)
	var b strings.Builder
	b.Grow(len(str) + 16)
	for i := 0; i < len(str); {
		r, n := utf8.DecodeRuneInString(str[i:])
		if bad(r, n) || (n == 1 && strings.IndexByte(special, str[i]) >= 0) {
			for _, c := range []byte(str[i : i+n]) {
				b.WriteByte('%')
				b.WriteByte(upperHex[c>>4])
				b.WriteByte(upperHex[c&15])
			}
		} else {
			b.WriteString(str[i : i+n])
		}
		i += n
	}
	return b.String()
}

func plain[S string | []byte](s S, special string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < 0x20 || c >= 0x7f || c == '%' || strings.IndexByte(special, c) >= 0 {
			return false
		}
	}
	return true
}

func bad(r rune, n int) bool {
	switch {
	case r == utf8.RuneError && n == 1, r < 0x20, r == 0x7f, r == '%', r >= 0x80 && r < 0xa0:
		return true
	case r == 0x061c, r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff:
		return true
	}
	return false
}

// Unescape returns the bytes that Escape was given. A % that no two hexadecimal digits follow stands for itself.
func Unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := strings.IndexByte(upperHex, s[i+1]), strings.IndexByte(upperHex, s[i+2])
			if hi >= 0 && lo >= 0 {
				b = append(b, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}
