package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/statement"
)

// replay goes through the whole ledger and returns what follows from it. What the lab signs about the standing of credentials is taken from
// here and not from the marks in its tables: who can write to the database must not make it sign what never happened.
func replay(ctx context.Context, l *lab.Lab) (*rows, error) {
	r, gone := newRows(), map[string]int64{}
	for e, err := range l.Ledger.Whole(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading what the ledger says: %w", err)
		}
		if err := r.read(e, gone); err != nil {
			return nil, fmt.Errorf("entry %d of the ledger: %w", e.Index, err)
		}
	}
	for id, index := range gone {
		return nil, fmt.Errorf("entry %d of the ledger: %w: statement %s is not there, and no act erased it", index, ledger.ErrCorrupt, id)
	}
	return r, nil
}

// read takes an entry; gone are those whose content is not there, until an act says that it erased them.
func (r *rows) read(e ledger.Entry, gone map[string]int64) error {
	if e.Envelope == nil {
		gone[e.ID.String()] = e.Index
	} else if typeOf(e) == statement.TypeErasure {
		x, err := content[*statement.Erasure](e)
		if err != nil {
			return err
		}
		for _, id := range x.Erased {
			delete(gone, id)
		}
	}
	if err := r.take(e); err != nil && !errors.Is(err, errUnfounded) {
		return err
	}
	return nil
}

// typeOf returns the predicate type of an entry: as its statement says, which the tree commits to; for an erased one as its row says.
func typeOf(e ledger.Entry) string {
	if e.Envelope == nil {
		return e.Type
	}
	const before = `,"predicateType":"`
	i := bytes.LastIndex(e.Envelope.Payload, []byte(before))
	if i < 0 {
		return ""
	}
	rest := e.Envelope.Payload[i+len(before):]
	return string(rest[:max(bytes.IndexByte(rest, '"'), 0)])
}

// basis is a statement that credentials may rest on, and its case.
type basis struct {
	*statement.Statement
	caseID string
}

// errUnfounded is about a credential or a status list that does not follow from what is in the ledger before it.
var errUnfounded = errors.New("it does not follow from the ledger")

// restsOn checks that a credential says what the statements say that it rests on.
func (r *rows) restsOn(c *statement.Credential, subjects []statement.Subject, caseID string) error {
	k := &c.Core
	if r.places[k.Status] {
		return fmt.Errorf("%w: another credential has its place %d in the status lists", errUnfounded, k.Status.Index)
	}
	r.places[k.Status] = true
	found := map[string]int{}
	for _, i := range c.InputAttestations {
		b := r.basis[i.Digest.SHA256]
		if b == nil || b.Predicate.TypeURI() != i.URI || b.caseID != caseID {
			return fmt.Errorf("%w: it rests on %s, which is no such statement of its case before it", errUnfounded, i.Digest.SHA256)
		}
		found[i.URI]++
		same := slices.Equal(b.Subjects, subjects)
		switch p := b.Predicate.(type) {
		case *statement.Verdicts:
			counts := p.ProfileCounts == nil == (k.ProfileCounts == nil) && (p.ProfileCounts == nil || *p.ProfileCounts == *k.ProfileCounts)
			if !same || !counts || p.Counts != k.Counts || p.Policy != k.Policy || p.Sealed != k.Sealed {
				return fmt.Errorf("%w: it says other verdicts than statement %s", errUnfounded, i.Digest.SHA256)
			}
		case *statement.Dossier:
			if !same || p.Observation != k.Observation || p.JudgedAsOf != k.JudgedAsOf {
				return fmt.Errorf("%w: it says another observation than statement %s", errUnfounded, i.Digest.SHA256)
			}
		}
	}
	if found[statement.TypeVerdicts] != 1 || found[statement.TypeDossier] != 1 {
		return fmt.Errorf("%w: it rests on %d statements of verdicts and %d of dossiers, not one each", errUnfounded, found[statement.TypeVerdicts], found[statement.TypeDossier])
	}
	return nil
}

// lists returns the status lists of a series as they follow from the changes so far.
func (r *rows) lists(series string) *credential.Lists {
	var lists credential.Lists
	for _, c := range r.issued {
		if c.place.Series != series {
			continue
		}
		for _, standing := range c.all() {
			lists.Put(c.place.Index, standing)
		}
	}
	return &lists
}

func encoded(lists []statement.StatusList) string {
	var b strings.Builder
	for _, x := range lists {
		b.WriteString(x.Purpose + " " + x.EncodedList + "\n")
	}
	return b.String()
}

// changed keeps how the lists of a series stand after a change, for comparing status lists with.
func (r *rows) changed(series string) {
	if r.states != nil {
		r.states[series] = append(r.states[series], encoded(r.lists(series).Encode()))
	}
}

// status checks that a status list says what the changes before it say. Lists are made just before they are logged, so the state at any
// moment since the list before is right.
func (r *rows) status(p *statement.Status) error {
	if r.states == nil {
		return nil
	}
	states := r.states[p.Series]
	if len(states) == 0 {
		states = []string{encoded(r.lists(p.Series).Encode())}
	}
	r.states[p.Series] = states[len(states)-1:]
	if !slices.Contains(states, encoded(p.Lists)) {
		return fmt.Errorf("%w: the status list says of a credential what no change before it says", errUnfounded)
	}
	return nil
}
