package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/seal"
	"github.com/probat-lab/probat/statement"
)

func (p *program) acceptCommand() *cobra.Command {
	var f standingFlags
	var a seal.Acceptance
	var by string
	c := &cobra.Command{
		Use:   "accept DOSSIER REQUIREMENT",
		Short: "Log that a party accepts a risk until a day; it changes no verdict",
		Long: `accept logs that a party, normally an operator, accepts what a requirement finds in a release, why, and until which day. It changes no verdict
and no count; credentials of the release that are issued later say who accepted what. The party did not sign itself: the ledger says that the
lab attests it.

Exit codes: 0 logged; 2 wrong usage, or no such requirement; 3 DOSSIER cannot be read`,
		Example: `  probat accept router.dossier 4.3.2.6 --by operator:"Nordnetz" --until 2027-06-30 --reason "behind a jump host" --lab lab`,
		Args:    exact("DOSSIER", "REQUIREMENT"),
		RunE: func(c *cobra.Command, args []string) error {
			a.Requirement, a.Reason = args[1], f.reason
			return p.accept(c.Context(), args[0], by, &f, a)
		},
	}
	f.add(c)
	c.Flags().StringVar(&by, "by", "", "CLASS:NAME, the class being operator, vendor or regulator")
	c.Flags().StringVar(&a.Until, "until", "", "YYYY-MM-DD: the first day on which it is not accepted any more")
	c.Flags().StringVar(&a.Scheme, "scheme", "", "where the dossier has several")
	c.Flags().StringVar(&a.Fingerprint, "finding", "", "only this finding, by its whole fingerprint")
	return c
}

func (p *program) accept(ctx context.Context, dir, by string, f *standingFlags, a seal.Acceptance) error {
	if err := f.check(); err != nil {
		return err
	}
	class, name, ok := strings.Cut(by, ":")
	a.By = statement.Actor{Class: statement.Class(class), Name: name, Proof: statement.Attested}
	switch _, err := time.Parse(time.DateOnly, a.Until); {
	case !ok || name == "":
		return usage("--by operator:NAME", "--by %q says not who accepts the risk", by)
	case err != nil:
		return usage("--until 2027-06-30", "--until %q is no date", a.Until)
	case f.reason == "":
		return usage("--reason 'reached through a jump host only'", "no reason is given")
	}
	plan, err := examineDossier(ctx, dir, f.isolation)
	if err != nil {
		return err
	}
	return p.withLab(ctx, f.labFlags, func(l *lab.Lab) error {
		id, err := seal.Accept(ctx, l, plan, a)
		if err != nil {
			return err
		}
		p.say("risk %s accepted by %s until %s", id, a.By.Name, a.Until)
		return nil
	})
}
