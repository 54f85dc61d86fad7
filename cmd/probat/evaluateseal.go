package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/report"
	"github.com/probat-lab/probat/sandbox"
	"github.com/probat-lab/probat/statement"
)

// evaluateAndSeal evaluates a product in a child without keys, and seals the dossier that it made.
func (p *program) evaluateAndSeal(ctx context.Context, e evaluation, release *evaluate.Release, out string, o *evaluateOptions) error {
	if err := p.ready(ctx, o.seal.labFlags, true); err != nil {
		return err
	}
	read := e.reads(release)
	if err := apart(o.seal.dir, read); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(filepath.Clean(out)), ".probat-")
	if err != nil {
		return fmt.Errorf("making a folder for the dossier: %w", err)
	}
	defer os.RemoveAll(work)
	if work, err = filepath.Abs(work); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(work, "tmp"), 0o700); err != nil {
		return err
	}
	made := filepath.Join(work, "dossier")
	e.Out, e.Temp, e.Quiet = made, filepath.Join(work, "tmp"), p.quiet
	var text bytes.Buffer
	box := sandbox.Options{
		Read: read, Write: []string{work}, MemoryLimit: 2 << 30, OutLimit: 16 << 20, Owners: true,
		Progress: plainWriter{p.err}, Require: o.seal.level(),
	}
	if err := inChild(ctx, taskEvaluate, e, &text, box); err != nil {
		return err
	}
	plan, err := examineDossier(ctx, made, o.seal.isolation)
	if err != nil {
		return err
	}
	// The child hashed what it was given, and may be in the hands of what it parsed: that these are the bytes, this process sees for itself.
	if err := sameArtifacts(e.Product, plan); err != nil {
		return err
	}
	if err := dossier.Move(made, out); err != nil {
		return err
	}
	p.kept = "the dossier is in " + out + ", and would be sealed from there as one that was received"
	if !p.quiet {
		if _, err := (plainWriter{p.out}).Write(text.Bytes()); err != nil {
			return err
		}
		p.say("\ndossier %s  sha256 %s\nreport  %s", out, plan.Dossier, filepath.Join(out, report.HTMLName))
	}
	if err := p.sealPlan(ctx, out, plan, &o.seal, statement.ObservedHere); err != nil {
		return err
	}
	return failOnPlan(o.failOn, plan)
}

// reads lists what the child that evaluates must be able to read: the product and what its declaration names, not the folder around them, in
// which anything may lie. What is not there is left out: the child says so better.
func (e *evaluation) reads(r *evaluate.Release) []string {
	list := append([]string{e.Product, e.Declaration}, e.References...)
	for _, a := range r.Artifacts {
		list = append(list, a.Path)
	}
	schemes := e.Schemes
	if d := r.Declaration; d != nil {
		for _, x := range d.Documents {
			list = append(list, filepath.Join(r.Folder, filepath.FromSlash(x.Path)))
		}
		if len(schemes) == 0 {
			for _, s := range d.Schemes {
				if isPath(s) {
					list = append(list, filepath.Join(r.Folder, filepath.FromSlash(s)))
				}
			}
		}
	}
	for _, s := range schemes {
		if isPath(s) {
			list = append(list, s)
		}
	}
	there := map[string]bool{}
	var out []string
	for _, path := range list {
		abs, err := filepath.Abs(path)
		if path == "" || err != nil || there[abs] {
			continue
		}
		if _, err := os.Stat(abs); err == nil {
			there[abs] = true
			out = append(out, abs)
		}
	}
	return out
}

// apart wants that a lab's folder does not lie in what the child reads: its database is not for the eyes of a product.
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
	for _, path := range read {
		if rel, err := filepath.Rel(real(path), real(lab)); err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			return usage("move the lab's folder elsewhere", "the lab %q lies in the product %q, which is parsed without trust", lab, path)
		}
	}
	return nil
}
