package crosscheck

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"filippo.io/torchwood"
	"github.com/transparency-dev/tessera/api/layout"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/ledger/proof"
)

// entries reads a whole log with torchwood, which checks every tile against the tree, and returns the leaves.
func entries(t testing.TB, r torchwood.TileReader, tree tlog.Tree) ([][]byte, error) {
	t.Helper()
	c, err := torchwood.NewClient(r)
	ok(t, err)
	var leaves [][]byte
	for _, entry := range c.AllEntries(t.Context(), tree, 0) {
		leaves = append(leaves, bytes.Clone(entry))
	}
	return leaves, c.Err()
}

// TestTorchwoodReads: torchwood's client reads our log of several sizes from its folder, and proves entries as we do.
func TestTorchwoodReads(t *testing.T) {
	l := newLog(t)
	files, err := torchwood.NewTileFS(os.DirFS(l.dir))
	ok(t, err)
	for _, size := range []int64{1, 255, 256, 257, 600} {
		cp := l.grow(size)
		verified, _, err := torchwood.VerifyCheckpoint(read(t, l.dir, "checkpoint"), torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(origin), torchwood.SingleVerifierPolicy(l.verifier())))
		ok(t, err)
		if verified.Tree != tree(cp) || verified.Origin != origin {
			t.Errorf("torchwood reads the checkpoint as %+v", verified)
		}
		leaves, err := entries(t, files, verified.Tree)
		ok(t, err)
		if int64(len(leaves)) != size {
			t.Fatalf("torchwood reads %d of %d leaves", len(leaves), size)
		}
		c, err := torchwood.NewClient(files)
		ok(t, err)
		for _, i := range []int64{0, size / 3, size - 1} {
			e, err := l.ByIndex(t.Context(), i)
			ok(t, err)
			hashes, err := l.Proof(t.Context(), i, size)
			ok(t, err)
			leaf, theirs, err := c.Entry(t.Context(), verified.Tree, i)
			ok(t, err)
			if !bytes.Equal(leaf, e.Leaf.Bytes()) || !bytes.Equal(leaf, leaves[i]) || !slices.Equal(hashes, theirs) {
				t.Errorf("leaf %d of %d: another leaf or proof", i, size)
			}
			ours := (&proof.Proof{Index: i, Hashes: hashes, Checkpoint: cp}).Bytes()
			if text := torchwood.FormatProof(i, theirs, cp.Bytes()); !bytes.Equal(text, ours) {
				t.Errorf("leaf %d of %d: torchwood writes the proof as\n%s\nand we as\n%s", i, size, text, ours)
			}
			ok(t, torchwoodProof([]byte("log "+l.Key().String()+"\nquorum none\n"), leaf, ours))
		}
	}
}

// TestTorchwoodDamage: torchwood refuses a log of which a bit was flipped.
func TestTorchwoodDamage(t *testing.T) {
	l := newLog(t)
	cp := l.grow(300)
	files, err := torchwood.NewTileFS(os.DirFS(l.dir))
	ok(t, err)
	for _, name := range []string{proof.EntriesPath(0, 256), proof.EntriesPath(1, 44), proof.TilePath(tlog.Tile{H: 8, N: 0, W: 256}), proof.TilePath(tlog.Tile{H: 8, N: 1, W: 44})} {
		path := filepath.Join(l.dir, filepath.FromSlash(name))
		data := read(t, path)
		data[len(data)/2] ^= 1
		ok(t, os.Chmod(path, 0o644))
		ok(t, os.WriteFile(path, data, 0o644))
		if leaves, err := entries(t, files, tree(cp)); err == nil {
			t.Errorf("torchwood reads %d leaves with a flipped bit in %s", len(leaves), name)
		}
		data[len(data)/2] ^= 1
		ok(t, os.WriteFile(path, data, 0o644))
	}
	_, err = entries(t, files, tree(cp))
	ok(t, err)
}

// TestTorchwoodFetches: the same through HTTP, from the log of the whole lab; the two cosignatures satisfy its policy.
func TestTorchwoodFetches(t *testing.T) {
	w := sealed(t)
	server := httptest.NewServer(w.open(t))
	defer server.Close()
	f, err := torchwood.NewTileFetcher(server.URL)
	ok(t, err)
	text, err := f.ReadEndpoint(t.Context(), "checkpoint")
	ok(t, err)
	policy, err := torchwood.ParsePolicy(w.files["trust/policy.txt"])
	ok(t, err)
	cp, n, err := torchwood.VerifyCheckpoint(text, policy)
	ok(t, err)
	if len(n.Sigs) != 3 {
		t.Errorf("%d verified signatures, want those of the log and two witnesses", len(n.Sigs))
	}
	leaves, err := entries(t, f, cp.Tree)
	ok(t, err)
	if body := parseBundle(t, w.files["credential.sigstore.json"]).entry().Body; !slices.ContainsFunc(leaves, func(l []byte) bool { return bytes.Equal(l, body) }) {
		t.Error("the credential's leaf is not in the log")
	}
}

// TestCosignatures: Ed25519 cosignatures, ours verified by torchwood and torchwood's by us.
func TestCosignatures(t *testing.T) {
	lab := credentialtest.New(t, origin, 0)
	lab.FillHashes(5)
	cp := lab.Checkpoint(noon)

	ours, err := proof.NewEd25519Cosigner("witness.ours.example/path")
	ok(t, err)
	line, err := ours.Cosign(cp, noon.Unix())
	ok(t, err)
	verifier, err := torchwood.NewCosignatureVerifier(ours.Key().String())
	ok(t, err)
	if verifier.String() != ours.Key().String() || verifier.KeyHash() != ours.Key().Hash() {
		t.Errorf("torchwood names our key %s", verifier)
	}
	n, err := note.Open(cp.With(line).Bytes(), note.VerifierList(verifier))
	ok(t, err)
	if at, err := torchwood.CosignatureTimestamp(n.Sigs[0]); err != nil || at != noon.Unix() {
		t.Errorf("torchwood reads the time %d, %v", at, err)
	}
	bent := line
	bent.Signature = bytes.Clone(line.Signature)
	bent.Signature[7] ^= 1 // the time
	if _, err := note.Open(cp.With(bent).Bytes(), note.VerifierList(verifier)); err == nil {
		t.Error("torchwood accepts another time")
	}

	_, secret, err := ed25519.GenerateKey(nil)
	ok(t, err)
	theirs, err := torchwood.NewCosignatureSigner("witness.theirs.example", secret)
	ok(t, err)
	key, err := proof.ParseWitnessKey(theirs.Verifier().String())
	ok(t, err)
	before := time.Now().Unix()
	sig, err := theirs.Sign([]byte(cp.Body()))
	ok(t, err)
	line = proof.SignatureLine{Name: theirs.Name(), KeyHash: theirs.KeyHash(), Signature: sig}
	if at, err := key.Verify(cp.With(line)); err != nil || at < before || at > time.Now().Unix() {
		t.Errorf("our verifier on torchwood's cosignature: time %d, %v", at, err)
	}
	lab.FillHashes(1)
	if _, err := key.Verify(lab.Checkpoint(noon).With(line)); !errors.Is(err, proof.ErrBadSignature) {
		t.Errorf("our verifier on a cosignature of another checkpoint: %v", err)
	}
}

// TestPolicies: a policy that torchwood and we read alike is fulfilled for torchwood when it is for us, whichever witnesses cosigned. Where organisations run several
// witnesses each we ask for more.
func TestPolicies(t *testing.T) {
	lab := credentialtest.New(t, origin, 4)
	lab.FillHashes(5)
	w := "log " + lab.LogKey().String() + "\n"
	for i, k := range lab.Witnesses {
		w += "witness w" + string(rune('0'+i)) + " " + k.Key().String() + "\n"
	}
	for _, rest := range []string{
		"quorum w1\n", "group g any w0 w1\nquorum g\n", "group g all w0 w1 w2\nquorum g\n", "group a 2 w0 w1 w2\ngroup b all a w3\nquorum b\n",
		"# nothing\ngroup a 1 w0\n\ngroup b any w1 w2\ngroup c 2 a b w3\nquorum c\n",
	} {
		ours, err := proof.ParsePolicy([]byte(w + rest))
		ok(t, err)
		theirs, err := torchwood.ParsePolicy([]byte(w + rest))
		ok(t, err)
		again, err := torchwood.ParsePolicy([]byte(ours.String()))
		ok(t, err)
		for set := range 1 << len(lab.Witnesses) {
			var who []*proof.Cosigner
			for i, k := range lab.Witnesses {
				if set>>i&1 == 1 {
					who = append(who, k)
				}
			}
			cp := lab.Checkpoint(noon, who...)
			r, err := ours.Check(cp, noon.Unix(), func(name string) string { return name })
			ok(t, err)
			for _, p := range []torchwood.Policy{theirs, again} {
				if _, _, err := torchwood.VerifyCheckpoint(cp.Bytes(), p); (err == nil) != r.Quorum {
					t.Errorf("%sset %04b: we say %v, torchwood %v", rest, set, r.Quorum, err)
				}
			}
			if one, err := ours.Check(cp, noon.Unix(), func(string) string { return "one" }); err != nil || one.Quorum && !r.Quorum {
				t.Errorf("%sset %04b: fewer organisations fulfil more: %v", rest, set, err)
			}
		}
	}
}

// TestPaths: torchwood, Tessera and we keep tiles in the same places.
func TestPaths(t *testing.T) {
	for range 20000 {
		tile := tlog.Tile{H: 8, L: rand.IntN(7) - 1, N: rand.Int64N(1 << rand.IntN(51)), W: 1 + rand.IntN(256)}
		ours := proof.TilePath(tile)
		partial := uint8(tile.W % 256)
		tessera := layout.EntriesPath(uint64(tile.N), partial)
		if tile.L >= 0 {
			tessera = layout.TilePath(uint64(tile.L), uint64(tile.N), partial)
		} else if entries := proof.EntriesPath(tile.N, tile.W); entries != ours {
			t.Fatalf("%+v: %q and %q", tile, ours, entries)
		}
		if theirs := torchwood.TilePath(tile); theirs != ours || tessera != ours {
			t.Fatalf("%+v: ours %q, torchwood %q, Tessera %q", tile, ours, theirs, tessera)
		}
	}
}
