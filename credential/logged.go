package credential

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// tolerance is how far clocks of lab, witnesses and verifier may be apart.
const tolerance = proof.FutureTolerance * time.Second

// head is a checkpoint that the log has signed, and where it was found.
type head struct {
	where string
	c     *proof.SignedCheckpoint
	log   proof.LogKey
}

// logged checks that credential and status list are in the log, and who saw it.
func (v *verifier) logged() {
	f := v.f
	v.at = v.checkpoint(inZip(nameCredentialProof), f.first.Checkpoint)
	v.shared = v.at
	if !bytes.Equal(f.first.Checkpoint.Bytes(), f.credential.Proof.Checkpoint.Bytes()) {
		v.shared = v.checkpoint(inZip(nameCredential), f.credential.Proof.Checkpoint)
		if f.first.Checkpoint.Size > f.credential.Proof.Checkpoint.Size {
			v.fail(Invalid, inZip(nameCredentialProof), "the first checkpoint is larger than the later one")
		}
	}
	leaf := v.leaf(inZip(nameCredential), f.credential, v.shared)
	if f.first.Index != f.credential.Proof.Index {
		v.fail(NotLogged, inZip(nameCredentialProof), "it is about leaf %d, the credential's is %d", f.first.Index, f.credential.Proof.Index)
	} else if err := f.first.Verify(f.credential.Leaf.Hash()); err != nil {
		v.fail(NotLogged, inZip(nameCredentialProof), "%v", err)
	} else if leaf && v.at != nil {
		v.checked("the credential is leaf %d of the log %s", f.first.Index, v.trust.Trust.Origin)
	}
	if !v.leaf(inZip(nameStatus), f.status, v.shared) {
		v.badList = true
	}
	v.witnesses()
}

// checkpoint checks the signatures on a checkpoint; nil if the log's is missing or any is wrong.
func (v *verifier) checkpoint(where string, c *proof.SignedCheckpoint) *proof.Result {
	r, err := v.trust.Policy.Check(c, v.in.Now.Unix(), v.trust.Organisation)
	switch {
	case errors.Is(err, proof.ErrBadSignature):
		v.fail(Invalid, where, "%v", err)
		return nil
	case err != nil:
		v.fail(NotLogged, where, "%v", err)
		return nil
	}
	if r.FutureTimes > 0 {
		v.notChecked("%d cosignatures on the checkpoint of %s: their times are ahead of this clock", r.FutureTimes, where)
	}
	v.heads = append(v.heads, head{where, c, r.LogKey})
	return r
}

// leaf checks that the entry in a bundle is of its statement, and in the tree of its checkpoint, of which r is what the policy says.
func (v *verifier) leaf(where string, b *Bundle, r *proof.Result) bool {
	e := b.Envelope
	if b.Leaf.Digest != e.ID() || !bytes.Equal(b.Leaf.Signature, e.Signature) || statement.KeyID(b.Leaf.Key) != e.KeyID {
		v.fail(NotLogged, where, "the log entry beside it is of another statement or signature")
		return false
	}
	if err := b.Proof.Verify(b.Leaf.Hash()); err != nil {
		v.fail(NotLogged, where, "%v", err)
		return false
	}
	if r != nil && b.LogID != logID(r.LogKey) {
		v.fail(NotLogged, where, "it names another log than the one that signed the checkpoint")
		return false
	}
	return r != nil
}

// witnesses says who saw the two checkpoints.
func (v *verifier) witnesses() {
	if v.at == nil || v.shared == nil {
		return
	}
	facts := v.r.Facts
	for _, c := range v.at.Cosigned {
		facts.Witnesses = append(facts.Witnesses, WitnessFacts{c.KeyName, c.Organisation, statement.FormatTime(time.Unix(c.Time, 0))})
	}
	facts.Organisations = v.at.Organisations
	v.first = v.quorumTime(v.f.first.Checkpoint, v.at)
	switch {
	case v.at.QuorumNone:
		facts.Quorum = "none"
		v.fail(ValidUnwitnessed, "the trust file", "its policy asks for no witness: nobody but the lab's own log says that there is one history")
	case !v.at.Quorum:
		facts.Quorum = "not reached"
		v.fail(ValidUnwitnessed, inZip(nameCredentialProof), "%d witnesses of %d organisations cosigned the checkpoint, which is no quorum", len(v.at.Cosigned), v.at.Organisations)
	case !v.shared.Quorum:
		facts.Quorum = "not reached"
		v.fail(ValidUnwitnessed, inZip(nameCredential), "%d witnesses of %d organisations cosigned the later checkpoint, which is no quorum", len(v.shared.Cosigned), v.shared.Organisations)
	default:
		facts.Quorum = "reached"
		v.checked("%d witnesses of %d organisations saw the same log", len(v.at.Cosigned), v.at.Organisations)
	}
	if !v.first.IsZero() {
		facts.LoggedBy = statement.FormatTime(v.first)
	}
}

// quorumTime returns by when a quorum of witnesses had cosigned: the earliest time such that the cosignatures until then are enough. A later cosignature, which may come
// in years afterwards, does not move it, and one witness that dates back is not enough. Zero without a quorum.
func (v *verifier) quorumTime(c *proof.SignedCheckpoint, r *proof.Result) time.Time {
	if r == nil || !r.Quorum || r.QuorumNone {
		return time.Time{}
	}
	var times []int64
	for _, s := range r.Cosigned {
		times = append(times, s.Time)
	}
	slices.Sort(times)
	times = slices.Compact(times)
	// More cosignatures never take a quorum away, so the times can be searched by halves. Check counts what is not more than FutureTolerance ahead of the time it is given.
	i, _ := slices.BinarySearchFunc(times[:len(times)-1], true, func(t int64, _ bool) int {
		if until, err := v.trust.Policy.Check(c, t-proof.FutureTolerance, v.trust.Organisation); err == nil && until.Quorum {
			return 0
		}
		return -1
	})
	return time.Unix(times[i], 0)
}

// times checks what a statement says of its time against everything that is known about it.
func (v *verifier) times() {
	c := &v.credential.Core
	ok := v.dated(inZip(nameCredential), &c.Act, v.f.credential.Proof.Index, v.first)
	issued := timeOf(c.Act.Time)
	if window := time.Duration(v.trust.Trust.Window) * time.Second; !v.first.IsZero() && v.first.After(issued.Add(window)) {
		v.fail(Backdated, inZip(nameCredential), "it says %s, and witnesses saw it first at %s, more than %s later", c.Act.Time, statement.FormatTime(v.first), window)
		ok = false
	}
	if timeOf(c.ValidFrom).Before(issued) {
		v.fail(Backdated, inZip(nameCredential), "it is valid from %s, before it was made at %s", c.ValidFrom, c.Act.Time)
		ok = false
	}
	if ok && !v.first.IsZero() {
		v.checked("witnesses had seen it by %s", statement.FormatTime(v.first))
	}
	if v.first.IsZero() {
		v.notChecked("when it was made: no quorum of witnesses gives a time")
	}
	if err := v.trust.Before(v.f.credential.Envelope.KeyID, v.first); err != nil && v.trust.knows(v.f.credential.Envelope.KeyID) {
		v.fail(Invalid, inZip(nameCredential), "%v", err)
	}
	seen := v.quorumTime(v.f.status.Proof.Checkpoint, v.shared)
	if !v.dated(inZip(nameStatus), &v.status.Act, v.f.status.Proof.Index, seen) {
		v.badList = true
	}
	if err := v.trust.Before(v.f.status.Envelope.KeyID, seen); err != nil && v.trust.knows(v.f.status.Envelope.KeyID) {
		v.fail(Invalid, inZip(nameStatus), "%v", err)
		v.badList = true
	}
}

// dated checks an act's time against the verifier's clock, the head that the act knew, its place in the log, and by when witnesses had seen it.
func (v *verifier) dated(where string, a *statement.Act, index int64, seen time.Time) bool {
	at, defects := timeOf(a.Time), len(v.r.Reasons)
	if at.After(v.in.Now.Add(tolerance)) {
		v.fail(Backdated, where, "it says %s, which is still to come by this clock", a.Time)
	}
	if !seen.IsZero() && seen.Before(at.Add(-tolerance)) {
		v.fail(Backdated, where, "it says %s, and witnesses had seen it by %s already", a.Time, statement.FormatTime(seen))
	}
	switch h := a.AsOf; {
	case h == nil || h.Time == "":
		v.notChecked("that it was not signed long before its time: %s names no head of the log that witnesses had seen", where)
	case at.Before(timeOf(h.Time).Add(-tolerance)):
		v.fail(Backdated, where, "it says %s, and knows a head of the log that was witnessed at %s", a.Time, h.Time)
	case at.Sub(timeOf(h.Time)) > time.Duration(v.trust.Trust.Window)*time.Second:
		v.notChecked("that it was not signed long before its time: the head of the log that %s knows is of %s", where, h.Time)
	}
	if h := a.AsOf; h != nil {
		if h.Size > index {
			v.fail(Backdated, where, "it knows a head of the log with %d leaves, and is leaf %d itself", h.Size, index)
		} else if root, known := v.rootAt(h.Size); known && root.String() != h.Root {
			v.fail(Backdated, where, "the head of %d leaves that it knows is not of this log", h.Size)
		}
	}
	return len(v.r.Reasons) == defects
}

func numbered(what string, i, of int) string {
	if of == 1 {
		return what
	}
	return what + " " + strconv.Itoa(i+1)
}

func quote(s string) string { return strconv.Quote(s) }
