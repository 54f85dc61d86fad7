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

// Patterns are of what ECMA 262, RE2 and Python have in common. They leave out what cannot be shown in the basic plane.
const (
	unseenRest = "\x7f-\u00a0\u00ad\u0600-\u0605\u061c\u06dd\u070f\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ue000-\uf8ff\ufeff\ufff9-\ufffb"
	noLine     = "\x00-\x1f" + unseenRest
	noText     = "\x00-\x09\x0b-\x1f" + unseenRest
	noPolicy   = "\x00-\x08\x0b-\x1f" + unseenRest
	quad       = `[A-Za-z0-9+/]{4}`
	base64Any  = `^(` + quad + `)*(` + quad + `|[A-Za-z0-9+/]{2}` + base64Two + `=|[A-Za-z0-9+/][AQgw]==)$`
	dayFormat  = `[2-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])`
	base64Two  = `[AEIMQUYcgkosw048]`
)

// scalars are the sorts of text, in $defs of common.schema.json.
var scalars = map[string]object{
	"sha256":     {"description": "SHA-256 as hexadecimal digits in lower case.", "pattern": `^[0-9a-f]{64}$`},
	"hash":       {"description": "32 bytes in base64 with padding.", "pattern": `^[A-Za-z0-9+/]{42}` + base64Two + `=$`},
	"number":     {"description": "16 bytes as hexadecimal digits in lower case.", "pattern": `^[0-9a-f]{32}$`},
	"time":       {"description": "RFC 3339, UTC, whole seconds.", "pattern": `^` + dayFormat + `T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$`},
	"date":       {"description": "YYYY-MM-DD.", "pattern": `^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`},
	"line":       {"description": "One line that can be shown, of at most 512 bytes in UTF-8.", "pattern": `^[^` + noLine + `]+$`, "maxLength": maxLine},
	"text":       {"description": "Lines that can be shown, of at most 8192 bytes in UTF-8.", "pattern": `^[^` + noText + `]+$`, "maxLength": maxText},
	"tlogPolicy": {"description": "A policy of C2SP tlog-policy.", "pattern": `^[^` + noPolicy + `]+$`, "maxLength": 128 << 10},
	"key":        {"description": "SubjectPublicKeyInfo of a key on P-256, uncompressed, in base64 with padding.", "pattern": `^MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE[A-Za-z0-9+/]{85}[AQgw]==$`},
	"bits":       {"description": "u, then base64url without padding.", "pattern": `^u([A-Za-z0-9_-]{4})*([A-Za-z0-9_-]{4}|[A-Za-z0-9_-]{2}` + base64Two + `|[A-Za-z0-9_-][AQgw])$`},
	"short":      {"description": "One line that can be shown, of at most 200 bytes in UTF-8.", "pattern": `^[^` + noLine + `]+$`, "maxLength": 200},
	"predicate":  {"description": "A predicate type."},
}

// sorts say which sort of text a field is, where it is not a line.
var sorts = map[string]string{
	"Act.Case": "number", "Act.IdempotencyKey": "short", "Act.Nonce": "hash", "Act.PrevInCase": "sha256", "Act.Time": "time", "Head.Root": "hash", "Head.Time": "time", "Digest.SHA256": "sha256",
	"Policy.Digest": "sha256", "Submission.Declaration": "sha256", "Dossier.Dossier": "sha256", "Dossier.JudgedAsOf": "date", "Dossier.Predecessor": "sha256", "Sealed.Root": "hash",
	"Verdicts.Dossier": "sha256", "Judgement.Cites": "sha256", "Judgement.Countersigns": "sha256", "Judgement.Reason": "text", "Risk.Fingerprint": "sha256", "Risk.Reason": "text",
	"Risk.Until": "date", "Disclosure.Leaf": "hash", "Disclosure.Of": "sha256", "Disclosure.PublicOn": "date", "Access.From": "time", "Access.Reason": "text", "Access.Until": "time",
	"Notice.AnswerBy": "time", "Notice.Credential": "sha256", "Notice.Reason": "text", "Answer.Notice": "sha256", "Answer.Text": "text", "Receipt.Of": "sha256", "Erasure.Erased": "sha256",
	"Erasure.Reason": "text", "Credential.TimeVerified": "time", "Core.JudgedAsOf": "date", "Core.ValidFrom": "time", "Core.ValidUntil": "time", "AcceptedRisk.Until": "date",
	"StatusPlace.Series": "number", "Change.Answer": "sha256", "Change.Credential": "sha256", "Change.Notice": "sha256", "Change.Reason": "text", "Change.Successor": "sha256",
	"Status.Series": "number", "Status.ValidUntil": "time", "StatusList.EncodedList": "bits", "KeyEvent.CutOff": "time", "KeyEvent.From": "time", "KeyEvent.Until": "time",
	"RegisterEntry.ID": "sha256", "RegisterEntry.Type": "predicate", "Register.Previous": "sha256", "Trust.Policy": "tlogPolicy", "Trust.Previous": "sha256", "TrustedKey.CutOff": "time",
	"TrustedKey.From": "time", "TrustedKey.Key": "key", "TrustedKey.Predicates": "predicate", "TrustedKey.Until": "time",
}

// words are the values of what has few, by field or by type.
var words = map[string][]string{
	"Class": {"vendor", "lab", "operator", "regulator"}, "Proof": {"key", "attested"}, "Observation": {"this-lab", "received"}, "Independence": {"self", "contracted", "independent"},
	"Standing": {"suspended", "reinstated", "revoked", "superseded"}, "Purpose": {"root", "issuing", "ledger", "log"}, "TrustedKey.Purpose": {"issuing", "ledger"},
	"Judgement.Verdict": {"pass", "fail", "inconclusive"}, "Access.Event": {"granted", "withdrawn", "used"}, "Access.Level": {"summary", "verdict", "evidence", "source"},
	"Answer.Position": {"agrees", "disputes"}, "Credential.VerificationResult": {"PASSED", "FAILED"}, "KeyEvent.Event": {"added", "retired", "compromised"},
	"StatusList.Purpose": {"revocation", "suspension", "refresh"},
}

// least and most of integers, and of elements of lists, where it is not zero and all.
var bounds = map[string][2]int64{
	"Act.CaseSeq": {1, maxInteger}, "Submission.Attempt": {1, maxInteger}, "Sealed.Size": {1, maxInteger}, "Core.Attempts": {1, maxInteger}, "Core.CaseLength": {1, maxInteger},
	"Status.Sequence": {1, maxInteger}, "Trust.Version": {1, maxInteger}, "Trust.Window": {1, 366 * 86400}, "Counts.Fail": {0, 1 << 20}, "Counts.Inconclusive": {0, 1 << 20},
	"Counts.NotApplicable": {0, 1 << 20}, "Counts.NotAssessed": {0, 1 << 20}, "Counts.Pass": {0, 1 << 20},
	"Erasure.Erased": {1, 0}, "Credential.InputAttestations": {1, 0}, "Status.Lists": {3, 3},
}

// rules are what binds fields of one object to each other. What binds fields of several is beyond these schemas: doc/format.md has it.
var rules = map[string]object{
	"Act":      {"dependentRequired": object{"case": []any{"caseSeq"}, "caseSeq": []any{"case"}, "prevInCase": []any{"caseSeq"}}},
	"Change":   {"allOf": []any{onlyWith("standing", "superseded", "successor"), object{"if": is("standing", "revoked"), "then": object{"required": []any{"notice"}}}}},
	"KeyEvent": {"allOf": []any{onlyWith("event", "compromised", "cutOff"), object{"if": is("purpose", "log"), "else": object{"properties": object{"key": ref("key")}}}}},
	"Verdicts": {"allOf": []any{object{
		"if":   object{"properties": object{"policy": object{"required": []any{"profile"}}}},
		"then": object{"required": []any{"profileCounts"}}, "else": object{"properties": object{"profileCounts": false}},
	}}},
}

func is(member, value string) object {
	return object{"properties": object{member: object{"const": value}}}
}

// onlyWith demands a member where another has a value, and forbids it elsewhere.
func onlyWith(member, value, other string) object {
	return object{"if": is(member, value), "then": object{"required": []any{other}}, "else": object{"properties": object{other: false}}}
}

func ref(name string) object { return object{"$ref": "common.schema.json#/$defs/" + name} }

// shared are the types that have their place in common.schema.json.
var shared = map[string]bool{
	"Act": true, "Actor": true, "Head": true, "Policy": true, "Release": true, "Counts": true, "Sealed": true, "LabIdentity": true, "Digest": true,
}

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
	for _, v := range []any{Act{}, Actor{}, Head{}, Policy{}, Release{}, Counts{}, Sealed{}, LabIdentity{}, Digest{}} {
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
					"keyid": object{"type": "string", "pattern": `^SHA256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]$`, "description": "The key that signed, by the fingerprint that OpenSSH shows of it."},
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
	for _, name := range []string{"act.go", "case.go", "public.go", "statement.go", "trust.go"} {
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
