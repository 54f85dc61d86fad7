package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/ledger/witness"
	"github.com/probat-lab/probat/sandbox"
	"github.com/probat-lab/probat/seal"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
)

// labVariable is the environment variable that names the lab's folder.
const labVariable = "PROBAT_LAB"

func (p *program) labCommand() *cobra.Command {
	c := &cobra.Command{Use: "lab", Short: "Make a lab: keys, ledger, and the trust file that customers pin"}
	c.AddCommand(p.labInitCommand(), p.labTrustCommand(), p.labKeyCommand(), p.labLinkCommand())
	return c
}

func (p *program) labInitCommand() *cobra.Command {
	var s lab.Setup
	var independence string
	c := &cobra.Command{
		Use:   "init DIR",
		Short: "Make a new lab in a folder",
		Long: `init makes a lab in DIR: root, issuing, ledger and log key (sealed by a passphrase, which is asked for twice, or read from
PROBAT_PASSPHRASE), an empty ledger, its database, and DIR/lab.trust, the file that customers pin. It needs no flags:
without them it is a lab that a vendor runs for itself, under a name made of its root key.

Whoever gets lab.trust compares its fingerprint with you, by telephone or on paper. Afterwards move DIR/keys/root.age to
a machine without network, or to paper: it is needed only to change other keys.

Exit codes: 0 made; 2 wrong usage, or DIR is not empty`,
		Example: `  probat lab init lab
  probat lab init lab --name "Example Lab" --operator "Example Labs Ltd" --independence independent --origin log.lab.example`,
		Args: exact("DIR"),
		RunE: func(c *cobra.Command, args []string) error {
			s.Independence = statement.Independence(independence)
			return p.labInit(c.Context(), args[0], s)
		},
	}
	c.Flags().StringVar(&s.Name, "name", "", `the lab's name (default "Lab" and eight digits of its root key)`)
	c.Flags().StringVar(&s.Operator, "operator", "", "who runs it (default the name)")
	c.Flags().StringVar(&independence, "independence", "self", "of the vendors whose products it evaluates: self, contracted or independent")
	c.Flags().StringVar(&s.Origin, "origin", "", "the log's name, a host name such as log.lab.example; it can never change")
	c.Flags().StringVar(&s.Database, "database", "", "postgres://… (default SQLite in DIR)")
	c.Flags().StringVar(&s.Log, "log", "", "s3://bucket/prefix for the public log (default DIR/log)")
	return c
}

func (p *program) labInit(ctx context.Context, dir string, s lab.Setup) error {
	var err error
	if err = lab.Vacant(dir); err == nil {
		if s.Passphrase, err = p.newPassphrase(ctx); err != nil {
			return err
		}
		s.WorkFactor = workFactor
		err = lab.Init(ctx, dir, s)
	}
	switch {
	case errors.Is(err, lab.ErrOccupied):
		return &exitError{exitUsage, err, "choose another folder; a lab is never replaced"}
	case errors.Is(err, lab.ErrOrigin):
		return &exitError{exitUsage, err, "--origin log.lab.example"}
	case errors.Is(err, fs.ErrNotExist):
		return &exitError{exitUsage, err, "make the folder above it first"}
	case err != nil:
		return err
	}
	data, err := os.ReadFile(filepath.Join(dir, "lab.trust"))
	if err != nil {
		return err
	}
	t, err := credential.ParseTrust(data)
	if err != nil {
		return err
	}
	p.say("lab     %s: %s, run by %s, independence %s", dir, t.Trust.Lab.Name, t.Trust.Lab.Operator, t.Trust.Lab.Independence)
	p.say("log     %s", t.Trust.Origin)
	p.say("pin     %s\n        fingerprint %s", filepath.Join(dir, "lab.trust"), t.Fingerprint())
	p.say("root    move %s to a machine without network: only changes of keys need it", filepath.Join(dir, "keys", "root.age"))
	p.say("next: %s evaluate PRODUCT --seal --lab %s", self(), quoteArg(dir))
	return nil
}

// labFlags are the flags of commands that act in a lab.
type labFlags struct {
	dir string
}

func (f *labFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.dir, "lab", os.Getenv(labVariable), "the lab's folder (default $"+labVariable+")")
}

func (f *labFlags) check() error {
	if f.dir == "" {
		return usage("--lab DIR, or set "+labVariable+"; probat lab init DIR makes one", "no lab is named")
	}
	return nil
}

// lockWait is how long another process is waited for that has the lab open: sealing takes seconds, and what was evaluated meanwhile took long.
// Tests make it short.
var lockWait = 30 * time.Second

// withLab opens a lab with its keys, runs fn and closes it.
func (p *program) withLab(ctx context.Context, f labFlags, fn func(*lab.Lab) error) (err error) {
	o := lab.Options{Passphrase: func() (string, error) { return p.passphrase(ctx) }, Dial: dial, Wait: lockWait}
	return p.openLab(ctx, f, o, func(l *lab.Lab) error {
		p.kept = "what was done stands in the ledger, and the same command goes on from there"
		if _, err := l.Collect(ctx); err != nil {
			fmt.Fprintf(p.err, "probat: %s\n", fact.Escape(err.Error()))
		}
		return fn(l)
	})
}

// lookAtLab opens a lab for reading.
func (p *program) lookAtLab(ctx context.Context, f labFlags, fn func(*lab.Lab) error) error {
	return p.openLab(ctx, f, lab.Options{}, fn)
}

func (p *program) openLab(ctx context.Context, f labFlags, o lab.Options, fn func(*lab.Lab) error) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	l, err := lab.Open(ctx, f.dir, o)
	for try := 1; try < 3 && errors.Is(err, lab.ErrPassphrase) && p.canAsk(); try++ {
		fmt.Fprintln(p.err, "that is not it; once more")
		l, err = lab.Open(ctx, f.dir, o)
	}
	if err != nil {
		return labError(err)
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return labError(fn(l))
}

// ready looks, before work for a lab, at what would stop it afterwards. Where the work is long a passphrase in PROBAT_PASSPHRASE is tried too,
// which takes a second.
func (p *program) ready(ctx context.Context, f labFlags, long bool) error {
	if err := f.check(); err != nil {
		return err
	}
	if err := sandbox.Hide(); err != nil {
		return err
	}
	given := os.Getenv(passphraseVariable)
	if given == "" && !p.canAsk() {
		return nobodyToAsk()
	}
	if !long {
		given = ""
	}
	return labError(lab.Ready(ctx, f.dir, given))
}

// labHints says what to type after an error of a lab; the first that fits.
var labHints = []struct {
	is   error
	hint string
}{
	{lab.ErrNoLab, "make one: probat lab init DIR"},
	{lab.ErrPassphrase, "set " + passphraseVariable + " to the passphrase that was given to probat lab init, or leave it unset to be asked"},
	{ledger.ErrLocked, "wait for the other process, or look with probat ledger show"},
	{ledger.ErrBehind, "the database is a backup that is older than what was published: put the newest one back; probat ledger audit compares"},
	{ledger.ErrForked, "stop everything that signs with this lab's keys, and look with probat ledger audit"},
	{seal.ErrWhich, "name one with --scheme S; probat report DOSSIER shows them"},
	{seal.ErrAmbiguous, "say more: --scheme, --profile, or more digits of --finding"},
	{seal.ErrUnknown, "probat report DOSSIER --format json shows schemes, requirements and fingerprints; probat ledger show what the lab has done"},
	{seal.ErrStanding, "probat ledger show says what became of it; --anyway issues another one all the same"},
	{examine.ErrLookAlike, "probat judge DOSSIER --scheme S --out NEW judges it anew"},
	{seal.ErrNotice, "probat notice CREDENTIAL --reason …; then probat revoke with --notice, --vendor and --agrees or --disputes, or wait until its time is over"},
	{lab.ErrNoRoot, "put root.age back into the folder keys, for this command only"},
}

// labError adds what to type.
func labError(err error) error {
	var e *exitError
	if err == nil || errors.As(err, &e) {
		return err
	}
	for _, h := range labHints {
		if errors.Is(err, h.is) {
			return &exitError{exitUsage, err, h.hint}
		}
	}
	return err
}

func dial(origin string, w proof.PolicyWitness) (ledger.Witness, error) {
	return witness.NewClient(witness.ClientConfig{Name: w.Key.Name(), Origin: origin, URL: w.URL, Keys: []proof.WitnessKey{w.Key}})
}
