package statement

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"reflect"
	"testing"
	"time"

	"github.com/gowebpki/jcs"
)

func sampleAct() Act {
	return Act{
		Actor: Actor{Class: Lab, Name: "Example Lab", Proof: ByKey}, Case: "00112233445566778899aabbccddeeff", CaseSeq: 1,
		Nonce: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", Time: FormatTime(time.Date(2026, 11, 24, 13, 0, 0, 0, time.UTC)),
	}
}

func sampleKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

func TestSignAndOpen(t *testing.T) {
	s := &Statement{[]Subject{{Digest{zeros}, "router"}}, &Submission{Act: sampleAct(), Attempt: 1, Policy: Policy{Digest: zeros, Edition: "V1", Scheme: "x"}}}
	payload, err := s.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	key := sampleKey(t)
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
}

// TestFieldOrder holds that Encode writes RFC 8785 for every type, whose fields stand in the order of their names.
func TestFieldOrder(t *testing.T) {
	for _, uri := range Types() {
		p := predicates[uri]()
		if _, ok := p.(*Document); ok {
			continue
		}
		fill(reflect.ValueOf(p).Elem())
		got, err := Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		want, err := jcs.Transform(got)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s:\ngot  %s\nwant %s", uri, got, want)
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
		v.SetString("<&>\u2028\\u2029\x7f\x01\t")
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	}
}
