package credential_test

import (
	"crypto/elliptic"
	"encoding/asn1"
	"math/big"
	"testing"
)

// ecdsaTwin returns the other signature that verifies for the same message and key: (r, n-s).
func ecdsaTwin(t testing.TB, signature []byte) []byte {
	t.Helper()
	var s struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(signature, &s); err != nil {
		t.Fatal(err)
	}
	s.S = new(big.Int).Sub(elliptic.P256().Params().N, s.S)
	twin, err := asn1.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return twin
}
