package proof

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	proofHeader = "c2sp.org/tlog-proof@v1\n"
	// MaxHashes is how many hashes a proof may have. A tree of [MaxSize] leaves needs 60 for inclusion and 61 for consistency.
	MaxHashes = 63
	// MaxExtra is how many bytes of extra data a proof may have.
	MaxExtra = 1 << 16
	// maxProof bounds the text of a proof: the note, the extra data in base64, and the other lines.
	maxProof = MaxNote + MaxExtra/3*4 + 4096
)

// Proof says that a leaf is in a log: its place, the path from it to the root, and the signed checkpoint with that root (C2SP tlog-proof).
type Proof struct {
	// Index is the leaf's place, from 0.
	Index int64
	// Extra is what the file says beside; nobody has signed it. Nil if there is none.
	Extra []byte
	// Hashes are the siblings on the path from the leaf (first) to the root (last), RFC 6962 section 2.1.1.
	Hashes []tlog.Hash
	// Checkpoint is the log's signed checkpoint with its cosignatures.
	Checkpoint *SignedCheckpoint
}

// Bytes returns the text of the proof.
func (p *Proof) Bytes() []byte {
	b := []byte(proofHeader)
	if len(p.Extra) > 0 {
		b = append(b, "extra "+encodeBase64(p.Extra)+"\n"...)
	}
	b = append(b, "index "+strconv.FormatInt(p.Index, 10)+"\n"...)
	for _, h := range p.Hashes {
		b = append(b, encodeBase64(h[:])+"\n"...)
	}
	b = append(b, '\n')
	return append(b, p.Checkpoint.Bytes()...)
}

// ParseProof reads a proof. It refuses more than [MaxHashes] hashes or [MaxExtra] bytes of extra data, an index beyond the checkpoint's size,
// an "extra" line without data, and whatever [Proof.Bytes] would not have written. Nothing is verified yet: [Proof.Verify] and [Policy.Check] do.
func ParseProof(b []byte) (*Proof, error) {
	if len(b) > maxProof {
		return nil, fmt.Errorf("reading proof: %d bytes, at most %d are allowed", len(b), maxProof)
	}
	rest, ok := strings.CutPrefix(string(b), proofHeader)
	if !ok {
		return nil, fmt.Errorf("reading proof: the first line is not %q", strings.TrimSpace(proofHeader))
	}
	head, note, ok := strings.Cut(rest, "\n\n")
	if !ok {
		return nil, fmt.Errorf("reading proof: no empty line before the checkpoint")
	}
	p := &Proof{}
	lines := strings.Split(head, "\n")
	if extra, ok := strings.CutPrefix(lines[0], "extra "); ok {
		var err error
		if p.Extra, err = decodeBase64(extra); err != nil {
			return nil, fmt.Errorf("reading extra data of proof: %w", err)
		}
		if len(p.Extra) == 0 || len(p.Extra) > MaxExtra {
			return nil, fmt.Errorf("reading extra data of proof: %d bytes, 1 to %d are allowed", len(p.Extra), MaxExtra)
		}
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return nil, fmt.Errorf("reading proof: no index line")
	}
	var err error
	if p.Index, err = decodeNumber(strings.TrimPrefix(lines[0], "index "), MaxSize); err != nil {
		return nil, fmt.Errorf("reading index of proof: %w", err)
	}
	if p.Hashes, err = parseHashes(lines[1:], ""); err != nil {
		return nil, fmt.Errorf("reading proof: %w", err)
	}
	if p.Checkpoint, err = ParseSigned([]byte(note)); err != nil {
		return nil, fmt.Errorf("reading proof: %w", err)
	}
	if p.Index >= p.Checkpoint.Size {
		return nil, fmt.Errorf("reading proof: no leaf has the index %d in a tree of %d", p.Index, p.Checkpoint.Size)
	}
	if !bytes.Equal(p.Bytes(), b) {
		return nil, fmt.Errorf("reading proof: not in canonical form")
	}
	return p, nil
}

// parseHashes reads lines that hold nothing but one hash each, after a prefix.
func parseHashes(lines []string, prefix string) ([]tlog.Hash, error) {
	if len(lines) > MaxHashes {
		return nil, fmt.Errorf("%d lines of hashes, at most %d are allowed", len(lines), MaxHashes)
	}
	var hashes []tlog.Hash
	for i, line := range lines {
		text, ok := strings.CutPrefix(line, prefix)
		if !ok {
			return nil, fmt.Errorf("%q is no line with a hash", clip(line))
		}
		h, err := decodeHash(text)
		if err != nil {
			return nil, fmt.Errorf("hash %d: %w", i+1, err)
		}
		hashes = append(hashes, h)
	}
	return hashes, nil
}

// Verify returns nil if the leaf with this hash ([Leaf.Hash]) is at the proof's index in the tree that the proof's checkpoint describes.
// It looks at no signature: that the checkpoint is a trusted log's, and cosigned, is what [Policy.Check] says about p.Checkpoint. A proof needs both.
func (p *Proof) Verify(leaf tlog.Hash) error {
	c := p.Checkpoint
	if err := c.check(); err != nil {
		return fmt.Errorf("verifying inclusion: %w", err)
	}
	if err := tlog.CheckRecord(p.Hashes, c.Size, c.Root, p.Index, leaf); err != nil {
		return fmt.Errorf("verifying that the leaf %s is number %d of the %d in the log %q: %w", leaf, p.Index, c.Size, c.Origin, err)
	}
	return nil
}
