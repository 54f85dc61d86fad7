package desk

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/blob/vault"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/lab/box"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/schemes"
	"github.com/probat-lab/probat/seal"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store/records"
)

// Submission is what a vendor hands in.
type Submission struct {
	Declaration string // YAML; may be empty
	Product     string // without a declaration
	Version     string // without a declaration
	Files       []SubmittedFile
	Schemes     []string // ids; none: those of the declaration, else TS 33.117
	Embargo     string   // YYYY-MM-DD, or empty
	Grants      []Leave
	Envelope    []byte // of the party's Intent, signed with its key; empty: the lab attests
}

// SubmittedFile is a finished upload, and what it is in the release.
type SubmittedFile struct {
	Upload string // id
	Path   string // as the declaration names it; without one the file's own name
}

// Leave is a grant to be given.
type Leave struct {
	Party       string // name
	Level       string
	Product     bool // all releases of the product
	From, Until string
}

const defaultScheme = "ts-33.117"

// maxFiles bounds the files of a submission.
const maxFiles = 256

// handing is one submission under way.
type handing struct {
	desk     *Desk
	who      Who
	in       Submission
	declared *box.Declared // nil without a declaration
	text     []byte        // of the declaration, with its vendor
	release  *records.Release
	key      []byte // the wrap of the release's key
	ring     *vault.Keyring
	held     []records.Held
	plan     examine.Plan // as far as it is known: for finding the case, and for subjects
	intent   []byte       // payload
	id       statement.ID
	by       statement.SignedBy
	keyID    string
}

// Submit takes a release in, and queues its evaluation.
func (d *Desk) Submit(ctx context.Context, w Who, in Submission) (*records.Release, records.Job, error) {
	var job records.Job
	if err := d.may(w, access.Submit, w.Party); err != nil {
		return nil, job, err
	}
	h := &handing{desk: d, who: w, in: in}
	for _, step := range []func(context.Context) error{h.declare, h.describe, h.collect, h.sign} {
		if err := step(ctx); err != nil {
			return nil, job, err
		}
	}
	job, err := h.record(ctx)
	if err != nil {
		return nil, job, err
	}
	for _, g := range in.Grants {
		if _, err := d.Grant(ctx, w, h.release.ID, g); err != nil {
			return h.release, job, err
		}
	}
	d.queued(ctx, job.ID)
	r, err := d.As(w.Viewer).Release(ctx, h.release.ID)
	return r, job, err
}

func (d *Desk) queued(ctx context.Context, job string) {
	if d.Queued != nil {
		d.Queued(ctx, job)
	}
}

// declare has the declaration read, and fills its vendor in.
func (h *handing) declare(ctx context.Context) error {
	if strings.TrimSpace(h.in.Declaration) == "" {
		return nil
	}
	if len(h.in.Declaration) > 1<<20 {
		return invalid("declaration", "has more than a MiB")
	}
	h.text = withVendor(h.in.Declaration, h.who.PartyName)
	d, err := h.desk.Box.Declare(ctx, h.text)
	if err != nil {
		return invalid("declaration", "%v", err)
	}
	if examine.Fold(d.Release.Vendor) != examine.Fold(h.who.PartyName) {
		return invalid("declaration", "its vendor is %q, and you are %q", d.Release.Vendor, h.who.PartyName)
	}
	h.declared = d
	return nil
}

// withVendor fills an absent or empty vendor of a declaration in.
func withVendor(text, vendor string) []byte {
	lines := strings.Split(text, "\n")
	quoted := "vendor: '" + strings.ReplaceAll(vendor, "'", "''") + "'"
	for i, l := range lines {
		if value, ok := strings.CutPrefix(l, "vendor:"); ok {
			if v := strings.TrimSpace(value); v == "" || v == `""` || v == "''" || strings.HasPrefix(v, "#") {
				lines[i] = quoted
			}
			return []byte(strings.Join(lines, "\n"))
		}
	}
	return []byte(quoted + "\n" + text)
}

// describe finds out what the release is called and by what it is to be judged.
func (h *handing) describe(context.Context) error {
	r := &records.Release{ID: records.NewID(), State: "submitted", Created: h.desk.Lab.Now(), Vendor: h.who.PartyName}
	r.Product = records.Product{ID: records.NewID(), Owner: h.who.Party, Kind: "equipment"}
	names, err := []string{h.in.Product, h.in.Version}, error(nil)
	asked := h.in.Schemes
	if d := h.declared; d != nil {
		names = []string{d.Release.Product, cmp.Or(d.Release.Version, d.Release.Period)}
		r.Product.Kind = cmp.Or(d.Release.Kind, r.Product.Kind)
		if len(asked) == 0 {
			asked = d.Schemes
		}
	}
	if r.Product.Name, err = line("product", names[0]); err != nil {
		return err
	}
	if r.Name, err = line("version", names[1]); err != nil {
		return err
	}
	if examine.Fold(r.Product.Name) == "" {
		return invalid("product", "has no letters")
	}
	if len(asked) == 0 {
		asked = []string{defaultScheme}
	}
	for _, s := range asked {
		if !slices.Contains(schemes.IDs(), s) {
			return invalid("schemes", "there is no scheme %q here", s)
		}
	}
	r.Schemes = slices.Compact(slices.Sorted(slices.Values(asked)))
	if r.Embargo, err = date("embargo", h.in.Embargo); err != nil {
		return err
	}
	h.release = r
	wrapped, err := h.desk.Vault.WrapRelease(r.ID, vault.NewReleaseKey())
	if err != nil {
		return err
	}
	h.key = wrapped
	h.ring, err = h.desk.Vault.Release(r.ID, wrapped)
	return err
}

// collect claims the uploads: each must have arrived whole, by this party.
func (h *handing) collect(ctx context.Context) error {
	if len(h.in.Files) > maxFiles {
		return invalid("files", "are %d, at most %d", len(h.in.Files), maxFiles)
	}
	want := map[string]string{} // artifact ids by path
	documents := map[string]bool{}
	if h.declared != nil {
		for _, a := range h.declared.Artifacts {
			name := path.Clean(a.Path)
			if name == "." {
				return invalid("declaration", "the path %q of %q is no file's", a.Path, a.ID)
			}
			want[name] = a.ID
		}
		for _, doc := range h.declared.Documents {
			documents[path.Clean(doc)] = true
		}
	} else if len(h.in.Files) != 1 {
		return invalid("files", "without a declaration a release is one file; there are %d", len(h.in.Files))
	}
	for _, f := range h.in.Files {
		if err := h.claim(ctx, f, want, documents); err != nil {
			return err
		}
	}
	if len(want) > 0 && h.declared != nil {
		return invalid("files", "the declaration names %q, which was not uploaded", slices.Sorted(keysOf(want))[0])
	}
	if len(documents) > 0 {
		return invalid("files", "the declaration names the document %q, which was not uploaded", slices.Sorted(keysOf(documents))[0])
	}
	if h.declared != nil {
		ref, info, err := h.ring.Put(ctx, h.who.Party, h.text)
		if err != nil {
			return fmt.Errorf("keeping the declaration: %w", err)
		}
		h.hold(records.HeldDeclaration, "", "product.yaml", info.Size, access.Evidence, ref)
		h.plan.Declaration, h.plan.Release = h.declared.Digest, h.declared.Release
	}
	return nil
}

func keysOf[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (h *handing) claim(ctx context.Context, f SubmittedFile, want map[string]string, documents map[string]bool) error {
	u, err := h.desk.Upload(ctx, h.who.Party, f.Upload)
	if errors.Is(err, ErrNotFound) || err == nil && u.Object == "" {
		return invalid("files", "the upload %q has not arrived whole", f.Upload)
	}
	if err != nil {
		return err
	}
	name := path.Clean(cmp.Or(f.Path, u.Label, "artifact"))
	if h.declared != nil && want[name] == "" && !documents[name] {
		name = onlyOne(name, want, documents)
	}
	kind, id, level := records.HeldArtifact, "product", access.Whole
	switch {
	case h.declared == nil:
		if name = path.Base(name); name == "." || name == "/" || name == ".." {
			name = "artifact"
		}
	case documents[name]:
		kind, id, level = records.HeldDocument, name, access.Evidence
		delete(documents, name)
	case want[name] != "":
		id = want[name]
		delete(want, name)
	default:
		return invalid("files", "the declaration names no file %q", name)
	}
	ref, err := h.ring.Adopt(ctx, h.desk.Vault.Upload(u.ID), vault.Ref{Address: u.Address, Object: u.Object, Wrapped: u.Wrapped})
	if err != nil {
		return err
	}
	h.hold(kind, id, name, u.Size, level, ref)
	if kind == records.HeldArtifact {
		file, err := h.ring.Open(ctx, ref)
		if err != nil {
			return err
		}
		h.plan.Artifacts = append(h.plan.Artifacts, examine.Artifact{Digest: fmt.Sprintf("%x", file.Info().SHA256), ID: id, Size: u.Size, Type: "file"})
	}
	return nil
}

// onlyOne finds the declared path that ends in a file's name, if there is just one: browsers tell no folders.
func onlyOne(name string, want map[string]string, documents map[string]bool) string {
	var found []string
	for p := range want {
		found = append(found, p)
	}
	for p := range documents {
		found = append(found, p)
	}
	found = slices.DeleteFunc(found, func(p string) bool { return path.Base(p) != name })
	if len(found) == 1 {
		return found[0]
	}
	return name
}

func (h *handing) hold(kind, parent, name string, size int64, level access.Level, r vault.Ref) {
	h.held = append(h.held, records.Held{
		ID: records.NewID(), Release: h.release.ID, Kind: kind, Parent: parent, Name: name, Size: size, Level: level,
		Address: r.Address, Object: r.Object, Wrapped: r.Wrapped,
	})
}

// sign takes the party's own statement of what it hands in, or makes it for a party that has signed nothing.
func (h *handing) sign(ctx context.Context) error {
	slices.SortFunc(h.plan.Artifacts, func(a, b examine.Artifact) int { return strings.Compare(a.ID, b.ID) })
	if len(h.plan.Artifacts) == 0 && h.declared == nil {
		return invalid("files", "there is nothing to evaluate")
	}
	embargo := ""
	if !h.release.Embargo.IsZero() {
		embargo = h.release.Embargo.Format(time.DateOnly)
	}
	if len(h.in.Envelope) > 0 {
		return h.signed(ctx, embargo)
	}
	s := &statement.Statement{Subjects: h.plan.Subjects(), Predicate: &statement.Intent{
		Act:         statement.Act{Actor: h.who.actor(), Nonce: lab.Nonce(), Time: statement.FormatTime(h.desk.Lab.Now())},
		Declaration: h.plan.Declaration, Embargo: embargo, Release: h.intended(), Schemes: h.release.Schemes,
	}}
	payload, err := s.Bytes()
	if err != nil {
		return err
	}
	h.intent, h.by, h.id = payload, statement.SignedByLab, idOf(payload)
	return h.keepIntent(ctx, payload)
}

// intended is what the release is called in the Intent.
func (h *handing) intended() statement.Release {
	if h.declared != nil {
		return h.declared.Release
	}
	return statement.Release{Kind: h.release.Product.Kind, Product: h.release.Product.Name, Vendor: h.who.PartyName, Version: h.release.Name}
}

func idOf(payload []byte) statement.ID {
	e := statement.Envelope{Payload: payload}
	return e.ID()
}

// signed checks an Intent under the party's own key against what has arrived.
func (h *handing) signed(ctx context.Context, embargo string) error {
	e, err := statement.ParseEnvelope(h.in.Envelope)
	if err != nil {
		return invalid("envelope", "%v", err)
	}
	keys, err := h.desk.PartyKeys(ctx, h.who.Party)
	if err != nil {
		return err
	}
	now := h.desk.Lab.Now()
	for _, k := range keys {
		key, err := statement.ParseKey(k.SPKI)
		if err != nil || now.Before(k.From) || !now.Before(k.Until) || e.Verify(key) != nil {
			continue
		}
		h.keyID = k.ID
	}
	if h.keyID == "" {
		return invalid("envelope", "it is signed by no key that your party has registered and that is valid now")
	}
	s, err := e.Open()
	if err != nil {
		return invalid("envelope", "%v", err)
	}
	i, ok := statement.As[*statement.Intent](s)
	switch {
	case !ok:
		return invalid("envelope", "it is no intent")
	case i.Declaration != h.plan.Declaration || i.Release != h.intended() || !slices.Equal(i.Schemes, h.release.Schemes) || i.Embargo != embargo:
		return invalid("envelope", "it says something else of the release than the submission")
	case !slices.Equal(s.Subjects, h.plan.Subjects()):
		return invalid("envelope", "its files are not those that arrived")
	case examine.Fold(i.Actor.Name) != examine.Fold(h.who.PartyName) || i.Actor.Proof != statement.ByKey:
		return invalid("envelope", "it is not of your party, by key")
	}
	h.id, h.by = e.ID(), statement.SignedByKey
	return h.keepIntent(ctx, h.in.Envelope)
}

func (h *handing) keepIntent(ctx context.Context, data []byte) error {
	ref, info, err := h.ring.Put(ctx, h.who.Party, data)
	if err != nil {
		return fmt.Errorf("keeping what was signed: %w", err)
	}
	h.hold(records.HeldEnvelope, h.id.String(), "intent.json", info.Size, access.Whole, ref)
	return nil
}

// record logs the receipt, with all rows of the release.
func (h *handing) record(ctx context.Context) (records.Job, error) {
	d := h.desk
	caseID, name, err := seal.Case(ctx, d.Lab, &h.plan, h.who.Party)
	if err != nil {
		return records.Job{}, err
	}
	h.release.Case = caseID
	job, err := h.job()
	if err != nil {
		return job, err
	}
	party := h.who.actor()
	party.Proof = h.by.Proof()
	_, err = d.Lab.Append(ctx, lab.Act{
		Case: caseID, By: statement.ForLedger,
		Statement: func(p ledger.Place) (*statement.Statement, error) {
			return &statement.Statement{Subjects: h.plan.Subjects(), Predicate: &statement.Receipt{
				Act: d.Lab.NewAct(p), KeyID: h.keyID, Of: h.id.String(), Party: party, SignedBy: h.by,
			}}, nil
		},
		Rows: func(ctx context.Context, tx *sql.Tx, e ledger.Entry) error {
			if err := name(ctx, tx); err != nil {
				return err
			}
			return h.rows(ctx, tx, e, job)
		},
	})
	return job, err
}

func (h *handing) rows(ctx context.Context, tx *sql.Tx, e ledger.Entry, job records.Job) (err error) {
	d := h.desk
	if h.release.Product, err = d.FindProduct(ctx, tx, h.release.Product, examine.Fold(h.release.Product.Name)); err != nil {
		return err
	}
	if err := d.AddRelease(ctx, tx, h.release, h.key); err != nil {
		return err
	}
	for _, x := range h.held {
		if err := records.AddHeld(ctx, tx, x); err != nil {
			return err
		}
	}
	for _, f := range h.in.Files {
		if err := records.ClaimUpload(ctx, tx, h.who.Party, f.Upload); err != nil {
			return fmt.Errorf("claiming the upload: %w", err)
		}
	}
	if err := records.AddReceipt(ctx, tx, records.Receipt{
		ID: e.ID.String(), Release: h.release.ID, Of: h.id.String(), What: "submission", SignedBy: string(h.by), Person: h.who.Person, Leaf: e.Index, Made: d.Lab.Now(),
	}); err != nil {
		return err
	}
	return d.AddJob(ctx, tx, job)
}

// Kept reads something small that a release holds.
func (d *Desk) kept(ctx context.Context, h records.Held, most int64) ([]byte, error) {
	k, err := d.keyring(ctx, h.Release)
	if err != nil {
		return nil, err
	}
	return k.Get(ctx, ref(h), most)
}

// Hold keeps something for a release, and returns its row, which is not written yet.
func (d *Desk) keep(ctx context.Context, r *records.Release, kind, parent, name string, level access.Level, data io.Reader, most int64) (records.Held, vault.Info, error) {
	k, err := d.keyring(ctx, r.ID)
	if err != nil {
		return records.Held{}, vault.Info{}, err
	}
	ref, info, err := k.Copy(ctx, r.Product.Owner, data, most)
	if errors.Is(err, vault.ErrTooLarge) {
		return records.Held{}, info, invalid(kind, "has more than %d bytes", most)
	}
	return records.Held{
		ID: records.NewID(), Release: r.ID, Kind: kind, Parent: parent, Name: name, Size: info.Size, Level: level,
		Address: ref.Address, Object: ref.Object, Wrapped: ref.Wrapped,
	}, info, err
}

func (d *Desk) keepBytes(ctx context.Context, r *records.Release, kind, parent, name string, level access.Level, data []byte) (records.Held, error) {
	h, _, err := d.keep(ctx, r, kind, parent, name, level, bytes.NewReader(data), int64(len(data)))
	return h, err
}

// Withdraw withdraws a release with a reason: what was seen stays seen, attempts stay counted.
func (d *Desk) Withdraw(ctx context.Context, w Who, release, reason string) error {
	r, err := d.find(ctx, w, release, access.Withdraw)
	if err != nil {
		return err
	}
	if reason, err = text("reason", reason, maxText); err != nil {
		return err
	}
	receipts, err := d.As(w.Viewer).Receipts(ctx, release)
	if err != nil {
		return err
	}
	if r.State == "withdrawn" || len(receipts) == 0 {
		return fmt.Errorf("%w: it was withdrawn before", ErrState)
	}
	subjects, err := d.subjects(ctx, r)
	if err != nil {
		return err
	}
	jobs, err := d.As(w.Viewer).Jobs(ctx, release)
	if err != nil {
		return err
	}
	_, err = d.act(ctx, w, r, subjects, func(a statement.Act) statement.Predicate {
		return &statement.Withdrawal{Act: a, Of: receipts[0].ID, Reason: reason}
	}, func(ctx context.Context, tx *sql.Tx, _ ledger.Entry) error {
		for _, j := range jobs {
			if err := d.CancelJob(ctx, tx, j.ID, d.Lab.Now()); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
		return d.SetReleaseState(ctx, tx, release, "withdrawn", reason, "submitted", "evaluating", "evaluated", "failed")
	})
	if err == nil && d.Cancelled != nil {
		for _, j := range jobs {
			d.Cancelled(ctx, j.ID)
		}
	}
	return err
}
