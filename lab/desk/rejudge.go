package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/lab/box"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/store/records"
)

// server reads for the server's own work what a release's owner may.
func (d *Desk) server(r *records.Release) Who {
	return Who{Viewer: access.Viewer{Party: r.Product.Owner, Person: "-", At: d.Lab.Now()}}
}

// rejudge judges the dossier that counts, whose plan is given, anew: with the judgements of persons that are chosen, or all if choose is nil. The
// caller has the release's lock.
func (d *Desk) rejudge(ctx context.Context, r *records.Release, plan *examine.Plan, choose func(records.Judgement) bool) error {
	w := d.server(r)
	all, err := d.As(w.Viewer).Judgements(ctx, r.ID, "", "")
	if err != nil {
		return err
	}
	if choose != nil {
		all = slices.DeleteFunc(all, func(j records.Judgement) bool { return !choose(j) })
	}
	if len(all) == 0 {
		return nil
	}
	return d.withDossier(ctx, r, r.Dossier, func(dir, work string) error {
		j := box.Judging{Dossier: dir, Out: filepath.Join(work, "judged", "dossier"), Judgements: []judge.Judgement{}}
		if err := os.MkdirAll(filepath.Dir(j.Out), 0o700); err != nil {
			return err
		}
		for _, x := range latest(all) {
			held, digests, err := d.cited(ctx, w, r, x.Cites)
			if err != nil {
				return err
			}
			j.Judgements = append(j.Judgements, judge.Judgement{
				Scheme: x.Scheme, Requirement: x.Requirement, Test: x.Test, Verdict: judge.Verdict(x.Verdict), Reason: x.Reason, Evidence: digests,
				Party: d.Home.Name, Person: x.PersonName, Statement: x.ID,
			})
			if err := d.placeEvidence(ctx, r, work, held, x, &j); err != nil {
				return err
			}
		}
		if err := d.Box.Judge(ctx, j); err != nil {
			return err
		}
		return d.accept(ctx, accepted{
			release: r, dir: j.Out, origin: "judged", predecessor: r.Dossier, check: func(p *examine.Plan) error { return continues(p, plan) },
		})
	})
}

// continues compares what a child says that it judged with what it was given: the same evidence under the same schemes.
func continues(p, before *examine.Plan) error {
	same := p.Predecessor == before.Dossier && p.Observed == before.Observed && p.AsOf == before.AsOf && p.Declaration == before.Declaration &&
		p.Release == before.Release && slices.Equal(p.Artifacts, before.Artifacts) &&
		slices.EqualFunc(p.Schemes, before.Schemes, func(a, b examine.Judged) bool { return a.Policy == b.Policy })
	if !same {
		return errTaken
	}
	return nil
}

// carryOver judges a dossier that was just accepted with what persons had found before, under schemes in the same edition. before is the release as
// it was until then; the caller has its lock.
func (d *Desk) carryOver(ctx context.Context, before *records.Release) error {
	if before.Dossier == "" {
		return nil
	}
	view := d.As(d.server(before).Viewer)
	old, err := view.ResultsOf(ctx, before.ID, before.Dossier)
	if err != nil {
		return err
	}
	editions, err := digests(old)
	if err != nil {
		return err
	}
	r, err := d.ReleaseFor(ctx, before.ID)
	if err != nil {
		return err
	}
	var plan *examine.Plan
	err = d.withDossier(ctx, r, r.Dossier, func(dir, _ string) (err error) {
		plan, err = d.Box.Examine(ctx, dir)
		return err
	})
	if err != nil {
		return err
	}
	return d.rejudge(ctx, r, plan, func(j records.Judgement) bool {
		return slices.ContainsFunc(plan.Schemes, func(s examine.Judged) bool {
			return s.Policy.Scheme == j.Scheme && s.Policy.Digest == editions[j.Scheme]
		})
	})
}

// digests returns the digests of the schemes of results, by id.
func digests(list []records.Result) (map[string]string, error) {
	m := map[string]string{}
	for _, x := range list {
		var s outline.Scheme
		if err := json.Unmarshal([]byte(x.Body), &s); err != nil {
			return nil, fmt.Errorf("reading a result: %w", err)
		}
		m[x.Scheme] = s.Digest
	}
	return m, nil
}

// latest leaves of several judgements of one person on one test the last: who finds better says so, and both stay in the ledger.
func latest(all []records.Judgement) []records.Judgement {
	var list []records.Judgement
	for i, x := range all {
		if !slices.ContainsFunc(all[i+1:], func(y records.Judgement) bool {
			return y.Person == x.Person && y.Scheme == x.Scheme && y.Requirement == x.Requirement && y.Test == x.Test
		}) {
			list = append(list, x)
		}
	}
	return list
}

func (d *Desk) placeEvidence(ctx context.Context, r *records.Release, work string, held []records.Held, x records.Judgement, j *box.Judging) (err error) {
	e := &evaluation{desk: d, release: r, dir: work, digests: map[string]string{}}
	if e.ring, err = d.keyring(ctx, r.ID); err != nil {
		return err
	}
	answers := x.Scheme + "/" + x.Requirement
	for _, h := range held {
		path := filepath.Join(work, "evidence", h.ID)
		if i := slices.IndexFunc(j.Evidence, func(c box.Cited) bool { return c.Path == path }); i >= 0 {
			if !slices.Contains(j.Evidence[i].Answers, answers) {
				j.Evidence[i].Answers = append(j.Evidence[i].Answers, answers)
			}
			continue
		}
		if err := e.place(ctx, h, path); err != nil {
			return err
		}
		x, err := info(ctx, e.ring, h)
		if err != nil {
			return err
		}
		j.Evidence = append(j.Evidence, box.Cited{Path: path, Digest: fmt.Sprintf("%x", x.SHA256), Title: h.Name, Answers: []string{answers}})
	}
	return nil
}
