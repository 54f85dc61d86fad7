package product

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/probat-lab/probat/strictyaml"
)

// decode fills a declaration from a tree of nodes and checks it.
func decode(root *strictyaml.Node, errs *strictyaml.Errors) (*Declaration, error) {
	d := &Declaration{}
	dec := decoder{errs: errs, wrong: map[string]bool{}}
	dec.object(root, declarationRule(), reflect.ValueOf(d).Elem(), "")
	for _, p := range check(d) {
		if dec.reported(p.path) {
			continue
		}
		at, there := root.Find(p.path)
		errs.Add(at, "%s", p.sentence(there))
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return d, nil
}

// A decoder puts nodes into the fields of structs. Only types are its business: what values may be, check says.
type decoder struct {
	errs  *strictyaml.Errors
	wrong map[string]bool // paths that an error was reported for
	strictyaml.Speller
}

// reported says whether an error was already reported for path or something around it.
func (d *decoder) reported(path string) bool {
	for {
		if d.wrong[path] {
			return true
		}
		end := strings.LastIndexAny(path, ".[")
		if end < 0 {
			return d.wrong[""]
		}
		path = path[:end]
	}
}

func (d *decoder) fail(at strictyaml.Place, path, format string, args ...any) {
	d.wrong[path] = true
	d.errs.Add(at, format, args...)
}

// typeError reports that n is of another type than the rule asks for.
func (d *decoder) typeError(n *strictyaml.Node, path, want string) {
	switch {
	case n.Kind == strictyaml.Bad:
		d.wrong[path] = true
	case n.Kind == strictyaml.Null:
		d.fail(n.At, path, "%s is empty: %s belongs here, or leave the key out", label(path), want)
	case want == strictyaml.String.String() && (n.Kind == strictyaml.Bool || n.Kind == strictyaml.Int || n.Kind == strictyaml.Number):
		d.fail(n.At, path, "%s is %s, want text: write %s in quotes", label(path), n.Kind, strictyaml.Quote(n.Text))
	default:
		d.fail(n.At, path, "%s is %s, want %s", label(path), n.Kind, want)
	}
}

// label names what stands at path in a message.
func label(path string) string {
	if path == "" {
		return "the declaration"
	}
	return path
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (d *decoder) object(n *strictyaml.Node, rule *objectRule, v reflect.Value, path string) {
	if n.Kind != strictyaml.Mapping {
		d.typeError(n, path, "a mapping with keys such as "+strings.Join(rule.names()[:min(3, len(rule.fields))], ", "))
		return
	}
	for _, e := range n.Entries {
		f := rule.field(e.Name)
		if f == nil {
			d.unknownKey(e, rule)
			continue
		}
		d.field(e.Value, f, v.Field(f.index), join(path, e.Name))
	}
}

func (d *decoder) unknownKey(e strictyaml.Entry, rule *objectRule) {
	if near := d.Nearest(e.Name, rule.names()); near != "" {
		d.errs.Add(e.At, "unknown key %s: did you mean %q?", strictyaml.Quote(e.Name), near)
		return
	}
	d.errs.Add(e.At, "unknown key %s: the keys here are %s", strictyaml.Quote(e.Name), strings.Join(rule.names(), ", "))
}

func (d *decoder) field(n *strictyaml.Node, f *fieldRule, v reflect.Value, path string) {
	if !f.list {
		d.value(n, f, v, path)
		return
	}
	if n.Kind == strictyaml.Null {
		d.fail(n.At, path, "%s is empty: write [] to declare that there are none, or leave the key out", path)
		return
	}
	if n.Kind != strictyaml.List {
		d.typeError(n, path, strictyaml.List.String())
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.List), len(n.List)))
	for i, item := range n.List {
		d.value(item, f, v.Index(i), path+"["+strconv.Itoa(i)+"]")
	}
}

func (d *decoder) value(n *strictyaml.Node, f *fieldRule, v reflect.Value, path string) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch f.kind {
	case kindObject:
		d.object(n, f.object, v, path)
	case kindString:
		if n.Kind != strictyaml.String {
			d.typeError(n, path, strictyaml.String.String())
			return
		}
		if n.Text == "" {
			d.fail(n.At, path, "%s is empty", path)
			return
		}
		v.SetString(n.Text)
	case kindBool:
		if n.Kind != strictyaml.Bool {
			d.typeError(n, path, strictyaml.Bool.String())
			return
		}
		v.SetBool(n.Bool)
	case kindInt:
		if n.Kind != strictyaml.Int {
			d.typeError(n, path, strictyaml.Int.String())
			return
		}
		v.SetInt(n.Int)
	}
}
