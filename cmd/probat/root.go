package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/strictyaml"
)

// Exit codes; every command's help names those that it uses.
const (
	exitOK          = 0
	exitFailOn      = 1
	exitUsage       = 2
	exitUnreadable  = 3
	exitInterrupted = 130
)

// exitError gives an error an exit code and a hint of what to type.
type exitError struct {
	code int
	err  error
	hint string
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usage(hint, format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...), hint}
}

// program is what all commands share.
type program struct {
	in       io.Reader
	out, err io.Writer
	quiet    bool
	kept     string // what an interruption leaves behind, in words; empty: nothing
}

// Main runs the program and returns its exit code.
func Main(args []string, in io.Reader, out, errw io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := &program{in: in, out: out, err: errw}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errw)
	err := root.ExecuteContext(ctx)
	return p.report(ctx, err)
}

// report writes an error with its hint and returns the exit code.
func (p *program) report(ctx context.Context, err error) int {
	if err == nil {
		return exitOK
	}
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || ctx.Err() == context.Canceled) {
		kept := p.kept
		if kept == "" {
			kept = "nothing was written"
		}
		fmt.Fprintf(p.err, "probat: interrupted; %s\n", kept)
		return exitInterrupted
	}
	code, hint := classify(err)
	var list *strictyaml.ErrorList
	if errors.As(err, &list) {
		// Lines that an editor understands, without a prefix.
		fmt.Fprintln(p.err, list.Error())
	} else if err.Error() != "" {
		fmt.Fprintf(p.err, "probat: %s\n", err)
	}
	if hint != "" {
		fmt.Fprintf(p.err, "hint: %s\n", hint)
	}
	return code
}

func classify(err error) (code int, hint string) {
	var e *exitError
	var unreadable *evaluate.UnreadableError
	var list *strictyaml.ErrorList
	switch {
	case errors.As(err, &e):
		return e.code, e.hint
	case errors.As(err, &unreadable):
		return exitUnreadable, unreadableHint(err)
	case errors.As(err, &list):
		return exitUsage, "mend the lines above; `probat scheme lint FILE` and `probat declare PRODUCT` help"
	case errors.Is(err, dossier.ErrNoDossier):
		return exitUsage, "make one: probat evaluate PRODUCT"
	case errors.Is(err, dossier.ErrOccupied):
		return exitUsage, "choose another folder with --out"
	case errors.Is(err, syscall.ENOSPC):
		return exitUsage, "make room, or set TMPDIR and --out to a disk that has some"
	case errors.Is(err, fs.ErrPermission):
		return exitUsage, "look at the rights of the folder, or choose another with --out"
	}
	return exitUsage, "probat --help"
}

func unreadableHint(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "check the spelling; PRODUCT is a file, a directory, or a product.yaml"
	case errors.Is(err, fs.ErrPermission):
		return "run as a user who may read it"
	}
	return "PRODUCT is a file, a directory, or a product.yaml"
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "probat",
		Short: "An open security lab for network equipment",
		Long: `Probat observes a product release (unpacks it to the last byte, inspects every file), judges what
it saw against published security schemes, and keeps evidence and verdicts in a dossier.

  probat evaluate router.img            a verdict for every requirement, and a dossier
  probat explain router.img.dossier 4.3.2.1
  probat declare router.img             drafts a product.yaml from what is observed
  probat lab init lab                   a lab, which seals dossiers into credentials
  probat verify NAME.probat.zip --trust lab.trust`,
		SilenceErrors: true, SilenceUsage: true,
		Version: version(),
	}
	root.PersistentFlags().BoolVarP(&p.quiet, "quiet", "q", false, "no progress and no summary; errors are still written")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage(c.CommandPath()+" --help", "%w", err)
	})
	root.AddCommand(
		p.evaluateCommand(), p.judgeCommand(), p.explainCommand(), p.factsCommand(), p.reportCommand(), p.dossierCommand(),
		p.treeCommand(), p.declareCommand(), p.schemeCommand(), p.doctorCommand(), p.manCommand(root),
		p.labCommand(), p.sealCommand(), p.verifyCommand(), p.suspendCommand(), p.noticeCommand(), p.revokeCommand(), p.discloseCommand(), p.acceptCommand(),
		p.ledgerCommand(), p.witnessCommand(), p.serveCommand(), p.submitCommand(), p.keyCommand(),
	)
	root.CompletionOptions.HiddenDefaultCmd = false
	return root
}

// exact wants n arguments and names them in the error.
func exact(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return usage(c.CommandPath()+" --help", "%s wants %s; got %d arguments", c.CommandPath(), strings.Join(names, " "), len(args))
	}
}

// say writes a line for people, unless they asked for quiet.
func (p *program) say(format string, args ...any) {
	if !p.quiet {
		fmt.Fprintf(p.out, format+"\n", args...)
	}
}
