package fact

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Type is the type of an attribute.
type Type string

// The types of attributes. Integers are 64-bit; beyond 2^53 they are written as strings.
const (
	Bool    Type = "bool"
	Int     Type = "int"
	String  Type = "string"
	Strings Type = "list(string)"
)

// Field describes one attribute of a kind.
type Field struct {
	Name     string
	Type     Type
	Doc      string
	Optional bool // may be absent in a fact
	Identity bool // could tell who the vendor is: readers see it, tests cannot

	index  int    // of the struct's field
	member string // the name as it stands in a line: "name":
}

// Kind describes a kind of facts.
type Kind struct {
	Name    string
	Doc     string
	Key     []string // what identifies a thing of this kind; "path" is the fact's path
	Fields  []Field  // sorted by name
	Content bool     // recognised by content alone, wherever a file lies

	typ reflect.Type
}

// Field returns the attribute of that name.
func (k *Kind) Field(name string) (*Field, bool) {
	i, ok := k.position(name)
	if !ok {
		return nil, false
	}
	return &k.Fields[i], true
}

func (k *Kind) position(name string) (int, bool) {
	return slices.BinarySearchFunc(k.Fields, name, func(f Field, n string) int { return strings.Compare(f.Name, n) })
}

// Place names the attributes that every fact has beside those of its kind: where it was seen. Both may be empty.
func Place() []Field {
	return []Field{
		{Name: "path", Type: String, Doc: "path in the system, with a leading slash; where there is no system, path in the innermost container"},
		{Name: "system", Type: String, Doc: "address of the root of the system in which the fact was seen; empty where there is none"},
	}
}

// Kinds returns all kinds, sorted by name. The slice is the caller's, the kinds are shared and must not be changed.
func Kinds() []*Kind { return slices.Clone(registry().sorted) }

// ByName returns the kind of that name.
func ByName(name string) (*Kind, bool) {
	k, ok := registry().byName[name]
	return k, ok
}

// KindOf returns the kind whose struct attrs is. It panics for a type that is no kind: a broken invariant of the caller.
func KindOf(attrs any) *Kind {
	k, ok := registry().byType[reflect.TypeOf(attrs)]
	if !ok {
		panic(fmt.Sprintf("fact: %T is no kind", attrs))
	}
	return k
}

// ContentKinds returns the names of the kinds that are recognised by content alone, sorted.
func ContentKinds() []string {
	var names []string
	for _, k := range registry().sorted {
		if k.Content {
			names = append(names, k.Name)
		}
	}
	return names
}

type kindTable struct {
	sorted []*Kind
	byName map[string]*Kind
	byType map[reflect.Type]*Kind
}

// registry is built once from the table in kinds.go, at first use.
var registry = sync.OnceValue(func() *kindTable {
	t := &kindTable{byName: map[string]*Kind{}, byType: map[reflect.Type]*Kind{}}
	for _, d := range definitions {
		k := describe(d)
		t.sorted = append(t.sorted, k)
		t.byName[k.Name] = k
		t.byType[k.typ] = k
	}
	slices.SortFunc(t.sorted, func(a, b *Kind) int { return strings.Compare(a.Name, b.Name) })
	return t
})

type definition struct {
	name, doc string
	attrs     any
	content   bool
}

func describe(d definition) *Kind {
	typ := reflect.TypeOf(d.attrs)
	k := &Kind{Name: d.name, Doc: d.doc, Content: d.content, typ: typ}
	keyed := map[int]string{}
	for i := range typ.NumField() {
		sf := typ.Field(i)
		name, options, _ := strings.Cut(sf.Tag.Get("fact"), ",")
		if name == "" {
			if sf.Name != "_" {
				panic(fmt.Sprintf("fact: field %s of %s has no tag", sf.Name, typ))
			}
			name = "path"
		}
		for o := range strings.SplitSeq(options, ",") {
			if n, ok := strings.CutPrefix(o, "key="); ok {
				keyed[int(n[0]-'0')] = name
			}
		}
		if sf.Name == "_" {
			continue
		}
		f := Field{
			Name: name, Doc: sf.Tag.Get("doc"), index: i, member: `"` + name + `":`,
			Identity: slices.Contains(strings.Split(options, ","), "identity"),
		}
		zero := reflect.Zero(sf.Type).Interface()
		if o, ok := zero.(optional); ok {
			f.Optional, zero = true, o.zero()
		}
		f.Type = typeOf(zero)
		k.Fields = append(k.Fields, f)
	}
	slices.SortFunc(k.Fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; keyed[i] != ""; i++ {
		k.Key = append(k.Key, keyed[i])
	}
	return k
}

func typeOf(zero any) Type {
	switch zero.(type) {
	case bool:
		return Bool
	case int64:
		return Int
	case string:
		return String
	case []string:
		return Strings
	}
	panic(fmt.Sprintf("fact: attributes of type %T are not supported", zero))
}
