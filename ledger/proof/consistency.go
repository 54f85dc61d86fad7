package proof

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrTwoHistories: two checkpoints of one log contradict each other, whatever proof is brought.
var ErrTwoHistories = errors.New("two histories of one log")

// CheckConsistency returns nil if hashes prove that the tree of checkpoint b begins with that of a (RFC 6962, section 2.1.2). Both must be of one origin and a must not be
// larger. With equal sizes, or when a is empty, there must be no hashes; equal sizes with different roots are [ErrTwoHistories].
// Any other error says only that this proof proves nothing. It looks at no signature.
func CheckConsistency(a, b Checkpoint, hashes []tlog.Hash) error {
	switch {
	case a.Origin != b.Origin:
		return fmt.Errorf("checking consistency: the checkpoints are of two logs, %q and %q", a.Origin, b.Origin)
	case a.check() != nil || b.check() != nil:
		return fmt.Errorf("checking consistency: %w", errors.Join(a.check(), b.check()))
	case a.Size > b.Size:
		return fmt.Errorf("checking consistency of %q: the first checkpoint has %d leaves, more than the second with %d", a.Origin, a.Size, b.Size)
	case a.Size == b.Size && a.Root != b.Root:
		return fmt.Errorf("checking consistency of %q: two roots for %d leaves: %w", a.Origin, a.Size, ErrTwoHistories)
	case a.Size == b.Size || a.Size == 0:
		if len(hashes) != 0 {
			return fmt.Errorf("checking consistency of %q: %d hashes, none are needed", a.Origin, len(hashes))
		}
		return nil
	}
	if err := tlog.CheckTree(hashes, b.Size, b.Root, a.Size, a.Root); err != nil {
		return fmt.Errorf("checking consistency of %q from %d to %d leaves: %w", a.Origin, a.Size, b.Size, err)
	}
	return nil
}

// ProveConsistency returns the hashes for [CheckConsistency] from a tree of size a to one of size b that r reads.
func ProveConsistency(a, b int64, r tlog.HashReader) ([]tlog.Hash, error) {
	if a < 0 || a > b || b > MaxSize {
		return nil, fmt.Errorf("proving consistency: no proof leads from %d to %d leaves", a, b)
	}
	if a == 0 || a == b {
		return nil, nil
	}
	hashes, err := tlog.ProveTree(b, a, r)
	if err != nil {
		return nil, fmt.Errorf("proving consistency from %d to %d leaves: %w", a, b, err)
	}
	return hashes, nil
}
