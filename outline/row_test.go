package outline

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestRows holds the row types to what canonical JSON and the reader need: members in the order of their names, and a rule for every text.
func TestRows(t *testing.T) {
	classes := []string{"text", "lines", "name", "digest", "digest?", "address", "address!", "json", "date", "one", "one?"}
	l := newLimits()
	seen := map[reflect.Type]bool{}
	var look func(typ reflect.Type)
	look = func(typ reflect.Type) {
		if seen[typ] {
			return
		}
		seen[typ] = true
		rules := l.of(typ)
		if !slices.IsSortedFunc(rules, func(a, b rule) int { return cmp.Compare(a.name, b.name) }) {
			t.Errorf("%s: members are not in the order of their names", typ)
		}
		for _, r := range rules {
			f := typ.Field(r.index)
			inner := f.Type
			if inner.Kind() == reflect.Slice {
				if r.most == 0 {
					t.Errorf("%s.%s: a list without a bound", typ, f.Name)
				}
				inner = inner.Elem()
				if !strings.Contains(f.Tag.Get("json"), "omitempty") && typ != reflect.TypeFor[End]() && inner.Kind() != reflect.Uint8 {
					t.Errorf("%s.%s: a list that would be null", typ, f.Name)
				}
			}
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			switch inner.Kind() {
			case reflect.String:
				if !slices.Contains(classes, r.class) {
					t.Errorf("%s.%s: a text of the class %q", typ, f.Name, r.class)
				}
				if sized := r.class == "text" || r.class == "lines" || r.class == "name" || r.class == "json"; sized && r.size < 64 {
					t.Errorf("%s.%s: at most %d bytes", typ, f.Name, r.size)
				}
			case reflect.Struct:
				look(inner)
			case reflect.Int64, reflect.Bool, reflect.Uint8:
			default:
				t.Errorf("%s.%s: a %s, which nothing checks", typ, f.Name, inner.Kind())
			}
		}
	}
	for _, k := range append(kinds(), "end") {
		row := newRow(k)
		if row == nil || row.kind() != k {
			t.Fatalf("the kind %q makes %T", k, row)
		}
		look(reflect.TypeOf(row).Elem())
	}
	look(reflect.TypeFor[Range]())
	if newRow("") != nil || newRow("Head") != nil {
		t.Error("kinds that do not exist")
	}
}

// TestTexts: whatever comes in, what is fitted is valid, bounded, fitted already, and tells addresses apart.
func TestTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(
			rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes")) }),
			rapid.StringN(0, 200, -1),
			rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"%", "%41", "%e", "\u202e", "é", "\n", "\r\n", "\t", "\x00", "\xff", "a", "€", "…"}), 0, 200), func(l []string) string { return strings.Join(l, "") }),
		).Draw(t, "text")
		size := rapid.IntRange(64, 300).Draw(t, "size")
		for class, fit := range map[string]func(string) string{
			"text":    func(s string) string { return Text(s, size) },
			"lines":   func(s string) string { return clip(visibleLines(s), size) },
			"address": func(s string) string { return shorten(visible(s)) },
		} {
			r := rule{class: class, size: size}
			got := fit(s)
			if err := r.check(got); err != nil {
				t.Fatalf("%s of %q: %v", class, s, err)
			}
			if again := fit(got); again != got {
				t.Fatalf("%s of %q: %q, and once more %q", class, s, got, again)
			}
			if len(visible(s)) <= size && class == "text" && got != visible(s) {
				t.Fatalf("%q was cut without need", s)
			}
		}
	})
	for n, want := range []string{"", "a", "a", "a", "a%41", "a%41", "a%41é", "a%41é"} {
		if got := Cut("a%41é%42", n); got != want {
			t.Errorf("cut at %d: %q, want %q", n, got, want)
		}
	}
	long := strings.Repeat("a", MaxAddress)
	if shorten(long) != long || len(shorten(long+"b")) > MaxAddress || shorten(long+"b") == shorten(long+"c") {
		t.Error("long addresses are cut wrongly")
	}
	if got := clip(strings.Repeat("x", 100), 64); got != strings.Repeat("x", 29)+"… and 71 more bytes" {
		t.Errorf("clip: %q", got)
	}
	if got := visible("a%0Ab\u202e\x1b"); got != "a%0Ab%E2%80%AE%1B" {
		t.Errorf("visible: %q", got)
	}
}

func TestChecks(t *testing.T) {
	for _, c := range []struct {
		rule rule
		text string
		ok   bool
	}{
		{rule{class: "digest"}, strings.Repeat("ab", 32), true},
		{rule{class: "digest"}, strings.Repeat("AB", 32), false},
		{rule{class: "digest"}, "", false},
		{rule{class: "digest?"}, "", true},
		{rule{class: "digest?"}, "ab", false},
		{rule{class: "one", words: []string{"a"}}, "", false},
		{rule{class: "one?", words: []string{"a"}}, "", true},
		{rule{class: "one?", words: []string{"a"}}, "b", false},
		{rule{class: "date"}, "2026-11-24", true},
		{rule{class: "date"}, "2026-11-31", false},
		{rule{class: "name", size: 9}, "", false},
		{rule{class: "text", size: 9}, "a\nb", false},
		{rule{class: "lines", size: 9}, "a\nb", true},
		{rule{class: "lines", size: 9}, "a\r\nb", false},
		{rule{class: "text", size: 3}, "abcd", false},
		{rule{class: "address!"}, "", false},
		{rule{class: "address"}, strings.Repeat("a", MaxAddress+1), false},
		{rule{class: "json", size: 99}, `{"a":[1,"b",true,{"c":-2}]}`, true},
		{rule{class: "json", size: 99}, `{"a": 1}`, false},
		{rule{class: "json", size: 99}, `{"b":1,"a":1}`, false},
		{rule{class: "json", size: 99}, `{"a":1,"a":1}`, false},
		{rule{class: "json", size: 99}, `{"a":1.5}`, false},
		{rule{class: "json", size: 99}, `{"a":1e3}`, false},
		{rule{class: "json", size: 99}, `{"a":null}`, false},
		{rule{class: "json", size: 99}, `{"a":9007199254740993}`, false},
		{rule{class: "json", size: 99}, `{"a":"\u0007"}`, false},
		{rule{class: "json", size: 99}, "{\"a\":\"\u202e\"}", false},
		{rule{class: "json", size: 99}, `[]`, false},
		{rule{class: "json", size: 99}, `{}x`, false},
		{rule{class: "json", size: 99}, `null`, false},
		{rule{class: "json", size: 999}, strings.Repeat(`{"a":`, 100) + `1` + strings.Repeat(`}`, 100), false},
		{rule{class: "unheard"}, "", false},
	} {
		if err := c.rule.check(c.text); (err == nil) != c.ok {
			t.Errorf("%s %.60q: %v", c.rule.class, c.text, err)
		}
	}
}
