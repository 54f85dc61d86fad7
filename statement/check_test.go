package statement

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// refused holds that neither Bytes writes a statement nor Parse would read it if somebody else wrote it.
func refused(t *testing.T, name, want string, s *Statement) {
	t.Helper()
	b, err := s.Bytes()
	if err == nil {
		t.Errorf("%s is written: %s", name, b)
	} else if !strings.Contains(err.Error(), want) || !errors.Is(err, ErrForm) && !strings.Contains(err.Error(), "not known") && !strings.Contains(err.Error(), "reading a key") {
		t.Errorf("%s: %v, which does not say %q", name, err, want)
	}
}

func TestChecks(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range slices.Concat(flaws(), partyFlaws(), publicFlaws()) {
		seen[f.uri] = true
		s := sample(f.uri)
		f.make(s.Predicate)
		refused(t, names[f.uri]+": "+f.name, f.want, s)
	}
	for _, uri := range uris() {
		if !seen[uri] && uri != TypeCycloneDX {
			t.Errorf("nothing is wrong with a %s", names[uri])
		}
	}
}

func TestChecksOfActs(t *testing.T) {
	for _, uri := range uris() {
		for name, change := range actFlaws() {
			s := sample(uri)
			a := s.Predicate.Common()
			if a == nil {
				continue
			}
			change(a)
			if c, ok := s.Predicate.(*Credential); ok {
				c.TimeVerified, c.Core.CaseLength = a.Time, a.CaseSeq
			}
			want, _, _ := strings.Cut(name, ":")
			refused(t, names[uri]+": "+name, want, s)
		}
	}
}

// leaves calls f for each text and integer in v, with a name to show and a way to set it.
func leaves(v reflect.Value, path string, f func(path string, leaf reflect.Value)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			leaves(v.Elem(), path, f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			leaves(v.Field(i), path+"."+v.Type().Field(i).Name, f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			leaves(v.Index(i), fmt.Sprintf("%s[%d]", path, i), f)
		}
	case reflect.String, reflect.Int, reflect.Int64:
		f(path, v)
	}
}

// TestNothingIsFree holds that no text in any predicate takes what a terminal obeys, and no integer is negative or beyond 2^53-1.
func TestNothingIsFree(t *testing.T) {
	for _, uri := range uris() {
		s := sample(uri)
		if s.Predicate.Common() == nil {
			continue
		}
		leaves(reflect.ValueOf(s.Predicate), names[uri], func(path string, leaf reflect.Value) {
			old := reflect.New(leaf.Type()).Elem()
			old.Set(leaf)
			defer leaf.Set(old)
			if leaf.Kind() == reflect.String {
				for _, bad := range []string{"\x1b[2J", "a\u202eb", "a\x00", "a\xff", "\u2029"} {
					leaf.SetString(bad)
					if b, err := s.Bytes(); err == nil {
						t.Errorf("%s is written: %s", path, b)
					}
				}
				return
			}
			for _, bad := range []int64{-1, 1 << 53, 1<<62 + 1} {
				leaf.SetInt(bad)
				if b, err := s.Bytes(); err == nil {
					t.Errorf("%s = %d is written: %s", path, bad, b)
				}
			}
		})
		if _, err := s.Bytes(); err != nil {
			t.Errorf("put back: %v", err)
		}
	}
}

// least returns the sample of a predicate type without what may be absent.
func least(uri string) *Statement {
	s := sample(uri)
	if s.Predicate.Common() == nil {
		s.Predicate.(*Document).Content = []byte("{}")
		return s
	}
	s.Subjects = s.Subjects[:1]
	strip(reflect.ValueOf(s.Predicate).Elem())
	switch p := s.Predicate.(type) {
	case *Credential:
		a := &p.Core.Act
		a.Case, a.CaseSeq, p.Core.CaseLength, p.VerificationResult = sampleCase, 1, 1, Failed
		p.Core.Risks, p.VerifiedLevels, p.Verifier.Version = []AcceptedRisk{}, []string{}, map[string]string{}
	case *Change:
		p.Standing = Suspended
	case *KeyEvent:
		p.Event = "added"
	case *Trust:
		p.Version, p.Keys, p.Witnesses = 1, []TrustedKey{}, []TrustedWitness{}
	case *Register:
		p.Entries = []RegisterEntry{}
	case *Judgement:
		p.Cites = []string{}
	case *Access:
		p.Event = "used"
	case *Receipt:
		p.SignedBy, p.Party.Proof = SignedByLab, Attested
	case *Agreement:
		p.Actor.Person = "Ada"
	case *PartyKey:
		p.Event, p.Until = "ended", laterTime
	}
	return s
}

// strip makes what may be absent so.
func strip(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if strings.HasSuffix(v.Type().Field(i).Tag.Get("json"), ",omitempty") {
				v.Field(i).SetZero()
			}
			strip(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			strip(v.Index(i))
		}
	}
}

func TestLeast(t *testing.T) {
	for _, uri := range uris() {
		s := least(uri)
		b, err := s.Bytes()
		if err != nil {
			t.Errorf("%s: %v", names[uri], err)
			continue
		}
		if got, err := Parse(b); err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%s is read as %+v, %v", b, got, err)
		}
	}
}

// partyAlternatives are the other values in what parties say and are told.
func partyAlternatives(taken func(string, *Statement)) {
	for _, event := range []string{"assigned", "unassigned", "ended", "used", "unmasked"} {
		s := sample(TypeAccess)
		p := s.Predicate.(*Access)
		p.Event, p.Until = event, ""
		taken(event, s)
	}
	for _, level := range []string{"summary", "verdict", "evidence", "source"} {
		s := sample(TypeGrant)
		p := s.Predicate.(*Grant)
		p.Level, p.Event, p.Of, p.Until = level, "withdrawn", hexOf("grant"), ""
		taken(level, s)
		p.Scope, p.Release = "product", Release{Product: "Router R1", Vendor: "Example Vendor"}
		taken("all releases", s)
	}
	for _, position := range []string{"", "asks", "accepts", "disputes", "plans-fix", "answers", "notes"} {
		s := sample(TypeMessage)
		p := s.Predicate.(*Message)
		p.Position, p.FixIn = position, ""
		taken("message that "+position, s)
	}
	s := sample(TypeMessage)
	m := s.Predicate.(*Message)
	m.Audience = []Party{{Lab, "B"}, {Operator, "A"}, {Operator, "AA"}, {Vendor, "A"}}
	taken("an audience by class first", s)
	m.Case, m.CaseSeq, m.PrevInCase = "", 0, ""
	taken("a message whose author does not know its place in the case", s)
	for i := range m.Attachments {
		m.Attachments[i].Name = strings.Repeat(".", 3+i)
	}
	taken("attachments whose names look like folders", s)
	s = sample(TypeReceipt)
	r := s.Predicate.(*Receipt)
	r.SignedBy, r.Party.Proof, r.KeyID, r.Assertion = SignedByWebAuthn, ByWebAuthn, "", hexOf("assertion")
	taken("a passkey", s)
	s = sample(TypeAgreement)
	s.Predicate.(*Agreement).Event = "withdrawn"
	taken("not after all", s)
	s = sample(TypePartyKey)
	k := s.Predicate.(*PartyKey)
	k.Until = ""
	taken("a key without end", s)
	k.Event, k.From, k.Until = "ended", "", sampleTime
	taken("a key that ended", s)
}

func TestSignedBy(t *testing.T) {
	for s, want := range map[SignedBy]Proof{SignedByKey: ByKey, SignedByWebAuthn: ByWebAuthn, SignedByLab: Attested, "vendor": ""} {
		if got := s.Proof(); got != want {
			t.Errorf("signed by %q is proved by %q, want %q", s, got, want)
		}
	}
}

// TestProductSubject holds that a product has a subject of its own, which a statement takes and which tells it from its releases.
func TestProductSubject(t *testing.T) {
	got, err := Release{Product: "Router R1", Vendor: "Example Vendor"}.Subject()
	if want := (Subject{Digest{hexOf(`{"product":"Router R1","vendor":"Example Vendor"}`)}, "Router R1"}); err != nil || got != want {
		t.Errorf("the subject is %v, %v, want %v", got, err, want)
	}
	s := sample(TypeGrant)
	s.Subjects = []Subject{got}
	if _, err := s.Bytes(); err != nil {
		t.Error(err)
	}
	if again, err := sampleRelease().Subject(); err != nil || again == got {
		t.Errorf("a release has the subject of its product: %v, %v", again, err)
	}
	if _, err := (Release{Product: "\xff"}).Subject(); err == nil {
		t.Error("a name that is not UTF-8 has a digest")
	}
}

// TestAlternatives holds what the samples leave out: the other values of what has few.
func TestAlternatives(t *testing.T) {
	taken := func(name string, s *Statement) {
		t.Helper()
		if _, err := s.Bytes(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, standing := range []Standing{Suspended, Reinstated, Revoked} {
		s := sample(TypeChange)
		p := s.Predicate.(*Change)
		p.Standing, p.Successor = standing, ""
		taken(string(standing), s)
	}
	s := sample(TypeRisk)
	s.Predicate.Common().AsOf.Time = ""
	taken("a head that no witness cosigned", s)
	s = sample(TypeRisk)
	s.Predicate.(*Risk).Reason = `}]}",\"{{[[\\`
	taken("a text that looks like the end", s)
	s = sample(TypeOpenVEX)
	s.Predicate.(*Document).Content = []byte(`{"a":"}}\"{{\\","b":[{}],"c":null,"d":1.5,"e":-1e+30}`)
	taken("a document with what looks like its end", s)
	s = sample(TypeKeyEvent)
	p := s.Predicate.(*KeyEvent)
	p.Purpose, p.Key = ForLog, "log.lab.example+7b1ab0d8+AQ8yZQFxWGKFDMFPDXZzJbzqBOC5Rr1r3VIYWcIcCwlj"
	taken("a log's key", s)
	p.Event, p.CutOff = "retired", ""
	taken("retired", s)
	for _, class := range []Class{Vendor, Lab, Operator, Regulator} {
		s := sample(TypeReceipt)
		s.Predicate.(*Receipt).Party.Class = class
		taken(string(class), s)
	}
	partyAlternatives(taken)
	for _, verdict := range []string{"pass", "fail", "inconclusive"} {
		s := sample(TypeJudgement)
		s.Predicate.(*Judgement).Verdict = verdict
		taken(verdict, s)
	}
	if _, err := ParseTime("2000-01-01T00:00:00Z"); err != nil {
		t.Error(err)
	}
	for c, want := range map[Counts]bool{{}: false, {Pass: 1}: true, {NotApplicable: 3}: false, {Pass: 1, Fail: 1}: false, {Pass: 1, NotAssessed: 1}: false, {Pass: 1, NotApplicable: 9}: true} {
		if c.Passed() != want {
			t.Errorf("%+v passed: %v", c, c.Passed())
		}
	}
	if got := (Counts{1, 2, 3, 4, 5}).Total(); got != 15 {
		t.Errorf("the total is %d", got)
	}
}
