package crosscheck

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/tessera"
	tessera_client "github.com/transparency-dev/tessera/client"
	foreign_client "github.com/transparency-dev/witness/client/http"
	"github.com/transparency-dev/witness/persistence/inmemory"
	foreign "github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/ledger/witness"
)

// server is a running witness.
type server struct {
	url string
	key string // public, as policies name it
}

// newWitness starts a witness of ours.
func newWitness(t testing.TB, name string, log proof.LogKey, more ...*proof.Cosigner) server {
	t.Helper()
	key, err := proof.NewEd25519Cosigner(name)
	ok(t, err)
	state, err := witness.CreateState(filepath.Join(t.TempDir(), "state"), []proof.LogKey{log})
	ok(t, err)
	w, err := witness.New(witness.Config{Cosigners: append(more, key), Logs: []proof.LogKey{log}, State: state})
	ok(t, err)
	s := httptest.NewServer(w)
	t.Cleanup(func() { s.Close(); ok(t, state.Close()) })
	return server{s.URL, key.Key().String()}
}

// newForeignWitness starts a witness of transparency-dev, with a key of the same format.
func newForeignWitness(t testing.TB, name string, log proof.LogKey) server {
	t.Helper()
	secret, public, err := note.GenerateKey(rand.Reader, name)
	ok(t, err)
	signer, err := f_note.NewSignerForCosignatureV1(secret)
	ok(t, err)
	key, err := f_note.VKeyToCosignatureV1(public)
	ok(t, err)
	return startForeign(t, log, key, signer)
}

func startForeign(t testing.TB, log proof.LogKey, key string, signers ...note.Signer) server {
	t.Helper()
	verifier, err := note.NewVerifier(log.String())
	ok(t, err)
	w, err := foreign.New(t.Context(), foreign.Opts{
		Persistence: inmemory.New(), Signers: signers,
		VerifierForLog: func(_ context.Context, origin string) (note.Verifier, bool, error) {
			return verifier, origin == log.Name(), nil
		},
	})
	ok(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", foreign.NewHTTPHandler(w).AddCheckpoint)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return server{s.URL, key}
}

func (s server) client(t testing.TB, keys ...string) *witness.Client {
	t.Helper()
	var known []proof.WitnessKey
	for _, text := range append(keys, s.key) {
		k, err := proof.ParseWitnessKey(text)
		ok(t, err)
		known = append(known, k)
	}
	c, err := witness.NewClient(witness.ClientConfig{Name: known[0].Name(), Origin: origin, URL: s.url, Keys: known})
	ok(t, err)
	return c
}

// prove returns what leads from a size to a checkpoint.
func (l *testLog) prove(c *proof.SignedCheckpoint) func(context.Context, int64) ([]tlog.Hash, error) {
	return func(ctx context.Context, old int64) ([]tlog.Hash, error) { return l.ConsistencyProof(ctx, old, c.Size) }
}

// TestOurClient: our client has a witness that others wrote cosign our log from its first checkpoint on, finds out its size, and is refused another history.
func TestOurClient(t *testing.T) {
	l := newLog(t)
	c := newForeignWitness(t, "witness.theirs.example", l.Key()).client(t)
	old := int64(0)
	for _, size := range []int64{0, 1, 7, 256, 300} {
		cp := l.grow(size)
		lines, now, err := c.CosignFrom(t.Context(), old, l.prove(cp), cp)
		ok(t, err)
		if len(lines) != 1 || now != size {
			t.Errorf("%d leaves: %d cosignatures, size %d", size, len(lines), now)
		}
		old = now
	}
	cp := l.grow(310)
	if _, size, err := c.Cosign(t.Context(), 7, must(l.prove(cp)(t.Context(), 7)), cp); !errors.Is(err, witness.ErrConflict) || size != 300 {
		t.Errorf("told of another size: %d, %v", size, err)
	}
	if _, size, err := c.CosignFrom(t.Context(), 7, l.prove(cp), cp); err != nil || size != 310 {
		t.Errorf("finding out the size: %d, %v", size, err)
	}
	fork, err := proof.SignCheckpoint(proof.Checkpoint{Origin: origin, Size: 320, Root: tlog.Hash{1}}, l.secret)
	ok(t, err)
	if _, _, err := c.Cosign(t.Context(), 310, must(l.prove(cp)(t.Context(), 300)), fork); !errors.Is(err, witness.ErrStatus) || !strings.Contains(err.Error(), "422") {
		t.Errorf("another history: %v", err)
	}
}

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

// TestForeignClient: a client that others wrote talks to our witness.
func TestForeignClient(t *testing.T) {
	l := newLog(t)
	s := newWitness(t, "witness.ours.example", l.Key())
	u := must(url.Parse(s.url))
	c := foreign_client.NewWitness(u, http.DefaultClient)
	verifier := must(f_note.NewVerifierForCosignatureV1(s.key))
	update := func(old int64, cp *proof.SignedCheckpoint) ([]byte, uint64, error) {
		var hashes [][]byte
		if old > 0 {
			for _, h := range must(l.prove(cp)(t.Context(), old)) {
				hashes = append(hashes, h[:])
			}
		}
		return c.Update(t.Context(), uint64(old), cp.Bytes(), hashes)
	}
	old := int64(0)
	for _, size := range []int64{0, 1, 7, 256, 300} {
		cp := l.grow(size)
		lines, _, err := update(old, cp)
		ok(t, err)
		if n, err := note.Open(append(cp.Bytes(), lines...), note.VerifierList(verifier)); err != nil || len(n.Sigs) != 1 {
			t.Errorf("%d leaves: %v", size, err)
		}
		old = size
	}
	cp := l.grow(310)
	if _, size, err := update(7, cp); !errors.Is(err, foreign.ErrCheckpointStale) || size != 300 {
		t.Errorf("told of another size: %d, %v", size, err)
	}
	fork := must(proof.SignCheckpoint(proof.Checkpoint{Origin: origin, Size: 300, Root: tlog.Hash{1}}, l.secret))
	if _, _, err := update(300, fork); err == nil {
		t.Error("our witness cosigned a second history")
	}
	stranger := newLog(t)
	if _, _, err := update(0, stranger.grow(3)); !errors.Is(err, foreign.ErrNoValidSignature) {
		t.Errorf("a log of the same name with another key: %v", err)
	}
	unknown := must(proof.SignCheckpoint(proof.Checkpoint{Origin: "log.other.example", Size: 3, Root: tlog.Hash{1}}, l.secret))
	if _, _, err := update(0, unknown); !errors.Is(err, foreign.ErrUnknownLog) {
		t.Errorf("an unknown log: %v", err)
	}
}

// reader gives Tessera our log to read.
type reader struct {
	tessera_client.FileFetcher
	size uint64
}

func (r reader) IntegratedSize(context.Context) (uint64, error) { return r.size, nil }
func (r reader) NextIndex(context.Context) (uint64, error)      { return r.size, nil }

// TestTesseraAsksOurWitness: Tessera's own publisher, over our tiles and with our log's key, has witnesses of both kinds cosign what we would have signed.
func TestTesseraAsksOurWitness(t *testing.T) {
	l := newLog(t)
	ours, theirs := newWitness(t, "witness.ours.example", l.Key()), newForeignWitness(t, "witness.theirs.example", l.Key())
	policy := []byte("log " + l.Key().String() + "\nwitness ours " + ours.key + " " + ours.url + "\nwitness theirs " + theirs.key + " " + theirs.url + "\ngroup both all ours theirs\nquorum both\n")
	group, err := tessera.NewWitnessGroupFromPolicy(policy)
	ok(t, err)
	options := tessera.NewAppendOptions().WithCheckpointSigner(l.signer()).WithWitnesses(group, nil)
	strict, err := proof.ParsePolicy(policy)
	ok(t, err)
	for _, size := range []int64{1, 5, 256, 260} {
		cp := l.grow(size)
		publish := options.CheckpointPublisher(reader{tessera_client.FileFetcher{Root: l.dir}, uint64(size)}, http.DefaultClient)
		text, err := publish(t.Context(), uint64(size), cp.Root[:])
		ok(t, err)
		signed, err := proof.ParseSigned(text)
		ok(t, err)
		// Ed25519 signs the same bytes the same way: Tessera's checkpoint is ours.
		if first := (&proof.SignedCheckpoint{Checkpoint: signed.Checkpoint, Lines: signed.Lines[:1]}); string(first.Bytes()) != string(cp.Bytes()) {
			t.Errorf("Tessera signs\n%s\nand we\n%s", first.Bytes(), cp.Bytes())
		}
		r, err := strict.Check(signed, signedAt(t, signed), nil)
		ok(t, err)
		if !r.Quorum || len(r.Cosigned) != 2 {
			t.Errorf("%d leaves: cosigned by %v", size, r.Cosigned)
		}
	}
}

// signedAt returns the latest time that a cosignature says.
func signedAt(t testing.TB, c *proof.SignedCheckpoint) (latest int64) {
	t.Helper()
	for _, line := range c.Lines[1:] {
		latest = max(latest, int64(binary.BigEndian.Uint64(line.Signature)))
	}
	return latest
}

// TestMLDSA: post-quantum cosignatures, ours verified by others and theirs by us, and over the protocol.
func TestMLDSA(t *testing.T) {
	l := newLog(t)
	cp := l.grow(9)
	ours := must(proof.NewMLDSACosigner("pq.ours.example"))
	line := must(ours.Cosign(cp, noon.Unix()))
	verifier := must(f_note.NewMLDSAVerifier(ours.Key().String()))
	n, err := note.Open(cp.With(line).Bytes(), note.VerifierList(verifier))
	if err != nil || len(n.Sigs) != 1 {
		t.Errorf("theirs on ours: %v", err)
	}
	line.Signature[100] ^= 1
	if _, err := note.Open(cp.With(line).Bytes(), note.VerifierList(verifier)); err == nil {
		t.Error("theirs accepts a flipped bit in ours")
	}

	secret, public, err := f_note.GenerateMLDSAKey("pq.theirs.example")
	ok(t, err)
	signer, err := f_note.NewMLDSASigner(secret)
	ok(t, err)
	key := must(proof.ParseWitnessKey(public))
	c := startForeign(t, l.Key(), public, signer).client(t)
	lines, _, err := c.CosignFrom(t.Context(), 0, l.prove(cp), cp)
	ok(t, err)
	signed := cp.With(lines...)
	if _, err := key.Verify(signed); err != nil {
		t.Errorf("ours on theirs: %v", err)
	}
	signed.Lines[1].Signature[100] ^= 1
	if _, err := key.Verify(signed); !errors.Is(err, proof.ErrBadSignature) {
		t.Errorf("ours on theirs with a flipped bit: %v", err)
	}
}
