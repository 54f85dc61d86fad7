package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/report"
)

func (p *program) judgeCommand() *cobra.Command {
	var schemeNames, refs, fail []string
	var asOf, out string
	c := &cobra.Command{
		Use:   "judge DOSSIER",
		Short: "Judge the facts of a dossier anew, by any scheme and as of any day",
		Long: `judge decides every requirement of a scheme from the facts in a dossier; the product is not looked at and need not
exist any more. It prints the outcome and never changes DOSSIER; --out writes a new dossier that names it as its
predecessor. What the scheme asks for and nobody looked for when the dossier was made is not-assessed (needs-rescan).

Exit codes: 0 judged; 1 judged, and what --fail-on names is so; 2 wrong usage, scheme or dossier; 130 interrupted`,
		Example: `  probat judge router.dossier --scheme ./my-scheme.yaml
  probat judge router.dossier --scheme ts-33.117 --as-of 2027-01-01 --out router-2027.dossier`,
		Args: exact("DOSSIER"),
		RunE: func(c *cobra.Command, args []string) error {
			return p.judge(c.Context(), args[0], schemeNames, refs, asOf, out, fail)
		},
	}
	c.Flags().StringArrayVar(&schemeNames, "scheme", nil, "a scheme's id or path (default the dossier's own); may be repeated")
	c.Flags().StringArrayVar(&refs, "reference", nil, "a reference file (default the dossier's own); may be repeated")
	c.Flags().StringVar(&asOf, "as-of", "", "the day as of which is judged, YYYY-MM-DD (default the dossier's)")
	c.Flags().StringVar(&out, "out", "", "write a new dossier to this folder")
	c.Flags().StringSliceVar(&fail, "fail-on", nil, "exit 1 on: fail, inconclusive, not-assessed, or a requirement that is not passed")
	return c
}

func (p *program) judge(ctx context.Context, dir string, schemeNames, refs []string, asOf, out string, fail []string) error {
	old, err := dossier.Read(dir)
	if err != nil {
		return err
	}
	c := *old
	if asOf != "" {
		if c.Manifest.AsOf, err = checkDate(asOf); err != nil {
			return err
		}
	}
	if len(refs) > 0 {
		if c.References, err = openReferences(refs); err != nil {
			return err
		}
	}
	list := old.Schemes()
	if len(schemeNames) > 0 {
		if list, err = openSchemes(schemeNames, nil); err != nil {
			return err
		}
	}
	if err := checkFailOn(fail, list); err != nil {
		return err
	}
	if err := c.Judge(ctx, list); err != nil {
		return err
	}
	if out != "" {
		c.Manifest.Predecessor = old.Digest
		if err := refuseSame(dir, out); err != nil {
			return err
		}
		if err := dossier.Write(out, &c, besides()...); err != nil {
			return err
		}
	}
	if !p.quiet {
		if err := report.Text(p.out, &c, p.style()); err != nil {
			return err
		}
		if out != "" {
			p.say("\ndossier %s  sha256 %s, predecessor %s", out, c.Digest, old.Digest)
		}
	}
	return failOn(fail, c.Outcomes)
}

// refuseSame keeps judge from writing over the dossier that it read.
func refuseSame(dir, out string) error {
	if same, err := sameFolder(dir, out); err != nil || same {
		return usage("choose another folder with --out", "judge never changes a dossier: %w", errors.Join(err, fmt.Errorf("%q is the one that was read", out)))
	}
	return nil
}

func (p *program) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain DOSSIER REQUIREMENT",
		Short: "Everything about one requirement: verdict, tests, facts, the decisive bytes",
		Long: `explain prints what stands behind the verdict of one requirement. REQUIREMENT is its id (4.3.2.1), with the scheme's in front
where the dossier has several schemes (ts-33.117/4.3.2.1).

Exit codes: 0 printed; 2 wrong usage, or no such dossier or requirement`,
		Example: `  probat explain router.dossier 4.3.2.1`,
		Args:    exact("DOSSIER", "REQUIREMENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := readSound(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			o, r, err := findRequirement(c, args[1])
			if err != nil {
				return err
			}
			return report.Explain(p.out, c, o, r, p.style())
		},
	}
}

func findRequirement(c *dossier.Contents, word string) (*judge.Outcome, *judge.Requirement, error) {
	var found *judge.Outcome
	var req *judge.Requirement
	for _, o := range c.Outcomes {
		for i := range o.Requirements {
			if !names(word, o.Scheme.ID, o.Requirements[i].Of.ID) {
				continue
			}
			if found != nil {
				return nil, nil, usage("write "+o.Scheme.ID+"/"+word, "several schemes of the dossier have a requirement %q", word)
			}
			found, req = o, &o.Requirements[i]
		}
	}
	if found == nil {
		return nil, nil, usage("probat report DOSSIER --format csv lists all", "no scheme of the dossier has a requirement %q", word)
	}
	return found, req, nil
}
