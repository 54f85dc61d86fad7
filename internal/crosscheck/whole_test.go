package crosscheck

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/lab"
)

// whole is what a lab and its customer have, made with the programs as users do: lab init, lab trust, evaluate --seal. Its log has two witnesses:
// one of ours, and one that others wrote.
type whole struct {
	dir   string // with lab/ and router.probat.zip
	image string // the evaluated file
	zip   []byte
	files map[string][]byte // in the zip
}

var made struct {
	sync.Once
	whole
}

// sealed makes it once for all tests.
func sealed(t testing.TB) *whole {
	t.Helper()
	made.Do(func() {
		w := whole{dir: filepath.Join(scratch, "whole")}
		ok(t, os.MkdirAll(w.dir, 0o755))
		example, err := filepath.Abs("../../examples/edge-router")
		ok(t, err)
		w.image = filepath.Join(example, "edge-router-4.2.1.tar.gz")
		run(t, program(t, w.dir, "probat", "lab", "init", "lab", "--origin", origin))
		w.policy(t)
		run(t, program(t, w.dir, "probat", "evaluate", filepath.Join(example, "product.yaml"), "--seal", "--lab", "lab", "--out", "router.dossier"))
		zips, err := filepath.Glob(filepath.Join(w.dir, "*.probat.zip"))
		ok(t, err)
		if len(zips) != 1 {
			t.Fatalf("sealing made the credentials %q", zips)
		}
		ok(t, os.Rename(zips[0], filepath.Join(w.dir, "router.probat.zip")))
		w.zip = read(t, w.dir, "router.probat.zip")
		_, w.files = members(t, w.zip)
		made.whole = w
	})
	if made.zip == nil {
		t.Fatal("the lab could not be made; an earlier test says why")
	}
	return &made.whole
}

// policy has the lab ask two witnesses of two organisations, both of which must cosign.
func (w *whole) policy(t testing.TB) {
	t.Helper()
	key := w.pinned(t).Policy.Logs()[0].Key
	ours, theirs := newWitness(t, "witness.ours.example", key), newForeignWitness(t, "witness.theirs.example", key)
	write(t, fmt.Appendf(nil, "witness ours %s %s\nwitness theirs %s %s\ngroup both all ours theirs\nquorum both\n", ours.key, ours.url, theirs.key, theirs.url), w.dir, "policy.txt")
	run(t, program(t, w.dir, "probat", "lab", "trust", "--lab", "lab", "--policy", "policy.txt", "--run", "witness.ours.example=One", "--run", "witness.theirs.example=Two"))
}

func (w *whole) pinned(t testing.TB) *credential.Pinned {
	t.Helper()
	p, err := credential.ParseTrust(read(t, w.dir, "lab", "lab.trust"))
	ok(t, err)
	return p
}

// verifier is the log's key as golang.org/x/mod has it.
func (w *whole) verifier(t testing.TB) note.Verifier {
	t.Helper()
	v, err := note.NewVerifier(w.pinned(t).Policy.Logs()[0].Key.String())
	ok(t, err)
	return v
}

// open serves the lab's public log.
func (w *whole) open(t testing.TB) http.Handler {
	t.Helper()
	l, err := lab.Open(t.Context(), filepath.Join(w.dir, "lab"), lab.Options{})
	ok(t, err)
	t.Cleanup(func() { ok(t, l.Close()) })
	h, err := l.Handler()
	ok(t, err)
	return h
}

// unzip unpacks the credential, with the tool that customers have.
func (w *whole) unzip(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	run(t, exec.CommandContext(t.Context(), "unzip", "-q", filepath.Join(w.dir, "router.probat.zip"), "-d", dir))
	return dir
}

// TestWhole: what the programs made for a new user is accepted by ours and by everybody else's, and refused once a byte is another one.
func TestWhole(t *testing.T) {
	w := sealed(t)
	out := run(t, program(t, w.dir, "probat-verify", "router.probat.zip", "--trust", "lab/lab.trust", "--file", w.image))
	if !strings.HasPrefix(out, "VALID:") {
		t.Errorf("probat-verify says:\n%s", out)
	}
	b := parseBundle(t, w.files["credential.sigstore.json"])
	input := func() sigstoreInput {
		return sigstoreInput{string(b.bytes(t)), string(w.files["trust/trusted_root.json"]), string(w.files["trust/lab.pub"])}
	}
	inputs := []sigstoreInput{input(), {string(w.files["status.sigstore.json"]), string(w.files["trust/trusted_root.json"]), string(w.files["trust/lab.pub"])}}
	b.Envelope.Payload[len(b.Envelope.Payload)/2] ^= 1
	for i, err := range sigstore(t, append(inputs, input())) {
		if bent := i == len(inputs); (err != nil) != bent {
			t.Errorf("@sigstore/verify on bundle %d: %v", i, err)
		}
	}
	leaf := b.entry().Body
	ok(t, torchwoodProof(w.files["trust/policy.txt"], leaf, w.files["credential.tlog-proof"]))
	leaf[40] ^= 1
	if torchwoodProof(w.files["trust/policy.txt"], leaf, w.files["credential.tlog-proof"]) == nil {
		t.Error("torchwood accepts the proof of another leaf")
	}
}

// TestReadme runs the commands of README.txt as they stand there, over the unzipped credential: they accept it, and not with one byte changed.
func TestReadme(t *testing.T) {
	w := sealed(t)
	dir := w.unzip(t)
	out, err := openssl(t, dir, w.image)
	ok(t, err)
	digest, _, _ := strings.Cut(out[strings.Index(out, "\n")+1:], " ")
	if !strings.HasPrefix(out, "Verified OK\n") || len(digest) != 64 || !strings.Contains(string(read(t, dir, "p")), `"subject":[{"digest":{"sha256":"`+digest+`"`) {
		t.Errorf("the commands say:\n%s\nand p is:\n%s", out, read(t, dir, "p"))
	}
	untouched := w.files["credential.sigstore.json"]
	for what, bend := range map[string]func(b *bundle){
		"payload":   func(b *bundle) { b.Envelope.Payload[100] ^= 1 },
		"signature": func(b *bundle) { b.Envelope.Signatures[0].Sig[20] ^= 1 },
	} {
		b := parseBundle(t, untouched)
		bend(b)
		write(t, b.bytes(t), dir, "credential.sigstore.json")
		if out, err := openssl(t, dir, w.image); err == nil {
			t.Errorf("with a changed %s the commands say:\n%s", what, out)
		}
	}
	write(t, untouched, dir, "credential.sigstore.json")
	write(t, newFixture(t, 0).files["trust/lab.pub"], dir, "trust", "lab.pub")
	if out, err := openssl(t, dir, w.image); err == nil {
		t.Errorf("with another lab's key the commands say:\n%s", out)
	}
}
