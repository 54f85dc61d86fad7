package desk

import (
	"bytes"
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
		if err := d.standing(ctx, w, r, scheme); err != nil {
			return err
		}
		agreed := d.agree(ctx, w, r, plan, policy)
		if agreed != nil && !errors.Is(agreed, errAgreed) {
			return agreed
		}
		enough, err := d.enough(ctx, w, r, policy)
		if err != nil || !enough {
			return errors.Join(agreed, err)
		}
		credential, err = d.issue(ctx, r, plan, policy) // also where a second agreement got no further before
		return err
	})
	return credential, err
}

// standing refuses to agree beside a credential that is suspended or revoked: none would be issued.
func (d *Desk) standing(ctx context.Context, w Who, r *records.Release, scheme string) error {
	issued, err := d.As(w.Viewer).Issued(ctx, r.ID)
	if err != nil {
		return err
	}
	for _, c := range issued {
		if c.Scheme == scheme && (c.Revoked || c.Suspended) {
			return fmt.Errorf("%w: a credential of the release under that scheme is %s", ErrState, c.State(w.At))
		}
	}
	return nil
}

// enough tells whether as many have agreed as must, and no credential came of it yet.
func (d *Desk) enough(ctx context.Context, w Who, r *records.Release, policy statement.Policy) (bool, error) {
	list, err := d.As(w.Viewer).Agreements(ctx, r.ID)
	if err != nil {
		return false, err
	}
	people := map[string]bool{}
	for _, a := range list {
		if a.Dossier == r.Dossier && a.Scheme == policy.Scheme && a.Profile == policy.Profile {
			people[a.Person] = true
		}
	}
	issued, err := d.As(w.Viewer).Issued(ctx, r.ID)
	if err != nil {
		return false, err
	}
	there := slices.ContainsFunc(issued, func(c records.Issued) bool {
		return c.Dossier == r.Dossier && c.Scheme == policy.Scheme && c.Profile == policy.Profile
	})
	return len(people) >= agreeing && !there, nil
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
		return errAgreed
	}
	return err
}

var errAgreed = fmt.Errorf("%w: you have agreed already; another person has to", ErrState)

// IssuedBody is what pages show of a credential: Issued.Body.
type IssuedBody struct {
	Outcome  string            `json:"outcome"`
	Counts   statement.Counts  `json:"counts"`
	Attempts int               `json:"attempts"`
	Index    int64             `json:"leaf"`
	Policy   statement.Policy  `json:"policy"`
	Subjects int               `json:"subjects"`
	Release  statement.Release `json:"release"`
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
	body, err := json.Marshal(IssuedBody{s.Credential.VerificationResult, counts, c.Attempts, s.Index, c.Policy, len(plan.Artifacts), plan.Release})
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

// fresh is how long a credential's file is used again whose standing has not changed.
const fresh = time.Hour

// maxFresh bounds how many such files are kept in memory, of some 30 KB each.
const maxFresh = 256

// freshFile is a credential's file with the status list of when it was made.
type freshFile struct {
	name  string
	data  []byte
	state string
	made  time.Time
}

// CredentialFile returns the file of a credential that the viewer sees, or that is public: with the status of now, so that who downloads one that was
// revoked reads that.
func (d *Desk) CredentialFile(ctx context.Context, w Who, credential string) (name string, data []byte, err error) {
	c, err := d.As(w.Viewer).IssuedByID(ctx, credential)
	if err != nil {
		return "", nil, err
	}
	id, err := statement.ParseID(credential)
	if err != nil {
		return "", nil, ErrNotFound
	}
	now := d.Lab.Now()
	state := c.State(now)
	d.mu.Lock()
	f, have := d.files[credential]
	d.mu.Unlock()
	if have && f.state == state && now.Sub(f.made) < fresh {
		return f.name, bytes.Clone(f.data), nil
	}
	s, err := seal.Refresh(ctx, d.Lab, id, 0)
	if err != nil {
		return "", nil, err
	}
	f = freshFile{s.Name + ".probat.zip", s.Zip, state, now}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.files) >= maxFresh {
		d.files = map[string]freshFile{}
	}
	d.files[credential] = f
	return f.name, bytes.Clone(f.data), nil
}
