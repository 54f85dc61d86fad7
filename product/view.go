package product

import (
	_ "embed"
	"encoding/json"
	"reflect"
	"strings"
)

// View returns what the tests of a scheme can read of the declaration, by the names of the file; Fields describes it.
// Only declared fields are there. Values are bool, int64, string, []any and map[string]any; the caller owns them.
//
// It never tells who the vendor is: names of vendor and product, the version, ids and paths of artifacts and documents are
// left out, and where a text was given for people (a purpose, a reason, a contact) it has only `true`; for a list of such
// texts that is empty, `false`. Paths in the product
// are as in facts: with a leading slash, without `.` and empty parts.
func (d *Declaration) View() map[string]any {
	return viewObject(declarationRule(), reflect.ValueOf(d).Elem())
}

func viewObject(rule *objectRule, v reflect.Value) map[string]any {
	out := map[string]any{}
	for _, f := range rule.fields {
		fv := v.Field(f.index)
		switch {
		case f.omit || !present(fv):
		case f.presence:
			out[f.name] = !f.list || fv.Len() > 0
		case f.list:
			list := make([]any, fv.Len())
			for i := range list {
				list[i] = viewValue(f, fv.Index(i))
			}
			out[f.name] = list
		default:
			out[f.name] = viewValue(f, fv)
		}
	}
	return out
}

func viewValue(f *fieldRule, v reflect.Value) any {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch f.kind {
	case kindObject:
		return viewObject(f.object, v)
	case kindBool:
		return v.Bool()
	case kindInt:
		return v.Int()
	default:
		if f.format == "path" || f.format == "program" {
			return treePath(v.String(), f.format)
		}
		return v.String()
	}
}

// treePath writes a declared path as facts write theirs. The name of a program, which has no slash, stays as it is.
func treePath(s, format string) string {
	if s == "" || format == "program" && !strings.Contains(s, "/") {
		return s
	}
	var parts []string
	for part := range strings.SplitSeq(s, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	return "/" + strings.Join(parts, "/")
}

// A Field is a field of View: what a type checker needs to know of it.
type Field struct {
	Name string
	Type string // bool, int, string, list or object
	// Elem is the type of a list's elements: bool, int, string or object; empty for what is no list.
	Elem string
	// Fields are those of an object, or of a list's objects.
	Fields []Field
	// Format is date (YYYY-MM-DD) or path (in the product), else empty. For a list it is that of its strings.
	Format string
	// Values are all that a string can be, or nil when it can be anything.
	Values []string
	// Doc says what it is, on one line.
	Doc string
}

// Fields describes View, in the order of the struct Declaration. The caller owns the slice.
func Fields() []Field {
	var docs schemaDoc
	if err := json.Unmarshal(schema, &docs); err != nil {
		panic("product: the embedded schema is no JSON: " + err.Error())
	}
	return viewFields(declarationRule(), docs, docs.Defs)
}

func viewFields(rule *objectRule, docs schemaDoc, defs map[string]schemaDoc) []Field {
	var out []Field
	for _, f := range rule.fields {
		if f.omit {
			continue
		}
		v := Field{Name: f.name, Type: f.typeName(), Values: f.enum, Doc: docs.Properties[f.name].Description}
		switch f.format {
		case "path", "program":
			v.Format = "path"
		case "date":
			v.Format = "date"
		}
		switch {
		case f.presence:
			v = Field{Name: f.name, Type: "bool", Doc: "Whether it was given: " + v.Doc}
		case f.list:
			v.Elem, v.Type = v.Type, "list"
		}
		if f.object != nil {
			v.Fields = viewFields(f.object, defs[f.object.typ.Name()], defs)
		}
		out = append(out, v)
	}
	return out
}

func (f *fieldRule) typeName() string {
	return [...]string{kindString: "string", kindBool: "bool", kindInt: "int", kindObject: "object"}[f.kind]
}

// A schemaDoc is the part of the JSON Schema that says what things are.
type schemaDoc struct {
	Description string               `json:"description"`
	Properties  map[string]schemaDoc `json:"properties"`
	Defs        map[string]schemaDoc `json:"$defs"`
}

//go:embed product.schema.json
var schema []byte

// Schema returns the JSON Schema (2020-12) of product.yaml. It is written from the types of this package; a test says that
// it is current. Parse refuses more than a schema can: what must differ, and what must refer to something declared.
func Schema() []byte {
	return append([]byte(nil), schema...)
}
