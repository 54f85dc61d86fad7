package statement

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"
	"pgregory.net/rapid"
)

// text draws what could stand in a field, right or wrong.
func text(t *rapid.T, old string) string {
	switch rapid.IntRange(0, 9).Draw(t, "sort") {
	case 0, 1:
		return rapid.StringOf(rapid.Rune()).Draw(t, "text")
	case 2:
		return hexOf(rapid.StringN(1, 4, -1).Draw(t, "digest"))
	case 3:
		return rootOf(rapid.StringN(1, 4, -1).Draw(t, "root"))
	case 4:
		return rapid.SampledFrom([]string{"2026-11-24", "2027-02-28", sampleTime, laterTime, sampleCase, "", "\\", "<&>\"\\u2028\\ufffd", "é😀\u0301\ufffd", "uAA"}).Draw(t, "word")
	}
	return old
}

// vary changes some fields of v at random; what may be absent may go.
func vary(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			vary(t, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if strings.HasSuffix(v.Type().Field(i).Tag.Get("json"), ",omitempty") && rapid.IntRange(0, 7).Draw(t, "absent") == 0 {
				v.Field(i).SetZero()
				continue
			}
			if rapid.IntRange(0, 3).Draw(t, "touched") == 0 {
				vary(t, v.Field(i))
			}
		}
	case reflect.Slice:
		if n := v.Len(); n > 0 && v.Type() != reflect.TypeFor[json.RawMessage]() {
			list := reflect.MakeSlice(v.Type(), 0, 3)
			for range rapid.IntRange(0, 3).Draw(t, "elements") {
				list = reflect.Append(list, v.Index(rapid.IntRange(0, n-1).Draw(t, "element")))
			}
			v.Set(list)
			for i := range list.Len() {
				vary(t, v.Index(i))
			}
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(rapid.MapOfN(rapid.StringN(1, 5, -1), rapid.StringN(1, 5, -1), 0, 3).Draw(t, "map")))
	case reflect.String:
		v.SetString(text(t, v.String()))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.OneOf(rapid.Int64Range(-1, 5), rapid.Int64Range(1<<53-2, 1<<53+1), rapid.Int64(), rapid.Just(v.Int())).Draw(t, "integer"))
	}
}

// TestBytesParses holds for predicates filled at random: what Bytes accepts is canonical, and parses to the same value and the same bytes.
func TestBytesParses(t *testing.T) {
	accepted, all := map[string]int{}, 0
	rapid.Check(t, func(t *rapid.T) {
		uri := rapid.SampledFrom(uris()).Draw(t, "type")
		s := sample(uri)
		if rapid.Bool().Draw(t, "least") {
			s = least(uri)
		}
		vary(t, reflect.ValueOf(&s.Subjects).Elem())
		if d, ok := s.Predicate.(*Document); ok {
			d.Content = foreign(t)
		} else {
			vary(t, reflect.ValueOf(s.Predicate))
		}
		all++
		payload, err := s.Bytes()
		if err != nil {
			return
		}
		accepted[uri]++
		if canonical, err := jcs.Transform(payload); err != nil || !bytes.Equal(canonical, payload) {
			t.Fatalf("%q is not what RFC 8785 makes of it: %q, %v", payload, canonical, err)
		}
		got, err := Parse(payload)
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Fatalf("%s is read as %+v, %v, want %+v", payload, got, err, s)
		}
		if again, err := got.Bytes(); err != nil || !bytes.Equal(again, payload) {
			t.Fatalf("%s becomes %s, %v", payload, again, err)
		}
	})
	total := 0
	for _, n := range accepted {
		total += n
	}
	if len(accepted) < len(names)/2 || total*20 < all {
		t.Errorf("%d of %d predicates were accepted, of %d types: too few to show anything", total, all, len(accepted))
	}
}

// foreign draws a document and writes it as RFC 8785 has it, most times.
func foreign(t *rapid.T) json.RawMessage {
	value := rapid.MapOf(rapid.String(), rapid.OneOf(
		rapid.Just[any](nil), rapid.Map(rapid.Float64(), func(f float64) any { return f }), rapid.Map(rapid.String(), func(s string) any { return s }),
		rapid.Map(rapid.SliceOf(rapid.Bool()), func(b []bool) any { return b }),
	)).Draw(t, "document")
	b, err := json.Marshal(value)
	if err != nil {
		return json.RawMessage("{}")
	}
	if canonical, err := jcs.Transform(b); err == nil && rapid.IntRange(0, 3).Draw(t, "canonical") > 0 {
		return canonical
	}
	return b
}

func FuzzParse(f *testing.F) {
	for _, uri := range uris() {
		f.Add(payloadOf(f, uri))
		b, err := least(uri).Bytes()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, r := range payloadRefusals(f) {
		if !r.big {
			f.Add(r.data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data)
		if err != nil {
			return
		}
		if again, err := s.Bytes(); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q becomes %q, %v", data, again, err)
		}
		if again, err := jcs.Transform(data); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q becomes %q by RFC 8785, %v", data, again, err)
		}
		e := Envelope{data, KeyID(nil), []byte{1}}
		if read, err := ParseEnvelope(e.Bytes()); err != nil || !reflect.DeepEqual(read, &e) {
			t.Errorf("no envelope holds %q: %v", data, err)
		}
	})
}

func FuzzParseEnvelope(f *testing.F) {
	for _, uri := range uris() {
		f.Add(signed(f, payloadOf(f, uri)).Bytes())
	}
	for _, r := range slices.Concat(envelopeRefusals(f), signatureRefusals(f)) {
		if !r.big {
			f.Add(r.data)
		}
	}
	f.Add((&Envelope{[]byte("x"), KeyID(nil), []byte("y")}).Bytes())
	key := testPublic(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := ParseEnvelope(data)
		if err != nil {
			return
		}
		if again := e.Bytes(); !bytes.Equal(again, data) {
			t.Errorf("%q becomes %q", data, again)
		}
		if again, err := jcs.Transform(data); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q becomes %q by RFC 8785, %v", data, again, err)
		}
		var x struct {
			Payload     []byte `json:"payload"`
			PayloadType string `json:"payloadType"`
			Signatures  []struct {
				KeyID string `json:"keyid"`
				Sig   []byte `json:"sig"`
			} `json:"signatures"`
		}
		if err := Decode(data, &x); err != nil || x.PayloadType != PayloadType || len(x.Signatures) != 1 || !bytes.Equal(x.Payload, e.Payload) ||
			x.Signatures[0].KeyID != e.KeyID || !bytes.Equal(x.Signatures[0].Sig, e.Signature) {
			t.Errorf("a reader of JSON sees %+v, not %+v: %v", x, e, err)
		}
		if err := e.Verify(key); err == nil && !slices.ContainsFunc(uris(), func(uri string) bool { return bytes.Equal(e.Payload, payloadOf(t, uri)) }) {
			t.Errorf("a signature over what was never signed: %q", data)
		}
	})
}

// everything is a type of every sort of field.
type everything struct {
	A *everything       `json:"a,omitempty"`
	B bool              `json:"b"`
	D []byte            `json:"d"`
	I int64             `json:"i"`
	L []string          `json:"l"`
	M map[string]string `json:"m,omitempty"`
	S string            `json:"s"`
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"b":true,"d":"AA==","i":-1,"l":[],"s":""}`, `{"a":{"b":false,"d":"","i":9007199254740991,"l":["é\\\"\n"],"s":"x"},"b":true,"d":"AA==","i":0,"l":[],"m":{"a":"b"},"s":"\u0001"}`,
		`{"b":true,"d":"AB==","i":1,"l":[],"s":""}`, `{"b":true,"d":"","i":9007199254740992,"l":null,"s":""}`, `{"b":true,"d":"","i":-0,"l":[],"s":""}`, `{"B":true,"d":"","i":0,"l":[],"s":""}`,
		`{"b":true,"d":"","i":1,"l":[],"s":"\\ufffd\\u2028"}`, "{\"b\":true,\"d\":\"\",\"i\":1,\"l\":[],\"s\":\"\u2028\ufffd\"}", `[]`, `null`, `1`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v everything
		if err := Decode(data, &v); err != nil {
			return
		}
		again, err := Encode(&v)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q becomes %q, %v", data, again, err)
		}
		for name := range v.M {
			if strings.ContainsFunc(name, func(r rune) bool { return r > 0x7f }) {
				return // as Encode says
			}
		}
		if a := v.A; a != nil {
			return // maps below it
		}
		if again, err := jcs.Transform(data); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%q becomes %q by RFC 8785, %v", data, again, err)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add(testPublic(f).SPKI())
	for _, r := range keyRefusals(f) {
		f.Add(r.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := ParseKey(data)
		if err != nil {
			return
		}
		again, err := MarshalKey(k.Public())
		if err != nil || !bytes.Equal(again, data) || !bytes.Equal(k.SPKI(), data) || len(data) != 91 {
			t.Errorf("%x becomes %x, %v", data, again, err)
		}
		if text, err := ParseKeyText(k.String()); err != nil || text.ID() != k.ID() {
			t.Errorf("%v is read as %v, %v", k, text, err)
		}
	})
}
