package page

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Visible is s with everything marked that a reader could not see or that would move what stands beside it: control characters
// and others without a shape (zero width, directions, tags, private use) as ⟨U+202E⟩, bytes that are no UTF-8 as ⟨xFF⟩, and a heap of more than
// four combining marks as its first four and a count. Line breaks and tabs are marked too.
func Visible(s string) string { return visible(s, false) }

// prose is Visible for text of several lines: line breaks and tabs stay, where the style keeps them.
func prose(s string) string { return visible(strings.ReplaceAll(s, "\r\n", "\n"), true) }

func visible(s string, lines bool) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	heap := 0
	flush := func() {
		if heap > maxMarks {
			fmt.Fprintf(&b, "⟨+%d marks⟩", heap-maxMarks)
		}
		heap = 0
	}
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.In(r, unicode.Mn, unicode.Me) && !isSelector(r) {
			if heap++; heap <= maxMarks {
				b.WriteRune(r)
			}
			i += size
			continue
		}
		flush()
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, "⟨x%02X⟩", s[i])
		case lines && (r == '\n' || r == '\t'):
			b.WriteRune(r)
		case unseen(r):
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		default:
			b.WriteRune(r)
		}
		i += size
	}
	flush()
	return b.String()
}

// maxMarks is how many combining marks in a row are text; more are a heap that covers the lines above.
const maxMarks = 4

func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

func isSelector(r rune) bool { return r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0100 && r <= 0xe01ef }

// unseen says that a character has no shape of its own. The Hangul fillers and the blank braille cell count as letters or symbols and are as empty.
func unseen(r rune) bool {
	switch r {
	case 0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x2800, 0x3164, 0xffa0:
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp) || isSelector(r) || !unicode.IsGraphic(r)
}

// shortDigest keeps the first six and the last four letters of a digest, without the name of the algorithm.
func shortDigest(d string) string {
	if _, after, ok := strings.Cut(d, ":"); ok {
		d = after
	}
	if len(d) <= 12 || !plain(d) {
		return Visible(d)
	}
	return d[:6] + "…" + d[len(d)-4:]
}

func when(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04") + " UTC" }
func day(t time.Time) string  { return t.UTC().Format("2 Jan 2006") }

// left says how long until due, in the largest unit that is at least one, as "6 days" or "overdue by 2 hours".
func left(now, due time.Time) string {
	d := due.Sub(now)
	if d < 0 {
		return "overdue by " + span(-d)
	}
	return "in " + span(d)
}

func span(d time.Duration) string {
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d >= u.size {
			return count(int(d/u.size), u.name)
		}
	}
	return "less than a minute"
}

// count is a number with its noun, as "1 file", "3 files", "1,204 files".
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return number(int64(n)) + " " + noun
}

// number groups thousands by commas.
func number(n int64) string {
	s := fmt.Sprint(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// size is a number of bytes in powers of 1024 with one decimal.
func size(n int64) string {
	if n < 1024 {
		return number(n) + " B"
	}
	v, unit := float64(n)/1024, 0
	for v >= 1024 && unit < len(units)-1 {
		v, unit = v/1024, unit+1
	}
	return fmt.Sprintf("%.1f %s", v, units[unit])
}

var units = []string{"KiB", "MiB", "GiB", "TiB"}
