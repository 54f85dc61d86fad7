package crosscheck

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store"
)

const origin = "log.lab.example"

// testLog is a ledger on disk, with its sequencer and publisher.
type testLog struct {
	*ledger.Ledger
	t      testing.TB
	dir    string // of the public files
	secret ed25519.PrivateKey
	key    *ecdsa.PrivateKey
	public *statement.Key
}

func newLog(t testing.TB) *testLog {
	t.Helper()
	l := &testLog{t: t, dir: filepath.Join(t.TempDir(), "log"), key: credentialtest.Key(t)}
	l.public = credentialtest.Public(t, l.key)
	var err error
	_, l.secret, err = ed25519.GenerateKey(rand.Reader)
	ok(t, err)
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "lab.db"))
	ok(t, err)
	t.Cleanup(func() { ok(t, db.Close()) })
	tiles, err := blob.Open(t.Context(), l.dir, blob.Create)
	ok(t, err)
	l.Ledger, err = ledger.Create(t.Context(), ledger.Config{DB: db, Tiles: tiles, Origin: origin, LogKey: l.secret})
	ok(t, err)
	t.Cleanup(func() { ok(t, l.Close()) })
	return l
}

// sign makes an act that says its place.
func (l *testLog) sign(p ledger.Place) (*statement.Envelope, *statement.Key, error) {
	nonce := make([]byte, statement.NonceSize)
	rand.Read(nonce)
	zeros := strings.Repeat("0", 64)
	s := &statement.Statement{
		Subjects: []statement.Subject{{Digest: statement.Digest{SHA256: zeros}, Name: "router"}},
		Predicate: &statement.Submission{
			Act: statement.Act{
				Actor: statement.Actor{Class: statement.Lab, Name: "Example Lab", Proof: statement.ByKey},
				AsOf:  p.AsOf, Case: p.Case, CaseSeq: p.Seq, PrevInCase: p.Prev,
				Nonce: base64.StdEncoding.EncodeToString(nonce), Time: statement.FormatTime(credentialtest.Noon),
			},
			Attempt: 1, Policy: statement.Policy{Digest: zeros, Edition: "V1", Scheme: "scheme"},
			Release: statement.Release{Vendor: "Example Vendor", Product: "Router", Version: "1"},
		},
	}
	payload, err := s.Bytes()
	if err != nil {
		return nil, nil, err
	}
	e, err := statement.Sign(l.key, payload)
	return e, l.public, err
}

// grow appends acts until there are so many, from several goroutines, and publishes them.
func (l *testLog) grow(size int64) *proof.SignedCheckpoint {
	l.t.Helper()
	var left atomic.Int64
	left.Store(size - l.Status().Size)
	var g sync.WaitGroup
	for range 32 {
		g.Go(func() {
			for left.Add(-1) >= 0 {
				if _, err := l.Append(context.WithoutCancel(l.t.Context()), ledger.Act{Sign: l.sign}); err != nil {
					l.t.Error(err)
					return
				}
			}
		})
	}
	g.Wait()
	c, err := l.Publish(l.t.Context())
	ok(l.t, err)
	if c.Size != size {
		l.t.Fatalf("published %d leaves, want %d", c.Size, size)
	}
	return c
}

// verifier is the log's key as golang.org/x/mod has it.
func (l *testLog) verifier() note.Verifier {
	l.t.Helper()
	v, err := note.NewVerifier(l.Key().String())
	ok(l.t, err)
	return v
}

// tree is the tree of a checkpoint.
func tree(c *proof.SignedCheckpoint) tlog.Tree { return tlog.Tree{N: c.Size, Hash: c.Root} }

// signer is the log's private key as golang.org/x/mod has it.
func (l *testLog) signer() note.Signer {
	l.t.Helper()
	name, hash, _ := strings.Cut(l.Key().String(), "+")
	hash, _, _ = strings.Cut(hash, "+")
	s, err := note.NewSigner("PRIVATE+KEY+" + name + "+" + hash + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, l.secret.Seed()...)))
	ok(l.t, err)
	return s
}

var noon = credentialtest.Noon.Add(time.Minute)
