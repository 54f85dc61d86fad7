package desk

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/seal"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store/records"
)

// agreeing is how many people of the lab must agree before a credential is issued.
const agreeing = 2

// Agree records that somebody of the lab agrees to a credential under a scheme (or a profile of it) for what counts now. With the second person it is
// issued. Nobody agrees who judged anything of the release.
func (d *Desk) Agree(ctx context.Context, w Who, release, scheme, profile string) (credential string, err error) {
	r, err := d.As(w.Viewer).Release(ctx, release)
	if err != nil {
		return "", err
	}
	judged, err := d.As(w.Viewer).Judgements(ctx, release, "", "")
	if err != nil {
		return "", err
	}
	o := r.Object()
	o.Judged = slices.ContainsFunc(judged, func(j records.Judgement) bool { return j.Person == w.Person })
	if !d.Policies.May(w.Viewer, access.Agree, o) {
		if o.Judged {
			return "", fmt.Errorf("%w: who judged here does not agree to issue", ErrForbidden)
		}
		return "", ErrForbidden
	}
	if r.State != "evaluated" {
		return "", fmt.Errorf("%w: the release is %s", ErrState, r.State)
	}
	defer d.lock(release)()
	if r, err = d.As(w.Viewer).Release(ctx, release); err != nil {
		return "", err
	}
	err = d.withDossier(ctx, r, r.Dossier, func(dir, _ string) error {
		plan, err := d.Box.Examine(ctx, dir)
		if err != nil {
			return err
		}
		policy, err := choose(plan, scheme, profile)
		if err != nil {
			return err
		}
		if err := d.agree(ctx, w, r, plan, policy); err != nil {
			return err
		}
		list, err := d.As(w.Viewer).Agreements(ctx, release)
		if err != nil {
			return err
		}
		people := map[string]bool{}
		for _, a := range list {
			if a.Dossier == r.Dossier && a.Scheme == scheme && a.Profile == profile {
				people[a.Person] = true
			}
		}
		if len(people) < agreeing {
			return nil
		}
		credential, err = d.issue(ctx, r, plan, policy)
		return err
	})
	return credential, err
}

func choose(p *examine.Plan, scheme, profile string) (statement.Policy, error) {
	for _, s := range p.Schemes {
		if s.Policy.Scheme != scheme {
			continue
		}
		policy := s.Policy
		policy.Profile = profile
		if profile == "" || slices.ContainsFunc(s.Profiles, func(x examine.Profile) bool { return x.ID == profile }) {
			return policy, nil
		}
	}
	return statement.Policy{}, invalid("scheme", "the release was not judged by %q %s", scheme, profile)
}

func (d *Desk) agree(ctx context.Context, w Who, r *records.Release, plan *examine.Plan, policy statement.Policy) error {
	_, err := d.act(ctx, w, r, plan.Subjects(), func(a statement.Act) statement.Predicate {
		a.Actor.Person = w.PersonName
		return &statement.Agreement{Act: a, Dossier: plan.Dossier, Event: "agreed", Policy: policy}
	}, func(ctx context.Context, tx *sql.Tx, e ledger.Entry) error {
		return d.AddAgreement(ctx, tx, records.Agreement{
			ID: e.ID.String(), Release: r.ID, Dossier: r.Dossier, Scheme: policy.Scheme, Profile: policy.Profile, Person: w.Person, Made: d.Lab.Now(),
		})
	})
	if errors.Is(err, records.ErrAgreed) {
		return fmt.Errorf("%w: you have agreed already; another person has to", ErrState)
	}
	return err
}

// issuedBody is what pages show of a credential.
type issuedBody struct {
	Outcome  string           `json:"outcome"`
	Counts   statement.Counts `json:"counts"`
	Attempts int              `json:"attempts"`
	Index    int64            `json:"leaf"`
	Policy   statement.Policy `json:"policy"`
	Subjects int              `json:"subjects"`
}

// witnessWait is how long witnesses are waited for when a credential is issued.
const witnessWait = 5 * time.Second

func (d *Desk) issue(ctx context.Context, r *records.Release, plan *examine.Plan, policy statement.Policy) (string, error) {
	o := d.sealing(r, policy.Scheme)
	o.Profile, o.Wait = policy.Profile, witnessWait
	s, err := seal.Seal(ctx, d.Lab, plan, nothing, o)
	if err != nil {
		return "", err
	}
	id := s.ID.String()
	file, err := d.keepBytes(ctx, r, records.HeldCredential, id, s.Name+".probat.zip", access.Summary, s.Zip)
	if err != nil {
		return "", err
	}
	c := s.Credential.Core
	counts := c.Counts
	if c.ProfileCounts != nil {
		counts = *c.ProfileCounts
	}
	body, err := json.Marshal(issuedBody{s.Credential.VerificationResult, counts, c.Attempts, s.Index, c.Policy, len(plan.Artifacts)})
	if err != nil {
		return "", err
	}
	until, err := statement.ParseTime(c.ValidUntil)
	if err != nil {
		return "", err
	}
	return id, d.Tx(ctx, func(tx *sql.Tx) error {
		if err := d.AddIssued(ctx, tx, records.Issued{
			ID: id, Release: r.ID, Dossier: r.Dossier, Scheme: policy.Scheme, Edition: policy.Edition, Profile: policy.Profile, Name: s.Name, Made: d.Lab.Now(),
			Until: until, Published: "private", Body: body,
		}); err != nil {
			return err
		}
		return records.AddHeld(ctx, tx, file)
	})
}

// Publish says how far a credential is published: private (owner and lab), granted (who sees the release) or public.
func (d *Desk) Publish(ctx context.Context, w Who, credential, published string) error {
	c, err := d.As(w.Viewer).IssuedByID(ctx, credential)
	if err != nil {
		return err
	}
	r, err := d.find(ctx, w, c.Release, access.Publish)
	if err != nil {
		return err
	}
	if !slices.Contains([]string{"private", "granted", "public"}, published) {
		return invalid("published", "%q is none of private, granted, public", published)
	}
	if published != "private" && d.Lab.Now().Before(r.Embargo) {
		return fmt.Errorf("%w: the release is under embargo until %s", ErrState, r.Embargo.Format(time.DateOnly))
	}
	return d.Tx(ctx, func(tx *sql.Tx) error { return d.SetPublished(ctx, tx, r.ID, credential, published) })
}

// CredentialFile returns the file of a credential that the viewer sees, or that is public.
func (d *Desk) CredentialFile(ctx context.Context, w Who, credential string) (name string, data []byte, err error) {
	if _, err := d.As(w.Viewer).IssuedByID(ctx, credential); err != nil {
		return "", nil, err
	}
	h, err := d.CredentialHeld(ctx, credential)
	if err != nil {
		return "", nil, err
	}
	data, err = d.kept(ctx, h, 1<<20)
	return h.Name, data, err
}
