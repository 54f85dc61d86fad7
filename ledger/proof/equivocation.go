package proof

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// ErrConsistent: two checkpoints do not contradict each other.
var ErrConsistent = errors.New("the checkpoints do not contradict each other")

const (
	equivocationHeader = "probat-equivocation/1\n"
	// MaxEquivocation is the size of the largest equivocation file that is read, in bytes.
	MaxEquivocation = 2*MaxNote + 8192
)

// Equivocation convicts a log of having signed two histories, with nothing but itself and the log's key. It is one of two kinds:
//
//   - A and B have equal sizes and different roots; Prefix and Hashes are empty;
//   - A is smaller than B, Hashes prove that the tree of B begins with a tree of A's size whose root is Prefix, and Prefix is not A's root.
//
// The second kind needs the Prefix because a proof that merely fails proves nothing: whoever made it could have broken it.
//
// As a file it is text:
//
//	probat-equivocation/1
//	log VKEY
//	prefix BASE64        (second kind only)
//	hash BASE64          (second kind only, as many as needed, from the leaves to the root)
//	note NUMBER          (bytes of A)
//	note NUMBER          (bytes of B)
//	                     (an empty line)
//	A and B as signed notes, one right after the other
type Equivocation struct {
	// Log is the key that is convicted. The file brings it along: compare it with the key that you know.
	Log LogKey
	// A and B are the two checkpoints, with all cosignatures that were under them.
	A, B   *SignedCheckpoint
	Prefix tlog.Hash
	Hashes []tlog.Hash
}

// Convict makes the proof that a log signed two histories, from two checkpoints of it and a reader of the tree behind the larger one (not used when the sizes are equal:
// then it may be nil). The order of a and b does not matter. The error is [ErrConsistent] if they are parts of one history.
func Convict(log LogKey, a, b *SignedCheckpoint, r tlog.HashReader) (*Equivocation, error) {
	if a.Size > b.Size || a.Size == b.Size && a.Body() > b.Body() {
		a, b = b, a
	}
	e := &Equivocation{Log: log, A: a, B: b}
	switch {
	case a.Size == 0 || a.Size == b.Size && a.Root == b.Root:
		return nil, fmt.Errorf("convicting the log %q: %w", log.Name(), ErrConsistent)
	case a.Size < b.Size && r == nil:
		return nil, fmt.Errorf("convicting the log %q: no tree of %d leaves to prove it with", log.Name(), b.Size)
	case a.Size < b.Size:
		var err error
		if e.Prefix, err = tlog.TreeHash(a.Size, r); err != nil {
			return nil, fmt.Errorf("convicting the log %q: reading the tree of %d leaves: %w", log.Name(), a.Size, err)
		}
		if e.Hashes, err = ProveConsistency(a.Size, b.Size, r); err != nil {
			return nil, fmt.Errorf("convicting the log %q: %w", log.Name(), err)
		}
	}
	if err := e.Check(); err != nil {
		return nil, fmt.Errorf("convicting the log %q: %w", log.Name(), err)
	}
	return e, nil
}

// Check returns nil if the log with the key e.Log is convicted: both checkpoints carry its right signature and cannot both be true.
func (e *Equivocation) Check() error {
	if err := e.Log.Verify(e.A); err != nil {
		return fmt.Errorf("checking equivocation: first checkpoint: %w", err)
	}
	if err := e.Log.Verify(e.B); err != nil {
		return fmt.Errorf("checking equivocation: second checkpoint: %w", err)
	}
	a, b := e.A.Checkpoint, e.B.Checkpoint
	if a.Size == b.Size {
		if e.hasProof() {
			return fmt.Errorf("checking equivocation of %q: equal sizes need no proof, and there is one", a.Origin)
		}
		if a.Root == b.Root {
			return fmt.Errorf("checking equivocation of %q: %w", a.Origin, ErrConsistent)
		}
		return nil
	}
	if a.Size == 0 || a.Root == e.Prefix {
		return fmt.Errorf("checking equivocation of %q: %w", a.Origin, ErrConsistent)
	}
	a.Root = e.Prefix
	if err := CheckConsistency(a, b, e.Hashes); err != nil {
		return fmt.Errorf("checking equivocation of %q: the prefix is not shown to be part of the second checkpoint's tree: %w", a.Origin, err)
	}
	return nil
}

// hasProof says whether the file has a prefix line.
func (e *Equivocation) hasProof() bool { return e.Prefix != tlog.Hash{} || len(e.Hashes) > 0 }

// Bytes returns the file.
func (e *Equivocation) Bytes() []byte {
	a, b := e.A.Bytes(), e.B.Bytes()
	t := []byte(equivocationHeader + "log " + e.Log.String() + "\n")
	if e.hasProof() {
		t = append(t, "prefix "+encodeBase64(e.Prefix[:])+"\n"...)
	}
	for _, h := range e.Hashes {
		t = append(t, "hash "+encodeBase64(h[:])+"\n"...)
	}
	t = append(t, "note "+strconv.Itoa(len(a))+"\nnote "+strconv.Itoa(len(b))+"\n\n"...)
	return append(append(t, a...), b...)
}

// ParseEquivocation reads an equivocation file. It refuses whatever [Equivocation.Bytes] would not have written. Whether it convicts, [Equivocation.Check] says.
func ParseEquivocation(text []byte) (*Equivocation, error) {
	fail := func(what string, err error) (*Equivocation, error) {
		return nil, fmt.Errorf("reading %s of equivocation: %w", what, err)
	}
	if len(text) > MaxEquivocation {
		return nil, fmt.Errorf("reading equivocation: %d bytes, at most %d are allowed", len(text), MaxEquivocation)
	}
	rest, ok := strings.CutPrefix(string(text), equivocationHeader)
	head, notes, ok2 := strings.Cut(rest, "\n\n")
	if !ok || !ok2 {
		return nil, fmt.Errorf("reading equivocation: not an equivocation file")
	}
	lines := strings.Split(head, "\n")
	if len(lines) < 3 {
		return nil, fmt.Errorf("reading equivocation: lines are missing")
	}
	e := &Equivocation{}
	var err error
	if e.Log, err = ParseLogKey(strings.TrimPrefix(lines[0], "log ")); err != nil {
		return fail("log", err)
	}
	size, err := decodeNumber(strings.TrimPrefix(lines[len(lines)-2], "note "), int64(len(notes)))
	if err != nil {
		return fail("length of first note", err)
	}
	if lines = lines[1 : len(lines)-2]; len(lines) > 0 {
		if e.Prefix, err = decodeHash(strings.TrimPrefix(lines[0], "prefix ")); err != nil {
			return fail("prefix", err)
		}
		if e.Hashes, err = parseHashes(lines[1:], "hash "); err != nil {
			return fail("proof", err)
		}
	}
	if e.A, err = ParseSigned([]byte(notes[:size])); err != nil {
		return fail("first note", err)
	}
	if e.B, err = ParseSigned([]byte(notes[size:])); err != nil {
		return fail("second note", err)
	}
	// Also false when a line lacks its word, or the second length is wrong.
	if !bytes.Equal(e.Bytes(), text) {
		return nil, fmt.Errorf("reading equivocation: not in canonical form")
	}
	return e, nil
}
