package lab

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store"
)

// Lab is an open lab. Its methods may be called from several goroutines.
type Lab struct {
	Dir      string
	Config   *Config
	Trust    *credential.Pinned
	DB       *store.DB
	Log      blob.Store // checkpoint, tiles, status lists: public
	Evidence blob.Store // files of sealed dossiers, by digest: private
	Ledger   *ledger.Ledger

	keys *Keys // nil where the lab was opened for reading
	now  func() time.Time
}

var (
	// ErrReadOnly is returned for an act in a lab that was opened for reading, without keys.
	ErrReadOnly = errors.New("the lab was opened for reading, without its keys")
	// ErrNoLab is returned for a folder that is no lab.
	ErrNoLab = errors.New("is no lab")
	// ErrOccupied is returned by Init for a folder that has something in it.
	ErrOccupied = errors.New("is not empty")
)

// Dialer makes what asks a witness of the policy for cosignatures.
type Dialer func(origin string, w proof.PolicyWitness) (ledger.Witness, error)

// Options say how to open a lab.
type Options struct {
	Passphrase func() (string, error) // asked once, before anything is written; nil opens for reading
	Dial       Dialer                 // nil: witnesses are not asked
	Now        func() time.Time       // nil: time.Now
	Wait       time.Duration          // how long another process that has the lab open is waited for
}

// Open opens the lab in a folder.
func Open(ctx context.Context, dir string, o Options) (_ *Lab, err error) {
	l, err := look(dir)
	if err != nil {
		return nil, err
	}
	if l.now = o.Now; l.now == nil {
		l.now = time.Now
	}
	if o.Passphrase != nil {
		passphrase, err := o.Passphrase()
		if err != nil {
			return nil, err
		}
		if l.keys, err = readKeys(filepath.Join(dir, keysFolder), passphrase); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	if err := l.openStores(ctx); err != nil {
		return nil, err
	}
	until := time.Now().Add(o.Wait)
	for {
		l.Ledger, err = l.openLedger(ctx, ledger.Open, o.Dial)
		if !errors.Is(err, ledger.ErrLocked) || !time.Now().Before(until) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the process that has the lab open: %w", ctx.Err())
		case <-time.After(lockPoll):
		}
	}
}

// lockPoll is how often a lab that another process has open is tried again.
const lockPoll = 100 * time.Millisecond

// look reads what says which lab a folder is.
func look(dir string) (*Lab, error) {
	config, err := readConfig(dir)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, fmt.Errorf("%q %w: it has no %s", dir, ErrNoLab, configName)
	} else if err != nil {
		return nil, err
	}
	data, err := readFile(filepath.Join(dir, trustName), maxTrust)
	if err != nil {
		return nil, fmt.Errorf("reading the lab's trust file: %w", err)
	}
	trust, err := credential.ParseTrust(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, trustName), err)
	}
	if trust.Trust.Origin != config.Origin {
		return nil, fmt.Errorf("the origin in %s is %q, in %s %q", configName, config.Origin, trustName, trust.Trust.Origin)
	}
	return &Lab{Dir: dir, Config: config, Trust: trust}, nil
}

// Ready tells before long work whether the lab could be opened afterwards: its folder, its database and its log are there, and the passphrase,
// unless it is empty, is the right one. Whether it will be locked then, nobody can say now. No key is read.
func Ready(ctx context.Context, dir, passphrase string) (err error) {
	l, err := Open(ctx, dir, Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if passphrase == "" {
		return nil
	}
	_, err = readIdentity(filepath.Join(dir, keysFolder), passphrase)
	return err
}

func (l *Lab) openStores(ctx context.Context, options ...blob.Option) (err error) {
	database := []store.Option{store.Existing}
	switch {
	case len(options) > 0:
		database = nil
	case l.keys == nil:
		database = []store.Option{store.ReadOnly}
	}
	if l.DB, err = store.Open(ctx, below(l.Dir, l.Config.Database), database...); err != nil {
		return fmt.Errorf("opening the lab's database: %w", err)
	}
	if l.Log, err = blob.Open(ctx, below(l.Dir, l.Config.Log), options...); err != nil {
		return fmt.Errorf("opening the lab's log: %w", err)
	}
	if l.Evidence, err = blob.Open(ctx, below(l.Dir, l.Config.Evidence), append(options, blob.Private)...); err != nil {
		return fmt.Errorf("opening the lab's evidence: %w", err)
	}
	return nil
}

func (l *Lab) openLedger(ctx context.Context, open func(context.Context, ledger.Config) (*ledger.Ledger, error), dial Dialer) (*ledger.Ledger, error) {
	c := ledger.Config{
		DB: l.DB, Tiles: l.Log, Origin: l.Config.Origin, Policy: l.Trust.Policy, Organisation: l.Trust.Organisation, Now: l.now,
		ReadOnly: l.keys == nil,
	}
	for _, k := range l.Trust.Policy.Logs() {
		if k.Key.Name() == l.Config.Origin {
			c.Key = k.Key
		}
	}
	if l.keys != nil {
		c.LogKey = l.keys.Log
		for _, w := range l.Trust.Policy.Witnesses() {
			if w.URL == "" || dial == nil {
				continue
			}
			client, err := dial(l.Config.Origin, w)
			if err != nil {
				return nil, fmt.Errorf("witness %q: %w", w.Name, err)
			}
			c.Witnesses = append(c.Witnesses, client)
		}
	}
	return open(ctx, c)
}

// maxTrust bounds a trust file, in bytes.
const maxTrust = 1 << 20

// Close closes what Open opened.
func (l *Lab) Close() error {
	var errs []error
	if l.Ledger != nil {
		errs = append(errs, l.Ledger.Close())
	}
	if l.DB != nil {
		errs = append(errs, l.DB.Close())
	}
	return errors.Join(errs...)
}

// TrustFile returns lab.trust, which customers pin.
func (l *Lab) TrustFile() ([]byte, error) {
	data, err := readFile(filepath.Join(l.Dir, trustName), maxTrust)
	if err != nil {
		return nil, fmt.Errorf("reading the lab's trust file: %w", err)
	}
	return data, nil
}

// Now returns the lab's time.
func (l *Lab) Now() time.Time { return l.now() }

// Identity returns whose lab it is, as trust statement and credentials say.
func (l *Lab) Identity() statement.LabIdentity { return l.Trust.Trust.Lab }

// Seal encrypts something that only the lab may read again.
func (l *Lab) Seal(data []byte) ([]byte, error) {
	if l.keys == nil {
		return nil, ErrReadOnly
	}
	return l.keys.Seal(data)
}

// Unseal opens what Seal made.
func (l *Lab) Unseal(data []byte) ([]byte, error) {
	if l.keys == nil {
		return nil, ErrReadOnly
	}
	return l.keys.Unseal(data)
}

// Keep stores a file of a dossier under its digest, 64 hexadecimal digits, which it must have.
func (l *Lab) Keep(ctx context.Context, digest string, data []byte) error {
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:]); got != digest {
		return fmt.Errorf("its digest is %s, not %s", got, digest)
	}
	_, err := blob.PutDigest(ctx, l.Evidence, data)
	return err
}

// Act is something that the lab does.
type Act struct {
	Key       string            // for idempotency: an act with the same key is done once
	Content   []byte            // what the act is about, where that can differ under one key: ledger.ErrKeyReused then. May be nil
	Case      string            // empty: of no case
	By        statement.Purpose // ForIssuing or ForLedger: whose key signs
	Statement func(ledger.Place) (*statement.Statement, error)
	Rows      func(context.Context, *sql.Tx, ledger.Entry) error // may be nil
}

// Append signs an act and puts it into the ledger, durably, or returns the entry that the key has already.
func (l *Lab) Append(ctx context.Context, a Act) (ledger.Entry, error) {
	if l.keys == nil {
		return ledger.Entry{}, ErrReadOnly
	}
	key := l.keys.Ledger
	if a.By == statement.ForIssuing {
		key = l.keys.Issuing
	}
	return l.Ledger.Append(ctx, ledger.Act{
		Key: a.Key, Content: a.Content, Case: a.Case, Rows: a.Rows,
		Sign: func(p ledger.Place) (*statement.Envelope, *statement.Key, error) { return l.sign(key, a, p) },
	})
}

func (l *Lab) sign(key *ecdsa.PrivateKey, a Act, p ledger.Place) (*statement.Envelope, *statement.Key, error) {
	s, err := a.Statement(p)
	if err != nil {
		return nil, nil, err
	}
	signer := public(key)
	if err := l.Trust.May(signer.ID(), s.Predicate.TypeURI(), l.now()); err != nil {
		return nil, nil, err
	}
	payload, err := s.Bytes()
	if err != nil {
		return nil, nil, err
	}
	e, err := statement.Sign(key, payload)
	return e, signer, err
}

// Counts tells whether a statement that the lab signed counts for sure: its key has not been in other hands.
func (l *Lab) Counts(e ledger.Entry) bool {
	key, trusted := l.Trust.Key(statement.KeyID(e.Leaf.Key))
	return key != nil && trusted.CutOff == ""
}

// Nonce returns the random bytes of an act, as statements have them.
func Nonce() string {
	var b [statement.NonceSize]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.StdEncoding.EncodeToString(b[:])
}

// NewAct returns what every act of the lab says of itself. Its idempotency key stays in the database: such keys are made of digests of what the
// act is about, and in a public statement anybody could test guesses against them.
func (l *Lab) NewAct(p ledger.Place) statement.Act {
	return statement.Act{
		Actor: statement.Actor{Class: statement.Lab, Name: l.Config.Name, Proof: statement.ByKey},
		AsOf:  p.AsOf, Case: p.Case, CaseSeq: p.Seq, PrevInCase: p.Prev,
		Nonce: Nonce(), Time: statement.FormatTime(l.now()),
	}
}
