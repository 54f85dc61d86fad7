package crosscheck

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/statement"
)

// keep is where scripts/cosign.sh finds the table's credentials.
var keep = flag.String("keep", "", "write the files of every tampering into this folder, with what cosign is expected to say")

// tamperings is the table. Whoever tampers has no key of the lab unless the name says so.
var tamperings = []tampering{
	{name: "nothing", ours: credential.Valid, bend: func(*fixture) {}},

	// The statement and its signature.
	{
		name: "a byte of the payload", ours: credential.Invalid, torchwood: onlyProof,
		bend: func(f *fixture) {
			p := &f.credential.Envelope.Payload
			*p = bytes.Replace(*p, []byte("router"), []byte("r0uter"), 1)
		},
	},
	{
		name: "a byte of the signature", ours: credential.Invalid, torchwood: onlyProof,
		bend: func(f *fixture) { s := f.credential.Envelope.Signatures[0].Sig; s[len(s)-1] ^= 1 },
	},
	{
		name: "the signature's twin (r, n-s)", ours: credential.NotLogged, torchwood: onlyProof, openssl: twinTrue,
		bend: func(f *fixture) {
			s := &f.credential.Envelope.Signatures[0]
			s.Sig = twin(f.t, s.Sig, f.lab.Issuing.Params().N)
		},
	},
	{
		name: "no signature", ours: credential.Invalid, torchwood: onlyProof,
		bend: func(f *fixture) { f.credential.Envelope.Signatures = []signature{} },
	},
	{
		name: "two signatures, another key's first", ours: credential.Invalid, torchwood: onlyProof, openssl: lastSignature,
		bend: func(f *fixture) {
			e := &f.credential.Envelope
			other := credentialtest.Key(f.t)
			sig, _ := f.sign(other, statement.PayloadType, e.Payload)
			e.Signatures = append([]signature{{KeyID: credentialtest.Public(f.t, other).ID(), Sig: sig}}, e.Signatures...)
		},
	},
	{
		name: "another payload type", ours: credential.Invalid, torchwood: onlyProof, openssl: ownType,
		bend: func(f *fixture) { f.credential.Envelope.PayloadType = "application/json" },
	},
	{
		name: "another payload type, signed and logged with the lab's keys", ours: credential.Invalid, sigstore: anyType, torchwood: onlyProof,
		bend: func(f *fixture) {
			e := &f.credential.Envelope
			e.PayloadType = "application/json"
			sig, digest := f.sign(f.lab.Issuing, e.PayloadType, e.Payload)
			e.Signatures[0].Sig = sig
			f.log(f.lab.Issuing, sig, digest)
		},
	},
	{
		name: "another key, logged", ours: credential.NotPinned, torchwood: onlyProof,
		bend: func(f *fixture) {
			thief, e := credentialtest.Key(f.t), &f.credential.Envelope
			sig, digest := f.sign(thief, e.PayloadType, e.Payload)
			public := credentialtest.Public(f.t, thief)
			e.Signatures[0] = signature{KeyID: public.ID(), Sig: sig}
			f.credential.Material.PublicKey.Hint = public.ID()
			f.others["trust/lab.pub"] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public.SPKI()})
			f.log(thief, sig, digest)
		},
	},
	{
		name: "the name of another key", ours: credential.Invalid, sigstore: ownKey, openssl: ownKey, torchwood: onlyProof,
		bend: func(f *fixture) {
			id := credentialtest.Public(f.t, f.lab.Ledger).ID()
			f.credential.Envelope.Signatures[0].KeyID, f.credential.Material.PublicKey.Hint = id, id
		},
	},
	{
		name: "an unknown member", ours: credential.Invalid, sigstore: unread, openssl: onlySignature, torchwood: onlyProof,
		bend: func(f *fixture) { f.credential.Unknown = new(string) },
	},

	// Which entry of the log, and where.
	{
		name: "the entry of another statement, with its proof", ours: credential.NotLogged, openssl: onlySignature, torchwood: onlyProof,
		bend: func(f *fixture) { f.credential.Material.Entries = f.status.Material.Entries },
	},
	{
		name: "the body of another entry", ours: credential.NotLogged, cosign: ownBody, openssl: onlySignature,
		bend: func(f *fixture) { f.credential.entry().Body = f.status.entry().Body },
	},
	{
		name: "entries of credential and status list swapped", ours: credential.NotLogged, openssl: onlySignature, torchwood: onlyProof,
		bend: func(f *fixture) {
			f.credential.Material.Entries, f.status.Material.Entries = f.status.Material.Entries, f.credential.Material.Entries
		},
	},
	{
		name: "no entry", ours: credential.Invalid, openssl: onlySignature, torchwood: onlyProof,
		bend: func(f *fixture) { f.credential.Material.Entries = []entry{} },
	},
	{
		name: "the entry twice", ours: credential.Invalid, openssl: onlySignature, torchwood: onlyProof,
		bend: func(f *fixture) {
			f.credential.Material.Entries = append(f.credential.Material.Entries, *f.credential.entry())
		},
	},
	{
		name: "another version of the entry", ours: credential.Invalid, cosign: ownBody, openssl: onlySignature, torchwood: onlyProof,
		bend: func(f *fixture) { f.credential.entry().Kind.Version = "0.0.1" },
	},
	{
		name: "the index", ours: credential.NotLogged, openssl: onlySignature,
		bend: func(f *fixture) { e := f.credential.entry(); e.Index--; e.Inclusion.Index-- },
	},
	{
		name: "the index beside the proof", ours: credential.Invalid, sigstore: ownIndex, openssl: onlySignature, torchwood: onlyProof,
		bend: func(f *fixture) { f.credential.entry().Index-- },
	},
	{
		name: "an index beyond the tree", ours: credential.Invalid, openssl: onlySignature,
		bend: func(f *fixture) {
			e := f.credential.entry()
			e.Index, e.Inclusion.Index = e.Inclusion.Size, e.Inclusion.Size
		},
	},
	{
		name: "a hash of the proof", ours: credential.NotLogged, openssl: onlySignature,
		bend: func(f *fixture) { f.credential.entry().Inclusion.Hashes[1][7] ^= 1 },
	},
	{
		name: "a hash less", ours: credential.NotLogged, openssl: onlySignature,
		bend: func(f *fixture) { h := &f.credential.entry().Inclusion.Hashes; *h = (*h)[1:] },
	},
	{
		name: "a hash more", ours: credential.NotLogged, openssl: onlySignature,
		bend: func(f *fixture) { h := &f.credential.entry().Inclusion.Hashes; *h = append(*h, make([]byte, 32)) },
	},

	// The checkpoint.
	{
		name: "the root beside the checkpoint", ours: credential.Invalid, cosign: ownRoot, sigstore: ownRoot, openssl: onlySignature, torchwood: onlyProof,
		bend: func(f *fixture) { f.credential.entry().Inclusion.Root[3] ^= 1 },
	},
	{
		name: "the size beside the checkpoint", ours: credential.Invalid, cosign: ownRoot, sigstore: ownRoot, openssl: onlySignature, torchwood: onlyProof,
		bend: func(f *fixture) { f.credential.entry().Inclusion.Size++ },
	},
	{
		name: "the root in the checkpoint", ours: credential.Invalid, openssl: onlySignature,
		bend: func(f *fixture) {
			for _, b := range []*bundle{f.credential, f.status} {
				root := &b.entry().Inclusion.Root
				was := base64.StdEncoding.EncodeToString(*root)
				*root = slices.Clone(*root)
				(*root)[3] ^= 1
				c := &b.entry().Inclusion.Checkpoint
				c.Envelope = strings.Replace(c.Envelope, was, base64.StdEncoding.EncodeToString(*root), 1)
			}
		},
	},
	{
		name: "the size in the checkpoint", ours: credential.Invalid, openssl: onlySignature,
		bend: func(f *fixture) {
			n := f.credential.entry().Inclusion.Size
			f.checkpoint(func(note string) string {
				return strings.Replace(note, fmt.Sprintf("\n%d\n", n), fmt.Sprintf("\n%d\n", n+1), 1)
			})
			f.credential.entry().Inclusion.Size++
			f.status.entry().Inclusion.Size++
		},
	},
	{
		name: "the log's signature on the checkpoint", ours: credential.Invalid, openssl: onlySignature,
		bend: func(f *fixture) {
			f.checkpoint(func(note string) string { return flipSignature(f.t, note, f.lab.Origin) })
		},
	},
	{
		name: "another log of the same name", ours: credential.NotLogged, openssl: onlySignature,
		bend: func(f *fixture) {
			other := credentialtest.New(f.t, f.lab.Origin, 0)
			f.lab.Log = other.Log
			f.reprove(f.lab.Checkpoint(credentialtest.Noon.Add(3*time.Second)), f.parts.Parts.Credential.Proof.Index)
		},
	},
	{
		name: "another log's identity beside the checkpoint", ours: credential.NotLogged, openssl: onlySignature, torchwood: onlyProof,
		bend: func(f *fixture) { f.credential.entry().LogID.KeyID[0] ^= 1 },
	},
	{
		name: "another origin, signed with the log's key", ours: credential.NotLogged, sigstore: anyOrigin, openssl: onlySignature,
		bend: func(f *fixture) { f.otherOrigin() },
	},
	{
		name: "an extension line, signed with the log's key", ours: credential.Invalid, cosign: anyExtension, sigstore: anyExtension, openssl: onlySignature,
		torchwood: anyExtension, bend: func(f *fixture) { f.extension() },
	},

	// What only a policy with witnesses, or the status list, tells.
	{
		name: "all cosignatures taken away", ours: credential.ValidUnwitnessed, cosign: noWitnesses, sigstore: noWitnesses, openssl: onlySignature,
		bend: func(f *fixture) { f.strip(0) },
	},
	{
		name: "a cosignature less than the quorum", ours: credential.ValidUnwitnessed, cosign: noWitnesses, sigstore: noWitnesses, openssl: onlySignature,
		bend: func(f *fixture) { f.strip(1) },
	},
	{
		name: "a cosignature", ours: credential.Invalid, cosign: noWitnesses, sigstore: noWitnesses, openssl: onlySignature,
		bend: func(f *fixture) {
			f.checkpoint(func(note string) string { return flipSignature(f.t, note, f.lab.Witnesses[0].Key().Name()) })
		},
	},
	{
		name: "revoked", ours: credential.Revoked, cosign: noStatus, sigstore: noStatus, openssl: noStatus, torchwood: onlyProof,
		bend: func(f *fixture) {
			lists := &credential.Lists{}
			lists.Put(f.parts.Index, statement.Revoked)
			f.take(f.parts.Refresh(2, credentialtest.Noon.Add(time.Hour), lists))
		},
	},
	{
		name: "expired", ours: credential.Expired, cosign: noTime, sigstore: noTime, openssl: noTime, torchwood: onlyProof,
		bend: func(f *fixture) {
			f.parts = f.lab.NewCredential()
			f.parts.Issue.For = time.Hour
			f.take(f.parts.Seal())
		},
	},
}

// answer is what a tool says.
type answer struct {
	tool string
	why  string // it is expected to accept; "": it is expected to refuse
	err  error
}

// TestTampering asks every tool about every tampering.
func TestTampering(t *testing.T) {
	fixtures := make([]*fixture, len(tamperings))
	var inputs []sigstoreInput
	for i, x := range tamperings {
		f := newFixture(t, 3)
		f.pinned = f.files
		x.bend(f)
		fixtures[i] = f
		inputs = append(inputs, sigstoreInput{
			Bundle: string(f.credential.bytes(t)), TrustedRoot: string(f.pinned["trust/trusted_root.json"]), PublicKey: string(f.pinned["trust/lab.pub"]),
		})
	}
	answers := sigstore(t, inputs)
	for i, x := range tamperings {
		t.Run(x.name, func(t *testing.T) {
			f := fixtures[i]
			f.t = t
			zip, torchwood := f.tampered()
			r := f.verify(zip)
			t.Logf("we: %s %v", r.Word, r.Reasons)
			if r.Word != x.ours {
				t.Errorf("we say %s, want %s", r.Word, x.ours)
			}
			dir := t.TempDir()
			f.unpack(zip, dir)
			_, err := openssl(t, dir, "image")
			for _, a := range []answer{{"@sigstore/verify", x.sigstore, answers[i]}, {"openssl", x.openssl, err}, {"torchwood", x.torchwood, torchwood}} {
				t.Logf("%s: %v", a.tool, a.err)
				accepts := a.why != "" || x.name == "nothing"
				switch {
				case accepts && a.err != nil:
					t.Errorf("%s refuses it (%v), and the table says it cannot see it: %s", a.tool, a.err, a.why)
				case !accepts && a.err == nil:
					t.Errorf("%s accepts it", a.tool)
				}
			}
			if *keep != "" {
				place := filepath.Join(*keep, fmt.Sprintf("%02d", i))
				f.unpack(zip, place)
				write(t, []byte(x.name+"\n"), place, "name")
				write(t, []byte(x.cosign+"\n"), place, "cosign")
			}
		})
	}
}

// tampered writes the container as it was bent, and asks torchwood about the credential's proof in it.
func (f *fixture) tampered() (zip []byte, torchwood error) {
	f.t.Helper()
	changed := maps.Clone(f.others)
	changed["credential.sigstore.json"], changed["status.sigstore.json"] = f.credential.bytes(f.t), f.status.bytes(f.t)
	if len(f.credential.Material.Entries) > 0 {
		changed["credential.tlog-proof"], changed["status.tlog-proof"] = f.credential.proof(), f.status.proof()
		torchwood = torchwoodProof(f.pinned["trust/policy.txt"], f.credential.entry().Body, f.credential.proof())
	}
	return replaced(f.t, f.zip, changed), torchwood
}

// unpack writes the files of a container into a folder, as a customer has them who compared the keys in trust/ with the lab's; and the evaluated image.
func (f *fixture) unpack(zip []byte, dir string) {
	f.t.Helper()
	_, files := members(f.t, zip)
	for name, data := range files {
		if pinned, is := f.pinned[name]; is && strings.HasPrefix(name, "trust/") {
			data = pinned
		}
		write(f.t, data, dir, name)
	}
	write(f.t, nil, dir, "image")
}

// TestDocumented: the table in doc/interoperability.md is this one.
func TestDocumented(t *testing.T) {
	var want strings.Builder
	for _, x := range tamperings[1:] {
		fmt.Fprintf(&want, "| %s | %s |", x.name, x.ours)
		for _, why := range []string{x.cosign, x.sigstore, x.openssl, x.torchwood} {
			if why == "" {
				want.WriteString(" ✓ |")
			} else {
				want.WriteString(" – |")
			}
		}
		want.WriteString("\n")
	}
	doc := string(read(t, "..", "..", "doc", "interoperability.md"))
	_, table, _ := strings.Cut(doc, "\n| tampered with |")
	_, table, _ = strings.Cut(table, "|---|---|---|---|---|---|\n")
	if table, _, _ = strings.Cut(table, "\n\n"); table+"\n" != want.String() {
		t.Errorf("doc/interoperability.md should have the table\n%s", &want)
	}
	if ways := fmt.Sprintf(" in %d ways;", len(tamperings)-1); !strings.Contains(doc, ways) {
		t.Errorf("doc/interoperability.md does not say%s", ways)
	}
}
