package crosscheck

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	vsa "github.com/in-toto/attestation/go/predicates/vsa/v1"
	intoto "github.com/in-toto/attestation/go/v1"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/probat-lab/probat/statement"
)

// pinnedKey is lab.pub as a verifier of DSSE envelopes.
type pinnedKey struct {
	key *ecdsa.PublicKey
}

func labKey(t testing.TB, file []byte) *pinnedKey {
	t.Helper()
	block, _ := pem.Decode(file)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	ok(t, err)
	return &pinnedKey{key: key.(*ecdsa.PublicKey)}
}

func (k *pinnedKey) KeyID() (string, error)   { return "", nil }
func (k *pinnedKey) Public() crypto.PublicKey { return k.key }

func (k *pinnedKey) Verify(_ context.Context, data, sig []byte) error {
	digest := sha256.Sum256(data)
	if !ecdsa.VerifyASN1(k.key, digest[:], sig) {
		return errors.New("wrong signature")
	}
	return nil
}

// TestDSSE: the DSSE implementation in cosign, sigstore-go and in-toto verifies our envelope as it is, since it names keys as we do, by their SSH
// fingerprint; it passes over a signature that names another key.
func TestDSSE(t *testing.T) {
	w := sealed(t)
	var file struct {
		DSSEEnvelope dsse.Envelope `json:"dsseEnvelope"`
	}
	ok(t, json.Unmarshal(w.files["credential.sigstore.json"], &file))
	e := file.DSSEEnvelope
	key := labKey(t, w.files["trust/lab.pub"])
	verify := func(e dsse.Envelope) ([]byte, error) {
		v, err := dsse.NewEnvelopeVerifier(key)
		ok(t, err)
		_, payload, err := v.VerifyAndDecode(t.Context(), &e)
		return payload, err
	}
	payload, err := verify(e) // it names the key by its OpenSSH fingerprint, and skips signatures of other names
	ok(t, err)
	other := e
	other.Signatures = []dsse.Signature{{KeyID: "SHA256:" + strings.Repeat("A", 43), Sig: e.Signatures[0].Sig}}
	if _, err := verify(other); err == nil {
		t.Error("it takes a signature of another key's name: nothing is shown about ours")
	}
	if string(payload) != string(parseBundle(t, w.files["credential.sigstore.json"]).Envelope.Payload) {
		t.Error("it reads another payload")
	}
	if string(dsse.PAE(e.PayloadType, payload)) != string(statement.PAE(statement.PayloadType, payload)) {
		t.Error("it signs other bytes")
	}
	nameless := e
	nameless.Signatures = []dsse.Signature{{Sig: e.Signatures[0].Sig}}
	_, err = verify(nameless)
	ok(t, err)
	nameless.PayloadType = "application/json"
	if _, err := verify(nameless); err == nil {
		t.Error("it accepts another payload type")
	}
}

// TestVSA: the types that in-toto publishes for statements and SLSA Verification Summaries read our credential.
func TestVSA(t *testing.T) {
	w := sealed(t)
	payload := parseBundle(t, w.files["credential.sigstore.json"]).Envelope.Payload
	var s intoto.Statement
	ok(t, protojson.Unmarshal(payload, &s))
	ok(t, s.Validate())
	if s.PredicateType != "https://slsa.dev/verification_summary/v1" || len(s.Subject) != 1 || len(s.Subject[0].Digest["sha256"]) != 64 {
		t.Errorf("read as %v", &s)
	}
	predicate, err := protojson.Marshal(s.Predicate)
	ok(t, err)
	var v vsa.VerificationSummary
	ok(t, protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(predicate, &v))
	if v.Verifier.GetId() != "https://"+origin || v.TimeVerified.AsTime().IsZero() || time.Since(v.TimeVerified.AsTime()) > time.Hour || v.ResourceUri == "" ||
		len(v.Policy.GetDigest()["sha256"]) != 64 || v.Policy.GetUri() == "" || len(v.InputAttestations) == 0 || len(v.InputAttestations[0].Digest["sha256"]) != 64 ||
		v.VerificationResult != "FAILED" || len(v.VerifiedLevels) != 0 || v.SlsaVersion == "" {
		t.Errorf("read as %v", &v)
	}
}
