package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/seal"
	"github.com/probat-lab/probat/statement"
)

// standingFlags are those of commands that change what a credential is.
type standingFlags struct {
	labFlags
	isolation
	reason string
}

func (f *standingFlags) add(c *cobra.Command) {
	f.labFlags.add(c)
	f.isolation.add(c)
	c.Flags().StringVar(&f.reason, "reason", "", "why, in words; it is part of the statement")
}

// changeStanding finds the credential and does something with it in the lab.
func (p *program) changeStanding(ctx context.Context, arg string, f *standingFlags, fn func(*lab.Lab, statement.ID) error) error {
	if f.reason == "" {
		return usage("--reason 'the signing key of the image was published'", "no reason is given")
	}
	if err := p.ready(ctx, f.labFlags, false); err != nil {
		return err
	}
	id, _, err := p.identify(ctx, arg, f.isolation)
	if err != nil {
		return err
	}
	return p.withLab(ctx, f.labFlags, func(l *lab.Lab) error {
		err := fn(l, id)
		if errors.Is(err, seal.ErrState) {
			return &exitError{exitUsage, err, "probat ledger show --lab " + quoteArg(f.dir) + " " + id.String() + " names its case; --case CASE shows what happened"}
		}
		return err
	})
}

func (p *program) suspendCommand() *cobra.Command {
	var f standingFlags
	var end bool
	c := &cobra.Command{
		Use:   "suspend CREDENTIAL",
		Short: "Suspend a credential at once, or end its suspension",
		Long: `suspend says at once that a credential does not hold for now, and issues a status list that says so. CREDENTIAL is its file, or the 64
digits of its identity. --end takes the suspension back.

Exit codes: 0 done; 2 wrong usage, or the credential is suspended or revoked already; 3 CREDENTIAL cannot be read`,
		Example: `  probat suspend router_4.2.1_ts-33.117.probat.zip --lab lab --reason "a default password was found in the field"`,
		Args:    exact("CREDENTIAL"),
		RunE: func(c *cobra.Command, args []string) error {
			return p.changeStanding(c.Context(), args[0], &f, func(l *lab.Lab, id statement.ID) error {
				if end {
					if err := seal.Reinstate(c.Context(), l, id, f.reason); err != nil {
						return err
					}
					p.say("credential %s is in force again", id)
					return nil
				}
				if err := seal.Suspend(c.Context(), l, id, f.reason); err != nil {
					return err
				}
				p.say("credential %s is suspended", id)
				p.say("next: %s seal --refresh %s --lab %s writes its file with the new status", self(), quoteArg(args[0]), quoteArg(f.dir))
				return nil
			})
		},
	}
	f.add(c)
	c.Flags().BoolVar(&end, "end", false, "end the suspension")
	return c
}

func (p *program) noticeCommand() *cobra.Command {
	var f standingFlags
	c := &cobra.Command{
		Use:   "notice CREDENTIAL",
		Short: "Tell the vendor that a credential is to be revoked, and until when it may answer",
		Long: `notice logs that the lab means to revoke a credential, and why. The vendor has answer_days (lab.yaml) to answer; probat revoke works when
it has, or when that time is over.

Exit codes: 0 done; 2 wrong usage, or the credential is revoked already; 3 CREDENTIAL cannot be read`,
		Example: `  probat notice router_4.2.1_ts-33.117.probat.zip --lab lab --reason "the artifact was exchanged after the evaluation"`,
		Args:    exact("CREDENTIAL"),
		RunE: func(c *cobra.Command, args []string) error {
			return p.changeStanding(c.Context(), args[0], &f, func(l *lab.Lab, id statement.ID) error {
				notice, by, err := seal.Notice(c.Context(), l, id, f.reason)
				if err != nil {
					return err
				}
				p.say("notice %s", notice)
				p.say("  the vendor may answer until %s", by.Format(time.RFC3339))
				p.say("next: %s revoke %s --lab %s --reason … --notice %s --vendor NAME --agrees TEXT", self(), quoteArg(args[0]), quoteArg(f.dir), notice)
				p.say("      or --disputes TEXT; or without an answer when that time is over")
				return nil
			})
		},
	}
	f.add(c)
	return c
}

func (p *program) revokeCommand() *cobra.Command {
	var f standingFlags
	var notice, vendor, agrees, disputes string
	c := &cobra.Command{
		Use:   "revoke CREDENTIAL",
		Short: "Revoke a credential for ever, after a notice",
		Long: `revoke rests on a notice (probat notice) that the vendor has answered, or whose time is over. --agrees and --disputes record the vendor's
answer in its own words; the ledger says that the lab attests it. A vendor who disputes does not prevent a revocation; that it did stands in
the ledger for good.

Exit codes: 0 revoked; 2 wrong usage, no notice that allows it, or revoked already; 3 CREDENTIAL cannot be read`,
		Example: `  probat revoke router_4.2.1_ts-33.117.probat.zip --lab lab --reason "see notice" \
      --notice 5d1e… --vendor "Example Networks" --agrees "we withdraw this release"`,
		Args: exact("CREDENTIAL"),
		RunE: func(c *cobra.Command, args []string) error {
			return p.changeStanding(c.Context(), args[0], &f, func(l *lab.Lab, id statement.ID) error {
				if err := p.answered(c.Context(), l, id, notice, vendor, agrees, disputes); err != nil {
					return err
				}
				if err := seal.Revoke(c.Context(), l, id, f.reason); err != nil {
					return err
				}
				p.say("credential %s is revoked", id)
				p.say("next: %s seal --refresh %s --lab %s writes its file with the new status", self(), quoteArg(args[0]), quoteArg(f.dir))
				return nil
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&notice, "notice", "", "the notice that the vendor answered, 64 digits")
	c.Flags().StringVar(&vendor, "vendor", "", "the vendor's name, as it answered")
	c.Flags().StringVar(&agrees, "agrees", "", "the vendor agrees, in its words")
	c.Flags().StringVar(&disputes, "disputes", "", "the vendor disputes, in its words")
	return c
}

// answered records the vendor's answer, if the flags give one.
func (p *program) answered(ctx context.Context, l *lab.Lab, about statement.ID, notice, vendor, agrees, disputes string) error {
	if agrees == "" && disputes == "" && notice == "" && vendor == "" {
		return nil
	}
	position, text := "agrees", agrees
	if disputes != "" {
		position, text = "disputes", disputes
	}
	id, err := statement.ParseID(notice)
	if err != nil || vendor == "" || (agrees != "" && disputes != "") {
		return usage("--notice ID --vendor NAME, and --agrees TEXT or --disputes TEXT", "the vendor's answer is not complete")
	}
	_, err = seal.Answered(ctx, l, about, id, vendor, position, text)
	return err
}
