package credential

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// DefaultStatusAge is how old a status list may be before a credential is stale, unless told.
const DefaultStatusAge = 30 * 24 * time.Hour

// Input is what the verifier has beside the credential. Only Now is needed for an answer; without Trust the answer is [NotPinned].
type Input struct {
	Trust        *Pinned // what the customer pinned; nil if nothing
	Now          time.Time
	Files        []File                    // what was delivered to her
	MaxStatusAge time.Duration             // 0: DefaultStatusAge
	Status       [][]byte                  // status lists that she fetched herself: status.sigstore.json
	Disclosures  [][]byte                  // disclosure files that she was given
	Known        []*proof.SignedCheckpoint // checkpoints of the same log that she has from elsewhere
	// Tiles read the hashes of a copy of the log that she has; with them checkpoints of different sizes can be compared. It may be wrong or fail: nothing is believed that does not prove itself.
	Tiles         tlog.HashReader
	Seen          *Seen // what she remembers from before; nil if nothing
	RequirePassed bool
	Policy        string // what scheme she wants a credential for, as [IsFor] has it; empty if any
}

// File is a file that the customer has.
type File struct {
	Name   string
	SHA256 string // 64 hexadecimal digits in lower case
}

// Verify says what a credential is worth to somebody who has pinned a trust file. It reads nothing but its arguments; the same arguments give the same
// result. Which defect leads to which word stands beside the words.
//
// All checks are made that can be, also after one failed, so that the reasons are complete; the word is the first by precedence. Without a pinned trust file, or with one that does
// not know the key that signed, the copies in the zip stand in for it, so that the reader learns what the file says of itself and
// which keys she would have to compare: the word is then [NotPinned] or worse.
func Verify(zip []byte, in Input) *Result {
	if in.MaxStatusAge == 0 {
		in.MaxStatusAge = DefaultStatusAge
	}
	v := &verifier{in: in, r: &Result{Reasons: []Reason{}, Checked: []string{}, NotChecked: []string{}, Seen: in.Seen}}
	var err error
	if v.f, err = readFiles(zip); err != nil {
		v.fail(Invalid, "the credential", "%v", err)
		return v.result()
	}
	if !v.open() {
		return v.result()
	}
	v.r.Facts = factsOf(v.f, v.credential, v.subjects)
	v.pin()
	v.signatures()
	v.logged()
	v.history()
	v.times()
	v.content()
	v.files()
	v.disclosed()
	v.standing()
	v.validity()
	return v.result()
}

// verifier is one run of Verify.
type verifier struct {
	in Input
	f  *files
	r  *Result

	credential *statement.Credential
	subjects   []statement.Subject
	status     *statement.Status

	trust   *Pinned // by which everything is judged: the pinned one, or the copy after NotPinned was said
	at      *proof.Result
	shared  *proof.Result   // under the checkpoint that the parts share
	first   time.Time       // by when a quorum had seen the credential; zero if none has
	heads   []head          // all checkpoints of the log that are signed by it, by size
	lists   []countedStatus // that verified
	newest  *countedStatus
	badList bool
}

// fail notes a defect.
func (v *verifier) fail(w Word, where, format string, args ...any) {
	v.r.Reasons = append(v.r.Reasons, Reason{w, where, fmt.Sprintf(format, args...)})
}

func (v *verifier) checked(format string, args ...any) {
	v.r.Checked = append(v.r.Checked, fmt.Sprintf(format, args...))
}

func (v *verifier) notChecked(format string, args ...any) {
	v.r.NotChecked = append(v.r.NotChecked, fmt.Sprintf(format, args...))
}

// result finds the word.
func (v *verifier) result() *Result {
	r := v.r
	slices.SortStableFunc(r.Reasons, func(a, b Reason) int { return a.Word.rank() - b.Word.rank() })
	r.Word = Valid
	if len(r.Reasons) > 0 {
		r.Word = r.Reasons[0].Word
	}
	r.ExitCode = r.Word.ExitCode()
	if r.Word.Authentic() {
		r.Seen = v.remember()
	}
	return r
}

// open parses the two statements. A statement of another kind in the place of either is refused here, whoever signed it.
func (v *verifier) open() bool {
	ok := true
	if s, err := v.f.credential.Envelope.Open(); err != nil {
		v.fail(Invalid, inZip(nameCredential), "%v", err)
		ok = false
	} else if v.credential, ok = statement.As[*statement.Credential](s); !ok {
		v.fail(Invalid, inZip(nameCredential), "it is a statement of type %q, not a credential", s.Predicate.TypeURI())
	} else {
		v.subjects = s.Subjects
	}
	s, err := v.f.status.Envelope.Open()
	if err != nil {
		v.fail(Invalid, inZip(nameStatus), "%v", err)
		return false
	}
	st, isStatus := statement.As[*statement.Status](s)
	if !isStatus {
		v.fail(Invalid, inZip(nameStatus), "it is a statement of type %q, not a status list", s.Predicate.TypeURI())
		return false
	}
	v.status = st
	return ok
}

func inZip(name string) string { return "the zip: " + name }

// pin decides by which trust file everything is judged.
func (v *verifier) pin() {
	v.trust = v.in.Trust
	switch key := v.f.credential.Envelope.KeyID; {
	case v.trust == nil:
		v.fail(NotPinned, "the trust file", "none was given. The zip has a copy, which proves nothing: compare its fingerprint %s with what the lab says", v.f.trust.Fingerprint())
		v.trust = v.f.trust
	case !v.trust.knows(key):
		v.fail(NotPinned, "the trust file", "it does not know the key %.19s that signed the credential. The zip has a copy of a trust file, which proves nothing: its fingerprint is %s, that of yours %s",
			key, v.f.trust.Fingerprint(), v.trust.Fingerprint())
		v.trust = v.f.trust
	case v.f.trust.anchor != v.trust.anchor:
		v.fail(NotPinned, inZip(nameLabTrust), "the copy has other root keys than your trust file: its fingerprint is %s, that of yours %s", v.f.trust.Fingerprint(), v.trust.Fingerprint())
	case v.f.trust.Trust.Version > v.trust.Trust.Version:
		v.notChecked("keys by the lab's newest word: the zip has version %d of the trust file, yours is version %d", v.f.trust.Trust.Version, v.trust.Trust.Version)
	}
	if v.in.Trust != nil {
		if why := v.in.Seen.rollback(v.in.Trust); why != "" {
			v.fail(NotPinned, "the trust file", "%s", why)
		}
	}
	v.r.Facts.Trust = trustFacts(v.trust, v.trust == v.in.Trust)
	v.r.Facts.Origin = v.trust.Trust.Origin
}

func (p *Pinned) knows(id string) bool { _, ok := p.keys[id]; return ok }
