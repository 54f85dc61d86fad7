package statement

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestFormatDescribed holds that doc/format.md has a section on every predicate type that names all its members, and their values where
// there are few.
func TestFormatDescribed(t *testing.T) {
	data, err := os.ReadFile("../doc/format.md")
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, _ := strings.Cut(string(data), "\n# Statements\n")
	chapter, _, _ = strings.Cut(chapter, "\n# ")
	sections := map[string]string{}
	for _, s := range strings.Split(chapter, "\n### ")[1:] {
		title, text, _ := strings.Cut(s, "\n")
		for name := range strings.SplitSeq(title, ", ") {
			sections[name] = text
		}
	}
	has := func(section string, typ reflect.Type) {
		members(typ, func(path, word string) {
			if !strings.Contains(sections[section], "`"+word+"`") {
				t.Errorf("doc/format.md, section %s, does not name `%s` of %s", section, word, path)
			}
		})
	}
	for _, uri := range uris() {
		text, ok := sections[names[uri]]
		if !ok {
			t.Errorf("doc/format.md has no section %s", names[uri])
		}
		if strings.HasPrefix(strings.TrimSpace(text), "Public.") != Public(uri) {
			t.Errorf("doc/format.md has it wrong whether a %s is public", names[uri])
		}
		if !strings.Contains(text, "igned by the ") {
			t.Errorf("doc/format.md does not say who signs a %s", names[uri])
		}
		if p := predicates[uri](); p.Common() != nil {
			has(names[uri], reflect.TypeOf(p).Elem())
		}
	}
	for _, v := range []any{Act{}, Actor{}, Head{}} {
		has("act", reflect.TypeOf(v))
	}
	for _, v := range []any{Policy{}, Release{}, Counts{}, Sealed{}, LabIdentity{}} {
		has("Objects in several predicates", reflect.TypeOf(v))
	}
}

// members calls f for each member of a type, and for each value of a member that has few; not for what stands in shared types.
func members(typ reflect.Type, f func(path, word string)) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct {
		return
	}
	for i := range typ.NumField() {
		field := typ.Field(i)
		path := typ.Name() + "." + field.Name
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		f(path, name)
		values := words[path]
		if values == nil {
			values = words[field.Type.Name()]
		}
		for _, w := range values {
			f(path, w)
		}
		elem := field.Type
		for elem.Kind() == reflect.Pointer || elem.Kind() == reflect.Slice {
			elem = elem.Elem()
		}
		if !shared[elem.Name()] {
			members(elem, f)
		}
	}
}
