package proof

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

const (
	// MaxNote is the size of the largest signed checkpoint that is read, in bytes; golang.org/x/mod/sumdb/note has the same limit.
	MaxNote = 1_000_000
	// MaxLines is how many signature lines it may have.
	MaxLines = 100
	// dash begins a signature line: em dash, space.
	dash = "— "
)

// SignatureLine is one signature under a note (C2SP signed-note). Name and KeyHash together name the key and its algorithm; they prove nothing.
type SignatureLine struct {
	Name    string
	KeyHash uint32
	// Signature is what follows the key hash; for a cosignature it begins with the time.
	Signature []byte
}

// sameKey says whether two lines claim to come from the same key.
func (l SignatureLine) sameKey(m SignatureLine) bool {
	return l.Name == m.Name && l.KeyHash == m.KeyHash
}

func (l SignatureLine) check() error {
	if err := checkName(l.Name); err != nil {
		return err
	}
	if len(l.Signature) == 0 {
		return fmt.Errorf("the signature is empty")
	}
	return nil
}

func (l SignatureLine) text() string {
	return dash + l.Name + " " + encodeBase64(append(binary.BigEndian.AppendUint32(nil, l.KeyHash), l.Signature...)) + "\n"
}

func parseLine(line string) (SignatureLine, error) {
	rest, ok := strings.CutPrefix(line, dash)
	name, b64, ok2 := strings.Cut(rest, " ")
	if !ok || !ok2 {
		return SignatureLine{}, fmt.Errorf("%q is not a signature line", clip(line))
	}
	b, err := decodeBase64(b64)
	if err != nil {
		return SignatureLine{}, err
	}
	if len(b) < 4 {
		return SignatureLine{}, fmt.Errorf("the signature of %q is too short", name)
	}
	l := SignatureLine{Name: name, KeyHash: binary.BigEndian.Uint32(b), Signature: b[4:]}
	return l, l.check()
}

// SignedCheckpoint is a checkpoint with the signatures under it, of which none has been verified: [LogKey.Verify], [WitnessKey.Verify]
// and [Policy.Check] do. It is not changed once made, so it may be used from several goroutines.
type SignedCheckpoint struct {
	Checkpoint
	// Lines are the signature lines, at least one, in the order of the note, no two of the same name and key hash.
	Lines []SignatureLine
}

// ParseSigned reads a signed checkpoint. It refuses more than [MaxNote] bytes or [MaxLines] signatures, a note without signatures,
// two lines of the same name and key hash, and whatever [SignedCheckpoint.Bytes] would not have written.
func ParseSigned(b []byte) (*SignedCheckpoint, error) {
	if len(b) > MaxNote {
		return nil, fmt.Errorf("reading signed checkpoint: %d bytes, at most %d are allowed", len(b), MaxNote)
	}
	// No line of a checkpoint is empty, so the first empty line is also the last one, which is what signed-note cuts at.
	body, rest, ok := strings.Cut(string(b), "\n\n")
	if !ok {
		return nil, fmt.Errorf("reading signed checkpoint: no empty line before signatures")
	}
	c, err := ParseCheckpoint(body + "\n")
	if err != nil {
		return nil, err
	}
	s := &SignedCheckpoint{Checkpoint: c}
	for rest != "" {
		var line string
		if line, rest, ok = cutLine(rest); !ok {
			return nil, fmt.Errorf("reading signed checkpoint: the last line is cut off")
		}
		if len(s.Lines) == MaxLines {
			return nil, fmt.Errorf("reading signed checkpoint: more than %d signatures", MaxLines)
		}
		l, err := parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("reading signature %d of checkpoint: %w", len(s.Lines)+1, err)
		}
		if s.has(l) {
			return nil, fmt.Errorf("reading signed checkpoint: two signatures of %q and key hash %08x", l.Name, l.KeyHash)
		}
		s.Lines = append(s.Lines, l)
	}
	if len(s.Lines) == 0 {
		return nil, fmt.Errorf("reading signed checkpoint: no signatures")
	}
	if !bytes.Equal(s.Bytes(), b) {
		return nil, fmt.Errorf("reading signed checkpoint: not in canonical form")
	}
	return s, nil
}

// Bytes returns the signed note.
func (s *SignedCheckpoint) Bytes() []byte {
	b := []byte(s.Body() + "\n")
	for _, l := range s.Lines {
		b = append(b, l.text()...)
	}
	return b
}

// With returns a copy that has these lines too, after its own and in the order given. A line whose name and key hash are there already is left out,
// whatever its signature, and so is one that [ParseSigned] would refuse: malformed, the 101st, beyond [MaxNote]. Who must know counts the lines.
func (s *SignedCheckpoint) With(lines ...SignatureLine) *SignedCheckpoint {
	n := &SignedCheckpoint{Checkpoint: s.Checkpoint, Lines: append([]SignatureLine(nil), s.Lines...)}
	size := len(s.Bytes())
	for _, l := range lines {
		if l.check() != nil || n.has(l) || len(n.Lines) >= MaxLines || size+len(l.text()) > MaxNote {
			continue
		}
		size += len(l.text())
		l.Signature = bytes.Clone(l.Signature)
		n.Lines = append(n.Lines, l)
	}
	return n
}

// has says whether there is a line of the same name and key hash.
func (s *SignedCheckpoint) has(l SignatureLine) bool {
	_, ok := s.line(l.Name, l.KeyHash)
	return ok
}

// line finds the signature that claims to be of this name and key hash.
func (s *SignedCheckpoint) line(name string, hash uint32) (SignatureLine, bool) {
	for _, l := range s.Lines {
		if l.sameKey(SignatureLine{Name: name, KeyHash: hash}) {
			return l, true
		}
	}
	return SignatureLine{}, false
}
