package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// Act is something to be appended.
type Act struct {
	// Key makes the act happen once: a second Append with the same key returns the first one's Entry, also after a crash. "" stands for no key:
	// each Append is an act of its own. At most 200 bytes.
	Key string
	// Content tells acts apart that come with the same Key, if the caller can say what its act is about before it is signed: another content
	// under the same key is refused with ErrKeyReused. Only its SHA-256 is kept.
	Content []byte
	// Case is the case that the act belongs to, or "".
	Case string
	// Sign makes the signed statement for a place, with the public key that it is signed with. It may be called again for another place if an
	// act before it in its case was undone, and runs beside those of other cases. It must not call Append.
	Sign func(Place) (*statement.Envelope, *statement.Key, error)
	// Rows writes the rows that the act changes, in the transaction that appends it: both happen or neither. If it errs, or panics, the act is
	// undone and the others of the batch go on. It must use tx only, and return what a statement's error says. May be nil.
	Rows func(ctx context.Context, tx *sql.Tx, e Entry) error
}

// Place is what a statement must say of where it stands: its act's case, caseSeq, prevInCase and asOf.
type Place struct {
	Case string
	Seq  int64           // 0 without a case
	Prev string          // ID of the act before in the case; "" for the first
	AsOf *statement.Head // the largest head under a quorum; nil as long as there is none
}

// Entry is a statement in the ledger.
type Entry struct {
	Index    int64
	ID       statement.ID
	Envelope *statement.Envelope // nil once the content has been erased
	Leaf     proof.Leaf
	Type     string // predicate type
	Case     string // "" if it belongs to none
	Seq      int64  // its number in the case
}

// waiter is an act that waits for its batch.
type waiter struct {
	act     Act
	content []byte // digest; nil if the act has none
	gone    func() bool
	done    chan answer // holds one
}

type answer struct {
	entry Entry
	err   error
}

func (w *waiter) fail(err error) {
	w.done <- answer{err: fmt.Errorf("appending to the ledger: %w", err)}
}

// Append signs an act at its place and appends it. It returns after the commit is durable. If ctx ends while the act is being written, the act
// may have been appended all the same: then Append with the same key tells. An error that is store.ErrUnsure too means the same.
func (l *Ledger) Append(ctx context.Context, a Act) (Entry, error) {
	if a.Sign == nil || len(a.Key) > 200 || !utf8.ValidString(a.Key+a.Case) {
		return Entry{}, errors.New("appending to the ledger: the act has no Sign, or its key is too long or no text")
	}
	w := &waiter{act: a, done: make(chan answer, 1), gone: func() bool { return ctx.Err() != nil }}
	if a.Content != nil {
		sum := sha256.Sum256(a.Content)
		w.content = sum[:]
	}
	if err := ctx.Err(); err != nil {
		return Entry{}, fmt.Errorf("appending to the ledger: %w", err)
	}
	l.queueMu.Lock()
	if err := l.stoppedFor(); err != nil {
		l.queueMu.Unlock()
		return Entry{}, fmt.Errorf("appending to the ledger: %w", err)
	}
	l.queue = append(l.queue, w)
	l.queueMu.Unlock()
	token(l.wake)
	select {
	case a := <-w.done:
		return a.entry, a.err
	case <-ctx.Done():
		return Entry{}, fmt.Errorf("appending to the ledger: %w", ctx.Err())
	}
}

// token puts a token into a channel that holds one.
func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// sequence is the sequencer: the one goroutine that appends.
func (l *Ledger) sequence(ctx context.Context) {
	var later []*waiter
	for {
		batch := l.take(later)
		later = nil
		if err := l.stoppedFor(); err != nil {
			for _, w := range batch {
				w.fail(err)
			}
			if ctx.Err() != nil {
				return
			}
			batch = nil
		}
		if len(batch) > 0 {
			// What was begun is carried through: Close waits for it.
			later = l.append(context.WithoutCancel(ctx), batch)
			continue
		}
		select {
		case <-l.wake:
		case <-ctx.Done():
			// Close has called stop before: nobody joins the queue any more, and the next round refuses who is in it.
		}
	}
}

// take returns the next batch, beginning with those that were put off. Stopped ledgers hand out all who wait.
func (l *Ledger) take(first []*waiter) []*waiter {
	l.queueMu.Lock()
	defer l.queueMu.Unlock()
	n := min(len(l.queue), max(maxBatch-len(first), 0))
	batch := append(first, l.queue[:n]...)
	l.queue = append([]*waiter(nil), l.queue[n:]...)
	return batch
}
