package credential

import (
	"time"

	"github.com/probat-lab/probat/statement"
)

// countedStatus is a status list that was verified, or is remembered from one that was.
type countedStatus struct {
	where    string
	id       string
	sequence int64
	time     string
	until    string // empty for a remembered one
	lists    *Lists
	encoded  []statement.StatusList // lists, as they were read
}

// readLists verifies the status lists that the customer gave. One that cannot be used is a defect: she gave it so that it counts.
func (v *verifier) readLists() {
	for i, data := range v.in.Status {
		where := numbered("the status list", i, len(v.in.Status))
		b, err := ParseBundle(data)
		if err != nil {
			v.fail(Invalid, where, "%v", err)
			continue
		}
		s, err := b.Envelope.Open()
		if err != nil {
			v.fail(Invalid, where, "%v", err)
			continue
		}
		st, ok := statement.As[*statement.Status](s)
		if !ok {
			v.fail(Invalid, where, "it is a statement of type %q, not a status list", s.Predicate.TypeURI())
			continue
		}
		ok = v.signed(where, b, statement.TypeStatus, st.Act.Time)
		r := v.checkpoint(where, b.Proof.Checkpoint)
		if !v.leaf(where, b, r) || !ok {
			continue
		}
		if !r.Quorum || r.QuorumNone {
			v.notChecked("that %s is the same for everybody: no quorum of witnesses cosigned its checkpoint", where)
		}
		seen := v.quorumTime(b.Proof.Checkpoint, r)
		ok = v.dated(where, &st.Act, b.Proof.Index, seen)
		if err := v.trust.Before(b.Envelope.KeyID, seen); err != nil {
			v.fail(Invalid, where, "%v", err)
			continue
		}
		if ok {
			v.count(where, b, s, st)
		}
	}
}

// count takes a status list whose signature and place in the log are right.
func (v *verifier) count(where string, b *Bundle, s *statement.Statement, st *statement.Status) {
	if want := v.credential.Core.Status.Series; st.Series != want || len(s.Subjects) != 1 || s.Subjects[0] != StatusSubject(want) {
		v.fail(Invalid, where, "it is of the series %s, the credential of %s", st.Series, want)
		return
	}
	if st.Act.Actor.Class != statement.Lab || st.Act.Actor.Proof != statement.ByKey {
		v.fail(Invalid, where, "its actor is no lab that signed with its key")
		return
	}
	lists, err := ParseLists(st.Lists)
	if err != nil {
		v.fail(Invalid, where, "%v", err)
		return
	}
	v.lists = append(v.lists, countedStatus{where, b.Envelope.ID().String(), st.Sequence, st.Act.Time, st.ValidUntil, lists, st.Lists})
}

// standing says what became of the credential. The newest list counts, wherever it comes from; but revoked and superseded once are revoked and superseded for ever.
func (v *verifier) standing() {
	place := v.credential.Core.Status
	if place.Index >= StatusSize {
		v.fail(Invalid, inZip(nameCredential), "its status has the index %d, a list has %d bits", place.Index, StatusSize)
		return
	}
	if !v.badList {
		if s, err := v.f.status.Envelope.Open(); err == nil {
			v.count(inZip(nameStatus), v.f.status, s, v.status)
		}
	}
	if seen := v.in.Seen.status(v.trust, place.Series); seen != nil {
		v.lists = append(v.lists, *seen)
	}
	for i := range v.lists {
		s := &v.lists[i]
		switch n := v.newest; {
		case n == nil || s.sequence > n.sequence:
			v.newest = s
		case s.sequence == n.sequence && s.id != n.id:
			v.fail(Diverged, s.where, "it has the number %d, and so has another one: %s", s.sequence, n.where)
		}
	}
	if v.newest == nil {
		v.notChecked("suspension and revocation: there is no status list that counts")
		return
	}
	for _, s := range v.lists {
		old := ""
		if s.sequence < v.newest.sequence {
			old = ", and what a newer one says takes nothing back"
		}
		if s.lists.Revoked.Get(place.Index) {
			v.fail(Revoked, s.where, "it was revoked by %s%s", s.time, old)
		}
		if s.lists.Superseded.Get(place.Index) {
			v.fail(Superseded, s.where, "a later credential for the same release and scheme exists since %s at the latest", s.time)
		}
	}
	if v.newest.lists.Suspended.Get(place.Index) {
		v.fail(Suspended, v.newest.where, "it is suspended as of %s", v.newest.time)
	}
	v.age()
}

// age tells a list that is too old.
func (v *verifier) age() {
	n := v.newest
	age := v.in.Now.Sub(timeOf(n.time)).Truncate(time.Second)
	v.r.Facts.Status = &StatusFacts{n.sequence, n.time, int64(age / time.Second), n.until, n.where}
	if age > v.in.MaxStatusAge {
		v.fail(ValidStale, n.where, "the newest status list is of %s, %s old; at most %s was asked for", n.time, age, v.in.MaxStatusAge)
		return
	}
	v.checked("the status list number %d of %s", n.sequence, n.time)
}

// validity tells whether the time is within what the credential is valid for.
func (v *verifier) validity() {
	k := &v.credential.Core
	switch now := v.in.Now; {
	case !now.Before(timeOf(k.ValidUntil)):
		v.fail(Expired, "the credential", "it was valid until %s", k.ValidUntil)
	case now.Add(tolerance).Before(timeOf(k.ValidFrom)):
		v.fail(Expired, "the credential", "it is valid from %s on", k.ValidFrom)
	}
}
