package product

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "rewrite product.schema.json")

func TestSchemaIsCurrent(t *testing.T) {
	want := writeSchema(t)
	if *update {
		if err := os.WriteFile("product.schema.json", want, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(want, Schema()) {
		t.Error("product.schema.json is not what the types say: run go test ./product -update")
	}
}

// writeSchema makes the JSON Schema from the rules of the types and the comments of their fields.
func writeSchema(t *testing.T) []byte {
	s := schemaWriter{t: t, comments: comments(t), defs: map[string]any{}}
	root := s.object(declarationRule())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = "https://probat-lab.github.io/schema/product.schema.json"
	root["title"] = "Declaration of a product release (product.yaml)"
	root["allOf"] = []any{
		map[string]any{
			"if":   map[string]any{"properties": map[string]any{"kind": map[string]any{"enum": []any{"service", "process"}}}, "required": []any{"kind"}},
			"then": map[string]any{"required": []any{"period"}},
			"else": map[string]any{
				"required":   []any{"version"},
				"properties": map[string]any{"period": false, "artifacts": map[string]any{"minItems": 1}},
			},
		},
	}
	root["$defs"] = s.defs
	document := s.defs["Document"].(map[string]any)
	document["oneOf"] = []any{map[string]any{"required": []any{"path"}}, map[string]any{"required": []any{"artifact"}}}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type schemaWriter struct {
	t        *testing.T
	comments map[string]string
	defs     map[string]any
}

func (s schemaWriter) object(o *objectRule) map[string]any {
	properties := map[string]any{}
	var required []any
	for _, f := range o.fields {
		p := s.value(f)
		if f.list {
			p = map[string]any{"type": "array", "items": p}
			if f.kind == kindString {
				p["uniqueItems"] = true
			}
		}
		goName := o.typ.Field(f.index).Name
		doc := s.comment(o.typ.Name() + "." + goName)
		if rest, ok := strings.CutPrefix(doc, goName+" "); ok {
			doc = f.name + " " + rest
		}
		p["description"] = doc
		properties[f.name] = p
		if f.required {
			required = append(required, f.name)
		}
	}
	out := map[string]any{
		"type":                 "object",
		"description":          s.comment(o.typ.Name()),
		"properties":           properties,
		"additionalProperties": false,
	}
	if required != nil {
		out["required"] = required
	}
	return out
}

func (s schemaWriter) value(f *fieldRule) map[string]any {
	switch f.kind {
	case kindObject:
		name := f.object.typ.Name()
		if s.defs[name] == nil {
			s.defs[name] = s.object(f.object)
		}
		return map[string]any{"$ref": "#/$defs/" + name}
	case kindBool:
		return map[string]any{"type": "boolean"}
	case kindInt:
		return map[string]any{"type": "integer", "minimum": f.min, "maximum": f.max}
	}
	if f.enum != nil {
		return map[string]any{"type": "string", "enum": f.enum}
	}
	text := map[string]any{"$ref": "#/$defs/" + s.format(f.format)}
	if f.known != nil {
		return map[string]any{"anyOf": []any{map[string]any{"enum": f.known}, text}}
	}
	return text
}

// format adds the definition of a format and returns its name.
func (s schemaWriter) format(name string) string {
	shape := formats()[name]
	def := map[string]any{"type": "string", "pattern": shape.pattern, "maxLength": shape.limit, "description": "This is " + shape.want + "."}
	if name == "date" {
		def["format"] = "date"
	}
	if name == "" {
		name = "line"
	}
	s.defs[name] = def
	return name
}

func (s schemaWriter) comment(name string) string {
	c := s.comments[name]
	if c == "" {
		s.t.Errorf("%s has no comment", name)
	}
	return c
}

// comments returns the doc comments of the structs in declaration.go and of their fields, on one line each.
func comments(t *testing.T) map[string]string {
	file, err := parser.ParseFile(token.NewFileSet(), "declaration.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	line := func(g *ast.CommentGroup) string { return strings.Join(strings.Fields(g.Text()), " ") }
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			continue
		}
		typ := gen.Specs[0].(*ast.TypeSpec)
		first, _, _ := strings.Cut(line(gen.Doc), ". ")
		out[typ.Name.Name] = strings.TrimSuffix(first, ".") + "."
		if st, ok := typ.Type.(*ast.StructType); ok {
			for _, f := range st.Fields.List {
				out[typ.Name.Name+"."+f.Names[0].Name] = line(f.Doc)
			}
		}
	}
	return out
}

// compileSchema compiles the shipped schema with date formats asserted.
func compileSchema(t *testing.T) *jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("product.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	sch, err := c.Compile("product.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return sch
}
