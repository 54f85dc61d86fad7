package lab

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/age"

	"github.com/probat-lab/probat/statement"
)

// Keys are the private keys of a lab.
type Keys struct {
	Root    *ecdsa.PrivateKey // nil where it was taken away, as it should be
	Issuing *ecdsa.PrivateKey
	Ledger  *ecdsa.PrivateKey
	Log     ed25519.PrivateKey

	identity *age.X25519Identity
}

// ErrPassphrase is returned for a passphrase that does not open the keys.
var ErrPassphrase = errors.New("the passphrase does not open the keys")

// names of the files in the folder of keys
const (
	keysFolder   = "keys"
	identityName = "identity.age"
	rootName     = "root.age"
	issuingName  = "issuing.age"
	ledgerName   = "ledger.age"
	logName      = "log.age"
)

// maxKeyFile bounds what is read of a key file, in bytes.
const maxKeyFile = 64 << 10

func newKeys() (*Keys, error) {
	var k Keys
	var err error
	for _, p := range []**ecdsa.PrivateKey{&k.Root, &k.Issuing, &k.Ledger} {
		if *p, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, fmt.Errorf("making a key: %w", err)
		}
	}
	if _, k.Log, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	if k.identity, err = age.GenerateX25519Identity(); err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	return &k, nil
}

// write writes the key files into a new folder, each readable by its owner only.
func (k *Keys) write(dir, passphrase string, workFactor int) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("making the folder of keys: %w", err)
	}
	scrypt, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return fmt.Errorf("taking the passphrase: %w", err)
	}
	if workFactor > 0 {
		scrypt.SetWorkFactor(workFactor)
	}
	if err := writeSealed(filepath.Join(dir, identityName), []byte(k.identity.String()+"\n"), scrypt); err != nil {
		return err
	}
	for name, key := range map[string]any{rootName: k.Root, issuingName: k.Issuing, ledgerName: k.Ledger, logName: k.Log} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return fmt.Errorf("encoding %s: %w", name, err)
		}
		data := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		if err := writeSealed(filepath.Join(dir, name), data, k.identity.Recipient()); err != nil {
			return err
		}
	}
	return nil
}

func writeSealed(path string, data []byte, to age.Recipient) error {
	sealed, err := Encrypt(data, to)
	if err != nil {
		return fmt.Errorf("sealing %q: %w", path, err)
	}
	return writeNew(path, sealed, 0o600)
}

// Encrypt returns data as an age file that only the recipient can read.
func Encrypt(data []byte, to age.Recipient) ([]byte, error) {
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// writeNew writes a file that must not exist yet, and makes it durable.
func writeNew(path string, data []byte, mode fs.FileMode) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// readKeys opens the keys of a lab. A root key that is not there is no error: it belongs on a machine without network.
func readKeys(dir, passphrase string) (*Keys, error) {
	var k Keys
	var err error
	if k.identity, err = readIdentity(dir, passphrase); err != nil {
		return nil, err
	}
	for name, to := range map[string]**ecdsa.PrivateKey{rootName: &k.Root, issuingName: &k.Issuing, ledgerName: &k.Ledger} {
		key, err := k.readKey(filepath.Join(dir, name))
		if name == rootName && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		p, ok := key.(*ecdsa.PrivateKey)
		if !ok || p.Curve != elliptic.P256() {
			return nil, fmt.Errorf("reading %s: it is no ECDSA key on P-256", name)
		}
		*to = p
	}
	key, err := k.readKey(filepath.Join(dir, logName))
	if err != nil {
		return nil, err
	}
	var ok bool
	if k.Log, ok = key.(ed25519.PrivateKey); !ok {
		return nil, fmt.Errorf("reading %s: it is no Ed25519 key", logName)
	}
	return &k, nil
}

// readIdentity opens the identity that all keys are sealed to. A wrong passphrase is ErrPassphrase.
func readIdentity(dir, passphrase string) (*age.X25519Identity, error) {
	if passphrase == "" {
		return nil, fmt.Errorf("opening the lab's keys: %w: it is empty", ErrPassphrase)
	}
	scrypt, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fmt.Errorf("taking the passphrase: %w", err)
	}
	text, err := readSealed(filepath.Join(dir, identityName), scrypt)
	if err != nil {
		return nil, err
	}
	identity, err := age.ParseX25519Identity(string(bytes.TrimSpace(text)))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", identityName, err)
	}
	return identity, nil
}

func (k *Keys) readKey(path string) (any, error) {
	data, err := readSealed(path, k.identity)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != "PRIVATE KEY" || len(rest) > 0 {
		return nil, fmt.Errorf("reading the key %q: it is no PEM of a private key", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading the key %q: %w", path, err)
	}
	return key, nil
}

func readSealed(path string, by age.Identity) ([]byte, error) {
	data, err := readFile(path, maxKeyFile)
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	r, err := age.Decrypt(bytes.NewReader(data), by)
	var wrong *age.NoIdentityMatchError
	switch {
	case errors.As(err, &wrong):
		return nil, fmt.Errorf("opening %q: %w", path, ErrPassphrase)
	case err != nil:
		return nil, fmt.Errorf("opening %q: %w", path, err)
	}
	out, err := io.ReadAll(io.LimitReader(r, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("opening %q: %w", path, err)
	}
	return out, nil
}

// readFile reads a file of at most most bytes.
func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%q has more than %d bytes", path, most)
	}
	return data, nil
}

// Seal encrypts to the lab itself: what only someone with the passphrase may read again.
func (k *Keys) Seal(data []byte) ([]byte, error) { return Encrypt(data, k.identity.Recipient()) }

// Unseal opens what Seal made.
func (k *Keys) Unseal(data []byte) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(data), k.identity)
	if err != nil {
		return nil, fmt.Errorf("opening what the lab sealed: %w", err)
	}
	return io.ReadAll(io.LimitReader(r, 1<<20))
}

// public returns the public half of a key as statements name it.
func public(k *ecdsa.PrivateKey) *statement.Key {
	p, err := statement.NewKey(&k.PublicKey)
	if err != nil {
		panic("lab: " + err.Error()) // keys are made and read on P-256 only
	}
	return p
}
