package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/dossier"

	"github.com/probat-lab/probat/report"
)

func (p *program) reportCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "report DOSSIER",
		Short: "Write a report of a dossier to standard output",
		Long: `report writes what stands in a dossier in another form:
  html   one self-contained file that needs no scripts
  json   verdicts, tests and findings as one canonical JSON object
  csv    one row a requirement: scheme, edition, requirement, clause, title, verdict, reason, and counts of distinct facts
  sarif  SARIF 2.1.0: findings, for tools that read static analysis results
  text   the summary that evaluate prints

Exit codes: 0 written; 2 wrong usage, or no such dossier`,
		Example: `  probat report router.dossier --format csv > router.csv`,
		Args:    exact("DOSSIER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			write, ok := map[string]func(io.Writer, *dossier.Contents) error{
				"html": report.HTML, "json": report.JSON, "csv": report.CSV, "sarif": report.SARIF,
				"text": func(w io.Writer, c *dossier.Contents) error { return report.Text(w, c, p.style()) },
			}[format]
			if !ok {
				return usage("--format html, json, csv, sarif or text", "--format %q is not known", format)
			}
			c, err := readSound(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return write(p.out, c)
		},
	}
	c.Flags().StringVar(&format, "format", "text", "html, json, csv, sarif or text")
	return c
}

func (p *program) dossierCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "dossier",
		Short: "Look after dossiers",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use:   "check DOSSIER",
		Short: "Check every digest of a dossier, and judge it again",
		Long: `check reads every file of a dossier, compares its digest with the one that is listed, refuses files that are not listed, and
judges the facts again by the dossier's own schemes: the verdicts must be the same to the byte.

Exit codes: 0 whole; 2 it is not, or is no dossier`,
		Args: exact("DOSSIER"),
		RunE: func(c *cobra.Command, args []string) error { return p.check(c.Context(), args[0]) },
	})
	return c
}

func (p *program) check(ctx context.Context, dir string) error {
	c, err := dossier.Check(dir, []string{report.HTMLName})
	if errors.Is(err, dossier.ErrNoDossier) {
		return err
	}
	if err != nil {
		return &exitError{exitUsage, err, "it was changed or is damaged: take it from where it came, or evaluate again"}
	}
	if err := follows(ctx, dir, c); err != nil {
		return err
	}
	var ids []string
	for _, o := range c.Outcomes {
		ids = append(ids, o.Scheme.ID)
		if d := report.Departs(o.Scheme); d != "" {
			p.say("%s", d)
		}
	}
	if other, err := otherReport(dir, c); err != nil {
		return err
	} else if other {
		p.say("%s is not the one that this program would write of the dossier: probat report %s --format html", report.HTMLName, quoteArg(dir))
	}
	p.say("dossier %s is whole: %d files, %d facts, the verdicts by %s are the same when judged again",
		c.Digest, len(c.Manifest.Files)+1, c.Manifest.CountFacts(), strings.Join(ids, ", "))
	return nil
}

// follows judges a dossier again and refuses one whose verdicts do not follow from its facts.
func follows(ctx context.Context, dir string, c *dossier.Contents) error {
	err := c.Sound(ctx)
	if errors.Is(err, dossier.ErrUnsound) {
		return &exitError{exitUsage, err, "probat judge " + quoteArg(dir) + " prints what follows"}
	}
	return err
}

// readSound reads a dossier and judges it again: what is shown to people has to follow from what was seen.
func readSound(ctx context.Context, dir string) (*dossier.Contents, error) {
	c, err := dossier.Read(dir)
	if err != nil {
		return nil, err
	}
	return c, follows(ctx, dir, c)
}

// otherReport tells whether the report in the folder is another one than the dossier gives.
func otherReport(dir string, c *dossier.Contents) (bool, error) {
	have, err := os.ReadFile(filepath.Join(dir, report.HTMLName))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var want bytes.Buffer
	err = report.HTML(&want, c)
	return !bytes.Equal(have, want.Bytes()), err
}

// sameFolder tells whether two paths name one folder. A path that does not exist is no other's.
func sameFolder(a, b string) (bool, error) {
	x, err := os.Stat(a)
	if err != nil {
		return false, err
	}
	y, err := os.Stat(filepath.Clean(b))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return os.SameFile(x, y), nil
}
