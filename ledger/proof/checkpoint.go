package proof

import (
	"crypto/sha256"
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// MaxSize is the largest tree that is read: 2^60 entries. The arithmetic of golang.org/x/mod/sumdb/tlog overflows above it,
// and from 2^62 its search for a power of two never ends: a size comes from the network.
const MaxSize = 1 << 60

// Checkpoint says what a log's tree is at one size (C2SP tlog-checkpoint).
type Checkpoint struct {
	// Origin names the log; it is also the name of the log's key.
	Origin string
	// Size is the number of leaves.
	Size int64
	// Root is the root hash of the Merkle tree (RFC 6962) over them.
	Root tlog.Hash
}

// EmptyRoot returns the root of the tree without leaves: SHA-256 of nothing (RFC 6962, section 2.1).
func EmptyRoot() tlog.Hash { return sha256.Sum256(nil) }

// Body returns the text that a log signs: three lines, each with its newline.
func (c Checkpoint) Body() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + encodeBase64(c.Root[:]) + "\n"
}

// check says whether the checkpoint could have been read.
func (c Checkpoint) check() error {
	if err := checkName(c.Origin); err != nil {
		return fmt.Errorf("origin: %w", err)
	}
	if c.Size < 0 || c.Size > MaxSize {
		return fmt.Errorf("the size %d is not between 0 and %d", c.Size, int64(MaxSize))
	}
	if c.Size == 0 && c.Root != EmptyRoot() {
		return fmt.Errorf("the size is 0 and the root is not that of an empty tree")
	}
	return nil
}

// ParseCheckpoint reads the text of a checkpoint. Extension lines are refused: nobody can check what they say,
// and ML-DSA-44 cosignatures do not sign them.
func ParseCheckpoint(body string) (Checkpoint, error) {
	origin, rest, ok1 := cutLine(body)
	size, rest, ok2 := cutLine(rest)
	root, rest, ok3 := cutLine(rest)
	if !ok1 || !ok2 || !ok3 {
		return Checkpoint{}, fmt.Errorf("reading checkpoint: fewer than three lines")
	}
	if rest != "" {
		return Checkpoint{}, fmt.Errorf("reading checkpoint: more than three lines")
	}
	n, err := decodeNumber(size, MaxSize)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading size of checkpoint: %w", err)
	}
	h, err := decodeHash(root)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("reading root of checkpoint: %w", err)
	}
	c := Checkpoint{Origin: origin, Size: n, Root: h}
	if err := c.check(); err != nil {
		return Checkpoint{}, fmt.Errorf("reading checkpoint: %w", err)
	}
	if c.Body() != body {
		return Checkpoint{}, fmt.Errorf("reading checkpoint: not in canonical form")
	}
	return c, nil
}
