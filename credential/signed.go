package credential

import (
	"time"

	"github.com/probat-lab/probat/statement"
)

// signatures checks who signed credential and status list.
func (v *verifier) signatures() {
	if v.signed(inZip(nameCredential), v.f.credential, statement.TypeCredential, v.credential.Core.Act.Time) {
		v.checked("the credential is signed by the key %.19s, which may issue credentials", v.f.credential.Envelope.KeyID)
	}
	if !v.signed(inZip(nameStatus), v.f.status, statement.TypeStatus, v.status.Act.Time) {
		v.badList = true
	}
}

// signed checks one envelope: the key is known, its signature verifies, and it may sign this at the time that the statement gives.
func (v *verifier) signed(where string, b *Bundle, predicateType, at string) bool {
	e := b.Envelope
	key, _ := v.trust.Key(e.KeyID)
	if key == nil {
		v.fail(NotPinned, where, "the trust file does not know the key %.19s that signed it", e.KeyID)
		return false
	}
	if err := e.Verify(key); err != nil {
		v.fail(Invalid, where, "%v", err)
		return false
	}
	if err := v.trust.May(e.KeyID, predicateType, timeOf(at)); err != nil {
		v.fail(Invalid, where, "%v", err)
		return false
	}
	return true
}

// timeOf reads a time that the statement's parser has accepted.
func timeOf(s string) time.Time {
	t, _ := statement.ParseTime(s)
	return t
}

// files compares what the customer has with what was evaluated.
func (v *verifier) files() {
	right := 0
	for _, f := range v.in.Files {
		known := false
		for i := range v.r.Facts.Subjects {
			if s := &v.r.Facts.Subjects[i]; s.SHA256 == f.SHA256 {
				s.Files, known = append(s.Files, f.Name), true
			}
		}
		if !known {
			v.fail(OtherFile, "the file "+quote(f.Name), "its SHA-256 is %s, which is none of the evaluated files", f.SHA256)
			continue
		}
		right++
	}
	if right > 0 {
		v.checked("%d of %d files that were given are evaluated ones", right, len(v.in.Files))
	}
	for _, s := range v.r.Facts.Subjects {
		if len(s.Files) == 0 {
			v.notChecked("the evaluated file %s: no file with its digest was given", quote(s.Name))
		}
	}
}

// disclosed checks opened items: those in the zip, and those given beside it.
func (v *verifier) disclosed() {
	for i, d := range v.f.disclosures {
		v.disclosure(inZip(disclosureName(i)), d)
	}
	for i, data := range v.in.Disclosures {
		where := numbered("the disclosure", i, len(v.in.Disclosures))
		d, err := ParseDisclosure(data)
		if err != nil {
			v.fail(Invalid, where, "%v", err)
			continue
		}
		v.disclosure(where, d)
	}
	if n := len(v.r.Facts.Disclosures); n > 0 {
		v.checked("%d disclosed items are what was sealed", n)
	}
}

func (v *verifier) disclosure(where string, d *Disclosure) {
	of := false
	for _, i := range v.credential.InputAttestations {
		of = of || i.Digest.SHA256 == d.Of && i.URI == statement.TypeVerdicts
	}
	if !of {
		v.fail(Invalid, where, "it is of verdicts that this credential does not rest on")
		return
	}
	if err := d.Check(v.credential.Core.Sealed); err != nil {
		v.fail(Invalid, where, "%v", err)
		return
	}
	v.r.Facts.Disclosures = append(v.r.Facts.Disclosures, DisclosureFacts{where, d.Index, d.Item})
}
