package ledger

import (
	"crypto/ed25519"
	"errors"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/ledger/witness"
)

// realWitness serves a witness with an Ed25519 and an ML-DSA-44 key on loopback and returns a client and its policy.
func realWitness(t testing.TB, log proof.LogKey) (*witness.Client, *proof.Policy) {
	t.Helper()
	ed, err := proof.NewEd25519Cosigner("w.example/ed")
	if err != nil {
		t.Fatal(err)
	}
	ml, err := proof.NewMLDSACosigner("w.example/ml")
	if err != nil {
		t.Fatal(err)
	}
	state, err := witness.CreateState(filepath.Join(t.TempDir(), "witness"), []proof.LogKey{log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { state.Close() })
	w, err := witness.New(witness.Config{Cosigners: []*proof.Cosigner{ed, ml}, Logs: []proof.LogKey{log}, State: state})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	client, err := witness.NewClient(witness.ClientConfig{
		Name: "w", Origin: log.Name(), URL: server.URL, Keys: []proof.WitnessKey{ed.Key(), ml.Key()},
	})
	if err != nil {
		t.Fatal(err)
	}
	policy, err := proof.ParsePolicy([]byte("log " + log.String() + "\nwitness ed " + ed.Key().String() + "\nwitness ml " + ml.Key().String() + "\nquorum ml\n"))
	if err != nil {
		t.Fatal(err)
	}
	return client, policy
}

func withReal(t testing.TB) func(*Config) {
	return func(c *Config) {
		pub := ed25519.PublicKey(logKey()[32:])
		client, policy := realWitness(t, proof.NewLogKey(c.Origin, pub))
		c.Witnesses, c.Policy = []Witness{client}, policy
	}
}

// TestRealWitness runs against package witness over HTTP: cosigned, opened again, rolled back and refused.
func TestRealWitness(t *testing.T) {
	l := newLab(t, withReal(t))
	l.grow(3)
	if c, final, err := l.Wait(soon(t), 2); err != nil || !final || len(c.Lines) != 3 {
		t.Fatalf("%v, %v, %v", c, final, err)
	}
	before := l.saved()
	l.grow(300)
	if _, final, err := l.Wait(soon(t), 302); err != nil || !final {
		t.Fatalf("%v, %v; %v", final, err, l.Status())
	}
	l.sound()
	l.shut()
	l.put(before, append(database, "log")...)
	if err := l.tryRestart(); !errors.Is(err, ErrBehind) {
		t.Fatalf("a restored backup: %v", err)
	}
}

// BenchmarkWitnessed measures from an act to its witnessed checkpoint, with a witness on loopback that flushes to the disk.
func BenchmarkWitnessed(b *testing.B) {
	l := newLab(b, withReal(b))
	var times []time.Duration
	for b.Loop() {
		start := time.Now()
		e, err := l.Append(b.Context(), l.act(""))
		if err != nil {
			b.Fatal(err)
		}
		if _, final, err := l.Wait(b.Context(), e.Index); err != nil || !final {
			b.Fatal(final, err)
		}
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	b.ReportMetric(times[len(times)/2].Seconds()*1e3, "p50-ms")
	b.ReportMetric(times[len(times)*99/100].Seconds()*1e3, "p99-ms")
}
