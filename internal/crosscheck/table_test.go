package crosscheck

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/ledger/proof"
)

// fixture is a credential of a lab in memory whose keys a test can steal.
type fixture struct {
	t                  testing.TB
	lab                *credentialtest.Lab
	parts              *credentialtest.Credential
	zip                []byte
	files              map[string][]byte
	credential, status *bundle
	others             map[string][]byte // further files that were replaced
	pinned             map[string][]byte // the files as they were, of which the customer has those in trust/
}

func newFixture(t testing.TB, witnesses int) *fixture {
	t.Helper()
	f := &fixture{t: t, lab: credentialtest.New(t, "log.lab.example", witnesses), others: map[string][]byte{}}
	f.parts = f.lab.NewCredential()
	f.take(f.parts.Seal())
	return f
}

func (f *fixture) take(zip []byte) {
	f.t.Helper()
	f.zip = zip
	_, f.files = members(f.t, f.zip)
	f.credential, f.status = parseBundle(f.t, f.files["credential.sigstore.json"]), parseBundle(f.t, f.files["status.sigstore.json"])
}

// verify says what we say a day later with the lab's trust file.
func (f *fixture) verify(zip []byte) *credential.Result {
	f.t.Helper()
	return credential.Verify(zip, credential.Input{Trust: f.lab.Pinned(), Now: credentialtest.Noon.Add(24 * time.Hour)})
}

// checkpoint bends the checkpoint that all parts share.
func (f *fixture) checkpoint(bend func(note string) string) {
	for _, b := range []*bundle{f.credential, f.status} {
		c := &b.entry().Inclusion.Checkpoint
		c.Envelope = bend(c.Envelope)
	}
}

// sign signs a payload under any type, which package statement does not do.
func (f *fixture) sign(key *ecdsa.PrivateKey, payloadType string, payload []byte) (sig []byte, digest [32]byte) {
	f.t.Helper()
	digest = sha256.Sum256(fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload))
	sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	ok(f.t, err)
	return sig, digest
}

// log logs a statement, and proves both bundles anew under a checkpoint that has it.
func (f *fixture) log(key *ecdsa.PrivateKey, sig []byte, digest [32]byte) {
	f.t.Helper()
	leaf := proof.Leaf{Digest: digest, Signature: sig, Key: credentialtest.Public(f.t, key).SPKI()}
	index := f.lab.Append(leaf)
	f.credential.entry().Body = leaf.Bytes()
	f.reprove(f.lab.Checkpoint(credentialtest.Noon.Add(3*time.Second), f.lab.Quorum()...), index)
}

// reprove proves the credential at an index, and the status list where it is, under a checkpoint.
func (f *fixture) reprove(c *proof.SignedCheckpoint, index int64) {
	f.t.Helper()
	for b, i := range map[*bundle]int64{f.credential: index, f.status: f.parts.Parts.Status.Proof.Index} {
		p, e := f.lab.Prove(i, c), b.entry()
		e.Index = number(i)
		e.Inclusion = inclusion{Index: number(i), Root: c.Root[:], Size: number(c.Size), Hashes: [][]byte{}}
		e.Inclusion.Checkpoint.Envelope = string(c.Bytes())
		for _, h := range p.Hashes {
			e.Inclusion.Hashes = append(e.Inclusion.Hashes, h[:])
		}
	}
}

// twin returns the other signature that ECDSA has for the same message: (r, n-s).
func twin(t testing.TB, sig []byte, n *big.Int) []byte {
	t.Helper()
	var s struct{ R, S *big.Int }
	_, err := asn1.Unmarshal(sig, &s)
	ok(t, err)
	s.S.Sub(n, s.S)
	out, err := asn1.Marshal(s)
	ok(t, err)
	return out
}

// flipSignature flips a bit in the signature line of a note that has the prefix.
func flipSignature(t testing.TB, note, name string) string {
	t.Helper()
	before, rest, found := strings.Cut(note, "\n\n— "+name+" ")
	prefix := "\n\n— " + name + " "
	if !found {
		before, rest, found = strings.Cut(note, "\n— "+name+" ")
		prefix = "\n— " + name + " "
	}
	text, after, _ := strings.Cut(rest, "\n")
	sig, err := base64.StdEncoding.DecodeString(text)
	if !found || err != nil {
		t.Fatalf("no signature of %q in:\n%s", name, note)
	}
	sig[len(sig)-20] ^= 1
	return before + prefix + base64.StdEncoding.EncodeToString(sig) + "\n" + after
}

// Why a tool accepts what we refuse. Where there is no reason it refuses as well.
const (
	onlySignature = "the commands look at the signature of the statement only"
	onlyProof     = "it is given a leaf and its proof, not the statement"
	ownRoot       = "it takes root and size from the checkpoint, and does not read what is said of them beside"
	ownIndex      = "it takes the index from the inclusion proof, and does not read the one beside"
	ownBody       = "it makes the entry from the statement, the signature and the key, and does not read the one in the file"
	anyExtension  = "it reads extension lines, and does not look at what they say"
	anyOrigin     = "it looks for the log's name in the signature line, and does not read the origin that is signed"
	noWitnesses   = "it knows no witnesses"
	ownKey        = "it uses the key that it was given, and does not read whose the file says it is"
	ownType       = "the commands sign for the right type, whatever the file says"
	anyType       = "it checks that the type is the one that was signed, and knows none that must be"
	lastSignature = "the commands take the last signature"
	unread        = "it skips members that it does not know"
	noTime        = "it does not read until when the statement says that it is valid"
	noStatus      = "it knows no status list"
	twinTrue      = "both signatures are right, and the commands have nothing to compare with"
)

// tampering is one way to tamper with a credential, and what becomes of it.
type tampering struct {
	name string
	bend func(f *fixture)

	ours                                 credential.Word
	sigstore, openssl, torchwood, cosign string // "", or why it accepts
}

// otherOrigin has the log's key sign a checkpoint of a log that does not exist.
func (f *fixture) otherOrigin() {
	f.t.Helper()
	f.resign(func(body string) string { return strings.Replace(body, f.lab.Origin, "log.other.example", 1) })
}

// extension has the log's key sign a checkpoint of four lines.
func (f *fixture) extension() {
	f.t.Helper()
	f.resign(func(body string) string { return body + "one line more\n" })
}

// resign has the log's key and the witnesses sign another checkpoint than they would.
func (f *fixture) resign(bend func(body string) string) {
	f.t.Helper()
	body, _, _ := strings.Cut(f.credential.entry().Inclusion.Checkpoint.Envelope, "\n\n")
	body = bend(body + "\n")
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s", body, signatureLine(f.lab.Origin, f.lab.LogKey().Hash(), ed25519.Sign(f.lab.Log, []byte(body))))
	for _, w := range f.lab.Quorum() {
		b.WriteString(cosign(f.t, w, body, credentialtest.Noon.Add(3*time.Second)))
	}
	f.checkpoint(func(string) string { return b.String() })
}

func signatureLine(name string, hash uint32, sig []byte) string {
	return "— " + name + " " + base64.StdEncoding.EncodeToString(append(binary.BigEndian.AppendUint32(nil, hash), sig...)) + "\n"
}

// cosign cosigns any text with the key of one of our witnesses (Ed25519; C2SP tlog-cosignature), which package proof would refuse.
func cosign(t testing.TB, w *proof.Cosigner, body string, at time.Time) string {
	t.Helper()
	// The secret ends in the base64 of a byte for the type, and the seed.
	secret := w.Secret()
	key, err := base64.StdEncoding.DecodeString(secret[len(secret)-44:])
	ok(t, err)
	sig := ed25519.Sign(ed25519.NewKeyFromSeed(key[1:]), fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at.Unix(), body))
	return signatureLine(w.Key().Name(), w.Key().Hash(), append(binary.BigEndian.AppendUint64(nil, uint64(at.Unix())), sig...))
}

// strip keeps so many cosignatures of the quorum's.
func (f *fixture) strip(n int) {
	f.t.Helper()
	f.checkpoint(func(note string) string {
		text, lines, _ := strings.Cut(note, "\n\n")
		return text + "\n\n" + strings.Join(strings.SplitAfter(lines, "\n")[:1+n], "")
	})
}
