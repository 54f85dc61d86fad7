package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
)

// judgedSo is a plan with another outcome, and nothing else changed.
func judgedSo(d release, pass bool) (*examine.Plan, Files) {
	p, files := d.plan()
	if pass {
		j := &p.Schemes[0]
		j.Counts, j.Profiles[0].Counts = statement.Counts{Pass: 2}, statement.Counts{Pass: 1}
		j.Verdicts = []examine.Verdict{{Requirement: "1", Verdict: "pass"}, {Requirement: "2", Verdict: "pass"}}
		j.Items = []string{j.Items[0], strings.Replace(j.Items[0], `"requirement":"1"`, `"requirement":"2"`, 1)}
	}
	return p, files
}

// public are all objects of the public log, as they are served.
func (l *testLab) public() map[string][]byte {
	l.t.Helper()
	h, err := l.Handler()
	if err != nil {
		l.t.Fatal(err)
	}
	all := map[string][]byte{}
	for name, err := range l.Log.List(l.t.Context(), "") {
		if err != nil {
			l.t.Fatal(err)
		}
		rec := httptest.NewRecorder()
		if h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/"+name, nil)); rec.Code != http.StatusOK {
			l.t.Errorf("%s: status %d", name, rec.Code)
		}
		all[name] = rec.Body.Bytes()
	}
	return all
}

var base64Text = regexp.MustCompile(`[A-Za-z0-9+/]{24,}={0,2}`)

// unpacked returns an object with everything in it that is base64 opened, twice over.
func unpacked(b []byte) []byte {
	for range 2 {
		for _, text := range base64Text.FindAll(b, -1) {
			if raw, err := base64.StdEncoding.DecodeString(string(text)); err == nil {
				b = slices.Concat(b, []byte{'\n'}, raw)
			}
		}
	}
	return b
}

// TestPublicTellsNothing is doc/adversarial-tests.md, 34, for a lab in which everything happens: what is public, opened as far as it can be, names no vendor, product, case, scheme, file or reason.
func TestPublicTellsNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	d := release{product: "canary-product", version: "canary-version", image: "canary-image", run: "canary-run"}
	s := l.seal(d)
	p, _ := d.plan()
	if _, err := Disclose(t.Context(), l.Lab, p, Selection{Requirement: "1", To: "canary-recipient"}); err != nil {
		t.Fatal(err)
	}
	if err := Suspend(t.Context(), l.Lab, s.ID, "canary-reason"); err != nil {
		t.Fatal(err)
	}
	n, _, err := Notice(t.Context(), l.Lab, s.ID, "canary-notice")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Answered(t.Context(), l.Lab, s.ID, n, "canary-vendor", "disputes", "canary-answer"); err != nil {
		t.Fatal(err)
	}
	if err := Revoke(t.Context(), l.Lab, s.ID, "canary-reason"); err != nil {
		t.Fatal(err)
	}
	secret := []string{"canary", "Example", "Scheme a", `"scheme"`, s.Credential.Core.Act.Case, "ubmission/", "overdict", `"idempotencyKey"`}
	for _, digest := range append([]string{p.Dossier, p.Declaration, p.Artifacts[0].Digest, p.Schemes[0].Policy.Digest, s.Credential.Core.Act.Case}, releaseKeys(p, "")...) {
		raw, err := hex.DecodeString(digest)
		if err != nil {
			t.Fatal(err)
		}
		secret = append(secret, digest, string(raw))
	}
	all := l.public()
	lists := 0
	for name, b := range all {
		text := append(unpacked(b), name...)
		for _, word := range secret {
			if bytes.Contains(text, []byte(word)) {
				t.Errorf("%s tells %q", name, word)
			}
		}
		if strings.HasPrefix(name, "status/") {
			if lists++; !bytes.Contains(text, []byte(`"sequence"`)) {
				t.Errorf("%s was not opened: the test sees nothing", name)
			}
		}
	}
	if lists < 3 || len(all) < 8 {
		t.Errorf("%d objects, of them %d status lists", len(all), lists)
	}
}

// TestOutcomeNotPublic is doc/adversarial-tests.md, 33, for the log: sealing a pass and sealing a fail leave the same leaves, but for what is random in them; and who knows all that a statement
// says but its nonce cannot tell which leaf it is.
func TestOutcomeNotPublic(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.seal(release{product: "first", version: "1", image: "x", run: "x"}) // edition and series are there
	shape := func(from int64) (kinds string) {
		t.Helper()
		names := map[string]string{}
		for _, k := range l.Trust.Trust.Keys {
			key, err := statement.ParseKeyText(k.Key)
			if err != nil {
				t.Fatal(err)
			}
			names[string(key.SPKI())] = string(k.Purpose)
		}
		for e, err := range l.Ledger.Entries(t.Context(), from, l.Ledger.Status().Size) {
			if err != nil {
				t.Fatal(err)
			}
			leaf, err := proof.ParseLeaf(e.Leaf.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			// Digest, signature and key are all that a leaf has.
			rest := len(e.Leaf.Bytes()) - base64.StdEncoding.EncodedLen(len(leaf.Signature))
			kinds += fmt.Sprintf("%s %d\n", names[string(leaf.Key)], rest)
		}
		return kinds
	}
	shapes := map[string][2]int{}
	for i := range 8 {
		from, pass := l.Ledger.Status().Size, i%2 == 0
		d := release{product: fmt.Sprint("p", i), version: "1", image: fmt.Sprint(i), run: fmt.Sprint(i)}
		p, files := judgedSo(d, pass)
		s, err := Seal(t.Context(), l.Lab, p, files, Options{Scheme: "a", Observation: statement.ObservedHere, Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Credential.VerificationResult == statement.Passed; got != pass {
			t.Fatalf("outcome %s", s.Credential.VerificationResult)
		}
		kinds := shape(from)
		n := shapes[kinds]
		n[i%2]++
		shapes[kinds] = n
		l.guessed(s)
	}
	for kinds, n := range shapes {
		if n[0] != n[1] {
			t.Errorf("%d passes and %d fails leave these leaves:\n%s", n[0], n[1], kinds)
		}
	}
}

// guessed tries both outcomes of a sealed Verdicts statement, of which the attacker knows everything else.
func (l *testLab) guessed(s *Sealed) {
	l.t.Helper()
	id, err := statement.ParseID(s.Credential.InputAttestations[1].Digest.SHA256)
	if err != nil {
		l.t.Fatal(err)
	}
	e, err := l.Ledger.Statement(l.t.Context(), id)
	if err != nil {
		l.t.Fatal(err)
	}
	about, err := e.Envelope.Open()
	if err != nil {
		l.t.Fatal(err)
	}
	v := about.Predicate.(*statement.Verdicts)
	truth, nonce := v.Counts, v.Nonce
	for what, n := range map[string]string{"with the nonce": nonce, "without": noNonce()} {
		for _, counts := range []statement.Counts{{Pass: 2}, {Pass: 1, Fail: 1}} {
			v.Counts, v.Nonce = counts, n
			b, err := about.Bytes()
			if err != nil {
				l.t.Fatal(err)
			}
			hit := (&statement.Envelope{Payload: b}).ID() == e.Leaf.Digest
			if want := what == "with the nonce" && counts == truth; hit != want {
				l.t.Errorf("%s, guessing %+v: %v", what, counts, hit)
			}
		}
	}
}

// noNonce is the nonce of who does not know it.
func noNonce() string { return base64.StdEncoding.EncodeToString(make([]byte, statement.NonceSize)) }
