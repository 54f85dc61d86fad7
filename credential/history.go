package credential

import (
	"errors"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
)

// history compares all checkpoints of the log with each other: those in the credential, in status lists that were given, those known from elsewhere and
// the one remembered.
func (v *verifier) history() {
	for i, c := range v.in.Known {
		v.known(numbered("the known checkpoint", i, len(v.in.Known)), c)
	}
	if c := v.in.Seen.checkpoint(v.trust); c != nil {
		v.known("the remembered checkpoint", c)
	}
	v.readLists()
	slices.SortStableFunc(v.heads, func(a, b head) int {
		switch {
		case a.c.Size < b.c.Size:
			return -1
		case a.c.Size > b.c.Size:
			return 1
		}
		return 0
	})
	compared, missing := 0, false
	for i := 1; i < len(v.heads); i++ {
		switch same, known := v.consistent(v.heads[i-1], v.heads[i]); {
		case !known:
			missing = true
		case same:
			compared++
		}
	}
	if missing {
		v.notChecked("that all checkpoints are of one history: some differ in size, and a copy of the log's tiles is needed to compare them")
	}
	if compared > 0 && !missing && v.r.Equivocation == nil {
		v.checked("%d checkpoints are of one history", compared+1)
	}
}

// known adds a checkpoint that the customer has. One that the log has not signed, or not rightly, could not be used for what she gave it for.
func (v *verifier) known(where string, c *proof.SignedCheckpoint) {
	for _, l := range v.trust.Policy.Logs() {
		err := l.Key.Verify(c)
		if err == nil {
			v.heads = append(v.heads, head{where, c, l.Key})
			return
		}
		if errors.Is(err, proof.ErrBadSignature) {
			v.fail(Invalid, where, "%v", err)
			return
		}
	}
	v.fail(Invalid, where, "the log %s has not signed it", v.trust.Trust.Origin)
}

// consistent compares two checkpoints, a not larger than b. known is false if that cannot be told.
func (v *verifier) consistent(a, b head) (same, known bool) {
	if a.c.Size == b.c.Size {
		if a.c.Root == b.c.Root {
			return true, true
		}
		v.diverged(a, b, nil)
		return false, true
	}
	if v.in.Tiles == nil {
		return a.c.Size == 0, a.c.Size == 0
	}
	hashes, err := proof.ProveConsistency(a.c.Size, b.c.Size, v.in.Tiles)
	if err != nil {
		v.notChecked("%s against %s: the tiles do not reach as far: %v", a.where, b.where, err)
		return false, false
	}
	if proof.CheckConsistency(a.c.Checkpoint, b.c.Checkpoint, hashes) == nil {
		return true, true
	}
	v.diverged(a, b, v.in.Tiles)
	return false, true
}

// diverged says that two checkpoints are of two histories, and convicts the log if it can be. It cannot if the tiles are of neither tree, or two keys of the log signed.
func (v *verifier) diverged(a, b head, tiles tlog.HashReader) {
	v.fail(Diverged, b.where, "it is of another history than %s: %d and %d leaves, roots %s and %s", a.where, b.c.Size, a.c.Size, b.c.Root, a.c.Root)
	if v.r.Equivocation != nil {
		return
	}
	e, err := proof.Convict(a.log, a.c, b.c, tiles)
	if err != nil {
		v.notChecked("whether the log itself is to blame: %v", err)
		return
	}
	v.r.Equivocation = e
}

// rootAt returns the root of the log's tree at a size, if a checkpoint or the tiles prove it.
func (v *verifier) rootAt(size int64) (tlog.Hash, bool) {
	if size == 0 {
		return proof.EmptyRoot(), true
	}
	for _, h := range v.heads {
		if h.c.Size == size {
			return h.c.Root, true
		}
		if h.c.Size < size || v.in.Tiles == nil {
			continue
		}
		root, err := tlog.TreeHash(size, v.in.Tiles)
		if err != nil {
			return tlog.Hash{}, false
		}
		hashes, err := proof.ProveConsistency(size, h.c.Size, v.in.Tiles)
		prefix := proof.Checkpoint{Origin: h.c.Origin, Size: size, Root: root}
		return root, err == nil && proof.CheckConsistency(prefix, h.c.Checkpoint, hashes) == nil
	}
	return tlog.Hash{}, false
}
