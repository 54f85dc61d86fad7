package statement

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"
)

func TestSignAndOpen(t *testing.T) {
	for _, uri := range uris() {
		s := sample(uri)
		payload, err := s.Bytes()
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		key := randomKey(t)
		e, err := Sign(key, payload)
		if err != nil {
			t.Fatal(err)
		}
		pub, err := NewKey(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		read, err := ParseEnvelope(e.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(read, e) || read.ID() != e.ID() {
			t.Errorf("read %+v, want %+v", read, e)
		}
		if err := read.Verify(pub); err != nil {
			t.Fatal(err)
		}
		got, err := read.Open()
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, s) {
			t.Errorf("read %+v, want %+v", got, s)
		}
		again, err := got.Bytes()
		if err != nil || !bytes.Equal(again, payload) {
			t.Errorf("encoded again: %s, %v", again, err)
		}
		if canonical, err := jcs.Transform(payload); err != nil || !bytes.Equal(canonical, payload) {
			t.Errorf("%s is not what RFC 8785 makes of it, %s, %v", payload, canonical, err)
		}
		if canonical, err := jcs.Transform(e.Bytes()); err != nil || !bytes.Equal(canonical, e.Bytes()) {
			t.Errorf("%s is not what RFC 8785 makes of it, %s, %v", e.Bytes(), canonical, err)
		}
	}
}

func TestTypes(t *testing.T) {
	if want := slices.Sorted(slices.Values(uris())); !slices.Equal(Types(), want) {
		t.Errorf("the types are %q, the tests know %q", Types(), want)
	}
	for _, uri := range Types() {
		if got := predicates[uri]().TypeURI(); got != uri {
			t.Errorf("the predicate of %s says that it is %s", uri, got)
		}
		_, foreign := predicates[uri]().(*Document)
		if common := predicates[uri]().Common(); (common == nil) != foreign {
			t.Errorf("%s: an act is %v, foreign %v", uri, common, foreign)
		}
		if _, ok := As[*Submission](sample(uri)); ok != (uri == TypeSubmission) {
			t.Errorf("As takes a %s for a submission: %v", uri, ok)
		}
	}
	public := slices.DeleteFunc(Types(), func(uri string) bool { return !Public(uri) })
	want := []string{TypeChange, TypeEdition, TypeKeyEvent, TypeAccessPolicy, TypeRegister, TypeStatus, TypeTrust, TypeCredential}
	if !slices.Equal(public, want) {
		t.Errorf("public are %q, want %q", public, want)
	}
	theirs := slices.DeleteFunc(Types(), func(uri string) bool { return !OfParty(uri) })
	want = []string{TypeAnswer, TypeGrant, TypeIntent, TypeMessage, TypeRisk, TypeWithdrawal}
	if !slices.Equal(theirs, want) {
		t.Errorf("parties sign %q, want %q", theirs, want)
	}
	if slices.ContainsFunc(theirs, Public) {
		t.Error("what a party signs is public by itself")
	}
}

func TestPAE(t *testing.T) {
	// The example of the DSSE protocol, v1.0.2.
	if got, want := string(PAE("http://example.com/HelloWorld", []byte("hello world"))), "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := string(PAE("", nil)), "DSSEv1 0  0 "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestID(t *testing.T) {
	id := (&Envelope{Payload: []byte("x")}).ID()
	if got, err := ParseID(id.String()); err != nil || got != id {
		t.Errorf("read %v, %v, want %v", got, err, id)
	}
	for _, s := range []string{"", "00", strings.ToUpper(hexOf("2")), hexOf("a")[1:], hexOf("a") + "00", " " + hexOf("a")[1:], "g" + hexOf("a")[1:]} {
		if got, err := ParseID(s); err == nil {
			t.Errorf("%q is taken for the identity %v", s, got)
		}
	}
}

// TestFieldOrder holds that Encode writes RFC 8785 for every type, whose fields stand in the order of their names.
func TestFieldOrder(t *testing.T) {
	values := []any{&outside{}}
	for _, uri := range Types() {
		if p := predicates[uri](); p.Common() != nil {
			values = append(values, p)
		}
	}
	for _, v := range values {
		fill(reflect.ValueOf(v).Elem())
		got, err := Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		want, err := jcs.Transform(got)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%T:\ngot  %s\nwant %s", v, got, want)
		}
	}
}

// fill sets every field to something that is not left out.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"b": "<&>\u2028\\u2029\x7f", "a": "é"}))
	case reflect.String:
		v.SetString("<&>\u2028\u2029\\u2029\\ufffd\\\\ufffd\ufffd\x7f\x01\b\f\t\"")
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	}
}

func TestEncodeRefuses(t *testing.T) {
	type lists struct {
		L []string `json:"l"`
	}
	deep := strings.Repeat(`[`, 17)
	for name, v := range map[string]any{
		"nil list": lists{}, "nil list below": []lists{{}}, "nil map": struct {
			M map[string]string `json:"m"`
		}{},
		"beyond 2^53": int64(1 << 53), "below -2^53": int64(-1 << 53), "far beyond": uint64(1<<64 - 1), "not UTF-8": "a\xff", "not UTF-8 after a backslash": "\\\xff", "surrogate": "\xed\xa0\x80",
		"deep": jsonText(deep + strings.Repeat(`]`, 17)), "no JSON": make(chan int),
	} {
		if got, err := Encode(v); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
	for name, v := range map[string]any{
		"20 lists": slices.Repeat([]lists{{[]string{}}}, 20), "16 deep": jsonText(deep[1:] + strings.Repeat(`]`, 16)),
		"empty list": lists{[]string{}}, "2^53-1": int64(1<<53 - 1), "-(2^53-1)": int64(-1<<53 + 1), "written-out escape": `\ufffd`, "replacement": "\ufffd", "null in a text": `null"\`,
		"numbers in a text": "99999999999999999999",
	} {
		got, err := Encode(v)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if want, err := jcs.Transform(got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %s, RFC 8785 has %s, %v", name, got, want, err)
		}
	}
}

type jsonText string

func (j jsonText) MarshalJSON() ([]byte, error) { return []byte(j), nil }

// TestErrorsAreOfForm holds that what fails on the way in can be told from a wrong signature.
func TestErrorsAreOfForm(t *testing.T) {
	if _, err := ParseEnvelope([]byte("{}")); !errors.Is(err, ErrForm) || errors.Is(err, ErrSignature) {
		t.Errorf("got %v", err)
	}
	if _, err := Parse([]byte("{}")); !errors.Is(err, ErrForm) {
		t.Errorf("got %v", err)
	}
}
