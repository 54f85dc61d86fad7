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
	if err := Vacant(dir); err != nil {
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
	if dir, err = filepath.Abs(dir); err != nil {
		return fmt.Errorf("making a lab: %w", err)
	}
	if err := build(ctx, dir, config, keys, s); err != nil {
		return fmt.Errorf("making a lab: %w", err)
	}
	return nil
}

// build makes a lab beside its place and then moves it there; or inside, if there is an empty folder, which may be a file system of its own or
// somebody's working directory.
func build(ctx context.Context, dir string, config *Config, keys *Keys, s Setup) (err error) {
	parent := filepath.Dir(dir)
	_, statErr := os.Stat(dir)
	inside := statErr == nil
	if inside {
		parent = dir
	}
	tmp, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+".")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(tmp))
		}
	}()
	if err := fill(ctx, tmp, config, keys, s); err != nil {
		return err
	}
	if !inside {
		return os.Rename(tmp, dir)
	}
	return unfold(tmp, dir)
}

// unfold moves what lies in tmp into dir, which is its parent. lab.yaml is last: a folder without it is no lab.
func unfold(tmp, dir string) (err error) {
	entries, err := os.ReadDir(tmp)
	if err != nil {
		return err
	}
	names := []string{}
	for _, e := range entries {
		if e.Name() != configName {
			names = append(names, e.Name())
		}
	}
	var moved []error
	for i, name := range append(names, configName) {
		if err := os.Rename(filepath.Join(tmp, name), filepath.Join(dir, name)); err != nil {
			for _, back := range names[:i] {
				moved = append(moved, os.RemoveAll(filepath.Join(dir, back)))
			}
			return errors.Join(append(moved, err)...)
		}
	}
	return errors.Join(os.Chmod(dir, 0o700), os.Remove(tmp))
}

// Vacant tells whether Init may make a lab in a folder: it does not exist, or is empty. ErrOccupied if not.
func Vacant(dir string) error {
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
