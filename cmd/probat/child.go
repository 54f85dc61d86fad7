package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/lab/child"
	"github.com/probat-lab/probat/report"
	"github.com/probat-lab/probat/sandbox"
	"github.com/probat-lab/probat/seal/draft"
	"github.com/probat-lab/probat/seal/examine"
)

// What hostile bytes come near a lab's keys is parsed in a child that has none. These are the things that it can be asked to do.
const (
	taskEvaluate = "evaluate"
	taskDeclared = "declared"
	taskExamine  = "examine"
	taskShow     = "show"
	taskIdentify = "identify"
)

func tasks() []sandbox.Task {
	return append(child.Tasks(), []sandbox.Task{
		{Name: taskEvaluate, Run: childEvaluate},
		{Name: taskDeclared, Run: childDeclared},
		{Name: taskExamine, Run: childExamine},
		{Name: taskShow, Run: childShow},
		{Name: taskIdentify, Run: childIdentify},
	}...)
}

// evaluation is the input of taskEvaluate. Paths are absolute.
type evaluation struct {
	Product, Declaration string
	Schemes, References  []string
	AsOf, Out, Temp      string
	MaxBytes, MaxEntries int64
	MaxDepth, Workers    int
	Skip                 []string
	Quiet                bool
}

// childEvaluate evaluates a product into a dossier. What people read of it another child writes, which has seen no product.
func childEvaluate(ctx context.Context, in io.Reader, _, progress io.Writer) error {
	debug.SetMemoryLimit(memoryLimit)
	var e evaluation
	if err := json.NewDecoder(in).Decode(&e); err != nil {
		return fmt.Errorf("reading what to evaluate: %w", err)
	}
	release, err := evaluate.OpenRelease(e.Product, e.Declaration)
	if err != nil {
		return err
	}
	schemes, err := openSchemes(e.Schemes, release)
	if err != nil {
		return err
	}
	refs, err := openReferences(e.References)
	if err != nil {
		return err
	}
	o := evaluate.Options{Schemes: schemes, References: refs, AsOf: e.AsOf, Workers: e.Workers, LeaveOut: e.Skip, TempDir: e.Temp}
	o.Budget.Bytes, o.Budget.Entries, o.Budget.Depth = e.MaxBytes, e.MaxEntries, e.MaxDepth
	if !e.Quiet {
		pr := startProgress(progress)
		defer pr.end()
		o.Progress, o.Phase = &pr.count, pr.setPhase
	}
	c, err := evaluate.Run(ctx, release, o)
	if err != nil {
		return err
	}
	return dossier.Write(e.Out, c)
}

// examination is the input of taskExamine.
type examination struct {
	Dossier string
	Beside  []string
}

// childExamine checks a dossier and writes the plan for sealing it to out.
func childExamine(ctx context.Context, in io.Reader, out, _ io.Writer) error {
	var e examination
	if err := json.NewDecoder(in).Decode(&e); err != nil {
		return fmt.Errorf("reading what to examine: %w", err)
	}
	p, err := draft.Dossier(ctx, e.Dossier, e.Beside)
	if err != nil {
		return err
	}
	data, err := p.Bytes()
	if err != nil {
		return err
	}
	_, err = out.Write(data)
	return err
}

// showing is the input of taskShow.
type showing struct {
	Dossier string
	HTML    bool // the report; else the summary
}

// childShow writes a dossier's report, or its summary for people, to out.
func childShow(ctx context.Context, in io.Reader, out, _ io.Writer) error {
	var e showing
	if err := json.NewDecoder(in).Decode(&e); err != nil {
		return fmt.Errorf("reading what to show: %w", err)
	}
	c, err := readSound(ctx, e.Dossier)
	if err != nil {
		return err
	}
	if e.HTML {
		return report.HTML(out, c)
	}
	return report.Text(out, c, report.Style{})
}

// isolation says how much of the sandbox a command demands.
type isolation struct {
	without bool
}

func (i *isolation) add(c *cobra.Command) {
	c.Flags().BoolVar(&i.without, "without-isolation", false, "go on where this machine cannot keep hostile bytes away from keys")
}

func (i isolation) level() sandbox.Level {
	if i.without {
		return sandbox.None
	}
	return sandbox.Partial
}

// inChild runs a task with its input as JSON.
func inChild(ctx context.Context, task string, input any, out io.Writer, o sandbox.Options) error {
	data, err := json.Marshal(input)
	if err != nil {
		return err
	}
	_, err = sandbox.Run(ctx, task, bytes.NewReader(data), out, o)
	var se *sandbox.Error
	switch {
	case errors.As(err, &se) && se.Kind == sandbox.Refused:
		return &exitError{exitUsage, err, "probat doctor says what this machine lacks; --without-isolation does it all the same"}
	case errors.As(err, &se) && se.Kind == sandbox.Failed:
		return &exitError{exitUnreadable, errors.New(se.Text), "the same without keys: probat evaluate, or probat dossier check"}
	}
	return err
}

// examineDossier reads a dossier in a child and returns the plan for sealing it.
func examineDossier(ctx context.Context, dir string, level isolation) (*examine.Plan, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if st, err := os.Stat(abs); err != nil || !st.IsDir() {
		return nil, &exitError{exitUsage, fmt.Errorf("reading the dossier %q: %w", dir, dossier.ErrNoDossier), "make one: probat evaluate PRODUCT"}
	}
	var out bytes.Buffer
	o := sandbox.Options{Read: []string{abs}, MemoryLimit: 4 << 30, OutLimit: examine.MaxPlan, Require: level.level()}
	if err := inChild(ctx, taskExamine, examination{abs, []string{report.HTMLName}}, &out, o); err != nil {
		return nil, err
	}
	return examine.Parse(out.Bytes())
}

// plainWriter passes on what a child wrote for people, without what a terminal would obey.
type plainWriter struct{ w io.Writer }

func (p plainWriter) Write(b []byte) (int, error) {
	clean := strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, string(b))
	_, err := io.WriteString(p.w, clean)
	return len(b), err
}
