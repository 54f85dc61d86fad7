package fact

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestKinds holds what every kind has, whoever adds one.
func TestKinds(t *testing.T) {
	kindName := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*(/[2-9])?$`)
	attrName := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	seen := map[string]bool{}
	for _, k := range Kinds() {
		if !kindName.MatchString(k.Name) || seen[k.Name] {
			t.Errorf("kind %q: a name that is no kind's, or another kind's", k.Name)
		}
		seen[k.Name] = true
		if k.Doc == "" || strings.HasSuffix(k.Doc, ".") || strings.Contains(k.Doc, "\n") {
			t.Errorf("kind %s has the doc %q", k.Name, k.Doc)
		}
		if len(k.Key) == 0 {
			t.Errorf("kind %s has no key", k.Name)
		}
		if len(k.Fields) == 0 {
			t.Errorf("kind %s has no attributes", k.Name)
		}
		for i, f := range k.Fields {
			if !attrName.MatchString(f.Name) || f.Name == "path" || f.Name == "system" {
				t.Errorf("%s.%s is no name for an attribute", k.Name, f.Name)
			}
			if i > 0 && k.Fields[i-1].Name >= f.Name {
				t.Errorf("%s.%s stands twice or out of order", k.Name, f.Name)
			}
			if f.Doc == "" || strings.Contains(f.Doc, "\n") {
				t.Errorf("%s.%s has the doc %q", k.Name, f.Name, f.Doc)
			}
			if f.Identity && (slices.Contains(k.Key, f.Name) || !f.Optional) {
				t.Errorf("%s.%s could tell who the vendor is: it cannot be in a key, and has to be optional", k.Name, f.Name)
			}
			if got, ok := k.Field(f.Name); !ok || got != &k.Fields[i] {
				t.Errorf("%s.%s is not found", k.Name, f.Name)
			}
		}
		for _, name := range k.Key {
			if _, ok := k.Field(name); !ok && name != "path" {
				t.Errorf("the key of %s names %q", k.Name, name)
			}
		}
		if got, ok := ByName(k.Name); !ok || got != k {
			t.Errorf("kind %s is not found", k.Name)
		}
		if KindOf(reflect.Zero(k.typ).Interface()) != k {
			t.Errorf("the struct of %s is not found", k.Name)
		}
		if slices.Contains(ContentKinds(), k.Name) != k.Content {
			t.Errorf("%s is in the wrong list", k.Name)
		}
	}
	if !slices.IsSortedFunc(Kinds(), func(a, b *Kind) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("kinds are not sorted")
	}
	if _, ok := ByName("nothing"); ok {
		t.Error("there is a kind that is not there")
	}
	if f, ok := Kinds()[0].Field("nothing"); ok {
		t.Errorf("got %v", f)
	}
	defer func() {
		if recover() == nil {
			t.Error("a type that is no kind is accepted")
		}
	}()
	KindOf(struct{}{})
}

func TestCoverage(t *testing.T) {
	c := Coverage{Kinds: map[string][]string{"elf": {"nx", "pie"}}}
	for _, s := range []struct {
		kind, attr string
		want       bool
	}{
		{"elf", "", true},
		{"elf", "nx", true},
		{"elf", "path", true},
		{"elf", "system", true},
		{"elf", "cet", false},
		{"file", "", false},
		{"file", "path", false},
	} {
		if got := c.Records(s.kind, s.attr); got != s.want {
			t.Errorf("%s.%s: got %v", s.kind, s.attr, got)
		}
	}
}

func TestOpt(t *testing.T) {
	if v, ok := (Opt[int64]{}).Get(); ok || v != 0 {
		t.Error("the zero value is present")
	}
	if v, ok := Known(int64(0)).Get(); !ok || v != 0 {
		t.Error("zero is absent")
	}
}
