package fact

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"
	"pgregory.net/rapid"
)

// drawText draws a product's bytes as they stand in a fact: anything, escaped.
func drawText() *rapid.Generator[string] {
	raw := rapid.OneOf(
		rapid.String(),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 12), func(b []byte) string { return string(b) }),
		rapid.SampledFrom([]string{"", "\x00", "\"", "\\", "a\nb", "%41", "\u2028", "\u202e", "\ufeff", "😀", "é", "\xff", "/etc/passwd", "true", "9007199254740993"}),
	)
	return rapid.Map(raw, Escape[string])
}

// drawInt draws integers of all sizes, and those around 2^53 often.
func drawInt() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64(), rapid.Int64Range(-3, 3), rapid.Int64Range(maxExact-3, maxExact+3), rapid.Int64Range(-maxExact-3, -maxExact+3),
		rapid.SampledFrom([]int64{math.MaxInt64, math.MinInt64}))
}

// drawAttrs draws a value of a kind's struct, by reflection, and the attributes that it then has.
func drawAttrs(t *rapid.T, k *Kind) (any, map[string]any) {
	v := reflect.New(k.typ).Elem()
	attrs := map[string]any{}
	for _, f := range k.Fields {
		if f.Optional && rapid.Bool().Draw(t, "absent "+f.Name) {
			continue
		}
		var x any
		switch f.Type {
		case Bool:
			x = rapid.Bool().Draw(t, f.Name)
		case Int:
			x = drawInt().Draw(t, f.Name)
		case String:
			x = drawText().Draw(t, f.Name)
		case Strings:
			x = append([]string{}, rapid.SliceOfN(drawText(), 0, 3).Draw(t, f.Name)...)
		}
		attrs[f.Name] = x
		if f.Optional {
			switch x := x.(type) {
			case bool:
				v.Field(f.index).Set(reflect.ValueOf(Known(x)))
			case int64:
				v.Field(f.index).Set(reflect.ValueOf(Known(x)))
			case string:
				v.Field(f.index).Set(reflect.ValueOf(Known(x)))
			case []string:
				v.Field(f.index).Set(reflect.ValueOf(Known(x)))
			}
			continue
		}
		v.Field(f.index).Set(reflect.ValueOf(x))
	}
	return v.Interface(), attrs
}

func drawLocation(t *rapid.T) Location {
	return Location{
		Node:   "product" + drawText().Draw(t, "node"),
		System: drawText().Draw(t, "system"),
		Path:   drawText().Draw(t, "path"),
	}
}

func drawExcerpt(t *rapid.T) *Excerpt {
	if rapid.Bool().Draw(t, "no excerpt") {
		return nil
	}
	return &Excerpt{
		Offset: rapid.Int64Range(0, math.MaxInt64).Draw(t, "offset"), Length: rapid.Int64Range(0, math.MaxInt64).Draw(t, "length"),
		Line: rapid.Int64Range(0, maxExact+1).Draw(t, "line"), Text: drawText().Draw(t, "text"),
	}
}

// TestLineRoundTrip holds for every kind: what Encode writes is canonical JSON by another's judgement, and Parse reads back what was
// put in.
func TestLineRoundTrip(t *testing.T) {
	for _, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				attrs, want := drawAttrs(t, k)
				at, excerpt := drawLocation(t), drawExcerpt(t)
				line := Encode("observer", at, Record{Attrs: attrs, Excerpt: excerpt})
				canonical, err := jcs.Transform([]byte(line))
				if err != nil || string(canonical) != line {
					t.Fatalf("%s\nin canonical form is\n%s, %v", line, canonical, err)
				}
				f, err := Parse(k, line)
				if err != nil {
					t.Fatalf("%v in %s", err, line)
				}
				if f.Line() != line || f.Kind != k || f.Observer != "observer" || f.Location != at || !reflect.DeepEqual(f.Excerpt, excerpt) {
					t.Errorf("got %+v of %s", f, line)
				}
				got := map[string]any{}
				for _, field := range k.Fields {
					if v, ok := f.Get(field.Name); ok {
						got[field.Name] = v
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				if again := EncodeAttrs(f.Observer, f.Location, AttrsJSON(attrs), f.Excerpt); again != line {
					t.Errorf("%s\nbecame\n%s", line, again)
				}
			})
		})
	}
}

// TestLines holds a line of each sort to the byte.
func TestLines(t *testing.T) {
	at := Location{Node: "router!/a", System: "router", Path: "/a"}
	for want, r := range map[string]Record{
		`{"attrs":{"gid":0,"members":["a","b"],"name":"wheel"},"node":"router!/a","observer":"o","path":"/a","system":"router"}`: {Attrs: Group{Name: "wheel", GID: Known[int64](0), Members: []string{"a", "b"}}},
		`{"attrs":{"members":[],"name":"x"},"node":"router!/a","observer":"o","path":"/a","system":"router"}`:                    {Attrs: Group{Name: "x"}},
		`{"attrs":{"gid":"-9007199254740993","members":[],"name":"%1B\"\\"},"excerpt":{"length":5,"line":3,"offset":"9007199254740993","text":"é"},"node":"router!/a","observer":"o","path":"/a","system":"router"}`: {
			Attrs:   Group{Name: Escape("\x1b") + `"\`, GID: Known[int64](-maxExact - 1)},
			Excerpt: &Excerpt{Offset: maxExact + 1, Length: 5, Line: 3, Text: "é"},
		},
	} {
		if got := Encode("o", at, r); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if got, want := Encode("o", Location{Node: "p"}, Record{Attrs: Group{}}), `{"attrs":{"members":[],"name":""},"node":"p","observer":"o"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestParseRefuses holds that Parse takes nothing but what Encode writes.
func TestParseRefuses(t *testing.T) {
	k, _ := ByName("group")
	const good = `{"attrs":{"gid":7,"members":["a"],"name":"x"},"excerpt":{"length":1,"line":1,"offset":0,"text":"t"},"node":"n","observer":"o","path":"/p","system":"s"}`
	if _, err := Parse(k, good); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string][2]string{
		"space":                 {`"gid":7`, `"gid": 7`},
		"order":                 {`"gid":7,"members":["a"]`, `"members":["a"],"gid":7`},
		"repeated":              {`"gid":7`, `"gid":7,"gid":7`},
		"fraction":              {`"gid":7`, `"gid":7.0`},
		"exponent":              {`"gid":7`, `"gid":7e1`},
		"plus":                  {`"gid":7`, `"gid":+7`},
		"minus zero":            {`"gid":7`, `"gid":-0`},
		"leading zero":          {`"gid":7`, `"gid":07`},
		"no digits":             {`"gid":7`, `"gid":-`},
		"beyond 2^53":           {`"gid":7`, `"gid":9007199254740993`},
		"string within 2^53":    {`"gid":7`, `"gid":"9007199254740992"`},
		"string of no integer":  {`"gid":7`, `"gid":"x"`},
		"beyond 64 bits":        {`"gid":7`, `"gid":"9223372036854775808"`},
		"null":                  {`"gid":7`, `"gid":null`},
		"object":                {`"gid":7`, `"gid":{}`},
		"wrong type":            {`"gid":7`, `"gid":true`},
		"missing":               {`,"name":"x"`, ``},
		"number in a list":      {`["a"]`, `["a",1]`},
		"comma in a list":       {`["a"]`, `["a",]`},
		"open list":             {`["a"]`, `["a"`},
		"list of lists":         {`["a"]`, `[["a"]]`},
		"escape not needed":     {`"x"`, `"\u0078"`},
		"escaped slash":         {`"x"`, `"\/"`},
		"long escape":           {`"x"`, `"\u000a"`},
		"upper case escape":     {`"x"`, `"\u001B"`},
		"escaped surrogate":     {`"x"`, `"\ud83d\ude00"`},
		"unknown escape":        {`"x"`, `"\x"`},
		"short escape":          {`"x"`, `"\u00"`},
		"raw control":           {`"x"`, "\"\x1f\""},
		"control after escape":  {`"x"`, "\"\\n\x1f\""},
		"invalid UTF-8":         {`"x"`, "\"\xff\""},
		"invalid after escape":  {`"x"`, "\"\\n\xff\""},
		"open string":           {`"system":"s"}`, `"system":"s`},
		"open escape":           {`"system":"s"}`, `"system":"s\`},
		"unknown member":        {`"node"`, `"mode":1,"node"`},
		"no node":               {`"node":"n",`, ``},
		"empty node":            {`"n"`, `""`},
		"no observer":           {`"observer":"o",`, ``},
		"node is a number":      {`"n"`, `1`},
		"empty path":            {`"/p"`, `""`},
		"empty system":          {`"s"}`, `""}`},
		"member of excerpt":     {`"length":1`, `"height":1,"length":1`},
		"line 0":                {`"line":1`, `"line":0`},
		"excerpt without text":  {`,"text":"t"`, ``},
		"excerpt without place": {`"offset":0,`, ``},
		"empty excerpt":         {`{"length":1,"line":1,"offset":0,"text":"t"}`, `{}`},
		"no attrs":              {`"attrs":{"gid":7,"members":["a"],"name":"x"},`, ``},
		"data behind":           {`"s"}`, `"s"}x`},
		"newline behind":        {`"s"}`, "\"s\"}\n"},
		"comma behind":          {`"s"}`, `"s",}`},
		"truncated":             {`,"path":"/p","system":"s"}`, ``},
		"deep unknown attr":     {`"gid":7`, `"zid":{"a":1}`},
	} {
		line := strings.Replace(good, edit[0], edit[1], 1)
		if line == good {
			t.Errorf("%s: nothing to replace", name)
		}
		if f, err := Parse(k, line); err == nil {
			t.Errorf("%s: %s is accepted as %+v", name, line, f)
		}
	}
	for _, line := range []string{"", "{", "{}", "[]", "x", `{"`, `{"a"`, `{"attrs":{`, `{"attrs":{}}`, "null"} {
		if f, err := Parse(k, line); err == nil {
			t.Errorf("%s is accepted as %+v", line, f)
		}
	}
}

// TestNewerAttributes holds that attributes that only a newer program knows stay in the line and do no harm.
func TestNewerAttributes(t *testing.T) {
	k, _ := ByName("group")
	const line = `{"attrs":{"aaa":[],"big":"9007199254740993","members":[],"name":"x","zzz":true},"node":"n","observer":"o"}`
	f, err := Parse(k, line)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := f.Get("zzz"); ok || f.Line() != line {
		t.Errorf("got %+v", f)
	}
	if sorted, err := SortLines([]string{line}); err != nil || !slices.Equal(sorted, []string{line}) {
		t.Errorf("got %v, %v", sorted, err)
	}
}

// FuzzParse holds that what parses encodes to the same bytes, for every kind.
func FuzzParse(f *testing.F) {
	for i, k := range Kinds() {
		attrs := reflect.New(k.typ).Elem().Interface()
		f.Add(uint8(i), Encode("o", Location{"n", "s", "/p"}, Record{attrs, &Excerpt{1, 2, 3, "x\"\\"}}))
		f.Add(uint8(i), Encode("o", Location{"n", "", ""}, Record{attrs, nil}))
	}
	f.Add(uint8(5), `{"attrs":{"gid":"9007199254740993","members":["\n"],"name":"x"},"node":"n","observer":"o"}`)
	f.Fuzz(func(t *testing.T, which uint8, line string) {
		k := Kinds()[int(which)%len(Kinds())]
		fact, err := Parse(k, line)
		if err != nil {
			return
		}
		if !utf8.ValidString(line) || strings.Contains(line, "\n") {
			t.Fatalf("accepted %q", line)
		}
		if canonical, err := jcs.Transform([]byte(line)); err != nil || string(canonical) != line {
			t.Fatalf("accepted %q, which is not canonical: %q, %v", line, canonical, err)
		}
		// Unknown attributes are not kept apart, so the attributes stand as they were.
		_, rest, _ := strings.Cut(line, `{"attrs":`)
		attrs := rest[:attrsLen(t, rest)]
		if again := EncodeAttrs(fact.Observer, fact.Location, []byte(attrs), fact.Excerpt); again != line {
			t.Fatalf("%s\nbecame\n%s", line, again)
		}
		if _, err := SortLines([]string{line}); err != nil {
			t.Fatalf("%s parses and cannot be sorted: %v", line, err)
		}
		values := map[string]any{}
		for _, field := range k.Fields {
			if v, ok := fact.Get(field.Name); ok {
				values[field.Name] = v
			}
		}
		for name, v := range values {
			if text := fmt.Sprintf(`"%s":%s`, name, AppendJSON(nil, v)); !strings.Contains(attrs, text) {
				t.Fatalf("%s of %s reads as %s", name, line, text)
			}
		}
	})
}

// attrsLen returns the length of the object that s begins with.
func attrsLen(t *testing.T, s string) int {
	sc := &scanner{in: s}
	for m, name := sc.first(); name != ""; name = sc.next(&m) {
		sc.skip("")
	}
	if sc.err != nil {
		t.Fatal(sc.err)
	}
	return sc.pos
}
