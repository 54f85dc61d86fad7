package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/report"
	"github.com/probat-lab/probat/sandbox"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
)

// evaluateAndSeal evaluates a product in a child without keys, and seals the dossier that it made. Everything lies meanwhile in a folder
// below the lab's, which nobody else may enter.
func (p *program) evaluateAndSeal(ctx context.Context, path, asOf, out string, o *evaluateOptions) error {
	if err := p.ready(ctx, o.seal.labFlags, true); err != nil {
		return err
	}
	if err := apart(o.seal.dir, append([]string{path, o.declaration}, o.refs...)); err != nil {
		return err
	}
	work, err := os.MkdirTemp(o.seal.dir, ".work-")
	if err != nil {
		return fmt.Errorf("making a folder to work in: %w", err)
	}
	defer removeAll(work)
	if work, err = filepath.Abs(work); err != nil {
		return err
	}
	s, err := p.stageAbs(ctx, path, o, work)
	if err != nil {
		return err
	}
	made := filepath.Join(work, "out", "dossier")
	plan, err := p.evaluateStaged(ctx, s, asOf, made, o)
	if err != nil {
		return err
	}
	if err := checkFailOnPlan(o.failOn, plan); err != nil {
		return err
	}
	if err := p.deliver(ctx, made, out, plan, o.seal.isolation); err != nil {
		return err
	}
	p.kept = "the dossier is in " + out + ", and would be sealed from there as one that was received"
	if err := p.sealPlan(ctx, made, dossierName(out), plan, &o.seal, statement.ObservedHere); err != nil {
		return err
	}
	return failOnPlan(o.failOn, plan)
}

func (p *program) stageAbs(ctx context.Context, path string, o *evaluateOptions, work string) (*staged, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	declaration := o.declaration
	if declaration != "" {
		if declaration, err = filepath.Abs(declaration); err != nil {
			return nil, err
		}
	}
	return stage(ctx, path, declaration, filepath.Join(work, "product"), o.seal.isolation)
}

// evaluateStaged has a child evaluate, another one examine what came of it, and compares that with what was asked for.
func (p *program) evaluateStaged(ctx context.Context, s *staged, asOf, made string, o *evaluateOptions) (*examine.Plan, error) {
	e := evaluation{
		Product: s.product, Declaration: s.declaration, AsOf: asOf, Out: made, Temp: filepath.Join(filepath.Dir(made), "tmp"),
		MaxBytes: o.budget.Bytes, MaxEntries: o.budget.Entries, MaxDepth: o.budget.Depth, Workers: o.workers, Skip: o.skip, Quiet: p.quiet,
	}
	read := slices.Clone(s.read)
	for _, list := range []struct {
		from []string
		into *[]string
	}{{o.schemes, &e.Schemes}, {o.refs, &e.References}} {
		for _, name := range list.from {
			if list.into == &e.References || isPath(name) {
				abs, err := filepath.Abs(name)
				if err != nil {
					return nil, err
				}
				name, read = abs, append(read, abs)
			}
			*list.into = append(*list.into, name)
		}
	}
	if err := os.MkdirAll(e.Temp, 0o700); err != nil {
		return nil, fmt.Errorf("making a folder to work in: %w", err)
	}
	box := sandbox.Options{
		Read: read, Write: []string{filepath.Dir(made)}, MemoryLimit: 2 << 30, OutLimit: 1 << 20, Owners: len(s.dirs) > 0,
		Progress: plainWriter{p.err}, Require: o.seal.level(),
	}
	var nothing bytes.Buffer
	if err := inChild(ctx, taskEvaluate, e, &nothing, box); err != nil {
		return nil, err
	}
	plan, err := examineDossier(ctx, made, o.seal.isolation)
	if err != nil {
		return nil, err
	}
	if err := s.same(plan, asOf); err != nil {
		return nil, err
	}
	return plan, s.sameSchemes(plan, e.Schemes)
}

// sameSchemes wants that a dossier was judged by the schemes that were asked for.
func (s *staged) sameSchemes(p *examine.Plan, named []string) error {
	var declared []string
	if s.declared != nil {
		declared = s.declared.Schemes
	}
	var want, got []string
	for _, name := range schemeNames(named, declared, filepath.Dir(cmp.Or(s.declaration, s.product))) {
		_, data, err := schemeSource(name)
		if err != nil {
			return err
		}
		want = append(want, dossier.Digest(data))
	}
	for _, j := range p.Schemes {
		got = append(got, j.Policy.Digest)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		return &exitError{exitUnreadable, errors.New("the dossier was judged by other schemes than were asked for"), "nothing was sealed; the product may have taken over the process that parsed it"}
	}
	return nil
}

// deliver copies the dossier to where it was asked for, with a report that a child wrote which has seen no product, and shows the summary.
func (p *program) deliver(ctx context.Context, made, out string, plan *examine.Plan, level isolation) error {
	show := func(html bool) ([]byte, error) {
		var b bytes.Buffer
		err := inChild(ctx, taskShow, showing{made, html}, &b, sandbox.Options{Read: []string{made}, MemoryLimit: 4 << 30, OutLimit: 1 << 30, Require: level.level()})
		return b.Bytes(), err
	}
	page, err := show(true)
	if err != nil {
		return err
	}
	dir, name := filepath.Split(filepath.Clean(out))
	tmp := filepath.Join(dir, "."+name+"."+rand.Text())
	if err := copyDossier(made, tmp, plan, page); err != nil {
		return errors.Join(fmt.Errorf("writing the dossier %q: %w", out, err), os.RemoveAll(tmp))
	}
	if err := dossier.Move(tmp, out); err != nil {
		return errors.Join(err, os.RemoveAll(tmp))
	}
	if p.quiet {
		return nil
	}
	text, err := show(false)
	if err != nil {
		return err
	}
	if _, err := (plainWriter{p.out}).Write(text); err != nil {
		return err
	}
	p.say("\ndossier %s  sha256 %s\nreport  %s", out, plan.Dossier, filepath.Join(out, report.HTMLName))
	return nil
}

// copyDossier writes the files of a plan, whose digests they must have, and a report into a new folder.
func copyDossier(from, to string, plan *examine.Plan, page []byte) error {
	read := dossierFiles(from)
	for _, f := range plan.Files {
		data, err := read(f.Name)
		if err != nil {
			return err
		}
		if dossier.Digest(data) != f.Digest {
			return fmt.Errorf("%s changed meanwhile", f.Name)
		}
		if err := writeNewFile(filepath.Join(to, filepath.FromSlash(f.Name)), data); err != nil {
			return err
		}
	}
	return writeNewFile(filepath.Join(to, report.HTMLName), page)
}

func writeNewFile(path string, data []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.Write(data)
	return err
}

// apart wants that a lab's folder and what a child reads lie beside each other: neither may be inside the other.
func apart(lab string, read []string) error {
	real := func(path string) string {
		abs, err := filepath.Abs(path)
		if err != nil {
			return path
		}
		if r, err := filepath.EvalSymlinks(abs); err == nil {
			return r
		}
		return abs
	}
	inside := func(a, b string) bool {
		rel, err := filepath.Rel(a, b)
		return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
	}
	for _, path := range read {
		if path != "" && (inside(real(path), real(lab)) || inside(real(lab), real(path))) {
			return usage("move one of them elsewhere", "the lab %q and %q, which is parsed without trust, lie in each other", lab, path)
		}
	}
	return nil
}
