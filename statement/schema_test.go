package statement

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The JSON Schemas are made of the Go types: their fields, their comments, and the rules in this file for what a type does not say.
const (
	schemas   = "../doc/schemas"
	schemaURI = "https://probat-lab.github.io/schema/statement/"
	dialect   = "https://json-schema.org/draft/2020-12/schema"
)

type object = map[string]any

type schemaMaker struct {
	t        *testing.T
	comments map[string]string
	used     map[string]bool // rules of fields that exist
}

// object describes a struct.
func (m schemaMaker) object(typ reflect.Type) object {
	properties, required := object{}, []any{}
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		p := m.value(typ.Name()+"."+f.Name, f.Type)
		if c := m.comments[typ.Name()+"."+f.Name]; c != "" {
			p["description"] = c
		}
		properties[name] = p
		if options != "omitempty" {
			required = append(required, name)
		}
	}
	o := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	if c := m.comments[typ.Name()]; c != "" {
		o["description"] = c
	}
	maps.Copy(o, rules[typ.Name()])
	return o
}

// value describes what stands in a field.
func (m schemaMaker) value(field string, typ reflect.Type) object {
	m.used[field], m.used[typ.Name()] = true, true
	switch typ.Kind() {
	case reflect.Pointer:
		return m.value(field, typ.Elem())
	case reflect.Struct:
		if shared[typ.Name()] {
			return ref(strings.ToLower(typ.Name()[:1]) + typ.Name()[1:])
		}
		return m.object(typ)
	case reflect.Slice:
		o := object{"type": "array", "items": m.value(field, typ.Elem())}
		if b, ok := bounds[field]; ok {
			o["minItems"] = b[0]
			if b[1] > 0 {
				o["maxItems"] = b[1]
			}
		}
		return o
	case reflect.Map:
		return object{"type": "object", "additionalProperties": ref("line"), "propertyNames": object{"pattern": "^[ -~]{1,512}$"}}
	case reflect.Int, reflect.Int64:
		b, ok := bounds[field]
		if !ok {
			b = [2]int64{0, maxInteger}
		}
		return object{"type": "integer", "minimum": b[0], "maximum": b[1]}
	case reflect.String:
		for _, name := range []string{field, typ.Name()} {
			if w := words[name]; w != nil {
				return object{"enum": w}
			}
		}
		sort := sorts[field]
		if sort == "" {
			sort = "line"
		}
		return ref(sort)
	}
	m.t.Fatalf("%s is a %v", field, typ)
	return nil
}

// makeSchemas makes all, by file name.
func makeSchemas(t *testing.T) map[string][]byte {
	t.Helper()
	m := schemaMaker{t, comments(t), map[string]bool{}}
	all := map[string]object{}
	cases := []any{}
	for _, uri := range uris() {
		name := "predicate-" + names[uri] + ".schema.json"
		if p := predicates[uri](); p.Common() != nil {
			all[name] = m.object(reflect.TypeOf(p).Elem())
		} else {
			all[name] = object{"type": "object", "description": "A document of a foreign format, in canonical JSON. What stands in it is for that format to say."}
		}
		all[name]["title"] = "Predicate " + uri
		cases = append(cases, object{"if": is("predicateType", uri), "then": object{"properties": object{"predicate": object{"$ref": name}}}})
	}
	defs := object{}
	for name, s := range scalars {
		s = maps.Clone(s)
		s["type"] = "string"
		defs[name] = s
	}
	defs["predicate"].(object)["enum"] = Types()
	for _, v := range []any{Act{}, Actor{}, Head{}, Policy{}, Release{}, Counts{}, Sealed{}, LabIdentity{}, Digest{}, Party{}} {
		typ := reflect.TypeOf(v)
		defs[strings.ToLower(typ.Name()[:1])+typ.Name()[1:]] = m.object(typ)
	}
	all["common.schema.json"] = object{"title": "What several statements have", "$defs": defs}
	subject := m.object(reflect.TypeFor[Subject]())
	all["statement.schema.json"] = object{
		"title": "in-toto Statement v1 of Probat: the payload of an envelope", "type": "object", "additionalProperties": false,
		"required": []any{"_type", "predicate", "predicateType", "subject"}, "allOf": cases,
		"properties": object{
			"_type": object{"const": Type}, "predicate": object{"type": "object"}, "predicateType": ref("predicate"),
			"subject": object{"type": "array", "minItems": 1, "maxItems": maxSubjects, "items": subject, "description": "What the statement is about."},
		},
	}
	all["envelope.schema.json"] = object{
		"title": "DSSE envelope of Probat: a statement with one signature", "type": "object", "additionalProperties": false, "required": []any{"payload", "payloadType", "signatures"},
		"properties": object{
			"payload":     object{"type": "string", "pattern": base64Any, "maxLength": MaxEnvelope - 200, "contentEncoding": "base64", "contentMediaType": PayloadType, "description": "The statement: statement.schema.json."},
			"payloadType": object{"const": PayloadType},
			"signatures": object{"type": "array", "minItems": 1, "maxItems": 1, "items": object{
				"type": "object", "additionalProperties": false, "required": []any{"keyid", "sig"},
				"properties": object{
					"keyid": object{"type": "string", "pattern": keyIDFormat, "description": "The key that signed, by the fingerprint that OpenSSH shows of it."},
					"sig":   object{"type": "string", "pattern": base64Any, "contentEncoding": "base64", "description": "ECDSA on P-256 with SHA-256 over the pre-authentication encoding, in DER."},
				},
			}},
		},
	}
	for name := range maps.Keys(sorts) {
		if !m.used[name] {
			t.Errorf("there is a rule for %s, which does not exist", name)
		}
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(words)), slices.Collect(maps.Keys(bounds))) {
		if !m.used[name] {
			t.Errorf("there is a rule for %s, which does not exist", name)
		}
	}
	out := map[string][]byte{}
	for name, s := range all {
		s["$schema"], s["$id"] = dialect, schemaURI+name
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(s); err != nil {
			t.Fatal(err)
		}
		out[name] = escaped(b.Bytes())
	}
	return out
}

// escaped writes JSON in ASCII, since patterns hold characters that nobody sees.
func escaped(data []byte) []byte {
	var b bytes.Buffer
	for _, r := range string(data) {
		if r < 0x7f {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.Bytes()
}

// comments reads what the source says of its types and fields.
func comments(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, name := range []string{"act.go", "case.go", "party.go", "public.go", "statement.go", "trust.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			d, ok := n.(*ast.GenDecl)
			if !ok || d.Tok != token.TYPE {
				return true
			}
			for _, s := range d.Specs {
				spec := s.(*ast.TypeSpec)
				found[spec.Name.Name] = oneLine(d.Doc)
				if st, ok := spec.Type.(*ast.StructType); ok {
					for _, f := range st.Fields.List {
						for _, name := range f.Names {
							found[spec.Name.Name+"."+name.Name] = oneLine(f.Comment)
						}
					}
				}
			}
			return true
		})
	}
	return found
}

func oneLine(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }

func TestPublishedSchemas(t *testing.T) {
	published{schemas, makeSchemas(t)}.compare(t, "README.md")
}

// compile reads the published schema of payloads or of envelopes.
func compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	for file, data := range folder(t, schemas) {
		if !strings.HasSuffix(file, ".json") {
			continue
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource(schemaURI+file, doc); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile(schemaURI + name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(s *jsonschema.Schema, data []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// TestSchemas holds that the schemas take every vector, and refuse what the list of refusals says that they do.
func TestSchemas(t *testing.T) {
	statements, envelopes := compile(t, "statement.schema.json"), compile(t, "envelope.schema.json")
	for name, data := range folder(t, vectors) {
		s := envelopes
		switch {
		case strings.Contains(name, "/"):
			continue
		case strings.HasSuffix(name, ".payload.json"):
			s = statements
		case !strings.HasSuffix(name, ".envelope.json"):
			continue
		}
		if err := validate(s, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, uri := range uris() {
		b, err := least(uri).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(statements, b); err != nil {
			t.Errorf("the least %s: %v", names[uri], err)
		}
	}
	for _, r := range refusals(t) {
		s := map[string]*jsonschema.Schema{"payload": statements, "envelope": envelopes, "signature": envelopes}[r.kind]
		if s == nil {
			continue
		}
		if err := validate(s, r.data); (err != nil) != r.schema {
			t.Errorf("%s: the list says that a schema refuses it: %v; it says %v", r.file(), r.schema, err)
		}
	}
}
