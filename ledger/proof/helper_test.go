package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
)

const (
	origin = "log.lab.example"
	now    = 1_795_525_200 // 2026-11-24T13:00:00Z
)

// seeded returns a private key that is the same in every run.
func seeded(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

func logKey(n byte) proof.LogKey { return proof.NewLogKey(origin, public(seeded(n))) }

// memory holds a tree's stored hashes.
type memory []tlog.Hash

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		if i < 0 || i >= int64(len(m)) {
			return nil, fmt.Errorf("no stored hash %d", i)
		}
		out = append(out, m[i])
	}
	return out, nil
}

// grow returns a tree of n leaves; those from fork on differ between forks.
func grow(t testing.TB, n, from int, fork string) memory {
	t.Helper()
	var m memory
	for i := range n {
		text := fmt.Sprintf("leaf %d", i)
		if i >= from {
			text += fork
		}
		hashes, err := tlog.StoredHashes(int64(i), []byte(text), m)
		if err != nil {
			t.Fatal(err)
		}
		m = append(m, hashes...)
	}
	return m
}

// big is a tree of bigSize leaves, which all tests may read: the tree of any smaller size is its beginning.
const bigSize = 3000

var bigOnce struct {
	sync.Once
	m memory
}

func big(t testing.TB) memory {
	bigOnce.Do(func() { bigOnce.m = grow(t, bigSize, bigSize, "") })
	return bigOnce.m
}

func leafHash(i int) tlog.Hash { return tlog.RecordHash(fmt.Appendf(nil, "leaf %d", i)) }

func checkpoint(t testing.TB, m memory, size int) proof.Checkpoint {
	t.Helper()
	root, err := tlog.TreeHash(int64(size), m)
	if err != nil {
		t.Fatal(err)
	}
	return proof.Checkpoint{Origin: origin, Size: int64(size), Root: root}
}

func sign(t testing.TB, c proof.Checkpoint, key ed25519.PrivateKey) *proof.SignedCheckpoint {
	t.Helper()
	s, err := proof.SignCheckpoint(c, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// cosigner returns a new witness key, of ML-DSA-44 if the name says so.
func cosigner(t testing.TB, name string) *proof.Cosigner {
	t.Helper()
	create := proof.NewEd25519Cosigner
	if strings.Contains(name, "mldsa") {
		create = proof.NewMLDSACosigner
	}
	c, err := create(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// cosign adds the lines of the witnesses at one time.
func cosign(t testing.TB, s *proof.SignedCheckpoint, time int64, by ...*proof.Cosigner) *proof.SignedCheckpoint {
	t.Helper()
	for _, c := range by {
		line, err := c.Cosign(s, time)
		if err != nil {
			t.Fatal(err)
		}
		s = s.With(line)
	}
	return s
}

func policy(t testing.TB, lines ...string) *proof.Policy {
	t.Helper()
	p, err := proof.ParsePolicy([]byte(strings.Join(lines, "\n") + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// refused fails the test unless err is there and mentions what.
func refused(t testing.TB, err error, what string) {
	t.Helper()
	if err == nil {
		t.Errorf("accepted; want an error that says %q", what)
	} else if !strings.Contains(err.Error(), what) {
		t.Errorf("error %q does not say %q", err, what)
	}
}

// replaced is text with the first old replaced, which must be there.
func replaced(t testing.TB, text, old, new string) string {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("no %q in %q", old, text)
	}
	return strings.Replace(text, old, new, 1)
}
