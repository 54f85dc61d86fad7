package credential_test

import (
	"strings"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/statement"
)

// contradictions are credentials that say something in two ways, or something that none may say.
func (v *vectorSet) contradictions(say func(name string, word credential.Word, why string, b bending)) {
	bad := func(name, why string, f func(*statement.Credential, *statement.Statement)) {
		say(name, credential.Invalid, why, bending{statement: f})
	}
	bad("uri of another policy", "policy.uri is of another edition than our policy", func(c *statement.Credential, _ *statement.Statement) {
		c.Policy.URI = strings.Replace(c.Policy.URI, "V18.1.0", "V19.0.0", 1)
	})
	bad("uri of another release", "resourceUri names another product than release", func(c *statement.Credential, _ *statement.Statement) {
		c.ResourceURI = strings.Replace(c.ResourceURI, "router", "switch", 1)
	})
	bad("rests on two statements of verdicts", "a disclosure could be of either", func(c *statement.Credential, _ *statement.Statement) {
		c.InputAttestations = append(c.InputAttestations, statement.InputAttestation{Digest: statement.Digest{SHA256: strings.Repeat("1c", 32)}, URI: statement.TypeVerdicts})
	})
	bad("rests on no dossier", "", func(c *statement.Credential, _ *statement.Statement) { c.InputAttestations = c.InputAttestations[1:] })
	bad("two subjects of one name", "", func(_ *statement.Credential, s *statement.Statement) {
		s.Subjects = append(s.Subjects, statement.Subject{Name: s.Subjects[0].Name, Digest: statement.Digest{SHA256: strings.Repeat("1c", 32)}})
	})
	bad("two subjects of one digest", "", func(_ *statement.Credential, s *statement.Statement) {
		s.Subjects = append(s.Subjects, statement.Subject{Name: "switch", Digest: s.Subjects[0].Digest})
	})
	bad("profile of more than the scheme", "41 requirements of the profile pass, 40 of the scheme", func(c *statement.Credential, _ *statement.Statement) {
		c.Core.Policy.Profile, c.Core.ProfileCounts = "part", &statement.Counts{Pass: 41}
		c.Policy.URI, c.VerifiedLevels = c.Policy.URI+"#part", []string{c.VerifiedLevels[0] + "_part"}
	})
	bad("valid for too long", "3660 days are the most, this is a second more", func(c *statement.Credential, _ *statement.Statement) {
		c.Core.ValidUntil = statement.FormatTime(noon.Add(credential.MaxValidity + time.Second))
	})
	bad("edition with other letters", "a V that is a Roman numeral", func(c *statement.Credential, _ *statement.Statement) {
		c.Core.Policy.Edition, c.VerifiedLevels = "\u216418.1.0", []string{"PROBAT_ts-33.117_\u216418.1.0"}
		c.Policy.URI = strings.Replace(c.Policy.URI, "V18", "%E2%85%A418", 1)
	})
	v.say("another scheme asked for", "router.probat.zip", credential.NotPassed, "it is for ts-33.117", asks("ts-33.511"))
	v.say("scheme asked for", "router.probat.zip", credential.Valid, "its identifier", asks("ts-33.117"))
	v.say("digest asked for", "router.probat.zip", credential.Valid, "the first twelve digits", asks(strings.Repeat("5c", 6)))
	v.say("digest asked for, too short", "router.probat.zip", credential.NotPassed, "eleven digits are no digest, and no scheme has that identifier", asks(strings.Repeat("5c", 6)[:11]))
	v.say("another digest asked for", "router.probat.zip", credential.NotPassed, "", asks(strings.Repeat("5d", 32)))
}
