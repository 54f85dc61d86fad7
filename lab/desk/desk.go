package desk

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/blob/vault"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/lab/box"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store/records"
)

// Errors of acts, to be asked for with errors.Is. Their texts are for whoever acts.
var (
	// ErrNotFound: there is no such thing, or the actor does not see it.
	ErrNotFound = records.ErrNotFound
	// ErrForbidden: the actor sees it and may not do that.
	ErrForbidden = errors.New("that is not yours to do")
	// ErrState: as things stand it cannot be done.
	ErrState = errors.New("as things stand that cannot be done")
)

// InvalidError says what is wrong with what somebody sent.
type InvalidError struct{ Field, Text string }

// Error names the field and says what is wrong.
func (e *InvalidError) Error() string { return e.Field + ": " + e.Text }

func invalid(field, format string, args ...any) error {
	return &InvalidError{field, fmt.Sprintf(format, args...)}
}

// Who acts: a viewer with the names that statements have.
type Who struct {
	access.Viewer
	PartyName, PersonName string
}

// Options say how to open a desk.
type Options struct {
	Store   blob.Store // of what is encrypted
	Box     box.Box
	Version string // of this program
	// Queued is told about jobs that wait, and of those that were cancelled; may be nil.
	Queued, Cancelled func(ctx context.Context, job string)
}

// Desk is an open lab with its people. Its methods may be called from several goroutines.
type Desk struct {
	*records.Records
	Lab      *lab.Lab
	Vault    *vault.Vault
	Policies *access.Policies
	Home     records.Party
	Options

	mu    sync.Mutex
	busy  map[string]*sync.Mutex // by release: what rewrites its dossier is done one after the other; mu
	files map[string]freshFile   // by credential; mu
}

const storageKeyName = "storage-key"

// Open opens the desk of a lab that is open with its keys: it makes the lab's own party, its storage key and the statement about the access policies
// where they are not there yet.
func Open(ctx context.Context, l *lab.Lab, o Options) (*Desk, error) {
	d := &Desk{Records: records.New(l.DB), Lab: l, Options: o, busy: map[string]*sync.Mutex{}, files: map[string]freshFile{}}
	var err error
	if d.Policies, err = access.NewPolicies(); err != nil {
		return nil, err
	}
	key, err := d.storageKey(ctx)
	if err != nil {
		return nil, err
	}
	if d.Vault, err = vault.New(o.Store, key); err != nil {
		return nil, err
	}
	if d.Home, err = d.Records.Home(ctx); errors.Is(err, ErrNotFound) {
		d.Home = records.Party{ID: records.NewID(), Class: access.Lab, Name: l.Config.Name, Home: true}
		err = d.Tx(ctx, func(tx *sql.Tx) error { return d.AddParty(ctx, tx, d.Home, examine.Fold(d.Home.Name), l.Now()) })
	}
	if err != nil {
		return nil, fmt.Errorf("opening the lab's own party: %w", err)
	}
	_, err = l.Append(ctx, lab.Act{Key: "policy/" + d.Policies.Digest + d.Policies.Schema, By: statement.ForLedger, Statement: func(p ledger.Place) (*statement.Statement, error) {
		return &statement.Statement{
			Subjects:  []statement.Subject{{Name: "access", Digest: statement.Digest{SHA256: d.Policies.Digest}}},
			Predicate: &statement.AccessPolicy{Act: l.NewAct(p), Digest: d.Policies.Digest, Name: "access", Schema: d.Policies.Schema},
		}, nil
	}})
	if err != nil {
		return nil, fmt.Errorf("logging the access policies: %w", err)
	}
	return d, nil
}

// storageKey returns the key under which releases' keys are wrapped, sealed in the database to the lab's own identity.
func (d *Desk) storageKey(ctx context.Context) ([]byte, error) {
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails
	sealed, err := d.Lab.Seal(fresh)
	if err != nil {
		return nil, err
	}
	if sealed, err = d.Secret(ctx, storageKeyName, sealed); err != nil {
		return nil, fmt.Errorf("reading the storage key: %w", err)
	}
	return d.Lab.Unseal(sealed)
}

// lock has what rewrites a release's dossier done one after the other.
func (d *Desk) lock(release string) func() {
	d.mu.Lock()
	m := d.busy[release]
	if m == nil {
		m = &sync.Mutex{}
		d.busy[release] = m
	}
	d.mu.Unlock()
	m.Lock()
	return m.Unlock
}

// find returns a release as somebody sees it, if the policies let them do something to it.
func (d *Desk) find(ctx context.Context, w Who, release string, a access.Action) (*records.Release, error) {
	r, err := d.As(w.Viewer).Release(ctx, release)
	if err != nil {
		return nil, err
	}
	if !d.Policies.May(w.Viewer, a, r.Object()) {
		return nil, ErrForbidden
	}
	return r, nil
}

// may asks the policies about a party.
func (d *Desk) may(w Who, a access.Action, party string) error {
	if !d.Policies.May(w.Viewer, a, access.Object{Owner: party}) {
		return ErrForbidden
	}
	return nil
}

// actor says who acted, on the lab's word.
func (w Who) actor() statement.Actor {
	return statement.Actor{Class: statement.Class(w.Class), Name: w.PartyName, Person: w.PersonName, Proof: statement.Attested}
}

// act appends a statement of somebody's to a release's case. make gets the act with its place and the actor filled in.
func (d *Desk) act(ctx context.Context, w Who, r *records.Release, subjects []statement.Subject, predicate func(statement.Act) statement.Predicate, rows func(context.Context, *sql.Tx, ledger.Entry) error) (ledger.Entry, error) {
	return d.Lab.Append(ctx, lab.Act{
		Case: r.Case, By: statement.ForLedger, Rows: rows,
		Statement: func(p ledger.Place) (*statement.Statement, error) {
			a := d.Lab.NewAct(p)
			a.Actor = w.actor()
			if w.Home {
				a.Actor.Name, a.Actor.Proof = d.Lab.Config.Name, statement.ByKey
			}
			return &statement.Statement{Subjects: subjects, Predicate: predicate(a)}, nil
		},
	})
}

// maxIntent bounds what a party signs of what it hands in, in bytes.
const maxIntent = 1 << 20

// subjects are what statements about a release are about: its artifacts, or its declaration. They are read back from what the party signed, which is
// in the vault, since no row holds their digests.
func (d *Desk) subjects(ctx context.Context, r *records.Release) ([]statement.Subject, error) {
	held, err := d.HeldFor(ctx, r.ID, records.HeldEnvelope, "")
	if err != nil {
		return nil, err
	}
	for _, h := range held {
		data, err := d.kept(ctx, h, maxIntent)
		if err != nil {
			return nil, err
		}
		s, err := signedOrSaid(data)
		if err != nil {
			return nil, fmt.Errorf("reading %q: %w", h.Name, err)
		}
		if _, ok := statement.As[*statement.Intent](s); ok {
			return s.Subjects, nil
		}
	}
	return nil, fmt.Errorf("reading what was handed in: %w", ErrNotFound)
}

// signedOrSaid opens an envelope, or the statement that the lab made for a party which signs nothing.
func signedOrSaid(data []byte) (*statement.Statement, error) {
	if e, err := statement.ParseEnvelope(data); err == nil {
		return e.Open()
	}
	return statement.Parse(data)
}

func info(ctx context.Context, k *vault.Keyring, h records.Held) (vault.Info, error) {
	f, err := k.Open(ctx, ref(h))
	if err != nil {
		return vault.Info{}, fmt.Errorf("opening %q: %w", h.Name, err)
	}
	return f.Info(), nil
}

func ref(h records.Held) vault.Ref {
	return vault.Ref{Address: h.Address, Object: h.Object, Wrapped: h.Wrapped}
}

// keyring opens what a release holds.
func (d *Desk) keyring(ctx context.Context, release string) (*vault.Keyring, error) {
	wrapped, _, err := d.ReleaseKey(ctx, release)
	if err != nil {
		return nil, err
	}
	return d.Vault.Release(release, wrapped)
}

// Open opens something that a release holds and the viewer may have.
func (d *Desk) Open(ctx context.Context, w Who, id string) (*vault.Reader, records.Held, error) {
	h, err := d.As(w.Viewer).HeldByID(ctx, id)
	if err != nil {
		return nil, h, err
	}
	k, err := d.keyring(ctx, h.Release)
	if err != nil {
		return nil, h, err
	}
	f, err := k.Open(ctx, ref(h))
	return f, h, err
}

// text wants words of a person: something, not too much, nothing that a terminal would obey. Line ends are made plain.
func text(field, s string, most int) (string, error) {
	s = strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(s), "\r\n", "\n"), "\t", " ")
	switch {
	case s == "":
		return "", invalid(field, "say something")
	case len(s) > most:
		return "", invalid(field, "has %d bytes, at most %d", len(s), most)
	case strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && (r < ' ' || r == 0x7f || r == 0xfffd) }):
		return "", invalid(field, "has characters that cannot be shown")
	}
	return s, nil
}

func line(field, s string) (string, error) {
	s, err := text(field, s, 200)
	if err == nil && strings.Contains(s, "\n") {
		return "", invalid(field, "is one line")
	}
	return s, err
}

const maxText = 8000

func date(field, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 2020 || t.Year() > 2200 {
		return t, invalid(field, "%q is no date like 2026-12-15", s)
	}
	return t, nil
}
