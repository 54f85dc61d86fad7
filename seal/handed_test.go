package seal

import (
	"fmt"
	"slices"
	"testing"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/statement"
)

// caseSound is what a customer can check of a case that she was handed, with nothing but its envelopes, the credential and the trust file: acts up to the credential's number, each
// with its number and the identity of the one before, each signed by a key that may, and the credential at its place.
func caseSound(acts []*statement.Envelope, c *statement.Credential, id statement.ID, signed func(*statement.Envelope) error) error {
	if int64(len(acts)) < c.Core.CaseLength {
		return fmt.Errorf("%d acts, the credential says %d", len(acts), c.Core.CaseLength)
	}
	before := ""
	for i, e := range acts {
		if err := signed(e); err != nil {
			return fmt.Errorf("act %d: %w", i+1, err)
		}
		s, err := e.Open()
		if err != nil {
			return err
		}
		a := s.Predicate.Common()
		if a == nil || a.Case != c.Core.Act.Case || a.CaseSeq != int64(i+1) || a.PrevInCase != before {
			return fmt.Errorf("act %d does not follow the one before", i+1)
		}
		before = e.ID().String()
		if int64(i+1) == c.Core.CaseLength && e.ID() != id {
			return fmt.Errorf("act %d is not the credential", i+1)
		}
	}
	return nil
}

// signedBy checks that an act is signed by a key that a trust file names.
func signedBy(trust *credential.Pinned) func(*statement.Envelope) error {
	return func(e *statement.Envelope) error {
		key, _ := trust.Key(e.KeyID)
		if key == nil {
			return fmt.Errorf("the trust file does not name the key %s", e.KeyID)
		}
		return e.Verify(key)
	}
}

// TestCaseHandedOver is EVIDENCE 5.3, 38 and 39, from the customer's side: what she is handed is enough to notice an act that is missing, another, or in another order.
func TestCaseHandedOver(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	again := router
	again.run = "second"
	l.seal(router)
	s := l.seal(again) // the first one is superseded after it
	read := func(id string) (acts []*statement.Envelope) {
		t.Helper()
		for e, err := range l.Ledger.InCase(t.Context(), id) {
			if err != nil {
				t.Fatal(err)
			}
			acts = append(acts, e.Envelope)
		}
		return acts
	}
	acts := read(s.Credential.Core.Act.Case)
	sound := func(acts []*statement.Envelope) error { return caseSound(acts, s.Credential, s.ID, signedBy(l.Trust)) }
	if err := sound(acts); err != nil || s.Credential.Core.CaseLength != 8 || len(acts) != 9 {
		t.Fatalf("%d acts, the credential is number %d: %v", len(acts), s.Credential.Core.CaseLength, err)
	}
	other := read(l.seal(release{product: "other", version: "1", image: "o", run: "x"}).Credential.Core.Act.Case)
	for i := range s.Credential.Core.CaseLength {
		if err := sound(slices.Delete(slices.Clone(acts), int(i), int(i+1))); err == nil {
			t.Errorf("act %d is missing, and she does not notice", i+1)
		}
		if err := sound(slices.Insert(slices.Clone(acts), int(i), acts[i])); err == nil {
			t.Errorf("act %d stands twice, and she does not notice", i+1)
		}
		if i > 0 {
			swapped := slices.Clone(acts)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			if err := sound(swapped); err == nil {
				t.Errorf("acts %d and %d changed places, and she does not notice", i, i+1)
			}
		}
		if int(i) < len(other) {
			exchanged := slices.Clone(acts)
			exchanged[i] = other[i]
			if err := sound(exchanged); err == nil {
				t.Errorf("act %d is one of another case, and she does not notice", i+1)
			}
		}
		// The lab signs another act in its place, with everything right but what follows it.
		st, err := acts[i].Open()
		if err != nil {
			t.Fatal(err)
		}
		st.Predicate.Common().Nonce = noNonce()
		payload, err := st.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		exchanged := slices.Clone(acts)
		exchanged[i] = &statement.Envelope{Payload: payload, KeyID: acts[i].KeyID, Signature: acts[i].Signature}
		if err := caseSound(exchanged, s.Credential, s.ID, func(*statement.Envelope) error { return nil }); err == nil {
			t.Errorf("act %d was made anew, and she does not notice", i+1)
		}
	}
	if err := sound(acts[:s.Credential.Core.CaseLength-1]); err == nil {
		t.Error("the case ends before the credential, and she does not notice")
	}
}
