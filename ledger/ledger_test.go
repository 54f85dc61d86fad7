package ledger

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store"
	"github.com/probat-lab/probat/store/storetest"
)

const origin = "log.lab.example"

// lab is a ledger with what it is made of.
type lab struct {
	*Ledger
	t      testing.TB
	dir    string
	server string // URL of the database if it is not in the folder
	db     *store.DB
	tiles  blob.Store
	log    ed25519.PrivateKey
	key    *ecdsa.PrivateKey
	public *statement.Key
	config Config
}

// newLab makes a ledger in a new folder.
func newLab(t testing.TB, change ...func(*Config)) *lab {
	t.Helper()
	return newLabAt(t, "", change...)
}

// folder is a temporary folder, in memory where there is such a file system: nothing here takes the power away, so flushing only takes time.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "probat-ledger-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newLabAt(t testing.TB, server string, change ...func(*Config)) *lab {
	t.Helper()
	l := &lab{t: t, dir: folder(t), server: server, log: logKey()}
	l.key, l.public = statementKey(t)
	l.connect()
	for _, f := range change {
		f(&l.config)
	}
	var err error
	if l.Ledger, err = Create(t.Context(), l.config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Ledger.Close() })
	return l
}

func (l *lab) url() string { return cmp.Or(l.server, filepath.Join(l.dir, "lab.sqlite")) }

// connect opens the stores and makes the configuration.
func (l *lab) connect() {
	l.t.Helper()
	var err error
	if l.db, err = store.Open(context.Background(), l.url()); err != nil {
		l.t.Fatal(err)
	}
	db := l.db
	l.t.Cleanup(func() { db.Close() })
	if l.tiles, err = blob.Open(context.Background(), filepath.Join(l.dir, "log"), blob.Create); err != nil {
		l.t.Fatal(err)
	}
	l.config = Config{DB: l.db, Tiles: l.tiles, Origin: origin, LogKey: l.log}
}

// reopen closes and opens the ledger again.
func (l *lab) reopen(change ...func(*Config)) error {
	l.t.Helper()
	if err := l.Ledger.Close(); err != nil {
		l.t.Fatal(err)
	}
	for _, f := range change {
		f(&l.config)
	}
	again, err := Open(l.t.Context(), l.config)
	if err == nil {
		l.Ledger = again
		l.t.Cleanup(func() { again.Close() })
	}
	return err
}

func statementKey(t testing.TB) (*ecdsa.PrivateKey, *statement.Key) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := statement.NewKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key, public
}

func newCase() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

var moment = time.Date(2026, 11, 24, 13, 0, 0, 0, time.UTC)

// common makes what every act says, at a place.
func common(p Place) statement.Act {
	var nonce [statement.NonceSize]byte
	rand.Read(nonce[:])
	return statement.Act{
		Actor: statement.Actor{Class: statement.Lab, Name: "Canary Lab", Proof: statement.ByKey},
		AsOf:  p.AsOf, Case: p.Case, CaseSeq: p.Seq, PrevInCase: p.Prev,
		Nonce: base64.StdEncoding.EncodeToString(nonce[:]), Time: statement.FormatTime(moment),
	}
}

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

func subjects() []statement.Subject {
	return []statement.Subject{{Digest: statement.Digest{SHA256: zeros}, Name: "canary-router"}}
}

func submission(p Place) statement.Predicate {
	return &statement.Submission{
		Act: common(p), Attempt: 1, Policy: statement.Policy{Digest: zeros, Edition: "V1", Scheme: "canary-scheme"},
		Release: statement.Release{Vendor: "Canary Vendor", Product: "Canary Product", Version: "1"},
	}
}

// signer signs predicates.
func (l *lab) signer(predicate func(Place) statement.Predicate) func(Place) (*statement.Envelope, *statement.Key, error) {
	return func(p Place) (*statement.Envelope, *statement.Key, error) {
		payload, err := (&statement.Statement{Subjects: subjects(), Predicate: predicate(p)}).Bytes()
		if err != nil {
			return nil, nil, err
		}
		e, err := statement.Sign(l.key, payload)
		return e, l.public, err
	}
}

func (l *lab) act(caseID string) Act { return Act{Case: caseID, Sign: l.signer(submission)} }

func (l *lab) add(n int) {
	l.t.Helper()
	for range n {
		if _, err := l.Append(context.Background(), l.act("")); err != nil {
			l.t.Fatal(err)
		}
	}
}

func TestAppendPublishProve(t *testing.T) {
	l := newLab(t)
	ctx := t.Context()
	id := newCase()
	var entries []Entry
	for i := range 5 {
		e, err := l.Append(ctx, l.act(id))
		if err != nil {
			t.Fatal(err)
		}
		if e.Index != int64(i) || e.Seq != int64(i+1) {
			t.Fatalf("act %d: index %d, number %d in its case", i, e.Index, e.Seq)
		}
		entries = append(entries, e)
	}
	c, err := l.Publish(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if c.Size != 5 {
		t.Fatalf("published %d acts, want 5", c.Size)
	}
	for _, e := range entries {
		hashes, err := l.Proof(ctx, e.Index, c.Size)
		if err != nil {
			t.Fatal(err)
		}
		p := &proof.Proof{Index: e.Index, Hashes: hashes, Checkpoint: c}
		if err := p.Verify(e.Leaf.Hash()); err != nil {
			t.Fatal(err)
		}
		read, err := l.Statement(ctx, e.ID)
		if err != nil || read.Envelope.ID() != e.ID || read.Index != e.Index {
			t.Fatalf("read %+v, %v", read, err)
		}
	}
	n := 0
	for e, err := range l.InCase(ctx, id) {
		if err != nil || e.ID != entries[n].ID {
			t.Fatalf("act %d of the case: %v, %v", n, e.ID, err)
		}
		n++
	}
	if n != 5 {
		t.Fatalf("%d acts in the case, want 5", n)
	}
	if err := l.reopen(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(ctx, l.act(id)); err != nil {
		t.Fatal(err)
	}
	if c, err = l.Publish(ctx); err != nil || c.Size != 6 {
		t.Fatalf("published %v, %v", c, err)
	}
}

func logKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed([]byte(strings.Repeat("l", 32))) }

// fixedKey reads the key for statements of a folder, or makes it.
func fixedKey(dir string) (*ecdsa.PrivateKey, *statement.Key, error) {
	name := filepath.Join(dir, "key.der")
	der, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, nil, err
		}
		if der, err = x509.MarshalECPrivateKey(key); err != nil {
			return nil, nil, err
		}
		if err := os.WriteFile(name, der, 0o600); err != nil {
			return nil, nil, err
		}
	} else if err != nil {
		return nil, nil, err
	}
	key, err := x509.ParseECPrivateKey(der)
	if err != nil {
		return nil, nil, err
	}
	public, err := statement.NewKey(&key.PublicKey)
	return key, public, err
}

// databases runs a test on SQLite and on PostgreSQL.
func databases(t *testing.T, test func(t *testing.T, server string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "") })
	t.Run("postgres", func(t *testing.T) { test(t, storetest.Postgres(t)) })
}
