package credential_test

import (
	"testing"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/statement"
)

func TestNewCredential(t *testing.T) {
	l := credentialtest.New(t, origin, 0)
	made := func(bend func(i *credential.Issue)) *statement.Credential {
		t.Helper()
		i := l.NewCredential().Issue
		bend(&i)
		s, err := credential.NewCredential(i)
		if err != nil {
			t.Fatal(err)
		}
		return s.Predicate.(*statement.Credential)
	}
	c := made(func(*credential.Issue) {})
	if c.ResourceURI != "pkg:generic/Example%20Vendor/router@4.2.1" || c.Verifier.ID != "https://log.lab.example" || c.Policy.URI != "https://log.lab.example/scheme/TS-33.117/V18.1.0" ||
		c.VerificationResult != "PASSED" || len(c.VerifiedLevels) != 1 || c.VerifiedLevels[0] != "PROBAT_TS-33.117_V18.1.0" || c.SLSAVersion != "1.1" || c.TimeVerified != c.Core.Act.Time ||
		c.Core.ValidFrom != "2026-11-24T12:00:00Z" || c.Core.ValidUntil != "2027-11-24T12:00:00Z" {
		t.Errorf("%+v", c)
	}
	c = made(func(i *credential.Issue) {
		i.Core.Policy.Profile, i.Core.ProfileCounts = "artifact only", &statement.Counts{Pass: 3}
		i.Core.Counts = statement.Counts{NotAssessed: 30, Pass: 3}
		i.Core.Release = statement.Release{}
		i.Core.Risks, i.VerifierBuild = nil, nil
	})
	if c.ResourceURI != "urn:sha256:"+credentialtest.Image || c.VerificationResult != "PASSED" || c.VerifiedLevels[0] != "PROBAT_TS-33.117_V18.1.0_artifact-only" ||
		c.Policy.URI != "https://log.lab.example/scheme/TS-33.117/V18.1.0#artifact%20only" {
		t.Errorf("%+v", c)
	}
	if c = made(func(i *credential.Issue) { i.Core.Counts = statement.Counts{NotAssessed: 1, Pass: 9} }); c.VerificationResult != "FAILED" || c.VerifiedLevels == nil || len(c.VerifiedLevels) != 0 {
		t.Errorf("%+v", c)
	}
	for name, bend := range map[string]func(i *credential.Issue){
		"no subjects":   func(i *credential.Issue) { i.Subjects = nil },
		"no time":       func(i *credential.Issue) { i.Core.Act.Time = "" },
		"for no time":   func(i *credential.Issue) { i.For = time.Millisecond },
		"without case":  func(i *credential.Issue) { i.Core.Act.Case = "" },
		"without input": func(i *credential.Issue) { i.Inputs = nil },
		"case length":   func(i *credential.Issue) { i.Core.CaseLength++ },
		"for too long":  func(i *credential.Issue) { i.For = credential.MaxValidity + time.Second },
		"a third input": func(i *credential.Issue) { i.Inputs = append(i.Inputs, i.Inputs[1]) },
		"one input":     func(i *credential.Issue) { i.Inputs = i.Inputs[:1] },
		"twins":         func(i *credential.Issue) { i.Subjects = append(i.Subjects, i.Subjects[0]) },
		"one digest": func(i *credential.Issue) {
			i.Subjects = append(i.Subjects, statement.Subject{Name: "b", Digest: i.Subjects[0].Digest})
		},
		"not ASCII": func(i *credential.Issue) { i.Core.Policy.Edition = "\u0392" },
		"more than the whole": func(i *credential.Issue) {
			i.Core.Policy.Profile, i.Core.ProfileCounts = "part", &statement.Counts{Pass: 41}
		},
	} {
		i := l.NewCredential().Issue
		bend(&i)
		if _, err := credential.NewCredential(i); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestRefreshByOpen is how a lab refreshes a credential that it gets back from a customer.
func TestRefreshByOpen(t *testing.T) {
	l, c, zip := sealed(t)
	p, err := credential.Open(zip)
	if err != nil {
		t.Fatal(err)
	}
	c.Parts = *p
	if again := c.Zip(); string(again) != string(zip) {
		t.Error("taken apart and put together, it is another")
	}
	l.Fill(9)
	zip = c.Refresh(2, noon.AddDate(0, 0, 20), nil)
	in := input(l)
	in.Now = noon.AddDate(0, 0, 45)
	r := want(t, zip, in, credential.Valid)
	if r.Facts.LoggedBy != "2026-11-24T12:00:02Z" || r.Facts.Status.Sequence != 2 || r.Facts.TreeSize != l.Size() {
		t.Errorf("%+v", r.Facts)
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, x := range []struct {
		name      string
		witnesses int
	}{{"unwitnessed", 0}, {"3 witnesses", 3}, {"10 witnesses", 10}} {
		b.Run(x.name, func(b *testing.B) {
			l := credentialtest.New(b, origin, x.witnesses)
			zip := l.NewCredential().Seal()
			in := input(l)
			in.RequirePassed = false
			b.ReportAllocs()
			for b.Loop() {
				if r := credential.Verify(zip, in); !r.Word.Authentic() {
					b.Fatal(r.Reasons)
				}
			}
		})
	}
}

func BenchmarkParseTrust(b *testing.B) {
	data := credentialtest.New(b, origin, 3).TrustFile()
	for b.Loop() {
		if _, err := credential.ParseTrust(data); err != nil {
			b.Fatal(err)
		}
	}
}
