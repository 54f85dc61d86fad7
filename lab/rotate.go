package lab

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/statement"
)

// ErrNoKey is returned for a key that the trust file does not have.
var ErrNoKey = errors.New("the trust file has no such key")

// keyNames are the files of the keys that can be replaced.
var keyNames = map[statement.Purpose]string{statement.ForIssuing: issuingName, statement.ForLedger: ledgerName}

// Rotate replaces the issuing or the ledger key by a new one. What the old key signed stays valid; it may sign nothing new. The lab has to be
// opened again to use the new key.
func (l *Lab) Rotate(ctx context.Context, purpose statement.Purpose) (*credential.Pinned, error) {
	name, ok := keyNames[purpose]
	if !ok {
		return nil, fmt.Errorf("replacing a key: keys for %q are not replaced this way", purpose)
	}
	if l.keys == nil {
		return nil, ErrReadOnly
	}
	old := l.keys.Issuing
	if purpose == statement.ForLedger {
		old = l.keys.Ledger
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding the new key: %w", err)
	}
	path := filepath.Join(l.Dir, keysFolder, name)
	if err := os.Remove(path + ".new"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := writeSealed(path+".new", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), l.keys.identity.Recipient()); err != nil {
		return nil, err
	}
	now := l.now().UTC().Truncate(time.Second)
	// The trust file comes first: should it stop here, the old key signs on for the hour that it is still trusted, and the command is given again.
	next, err := l.change(ctx, func(t *statement.Trust) error {
		for i := range t.Keys {
			if t.Keys[i].Key == public(old).String() {
				t.Keys[i].Until = statement.FormatTime(now.Add(time.Hour))
			}
		}
		t.Keys = append(t.Keys, trusted(key, purpose, now))
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return nil, fmt.Errorf("putting the new key in its place: %w", err)
	}
	return next, l.keyEvent(ctx, statement.TrustedKey{Key: public(old).String(), Purpose: purpose}, "retired", "")
}

// leastKeyID is how much of a key's name must be given: "SHA256:" and twelve characters, as other commands show it.
const leastKeyID = 19

// Compromised says that somebody else has had a key since a time: what it signed counts only if witnesses saw it before. keyID is the DSSE
// keyid, or its first nineteen characters. A lab whose key was never witnessed loses what that key signed.
func (l *Lab) Compromised(ctx context.Context, keyID string, since time.Time) (*credential.Pinned, error) {
	cutOff := statement.FormatTime(since)
	var found *statement.TrustedKey
	next, err := l.change(ctx, func(t *statement.Trust) error {
		for i := range t.Keys {
			k, err := statement.ParseKeyText(t.Keys[i].Key)
			if err != nil {
				return err
			}
			if len(keyID) < leastKeyID || !strings.HasPrefix(k.ID(), keyID) {
				continue
			}
			if found != nil {
				return fmt.Errorf("%w: %q fits two", ErrNoKey, keyID)
			}
			t.Keys[i].CutOff = cutOff
			found = &t.Keys[i]
		}
		if found == nil {
			return fmt.Errorf("%w: %q", ErrNoKey, keyID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return next, l.keyEvent(ctx, *found, "compromised", cutOff)
}

// logKeysOf logs which keys a trust file names, one act for each that has none yet.
func (l *Lab) logKeysOf(ctx context.Context, trust *credential.Pinned) error {
	list := append([]statement.TrustedKey{}, trust.Trust.Keys...)
	list = append(
		list, statement.TrustedKey{Key: l.Ledger.Key().String(), Purpose: statement.ForLog},
		statement.TrustedKey{Key: public(l.keys.Root).String(), Purpose: statement.ForRoot},
	)
	for _, k := range list {
		if err := l.keyEvent(ctx, k, "added", ""); err != nil {
			return err
		}
	}
	return nil
}

// keyEvent logs once what happened to a key.
func (l *Lab) keyEvent(ctx context.Context, k statement.TrustedKey, event, cutOff string) error {
	id := fmt.Sprintf("%x", sha256.Sum256([]byte(k.Key)))
	key := "key/" + id
	if event != "added" {
		key = "key-" + event + "/" + id + cutOff
	}
	_, err := l.Append(ctx, Act{
		Key: key, By: statement.ForLedger,
		Statement: func(p ledger.Place) (*statement.Statement, error) {
			return &statement.Statement{
				Subjects: []statement.Subject{{Name: "key", Digest: statement.Digest{SHA256: id}}},
				Predicate: &statement.KeyEvent{
					Act: l.NewAct(p), CutOff: cutOff, Event: event, From: k.From, Key: k.Key, Purpose: k.Purpose, Until: k.Until,
					Owner: statement.Actor{Class: statement.Lab, Name: l.Config.Name, Proof: statement.ByKey},
				},
			}, nil
		},
	})
	if err != nil {
		return fmt.Errorf("logging that the key for %s was %s: %w", k.Purpose, event, err)
	}
	return nil
}
