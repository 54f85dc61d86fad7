package crosscheck

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/mod/sumdb/tlog"
	_ "modernc.org/sqlite"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/ledger/witness"
)

// newLitewitness builds and starts torchwood's witness, for one log.
func newLitewitness(t testing.TB, name string, log proof.LogKey) server {
	t.Helper()
	bin := filepath.Join(scratch, "litewitness")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "filippo.io/torchwood/cmd/litewitness")
	build.Dir = "litewitness"
	run(t, build)

	// A short path: that of a socket has at most a hundred bytes or so.
	dir, err := os.MkdirTemp("", "lw")
	ok(t, err)
	t.Cleanup(func() { ok(t, os.RemoveAll(dir)) })
	_, secret, err := ed25519.GenerateKey(rand.Reader)
	ok(t, err)
	serveAgent(t, filepath.Join(dir, "agent"), secret)
	public, err := ssh.NewPublicKey(secret.Public())
	ok(t, err)

	free, err := net.Listen("tcp", "127.0.0.1:0")
	ok(t, err)
	address := free.Addr().String()
	ok(t, free.Close())
	var says bytes.Buffer
	c := exec.Command(bin, "-name", name, "-db", filepath.Join(dir, "db"), "-ssh-agent", filepath.Join(dir, "agent"), "-key", ssh.FingerprintSHA256(public), "-listen", address)
	c.Stderr = &says
	ok(t, c.Start())
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	t.Cleanup(func() {
		ok(t, c.Process.Signal(os.Interrupt))
		if err := <-ended; err != nil {
			t.Errorf("litewitness: %v\n%s", err, &says)
		}
	})
	deadline, tick := time.After(20*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			ok(t, conn.Close())
			break
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("litewitness ended: %v\n%s", err, &says)
		case <-deadline:
			t.Fatalf("litewitness does not listen at %s", address)
		case <-tick.C:
		}
	}
	addLog(t, filepath.Join(dir, "db"), log)
	signer, err := torchwood.NewCosignatureSigner(name, secret)
	ok(t, err)
	return server{"http://" + address, signer.Verifier().String()}
}

// serveAgent is an ssh-agent with one key, which litewitness signs with.
func serveAgent(t testing.TB, socket string, key ed25519.PrivateKey) {
	t.Helper()
	keyring := agent.NewKeyring()
	ok(t, keyring.Add(agent.AddedKey{PrivateKey: &key}))
	l, err := net.Listen("unix", socket)
	ok(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(keyring, conn) }()
		}
	}()
	t.Cleanup(func() { ok(t, l.Close()); <-done })
}

// addLog does what witnessctl add-log and add-key do, which cannot be built everywhere.
func addLog(t testing.TB, path string, log proof.LogKey) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	ok(t, err)
	root := proof.EmptyRoot()
	_, err = db.ExecContext(t.Context(), "INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)", log.Name(), base64.StdEncoding.EncodeToString(root[:]))
	ok(t, err)
	_, err = db.ExecContext(t.Context(), "INSERT INTO key (origin, key) VALUES (?, ?)", log.Name(), log.String())
	ok(t, err)
	ok(t, db.Close())
}

// TestLitewitness: our client has torchwood's witness cosign our log, and is refused another history.
func TestLitewitness(t *testing.T) {
	l := newLog(t)
	s := newLitewitness(t, "witness.theirs.example", l.Key())
	c := s.client(t)
	policy := fmt.Appendf(nil, "log %s\nwitness theirs %s\nquorum theirs\n", l.Key(), s.key)
	old := int64(0)
	for _, size := range []int64{1, 7, 256, 300} {
		cp := l.grow(size)
		lines, now, err := c.CosignFrom(t.Context(), old, l.prove(cp), cp)
		ok(t, err)
		if len(lines) != 1 || now != size {
			t.Errorf("%d leaves: %d cosignatures, size %d", size, len(lines), now)
		}
		strict, err := proof.ParsePolicy(policy)
		ok(t, err)
		signed := cp.With(lines...)
		if r, err := strict.Check(signed, signedAt(t, signed), nil); err != nil || !r.Quorum {
			t.Errorf("%d leaves: our policy says %+v, %v", size, r, err)
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
	fork := must(proof.SignCheckpoint(proof.Checkpoint{Origin: origin, Size: 320, Root: tlog.Hash{1}}, l.secret))
	if _, _, err := c.Cosign(t.Context(), 310, must(l.prove(cp)(t.Context(), 300)), fork); !errors.Is(err, witness.ErrStatus) {
		t.Errorf("another history: %v", err)
	}
	strange := newLog(t)
	cp = strange.grow(3)
	if _, _, err := c.CosignFrom(t.Context(), 0, strange.prove(cp), cp); err == nil {
		t.Error("it cosigned for a log of the same name with another key")
	}
}
