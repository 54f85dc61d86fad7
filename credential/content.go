package credential

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/probat-lab/probat/statement"
)

// MaxValidity is how long a credential may be valid: ten years, with some days for round numbers. Keys and algorithms are not trusted for longer.
const MaxValidity = 3660 * 24 * time.Hour

// flaws returns what is wrong with what a credential says, beyond what the statement's own parser refuses: things said in two ways, and things that
// would let one credential pass for another. [NewCredential] makes none that has any, and [Verify] believes none.
func flaws(origin string, c *statement.Credential, subjects []statement.Subject) []string {
	var f []string
	add := func(format string, args ...any) { f = append(f, fmt.Sprintf(format, args...)) }
	k := &c.Core
	if want := verifierID(origin); c.Verifier.ID != want {
		add("it is issued in the name of %q, not of %q", c.Verifier.ID, want)
	}
	if c.SLSAVersion != slsaVersion || !slices.Equal(c.VerifiedLevels, levels(k)) {
		add("the verified levels %q of SLSA %q are not what its counts say", c.VerifiedLevels, c.SLSAVersion)
	}
	if want := policyURI(origin, k.Policy); c.Policy.URI != want {
		add("the URI of its policy is %q, not %q", c.Policy.URI, want)
	}
	if len(subjects) == 0 {
		add("it has no subjects")
	} else if want := resourceURI(k.Release, subjects); c.ResourceURI != want {
		add("its resourceUri is %q, its release is %q", c.ResourceURI, want)
	}
	if !plain(k.Policy.Scheme) || !plain(k.Policy.Edition) {
		add("its scheme %q, edition %q, is not of printable ASCII: other letters look alike", k.Policy.Scheme, k.Policy.Edition)
	}
	if p := k.ProfileCounts; p != nil && exceeds(p, &k.Counts) {
		add("its profile counts %+v, the whole scheme only %+v", *p, k.Counts)
	}
	switch from, until := timeOf(k.ValidFrom), timeOf(k.ValidUntil); {
	case !from.Before(until):
		add("it is valid from %s to %s", k.ValidFrom, k.ValidUntil)
	case until.Sub(from) > MaxValidity:
		add("it is valid from %s to %s: more than %d days", k.ValidFrom, k.ValidUntil, MaxValidity/(24*time.Hour))
	}
	if !slices.Equal(inputTypes(c), []string{statement.TypeDossier, statement.TypeVerdicts}) {
		add("it rests on %q, and not on one dossier and one statement of verdicts", inputTypes(c))
	}
	names, digests := map[string]bool{}, map[string]bool{}
	for _, s := range subjects {
		if names[s.Name] || digests[s.Digest.SHA256] {
			add("the subject %q, sha256:%s, has the name or the digest of another one", s.Name, s.Digest.SHA256)
		}
		names[s.Name], digests[s.Digest.SHA256] = true, true
	}
	return f
}

// inputTypes returns the types of what a credential rests on, sorted.
func inputTypes(c *statement.Credential) []string {
	var types []string
	for _, i := range c.InputAttestations {
		types = append(types, i.URI)
	}
	slices.Sort(types)
	return types
}

// plain tells text that cannot look like another text: printable ASCII.
func plain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsPrint(r) })
}

// exceeds tells whether a part counts more of any verdict than the whole.
func exceeds(part, whole *statement.Counts) bool {
	return part.Fail > whole.Fail || part.Inconclusive > whole.Inconclusive || part.NotApplicable > whole.NotApplicable ||
		part.NotAssessed > whole.NotAssessed || part.Pass > whole.Pass
}

// content checks that the credential is of this lab and says nothing in two ways.
func (v *verifier) content() {
	where := inZip(nameCredential)
	c, k := v.credential, &v.credential.Core
	for _, f := range flaws(v.trust.Trust.Origin, c, v.subjects) {
		v.fail(Invalid, where, "%s", f)
	}
	if k.Act.Actor.Class != statement.Lab || k.Act.Actor.Proof != statement.ByKey {
		v.fail(Invalid, where, "its actor is no lab that signed with its key")
	}
	v.identity()
	v.asked()
}

// identity says whose word it is: the trust file's name of the lab, which the customer pinned, and not the credential's.
func (v *verifier) identity() {
	said, pinned := v.credential.Core.Lab, v.trust.Trust.Lab
	lab := pinned
	if rank(said.Independence) > rank(pinned.Independence) {
		v.fail(Invalid, inZip(nameCredential), "it calls the lab %s, the trust file calls it %s", said.Independence, pinned.Independence)
	} else {
		lab.Independence = said.Independence // a lab may be less independent of one vendor than of others
	}
	v.r.Facts.Lab = lab
	if said.Name != pinned.Name || said.Operator != pinned.Operator {
		v.r.Facts.CallsLab = &said
		v.notChecked("the lab's name: the credential says %q run by %q, the trust file %q run by %q", said.Name, said.Operator, pinned.Name, pinned.Operator)
	}
}

// rank orders degrees of independence.
func rank(i statement.Independence) int {
	switch i {
	case statement.Contracted:
		return 1
	case statement.Independent:
		return 2
	}
	return 0
}

// asked holds the credential against what the customer asked for.
func (v *verifier) asked() {
	k := &v.credential.Core
	if !IsFor(k.Policy, v.in.Policy) {
		v.fail(NotPassed, "the credential", "it is for %s %s, sha256:%s, which is not for the scheme asked for, %q", k.Policy.Scheme, k.Policy.Edition, k.Policy.Digest, v.in.Policy)
	}
	if v.in.RequirePassed && v.credential.VerificationResult != statement.Passed {
		v.fail(NotPassed, "the credential", "its outcome is %s, and PASSED was asked for", v.credential.VerificationResult)
	}
}

// leastDigits is how many digits of a digest name a policy.
const leastDigits = 12

// IsFor tells whether a policy is the one asked for: nothing asks for none, 12 to 64 hexadecimal digits, with or without "sha256:", for a digest that
// begins with them, everything else for the scheme of exactly that identifier. A scheme whose identifier looks like a digest can only be asked for by its digest.
func IsFor(p statement.Policy, asked string) bool {
	digest, prefixed := strings.CutPrefix(asked, "sha256:")
	digits := !strings.ContainsFunc(digest, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) })
	switch {
	case asked == "":
		return true
	case digits && len(digest) >= leastDigits && len(digest) <= 64:
		return strings.HasPrefix(p.Digest, strings.ToLower(digest))
	}
	return !prefixed && p.Scheme == asked
}
