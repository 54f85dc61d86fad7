package desk

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store/records"
)

// Judging is a person's verdict on a test in words.
type Judging struct {
	Scheme, Requirement, Test string
	Verdict                   string // pass, fail or inconclusive
	Reason                    string
	Cites                     []string // ids of evidence that the release holds
}

// maxEvidence bounds a piece of evidence that a person brings, in bytes.
const maxEvidence = 64 << 20

// AddEvidence keeps something that a person brings as evidence: a photo, a capture, a document. It is opened by nobody here.
func (d *Desk) AddEvidence(ctx context.Context, w Who, release, name string, data io.Reader) (records.Held, error) {
	r, err := d.find(ctx, w, release, access.AddEvidence)
	if err != nil {
		return records.Held{}, err
	}
	if name, err = line("name", filepath.Base(filepath.ToSlash(name))); err != nil {
		return records.Held{}, err
	}
	h, info, err := d.keep(ctx, r, records.HeldEvidence, w.Person, name, access.Evidence, data, maxEvidence)
	if err != nil {
		return h, err
	}
	if info.Size == 0 {
		return h, invalid("evidence", "is empty")
	}
	return h, d.Tx(ctx, func(tx *sql.Tx) error { return records.AddHeld(ctx, tx, h) })
}

// Judge records a person's verdict on a test in words, and judges the dossier anew with it.
func (d *Desk) Judge(ctx context.Context, w Who, release string, in Judging) (string, error) {
	r, err := d.find(ctx, w, release, access.Judge)
	if err != nil {
		return "", err
	}
	return d.judge(ctx, w, r, in, "")
}

// Countersign supports, or contradicts, another person's judgement: its own verdict on the same test.
func (d *Desk) Countersign(ctx context.Context, w Who, release, judgement, verdict, reason string) (string, error) {
	r, err := d.As(w.Viewer).Release(ctx, release)
	if err != nil {
		return "", err
	}
	list, err := d.As(w.Viewer).Judgements(ctx, release, "", "")
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(list, func(j records.Judgement) bool { return j.ID == judgement })
	if i < 0 {
		return "", ErrNotFound
	}
	of := list[i]
	o := r.Object()
	o.Judged = slices.ContainsFunc(list, func(j records.Judgement) bool {
		return j.Person == w.Person && j.Scheme == of.Scheme && j.Requirement == of.Requirement && j.Test == of.Test
	})
	if !d.Policies.May(w.Viewer, access.Countersign, o) {
		return "", ErrForbidden
	}
	if verdict == "" {
		verdict = of.Verdict
	}
	return d.judge(ctx, w, r, Judging{Scheme: of.Scheme, Requirement: of.Requirement, Test: of.Test, Verdict: verdict, Reason: reason, Cites: of.Cites}, of.ID)
}

func (d *Desk) judge(ctx context.Context, w Who, r *records.Release, in Judging, countersigns string) (string, error) {
	var err error
	if in.Reason, err = text("reason", in.Reason, maxText); err != nil {
		return "", err
	}
	if !slices.Contains([]string{"pass", "fail", "inconclusive"}, in.Verdict) {
		return "", invalid("verdict", "%q is none of pass, fail, inconclusive", in.Verdict)
	}
	if r.Dossier == "" || r.State == "withdrawn" {
		return "", fmt.Errorf("%w: there is no dossier to judge", ErrState)
	}
	if err := d.procedure(ctx, w, r, in); err != nil {
		return "", err
	}
	defer d.lock(r.ID)()
	cited, digests, err := d.cited(ctx, w, r, in.Cites)
	if err != nil {
		return "", err
	}
	if r, err = d.As(w.Viewer).Release(ctx, r.ID); err != nil { // what counts may have changed before the lock
		return "", err
	}
	row := records.Judgement{
		Release: r.ID, Scheme: in.Scheme, Requirement: in.Requirement, Test: in.Test, Verdict: in.Verdict, Reason: in.Reason, Cites: ids(cited),
		Countersigns: countersigns, Person: w.Person, PersonName: w.PersonName, Made: d.Lab.Now(),
	}
	var plan *examine.Plan
	err = d.withDossier(ctx, r, r.Dossier, func(dir, _ string) (err error) {
		if plan, err = d.Box.Examine(ctx, dir); err != nil {
			return err
		}
		i := slices.IndexFunc(plan.Schemes, func(s examine.Judged) bool { return s.Policy.Scheme == in.Scheme })
		if i < 0 {
			return ErrNotFound
		}
		subject := []statement.Subject{{Name: "dossier", Digest: statement.Digest{SHA256: plan.Dossier}}}
		e, err := d.act(ctx, w, r, subject, func(a statement.Act) statement.Predicate {
			a.Actor.Person = w.PersonName
			return &statement.Judgement{
				Act: a, Cites: digests, Countersigns: countersigns, Policy: plan.Schemes[i].Policy, Reason: in.Reason, Requirement: in.Requirement, Verdict: in.Verdict,
			}
		}, func(ctx context.Context, tx *sql.Tx, e ledger.Entry) error {
			row.ID, row.Leaf = e.ID.String(), e.Index
			return d.AddJudgement(ctx, tx, row)
		})
		row.ID = e.ID.String()
		return err
	})
	if err != nil {
		return "", err
	}
	return row.ID, d.rejudge(ctx, r, plan, nil)
}

// procedure wants that a test exists, and that it is one that persons answer.
func (d *Desk) procedure(ctx context.Context, w Who, r *records.Release, in Judging) error {
	q, err := d.As(w.Viewer).Requirement(ctx, r.ID, in.Scheme, in.Requirement, "")
	if err != nil {
		return err
	}
	var o outline.Requirement
	if err := json.Unmarshal([]byte(q.Body), &o); err != nil {
		return fmt.Errorf("reading a requirement: %w", err)
	}
	for _, t := range o.Tests {
		if t.ID == in.Test {
			if t.Procedure == "" || t.Over != "" {
				return invalid("test", "%q is decided by facts, not by persons", in.Test)
			}
			return nil
		}
	}
	return invalid("test", "%s has no test %q", in.Requirement, in.Test)
}

func ids(list []records.Held) []string {
	out := []string{}
	for _, h := range list {
		out = append(out, h.ID)
	}
	return out
}

// cited finds evidence by its ids, and says what its digests are: of evidence that persons brought, and documents.
func (d *Desk) cited(ctx context.Context, w Who, r *records.Release, cites []string) ([]records.Held, []string, error) {
	list, digests := []records.Held{}, []string{}
	if len(cites) == 0 {
		return list, digests, nil
	}
	k, err := d.keyring(ctx, r.ID)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range cites {
		h, err := d.As(w.Viewer).HeldByID(ctx, id)
		if err != nil || h.Release != r.ID || h.Kind != records.HeldEvidence && h.Kind != records.HeldDocument {
			return nil, nil, invalid("cites", "there is no evidence %q of this release", id)
		}
		x, err := info(ctx, k, h)
		if err != nil {
			return nil, nil, err
		}
		list, digests = append(list, h), append(digests, fmt.Sprintf("%x", x.SHA256))
	}
	slices.Sort(digests)
	return list, slices.Compact(digests), nil
}

// Risking is a party's acceptance of a risk.
type Risking struct {
	Scheme, Requirement, Fingerprint string
	Reason, Until                    string // YYYY-MM-DD: the first day on which it is not accepted any more
}

// AcceptRisk records that the actor's party accepts a risk. It changes no verdict.
func (d *Desk) AcceptRisk(ctx context.Context, w Who, release string, in Risking) (string, error) {
	r, err := d.find(ctx, w, release, access.AcceptRisk)
	if err != nil {
		return "", err
	}
	if in.Reason, err = text("reason", in.Reason, maxText); err != nil {
		return "", err
	}
	until, err := date("until", in.Until)
	if err != nil {
		return "", err
	}
	if !until.After(d.Lab.Now()) || until.After(d.Lab.Now().AddDate(5, 0, 0)) {
		return "", invalid("until", "lies in the next five years")
	}
	policy, err := d.policy(ctx, w, r, in.Scheme, in.Requirement, in.Fingerprint)
	if err != nil {
		return "", err
	}
	subjects, err := d.subjects(ctx, r)
	if err != nil {
		return "", err
	}
	e, err := d.act(ctx, w, r, subjects, func(a statement.Act) statement.Predicate {
		return &statement.Risk{Act: a, Fingerprint: in.Fingerprint, Policy: policy, Reason: in.Reason, Requirement: in.Requirement, Until: until.Format(time.DateOnly)}
	}, func(ctx context.Context, tx *sql.Tx, e ledger.Entry) error {
		return d.AddRisk(ctx, tx, records.Risk{
			ID: e.ID.String(), Release: r.ID, Party: w.Party, Scheme: in.Scheme, Requirement: in.Requirement, Fingerprint: in.Fingerprint, Reason: in.Reason,
			Until: until.Format(time.DateOnly), Person: w.Person, Leaf: e.Index, Made: d.Lab.Now(),
		})
	})
	return e.ID.String(), err
}

// policy says which edition a release was judged by, for a requirement (and finding, if one is named) that the viewer sees.
func (d *Desk) policy(ctx context.Context, w Who, r *records.Release, scheme, requirement, fingerprint string) (p statement.Policy, err error) {
	view := d.As(w.Viewer)
	if _, err := view.Requirement(ctx, r.ID, scheme, requirement, ""); err != nil {
		return p, err
	}
	if fingerprint != "" {
		list, _, err := view.Findings(ctx, r.ID, scheme, requirement, "", records.Page{Most: 100_000})
		if err != nil {
			return p, err
		}
		if !slices.ContainsFunc(list, func(f records.Finding) bool { return f.Fingerprint == fingerprint }) {
			return p, ErrNotFound
		}
	}
	results, err := view.Results(ctx, r.ID)
	if err != nil {
		return p, err
	}
	for _, x := range results {
		var s outline.Scheme
		if x.Scheme != scheme {
			continue
		}
		if err := json.Unmarshal([]byte(x.Body), &s); err != nil {
			return p, err
		}
		return statement.Policy{Digest: s.Digest, Edition: s.Edition, Scheme: s.ID}, nil
	}
	return p, errors.Join(ErrNotFound)
}
