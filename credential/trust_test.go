package credential_test

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/statement"
)

func TestTrustRoundTrip(t *testing.T) {
	l := credentialtest.New(t, origin, 3)
	p := l.Pinned()
	if p.Trust.Origin != origin || len(p.Policy.Witnesses()) != 3 || p.Threshold != 1 || len(p.Roots) != 1 {
		t.Errorf("read %+v", p)
	}
	if got := p.Fingerprint(); len(strings.Fields(got)) != 16 || len(got) != 64+15 {
		t.Errorf("fingerprint %q", got)
	}
	if got := p.Organisation(l.Witnesses[1].Key().Name()); got != "Organisation 1" {
		t.Errorf("organisation %q", got)
	}
}

// TestTrustEveryByte: whatever byte of the trust file changes, is added or is missing, the file is refused.
func TestTrustEveryByte(t *testing.T) {
	data := credentialtest.New(t, origin, 3).TrustFile()
	refused := func(what string, i int, b []byte) {
		if _, err := credential.ParseTrust(b); err == nil {
			t.Errorf("%s at byte %d of %d: accepted", what, i, len(data))
		}
	}
	step := 1
	if slow {
		step = 17
	}
	for i := 0; i < len(data); i += step {
		for _, bit := range []byte{0x01, 0x20, 0x80} {
			b := bytes.Clone(data)
			b[i] ^= bit
			refused("flip", i, b)
		}
		refused("missing", i, slices.Delete(bytes.Clone(data), i, i+1))
		refused("added", i, slices.Insert(bytes.Clone(data), i, ' '))
		refused("cut", i, data[:i])
	}
	refused("appended", len(data), append(bytes.Clone(data), '\n'))
}

// threshold of roots, each made anew.
func roots(t *testing.T, n int) (private []*ecdsa.PrivateKey, public []*statement.Key) {
	t.Helper()
	for range n {
		k := credentialtest.Key(t)
		private, public = append(private, k), append(public, credentialtest.Public(t, k))
	}
	return private, public
}

func TestTrustThreshold(t *testing.T) {
	l := credentialtest.New(t, origin, 0)
	private, public := roots(t, 3)
	for _, c := range []struct {
		threshold, sign int
		ok              bool
	}{{1, 1, true}, {2, 2, true}, {2, 3, true}, {3, 3, true}, {2, 1, false}, {3, 2, false}, {0, 1, false}, {0, 0, false}, {-1, 1, false}, {4, 3, false}} {
		_, err := credential.NewTrust(l.Trust, c.threshold, private[:c.sign], public[c.sign:]...)
		if (err == nil) != c.ok {
			t.Errorf("threshold %d of 3, %d signed: %v", c.threshold, c.sign, err)
		}
	}
	if _, err := credential.NewTrust(l.Trust, 2, []*ecdsa.PrivateKey{private[0], private[0]}); err == nil {
		t.Error("one root key as two: accepted")
	}
	if _, err := credential.NewTrust(l.Trust, 1, private[:1], public[0]); err == nil {
		t.Error("a root key that stands twice: accepted")
	}
}

// TestTrustForged takes valid files apart and puts them together wrongly.
func TestTrustForged(t *testing.T) {
	l := credentialtest.New(t, origin, 0)
	private, public := roots(t, 2)
	type file struct {
		Format    string            `json:"format"`
		Roots     []string          `json:"roots"`
		Threshold int               `json:"threshold"`
		Trust     []json.RawMessage `json:"trust"`
	}
	open := func(data []byte) (f file) {
		if err := json.Unmarshal(data, &f); err != nil {
			t.Fatal(err)
		}
		return f
	}
	good, err := credential.NewTrust(l.Trust, 2, private)
	if err != nil {
		t.Fatal(err)
	}
	other := *l.Trust
	other.Window++
	second, err := credential.NewTrust(&other, 2, private)
	if err != nil {
		t.Fatal(err)
	}
	for name, forge := range map[string]func(f *file){
		"threshold lowered, signature taken away": func(f *file) { f.Threshold = 0; f.Trust = f.Trust[:0] },
		"one signature of two":                    func(f *file) { f.Trust = f.Trust[:1] },
		"the same signature twice":                func(f *file) { f.Trust[1] = f.Trust[0] },
		"signatures in the other order":           func(f *file) { slices.Reverse(f.Trust) },
		"roots in the other order":                func(f *file) { slices.Reverse(f.Roots) },
		"two statements":                          func(f *file) { f.Trust[1] = open(second).Trust[1] },
		"roots and signatures in the other order": func(f *file) { slices.Reverse(f.Roots); slices.Reverse(f.Trust) },
		"a root twice": func(f *file) {
			f.Roots = []string{f.Roots[0], f.Roots[0]}
			f.Threshold, f.Trust = 1, f.Trust[:1]
		},
		"another format":        func(f *file) { f.Format = "probat-trust/2" },
		"a root key taken away": func(f *file) { f.Roots = f.Roots[:1]; f.Threshold = 1 },
		"a foreign root key": func(f *file) {
			f.Roots[0] = credentialtest.Public(t, credentialtest.Key(t)).String()
			slices.Sort(f.Roots)
		},
		"seventeen root keys": func(f *file) {
			_, more := roots(t, 15)
			for _, k := range more {
				f.Roots = append(f.Roots, k.String())
			}
			slices.Sort(f.Roots)
		},
	} {
		f := open(good)
		forge(&f)
		data, err := statement.Encode(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := credential.ParseTrust(append(data, '\n')); err == nil {
			t.Errorf("%s: accepted", name)
		} else if !errors.Is(err, statement.ErrForm) && !errors.Is(err, statement.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A statement of another type with root signatures is no trust statement.
	s := &statement.Statement{Subjects: []statement.Subject{credential.StatusSubject(origin)}, Predicate: &statement.Receipt{
		Act: l.Act(credentialtest.Noon), Of: credentialtest.Hex(32), Party: statement.Actor{Class: statement.Vendor, Name: "V", Proof: statement.Attested}, SignedBy: statement.SignedByLab,
	}}
	if _, err := credential.MarshalTrust(public[:1], 1, l.Sign(s, private[0])); err == nil {
		t.Error("a receipt as trust statement: accepted")
	}
	if _, err := credential.ParseTrust(make([]byte, credential.MaxTrust+1)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("too large: %v", err)
	}
}

// TestTrustOfStranger: a signature by nobody among the roots is not left out silently.
func TestTrustOfStranger(t *testing.T) {
	l := credentialtest.New(t, origin, 0)
	private, public := roots(t, 1)
	s := &statement.Statement{Subjects: []statement.Subject{credential.StatusSubject(origin)}, Predicate: l.Trust}
	envelopes := []*statement.Envelope{l.Sign(s, private[0]), l.Sign(s, credentialtest.Key(t))}
	if _, err := credential.MarshalTrust(public, 1, envelopes[0]); err != nil {
		t.Error(err)
	}
	if _, err := credential.MarshalTrust(public, 1, envelopes...); err == nil {
		t.Error("a stranger's signature: accepted")
	}
}

func TestTrustStatementRefused(t *testing.T) {
	for name, bend := range map[string]func(l *credentialtest.Lab, s *statement.Trust){
		"root as issuing key": func(l *credentialtest.Lab, s *statement.Trust) {
			s.Keys[0].Key = credentialtest.Public(t, l.Root).String()
		},
		"issuing as ledger key": func(_ *credentialtest.Lab, s *statement.Trust) { s.Keys[1].Key = s.Keys[0].Key },
		"log key as ledger key": func(l *credentialtest.Lab, s *statement.Trust) { s.Keys[1].Key = ed25519Text(l) },
		"ledger key may issue": func(_ *credentialtest.Lab, s *statement.Trust) {
			s.Keys[1].Predicates = []string{statement.TypeCredential}
		},
		"issuing key may trust": func(_ *credentialtest.Lab, s *statement.Trust) { s.Keys[0].Predicates = []string{"trust/v1"} },
		"long name of a type":   func(_ *credentialtest.Lab, s *statement.Trust) { s.Keys[0].Predicates = []string{statement.TypeStatus} },
		"unknown type":          func(_ *credentialtest.Lab, s *statement.Trust) { s.Keys[0].Predicates = []string{"status/v0"} },
		"types not sorted":      func(_ *credentialtest.Lab, s *statement.Trust) { slices.Reverse(s.Keys[0].Predicates) },
		"type twice": func(_ *credentialtest.Lab, s *statement.Trust) {
			s.Keys[0].Predicates = []string{"change/v1", "change/v1"}
		},
		"no types":              func(_ *credentialtest.Lab, s *statement.Trust) { s.Keys[0].Predicates = []string{} },
		"ends before it begins": func(_ *credentialtest.Lab, s *statement.Trust) { s.Keys[0].Until = s.Keys[0].From },
		"origin in capitals":    func(_ *credentialtest.Lab, s *statement.Trust) { s.Origin = "LOG.lab.example" },
		"origin with a path":    func(_ *credentialtest.Lab, s *statement.Trust) { s.Origin = origin + "/log" },
		"another log's policy": func(_ *credentialtest.Lab, s *statement.Trust) {
			s.Policy, s.Witnesses = credentialtest.New(t, "log.other.example", 0).Policy(), []statement.TrustedWitness{}
		},
		"policy without log": func(_ *credentialtest.Lab, s *statement.Trust) {
			s.Policy, s.Witnesses = "quorum none\n", []statement.TrustedWitness{}
		},
		"policy that is none": func(_ *credentialtest.Lab, s *statement.Trust) { s.Policy = "quorum some\n" },
		"policy with threshold 0": func(_ *credentialtest.Lab, s *statement.Trust) {
			s.Policy = strings.Replace(s.Policy, "group q 1", "group q 0", 1)
		},
		"witness nobody runs":   func(_ *credentialtest.Lab, s *statement.Trust) { s.Witnesses = s.Witnesses[1:] },
		"witness not in policy": func(_ *credentialtest.Lab, s *statement.Trust) { s.Witnesses[0].Name = "a.example" },
		"witnesses not sorted":  func(_ *credentialtest.Lab, s *statement.Trust) { slices.Reverse(s.Witnesses) },
		"log as its own witness": func(l *credentialtest.Lab, s *statement.Trust) {
			s.Policy = "log " + l.LogKey().String() + "\nwitness w " + l.LogKey().String() + "\nquorum w\n"
		},
		"version 2 after nothing":  func(_ *credentialtest.Lab, s *statement.Trust) { s.Version = 2 },
		"version 1 after some one": func(_ *credentialtest.Lab, s *statement.Trust) { s.Previous = credentialtest.Hex(32) },
	} {
		l := credentialtest.New(t, origin, 2)
		bend(l, l.Trust)
		if _, err := credential.NewTrust(l.Trust, 1, []*ecdsa.PrivateKey{l.Root}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestTrustOrigin: a log's name is a host name, as tools of Sigstore look for it, even where everything else agrees.
func TestTrustOrigin(t *testing.T) {
	for name, ok := range map[string]bool{
		"log.lab.example": true, "log": true, "a-b.c1": true,
		"LOG.lab.example": false, "log.lab.example/a": false, "log_a.example": false, "-a.example": false, "a-.example": false,
		"a..b": false, ".a": false, "a.": false, "a:443": false, "münchen.example": false,
		strings.Repeat("a", 64) + ".b": false, strings.Repeat("a.", 127) + "a": false,
	} {
		l := credentialtest.New(t, name, 0)
		if _, err := credential.NewTrust(l.Trust, 1, []*ecdsa.PrivateKey{l.Root}); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func ed25519Text(l *credentialtest.Lab) string {
	return base64.StdEncoding.EncodeToString(append([]byte("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"), l.LogKey().PublicKey()...))
}

func TestTrustFollows(t *testing.T) {
	l := credentialtest.New(t, origin, 1)
	l.Trust.Keys[0].CutOff = statement.FormatTime(credentialtest.Noon)
	old := l.Pinned()
	l.Trust.Version, l.Trust.Previous = 2, old.ID.String()
	l.Trust.Keys = append(l.Trust.Keys, statement.TrustedKey{
		From: l.Trust.Keys[0].From, Key: credentialtest.Public(t, credentialtest.Key(t)).String(), Predicates: credential.Predicates(statement.ForIssuing), Purpose: statement.ForIssuing, Until: l.Trust.Keys[0].Until,
	})
	next := l.Pinned()
	if err := next.Follows(old); err != nil {
		t.Errorf("the next version: %v", err)
	}
	if old.Fingerprint() != next.Fingerprint() {
		t.Error("another issuing key changed the fingerprint")
	}
	for name, bend := range map[string]func(l *credentialtest.Lab){
		"skipped":        func(l *credentialtest.Lab) { l.Trust.Version = 3 },
		"other previous": func(l *credentialtest.Lab) { l.Trust.Previous = credentialtest.Hex(32) },
		"other roots":    func(l *credentialtest.Lab) { l.Root = credentialtest.Key(t) },
		"other origin": func(l *credentialtest.Lab) {
			l.Origin = "log.moved.example"
			l.Trust.Origin, l.Trust.Witnesses = l.Origin, []statement.TrustedWitness{}
			l.Trust.Policy = (&credentialtest.Lab{TB: t, Origin: l.Origin, Log: l.Log}).Policy()
		},
		"earlier":      func(l *credentialtest.Lab) { l.Trust.Act.Time = "2025-01-01T00:00:00Z" },
		"cut-off gone": func(l *credentialtest.Lab) { l.Trust.Keys[0].CutOff = "" },
		"cut-off later": func(l *credentialtest.Lab) {
			l.Trust.Keys[0].CutOff = statement.FormatTime(credentialtest.Noon.Add(time.Second))
		},
		"another purpose": func(l *credentialtest.Lab) {
			l.Trust.Keys[1].Purpose, l.Trust.Keys[1].Predicates = statement.ForIssuing, l.Trust.Keys[0].Predicates
		},
	} {
		bent, trust := *l, *l.Trust
		trust.Keys = slices.Clone(trust.Keys)
		bent.Trust = &trust
		bend(&bent)
		if err := bent.Pinned().Follows(old); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestTrustKeys(t *testing.T) {
	l := credentialtest.New(t, origin, 0)
	cut := credentialtest.Noon
	l.Trust.Keys[0].CutOff = statement.FormatTime(cut)
	p := l.Pinned()
	issuing, ledger := credentialtest.Public(t, l.Issuing).ID(), credentialtest.Public(t, l.Ledger).ID()
	from, _ := statement.ParseTime(l.Trust.Keys[0].From)
	until, _ := statement.ParseTime(l.Trust.Keys[0].Until)
	for _, c := range []struct {
		id, of string
		at     time.Time
		ok     bool
	}{
		{issuing, statement.TypeCredential, cut, true},
		{issuing, statement.TypeStatus, from, true},
		{issuing, statement.TypeStatus, from.Add(-time.Second), false},
		{issuing, statement.TypeStatus, until.Add(-time.Second), true},
		{issuing, statement.TypeStatus, until, false},
		{issuing, statement.TypeVerdicts, cut, false},
		{issuing, statement.TypeTrust, cut, false},
		{ledger, statement.TypeVerdicts, cut, true},
		{ledger, statement.TypeCredential, cut, false},
		{credentialtest.Hex(32), statement.TypeVerdicts, cut, false},
	} {
		if err := p.May(c.id, c.of, c.at); (err == nil) != c.ok {
			t.Errorf("%.6s for %s at %s: %v", c.id, c.of, c.at, err)
		}
	}
	for _, uri := range statement.Types() {
		if !statement.OfParty(uri) {
			continue
		}
		if err := p.May(ledger, uri, cut); err != nil {
			t.Errorf("the lab attests what a party says: %v", err)
		}
		if err := p.May(issuing, uri, cut); err == nil {
			t.Errorf("an issuing key signs %s", uri)
		}
	}
	for _, c := range []struct {
		id   string
		seen time.Time
		ok   bool
	}{{issuing, cut.Add(-time.Second), true}, {issuing, cut, false}, {issuing, time.Time{}, false}, {ledger, time.Time{}, true}, {credentialtest.Hex(32), cut.Add(-1), false}} {
		if err := p.Before(c.id, c.seen); (err == nil) != c.ok {
			t.Errorf("%.6s seen at %s: %v", c.id, c.seen, err)
		}
	}
	if k, of := p.Key(issuing); k == nil || of.Purpose != statement.ForIssuing {
		t.Errorf("key %v for %q", k, of.Purpose)
	}
	if k, _ := p.Key(credentialtest.Hex(32)); k != nil {
		t.Error("an unknown key is known")
	}
}

// TestTrustOfEarlier: a key of a lab from before there was a portal is trusted for the types of its time, foreign documents among them, and for no
// later ones.
func TestTrustOfEarlier(t *testing.T) {
	l := credentialtest.New(t, origin, 0)
	l.Trust.Keys[1].Predicates = []string{"dossier/v1", statement.TypeCycloneDX, statement.TypeOpenVEX, "receipt/v1", "verdicts/v1"}
	p, ledger := l.Pinned(), credentialtest.Public(t, l.Ledger).ID()
	for uri, ok := range map[string]bool{statement.TypeCycloneDX: true, statement.TypeOpenVEX: true, statement.TypeReceipt: true, statement.TypeMessage: false, statement.TypePartyKey: false} {
		if err := p.May(ledger, uri, credentialtest.Noon); (err == nil) != ok {
			t.Errorf("%s: %v", uri, err)
		}
	}
	young := credentialtest.New(t, origin, 0)
	if err := young.Pinned().May(credentialtest.Public(t, young.Ledger).ID(), statement.TypeCycloneDX, credentialtest.Noon); err == nil {
		t.Error("a new key is trusted for a bill of materials, which nothing signs")
	}
	l.Trust.Keys[0].Predicates = []string{"change/v1", statement.TypeCycloneDX}
	if _, err := credential.NewTrust(l.Trust, 1, []*ecdsa.PrivateKey{l.Root}); err == nil {
		t.Error("an issuing key signs a bill of materials")
	}
}

func FuzzParseTrust(f *testing.F) {
	f.Add(credentialtest.New(f, origin, 1).TrustFile())
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := credential.ParseTrust(data)
		if err != nil {
			return
		}
		var f struct {
			Trust []json.RawMessage `json:"trust"`
		}
		if err := json.Unmarshal(data, &f); err != nil {
			t.Fatal(err)
		}
		var envelopes []*statement.Envelope
		for _, raw := range f.Trust {
			e, err := statement.ParseEnvelope(raw)
			if err != nil {
				t.Fatal(err)
			}
			envelopes = append(envelopes, e)
		}
		again, err := credential.MarshalTrust(p.Roots, p.Threshold, envelopes...)
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("encodes as %q, %v", again, err)
		}
	})
}
