package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/scheme"
	"github.com/probat-lab/probat/schemes"
	"github.com/probat-lab/probat/schemetest"
)

func (p *program) schemeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "scheme",
		Short: "List, show, check and test security schemes",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use:   "list",
		Short: "The schemes that come with the program",
		Args:  exact(),
		RunE:  func(*cobra.Command, []string) error { return p.schemeList() },
	})
	var format string
	show := &cobra.Command{
		Use:   "show S",
		Short: "A scheme's requirements, or its file to copy from",
		Long: `show prints a scheme: its requirements with their tests as text, or with --format yaml the file itself, to copy from.

Exit codes: 0 printed; 2 no such scheme, or it is wrong`,
		Example: `  probat scheme show ts-33.117 --format yaml > mine.yaml`,
		Args:    exact("S"),
		RunE:    func(_ *cobra.Command, args []string) error { return p.schemeShow(args[0], format) },
	}
	show.Flags().StringVar(&format, "format", "text", "text or yaml")
	c.AddCommand(show, &cobra.Command{
		Use:   "lint S",
		Short: "Check a scheme beyond what reading it does",
		Long: `lint reads a scheme, checks the types of its expressions, and looks for what is allowed and yet probably wrong; anything that
names a vendor is refused.

Exit codes: 0 nothing found; 2 something is wrong (FILE:LINE:COL: …)`,
		Args: exact("S"),
		RunE: func(_ *cobra.Command, args []string) error { return p.schemeLint(args[0]) },
	}, &cobra.Command{
		Use:   "test S [TESTFILE]",
		Short: "Run a scheme's test file: facts in, verdicts out",
		Long: `test judges the facts of each case in a scheme's test file and compares the verdicts with those that are expected. The file of a
scheme that comes with the program comes with it; beside a scheme's file NAME.yaml it is NAME.test.yaml.

Exit codes: 0 all as expected; 2 something is not`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 1 || len(args) == 2 {
				return nil
			}
			return exact("S")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error { return p.schemeTest(c.Context(), args) },
	})
	return c
}

func (p *program) schemeList() error {
	for _, id := range schemes.IDs() {
		s, err := openScheme(id)
		if err != nil {
			return err
		}
		tests := 0
		for i := range s.Requirements {
			tests += len(s.Requirements[i].Tests)
		}
		fmt.Fprintf(p.out, "%-14s %-10s %3d requirements, %3d tests  %s\n", s.ID, s.Edition, len(s.Requirements), tests, strings.TrimSuffix(s.Title+", "+s.Subtitle, ", "))
	}
	return nil
}

func (p *program) schemeShow(name, format string) error {
	s, err := openScheme(name)
	if err != nil {
		return err
	}
	switch format {
	case "yaml":
		_, err := p.out.Write(s.Source)
		return err
	case "text":
	default:
		return usage("--format text or yaml", "--format %q is not known", format)
	}
	fmt.Fprintf(p.out, "%s %s, edition %s, sha256 %s\n%s\n%s\n", s.ID, s.Title, s.Edition, s.Digest, s.Link, s.Texts)
	for _, pr := range s.Profiles {
		fmt.Fprintf(p.out, "profile %s: %s (%d requirements): %s\n", pr.ID, pr.Title, len(pr.Requirements), pr.Reason)
	}
	for i := range s.Requirements {
		q := &s.Requirements[i]
		fmt.Fprintf(p.out, "\n%s  %s\n  %s\n", q.ID, q.Title, q.Text)
		for k := range q.Tests {
			t := &q.Tests[k]
			over := t.Over
			if t.IsProcedure() {
				over = "a procedure"
			}
			fmt.Fprintf(p.out, "  test %s: %s, %s, %s\n", t.ID, t.Means, t.Strength, over)
		}
	}
	return nil
}

func (p *program) schemeLint(name string) error {
	s, err := openScheme(name)
	if err != nil {
		return err
	}
	file := name
	if !isPath(name) {
		file = name + ".yaml"
	}
	if err := scheme.Lint(file, s); err != nil {
		return err
	}
	p.say("%s %s: %d requirements, nothing found", s.ID, s.Edition, len(s.Requirements))
	return nil
}

func (p *program) schemeTest(ctx context.Context, args []string) error {
	s, err := openScheme(args[0])
	if err != nil {
		return err
	}
	var file string
	var data []byte
	switch {
	case len(args) == 2 || isPath(args[0]):
		file = strings.TrimSuffix(args[0], filepath.Ext(args[0])) + ".test.yaml"
		if len(args) == 2 {
			file = args[1]
		}
		if data, err = readBounded(file, 4<<20); err != nil {
			return &exitError{exitUsage, fmt.Errorf("reading the tests %q: %w", file, pathless(err)), "the test file of NAME.yaml is NAME.test.yaml, or name it"}
		}
	default:
		var ok bool
		file = args[0] + ".test.yaml"
		if data, ok = schemes.Tests(args[0]); !ok {
			return usage("", "the scheme %q has no test file", args[0])
		}
	}
	rep, err := schemetest.Run(ctx, s, file, data)
	if err != nil {
		return err
	}
	for _, f := range rep.Failures {
		fmt.Fprintln(p.out, f)
	}
	p.say("%d of %d cases as expected", rep.Cases-rep.Failed, rep.Cases)
	if rep.Failed > 0 {
		return &exitError{exitUsage, errors.New("the scheme does not do what its tests expect"), ""}
	}
	return nil
}
