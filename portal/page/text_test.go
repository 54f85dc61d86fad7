package page

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestVisible(t *testing.T) {
	for _, c := range []struct{ in, want, prose string }{
		{"plain", "plain", "plain"},
		{"Köln — “x” 東京 é", "Köln — “x” 東京 é", "Köln — “x” 東京 é"},
		{"a\x00b\x1f\x7f", "a⟨U+0000⟩b⟨U+001F⟩⟨U+007F⟩", "a⟨U+0000⟩b⟨U+001F⟩⟨U+007F⟩"},
		{"a\nb\tc\r\n", "a⟨U+000A⟩b⟨U+0009⟩c⟨U+000D⟩⟨U+000A⟩", "a\nb\tc\n"},
		{"a\rb", "a⟨U+000D⟩b", "a⟨U+000D⟩b"},
		{"x\u202egpj.exe", "x⟨U+202E⟩gpj.exe", "x⟨U+202E⟩gpj.exe"},
		{"\u2066\u200b\ufeff\u00ad\u2028\U000e0041", "⟨U+2066⟩⟨U+200B⟩⟨U+FEFF⟩⟨U+00AD⟩⟨U+2028⟩⟨U+E0041⟩", "⟨U+2066⟩⟨U+200B⟩⟨U+FEFF⟩⟨U+00AD⟩⟨U+2028⟩⟨U+E0041⟩"},
		{"\u3164\u2800\ufe0f\u0085", "⟨U+3164⟩⟨U+2800⟩⟨U+FE0F⟩⟨U+0085⟩", "⟨U+3164⟩⟨U+2800⟩⟨U+FE0F⟩⟨U+0085⟩"},
		{"a\xffb\xc3", "a⟨xFF⟩b⟨xC3⟩", "a⟨xFF⟩b⟨xC3⟩"},
		{"e\u0301", "e\u0301", "e\u0301"},
		{"e" + strings.Repeat("\u0301", 9) + "f", "e" + strings.Repeat("\u0301", 4) + "⟨+5 marks⟩f", "e" + strings.Repeat("\u0301", 4) + "⟨+5 marks⟩f"},
		{"\ufffd", "\ufffd", "\ufffd"},
	} {
		if got := Visible(c.in); got != c.want {
			t.Errorf("Visible(%q) = %q, want %q", c.in, got, c.want)
		}
		if got := prose(c.in); got != c.prose {
			t.Errorf("prose(%q) = %q, want %q", c.in, got, c.prose)
		}
	}
}

func FuzzVisible(f *testing.F) {
	f.Add(hostile)
	f.Fuzz(func(t *testing.T, s string) {
		got := Visible(s)
		if !utf8.ValidString(got) {
			t.Fatalf("%q becomes %q, no UTF-8", s, got)
		}
		for _, r := range got {
			if r < 0x20 || r == 0x7f || unseen(r) {
				t.Fatalf("%q still has %U", got, r)
			}
		}
		if again := Visible(got); again != got {
			t.Fatalf("twice: %q, once: %q", again, got)
		}
	})
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{number(0), "0"},
		{number(999), "999"},
		{number(1000), "1,000"},
		{number(48190), "48,190"},
		{number(-1234567), "-1,234,567"},
		{size(1023), "1,023 B"},
		{size(1024), "1.0 KiB"},
		{size(73_400_320), "70.0 MiB"},
		{size(1 << 50), "1024.0 TiB"},
		{count(1, "file"), "1 file"},
		{count(0, "file"), "0 files"},
		{left(now, now.Add(6*24*time.Hour+time.Hour)), "in 6 days"},
		{left(now, now.Add(-2*time.Hour)), "overdue by 2 hours"},
		{left(now, now.Add(time.Second)), "in less than a minute"},
		{shortDigest("sha256:" + digestA), "9f2c41…e07a"},
		{shortDigest("abc"), "abc"},
		{shortDigest("\u202e"), "⟨U+202E⟩"},
		{safeID("a b/c.1"), "a-20b-2fc.1"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestBarFills(t *testing.T) {
	for _, c := range []Counts{{31, 3, 2, 24, 13}, {1, 1, 1, 1, 100000}, {0, 0, 0, 0, 5}, {0, 5, 0, 0, 0}} {
		parts := c.parts()
		last := parts[len(parts)-1]
		var x, width float64
		if _, err := fmt.Sscan(last.x, &x); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(last.width, &width); err != nil {
			t.Fatal(err)
		}
		if end := x + width; end < barWidth-0.2 || end > barWidth+0.2 {
			t.Errorf("%+v ends at %v, want %d", c, end, barWidth)
		}
	}
	if got := (Counts{Pass: -3}).parts(); got != nil {
		t.Errorf("negative counts give %v", got)
	}
	if got := (Counts{1, 2, 3, 4, 5}).Apply(); got != 10 {
		t.Errorf("10 apply, got %d", got)
	}
}
