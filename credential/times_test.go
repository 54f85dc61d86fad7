package credential_test

import (
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// witnessed seals a credential whose first checkpoint some witnesses cosign at times of their own.
func witnessed(t testing.TB, l *credentialtest.Lab, times ...time.Duration) []byte {
	t.Helper()
	c := l.NewCredential()
	c.Seal()
	first := l.Checkpoint(noon)
	for i, after := range times {
		first = l.Cosign(first, noon.Add(after), l.Witnesses[i])
	}
	c.Parts.First = l.Prove(c.Parts.First.Index, first)
	return c.Refresh(2, noon.Add(time.Hour), nil)
}

// TestWindow: a time before the head that is known, or not within what witnesses saw, is none (doc/adversarial-tests.md, 29). The window of the test lab is a week, two of three witnesses are a quorum.
func TestWindow(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		name  string
		times []time.Duration
		word  credential.Word
		by    string
	}{
		{"at once", []time.Duration{0, 0, 0}, credential.Valid, "2026-11-24T12:00:00Z"},
		{"within the window", []time.Duration{7 * day, 7 * day}, credential.Valid, "2026-12-01T12:00:00Z"},
		{"after the window", []time.Duration{7*day + time.Second, 7*day + time.Second}, credential.Backdated, "2026-12-01T12:00:01Z"},
		{"one early, the quorum too late", []time.Duration{0, 8 * day}, credential.Backdated, "2026-12-02T12:00:00Z"},
		{"a late third changes nothing", []time.Duration{0, day, 8 * day}, credential.Valid, "2026-11-25T12:00:00Z"},
		{"whichever comes late", []time.Duration{8 * day, day, 0}, credential.Valid, "2026-11-25T12:00:00Z"},
		{"before it was made", []time.Duration{-time.Hour, -time.Hour}, credential.Backdated, "2026-11-24T11:00:00Z"},
		{"clocks differ", []time.Duration{-4 * time.Minute, -4 * time.Minute}, credential.Valid, "2026-11-24T11:56:00Z"},
		{"one witness is no quorum", []time.Duration{0}, credential.ValidUnwitnessed, ""},
		{"no witness", nil, credential.ValidUnwitnessed, ""},
	} {
		l := credentialtest.New(t, origin, 3)
		zip := witnessed(t, l, c.times...)
		in := input(l)
		in.Now = noon.Add(9 * day)
		if r := want(t, zip, in, c.word); r.Facts.LoggedBy != c.by {
			t.Errorf("%s: logged by %q, want %q", c.name, r.Facts.LoggedBy, c.by)
		}
	}
}

// TestFutureCosignature: a time ahead of the verifier's clock counts for nothing.
func TestFutureCosignature(t *testing.T) {
	l := credentialtest.New(t, origin, 3)
	zip := witnessed(t, l, 0, 48*time.Hour)
	in := input(l) // a day after noon
	r := want(t, zip, in, credential.ValidUnwitnessed)
	if !strings.Contains(strings.Join(r.NotChecked, "\n"), "ahead of this clock") {
		t.Errorf("not checked: %q", r.NotChecked)
	}
	in.Now = noon.Add(48 * time.Hour)
	want(t, zip, in, credential.Valid)
}

// TestDated bends what a credential says of its time. The issuing key signs all of it: whoever stole it could.
func TestDated(t *testing.T) {
	for _, c := range []struct {
		name string
		bend func(k *statement.Core, l *credentialtest.Lab)
		word credential.Word
		text string
	}{
		{"knows a later head", func(k *statement.Core, l *credentialtest.Lab) { k.Act.AsOf = l.Head(noon.Add(time.Hour)) }, credential.Backdated, "knows a head of the log that was witnessed"},
		{"clocks differ", func(k *statement.Core, l *credentialtest.Lab) { k.Act.AsOf = l.Head(noon.Add(4 * time.Minute)) }, credential.Valid, ""},
		{"knows its own leaf", func(k *statement.Core, l *credentialtest.Lab) { k.Act.AsOf.Size++ }, credential.Backdated, "is leaf"},
		{"knows a head of nothing", func(k *statement.Core, _ *credentialtest.Lab) { k.Act.AsOf.Size = 0 }, credential.Backdated, "not of this log"},
		{"valid before it was made", func(k *statement.Core, _ *credentialtest.Lab) { k.ValidFrom = "2026-01-01T00:00:00Z" }, credential.Backdated, "before it was made"},
		{"never valid", func(k *statement.Core, _ *credentialtest.Lab) { k.ValidUntil = k.ValidFrom }, credential.Invalid, "valid from"},
		{"not valid yet", func(k *statement.Core, _ *credentialtest.Lab) { k.ValidFrom = "2027-01-01T00:00:00Z" }, credential.Expired, "valid from"},
	} {
		l := credentialtest.New(t, origin, 3)
		zip := l.NewCredential().Seal(func(s *statement.Credential, _ *statement.Statement) { c.bend(&s.Core, l) })
		if c.word == credential.Valid {
			want(t, zip, input(l), c.word)
		} else {
			because(t, zip, input(l), c.word, c.text)
		}
	}
	// An hour earlier than it was, and no head known: witnesses see it within the window, so nothing contradicts; but nothing supports it either, and that is said.
	l := credentialtest.New(t, origin, 3)
	zip := l.NewCredential().Seal(func(s *statement.Credential, _ *statement.Statement) { s.Core.Act.AsOf = nil })
	if r := want(t, zip, input(l), credential.Valid); !strings.Contains(strings.Join(r.NotChecked, "\n"), "signed long before") {
		t.Errorf("not checked: %q", r.NotChecked)
	}
}

// TestSignedAhead is doc/adversarial-tests.md, 30: what is signed today for a day to come cannot know a head of that day.
func TestSignedAhead(t *testing.T) {
	l := credentialtest.New(t, origin, 3)
	l.Fill(2)
	old := l.Head(noon.AddDate(-1, 0, 0)) // the day on which it is signed
	zip := l.NewCredential().Seal(func(s *statement.Credential, _ *statement.Statement) { s.Core.Act.AsOf = old })
	r := want(t, zip, input(l), credential.Valid)
	if r.Facts.KnewHead != old.Time || !strings.Contains(strings.Join(r.NotChecked, "\n"), "signed long before") {
		t.Errorf("knew %s, not checked: %q", r.Facts.KnewHead, r.NotChecked)
	}
	// Invented, it is no head of the log; a checkpoint of that size, or the tiles, show it.
	invented := *old
	invented.Root, invented.Time = statementRoot(9), statement.FormatTime(noon.Add(-time.Hour))
	zip = l.NewCredential().Seal(func(s *statement.Credential, _ *statement.Statement) { s.Core.Act.AsOf = &invented })
	in := input(l)
	want(t, zip, in, credential.Valid) // it has nothing to compare with
	in.Tiles = l
	because(t, zip, in, credential.Backdated, "not of this log")
}

func statementRoot(b byte) string {
	var root [32]byte
	root[0] = b
	return (&credential.Disclosure{Salt: root[:]}).Leaf()
}

// TestKeys is doc/adversarial-tests.md, 26: which key may have signed what, when.
func TestKeys(t *testing.T) {
	t.Run("ledger key issues", func(t *testing.T) {
		l := credentialtest.New(t, origin, 3)
		c := l.NewCredential()
		c.Issuer = l.Ledger
		because(t, c.Seal(), input(l), credential.Invalid, "may not sign")
	})
	t.Run("root key issues", func(t *testing.T) {
		l := credentialtest.New(t, origin, 3)
		c := l.NewCredential()
		c.Issuer = l.Root
		want(t, c.Seal(), input(l), credential.NotPinned)
	})
	t.Run("before and after its time", func(t *testing.T) {
		for at, word := range map[string]credential.Word{"2026-11-24T12:00:00Z": credential.Valid, "2026-11-24T12:00:01Z": credential.Invalid} {
			l := credentialtest.New(t, origin, 3)
			l.Trust.Keys[0].From = at
			want(t, l.NewCredential().Seal(), input(l), word)
		}
		for at, word := range map[string]credential.Word{"2026-11-24T12:00:01Z": credential.Valid, "2026-11-24T12:00:00Z": credential.Invalid} {
			l := credentialtest.New(t, origin, 3)
			l.Trust.Keys[0].Until = at
			want(t, l.NewCredential().Seal(), input(l), word)
		}
	})
	t.Run("forged", func(t *testing.T) {
		l := credentialtest.New(t, origin, 3)
		c := l.NewCredential()
		c.Seal()
		forged := *c.Parts.Credential.Envelope // the right key's name, another's signature
		by, err := statement.Sign(credentialtest.Key(t), forged.Payload)
		if err != nil {
			t.Fatal(err)
		}
		forged.Signature = by.Signature
		c.Parts.Credential.Envelope = &forged
		because(t, c.Zip(), input(l), credential.Invalid, "does not verify")
	})
	t.Run("rotated", func(t *testing.T) { // two keys overlap, both count
		l := credentialtest.New(t, origin, 3)
		first := l.NewCredential()
		first.Seal()
		next := credentialtest.Key(t)
		k := l.Trust.Keys[0]
		k.Key = credentialtest.Public(t, next).String()
		l.Trust.Keys = append(l.Trust.Keys, k)
		second := l.NewCredential()
		second.Issuer = next
		for _, c := range []*credentialtest.Credential{first, second} {
			if c == second {
				c.Seal()
			}
			want(t, c.Zip(), input(l), credential.Valid)
		}
	})
	t.Run("log key rotated", func(t *testing.T) {
		l := credentialtest.New(t, origin, 3)
		c := l.NewCredential()
		c.Seal()
		other := credentialtest.New(t, origin, 0)
		l.Trust.Policy = "log " + other.LogKey().String() + "\n" + l.Trust.Policy
		want(t, c.Zip(), input(l), credential.Valid)
		l.Trust.Policy = other.Trust.Policy
		l.Trust.Witnesses = []statement.TrustedWitness{}
		in := input(l)
		because(t, c.Zip(), in, credential.NotLogged, "not signed by a trusted log")
	})
}

// TestStolenKeys: what a compromised issuing key signed counts only if witnesses saw it before the cut-off (doc/adversarial-tests.md, 25).
func TestStolenKeys(t *testing.T) {
	t.Run("stolen", func(t *testing.T) {
		// Witnesses saw the credential at noon and two seconds.
		for at, word := range map[string]credential.Word{"2026-11-24T12:00:03Z": credential.Valid, "2026-11-24T12:00:02Z": credential.Invalid, "2026-11-01T00:00:00Z": credential.Invalid} {
			l := credentialtest.New(t, origin, 3)
			zip := l.NewCredential().Seal()
			l.Trust.Keys[0].CutOff = at
			because2(t, zip, input(l), word, "counts only for what witnesses saw before")
		}
		// Nobody saw it: then it does not count, whatever it says of its time.
		l := credentialtest.New(t, origin, 0)
		zip := l.NewCredential().Seal()
		l.Trust.Keys[0].CutOff = "2027-01-01T00:00:00Z"
		because(t, zip, input(l), credential.Invalid, "no quorum of witnesses saw this")
	})
	t.Run("first seen before, refreshed after", func(t *testing.T) {
		l := credentialtest.New(t, origin, 3)
		c := l.NewCredential()
		c.Seal()
		l.Trust.Keys[0].CutOff = "2026-11-24T12:30:00Z"
		next := credentialtest.Key(t)
		l.Trust.Keys = append(l.Trust.Keys, statement.TrustedKey{
			From: "2026-11-24T12:30:00Z", Key: credentialtest.Public(t, next).String(), Predicates: credential.Predicates(statement.ForIssuing),
			Purpose: statement.ForIssuing, Until: "2028-01-01T00:00:00Z",
		})
		// By the stolen key, a status list after the cut-off, fetched and stapled.
		in := input(l)
		in.Status = [][]byte{l.StatusFile(9, noon.Add(time.Hour), nil)}
		because(t, c.Zip(), in, credential.Invalid, "the status list: the key")
		because(t, c.Refresh(2, noon.Add(time.Hour), nil), input(l), credential.Invalid, "status.sigstore.json")
		// By the new key. The first checkpoint stays, so the credential itself still counts; under the later one alone it would not.
		old := l.Issuing
		l.Issuing = next
		want(t, c.Refresh(3, noon.Add(2*time.Hour), nil), input(l), credential.Valid)
		c.Parts.First = c.Parts.Credential.Proof
		because(t, c.Zip(), input(l), credential.Invalid, "credential.sigstore.json")
		// The old key, stolen, issues something new that claims an old time.
		late := l.NewCredential()
		late.Issuer = old
		late.Seal()
		late.Parts.First = l.Prove(late.Parts.First.Index, l.Checkpoint(noon.Add(3*time.Hour), l.Quorum()...))
		because(t, late.Refresh(4, noon.Add(4*time.Hour), nil), input(l), credential.Invalid, "counts only for")
	})
}

func because2(t testing.TB, zip []byte, in credential.Input, word credential.Word, text string) {
	t.Helper()
	if word == credential.Valid {
		want(t, zip, in, word)
		return
	}
	because(t, zip, in, word, text)
}

// TestDowngrade is doc/adversarial-tests.md, 27: a predicate type that the key is not pinned for, and an older trust file.
func TestDowngrade(t *testing.T) {
	l := credentialtest.New(t, origin, 3)
	zip := l.NewCredential().Seal()
	l.Trust.Keys[0].Predicates = []string{"change/v1", "status/v1"}
	because(t, zip, input(l), credential.Invalid, "may not sign")
	l = credentialtest.New(t, origin, 3)
	zip = l.NewCredential().Seal()
	old := input(l)
	l.Trust.Version, l.Trust.Previous = 2, old.Trust.ID.String()
	in := input(l)
	seen := want(t, zip, in, credential.Valid).Seen
	old.Seen = seen
	because(t, zip, old, credential.NotPinned, "version 2 was seen already")
	l.Trust.Window++
	other := input(l)
	other.Seen = seen
	because(t, zip, other, credential.NotPinned, "another version 2")
	in.Seen = seen
	want(t, zip, in, credential.Valid)
}

// TestWitnesses: lines that are missing, strange, wrong; and one organisation that runs them all (doc/adversarial-tests.md, 14 and 28).
func TestWitnesses(t *testing.T) {
	l := credentialtest.New(t, origin, 3)
	c := l.NewCredential()
	c.Seal()
	first := c.Parts.First
	with := func(bend func(s *proof.SignedCheckpoint)) []byte {
		s := &proof.SignedCheckpoint{Checkpoint: first.Checkpoint.Checkpoint, Lines: append([]proof.SignatureLine(nil), first.Checkpoint.Lines...)}
		bend(s)
		p := *first
		p.Checkpoint = s
		c.Parts.First = &p
		return c.Zip()
	}
	want(t, with(func(s *proof.SignedCheckpoint) { s.Lines = s.Lines[:1] }), input(l), credential.ValidUnwitnessed)
	because(t, with(func(s *proof.SignedCheckpoint) { s.Lines = s.Lines[1:] }), input(l), credential.NotLogged, "not signed by a trusted log")
	want(t, with(func(s *proof.SignedCheckpoint) {
		s.Lines = append(s.Lines, proof.SignatureLine{Name: "somebody.example", KeyHash: 1, Signature: []byte("x")})
	}), input(l), credential.Valid)
	because(t, with(func(s *proof.SignedCheckpoint) {
		s.Lines[1].Signature = append([]byte(nil), s.Lines[1].Signature...)
		s.Lines[1].Signature[20] ^= 1
	}), input(l), credential.Invalid, "wrong signature")
	because(t, with(func(s *proof.SignedCheckpoint) {
		s.Lines[0].Signature = append([]byte(nil), s.Lines[0].Signature...)
		s.Lines[0].Signature[20] ^= 1
	}), input(l), credential.Invalid, "wrong signature")
	// A cosignature of the same witness for another checkpoint.
	l.Fill(1)
	later := l.Checkpoint(noon, l.Quorum()...)
	because(t, with(func(s *proof.SignedCheckpoint) { s.Lines[1] = later.Lines[1] }), input(l), credential.Invalid, "wrong signature")

	// Nobody saw the later checkpoint, under which the status list is.
	c.Parts.First = first
	c.Refresh(2, noon.Add(time.Hour), nil)
	bare := l.Checkpoint(noon.Add(time.Hour), l.Witnesses[0])
	c.Parts.Credential.Proof, c.Parts.Status.Proof = l.Prove(first.Index, bare), l.Prove(c.Parts.Status.Proof.Index, bare)
	because(t, c.Zip(), input(l), credential.ValidUnwitnessed, "the later checkpoint")

	for i := range l.Trust.Witnesses {
		l.Trust.Witnesses[i].Organisation = "One for All"
	}
	c.Parts.First, c.Parts.Trust = first, l.TrustFile()
	r := because(t, c.Zip(), input(l), credential.ValidUnwitnessed, "2 witnesses of 1 organisations")
	if r.Facts.Organisations != 1 {
		t.Errorf("%d organisations", r.Facts.Organisations)
	}
}

// TestContent bends what the issuing key signs and no lab says.
func TestContent(t *testing.T) {
	for name, bend := range map[string]func(c *statement.Credential){
		"another lab's name":    func(c *statement.Credential) { c.Verifier.ID = "https://log.other.example" },
		"levels of a failure":   func(c *statement.Credential) { c.VerifiedLevels = []string{} },
		"levels of more":        func(c *statement.Credential) { c.VerifiedLevels = append(c.VerifiedLevels, "SLSA_BUILD_LEVEL_3") },
		"another edition":       func(c *statement.Credential) { c.Core.Policy.Edition = "V19" },
		"another SLSA":          func(c *statement.Credential) { c.SLSAVersion = "0.2" },
		"more independent":      func(c *statement.Credential) { c.Core.Lab.Independence = statement.Independent },
		"a vendor's act":        func(c *statement.Credential) { c.Core.Act.Actor.Class = statement.Vendor },
		"not signed by the lab": func(c *statement.Credential) { c.Core.Act.Actor.Proof = statement.Attested },
		"no such status":        func(c *statement.Credential) { c.Core.Status.Index = credential.StatusSize },
		"another series":        func(c *statement.Credential) { c.Core.Status.Series = credentialtest.Hex(16) },
	} {
		l := credentialtest.New(t, origin, 3)
		zip := l.NewCredential().Seal(func(c *statement.Credential, _ *statement.Statement) { bend(c) })
		if r := credential.Verify(zip, input(l)); r.Word != credential.Invalid {
			t.Errorf("%s: %s", name, r.Word)
		}
	}
	l := credentialtest.New(t, origin, 3)
	zip := l.NewCredential().Seal(func(c *statement.Credential, _ *statement.Statement) { c.Core.Lab.Independence = statement.Self })
	want(t, zip, input(l), credential.Valid) // less than the root says
	l.Trust.Lab.Name = "Renamed Lab"
	if r := want(t, zip, input(l), credential.Valid); !strings.Contains(strings.Join(r.NotChecked, "\n"), "Renamed Lab") {
		t.Errorf("not checked: %q", r.NotChecked)
	}
}
