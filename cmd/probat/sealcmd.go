package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/seal"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
)

// sealFlags are the flags of what makes a credential.
type sealFlags struct {
	labFlags
	isolation
	schemes  []string
	profiles []string
	out      string
	anyway   bool
	wait     time.Duration
}

func (f *sealFlags) add(c *cobra.Command) {
	f.labFlags.add(c)
	f.isolation.add(c)
	c.Flags().BoolVar(&f.anyway, "anyway", false, "also where a credential of these bytes for the scheme is suspended or revoked")
	c.Flags().DurationVar(&f.wait, "wait", 10*time.Second, "how long witnesses are waited for; what they cosign later is added by --refresh")
}

func (p *program) sealCommand() *cobra.Command {
	var f sealFlags
	var refresh bool
	c := &cobra.Command{
		Use:   "seal DOSSIER | seal --refresh CREDENTIAL",
		Short: "Seal a dossier: statements in the ledger, and a credential that anyone verifies offline",
		Long: `seal checks every digest of DOSSIER, judges it again, signs statements about it, puts them into the lab's ledger, and writes a
credential for each scheme that it was judged by, or for the profiles that are named. The credential says that the facts were
received: the lab judged what others say they saw. "probat evaluate PRODUCT --seal" observes the product itself, and says that.

A dossier is read in a child process without keys, before the passphrase is asked for (or read from PROBAT_PASSPHRASE).
Sealing the same dossier again gives the same credential, with today's status.

--refresh writes CREDENTIAL anew with today's status list and the cosignatures that arrived since; CREDENTIAL is its file, or
the 64 digits of its identity.

Exit codes: 0 sealed; 2 wrong usage, or the lab or the dossier is not as it should be; 3 the dossier cannot be read`,
		Example: `  probat seal router.dossier --lab lab --scheme ts-33.117
  probat seal router.dossier --lab lab --profile artifact
  probat seal --refresh router_4.2.1_ts-33.117.probat.zip --lab lab`,
		Args: func(c *cobra.Command, args []string) error {
			if refresh {
				return exact("CREDENTIAL")(c, args)
			}
			return exact("DOSSIER")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if refresh {
				return p.refresh(c.Context(), args[0], &f)
			}
			return p.seal(c.Context(), args[0], &f)
		},
	}
	f.add(c)
	c.Flags().StringArrayVar(&f.schemes, "scheme", nil, "seal this scheme of the dossier (default all of them); may be repeated")
	c.Flags().StringArrayVar(&f.profiles, "profile", nil, "a credential for this profile instead of the whole scheme; may be repeated")
	c.Flags().StringVar(&f.out, "out", "", "the credential's file, where there is one (default NAME.probat.zip here)")
	c.Flags().BoolVar(&refresh, "refresh", false, "write a credential anew with today's status")
	return c
}

func (p *program) seal(ctx context.Context, dir string, f *sealFlags) error {
	if err := p.ready(ctx, f.labFlags, false); err != nil {
		return err
	}
	if err := replaceable(f.out); err != nil {
		return err
	}
	plan, err := examineDossier(ctx, dir, f.isolation)
	if err != nil {
		return err
	}
	return p.sealPlan(ctx, dir, dossierName(dir), plan, f, statement.Received)
}

// target is one credential to make.
type target struct{ scheme, profile string }

// targets returns what the flags ask for.
func (f *sealFlags) targets(plan *examine.Plan) ([]target, error) {
	var list []target
	for _, s := range plan.Schemes {
		if len(f.schemes) > 0 && !slices.Contains(f.schemes, s.Policy.Scheme) {
			continue
		}
		if len(f.profiles) == 0 {
			list = append(list, target{s.Policy.Scheme, ""})
		}
		for _, name := range f.profiles {
			if slices.ContainsFunc(s.Profiles, func(x examine.Profile) bool { return x.ID == name }) {
				list = append(list, target{s.Policy.Scheme, name})
			}
		}
	}
	if want := max(1, len(f.profiles), len(f.schemes)); len(list) < want {
		return nil, usage("probat report DOSSIER shows its schemes; probat scheme show S their profiles", "the dossier has no such scheme or profile")
	}
	if f.out != "" && len(list) > 1 {
		return nil, usage("name one with --scheme, or leave --out away", "--out is for one credential, and %d are to be made", len(list))
	}
	return list, nil
}

func (p *program) sealPlan(ctx context.Context, dir, name string, plan *examine.Plan, f *sealFlags, observation statement.Observation) error {
	list, err := f.targets(plan)
	if err != nil {
		return err
	}
	return p.withLab(ctx, f.labFlags, func(l *lab.Lab) error {
		for _, t := range list {
			s, err := seal.Seal(ctx, l, plan, dossierFiles(dir), seal.Options{
				Scheme: t.scheme, Profile: t.profile, Observation: observation, Name: name, Version: version(), Wait: f.wait, Anyway: f.anyway,
			})
			if err != nil {
				return err
			}
			if err := p.writeCredential(ctx, l, s, f.out, f.isolation); err != nil {
				return err
			}
		}
		return nil
	})
}

// dossierName is the name of a dossier's folder without its ending: evaluate makes it of the product's file.
func dossierName(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(filepath.Base(abs), ".dossier")
}

// dossierFiles reads files of a dossier as bytes; what they must be is known by their digests.
func dossierFiles(dir string) seal.Files {
	return func(name string) ([]byte, error) {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		defer root.Close()
		file, err := root.Open(filepath.FromSlash(name))
		if err != nil {
			return nil, err
		}
		defer file.Close()
		data, err := io.ReadAll(io.LimitReader(file, dossier.MaxFile+1))
		if err == nil && len(data) > dossier.MaxFile {
			err = fmt.Errorf("has more than %d bytes", dossier.MaxFile)
		}
		return data, err
	}
}

// writeCredential writes a credential's file and says what it is.
func (p *program) writeCredential(ctx context.Context, l *lab.Lab, s *seal.Sealed, out string, level isolation) error {
	if out == "" {
		var err error
		if out, err = p.nameFor(ctx, s, level); err != nil {
			return err
		}
	}
	if err := replaceWith(out, s.Zip, zipHead, 0o644); err != nil {
		return err
	}
	if len(s.Dossier) > 0 {
		beside := strings.TrimSuffix(strings.TrimSuffix(out, ".zip"), ".probat") + ".dossier.json"
		if err := replaceWith(beside, append(s.Dossier, '\n'), envelopeHead, 0o600); err != nil {
			return err
		}
	}
	c := s.Credential.Core
	what := c.Policy.Scheme + " " + c.Policy.Edition
	counts := c.Counts
	if c.ProfileCounts != nil {
		what, counts = what+", profile "+c.Policy.Profile, *c.ProfileCounts
	}
	p.say("credential %s  %s", out, s.ID)
	p.say("  %s for %s: %d of %d pass, %d fail, %d inconclusive, %d not assessed, %d not applicable", s.Credential.VerificationResult, what,
		counts.Pass, counts.Total(), counts.Fail, counts.Inconclusive, counts.NotAssessed, counts.NotApplicable)
	p.say("  attempt %d; act %d of its case; entry %d of %s; valid until %s", c.Attempts, c.CaseLength, s.Index, l.Config.Origin, c.ValidUntil)
	if c.Observation == statement.Received {
		p.say("  the facts were received with the dossier; this lab did not observe the product")
	}
	if s.Again {
		p.say("  it was sealed before: the same credential, with its status of now")
	}
	if s.Standing != "" {
		p.say("  %s", strings.ToUpper(string(s.Standing)))
	}
	switch s.Witnesses {
	case seal.Missing:
		p.say("  UNWITNESSED: no quorum of witnesses has cosigned it; %s seal --refresh %s --lab %s adds what arrives", self(), quoteArg(out), quoteArg(l.Dir))
	case seal.Unasked:
		p.say("  UNWITNESSED: the lab's policy asks no witness; %s lab trust --help says how it does", self())
	}
	file := " --file IMAGE"
	if s.NoArtifact {
		file = ""
	}
	p.say("next: %s verify %s --trust %s%s", self(), quoteArg(out), quoteArg(filepath.Join(l.Dir, "lab.trust")), file)
	return nil
}

// nameFor returns a name for a credential's file here: that of what it is about, unless another credential's file has it.
func (p *program) nameFor(ctx context.Context, s *seal.Sealed, level isolation) (string, error) {
	name := s.Name + ".probat.zip"
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return name, nil
	}
	if id, _, err := p.identify(ctx, name, level); err == nil && id == s.ID {
		return name, nil
	}
	return s.Name + "-" + s.ID.String()[:8] + ".probat.zip", nil
}

// how the files begin that may be written over by newer ones of their kind
const (
	zipHead      = "PK\x03\x04??????????????????????????credential.sigstore.json" // ? is any byte: what the first member's header says of it
	envelopeHead = `{"payload`
)

// replaceable tells before any work whether a credential may be written to a path. An empty one stands for a name that is not known yet.
func replaceable(path string) error {
	if path == "" {
		return nil
	}
	if st, err := os.Stat(filepath.Dir(path)); err != nil || !st.IsDir() {
		return usage("make the folder first, or choose another file with --out", "%q is no folder", filepath.Dir(path))
	}
	return begins(path, zipHead)
}

// begins wants that a path is free, or a file that begins like those that are written there.
func begins(path, head string) error {
	st, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	other := usage("choose another file with --out", "%q is there already and is something else", path)
	if err != nil || !st.Mode().IsRegular() {
		return other
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	got := make([]byte, len(head))
	if _, err := io.ReadFull(f, got); err != nil {
		return other
	}
	for i := range got {
		if head[i] != '?' && got[i] != head[i] {
			return other
		}
	}
	return nil
}

// replaceWith writes a file, over an older one that begins alike but over nothing else, whole or not at all.
func replaceWith(path string, data []byte, head string, mode fs.FileMode) (err error) {
	if err := begins(path, head); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".probat-")
	if err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("writing %q: %w", path, err)
	}
	return os.Rename(tmp.Name(), path)
}

func (p *program) refresh(ctx context.Context, arg string, f *sealFlags) error {
	if err := p.ready(ctx, f.labFlags, false); err != nil {
		return err
	}
	if err := replaceable(f.out); err != nil {
		return err
	}
	id, opened, err := p.identify(ctx, arg, f.isolation)
	if err != nil {
		return err
	}
	if f.out == "" && strings.HasSuffix(arg, ".zip") {
		f.out = arg
	}
	return p.withLab(ctx, f.labFlags, func(l *lab.Lab) error {
		s, err := seal.Refresh(ctx, l, id, f.wait, opened...)
		if err != nil {
			return err
		}
		return p.writeCredential(ctx, l, s, f.out, f.isolation)
	})
}
