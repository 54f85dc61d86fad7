package credential_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

const origin = "log.lab.example"

var noon = credentialtest.Noon

// input is what a customer has who did everything right.
func input(l *credentialtest.Lab) credential.Input {
	l.TB.Helper()
	return credential.Input{
		Trust: l.Pinned(), Now: noon.Add(24 * time.Hour), Files: []credential.File{{Name: "router.img", SHA256: credentialtest.Image}}, RequirePassed: true,
	}
}

// want fails the test unless the word is the one expected.
func want(t testing.TB, zip []byte, in credential.Input, word credential.Word) *credential.Result {
	t.Helper()
	r := credential.Verify(zip, in)
	if r.Word != word || r.ExitCode != word.ExitCode() {
		t.Errorf("got %s (%d), want %s; reasons: %v", r.Word, r.ExitCode, word, r.Reasons)
	}
	if word != credential.Valid && (len(r.Reasons) == 0 || r.Reasons[0].Word != word) {
		t.Errorf("the first reason is not the word's: %v", r.Reasons)
	}
	return r
}

// because wants a word, and text in the first reason or the place it names.
func because(t testing.TB, zip []byte, in credential.Input, word credential.Word, text string) *credential.Result {
	t.Helper()
	r := want(t, zip, in, word)
	if len(r.Reasons) == 0 || !strings.Contains(r.Reasons[0].Where+": "+r.Reasons[0].Text, text) {
		t.Errorf("%q is not in the first of %v", text, r.Reasons)
	}
	return r
}

func TestValid(t *testing.T) {
	l, c, zip := sealed(t)
	r := want(t, zip, input(l), credential.Valid)
	f := r.Facts
	if f.Lab != l.Trust.Lab || f.Origin != origin || f.Outcome != "PASSED" || f.Counts.Of != 42 || f.Counts.Pass != 40 || f.Attempts != 2 || f.CaseLength != 7 || f.Quorum != "reached" ||
		f.Organisations != 2 || len(f.Witnesses) != 2 || f.LoggedBy != "2026-11-24T12:00:02Z" || f.KnewHead != "2026-11-24T11:00:00Z" || !f.Trust.Pinned || len(f.Disclosures) != 1 ||
		f.Status.Sequence != 1 || f.Status.Age != 86400 || !slices.Equal(f.Subjects[0].Files, []string{"router.img"}) || f.ID != c.Parts.Credential.Envelope.ID().String() {
		t.Errorf("facts: %+v", f)
	}
	if len(r.Checked) < 6 || len(r.NotChecked) != 0 {
		t.Errorf("checked %q, not checked %q", r.Checked, r.NotChecked)
	}
	if again := want(t, zip, input(l), credential.Valid); again.Facts.ID != f.ID {
		t.Error("not the same twice")
	}
}

// TestWords leads to every word, each by the least that does.
func TestWords(t *testing.T) {
	reached := map[credential.Word]bool{}
	say := func(name string, zip []byte, in credential.Input, word credential.Word) {
		t.Run(name, func(t *testing.T) { reached[want(t, zip, in, word).Word] = true })
	}
	l, c, zip := sealed(t)
	in := func(bend func(in *credential.Input)) credential.Input {
		x := input(l)
		bend(&x)
		return x
	}
	say("valid", zip, input(l), credential.Valid)
	say("no zip", nil, input(l), credential.Invalid)
	say("no trust", zip, in(func(in *credential.Input) { in.Trust = nil }), credential.NotPinned)
	say("other lab's trust", zip, in(func(in *credential.Input) { in.Trust = credentialtest.New(t, origin, 3).Pinned() }), credential.NotPinned)
	say("another history", zip, in(func(in *credential.Input) {
		fork := l.Fork(2)
		fork.Fill(int(l.Size() - 2))
		in.Known = []*proof.SignedCheckpoint{fork.Checkpoint(noon)}
	}), credential.Diverged)
	say("another file", zip, in(func(in *credential.Input) { in.Files[0].SHA256 = credentialtest.Hex(32) }), credential.OtherFile)
	say("expired", zip, in(func(in *credential.Input) { in.Now = noon.AddDate(1, 0, 0) }), credential.Expired)
	say("a second before", zip, in(func(in *credential.Input) {
		in.Now = noon.AddDate(1, 0, 0).Add(-time.Second)
		in.MaxStatusAge = 400 * 24 * time.Hour
	}), credential.Valid)
	say("stale", zip, in(func(in *credential.Input) { in.Now = noon.Add(30*24*time.Hour + time.Second) }), credential.ValidStale)
	say("not stale yet", zip, in(func(in *credential.Input) { in.Now = noon.Add(30 * 24 * time.Hour) }), credential.Valid)
	say("the clock is behind", zip, in(func(in *credential.Input) { in.Now = noon.Add(-6 * time.Minute) }), credential.Backdated)

	alone := credentialtest.New(t, origin, 0)
	say("quorum none", alone.NewCredential().Seal(), input(alone), credential.ValidUnwitnessed)

	bad := l.NewCredential()
	bad.Issue.Core.Counts = statement.Counts{Fail: 1, Pass: 41}
	badZip := bad.Seal()
	say("failed, passed is asked for", badZip, input(l), credential.NotPassed)
	say("failed, nothing is asked for", badZip, in(func(in *credential.Input) { in.RequirePassed = false }), credential.Valid)

	other := *c
	other.Parts.First = l.Prove(3, c.Parts.First.Checkpoint)
	say("proof of another leaf", other.Zip(), input(l), credential.NotLogged)

	for word, standing := range map[credential.Word]statement.Standing{credential.Revoked: statement.Revoked, credential.Suspended: statement.Suspended, credential.Superseded: statement.Superseded} {
		var lists credential.Lists
		lists.Put(c.Index, standing)
		lists.Put(c.Index+1, statement.Revoked) // of another credential
		again := *c
		say(string(standing), again.Refresh(2, noon.Add(time.Hour), &lists), input(l), word)
	}
	for _, w := range credential.Words() {
		if !reached[w] {
			t.Errorf("no test leads to %s", w)
		}
	}
}

// TestPrecedence: of two defects the first by precedence is said, and both stand among the reasons.
func TestPrecedence(t *testing.T) {
	words := credential.Words()
	codes := []int{10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 0}
	for i, w := range words {
		if w.ExitCode() != codes[i] || w.Authentic() != (i >= 5) {
			t.Errorf("%s: exit code %d, authentic %v", w, w.ExitCode(), w.Authentic())
		}
	}
	if credential.Word("?").ExitCode() != 10 {
		t.Error("what is no word has no exit code of an error")
	}
	// A credential with as many defects as one can have; then one is taken away after the other, in their order.
	l := credentialtest.New(t, origin, 3)
	fork := l.Fork(0)
	c := l.NewCredential()
	c.Issue.Core.Counts.Fail = 1
	c.Seal()
	var lists credential.Lists
	for _, s := range []statement.Standing{statement.Suspended, statement.Superseded, statement.Revoked} {
		lists.Put(c.Index, s)
	}
	c.Parts.First = l.Prove(c.Parts.First.Index, l.Cosign(l.Checkpoint(noon), noon.AddDate(0, 1, 0), l.Witnesses...)) // backdated: witnessed a month later
	zip := c.Refresh(2, noon.Add(time.Hour), &lists)
	fork.Fill(int(c.Parts.First.Checkpoint.Size))
	in := input(l)
	in.Trust, in.Files[0].SHA256 = nil, credentialtest.Hex(32)
	in.Now = noon.AddDate(2, 0, 0)
	in.Known = []*proof.SignedCheckpoint{fork.Checkpoint(noon)}
	in.Disclosures = [][]byte{[]byte("no disclosure")}
	for _, step := range []struct {
		word credential.Word
		mend func()
	}{
		{credential.Invalid, func() { in.Disclosures = nil }},
		{credential.NotPinned, func() { in.Trust = l.Pinned() }},
		{credential.Diverged, func() { in.Known = nil }},
		{credential.Backdated, func() {
			c.Parts.First = l.Prove(c.Parts.First.Index, c.Parts.Credential.Proof.Checkpoint)
			zip = c.Zip()
		}},
		{credential.OtherFile, func() { in.Files = nil }},
		{credential.Revoked, func() { lists.Revoked.Set(c.Index, false); zip = c.Refresh(2, noon.Add(time.Hour), &lists) }},
		{credential.Suspended, func() { lists.Suspended.Set(c.Index, false); zip = c.Refresh(2, noon.Add(time.Hour), &lists) }},
		{credential.Expired, func() { in.Now = noon.AddDate(0, 2, 0) }},
		{credential.Superseded, func() { zip = c.Refresh(2, noon.Add(time.Hour), nil) }},
		{credential.NotPassed, func() { in.RequirePassed = false }}, // an outcome that was demanded outranks what is only a reservation
		{credential.ValidStale, func() { in.Now = noon.AddDate(0, 0, 1) }},
		{credential.Valid, func() {}},
	} {
		want(t, zip, in, step.word)
		step.mend()
	}
}

// TestReplay is doc/adversarial-tests.md, 14 and 31: true parts in the wrong place.
func TestReplay(t *testing.T) {
	l, c, _ := sealed(t)
	other := l.NewCredential() // a second credential of the same lab and log: another product
	other.Issue.Core.Release.Product = "switch"
	other.Issue.Core.Status.Index = 12
	other.Issue.Subjects[0].Digest.SHA256 = credentialtest.Hex(32)
	other.Seal()
	foreign := credentialtest.New(t, "log.other.example", 3) // another lab
	foreignCredential := foreign.NewCredential()
	foreignCredential.Seal()
	mixed := func(bend func(p *credential.Parts)) []byte {
		m := *c
		bend(&m.Parts)
		return m.Zip()
	}
	shared := other.Parts.Credential.Proof.Checkpoint
	in := input(l)
	because(t, other.Zip(), in, credential.OtherFile, "none of the evaluated files")
	want(t, foreignCredential.Zip(), in, credential.NotPinned)
	// The trust file of the one, the credential of the other.
	fp := foreignCredential.Parts
	fp.Trust = c.Parts.Trust
	if _, err := credential.Assemble(fp); err == nil {
		t.Error("another log's checkpoint was put beside the trust file")
	}
	for name, x := range map[string]struct {
		zip  []byte
		word credential.Word
	}{
		"entry of another statement": {mixed(func(p *credential.Parts) {
			p.Credential.Proof, p.First = other.Parts.Credential.Proof, other.Parts.First
			p.Status.Proof = l.Prove(p.Status.Proof.Index, shared)
		}), credential.NotLogged},
		"other index": {mixed(func(p *credential.Parts) {
			q := *p.First
			q.Index ^= 1
			p.First = &q
		}), credential.NotLogged},
		"no hashes": {mixed(func(p *credential.Parts) {
			q := *p.First
			q.Hashes = nil
			p.First = &q
		}), credential.NotLogged},
		"a hash less": {mixed(func(p *credential.Parts) {
			q := *p.First
			q.Hashes = q.Hashes[1:]
			p.First = &q
		}), credential.NotLogged},
		"a hash more": {mixed(func(p *credential.Parts) {
			q := *p.First
			q.Hashes = append(slices.Clone(q.Hashes), q.Hashes[0])
			p.First = &q
		}), credential.NotLogged},
		"hashes swapped": {mixed(func(p *credential.Parts) {
			q := *p.First
			q.Hashes = slices.Clone(q.Hashes)
			q.Hashes[0], q.Hashes[1] = q.Hashes[1], q.Hashes[0]
			p.First = &q
		}), credential.NotLogged},
		"proof for another tree size": {mixed(func(p *credential.Parts) {
			q := *l.Prove(p.First.Index, shared)
			q.Checkpoint = p.First.Checkpoint
			p.First = &q
		}), credential.NotLogged},
		"status of another leaf": {mixed(func(p *credential.Parts) {
			q := *p.Status.Proof
			q.Index--
			p.Status.Proof = &q
		}), credential.NotLogged},
		"the later checkpoint first": {mixed(func(p *credential.Parts) { p.First = l.Prove(p.First.Index, shared) }), credential.Invalid},
	} {
		if r := credential.Verify(x.zip, in); r.Word != x.word {
			t.Errorf("%s: %s, want %s: %v", name, r.Word, x.word, r.Reasons)
		}
	}
}

// TestSharedCheckpoint: credential and status list are proven under one checkpoint, to the byte; who could mix could show an old
// status list beside a new checkpoint.
func TestSharedCheckpoint(t *testing.T) {
	l, c, _ := sealed(t)
	bent := *c
	p := *c.Parts.Status.Proof
	p.Checkpoint = l.Cosign(p.Checkpoint, noon.Add(2*time.Second), l.Witnesses[2]) // the same, with a cosignature more
	bent.Parts.Status.Proof = &p
	if _, err := credential.Assemble(bent.Parts); err == nil || !strings.Contains(err.Error(), "its checkpoint is not the one") {
		t.Error(err)
	}
}

// TestBundleSwap takes bundles apart below what Assemble can do: the leaf of one statement beside the envelope of another, in all combinations.
func TestBundleSwap(t *testing.T) {
	l, c, zip := sealed(t)
	files, err := credential.ReadZip(zip)
	if err != nil {
		t.Fatal(err)
	}
	e, signer, p := c.Parts.Credential.Envelope, c.Parts.Credential.Signer, c.Parts.Credential.Proof
	twin := *e
	twin.Signature = ecdsaTwin(t, e.Signature)
	if err := twin.Verify(signer); err != nil || twin.ID() != e.ID() {
		t.Fatalf("the twin of a signature: %v", err)
	}
	for name, x := range map[string]struct {
		bundle *credential.Bundle
		word   credential.Word
	}{
		"as it is": {credential.NewBundle(e, signer, l.LogKey(), p), credential.Valid},
		"leaf of the status list": {&credential.Bundle{
			Envelope: e, Leaf: credential.LeafOf(c.Parts.Status.Envelope, signer), LogID: credential.LogID(l.LogKey()),
			Proof: l.Prove(c.Parts.Status.Proof.Index, p.Checkpoint),
		}, credential.NotLogged},
		"another log's name": {&credential.Bundle{Envelope: e, Leaf: credential.LeafOf(e, signer), Proof: p}, credential.NotLogged},
		// The statement is the same, and its other signature is not what the log has.
		"twin of the signature": {&credential.Bundle{Envelope: &twin, Leaf: credential.LeafOf(e, signer), LogID: credential.LogID(l.LogKey()), Proof: p}, credential.NotLogged},
	} {
		bent := slices.Clone(files)
		bent[0].Data = x.bundle.Bytes()
		if r := credential.Verify(credential.WriteZip(bent), input(l)); r.Word != x.word {
			t.Errorf("%s: %s, want %s: %v", name, r.Word, x.word, r.Reasons)
		}
	}
}

// TestWrongStatement: another type of statement in a place, whoever signed it (doc/adversarial-tests.md, 19).
func TestWrongStatement(t *testing.T) {
	l, c, _ := sealed(t)
	swap := *c
	swap.Parts.Credential, swap.Parts.Status = c.Parts.Status, c.Parts.Credential
	swap.Parts.First = l.Prove(swap.Parts.Credential.Proof.Index, c.Parts.First.Checkpoint)
	because(t, swap.Zip(), input(l), credential.Invalid, "not a credential")
	twice := *c
	twice.Parts.Status = c.Parts.Credential
	because(t, twice.Zip(), input(l), credential.Invalid, "not a status list")
}

// TestTrustCopyReplaced is doc/adversarial-tests.md, 22.
func TestTrustCopyReplaced(t *testing.T) {
	l, c, zip := sealed(t)
	attacker := credentialtest.New(t, origin, 3)
	files, err := credential.ReadZip(zip)
	if err != nil {
		t.Fatal(err)
	}
	replaced := slices.Clone(files)
	for i := range replaced {
		switch replaced[i].Name {
		case "trust/lab.trust":
			replaced[i].Data = attacker.TrustFile()
		case "trust/trusted_root.json":
			replaced[i].Data = attacker.Pinned().TrustedRoot()
		case "trust/policy.txt":
			replaced[i].Data = []byte(attacker.Trust.Policy)
		}
	}
	r := because(t, credential.WriteZip(replaced), input(l), credential.NotPinned, "other root keys")
	if !strings.Contains(r.Reasons[0].Text, attacker.Pinned().Fingerprint()) {
		t.Errorf("no fingerprint in %v", r.Reasons)
	}
	// Everything made by the attacker, who names himself as the lab does.
	own := attacker.NewCredential()
	own.Seal()
	r = because(t, own.Zip(), input(l), credential.NotPinned, "does not know the key")
	if r.Facts.Trust.Pinned || r.Facts.Trust.Fingerprint != attacker.Pinned().Fingerprint() {
		t.Errorf("trust %+v", r.Facts.Trust)
	}
	// A newer version of the same root's file is no attack, and is said.
	old := l.Pinned()
	l.Trust.Version, l.Trust.Previous = 2, old.ID.String()
	c.Parts.Trust = l.TrustFile()
	in := input(l)
	in.Trust = old
	if r := want(t, c.Zip(), in, credential.Valid); !strings.Contains(strings.Join(r.NotChecked, "\n"), "version 2") {
		t.Errorf("not checked: %q", r.NotChecked)
	}
	// lab.pub of somebody else.
	bent := slices.Clone(files)
	i := slices.IndexFunc(bent, func(f credential.ZipFile) bool { return f.Name == "trust/lab.pub" })
	bent[i].Data = bytes.Replace(bent[i].Data, []byte("PUBLIC"), []byte("public"), 1)
	because(t, credential.WriteZip(bent), input(l), credential.Invalid, "trust/lab.pub")
}
