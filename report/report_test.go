package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/scheme"
	"github.com/probat-lab/probat/schemes"
)

func TestCountLine(t *testing.T) {
	c := judge.Counts{
		Total:     75,
		ByVerdict: map[judge.Verdict]int{judge.Pass: 7, judge.Fail: 4, judge.Inconclusive: 2, judge.NotAssessed: 61, judge.NotApplicable: 1},
		ByReason:  map[judge.Reason]int{judge.NoTest: 21, judge.NeedsDeclaration: 8, judge.NeedsInstance: 25, judge.NeedsPerson: 7},
	}
	const want = "7 pass, 4 fail, 2 inconclusive, 61 not assessed (21 have no test yet, 8 need a declaration, 25 need a running instance, 7 need a person), 1 not applicable"
	if got := CountLine(c); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestUUID: of version 5 and variant 10 (RFC 9562), and nothing but the name in it.
func TestUUID(t *testing.T) {
	if got := uuid5("a/b"); len(got) != 36 || got[14] != '5' || !strings.ContainsRune("89ab", rune(got[19])) {
		t.Errorf("%s is no UUID of version 5", got)
	}
	if uuid5("a/b") == uuid5("a/c") {
		t.Error("two names have one UUID")
	}
}

func TestDeparts(t *testing.T) {
	data, _ := schemes.Source("ts-33.117")
	s, err := scheme.Parse("s", data)
	if err != nil {
		t.Fatal(err)
	}
	if d := Departs(s); d != "" {
		t.Errorf("the scheme that comes with the program departs from itself: %s", d)
	}
	other, err := scheme.Parse("s", bytes.Replace(data, []byte("severity: high"), []byte("severity: low"), 1))
	if err != nil {
		t.Fatal(err)
	}
	if d := Departs(other); !strings.Contains(d, "not the ts-33.117") {
		t.Errorf("a changed scheme of the same name: %q", d)
	}
	other.ID = "mine"
	if d := Departs(other); d != "" {
		t.Errorf("a scheme of its own name: %s", d)
	}
}

func TestSizes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 3 << 30: "3.0 GiB", 1 << 62: "4096.0 PiB"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %s, want %s", n, got, want)
		}
	}
}
