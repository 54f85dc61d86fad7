package ledger

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/probat-lab/probat/statement"
)

// explains says of which types of statements an audit needs the content even if it does not parse all: those that say something about others.
func explains(typ string) bool {
	switch typ {
	case statement.TypeErasure, statement.TypeRegister, statement.TypeStatus, statement.TypeChange:
		return true
	}
	return false
}

// meaning checks what entries say about each other, in their order.
type meaning struct {
	report  *Report
	cases   map[[16]byte]place
	pending []item           // public statements that no register covers yet
	covered int64            // up to where registers go
	last    string           // ID of the last register
	erased  map[string]int64 // entries without content that no act has explained yet, by ID
	series  map[string]*seriesState
	revoked map[string]bool // credentials
}

type seriesState struct {
	sequence int64
	revoked  []byte // bits
}

func newMeaning(r *Report) meaning {
	return meaning{
		report: r, cases: map[[16]byte]place{}, erased: map[string]int64{}, series: map[string]*seriesState{}, revoked: map[string]bool{},
	}
}

// take looks at the next entry.
func (m *meaning) take(it *item) {
	if it.erased {
		m.erased[it.id.String()] = it.number
	}
	if it.caseID != "" {
		m.chain(it)
	}
	if statement.Public(it.typ) {
		m.report.Public++
		m.pending = append(m.pending, item{number: it.number, id: it.id, typ: it.typ})
	}
	switch p := it.predicate.(type) {
	case *statement.Erasure:
		m.erasure(it, p)
	case *statement.Register:
		m.register(it, p)
	case *statement.Status:
		m.status(it, p)
	case *statement.Change:
		m.change(it, p)
	}
}

// chain checks that acts of a case follow each other without a gap, and each names the one before.
func (m *meaning) chain(it *item) {
	var id [16]byte
	b, err := hex.DecodeString(it.caseID)
	if err != nil || copy(id[:], b) != len(id) {
		m.report.find(entryName(it.number), "its case is not 32 hexadecimal digits")
		return
	}
	before := m.cases[id]
	if it.caseSeq != before.seq+1 {
		m.report.find(entryName(it.number), "it is act %d of its case, and the one before is act %d", it.caseSeq, before.seq)
	} else if it.parsed && before.seq > 0 && it.prev != before.last.String() {
		m.report.find(entryName(it.number), "it names another act as the one before in its case")
	}
	m.cases[id] = place{it.caseSeq, it.id}
}

func (m *meaning) erasure(it *item, e *statement.Erasure) {
	for _, id := range e.Erased {
		index, ok := m.erased[id]
		if !ok {
			m.report.find(entryName(it.number), "it says that the content of %s was erased, which is there or was never there", id)
			continue
		}
		delete(m.erased, id)
		m.report.Erased++
		if len(m.report.Erasures) < m.report.most {
			m.report.Erasures = append(m.report.Erasures, Erased{index, it.number})
		}
	}
}

// register compares a register with the public statements that it covers.
func (m *meaning) register(it *item, r *statement.Register) {
	name := entryName(it.number)
	if r.From != m.covered || r.Previous != m.last {
		m.report.find(name, "the register begins at %d after %q, the one before ended at %d", r.From, r.Previous, m.covered)
	}
	if r.To > it.number {
		m.report.find(name, "the register covers entries up to %d, later ones than itself", r.To)
	}
	listed := map[int64]statement.RegisterEntry{}
	for _, e := range r.Entries {
		listed[e.Index] = e
	}
	rest := m.pending[:0]
	for _, p := range m.pending {
		if p.number >= r.To {
			rest = append(rest, p)
			continue
		}
		e, ok := listed[p.number]
		delete(listed, p.number)
		switch {
		case p.number < r.From:
			m.report.find(entryName(p.number), "a public statement of type %q that no register covers", p.typ)
		case !ok:
			m.report.find(entryName(p.number), "a public statement of type %q is absent from the register in %s", p.typ, name)
		case e.ID != p.id.String() || e.Type != p.typ:
			m.report.find(name, "the register has another statement as %s", entryName(p.number))
		default:
			m.report.Registered++
		}
	}
	m.pending = rest
	for _, e := range r.Entries {
		if _, ok := listed[e.Index]; ok {
			m.report.find(name, "the register lists %s, which is no public statement", entryName(e.Index))
		}
	}
	m.covered, m.last = r.To, it.id.String()
}

// status checks that a series' lists follow each other and that nothing revoked comes back.
func (m *meaning) status(it *item, s *statement.Status) {
	name := entryName(it.number)
	before := m.series[s.Series]
	if before == nil {
		before = &seriesState{}
		m.series[s.Series] = before
	}
	if s.Sequence != before.sequence+1 {
		m.report.find(name, "status list %d of its series follows number %d", s.Sequence, before.sequence)
	}
	before.sequence = s.Sequence
	bits, err := statusBits(s.Lists[0].EncodedList)
	if err != nil {
		m.report.find(name, "its revocation list: %v", err)
		return
	}
	for i, b := range before.revoked {
		if i >= len(bits) || b&^bits[i] != 0 {
			m.report.find(name, "what was revoked is not revoked any more (byte %d of the list)", i)
			break
		}
	}
	before.revoked = bits
}

// maxStatus bounds a status list, in bytes: 2^27 credentials.
const maxStatus = 16 << 20

// statusBits decodes a list, without the zeros at its end.
func statusBits(encoded string) ([]byte, error) {
	text, ok := strings.CutPrefix(encoded, "u")
	b, err := base64.RawURLEncoding.DecodeString(text)
	if !ok || err != nil {
		return nil, fmt.Errorf("it is not multibase base64url: %w", err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	bits, err := io.ReadAll(io.LimitReader(z, maxStatus+1))
	if err != nil {
		return nil, err
	}
	if len(bits) > maxStatus {
		return nil, fmt.Errorf("it is longer than %d bytes", maxStatus)
	}
	return bytes.TrimRight(bits, "\x00"), nil
}

func (m *meaning) change(it *item, c *statement.Change) {
	if m.revoked[c.Credential] && c.Standing != statement.Revoked {
		m.report.find(entryName(it.number), "it makes a revoked credential %s", c.Standing)
	}
	if c.Standing == statement.Revoked {
		m.revoked[c.Credential] = true
	}
}

// finish looks at what nothing has explained, and counts.
func (m *meaning) finish() {
	for _, number := range m.erased {
		m.report.find(entryName(number), "the leaf has no content and no act erased it")
	}
	m.report.Cases = len(m.cases)
}
