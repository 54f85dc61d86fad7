package credential_test

import (
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/statement"
)

// TestFlaws: what a lab's own keys may have signed, and nobody should believe.
func TestFlaws(t *testing.T) {
	const dossier, verdicts = statement.TypeDossier, statement.TypeVerdicts
	ones := strings.Repeat("1", 64)
	inputs := func(types ...string) func(*statement.Credential, *statement.Statement) {
		return func(c *statement.Credential, _ *statement.Statement) {
			c.InputAttestations = nil
			for _, u := range types {
				c.InputAttestations = append(c.InputAttestations, statement.InputAttestation{Digest: statement.Digest{SHA256: ones}, URI: u})
			}
		}
	}
	subject := func(name, digest string) func(*statement.Credential, *statement.Statement) {
		return func(_ *statement.Credential, s *statement.Statement) {
			s.Subjects = append(s.Subjects, statement.Subject{Name: name, Digest: statement.Digest{SHA256: digest}})
		}
	}
	profile := func(counts statement.Counts) func(*statement.Credential, *statement.Statement) {
		return func(c *statement.Credential, _ *statement.Statement) {
			c.Core.Policy.Profile, c.Core.ProfileCounts, c.VerificationResult = "part", &counts, c.Core.Outcome()
			c.VerificationResult, c.VerifiedLevels, c.Policy.URI = c.Core.Outcome(), []string{}, c.Policy.URI+"#part"
			if c.VerificationResult == statement.Passed {
				c.VerifiedLevels = []string{"PROBAT_TS-33.117_V18.1.0_part"}
			}
		}
	}
	for _, x := range []struct {
		text string // empty: it is right
		bend func(*statement.Credential, *statement.Statement)
	}{
		{"the URI of its policy", func(c *statement.Credential, _ *statement.Statement) { c.Policy.URI += "#artifact" }},
		{`its resourceUri is "pkg:generic/Other`, func(c *statement.Credential, _ *statement.Statement) {
			c.ResourceURI = "pkg:generic/Other/router@4.2.1"
		}},
		{`its resourceUri is "urn:`, func(c *statement.Credential, _ *statement.Statement) {
			c.ResourceURI = "urn:sha256:" + credentialtest.Image
		}},
		{"not on one dossier", inputs(dossier)},
		{"not on one dossier", inputs(verdicts)},
		{"not on one dossier", inputs(dossier, verdicts, verdicts)},
		{"not on one dossier", inputs(dossier, dossier, verdicts)},
		{"not on one dossier", inputs(dossier, verdicts, "https://slsa.dev/provenance/v1")},
		{`the subject "router-4.2.1.img", sha256:1111`, subject("router-4.2.1.img", ones)},
		{`the subject "again", sha256:e3b0c442`, subject("again", credentialtest.Image)},
		{"", subject("other.img", ones)},
		{"", profile(statement.Counts{NotApplicable: 2, Pass: 40})},
		{"its profile counts", profile(statement.Counts{Pass: 41})},
		{"its profile counts", profile(statement.Counts{Pass: 1, NotApplicable: 3})},
		{"its profile counts", profile(statement.Counts{Pass: 1, Fail: 1})},
		{"its profile counts", profile(statement.Counts{Pass: 1, Inconclusive: 1})},
		{"its profile counts", profile(statement.Counts{Pass: 1, NotAssessed: 1})},
		{"", func(c *statement.Credential, _ *statement.Statement) {
			c.Core.ValidUntil = statement.FormatTime(noon.Add(credential.MaxValidity))
		}},
		{"more than 3660 days", func(c *statement.Credential, _ *statement.Statement) {
			c.Core.ValidUntil = statement.FormatTime(noon.Add(credential.MaxValidity + time.Second))
		}},
		{"look alike", func(c *statement.Credential, _ *statement.Statement) { // a Cyrillic letter
			c.Core.Policy.Scheme, c.VerifiedLevels = "\u0422S-33.117", []string{"PROBAT_\u0422S-33.117_V18.1.0"}
			c.Policy.URI = "https://" + origin + "/scheme/%D0%A2S-33.117/V18.1.0"
		}},
		{"look alike", func(c *statement.Credential, _ *statement.Statement) {
			c.Core.Policy.Edition, c.VerifiedLevels = "V18\u2024", []string{"PROBAT_TS-33.117_V18\u2024"}
			c.Policy.URI = "https://" + origin + "/scheme/TS-33.117/V18%E2%80%A4"
		}},
	} {
		l := credentialtest.New(t, origin, 3)
		in := input(l)
		in.RequirePassed = false
		if zip := l.NewCredential().Seal(x.bend); x.text == "" {
			want(t, zip, in, credential.Valid)
		} else {
			because(t, zip, in, credential.Invalid, x.text)
		}
	}
}

// TestIdentity: the lab has the name that was pinned, whatever a credential calls it.
func TestIdentity(t *testing.T) {
	l := credentialtest.New(t, origin, 3)
	zip := l.NewCredential().Seal(func(c *statement.Credential, _ *statement.Statement) {
		c.Core.Lab = statement.LabIdentity{Independence: statement.Self, Name: "Federal Office", Operator: "The State"}
	})
	f := want(t, zip, input(l), credential.Valid).Facts
	if f.Lab.Name != "Example Lab" || f.Lab.Operator != "Example Testing GmbH" || f.Lab.Independence != statement.Self || f.CallsLab == nil || f.CallsLab.Name != "Federal Office" {
		t.Errorf("%+v, %+v", f.Lab, f.CallsLab)
	}
	zip = l.NewCredential().Seal(func(c *statement.Credential, _ *statement.Statement) { c.Core.Lab.Independence = statement.Independent })
	if f = because(t, zip, input(l), credential.Invalid, "it calls the lab independent").Facts; f.Lab.Independence != statement.Contracted || f.CallsLab != nil {
		t.Errorf("%+v, %+v", f.Lab, f.CallsLab)
	}
}

func TestIsFor(t *testing.T) {
	p := statement.Policy{Digest: credentialtest.Image, Scheme: "TS-33.117", Edition: "V18.1.0"}
	for asked, want := range map[string]bool{
		"": true, "TS-33.117": true, credentialtest.Image: true, credentialtest.Image[:12]: true, "sha256:" + credentialtest.Image[:20]: true, strings.ToUpper(credentialtest.Image): true,
		"ts-33.117": false, "TS-33.11": false, "TS-33.117 ": false, "V18.1.0": false, credentialtest.Image[:11]: false, credentialtest.Image[1:20]: false, credentialtest.Image + "0": false,
		"sha256:": false, "sha256:TS-33.117": false, "sha256:" + credentialtest.Image[:11]: false,
	} {
		if got := credential.IsFor(p, asked); got != want {
			t.Errorf("%q: %v", asked, got)
		}
	}
	// Another edition may not call itself by the digest of the one that is asked for.
	p.Scheme, p.Digest = credentialtest.Image[:12], strings.Repeat("2", 64)
	if credential.IsFor(p, credentialtest.Image[:12]) {
		t.Error("a scheme's identifier is taken for a digest")
	}
}

// TestAsked: what is not asked for is NOT-PASSED, before a reservation, after what is worse.
func TestAsked(t *testing.T) {
	l := credentialtest.New(t, origin, 3)
	c := l.NewCredential()
	c.Issue.Core.Counts.Fail = 1
	zip := c.Seal()
	in := input(l)
	in.RequirePassed, in.Policy = false, "TS-33.117"
	want(t, zip, in, credential.Valid)
	in.Policy = "other"
	r := because(t, zip, in, credential.NotPassed, "is not for the scheme asked for")
	if r.Seen == nil {
		t.Error("an authentic credential is not remembered")
	}
	in.RequirePassed, in.Now = true, noon.AddDate(0, 3, 0)
	if r = because(t, zip, in, credential.NotPassed, "is not for the scheme asked for"); len(r.Reasons) != 3 || r.Reasons[2].Word != credential.ValidStale {
		t.Errorf("%v", r.Reasons)
	}
	in.Now = noon.AddDate(3, 0, 0)
	want(t, zip, in, credential.Expired)
}
