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
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
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

// TestPositives: credentials of labs of several kinds, young and refreshed, are accepted by everybody.
func TestPositives(t *testing.T) {
	type sealing struct {
		name string
		*fixture
	}
	var all []sealing
	var inputs []sigstoreInput
	take := func(name string, f *fixture) {
		t.Helper()
		if r := f.verify(f.zip); !strings.HasPrefix(string(r.Word), "VALID") {
			t.Errorf("%s: we say %s %v", name, r.Word, r.Reasons)
		}
		kept := *f
		all = append(all, sealing{name, &kept})
		for _, file := range []string{"credential.sigstore.json", "status.sigstore.json"} {
			inputs = append(inputs, sigstoreInput{string(f.files[file]), string(f.files["trust/trusted_root.json"]), string(f.files["trust/lab.pub"])})
		}
	}
	for _, witnesses := range []int{0, 1, 3} {
		f := newFixture(t, witnesses)
		take(fmt.Sprintf("%d witnesses", witnesses), f)
		for i, leaves := range []int{1, 50, 500} {
			f.lab.FillHashes(leaves)
			f.take(f.parts.Refresh(int64(i)+2, noon.Add(time.Duration(i)*time.Hour), nil))
			take(fmt.Sprintf("%d witnesses, refreshed with %d leaves", witnesses, f.lab.Size()), f)
		}
	}
	for i, err := range sigstore(t, inputs) {
		if err != nil {
			t.Errorf("%s: @sigstore/verify: %v", all[i/2].name, err)
		}
	}
	for _, s := range all {
		for _, file := range []string{"credential", "status"} {
			leaf := parseBundle(t, s.files[file+".sigstore.json"]).entry().Body
			if err := torchwoodProof(s.files["trust/policy.txt"], leaf, s.files[file+".tlog-proof"]); err != nil {
				t.Errorf("%s: %s: torchwood: %v", s.name, file, err)
			}
		}
		dir := t.TempDir()
		s.unpack(s.zip, dir)
		if out, err := openssl(t, dir, "image"); err != nil {
			t.Errorf("%s: openssl: %v %s", s.name, err, out)
		}
	}
}

// TestPositivesMLDSA: with post-quantum witnesses all goes on as before but for torchwood, which does not know their keys.
func TestPositivesMLDSA(t *testing.T) {
	f := newFixture(t, 0)
	for _, name := range []string{"a.example", "b.example"} {
		w, err := proof.NewMLDSACosigner(name)
		ok(t, err)
		f.lab.Witnesses = append(f.lab.Witnesses, w)
		f.lab.Trust.Witnesses = append(f.lab.Trust.Witnesses, statement.TrustedWitness{Name: name, Organisation: name})
	}
	f.lab.Trust.Policy = f.lab.Policy()
	f.parts = f.lab.NewCredential()
	f.take(f.parts.Seal())
	if r := f.verify(f.zip); r.Word != credential.Valid {
		t.Errorf("we say %s %v", r.Word, r.Reasons)
	}
	for _, err := range sigstore(t, []sigstoreInput{{string(f.files["credential.sigstore.json"]), string(f.files["trust/trusted_root.json"]), string(f.files["trust/lab.pub"])}}) {
		ok(t, err)
	}
	leaf, text := f.credential.entry().Body, f.files["credential.tlog-proof"]
	if err := torchwoodProof(f.files["trust/policy.txt"], leaf, text); err == nil {
		t.Error("torchwood knows ML-DSA-44 now: doc/interoperability.md says that it does not")
	}
	ok(t, torchwoodProof([]byte("log "+f.lab.LogKey().String()+"\nquorum none\n"), leaf, text))
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
