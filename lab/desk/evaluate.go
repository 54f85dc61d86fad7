package desk

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/blob/vault"
	"github.com/probat-lab/probat/lab/box"
	"github.com/probat-lab/probat/schemes"
	"github.com/probat-lab/probat/seal"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store/records"
)

// Inputs are what a job fixes when it is queued: the same inputs give the same dossier.
type Inputs struct {
	AsOf        string        `json:"as_of"` // YYYY-MM-DD
	Artifacts   []InputFile   `json:"artifacts"`
	Budgets     Budgets       `json:"budgets"`
	Build       string        `json:"build"`
	Declaration string        `json:"declaration_id,omitempty"` // held
	Documents   []InputFile   `json:"documents"`
	References  []string      `json:"references"`
	Schemes     []InputScheme `json:"schemes"`
}

// InputFile is a file that the release holds.
type InputFile struct {
	Held string `json:"held_id"`
	Path string `json:"path"`
}

// InputScheme is a scheme in one edition.
type InputScheme struct {
	ID     string `json:"id"`
	Digest string `json:"digest"`
}

// Budgets bound an evaluation, so that it ends, and always at the same place.
type Budgets struct {
	Bytes   int64 `json:"bytes"`
	Entries int64 `json:"entries"`
	Depth   int   `json:"depth"`
}

var budgets = Budgets{Bytes: 64 << 30, Entries: 20_000_000, Depth: 32}

// job fixes the inputs of the first evaluation.
func (h *handing) job() (records.Job, error) {
	return h.desk.newJob(h.who, h.release, h.held)
}

func (d *Desk) newJob(w Who, r *records.Release, held []records.Held) (records.Job, error) {
	in := Inputs{AsOf: d.Lab.Now().UTC().Format(time.DateOnly), Artifacts: []InputFile{}, Budgets: budgets, Build: d.Version, Documents: []InputFile{}, References: []string{}}
	for _, h := range held {
		switch h.Kind {
		case records.HeldArtifact:
			in.Artifacts = append(in.Artifacts, InputFile{h.ID, h.Name})
		case records.HeldDocument:
			in.Documents = append(in.Documents, InputFile{h.ID, h.Name})
		case records.HeldDeclaration:
			in.Declaration = h.ID
		}
	}
	for _, id := range r.Schemes {
		data, ok := schemes.Source(id)
		if !ok {
			return records.Job{}, invalid("schemes", "there is no scheme %q here", id)
		}
		in.Schemes = append(in.Schemes, InputScheme{id, sum(data)})
	}
	for _, list := range [][]InputFile{in.Artifacts, in.Documents} {
		slices.SortFunc(list, func(a, b InputFile) int { return strings.Compare(a.Path, b.Path) })
	}
	b, err := json.Marshal(in)
	return records.Job{ID: records.NewID(), Release: r.ID, State: "queued", Inputs: b, Person: w.Person, Created: d.Lab.Now()}, err
}

// Evaluate queues another evaluation of a release.
func (d *Desk) Evaluate(ctx context.Context, w Who, release string) (records.Job, error) {
	var job records.Job
	r, err := d.find(ctx, w, release, access.Evaluate)
	if err != nil {
		return job, err
	}
	if r.State == "withdrawn" {
		return job, fmt.Errorf("%w: it was withdrawn", ErrState)
	}
	jobs, err := d.As(w.Viewer).Jobs(ctx, release)
	if err != nil {
		return job, err
	}
	for _, j := range jobs {
		if j.State == "queued" || j.State == "running" {
			return job, fmt.Errorf("%w: it is being evaluated", ErrState)
		}
	}
	var held []records.Held
	for _, kind := range []string{records.HeldArtifact, records.HeldDeclaration, records.HeldDocument} {
		list, err := d.HeldFor(ctx, release, kind, "")
		if err != nil {
			return job, err
		}
		held = append(held, list...)
	}
	if job, err = d.newJob(w, r, held); err != nil {
		return job, err
	}
	if err := d.Tx(ctx, func(tx *sql.Tx) error { return d.AddJob(ctx, tx, job) }); err != nil {
		return job, err
	}
	d.queued(ctx, job.ID)
	return job, nil
}

// Cancel ends an evaluation that has not ended.
func (d *Desk) Cancel(ctx context.Context, w Who, id string) error {
	j, err := d.As(w.Viewer).Job(ctx, id)
	if err != nil {
		return err
	}
	if _, err := d.find(ctx, w, j.Release, access.Cancel); err != nil {
		return err
	}
	err = d.Tx(ctx, func(tx *sql.Tx) error { return d.CancelJob(ctx, tx, id, d.Lab.Now()) })
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w: it has ended", ErrState)
	}
	if err == nil && d.Cancelled != nil {
		d.Cancelled(ctx, id)
	}
	return err
}

// maxTries is how often a job is tried that takes its worker down with it.
const maxTries = 3

// Run does a job that a worker has taken, and has its result accepted. tell gets lines of Event.
func (d *Desk) Run(ctx context.Context, id, worker string, tell io.Writer) error {
	j, err := d.TakenJob(ctx, id, worker)
	if err != nil {
		return fmt.Errorf("taking the job %s: %w", id, err)
	}
	if j.Tries > maxTries {
		return d.fail(ctx, j, worker, errors.New("it took its worker down several times"))
	}
	e := &evaluation{desk: d, job: j, worker: worker, tell: tell}
	made, err := e.run(ctx)
	defer clear(e.dir)
	if err == nil {
		defer d.lock(j.Release)()
		err = d.accept(ctx, accepted{release: e.release, dir: made, origin: "lab", job: &e.job, worker: worker, check: e.same})
	}
	if ctx.Err() != nil {
		return fmt.Errorf("running the job %s: %w", id, context.Cause(ctx))
	}
	if err != nil {
		return d.fail(ctx, j, worker, err)
	}
	if err := d.carryOver(ctx, e.release); err != nil {
		return fmt.Errorf("judging anew after the job %s: %w", id, err)
	}
	return nil
}

func (d *Desk) fail(ctx context.Context, j records.Job, worker string, cause error) error {
	j.State, j.Error = "failed", shown(cause.Error())
	return errors.Join(cause, d.Tx(ctx, func(tx *sql.Tx) error {
		if err := d.EndJob(ctx, tx, j, worker, d.Lab.Now()); err != nil {
			return err
		}
		err := d.SetReleaseState(ctx, tx, j.Release, "failed", "", "submitted", "evaluating")
		if errors.Is(err, ErrNotFound) {
			return nil // a dossier of before still counts
		}
		return err
	}))
}

// shown is an error's text without what cannot be shown; a child's may hold a product's bytes.
func shown(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > 2000 {
		s = s[:2000] + "…"
	}
	return s
}

// evaluation is one job under way.
type evaluation struct {
	desk    *Desk
	job     records.Job
	worker  string
	tell    io.Writer
	in      Inputs
	release *records.Release
	ring    *vault.Keyring
	dir     string
	digests map[string]string // of the artifacts, by path
}

// run evaluates, and returns the folder of the dossier. The caller removes e.dir.
func (e *evaluation) run(ctx context.Context) (made string, err error) {
	d := e.desk
	if err := json.Unmarshal(e.job.Inputs, &e.in); err != nil {
		return "", fmt.Errorf("reading the job's inputs: %w", err)
	}
	if e.in.Build != d.Version {
		return "", fmt.Errorf("the job was queued by the build %s of the program, and this one is %s: queue it again", e.in.Build, d.Version)
	}
	if e.release, err = d.ReleaseFor(ctx, e.job.Release); err != nil {
		return "", err
	}
	if e.ring, err = d.keyring(ctx, e.release.ID); err != nil {
		return "", err
	}
	if e.dir, err = d.workFolder(); err != nil {
		return "", err
	}
	return e.evaluate(ctx)
}

// workFolder makes a folder of the lab's own for plain bytes; whoever asks removes it by clear.
func (d *Desk) workFolder() (string, error) {
	dir, err := filepath.Abs(d.Lab.Dir)
	if err == nil {
		dir, err = os.MkdirTemp(dir, ".work-")
	}
	if err != nil {
		return "", fmt.Errorf("making a folder to work in: %w", err)
	}
	return dir, nil
}

// evaluate puts the release's files into the folder and has a child evaluate them.
func (e *evaluation) evaluate(ctx context.Context) (made string, err error) {
	d := e.desk
	err = d.Tx(ctx, func(tx *sql.Tx) error {
		return d.SetReleaseState(ctx, tx, e.release.ID, "evaluating", "", "submitted", "failed", "evaluating")
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", err
	}
	product := filepath.Join(e.dir, "product")
	e.digests = map[string]string{}
	for _, kind := range []string{records.HeldArtifact, records.HeldDocument, records.HeldDeclaration} {
		held, err := d.HeldFor(ctx, e.release.ID, kind, "")
		if err != nil {
			return "", err
		}
		for _, h := range held {
			if err := e.place(ctx, h, filepath.Join(product, filepath.FromSlash(h.Name))); err != nil {
				return "", err
			}
		}
	}
	made = filepath.Join(e.dir, "out", "dossier")
	x := box.Evaluation{
		AsOf: e.in.AsOf, Out: made, Temp: filepath.Join(e.dir, "out", "tmp"),
		MaxBytes: e.in.Budgets.Bytes, MaxEntries: e.in.Budgets.Entries, MaxDepth: e.in.Budgets.Depth,
	}
	switch {
	case e.in.Declaration != "":
		x.Product = filepath.Join(product, "product.yaml")
	case len(e.in.Artifacts) == 1:
		x.Product = filepath.Join(product, filepath.FromSlash(e.in.Artifacts[0].Path))
	default:
		return "", errors.New("a release without a declaration is one file")
	}
	for _, s := range e.in.Schemes {
		data, ok := schemes.Source(s.ID)
		if !ok || sum(data) != s.Digest {
			return "", fmt.Errorf("this build has another edition of %s than the job was queued for", s.ID)
		}
		x.Schemes = append(x.Schemes, s.ID)
	}
	if err := os.MkdirAll(x.Temp, 0o700); err != nil {
		return "", err
	}
	return made, d.Box.Evaluate(ctx, x, []string{product}, e.tell)
}

// place decrypts something that the release holds into a file. The folder is the lab's own; names are those of a declaration, and stay below it.
func (e *evaluation) place(ctx context.Context, h records.Held, to string) error {
	f, err := e.ring.Open(ctx, ref(h))
	if err != nil {
		return fmt.Errorf("opening %q: %w", h.Name, err)
	}
	if h.Kind == records.HeldArtifact {
		e.digests[h.Parent] = fmt.Sprintf("%x", f.Info().SHA256)
	}
	root, err := os.OpenRoot(e.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	rel, err := filepath.Rel(e.dir, to)
	if err != nil {
		return err
	}
	if err := root.MkdirAll(filepath.Dir(rel), 0o700); err != nil {
		return fmt.Errorf("placing %q: %w", h.Name, err)
	}
	out, err := root.OpenFile(rel, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("placing %q: %w", h.Name, err)
	}
	_, err = io.Copy(out, f)
	return errors.Join(err, out.Close())
}

// same compares what the child says that it evaluated with what it was given: it may be in the hands of what it parsed.
func (e *evaluation) same(p *examine.Plan) error {
	switch {
	case p.AsOf != e.in.AsOf || p.Predecessor != "" || len(p.Artifacts) != len(e.digests) || len(p.Schemes) != len(e.in.Schemes):
		return errTaken
	}
	for _, a := range p.Artifacts {
		if a.Type != "file" || e.digests[a.ID] != a.Digest {
			return errTaken
		}
	}
	for _, s := range p.Schemes {
		if !slices.ContainsFunc(e.in.Schemes, func(x InputScheme) bool { return x.ID == s.Policy.Scheme && x.Digest == s.Policy.Digest }) {
			return errTaken
		}
	}
	return nil
}

var errTaken = errors.New("the dossier is not of what was given to evaluate: the product may have taken over the process that parsed it")

// accepted is a dossier that is to become one of a release's.
type accepted struct {
	release     *records.Release
	dir         string // of the dossier
	origin      string // lab, vendor or judged
	predecessor string // id
	job         *records.Job
	worker      string
	check       func(*examine.Plan) error
	rows        func(ctx context.Context, tx *sql.Tx, id string) error
}

// accept has a dossier checked, kept, recorded in the ledger and written into rows: by compare-and-set, so once.
func (d *Desk) accept(ctx context.Context, a accepted) error {
	plan, err := d.Box.Examine(ctx, a.dir)
	if err != nil {
		return err
	}
	if err := a.check(plan); err != nil {
		return err
	}
	id := records.NewID()
	held, err := d.keepDossier(ctx, a.release, id, a.dir, plan)
	if err != nil {
		return err
	}
	if a.origin != "vendor" {
		for _, s := range plan.Schemes {
			o := d.sealing(a.release, s.Policy.Scheme)
			o.Anyway = true // a revoked credential keeps nobody from evaluating; issuing another one is refused
			if _, err := seal.Record(ctx, d.Lab, plan, nothing, o); err != nil {
				return err
			}
		}
	}
	rows, err := d.outline(ctx, a.dir, id, a.release.ID)
	if err != nil {
		return err
	}
	digest, err := hexSum(plan.Dossier)
	if err != nil {
		return err
	}
	result, err := d.Vault.Address(a.release.Product.Owner, digest) // tells equal dossiers of one party from others, and nobody their digest
	if err != nil {
		return err
	}
	return d.Tx(ctx, func(tx *sql.Tx) error {
		jobID := ""
		if a.job != nil {
			jobID = a.job.ID
			j := *a.job
			j.State, j.Dossier, j.Result = "done", id, result
			if err := d.EndJob(ctx, tx, j, a.worker, d.Lab.Now()); err != nil {
				return fmt.Errorf("the job is not this worker's any more: %w", err)
			}
			if err := d.alarm(ctx, tx, j); err != nil {
				return err
			}
		}
		x := records.Dossier{ID: id, Release: a.release.ID, Job: jobID, Origin: a.origin, Predecessor: a.predecessor, AsOf: plan.AsOf, Made: d.Lab.Now(), Head: rows.head}
		if err := d.AddDossier(ctx, tx, x); err != nil {
			return err
		}
		for _, h := range held {
			if err := records.AddHeld(ctx, tx, h); err != nil {
				return err
			}
		}
		if err := rows.write(ctx, tx); err != nil {
			return err
		}
		if a.rows != nil {
			if err := a.rows(ctx, tx, id); err != nil {
				return err
			}
		}
		if a.origin == "vendor" {
			return nil
		}
		if err := d.SetReleaseDossier(ctx, tx, a.release.ID, id); err != nil {
			return err
		}
		err := d.SetReleaseState(ctx, tx, a.release.ID, "evaluated", "", "submitted", "evaluating", "failed", "evaluated")
		if errors.Is(err, ErrNotFound) {
			return nil // withdrawn meanwhile: it stays that
		}
		return err
	})
}

// alarm writes that the same inputs gave another dossier before, which must not be.
func (d *Desk) alarm(ctx context.Context, tx *sql.Tx, j records.Job) error {
	before, err := records.SameInputs(ctx, tx, j.Release, string(j.Inputs), j.ID)
	if err != nil {
		return err
	}
	for _, b := range before {
		if b.Result != j.Result {
			return d.AddAlarm(ctx, tx, j.Release, j.ID, "the same inputs gave another dossier than evaluation "+b.ID+" did: one of the two is wrong", d.Lab.Now())
		}
	}
	return nil
}

func nothing(string) ([]byte, error) { return nil, nil }

// sealing is how dossiers of a release are sealed: their files are kept in the vault, not as the lab's plain evidence.
func (d *Desk) sealing(r *records.Release, scheme string) seal.Options {
	return seal.Options{
		Scheme: scheme, Observation: statement.ObservedHere, Name: r.Product.Name, Version: d.Version, Owner: r.Product.Owner,
		Keep:  func(context.Context, string, string, []byte) error { return nil },
		Risks: func(statement.Actor) bool { return false }, // operators do not see each other; a credential may be read by all
	}
}

// maxDossierFile bounds a file of a dossier, in bytes.
const maxDossierFile = 1 << 30

// keepDossier encrypts the files of a dossier, whose digests they must have.
func (d *Desk) keepDossier(ctx context.Context, r *records.Release, id, dir string, p *examine.Plan) ([]records.Held, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var list []records.Held
	for _, f := range p.Files {
		file, err := root.Open(filepath.FromSlash(f.Name))
		if err != nil {
			return nil, fmt.Errorf("reading %q of the dossier: %w", f.Name, err)
		}
		h, info, err := d.keep(ctx, r, records.HeldDossier, id, f.Name, access.Evidence, file, maxDossierFile)
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, fmt.Errorf("keeping %q of the dossier: %w", f.Name, err)
		}
		if fmt.Sprintf("%x", info.SHA256) != f.Digest {
			return nil, fmt.Errorf("%q of the dossier changed meanwhile", f.Name)
		}
		list = append(list, h)
	}
	return list, nil
}

// Restore writes a dossier that a release holds into a folder below dir, for a child, and returns it.
func (d *Desk) restore(ctx context.Context, r *records.Release, dossier, dir string) (string, error) {
	held, err := d.HeldFor(ctx, r.ID, records.HeldDossier, dossier)
	if err != nil {
		return "", err
	}
	if len(held) == 0 {
		return "", ErrNotFound
	}
	e := &evaluation{desk: d, release: r, dir: dir, digests: map[string]string{}}
	if e.ring, err = d.keyring(ctx, r.ID); err != nil {
		return "", err
	}
	to := filepath.Join(dir, "dossier")
	for _, h := range held {
		if err := e.place(ctx, h, filepath.Join(to, filepath.FromSlash(h.Name))); err != nil {
			return "", err
		}
	}
	return to, nil
}

// withDossier restores a dossier into a folder of the lab's own for as long as fn runs.
func (d *Desk) withDossier(ctx context.Context, r *records.Release, dossier string, fn func(dir, work string) error) error {
	work, err := d.workFolder()
	if err != nil {
		return err
	}
	defer clear(work)
	dir, err := d.restore(ctx, r, dossier, work)
	if err != nil {
		return err
	}
	return fn(dir, work)
}

// Report writes a dossier of a release in a format: html, json, csv or sarif.
func (d *Desk) Report(ctx context.Context, w Who, release, dossier, format string) ([]byte, error) {
	r, err := d.As(w.Viewer).Release(ctx, release)
	if err != nil {
		return nil, err
	}
	if r.Level < access.Evidence {
		return nil, ErrNotFound
	}
	list, err := d.As(w.Viewer).Dossiers(ctx, release)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(list, func(x records.Dossier) bool { return x.ID == dossier }) {
		return nil, ErrNotFound
	}
	var out bytes.Buffer
	err = d.withDossier(ctx, r, dossier, func(dir, _ string) error { return d.Box.Report(ctx, dir, format, &out) })
	return out.Bytes(), err
}

// clear removes a folder of the lab's own, with files that a child made unwritable.
func clear(dir string) {
	if dir == "" {
		return
	}
	_ = filepath.WalkDir(dir, func(path string, x os.DirEntry, err error) error {
		if err == nil && x.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	_ = os.RemoveAll(dir)
}
