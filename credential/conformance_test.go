package credential_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// The suite sigstore-conformance has 49 bundles that every client must refuse. Where our format has the part in which such a bundle is wrong, the same is done to it; where it
// has none (certificates, time stamping authorities, promises of a log), what stands in its place is tried: keys that the trust file names, cosignatures of witnesses,
// and members that are not known. doc/adversarial-tests.md, 15; doc/adversarial-tests.md has the list.

// mustFail is one of the 49.
type mustFail struct {
	fixture string // its name there
	what    string // what is done here
	word    credential.Word
	text    string // in the first reason
	bend    func(k *bent)
}

// bent is a sound credential, its lab and its customer, until somebody bends them.
type bent struct {
	t    testing.TB
	lab  *credentialtest.Lab
	c    *credentialtest.Credential
	in   credential.Input
	file map[string][]byte // written over what is in the zip
	zip  []byte            // instead of the credential's
}

func (k *bent) parts(bend func(p *credential.Parts)) {
	bend(&k.c.Parts)
	k.zip = k.c.Zip()
}

// first bends the proof of the first checkpoint, which is in credential.tlog-proof.
func (k *bent) first(bend func(p *proof.Proof)) {
	p := *k.c.Parts.First
	p.Hashes = slices.Clone(p.Hashes)
	bend(&p)
	k.parts(func(parts *credential.Parts) { parts.First = &p })
}

// cosigned has the first checkpoint cosigned anew.
func (k *bent) cosigned(after time.Duration, by ...*proof.Cosigner) {
	k.first(func(p *proof.Proof) {
		bare := &proof.SignedCheckpoint{Checkpoint: p.Checkpoint.Checkpoint, Lines: p.Checkpoint.Lines[:1]}
		p.Checkpoint = k.lab.Cosign(bare, noon.Add(after), by...)
	})
}

// bundle bends the text of credential.sigstore.json.
func (k *bent) bundle(old, with string) {
	k.t.Helper()
	files, err := credential.ReadZip(k.zip)
	if err != nil {
		k.t.Fatal(err)
	}
	if !bytes.Contains(files[0].Data, []byte(old)) {
		k.t.Fatalf("%q is not in %s", old, files[0].Data)
	}
	k.file[files[0].Name] = bytes.Replace(files[0].Data, []byte(old), []byte(with), 1)
}

// everywhere bends a text wherever it stands in bundles and proofs, in the form that JSON has for it too.
func (k *bent) everywhere(old, with string) {
	k.t.Helper()
	escape := strings.NewReplacer("\n", `\n`)
	files, err := credential.ReadZip(k.zip)
	if err != nil {
		k.t.Fatal(err)
	}
	for _, f := range files[:4] {
		o, w := old, with
		if strings.HasSuffix(f.Name, ".json") {
			o, w = escape.Replace(old), escape.Replace(with)
		}
		if !bytes.Contains(f.Data, []byte(o)) {
			k.t.Fatalf("%q is not in %s", o, f.Name)
		}
		k.file[f.Name] = bytes.Replace(f.Data, []byte(o), []byte(w), 1)
	}
}

// entry replaces what the log says, with true proofs of what is put there.
func (k *bent) entry(leaf proof.Leaf) {
	index := k.lab.Append(leaf)
	shared := k.lab.Checkpoint(noon.Add(2*time.Second), k.lab.Quorum()...)
	k.c.Parts.Credential.Proof, k.c.Parts.Status.Proof = k.lab.Prove(index, shared), k.lab.Prove(k.c.Parts.Status.Proof.Index, shared)
	k.c.Parts.First = k.c.Parts.Credential.Proof
	k.zip = k.c.Zip()
	p := k.c.Parts.Credential
	k.file["credential.sigstore.json"] = (&credential.Bundle{Envelope: p.Envelope, Leaf: leaf, LogID: credential.LogID(k.lab.LogKey()), Proof: p.Proof}).Bytes()
}

// other is another credential of the same lab, sealed after this one.
func (k *bent) other() *credentialtest.Credential {
	o := k.lab.NewCredential()
	o.Index, o.Issue.Core.Status.Index = 12, 12
	o.Issue.Core.Release.Product = "switch"
	o.Seal()
	return o
}

func (k *bent) payload() []byte { return k.c.Parts.Credential.Envelope.Payload }

// root is the root of the shared checkpoint, and size its size.
func (k *bent) root() string { return k.c.Parts.Credential.Proof.Checkpoint.Root.String() }
func (k *bent) size() int64  { return k.c.Parts.Credential.Proof.Checkpoint.Size }

// signature replaces the envelope's signature.
func (k *bent) signature(s []byte) {
	k.parts(func(p *credential.Parts) {
		e := *p.Credential.Envelope
		e.Signature = s
		p.Credential.Envelope = &e
	})
}

func flipped(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)-1] ^= 1
	return b
}

// TestConformance: none of the 49 is valid here.
func TestConformance(t *testing.T) {
	doc, err := os.ReadFile("../doc/adversarial-tests.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, x := range slices.Concat(ofTheBundle, ofTheLog, ofTime) {
		t.Run(x.fixture, func(t *testing.T) {
			l := credentialtest.New(t, origin, 3)
			k := &bent{t: t, lab: l, c: l.NewCredential(), file: map[string][]byte{}}
			k.zip = k.c.Seal()
			k.in = input(l)
			want(t, k.zip, k.in, credential.Valid)
			x.bend(k)
			if len(k.file) > 0 {
				files, err := credential.ReadZip(k.zip)
				if err != nil {
					t.Fatal(err)
				}
				for i, f := range files {
					if data, ok := k.file[f.Name]; ok {
						files[i].Data = data
					}
				}
				k.zip = credential.WriteZip(files)
			}
			because(t, k.zip, k.in, x.word, x.text)
		})
		if row := fmt.Sprintf("\n| %s | %s | %s |\n", x.fixture, x.what, x.word); !strings.Contains(string(doc), row) {
			t.Errorf("doc/adversarial-tests.md has no row %q", row[1:])
		}
		seen[x.fixture] = true
	}
	if len(seen) != 49 {
		t.Errorf("%d of 49", len(seen))
	}
}

var ofTheBundle = []mustFail{
	{"bundle-empty-certificate-chain", "a chain of no certificates instead of the key", credential.Invalid, "credential.sigstore.json", func(k *bent) {
		k.bundle(`"publicKey":{"hint"`, `"x509CertificateChain":{"certificates":[]},"publicKey":{"hint"`)
	}},
	{"bundle-with-root-cert", "a certificate beside the key", credential.Invalid, "credential.sigstore.json", func(k *bent) {
		k.bundle(`"publicKey":{"hint"`, `"certificate":{"rawBytes":"MAA="},"publicKey":{"hint"`)
	}},
	{"bundle-from-wrong-instance", "another lab of the same name", credential.NotPinned, "does not know the key", func(k *bent) {
		k.zip = credentialtest.New(k.t, origin, 3).NewCredential().Seal()
	}},
	{"bundle-invalid-base64-signature", "a signature that is no base64", credential.Invalid, "credential.sigstore.json", func(k *bent) { k.bundle(`"sig":"`, `"sig":"*`) }},
	{"bundle-malformed-json", "a bundle whose last brace is missing", credential.Invalid, "credential.sigstore.json", func(k *bent) { k.bundle(`]}}`, `]}`) }},
	{"bundle-negative-log-index", "a negative index", credential.Invalid, "credential.sigstore.json", func(k *bent) { k.bundle(`"logIndex":"`, `"logIndex":"-`) }},
	{"bundle-unknown-version", "a bundle of a version to come", credential.Invalid, "credential.sigstore.json", func(k *bent) { k.bundle("v0.3+json", "v0.9+json") }},
	{"dsse-invalid-sig", "a bit of the signature", credential.Invalid, "signature", func(k *bent) { k.signature(flipped(k.c.Parts.Credential.Envelope.Signature)) }},
	{"rekor2-dsse-invalid-sig", "the signature of another key under this key's name", credential.Invalid, "signature", func(k *bent) {
		e, err := statement.Sign(credentialtest.Key(k.t), k.payload())
		if err != nil {
			k.t.Fatal(err)
		}
		k.signature(e.Signature)
	}},
	{"signature-mismatch", "the right key's signature of another statement", credential.Invalid, "signature", func(k *bent) {
		k.signature(k.other().Parts.Credential.Envelope.Signature)
	}},
	{"incorrect-public-key", "a trust file that names another issuing key", credential.NotPinned, "does not know the key", func(k *bent) {
		k.lab.Trust.Keys[0].Key = credentialtest.Public(k.t, credentialtest.Key(k.t)).String()
		k.in.Trust = k.lab.Pinned()
	}},
	{"managed-key-no-key", "no trust file", credential.NotPinned, "none was given", func(k *bent) { k.in.Trust = nil }},
	{"managed-key-wrong-key", "the name of the lab's other key", credential.Invalid, "credential.sigstore.json", func(k *bent) {
		e := *k.c.Parts.Credential.Envelope
		k.parts(func(p *credential.Parts) {
			e.KeyID = credentialtest.Public(k.t, k.lab.Ledger).ID()
			p.Credential.Envelope, p.Credential.Signer = &e, credentialtest.Public(k.t, k.lab.Ledger)
		})
	}},
	{"message-digest-mismatch", "another file", credential.OtherFile, "router.img", func(k *bent) { k.in.Files[0].SHA256 = credentialtest.Hex(32) }},
	{"wrong-material", "key and entry of the status list beside the credential's statement", credential.Invalid, "credential.sigstore.json", func(k *bent) {
		var of [2]map[string]json.RawMessage
		files, err := credential.ReadZip(k.zip)
		if err != nil {
			k.t.Fatal(err)
		}
		for i := range of {
			if err := json.Unmarshal(files[2*i].Data, &of[i]); err != nil {
				k.t.Fatal(err)
			}
		}
		k.lab.Issuing = k.lab.Ledger // so that the key is another one, too
		foreign := k.c.Refresh(2, noon.Add(time.Minute), nil)
		if files, err = credential.ReadZip(foreign); err == nil {
			err = json.Unmarshal(files[2].Data, &of[1])
		}
		if err != nil {
			k.t.Fatal(err)
		}
		k.bundle(string(of[0]["verificationMaterial"]), string(of[1]["verificationMaterial"]))
	}},
}

var ofTheLog = []mustFail{
	{"checkpoint-bad-keyhint", "the log's line under another key hash", credential.NotLogged, "not signed by a trusted log", func(k *bent) {
		k.first(func(p *proof.Proof) {
			p.Checkpoint = k.line(p.Checkpoint, 0, func(l *proof.SignatureLine) { l.KeyHash ^= 1 })
		})
	}},
	{"checkpoint-wrong-roothash", "another root in the checkpoint", credential.Invalid, "wrong signature", func(k *bent) {
		k.first(func(p *proof.Proof) { p.Checkpoint = k.line(p.Checkpoint, 0, nil); p.Checkpoint.Root[0] ^= 1 })
	}},
	{"invalid-checkpoint-signature", "a bit of the log's signature", credential.Invalid, "wrong signature", func(k *bent) {
		k.first(func(p *proof.Proof) {
			p.Checkpoint = k.line(p.Checkpoint, 0, func(l *proof.SignatureLine) { l.Signature = flipped(l.Signature) })
		})
	}},
	{"rekor2-checkpoint-missing-log-signature", "the cosignatures without the log's line", credential.NotLogged, "not signed by a trusted log", func(k *bent) {
		k.first(func(p *proof.Proof) {
			p.Checkpoint = k.line(p.Checkpoint, 0, nil)
			p.Checkpoint.Lines = p.Checkpoint.Lines[1:]
		})
	}},
	{"rekor2-checkpoint-no-matching-signature", "the log's line under another name", credential.NotLogged, "not signed by a trusted log", func(k *bent) {
		k.first(func(p *proof.Proof) {
			p.Checkpoint = k.line(p.Checkpoint, 0, func(l *proof.SignatureLine) { l.Name = "log.other.example" })
		})
	}},
	{"rekor2-checkpoint-missing-origin", "no name in the checkpoint", credential.Invalid, "sigstore.json", func(k *bent) {
		k.everywhere(fmt.Sprintf("%s\n%d\n", origin, k.size()), fmt.Sprintf("\n%d\n", k.size()))
	}},
	{"rekor2-checkpoint-missing-root-hash", "no root in the checkpoint", credential.Invalid, "sigstore.json", func(k *bent) { k.everywhere("\n"+k.root()+"\n", "\n") }},
	{"rekor2-checkpoint-missing-size", "no size in the checkpoint", credential.Invalid, "sigstore.json", func(k *bent) { k.everywhere(fmt.Sprintf("\n%d\n", k.size()), "\n") }},
	{"inclusion-proof-corrupted-hash", "a bit in a hash of the path", credential.NotLogged, "credential.tlog-proof", func(k *bent) { k.first(func(p *proof.Proof) { p.Hashes[1][7] ^= 1 }) }},
	{"invalid-inclusion-proof", "the path of another leaf", credential.NotLogged, "credential.tlog-proof", func(k *bent) {
		k.first(func(p *proof.Proof) { p.Hashes = k.lab.Prove(p.Index^1, p.Checkpoint).Hashes })
	}},
	{"intoto-missing-inclusion-proof", "no path", credential.NotLogged, "credential.tlog-proof", func(k *bent) { k.first(func(p *proof.Proof) { p.Hashes = nil }) }},
	{"rekor2-no-inclusion-proof", "no inclusion proof in the entry", credential.Invalid, "credential.sigstore.json", func(k *bent) { k.bundle(`"inclusionProof":{`, `"inclusionProof":null,"x":{`) }},
	{"invalid-ct-key", "a trust file that names another key of the log", credential.NotLogged, "not signed by a trusted log", func(k *bent) {
		k.lab.Trust.Policy = strings.Replace(k.lab.Trust.Policy, k.lab.LogKey().String(), credentialtest.New(k.t, origin, 0).LogKey().String(), 1)
		k.in.Trust = k.lab.Pinned()
	}},
	{"dsse-mismatch-envelope", "an entry for another payload, signed and logged", credential.NotLogged, "", func(k *bent) { k.entry(credential.LeafOf(k.signed([]byte("another payload")), k.signer())) }},
	{"rekor2-dsse-mismatch-envelope", "an entry for the payload without its type, signed and logged", credential.NotLogged, "", func(k *bent) {
		k.entry(credential.LeafOf(k.signed(k.payload()[1:]), k.signer()))
	}},
	{"dsse-mismatch-sig", "an entry with another signature of the same statement, logged", credential.NotLogged, "", func(k *bent) { k.entry(credential.LeafOf(k.signed(k.payload()), k.signer())) }},
	{"rekor2-dsse-mismatch-sig", "an entry with the signature's twin (r, n-s), logged", credential.NotLogged, "", func(k *bent) {
		e := *k.c.Parts.Credential.Envelope
		e.Signature = ecdsaTwin(k.t, e.Signature)
		k.entry(credential.LeafOf(&e, k.signer()))
	}},
	{"intoto-log-entry-mismatch", "the entry of another credential, with its proof", credential.NotLogged, "", func(k *bent) {
		o := k.other()
		k.entry(credential.LeafOf(o.Parts.Credential.Envelope, k.signer()))
	}},
	{"wrong-hashedrekord-artifact", "an entry with another digest", credential.NotLogged, "", func(k *bent) {
		leaf := credential.LeafOf(k.c.Parts.Credential.Envelope, k.signer())
		leaf.Digest[0] ^= 1
		k.entry(leaf)
	}},
	{"wrong-hashedrekord-cert-and-sig", "an entry for the statement by another key, logged", credential.NotLogged, "", func(k *bent) {
		thief := credentialtest.Key(k.t)
		e, err := statement.Sign(thief, k.payload())
		if err != nil {
			k.t.Fatal(err)
		}
		public := credentialtest.Public(k.t, thief)
		k.entry(credential.LeafOf(e, public))
		k.file["trust/lab.pub"] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public.SPKI()})
	}},
	{"wrong-hashedrekord-entry", "the entry of the status list, with its proof", credential.NotLogged, "", func(k *bent) {
		s := k.c.Parts.Status
		k.file["credential.sigstore.json"] = (&credential.Bundle{
			Envelope: k.c.Parts.Credential.Envelope, Leaf: credential.LeafOf(s.Envelope, s.Signer), LogID: credential.LogID(k.lab.LogKey()), Proof: s.Proof,
		}).Bytes()
	}},
}

var ofTime = []mustFail{
	{"integrated-time-in-future", "cosignatures of tomorrow", credential.ValidUnwitnessed, "", func(k *bent) { k.cosigned(48*time.Hour, k.lab.Quorum()...) }},
	{"rekor2-no-timestamp", "no cosignature", credential.ValidUnwitnessed, "", func(k *bent) { k.cosigned(0) }},
	{"intoto-expired-certificate", "an issuing key whose time was over", credential.Invalid, "the key", func(k *bent) {
		k.lab.Trust.Keys[0].Until = statement.FormatTime(noon)
		k.in.Trust = k.lab.Pinned()
	}},
	{"intoto-set-outside-signing-cert-validity", "an issuing key that was stolen before witnesses saw it", credential.Invalid, "counts only for", func(k *bent) {
		k.lab.Trust.Keys[0].CutOff = statement.FormatTime(noon)
		k.in.Trust = k.lab.Pinned()
	}},
	{"intoto-tsa-timestamp-outside-cert-validity", "cosignatures after the window in which witnesses must have seen it", credential.Backdated, "witnesses saw it first", func(k *bent) {
		k.in.Now = noon.AddDate(0, 0, 9)
		k.cosigned(8*24*time.Hour, k.lab.Quorum()...)
	}},
	{"rekor2-timestamp-outside-trust-root-tsa-validity", "cosignatures before it was made", credential.Backdated, "witnesses had seen it", func(k *bent) { k.cosigned(-time.Hour, k.lab.Quorum()...) }},
	{"rekor2-timestamp-outside-tsa-cert-validity", "a witness that the policy no longer names", credential.ValidUnwitnessed, "", func(k *bent) {
		// The shared checkpoint had it too.
		k.lab.Trust.Policy = strings.Replace(k.lab.Trust.Policy, k.lab.Witnesses[0].Key().String(), k.stranger().Key().String(), 1)
		k.lab.Trust.Witnesses[0].Name = "stranger.example"
		slices.SortFunc(k.lab.Trust.Witnesses, func(a, b statement.TrustedWitness) int { return strings.Compare(a.Name, b.Name) })
		k.in.Trust = k.lab.Pinned()
	}},
	{"rekor2-timestamp-payload-mismatch", "a cosignature of another checkpoint", credential.Invalid, "wrong signature", func(k *bent) {
		k.lab.Fill(1)
		later := k.lab.Checkpoint(noon, k.lab.Quorum()...)
		k.first(func(p *proof.Proof) {
			p.Checkpoint = k.line(p.Checkpoint, 1, func(l *proof.SignatureLine) { *l = later.Lines[1] })
		})
	}},
	{"rekor2-timestamp-untrusted-tsa-with-embedded-cert", "data of a time stamping authority in the bundle", credential.Invalid, "credential.sigstore.json", func(k *bent) {
		k.bundle(`"tlogEntries":`, `"timestampVerificationData":{"rfc3161Timestamps":[]},"tlogEntries":`)
	}},
	{"rekor2-timestamp-untrusted-tsa-without-embedded-cert", "cosignatures of witnesses that nobody pinned", credential.ValidUnwitnessed, "", func(k *bent) { k.cosigned(0, k.stranger(), k.lab.Witnesses[0]) }},
	{"rekor2-timestamp-with-incorrect-time", "another time in a cosignature", credential.Invalid, "wrong signature", func(k *bent) {
		k.first(func(p *proof.Proof) {
			p.Checkpoint = k.line(p.Checkpoint, 1, func(l *proof.SignatureLine) { l.Signature = bytes.Clone(l.Signature); l.Signature[7] ^= 1 })
		})
	}},
	{"set-invalid-signature", "a bit of a cosignature", credential.Invalid, "wrong signature", func(k *bent) {
		k.first(func(p *proof.Proof) {
			p.Checkpoint = k.line(p.Checkpoint, 1, func(l *proof.SignatureLine) { l.Signature = flipped(l.Signature) })
		})
	}},
	{"trust-root-tlog-missing-validity-start", "a trust file, signed by the root, that does not say from when a key counts: it cannot be read", credential.NotPinned, "none was given", func(k *bent) {
		e := k.lab.Pinned().Trust
		payload, err := (&statement.Statement{Subjects: []statement.Subject{credential.StatusSubject(origin)}, Predicate: e}).Bytes()
		if err != nil {
			k.t.Fatal(err)
		}
		from := fmt.Sprintf(`"from":%q,`, e.Keys[0].From)
		for what, with := range map[string]string{"as it is": from, "missing": "", "empty": `"from":"",`} {
			root := credentialtest.Public(k.t, k.lab.Root).String()
			signed, err := statement.Sign(k.lab.Root, bytes.Replace(payload, []byte(from), []byte(with), 1))
			if err != nil {
				k.t.Fatal(err)
			}
			file := fmt.Appendf(nil, `{"format":"probat-trust/1","roots":[%q],"threshold":1,"trust":[%s]}`+"\n", root, signed.Bytes())
			if _, err := credential.ParseTrust(file); (err == nil) != (with == from) {
				k.t.Errorf("%s: %v", what, err)
			}
		}
		k.in.Trust = nil
	}},
}

// line copies a checkpoint, and may bend one of its lines.
func (k *bent) line(c *proof.SignedCheckpoint, i int, bend func(l *proof.SignatureLine)) *proof.SignedCheckpoint {
	x := &proof.SignedCheckpoint{Checkpoint: c.Checkpoint, Lines: slices.Clone(c.Lines)}
	if bend != nil {
		bend(&x.Lines[i])
	}
	return x
}

func (k *bent) signer() *statement.Key { return credentialtest.Public(k.t, k.lab.Issuing) }

func (k *bent) signed(payload []byte) *statement.Envelope {
	k.t.Helper()
	e, err := statement.Sign(k.lab.Issuing, payload)
	if err != nil {
		k.t.Fatal(err)
	}
	return e
}

func (k *bent) stranger() *proof.Cosigner {
	k.t.Helper()
	w, err := proof.NewEd25519Cosigner("stranger.example")
	if err != nil {
		k.t.Fatal(err)
	}
	return w
}
