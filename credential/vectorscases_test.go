package credential_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// makeVectors writes everything but the README.
func makeVectors(t *testing.T) {
	t.Helper()
	v := &vectorSet{t: t, files: map[string][]byte{}}
	l := newVectorLab(t, "lab")
	v.put("router.img", []byte(vectorImage))
	v.put("other.img", []byte(otherImage))
	v.put("lab.trust", l.trustFile())
	v.put("lab.trust.fingerprint", []byte(l.Pinned().Fingerprint()+"\n"))
	v.put("policy.txt", []byte(l.Trust.Policy))
	for name, key := range map[string]any{"root": l.Root, "issuing": l.Issuing, "ledger": l.Ledger, "log": l.Log} {
		v.put("keys/"+name+".pem", pemOf(t, key))
	}
	for i, w := range l.Witnesses {
		v.put(fmt.Sprintf("keys/witness%d.txt", i), []byte(w.Secret()+"\n"))
	}
	early := l.branch(5)
	v.story(l)
	v.bentCredentials(early)
	v.bentTrust(early)
	v.bentZips()
	v.refused(l)
	v.postQuantum(l)
	v.write()
}

func on(name string) func(*vectorCase) { return func(c *vectorCase) { c.Now = name } }
func without(c *vectorCase)            { c.Trust = "" }
func demand(c *vectorCase)             { c.RequirePassed = true }
func asks(p string) func(*vectorCase)  { return func(c *vectorCase) { c.Policy = p } }
func by(trust string) func(*vectorCase) {
	return func(c *vectorCase) { c.Trust = trust }
}
func delivered(files ...string) func(*vectorCase) { return func(c *vectorCase) { c.Files = files } }
func listed(files ...string) func(*vectorCase)    { return func(c *vectorCase) { c.Status = files } }

func opened(file string) func(*vectorCase) {
	return func(c *vectorCase) { c.Disclosures = []string{file} }
}
func remembers(file string) func(*vectorCase) { return func(c *vectorCase) { c.Seen = file } }
func knows(tiles string, convicts bool, files ...string) func(*vectorCase) {
	return func(c *vectorCase) { c.Known, c.Tiles, c.Convicts = files, tiles, convicts }
}

// story is what a lab does that does nothing wrong, and what its customer sees; and at its end that it tells two histories.
func (v *vectorSet) story(l *vectorLab) {
	p := l.issue(noon, bending{})
	router := v.put("router.probat.zip", l.zip(p))
	v.put("router.leaf.json", credential.LeafOf(p.Credential.Envelope, p.Credential.Signer).Bytes())
	v.put("router.leaf.hash", []byte(credential.LeafOf(p.Credential.Envelope, p.Credential.Signer).Hash().String()+"\n"))
	v.put("router.tlog-proof", p.First.Bytes())
	at9 := v.put("checkpoint-9", p.First.Checkpoint.Bytes())
	d, err := l.tree.Open(1, l.of)
	l.ok(err)
	file, err := d.Bytes()
	l.ok(err)
	disclosure := v.put("disclosure.json", file)
	with := *p
	with.Disclosures = []*credential.Disclosure{d}
	disclosed := v.put("router-disclosed.probat.zip", l.zip(&with))

	failed := v.put("failed.probat.zip", l.zip(l.issue(noon.Add(time.Hour), bending{failed: true, place: 17})))
	var lists [4]string
	for i, s := range []statement.Standing{statement.Suspended, statement.Revoked, "", statement.Superseded} {
		var list credential.Lists
		list.Put(4711, s)
		at := noon.Add(time.Duration(i+2) * time.Hour)
		lists[i] = v.put(fmt.Sprintf("status-%d.sigstore.json", i+3), l.statusFile(l.status(int64(i+3), at, &list), at))
	}
	later := noon.AddDate(0, 0, 40)
	fresh := *p
	fresh.Status = l.status(8, later, nil)
	shared := l.Checkpoint(later.Add(2*time.Second), l.Quorum()...)
	fresh.Credential.Proof, fresh.Status.Proof = l.Prove(p.Credential.Proof.Index, shared), l.Prove(fresh.Status.Proof.Index, shared)
	refreshed := v.put("router-refreshed.probat.zip", l.zip(&fresh))
	v.logFolder("log", l, shared)

	v.say("valid", router, credential.Valid, "a right credential, the right image, the day after")
	v.say("valid, passed demanded", router, credential.Valid, "the outcome is PASSED", demand)
	v.say("valid, with a disclosure in the zip", disclosed, credential.Valid, "an opened finding that is what was sealed")
	v.say("valid, with a disclosure beside", router, credential.Valid, "the same, given by itself", opened(disclosure))
	v.say("failed is valid", failed, credential.Valid, "authentic; the outcome is FAILED, which nobody asked about")
	v.say("failed, passed demanded", failed, credential.NotPassed, "authentic; PASSED was demanded", demand)
	v.say("refreshed", refreshed, credential.Valid, "a later status list and checkpoint; the first one stays", on("2027-01-04T12:00:00Z"))
	v.say("no trust file", router, credential.NotPinned, "nothing says whose word it is", without)
	v.say("another file", router, credential.OtherFile, "the digest is of no subject", delivered("other.img"))
	v.say("one of two files", router, credential.OtherFile, "one is, the other is not", delivered("router.img", "other.img"))
	v.say("no file", router, credential.Valid, "the verifier says that no file was compared", delivered())
	v.say("suspended", router, credential.Suspended, "the list of number 3 says so", listed(lists[0]))
	v.say("revoked", router, credential.Revoked, "the list of number 4 says so", listed(lists[1]))
	v.say("revoked for ever", router, credential.Revoked, "number 5 takes it back, which counts for nothing", listed(lists[1], lists[2]))
	v.say("reinstated", router, credential.Valid, "number 3 suspends, number 5 does not any more", listed(lists[0], lists[2]))
	v.say("superseded", router, credential.Superseded, "the list of number 6 says so", listed(lists[3]))
	v.say("expired", router, credential.Expired, "after a year; the status list is old as well, which comes later", on("2027-11-24T12:00:00Z"))
	v.say("stale", router, credential.ValidStale, "the status list is older than 30 days", on("2026-12-24T12:00:01Z"))
	v.say("just not stale", router, credential.Valid, "it is 30 days old to the second", on("2026-12-24T12:00:00Z"))
	v.say("stale sooner", router, credential.ValidStale, "a day was asked for", on("2026-11-25T12:00:01Z"), func(c *vectorCase) { c.MaxStatusAge = 86400 })
	v.say("before it was made", router, credential.Backdated, "by this clock its time is still to come", on("2026-11-24T11:54:59Z"))
	v.say("one history", router, credential.Valid, "a larger checkpoint of the same log, compared by its tiles", knows("log", false, "log/checkpoint"))
	v.say("not compared", router, credential.Valid, "without tiles sizes that differ cannot be compared, which is said", knows("", false, "log/checkpoint"))
	v.histories(l, router, at9)
	v.remembered(l, router)
}

// histories is the log telling another customer something else.
func (v *vectorSet) histories(l *vectorLab, router, at9 string) {
	f := l.branch(5)
	for range 4 {
		f.fill()
	}
	same := f.Checkpoint(noon.Add(2*time.Second), f.Quorum()...)
	v.put("forked-9", same.Bytes())
	for range 3 {
		f.fill()
	}
	longer := f.Checkpoint(noon.Add(time.Hour), f.Quorum()...)
	v.logFolder("forked", f, longer)
	v.say("same size, another root", router, credential.Diverged, "two signed checkpoints of nine leaves", knows("", true, "forked-9"))
	v.say("a tree that does not contain it", router, credential.Diverged, "the tiles of the larger checkpoint show another beginning", knows("forked", true, "forked/checkpoint"))
	first, err := proof.ParseSigned(v.files[at9])
	l.ok(err)
	for name, x := range map[string]struct {
		b     *proof.SignedCheckpoint
		tiles *vectorLab
	}{"same-size": {same, nil}, "prefix": {longer, f}} {
		var e *proof.Equivocation
		if x.tiles == nil {
			e, err = proof.Convict(l.LogKey(), first, x.b, nil)
		} else {
			e, err = proof.Convict(l.LogKey(), first, x.b, x.tiles)
		}
		l.ok(err)
		v.put(name+".equivocation", e.Bytes())
	}
}

// remembered is what a verifier that remembers says.
func (v *vectorSet) remembered(l *vectorLab, router string) {
	in := credential.Input{Trust: l.Pinned(), Now: noon.Add(6 * time.Hour), Status: [][]byte{v.files["status-4.sigstore.json"]}}
	seen, err := credential.Verify(v.files[router], in).Seen.Bytes()
	l.ok(err)
	v.put("seen.json", seen)
	v.say("remembered revocation", router, credential.Revoked, "no list is given; number 4 was seen before", remembers("seen.json"))
	next := l.branch(9)
	next.Trust.Version, next.Trust.Previous = 2, l.Pinned().ID.String()
	next.Trust.Act = l.act(noon.Add(time.Minute))
	in.Trust, err = credential.ParseTrust(next.trustFile())
	l.ok(err)
	in.Status = nil
	newer, err := credential.Verify(v.files[router], in).Seen.Bytes()
	l.ok(err)
	v.put("seen-version-2.json", newer)
	v.put("lab-2.trust", next.trustFile())
	v.say("next version of the trust file", router, credential.Valid, "same root, same keys", by("lab-2.trust"), remembers("seen-version-2.json"))
	v.say("older trust file", router, credential.NotPinned, "version 2 was seen already", remembers("seen-version-2.json"))
	b := l.branch(9)
	two := b.status(1, noon, nil)
	v.say("two lists of one number", "router.probat.zip", credential.Diverged, "another list with the number 1", listed(v.put("status-1-again.sigstore.json", b.statusFile(two, noon.Add(time.Hour)))))
}

// bentCredentials are single credentials, each signed and logged by the lab's own keys after the fifth leaf, with one thing wrong.
func (v *vectorSet) bentCredentials(l *vectorLab) {
	say := func(name string, word credential.Word, why string, b bending) {
		branch := l.branch(5)
		file := strings.ReplaceAll(strings.ReplaceAll(name, ",", ""), " ", "-")
		v.say(name, v.put("zip/"+file+".probat.zip", branch.zip(branch.issue(noon, b))), word, why)
	}
	core := func(f func(*statement.Core)) func(*statement.Credential, *statement.Statement) {
		return func(c *statement.Credential, _ *statement.Statement) { f(&c.Core) }
	}
	other := newVectorLab(v.t, "other lab")
	say("without cosignatures", credential.ValidUnwitnessed, "anybody can take them away", bending{witnesses: []*proof.Cosigner{}})
	say("too few cosignatures", credential.ValidUnwitnessed, "one of two", bending{witnesses: l.Witnesses[2:]})
	say("cosignature of a stranger", credential.ValidUnwitnessed, "its line is ignored", bending{witnesses: []*proof.Cosigner{l.Witnesses[0], other.witness("stranger.example")}})
	say("cosigned in the future", credential.ValidUnwitnessed, "times ahead of the clock do not count", bending{seen: 3 * 24 * time.Hour})
	say("cosigned before its time", credential.Backdated, "witnesses had seen it ten minutes before", bending{seen: -10 * time.Minute})
	say("knows a later head", credential.Backdated, "it knows a head that was witnessed after it", bending{statement: core(func(c *statement.Core) { c.Act.AsOf.Time = "2026-11-24T12:06:00Z" })})
	say("knows a larger head", credential.Backdated, "it knows six leaves and is leaf 5", bending{statement: core(func(c *statement.Core) { c.Act.AsOf.Size = 6 })})
	say("valid before it was made", credential.Backdated, "validFrom is a day earlier", bending{statement: core(func(c *statement.Core) { c.ValidFrom = "2026-11-23T12:00:00Z" })})
	say("signed by the ledger key", credential.Invalid, "a key of the lab that may not issue credentials", bending{issuer: l.Ledger})
	say("signed by a stranger", credential.NotPinned, "a key that the trust file does not know", bending{issuer: other.Issuing})
	say("in another lab's name", credential.Invalid, "verifier.id", bending{statement: func(c *statement.Credential, _ *statement.Statement) { c.Verifier.ID = "https://log.other.example" }})
	say("levels without a pass", credential.Invalid, "verifiedLevels is not what its counts say", bending{failed: true, statement: func(c *statement.Credential, _ *statement.Statement) {
		c.VerifiedLevels = []string{"PROBAT_ts-33.117_V18.1.0"}
	}})
	say("more independent than it is", credential.Invalid, "the trust file says contracted", bending{statement: core(func(c *statement.Core) { c.Lab.Independence = statement.Independent })})
	v.contradictions(say)
	say("no place in the list", credential.Invalid, "the index is 131072", bending{place: credential.StatusSize})
	say("list of another series", credential.Invalid, "the credential is of another series than the list in the zip", bending{statement: core(func(c *statement.Core) {
		c.Status.Series = strings.Repeat("f", 32)
	})})
	say("proof of another statement", credential.NotLogged, "path and checkpoint of another credential of the lab", bending{parts: func(p *credential.Parts) {
		q := l.branch(5).issue(noon, bending{place: 99})
		p.Credential.Proof, p.Status.Proof, p.First = q.Credential.Proof, q.Status.Proof, q.First
	}})
	say("path with another hash", credential.NotLogged, "the first hash of the path is another", bending{parts: func(p *credential.Parts) {
		p.First = &proof.Proof{Index: p.First.Index, Hashes: slices.Clone(p.First.Hashes), Checkpoint: p.First.Checkpoint}
		p.First.Hashes[0] = p.First.Checkpoint.Root
	}})
	say("path too short", credential.NotLogged, "one hash fewer", bending{parts: func(p *credential.Parts) {
		p.First = &proof.Proof{Index: p.First.Index, Hashes: p.First.Hashes[:len(p.First.Hashes)-1], Checkpoint: p.First.Checkpoint}
	}})
	say("other signature", credential.NotLogged, "(r, n-s), which verifies, and is not the one in the log", bending{parts: func(p *credential.Parts) {
		e := *p.Credential.Envelope
		e.Signature = ecdsaTwin(v.t, e.Signature)
		p.Credential.Envelope = &e
	}})
	say("wrong cosignature", credential.Invalid, "a line that claims to be of a known witness and is not right", bending{parts: func(p *credential.Parts) {
		c := *p.First.Checkpoint
		c.Lines = slices.Clone(c.Lines)
		c.Lines[1].Signature = bytes.Clone(c.Lines[1].Signature)
		c.Lines[1].Signature[20] ^= 1
		p.First = &proof.Proof{Index: p.First.Index, Hashes: p.First.Hashes, Checkpoint: &c}
	}})
	say("status list for a credential", credential.Invalid, "a right statement of another type in its place", bending{parts: func(p *credential.Parts) { p.Credential, p.First = p.Status, p.Status.Proof }})
	say("disclosure of something else", credential.Invalid, "an item that was not sealed", bending{parts: func(p *credential.Parts) {
		d, err := l.tree.Open(1, l.of)
		l.ok(err)
		d.Item = strings.Replace(d.Item, "weak", "good", 1)
		p.Disclosures = []*credential.Disclosure{d}
	}})
	say("disclosure with another salt", credential.Invalid, "", bending{parts: func(p *credential.Parts) {
		d, err := l.tree.Open(1, l.of)
		l.ok(err)
		d.Salt = bytes.Clone(d.Salt)
		d.Salt[0] ^= 1
		p.Disclosures = []*credential.Disclosure{d}
	}})
	say("disclosure of other verdicts", credential.Invalid, "of a statement that the credential does not rest on", bending{parts: func(p *credential.Parts) {
		d, err := l.tree.Open(1, statement.ID{9})
		l.ok(err)
		p.Disclosures = []*credential.Disclosure{d}
	}})
	v.strangers(l, other)
	v.swapped(l)
}

// swapped is a credential beside the entry of another one: a right leaf, path and checkpoint, and right signatures, that do not belong together.
func (v *vectorSet) swapped(l *vectorLab) {
	p, b := l.branch(5).issue(noon, bending{}), l.branch(5)
	q := b.issue(noon, bending{place: 99})
	files, err := credential.ReadZip(b.zip(q))
	l.ok(err)
	bundle := credential.NewBundle(p.Credential.Envelope, p.Credential.Signer, l.LogKey(), q.Credential.Proof)
	bundle.Leaf = credential.LeafOf(q.Credential.Envelope, q.Credential.Signer)
	files[0].Data = bundle.Bytes()
	v.say("entry of another statement", v.put("zip/entry-of-another-statement.probat.zip", credential.WriteZip(files)), credential.NotLogged,
		"a right entry, path and checkpoint of another credential of the lab stand beside it")
}

// strangers are whole credentials of a lab that took our lab's name.
func (v *vectorSet) strangers(l, other *vectorLab) {
	theirs := v.put("zip/another-lab.probat.zip", other.zip(other.issue(noon, bending{})))
	v.put("other-lab.trust", other.trustFile())
	v.say("another lab of the same name", theirs, credential.NotPinned, "sound in itself, with its own trust file inside")
	v.say("the other lab's trust file", "router.probat.zip", credential.NotPinned, "what was pinned does not know the key", by("other-lab.trust"))
	b := l.branch(5)
	b.Log = other.Log // signs for our lab's origin
	p := b.issue(noon, bending{})
	mixed := *p
	mixed.Trust = other.trustFile()
	v.say("checkpoint of another key", v.put("zip/checkpoint-of-another-key.probat.zip", l.zip(&mixed)), credential.NotPinned,
		"the copy of the trust file has other roots; beyond that the log has not signed the checkpoint, which comes later")
	files, err := credential.ReadZip(v.files["router.probat.zip"])
	l.ok(err)
	theirFiles, err := credential.ReadZip(v.files[theirs])
	l.ok(err)
	for i, f := range files {
		if f.Name == "trust/lab.trust" || f.Name == "trust/policy.txt" || f.Name == "trust/trusted_root.json" {
			files[i].Data = theirFiles[i].Data
		}
	}
	v.say("trust copy replaced", v.put("zip/trust-copy-replaced.probat.zip", credential.WriteZip(files)), credential.NotPinned, "the copy in the zip is another lab's: it has other root keys")
}

// bentTrust are other trust files of the same root.
func (v *vectorSet) bentTrust(l *vectorLab) {
	say := func(name, file string, word credential.Word, why string, bend func(*statement.Trust)) {
		b := l.branch(5)
		bend(b.Trust)
		v.say(name, "router.probat.zip", word, why, by(v.put(file, b.trustFile())))
	}
	next := func(t *statement.Trust) {
		t.Version, t.Previous, t.Act = 2, l.Pinned().ID.String(), l.act(noon.Add(2*time.Hour))
	}
	say("cut-off before it was seen", "lab-cut-off-before.trust", credential.Invalid, "the issuing key was compromised before witnesses saw it", func(t *statement.Trust) {
		next(t)
		t.Keys[0].CutOff = "2026-11-24T12:00:02Z"
	})
	say("cut-off after it was seen", "lab-cut-off-after.trust", credential.Valid, "a second later", func(t *statement.Trust) {
		next(t)
		t.Keys[0].CutOff = "2026-11-24T12:00:03Z"
	})
	say("key not yet in use", "lab-key-later.trust", credential.Invalid, "the key is for the time from December on", func(t *statement.Trust) { t.Keys[0].From = "2026-12-01T00:00:00Z" })
	say("key out of use", "lab-key-earlier.trust", credential.Invalid, "the key was for the time until that noon", func(t *statement.Trust) { t.Keys[0].Until = "2026-11-24T12:00:00Z" })
	say("key without the type", "lab-key-status-only.trust", credential.Invalid, "the key may sign status lists only", func(t *statement.Trust) { t.Keys[0].Predicates = []string{"status/v1"} })
	say("no witness asked", "lab-quorum-none.trust", credential.ValidUnwitnessed, "the policy is quorum none", func(t *statement.Trust) {
		t.Policy, t.Witnesses = "log "+l.LogKey().String()+"\nquorum none\n", []statement.TrustedWitness{}
	})
	say("one organisation", "lab-one-organisation.trust", credential.ValidUnwitnessed, "all witnesses are of one organisation, which counts once", func(t *statement.Trust) {
		for i := range t.Witnesses {
			t.Witnesses[i].Organisation = "Example Group"
		}
	})
	say("narrow window", "lab-window.trust", credential.Backdated, "it was seen two seconds after its time, a window of one is allowed", func(t *statement.Trust) { t.Window = 1 })
	say("another log key", "lab-log-key.trust", credential.NotLogged, "the policy has another key of the log", func(t *statement.Trust) {
		o := newVectorLab(v.t, "other lab")
		t.Policy = strings.Replace(t.Policy, l.LogKey().String(), o.LogKey().String(), 1)
	})
}

// bentZips are containers that are not in their one form.
func (v *vectorSet) bentZips() {
	data := v.files["router.probat.zip"]
	files, err := credential.ReadZip(data)
	if err != nil {
		v.t.Fatal(err)
	}
	say := func(name, why string, b []byte) {
		v.say("zip: "+name, v.put("zip/form-"+strings.ReplaceAll(name, " ", "-")+".probat.zip", b), credential.Invalid, why)
	}
	bend := func(f func([]credential.ZipFile) []credential.ZipFile) []byte {
		return credential.WriteZip(f(slices.Clone(files)))
	}
	patch := func(marker string, at int, to ...byte) []byte {
		b := bytes.Clone(data)
		copy(b[bytes.Index(b, []byte(marker))+at:], to)
		return b
	}
	say("empty", "no bytes", []byte{})
	say("byte before", "", slices.Concat([]byte{0}, data))
	say("byte after", "", append(bytes.Clone(data), 0))
	say("cut", "the last byte is missing", data[:len(data)-1])
	say("extra file", "a name that is none of them", bend(func(f []credential.ZipFile) []credential.ZipFile {
		return append(f, credential.ZipFile{Name: "../lab.trust", Data: []byte("x")})
	}))
	say("name twice", "", bend(func(f []credential.ZipFile) []credential.ZipFile { return slices.Insert(f, 1, f[0]) }))
	say("file missing", "status.tlog-proof", bend(func(f []credential.ZipFile) []credential.ZipFile { return slices.Delete(f, 3, 4) }))
	say("other order", "the first two changed places", bend(func(f []credential.ZipFile) []credential.ZipFile {
		f[0], f[1] = f[1], f[0]
		return f
	}))
	say("upper case", "", bend(func(f []credential.ZipFile) []credential.ZipFile { f[8].Name = "readme.txt"; return f }))
	say("readme changed", "README.txt is none of the published texts", bend(func(f []credential.ZipFile) []credential.ZipFile { f[8].Data = append(f[8].Data, '\n'); return f }))
	say("copy of the policy changed", "it is not the one in trust/lab.trust", bend(func(f []credential.ZipFile) []credential.ZipFile { f[7].Data = []byte("quorum none\n"); return f }))
	say("status proof changed", "it is not the one in status.sigstore.json", bend(func(f []credential.ZipFile) []credential.ZipFile { f[3].Data = f[1].Data; return f }))
	say("disclosures begin with 01", "", bend(func(f []credential.ZipFile) []credential.ZipFile {
		return slices.Insert(f, 4, credential.ZipFile{Name: "disclosures/01.json", Data: v.files["disclosure.json"]})
	}))
	say("encrypted flag", "", patch("PK\x03\x04", 6, 1))
	say("deflate", "the method says compressed", patch("PK\x03\x04", 8, 8))
	say("other time", "a minute after midnight", patch("PK\x03\x04", 10, 0x20))
	say("checksum", "", patch("PK\x03\x04", 14, 0, 0, 0, 0))
	say("directory disagrees", "another name in the central directory", patch("PK\x01\x02", 46, 'C'))
	say("symbolic link", "the mode in the central directory", patch("PK\x01\x02", 40, 0xff, 0xa1))
	say("comment", "", append(bytes.Clone(data[:len(data)-2]), 1, 0, 'x'))
}
