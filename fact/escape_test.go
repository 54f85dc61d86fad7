package fact

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"":                 "",
		"plain é 😀":        "plain é 😀",
		"a%41":             "a%2541",
		"\x00\x1f\x7f":     "%00%1F%7F",
		"\n\t":             "%0A%09",
		"\xff\xc3":         "%FF%C3",
		"é\xc3":            "é%C3",
		"\u0085":           "%C2%85",
		"\u200e\u200b":     "%E2%80%8E%E2%80%8B",
		"\u061c":           "%D8%9C",
		"\u2028\u202e":     "%E2%80%A8%E2%80%AE",
		"\u2066\ufeff":     "%E2%81%A6%EF%BB%BF",
		"\ufffd":           "\ufffd",
		"\xed\xa0\x80":     "%ED%A0%80", // a surrogate is no UTF-8
		"!;/@ are left as": "!;/@ are left as",
	} {
		if got := Escape(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
		if got := Escape([]byte(in)); got != want {
			t.Errorf("bytes of %q: got %q, want %q", in, got, want)
		}
	}
	if got, want := EscapeAlso("a!b;é/", "!;/"), "a%21b%3Bé%2F"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for in, want := range map[string]string{"%": "%", "%4": "%4", "%zz": "%zz", "%4a": "%4a", "%4A": "J", "100%": "100%", "%%41": "%A"} {
		if got := Unescape(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// FuzzEscape holds that nothing is lost, and that nothing is left that could alter a line, a terminal or canonical JSON.
func FuzzEscape(f *testing.F) {
	f.Add("a\x00\xff%41", "")
	f.Add("é\u202e\u2028\u0085\xc3", "!;/")
	f.Fuzz(func(t *testing.T, raw, special string) {
		special = strings.Map(func(r rune) rune {
			if r < 0x80 && !strings.ContainsRune("0123456789ABCDEF%", r) {
				return r
			}
			return -1
		}, special)
		for _, s := range []string{Escape(raw), Escape([]byte(raw)), EscapeAlso(raw, special)} {
			if got := Unescape(s); got != raw {
				t.Fatalf("%q became %q, and back %q", raw, s, got)
			}
			if !utf8.ValidString(s) {
				t.Fatalf("%q became %q, which is no UTF-8", raw, s)
			}
			for _, r := range s {
				if bad(r, utf8.RuneLen(r)) && r != '%' {
					t.Fatalf("%q became %q with %q in it", raw, s, r)
				}
			}
		}
		if strings.ContainsAny(EscapeAlso(raw, special), special) && special != "" {
			t.Fatalf("%q keeps one of %q", EscapeAlso(raw, special), special)
		}
	})
}
