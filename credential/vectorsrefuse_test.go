package credential_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"slices"
	"strings"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// refused are small files that no reader may take.
func (v *vectorSet) refused(l *vectorLab) {
	replace := func(name, old, now string) []byte {
		b := bytes.Replace(v.files[name], []byte(old), []byte(now), 1)
		if bytes.Equal(b, v.files[name]) {
			v.t.Fatalf("%s does not have %q", name, old)
		}
		return b
	}
	trust := string(v.files["lab.trust"])
	v.bad("trust", "trust-no-newline", "it does not end in a newline", []byte(strings.TrimSuffix(trust, "\n")))
	v.bad("trust", "trust-threshold-0", "no root need sign", replace("lab.trust", `"threshold":1`, `"threshold":0`))
	v.bad("trust", "trust-threshold-2", "more roots must sign than there are", replace("lab.trust", `"threshold":1`, `"threshold":2`))
	v.bad("trust", "trust-space", "a space", replace("lab.trust", `,"roots"`, `, "roots"`))
	v.bad("trust", "trust-unsigned", "no signed statement", []byte(trust[:strings.Index(trust, `"trust":[`)]+"\"trust\":[]}\n"))
	root := l.public(l.Root).String()
	v.bad("trust", "trust-root-twice", "a root key stands twice, so one could sign for two", replace("lab.trust", `"roots":["`+root+`"]`, `"roots":["`+root+`","`+root+`"]`))
	bent := func(name, reason string, bend func(*statement.Trust)) {
		b := l.branch(5)
		bend(b.Trust)
		s := &statement.Statement{Subjects: []statement.Subject{credential.StatusSubject(b.Trust.Origin)}, Predicate: b.Trust}
		data, err := statement.Encode(map[string]any{
			"format": "probat-trust/1", "roots": []string{root}, "threshold": 1, "trust": []rawJSON{rawJSON(b.signed(s, b.Root).Bytes())},
		})
		l.ok(err)
		v.bad("trust", name, reason, append(data, '\n'))
	}
	bent("trust-ledger-key-issues", "a ledger key may sign credentials", func(t *statement.Trust) { t.Keys[1].Predicates = []string{statement.TypeCredential} })
	bent("trust-root-issues", "the root key is the issuing key as well", func(t *statement.Trust) { t.Keys[0].Key = root })
	bent("trust-other-log", "the policy's log is not the origin", func(t *statement.Trust) { t.Origin = "log.other.example" })
	bent("trust-origin-with-path", "the origin is no host name", func(t *statement.Trust) { t.Origin = origin + "/1" })
	bent("trust-witness-of-nobody", "a witness of the policy of which nobody says who runs it", func(t *statement.Trust) { t.Witnesses = t.Witnesses[1:] })
	bent("trust-threshold-in-policy", "a group of the policy needs nobody", func(t *statement.Trust) { t.Policy = strings.Replace(t.Policy, "group q 2", "group q 0", 1) })

	v.bad("bundle", "bundle-newline", "something follows", append(bytes.Clone(v.files["status-3.sigstore.json"]), '\n'))
	v.bad("bundle", "bundle-index-number", "the index is a number", replace("status-3.sigstore.json", `"logIndex":"13"`, `"logIndex":13`))
	v.bad("bundle", "bundle-two-indexes", "what it says twice differs", replace("status-3.sigstore.json", `"logIndex":"13"`, `"logIndex":"12"`))
	v.bad("bundle", "bundle-v0.2", "another version", replace("status-3.sigstore.json", "v0.3+json", "v0.2+json"))

	v.bad("disclosure", "disclosure-format", "another format", replace("disclosure.json", "probat-disclosure/1", "probat-disclosure/2"))
	v.bad("disclosure", "disclosure-newline", "something follows", append(bytes.Clone(v.files["disclosure.json"]), '\n'))
	v.bad("disclosure", "disclosure-short-salt", "a salt of 30 bytes, so that salt and item could change their boundary",
		replace("disclosure.json", `"salt":"`+saltOf(v.files["disclosure.json"])+`"`, `"salt":"`+base64.StdEncoding.EncodeToString(make([]byte, 30))+`"`))

	v.refusedProofs(l, replace)
}

// rawJSON is JSON that is encoded as it is.
type rawJSON []byte

// MarshalJSON returns it.
func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

func saltOf(disclosure []byte) string {
	_, s, _ := strings.Cut(string(disclosure), `"salt":"`)
	s, _, _ = strings.Cut(s, `"`)
	return s
}

func (v *vectorSet) refusedProofs(l *vectorLab, replace func(name, old, now string) []byte) {
	key := "log " + l.LogKey().String()
	first, err := proof.ParseSigned(v.files["checkpoint-9"])
	l.ok(err)
	later, err := proof.ParseSigned(v.files["log/checkpoint"])
	l.ok(err)
	e := &proof.Equivocation{Log: l.LogKey(), A: first, B: first}
	v.bad("equivocation", "equivocation-of-nothing", "twice the same checkpoint", e.Bytes())
	hashes, err := proof.ProveConsistency(first.Size, later.Size, l)
	l.ok(err)
	e = &proof.Equivocation{Log: l.LogKey(), A: first, B: later, Prefix: first.Root, Hashes: hashes}
	v.bad("equivocation", "equivocation-one-history", "the prefix is the root of the first", e.Bytes())
	e.Prefix[0] ^= 1
	v.bad("equivocation", "equivocation-broken-proof", "a proof that fails, which proves nothing", e.Bytes())
	o := newVectorLab(v.t, "other lab")
	v.bad("equivocation", "equivocation-other-key", "a key that has signed neither", replace("prefix.equivocation", key, "log "+o.LogKey().String()))
	v.bad("equivocation", "equivocation-byte-after", "something follows", append(bytes.Clone(v.files["prefix.equivocation"]), '\n'))

	v.bad("checkpoint", "checkpoint-leading-zero", "", replace("log/checkpoint", "\n18\n", "\n018\n"))
	v.bad("checkpoint", "checkpoint-carriage-return", "", replace("log/checkpoint", "\n18\n", "\n18\r\n"))
	v.bad("checkpoint", "checkpoint-extension", "a fourth line", replace("log/checkpoint", "\n\n", "\nmore\n\n"))
	v.bad("checkpoint", "checkpoint-unsigned", "no signature line", []byte(later.Body()+"\n"))
	twice := *later
	twice.Lines = append(slices.Clone(later.Lines), later.Lines[0])
	v.bad("checkpoint", "checkpoint-line-twice", "two lines of one name and key hash", twice.Bytes())
	v.bad("checkpoint", "checkpoint-cut", "the last newline is missing", bytes.TrimSuffix(v.files["log/checkpoint"], []byte("\n")))

	p, err := proof.ParseProof(v.files["router.tlog-proof"])
	l.ok(err)
	v.bad("proof", "proof-hash-more", "one hash too many", (&proof.Proof{Index: p.Index, Hashes: append(slices.Clone(p.Hashes), p.Hashes[0]), Checkpoint: p.Checkpoint}).Bytes())
	v.bad("proof", "proof-hash-fewer", "one hash too few", (&proof.Proof{Index: p.Index, Hashes: p.Hashes[1:], Checkpoint: p.Checkpoint}).Bytes())
	v.bad("proof", "proof-other-index", "the place of its neighbour", (&proof.Proof{Index: p.Index + 1, Hashes: p.Hashes, Checkpoint: p.Checkpoint}).Bytes())
	v.bad("proof", "proof-index-beyond", "no such leaf", replace("router.tlog-proof", "index 5", "index 9"))
	v.bad("proof", "proof-plus", "a sign before the index", replace("router.tlog-proof", "index 5", "index +5"))

	v.bad("leaf", "leaf-space", "", replace("router.leaf.json", `,"kind"`, `, "kind"`))
	v.bad("leaf", "leaf-version", "", replace("router.leaf.json", "0.0.2", "0.0.1"))
	v.bad("leaf", "leaf-order", "members in another order", replace("router.leaf.json", `"apiVersion":"0.0.2","kind":"hashedrekord"`, `"kind":"hashedrekord","apiVersion":"0.0.2"`))

	for name, x := range map[string]struct{ old, now, reason string }{
		"threshold-0":     {"group q 2", "group q 0", "a group that nobody need meet"},
		"threshold-4":     {"group q 2", "group q 4", "more than there are members"},
		"member-twice":    {"w0 w1 w2\n", "w0 w0 w1\n", "a member twice"},
		"member-unknown":  {"w0 w1 w2\n", "w0 w1 w3\n", "a member that is not defined before"},
		"no-quorum":       {"quorum q\n", "", "no quorum line"},
		"two-quorums":     {"quorum q\n", "quorum q\nquorum w0\n", "a second quorum line"},
		"quorum-unknown":  {"quorum q\n", "quorum all\n", "a quorum that is not defined"},
		"word-unknown":    {"quorum q\n", "quorum q\nmonitor q\n", "an unknown word"},
		"carriage-return": {"quorum q\n", "quorum q\r\n", "a carriage return"},
		"cut":             {"quorum q\n", "quorum q", "the last newline is missing"},
		"key-twice":       {"group q", "witness w9 " + l.Witnesses[0].Key().String() + "\ngroup q", "one key under two names"},
		"plain-key":       {"group q", "witness w9 " + l.LogKey().String() + "\ngroup q", "a log's key as a witness"},
	} {
		v.bad("policy", "policy-"+name, x.reason, replace("policy.txt", x.old, x.now))
	}
	v.bad("seen", "seen-no-newline", "it does not end in a newline", bytes.TrimSuffix(v.files["seen.json"], []byte("\n")))
	v.bad("seen", "seen-format", "another format", replace("seen.json", "probat-seen/1", "probat-seen/2"))
	slices.SortFunc(v.refuse, func(a, b vectorRefusal) int { return strings.Compare(a.File, b.File) })
}

// postQuantum is one cosignature by ML-DSA-44. Key and signature are random, so they are kept where there are some.
func (v *vectorSet) postQuantum(l *vectorLab) {
	const secret, note = "keys/ml-dsa.txt", "ml-dsa.checkpoint"
	old, err := os.ReadFile(vectors + secret)
	var w *proof.Cosigner
	if err == nil {
		w, err = proof.ParseCosigner(strings.TrimSpace(string(old)))
	} else {
		w, err = proof.NewMLDSACosigner("witness3.example/" + origin)
	}
	l.ok(err)
	c, err := proof.ParseSigned(v.files["log/checkpoint"])
	l.ok(err)
	c = &proof.SignedCheckpoint{Checkpoint: c.Checkpoint, Lines: c.Lines[:1]}
	signed := l.Cosign(c, noon, w)
	if kept, err := os.ReadFile(vectors + note); err == nil {
		if k, err := proof.ParseSigned(kept); err == nil && k.Checkpoint == c.Checkpoint {
			if _, err := w.Key().Verify(k); err == nil {
				signed = k
			}
		}
	}
	v.put(secret, []byte(w.Secret()+"\n"))
	v.put(note, signed.Bytes())
	v.put("ml-dsa.policy.txt", []byte("log "+l.LogKey().String()+"\nwitness w3 "+w.Key().String()+"\nquorum w3\n"))
}
