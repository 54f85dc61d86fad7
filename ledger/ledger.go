package ledger

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store"
)

// Errors that can be asked for with errors.Is.
var (
	// ErrExists: Create found a ledger already there.
	ErrExists = errors.New("there is a ledger already")
	// ErrNone: Open found no ledger in the database.
	ErrNone = errors.New("there is no ledger in this database")
	// ErrNotFound: no such statement.
	ErrNotFound = errors.New("no such statement in the ledger")
	// ErrNotPublished: no checkpoint covers what is asked for yet.
	ErrNotPublished = errors.New("no published checkpoint covers it yet")
	// ErrBehind: something published, or a witness, knows a longer history than the database: it is a restored backup, or the log's key is
	// used elsewhere. Nothing more is signed until the entries are restored.
	ErrBehind = errors.New("the database is older than what was published")
	// ErrForked: two histories exist under the log's key, or a second sequencer writes to the same ledger. A *ForkError may be in the chain.
	ErrForked = errors.New("the history has forked")
	// ErrLocked: another process has the ledger open.
	ErrLocked = errors.New("another process has the ledger open")
	// ErrStopped: this ledger signs and appends no more; the cause is in the chain.
	ErrStopped = errors.New("the ledger has stopped")
	// ErrClosed: Close was called.
	ErrClosed = errors.New("the ledger is closed")
	// ErrReadOnly: the ledger was opened for reading.
	ErrReadOnly = errors.New("the ledger is open for reading only")
	// ErrCorrupt: what was read is not what was written.
	ErrCorrupt = errors.New("stored data have changed")
	// ErrKeyReused: the idempotency key belongs to an act on another case or with another content.
	ErrKeyReused = errors.New("the idempotency key belongs to another act")
	// ErrPlace: the statement does not say the place that it was given.
	ErrPlace = errors.New("the statement does not say its place in the ledger")
	// ErrDuplicate: the statement is in the ledger already.
	ErrDuplicate = errors.New("this statement is in the ledger already")
)

// ForkError carries a proof, which convinces anyone, that the log's key signed two histories.
type ForkError struct{ Evidence *proof.Equivocation }

// Error names the two checkpoints.
func (e *ForkError) Error() string {
	return fmt.Sprintf("the log's key signed checkpoints of %d and %d leaves that contradict each other", e.Evidence.A.Size, e.Evidence.B.Size)
}

// Unwrap returns ErrForked.
func (e *ForkError) Unwrap() error { return ErrForked }

// Witness cosigns checkpoints: package ledger/witness has a client.
type Witness interface {
	// Name tells witnesses apart in reports; it is the name of the witness's key.
	Name() string
	// Cosign asks for cosignatures on c. old is the size that the witness is believed to have, consistency the proof from it. If the
	// witness has another size, err is not nil and size is what it has.
	Cosign(ctx context.Context, old int64, consistency []tlog.Hash, c *proof.SignedCheckpoint) (lines []proof.SignatureLine, size int64, err error)
}

// Latest is what a Witness may also offer: the largest checkpoint that it knows, so that its word is not believed when it claims to know
// a longer history.
type Latest interface {
	Latest(ctx context.Context) (*proof.SignedCheckpoint, error)
}

// Config says what a ledger is made of.
type Config struct {
	DB    *store.DB  // the caller closes it after the ledger
	Tiles blob.Store // of this log alone: checkpoint and tile/…
	// Origin is the log's name, a host name like log.lab.example.
	Origin string
	LogKey ed25519.PrivateKey
	// Policy says which witnesses count and how many are enough; nil stands for no witnesses. It must list the log.
	Policy *proof.Policy
	// Organisation says who runs the witness with a key name; nil stands for proof.DefaultOrganisation.
	Organisation func(keyName string) string
	Witnesses    []Witness
	// Now is the clock for judging the times of cosignatures; nil stands for time.Now.
	Now func() time.Time
	// Cadence is the interval at which a checkpoint is made if there is something new; a fixed one blurs when acts happened. Zero: whenever
	// Publish or Wait asks.
	Cadence time.Duration
	// WitnessTimeout bounds one request to a witness; zero stands for 10 seconds.
	WitnessTimeout time.Duration
	// ReadOnly opens for reading and auditing: LogKey may be absent (then Key says whose log it is), no lock is taken, nothing is written.
	ReadOnly bool
	// Key is the log's public key where LogKey is absent.
	Key proof.LogKey

	noLock  bool                    // for tests: the compare and swap must do without
	keep    int                     // for tests: leaves that stay in memory between being read back and written; 0 stands for keepLeaves
	backoff time.Duration           // for tests: the first pause after a witness failed
	step    func(step string) error // for tests: called at every step of writing; an error means that the step went wrong
}

// maxBatch is how many acts one transaction takes at most.
const maxBatch = 1024

// Ledger is an open ledger. Its methods may be called from several goroutines.
type Ledger struct {
	db      *store.DB
	tiles   blob.Store
	config  Config
	key     proof.LogKey
	signer  ed25519.PrivateKey
	witness []*witnessState
	unlock  func() error
	cancel  context.CancelFunc
	running sync.WaitGroup
	closed  chan struct{}
	once    sync.Once

	queueMu sync.Mutex
	queue   []*waiter
	wake    chan struct{}   // of the sequencer; holds one token
	asked   chan chan error // of the publisher: publish and answer
	poke    chan struct{}   // of the witness loop; holds one token

	// Of the sequencer's goroutine alone.
	places map[string]place
	keys   map[string]int64 // numbers of public keys by SPKI
	unsure *edge            // the head if the last commit, whose outcome is not known, took effect

	publishing sync.Mutex // held while a checkpoint is signed, served or gets cosignatures
	// Guarded by publishing: the frontier of the served size, and a checkpoint that may or may not have been stored.
	frontier   *frontier
	unsureNote *proof.SignedCheckpoint

	mu        sync.Mutex
	head      edge                    // what is committed; written by the sequencer
	signed    *proof.SignedCheckpoint // the latest that was signed
	served    *proof.SignedCheckpoint // the latest that stands in the tile store
	witnessed *witnessedHead          // the largest that the quorum has cosigned
	asOf      *statement.Head
	stopped   error
	changed   chan struct{} // closed and replaced when one of the above changes
	status    Status
}

// witnessedHead is a checkpoint under which acts are final.
type witnessedHead struct {
	note *proof.SignedCheckpoint
	time int64 // of the latest cosignature, Unix seconds; 0 if there is none (quorum none)
}

// Status tells how the ledger does.
type Status struct {
	Size      int64             // acts that are durable
	Published int64             // size of the checkpoint that is served
	Witnessed int64             // size of the largest checkpoint with a quorum
	Stopped   error             // why nothing is appended any more; nil if all is well
	Publisher error             // of the last publication
	Witnesses map[string]string // what went wrong with each witness when it was last asked; absent if nothing
}

// Create makes a new ledger in a database and a tile store that have none, publishes its empty checkpoint and opens it.
func Create(ctx context.Context, c Config) (*Ledger, error) {
	l, err := newLedger(c)
	if err != nil {
		return nil, fmt.Errorf("creating a ledger: %w", err)
	}
	if _, err := c.Tiles.Get(ctx, checkpointName, proof.MaxNote); !errors.Is(err, blob.ErrNotExist) {
		if err == nil {
			err = ErrExists
		}
		return nil, fmt.Errorf("creating a ledger: looking for a checkpoint in the tile store: %w", err)
	}
	note, err := proof.SignCheckpoint(proof.Checkpoint{Origin: c.Origin, Root: proof.EmptyRoot()}, l.signer)
	if err != nil {
		return nil, fmt.Errorf("creating a ledger: %w", err)
	}
	err = l.tx(ctx, "create", func(tx *sql.Tx) error { return l.insertHead(ctx, tx, note) })
	if err != nil {
		if _, again := l.readHead(ctx); again == nil && !errors.Is(err, ErrExists) {
			return Open(ctx, c) // the answer was lost, not the commit
		}
		return nil, fmt.Errorf("creating a ledger: %w", err)
	}
	return Open(ctx, c)
}

// newLedger checks a configuration.
func newLedger(c Config) (*Ledger, error) {
	if c.DB == nil || c.Tiles == nil {
		return nil, errors.New("the configuration lacks the database or the tile store")
	}
	l := &Ledger{
		db: c.DB, tiles: c.Tiles, config: c, signer: c.LogKey, key: c.Key,
		wake: make(chan struct{}, 1), asked: make(chan chan error), poke: make(chan struct{}, 1),
		places: map[string]place{}, keys: map[string]int64{}, changed: make(chan struct{}), closed: make(chan struct{}),
	}
	if l.config.Now == nil {
		l.config.Now = time.Now
	}
	if l.config.WitnessTimeout == 0 {
		l.config.WitnessTimeout = 10 * time.Second
	}
	if l.signer != nil {
		if len(l.signer) != ed25519.PrivateKeySize {
			return nil, errors.New("the log's key is not an Ed25519 private key")
		}
		pub, _ := l.signer.Public().(ed25519.PublicKey)
		l.key = proof.NewLogKey(c.Origin, pub)
	} else if !c.ReadOnly {
		return nil, errors.New("the configuration lacks the log's key")
	}
	if l.key.IsZero() || l.key.Name() != c.Origin {
		return nil, fmt.Errorf("the origin %q or the log's key cannot be used", c.Origin)
	}
	if c.Policy != nil && !policyLists(c.Policy, l.key) {
		return nil, fmt.Errorf("the policy does not list the log %q with its key", c.Origin)
	}
	seen := map[string]bool{}
	for _, w := range c.Witnesses {
		if seen[w.Name()] {
			return nil, fmt.Errorf("the witness %q is configured twice", w.Name())
		}
		seen[w.Name()] = true
		l.witness = append(l.witness, &witnessState{witness: w})
	}
	return l, nil
}

func policyLists(p *proof.Policy, key proof.LogKey) bool {
	for _, l := range p.Logs() {
		if l.Key == key {
			return true
		}
	}
	return false
}

// Open opens a ledger and puts right what a crash has left. It refuses with ErrBehind or ErrForked if the tile store or a witness contradicts
// the database; then only ReadOnly opens it. With ErrLocked, another process has it.
func Open(ctx context.Context, c Config) (*Ledger, error) {
	l, err := newLedger(c)
	if err != nil {
		return nil, fmt.Errorf("opening the ledger: %w", err)
	}
	if !c.ReadOnly && !c.noLock {
		if l.unlock, err = lock(ctx, l.db); err != nil {
			return nil, fmt.Errorf("opening the ledger: %w", err)
		}
	}
	if err := l.recover(ctx); err != nil {
		return nil, fmt.Errorf("opening the ledger: %w", errors.Join(err, l.release()))
	}
	if c.ReadOnly {
		l.stopped = ErrReadOnly
		return l, nil
	}
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l.cancel = cancel
	for _, f := range []func(context.Context){l.sequence, l.publisher, l.askWitnesses} {
		l.running.Go(func() { f(inner) })
	}
	return l, nil
}

// Close waits for what is being written, refuses what still waits with ErrClosed, and gives up the lock. It closes neither the database nor
// the tile store.
func (l *Ledger) Close() error {
	l.stop(ErrClosed)
	l.once.Do(func() { close(l.closed) })
	if l.cancel != nil {
		l.cancel()
	}
	l.running.Wait()
	return l.release()
}

func (l *Ledger) release() error {
	if l.unlock == nil {
		return nil
	}
	unlock := l.unlock
	l.unlock = nil
	return unlock()
}

// Key returns the log's public key.
func (l *Ledger) Key() proof.LogKey { return l.key }

// Status tells how the ledger does.
func (l *Ledger) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.status
	s.Size, s.Stopped = l.head.size, l.stopped
	if l.served != nil {
		s.Published = l.served.Size
	}
	if l.witnessed != nil {
		s.Witnessed = l.witnessed.note.Size
	}
	s.Witnesses = map[string]string{}
	for _, w := range l.witness {
		if w.problem != nil {
			s.Witnesses[w.witness.Name()] = w.problem.Error()
		}
	}
	return s
}

// stop makes the ledger refuse to sign and append; the first reason stays.
func (l *Ledger) stop(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped == nil {
		l.stopped = why
	}
	l.announce()
}

// stoppedFor returns why the ledger does not sign, or nil.
func (l *Ledger) stoppedFor() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.stopped {
	case nil, ErrClosed, ErrReadOnly:
		return l.stopped
	}
	return fmt.Errorf("%w: %w", ErrStopped, l.stopped)
}

// announce wakes all who wait for a change. The caller holds mu.
func (l *Ledger) announce() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// tx is a write transaction with places where tests let it go wrong: before the commit (it is lost) and after (the answer is lost).
func (l *Ledger) tx(ctx context.Context, name string, fn func(*sql.Tx) error) error {
	err := l.db.Tx(ctx, func(tx *sql.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return l.at(name + ": before commit")
	})
	if err != nil {
		return err
	}
	return l.at(name + ": after commit")
}

func (l *Ledger) at(step string) error {
	if l.config.step == nil {
		return nil
	}
	return l.config.step(step)
}
