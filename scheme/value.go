package scheme

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/probat-lab/probat/fact"
)

// ErrAbsent is what reading an absent attribute or an undeclared field ends in. It makes an item unknown.
var ErrAbsent = errors.New("is absent")

// object is a fact or a part of the declaration as expressions see it. Its fields answer for themselves, so that what is absent is
// an error and never a zero.
type object struct {
	typ   *types.Type
	names []string // of the fields that are there, sorted; of a part of the declaration only
	get   func(name string) (any, bool)
}

func (o *object) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("%s cannot become a %s", o.typ, t)
}

func (o *object) ConvertToType(t ref.Type) ref.Val {
	if t.TypeName() == types.TypeType.TypeName() {
		return o.typ
	}
	return types.NewErr("%s cannot become a %s", o.typ, t.TypeName())
}

// Equal compares by identity: two facts are the same if they are one.
func (o *object) Equal(other ref.Val) ref.Val { return types.Bool(o == other) }
func (o *object) Type() ref.Type              { return o.typ }
func (o *object) Value() any                  { return o }

func (o *object) field(name string) (any, error) {
	v, ok := o.get(name)
	if !ok {
		return nil, fmt.Errorf("%s.%s %w", o.typ.TypeName(), name, ErrAbsent)
	}
	return v, nil
}

// Item is one member of a test's domain.
type Item struct {
	value ref.Val
	// Fact is nil for an entry of a declaration's list.
	Fact *fact.Fact
}

// FactItem returns a fact as an item.
func FactItem(f *fact.Fact) *Item {
	return &Item{value: factValue(f), Fact: f}
}

func factValue(f *fact.Fact) *object {
	return &object{typ: kindType(f.Kind.Name), get: func(name string) (any, bool) {
		v, ok := f.Get(name)
		if !ok {
			return nil, false
		}
		return native(v), true
	}}
}

// native turns an attribute into a value of the expression language.
func native(v any) ref.Val {
	switch v := v.(type) {
	case bool:
		return types.Bool(v)
	case int64:
		return types.Int(v)
	case string:
		return types.String(v)
	case []string:
		return types.NewStringList(types.DefaultTypeAdapter, v)
	}
	return types.DefaultTypeAdapter.NativeToValue(v)
}

// Declared is what expressions see of a declaration.
type Declared struct {
	view  map[string]any
	value *object
}

// NewDeclared makes a declaration's view readable for expressions. A nil view is no declaration: everything is absent.
func NewDeclared(view map[string]any) *Declared {
	return &Declared{view: view, value: viewObject(declarationType, view)}
}

func viewObject(typ string, m map[string]any) *object {
	names := slices.Sorted(maps.Keys(m))
	return &object{typ: types.NewObjectType(typ), names: names, get: func(name string) (any, bool) {
		v, ok := m[name]
		if !ok {
			return nil, false
		}
		return viewValue(typ+"."+name, v), true
	}}
}

func viewValue(typ string, v any) ref.Val {
	switch v := v.(type) {
	case map[string]any:
		return viewObject(typ, v)
	case []any:
		list := make([]ref.Val, len(v))
		for i := range v {
			list[i] = viewValue(typ, v[i])
		}
		return types.NewRefValList(types.DefaultTypeAdapter, list)
	}
	return native(v)
}

// Has tells whether a field of the declaration is declared; name is as in needs, without the prefix: services, web.roots.
func (d *Declared) Has(name string) bool {
	_, ok := d.at(name)
	return ok
}

// List returns the entries of a list of the declaration as items, and whether it is declared.
func (d *Declared) List(name string) ([]*Item, bool) {
	v, ok := d.at(name)
	if !ok {
		return nil, false
	}
	list, ok := v.([]any)
	if !ok {
		return nil, false
	}
	items := make([]*Item, len(list))
	for i := range list {
		items[i] = &Item{value: viewValue(declarationType+"."+name, list[i])}
	}
	return items, true
}

func (d *Declared) at(name string) (any, bool) {
	var v any = d.view
	for part := range strings.SplitSeq(name, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[part]; !ok {
			return nil, false
		}
	}
	return v, true
}

// Get returns an attribute of an item as bool, int64, string or []string, and whether it is present.
func (it *Item) Get(name string) (any, bool) {
	if it.Fact != nil {
		return it.Fact.Get(name)
	}
	o, ok := it.value.(*object)
	if !ok {
		return nil, false
	}
	v, ok := o.get(name)
	if !ok {
		return nil, false
	}
	if r, isVal := v.(ref.Val); isVal {
		v = plainValue(r)
	}
	return v, v != nil
}

// Plain returns an entry of the declaration's list in words: its texts and numbers in the order of their fields' names.
func (it *Item) Plain() string {
	o, ok := it.value.(*object)
	if !ok {
		return fmt.Sprint(plainValue(it.value))
	}
	var parts []string
	for _, name := range o.names {
		v, _ := it.Get(name)
		switch v := v.(type) {
		case string:
			parts = append(parts, v)
		case int64:
			parts = append(parts, fmt.Sprint(v))
		}
	}
	return strings.Join(parts, " ")
}
