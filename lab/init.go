package lab

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// Setup says what a new lab is to be; the zero value is a lab that a vendor runs for itself, in one folder.
type Setup struct {
	Name         string                 // default: "Lab" and a few digits of its root key
	Operator     string                 // default: the name
	Independence statement.Independence // default: self
	Origin       string                 // default: log.lab-DIGITS.invalid, a name that nobody else has
	Database     string                 // URL; default: lab.db in the folder
	Log          string                 // URL; default: log in the folder
	Passphrase   string
	WorkFactor   int              // of scrypt, 2^n; 0: age's own choice. For tests.
	Now          func() time.Time // nil: time.Now
}

// keyYears is how long the keys of a trust statement may sign.
const keyYears = 5

// window is how long a statement may wait for its checkpoint's cosignatures, in seconds.
const window = 7 * 24 * 3600

// Init makes a new lab in a folder that does not exist or is empty. It is there whole or not at all, but for what lies outside the folder.
func Init(ctx context.Context, dir string, s Setup) (err error) {
	if err := vacant(dir); err != nil {
		return err
	}
	if s.Passphrase == "" {
		return errors.New("making a lab: the passphrase is empty")
	}
	keys, err := newKeys()
	if err != nil {
		return err
	}
	config := s.config(keys)
	if err := config.check(); err != nil {
		return fmt.Errorf("making a lab: %w", err)
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	dir = filepath.Clean(dir)
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".")
	if err != nil {
		return fmt.Errorf("making a lab: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
	}()
	if err := fill(ctx, tmp, config, keys, s); err != nil {
		return fmt.Errorf("making a lab: %w", err)
	}
	_ = os.Remove(dir) // an empty one
	if err := os.Rename(tmp, dir); err != nil {
		return fmt.Errorf("making a lab: %w", err)
	}
	return nil
}

func vacant(dir string) error {
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("making a lab: %w", err)
	}
	if len(list) > 0 {
		return fmt.Errorf("making a lab: %q %w", dir, ErrOccupied)
	}
	return nil
}

func (s *Setup) config(k *Keys) *Config {
	digits := fmt.Sprintf("%x", sha256.Sum256(public(k.Root).SPKI()))[:8]
	or := func(v, otherwise string) string {
		if v == "" {
			return otherwise
		}
		return v
	}
	c := &Config{
		Name: or(s.Name, "Lab "+digits), Independence: s.Independence, Origin: or(s.Origin, "log.lab-"+digits+".invalid"),
		Database: or(s.Database, "lab.db"), Log: or(s.Log, "log"), Evidence: "evidence",
		Validity: defaultValidity, StatusDays: defaultStatusDays, AnswerDays: defaultAnswerDays, Recipient: k.identity.Recipient().String(),
	}
	c.Operator = or(s.Operator, c.Name)
	if c.Independence == "" {
		c.Independence = statement.Self
	}
	return c
}

// fill makes everything in a folder that gets its name when all is there.
func fill(ctx context.Context, dir string, config *Config, keys *Keys, s Setup) (err error) {
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	if err := keys.write(filepath.Join(dir, keysFolder), s.Passphrase, s.WorkFactor); err != nil {
		return err
	}
	now := s.Now().UTC().Truncate(time.Second)
	logKey, ok := keys.Log.Public().(ed25519.PublicKey)
	if !ok {
		return errors.New("the log key is no Ed25519 key")
	}
	t := &statement.Trust{
		Act: statement.Act{
			Actor: statement.Actor{Class: statement.Lab, Name: config.Name, Proof: statement.ByKey}, Nonce: Nonce(), Time: statement.FormatTime(now),
		},
		Keys: []statement.TrustedKey{trusted(keys.Issuing, statement.ForIssuing, now), trusted(keys.Ledger, statement.ForLedger, now)},
		Lab:  statement.LabIdentity{Independence: config.Independence, Name: config.Name, Operator: config.Operator}, Origin: config.Origin,
		Policy: "log " + proof.NewLogKey(config.Origin, logKey).String() + "\nquorum none\n", Version: 1, Window: window, Witnesses: []statement.TrustedWitness{},
	}
	trust, err := credential.NewTrust(t, 1, []*ecdsa.PrivateKey{keys.Root})
	if err != nil {
		return err
	}
	pinned, err := credential.ParseTrust(trust)
	if err != nil {
		return err
	}
	if err := errors.Join(writeNew(filepath.Join(dir, configName), config.Bytes(), 0o644), writeNew(filepath.Join(dir, trustName), trust, 0o644)); err != nil {
		return err
	}
	l := &Lab{Dir: dir, Config: config, Trust: pinned, keys: keys, now: s.Now}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := l.openStores(ctx, blob.Create); err != nil {
		return err
	}
	if l.Ledger, err = l.openLedger(ctx, ledger.Create, nil); err != nil {
		return err
	}
	if err := l.logKeysOf(ctx, pinned); err != nil {
		return err
	}
	_, err = l.Ledger.Publish(ctx)
	return err
}

func trusted(k *ecdsa.PrivateKey, purpose statement.Purpose, from time.Time) statement.TrustedKey {
	return statement.TrustedKey{
		From: statement.FormatTime(from), Key: public(k).String(), Predicates: credential.Predicates(purpose), Purpose: purpose,
		Until: statement.FormatTime(from.AddDate(keyYears, 0, 0)),
	}
}

// logKeysOf logs which keys a trust file names, one act for each that has none yet.
func (l *Lab) logKeysOf(ctx context.Context, trust *credential.Pinned) error {
	type used struct {
		key, from, until string
		purpose          statement.Purpose
	}
	var list []used
	for _, k := range trust.Trust.Keys {
		list = append(list, used{k.Key, k.From, k.Until, k.Purpose})
	}
	list = append(list, used{key: l.Ledger.Key().String(), purpose: statement.ForLog}, used{key: public(l.keys.Root).String(), purpose: statement.ForRoot})
	for _, k := range list {
		id := fmt.Sprintf("%x", sha256.Sum256([]byte(k.key)))
		_, err := l.Append(ctx, Act{
			Key: "key/" + id, By: statement.ForLedger,
			Statement: func(p ledger.Place) (*statement.Statement, error) {
				return &statement.Statement{
					Subjects: []statement.Subject{{Name: "key", Digest: statement.Digest{SHA256: id}}},
					Predicate: &statement.KeyEvent{
						Act: l.NewAct("key/"+id, p), Event: "added", From: k.from, Key: k.key, Purpose: k.purpose, Until: k.until,
						Owner: statement.Actor{Class: statement.Lab, Name: l.Config.Name, Proof: statement.ByKey},
					},
				}, nil
			},
		})
		if err != nil {
			return fmt.Errorf("logging the key for %s: %w", k.purpose, err)
		}
	}
	return nil
}
