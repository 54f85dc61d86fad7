// Package child has hostile bytes parsed in a process that holds no keys: the tasks that the lab's server asks a sandboxed child for, and the
// functions that ask. What comes back has one encoding and is read strictly; it may still be lies, so whoever asked compares it with what it gave.
package child

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/lab/box"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/outline/draw"
	"github.com/probat-lab/probat/product"
	"github.com/probat-lab/probat/report"
	"github.com/probat-lab/probat/sandbox"
	"github.com/probat-lab/probat/scheme"
	"github.com/probat-lab/probat/schemes"
	"github.com/probat-lab/probat/seal/draft"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/unpack"
)

// Tasks returns what a child of the server can be asked to do; the program gives them to sandbox.Main.
func Tasks() []sandbox.Task {
	return []sandbox.Task{
		{Name: taskEvaluate, Run: childEvaluate},
		{Name: taskJudge, Run: childJudge},
		{Name: taskDeclare, Run: childDeclare},
		{Name: taskExamine, Run: childExamine},
		{Name: taskOutline, Run: childOutline},
		{Name: taskReport, Run: childReport},
		{Name: taskFile, Run: childFile},
		{Name: taskUnzip, Run: childUnzip},
		{Name: taskCheck, Run: childCheck},
		{Name: taskDraft, Run: childDraft},
	}
}

const (
	taskEvaluate = "serve/evaluate"
	taskJudge    = "serve/judge"
	taskDeclare  = "serve/declare"
	taskExamine  = "serve/examine"
	taskOutline  = "serve/outline"
	taskReport   = "serve/report"
	taskFile     = "serve/file"
	taskUnzip    = "serve/unzip"
)

// eventEvery is how often a child tells how far it is.
const eventEvery = 200 * time.Millisecond

func childEvaluate(ctx context.Context, in io.Reader, _, progress io.Writer) error {
	debug.SetMemoryLimit(1 << 30)
	var e box.Evaluation
	if err := json.NewDecoder(in).Decode(&e); err != nil {
		return fmt.Errorf("reading what to evaluate: %w", err)
	}
	release, err := evaluate.OpenRelease(e.Product, e.Declaration)
	if err != nil {
		return err
	}
	list, err := openSchemes(e.Schemes)
	if err != nil {
		return err
	}
	o := evaluate.Options{Schemes: list, AsOf: e.AsOf, TempDir: e.Temp}
	o.Budget.Bytes, o.Budget.Entries, o.Budget.Depth = e.MaxBytes, e.MaxEntries, e.MaxDepth
	t := tell(progress)
	o.Progress, o.Phase = &t.count, t.phase
	c, err := evaluate.Run(ctx, release, o)
	t.end()
	if err != nil {
		return err
	}
	return dossier.Write(e.Out, c)
}

// teller writes events as lines of JSON.
type teller struct {
	count  unpack.Progress
	phases chan string
	done   chan struct{}
}

func tell(w io.Writer) *teller {
	t := &teller{phases: make(chan string), done: make(chan struct{})}
	go func() {
		defer close(t.done)
		begun, phase := time.Now(), ""
		tick := time.NewTicker(eventEvery)
		defer tick.Stop()
		for {
			select {
			case p, more := <-t.phases:
				if phase = p; !more {
					return
				}
			case <-tick.C:
			}
			slow, took := t.count.Slowest()
			b, err := json.Marshal(box.Event{
				Phase: phase, Files: t.count.Files.Load(), Bytes: t.count.Bytes.Load(), Container: t.count.Container(), Slowest: slow,
				Took: took.Seconds(), Seconds: time.Since(begun).Seconds(),
			})
			if err == nil {
				_, _ = w.Write(append(b, '\n')) // nobody may listen any more
			}
		}
	}()
	return t
}

func (t *teller) phase(name string) { t.phases <- name }

func (t *teller) end() {
	close(t.phases)
	<-t.done
}

func openSchemes(ids []string) ([]*scheme.Scheme, error) {
	var list []*scheme.Scheme
	for _, id := range ids {
		data, ok := schemes.Source(id)
		if !ok {
			return nil, fmt.Errorf("there is no scheme %q", id)
		}
		s, err := scheme.Parse(id+".yaml", data)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

func childJudge(ctx context.Context, in io.Reader, _, _ io.Writer) error {
	var j box.Judging
	if err := json.NewDecoder(in).Decode(&j); err != nil {
		return fmt.Errorf("reading what to judge: %w", err)
	}
	c, err := dossier.Read(j.Dossier)
	if err != nil {
		return err
	}
	for _, e := range j.Evidence {
		data, err := os.ReadFile(e.Path)
		if err != nil {
			return fmt.Errorf("reading evidence: %w", err)
		}
		if dossier.Digest(data) != e.Digest {
			return fmt.Errorf("the evidence %q is not what was kept", e.Title)
		}
		if _, have := c.Evidence[e.Digest]; have {
			continue
		}
		c.Evidence[e.Digest] = data
		c.Manifest.Evidence = append(c.Manifest.Evidence, dossier.Evidence{Digest: e.Digest, Title: e.Title, Answers: e.Answers})
	}
	c.Judgements = j.Judgements
	c.Manifest.Predecessor = c.Digest
	if err := c.Judge(ctx, c.Schemes()); err != nil {
		return err
	}
	return dossier.Write(j.Out, c)
}

func childDeclare(_ context.Context, in io.Reader, out, _ io.Writer) error {
	data, err := io.ReadAll(io.LimitReader(in, product.MaxSize+1))
	if err != nil {
		return err
	}
	d, err := product.Parse("declaration", data)
	if err != nil {
		return err
	}
	canonical, err := d.Canonical()
	if err != nil {
		return err
	}
	x := box.Declared{Artifacts: []box.DeclaredFile{}, Digest: dossier.Digest(canonical), Documents: []string{}, Release: draft.Release(d), Schemes: append([]string{}, d.Schemes...)}
	for _, a := range d.Artifacts {
		x.Artifacts = append(x.Artifacts, box.DeclaredFile{ID: a.ID, Path: a.Path})
	}
	for _, doc := range d.Documents {
		if doc.Path != "" {
			x.Documents = append(x.Documents, doc.Path)
		}
	}
	return encode(out, x)
}

func encode(w io.Writer, v any) error {
	b, err := statement.Encode(v)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// reports are the names of reports that may lie beside a dossier.
var reports = []string{report.HTMLName}

func childExamine(ctx context.Context, in io.Reader, out, _ io.Writer) error {
	dir, err := readPath(in)
	if err != nil {
		return err
	}
	p, err := draft.Dossier(ctx, dir, reports)
	if err != nil {
		return err
	}
	b, err := p.Bytes()
	if err != nil {
		return err
	}
	_, err = out.Write(b)
	return err
}

func childOutline(ctx context.Context, in io.Reader, out, _ io.Writer) error {
	dir, err := readPath(in)
	if err != nil {
		return err
	}
	c, err := dossier.Read(dir)
	if err != nil {
		return err
	}
	return draw.Write(ctx, out, c)
}

// reporting is the input of taskReport.
type reporting struct{ Dossier, Format string }

func childReport(_ context.Context, in io.Reader, out, _ io.Writer) error {
	var x reporting
	if err := json.NewDecoder(in).Decode(&x); err != nil {
		return fmt.Errorf("reading what to report: %w", err)
	}
	c, err := dossier.Read(x.Dossier)
	if err != nil {
		return err
	}
	write, ok := map[string]func(io.Writer, *dossier.Contents) error{"html": report.HTML, "json": report.JSON, "csv": report.CSV, "sarif": report.SARIF}[x.Format]
	if !ok {
		return fmt.Errorf("there is no report format %q", x.Format)
	}
	return write(out, c)
}

func readPath(in io.Reader) (string, error) {
	var dir string
	err := json.NewDecoder(in).Decode(&dir)
	if err != nil {
		return "", fmt.Errorf("reading which dossier: %w", err)
	}
	return dir, nil
}

// Sandbox is how the server's children run.
type Sandbox struct {
	Require sandbox.Level
}

func (s Sandbox) run(ctx context.Context, task string, input any, out io.Writer, o sandbox.Options) error {
	data, err := json.Marshal(input)
	if err != nil {
		return err
	}
	return s.pipe(ctx, task, bytes.NewReader(data), out, o)
}

func (s Sandbox) pipe(ctx context.Context, task string, in io.Reader, out io.Writer, o sandbox.Options) error {
	o.Require = s.Require
	_, err := sandbox.Run(ctx, task, in, out, o)
	return err
}

// Evaluate evaluates into e.Out, a folder that is not there yet in one that is. read are the files of the product.
func (s Sandbox) Evaluate(ctx context.Context, e box.Evaluation, read []string, progress io.Writer) error {
	o := sandbox.Options{Read: read, Write: []string{filepath.Dir(e.Out)}, MemoryLimit: 2 << 30, OutLimit: 1 << 10, Progress: progress}
	return s.run(ctx, taskEvaluate, e, io.Discard, o)
}

// Judge judges a dossier anew.
func (s Sandbox) Judge(ctx context.Context, j box.Judging) error {
	o := sandbox.Options{Read: []string{j.Dossier}, Write: []string{filepath.Dir(j.Out)}, MemoryLimit: 4 << 30, OutLimit: 1 << 10}
	for _, e := range j.Evidence {
		o.Read = append(o.Read, e.Path)
	}
	return s.run(ctx, taskJudge, j, io.Discard, o)
}

// Declare reads a declaration.
func (s Sandbox) Declare(ctx context.Context, text []byte) (*box.Declared, error) {
	var out bytes.Buffer
	if err := s.pipe(ctx, taskDeclare, bytes.NewReader(text), &out, sandbox.Options{OutLimit: 16 << 20}); err != nil {
		return nil, err
	}
	var d box.Declared
	if err := statement.Decode(out.Bytes(), &d); err != nil {
		return nil, fmt.Errorf("reading what the declaration says: %w", err)
	}
	return &d, nil
}

// Examine checks a dossier whole and returns the plan for sealing it.
func (s Sandbox) Examine(ctx context.Context, dir string) (*examine.Plan, error) {
	var out bytes.Buffer
	if err := s.run(ctx, taskExamine, dir, &out, sandbox.Options{Read: []string{dir}, MemoryLimit: 4 << 30, OutLimit: examine.MaxPlan}); err != nil {
		return nil, err
	}
	return examine.Parse(out.Bytes())
}

// Outline writes a dossier's outline to out.
func (s Sandbox) Outline(ctx context.Context, dir string, out io.Writer) error {
	return s.run(ctx, taskOutline, dir, out, sandbox.Options{Read: []string{dir}, MemoryLimit: 4 << 30, OutLimit: outline.MaxBytes})
}

// Report writes a dossier as html, json, csv or sarif.
func (s Sandbox) Report(ctx context.Context, dir, format string, out io.Writer) error {
	return s.run(ctx, taskReport, reporting{dir, format}, out, sandbox.Options{Read: []string{dir}, MemoryLimit: 4 << 30, OutLimit: 1 << 30})
}
