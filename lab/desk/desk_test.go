package desk

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/seal"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store/records"
)

const operations = `product: Managed operations
kind: service
period: 2026-Q4
classes: [network-product]
schemes: [ts-33.117]
artifacts: []
`

// acts returns what the ledger has of a release's case, by type.
func (d *testDesk) acts(r *records.Release) map[string][]*statement.Statement {
	d.t.Helper()
	m := map[string][]*statement.Statement{}
	for e, err := range d.Lab.Ledger.InCase(d.t.Context(), r.Case) {
		if err != nil {
			d.t.Fatal(err)
		}
		s, err := e.Envelope.Open()
		if err != nil {
			d.t.Fatal(err)
		}
		m[e.Type] = append(m[e.Type], s)
	}
	return m
}

// TestService is a release without an artifact: all that is said about it is about its declaration's canonical form, whatever its YAML looks like.
func TestService(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t), t.Context()
	vendor, operator := d.party(access.Vendor, "Tarnwick Radio"), d.party(access.Operator, "Northhaven")
	r, job := d.submitted(vendor, Submission{Declaration: operations, Grants: []Leave{{Party: "northhaven", Level: "verdict"}}})
	d.run(job)
	if r = d.release(vendor, r.ID); r.State != "evaluated" || r.Product.Kind != "service" || r.Name != "2026-Q4" {
		t.Fatalf("the release is %+v", r)
	}
	if _, err := d.Post(ctx, d.now(operator), r.ID, Posting{Scheme: scheme, Requirement: boot, Text: "Which devices?", Position: "asks", To: []string{"Tarnwick Radio", "Tidewater Lab"}}); err != nil {
		t.Fatal(err)
	}
	acts := d.acts(r)
	want := acts[statement.TypeDossier][0].Subjects
	for kind, list := range acts {
		for _, s := range list {
			if diff := cmp.Diff(want, s.Subjects); diff != "" && kind != statement.TypeGrant {
				t.Errorf("%s is about something else than the dossier:\n%s", kind, diff)
			}
		}
	}
	if len(acts[statement.TypeMessage]) != 1 || len(acts[statement.TypeReceipt]) != 1 || len(acts[statement.TypeGrant]) != 1 {
		t.Errorf("the case has %d types of acts", len(acts))
	}
}

// TestSubmissionsRefused are things that cannot be handed in.
func TestSubmissionsRefused(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t), t.Context()
	vendor, other, operator := d.party(access.Vendor, "Brindlemoor Networks"), d.party(access.Vendor, "Rival"), d.party(access.Operator, "Northhaven")
	good := d.router(vendor)
	foreign := d.put(other, "x.bin", []byte("of somebody else"))
	for _, c := range []struct {
		name   string
		who    Who
		change func(*Submission)
		field  string
		is     error
	}{
		{"an operator", operator, func(*Submission) {}, "", ErrForbidden},
		{"another party's upload", vendor, func(s *Submission) { s.Files[0].Upload = foreign }, "files", nil},
		{"another vendor's name", other, func(*Submission) {}, "declaration", nil},
		{"a file that is not declared", vendor, func(s *Submission) { s.Files[0].Path = "../../x" }, "files", nil},
		{"one file too few", vendor, func(s *Submission) { s.Files = s.Files[1:] }, "files", nil},
		{"one document too few", vendor, func(s *Submission) { s.Files = s.Files[:2] }, "files", nil},
		{"the same file twice", vendor, func(s *Submission) { s.Files = append(s.Files, s.Files[0]) }, "files", nil},
		{"no YAML", vendor, func(s *Submission) { s.Declaration = "a: [" }, "declaration", nil},
		{"nothing", vendor, func(s *Submission) { *s = Submission{Product: "x", Version: "1"} }, "files", nil},
		{"no name", vendor, func(s *Submission) { *s = Submission{Version: "1", Files: s.Files[:1]} }, "product", nil},
		{"no such scheme", vendor, func(s *Submission) { s.Schemes = []string{"x"} }, "schemes", nil},
		{"no date", vendor, func(s *Submission) { s.Embargo = "tomorrow" }, "embargo", nil},
	} {
		s := good
		s.Files = slices.Clone(good.Files)
		c.change(&s)
		_, _, err := d.Submit(ctx, d.now(c.who), s)
		var bad *InvalidError
		if c.is != nil && !errors.Is(err, c.is) || c.field != "" && (!errors.As(err, &bad) || bad.Field != c.field) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	r, _ := d.submitted(vendor, good)
	if x, _ := d.submitted(vendor, d.router(vendor)); x.Case != r.Case || x.ID == r.ID {
		t.Errorf("handed in again it is another row of the same case; got case %s and %s", x.Case, r.Case)
	}
	theirs := d.router(other) // with the same bytes, by somebody else, who learns nothing
	theirs.Declaration = strings.Replace(theirs.Declaration, "Brindlemoor Networks", "Rival", 1)
	if x, _ := d.submitted(other, theirs); x.Case == r.Case {
		t.Error("two parties have one case")
	}
}

// TestForeign demands that what somebody does not see is not there for them, whatever they try.
func TestForeign(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t), t.Context()
	vendor := d.party(access.Vendor, "Tarnwick Radio")
	r, job := d.submitted(vendor, Submission{Declaration: operations})
	stranger, idle, chief := d.party(access.Vendor, "Rival"), d.colleague("Bela", access.Member), d.colleague("Ada", access.Admin)
	tries := map[string]func(Who) error{
		"evaluate": func(w Who) error { _, err := d.Evaluate(ctx, w, r.ID); return err },
		"cancel":   func(w Who) error { return d.Cancel(ctx, w, job.ID) },
		"judge":    func(w Who) error { _, err := d.Judge(ctx, w, r.ID, Judging{}); return err },
		"sign":     func(w Who) error { _, err := d.Countersign(ctx, w, r.ID, "x", "", "y"); return err },
		"evidence": func(w Who) error { _, err := d.AddEvidence(ctx, w, r.ID, "x", strings.NewReader("x")); return err },
		"agree":    func(w Who) error { _, err := d.Agree(ctx, w, r.ID, scheme, ""); return err },
		"post":     func(w Who) error { _, err := d.Post(ctx, w, r.ID, Posting{}); return err },
		"accept":   func(w Who) error { _, err := d.AcceptRisk(ctx, w, r.ID, Risking{}); return err },
		"grant":    func(w Who) error { _, err := d.Grant(ctx, w, r.ID, Leave{}); return err },
		"end":      func(w Who) error { return d.EndGrant(ctx, w, r.ID, "x") },
		"withdraw": func(w Who) error { return d.Withdraw(ctx, w, r.ID, "x") },
		"assign":   func(w Who) error { _, err := d.Assign(ctx, w, r.ID, idle.Person); return err },
		"elevate":  func(w Who) error { _, err := d.Elevate(ctx, w, r.ID, "x", time.Hour); return err },
		"unassign": func(w Who) error { return d.EndAssignment(ctx, w, r.ID, "x") },
		"report":   func(w Who) error { _, err := d.Report(ctx, w, r.ID, "x", "html"); return err },
	}
	for name, try := range tries {
		for _, w := range []Who{stranger, idle} {
			if err := try(d.now(w)); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s by %s: %v", name, w.PersonName, err)
			}
		}
	}
	for name, try := range tries { // the lab's admin sees that it is there, and has no more rights than to assign, or to let himself in
		if err := try(d.now(chief)); err == nil && name != "assign" && name != "elevate" {
			t.Errorf("%s by the lab's admin", name)
		}
		for _, x := range d.assignments(vendor, r.ID) {
			if err := d.EndAssignment(ctx, d.now(chief), r.ID, x.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// assignments are those that hold.
func (d *testDesk) assignments(owner Who, release string) (list []records.Assignment) {
	d.t.Helper()
	all, err := d.As(d.now(owner).Viewer).Assignments(d.t.Context(), release)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, x := range all {
		if x.Until.IsZero() || x.Until.After(d.Lab.Now()) {
			list = append(list, x)
		}
	}
	return list
}

// TestAgreeAgain has a second agreement end before the credential was issued: agreeing again issues it, and once it is there nothing more does.
func TestAgreeAgain(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t), t.Context()
	vendor, admin := d.party(access.Vendor, "Tarnwick Radio"), d.colleague("Ada", access.Admin)
	first, second := d.colleague("Bela", access.Member), d.colleague("Cleo", access.Member)
	r, job := d.submitted(vendor, Submission{Declaration: operations})
	d.run(job)
	d.assign(admin, r.ID, first, second)
	r = d.release(first, r.ID)
	for _, w := range []Who{first, second} {
		err := d.withDossier(ctx, r, r.Dossier, func(dir, _ string) error {
			plan, err := d.Box.Examine(ctx, dir)
			if err != nil {
				return err
			}
			return d.agree(ctx, d.now(w), r, plan, plan.Schemes[0].Policy)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	id, err := d.Agree(ctx, d.now(first), r.ID, scheme, "")
	if err != nil || id == "" {
		t.Fatalf("agreeing again gave %q, %v", id, err)
	}
	if _, err := d.Agree(ctx, d.now(second), r.ID, scheme, ""); !errors.Is(err, ErrState) {
		t.Errorf("agreeing once it was issued: %v", err)
	}
}

// TestJudgementsStay demands that an evaluation that is run again keeps what persons found.
func TestJudgementsStay(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t), t.Context()
	vendor, admin, judging := d.party(access.Vendor, "Brindlemoor Networks"), d.colleague("Ada", access.Admin), d.colleague("Bela", access.Member)
	r := d.evaluated(vendor)
	d.assign(admin, r.ID, judging)
	evidence, err := d.AddEvidence(ctx, d.now(judging), r.ID, "a\\b/photo.png", strings.NewReader("a photo"))
	if err != nil || evidence.Name != "photo.png" {
		t.Fatal(evidence.Name, err)
	}
	for _, verdict := range []string{"pass", "fail"} { // who finds better says so
		if _, err := d.Judge(ctx, d.now(judging), r.ID, Judging{Scheme: scheme, Requirement: boot, Test: "boot-tried", Verdict: verdict, Reason: "Seen.", Cites: []string{evidence.ID}}); err != nil {
			t.Fatal(err)
		}
	}
	if v := d.verdict(vendor, r.ID, boot); v != "fail " {
		t.Fatalf("judged it is %q", v)
	}
	job, err := d.Evaluate(ctx, d.now(judging), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	d.run(job)
	if v := d.verdict(vendor, r.ID, boot); v != "fail " {
		t.Errorf("evaluated again it is %q", v)
	}
	alarms, err := d.As(d.now(vendor).Viewer).Alarms(ctx, r.ID)
	if err != nil || len(alarms) != 0 {
		t.Errorf("alarms: %v %v", alarms, err)
	}
	for _, a := range []Judging{
		{Scheme: scheme, Requirement: boot, Test: "boot-tried", Verdict: "good", Reason: "x"},
		{Scheme: scheme, Requirement: boot, Test: "boot-tried", Verdict: "pass", Reason: " "},
		{Scheme: scheme, Requirement: boot, Test: "nonsense", Verdict: "pass", Reason: "x"},
		{Scheme: scheme, Requirement: "4.3.2.1", Test: "undeclared-service", Verdict: "pass", Reason: "facts decide"},
		{Scheme: scheme, Requirement: boot, Test: "boot-tried", Verdict: "pass", Reason: "x", Cites: []string{"nonsense"}},
	} {
		var bad *InvalidError
		if _, err := d.Judge(ctx, d.now(judging), r.ID, a); !errors.As(err, &bad) {
			t.Errorf("%+v: %v", a, err)
		}
	}
}

// TestContinues is a child that judges something else than it was given.
func TestContinues(t *testing.T) {
	t.Parallel()
	before := &examine.Plan{
		Dossier: "d", Observed: "o", AsOf: "2026-11-24", Artifacts: []examine.Artifact{{ID: "a", Digest: "x"}},
		Schemes: []examine.Judged{{Policy: statement.Policy{Scheme: "s", Digest: "e"}}},
	}
	honest := func() *examine.Plan {
		p := *before
		p.Dossier, p.Predecessor = "e", "d"
		p.Artifacts, p.Schemes = slices.Clone(p.Artifacts), slices.Clone(p.Schemes)
		return &p
	}
	if err := continues(honest(), before); err != nil {
		t.Error(err)
	}
	for name, lie := range map[string]func(*examine.Plan){
		"no predecessor":      func(p *examine.Plan) { p.Predecessor = "" },
		"another predecessor": func(p *examine.Plan) { p.Predecessor = "x" },
		"other facts":         func(p *examine.Plan) { p.Observed = "x" },
		"another day":         func(p *examine.Plan) { p.AsOf = "2027-01-01" },
		"other bytes":         func(p *examine.Plan) { p.Artifacts[0].Digest = "y" },
		"another declaration": func(p *examine.Plan) { p.Declaration = "x" },
		"another name":        func(p *examine.Plan) { p.Release.Product = "x" },
		"another scheme":      func(p *examine.Plan) { p.Schemes[0].Policy.Digest = "x" },
		"fewer schemes":       func(p *examine.Plan) { p.Schemes = nil },
	} {
		p := honest()
		lie(p)
		if err := continues(p, before); !errors.Is(err, errTaken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRevoked demands that who downloads a credential after it was revoked reads that, that the release can still be evaluated, and that no other
// credential of it is issued.
func TestRevoked(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t), t.Context()
	vendor, admin := d.party(access.Vendor, "Tarnwick Radio"), d.colleague("Ada", access.Admin)
	first, second := d.colleague("Bela", access.Member), d.colleague("Cleo", access.Member)
	r, job := d.submitted(vendor, Submission{Declaration: operations})
	d.run(job)
	d.assign(admin, r.ID, first, second)
	agree := func() (id string, err error) {
		for _, w := range []Who{first, second} {
			if id, err = d.Agree(ctx, d.now(w), r.ID, scheme, ""); err != nil {
				return "", err
			}
		}
		return id, nil
	}
	id, err := agree()
	if err != nil {
		t.Fatal(err)
	}
	d.wantWord(vendor, id, credential.ValidUnwitnessed)
	parsed, err := statement.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	notice, _, err := seal.Notice(ctx, d.Lab, parsed, "the declaration is untrue")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Answered(ctx, d.Lab, parsed, notice, "Tarnwick Radio", "agrees", "It is."); err != nil {
		t.Fatal(err)
	}
	if err := seal.Revoke(ctx, d.Lab, parsed, "the declaration is untrue"); err != nil {
		t.Fatal(err)
	}
	d.wantWord(vendor, id, credential.Revoked)
	third := d.colleague("Dora", access.Member)
	d.assign(admin, r.ID, third)
	if _, err := d.Judge(ctx, d.now(third), r.ID, Judging{Scheme: scheme, Requirement: boot, Test: "boot-tried", Verdict: "fail", Reason: "Seen."}); err != nil {
		t.Errorf("judging beside a credential that was revoked: %v", err)
	}
	if job, err = d.Evaluate(ctx, d.now(first), r.ID); err != nil {
		t.Fatal(err)
	}
	d.run(job)
	if _, err := agree(); !errors.Is(err, ErrState) {
		t.Errorf("another credential beside one that was revoked: %v", err)
	}
}

// wantWord is what somebody reads who downloads a credential and has the lab's trust file.
func (d *testDesk) wantWord(w Who, id string, want credential.Word) {
	d.t.Helper()
	_, zip, err := d.CredentialFile(d.t.Context(), d.now(w), id)
	if err != nil {
		d.t.Fatal(err)
	}
	if got := d.verify(zip); got.Word != want {
		d.t.Errorf("the credential is %s, want %s: %v", got.Word, want, got.Reasons)
	}
}

// TestTalk fixes who reads a message when it is posted.
func TestTalk(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t), t.Context()
	vendor, one, two := d.party(access.Vendor, "Tarnwick Radio"), d.party(access.Operator, "Northhaven"), d.party(access.Operator, "Southmere")
	r, job := d.submitted(vendor, Submission{Declaration: operations, Grants: []Leave{{Party: "Northhaven", Level: "evidence"}}})
	d.run(job)
	say := func(w Who, to ...string) error {
		_, err := d.Post(ctx, d.now(w), r.ID, Posting{Scheme: scheme, Requirement: boot, Text: "Hear, hear.", To: to})
		return err
	}
	reads := func(w Who) int {
		list, err := d.As(d.now(w).Viewer).Messages(ctx, r.ID, "", "")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	var bad *InvalidError
	if err := say(vendor, "Southmere"); !errors.As(err, &bad) {
		t.Errorf("to a party that sees nothing of it: %v", err)
	}
	if err := say(two, "Tarnwick Radio"); !errors.Is(err, ErrNotFound) {
		t.Errorf("by a party that sees nothing of it: %v", err)
	}
	if err := errors.Join(say(vendor, "Northhaven", "northhaven"), say(one, "Tarnwick Radio"), say(one, "Tidewater Lab")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Grant(ctx, d.now(vendor), r.ID, Leave{Party: "Southmere", Level: "evidence"}); err != nil {
		t.Fatal(err)
	}
	if v, a, b := reads(vendor), reads(one), reads(two); v != 2 || a != 3 || b != 0 {
		t.Errorf("the vendor reads %d, the operators %d and %d, want 2, 3 and 0", v, a, b)
	}
	grants, err := d.As(d.now(vendor).Viewer).Grants(ctx, r.ID)
	if err != nil || len(grants) != 2 {
		t.Fatal(grants, err)
	}
	if err := d.EndGrant(ctx, d.now(vendor), r.ID, grants[0].ID); err != nil {
		t.Fatal(err)
	}
	if n := reads(one); n != 0 {
		t.Errorf("after its grant has ended an operator reads %d", n)
	}
}

// TestEnds are evaluations that end otherwise.
func TestEnds(t *testing.T) {
	t.Parallel()
	d, ctx := newDesk(t), t.Context()
	vendor := d.party(access.Vendor, "Tarnwick Radio")
	r, job := d.submitted(vendor, Submission{Declaration: operations, Embargo: "2199-01-01"})
	if err := d.Run(ctx, job.ID, "w", io.Discard); !errors.Is(err, ErrNotFound) {
		t.Errorf("a job that nobody took: %v", err)
	}
	if _, err := d.Evaluate(ctx, d.now(vendor), r.ID); !errors.Is(err, ErrState) {
		t.Errorf("a second evaluation beside one that waits: %v", err)
	}
	if err := d.Cancel(ctx, d.now(vendor), job.ID); err != nil {
		t.Fatal(err)
	}
	if err := d.Cancel(ctx, d.now(vendor), job.ID); !errors.Is(err, ErrState) {
		t.Errorf("cancelling twice: %v", err)
	}
	job, err := d.Evaluate(ctx, d.now(vendor), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	d.Version = "another build"
	if ok, err := d.Take(ctx, job.ID, "w", time.Now().Add(time.Minute)); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if err := d.Run(ctx, job.ID, "w", io.Discard); err == nil || d.release(vendor, r.ID).State != "failed" {
		t.Errorf("a job of another build: %v, the release is %s", err, d.release(vendor, r.ID).State)
	}
	if job, err = d.Evaluate(ctx, d.now(vendor), r.ID); err != nil {
		t.Fatal(err)
	}
	d.run(job)
	if s := d.release(vendor, r.ID).State; s != "evaluated" {
		t.Errorf("the release is %s", s)
	}
	if err := d.Withdraw(ctx, d.now(vendor), r.ID, "a mistake"); err != nil {
		t.Fatal(err)
	}
	if err := d.Withdraw(ctx, d.now(vendor), r.ID, "a mistake"); !errors.Is(err, ErrState) {
		t.Errorf("withdrawing twice: %v", err)
	}
	if _, err := d.Evaluate(ctx, d.now(vendor), r.ID); !errors.Is(err, ErrState) {
		t.Errorf("evaluating what was withdrawn: %v", err)
	}
}
