package credentialtest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// Noon is when things happen in tests: the credential is issued then.
var Noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// Lab is a lab with all its keys. Fields may be changed before they are used.
type Lab struct {
	TB        testing.TB
	Origin    string
	Root      *ecdsa.PrivateKey
	Issuing   *ecdsa.PrivateKey
	Ledger    *ecdsa.PrivateKey
	Log       ed25519.PrivateKey
	Witnesses []*proof.Cosigner
	Trust     *statement.Trust
	Series    string

	hashes []tlog.Hash // stored hashes, in the order of package tlog
	size   int64
}

// New makes a lab with n witnesses of n organisations, of which all must cosign but the last one, which may; without witnesses the policy asks for none.
func New(tb testing.TB, origin string, witnesses int) *Lab {
	tb.Helper()
	l := &Lab{TB: tb, Origin: origin, Root: Key(tb), Issuing: Key(tb), Ledger: Key(tb), Series: Hex(16)}
	_, log, err := ed25519.GenerateKey(rand.Reader)
	l.ok(err)
	l.Log = log
	for i := range witnesses {
		w, err := proof.NewEd25519Cosigner(fmt.Sprintf("witness%d.example/%s", i, origin))
		l.ok(err)
		l.Witnesses = append(l.Witnesses, w)
	}
	l.Trust = l.trust()
	return l
}

func (l *Lab) ok(err error) {
	l.TB.Helper()
	if err != nil {
		l.TB.Fatal(err)
	}
}

// Key makes an ECDSA key.
func Key(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

// Public returns the public half.
func Public(tb testing.TB, k *ecdsa.PrivateKey) *statement.Key {
	tb.Helper()
	p, err := statement.NewKey(&k.PublicKey)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// Hex returns n random bytes in hexadecimal digits.
func Hex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return fmt.Sprintf("%x", b)
}

// LogKey returns the log's public key.
func (l *Lab) LogKey() proof.LogKey {
	return proof.NewLogKey(l.Origin, l.Log.Public().(ed25519.PublicKey))
}

// Act returns an act of the lab at a time, outside any case.
func (l *Lab) Act(at time.Time) statement.Act {
	nonce := make([]byte, statement.NonceSize)
	rand.Read(nonce)
	return statement.Act{
		Actor: statement.Actor{Class: statement.Lab, Name: "Example Lab", Proof: statement.ByKey},
		Nonce: base64.StdEncoding.EncodeToString(nonce), Time: statement.FormatTime(at),
	}
}

// Policy returns a policy of the lab's log and witnesses.
func (l *Lab) Policy() string {
	var b strings.Builder
	fmt.Fprintf(&b, "log %s\n", l.LogKey())
	var names []string
	for i, w := range l.Witnesses {
		names = append(names, fmt.Sprintf("w%d", i))
		fmt.Fprintf(&b, "witness w%d %s\n", i, w.Key())
	}
	if len(names) == 0 {
		return b.String() + "quorum none\n"
	}
	return b.String() + fmt.Sprintf("group q %d %s\nquorum q\n", max(1, len(names)-1), strings.Join(names, " "))
}

func (l *Lab) trust() *statement.Trust {
	from, until := statement.FormatTime(Noon.AddDate(-1, 0, 0)), statement.FormatTime(Noon.AddDate(2, 0, 0))
	t := &statement.Trust{
		Act: l.Act(Noon.AddDate(0, -6, 0)),
		Keys: []statement.TrustedKey{
			{From: from, Key: Public(l.TB, l.Issuing).String(), Predicates: credential.Predicates(statement.ForIssuing), Purpose: statement.ForIssuing, Until: until},
			{From: from, Key: Public(l.TB, l.Ledger).String(), Predicates: credential.Predicates(statement.ForLedger), Purpose: statement.ForLedger, Until: until},
		},
		Lab:    statement.LabIdentity{Independence: statement.Contracted, Name: "Example Lab", Operator: "Example Testing GmbH"},
		Origin: l.Origin, Policy: l.Policy(), Version: 1, Window: 7 * 86400, Witnesses: []statement.TrustedWitness{},
	}
	for i, w := range l.Witnesses {
		t.Witnesses = append(t.Witnesses, statement.TrustedWitness{Name: w.Key().Name(), Organisation: fmt.Sprintf("Organisation %d", i)})
	}
	slices.SortFunc(t.Witnesses, func(a, b statement.TrustedWitness) int { return strings.Compare(a.Name, b.Name) })
	return t
}

// TrustFile returns lab.trust.
func (l *Lab) TrustFile() []byte {
	l.TB.Helper()
	data, err := credential.NewTrust(l.Trust, 1, []*ecdsa.PrivateKey{l.Root})
	l.ok(err)
	return data
}

// Pinned returns the trust file as a customer pins it.
func (l *Lab) Pinned() *credential.Pinned {
	l.TB.Helper()
	p, err := credential.ParseTrust(l.TrustFile())
	l.ok(err)
	return p
}

// Sign signs a statement.
func (l *Lab) Sign(s *statement.Statement, key *ecdsa.PrivateKey) *statement.Envelope {
	l.TB.Helper()
	payload, err := s.Bytes()
	l.ok(err)
	e, err := statement.Sign(key, payload)
	l.ok(err)
	return e
}

// Append adds a leaf and returns its index.
func (l *Lab) Append(leaf proof.Leaf) int64 {
	l.TB.Helper()
	return l.appendHash(leaf.Hash())
}

// FillHashes adds n leaves of which there is only a hash.
func (l *Lab) FillHashes(n int) {
	l.TB.Helper()
	for range n {
		l.appendHash(tlog.RecordHash([]byte(Hex(8))))
	}
}

func (l *Lab) appendHash(hash tlog.Hash) int64 {
	l.TB.Helper()
	h, err := tlog.StoredHashesForRecordHash(l.size, hash, l)
	l.ok(err)
	l.hashes = append(l.hashes, h...)
	l.size++
	return l.size - 1
}

// Fill adds n leaves of acts that nobody needs to know.
func (l *Lab) Fill(n int) {
	l.TB.Helper()
	for range n {
		e, err := statement.Sign(l.Ledger, []byte(Hex(16)))
		l.ok(err)
		l.Append(credential.LeafOf(e, Public(l.TB, l.Ledger)))
	}
}

// ReadHashes implements tlog.HashReader over the log.
func (l *Lab) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, 0, len(indexes))
	for _, i := range indexes {
		if i >= int64(len(l.hashes)) {
			return nil, fmt.Errorf("no hash %d", i)
		}
		out = append(out, l.hashes[i])
	}
	return out, nil
}

// Size returns the number of leaves.
func (l *Lab) Size() int64 { return l.size }

// Head returns the head of the log, seen by witnesses at a time.
func (l *Lab) Head(at time.Time) *statement.Head {
	l.TB.Helper()
	root, err := tlog.TreeHash(l.size, l)
	l.ok(err)
	return &statement.Head{Root: root.String(), Size: l.size, Time: statement.FormatTime(at)}
}

// Checkpoint signs the log's head, and lets the witnesses cosign it at a time.
func (l *Lab) Checkpoint(at time.Time, witnesses ...*proof.Cosigner) *proof.SignedCheckpoint {
	l.TB.Helper()
	root, err := tlog.TreeHash(l.size, l)
	l.ok(err)
	c, err := proof.SignCheckpoint(proof.Checkpoint{Origin: l.Origin, Size: l.size, Root: root}, l.Log)
	l.ok(err)
	return l.Cosign(c, at, witnesses...)
}

// Cosign lets witnesses cosign at a time.
func (l *Lab) Cosign(c *proof.SignedCheckpoint, at time.Time, witnesses ...*proof.Cosigner) *proof.SignedCheckpoint {
	l.TB.Helper()
	for _, w := range witnesses {
		line, err := w.Cosign(c, at.Unix())
		l.ok(err)
		c = c.With(line)
	}
	return c
}

// Prove proves a leaf under a checkpoint.
func (l *Lab) Prove(index int64, c *proof.SignedCheckpoint) *proof.Proof {
	l.TB.Helper()
	hashes, err := tlog.ProveRecord(c.Size, index, l)
	l.ok(err)
	return &proof.Proof{Index: index, Hashes: hashes, Checkpoint: c}
}

// Fork returns a second lab with the same keys and a history of its own that has the first n leaves in common.
func (l *Lab) Fork(n int64) *Lab {
	f := *l
	f.size = n
	f.hashes = slices.Clone(l.hashes[:tlog.StoredHashIndex(0, n)])
	return &f
}
