package witness

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
)

const (
	// maxBody is the size of the largest body, in bytes, that a witness or a collector reads, or that a client reads of an answer.
	maxBody = 64 << 10
	// maxHashes is how many hashes a consistency proof may have (C2SP tlog-witness).
	maxHashes = 63
)

// request is the body of add-checkpoint.
type request struct {
	// old is the size that the log believes the witness has.
	old int64
	// hashes lead from there to the checkpoint.
	hashes []tlog.Hash
	// note may hold a checkpoint that proof.ParseSigned refuses, in one way only: of size 0 with a root that is not that of the empty tree. The protocol wants
	// that to be answered after the signature was looked at.
	note *proof.SignedCheckpoint
}

func (r *request) bytes() []byte {
	b := []byte("old " + strconv.FormatInt(r.old, 10) + "\n")
	for _, h := range r.hashes {
		b = append(b, base64.StdEncoding.EncodeToString(h[:])+"\n"...)
	}
	return append(append(b, '\n'), r.note.Bytes()...)
}

// parseRequest refuses whatever [request.bytes] would not have written.
func parseRequest(b []byte) (*request, error) {
	if len(b) > maxBody {
		return nil, fmt.Errorf("reading request: more than %d bytes", maxBody)
	}
	head, note, ok := strings.Cut(string(b), "\n\n")
	if !ok {
		return nil, fmt.Errorf("reading request: no empty line before the checkpoint")
	}
	lines := strings.Split(head, "\n")
	if len(lines)-1 > maxHashes {
		return nil, fmt.Errorf("reading request: more than %d hashes", maxHashes)
	}
	r := &request{}
	var err error
	if r.old, err = parseSize(strings.TrimPrefix(lines[0], "old ")); err != nil {
		return nil, fmt.Errorf("reading old size of request: %w", err)
	}
	for i, line := range lines[1:] {
		h, err := parseHash(line)
		if err != nil {
			return nil, fmt.Errorf("reading hash %d of request: %w", i+1, err)
		}
		r.hashes = append(r.hashes, h)
	}
	if r.note, err = parseSubmitted(note); err != nil {
		return nil, fmt.Errorf("reading request: %w", err)
	}
	if !bytes.Equal(r.bytes(), b) {
		return nil, fmt.Errorf("reading request: not in canonical form")
	}
	return r, nil
}

// parseSubmitted is proof.ParseSigned, but lets an empty tree with a wrong root pass.
func parseSubmitted(note string) (*proof.SignedCheckpoint, error) {
	s, err := proof.ParseSigned([]byte(note))
	if err == nil {
		return s, nil
	}
	body, lines, _ := strings.Cut(note, "\n\n")
	part := strings.Split(body, "\n")
	if len(part) != 3 || part[1] != "0" {
		return nil, err
	}
	root, err2 := parseHash(part[2])
	if err2 != nil {
		return nil, err
	}
	empty := proof.Checkpoint{Origin: part[0], Root: proof.EmptyRoot()}
	if s, err2 = proof.ParseSigned([]byte(empty.Body() + "\n" + lines)); err2 != nil {
		return nil, err
	}
	s.Root = root
	return s, nil
}

func parseHash(s string) (tlog.Hash, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) != tlog.HashSize || base64.StdEncoding.EncodeToString(b) != s {
		return tlog.Hash{}, fmt.Errorf("%q is not a hash in canonical base64", clip(s))
	}
	return tlog.Hash(b), nil
}

// parseSize reads a decimal number without sign or leading zeros, from 0 to proof.MaxSize.
func parseSize(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > proof.MaxSize || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("%q is not the size of a tree", clip(s))
	}
	return n, nil
}

// lineText returns signature lines as they stand under a note.
func lineText(lines []proof.SignatureLine) string {
	s := &proof.SignedCheckpoint{Lines: lines}
	return strings.TrimPrefix(string(s.Bytes()), s.Body()+"\n")
}

// clip keeps errors about hostile input short.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
