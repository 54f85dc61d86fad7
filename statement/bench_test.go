package statement

import (
	"testing"
)

// The audit of a million acts reads each envelope and statement, and verifies each signature.

func BenchmarkParse(b *testing.B) {
	for _, uri := range []string{TypeVerdicts, TypeCredential} {
		b.Run(names[uri], func(b *testing.B) {
			data := signed(b, payloadOf(b, uri)).Bytes()
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				e, err := ParseEnvelope(data)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := e.Open(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseEnvelope(b *testing.B) {
	data := signed(b, payloadOf(b, TypeVerdicts)).Bytes()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseEnvelope(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBytes(b *testing.B) {
	s := sample(TypeVerdicts)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Bytes(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	payload, key := payloadOf(b, TypeVerdicts), testKey(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Sign(key, payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	e := signed(b, payloadOf(b, TypeVerdicts))
	key, err := NewKey(&testKey(b).PublicKey)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Verify(key); err != nil {
			b.Fatal(err)
		}
	}
}
