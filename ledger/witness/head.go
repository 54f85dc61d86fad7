package witness

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/probat-lab/probat/ledger/proof"
)

const (
	headHeader = "probat-witness-head/1\n"
	sumPrefix  = "sha256 "
	sumSize    = len(sumPrefix) + 2*sha256.Size + 1
	maxHead    = proof.MaxNote + 1024
)

// head is what a witness last cosigned of one log. It is not changed once made. As a file:
//
//	probat-witness-head/1
//	origin NAME
//	since SECONDS        (when this checkpoint was first cosigned, since 1970; 0: nothing was ever cosigned)
//	                     (an empty line)
//	the signed note      (nothing if nothing was ever cosigned)
//	sha256 HEX           (of all that precedes)
type head struct {
	origin string
	since  int64
	// note has the lines of the log that were verified and the witness's own, no others. It is nil if nothing was ever cosigned.
	note *proof.SignedCheckpoint
}

// checkpoint returns what a new checkpoint must extend.
func (h *head) checkpoint() proof.Checkpoint {
	if h.note == nil {
		return proof.Checkpoint{Origin: h.origin, Root: proof.EmptyRoot()}
	}
	return h.note.Checkpoint
}

// is says whether c is what was last cosigned.
func (h *head) is(c proof.Checkpoint) bool { return h.note != nil && h.note.Checkpoint == c }

func encodeHead(h *head) []byte {
	b := []byte(headHeader + "origin " + h.origin + "\nsince " + strconv.FormatInt(h.since, 10) + "\n\n")
	if h.note != nil {
		b = append(b, h.note.Bytes()...)
	}
	sum := sha256.Sum256(b)
	return append(b, sumPrefix+hex.EncodeToString(sum[:])+"\n"...)
}

func decodeHead(b []byte) (*head, error) {
	if len(b) < sumSize {
		return nil, fmt.Errorf("the file is cut off")
	}
	lines, note, ok := strings.Cut(string(b[:len(b)-sumSize]), "\n\n")
	rest, ok2 := strings.CutPrefix(lines, headHeader)
	first, second, ok3 := strings.Cut(rest, "\n")
	if !ok || !ok2 || !ok3 {
		return nil, fmt.Errorf("not the file of a witness")
	}
	h := &head{origin: strings.TrimPrefix(first, "origin ")}
	var err error
	if h.since, err = strconv.ParseInt(strings.TrimPrefix(second, "since "), 10, 64); err != nil {
		return nil, fmt.Errorf("reading the time: %w", err)
	}
	if note != "" {
		if h.note, err = proof.ParseSigned([]byte(note)); err != nil {
			return nil, err
		}
		if h.note.Origin != h.origin {
			return nil, fmt.Errorf("the checkpoint is of %q", h.note.Origin)
		}
	}
	if (h.note == nil) != (h.since == 0) || h.since < 0 {
		return nil, fmt.Errorf("time and checkpoint do not fit")
	}
	// Also false when the sum is wrong or a line lacks its word.
	if !bytes.Equal(encodeHead(h), b) {
		return nil, fmt.Errorf("not what was written: the sum is wrong")
	}
	return h, nil
}
