package desk

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/credential"
)

const scheme = "ts-33.117"

// boot is a requirement that a document and a person decide.
const boot = "4.2.3.3.2"

// TestStory is a release from hand to hand: submitted, evaluated, judged, countersigned, agreed to by two, and verified offline by somebody who has
// nothing but the file and the lab's trust file.
func TestStory(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t), t.Context()
	vendor := d.party(access.Vendor, "Brindlemoor Networks")
	admin := d.colleague("Ada", access.Admin)
	first, second, third, fourth := d.colleague("Bela", access.Member), d.colleague("Cleo", access.Member), d.colleague("Dora", access.Member), d.colleague("Emil", access.Member)
	r := d.evaluated(vendor)
	if r.State != "evaluated" || r.Dossier == "" {
		t.Fatalf("the release is %+v", r)
	}
	d.assign(admin, r.ID, first, second, third, fourth)

	guide, err := d.As(d.now(first).Viewer).Held(ctx, r.ID, "document", "")
	if err != nil || len(guide) != 2 {
		t.Fatalf("documents: %v %v", guide, err)
	}
	if v := d.verdict(first, r.ID, boot); v != "not-assessed needs-person" {
		t.Fatalf("before it was judged it is %s", v)
	}
	evidence, err := d.AddEvidence(ctx, d.now(first), r.ID, "photo.png", strings.NewReader("a photo of the boot menu"))
	if err != nil {
		t.Fatal(err)
	}
	judgement, err := d.Judge(ctx, d.now(first), r.ID, Judging{Scheme: scheme, Requirement: boot, Test: "boot-devices-documented", Verdict: "pass", Reason: "Section 3 names flash only.", Cites: []string{guide[0].ID}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Judge(ctx, d.now(first), r.ID, Judging{Scheme: scheme, Requirement: boot, Test: "boot-tried", Verdict: "pass", Reason: "It did not boot from the stick.", Cites: []string{evidence.ID}}); err != nil {
		t.Fatal(err)
	}
	if v := d.verdict(vendor, r.ID, boot); v != "pass " {
		t.Errorf("after both tests were judged it is %q", v)
	}
	if _, err := d.Countersign(ctx, d.now(first), r.ID, judgement, "", "I say so again."); !errors.Is(err, ErrForbidden) {
		t.Errorf("countersigning one's own judgement: %v", err)
	}
	before := d.release(vendor, r.ID).Dossier
	if _, err := d.Countersign(ctx, d.now(second), r.ID, judgement, "", "I read the same."); err != nil {
		t.Fatal(err)
	}
	after := d.release(vendor, r.ID)
	dossiers, err := d.As(d.now(vendor).Viewer).Dossiers(ctx, r.ID)
	if err != nil || len(dossiers) != 4 {
		t.Fatalf("%d dossiers, %v", len(dossiers), err)
	}
	for _, x := range dossiers {
		if x.ID == after.Dossier && (x.Predecessor != before || x.Origin != "judged") {
			t.Errorf("the dossier that counts is %+v, its predecessor was %s", x, before)
		}
	}

	if _, err := d.Agree(ctx, d.now(first), r.ID, scheme, ""); !errors.Is(err, ErrForbidden) {
		t.Errorf("who judged agrees: %v", err)
	}
	if id, err := d.Agree(ctx, d.now(third), r.ID, scheme, "artifact"); err != nil || id != "" {
		t.Fatalf("the first agreement gave %q, %v", id, err)
	}
	if _, err := d.Agree(ctx, d.now(third), r.ID, scheme, "artifact"); !errors.Is(err, ErrState) {
		t.Errorf("agreeing twice: %v", err)
	}
	id, err := d.Agree(ctx, d.now(fourth), r.ID, scheme, "artifact")
	if err != nil || id == "" {
		t.Fatalf("the second agreement gave %q, %v", id, err)
	}
	name, zip, err := d.CredentialFile(ctx, d.now(vendor), id)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(name, ".probat.zip") {
		t.Errorf("the file is called %q", name)
	}
	d.wantAuthentic(zip)
}

// verify is what somebody reads offline who has nothing but the file and the lab's trust file.
func (d *testDesk) verify(zip []byte) *credential.Result {
	d.t.Helper()
	data, err := d.Lab.TrustFile()
	if err != nil {
		d.t.Fatal(err)
	}
	trust, err := credential.ParseTrust(data)
	if err != nil {
		d.t.Fatal(err)
	}
	return credential.Verify(zip, credential.Input{Trust: trust, Now: d.Lab.Now()})
}

// wantAuthentic verifies a credential, and one of which a byte was flipped.
func (d *testDesk) wantAuthentic(zip []byte) {
	d.t.Helper()
	if got := d.verify(zip); got.Word != credential.ValidUnwitnessed {
		d.t.Errorf("the credential is %s: %v", got.Word, got.Reasons)
	}
	for _, at := range []int{len(zip) / 3, len(zip) / 2} {
		flipped := bytes.Clone(zip)
		flipped[at] ^= 1
		if got := d.verify(flipped); got.Word != credential.Invalid {
			d.t.Errorf("with byte %d flipped it is %s", at, got.Word)
		}
	}
}
