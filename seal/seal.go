package seal

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
)

// Options say what to seal.
type Options struct {
	Scheme      string // id; may be empty where the dossier has one
	Profile     string // of the scheme; empty: the whole scheme
	Observation statement.Observation
	Anyway      bool          // also where a credential of these bytes for the scheme is suspended or revoked
	Name        string        // for the credential's file, where no declaration names the product; may be empty
	Version     string        // of this program
	Wait        time.Duration // how long witnesses are waited for

	// Owner is whose release it is, where several parties' are in one lab: their cases are apart, so that nobody learns from the count of
	// attempts what others have handed in. Empty where the lab has no parties.
	Owner string
	// Risks, where it is given, tells which accepted risks the credential names: those whose acceptance may be known to everybody who reads it.
	Risks func(by statement.Actor) bool
	// Keep, where it is given, keeps the dossier's files instead of the lab's own evidence.
	Keep func(ctx context.Context, name, digest string, data []byte) error
}

// Reasons for not sealing that a caller may ask for.
var (
	ErrWhich   = errors.New("the dossier has several schemes")
	ErrUnknown = errors.New("there is no such thing")
)

// Sealed is what came of it.
type Sealed struct {
	ID         statement.ID
	Credential *statement.Credential
	Index      int64  // of its leaf
	Name       string // for a file, without extension
	Zip        []byte
	Witnesses  Witnesses
	Standing   statement.Standing // empty: in force
	NoArtifact bool               // it is about a declaration only
	Again      bool               // it had been sealed before
	Dossier    []byte             // the envelope of the statement that binds the dossier; nothing once it was erased
}

// work is one sealing.
type work struct {
	lab     *lab.Lab
	plan    *examine.Plan
	files   Files
	options Options

	judged  *examine.Judged
	policy  statement.Policy
	profile *statement.Counts
	base    string // begins the idempotency keys

	submission, dossier, verdicts ledger.Entry
	sealed                        statement.Sealed
	risks                         []statement.AcceptedRisk
}

// Files opens a file of the dossier by its name.
type Files func(name string) ([]byte, error)

// Seal makes the statements about a dossier and the credential of one scheme, or one profile of it.
func Seal(ctx context.Context, l *lab.Lab, p *examine.Plan, files Files, o Options) (*Sealed, error) {
	w, err := record(ctx, l, p, files, o)
	if err != nil {
		return nil, err
	}
	id, repeated, err := w.issue(ctx)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	if err := supersede(ctx, l, id); err != nil { // also if it was sealed before: that may have got only this far
		return nil, fmt.Errorf("sealing: %w", err)
	}
	s, err := Refresh(ctx, l, id, o.Wait)
	if err != nil {
		return nil, err
	}
	s.Again = repeated
	return s, nil
}

// Recorded is what the ledger has of a dossier under a scheme before a credential is issued, if ever.
type Recorded struct {
	Case                          string
	Submission, Dossier, Verdicts statement.ID
}

// Record makes the statements about a dossier, the attempt with them, and issues no credential. Seal does the same first, so what was recorded is
// not recorded again.
func Record(ctx context.Context, l *lab.Lab, p *examine.Plan, files Files, o Options) (*Recorded, error) {
	w, err := record(ctx, l, p, files, o)
	if err != nil {
		return nil, err
	}
	return &Recorded{Case: w.submission.Case, Submission: w.submission.ID, Dossier: w.dossier.ID, Verdicts: w.verdicts.ID}, nil
}

func record(ctx context.Context, l *lab.Lab, p *examine.Plan, files Files, o Options) (*work, error) {
	w := &work{lab: l, plan: p, files: files, options: o}
	if err := w.choose(); err != nil {
		return nil, err
	}
	if err := w.name(ctx); err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	for _, step := range []func(context.Context) error{w.standing, w.keepFiles, w.edition, w.submit, w.describe, w.commit} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("sealing: %w", err)
		}
	}
	return w, nil
}

// name makes what begins the idempotency keys. A dossier that comes back to the lab which observed the product itself stays that: it would
// get a second credential, which says less, otherwise.
func (w *work) name(ctx context.Context) error {
	base := func(o statement.Observation) string {
		parts := []string{w.plan.Dossier, w.policy.Scheme, w.policy.Digest, w.policy.Profile, string(o)}
		if w.options.Owner != "" {
			parts = append(parts, w.options.Owner)
		}
		return hash(parts...)
	}
	w.base = base(w.options.Observation)
	if w.options.Observation != statement.Received {
		return nil
	}
	_, err := w.lab.Ledger.ByKey(ctx, "credential/"+base(statement.ObservedHere))
	if errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	w.options.Observation, w.base = statement.ObservedHere, base(statement.ObservedHere)
	return err
}

// choose finds the scheme and the profile.
func (w *work) choose() error {
	for i := range w.plan.Schemes {
		s := &w.plan.Schemes[i]
		if s.Policy.Scheme == w.options.Scheme || (w.options.Scheme == "" && len(w.plan.Schemes) == 1) {
			w.judged = s
		}
	}
	if w.judged == nil {
		if w.options.Scheme == "" {
			return ErrWhich
		}
		return fmt.Errorf("%w: the dossier has no scheme %q", ErrUnknown, w.options.Scheme)
	}
	w.policy = w.judged.Policy
	if err := errors.Join(examine.LookAlike(w.policy), distinct(w.plan.Subjects())); err != nil {
		return err
	}
	if w.options.Profile == "" {
		return nil
	}
	for i := range w.judged.Profiles {
		if f := &w.judged.Profiles[i]; f.ID == w.options.Profile {
			w.policy.Profile, w.profile = f.ID, &f.Counts
			return nil
		}
	}
	return fmt.Errorf("%w: the scheme %s has no profile %q", ErrUnknown, w.policy.Scheme, w.options.Profile)
}

// ErrTwice is returned for a release with one artifact twice.
var ErrTwice = errors.New("two artifacts of the release have the same name or the same bytes: declare them once")

// distinct wants what a credential wants of its subjects, before anything is logged.
func distinct(subjects []statement.Subject) error {
	seen := map[string]bool{}
	for _, s := range subjects {
		if seen["name "+s.Name] || seen["bytes "+s.Digest.SHA256] {
			return fmt.Errorf("%w: %s", ErrTwice, s.Name)
		}
		seen["name "+s.Name], seen["bytes "+s.Digest.SHA256] = true, true
	}
	return nil
}

// keepFiles copies the dossier's files into the lab's evidence, each by its digest.
func (w *work) keepFiles(ctx context.Context) error {
	for _, f := range w.plan.Files {
		data, err := w.files(f.Name)
		if err != nil {
			return fmt.Errorf("reading %q of the dossier: %w", f.Name, err)
		}
		keep := w.options.Keep
		if keep == nil {
			keep = func(ctx context.Context, _, digest string, data []byte) error { return w.lab.Keep(ctx, digest, data) }
		}
		if err := keep(ctx, f.Name, f.Digest, data); err != nil {
			return fmt.Errorf("keeping %q of the dossier: %w", f.Name, err)
		}
	}
	return nil
}

// edition logs once that the lab judges by this edition of the scheme.
func (w *work) edition(ctx context.Context) error {
	policy := w.judged.Policy
	_, err := w.lab.Append(ctx, lab.Act{
		Key: "edition/" + policy.Digest, By: statement.ForLedger,
		Statement: func(p ledger.Place) (*statement.Statement, error) {
			return &statement.Statement{
				Subjects:  []statement.Subject{{Name: policy.Scheme, Digest: statement.Digest{SHA256: policy.Digest}}},
				Predicate: &statement.Edition{Act: w.lab.NewAct(p), Policy: policy, Title: w.judged.Title},
			}, nil
		},
	})
	return err
}

// submit logs the attempt.
func (w *work) submit(ctx context.Context) error {
	return again(func() error {
		f, err := open(ctx, w.lab, w.plan, w.policy.Scheme, w.options.Owner)
		if err != nil {
			return err
		}
		key := "submission/" + w.base
		w.submission, err = w.lab.Append(ctx, lab.Act{
			Key: key, Case: f.id, By: statement.ForLedger,
			Statement: func(p ledger.Place) (*statement.Statement, error) {
				act := w.lab.NewAct(p)
				if vendor := w.plan.Release.Vendor; vendor != "" {
					act.Actor = statement.Actor{Class: statement.Vendor, Name: vendor, Proof: statement.Attested}
				}
				return &statement.Statement{Subjects: w.plan.Subjects(), Predicate: &statement.Submission{
					Act: act, Attempt: f.attempt, Declaration: w.plan.Declaration, Policy: w.policy, Release: w.plan.Release,
				}}, nil
			},
			Rows: func(ctx context.Context, tx *sql.Tx, e ledger.Entry) error {
				return f.record(ctx, tx, w.plan, w.policy.Scheme, e.ID.String())
			},
		})
		if errors.Is(err, ledger.ErrKeyReused) {
			return errMoved // somebody else sealed the same at the same time, and drew another number for the new case
		}
		return err
	})
}

// describe logs which dossier it is, and who observed.
func (w *work) describe(ctx context.Context) error {
	id := w.submission.Case
	key := "dossier/" + hash(w.plan.Dossier, string(w.options.Observation), id) // cases of two owners are apart, so their keys are
	var err error
	w.dossier, err = w.lab.Append(ctx, lab.Act{
		Key: key, Case: id, By: statement.ForLedger,
		Statement: func(p ledger.Place) (*statement.Statement, error) {
			return &statement.Statement{Subjects: w.plan.Subjects(), Predicate: &statement.Dossier{
				Act: w.lab.NewAct(p), Dossier: w.plan.Dossier, JudgedAsOf: w.plan.AsOf, Observation: w.options.Observation, Predecessor: w.plan.Predecessor,
				Build: statement.Build{Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Version: w.options.Version},
			}}, nil
		},
	})
	return err
}

// commit logs the verdicts, with the commitment to each of them, each finding and each piece of evidence.
func (w *work) commit(ctx context.Context) error {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails
	kept, err := w.lab.Seal(secret[:])
	if err != nil {
		return err
	}
	tree, err := credential.Seal(secret[:], items(w.judged.Items))
	if err != nil {
		return err
	}
	key := "verdicts/" + w.base
	w.verdicts, err = w.lab.Append(ctx, lab.Act{
		Key: key, Case: w.submission.Case, By: statement.ForLedger,
		Statement: func(p ledger.Place) (*statement.Statement, error) {
			return &statement.Statement{Subjects: w.plan.Subjects(), Predicate: &statement.Verdicts{
				Act: w.lab.NewAct(p), Counts: w.judged.Counts, Dossier: w.dossier.ID.String(), Policy: w.policy, ProfileCounts: w.profile,
				Sealed: tree.Sealed,
			}}, nil
		},
		Rows: func(ctx context.Context, tx *sql.Tx, e ledger.Entry) error {
			_, err := tx.ExecContext(ctx, `INSERT INTO secrets (verdicts, sealed, dossier, scheme, profile) VALUES ($1, $2, $3, $4, $5)`,
				e.ID.String(), kept, w.plan.Dossier, w.policy.Scheme, w.policy.Profile)
			return err
		},
	})
	if err != nil {
		return err
	}
	// Sealed before: the root that counts is the one that was logged, not the one of the secret just drawn.
	v, err := content[*statement.Verdicts](w.verdicts)
	if err == nil {
		w.sealed = v.Sealed
	}
	return err
}

// items gives the texts of a plan to the commitment. The kind in each text is part of what is hashed.
func items(texts []string) []credential.Item {
	out := make([]credential.Item, len(texts))
	for i, t := range texts {
		out[i] = credential.Item{Text: []byte(t)}
	}
	return out
}

// issue logs the credential.
func (w *work) issue(ctx context.Context) (id statement.ID, repeated bool, err error) {
	l, caseID, key := w.lab, w.submission.Case, "credential/"+w.base
	// A credential whose key somebody else has had since counts no more where no witness saw it in time: then another one is issued.
	for {
		e, err := l.Ledger.ByKey(ctx, key)
		if errors.Is(err, ledger.ErrNotFound) {
			break
		}
		if err != nil {
			return id, false, err
		}
		if l.Counts(e) {
			return e.ID, true, nil
		}
		key = "credential/" + hash(key, e.ID.String())
	}
	n, err := attempts(ctx, l, caseID, w.policy.Scheme)
	if err != nil {
		return id, false, err
	}
	if w.risks, err = accepted(ctx, l, caseID, w.policy.Scheme); err != nil {
		return id, false, err
	}
	if tell := w.options.Risks; tell != nil {
		w.risks = slices.DeleteFunc(w.risks, func(r statement.AcceptedRisk) bool { return !tell(r.By) })
	}
	var e ledger.Entry
	err = again(func() error {
		series, err := currentSeries(ctx, l)
		if err != nil {
			return err
		}
		place, err := freePlace(ctx, l, series)
		if err != nil {
			return err
		}
		e, err = l.Append(ctx, lab.Act{
			Key: key, Case: caseID, By: statement.ForIssuing,
			Statement: func(p ledger.Place) (*statement.Statement, error) {
				return w.credential(p, n, statement.StatusPlace{Index: place, Series: series})
			},
			Rows: func(ctx context.Context, tx *sql.Tx, e ledger.Entry) error {
				return insertCredential(ctx, tx, e, credentialRow{
					id: e.ID.String(), caseID: caseID, scheme: w.policy.Scheme, profile: w.policy.Profile, dossier: w.plan.Dossier,
					verdicts: w.verdicts.ID.String(), series: series, place: place, name: w.file(),
				})
			},
		})
		return err
	})
	return e.ID, false, err
}

// file returns a name for the credential's file.
func (w *work) file() string {
	r := w.plan.Release
	first := name(r.Product, r.Version+r.Period)
	if first == "" {
		first = name(cmp.Or(w.options.Name, w.plan.Subjects()[0].Name))
	}
	return name(first, w.policy.Scheme, w.policy.Profile)
}

func (w *work) credential(p ledger.Place, attempts int, status statement.StatusPlace) (*statement.Statement, error) {
	l := w.lab
	return credential.NewCredential(credential.Issue{
		Origin: l.Config.Origin, Subjects: w.plan.Subjects(), For: time.Duration(l.Config.Validity) * 24 * time.Hour,
		VerifierBuild: map[string]string{"probat": w.options.Version},
		Core: statement.Core{
			Act: l.NewAct(p), Attempts: attempts, CaseLength: p.Seq, Counts: w.judged.Counts, JudgedAsOf: w.plan.AsOf, Lab: l.Identity(),
			Observation: w.options.Observation, Policy: w.policy, ProfileCounts: w.profile, Release: w.plan.Release, Risks: w.risks,
			Sealed: w.sealed, Status: status, Unobserved: w.plan.Unobserved,
		},
		Inputs: []statement.InputAttestation{
			{Digest: statement.Digest{SHA256: w.dossier.ID.String()}, URI: statement.TypeDossier},
			{Digest: statement.Digest{SHA256: w.verdicts.ID.String()}, URI: statement.TypeVerdicts},
		},
	})
}
