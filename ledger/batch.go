package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store"
)

// place is where a case has got to.
type place struct {
	seq  int64
	last statement.ID
}

// maxPlaces bounds the cases whose places are remembered; what is forgotten is read again.
const maxPlaces = 1 << 14

// signed is an act of a batch on its way.
type signed struct {
	*waiter
	entry   Entry
	payload []byte
	hash    tlog.Hash
	key     int64 // number of the public key
	err     error
	later   bool // put off to the next batch
}

// errRedo says that a batch can be tried again without the act that spoilt its transaction.
var errRedo = errors.New("the transaction was spoilt by an act")

// append appends a batch and answers. It returns those that must be tried again in the next batch.
func (l *Ledger) append(ctx context.Context, batch []*waiter) (later []*waiter) {
	failAll := func(err error) {
		for _, w := range batch {
			w.fail(err)
		}
	}
	if err := l.settle(ctx); err != nil {
		failAll(err)
		return nil
	}
	batch, later, err := l.withoutKnown(ctx, batch)
	if err != nil {
		failAll(err)
		return nil
	}
	acts, err := l.sign(ctx, batch)
	if err != nil {
		failAll(err)
		return later
	}
	head, err := l.commit(ctx, acts)
	if errors.Is(err, errRedo) {
		// Only the act that did it is answered; it comes first so that its own answer does not depend on the others.
		for _, a := range acts {
			if a.err != nil {
				a.fail(a.err)
			} else {
				later = append(later, a.waiter)
			}
		}
		return later
	}
	if err != nil {
		for _, a := range acts {
			if a.err == nil {
				a.err = err
			}
			a.fail(a.err)
		}
		return later
	}
	return append(l.answer(acts, head), later...)
}

// answer makes the new head known and answers a committed batch.
func (l *Ledger) answer(acts []*signed, head edge) (later []*waiter) {
	if len(l.places) > maxPlaces {
		clear(l.places)
	}
	for _, a := range acts {
		if a.err == nil && !a.later && a.entry.Case != "" {
			l.places[a.entry.Case] = place{a.entry.Seq, a.entry.ID}
		}
	}
	l.mu.Lock()
	l.head = head
	l.announce()
	l.mu.Unlock()
	for _, a := range acts {
		switch {
		case a.later:
			later = append(later, a.waiter)
		case a.err != nil:
			a.fail(a.err)
		default:
			a.done <- answer{entry: a.entry}
		}
	}
	return later
}

// withoutKnown answers the acts whose key is in the ledger already and those whose callers have gone, and puts off all but the first of those
// that share a key.
func (l *Ledger) withoutKnown(ctx context.Context, batch []*waiter) (rest, later []*waiter, err error) {
	first := map[string]*waiter{}
	keys := make([]string, 0, len(batch))
	for _, w := range batch {
		switch {
		case w.gone():
			w.fail(context.Canceled)
		case w.act.Key == "":
			rest = append(rest, w)
		case first[w.act.Key] != nil:
			later = append(later, w)
		default:
			first[w.act.Key] = w
			keys = append(keys, w.act.Key)
			rest = append(rest, w)
		}
	}
	known, err := l.byKeys(ctx, keys)
	if err != nil || len(known) == 0 {
		return rest, later, err
	}
	unknown := rest[:0]
	for _, w := range rest {
		row, ok := known[w.act.Key]
		if w.act.Key == "" || !ok {
			unknown = append(unknown, w)
			continue
		}
		w.done <- l.known(w, row)
	}
	return unknown, later, nil
}

// known is the answer to an act whose key is in the ledger.
func (l *Ledger) known(w *waiter, r *row) answer {
	if r.caseID != w.act.Case || len(r.content) > 0 && len(w.content) > 0 && string(r.content) != string(w.content) {
		return answer{err: fmt.Errorf("appending to the ledger: %w", ErrKeyReused)}
	}
	e, err := r.entry()
	if err != nil {
		err = fmt.Errorf("appending to the ledger: reading the act with the same key: %w", err)
	}
	return answer{e, err}
}

// sign gives each act its place and has it signed. Those of one case follow each other; cases run beside each other.
func (l *Ledger) sign(ctx context.Context, batch []*waiter) ([]*signed, error) {
	acts := make([]*signed, len(batch))
	chains := map[string][]*signed{}
	var order [][]*signed
	for i, w := range batch {
		acts[i] = &signed{waiter: w}
		if w.act.Case == "" {
			order = append(order, acts[i:i+1])
			continue
		}
		chains[w.act.Case] = append(chains[w.act.Case], acts[i])
	}
	if err := l.loadPlaces(ctx, chains); err != nil {
		return nil, err
	}
	for _, chain := range chains {
		order = append(order, chain)
	}
	l.mu.Lock()
	asOf := l.asOf
	l.mu.Unlock()
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, chain := range order {
		at := l.places[chain[0].act.Case]
		g.Go(func() error {
			for _, a := range chain {
				if a.err = a.signAt(at, asOf); a.err == nil {
					at = place{a.entry.Seq, a.entry.ID}
				}
			}
			return nil
		})
	}
	return acts, g.Wait()
}

// signAt has an act signed at the place after the one given and checks what comes back: a leaf stays for ever.
func (a *signed) signAt(after place, asOf *statement.Head) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("signing the act: panic: %v", p)
		}
	}()
	p := Place{Case: a.act.Case}
	if asOf != nil {
		head := *asOf
		p.AsOf = &head
	}
	if p.Case != "" {
		p.Seq = after.seq + 1
		if after.seq > 0 {
			p.Prev = after.last.String()
		}
	}
	e, key, err := a.act.Sign(p)
	if err != nil {
		return fmt.Errorf("signing the act: %w", err)
	}
	if e == nil || key == nil {
		return errors.New("signing the act: no envelope or no key came back")
	}
	p.AsOf = asOf // Sign may have changed what it was given
	return a.check(p, e, key)
}

func (a *signed) check(p Place, e *statement.Envelope, key *statement.Key) error {
	s, err := e.Open()
	if err != nil {
		return fmt.Errorf("checking the signed act: %w", err)
	}
	common := s.Predicate.Common()
	switch {
	case common == nil:
		return fmt.Errorf("checking the signed act: %w: a foreign document has no nonce, so its leaf would tell what it says", ErrPlace)
	case common.Case != p.Case || common.CaseSeq != p.Seq || common.PrevInCase != p.Prev:
		return fmt.Errorf("checking the signed act: %w: case, caseSeq or prevInCase", ErrPlace)
	case !sameHead(common.AsOf, p.AsOf):
		return fmt.Errorf("checking the signed act: %w: asOf", ErrPlace)
	case common.IdempotencyKey != "" && common.IdempotencyKey != a.act.Key:
		return fmt.Errorf("checking the signed act: %w: idempotencyKey", ErrPlace)
	}
	if err := e.Verify(key); err != nil {
		return fmt.Errorf("checking the signed act: %w", err)
	}
	a.payload = append([]byte(nil), e.Payload...)
	own := &statement.Envelope{Payload: a.payload, KeyID: e.KeyID, Signature: append([]byte(nil), e.Signature...)}
	leaf := proof.Leaf{Digest: own.ID(), Signature: own.Signature, Key: key.SPKI()}
	b := leaf.Bytes()
	if _, err := proof.ParseLeaf(b); err != nil {
		return fmt.Errorf("checking the signed act: %w", err)
	}
	a.hash = tlog.RecordHash(b)
	a.entry = Entry{ID: leaf.Digest, Envelope: own, Leaf: leaf, Type: s.Predicate.TypeURI(), Case: p.Case, Seq: p.Seq}
	return nil
}

func sameHead(a, b *statement.Head) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// commit writes a batch in one transaction and returns the new head. Acts that fail on their own get their err or later set.
func (l *Ledger) commit(ctx context.Context, acts []*signed) (edge, error) {
	next := l.head.clone()
	if err := l.numberKeys(ctx, acts); err != nil {
		return next, err
	}
	err := l.tx(ctx, "append", func(tx *sql.Tx) error {
		insert, err := prepareInsert(ctx, tx)
		if err != nil {
			return err
		}
		defer insert.Close()
		undone := map[string]bool{} // cases in which an act was undone: those after it need another place
		for _, a := range acts {
			if a.err == nil && undone[a.act.Case] {
				a.later = true
			}
			if a.err != nil || a.later {
				continue
			}
			a.entry.Index = next.size
			if err := a.insert(ctx, tx, insert); err != nil {
				return err
			}
			if a.err == nil {
				next.add(a.hash)
			} else if a.act.Case != "" {
				undone[a.act.Case] = true
			}
		}
		if next.size == l.head.size {
			return nil
		}
		return l.swapHead(ctx, tx, &l.head, &next)
	})
	if err == nil || errors.Is(err, errRedo) {
		return next, err
	}
	return next, l.outcome(ctx, &next, err)
}

// insert writes the act's rows. What only this act is to blame for goes into a.err.
func (a *signed) insert(ctx context.Context, tx *sql.Tx, insert *sql.Stmt) error {
	if a.act.Rows == nil {
		fresh, err := a.insertRow(ctx, insert)
		if err == nil && !fresh {
			a.err = ErrDuplicate
		}
		return err
	}
	var fatal error
	err := store.Savepoint(ctx, tx, "act", func() error {
		fresh, err := a.insertRow(ctx, insert)
		if err != nil {
			fatal = err
			return err
		}
		if !fresh {
			return ErrDuplicate
		}
		return a.rows(ctx, tx)
	})
	switch {
	case fatal != nil:
		return fatal
	case errors.Is(err, store.ErrBroken):
		a.err = fmt.Errorf("writing the act's rows: %w", err)
		return fmt.Errorf("%w: %w", errRedo, err)
	case err != nil:
		a.err = fmt.Errorf("writing the act's rows: %w", err)
	}
	return nil
}

func (a *signed) rows(ctx context.Context, tx *sql.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return a.act.Rows(ctx, tx, a.entry)
}

// outcome finds out whether a transaction that ended in an error took effect all the same. It returns nil if it did.
func (l *Ledger) outcome(ctx context.Context, next *edge, cause error) error {
	l.unsure = next
	err := l.settle(ctx)
	switch {
	case err != nil:
		// The database does not answer: callers are told that nobody knows, and the next batch asks first.
		return fmt.Errorf("%w (and asking what became of it: %w)", cause, err)
	case l.headNow().equal(next) && next.size > 0:
		return nil
	}
	return cause
}

// settle brings the head in memory up to date if the outcome of the last commit is not known.
func (l *Ledger) settle(ctx context.Context) error {
	if l.unsure == nil {
		return l.stoppedFor()
	}
	var now edge
	// In a write transaction, which waits until a commit that is still under way on the server has ended.
	err := l.db.Tx(ctx, func(tx *sql.Tx) error {
		h, err := readHeadIn(ctx, tx)
		now = h.edge
		return err
	})
	if err != nil {
		return fmt.Errorf("reading the head after an error: %w", err)
	}
	next := l.unsure
	l.unsure = nil
	old := l.headNow()
	switch {
	case now.equal(next):
		clear(l.places)
		l.mu.Lock()
		l.head = now
		l.announce()
		l.mu.Unlock()
	case now.equal(old):
	default:
		err := fmt.Errorf("%w: the head in the database has %d acts, this sequencer had %d", ErrForked, now.size, old.size)
		l.stop(err)
		return l.stoppedFor()
	}
	return l.stoppedFor()
}

func (l *Ledger) headNow() *edge {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.head.clone()
	return &h
}
