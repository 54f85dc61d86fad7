package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/seal"
)

type discloseFlags struct {
	labFlags
	isolation
	seal.Selection
	to, out, attach string
}

func (p *program) discloseCommand() *cobra.Command {
	var f discloseFlags
	c := &cobra.Command{
		Use:   "disclose DOSSIER",
		Short: "Open one finding of a sealed dossier, provably what was found then",
		Long: `disclose opens one sealed finding, or with --requirement one verdict: it logs that it was opened, and writes a file with the item, its
salt and its place under the root that the credential has. Whoever has credential and file verifies them with
probat verify --disclosure, and learns nothing of other findings.

--to names a file with the recipient's public key, an age recipient (age1…): then only its holder can read the file. --attach puts the
opening into the credential's own file instead.

Exit codes: 0 opened; 2 wrong usage, or the lab has not sealed that; 3 DOSSIER cannot be read`,
		Example: `  probat disclose router.dossier --lab lab --finding 3f9a21c0 --to operator.pub --out finding.age
  probat disclose router.dossier --lab lab --requirement 4.3.2.1 --scheme ts-33.117 --out verdict.json`,
		Args: exact("DOSSIER"),
		RunE: func(c *cobra.Command, args []string) error { return p.disclose(c.Context(), args[0], &f) },
	}
	f.labFlags.add(c)
	f.isolation.add(c)
	c.Flags().StringVar(&f.Fingerprint, "finding", "", "the finding's fingerprint, at least its first eight digits")
	c.Flags().StringVar(&f.Requirement, "requirement", "", "instead of a finding: the verdict of this requirement")
	c.Flags().StringVar(&f.Scheme, "scheme", "", "where the dossier was sealed for several")
	c.Flags().StringVar(&f.Profile, "profile", "", "where the dossier was sealed for several")
	c.Flags().StringVar(&f.PublicOn, "public-on", "", "YYYY-MM-DD: the day on which the finding becomes public; the statement says so")
	c.Flags().StringVar(&f.to, "to", "", "file with the recipient's age public key")
	c.Flags().StringVar(&f.out, "out", "", "file to write (default standard output)")
	c.Flags().StringVar(&f.attach, "attach", "", "put the opening into this credential's file")
	return c
}

func (p *program) disclose(ctx context.Context, dir string, f *discloseFlags) error {
	if err := f.usable(); err != nil {
		return err
	}
	if err := p.ready(ctx, f.labFlags, false); err != nil {
		return err
	}
	to, err := readRecipient(f.to)
	if err != nil {
		return err
	}
	if to != nil {
		f.To = to.String()
	}
	plan, err := examineDossier(ctx, dir, f.isolation)
	if err != nil {
		return err
	}
	return p.withLab(ctx, f.labFlags, func(l *lab.Lab) error {
		d, err := seal.Disclose(ctx, l, plan, f.Selection)
		if err != nil {
			return err
		}
		if f.attach != "" {
			return p.attach(ctx, l, f.attach, d, f.isolation)
		}
		return p.writeDisclosure(d, to, f.out)
	})
}

// usable checks the flags.
func (f *discloseFlags) usable() error {
	switch {
	case (f.Fingerprint == "") == (f.Requirement == ""):
		return usage("--finding F or --requirement R", "one thing is opened at a time")
	case f.Fingerprint != "" && len(f.Fingerprint) < 8:
		return usage("probat report DOSSIER --format json shows fingerprints", "--finding %q has fewer than eight digits", f.Fingerprint)
	case f.attach != "" && (f.to != "" || f.out != ""):
		return usage("use one of them", "--attach writes into the credential's file, for everybody who has it")
	}
	if f.PublicOn != "" {
		if _, err := time.Parse(time.DateOnly, f.PublicOn); err != nil {
			return usage("write it as 2026-11-24", "--public-on %q is no date", f.PublicOn)
		}
	}
	if f.out != "" {
		if _, err := os.Lstat(f.out); err == nil {
			return usage("choose another file with --out", "%q is there already", f.out)
		}
	}
	return nil
}

// writeDisclosure writes an opening to a new file, or to standard output without one.
func (p *program) writeDisclosure(d *credential.Disclosure, to *age.X25519Recipient, out string) error {
	data, err := d.Bytes()
	if err != nil {
		return err
	}
	if to != nil {
		if data, err = lab.Encrypt(data, to); err != nil {
			return err
		}
	}
	if out == "" {
		_, err = p.out.Write(data)
		return err
	}
	f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("writing the disclosure: %w", err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing the disclosure: %w", err)
	}
	p.say("%s opens leaf %d under the root of statement %s", out, d.Index, d.Of)
	return nil
}

// readRecipient reads a file with an age public key; nil without a file.
func readRecipient(path string) (*age.X25519Recipient, error) {
	if path == "" {
		return nil, nil
	}
	data, err := readBounded(path, 4<<10)
	if err != nil {
		return nil, usage("--to names a file with one line, age1…", "reading the recipient %q: %w", path, pathless(err))
	}
	r, err := age.ParseX25519Recipient(strings.TrimSpace(string(data)))
	if err != nil {
		// What stands in the file is not repeated: it may be a private key.
		return nil, usage("age-keygen -y makes one from a private key", "reading the recipient %q: it is no line with an age public key, age1…", path)
	}
	return r, nil
}

// attach writes a credential's file anew with one more disclosure; those that it has stay.
func (p *program) attach(ctx context.Context, l *lab.Lab, path string, d *credential.Disclosure, level isolation) error {
	id, opened, err := p.identify(ctx, path, level)
	if err != nil {
		return err
	}
	for _, o := range opened {
		if o.Leaf() == d.Leaf() {
			return usage("it is in the file", "the credential's file has this opening already")
		}
	}
	s, err := seal.Refresh(ctx, l, id, 10*time.Second, append(opened, d)...)
	if err != nil {
		return err
	}
	return p.writeCredential(ctx, l, s, path, level)
}
