package witness

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
)

const (
	conflictHeader  = "probat-conflict/1\n"
	equivocationExt = ".equivocation"
	conflictExt     = ".conflict"
	// maxEvidence is how many files of one kind are kept of one log, so that nobody fills the disk: a conflict costs its sender nothing but a wrong proof.
	maxEvidence = 64
	maxConflict = 2*proof.MaxNote + 8192
)

// Conflict is two checkpoints signed by one log, of which it was not shown that the larger extends the smaller: the proof that was brought fails, or none could be made.
// That proves nothing against the log, for whoever sent the proof may have broken it; as soon as the tree behind a larger checkpoint can be read, [Witness.Pull]
// makes a proof.Equivocation of it or takes it away. As a file:
//
//	probat-conflict/1
//	hash BASE64          (the proof that failed; may be missing)
//	note NUMBER          (bytes of A)
//	note NUMBER          (bytes of B)
//	                     (an empty line)
//	A and B as signed notes, one right after the other
type Conflict struct {
	// A is the smaller one.
	A, B   *proof.SignedCheckpoint
	Hashes []tlog.Hash
}

// Bytes returns the file.
func (c *Conflict) Bytes() []byte {
	a, b := c.A.Bytes(), c.B.Bytes()
	t := []byte(conflictHeader)
	for _, h := range c.Hashes {
		t = append(t, "hash "+base64.StdEncoding.EncodeToString(h[:])+"\n"...)
	}
	t = append(t, "note "+strconv.Itoa(len(a))+"\nnote "+strconv.Itoa(len(b))+"\n\n"...)
	return append(append(t, a...), b...)
}

// ParseConflict refuses whatever [Conflict.Bytes] would not have written. It looks at no signature.
func ParseConflict(text []byte) (*Conflict, error) {
	if len(text) > maxConflict {
		return nil, fmt.Errorf("reading conflict: more than %d bytes", maxConflict)
	}
	rest, ok := strings.CutPrefix(string(text), conflictHeader)
	lines, notes, ok2 := strings.Cut(rest, "\n\n")
	part := strings.Split(lines, "\n")
	if !ok || !ok2 || len(part) < 2 || len(part)-2 > maxHashes {
		return nil, fmt.Errorf("reading conflict: not a conflict file")
	}
	c := &Conflict{}
	for _, line := range part[:len(part)-2] {
		h, err := parseHash(strings.TrimPrefix(line, "hash "))
		if err != nil {
			return nil, fmt.Errorf("reading proof of conflict: %w", err)
		}
		c.Hashes = append(c.Hashes, h)
	}
	n, err := parseSize(strings.TrimPrefix(part[len(part)-2], "note "))
	if err != nil || n > int64(len(notes)) {
		return nil, fmt.Errorf("reading conflict: wrong length of the first checkpoint")
	}
	if c.A, err = proof.ParseSigned([]byte(notes[:n])); err != nil {
		return nil, fmt.Errorf("reading first checkpoint of conflict: %w", err)
	}
	if c.B, err = proof.ParseSigned([]byte(notes[n:])); err != nil {
		return nil, fmt.Errorf("reading second checkpoint of conflict: %w", err)
	}
	if !bytes.Equal(c.Bytes(), text) {
		return nil, fmt.Errorf("reading conflict: not in canonical form")
	}
	return c, nil
}

// evidenceName names a file by log, sizes and bodies, so that the same two checkpoints are kept once, whatever is under them.
func evidenceName(a, b proof.Checkpoint, ext string) string {
	return fmt.Sprintf("%s%d-%d-%s-%s%s", evidencePrefix(a.Origin), a.Size, b.Size, short(a.Body()), short(b.Body()), ext)
}

func evidencePrefix(origin string) string { return OriginHash(origin)[:16] + "-" }

func short(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:8])
}

// errNoKey: two checkpoints of one log are signed by different keys of it.
var errNoKey = errors.New("no key signed both checkpoints")

// convict is proof.Convict with whichever of the log's keys has signed both.
func (w *Witness) convict(a, b *proof.SignedCheckpoint, tree tlog.HashReader) (*proof.Equivocation, error) {
	for _, k := range w.logs[a.Origin] {
		if k.Verify(a) == nil && k.Verify(b) == nil {
			return proof.Convict(k, a, b, tree)
		}
	}
	return nil, fmt.Errorf("convicting the log %q: %w", a.Origin, errNoKey)
}

// keepEquivocation keeps the proof that two checkpoints cannot both be true, if they cannot, and returns the error of convict.
func (w *Witness) keepEquivocation(a, b *proof.SignedCheckpoint, tree tlog.HashReader) (e *proof.Equivocation, file string, err error) {
	if e, err = w.convict(a, b, tree); err != nil {
		return nil, "", err
	}
	file = w.keep(Event{Kind: EventEquivocation, Origin: a.Origin, Size: b.Size}, evidenceName(e.A.Checkpoint, e.B.Checkpoint, equivocationExt), e.Bytes())
	return e, file, nil
}

func (w *Witness) keepConflict(c *Conflict) {
	w.keep(Event{Kind: EventConflict, Origin: c.A.Origin, Size: c.B.Size}, evidenceName(c.A.Checkpoint, c.B.Checkpoint, conflictExt), c.Bytes())
}

// keep writes evidence and reports it; that it cannot be written changes no answer. It returns the file, or nothing.
func (w *Witness) keep(e Event, name string, data []byte) string {
	file, fresh, err := w.state.keep(name, data)
	if err != nil {
		w.report(Event{Kind: EventFailed, Origin: e.Origin, Size: e.Size, Err: fmt.Errorf("keeping %s: %w", e.Kind, err)})
	}
	if e.File = file; fresh {
		w.report(e)
	}
	return file
}

// keep writes a file of evidence unless it is there.
func (s *State) keep(name string, data []byte) (file string, fresh bool, err error) {
	s.evidence.Lock()
	defer s.evidence.Unlock()
	file = evidenceDir + "/" + name
	if _, err := s.root.Lstat(file); err == nil {
		return file, false, nil
	}
	names, err := s.evidenceOf(name[:len(evidencePrefix(""))], name[strings.LastIndexByte(name, '.'):])
	if err != nil {
		return "", true, err
	}
	if len(names) >= maxEvidence {
		return "", true, fmt.Errorf("%d files of this kind are kept of this log already", len(names))
	}
	if err := s.write(file, data); err != nil {
		return "", true, err
	}
	return file, true, nil
}

// evidenceOf lists the files of a log by the beginning and the end of their names. The caller has the lock.
func (s *State) evidenceOf(prefix, ext string) ([]string, error) {
	entries, err := fs.ReadDir(s.root.FS(), evidenceDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && strings.HasSuffix(e.Name(), ext) {
			names = append(names, evidenceDir+"/"+e.Name())
		}
	}
	return names, nil
}

// settle takes away conflicts that are none: their larger checkpoint is the one that was just shown to extend what was cosigned before.
func (s *State) settle(c *proof.SignedCheckpoint) {
	s.evidence.Lock()
	defer s.evidence.Unlock()
	names, _ := s.evidenceOf(evidencePrefix(c.Origin), "-"+short(c.Body())+conflictExt)
	for _, name := range names {
		_ = s.root.Remove(name) // staying does no harm
	}
}

// conflicts returns the conflicts of a log with their files. Files that cannot be read are left out: they stay for a person to look at.
func (s *State) conflicts(origin string) map[string]*Conflict {
	s.evidence.Lock()
	defer s.evidence.Unlock()
	all := map[string]*Conflict{}
	names, _ := s.evidenceOf(evidencePrefix(origin), conflictExt)
	for _, name := range names {
		b, err := s.readFile(name, maxConflict)
		if err != nil {
			continue
		}
		if c, err := ParseConflict(b); err == nil && c.A.Origin == origin {
			all[name] = c
		}
	}
	return all
}

func (s *State) drop(name string) {
	s.evidence.Lock()
	defer s.evidence.Unlock()
	_ = s.root.Remove(name) // it would be looked at again
}
