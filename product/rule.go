package product

import (
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// The rules of a field stand in its tag `rule`, separated by commas:
//
//	required      the key must be there
//	enum=a b c    the only values; enum=@class is the list of classes
//	known=@…      values that have a meaning; others that suit the format are allowed
//	format=…      the shape of a string, see format.go; without one it is a single line of text
//	min=, max=    the range of an integer
//	view=omit     not in View: it would tell who the vendor is
//	view=presence in View only as `true`: free text, of which a test may know that it was given but not what it says
//
// For a list of scalars the rules hold for each element.

// A fieldRule is one field of a struct of this package, as its Go type and tags describe it.
type fieldRule struct {
	name     string
	index    int
	kind     fieldKind
	list     bool        // a list of kind
	object   *objectRule // for kindObject
	required bool
	enum     []string
	known    []string
	format   string
	min, max int64
	omit     bool
	presence bool
}

// An objectRule is one struct of this package.
type objectRule struct {
	typ    reflect.Type
	fields []*fieldRule
}

type fieldKind int

const (
	kindString fieldKind = iota
	kindBool
	kindInt
	kindObject
)

// declarationRule is the model that parser, checker, view, schema and draft share, made when first asked for.
var declarationRule = sync.OnceValue(func() *objectRule {
	return newObjectRule(reflect.TypeFor[Declaration]())
})

func newObjectRule(t reflect.Type) *objectRule {
	o := &objectRule{typ: t}
	for i := range t.NumField() {
		o.fields = append(o.fields, newFieldRule(t.Field(i), i))
	}
	return o
}

func newFieldRule(sf reflect.StructField, index int) *fieldRule {
	f := &fieldRule{index: index}
	f.name, _, _ = strings.Cut(sf.Tag.Get("json"), ",")
	t := sf.Type
	if t.Kind() == reflect.Slice {
		f.list, t = true, t.Elem()
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		f.kind = kindString
	case reflect.Bool:
		f.kind = kindBool
	case reflect.Int64:
		f.kind = kindInt
	case reflect.Struct:
		f.kind, f.object = kindObject, newObjectRule(t)
	default:
		panic("product: field " + sf.Name + " has a type that no rule covers")
	}
	for part := range strings.SplitSeq(sf.Tag.Get("rule"), ",") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "":
		case "required":
			f.required = true
		case "enum":
			f.enum = wordList(value)
		case "known":
			f.known = wordList(value)
		case "format":
			f.format = value
		case "min":
			f.min, _ = strconv.ParseInt(value, 10, 64)
		case "max":
			f.max, _ = strconv.ParseInt(value, 10, 64)
		case "view":
			f.omit, f.presence = value == "omit", value == "presence"
		default:
			panic("product: field " + sf.Name + " has the unknown rule " + part)
		}
	}
	return f
}

// wordList returns the words of a rule: themselves, or the list that @name stands for.
func wordList(s string) []string {
	var out []string
	switch s {
	case "@class":
		for _, c := range Classes() {
			out = append(out, c.ID)
		}
	case "@function":
		for _, f := range KnownFunctions() {
			out = append(out, f.ID)
		}
	default:
		out = strings.Fields(s)
	}
	return out
}

// field returns the rule of the key name, or nil.
func (o *objectRule) field(name string) *fieldRule {
	for _, f := range o.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

// names returns the keys of the object in the order of the struct.
func (o *objectRule) names() []string {
	out := make([]string, len(o.fields))
	for i, f := range o.fields {
		out[i] = f.name
	}
	return out
}

// present says whether a field was declared: lists and pointers that are not nil, strings that are not empty, integers that are not 0.
func present(v reflect.Value) bool {
	return !v.IsZero()
}
