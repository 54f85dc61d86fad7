package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/evaluate"
)

func (p *program) declareCommand() *cobra.Command {
	var look lookFlags
	c := &cobra.Command{
		Use:   "declare PRODUCT",
		Short: "Draft a product.yaml from what is observed in a product",
		Long: `declare writes a declaration to begin with to standard output: artifacts, services, accounts, privileged programs and software
as they are in PRODUCT. A draft says what is there; the vendor says what ought to be: read every line, correct and
complete it, and put it beside the artifact.

Exit codes: 0 written; 2 wrong usage; 3 PRODUCT cannot be read at all; 130 interrupted`,
		Example: `  probat declare router.img > product.yaml
  probat evaluate product.yaml`,
		Args: exact("PRODUCT"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := look.check(); err != nil {
				return err
			}
			return p.declare(c.Context(), args[0], &look)
		},
	}
	look.add(c)
	return c
}

func (p *program) declare(ctx context.Context, path string, look *lookFlags) error {
	release, err := evaluate.OpenRelease(path, "")
	if err != nil {
		return err
	}
	options := evaluate.Options{Budget: look.budget, Workers: look.workers, Cache: look.cache()}
	c, err := p.watched(ctx, &options, func() (*dossier.Contents, error) {
		c := &dossier.Contents{}
		return c, evaluate.Observe(ctx, release, options, c)
	})
	if err != nil {
		return err
	}
	draft, err := evaluate.Draft(release, c)
	if err != nil {
		return err
	}
	_, err = p.out.Write(draft)
	return err
}
